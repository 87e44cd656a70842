/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "stage/password-agent.h"

#define POLKIT "org.freedesktop.PolicyKit1"
#define AUTHORITY_PATH "/org/freedesktop/PolicyKit1/Authority"
#define AGENT_PATH "/org/deflectd1/test/PasswordAgent"

struct _PasswordAgent
{
  char *address;
  GPid pid;
  guint32 uid;
  gint answer; /* a PasswordAgentAnswer, of any thread */
  GThread *thread;
  GMainLoop *loop;
  GMainContext *context;
  GDBusConnection *connection;
  GAsyncQueue *events;
  GHashTable *open; /* cookie to the invocation that is not answered */
};

static const char interface_xml[]
    = "<node><interface name='" POLKIT ".AuthenticationAgent'>"
      "<method name='BeginAuthentication'><arg type='s'/><arg type='s'/><arg type='s'/>"
      "<arg type='a{ss}'/><arg type='s'/><arg type='a(sa{sv})'/></method>"
      "<method name='CancelAuthentication'><arg type='s'/></method>"
      "</interface></node>";

static void
tell (PasswordAgent *self, char *event)
{
  g_async_queue_push (self->events, event);
  g_main_context_wakeup (NULL);
}

static void
close_dialog (gpointer invocation)
{
  g_dbus_method_invocation_return_dbus_error (invocation, POLKIT ".Error.Cancelled",
                                              "The dialog was closed");
}

static GVariant *
call_authority (PasswordAgent *self, const char *method, GVariant *parameters, GError **error)
{
  return g_dbus_connection_call_sync (self->connection, POLKIT, AUTHORITY_PATH, POLKIT ".Authority",
                                      method, parameters, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
                                      G_MAXINT, NULL, error);
}

/* Says, as root may, that the person is who the dialog asked for. */
static void
confirm (PasswordAgent *self, const char *cookie, GVariant *identities)
{
  g_autoptr (GVariant) identity = g_variant_get_child_value (identities, 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call_authority (self, "AuthenticationAgentResponse2",
                                               g_variant_new ("(us@(sa{sv}))", 0, cookie, identity),
                                               &error);

  g_assert_no_error (error);
}

static void
begin (PasswordAgent *self, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  const char *action, *message, *cookie;
  g_autoptr (GVariant) identities = NULL;

  g_variant_get (parameters, "(&s&s&s@a{ss}&s@a(sa{sv}))", &action, &message, NULL, NULL, &cookie,
                 &identities);
  tell (self, g_strdup_printf ("begin %s %s", action, message));
  switch ((PasswordAgentAnswer)g_atomic_int_get (&self->answer))
    {
    case PASSWORD_AGENT_YES:
      confirm (self, cookie, identities);
      g_dbus_method_invocation_return_value (invocation, NULL);
      break;
    case PASSWORD_AGENT_NO:
      close_dialog (invocation);
      break;
    default:
      g_hash_table_insert (self->open, g_strdup (cookie), invocation);
      break;
    }
}

static void
cancel (PasswordAgent *self, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  const char *cookie;

  g_variant_get (parameters, "(&s)", &cookie);
  g_hash_table_remove (self->open, cookie);
  tell (self, g_strdup ("cancel"));
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static void
on_method_call (GDBusConnection *connection,
                const char *sender,
                const char *path,
                const char *interface,
                const char *method,
                GVariant *parameters,
                GDBusMethodInvocation *invocation,
                gpointer data)
{
  if (g_str_equal (method, "BeginAuthentication"))
    begin (data, parameters, invocation);
  else
    cancel (data, parameters, invocation);
}

static void
enrol (PasswordAgent *self)
{
  static const GDBusInterfaceVTable vtable = { .method_call = on_method_call };
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (interface_xml, NULL);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  GVariantBuilder subject;

  self->connection = g_dbus_connection_new_for_address_sync (
      self->address,
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
          | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
      NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_register_object (self->connection, AGENT_PATH, node->interfaces[0], &vtable,
                                     self, NULL, &error);
  g_assert_no_error (error);

  g_variant_builder_init (&subject, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&subject, "{sv}", "pid", g_variant_new_uint32 (self->pid));
  /* 0: polkitd looks it up. */
  g_variant_builder_add (&subject, "{sv}", "start-time", g_variant_new_uint64 (0));
  g_variant_builder_add (&subject, "{sv}", "uid", g_variant_new_int32 ((gint32)self->uid));
  reply = call_authority (self, "RegisterAuthenticationAgent",
                          g_variant_new ("((sa{sv})ss)", "unix-process", &subject, "C", AGENT_PATH),
                          &error);
  g_assert_no_error (error);
}

static gpointer
run (gpointer data)
{
  PasswordAgent *self = data;

  g_main_context_push_thread_default (self->context);
  enrol (self);
  /* The creator waits for it. */
  g_async_queue_push (self->events, g_strdup ("ready"));
  g_main_loop_run (self->loop);
  g_hash_table_remove_all (self->open);
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_clear_object (&self->connection);
  while (g_main_context_iteration (self->context, FALSE))
    continue;
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

void
password_agent_set_answer (PasswordAgent *self, PasswordAgentAnswer answer)
{
  g_atomic_int_set (&self->answer, answer);
}

char *
password_agent_take (PasswordAgent *self)
{
  return g_async_queue_pop (self->events);
}

gboolean
password_agent_peek (PasswordAgent *self)
{
  return g_async_queue_length (self->events) > 0;
}

PasswordAgent *
password_agent_new (const char *address, GPid pid, guint32 uid, PasswordAgentAnswer answer)
{
  PasswordAgent *self = g_new0 (PasswordAgent, 1);
  g_autofree char *ready = NULL;

  self->address = g_strdup (address);
  self->pid = pid;
  self->uid = uid;
  self->answer = answer;
  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->events = g_async_queue_new_full (g_free);
  self->open = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, close_dialog);
  self->thread = g_thread_new ("password-agent", run, self);
  ready = password_agent_take (self);
  g_assert_cmpstr (ready, ==, "ready");
  return self;
}

static gboolean
on_free (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

void
password_agent_free (PasswordAgent *self)
{
  /* In its own thread, because the loop may not run yet. */
  GSource *source = g_idle_source_new ();

  g_source_set_callback (source, on_free, self->loop, NULL);
  g_source_attach (source, self->context);
  g_thread_join (self->thread);
  g_source_unref (source);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_async_queue_unref (self->events);
  g_hash_table_unref (self->open);
  g_free (self->address);
  g_free (self);
}
