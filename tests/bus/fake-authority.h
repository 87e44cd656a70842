/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* An authority that answers as a test says, and remembers what it was asked. */

#pragma once

#include "bus/authority.h"

#define DFL_TYPE_FAKE_AUTHORITY (dfl_fake_authority_get_type ())
G_DECLARE_FINAL_TYPE (DflFakeAuthority, dfl_fake_authority, DFL, FAKE_AUTHORITY, GObject)

/* Grants everything until it is told otherwise. */
DflFakeAuthority *dfl_fake_authority_new (void);

/* What it answers from now on: to a question without a dialog, and to one with. */
void dfl_fake_authority_set_answers (DflFakeAuthority *self,
                                     DflAuthorityAnswer plain,
                                     DflAuthorityAnswer interactive);

/* It fails from now on; NULL: it answers again. */
void dfl_fake_authority_set_error (DflFakeAuthority *self, const GError *error);

/* While held, questions wait, all or those with a dialog; released, they get the answers of that
 * moment, in order. A dialog that is cancelled is answered at once, unless it is to be slow in that
 * too. */
void dfl_fake_authority_hold (DflFakeAuthority *self);
void dfl_fake_authority_hold_dialogs (DflFakeAuthority *self);
void dfl_fake_authority_be_slow (DflFakeAuthority *self);
void dfl_fake_authority_release (DflFakeAuthority *self);

/* How many questions wait now. */
guint dfl_fake_authority_get_n_waiting (DflFakeAuthority *self);

/* The oldest question, taken: "ACTION key=value key=value", with " interactive" at its end where it
 * is; NULL where none is left. */
char *dfl_fake_authority_take (DflFakeAuthority *self);
