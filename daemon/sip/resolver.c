/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/resolver.h"

DflResolver *
dfl_resolver_new (GError **error)
{
  return NULL;
}
void
dfl_resolver_free (DflResolver *self)
{
}
DflQuestion *
dfl_resolver_ask_naptr (DflResolver *self, const char *name, DflResolverFunc func, gpointer data)
{
  return NULL;
}
DflQuestion *
dfl_resolver_ask_srv (DflResolver *self, const char *name, DflResolverFunc func, gpointer data)
{
  return NULL;
}
DflQuestion *
dfl_resolver_ask_addresses (DflResolver *self,
                            const char *host,
                            DflResolverFunc func,
                            gpointer data)
{
  return NULL;
}
void
dfl_resolver_cancel (DflQuestion *question)
{
}
