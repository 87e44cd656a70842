/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A thousand calls over a bad network. What must hold is judged from what reached the daemon and
 * what left it:
 *  - each branch of an INVITE made one call,
 *  - got at most one final status,
 *  - the call is `redirected` exactly where an ACK for the 302 arrived before Timer H, and
 *    `unconfirmed` where none did; `cancelled` where the answer is 487.
 *
 * Between caller and daemon are the packet filter, which loses, and the disturber, which does the
 * rest and writes down what the daemon sees.
 */

#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "names.h"
#include "network.h"

#define N_CALLS 1000
#define AT_A_TIME 150
#define T1 100
#define TIMER_B (64 * T1)
#define TIMER_H (64 * T1 * 1000)
/* The daemon's clock and that of the disturber tick beside each other; a busy machine is late. */
#define TIMER_GRAIN (150 * 1000)

#define TARGET "sip:+4915550100@mobile.example"

typedef struct
{
  const char *path;
  guint loss, duplicates, late, delay;
} Weather;

/* --- The caller --- */

typedef struct
{
  guint number;
  gint64 next;  /* when to send the INVITE again, milliseconds since it was first sent; 0: not */
  gint64 began; /* milliseconds */
  gint64 interval;
  guint status;     /* final, or 0 */
  gboolean silent;  /* never acknowledges */
  gboolean cancels; /* after the first provisional response */
  gboolean cancelled;
} Caller;

/* What the daemon tells of one call. */
typedef struct
{
  guint n_objects;
  char *outcome;
} Told;

typedef struct
{
  Stage *stage;
  GSocket *socket;
  guint own; /* the disturber's port in front of the daemon */
  Caller calls[N_CALLS];
  guint n_begun, n_running;
  GHashTable *told;  /* number to Told */
  GHashTable *paths; /* object path to number */
  guint n_removed;
} Crowd;

static gint64
milliseconds (void)
{
  return g_get_monotonic_time () / 1000;
}

static void
send_request (Crowd *self, const Caller *call, const char *method, const char *to_tag)
{
  g_autofree char *text = g_strdup_printf (
      "%s sip:alice@127.0.0.1 SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 127.0.0.1:%u;rport;branch=z9hG4bK-a-call-over-loss-%u\r\n"
      "From: <sip:carol@pbx.example>;tag=carol-%u\r\n"
      "To: <sip:alice@deflect.example>%s%s\r\n"
      "Call-ID: loss-%u\r\nCSeq: 1 %s\r\n"
      "Contact: <sip:carol@127.0.0.1>\r\n"
      "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
      method, self->own, call->number, call->number, *to_tag != '\0' ? ";tag=" : "", to_tag,
      call->number, method);

  /* An error came back for a datagram before; then this one is lost, too. */
  g_socket_send (self->socket, text, strlen (text), NULL, NULL);
}

static void
send_again (Crowd *self, Caller *call)
{
  gint64 time = milliseconds () - call->began;

  if (call->next == 0 || time < call->next)
    return;
  if (time >= TIMER_B)
    {
      call->next = 0;
      self->n_running--;
      return;
    }
  send_request (self, call, "INVITE", "");
  call->interval *= 2;
  call->next = time + call->interval;
}

static void
begin_call (Crowd *self)
{
  Caller *call = &self->calls[self->n_begun];

  *call = (Caller){ .number = self->n_begun++, .began = milliseconds (), .interval = T1 };
  call->silent = call->number % 50 == 7;
  call->cancels = call->number % 40 == 3;
  call->next = T1;
  self->n_running++;
  send_request (self, call, "INVITE", "");
}

static char *
find_tag (const char *message)
{
  const char *to = strstr (message, "\nTo:");
  const char *tag = to != NULL ? strstr (to, ";tag=") : NULL;

  return tag != NULL ? g_strndup (tag + 5, strcspn (tag + 5, ";\r")) : g_strdup ("");
}

static guint
find_number (const char *message)
{
  const char *id = strstr (message, "\nCall-ID: loss-");

  g_assert_nonnull (id);
  return (guint)strtoul (id + strlen ("\nCall-ID: loss-"), NULL, 10);
}

static void
on_response (Crowd *self, const char *message)
{
  guint status = (guint)strtoul (message + strlen ("SIP/2.0 "), NULL, 10);
  Caller *call = &self->calls[find_number (message)];
  g_autofree char *tag = find_tag (message);

  if (strstr (message, "CSeq: 1 INVITE") == NULL)
    return;
  if (call->next != 0)
    {
      call->next = 0;
      if (status < 200 && call->cancels && !call->cancelled)
        {
          call->cancelled = TRUE;
          send_request (self, call, "CANCEL", "");
        }
    }
  if (status < 200)
    return;
  if (call->status == 0)
    self->n_running--;
  call->status = status;
  if (!call->silent)
    send_request (self, call, "ACK", tag);
}

static void
read_responses (Crowd *self)
{
  char message[65536];
  gssize length;

  while ((length = g_socket_receive (self->socket, message, sizeof message - 1, NULL, NULL)) > 0)
    {
      message[length] = '\0';
      on_response (self, message);
    }
}

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
  number = (guint)strtoul (id + strlen ("loss-"), NULL, 10);
  told_of (self, number)->n_objects++;
  g_hash_table_insert (self->paths, g_strdup (path), GUINT_TO_POINTER (number));
  /* Those who cancel shall find something to cancel, mostly. */
  if (self->calls[number].cancels)
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

/* --- What reached the daemon, and what left it --- */

typedef struct
{
  gboolean arrived;        /* its INVITE */
  guint final;             /* the status that left, or 0 */
  gint64 final_at, ack_at; /* microseconds, the first of each; 0: none */
} Seen;

static void
judge_message (Seen *seen, gboolean arrived, gint64 at, const char *message)
{
  guint status;

  if (arrived && g_str_has_prefix (message, "INVITE "))
    seen->arrived = TRUE;
  if (arrived && g_str_has_prefix (message, "ACK ") && seen->ack_at == 0)
    seen->ack_at = at;
  if (arrived || strstr (message, "CSeq: 1 INVITE") == NULL)
    return;
  status = (guint)strtoul (message + strlen ("SIP/2.0 "), NULL, 10);
  if (status < 200)
    return;
  if (seen->final != 0)
    g_assert_cmpuint (status, ==, seen->final);
  else
    seen->final_at = at;
  seen->final = status;
}

/* One Seen for each call. */
static Seen *
read_record (const char *file)
{
  Seen *seen = g_new0 (Seen, N_CALLS);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;
  char *at;

  g_file_get_contents (file, &text, &length, &error);
  g_assert_no_error (error);
  for (at = text; at < text + length;)
    {
      gboolean arrived = *at == '>';
      gint64 time = g_ascii_strtoll (at + 2, &at, 10);
      gsize size = g_ascii_strtoull (at + 1, &at, 10);
      g_autofree char *message = g_strndup (at + 1, size);

      judge_message (&seen[find_number (message)], arrived, time, message);
      at += 1 + size;
    }
  return seen;
}

static void
judge (Crowd *self, const char *file, const Weather *weather)
{
  g_autofree Seen *seen = read_record (file);
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
      g_assert_cmpuint (seen[i].final, ==, self->calls[i].cancels ? 480 : 302);
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

static GSocket *
open_socket (guint port)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) peer = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr (GError) error = NULL;
  GSocket *self = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP,
                                &error);

  g_assert_no_error (error);
  g_socket_set_blocking (self, FALSE);
  g_assert_true (g_socket_bind (self, any, FALSE, NULL));
  g_assert_true (g_socket_connect (self, peer, NULL, NULL));
  return self;
}

static char *
start_disturber (Crowd *self, const Weather *weather, guint public)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "e2e", "disturber", NULL);
  char *file = g_build_filename (stage_get_directory (self->stage), "record", NULL);
  guint numbers[] = { public,
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

  while (self->n_begun < N_CALLS || self->n_running > 0
         || self->n_removed < g_hash_table_size (self->paths))
    {
      while (self->n_begun < N_CALLS
             && self->n_begun - self->n_removed < AT_A_TIME + self->n_begun / 10
             && self->n_running < AT_A_TIME)
        begin_call (self);
      read_responses (self);
      for (guint i = 0; i < self->n_begun; i++)
        send_again (self, &self->calls[i]);
      stage_step (self->stage, until, "all calls are over", G_STRLOC);
    }
}

static void
test_weather (gconstpointer data)
{
  const Weather *weather = data;
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree Crowd *self = g_new0 (Crowd, 1);
  g_autofree char *file = NULL;
  guint public = stage_find_free_port ();
  guint signals[3];

  self->stage = stage;
  self->own = stage_find_free_port ();
  self->told = g_hash_table_new_full (NULL, NULL, NULL, free_told);
  self->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  stage_write_settings (stage, "[daemon]\nlisten=udp:127.0.0.1:0\nt1=100\nmax-offers=2000\n");
  stage_write_account (stage, "alice",
                       "[account]\naddress=sip:alice@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nmax-offers=2000\nring-limit=15\n");
  stage_start_daemon (stage);
  signals[0] = subscribe (self, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", on_added);
  signals[1] = subscribe (self, "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed);
  signals[2] = subscribe (self, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved",
                          on_removed);
  file = start_disturber (self, weather, public);
  self->socket = open_socket (public);
  network_lose (weather->loss, public);

  call_all (self);
  network_lose (0, public);
  judge (self, file, weather);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_dbus_connection_signal_unsubscribe (stage_get_connection (stage), signals[i]);
  g_object_unref (self->socket);
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
