/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/trust.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "core/error.h"
#include "sip/key-size.h"

#define MOST_PURPOSES 64 /* that are looked at */
#define GOOD_FOR (60 * 60 * G_TIME_SPAN_SECOND)

/* RFC 5924: a certificate that may be limited to SIP domains. */
#define KEY_PURPOSE_SIP_DOMAIN "1.3.6.1.5.5.7.3.20"

#define EXTENSION_NAME_CONSTRAINTS "2.5.29.30"

struct _DflTrust
{
  gatomicrefcount references;
  gnutls_x509_trust_list_t list;
};

static DflTrust *
trust_new_empty (void)
{
  DflTrust *self = g_new0 (DflTrust, 1);

  g_atomic_ref_count_init (&self->references);
  gnutls_x509_trust_list_init (&self->list, 0);
  return self;
}

/* NULL where all may be taken. The first that may not ends it, before anybody uses a key. */
static const char *
add_authorities (DflTrust *self, gnutls_x509_crt_t *list, guint length)
{
  for (guint i = 0; i < length; i++)
    if (!dfl_key_size_is_modest (list[i]))
      {
        while (length > 0)
          gnutls_x509_crt_deinit (list[--length]);
        return "tls-ca= holds a certificate whose key is too large to be worked with; at "
               "most " G_STRINGIFY (DFL_KEY_SIZE_MOST_BITS) " bits are taken";
      }
  /* From here on they are the list's. */
  gnutls_x509_trust_list_add_cas (self->list, list, length, 0);
  return NULL;
}

DflTrust *
dfl_trust_new (const char *pem, GError **error)
{
  g_autoptr (DflTrust) self = trust_new_empty ();
  gnutls_datum_t text = { .data = (unsigned char *)pem, .size = (unsigned)strlen (pem) };
  const char *mistake = "tls-ca= holds no certificate that can be read; give it in PEM";
  gnutls_x509_crt_t *list = NULL;
  guint length = 0;

  if (gnutls_x509_crt_list_import2 (&list, &length, &text, GNUTLS_X509_FMT_PEM, 0) >= 0)
    {
      if (length > 0)
        mistake = add_authorities (self, list, length);
      gnutls_free (list);
    }
  if (mistake == NULL)
    return g_steal_pointer (&self);
  g_set_error_literal (error, DFL_ERROR, DFL_ERROR_INVALID_SETTINGS, mistake);
  return NULL;
}

DflTrust *
dfl_trust_ref (DflTrust *self)
{
  g_atomic_ref_count_inc (&self->references);
  return self;
}

void
dfl_trust_unref (DflTrust *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  gnutls_x509_trust_list_deinit (self->list, 1);
  g_free (self);
}

/* --- What the machine trusts --- */

typedef struct
{
  DflTrustFunc func;
  gpointer data;
} Waiter;

static struct
{
  DflTrust *trust;
  gint64 since; /* monotonic */
  gboolean reading;
  GArray *waiters; /* of Waiter */
} machine;

static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  DflTrust *trust = trust_new_empty ();

  gnutls_x509_trust_list_add_system_trust (trust->list, 0, 0);
  g_task_return_pointer (task, trust, (GDestroyNotify)dfl_trust_unref);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GArray) waiters = g_steal_pointer (&machine.waiters);

  g_clear_pointer (&machine.trust, dfl_trust_unref);
  machine.trust = g_task_propagate_pointer (G_TASK (result), NULL);
  machine.since = g_get_monotonic_time ();
  machine.reading = FALSE;
  for (guint i = 0; i < waiters->len; i++)
    {
      Waiter *waiter = &g_array_index (waiters, Waiter, i);
      g_autoptr (DflTrust) trust = dfl_trust_ref (machine.trust);

      waiter->func (trust, waiter->data);
    }
}

static gboolean
on_still_good (gpointer data)
{
  Waiter *waiter = data;
  g_autoptr (DflTrust) trust = dfl_trust_ref (machine.trust);

  waiter->func (trust, waiter->data);
  return G_SOURCE_REMOVE;
}

void
dfl_trust_of_machine (DflTrustFunc func, gpointer data)
{
  Waiter waiter = { .func = func, .data = data };

  if (machine.trust != NULL && !machine.reading
      && g_get_monotonic_time () - machine.since < GOOD_FOR)
    {
      g_idle_add_full (G_PRIORITY_DEFAULT, on_still_good, g_memdup2 (&waiter, sizeof waiter),
                       g_free);
      return;
    }

  if (machine.waiters == NULL)
    machine.waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_array_append_val (machine.waiters, waiter);
  if (!machine.reading)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, on_read, NULL);

      machine.reading = TRUE;
      g_task_run_in_thread (task, read_in_thread);
    }
}

/* --- Chains --- */

typedef struct
{
  gnutls_x509_crt_t list[DFL_KEY_SIZE_MOST_IN_CHAIN];
  guint length;
} Chain;

static void
chain_clear (Chain *chain)
{
  for (guint i = 0; i < chain->length; i++)
    gnutls_x509_crt_deinit (chain->list[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Chain, chain_clear)

static gboolean
chain_add (Chain *chain, GTlsCertificate *certificate)
{
  g_autoptr (GByteArray) der = NULL;
  gnutls_datum_t datum;

  g_object_get (certificate, "certificate", &der, NULL);
  if (der == NULL)
    return FALSE;
  datum = (gnutls_datum_t){ .data = der->data, .size = der->len };
  gnutls_x509_crt_init (&chain->list[chain->length]);
  chain->length++;
  return gnutls_x509_crt_import (chain->list[chain->length - 1], &datum, GNUTLS_X509_FMT_DER) == 0
         && dfl_key_size_is_modest (chain->list[chain->length - 1]);
}

static gboolean
chain_fill (Chain *chain, GTlsCertificate *certificate)
{
  for (GTlsCertificate *each = certificate; each != NULL;
       each = g_tls_certificate_get_issuer (each))
    if (chain->length == DFL_KEY_SIZE_MOST_IN_CHAIN || !chain_add (chain, each))
      return FALSE;
  return TRUE;
}

/* Whoever in the list has signed it, which for an authority in the list may be itself. */
static gnutls_x509_crt_t
find_issuer (DflTrust *self, gnutls_x509_crt_t certificate)
{
  gnutls_x509_crt_t issuer = NULL;

  return gnutls_x509_trust_list_get_issuer (self->list, certificate, &issuer, 0) == 0 ? issuer
                                                                                      : NULL;
}

static gboolean
is_trusted_itself (DflTrust *self, gnutls_x509_crt_t certificate)
{
  gnutls_x509_crt_t issuer = find_issuer (self, certificate);

  return issuer != NULL && gnutls_x509_crt_equals (issuer, certificate);
}

/* Without extended key usage it is for everything. */
static gboolean
is_for_servers (gnutls_x509_crt_t certificate)
{
  for (guint i = 0; i < MOST_PURPOSES; i++)
    {
      char oid[128];
      size_t size = sizeof oid;
      int result = gnutls_x509_crt_get_key_purpose_oid (certificate, i, oid, &size, NULL);

      if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return i == 0;
      if (result == 0
          && (g_str_equal (oid, GNUTLS_KP_TLS_WWW_SERVER) || g_str_equal (oid, GNUTLS_KP_ANY)
              || g_str_equal (oid, KEY_PURPOSE_SIP_DOMAIN)))
        return TRUE;
    }
  return FALSE;
}

/* Which of those that were sent lead to who is trusted is not asked: none has to be there that may
 * not. */
static DflTrustProblems
check_purposes (DflTrust *self, const Chain *chain)
{
  if (!is_for_servers (chain->list[0]))
    return DFL_TRUST_NO_SERVER;
  for (guint i = 1; i < chain->length; i++)
    if (!is_for_servers (chain->list[i]) && !is_trusted_itself (self, chain->list[i]))
      return DFL_TRUST_NO_AUTHORITY_OF_SERVERS;
  return 0;
}

static DflTrustProblems
problems_of (guint status, gnutls_x509_crt_t leaf)
{
  static const struct
  {
    guint status;
    DflTrustProblems problem;
  } table[] = {
    { GNUTLS_CERT_SIGNER_NOT_CA, DFL_TRUST_NO_AUTHORITY },
    { GNUTLS_CERT_EXPIRED, DFL_TRUST_EXPIRED },
    { GNUTLS_CERT_NOT_ACTIVATED, DFL_TRUST_NOT_YET_VALID },
    { GNUTLS_CERT_INSECURE_ALGORITHM, DFL_TRUST_WEAK },
    { GNUTLS_CERT_SIGNATURE_FAILURE, DFL_TRUST_FORGED },
  };
  DflTrustProblems problems = 0;

  if (status & GNUTLS_CERT_SIGNER_NOT_FOUND)
    problems |= gnutls_x509_crt_check_issuer (leaf, leaf) ? DFL_TRUST_SELF_SIGNED
                                                          : DFL_TRUST_UNKNOWN_AUTHORITY;
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (status & table[i].status)
      problems |= table[i].problem;
  return problems != 0 ? problems : DFL_TRUST_OTHER;
}

DflTrustProblems
dfl_trust_verify (DflTrust *self, GTlsCertificate *certificate)
{
  g_auto (Chain) chain = { 0 };
  guint status = 0;

  if (!chain_fill (&chain, certificate))
    return DFL_TRUST_OTHER;

  /* Of medium strength is 2048 bits of RSA. */
  if (gnutls_x509_trust_list_verify_crt2 (self->list, chain.list, chain.length, NULL, 0,
                                          GNUTLS_PROFILE_TO_VFLAGS (GNUTLS_PROFILE_MEDIUM), &status,
                                          NULL)
      < 0)
    return DFL_TRUST_OTHER;
  return status != 0 ? problems_of (status, chain.list[0]) : check_purposes (self, &chain);
}

static gboolean
has_constraints (gnutls_x509_crt_t certificate)
{
  size_t size = 0;

  return gnutls_x509_crt_get_extension_by_oid (certificate, EXTENSION_NAME_CONSTRAINTS, 0, NULL,
                                               &size, NULL)
         != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}

gboolean
dfl_trust_constrains_names (DflTrust *self, GTlsCertificate *certificate)
{
  g_auto (Chain) chain = { 0 };

  if (!chain_fill (&chain, certificate))
    return TRUE;
  for (guint i = 0; i < chain.length; i++)
    {
      gnutls_x509_crt_t issuer = find_issuer (self, chain.list[i]);

      if (has_constraints (chain.list[i]) || (issuer != NULL && has_constraints (issuer)))
        return TRUE;
    }
  return FALSE;
}
