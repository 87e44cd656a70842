/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose change of an account is next, and how many may wait. */

#include <string.h>

#include "core/account-queue.h"
#include "fakes/change-fixture.h"

/* --- The queue itself --- */

static void
test_round_robin (void)
{
  static const char *const pushed[] = { "a1", "a2", "a3", "b1", "b2", "c1", NULL };
  static const char *const expected[] = { "a1", "b1", "c1", "a2", "b2", "a3", NULL };
  DflAccountQueue *queue = dfl_account_queue_new ();

  g_assert_true (dfl_account_queue_is_empty (queue));
  for (const char *const *item = pushed; *item != NULL; item++)
    {
      g_autofree char *author = g_strndup (*item, 1);

      dfl_account_queue_push (queue, author, (gpointer)*item);
    }
  g_assert_false (dfl_account_queue_is_empty (queue));
  for (const char *const *item = expected; *item != NULL; item++)
    g_assert_cmpstr (dfl_account_queue_pop (queue), ==, *item);
  g_assert_true (dfl_account_queue_is_empty (queue));
  g_assert_null (dfl_account_queue_pop (queue));
  dfl_account_queue_free (queue);
}

/* Whoever comes and goes: nobody sees another one served twice while waiting for one turn, and each
 * author's own come in their order. */
static void
test_fair (void)
{
  enum
  {
    N = 5
  };
  static const char *const authors[N] = { "alice", "bob", "carol", "root", NULL };
  guint pushed[N] = { 0 }, popped[N] = { 0 };
  guint seen[N][N] = { { 0 } }; /* how often the second was served since the first began to wait */
  DflAccountQueue *queue = dfl_account_queue_new ();

  for (guint step = 0; step < 20000; step++)
    {
      guint i = (guint)g_test_rand_int_range (0, N);

      if (g_test_rand_bit () && dfl_account_queue_has_room (queue, authors[i])
          && pushed[i] - popped[i] < 20)
        {
          if (pushed[i] == popped[i])
            memset (seen[i], 0, sizeof (seen[i]));
          dfl_account_queue_push (queue, authors[i], GUINT_TO_POINTER (++pushed[i] * N + i));
        }
      else if (!dfl_account_queue_is_empty (queue))
        {
          guint item = GPOINTER_TO_UINT (dfl_account_queue_pop (queue));
          guint author = item % N;

          g_assert_cmpuint (item / N, ==, ++popped[author]);
          memset (seen[author], 0, sizeof (seen[author]));
          for (guint j = 0; j < N; j++)
            if (j != author && pushed[j] > popped[j])
              g_assert_cmpuint (++seen[j][author], ==, 1);
        }
      for (guint j = 0; j < N; j++)
        g_assert_true (pushed[j] - popped[j] <= DFL_MAX_CHANGES_OF_ONE
                       || g_strcmp0 (authors[j], "root") == 0);
    }
  while (!dfl_account_queue_is_empty (queue))
    dfl_account_queue_pop (queue);
  dfl_account_queue_free (queue);
}

static void
test_room (void)
{
  DflAccountQueue *queue = dfl_account_queue_new ();

  /* Root's count for nobody. */
  for (guint i = 0; i < 100; i++)
    {
      g_assert_true (dfl_account_queue_has_room (queue, "root"));
      dfl_account_queue_push (queue, "root", queue);
    }
  for (guint i = 0; i < DFL_MAX_CHANGES; i++)
    {
      g_autofree char *author = g_strdup_printf ("user%u", i / DFL_MAX_CHANGES_OF_ONE);

      g_assert_true (dfl_account_queue_has_room (queue, author));
      dfl_account_queue_push (queue, author, queue);
      g_assert_cmpint (dfl_account_queue_has_room (queue, author), ==,
                       i % DFL_MAX_CHANGES_OF_ONE < DFL_MAX_CHANGES_OF_ONE - 1);
    }
  g_assert_false (dfl_account_queue_has_room (queue, "somebody"));
  g_assert_false (dfl_account_queue_has_room (queue, NULL));
  g_assert_true (dfl_account_queue_has_room (queue, "root"));

  /* The one of root's, then one of user0's. */
  dfl_account_queue_pop (queue);
  g_assert_false (dfl_account_queue_has_room (queue, "somebody"));
  dfl_account_queue_pop (queue);
  g_assert_true (dfl_account_queue_has_room (queue, "somebody"));
  g_assert_true (dfl_account_queue_has_room (queue, "user0"));
  g_assert_false (dfl_account_queue_has_room (queue, "user1"));

  while (!dfl_account_queue_is_empty (queue))
    dfl_account_queue_pop (queue);
  g_assert_true (dfl_account_queue_has_room (queue, "user1"));
  dfl_account_queue_free (queue);
}

/* --- Changes --- */

/* Who asks for much does not keep others waiting for all of it. */
static void
test_turns (DflChangeFixture *self, gconstpointer data)
{
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  guint order = 0;
  DflAnswer many[8] = { 0 };
  g_auto (DflAnswer) other = { .order = &order }, admin = { .order = &order };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    {
      g_autofree char *limit = g_strdup_printf ("%u", i + 1);

      many[i].order = &order;
      dfl_change_fixture_update (self, account, "alice", &many[i], "ring-limit", limit, NULL);
    }
  dfl_change_fixture_add (self, "work", "bob", &other, DFL_CHANGE_ADDRESS, NULL);
  dfl_change_fixture_update (self, account, "root", &admin, "display-name", "Alice", NULL);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  g_assert_cmpuint (many[0].turn, ==, 1); /* under way */
  g_assert_cmpuint (many[1].turn, ==, 2);
  g_assert_cmpuint (other.turn, ==, 3);
  g_assert_cmpuint (admin.turn, ==, 4);
  for (guint i = 2; i < G_N_ELEMENTS (many); i++)
    g_assert_cmpuint (many[i].turn, ==, i + 3);
  g_assert_no_error (other.error);
  g_assert_no_error (admin.error);
  g_assert_cmpuint (dfl_account_get_settings (account)->ring_limit, ==, 8);
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    dfl_answer_clear (&many[i]);
  dfl_signal_log_clear (self->log);
}

/* A removal counts for who asks for it, whoever added the account. */
static void
test_whose_removal (DflChangeFixture *self, gconstpointer data)
{
  static const DflAccountAuthor bob = { .caller = "bob" };
  DflAccount *account = dfl_change_fixture_have (self, "work", "alice");
  DflAnswer answers[10] = { 0 };
  g_auto (DflAnswer) own = { 0 }, admin = { 0 };

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    dfl_change_fixture_remove_as (self, account, &bob, &answers[i]);
  dfl_change_fixture_settle (self);
  g_assert_error (answers[9].error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED);

  dfl_change_fixture_update (self, account, "alice", &own, "ring-limit", "7", NULL);
  dfl_change_fixture_update (self, account, "root", &admin, "ring-limit", "8", NULL);
  dfl_change_fixture_settle (self);
  g_assert_cmpuint (own.n_told, ==, 0);
  g_assert_cmpuint (admin.n_told, ==, 0);

  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_assert_cmpuint (answers[i].n_told, ==, 1);
      dfl_answer_clear (&answers[i]);
    }
  dfl_signal_log_clear (self->log);
}

/* Whatever the others do, root gets through. */
static void
test_root (DflChangeFixture *self, gconstpointer data)
{
  g_autofree DflAnswer *others = g_new0 (DflAnswer, DFL_MAX_CHANGES + 1);
  g_autofree DflAnswer *own = g_new0 (DflAnswer, 100);
  guint n_refused = 0;

  dfl_fake_keeper_set_held (self->keeper, TRUE);
  for (guint i = 0; i <= DFL_MAX_CHANGES; i++)
    {
      g_autofree char *creator = g_strdup_printf ("user%u", i);

      dfl_change_fixture_add (self, "work", creator, &others[i], DFL_CHANGE_ADDRESS, NULL);
    }
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("a%u", i);

      dfl_change_fixture_add (self, name, "root", &own[i], DFL_CHANGE_ADDRESS, NULL);
    }
  dfl_fake_keeper_set_held (self->keeper, FALSE);
  dfl_change_fixture_settle (self);
  dfl_signal_log_clear (self->log);

  for (guint i = 0; i < 100; i++)
    {
      g_assert_cmpuint (own[i].n_told, ==, 1);
      g_assert_no_error (own[i].error);
      dfl_answer_clear (&own[i]);
    }
  for (guint i = 0; i <= DFL_MAX_CHANGES; i++)
    {
      n_refused += others[i].error != NULL ? 1 : 0;
      dfl_answer_clear (&others[i]);
    }
  g_assert_cmpuint (n_refused, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/account-turns/queue/round-robin", test_round_robin);
  g_test_add_func ("/account-turns/queue/fair", test_fair);
  g_test_add_func ("/account-turns/queue/room", test_room);
#define ADD(path, test)                                                                            \
  g_test_add ("/account-turns/" path, DflChangeFixture, NULL, dfl_change_fixture_set_up, test,     \
              dfl_change_fixture_tear_down)
  ADD ("changes", test_turns);
  ADD ("whose-removal", test_whose_removal);
  ADD ("root", test_root);
#undef ADD

  return g_test_run ();
}
