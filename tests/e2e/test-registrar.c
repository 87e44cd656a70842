/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accounts that register with a real registrar, beside a softphone that it must not disturb. */

#include <signal.h>
#include <string.h>

#include "account-view.h"
#include "names.h"
#include "registrar.h"

#define TARGET "sip:+4915550100@mobile.example"
#define REDIRECTED "offered redirecting idle:redirected removed"

/* What an account that cannot work must say something within. */
#define SOON 10000

/* A softphone that is registered and never called: port 9 is discard. */
#define SOFTPHONE_PORT 9

static guint
limit (guint milliseconds)
{
  return stage_is_slow () ? milliseconds * 3 : milliseconds;
}

/* --- It works --- */

typedef struct
{
  const char *path;
  const char *defines;
  const char *host;
  const char *more;      /* lines of the account */
  const char *transport; /* as the property says */
  const char *caller;    /* SIPp's transport */
} Way;

static void
assert_softphone_alone (Registrar *registrar)
{
  g_autoptr (GPtrArray) contacts = registrar_list_contacts (registrar, "alice");

  g_assert_cmpuint (contacts->len, ==, 1);
  g_assert_true (g_str_has_prefix (contacts->pdata[0], "sip:phone@"));
}

/* Through the registrar to the account, and a redirect back. */
static void
assert_call (Stage *stage, Registrar *registrar, const Way *way)
{
  Player *caller = stage_call (stage, "call.xml", way->caller, way->host,
                               registrar_get_port (registrar), NULL);
  g_autofree char *call = stage_await_call (stage);
  g_autofree char *trace = NULL;

  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", TARGET, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, REDIRECTED);
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "SIP/2.0 302 "));
  g_assert_nonnull (strstr (trace, "<" TARGET ">"));
}

/* Registers, is called, leaves; the softphone's contact is there before and afterwards. */
static void
test_way (gconstpointer data)
{
  const Way *way = data;
  RegistrarOptions options = { .defines = way->defines, .host = way->host };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);
  g_autofree char *transport = NULL;
  g_autofree char *server = NULL;
  gint64 until;

  registrar_add_contact (registrar, "phone", SOFTPHONE_PORT, ";q=0.5");
  stage_write_settings (stage, "");
  registrar_write_account (registrar, way->more);
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  g_assert_cmpuint (registrar_count_contacts (registrar, "alice"), ==, 2);
  transport = account_get_text (stage, "alice", "Transport");
  g_assert_cmpstr (transport, ==, way->transport);
  server = account_get_text (stage, "alice", "Server");
  g_assert_cmpstr (server, ==, registrar_get_address (registrar));
  g_assert_false (account_get_flag (stage, "alice", "Secure"));
  until = account_get_until (stage, "alice") - g_get_real_time ();
  g_assert_cmpint (until, >, 500 * G_USEC_PER_SEC);
  g_assert_cmpint (until, <=, 600 * G_USEC_PER_SEC);
  /* One question, one challenge. */
  g_assert_cmpuint (registrar_count_credentials (registrar), ==, 1 + 1);

  assert_call (stage, registrar, way);
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);
  assert_softphone_alone (registrar);
}

/* --- It comes and goes --- */

static char *
find_contact (Registrar *registrar)
{
  g_autoptr (GPtrArray) contacts = registrar_list_contacts (registrar, "alice");
  char *found = NULL;

  for (guint i = 0; i < contacts->len; i++)
    if (!g_str_has_prefix (contacts->pdata[i], "sip:phone@"))
      {
        g_assert_null (found);
        found = g_strdup (contacts->pdata[i]);
      }
  g_assert_nonnull (found);
  return found;
}

/* Killed, it cannot take its contact back; started again, it knows that one and replaces it. */
static void
test_crash (gconstpointer defines)
{
  RegistrarOptions options = { .defines = defines };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);
  g_autofree char *first = NULL;

  registrar_add_contact (registrar, "phone", SOFTPHONE_PORT, ";q=0.5");
  registrar_write_account (registrar, "");
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *next = NULL;

      stage_start_daemon (stage);
      account_await_state (stage, "alice", "registered");
      AWAIT (stage, registrar_count_contacts (registrar, "alice") == 2);
      next = find_contact (registrar);
      g_assert_cmpstr (next, !=, first);
      g_free (first);
      first = g_steal_pointer (&next);
      stage_signal_daemon (stage, SIGKILL);
      stage_await_daemon_end (stage);
    }
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);
  assert_softphone_alone (registrar);
}

/* A disabled account is taken back, an enabled one has another contact. */
static void
test_disable (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, NULL);
  g_autofree char *address = g_strdup_printf ("registrar=%s", registrar_get_address (registrar));
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *password = NULL;

  password = g_build_filename (stage_get_directory (stage), "password", NULL);
  g_assert_true (g_file_set_contents (password, REGISTRAR_PASSWORD "\n", -1, NULL));
  stage_write_account (stage, "alice", NULL);
  registrar_add_contact (registrar, "phone", SOFTPHONE_PORT, ";q=0.5");
  stage_start_daemon (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "add", "work",
                                     "sip:alice@deflect.example", address, "--password-file",
                                     password, NULL),
                   ==, 0);
  account_await_state (stage, "work", "registered");
  before = find_contact (registrar);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "disable", "work", NULL), ==, 0);
  account_await_state (stage, "work", "disabled");
  AWAIT (stage, registrar_count_contacts (registrar, "alice") == 1);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "enable", "work", NULL), ==, 0);
  account_await_state (stage, "work", "registered");
  AWAIT (stage, registrar_count_contacts (registrar, "alice") == 2);
  after = find_contact (registrar);
  g_assert_cmpstr (after, !=, before);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "remove", "work", NULL), ==, 0);
  AWAIT (stage, registrar_count_contacts (registrar, "alice") == 1);
  assert_softphone_alone (registrar);
}

/* --- It cannot work, and says so --- */

typedef struct
{
  const char *path;
  const char *lines;   /* of the account */
  const char *defines; /* of the registrar */
  const char *state;
  const char *reason;
  guint credentials; /* how often they may be sent */
} Failure;

/* Takes what comes, and says nothing. */
static GSocket *
be_silent (char **address)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) local = NULL;
  g_autoptr (GError) error = NULL;
  GSocket *self = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP,
                                &error);

  g_assert_no_error (error);
  g_assert_true (g_socket_bind (self, any, FALSE, NULL));
  local = g_socket_get_local_address (self, NULL);
  *address = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (local));
  return self;
}

static void
test_failure (gconstpointer data)
{
  const Failure *failure = data;
  RegistrarOptions options = { .defines = failure->defines };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);
  g_autoptr (GString) lines = g_string_new (failure->lines);
  g_autofree char *silent_address = NULL;
  g_autoptr (GSocket) silent = be_silent (&silent_address);
  g_autofree char *log = NULL;
  gint64 began = g_get_monotonic_time ();

  g_string_replace (lines, "@REGISTRAR@", registrar_get_address (registrar), 0);
  g_string_replace (lines, "@SILENT@", silent_address, 0);
  stage_write_account (stage, "alice", lines->str);
  stage_write_settings (stage, "[daemon]\nlisten=udp:127.0.0.1:0;tcp:127.0.0.1:0\nlog=debug\n");
  stage_start_daemon (stage);
  account_await_reason (stage, "alice", failure->reason);
  g_assert_cmpint (g_get_monotonic_time () - began, <, (gint64)limit (SOON) * 1000);
  account_await_state (stage, "alice", failure->state);
  /* An answer that refuses them is not argued with; what comes later, the next case sees. */
  g_assert_cmpuint (registrar_count_credentials (registrar), ==, failure->credentials);
  stage_signal_daemon (stage, SIGTERM);
  log = stage_read_log (stage);
  stage_await_daemon_end (stage);
  g_assert_null (strstr (log, "wrong-secret"));
  g_assert_null (strstr (log, REGISTRAR_PASSWORD "\""));
}

/* Accounts that the server refuses for other reasons. */
static void
add_refused (Stage *stage, Registrar *registrar)
{
  static const char *const names[] = { "nobody", "forbidden", "without" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *password = g_str_equal (names[i], "without") ? "" : "password=secret\n";
      g_autofree char *lines = g_strdup_printf ("[account]\naddress=sip:%s@deflect.example\n"
                                                "registrar=%s\n%s",
                                                names[i], registrar_get_address (registrar),
                                                password);

      stage_write_account (stage, names[i], lines);
    }
}

/* A wrong password is sent once, however long one waits and whatever else happens; a corrected one
 * is tried at once. Nor does anybody else ask again soon who was refused. */
static void
test_wrong_password_once (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, NULL);
  g_autofree char *address = g_strdup_printf ("registrar=%s", registrar_get_address (registrar));
  g_autofree char *wrong = g_build_filename (stage_get_directory (stage), "wrong", NULL);
  g_autofree char *right = g_build_filename (stage_get_directory (stage), "right", NULL);
  guint before;

  g_assert_true (g_file_set_contents (wrong, "wrong-secret\n", -1, NULL));
  g_assert_true (g_file_set_contents (right, REGISTRAR_PASSWORD "\n", -1, NULL));
  stage_write_account (stage, "alice", NULL);
  add_refused (stage, registrar);
  stage_write_settings (stage, "[daemon]\nlisten=udp:127.0.0.1:0\nregister-retry=5\n"
                               "register-retry-max=30\n");
  stage_start_daemon (stage);
  stage_deflectctl (stage, NULL, "account", "add", "work", "sip:alice@deflect.example", address,
                    "--password-file", wrong, NULL);
  account_await_reason (stage, "work", "wrong password");
  AWAIT (stage, account_count_in_state (stage, "failed") == 4);
  before = registrar_count_lines (registrar, "WIRE REGISTER", NULL);
  g_assert_cmpuint (registrar_count_credentials (registrar), ==, 1);
  /* The back-off of five seconds, with its jitter, would have tried again. */
  for (gint64 until = g_get_monotonic_time () + 12 * G_USEC_PER_SEC;
       g_get_monotonic_time () < until;)
    stage_step (stage, G_MAXINT64, "", G_STRLOC);
  g_assert_cmpuint (registrar_count_lines (registrar, "WIRE REGISTER", NULL), ==, before);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "account", "set", "work", "--password-file",
                                     right, NULL),
                   ==, 0);
  account_await_state (stage, "work", "registered");
  g_assert_cmpuint (registrar_count_credentials (registrar), ==, 2);
}

/* --- It asks once more --- */

/* 423: asked for less than the server takes, it asks for what that takes. */
static void
test_interval_too_brief (void)
{
  RegistrarOptions options = { .min_expires = 900 };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);

  registrar_write_account (registrar, "");
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  g_assert_cmpint (account_get_until (stage, "alice") - g_get_real_time (), >,
                   800 * G_USEC_PER_SEC);
}

/* Where the server knows SHA-256 alone. */
static void
test_sha256 (void)
{
  RegistrarOptions options = { .defines = "WITH_SHA256" };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);

  registrar_write_account (registrar, "");
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  g_assert_cmpuint (registrar_count_credentials (registrar), ==, 1);
}

int
main (int argc, char **argv)
{
  static const Way ways[] = {
    { "/registrar/udp4", "", "127.0.0.1", "transport=udp\n", "udp", "u1" },
    { "/registrar/udp6", "", "[::1]", "transport=udp\n", "udp", "u1" },
    { "/registrar/tcp4", "WITH_TCP", "127.0.0.1", "transport=tcp\n", "tcp", "u1" },
    { "/registrar/tcp6", "WITH_TCP", "[::1]", "transport=tcp\n", "tcp", "u1" },
    { "/registrar/auto", "WITH_TCP", "127.0.0.1", "", "udp", "u1" },
    { "/registrar/nathelper/udp", "WITH_NATHELPER", "127.0.0.1", "", "udp", "u1" },
    { "/registrar/nathelper/tcp", "WITH_TCP WITH_NATHELPER", "127.0.0.1", "transport=tcp\n", "tcp",
      "u1" },
    { "/registrar/outbound", "WITH_TCP WITH_OUTBOUND", "127.0.0.1", "transport=tcp\n", "tcp",
      "u1" },
  };
  static const Failure failures[] = {
    { "/registrar/failure/wrong-password",
      "[account]\naddress=sip:alice@deflect.example\nregistrar=@REGISTRAR@\n"
      "password=wrong-secret\n",
      "", "failed", "wrong password or username", 1 },
    { "/registrar/failure/no-password",
      "[account]\naddress=sip:alice@deflect.example\nregistrar=@REGISTRAR@\n", "", "failed",
      "the server asks for a password", 0 },
    { "/registrar/failure/not-found",
      "[account]\naddress=sip:nobody@deflect.example\nregistrar=@REGISTRAR@\npassword=secret\n", "",
      "failed", "the server does not know this number (404)", 0 },
    { "/registrar/failure/forbidden",
      "[account]\naddress=sip:forbidden@deflect.example\nregistrar=@REGISTRAR@\npassword=secret\n",
      "", "failed", "the server refuses to register this account (403 Ask Sales First)", 0 },
    { "/registrar/failure/method",
      "[account]\naddress=sip:alice@deflect.example\nregistrar=@REGISTRAR@\npassword=secret\n",
      "REFUSES_REGISTER", "failed", "the server takes no registrations (405)", 0 },
    { "/registrar/failure/unknown-host",
      "[account]\naddress=sip:alice@no-such-host.invalid\npassword=secret\n", "", "failed",
      "no-such-host.invalid", 0 },
    { "/registrar/failure/no-answer",
      "[account]\naddress=sip:alice@deflect.example\nregistrar=@SILENT@\npassword=secret\n", "", "",
      "no answer from ", 0 },
    { "/registrar/failure/nobody-listens",
      "[account]\naddress=sip:alice@deflect.example\nregistrar=127.0.0.1:9\ntransport=tcp\n"
      "password=secret\n",
      "", "failed", "127.0.0.1:9", 0 },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    g_test_add_data_func (ways[i].path, &ways[i], test_way);
  g_test_add_data_func ("/registrar/crash", "", test_crash);
  g_test_add_data_func ("/registrar/crash-without-instance", "WITHOUT_INSTANCE", test_crash);
  g_test_add_func ("/registrar/disable", test_disable);
  for (guint i = 0; i < G_N_ELEMENTS (failures); i++)
    g_test_add_data_func (failures[i].path, &failures[i], test_failure);
  g_test_add_func ("/registrar/wrong-password-once", test_wrong_password_once);
  g_test_add_func ("/registrar/interval-too-brief", test_interval_too_brief);
  g_test_add_func ("/registrar/sha256", test_sha256);
  return g_test_run ();
}
