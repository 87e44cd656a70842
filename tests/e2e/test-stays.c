/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts that stay registered with a real registrar that grants little. */

#include "account-view.h"
#include "registrar.h"

typedef struct
{
  const char *path;
  RegistrarOptions options;
  const char *more;
} Stay;

static char *
find_only_contact (Registrar *registrar)
{
  g_autoptr (GPtrArray) contacts = registrar_list_contacts (registrar, "alice");

  g_assert_cmpuint (contacts->len, ==, 1);
  return g_strdup (contacts->pdata[0]);
}

/* Over several refreshes the contact stays the same, and the server has never forgotten it. */
static void
test_stay (gconstpointer data)
{
  const Stay *stay = data;
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &stay->options);
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  registrar_write_account (registrar, stay->more);
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  before = find_only_contact (registrar);
  for (guint saved = registrar_count_lines (registrar, "WIRE SAVED", NULL), wanted = saved + 3;
       saved < wanted; saved = registrar_count_lines (registrar, "WIRE SAVED", NULL))
    {
      g_autofree char *state = account_get_text (stage, "alice", "State");

      g_assert_cmpstr (state, ==, "registered");
      g_assert_cmpuint (registrar_count_contacts (registrar, "alice"), ==, 1);
    }
  after = find_only_contact (registrar);
  g_assert_cmpstr (before, ==, after);
}

int
main (int argc, char **argv)
{
  static const Stay stays[] = {
    { "/registrar/stays/short-expires", { .max_expires = 12 }, "" },
    { "/registrar/stays/stale-nonce", { .max_expires = 12, .nonce_expire = 3 }, "" },
    { "/registrar/stays/tcp", { .defines = "WITH_TCP", .max_expires = 12 }, "transport=tcp\n" },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (stays); i++)
    g_test_add_data_func (stays[i].path, &stays[i], test_stay);
  return g_test_run ();
}
