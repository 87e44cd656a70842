/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Both kinds of settings files, made of anything: no crash, no leak, and whatever a person is told
 * is a line of valid text. */

#include <string.h>

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
  g_assert_nonnull (account->accept_from[0]);
  check_text (account->display_name);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (DflAccountSettings) account = dfl_account_settings_from_data ("fuzz", "fuzz.conf",
                                                                           (const char *)data, size,
                                                                           problems);
  g_autoptr (GError) error = NULL;
  g_autoptr (DflSettings) settings = dfl_settings_from_data ("deflectd.conf", (const char *)data,
                                                             size, &error);

  check_account (account, problems);
  if (settings == NULL)
    check_text (error->message);
  else
    g_assert_nonnull (settings->listen[0]);
  return 0;
}
