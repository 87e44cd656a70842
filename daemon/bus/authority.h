/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The port through which the bus room asks whether somebody may do something. */

#pragma once

#include <gio/gio.h>

/* The actions, as polkit knows them; what each is about stands in data/org.deflectd1.policy.in. */
#define DFL_ACTION_REDIRECT "org.deflectd1.redirect"
#define DFL_ACTION_MANAGE_OWN_ACCOUNTS "org.deflectd1.manage-own-accounts"
#define DFL_ACTION_MANAGE_ACCOUNTS "org.deflectd1.manage-accounts"
#define DFL_ACTION_READ_HISTORY "org.deflectd1.read-history"

typedef enum
{
  DFL_AUTHORITY_REFUSED,   /* no, whatever the person does */
  DFL_AUTHORITY_CHALLENGE, /* not yet: a password would help */
  DFL_AUTHORITY_GRANTED
} DflAuthorityAnswer;

#define DFL_TYPE_AUTHORITY (dfl_authority_get_type ())
G_DECLARE_INTERFACE (DflAuthority, dfl_authority, DFL, AUTHORITY, GObject)

struct _DflAuthorityInterface
{
  GTypeInterface parent;

  void (*check_async) (DflAuthority *self,
                       const char *bus_name,
                       const char *action,
                       const char *const *details,
                       gboolean interactive,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer data);
  gboolean (*check_finish) (DflAuthority *self,
                            GAsyncResult *result,
                            DflAuthorityAnswer *answer,
                            GError **error);
};

/*
 * Asks whether the connection with the unique name bus_name may do the action. details alternate
 * between keys and values and end with NULL; rules of the administrator see them. interactive: the
 * person may be asked for a password, which takes as long as it takes. Cancelling takes
 * the dialog back, and what has none goes on; either way callback is called when the authority has
 * answered, and not before, so that who asks knows what is still under way. Every error means no:
 * NOT_AUTHORIZED where there is nobody to ask, else FAILED, with a sentence that says what to do,
 * or G_IO_ERROR_CANCELLED where it was cancelled.
 */
void dfl_authority_check_async (DflAuthority *self,
                                const char *bus_name,
                                const char *action,
                                const char *const *details,
                                gboolean interactive,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer data);
gboolean dfl_authority_check_finish (DflAuthority *self,
                                     GAsyncResult *result,
                                     DflAuthorityAnswer *answer,
                                     GError **error);
