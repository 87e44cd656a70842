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
#define PROPERTIES DBUS ".Properties"

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

/* --- The programs that people have --- */

/* Commands whose words ADDRESS, CALL and ACCOUNT are the user's bus and somebody's objects, each by
 * its whole path; CALL_ID and ACCOUNT_ID are the identifiers alone. */
typedef struct
{
  const char *name;
  const char *look[4];  /* around, up to NULL */
  const char *guess[6]; /* at an object, up to NULL */
} Program;

#define GDBUS_CALL "gdbus call --address ADDRESS --dest " DFL_BUS_NAME " --object-path "
#define BUSCTL "busctl --address=ADDRESS --no-pager "
#define DBUS_SEND                                                                                  \
  "dbus-send --bus=ADDRESS --print-reply --type=method_call --dest=" DFL_BUS_NAME " "

static const Program programs[] = {
  { "gdbus",
    { "gdbus introspect --address ADDRESS --dest " DFL_BUS_NAME " --object-path / --recurse",
      GDBUS_CALL DFL_ROOT_PATH " --method " DBUS ".ObjectManager.GetManagedObjects", NULL },
    { "gdbus introspect --address ADDRESS --dest " DFL_BUS_NAME " --object-path CALL",
      GDBUS_CALL "CALL --method " PROPERTIES ".GetAll " DFL_CALL_INTERFACE,
      GDBUS_CALL "CALL --method " DFL_CALL_INTERFACE ".CheckRedirect " TARGET " {}",
      GDBUS_CALL "ACCOUNT --method " PROPERTIES ".Get " DFL_ACCOUNT_INTERFACE " Name", NULL } },
  { "busctl",
    { BUSCTL "tree " DFL_BUS_NAME,
      BUSCTL "call " DFL_BUS_NAME " " DFL_ROOT_PATH " " DBUS ".ObjectManager GetManagedObjects",
      NULL },
    { BUSCTL "introspect " DFL_BUS_NAME " CALL",
      BUSCTL "get-property " DFL_BUS_NAME " CALL " DFL_CALL_INTERFACE " CallerNumber",
      BUSCTL "call " DFL_BUS_NAME " CALL " DFL_CALL_INTERFACE " CheckRedirect sa{sv} " TARGET " 0",
      BUSCTL "introspect " DFL_BUS_NAME " ACCOUNT", NULL } },
  { "dbus-send",
    { DBUS_SEND DFL_ROOT_PATH " " DBUS ".ObjectManager.GetManagedObjects",
      DBUS_SEND DFL_ROOT_PATH " " DBUS ".Introspectable.Introspect", NULL },
    { DBUS_SEND "CALL " DBUS ".Introspectable.Introspect",
      DBUS_SEND "CALL " PROPERTIES ".GetAll string:" DFL_CALL_INTERFACE,
      DBUS_SEND "ACCOUNT " PROPERTIES ".Get string:" DFL_ACCOUNT_INTERFACE " string:Name", NULL } },
  { "deflectctl",
    { "deflectctl --bus ADDRESS list --json", "deflectctl --bus ADDRESS account list --json",
      "deflectctl --bus ADDRESS status --json", NULL },
    { "deflectctl --bus ADDRESS show CALL_ID", "deflectctl --bus ADDRESS show CALL_ID --json",
      "deflectctl --bus ADDRESS account show ACCOUNT_ID", NULL } },
};

static const char *
word_for (const char *word, const char *address, const char *call, const char *account)
{
  if (g_str_equal (word, "ADDRESS"))
    return address;
  if (g_str_equal (word, "CALL"))
    return call;
  if (g_str_equal (word, "CALL_ID"))
    return strrchr (call, '/') + 1;
  if (g_str_equal (word, "ACCOUNT"))
    return account;
  if (g_str_equal (word, "ACCOUNT_ID"))
    return strrchr (account, '/') + 1;
  return word;
}

/* What a program says and how it ends, with its objects' identifiers taken out. */
static char *
run_program (
    Neighbours *self, Witness *witness, const char *command, const char *call, const char *account)
{
  g_auto (GStrv) words = g_strsplit (command, " ", -1);
  g_autoptr (GString) said = g_string_new (NULL);
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  Player *player;
  int status;

  for (guint i = 0; words[i] != NULL; i++)
    {
      const char *equals = g_str_has_suffix (words[i], "=ADDRESS") ? strchr (words[i], '=') + 1
                                                                   : words[i];
      const char *value = word_for (equals, witness_get_address (witness), call, account);

      g_ptr_array_add (argv, g_strdup_printf ("%.*s%s", (int)(equals - words[i]), words[i], value));
    }
  player = stage_play_argv_as (self->stage, witness_get_uid (witness), argv);
  status = player_await (self->stage, player);
  output = player_read_output (player);
  errors = player_read_errors (player);
  g_string_printf (said, "%d\n%s\n%s", status, output, errors);
  g_string_replace (said, strrchr (call, '/') + 1, "ID", 0);
  g_string_replace (said, strrchr (account, '/') + 1, "ID", 0);
  return g_string_free (g_steal_pointer (&said), FALSE);
}

static void
check_program (Neighbours *self, Witness *witness, NeighbourName account, const char *command)
{
  gboolean sees = neighbours_sees (witness_get_uid (witness), account);
  g_autofree char *of_one = run_program (self, witness, command, self->calls[account],
                                         self->accounts[account]);
  g_autofree char *of_absent = run_program (self, witness, command, DFL_CALL_PATH_PREFIX "00000000",
                                            DFL_ACCOUNT_PATH_PREFIX "00000000");

  if (sees)
    g_assert_cmpstr (of_one, !=, of_absent);
  else
    g_assert_cmpstr (of_one, ==, of_absent);
}

static void
test_program (gconstpointer data)
{
  const Program *program = data;
  g_autoptr (Neighbours) self = neighbours_new ();

  neighbours_call (self);
  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint i = 0; program->look[i] != NULL; i++)
      g_free (run_program (self, self->witnesses[w], program->look[i], self->calls[0],
                           self->accounts[0]));
  neighbours_check (self, NEIGHBOURS_ANYTHING, TRUE);
  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint account = 0; account < N_NEIGHBOURS; account++)
      for (guint i = 0; program->guess[i] != NULL; i++)
        check_program (self, self->witnesses[w], account, program->guess[i]);
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
  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    {
      g_autofree char *name = g_strdup_printf ("/privacy/programs/%s", programs[i].name);

      g_test_add_data_func (name, &programs[i], test_program);
    }
  return g_test_run ();
}
