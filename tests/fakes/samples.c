/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/samples.h"

void
dfl_sample_set (char **field, const char *value)
{
  g_free (*field);
  *field = g_strdup (value);
}

void
dfl_sample_set_list (char ***field, const char *items)
{
  g_auto (GStrv) parts = g_strsplit (items, ";", -1);
  g_autoptr (GStrvBuilder) list = g_strv_builder_new ();

  for (char **part = parts; *part != NULL; part++)
    if (**part != '\0')
      g_strv_builder_add (list, *part);
  g_strfreev (*field);
  *field = g_strv_builder_end (list);
}

DflAccountSettings *
dfl_sample_settings (const char *name)
{
  DflAccountSettings *settings = dfl_account_settings_new (name);

  g_free (settings->address);
  settings->address = g_strconcat ("sip:", name, "@example.org", NULL);
  dfl_sample_set (&settings->user, name);
  dfl_sample_set (&settings->domain, "example.org");
  dfl_sample_set (&settings->redirect_domain, "example.org");
  settings->registers = FALSE;

  return settings;
}

DflAccountSettings *
dfl_sample_kept_settings (const char *name, const char *id, const char *creator, gint64 created)
{
  DflAccountSettings *settings = dfl_sample_settings (name);

  dfl_sample_set (&settings->id, id);
  dfl_sample_set (&settings->creator, creator);
  settings->created = created;
  dfl_sample_set_list (&settings->users, creator);
  dfl_sample_set_list (&settings->accept_from, "192.0.2.1");

  return settings;
}

DflOffer *
dfl_sample_offer (DflClock *clock, const char *sip_call_id)
{
  DflOffer *offer = dfl_offer_new ();
  DflIdentity *identity = dfl_identity_new ();

  dfl_sample_set (&identity->source, "P-Asserted-Identity");
  dfl_sample_set (&identity->address, "sip:carol@caller.example");
  dfl_sample_set (&identity->name, "Carol");
  identity->trusted = TRUE;
  g_ptr_array_add (offer->identities, identity);

  dfl_sample_set (&offer->sip_call_id, sip_call_id);
  dfl_sample_set (&offer->request_uri, "sip:alice@192.0.2.10:5062");
  offer->presentation = DFL_PRESENTATION_ALLOWED;
  dfl_sample_set (&offer->caller_address, identity->address);
  dfl_sample_set (&offer->caller_name, identity->name);
  dfl_sample_set (&offer->caller_source, identity->source);
  offer->caller_trusted = TRUE;
  dfl_sample_set (&offer->called_address, "sip:alice@example.org");
  offer->received = dfl_clock_now (clock);
  offer->received_wall = dfl_clock_wall (clock);

  return offer;
}

void
dfl_sample_add_diversion (DflOffer *offer, const char *address, guint counter)
{
  DflDiversion *diversion = dfl_diversion_new ();

  dfl_sample_set (&diversion->source, "Diversion");
  dfl_sample_set (&diversion->address, address);
  diversion->counter = counter;
  g_ptr_array_insert (offer->diverted_from, 0, diversion);
}
