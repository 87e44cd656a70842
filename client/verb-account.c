/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* account list, account show. */
#include "command.h"

#include <glib/gi18n.h>
#include <string.h>

#include "daemon.h"
#include "listing.h"
#include "names.h"
#include "output.h"

static DflExit
account_list (DflCommand *self, GVariant *objects)
{
  if (self->json)
    dfl_output_json (dfl_listing_accounts_json (objects), TRUE);
  else if (!dfl_listing_accounts_print (objects))
    g_printerr ("%s\n", _ ("There are no accounts that you may see."));
  return DFL_EXIT_DONE;
}

static DflExit
account_show (DflCommand *self, GVariant *objects, const char *name)
{
  g_autoptr (GArray) list = dfl_listing_new (objects, DFL_ACCOUNT_INTERFACE);
  g_autofree char *safe = NULL;

  for (guint i = 0; i < list->len; i++)
    {
      DflListed *account = &g_array_index (list, DflListed, i);

      if (!g_str_equal (dfl_property_string (account->properties, "Name"), name)
          && !g_str_equal (strrchr (account->path, '/') + 1, name))
        continue;
      if (self->json)
        dfl_output_json (dfl_output_object_json (account->path, NULL, account->properties), TRUE);
      else
        dfl_listing_print_properties (account->properties);
      return DFL_EXIT_DONE;
    }
  safe = dfl_output_escape (name);
  g_printerr (_ ("deflectctl: there is no account “%s” that you may see; see “deflectctl account "
                 "list”\n"),
              safe);
  return DFL_EXIT_NO_OBJECT;
}

DflExit
dfl_verb_account (DflCommand *self, int argc, char **argv)
{
  g_auto (GStrv) words = NULL;
  const GOptionEntry entries[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  guint n;

  if (!dfl_command_parse (self, entries, _ ("list | show NAME"),
                          _ ("Shows the accounts that you may see, with their state and why they "
                             "are in it."),
                          &argc, &argv, &error))
    return dfl_command_fail (self, error);
  n = words != NULL ? g_strv_length (words) : 0;
  if (!(n == 1 && g_str_equal (words[0], "list")) && !(n == 2 && g_str_equal (words[0], "show")))
    {
      g_printerr ("deflectctl: %s\n",
                  _ ("say “deflectctl account list” or “deflectctl account show NAME”"));
      return DFL_EXIT_USAGE;
    }
  if (dfl_command_connect (self, &error) == NULL
      || (objects = dfl_daemon_list (self->connection, &error)) == NULL)
    return dfl_command_fail (self, error);
  return n == 1 ? account_list (self, objects) : account_show (self, objects, words[1]);
}
