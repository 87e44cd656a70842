/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A whole life of the daemon in what its unit makes of the machine: each system call that
 * SystemCallFilter= does not allow fails with EPERM (strace sees to that, and writes down which
 * were tried), the file system is read-only but for the state directory, /proc shows nothing but
 * the daemon's own processes, other users are nobody, and there is no way to a privilege.
 */

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e/account-view.h"
#include "e2e/certificates.h"
#include "e2e/harness.h"
#include "e2e/machine.h"
#include "e2e/registrar.h"

#define TARGET "sip:+4915550100@mobile.example"

#define RULES                                                                                      \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id.indexOf('org.deflectd1.') == 0 && subject.user == 'alice')"                     \
  "    return polkit.Result.YES;"                                                                  \
  "});"

/* --- The unit's filter --- */

static char *
read_text (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* systemd's own list: for each group, such as "@file-system", what stands in it. */
static GHashTable *
read_groups (void)
{
  GHashTable *groups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify)g_ptr_array_unref);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;
  GPtrArray *group = NULL;

  g_spawn_command_line_sync ("systemd-analyze syscall-filter --no-pager", &text, NULL, NULL,
                             &error);
  g_assert_no_error (error);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (lines[i][0] == '@')
      {
        group = g_ptr_array_new_with_free_func (g_free);
        g_hash_table_insert (groups, g_strdup (lines[i]), group);
      }
    else if (lines[i][0] != ' ')
      group = NULL;
    else if (group != NULL && strchr (lines[i], '#') == NULL)
      g_ptr_array_add (group, g_strdup (g_strstrip (lines[i])));
  return groups;
}

static void
apply (GHashTable *groups, const char *name, gboolean allow, GHashTable *allowed)
{
  GPtrArray *group = g_hash_table_lookup (groups, name);

  if (group == NULL)
    {
      g_assert_cmpint (name[0], !=, '@');
      if (allow)
        g_hash_table_add (allowed, g_strdup (name));
      else
        g_hash_table_remove (allowed, name);
      return;
    }
  for (guint i = 0; i < group->len; i++)
    apply (groups, g_ptr_array_index (group, i), allow, allowed);
}

static char *
read_unit (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_BUILT, "..", "data", "system",
                                                 "deflectd.service", NULL);

  return read_text (path);
}

/* The names of the system calls that the unit allows, as a set. */
static GHashTable *
read_filter (void)
{
  g_autoptr (GHashTable) groups = read_groups ();
  GHashTable *allowed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *unit = read_unit ();
  g_auto (GStrv) lines = g_strsplit (unit, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "SystemCallFilter="))
      {
        const char *value = strchr (lines[i], '=') + 1;
        gboolean allow = *value != '~';
        g_auto (GStrv) names = g_strsplit (value + (allow ? 0 : 1), " ", -1);

        for (guint n = 0; names[n] != NULL; n++)
          apply (groups, names[n], allow, allowed);
      }
  g_assert_true (g_hash_table_contains (allowed, "sendmsg"));
  g_assert_false (g_hash_table_contains (allowed, "mount"));
  return allowed;
}

/* --- The sandbox --- */

typedef struct
{
  Stage *stage;
  char *watch; /* where strace writes */
  char *proc;
  char *trace;
} Sandbox;

static char *
make_directory (Stage *stage, const char *name)
{
  char *path = g_build_filename (stage_get_directory (stage), name, NULL);

  g_assert_cmpint (g_mkdir (path, 0755), ==, 0);
  g_assert_cmpint (chown (path, MACHINE_DEFLECTD, MACHINE_DEFLECTD), ==, 0);
  return path;
}

/* A user namespace to mount in as root, and in it another one where there is no root at all. */
static char *
make_command (Sandbox *self)
{
  g_autoptr (GHashTable) allowed = read_filter ();
  g_autofree char **names = (char **)g_hash_table_get_keys_as_array (allowed, NULL);
  g_autofree char *list = g_strjoinv (",?", names);

  /* strace -D: the daemon is the child, and strace one of its own. */
  return g_strdup_printf ("unshare --map-root-user --mount sh -c '"
                          "mount --bind %s/state %s/state && mount --bind %s %s && "
                          "mount --bind %s /proc && mount -o remount,bind,ro / && "
                          "exec unshare --user --map-user=%u --map-group=%u "
                          "setpriv --no-new-privs \"$@\"' sh "
                          "env ASAN_OPTIONS=detect_leaks=0 "
                          "strace -D -f -qq -s 0 -o %s -e trace=all -e inject=!?%s:error=EPERM",
                          stage_get_directory (self->stage), stage_get_directory (self->stage),
                          self->watch, self->watch, self->proc, MACHINE_DEFLECTD, MACHINE_DEFLECTD,
                          self->trace, list);
}

static void
set_up (Sandbox *self, gconstpointer data)
{
  g_autofree char *command = NULL;

  self->stage = stage_new (STAGE_SYSTEM_BUS);
  self->watch = make_directory (self->stage, "watch");
  self->proc = make_directory (self->stage, "proc");
  self->trace = g_build_filename (self->watch, "trace", NULL);
  g_assert_cmpint (mount ("proc", self->proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                          "subset=pid,hidepid=invisible"),
                   ==, 0);
  command = make_command (self);
  stage_wrap_daemon (self->stage, command);
  /* As it listens by default, for which the SIP library asks the kernel what addresses there are.
   */
  stage_write_settings (self->stage, "[daemon]\n");
  stage_write_account (self->stage, "alice",
                       "[account]\naddress=sip:alice@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nusers=alice;\n");
  stage_start_daemon (self->stage);
  stage_start_polkitd (self->stage, RULES);
}

static void
tear_down (Sandbox *self, gconstpointer data)
{
  g_assert_cmpint (umount2 (self->proc, MNT_DETACH), ==, 0);
  stage_free (self->stage);
  g_free (self->watch);
  g_free (self->proc);
  g_free (self->trace);
}

/* --- The life --- */

static void
deflect (Sandbox *self, const char *transport, guint port)
{
  Player *caller = stage_call (self->stage, "call.xml", transport, "127.0.0.1", port, NULL);
  g_autofree char *call = stage_await_call (self->stage);

  g_assert_cmpint (stage_deflectctl_as (self->stage, MACHINE_ALICE, NULL, "redirect", TARGET, NULL),
                   ==, 0);
  player_await_success (self->stage, caller);
  stage_await_story (self->stage, call, "offered redirecting idle:redirected removed");
}

static gboolean
has_account (Sandbox *self, const char *address)
{
  g_autofree char *output = NULL;

  g_assert_cmpint (stage_deflectctl_as (self->stage, MACHINE_ALICE, &output, "account", "list",
                                        NULL),
                   ==, 0);
  return strstr (output, address) != NULL;
}

/* What was tried and failed: a line per system call and whose error it was. */
static char *
list_refused (Sandbox *self)
{
  g_autofree char *text = read_text (self->trace);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GString *refused = g_string_new (NULL);

  g_assert_nonnull (strstr (text, "sendmsg("));
  for (guint i = 0; lines[i] != NULL; i++)
    if (strstr (lines[i], "(INJECTED)") != NULL)
      {
        char *name = lines[i] + strspn (lines[i], "0123456789 ");

        if (g_str_has_prefix (name, "<... "))
          name += strlen ("<... ");
        name[strcspn (name, "( ")] = '\0';
        if (g_hash_table_add (seen, name))
          g_string_append_printf (refused, "%s\n", name);
      }
  return g_string_free (refused, FALSE);
}

/* No socket of a family that RestrictAddressFamilies= does not list, and no memory that
 * MemoryDenyWriteExecute= forbids. */
static void
check_sockets_and_memory (Sandbox *self)
{
  g_autofree char *text = read_text (self->trace);
  g_autofree char *unit = read_unit ();

  for (const char *found = text; (found = strstr (found, " socket(AF_")) != NULL; found++)
    {
      const char *name = strchr (found, '(') + 1;
      g_autofree char *family = g_strndup (name, strcspn (name, ", "));
      g_autofree char *pattern = g_strdup_printf ("^RestrictAddressFamilies=([A-Z0-9_]+ )*%s( |$)",
                                                  family);

      if (!g_regex_match_simple (pattern, unit, G_REGEX_MULTILINE, G_REGEX_MATCH_DEFAULT))
        g_error ("The unit does not allow sockets of %s.", family);
    }
  g_assert_null (strstr (text, "PROT_WRITE|PROT_EXEC"));
}

/* An account that registers with a real server over TLS, whose certificate its authority signed. */
static Registrar *
start_registrar (Sandbox *self)
{
  g_autofree char *authority = certificates_make_authority (self->stage, "authority");
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  g_autofree char *text = read_text (authority);
  g_autofree char *escaped = g_strescape (text, NULL);
  g_autofree char *account = NULL;
  Registrar *registrar;

  certificates_issue (self->stage, "authority", "server", "ip_address = 127.0.0.1\n", &certificate,
                      &key);
  registrar = registrar_start (self->stage, &(RegistrarOptions){ .defines = "WITH_TLS",
                                                                 .certificate = certificate,
                                                                 .key = key });
  account = g_strdup_printf ("[account]\naddress=sip:line@deflect.example\nregistrar=%s\n"
                             "password=%s\ntransport=tls\ntls-ca=%s\nusers=alice;\n",
                             registrar_get_address (registrar), REGISTRAR_PASSWORD, escaped);
  stage_write_account (self->stage, "line", account);
  return registrar;
}

static void
test_life (Sandbox *self, gconstpointer data)
{
  g_autoptr (Registrar) registrar = start_registrar (self);
  g_autofree char *refused = NULL;
  g_autofree char *log = NULL;

  deflect (self, "u1", stage_get_port (self->stage, "udp:*:"));
  deflect (self, "t1", stage_get_port (self->stage, "tcp:*:"));
  g_assert_cmpint (stage_deflectctl_as (self->stage, MACHINE_ALICE, NULL, "account", "add", "home",
                                        "sip:home@deflect.example", "--no-wait", NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl_as (self->stage, MACHINE_ALICE, NULL, "target", "set", "home",
                                        "mobile", TARGET, NULL),
                   ==, 0);
  g_assert_cmpint (stage_deflectctl_as (self->stage, MACHINE_ALICE, NULL, "account", "disable",
                                        "home", NULL),
                   ==, 0);

  stage_write_account (self->stage, "desk",
                       "[account]\naddress=sip:desk@deflect.example\nregister=false\n"
                       "accept-from=127.0.0.1\nusers=alice;\n");
  stage_signal_daemon (self->stage, SIGHUP);
  AWAIT (self->stage, has_account (self, "sip:desk@deflect.example"));
  account_await_state (self->stage, "line", "registered");
  g_assert_true (account_get_flag (self->stage, "line", "Secure"));
  g_assert_cmpint (stage_deflectctl_as (self->stage, MACHINE_ALICE, NULL, "account", "remove",
                                        "home", NULL),
                   ==, 0);
  log = stage_read_log (self->stage);
  g_assert_null (strstr (log, "not permitted"));
  stage_signal_daemon (self->stage, SIGTERM);
  stage_await_daemon_end (self->stage);
  g_assert_cmpuint (registrar_count_contacts (registrar, "line"), ==, 0);

  check_sockets_and_memory (self);
  refused = list_refused (self);
  g_test_message ("Refused: %s", refused);
  /* GLib tries whether it may, before it starts a pool of threads, and goes on without. */
  if (!g_str_equal (refused, ""))
    g_assert_cmpstr (refused, ==, "sched_setattr\n");
}

/* --- Credentials --- */

/* The files of LoadCredential= as systemd passes them to the daemon: each is named by the ID in the
 * unit and its own name. */
static void
write_credential (const char *directory, const char *name, const char *password)
{
  g_autofree char *unit = read_unit ();
  g_auto (GStrv) parts = g_strsplit (unit, "\nLoadCredential=", 2);
  g_autofree char *id = g_strndup (parts[1], strcspn (parts[1], ":"));
  g_autofree char *path = g_strdup_printf ("%s/%s_%s", directory, id, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, password, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (path, 0400), ==, 0);
}

static void
expect_state_reason (Stage *stage, const char *account, const char *expected)
{
  g_autofree char *output = NULL;
  g_autofree char *pattern = g_strdup_printf ("\"%s\"[^}]*%s", account, expected);

  g_assert_cmpint (stage_deflectctl (stage, &output, "account", "list", "--json", NULL), ==, 0);
  g_test_message ("%s", output);
  g_assert_true (g_regex_match_simple (pattern, output, G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT));
}

/* password-file=NAME is the credential; an account whose password is missing says so. */
static void
test_credential (void)
{
  g_autoptr (Stage) stage = stage_new (STAGE_OWN_BUS);
  g_autofree char *credentials = g_build_filename (stage_get_directory (stage), "credentials",
                                                   NULL);
  g_autofree char *wrapper = g_strdup_printf ("env CREDENTIALS_DIRECTORY=%s", credentials);

  g_assert_cmpint (g_mkdir (credentials, 0700), ==, 0);
  write_credential (credentials, "desk", "secret-of-the-desk\n");
  stage_wrap_daemon (stage, wrapper);
  stage_write_account (stage, "desk",
                       "[account]\naddress=sip:desk@deflect.example\npassword-file=desk\n");
  stage_write_account (stage, "door",
                       "[account]\naddress=sip:door@deflect.example\npassword-file=door\n");
  stage_start_daemon (stage);
  /* Whatever becomes of its registration here, its password is there. */
  expect_state_reason (stage, "desk", "\"StateReason\" : \"(?![^\"]*credential)");
  expect_state_reason (stage, "door", "a credential that the daemon was not given");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add ("/sandbox/life", Sandbox, NULL, set_up, test_life, tear_down);
  g_test_add_func ("/sandbox/credential", test_credential);
  return g_test_run ();
}
