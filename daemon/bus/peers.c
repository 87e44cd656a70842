/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/peers.h"

#include <string.h>

#include "bus/local-user.h"
#include "bus/message.h"
#include "core/error.h"

/*
 * The bus never gives a unique name out twice, so what was learned about one stays true until it
 * leaves. What a user is called may change: it is forgotten with the user's last connection, and
 * asked for anew when we are told to. Everything here is bounded: what a connection may have
 * waiting for its identity by MAX_HELD and MAX_HELD_BYTES, and all together by MAX_ALL_HELD_BYTES;
 * the connections of a user whose identity is known by DFL_PEERS_MAX_OF_USER, so that no user can
 * take the place of another; and those that wait for it, which is as long as the bus takes for an
 * answer, by MAX_UNKNOWN.
 */
#define MAX_UNKNOWN 8192
#define MAX_HELD 128
#define MAX_HELD_BYTES (DFL_PEERS_MAX_BODY + 64 * 1024)
#define MAX_ALL_HELD_BYTES (64 * 1024 * 1024)

typedef struct
{
  guint32 uid;
  char *decided_by; /* NULL until known */
  gboolean asking;  /* its peers wait for the name, or for the present one */
  gboolean stale;   /* the answer that is on its way may be too old */
  GPtrArray *peers; /* of Peer, borrowed; empty only while asking */
} User;

typedef struct
{
  DflPeer public;
  char *name;
  DflPeers *peers;
  User *user;  /* NULL until the uid is known */
  GQueue held; /* of sd_bus_message */
  gsize held_bytes;
  gboolean known;
} Peer;

struct _DflPeers
{
  sd_bus *bus;
  DflPeerRequestFunc request;
  DflPeerRefuseFunc refuse;
  DflPeerGoneFunc gone;
  gpointer data;
  GHashTable *peers; /* name to Peer */
  GHashTable *users; /* uid to User */
  guint n_unknown;   /* of peers: those whose uid is not known */
  gsize held_bytes;  /* of all peers */
  gboolean closed;
};

/* What an answer finds its question by: the peer or user may be gone. */
typedef struct
{
  DflPeers *self;
  char *name;
  guint32 uid;
} Question;

static void
clear_peers (DflPeers *self)
{
  g_clear_pointer (&self->peers, g_hash_table_unref);
  g_clear_pointer (&self->users, g_hash_table_unref);
  g_clear_pointer (&self->bus, sd_bus_unref);
}

static Question *
question_new (DflPeers *self, const char *name, guint32 uid)
{
  Question *question = g_new0 (Question, 1);

  question->self = g_rc_box_acquire (self);
  question->name = g_strdup (name);
  question->uid = uid;
  return question;
}

static void
question_free (Question *self)
{
  g_rc_box_release_full (self->self, (GDestroyNotify)clear_peers);
  g_free (self->name);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Question, question_free)

/* Forgets a user of whom nobody is connected, and nothing is on its way. */
static void
forget_user (DflPeers *self, User *user)
{
  if (user->peers->len == 0 && !user->asking)
    g_hash_table_remove (self->users, GUINT_TO_POINTER (user->uid));
}

static void
free_peer (Peer *self)
{
  if (self->user != NULL)
    {
      g_ptr_array_remove_fast (self->user->peers, self);
      forget_user (self->peers, self->user);
    }
  else
    self->peers->n_unknown--;
  self->peers->held_bytes -= self->held_bytes;
  g_queue_clear_full (&self->held, dfl_message_unref);
  g_free (self->name);
  g_free (self);
}

static void
free_user (User *self)
{
  g_ptr_array_unref (self->peers);
  g_free (self->decided_by);
  g_free (self);
}

static void
become_known (DflPeers *self, Peer *peer)
{
  sd_bus_message *message;

  peer->known = TRUE;
  self->held_bytes -= peer->held_bytes;
  peer->held_bytes = 0;
  while ((message = g_queue_pop_head (&peer->held)) != NULL)
    {
      self->request (&peer->public, message, self->data);
      sd_bus_message_unref (message);
    }
}

static void ask_name (DflPeers *self, User *user);

static void
take_name (DflPeers *self, User *user, const char *name)
{
  g_free (user->decided_by);
  user->decided_by = g_strconcat ("user:", name, NULL);
  for (guint i = 0; i < user->peers->len; i++)
    ((Peer *)g_ptr_array_index (user->peers, i))->public.decided_by = user->decided_by;
  for (guint i = 0; i < user->peers->len; i++)
    become_known (self, g_ptr_array_index (user->peers, i));
  forget_user (self, user);
}

static void
on_name_found (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Question) question = data;
  DflPeers *self = question->self;
  g_autofree char *name = dfl_local_user_name_finish (result);
  User *user;

  if (self->closed)
    return;
  user = g_hash_table_lookup (self->users, GUINT_TO_POINTER (question->uid));
  user->asking = FALSE;
  if (user->stale)
    ask_name (self, user);
  else
    take_name (self, user, name);
}

static void
ask_name (DflPeers *self, User *user)
{
  user->asking = TRUE;
  user->stale = FALSE;
  dfl_local_user_name_async (user->uid, on_name_found, question_new (self, NULL, user->uid));
}

static User *
ensure_user (DflPeers *self, guint32 uid)
{
  User *user = g_hash_table_lookup (self->users, GUINT_TO_POINTER (uid));

  if (user != NULL)
    return user;
  user = g_new0 (User, 1);
  user->uid = uid;
  user->peers = g_ptr_array_new ();
  g_hash_table_insert (self->users, GUINT_TO_POINTER (uid), user);
  ask_name (self, user);
  return user;
}

static void
drop_peer (DflPeers *self, const char *name, const GError *error)
{
  Peer *peer = g_hash_table_lookup (self->peers, name);

  for (GList *l = peer->held.head; l != NULL; l = l->next)
    self->refuse (l->data, error, self->data);
  g_hash_table_remove (self->peers, name);
}

/* Makes room for another peer of a user; FALSE where nobody can be forgotten. */
static gboolean
forget_one (DflPeers *self, User *user)
{
  for (guint i = 0; i < user->peers->len; i++)
    {
      Peer *peer = g_ptr_array_index (user->peers, i);

      if (!peer->known || peer->public.keepers > 0 || !g_queue_is_empty (&peer->held))
        continue;
      g_hash_table_remove (self->peers, peer->name);
      return TRUE;
    }
  return FALSE;
}

static void
take_uid (DflPeers *self, const char *name, sd_bus_message *answer)
{
  Peer *peer = g_hash_table_lookup (self->peers, name);
  const sd_bus_error *refusal = sd_bus_message_get_error (answer);
  User *user;

  if (peer == NULL)
    return;
  if (refusal != NULL
      || sd_bus_message_read_basic (answer, SD_BUS_TYPE_UINT32, &peer->public.uid) <= 0)
    {
      g_autoptr (GError) error = g_error_new (
          DFL_ERROR, DFL_ERROR_FAILED,
          "The bus does not say whose connection this is; connect again: %s",
          refusal != NULL && refusal->message != NULL ? refusal->message : "no answer");

      drop_peer (self, name, error);
      return;
    }
  user = ensure_user (self, peer->public.uid);
  if (user->peers->len >= DFL_PEERS_MAX_OF_USER && !forget_one (self, user))
    {
      g_hash_table_remove (self->peers, name);
      return;
    }
  self->n_unknown--;
  peer->user = user;
  g_ptr_array_add (user->peers, peer);
  peer->public.decided_by = user->decided_by;
  if (!user->asking)
    become_known (self, peer);
}

static int
on_uid_found (sd_bus_message *answer, void *data, sd_bus_error *ignored)
{
  Question *question = data;

  if (!question->self->closed)
    take_uid (question->self, question->name, answer);
  return 0;
}

static void
on_question_over (void *data)
{
  question_free (data);
}

static void
ask_uid (DflPeers *self, const char *name)
{
  Question *question = question_new (self, name, 0);
  sd_bus_slot *slot = NULL;
  int result = sd_bus_call_method_async (self->bus, &slot, "org.freedesktop.DBus",
                                         "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                         "GetConnectionUnixUser", on_uid_found, question, "s",
                                         name);

  if (result < 0)
    {
      /* The connection is closed: nobody waits for an answer any longer. */
      question_free (question);
      return;
    }
  sd_bus_slot_set_destroy_callback (slot, on_question_over);
  /* The slot lives until the answer is there, and no longer than the bus. */
  sd_bus_slot_set_floating (slot, TRUE);
  sd_bus_slot_unref (slot);
}

static Peer *
add_peer (DflPeers *self, const char *name)
{
  Peer *peer = g_new0 (Peer, 1);

  peer->name = g_strdup (name);
  peer->peers = self;
  peer->public.name = peer->name;
  self->n_unknown++;
  g_queue_init (&peer->held);
  g_hash_table_insert (self->peers, peer->name, peer);
  ask_uid (self, name);
  return peer;
}

static void
refuse_for_limit (DflPeers *self, sd_bus_message *message, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED, text);

  self->refuse (message, error, self->data);
}

static void
hold (DflPeers *self, Peer *peer, sd_bus_message *message)
{
  g_autoptr (GVariant) body = dfl_message_read (message, DFL_PEERS_MAX_BODY);
  gsize size;

  if (body == NULL)
    {
      refuse_for_limit (self, message, "This is too much for deflectd; send less");
      return;
    }
  size = g_variant_get_size (body) + strlen (sd_bus_message_get_path (message));
  if (g_queue_get_length (&peer->held) >= MAX_HELD || peer->held_bytes + size > MAX_HELD_BYTES
      || self->held_bytes + size > MAX_ALL_HELD_BYTES)
    {
      refuse_for_limit (self, message,
                        "Too many calls before the first one was answered; wait for an answer");
      return;
    }
  peer->held_bytes += size;
  self->held_bytes += size;
  g_queue_push_tail (&peer->held, sd_bus_message_ref (message));
}

void
dfl_peers_take (DflPeers *self, sd_bus_message *message)
{
  const char *name = sd_bus_message_get_sender (message);
  Peer *peer = g_hash_table_lookup (self->peers, name);

  if (peer == NULL)
    {
      if (self->n_unknown >= MAX_UNKNOWN)
        {
          refuse_for_limit (self, message,
                            "Too many connections come to deflectd at once; try again");
          return;
        }
      peer = add_peer (self, name);
    }
  if (peer->known && !peer->user->asking)
    self->request (&peer->public, message, self->data);
  else
    hold (self, peer, message);
}

DflPeer *
dfl_peers_find (DflPeers *self, const char *name)
{
  Peer *peer = g_hash_table_lookup (self->peers, name);

  return peer == NULL || !peer->known ? NULL : &peer->public;
}

void
dfl_peers_refresh (DflPeers *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->users);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      User *user = value;

      if (user->asking)
        user->stale = TRUE;
      else
        ask_name (self, user);
    }
}

void
dfl_peers_vanish (DflPeers *self, const char *name)
{
  Peer *peer = g_hash_table_lookup (self->peers, name);

  if (peer == NULL)
    return;
  if (peer->known)
    self->gone (&peer->public, self->data);
  g_hash_table_remove (self->peers, name);
}

DflPeers *
dfl_peers_new (sd_bus *bus,
               DflPeerRequestFunc request,
               DflPeerRefuseFunc refuse,
               DflPeerGoneFunc gone,
               gpointer data)
{
  DflPeers *self = g_rc_box_new0 (DflPeers);

  self->bus = sd_bus_ref (bus);
  self->request = request;
  self->refuse = refuse;
  self->gone = gone;
  self->data = data;
  self->users = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)free_user);
  self->peers = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)free_peer);
  return self;
}

void
dfl_peers_free (DflPeers *self)
{
  g_autoptr (GError) error = g_error_new_literal (
      DFL_ERROR, DFL_ERROR_FAILED, "The daemon is stopping; try again when it has been started");
  GHashTableIter iter;
  gpointer value;

  self->closed = TRUE;
  g_hash_table_iter_init (&iter, self->peers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      for (GList *l = ((Peer *)value)->held.head; l != NULL; l = l->next)
        self->refuse (l->data, error, self->data);
    }
  g_hash_table_remove_all (self->peers);
  g_rc_box_release_full (self, (GDestroyNotify)clear_peers);
}
