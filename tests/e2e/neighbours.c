/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "neighbours.h"

#include <string.h>

#include "machine.h"
#include "names.h"

const Neighbour neighbours[N_NEIGHBOURS] = {
  { "alice", "kestrel", "Falconry", { "kestrel", "Ingrid Aase", "+4721900101", "Heirloom" } },
  { "bob", "osprey", "Fishmonger", { "osprey", "Tomasz Wrona", "+4822900202", "Overdraft" } },
  { "*", "heron", "Riverside", { "heron", "Beatriz Couto", "+3512190303", "Regatta" } },
  { "", "merlin", "Wizardry", { "merlin", "Yusuf Demir", "+9021290404", "Grimoire" } },
};

static const guint uids[N_WITNESSES] = { 0, MACHINE_ALICE, MACHINE_BOB, MACHINE_CAROL,
                                         MACHINE_DEFLECTD };

gboolean
neighbours_sees (guint uid, NeighbourName account)
{
  const char *users = neighbours[account].users;

  return uid == 0 || g_str_equal (users, "*") || g_str_equal (users, machine_get_user (uid));
}

Witness *
neighbours_get_witness (Neighbours *self, guint uid)
{
  for (guint i = 0; i < N_WITNESSES; i++)
    if (uids[i] == uid)
      return self->witnesses[i];
  g_assert_not_reached ();
}

/* --- Setting the scene --- */

/* Timer H of RFC 3261 is 64 times t1: nobody here waits half a minute for it. */
#define SETTINGS "[daemon]\nlisten=udp:127.0.0.1:0\nt1=10\nt2=20\n"

static void
write_account (Stage *stage, const Neighbour *neighbour)
{
  g_autofree char *lines
      = g_strdup_printf ("[account]\naddress=sip:%s@deflect.example\ndisplay-name=%s\n"
                         "register=false\naccept-from=127.0.0.1\nusers=%s\n"
                         "[targets]\n%smobile=%s Mobile;sip:%s@mobile.example\n",
                         neighbour->name, neighbour->label, neighbour->users, neighbour->name,
                         neighbour->label, neighbour->name);

  stage_write_account (stage, neighbour->name, lines);
}

static char *
find_account (Stage *stage, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = stage_invoke (stage, DFL_ROOT_PATH,
                                             "org.freedesktop.DBus.ObjectManager",
                                             "GetManagedObjects", NULL, &error);
  g_autoptr (GVariantIter) objects = NULL;
  const char *path;
  GVariant *interfaces;

  g_assert_no_error (error);
  g_variant_get (reply, "(a{oa{sa{sv}}})", &objects);
  while (g_variant_iter_next (objects, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) owned = interfaces;
      g_autoptr (GVariant) account = g_variant_lookup_value (interfaces, DFL_ACCOUNT_INTERFACE,
                                                             NULL);
      const char *found = "";

      if (account != NULL && g_variant_lookup (account, "Name", "&s", &found)
          && g_str_equal (found, name))
        return g_strdup (path);
    }
  g_error ("There is no account %s.", name);
}

/* The daemon asks for uids in a thread: until it has the answers, users see nothing. */
static gboolean
everybody_sees_theirs (Neighbours *self)
{
  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint i = 0; i < N_NEIGHBOURS; i++)
      {
        g_autofree char *error = witness_try (self->witnesses[w], self->accounts[i],
                                              "org.freedesktop.DBus.Peer", "Ping", NULL);

        if (neighbours_sees (uids[w], i) != g_str_equal (error, ""))
          return FALSE;
      }
  return TRUE;
}

Neighbours *
neighbours_new (void)
{
  Neighbours *self = g_new0 (Neighbours, 1);

  self->stage = stage_new (STAGE_SYSTEM_BUS);
  self->guests = g_ptr_array_new_with_free_func (g_free);
  stage_write_settings (self->stage, SETTINGS);
  stage_write_account (self->stage, "alice", NULL);
  for (guint i = 0; i < N_NEIGHBOURS; i++)
    write_account (self->stage, &neighbours[i]);
  stage_start_daemon (self->stage);
  for (guint i = 0; i < N_NEIGHBOURS; i++)
    self->accounts[i] = find_account (self->stage, neighbours[i].name);
  for (guint i = 0; i < N_WITNESSES; i++)
    self->witnesses[i] = witness_new (self->stage, uids[i]);
  AWAIT (self->stage, everybody_sees_theirs (self));
  return self;
}

void
neighbours_free (Neighbours *self)
{
  for (guint i = 0; i < N_NEIGHBOURS; i++)
    {
      g_clear_pointer (&self->wires[i], wire_free);
      g_free (self->accounts[i]);
      g_free (self->calls[i]);
    }
  for (guint i = 0; i < N_WITNESSES; i++)
    witness_free (self->witnesses[i]);
  g_ptr_array_unref (self->guests);
  stage_free (self->stage);
  g_free (self);
}

/* --- What happens --- */

void
neighbours_listen (Neighbours *self)
{
  for (guint i = 0; i < N_WITNESSES; i++)
    witness_listen (self->witnesses[i]);
}

void
neighbours_call (Neighbours *self)
{
  guint port = stage_get_port (self->stage, "udp:127.0.0.1:");

  for (guint i = 0; i < N_NEIGHBOURS; i++)
    {
      g_clear_pointer (&self->wires[i], wire_free);
      if (self->calls[i] != NULL)
        g_ptr_array_add (self->guests, g_strdup_printf ("%u %s", i, self->calls[i]));
      g_free (self->calls[i]);
      self->wires[i] = wire_new_from (self->stage, port, &neighbours[i].caller);
      wire_invite (self->wires[i]);
      self->calls[i] = stage_await_call (self->stage);
    }
}

const char *
neighbours_get_call_id (Neighbours *self, NeighbourName account)
{
  return self->calls[account] + strlen (DFL_CALL_PATH_PREFIX);
}

/* --- What they got --- */

/* One user, one account, one text of it. Counts what is not as it must be. */
static guint
check_text (Witness *witness, NeighbourName account, const char *text, const char *what)
{
  if (neighbours_sees (witness_get_uid (witness), account) || !witness_has_received (witness, text))
    return 0;
  g_printerr ("LEAK: %s has received %s \"%s\" of the account %s (users=%s)\n",
              machine_get_user (witness_get_uid (witness)), what, text, neighbours[account].name,
              neighbours[account].users);
  return 1;
}

static guint
check_paths (Neighbours *self, Witness *witness, NeighbourName account)
{
  const char *id = self->accounts[account] + strlen (DFL_ACCOUNT_PATH_PREFIX);
  guint leaks = check_text (witness, account, id, "the id");

  if (self->calls[account] != NULL)
    leaks += check_text (witness, account, neighbours_get_call_id (self, account), "a call's id");
  for (guint i = 0; i < self->guests->len; i++)
    {
      const char *guest = g_ptr_array_index (self->guests, i);

      if (g_ascii_strtoull (guest, NULL, 10) == account)
        leaks += check_text (witness, account, strrchr (guest, '/') + 1, "an earlier call's id");
    }
  return leaks;
}

static guint
check_account (Neighbours *self, Witness *witness, NeighbourName account)
{
  const Neighbour *neighbour = &neighbours[account];
  guint leaks = 0;

  leaks += check_text (witness, account, neighbour->name, "the name");
  leaks += check_text (witness, account, neighbour->label, "the label");
  leaks += check_text (witness, account, neighbour->caller.name, "the caller's name");
  leaks += check_text (witness, account, neighbour->caller.number + 1, "the caller's number");
  leaks += check_text (witness, account, neighbour->caller.subject, "the subject");
  return leaks;
}

/* FindCall repeats no Call-ID, but a client that asks for an object by its path may be told the
 * path. */
static guint
check_call_id (Neighbours *self, Witness *witness, NeighbourName account)
{
  if (self->wires[account] == NULL)
    return 0;
  return check_text (witness, account, wire_get_call_id (self->wires[account]), "the Call-ID");
}

/* That nothing leaks proves something only where the same search finds what may be seen. */
static guint
check_seen (Witness *witness, NeighbourName account)
{
  const Neighbour *neighbour = &neighbours[account];

  if (!neighbours_sees (witness_get_uid (witness), account)
      || (witness_has_received (witness, neighbour->label)
          && witness_has_received (witness, neighbour->caller.number + 1)))
    return 0;
  g_printerr ("BLIND: %s has received nothing of the account %s\n",
              machine_get_user (witness_get_uid (witness)), neighbour->name);
  return 1;
}

void
neighbours_check (Neighbours *self, NeighboursSecret secret, gboolean seen)
{
  guint wrong = 0;

  for (guint w = 0; w < N_WITNESSES; w++)
    {
      Witness *witness = self->witnesses[w];

      witness_catch_up (witness);
      for (guint i = 0; i < N_NEIGHBOURS; i++)
        {
          wrong += check_account (self, witness, i) + check_call_id (self, witness, i);
          if (secret == NEIGHBOURS_ANYTHING)
            wrong += check_paths (self, witness, i);
          if (seen)
            wrong += check_seen (witness, i);
        }
      g_test_message ("%s: %" G_GSIZE_FORMAT " bytes searched",
                      machine_get_user (witness_get_uid (witness)), witness_count_bytes (witness));
    }
  g_assert_cmpuint (wrong, ==, 0);
}
