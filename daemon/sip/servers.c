/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/servers.h"

#include "sip/resolver.h"

struct _DflServers
{
  DflSwitchboard *switchboard;
  DflResolver *resolver;
  DflFlows *flows;
  DflRegistrations *registrations; /* NULL where nothing can register */
  char *obstacle;                  /* why */
  guint left;                      /* the source that says so to who wants to leave */
  DflSipAgentLeftFunc left_func;
  gpointer left_data;
};

/* Nothing can register: says so of each account that wants to. */
static void
report_obstacle (DflServers *self, DflAccount *account)
{
  DflRegistrationReport report = { .state = DFL_ACCOUNT_STATE_FAILED,
                                   .reason = self->obstacle,
                                   .server = "" };

  if (dfl_account_get_settings (account)->registers
      && dfl_account_get_state (account) == DFL_ACCOUNT_STATE_CONNECTING)
    dfl_account_report_registration (account, &report);
}

static void
give_up (DflServers *self, const GError *error)
{
  g_autoptr (GPtrArray) accounts = dfl_switchboard_get_accounts (self->switchboard);

  self->obstacle = g_strdup_printf ("accounts cannot register: %s", error->message);
  g_message ("%s", self->obstacle);
  g_signal_connect_swapped (self->switchboard, "account-added", G_CALLBACK (report_obstacle), self);
  g_signal_connect_swapped (self->switchboard, "account-changed", G_CALLBACK (report_obstacle),
                            self);
  for (guint i = 0; i < accounts->len; i++)
    report_obstacle (self, g_ptr_array_index (accounts, i));
}

static gboolean
make_way (DflServers *self, nta_agent_t *nta, DflGuard *guard, GError **error)
{
  self->resolver = dfl_resolver_new (error);
  if (self->resolver == NULL)
    return FALSE;
  self->flows = dfl_flows_new (nta, error);
  return self->flows != NULL
         && dfl_guard_add_relay_port (guard, dfl_flows_get_port (self->flows), error);
}

DflServers *
dfl_servers_new (const DflRegistrationTools *tools, DflGuard *guard)
{
  DflServers *self = g_new0 (DflServers, 1);
  DflRegistrationTools all = *tools;
  g_autoptr (GError) error = NULL;

  self->switchboard = g_object_ref (tools->switchboard);
  if (!make_way (self, tools->nta, guard, &error))
    {
      give_up (self, error);
      return self;
    }
  all.resolver = self->resolver;
  all.flows = self->flows;
  self->registrations = dfl_registrations_new (&all);
  return self;
}

void
dfl_servers_free (DflServers *self)
{
  g_clear_handle_id (&self->left, g_source_remove);
  g_clear_pointer (&self->registrations, dfl_registrations_free);
  g_clear_pointer (&self->flows, dfl_flows_free);
  g_clear_pointer (&self->resolver, dfl_resolver_free);
  g_signal_handlers_disconnect_by_data (self->switchboard, self);
  g_object_unref (self->switchboard);
  g_free (self->obstacle);
  g_free (self);
}

void
dfl_servers_host_changed (DflServers *self, DflHostChange change)
{
  if (self != NULL && self->registrations != NULL)
    dfl_registrations_host_changed (self->registrations, change);
}

static gboolean
on_nobody_left (gpointer data)
{
  DflServers *self = data;

  self->left = 0;
  self->left_func (self->left_data);
  return G_SOURCE_REMOVE;
}

void
dfl_servers_leave (DflServers *self, DflSipAgentLeftFunc done, gpointer data)
{
  if (self->registrations != NULL)
    {
      dfl_registrations_leave (self->registrations, done, data);
      return;
    }
  self->left_func = done;
  self->left_data = data;
  self->left = g_idle_add (on_nobody_left, self);
}

DflFlow *
dfl_servers_find_flow (DflServers *self, const struct sockaddr *peer)
{
  return self != NULL && self->flows != NULL ? dfl_flows_find (self->flows, peer) : NULL;
}

gboolean
dfl_servers_expect (DflServers *self, const char *call_id, guint32 cseq, const DflSource *source)
{
  return self != NULL && self->registrations != NULL
         && dfl_registrations_expect (self->registrations, call_id, cseq, source);
}

const char *
dfl_servers_get_contact (DflServers *self, DflAccount *account)
{
  return self != NULL && self->registrations != NULL
             ? dfl_registrations_get_contact (self->registrations, account)
             : NULL;
}

gboolean
dfl_servers_await_relays_on (DflServers *self, guint16 port)
{
  return self != NULL && self->flows != NULL && dfl_flows_get_port (self->flows) == port;
}
