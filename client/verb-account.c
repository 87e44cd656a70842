/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* account list, show, add, set, remove, enable, disable, register. */
#include "verb-account.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accounts.h"
#include "daemon.h"
#include "listing.h"
#include "names.h"
#include "output.h"
#include "password.h"
#include "registering.h"

#define MAX_SECONDS (G_MAXINT / 1000)

/* Which options a verb takes. */
enum
{
  TAKES_PASSWORD = 1 << 0,
  TAKES_WAIT = 1 << 1,
  TAKES_TIMEOUT = 1 << 2,
  TAKES_TEST = 1 << 3
};

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

/* --- How the registration goes --- */

/* For the account that was found, or one that is to be added, behind dfl_command_connect. Nothing
 * is waited for with --no-wait. */
static gboolean
prepare_wait (DflManage *self, DflRegisteringCause cause, DflRegisteringWait **wait, GError **error)
{
  const DflAccountOptions *options = self->options;

  if (options->no_wait)
    return TRUE;
  *wait = dfl_registering_wait_new (self->command->connection, cause, self->properties, error);
  return *wait != NULL;
}

/* What to do about it, for the account that is called so. */
static void
report_failure (DflRegisteringCause cause, GVariant *account)
{
  g_autofree char *name = dfl_output_escape (dfl_property_string (account, "Name"));
  g_autofree char *reason = dfl_output_escape (dfl_property_string (account, "StateReason"));

  g_printerr (_ ("deflectctl: the registration failed: %s\n"), reason);
  if (cause == DFL_REGISTERING_ADDED)
    g_printerr (
        _ ("The account stays added, and deflectd tries again now and then. Correct it with "
           "“deflectctl account set %s KEY=VALUE”, or take it away with “deflectctl account "
           "remove %s”.\n"),
        name, name);
  else if (cause == DFL_REGISTERING_CHANGED)
    g_printerr (
        _ ("The settings are kept, and deflectd tries again now and then. Correct them with "
           "“deflectctl account set %s KEY=VALUE”.\n"),
        name);
}

static void
report_delay (double seconds, GVariant *account)
{
  g_autofree char *name = dfl_output_escape (dfl_property_string (account, "Name"));
  g_autofree char *reason = dfl_output_escape (dfl_property_string (account, "StateReason"));

  /* Translators: seconds, ": why" or nothing, the name of an account. */
  g_printerr (_ ("deflectctl: not registered after %.3g s%s%s. deflectd goes on trying, and "
                 "“deflectctl account show %s” tells how it goes.\n"),
              seconds, *reason != '\0' ? ": " : "", reason, name);
}

static void
on_delay (const char *reason)
{
  g_autofree char *safe = dfl_output_escape (reason);

  /* Translators: why an account is not registered yet, such as "no answer from HOST yet". */
  g_printerr (_ ("deflectctl: still waiting: %s\n"), safe);
}

/* Waits, where there is something to wait for, and tells how it went. */
static DflExit
finish (DflManage *self,
        DflRegisteringWait *wait,
        DflRegisteringCause cause,
        const char *path,
        char *sentence)
{
  const DflAccountOptions *options = self->options;
  double seconds = options->timeout == DFL_ACCOUNT_NO_TIMEOUT ? DFL_REGISTERING_SECONDS
                                                              : options->timeout;
  g_autofree char *held = sentence;
  g_autoptr (GVariant) now = NULL;
  g_autoptr (GError) error = NULL;
  DflRegistering result;

  if (wait == NULL)
    return dfl_manage_tell (self, path, g_steal_pointer (&held));
  /* Before the wait, so that nobody wonders whether it was added at all. */
  if (!self->command->json)
    {
      g_print ("%s\n", held);
      fflush (stdout);
    }
  dfl_registering_wait_set_on_delay (wait, on_delay);
  if (!dfl_registering_wait_run (wait, path, seconds, &result, &now, &error))
    return dfl_command_fail (self->command, error);
  if (self->command->json || result == DFL_REGISTERING_DONE)
    dfl_manage_print_account (self, path, now);
  else
    g_print (_ ("Its id is %s.\n"), strrchr (path, '/') + 1);
  if (result == DFL_REGISTERING_DONE)
    return DFL_EXIT_DONE;
  if (result == DFL_REGISTERING_FAILED)
    report_failure (cause, now);
  else
    report_delay (seconds, now);
  return result == DFL_REGISTERING_FAILED ? DFL_EXIT_FAILED : DFL_EXIT_TIMED_OUT;
}

static DflExit
account_register (DflManage *self)
{
  g_autoptr (DflRegisteringWait) wait = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;

  if (!dfl_manage_find_account (self, self->words[0], &error)
      || !prepare_wait (self, DFL_REGISTERING_ASKED, &wait, &error)
      || !dfl_manage_call (self, DFL_ACCOUNT_INTERFACE, "Register", NULL, &error))
    return dfl_command_fail (self->command, error);
  name = dfl_manage_get_name (self);
  return finish (self, wait, DFL_REGISTERING_ASKED, self->path,
                 g_strdup_printf (_ ("Registering account %s."), name));
}

/* --- add, set --- */

/*
 * The password that the options name, or that an account which registers needs (address, else
 * NULL); "" where there is none. Fails where it could not be had.
 */
static char *
get_password (DflManage *self, const char *name, const char *address, GError **error)
{
  const DflAccountOptions *options = self->options;
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
  g_autoptr (DflRegisteringWait) wait = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  char *password = NULL;
  const char *path;

  g_variant_dict_insert (&settings, "address", "s", address);
  if (!dfl_account_keys_parse ((const char *const *)self->words + 2, &settings, &error)
      || dfl_command_connect (command, &error) == NULL
      || (password = get_password (self, name, registers (&settings) ? address : NULL, &error))
             == NULL
      || !prepare_wait (self, DFL_REGISTERING_ADDED, &wait, &error))
    {
      dfl_password_free (password);
      return dfl_command_fail (command, error);
    }
  reply = dfl_command_call (command, NULL, DFL_MANAGER_INTERFACE, "AddAccount",
                            g_variant_new ("(s@a{sv})", name, end_settings (&settings, password)),
                            G_VARIANT_TYPE ("(o)"), &error);
  if (reply == NULL)
    return dfl_command_fail (command, error);
  g_variant_get (reply, "(&o)", &path);
  return finish (self, wait, DFL_REGISTERING_ADDED, path,
                 g_strdup_printf (_ ("Added account %s."), safe));
}

static gboolean
check_change (DflManage *self, GError **error)
{
  const DflAccountOptions *options = self->options;

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
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (DflRegisteringWait) wait = NULL;
  g_autoptr (GVariant) settings = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  char *password = NULL;

  if (!check_change (self, &error)
      || !dfl_account_keys_parse ((const char *const *)self->words + 1, &dict, &error)
      || !dfl_manage_find_account (self, self->words[0], &error)
      || (password = get_password (self, self->words[0], NULL, &error)) == NULL)
    return dfl_command_fail (command, error);
  settings = g_variant_ref_sink (end_settings (&dict, password));
  if ((dfl_registering_is_changed_by (settings)
       && !prepare_wait (self, DFL_REGISTERING_CHANGED, &wait, &error))
      || !dfl_manage_call (self, DFL_ACCOUNT_INTERFACE, "Update",
                           g_variant_new ("(@a{sv})", settings), &error))
    return dfl_command_fail (command, error);
  name = dfl_manage_get_name (self);
  return finish (self, wait, DFL_REGISTERING_CHANGED, self->path,
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
  g_autoptr (DflRegisteringWait) wait = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;

  if (!dfl_manage_find_account (self, self->words[0], &error)
      || (enabled && !prepare_wait (self, DFL_REGISTERING_CHANGED, &wait, &error))
      || !dfl_manage_call (self, "org.freedesktop.DBus.Properties", "Set",
                           g_variant_new ("(ssv)", DFL_ACCOUNT_INTERFACE, "Enabled",
                                          g_variant_new_boolean (enabled)),
                           &error))
    return dfl_command_fail (self->command, error);
  name = dfl_manage_get_name (self);
  return finish (self, wait, DFL_REGISTERING_CHANGED, self->path,
                 g_strdup_printf (enabled ? _ ("Enabled account %s.") : _ ("Disabled account %s."),
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
  { "list", "", N_ ("List the accounts with their state"), 0, 0, 0, account_list },
  { "show", N_ ("ACCOUNT"), N_ ("Show everything about an account"), 1, 1, 0, account_show },
  { "add", N_ ("NAME ADDRESS [KEY=VALUE…]"), N_ ("Add an account and wait until it registered"), 2,
    G_MAXUINT - 1, TAKES_PASSWORD | TAKES_WAIT | TAKES_TIMEOUT, account_add },
  { "set", N_ ("ACCOUNT KEY=VALUE…"), N_ ("Change settings; KEY= is the default"), 1, G_MAXUINT - 1,
    TAKES_PASSWORD | TAKES_WAIT | TAKES_TIMEOUT, account_set },
  { "remove", N_ ("ACCOUNT"), N_ ("Remove an account"), 1, 1, 0, account_remove },
  { "enable", N_ ("ACCOUNT"), N_ ("Let an account take calls"), 1, 1, TAKES_WAIT | TAKES_TIMEOUT,
    account_enable },
  { "disable", N_ ("ACCOUNT"), N_ ("Let it take none and keep its settings"), 1, 1, 0,
    account_disable },
  { "register", N_ ("ACCOUNT"), N_ ("Register now, and wait until it did"), 1, 1,
    TAKES_WAIT | TAKES_TIMEOUT, account_register },
  { "test", N_ ("ACCOUNT TARGET"), N_ ("Find out what the server does with a redirect"), 2, 2,
    TAKES_TIMEOUT | TAKES_TEST, dfl_account_test },
  { NULL, NULL, NULL, 0, 0, 0, NULL },
};

/* Always FALSE. */
static gboolean
refuse (const char *complaint, GError **error)
{
  g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE, complaint);
  return FALSE;
}

static gboolean
check_options (DflCommand *self,
               const DflManageVerb *verb,
               const DflAccountOptions *options,
               GError **error)
{
  gboolean password = options->ask || options->file != NULL;
  gboolean timeout = options->timeout != DFL_ACCOUNT_NO_TIMEOUT;

  if (password && !(verb->takes_options & TAKES_PASSWORD))
    return refuse (_ ("--password and --password-file belong to “deflectctl account add” and "
                      "“deflectctl account set”"),
                   error);
  if (options->ask && (options->file != NULL || self->no_ask_password))
    return refuse (_ ("--password asks; leave it out, or else --password-file and "
                      "--no-ask-password"),
                   error);
  if (options->no_wait && !(verb->takes_options & TAKES_WAIT))
    return refuse (_ ("--no-wait belongs to “deflectctl account add”, “set”, “enable” and "
                      "“register”"),
                   error);
  if (timeout && !(verb->takes_options & TAKES_TIMEOUT))
    return refuse (_ ("--timeout belongs to “deflectctl account add”, “set”, “enable”, “register” "
                      "and “test”"),
                   error);
  /* Not a number is none of these either. */
  if (timeout && !(options->timeout > 0 && options->timeout <= MAX_SECONDS))
    {
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                   _ ("--timeout takes a number of seconds above 0, at most %d"), MAX_SECONDS);
      return FALSE;
    }
  if ((options->caller != NULL || options->rang != NULL) && !(verb->takes_options & TAKES_TEST))
    return refuse (_ ("--caller and --rang belong to “deflectctl account test”"), error);
  return TRUE;
}

static const DflManageVerb *
parse (DflManage *self, DflAccountOptions *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "password", 0, 0, G_OPTION_ARG_NONE, &options->ask,
      N_ ("add, set: Ask for the password on the terminal"), NULL },
    { "password-file", 0, 0, G_OPTION_ARG_FILENAME, &options->file,
      N_ ("add, set: Read it from the first line of FILE; - is standard input"), N_ ("FILE") },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &options->no_wait,
      N_ ("add, set, enable, register: Do not wait for the registration"), NULL },
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &options->timeout,
      N_ ("Wait at most so long (exit code 3); default 15, test: 120"), N_ ("SECONDS") },
    { "caller", 0, 0, G_OPTION_ARG_STRING, &options->caller,
      N_ ("test: Take only a call of a caller who matches PATTERN (*, ?)"), N_ ("PATTERN") },
    { "rang", 0, 0, G_OPTION_ARG_STRING, &options->rang,
      N_ ("test: Whether TARGET rings: yes, no, or ask on the terminal"), N_ ("ANSWER") },
    G_OPTION_ENTRY_NULL,
  };

  return dfl_manage_parse (
      self, verbs, entries,
      _ ("Shows and changes the accounts that you may see. ACCOUNT is the name of one, or its id\n"
         "where two have that name; keys and values are those of deflectd.conf(5), and tls-ca,\n"
         "tls-certificate and tls-key take the name of a PEM file."),
      argc, argv, error);
}

DflExit
dfl_verb_account (DflCommand *self, int argc, char **argv)
{
  DflAccountOptions options = { .timeout = DFL_ACCOUNT_NO_TIMEOUT };
  g_auto (DflManage) manage = { .command = self, .options = &options };
  g_autoptr (GError) error = NULL;
  const DflManageVerb *verb = parse (&manage, &options, &argc, &argv, &error);
  DflExit status;

  if (verb == NULL || !check_options (self, verb, &options, &error))
    status = dfl_command_fail (self, error);
  else
    status = verb->run (&manage);
  g_free (options.file);
  g_free (options.caller);
  g_free (options.rang);
  return status;
}
