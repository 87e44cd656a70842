/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/target.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/error.h"

/*
 * What passes here is written to the network between angle brackets and read by whatever stands in
 * front of us. So nothing is repaired: a text is within the grammar or it is refused, and but for
 * the scheme's case an accepted URI leaves as it came in.
 */
struct _DflTarget
{
  char *uri;
  gboolean secure;
};

#define DIGITS "0123456789"
#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define UNRESERVED ALPHA DIGITS "-_.!~*'()"

/* user-unreserved of RFC 3261 section 25.1 but for ',' and '?', which sloppy parsers take for the
 * end of a Contact and of a URI. */
#define USER_CHARACTERS UNRESERVED "&=+$;/"
#define VISUAL_SEPARATORS "-.()"

G_GNUC_PRINTF (2, 3)
static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  if (error != NULL)
    *error = g_error_new_valist (DFL_ERROR, DFL_ERROR_INVALID_TARGET, format, arguments);
  va_end (arguments);

  return FALSE;
}

static gboolean
consists_of (const char *text, gsize length, const char *characters)
{
  return length > 0 && strspn (text, characters) >= length;
}

static const char *
find_scheme (const char *text)
{
  static const char *const schemes[] = { "sip:", "sips:", "tel:" };

  for (gsize i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_ascii_strncasecmp (text, schemes[i], strlen (schemes[i])) == 0)
      return schemes[i];

  return NULL;
}

DflTargetKind
dfl_target_kind (const char *text)
{
  gsize length;

  if (text == NULL)
    return DFL_TARGET_KIND_INVALID;
  if (find_scheme (text) != NULL)
    return DFL_TARGET_KIND_URI;
  if (g_ascii_isdigit (*text) || *text == '+' || *text == '*' || *text == '#')
    return DFL_TARGET_KIND_NUMBER;

  length = strspn (text, "abcdefghijklmnopqrstuvwxyz" DIGITS "_-");
  if (g_ascii_islower (*text) && length <= 32 && text[length] == '\0')
    return DFL_TARGET_KIND_ALIAS;

  return DFL_TARGET_KIND_INVALID;
}

/* --- Hosts --- */

/* hostname of RFC 3261: LDH labels, the last one beginning with a letter. */
static gboolean
is_host_name (const char *host)
{
  const char *label = host;

  if (strlen (host) > 253)
    return FALSE;

  for (;;)
    {
      gsize length = strspn (label, ALPHA DIGITS "-");
      const char *end = label + length;

      if (length == 0 || length > 63 || label[0] == '-' || end[-1] == '-')
        return FALSE;
      if (end[0] == '\0' || (end[0] == '.' && end[1] == '\0'))
        return g_ascii_isalpha (label[0]);
      if (end[0] != '.')
        return FALSE;
      label = end + 1;
    }
}

static gboolean
is_host (const char *host)
{
  guint8 binary[16];
  gsize length = strlen (host);

  if (host[0] == '[')
    {
      g_autofree char *literal = NULL;

      if (length < 4 || host[length - 1] != ']')
        return FALSE;
      literal = g_strndup (host + 1, length - 2);
      return inet_pton (AF_INET6, literal, binary) == 1;
    }

  return inet_pton (AF_INET, host, binary) == 1 || is_host_name (host);
}

static gboolean
is_port (const char *text)
{
  guint64 port;

  return *text != '0' && consists_of (text, strlen (text), DIGITS)
         && g_ascii_string_to_unsigned (text, 10, 1, 65535, &port, NULL);
}

gboolean
dfl_target_is_domain (const char *text)
{
  g_autofree char *host = NULL;
  const char *colon;

  if (text == NULL || strlen (text) > DFL_TARGET_MAX_LENGTH)
    return FALSE;

  colon = *text == '[' ? strchr (text, ']') : text;
  colon = colon != NULL ? strchr (colon, ':') : NULL;
  if (colon == NULL)
    return is_host (text);

  host = g_strndup (text, colon - text);
  return is_host (host) && is_port (colon + 1);
}

/* --- Numbers --- */

/* The number without its visual separators, # as %23; NULL where it is none. */
static char *
clean_number (const char *text, gsize length, const char *separators)
{
  g_autoptr (GString) number = g_string_sized_new (length + 1);

  for (gsize i = 0; i < length; i++)
    {
      if (strchr (separators, text[i]) != NULL)
        continue;
      if (text[i] == '#')
        g_string_append (number, "%23");
      else if (g_ascii_isdigit (text[i]) || text[i] == '*' || (text[i] == '+' && number->len == 0))
        g_string_append_c (number, text[i]);
      else
        return NULL;
    }

  /* A lone * in a Contact means "all bindings" to a registrar: never let one out. */
  if (number->len == 0 || strcmp (number->str, "+") == 0 || strcmp (number->str, "*") == 0)
    return NULL;

  return g_strdup (number->str);
}

static gboolean
is_phone_context (const char *value)
{
  if (*value == '+')
    return strpbrk (value, DIGITS) != NULL
           && consists_of (value + 1, strlen (value + 1), DIGITS VISUAL_SEPARATORS);

  return is_host_name (value);
}

static DflTarget *
take_uri (char *uri, gboolean secure, GError **error)
{
  DflTarget *self;

  if (strlen (uri) > DFL_TARGET_MAX_LENGTH)
    {
      refuse (error,
              "The target is longer than %d bytes when written as a SIP URI: give a shorter one",
              DFL_TARGET_MAX_LENGTH);
      g_free (uri);
      return NULL;
    }

  self = g_new (DflTarget, 1);
  self->uri = uri;
  self->secure = secure;

  return self;
}

/* phone_context may be NULL; it moves into the user part (RFC 3261 section 19.1.6). */
static DflTarget *
new_for_number (const char *number,
                const char *phone_context,
                const char *redirect_domain,
                gboolean secure,
                GError **error)
{
  if (redirect_domain == NULL || *redirect_domain == '\0')
    {
      refuse (error, "The account has no redirect-domain for numbers: give a full address such as "
                     "sip:NUMBER@HOST");
      return NULL;
    }

  return take_uri (g_strconcat (secure ? "sips:" : "sip:", number,
                                phone_context != NULL ? ";phone-context=" : "",
                                phone_context != NULL ? phone_context : "", "@", redirect_domain,
                                ";user=phone", NULL),
                   secure, error);
}

static DflTarget *
parse_number (const char *text, const char *redirect_domain, gboolean secure, GError **error)
{
  g_autofree char *number = clean_number (text, strlen (text), VISUAL_SEPARATORS " ");

  if (number == NULL)
    {
      refuse (error,
              "The target is no phone number: give digits, * and # behind at most one leading +, "
              "or a sip:, sips: or tel: address");
      return NULL;
    }

  return new_for_number (number, NULL, redirect_domain, secure, error);
}

static DflTarget *
parse_tel (const char *rest, const char *redirect_domain, gboolean secure, GError **error)
{
  gsize length = strcspn (rest, ";");
  g_autofree char *number = clean_number (rest, length, VISUAL_SEPARATORS);
  const char *parameter = rest + length;
  const char *phone_context = NULL;

  if (number == NULL)
    {
      refuse (error,
              "The tel: address has no valid number: give digits, * and # behind at most one "
              "leading +");
      return NULL;
    }

  if (*parameter == ';')
    {
      const char *name = ";phone-context=";

      phone_context = parameter + strlen (name);
      if (g_ascii_strncasecmp (parameter, name, strlen (name)) != 0
          || !is_phone_context (phone_context))
        {
          refuse (error,
                  "A tel: target may have one parameter, phone-context with a domain name or a "
                  "+ number: leave the others out");
          return NULL;
        }
    }

  return new_for_number (number, phone_context, redirect_domain, secure, error);
}

/* --- SIP URIs --- */

static gboolean
check_user (const char *user, gsize length, GError **error)
{
  if (length == 0)
    return refuse (error, "The target has nothing before its @: put the user there");

  for (gsize i = 0; i < length; i++)
    {
      if (user[i] == '%')
        {
          int high = i + 2 < length ? g_ascii_xdigit_value (user[i + 1]) : -1;
          int low = i + 2 < length ? g_ascii_xdigit_value (user[i + 2]) : -1;
          int decoded = high * 16 + low;

          if (high < 0 || low < 0)
            return refuse (error, "The target's user part has a %% without two hex digits: write a "
                                  "percent sign as %%25");
          if (decoded < 0x20 || decoded == 0x7f || strchr ("<>\"@,", decoded) != NULL)
            return refuse (error,
                           "The target's user part hides a control character or one of < > \" @ , "
                           "behind a %% escape: leave it out");
          i += 2;
        }
      else if (user[i] == ':')
        {
          return refuse (error, "The target has a password: leave out the : and what follows it");
        }
      else if (strchr (USER_CHARACTERS, user[i]) == NULL)
        {
          return refuse (error,
                         "The target's user part has a character that is not allowed there: write "
                         "it as a %% escape (# is %%23)");
        }
    }

  return TRUE;
}

static gboolean
is_one_of (const char *value, const char *const *values)
{
  for (; *values != NULL; values++)
    if (g_ascii_strcasecmp (value, *values) == 0)
      return TRUE;

  return FALSE;
}

/* parameters: what follows the first ';' behind the host, without that ';'. */
static gboolean
check_parameters (const char *parameters, gboolean secure, GError **error)
{
  static const char *const users[] = { "phone", "ip", "dialstring", NULL };
  static const char *const transports[] = { "udp", "tcp", "tls", "sctp", "ws", "wss", NULL };
  g_auto (GStrv) items = g_strsplit (parameters, ";", -1);
  gboolean has_user = FALSE, has_transport = FALSE, has_phone_context = FALSE;

  if (*parameters == '\0')
    return refuse (error, "The target ends in a ; without a parameter: leave it out");

  for (gsize i = 0; items[i] != NULL; i++)
    {
      char *value = strchr (items[i], '=');
      gboolean *seen = NULL;
      gboolean valid = FALSE;

      if (value != NULL)
        *value++ = '\0';

      if (g_ascii_strcasecmp (items[i], "user") == 0)
        {
          seen = &has_user;
          valid = value != NULL && is_one_of (value, users);
        }
      else if (g_ascii_strcasecmp (items[i], "transport") == 0)
        {
          seen = &has_transport;
          valid = value != NULL && is_one_of (value, transports)
                  && !(secure && g_ascii_strcasecmp (value, "udp") == 0);
        }
      else if (g_ascii_strcasecmp (items[i], "phone-context") == 0)
        {
          seen = &has_phone_context;
          valid = value != NULL && is_phone_context (value);
        }
      else
        {
          return refuse (error,
                         "The target has a parameter that is not allowed: only user, transport and "
                         "phone-context are");
        }

      if (!valid)
        return refuse (error,
                       "The target's parameter %s has a value that is not allowed: leave the "
                       "parameter out or correct it",
                       g_ascii_strcasecmp (items[i], "user") == 0        ? "user"
                       : g_ascii_strcasecmp (items[i], "transport") == 0 ? "transport"
                                                                         : "phone-context");
      if (*seen)
        return refuse (error, "The target has the same parameter twice: give each once");
      *seen = TRUE;
    }

  return TRUE;
}

/* text is the whole URI, rest what follows the scheme. */
static DflTarget *
parse_sip (const char *rest, gboolean secure, GError **error)
{
  g_autofree char *domain = NULL;
  const char *at_sign = strchr (rest, '@');
  const char *host = at_sign != NULL ? at_sign + 1 : rest;
  gsize host_length = strcspn (host, ";?");

  if (at_sign != NULL && !check_user (rest, at_sign - rest, error))
    return NULL;
  if (strchr (host, '?') != NULL)
    {
      refuse (error, "The target has headers: leave out the ? and what follows it");
      return NULL;
    }

  domain = g_strndup (host, host_length);
  if (!dfl_target_is_domain (domain))
    {
      refuse (error,
              "The target has no valid host: give a name, an IPv4 address or an IPv6 address in "
              "brackets, with a port from 1 to 65535 or none");
      return NULL;
    }
  if (host[host_length] == ';' && !check_parameters (host + host_length + 1, secure, error))
    return NULL;

  return take_uri (g_strconcat (secure ? "sips:" : "sip:", rest, NULL), secure, error);
}

DflTarget *
dfl_target_new (const char *text, const char *redirect_domain, gboolean secure, GError **error)
{
  DflTargetKind kind = DFL_TARGET_KIND_INVALID;
  gsize length = text != NULL ? strlen (text) : 0;

  if (length == 0)
    {
      refuse (error, "The target is empty: give a sip:, sips: or tel: address or a number");
      return NULL;
    }
  if (length > DFL_TARGET_MAX_LENGTH)
    {
      refuse (error, "The target is longer than %d bytes: give a shorter one",
              DFL_TARGET_MAX_LENGTH);
      return NULL;
    }
  for (gsize i = 0; i < length; i++)
    if (text[i] < 0x20 || text[i] >= 0x7f)
      {
        refuse (error,
                "The target has control characters or letters beyond ASCII: write it in printable "
                "ASCII");
        return NULL;
      }

  kind = dfl_target_kind (text);
  if (kind == DFL_TARGET_KIND_NUMBER)
    return parse_number (text, redirect_domain, secure, error);
  if (kind == DFL_TARGET_KIND_URI)
    {
      const char *scheme = find_scheme (text);
      const char *rest = text + strlen (scheme);

      if (strcmp (scheme, "tel:") == 0)
        return parse_tel (rest, redirect_domain, secure, error);
      return parse_sip (rest, strcmp (scheme, "sips:") == 0, error);
    }

  refuse (error,
          "The target is no address: give one that begins with sip:, sips: or tel:, or a number");
  return NULL;
}

void
dfl_target_free (DflTarget *self)
{
  if (self == NULL)
    return;

  g_free (self->uri);
  g_free (self);
}

const char *
dfl_target_get_uri (const DflTarget *self)
{
  return self->uri;
}

gboolean
dfl_target_is_secure (const DflTarget *self)
{
  return self->secure;
}
