/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/audience.h"

#include <unistd.h>

#include "bus/user-names.h"
#include "core/error.h"

/* What is found where nothing is there. */
#define DECOY "decoy"

/* Connections of one uid that may be subscribed at once. */
#define MAX_SUBSCRIPTIONS 64

/* What is known of one account's users; lives as long as the account, which a call may keep. */
typedef struct
{
  DflAccount *account; /* borrowed */
  GPtrArray *names;    /* of DflUserName, borrowed while we are one of its members */
  GArray *uids;        /* those of names that are known, close together for the many who ask */
  gboolean everybody;
  gboolean settled;
  GPtrArray *listeners; /* of DflPeer, or NULL until somebody wants to know */
  guint generation;     /* of the subscriptions that listeners was made from */
  char *pointless;      /* the users= that was last logged as without meaning here, or NULL */
} Members;

struct _DflAudience
{
  gboolean single_user;
  guint32 own_uid;
  DflAudienceChangedFunc changed;
  DflAudienceSettledFunc settled;
  gpointer data;
  DflUserNames *names;
  GHashTable *members;     /* DflAccount, weakly, to Members; and ourselves to a decoy */
  GHashTable *decoys;      /* DECOY to the key of the decoy in members */
  GHashTable *subscribers; /* set of DflPeer, each marked as subscribed */
  GHashTable *counts;      /* uid to the number of its subscribers */
  guint generation;        /* counts the changes of subscribers */
};

static void
release_names (DflAudience *self, Members *members)
{
  for (guint i = 0; i < members->names->len; i++)
    dfl_user_names_release (self->names, g_ptr_array_index (members->names, i), members);
  g_ptr_array_set_size (members->names, 0);
}

static Members *
members_new (DflAccount *account)
{
  Members *members = g_new0 (Members, 1);

  members->account = account;
  members->names = g_ptr_array_new ();
  members->uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  members->settled = TRUE;
  return members;
}

static void
free_members (DflAudience *self, Members *members)
{
  release_names (self, members);
  g_ptr_array_unref (members->names);
  g_array_unref (members->uids);
  g_clear_pointer (&members->listeners, g_ptr_array_unref);
  g_free (members->pointless);
  g_free (members);
}

static void
on_account_freed (gpointer data, GObject *account)
{
  DflAudience *self = data;
  gpointer members = NULL;

  if (g_hash_table_steal_extended (self->members, account, NULL, &members))
    free_members (self, members);
}

static Members *
ensure_members (DflAudience *self, DflAccount *account)
{
  Members *members = g_hash_table_lookup (self->members, account);

  if (members == NULL)
    {
      members = members_new (account);
      g_hash_table_insert (self->members, account, members);
      g_object_weak_ref (G_OBJECT (account), on_account_freed, self);
    }
  return members;
}

static gboolean
lists (const Members *members, guint32 uid)
{
  for (guint i = 0; i < members->uids->len; i++)
    {
      if (g_array_index (members->uids, guint32, i) == uid)
        return TRUE;
    }
  return FALSE;
}

static void
collect_uids (Members *members)
{
  g_array_set_size (members->uids, 0);
  for (guint i = 0; i < members->names->len; i++)
    {
      const DflUserName *name = g_ptr_array_index (members->names, i);

      if (name->known)
        g_array_append_val (members->uids, name->uid);
    }
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
dfl_audience_admits (DflAudience *self, const DflPeer *peer)
{
  return !self->single_user || peer->uid == self->own_uid;
}

/*
 * To find an object that is hidden, and to look at its account, takes about a microsecond more than
 * to find nothing where the caches are cold, which somebody who asks a thousand times can measure.
 * So something is found and looked at in any case.
 */
gboolean
dfl_audience_sees (DflAudience *self, const DflPeer *peer, DflAccount *account)
{
  gconstpointer key = account == NULL ? g_hash_table_lookup (self->decoys, DECOY) : account;
  gboolean included = includes (self, g_hash_table_lookup (self->members, key), peer->uid);

  return included && account != NULL;
}

gboolean
dfl_audience_is_public (DflAudience *self, DflAccount *account)
{
  const Members *members = g_hash_table_lookup (self->members, account);

  return self->single_user || (members != NULL && members->everybody);
}

gboolean
dfl_audience_is_settled (DflAudience *self, DflAccount *account)
{
  const Members *members = g_hash_table_lookup (self->members, account);

  return members == NULL || members->settled;
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

  if (members->generation != self->generation)
    g_clear_pointer (&members->listeners, g_ptr_array_unref);
  if (members->listeners == NULL)
    {
      members->listeners = collect_listeners (self, members);
      members->generation = self->generation;
    }
  return members->listeners;
}

/* --- Changes --- */

/* Tells those who see the account now and did not before, and the other way round. */
static void
tell_difference (DflAudience *self, Members *members, const GPtrArray *before)
{
  g_autoptr (GPtrArray) after = collect_listeners (self, members);
  g_autoptr (GHashTable) saw = g_hash_table_new (NULL, NULL);

  g_clear_pointer (&members->listeners, g_ptr_array_unref);
  for (guint i = 0; i < before->len; i++)
    {
      DflPeer *peer = g_ptr_array_index (before, i);

      g_hash_table_add (saw, peer);
      if (!includes (self, members, peer->uid))
        self->changed (members->account, peer, FALSE, self->data);
    }
  for (guint i = 0; i < after->len; i++)
    {
      if (!g_hash_table_contains (saw, g_ptr_array_index (after, i)))
        self->changed (members->account, g_ptr_array_index (after, i), TRUE, self->data);
    }
}

/* One whose users have other uids now, and who saw it so far. */
typedef struct
{
  DflAccount *account;
  Members *members;
  GPtrArray *before;
} Concerned;

static void
clear_concerned (gpointer data)
{
  Concerned *self = data;

  g_object_unref (self->account);
  g_ptr_array_unref (self->before);
}

static gboolean
is_news (const DflUserAnswer *answer)
{
  const DflUserName *name = answer->name;

  return !name->answered || name->known != answer->known
         || (name->known && name->uid != answer->uid);
}

/* The accounts that the answers change something for. */
static GArray *
collect_concerned (DflAudience *self, const GArray *answers)
{
  GArray *concerned = g_array_new (FALSE, FALSE, sizeof (Concerned));
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  g_array_set_clear_func (concerned, clear_concerned);
  for (guint i = 0; i < answers->len; i++)
    {
      const DflUserAnswer *answer = &g_array_index (answers, DflUserAnswer, i);
      GHashTableIter iter;
      gpointer holder;

      if (!is_news (answer))
        continue;
      g_hash_table_iter_init (&iter, answer->name->holders);
      while (g_hash_table_iter_next (&iter, &holder, NULL))
        {
          Members *members = holder;
          Concerned one = { members->account, members, NULL };

          if (!g_hash_table_add (seen, members))
            continue;
          g_object_ref (one.account);
          one.before = collect_listeners (self, members);
          g_array_append_val (concerned, one);
        }
    }
  return concerned;
}

static void
log_unknown (const DflUserName *name)
{
  guint others = g_hash_table_size (name->holders) - 1;
  g_autofree char *and_others = others == 0 ? g_strdup ("")
                                            : g_strdup_printf (" and %u more", others);
  GHashTableIter iter;
  gpointer members;

  g_hash_table_iter_init (&iter, name->holders);
  if (g_hash_table_iter_next (&iter, &members, NULL))
    g_message ("Account %s%s: this system has no user \"%s\"; correct users= and reload",
               dfl_account_get_settings (((Members *)members)->account)->name, and_others,
               name->name);
}

static gboolean
is_answered (const Members *members)
{
  for (guint i = 0; i < members->names->len; i++)
    {
      if (!((DflUserName *)g_ptr_array_index (members->names, i))->answered)
        return FALSE;
    }
  return TRUE;
}

static void
settle (DflAudience *self, Members *members)
{
  if (members->settled || !is_answered (members))
    return;
  members->settled = TRUE;
  self->settled (members->account, self->data);
}

static void
on_answered (const GArray *answers, gpointer data)
{
  DflAudience *self = data;
  g_autoptr (GArray) concerned = collect_concerned (self, answers);

  for (guint i = 0; i < answers->len; i++)
    {
      const DflUserAnswer *answer = &g_array_index (answers, DflUserAnswer, i);

      answer->name->answered = TRUE;
      answer->name->known = answer->known;
      answer->name->uid = answer->uid;
      if (!answer->known)
        log_unknown (answer->name);
    }
  for (guint i = 0; i < concerned->len; i++)
    {
      const Concerned *one = &g_array_index (concerned, Concerned, i);

      collect_uids (one->members);
      tell_difference (self, one->members, one->before);
      settle (self, one->members);
    }
}

/* --- Users --- */

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

static void
hold_names (DflAudience *self, Members *members, const char *const *names)
{
  g_autoptr (GPtrArray) before = g_steal_pointer (&members->names);
  g_autoptr (GHashTable) kept = g_hash_table_new (NULL, NULL);

  members->names = g_ptr_array_new ();
  for (guint i = 0; names[i] != NULL; i++)
    {
      DflUserName *name;

      if (g_str_equal (names[i], "*"))
        continue;
      name = dfl_user_names_hold (self->names, names[i], members);
      if (g_hash_table_add (kept, name))
        g_ptr_array_add (members->names, name);
    }
  for (guint i = 0; i < before->len; i++)
    {
      DflUserName *name = g_ptr_array_index (before, i);

      if (!g_hash_table_contains (kept, name))
        dfl_user_names_release (self->names, name, members);
    }
  collect_uids (members);
}

void
dfl_audience_update (DflAudience *self, DflAccount *account)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);
  static const char *const nobody[] = { NULL };
  const char *const *names = settings->users == NULL ? nobody
                                                     : (const char *const *)settings->users;
  gboolean new = !g_hash_table_contains (self->members, account);
  Members *members = ensure_members (self, account);
  g_autoptr (GPtrArray) before = NULL;

  if (self->single_user)
    {
      log_pointless (members, settings->name, names);
      return;
    }
  before = collect_listeners (self, members);
  members->everybody = g_strv_contains (names, "*");
  hold_names (self, members, names);
  g_clear_pointer (&members->listeners, g_ptr_array_unref);
  if (!new)
    tell_difference (self, members, before);
  if (is_answered (members))
    settle (self, members);
  else
    members->settled = FALSE;
}

void
dfl_audience_refresh (DflAudience *self)
{
  dfl_user_names_refresh (self->names);
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
  self->generation++;
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
  self->generation++;
}

DflAudience *
dfl_audience_new (DflBusMode mode,
                  DflAudienceChangedFunc changed,
                  DflAudienceSettledFunc settled,
                  gpointer data)
{
  DflAudience *self = g_new0 (DflAudience, 1);

  self->single_user = mode == DFL_BUS_SESSION;
  self->own_uid = getuid ();
  self->changed = changed;
  self->settled = settled;
  self->data = data;
  self->names = dfl_user_names_new (on_answered, self);
  self->members = g_hash_table_new (NULL, NULL);
  g_hash_table_insert (self->members, self, members_new (NULL));
  self->decoys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_insert (self->decoys, g_strdup (DECOY), self);
  self->subscribers = g_hash_table_new (NULL, NULL);
  self->counts = g_hash_table_new (NULL, NULL);
  return self;
}

void
dfl_audience_free (DflAudience *self)
{
  GHashTableIter iter;
  gpointer account, members;

  g_hash_table_iter_init (&iter, self->members);
  while (g_hash_table_iter_next (&iter, &account, &members))
    {
      if (account != self)
        g_object_weak_unref (account, on_account_freed, self);
      free_members (self, members);
    }
  g_hash_table_unref (self->members);
  g_hash_table_unref (self->decoys);
  g_hash_table_unref (self->subscribers);
  g_hash_table_unref (self->counts);
  dfl_user_names_free (self->names);
  g_free (self);
}
