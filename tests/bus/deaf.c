/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/deaf.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "bus/message.h"
#include "data/names.h"

#define MUST(call) g_assert_cmpint (call, >=, 0)

struct _Deaf
{
  sd_bus *bus;
  guint n_answers, n_news;
  GHashTable *calls; /* path to State */
};

typedef struct
{
  const char *address;
  guint32 uid;
} Identity;

/* The kernel keeps a uid per thread; the C library, which keeps them all the same, is not asked. */
static gpointer
connect_as (gpointer data)
{
  const Identity *identity = data;
  sd_bus *bus = NULL;
  sd_id128_t id;

  MUST (syscall (SYS_setresuid, identity->uid, identity->uid, 0));
  MUST (sd_bus_new (&bus));
  MUST (sd_bus_set_address (bus, identity->address));
  MUST (sd_bus_set_bus_client (bus, 1));
  MUST (sd_bus_start (bus));
  MUST (sd_bus_get_bus_id (bus, &id));
  return bus;
}

sd_bus *
deaf_connect (const char *address, guint32 uid)
{
  Identity identity = { address, uid };

  return g_thread_join (g_thread_new ("connect-as", connect_as, &identity));
}

/* --- What it is told --- */

/* a{sv}; the value of State, or NULL. */
static char *
read_state (sd_bus_message *message)
{
  char *state = NULL;
  const char *key, *text;

  MUST (sd_bus_message_enter_container (message, 'a', "{sv}"));
  while (sd_bus_message_enter_container (message, 'e', "sv") > 0)
    {
      MUST (sd_bus_message_read (message, "s", &key));
      if (g_str_equal (key, "State"))
        {
          MUST (sd_bus_message_read (message, "v", "s", &text));
          state = g_strdup (text);
        }
      else
        MUST (sd_bus_message_skip (message, "v"));
      MUST (sd_bus_message_exit_container (message));
    }
  MUST (sd_bus_message_exit_container (message));
  return state;
}

/* oa{sa{sv}} */
static void
take_object (Deaf *self, sd_bus_message *message)
{
  const char *path, *interface;

  MUST (sd_bus_message_read (message, "o", &path));
  MUST (sd_bus_message_enter_container (message, 'a', "{sa{sv}}"));
  while (sd_bus_message_enter_container (message, 'e', "sa{sv}") > 0)
    {
      g_autofree char *state = NULL;

      MUST (sd_bus_message_read (message, "s", &interface));
      state = read_state (message);
      if (g_str_equal (interface, DFL_CALL_INTERFACE))
        g_hash_table_insert (self->calls, g_strdup (path), g_steal_pointer (&state));
      MUST (sd_bus_message_exit_container (message));
    }
  MUST (sd_bus_message_exit_container (message));
}

static void
take_all_objects (Deaf *self, sd_bus_message *message)
{
  g_hash_table_remove_all (self->calls);
  MUST (sd_bus_message_enter_container (message, 'a', "{oa{sa{sv}}}"));
  while (sd_bus_message_enter_container (message, 'e', "oa{sa{sv}}") > 0)
    {
      take_object (self, message);
      MUST (sd_bus_message_exit_container (message));
    }
}

static void
take_change (Deaf *self, sd_bus_message *message)
{
  const char *path = sd_bus_message_get_path (message);
  g_autofree char *state = NULL;
  const char *interface;

  MUST (sd_bus_message_read (message, "s", &interface));
  state = read_state (message);
  if (!g_str_equal (interface, DFL_CALL_INTERFACE) || state == NULL)
    return;
  /* Nobody is told of a change of what it does not know. */
  g_assert_true (g_hash_table_contains (self->calls, path));
  g_hash_table_insert (self->calls, g_strdup (path), g_steal_pointer (&state));
}

static int
on_message (sd_bus_message *message, void *data, sd_bus_error *ignored)
{
  Deaf *self = data;
  const char *path;

  if (g_strcmp0 (sd_bus_message_get_sender (message), "org.freedesktop.DBus") == 0)
    return 0;
  if (sd_bus_message_is_signal (message, NULL, NULL) > 0)
    self->n_news++;
  else
    self->n_answers++;
  if (sd_bus_message_has_signature (message, "a{oa{sa{sv}}}") > 0)
    take_all_objects (self, message);
  else if (sd_bus_message_is_signal (message, NULL, "InterfacesAdded") > 0)
    take_object (self, message);
  else if (sd_bus_message_is_signal (message, NULL, "PropertiesChanged") > 0)
    take_change (self, message);
  else if (sd_bus_message_is_signal (message, NULL, "InterfacesRemoved") > 0)
    {
      MUST (sd_bus_message_read (message, "o", &path));
      g_hash_table_remove (self->calls, path);
    }
  return 1;
}

/* --- The connection --- */

Deaf *
deaf_new (const char *address, guint32 uid)
{
  Deaf *self = g_new0 (Deaf, 1);

  self->bus = deaf_connect (address, uid);
  self->calls = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  MUST (sd_bus_add_filter (self->bus, NULL, on_message, self));
  return self;
}

void
deaf_free (Deaf *self)
{
  sd_bus_close (self->bus);
  sd_bus_unref (self->bus);
  g_hash_table_unref (self->calls);
  g_free (self);
}

void
deaf_ask (Deaf *self, const char *path, const char *interface, const char *member)
{
  g_autoptr (sd_bus_message) message = NULL;
  guint64 cookie;

  MUST (
      sd_bus_message_new_method_call (self->bus, &message, DFL_BUS_NAME, path, interface, member));
  /* Who does not want to know the cookie does not want an answer. */
  MUST (sd_bus_send (self->bus, message, &cookie));
  MUST (sd_bus_flush (self->bus));
}

void
deaf_read (Deaf *self)
{
  int more;

  while ((more = sd_bus_process (self->bus, NULL)) > 0)
    ;
  MUST (more);
}

guint
deaf_get_n_answers (Deaf *self)
{
  return self->n_answers;
}

guint
deaf_get_n_news (Deaf *self)
{
  return self->n_news;
}

GHashTable *
deaf_get_picture (Deaf *self)
{
  return g_hash_table_ref (self->calls);
}
