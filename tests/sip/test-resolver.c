/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Questions to a real name server that answers, lies, tears its answers and says nothing. */

#include <string.h>

#include "sip/resolver.h"
#include "stage/name-server.h"

#include "raw-peer.h"

#define HERE "nameserver 127.0.0.1\n"

/* --- A question and its answer --- */

typedef struct
{
  DflQuestion *question;
  gboolean answered;
  GPtrArray *records;
  GError *error;
  gint64 asked, took;
} Answer;

static NameServer *server;
static DflResolver *resolver;

static void
on_answer (GPtrArray *records, const GError *error, gpointer data)
{
  Answer *self = data;

  g_assert_false (self->answered);
  g_assert_true ((records == NULL) == (error != NULL));
  self->answered = TRUE;
  self->question = NULL;
  self->records = records != NULL ? g_ptr_array_ref (records) : NULL;
  self->error = error != NULL ? g_error_copy (error) : NULL;
  self->took = (g_get_monotonic_time () - self->asked) / 1000;
}

static void
answer_clear (Answer *self)
{
  g_clear_pointer (&self->question, dfl_resolver_cancel);
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_clear_error (&self->error);
  self->answered = FALSE;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static void
clear_answers (Answer *answers, guint n)
{
  for (guint i = 0; i < n; i++)
    answer_clear (&answers[i]);
}

typedef DflQuestion *(*Ask) (DflResolver *, const char *, DflResolverFunc, gpointer);

static void
ask (Answer *self, Ask how, const char *name)
{
  self->asked = g_get_monotonic_time ();
  self->question = how (resolver, name, on_answer, self);
  g_assert_nonnull (self->question);
  g_assert_false (self->answered);
}

static void
ask_and_wait (Answer *self, Ask how, const char *name)
{
  ask (self, how, name);
  raw_wait_until (self->answered);
}

static void
assert_addresses (Answer *self, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_assert_no_error (self->error);
  for (guint i = 0; i < self->records->len; i++)
    {
      g_autofree char *address = g_inet_address_to_string (g_ptr_array_index (self->records, i));

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", address);
    }
  g_assert_cmpstr (text->str, ==, expected);
}

/* Open sockets; GLib's threads have other files that come when they like. */
static guint
count_sockets (void)
{
  g_autoptr (GDir) directory = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *target = g_file_read_link (path, NULL);

      n += target != NULL && g_str_has_prefix (target, "socket:");
    }
  return n;
}

static void
set_up (void)
{
  name_server_set_resolv_conf (HERE);
  server = name_server_new ("127.0.0.1");
  resolver = dfl_resolver_new (NULL);
  g_assert_nonnull (resolver);
}

static void
tear_down (void)
{
  g_clear_pointer (&resolver, dfl_resolver_free);
  g_clear_pointer (&server, name_server_free);
}

/* --- What it reads --- */

static void
test_srv (gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  DflSrv *first, *last;

  name_server_add (server, "_sip._udp.example.org", "SRV", "10 60 5070 SIP.example.org");
  name_server_add (server, "_sip._udp.example.org", "SRV", "65535 0 65535 .");
  ask_and_wait (&answer, dfl_resolver_ask_srv, "_sip._udp.Example.ORG.");
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.records->len, ==, 2);
  first = g_ptr_array_index (answer.records, 0);
  last = g_ptr_array_index (answer.records, 1);
  g_assert_cmpuint (first->priority, ==, 10);
  g_assert_cmpuint (first->weight, ==, 60);
  g_assert_cmpuint (first->port, ==, 5070);
  g_assert_cmpstr (first->target, ==, "SIP.example.org");
  g_assert_cmpuint (last->priority, ==, 65535);
  g_assert_cmpuint (last->port, ==, 65535);
  g_assert_cmpstr (last->target, ==, "");
}

static void
test_naptr (gconstpointer data)
{
  g_auto (Answer) answer = { 0 };
  DflNaptr *first, *last;

  name_server_add (server, "example.org", "NAPTR", "10 50 S sip+d2u _sip._udp.example.org");
  name_server_add (server, "example.org", "NAPTR", "20 60 - x .");
  ask_and_wait (&answer, dfl_resolver_ask_naptr, "example.org");
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.records->len, ==, 2);
  first = g_ptr_array_index (answer.records, 0);
  last = g_ptr_array_index (answer.records, 1);
  g_assert_cmpuint (first->order, ==, 10);
  g_assert_cmpuint (first->preference, ==, 50);
  g_assert_cmpstr (first->flags, ==, "s");
  g_assert_cmpstr (first->service, ==, "SIP+D2U");
  g_assert_cmpstr (first->replacement, ==, "_sip._udp.example.org");
  g_assert_cmpstr (last->flags, ==, "");
  g_assert_cmpstr (last->replacement, ==, "");
}

static void
test_addresses (gconstpointer data)
{
  g_auto (Answer) four = { 0 }, both = { 0 }, alias = { 0 }, here = { 0 }, below = { 0 };

  name_server_add (server, "four.example.org", "A", "127.0.0.4");
  name_server_add (server, "both.example.org", "A", "127.0.0.4");
  name_server_add (server, "both.example.org", "AAAA", "::1");
  name_server_add (server, "both.example.org", "AAAA", "2001:db8::1");
  name_server_add (server, "alias.example.org", "CNAME", "four.example.org");
  ask_and_wait (&four, dfl_resolver_ask_addresses, "four.example.org");
  assert_addresses (&four, "127.0.0.4");
  /* The last one cannot be reached from here. */
  ask_and_wait (&both, dfl_resolver_ask_addresses, "both.example.org");
  assert_addresses (&both, "::1 127.0.0.4 2001:db8::1");
  ask_and_wait (&alias, dfl_resolver_ask_addresses, "alias.example.org");
  assert_addresses (&alias, "127.0.0.4");
  /* Nobody else knows better. */
  name_server_add (server, "sip.localhost", "A", "127.0.0.4");
  ask_and_wait (&here, dfl_resolver_ask_addresses, "localhost");
  assert_addresses (&here, "::1 127.0.0.1");
  ask_and_wait (&below, dfl_resolver_ask_addresses, "SIP.localhost.");
  assert_addresses (&below, "::1 127.0.0.1");
}

/* Of hundreds of records, over TCP, as many as are good for something. */
static void
test_many_records (gconstpointer data)
{
  g_auto (Answer) srv = { 0 }, addresses = { 0 };

  name_server_set_mood (server, NULL, NULL, NAME_SERVER_TRUNCATED);
  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *record = g_strdup_printf ("1 1 %u sip.example.org", i + 1);
      g_autofree char *address = g_strdup_printf ("127.1.%u.%u", i / 250, i % 250);

      name_server_add (server, "_sip._udp.example.org", "SRV", record);
      name_server_add (server, "sip.example.org", "A", address);
    }
  ask_and_wait (&srv, dfl_resolver_ask_srv, "_sip._udp.example.org");
  g_assert_no_error (srv.error);
  g_assert_cmpuint (srv.records->len, ==, 64);
  ask_and_wait (&addresses, dfl_resolver_ask_addresses, "sip.example.org");
  g_assert_no_error (addresses.error);
  g_assert_cmpuint (addresses.records->len, ==, 64);
}

/* --- What there is not --- */

static void
test_nothing (gconstpointer data)
{
  static const Ask asks[] = { dfl_resolver_ask_srv, dfl_resolver_ask_naptr,
                              dfl_resolver_ask_addresses };

  name_server_add (server, "sub.example.org", "CNAME", "nowhere.example.org");
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    {
      g_auto (Answer) empty = { 0 }, missing = { 0 };

      ask_and_wait (&empty, asks[i], "example.org");
      g_assert_no_error (empty.error);
      g_assert_cmpuint (empty.records->len, ==, 0);
      ask_and_wait (&missing, asks[i], "other.example.org");
      g_assert_error (missing.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
    }
}

/* What is no name is not asked for. */
static void
test_no_names (gconstpointer data)
{
  g_autofree char *label = g_strnfill (64, 'a');
  g_autofree char *label_name = g_strconcat (label, ".org", NULL);
  g_autofree char *huge = g_strnfill (100000, 'a');
  g_autoptr (GString) long_name = g_string_new ("a");
  const char *const names[] = {
    "",      ".",        "..",           "a..b",    ".a",  "exa mple.org",
    "a\\.b", "a\\046b",  "\xc3\xa9.org", "a\n.org", "a/b", "[::1]",
    "*",     label_name, huge,           NULL
  };

  for (guint i = 0; i < 130; i++)
    g_string_append (long_name, ".a");
  for (guint i = 0; i <= G_N_ELEMENTS (names) - 1; i++)
    {
      g_auto (Answer) answer = { 0 }, srv = { 0 };
      const char *name = names[i] != NULL ? names[i] : long_name->str;

      ask_and_wait (&answer, dfl_resolver_ask_addresses, name);
      g_assert_error (answer.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      ask_and_wait (&srv, dfl_resolver_ask_srv, name);
      g_assert_error (srv.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
    }
  g_assert_cmpuint (name_server_count (server, NULL, NULL), ==, 0);
}

typedef struct
{
  NameServerMood mood;
  int code; /* of G_IO_ERROR; -1: it is answered */
  gint64 least, most;
} Trouble;

static const Trouble troubles[] = {
  { NAME_SERVER_SERVFAIL, G_IO_ERROR_HOST_UNREACHABLE, 0, 1000 },
  { NAME_SERVER_REFUSED, G_IO_ERROR_HOST_UNREACHABLE, 0, 1000 },
  { NAME_SERVER_SILENT, G_IO_ERROR_TIMED_OUT, 7000, 8500 },
  { NAME_SERVER_TORN, G_IO_ERROR_HOST_UNREACHABLE, 0, 1000 },
  { NAME_SERVER_TRUNCATED, -1, 0, 1000 },
  { NAME_SERVER_FIRST_LOST, -1, 1000, 3500 },
};

static void
test_trouble (gconstpointer data)
{
  const Trouble *trouble = data;
  static const Ask asks[] = { dfl_resolver_ask_srv, dfl_resolver_ask_naptr,
                              dfl_resolver_ask_addresses };
  Answer answers[3] = { { 0 } };
  guint n = count_sockets ();

  name_server_set_mood (server, NULL, NULL, trouble->mood);
  name_server_add (server, "example.org", "SRV", "10 60 5070 sip.example.org");
  name_server_add (server, "example.org", "NAPTR", "10 50 s SIP+D2U _sip._udp.example.org");
  name_server_add (server, "example.org", "A", "127.0.0.4");
  for (guint i = 0; i < 3; i++)
    ask (&answers[i], asks[i], "example.org");
  for (guint i = 0; i < 3; i++)
    {
      raw_wait_until (answers[i].answered);
      if (trouble->code >= 0)
        g_assert_error (answers[i].error, G_IO_ERROR, trouble->code);
      else
        g_assert_no_error (answers[i].error);
      g_assert_cmpint (answers[i].took, >=, trouble->least);
      g_assert_cmpint (answers[i].took, <=, trouble->most * raw_slowness ());
    }
  clear_answers (answers, 3);
  raw_run_for (5);
  if (trouble->mood != NAME_SERVER_SILENT)
    raw_wait_until (count_sockets () <= n);
}

static void
test_garbage (gconstpointer data)
{
  for (guint i = 0; i < 300; i++)
    {
      Answer answers[3] = { { 0 }, { 0 }, { 0 } };

      name_server_set_mood (server, NULL, NULL, NAME_SERVER_GARBAGE);
      ask (&answers[0], dfl_resolver_ask_srv, "example.org");
      ask (&answers[1], dfl_resolver_ask_naptr, "example.org");
      ask (&answers[2], dfl_resolver_ask_addresses, "example.org");
      for (guint j = 0; j < 3; j++)
        raw_wait_until (answers[j].answered);
      clear_answers (answers, 3);
    }
}

/* A server for one family alone: half an answer is one. */
static void
test_one_family (gconstpointer data)
{
  gboolean silent = GPOINTER_TO_INT (data);
  g_auto (Answer) answer = { 0 };

  name_server_add (server, "example.org", "A", "127.0.0.4");
  name_server_set_mood (server, NULL, "AAAA", silent ? NAME_SERVER_SILENT : NAME_SERVER_SERVFAIL);
  ask_and_wait (&answer, dfl_resolver_ask_addresses, "example.org");
  assert_addresses (&answer, "127.0.0.4");
  g_assert_cmpint (answer.took, <=, 2000 * raw_slowness ());
}

static void
test_no_server (gconstpointer data)
{
  static const Ask asks[] = { dfl_resolver_ask_srv, dfl_resolver_ask_naptr,
                              dfl_resolver_ask_addresses };

  name_server_set_resolv_conf (data);
  for (guint i = 0; i < 3; i++)
    {
      g_auto (Answer) answer = { 0 };

      ask_and_wait (&answer, asks[i], "example.org");
      g_assert_error (answer.error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE);
      /* Where two questions go to one port, c-ares hears of one refusal. */
      g_assert_cmpint (answer.took, <=, (i < 2 ? 1000 : 4500) * raw_slowness ());
    }
}

/* --- More than one question --- */

static void
test_equal_questions (gconstpointer data)
{
  Answer answers[50] = { { 0 } };

  name_server_add (server, "example.org", "SRV", "10 60 5070 sip.example.org");
  for (guint i = 0; i < 50; i++)
    ask (&answers[i], dfl_resolver_ask_srv, i % 2 == 0 ? "example.org" : "EXAMPLE.org.");
  for (guint i = 0; i < 50; i++)
    {
      raw_wait_until (answers[i].answered);
      g_assert_cmpuint (answers[i].records->len, ==, 1);
    }
  clear_answers (answers, 50);
  g_assert_cmpuint (name_server_count (server, NULL, NULL), ==, 1);
  /* Later it is another question. */
  ask_and_wait (&answers[0], dfl_resolver_ask_srv, "example.org");
  clear_answers (answers, 1);
  g_assert_cmpuint (name_server_count (server, NULL, NULL), ==, 2);
}

static void
test_cancel (gconstpointer data)
{
  Answer answers[3] = { { 0 } };

  name_server_add (server, "example.org", "SRV", "10 60 5070 sip.example.org");
  ask (&answers[0], dfl_resolver_ask_srv, "example.org");
  ask (&answers[1], dfl_resolver_ask_srv, "example.org");
  ask (&answers[2], dfl_resolver_ask_addresses, "other.example.org");
  g_clear_pointer (&answers[0].question, dfl_resolver_cancel);
  g_clear_pointer (&answers[2].question, dfl_resolver_cancel);
  raw_wait_until (answers[1].answered);
  raw_run_for (100);
  g_assert_false (answers[0].answered);
  g_assert_false (answers[2].answered);
  clear_answers (answers, 3);
}

typedef struct
{
  Answer *others;
  guint n;
} Spoiler;

static void
on_answer_cancel_others (GPtrArray *records, const GError *error, gpointer data)
{
  Spoiler *self = data;

  for (guint i = 0; i < self->n; i++)
    g_clear_pointer (&self->others[i].question, dfl_resolver_cancel);
  self->n = 0;
}

/* The first of several that get the same answer cancels the rest. */
static void
test_cancel_from_within (gconstpointer data)
{
  Answer answers[3] = { { 0 } };
  Spoiler spoiler = { answers, 3 };

  name_server_add (server, "example.org", "SRV", "10 60 5070 sip.example.org");
  dfl_resolver_ask_srv (resolver, "example.org", on_answer_cancel_others, &spoiler);
  for (guint i = 0; i < 3; i++)
    ask (&answers[i], dfl_resolver_ask_srv, "example.org");
  raw_wait_until (spoiler.n == 0);
  raw_run_for (50);
  for (guint i = 0; i < 3; i++)
    g_assert_false (answers[i].answered);
}

/* Late answers come to nobody, and nothing stays open. */
static void
test_free (gconstpointer data)
{
  guint n = count_sockets ();

  for (guint i = 0; i < 4; i++)
    {
      Answer answers[4] = { { 0 } };

      name_server_set_mood (server, NULL, NULL,
                            i % 2 == 0 ? NAME_SERVER_SILENT : NAME_SERVER_TRUNCATED);
      ask (&answers[0], dfl_resolver_ask_srv, "example.org");
      ask (&answers[1], dfl_resolver_ask_addresses, "example.org");
      ask (&answers[2], dfl_resolver_ask_addresses, "example.local");
      ask (&answers[3], dfl_resolver_ask_naptr, "a..b");
      if (i >= 2)
        raw_run_for (20);
      dfl_resolver_free (resolver);
      for (guint j = 0; j < 3; j++)
        {
          g_assert_true (answers[j].answered);
          if (i % 2 == 0)
            g_assert_error (answers[j].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        }
      clear_answers (answers, 4);
      resolver = dfl_resolver_new (NULL);
    }
  g_clear_pointer (&resolver, dfl_resolver_free);
  name_server_set_mood (server, NULL, NULL, NAME_SERVER_NXDOMAIN);
  /* What the C library asked for still ends. */
  raw_wait_until (count_sockets () <= n);
}

static void
on_answer_free_resolver (GPtrArray *records, const GError *error, gpointer data)
{
  gboolean *done = data;

  g_clear_pointer (&resolver, dfl_resolver_free);
  *done = TRUE;
}

static void
test_free_from_within (gconstpointer data)
{
  Answer answers[2] = { { 0 } };
  gboolean done = FALSE;

  name_server_set_mood (server, "silent.example.org", NULL, NAME_SERVER_SILENT);
  dfl_resolver_ask_srv (resolver, "example.org", on_answer_free_resolver, &done);
  ask (&answers[0], dfl_resolver_ask_srv, "example.org");
  ask (&answers[1], dfl_resolver_ask_srv, "silent.example.org");
  raw_wait_until (done);
  g_assert_error (answers[0].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (answers[1].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  clear_answers (answers, 2);
}

/* --- Other servers, other ways --- */

static void
test_resolv_conf_changes (gconstpointer data)
{
  g_autoptr (NameServer) other = name_server_new ("127.0.0.2");
  g_auto (Answer) open = { 0 }, address = { 0 }, next = { 0 };

  name_server_set_mood (server, NULL, NULL, NAME_SERVER_SILENT);
  name_server_add (other, "example.org", "SRV", "10 60 5070 sip.example.org");
  name_server_add (other, "example.org", "A", "127.0.0.4");
  ask (&open, dfl_resolver_ask_srv, "example.org");
  ask (&address, dfl_resolver_ask_addresses, "example.org");
  raw_wait_until (name_server_count (server, NULL, NULL) == 3);
  name_server_set_resolv_conf ("# another network\nnameserver 127.0.0.2\n");
  ask_and_wait (&next, dfl_resolver_ask_srv, "other.example.org");
  g_assert_error (next.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  /* What was open is asked of the new one, too. */
  raw_wait_until (open.answered && address.answered);
  g_assert_cmpuint (open.records->len, ==, 1);
  assert_addresses (&address, "127.0.0.4");
  g_assert_cmpint (address.took, <=, 1400 * raw_slowness ());
}

/* Two servers, the first of which is dead. */
static void
test_second_server (gconstpointer data)
{
  g_autoptr (NameServer) other = name_server_new ("127.0.0.2");
  g_auto (Answer) answer = { 0 };

  name_server_set_resolv_conf (HERE "nameserver 127.0.0.2\n");
  name_server_set_mood (server, NULL, NULL, NAME_SERVER_SILENT);
  name_server_add (other, "example.org", "A", "127.0.0.4");
  ask_and_wait (&answer, dfl_resolver_ask_addresses, "example.org");
  assert_addresses (&answer, "127.0.0.4");
  g_assert_cmpint (answer.took, <=, 3000 * raw_slowness ());
}

/* What is not for the DNS is looked for by the C library, which here knows no other way. */
static void
test_elsewhere (gconstpointer data)
{
  g_auto (Answer) answer = { 0 };

  name_server_add (server, "pbx.local", "A", "127.0.0.4");
  ask_and_wait (&answer, dfl_resolver_ask_addresses, "pbx.local");
  assert_addresses (&answer, "127.0.0.4");
}

/* 200 hosts of which nothing is heard, and 50 for GResolver: a good one does not wait for them. */
static void
test_good_among_bad (gconstpointer data)
{
  g_autofree Answer *bad = g_new0 (Answer, 250);
  g_auto (Answer) good = { 0 }, elsewhere = { 0 };

  name_server_set_mood (server, NULL, NULL, NAME_SERVER_SILENT);
  name_server_add (server, "good.example.org", "A", "127.0.0.4");
  name_server_set_mood (server, "good.example.org", NULL, NAME_SERVER_ANSWER);
  for (guint i = 0; i < 250; i++)
    {
      g_autofree char *name = g_strdup_printf (i < 200 ? "bad%u.example.org" : "bad%u.local", i);

      ask (&bad[i], dfl_resolver_ask_addresses, name);
    }
  raw_run_for (100);
  ask_and_wait (&good, dfl_resolver_ask_addresses, "good.example.org");
  assert_addresses (&good, "127.0.0.4");
  g_test_message ("the good host took %" G_GINT64_FORMAT " ms", good.took);
  g_assert_cmpint (good.took, <=, 1000 * raw_slowness ());
  for (guint i = 0; i < 250; i++)
    {
      raw_wait_until (bad[i].answered);
      g_assert_error (bad[i].error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_assert_cmpint (bad[i].took, <=, 9000 * raw_slowness ());
    }
  clear_answers (bad, 250);
}

typedef struct
{
  const char *name;
  void (*test) (gconstpointer data);
  gconstpointer data;
} Case;

static const Case cases[] = {
  { "srv", test_srv, NULL },
  { "naptr", test_naptr, NULL },
  { "addresses", test_addresses, NULL },
  { "many-records", test_many_records, NULL },
  { "nothing", test_nothing, NULL },
  { "no-names", test_no_names, NULL },
  { "trouble/servfail", test_trouble, &troubles[0] },
  { "trouble/refused", test_trouble, &troubles[1] },
  { "trouble/silent", test_trouble, &troubles[2] },
  { "trouble/torn", test_trouble, &troubles[3] },
  { "trouble/truncated", test_trouble, &troubles[4] },
  { "trouble/first-lost", test_trouble, &troubles[5] },
  { "garbage", test_garbage, NULL },
  { "one-family/silent", test_one_family, GINT_TO_POINTER (TRUE) },
  { "one-family/servfail", test_one_family, GINT_TO_POINTER (FALSE) },
  { "no-server/refused", test_no_server, "nameserver 127.0.0.9\n" },
  { "no-server/unreachable", test_no_server, "nameserver 203.0.113.53\n" },
  { "equal-questions", test_equal_questions, NULL },
  { "cancel", test_cancel, NULL },
  { "cancel-from-within", test_cancel_from_within, NULL },
  { "free", test_free, NULL },
  { "free-from-within", test_free_from_within, NULL },
  { "resolv-conf-changes", test_resolv_conf_changes, NULL },
  { "second-server", test_second_server, NULL },
  { "elsewhere", test_elsewhere, NULL },
  { "good-among-bad", test_good_among_bad, NULL },
};

static void
run_case (gconstpointer data)
{
  const Case *self = data;

  set_up ();
  self->test (self->data);
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  name_server_enter (HERE);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/sip/resolver/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], run_case);
    }
  return g_test_run ();
}
