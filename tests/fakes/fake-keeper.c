/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/fake-keeper.h"

#include <string.h>

#include "core/error.h"
#include "fakes/samples.h"

struct _DflFakeKeeper
{
  GObject parent;

  GHashTable *kept; /* id to DflAccountSettings */
  GQueue answers;   /* of Answer */
  char *failure;
  gboolean held;
  guint idle;
};

typedef struct
{
  DflAccountSettings *settings; /* NULL: id goes */
  char *id;
  GError *error;
  DflKeeperFunc done;
  gpointer data;
} Answer;

static void dfl_fake_keeper_keeper_init (DflKeeperInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (DflFakeKeeper,
                               dfl_fake_keeper,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_KEEPER, dfl_fake_keeper_keeper_init))

/* --- Drafts --- */

static void
copy_list (char ***to, char **from)
{
  g_strfreev (*to);
  *to = g_strdupv (from);
}

static DflAccountSettings *
copy_settings (const DflAccountSettings *from)
{
  DflAccountSettings *to = dfl_account_settings_new (from->name);

  dfl_sample_set (&to->id, from->id);
  dfl_sample_set (&to->creator, from->creator);
  to->created = from->created;
  dfl_sample_set (&to->address, from->address);
  dfl_sample_set (&to->user, from->user);
  dfl_sample_set (&to->domain, from->domain);
  dfl_sample_set (&to->display_name, from->display_name);
  copy_list (&to->users, from->users);
  to->enabled = from->enabled;
  to->registers = from->registers;
  dfl_sample_set (&to->registrar, from->registrar);
  dfl_sample_set (&to->outbound_proxy, from->outbound_proxy);
  to->transport = from->transport;
  dfl_sample_set (&to->username, from->username);
  dfl_sample_set (&to->password, from->password);
  to->tls_verify = from->tls_verify;
  to->tls_wildcard = from->tls_wildcard;
  dfl_sample_set (&to->tls_ca, from->tls_ca);
  dfl_sample_set (&to->tls_certificate, from->tls_certificate);
  dfl_sample_set (&to->tls_key, from->tls_key);
  to->expires = from->expires;
  to->redirect_policy = from->redirect_policy;
  copy_list (&to->accept_from, from->accept_from);
  to->trusted = from->trusted;
  to->alert = from->alert;
  to->ring_limit = from->ring_limit;
  to->decline_status = from->decline_status;
  to->max_offers = from->max_offers;
  dfl_sample_set (&to->default_target, from->default_target);
  to->allow_sips_downgrade = from->allow_sips_downgrade;
  to->allow_local_targets = from->allow_local_targets;
  dfl_sample_set (&to->redirect_domain, from->redirect_domain);
  for (guint i = 0; i < from->targets->len; i++)
    {
      const DflAlias *target = from->targets->pdata[i];

      g_ptr_array_add (to->targets, dfl_alias_new (target->alias, target->label, target->address));
    }

  return to;
}

static gboolean
set_address (DflAccountSettings *settings, const char *value)
{
  const char *at = value != NULL ? strchr (value, '@') : NULL;

  if (at == NULL || !g_str_has_prefix (value, "sip:"))
    return FALSE;

  if (g_str_equal (settings->redirect_domain, settings->domain))
    dfl_sample_set (&settings->redirect_domain, at + 1);
  dfl_sample_set (&settings->address, value);
  g_free (settings->user);
  settings->user = g_strndup (value + 4, (gsize)(at - value - 4));
  dfl_sample_set (&settings->domain, at + 1);
  return TRUE;
}

static gboolean
set_boolean (gboolean *boolean, const char *value, gboolean fallback)
{
  *boolean = value != NULL ? g_str_equal (value, "true") : fallback;
  return value == NULL || g_str_equal (value, "true") || g_str_equal (value, "false");
}

static gboolean
set_text (char **text, const char *value)
{
  dfl_sample_set (text, value != NULL ? value : "");
  return TRUE;
}

/* NULL is back to what it is without the key. */
static gboolean
set_default_action (DflAccountSettings *settings, const char *value)
{
  static const char redirect[] = "redirect:";
  gboolean redirects = value != NULL && g_str_has_prefix (value, redirect);

  dfl_sample_set (&settings->default_target, redirects ? value + strlen (redirect) : NULL);
  return redirects || value == NULL || g_str_equal (value, "decline");
}

static gboolean
set_redirect_policy (DflAccountSettings *settings, const char *value)
{
  static const char *const known[] = { "unknown", "honoured", "refused" };

  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_strcmp0 (value != NULL ? value : "unknown", known[i]) == 0)
      {
        settings->redirect_policy = (DflRedirectPolicy)i;
        return TRUE;
      }

  return FALSE;
}

static gboolean
apply (DflAccountSettings *settings, const char *key, const char *value)
{
  guint64 number = 120;

  if (g_str_equal (key, "address"))
    return set_address (settings, value);
  if (g_str_equal (key, "display-name"))
    return set_text (&settings->display_name, value);
  if (g_str_equal (key, "registrar"))
    return set_text (&settings->registrar, value);
  if (g_str_equal (key, "outbound-proxy"))
    return set_text (&settings->outbound_proxy, value);
  if (g_str_equal (key, "username"))
    return set_text (&settings->username, value);
  if (g_str_equal (key, "default-action"))
    return set_default_action (settings, value);
  if (g_str_equal (key, "redirect-domain"))
    return set_text (&settings->redirect_domain, value != NULL ? value : settings->domain);
  if (g_str_equal (key, "enabled"))
    return set_boolean (&settings->enabled, value, TRUE);
  if (g_str_equal (key, "register"))
    return set_boolean (&settings->registers, value, TRUE);
  if (g_str_equal (key, "trusted"))
    return set_boolean (&settings->trusted, value, FALSE);
  if (g_str_equal (key, "tls-verify"))
    return set_boolean (&settings->tls_verify, value, TRUE);
  if (g_str_equal (key, "tls-wildcard"))
    return set_boolean (&settings->tls_wildcard, value, FALSE);
  if (g_str_equal (key, "redirect-policy"))
    return set_redirect_policy (settings, value);
  if (g_str_equal (key, "users"))
    dfl_sample_set_list (&settings->users, value != NULL ? value : "");
  else if (g_str_equal (key, "accept-from"))
    dfl_sample_set_list (&settings->accept_from, value != NULL ? value : "");
  else if (g_str_equal (key, "password"))
    dfl_sample_set (&settings->password, value);
  else if (g_str_equal (key, "tls-ca"))
    dfl_sample_set (&settings->tls_ca, value);
  else if (g_str_equal (key, "tls-certificate"))
    dfl_sample_set (&settings->tls_certificate, value);
  else if (g_str_equal (key, "tls-key"))
    dfl_sample_set (&settings->tls_key, value);
  else if (g_str_equal (key, "expires")
           && (value == NULL || g_ascii_string_to_unsigned (value, 10, 60, 86400, &number, NULL)))
    settings->expires = value != NULL ? (guint)number : 600;
  else if (g_str_equal (key, "ring-limit")
           && (value == NULL || g_ascii_string_to_unsigned (value, 10, 0, 86400, &number, NULL)))
    settings->ring_limit = (guint)number;
  else
    return FALSE;
  return TRUE;
}

static DflAccountSettings *
dfl_fake_keeper_draft (DflKeeper *keeper,
                       const DflAccountSettings *base,
                       const DflAccountChange *change,
                       GError **error)
{
  g_autoptr (DflAccountSettings) draft = copy_settings (base);
  const char *wrong = NULL;

  for (guint i = 0; wrong == NULL && i < change->settings->len; i++)
    {
      const DflSetting *setting = change->settings->pdata[i];

      if (!apply (draft, setting->key, setting->value))
        wrong = setting->key;
    }
  if (wrong == NULL && *draft->address == '\0')
    wrong = "address";
  if (wrong == NULL && !draft->registers && draft->accept_from[0] == NULL)
    wrong = "accept-from";
  if (wrong != NULL)
    {
      g_set_error (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, "%s: expected something else",
                   wrong);
      return NULL;
    }

  if (change->targets != NULL)
    g_ptr_array_set_size (draft->targets, 0);
  for (guint i = 0; change->targets != NULL && i < change->targets->len; i++)
    {
      const DflAlias *target = change->targets->pdata[i];

      g_ptr_array_add (draft->targets,
                       dfl_alias_new (target->alias, target->label, target->address));
    }

  return g_steal_pointer (&draft);
}

/* --- Keeping --- */

gboolean
dfl_fake_keeper_release (DflFakeKeeper *self)
{
  g_autofree Answer *answer = g_queue_pop_head (&self->answers);
  g_autoptr (DflAccountSettings) settings = NULL;
  g_autofree char *id = NULL;
  g_autoptr (GError) error = NULL;

  if (answer == NULL)
    return FALSE;

  settings = answer->settings;
  id = answer->id;
  error = answer->error;
  if (error == NULL && settings != NULL)
    g_hash_table_replace (self->kept, g_strdup (id), dfl_account_settings_ref (settings));
  else if (error == NULL)
    g_hash_table_remove (self->kept, id);
  answer->done (error, answer->data);

  return TRUE;
}

static gboolean
on_idle (gpointer data)
{
  g_autoptr (DflFakeKeeper) self = g_object_ref (DFL_FAKE_KEEPER (data));

  self->idle = 0;
  while (!self->held && dfl_fake_keeper_release (self))
    continue;

  return G_SOURCE_REMOVE;
}

static void
schedule (DflFakeKeeper *self)
{
  if (!self->held && self->idle == 0 && !g_queue_is_empty (&self->answers))
    self->idle = g_idle_add (on_idle, self);
}

static void
add_answer (DflFakeKeeper *self,
            const DflAccountSettings *settings,
            const char *id,
            DflKeeperFunc done,
            gpointer data)
{
  Answer *answer = g_new0 (Answer, 1);

  answer->settings = settings != NULL ? dfl_account_settings_ref (settings) : NULL;
  answer->id = g_strdup (id);
  if (self->failure != NULL)
    answer->error = g_error_new_literal (DFL_ERROR, DFL_ERROR_FAILED, self->failure);
  answer->done = done;
  answer->data = data;
  g_queue_push_tail (&self->answers, answer);
  schedule (self);
}

static void
dfl_fake_keeper_save (DflKeeper *keeper,
                      const DflAccountSettings *settings,
                      DflKeeperFunc done,
                      gpointer data)
{
  g_assert_nonnull (settings->id);
  g_assert_nonnull (settings->creator);
  add_answer (DFL_FAKE_KEEPER (keeper), settings, settings->id, done, data);
}

static void
dfl_fake_keeper_remove (DflKeeper *keeper, const char *id, DflKeeperFunc done, gpointer data)
{
  add_answer (DFL_FAKE_KEEPER (keeper), NULL, id, done, data);
}

void
dfl_fake_keeper_set_held (DflFakeKeeper *self, gboolean held)
{
  self->held = held;
  schedule (self);
}

void
dfl_fake_keeper_set_failure (DflFakeKeeper *self, const char *message)
{
  dfl_sample_set (&self->failure, message);
}

guint
dfl_fake_keeper_get_n_waiting (DflFakeKeeper *self)
{
  return g_queue_get_length (&self->answers);
}

guint
dfl_fake_keeper_get_n_kept (DflFakeKeeper *self)
{
  return g_hash_table_size (self->kept);
}

const DflAccountSettings *
dfl_fake_keeper_get_kept (DflFakeKeeper *self, const char *id)
{
  return g_hash_table_lookup (self->kept, id);
}

DflFakeKeeper *
dfl_fake_keeper_new (void)
{
  return g_object_new (DFL_TYPE_FAKE_KEEPER, NULL);
}

static void
dfl_fake_keeper_finalize (GObject *object)
{
  DflFakeKeeper *self = DFL_FAKE_KEEPER (object);

  g_clear_handle_id (&self->idle, g_source_remove);
  while (dfl_fake_keeper_release (self))
    continue;
  g_hash_table_unref (self->kept);
  g_free (self->failure);

  G_OBJECT_CLASS (dfl_fake_keeper_parent_class)->finalize (object);
}

static void
dfl_fake_keeper_class_init (DflFakeKeeperClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_fake_keeper_finalize;
}

static void
dfl_fake_keeper_keeper_init (DflKeeperInterface *iface)
{
  iface->draft = dfl_fake_keeper_draft;
  iface->save = dfl_fake_keeper_save;
  iface->remove = dfl_fake_keeper_remove;
}

static void
dfl_fake_keeper_init (DflFakeKeeper *self)
{
  self->kept = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                      (GDestroyNotify)dfl_account_settings_free);
  g_queue_init (&self->answers);
}
