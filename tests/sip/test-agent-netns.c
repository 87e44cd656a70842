/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Networks that go away and come back: the room in one network namespace, the peer in another, a
 * cable between them that the test pulls. Every test runs in a process and namespaces of its own,
 * which vanish with it. */

#include <string.h>

#include "core/error.h"

#include "cable.h"
#include "space.h"

/* --- The link drops between INVITE and response, and is back for CANCEL and ACK --- */

typedef struct
{
  const char *name;
  gboolean six;
  const char *cut;  /* command that makes sending fail, NULL to pull the cable */
  const char *heal; /* and the one that mends it */
  guint n_orders;   /* how many orders of what follows are tried, up to 3 */
} Fault;

static const Fault faults[] = {
  { "pulled/ipv4", FALSE, NULL, NULL, 3 },
  { "pulled/ipv6", TRUE, NULL, NULL, 3 },
  { "unreachable/ipv4", FALSE, "ip route add unreachable 10.66.0.2/32",
    "ip route del unreachable 10.66.0.2/32", 3 },
  { "unreachable/ipv6", TRUE, "ip -6 route add unreachable fd66::2/128 metric 1",
    "ip -6 route del unreachable fd66::2/128 metric 1", 1 },
  { "prohibited/ipv4", FALSE, "ip route add prohibit 10.66.0.2/32",
    "ip route del prohibit 10.66.0.2/32", 1 },
  { "black-hole/ipv4", FALSE, "ip route add blackhole 10.66.0.2/32",
    "ip route del blackhole 10.66.0.2/32", 1 },
  { "no-route/ipv4", FALSE, "ip route flush dev v0", "ip route add 10.66.0.0/24 dev v0", 1 },
};

static void
break_network (Cable *cable, const Fault *fault)
{
  cable_enter (cable->ours);
  if (fault->cut != NULL)
    space_run ("%s", fault->cut);
  else
    cable_pull (cable);
}

static void
mend_network (Cable *cable, const Fault *fault)
{
  cable_enter (cable->ours);
  if (fault->heal != NULL)
    space_run ("%s", fault->heal);
  else
    cable_plug_in (cable);
}

typedef void (*Scene) (Cable *cable, const Fault *fault, Room *room, RawPeer *peer, RawCall *call);

/* What a caller does who got no answer, in every order that it may arrive in. */
static void
go_on (RawPeer *peer, RawCall *call, guint order)
{
  static const char *const orders[][6] = { { "CANCEL", "ACK", "INVITE", "CANCEL", "ACK", "ACK" },
                                           { "INVITE", "CANCEL", "ACK", "ACK", "CANCEL", "INVITE" },
                                           { "ACK", "CANCEL", "ACK", "INVITE", "ACK", "CANCEL" } };

  for (guint i = 0; i < 6; i++)
    {
      g_autofree char *text = raw_call_format (call, orders[order][i], NULL, NULL);

      raw_peer_send_text (peer, text);
      raw_run_for (i == 2 ? 60 : 5);
    }
}

/* The decision is made while nothing can be sent. */
static void
scene_redirect (Cable *cable, const Fault *fault, Room *room, RawPeer *peer, RawCall *call)
{
  g_autoptr (DflCall) offered = NULL;
  g_autoptr (GError) error = NULL;

  raw_call_invite (call);
  offered = g_object_ref (room_wait_call (room));
  break_network (cable, fault);
  if (!dfl_call_redirect (offered, ROOM_TARGET, "user:test", &error))
    {
      g_assert_error (error, DFL_ERROR, DFL_ERROR_LINE_DOWN);
      g_assert_cmpint (dfl_call_get_state (offered), ==, DFL_CALL_STATE_IDLE);
      g_assert_cmpint (dfl_call_get_outcome (offered), ==, DFL_OUTCOME_FAILED);
    }
  else if (fault->cut == NULL)
    g_error ("a redirect succeeded with the cable pulled");
}

/* The provisional responses cannot be sent. */
static void
scene_provisional (Cable *cable, const Fault *fault, Room *room, RawPeer *peer, RawCall *call)
{
  raw_call_invite (call);
  room_wait_call (room);
  break_network (cable, fault);
  raw_run_for (80);
}

/* The INVITE is in the socket when the network goes, and is decided on from within call-added. */
static void
scene_at_once (Cable *cable, const Fault *fault, Room *room, RawPeer *peer, RawCall *call)
{
  raw_call_invite (call);
  break_network (cable, fault);
  raw_run_for (80);
}

/* CANCEL is in the socket when the network goes: neither its 200 nor the 487 can be sent. */
static void
scene_cancel (Cable *cable, const Fault *fault, Room *room, RawPeer *peer, RawCall *call)
{
  raw_call_invite (call);
  room_wait_call (room);
  raw_call_cancel (call, NULL);
  break_network (cable, fault);
  raw_run_for (80);
}

/* The 302 was sent and its retransmissions fail. */
static void
scene_retransmission (Cable *cable, const Fault *fault, Room *room, RawPeer *peer, RawCall *call)
{
  raw_call_invite (call);
  room_redirect (room_wait_call (room), ROOM_TARGET);
  raw_run_for (10);
  break_network (cable, fault);
  raw_run_for (150);
}

/* Refusals that are no decision: too many offers, a merged request, no dialog, OPTIONS. */
static void
scene_refusals (Cable *cable, const Fault *fault, Room *room, RawPeer *peer, RawCall *call)
{
  g_autofree char *options = NULL;
  g_autofree char *bye = NULL;
  g_autofree char *via = NULL;

  raw_call_invite (call);
  room_wait_call (room);
  via = g_strdup (call->via);
  raw_call_renew_branch (call);
  options = raw_call_format (call, "OPTIONS", NULL, NULL);
  bye = raw_call_format (call, "BYE", "x", NULL);
  raw_call_invite (call); /* merged */
  raw_peer_send_text (peer, options);
  raw_peer_send_text (peer, bye);
  break_network (cable, fault);
  raw_run_for (80);
  mend_network (cable, fault);
  go_on (peer, call, 0);
  raw_set (&call->via, "%s", via);
  break_network (cable, fault);
}

static const struct
{
  const char *name;
  Scene scene;
} scenes[] = {
  { "redirect", scene_redirect },
  { "provisional", scene_provisional },
  { "at-once", scene_at_once },
  { "cancel", scene_cancel },
  { "retransmission", scene_retransmission },
  { "refusals", scene_refusals },
};

static void
play (Cable *cable, const Fault *fault, guint scene, guint order)
{
  g_autoptr (Room) room = cable_open_room (cable);
  g_autoptr (RawPeer) peer = cable_open_peer (cable, room, fault->six, FALSE);
  g_autoptr (RawPeer) other = cable_open_peer (cable, room, fault->six, FALSE);
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");

  g_test_message ("%s, order %u", scenes[scene].name, order);
  room->redirect = scenes[scene].scene == scene_at_once ? ROOM_TARGET : NULL;
  room->forgiving = TRUE;
  scenes[scene].scene (cable, fault, room, peer, call);
  mend_network (cable, fault);
  go_on (peer, call, order);
  raw_peer_assert_alive (other);
  room_redirect_if_offered (room);
  raw_run_for (30);
  go_on (peer, call, order);
  raw_wait_within (room_get_n_calls (room) == 0, 10000);
  raw_peer_assert_alive (other);
  room_forget_log (room);
}

static void
test_fault (gconstpointer data)
{
  const Fault *fault = data;
  Cable cable;

  if (!space_in_child ())
    return;
  cable_lay (&cable);
  for (guint scene = 0; scene < G_N_ELEMENTS (scenes); scene++)
    for (guint order = 0; order < fault->n_orders; order++)
      play (&cable, fault, scene, order);
}

/* A caller whose response was lost to the outage is not left ringing: the call is over here, so it
 * gets a final response as soon as one can be sent. */
static void
test_final_response_afterwards (void)
{
  Cable cable;
  g_autoptr (Room) room = NULL;
  g_autoptr (RawPeer) peer = NULL;
  g_autoptr (RawCall) call = NULL;
  g_autoptr (RawPacket) packet = NULL;

  if (!space_in_child ())
    return;
  cable_lay (&cable);
  room = cable_open_room (&cable);
  peer = cable_open_peer (&cable, room, FALSE, FALSE);
  call = room_ringing_call (room, peer, NULL);
  cable_pull (&cable);
  room_refuse_redirect (room_wait_call (room), ROOM_TARGET, DFL_ERROR_LINE_DOWN);
  g_assert_true (g_str_has_suffix (room->log->str, "failed removed"));
  room_forget_log (room);
  raw_peer_assert_silent (peer, 50);
  cable_plug_in (&cable);
  packet = raw_peer_receive (peer);
  /* Ours, or the library's own. */
  g_assert_true (g_str_has_prefix (packet->bytes, "SIP/2.0 480 ")
                 || g_str_has_prefix (packet->bytes, "SIP/2.0 500 "));
  /* The room may take a moment to notice that the response went out, and ACKs until then are kept
   * from the library; a caller sends one for each retransmission. */
  for (RawPacket *again = packet; again != NULL; again = raw_peer_receive_within (peer, 400))
    {
      raw_call_ack (call);
      if (again != packet)
        raw_packet_free (again);
    }
  raw_peer_assert_alive (peer);
}

/* The network stays away until the room gives a call up for good, and comes back then. */
static void
test_long_outage (gconstpointer data)
{
  guint seconds = GPOINTER_TO_UINT (data);
  Cable cable;
  g_autoptr (Room) room = NULL;
  g_autoptr (RawPeer) peer = NULL;
  g_autoptr (RawPeer) other = NULL;
  g_autoptr (RawCall) call = NULL;

  if (!space_in_child ())
    return;
  cable_lay (&cable);
  room = cable_open_room (&cable);
  peer = cable_open_peer (&cable, room, FALSE, FALSE);
  other = cable_open_peer (&cable, room, FALSE, FALSE);
  call = room_ringing_call (room, peer, NULL);
  cable_pull (&cable);
  room_redirect_if_offered (room);
  g_assert_cmpuint (room_get_n_calls (room), ==, 0);
  raw_run_for (seconds * 1000);
  cable_plug_in (&cable);
  for (guint i = 0; i < (seconds > 10 ? 15 : 3); i++)
    {
      g_autoptr (RawCall) next = raw_call_new (other, "alice");

      go_on (peer, call, i % 3);
      raw_call_invite (next);
      room_wait_call (room);
      room_redirect_if_offered (room);
      raw_run_for (50);
      raw_call_ack (next);
      /* The last INVITE of the other may have begun a call of its own, which is offered first. */
      raw_wait_until ((room_redirect_if_offered (room), room_get_n_calls (room) == 0));
      raw_peer_flush (other);
      raw_run_for (800);
    }
  raw_peer_assert_alive (other);
  room_forget_log (room);
}

/* A peer that came and went and comes again is served as before. */
static void
test_works_afterwards (void)
{
  Cable cable;
  g_autoptr (Room) room = NULL;
  g_autoptr (RawPeer) peer = NULL;

  if (!space_in_child ())
    return;
  cable_lay (&cable);
  room = cable_open_room (&cable);
  peer = cable_open_peer (&cable, room, FALSE, FALSE);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (RawCall) call = room_ringing_call (room, peer, NULL);

      cable_pull (&cable);
      raw_run_for (50);
      cable_plug_in (&cable);
      room_redirect (room_wait_call (room), ROOM_TARGET);
      raw_call_expect (call, "INVITE", 302);
      raw_call_ack (call);
      room_wait_n_calls (room, 0);
      room_assert_log (room, "redirecting redirected removed");
    }
}

/* All tests, or those of one half: "cable" or "route". */
int
main (int argc, char **argv)
{
  gboolean cable, route;

  g_test_init (&argc, &argv, NULL);
  cable = g_test_subprocess () || argc < 2 || g_str_equal (argv[1], "cable");
  route = g_test_subprocess () || argc < 2 || g_str_equal (argv[1], "route");
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    {
      g_autofree char *path = g_strconcat ("/sip/netns/fault/", faults[i].name, NULL);

      if (faults[i].cut != NULL ? route : cable)
        g_test_add_data_func (path, &faults[i], test_fault);
    }
  if (cable)
    {
      g_test_add_func ("/sip/netns/works-afterwards", test_works_afterwards);
      if (g_test_slow () || g_test_subprocess ())
        g_test_add_data_func ("/sip/netns/long-outage/half-a-minute", GUINT_TO_POINTER (36),
                              test_long_outage);
      g_test_add_data_func ("/sip/netns/long-outage/seconds", GUINT_TO_POINTER (4),
                            test_long_outage);
      g_test_add_func ("/sip/netns/final-response-afterwards", test_final_response_afterwards);
    }
  return g_test_run ();
}
