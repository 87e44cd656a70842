/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "memory.h"

#include <sys/prctl.h>
#include <sys/resource.h>

/* gcc says it in one way, clang in another. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_LOOKED_FOR
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define LEAKS_ARE_LOOKED_FOR
#endif

void
dfl_hide_memory (void)
{
  const struct rlimit none = { 0, 0 };

  setrlimit (RLIMIT_CORE, &none);
  /* That limit is not for cores which the kernel hands to a program; this is. */
#ifndef LEAKS_ARE_LOOKED_FOR
  prctl (PR_SET_DUMPABLE, 0);
#endif
}
