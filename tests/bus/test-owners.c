/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may do what with which accounts, and that nobody learns of another's. */

#include "bus/people.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* --- What uids are called (the linker lets this stand before the real one) --- */

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
  const char *path = people_add (self, self->owner, "work", WORK);

  people_expect_asked (self, OWN " * account=work *");
  people_refuse_all (self);
  for (guint i = 0; i < G_N_ELEMENTS (big_steps); i++)
    {
      g_autofree char *new = with_address (big_steps[i]);

      g_test_message ("%s", big_steps[i]);
      g_free (
          people_fail_to_update (self, self->owner, path, big_steps[i], ERROR ("NotAuthorized")));
      people_expect_asked (self, ALL " * account=work *");
      g_free (people_fail_to_add (self, self->owner, "other", new, ERROR ("NotAuthorized")));
      people_expect_asked (self, ALL " * account=other *");
      people_expect_asked (self, NULL);
    }
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
  people_expect_property (self, path, "Address", "'sip:work@example.org'");

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_GRANTED);
  for (guint i = 0; i < G_N_ELEMENTS (big_steps); i++)
    {
      g_autofree char *name = g_strdup_printf ("other%u", i);
      g_autofree char *new = with_address (big_steps[i]);

      people_add (self, self->owner, name, new);
      g_free (dfl_fake_authority_take (self->base.authority));
    }
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==,
                    1 + G_N_ELEMENTS (big_steps));
}

static void
test_refused (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;

  people_expect_asked (self, OWN " * account=work *");
  people_subscribe (self, self->base.client);
  log = log_new (self->base.client);
  people_refuse_all (self);
  g_free (people_fail_to_add (self, self->owner, "other", WORK, ERROR ("NotAuthorized")));
  g_free (people_fail_to_update (self, self->owner, path, "{'display-name': <'x'>}",
                                 ERROR ("NotAuthorized")));
  fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, ERROR ("NotAuthorized"));
  fixture_fail (&self->base, self->owner, path, "Account.SetTargets",
                g_variant_new_parsed ("([('a', 'A', 'sip:a@a')],)"), ERROR ("NotAuthorized"));
  fixture_fail (&self->base, self->owner, path, "Properties.Set", people_enabled_parameters (FALSE),
                ERROR ("NotAuthorized"));
  people_expect_asked (self, OWN " * account=other *");
  for (guint i = 0; i < 4; i++)
    people_expect_asked (self, OWN " * account=work *");
  people_expect_asked (self, NULL);

  fixture_settle (&self->base, self->base.client);
  log_expect (log, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 1);
  g_assert_cmpuint (dfl_fake_keeper_get_n_waiting (self->base.keeper), ==, 0);
}

static void
test_root_is_not_asked (People *self, gconstpointer mode)
{
  const char *path;

  people_refuse_all (self);
  path = people_add (self, self->base.client, "work", WORK);
  people_expect_property (self, path, "Users", "[]");
  for (guint i = 0; i < G_N_ELEMENTS (big_steps); i++)
    people_update (self, self->base.client, path, big_steps[i]);
  fixture_do (&self->base, self->base.client, path, "Properties.Set",
              people_enabled_parameters (FALSE), "()");
  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  people_expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* Root is a uid and not a name. */
static void
test_renamed_root (People *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) root = NULL;
  const char *path;

  people_refuse_all (self);
  root_is_renamed = TRUE;
  root = test_bus_connect (self->base.bus);
  path = people_add (self, root, "work", WORK);
  g_assert_cmpstr (people_get_kept (self, path)->creator, ==, "root");
  root_is_renamed = FALSE;
  people_expect_asked (self, NULL);
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
      g_autofree char *message = people_fail_to_add (self, nameless, "work", WORK,
                                                     ERROR ("NotAuthorized"));

      g_assert_nonnull (strstr (message, "no name"));
    }
  people_expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* Who sees an account only because everybody does is no owner of it. */
static void
test_everybody_is_no_owner (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->base.client, "shared",
                                 "{'address': <'sip:s@example.org'>, 'users': <['*']>}");

  people_refuse_all (self);
  g_free (people_fail_to_update (self, self->outsider, path, "{'display-name': <'x'>}",
                                 ERROR ("NotAuthorized")));
  fixture_fail (&self->base, self->outsider, path, "Account.Remove", NULL, ERROR ("NotAuthorized"));
  fixture_fail (&self->base, self->outsider, path, "Properties.Set",
                people_enabled_parameters (FALSE), ERROR ("NotAuthorized"));
  for (guint i = 0; i < 3; i++)
    people_expect_asked (self, ALL " * account=shared *");

  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_GRANTED);
  people_update (self, self->outsider, path, "{'display-name': <'x'>}");
  people_expect_property (self, path, "DisplayName", "'x'");
  fixture_do (&self->base, self->outsider, path, "Account.Remove", NULL, "()");
  fixture_fail (&self->base, self->base.client, path, "Peer.Ping", NULL, UNKNOWN_OBJECT);
}

/* --- What is told and asked of whom --- */

#define ID "????????"

/* What polkit's rules and dialogs hear. */
static void
test_details (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);

  people_expect_asked (self, OWN " method=add id= account=work creator=nobody"
                                 " address=sip:work@example.org users=nobody target= number=");
  people_update (self, self->owner, path,
                 "{'address': <'sip:new@example.org'>, 'users': <['nobody', 'daemon']>}");
  people_expect_asked (self, ALL " method=update id=" ID " account=work creator=nobody"
                                 " address=sip:new@example.org users=nobody;daemon"
                                 " target= number=");
  fixture_do (&self->base, self->neighbour, path, "Account.SetTargets",
              g_variant_new_parsed ("([('a', 'A', 'sip:a@a')],)"), "()");
  people_expect_asked (self, OWN " method=update id=" ID " account=work creator=nobody"
                                 " address=sip:new@example.org users=nobody;daemon"
                                 " target= number=");
  fixture_do (&self->base, self->neighbour, path, "Account.Remove", NULL, "()");
  people_expect_asked (self, OWN " method=remove id=" ID " account=work creator=nobody"
                                 " address=sip:new@example.org users=nobody;daemon"
                                 " target= number=");
  people_expect_asked (self, NULL);
}

static const struct
{
  const char *settings;
  const char *target; /* and number, as they are asked about */
} default_actions[] = {
  { "{'default-action': <'redirect:+49 900 1'>}",
    "target=sip:+499001@example.org;user=phone number=+499001" },
  /* What does not change is not asked about again. */
  { "{'display-name': <'x'>}", "target= number=" },
  { "{'default-action': <'redirect:+49-9001'>}", "target= number=" },
  { "{'redirect-domain': <'gw.example.org'>}",
    "target=sip:+499001@gw.example.org;user=phone number=+499001" },
  { "{'address': <'sip:work@example.net'>}", "target= number=" },
  { "{'redirect-domain': <''>}", "target=sip:+499001@example.net;user=phone number=+499001" },
  { "{'address': <'sip:work@example.com'>}",
    "target=sip:+499001@example.com;user=phone number=+499001" },
  { "{'default-action': <'redirect:sip:bob@b'>}", "target=sip:bob@b number=" },
  { "{'redirect-domain': <'gw.example.org'>}", "target= number=" },
  { "{'default-action': <'decline'>}", "target= number=" },
  { "{'default-action': <'redirect:sip:bob@b'>}", "target=sip:bob@b number=" },
};

/* default-action= redirects as well. */
static void
test_default_action_details (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work",
                                 "{'address': <'sip:work@example.org'>,"
                                 " 'default-action': <'redirect:+49 30 1'>}");

  people_expect_asked (self, OWN " method=add * target=sip:+49301@example.org;user=phone"
                                 " number=+49301");
  for (guint i = 0; i < G_N_ELEMENTS (default_actions); i++)
    {
      g_autofree char *asked = g_strconcat (OWN " method=update id=" ID " *",
                                            default_actions[i].target, NULL);

      people_update (self, self->owner, path, default_actions[i].settings);
      people_expect_asked (self, asked);
    }
  fixture_do (&self->base, self->owner, path, "Account.Remove", NULL, "()");
  people_expect_asked (self, OWN " method=remove * target= number=");
}

/* Each is possible or not by what others do not see of an account: a password, where its calls come
 * from, where they go at the ring limit. */
static const struct
{
  const char *settings;
  const char *details;
} telling[] = {
  { "{'registrar': <'other.example'>}", "address=sip:s@example.org users=* target= number=" },
  { "{'address': <'sip:s@other.example'>}", "address=sip:s@other.example users=* target= number=" },
  { "{'accept-from': <@as []>, 'users': <['bin', 'daemon']>}",
    "address=sip:s@example.org users=bin;daemon target= number=" },
  { "{'redirect-domain': <'other.example'>}", "address=sip:s@example.org users=* target= number=" },
  { "{'default-action': <'redirect:+49 900 1'>}",
    "address=sip:s@example.org users=* target=sip:+499001@example.org;user=phone number=+499001" },
  { "{'default-action': <'redirect:0900 1'>, 'redirect-domain': <'no domain;x=y'>}",
    "address=sip:s@example.org users=* target= number=" },
  { "{'default-action': <'redirect:090 01'>, 'address': <'SIP:t@other.example'>,"
    " 'transport': <'nonsense'>}",
    "address=sip:t@other.example users=* target=sip:09001@other.example;user=phone"
    " number=09001" },
};

/* Who sees an account only as everybody does is asked first, and is asked the same whatever the
 * rest of it is. */
static void
test_refusal_tells_nothing (People *self, gconstpointer mode)
{
  const char *paths[] = {
    people_add (self, self->base.client, "plain",
                "{'address': <'sip:s@example.org'>, 'users': <['*']>}"),
    people_add (self, self->base.client, "secret",
                "{'address': <'sip:s@example.org'>, 'users': <['*']>, 'password': <'x'>,"
                " 'register': <false>, 'accept-from': <['192.0.2.1']>,"
                " 'default-action': <'redirect:+49 900 1'>}"),
  };
  g_autoptr (Log) log = log_new (self->outsider);

  people_refuse_all (self);
  for (guint i = 0; i < G_N_ELEMENTS (telling); i++)
    {
      GBytes *answers[G_N_ELEMENTS (paths)];
      g_autofree char *asked = g_strconcat (ALL " method=update id=" ID " account=* creator=root ",
                                            telling[i].details, NULL);

      for (guint account = 0; account < G_N_ELEMENTS (paths); account++)
        {
          g_free (people_fail_to_update (self, self->outsider, paths[account], telling[i].settings,
                                         ERROR ("NotAuthorized")));
          people_expect_asked (self, asked);
          answers[account] = log_take_raw (log);
        }
      g_assert_true (g_bytes_equal (answers[0], answers[1]));
      g_bytes_unref (answers[0]);
      g_bytes_unref (answers[1]);
    }
  people_expect_asked (self, NULL);

  /* Whoever was allowed to hears what is wrong. */
  dfl_fake_authority_set_answers (self->base.authority, DFL_AUTHORITY_GRANTED,
                                  DFL_AUTHORITY_GRANTED);
  g_free (people_fail_to_update (self, self->outsider, paths[1], telling[0].settings,
                                 ERROR ("InvalidSettings")));
}

/* A member who did not create the account is an owner as well. */
static void
test_member (People *self, gconstpointer mode)
{
  const char *path
      = people_add (self, self->base.client, "shared",
                    "{'address': <'sip:s@example.org'>, 'users': <['nobody', 'daemon']>}");

  people_update (self, self->neighbour, path, "{'display-name': <'x'>}");
  people_expect_asked (self, OWN " * account=shared *");
  fixture_do (&self->base, self->neighbour, path, "Account.SetTargets",
              g_variant_new_parsed ("([('mobile', 'Mobile', 'sip:m@m')],)"), "()");
  people_expect_asked (self, OWN " * account=shared *");
  fixture_do (&self->base, self->neighbour, path, "Properties.Set",
              people_enabled_parameters (FALSE), "()");
  people_expect_asked (self, OWN " * account=shared *");
  people_expect_property (self, path, "Targets", "[('mobile', 'Mobile', 'sip:m@m')]");
  people_expect_property (self, path, "State", "'disabled'");
  fixture_do (&self->base, self->neighbour, path, "Account.Remove", NULL, "()");
  people_expect_asked (self, OWN " * account=shared *");
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

/* Whatever is wrong with them. */
static const char *const any_settings[] = {
  "{'display-name': <'x'>}", "{'nonsense': <'x'>}",
  "{'ring-limit': <'x'>}",   "{'password-file': <'/etc/shadow'>}",
  "{'register': <false>}",
};

/* Nothing of another user's account is there, before anybody is asked and whatever is wrong. */
static void
test_stranger (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autofree char *gone = g_strdup (path);
  g_autoptr (Log) log = NULL;

  people_expect_asked (self, OWN " * account=work *");
  gone[strlen (gone) - 1] = gone[strlen (gone) - 1] == '0' ? '1' : '0';
  log = log_new (self->neighbour);
  for (guint i = 0; i < G_N_ELEMENTS (any_settings); i++)
    {
      g_autoptr (GBytes) raw_hidden = NULL;
      g_autoptr (GBytes) raw_absent = NULL;

      g_free (people_fail_to_update (self, self->neighbour, path, any_settings[i], UNKNOWN_OBJECT));
      g_free (people_fail_to_update (self, self->neighbour, gone, any_settings[i], UNKNOWN_OBJECT));
      raw_hidden = log_take_raw (log);
      raw_absent = log_take_raw (log);
      g_assert_true (g_bytes_equal (raw_hidden, raw_absent));
    }
  g_free (people_fail_to_update (self, self->neighbour, path, WORK, UNKNOWN_OBJECT));
  fixture_fail (&self->base, self->neighbour, path, "Account.Remove", NULL, UNKNOWN_OBJECT);
  fixture_fail (&self->base, self->neighbour, path, "Account.SetTargets",
                g_variant_new_parsed ("(@a(sss) [],)"), UNKNOWN_OBJECT);
  fixture_fail (&self->base, self->neighbour, path, "Properties.Set",
                people_enabled_parameters (FALSE), UNKNOWN_OBJECT);
  people_expect_asked (self, NULL);
}

/* --- Two users --- */

/* Nobody's names, addresses or limits are a reason to refuse somebody else. */
static void
test_same_name (People *self, gconstpointer mode)
{
  const char *first = people_add (self, self->owner, "work", WORK);
  const char *second;
  g_autofree char *taken = NULL;
  g_autofree char *taken_by_both = NULL;

  taken = people_fail_to_add (self, self->owner, "work", WORK, ERROR ("InvalidSettings"));
  second = people_add (self, self->neighbour, "work", WORK);
  g_assert_cmpstr (first, !=, second);
  taken_by_both = people_fail_to_add (self, self->owner, "work", WORK, ERROR ("InvalidSettings"));
  g_assert_cmpstr (taken, ==, taken_by_both);
  fixture_fail (&self->base, self->owner, second, "Peer.Ping", NULL, UNKNOWN_OBJECT);
  fixture_fail (&self->base, self->neighbour, first, "Peer.Ping", NULL, UNKNOWN_OBJECT);

  people_update (self, self->neighbour, second, "{'display-name': <'mine'>}");
  people_expect_property (self, first, "DisplayName", "''");
  fixture_do (&self->base, self->neighbour, second, "Account.Remove", NULL, "()");
  fixture_do (&self->base, self->owner, first, "Peer.Ping", NULL, "()");
}

/* The name of an account in the settings directory neither hides nor becomes a user's. */
static void
test_name_of_settings_directory (People *self, gconstpointer mode)
{
  const char *theirs = path_of_account (fixture_get_account (&self->base, "alice"));
  const char *path = people_add (self, self->owner, "alice", WORK);

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

  people_subscribe (self, self->neighbour);
  log = log_new (self->neighbour);
  outside_log = log_new (self->outsider);
  path = people_add (self, self->owner, "work", WORK);
  people_update (self, self->owner, path, "{'display-name': <'x'>, 'password': <'secret'>}");
  fixture_do (&self->base, self->owner, path, "Properties.Set", people_enabled_parameters (FALSE),
              "()");
  fixture_do (&self->base, self->owner, path, "Account.SetTargets",
              g_variant_new_parsed ("([('mobile', 'Mobile', 'sip:m@m')],)"), "()");
  fixture_do (&self->base, self->owner, path, "Account.Remove", NULL, "()");
  fixture_settle (&self->base, self->neighbour);
  fixture_settle (&self->base, self->outsider);
  log_expect (log, NULL);
  log_expect (outside_log, NULL);
}

/* --- Limits, and giving away --- */

static void
test_limit_of_one (People *self, gconstpointer mode)
{
  g_autofree char *message = NULL;

  for (guint i = 0; i < 32; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      people_add (self, self->owner, name, WORK);
      g_free (dfl_fake_authority_take (self->base.authority));
    }
  message = people_fail_to_add (self, self->owner, "more", WORK, ERROR ("LimitExceeded"));
  g_assert_nonnull (strstr (message, "32"));
  people_expect_asked (self, NULL);
  /* What one has used up is no other's. */
  people_add (self, self->neighbour, "more", WORK);
}

static void
test_gives_away (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = NULL;
  g_autofree char *removed = g_strconcat ("removed ", path, NULL);

  people_subscribe (self, self->owner);
  log = log_new (self->owner);
  people_update (self, self->owner, path, "{'users': <['daemon']>}");
  log_expect (log, removed);
  log_expect (log, "reply");
  log_expect (log, NULL);
  fixture_wait_seen (&self->base, self->neighbour, path);
  fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, UNKNOWN_OBJECT);
  /* The name stays used by who has added it. */
  g_free (people_fail_to_add (self, self->owner, "work", WORK, ERROR ("InvalidSettings")));
  people_add (self, self->neighbour, "work", WORK);
}

/* --- A bus of one user --- */

static void
test_session (People *self, gconstpointer mode)
{
  const char *path;

  people_refuse_all (self);
  path = people_add (self, self->base.client, "work", WORK);
  people_expect_property (self, path, "Users", "[]");
  for (guint i = 3; i < G_N_ELEMENTS (big_steps); i++)
    people_update (self, self->base.client, path, big_steps[i]);
  fixture_do (&self->base, self->base.client, path, "Properties.Set",
              people_enabled_parameters (FALSE), "()");
  g_free (people_fail_to_add (self, self->base.client, "work", WORK, ERROR ("InvalidSettings")));
  if (self->owner != NULL)
    {
      g_free (people_fail_to_add (self, self->owner, "home", WORK, ERROR ("NotAuthorized")));
      fixture_fail (&self->base, self->owner, path, "Account.Remove", NULL, UNKNOWN_OBJECT);
    }
  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  people_expect_asked (self, NULL);
  g_assert_cmpuint (dfl_fake_keeper_get_n_kept (self->base.keeper), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/bus/owners/session", People, FIXTURE_SESSION, people_set_up, test_session,
              people_tear_down);
  /* Only root can be several users. */
  if (getuid () != 0)
    return g_test_run ();

  PEOPLE_ADD ("/bus/owners/big-steps", test_big_steps);
  PEOPLE_ADD ("/bus/owners/refused", test_refused);
  PEOPLE_ADD ("/bus/owners/root-is-not-asked", test_root_is_not_asked);
  PEOPLE_ADD ("/bus/owners/renamed-root", test_renamed_root);
  PEOPLE_ADD ("/bus/owners/nameless", test_nameless);
  PEOPLE_ADD ("/bus/owners/everybody-is-no-owner", test_everybody_is_no_owner);
  PEOPLE_ADD ("/bus/owners/details", test_details);
  PEOPLE_ADD ("/bus/owners/default-action-details", test_default_action_details);
  PEOPLE_ADD ("/bus/owners/refusal-tells-nothing", test_refusal_tells_nothing);
  PEOPLE_ADD ("/bus/owners/member", test_member);
  PEOPLE_ADD ("/bus/owners/stranger", test_stranger);
  PEOPLE_ADD ("/bus/owners/same-name", test_same_name);
  PEOPLE_ADD ("/bus/owners/name-of-settings-directory", test_name_of_settings_directory);
  PEOPLE_ADD ("/bus/owners/nothing-leaks", test_nothing_leaks);
  PEOPLE_ADD ("/bus/owners/limit-of-one", test_limit_of_one);
  PEOPLE_ADD ("/bus/owners/gives-away", test_gives_away);
  return g_test_run ();
}
