/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/call-properties.h"

#include "data/interface-info.h"
#include "data/names.h"

/*
 * Each call shows more than twenty properties, most of them empty or one of a few words. Whatever
 * several calls may share is made once, as a complete dictionary entry, and referenced; a call
 * costs the bus only what is its own.
 */

static struct
{
  GVariant *keys[DFL_N_CALL_PROPERTIES];
  GVariant *empty[DFL_N_CALL_PROPERTIES]; /* strings, numbers and arrays without content */
  GVariant *states[DFL_CALL_STATE_IDLE + 1];
  GVariant *actions[DFL_CALL_STATE_IDLE + 1];
  GVariant *outcomes[DFL_OUTCOME_FAILED + 1];
  GVariant *presentations[DFL_PRESENTATION_UNAVAILABLE + 1];
  GVariant *caller_trusted;
  GVariant *silenced;
  struct
  {
    GVariant *source, *address, *number, *name;            /* keys */
    GVariant *no_number, *no_name, *trusted, *not_trusted; /* complete entries */
  } identity;
} shared;

static GQuark account_entry_quark;

static GVariant *
entry_new (DflCallProperty property, GVariant *value)
{
  return g_variant_new_dict_entry (shared.keys[property], g_variant_new_variant (value));
}

static GVariant *
shared_entry_new (DflCallProperty property, GVariant *value)
{
  return g_variant_ref_sink (entry_new (property, value));
}

static GVariant *
shared_string_new (const char *text)
{
  return g_variant_ref_sink (g_variant_new_string (text));
}

static GVariant *
keyed_entry_new (GVariant *key, GVariant *value)
{
  return g_variant_new_dict_entry (key, g_variant_new_variant (value));
}

static void
identity_init (void)
{
  g_autoptr (GVariant) trusted = shared_string_new ("trusted");

  shared.identity.source = shared_string_new ("source");
  shared.identity.address = shared_string_new ("address");
  shared.identity.number = shared_string_new ("number");
  shared.identity.name = shared_string_new ("name");
  shared.identity.no_number = g_variant_ref_sink (
      keyed_entry_new (shared.identity.number, g_variant_new_string ("")));
  shared.identity.no_name = g_variant_ref_sink (
      keyed_entry_new (shared.identity.name, g_variant_new_string ("")));
  shared.identity.trusted = g_variant_ref_sink (
      keyed_entry_new (trusted, g_variant_new_boolean (TRUE)));
  shared.identity.not_trusted = g_variant_ref_sink (
      keyed_entry_new (trusted, g_variant_new_boolean (FALSE)));
}

static GVariant *
empty_value_new (const char *signature)
{
  switch (signature[0])
    {
    case 's':
      return g_variant_new_string ("");
    case 'o':
      return g_variant_new_object_path ("/");
    case 'b':
      return g_variant_new_boolean (FALSE);
    case 't':
      return g_variant_new_uint64 (0);
    default:
      return g_variant_new_array (G_VARIANT_TYPE (signature + 1), NULL, 0);
    }
}

void
dfl_call_properties_init (void)
{
  static gsize done;
  GDBusPropertyInfo **infos = org_deflectd1_call_interface.properties;

  if (!g_once_init_enter (&done))
    return;
  for (guint i = 0; i < DFL_N_CALL_PROPERTIES; i++)
    {
      shared.keys[i] = g_variant_ref_sink (g_variant_new_string (infos[i]->name));
      shared.empty[i] = shared_entry_new (i, empty_value_new (infos[i]->signature));
    }
  g_assert (infos[DFL_N_CALL_PROPERTIES] == NULL);
  for (guint i = 0; i < G_N_ELEMENTS (shared.states); i++)
    {
      shared.states[i] = shared_entry_new (DFL_CALL_PROPERTY_STATE,
                                           g_variant_new_string (dfl_call_state_to_string (i)));
      shared.actions[i] = shared_entry_new (DFL_CALL_PROPERTY_ALLOWED_ACTIONS,
                                            g_variant_new_strv (dfl_call_state_get_actions (i),
                                                                -1));
    }
  for (guint i = 0; i < G_N_ELEMENTS (shared.outcomes); i++)
    shared.outcomes[i] = shared_entry_new (DFL_CALL_PROPERTY_OUTCOME,
                                           g_variant_new_string (dfl_outcome_to_string (i)));
  for (guint i = 0; i < G_N_ELEMENTS (shared.presentations); i++)
    shared.presentations[i] = shared_entry_new (DFL_CALL_PROPERTY_CALLER_PRESENTATION,
                                                g_variant_new_string (
                                                    dfl_presentation_to_string (i)));
  shared.caller_trusted = shared_entry_new (DFL_CALL_PROPERTY_CALLER_TRUSTED,
                                            g_variant_new_boolean (TRUE));
  shared.silenced = shared_entry_new (DFL_CALL_PROPERTY_SILENCED, g_variant_new_boolean (TRUE));
  identity_init ();
  account_entry_quark = g_quark_from_static_string ("dfl-account-entry");
  g_once_init_leave (&done, 1);
}

static GVariant *
string_entry_new (DflCallProperty property, const char *text)
{
  if (text[0] == '\0')
    return shared.empty[property];
  return entry_new (property, g_variant_new_string (text));
}

static GVariant *
time_entry_new (DflCallProperty property, gint64 time)
{
  if (time <= 0)
    return shared.empty[property];
  return entry_new (property, g_variant_new_uint64 ((guint64)time));
}

/* The account's path is the same for all of its calls; kept with it. */
static GVariant *
account_entry_new (DflAccount *account)
{
  GVariant *entry = g_object_get_qdata (G_OBJECT (account), account_entry_quark);
  g_autofree char *path = NULL;

  if (entry != NULL)
    return entry;
  path = g_strconcat (DFL_ACCOUNT_PATH_PREFIX, dfl_account_get_id (account), NULL);
  entry = shared_entry_new (DFL_CALL_PROPERTY_ACCOUNT, g_variant_new_object_path (path));
  g_object_set_qdata_full (G_OBJECT (account), account_entry_quark, entry,
                           (GDestroyNotify)g_variant_unref);
  return entry;
}

static GVariant *
identity_new (const DflIdentity *identity)
{
  GVariant *entries[] = {
    keyed_entry_new (shared.identity.source, g_variant_new_string (identity->source)),
    keyed_entry_new (shared.identity.address, g_variant_new_string (identity->address)),
    identity->number[0] == '\0'
        ? shared.identity.no_number
        : keyed_entry_new (shared.identity.number, g_variant_new_string (identity->number)),
    identity->name[0] == '\0'
        ? shared.identity.no_name
        : keyed_entry_new (shared.identity.name, g_variant_new_string (identity->name)),
    identity->trusted ? shared.identity.trusted : shared.identity.not_trusted,
  };

  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), entries, G_N_ELEMENTS (entries));
}

static GVariant *
identities_entry_new (const GPtrArray *identities)
{
  g_autofree GVariant **values = NULL;

  if (identities->len == 0)
    return shared.empty[DFL_CALL_PROPERTY_IDENTITIES];
  values = g_new (GVariant *, identities->len);
  for (guint i = 0; i < identities->len; i++)
    values[i] = identity_new (g_ptr_array_index (identities, i));
  return entry_new (DFL_CALL_PROPERTY_IDENTITIES,
                    g_variant_new_array (G_VARIANT_TYPE ("a{sv}"), values, identities->len));
}

static GVariant *
diverted_from_entry_new (const GPtrArray *diversions)
{
  GVariantBuilder builder;

  if (diversions->len == 0)
    return shared.empty[DFL_CALL_PROPERTY_DIVERTED_FROM];
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < diversions->len; i++)
    {
      const DflDiversion *diversion = g_ptr_array_index (diversions, i);

      g_variant_builder_open (&builder, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (&builder, "{sv}", "address",
                             g_variant_new_string (diversion->address));
      g_variant_builder_add (&builder, "{sv}", "name", g_variant_new_string (diversion->name));
      g_variant_builder_add (&builder, "{sv}", "reason", g_variant_new_string (diversion->reason));
      g_variant_builder_add (&builder, "{sv}", "privacy",
                             g_variant_new_string (diversion->privacy));
      g_variant_builder_add (&builder, "{sv}", "counter",
                             g_variant_new_uint32 (diversion->counter));
      g_variant_builder_add (&builder, "{sv}", "source", g_variant_new_string (diversion->source));
      g_variant_builder_close (&builder);
    }
  return entry_new (DFL_CALL_PROPERTY_DIVERTED_FROM, g_variant_builder_end (&builder));
}

GVariant *
dfl_call_property_new (DflCall *call, DflCallProperty property)
{
  const DflOffer *offer = dfl_call_get_offer (call);

  switch (property)
    {
    case DFL_CALL_PROPERTY_ACCOUNT:
      return account_entry_new (dfl_call_get_account (call));
    case DFL_CALL_PROPERTY_SIP_CALL_ID:
      return string_entry_new (property, offer->sip_call_id);
    case DFL_CALL_PROPERTY_STATE:
      return shared.states[dfl_call_get_state (call)];
    case DFL_CALL_PROPERTY_OUTCOME:
      return shared.outcomes[dfl_call_get_outcome (call)];
    case DFL_CALL_PROPERTY_CALLER_ADDRESS:
      return string_entry_new (property, offer->caller_address);
    case DFL_CALL_PROPERTY_CALLER_NUMBER:
      return string_entry_new (property, offer->caller_number);
    case DFL_CALL_PROPERTY_CALLER_NAME:
      return string_entry_new (property, offer->caller_name);
    case DFL_CALL_PROPERTY_CALLER_PRESENTATION:
      return shared.presentations[offer->presentation];
    case DFL_CALL_PROPERTY_CALLER_SOURCE:
      return string_entry_new (property, offer->caller_source);
    case DFL_CALL_PROPERTY_CALLER_TRUSTED:
      return offer->caller_trusted ? shared.caller_trusted : shared.empty[property];
    case DFL_CALL_PROPERTY_IDENTITIES:
      return identities_entry_new (offer->identities);
    case DFL_CALL_PROPERTY_CALLED_ADDRESS:
      return string_entry_new (property, offer->called_address);
    case DFL_CALL_PROPERTY_DIVERTED_FROM:
      return diverted_from_entry_new (offer->diverted_from);
    case DFL_CALL_PROPERTY_SUBJECT:
      return string_entry_new (property, offer->subject);
    case DFL_CALL_PROPERTY_OFFERED_AT:
      return time_entry_new (property, offer->received_wall);
    case DFL_CALL_PROPERTY_DEADLINE:
      return time_entry_new (property, dfl_call_get_deadline (call));
    case DFL_CALL_PROPERTY_ALLOWED_ACTIONS:
      return shared.actions[dfl_call_get_state (call)];
    case DFL_CALL_PROPERTY_REDIRECTED_TO:
      return string_entry_new (property, dfl_call_get_redirected_to (call));
    case DFL_CALL_PROPERTY_DECIDED_BY:
      return string_entry_new (property, dfl_call_get_decided_by (call));
    case DFL_CALL_PROPERTY_SILENCED:
      return dfl_call_get_silenced (call) ? shared.silenced : shared.empty[property];
    case DFL_CALL_PROPERTY_NEXT_ACTION:
    case DFL_CALL_PROPERTY_NEXT_ACTION_BY:
    case DFL_CALL_PROPERTY_NEXT_ACTION_AT:
    case DFL_N_CALL_PROPERTIES:
      break;
    }
  return shared.empty[property];
}

GVariant *
dfl_call_properties_new (DflCall *call)
{
  GVariant *entries[DFL_N_CALL_PROPERTIES];

  for (guint i = 0; i < DFL_N_CALL_PROPERTIES; i++)
    entries[i] = dfl_call_property_new (call, i);
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), entries, G_N_ELEMENTS (entries));
}

GVariant *
dfl_call_changed_properties_new (DflCall *call, DflCallChange change)
{
  GVariant *entries[6];
  guint n = 0;
  gboolean idle = dfl_call_get_state (call) == DFL_CALL_STATE_IDLE;

  if (change & DFL_CALL_CHANGE_STATE)
    {
      entries[n++] = dfl_call_property_new (call, DFL_CALL_PROPERTY_STATE);
      if (idle)
        entries[n++] = dfl_call_property_new (call, DFL_CALL_PROPERTY_OUTCOME);
      /* Only the first decision takes actions away: afterwards there are none. */
      if (change & DFL_CALL_CHANGE_DECISION)
        entries[n++] = dfl_call_property_new (call, DFL_CALL_PROPERTY_ALLOWED_ACTIONS);
    }
  if (change & DFL_CALL_CHANGE_DECISION)
    {
      entries[n++] = dfl_call_property_new (call, DFL_CALL_PROPERTY_DECIDED_BY);
      if (dfl_call_get_redirected_to (call)[0] != '\0')
        entries[n++] = dfl_call_property_new (call, DFL_CALL_PROPERTY_REDIRECTED_TO);
    }
  if (change & DFL_CALL_CHANGE_SILENCED)
    entries[n++] = dfl_call_property_new (call, DFL_CALL_PROPERTY_SILENCED);
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), entries, n);
}
