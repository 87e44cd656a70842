/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/account-changes.h"

#include "core/account-queue.h"
#include "core/error.h"

/*
 * A change waits for its author's turn, is drafted then, then is the one that the keeper is at,
 * and last waits for its answer where it was refused: done is never told from within the
 * function that was asked.
 *
 * The keeper cannot be called off, so that its answer finds a ticket, which outlives everything
 * else and says whether anybody still wants to know.
 */

#define LEAVING "The daemon is shutting down: try again when it runs again"

typedef enum
{
  KIND_ADD,
  KIND_UPDATE,
  KIND_REMOVE
} Kind;

typedef struct
{
  Kind kind;
  DflAccount *account;         /* NULL for a new one */
  DflAccountSettings *seen;    /* what it had when the change was asked for */
  DflAccountSettings *drafted; /* what is to be put in force */
  char *name;
  char *author;
  gboolean as_administrator;
  DflAccountSettings *authorised; /* or NULL */
  gboolean creator_owns;
  DflAccountChange *change;
  GError *error;
  DflAccountDoneFunc done;
  gpointer data;
} Item;

typedef struct
{
  DflAccountChanges *changes; /* NULL: nobody wants to know */
} Ticket;

struct _DflAccountChanges
{
  DflAccountDesk desk; /* with references to the clock and the keeper */
  void (*on_idle) (gpointer owner);
  gpointer owner;

  DflAccountQueue *waiting; /* of Item */
  Item *current;            /* the keeper is at it */
  Ticket *ticket;           /* of current */
  GQueue refused;           /* of Item, to be told */
  DflAlarm *alarm;
  gboolean leaving;
};

static void
free_item (Item *item)
{
  g_clear_object (&item->account);
  g_clear_pointer (&item->seen, dfl_account_settings_free);
  g_clear_pointer (&item->drafted, dfl_account_settings_free);
  g_clear_pointer (&item->authorised, dfl_account_settings_free);
  g_clear_pointer (&item->change, dfl_account_change_free);
  g_clear_error (&item->error);
  g_free (item->name);
  g_free (item->author);
  g_free (item);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Item, free_item)

DflAccountSettings *
dfl_account_changes_draft (DflAccountChanges *self,
                           const DflAccountWish *wish,
                           const DflAccountChange *change,
                           GError **error)
{
  return dfl_account_draft_change (&self->desk, wish, change, error);
}

/* --- Answers --- */

static void on_turn (gpointer data);

static void
arm (DflAccountChanges *self)
{
  if (self->alarm == NULL)
    self->alarm = dfl_clock_set_alarm (self->desk.clock, dfl_clock_now (self->desk.clock), on_turn,
                                       self);
}

/* Takes the item and the error over. */
static void
refuse (DflAccountChanges *self, Item *item, GError *error)
{
  item->error = error;
  g_queue_push_tail (&self->refused, item);
  arm (self);
}

gboolean
dfl_account_changes_are_idle (DflAccountChanges *self)
{
  return self->current == NULL && dfl_account_queue_is_empty (self->waiting)
         && g_queue_is_empty (&self->refused);
}

static void
refuse_with (DflAccountChanges *self, Item *item, DflError code, const char *message)
{
  refuse (self, item, g_error_new_literal (DFL_ERROR, (int)code, message));
}

/* --- The change whose turn it is --- */

static DflAccount *
put_in_force (DflAccountChanges *self, Item *item)
{
  if (item->kind == KIND_ADD)
    {
      DflAccount *account = dfl_accounts_add (self->desk.accounts,
                                              g_steal_pointer (&item->drafted));

      if (account == NULL)
        g_set_error_literal (&item->error, DFL_ERROR, DFL_ERROR_FAILED,
                             "The new account's id is taken: try again");
      return account;
    }

  if (dfl_accounts_find_by_id (self->desk.accounts, dfl_account_get_id (item->account))
      != item->account)
    {
      dfl_account_draft_set_gone (&item->error);
      return NULL;
    }
  if (item->kind == KIND_REMOVE)
    {
      dfl_accounts_remove (self->desk.accounts, item->account);
      return NULL;
    }

  dfl_account_update (item->account, g_steal_pointer (&item->drafted));
  return item->account;
}

static void advance (DflAccountChanges *self);

static void
on_kept (const GError *error, gpointer data)
{
  g_autofree Ticket *ticket = data;
  DflAccountChanges *self = ticket->changes;
  g_autoptr (GObject) owner = NULL;
  g_autoptr (DflAccount) account = NULL;
  g_autoptr (Item) item = NULL;

  if (self == NULL)
    return;

  owner = g_object_ref (self->owner);
  self->ticket = NULL;
  item = g_steal_pointer (&self->current);
  if (error != NULL)
    item->error = g_error_new_literal (DFL_ERROR, DFL_ERROR_FAILED, error->message);
  else
    g_set_object (&account, put_in_force (self, item));
  item->done (account, item->error, item->data);

  advance (self);
  if (dfl_account_changes_are_idle (self))
    self->on_idle (owner);
}

/* What the change comes to at its turn. */
static const DflAccountSettings *
get_outcome (const Item *item)
{
  return item->kind == KIND_REMOVE ? dfl_account_get_settings (item->account) : item->drafted;
}

/*
 * The state read again: what was asked for may have been allowed because the account was the
 * author's own, and it may have been given to others since. Then it is as if it were gone.
 */
static gboolean
is_still_own (const Item *item)
{
  const DflAccountSettings *now = dfl_account_get_settings (item->account);
  const char *const *users = (const char *const *)now->users;

  return g_strv_equal (users, (const char *const *)item->seen->users)
         || (item->author != NULL && g_strv_contains (users, item->author));
}

/* Who may see it is told so, and for everybody else it is gone. */
static gboolean
refuse_changed (const Item *item, GError **error)
{
  if (item->as_administrator)
    g_set_error_literal (error, DFL_ERROR, DFL_ERROR_FAILED,
                         "The account was changed meanwhile; look at it and try again");
  else
    dfl_account_draft_set_gone (error);

  return FALSE;
}

static gboolean
check_permission (const Item *item, GError **error)
{
  const DflAccountSettings *before = item->account != NULL
                                         ? dfl_account_get_settings (item->account)
                                         : NULL;

  if (dfl_account_author_is_root (item->author))
    return TRUE;

  /* An administrator allowed what was shown, and nothing that others have made of it since. */
  if (item->as_administrator && item->authorised != NULL)
    return dfl_account_settings_equal_drafts (get_outcome (item), item->authorised)
           || refuse_changed (item, error);
  if (before != NULL && !is_still_own (item))
    return refuse_changed (item, error);
  if (!item->as_administrator && item->kind != KIND_REMOVE
      && dfl_account_settings_need_administrator (before, item->drafted, item->author))
    {
      g_set_error_literal (
          error, DFL_ERROR, DFL_ERROR_NOT_AUTHORIZED,
          "This change needs an administrator: it says for whom or from where calls are taken, "
          "has more of them offered at once than is usual, or is about a server that only this "
          "machine can reach or that nobody verifies");
      return FALSE;
    }

  return TRUE;
}

static gboolean
prepare (DflAccountChanges *self, Item *item, GError **error)
{
  DflAccountWish wish = {
    .account = item->account,
    .name = item->name,
    .author = item->author,
    .creator_owns = item->creator_owns,
  };

  if (item->kind == KIND_REMOVE)
    return dfl_account_draft_removal (&self->desk, item->account, error)
           && check_permission (item, error);

  if (item->kind == KIND_ADD)
    wish.id = dfl_accounts_reserve_id (self->desk.accounts);
  item->drafted = dfl_account_draft_change (&self->desk, &wish, item->change, error);

  return item->drafted != NULL && check_permission (item, error);
}

/* Gives the keeper the next change that may be kept, unless it is at one. */
static void
advance (DflAccountChanges *self)
{
  while (self->current == NULL && !dfl_account_queue_is_empty (self->waiting))
    {
      Item *item = dfl_account_queue_pop (self->waiting);
      GError *error = NULL;

      if (!prepare (self, item, &error))
        {
          refuse (self, item, error);
          continue;
        }

      self->current = item;
      self->ticket = g_new (Ticket, 1);
      self->ticket->changes = self;
      if (item->kind == KIND_REMOVE)
        dfl_keeper_remove (self->desk.keeper, dfl_account_get_id (item->account), on_kept,
                           self->ticket);
      else
        dfl_keeper_save (self->desk.keeper, item->drafted, on_kept, self->ticket);
    }
}

static void
on_turn (gpointer data)
{
  DflAccountChanges *self = data;
  g_autoptr (GObject) owner = g_object_ref (self->owner);

  self->alarm = NULL;
  /* Who is told may ask again, but is answered in a later turn; or have all of them dismissed. */
  for (guint n = g_queue_get_length (&self->refused); n > 0 && !g_queue_is_empty (&self->refused);
       n--)
    {
      g_autoptr (Item) item = g_queue_pop_head (&self->refused);

      item->done (NULL, item->error, item->data);
    }

  if (dfl_account_changes_are_idle (self))
    self->on_idle (owner);
}

/* --- Asking --- */

static void
enqueue (DflAccountChanges *self, Item *item)
{
  if (self->leaving)
    refuse_with (self, item, DFL_ERROR_FAILED, LEAVING);
  else if (!dfl_account_queue_has_room (self->waiting, item->author))
    refuse_with (self, item, DFL_ERROR_LIMIT_EXCEEDED,
                 "Too many changes of accounts wait to be kept: try again in a moment");
  else
    {
      dfl_account_queue_push (self->waiting, item->author, item);
      advance (self);
    }
}

static Item *
new_item (Kind kind,
          DflAccount *account,
          const DflAccountAuthor *author,
          DflAccountDoneFunc done,
          gpointer data)
{
  Item *item = g_new0 (Item, 1);

  item->kind = kind;
  if (account != NULL)
    {
      item->account = g_object_ref (account);
      item->seen = dfl_account_settings_ref (dfl_account_get_settings (account));
    }
  item->author = g_strdup (author->caller);
  item->as_administrator = author->as_administrator;
  if (author->authorised != NULL)
    item->authorised = dfl_account_settings_ref (author->authorised);
  item->done = done;
  item->data = data;

  return item;
}

void
dfl_account_changes_add (DflAccountChanges *self,
                         const char *name,
                         const DflAccountAuthor *author,
                         gboolean creator_owns,
                         DflAccountChange *change,
                         DflAccountDoneFunc done,
                         gpointer data)
{
  Item *item = new_item (KIND_ADD, NULL, author, done, data);

  item->name = g_strdup (name);
  item->creator_owns = creator_owns;
  item->change = change;
  enqueue (self, item);
}

void
dfl_account_changes_update (DflAccountChanges *self,
                            DflAccount *account,
                            const DflAccountAuthor *author,
                            DflAccountChange *change,
                            DflAccountDoneFunc done,
                            gpointer data)
{
  Item *item = new_item (KIND_UPDATE, account, author, done, data);

  item->change = change;
  enqueue (self, item);
}

void
dfl_account_changes_remove (DflAccountChanges *self,
                            DflAccount *account,
                            const DflAccountAuthor *author,
                            DflAccountDoneFunc done,
                            gpointer data)
{
  enqueue (self, new_item (KIND_REMOVE, account, author, done, data));
}

/* --- Life --- */

void
dfl_account_changes_shut_down (DflAccountChanges *self)
{
  Item *item;

  self->leaving = TRUE;
  while ((item = dfl_account_queue_pop (self->waiting)) != NULL)
    refuse_with (self, item, DFL_ERROR_FAILED, LEAVING);
}

/* Nobody waits afterwards, whatever they do who are told so. */
static void
dismiss_all (DflAccountChanges *self)
{
  dfl_account_changes_shut_down (self);
  if (self->current != NULL)
    {
      g_steal_pointer (&self->ticket)->changes = NULL;
      refuse_with (
          self, g_steal_pointer (&self->current), DFL_ERROR_FAILED,
          "The daemon is shutting down and cannot say whether the change was kept: look when "
          "it runs again");
    }

  while (!g_queue_is_empty (&self->refused))
    {
      g_autoptr (Item) item = g_queue_pop_head (&self->refused);

      item->done (NULL, item->error, item->data);
    }
  dfl_clock_clear_alarm (self->desk.clock, &self->alarm);
}

void
dfl_account_changes_give_up (DflAccountChanges *self)
{
  if (dfl_account_changes_are_idle (self))
    return;

  dismiss_all (self);
  self->on_idle (self->owner);
}

void
dfl_account_changes_set_keeper (DflAccountChanges *self, DflKeeper *keeper)
{
  g_set_object (&self->desk.keeper, keeper);
}

DflAccountChanges *
dfl_account_changes_new (DflAccounts *accounts,
                         DflClock *clock,
                         void (*on_idle) (gpointer owner),
                         gpointer owner)
{
  DflAccountChanges *self = g_new0 (DflAccountChanges, 1);

  self->desk.accounts = accounts;
  self->desk.clock = g_object_ref (clock);
  self->on_idle = on_idle;
  self->owner = owner;
  self->waiting = dfl_account_queue_new ();
  g_queue_init (&self->refused);

  return self;
}

void
dfl_account_changes_close (DflAccountChanges *self)
{
  dismiss_all (self);
  dfl_account_queue_free (self->waiting);
  g_clear_object (&self->desk.keeper);
  g_object_unref (self->desk.clock);
  g_free (self);
}
