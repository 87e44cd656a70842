/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A thousand calls over a bad network, for an account that is registered with a real Kamailio over
 * the same network. What must hold is judged from what reached the daemon and what left it:
 *  - each branch of an INVITE made one call,
 *  - got at most one final status,
 *  - the call is `redirected` exactly where an ACK for the 302 arrived before Timer H, and
 *    `unconfirmed` where none did; `cancelled` where the answer is 487.
 *
 * The calls come from the registrar's address, to the contact that it has. Between them and the
 * daemon are the packet filter, which loses in both directions, and the disturber, which does the
 * rest and writes down what the daemon sees.
 */

#include "account-view.h"
#include "callers.h"
#include "names.h"
#include "network.h"
#include "record.h"
#include "registrar.h"

#define N_CALLS 1000
#define AT_A_TIME 150
#define TIMER_H (64 * CALLERS_T1 * 1000)
/* The daemon's clock and that of the disturber tick beside each other; a busy machine is late. */
#define TIMER_GRAIN (150 * 1000)

/* Short enough that the account registers again and again meanwhile; seconds. */
#define EXPIRES 12

#define TARGET "sip:+4915550100@mobile.example"

typedef struct
{
  const char *path;
  guint loss, duplicates, late, delay;
} Weather;

/* What the daemon tells of one call. */
typedef struct
{
  guint n_objects;
  char *outcome;
} Told;

typedef struct
{
  Stage *stage;
  Registrar *registrar;
  Callers *callers;
  guint public, own; /* the disturber's ports in front of the daemon */
  GHashTable *told;  /* number to Told */
  GHashTable *paths; /* object path to number */
  guint n_removed;
} Crowd;

/* --- The daemon's view on the bus --- */

static Told *
told_of (Crowd *self, guint number)
{
  Told *told = g_hash_table_lookup (self->told, GUINT_TO_POINTER (number));

  if (told == NULL)
    {
      told = g_new0 (Told, 1);
      g_hash_table_insert (self->told, GUINT_TO_POINTER (number), told);
    }
  return told;
}

static void
free_told (gpointer data)
{
  Told *told = data;

  g_free (told->outcome);
  g_free (told);
}

static void
on_added (GDBusConnection *connection,
          const char *sender,
          const char *object,
          const char *interface,
          const char *name,
          GVariant *parameters,
          gpointer data)
{
  Crowd *self = data;
  g_autoptr (GVariant) interfaces = g_variant_get_child_value (parameters, 1);
  g_autoptr (GVariant) call = g_variant_lookup_value (interfaces, DFL_CALL_INTERFACE, NULL);
  GVariantBuilder options;
  const char *path, *id;
  guint number;

  if (call == NULL)
    return;
  g_variant_get_child (parameters, 0, "&o", &path);
  g_assert_true (g_variant_lookup (call, "SipCallId", "&s", &id));
  number = callers_read_call_id (id);
  told_of (self, number)->n_objects++;
  g_hash_table_insert (self->paths, g_strdup (path), GUINT_TO_POINTER (number));
  /* Those who cancel shall find something to cancel, mostly. */
  if (callers_cancels (number))
    return;
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "wait", g_variant_new_boolean (FALSE));
  g_dbus_connection_call (connection, DFL_BUS_NAME, path, DFL_CALL_INTERFACE, "Redirect",
                          g_variant_new ("(sa{sv})", TARGET, &options), NULL,
                          G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, NULL, NULL);
}

static void
on_changed (GDBusConnection *connection,
            const char *sender,
            const char *object,
            const char *interface,
            const char *name,
            GVariant *parameters,
            gpointer data)
{
  Crowd *self = data;
  g_autoptr (GVariant) changed = g_variant_get_child_value (parameters, 1);
  const char *outcome;
  gpointer number;

  if (!g_hash_table_lookup_extended (self->paths, object, NULL, &number)
      || !g_variant_lookup (changed, "Outcome", "&s", &outcome) || g_str_equal (outcome, "none"))
    return;
  /* A call ends once. */
  g_assert_null (told_of (self, GPOINTER_TO_UINT (number))->outcome);
  told_of (self, GPOINTER_TO_UINT (number))->outcome = g_strdup (outcome);
}

static void
on_removed (GDBusConnection *connection,
            const char *sender,
            const char *object,
            const char *interface,
            const char *name,
            GVariant *parameters,
            gpointer data)
{
  Crowd *self = data;
  const char *path;

  g_variant_get_child (parameters, 0, "&o", &path);
  if (g_hash_table_contains (self->paths, path))
    self->n_removed++;
}

static guint
subscribe (Crowd *self, const char *interface, const char *name, GDBusSignalCallback callback)
{
  return g_dbus_connection_signal_subscribe (stage_get_connection (self->stage), DFL_BUS_NAME,
                                             interface, name, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                             callback, self, NULL);
}

/* --- What must hold --- */

static void
judge (Crowd *self, const char *file, const Weather *weather)
{
  g_autofree Seen *seen = record_read (file, N_CALLS);
  guint n_arrived = 0, n_redirected = 0, n_unconfirmed = 0, n_cancelled = 0;

  for (guint i = 0; i < N_CALLS; i++)
    {
      Told *told = g_hash_table_lookup (self->told, GUINT_TO_POINTER (i));
      gint64 took = seen[i].ack_at - seen[i].final_at;

      if (!seen[i].arrived)
        {
          g_assert_null (told);
          continue;
        }
      n_arrived++;
      if (told == NULL)
        g_error ("Call %u arrived, was answered %u, and nobody was told.", i, seen[i].final);
      g_assert_cmpuint (told->n_objects, ==, 1);
      if (seen[i].final == 487)
        {
          n_cancelled++;
          g_assert_cmpstr (told->outcome, ==, "cancelled");
          continue;
        }
      g_assert_cmpuint (seen[i].final, ==, callers_cancels (i) ? 480 : 302);
      if (seen[i].final == 480)
        g_assert_cmpstr (told->outcome, ==, "expired");
      else if (seen[i].ack_at != 0 && took < TIMER_H - TIMER_GRAIN)
        g_assert_cmpstr (told->outcome, ==, "redirected");
      else if (seen[i].ack_at == 0 || took > TIMER_H + TIMER_GRAIN)
        g_assert_cmpstr (told->outcome, ==, "unconfirmed");
      n_redirected += g_strcmp0 (told->outcome, "redirected") == 0;
      n_unconfirmed += g_strcmp0 (told->outcome, "unconfirmed") == 0;
    }
  g_test_message ("%s: of %u calls %u arrived: %u redirected, %u unconfirmed, %u cancelled",
                  weather->path, N_CALLS, n_arrived, n_redirected, n_unconfirmed, n_cancelled);
  /* The weather was not so bad, and not so good, that nothing was to be seen. */
  g_assert_cmpuint (n_redirected, >, N_CALLS * 8 / 10);
  g_assert_cmpuint (n_unconfirmed, >=, N_CALLS / 50);
  g_assert_cmpuint (n_cancelled, >, 0);
}

/* --- All together --- */

static char *
start_disturber (Crowd *self, const Weather *weather)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "e2e", "disturber", NULL);
  char *file = g_build_filename (stage_get_directory (self->stage), "record", NULL);
  guint numbers[] = { self->public,
                      self->own,
                      stage_get_port (self->stage, "udp:127.0.0.1:"),
                      weather->duplicates,
                      weather->late,
                      weather->delay,
                      (guint)g_test_rand_int_range (0, G_MAXINT) };
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *output = NULL;
  Player *player;

  g_ptr_array_add (argv, g_strdup (program));
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_ptr_array_add (argv, g_strdup_printf ("%u", numbers[i]));
  g_ptr_array_add (argv, g_strdup (file));
  player = stage_play_argv_as (self->stage, 0, argv);
  for (gint64 until = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
       output == NULL || !g_str_has_prefix (output, "ready");)
    {
      stage_step (self->stage, until, "the disturber is up", G_STRLOC);
      g_free (output);
      output = player_read_output (player);
    }
  return file;
}

static void
call_all (Crowd *self)
{
  gint64 until = g_get_monotonic_time () + 250 * G_USEC_PER_SEC;
  guint begun;

  while ((begun = callers_count_begun (self->callers)) < N_CALLS
         || callers_count_waiting (self->callers) > 0
         || self->n_removed < g_hash_table_size (self->paths))
    {
      for (; begun < N_CALLS && begun - self->n_removed < AT_A_TIME + begun / 10
             && callers_count_waiting (self->callers) < AT_A_TIME;
           begun++)
        callers_begin (self->callers);
      callers_step (self->callers);
      stage_step (self->stage, until, "all calls are over", G_STRLOC);
    }
}

/* The weather begins before the account registers. */
static void
start_registered (Crowd *self, const Weather *weather)
{
  RegistrarOptions options = { .max_expires = EXPIRES };

  self->registrar = registrar_start (self->stage, &options);
  stage_write_settings (self->stage, "[daemon]\nlisten=udp:127.0.0.1:0\nt1=100\nmax-offers=2000\n"
                                     "register-retry=5\n");
  registrar_write_account (self->registrar, "max-offers=2000\nring-limit=15\n");
  network_lose (weather->loss, self->public, registrar_get_port (self->registrar));
  stage_start_daemon (self->stage);
  account_await_state (self->stage, "alice", "registered");
}

/* Where Kamailio would send the calls. */
static char *
find_contact (Crowd *self)
{
  g_autoptr (GPtrArray) contacts = registrar_list_contacts (self->registrar, "alice");

  g_assert_cmpuint (contacts->len, ==, 1);
  return g_strdup (contacts->pdata[0]);
}

/* It was registered over that network all the time, and with one contact. */
static void
assert_still_registered (Crowd *self, const char *contact)
{
  g_autofree char *now = find_contact (self);

  g_assert_cmpstr (now, ==, contact);
  account_await_state (self->stage, "alice", "registered");
  g_assert_cmpuint (registrar_count_lines (self->registrar, "WIRE SAVED alice", NULL), >, 1);
}

static void
test_weather (gconstpointer data)
{
  const Weather *weather = data;
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree Crowd *self = g_new0 (Crowd, 1);
  g_autofree char *file = NULL;
  g_autofree char *contact = NULL;
  guint signals[3];

  self->stage = stage;
  self->public = stage_find_free_port ();
  self->own = stage_find_free_port ();
  self->told = g_hash_table_new_full (NULL, NULL, NULL, free_told);
  self->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  start_registered (self, weather);
  contact = find_contact (self);
  signals[0] = subscribe (self, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", on_added);
  signals[1] = subscribe (self, "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed);
  signals[2] = subscribe (self, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved",
                          on_removed);
  file = start_disturber (self, weather);
  self->callers = callers_new (N_CALLS, self->public, self->own, contact);

  call_all (self);
  judge (self, file, weather);
  assert_still_registered (self, contact);
  network_lose (0, 0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_dbus_connection_signal_unsubscribe (stage_get_connection (stage), signals[i]);
  registrar_free (self->registrar);
  callers_free (self->callers);
  g_hash_table_unref (self->told);
  g_hash_table_unref (self->paths);
}

int
main (int argc, char **argv)
{
  static const Weather weathers[] = {
    { "/loss/5-percent", 5, 0, 0, 0 },
    { "/loss/20-percent", 20, 0, 0, 0 },
    { "/loss/duplicates-and-disorder", 5, 20, 30, 250 },
  };

  network_enter ();
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (weathers); i++)
    g_test_add_data_func (weathers[i].path, &weathers[i], test_weather);
  return g_test_run ();
}
