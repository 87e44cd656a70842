/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts as users change them: what a change makes of them, and that every one is read as it was
 * written, whatever stands in it. */

#include "store/account-file.h"
#include "store/pem-samples.h"

#include <string.h>

#include "core/error.h"
#include "store/account-draft.h"

#define SECRET "geheim"

typedef struct
{
  const char *key;
  const char *value;
  const char *expected;
} Row;

static DflAccountSettings *
new_base (void)
{
  DflAccountSettings *base = dfl_account_settings_new ("work");

  base->id = g_strdup ("0123abcd");
  base->creator = g_strdup ("alice");
  base->created = 1790000000000000;
  g_strfreev (base->users);
  base->users = g_strsplit ("alice", ";", -1);
  return base;
}

/* What it is after a change of one key, or an error. */
static DflAccountSettings *
change_one (const DflAccountSettings *base, const char *key, const char *value, GError **error)
{
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();

  dfl_account_change_set (change, key, value);
  return dfl_account_draft (base, change, error);
}

static DflAccountSettings *
new_registering (void)
{
  g_autoptr (DflAccountSettings) base = new_base ();
  g_autoptr (GError) error = NULL;
  DflAccountSettings *account = change_one (base, "address", "sip:alice@example.org", &error);

  g_assert_no_error (error);
  return account;
}

static void
assert_reads_the_same (const DflAccountSettings *settings)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (DflAccountSettings) again = NULL;
  gsize length;
  g_autofree char *text = dfl_account_file_write (settings, &length);
  DflAccountFile file = {
    .kind = DFL_ACCOUNT_FILE_STATE, .path = "file", .data = text, .length = length, .mode = 0100600
  };

  again = dfl_account_file_read (&file, "", problems);
  again->id = g_strdup (settings->id);
  if (!dfl_account_settings_equal (again, settings))
    g_test_message ("%s: %s", text, again->problem);
  g_assert_true (dfl_account_settings_equal (again, settings));
  g_assert_cmpuint (problems->len, ==, 0);
}

/* --- Single values --- */

static void
test_written (void)
{
  static const Row rows[] = {
    { "address", "sip:al%20ice@[2001:db8::1]:5070", "address=sip:al%20ice@[2001:db8::1]:5070" },
    { "display-name", " Zoë \\ \"Ω\" # [x] = ; ", "display-name=Zoë \\\\ \"Ω\" # [x] = ;" },
    { "display-name", "[account]", "display-name=[account]" },
    { "users", "alice;bob;", "users=alice;bob;" },
    { "users", "*", "users=*;" },
    { "enabled", "false", "enabled=false" },
    { "registrar", "sip.example.net:5070", "registrar=sip.example.net:5070" },
    { "outbound-proxy", "192.0.2.1", "outbound-proxy=192.0.2.1" },
    { "transport", "tls", "transport=tls" },
    { "username", "alice\\x", "username=alice\\\\x" },
    { "password", "  p\\a=#;s  ", "password=\\s\\sp\\\\a=#;s \\s" },
    { "password", " ", "password=\\s" },
    { "tls-verify", "false", "tls-verify=false" },
    { "tls-wildcard", "true", "tls-wildcard=true" },
    { "expires", "60", "expires=60" },
    { "expires", "86400", "expires=86400" },
    { "redirect-policy", "honoured", "redirect-policy=honoured" },
    { "redirect-policy", "refused", "redirect-policy=refused" },
    { "accept-from", "192.0.2.1;2001:db8::/32", "accept-from=192.0.2.1;2001:db8::/32;" },
    { "trusted", "true", "trusted=true" },
    { "alert", "silent", "alert=silent" },
    { "ring-limit", "0", "ring-limit=0" },
    { "decline-status", "603", "decline-status=603" },
    { "max-offers", "4", "max-offers=4" },
    { "default-action", "redirect:+49 30 123", "default-action=redirect:+49 30 123" },
    { "allow-sips-downgrade", "true", "allow-sips-downgrade=true" },
    { "allow-local-targets", "true", "allow-local-targets=true" },
    { "redirect-domain", "example.net", "redirect-domain=example.net" },
    { "register", "true", NULL },
    { "transport", "auto", NULL },
    { "redirect-domain", "example.org", NULL },
    { "alert", "ringing", NULL },
    { "ring-limit", "120", NULL },
    { "default-action", "decline", NULL },
    { "diversion", "off", NULL },
    { "enabled", "true", NULL },
    { "tls-wildcard", "false", NULL },
    { "expires", "600", NULL },
    { "redirect-policy", "unknown", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (DflAccountSettings) base = new_registering ();
      g_autoptr (GError) error = NULL;
      g_autoptr (DflAccountSettings) account = change_one (base, rows[i].key, rows[i].value,
                                                           &error);
      g_autoptr (DflAccountSettings) back = NULL;
      g_autofree char *start = g_strconcat ("\n", rows[i].key, "=", NULL);
      g_autofree char *line = g_strconcat ("\n", rows[i].expected, "\n", NULL);
      gsize length;
      g_autofree char *text = NULL;

      g_assert_no_error (error);
      assert_reads_the_same (account);
      text = dfl_account_file_write (account, &length);
      if (rows[i].expected == NULL)
        {
          g_assert_null (strstr (text, start));
          continue;
        }
      if (strstr (text, line) == NULL)
        g_test_message ("expected %s in %s", line, text);
      g_assert_nonnull (strstr (text, line));
      if (g_str_equal (rows[i].key, "address") || g_str_equal (rows[i].key, "users"))
        continue;

      /* And back to the default. */
      back = change_one (account, rows[i].key, i % 2 == 0 ? NULL : "", &error);
      g_assert_no_error (error);
      g_assert_true (dfl_account_settings_equal (back, base));
    }
}

static void
test_direct (void)
{
  g_autoptr (DflAccountSettings) base = new_registering ();
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (DflAccountSettings) direct = NULL;
  g_autoptr (DflAccountSettings) registering = NULL;
  g_autoptr (DflAccountSettings) refused = NULL;

  dfl_account_change_set (change, "register", "false");
  dfl_account_change_set (change, "accept-from", "192.0.2.1;2001:db8::/32");
  direct = dfl_account_draft (base, change, &error);
  g_assert_no_error (error);
  g_assert_false (direct->registers);
  g_assert_cmpstr (direct->accept_from[1], ==, "2001:db8::/32");
  assert_reads_the_same (direct);

  /* One that registers may have them too. */
  registering = change_one (direct, "register", NULL, &error);
  g_assert_no_error (error);
  g_assert_true (registering->registers);
  g_assert_cmpstr (registering->accept_from[0], ==, "192.0.2.1");
  assert_reads_the_same (registering);

  refused = change_one (direct, "accept-from", NULL, &error);
  g_assert_null (refused);
  g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
}

/* Lines within a value are lines when it is read again. */
static void
test_pem (void)
{
  g_autoptr (DflAccountSettings) base = new_registering ();
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (DflAccountSettings) account = NULL;
  g_autoptr (DflAccountSettings) changed = NULL;
  g_autoptr (DflAccountSettings) half = NULL;
  g_autoptr (DflAccountSettings) without = NULL;

  dfl_account_change_set (change, "tls-ca", PEM_CERTIFICATE_TWO PEM_CERTIFICATE_ONE);
  dfl_account_change_set (change, "tls-certificate",
                          "\n\r\n the first one\r\n\t" PEM_CERTIFICATE_ONE
                          "\n" PEM_CERTIFICATE_TWO);
  dfl_account_change_set (change, "tls-key", PEM_KEY_ONE);
  account = dfl_account_draft (base, change, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (account->tls_ca, ==, PEM_CERTIFICATE_TWO PEM_CERTIFICATE_ONE);
  g_assert_cmpstr (account->tls_certificate, ==, PEM_CERTIFICATE_ONE PEM_CERTIFICATE_TWO);
  g_assert_cmpstr (account->tls_key, ==, PEM_KEY_ONE);
  assert_reads_the_same (account);

  changed = change_one (account, "ring-limit", "7", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (changed->tls_key, ==, PEM_KEY_ONE);
  assert_reads_the_same (changed);

  half = change_one (changed, "tls-certificate", NULL, &error);
  g_assert_null (half);
  g_assert_cmpstr (error->message, ==,
                   "tls-key: stands without tls-certificate=, which is what a server looks at; "
                   "give both or neither");
  g_clear_error (&error);
  half = change_one (changed, "tls-key", "", &error);
  g_assert_null (half);
  g_assert_cmpstr (error->message, ==,
                   "tls-certificate: stands without tls-key=, the private key that it is for; "
                   "give both or neither");
  g_clear_error (&error);

  g_ptr_array_set_size (change->settings, 0);
  dfl_account_change_set (change, "tls-certificate", NULL);
  dfl_account_change_set (change, "tls-key", "");
  dfl_account_change_set (change, "tls-ca", "");
  dfl_account_change_set (change, "ring-limit", NULL);
  without = dfl_account_draft (changed, change, &error);
  g_assert_no_error (error);
  g_assert_true (dfl_account_settings_equal (without, base));
}

/* Who it is stays, and so does the password unless another is given. */
static void
test_stays (void)
{
  g_autoptr (DflAccountSettings) base = new_registering ();
  g_autoptr (GError) error = NULL;
  g_autoptr (DflAccountSettings) first = change_one (base, "password", SECRET, &error);
  g_autoptr (DflAccountSettings) second = change_one (first, "ring-limit", "7", &error);
  g_autoptr (DflAccountSettings) third = change_one (second, "password", "", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (second->password, ==, SECRET);
  g_assert_cmpstr (third->password, ==, NULL);
  g_assert_cmpuint (third->ring_limit, ==, 7);
  g_assert_cmpstr (third->name, ==, "work");
  g_assert_cmpstr (third->id, ==, "0123abcd");
  g_assert_cmpstr (third->creator, ==, "alice");
  g_assert_cmpint (third->created, ==, 1790000000000000);
}

/* --- What is refused --- */

#define OF_BIRTH ": is set when the account is added, and stays; leave it out"
#define CONTROL ": holds control characters; expected plain text"
#define NAMES_FILE                                                                                 \
  ": names a file, which is allowed in files of the settings directory only; give the content "    \
  "itself"
#define UNKNOWN ": unknown key; leave it out"
#define NAMES_FILE_ALONE                                                                           \
  NAMES_FILE "; tls-certificate: stands without tls-key=, the private key that it is for; give "   \
             "both or neither"
#define NAMES_FILE_KEY                                                                             \
  NAMES_FILE "; tls-key: stands without tls-certificate=, which is what a server looks at; give "  \
             "both or neither"

static void
test_refused (void)
{
  static const Row rows[] = {
    { "address", NULL, "address: is missing; expected address=sip:USER@HOST" },
    { "address", "", "address: is missing; expected address=sip:USER@HOST" },
    { "address", "alice", "address: expected sip:USER@HOST or sip:USER@HOST:PORT, not \"alice\"" },
    { "address", "sip:a@b\r\nusers=*", "address" CONTROL },
    { "address", "sip:a%0d%0a@b",
      "address: expected sip:USER@HOST or sip:USER@HOST:PORT, not \"sip:a%0d%0a@b\"" },
    { "display-name", "x\nusers=*", "display-name" CONTROL },
    { "display-name", "x\n[targets]\na=A;*98", "display-name" CONTROL },
    { "display-name", "x\001", "display-name" CONTROL },
    { "display-name", "x\xE2\x80\xA8y", "display-name" CONTROL },
    { "display-name", "x\xFF", "display-name" CONTROL },
    { "users", "alice\nbob", "users" CONTROL },
    { "users", "a\\;b", "users: expected names of local users separated by ;, not \"a\\\"" },
    { "users", "../etc", "users: expected names of local users separated by ;, not \"../etc\"" },
    { "password", SECRET "\n" SECRET, "password" CONTROL },
    { "password", SECRET "\t", "password" CONTROL },
    { "registrar", "sip:x", "registrar: expected HOST or HOST:PORT, not \"sip:x\"" },
    { "default-action", "redirect:sip:bob@example.org\r\nVia: x", "default-action" CONTROL },
    { "default-action", "redirect:mobile",
      "default-action: this version cannot redirect to an alias yet; write the address itself" },
    { "ring-limit", "1e3", "ring-limit: expected a whole number from 0 to 86400, not \"1e3\"" },
    { "expires", "59", "expires: expected a whole number from 60 to 86400, not \"59\"" },
    { "expires", "86401", "expires: expected a whole number from 60 to 86400, not \"86401\"" },
    { "redirect-policy", "maybe",
      "redirect-policy: expected unknown, honoured or refused, not \"maybe\"" },
    { "tls-wildcard", "yes", "tls-wildcard: expected true or false, not \"yes\"" },
    { "register", "false",
      "accept-from: is missing; expected the numeric addresses or prefixes that calls may come "
      "from, such as accept-from=192.0.2.1;2001:db8::/32" },
    { "password-file", "/etc/shadow", "password-file" NAMES_FILE },
    { "password-file", NULL, "password-file" NAMES_FILE },
    { "tls-ca", "/etc/x.pem", "tls-ca" NAMES_FILE },
    { "tls-certificate", "/etc/x.pem", "tls-certificate" NAMES_FILE_ALONE },
    { "tls-key", "/etc/shadow", "tls-key" NAMES_FILE_KEY },
    { "tls-ca", SECRET,
      "tls-ca: holds no certificate; expected PEM, which begins with -----BEGIN CERTIFICATE-----" },
    { "tls-ca", " /etc/x.pem", "tls-ca" NAMES_FILE },
    { "tls-ca", PEM_CERTIFICATE_ONE "\001", "tls-ca" CONTROL },
    { "tls-ca", "-----BEGIN CERTIFICATE-----\n" SECRET "\n-----END CERTIFICATE-----\n", NULL },
    { "tls-key", PEM_KEY_ONE SECRET,
      "tls-key: stands without tls-certificate=, which is what a server looks at; give both or "
      "neither" },
    { "tls-certificate", PEM_CERTIFICATE_ONE,
      "tls-certificate: stands without tls-key=, the private key that it is for; give both or "
      "neither" },
    { "tls-cert", PEM_CERTIFICATE_ONE, "tls-cert: holds control characters; expected plain text" },
    { "tls-kei", "x", "tls-kei: unknown key; did you mean tls-key?" },
    { "name", "other", "name" OF_BIRTH },
    { "creator", "root", "creator" OF_BIRTH },
    { "created", "1", "created" OF_BIRTH },
    { "diversion", "both",
      "diversion: this version does not support it yet; remove the line or set it to off" },
    { "ringlimit", "5", "ringlimit: unknown key; did you mean ring-limit?" },
    { "ringlimit", "", "ringlimit: unknown key; did you mean ring-limit?" },
    { "", "x", ": unknown key; leave it out" },
    { "id", "x", NULL },
    { "Users", "*", "Users" UNKNOWN },
    { "Encoding", "UTF-7", "Encoding" UNKNOWN },
    { "users=*\nx", "y", "users=*x" UNKNOWN },
    { "tls-\n[targets]\na", "A;*98", "tls-[targets]a" UNKNOWN },
    { "[targets]", "x", "[targets]" UNKNOWN },
    { "#users", "*", "#users" UNKNOWN },
    { "display-name[de]", "x", "display-name[de]" UNKNOWN },
    { " users", "*", " users" UNKNOWN },
    { "\xFF", "*", "\xEF\xBF\xBD" UNKNOWN },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (DflAccountSettings) base = new_registering ();
      g_autoptr (GError) error = NULL;
      g_autoptr (DflAccountSettings) account = change_one (base, rows[i].key, rows[i].value,
                                                           &error);

      g_assert_null (account);
      g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
      if (rows[i].expected != NULL)
        g_assert_cmpstr (error->message, ==, rows[i].expected);
      g_assert_null (strstr (error->message, SECRET));
    }
}

static void
test_several_mistakes (void)
{
  g_autoptr (DflAccountSettings) base = new_base ();
  g_autoptr (DflAccountChange) change = dfl_account_change_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (DflAccountSettings) account = NULL;

  dfl_account_change_set (change, "alert", "loud");
  dfl_account_change_set (change, "display-name", "\n");
  dfl_account_change_set (change, "password-file", "/x");
  account = dfl_account_draft (base, change, &error);
  g_assert_null (account);
  g_assert_cmpstr (error->message, ==,
                   "display-name" CONTROL "; alert: expected ringing or silent, not \"loud\"; "
                   "password-file" NAMES_FILE
                   "; address: is missing; expected address=sip:USER@HOST");
}

/* --- Targets --- */

typedef struct
{
  const char *alias, *label, *address;
  const char *expected; /* the error, or NULL */
} TargetRow;

static void
test_targets (void)
{
  static const TargetRow rows[] = {
    { "mobile", "Mobile", "sip:bob@example.org;user=phone", NULL },
    { "v-1_x", " Zoë \\ # [x] = ", " *98 ", NULL },
    { "mobile", "A;B", "*98", "mobile: expected a label without ;" },
    { "mobile", "", "*98",
      "mobile: expected LABEL;ADDRESS, such as Mobile;sip:+4915550100@example.org" },
    { "mobile", "A\nB", "*98", "mobile" CONTROL },
    { "mobile", "A", "sip:bob@example.org\r\nVia: x", "mobile" CONTROL },
    { "mobile", "A", "sip:bob%0D%0A@example.org", "" },
    { "mobile", "A", "", "" },
    { "mobile", "A", "voicemail",
      "mobile: this version cannot redirect to an alias yet; write the address itself" },
    { "Mobile", "A", "*98",
      "Mobile: expected an alias of a-z, 0-9, _ and - that begins with a "
      "letter and has at most 32 characters" },
    { "a\n[account]\nusers", "*", "*98",
      "a[account]users: expected an alias of a-z, 0-9, _ and - that begins with a letter and has "
      "at most 32 characters" },
    { "../x", "A", "*98",
      "../x: expected an alias of a-z, 0-9, _ and - that begins with a letter "
      "and has at most 32 characters" },
    { "", "A", "*98",
      ": expected an alias of a-z, 0-9, _ and - that begins with a letter and has "
      "at most 32 characters" },
    { "taken", "A", "*98", "taken: stands twice; keep one of the two" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (DflAccountSettings) base = new_registering ();
      g_autoptr (DflAccountChange) change = dfl_account_change_new ();
      g_autoptr (GError) error = NULL;
      g_autoptr (DflAccountSettings) account = NULL;
      g_autoptr (DflAccountSettings) emptied = NULL;
      const DflAlias *target;

      change->targets = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);
      g_ptr_array_add (change->targets, dfl_alias_new ("taken", "Taken", "*97"));
      g_ptr_array_add (change->targets,
                       dfl_alias_new (rows[i].alias, rows[i].label, rows[i].address));
      account = dfl_account_draft (base, change, &error);
      if (rows[i].expected != NULL)
        {
          g_assert_null (account);
          g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
          if (*rows[i].expected != '\0')
            g_assert_cmpstr (error->message, ==, rows[i].expected);
          continue;
        }
      g_assert_no_error (error);
      g_assert_cmpuint (account->targets->len, ==, 2);
      target = g_ptr_array_index (account->targets, 1);
      g_assert_cmpstr (target->alias, ==, rows[i].alias);
      assert_reads_the_same (account);

      g_ptr_array_set_size (change->targets, 0);
      emptied = dfl_account_draft (account, change, &error);
      g_assert_no_error (error);
      g_assert_true (dfl_account_settings_equal (emptied, base));
    }
}

/* --- Any change at all --- */

static const char *
pick (const char *const *words, gsize n)
{
  return words[g_test_rand_int_range (0, (gint32)n)];
}

/* What could break out of a value, in any order. */
static char *
random_text (void)
{
  static const char *const pieces[] = {
    "a",        "Z9",   " ",  "  ", "\n",  "\r\n", "\r",   "\t",      "\\",          "\\n",
    "\\s",      ";",    "=",  "#",  "[",   "]",    "[x]",  "users=*", "\001",        "\177",
    "é",        "\xFF", "\"", "*",  "../", "%0a",  "sip:", "@b.c",    "\nusers=*\n", "\xE2\x80\xAE",
    "\xC2\x85", "1",
  };
  GString *text = g_string_new (NULL);

  for (gint32 n = g_test_rand_int_range (0, 6); n > 0; n--)
    g_string_append (text, pick (pieces, G_N_ELEMENTS (pieces)));
  return g_string_free (text, FALSE);
}

static const struct
{
  const char *key;
  const char *values[4];
} good[] = {
  { "address", { "sip:a@example.org", "sip:b%20c@[::1]:5070", "sip:+49@x.example", "sip:a@b.c" } },
  { "display-name", { "Alice", "Z\\oë", "a;b", "#x" } },
  { "users", { "alice", "alice;bob", "*", "" } },
  { "enabled", { "true", "false", "", "true" } },
  { "register", { "true", "false", "", "true" } },
  { "accept-from", { "::1", "192.0.2.0/24;::1", "", "" } },
  { "registrar", { "a.example", "192.0.2.1:5080", "", "[::1]" } },
  { "outbound-proxy", { "a.example", "", "b.example:1", "[::1]:2" } },
  { "transport", { "auto", "udp", "tcp", "tls" } },
  { "username", { "alice", "", "a b", "a\\b" } },
  { "password", { SECRET, " " SECRET " ", SECRET "\\;=#", "" } },
  { "tls-verify", { "true", "false", "", "false" } },
  { "tls-wildcard", { "true", "false", "", "true" } },
  { "tls-ca", { PEM_CERTIFICATE_ONE, "", PEM_CERTIFICATE_TWO "\r\n", "" } },
  { "expires", { "60", "", "600", "86400" } },
  { "redirect-policy", { "unknown", "honoured", "refused", "" } },
  { "trusted", { "true", "false", "", "true" } },
  { "alert", { "ringing", "silent", "", "silent" } },
  { "ring-limit", { "0", "1", "86400", "120" } },
  { "decline-status", { "480", "486", "603", "" } },
  { "max-offers", { "1", "16", "100000", "" } },
  { "default-action", { "decline", "redirect:*98", "redirect:sip:x@y.z", "" } },
  { "allow-sips-downgrade", { "true", "false", "", "true" } },
  { "allow-local-targets", { "true", "false", "", "true" } },
  { "redirect-domain", { "example.org", "", "[::1]:5070", "b.c" } },
};

static DflAccountChange *
random_change (void)
{
  DflAccountChange *change = dfl_account_change_new ();

  for (gint32 n = g_test_rand_int_range (0, 4); n > 0; n--)
    {
      gsize i = (gsize)g_test_rand_int_range (0, G_N_ELEMENTS (good));
      gboolean is_password = g_str_equal (good[i].key, "password");
      g_autofree char *bad = random_text ();
      g_autofree char *secret = g_strconcat (SECRET, bad, NULL);

      if (g_test_rand_int_range (0, 4) > 0)
        dfl_account_change_set (change, good[i].key, pick (good[i].values, 4));
      else if (g_test_rand_int_range (0, 20) > 0)
        dfl_account_change_set (change, good[i].key, is_password ? secret : bad);
      else
        dfl_account_change_set (change, bad, "x");
    }
  if (g_test_rand_int_range (0, 4) > 0)
    return change;

  change->targets = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);
  for (gint32 n = g_test_rand_int_range (0, 4); n > 0; n--)
    {
      static const char *const addresses[] = { "*98", "sip:x@y.z;user=phone", "+49 30 1" };
      g_autofree char *alias = g_test_rand_int_range (0, 10) > 0
                                   ? g_strdup_printf ("a%d", g_test_rand_int_range (0, 9))
                                   : random_text ();
      g_autofree char *label = random_text ();

      g_ptr_array_add (change->targets,
                       dfl_alias_new (alias, label, pick (addresses, G_N_ELEMENTS (addresses))));
    }
  return change;
}

static gboolean
is_changed (const DflAccountChange *change, const char *key)
{
  for (guint i = 0; i < change->settings->len; i++)
    {
      const char *changed = ((DflSetting *)g_ptr_array_index (change->settings, i))->key;

      /* The default of the second is in the first. */
      if (g_str_equal (changed, key)
          || (g_str_equal (changed, "address") && g_str_equal (key, "redirect-domain")))
        return TRUE;
    }
  return FALSE;
}

/* Nothing is different that the change does not name. */
static void
assert_only_changed (const DflAccountSettings *before,
                     const DflAccountSettings *after,
                     const DflAccountChange *change)
{
  g_autoptr (GKeyFile) old = dfl_account_file_compose (before);
  g_autoptr (GKeyFile) new = dfl_account_file_compose (after);

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *was = g_key_file_get_value (old, "account", good[i].key, NULL);
      g_autofree char *is = g_key_file_get_value (new, "account", good[i].key, NULL);

      if (!is_changed (change, good[i].key))
        g_assert_cmpstr (was, ==, is);
    }
  g_assert_cmpuint (after->targets->len, ==,
                    change->targets != NULL ? change->targets->len : before->targets->len);
}

static void
test_random (void)
{
  g_autoptr (DflAccountSettings) account = new_registering ();
  guint n_good = 0;

  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (DflAccountChange) change = random_change ();
      g_autoptr (GError) error = NULL;
      DflAccountSettings *next = dfl_account_draft (account, change, &error);

      if (next == NULL)
        {
          g_assert_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS);
          g_assert_null (strstr (error->message, SECRET));
          g_assert_null (strpbrk (error->message, "\n\r\001\177"));
          g_assert_true (g_utf8_validate (error->message, -1, NULL));
          continue;
        }
      n_good++;
      assert_reads_the_same (next);
      assert_only_changed (account, next, change);
      dfl_account_settings_free (account);
      account = next;
    }
  g_assert_cmpuint (n_good, >, 5000);
  g_assert_cmpuint (n_good, <, 19000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/account-text/written", test_written);
  g_test_add_func ("/account-text/direct", test_direct);
  g_test_add_func ("/account-text/pem", test_pem);
  g_test_add_func ("/account-text/stays", test_stays);
  g_test_add_func ("/account-text/refused", test_refused);
  g_test_add_func ("/account-text/several-mistakes", test_several_mistakes);
  g_test_add_func ("/account-text/targets", test_targets);
  g_test_add_func ("/account-text/random", test_random);
  return g_test_run ();
}
