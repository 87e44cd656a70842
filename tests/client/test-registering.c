/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* When it is known how a registration went, from what an account says of itself. */

#include "registering.h"

static GVariant *
account (const char *state, const char *reason, guint64 until)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "State", "s", state);
  g_variant_dict_insert (&dict, "StateReason", "s", reason);
  g_variant_dict_insert (&dict, "RegisteredUntil", "t", until);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/* An account that was not there. */
static void
test_added (void)
{
  const struct
  {
    const char *state, *reason;
    DflRegistering expected;
  } cases[] = {
    { "connecting", "", DFL_REGISTERING_PENDING },
    { "connecting", "no answer from 192.0.2.1:5060 yet", DFL_REGISTERING_PENDING },
    { "registered", "", DFL_REGISTERING_DONE },
    { "direct", "", DFL_REGISTERING_DONE },
    { "disabled", "", DFL_REGISTERING_DONE },
    { "failed", "wrong password", DFL_REGISTERING_FAILED },
    /* A later daemon may know more. */
    { "melted", "", DFL_REGISTERING_FAILED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) now = account (cases[i].state, cases[i].reason, 0);

      g_assert_cmpint (dfl_registering_judge (DFL_REGISTERING_ADDED, NULL, now, FALSE), ==,
                       cases[i].expected);
    }
}

typedef struct
{
  const char *state, *reason;
  guint64 until;
} Look;

static const Look registered = { "registered", "", 1000 };
static const Look refreshed = { "registered", "", 2000 };
static const Look struggling = { "registered", "no answer from 192.0.2.1:5060", 1000 };
static const Look failed = { "failed", "wrong password", 0 };
static const Look failed_otherwise = { "failed", "no DNS answer for example.org", 0 };
static const Look connecting = { "connecting", "", 0 };
static const Look direct = { "direct", "", 0 };
static const Look disabled = { "disabled", "", 0 };

typedef struct
{
  const Look *before, *now;
  gboolean moved;
  DflRegistering changed, asked;
} Case;

static void
test_anew (void)
{
  const Case cases[] = {
    /* What is as it was may only not have begun. */
    { &registered, &registered, FALSE, DFL_REGISTERING_STILL, DFL_REGISTERING_PENDING },
    { &failed, &failed, FALSE, DFL_REGISTERING_STILL, DFL_REGISTERING_PENDING },
    { &registered, &connecting, TRUE, DFL_REGISTERING_PENDING, DFL_REGISTERING_PENDING },
    { &connecting, &connecting, FALSE, DFL_REGISTERING_PENDING, DFL_REGISTERING_PENDING },
    { &registered, &refreshed, FALSE, DFL_REGISTERING_DONE, DFL_REGISTERING_DONE },
    { &registered, &registered, TRUE, DFL_REGISTERING_DONE, DFL_REGISTERING_DONE },
    { &failed, &registered, FALSE, DFL_REGISTERING_DONE, DFL_REGISTERING_DONE },
    /* The same failure again is a new one. */
    { &failed, &failed, TRUE, DFL_REGISTERING_FAILED, DFL_REGISTERING_FAILED },
    { &failed, &failed_otherwise, FALSE, DFL_REGISTERING_FAILED, DFL_REGISTERING_FAILED },
    { &registered, &failed, FALSE, DFL_REGISTERING_FAILED, DFL_REGISTERING_FAILED },
    /* Still registered, and the attempt failed. */
    { &registered, &struggling, TRUE, DFL_REGISTERING_DONE, DFL_REGISTERING_FAILED },
    { &failed, &direct, FALSE, DFL_REGISTERING_DONE, DFL_REGISTERING_DONE },
    { &direct, &direct, FALSE, DFL_REGISTERING_DONE, DFL_REGISTERING_DONE },
    { &registered, &disabled, TRUE, DFL_REGISTERING_DONE, DFL_REGISTERING_DONE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Case *one = &cases[i];
      g_autoptr (GVariant) before = account (one->before->state, one->before->reason,
                                             one->before->until);
      g_autoptr (GVariant) now = account (one->now->state, one->now->reason, one->now->until);

      g_test_message ("case %u", (guint)i);
      g_assert_cmpint (dfl_registering_judge (DFL_REGISTERING_CHANGED, before, now, one->moved), ==,
                       one->changed);
      g_assert_cmpint (dfl_registering_judge (DFL_REGISTERING_ASKED, before, now, one->moved), ==,
                       one->asked);
    }
}

/* Somebody who waits is told why, but not what was true of another attempt. */
static void
test_delayed (void)
{
  const Look silent = { "connecting", "no answer from 192.0.2.1:5060 yet", 0 };
  const struct
  {
    const Look *before, *now; /* before: or NULL */
    gboolean moved, delayed;
  } cases[] = {
    { NULL, &silent, FALSE, TRUE },        { NULL, &connecting, TRUE, FALSE },
    { NULL, &failed, TRUE, FALSE },        { NULL, &struggling, TRUE, FALSE },
    { &connecting, &silent, FALSE, TRUE }, { &registered, &silent, TRUE, TRUE },
    { &silent, &silent, FALSE, FALSE },    { &silent, &silent, TRUE, TRUE },
    { &silent, &connecting, TRUE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Look *old = cases[i].before;
      g_autoptr (GVariant) before = old != NULL ? account (old->state, old->reason, old->until)
                                                : NULL;
      g_autoptr (GVariant) now = account (cases[i].now->state, cases[i].now->reason, 0);

      g_test_message ("case %u", (guint)i);
      g_assert_cmpint (dfl_registering_is_delayed (before, now, cases[i].moved), ==,
                       cases[i].delayed);
    }
}

static void
test_settings (void)
{
  const struct
  {
    const char *settings;
    gboolean matters;
  } cases[] = {
    { "@a{sv} {}", FALSE },
    { "{'ring-limit': <uint32 30>, 'display-name': <'Office'>}", FALSE },
    { "{'redirect-policy': <'refused'>}", FALSE },
    { "{'password': <'x'>}", TRUE },
    { "{'ring-limit': <uint32 30>, 'tls-ca': <''>}", TRUE },
    { "{'enabled': <true>}", TRUE },
    { "{'register': <''>}", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) settings = g_variant_parse (G_VARIANT_TYPE_VARDICT, cases[i].settings,
                                                       NULL, NULL, NULL);

      g_assert_nonnull (settings);
      g_assert_cmpint (dfl_registering_is_changed_by (settings), ==, cases[i].matters);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registering/added", test_added);
  g_test_add_func ("/registering/anew", test_anew);
  g_test_add_func ("/registering/delayed", test_delayed);
  g_test_add_func ("/registering/settings", test_settings);
  return g_test_run ();
}
