/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "errors.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

#include "names.h"
#include "output.h"

#define BUS_ERROR_PREFIX "org.freedesktop.DBus.Error."

typedef struct
{
  const char *name;
  DflExit exit;
  const char *sentence;
} ErrorWords;

/* Without a sentence: the one for a missing daemon, which depends on the bus. */
static const ErrorWords error_words[] = {
  { DFL_ERROR_PREFIX "InvalidTarget", DFL_EXIT_FAILED, N_ ("this is no address to redirect to") },
  { DFL_ERROR_PREFIX "TargetNotAllowed", DFL_EXIT_FAILED,
    N_ ("the account does not allow this target") },
  { DFL_ERROR_PREFIX "LoopDetected", DFL_EXIT_FAILED, N_ ("this redirect would be a loop") },
  { DFL_ERROR_PREFIX "TooLate", DFL_EXIT_TOO_LATE, N_ ("too late, the call is decided already") },
  { DFL_ERROR_PREFIX "InvalidOption", DFL_EXIT_FAILED, N_ ("deflectd refused an option") },
  { DFL_ERROR_PREFIX "NotSupported", DFL_EXIT_FAILED, N_ ("deflectd cannot do that") },
  { DFL_ERROR_PREFIX "NotAuthorized", DFL_EXIT_NOT_AUTHORIZED,
    N_ ("you are not authorised; log in at this machine itself, answer when you are asked for a "
        "password, or ask who administers it") },
  { DFL_ERROR_PREFIX "Unconfirmed", DFL_EXIT_TIMED_OUT,
    N_ ("the redirect was sent, but the server has not acknowledged it yet; it cannot be taken "
        "back, and “deflectctl monitor” tells how it ends") },
  { DFL_ERROR_PREFIX "LineDown", DFL_EXIT_FAILED, N_ ("the network did not take the answer") },
  { DFL_ERROR_PREFIX "LimitExceeded", DFL_EXIT_FAILED, N_ ("a limit is reached") },
  { DFL_ERROR_PREFIX "InvalidSettings", DFL_EXIT_FAILED, N_ ("these settings are not valid") },
  { DFL_ERROR_PREFIX "Failed", DFL_EXIT_FAILED, N_ ("deflectd failed") },
  { BUS_ERROR_PREFIX "UnknownObject", DFL_EXIT_NO_OBJECT,
    N_ ("there is no such call or account (any more), or it belongs to others; see “deflectctl "
        "list” and “deflectctl account list”") },
  { BUS_ERROR_PREFIX "AccessDenied", DFL_EXIT_NOT_AUTHORIZED,
    N_ ("the bus does not let you talk to deflectd") },
  { BUS_ERROR_PREFIX "LimitsExceeded", DFL_EXIT_FAILED,
    N_ ("too many calls to deflectd wait for their reply; try again when some have ended") },
  { BUS_ERROR_PREFIX "NoReply", DFL_EXIT_NO_DAEMON,
    N_ ("deflectd went away before it answered; what became of the call is unknown") },
  { BUS_ERROR_PREFIX "ServiceUnknown", DFL_EXIT_NO_DAEMON, NULL },
  { BUS_ERROR_PREFIX "NameHasNoOwner", DFL_EXIT_NO_DAEMON, NULL },
  { BUS_ERROR_PREFIX "Disconnected", DFL_EXIT_NO_DAEMON, N_ ("the bus closed the connection") },
  { BUS_ERROR_PREFIX "Timeout", DFL_EXIT_TIMED_OUT, N_ ("deflectd did not answer in time") },
  { BUS_ERROR_PREFIX "TimedOut", DFL_EXIT_TIMED_OUT, N_ ("deflectd did not answer in time") },
};

G_DEFINE_QUARK (dfl - client - error - quark, dfl_client_error)

static const ErrorWords *
find_words (const char *name)
{
  /* Every way in which activation fails means the same to a person: it does not run. */
  if (g_str_has_prefix (name, BUS_ERROR_PREFIX "Spawn.")
      || g_str_has_prefix (name, "org.freedesktop.systemd1."))
    name = BUS_ERROR_PREFIX "ServiceUnknown";

  for (gsize i = 0; i < G_N_ELEMENTS (error_words); i++)
    if (g_str_equal (error_words[i].name, name))
      return &error_words[i];
  return NULL;
}

static char *
no_daemon_sentence (const char *bus)
{
  if (bus == NULL || g_str_equal (bus, "system"))
    return g_strdup (
        _ ("deflectd is not running on the system bus; start it with “systemctl enable --now "
           "deflectd”, or run “deflectd --bus session” for yourself and add “--bus session” "
           "here"));
  if (g_str_equal (bus, "session"))
    return g_strdup (
        _ ("deflectd is not running in your session; start it with “deflectd --bus session”"));
  return g_strdup_printf (
      /* Translators: the address of a message bus. */
      _ ("deflectd is not running on this bus; start it with “deflectd --bus '%s'”"), bus);
}

DflExit
dfl_errors_exit_for_name (const char *name)
{
  const ErrorWords *words = find_words (name);

  return words != NULL ? words->exit : DFL_EXIT_FAILED;
}

/* The name on the bus of an error that GDBus received or made, or NULL. */
static char *
bus_name_of (const GError *error)
{
  if (error->domain == DFL_CLIENT_ERROR)
    return NULL;
  if (error->domain == G_DBUS_ERROR || g_dbus_error_is_remote_error (error))
    {
      char *name = g_dbus_error_get_remote_error (error);

      return name != NULL ? name : g_dbus_error_encode_gerror (error);
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return g_strdup (BUS_ERROR_PREFIX "Disconnected");
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return g_strdup (BUS_ERROR_PREFIX "Timeout");
  return NULL;
}

DflExit
dfl_errors_exit (const GError *error)
{
  g_autofree char *name = bus_name_of (error);

  if (name != NULL)
    return dfl_errors_exit_for_name (name);
  return error->domain == DFL_CLIENT_ERROR ? (DflExit)error->code : DFL_EXIT_FAILED;
}

char *
dfl_errors_sentence (const char *name, const char *message, const char *bus)
{
  const ErrorWords *words = find_words (name);
  g_autofree char *safe_name = dfl_output_escape (name);
  g_autofree char *safe_message = dfl_output_escape (message != NULL ? message : "");

  if (words != NULL && words->sentence == NULL)
    return no_daemon_sentence (bus);
  if (words == NULL)
    return g_strdup_printf ("%s: %s", safe_name, safe_message);
  /* The bus' own sentences say nothing to a person that ours do not. */
  if (*safe_message == '\0' || g_str_has_prefix (name, BUS_ERROR_PREFIX))
    return g_strdup (_ (words->sentence));
  /* Translators: a sentence of this program, then what deflectd said about it, in English. */
  return g_strdup_printf (_ ("%s: %s"), _ (words->sentence), safe_message);
}

char *
dfl_errors_describe (const GError *error, const char *bus)
{
  g_autofree char *name = bus_name_of (error);

  if (name != NULL)
    {
      g_autoptr (GError) bare = g_error_copy (error);

      g_dbus_error_strip_remote_error (bare);
      return dfl_errors_sentence (name, bare->message, bus);
    }
  /* Ours are harmless already, and some have several lines. */
  return error->domain == DFL_CLIENT_ERROR ? g_strdup (error->message)
                                           : dfl_output_escape (error->message);
}

DflExit
dfl_errors_report (const GError *error, const char *bus)
{
  g_autofree char *text = dfl_errors_describe (error, bus);

  g_printerr ("deflectctl: %s\n", text);
  return dfl_errors_exit (error);
}
