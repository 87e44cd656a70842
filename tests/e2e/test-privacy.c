/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who learns what of whose calls: each user by each account by each way of access. Not one byte of
 * what is somebody else's may occur in what a user gets. */

#include <signal.h>
#include <string.h>

#include "machine.h"
#include "names.h"
#include "neighbours.h"

#define TARGET "sip:+4915550100@mobile.example"
#define DBUS "org.freedesktop.DBus"
#define UNKNOWN_OBJECT DBUS ".Error.UnknownObject"

static GVariant *
redirect_to (const char *target, gboolean wait)
{
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (!wait)
    g_variant_builder_add (&options, "{sv}", "wait", g_variant_new_boolean (FALSE));
  return g_variant_new ("(sa{sv})", target, &options);
}

/* --- Listening, for the life of calls --- */

typedef struct
{
  const char *name;
  const char *member; /* of the interface, or NULL */
  guint status;
  const char *story;
  gboolean acknowledged;
} Life;

static const Life lives[] = {
  { "redirected", "Redirect", 302, "offered redirecting idle:redirected removed", TRUE },
  { "unconfirmed", "Redirect", 302, "offered redirecting idle:unconfirmed removed", FALSE },
  { "declined", "Decline", 486, "offered declining idle:declined removed", TRUE },
  { "cancelled", NULL, 487, "offered idle:cancelled removed", TRUE },
  { "silenced", "Silence", 487, "offered silenced idle:cancelled removed", TRUE },
};

/* Root decides, or the caller gives up. */
static void
end_call (Neighbours *self, NeighbourName account, const Life *life)
{
  Wire *wire = self->wires[account];
  GVariant *body = NULL;

  if (g_strcmp0 (life->member, "Redirect") == 0)
    body = redirect_to (TARGET, FALSE);
  else if (g_strcmp0 (life->member, "Decline") == 0)
    body = g_variant_new ("(a{sv})", NULL);
  if (life->member != NULL)
    {
      g_autofree char *error = witness_try (neighbours_get_witness (self, 0), self->calls[account],
                                            DFL_CALL_INTERFACE, life->member, body);

      g_assert_cmpstr (error, ==, "");
    }
  if (life->status == 487)
    wire_cancel (wire);
  wire_await_response (wire, life->status, "INVITE");
  if (life->acknowledged)
    wire_acknowledge (wire);
}

static void
live (Neighbours *self, const Life *life)
{
  for (guint i = 0; i < N_NEIGHBOURS; i++)
    end_call (self, i, life);
  for (guint i = 0; i < N_NEIGHBOURS; i++)
    stage_await_story (self->stage, self->calls[i], life->story);
}

/* A program that listens, until what it says shows that it does. */
static Player *
start_listener (Neighbours *self, guint uid, const char *sign, const char *const *arguments)
{
  Witness *witness = neighbours_get_witness (self, uid);
  g_autofree char *option = g_strdup_printf ("--address=%s", witness_get_address (witness));
  g_autofree char *said = NULL;
  Player *player;

  player = stage_play_as (self->stage, uid, arguments[0], arguments[1], option, arguments[2],
                          arguments[3], arguments[4], NULL);
  AWAIT (self->stage, (g_free (said), said = player_read_output (player),
                       strstr (said, sign) != NULL || player_has_ended (player)));
  return player;
}

static void
test_listening (gconstpointer data)
{
  static const char *const monitor[] = { "gdbus", "monitor", "--dest", DFL_BUS_NAME, NULL };
  static const char *const eavesdrop[] = { "dbus-monitor", "--monitor", "sender='" DFL_BUS_NAME "'",
                                           NULL, NULL };
  const Life *life = data;
  g_autoptr (Neighbours) self = neighbours_new ();
  GPtrArray *players = g_ptr_array_new ();

  neighbours_listen (self);
  for (guint i = 0; i < N_WITNESSES; i++)
    {
      guint uid = witness_get_uid (self->witnesses[i]);

      g_ptr_array_add (players, start_listener (self, uid, "owned by", monitor));
      g_ptr_array_add (players, start_listener (self, uid, "NameAcquired", eavesdrop));
    }
  for (guint round = 0; round < 2; round++)
    {
      neighbours_call (self);
      live (self, life);
    }
  neighbours_check (self, NEIGHBOURS_ANYTHING, TRUE);
  for (guint i = 0; i < players->len; i++)
    {
      player_signal (players->pdata[i], SIGTERM);
      player_await (self->stage, players->pdata[i]);
    }
  g_ptr_array_unref (players);
}

/* Nobody but root may see what passes over the bus. */
static void
test_monitor (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();

  for (guint i = 1; i < N_WITNESSES; i++)
    {
      g_autoptr (GDBusConnection) connection = witness_connect (self->witnesses[i]);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) reply = g_dbus_connection_call_sync (connection, DBUS,
                                                                "/org/freedesktop/DBus",
                                                                DBUS ".Monitoring", "BecomeMonitor",
                                                                g_variant_new ("(asu)", NULL, 0),
                                                                NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                                                                NULL, &error);

      g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
    }
  neighbours_call (self);
  neighbours_check (self, NEIGHBOURS_ANYTHING, FALSE);
}

/* --- Looking around --- */

/* Introspects a path and everything that it names below. */
static void
introspect (Witness *witness, const char *path, GHashTable *found)
{
  g_autoptr (GDBusMessage) reply = witness_ask (witness, path, DBUS ".Introspectable", "Introspect",
                                                NULL);
  g_autoptr (GDBusNodeInfo) node = NULL;
  g_autoptr (GError) error = NULL;
  const char *xml;

  g_hash_table_add (found, g_strdup (path));
  g_assert_cmpint (g_dbus_message_get_message_type (reply), ==, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
  g_variant_get (g_dbus_message_get_body (reply), "(&s)", &xml);
  node = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  for (guint i = 0; node->nodes != NULL && node->nodes[i] != NULL; i++)
    {
      g_autofree char *child = g_strdup_printf ("%s/%s", g_str_equal (path, "/") ? "" : path,
                                                node->nodes[i]->path);

      introspect (witness, child, found);
    }
}

static guint
count_visible (Witness *witness)
{
  guint n = 0;

  for (guint i = 0; i < N_NEIGHBOURS; i++)
    n += neighbours_sees (witness_get_uid (witness), i);
  return n;
}

static void
test_introspection (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();

  neighbours_call (self);
  for (guint w = 0; w < N_WITNESSES; w++)
    {
      Witness *witness = self->witnesses[w];
      g_autoptr (GHashTable) found = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

      introspect (witness, "/", found);
      for (guint i = 0; i < N_NEIGHBOURS; i++)
        {
          gboolean sees = neighbours_sees (witness_get_uid (witness), i);

          g_assert_cmpint (g_hash_table_contains (found, self->accounts[i]), ==, sees);
          g_assert_cmpint (g_hash_table_contains (found, self->calls[i]), ==, sees);
        }
      /* "/", "/org", the root, the parents of accounts and calls. */
      g_assert_cmpuint (g_hash_table_size (found), ==, 5 + 2 * count_visible (witness));
    }
  neighbours_check (self, NEIGHBOURS_ANYTHING, FALSE);
}

static void
test_managed_objects (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();

  neighbours_call (self);
  for (guint w = 0; w < N_WITNESSES; w++)
    {
      g_autoptr (GDBusMessage) reply = witness_ask (self->witnesses[w], DFL_ROOT_PATH,
                                                    DBUS ".ObjectManager", "GetManagedObjects",
                                                    NULL);
      g_autoptr (GVariant) objects = g_variant_get_child_value (g_dbus_message_get_body (reply), 0);

      g_assert_cmpuint (g_variant_n_children (objects), ==, 2 * count_visible (self->witnesses[w]));
    }
  neighbours_check (self, NEIGHBOURS_ANYTHING, TRUE);
}

static gboolean
knows (GDBusObjectManager *manager, const char *path)
{
  g_autoptr (GDBusObject) object = g_dbus_object_manager_get_object (manager, path);

  return object != NULL;
}

/* The object manager client of GLib, made before the calls come. */
static void
test_object_manager_client (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();
  GDBusObjectManager *managers[N_WITNESSES];

  for (guint w = 0; w < N_WITNESSES; w++)
    {
      g_autoptr (GDBusConnection) connection = witness_connect (self->witnesses[w]);
      g_autoptr (GError) error = NULL;

      managers[w] = g_dbus_object_manager_client_new_sync (
          connection, G_DBUS_OBJECT_MANAGER_CLIENT_FLAGS_DO_NOT_AUTO_START, DFL_BUS_NAME,
          DFL_ROOT_PATH, NULL, NULL, NULL, NULL, &error);
      g_assert_no_error (error);
    }
  neighbours_call (self);
  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint i = 0; i < N_NEIGHBOURS; i++)
      if (neighbours_sees (witness_get_uid (self->witnesses[w]), i))
        AWAIT (self->stage, knows (managers[w], self->calls[i]));
  neighbours_check (self, NEIGHBOURS_ANYTHING, TRUE);
  for (guint w = 0; w < N_WITNESSES; w++)
    {
      GList *objects = g_dbus_object_manager_get_objects (managers[w]);

      g_assert_cmpuint (g_list_length (objects), ==, 2 * count_visible (self->witnesses[w]));
      g_list_free_full (objects, g_object_unref);
      g_object_unref (managers[w]);
    }
}

static void
test_find_call (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();

  neighbours_call (self);
  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint i = 0; i < N_NEIGHBOURS; i++)
      {
        g_autoptr (GDBusMessage) reply = witness_ask (self->witnesses[w], DFL_ROOT_PATH,
                                                      DFL_MANAGER_INTERFACE, "FindCall",
                                                      g_variant_new ("(s)", wire_get_call_id (
                                                                                self->wires[i])));
        g_autofree char *found = g_variant_print (g_dbus_message_get_body (reply), FALSE);
        g_autofree char *expected = neighbours_sees (witness_get_uid (self->witnesses[w]), i)
                                        ? g_strdup_printf ("(['%s'],)", self->calls[i])
                                        : g_strdup ("([],)");

        g_assert_cmpstr (found, ==, expected);
      }
  neighbours_check (self, NEIGHBOURS_ANYTHING, FALSE);
}

/* --- Guessing right --- */

typedef struct
{
  const char *interface;
  const char *member;
  const char *body; /* in the text format of GVariant, or NULL */
} Question;

#define PROPERTIES DBUS ".Properties"

/* None of these changes anything where it is answered. */
static const Question of_any[] = {
  { DBUS ".Introspectable", "Introspect", NULL },
  { DBUS ".Peer", "Ping", NULL },
  { DBUS ".Peer", "GetMachineId", NULL },
  { DBUS ".ObjectManager", "GetManagedObjects", NULL },
  { PROPERTIES, "GetAll", "('',)" },
  { PROPERTIES, "GetAll", "('org.example.Other',)" },
  { PROPERTIES, "Get", "('org.example.Other', 'State')" },
  { PROPERTIES, "Get", "(1,)" },
  { "org.example.Other", "Redirect", NULL },
  { NULL, "NoSuchMethod", NULL },
  { DFL_MANAGER_INTERFACE, "FindCall", "('none',)" },
};

static const Question of_calls[] = {
  { PROPERTIES, "GetAll", "('" DFL_CALL_INTERFACE "',)" },
  { PROPERTIES, "Get", "('" DFL_CALL_INTERFACE "', 'State')" },
  { PROPERTIES, "Get", "('" DFL_CALL_INTERFACE "', 'CallerNumber')" },
  { PROPERTIES, "Get", "('" DFL_CALL_INTERFACE "', 'Account')" },
  { PROPERTIES, "Get", "('" DFL_CALL_INTERFACE "', 'NoSuchProperty')" },
  { PROPERTIES, "Set", "('" DFL_CALL_INTERFACE "', 'State', <'idle'>)" },
  { DFL_CALL_INTERFACE, "NoSuchMethod", NULL },
  { DFL_CALL_INTERFACE, "Redirect", "(1,)" },
  { DFL_CALL_INTERFACE, "CheckRedirect", "('" TARGET "', @a{sv} {})" },
  { DFL_CALL_INTERFACE, "CheckRedirect", "('not a target', @a{sv} {})" },
  { NULL, "CheckRedirect", "('" TARGET "', @a{sv} {})" },
};

/* These decide: asked by who must not see the call, they must not. */
static const Question decisions[] = {
  { DFL_CALL_INTERFACE, "Redirect", "('" TARGET "', @a{sv} {})" },
  { DFL_CALL_INTERFACE, "Redirect", "('not a target', @a{sv} {})" },
  { DFL_CALL_INTERFACE, "Redirect", "('" TARGET "', {'nonsense': <1>})" },
  { DFL_CALL_INTERFACE, "Redirect", "('" TARGET "', {'wait': <false>})" },
  { NULL, "Redirect", "('" TARGET "', @a{sv} {})" },
  { DFL_CALL_INTERFACE, "Decline", "(@a{sv} {},)" },
  { DFL_CALL_INTERFACE, "Silence", NULL },
  { DFL_CALL_INTERFACE, "Keep", NULL },
};

static const Question of_accounts[] = {
  { PROPERTIES, "GetAll", "('" DFL_ACCOUNT_INTERFACE "',)" },
  { PROPERTIES, "Get", "('" DFL_ACCOUNT_INTERFACE "', 'Name')" },
  { PROPERTIES, "Get", "('" DFL_ACCOUNT_INTERFACE "', 'Users')" },
  { PROPERTIES, "Get", "('" DFL_ACCOUNT_INTERFACE "', 'NoSuchProperty')" },
  { DFL_ACCOUNT_INTERFACE, "NoSuchMethod", NULL },
  { DFL_ACCOUNT_INTERFACE, "TestRules", "(@a{sv} {},)" },
};

static const Question changes[] = {
  { PROPERTIES, "Set", "('" DFL_ACCOUNT_INTERFACE "', 'Enabled', <false>)" },
  { PROPERTIES, "Set", "('" DFL_ACCOUNT_INTERFACE "', 'Name', <'mine'>)" },
  { DFL_ACCOUNT_INTERFACE, "Update", "({'enabled': <false>},)" },
  { DFL_ACCOUNT_INTERFACE, "Update", "({'users': <['alice', 'bob', 'carol']>},)" },
  { DFL_ACCOUNT_INTERFACE, "Update", "({'nonsense': <1>},)" },
  { DFL_ACCOUNT_INTERFACE, "Remove", NULL },
  { DFL_ACCOUNT_INTERFACE, "Register", NULL },
  { DFL_ACCOUNT_INTERFACE, "SetRules", "(@aa{sv} [], '')" },
  { DFL_ACCOUNT_INTERFACE, "SetTargets", "([('mobile', 'Mobile', '" TARGET "')],)" },
};

static GDBusMessage *
ask (Witness *witness, const char *path, const Question *question, gboolean interactively)
{
  GVariant *body = NULL;
  g_autoptr (GError) error = NULL;

  if (question->body != NULL)
    body = g_variant_parse (NULL, question->body, NULL, NULL, &error);
  g_assert_no_error (error);
  if (body != NULL && !g_variant_is_of_type (body, G_VARIANT_TYPE_TUPLE))
    g_error ("%s is no tuple", question->body);
  return interactively ? witness_ask_interactively (witness, path, question->interface,
                                                    question->member, body)
                       : witness_ask (witness, path, question->interface, question->member, body);
}

/* The bytes of a message but for the numbers that count messages. */
static GBytes *
bytes_of (GDBusMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusMessage) copy = g_dbus_message_copy (message, &error);
  guchar *bytes;
  gsize length;

  g_assert_no_error (error);
  g_dbus_message_set_serial (copy, 1);
  g_dbus_message_set_reply_serial (copy, 1);
  bytes = g_dbus_message_to_blob (copy, &length, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (bytes, length);
}

/* The bus itself refuses, whatever the path is. */
static gboolean
is_from_bus (GDBusMessage *reply)
{
  return g_strcmp0 (g_dbus_message_get_sender (reply), DBUS) == 0
         && g_strcmp0 (g_dbus_message_get_error_name (reply), DBUS ".Error.AccessDenied") == 0;
}

/* What is hidden answers, byte for byte, what is absent answers. Returns what is wrong. */
static guint
check_hidden (Witness *witness,
              const char *hidden,
              const char *absent,
              const Question *question,
              gboolean interactively)
{
  g_autoptr (GDBusMessage) of_hidden = ask (witness, hidden, question, interactively);
  g_autoptr (GDBusMessage) of_absent = ask (witness, absent, question, interactively);
  g_autoptr (GBytes) first = bytes_of (of_hidden);
  g_autoptr (GBytes) second = bytes_of (of_absent);

  if (g_bytes_equal (first, second)
      && (g_strcmp0 (g_dbus_message_get_error_name (of_hidden), UNKNOWN_OBJECT) == 0
          || is_from_bus (of_hidden)))
    return 0;
  g_printerr ("LEAK: %s can tell %s from %s by %s.%s(%s): %s\n",
              machine_get_user (witness_get_uid (witness)), hidden, absent,
              question->interface != NULL ? question->interface : "", question->member,
              question->body != NULL ? question->body : "",
              g_dbus_message_get_error_name (of_hidden));
  return 1;
}

/* What is visible is not denied to be there. */
static guint
check_visible (Witness *witness, const char *path, const Question *question)
{
  g_autoptr (GDBusMessage) reply = ask (witness, path, question, FALSE);

  if (g_strcmp0 (g_dbus_message_get_error_name (reply), UNKNOWN_OBJECT) != 0)
    return 0;
  g_printerr ("BLIND: for %s there is no %s in %s\n", machine_get_user (witness_get_uid (witness)),
              path, question->member);
  return 1;
}

/* One cell of the table: all questions about one object. */
static guint
check_object (Witness *witness,
              gboolean sees,
              const char *path,
              const char *absent,
              const Question *questions,
              gsize n,
              gboolean decide)
{
  guint wrong = 0;

  for (gsize i = 0; i < n; i++)
    {
      if (!sees)
        wrong += check_hidden (witness, path, absent, &questions[i], FALSE)
                 + check_hidden (witness, path, absent, &questions[i], TRUE);
      else if (!decide)
        wrong += check_visible (witness, path, &questions[i]);
    }
  return wrong;
}

static guint
check_guesses (Neighbours *self, Witness *witness, NeighbourName account)
{
  gboolean sees = neighbours_sees (witness_get_uid (witness), account);
  const char *call = self->calls[account];
  const char *path = self->accounts[account];
  guint wrong = 0;

  wrong += check_object (witness, sees, call, DFL_CALL_PATH_PREFIX "00000000", of_any,
                         G_N_ELEMENTS (of_any), FALSE);
  wrong += check_object (witness, sees, call, DFL_CALL_PATH_PREFIX "00000000", of_calls,
                         G_N_ELEMENTS (of_calls), FALSE);
  wrong += check_object (witness, sees, call, DFL_CALL_PATH_PREFIX "00000000", decisions,
                         G_N_ELEMENTS (decisions), TRUE);
  wrong += check_object (witness, sees, path, DFL_ACCOUNT_PATH_PREFIX "00000000", of_any,
                         G_N_ELEMENTS (of_any), FALSE);
  wrong += check_object (witness, sees, path, DFL_ACCOUNT_PATH_PREFIX "00000000", of_accounts,
                         G_N_ELEMENTS (of_accounts), FALSE);
  wrong += check_object (witness, sees, path, DFL_ACCOUNT_PATH_PREFIX "00000000", changes,
                         G_N_ELEMENTS (changes), TRUE);
  return wrong;
}

/* Everything that root sees, in words. */
static char *
describe_all (Neighbours *self)
{
  g_autoptr (GDBusMessage) reply = witness_ask (neighbours_get_witness (self, 0), DFL_ROOT_PATH,
                                                DBUS ".ObjectManager", "GetManagedObjects", NULL);

  return g_variant_print (g_dbus_message_get_body (reply), FALSE);
}

static void
check_all_guesses (Neighbours *self)
{
  g_autofree char *before = describe_all (self);
  g_autofree char *after = NULL;
  guint wrong = 0;

  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint i = 0; i < N_NEIGHBOURS; i++)
      wrong += check_guesses (self, self->witnesses[w], i);
  g_assert_cmpuint (wrong, ==, 0);
  after = describe_all (self);
  g_assert_cmpstr (after, ==, before);
}

static void
test_guessed_paths (void)
{
  g_autoptr (Neighbours) self = neighbours_new ();

  neighbours_listen (self);
  neighbours_call (self);
  check_all_guesses (self);
  neighbours_check (self, NEIGHBOURS_ANYTHING_BUT_PATHS, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  for (guint i = 0; i < G_N_ELEMENTS (lives); i++)
    {
      g_autofree char *name = g_strdup_printf ("/privacy/listening/%s", lives[i].name);

      g_test_add_data_func (name, &lives[i], test_listening);
    }
  g_test_add_func ("/privacy/monitor", test_monitor);
  g_test_add_func ("/privacy/introspection", test_introspection);
  g_test_add_func ("/privacy/managed-objects", test_managed_objects);
  g_test_add_func ("/privacy/object-manager-client", test_object_manager_client);
  g_test_add_func ("/privacy/find-call", test_find_call);
  g_test_add_func ("/privacy/guessed-paths", test_guessed_paths);
  return g_test_run ();
}
