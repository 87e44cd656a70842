/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Time: long waits by a clock that jumps, and a wall clock that does not keep what it promised. */

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "fakes/fake-clock.h"

#include "sip-room.h"

/*
 * The whole process reads the time through these two, the SIP library too: it asks for the wall
 * clock to time its retransmissions.
 */
static gint64 wall_offset; /* seconds */

int
clock_gettime (clockid_t clock, struct timespec *time)
{
  long result = syscall (SYS_clock_gettime, clock, time);

  if (result == 0 && clock == CLOCK_REALTIME)
    time->tv_sec += wall_offset;
  return (int)result;
}

int
gettimeofday (struct timeval *restrict time, void *restrict zone)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

/* RFC 3261 section 13.3.1.1: every minute, so that no proxy gives up (its Timer C). */
static void
test_three_minutes (gconstpointer data)
{
  gboolean alert = GPOINTER_TO_INT (data);
  g_autoptr (DflFakeClock) clock = dfl_fake_clock_new ();
  RoomOptions options = { .clock = DFL_CLOCK (clock) };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  guint status = alert ? 180 : 100;
  DflAccountSettings *settings = room_account ("alice");

  settings->alert = alert;
  room_set_accounts (room, settings, NULL);
  raw_call_invite (call);
  room_wait_call (room);
  dfl_fake_clock_advance (clock, 40 * 1000);
  raw_call_expect_trying (call);
  if (alert)
    raw_call_expect (call, "INVITE", 180);
  for (guint minute = 1; minute <= 4; minute++)
    {
      dfl_fake_clock_advance (clock, 59 * G_USEC_PER_SEC);
      raw_peer_assert_silent (peer, 20);
      dfl_fake_clock_advance (clock, G_USEC_PER_SEC);
      raw_call_expect (call, "INVITE", status);
      raw_peer_assert_silent (peer, 20);
    }
  g_assert_cmpint (dfl_call_get_state (room_wait_call (room)), ==, DFL_CALL_STATE_OFFERED);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_assert_log (room, "added redirecting redirected removed");
  /* Nothing is left that could fire. */
  raw_peer_flush (peer);
  dfl_fake_clock_advance (clock, 600 * G_USEC_PER_SEC);
  raw_peer_assert_silent (peer, 50);
}

/* The deadline is the clock's, whatever the library's timers do. */
static void
test_long_ring_limit (void)
{
  g_autoptr (DflFakeClock) clock = dfl_fake_clock_new ();
  RoomOptions options = { .clock = DFL_CLOCK (clock) };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  DflAccountSettings *settings = room_account ("alice");

  settings->ring_limit = 120;
  room_set_accounts (room, settings, NULL);
  raw_call_invite (call);
  room_wait_call (room);
  dfl_fake_clock_advance (clock, 50 * 1000);
  raw_call_expect_ringing (call);
  dfl_fake_clock_advance (clock, 119 * G_USEC_PER_SEC);
  raw_call_expect (call, "INVITE", 180);
  raw_peer_assert_silent (peer, 20);
  dfl_fake_clock_advance (clock, G_USEC_PER_SEC);
  raw_call_expect (call, "INVITE", 480);
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  g_assert_cmpstr (room->last_decided_by, ==, "deadline");
  room_forget_log (room);
}

/* The wall clock jumps while a 302 waits for its ACK. RFC 3261 knows no wall clock: the
 * retransmissions go on, and Timer H comes when it should. */
static void
test_wall_clock_jumps (gconstpointer data)
{
  gint64 jump = GPOINTER_TO_INT (data);
  RoomOptions options = { .t1 = 40, .t2 = 320 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);
  guint n = 0;
  RawTime first, previous;

  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_call_expect (call, "INVITE", 302);
  first = previous = raw_now ();
  raw_call_expect (call, "INVITE", 302);
  wall_offset += jump;
  for (;;)
    {
      g_autoptr (RawReply) again = NULL;

      raw_wait_within (raw_peer_get_n_waiting (peer) > 0 || room_get_n_calls (room) == 0, 5000);
      if (raw_peer_get_n_waiting (peer) == 0)
        break;
      again = raw_call_receive (call, "INVITE", 302);
      /* T2 is 320 ms; twice that is the largest hole that a jump may tear. */
      g_assert_cmpint (raw_elapsed (previous, again->time), <, 640 * 1000 * raw_slowness ());
      previous = again->time;
      n++;
    }
  g_test_message ("%u retransmissions after the jump, over after %" G_GINT64_FORMAT " ms", n,
                  (raw_now ().at - first.at) / 1000);
  g_assert_cmpuint (n + (raw_now ().lost - first.lost) / 100000, >=, 6);
  g_assert_cmpint (raw_now ().at - first.at, >=, 2000 * 1000);
  g_assert_cmpint (raw_elapsed (first, raw_now ()), <, 5000 * 1000 * raw_slowness ());
  room_assert_log (room, "redirecting unconfirmed removed");
  /* And the room works as before. */
  {
    g_autoptr (RawCall) next = room_ringing_call (room, peer, NULL);

    room_redirect (room_wait_call (room), ROOM_TARGET);
    raw_call_expect (next, "INVITE", 302);
    raw_call_ack (next);
    room_wait_n_calls (room, 0);
    room_assert_log (room, "redirecting redirected removed");
  }
}

/* It jumps while calls are offered and while nothing at all is pending. */
static void
test_wall_clock_jumps_at_rest (void)
{
  RoomOptions options = { .t1 = 40, .t2 = 320 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  static const gint64 jumps[] = { -3600, 7200, -86400 * 365, 86400 * 365 * 2 };

  for (guint i = 0; i < G_N_ELEMENTS (jumps); i++)
    {
      g_autoptr (RawCall) call = NULL;

      wall_offset += jumps[i];
      call = room_ringing_call (room, peer, NULL);
      wall_offset += jumps[i] / 2;
      raw_run_for (50);
      room_redirect (room_wait_call (room), ROOM_TARGET);
      raw_call_expect (call, "INVITE", 302);
      raw_call_expect (call, "INVITE", 302);
      raw_call_expect (call, "INVITE", 302);
      raw_call_ack (call);
      room_wait_n_calls (room, 0);
      room_assert_log (room, "redirecting redirected removed");
      raw_peer_flush (peer);
    }
}

/* Deadlines do not follow the wall clock. */
static void
test_deadline_without_wall_clock (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (RawCall) call = NULL;
  DflAccountSettings *settings = room_account ("alice");
  RawTime begin = raw_now ();

  settings->ring_limit = 1;
  room_set_accounts (room, settings, NULL);
  call = room_ringing_call (room, peer, NULL);
  wall_offset -= 3600;
  raw_call_expect (call, "INVITE", 480);
  g_assert_cmpint (raw_elapsed (begin, raw_now ()), <, 1500 * 1000 * raw_slowness ());
  raw_call_ack (call);
  room_wait_n_calls (room, 0);
  room_forget_log (room);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/sip/clock/three-minutes/ringing", GINT_TO_POINTER (TRUE),
                        test_three_minutes);
  g_test_add_data_func ("/sip/clock/three-minutes/silent", GINT_TO_POINTER (FALSE),
                        test_three_minutes);
  g_test_add_func ("/sip/clock/long-ring-limit", test_long_ring_limit);
  g_test_add_data_func ("/sip/clock/wall-clock-jumps/back", GINT_TO_POINTER (-3600),
                        test_wall_clock_jumps);
  g_test_add_data_func ("/sip/clock/wall-clock-jumps/a-little-back", GINT_TO_POINTER (-2),
                        test_wall_clock_jumps);
  g_test_add_func ("/sip/clock/wall-clock-jumps/at-rest", test_wall_clock_jumps_at_rest);
  g_test_add_func ("/sip/clock/deadline-without-wall-clock", test_deadline_without_wall_clock);
  return g_test_run ();
}
