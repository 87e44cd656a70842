/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Users whose names change hands while they, and their accounts, are here. */

#include "bus/people.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* --- A user database (the linker lets these stand before the real ones) --- */

/* Two users; what is asked by uid, and what by name, may differ. */
static struct
{
  GMutex lock;
  GCond changed;
  const char *names[2]; /* of the owner and the neighbour */
  guint32 old, new;     /* whom the names lead to */
  gboolean held;
  guint n_waiting;
} database;

int __wrap_getpwnam_r (
    const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found);
int __real_getpwnam_r (
    const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found);
int __wrap_getpwuid_r (
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found);
int __real_getpwuid_r (
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found);

int
__wrap_getpwnam_r (
    const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
  if (!g_str_equal (name, "old") && !g_str_equal (name, "new"))
    return __real_getpwnam_r (name, entry, buffer, size, found);
  memset (entry, 0, sizeof *entry);
  g_mutex_lock (&database.lock);
  entry->pw_uid = g_str_equal (name, "old") ? database.old : database.new;
  g_mutex_unlock (&database.lock);
  *found = entry->pw_uid == 0 ? NULL : entry;
  return 0;
}

int
__wrap_getpwuid_r (
    uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
  if (uid != STRANGER && uid != NEIGHBOUR)
    return __real_getpwuid_r (uid, entry, buffer, size, found);
  memset (entry, 0, sizeof *entry);
  entry->pw_uid = uid;
  g_mutex_lock (&database.lock);
  entry->pw_name = (char *)database.names[uid == NEIGHBOUR];
  database.n_waiting++;
  g_main_context_wakeup (NULL);
  while (database.held)
    g_cond_wait (&database.changed, &database.lock);
  database.n_waiting--;
  g_mutex_unlock (&database.lock);
  *found = entry;
  return 0;
}

/* The owner is "old" and the neighbour "other"; then the one is "new" and the other "old". */
static void
set_renamed (gboolean renamed)
{
  g_mutex_lock (&database.lock);
  database.names[0] = renamed ? "new" : "old";
  database.names[1] = renamed ? "old" : "other";
  database.old = renamed ? NEIGHBOUR : STRANGER;
  database.new = renamed ? STRANGER : 0;
  g_mutex_unlock (&database.lock);
}

/* While held, what was asked by uid is not answered; the answer is that of before. */
static void
set_held (gboolean held)
{
  g_mutex_lock (&database.lock);
  database.held = held;
  g_cond_broadcast (&database.changed);
  g_mutex_unlock (&database.lock);
}

static void
wait_asked (guint n)
{
  gboolean done = FALSE;

  while (!done)
    {
      g_mutex_lock (&database.lock);
      done = database.n_waiting == n;
      g_mutex_unlock (&database.lock);
      if (!done)
        g_main_context_iteration (NULL, TRUE);
    }
}

/* --- Set-up --- */

static void
set_up (People *self, gconstpointer mode)
{
  set_renamed (FALSE);
  people_set_up (self, mode);
}

/* What the owner adds belongs to this name. */
static void
expect_added (People *self, const char *account, const char *name)
{
  const DflAccountSettings *kept = people_get_kept (self,
                                                    people_add (self, self->owner, account, WORK));
  g_autofree char *users = g_strjoinv (";", kept->users);

  g_assert_cmpstr (users, ==, name);
  g_assert_cmpstr (kept->creator, ==, name);
}

/* --- Cases --- */

static void
test_refreshed (People *self, gconstpointer mode)
{
  expect_added (self, "one", "old");
  set_renamed (TRUE);
  dfl_service_refresh_users (self->base.service);
  expect_added (self, "two", "new");
}

static void
test_connected_again (People *self, gconstpointer mode)
{
  g_autoptr (GDBusConnection) also = test_bus_connect_as (self->base.bus, STRANGER);
  g_autoptr (GError) error = NULL;

  expect_added (self, "one", "old");
  fixture_settle (&self->base, also);
  set_renamed (TRUE);
  g_dbus_connection_close_sync (self->owner, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_close_sync (also, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&self->owner);
  /* The bus tells in this order. */
  fixture_settle (&self->base, self->neighbour);
  self->owner = test_bus_connect_as (self->base.bus, STRANGER);
  expect_added (self, "two", "new");
}

/* What is asked meanwhile waits for the new name, and so does what was asked before the database
 * changed. */
static void
test_held (People *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) pending = g_ptr_array_new_with_free_func ((GDestroyNotify)pending_free);

  fixture_settle (&self->base, self->owner);
  set_held (TRUE);
  dfl_service_refresh_users (self->base.service);
  wait_asked (1);
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *name = g_strdup_printf ("account_%u", i);

      g_ptr_array_add (pending, fixture_start (&self->base, self->owner, ROOT, "Manager.AddAccount",
                                               people_add_parameters (name, WORK)));
    }
  fixture_settle (&self->base, self->base.client);
  people_expect_asked (self, NULL);
  set_renamed (TRUE);
  dfl_service_refresh_users (self->base.service);
  set_held (FALSE);
  for (guint i = 0; i < pending->len; i++)
    {
      Pending *one = g_ptr_array_index (pending, i);
      const char *path;

      pending_wait (one);
      g_assert_no_error (one->error);
      g_variant_get (one->result, "(&o)", &path);
      g_assert_cmpstr (people_get_kept (self, path)->creator, ==, "new");
    }
}

/* One who leaves meanwhile is forgotten, and nobody else. */
static void
test_gone_meanwhile (People *self, gconstpointer mode)
{
  g_autoptr (Pending) pending = NULL;
  g_autoptr (GError) error = NULL;

  fixture_settle (&self->base, self->owner);
  fixture_settle (&self->base, self->neighbour);
  set_held (TRUE);
  dfl_service_refresh_users (self->base.service);
  wait_asked (2);
  pending = fixture_start (&self->base, self->owner, ROOT, "Manager.AddAccount",
                           people_add_parameters ("work", WORK));
  g_dbus_connection_close_sync (self->owner, NULL, &error);
  g_assert_no_error (error);
  pending_wait (pending);
  g_clear_object (&self->owner);
  fixture_settle (&self->base, self->base.client);
  set_held (FALSE);
  fixture_settle (&self->base, self->neighbour);
  self->owner = test_bus_connect_as (self->base.bus, STRANGER);
  expect_added (self, "two", "old");
}

/* A name is that of the uid to which it leads, and of no other. */
static void
test_shared (People *self, gconstpointer mode)
{
  const char *path;
  g_autofree char *message = NULL;
  g_autofree char *decided_by = NULL;

  database.names[1] = "old";
  expect_added (self, "one", "old");
  message = people_fail_to_add (self, self->neighbour, "two", WORK, ERROR ("NotAuthorized"));
  g_assert_nonnull (strstr (message, "no name of its own"));

  fixture_set_users (&self->base, "*", NULL);
  path = path_of_call (fixture_offer (&self->base, "one"));
  fixture_do (&self->base, self->neighbour, path, "Call.Decline", g_variant_new ("(a{sv})", NULL),
              "()");
  decided_by = fixture_get (&self->base, self->base.client, path, DFL_CALL_INTERFACE, "DecidedBy");
  g_assert_cmpstr (decided_by, ==, "'user:1'");
}

#define ADD(name, func)                                                                            \
  g_test_add ("/renamed/" name, People, FIXTURE_SYSTEM, set_up, func, people_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("refreshed", test_refreshed);
  ADD ("connected-again", test_connected_again);
  ADD ("held", test_held);
  ADD ("gone-meanwhile", test_gone_meanwhile);
  ADD ("shared", test_shared);
  return g_test_run ();
}
