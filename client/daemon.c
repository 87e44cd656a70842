/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon.h"

#include <glib/gi18n.h>
#include <string.h>

#include "errors.h"
#include "listing.h"
#include "names.h"
#include "output.h"

#define ID_LENGTH 8

/* Who has to choose is shown so many calls. */
#define MAX_CANDIDATES 10

/* More alternatives than this the contract does not have. */
#define MAX_ALTERNATIVES 5

GDBusConnection *
dfl_daemon_connect (const char *bus, GError **error)
{
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GError) reason = NULL;
  g_autofree char *safe = NULL;

  if (g_str_equal (bus, "system"))
    connection = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, &reason);
  else if (g_str_equal (bus, "session"))
    connection = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &reason);
  else if (!g_dbus_is_supported_address (bus, &reason))
    {
      safe = dfl_output_escape (reason->message);
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                   _ ("--bus takes “system”, “session” or the address of a bus: %s"), safe);
      return NULL;
    }
  else
    connection = g_dbus_connection_new_for_address_sync (
        bus,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
            | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
        NULL, NULL, &reason);

  if (connection != NULL)
    {
      /* The reason has to be told, which exiting on the spot would not do. */
      g_dbus_connection_set_exit_on_close (connection, FALSE);
      return g_steal_pointer (&connection);
    }
  g_dbus_error_strip_remote_error (reason);
  safe = dfl_output_escape (reason->message);
  if (g_str_equal (bus, "system"))
    g_set_error (
        error, DFL_CLIENT_ERROR, DFL_EXIT_NO_DAEMON,
        _ ("there is no system bus (%s); start the message bus and “systemctl enable --now "
           "deflectd”, or run “deflectd --bus session” for yourself and add “--bus "
           "session” here"),
        safe);
  else if (g_str_equal (bus, "session"))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_DAEMON,
                 _ ("there is no session bus (%s); log in to a session, or use --bus ADDRESS, and "
                    "start “deflectd --bus session”"),
                 safe);
  else
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_DAEMON,
                 _ ("there is no bus at that address (%s); start a bus and “deflectd --bus "
                    "ADDRESS”"),
                 safe);
  return NULL;
}

GVariant *
dfl_daemon_call (GDBusConnection *connection,
                 const char *path,
                 const char *interface,
                 const char *method,
                 GVariant *parameters,
                 const GVariantType *reply_type,
                 GError **error)
{
  return g_dbus_connection_call_sync (connection, DFL_BUS_NAME, path != NULL ? path : DFL_ROOT_PATH,
                                      interface, method, parameters, reply_type,
                                      G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, error);
}

GVariant *
dfl_daemon_list (GDBusConnection *connection, GError **error)
{
  g_autoptr (GVariant) reply = dfl_daemon_call (connection, NULL,
                                                "org.freedesktop.DBus.ObjectManager",
                                                "GetManagedObjects", NULL,
                                                G_VARIANT_TYPE ("(a{oa{sa{sv}}})"), error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

GVariant *
dfl_objects_get (GVariant *objects, const char *path, const char *interface)
{
  GVariantIter iter;
  const char *object_path;
  GVariant *interfaces;

  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_next (&iter, "{&o@a{sa{sv}}}", &object_path, &interfaces))
    {
      g_autoptr (GVariant) held = interfaces;

      if (g_str_equal (object_path, path))
        return g_variant_lookup_value (held, interface, G_VARIANT_TYPE_VARDICT);
    }
  return NULL;
}

const char *
dfl_objects_account_name (GVariant *objects, const char *path)
{
  g_autoptr (GVariant) account = dfl_objects_get (objects, path, DFL_ACCOUNT_INTERFACE);
  const char *name = account != NULL ? dfl_property_string (account, "Name") : "";
  const char *slash = strrchr (path, '/');

  /* The text belongs to the serialised list, which outlives this reference to a part of it. */
  return *name != '\0' ? name : slash != NULL ? slash + 1 : path;
}

/* --- Which call --- */

/* The id in a CALL: what stands behind the path of all calls, if that is there. */
static const char *
bare_id (const char *text)
{
  return g_str_has_prefix (text, DFL_CALL_PATH_PREFIX) ? text + strlen (DFL_CALL_PATH_PREFIX)
                                                       : text;
}

gboolean
dfl_call_id_is_valid (const char *text)
{
  const char *id = bare_id (text);
  gsize length = strspn (id, "0123456789abcdef");

  return length >= 1 && length <= ID_LENGTH && id[length] == '\0';
}

static gboolean
check_id (const char *id, GError **error)
{
  g_autofree char *safe = NULL;

  if (id == NULL || dfl_call_id_is_valid (id))
    return TRUE;
  safe = dfl_output_escape (id);
  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
               _ ("“%s” is no call: a call is named by its id, 8 digits of 0-9 and a-f, or by the "
                  "first few of them (see “deflectctl list”)"),
               safe);
  return FALSE;
}

/* One line of the candidates, for a person who has to choose. */
static void
append_candidate (GString *candidates, const char *path, GVariant *call)
{
  g_autofree char *caller = dfl_output_caller (call);
  g_autofree char *line = g_strdup_printf ("%s  %s  %s", bare_id (path),
                                           dfl_property_string (call, "State"), caller);
  g_autofree char *safe = dfl_output_escape (line);

  g_string_append_printf (candidates, "\n  %s", safe);
}

static void
set_match_error (GError **error, const char *id, guint matches, const char *candidates)
{
  if (id == NULL && matches == 0)
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT, _ ("no call is offered now"));
  else if (id == NULL)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                 _ ("several calls are offered, say which one you mean:%s"), candidates);
  else if (matches == 0)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                 _ ("no call has an id that begins with “%s” (any more); see “deflectctl list”"),
                 id);
  else
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                 _ ("several calls begin with “%s”, give more of the id:%s"), id, candidates);
}

char *
dfl_call_id_match (GVariant *objects, const char *id, GError **error)
{
  g_autoptr (GString) candidates = g_string_new (NULL);
  g_autoptr (GArray) calls = NULL;
  const char *match = NULL;
  guint matches = 0;

  if (!check_id (id, error))
    return NULL;
  id = id != NULL ? bare_id (id) : NULL;
  calls = dfl_listing_new (objects, DFL_CALL_INTERFACE);
  for (guint i = 0; i < calls->len; i++)
    {
      const DflListed *call = &g_array_index (calls, DflListed, i);

      if (id != NULL ? !g_str_has_prefix (bare_id (call->path), id)
                     : !g_str_equal (dfl_property_string (call->properties, "State"), "offered"))
        continue;
      if (matches++ < MAX_CANDIDATES)
        append_candidate (candidates, call->path, call->properties);
      match = call->path;
    }
  if (matches == 1)
    return g_strdup (match);
  if (matches > MAX_CANDIDATES)
    g_string_append_printf (candidates, "\n  … (+%u)", matches - MAX_CANDIDATES);
  set_match_error (error, id, matches, candidates->str);
  return NULL;
}

/* The only call that is decided but not over, where none is offered; NULL where that is not so. */
static char *
find_decided (GVariant *objects)
{
  g_autoptr (GArray) calls = dfl_listing_new (objects, DFL_CALL_INTERFACE);
  const char *found = NULL;

  for (guint i = 0; i < calls->len; i++)
    {
      const DflListed *call = &g_array_index (calls, DflListed, i);
      const char *state = dfl_property_string (call->properties, "State");
      gboolean decided = g_str_equal (state, "redirecting") || g_str_equal (state, "declining");

      if (g_str_equal (state, "offered") || (decided && found != NULL))
        return NULL;
      if (decided)
        found = call->path;
    }
  return g_strdup (found);
}

char *
dfl_daemon_find_call (GDBusConnection *connection, const char *id, GError **error)
{
  g_autoptr (GVariant) objects = NULL;
  char *decided;

  if (!check_id (id, error))
    return NULL;
  if (id != NULL && strlen (bare_id (id)) == ID_LENGTH)
    return g_strconcat (DFL_CALL_PATH_PREFIX, bare_id (id), NULL);
  objects = dfl_daemon_list (connection, error);
  if (objects == NULL)
    return NULL;
  decided = id == NULL ? find_decided (objects) : NULL;
  return decided != NULL ? decided : dfl_call_id_match (objects, id, error);
}

gboolean
dfl_redirect_arguments_parse (DflRedirectArguments *self,
                              const char *call_option,
                              const char *const *arguments,
                              GError **error)
{
  guint n = arguments != NULL ? g_strv_length ((char **)arguments) : 0;

  self->call = call_option;
  if (n == 0)
    {
      g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                           _ ("redirect needs a target, such as sip:bob@example.org or a number"));
      return FALSE;
    }
  if (call_option == NULL && n > 1 && dfl_call_id_is_valid (arguments[0]))
    self->call = *arguments++;
  self->target = arguments[0];
  self->alternatives = arguments + 1;
  if (g_strv_length ((char **)self->alternatives) > MAX_ALTERNATIVES)
    {
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                   _ ("redirect takes at most %d alternatives"), MAX_ALTERNATIVES);
      return FALSE;
    }
  return TRUE;
}
