/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* RFC 3263 and RFC 2782 against a real name server: which places, in which order. */

#include <string.h>

#include "core/error.h"
#include "sip/locate.h"
#include "stage/name-server.h"

#include "raw-peer.h"

#define HERE "nameserver 127.0.0.1\n"

static NameServer *server;
static DflResolver *resolver;

typedef struct
{
  gboolean done;
  char *hops; /* "udp 192.0.2.1:5060, tcp [2001:db8::1]:5070" */
  GPtrArray *places;
  GError *error;
  gint64 took;
} Found;

static void
found_clear (Found *self)
{
  g_clear_pointer (&self->hops, g_free);
  g_clear_pointer (&self->places, g_ptr_array_unref);
  g_clear_error (&self->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Found, found_clear)

static void
on_located (GPtrArray *hops, const GError *error, gpointer data)
{
  static const char *const names[] = { [DFL_TRANSPORT_AUTO] = "auto",
                                       [DFL_TRANSPORT_UDP] = "udp",
                                       [DFL_TRANSPORT_TCP] = "tcp",
                                       [DFL_TRANSPORT_TLS] = "tls" };
  g_autoptr (GString) text = g_string_new (NULL);
  Found *self = data;

  g_assert_false (self->done);
  self->done = TRUE;
  if (error != NULL)
    {
      g_assert_null (hops);
      self->error = g_error_copy (error);
      return;
    }
  g_assert_cmpuint (hops->len, >, 0);
  self->places = g_ptr_array_ref (hops);
  for (guint i = 0; i < hops->len; i++)
    {
      const DflHop *hop = g_ptr_array_index (hops, i);
      g_autofree char *place = dfl_hop_to_string (hop);

      g_string_append_printf (text, "%s%s %s", i > 0 ? ", " : "", names[hop->transport], place);
    }
  self->hops = g_strdup (text->str);
}

static void
locate (Found *self, const char *name, DflTransport wish)
{
  gint64 start = g_get_monotonic_time ();

  g_assert_nonnull (dfl_locate_new (resolver, name, wish, on_located, self));
  g_assert_false (self->done);
  raw_wait_until (self->done);
  self->took = (g_get_monotonic_time () - start) / 1000;
}

static void
assert_found (const char *name, DflTransport wish, const char *expected)
{
  g_auto (Found) found = { 0 };

  locate (&found, name, wish);
  g_assert_no_error (found.error);
  g_assert_cmpstr (found.hops, ==, expected);
}

static void
assert_not_found (const char *name, DflTransport wish, const char *sentence)
{
  g_auto (Found) found = { 0 };

  locate (&found, name, wish);
  g_assert_error (found.error, DFL_ERROR, DFL_ERROR_LINE_DOWN);
  g_assert_cmpstr (found.error->message, ==, sentence);
}

static void
add (const char *name, const char *type, const char *data)
{
  name_server_add (server, name, type, data);
}

#define AUTO DFL_TRANSPORT_AUTO
#define UDP DFL_TRANSPORT_UDP
#define TCP DFL_TRANSPORT_TCP
#define TLS DFL_TRANSPORT_TLS

/* --- Numbers and ports: no records are asked for --- */

static void
test_numeric (void)
{
  assert_found ("192.0.2.1", AUTO, "udp 192.0.2.1:5060");
  assert_found ("192.0.2.1:5070", TCP, "tcp 192.0.2.1:5070");
  assert_found ("192.0.2.1", TLS, "tls 192.0.2.1:5061");
  assert_found ("[2001:db8::1]", UDP, "udp [2001:db8::1]:5060");
  assert_found ("[2001:db8::1]:5071", AUTO, "udp [2001:db8::1]:5071");
  assert_found ("2001:db8::1", TLS, "tls [2001:db8::1]:5061");
  g_assert_cmpuint (name_server_count (server, NULL, NULL), ==, 0);
}

static void
test_port (void)
{
  add ("sip.example.org", "A", "127.0.0.4");
  add ("sip.example.org", "AAAA", "::1");
  add ("_sip._udp.sip.example.org", "SRV", "1 1 5090 other.example.org");
  assert_found ("sip.example.org:5070", AUTO, "udp [::1]:5070, udp 127.0.0.4:5070");
  assert_found ("sip.example.org:5061", TLS, "tls [::1]:5061, tls 127.0.0.4:5061");
  g_assert_cmpuint (name_server_count (server, NULL, "SRV"), ==, 0);
  g_assert_cmpuint (name_server_count (server, NULL, "NAPTR"), ==, 0);
}

/* --- NAPTR --- */

static void
add_hosts (void)
{
  add ("one.example.org", "A", "127.0.0.1");
  add ("two.example.org", "A", "127.0.0.2");
  add ("three.example.org", "A", "127.0.0.3");
}

static void
test_naptr (void)
{
  add_hosts ();
  add ("example.org", "NAPTR", "60 10 s SIP+D2U _sip._udp.example.org");
  add ("example.org", "NAPTR", "50 20 s SIP+D2T _sip._tcp.example.org");
  add ("example.org", "NAPTR", "50 10 s SIPS+D2T _sips._tcp.example.com");
  add ("example.org", "NAPTR", "10 10 s SIP+D2S _sip._sctp.example.org");
  add ("example.org", "NAPTR", "10 10 s SIP+D2W _sip._ws.example.org");
  add ("example.org", "NAPTR", "10 10 u E2U+sip .");
  add ("example.org", "NAPTR", "10 10 - SIP+D2U elsewhere.example.org");
  add ("_sip._udp.example.org", "SRV", "1 1 5060 one.example.org");
  add ("_sip._tcp.example.org", "SRV", "1 1 5070 two.example.org");
  add ("_sips._tcp.example.com", "SRV", "1 1 5071 three.example.org");
  /* The lowest order alone, within it by preference; the replacement is somewhere else. */
  assert_found ("example.org", AUTO, "tls 127.0.0.3:5071, tcp 127.0.0.2:5070");
  g_assert_cmpuint (name_server_count (server, "_sip._udp.example.org", NULL), ==, 0);
  g_assert_cmpuint (name_server_count (server, "elsewhere.example.org", NULL), ==, 0);
  /* A transport that is wished needs no NAPTR. */
  assert_found ("example.org", UDP, "udp 127.0.0.1:5060");
  g_assert_cmpuint (name_server_count (server, NULL, "NAPTR"), ==, 1);
}

static void
test_naptr_host (void)
{
  add_hosts ();
  add ("example.org", "NAPTR", "50 10 a SIP+D2T two.example.org");
  add ("example.org", "NAPTR", "50 20 s SIP+D2U _sip._udp.example.org");
  add ("_sip._udp.example.org", "SRV", "1 1 5090 one.example.org");
  assert_found ("example.org", AUTO, "tcp 127.0.0.2:5060, udp 127.0.0.1:5090");
}

/* Records of which none is of use are none. */
static void
test_naptr_useless (void)
{
  add_hosts ();
  add ("example.org", "NAPTR", "10 10 s SIP+D2S _sip._sctp.example.org");
  add ("example.org", "NAPTR", "10 10 s SIP+D2U .");
  add ("_sip._tcp.example.org", "SRV", "1 1 5070 two.example.org");
  assert_found ("example.org", AUTO, "tcp 127.0.0.2:5070");
}

/* What it names has no SRV records: the domain itself, over the transport that it named. */
static void
test_naptr_without_srv (void)
{
  add ("example.org", "NAPTR", "10 10 s SIP+D2T _sip._tcp.example.org");
  add ("example.org", "A", "127.0.0.7");
  assert_found ("example.org", AUTO, "tcp 127.0.0.7:5060");
}

/* --- SRV --- */

static void
test_srv (void)
{
  add_hosts ();
  add ("_sip._udp.example.org", "SRV", "30 0 5063 three.example.org");
  add ("_sip._udp.example.org", "SRV", "10 0 5061 one.example.org");
  add ("_sip._udp.example.org", "SRV", "20 0 5062 two.example.org");
  add ("_sip._udp.example.org", "SRV", "5 0 0 one.example.org");
  add ("_sips._tcp.example.org", "SRV", "10 0 443 two.example.org");
  assert_found ("example.org", UDP, "udp 127.0.0.1:5061, udp 127.0.0.2:5062, udp 127.0.0.3:5063");
  assert_found ("example.org", TLS, "tls 127.0.0.2:443");
  assert_found ("example.org", AUTO,
                "udp 127.0.0.1:5061, udp 127.0.0.2:5062, udp 127.0.0.3:5063, tls 127.0.0.2:443");
  add ("example.org", "A", "127.0.0.9");
  assert_found ("example.org", TCP, "tcp 127.0.0.9:5060");
}

/* Both families of each target before the next target, and nothing twice. */
static void
test_families (void)
{
  add_hosts ();
  add ("one.example.org", "AAAA", "::1");
  add ("_sip._tcp.example.org", "SRV", "1 0 5061 one.example.org");
  add ("_sip._tcp.example.org", "SRV", "2 0 5062 gone.example.org");
  add ("_sip._tcp.example.org", "SRV", "3 0 5061 one.example.org");
  add ("_sip._tcp.example.org", "SRV", "4 0 5062 two.example.org");
  assert_found ("example.org", TCP, "tcp [::1]:5061, tcp 127.0.0.1:5061, tcp 127.0.0.2:5062");
}

static void
test_refused (void)
{
  add_hosts ();
  add ("example.org", "A", "127.0.0.9");
  add ("_sips._tcp.example.org", "SRV", "0 0 0 .");
  assert_not_found ("example.org", TLS, "the DNS says that example.org offers no SIP over tls");
  assert_found ("example.org", AUTO, "udp 127.0.0.9:5060");
  add ("_sip._udp.example.org", "SRV", "0 0 5060 .");
  assert_not_found ("example.org", AUTO, "the DNS says that example.org offers no SIP over udp");
  add ("_sip._tcp.example.org", "SRV", "0 0 5060 two.example.org");
  assert_found ("example.org", AUTO, "tcp 127.0.0.2:5060");
}

/* How often each of the targets is the first, second and third. */
static void
draw (guint counts[3][3], guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_auto (Found) found = { 0 };

      locate (&found, "example.org", UDP);
      g_assert_cmpuint (found.places->len, ==, 3);
      for (guint place = 0; place < 3; place++)
        {
          const DflHop *hop = g_ptr_array_index (found.places, place);

          counts[place][g_inet_socket_address_get_port (hop->address) - 1]++;
        }
    }
}

static void
test_weights (void)
{
  guint counts[3][3] = { { 0 } };
  guint n = 2000;

  add_hosts ();
  add ("_sip._udp.example.org", "SRV", "1 60 1 one.example.org");
  add ("_sip._udp.example.org", "SRV", "1 0 3 three.example.org");
  add ("_sip._udp.example.org", "SRV", "1 20 2 two.example.org");
  draw (counts, n);
  /* 60/81, 20/81 and 1/81, each within 6 standard deviations. */
  g_assert_cmpuint (counts[0][0], >, 1481 - 118);
  g_assert_cmpuint (counts[0][0], <, 1481 + 118);
  g_assert_cmpuint (counts[0][1], >, 494 - 116);
  g_assert_cmpuint (counts[0][1], <, 494 + 116);
  g_assert_cmpuint (counts[0][2], >, 0);
  g_assert_cmpuint (counts[0][2], <, 25 + 30);
  /* Once it is among those that are left: two, or three, comes second. */
  g_assert_cmpuint (counts[1][1], >, 1300);
}

/* --- Nothing, and too much --- */

static void
test_sentences (void)
{
  add ("empty.example.org", "CNAME", "nowhere.example.org");
  add ("_sip._udp.half.example.org", "SRV", "1 1 5060 gone.example.org");
  assert_not_found ("other.example.org", AUTO, "other.example.org does not exist");
  assert_not_found ("other.example.org:5060", AUTO, "other.example.org does not exist");
  assert_not_found ("example.org", TCP, "example.org has no address");
  assert_not_found ("half.example.org", UDP, "gone.example.org does not exist");
  name_server_set_mood (server, NULL, NULL, NAME_SERVER_SERVFAIL);
  assert_not_found ("example.org", AUTO, "no DNS answer for example.org");
  assert_not_found ("example.org", UDP, "no DNS answer for example.org");
  assert_not_found ("example.org:5060", UDP, "no DNS answer for example.org");
  /* Half an answer is none. */
  name_server_set_mood (server, NULL, "A", NAME_SERVER_ANSWER);
  name_server_set_mood (server, NULL, "AAAA", NAME_SERVER_ANSWER);
  assert_not_found ("other.example.org", UDP, "no DNS answer for other.example.org");
}

static void
test_silent (void)
{
  g_auto (Found) found = { 0 };

  name_server_set_mood (server, NULL, NULL, NAME_SERVER_SILENT);
  locate (&found, "example.org", AUTO);
  g_assert_cmpstr (found.error->message, ==, "no DNS answer for example.org");
  g_assert_cmpint (found.took, >=, 5000);
  g_assert_cmpint (found.took, <=, 8500 * raw_slowness ());
}

/* A forwarder that knows addresses alone. */
static void
test_addresses_alone (void)
{
  g_auto (Found) found = { 0 };

  add ("example.org", "A", "127.0.0.4");
  name_server_set_mood (server, NULL, "NAPTR", NAME_SERVER_SILENT);
  name_server_set_mood (server, NULL, "SRV", NAME_SERVER_SILENT);
  locate (&found, "example.org", AUTO);
  g_assert_no_error (found.error);
  g_assert_cmpstr (found.hops, ==, "udp 127.0.0.4:5060");
  g_assert_cmpint (found.took, <=, 6000 * raw_slowness ());
}

/* One target of which nothing is heard does not take the others with it. */
static void
test_silent_target (void)
{
  g_auto (Found) found = { 0 };

  add_hosts ();
  add ("_sip._udp.example.org", "SRV", "1 0 5060 silent.example.org");
  add ("_sip._udp.example.org", "SRV", "2 0 5060 two.example.org");
  name_server_set_mood (server, "silent.example.org", NULL, NAME_SERVER_SILENT);
  locate (&found, "example.org", UDP);
  g_assert_no_error (found.error);
  g_assert_cmpstr (found.hops, ==, "udp 127.0.0.2:5060");
  g_assert_cmpint (found.took, <=, 8500 * raw_slowness ());
}

static void
test_lost (void)
{
  add_hosts ();
  add ("_sip._udp.example.org", "SRV", "1 0 5070 two.example.org");
  name_server_set_mood (server, NULL, NULL, NAME_SERVER_FIRST_LOST);
  assert_found ("example.org", UDP, "udp 127.0.0.2:5070");
}

static void
test_hostile (void)
{
  g_auto (Found) many = { 0 };

  name_server_set_mood (server, NULL, NULL, NAME_SERVER_TRUNCATED);
  for (guint i = 0; i < 300; i++)
    {
      g_autofree char *target = g_strdup_printf ("t%u.example.org", i);
      g_autofree char *srv = g_strdup_printf ("1 1 5060 %s", target);
      g_autofree char *naptr = g_strdup_printf ("1 1 s SIP+D2U _sip%u._udp.example.org", i);
      g_autofree char *service = g_strdup_printf ("_sip%u._udp.example.org", i);

      add ("example.org", "NAPTR", naptr);
      add (service, "SRV", srv);
      add ("_sip._udp.example.org", "SRV", srv);
      for (guint j = 0; j < 20; j++)
        {
          g_autofree char *address = g_strdup_printf ("127.%u.%u.1", j + 1, i % 256);

          add (target, "A", address);
        }
    }
  locate (&many, "example.org", UDP);
  g_assert_no_error (many.error);
  g_assert_cmpuint (many.places->len, ==, 16);
  found_clear (&many);
  many.done = FALSE;
  locate (&many, "example.org", AUTO);
  g_assert_no_error (many.error);
  g_assert_cmpuint (many.places->len, ==, 16);
  g_assert_cmpuint (name_server_count (server, NULL, NULL), <=, 100);
}

static void
test_garbage (void)
{
  for (guint i = 0; i < 100; i++)
    {
      g_auto (Found) found = { 0 };

      name_server_set_mood (server, NULL, NULL, NAME_SERVER_GARBAGE);
      locate (&found, "example.org", (DflTransport)(i % 4));
    }
}

/* --- The end --- */

static void
test_cancel (void)
{
  static const char *const names[] = { "192.0.2.1", "example.org", "example.org:5060" };

  add ("example.org", "A", "127.0.0.4");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint wait = 0; wait < 8; wait++)
      {
        Found found = { 0 };
        DflLocate *self = dfl_locate_new (resolver, names[i], AUTO, on_located, &found);

        for (guint j = 0; j < wait && !found.done; j++)
          raw_iterate (1);
        if (!found.done)
          {
            dfl_locate_cancel (self);
            raw_run_for (10);
            g_assert_false (found.done);
          }
        found_clear (&found);
      }
}

static void
test_resolver_goes (void)
{
  g_auto (Found) auto_found = { 0 }, udp_found = { 0 };

  name_server_set_mood (server, NULL, NULL, NAME_SERVER_SILENT);
  dfl_locate_new (resolver, "example.org", AUTO, on_located, &auto_found);
  dfl_locate_new (resolver, "example.org", UDP, on_located, &udp_found);
  g_clear_pointer (&resolver, dfl_resolver_free);
  g_assert_error (auto_found.error, DFL_ERROR, DFL_ERROR_LINE_DOWN);
  g_assert_error (udp_found.error, DFL_ERROR, DFL_ERROR_LINE_DOWN);
}

typedef struct
{
  const char *name;
  void (*test) (void);
} Case;

static const Case cases[] = {
  { "numeric", test_numeric },
  { "port", test_port },
  { "naptr", test_naptr },
  { "naptr-host", test_naptr_host },
  { "naptr-useless", test_naptr_useless },
  { "naptr-without-srv", test_naptr_without_srv },
  { "srv", test_srv },
  { "families", test_families },
  { "refused", test_refused },
  { "weights", test_weights },
  { "sentences", test_sentences },
  { "silent", test_silent },
  { "addresses-alone", test_addresses_alone },
  { "silent-target", test_silent_target },
  { "lost", test_lost },
  { "hostile", test_hostile },
  { "garbage", test_garbage },
  { "cancel", test_cancel },
  { "resolver-goes", test_resolver_goes },
};

static void
run_case (gconstpointer data)
{
  const Case *self = data;

  name_server_clear (server);
  /* So that example.org exists. */
  add ("_x.example.org", "A", "127.0.0.1");
  resolver = dfl_resolver_new (NULL);
  g_assert_nonnull (resolver);
  self->test ();
  g_clear_pointer (&resolver, dfl_resolver_free);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  name_server_enter (HERE);
  server = name_server_new ("127.0.0.1");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/sip/locate/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], run_case);
    }
  result = g_test_run ();
  name_server_free (server);
  return result;
}
