/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts that people add, change and remove over the bus, and what others learn of it. */

#include "bus/fixture.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "data/names.h"
#include "fakes/log-catcher.h"

#define ROOT DFL_ROOT_PATH
#define ERROR(name) DFL_ERROR_PREFIX name
#define UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"

#define OWN DFL_ACTION_MANAGE_OWN_ACCOUNTS
#define ALL DFL_ACTION_MANAGE_ACCOUNTS

/* The least that an account needs. */
#define WORK "{'address': <'sip:work@example.org'>}"
#define SECRET "pa55-w0rd-that-nobody-sees"

/* Another uid that is in no audience. */
#define OUTSIDER 2

/* Three local users beside root; where the test does not run as root, none of them. */
typedef struct
{
  Fixture base;
  GDBusConnection *owner, *neighbour, *outsider;
} People;

/* --- Counting messages that are wiped (the linker lets this stand before the real one) --- */

static guint n_wiped;

int __real_sd_bus_message_sensitive (sd_bus_message *message);
int __wrap_sd_bus_message_sensitive (sd_bus_message *message);

int
__wrap_sd_bus_message_sensitive (sd_bus_message *message)
{
  n_wiped++;
  return __real_sd_bus_message_sensitive (message);
}

/* --- What uids are called (likewise) --- */

/* The bus lets nobody in whom it does not know, so these are users of the machine. */
#define NAMELESS 3
#define FALSE_ROOT 4

static gboolean root_is_renamed;

int __real_getpwuid_r (
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found);
int __wrap_getpwuid_r (
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found);

int
__wrap_getpwuid_r (
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
  if (uid != NAMELESS && uid != FALSE_ROOT && (uid != 0 || !root_is_renamed))
    return __real_getpwuid_r (uid, entry, buffer, size, found);
  memset (entry, 0, sizeof *entry);
  entry->pw_uid = uid;
  entry->pw_name = (char *)(uid == FALSE_ROOT ? "root" : "daemon");
  *found = uid == NAMELESS ? NULL : entry;
  return 0;
}

/* --- Set-up --- */

static const char *
get_name (guint32 uid)
{
  const struct passwd *entry = getpwuid (uid);

  g_assert_nonnull (entry);
  return g_intern_string (entry->pw_name);
}

static void
set_up (People *self, gconstpointer mode)
{
  fixture_set_up (&self->base, mode);
  if (getuid () != 0)
    return;
  self->owner = test_bus_connect_as (self->base.bus, STRANGER);
  self->neighbour = test_bus_connect_as (self->base.bus, NEIGHBOUR);
  self->outsider = test_bus_connect_as (self->base.bus, OUTSIDER);
}

static void
tear_down (People *self, gconstpointer mode)
{
  g_clear_object (&self->owner);
  g_clear_object (&self->neighbour);
  g_clear_object (&self->outsider);
  fixture_tear_down (&self->base, mode);
}

/* --- What people ask for --- */

static GVariant *
add_parameters (const char *name, const char *settings)
{
  return g_variant_new ("(s@a{sv})", name,
                        g_variant_new_parsed (settings[1] == '}' ? "@a{sv} {}" : settings));
}

static GVariant *
update_parameters (const char *settings)
{
  return g_variant_new ("(@a{sv})", g_variant_new_parsed (settings));
}

static GVariant *
enabled_parameters (gboolean enabled)
{
  return g_variant_new ("(ssv)", DFL_ACCOUNT_INTERFACE, "Enabled", g_variant_new_boolean (enabled));
}

static const char *
add (People *self, GDBusConnection *who, const char *name, const char *settings)
{
  g_autoptr (GVariant) reply = fixture_expect (&self->base, who, ROOT, "Manager.AddAccount",
                                               add_parameters (name, settings), NULL);
  const char *path;

  g_variant_get (reply, "(&o)", &path);
  g_assert_true (g_regex_match_simple ("^/org/deflectd1/account/[0-9a-f]{8}$", path, 0, 0));
  return g_intern_string (path);
}

static char *
fail_to_add (People *self,
             GDBusConnection *who,
             const char *name,
             const char *settings,
             const char *error_name)
{
  return fixture_expect_error (&self->base, who, ROOT, "Manager.AddAccount",
                               add_parameters (name, settings), error_name);
}

static void
update (People *self, GDBusConnection *who, const char *path, const char *settings)
{
  fixture_do (&self->base, who, path, "Account.Update", update_parameters (settings), "()");
}

static char *
fail_to_update (People *self,
                GDBusConnection *who,
                const char *path,
                const char *settings,
                const char *error_name)
{
  return fixture_expect_error (&self->base, who, path, "Account.Update",
                               update_parameters (settings), error_name);
}

static void
expect_property (People *self, const char *path, const char *property, const char *value)
{
  g_autofree char *text = fixture_get (&self->base, self->base.client, path, DFL_ACCOUNT_INTERFACE,
                                       property);

  g_assert_cmpstr (text, ==, value);
}

static const DflAccountSettings *
get_kept (People *self, const char *path)
{
  const DflAccountSettings *kept = dfl_fake_keeper_get_kept (self->base.keeper,
                                                             path
                                                                 + strlen (
                                                                     DFL_ACCOUNT_PATH_PREFIX));

  g_assert_nonnull (kept);
  return kept;
}

/* The oldest question to the authority was this one; NULL: it was asked nothing more. */
static void
expect_asked (People *self, const char *question)
{
  g_autofree char *asked = dfl_fake_authority_take (self->base.authority);

  g_assert_cmpstr (asked, ==, question);
}

static void
refuse_all (People *self)
{
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_REFUSED,
                                  DFL_AUTHORITY_REFUSED);
}

static void
run_until_asked (People *self, guint n)
{
  while (dfl_fake_authority_get_n_waiting (self->base.authority) < n)
    g_main_context_iteration (NULL, TRUE);
}

static void
run_until_saving (People *self, guint n)
{
  while (dfl_fake_keeper_get_n_waiting (self->base.keeper) < n)
    g_main_context_iteration (NULL, TRUE);
}

/* What core refuses it tells in another turn, by its clock. */
static void
wait_refused (People *self, Pending *pending)
{
  while (!pending->done)
    {
      dfl_fake_clock_advance (self->base.clock, 0);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_nonnull (pending->error);
}

static void
subscribe (People *self, GDBusConnection *connection)
{
  fixture_do (&self->base, connection, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);
}

/* --- Adding --- */

static void
test_add (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autofree char *users = g_strdup_printf ("['%s']", get_name (STRANGER));

  expect_asked (self, OWN " account=work");
  expect_asked (self, NULL);
  /* Seen from the moment of the reply on, without another try. */
  fixture_do (&self->base, self->owner, path, "Peer.Ping", NULL, "()");
  fixture_fail (&self->base, self->neighbour, path, "Peer.Ping", NULL, UNKNOWN_OBJECT);
  expect_property (self, path, "Name", "'work'");
  expect_property (self, path, "Address", "'sip:work@example.org'");
  expect_property (self, path, "Users", users);
  expect_property (self, path, "Enabled", "true");
  /* It would register, which is not built. */
  expect_property (self, path, "State", "'failed'");
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
  g_assert_cmpstr (get_kept (self, path)->creator, ==, get_name (STRANGER));
  g_assert_cmpint (get_kept (self, path)->created, >, 0);
}

static void
test_add_is_announced (People *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  g_autoptr (Log) neighbours_log = NULL;
  g_autofree char *added = NULL;

  subscribe (self, self->owner);
  subscribe (self, self->neighbour);
  log = log_new (self->owner);
  neighbours_log = log_new (self->neighbour);
  added = g_strconcat ("added ", add (self, self->owner, "work", WORK), NULL);
  fixture_settle (&self->base, self->owner);
  fixture_settle (&self->base, self->neighbour);
  log_expect (log, added);
  log_expect (log, "reply");
  log_expect (log, NULL);
  log_expect (neighbours_log, NULL);

  /* The next one finds the owner's name looked up already. */
  add (self, self->owner, "home", WORK);
  fixture_settle (&self->base, self->owner);
  log_expect (log, "added *");
  log_expect (log, "reply");
  log_expect (log, NULL);
}

static const struct
{
  const char *settings;
  const char *message; /* a pattern */
} bad_settings[] = {
  { "{'address': <5>}", "address: has type i, give it type s" },
  { "{'address': <true>}", "address: has type b, give it type s" },
  { "{'users': <'nobody'>}", "users: has type s, give it type as" },
  { "{'users': <[1]>}", "users: has type ai, give it type as" },
  { "{'enabled': <'true'>}", "enabled: has type s, give it type b" },
  { "{'ring-limit': <5>}", "ring-limit: has type i, give it type u" },
  { "{'ring-limit': <uint64 5>}", "ring-limit: has type t, give it type u" },
  { "{'accept-from': <'192.0.2.1'>}", "accept-from: has type s, give it type as" },
  { "{'nonsense': <'x'>}", "nonsense: there is no such key; leave it out" },
  { "{'Address': <'sip:a@b'>}", "settings: has a key that no account has; *" },
  { "{'': <'x'>}", "settings: has a key that no account has; *" },
  { "{'address\\n[targets]': <'x'>}", "settings: has a key that no account has; *" },
  { "{'name': <'other'>}", "name: there is no such key; *" },
  { "{'id': <'00000000'>}", "id: there is no such key; *" },
  { "{'creator': <'root'>}", "creator: there is no such key; *" },
  { "{'created': <'1'>}", "created: there is no such key; *" },
  { "{'password-file': <'/etc/shadow'>}", "password-file: names a file, *" },
  { "{'tls-ca-file': <'/etc/shadow'>}", "tls-ca-file: names a file, *" },
  { "{'display-name': <'a\\nusers=*'>}", "display-name: holds control characters; *" },
  { "{'display-name': <'a\\rb'>}", "display-name: holds control characters; *" },
  { "{'display-name': <'a\\u0085b'>}", "display-name: holds control characters; *" },
  { "{'display-name': <'a\\u202eb'>}", "display-name: holds control characters; *" },
  { "{'display-name': <' a'>}", "display-name: has white space around it; *" },
  { "{'password': <'a '>}", "password: has white space around it; *" },
  { "{'password': <'a\\nb'>}", "password: holds control characters; *" },
  { "{'users': <['nobody;daemon']>}", "users: has an item that is empty or holds a \";\"; *" },
  { "{'users': <['']>}", "users: has an item that is empty *" },
  { "{'users': <['a\\nb']>}", "users: holds control characters; *" },
  { "{'accept-from': <['192.0.2.1', '::/0;::/1']>}", "accept-from: has an item *" },
  { "{'display-name': <'a'>, 'display-name': <'b'>}", "display-name: stands twice; *" },
  { "{'ring-limit': <uint32 86401>}", "ring-limit: expected *" },
};

static void
test_bad_settings (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;

  expect_asked (self, OWN " account=work");
  subscribe (self, self->owner);
  log = log_new (self->owner);
  for (guint i = 0; i < G_N_ELEMENTS (bad_settings); i++)
    {
      g_autofree char *on_add = NULL;
      g_autofree char *on_update = NULL;

      on_add = fail_to_add (self, self->owner, "other", bad_settings[i].settings,
                            ERROR ("InvalidSettings"));
      on_update = fail_to_update (self, self->owner, path, bad_settings[i].settings,
                                  ERROR ("InvalidSettings"));
      g_test_message ("%s: %s", bad_settings[i].settings, on_add);
      g_assert_true (g_pattern_match_simple (bad_settings[i].message, on_add));
      g_assert_cmpstr (on_update, ==, on_add);
      log_expect (log, "error *");
      log_expect (log, "error *");
    }
  /* Nobody was asked for the administrator's password for nothing, and nothing has changed. */
  log_expect (log, NULL);
  expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
}

static void
test_bad_names (People *self, gconstpointer mode)
{
  static const char *const names[] = { "",
                                       "Work",
                                       "WORK",
                                       "1work",
                                       "../x",
                                       "wo rk",
                                       "wo\nrk",
                                       "work/x",
                                       "wörk",
                                       "work\u202e",
                                       "a123456789012345678901234567890123" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *message = fail_to_add (self, self->owner, names[i], WORK,
                                              ERROR ("InvalidSettings"));

      g_assert_true (g_str_has_prefix (message, "name: "));
    }
  expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

static void
test_too_much (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autofree char *long_text = g_strnfill (1025, 'x');
  g_autofree char *huge_text = g_strnfill (300 * 1024, 'x');
  g_autofree char *message = NULL;
  GVariantBuilder keys, items;

  g_variant_builder_init (&keys, G_VARIANT_TYPE ("a{sv}"));
  for (guint i = 0; i < 65; i++)
    g_variant_builder_add (&keys, "{sv}", "display-name", g_variant_new_string ("x"));
  message = fixture_expect_error (&self->base, self->owner, path, "Account.Update",
                                  g_variant_new ("(a{sv})", &keys), ERROR ("InvalidSettings"));
  g_assert_true (g_str_has_prefix (message, "settings: has too many keys"));

  g_variant_builder_init (&keys, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_init (&items, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < 257; i++)
    g_variant_builder_add (&items, "s", "x");
  g_variant_builder_add (&keys, "{sv}", "users", g_variant_builder_end (&items));
  fixture_fail (&self->base, self->owner, path, "Account.Update", g_variant_new ("(a{sv})", &keys),
                ERROR ("InvalidSettings"));

  g_variant_builder_init (&keys, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&keys, "{sv}", "display-name", g_variant_new_string (long_text));
  fixture_fail (&self->base, self->owner, path, "Account.Update", g_variant_new ("(a{sv})", &keys),
                ERROR ("InvalidSettings"));

  g_variant_builder_init (&keys, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&keys, "{sv}", "display-name", g_variant_new_string (huge_text));
  fixture_fail (&self->base, self->owner, path, "Account.Update", g_variant_new ("(a{sv})", &keys),
                ERROR ("LimitExceeded"));
}

/* Every key arrives at the keeper; an empty text takes it back. */
static void
test_values (People *self, gconstpointer mode)
{
  const char *path = add (self, self->base.client, "work",
                          "{'address': <'sip:work@example.org'>, 'display-name': <'Work; \\\\s'>,"
                          " 'users': <['nobody', 'daemon']>, 'enabled': <false>,"
                          " 'register': <false>, 'accept-from': <['192.0.2.1', '2001:db8::/32']>,"
                          " 'trusted': <true>, 'ring-limit': <uint32 30>, 'username': <'u'>,"
                          " 'registrar': <'r.example'>, 'outbound-proxy': <'p.example'>,"
                          " 'tls-verify': <false>, 'password': <'" SECRET "'>}");
  const DflAccountSettings *kept = get_kept (self, path);

  g_assert_cmpstr (kept->display_name, ==, "Work; \\s");
  g_assert_cmpuint (g_strv_length (kept->users), ==, 2);
  g_assert_cmpstr (kept->users[1], ==, "daemon");
  g_assert_false (kept->enabled);
  g_assert_false (kept->registers);
  g_assert_cmpuint (g_strv_length (kept->accept_from), ==, 2);
  g_assert_cmpstr (kept->accept_from[1], ==, "2001:db8::/32");
  g_assert_true (kept->trusted);
  g_assert_cmpuint (kept->ring_limit, ==, 30);
  g_assert_cmpstr (kept->username, ==, "u");
  g_assert_cmpstr (kept->registrar, ==, "r.example");
  g_assert_cmpstr (kept->outbound_proxy, ==, "p.example");
  g_assert_false (kept->tls_verify);
  g_assert_cmpstr (kept->password, ==, SECRET);

  update (self, self->base.client, path,
          "{'display-name': <''>, 'enabled': <''>, 'ring-limit': <''>, 'password': <''>,"
          " 'users': <@as []>, 'register': <true>, 'accept-from': <@as []>}");
  kept = get_kept (self, path);
  g_assert_cmpstr (kept->display_name, ==, "");
  g_assert_true (kept->enabled);
  g_assert_cmpuint (kept->ring_limit, ==, 120);
  g_assert_null (kept->password);
  g_assert_null (kept->users[0]);
  g_assert_cmpstr (kept->registrar, ==, "r.example");
}

/* --- Who may --- */

/* What takes an administrator, whoever asks. */
static const char *const big_steps[] = {
  "{'users': <['*']>}",
  "{'users': <['daemon']>}",
  "{'users': <['nobody', 'daemon']>}",
  "{'register': <false>, 'accept-from': <['192.0.2.1']>}",
  "{'tls-verify': <false>}",
  "{'registrar': <'127.0.0.1'>}",
  "{'registrar': <'[::1]:5070'>}",
  "{'outbound-proxy': <'localhost'>}",
  "{'outbound-proxy': <'169.254.1.1'>}",
  "{'address': <'sip:work@127.0.0.1'>}",
};

/* The same for a new account: settings and the least that one needs. */
static char *
with_address (const char *settings)
{
  if (strstr (settings, "'address'") != NULL)
    return g_strdup (settings);
  return g_strconcat ("{'address': <'sip:work@example.org'>, ", settings + 1, NULL);
}

static void
test_big_steps (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);

  expect_asked (self, OWN " account=work");
  refuse_all (self);
  for (guint i = 0; i < G_N_ELEMENTS (big_steps); i++)
    {
      g_autofree char *new = with_address (big_steps[i]);

      g_test_message ("%s", big_steps[i]);
      g_free (fail_to_update (self, self->owner, path, big_steps[i], ERROR ("NotAuthorized")));
      expect_asked (self, ALL " account=work");
      g_free (fail_to_add (self, self->owner, "other", new, ERROR ("NotAuthorized")));
      expect_asked (self, ALL " account=other");
      expect_asked (self, NULL);
    }
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
  expect_property (self, path, "Address", "'sip:work@example.org'");

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_GRANTED);
  for (guint i = 0; i < G_N_ELEMENTS (big_steps); i++)
    {
      g_autofree char *name = g_strdup_printf ("other%u", i);
      g_autofree char *new = with_address (big_steps[i]);

      add (self, self->owner, name, new);
      g_free (dfl_fake_authority_take (self->base.authority));
    }
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==,
                    1 + G_N_ELEMENTS (big_steps));
}

static void
test_refused (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;

  expect_asked (self, OWN " account=work");
  subscribe (self, self->base.client);
  log = log_new (self->base.client);
  refuse_all (self);
  g_free (fail_to_add (self, self->owner, "other", WORK, ERROR ("NotAuthorized")));
  g_free (
      fail_to_update (self, self->owner, path, "{'display-name': <'x'>}", ERROR ("NotAuthorized")));
  fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, ERROR ("NotAuthorized"));
  fixture_fail (&self->base, self->owner, path, "Account.SetTargets",
                g_variant_new_parsed ("([('a', 'A', 'sip:a@a')],)"), ERROR ("NotAuthorized"));
  fixture_fail (&self->base, self->owner, path, "Properties.Set", enabled_parameters (FALSE),
                ERROR ("NotAuthorized"));
  expect_asked (self, OWN " account=other");
  for (guint i = 0; i < 4; i++)
    expect_asked (self, OWN " account=work");
  expect_asked (self, NULL);

  fixture_settle (&self->base, self->base.client);
  log_expect (log, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
  g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->base.keeper), ==, 0);
}

static void
test_root_is_not_asked (People *self, gconstpointer mode)
{
  const char *path;

  refuse_all (self);
  path = add (self, self->base.client, "work", WORK);
  expect_property (self, path, "Users", "[]");
  for (guint i = 0; i < G_N_ELEMENTS (big_steps); i++)
    update (self, self->base.client, path, big_steps[i]);
  fixture_do (&self->base, self->base.client, path, "Properties.Set", enabled_parameters (FALSE),
              "()");
  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* Root is a uid and not a name. */
static void
test_renamed_root (People *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) root = NULL;
  const char *path;

  refuse_all (self);
  root_is_renamed = TRUE;
  root = test_bus_connect (self->base.bus);
  path = add (self, root, "work", WORK);
  g_assert_cmpstr (get_kept (self, path)->creator, ==, "root");
  root_is_renamed = FALSE;
  expect_asked (self, NULL);
  fixture_fail (&self->base, self->neighbour, path, "Peer.Ping", NULL, UNKNOWN_OBJECT);
}

/* Accounts belong to names: who has none, or one that is not believed, can have no account. */
static void
test_nameless (People *self, gconstpointer mode)
{
  static const guint32 strange[] = { NAMELESS, FALSE_ROOT };

  for (guint i = 0; i < G_N_ELEMENTS (strange); i++)
    {
      g_autoptr (GDBusConnection) nameless = test_bus_connect_as (self->base.bus, strange[i]);
      g_autofree char *message = fail_to_add (self, nameless, "work", WORK,
                                              ERROR ("NotAuthorized"));

      g_assert_nonnull (strstr (message, "no name"));
    }
  expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* Who sees an account only because everybody does is no owner of it. */
static void
test_everybody_is_no_owner (People *self, gconstpointer mode)
{
  const char *path = add (self, self->base.client, "shared",
                          "{'address': <'sip:s@example.org'>, 'users': <['*']>}");

  refuse_all (self);
  g_free (fail_to_update (self, self->outsider, path, "{'display-name': <'x'>}",
                          ERROR ("NotAuthorized")));
  fixture_fail (&self->base, self->outsider, path, "Account.Remove", NULL, ERROR ("NotAuthorized"));
  fixture_fail (&self->base, self->outsider, path, "Properties.Set", enabled_parameters (FALSE),
                ERROR ("NotAuthorized"));
  for (guint i = 0; i < 3; i++)
    expect_asked (self, ALL " account=shared");

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_GRANTED);
  update (self, self->outsider, path, "{'display-name': <'x'>}");
  expect_property (self, path, "DisplayName", "'x'");
  fixture_do (&self->base, self->outsider, path, "Account.Remove", NULL, "()");
  fixture_fail (&self->base, self->base.client, path, "Peer.Ping", NULL, UNKNOWN_OBJECT);
}

/* A member who did not create the account is an owner as well. */
static void
test_member (People *self, gconstpointer mode)
{
  const char *path = add (self, self->base.client, "shared",
                          "{'address': <'sip:s@example.org'>, 'users': <['nobody', 'daemon']>}");

  update (self, self->neighbour, path, "{'display-name': <'x'>}");
  expect_asked (self, OWN " account=shared");
  fixture_do (&self->base, self->neighbour, path, "Account.SetTargets",
              g_variant_new_parsed ("([('mobile', 'Mobile', 'sip:m@m')],)"), "()");
  expect_asked (self, OWN " account=shared");
  fixture_do (&self->base, self->neighbour, path, "Properties.Set", enabled_parameters (FALSE),
              "()");
  expect_asked (self, OWN " account=shared");
  expect_property (self, path, "Targets", "[('mobile', 'Mobile', 'sip:m@m')]");
  expect_property (self, path, "State", "'disabled'");
  fixture_do (&self->base, self->neighbour, path, "Account.Remove", NULL, "()");
  expect_asked (self, OWN " account=shared");
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* Nothing of another user's account is there, before anybody is asked and whatever is wrong. */
static void
test_stranger (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autofree char *gone = g_strdup (path);
  g_autoptr (Log) log = NULL;

  expect_asked (self, OWN " account=work");
  gone[strlen (gone) - 1] = gone[strlen (gone) - 1] == '0' ? '1' : '0';
  log = log_new (self->neighbour);
  for (guint i = 0; i < G_N_ELEMENTS (bad_settings); i++)
    {
      g_autoptr (GBytes) raw_hidden = NULL;
      g_autoptr (GBytes) raw_absent = NULL;

      g_free (
          fail_to_update (self, self->neighbour, path, bad_settings[i].settings, UNKNOWN_OBJECT));
      g_free (
          fail_to_update (self, self->neighbour, gone, bad_settings[i].settings, UNKNOWN_OBJECT));
      raw_hidden = log_take_raw (log);
      raw_absent = log_take_raw (log);
      g_assert_true (g_bytes_equal (raw_hidden, raw_absent));
    }
  g_free (fail_to_update (self, self->neighbour, path, WORK, UNKNOWN_OBJECT));
  fixture_fail (&self->base, self->neighbour, path, "Account.Remove", NULL, UNKNOWN_OBJECT);
  fixture_fail (&self->base, self->neighbour, path, "Account.SetTargets",
                g_variant_new_parsed ("(@a(sss) [],)"), UNKNOWN_OBJECT);
  fixture_fail (&self->base, self->neighbour, path, "Properties.Set", enabled_parameters (FALSE),
                UNKNOWN_OBJECT);
  expect_asked (self, NULL);
}

/* --- Accounts of the settings directory --- */

static void
test_read_only (People *self, gconstpointer mode)
{
  const char *path;
  GVariant *requests[4];
  static const char *const methods[] = { "Account.Update", "Account.Remove", "Account.SetTargets",
                                         "Properties.Set" };

  fixture_set_users (&self->base, "nobody", "");
  path = path_of_account (fixture_get_account (&self->base, "alice"));
  fixture_wait_seen (&self->base, self->owner, path);
  requests[0] = g_variant_ref_sink (update_parameters ("{'display-name': <'x'>}"));
  requests[1] = NULL;
  requests[2] = g_variant_ref_sink (g_variant_new_parsed ("(@a(sss) [],)"));
  requests[3] = g_variant_ref_sink (enabled_parameters (FALSE));
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autofree char *message = fixture_expect_error (&self->base, self->owner, path, methods[i],
                                                       requests[i], ERROR ("NotSupported"));
      g_autofree char *to_root = fixture_expect_error (&self->base, self->base.client, path,
                                                       methods[i], requests[i],
                                                       ERROR ("NotSupported"));

      g_assert_nonnull (strstr (message, "accounts.d/alice.conf"));
      g_assert_cmpstr (message, ==, to_root);
      fixture_fail (&self->base, self->neighbour, path, methods[i], requests[i], UNKNOWN_OBJECT);
      g_clear_pointer (&requests[i], g_variant_unref);
    }
  /* What cannot be is not asked for. */
  expect_asked (self, NULL);
  fixture_fail (&self->base, self->owner, path, "Account.Register", NULL, ERROR ("NotSupported"));
}

static void
test_register (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autofree char *message = fixture_expect_error (&self->base, self->owner, path,
                                                   "Account.Register", NULL,
                                                   ERROR ("NotSupported"));

  g_assert_nonnull (strstr (message, "register=false"));
}

/* --- Two users --- */

/* Nobody's names, addresses or limits are a reason to refuse somebody else. */
static void
test_same_name (People *self, gconstpointer mode)
{
  const char *first = add (self, self->owner, "work", WORK);
  const char *second;
  g_autofree char *taken = NULL;
  g_autofree char *taken_by_both = NULL;

  taken = fail_to_add (self, self->owner, "work", WORK, ERROR ("InvalidSettings"));
  second = add (self, self->neighbour, "work", WORK);
  g_assert_cmpstr (first, !=, second);
  taken_by_both = fail_to_add (self, self->owner, "work", WORK, ERROR ("InvalidSettings"));
  g_assert_cmpstr (taken, ==, taken_by_both);
  fixture_fail (&self->base, self->owner, second, "Peer.Ping", NULL, UNKNOWN_OBJECT);
  fixture_fail (&self->base, self->neighbour, first, "Peer.Ping", NULL, UNKNOWN_OBJECT);

  update (self, self->neighbour, second, "{'display-name': <'mine'>}");
  expect_property (self, first, "DisplayName", "''");
  fixture_do (&self->base, self->neighbour, second, "Account.Remove", NULL, "()");
  fixture_do (&self->base, self->owner, first, "Peer.Ping", NULL, "()");
}

/* The name of an account in the settings directory neither hides nor becomes a user's. */
static void
test_name_of_settings_directory (People *self, gconstpointer mode)
{
  const char *theirs = path_of_account (fixture_get_account (&self->base, "alice"));
  const char *path = add (self, self->owner, "alice", WORK);

  g_assert_cmpstr (path, !=, theirs);
  fixture_fail (&self->base, self->owner, theirs, "Peer.Ping", NULL, UNKNOWN_OBJECT);
  fixture_set_users (&self->base, NULL, "");
  fixture_do (&self->base, self->owner, path, "Peer.Ping", NULL, "()");
}

/* What one user does reaches nobody else: not one byte. */
static void
test_nothing_leaks (People *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  g_autoptr (Log) outside_log = NULL;
  const char *path;

  subscribe (self, self->neighbour);
  log = log_new (self->neighbour);
  outside_log = log_new (self->outsider);
  path = add (self, self->owner, "work", WORK);
  update (self, self->owner, path, "{'display-name': <'x'>, 'password': <'" SECRET "'>}");
  fixture_do (&self->base, self->owner, path, "Properties.Set", enabled_parameters (FALSE), "()");
  fixture_do (&self->base, self->owner, path, "Account.SetTargets",
              g_variant_new_parsed ("([('mobile', 'Mobile', 'sip:m@m')],)"), "()");
  fixture_do (&self->base, self->owner, path, "Account.Remove", NULL, "()");
  fixture_settle (&self->base, self->neighbour);
  fixture_settle (&self->base, self->outsider);
  log_expect (log, NULL);
  log_expect (outside_log, NULL);
}

static gboolean
holds (GBytes *bytes, const char *text)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);

  return memmem (data, size, text, strlen (text)) != NULL;
}

static void
test_password_is_write_only (People *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  g_autoptr (GPtrArray) lines = NULL;
  GBytes *bytes;
  const char *path;
  guint n = 0;

  subscribe (self, self->owner);
  log = log_new (self->owner);
  dfl_log_catcher_start ();
  n_wiped = 0;
  path = add (self, self->owner, "work",
              "{'address': <'sip:work@example.org'>, 'password': <'" SECRET "'>}");
  g_assert_cmpuint (n_wiped, >=, 1);
  g_assert_cmpstr (get_kept (self, path)->password, ==, SECRET);
  n_wiped = 0;
  update (self, self->owner, path, "{'password': <'" SECRET "2'>, 'display-name': <'shown'>}");
  g_assert_cmpuint (n_wiped, >=, 1);
  g_free (fail_to_update (self, self->owner, path,
                          "{'password': <'" SECRET "\\n'>, 'ring-limit': <uint32 1>}",
                          ERROR ("InvalidSettings")));
  g_free (fail_to_update (self, self->owner, path,
                          "{'password': <'" SECRET "'>, 'address': <'" SECRET "'>}",
                          ERROR ("InvalidSettings")));
  dfl_fake_keeper_set_failure (self->base.keeper, "The disk is full; make room");
  g_free (
      fail_to_update (self, self->owner, path, "{'password': <'" SECRET "3'>}", ERROR ("Failed")));
  fixture_do (&self->base, self->owner, path, "Properties.GetAll",
              g_variant_new ("(s)", DFL_ACCOUNT_INTERFACE), NULL);
  subscribe (self, self->owner);
  fixture_settle (&self->base, self->owner);
  lines = dfl_log_catcher_stop ();

  while ((bytes = log_take_raw (log)) != NULL)
    {
      n++;
      g_assert_false (holds (bytes, SECRET));
      g_bytes_unref (bytes);
    }
  g_assert_cmpuint (n, >=, 9);
  for (guint i = 0; i < lines->len; i++)
    g_assert_null (strstr (g_ptr_array_index (lines, i), SECRET));
}

/* --- Keeping --- */

static void
test_save_fails (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autofree char *message = NULL;

  subscribe (self, self->owner);
  log = log_new (self->owner);
  dfl_fake_keeper_set_failure (self->base.keeper, "The disk is full; make room");
  message = fail_to_add (self, self->owner, "other", WORK, ERROR ("Failed"));
  g_assert_cmpstr (message, ==, "The disk is full; make room");
  g_free (fail_to_update (self, self->owner, path, "{'display-name': <'x'>}", ERROR ("Failed")));
  fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, ERROR ("Failed"));
  fixture_fail (&self->base, self->owner, path, "Properties.Set", enabled_parameters (FALSE),
                ERROR ("Failed"));
  fixture_settle (&self->base, self->owner);
  for (guint i = 0; i < 4; i++)
    log_expect (log, "error *");
  log_expect (log, NULL);
  expect_property (self, path, "DisplayName", "''");
  expect_property (self, path, "Enabled", "true");

  dfl_fake_keeper_set_failure (self->base.keeper, NULL);
  update (self, self->owner, path, "{'display-name': <'x'>}");
  expect_property (self, path, "DisplayName", "'x'");
  add (self, self->owner, "other", WORK);
}

/* Nothing is in force, or answered, before it is kept. */
static void
test_kept_first (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autoptr (Pending) pending = NULL;

  subscribe (self, self->owner);
  log = log_new (self->owner);
  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  pending = fixture_start (&self->base, self->owner, path, "Account.Update",
                           update_parameters ("{'display-name': <'x'>}"));
  run_until_saving (self, 1);
  fixture_settle (&self->base, self->owner);
  log_expect (log, NULL);
  g_assert_false (pending->done);
  expect_property (self, path, "DisplayName", "''");
  g_assert_true (dfl_fake_keeper_release (self->base.keeper));
  pending_wait (pending);
  g_assert_no_error (pending->error);
  log_expect (log, "changed *DisplayName=x*");
  log_expect (log, "reply");
  log_expect (log, NULL);
}

static void
test_one_after_another (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Pending) first = NULL;
  g_autoptr (Pending) second = NULL;
  g_autoptr (Pending) third = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  first = fixture_start (&self->base, self->owner, path, "Account.Update",
                         update_parameters ("{'display-name': <'one'>}"));
  second = fixture_start (&self->base, self->base.client, path, "Account.Update",
                          update_parameters ("{'ring-limit': <uint32 7>}"));
  third = fixture_start (&self->base, self->owner, path, "Properties.Set",
                         enabled_parameters (FALSE));
  run_until_saving (self, 1);
  fixture_settle (&self->base, self->base.client);
  g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->base.keeper), ==, 1);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  pending_wait (first);
  pending_wait (second);
  pending_wait (third);
  g_assert_no_error (first->error);
  g_assert_no_error (second->error);
  g_assert_no_error (third->error);
  g_assert_cmpstr (get_kept (self, path)->display_name, ==, "one");
  g_assert_cmpuint (get_kept (self, path)->ring_limit, ==, 7);
  g_assert_false (get_kept (self, path)->enabled);
}

/* Whoever removes it wins; what waited for its turn hears that it is gone. */
static void
test_removed_while_waiting (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Pending) removal = NULL;
  g_autoptr (Pending) change = NULL;
  g_autoptr (Pending) again = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  removal = fixture_start (&self->base, self->base.client, path, "Account.Remove", NULL);
  run_until_saving (self, 1);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          update_parameters ("{'display-name': <'x'>}"));
  again = fixture_start (&self->base, self->owner, path, "Account.Remove", NULL);
  fixture_settle (&self->base, self->owner);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  pending_wait (removal);
  wait_refused (self, change);
  wait_refused (self, again);
  g_assert_no_error (removal->error);
  g_assert_nonnull (strstr (change->error->message, ERROR ("Failed")));
  g_assert_nonnull (strstr (again->error->message, ERROR ("Failed")));
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* --- While somebody is asked --- */

static void
test_removed_while_asked (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          update_parameters ("{'display-name': <'x'>}"));
  run_until_asked (self, 1);
  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (change);
  g_assert_nonnull (strstr (change->error->message, "UnknownObject"));
}

/* Who owned it when asked and does not when it was granted has been granted nothing. */
static void
test_taken_away_while_asked (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;
  g_autoptr (Pending) removal = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          update_parameters ("{'display-name': <'x'>}"));
  removal = fixture_start (&self->base, self->owner, path, "Account.Remove", NULL);
  run_until_asked (self, 2);
  update (self, self->base.client, path, "{'users': <['*']>}");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (change);
  pending_wait (removal);
  g_assert_nonnull (strstr (change->error->message, ERROR ("NotAuthorized")));
  g_assert_nonnull (strstr (removal->error->message, ERROR ("NotAuthorized")));
  expect_property (self, path, "DisplayName", "''");
}

/* The step became one for the administrator. */
static void
test_harder_while_asked (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          update_parameters ("{'address': <'sip:else@example.org'>}"));
  run_until_asked (self, 1);
  update (self, self->base.client, path,
          "{'register': <false>, 'accept-from': <['192.0.2.1']>, 'users': <['nobody']>}");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (change);
  g_assert_nonnull (strstr (change->error->message, ERROR ("NotAuthorized")));
  expect_property (self, path, "Address", "'sip:work@example.org'");
}

/* The same while it waits for its turn to be kept. */
static void
test_harder_while_waiting (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Pending) harder = NULL;
  g_autoptr (Pending) change = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  harder = fixture_start (&self->base, self->base.client, path, "Account.Update",
                          update_parameters ("{'register': <false>,"
                                             " 'accept-from': <['192.0.2.1']>}"));
  run_until_saving (self, 1);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          update_parameters ("{'address': <'sip:else@example.org'>}"));
  fixture_settle (&self->base, self->owner);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  pending_wait (harder);
  g_assert_no_error (harder->error);
  wait_refused (self, change);
  g_assert_nonnull (strstr (change->error->message, ERROR ("NotAuthorized")));
  expect_property (self, path, "Address", "'sip:work@example.org'");
}

static void
test_vanishes_while_asked (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Pending) change = NULL;

  dfl_fake_authority_hold (self->base.authority);
  change = fixture_start (&self->base, self->owner, path, "Account.Update",
                          update_parameters ("{'display-name': <'x'>}"));
  run_until_asked (self, 1);
  g_dbus_connection_close_sync (self->owner, NULL, NULL);
  while (dfl_fake_authority_get_n_waiting (self->base.authority) > 0)
    g_main_context_iteration (NULL, TRUE);
  dfl_fake_authority_release (self->base.authority);
  fixture_settle (&self->base, self->base.client);
  expect_property (self, path, "DisplayName", "''");
}

/* --- Nobody waits for the answer any more --- */

static void
test_vanishes_while_saving (People *self, gconstpointer mode)
{
  g_autoptr (Pending) addition = NULL;

  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  addition = fixture_start (&self->base, self->owner, ROOT, "Manager.AddAccount",
                            add_parameters ("work", WORK));
  run_until_saving (self, 1);
  g_dbus_connection_close_sync (self->owner, NULL, NULL);
  pending_wait (addition);
  fixture_settle (&self->base, self->base.client);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  while (dfl_fake_keeper_get_n_kept (self->base.keeper) == 0)
    g_main_context_iteration (NULL, TRUE);
  fixture_settle (&self->base, self->base.client);
}

/* Every request is answered once, and what is kept later does no harm. */
static void
test_closes_while_saving (People *self, gconstpointer mode)
{
  const char *path = add (self, self->base.client, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autoptr (Pending) addition = NULL;
  g_autoptr (Pending) change = NULL;

  log = log_new (self->base.other);
  dfl_fake_keeper_set_held (self->base.keeper, TRUE);
  addition = fixture_start (&self->base, self->base.other, ROOT, "Manager.AddAccount",
                            add_parameters ("home", WORK));
  change = fixture_start (&self->base, self->base.other, path, "Account.Update",
                          update_parameters ("{'display-name': <'x'>}"));
  run_until_saving (self, 1);
  fixture_settle (&self->base, self->base.other);
  dfl_service_close (self->base.service);
  pending_wait (addition);
  pending_wait (change);
  g_assert_nonnull (strstr (addition->error->message, ERROR ("Failed")));
  g_assert_nonnull (strstr (change->error->message, ERROR ("Failed")));
  g_clear_object (&self->base.service);
  dfl_fake_keeper_set_held (self->base.keeper, FALSE);
  while (dfl_fake_keeper_get_n_kept (self->base.keeper) < 2)
    g_main_context_iteration (NULL, TRUE);
  log_expect (log, "error *");
  log_expect (log, "error *");
  log_expect (log, NULL);
}

/* --- Limits, and giving away --- */

static void
test_limit_of_one (People *self, gconstpointer mode)
{
  g_autofree char *message = NULL;

  for (guint i = 0; i < 32; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      add (self, self->owner, name, WORK);
      g_free (dfl_fake_authority_take (self->base.authority));
    }
  message = fail_to_add (self, self->owner, "more", WORK, ERROR ("LimitExceeded"));
  g_assert_nonnull (strstr (message, "32"));
  expect_asked (self, NULL);
  /* What one has used up is no other's. */
  add (self, self->neighbour, "more", WORK);
}

static void
test_gives_away (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autofree char *removed = g_strconcat ("removed ", path, NULL);

  subscribe (self, self->owner);
  log = log_new (self->owner);
  update (self, self->owner, path, "{'users': <['daemon']>}");
  log_expect (log, removed);
  log_expect (log, "reply");
  log_expect (log, NULL);
  fixture_wait_seen (&self->base, self->neighbour, path);
  fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, UNKNOWN_OBJECT);
  /* The name stays used by who has added it. */
  g_free (fail_to_add (self, self->owner, "work", WORK, ERROR ("InvalidSettings")));
  add (self, self->neighbour, "work", WORK);
}

/* --- Enabled, targets --- */

static void
test_enabled (People *self, gconstpointer mode)
{
  const char *path = add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;

  subscribe (self, self->owner);
  log = log_new (self->owner);
  fixture_do (&self->base, self->owner, path, "Properties.Set", enabled_parameters (FALSE), "()");
  log_expect (log, "changed *Enabled=false State=disabled*");
  log_expect (log, "reply");
  /* What is so already is no error. */
  fixture_do (&self->base, self->owner, path, "Properties.Set", enabled_parameters (FALSE), "()");
  fixture_do (&self->base, self->owner, path, "Properties.Set", enabled_parameters (TRUE), "()");
  expect_property (self, path, "Enabled", "true");
  fixture_fail (&self->base, self->owner, path, "Properties.Set",
                g_variant_new_parsed ("('org.deflectd1.Account', 'Enabled', <'yes'>)"),
                "org.freedesktop.DBus.Error.InvalidArgs");
  fixture_fail (&self->base, self->owner, path, "Properties.Set",
                g_variant_new_parsed ("('org.deflectd1.Account', 'Users', <['*']>)"),
                "org.freedesktop.DBus.Error.PropertyReadOnly");
  fixture_fail (&self->base, self->owner, ROOT, "Properties.Set",
                g_variant_new_parsed ("('org.deflectd1.Manager', 'Version', <'1'>)"),
                "org.freedesktop.DBus.Error.PropertyReadOnly");
}

static void
test_targets (People *self, gconstpointer mode)
{
  static const char *const bad[] = {
    "([('a', 'A', 'sip:a@a'), ('a', 'B', 'sip:b@b')],)",
    "([('a', 'A;B', 'sip:a@a')],)",
    "([('a', 'A\\nb=c', 'sip:a@a')],)",
    "([('a\\n', 'A', 'sip:a@a')],)",
    "([('a', 'A', 'sip:a@a\\r\\nContact: x')],)",
  };
  const char *path = add (self, self->owner, "work", WORK);
  GVariantBuilder many;

  fixture_do (&self->base, self->owner, path, "Account.SetTargets",
              g_variant_new_parsed ("([('mobile', 'My mobile', 'sip:m@m'),"
                                    " ('desk', 'Desk', '+4930123')],)"),
              "()");
  expect_property (self, path, "Targets",
                   "[('mobile', 'My mobile', 'sip:m@m'), ('desk', 'Desk', '+4930123')]");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *message = fixture_expect_error (&self->base, self->owner, path,
                                                       "Account.SetTargets",
                                                       g_variant_new_parsed (bad[i]),
                                                       ERROR ("InvalidSettings"));

      g_assert_true (g_str_has_prefix (message, "targets: "));
    }
  g_variant_builder_init (&many, G_VARIANT_TYPE ("a(sss)"));
  for (guint i = 0; i < 101; i++)
    {
      g_autofree char *alias = g_strdup_printf ("a%u", i);

      g_variant_builder_add (&many, "(sss)", alias, "A", "sip:a@a");
    }
  fixture_fail (&self->base, self->owner, path, "Account.SetTargets",
                g_variant_new ("(a(sss))", &many), ERROR ("InvalidSettings"));
  /* An update of something else leaves them alone; an empty list takes them away. */
  update (self, self->owner, path, "{'display-name': <'x'>}");
  g_assert_cmpuint (get_kept (self, path)->targets->len, ==, 2);
  fixture_do (&self->base, self->owner, path, "Account.SetTargets",
              g_variant_new_parsed ("(@a(sss) [],)"), "()");
  expect_property (self, path, "Targets", "[]");
}

static void
test_features (People *self, gconstpointer mode)
{
  g_autofree char *features = fixture_get (&self->base, self->base.client, ROOT,
                                           DFL_MANAGER_INTERFACE, "Features");

  g_assert_nonnull (strstr (features, "'account-management'"));
}

/* --- A bus of one user --- */

static void
test_session (People *self, gconstpointer mode)
{
  const char *path;

  refuse_all (self);
  path = add (self, self->base.client, "work", WORK);
  expect_property (self, path, "Users", "[]");
  for (guint i = 3; i < G_N_ELEMENTS (big_steps); i++)
    update (self, self->base.client, path, big_steps[i]);
  fixture_do (&self->base, self->base.client, path, "Properties.Set", enabled_parameters (FALSE),
              "()");
  g_free (fail_to_add (self, self->base.client, "work", WORK, ERROR ("InvalidSettings")));
  if (self->owner != NULL)
    {
      g_free (fail_to_add (self, self->owner, "home", WORK, ERROR ("NotAuthorized")));
      fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, UNKNOWN_OBJECT);
    }
  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

int
main (int argc, char *argv[])
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/bus/manage/session", People, FIXTURE_SESSION, set_up, test_session, tear_down);
  g_test_add ("/bus/manage/features", People, FIXTURE_SYSTEM, set_up, test_features, tear_down);
  /* Only root can be several users. */
  if (getuid () != 0)
    return g_test_run ();

#define ADD(path, function)                                                                        \
  g_test_add ("/bus/manage/" path, People, FIXTURE_SYSTEM, set_up, function, tear_down)
  ADD ("add", test_add);
  ADD ("add-is-announced", test_add_is_announced);
  ADD ("bad-settings", test_bad_settings);
  ADD ("bad-names", test_bad_names);
  ADD ("too-much", test_too_much);
  ADD ("values", test_values);
  ADD ("big-steps", test_big_steps);
  ADD ("refused", test_refused);
  ADD ("root-is-not-asked", test_root_is_not_asked);
  ADD ("renamed-root", test_renamed_root);
  ADD ("nameless", test_nameless);
  ADD ("everybody-is-no-owner", test_everybody_is_no_owner);
  ADD ("member", test_member);
  ADD ("stranger", test_stranger);
  ADD ("read-only", test_read_only);
  ADD ("register", test_register);
  ADD ("same-name", test_same_name);
  ADD ("name-of-settings-directory", test_name_of_settings_directory);
  ADD ("nothing-leaks", test_nothing_leaks);
  ADD ("password-is-write-only", test_password_is_write_only);
  ADD ("save-fails", test_save_fails);
  ADD ("kept-first", test_kept_first);
  ADD ("one-after-another", test_one_after_another);
  ADD ("removed-while-waiting", test_removed_while_waiting);
  ADD ("removed-while-asked", test_removed_while_asked);
  ADD ("taken-away-while-asked", test_taken_away_while_asked);
  ADD ("harder-while-asked", test_harder_while_asked);
  ADD ("harder-while-waiting", test_harder_while_waiting);
  ADD ("vanishes-while-asked", test_vanishes_while_asked);
  ADD ("vanishes-while-saving", test_vanishes_while_saving);
  ADD ("closes-while-saving", test_closes_while_saving);
  ADD ("limit-of-one", test_limit_of_one);
  ADD ("gives-away", test_gives_away);
  ADD ("enabled", test_enabled);
  ADD ("targets", test_targets);
#undef ADD
  return g_test_run ();
}
