/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Readers for DflKeySpec that every table of keys wants. */

#pragma once

#include "store/key-file.h"

/* A gboolean, a guint from minimum to maximum, a char * of at most maximum bytes, a key that only
 * its harmless value is taken from, and one that is none here. */
void dfl_key_read_boolean (DflKeyFile *file,
                           const DflKeyLine *at,
                           const DflKeySpec *spec,
                           const char *value,
                           gpointer into);
void dfl_key_read_number (DflKeyFile *file,
                          const DflKeyLine *at,
                          const DflKeySpec *spec,
                          const char *value,
                          gpointer into);
void dfl_key_read_text (DflKeyFile *file,
                        const DflKeyLine *at,
                        const DflKeySpec *spec,
                        const char *value,
                        gpointer into);
void dfl_key_read_later (DflKeyFile *file,
                         const DflKeyLine *at,
                         const DflKeySpec *spec,
                         const char *value,
                         gpointer into);
void dfl_key_read_refused (DflKeyFile *file,
                           const DflKeyLine *at,
                           const DflKeySpec *spec,
                           const char *value,
                           gpointer into);
