/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What one may not see and what is not there are told apart neither by the answer's bytes nor by
 * the time it takes: each request to a hidden object has a twin to an absent one right before or
 * after it, by lot.
 */

#include "bus/bare-client.h"
#include "bus/fixture.h"

#include <unistd.h>

#include "data/names.h"

#define N_PAIRS 10000
/* More than the daemon reads of any message. */
#define HUGE (300 * 1024)

/* --- The questions --- */

/* How much longer an answer may take, whatever else the machine does, in microseconds. */
#define SMALL 3
#define BIG 25
/* The same for all small kinds together, as more answers are compared. */
#define TOGETHER 1.5
/* A machine that is too busy to tell is asked again; a real difference is there each time. */
#define N_ROUNDS 4

/* %s is the interface of the object. */
static const struct
{
  const char *what;
  const char *interface;
  const char *member;
  const char *parameters;
  double limit;
} kinds[] = {
  { "Get", "org.freedesktop.DBus.Properties", "Get", "('%s', 'State')", SMALL },
  { "GetAll", "org.freedesktop.DBus.Properties", "GetAll", "('%s',)", SMALL },
  { "Introspect", "org.freedesktop.DBus.Introspectable", "Introspect", NULL, SMALL },
  { "method", "%s", "Remove", NULL, SMALL },
  { "wrong signature", "%s", "Silence", "(1, 'x')", SMALL },
  { "unknown interface", "com.example.Unknown", "Anything", NULL, SMALL },
  { "huge body", "%s", "Update", NULL, BIG },
};

/* The last kind has a time of its own. */
#define N_SMALL_KINDS (G_N_ELEMENTS (kinds) - 1)

/* What the requests of a pair ask, and whether a call (0) or an account (1). */
static guint
get_kind (guint pair)
{
  return pair % G_N_ELEMENTS (kinds);
}

static guint
get_object (guint pair)
{
  return pair / G_N_ELEMENTS (kinds) % 2;
}

typedef enum
{
  HIDDEN,
  ABSENT
} Twin;

typedef struct
{
  const char *address;
  const char *paths[2][2]; /* hidden and absent, of a call and of an account */
  GByteArray *messages[G_N_ELEMENTS (kinds)][2][2];
  double times[2][N_PAIRS]; /* microseconds */
  gboolean hidden_first[N_PAIRS];
  gboolean good;
  GMainLoop *loop;
} Race;

static char *
fill_in (const char *format, const char *interface)
{
  g_auto (GStrv) parts = format == NULL ? NULL : g_strsplit (format, "%s", -1);

  return format == NULL ? NULL : g_strjoinv (interface, parts);
}

static GByteArray *
make_question (guint kind, const char *path)
{
  const char *itself = g_str_has_prefix (path, DFL_CALL_PATH_PREFIX) ? DFL_CALL_INTERFACE
                                                                     : DFL_ACCOUNT_INTERFACE;
  g_autofree char *interface = fill_in (kinds[kind].interface, itself);
  g_autofree char *text = fill_in (kinds[kind].parameters, itself);
  GVariant *parameters = text == NULL ? NULL : g_variant_new_parsed (text);

  if (g_str_equal (kinds[kind].what, "huge body"))
    {
      g_autofree char *huge = g_strnfill (HUGE, 'x');

      parameters = g_variant_new_parsed ("({'display-name': <%s>},)", huge);
    }
  return bare_message_new (DFL_BUS_NAME, path, interface, kinds[kind].member, parameters);
}

static GBytes *
measure (Race *self, BareClient *client, guint pair, guint object, Twin twin)
{
  GByteArray *question = self->messages[get_kind (pair)][object][twin];

  self->times[twin][pair] = bare_client_ask (client, question);
  return bare_client_get_reply (client);
}

/* --- The comparison --- */

/* Every n-th value from first on. */
static GArray *
take_every (const double *values, guint first, guint n)
{
  GArray *taken = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = first; i < N_PAIRS; i += n)
    g_array_append_val (taken, values[i]);
  return taken;
}

static void
print (const char *what, const double *times, guint first, guint n)
{
  g_autoptr (GArray) values = take_every (times, first, n);

  g_test_message ("%-18s min %7.1f  median %7.1f  p90 %7.1f  p99 %7.1f us", what,
                  times_get_quantile (values, 0), times_get_quantile (values, 0.5),
                  times_get_quantile (values, 0.9), times_get_quantile (values, 0.99));
}

static double
compare_kind (const Race *self, guint object, guint kind)
{
  g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (TimePair));

  for (guint pair = 0; pair < N_PAIRS; pair++)
    {
      TimePair times = { self->times[HIDDEN][pair], self->times[ABSENT][pair],
                         self->hidden_first[pair] };

      if (get_kind (pair) == kind && get_object (pair) == object)
        g_array_append_val (pairs, times);
    }
  return time_pairs_compare (pairs);
}

static gboolean
is_within (const char *what, guint object, double difference, double limit)
{
  g_test_message ("%s %s: hidden takes %+.2f us more, of at most %.1f",
                  object == 0 ? "Call," : "Account,", what, difference, limit);
  return ABS (difference) < limit;
}

static gboolean
is_good (const Race *self)
{
  gboolean good = TRUE;

  print ("hidden", self->times[HIDDEN], 0, 1);
  print ("absent", self->times[ABSENT], 0, 1);
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      print (kinds[kind].what, self->times[HIDDEN], kind, G_N_ELEMENTS (kinds));
      print ("  absent", self->times[ABSENT], kind, G_N_ELEMENTS (kinds));
    }
  for (guint object = 0; object < 2; object++)
    {
      double together = 0;

      for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
        {
          double difference = compare_kind (self, object, kind);

          good &= is_within (kinds[kind].what, object, difference, kinds[kind].limit);
          together += kind < N_SMALL_KINDS ? difference / N_SMALL_KINDS : 0;
        }
      good &= is_within ("together", object, together, TOGETHER);
    }
  return good;
}

static gboolean
on_over (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
run_round (Race *self, BareClient *client)
{
  for (guint pair = 0; pair < N_PAIRS; pair++)
    {
      guint object = get_object (pair);
      Twin first = g_test_rand_bit () ? HIDDEN : ABSENT;
      g_autoptr (GBytes) one = measure (self, client, pair, object, first);
      g_autoptr (GBytes) other = measure (self, client, pair, object, !first);

      self->hidden_first[pair] = first == HIDDEN;
      g_assert_true (g_bytes_equal (one, other));
    }
}

static gpointer
run (gpointer data)
{
  Race *self = data;
  BareClient *client = bare_client_new (self->address, getuid () == 0 ? STRANGER : getuid ());

  for (guint round = 0; round < N_ROUNDS && !self->good; round++)
    {
      run_round (self, client);
      self->good = is_good (self);
    }
  bare_client_free (client);
  g_idle_add (on_over, self->loop);
  return NULL;
}

static gboolean
let_time_pass (gpointer clock)
{
  /* Nobody is to be slowed down for asking so much. */
  dfl_fake_clock_advance (clock, G_USEC_PER_SEC);
  return G_SOURCE_CONTINUE;
}

static void
test_hidden_takes_as_long (Fixture *fixture, gconstpointer mode)
{
  g_autofree Race *race = g_new0 (Race, 1);
  GThread *thread;
  guint source;

  /* Nobody who asks here, but a list to be looked through. */
  fixture_set_users (fixture, "", "daemon,bin,sys,sync,games,man,lp,mail,news,uucp,proxy,backup");
  race->address = fixture->bus->address;
  race->loop = g_main_loop_new (NULL, FALSE);
  race->paths[0][HIDDEN] = path_of_call (fixture_offer_to (fixture, "bob", "hidden"));
  race->paths[0][ABSENT] = DFL_CALL_PATH_PREFIX "00000000";
  race->paths[1][HIDDEN] = path_of_account (fixture_get_account (fixture, "bob"));
  race->paths[1][ABSENT] = DFL_ACCOUNT_PATH_PREFIX "00000000";
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (guint object = 0; object < 2; object++)
      for (guint twin = 0; twin < 2; twin++)
        race->messages[kind][object][twin] = make_question (kind, race->paths[object][twin]);

  source = g_timeout_add (20, let_time_pass, fixture->clock);
  thread = g_thread_new ("client", run, race);
  g_main_loop_run (race->loop);
  g_thread_join (thread);
  g_source_remove (source);

  g_assert_true (race->good);
  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (guint object = 0; object < 2; object++)
      for (guint twin = 0; twin < 2; twin++)
        g_byte_array_unref (race->messages[kind][object][twin]);
  g_main_loop_unref (race->loop);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/bus/timing/hidden-takes-as-long", Fixture, FIXTURE_SYSTEM, fixture_set_up,
              test_hidden_takes_as_long, fixture_tear_down);
  return g_test_run ();
}
