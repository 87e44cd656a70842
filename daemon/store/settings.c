/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/settings.h"

#include <string.h>

#include "core/error.h"
#include "core/listen.h"
#include "store/account-file.h"
#include "store/key-file.h"
#include "store/key-readers.h"
#include "store/slurp.h"
#include "store/wipe.h"

#define DAEMON "daemon"
#define ACCOUNTS_DIR "accounts.d"
#define SUFFIX ".conf"

#define DEFAULT_MAX_OFFERS 1024
#define DEFAULT_MAX_CONNECTIONS 256
#define DEFAULT_T1 500
#define DEFAULT_T2 4000
#define DEFAULT_REGISTER_RATE 20
#define DEFAULT_REGISTER_RETRY 30
#define DEFAULT_REGISTER_RETRY_MAX 1800
#define MAX_LISTEN 32

static DflSettings *
settings_new (void)
{
  static const char *const listen[] = { "udp:*:0", "tcp:*:0", NULL };
  DflSettings *self = g_new0 (DflSettings, 1);

  self->listen = g_strdupv ((char **)listen);
  self->max_offers = DEFAULT_MAX_OFFERS;
  self->max_connections = DEFAULT_MAX_CONNECTIONS;
  self->t1 = DEFAULT_T1;
  self->t2 = DEFAULT_T2;
  self->register_rate = DEFAULT_REGISTER_RATE;
  self->register_retry = DEFAULT_REGISTER_RETRY;
  self->register_retry_max = DEFAULT_REGISTER_RETRY_MAX;
  self->accounts = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  self->problems = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
dfl_settings_free (DflSettings *self)
{
  if (self == NULL)
    return;
  g_strfreev (self->listen);
  g_clear_pointer (&self->accounts, g_ptr_array_unref);
  g_ptr_array_unref (self->problems);
  g_free (self);
}

/* --- deflectd.conf --- */

static void
read_listen (DflKeyFile *file,
             const DflKeyLine *at,
             const DflKeySpec *spec,
             const char *value,
             gpointer into)
{
  DflSettings *self = into;
  g_auto (GStrv) items = dfl_key_file_get_list (file, at);
  g_autoptr (GStrvBuilder) good = g_strv_builder_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  if (items == NULL)
    return;
  if (items[0] == NULL || g_strv_length (items) > MAX_LISTEN)
    dfl_key_file_complain (file, at, "expected 1 to %u items such as udp:*:5060", MAX_LISTEN);
  for (char **item = items; *item != NULL; item++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (DflListen) listen = dfl_listen_parse (*item, &error);
      g_autofree char *quoted = dfl_key_file_quote (*item);

      if (listen == NULL)
        dfl_key_file_complain (file, at, "%s: %s", quoted, error->message);
      else if (!g_hash_table_add (seen, *item) && listen->port != 0)
        dfl_key_file_complain (file, at, "%s stands twice; keep one", quoted);
      else
        g_strv_builder_add (good, *item);
    }
  g_strfreev (self->listen);
  self->listen = g_strv_builder_end (good);
}

static void
read_log (DflKeyFile *file,
          const DflKeyLine *at,
          const DflKeySpec *spec,
          const char *value,
          gpointer into)
{
  g_autofree char *quoted = dfl_key_file_quote (value);

  if (!g_str_equal (value, "info") && !g_str_equal (value, "debug"))
    dfl_key_file_complain (file, at, "expected info or debug, not %s", quoted);
  else
    ((DflSettings *)into)->debug = g_str_equal (value, "debug");
}

#define SETTING(name) .offset = G_STRUCT_OFFSET (DflSettings, name)

static const DflKeySpec daemon_keys[] = {
  { .key = "listen", .read = read_listen },
  { .key = "max-offers",
    .read = dfl_key_read_number,
    SETTING (max_offers),
    .minimum = 1,
    .maximum = 100000 },
  { .key = "max-connections",
    .read = dfl_key_read_number,
    SETTING (max_connections),
    .maximum = 65536 },
  { .key = "t1", .read = dfl_key_read_number, SETTING (t1), .minimum = 10, .maximum = 10000 },
  { .key = "t2", .read = dfl_key_read_number, SETTING (t2), .minimum = 10, .maximum = 60000 },
  { .key = "register-rate",
    .read = dfl_key_read_number,
    SETTING (register_rate),
    .minimum = 1,
    .maximum = 1000 },
  { .key = "register-retry",
    .read = dfl_key_read_number,
    SETTING (register_retry),
    .minimum = 5,
    .maximum = 3600 },
  { .key = "register-retry-max",
    .read = dfl_key_read_number,
    SETTING (register_retry_max),
    .minimum = 30,
    .maximum = 86400 },
  { .key = "log", .read = read_log },
  { .key = NULL },
};

/* RFC 3261 section 17.1.1.1: T2 is where the doubling of T1 ends. */
static void
check_timers (DflKeyFile *file, const DflSettings *self)
{
  const DflKeyLine *t2 = dfl_key_file_find (file, DAEMON, "t2");
  const DflKeyLine *at = t2 != NULL ? t2 : dfl_key_file_find (file, DAEMON, "t1");

  if (at == NULL || self->t1 <= self->t2)
    return;
  if (t2 != NULL)
    dfl_key_file_complain (file, at, "expected at least the t1 of %u ms", self->t1);
  else
    dfl_key_file_complain (file, at, "expected at most the t2 of %u ms, or a greater t2 beside it",
                           self->t2);
}

/* RFC 5626 section 4.5: the base and the maximum of the time between two attempts. */
static void
check_retry (DflKeyFile *file, const DflSettings *self)
{
  const DflKeyLine *most = dfl_key_file_find (file, DAEMON, "register-retry-max");
  const DflKeyLine *at = most != NULL ? most : dfl_key_file_find (file, DAEMON, "register-retry");

  if (at == NULL || self->register_retry <= self->register_retry_max)
    return;
  if (most != NULL)
    dfl_key_file_complain (file, at, "expected at least the register-retry of %u s",
                           self->register_retry);
  else
    dfl_key_file_complain (file, at,
                           "expected at most the register-retry-max of %u s, or a greater "
                           "register-retry-max beside it",
                           self->register_retry_max);
}

static GError *
make_error (GPtrArray *problems)
{
  g_autofree char *text = NULL;

  g_ptr_array_add (problems, NULL);
  text = g_strjoinv ("\n", (char **)problems->pdata);
  return g_error_new_literal (DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, text);
}

DflSettings *
dfl_settings_from_data (const char *path, const char *data, gsize length, GError **error)
{
  static const char *const groups[] = { DAEMON, NULL };
  g_autoptr (DflSettings) self = settings_new ();
  g_autoptr (DflKeyFile) file = dfl_key_file_new (path, data, length);
  g_autoptr (GPtrArray) problems = NULL;

  dfl_key_file_check_groups (file, groups, NULL);
  dfl_key_file_read_group (file, DAEMON, daemon_keys, self);
  check_timers (file, self);
  check_retry (file, self);

  problems = dfl_key_file_take_problems (file);
  if (problems->len == 0)
    return g_steal_pointer (&self);
  g_propagate_error (error, make_error (problems));
  return NULL;
}

static DflSettings *
load_daemon (const char *config_dir, GError **error)
{
  g_autofree char *path = g_build_filename (config_dir, "deflectd.conf", NULL);
  g_autoptr (GError) slurp_error = NULL;
  struct stat facts;
  gsize length = 0;
  g_autofree char *data = dfl_slurp (path, &facts, &length, &slurp_error);

  if (data != NULL)
    return dfl_settings_from_data (path, data, length, error);
  if (g_error_matches (slurp_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return settings_new ();
  g_propagate_error (error, g_steal_pointer (&slurp_error));
  return NULL;
}

/* --- accounts.d --- */

static void
load_account (DflSettings *self, const char *directory, const char *file_name)
{
  g_autofree char *path = g_build_filename (directory, file_name, NULL);
  g_autofree char *name = g_strndup (file_name, strlen (file_name) - strlen (SUFFIX));
  g_autoptr (GError) error = NULL;
  DflAccountFile file = { .kind = DFL_ACCOUNT_FILE_SETTINGS, .path = path };
  struct stat facts;
  char *data;

  if (!dfl_account_name_is_valid (name))
    {
      g_autofree char *shown = g_filename_display_name (path);
      g_autofree char *quoted = dfl_key_file_quote (shown);

      g_ptr_array_add (self->problems,
                       g_strdup_printf ("%s: expected the name of an account before " SUFFIX
                                        ": a-z, then up to 31 of a-z, 0-9 and _",
                                        quoted));
      return;
    }

  data = dfl_slurp (path, &facts, &file.length, &error);
  if (data != NULL)
    {
      file.data = data;
      file.mode = facts.st_mode;
      g_ptr_array_add (self->accounts, dfl_account_file_read (&file, name, self->problems));
      dfl_wipe_free_bytes (data, file.length);
      return;
    }
  /* A file that went between the listing and now is no account any more. */
  if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return;
  g_ptr_array_add (self->problems, g_strdup (error->message));
  g_ptr_array_add (self->accounts, dfl_account_settings_new (name));
  ((DflAccountSettings *)g_ptr_array_index (self->accounts, self->accounts->len - 1))->problem
      = g_strdup (error->message);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Opens a directory; *missing instead of an error where there is none. */
static GDir *
open_directory (const char *path, gboolean *missing, GError **error)
{
  g_autoptr (GError) open_error = NULL;
  GDir *directory = g_dir_open (path, 0, &open_error);
  g_autofree char *shown = g_filename_display_name (path);

  *missing = g_error_matches (open_error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  if (directory == NULL)
    g_set_error (
        error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS,
        "%s: cannot be read (%s); make the directory, readable for the user of deflectd, and put "
        "accounts.d/NAME.conf into it",
        shown, open_error->message);
  return directory;
}

static gboolean
load_accounts (DflSettings *self, const char *config_dir, GError **error)
{
  g_autofree char *path = g_build_filename (config_dir, ACCOUNTS_DIR, NULL);
  g_autoptr (GError) open_error = NULL;
  gboolean missing;
  g_autoptr (GDir) directory = open_directory (path, &missing, &open_error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (directory == NULL && missing)
    return TRUE;
  if (directory == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&open_error));
      return FALSE;
    }
  while ((name = g_dir_read_name (directory)) != NULL)
    if (name[0] != '.' && g_str_has_suffix (name, SUFFIX))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    load_account (self, path, g_ptr_array_index (names, i));
  return TRUE;
}

DflSettings *
dfl_settings_load (const char *config_dir, gboolean required, GError **error)
{
  g_autoptr (DflSettings) self = NULL;
  gboolean missing;
  g_autoptr (GError) open_error = NULL;
  g_autoptr (GDir) directory = open_directory (config_dir, &missing, &open_error);

  if (directory == NULL && missing && !required)
    return settings_new ();
  if (directory == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&open_error));
      return NULL;
    }
  self = load_daemon (config_dir, error);
  if (self == NULL || !load_accounts (self, config_dir, error))
    return NULL;
  return g_steal_pointer (&self);
}
