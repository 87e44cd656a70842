/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* account list, show, add, set, remove, enable, disable. */
#include "manage.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "accounts.h"
#include "daemon.h"
#include "listing.h"
#include "names.h"
#include "output.h"
#include "password.h"

typedef struct
{
  gboolean ask;
  char *file;
} PasswordOptions;

/* --- list, show --- */

static DflExit
account_list (DflManage *self)
{
  DflCommand *command = self->command;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;

  if (dfl_command_connect (command, &error) == NULL
      || (objects = dfl_daemon_list (command->connection, &error)) == NULL)
    return dfl_command_fail (command, error);
  if (command->json)
    dfl_output_json (dfl_listing_accounts_json (objects), TRUE);
  else if (!dfl_listing_accounts_print (objects))
    g_printerr ("%s\n", _ ("There are no accounts that you may see."));
  return DFL_EXIT_DONE;
}

static DflExit
account_show (DflManage *self)
{
  g_autoptr (GError) error = NULL;

  if (!dfl_manage_find_account (self, self->words[0], &error))
    return dfl_command_fail (self->command, error);
  if (self->command->json)
    dfl_output_json (dfl_output_object_json (self->path, NULL, self->properties), TRUE);
  else
    {
      g_print ("%s %s\n", _ ("account"), strrchr (self->path, '/') + 1);
      dfl_listing_print_properties (self->properties);
    }
  return DFL_EXIT_DONE;
}

/* --- add, set --- */

/*
 * The password that the options name, or that an account which registers needs (address, else
 * NULL); "" where there is none. Fails where it could not be had.
 */
static char *
get_password (DflManage *self, const char *name, const char *address, GError **error)
{
  const PasswordOptions *options = self->options;
  gboolean ask = options->ask
                 || (address != NULL && !self->command->no_ask_password && isatty (STDIN_FILENO));
  g_autofree char *safe = dfl_output_escape (address != NULL ? address : name);
  g_autofree char *prompt = NULL;
  char *password;

  if (options->file != NULL)
    return dfl_password_read_file (options->file, error);
  if (!ask)
    return g_strdup ("");
  prompt = options->ask ? g_strdup_printf (_ ("Password of %s: "), safe)
                        : g_strdup_printf (_ ("Password of %s (empty: none): "), safe);
  password = dfl_password_ask (prompt, error);
  if (password == NULL || *password != '\0' || !options->ask)
    return password;
  dfl_password_free (password);
  g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                       _ ("no password was given; nothing has been changed"));
  return NULL;
}

/* Puts the password beside the other settings, which are then complete: a{sv}, floating. */
static GVariant *
end_settings (GVariantDict *settings, char *password)
{
  if (*password != '\0')
    g_variant_dict_insert (settings, "password", "s", password);
  dfl_password_free (password);
  return g_variant_dict_end (settings);
}

/* An account that is told to does not register, so that it needs no password. */
static gboolean
registers (GVariantDict *settings)
{
  gboolean value = TRUE;

  (void)g_variant_dict_lookup (settings, "register", "b", &value);
  return value;
}

static DflExit
account_add (DflManage *self)
{
  DflCommand *command = self->command;
  const char *name = self->words[0];
  const char *address = self->words[1];
  g_autofree char *safe = dfl_output_escape (name);
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  char *password = NULL;
  const char *path;

  g_variant_dict_insert (&settings, "address", "s", address);
  if (!dfl_account_keys_parse ((const char *const *)self->words + 2, &settings, &error)
      || dfl_command_connect (command, &error) == NULL
      || (password = get_password (self, name, registers (&settings) ? address : NULL, &error))
             == NULL)
    return dfl_command_fail (command, error);
  reply = dfl_command_call (command, NULL, DFL_MANAGER_INTERFACE, "AddAccount",
                            g_variant_new ("(s@a{sv})", name, end_settings (&settings, password)),
                            G_VARIANT_TYPE ("(o)"), &error);
  if (reply == NULL)
    return dfl_command_fail (command, error);
  g_variant_get (reply, "(&o)", &path);
  return dfl_manage_tell (self, path, g_strdup_printf (_ ("Added account %s."), safe));
}

static gboolean
check_change (DflManage *self, GError **error)
{
  const PasswordOptions *options = self->options;

  if (self->n_words > 1 || options->ask || options->file != NULL)
    return TRUE;
  g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                       _ ("say what to set, such as ring-limit=30, --password or "
                          "--password-file FILE"));
  return FALSE;
}

static DflExit
account_set (DflManage *self)
{
  DflCommand *command = self->command;
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  char *password = NULL;

  if (!check_change (self, &error)
      || !dfl_account_keys_parse ((const char *const *)self->words + 1, &settings, &error)
      || !dfl_manage_find_account (self, self->words[0], &error)
      || (password = get_password (self, self->words[0], NULL, &error)) == NULL)
    return dfl_command_fail (command, error);
  name = dfl_manage_get_name (self);
  return dfl_manage_change (self, DFL_ACCOUNT_INTERFACE, "Update",
                            g_variant_new ("(@a{sv})", end_settings (&settings, password)),
                            g_strdup_printf (_ ("Changed account %s."), name));
}

/* --- remove, enable, disable --- */

static DflExit
account_remove (DflManage *self)
{
  DflCommand *command = self->command;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autofree char *name = NULL;

  if (!dfl_manage_find_account (self, self->words[0], &error)
      || (reply = dfl_command_call (command, self->path, DFL_ACCOUNT_INTERFACE, "Remove", NULL,
                                    NULL, &error))
             == NULL)
    return dfl_command_fail (command, error);
  name = dfl_manage_get_name (self);
  if (command->json)
    dfl_output_json (dfl_output_object_json (self->path, NULL, none), TRUE);
  else
    g_print (_ ("Removed account %s.\n"), name);
  return DFL_EXIT_DONE;
}

static DflExit
set_enabled (DflManage *self, gboolean enabled)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;

  if (!dfl_manage_find_account (self, self->words[0], &error))
    return dfl_command_fail (self->command, error);
  name = dfl_manage_get_name (self);
  return dfl_manage_change (self, "org.freedesktop.DBus.Properties", "Set",
                            g_variant_new ("(ssv)", DFL_ACCOUNT_INTERFACE, "Enabled",
                                           g_variant_new_boolean (enabled)),
                            g_strdup_printf (enabled ? _ ("Enabled account %s.")
                                                     : _ ("Disabled account %s."),
                                             name));
}

static DflExit
account_enable (DflManage *self)
{
  return set_enabled (self, TRUE);
}

static DflExit
account_disable (DflManage *self)
{
  return set_enabled (self, FALSE);
}

/* --- The verb --- */

static const DflManageVerb verbs[] = {
  { "list", "", N_ ("List the accounts with their state"), 0, 0, FALSE, account_list },
  { "show", N_ ("ACCOUNT"), N_ ("Show everything about an account"), 1, 1, FALSE, account_show },
  { "add", N_ ("NAME ADDRESS [KEY=VALUE…]"), N_ ("Add an account"), 2, G_MAXUINT - 1, TRUE,
    account_add },
  { "set", N_ ("ACCOUNT KEY=VALUE…"), N_ ("Change settings; KEY= is the default"), 1, G_MAXUINT - 1,
    TRUE, account_set },
  { "remove", N_ ("ACCOUNT"), N_ ("Remove an account"), 1, 1, FALSE, account_remove },
  { "enable", N_ ("ACCOUNT"), N_ ("Let an account take calls"), 1, 1, FALSE, account_enable },
  { "disable", N_ ("ACCOUNT"), N_ ("Let it take none and keep its settings"), 1, 1, FALSE,
    account_disable },
  { NULL, NULL, NULL, 0, 0, FALSE, NULL },
};

static gboolean
check_options (DflCommand *self,
               const DflManageVerb *verb,
               const PasswordOptions *options,
               GError **error)
{
  if (!options->ask && options->file == NULL)
    return TRUE;
  if (!verb->takes_options)
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                         _ ("--password and --password-file belong to “deflectctl account add” and "
                            "“deflectctl account set”"));
  else if (options->ask && (options->file != NULL || self->no_ask_password))
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                         _ ("--password asks; leave it out, or else --password-file and "
                            "--no-ask-password"));
  else
    return TRUE;
  return FALSE;
}

DflExit
dfl_verb_account (DflCommand *self, int argc, char **argv)
{
  PasswordOptions options = { .file = NULL };
  const GOptionEntry entries[] = {
    { "password", 0, 0, G_OPTION_ARG_NONE, &options.ask,
      N_ ("add, set: Ask for the password on the terminal"), NULL },
    { "password-file", 0, 0, G_OPTION_ARG_FILENAME, &options.file,
      N_ ("add, set: Read it from the first line of FILE; - is standard input"), N_ ("FILE") },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (DflManage) manage = { .command = self, .options = &options };
  g_autofree char *file = NULL;
  g_autoptr (GError) error = NULL;
  const DflManageVerb *verb;

  verb = dfl_manage_parse (
      &manage, verbs, entries,
      _ ("Shows and changes the accounts that you may see. ACCOUNT is the name of one, or its id\n"
         "where two have that name; keys and values are those of deflectd.conf(5)."),
      &argc, &argv, &error);
  file = options.file;
  if (verb == NULL || !check_options (self, verb, &options, &error))
    return dfl_command_fail (self, error);
  return verb->run (&manage);
}
