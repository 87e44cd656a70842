/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Users who know the paths of others' objects, and ask for everything there is at them: they are
 * told what they would be told of objects that never were, whatever polkit allows them. */

#include <string.h>

#include "machine.h"
#include "names.h"
#include "neighbours.h"
#include "stage/password-agent.h"

#define TARGET "sip:+4915550100@mobile.example"
#define DBUS "org.freedesktop.DBus"
#define PROPERTIES DBUS ".Properties"
#define UNKNOWN_OBJECT DBUS ".Error.UnknownObject"
#define NOT_AUTHORIZED DFL_ERROR_PREFIX "NotAuthorized"

/* --- Questions --- */

typedef struct
{
  const char *interface;
  const char *member;
  const char *body; /* in the text format of GVariant, or NULL */
} Question;

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
  g_autoptr (GVariant) body = NULL;
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

/* --- With polkit --- */

/* What polkit says of everybody who is not root, in no, an inactive and an active session. */
typedef struct
{
  const char *name;
  const char *rules;
  char redirect[3]; /* n: no, c: challenge, y: yes */
  char add[3];
} Permits;

#define RULE(result)                                                                               \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id.indexOf('org.deflectd1.') == 0 && action.id.indexOf('.test.') < 0)"             \
  "    return polkit.Result." result ";"                                                           \
  "});"

static const Permits permits[] = {
  { "default", "", { 'n', 'c', 'y' }, { 'n', 'c', 'y' } },
  { "denied", RULE ("NO"), { 'n', 'n', 'n' }, { 'n', 'n', 'n' } },
  { "challenged", RULE ("AUTH_SELF"), { 'c', 'c', 'c' }, { 'c', 'c', 'c' } },
  { "allowed", RULE ("YES"), { 'y', 'y', 'y' }, { 'y', 'y', 'y' } },
};

static const char *const session_names[] = { "none", "inactive", "active" };

typedef struct
{
  const Permits *permits;
  PolkitdSession session;
} Cell;

/* What a user gets at what they see. */
static void
check_permitted (Neighbours *self, Witness *witness, NeighbourName account, char answer)
{
  const char *expected = answer == 'y' ? "" : NOT_AUTHORIZED;
  GVariant *body = g_variant_new ("(sa{sv})", TARGET, NULL);
  g_autoptr (GDBusMessage) reply = witness_ask (witness, self->calls[account], DFL_CALL_INTERFACE,
                                                "CheckRedirect", body);
  g_autofree char *error = witness_try (witness, self->calls[account], DFL_CALL_INTERFACE,
                                        "Silence", NULL);
  gboolean possible;

  g_assert_cmpstr (error, ==, expected);
  g_assert_cmpint (g_dbus_message_get_message_type (reply), ==, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
  g_variant_get (g_dbus_message_get_body (reply), "(bass)", &possible, NULL, NULL);
  g_assert_cmpint (possible, ==, answer != 'n');
}

static char *
private_address (Witness *witness)
{
  return g_strdup_printf ("%s-private@provider.example",
                          machine_get_user (witness_get_uid (witness)));
}

/* What each added is theirs alone. */
static void
check_added (Neighbours *self)
{
  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint other = 1; other < N_WITNESSES; other++)
      {
        g_autofree char *address = private_address (self->witnesses[w]);

        witness_catch_up (self->witnesses[other]);
        if (other != w)
          g_assert_false (witness_has_received (self->witnesses[other], address));
      }
}

/* Each adds an account; nobody's name is in the way of another's. */
static void
check_adding (Witness *witness, char answer)
{
  const char *expected = answer == 'y' ? "" : NOT_AUTHORIZED;
  g_autofree char *address = private_address (witness);
  g_autofree char *settings = g_strdup_printf ("{'address': <'sip:%s'>}", address);
  g_autofree char *error = witness_add_account (witness, "work", settings, NULL);

  g_assert_true (g_str_has_prefix (error, expected));
  if (answer == 'y')
    g_assert_cmpstr (error, ==, "");
}

static void
check_permits (Neighbours *self, Witness *witness, const Cell *cell)
{
  gboolean is_root = witness_get_uid (witness) == 0;
  char redirect = is_root ? 'y' : cell->permits->redirect[cell->session];
  char add = is_root ? 'y' : cell->permits->add[cell->session];

  for (guint i = 0; i < N_NEIGHBOURS; i++)
    if (neighbours_sees (witness_get_uid (witness), i))
      check_permitted (self, witness, i, redirect);
  check_adding (witness, add);
}

static void
test_permits (gconstpointer data)
{
  const Cell *cell = data;
  g_autoptr (Neighbours) self = neighbours_new ();
  Polkitd *polkitd = stage_start_polkitd (self->stage, cell->permits->rules);
  PasswordAgent *agents[N_WITNESSES] = { NULL };

  for (guint w = 1; w < N_WITNESSES; w++)
    {
      Witness *witness = self->witnesses[w];

      polkitd_set_session (polkitd, witness_get_pid (witness), witness_get_uid (witness),
                           cell->session);
      agents[w] = password_agent_new (stage_get_bus_address (self->stage),
                                      witness_get_pid (witness), witness_get_uid (witness),
                                      PASSWORD_AGENT_NEVER);
    }
  neighbours_listen (self);
  neighbours_call (self);
  check_all_guesses (self);
  for (guint w = 0; w < N_WITNESSES; w++)
    check_permits (self, self->witnesses[w], cell);
  check_added (self);
  neighbours_check (self, NEIGHBOURS_ANYTHING_BUT_PATHS, TRUE);
  /* Nobody is asked for a password for what they must not know of. */
  for (guint w = 1; w < N_WITNESSES; w++)
    {
      g_assert_false (password_agent_peek (agents[w]));
      password_agent_free (agents[w]);
    }
}

int
main (int argc, char **argv)
{
  static Cell cells[G_N_ELEMENTS (permits)][G_N_ELEMENTS (session_names)];

  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_func ("/privacy-paths/guessed", test_guessed_paths);
  for (guint p = 0; p < G_N_ELEMENTS (permits); p++)
    for (guint s = 0; s < G_N_ELEMENTS (session_names); s++)
      {
        g_autofree char *name = g_strdup_printf ("/privacy-paths/polkit/%s/%s", permits[p].name,
                                                 session_names[s]);

        cells[p][s] = (Cell){ &permits[p], (PolkitdSession)s };
        g_test_add_data_func (name, &cells[p][s], test_permits);
      }
  return g_test_run ();
}
