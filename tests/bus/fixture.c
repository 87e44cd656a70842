/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "data/names.h"
#include "fakes/samples.h"

static const char open_config[] = "<type>session</type>"
                                  "<limit name=\"max_replies_per_connection\">50000</limit>"
                                  "<policy context=\"default\">"
                                  "<allow user=\"*\"/><allow own=\"*\"/>"
                                  "<allow send_destination=\"*\" eavesdrop=\"true\"/>"
                                  "<allow eavesdrop=\"true\"/>"
                                  "</policy>";

/* --- The bus --- */

/* A test that fails takes its bus along. */
static void
die_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

TestBus *
test_bus_new (const char *config, const char *const *wrapper)
{
  TestBus *self = g_new0 (TestBus, 1);
  g_autoptr (GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *file = NULL;
  g_autofree char *text = NULL;

  self->directory = g_dir_make_tmp ("deflectd-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (self->directory, 0755), ==, 0);
  file = g_build_filename (self->directory, "bus.conf", NULL);
  text = g_strdup_printf ("<busconfig><auth>EXTERNAL</auth><listen>unix:path=%s/bus</listen>%s"
                          "</busconfig>",
                          self->directory, config == NULL ? open_config : config);
  g_assert_true (g_file_set_contents (file, text, -1, &error));

  for (guint i = 0; wrapper != NULL && wrapper[i] != NULL; i++)
    g_ptr_array_add (arguments, g_strdup (wrapper[i]));
  g_ptr_array_add (arguments, g_strdup ("dbus-daemon"));
  g_ptr_array_add (arguments, g_strdup ("--nofork"));
  g_ptr_array_add (arguments, g_strdup ("--nopidfile"));
  g_ptr_array_add (arguments, g_strdup ("--nosyslog"));
  g_ptr_array_add (arguments, g_strdup ("--print-address"));
  g_ptr_array_add (arguments, g_strdup_printf ("--config-file=%s", file));
  g_ptr_array_add (arguments, NULL);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  self->daemon = g_subprocess_launcher_spawnv (launcher, (const char *const *)arguments->pdata,
                                               &error);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->daemon));
  self->address = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (self->address);
  return self;
}

void
test_bus_free (TestBus *self)
{
  static const char *const files[] = { "bus", "bus.conf", "passwd" };

  g_subprocess_send_signal (self->daemon, SIGTERM);
  g_assert_true (g_subprocess_wait (self->daemon, NULL, NULL));
  g_object_unref (self->daemon);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *file = g_build_filename (self->directory, files[i], NULL);

      g_unlink (file);
    }
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->directory);
  g_free (self->address);
  g_free (self);
}

GDBusConnection *
test_bus_connect (TestBus *self)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
      self->address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

typedef struct
{
  TestBus *bus;
  guint32 uid;
} Identity;

/* The kernel keeps a uid per thread; the C library, which keeps them all the same, is not asked. */
static gpointer
connect_as (gpointer data)
{
  const Identity *identity = data;

  g_assert_cmpint (syscall (SYS_setresuid, identity->uid, identity->uid, 0), ==, 0);
  return test_bus_connect (identity->bus);
}

GDBusConnection *
test_bus_connect_as (TestBus *self, guint32 uid)
{
  Identity identity = { self, uid };

  return g_thread_join (g_thread_new ("connect-as", connect_as, &identity));
}

DflConnection *
test_bus_connect_server (TestBus *self)
{
  g_autoptr (GError) error = NULL;
  DflConnection *connection = dfl_connection_new (self->address, &error);

  g_assert_no_error (error);
  return connection;
}

static gpointer
connect_server_as (gpointer data)
{
  const Identity *identity = data;

  g_assert_cmpint (syscall (SYS_setresuid, identity->uid, identity->uid, 0), ==, 0);
  return test_bus_connect_server (identity->bus);
}

DflConnection *
test_bus_connect_server_as (TestBus *self, guint32 uid)
{
  Identity identity = { self, uid };

  return g_thread_join (g_thread_new ("connect-server-as", connect_server_as, &identity));
}

/* --- Set-up --- */

static GPtrArray *
make_settings (const char *alice, const char *bob)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);
  const char *const names[] = { "alice", "bob" };
  const char *const users[] = { alice, bob };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      DflAccountSettings *settings;

      if (users[i] == NULL)
        continue;
      settings = dfl_sample_settings (names[i]);
      settings->max_offers = 100000;
      g_strfreev (settings->users);
      settings->users = g_strsplit (users[i], ",", -1);
      g_ptr_array_add (all, settings);
    }
  return all;
}

void
fixture_set_users (Fixture *self, const char *alice, const char *bob)
{
  dfl_switchboard_set_accounts (self->switchboard, make_settings (alice, bob));
}

void
fixture_wait_seen (Fixture *self, GDBusConnection *connection, const char *path)
{
  for (;;)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) pong = fixture_call (self, connection, path, "Peer.Ping", NULL, &error);

      if (pong != NULL)
        return;
    }
}

static void
on_name_answered (const GError *error, gpointer data)
{
  gboolean *owned = data;

  g_assert_no_error (error);
  *owned = TRUE;
}

static void
own_name (DflConnection *connection)
{
  gboolean owned = FALSE;

  dfl_connection_request_name (connection, DFL_BUS_NAME, on_name_answered, &owned);
  while (!owned)
    g_main_context_iteration (NULL, TRUE);
}

void
fixture_set_up_on (Fixture *self, TestBus *bus, DflConnection *server, DflBusMode mode)
{
  static const char *const listening[] = { "udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", NULL };

  self->bus = bus;
  self->clock = dfl_fake_clock_new ();
  self->line = dfl_fake_line_new ();
  self->authority = dfl_fake_authority_new ();
  self->keeper = dfl_fake_keeper_new ();
  self->switchboard = dfl_switchboard_new (DFL_CLOCK (self->clock), 100000);
  dfl_switchboard_set_keeper (self->switchboard, DFL_KEEPER (self->keeper));
  dfl_switchboard_set_accounts (self->switchboard, make_settings ("", NULL));
  self->server = server;
  self->service = dfl_service_new (self->server, mode, DFL_AUTHORITY (self->authority),
                                   self->switchboard, DFL_CLOCK (self->clock), listening);
  own_name (self->server);
  self->client = test_bus_connect (self->bus);
  self->other = test_bus_connect (self->bus);
}

void
fixture_set_up (Fixture *self, gconstpointer mode)
{
  TestBus *bus = test_bus_new (NULL, NULL);

  fixture_set_up_on (self, bus, test_bus_connect_server (bus), GPOINTER_TO_INT (mode));
}

static void
count_down (gpointer data, GObject *object)
{
  (*(guint *)data)--;
}

void
fixture_tear_down (Fixture *self, gconstpointer mode)
{
  guint alive = 1;

  g_object_weak_ref (G_OBJECT (self->switchboard), count_down, &alive);
  /* A test may have closed and dropped it. */
  if (self->service != NULL)
    {
      alive++;
      g_object_weak_ref (G_OBJECT (self->service), count_down, &alive);
      dfl_service_close (self->service);
      g_clear_object (&self->service);
    }
  g_clear_object (&self->client);
  g_clear_object (&self->other);
  g_clear_pointer (&self->server, dfl_connection_free);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  dfl_switchboard_set_accounts (self->switchboard, g_ptr_array_new_with_free_func (
                                                       (GDestroyNotify)dfl_account_settings_free));
  g_clear_object (&self->switchboard);
  g_assert_cmpuint (alive, ==, 0);
  g_clear_object (&self->line);
  g_clear_object (&self->authority);
  g_clear_object (&self->keeper);
  g_clear_object (&self->clock);
  g_clear_pointer (&self->bus, test_bus_free);
}

/* --- Calls for somebody --- */

DflAccount *
fixture_get_account (Fixture *self, const char *name)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (self->switchboard);

  for (guint i = 0; i < accounts->len; i++)
    {
      DflAccount *account = g_ptr_array_index (accounts, i);

      if (g_str_equal (dfl_account_get_settings (account)->name, name))
        return account;
    }
  g_assert_not_reached ();
}

static DflCall *
offer (Fixture *self, const char *name, const char *sip_call_id, DflLeg **leg)
{
  g_autoptr (GError) error = NULL;
  DflCall *call;

  *leg = dfl_fake_line_add_leg (self->line);
  call = dfl_switchboard_offer (self->switchboard, fixture_get_account (self, name),
                                dfl_sample_offer (DFL_CLOCK (self->clock), sip_call_id),
                                DFL_LINE (self->line), *leg, &error);
  g_assert_no_error (error);
  return call;
}

DflCall *
fixture_offer (Fixture *self, const char *sip_call_id)
{
  DflLeg *leg;

  return offer (self, "alice", sip_call_id, &leg);
}

DflCall *
fixture_offer_to (Fixture *self, const char *name, const char *sip_call_id)
{
  DflLeg *leg;

  return offer (self, name, sip_call_id, &leg);
}

DflCall *
fixture_offer_leg (Fixture *self, const char *sip_call_id, DflLeg **leg)
{
  return offer (self, "alice", sip_call_id, leg);
}

static const char *
intern_path (const char *prefix, const char *id)
{
  g_autofree char *path = g_strconcat (prefix, id, NULL);

  return g_intern_string (path);
}

const char *
path_of_call (DflCall *call)
{
  return intern_path (DFL_CALL_PATH_PREFIX, dfl_call_get_id (call));
}

const char *
path_of_account (DflAccount *account)
{
  return intern_path (DFL_ACCOUNT_PATH_PREFIX, dfl_account_get_id (account));
}

/* --- Method calls --- */

static char *
split_method (const char *method, const char **member)
{
  static const char *const ours[] = { "Call", "Account", "Manager" };
  const char *dot = strrchr (method, '.');
  g_autofree char *prefix = NULL;

  *member = dot == NULL ? method : dot + 1;
  if (dot == NULL)
    return NULL;
  prefix = g_strndup (method, dot - method);
  if (strchr (prefix, '.') != NULL)
    return g_steal_pointer (&prefix);
  for (guint i = 0; i < G_N_ELEMENTS (ours); i++)
    {
      if (g_str_equal (prefix, ours[i]))
        return g_strconcat (DFL_BUS_NAME ".", prefix, NULL);
    }
  return g_strconcat ("org.freedesktop.DBus.", prefix, NULL);
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Pending *pending = data;
  g_autoptr (GDBusMessage) reply = g_dbus_connection_send_message_with_reply_finish (
      G_DBUS_CONNECTION (source), result, &pending->error);

  if (reply != NULL && !g_dbus_message_to_gerror (reply, &pending->error))
    {
      GVariant *body = g_dbus_message_get_body (reply);

      pending->result = body == NULL ? g_variant_ref_sink (g_variant_new ("()"))
                                     : g_variant_ref (body);
    }
  pending->done = TRUE;
}

Pending *
fixture_start_with (Fixture *self,
                    GDBusConnection *connection,
                    const char *path,
                    const char *method,
                    GVariant *parameters,
                    GDBusMessageFlags flags)
{
  Pending *pending = g_new0 (Pending, 1);
  const char *member;
  g_autofree char *interface = split_method (method, &member);
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (DFL_BUS_NAME, path, interface,
                                                                     member);

  if (parameters != NULL)
    g_dbus_message_set_body (message, parameters);
  g_dbus_message_set_flags (message, flags);
  g_dbus_connection_send_message_with_reply (connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
                                             G_MAXINT, NULL, NULL, on_reply, pending);
  return pending;
}

Pending *
fixture_start (Fixture *self,
               GDBusConnection *connection,
               const char *path,
               const char *method,
               GVariant *parameters)
{
  return fixture_start_with (self, connection, path, method, parameters, G_DBUS_MESSAGE_FLAGS_NONE);
}

void
fixture_wait (const gboolean *what)
{
  while (!*what)
    g_main_context_iteration (NULL, TRUE);
}

void
pending_wait (Pending *self)
{
  fixture_wait (&self->done);
}

void
pending_free (Pending *self)
{
  pending_wait (self);
  g_clear_pointer (&self->result, g_variant_unref);
  g_clear_error (&self->error);
  g_free (self);
}

GVariant *
fixture_call (Fixture *self,
              GDBusConnection *connection,
              const char *path,
              const char *method,
              GVariant *parameters,
              GError **error)
{
  g_autoptr (Pending) pending = fixture_start (self, connection, path, method, parameters);

  pending_wait (pending);
  if (pending->error != NULL)
    g_propagate_error (error, g_steal_pointer (&pending->error));
  return g_steal_pointer (&pending->result);
}

GVariant *
fixture_expect (Fixture *self,
                GDBusConnection *connection,
                const char *path,
                const char *method,
                GVariant *parameters,
                const char *result)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = fixture_call (self, connection, path, method, parameters, &error);

  g_assert_no_error (error);
  if (result != NULL)
    {
      g_autofree char *text = g_variant_print (value, FALSE);

      g_assert_cmpstr (text, ==, result);
    }
  return value;
}

void
fixture_do (Fixture *self,
            GDBusConnection *connection,
            const char *path,
            const char *method,
            GVariant *parameters,
            const char *result)
{
  g_variant_unref (fixture_expect (self, connection, path, method, parameters, result));
}

char *
fixture_expect_error (Fixture *self,
                      GDBusConnection *connection,
                      const char *path,
                      const char *method,
                      GVariant *parameters,
                      const char *error_name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = fixture_call (self, connection, path, method, parameters, &error);
  g_autofree char *name = NULL;

  g_assert_null (value);
  g_assert_nonnull (error);
  name = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (name, ==, error_name);
  g_dbus_error_strip_remote_error (error);
  /* Every message is a sentence without its full stop, or says what is wrong with a key. */
  g_assert_true (g_ascii_isupper (error->message[0])
                 || (g_str_equal (error_name, DFL_ERROR_PREFIX "InvalidSettings")
                     && strstr (error->message, ": ") != NULL));
  g_assert_false (g_str_has_suffix (error->message, "."));
  return g_strdup (error->message);
}

void
fixture_fail (Fixture *self,
              GDBusConnection *connection,
              const char *path,
              const char *method,
              GVariant *parameters,
              const char *error_name)
{
  g_free (fixture_expect_error (self, connection, path, method, parameters, error_name));
}

char *
fixture_get (Fixture *self,
             GDBusConnection *connection,
             const char *path,
             const char *interface,
             const char *property)
{
  g_autoptr (GVariant) value = fixture_expect (self, connection, path, "Properties.Get",
                                               g_variant_new ("(ss)", interface, property), NULL);
  g_autoptr (GVariant) inner = NULL;

  g_variant_get (value, "(v)", &inner);
  return g_variant_print (inner, FALSE);
}

void
fixture_settle (Fixture *self, GDBusConnection *connection)
{
  g_autoptr (GVariant) pong = fixture_expect (self, connection, DFL_ROOT_PATH, "Peer.Ping", NULL,
                                              "()");

  while (g_main_context_iteration (NULL, FALSE))
    continue;
}
