/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/call-properties.h"

#include "bus/message.h"
#include "data/names.h"

/* Written straight into the message: each offer is announced with all of its properties, and that
 * is the one message that its latency waits for. */

static int
append_account (sd_bus_message *message, DflAccount *account)
{
  char path[sizeof DFL_ACCOUNT_PATH_PREFIX + 32];

  g_snprintf (path, sizeof path, "%s%s", DFL_ACCOUNT_PATH_PREFIX, dfl_account_get_id (account));
  return dfl_message_append_text (message, "o", path);
}

static int
append_time (sd_bus_message *message, gint64 time)
{
  guint64 value = time <= 0 ? 0 : (guint64)time;

  return dfl_message_append_value (message, "t", &value);
}

static int
append_boolean (sd_bus_message *message, gboolean value)
{
  int boolean = value;

  return dfl_message_append_value (message, "b", &boolean);
}

static int
append_actions (sd_bus_message *message, DflCallState state)
{
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_VARIANT, "as");

  if (result >= 0)
    result = sd_bus_message_append_strv (message, (char **)dfl_call_state_get_actions (state));
  return result < 0 ? result : sd_bus_message_close_container (message);
}

static int
append_entry (sd_bus_message *message, const char *name, const char *type, const void *value)
{
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_DICT_ENTRY, "sv");

  if (result >= 0)
    result = dfl_message_append_basic (message, SD_BUS_TYPE_STRING, name);
  if (result >= 0)
    result = dfl_message_append_value (message, type, value);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

/* A dictionary of texts, and one value more: names and values alternate, up to NULL. */
static int
append_dictionary (sd_bus_message *message,
                   const char *const *texts,
                   const char *name,
                   const char *type,
                   const void *value)
{
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_ARRAY, "{sv}");

  for (; result >= 0 && texts[0] != NULL; texts += 2)
    result = append_entry (message, texts[0], "s", texts[1]);
  if (result >= 0)
    result = append_entry (message, name, type, value);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

static int
append_identity (sd_bus_message *message, gconstpointer item)
{
  const DflIdentity *identity = item;
  const char *const texts[] = { "source", identity->source, "address", identity->address,
                                "number", identity->number, "name",    identity->name,
                                NULL };
  int trusted = identity->trusted;

  return append_dictionary (message, texts, "trusted", "b", &trusted);
}

static int
append_diversion (sd_bus_message *message, gconstpointer item)
{
  const DflDiversion *diversion = item;

  const char *const texts[] = { "address", diversion->address, "name",    diversion->name,
                                "reason",  diversion->reason,  "privacy", diversion->privacy,
                                "source",  diversion->source,  NULL };
  guint32 counter = diversion->counter;

  return append_dictionary (message, texts, "counter", "u", &counter);
}

/* append is append_identity or append_diversion. */
static int
append_dictionaries (sd_bus_message *message,
                     const GPtrArray *items,
                     int (*append) (sd_bus_message *message, gconstpointer item))
{
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_VARIANT, "aa{sv}");

  if (result >= 0)
    result = sd_bus_message_open_container (message, SD_BUS_TYPE_ARRAY, "a{sv}");
  for (guint i = 0; i < items->len && result >= 0; i++)
    result = append (message, g_ptr_array_index (items, i));
  if (result >= 0)
    result = sd_bus_message_close_container (message);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

int
dfl_call_append_property (DflCall *call, DflCallProperty property, sd_bus_message *message)
{
  const DflOffer *offer = dfl_call_get_offer (call);

  switch (property)
    {
    case DFL_CALL_PROPERTY_ACCOUNT:
      return append_account (message, dfl_call_get_account (call));
    case DFL_CALL_PROPERTY_SIP_CALL_ID:
      return dfl_message_append_text (message, "s", offer->sip_call_id);
    case DFL_CALL_PROPERTY_STATE:
      return dfl_message_append_text (message, "s",
                                      dfl_call_state_to_string (dfl_call_get_state (call)));
    case DFL_CALL_PROPERTY_OUTCOME:
      return dfl_message_append_text (message, "s",
                                      dfl_outcome_to_string (dfl_call_get_outcome (call)));
    case DFL_CALL_PROPERTY_CALLER_ADDRESS:
      return dfl_message_append_text (message, "s", offer->caller_address);
    case DFL_CALL_PROPERTY_CALLER_NUMBER:
      return dfl_message_append_text (message, "s", offer->caller_number);
    case DFL_CALL_PROPERTY_CALLER_NAME:
      return dfl_message_append_text (message, "s", offer->caller_name);
    case DFL_CALL_PROPERTY_CALLER_PRESENTATION:
      return dfl_message_append_text (message, "s",
                                      dfl_presentation_to_string (offer->presentation));
    case DFL_CALL_PROPERTY_CALLER_SOURCE:
      return dfl_message_append_text (message, "s", offer->caller_source);
    case DFL_CALL_PROPERTY_CALLER_TRUSTED:
      return append_boolean (message, offer->caller_trusted);
    case DFL_CALL_PROPERTY_IDENTITIES:
      return append_dictionaries (message, offer->identities, append_identity);
    case DFL_CALL_PROPERTY_CALLED_ADDRESS:
      return dfl_message_append_text (message, "s", offer->called_address);
    case DFL_CALL_PROPERTY_DIVERTED_FROM:
      return append_dictionaries (message, offer->diverted_from, append_diversion);
    case DFL_CALL_PROPERTY_SUBJECT:
      return dfl_message_append_text (message, "s", offer->subject);
    case DFL_CALL_PROPERTY_OFFERED_AT:
      return append_time (message, offer->received_wall);
    case DFL_CALL_PROPERTY_DEADLINE:
      return append_time (message, dfl_call_get_deadline (call));
    case DFL_CALL_PROPERTY_NEXT_ACTION_AT:
      return append_time (message, 0);
    case DFL_CALL_PROPERTY_ALLOWED_ACTIONS:
      return append_actions (message, dfl_call_get_state (call));
    case DFL_CALL_PROPERTY_REDIRECTED_TO:
      return dfl_message_append_text (message, "s", dfl_call_get_redirected_to (call));
    case DFL_CALL_PROPERTY_DECIDED_BY:
      return dfl_message_append_text (message, "s", dfl_call_get_decided_by (call));
    case DFL_CALL_PROPERTY_SILENCED:
      return append_boolean (message, dfl_call_get_silenced (call));
    case DFL_CALL_PROPERTY_NEXT_ACTION:
    case DFL_CALL_PROPERTY_NEXT_ACTION_BY:
    case DFL_N_CALL_PROPERTIES:
      break;
    }
  return dfl_message_append_text (message, "s", "");
}

guint
dfl_call_list_changed (DflCall *call, DflCallChange change, guint *properties)
{
  guint n = 0;

  if (change & DFL_CALL_CHANGE_STATE)
    {
      properties[n++] = DFL_CALL_PROPERTY_STATE;
      if (dfl_call_get_state (call) == DFL_CALL_STATE_IDLE)
        properties[n++] = DFL_CALL_PROPERTY_OUTCOME;
      /* Only the first decision takes actions away: afterwards there are none. */
      if (change & DFL_CALL_CHANGE_DECISION)
        properties[n++] = DFL_CALL_PROPERTY_ALLOWED_ACTIONS;
    }
  if (change & DFL_CALL_CHANGE_DECISION)
    {
      properties[n++] = DFL_CALL_PROPERTY_DECIDED_BY;
      if (dfl_call_get_redirected_to (call)[0] != '\0')
        properties[n++] = DFL_CALL_PROPERTY_REDIRECTED_TO;
    }
  if (change & DFL_CALL_CHANGE_SILENCED)
    properties[n++] = DFL_CALL_PROPERTY_SILENCED;
  return n;
}
