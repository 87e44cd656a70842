/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/door.h"

#include "core/error.h"
#include "data/names.h"

/*
 * Stock GDBus answers Introspect, wrong signatures and unknown paths in its worker thread before
 * any handler of ours runs, and so tells who may not know what exists. Hence a filter: it sees
 * every message first, still in that worker thread, takes the method calls away, and queues them
 * for the main context, where nothing is answered before the sender is known (bus/peers.h).
 *
 * One GSource for the life of the door wakes the main context, once for all that has gathered.
 */

#define BUS_NAME "org.freedesktop.DBus"

/* What one turn of the loop serves at most, so that a flood on the bus does not keep SIP out. */
#define BATCH 64
#define BATCH_MICROSECONDS 5000
/* What may wait for the main context, in messages and in bytes; more is refused where it arrives.
 */
#define MAX_QUEUED 32768
#define MAX_QUEUED_BYTES (64 * 1024 * 1024)
/* No method takes more than this. */
#define MAX_BODY (256 * 1024)

/* What the worker thread and the main context share; outlives the door while a filter runs. */
typedef struct
{
  GMutex lock;
  GQueue messages;  /* of GDBusMessage */
  gsize bytes;      /* of their bodies */
  GSource *wake_up; /* NULL once the door is closed */
} Queue;

struct _DflDoor
{
  GDBusConnection *connection;
  Queue *queue;
  GSource *wake_up;
  guint filter;
  DflPeers *peers;
  DflPeerRequestFunc request;
  DflPeerGoneFunc gone;
  gpointer data;
};

static const char *const error_names[] = {
  [DFL_ERROR_FAILED] = DFL_ERROR_PREFIX "Failed",
  [DFL_ERROR_INVALID_TARGET] = DFL_ERROR_PREFIX "InvalidTarget",
  [DFL_ERROR_TARGET_NOT_ALLOWED] = DFL_ERROR_PREFIX "TargetNotAllowed",
  [DFL_ERROR_LOOP_DETECTED] = DFL_ERROR_PREFIX "LoopDetected",
  [DFL_ERROR_TOO_LATE] = DFL_ERROR_PREFIX "TooLate",
  [DFL_ERROR_INVALID_OPTION] = DFL_ERROR_PREFIX "InvalidOption",
  [DFL_ERROR_NOT_SUPPORTED] = DFL_ERROR_PREFIX "NotSupported",
  [DFL_ERROR_NOT_AUTHORIZED] = DFL_ERROR_PREFIX "NotAuthorized",
  [DFL_ERROR_UNCONFIRMED] = DFL_ERROR_PREFIX "Unconfirmed",
  [DFL_ERROR_LINE_DOWN] = DFL_ERROR_PREFIX "LineDown",
  [DFL_ERROR_LIMIT_EXCEEDED] = DFL_ERROR_PREFIX "LimitExceeded",
  [DFL_ERROR_INVALID_SETTINGS] = DFL_ERROR_PREFIX "InvalidSettings",
};
G_STATIC_ASSERT (G_N_ELEMENTS (error_names) == DFL_N_ERRORS);

const char *
dfl_door_error_name (const GError *error)
{
  if (error->domain == DFL_ERROR && error->code >= 0 && error->code < DFL_N_ERRORS)
    return error_names[error->code];
  return error_names[DFL_ERROR_FAILED];
}

static void
clear_queue (Queue *self)
{
  g_queue_clear_full (&self->messages, g_object_unref);
  g_mutex_clear (&self->lock);
}

static void
release_queue (gpointer self)
{
  g_atomic_rc_box_release_full (self, (GDestroyNotify)clear_queue);
}

/* --- Out --- */

static void
send (GDBusConnection *connection, GDBusMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (!g_dbus_connection_send_message (connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                       &error))
    g_debug ("A message could not be sent: %s", error->message);
}

static gboolean
wants_answer (GDBusMessage *request)
{
  return (g_dbus_message_get_flags (request) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) == 0;
}

static void
refuse (GDBusConnection *connection, GDBusMessage *request, const char *name, const char *text)
{
  g_autoptr (GDBusMessage) message = NULL;

  if (!wants_answer (request))
    return;
  message = g_dbus_message_new_method_error_literal (request, name, text);
  send (connection, message);
}

void
dfl_door_reply (DflDoor *self, GDBusMessage *request, GVariant *body)
{
  g_autoptr (GVariant) owned = body == NULL ? NULL : g_variant_ref_sink (body);
  g_autoptr (GDBusMessage) message = NULL;

  if (!wants_answer (request))
    return;
  message = g_dbus_message_new_method_reply (request);
  if (owned != NULL)
    g_dbus_message_set_body (message, owned);
  send (self->connection, message);
}

void
dfl_door_refuse (DflDoor *self, GDBusMessage *request, const char *name, const char *text)
{
  refuse (self->connection, request, name, text);
}

void
dfl_door_reply_error (DflDoor *self, GDBusMessage *request, const GError *error)
{
  refuse (self->connection, request, dfl_door_error_name (error), error->message);
}

void
dfl_door_signal (DflDoor *self,
                 const char *destination,
                 const char *path,
                 const char *interface,
                 const char *member,
                 GVariant *body)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_signal (path, interface, member);

  if (destination != NULL)
    g_dbus_message_set_destination (message, destination);
  g_dbus_message_set_body (message, body);
  send (self->connection, message);
}

/* --- In --- */

/* The bus says that a unique name has gone; NULL for everything else. */
static const char *
get_vanished_name (GDBusMessage *message)
{
  GVariant *body;
  const char *name, *new_owner;

  if (g_strcmp0 (g_dbus_message_get_sender (message), BUS_NAME) != 0
      || g_strcmp0 (g_dbus_message_get_member (message), "NameOwnerChanged") != 0)
    return NULL;
  body = g_dbus_message_get_body (message);
  if (body == NULL || !g_variant_is_of_type (body, G_VARIANT_TYPE ("(sss)")))
    return NULL;
  g_variant_get (body, "(&s&s&s)", &name, NULL, &new_owner);
  return name[0] == ':' && new_owner[0] == '\0' ? name : NULL;
}

static gsize
get_size (GDBusMessage *message)
{
  GVariant *body = g_dbus_message_get_body (message);

  return body == NULL ? 0 : g_variant_get_size (body);
}

/* In the worker thread: FALSE where the door is closed or, unless it must, the message does not
 * fit any more. */
static gboolean
push (Queue *queue, GDBusMessage *message, gboolean must)
{
  gsize size = get_size (message);
  gboolean fits;

  g_mutex_lock (&queue->lock);
  fits = queue->wake_up != NULL
         && (must
             || (size <= MAX_BODY && queue->bytes + size <= MAX_QUEUED_BYTES
                 && g_queue_get_length (&queue->messages) < MAX_QUEUED));
  if (fits)
    {
      g_queue_push_tail (&queue->messages, g_object_ref (message));
      queue->bytes += size;
      if (g_queue_get_length (&queue->messages) == 1)
        g_source_set_ready_time (queue->wake_up, 0);
    }
  g_mutex_unlock (&queue->lock);
  return fits;
}

/* In the worker thread. */
static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  if (!incoming)
    return message;
  switch (g_dbus_message_get_message_type (message))
    {
    case G_DBUS_MESSAGE_TYPE_METHOD_CALL:
      if (g_dbus_message_get_sender (message) != NULL && !push (data, message, FALSE))
        refuse (connection, message, error_names[DFL_ERROR_LIMIT_EXCEEDED],
                "this is too much for deflectd; send less, or try again in a moment");
      g_object_unref (message);
      return NULL;
    case G_DBUS_MESSAGE_TYPE_SIGNAL:
      /* A departure is never refused: what it would free stays forever otherwise. */
      if (get_vanished_name (message) != NULL)
        push (data, message, TRUE);
      return message;
    default:
      return message;
    }
}

static GDBusMessage *
pop (Queue *queue)
{
  GDBusMessage *message;

  g_mutex_lock (&queue->lock);
  message = g_queue_pop_head (&queue->messages);
  if (message != NULL)
    queue->bytes -= get_size (message);
  g_mutex_unlock (&queue->lock);
  return message;
}

static gboolean
on_wake_up (gpointer data)
{
  DflDoor *self = data;
  g_autoptr (GSource) wake_up = g_source_ref (self->wake_up);
  gint64 until = g_get_monotonic_time () + BATCH_MICROSECONDS;

  g_source_set_ready_time (wake_up, -1);
  for (guint i = 0; i < BATCH && g_get_monotonic_time () < until; i++)
    {
      g_autoptr (GDBusMessage) message = pop (self->queue);
      const char *vanished;

      if (message == NULL)
        return G_SOURCE_CONTINUE;
      if (g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        dfl_peers_take (self->peers, message);
      else if ((vanished = get_vanished_name (message)) != NULL)
        dfl_peers_vanish (self->peers, vanished);
      if (g_source_is_destroyed (wake_up))
        return G_SOURCE_REMOVE;
    }
  g_source_set_ready_time (wake_up, 0);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_wake_up (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs wake_up_funcs = { .dispatch = dispatch_wake_up };

static void
on_request (DflPeer *peer, GDBusMessage *message, gpointer data)
{
  DflDoor *self = data;

  self->request (peer, message, self->data);
}

static void
on_refused (GDBusMessage *message, const GError *error, gpointer data)
{
  dfl_door_reply_error (data, message, error);
}

static void
on_gone (DflPeer *peer, gpointer data)
{
  DflDoor *self = data;

  self->gone (peer, self->data);
}

DflDoor *
dfl_door_new (GDBusConnection *connection,
              DflPeerRequestFunc request,
              DflPeerGoneFunc gone,
              gpointer data)
{
  DflDoor *self = g_new0 (DflDoor, 1);

  self->connection = g_object_ref (connection);
  self->request = request;
  self->gone = gone;
  self->data = data;
  self->peers = dfl_peers_new (connection, on_request, on_refused, on_gone, self);

  self->wake_up = g_source_new (&wake_up_funcs, sizeof (GSource));
  g_source_set_callback (self->wake_up, on_wake_up, self, NULL);
  g_source_set_name (self->wake_up, "deflectd door");
  g_source_attach (self->wake_up, g_main_context_get_thread_default ());

  self->queue = g_atomic_rc_box_new0 (Queue);
  g_mutex_init (&self->queue->lock);
  self->queue->wake_up = self->wake_up;
  self->filter = g_dbus_connection_add_filter (connection, on_message,
                                               g_atomic_rc_box_acquire (self->queue),
                                               release_queue);

  /* One rule for all that leave, and only for leaving: a rule for each peer would meet the bus'
   * limit of 512 on one connection, and come too late for a peer that leaves at once. */
  g_dbus_connection_call (connection, BUS_NAME, "/org/freedesktop/DBus", BUS_NAME, "AddMatch",
                          g_variant_new ("(s)",
                                         "type='signal',sender='" BUS_NAME "',interface='" BUS_NAME
                                         "',member='NameOwnerChanged',arg2=''"),
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
  return self;
}

void
dfl_door_free (DflDoor *self)
{
  GDBusMessage *message;

  g_dbus_connection_remove_filter (self->connection, self->filter);
  g_mutex_lock (&self->queue->lock);
  self->queue->wake_up = NULL;
  g_mutex_unlock (&self->queue->lock);
  g_source_destroy (self->wake_up);
  g_source_unref (self->wake_up);

  while ((message = pop (self->queue)) != NULL)
    {
      if (g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        refuse (self->connection, message, error_names[DFL_ERROR_FAILED],
                "deflectd is stopping; try again when it has been started");
      g_object_unref (message);
    }
  dfl_peers_free (self->peers);
  release_queue (self->queue);
  g_object_unref (self->connection);
  g_free (self);
}
