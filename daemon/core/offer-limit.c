/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/offer-limit.h"

#include "core/error.h"

static gboolean
refuse (DflOfferLimit *self, DflClock *clock, const char *whose, guint limit, GError **error)
{
  gint64 now = dfl_clock_now (clock);

  self->n_refused++;
  if (self->refusal_logged == 0 || now - self->refusal_logged >= G_USEC_PER_SEC)
    {
      g_message ("%u offers refused: %s max-offers=%u is reached", self->n_refused, whose, limit);
      self->refusal_logged = now;
      self->n_refused = 0;
    }

  g_set_error (error, DFL_ERROR, DFL_ERROR_LIMIT_EXCEEDED,
               "%s max-offers=%u is reached: decide on an offered call or raise the limit", whose,
               limit);

  return FALSE;
}

gboolean
dfl_offer_limit_check (DflOfferLimit *self, DflClock *clock, DflAccount *account, GError **error)
{
  const DflAccountSettings *settings = dfl_account_get_settings (account);

  if (dfl_account_get_n_offered (account) >= settings->max_offers)
    {
      g_autofree char *whose = g_strdup_printf ("account %s:", settings->name);

      return refuse (self, clock, whose, settings->max_offers, error);
    }
  if (self->n_offered >= self->most)
    return refuse (self, clock, "daemon:", self->most, error);

  return TRUE;
}
