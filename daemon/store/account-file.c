/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/settings.h"

#include <gio/gio.h>
#include <string.h>

#include "core/address.h"
#include "core/target.h"
#include "store/key-file.h"
#include "store/key-readers.h"

#define ACCOUNT "account"
#define TARGETS "targets"
#define MAX_RING_LIMIT (24 * 60 * 60)
#define MAX_OFFERS 100000
#define MAX_NAME_BYTES 128
#define MAX_TARGETS 100
#define REDIRECT "redirect:"

/* Stands in where a domain is needed to look at the rest of a text and there is none. */
#define NO_DOMAIN "domain.invalid"

static void
replace_text (char **text, char *value)
{
  g_free (*text);
  *text = value;
}

/* --- Who it is --- */

/* USER, or NULL: whatever follows sip: must be a valid target with a user part and nothing behind
 * the domain. */
static char *
split_address (const char *value, char **domain)
{
  g_autoptr (DflTarget) target = NULL;
  const char *at = strchr (value, '@');

  if (g_ascii_strncasecmp (value, "sip:", 4) != 0 || at == NULL || at == value + 4)
    return NULL;
  target = dfl_target_new (value, NO_DOMAIN, FALSE, NULL);
  if (target == NULL || !dfl_target_is_domain (at + 1))
    return NULL;

  *domain = g_strdup (at + 1);
  return g_uri_unescape_segment (value + 4, at, NULL);
}

static void
read_address (DflKeyFile *file,
              const DflKeyLine *at,
              const DflKeySpec *spec,
              const char *value,
              gpointer into)
{
  DflAccountSettings *settings = into;
  g_autofree char *domain = NULL;
  g_autofree char *user = split_address (value, &domain);
  g_autofree char *quoted = dfl_key_file_quote (value);

  if (user == NULL)
    {
      dfl_key_file_complain (file, at, "expected sip:USER@HOST or sip:USER@HOST:PORT, not %s",
                             quoted);
      return;
    }
  replace_text (&settings->address, g_strconcat ("sip:", value + 4, NULL));
  replace_text (&settings->user, g_steal_pointer (&user));
  replace_text (&settings->domain, g_steal_pointer (&domain));
}

/* What no NSS knows and what a file of user names could not hold. */
static gboolean
is_user_name (const char *name)
{
  if (strlen (name) > 64 || *name == '-')
    return FALSE;
  for (const char *p = name; *p != '\0'; p++)
    if (g_ascii_isspace (*p) || strchr ("*:/,\\\"'", *p) != NULL)
      return FALSE;
  return TRUE;
}

static void
read_users (DflKeyFile *file,
            const DflKeyLine *at,
            const DflKeySpec *spec,
            const char *value,
            gpointer into)
{
  DflAccountSettings *settings = into;
  g_auto (GStrv) items = dfl_key_file_get_list (file, at);
  g_autoptr (GStrvBuilder) users = g_strv_builder_new ();

  if (items == NULL)
    return;
  if (g_strv_contains ((const char *const *)items, "*"))
    {
      if (g_strv_length (items) > 1)
        dfl_key_file_complain (file, at, "expected * alone, or the names of users without it");
      else
        g_strv_builder_add (users, "*");
    }
  else
    for (char **item = items; *item != NULL; item++)
      {
        g_autofree char *quoted = dfl_key_file_quote (*item);

        if (is_user_name (*item))
          g_strv_builder_add (users, *item);
        else
          dfl_key_file_complain (file, at, "expected names of local users separated by ;, not %s",
                                 quoted);
      }
  g_strfreev (settings->users);
  settings->users = g_strv_builder_end (users);
}

/* --- Where its calls come from --- */

/* The prefix without the bits behind it, for the hint. */
static char *
mask_address (GInetAddress *address, guint length)
{
  gsize size = g_inet_address_get_native_size (address);
  g_autofree guint8 *bytes = g_memdup2 (g_inet_address_to_bytes (address), size);
  g_autoptr (GInetAddress) masked = NULL;

  for (gsize i = 0; i < size; i++)
    {
      guint kept = length > i * 8 ? MIN (length - i * 8, 8) : 0;

      bytes[i] &= (guint8)(0xFF00 >> kept);
    }
  masked = g_inet_address_new_from_bytes (bytes, g_inet_address_get_family (address));
  return g_inet_address_to_string (masked);
}

/* NULL where text is a numeric address or a prefix, else what to do about it. */
static char *
check_source (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", 2);
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (parts[0]);
  g_autoptr (GInetAddressMask) mask = NULL;
  g_autofree char *quoted = dfl_key_file_quote (text);
  g_autofree char *network = NULL;
  guint64 length;

  if (address == NULL || strchr (parts[0], '%') != NULL)
    return g_strdup_printf ("expected numeric addresses or prefixes such as 192.0.2.1 or "
                            "2001:db8::/32, not %s",
                            quoted);
  if (g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6
      && g_ascii_strncasecmp (parts[0], "::ffff:", 7) == 0)
    return g_strdup_printf ("expected the IPv4 address itself instead of %s", quoted);
  if (parts[1] == NULL)
    return NULL;

  length = g_inet_address_get_native_size (address) * 8;
  if (!g_ascii_string_to_unsigned (parts[1], 10, 0, length, &length, NULL))
    return g_strdup_printf ("expected a prefix length from 0 to %u behind the / of %s",
                            (guint)(g_inet_address_get_native_size (address) * 8), quoted);
  mask = g_inet_address_mask_new (address, (guint)length, NULL);
  if (mask != NULL)
    return NULL;
  network = mask_address (address, (guint)length);
  return g_strdup_printf (
      "%s has bits behind the prefix; write %s/%u for the network or %s for the host", quoted,
      network, (guint)length, parts[0]);
}

static void
read_accept_from (DflKeyFile *file,
                  const DflKeyLine *at,
                  const DflKeySpec *spec,
                  const char *value,
                  gpointer into)
{
  DflAccountSettings *settings = into;
  g_auto (GStrv) items = dfl_key_file_get_list (file, at);

  if (items == NULL)
    return;
  if (items[0] == NULL)
    dfl_key_file_complain (file, at, "expected at least one numeric address or prefix");
  for (char **item = items; *item != NULL; item++)
    {
      g_autofree char *problem = check_source (*item);

      if (problem != NULL)
        dfl_key_file_complain (file, at, "%s", problem);
    }
  g_strfreev (settings->accept_from);
  settings->accept_from = g_steal_pointer (&items);
}

static void
read_register (DflKeyFile *file,
               const DflKeyLine *at,
               const DflKeySpec *spec,
               const char *value,
               gpointer into)
{
  DflKeySpec itself = { .offset = 0 };
  gboolean registers = FALSE;

  dfl_key_read_boolean (file, at, &itself, value, &registers);
  if (registers)
    dfl_key_file_complain (file, at,
                           "this version serves direct accounts only; set it to false and name "
                           "the callers' servers in accept-from=");
}

/* --- What happens to its calls --- */

static void
read_alert (DflKeyFile *file,
            const DflKeyLine *at,
            const DflKeySpec *spec,
            const char *value,
            gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);

  if (g_str_equal (value, "ringing"))
    ((DflAccountSettings *)into)->alert = TRUE;
  else if (g_str_equal (value, "silent"))
    ((DflAccountSettings *)into)->alert = FALSE;
  else
    dfl_key_file_complain (file, at, "expected ringing or silent, not %s", quoted);
}

static void
read_decline_status (DflKeyFile *file,
                     const DflKeyLine *at,
                     const DflKeySpec *spec,
                     const char *value,
                     gpointer into)
{
  static const char *const known[] = { "480", "486", "603", NULL };
  g_autofree char *quoted = dfl_key_file_quote (value);

  if (g_strv_contains (known, value))
    ((DflAccountSettings *)into)->decline_status = (guint)g_ascii_strtoull (value, NULL, 10);
  else
    dfl_key_file_complain (file, at, "expected 480, 486 or 603, not %s", quoted);
}

static void
read_default_action (DflKeyFile *file,
                     const DflKeyLine *at,
                     const DflKeySpec *spec,
                     const char *value,
                     gpointer into)
{
  DflAccountSettings *settings = into;
  g_autofree char *quoted = dfl_key_file_quote (value);

  if (g_str_has_prefix (value, REDIRECT))
    replace_text (&settings->default_target, g_strchug (g_strdup (value + strlen (REDIRECT))));
  else if (!g_str_equal (value, "decline"))
    dfl_key_file_complain (file, at, "expected decline or redirect:TARGET, not %s", quoted);
}

static void
read_redirect_domain (DflKeyFile *file,
                      const DflKeyLine *at,
                      const DflKeySpec *spec,
                      const char *value,
                      gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);

  if (dfl_target_is_domain (value))
    replace_text (&((DflAccountSettings *)into)->redirect_domain, g_strdup (value));
  else
    dfl_key_file_complain (file, at, "expected HOST or HOST:PORT, not %s", quoted);
}

/* alias=Label;address. Whether the address is a target is checked when redirect-domain= is known.
 */
static void
read_target (DflKeyFile *file,
             const DflKeyLine *at,
             const DflKeySpec *spec,
             const char *value,
             gpointer into)
{
  DflAccountSettings *settings = into;
  g_auto (GStrv) parts = g_strsplit (value, ";", 2);

  if (dfl_target_kind (at->key) != DFL_TARGET_KIND_ALIAS)
    dfl_key_file_complain (file, at,
                           "expected an alias of a-z, 0-9, _ and - that begins with a letter and "
                           "has at most 32 characters");
  else if (g_strv_length (parts) != 2 || *g_strstrip (parts[0]) == '\0')
    dfl_key_file_complain (file, at, "expected LABEL;ADDRESS, such as Mobile;sip:+4915550100@%s",
                           "example.org");
  else if (strlen (parts[0]) > MAX_NAME_BYTES)
    dfl_key_file_complain (file, at, "expected a label of at most %u bytes", MAX_NAME_BYTES);
  else if (settings->targets->len == MAX_TARGETS)
    dfl_key_file_complain (file, at, "expected at most %u targets", MAX_TARGETS);
  else
    g_ptr_array_add (settings->targets, dfl_alias_new (at->key, parts[0], g_strstrip (parts[1])));
}

#define SETTING(name) .offset = G_STRUCT_OFFSET (DflAccountSettings, name)

static const DflKeySpec account_keys[] = {
  { .key = "address", .read = read_address },
  { .key = "display-name",
    .read = dfl_key_read_text,
    SETTING (display_name),
    .maximum = MAX_NAME_BYTES },
  { .key = "users", .read = read_users },
  { .key = "enabled", .read = dfl_key_read_boolean, SETTING (enabled) },
  { .key = "register", .read = read_register },
  { .key = "accept-from", .read = read_accept_from },
  { .key = "trusted", .read = dfl_key_read_boolean, SETTING (trusted) },
  { .key = "alert", .read = read_alert },
  { .key = "ring-limit",
    .read = dfl_key_read_number,
    SETTING (ring_limit),
    .maximum = MAX_RING_LIMIT },
  { .key = "decline-status", .read = read_decline_status },
  { .key = "max-offers",
    .read = dfl_key_read_number,
    SETTING (max_offers),
    .minimum = 1,
    .maximum = MAX_OFFERS },
  { .key = "default-action", .read = read_default_action },
  { .key = "allow-sips-downgrade", .read = dfl_key_read_boolean, SETTING (allow_sips_downgrade) },
  { .key = "allow-local-targets", .read = dfl_key_read_boolean, SETTING (allow_local_targets) },
  { .key = "redirect-domain", .read = read_redirect_domain },
  { .key = "registrar", .read = dfl_key_read_later },
  { .key = "outbound-proxy", .read = dfl_key_read_later },
  { .key = "transport", .read = dfl_key_read_later, .harmless = "auto" },
  { .key = "username", .read = dfl_key_read_later },
  { .key = "password", .read = dfl_key_read_later },
  { .key = "password-file", .read = dfl_key_read_later },
  { .key = "allowed-targets", .read = dfl_key_read_later },
  { .key = "diversion", .read = dfl_key_read_later, .harmless = "off" },
  { .key = "tls-*", .read = dfl_key_read_later },
  { .key = NULL },
};

/* --- What only the whole file can say --- */

/* NULL where text can be redirected to, else what to do about it. */
static char *
check_target (const DflAccountSettings *settings, const char *text)
{
  const char *domain = settings->redirect_domain != NULL && *settings->redirect_domain != '\0'
                           ? settings->redirect_domain
                           : NO_DOMAIN;
  g_autoptr (GError) error = NULL;
  g_autoptr (DflTarget) target = NULL;

  if (dfl_target_kind (text) == DFL_TARGET_KIND_ALIAS)
    return g_strdup ("this version cannot redirect to an alias yet; write the address itself");
  target = dfl_target_new (text, domain, FALSE, &error);
  if (target == NULL)
    return g_strdup_printf ("expected a SIP address or a number: %s", error->message);
  if (dfl_address_same (dfl_target_get_uri (target), settings->address))
    return g_strdup ("expected another address than the account's own, which would bring the call "
                     "back");
  return NULL;
}

static void
check_required (DflKeyFile *file)
{
  static const struct
  {
    const char *key;
    const char *expected;
  } required[] = {
    { "address", "is missing; expected address=sip:USER@HOST" },
    { "register", "is missing, so the account would register; this version serves direct accounts "
                  "only: set register=false and name the callers' servers in accept-from=" },
    { "accept-from", "is missing; expected the numeric addresses or prefixes that calls may come "
                     "from, such as accept-from=192.0.2.1;2001:db8::/32" },
  };

  if (dfl_key_file_find (file, ACCOUNT, NULL) == NULL)
    {
      dfl_key_file_complain_missing (file, ACCOUNT, "[" ACCOUNT "]",
                                     "the group is missing; expected it and its keys");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (required); i++)
    if (dfl_key_file_find (file, ACCOUNT, required[i].key) == NULL)
      dfl_key_file_complain_missing (file, ACCOUNT, required[i].key, "%s", required[i].expected);
}

static void
check_targets (DflKeyFile *file, const DflAccountSettings *settings)
{
  if (settings->default_target != NULL)
    {
      g_autofree char *problem = check_target (settings, settings->default_target);

      if (problem != NULL)
        dfl_key_file_complain (file, dfl_key_file_find (file, ACCOUNT, "default-action"), "%s",
                               problem);
    }
  for (guint i = 0; i < settings->targets->len; i++)
    {
      const DflAlias *target = g_ptr_array_index (settings->targets, i);
      g_autofree char *problem = check_target (settings, target->address);

      if (problem != NULL)
        dfl_key_file_complain (file, dfl_key_file_find (file, TARGETS, target->alias), "%s",
                               problem);
    }
}

static char *
join_problems (GPtrArray *problems)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < problems->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "; " : "",
                            (const char *)g_ptr_array_index (problems, i));
  return g_string_free (text, FALSE);
}

DflAccountSettings *
dfl_account_settings_from_data (
    const char *name, const char *path, const char *data, gsize length, GPtrArray *problems)
{
  static const char *const groups[] = { ACCOUNT, TARGETS, NULL };
  g_autoptr (DflAccountSettings) self = dfl_account_settings_new (name);
  g_autoptr (DflKeyFile) file = dfl_key_file_new (path, data, length);
  g_autoptr (GPtrArray) found = NULL;

  dfl_key_file_check_groups (file, groups, "rule");
  dfl_key_file_read_group (file, ACCOUNT, account_keys, self);
  dfl_key_file_read_names (file, TARGETS, read_target, self);
  if (self->redirect_domain == NULL || *self->redirect_domain == '\0')
    replace_text (&self->redirect_domain, g_strdup (self->domain));
  check_required (file);
  check_targets (file, self);

  found = dfl_key_file_take_problems (file);
  if (found->len > 0)
    self->problem = join_problems (found);
  for (guint i = 0; problems != NULL && i < found->len; i++)
    g_ptr_array_add (problems, g_strdup (g_ptr_array_index (found, i)));
  return g_steal_pointer (&self);
}
