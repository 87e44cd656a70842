/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of accounts that somebody asked for: who may, and what becomes of the request. */

#pragma once

#include "bus/service-private.h"
#include "core/keeper.h"

/*
 * These do what the request asks for and answer it, now or when the change is kept or refused.
 * again is the method's handler, which is entered a second time when the caller has been
 * authorised, and then calls the same function again.
 */

/* AddAccount; settings is its a{sv}. */
void
dfl_manage_add (DflRequest *request, const char *name, GVariant *settings, DflRequestHandler again);

/* Changes the request's account; takes change over. */
void dfl_manage_update (DflRequest *request, DflAccountChange *change, DflRequestHandler again);

/* Removes the request's account. */
void dfl_manage_remove (DflRequest *request, DflRequestHandler again);

/* Registers the request's account now; answered when that has begun. */
void dfl_manage_register (DflRequest *request, DflRequestHandler again);

/* The users of an added account are looked up: answers who waits for that. */
void dfl_manage_settle (DflService *service, DflAccount *account);

/* Answers all who wait for a change to be kept, because the daemon stops. */
void dfl_manage_dismiss (DflService *service);
