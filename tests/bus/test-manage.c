/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What people add, change and remove over the bus. */

#include "bus/people.h"

#include <string.h>
#include <unistd.h>

#include "fakes/log-catcher.h"

#define SECRET "pa55-w0rd-that-nobody-sees"

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

/* --- Adding --- */

static void
test_add (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autofree char *users = g_strdup_printf ("['%s']", people_get_name (STRANGER));

  people_expect_asked (self, OWN " * account=work *");
  people_expect_asked (self, NULL);
  /* Seen from the moment of the reply on, without another try. */
  fixture_do (&self->base, self->owner, path, "Peer.Ping", NULL, "()");
  fixture_fail (&self->base, self->neighbour, path, "Peer.Ping", NULL, UNKNOWN_OBJECT);
  people_expect_property (self, path, "Name", "'work'");
  people_expect_property (self, path, "Address", "'sip:work@example.org'");
  people_expect_property (self, path, "Users", users);
  people_expect_property (self, path, "Enabled", "true");
  people_expect_property (self, path, "State", "'connecting'");
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
  g_assert_cmpstr (people_get_kept (self, path)->creator, ==, people_get_name (STRANGER));
  g_assert_cmpint (people_get_kept (self, path)->created, >, 0);
}

static void
test_add_is_announced (People *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  g_autoptr (Log) neighbours_log = NULL;
  g_autofree char *added = NULL;

  people_subscribe (self, self->owner);
  people_subscribe (self, self->neighbour);
  log = log_new (self->owner);
  neighbours_log = log_new (self->neighbour);
  added = g_strconcat ("added ", people_add (self, self->owner, "work", WORK), NULL);
  fixture_settle (&self->base, self->owner);
  fixture_settle (&self->base, self->neighbour);
  log_expect (log, added);
  log_expect (log, "reply");
  log_expect (log, NULL);
  log_expect (neighbours_log, NULL);

  /* The next one finds the owner's name looked up already. */
  people_add (self, self->owner, "home", WORK);
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
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;

  people_expect_asked (self, OWN " * account=work *");
  people_subscribe (self, self->owner);
  log = log_new (self->owner);
  for (guint i = 0; i < G_N_ELEMENTS (bad_settings); i++)
    {
      g_autofree char *on_add = NULL;
      g_autofree char *on_update = NULL;

      on_add = people_fail_to_add (self, self->owner, "other", bad_settings[i].settings,
                                   ERROR ("InvalidSettings"));
      on_update = people_fail_to_update (self, self->owner, path, bad_settings[i].settings,
                                         ERROR ("InvalidSettings"));
      g_test_message ("%s: %s", bad_settings[i].settings, on_add);
      g_assert_true (g_pattern_match_simple (bad_settings[i].message, on_add));
      g_assert_cmpstr (on_update, ==, on_add);
      log_expect (log, "error *");
      log_expect (log, "error *");
    }
  /* Nobody was asked for the administrator's password for nothing, and nothing has changed. */
  log_expect (log, NULL);
  people_expect_asked (self, NULL);
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
      g_autofree char *message = people_fail_to_add (self, self->owner, names[i], WORK,
                                                     ERROR ("InvalidSettings"));

      g_assert_true (g_str_has_prefix (message, "name: "));
    }
  people_expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

static void
test_too_much (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
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
  const char *path
      = people_add (self, self->base.client, "work",
                    "{'address': <'sip:work@example.org'>, 'display-name': <'Work; \\\\s'>,"
                    " 'users': <['nobody', 'daemon']>, 'enabled': <false>,"
                    " 'register': <false>, 'accept-from': <['192.0.2.1', '2001:db8::/32']>,"
                    " 'trusted': <true>, 'ring-limit': <uint32 30>, 'username': <'u'>,"
                    " 'registrar': <'r.example'>, 'outbound-proxy': <'p.example'>,"
                    " 'tls-verify': <false>, 'password': <'" SECRET "'>}");
  const DflAccountSettings *kept = people_get_kept (self, path);

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

  people_update (self, self->base.client, path,
                 "{'display-name': <''>, 'enabled': <''>, 'ring-limit': <''>, 'password': <''>,"
                 " 'users': <@as []>, 'register': <true>, 'accept-from': <@as []>}");
  kept = people_get_kept (self, path);
  g_assert_cmpstr (kept->display_name, ==, "");
  g_assert_true (kept->enabled);
  g_assert_cmpuint (kept->ring_limit, ==, 120);
  g_assert_null (kept->password);
  g_assert_null (kept->users[0]);
  g_assert_cmpstr (kept->registrar, ==, "r.example");
}

/* --- The password --- */

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

  people_subscribe (self, self->owner);
  log = log_new (self->owner);
  dfl_log_catcher_start ();
  n_wiped = 0;
  path = people_add (self, self->owner, "work",
                     "{'address': <'sip:work@example.org'>, 'password': <'" SECRET "'>}");
  g_assert_cmpuint (n_wiped, >=, 1);
  g_assert_cmpstr (people_get_kept (self, path)->password, ==, SECRET);
  n_wiped = 0;
  people_update (self, self->owner, path,
                 "{'password': <'" SECRET "2'>, 'display-name': <'shown'>}");
  g_assert_cmpuint (n_wiped, >=, 1);
  g_free (people_fail_to_update (self, self->owner, path,
                                 "{'password': <'" SECRET "\\n'>, 'ring-limit': <uint32 1>}",
                                 ERROR ("InvalidSettings")));
  g_free (people_fail_to_update (self, self->owner, path,
                                 "{'password': <'" SECRET "'>, 'address': <'" SECRET "'>}",
                                 ERROR ("InvalidSettings")));
  dfl_fake_keeper_set_failure (self->base.keeper, "The disk is full; make room");
  g_free (people_fail_to_update (self, self->owner, path, "{'password': <'" SECRET "3'>}",
                                 ERROR ("Failed")));
  fixture_do (&self->base, self->owner, path, "Properties.GetAll",
              g_variant_new ("(s)", DFL_ACCOUNT_INTERFACE), NULL);
  people_subscribe (self, self->owner);
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
  requests[0] = g_variant_ref_sink (people_update_parameters ("{'display-name': <'x'>}"));
  requests[1] = NULL;
  requests[2] = g_variant_ref_sink (g_variant_new_parsed ("(@a(sss) [],)"));
  requests[3] = g_variant_ref_sink (people_enabled_parameters (FALSE));
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
  people_expect_asked (self, NULL);
  fixture_fail (&self->base, self->owner, path, "Account.Register", NULL, ERROR ("NotSupported"));
}

/* --- Enabled, targets --- */

static void
test_enabled (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;

  people_subscribe (self, self->owner);
  log = log_new (self->owner);
  fixture_do (&self->base, self->owner, path, "Properties.Set", people_enabled_parameters (FALSE),
              "()");
  log_expect (log, "changed *Enabled=false State=disabled*");
  log_expect (log, "reply");
  /* What is so already is no error. */
  fixture_do (&self->base, self->owner, path, "Properties.Set", people_enabled_parameters (FALSE),
              "()");
  fixture_do (&self->base, self->owner, path, "Properties.Set", people_enabled_parameters (TRUE),
              "()");
  people_expect_property (self, path, "Enabled", "true");
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
  const char *path = people_add (self, self->owner, "work", WORK);
  GVariantBuilder many;

  fixture_do (&self->base, self->owner, path, "Account.SetTargets",
              g_variant_new_parsed ("([('mobile', 'My mobile', 'sip:m@m'),"
                                    " ('desk', 'Desk', '+4930123')],)"),
              "()");
  people_expect_property (self, path, "Targets",
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
  people_update (self, self->owner, path, "{'display-name': <'x'>}");
  g_assert_cmpuint (people_get_kept (self, path)->targets->len, ==, 2);
  fixture_do (&self->base, self->owner, path, "Account.SetTargets",
              g_variant_new_parsed ("(@a(sss) [],)"), "()");
  people_expect_property (self, path, "Targets", "[]");
}

static void
test_features (People *self, gconstpointer mode)
{
  g_autofree char *features = fixture_get (&self->base, self->base.client, ROOT,
                                           DFL_MANAGER_INTERFACE, "Features");

  g_assert_nonnull (strstr (features, "'account-management'"));
}

int
main (int argc, char *argv[])
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/bus/manage/features", People, FIXTURE_SYSTEM, people_set_up, test_features,
              people_tear_down);
  /* Only root can be several users. */
  if (getuid () != 0)
    return g_test_run ();

  PEOPLE_ADD ("/bus/manage/add", test_add);
  PEOPLE_ADD ("/bus/manage/add-is-announced", test_add_is_announced);
  PEOPLE_ADD ("/bus/manage/bad-settings", test_bad_settings);
  PEOPLE_ADD ("/bus/manage/bad-names", test_bad_names);
  PEOPLE_ADD ("/bus/manage/too-much", test_too_much);
  PEOPLE_ADD ("/bus/manage/values", test_values);
  PEOPLE_ADD ("/bus/manage/password-is-write-only", test_password_is_write_only);
  PEOPLE_ADD ("/bus/manage/read-only", test_read_only);
  PEOPLE_ADD ("/bus/manage/enabled", test_enabled);
  PEOPLE_ADD ("/bus/manage/targets", test_targets);
  return g_test_run ();
}
