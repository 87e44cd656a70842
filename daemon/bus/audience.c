/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/audience.h"

#include <unistd.h>

#include "bus/local-user.h"
#include "core/error.h"

/* Connections of one uid that may be subscribed at once. */
#define MAX_SUBSCRIPTIONS 64

/* What is known of one account's users; lives as long as the account, which a call may keep. */
typedef struct
{
  GPtrArray *users; /* of DflLocalUser, as far as their uids are known */
  gboolean everybody;
  guint question;       /* the number of the last question; older answers do not count */
  GPtrArray *listeners; /* of DflPeer, or NULL until somebody wants to know */
  char *pointless;      /* the users= that was last logged as without meaning here, or NULL */
} Members;

struct _DflAudience
{
  gboolean single_user;
  guint32 own_uid;
  DflAudienceChangedFunc changed;
  gpointer data;
  GHashTable *members;     /* DflAccount, weakly, to Members */
  GHashTable *subscribers; /* set of DflPeer, each marked as subscribed */
  GHashTable *counts;      /* uid to the number of its subscribers */
  gboolean closed;
};

typedef struct
{
  DflAudience *self;
  DflAccount *account;
  guint number;
} Question;

static void
clear_audience (DflAudience *self)
{
  g_hash_table_unref (self->members);
  g_hash_table_unref (self->subscribers);
  g_hash_table_unref (self->counts);
}

static void
question_free (Question *self)
{
  g_object_unref (self->account);
  g_rc_box_release_full (self->self, (GDestroyNotify)clear_audience);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Question, question_free)

static void
free_members (Members *self)
{
  g_clear_pointer (&self->listeners, g_ptr_array_unref);
  g_ptr_array_unref (self->users);
  g_free (self->pointless);
  g_free (self);
}

static void
on_account_freed (gpointer data, GObject *account)
{
  DflAudience *self = data;

  g_hash_table_remove (self->members, account);
}

static Members *
ensure_members (DflAudience *self, DflAccount *account)
{
  Members *members = g_hash_table_lookup (self->members, account);

  if (members == NULL)
    {
      members = g_new0 (Members, 1);
      members->users = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_local_user_free);
      g_hash_table_insert (self->members, account, members);
      g_object_weak_ref (G_OBJECT (account), on_account_freed, self);
    }
  return members;
}

static gboolean
lists (const Members *members, guint32 uid)
{
  for (guint i = 0; i < members->users->len; i++)
    {
      const DflLocalUser *user = g_ptr_array_index (members->users, i);

      if (user->known && user->uid == uid)
        return TRUE;
    }
  return FALSE;
}

static gboolean
includes (DflAudience *self, const Members *members, guint32 uid)
{
  if (self->single_user)
    return uid == self->own_uid;
  if (uid == 0)
    return TRUE;
  return members != NULL && (members->everybody || lists (members, uid));
}

gboolean
dfl_audience_lists (DflAudience *self, const DflPeer *peer, DflAccount *account)
{
  const Members *members = g_hash_table_lookup (self->members, account);

  if (self->single_user)
    return peer->uid == self->own_uid;
  return members != NULL && lists (members, peer->uid);
}

gboolean
dfl_audience_sees (DflAudience *self, const DflPeer *peer, DflAccount *account)
{
  return includes (self, g_hash_table_lookup (self->members, account), peer->uid);
}

gboolean
dfl_audience_is_public (DflAudience *self, DflAccount *account)
{
  const Members *members = g_hash_table_lookup (self->members, account);

  return self->single_user || (members != NULL && members->everybody);
}

static GPtrArray *
collect_listeners (DflAudience *self, const Members *members)
{
  GPtrArray *listeners = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer peer;

  g_hash_table_iter_init (&iter, self->subscribers);
  while (g_hash_table_iter_next (&iter, &peer, NULL))
    {
      if (includes (self, members, ((DflPeer *)peer)->uid))
        g_ptr_array_add (listeners, peer);
    }
  return listeners;
}

const GPtrArray *
dfl_audience_get_listeners (DflAudience *self, DflAccount *account)
{
  Members *members = ensure_members (self, account);

  if (members->listeners == NULL)
    members->listeners = collect_listeners (self, members);
  return members->listeners;
}

static void
forget_listeners (DflAudience *self)
{
  GHashTableIter iter;
  gpointer members;

  g_hash_table_iter_init (&iter, self->members);
  while (g_hash_table_iter_next (&iter, NULL, &members))
    g_clear_pointer (&((Members *)members)->listeners, g_ptr_array_unref);
}

/* --- Users --- */

/* Puts new users in force and tells whom that concerns; takes users over. */
static void
replace_users (DflAudience *self, DflAccount *account, GPtrArray *users, gboolean everybody)
{
  Members *members = ensure_members (self, account);
  g_autoptr (GPtrArray) before = collect_listeners (self, members);
  g_autoptr (GPtrArray) after = NULL;

  g_ptr_array_unref (members->users);
  members->users = users;
  members->everybody = everybody;
  g_clear_pointer (&members->listeners, g_ptr_array_unref);
  after = collect_listeners (self, members);
  for (guint i = 0; i < before->len; i++)
    {
      if (!g_ptr_array_find (after, g_ptr_array_index (before, i), NULL))
        self->changed (account, g_ptr_array_index (before, i), FALSE, self->data);
    }
  for (guint i = 0; i < after->len; i++)
    {
      if (!g_ptr_array_find (before, g_ptr_array_index (after, i), NULL))
        self->changed (account, g_ptr_array_index (after, i), TRUE, self->data);
    }
}

static void
on_users_found (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Question) question = data;
  DflAudience *self = question->self;
  g_autoptr (GPtrArray) users = dfl_local_user_find_finish (result);
  Members *members;

  if (self->closed)
    return;
  members = g_hash_table_lookup (self->members, question->account);
  if (members == NULL || members->question != question->number)
    return;
  for (guint i = 0; i < users->len; i++)
    {
      const DflLocalUser *user = g_ptr_array_index (users, i);

      if (!user->known)
        g_message ("Account %s: this system has no user \"%s\"; correct users= and reload",
                   dfl_account_get_settings (question->account)->name, user->name);
    }
  replace_users (self, question->account, g_steal_pointer (&users), FALSE);
}

/* The users that stand in names, with what was known of them before. */
static GPtrArray *
carry_over (const GPtrArray *known, const char *const *names)
{
  GPtrArray *users = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_local_user_free);

  for (guint i = 0; i < known->len; i++)
    {
      const DflLocalUser *user = g_ptr_array_index (known, i);
      DflLocalUser *copy;

      if (!g_strv_contains (names, user->name))
        continue;
      copy = g_memdup2 (user, sizeof *user);
      copy->name = g_strdup (user->name);
      g_ptr_array_add (users, copy);
    }
  return users;
}

/* Once for each users=: one reload may add an account and refresh it. */
static void
log_pointless (Members *members, const char *account, const char *const *names)
{
  g_autofree char *users = names[0] == NULL ? NULL : g_strjoinv (";", (char **)names);

  if (users != NULL && g_strcmp0 (users, members->pointless) != 0)
    g_message ("Account %s: users= has no meaning here, because everything on this bus belongs to "
               "the user who runs deflectd; take it out",
               account);
  g_free (members->pointless);
  members->pointless = g_steal_pointer (&users);
}

void
dfl_audience_update (DflAudience *self, DflAccount *account)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  static const char *const nobody[] = { NULL };
  const char *const *names = settings->users == NULL ? nobody
                                                     : (const char *const *)settings->users;
  Members *members = ensure_members (self, account);
  gboolean everybody = g_strv_contains (names, "*");
  Question *question;

  members->question++;
  if (self->single_user)
    {
      log_pointless (members, settings->name, names);
      return;
    }
  replace_users (self, account, carry_over (members->users, names), everybody);
  if (everybody || names[0] == NULL)
    return;
  question = g_new0 (Question, 1);
  question->self = g_rc_box_acquire (self);
  question->account = g_object_ref (account);
  question->number = members->question;
  dfl_local_user_find_async (names, on_users_found, question);
}

/* --- Subscriptions --- */

gboolean
dfl_audience_subscribe (DflAudience *self, DflPeer *peer, GError **error)
{
  guint count;

  /* What belongs to one user is broadcast anyway. */
  if (self->single_user || g_hash_table_contains (self->subscribers, peer))
    return TRUE;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, GUINT_TO_POINTER (peer->uid)));
  if (count >= MAX_SUBSCRIPTIONS)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED,
                   "You watch deflectd from %u connections already; close one of them", count);
      return FALSE;
    }
  g_hash_table_insert (self->counts, GUINT_TO_POINTER (peer->uid), GUINT_TO_POINTER (count + 1));
  g_hash_table_add (self->subscribers, peer);
  peer->keepers++;
  forget_listeners (self);
  return TRUE;
}

void
dfl_audience_forget (DflAudience *self, DflPeer *peer)
{
  guint count;

  if (!g_hash_table_remove (self->subscribers, peer))
    return;
  peer->keepers--;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, GUINT_TO_POINTER (peer->uid)));
  if (count > 1)
    g_hash_table_insert (self->counts, GUINT_TO_POINTER (peer->uid), GUINT_TO_POINTER (count - 1));
  else
    g_hash_table_remove (self->counts, GUINT_TO_POINTER (peer->uid));
  forget_listeners (self);
}

DflAudience *
dfl_audience_new (DflBusMode mode, DflAudienceChangedFunc changed, gpointer data)
{
  DflAudience *self = g_rc_box_new0 (DflAudience);

  self->single_user = mode == DFL_BUS_SESSION;
  self->own_uid = getuid ();
  self->changed = changed;
  self->data = data;
  self->members = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)free_members);
  self->subscribers = g_hash_table_new (NULL, NULL);
  self->counts = g_hash_table_new (NULL, NULL);
  return self;
}

void
dfl_audience_free (DflAudience *self)
{
  GHashTableIter iter;
  gpointer account;

  self->closed = TRUE;
  g_hash_table_iter_init (&iter, self->members);
  while (g_hash_table_iter_next (&iter, &account, NULL))
    g_object_weak_unref (account, on_account_freed, self);
  g_hash_table_remove_all (self->members);
  g_rc_box_release_full (self, (GDestroyNotify)clear_audience);
}
