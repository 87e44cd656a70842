/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "registrar.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct _Registrar
{
  Stage *stage;
  RegistrarOptions options;
  char *address;
  char *name; /* of its files */
  char *file;
  GString *before; /* what those wrote who ran before */
  Player *player;  /* or NULL */
};

/* --- Its configuration --- */

static char *
read_source (const char *first, ...)
{
  g_autofree char *path = NULL;
  g_autofree char *relative = NULL;
  g_autoptr (GError) error = NULL;
  char *text = NULL;
  va_list rest;

  va_start (rest, first);
  relative = g_build_filename_valist (first, &rest);
  va_end (rest);
  path = g_test_build_filename (G_TEST_DIST, relative, NULL);
  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
replace_number (GString *text, const char *word, guint number)
{
  g_autofree char *digits = g_strdup_printf ("%u", number);

  g_string_replace (text, word, digits, 0);
}

static gboolean
defines (Registrar *self, const char *word)
{
  return self->options.defines != NULL && strstr (self->options.defines, word) != NULL;
}

static char *
listen_lines (Registrar *self)
{
  if (defines (self, "WITH_UDP_BESIDE"))
    return g_strdup_printf ("listen=udp:%s\nlisten=tls:%s", self->address, self->address);
  if (defines (self, "WITH_TLS"))
    return g_strdup_printf ("listen=tls:%s", self->address);
  if (defines (self, "WITH_TCP"))
    return g_strdup_printf ("listen=udp:%s\nlisten=tcp:%s", self->address, self->address);
  return g_strdup_printf ("listen=udp:%s", self->address);
}

static void
write_configuration (Registrar *self)
{
  const RegistrarOptions *options = &self->options;
  g_autofree char *source = read_source ("e2e", "scenarios", "registrar.cfg", NULL);
  g_autofree char *recipe_name = g_strconcat (options->recipe, ".cfg", NULL);
  g_autofree char *recipe = read_source ("..", "data", "recipes", "kamailio", recipe_name, NULL);
  g_autofree char *listen_at = listen_lines (self);
  g_autoptr (GString) text = g_string_new (source);
  g_autoptr (GError) error = NULL;

  g_string_replace (text, "@LISTEN@", listen_at, 0);
  g_string_replace (text, "@DIRECTORY@", stage_get_directory (self->stage), 0);
  g_string_replace (text, "@NAME@", self->name, 0);
  g_string_replace (text, "@PASSWORD@", options->password, 0);
  g_string_replace (text, "@CERTIFICATE@", options->certificate, 0);
  g_string_replace (text, "@KEY@", options->key, 0);
  g_string_replace (text, "@AUTHORITY@", options->authority, 0);
  replace_number (text, "@RING@", options->ring_milliseconds);
  replace_number (text, "@MIN_EXPIRES@", options->min_expires);
  replace_number (text, "@MAX_EXPIRES@", options->max_expires);
  replace_number (text, "@NONCE_EXPIRE@", options->nonce_expire);
  replace_number (text, "@DEFAULT_Q@", options->default_q);
  replace_number (text, "@CHILDREN@", options->children);
  g_string_replace (text, "@RECIPE@", recipe, 0);
  g_file_set_contents (self->file, text->str, -1, &error);
  g_assert_no_error (error);
}

static RegistrarOptions
with_defaults (const RegistrarOptions *options)
{
  RegistrarOptions all = { 0 };

  if (options != NULL)
    all = *options;
  all.recipe = all.recipe != NULL ? all.recipe : "plain";
  all.password = all.password != NULL ? all.password : REGISTRAR_PASSWORD;
  all.certificate = all.certificate != NULL ? all.certificate : "";
  all.authority = all.authority != NULL ? all.authority : "";
  all.key = all.key != NULL ? all.key : "";
  all.host = all.host != NULL ? all.host : "127.0.0.1";
  all.port = all.port != 0 ? all.port : stage_find_free_port ();
  all.ring_milliseconds = all.ring_milliseconds != 0 ? all.ring_milliseconds : 5000;
  all.min_expires = all.min_expires != 0 ? all.min_expires : 1;
  all.max_expires = all.max_expires != 0 ? all.max_expires : 3600;
  all.nonce_expire = all.nonce_expire != 0 ? all.nonce_expire : 300;
  all.default_q = all.default_q != 0 ? all.default_q : 1000;
  all.children = all.children != 0 ? all.children : 1;
  return all;
}

/* --- Its life --- */

/* Runs kamcmd; FALSE where nobody answers. */
static gboolean
ask (Registrar *self, char **output, const char *command, const char *user)
{
  g_autofree char *socket_name = g_strdup_printf ("unix:%s/%s.ctl",
                                                  stage_get_directory (self->stage), self->name);
  Player *player = stage_play (self->stage, "kamcmd", "-s", socket_name, command,
                               user != NULL ? "location" : NULL, user, NULL);
  gboolean done = player_await (self->stage, player) == 0;

  if (output != NULL)
    *output = player_read_output (player);
  return done;
}

static void
run (Registrar *self)
{
  const char *directory = stage_get_directory (self->stage);
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) words = g_strsplit (self->options.defines != NULL ? self->options.defines : "",
                                     " ", -1);

  for (const char **word = (const char *[]){ "kamailio", "-DD", "-E", "-f", self->file, "-Y",
                                             directory, "-w", directory, "-m", "32", "-M", "8",
                                             NULL };
       *word != NULL; word++)
    g_ptr_array_add (argv, g_strdup (*word));
  for (guint i = 0; words[i] != NULL; i++)
    if (*words[i] != '\0')
      {
        g_ptr_array_add (argv, g_strdup ("-A"));
        g_ptr_array_add (argv, g_strdup (words[i]));
      }
  self->player = stage_play_argv_as (self->stage, 0, argv);
  while (!player_has_ended (self->player) && !ask (self, NULL, "core.uptime", NULL))
    ;
  if (player_has_ended (self->player))
    player_await_success (self->stage, self->player);
}

Registrar *
registrar_start (Stage *stage, const RegistrarOptions *options)
{
  static guint n_started;
  Registrar *self = g_new0 (Registrar, 1);

  self->stage = stage;
  self->options = with_defaults (options);
  self->address = g_strdup_printf ("%s:%u", self->options.host, self->options.port);
  self->name = g_strdup_printf ("registrar-%u", ++n_started);
  self->file = g_strdup_printf ("%s/%s.cfg", stage_get_directory (stage), self->name);
  self->before = g_string_new (NULL);
  write_configuration (self);
  run (self);
  return self;
}

static void
stop (Registrar *self, int signal)
{
  g_autofree char *said = NULL;

  player_signal (self->player, signal);
  player_await (self->stage, self->player);
  said = player_read_errors (self->player);
  g_string_append (self->before, said);
  self->player = NULL;
}

/* Kamailio is many processes. */
static GArray *
list_children (Registrar *self)
{
  GPid pid = player_get_pid (self->player);
  g_autofree char *file = g_strdup_printf ("/proc/%d/task/%d/children", pid, pid);
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;
  g_autoptr (GError) error = NULL;
  GArray *children = g_array_new (FALSE, FALSE, sizeof (pid_t));

  g_file_get_contents (file, &text, NULL, &error);
  g_assert_no_error (error);
  words = g_strsplit (g_strstrip (text), " ", -1);
  for (guint i = 0; words[i] != NULL; i++)
    {
      pid_t child = (pid_t)g_ascii_strtoll (words[i], NULL, 10);

      if (child > 0)
        g_array_append_val (children, child);
    }
  return children;
}

static void
signal_children (GArray *children, int signal)
{
  for (guint i = 0; i < children->len; i++)
    kill (g_array_index (children, pid_t, i), signal);
}

/* The others go on without the first one. */
void
registrar_kill (Registrar *self)
{
  g_autoptr (GArray) children = list_children (self);

  stop (self, SIGKILL);
  signal_children (children, SIGKILL);
  while (ask (self, NULL, "core.uptime", NULL))
    ;
}

void
registrar_freeze (Registrar *self)
{
  g_autoptr (GArray) children = list_children (self);

  player_signal (self->player, SIGSTOP);
  signal_children (children, SIGSTOP);
}

void
registrar_start_again (Registrar *self)
{
  g_assert_null (self->player);
  run (self);
}

void
registrar_free (Registrar *self)
{
  if (self->player != NULL)
    stop (self, SIGTERM);
  g_string_free (self->before, TRUE);
  g_free (self->address);
  g_free (self->name);
  g_free (self->file);
  g_free (self);
}

guint
registrar_get_port (Registrar *self)
{
  return self->options.port;
}

const char *
registrar_get_address (Registrar *self)
{
  return self->address;
}

/* --- What it knows --- */

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
registrar_list_contacts (Registrar *self, const char *user)
{
  GPtrArray *contacts = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *output = NULL;
  g_auto (GStrv) lines = NULL;

  ask (self, &output, "ul.lookup", user);
  lines = g_strsplit (output, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_strstrip (lines[i]);
      if (g_str_has_prefix (lines[i], "Address: "))
        g_ptr_array_add (contacts, g_strdup (lines[i] + strlen ("Address: ")));
      else if (g_str_equal (lines[i], "Expires: deleted")
               || g_str_equal (lines[i], "Expires: expired"))
        g_ptr_array_remove_index (contacts, contacts->len - 1);
    }
  g_ptr_array_sort (contacts, compare_texts);
  return contacts;
}

guint
registrar_count_contacts (Registrar *self, const char *user)
{
  g_autoptr (GPtrArray) contacts = registrar_list_contacts (self, user);

  return contacts->len;
}

/* The lines that contain both; either may be NULL. */
static GPtrArray *
find_lines (Registrar *self, const char *first, const char *second)
{
  g_autofree char *said = self->player != NULL ? player_read_errors (self->player) : g_strdup ("");
  g_autofree char *all = g_strconcat (self->before->str, said, NULL);
  g_auto (GStrv) lines = g_strsplit (all, "\n", -1);
  GPtrArray *found = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; lines[i] != NULL; i++)
    if ((first == NULL || strstr (lines[i], first) != NULL)
        && (second == NULL || strstr (lines[i], second) != NULL))
      g_ptr_array_add (found, g_strdup (lines[i]));
  return found;
}

guint
registrar_count_lines (Registrar *self, const char *first, const char *second)
{
  g_autoptr (GPtrArray) lines = find_lines (self, first, second);

  return lines->len;
}

GArray *
registrar_list_times (Registrar *self, const char *first, const char *second)
{
  g_autoptr (GPtrArray) lines = find_lines (self, first, second);
  GArray *times = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < lines->len; i++)
    {
      const char *at = strstr (lines->pdata[i], " at ");
      double time = at != NULL ? g_ascii_strtod (at + strlen (" at "), NULL) : 0;

      g_assert_cmpfloat (time, >, 0);
      g_array_append_val (times, time);
    }
  return times;
}

guint
registrar_count_credentials (Registrar *self)
{
  return registrar_count_lines (self, "WIRE REGISTER ", " credentials=")
         - registrar_count_lines (self, "WIRE REGISTER ", " credentials= ");
}

void
registrar_write_account (Registrar *self, const char *more)
{
  g_autofree char *lines = g_strdup_printf ("[account]\naddress=sip:alice@deflect.example\n"
                                            "registrar=%s\npassword=%s\n%s",
                                            self->address, REGISTRAR_PASSWORD, more);

  stage_write_account (self->stage, "alice", lines);
}

/* --- Phones --- */

void
registrar_add_contact (Registrar *self, const char *user, guint port, const char *more)
{
  g_autofree char *scenario = g_test_build_filename (G_TEST_DIST, "e2e", "scenarios",
                                                     "register.xml", NULL);
  g_autofree char *digits = g_strdup_printf ("%u", port);
  /* Where nathelper is, that is where the contact is called: at a port that nobody else gets. */
  g_autofree char *own = g_strdup_printf ("%u", stage_find_free_port ());
  g_autofree char *local = g_strdelimit (g_strdup (self->options.host), "[]", ' ');
  Player *player = stage_play (self->stage, "sipp", self->address, "-sf", scenario, "-i",
                               g_strstrip (local), "-p", own, "-s", "alice", "-key", "contact_user",
                               user, "-key", "phone_port", digits, "-key", "contact_more", more,
                               "-m", "1", "-nostdin", "-timeout", "20s", "-timeout_error", NULL);

  player_await_success (self->stage, player);
}

struct _Phone
{
  Player *player;
  guint port;
  char *trace;
};

static gboolean
port_is_taken (guint port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16)port) };
  int socket_fd = socket (AF_INET, SOCK_DGRAM, 0);
  gboolean taken;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  taken = bind (socket_fd, (struct sockaddr *)&address, sizeof address) != 0;
  close (socket_fd);
  return taken;
}

/* The scenario with the answer in it, in the stage's directory. */
static char *
write_phone (Stage *stage, const char *answer, guint milliseconds, guint port)
{
  g_autofree char *source = read_source ("e2e", "scenarios", "desk-phone.xml", NULL);
  g_autoptr (GString) text = g_string_new (source);
  g_autoptr (GError) error = NULL;
  char *file = g_strdup_printf ("%s/phone-%u.xml", stage_get_directory (stage), port);

  g_string_replace (text, "@ANSWER@", answer, 0);
  replace_number (text, "@MILLISECONDS@", milliseconds);
  g_file_set_contents (file, text->str, -1, &error);
  g_assert_no_error (error);
  return file;
}

Phone *
phone_start (Stage *stage, const char *answer, guint milliseconds)
{
  Phone *self = g_new0 (Phone, 1);
  g_autofree char *scenario = NULL;
  g_autofree char *at = NULL;

  self->port = stage_find_free_port ();
  self->trace = g_strdup_printf ("%s/phone-%u.trace", stage_get_directory (stage), self->port);
  at = g_strdup_printf ("%u", self->port);
  scenario = write_phone (stage, answer, milliseconds, self->port);
  self->player = stage_play (stage, "sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", at,
                             "-nostdin", "-trace_msg", "-message_file", self->trace, NULL);
  AWAIT (stage, port_is_taken (self->port) || player_has_ended (self->player));
  if (player_has_ended (self->player))
    player_await_success (stage, self->player);
  return self;
}

void
phone_free (Phone *self)
{
  if (!player_has_ended (self->player))
    player_signal (self->player, SIGKILL);
  g_free (self->trace);
  g_free (self);
}

guint
phone_get_port (Phone *self)
{
  return self->port;
}

guint
phone_count (Phone *self, const char *text)
{
  g_autofree char *trace = NULL;
  guint n = 0;

  if (!g_file_get_contents (self->trace, &trace, NULL, NULL))
    return 0;
  for (const char *at = trace; (at = strstr (at, text)) != NULL; at += strlen (text))
    n++;
  return n;
}
