/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Thousands of messages that are nearly right: none may end the process, stop the loop, leave a
 * call behind or get a stranger an answer. */

#include <string.h>

#include "sip-room.h"

static const char *const dictionary[] = {
  "\r\n",     "\r\n\r\n",   ";",       ",",       "<",          ">",        "\"",      "\\",
  "%00",      ":",          "=",       "@",       "SIP/2.0",    "sip:",     "sips:",   "tel:",
  "branch=",  ";maddr=",    ";rport",  ";tag=",   "4294967296", "-1",       "0",       "[::1]",
  "[",        "]",          "\xc3",    "\xff",    " ",          "\t",       "INVITE",  "CANCEL",
  "ACK",      "BYE",        "OPTIONS", "z9hG4bK", "*",          ";lr",      "?x=y",    "100rel",
  "Require:", "Diversion:", "Via:",    "Route:",  "Contact:",   "Expires:", "Reason:", "\r\n ",
};

static char *
mutate (const char *message, gsize *length, GRand *random)
{
  GString *text = g_string_new (message);
  guint n = (guint)g_rand_int_range (random, 1, 5);

  for (guint i = 0; i < n && text->len > 8; i++)
    {
      gsize at = (gsize)g_rand_int_range (random, 0, (gint)text->len);
      gsize wanted = (gsize)g_rand_int_range (random, 1, 20);
      gsize span = MIN (wanted, text->len - at);
      const char *word = dictionary[g_rand_int_range (random, 0, (gint)G_N_ELEMENTS (dictionary))];

      switch (g_rand_int_range (random, 0, 6))
        {
        case 0:
          text->str[at] = (char)g_rand_int_range (random, 0, 256);
          break;
        case 1:
          g_string_erase (text, (gssize)at, (gssize)span);
          break;
        case 2:
          g_string_insert (text, (gssize)at, word);
          break;
        case 3:
          g_string_overwrite (text, at, word);
          break;
          case 4: {
            g_autofree char *copy = g_strndup (text->str + at, span);

            g_string_insert (text, (gssize)at, copy);
            break;
          }
        default:
          if (g_rand_boolean (random) && g_rand_boolean (random))
            g_string_truncate (text, at);
          else
            g_string_erase (text, (gssize)at, 1);
          break;
        }
    }
  *length = text->len;
  return g_string_free (text, FALSE);
}

static const char *const mutated_methods[] = { "INVITE", "INVITE", "INVITE",  "CANCEL",
                                               "ACK",    "BYE",    "OPTIONS", "MESSAGE" };

static char *
valid_message (RawPeer *peer, GRand *random)
{
  /* Few calls, so that an ACK and a CANCEL often find what their INVITE left behind. */
  static guint n = 0;
  g_autoptr (RawCall) call = raw_call_new (peer, "alice");
  guint which = (n++ / 8) % 16;

  raw_set (&call->via, "SIP/2.0/%s %s;rport;branch=z9hG4bKmutant%04u",
           raw_peer_is_stream (peer) ? "TCP" : "UDP", raw_peer_get_local (peer),
           n / 128 * 16 + which);
  raw_set (&call->call_id, "mutant-%u@caller.example", n / 128 * 16 + which);
  raw_set (&call->from, "\"Bob\" <sip:bob@example.com>;tag=%u", which);
  if (g_rand_boolean (random))
    raw_set (&call->extra, "P-Asserted-Identity: \"Boss\" <sip:boss@example.net>, <tel:+4930>\r\n"
                           "Remote-Party-ID: <sip:r@example.net>;screen=yes;privacy=off\r\n"
                           "Diversion: <sip:x@example.org>;reason=user-busy;counter=1\r\n"
                           "History-Info: <sip:h@example.org?Reason=SIP>;index=1\r\n"
                           "Privacy: none\r\nRequire: foo\r\nExpires: 30\r\nSubject: x\r\n"
                           "Reason: SIP;cause=200\r\nRecord-Route: <sip:192.0.2.7;lr>\r\n");
  return raw_call_format (
      call, mutated_methods[g_rand_int_range (random, 0, G_N_ELEMENTS (mutated_methods))], NULL,
      NULL);
}

static void
redirect_some (DflCall *call, gpointer data)
{
  if (dfl_call_get_state (call) == DFL_CALL_STATE_OFFERED)
    g_ptr_array_add (data, call);
}

static void
decide_some (Room *room, GRand *random)
{
  g_autoptr (GPtrArray) offered = g_ptr_array_new ();

  room_foreach_call (room, redirect_some, offered);
  for (guint i = 0; i < offered->len; i++)
    if (g_rand_boolean (random))
      dfl_call_redirect (offered->pdata[i], ROOM_TARGET, "user:test", NULL);
}

/* Runs the loop until everything sent so far is dealt with. */
static void
catch_up (RawPeer *peer)
{
  g_autoptr (RawCall) ping = raw_call_new (peer, "alice");
  g_autofree char *options = raw_call_format (ping, "OPTIONS", NULL, NULL);
  gboolean done = FALSE;

  raw_peer_send_text (peer, options);
  while (!done)
    {
      g_autoptr (RawPacket) packet = raw_peer_receive (peer);

      done = strstr (packet->bytes, ping->call_id) != NULL;
    }
}

static void
test_mutations (void)
{
  RoomOptions options = { .t1 = 10, .t2 = 40 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = room_udp_peer (room);
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32)g_test_rand_int ());
  DflAccountSettings *settings = room_account ("alice");
  guint n = raw_slowness () > 4 ? 2000 : 20000;

  settings->ring_limit = 1;
  settings->max_offers = 1000;
  room_set_accounts (room, settings, NULL);
  room->quiet = TRUE;
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *valid = valid_message (peer, random);
      gsize length;
      g_autofree char *mutant = mutate (valid, &length, random);

      raw_peer_try_send (peer, mutant, length);
      if (i % 16 == 0)
        catch_up (peer);
      if (i % 256 == 0)
        decide_some (room, random);
    }
  g_test_message ("%u calls came of it", room->n_added);
  g_assert_cmpuint (room->n_added, >, n / 100);
  raw_wait_within (room_get_n_calls (room) == 0, 15000);
  g_assert_cmpuint (room->n_added, ==, room->n_removed);
  {
    g_autoptr (RawPeer) other = room_udp_peer (room);

    raw_peer_assert_alive (other);
  }
}

/* None of them opens the door to a stranger. */
static void
test_mutations_of_stranger (void)
{
  g_autoptr (Room) room = room_new (NULL);
  g_autoptr (RawPeer) friend = room_udp_peer (room);
  g_autoptr (RawPeer) stranger = raw_peer_new_udp ("127.0.0.2", "127.0.0.1", room->udp_port);
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32)g_test_rand_int ());

  for (guint i = 0; i < 5000; i++)
    {
      g_autofree char *valid = valid_message (stranger, random);
      gsize length;
      g_autofree char *mutant = mutate (valid, &length, random);

      raw_peer_try_send (stranger, mutant, length);
      if (i % 16 == 0)
        catch_up (friend);
    }
  catch_up (friend);
  raw_peer_assert_silent (stranger, 300);
  g_assert_cmpuint (room->n_added, ==, 0);
}

static void
test_mutations_over_tcp (void)
{
  RoomOptions options = { .t1 = 10, .t2 = 40 };
  g_autoptr (Room) room = room_new (&options);
  g_autoptr (RawPeer) peer = NULL;
  g_autoptr (RawPeer) other = room_tcp_peer (room);
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32)g_test_rand_int ());
  DflAccountSettings *settings = room_account ("alice");

  settings->ring_limit = 1;
  settings->max_offers = 1000;
  room_set_accounts (room, settings, NULL);
  room->quiet = TRUE;
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *valid = NULL;
      g_autofree char *mutant = NULL;
      gsize length;

      if (peer == NULL || raw_peer_is_closed (peer) || i % 20 == 0)
        {
          g_clear_pointer (&peer, raw_peer_free);
          peer = room_tcp_peer (room);
        }
      valid = valid_message (peer, random);
      mutant = mutate (valid, &length, random);
      raw_peer_try_send (peer, mutant, length);
      raw_iterate (1);
      raw_peer_flush (peer);
      if (i % 256 == 0)
        decide_some (room, random);
    }
  g_test_message ("%u calls came of it", room->n_added);
  raw_wait_within (room_get_n_calls (room) == 0, 15000);
  raw_peer_assert_alive (other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sip/mutations/of-neighbour", test_mutations);
  g_test_add_func ("/sip/mutations/of-stranger", test_mutations_of_stranger);
  g_test_add_func ("/sip/mutations/over-tcp", test_mutations_over_tcp);
  return g_test_run ();
}
