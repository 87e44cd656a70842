/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/digest.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>

#include "sip/challenge.h"

#define MAX_REALMS 4
#define MAX_STALE 2
#define MAX_CHALLENGED 8 /* responses of an attempt */
#define CNONCE_SIZE 16

/* What one realm asks for. */
typedef struct
{
  DflChallenge *challenge;
  char cnonce[2 * CNONCE_SIZE + 1]; /* the same for the nonce's whole life, as -sess wants it */
  guint32 count;
  /* Of this attempt: */
  gboolean fresh;    /* the nonce came in it */
  gboolean answered; /* it was answered in it */
  guint n_stale;
} Realm;

struct _DflDigest
{
  GPtrArray *realms;
  guint n_challenged;
  gboolean refused;
};

static void
realm_free (Realm *self)
{
  dfl_challenge_free (self->challenge);
  g_free (self);
}

static void
make_cnonce (char cnonce[2 * CNONCE_SIZE + 1])
{
  guint8 bytes[CNONCE_SIZE];

  while (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    if (errno != EINTR)
      g_error ("The kernel gives no random numbers: %s", g_strerror (errno));
  for (guint i = 0; i < sizeof bytes; i++)
    g_snprintf (cnonce + 2 * i, 3, "%02x", bytes[i]);
}

DflDigest *
dfl_digest_new (void)
{
  DflDigest *self = g_new0 (DflDigest, 1);

  self->realms = g_ptr_array_new_with_free_func ((GDestroyNotify)realm_free);
  return self;
}

void
dfl_digest_free (DflDigest *self)
{
  g_ptr_array_unref (self->realms);
  g_free (self);
}

void
dfl_digest_forget (DflDigest *self)
{
  g_ptr_array_set_size (self->realms, 0);
  self->n_challenged = 0;
  self->refused = FALSE;
}

void
dfl_digest_begin (DflDigest *self)
{
  self->n_challenged = 0;
  self->refused = FALSE;
  for (guint i = 0; i < self->realms->len; i++)
    {
      Realm *realm = g_ptr_array_index (self->realms, i);

      realm->fresh = realm->answered = FALSE;
      realm->n_stale = 0;
    }
}

/* --- Challenges --- */

static gboolean
same_realm (const DflChallenge *a, const DflChallenge *b)
{
  return a->proxy == b->proxy && g_str_equal (a->realm, b->realm);
}

static DflChallenge *
find_challenge (GPtrArray *challenges, const DflChallenge *like)
{
  for (guint i = 0; i < challenges->len; i++)
    if (same_realm (g_ptr_array_index (challenges, i), like))
      return g_ptr_array_index (challenges, i);
  return NULL;
}

/* The best challenge for each realm. */
static GPtrArray *
choose (const sip_t *response)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_challenge_free);
  GPtrArray *chosen = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_challenge_free);
  guint n[2] = { 0 };

  dfl_challenge_read (response->sip_www_authenticate, FALSE, all);
  dfl_challenge_read (response->sip_proxy_authenticate, TRUE, all);
  while (all->len > 0)
    {
      DflChallenge *next = g_ptr_array_steal_index (all, 0);
      DflChallenge *rival = find_challenge (chosen, next);

      if (rival == NULL && n[next->proxy]++ < MAX_REALMS)
        g_ptr_array_add (chosen, next);
      else if (rival != NULL && rival->hash == G_CHECKSUM_MD5 && next->hash == G_CHECKSUM_SHA256)
        {
          g_ptr_array_remove (chosen, rival);
          g_ptr_array_add (chosen, next);
        }
      else
        dfl_challenge_free (next);
    }
  return chosen;
}

static Realm *
find_realm (DflDigest *self, const DflChallenge *challenge)
{
  for (guint i = 0; i < self->realms->len; i++)
    {
      Realm *realm = g_ptr_array_index (self->realms, i);

      if (same_realm (realm->challenge, challenge))
        return realm;
    }
  return NULL;
}

/* Whether the registrar, which may call its realm what it likes, was given an answer to a nonce of
 * this attempt. */
static gboolean
was_answered (DflDigest *self)
{
  for (guint i = 0; i < self->realms->len; i++)
    {
      Realm *realm = g_ptr_array_index (self->realms, i);

      if (!realm->challenge->proxy && realm->fresh && realm->answered)
        return TRUE;
    }
  return FALSE;
}

static guint
count_proxies (DflDigest *self)
{
  guint n = 0;

  for (guint i = 0; i < self->realms->len; i++)
    n += ((Realm *)g_ptr_array_index (self->realms, i))->challenge->proxy;
  return n;
}

/* Whether this challenge says that an answer of ours was wrong. */
static gboolean
is_refusal (DflDigest *self, const DflChallenge *challenge)
{
  Realm *realm = find_realm (self, challenge);

  if (realm == NULL)
    return challenge->proxy ? count_proxies (self) >= MAX_REALMS : was_answered (self);
  if (!realm->answered)
    return FALSE;
  if (challenge->stale && realm->n_stale < MAX_STALE
      && !(realm->fresh && g_str_equal (realm->challenge->nonce, challenge->nonce)))
    return FALSE;
  return realm->fresh || g_str_equal (realm->challenge->nonce, challenge->nonce);
}

/* Takes the challenge over. */
static void
keep (DflDigest *self, DflChallenge *challenge)
{
  Realm *realm = find_realm (self, challenge);

  if (realm == NULL)
    {
      realm = g_new0 (Realm, 1);
      g_ptr_array_add (self->realms, realm);
    }
  else
    {
      realm->n_stale += realm->answered && challenge->stale;
      dfl_challenge_free (realm->challenge);
    }
  realm->challenge = challenge;
  realm->count = 0;
  realm->fresh = TRUE;
  realm->answered = FALSE;
  make_cnonce (realm->cnonce);
}

/* Forgets what the registrar does not ask for any more. */
static void
drop_others (DflDigest *self, GPtrArray *chosen)
{
  gboolean registrar = FALSE;

  for (guint i = 0; i < chosen->len; i++)
    registrar = registrar || !((DflChallenge *)g_ptr_array_index (chosen, i))->proxy;
  for (guint i = self->realms->len; registrar && i > 0; i--)
    {
      Realm *realm = g_ptr_array_index (self->realms, i - 1);

      if (!realm->challenge->proxy && find_challenge (chosen, realm->challenge) == NULL)
        g_ptr_array_remove_index (self->realms, i - 1);
    }
}

DflDigestVerdict
dfl_digest_take (DflDigest *self, const sip_t *response, gboolean has_password)
{
  g_autoptr (GPtrArray) chosen = choose (response);
  gboolean refused = self->refused;

  if (chosen->len == 0)
    return DFL_DIGEST_UNSUPPORTED;
  if (!has_password)
    return DFL_DIGEST_NO_PASSWORD;
  refused = refused || ++self->n_challenged > MAX_CHALLENGED;
  for (guint i = 0; i < chosen->len; i++)
    refused = refused || is_refusal (self, g_ptr_array_index (chosen, i));
  if (refused)
    {
      g_ptr_array_set_size (self->realms, 0);
      self->refused = TRUE;
      return DFL_DIGEST_REFUSED;
    }
  drop_others (self, chosen);
  while (chosen->len > 0)
    keep (self, g_ptr_array_steal_index (chosen, 0));
  return DFL_DIGEST_RETRY;
}

/* --- Answers --- */

void
dfl_digest_authorise (
    DflDigest *self, msg_t *msg, sip_t *sip, const char *username, const char *password)
{
  su_home_t *home = msg_home (msg);
  DflCredentials credentials = { .username = username, .password = password };

  credentials.method = sip->sip_request->rq_method_name;
  credentials.uri = url_as_string (home, sip->sip_request->rq_url);
  if (sip->sip_payload != NULL)
    {
      credentials.body = sip->sip_payload->pl_data;
      credentials.body_length = sip->sip_payload->pl_len;
    }
  for (guint i = 0; password != NULL && i < self->realms->len; i++)
    {
      Realm *realm = g_ptr_array_index (self->realms, i);
      g_autofree char *text = NULL;

      credentials.cnonce = realm->cnonce;
      credentials.count = ++realm->count;
      realm->answered = TRUE;
      text = dfl_challenge_answer (realm->challenge, &credentials);
      if (realm->challenge->proxy)
        sip_add_make (msg, sip, sip_proxy_authorization_class, text);
      else
        sip_add_make (msg, sip, sip_authorization_class, text);
    }
}
