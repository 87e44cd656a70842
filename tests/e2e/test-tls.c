/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Registering over TLS: only with a server that proves to be the right one, and if it does not, the
 * server sees no request at all, let alone credentials, and people see why. */

#include <signal.h>
#include <string.h>

#include "account-view.h"
#include "certificates.h"
#include "names.h"
#include "registrar.h"

#define TARGET "sip:+4915550100@mobile.example"

/* A name that GLib looks up nowhere: it is this machine (RFC 6761 section 6.3). */
#define SERVER "sip.work.localhost"

typedef struct
{
  const char *path;
  const char *names; /* of the certificate, lines of a template */
  gboolean self_signed;
  const char *host;   /* where it listens; default 127.0.0.1 */
  const char *server; /* what registrar= calls it; default SERVER */
  const char *more;   /* lines of the account; @CA@ is the authority's certificate */
  const char *reason; /* NULL: it registers */
  gboolean insecure;  /* and is not Secure */
} Certificate;

#define TRUSTED "tls-ca=@CA@\n"

/* The account as the case wants it. */
static void
write_account (Stage *stage, Registrar *registrar, const Certificate *data, const char *authority)
{
  g_autoptr (GString) more = g_string_new (data->more);
  g_autofree char *lines = NULL;

  g_string_replace (more, "@CA@", authority, 0);
  lines = g_strdup_printf ("[account]\naddress=sip:alice@deflect.example\nregistrar=%s:%u\n"
                           "transport=tls\npassword=" REGISTRAR_PASSWORD "\n%s",
                           data->server != NULL ? data->server : SERVER,
                           registrar_get_port (registrar), more->str);
  stage_write_account (stage, "alice", lines);
}

/* What is believed without proof is said wherever the account is shown. */
static void
assert_warning (Stage *stage, gboolean expected)
{
  g_autofree char *status = NULL;
  g_autofree char *list = NULL;

  g_assert_cmpint (stage_deflectctl (stage, &status, "status", NULL), ==, 0);
  g_assert_cmpint (strstr (status, "tls-verify=false") != NULL, ==, expected);
  g_assert_cmpint (stage_deflectctl (stage, &list, "account", "list", NULL), ==, 0);
  g_assert_cmpint (strstr (list, "tls-verify=false") != NULL, ==, expected);
}

static void
assert_registered (Stage *stage, Registrar *registrar, const Certificate *data)
{
  g_autofree char *transport = NULL;

  account_await_state (stage, "alice", "registered");
  g_assert_cmpint (account_get_flag (stage, "alice", "Secure"), ==, !data->insecure);
  assert_warning (stage, data->insecure);
  transport = account_get_text (stage, "alice", "Transport");
  g_assert_cmpstr (transport, ==, "tls");
  g_assert_cmpuint (registrar_count_contacts (registrar, "alice"), ==, 1);
  g_assert_cmpuint (registrar_count_credentials (registrar), ==, 1);
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);
  g_assert_cmpuint (registrar_count_contacts (registrar, "alice"), ==, 0);
}

static void
test_certificate (gconstpointer user_data)
{
  const Certificate *data = user_data;
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *authority = certificates_make_authority (stage, "authority");
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  g_autoptr (Registrar) registrar = NULL;
  gint64 began;

  certificates_issue (stage, data->self_signed ? NULL : "authority", "server", data->names,
                      &certificate, &key);
  registrar = registrar_start (stage, &(RegistrarOptions){ .defines = "WITH_TLS",
                                                           .host = data->host,
                                                           .certificate = certificate,
                                                           .key = key });
  write_account (stage, registrar, data, authority);
  stage_write_settings (stage, "");
  began = g_get_monotonic_time ();
  stage_start_daemon (stage);
  if (data->reason == NULL)
    {
      assert_registered (stage, registrar, data);
      return;
    }
  account_await_reason (stage, "alice", data->reason);
  g_assert_cmpint (g_get_monotonic_time () - began, <,
                   (stage_is_slow () ? 30 : 10) * G_USEC_PER_SEC);
  account_await_state (stage, "alice", "failed");
  g_assert_false (account_get_flag (stage, "alice", "Secure"));
  g_assert_cmpuint (registrar_count_lines (registrar, "WIRE ", NULL), ==, 0);
}

/* A call comes over the connection that the account has opened, for nothing listens. */
static void
test_call (gconstpointer host)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *authority = certificates_make_authority (stage, "authority");
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  g_autofree char *more = g_strdup_printf ("transport=tls\ntls-ca=%s\n", authority);
  g_autofree char *call = NULL;
  g_autofree char *trace = NULL;
  g_autoptr (Registrar) registrar = NULL;
  Player *caller;

  certificates_issue (stage, "authority", "server", "ip_address = 127.0.0.1\nip_address = ::1\n",
                      &certificate, &key);
  registrar = registrar_start (stage, &(RegistrarOptions){ .defines = "WITH_TLS WITH_UDP_BESIDE "
                                                                      "WITH_NATHELPER",
                                                           .host = host,
                                                           .certificate = certificate,
                                                           .key = key });
  registrar_write_account (registrar, more);
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  caller = stage_call (stage, "call.xml", "u1", host, registrar_get_port (registrar), NULL);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, "offered redirecting idle:redirected removed");
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "<" TARGET ">"));
}

/* The authority is taken out of the settings: no word more to that server. */
static void
test_taken_out (void)
{
  static const Certificate with = { .more = TRUSTED };
  static const Certificate without = { .more = "" };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *authority = certificates_make_authority (stage, "authority");
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  g_autoptr (Registrar) registrar = NULL;
  guint before;

  certificates_issue (stage, "authority", "server", "dns_name = " SERVER "\n", &certificate, &key);
  registrar = registrar_start (stage, &(RegistrarOptions){ .defines = "WITH_TLS",
                                                           .certificate = certificate,
                                                           .key = key });
  write_account (stage, registrar, &with, authority);
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  write_account (stage, registrar, &without, authority);
  stage_signal_daemon (stage, SIGHUP);
  account_await_reason (stage, "alice", "does not trust");
  account_await_state (stage, "alice", "failed");
  before = registrar_count_credentials (registrar);
  /* At most the old contact was taken back, over the connection that was good. */
  g_assert_cmpuint (before, <=, 2);
  g_assert_false (account_get_flag (stage, "alice", "Secure"));
}

/* A server that wants to know us, and one that refuses who does not show a certificate. */
static void
test_client_certificate (gconstpointer shown)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *authority = certificates_make_authority (stage, "authority");
  g_autofree char *certificate = NULL, *key = NULL, *ours = NULL, *our_key = NULL, *more = NULL;
  g_autoptr (Registrar) registrar = NULL;

  certificates_issue (stage, "authority", "server", "ip_address = 127.0.0.1\n", &certificate, &key);
  certificates_issue (stage, "authority", "ours", "cn = alice\ntls_www_client\n", &ours, &our_key);
  registrar = registrar_start (stage, &(RegistrarOptions){ .defines = "WITH_TLS "
                                                                      "WITH_CLIENT_CERTIFICATES",
                                                           .certificate = certificate,
                                                           .key = key,
                                                           .authority = authority });
  more = shown != NULL ? g_strdup_printf ("transport=tls\ntls-ca=%s\ntls-certificate=%s\n"
                                          "tls-key=%s\n",
                                          authority, ours, our_key)
                       : g_strdup_printf ("transport=tls\ntls-ca=%s\n", authority);
  registrar_write_account (registrar, more);
  stage_start_daemon (stage);
  if (shown != NULL)
    {
      account_await_state (stage, "alice", "registered");
      return;
    }
  account_await_reason (stage, "alice",
                        "wants a certificate of ours; give one in tls-certificate= and tls-key=");
  account_await_state (stage, "alice", "failed");
  g_assert_cmpuint (registrar_count_lines (registrar, "WIRE ", NULL), ==, 0);
}

int
main (int argc, char **argv)
{
  static const Certificate certificates[] = {
    { .path = "/tls/name", .names = "dns_name = " SERVER "\n", .more = TRUSTED },
    { .path = "/tls/uri", .names = "uri = \"sip:" SERVER "\"\n", .more = TRUSTED },
    { .path = "/tls/address",
      .names = "ip_address = 127.0.0.1\n",
      .server = "127.0.0.1",
      .more = TRUSTED },
    { .path = "/tls/address6",
      .names = "ip_address = ::1\n",
      .host = "[::1]",
      .server = "[::1]",
      .more = TRUSTED },
    { .path = "/tls/name6", .names = "dns_name = " SERVER "\n", .host = "[::1]", .more = TRUSTED },
    { .path = "/tls/address-for-address6",
      .names = "ip_address = 127.0.0.1\n",
      .host = "[::1]",
      .server = "[::1]",
      .more = TRUSTED,
      .reason = "127.0.0.1, expected [::1]" },
    { .path = "/tls/common-name", .names = "cn = " SERVER "\n", .more = TRUSTED },
    { .path = "/tls/expired",
      .names = "dns_name = " SERVER "\nactivation_date = \"2020-01-01 00:00:00\"\n"
               "expiration_date = \"2021-01-01 00:00:00\"\n",
      .more = TRUSTED,
      .reason = "the certificate of the server has expired on 2021-01-01" },
    { .path = "/tls/not-yet",
      .names = "dns_name = " SERVER "\nactivation_date = \"2049-01-01 00:00:00\"\n"
               "expiration_date = \"2049-06-01 00:00:00\"\n",
      .more = TRUSTED,
      .reason = "the certificate of the server is not valid before 2049-01-01" },
    { .path = "/tls/self-signed",
      .names = "dns_name = " SERVER "\n",
      .self_signed = TRUE,
      .more = TRUSTED,
      .reason = "the certificate of the server is signed by itself alone" },
    { .path = "/tls/unknown-authority",
      .names = "dns_name = " SERVER "\n",
      .more = "",
      .reason = "that this machine does not trust" },
    { .path = "/tls/wrong-name",
      .names = "dns_name = other.example\n",
      .more = TRUSTED,
      .reason = "the certificate of the server is for other.example, expected " SERVER },
    { .path = "/tls/wrong-uri",
      .names = "uri = \"sip:other.example\"\ndns_name = " SERVER "\n",
      .more = TRUSTED,
      .reason = "other.example, expected " SERVER },
    { .path = "/tls/users-uri",
      .names = "uri = \"sip:alice@" SERVER "\"\n",
      .more = TRUSTED,
      .reason = "expected " SERVER },
    { .path = "/tls/wildcard-refused",
      .names = "dns_name = *.work.localhost\n",
      .more = TRUSTED,
      .reason = "*.work.localhost, expected " SERVER "; tls-wildcard=true takes it" },
    { .path = "/tls/wildcard-allowed",
      .names = "dns_name = *.work.localhost\n",
      .more = TRUSTED "tls-wildcard=true\n" },
    { .path = "/tls/wildcard-too-wide",
      .names = "dns_name = *.localhost\n",
      .more = TRUSTED "tls-wildcard=true\n",
      .reason = "expected " SERVER },
    { .path = "/tls/address-for-name",
      .names = "ip_address = 127.0.0.1\n",
      .more = TRUSTED,
      .reason = "127.0.0.1, expected " SERVER },
    { .path = "/tls/name-for-address",
      .names = "dns_name = " SERVER "\n",
      .server = "127.0.0.1",
      .more = TRUSTED,
      .reason = SERVER ", expected 127.0.0.1" },
    { .path = "/tls/not-verified",
      .names = "dns_name = other.example\n",
      .self_signed = TRUE,
      .more = "tls-verify=false\n",
      .insecure = TRUE },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (certificates); i++)
    g_test_add_data_func (certificates[i].path, &certificates[i], test_certificate);
  g_test_add_data_func ("/tls/call", "127.0.0.1", test_call);
  g_test_add_data_func ("/tls/call6", "[::1]", test_call);
  g_test_add_func ("/tls/taken-out", test_taken_out);
  g_test_add_data_func ("/tls/client-certificate/shown", "shown", test_client_certificate);
  g_test_add_data_func ("/tls/client-certificate/missing", NULL, test_client_certificate);
  return g_test_run ();
}
