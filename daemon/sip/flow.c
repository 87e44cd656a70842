/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/flow.h"

DflFlows *
dfl_flows_new (nta_agent_t *nta, GError **error)
{
  return NULL;
}
void
dfl_flows_free (DflFlows *self)
{
}
guint16
dfl_flows_get_port (DflFlows *self)
{
  return 0;
}
DflFlow *
dfl_flows_find (DflFlows *self, const struct sockaddr *peer)
{
  return NULL;
}
DflFlow *
dfl_flow_new (DflFlows *flows,
              const DflHop *hop,
              const DflFlowTls *tls,
              const DflFlowListener *listener,
              gpointer data)
{
  return NULL;
}
void
dfl_flow_free (DflFlow *self)
{
}
tport_t *
dfl_flow_get_transport (DflFlow *self)
{
  return NULL;
}
const char *
dfl_flow_get_local (DflFlow *self)
{
  return "";
}
const DflHop *
dfl_flow_get_hop (DflFlow *self)
{
  return NULL;
}
gpointer
dfl_flow_get_data (DflFlow *self)
{
  return NULL;
}
