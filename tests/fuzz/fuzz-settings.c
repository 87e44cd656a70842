/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every kind of settings file, and a change of an account, made of anything: no crash, no leak,
 * whatever a person is told is a line of valid text, and what is good is read as it was written. */

#include <string.h>

#include "store/account-draft.h"
#include "store/account-file.h"
#include "store/pem.h"
#include "store/settings.h"

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static void
check_text (const char *text)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (const char *p = text; *p != '\0'; p++)
    g_assert_false (g_ascii_iscntrl (*p) && *p != '\n');
}

/* An account without a problem is one that can be served. */
static void
check_account (const DflAccountSettings *account, GPtrArray *problems)
{
  g_assert_cmpint (account->problem != NULL, ==, problems->len > 0);
  for (guint i = 0; i < problems->len; i++)
    {
      check_text (g_ptr_array_index (problems, i));
      g_assert_null (strchr (g_ptr_array_index (problems, i), '\n'));
    }
  if (account->problem != NULL)
    return;
  g_assert_cmpstr (account->user, !=, "");
  g_assert_cmpstr (account->domain, !=, "");
  g_assert_cmpstr (account->redirect_domain, !=, "");
  g_assert_true (account->registers || account->accept_from[0] != NULL);
  g_assert_cmpint (account->tls_certificate != NULL, ==, account->tls_key != NULL);
  g_assert_cmpuint (account->expires, >=, 60);
  g_assert_cmpuint (account->expires, <=, 86400);
  check_text (account->display_name);
}

/* What was read has one spelling. */
static void
check_pem (DflPemKind kind, const char *data, gsize length)
{
  g_autofree char *problem = NULL;
  g_autofree char *pem = dfl_pem_read (data, length, kind, &problem);
  g_autofree char *again = NULL;

  g_assert_cmpint (pem == NULL, ==, problem != NULL);
  if (pem == NULL)
    {
      check_text (problem);
      g_assert_null (strchr (problem, '\n'));
      return;
    }
  check_text (pem);
  /* The ends of lines make it longer than a text without them is. */
  if (strlen (pem) > DFL_PEM_MAX_BYTES)
    return;
  again = dfl_pem_read (pem, strlen (pem), kind, &problem);
  g_assert_cmpstr (again, ==, pem);
}

static void
check_written (const DflAccountSettings *account)
{
  g_autoptr (DflAccountSettings) again = NULL;
  gsize length;
  g_autofree char *text = dfl_account_file_write (account, &length);
  DflAccountFile file = { .kind = DFL_ACCOUNT_FILE_STATE, .data = text, .length = length };

  again = dfl_account_file_read (&file, "", NULL);
  again->id = g_strdup (account->id);
  g_assert_cmpstr (again->problem, ==, NULL);
  g_assert_true (dfl_account_settings_equal (again, account));
}

static void
check_file (DflAccountFileKind kind, const char *data, gsize length)
{
  DflAccountFile file = { .kind = kind, .path = "fuzz.conf", .data = data, .length = length };
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (DflAccountSettings) account = dfl_account_file_read (&file, "fuzz", problems);

  check_account (account, problems);
  if (account->problem != NULL)
    return;
  if (account->creator == NULL)
    {
      account->creator = g_strdup ("fuzz");
      account->created = 1;
    }
  check_written (account);
}

static void
check_daemon (const char *data, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) settings = dfl_settings_from_data ("deflectd.conf", data, length, &error);

  if (settings == NULL)
    check_text (error->message);
  else
    g_assert_nonnull (settings->listen[0]);
}

/* Lines of the form KEY=VALUE, and ALIAS;LABEL;ADDRESS; a carriage return is a line break in what
 * they say. */
static DflAccountChange *
read_change (const char *data, gsize length)
{
  DflAccountChange *change = dfl_account_change_new ();
  g_autofree char *text = g_strdelimit (g_strndup (data, length), "\r", '\001');
  g_auto (GStrv) lines = g_strsplit (text, "\n", 50);

  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) setting = g_strsplit (g_strdelimit (*line, "\001", '\n'), "=", 2);
      g_auto (GStrv) target = g_strsplit (*line, ";", 3);

      if (g_strv_length (setting) == 2)
        dfl_account_change_set (change, setting[0], setting[1]);
      else if (g_strv_length (target) == 3)
        {
          if (change->targets == NULL)
            change->targets = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);
          g_ptr_array_add (change->targets, dfl_alias_new (target[0], target[1], target[2]));
        }
    }
  return change;
}

static void
check_change (const char *data, gsize length)
{
  g_autoptr (DflAccountChange) change = read_change (data, length);
  g_autoptr (DflAccountSettings) base = dfl_account_settings_new ("fuzz");
  g_autoptr (DflAccountSettings) account = NULL;
  g_autoptr (GError) error = NULL;

  base->id = g_strdup ("01234567");
  base->creator = g_strdup ("fuzz");
  base->created = 1;
  account = dfl_account_draft (base, change, &error);
  if (account != NULL)
    {
      g_assert_cmpstr (account->name, ==, "fuzz");
      g_assert_cmpstr (account->creator, ==, "fuzz");
      check_written (account);
      return;
    }
  check_text (error->message);
  g_assert_null (strchr (error->message, '\n'));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  const char *text = (const char *)data;

  /* What is within a certificate is for the TLS library, and its own fuzzers. */
  g_setenv ("GIO_USE_TLS", "dummy", TRUE);
  check_pem (DFL_PEM_CERTIFICATES, text, size);
  check_pem (DFL_PEM_PRIVATE_KEY, text, size);
  check_file (DFL_ACCOUNT_FILE_SETTINGS, text, size);
  check_file (DFL_ACCOUNT_FILE_STATE, text, size);
  check_daemon (text, size);
  check_change (text, size);
  return 0;
}
