/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many offers held at once: the last one costs what the first one did, and each can be decided. */

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sip-room.h"

#define BATCH 50
#define WHOLE 10000
#define ATTEMPTS 5

typedef struct
{
  Room *room;
  RawPeer *peer;
  GPtrArray *calls;     /* of RawCall, in the order of their INVITEs */
  GHashTable *answered; /* Call-IDs that got their 302 */
} Load;

/* What the process has spent, which a busy machine does not change much. */
static gint64
cpu_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec
         + usage.ru_stime.tv_usec;
}

/* Sends n INVITEs in batches that no socket buffer overflows with. */
static void
offer (Load *self, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      RawCall *call = raw_call_new (self->peer, "alice");

      g_ptr_array_add (self->calls, call);
      raw_call_invite (call);
      if ((i + 1) % BATCH == 0)
        raw_wait_until (self->room->n_added == self->calls->len);
    }
}

/* The same, and waits for 100 and 180 of each batch; the CPU time of the cheapest one, because
 * other programs and the processor's moods only ever add to it. */
static gint64
offer_and_measure (Load *self, guint n)
{
  gint64 least = G_MAXINT64;

  raw_run_for (100);
  for (guint i = 0; i < n; i += BATCH)
    {
      gint64 begin;

      raw_peer_flush (self->peer);
      begin = cpu_time ();
      offer (self, BATCH);
      raw_wait_until (raw_peer_get_n_waiting (self->peer) >= 2 * BATCH);
      least = MIN (least, cpu_time () - begin);
    }
  return least;
}

static void
acknowledge (Load *self, RawPacket *packet)
{
  g_autoptr (RawReply) reply = raw_reply_new (packet);
  const char *call_id = raw_reply_get (reply, "Call-ID");

  if (reply->status < 200)
    return;
  g_assert_cmpuint (reply->status, ==, 302);
  g_hash_table_add (self->answered, g_strdup (call_id));
}

static void
collect (DflCall *call, gpointer data)
{
  g_ptr_array_add (data, g_object_ref (call));
}

static void
redirect_all (Load *self)
{
  g_autoptr (GPtrArray) offered = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GHashTable) raw = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->calls->len; i++)
    g_hash_table_insert (raw, ((RawCall *)self->calls->pdata[i])->call_id, self->calls->pdata[i]);
  room_foreach_call (self->room, collect, offered);
  g_assert_cmpuint (offered->len, ==, WHOLE);
  for (guint i = 0; i < offered->len; i++)
    {
      const char *call_id = dfl_call_get_offer (offered->pdata[i])->sip_call_id;

      room_redirect (offered->pdata[i], ROOM_TARGET);
      while (!g_hash_table_contains (self->answered, call_id))
        acknowledge (self, raw_peer_receive (self->peer));
      raw_call_ack (g_hash_table_lookup (raw, call_id));
      if (i % BATCH == 0)
        raw_wait_until (self->room->n_removed >= i);
    }
}

/* TRUE: the last offers cost at most half more than the first. */
static gboolean
ten_thousand (void)
{
  /* T1 as the RFC has it: nobody wants a retransmission among these. */
  RoomOptions options = { .t1 = 500, .t2 = 4000 };
  Load load = { .room = room_new (&options) };
  DflAccountSettings *settings = room_account ("alice");
  gint64 first, last;

  settings->max_offers = WHOLE + 100;
  room_set_accounts (load.room, settings, NULL);
  load.room->quiet = TRUE;
  load.peer = room_udp_peer (load.room);
  load.calls = g_ptr_array_new_with_free_func ((GDestroyNotify)raw_call_free);
  load.answered = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  offer (&load, 500); /* warm up */
  raw_run_for (100);
  first = offer_and_measure (&load, 1000);
  raw_run_for (100);
  offer (&load, WHOLE - 2500);
  raw_run_for (200);
  last = offer_and_measure (&load, 1000);
  g_test_message ("CPU time of %u among the first: %" G_GINT64_FORMAT
                  " us, among the last: %" G_GINT64_FORMAT " us",
                  BATCH, first, last);
  g_assert_cmpuint (room_get_n_calls (load.room), ==, WHOLE);

  redirect_all (&load);
  raw_wait_until (room_get_n_calls (load.room) == 0);
  g_assert_cmpuint (load.room->n_removed, ==, WHOLE);
  g_assert_cmpuint (g_hash_table_size (load.answered), ==, WHOLE);

  g_hash_table_unref (load.answered);
  g_ptr_array_unref (load.calls);
  raw_peer_free (load.peer);
  room_free (load.room);
  return last * 2 < first * 3;
}

static void
test_ten_thousand (void)
{
  for (guint i = 0; i < ATTEMPTS; i++)
    if (ten_thousand ())
      return;
  g_error ("the ten thousandth offer was dear in %u attempts", ATTEMPTS);
}

/* Thousands of refused INVITEs whose callers never send an ACK: from some number on they get their
 * answer, the same when they ask again, and it is not repeated for them. */
static void
test_no_ack (void)
{
  RoomOptions options = { .t1 = 500, .t2 = 4000, .max_offers = 1 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) flood = room_udp_peer (room);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawPeer) holder = room_udp_peer (room);
  g_autoptr (RawCall) held = room_ringing_call (room, holder, NULL);
  g_autoptr (RawCall) last = raw_call_new (peer, "alice");

  for (guint i = 0; i < 5000; i += BATCH)
    {
      for (guint k = 0; k < BATCH; k++)
        {
          g_autoptr (RawCall) call = raw_call_new (flood, "alice");

          raw_call_invite (call);
        }
      raw_peer_assert_alive (peer);
      raw_peer_flush (flood);
    }
  g_assert_cmpuint (room->n_added, ==, 1);

  raw_call_invite (last);
  raw_call_expect (last, "INVITE", 486);
  raw_peer_assert_silent (peer, 1500);
  raw_call_invite (last);
  raw_call_expect (last, "INVITE", 486);
  raw_call_ack (last);
  raw_peer_assert_silent (peer, 100);

  raw_call_cancel (held, NULL);
  raw_call_expect (held, "CANCEL", 200);
  raw_call_expect (held, "INVITE", 487);
  raw_call_ack (held);
  raw_wait_until (room_get_n_calls (room) == 0);
  room_assert_log (room, "cancelled removed");
}

/* Strangers who talk over TCP are looked for at once, but not so often that thousands of
 * descriptors make that dear. */
static void
test_many_descriptors (void)
{
  RoomOptions options = { .max_connections = 256 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) friend = room_tcp_peer (room);
  struct rlimit limit;
  GArray *copies = g_array_new (FALSE, FALSE, sizeof (int));
  gint64 begin, spent;
  guint n_strangers = 0;

  getrlimit (RLIMIT_NOFILE, &limit);
  while (copies->len < 8000 && copies->len + 500 < limit.rlim_cur)
    {
      int copy = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

      g_assert_cmpint (copy, >=, 0);
      g_array_append_val (copies, copy);
    }
  raw_peer_assert_alive (friend);
  raw_run_for (1500);

  begin = g_get_monotonic_time ();
  spent = cpu_time ();
  while (g_get_monotonic_time () - begin < 3 * G_USEC_PER_SEC)
    {
      g_autoptr (RawPeer) stranger = raw_peer_new_tcp ("127.0.0.2", "127.0.0.1", room->tcp_port);

      raw_peer_send_text (stranger, "OPTIONS sip:x SIP/2.0\r\n\r\n");
      n_strangers++;
      raw_wait_until (raw_peer_is_closed (stranger));
    }
  spent = cpu_time () - spent;
  g_test_message ("%u descriptors, %u strangers: %" G_GINT64_FORMAT " us of CPU time in 3 s",
                  copies->len, n_strangers, spent);
  g_assert_cmpint (spent, <, raw_slowness () * G_USEC_PER_SEC / 2);

  for (guint i = 0; i < copies->len; i++)
    close (g_array_index (copies, int, i));
  g_array_unref (copies);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/load/ten-thousand", test_ten_thousand);
  g_test_add_func ("/sip/load/no-ack", test_no_ack);
  g_test_add_func ("/sip/load/many-descriptors", test_many_descriptors);
  return g_test_run ();
}
