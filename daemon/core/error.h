/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The errors of a deflection, as core and the rooms around it report them. */

#pragma once

#include <glib.h>

/**
 * DFL_ERROR:
 *
 * Conditions that a caller must be able to tell apart. Each has a D-Bus name
 * `org.deflectd1.Error.*` of the same words; the message always says, in one English
 * sentence, what to do differently.
 */
#define DFL_ERROR (dfl_error_quark ())

typedef enum
{
  DFL_ERROR_FAILED,             /* a fault of ours; nothing else fits */
  DFL_ERROR_INVALID_TARGET,     /* the redirect address is not one (see core/target.h) */
  DFL_ERROR_TARGET_NOT_ALLOWED, /* the account's settings forbid this target */
  DFL_ERROR_LOOP_DETECTED,      /* the target would bring the call back */
  DFL_ERROR_TOO_LATE,           /* somebody or something decided first; the message says who */
  DFL_ERROR_INVALID_OPTION,     /* an option that is unknown or has a wrong type or value */
  DFL_ERROR_NOT_SUPPORTED,      /* in the contract, but not in this version (see Features) */
  DFL_ERROR_NOT_AUTHORIZED,     /* the caller may see the object but not do this */
  DFL_ERROR_UNCONFIRMED,        /* the 3xx was sent and nobody acknowledged it yet */
  DFL_ERROR_LINE_DOWN,          /* the response could not be handed to the network */
  DFL_ERROR_LIMIT_EXCEEDED,     /* a limit of the daemon or of the account is reached */
  DFL_ERROR_INVALID_SETTINGS,   /* settings that are unknown, malformed or contradict each other */
  DFL_N_ERRORS
} DflError;

GQuark dfl_error_quark (void);
