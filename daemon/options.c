/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "options.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

#include "config.h"

static GOptionContext *
make_context (DflOptions *self)
{
  const GOptionEntry entries[] = {
    { "config-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->config_dir,
      /* Translators: the help of --config-dir. */
      N_ ("Read deflectd.conf and accounts.d from DIR"), N_ ("DIR") },
    { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->state_dir,
      /* Translators: the help of --state-dir. */
      N_ ("Keep the daemon's own files in DIR"), N_ ("DIR") },
    { "bus", 0, 0, G_OPTION_ARG_STRING, &self->bus,
      /* Translators: the help of --bus; system and session are not translated. */
      N_ ("Serve on this bus: system (the default), session, or a D-Bus address"), N_ ("BUS") },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version, N_ ("Print the version and exit"), NULL },
    G_OPTION_ENTRY_NULL
  };
  GOptionContext *context = g_option_context_new (NULL);

  g_option_context_set_summary (
      context, _ ("Publishes incoming SIP calls on D-Bus, where they can be deflected before "
                  "anybody answers."));
  g_option_context_set_description (
      context, _ ("Settings are read again on SIGHUP. See deflectd(8) and deflectd.conf(5)."));
  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  return context;
}

static gboolean
check_bus (const char *bus, GError **error)
{
  if (g_str_equal (bus, "system") || g_str_equal (bus, "session")
      || g_dbus_is_supported_address (bus, NULL))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               _ ("--bus takes system, session or a D-Bus address such as "
                  "unix:path=/run/user/1000/bus, not \"%s\""),
               bus);
  return FALSE;
}

static void
set_default_directories (DflOptions *self)
{
  gboolean session = g_str_equal (self->bus, "session");

  self->config_dir_given = self->config_dir != NULL;
  if (!self->config_dir_given)
    self->config_dir = session ? g_build_filename (g_get_user_config_dir (), "deflectd", NULL)
                               : g_build_filename (DFL_SYSCONFDIR, "deflectd", NULL);
  if (self->state_dir == NULL)
    self->state_dir = session ? g_build_filename (g_get_user_state_dir (), "deflectd", NULL)
                              : g_build_filename (DFL_LOCALSTATEDIR, "lib", "deflectd", NULL);
}

DflOptions *
dfl_options_parse (int *argc, char ***argv, GError **error)
{
  g_autoptr (DflOptions) self = g_new0 (DflOptions, 1);
  g_autoptr (GOptionContext) context = make_context (self);

  if (!g_option_context_parse (context, argc, argv, error))
    return NULL;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, _ ("Unknown argument \"%s\""),
                   (*argv)[1]);
      return NULL;
    }
  if (self->bus == NULL)
    self->bus = g_strdup ("system");
  if (!check_bus (self->bus, error))
    return NULL;
  set_default_directories (self);
  return g_steal_pointer (&self);
}

void
dfl_options_free (DflOptions *self)
{
  if (self == NULL)
    return;
  g_free (self->config_dir);
  g_free (self->state_dir);
  g_free (self->bus);
  g_free (self);
}

gboolean
dfl_options_is_system (const DflOptions *self)
{
  return g_str_equal (self->bus, "system");
}
