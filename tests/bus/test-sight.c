/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* How users gain and lose sight of accounts and calls while they look. */

#include "bus/fixture.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "bus/local-user.h"
#include "data/names.h"
#include "fakes/log-catcher.h"
#include "fakes/samples.h"

#define ROOT DFL_ROOT_PATH
#define OUTSIDER 2
#define UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"

/* Three local users, each with a connection that has subscribed. */
typedef enum
{
  ONE,
  TWO,
  THREE,
  N_USERS
} User;

static const guint32 uids[N_USERS] = { STRANGER, NEIGHBOUR, OUTSIDER };
/* What the user database below calls them. */
static const char *const names[N_USERS] = { "one", "two", "three" };

typedef struct
{
  Fixture base;
  GDBusConnection *connections[N_USERS];
  Log *logs[N_USERS];
} Viewers;

/* --- A user database (the linker lets these stand before the real ones) --- */

static struct
{
  GMutex lock;
  GCond changed;
  GHashTable *uids; /* name to uid */
  gboolean held;
  guint n_questions;
  guint n_names;
} database;

int __wrap_getpwnam_r (
    const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found);
int __real_getpwnam_r (
    const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found);
void __real_dfl_local_user_find_async (const char *const *asked,
                                       GAsyncReadyCallback callback,
                                       gpointer data);
void __wrap_dfl_local_user_find_async (const char *const *asked,
                                       GAsyncReadyCallback callback,
                                       gpointer data);

int
__wrap_getpwnam_r (
    const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
  /* What the machine calls those who connect, which is asked when they do, and when users are
   * refreshed; accounts ask for the first of them only, and that while it is held. */
  static const char *const others[] = { "nobody", "root", "daemon", "bin", NULL };
  gpointer uid;

  g_mutex_lock (&database.lock);
  if (g_strv_contains (database.held ? others + 1 : others, name))
    {
      g_mutex_unlock (&database.lock);
      return __real_getpwnam_r (name, entry, buffer, size, found);
    }
  while (database.held)
    g_cond_wait (&database.changed, &database.lock);
  database.n_names++;
  *found = NULL;
  memset (entry, 0, sizeof *entry);
  if (g_hash_table_lookup_extended (database.uids, name, NULL, &uid))
    {
      entry->pw_uid = GPOINTER_TO_UINT (uid);
      *found = entry;
    }
  g_mutex_unlock (&database.lock);
  return 0;
}

void
__wrap_dfl_local_user_find_async (const char *const *asked,
                                  GAsyncReadyCallback callback,
                                  gpointer data)
{
  database.n_questions++;
  __real_dfl_local_user_find_async (asked, callback, data);
}

/* A user has this uid from now on; G_MAXUINT32: there is no such user. */
static void
set_uid (const char *name, guint32 uid)
{
  g_mutex_lock (&database.lock);
  if (uid == G_MAXUINT32)
    g_hash_table_remove (database.uids, name);
  else
    g_hash_table_insert (database.uids, (gpointer)g_intern_string (name), GUINT_TO_POINTER (uid));
  g_mutex_unlock (&database.lock);
}

/* While held, the database does not answer. */
static void
set_held (gboolean held)
{
  g_mutex_lock (&database.lock);
  database.held = held;
  g_cond_broadcast (&database.changed);
  g_mutex_unlock (&database.lock);
}

/* --- Set-up --- */

static void
set_up (Viewers *self, gconstpointer mode)
{
  g_clear_pointer (&database.uids, g_hash_table_unref);
  database.uids = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < N_USERS; i++)
    set_uid (names[i], uids[i]);
  /* Whom AddAccount asks for. */
  set_uid (getpwuid (STRANGER)->pw_name, STRANGER);
  fixture_set_up (&self->base, mode);
  for (guint i = 0; i < N_USERS; i++)
    {
      self->connections[i] = test_bus_connect_as (self->base.bus, uids[i]);
      fixture_do (&self->base, self->connections[i], ROOT, "ObjectManager.GetManagedObjects", NULL,
                  NULL);
      self->logs[i] = log_new (self->connections[i]);
      log_expect (self->logs[i], NULL);
    }
}

static void
tear_down (Viewers *self, gconstpointer mode)
{
  for (guint i = 0; i < N_USERS; i++)
    {
      g_clear_pointer (&self->logs[i], log_free);
      g_clear_object (&self->connections[i]);
    }
  fixture_tear_down (&self->base, mode);
}

/* Runs the main loop until the user database has answered all and everybody has read all. */
static void
settle (Viewers *self)
{
  for (guint round = 0; round < 3; round++)
    for (guint i = 0; i < N_USERS; i++)
      fixture_settle (&self->base, self->connections[i]);
}

/* Waits for what the user database has to say about alice. */
static void
wait_seen (Viewers *self, User user)
{
  fixture_wait_seen (&self->base, self->connections[user],
                     path_of_account (fixture_get_account (&self->base, "alice")));
}

static void
clear_log (Log *log)
{
  char *line;

  while ((line = log_take (log)) != NULL)
    g_free (line);
}

static void
clear_logs (Viewers *self)
{
  for (guint i = 0; i < N_USERS; i++)
    clear_log (self->logs[i]);
}

static void
expect_line (Log *log, const char *news, const char *path)
{
  g_autofree char *line = g_strconcat (news, " ", path, NULL);

  log_expect (log, line);
}

/* --- Every transition --- */

static const struct
{
  const char *users;
  gboolean sees[N_USERS];
} states[] = {
  { "", { FALSE, FALSE, FALSE } },     { "one", { TRUE, FALSE, FALSE } },
  { "two", { FALSE, TRUE, FALSE } },   { "one,two", { TRUE, TRUE, FALSE } },
  { "three", { FALSE, FALSE, TRUE } }, { "*", { TRUE, TRUE, TRUE } },
};

static void
expect_news (Viewers *self,
             User user,
             gboolean before,
             gboolean after,
             const char *account,
             const char *call)
{
  Log *log = self->logs[user];

  if (before && !after)
    {
      expect_line (log, "removed", account);
      expect_line (log, "removed", call);
    }
  if (!before && after)
    {
      expect_line (log, "added", account);
      expect_line (log, "added", call);
    }
  if (after)
    log_expect (log, "changed *Users=*");
  log_expect (log, NULL);
}

static void
test_transitions (Viewers *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) passive = test_bus_connect_as (self->base.bus, OUTSIDER);
  g_autoptr (Log) passive_log = log_new (passive);
  const char *account, *call;

  /* bob keeps all names known, so that everything happens in one turn. */
  fixture_set_users (&self->base, "", "one,two,three");
  account = path_of_account (fixture_get_account (&self->base, "alice"));
  call = path_of_call (fixture_offer (&self->base, "one"));
  fixture_wait_seen (&self->base, self->connections[ONE],
                     path_of_account (fixture_get_account (&self->base, "bob")));
  for (guint from = 0; from < G_N_ELEMENTS (states); from++)
    for (guint to = 0; to < G_N_ELEMENTS (states); to++)
      {
        fixture_set_users (&self->base, states[from].users, "one,two,three");
        settle (self);
        fixture_settle (&self->base, passive);
        clear_logs (self);
        clear_log (passive_log);
        g_test_message ("\"%s\" to \"%s\"", states[from].users, states[to].users);
        fixture_set_users (&self->base, states[to].users, "one,two,three");
        settle (self);
        fixture_settle (&self->base, passive);
        for (User user = 0; user < N_USERS; user++)
          {
            if (from == to)
              log_expect (self->logs[user], NULL);
            else
              expect_news (self, user, states[from].sees[user], states[to].sees[user], account,
                           call);
          }
        /* Who listens without having subscribed hears what is broadcast, and nothing else. */
        if (from != to && g_str_equal (states[to].users, "*"))
          log_expect (passive_log, "changed *Users=*");
        log_expect (passive_log, NULL);
      }
}

/* --- With the client that everybody uses --- */

static void
on_manager (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  *(GDBusObjectManager **)data = g_dbus_object_manager_client_new_finish (result, &error);
  g_assert_no_error (error);
}

static GDBusObjectManager *
watch (Viewers *self, User user)
{
  GDBusObjectManager *manager = NULL;

  g_dbus_object_manager_client_new (self->connections[user],
                                    G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_NONE, DFL_BUS_NAME, ROOT,
                                    NULL, NULL, NULL, NULL, on_manager, &manager);
  while (manager == NULL)
    g_main_context_iteration (NULL, TRUE);
  return manager;
}

/* The client has exactly these objects, with their properties. */
static void
expect_objects (GDBusObjectManager *manager, const char *account, const char *call)
{
  GList *objects = g_dbus_object_manager_get_objects (manager);

  g_assert_cmpuint (g_list_length (objects), ==, (account != NULL) + (call != NULL));
  g_list_free_full (objects, g_object_unref);
  if (account != NULL)
    {
      g_autoptr (GDBusInterface) proxy
          = g_dbus_object_manager_get_interface (manager, account, DFL_ACCOUNT_INTERFACE);
      g_autoptr (GVariant) name = g_dbus_proxy_get_cached_property (G_DBUS_PROXY (proxy), "Name");

      g_assert_cmpstr (g_variant_get_string (name, NULL), ==, "alice");
    }
  if (call != NULL)
    {
      g_autoptr (GDBusInterface) proxy = g_dbus_object_manager_get_interface (manager, call,
                                                                              DFL_CALL_INTERFACE);
      g_autoptr (GVariant) state = g_dbus_proxy_get_cached_property (G_DBUS_PROXY (proxy), "State");

      g_assert_cmpstr (g_variant_get_string (state, NULL), ==, "offered");
    }
}

/* Names are looked up in between, and sight comes and goes meanwhile. */
static void
test_object_manager_client (Viewers *self, gconstpointer mode)
{
  GDBusObjectManager *managers[N_USERS];
  const char *account = path_of_account (fixture_get_account (&self->base, "alice"));
  const char *call = path_of_call (fixture_offer (&self->base, "one"));

  for (User user = 0; user < N_USERS; user++)
    managers[user] = watch (self, user);
  for (guint from = 0; from < G_N_ELEMENTS (states); from++)
    for (guint to = 0; to < G_N_ELEMENTS (states); to++)
      {
        const guint steps[] = { from, to };

        for (guint step = 0; step < G_N_ELEMENTS (steps); step++)
          {
            fixture_set_users (&self->base, states[steps[step]].users, NULL);
            for (User user = 0; user < N_USERS; user++)
              {
                if (states[steps[step]].sees[user])
                  wait_seen (self, user);
              }
            settle (self);
            for (User user = 0; user < N_USERS; user++)
              {
                gboolean sees = states[steps[step]].sees[user];

                expect_objects (managers[user], sees ? account : NULL, sees ? call : NULL);
              }
          }
      }
  for (User user = 0; user < N_USERS; user++)
    g_object_unref (managers[user]);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

/* --- New accounts --- */

/* Each is announced once, whatever is known of its users already. */
static void
test_new_account (Viewers *self, gconstpointer mode)
{
  fixture_set_users (&self->base, "one", NULL);
  wait_seen (self, ONE);
  settle (self);
  clear_logs (self);
  /* For everybody: broadcast, and to nobody in person. */
  fixture_set_users (&self->base, "one", "*");
  settle (self);
  for (User user = 0; user < N_USERS; user++)
    {
      log_expect (self->logs[user], "added *");
      log_expect (self->logs[user], NULL);
    }
  fixture_set_users (&self->base, "one", NULL);
  settle (self);
  for (User user = 0; user < N_USERS; user++)
    {
      log_expect (self->logs[user], "removed *");
      log_expect (self->logs[user], NULL);
    }
  /* For somebody whose name another account has. */
  fixture_set_users (&self->base, "one", "one");
  settle (self);
  log_expect (self->logs[ONE], "added *");
  log_expect (self->logs[ONE], NULL);
  log_expect (self->logs[TWO], NULL);
}

/* --- What the user database says --- */

static void
expect_sight (Viewers *self, User user, gboolean sees)
{
  const char *path = path_of_account (fixture_get_account (&self->base, "alice"));

  if (sees)
    fixture_do (&self->base, self->connections[user], path, "Peer.Ping", NULL, "()");
  else
    fixture_fail (&self->base, self->connections[user], path, "Peer.Ping", NULL, UNKNOWN_OBJECT);
}

static void
refresh (Viewers *self)
{
  guint n = database.n_questions;

  dfl_service_refresh_users (self->base.service);
  g_assert_cmpuint (database.n_questions, ==, n + 1);
  settle (self);
}

static void
test_user_changes (Viewers *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) lines = NULL;
  const char *account, *call;

  fixture_set_users (&self->base, "one", NULL);
  wait_seen (self, ONE);
  account = path_of_account (fixture_get_account (&self->base, "alice"));
  call = path_of_call (fixture_offer (&self->base, "one"));
  settle (self);
  clear_logs (self);

  /* Another uid has the name: nothing before the reload, then both hear of it. */
  set_uid ("one", uids[TWO]);
  expect_sight (self, ONE, TRUE);
  expect_sight (self, TWO, FALSE);
  clear_logs (self);
  refresh (self);
  expect_line (self->logs[ONE], "removed", account);
  expect_line (self->logs[ONE], "removed", call);
  log_expect (self->logs[ONE], NULL);
  expect_line (self->logs[TWO], "added", account);
  expect_line (self->logs[TWO], "added", call);
  log_expect (self->logs[TWO], NULL);
  expect_sight (self, ONE, FALSE);
  expect_sight (self, TWO, TRUE);
  clear_logs (self);

  /* The user is gone. */
  set_uid ("one", G_MAXUINT32);
  dfl_log_catcher_start ();
  refresh (self);
  lines = dfl_log_catcher_stop ();
  g_assert_cmpuint (lines->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (lines, 0), "no user \"one\""));
  expect_line (self->logs[TWO], "removed", account);
  expect_line (self->logs[TWO], "removed", call);
  log_expect (self->logs[ONE], NULL);
  expect_sight (self, TWO, FALSE);
  clear_logs (self);

  /* And back; a reload that changes nothing tells nobody anything. */
  set_uid ("one", uids[ONE]);
  refresh (self);
  expect_line (self->logs[ONE], "added", account);
  expect_line (self->logs[ONE], "added", call);
  refresh (self);
  for (User user = 0; user < N_USERS; user++)
    log_expect (self->logs[user], NULL);

  /* Names that nobody lists any more are not asked for. */
  fixture_set_users (&self->base, "two,three", NULL);
  settle (self);
  fixture_set_users (&self->base, "two", NULL);
  database.n_names = 0;
  refresh (self);
  g_assert_cmpuint (database.n_names, ==, 1);
}

/* A name that is new to an account is asked for again where it was unknown. */
static void
test_user_appears (Viewers *self, gconstpointer mode)
{
  set_uid ("one", G_MAXUINT32);
  dfl_log_catcher_start ();
  fixture_set_users (&self->base, "one,two", NULL);
  wait_seen (self, TWO);
  g_ptr_array_unref (dfl_log_catcher_stop ());
  expect_sight (self, ONE, FALSE);
  set_uid ("one", uids[ONE]);
  fixture_set_users (&self->base, "one,two", "one");
  wait_seen (self, ONE);
}

/* The answer to an old question is not taken for one to a new. */
static void
test_late_answer (Viewers *self, gconstpointer mode)
{
  set_held (TRUE);
  fixture_set_users (&self->base, "one", NULL);
  settle (self);
  fixture_set_users (&self->base, "two", NULL);
  set_held (FALSE);
  wait_seen (self, TWO);
  settle (self);
  log_expect (self->logs[ONE], NULL);
  expect_sight (self, ONE, FALSE);

  set_held (TRUE);
  fixture_set_users (&self->base, "three", NULL);
  settle (self);
  fixture_set_users (&self->base, NULL, "");
  set_held (FALSE);
  settle (self);
  log_expect (self->logs[THREE], NULL);
}

#define N_ACCOUNTS 10000

static void
set_many (Viewers *self)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  for (guint i = 0; i < N_ACCOUNTS; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);
      DflAccountSettings *settings = dfl_sample_settings (name);
      const char *const users[] = { names[i % N_USERS], names[(i + 1) % N_USERS], NULL };

      g_strfreev (settings->users);
      settings->users = g_strdupv ((char **)users);
      g_ptr_array_add (all, settings);
    }
  dfl_switchboard_set_accounts (self->base.switchboard, all);
}

/* The user database is asked for each name once, however many accounts have it. */
static void
test_many_accounts (Viewers *self, gconstpointer mode)
{
  gint64 begin;
  gint64 cost;

  /* Without the viewers, who would be told of everything. */
  for (User user = 0; user < N_USERS; user++)
    g_dbus_connection_close_sync (self->connections[user], NULL, NULL);
  fixture_settle (&self->base, self->base.client);
  database.n_questions = database.n_names = 0;
  set_many (self);
  while (database.n_names < N_USERS)
    g_main_context_iteration (NULL, TRUE);
  fixture_settle (&self->base, self->base.client);
  g_assert_cmpuint (database.n_questions, <=, 2);
  g_assert_cmpuint (database.n_names, ==, N_USERS);

  database.n_questions = database.n_names = 0;
  begin = g_get_monotonic_time ();
  dfl_service_refresh_users (self->base.service);
  cost = g_get_monotonic_time () - begin;
  fixture_settle (&self->base, self->base.client);
  while (database.n_names < N_USERS)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (database.n_questions, ==, 1);
  g_assert_cmpuint (database.n_names, ==, N_USERS);
  g_test_message ("refreshing the users of %u accounts takes the loop %.1f us", N_ACCOUNTS,
                  (double)cost);
}

/* --- Waiting for the users of what was added --- */

static Pending *
start_adding (Viewers *self)
{
  Pending *pending;

  set_held (TRUE);
  pending = fixture_start (&self->base, self->connections[ONE], ROOT, "Manager.AddAccount",
                           g_variant_new_parsed ("('work', {'address': <'sip:w@example.org'>})"));
  while (dfl_fake_keeper_get_n_kept (self->base.keeper) == 0)
    g_main_context_iteration (NULL, TRUE);
  settle (self);
  /* It is kept, and the creator's name is being looked up. */
  g_assert_false (pending->done);
  return pending;
}

static const char *
get_path (Pending *pending)
{
  const char *path;

  pending_wait (pending);
  g_assert_no_error (pending->error);
  g_variant_get (pending->result, "(&o)", &path);
  return path;
}

static void
test_reply_waits_for_users (Viewers *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_adding (self);

  set_held (FALSE);
  fixture_do (&self->base, self->connections[ONE], get_path (pending), "Peer.Ping", NULL, "()");
  log_expect (self->logs[ONE], "added *");
  log_expect (self->logs[ONE], "reply");
}

static void
test_removed_before_users (Viewers *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_adding (self);
  g_autofree char *path = g_strconcat (DFL_ACCOUNT_PATH_PREFIX,
                                       dfl_account_get_id (
                                           fixture_get_account (&self->base, "work")),
                                       NULL);

  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  set_held (FALSE);
  g_assert_cmpstr (get_path (pending), ==, path);
  settle (self);
  log_expect (self->logs[ONE], "reply");
  log_expect (self->logs[ONE], NULL);
}

static void
test_closed_before_users (Viewers *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = start_adding (self);

  dfl_service_close (self->base.service);
  dfl_service_refresh_users (self->base.service);
  g_assert_true (g_str_has_prefix (get_path (pending), DFL_ACCOUNT_PATH_PREFIX));
  set_held (FALSE);
}

int
main (int argc, char *argv[])
{
  dfl_log_catcher_install ();
  g_test_init (&argc, &argv, NULL);
  /* Only root can be several users. */
  if (getuid () != 0)
    return g_test_run ();

#define ADD(path, function)                                                                        \
  g_test_add ("/bus/sight/" path, Viewers, FIXTURE_SYSTEM, set_up, function, tear_down)
  ADD ("transitions", test_transitions);
  ADD ("object-manager-client", test_object_manager_client);
  ADD ("new-account", test_new_account);
  ADD ("user-changes", test_user_changes);
  ADD ("user-appears", test_user_appears);
  ADD ("late-answer", test_late_answer);
  ADD ("many-accounts", test_many_accounts);
  ADD ("reply-waits-for-users", test_reply_waits_for_users);
  ADD ("removed-before-users", test_removed_before_users);
  ADD ("closed-before-users", test_closed_before_users);
#undef ADD
  return g_test_run ();
}
