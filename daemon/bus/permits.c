/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/permits.h"

#include "core/error.h"

#define MAX_OF_A_USER 4
#define MAX_OF_ALL 64
#define CHECK_LIMIT (10 * G_USEC_PER_SEC)
#define PROMPT_LIMIT (60 * G_USEC_PER_SEC)

/*
 * One question. It is open as long as somebody waits for its end. It counts until the authority has
 * answered as well: what nobody waits for any longer takes the authority's time, and a place among
 * the answers that the bus lets us wait for, all the same. Otherwise a user who asks and leaves
 * would use up what belongs to all. Referenced by the list while it counts, and by the check that
 * is under way.
 */
typedef struct
{
  DflPermits *permits; /* NULL once it no longer counts */
  DflPeer *peer;       /* kept while it is open, then NULL */
  guint32 uid;
  gboolean asking; /* the authority has not answered yet */
  const char *action;
  char **details;
  gboolean interactive;
  gboolean prompting; /* there is a dialog */
  GCancellable *cancellable;
  DflAlarm *alarm;
  DflPermitFunc answered;
  gpointer data;
  GDestroyNotify free_data;
} Permit;

struct _DflPermits
{
  DflAuthority *authority;
  DflClock *clock;
  GQueue all; /* of Permit: all that count */
};

static void
clear_permit (Permit *self)
{
  g_strfreev (self->details);
  g_clear_object (&self->cancellable);
}

static void
unref_permit (Permit *self)
{
  g_rc_box_release_full (self, (GDestroyNotify)clear_permit);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Permit, unref_permit)

/* --- The end of a question --- */

/* Nothing is left of it for others. The list's reference goes. */
static void
stop_counting (Permit *self)
{
  g_queue_remove (&self->permits->all, self);
  self->permits = NULL;
  unref_permit (self);
}

/* From here on nothing that the authority says reaches anybody; its dialog is taken back. */
static void
stop_waiting (Permit *self)
{
  dfl_clock_clear_alarm (self->permits->clock, &self->alarm);
  self->peer->keepers--;
  self->peer = NULL;
  if (self->asking)
    g_cancellable_cancel (self->cancellable);
  else
    stop_counting (self);
}

static void
drop (Permit *self)
{
  g_autoptr (Permit) kept = g_rc_box_acquire (self);

  stop_waiting (kept);
  kept->free_data (kept->data);
}

static void
conclude (Permit *self, DflAuthorityAnswer answer, const GError *error)
{
  g_autoptr (Permit) kept = g_rc_box_acquire (self);

  stop_waiting (kept);
  kept->answered (answer, error, kept->data);
  kept->free_data (kept->data);
}

G_GNUC_PRINTF (4, 5)
static void
refuse (Permit *self, DflAuthorityAnswer answer, DflError code, const char *format, ...)
{
  g_autoptr (GError) error = NULL;
  va_list arguments;

  va_start (arguments, format);
  error = g_error_new_valist (DFL_ERROR, code, format, arguments);
  va_end (arguments);
  conclude (self, answer, error);
}

/* --- Its way --- */

static void start_check (Permit *self, gboolean prompting);

static void
on_limit (gpointer data)
{
  Permit *self = data;

  self->alarm = NULL;
  if (self->prompting)
    refuse (self, DFL_AUTHORITY_REFUSED, DFL_ERROR_NOT_AUTHORIZED,
            "The dialog that asked for a password was open for %d seconds and was taken back; try "
            "again and answer it",
            (int)(PROMPT_LIMIT / G_USEC_PER_SEC));
  else
    refuse (self, DFL_AUTHORITY_REFUSED, DFL_ERROR_NOT_AUTHORIZED,
            "The polkit service did not answer within %d seconds; try again, and if that does not "
            "help have it restarted (systemctl restart polkit)",
            (int)(CHECK_LIMIT / G_USEC_PER_SEC));
}

static gboolean
has_dialog (DflPermits *self, guint32 uid)
{
  for (GList *l = self->all.head; l != NULL; l = l->next)
    {
      const Permit *permit = l->data;

      if (permit->uid == uid && permit->prompting)
        return TRUE;
    }
  return FALSE;
}

static void
take_challenge (Permit *self)
{
  if (self->prompting)
    refuse (self, DFL_AUTHORITY_CHALLENGE, DFL_ERROR_NOT_AUTHORIZED,
            "A password is needed for this (polkit action %s), and nothing is there to ask for it; "
            "start a polkit agent, such as pkttyagent, in your session",
            self->action);
  else if (!self->interactive)
    refuse (self, DFL_AUTHORITY_CHALLENGE, DFL_ERROR_NOT_AUTHORIZED,
            "A password is needed for this (polkit action %s); allow interactive authorization in "
            "the call to be asked for it",
            self->action);
  else if (has_dialog (self->permits, self->uid))
    refuse (self, DFL_AUTHORITY_CHALLENGE, DFL_ERROR_LIMIT_EXCEEDED,
            "You are being asked for a password already; answer that dialog and try again");
  else
    start_check (self, TRUE);
}

static void
take_answer (Permit *self, DflAuthorityAnswer answer)
{
  if (answer == DFL_AUTHORITY_GRANTED)
    conclude (self, answer, NULL);
  else if (answer == DFL_AUTHORITY_CHALLENGE)
    take_challenge (self);
  else if (self->prompting)
    refuse (self, answer, DFL_ERROR_NOT_AUTHORIZED,
            "The password was not accepted, or the dialog was closed; try again");
  else
    refuse (self, answer, DFL_ERROR_NOT_AUTHORIZED,
            "You may not do this from here (polkit action %s); use a session at this machine, or "
            "ask its administrator for a polkit rule",
            self->action);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Permit) self = data;
  g_autoptr (GError) error = NULL;
  DflAuthorityAnswer answer = DFL_AUTHORITY_REFUSED;
  gboolean answered = dfl_authority_check_finish (DFL_AUTHORITY (source), result, &answer, &error);

  self->asking = FALSE;
  if (self->permits == NULL)
    return;
  if (self->peer == NULL)
    {
      stop_counting (self);
      return;
    }
  dfl_clock_clear_alarm (self->permits->clock, &self->alarm);
  if (answered)
    take_answer (self, answer);
  else if (error->domain == DFL_ERROR)
    refuse (self, DFL_AUTHORITY_REFUSED, DFL_ERROR_NOT_AUTHORIZED, "%s", error->message);
  else
    refuse (self, DFL_AUTHORITY_REFUSED, DFL_ERROR_NOT_AUTHORIZED,
            "The polkit service could not be asked; try again");
}

static void
start_check (Permit *self, gboolean prompting)
{
  DflClock *clock = self->permits->clock;

  self->asking = TRUE;
  self->prompting = prompting;
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  self->alarm = dfl_clock_set_alarm (clock,
                                     dfl_clock_now (clock)
                                         + (prompting ? PROMPT_LIMIT : CHECK_LIMIT),
                                     on_limit, self);
  dfl_authority_check_async (self->permits->authority, self->peer->name, self->action,
                             (const char *const *)self->details, prompting, self->cancellable,
                             on_checked, g_rc_box_acquire (self));
}

/* --- All of them --- */

/* Why nothing more can be asked for the user; NULL where it can. */
static const char *
find_limit (DflPermits *self, guint32 uid)
{
  guint of_user = 0;
  guint open = 0;

  for (GList *l = self->all.head; l != NULL; l = l->next)
    {
      const Permit *permit = l->data;

      if (permit->uid != uid)
        continue;
      of_user++;
      if (permit->peer != NULL)
        open++;
    }
  if (of_user >= MAX_OF_A_USER && open < of_user)
    return "The polkit service has not answered what you asked for before; try again when it "
           "does, and if that does not help have it restarted (systemctl restart polkit)";
  if (of_user >= MAX_OF_A_USER || g_queue_get_length (&self->all) >= MAX_OF_ALL)
    return "Too many authorizations are under way; wait for an answer and try again";
  return NULL;
}

void
dfl_permits_ask (DflPermits *self,
                 DflPeer *peer,
                 const char *action,
                 const char *const *details,
                 gboolean interactive,
                 DflPermitFunc answered,
                 gpointer data,
                 GDestroyNotify free_data)
{
  const char *limit = find_limit (self, peer->uid);
  Permit *permit;

  if (limit != NULL)
    {
      g_autoptr (GError) error = g_error_new_literal (DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED, limit);

      answered (DFL_AUTHORITY_REFUSED, error, data);
      free_data (data);
      return;
    }
  permit = g_rc_box_new0 (Permit);
  permit->permits = self;
  permit->peer = peer;
  permit->uid = peer->uid;
  permit->action = action;
  permit->details = g_strdupv ((char **)details);
  permit->interactive = interactive;
  permit->answered = answered;
  permit->data = data;
  permit->free_data = free_data;
  peer->keepers++;
  g_queue_push_tail (&self->all, permit);
  start_check (permit, FALSE);
}

void
dfl_permits_forget (DflPermits *self, DflPeer *peer)
{
  GList *next;

  for (GList *l = self->all.head; l != NULL; l = next)
    {
      Permit *permit = l->data;

      next = l->next;
      if (permit->peer == peer)
        drop (permit);
    }
}

DflPermits *
dfl_permits_new (DflAuthority *authority, DflClock *clock)
{
  DflPermits *self = g_new0 (DflPermits, 1);

  self->authority = g_object_ref (authority);
  self->clock = g_object_ref (clock);
  g_queue_init (&self->all);
  return self;
}

void
dfl_permits_free (DflPermits *self)
{
  GList *next;

  for (GList *l = self->all.head; l != NULL; l = next)
    {
      Permit *permit = l->data;

      next = l->next;
      if (permit->peer != NULL)
        refuse (permit, DFL_AUTHORITY_REFUSED, DFL_ERROR_FAILED,
                "The daemon is stopping; try again when it has been started");
    }
  /* What counts still is answered after us. */
  while (!g_queue_is_empty (&self->all))
    stop_counting (g_queue_peek_head (&self->all));
  g_object_unref (self->authority);
  g_object_unref (self->clock);
  g_free (self);
}
