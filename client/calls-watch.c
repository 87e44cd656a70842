/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon sends its announcements to connections that asked for everything (GetManagedObjects),
 * and broadcasts those of shared accounts. So: wait for the name, subscribe to its unique owner,
 * ask. Announcements that come before the answer are in the answer already, because messages of one
 * sender keep their order; they are not looked at. */
#include "calls-watch.h"

#include <string.h>

#include "names.h"
#include "output.h"

#define OBJECT_MANAGER_INTERFACE "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

struct _DflRemote
{
  char *path;
  guint64 serial;       /* the order in which we learned of it */
  GVariant *properties; /* a{sv} */
};

struct _DflCallsWatch
{
  GObject parent;

  GDBusConnection *connection;
  GCancellable *cancellable; /* of this owner of the name */
  GHashTable *calls;         /* path -> DflRemote */
  GHashTable *accounts;      /* path -> DflRemote */
  guint64 next_serial;
  guint name_watch;
  guint subscription;
  gboolean ready;
};

G_DEFINE_FINAL_TYPE (DflCallsWatch, dfl_calls_watch, G_TYPE_OBJECT)

enum
{
  SIGNAL_READY,
  SIGNAL_CALL_ADDED,
  SIGNAL_CALL_CHANGED,
  SIGNAL_CALL_REMOVED,
  SIGNAL_ACCOUNT_CHANGED,
  SIGNAL_ACCOUNT_REMOVED,
  SIGNAL_LOST,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static DflRemote *
remote_new (DflCallsWatch *self, const char *path, GVariant *properties)
{
  DflRemote *remote = g_new0 (DflRemote, 1);

  remote->path = g_strdup (path);
  remote->serial = self->next_serial++;
  remote->properties = g_variant_ref (properties);
  return remote;
}

static void
remote_free (gpointer data)
{
  DflRemote *remote = data;

  g_free (remote->path);
  g_variant_unref (remote->properties);
  g_free (remote);
}

const char *
dfl_remote_get_path (DflRemote *self)
{
  return self->path;
}

const char *
dfl_remote_get_id (DflRemote *self)
{
  return strrchr (self->path, '/') + 1;
}

GVariant *
dfl_remote_get_properties (DflRemote *self)
{
  return g_variant_ref (self->properties);
}

/* In the order in which the daemon listed them, which is for people. */
static void
remote_update (DflRemote *self, GVariant *changed)
{
  GVariantDict new_values;
  GVariantBuilder builder;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_dict_init (&new_values, changed);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init (&iter, self->properties);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) old_value = value;
      g_autoptr (GVariant) new_value = g_variant_dict_lookup_value (&new_values, name, NULL);

      g_variant_builder_add (&builder, "{sv}", name, new_value != NULL ? new_value : old_value);
      g_variant_dict_remove (&new_values, name);
    }
  g_variant_dict_clear (&new_values);
  g_variant_unref (self->properties);
  self->properties = g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* --- What the daemon says --- */

static void
take_object (DflCallsWatch *self, const char *path, GVariant *interfaces)
{
  g_autoptr (GVariant) call = g_variant_lookup_value (interfaces, DFL_CALL_INTERFACE,
                                                      G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) account = g_variant_lookup_value (interfaces, DFL_ACCOUNT_INTERFACE,
                                                         G_VARIANT_TYPE_VARDICT);
  DflRemote *remote;

  if (account != NULL)
    {
      remote = remote_new (self, path, account);
      g_hash_table_replace (self->accounts, remote->path, remote);
    }
  if (call == NULL || g_hash_table_contains (self->calls, path))
    return;
  remote = remote_new (self, path, call);
  g_hash_table_replace (self->calls, remote->path, remote);
  if (self->ready)
    g_signal_emit (self, signals[SIGNAL_CALL_ADDED], 0, remote);
}

static void
drop_call (DflCallsWatch *self, const char *path)
{
  DflRemote *remote = g_hash_table_lookup (self->calls, path);

  if (remote == NULL)
    return;
  g_hash_table_steal (self->calls, path);
  g_signal_emit (self, signals[SIGNAL_CALL_REMOVED], 0, remote);
  remote_free (remote);
}

static void
take_removal (DflCallsWatch *self, const char *path, const char *const *interfaces)
{
  if (g_strv_contains (interfaces, DFL_CALL_INTERFACE))
    drop_call (self, path);
  if (g_strv_contains (interfaces, DFL_ACCOUNT_INTERFACE)
      && g_hash_table_remove (self->accounts, path))
    g_signal_emit (self, signals[SIGNAL_ACCOUNT_REMOVED], 0, path);
}

static void
take_change (DflCallsWatch *self, const char *path, const char *interface, GVariant *changed)
{
  gboolean is_call = g_str_equal (interface, DFL_CALL_INTERFACE);
  DflRemote *remote = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  GVariantIter iter;
  const char *name;

  if (is_call)
    remote = g_hash_table_lookup (self->calls, path);
  else if (g_str_equal (interface, DFL_ACCOUNT_INTERFACE))
    remote = g_hash_table_lookup (self->accounts, path);
  if (remote == NULL)
    return;

  remote_update (remote, changed);
  g_variant_iter_init (&iter, changed);
  while (g_variant_iter_next (&iter, "{&sv}", &name, NULL))
    g_ptr_array_add (names, (gpointer)name);
  g_ptr_array_add (names, NULL);
  if (names->len > 1)
    g_signal_emit (self, signals[is_call ? SIGNAL_CALL_CHANGED : SIGNAL_ACCOUNT_CHANGED], 0, remote,
                   names->pdata);
}

static void
on_signal (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *member,
           GVariant *parameters,
           gpointer data)
{
  g_autoptr (DflCallsWatch) self = g_object_ref (DFL_CALLS_WATCH (data));
  const char *subject;

  if (!self->ready)
    return;
  if (g_str_equal (interface, PROPERTIES_INTERFACE) && g_str_equal (member, "PropertiesChanged")
      && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sa{sv}as)")))
    {
      g_autoptr (GVariant) changed = g_variant_get_child_value (parameters, 1);

      g_variant_get_child (parameters, 0, "&s", &subject);
      take_change (self, path, subject, changed);
    }
  else if (!g_str_equal (interface, OBJECT_MANAGER_INTERFACE))
    return;
  else if (g_str_equal (member, "InterfacesAdded")
           && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(oa{sa{sv}})")))
    {
      g_autoptr (GVariant) interfaces = g_variant_get_child_value (parameters, 1);

      g_variant_get_child (parameters, 0, "&o", &subject);
      take_object (self, subject, interfaces);
    }
  else if (g_str_equal (member, "InterfacesRemoved")
           && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(oas)")))
    {
      g_autofree const char **interfaces = NULL;

      g_variant_get (parameters, "(&o^a&s)", &subject, &interfaces);
      take_removal (self, subject, interfaces);
    }
}

/* --- The daemon comes and goes --- */

static void
forget_owner (DflCallsWatch *self)
{
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  self->subscription = 0;
}

static void
lose (DflCallsWatch *self, const GError *error)
{
  GPtrArray *calls;

  forget_owner (self);
  calls = dfl_calls_watch_get_calls (self);
  for (guint i = 0; i < calls->len; i++)
    {
      g_autofree char *path = g_strdup (dfl_remote_get_path (calls->pdata[i]));

      drop_call (self, path);
    }
  g_ptr_array_unref (calls);
  g_hash_table_remove_all (self->accounts);
  self->ready = FALSE;
  g_signal_emit (self, signals[SIGNAL_LOST], 0, error);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (DflCallsWatch) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);
  g_autoptr (GVariant) objects = NULL;
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;

  if (reply == NULL)
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        lose (self, error);
      return;
    }
  objects = g_variant_get_child_value (reply, 0);
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_next (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      take_object (self, path, interfaces);
      g_variant_unref (interfaces);
    }
  self->ready = TRUE;
  g_signal_emit (self, signals[SIGNAL_READY], 0);
}

static void
on_name_appeared (GDBusConnection *connection, const char *name, const char *owner, gpointer data)
{
  DflCallsWatch *self = data;

  self->cancellable = g_cancellable_new ();
  self->subscription = g_dbus_connection_signal_subscribe (connection, owner, NULL, NULL, NULL,
                                                           NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                           on_signal, self, NULL);
  g_dbus_connection_call (connection, owner, DFL_ROOT_PATH, OBJECT_MANAGER_INTERFACE,
                          "GetManagedObjects", NULL, G_VARIANT_TYPE ("(a{oa{sa{sv}}})"),
                          G_DBUS_CALL_FLAGS_NONE, G_MAXINT, self->cancellable, on_listed,
                          g_object_ref (self));
}

static void
on_name_vanished (GDBusConnection *connection, const char *name, gpointer data)
{
  g_autoptr (DflCallsWatch) self = g_object_ref (DFL_CALLS_WATCH (data));
  g_autoptr (GError) error = NULL;

  /* Without a connection the bus itself is gone: on_closed tells. */
  if (connection == NULL)
    return;
  error = g_error_new_literal (G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER, DFL_BUS_NAME);
  lose (self, error);
}

static void
on_closed (GDBusConnection *connection, gboolean by_remote, GError *reason, gpointer data)
{
  g_autoptr (DflCallsWatch) self = g_object_ref (DFL_CALLS_WATCH (data));
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                  "the bus closed the connection");

  lose (self, error);
}

/* --- The object --- */

DflCallsWatch *
dfl_calls_watch_new (GDBusConnection *connection)
{
  DflCallsWatch *self = g_object_new (DFL_TYPE_CALLS_WATCH, NULL);

  self->connection = g_object_ref (connection);
  g_signal_connect_object (connection, "closed", G_CALLBACK (on_closed), self, 0);
  return self;
}

void
dfl_calls_watch_start (DflCallsWatch *self)
{
  g_return_if_fail (self->name_watch == 0);
  self->name_watch = g_bus_watch_name_on_connection (self->connection, DFL_BUS_NAME,
                                                     G_BUS_NAME_WATCHER_FLAGS_AUTO_START,
                                                     on_name_appeared, on_name_vanished, self,
                                                     NULL);
}

static int
compare_serials (gconstpointer a, gconstpointer b)
{
  const DflRemote *first = *(DflRemote *const *)a;
  const DflRemote *second = *(DflRemote *const *)b;

  return first->serial < second->serial ? -1 : first->serial > second->serial;
}

GPtrArray *
dfl_calls_watch_get_calls (DflCallsWatch *self)
{
  GPtrArray *calls = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer call;

  g_hash_table_iter_init (&iter, self->calls);
  while (g_hash_table_iter_next (&iter, NULL, &call))
    g_ptr_array_add (calls, call);
  g_ptr_array_sort (calls, compare_serials);
  return calls;
}

const char *
dfl_calls_watch_get_account_name (DflCallsWatch *self, const char *path)
{
  DflRemote *account = g_hash_table_lookup (self->accounts, path);
  const char *name = account != NULL ? dfl_property_string (account->properties, "Name") : "";
  const char *slash = strrchr (path, '/');

  return *name != '\0' ? name : slash != NULL ? slash + 1 : path;
}

DflRemote *
dfl_calls_watch_get_account (DflCallsWatch *self, const char *path)
{
  return g_hash_table_lookup (self->accounts, path);
}

DflRemote *
dfl_calls_watch_find_account (DflCallsWatch *self, const char *text)
{
  GHashTableIter iter;
  gpointer account;

  g_hash_table_iter_init (&iter, self->accounts);
  while (g_hash_table_iter_next (&iter, NULL, &account))
    if (g_str_equal (dfl_property_string (((DflRemote *)account)->properties, "Name"), text)
        || g_str_equal (dfl_remote_get_id (account), text))
      return account;
  return NULL;
}

static void
dfl_calls_watch_dispose (GObject *object)
{
  DflCallsWatch *self = DFL_CALLS_WATCH (object);

  if (self->name_watch != 0)
    g_bus_unwatch_name (self->name_watch);
  self->name_watch = 0;
  if (self->connection != NULL)
    forget_owner (self);
  g_clear_object (&self->connection);
  g_clear_pointer (&self->calls, g_hash_table_unref);
  g_clear_pointer (&self->accounts, g_hash_table_unref);
  G_OBJECT_CLASS (dfl_calls_watch_parent_class)->dispose (object);
}

static void
dfl_calls_watch_class_init (DflCallsWatchClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dfl_calls_watch_dispose;

  signals[SIGNAL_READY] = g_signal_new ("ready", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 0);
  signals[SIGNAL_CALL_ADDED] = g_signal_new ("call-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                             NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[SIGNAL_CALL_CHANGED] = g_signal_new ("call-changed", type, G_SIGNAL_RUN_LAST, 0, NULL,
                                               NULL, NULL, G_TYPE_NONE, 2, G_TYPE_POINTER,
                                               G_TYPE_POINTER);
  signals[SIGNAL_CALL_REMOVED] = g_signal_new ("call-removed", type, G_SIGNAL_RUN_LAST, 0, NULL,
                                               NULL, NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[SIGNAL_ACCOUNT_CHANGED] = g_signal_new ("account-changed", type, G_SIGNAL_RUN_LAST, 0,
                                                  NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_POINTER,
                                                  G_TYPE_POINTER);
  signals[SIGNAL_ACCOUNT_REMOVED] = g_signal_new ("account-removed", type, G_SIGNAL_RUN_LAST, 0,
                                                  NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SIGNAL_LOST] = g_signal_new ("lost", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
dfl_calls_watch_init (DflCallsWatch *self)
{
  self->calls = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, remote_free);
  self->accounts = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, remote_free);
}
