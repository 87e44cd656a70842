/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/account-change.h"

#include <string.h>

#include "core/error.h"
#include "core/offer.h"

#define MAX_KEYS 64
#define MAX_KEY_BYTES 64
#define MAX_TEXT_BYTES 1024
#define MAX_PEM_BYTES (64 * 1024)
#define MAX_ITEMS 256
#define MAX_TARGETS 100

/* In the order of the documentation. */
const DflAccountKey dfl_account_keys_of_bus[] = {
  { "address", "s", FALSE },
  { "display-name", "s", FALSE },
  { "users", "as", FALSE },
  { "enabled", "b", FALSE },
  { "registrar", "s", FALSE },
  { "outbound-proxy", "s", FALSE },
  { "transport", "s", FALSE },
  { "username", "s", FALSE },
  { "password", "s", FALSE },
  { "expires", "u", FALSE },
  { "tls-verify", "b", FALSE },
  { "tls-wildcard", "b", FALSE },
  { "tls-ca", "s", TRUE },
  { "tls-certificate", "s", TRUE },
  { "tls-key", "s", TRUE },
  { "register", "b", FALSE },
  { "accept-from", "as", FALSE },
  { "trusted", "b", FALSE },
  { "alert", "s", FALSE },
  { "ring-limit", "u", FALSE },
  { "default-action", "s", FALSE },
  { "decline-status", "u", FALSE },
  { "max-offers", "u", FALSE },
  { "redirect-domain", "s", FALSE },
  { "redirect-policy", "s", FALSE },
  { "allow-sips-downgrade", "b", FALSE },
  { "allow-local-targets", "b", FALSE },
  { "allowed-targets", "as", FALSE },
  { "diversion", "s", FALSE },
  { NULL, NULL, FALSE },
};

/* Every error has its key in front, so that a client can point at it. */
static gboolean
refuse (GError **error, const char *key, const char *what)
{
  g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, "%s: %s", key, what);
  return FALSE;
}

/* --- Texts --- */

static gboolean
check_text (const char *key, const char *text, GError **error)
{
  gsize length = strlen (text);
  g_autofree char *clean = NULL;

  if (length > MAX_TEXT_BYTES)
    return refuse (error, key, "is too long; give it at most 1024 bytes");
  if (length > 0 && (g_ascii_isspace (text[0]) || g_ascii_isspace (text[length - 1])))
    return refuse (error, key, "has white space around it; take that away");
  /* What the reader of key files would take for clean. */
  clean = dfl_text_clean (text, -1, length);
  if (!g_str_equal (clean, text))
    return refuse (error, key, "holds control characters; give it plain text");
  return TRUE;
}

/* Certificates and keys come as they stand in their files, in lines. What they are is for others to
 * find out. */
static gboolean
check_pem (const char *key, const char *text, GError **error)
{
  gsize length = strlen (text);

  if (length > MAX_PEM_BYTES)
    return refuse (error, key, "is too long; give it at most 64 KB");
  for (gsize i = 0; i < length; i++)
    {
      if (g_ascii_iscntrl (text[i]) && strchr ("\t\r\n", text[i]) == NULL)
        return refuse (error, key, "holds control characters; give it PEM, which is text");
    }
  return TRUE;
}

static gboolean
check_item (const char *key, const char *item, GError **error)
{
  if (!check_text (key, item, error))
    return FALSE;
  if (item[0] == '\0' || strchr (item, ';') != NULL)
    return refuse (error, key, "has an item that is empty or holds a \";\"; give each its own");
  return TRUE;
}

/* The text form of a list; NULL where it is empty, or with an error. */
static char *
join_items (const char *key, GVariant *list, GError **error)
{
  gsize n = 0;
  g_autofree const char **items = g_variant_get_strv (list, &n);

  if (n > MAX_ITEMS)
    {
      refuse (error, key, "is too long; give it at most 256 items");
      return NULL;
    }
  for (gsize i = 0; i < n; i++)
    {
      if (!check_item (key, items[i], error))
        return NULL;
    }
  return n == 0 ? NULL : g_strjoinv (";", (char **)items);
}

/* --- Settings --- */

static const DflAccountKey *
find_key (const char *name)
{
  for (const DflAccountKey *key = dfl_account_keys_of_bus; key->name != NULL; key++)
    {
      if (g_str_equal (key->name, name))
        return key;
    }
  return NULL;
}

static gboolean
refuse_key (GError **error, const char *key)
{
  gboolean shown = key[0] != '\0' && strlen (key) <= MAX_KEY_BYTES
                   && strspn (key, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen (key);

  if (!shown)
    return refuse (error, "settings", "has a key that no account has; see which there are");
  if (g_str_has_suffix (key, "-file"))
    return refuse (
        error, key,
        "names a file, which only files of the settings directory may; give the content");
  return refuse (error, key, "there is no such key; leave it out");
}

static gboolean
refuse_type (GError **error, const char *key, const char *given, const char *type)
{
  g_autofree char *what = g_strdup_printf ("has type %s, give it type %s", given, type);

  return refuse (error, key, what);
}

/* The text form of a value, NULL for the default, or with an error. */
static char *
write_value (const DflAccountKey *key, GVariant *value, GError **error)
{
  const char *text;
  gboolean good;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      return g_strdup (g_variant_get_boolean (value) ? "true" : "false");
    case G_VARIANT_CLASS_UINT32:
      return g_strdup_printf ("%u", g_variant_get_uint32 (value));
    case G_VARIANT_CLASS_ARRAY:
      return join_items (key->name, value, error);
    default:
      text = g_variant_get_string (value, NULL);
      good = key->pem ? check_pem (key->name, text, error) : check_text (key->name, text, error);
      return text[0] != '\0' && good ? g_strdup (text) : NULL;
    }
}

/* The default of every key, whatever its type is: numbers have no empty value of their own. */
static gboolean
is_empty_text (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
         && *g_variant_get_string (value, NULL) == '\0';
}

/* It may have been a password. */
static void
wipe_free (char *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

static gboolean
add_setting (
    DflAccountChange *change, GHashTable *seen, const char *name, GVariant *value, GError **error)
{
  const DflAccountKey *key = find_key (name);
  g_autoptr (GError) failure = NULL;
  char *text;

  if (key == NULL)
    return refuse_key (error, name);
  if (!g_str_equal (g_variant_get_type_string (value), key->type) && !is_empty_text (value))
    return refuse_type (error, name, g_variant_get_type_string (value), key->type);
  if (!g_hash_table_add (seen, g_strdup (name)))
    return refuse (error, name, "stands twice; give it once");
  text = write_value (key, value, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  dfl_account_change_set (change, name, text);
  wipe_free (text);
  return TRUE;
}

gboolean
dfl_account_change_read_settings (DflAccountChange *change, GVariant *settings, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gboolean good = TRUE;
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (g_variant_n_children (settings) > MAX_KEYS)
    return refuse (error, "settings", "has too many keys; give it at most 64");
  g_variant_iter_init (&iter, settings);
  while (good && g_variant_iter_next (&iter, "{&sv}", &key, &value))
    {
      good = add_setting (change, seen, key, value, error);
      g_variant_unref (value);
    }
  return good;
}

/* --- Targets --- */

static gboolean
add_target (
    GPtrArray *targets, const char *alias, const char *label, const char *address, GError **error)
{
  for (guint i = 0; i < targets->len; i++)
    {
      if (g_str_equal (((DflAlias *)g_ptr_array_index (targets, i))->alias, alias))
        return refuse (error, "targets", "has an alias twice; give it once");
    }
  if (!check_text ("targets", alias, error) || !check_text ("targets", label, error)
      || !check_text ("targets", address, error))
    return FALSE;
  /* The file has LABEL;ADDRESS in one line. */
  if (strchr (label, ';') != NULL)
    return refuse (error, "targets", "has a label that holds a \";\"; take that away");
  g_ptr_array_add (targets, dfl_alias_new (alias, label, address));
  return TRUE;
}

gboolean
dfl_account_change_read_targets (DflAccountChange *change, GVariant *targets, GError **error)
{
  g_autoptr (GPtrArray) read = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);
  const char *alias, *label, *address;
  GVariantIter iter;

  if (g_variant_n_children (targets) > MAX_TARGETS)
    return refuse (error, "targets", "has too many; give at most 100");
  g_variant_iter_init (&iter, targets);
  while (g_variant_iter_next (&iter, "(&s&s&s)", &alias, &label, &address))
    {
      if (!add_target (read, alias, label, address, error))
        return FALSE;
    }
  g_clear_pointer (&change->targets, g_ptr_array_unref);
  change->targets = g_steal_pointer (&read);
  return TRUE;
}
