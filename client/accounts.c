/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "accounts.h"

#include <glib/gi18n.h>
#include <string.h>

#include "errors.h"
#include "listing.h"
#include "names.h"
#include "output.h"
#include "pem.h"

/* Who has to choose is shown so many accounts. */
#define MAX_CANDIDATES 10

#define MAX_ALIAS 32

/* --- Which account --- */

static gboolean
is_meant (const DflListed *account, const char *text)
{
  return text == NULL || g_str_equal (account->name, text) || g_str_equal (account->path, text)
         || g_str_equal (strrchr (account->path, '/') + 1, text);
}

static void
append_candidate (GString *candidates, const DflListed *account)
{
  g_autofree char *line = g_strdup_printf ("%s  %s  %s", strrchr (account->path, '/') + 1,
                                           account->name,
                                           dfl_property_string (account->properties, "Address"));
  g_autofree char *safe = dfl_output_escape (line);

  g_string_append_printf (candidates, "\n  %s", safe);
}

static void
set_match_error (GError **error, const char *text, guint matches, const char *candidates)
{
  g_autofree char *safe = dfl_output_escape (text != NULL ? text : "");

  if (text == NULL && matches == 0)
    g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                         _ ("there is no account that you may see"));
  else if (text == NULL)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                 _ ("there are several accounts, say which one you mean:%s"), candidates);
  else if (matches == 0)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                 _ ("there is no account “%s” that you may see; see “deflectctl account list”"),
                 safe);
  else
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_NO_OBJECT,
                 _ ("several accounts are called “%s”, give the id of the one you mean:%s"), safe,
                 candidates);
}

char *
dfl_account_match (GVariant *objects, const char *text, GError **error)
{
  g_autoptr (GArray) accounts = dfl_listing_new (objects, DFL_ACCOUNT_INTERFACE);
  g_autoptr (GString) candidates = g_string_new (NULL);
  const char *match = NULL;
  guint matches = 0;

  for (guint i = 0; i < accounts->len; i++)
    {
      const DflListed *account = &g_array_index (accounts, DflListed, i);

      if (!is_meant (account, text))
        continue;
      if (matches++ < MAX_CANDIDATES)
        append_candidate (candidates, account);
      match = account->path;
    }
  if (matches == 1)
    return g_strdup (match);
  if (matches > MAX_CANDIDATES)
    g_string_append_printf (candidates, "\n  … (+%u)", matches - MAX_CANDIDATES);
  set_match_error (error, text, matches, candidates->str);
  return NULL;
}

/* --- Keys --- */

const DflAccountKey dfl_account_keys[] = {
  { "address", "s" },
  { "display-name", "s" },
  { "users", "as" },
  { "enabled", "b" },
  { "registrar", "s" },
  { "outbound-proxy", "s" },
  { "transport", "s" },
  { "username", "s" },
  { "tls-verify", "b" },
  { "tls-wildcard", "b" },
  { "tls-ca", "s" },
  { "tls-certificate", "s" },
  { "tls-key", "s" },
  { "register", "b" },
  { "expires", "u" },
  { "accept-from", "as" },
  { "trusted", "b" },
  { "alert", "s" },
  { "ring-limit", "u" },
  { "default-action", "s" },
  { "decline-status", "u" },
  { "max-offers", "u" },
  { "redirect-domain", "s" },
  { "allow-sips-downgrade", "b" },
  { "allow-local-targets", "b" },
  { "allowed-targets", "as" },
  { "diversion", "s" },
  { "redirect-policy", "s" },
  { NULL, NULL },
};

static const DflAccountKey *
find_key (const char *name)
{
  for (const DflAccountKey *key = dfl_account_keys; key->key != NULL; key++)
    if (g_str_equal (key->key, name))
      return key;
  return NULL;
}

static GVariant *
read_list (const char *text)
{
  g_auto (GStrv) items = g_strsplit_set (text, ";,", -1);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; items[i] != NULL; i++)
    if (*g_strstrip (items[i]) != '\0')
      g_variant_builder_add (&builder, "s", items[i]);
  return g_variant_builder_end (&builder);
}

static GVariant *
read_pem (const char *key, const char *text, GError **error)
{
  char *pem = dfl_pem_read (key, text, error);
  GVariant *value = pem != NULL ? g_variant_new_string (pem) : NULL;

  dfl_pem_free (pem);
  return value;
}

/* NULL where the text is no value of that type; floating. */
static GVariant *
read_value (const DflAccountKey *key, const char *text)
{
  guint64 number;

  if (g_str_equal (key->type, "as"))
    return read_list (text);
  /* The contract takes an empty text for the default of every key. */
  if (g_str_equal (key->type, "s") || *text == '\0')
    return g_variant_new_string (text);
  if (g_str_equal (key->type, "b"))
    return g_str_equal (text, "true") || g_str_equal (text, "false")
               ? g_variant_new_boolean (g_str_equal (text, "true"))
               : NULL;
  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &number, NULL)
             ? g_variant_new_uint32 ((guint32)number)
             : NULL;
}

static void
set_value_error (GError **error, const DflAccountKey *key, const char *text)
{
  g_autofree char *safe = dfl_output_escape (text);

  if (g_str_equal (key->type, "b"))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE, _ ("%s takes true or false, not “%s”"),
                 key->key, safe);
  else
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE, _ ("%s takes a number, not “%s”"),
                 key->key, safe);
}

static void
set_unknown_error (GError **error, const char *name)
{
  g_autoptr (GString) known = g_string_new (NULL);
  g_autofree char *safe = dfl_output_escape (name);

  for (const DflAccountKey *key = dfl_account_keys; key->key != NULL; key++)
    g_string_append_printf (known, "%s%s", known->len > 0 ? ", " : "", key->key);
  g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
               /* Translators: the second one is a list of keys. */
               _ ("an account has no key “%s”; the keys are %s, and a password is given with "
                  "--password or --password-file"),
               safe, known->str);
}

static void
set_password_error (GError **error)
{
  g_set_error_literal (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                       _ ("everybody on this machine sees the arguments of a program; leave the "
                          "password out and say --password to be asked for it, or "
                          "--password-file FILE (- is standard input)"));
}

static gboolean
parse_word (const char *word, GVariantDict *settings, GError **error)
{
  const char *equals = strchr (word, '=');
  g_autofree char *name = equals != NULL ? g_strndup (word, (gsize)(equals - word)) : NULL;
  const DflAccountKey *key = name != NULL ? find_key (name) : NULL;
  g_autofree char *safe = NULL;
  GVariant *value;

  if (name != NULL && g_str_has_prefix (name, "password")
      && !(g_str_equal (name, "password") && equals[1] == '\0'))
    {
      set_password_error (error);
      return FALSE;
    }
  if (equals == NULL)
    {
      safe = dfl_output_escape (word);
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE,
                   _ ("“%s” is no setting; settings are written KEY=VALUE, such as ring-limit=30"),
                   safe);
      return FALSE;
    }
  if (g_variant_dict_contains (settings, name))
    {
      safe = dfl_output_escape (name);
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_USAGE, _ ("%s is given twice"), safe);
      return FALSE;
    }
  /* No secret: the default is to have none. */
  if (g_str_equal (name, "password"))
    {
      g_variant_dict_insert (settings, "password", "s", "");
      return TRUE;
    }
  if (key == NULL)
    {
      set_unknown_error (error, name);
      return FALSE;
    }
  if (dfl_pem_is_key (name))
    value = read_pem (name, equals + 1, error);
  else if ((value = read_value (key, equals + 1)) == NULL)
    set_value_error (error, key, equals + 1);
  if (value == NULL)
    return FALSE;
  g_variant_dict_insert_value (settings, name, value);
  return TRUE;
}

gboolean
dfl_account_keys_parse (const char *const *words, GVariantDict *settings, GError **error)
{
  for (; words != NULL && *words != NULL; words++)
    if (!parse_word (*words, settings, error))
      return FALSE;
  return TRUE;
}

/* --- Targets --- */

gboolean
dfl_alias_is_valid (const char *text)
{
  gsize length = strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

  return g_ascii_islower (*text) && length <= MAX_ALIAS && text[length] == '\0';
}

GVariant *
dfl_targets_set (GVariant *targets, const char *alias, const char *label, const char *address)
{
  g_autofree char *usual_label = g_strdup (alias);
  GVariantBuilder builder;
  GVariantIter iter;
  const char *old_alias, *old_label, *old_address;
  gboolean found = FALSE;

  *usual_label = g_ascii_toupper (*usual_label);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sss)"));
  g_variant_iter_init (&iter, targets);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &old_alias, &old_label, &old_address))
    {
      gboolean same = g_str_equal (old_alias, alias);

      found = found || same;
      g_variant_builder_add (&builder, "(sss)", old_alias,
                             same && label != NULL ? label : old_label,
                             same ? address : old_address);
    }
  if (!found)
    g_variant_builder_add (&builder, "(sss)", alias, label != NULL ? label : usual_label, address);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

GVariant *
dfl_targets_remove (GVariant *targets, const char *alias)
{
  GVariantBuilder builder;
  GVariantIter iter;
  GVariant *target;
  gboolean found = FALSE;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sss)"));
  g_variant_iter_init (&iter, targets);
  while ((target = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) held = target;
      const char *old_alias;

      g_variant_get_child (held, 0, "&s", &old_alias);
      if (g_str_equal (old_alias, alias))
        found = TRUE;
      else
        g_variant_builder_add_value (&builder, held);
    }
  if (found)
    return g_variant_ref_sink (g_variant_builder_end (&builder));
  g_variant_builder_clear (&builder);
  return NULL;
}
