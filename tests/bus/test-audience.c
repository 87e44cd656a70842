/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who sees what on a bus of many users. */

#include "bus/fixture.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "bus/call-properties.h"
#include "data/names.h"
#include "fakes/log-catcher.h"

#define ROOT DFL_ROOT_PATH

/*
 * Two local users. Where the test does not run as root there is one only, who is the stranger, and
 * nobody is the neighbour: what concerns the stranger is tested all the same.
 */
typedef struct
{
  Fixture base;
  const char *stranger_name;
  GDBusConnection *stranger;
  GDBusConnection *neighbour; /* or NULL */
} Users;

/* --- Counting what is built (the linker lets these stand before the real ones) --- */

static guint n_built;

int
__real_dfl_call_append_property (DflCall *call, DflCallProperty property, sd_bus_message *message);
int
__wrap_dfl_call_append_property (DflCall *call, DflCallProperty property, sd_bus_message *message);
int __real_sd_bus_message_new_signal (sd_bus *bus,
                                      sd_bus_message **message,
                                      const char *path,
                                      const char *interface,
                                      const char *member);
int __wrap_sd_bus_message_new_signal (sd_bus *bus,
                                      sd_bus_message **message,
                                      const char *path,
                                      const char *interface,
                                      const char *member);

int
__wrap_dfl_call_append_property (DflCall *call, DflCallProperty property, sd_bus_message *message)
{
  n_built++;
  return __real_dfl_call_append_property (call, property, message);
}

int
__wrap_sd_bus_message_new_signal (sd_bus *bus,
                                  sd_bus_message **message,
                                  const char *path,
                                  const char *interface,
                                  const char *member)
{
  n_built++;
  return __real_sd_bus_message_new_signal (bus, message, path, interface, member);
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
set_up (Users *self, gconstpointer mode)
{
  fixture_set_up (&self->base, mode);
  if (getuid () == 0)
    {
      self->stranger = test_bus_connect_as (self->base.bus, STRANGER);
      self->neighbour = test_bus_connect_as (self->base.bus, NEIGHBOUR);
      self->stranger_name = get_name (STRANGER);
    }
  else
    {
      self->stranger = test_bus_connect (self->base.bus);
      self->stranger_name = get_name (getuid ());
    }
}

static void
tear_down (Users *self, gconstpointer mode)
{
  g_clear_object (&self->stranger);
  g_clear_object (&self->neighbour);
  fixture_tear_down (&self->base, mode);
}

/* alice belongs to the stranger and bob to root. */
static void
share_alice (Users *self)
{
  fixture_set_users (&self->base, self->stranger_name, "");
  fixture_wait_seen (&self->base, self->stranger,
                     path_of_account (fixture_get_account (&self->base, "alice")));
}

static void
subscribe (Users *self, GDBusConnection *connection)
{
  fixture_do (&self->base, connection, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);
}

static char *
get_managed_objects (Users *self, GDBusConnection *connection)
{
  g_autoptr (GVariant) objects = fixture_expect (&self->base, connection, ROOT,
                                                 "ObjectManager.GetManagedObjects", NULL, NULL);

  return g_variant_print (objects, FALSE);
}

/* --- Hidden is absent --- */

static GBytes *
get_answer (Users *self, Log *log, const char *path, const char *method, GVariant *parameters)
{
  g_autoptr (Pending) pending = fixture_start (&self->base, self->stranger, path, method,
                                               parameters);
  GBytes *answer;

  pending_wait (pending);
  answer = log_take_raw (log);
  g_assert_nonnull (answer);
  return answer;
}

static void
test_hidden_is_absent (Users *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  const char *hidden[2];
  static const char *const absent[] = {
    "/org/deflectd1/call/00000000",     "/org/deflectd1/account/00000000",
    "/org/deflectd1/call/0000000",      "/org/deflectd1/call/ABCDEF01/x",
    "/org/deflectd1/account/xyz",       "/org/deflectd1/nothing",
    "/org/deflectd1/call/00000000/sub", "/com",
  };
  const struct
  {
    const char *method;
    const char *parameters;
  } requests[] = {
    { "Call.Redirect", "('sip:bob@b', @a{sv} {})" },
    { "Call.Redirect", "('sip:bob@b', {'nonsense': <1>})" },
    { "Call.Redirect", "(1, 2)" },
    { "Call.CheckRedirect", "('sip:bob@b', @a{sv} {})" },
    { "Call.Decline", "(@a{sv} {},)" },
    { "Call.Silence", NULL },
    { "Call.Keep", NULL },
    { "Call.Nonsense", NULL },
    { "Silence", NULL },
    { "Account.Remove", NULL },
    { "Account.Update", "(@a{sv} {},)" },
    { "com.example.Nonsense", NULL },
    { "Introspectable.Introspect", NULL },
    { "Introspectable.Introspect", "('x',)" },
    { "Peer.Ping", NULL },
    { "Peer.GetMachineId", NULL },
    { "ObjectManager.GetManagedObjects", NULL },
    { "Properties.Get", "('org.deflectd1.Call', 'State')" },
    { "Properties.Get", "('org.deflectd1.Call', 'Nonsense')" },
    { "Properties.Get", "('org.deflectd1.Account', 'Users')" },
    { "Properties.GetAll", "('org.deflectd1.Call',)" },
    { "Properties.GetAll", "('',)" },
    { "Properties.Set", "('org.deflectd1.Account', 'Enabled', <true>)" },
    { "Properties.Set", "('org.deflectd1.Call', 'State', <''>)" },
  };

  share_alice (self);
  hidden[0] = path_of_call (fixture_offer_to (&self->base, "bob", "hidden"));
  hidden[1] = path_of_account (fixture_get_account (&self->base, "bob"));
  if (getuid () != 0)
    g_test_message ("only one uid: the stranger is the daemon's own");

  log = log_new (self->stranger);
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (GVariant) parameters = NULL;
      g_autoptr (GBytes) expected = NULL;

      if (requests[i].parameters != NULL)
        parameters = g_variant_ref_sink (g_variant_new_parsed (requests[i].parameters));
      expected = get_answer (self, log, absent[0], requests[i].method, parameters);
      for (guint a = 1; a < G_N_ELEMENTS (absent); a++)
        {
          g_autoptr (GBytes) answer = get_answer (self, log, absent[a], requests[i].method,
                                                  parameters);

          g_assert_true (g_bytes_equal (answer, expected));
        }
      for (guint h = 0; h < G_N_ELEMENTS (hidden); h++)
        {
          g_autoptr (GBytes) answer = get_answer (self, log, hidden[h], requests[i].method,
                                                  parameters);

          g_assert_true (g_bytes_equal (answer, expected));
        }
    }
}

static void
test_lists_hide (Users *self, gconstpointer mode)
{
  DflCall *mine, *theirs;
  g_autofree char *objects = NULL;
  g_autoptr (GVariant) found = NULL;
  g_autoptr (GVariant) calls = NULL;
  g_autoptr (GVariant) accounts = NULL;
  const char *xml;

  share_alice (self);
  mine = fixture_offer_to (&self->base, "alice", "forked");
  theirs = fixture_offer_to (&self->base, "bob", "forked");

  objects = get_managed_objects (self, self->stranger);
  g_assert_nonnull (strstr (objects, path_of_call (mine)));
  g_assert_null (strstr (objects, path_of_call (theirs)));
  g_assert_nonnull (strstr (objects, "sip:alice@example.org"));
  g_assert_null (strstr (objects, "sip:bob@example.org"));

  found = fixture_expect (&self->base, self->stranger, ROOT, "Manager.FindCall",
                          g_variant_new ("(s)", "forked"), NULL);
  g_assert_cmpuint (g_variant_get_size (found), >, 0);
  g_clear_pointer (&objects, g_free);
  objects = g_variant_print (found, FALSE);
  g_assert_nonnull (strstr (objects, path_of_call (mine)));
  g_assert_null (strstr (objects, path_of_call (theirs)));

  calls = fixture_expect (&self->base, self->stranger, DFL_CALLS_PATH, "Introspectable.Introspect",
                          NULL, NULL);
  g_variant_get (calls, "(&s)", &xml);
  g_assert_nonnull (strstr (xml, dfl_call_get_id (mine)));
  g_assert_null (strstr (xml, dfl_call_get_id (theirs)));
  accounts = fixture_expect (&self->base, self->stranger, DFL_ACCOUNTS_PATH,
                             "Introspectable.Introspect", NULL, NULL);
  g_variant_get (accounts, "(&s)", &xml);
  g_assert_nonnull (
      strstr (xml,
              strrchr (path_of_account (fixture_get_account (&self->base, "alice")), '/') + 1));
  g_assert_null (
      strstr (xml, strrchr (path_of_account (fixture_get_account (&self->base, "bob")), '/') + 1));
}

static void
test_root_sees_all (Users *self, gconstpointer mode)
{
  g_autofree char *objects = NULL;
  const char *path;

  if (getuid () != 0)
    return;
  share_alice (self);
  path = path_of_call (fixture_offer_to (&self->base, "bob", "one"));
  objects = get_managed_objects (self, self->base.client);
  g_assert_nonnull (strstr (objects, path));
  g_assert_nonnull (strstr (objects, "sip:alice@example.org"));
  g_assert_nonnull (strstr (objects, "sip:bob@example.org"));
}

/* --- Announcements --- */

static void
test_unicast (Users *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  g_autoptr (Log) neighbours_log = NULL;
  g_autoptr (Pending) redirect = NULL;
  DflCall *call;

  share_alice (self);
  subscribe (self, self->stranger);
  log = log_new (self->stranger);
  if (self->neighbour != NULL)
    {
      subscribe (self, self->neighbour);
      neighbours_log = log_new (self->neighbour);
    }
  fixture_offer_to (&self->base, "bob", "not for the stranger");
  call = fixture_offer_to (&self->base, "alice", "one");
  redirect = fixture_start (&self->base, self->stranger, path_of_call (call), "Call.Redirect",
                            g_variant_new ("(sa{sv})", "sip:eve@e", NULL));
  fixture_settle (&self->base, self->stranger);
  g_assert_true (g_str_has_prefix (dfl_call_get_decided_by (call), "user:"));
  g_assert_cmpstr (dfl_call_get_decided_by (call) + strlen ("user:"), ==, self->stranger_name);
  dfl_call_leg_acknowledged (call);
  pending_wait (redirect);
  fixture_settle (&self->base, self->stranger);
  log_expect (log, "added *");
  log_expect (log, "changed State=redirecting *");
  log_expect (log, "changed State=idle Outcome=redirected");
  log_expect (log, "reply");
  log_expect (log, "removed *");
  log_expect (log, NULL);
  if (neighbours_log != NULL)
    {
      fixture_settle (&self->base, self->neighbour);
      log_expect (neighbours_log, NULL);
    }
}

static void
live_through_a_call (Users *self)
{
  g_autoptr (GError) error = NULL;
  DflCall *call = fixture_offer_to (&self->base, "alice", "one");

  g_assert_true (dfl_call_silence (call, &error));
  g_assert_true (dfl_call_redirect (call, "sip:eve@e", "user:test", &error));
  dfl_call_leg_acknowledged (call);
}

static void
test_nothing_built_for_nobody (Users *self, gconstpointer mode)
{
  share_alice (self);
  n_built = 0;
  live_through_a_call (self);
  g_assert_cmpuint (n_built, ==, 0);
  if (self->neighbour != NULL)
    {
      subscribe (self, self->neighbour);
      live_through_a_call (self);
      g_assert_cmpuint (n_built, ==, 0);
    }

  subscribe (self, self->stranger);
  n_built = 0;
  live_through_a_call (self);
  /* Five messages; all properties in the first, and those that changed in the next three. */
  g_assert_cmpuint (n_built, ==, 5 + DFL_N_CALL_PROPERTIES + 1 + 4 + 2);

  g_dbus_connection_close_sync (self->stranger, NULL, NULL);
  for (;;)
    {
      n_built = 0;
      live_through_a_call (self);
      if (n_built == 0)
        break;
      fixture_settle (&self->base, self->base.other);
    }
}

static void
test_everybody (Users *self, gconstpointer mode)
{
  g_autoptr (Log) listener = NULL;
  g_autoptr (Log) subscriber = NULL;

  fixture_set_users (&self->base, "*", NULL);
  subscribe (self, self->stranger);
  subscriber = log_new (self->stranger);
  listener = log_new (self->base.other);
  fixture_offer (&self->base, "one");
  fixture_settle (&self->base, self->stranger);
  fixture_settle (&self->base, self->base.other);
  log_expect (subscriber, "added *");
  log_expect (subscriber, NULL);
  log_expect (listener, "added *");
  log_expect (listener, NULL);
}

static void
test_users_change (Users *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  const char *account;
  const char *call;
  g_autofree char *account_removed = NULL;
  g_autofree char *call_removed = NULL;
  g_autofree char *account_added = NULL;
  g_autofree char *call_added = NULL;

  share_alice (self);
  account = path_of_account (fixture_get_account (&self->base, "alice"));
  call = path_of_call (fixture_offer (&self->base, "one"));
  subscribe (self, self->stranger);
  log = log_new (self->stranger);
  account_removed = g_strconcat ("removed ", account, NULL);
  call_removed = g_strconcat ("removed ", call, NULL);
  account_added = g_strconcat ("added ", account, NULL);
  call_added = g_strconcat ("added ", call, NULL);

  fixture_set_users (&self->base, "daemon", "");
  fixture_settle (&self->base, self->stranger);
  log_expect (log, account_removed);
  log_expect (log, call_removed);
  log_expect (log, NULL);
  fixture_fail (&self->base, self->stranger, call, "Call.Silence", NULL,
                "org.freedesktop.DBus.Error.UnknownObject");
  log_expect (log, "error *");

  share_alice (self);
  {
    g_autofree char *line = log_take (log);

    /* Attempts to see it come first. */
    while (line != NULL && g_str_has_prefix (line, "error "))
      {
        g_free (line);
        line = log_take (log);
      }
    g_assert_cmpstr (line, ==, account_added);
  }
  log_expect (log, call_added);

  fixture_set_users (&self->base, self->stranger_name, NULL);
  fixture_settle (&self->base, self->stranger);
}

static void
expect_listed (Users *self, GDBusConnection *connection, DflCall *call, gboolean listed)
{
  g_autofree char *objects = get_managed_objects (self, connection);
  g_autoptr (GVariant) reply = fixture_expect (&self->base, connection, DFL_CALLS_PATH,
                                               "Introspectable.Introspect", NULL, NULL);
  const char *xml;

  g_variant_get (reply, "(&s)", &xml);
  g_assert_true ((strstr (objects, dfl_call_get_id (call)) != NULL) == listed);
  g_assert_true ((strstr (xml, dfl_call_get_id (call)) != NULL) == listed);
}

/* Calls outlive their account, for those who saw it. */
static void
test_calls_stay (Users *self, gconstpointer mode)
{
  DflCall *own, *hidden;

  share_alice (self);
  own = fixture_offer (&self->base, "one");
  hidden = fixture_offer_to (&self->base, "bob", "two");
  expect_listed (self, self->stranger, own, TRUE);
  expect_listed (self, self->stranger, hidden, FALSE);
  fixture_set_users (&self->base, NULL, NULL);
  expect_listed (self, self->stranger, own, TRUE);
  expect_listed (self, self->stranger, hidden, FALSE);
  if (getuid () == 0)
    expect_listed (self, self->base.client, hidden, TRUE);
  dfl_call_leg_cancelled (own, FALSE);
  dfl_call_leg_cancelled (hidden, FALSE);
}

static void
test_account_goes (Users *self, gconstpointer mode)
{
  g_autoptr (Log) log = NULL;
  DflCall *call;
  g_autofree char *removed = NULL;

  share_alice (self);
  subscribe (self, self->stranger);
  log = log_new (self->stranger);
  removed = g_strconcat ("removed ", path_of_account (fixture_get_account (&self->base, "alice")),
                         NULL);
  call = fixture_offer (&self->base, "one");
  fixture_set_users (&self->base, NULL, "");
  fixture_settle (&self->base, self->stranger);
  log_expect (log, "added *");
  log_expect (log, removed);
  log_expect (log, NULL);

  /* What was offered to it stays its users' and can be decided. */
  fixture_do (&self->base, self->stranger, path_of_call (call), "Call.Silence", NULL, "()");
  log_expect (log, "changed Silenced=true");
  log_expect (log, "reply");
  dfl_call_leg_cancelled (call, FALSE);
  fixture_settle (&self->base, self->stranger);
  log_expect (log, "changed State=idle *");
  log_expect (log, "removed *");
}

static void
test_unknown_user (Users *self, gconstpointer mode)
{
  g_autofree char *users = g_strconcat ("no-such-user-here,", self->stranger_name, NULL);
  g_autoptr (GPtrArray) lines = NULL;

  dfl_log_catcher_start ();
  fixture_set_users (&self->base, users, NULL);
  fixture_wait_seen (&self->base, self->stranger,
                     path_of_account (fixture_get_account (&self->base, "alice")));
  lines = dfl_log_catcher_stop ();
  g_assert_cmpuint (lines->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (lines, 0), "no-such-user-here"));
  dfl_service_refresh_users (self->base.service);
  g_free (get_managed_objects (self, self->stranger));
}

/* --- Limits --- */

static void
test_subscription_limit (Users *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) connections = g_ptr_array_new_with_free_func (g_object_unref);
  GDBusConnection *last;
  gboolean again = FALSE;

  for (guint i = 0; i < 65; i++)
    g_ptr_array_add (connections, getuid () == 0 ? test_bus_connect_as (self->base.bus, STRANGER)
                                                 : test_bus_connect (self->base.bus));
  for (guint i = 0; i < 64; i++)
    {
      subscribe (self, g_ptr_array_index (connections, i));
      subscribe (self, g_ptr_array_index (connections, i));
    }
  last = g_ptr_array_index (connections, 64);
  fixture_fail (&self->base, last, ROOT, "ObjectManager.GetManagedObjects", NULL,
                DFL_ERROR_PREFIX "LimitExceeded");
  /* Another user is not concerned. */
  if (self->neighbour != NULL)
    subscribe (self, self->neighbour);

  g_dbus_connection_close_sync (g_ptr_array_index (connections, 0), NULL, NULL);
  while (!again)
    {
      g_autoptr (GVariant) objects = fixture_call (&self->base, last, ROOT,
                                                   "ObjectManager.GetManagedObjects", NULL, NULL);

      again = objects != NULL;
    }
}

/* --- A bus of one user --- */

static void
test_session_is_for_one (Users *self, gconstpointer mode)
{
  const char *path;
  g_autofree char *objects = NULL;
  g_autoptr (GPtrArray) lines = NULL;

  if (self->neighbour == NULL)
    return;
  dfl_log_catcher_start ();
  /* As a reload does: the settings, then the users of every account; and once for each change. */
  fixture_set_users (&self->base, self->stranger_name, NULL);
  dfl_service_refresh_users (self->base.service);
  fixture_set_users (&self->base, "daemon", NULL);
  dfl_service_refresh_users (self->base.service);
  lines = dfl_log_catcher_stop ();
  g_assert_cmpuint (lines->len, ==, 2);
  g_assert_nonnull (strstr (g_ptr_array_index (lines, 0), "users="));

  path = path_of_call (fixture_offer (&self->base, "one"));
  fixture_fail (&self->base, self->stranger, path, "Call.Silence", NULL,
                "org.freedesktop.DBus.Error.UnknownObject");
  objects = get_managed_objects (self, self->stranger);
  g_assert_cmpstr (objects, ==, "({},)");
  fixture_do (&self->base, self->base.client, path, "Call.Silence", NULL, "()");
}

int
main (int argc, char *argv[])
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function)                                                                        \
  g_test_add ("/bus/audience/" path, Users, FIXTURE_SYSTEM, set_up, function, tear_down)
  ADD ("hidden-is-absent", test_hidden_is_absent);
  ADD ("lists-hide", test_lists_hide);
  ADD ("root-sees-all", test_root_sees_all);
  ADD ("unicast", test_unicast);
  ADD ("nothing-built-for-nobody", test_nothing_built_for_nobody);
  ADD ("everybody", test_everybody);
  ADD ("users-change", test_users_change);
  ADD ("account-goes", test_account_goes);
  ADD ("calls-stay", test_calls_stay);
  ADD ("unknown-user", test_unknown_user);
  ADD ("subscription-limit", test_subscription_limit);
#undef ADD
  g_test_add ("/bus/audience/session-is-for-one", Users, FIXTURE_SESSION, set_up,
              test_session_is_for_one, tear_down);
  return g_test_run ();
}
