/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/unread.h"

#include <string.h>

#include "bus/message.h"

/* From here on the bus is asked how much of it is read. */
#define MUCH (64 * 1024)
/* The same for what is broadcast. */
#define MUCH_BROADCAST (1024 * 1024)
/* It is asked again after the first time, then after twice that and so on, up to the last. */
#define FIRST_PAUSE (20 * G_TIME_SPAN_MILLISECOND)
#define LAST_PAUSE (2 * G_TIME_SPAN_SECOND)
/* How often everybody is asked about who has anything unread, when all together have too much. */
#define SWEEP_PAUSE (200 * G_TIME_SPAN_MILLISECOND)

#define STATS "org.freedesktop.DBus.Debug.Stats"

typedef struct
{
  guint32 uid;
  gsize unread; /* of all connections */
  guint n_readers;
} User;

/* One connection to which something was sent. */
typedef struct _Reader
{
  DflUnread *unread_of;
  char *name;
  User *user;
  gsize unread;
  gsize asked_about; /* how much of it was sent before the bus was asked */
  sd_bus_slot *question;
  DflAlarm *alarm; /* for the next question */
  gint64 pause;
  GHashTable *missed; /* object path to whether it was known; NULL: nothing */
} Reader;

struct _DflUnread
{
  sd_bus *bus;
  DflClock *clock;
  DflUnreadFuncs funcs;
  gpointer data;
  GHashTable *readers; /* name to Reader */
  GHashTable *users;   /* uid to User */
  gsize total;
  Reader *everybody; /* who gets what is broadcast: counts what the bus keeps of us */
  gboolean warned;   /* that nothing is broadcast */
  DflAlarm *sweep;
  gint64 swept_at;
  gboolean bus_is_silent; /* it does not say what was read */
};

static void
count (Reader *reader, gsize unread)
{
  reader->user->unread += unread - reader->unread;
  if (reader != reader->unread_of->everybody)
    reader->unread_of->total += unread - reader->unread;
  reader->unread = unread;
}

static void
free_reader (Reader *self)
{
  DflUnread *unread = self->unread_of;

  count (self, 0);
  if (--self->user->n_readers == 0)
    g_hash_table_remove (unread->users, GUINT_TO_POINTER (self->user->uid));
  sd_bus_slot_unref (self->question);
  dfl_clock_clear_alarm (unread->clock, &self->alarm);
  g_clear_pointer (&self->missed, g_hash_table_unref);
  g_free (self->name);
  g_free (self);
}

static User *
ensure_user (DflUnread *self, guint32 uid)
{
  User *user = g_hash_table_lookup (self->users, GUINT_TO_POINTER (uid));

  if (user == NULL)
    {
      user = g_new0 (User, 1);
      user->uid = uid;
      g_hash_table_insert (self->users, GUINT_TO_POINTER (uid), user);
    }
  return user;
}

static Reader *
ensure_reader (DflUnread *self, const char *name, guint32 uid)
{
  Reader *reader = g_hash_table_lookup (self->readers, name);

  if (reader == NULL)
    {
      reader = g_new0 (Reader, 1);
      reader->unread_of = self;
      reader->name = g_strdup (name);
      reader->user = ensure_user (self, uid);
      reader->user->n_readers++;
      reader->pause = FIRST_PAUSE;
      g_hash_table_insert (self->readers, reader->name, reader);
    }
  return reader;
}

/* --- News that were missed --- */

static gboolean
may_have_news (DflUnread *self, const Reader *reader)
{
  if (reader->unread <= MUCH)
    return TRUE;
  return reader->unread <= DFL_UNREAD_MAX_NEWS && reader->user->unread <= DFL_UNREAD_MAX_USER_NEWS
         && (self->total <= DFL_UNREAD_MAX_ALL || reader->user->unread <= DFL_UNREAD_FREE_USER);
}

/* The reader may be gone when an object was told of. */
static void
catch_up (DflUnread *self, const char *name)
{
  Reader *reader;
  GHashTableIter iter;
  gpointer object, known;

  while ((reader = g_hash_table_lookup (self->readers, name)) != NULL && reader->missed != NULL
         && may_have_news (self, reader))
    {
      g_autofree char *path = NULL;

      g_hash_table_iter_init (&iter, reader->missed);
      if (!g_hash_table_iter_next (&iter, &object, &known))
        {
          g_clear_pointer (&reader->missed, g_hash_table_unref);
          return;
        }
      g_hash_table_iter_steal (&iter);
      path = object;
      self->funcs.tell (name, path, GPOINTER_TO_INT (known), self->data);
    }
}

/* --- Questions --- */

static void ask (Reader *reader);

static void
on_alarm (gpointer data)
{
  Reader *reader = data;

  reader->alarm = NULL;
  ask (reader);
}

/* How many bytes the bus keeps, under the name that it has for that; TRUE where it says so. */
static gboolean
read_answer (sd_bus_message *answer, const char *name, guint32 *kept)
{
  const char *key;
  gboolean found = FALSE;

  if (sd_bus_message_enter_container (answer, SD_BUS_TYPE_ARRAY, "{sv}") <= 0)
    return FALSE;
  while (sd_bus_message_enter_container (answer, SD_BUS_TYPE_DICT_ENTRY, "sv") > 0)
    {
      if (sd_bus_message_read_basic (answer, SD_BUS_TYPE_STRING, &key) <= 0)
        return FALSE;
      if (g_str_equal (key, name))
        found = sd_bus_message_read (answer, "v", "u", kept) > 0;
      else
        sd_bus_message_skip (answer, "v");
      sd_bus_message_exit_container (answer);
    }
  return found;
}

/* The bus has said that it keeps so much. */
static void
take_answer (Reader *reader, gsize kept)
{
  DflUnread *self = reader->unread_of;
  g_autofree char *name = g_strdup (reader->name);

  if (kept < reader->asked_about)
    count (reader, reader->unread - (reader->asked_about - kept));
  if (reader->unread > (reader == self->everybody ? MUCH_BROADCAST : MUCH))
    {
      reader->alarm = dfl_clock_set_alarm (self->clock, dfl_clock_now (self->clock) + reader->pause,
                                           on_alarm, reader);
      reader->pause = MIN (2 * reader->pause, LAST_PAUSE);
    }
  else
    reader->pause = FIRST_PAUSE;
  catch_up (self, name);
  self->funcs.read (self->data);
}

/* Whether the bus will never say how much it keeps. */
static gboolean
is_unable (const sd_bus_error *refusal)
{
  static const char *const names[] = { SD_BUS_ERROR_ACCESS_DENIED,     SD_BUS_ERROR_UNKNOWN_METHOD,
                                       SD_BUS_ERROR_UNKNOWN_INTERFACE, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                       SD_BUS_ERROR_NOT_SUPPORTED,     NULL };

  return g_strv_contains (names, refusal->name);
}

static void
fall_silent (DflUnread *self, const char *reason)
{
  if (!self->bus_is_silent)
    g_message ("The bus does not say what is read (%s), so one who reads nothing can fill it; "
               "allow deflectd org.freedesktop.DBus.Debug.Stats in the policy of the bus",
               reason);
  self->bus_is_silent = TRUE;
}

static int
on_answer (sd_bus_message *answer, void *data, sd_bus_error *ignored)
{
  Reader *reader = data;
  DflUnread *self = reader->unread_of;
  const sd_bus_error *refusal = sd_bus_message_get_error (answer);
  const char *which = reader == self->everybody ? "IncomingBytes" : "OutgoingBytes";
  guint32 kept = 0;

  g_clear_pointer (&reader->question, sd_bus_slot_unref);
  if (refusal == NULL ? !read_answer (answer, which, &kept) : is_unable (refusal))
    fall_silent (self, refusal == NULL ? "no number of bytes" : refusal->name);
  else if (refusal != NULL)
    kept = G_MAXUINT32; /* The connection has just gone, or the bus is too busy: nobody knows. */
  take_answer (reader, kept);
  return 0;
}

static void
ask (Reader *reader)
{
  DflUnread *self = reader->unread_of;

  if (reader->question != NULL || reader->alarm != NULL)
    return;
  reader->asked_about = reader->unread;
  if (sd_bus_call_method_async (self->bus, &reader->question, "org.freedesktop.DBus",
                                "/org/freedesktop/DBus", STATS, "GetConnectionStats", on_answer,
                                reader, "s", reader->name)
      < 0)
    g_debug ("The bus cannot be asked what %s has read", reader->name);
}

/* --- When many have a little --- */

static void
on_sweep (gpointer data)
{
  DflUnread *self = data;
  GHashTableIter iter;
  gpointer value;

  self->sweep = NULL;
  self->swept_at = dfl_clock_now (self->clock);
  g_hash_table_iter_init (&iter, self->readers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Reader *reader = value;

      if (reader->unread > 0
          && (self->total > DFL_UNREAD_MAX_ALL || reader->user->unread > DFL_UNREAD_MAX_USER_NEWS))
        ask (value);
    }
}

/* Somebody waits for all connections of a user, or of all. */
static void
sweep (DflUnread *self)
{
  if (self->sweep == NULL)
    self->sweep = dfl_clock_set_alarm (self->clock, self->swept_at + SWEEP_PAUSE, on_sweep, self);
}

/* --- What may be sent --- */

void
dfl_unread_add (DflUnread *self, const char *name, guint32 uid, gsize bytes)
{
  Reader *reader;

  if (self->bus_is_silent)
    return;
  reader = ensure_reader (self, name, uid);
  count (reader, reader->unread + bytes);
  if (reader->unread > MUCH)
    ask (reader);
}

gboolean
dfl_unread_may_answer (DflUnread *self, const char *name, guint32 uid)
{
  const Reader *reader = g_hash_table_lookup (self->readers, name);
  const User *user = g_hash_table_lookup (self->users, GUINT_TO_POINTER (uid));

  if (self->bus_is_silent || user == NULL)
    return TRUE;
  if (reader != NULL && reader->unread > DFL_UNREAD_MAX_REQUESTS)
    return FALSE;
  if (user->unread <= DFL_UNREAD_MAX_USER
      && (self->total <= DFL_UNREAD_MAX_ALL || user->unread <= DFL_UNREAD_FREE_USER))
    return TRUE;
  sweep (self);
  return FALSE;
}

gboolean
dfl_unread_may_tell (
    DflUnread *self, const char *name, guint32 uid, const char *object, gboolean known)
{
  Reader *reader = g_hash_table_lookup (self->readers, name);

  if (self->bus_is_silent || reader == NULL)
    return TRUE;
  if (reader->missed == NULL)
    {
      if (may_have_news (self, reader))
        return TRUE;
      reader->missed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      ask (reader);
    }
  else if (g_hash_table_contains (reader->missed, object))
    return FALSE;
  if (g_hash_table_size (reader->missed) < DFL_UNREAD_MAX_MISSED)
    g_hash_table_insert (reader->missed, g_strdup (object), GINT_TO_POINTER (known));
  else
    {
      g_clear_pointer (&reader->missed, g_hash_table_unref);
      self->funcs.lose (name, self->data);
    }
  return FALSE;
}

/* --- Broadcasts --- */

void
dfl_unread_add_broadcast (DflUnread *self, gsize bytes)
{
  const char *name;

  if (self->bus_is_silent)
    return;
  if (self->everybody == NULL && sd_bus_get_unique_name (self->bus, &name) >= 0)
    self->everybody = ensure_reader (self, name, G_MAXUINT32);
  if (self->everybody == NULL)
    return;
  count (self->everybody, self->everybody->unread + bytes);
  if (self->everybody->unread > MUCH_BROADCAST)
    ask (self->everybody);
}

gboolean
dfl_unread_may_broadcast (DflUnread *self)
{
  gboolean may = self->bus_is_silent || self->everybody == NULL
                 || self->everybody->unread <= DFL_UNREAD_MAX_BROADCAST;

  if (!may && !self->warned)
    g_message ("Somebody listens to the bus and reads nothing; accounts with users=* announce no "
               "news until that is over. End the program whose OutgoingBytes are most in " STATS);
  self->warned = !may;
  return may;
}

void
dfl_unread_forget (DflUnread *self, const char *name)
{
  if (g_hash_table_remove (self->readers, name))
    self->funcs.read (self->data);
}

DflUnread *
dfl_unread_new (sd_bus *bus, DflClock *clock, const DflUnreadFuncs *funcs, gpointer data)
{
  DflUnread *self = g_new0 (DflUnread, 1);

  self->bus = sd_bus_ref (bus);
  self->clock = g_object_ref (clock);
  self->funcs = *funcs;
  self->data = data;
  self->users = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->readers = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                         (GDestroyNotify)free_reader);
  return self;
}

void
dfl_unread_free (DflUnread *self)
{
  dfl_clock_clear_alarm (self->clock, &self->sweep);
  g_hash_table_unref (self->readers);
  g_hash_table_unref (self->users);
  sd_bus_unref (self->bus);
  g_object_unref (self->clock);
  g_free (self);
}
