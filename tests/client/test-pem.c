/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates and keys from files: what is sent, and what is refused before anything is. */

#include "pem.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "errors.h"

#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nTm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN PRIVATE KEY-----\nTm8ga2V5IGVpdGhlcg==\n-----END PRIVATE KEY-----\n"
#define RSA_KEY                                                                                    \
  "-----BEGIN RSA PRIVATE KEY-----\nTm8ga2V5IGVpdGhlcg==\n-----END RSA PRIVATE KEY-----\n"
#define LOCKED "-----BEGIN ENCRYPTED PRIVATE KEY-----\nTm8=\n-----END ENCRYPTED PRIVATE KEY-----\n"

typedef struct
{
  char *directory;
  char *file;
} Place;

static void
set_up (Place *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->directory = g_dir_make_tmp ("pem-XXXXXX", &error);
  g_assert_no_error (error);
  self->file = g_build_filename (self->directory, "file.pem", NULL);
}

static void
tear_down (Place *self, gconstpointer data)
{
  (void)g_remove (self->file);
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->file);
  g_free (self->directory);
}

static void
write_file (Place *self, const char *text, gssize length, int mode)
{
  (void)g_remove (self->file);
  g_assert_true (g_file_set_contents (self->file, text, length, NULL));
  g_assert_cmpint (g_chmod (self->file, mode), ==, 0);
}

static void
assert_refused (Place *self, const char *key, const char *said)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (dfl_pem_read (key, self->file, &error));
  g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED);
  if (strstr (error->message, said) == NULL)
    g_error ("“%s” is not in “%s”", said, error->message);
}

static void
assert_read (const char *key, const char *value, const char *expected)
{
  g_autoptr (GError) error = NULL;
  char *text = dfl_pem_read (key, value, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);
  dfl_pem_free (text);
}

static void
test_content (Place *self, gconstpointer data)
{
  const struct
  {
    const char *key, *text;
    const char *said; /* NULL: it is taken */
  } cases[] = {
    { "tls-ca", CERTIFICATE, NULL },
    { "tls-ca", "# whose it is\n" CERTIFICATE CERTIFICATE, NULL },
    { "tls-ca", "-----BEGIN TRUSTED CERTIFICATE-----\nTm8=\n-----END TRUSTED CERTIFICATE-----\n",
      NULL },
    { "tls-certificate", CERTIFICATE CERTIFICATE, NULL },
    { "tls-key", KEY, NULL },
    { "tls-key", RSA_KEY, NULL },
    { "tls-key", CERTIFICATE KEY, NULL },
    { "tls-ca", KEY, "tls-key=FILE" },
    { "tls-certificate", CERTIFICATE KEY, "tls-key=FILE" },
    { "tls-certificate", CERTIFICATE RSA_KEY, "tls-key=FILE" },
    { "tls-certificate", LOCKED, "tls-key=FILE" },
    { "tls-key", CERTIFICATE, "no private key" },
    { "tls-key", LOCKED, "encrypted" },
    { "tls-ca", "", "no certificate" },
    { "tls-ca", "something else\n", "no certificate" },
    { "tls-ca", "-----BEGIN CERTIFICATE", "no certificate" },
    { "tls-ca", "-----BEGIN X-----\n-----BEGIN CERTIFICATE", "no certificate" },
    { "tls-ca", "-----BEGIN \xff-----\n", "no text" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("case %u: %s", (guint)i, cases[i].key);
      write_file (self, cases[i].text, -1, 0600);
      if (cases[i].said == NULL)
        assert_read (cases[i].key, self->file, cases[i].text);
      else
        assert_refused (self, cases[i].key, cases[i].said);
    }
}

static void
test_size (Place *self, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new (CERTIFICATE);

  while (text->len < DFL_PEM_MAX_BYTES)
    g_string_append_c (text, '\n');
  write_file (self, text->str, -1, 0600);
  assert_read ("tls-ca", self->file, text->str);
  g_string_append_c (text, '\n');
  write_file (self, text->str, -1, 0600);
  assert_refused (self, "tls-ca", "65536 bytes");
  write_file (self, CERTIFICATE "\0" KEY, sizeof (CERTIFICATE "\0" KEY) - 1, 0600);
  assert_refused (self, "tls-ca", "no text");
}

/* What is no file of bytes is not waited for. */
static void
test_no_file (Place *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  assert_refused (self, "tls-ca", "No such file");
  g_assert_cmpint (mkfifo (self->file, 0600), ==, 0);
  assert_refused (self, "tls-key", "regular file");
  g_assert_null (dfl_pem_read ("tls-ca", self->directory, &error));
  g_assert_nonnull (strstr (error->message, "regular file"));
  g_clear_error (&error);
  g_assert_null (dfl_pem_read ("tls-ca", "/dev/zero", &error));
  g_assert_nonnull (strstr (error->message, "regular file"));
  g_clear_error (&error);
  g_assert_null (dfl_pem_read ("tls-ca", "/nonexistent/\033[2J", &error));
  g_assert_null (strchr (error->message, '\033'));
}

static void
test_given (Place *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  assert_read ("tls-ca", CERTIFICATE, CERTIFICATE);
  assert_read ("tls-ca", "", "");
  assert_read ("tls-key", "", "");
  g_assert_null (dfl_pem_read ("tls-certificate", KEY, &error));
  g_assert_nonnull (strstr (error->message, "tls-key=FILE"));
  g_assert_null (strstr (error->message, "Tm8"));
}

/* A private key that others can read is taken, and talked about. */
static void
test_warnings (Place *self, gconstpointer data)
{
  const struct
  {
    const char *key, *text;
    int mode;
    const char *said;
  } cases[] = {
    { "tls-key", KEY, 0600, "" },
    { "tls-key", KEY, 0400, "" },
    { "tls-key", KEY, 0640, "*warning*chmod 600*" },
    { "tls-key", KEY, 0604, "*warning*chmod 600*" },
    { "tls-ca", CERTIFICATE, 0644, "" },
  };

  if (g_test_subprocess ())
    {
      assert_read (g_getenv ("DFL_KEY"), g_getenv ("DFL_FILE"), g_getenv ("DFL_TEXT"));
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      write_file (self, cases[i].text, -1, cases[i].mode);
      g_setenv ("DFL_KEY", cases[i].key, TRUE);
      g_setenv ("DFL_FILE", self->file, TRUE);
      g_setenv ("DFL_TEXT", cases[i].text, TRUE);
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      g_test_trap_assert_stderr (cases[i].said);
    }
  g_setenv ("DFL_KEY", "tls-key", TRUE);
  g_setenv ("DFL_FILE", KEY, TRUE);
  g_setenv ("DFL_TEXT", KEY, TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*warning*name of its file*");
}

/* As it is typed: what is in the file is the setting. */
static void
test_settings (Place *self, gconstpointer data)
{
  g_autofree char *word = g_strconcat ("tls-ca=", self->file, NULL);
  const char *const words[] = { word, "tls-key=", NULL };
  const char *const wrong[] = { "tls-ca=/nonexistent", NULL };
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *value = NULL;

  write_file (self, CERTIFICATE, -1, 0600);
  g_assert_true (dfl_account_keys_parse (words, &settings, &error));
  g_assert_no_error (error);
  g_assert_true (g_variant_dict_lookup (&settings, "tls-ca", "s", &value));
  g_assert_cmpstr (value, ==, CERTIFICATE);
  g_variant_dict_remove (&settings, "tls-ca");
  g_assert_false (dfl_account_keys_parse (wrong, &settings, &error));
  g_assert_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/pem/content", Place, NULL, set_up, test_content, tear_down);
  g_test_add ("/pem/size", Place, NULL, set_up, test_size, tear_down);
  g_test_add ("/pem/no-file", Place, NULL, set_up, test_no_file, tear_down);
  g_test_add ("/pem/given", Place, NULL, set_up, test_given, tear_down);
  g_test_add ("/pem/warnings", Place, NULL, set_up, test_warnings, tear_down);
  g_test_add ("/pem/settings", Place, NULL, set_up, test_settings, tear_down);
  return g_test_run ();
}
