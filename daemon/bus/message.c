/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/message.h"

#include <errno.h>
#include <string.h>

void
dfl_message_unref (gpointer message)
{
  sd_bus_message_unref (message);
}

/* --- In --- */

/* What a value costs at least: containers of nothing are bounded too. */
#define VALUE_BYTES 8

static GVariant *
read_value (sd_bus_message *message, char type, const char *contents, gsize *budget);

static GVariant *
read_text (char type, const char *text, gsize *budget)
{
  gsize length = strlen (text);

  if (length > *budget)
    return NULL;
  *budget -= length;
  if (type == SD_BUS_TYPE_OBJECT_PATH)
    return g_variant_new_object_path (text);
  if (type == SD_BUS_TYPE_SIGNATURE)
    return g_variant_new_signature (text);
  return g_variant_new_string (text);
}

static GVariant *
read_basic (sd_bus_message *message, char type, gsize *budget)
{
  union
  {
    guint8 byte;
    gint16 int16;
    guint16 uint16;
    gint32 int32;
    guint32 uint32;
    gint64 int64;
    guint64 uint64;
    double real;
    int boolean;
    const char *text;
  } value;

  if (type == SD_BUS_TYPE_UNIX_FD || sd_bus_message_read_basic (message, type, &value) <= 0)
    return NULL;

  switch (type)
    {
    case SD_BUS_TYPE_BYTE:
      return g_variant_new_byte (value.byte);
    case SD_BUS_TYPE_BOOLEAN:
      return g_variant_new_boolean (value.boolean);
    case SD_BUS_TYPE_INT16:
      return g_variant_new_int16 (value.int16);
    case SD_BUS_TYPE_UINT16:
      return g_variant_new_uint16 (value.uint16);
    case SD_BUS_TYPE_INT32:
      return g_variant_new_int32 (value.int32);
    case SD_BUS_TYPE_UINT32:
      return g_variant_new_uint32 (value.uint32);
    case SD_BUS_TYPE_INT64:
      return g_variant_new_int64 (value.int64);
    case SD_BUS_TYPE_UINT64:
      return g_variant_new_uint64 (value.uint64);
    case SD_BUS_TYPE_DOUBLE:
      return g_variant_new_double (value.real);
    case SD_BUS_TYPE_STRING:
    case SD_BUS_TYPE_OBJECT_PATH:
    case SD_BUS_TYPE_SIGNATURE:
      return read_text (type, value.text, budget);
    default:
      return NULL;
    }
}

/* Everything up to the end of the container or message; FALSE where the budget does not suffice. */
static gboolean
read_all (sd_bus_message *message, GPtrArray *values, gsize *budget)
{
  const char *contents;
  char type;
  int more;

  while ((more = sd_bus_message_peek_type (message, &type, &contents)) > 0)
    {
      GVariant *value = read_value (message, type, contents, budget);

      if (value == NULL)
        return FALSE;
      g_ptr_array_add (values, g_variant_ref_sink (value));
    }
  return more == 0;
}

static GVariant *
make_container (char type, const char *contents, GPtrArray *values)
{
  GVariant **children = (GVariant **)values->pdata;

  switch (type)
    {
    case SD_BUS_TYPE_ARRAY:
      return g_variant_new_array (G_VARIANT_TYPE (contents), children, values->len);
    case SD_BUS_TYPE_VARIANT:
      return values->len == 1 ? g_variant_new_variant (children[0]) : NULL;
    case SD_BUS_TYPE_STRUCT:
      return g_variant_new_tuple (children, values->len);
    case SD_BUS_TYPE_DICT_ENTRY:
      return values->len == 2 ? g_variant_new_dict_entry (children[0], children[1]) : NULL;
    default:
      return NULL;
    }
}

/* The bus library has checked the depth of containers and every string. */
static GVariant *
read_value (sd_bus_message *message, char type, const char *contents, gsize *budget)
{
  g_autoptr (GPtrArray) values = NULL;
  g_autofree char *inside = NULL;

  if (*budget < VALUE_BYTES)
    return NULL;
  *budget -= VALUE_BYTES;
  if (contents == NULL)
    return read_basic (message, type, budget);

  /* The pointer is good only until the container is entered. */
  inside = g_strdup (contents);
  values = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  if (sd_bus_message_enter_container (message, type, inside) <= 0
      || !read_all (message, values, budget) || sd_bus_message_exit_container (message) < 0)
    return NULL;
  return make_container (type, inside, values);
}

GVariant *
dfl_message_read (sd_bus_message *message, gsize max_bytes)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  gboolean complete = read_all (message, values, &max_bytes);

  sd_bus_message_rewind (message, TRUE);
  return complete ? g_variant_new_tuple ((GVariant **)values->pdata, values->len) : NULL;
}

/* --- Out --- */

/* What a value costs beside a text's characters: alignment, length, type and its container's. */
#define COUNTED_BYTES 12

static gsize counted;

void
dfl_message_start_count (void)
{
  counted = 0;
}

gsize
dfl_message_get_count (void)
{
  return counted;
}

int
dfl_message_append_basic (sd_bus_message *message, char type, const void *value)
{
  counted += COUNTED_BYTES;
  if (value != NULL && strchr ("sog", type) != NULL)
    counted += strlen (value);
  return sd_bus_message_append_basic (message, type, value);
}

static int append_value (sd_bus_message *message, GVariant *value);

static int
append_children (sd_bus_message *message, GVariant *value)
{
  gsize n = g_variant_n_children (value);
  int result = 0;

  for (gsize i = 0; i < n && result >= 0; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      result = append_value (message, child);
    }
  return result;
}

static int
append_container (sd_bus_message *message, char type, const char *contents, GVariant *value)
{
  int result = sd_bus_message_open_container (message, type, contents);

  if (result >= 0)
    result = append_children (message, value);
  if (result >= 0)
    result = sd_bus_message_close_container (message);
  return result;
}

/* The bus library wants to know what stands between the brackets of the signature. */
static int
append_bracketed (sd_bus_message *message, char type, const char *signature, GVariant *value)
{
  char contents[256];
  gsize length = strlen (signature) - 2;

  /* A signature is 255 characters long at most; ours are a few. */
  if (length >= sizeof contents)
    return -EINVAL;
  memcpy (contents, signature + 1, length);
  contents[length] = '\0';
  return append_container (message, type, contents, value);
}

static int
append_variant_of (sd_bus_message *message, GVariant *value)
{
  g_autoptr (GVariant) child = g_variant_get_variant (value);

  return dfl_message_append_variant (message, child);
}

static int
append_boolean (sd_bus_message *message, GVariant *value)
{
  int boolean = g_variant_get_boolean (value);

  return dfl_message_append_basic (message, SD_BUS_TYPE_BOOLEAN, &boolean);
}

static int
append_value (sd_bus_message *message, GVariant *value)
{
  const char *signature = g_variant_get_type_string (value);

  switch (signature[0])
    {
    case SD_BUS_TYPE_STRING:
    case SD_BUS_TYPE_OBJECT_PATH:
    case SD_BUS_TYPE_SIGNATURE:
      return dfl_message_append_basic (message, signature[0], g_variant_get_string (value, NULL));
    case SD_BUS_TYPE_BOOLEAN:
      return append_boolean (message, value);
    case SD_BUS_TYPE_BYTE:
    case SD_BUS_TYPE_INT16:
    case SD_BUS_TYPE_UINT16:
    case SD_BUS_TYPE_INT32:
    case SD_BUS_TYPE_UINT32:
    case SD_BUS_TYPE_INT64:
    case SD_BUS_TYPE_UINT64:
    case SD_BUS_TYPE_DOUBLE:
      return dfl_message_append_basic (message, signature[0], g_variant_get_data (value));
    case SD_BUS_TYPE_VARIANT:
      return append_variant_of (message, value);
    case SD_BUS_TYPE_ARRAY:
      return append_container (message, SD_BUS_TYPE_ARRAY, signature + 1, value);
    case '(':
      return append_bracketed (message, SD_BUS_TYPE_STRUCT, signature, value);
    case '{':
      return append_bracketed (message, SD_BUS_TYPE_DICT_ENTRY, signature, value);
    default:
      return -EINVAL;
    }
}

int
dfl_message_append_tuple (sd_bus_message *message, GVariant *tuple)
{
  return append_children (message, tuple);
}

int
dfl_message_append_variant (sd_bus_message *message, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_VARIANT,
                                              g_variant_get_type_string (owned));

  if (result >= 0)
    result = append_value (message, owned);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

int
dfl_message_append_value (sd_bus_message *message, const char *type, const void *value)
{
  int result = sd_bus_message_open_container (message, SD_BUS_TYPE_VARIANT, type);

  if (result >= 0)
    result = dfl_message_append_basic (message, type[0], value);
  return result < 0 ? result : sd_bus_message_close_container (message);
}

int
dfl_message_append_text (sd_bus_message *message, const char *type, const char *text)
{
  return dfl_message_append_value (message, type, text);
}
