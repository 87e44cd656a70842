/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/turns.h"

#include <string.h>

#include "bus/message.h"

/*
 * Each user has a budget of microseconds that fills up again as time goes by, and pays from it
 * what its requests took. It may become negative, as nobody knows beforehand what a request costs.
 * To hold the flood back here is also what keeps the bus responsive for others: who waits for
 * answers cannot send more than the bus lets a connection have unanswered.
 */

/* A user's part of the time is one in SHARE. */
#define SHARE 5
#define MAX_BUDGET (G_USEC_PER_SEC / 4)
/* Who has used up its budget waits until there is some of it again, and not for each microsecond.
 */
#define MIN_BUDGET 1000
/* What it costs the bus and us to carry a request and its answer. */
#define CARRYING 50
/* Requests without an answer cost one microsecond more for each so many of them: dbus-daemon looks
 * through all that there are on the bus, with each request and with each answer. */
#define UNANSWERED 8
/* For how long, and how often, those who wait are served before the loop turns to others. */
#define SLICE 2000
#define MAX_SERVED 64
/* Users without business whose budget is remembered. */
#define MAX_IDLE_USERS 256

typedef struct
{
  guint32 uid;
  gint64 budget;
  gint64 counted_at;
  GQueue lines; /* of Line: the connections that wait, next one first */
  guint n_waiting;
  guint n_dropped; /* that wait for an answer, on connections that are still there */
  gsize waiting_bytes;
  gboolean blocked; /* nobody in lines was ready */
  gboolean warned;  /* that something was dropped */
} User;

typedef struct
{
  sd_bus_message *message;
  gsize size;
} Waiting;

/* What one connection waits for. */
typedef struct
{
  DflPeer *peer;
  User *user;
  GQueue requests; /* of Waiting; while there are any the line is in its user's queue */
  guint n_dropped;
} Line;

struct _DflTurns
{
  DflClock *clock;
  DflTurnsReadyFunc ready;
  DflPeerRequestFunc serve;
  gpointer data;
  GHashTable *users; /* uid to User */
  GHashTable *lines; /* DflPeer to Line */
  GQueue waiting;    /* of User: those with lines, next one first */
  DflAlarm *alarm;
  gint64 alarm_at;
};

/* --- Budgets --- */

static gint64
count_budget (DflTurns *self, User *user)
{
  gint64 now = dfl_clock_now (self->clock);

  if (user->uid == 0)
    return MAX_BUDGET;
  user->budget = MIN (MAX_BUDGET, user->budget + (now - user->counted_at) / SHARE);
  /* What was not counted because it is less than a microsecond counts the next time. */
  user->counted_at = now - (now - user->counted_at) % SHARE;
  return user->budget;
}

static void
pay (User *user, gint64 cost)
{
  user->budget = MAX (-MAX_BUDGET, user->budget - cost);
}

static void
free_user (User *self)
{
  g_assert (self->lines.length == 0);
  g_free (self);
}

static gboolean
is_idle_user (gpointer key, gpointer value, gpointer data)
{
  User *user = value;

  return user->lines.length == 0 && user->n_dropped == 0 && count_budget (data, user) == MAX_BUDGET;
}

static User *
ensure_user (DflTurns *self, guint32 uid)
{
  User *user = g_hash_table_lookup (self->users, GUINT_TO_POINTER (uid));

  if (user != NULL)
    return user;
  if (g_hash_table_size (self->users) >= MAX_IDLE_USERS)
    g_hash_table_foreach_remove (self->users, is_idle_user, self);
  user = g_new0 (User, 1);
  user->uid = uid;
  user->budget = MAX_BUDGET;
  user->counted_at = dfl_clock_now (self->clock);
  g_queue_init (&user->lines);
  g_hash_table_insert (self->users, GUINT_TO_POINTER (uid), user);
  return user;
}

void
dfl_turns_charge (DflTurns *self, guint32 uid, gint64 cost)
{
  User *user = ensure_user (self, uid);

  count_budget (self, user);
  pay (user, cost);
}

/* The user may be forgotten meanwhile, as may the peer. */
static void
serve_one (DflTurns *self, DflPeer *peer, sd_bus_message *request)
{
  const User *user = ensure_user (self, peer->uid);
  gint64 cost = (user->n_waiting + user->n_dropped) / UNANSWERED;
  gint64 begin = dfl_clock_now (self->clock);
  guint32 uid = peer->uid;

  self->serve (peer, request, self->data);
  dfl_turns_charge (self, uid, cost + dfl_clock_now (self->clock) - begin);
}

/* --- Lines --- */

static void
free_waiting (gpointer data)
{
  Waiting *self = data;

  sd_bus_message_unref (self->message);
  g_free (self);
}

static void
free_line (Line *self)
{
  self->peer->keepers--;
  self->user->n_dropped -= self->n_dropped;
  g_queue_clear_full (&self->requests, free_waiting);
  g_free (self);
}

static Line *
ensure_line (DflTurns *self, User *user, DflPeer *peer)
{
  Line *line = g_hash_table_lookup (self->lines, peer);

  if (line != NULL)
    return line;
  line = g_new0 (Line, 1);
  line->peer = peer;
  line->user = user;
  g_queue_init (&line->requests);
  peer->keepers++;
  g_hash_table_insert (self->lines, peer, line);
  return line;
}

/* The line is empty, and out of its user's queue. */
static void
end_line (DflTurns *self, Line *line)
{
  User *user = line->user;

  if (user->lines.length == 0)
    {
      g_queue_remove (&self->waiting, user);
      user->blocked = FALSE;
      user->warned = FALSE;
    }
  if (line->n_dropped == 0)
    g_hash_table_remove (self->lines, line->peer);
}

/* How many bytes of memory a request keeps; FALSE where it is too long to be kept. */
static gboolean
measure (sd_bus_message *request, gsize *size)
{
  g_autoptr (GVariant) body = dfl_message_read (request, DFL_PEERS_MAX_BODY);

  if (body == NULL)
    return FALSE;
  g_variant_ref_sink (body);
  *size = g_variant_get_size (body) + strlen (sd_bus_message_get_path (request));
  return TRUE;
}

static void
drop (DflTurns *self, Line *line, sd_bus_message *request)
{
  User *user = line->user;

  if (sd_bus_message_get_expect_reply (request) > 0)
    {
      line->n_dropped++;
      user->n_dropped++;
    }
  if (!user->warned)
    g_message ("%s sends more requests than it gets answers; some are dropped. Have its programs "
               "wait for an answer before they ask again",
               line->peer->decided_by);
  user->warned = TRUE;
  if (line->requests.length == 0 && line->n_dropped == 0)
    g_hash_table_remove (self->lines, line->peer);
}

static void
stand_in_line (DflTurns *self, User *user, DflPeer *peer, sd_bus_message *request)
{
  Line *line = ensure_line (self, user, peer);
  Waiting *waiting;
  gsize size;

  if (user->n_waiting >= DFL_TURNS_MAX_WAITING || !measure (request, &size)
      || user->waiting_bytes + size > DFL_TURNS_MAX_WAITING_BYTES)
    {
      drop (self, line, request);
      return;
    }
  waiting = g_new0 (Waiting, 1);
  waiting->message = sd_bus_message_ref (request);
  waiting->size = size;
  user->blocked = FALSE;
  user->n_waiting++;
  user->waiting_bytes += size;
  if (user->lines.length == 0)
    g_queue_push_tail (&self->waiting, user);
  if (line->requests.length == 0)
    g_queue_push_tail (&user->lines, line);
  g_queue_push_tail (&line->requests, waiting);
}

/* Whether something of the peer waits. */
static gboolean
is_in_line (DflTurns *self, DflPeer *peer)
{
  const Line *line = g_hash_table_lookup (self->lines, peer);

  return line != NULL && line->requests.length > 0;
}

static Waiting *
take_next (Line *line)
{
  Waiting *waiting = g_queue_pop_head (&line->requests);

  line->user->n_waiting--;
  line->user->waiting_bytes -= waiting->size;
  return waiting;
}

/* --- Turns --- */

static void on_alarm (gpointer data);

static void
set_alarm (DflTurns *self, gint64 at)
{
  if (self->alarm != NULL && self->alarm_at <= at)
    return;
  dfl_clock_clear_alarm (self->clock, &self->alarm);
  self->alarm_at = at;
  self->alarm = dfl_clock_set_alarm (self->clock, at, on_alarm, self);
}

/* For when the user can go on by itself. */
static void
set_alarm_for (DflTurns *self, User *user)
{
  gint64 missing = MAX (0, MIN_BUDGET - count_budget (self, user));

  if (!user->blocked)
    set_alarm (self, dfl_clock_now (self->clock) + missing * SHARE);
}

static void
set_next_alarm (DflTurns *self)
{
  for (GList *l = self->waiting.head; l != NULL; l = l->next)
    set_alarm_for (self, l->data);
}

/* Serves one request of a user; FALSE where none can be. */
static gboolean
serve_user (DflTurns *self, User *user)
{
  for (guint n = user->lines.length; n > 0; n--)
    {
      Line *line = g_queue_pop_head (&user->lines);
      DflPeer *peer = line->peer;
      Waiting *waiting;

      if (!self->ready (peer, self->data))
        {
          g_queue_push_tail (&user->lines, line);
          continue;
        }
      waiting = take_next (line);
      if (line->requests.length > 0)
        g_queue_push_tail (&user->lines, line);
      else
        end_line (self, line);
      serve_one (self, peer, waiting->message);
      free_waiting (waiting);
      return TRUE;
    }
  user->blocked = TRUE;
  return FALSE;
}

/* Serves one request of the first user in the queue who may have one; FALSE where nobody may. */
static gboolean
serve_next (DflTurns *self)
{
  for (guint n = self->waiting.length; n > 0; n--)
    {
      User *user = g_queue_pop_head (&self->waiting);

      g_queue_push_tail (&self->waiting, user);
      if (!user->blocked && count_budget (self, user) > 0 && serve_user (self, user))
        return TRUE;
    }
  return FALSE;
}

static void
on_alarm (gpointer data)
{
  DflTurns *self = data;
  gint64 until = dfl_clock_now (self->clock) + SLICE;

  self->alarm = NULL;
  for (guint i = 0; i < MAX_SERVED && dfl_clock_now (self->clock) < until; i++)
    {
      if (!serve_next (self))
        break;
    }
  set_next_alarm (self);
}

void
dfl_turns_take (DflTurns *self, DflPeer *peer, sd_bus_message *request)
{
  User *user = ensure_user (self, peer->uid);
  gint64 budget = count_budget (self, user);

  pay (user, CARRYING);
  if (budget > 0 && (user->lines.length == 0 || user->blocked) && !is_in_line (self, peer)
      && self->ready (peer, self->data))
    {
      serve_one (self, peer, request);
      return;
    }
  stand_in_line (self, user, peer, request);
  if (user->lines.length > 0)
    set_alarm_for (self, user);
}

void
dfl_turns_wake (DflTurns *self)
{
  for (GList *l = self->waiting.head; l != NULL; l = l->next)
    ((User *)l->data)->blocked = FALSE;
  set_next_alarm (self);
}

void
dfl_turns_forget (DflTurns *self, DflPeer *peer)
{
  Line *line = g_hash_table_lookup (self->lines, peer);

  if (line == NULL)
    return;
  if (line->requests.length == 0)
    {
      g_hash_table_remove (self->lines, peer);
      return;
    }
  while (line->requests.length > 0)
    free_waiting (take_next (line));
  g_queue_remove (&line->user->lines, line);
  line->user->n_dropped -= line->n_dropped;
  line->n_dropped = 0;
  end_line (self, line);
}

DflTurns *
dfl_turns_new (DflClock *clock, DflTurnsReadyFunc ready, DflPeerRequestFunc serve, gpointer data)
{
  DflTurns *self = g_new0 (DflTurns, 1);

  self->clock = g_object_ref (clock);
  self->ready = ready;
  self->serve = serve;
  self->data = data;
  self->users = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)free_user);
  self->lines = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)free_line);
  g_queue_init (&self->waiting);
  return self;
}

void
dfl_turns_free (DflTurns *self)
{
  GHashTableIter iter;
  gpointer user;

  dfl_clock_clear_alarm (self->clock, &self->alarm);
  g_hash_table_iter_init (&iter, self->users);
  while (g_hash_table_iter_next (&iter, NULL, &user))
    g_queue_clear (&((User *)user)->lines);
  g_queue_clear (&self->waiting);
  g_hash_table_unref (self->lines);
  g_hash_table_unref (self->users);
  g_object_unref (self->clock);
  g_free (self);
}
