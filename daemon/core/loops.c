/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/loops.h"

static gboolean
is_at (const char *address, const DflPlace *place)
{
  g_autoptr (DflPlace) other = dfl_place_new (address);

  return dfl_place_same (other, place);
}

static guint
count_in (const DflOffer *offer, const char *source)
{
  guint total = 0;

  for (guint i = 0; i < offer->diverted_from->len && total < DFL_LOOPS_MAX_DIVERSIONS; i++)
    {
      const DflDiversion *diversion = offer->diverted_from->pdata[i];

      /* The counters are remote: they must not add up to a small number again. */
      if (g_str_equal (diversion->source, source))
        total += CLAMP (diversion->counter, 1, DFL_LOOPS_MAX_DIVERSIONS);
    }

  return MIN (total, DFL_LOOPS_MAX_DIVERSIONS);
}

guint
dfl_loops_count_diversions (const DflOffer *offer)
{
  return MAX (count_in (offer, "Diversion"), count_in (offer, "History-Info"));
}

gboolean
dfl_loops_is_contact (const DflOffer *offer, const DflPlace *place)
{
  g_autoptr (DflPlace) contact = dfl_place_new (offer->request_uri);

  return dfl_place_same_user (contact, place);
}

gboolean
dfl_loops_came_from (const DflOffer *offer, const DflPlace *place)
{
  if (is_at (offer->request_uri, place) || is_at (offer->caller_address, place))
    return TRUE;

  for (guint i = 0; i < offer->identities->len; i++)
    {
      const DflIdentity *identity = offer->identities->pdata[i];

      if (is_at (identity->address, place))
        return TRUE;
    }

  for (guint i = 0; i < offer->diverted_from->len; i++)
    {
      const DflDiversion *diversion = offer->diverted_from->pdata[i];

      if (is_at (diversion->address, place))
        return TRUE;
    }

  return FALSE;
}
