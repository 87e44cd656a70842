/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The copying of bytes: nothing lost, nothing out of place, whoever stops reading when. */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sip/handshake.h"
#include "sip/relay.h"
#include "stage/certificates.h"

#include "far-end.h"

#define AMOUNT (1024 * 1024)

/* Two connected TCP sockets. */
typedef struct
{
  GSocketConnection *ours;
  GSocketConnection *outer;
} Pair;

static Pair
pair_new (void)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GError) error = NULL;
  Pair pair;

  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_listener_add_address (listener, any, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL,
                                 &address, &error);
  g_assert_no_error (error);
  pair.ours = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  g_assert_no_error (error);
  pair.outer = g_socket_listener_accept (listener, NULL, NULL, &error);
  g_assert_no_error (error);
  g_socket_set_blocking (g_socket_connection_get_socket (pair.outer), FALSE);
  return pair;
}

static void
pair_clear (Pair *pair)
{
  g_clear_object (&pair->ours);
  g_clear_object (&pair->outer);
}

/* One direction of a stream of which every byte is known by its place. */
typedef struct
{
  gsize sent, received;
} Count;

static guint8
byte_at (gsize place)
{
  return (guint8)(place ^ (place >> 8) * 31 ^ (place >> 16) * 17);
}

/* TRUE where some bytes went. */
static gboolean
send_some (GSocketConnection *to, Count *count)
{
  guint8 bytes[8192];
  gsize length = MIN (AMOUNT - count->sent, (gsize)g_test_rand_int_range (1, G_N_ELEMENTS (bytes)));
  gssize sent;

  if (length == 0)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    bytes[i] = byte_at (count->sent + i);
  sent = g_socket_send (g_socket_connection_get_socket (to), (char *)bytes, length, NULL, NULL);
  if (sent <= 0)
    return FALSE;
  count->sent += (gsize)sent;
  return TRUE;
}

static gboolean
receive_some (GSocketConnection *from, Count *count)
{
  guint8 bytes[8192];
  gssize length = g_socket_receive (g_socket_connection_get_socket (from), (char *)bytes,
                                    (gsize)g_test_rand_int_range (1, G_N_ELEMENTS (bytes)), NULL,
                                    NULL);

  if (length <= 0)
    return FALSE;
  for (gssize i = 0; i < length; i++)
    g_assert_cmpuint (bytes[i], ==, byte_at (count->received + (gsize)i));
  count->received += (gsize)length;
  return TRUE;
}

typedef struct
{
  guint n;
  GError *error;
} End;

static void
on_ended (const GError *error, gpointer data)
{
  End *end = data;

  end->n++;
  end->error = error != NULL ? g_error_copy (error) : NULL;
}

/* Writes until nothing more fits in anywhere. */
static void
fill (GSocketConnection *to, Count *count)
{
  gboolean moved;

  do
    {
      moved = FALSE;
      while (send_some (to, count))
        moved = TRUE;
      while (g_main_context_iteration (NULL, FALSE))
        moved = TRUE;
  } while (moved);
}

static void
test_both_ways (void)
{
  Pair near = pair_new ();
  Pair far = pair_new ();
  End end = { 0 };
  Count in = { 0 };
  Count out = { 0 };
  DflRelay *relay;
  GSocketConnection *all[] = { near.ours, near.outer, far.ours, far.outer };
  int small = 32768;

  /* So that AMOUNT does not fit. */
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_socket_set_option (g_socket_connection_get_socket (all[i]), SOL_SOCKET, SO_SNDBUF, small,
                           NULL);
      g_socket_set_option (g_socket_connection_get_socket (all[i]), SOL_SOCKET, SO_RCVBUF, small,
                           NULL);
    }
  relay = dfl_relay_new (near.ours, far.ours, G_IO_STREAM (far.ours), on_ended, &end);
  fill (near.outer, &out);
  fill (far.outer, &in);
  g_assert_cmpuint (out.sent, <, AMOUNT);
  g_assert_cmpuint (in.sent, <, AMOUNT);
  while (in.received < AMOUNT || out.received < AMOUNT)
    {
      guint which = (guint)g_test_rand_int_range (0, 16);

      if (which & 1)
        send_some (near.outer, &out);
      if (which & 2)
        send_some (far.outer, &in);
      if (which & 4)
        receive_some (near.outer, &in);
      if (which & 8)
        receive_some (far.outer, &out);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpuint (end.n, ==, 0);
  dfl_relay_free (relay);
  pair_clear (&near);
  pair_clear (&far);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (end.n, ==, 0);
}

/* What waits when far has closed its half still arrives, and near may have the last word. */
static void
test_half_close (void)
{
  Pair near = pair_new ();
  Pair far = pair_new ();
  End end = { 0 };
  Count in = { 0 };
  Count out = { 0 };
  DflRelay *relay = dfl_relay_new (near.ours, far.ours, G_IO_STREAM (far.ours), on_ended, &end);
  char byte;

  fill (far.outer, &in);
  g_socket_shutdown (g_socket_connection_get_socket (far.outer), FALSE, TRUE, NULL);
  while (in.received < in.sent)
    if (!receive_some (near.outer, &in))
      g_main_context_iteration (NULL, FALSE);
  while (g_socket_receive (g_socket_connection_get_socket (near.outer), &byte, 1, NULL, NULL) != 0)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (end.n, ==, 0);

  g_assert_true (send_some (near.outer, &out));
  g_socket_shutdown (g_socket_connection_get_socket (near.outer), FALSE, TRUE, NULL);
  while (end.n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_error (end.error);
  while (out.received < out.sent)
    g_assert_true (receive_some (far.outer, &out));
  dfl_relay_free (relay);
  pair_clear (&near);
  pair_clear (&far);
}

/* Near does not close although far did. */
static void
test_last_word (void)
{
  Pair near = pair_new ();
  Pair far = pair_new ();
  End end = { 0 };
  DflRelay *relay = dfl_relay_new (near.ours, far.ours, G_IO_STREAM (far.ours), on_ended, &end);
  gint64 start = g_get_monotonic_time ();

  g_clear_object (&far.outer);
  while (end.n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_error (end.error);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 4 * G_TIME_SPAN_SECOND);
  dfl_relay_free (relay);
  pair_clear (&near);
  pair_clear (&far);
}

static void
test_near_first (void)
{
  Pair near = pair_new ();
  Pair far = pair_new ();
  End end = { 0 };
  Count out = { 0 };
  DflRelay *relay = dfl_relay_new (near.ours, far.ours, G_IO_STREAM (far.ours), on_ended, &end);

  g_assert_true (send_some (near.outer, &out));
  g_clear_object (&near.outer);
  while (end.n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (end.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&end.error);
  while (out.received < out.sent)
    g_assert_true (receive_some (far.outer, &out));
  dfl_relay_free (relay);
  pair_clear (&near);
  pair_clear (&far);
}

static void
test_reset (void)
{
  Pair near = pair_new ();
  Pair far = pair_new ();
  End end = { 0 };
  DflRelay *relay = dfl_relay_new (near.ours, far.ours, G_IO_STREAM (far.ours), on_ended, &end);
  struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
  char byte;

  g_assert_cmpint (setsockopt (g_socket_get_fd (g_socket_connection_get_socket (far.outer)),
                               SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
                   ==, 0);
  g_clear_object (&far.outer);
  while (g_socket_receive (g_socket_connection_get_socket (near.outer), &byte, 1, NULL, NULL) != 0)
    g_main_context_iteration (NULL, FALSE);
  g_clear_object (&near.outer);
  while (end.n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (end.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  g_clear_error (&end.error);
  dfl_relay_free (relay);
  pair_clear (&near);
  pair_clear (&far);
}

/* --- Over TLS --- */

static void
talk_echo (FarEnd *far_end, gpointer data)
{
  char buffer[10000];
  gssize length;

  while ((length = far_end_read (far_end, buffer, sizeof buffer)) > 0)
    if (!far_end_write (far_end, buffer, (gsize)length))
      return;
}

typedef struct
{
  GIOStream *stream;
  char *reason;
} Hands;

static void
on_hands (GIOStream *stream, const char *reason, gpointer data)
{
  Hands *hands = data;

  hands->stream = stream != NULL ? g_object_ref (stream) : NULL;
  hands->reason = g_strdup (reason);
}

static void
test_echo (gconstpointer data)
{
  g_autoptr (Certificate) certificate = certificate_new (
      &(CertificateWish){ .dns = { "example.org" } });
  FarEndOptions options = { .certificate = certificate_get_pem (certificate),
                            .key = certificate_get_key (certificate),
                            .priorities = data,
                            .talk = talk_echo };
  FarEnd *far_end = far_end_new (&options);
  DflFlowTls tls = { .verify = TRUE,
                     .identity = "example.org",
                     .ca = certificate_get_pem (certificate) };
  Pair near = pair_new ();
  Hands hands = { 0 };
  End end = { 0 };
  Count count = { 0 };
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autofree char *mistake = NULL;
  DflHandshake *handshake = dfl_handshake_new (&tls, &mistake);
  DflRelay *relay;

  g_socket_client_set_enable_proxy (client, FALSE);
  connection = g_socket_client_connect_to_host (client, "127.0.0.1", far_end_get_port (far_end),
                                                NULL, NULL);
  dfl_handshake_start (handshake, connection, "far", on_hands, &hands);
  while (hands.stream == NULL)
    {
      g_assert_cmpstr (hands.reason, ==, NULL);
      g_main_context_iteration (NULL, TRUE);
    }
  relay = dfl_relay_new (near.ours, connection, hands.stream, on_ended, &end);
  while (count.received < AMOUNT)
    {
      guint which = (guint)g_test_rand_int_range (0, 4);

      if (which & 1)
        send_some (near.outer, &count);
      if (which & 2)
        receive_some (near.outer, &count);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpuint (end.n, ==, 0);
  dfl_relay_free (relay);
  dfl_handshake_free (handshake);
  g_object_unref (hands.stream);
  g_clear_object (&connection);
  pair_clear (&near);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  far_end_free (far_end);
}

static gint
count_descriptors (void)
{
  GMainContext *context = g_main_context_default ();
  gint timeout;

  g_main_context_prepare (context, NULL);
  return g_main_context_query (context, G_MAXINT, &timeout, NULL, 0);
}

#define MANY 8

/* However many keep silent, the loop has one descriptor for all of them. */
static void
test_silence (void)
{
  Pair near[MANY], far[MANY];
  End ends[MANY] = { 0 };
  DflRelay *relays[MANY];
  gint before;

  while (g_main_context_iteration (NULL, FALSE))
    ;
  before = count_descriptors ();
  for (guint i = 0; i < MANY; i++)
    {
      near[i] = pair_new ();
      far[i] = pair_new ();
      relays[i] = dfl_relay_new (near[i].ours, far[i].ours, G_IO_STREAM (far[i].ours), on_ended,
                                 &ends[i]);
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (count_descriptors (), <=, before + 1);
  for (guint i = 0; i < MANY; i++)
    {
      dfl_relay_free (relays[i]);
      pair_clear (&near[i]);
      pair_clear (&far[i]);
    }
  g_assert_cmpint (count_descriptors (), ==, before);
}

typedef struct
{
  DflRelay *relays[MANY];
  guint n_ends;
} Crowd;

static void
on_one_ended (const GError *error, gpointer data)
{
  Crowd *crowd = data;

  crowd->n_ends++;
  for (guint i = 0; i < MANY; i++)
    g_clear_pointer (&crowd->relays[i], dfl_relay_free);
}

/* All are at their end in the same turn, and the first to say so takes the others along. */
static void
test_together (void)
{
  Pair near[MANY], far[MANY];
  Crowd crowd = { 0 };

  for (guint i = 0; i < MANY; i++)
    {
      near[i] = pair_new ();
      far[i] = pair_new ();
      crowd.relays[i] = dfl_relay_new (near[i].ours, far[i].ours, G_IO_STREAM (far[i].ours),
                                       on_one_ended, &crowd);
    }
  for (guint i = 0; i < MANY; i++)
    g_clear_object (&near[i].outer);
  while (crowd.n_ends == 0)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (crowd.n_ends, ==, 1);
  for (guint i = 0; i < MANY; i++)
    {
      pair_clear (&near[i]);
      pair_clear (&far[i]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/relay/both-ways", test_both_ways);
  g_test_add_func ("/relay/half-close", test_half_close);
  g_test_add_func ("/relay/last-word", test_last_word);
  g_test_add_func ("/relay/near-first", test_near_first);
  g_test_add_func ("/relay/reset", test_reset);
  g_test_add_func ("/relay/silence", test_silence);
  g_test_add_func ("/relay/together", test_together);
  g_test_add_data_func ("/relay/echo/tls-1.2", "NORMAL:-VERS-TLS1.3", test_echo);
  g_test_add_data_func ("/relay/echo/tls-1.3", "NORMAL", test_echo);
  return g_test_run ();
}
