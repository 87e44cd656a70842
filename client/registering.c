/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's reply to a change says that it is in force, not that a registration has begun: that
 * comes a turn of its loop later, or when it is the account's turn. What an account says of itself
 * right after a change may be what was true before it. So what is announced is followed from before
 * the change on, and a state counts when something was announced or is other than it was. */
#include "registering.h"

#include "calls-watch.h"
#include "names.h"
#include "output.h"

/* A registration that begins anew says so at once; in this time, on a machine that is busy. */
#define BEGIN_MILLISECONDS 2000

struct _DflRegisteringWait
{
  DflCallsWatch *watch;
  GVariant *before;
  DflRegisteringCause cause;
  char *path;                       /* which account it is about, after the cause */
  GHashTable *moved;                /* the paths of the accounts that told something */
  DflRegisteringDelayFunc on_delay; /* NULL: none, or told already */
  GError *error;
  DflRegistering result;
  gboolean ready;
  gboolean time_over;
  gboolean still_over; /* what has not begun by now does not */
};

static gboolean
differs (GVariant *before, GVariant *now, const char *name)
{
  g_autoptr (GVariant) old_value = g_variant_lookup_value (before, name, NULL);
  g_autoptr (GVariant) new_value = g_variant_lookup_value (now, name, NULL);

  if (old_value == NULL || new_value == NULL)
    return old_value != new_value;
  return !g_variant_equal (old_value, new_value);
}

static gboolean
has_begun (GVariant *before, GVariant *now, gboolean moved)
{
  return moved || before == NULL || differs (before, now, "State")
         || differs (before, now, "StateReason") || differs (before, now, "RegisteredUntil");
}

DflRegistering
dfl_registering_judge (DflRegisteringCause cause, GVariant *before, GVariant *now, gboolean moved)
{
  const char *state = dfl_property_string (now, "State");
  gboolean begun = has_begun (before, now, moved);

  if (g_str_equal (state, "connecting"))
    return DFL_REGISTERING_PENDING;
  if (g_str_equal (state, "disabled") || g_str_equal (state, "direct"))
    return DFL_REGISTERING_DONE;
  if (cause != DFL_REGISTERING_ADDED && !begun)
    return cause == DFL_REGISTERING_ASKED ? DFL_REGISTERING_PENDING : DFL_REGISTERING_STILL;
  /* A refresh that failed leaves the account registered until its time is over, and says so. */
  if (g_str_equal (state, "registered")
      && (cause != DFL_REGISTERING_ASKED || *dfl_property_string (now, "StateReason") == '\0'))
    return DFL_REGISTERING_DONE;
  return DFL_REGISTERING_FAILED;
}

gboolean
dfl_registering_is_delayed (GVariant *before, GVariant *now, gboolean moved)
{
  return g_str_equal (dfl_property_string (now, "State"), "connecting")
         && *dfl_property_string (now, "StateReason") != '\0' && has_begun (before, now, moved);
}

gboolean
dfl_registering_is_changed_by (GVariant *settings)
{
  const char *const keys[] = { "address",        "enabled",         "registrar",
                               "outbound-proxy", "transport",       "username",
                               "password",       "tls-verify",      "tls-wildcard",
                               "tls-ca",         "tls-certificate", "tls-key",
                               "register",       "expires",         NULL };
  GVariantIter iter;
  const char *key;

  g_variant_iter_init (&iter, settings);
  while (g_variant_iter_next (&iter, "{&sv}", &key, NULL))
    if (g_strv_contains (keys, key))
      return TRUE;
  return FALSE;
}

/* --- What the daemon says meanwhile --- */

/* NULL where the account is gone, or not ours to see. */
static GVariant *
get_properties (DflRegisteringWait *self)
{
  DflRemote *account = dfl_calls_watch_get_account (self->watch, self->path);

  return account != NULL ? dfl_remote_get_properties (account) : NULL;
}

static void
judge_properties (DflRegisteringWait *self, GVariant *now)
{
  gboolean moved = g_hash_table_contains (self->moved, self->path);

  self->result = dfl_registering_judge (self->cause, self->before, now, moved);
  if (self->on_delay == NULL || !dfl_registering_is_delayed (self->before, now, moved))
    return;
  self->on_delay (dfl_property_string (now, "StateReason"));
  self->on_delay = NULL;
}

static void
judge (DflRegisteringWait *self)
{
  g_autoptr (GVariant) now = NULL;

  if (self->path == NULL)
    return;
  now = get_properties (self);
  if (now == NULL)
    self->result = DFL_REGISTERING_DONE;
  else
    judge_properties (self, now);
  if (self->result == DFL_REGISTERING_STILL && self->still_over)
    self->result = DFL_REGISTERING_DONE;
}

static void
on_changed (DflCallsWatch *watch,
            DflRemote *account,
            const char *const *names,
            DflRegisteringWait *self)
{
  if (g_strv_contains (names, "State") || g_strv_contains (names, "StateReason")
      || g_strv_contains (names, "RegisteredUntil"))
    g_hash_table_add (self->moved, g_strdup (dfl_remote_get_path (account)));
  judge (self);
}

static void
on_removed (DflCallsWatch *watch, const char *path, DflRegisteringWait *self)
{
  judge (self);
}

static void
on_ready (DflCallsWatch *watch, DflRegisteringWait *self)
{
  self->ready = TRUE;
}

static void
on_lost (DflCallsWatch *watch, const GError *error, DflRegisteringWait *self)
{
  if (self->error == NULL)
    self->error = g_error_copy (error);
}

static gboolean
on_still_over (gpointer data)
{
  DflRegisteringWait *self = data;

  self->still_over = TRUE;
  judge (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_timeout (gpointer data)
{
  DflRegisteringWait *self = data;

  self->time_over = TRUE;
  return G_SOURCE_CONTINUE;
}

/* --- The wait --- */

DflRegisteringWait *
dfl_registering_wait_new (GDBusConnection *connection,
                          DflRegisteringCause cause,
                          GVariant *before,
                          GError **error)
{
  g_autoptr (DflRegisteringWait) self = g_new0 (DflRegisteringWait, 1);

  self->cause = cause;
  self->before = before != NULL ? g_variant_ref (before) : NULL;
  self->moved = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->watch = dfl_calls_watch_new (connection);
  g_signal_connect (self->watch, "ready", G_CALLBACK (on_ready), self);
  g_signal_connect (self->watch, "lost", G_CALLBACK (on_lost), self);
  g_signal_connect (self->watch, "account-changed", G_CALLBACK (on_changed), self);
  g_signal_connect (self->watch, "account-removed", G_CALLBACK (on_removed), self);
  dfl_calls_watch_start (self->watch);
  while (!self->ready && self->error == NULL)
    g_main_context_iteration (NULL, TRUE);
  if (self->error == NULL)
    return g_steal_pointer (&self);
  g_propagate_error (error, g_steal_pointer (&self->error));
  return NULL;
}

void
dfl_registering_wait_set_on_delay (DflRegisteringWait *self, DflRegisteringDelayFunc on_delay)
{
  self->on_delay = on_delay;
}

gboolean
dfl_registering_wait_run (DflRegisteringWait *self,
                          const char *path,
                          double seconds,
                          DflRegistering *result,
                          GVariant **now,
                          GError **error)
{
  guint timers[] = { g_timeout_add ((guint)(seconds * 1000), on_timeout, self),
                     g_timeout_add (BEGIN_MILLISECONDS, on_still_over, self) };

  /* What came before the reply waits here already, and says whether the account is ours to see. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  self->path = g_strdup (path);
  self->result = DFL_REGISTERING_PENDING;
  judge (self);
  while (self->error == NULL && self->result <= DFL_REGISTERING_STILL && !self->time_over)
    g_main_context_iteration (NULL, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (timers); i++)
    g_source_remove (timers[i]);
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return FALSE;
    }
  *result = self->result == DFL_REGISTERING_STILL ? DFL_REGISTERING_DONE : self->result;
  *now = get_properties (self);
  return TRUE;
}

void
dfl_registering_wait_free (DflRegisteringWait *self)
{
  if (self->watch != NULL)
    g_signal_handlers_disconnect_by_data (self->watch, self);
  g_clear_object (&self->watch);
  g_clear_pointer (&self->moved, g_hash_table_unref);
  g_clear_pointer (&self->before, g_variant_unref);
  g_clear_error (&self->error);
  g_free (self->path);
  g_free (self);
}
