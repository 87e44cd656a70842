/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The law of dependencies, main -> {bus, sip, store} -> core, as far as linking cannot see it:
 * which headers a directory may include and which words it must not say.
 */

#include <glib.h>
#include <string.h>

#define BUS_WORDS "GDBus\\w*|g_dbus_\\w+|g_bus_\\w+|sd_bus_\\w+|polkit_\\w+|Polkit\\w+"
#define FILE_WORDS "fopen|g_file_[gs]et_contents\\w*|g_key_file_\\w+|g_dir_open|sqlite3_\\w+"
#define SIP_WORDS "(?:nta|nua|su|tport)_\\w+|sip_t|sip_\\w+_t"

typedef struct
{
  const char *directory; /* below the source root, without what is below it */
  const char *file;      /* beginning of its files' names, or NULL for all */
  const char *includes;  /* what an include line may name, as a regular expression */
  const char *forbidden; /* words that its code must not contain, likewise; or NULL */
} Law;

/* Headers of the C library and of Linux, which belong to nobody. */
#define SYSTEM "[a-z0-9_]+\\.h|(?:sys|net|netinet|arpa|linux)/[a-z0-9_]+\\.h"

static const Law laws[] = {
  { "daemon/core", NULL, "core/.+|glib\\.h|glib-object\\.h|" SYSTEM,
    BUS_WORDS "|" FILE_WORDS "|" SIP_WORDS },
  { "daemon/sip", NULL,
    "(?:core|sip|gio|gnutls|sofia-sip)/.+|(?:glib|gio)[a-z-]*\\.h|ares\\.h|" SYSTEM,
    BUS_WORDS "|" FILE_WORDS },
  { "daemon/bus", NULL,
    "(?:core|bus|gio|polkit|systemd)/.+|(?:glib|gio)[a-z-]*\\.h|data/"
    "(?:names|interface-info)\\.h|" SYSTEM,
    FILE_WORDS "|" SIP_WORDS },
  { "daemon/store", NULL, "(?:core|store|glib|gio|gnutls)/.+|(?:glib|gio)[a-z-]*\\.h|" SYSTEM,
    BUS_WORDS "|" SIP_WORDS },
  { "daemon", "loop-clock", "core/.+|loop-clock\\.h|glib[a-z-]*\\.h|" SYSTEM,
    BUS_WORDS "|" FILE_WORDS "|" SIP_WORDS },
  /* The composition root knows the rooms, not what they are made of. */
  { "daemon", "main", ".*", FILE_WORDS "|" SIP_WORDS "|polkit_\\w+" },
  { "client", NULL, "(?!(?:core|sip|bus|store|daemon|sofia-sip|polkit)/|loop-clock).+", SIP_WORDS },
  { "tests/unit", NULL, "(?:core|fakes)/.+|loop-clock\\.h|glib[a-z-]*\\.h|" SYSTEM, NULL },
  { "tests/fakes", NULL, "(?:core|fakes)/.+|glib[a-z-]*\\.h|" SYSTEM, NULL },
  { "tests/bus", NULL, "(?!(?:sip|store|sofia-sip)/).+", NULL },
  { "tests/sip", NULL, "(?!(?:bus|store|polkit)/).+", NULL },
  { "tests/store", NULL, "(?!(?:bus|sip|sofia-sip|polkit)/).+", NULL },
  /* Stands for the machine around the daemon, whichever room is looked at. */
  { "tests/stage", NULL, "(?!(?:core|bus|sip|store|sofia-sip)/).+", NULL },
};

static char *
get_root (void)
{
  const char *tests = g_getenv ("G_TEST_SRCDIR");

  g_assert_nonnull (tests);

  return g_path_get_dirname (tests);
}

static GRegex *
compile (const char *pattern, GRegexCompileFlags flags)
{
  g_autoptr (GError) error = NULL;
  GRegex *regex = g_regex_new (pattern, flags, 0, &error);

  g_assert_no_error (error);

  return regex;
}

/* Fails for each match of the pattern that is not allowed; NULL allows none. */
static void
check_matches (const char *path, const char *text, const char *pattern, const GRegex *allowed)
{
  g_autoptr (GRegex) regex = compile (pattern, G_REGEX_MULTILINE);
  g_autoptr (GMatchInfo) match = NULL;

  for (g_regex_match (regex, text, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      g_autofree char *word = g_match_info_fetch (match, 1);

      if (allowed == NULL || !g_regex_match (allowed, word, 0, NULL))
        {
          g_test_message ("%s must not use %s", path, word);
          g_test_fail ();
        }
    }
}

static char *
strip (const char *text)
{
  g_autoptr (GRegex) regex = compile ("/\\*.*?\\*/|//[^\n]*|\"(?:[^\"\\\\\n]|\\\\.)*\"",
                                      G_REGEX_DOTALL);
  g_autoptr (GError) error = NULL;
  char *code = g_regex_replace_literal (regex, text, -1, 0, " ", 0, &error);

  g_assert_no_error (error);

  return code;
}

static void
check_file (const Law *law, const char *path)
{
  g_autofree char *pattern = g_strdup_printf ("^(?:%s)$", law->includes);
  g_autoptr (GRegex) allowed = compile (pattern, 0);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  check_matches (path, text, "^[ \\t]*#[ \\t]*include[ \\t]*[<\"]([^>\"]+)[>\"]", allowed);

  if (law->forbidden != NULL)
    {
      g_autofree char *code = strip (text);
      g_autofree char *words = g_strdup_printf ("\\b(%s)\\b", law->forbidden);

      check_matches (path, code, words, NULL);
    }
}

static gboolean
is_source (const char *name)
{
  return g_str_has_suffix (name, ".c") || g_str_has_suffix (name, ".h");
}

static void
test_law (gconstpointer data)
{
  const Law *law = data;
  g_autofree char *root = get_root ();
  g_autofree char *path = g_build_filename (root, law->directory, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) directory = g_dir_open (path, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (directory)) != NULL)
    if (is_source (name) && (law->file == NULL || g_str_has_prefix (name, law->file)))
      {
        g_autofree char *file = g_build_filename (path, name, NULL);

        check_file (law, file);
      }
}

/* A source that no law covers would be outside the law. */
static void
test_complete (void)
{
  static const char *const free_directories[] = { "tests/client", "tests/e2e",  "tests/install",
                                                  "tests/bench",  "tests/fuzz", NULL };
  static const char *const parents[] = { ".", "daemon", "client", "tests" };
  g_autofree char *root = get_root ();

  for (gsize i = 0; i < G_N_ELEMENTS (parents); i++)
    {
      g_autofree char *path = g_build_filename (root, parents[i], NULL);
      g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
      const char *name;

      while ((name = g_dir_read_name (directory)) != NULL)
        {
          g_autofree char *entry = i == 0 ? g_strdup (name)
                                          : g_strdup_printf ("%s/%s", parents[i], name);
          g_autofree char *full = g_build_filename (path, name, NULL);
          gboolean lawful = i == 0 || !g_file_test (full, G_FILE_TEST_IS_DIR)
                            || g_strv_contains (free_directories, entry)
                            || strcmp (entry, "tests/corpus") == 0;

          for (gsize j = 0; j < G_N_ELEMENTS (laws); j++)
            lawful |= strcmp (laws[j].directory, entry) == 0;
          if (!lawful || (i == 0 && is_source (name)))
            {
              g_test_message ("%s is not in the table of this test: add a law for it", entry);
              g_test_fail ();
            }
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (laws); i++)
    {
      g_autofree char *path = g_strdup_printf ("/architecture/%s%s%s", laws[i].directory,
                                               laws[i].file != NULL ? "/" : "",
                                               laws[i].file != NULL ? laws[i].file : "");

      g_test_add_data_func (path, &laws[i], test_law);
    }
  g_test_add_func ("/architecture/complete", test_complete);

  return g_test_run ();
}
