/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/registrations.h"

#include "core/account-draft.h"
#include "sip/registration.h"

/*
 * Attempts begin one after another, with a pause between them and none saved up, so that neither a
 * start nor the end of an outage is a burst. What the server still has goes first, or an outage of
 * one server would let the registrations at others lapse; but each fourth turn is for who has
 * waited longest of the others.
 */
#define FAIR_TURN 4

/* What leaves is no load that stays: taking back all goes this much faster. */
#define LEAVING_SPEED 25

/* Of one account, and of all accounts of one user: of more, the first is let go without a word. */
#define MAX_LEAVERS_OF_ACCOUNT 2
#define MAX_LEAVERS_OF_USER 64

typedef struct
{
  DflRegistrations *all;
  DflRegistration *registration;
  GQueue *queue; /* that it waits in, or NULL */
  GList link;
  GQueue *fellows; /* of the same group that leave too, or NULL */
} Entry;

struct _DflRegistrations
{
  DflRegistrationTools tools;
  GHashTable *by_account; /* DflAccount (of the registration) -> Entry, owned */
  GHashTable *by_call_id; /* char * (of the registration) -> Entry, borrowed */
  GHashTable *leavers;    /* Entry, owned: their accounts do not register (so) any more */
  GHashTable *groups;     /* char *, owned -> GQueue of Entry: the same, see get_group */

  GQueue urgent, others; /* wait for their turn */
  guint turns;
  DflPace *pace; /* of the attempts */
  DflAlarm *alarm;

  GQueue to_leave; /* of Entry */
  DflSipAgentLeftFunc left;
  gpointer left_data;
};

/* --- Turns --- */

static void
leave_queue (Entry *entry)
{
  if (entry->queue != NULL)
    g_queue_unlink (entry->queue, &entry->link);
  entry->queue = NULL;
}

static void on_turn (gpointer data);

static void
set_alarm (DflRegistrations *self)
{
  if (self->alarm != NULL || (self->urgent.length == 0 && self->others.length == 0))
    return;
  self->alarm = dfl_clock_set_alarm (self->tools.clock, dfl_pace_get_next (self->pace), on_turn,
                                     self);
}

static void
on_turn (gpointer data)
{
  DflRegistrations *self = data;
  gboolean fair = ++self->turns % FAIR_TURN == 0;
  GQueue *first = fair ? &self->others : &self->urgent;
  GQueue *second = fair ? &self->urgent : &self->others;
  Entry *entry = g_queue_peek_head (first->length > 0 ? first : second);

  self->alarm = NULL;
  if (entry != NULL)
    {
      dfl_pace_step (self->pace);
      leave_queue (entry);
      dfl_registration_go (entry->registration);
    }
  set_alarm (self);
}

static void
on_asked (DflRegistration *registration, gpointer data)
{
  Entry *entry = data;
  DflRegistrations *self = entry->all;

  if (entry->queue != NULL)
    return;
  entry->queue = dfl_registration_is_urgent (registration) ? &self->urgent : &self->others;
  entry->link.data = entry;
  g_queue_push_tail_link (entry->queue, &entry->link);
  set_alarm (self);
}

/* --- Coming and going --- */

static void
entry_free (Entry *entry)
{
  leave_queue (entry);
  if (entry->registration != NULL)
    dfl_registration_free (entry->registration);
  g_free (entry);
}

static gboolean
should_register (DflAccount *account)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);

  return settings->enabled && settings->registers && settings->problem == NULL;
}

/* Whether the way to the server, or what is said there, is another one. */
static gboolean
is_another_registration (const DflAccountSettings *a, const DflAccountSettings *b)
{
  return g_strcmp0 (a->address, b->address) != 0 || g_strcmp0 (a->registrar, b->registrar) != 0
         || g_strcmp0 (a->outbound_proxy, b->outbound_proxy) != 0 || a->transport != b->transport
         || g_strcmp0 (a->username, b->username) != 0 || g_strcmp0 (a->password, b->password) != 0
         || a->tls_verify != b->tls_verify || a->tls_wildcard != b->tls_wildcard
         || g_strcmp0 (a->tls_ca, b->tls_ca) != 0
         || g_strcmp0 (a->tls_certificate, b->tls_certificate) != 0
         || g_strcmp0 (a->tls_key, b->tls_key) != 0 || a->expires != b->expires;
}

static void
tell_when_all_left (DflRegistrations *self)
{
  DflSipAgentLeftFunc left = self->left;

  if (left == NULL || self->to_leave.length > 0 || g_hash_table_size (self->leavers) > 0)
    return;
  self->left = NULL;
  left (self->left_data);
}

static void
set_call_ids (DflRegistrations *self, Entry *entry, gboolean known)
{
  for (guint flow = 0; flow < 2; flow++)
    {
      const char *call_id = dfl_registration_get_call_id (entry->registration, flow == 1);

      if (known)
        g_hash_table_insert (self->by_call_id, (char *)call_id, entry);
      else
        g_hash_table_remove (self->by_call_id, call_id);
    }
}

/* All accounts of one user, or one account of the administrator's. */
static const char *
get_group (Entry *entry)
{
  const char *creator = dfl_registration_get_settings (entry->registration)->creator;

  if (creator != NULL && !dfl_account_author_is_root (creator))
    return creator;
  return dfl_account_get_id (dfl_registration_get_account (entry->registration));
}

static void
let_go (Entry *entry)
{
  DflRegistrations *self = entry->all;

  set_call_ids (self, entry, FALSE);
  if (entry->fellows != NULL)
    g_queue_remove (entry->fellows, entry);
  if (entry->fellows != NULL && entry->fellows->length == 0)
    g_hash_table_remove (self->groups, get_group (entry));
  g_hash_table_remove (self->leavers, entry);
}

static void
on_left (DflRegistration *registration, gpointer data)
{
  DflRegistrations *self = ((Entry *)data)->all;

  let_go (data);
  tell_when_all_left (self);
}

/* The one that has left for longest among those of a group, where these are too many. */
static Entry *
find_surplus (GQueue *fellows, Entry *newest)
{
  DflAccount *account = dfl_registration_get_account (newest->registration);
  Entry *first = NULL;
  guint n = 0;

  for (GList *link = fellows->head; link != NULL; link = link->next)
    {
      Entry *each = link->data;

      if (dfl_registration_get_account (each->registration) != account)
        continue;
      first = first != NULL ? first : each;
      n++;
    }
  if (n > MAX_LEAVERS_OF_ACCOUNT)
    return first;
  return fellows->length > MAX_LEAVERS_OF_USER ? fellows->head->data : NULL;
}

static void
add_leaver (DflRegistrations *self, Entry *entry)
{
  const char *group = get_group (entry);
  Entry *surplus;

  g_hash_table_add (self->leavers, entry);
  entry->fellows = g_hash_table_lookup (self->groups, group);
  if (entry->fellows == NULL)
    {
      entry->fellows = g_queue_new ();
      g_hash_table_insert (self->groups, g_strdup (group), entry->fellows);
    }
  g_queue_push_tail (entry->fellows, entry);
  surplus = find_surplus (entry->fellows, entry);
  if (surplus != NULL)
    let_go (surplus);
}

static void
begin (DflRegistrations *self, DflAccount *account)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->all = self;
  /* Its first report is announced as a change of an account that is known already. */
  g_hash_table_insert (self->by_account, account, entry);
  entry->registration = dfl_registration_new (&self->tools, account, on_asked, entry);
  set_call_ids (self, entry, TRUE);
}

static void
end (DflRegistrations *self, DflAccount *account)
{
  Entry *entry;

  if (!g_hash_table_steal_extended (self->by_account, account, NULL, (gpointer *)&entry))
    return;
  leave_queue (entry);
  add_leaver (self, entry);
  dfl_registration_leave (entry->registration, on_left, entry);
}

static void
on_account_changed (DflSwitchboard *switchboard, DflAccount *account, DflRegistrations *self)
{
  Entry *entry = g_hash_table_lookup (self->by_account, account);

  if (entry == NULL)
    {
      if (should_register (account))
        begin (self, account);
      return;
    }
  if (entry->registration == NULL
      || dfl_registration_get_settings (entry->registration) == dfl_account_get_settings (account))
    return;
  if (!should_register (account))
    end (self, account);
  else if (is_another_registration (dfl_registration_get_settings (entry->registration),
                                    dfl_account_get_settings (account)))
    {
      end (self, account);
      begin (self, account);
    }
}

static void
on_account_removed (DflSwitchboard *switchboard, DflAccount *account, DflRegistrations *self)
{
  end (self, account);
}

static void
on_register_requested (DflSwitchboard *switchboard, DflAccount *account, DflRegistrations *self)
{
  Entry *entry = g_hash_table_lookup (self->by_account, account);

  if (entry != NULL)
    dfl_registration_hurry (entry->registration);
}

DflRegistrations *
dfl_registrations_new (const DflRegistrationTools *tools)
{
  DflRegistrations *self = g_new0 (DflRegistrations, 1);
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (tools->switchboard);

  self->tools = *tools;
  self->tools.pace = dfl_pace_new (tools->clock, tools->settings->register_rate);
  self->pace = dfl_pace_new (tools->clock, tools->settings->register_rate);
  self->by_account = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify)entry_free);
  self->by_call_id = g_hash_table_new (g_str_hash, g_str_equal);
  self->leavers = g_hash_table_new_full (NULL, NULL, (GDestroyNotify)entry_free, NULL);
  self->groups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                        (GDestroyNotify)g_queue_free);
  g_queue_init (&self->urgent);
  g_queue_init (&self->others);
  g_queue_init (&self->to_leave);
  g_signal_connect (tools->switchboard, "account-added", G_CALLBACK (on_account_changed), self);
  g_signal_connect (tools->switchboard, "account-changed", G_CALLBACK (on_account_changed), self);
  g_signal_connect (tools->switchboard, "account-removed", G_CALLBACK (on_account_removed), self);
  g_signal_connect (tools->switchboard, "register-requested", G_CALLBACK (on_register_requested),
                    self);
  for (guint i = 0; i < accounts->len; i++)
    on_account_changed (tools->switchboard, accounts->pdata[i], self);
  return self;
}

void
dfl_registrations_free (DflRegistrations *self)
{
  if (self == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->tools.switchboard, self);
  dfl_clock_clear_alarm (self->tools.clock, &self->alarm);
  g_queue_clear (&self->to_leave);
  g_hash_table_unref (self->by_call_id);
  g_hash_table_unref (self->by_account);
  g_hash_table_unref (self->leavers);
  g_hash_table_unref (self->groups);
  dfl_pace_free (self->tools.pace);
  dfl_pace_free (self->pace);
  g_free (self);
}

void
dfl_registrations_host_changed (DflRegistrations *self, DflHostChange change)
{
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, self->by_account);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    dfl_registration_host_changed (((Entry *)entry)->registration, change);
}

/* --- The end --- */

static gint64
get_leaving_pause (DflRegistrations *self)
{
  return G_USEC_PER_SEC / (gint64)MAX (self->tools.settings->register_rate, 1) / LEAVING_SPEED;
}

static void
on_leaving_turn (gpointer data)
{
  DflRegistrations *self = data;
  Entry *entry = g_queue_pop_head (&self->to_leave);

  self->alarm = NULL;
  if (entry != NULL)
    dfl_registration_leave (entry->registration, on_left, entry);
  if (self->to_leave.length > 0)
    self->alarm = dfl_clock_set_alarm (self->tools.clock,
                                       dfl_clock_now (self->tools.clock) + get_leaving_pause (self),
                                       on_leaving_turn, self);
  else
    tell_when_all_left (self);
}

void
dfl_registrations_leave (DflRegistrations *self, DflSipAgentLeftFunc done, gpointer data)
{
  GHashTableIter iter;
  gpointer entry;

  g_signal_handlers_disconnect_by_data (self->tools.switchboard, self);
  self->left = done;
  self->left_data = data;
  g_hash_table_iter_init (&iter, self->by_account);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    {
      leave_queue (entry);
      g_hash_table_add (self->leavers, entry);
      g_queue_push_tail (&self->to_leave, entry);
    }
  g_hash_table_steal_all (self->by_account);
  dfl_clock_clear_alarm (self->tools.clock, &self->alarm);
  self->alarm = dfl_clock_set_alarm (self->tools.clock, dfl_clock_now (self->tools.clock),
                                     on_leaving_turn, self);
}

/* --- For the gate and the agent --- */

gboolean
dfl_registrations_expect (DflRegistrations *self,
                          const char *call_id,
                          guint32 cseq,
                          const DflSource *source)
{
  Entry *entry = g_hash_table_lookup (self->by_call_id, call_id);

  return entry != NULL && dfl_registration_expects (entry->registration, cseq, source);
}

const char *
dfl_registrations_get_contact (DflRegistrations *self, DflAccount *account)
{
  Entry *entry = g_hash_table_lookup (self->by_account, account);

  return entry != NULL ? dfl_registration_get_contact (entry->registration) : NULL;
}
