/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "command.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "authorisation.h"
#include "config.h"
#include "daemon.h"
#include "output.h"

typedef struct
{
  const char *name;
  const char *arguments;
  const char *summary;
  DflVerbFunc run;
} Verb;

static const Verb verbs[] = {
  { "status", "", N_ ("Show the daemon, its accounts and the number of calls"), dfl_verb_status },
  { "list", "", N_ ("List the calls"), dfl_verb_list },
  { "show", N_ ("[CALL]"), N_ ("Show everything about a call"), dfl_verb_show },
  { "redirect", N_ ("[CALL] TARGET [ALTERNATIVE…]"), N_ ("Send a call somewhere else, unanswered"),
    dfl_verb_redirect },
  { "decline", N_ ("[CALL]"), N_ ("Decline a call"), dfl_verb_decline },
  { "silence", N_ ("[CALL]"), N_ ("Stop telling people about a call; it stays offered"),
    dfl_verb_silence },
  { "monitor", "", N_ ("Print every change of every call until interrupted"), dfl_verb_monitor },
  { "wait", "", N_ ("Wait for an offered call and print its id"), dfl_verb_wait },
  { "watch", N_ ("--exec COMMAND"), N_ ("Run a command for each offered call and do what it says"),
    dfl_verb_watch },
  { "account", N_ ("list|show|add|set|remove|…"), N_ ("Show and change the accounts"),
    dfl_verb_account },
  { "target", N_ ("list|set|remove"), N_ ("Show and change the targets of an account"),
    dfl_verb_target },
};

static const Verb *
find_verb (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i].name, name))
      return &verbs[i];
  return NULL;
}

/* Always FALSE. complaint may quote what somebody typed. */
static gboolean
refuse (DflCommand *self, const char *complaint, GError **error)
{
  g_autofree char *safe = dfl_output_escape (complaint);
  g_autofree char *program = g_strjoin (" ", "deflectctl", self->verb,
                                        NULL); /* without a verb it ends there */

  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE, _ ("%s; see “%s --help”"), safe, program);
  return FALSE;
}

static gboolean
parse_options (DflCommand *self, GOptionContext *context, int *argc, char ***argv, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (!g_option_context_parse (context, argc, argv, &reason))
    return refuse (self, reason->message, error);
  if (self->given_bus != NULL)
    {
      g_free (self->bus);
      self->bus = g_steal_pointer (&self->given_bus);
    }
  if (!self->version)
    return TRUE;
  g_print ("deflectctl %s\n", DFL_VERSION);
  exit (DFL_EXIT_DONE);
}

/* A group of its own, so that the options are taken before the verb and behind it. */
static GOptionGroup *
global_options (DflCommand *self)
{
  GOptionEntry entries[] = {
    { "bus", 0, 0, G_OPTION_ARG_STRING, &self->given_bus,
      N_ ("The daemon's bus: system (default), session or the address of a bus"), N_ ("BUS") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, N_ ("Print JSON instead of text"), NULL },
    { "no-ask-password", 0, 0, G_OPTION_ARG_NONE, &self->no_ask_password,
      N_ ("Never ask for a password; what needs one is refused"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version, N_ ("Print the version and exit"), NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionGroup *group = g_option_group_new ("global", "", "", self, NULL);

  g_option_group_add_entries (group, entries);
  g_option_group_set_translation_domain (group, GETTEXT_PACKAGE);
  return group;
}

gboolean
dfl_command_parse (DflCommand *self,
                   const GOptionEntry *entries,
                   const char *arguments,
                   const char *summary,
                   int *argc,
                   char ***argv,
                   GError **error)
{
  g_autofree char *line = g_strdup_printf ("%s %s", self->verb, arguments);
  g_autoptr (GOptionContext) context = g_option_context_new (line);
  g_autofree char *complaint = NULL;

  g_option_context_set_main_group (context, global_options (self));
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  g_option_context_set_summary (context, summary);
  if (!parse_options (self, context, argc, argv, error))
    return FALSE;
  if (*argc == 1)
    return TRUE;
  complaint = g_strdup_printf (_ ("“%s” is one argument too many"), (*argv)[1]);
  return refuse (self, complaint, error);
}

GDBusConnection *
dfl_command_connect (DflCommand *self, GError **error)
{
  if (self->connection == NULL)
    self->connection = dfl_daemon_connect (self->bus, error);
  return self->connection;
}

GVariant *
dfl_command_call (DflCommand *self,
                  const char *path,
                  const char *interface,
                  const char *method,
                  GVariant *parameters,
                  const GVariantType *reply_type,
                  GError **error)
{
  DflAsk ask = DFL_ASK_SESSION;

  if (self->no_ask_password)
    ask = DFL_ASK_NOBODY;
  /* polkit is on the system bus, and so are its agents. */
  else if (g_str_equal (self->bus, "system") && isatty (STDIN_FILENO) && isatty (STDERR_FILENO))
    ask = DFL_ASK_TERMINAL;
  return dfl_authorisation_call (self->connection, ask, path, interface, method, parameters,
                                 reply_type, error);
}

DflExit
dfl_command_fail (DflCommand *self, const GError *error)
{
  return dfl_errors_report (error, self->bus);
}

static char *
describe_verbs (void)
{
  GString *text = g_string_new (_ ("Verbs:"));

  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      const char *arguments = *verbs[i].arguments != '\0' ? _ (verbs[i].arguments) : "";
      g_autofree char *usage = g_strdup_printf ("%s %s", verbs[i].name, arguments);
      int padding = MAX (1, 40 - (int)g_utf8_strlen (usage, -1));

      g_string_append_printf (text, "\n  %s%*s%s", usage, padding, "", _ (verbs[i].summary));
    }
  g_string_append_printf (
      text, "\n\n%s\n%s",
      _ ("CALL is the id of a call or the beginning of one. It may be left out where exactly one\n"
         "call is offered."),
      _ ("“deflectctl VERB --help” tells the options of a verb; deflectctl(1) tells everything."));
  return g_string_free (text, FALSE);
}

/* Reads the options before the verb; argv then begins with the verb. */
static const Verb *
read_verb (DflCommand *self, int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (_ ("VERB [ARGUMENT…]"));
  g_autofree char *description = describe_verbs ();
  g_autofree char *complaint = NULL;
  const Verb *verb;

  g_option_context_set_main_group (context, global_options (self));
  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_set_summary (context, _ ("Send incoming calls somewhere else before anybody "
                                            "answers them."));
  g_option_context_set_description (context, description);
  if (!parse_options (self, context, argc, argv, error))
    return NULL;
  if (*argc < 2)
    {
      refuse (self, _ ("say what to do, for example “deflectctl list”"), error);
      return NULL;
    }
  (*argc)--;
  (*argv)++;
  verb = find_verb ((*argv)[0]);
  if (verb == NULL)
    {
      complaint = g_strdup_printf (_ ("there is no verb “%s”"), (*argv)[0]);
      refuse (self, complaint, error);
    }
  return verb;
}

/* At exit, because GLib ends the program itself behind a help text. */
static void
check_output (void)
{
  if (!dfl_output_is_lost ())
    return;
  g_printerr ("deflectctl: %s\n", _ ("the output could not be written; make room where it goes, or "
                                     "send it somewhere else"));
  _exit (DFL_EXIT_FAILED);
}

int
main (int argc, char **argv)
{
  DflCommand command = { .bus = g_strdup ("system") };
  g_autoptr (GError) error = NULL;
  const Verb *verb;
  DflExit status;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, DFL_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_prgname ("deflectctl");
  if (atexit (check_output) != 0)
    g_error ("out of memory");

  verb = read_verb (&command, &argc, &argv, &error);
  if (verb == NULL)
    status = dfl_command_fail (&command, error);
  else
    {
      command.verb = verb->name;
      status = verb->run (&command, argc, argv);
    }
  g_clear_object (&command.connection);
  g_free (command.bus);
  return (int)status;
}
