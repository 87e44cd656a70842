/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pem.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errors.h"
#include "output.h"

#define BEGIN "-----BEGIN "

static gboolean
is_private_key (const char *key)
{
  return g_str_equal (key, "tls-key");
}

gboolean
dfl_pem_is_key (const char *key)
{
  return g_str_equal (key, "tls-ca") || g_str_equal (key, "tls-certificate")
         || is_private_key (key);
}

void
dfl_pem_free (char *text)
{
  if (text == NULL)
    return;
  explicit_bzero (text, strlen (text));
  g_free (text);
}

/* Whether there is a block of this kind, such as "CERTIFICATE": "-----BEGIN [...]KIND-----". */
static gboolean
has_block (const char *text, const char *kind)
{
  while ((text = strstr (text, BEGIN)) != NULL)
    {
      const char *name = text + strlen (BEGIN);
      const char *end = strstr (name, "-----");

      if (end == NULL)
        return FALSE;
      if ((gsize)(end - name) >= strlen (kind)
          && strncmp (end - strlen (kind), kind, strlen (kind)) == 0)
        return TRUE;
      text = end;
    }
  return FALSE;
}

/* where: the file, or the key itself; harmless. */
static gboolean
check_text (const char *key, const char *where, const char *text, GError **error)
{
  if (is_private_key (key) && has_block (text, "ENCRYPTED PRIVATE KEY"))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("the private key in %s is encrypted, and nobody could type its password when "
                    "the daemon starts; decrypt it with “openssl pkey -in FILE”"),
                 where);
  else if (is_private_key (key) && !has_block (text, "PRIVATE KEY"))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("there is no private key in %s; it begins with “-----BEGIN PRIVATE KEY-----” "
                    "in a PEM file"),
                 where);
  else if (!is_private_key (key) && has_block (text, "PRIVATE KEY"))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 /* Translators: a file, a key of an account's settings. */
                 _ ("there is a private key in %s, and %s takes certificates only; give the key as "
                    "tls-key=FILE"),
                 where, key);
  else if (!is_private_key (key) && !has_block (text, "CERTIFICATE"))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("there is no certificate in %s; it begins with “-----BEGIN CERTIFICATE-----” "
                    "in a PEM file, and “openssl x509 -inform DER -in FILE” makes one of others"),
                 where);
  else
    return TRUE;
  return FALSE;
}

/* At most one byte more than is taken, so that a file that grows is found too long as well. */
static gssize
read_all (int fd, char *buffer)
{
  gsize length = 0;

  while (length <= DFL_PEM_MAX_BYTES)
    {
      ssize_t n = read (fd, buffer + length, DFL_PEM_MAX_BYTES + 1 - length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      length += (gsize)n;
    }
  return (gssize)length;
}

static char *
read_descriptor (const char *key, const char *where, int fd, GError **error)
{
  char *buffer = g_malloc0 (DFL_PEM_MAX_BYTES + 2);
  struct stat status;
  gssize length = -1;
  int failure = 0;

  if (fstat (fd, &status) != 0)
    failure = errno;
  else if (!S_ISREG (status.st_mode))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("%s is no regular file; %s takes the name of a PEM file"), where, key);
  else if ((length = read_all (fd, buffer)) < 0)
    failure = errno;
  else if (length > DFL_PEM_MAX_BYTES)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("%s has more than %d bytes; is it the right file?"), where, DFL_PEM_MAX_BYTES);
  else if (strlen (buffer) != (gsize)length || !g_utf8_validate (buffer, -1, NULL))
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 _ ("%s is no text, and so no PEM file; “openssl x509 -inform DER -in FILE” makes "
                    "one of a certificate"),
                 where);
  else if (check_text (key, where, buffer, error))
    {
      if (is_private_key (key) && (status.st_mode & 077) != 0)
        g_printerr (_ ("deflectctl: warning: others can read the private key in %s, or change it; "
                       "“chmod 600” it\n"),
                    where);
      return buffer;
    }
  if (failure != 0)
    g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED,
                 /* Translators: a key of an account's settings, a file, why. */
                 _ ("%s could not be read from %s: %s"), key, where, g_strerror (failure));
  explicit_bzero (buffer, DFL_PEM_MAX_BYTES + 2);
  g_free (buffer);
  return NULL;
}

static char *
read_file (const char *key, const char *path, GError **error)
{
  g_autofree char *where = dfl_output_escape (path);
  /* What blocks when it is opened is no regular file. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  char *text;

  if (fd < 0)
    {
      g_set_error (error, DFL_CLIENT_ERROR, DFL_EXIT_FAILED, _ ("%s could not be read from %s: %s"),
                   key, where, g_strerror (errno));
      return NULL;
    }
  text = read_descriptor (key, where, fd, error);
  (void)close (fd);
  return text;
}

char *
dfl_pem_read (const char *key, const char *value, GError **error)
{
  if (*value == '\0')
    return g_strdup ("");
  if (!g_str_has_prefix (value, BEGIN))
    return read_file (key, value, error);
  if (!check_text (key, key, value, error))
    return NULL;
  if (is_private_key (key))
    g_printerr (
        "deflectctl: %s\n",
        _ ("warning: everybody on this machine sees the arguments of a program, and so this "
           "private key; give the name of its file instead"));
  return g_strdup (value);
}
