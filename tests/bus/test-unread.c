/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Those who do not read, on the real dbus-daemon, and what it costs the others. */

#include "bus/unread.h"

#include <sys/resource.h>
#include <unistd.h>

#include "bus/deaf.h"
#include "bus/fixture.h"
#include "bus/peers.h"
#include "data/names.h"
#include "fakes/samples.h"

#define ROOT DFL_ROOT_PATH
#define MEGABYTE (1024 * 1024)

/* --- The bus --- */

static char *
get_bus_name (DflConnection *connection)
{
  const char *name;

  g_assert_cmpint (sd_bus_get_unique_name (dfl_connection_get_bus (connection), &name), >=, 0);
  return g_strdup (name);
}

/* What the bus keeps of a connection's messages, or for it. */
static guint32
ask_bus (Fixture *fixture, const char *name, const char *which)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_sync (fixture->client,
                                                             "org.freedesktop.DBus",
                                                             "/org/freedesktop/DBus",
                                                             "org.freedesktop.DBus.Debug.Stats",
                                                             "GetConnectionStats",
                                                             g_variant_new ("(s)", name),
                                                             G_VARIANT_TYPE ("(a{sv})"),
                                                             G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                                                             &error);
  g_autoptr (GVariant) all = NULL;
  guint32 bytes;

  g_assert_no_error (error);
  all = g_variant_get_child_value (answer, 0);
  g_assert_true (g_variant_lookup (all, which, "u", &bytes));
  return bytes;
}

/* How much of what the daemon sent is kept by the bus. */
static guint32
ask_kept (Fixture *fixture)
{
  g_autofree char *name = get_bus_name (fixture->server);

  return ask_bus (fixture, name, "IncomingBytes");
}

/* --- The world --- */

static const char config[]
    = "<type>session</type>"
      "<limit name=\"max_connections_per_user\">6000</limit>"
      "<limit name=\"max_completed_connections\">6000</limit>"
      "<limit name=\"max_replies_per_connection\">5000</limit>"
      "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
      "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy>";

static void
set_up (Fixture *fixture, gconstpointer mode)
{
  TestBus *bus = test_bus_new (config, NULL);

  fixture_set_up_on (fixture, bus, test_bus_connect_server (bus), GPOINTER_TO_INT (mode));
  fixture_set_users (fixture, "nobody", "daemon");
}

static void
offer_many (Fixture *fixture, guint first, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("call-%u", first + i);

      fixture_offer (fixture, id);
    }
}

/* Lets time go by until the connection has got everything and has been answered. */
static void
settle (Fixture *fixture, GDBusConnection *connection)
{
  g_autoptr (Pending) ping = fixture_start (fixture, connection, ROOT, "Peer.Ping", NULL);

  while (!ping->done)
    {
      g_main_context_iteration (NULL, FALSE);
      dfl_fake_clock_advance (fixture->clock, 100);
    }
  g_assert_no_error (ping->error);
}

/* Lets time go by until somebody has got so many answers, or until nothing comes any more; returns
 * how many. */
static guint
read_all (Fixture *fixture, Deaf *deaf, guint enough)
{
  guint quiet = 0;

  while (deaf_get_n_answers (deaf) < enough && quiet < 100)
    {
      guint before = deaf_get_n_answers (deaf) + deaf_get_n_news (deaf);

      dfl_fake_clock_advance (fixture->clock, 2 * G_USEC_PER_SEC);
      fixture_settle (fixture, fixture->client);
      deaf_read (deaf);
      quiet = deaf_get_n_answers (deaf) + deaf_get_n_news (deaf) == before ? quiet + 1 : 0;
    }
  return deaf_get_n_answers (deaf);
}

/* --- Requests --- */

/* One who asks for everything again and again and reads nothing. */
static void
test_requests (Fixture *fixture, gconstpointer mode)
{
  const guint n = 1000;
  g_autoptr (Deaf) deaf = NULL;
  g_autoptr (GDBusConnection) neighbour = test_bus_connect_as (fixture->bus, NEIGHBOUR);
  DflCall *call;

  offer_many (fixture, 0, 100);
  call = fixture_offer_to (fixture, "bob", "bob");
  fixture_wait_seen (fixture, neighbour, path_of_call (call));
  deaf = deaf_new (fixture->bus->address, STRANGER);
  for (guint i = 0; i < n; i++)
    deaf_ask (deaf, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");

  fixture_settle (fixture, fixture->client);
  g_assert_cmpuint (ask_kept (fixture), <, 2 * MEGABYTE);
  fixture_do (fixture, neighbour, path_of_call (call), "Call.Redirect",
              g_variant_new_parsed ("('sip:bob@b', {'wait': <false>})"), "()");

  /* Who reads at last gets every answer. */
  g_assert_cmpuint (read_all (fixture, deaf, n), ==, n);
  g_assert_cmpuint (ask_kept (fixture), <, MEGABYTE);
}

/* A user has a limit, too, however many connections it has. */
static void
test_many_connections (Fixture *fixture, gconstpointer mode)
{
  const guint n = 60;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)deaf_free);
  g_autoptr (GDBusConnection) neighbour = test_bus_connect_as (fixture->bus, NEIGHBOUR);
  DflCall *call;

  offer_many (fixture, 0, 1000);
  call = fixture_offer_to (fixture, "bob", "bob");
  fixture_wait_seen (fixture, neighbour, path_of_call (call));
  for (guint i = 0; i < n; i++)
    {
      Deaf *deaf = deaf_new (fixture->bus->address, STRANGER);

      g_ptr_array_add (all, deaf);
      for (guint k = 0; k < 3; k++)
        deaf_ask (deaf, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
      settle (fixture, fixture->client);
      settle (fixture, fixture->client);
    }
  g_test_message ("The bus keeps %u bytes of the daemon", ask_kept (fixture));
  g_assert_cmpuint (ask_kept (fixture), >, 4 * MEGABYTE);
  g_assert_cmpuint (ask_kept (fixture), <, DFL_UNREAD_MAX_USER + 4 * MEGABYTE);
  fixture_do (fixture, neighbour, path_of_call (call), "Call.Redirect",
              g_variant_new_parsed ("('sip:bob@b', {'wait': <false>})"), "()");

  /* Their end makes room again. */
  g_ptr_array_set_size (all, 1);
  g_assert_cmpuint (read_all (fixture, g_ptr_array_index (all, 0), 3), ==, 3);
}

/* A little for each of many connections is much; but these have read it. */
static void
test_many_readers (Fixture *fixture, gconstpointer mode)
{
  const guint n = 400;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)deaf_free);
  g_autoptr (GVariant) xml = fixture_expect (fixture, fixture->client, ROOT,
                                             "Introspectable.Introspect", NULL, NULL);
  /* Of each less than what the bus is asked about. */
  guint each = 50 * 1024 / g_variant_get_size (xml);

  for (guint i = 0; i < n; i++)
    {
      Deaf *deaf = deaf_new (fixture->bus->address, STRANGER);

      g_ptr_array_add (all, deaf);
      for (guint k = 0; k < each; k++)
        deaf_ask (deaf, ROOT, "org.freedesktop.DBus.Introspectable", "Introspect");
      g_assert_cmpuint (read_all (fixture, deaf, each), ==, each);
    }
}

/* However many connections a user has, others have theirs. What it has too many is forgotten, and
 * known again when it asks again. */
static void
test_too_many_connections (Fixture *fixture, gconstpointer mode)
{
  const guint n = DFL_PEERS_MAX_OF_USER + 200;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)deaf_free);
  g_autoptr (GDBusConnection) neighbour = NULL;
  Deaf *first;

  for (guint i = 0; i < n; i++)
    {
      Deaf *deaf = deaf_new (fixture->bus->address, STRANGER);

      g_ptr_array_add (all, deaf);
      deaf_ask (deaf, ROOT, "org.freedesktop.DBus.Peer", "Ping");
      if (i % 100 == 0)
        fixture_settle (fixture, fixture->client);
    }
  fixture_settle (fixture, fixture->client);
  neighbour = test_bus_connect_as (fixture->bus, NEIGHBOUR);
  fixture_do (fixture, neighbour, ROOT, "Peer.Ping", NULL, "()");

  first = g_ptr_array_index (all, 0);
  deaf_ask (first, ROOT, "org.freedesktop.DBus.Peer", "Ping");
  g_assert_cmpuint (read_all (fixture, first, 2), ==, 2);
  for (guint i = 1; i < n; i += 100)
    g_assert_cmpuint (read_all (fixture, g_ptr_array_index (all, i), 1), ==, 1);
}

/* --- News --- */

/* What somebody believes who was told the news: object paths to their State. */
static void
expect_picture (Fixture *fixture, Deaf *deaf)
{
  g_autoptr (GHashTable) told = deaf_get_picture (deaf);
  g_autoptr (GVariant) objects = fixture_expect (fixture, fixture->client, ROOT,
                                                 "ObjectManager.GetManagedObjects", NULL, NULL);
  g_autoptr (GVariant) dictionary = g_variant_get_child_value (objects, 0);
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;
  guint n = 0;

  g_variant_iter_init (&iter, dictionary);
  while (g_variant_iter_next (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) properties = g_variant_lookup_value (interfaces, DFL_CALL_INTERFACE,
                                                                NULL);
      const char *state;

      if (properties != NULL)
        {
          g_assert_true (g_variant_lookup (properties, "State", "&s", &state));
          g_assert_cmpstr (g_hash_table_lookup (told, path), ==, state);
          n++;
        }
      g_variant_unref (interfaces);
    }
  g_assert_cmpuint (g_hash_table_size (told), ==, n);
}

/* Redirects every third and lets the caller of every fifth give up. */
static void
change_some (GPtrArray *calls)
{
  for (guint i = 0; i < calls->len; i++)
    {
      DflCall *call = g_ptr_array_index (calls, i);
      g_autoptr (GError) error = NULL;

      if (i % 3 == 0)
        {
          dfl_call_redirect (call, "sip:bob@b", "user:alice", &error);
          g_assert_no_error (error);
        }
      else if (i % 5 == 0)
        dfl_call_leg_cancelled (call, FALSE);
    }
}

static void
test_news (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Deaf) deaf = deaf_new (fixture->bus->address, STRANGER);
  g_autoptr (GDBusConnection) reader = test_bus_connect_as (fixture->bus, STRANGER);
  g_autoptr (GPtrArray) calls = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (Log) log = NULL;
  guint heard = 0;

  fixture_wait_seen (fixture, reader, path_of_account (fixture_get_account (fixture, "alice")));
  fixture_do (fixture, reader, ROOT, "ObjectManager.GetManagedObjects", NULL, NULL);
  log = log_new (reader);
  deaf_ask (deaf, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
  g_assert_cmpuint (read_all (fixture, deaf, 1), ==, 1);
  for (guint i = 0; i < 1200; i++)
    {
      g_autofree char *id = g_strdup_printf ("call-%u", i);

      g_ptr_array_add (calls, g_object_ref (fixture_offer (fixture, id)));
      if (i % 20 == 0)
        fixture_settle (fixture, fixture->client);
    }
  change_some (calls);
  fixture_settle (fixture, fixture->client);
  settle (fixture, reader);
  g_test_message ("The bus keeps %u bytes of the daemon", ask_kept (fixture));
  g_assert_cmpuint (ask_kept (fixture), <, DFL_UNREAD_MAX_NEWS + MEGABYTE);

  /* Another connection of the same user has heard of every call meanwhile; where it was slow, of
   * several changes in one message. */
  for (char *line = log_take (log); line != NULL; line = log_take (log))
    {
      heard++;
      g_free (line);
    }
  g_assert_cmpuint (heard, >=, 1200);

  read_all (fixture, deaf, G_MAXUINT);
  expect_picture (fixture, deaf);
  g_assert_cmpuint (ask_kept (fixture), <, MEGABYTE);

  /* And goes on hearing. */
  fixture_offer (fixture, "another");
  read_all (fixture, deaf, G_MAXUINT);
  expect_picture (fixture, deaf);
}

/* Who misses too much is told nothing any more, until it asks again. */
static void
test_lost (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Deaf) deaf = deaf_new (fixture->bus->address, STRANGER);
  guint n;

  fixture_wait_seen (fixture, fixture->client,
                     path_of_account (fixture_get_account (fixture, "alice")));
  deaf_ask (deaf, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
  g_assert_cmpuint (read_all (fixture, deaf, 1), ==, 1);
  for (guint i = 0; i < 40; i++)
    {
      offer_many (fixture, 100 * i, 100);
      fixture_settle (fixture, fixture->client);
    }
  g_assert_cmpuint (ask_kept (fixture), <, DFL_UNREAD_MAX_NEWS + MEGABYTE);
  read_all (fixture, deaf, G_MAXUINT);
  n = deaf_get_n_news (deaf);
  g_assert_cmpuint (n, <, 4000);
  fixture_offer (fixture, "another");
  read_all (fixture, deaf, G_MAXUINT);
  g_assert_cmpuint (deaf_get_n_news (deaf), ==, n);

  deaf_ask (deaf, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
  g_assert_cmpuint (read_all (fixture, deaf, 2), ==, 2);
  fixture_offer (fixture, "last");
  read_all (fixture, deaf, G_MAXUINT);
  expect_picture (fixture, deaf);
}

/* --- Broadcasts --- */

/* Who listens to what is everybody's and reads nothing is nobody's fault: there is one limit. */
static void
test_broadcasts (Fixture *fixture, gconstpointer mode)
{
  sd_bus *listener = deaf_connect (fixture->bus->address, STRANGER);
  g_autoptr (GDBusConnection) neighbour = test_bus_connect_as (fixture->bus, NEIGHBOUR);
  DflCall *call;

  g_assert_cmpint (sd_bus_call_method (listener, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "AddMatch", NULL, NULL, "s",
                                       "type='signal'"),
                   >=, 0);
  fixture_set_users (fixture, "*", "daemon");
  call = fixture_offer_to (fixture, "bob", "bob");
  fixture_wait_seen (fixture, neighbour, path_of_call (call));
  for (guint i = 0; i < 300; i++)
    {
      DflOffer *offer = dfl_sample_offer (DFL_CLOCK (fixture->clock), "long");
      g_autoptr (GError) error = NULL;

      g_free (offer->sip_call_id);
      offer->sip_call_id = g_strdup_printf ("call-%u", i);
      g_free (offer->subject);
      offer->subject = g_strnfill (MEGABYTE / 2, 'x');
      dfl_switchboard_offer (fixture->switchboard, fixture_get_account (fixture, "alice"), offer,
                             DFL_LINE (fixture->line), dfl_fake_line_add_leg (fixture->line),
                             &error);
      g_assert_no_error (error);
      settle (fixture, fixture->client);
    }
  g_test_message ("The bus keeps %u bytes of the daemon", ask_kept (fixture));
  g_assert_cmpuint (ask_kept (fixture), <, DFL_UNREAD_MAX_BROADCAST + 4 * MEGABYTE);
  fixture_do (fixture, neighbour, path_of_call (call), "Call.Redirect",
              g_variant_new_parsed ("('sip:bob@b', {'wait': <false>})"), "()");
  sd_bus_close (listener);
  sd_bus_unref (listener);
}

/* A client that makes blocking calls only, and never looks at anything else, reads all the same. */
static void
test_blocking_client (Fixture *fixture, gconstpointer mode)
{
  g_autoptr (Deaf) deaf = deaf_new (fixture->bus->address, STRANGER);
  const guint n = 1000;

  offer_many (fixture, 0, 10);
  for (guint i = 0; i < n; i++)
    {
      deaf_ask (deaf, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
      while (deaf_get_n_answers (deaf) <= i)
        {
          g_main_context_iteration (NULL, FALSE);
          dfl_fake_clock_advance (fixture->clock, 1000);
          deaf_read (deaf);
        }
    }
}

/* Of descriptors, for the bus and for the many who connect to it. */
static void
raise_limit (void)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  /* Only root can be several users. */
  if (getuid () != 0)
    return g_test_run ();
  raise_limit ();
#define ADD(path, function)                                                                        \
  g_test_add ("/bus/unread/" path, Fixture, FIXTURE_SYSTEM, set_up, function, fixture_tear_down)
  ADD ("requests", test_requests);
  ADD ("many-connections", test_many_connections);
  ADD ("many-readers", test_many_readers);
  ADD ("too-many-connections", test_too_many_connections);
  ADD ("news", test_news);
  ADD ("lost", test_lost);
  ADD ("broadcasts", test_broadcasts);
  ADD ("blocking-client", test_blocking_client);
#undef ADD
  return g_test_run ();
}
