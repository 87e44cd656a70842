/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What Kamailio makes of a redirect beside a softphone, with each of the recipes. What is asserted
 * here is the table of data/recipes/README.md, which is printed at the end as it was measured. */

#include <string.h>

#include "account-view.h"
#include "certificates.h"
#include "names.h"
#include "registrar.h"

/* The softphone rings so long before it answers. */
#define THINKS 2000
/* Kamailio lets a phone ring so long. */
#define RINGS 4000

typedef struct
{
  const char *path;
  const char *setup; /* as the table says it */
  const char *recipe;
  guint default_q; /* what our contact counts; the softphone's has 500 */
  const char *softphone;
  const char *answer;
  const char *got; /* the caller's final status */
  gboolean target_rings;
  gboolean softphone_stops; /* is cancelled */
  const char *story;        /* of the call here; NULL: there is none */
  guint at_least, at_most;  /* milliseconds from the INVITE to the final response */
} Cell;

static GString *table;

/* --- The caller's view --- */

/* Milliseconds of the day at which the message that contains this was seen, by SIPp's own note
 * above it. */
static double
find_time (const char *trace, const char *first_line)
{
  const char *at = strstr (trace, first_line);
  const char *note = NULL;
  guint hours, minutes;
  double seconds;

  g_assert_nonnull (at);
  for (const char *line = trace; line != NULL && line < at; line = strstr (line + 1, "\n-----"))
    note = line;
  g_assert_nonnull (note);
  note = strchr (note, ':') - 2;
  hours = (guint)g_ascii_strtoull (note, NULL, 10);
  minutes = (guint)g_ascii_strtoull (note + 3, NULL, 10);
  seconds = g_ascii_strtod (note + 6, NULL);
  return ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

static double
measure (const char *trace, const char *got)
{
  g_autofree char *status = g_strconcat ("SIP/2.0 ", got, NULL);
  double took = find_time (trace, status) - find_time (trace, "INVITE sip:");

  return took >= 0 ? took : took + 24 * 60 * 60 * 1000;
}

/* --- One cell --- */

static void
add_row (const Cell *cell, Phone *mobile, Phone *softphone, double took)
{
  const char *target = phone_count (mobile, "INVITE sip:") > 0 ? "yes" : "no";
  const char *beside = "rings to its end";
  const char *reported = "not offered";

  if (phone_count (softphone, "INVITE sip:") == 0)
    beside = "does not ring";
  else if (phone_count (softphone, "CANCEL sip:") > 0)
    beside = "is cancelled";
  if (cell->story != NULL)
    reported = "redirected";
  g_string_append_printf (table, "# | %s | %s | %s | %s | %s | %s | %.1f s |\n", cell->setup,
                          cell->softphone, cell->got, target, beside, reported, took / 1000);
}

static void
await_story (Stage *stage, const Cell *cell, const char *target)
{
  g_autofree char *call = NULL;

  if (cell->story == NULL)
    return;
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", target, NULL), ==, 0);
  stage_await_story (stage, call, cell->story);
}

/* The server, and an account there. */
static Registrar *
start_registrar (Stage *stage, const Cell *cell, gboolean over_tls)
{
  RegistrarOptions options = { .recipe = cell->recipe,
                               .default_q = cell->default_q,
                               .ring_milliseconds = RINGS };
  g_autofree char *authority = NULL, *certificate = NULL, *key = NULL, *more = NULL;
  Registrar *registrar;

  if (over_tls)
    {
      authority = certificates_make_authority (stage, "authority");
      certificates_issue (stage, "authority", "server", "ip_address = 127.0.0.1\n", &certificate,
                          &key);
      more = g_strdup_printf ("transport=tls\ntls-ca=%s\n", authority);
      options.defines = "WITH_TLS WITH_UDP_BESIDE";
      options.certificate = certificate;
      options.key = key;
    }
  registrar = registrar_start (stage, &options);
  registrar_write_account (registrar, more != NULL ? more : "");
  return registrar;
}

static void
play_cell (const Cell *cell, gboolean over_tls)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = start_registrar (stage, cell, over_tls);
  g_autoptr (Phone) softphone = phone_start (stage, cell->answer,
                                             g_str_equal (cell->softphone, "nothing") ? 60000
                                                                                      : THINKS);
  g_autoptr (Phone) mobile = phone_start (stage, "200 OK", 100);
  g_autofree char *target = g_strdup_printf ("sip:target@127.0.0.1:%u", phone_get_port (mobile));
  g_autofree char *trace = NULL;
  Player *caller;
  double took;

  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  g_assert_cmpint (account_get_flag (stage, "alice", "Secure"), ==, over_tls);
  registrar_add_contact (registrar, "phone", phone_get_port (softphone), ";q=0.5");
  caller = stage_call (stage, "call.xml", "u1", "127.0.0.1", registrar_get_port (registrar), NULL);
  await_story (stage, cell, target);
  player_await_success (stage, caller);

  trace = player_read_trace (caller);
  took = measure (trace, cell->got);
  add_row (cell, mobile, softphone, took);
  g_assert_cmpint (phone_count (mobile, "INVITE sip:") > 0, ==, cell->target_rings);
  g_assert_cmpint (phone_count (softphone, "CANCEL sip:") > 0, ==, cell->softphone_stops);
  g_assert_cmpfloat (took, >=, cell->at_least);
  g_assert_cmpfloat (took, <=, cell->at_most * (stage_is_slow () ? 5.0 : 1.0));
}

static void
test_cell (gconstpointer cell)
{
  play_cell (cell, FALSE);
}

/* The account speaks TLS with its server; the caller, the softphone and the target do not. */
static void
test_cell_over_tls (gconstpointer cell)
{
  play_cell (cell, TRUE);
}

#define REDIRECTED "offered redirecting idle:redirected removed"
#define AT_ONCE 0, THINKS - 200
#define AFTER_SOFTPHONE THINKS, THINKS + 1500
#define AFTER_RINGING RINGS - 500, RINGS + 1500

static const Cell cells[] = {
  { "/matrix/plain/486", "parallel, plain", "plain", 1000, "486", "486 Busy Here", "302", FALSE,
    FALSE, REDIRECTED, AFTER_SOFTPHONE },
  { "/matrix/plain/603", "parallel, plain", "plain", 1000, "603", "603 Decline", "603", FALSE,
    FALSE, REDIRECTED, AFTER_SOFTPHONE },
  { "/matrix/plain/200", "parallel, plain", "plain", 1000, "200", "200 OK", "200", FALSE, FALSE,
    REDIRECTED, AFTER_SOFTPHONE },
  { "/matrix/plain/nothing", "parallel, plain", "plain", 1000, "nothing", "486 Busy Here", "302",
    FALSE, TRUE, REDIRECTED, AFTER_RINGING },
  { "/matrix/parallel/486", "parallel, recipe", "parallel", 1000, "486", "486 Busy Here", "200",
    TRUE, TRUE, REDIRECTED, AT_ONCE },
  { "/matrix/parallel/603", "parallel, recipe", "parallel", 1000, "603", "603 Decline", "200", TRUE,
    TRUE, REDIRECTED, AT_ONCE },
  { "/matrix/parallel/200", "parallel, recipe", "parallel", 1000, "200", "200 OK", "200", TRUE,
    TRUE, REDIRECTED, AT_ONCE },
  { "/matrix/parallel/nothing", "parallel, recipe", "parallel", 1000, "nothing", "486 Busy Here",
    "200", TRUE, TRUE, REDIRECTED, AT_ONCE },
  { "/matrix/serial-first/486", "serial, deflectd first", "serial", 1000, "486", "486 Busy Here",
    "200", TRUE, FALSE, REDIRECTED, AT_ONCE },
  { "/matrix/serial-first/603", "serial, deflectd first", "serial", 1000, "603", "603 Decline",
    "200", TRUE, FALSE, REDIRECTED, AT_ONCE },
  { "/matrix/serial-first/200", "serial, deflectd first", "serial", 1000, "200", "200 OK", "200",
    TRUE, FALSE, REDIRECTED, AT_ONCE },
  { "/matrix/serial-first/nothing", "serial, deflectd first", "serial", 1000, "nothing",
    "486 Busy Here", "200", TRUE, FALSE, REDIRECTED, AT_ONCE },
  { "/matrix/serial-last/486", "serial, softphone first", "serial", 100, "486", "486 Busy Here",
    "200", TRUE, FALSE, REDIRECTED, AFTER_SOFTPHONE },
  { "/matrix/serial-last/603", "serial, softphone first", "serial", 100, "603", "603 Decline",
    "603", FALSE, FALSE, NULL, AFTER_SOFTPHONE },
  { "/matrix/serial-last/200", "serial, softphone first", "serial", 100, "200", "200 OK", "200",
    FALSE, FALSE, NULL, AFTER_SOFTPHONE },
  { "/matrix/serial-last/nothing", "serial, softphone first", "serial", 100, "nothing",
    "486 Busy Here", "200", TRUE, TRUE, REDIRECTED, AFTER_RINGING },
};

static const Cell over_tls = { "/matrix/parallel/tls",
                               "parallel, recipe, deflectd over TLS",
                               "parallel",
                               1000,
                               "200",
                               "200 OK",
                               "200",
                               TRUE,
                               TRUE,
                               REDIRECTED,
                               AT_ONCE };

/* A target that the server does not allow: the caller is told so, and not where it is. */
static void
test_filter (gconstpointer recipe)
{
  RegistrarOptions options = { .recipe = recipe, .defines = "WITH_FILTER" };
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autoptr (Registrar) registrar = registrar_start (stage, &options);
  g_autoptr (Phone) mobile = phone_start (stage, "200 OK", 100);
  g_autofree char *target = g_strdup_printf ("sip:target@127.0.0.1:%u", phone_get_port (mobile));
  g_autofree char *call = NULL;
  g_autofree char *trace = NULL;
  Player *caller;

  registrar_write_account (registrar, "");
  stage_start_daemon (stage);
  account_await_state (stage, "alice", "registered");
  caller = stage_call (stage, "call.xml", "u1", "127.0.0.1", registrar_get_port (registrar), NULL);
  call = stage_await_call (stage);
  g_assert_cmpint (stage_deflectctl (stage, NULL, "redirect", target, NULL), ==, 0);
  player_await_success (stage, caller);
  stage_await_story (stage, call, REDIRECTED);
  trace = player_read_trace (caller);
  g_assert_nonnull (strstr (trace, "SIP/2.0 403 "));
  g_assert_null (strstr (trace, "sip:target@"));
  g_assert_cmpuint (phone_count (mobile, "INVITE sip:"), ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  table = g_string_new ("");
  for (guint i = 0; i < G_N_ELEMENTS (cells); i++)
    g_test_add_data_func (cells[i].path, &cells[i], test_cell);
  g_test_add_data_func (over_tls.path, &over_tls, test_cell_over_tls);
  g_test_add_data_func ("/matrix/filter/parallel", "parallel", test_filter);
  g_test_add_data_func ("/matrix/filter/serial", "serial", test_filter);
  status = g_test_run ();
  g_print ("%s", table->str);
  g_string_free (table, TRUE);
  return status;
}
