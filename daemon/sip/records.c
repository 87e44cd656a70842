/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sip/records.h"

#include <netinet/in.h>
#include <string.h>

/* --- Names --- */

gboolean
dfl_records_is_name (const char *name)
{
  gsize label = 0;

  for (const char *at = name; *at != '\0'; at++)
    {
      label = *at == '.' ? 0 : label + 1;
      if (at - name >= 253 || label > 63 || (*at == '.' && (at == name || at[-1] == '.')))
        return FALSE;
      if (!g_ascii_isalnum (*at) && strchr ("-_.", *at) == NULL)
        return FALSE;
    }
  return label > 0;
}

/* --- Reading --- */

void
dfl_naptr_free (gpointer data)
{
  DflNaptr *self = data;

  g_free (self->flags);
  g_free (self->service);
  g_free (self->replacement);
  g_free (self);
}

void
dfl_srv_free (gpointer data)
{
  g_free (((DflSrv *)data)->target);
  g_free (data);
}

char *
dfl_records_bare_name (const char *name)
{
  gsize length = strlen (name);

  return g_strndup (name, length > 0 && name[length - 1] == '.' ? length - 1 : length);
}

int
dfl_records_read_naptr (const unsigned char *bytes, int length, GPtrArray *records)
{
  struct ares_naptr_reply *replies = NULL;
  int status = ares_parse_naptr_reply (bytes, length, &replies);

  for (struct ares_naptr_reply *at = replies; at != NULL && records->len < DFL_MAX_RECORDS;
       at = at->next)
    {
      DflNaptr *record = g_new0 (DflNaptr, 1);

      record->order = at->order;
      record->preference = at->preference;
      record->flags = g_ascii_strdown ((const char *)at->flags, -1);
      record->service = g_ascii_strup ((const char *)at->service, -1);
      record->replacement = dfl_records_bare_name (at->replacement);
      g_ptr_array_add (records, record);
    }
  ares_free_data (replies);
  return status;
}

int
dfl_records_read_srv (const unsigned char *bytes, int length, GPtrArray *records)
{
  struct ares_srv_reply *replies = NULL;
  int status = ares_parse_srv_reply (bytes, length, &replies);

  for (struct ares_srv_reply *at = replies; at != NULL && records->len < DFL_MAX_RECORDS;
       at = at->next)
    {
      DflSrv *record = g_new0 (DflSrv, 1);

      record->priority = at->priority;
      record->weight = at->weight;
      record->port = at->port;
      record->target = dfl_records_bare_name (at->host);
      g_ptr_array_add (records, record);
    }
  ares_free_data (replies);
  return status;
}

void
dfl_records_read_addresses (const struct ares_addrinfo *info, GPtrArray *records)
{
  for (const struct ares_addrinfo_node *at = info->nodes;
       at != NULL && records->len < DFL_MAX_RECORDS; at = at->ai_next)
    if (at->ai_family == AF_INET)
      g_ptr_array_add (records,
                       g_inet_address_new_from_bytes (
                           (const guint8 *)&((struct sockaddr_in *)(void *)at->ai_addr)->sin_addr,
                           G_SOCKET_FAMILY_IPV4));
    else if (at->ai_family == AF_INET6)
      g_ptr_array_add (records,
                       g_inet_address_new_from_bytes (
                           (const guint8 *)&((struct sockaddr_in6 *)(void *)at->ai_addr)->sin6_addr,
                           G_SOCKET_FAMILY_IPV6));
}

gboolean
dfl_records_add_localhost (const char *name, GPtrArray *records)
{
  if (!g_str_equal (name, "localhost") && !g_str_has_suffix (name, ".localhost"))
    return FALSE;
  g_ptr_array_add (records, g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV6));
  g_ptr_array_add (records, g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4));
  return TRUE;
}

/* --- Order --- */

static int
compare_srv (gconstpointer a, gconstpointer b)
{
  const DflSrv *one = *(const DflSrv *const *)a, *other = *(const DflSrv *const *)b;

  if (one->priority != other->priority)
    return one->priority < other->priority ? -1 : 1;
  /* Those with weight 0 stand first, so that they are taken seldom and not never. */
  return (one->weight != 0) - (other->weight != 0);
}

/* Takes the next record of those with the lowest priority, by weight (RFC 2782). */
static DflSrv *
draw_srv (GPtrArray *sorted)
{
  DflSrv *first = g_ptr_array_index (sorted, 0);
  guint sum = 0, n = 0, at = 0, drawn;

  for (; n < sorted->len; n++)
    {
      DflSrv *record = g_ptr_array_index (sorted, n);

      if (record->priority != first->priority)
        break;
      sum += record->weight;
    }
  drawn = (guint)g_random_int_range (0, (gint32)sum + 1);
  for (sum = 0; at + 1 < n; at++)
    {
      sum += ((DflSrv *)g_ptr_array_index (sorted, at))->weight;
      if (sum >= drawn)
        break;
    }
  return g_ptr_array_remove_index (sorted, at);
}

GPtrArray *
dfl_records_draw_srv (GPtrArray *records)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  GPtrArray *drawn = g_ptr_array_new ();

  for (guint i = 0; i < records->len; i++)
    {
      DflSrv *record = g_ptr_array_index (records, i);

      if (record->target[0] != '\0' && record->port != 0)
        g_ptr_array_add (sorted, record);
    }
  g_ptr_array_sort (sorted, compare_srv);
  while (sorted->len > 0)
    g_ptr_array_add (drawn, draw_srv (sorted));
  return drawn;
}

static int
compare_naptr (gconstpointer a, gconstpointer b)
{
  const DflNaptr *one = *(const DflNaptr *const *)a, *other = *(const DflNaptr *const *)b;

  if (one->order != other->order)
    return one->order < other->order ? -1 : 1;
  return (int)one->preference - (int)other->preference;
}

void
dfl_records_sort_naptr (GPtrArray *records)
{
  g_ptr_array_sort (records, compare_naptr);
}
