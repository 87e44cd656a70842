/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/account-keys.h"

#include <string.h>

#include "core/target.h"
#include "store/accept-from.h"
#include "store/account-tls.h"
#include "store/key-readers.h"
#include "store/password-file.h"
#include "store/wipe.h"

#define MAX_RING_LIMIT (24 * 60 * 60)
#define MIN_EXPIRES 60
#define MAX_EXPIRES (24 * 60 * 60)
#define MAX_OFFERS 100000
#define MAX_NAME_BYTES 128
#define MAX_TARGETS 100
#define REDIRECT "redirect:"

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
  target = dfl_target_new (value, DFL_NO_DOMAIN, FALSE, NULL);
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
gboolean
dfl_account_is_user_name (const char *name)
{
  if (*name == '\0' || strlen (name) > 64 || *name == '-')
    return FALSE;
  for (const char *p = name; *p != '\0'; p++)
    if (g_ascii_isspace (*p) || strchr ("*:/,;\\\"'", *p) != NULL)
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

        if (dfl_account_is_user_name (*item))
          g_strv_builder_add (users, *item);
        else
          dfl_key_file_complain (file, at, "expected names of local users separated by ;, not %s",
                                 quoted);
      }
  g_strfreev (settings->users);
  settings->users = g_strv_builder_end (users);
}

/* --- What deflectd itself notes of it --- */

static void
read_name (DflKeyFile *file,
           const DflKeyLine *at,
           const DflKeySpec *spec,
           const char *value,
           gpointer into)
{
  if (dfl_account_name_is_valid (value))
    replace_text (&((DflAccountSettings *)into)->name, g_strdup (value));
  else
    dfl_key_file_complain (file, at,
                           "expected the name of an account: a-z, then up to 31 of a-z, 0-9 and _");
}

static void
read_creator (DflKeyFile *file,
              const DflKeyLine *at,
              const DflKeySpec *spec,
              const char *value,
              gpointer into)
{
  if (dfl_account_is_user_name (value))
    replace_text (&((DflAccountSettings *)into)->creator, g_strdup (value));
  else
    dfl_key_file_complain (file, at, "expected the name of a local user");
}

static void
read_created (DflKeyFile *file,
              const DflKeyLine *at,
              const DflKeySpec *spec,
              const char *value,
              gpointer into)
{
  guint64 created;

  if (g_ascii_string_to_unsigned (value, 10, 1, G_MAXINT64, &created, NULL))
    ((DflAccountSettings *)into)->created = (gint64)created;
  else
    dfl_key_file_complain (file, at, "expected microseconds since the epoch");
}

/* --- Where its calls come from --- */

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
      g_autofree char *problem = dfl_accept_from_check (*item);

      if (problem != NULL)
        dfl_key_file_complain (file, at, "%s", problem);
    }
  g_strfreev (settings->accept_from);
  settings->accept_from = g_steal_pointer (&items);
}

/* --- How it registers --- */

static void
read_host (DflKeyFile *file,
           const DflKeyLine *at,
           const DflKeySpec *spec,
           const char *value,
           gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);

  if (dfl_target_is_domain (value))
    replace_text (&G_STRUCT_MEMBER (char *, into, spec->offset), g_strdup (value));
  else
    dfl_key_file_complain (file, at, "expected HOST or HOST:PORT, not %s", quoted);
}

static const char *const transports[] = {
  [DFL_TRANSPORT_AUTO] = "auto",
  [DFL_TRANSPORT_UDP] = "udp",
  [DFL_TRANSPORT_TCP] = "tcp",
  [DFL_TRANSPORT_TLS] = "tls",
};

const char *
dfl_account_transport_to_string (DflTransport transport)
{
  return transports[transport];
}

static void
read_transport (DflKeyFile *file,
                const DflKeyLine *at,
                const DflKeySpec *spec,
                const char *value,
                gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);

  for (gsize i = 0; i < G_N_ELEMENTS (transports); i++)
    {
      if (g_str_equal (transports[i], value))
        {
          ((DflAccountSettings *)into)->transport = (DflTransport)i;
          return;
        }
    }
  dfl_key_file_complain (file, at, "expected auto, udp, tcp or tls, not %s", quoted);
}

static void
replace_password (DflAccountSettings *settings, char *password)
{
  dfl_wipe_free (settings->password);
  settings->password = password;
}

/* No message about a password shows any of it. */
static void
read_password (DflKeyFile *file,
               const DflKeyLine *at,
               const DflKeySpec *spec,
               const char *value,
               gpointer into)
{
  if (strlen (value) > DFL_PASSWORD_MAX_BYTES)
    dfl_key_file_complain (file, at, "expected at most %u bytes of text", DFL_PASSWORD_MAX_BYTES);
  else
    replace_password (into, *value != '\0' ? g_strdup (value) : NULL);
}

static void
read_password_file (DflKeyFile *file,
                    const DflKeyLine *at,
                    const DflKeySpec *spec,
                    const char *value,
                    gpointer into)
{
  g_autofree char *problem = NULL;
  char *password = dfl_password_file_read (value, &problem);

  if (password != NULL)
    replace_password (into, password);
  else
    dfl_key_file_complain (file, at, "%s", problem);
}

/* --- What happens to its calls --- */

static const char *const redirect_policies[] = {
  [DFL_REDIRECT_POLICY_UNKNOWN] = "unknown",
  [DFL_REDIRECT_POLICY_HONOURED] = "honoured",
  [DFL_REDIRECT_POLICY_REFUSED] = "refused",
};

const char *
dfl_account_redirect_policy_to_string (DflRedirectPolicy policy)
{
  return redirect_policies[policy];
}

static void
read_redirect_policy (DflKeyFile *file,
                      const DflKeyLine *at,
                      const DflKeySpec *spec,
                      const char *value,
                      gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);

  for (gsize i = 0; i < G_N_ELEMENTS (redirect_policies); i++)
    if (g_str_equal (redirect_policies[i], value))
      {
        ((DflAccountSettings *)into)->redirect_policy = (DflRedirectPolicy)i;
        return;
      }
  dfl_key_file_complain (file, at, "expected unknown, honoured or refused, not %s", quoted);
}

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

void
dfl_account_read_target (DflKeyFile *file,
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

/* --- Which keys there are --- */

#define SETTING(name) .offset = G_STRUCT_OFFSET (DflAccountSettings, name)

/* White space at the ends of PEM means nothing, but in between lines end. */
#define PEM_KEYS(reader)                                                                           \
  { .key = "tls-ca", .read = reader, SETTING (tls_ca), .lines = TRUE },                            \
      { .key = "tls-certificate", .read = reader, SETTING (tls_certificate), .lines = TRUE },      \
  {                                                                                                \
    .key = "tls-key", .read = reader, SETTING (tls_key), .lines = TRUE                             \
  }

static const DflKeySpec common_keys[] = {
  { .key = "address", .read = read_address },
  { .key = "display-name",
    .read = dfl_key_read_text,
    SETTING (display_name),
    .maximum = MAX_NAME_BYTES },
  { .key = "users", .read = read_users },
  { .key = "enabled", .read = dfl_key_read_boolean, SETTING (enabled) },
  { .key = "register", .read = dfl_key_read_boolean, SETTING (registers) },
  { .key = "registrar", .read = read_host, SETTING (registrar) },
  { .key = "outbound-proxy", .read = read_host, SETTING (outbound_proxy) },
  { .key = "transport", .read = read_transport },
  { .key = "username", .read = dfl_key_read_text, SETTING (username), .maximum = MAX_NAME_BYTES },
  { .key = "password", .read = read_password, .literal = TRUE },
  { .key = "tls-verify", .read = dfl_key_read_boolean, SETTING (tls_verify) },
  { .key = "tls-wildcard", .read = dfl_key_read_boolean, SETTING (tls_wildcard) },
  { .key = "expires",
    .read = dfl_key_read_number,
    SETTING (expires),
    .minimum = MIN_EXPIRES,
    .maximum = MAX_EXPIRES },
  { .key = "redirect-policy", .read = read_redirect_policy },
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
  { .key = "redirect-domain", .read = read_host, SETTING (redirect_domain) },
  { .key = "allowed-targets", .read = dfl_key_read_later },
  { .key = "diversion", .read = dfl_key_read_later, .harmless = "off" },
  { .key = NULL },
};

#define OF_STATE "is allowed in files of the state directory only; the file's name is the account's"
#define OF_BIRTH "is set when the account is added, and stays; leave it out"

static const DflKeySpec settings_keys[] = {
  { .key = "password-file", .read = read_password_file },
  PEM_KEYS (dfl_account_read_pem_or_file),
  { .key = "name", .read = dfl_key_read_refused, .refusal = OF_STATE },
  { .key = "creator", .read = dfl_key_read_refused, .refusal = OF_STATE },
  { .key = "created", .read = dfl_key_read_refused, .refusal = OF_STATE },
  { .key = NULL, .more = common_keys },
};

static const DflKeySpec state_keys[] = {
  { .key = "name", .read = read_name },
  { .key = "creator", .read = read_creator },
  { .key = "created", .read = read_created },
  { .key = "password-file", .read = dfl_key_read_refused, .refusal = DFL_ACCOUNT_NAMES_FILE },
  PEM_KEYS (dfl_account_read_pem),
  { .key = NULL, .more = common_keys },
};

static const DflKeySpec draft_keys[] = {
  { .key = "password-file", .read = dfl_key_read_refused, .refusal = DFL_ACCOUNT_NAMES_FILE },
  PEM_KEYS (dfl_account_read_pem),
  { .key = "name", .read = dfl_key_read_refused, .refusal = OF_BIRTH },
  { .key = "creator", .read = dfl_key_read_refused, .refusal = OF_BIRTH },
  { .key = "created", .read = dfl_key_read_refused, .refusal = OF_BIRTH },
  { .key = NULL, .more = common_keys },
};

const DflKeySpec *
dfl_account_keys (DflAccountFileKind kind)
{
  switch (kind)
    {
    case DFL_ACCOUNT_FILE_STATE:
      return state_keys;
    case DFL_ACCOUNT_FILE_DRAFT:
      return draft_keys;
    default:
      return settings_keys;
    }
}
