/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where an account registers: transports, addresses, and one place after the other. */

#include <string.h>

#include "far-end.h"
#include "registrar-scene.h"
#include "sip/token.h"
#include "stage/certificates.h"

static void
test_outbound_proxy (void)
{
  Scene self;
  DflAccountSettings *settings;
  g_autoptr (RawRequest) request = NULL;
  g_autofree char *route = NULL;

  self.room = room_new (NULL);
  self.peer = room_udp_peer (self.room);
  settings = scene_make_settings (self.peer);
  raw_set (&settings->registrar, "registrar.example");
  raw_set (&settings->outbound_proxy, "%s", raw_peer_get_local (self.peer));
  scene_update (&self, settings);
  request = raw_request_receive (self.peer, "REGISTER");
  g_assert_cmpstr (request->uri, ==, "sip:registrar.example");
  route = g_strdup_printf ("<sip:%s;lr>", raw_peer_get_local (self.peer));
  g_assert_cmpstr (raw_request_get (request, "Route"), ==, route);
  scene_close (&self);
}

static void
test_tcp (void)
{
  Scene self = { .room = room_new (NULL) };
  g_autoptr (GSocket) listener = raw_listen ("127.0.0.1");
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (listener, NULL);
  guint16 port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;
  g_autoptr (RawCall) call = NULL;
  g_autofree char *place = NULL;
  g_autofree char *via = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *user = NULL;
  DflAccountSettings *settings = room_account ("bob");

  settings->registers = TRUE;
  room_accept_from (settings, "");
  settings->transport = DFL_TRANSPORT_TCP;
  raw_set (&settings->registrar, "127.0.0.1:%u", port);
  scene_update (&self, settings);
  self.peer = raw_peer_accept (listener);

  first = raw_request_receive (self.peer, "REGISTER");
  contact = scene_get_contact (first);
  g_assert_true (g_str_has_suffix (contact, ";transport=tcp"));
  place = g_strndup (strchr (contact, '@') + 1, strcspn (strchr (contact, '@') + 1, ";"));
  via = g_strdup_printf ("SIP/2.0/TCP %s;", place);
  g_assert_true (g_str_has_prefix (raw_request_get (first, "Via"), via));
  scene_grant (&self, first, "600");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);

  user = g_strndup (contact + 4, DFL_TOKEN_LENGTH);
  call = raw_call_new (self.peer, user);
  raw_set (&call->request_uri, "%s", contact);
  raw_call_invite (call);
  raw_call_expect_ringing (call);
  room_wait_call (self.room);
  room_assert_log (self.room, "added");

  /* The way is gone, and with it the call and the registration. */
  raw_peer_free (self.peer);
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  room_wait_n_calls (self.room, 0);
  room_forget_log (self.room);

  g_assert_true (dfl_switchboard_register_account (self.room->switchboard, self.account, NULL));
  self.peer = raw_peer_accept (listener);
  second = raw_request_receive (self.peer, "REGISTER");
  scene_grant (&self, second, "600");
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  scene_close (&self);
}

/* A name with two addresses, at one of which nobody is. */
static void
test_next_place (void)
{
  static const char *const addresses[] = { "127.0.0.1", "::1" };
  RoomOptions options = { .listen = "udp:*:0" };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      Scene self;
      DflAccountSettings *settings;
      g_autoptr (RawRequest) request = NULL;

      self.room = room_new (&options);
      self.peer = raw_peer_new_udp (addresses[i], addresses[i], self.room->udp_port);
      settings = scene_make_settings (self.peer);
      raw_set (&settings->registrar, "localhost:%u", raw_peer_get_port (self.peer));
      scene_update (&self, settings);
      request = scene_register (&self);
      g_assert_cmpstr (dfl_account_get_registration (self.account)->server, ==,
                       raw_peer_get_local (self.peer));
      scene_close (&self);
    }
}

/* A socket for any IPv6 address takes IPv4 as well; the stack does not know. */
static void
test_any_address (void)
{
  static const char *const addresses[] = { "127.0.0.1", "::1" };
  RoomOptions options = { .listen = "udp:*:0" };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      Scene self;
      g_autoptr (RawRequest) request = NULL;
      g_autofree char *contact = NULL;
      g_autofree char *end = NULL;

      self.room = room_new (&options);
      self.peer = raw_peer_new_udp (addresses[i], addresses[i], self.room->udp_port);
      scene_update (&self, scene_make_settings (self.peer));
      request = scene_register (&self);
      contact = scene_get_contact (request);
      end = g_strdup_printf (i == 0 ? "@%s:%u" : "@[%s]:%u", addresses[i], self.room->udp_port);
      g_assert_true (g_str_has_suffix (contact, end));

      /* An ICMP error finds its request. */
      raw_peer_hang_up (self.peer, FALSE);
      g_assert_true (dfl_switchboard_register_account (self.room->switchboard, self.account, NULL));
      raw_wait_until (*dfl_account_get_state_reason (self.account) != '\0');
      g_assert_nonnull (strstr (dfl_account_get_state_reason (self.account), "cannot be reached"));
      scene_close (&self);
    }
}

/* Of several sockets the one that the packets leave from. */
static void
test_several_addresses (void)
{
  static const char *const addresses[] = { "127.0.0.1", "127.0.0.2", "::1" };
  RoomOptions options = { .listen = "udp:127.0.0.2:0;udp:127.0.0.1:0;udp:[::1]:0" };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      Scene self;
      g_autoptr (RawRequest) request = NULL;
      g_autofree char *contact = NULL;
      g_autofree char *via = NULL;

      self.room = room_new (&options);
      self.peer = raw_peer_new_udp (addresses[i], addresses[i], self.room->udp_port);
      scene_update (&self, scene_make_settings (self.peer));
      request = scene_register (&self);
      contact = scene_get_contact (request);
      via = g_strdup_printf ("SIP/2.0/UDP %s;", strchr (contact, '@') + 1);
      g_assert_true (g_str_has_prefix (raw_request_get (request, "Via"), via));
      g_assert_nonnull (strstr (contact, i == 2 ? "@[::1]:" : "@127.0.0.1:"));
      scene_close (&self);
    }
}

static void
test_no_udp (void)
{
  Scene self;
  RoomOptions options = { .listen = "tcp:127.0.0.1:0" };

  self.room = room_new (&options);
  self.peer = raw_peer_new_udp ("127.0.0.1", "127.0.0.1", 9);
  scene_update (&self, scene_make_settings (self.peer));
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  g_assert_nonnull (strstr (dfl_account_get_state_reason (self.account), "no UDP socket"));
  scene_close (&self);
}

/* --- One name, two servers --- */

typedef struct
{
  Scene scene;
  RawPeer *other; /* with the same port, of the other family */
} Pair;

static void
pair_open (Pair *self)
{
  RoomOptions options = { .listen = "udp:*:0" };
  DflAccountSettings *settings;

  self->scene.room = room_new (&options);
  self->scene.peer = raw_peer_new_udp ("127.0.0.1", "127.0.0.1", self->scene.room->udp_port);
  self->other = raw_peer_new_udp_at ("::1", raw_peer_get_port (self->scene.peer), "::1",
                                     self->scene.room->udp_port);
  settings = scene_make_settings (self->scene.peer);
  raw_set (&settings->registrar, "localhost:%u", raw_peer_get_port (self->scene.peer));
  scene_update (&self->scene, settings);
}

static void
pair_close (Pair *self)
{
  raw_peer_flush (self->other);
  raw_peer_free (self->other);
  scene_close (&self->scene);
}

/* Whoever is asked first becomes the other, and the second one the peer of the scene. */
static RawRequest *
receive_first (Pair *self)
{
  raw_wait_until (raw_peer_get_n_waiting (self->scene.peer) > 0
                  || raw_peer_get_n_waiting (self->other) > 0);
  if (raw_peer_get_n_waiting (self->scene.peer) > 0)
    {
      RawPeer *first = self->scene.peer;

      self->scene.peer = self->other;
      self->other = first;
    }
  return raw_request_receive (self->other, "REGISTER");
}

static void
assert_next_is_asked (const char *status)
{
  Pair self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;

  pair_open (&self);
  first = receive_first (&self);
  raw_request_answer (first, self.other, status, NULL);
  second = scene_register (&self.scene);
  g_assert_cmpstr (dfl_account_get_registration (self.scene.account)->server, ==,
                   raw_peer_get_local (self.scene.peer));
  g_assert_cmpstr (raw_request_get (first, "Call-ID"), ==, raw_request_get (second, "Call-ID"));
  raw_peer_assert_silent (self.other, 200);
  pair_close (&self);
}

static void
test_unavailable (void)
{
  assert_next_is_asked ("503 Service Unavailable");
  assert_next_is_asked ("408 Request Timeout");
}

/* What is wrong with the account is so everywhere. */
static void
test_refused_once (void)
{
  Pair self;
  g_autoptr (RawRequest) first = NULL;

  pair_open (&self);
  first = receive_first (&self);
  raw_request_answer (first, self.other, "403 Forbidden", NULL);
  scene_wait_state (&self.scene, DFL_ACCOUNT_STATE_FAILED);
  raw_peer_assert_silent (self.scene.peer, 200);
  pair_close (&self);
}

static void
test_silent_place (void)
{
  Pair self;
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;

  pair_open (&self);
  first = receive_first (&self);
  second = scene_register (&self.scene);
  g_assert_cmpint (second->time.at - first->time.at, >=, 7900 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (raw_elapsed (first->time, second->time), <=,
                   9000 * G_TIME_SPAN_MILLISECOND * raw_slowness ());
  /* Its late answer is for nobody. */
  raw_peer_flush (self.other);
  raw_request_answer (first, self.other, "403 Forbidden", NULL);
  raw_run_for (100);
  scene_assert_state (&self.scene, DFL_ACCOUNT_STATE_REGISTERED, "");
  pair_close (&self);
}

/* --- A long one --- */

/* RFC 3261 would have it sent over TCP (section 18.1.1), where nobody may listen: a registrar that
 * was reached over UDP is spoken to over UDP. */
static void
test_long_request (void)
{
  Scene self;
  const guint8 secret[32] = { 0 };
  g_autoptr (GString) list = g_string_new ("Contact: ");
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;
  g_autofree char *contact = NULL;

  scene_open (&self);
  first = raw_request_receive (self.peer, "REGISTER");
  contact = scene_get_contact (first);
  g_string_append_printf (list, "<%s>;expires=600", contact);
  for (guint i = 0; i < 8; i++)
    {
      char token[DFL_TOKEN_LENGTH + 1];

      dfl_token_new (secret, dfl_account_get_id (self.account), token);
      g_string_append_printf (list, ", <sip:%s@%s.former-places-of-this-telephone.example:506%u>",
                              token, "a-rather-long-name-of-a-host-somewhere", i);
    }
  g_string_append (list, "\r\n");
  raw_request_answer (first, self.peer, "200 OK", list->str);
  second = raw_request_receive (self.peer, "REGISTER");
  g_assert_cmpuint (strlen (second->text), >, 1300);
  g_assert_nonnull (raw_request_get_nth (second, "Contact", 8));
  g_assert_true (g_str_has_prefix (raw_request_get (second, "Via"), "SIP/2.0/UDP "));
  scene_grant (&self, second, "600");
  raw_peer_assert_silent (self.peer, 200);
  scene_assert_state (&self, DFL_ACCOUNT_STATE_REGISTERED, "");
  scene_close (&self);
}

/* --- TLS --- */

typedef struct
{
  GAsyncQueue *requests; /* of RawRequest */
} Registrar;

/* Challenges what has no credentials. */
static void
talk (FarEnd *far_end, gpointer data)
{
  Registrar *self = data;
  char *text;

  while ((text = far_end_read_message (far_end)) != NULL)
    {
      RawPacket *packet = g_new0 (RawPacket, 1);
      RawRequest *request;
      const char *contact;
      g_autofree char *extra = NULL;
      g_autofree char *answer = NULL;

      packet->bytes = g_strdup (text + strspn (text, "\r\n"));
      packet->length = strlen (packet->bytes);
      g_free (text);
      request = raw_request_new (packet);
      contact = raw_request_get_nth (request, "Contact", 0);
      if (raw_request_get (request, "Authorization") != NULL)
        extra = g_strdup_printf ("Contact: %s\r\n", contact);
      answer = raw_request_format_answer (
          request, extra != NULL ? "200 OK" : "401 Unauthorized", NULL,
          extra != NULL ? extra
                        : "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", qop=\"auth\"\r\n");
      g_assert_true (far_end_write (far_end, answer, strlen (answer)));
      g_async_queue_push (self->requests, request);
    }
}

/* An account that registers there, with the authorities that are trusted. */
static void
update_tls (Scene *self, FarEnd *far_end, const char *host, const char *authorities)
{
  DflAccountSettings *settings = room_account ("bob");

  settings->registers = TRUE;
  room_accept_from (settings, "");
  settings->transport = DFL_TRANSPORT_TLS;
  settings->tls_verify = TRUE;
  raw_set (&settings->password, "secret");
  raw_set (&settings->tls_ca, "%s", authorities);
  raw_set (&settings->registrar, "%s:%u", host, far_end_get_port (far_end));
  scene_update (self, settings);
}

static void
test_tls (void)
{
  CertificateWish authority_wish = { .common_name = "An authority", .authority = TRUE };
  g_autoptr (Certificate) authority = certificate_new (&authority_wish);
  g_autoptr (Certificate) stranger = certificate_new (&authority_wish);
  CertificateWish wish = { .dns = { "localhost" }, .issuer = authority };
  g_autoptr (Certificate) certificate = certificate_new (&wish);
  Registrar registrar = { .requests = g_async_queue_new_full ((GDestroyNotify)raw_request_free) };
  FarEndOptions options = { .certificate = certificate_get_pem (certificate),
                            .key = certificate_get_key (certificate),
                            .talk = talk,
                            .data = &registrar };
  FarEnd *far_end = far_end_new (&options);
  RoomOptions room_options = { .listen = "udp:127.0.0.1:0" };
  Scene self = { .room = room_new (&room_options) };
  g_autoptr (RawRequest) first = NULL;
  g_autoptr (RawRequest) second = NULL;
  g_autofree char *contact = NULL;
  g_autofree char *place = NULL;
  g_autofree char *via = NULL;
  g_autofree char *asked_for = NULL;

  /* Nothing is said to whom nobody vouches for. */
  update_tls (&self, far_end, "localhost", certificate_get_pem (stranger));
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  g_assert_nonnull (strstr (dfl_account_get_state_reason (self.account), "certificate"));
  g_assert_cmpint (g_async_queue_length (registrar.requests), ==, 0);

  update_tls (&self, far_end, "localhost", certificate_get_pem (authority));
  scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  g_assert_true (dfl_account_get_registration (self.account)->secure);
  g_assert_cmpint (dfl_account_get_registration (self.account)->transport, ==, DFL_TRANSPORT_TLS);
  asked_for = far_end_dup_asked_for (far_end);
  g_assert_cmpstr (asked_for, ==, "localhost");

  first = g_async_queue_pop (registrar.requests);
  second = g_async_queue_pop (registrar.requests);
  g_assert_null (raw_request_get (first, "Authorization"));
  g_assert_nonnull (raw_request_get (second, "Authorization"));
  contact = scene_get_contact (first);
  g_assert_true (g_str_has_suffix (contact, ";transport=tls"));
  place = g_strndup (strchr (contact, '@') + 1, strcspn (strchr (contact, '@') + 1, ";"));
  g_assert_true (g_str_has_prefix (place, "127.0.0.1:"));
  via = g_strdup_printf ("SIP/2.0/TLS %s;", place);
  g_assert_true (g_str_has_prefix (raw_request_get (first, "Via"), via));

  /* Whom else we would believe makes it another way to the server. */
  {
    g_autoptr (RawRequest) third = NULL;
    g_autofree char *other = NULL;
    CertificateWish another_wish = { .common_name = "Another authority", .authority = TRUE };
    g_autoptr (Certificate) another = certificate_new (&another_wish);
    g_autofree char *both = g_strconcat (certificate_get_pem (authority),
                                         certificate_get_pem (another), NULL);

    update_tls (&self, far_end, "localhost", both);
    do /* the farewell of the former */
      {
        g_clear_pointer (&third, raw_request_free);
        raw_wait_until (g_async_queue_length (registrar.requests) > 0);
        third = g_async_queue_pop (registrar.requests);
    } while (g_str_equal (raw_request_get (third, "Expires"), "0"));
    other = scene_get_contact (third);
    g_assert_cmpint (strncmp (other, contact, strlen ("sip:") + DFL_TOKEN_LENGTH), !=, 0);
    scene_wait_state (&self, DFL_ACCOUNT_STATE_REGISTERED);
  }

  /* The same server by another name is another one. */
  update_tls (&self, far_end, "127.0.0.1", certificate_get_pem (authority));
  scene_wait_state (&self, DFL_ACCOUNT_STATE_FAILED);
  g_assert_nonnull (strstr (dfl_account_get_state_reason (self.account), "127.0.0.1"));

  room_free (self.room);
  far_end_free (far_end);
  g_async_queue_unref (registrar.requests);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/registration-places/outbound-proxy", test_outbound_proxy);
  g_test_add_func ("/registration-places/tcp", test_tcp);
  g_test_add_func ("/registration-places/next-place", test_next_place);
  g_test_add_func ("/registration-places/any-address", test_any_address);
  g_test_add_func ("/registration-places/several-addresses", test_several_addresses);
  g_test_add_func ("/registration-places/no-udp", test_no_udp);
  g_test_add_func ("/registration-places/unavailable", test_unavailable);
  g_test_add_func ("/registration-places/refused-once", test_refused_once);
  g_test_add_func ("/registration-places/silent-place", test_silent_place);
  g_test_add_func ("/registration-places/long-request", test_long_request);
  g_test_add_func ("/registration-places/tls", test_tls);
  return g_test_run ();
}
