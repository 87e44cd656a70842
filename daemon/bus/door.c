/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/door.h"

#include <errno.h>

#include "bus/message.h"
#include "bus/turns.h"
#include "bus/unread.h"
#include "core/error.h"
#include "data/names.h"

/*
 * Everything that arrives passes the filter below first: method calls go no further, and nothing
 * is answered before the sender is known (bus/peers.h). Stock object registration would answer
 * introspection, wrong signatures and unknown paths before any handler of ours runs, and so tell
 * who may not know what exists.
 */

#define BUS_NAME "org.freedesktop.DBus"

struct _DflDoor
{
  sd_bus *bus;
  sd_bus_slot *filter;
  DflPeers *peers;
  DflTurns *turns;   /* NULL where there is one user */
  DflUnread *unread; /* the same */
  DflDoorFuncs funcs;
  gpointer data;
};

/* No message is longer than this: a bus throws out who sends what is too long for it, and a system
 * bus takes 32 MB. */
#define MAX_MESSAGE (16 * 1024 * 1024)
/* What a message has beside its body, about. */
#define HEADER_BYTES 256

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

/* --- Out --- */

/* Sends a message that was begun with the result so far; FALSE where it is too long. peer is to get
 * it, or NULL where that is not to be counted. */
static gboolean
finish (DflDoor *self,
        sd_bus_message *message,
        int result,
        const DflPeer *peer,
        DflDoorWriteFunc write,
        gconstpointer data)
{
  dfl_message_start_count ();
  if (result >= 0 && write != NULL)
    result = write (message, data);
  if (result >= 0 && dfl_message_get_count () > MAX_MESSAGE)
    result = -EMSGSIZE;
  if (result >= 0)
    result = sd_bus_send (NULL, message, NULL);
  if (result < 0)
    g_debug ("A message could not be sent: %s", g_strerror (-result));
  else if (self->unread != NULL && peer != NULL)
    dfl_unread_add (self->unread, peer->name, peer->uid, HEADER_BYTES + dfl_message_get_count ());
  return result >= 0;
}

/* Who gets the answer to a request, where that is to be counted. */
static const DflPeer *
find_receiver (DflDoor *self, sd_bus_message *request)
{
  return self->unread == NULL ? NULL
                              : dfl_peers_find (self->peers, sd_bus_message_get_sender (request));
}

static int
write_tuple (sd_bus_message *message, gconstpointer tuple)
{
  return dfl_message_append_tuple (message, (GVariant *)tuple);
}

static gboolean
wants_answer (sd_bus_message *request)
{
  return sd_bus_message_get_expect_reply (request) > 0;
}

void
dfl_door_refuse (DflDoor *self, sd_bus_message *request, const char *name, const char *text)
{
  g_autoptr (sd_bus_message) message = NULL;
  int result;

  if (!wants_answer (request))
    return;
  result = sd_bus_message_new_method_error (request, &message,
                                            &SD_BUS_ERROR_MAKE_CONST (name, text));
  finish (self, message, result, find_receiver (self, request), NULL, NULL);
}

void
dfl_door_reply_written (DflDoor *self,
                        sd_bus_message *request,
                        DflDoorWriteFunc write,
                        gconstpointer data)
{
  g_autoptr (sd_bus_message) message = NULL;
  int result;

  if (!wants_answer (request))
    return;
  result = sd_bus_message_new_method_return (request, &message);
  if (!finish (self, message, result, find_receiver (self, request), write, data))
    dfl_door_refuse (self, request, error_names[DFL_ERROR_LIMIT_EXCEEDED],
                     "The answer is longer than a message may be; ask for less at once");
}

void
dfl_door_reply (DflDoor *self, sd_bus_message *request, GVariant *body)
{
  g_autoptr (GVariant) owned = body == NULL ? NULL : g_variant_ref_sink (body);

  dfl_door_reply_written (self, request, owned == NULL ? NULL : write_tuple, owned);
}

void
dfl_door_reply_error (DflDoor *self, sd_bus_message *request, const GError *error)
{
  dfl_door_refuse (self, request, dfl_door_error_name (error), error->message);
}

void
dfl_door_refuse_too_big (DflDoor *self, sd_bus_message *request)
{
  dfl_door_refuse (self, request, error_names[DFL_ERROR_LIMIT_EXCEEDED],
                   "This is too much for deflectd; send less");
}

void
dfl_door_signal (DflDoor *self,
                 const DflPeer *peer,
                 const char *path,
                 const char *interface,
                 const char *member,
                 DflDoorWriteFunc write,
                 gconstpointer data)
{
  g_autoptr (sd_bus_message) message = NULL;
  int result;

  if (peer == NULL && self->unread != NULL && !dfl_unread_may_broadcast (self->unread))
    return;
  result = sd_bus_message_new_signal (self->bus, &message, path, interface, member);
  if (result >= 0 && peer != NULL)
    result = sd_bus_message_set_destination (message, peer->name);
  if (finish (self, message, result, peer, write, data) && peer == NULL && self->unread != NULL)
    dfl_unread_add_broadcast (self->unread, HEADER_BYTES + dfl_message_get_count ());
}

gboolean
dfl_door_may_tell (DflDoor *self, const DflPeer *peer, const char *object, gboolean known)
{
  return self->unread == NULL
         || dfl_unread_may_tell (self->unread, peer->name, peer->uid, object, known);
}

/* --- Turns, and who reads --- */

void
dfl_door_charge (DflDoor *self, const DflPeer *peer, gint64 cost)
{
  if (self->turns != NULL)
    dfl_turns_charge (self->turns, peer->uid, cost);
}

void
dfl_door_refresh_users (DflDoor *self)
{
  dfl_peers_refresh (self->peers);
}

static gboolean
is_ready (DflPeer *peer, gpointer data)
{
  DflDoor *self = data;

  return dfl_unread_may_answer (self->unread, peer->name, peer->uid);
}

static void
on_turn (DflPeer *peer, sd_bus_message *message, gpointer data)
{
  DflDoor *self = data;

  self->funcs.request (peer, message, self->data);
}

static void
on_read (gpointer data)
{
  DflDoor *self = data;

  dfl_turns_wake (self->turns);
}

static void
on_caught_up (const char *name, const char *object, gboolean known, gpointer data)
{
  DflDoor *self = data;
  DflPeer *peer = dfl_peers_find (self->peers, name);

  if (peer != NULL)
    self->funcs.catch_up (peer, object, known, self->data);
}

static void
on_lost (const char *name, gpointer data)
{
  DflDoor *self = data;
  DflPeer *peer = dfl_peers_find (self->peers, name);

  if (peer != NULL)
    self->funcs.lose (peer, self->data);
}

/* --- In --- */

/* The bus says that a unique name has gone; NULL for everything else. */
static const char *
get_vanished_name (sd_bus_message *message)
{
  const char *name, *old_owner, *new_owner;

  if (!sd_bus_message_is_signal (message, BUS_NAME, "NameOwnerChanged")
      || g_strcmp0 (sd_bus_message_get_sender (message), BUS_NAME) != 0
      || sd_bus_message_read (message, "sss", &name, &old_owner, &new_owner) < 0)
    return NULL;
  return name[0] == ':' && new_owner[0] == '\0' ? name : NULL;
}

static int
on_message (sd_bus_message *message, void *data, sd_bus_error *ignored)
{
  DflDoor *self = data;
  const char *vanished;
  guint8 type;

  if (sd_bus_message_get_type (message, &type) < 0)
    return 0;
  if (type == SD_BUS_MESSAGE_METHOD_CALL)
    {
      if (sd_bus_message_get_sender (message) != NULL)
        dfl_peers_take (self->peers, message);
      return 1;
    }
  vanished = get_vanished_name (message);
  if (vanished != NULL)
    {
      dfl_peers_vanish (self->peers, vanished);
      if (self->unread != NULL)
        dfl_unread_forget (self->unread, vanished);
    }
  return 0;
}

static void
on_request (DflPeer *peer, sd_bus_message *message, gpointer data)
{
  DflDoor *self = data;

  if (self->turns == NULL)
    self->funcs.request (peer, message, self->data);
  else
    dfl_turns_take (self->turns, peer, message);
}

static void
on_refused (sd_bus_message *message, const GError *error, gpointer data)
{
  dfl_door_reply_error (data, message, error);
}

static void
on_gone (DflPeer *peer, gpointer data)
{
  DflDoor *self = data;

  if (self->turns != NULL)
    dfl_turns_forget (self->turns, peer);
  self->funcs.gone (peer, self->data);
}

DflDoor *
dfl_door_new (DflConnection *connection, DflClock *clock, const DflDoorFuncs *funcs, gpointer data)
{
  static const DflUnreadFuncs unread_funcs = { on_read, on_caught_up, on_lost };
  DflDoor *self = g_new0 (DflDoor, 1);
  int result;

  self->bus = sd_bus_ref (dfl_connection_get_bus (connection));
  self->funcs = *funcs;
  self->data = data;
  if (clock != NULL)
    {
      self->turns = dfl_turns_new (clock, is_ready, on_turn, self);
      self->unread = dfl_unread_new (self->bus, clock, &unread_funcs, self);
    }
  self->peers = dfl_peers_new (self->bus, on_request, on_refused, on_gone, self);

  /* One rule for all that leave, and only for leaving: a rule for each peer would meet the bus'
   * limit of 512 on one connection, and come too late for a peer that leaves at once. */
  result = sd_bus_add_filter (self->bus, &self->filter, on_message, self);
  if (result >= 0)
    result = sd_bus_call_method_async (self->bus, NULL, BUS_NAME, "/org/freedesktop/DBus", BUS_NAME,
                                       "AddMatch", NULL, NULL, "s",
                                       "type='signal',sender='" BUS_NAME "',interface='" BUS_NAME
                                       "',member='NameOwnerChanged',arg2=''");
  if (result < 0)
    g_warning ("The bus cannot be listened to: %s", g_strerror (-result));
  return self;
}

void
dfl_door_free (DflDoor *self)
{
  sd_bus_slot_unref (self->filter);
  g_clear_pointer (&self->turns, dfl_turns_free);
  dfl_peers_free (self->peers);
  g_clear_pointer (&self->unread, dfl_unread_free);
  sd_bus_unref (self->bus);
  g_free (self);
}
