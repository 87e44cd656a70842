/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Passwords, certificates and private keys in files of their own, and files that too many can read;
 * no secret is ever shown. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/directory.h"
#include "store/pem-samples.h"
#include "store/settings.h"

#define SECRET "geheim"
#define ACCOUNT "[account]\naddress=sip:alice@example.org\n"
#define SECRET_256                                                                                 \
  SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET       \
      SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET   \
          SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET SECRET      \
              SECRET SECRET SECRET SECRET "1234"

typedef struct
{
  char *directory;
  char *accounts;
  char *secret; /* the path of a file with a password in it */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = directory_make ();
  fixture->accounts = g_build_filename (fixture->directory, "accounts.d", NULL);
  fixture->secret = g_build_filename (fixture->directory, "secret", NULL);
  g_assert_cmpint (g_mkdir (fixture->accounts, S_IRWXU), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unsetenv ("CREDENTIALS_DIRECTORY");
  directory_remove (fixture->directory);
  g_free (fixture->accounts);
  g_free (fixture->secret);
}

static DflSettings *
load (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  DflSettings *settings = dfl_settings_load (fixture->directory, TRUE, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (settings->accounts->len, ==, 1);
  for (guint i = 0; i < settings->problems->len; i++)
    g_assert_null (strstr (settings->problems->pdata[i], SECRET));
  return settings;
}

static const DflAccountSettings *
account (DflSettings *settings)
{
  return settings->accounts->pdata[0];
}

static void
write_account (Fixture *fixture, const char *lines, int mode)
{
  g_autofree char *path = g_build_filename (fixture->accounts, "alice.conf", NULL);
  g_autofree char *text = g_strconcat (ACCOUNT, lines, "\n", NULL);

  directory_write (fixture->accounts, "alice.conf", text, -1);
  g_assert_cmpint (g_chmod (path, mode), ==, 0);
}

/* The account names the secret file with this in it; a problem, or what the password is. */
static void
assert_secret (
    Fixture *fixture, const char *text, gssize length, const char *problem, const char *password)
{
  g_autofree char *line = g_strconcat ("password-file=", fixture->secret, NULL);
  g_autofree char *expected = g_strdup_printf ("%s/alice.conf:3: password-file: %s",
                                               fixture->accounts, problem);
  g_autoptr (DflSettings) settings = NULL;

  directory_write (fixture->directory, "secret", text, length);
  g_assert_cmpint (g_chmod (fixture->secret, 0600), ==, 0);
  write_account (fixture, line, 0644);
  settings = load (fixture);
  g_assert_cmpstr (account (settings)->problem, ==, problem != NULL ? expected : NULL);
  g_assert_cmpstr (account (settings)->password, ==, password);
  g_assert_cmpuint (settings->problems->len, ==, problem != NULL ? 1 : 0);
}

#define CONTROL "holds control characters in the first line; expected plain text"
#define EMPTY "has nothing in the first line; expected the password there"

static void
test_contents (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *text;
    gssize length;
    const char *problem;
    const char *password;
  } rows[] = {
    { SECRET, -1, NULL, SECRET },
    { SECRET "\n", -1, NULL, SECRET },
    { SECRET "\r\n", -1, NULL, SECRET },
    { SECRET "\nanother line\n", -1, NULL, SECRET },
    { " " SECRET "\\n;#= \n", -1, NULL, " " SECRET "\\n;#= " },
    { SECRET_256 "\n", -1, NULL, SECRET_256 },
    { SECRET_256 "5\n", -1, "has too long a first line; expected a password of at most 256 bytes",
      NULL },
    { "", -1, EMPTY, NULL },
    { "\n" SECRET "\n", -1, EMPTY, NULL },
    { SECRET "\t\n", -1, CONTROL, NULL },
    { SECRET "\0x\n", sizeof SECRET + 2, CONTROL, NULL },
    { "\xEF\xBB\xBF" SECRET "\xFF\n", -1, CONTROL, NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    assert_secret (fixture, rows[i].text, rows[i].length, rows[i].problem, rows[i].password);
}

static void
test_size (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strdup_printf (SECRET "\n%4087d\n\n", 0);
  g_autofree char *more = g_strconcat (text, "\n", NULL);

  g_assert_cmpuint (strlen (text), ==, 4096);
  assert_secret (fixture, text, -1, NULL, SECRET);
  assert_secret (fixture, more, -1, "is larger than 4 KB; expected a file of a few lines", NULL);
}

/* --- Files that are not as they should be --- */

static void
assert_problem (Fixture *fixture, const char *problem)
{
  g_autofree char *expected = g_strdup_printf ("%s/alice.conf:3: password-file: %s",
                                               fixture->accounts, problem);
  g_autoptr (DflSettings) settings = load (fixture);

  g_assert_cmpstr (account (settings)->problem, ==, expected);
  g_assert_cmpstr (account (settings)->password, ==, NULL);
}

static void
test_bad_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *line = g_strconcat ("password-file=", fixture->secret, NULL);
  static const int open_modes[] = { 0604, 0602, 0601, 0666 };
  g_autoptr (DflSettings) settings = NULL;

  write_account (fixture, line, 0644);
  assert_problem (fixture, "cannot be opened (No such file or directory); expected a file that the "
                           "user of deflectd may read, whose first line is the password");
  g_assert_cmpint (mkfifo (fixture->secret, 0600), ==, 0);
  assert_problem (fixture, "is no regular file; expected one whose first line is the password");
  g_assert_cmpint (g_remove (fixture->secret), ==, 0);
  g_assert_cmpint (g_mkdir (fixture->secret, 0700), ==, 0);
  assert_problem (fixture, "is no regular file; expected one whose first line is the password");
  g_assert_cmpint (g_rmdir (fixture->secret), ==, 0);

  directory_write (fixture->directory, "secret", SECRET, -1);
  for (gsize i = 0; i < G_N_ELEMENTS (open_modes); i++)
    {
      g_assert_cmpint (g_chmod (fixture->secret, open_modes[i]), ==, 0);
      assert_problem (fixture, "may be used by every local user; take that away with chmod o=");
    }
  g_assert_cmpint (g_chmod (fixture->secret, 0640), ==, 0);
  settings = load (fixture);
  g_assert_cmpstr (account (settings)->password, ==, SECRET);
}

/* --- Credentials --- */

#define WITHOUT                                                                                    \
  "names a credential, and the daemon was started without any; put "                               \
  "LoadCredential=password:DIRECTORY into its unit and the file NAME into that directory, or "     \
  "write an absolute path"
#define NO_NAME "expected an absolute path, or the NAME of a credential without a /"
#define NOT_GIVEN                                                                                  \
  "names a credential that the daemon was not given; put the file NAME into the directory of "     \
  "LoadCredential=password: and restart it"

static void
test_credential (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->directory, "password_alice", NULL);
  g_autofree char *outside = g_build_filename (fixture->accounts, "password_x", NULL);
  static const char *const bad_names[] = { "../secret", "a/b", "./alice", "" };

  write_account (fixture, "password-file=alice", 0644);
  assert_problem (fixture, WITHOUT);
  g_setenv ("CREDENTIALS_DIRECTORY", "relative", TRUE);
  assert_problem (fixture, WITHOUT);
  g_setenv ("CREDENTIALS_DIRECTORY", fixture->directory, TRUE);
  assert_problem (fixture, NOT_GIVEN);

  directory_write (fixture->directory, "password_alice", SECRET "\n", -1);
  /* As systemd makes them; whether others could read it is its business. */
  g_assert_cmpint (g_chmod (path, 0444), ==, 0);
  {
    g_autoptr (DflSettings) settings = load (fixture);

    g_assert_cmpstr (account (settings)->problem, ==, NULL);
    g_assert_cmpstr (account (settings)->password, ==, SECRET);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (bad_names); i++)
    {
      g_autofree char *line = g_strconcat ("password-file=", bad_names[i], NULL);

      write_account (fixture, line, 0644);
      assert_problem (fixture, NO_NAME);
    }
}

/* --- password= in the account's own file --- */

static void
test_readable_settings (Fixture *fixture, gconstpointer data)
{
  g_autofree char *expected
      = g_strdup_printf ("%s/alice.conf:3: password: every local user can read it; take that away "
                         "with chmod o= and choose another password",
                         fixture->accounts);
  static const int modes[] = { 0600, 0640, 0644, 0604 };

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr (DflSettings) settings = NULL;

      write_account (fixture, "password=" SECRET, modes[i]);
      settings = load (fixture);
      /* It works all the same. */
      g_assert_cmpstr (account (settings)->problem, ==, NULL);
      g_assert_cmpstr (account (settings)->password, ==, SECRET);
      g_assert_cmpuint (settings->problems->len, ==, (modes[i] & 0004) != 0 ? 1 : 0);
      if (settings->problems->len == 1)
        g_assert_cmpstr (settings->problems->pdata[0], ==, expected);
    }
}

/* --- tls-ca=, tls-certificate=, tls-key= --- */

/* A line of a key file, with the text's lines in it. */
static char *
make_line (const char *key, const char *pem)
{
  g_auto (GStrv) lines = g_strsplit (pem, "\n", -1);
  g_autofree char *value = g_strjoinv ("\\n", lines);

  return g_strconcat (key, "=", value, "\n", NULL);
}

static void
assert_tls (Fixture *fixture, const char *ca, const char *certificate, const char *key)
{
  g_autoptr (DflSettings) settings = load (fixture);

  g_assert_cmpstr (account (settings)->problem, ==, NULL);
  g_assert_cmpstr (account (settings)->tls_ca, ==, ca);
  g_assert_cmpstr (account (settings)->tls_certificate, ==, certificate);
  g_assert_cmpstr (account (settings)->tls_key, ==, key);
  g_assert_cmpuint (settings->problems->len, ==, 0);
}

static void
test_tls_files (Fixture *fixture, gconstpointer data)
{
  g_autofree char *lines = g_strdup_printf ("tls-ca=%s\ntls-certificate=%s\ntls-key=%s",
                                            fixture->secret, fixture->secret, fixture->secret);
  g_autofree char *expected
      = g_strdup_printf ("%s/alice.conf:5: tls-key: names a file that every local user may use; "
                         "take that away with chmod o=",
                         fixture->accounts);
  g_autoptr (DflSettings) settings = NULL;

  /* What the account's own file may do for others says nothing of this one. */
  write_account (fixture, lines, 0644);
  directory_write (fixture->directory, "secret", PEM_CERTIFICATE_ONE PEM_KEY_ONE, -1);
  g_assert_cmpint (g_chmod (fixture->secret, 0640), ==, 0);
  assert_tls (fixture, PEM_CERTIFICATE_ONE, PEM_CERTIFICATE_ONE, PEM_KEY_ONE);

  /* Renewed ones are read when the settings are. */
  directory_write (fixture->directory, "secret", PEM_KEY_TWO PEM_CERTIFICATE_TWO, -1);
  g_assert_cmpint (g_chmod (fixture->secret, 0640), ==, 0);
  assert_tls (fixture, PEM_CERTIFICATE_TWO, PEM_CERTIFICATE_TWO, PEM_KEY_TWO);

  g_assert_cmpint (g_chmod (fixture->secret, 0644), ==, 0);
  settings = load (fixture);
  g_assert_cmpstr (account (settings)->problem, ==, expected);
  g_assert_cmpstr (account (settings)->tls_key, ==, NULL);
}

static void
test_tls_lines (Fixture *fixture, gconstpointer data)
{
  g_autofree char *ca = make_line ("tls-ca", PEM_CERTIFICATE_TWO);
  g_autofree char *certificate = make_line ("tls-certificate", PEM_CERTIFICATE_ONE);
  g_autofree char *key = make_line ("tls-key", PEM_KEY_ONE);
  g_autofree char *lines = g_strconcat (ca, certificate, key, NULL);
  g_autofree char *expected
      = g_strdup_printf ("%s/alice.conf:5: tls-key: every local user can read it; take that away "
                         "with chmod o= and have another key certified",
                         fixture->accounts);
  g_autoptr (DflSettings) settings = NULL;

  write_account (fixture, lines, 0640);
  assert_tls (fixture, PEM_CERTIFICATE_TWO, PEM_CERTIFICATE_ONE, PEM_KEY_ONE);

  write_account (fixture, lines, 0644);
  settings = load (fixture);
  g_assert_cmpstr (account (settings)->problem, ==, NULL);
  g_assert_cmpstr (account (settings)->tls_key, ==, PEM_KEY_ONE);
  g_assert_cmpuint (settings->problems->len, ==, 1);
  g_assert_cmpstr (settings->problems->pdata[0], ==, expected);
}

/* Certificates and keys of other kinds are told from one another, and a key stays where it is. */
static void
test_tls_bad (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *ca, *certificate, *key, *problem;
  } rows[] = {
    { "x\ny", NULL, NULL, "3: tls-ca: holds no certificate; " },
    { NULL, "-----BEGIN CERTIFICATE-----\n" SECRET "ab\n-----END CERTIFICATE-----\n", PEM_KEY_ONE,
      "3: tls-certificate: holds a certificate, the 1. one, that cannot be understood; expected "
      "X.509 as \"openssl x509\" writes it\n" },
    { PEM_KEY_ONE, NULL, NULL, "3: tls-ca: holds no certificate; " },
    { NULL, PEM_CERTIFICATE_ONE, NULL, "3: tls-certificate: stands without tls-key=, " },
    { NULL, PEM_CERTIFICATE_ONE, "", "3: tls-certificate: stands without tls-key=, " },
    { NULL, NULL, PEM_KEY_ONE, "3: tls-key: stands without tls-certificate=, " },
    { NULL, PEM_CERTIFICATE_ONE, PEM_CERTIFICATE_ONE, "4: tls-key: holds no private key; " },
    { NULL, PEM_CERTIFICATE_ONE,
      "-----BEGIN PRIVATE KEY-----\n" SECRET "ab\n-----END PRIVATE KEY-----\n",
      "4: tls-key: holds a private key that cannot be understood; " },
    { "-----BEGIN CERTIFICATE-----\n" SECRET "ab\n-----END CERTIFICATE-----\n", NULL, NULL,
      "3: tls-ca: holds a certificate, the 1. one, that cannot be understood; " },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *ca = rows[i].ca != NULL ? make_line ("tls-ca", rows[i].ca) : g_strdup ("");
      g_autofree char *certificate = rows[i].certificate != NULL
                                         ? make_line ("tls-certificate", rows[i].certificate)
                                         : g_strdup ("");
      g_autofree char *key = rows[i].key != NULL ? make_line ("tls-key", rows[i].key)
                                                 : g_strdup ("");
      g_autofree char *lines = g_strconcat (ca, certificate, key, NULL);
      g_autofree char *expected = g_strdup_printf ("%s/alice.conf:%s", fixture->accounts,
                                                   rows[i].problem);
      g_autofree char *whole = NULL;
      g_autoptr (DflSettings) settings = NULL;

      write_account (fixture, lines, 0600);
      settings = load (fixture);
      g_assert_nonnull (account (settings)->problem);
      g_test_message ("%s", account (settings)->problem);
      whole = g_strconcat (account (settings)->problem, "\n", NULL);
      g_assert_true (g_str_has_prefix (whole, expected));
      g_assert_null (strstr (account (settings)->problem, SECRET));
    }
}

/* Whatever is wrong around it. */
static void
test_never_shown (Fixture *fixture, gconstpointer data)
{
  static const char *const lines[] = {
    "password=" SECRET "\\",
    "password=" SECRET "\\q",
    "password=" SECRET "\\n",
    "password=" SECRET_256 "x",
    "password=" SECRET "\npassword=" SECRET,
    "password=" SECRET "\npassword-file=" SECRET,
    "password[de]=" SECRET,
    "password=" SECRET "\001",
    "password=\xFF" SECRET,
    "password = " SECRET "\nnonsense\n[account]\npassword=" SECRET,
    "password " SECRET,
    "passwort=" SECRET,
    "password-file=" SECRET,
    "password-file=/" SECRET,
    "password-file=" SECRET "/" SECRET,
    "tls-key=" SECRET,
    "tls-key=" SECRET "\\q",
    "tls-key=-----BEGIN PRIVATE KEY-----\\n" SECRET,
    "tls-key=-----BEGIN PRIVATE KEY-----\\n" SECRET "ab\\n-----END PRIVATE KEY-----",
    "tls-key=/" SECRET "/" SECRET,
    "[rules]\npassword=" SECRET,
    "[targets]\npassword=" SECRET,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (DflSettings) settings = NULL;

      write_account (fixture, lines[i], 0644);
      settings = load (fixture);
      g_test_message ("%s", account (settings)->problem);
      g_assert_nonnull (account (settings)->problem);
      g_assert_null (strstr (account (settings)->problem, SECRET));
    }
}

static void
add (const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/passwords/contents", test_contents);
  add ("/passwords/size", test_size);
  add ("/passwords/bad-files", test_bad_files);
  add ("/passwords/credential", test_credential);
  add ("/passwords/readable-settings", test_readable_settings);
  add ("/passwords/tls-files", test_tls_files);
  add ("/passwords/tls-lines", test_tls_lines);
  add ("/passwords/tls-bad", test_tls_bad);
  add ("/passwords/never-shown", test_never_shown);
  return g_test_run ();
}
