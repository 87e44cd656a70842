/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/account.h"

#include <string.h>

#define MAX_NAME_LENGTH 32

/*
 * Settings are never changed once an account has them, so that a call may keep the ones it was
 * offered with: they are counted by reference.
 */

DflAlias *
dfl_alias_new (const char *alias, const char *label, const char *address)
{
  DflAlias *self = g_new (DflAlias, 1);

  self->alias = g_strdup (alias);
  self->label = g_strdup (label);
  self->address = g_strdup (address);

  return self;
}

void
dfl_alias_free (DflAlias *self)
{
  if (self == NULL)
    return;

  g_free (self->alias);
  g_free (self->label);
  g_free (self->address);
  g_free (self);
}

gboolean
dfl_account_name_is_valid (const char *text)
{
  gsize length = strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_");

  return g_ascii_islower (text[0]) && text[length] == '\0' && length <= MAX_NAME_LENGTH;
}

DflAccountSettings *
dfl_account_settings_new (const char *name)
{
  DflAccountSettings *self = g_rc_box_new0 (DflAccountSettings);

  self->name = g_strdup (name);
  self->registers = TRUE;
  self->registrar = g_strdup ("");
  self->outbound_proxy = g_strdup ("");
  self->username = g_strdup ("");
  self->tls_verify = TRUE;
  self->expires = 600;
  self->address = g_strdup ("");
  self->user = g_strdup ("");
  self->domain = g_strdup ("");
  self->display_name = g_strdup ("");
  self->users = g_new0 (char *, 1);
  self->enabled = TRUE;
  self->accept_from = g_new0 (char *, 1);
  self->alert = TRUE;
  self->ring_limit = 120;
  self->decline_status = 486;
  self->max_offers = DFL_ACCOUNT_MAX_OFFERS;
  self->redirect_domain = g_strdup ("");
  self->targets = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_alias_free);

  return self;
}

DflAccountSettings *
dfl_account_settings_ref (const DflAccountSettings *self)
{
  return g_rc_box_acquire ((DflAccountSettings *)self);
}

static void
free_secret (char *secret)
{
  if (secret != NULL)
    explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

static void
clear (gpointer data)
{
  DflAccountSettings *self = data;

  g_free (self->name);
  g_free (self->id);
  g_free (self->creator);
  g_free (self->problem);
  g_free (self->address);
  g_free (self->user);
  g_free (self->domain);
  g_free (self->display_name);
  g_strfreev (self->users);
  g_free (self->registrar);
  g_free (self->outbound_proxy);
  g_free (self->username);
  free_secret (self->password);
  g_free (self->tls_ca);
  g_free (self->tls_certificate);
  free_secret (self->tls_key);
  g_strfreev (self->accept_from);
  g_free (self->default_target);
  g_free (self->redirect_domain);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
}

void
dfl_account_settings_free (DflAccountSettings *self)
{
  if (self != NULL)
    g_rc_box_release_full (self, clear);
}

static gboolean
equal_aliases (gconstpointer a, gconstpointer b)
{
  const DflAlias *alias_a = a, *alias_b = b;

  return g_strcmp0 (alias_a->alias, alias_b->alias) == 0
         && g_strcmp0 (alias_a->label, alias_b->label) == 0
         && g_strcmp0 (alias_a->address, alias_b->address) == 0;
}

static gboolean
equal_lists (char **a, char **b)
{
  return g_strv_equal ((const char *const *)a, (const char *const *)b);
}

static gboolean
equal_tls (const DflAccountSettings *a, const DflAccountSettings *b)
{
  return a->tls_verify == b->tls_verify && a->tls_wildcard == b->tls_wildcard
         && g_strcmp0 (a->tls_ca, b->tls_ca) == 0
         && g_strcmp0 (a->tls_certificate, b->tls_certificate) == 0
         && g_strcmp0 (a->tls_key, b->tls_key) == 0;
}

gboolean
dfl_account_settings_equal_drafts (const DflAccountSettings *a, const DflAccountSettings *b)
{
  if (a->targets->len != b->targets->len)
    return FALSE;
  for (guint i = 0; i < a->targets->len; i++)
    if (!equal_aliases (a->targets->pdata[i], b->targets->pdata[i]))
      return FALSE;

  return g_strcmp0 (a->name, b->name) == 0 && g_strcmp0 (a->creator, b->creator) == 0
         && g_strcmp0 (a->problem, b->problem) == 0 && g_strcmp0 (a->address, b->address) == 0
         && g_strcmp0 (a->user, b->user) == 0 && g_strcmp0 (a->domain, b->domain) == 0
         && g_strcmp0 (a->display_name, b->display_name) == 0 && equal_lists (a->users, b->users)
         && a->enabled == b->enabled && a->registers == b->registers
         && g_strcmp0 (a->registrar, b->registrar) == 0
         && g_strcmp0 (a->outbound_proxy, b->outbound_proxy) == 0 && a->transport == b->transport
         && g_strcmp0 (a->username, b->username) == 0 && g_strcmp0 (a->password, b->password) == 0
         && equal_tls (a, b) && a->expires == b->expires && a->redirect_policy == b->redirect_policy
         && equal_lists (a->accept_from, b->accept_from) && a->trusted == b->trusted
         && a->alert == b->alert && a->ring_limit == b->ring_limit
         && a->decline_status == b->decline_status && a->max_offers == b->max_offers
         && g_strcmp0 (a->default_target, b->default_target) == 0
         && a->allow_sips_downgrade == b->allow_sips_downgrade
         && a->allow_local_targets == b->allow_local_targets
         && g_strcmp0 (a->redirect_domain, b->redirect_domain) == 0;
}

gboolean
dfl_account_settings_equal (const DflAccountSettings *a, const DflAccountSettings *b)
{
  return g_strcmp0 (a->id, b->id) == 0 && a->created == b->created
         && dfl_account_settings_equal_drafts (a, b);
}
