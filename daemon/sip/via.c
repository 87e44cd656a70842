/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/via.h"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/su_string.h>

sip_via_t *
dfl_via_from_far_end (su_home_t *home, const sip_via_t *vias, const DflHop *far)
{
  sip_via_t *copy = sip_via_dup (home, vias);
  GInetAddress *address = g_inet_socket_address_get_address (far->address);
  g_autofree char *text = g_inet_address_to_string (address);
  g_autofree char *bracketed = g_strdup_printf ("[%s]", text);

  if (copy == NULL)
    return NULL;
  msg_header_remove_param (copy->v_common, "received");
  if (!su_casematch (copy->v_host, text) && !su_casematch (copy->v_host, bracketed))
    msg_header_replace_param (home, copy->v_common, su_sprintf (home, "received=%s", text));
  if (copy->v_rport != NULL)
    msg_header_replace_param (home, copy->v_common,
                              su_sprintf (home, "rport=%u",
                                          g_inet_socket_address_get_port (far->address)));
  return copy;
}

void
dfl_via_lead_nowhere (su_home_t *home, sip_via_t *via)
{
  msg_header_replace_param (home, via->v_common, "received=127.0.0.1");
  msg_header_replace_param (home, via->v_common, "rport=0");
}
