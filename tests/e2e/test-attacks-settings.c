/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What users could try with the settings of accounts: to write where they must not, to learn what
 * others have, and to point the daemon's authority at others. */

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "machine.h"
#include "names.h"
#include "neighbours.h"

#define INVALID_SETTINGS DFL_ERROR_PREFIX "InvalidSettings: "
#define NOT_AUTHORIZED DFL_ERROR_PREFIX "NotAuthorized: "

/* Everybody may have accounts of their own; only carol is an administrator. */
#define RULES                                                                                      \
  "polkit.addRule(function(action, subject) {"                                                     \
  "  if (action.id == 'org.deflectd1.manage-accounts')"                                            \
  "    return subject.user == 'carol' ? polkit.Result.YES : polkit.Result.NO;"                     \
  "  if (action.id == 'org.deflectd1.redirect' || action.id == "                                   \
  "'org.deflectd1.manage-own-accounts')"                                                           \
  "    return polkit.Result.YES;"                                                                  \
  "});"

static Neighbours *
neighbours_with_polkit (void)
{
  Neighbours *self = neighbours_new ();

  stage_start_polkitd (self->stage, RULES);
  return self;
}

/* --- Files --- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* Every name below a directory, with kind, size and contents of files. */
static void
describe_tree (const char *path, GString *description)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *child = g_build_filename (path, names->pdata[i], NULL);
      g_autofree char *text = NULL;

      g_string_append_printf (description, "%s\n", child);
      if (g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        continue;
      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        describe_tree (child, description);
      else if (g_file_get_contents (child, &text, NULL, NULL))
        g_string_append (description, text);
    }
}

/* What the daemon could have written to. */
static char *
describe_files (Stage *stage)
{
  g_autoptr (GString) description = g_string_new (NULL);

  for (const char **name = (const char *[]){ "state", "config", NULL }; *name != NULL; name++)
    {
      g_autofree char *path = g_build_filename (stage_get_directory (stage), *name, NULL);

      describe_tree (path, description);
    }
  return g_string_free (g_steal_pointer (&description), FALSE);
}

static void
restart (Stage *stage)
{
  stage_signal_daemon (stage, SIGTERM);
  stage_await_daemon_end (stage);
  stage_start_daemon (stage);
}

/* --- Names --- */

static void
expect_refused (Neighbours *self, const char *error, const char *prefix)
{
  if (!g_str_has_prefix (error, prefix))
    g_error ("Expected %s and not \"%s\"", prefix, error);
  /* Not a word of anybody else's. */
  for (guint i = 0; i < N_NEIGHBOURS; i++)
    {
      g_assert_null (strstr (error, neighbours[i].name));
      g_assert_null (strstr (error, neighbours[i].label));
    }
  g_assert_null (strstr (error, "bob"));
}

static void
test_names (void)
{
  static const char *const names[] = {
    "",
    ".",
    "..",
    "../evil",
    "../../config/accounts.d/evil",
    "/etc/evil",
    "/tmp/evil",
    "a/b",
    "a/../b",
    "work.conf",
    "Work",
    "WORK",
    "1work",
    "_work",
    "-work",
    "wo rk",
    "work\n",
    "\nwork",
    "work\r",
    "work\n[account]\nusers=*",
    "wörk",
    "work%2f",
    "work\\x2f",
    "work\t",
    "con:",
    "a23456789012345678901234567890123",
  };
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autofree char *before = describe_files (self->stage);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *error = witness_add_account (alice, names[i],
                                                    "{'address': <'sip:a@provider.example'>}",
                                                    NULL);
      g_autofree char *after = describe_files (self->stage);

      g_test_message ("\"%s\": %s", names[i], error);
      expect_refused (self, error, INVALID_SETTINGS);
      g_assert_cmpstr (after, ==, before);
    }
}

static char *
get_text (Stage *stage, const char *account, const char *property)
{
  g_autoptr (GVariant) value = stage_get_property (stage, account, DFL_ACCOUNT_INTERFACE, property);

  return g_variant_dup_string (value, NULL);
}

static gboolean
has_failed (Stage *stage, const char *account)
{
  g_autofree char *state = get_text (stage, account, "State");

  return g_str_equal (state, "failed");
}

/* A name or an address that somebody else has is as free as any other, and so is one of the
 * settings directory; what comes back tells nothing. */
static void
test_others_names (void)
{
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  Witness *bob = neighbours_get_witness (self, MACHINE_BOB);
  g_autofree char *bobs = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  g_autofree char *again = NULL;
  g_autofree char *error = NULL;
  g_autofree char *reason_of_second = NULL;
  g_autofree char *reason_of_third = NULL;

  error = witness_add_account (bob, "work", "{'address': <'sip:bob@provider.example'>}", &bobs);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  error = witness_add_account (alice, "work", "{'address': <'sip:bob@provider.example'>}", &first);
  g_assert_cmpstr (error, ==, "");
  g_assert_cmpstr (first, !=, bobs);
  g_free (error);
  /* The name and the address of bob's account in the settings directory, and one of nobody's. */
  error = witness_add_account (alice, "osprey", "{'address': <'sip:osprey@deflect.example'>}",
                               &second);
  g_assert_cmpstr (error, ==, "");
  g_free (error);
  error = witness_add_account (alice, "penguin", "{'address': <'sip:penguin@deflect.example'>}",
                               &third);
  g_assert_cmpstr (error, ==, "");
  /* One's own name is taken. */
  again = witness_add_account (alice, "work", "{'address': <'sip:bob@provider.example'>}", NULL);
  g_assert_true (g_str_has_prefix (again, INVALID_SETTINGS));

  /* Both fail for the same reason: whose the address is besides is nobody's business. */
  AWAIT (self->stage, has_failed (self->stage, second) && has_failed (self->stage, third));
  reason_of_second = get_text (self->stage, second, "StateReason");
  reason_of_third = get_text (self->stage, third, "StateReason");
  g_assert_cmpstr (reason_of_second, !=, "");
  g_assert_cmpstr (reason_of_second, ==, reason_of_third);
  /* Nothing of it disturbs who had it before. */
  neighbours_call (self);
  g_clear_pointer (&error, g_free);
  error = witness_try (bob, self->calls[NEIGHBOUR_OF_BOB], DFL_CALL_INTERFACE, "Silence", NULL);
  g_assert_cmpstr (error, ==, "");
}

/* --- Texts --- */

static void
test_newlines (void)
{
  static const char *const settings[] = {
    "{'address': <'sip:a@provider.example\\nusers=*'>}",
    "{'address': <'sip:a@provider.example\\r\\n'>}",
    "{'address': <'sip:a%0d%0aX@provider.example'>}",
    "{'address': <'sip:a@provider.example'>, 'display-name': <'Work\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'display-name': <'Work\\rusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'display-name': <'Work\\u2028users=*'>}",
    "{'address': <'sip:a@provider.example'>, 'display-name': <'Work\\u202euser'>}",
    "{'address': <'sip:a@provider.example'>, 'username': <'a\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'password': <'a\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'password': <'a\\n[targets]'>}",
    "{'address': <'sip:a@provider.example'>, 'registrar': <'r.example\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'registrar': <'r.example\\r\\nX: 1'>}",
    "{'address': <'sip:a@provider.example'>, 'outbound-proxy': <'r.example\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'redirect-domain': <'r.example\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'redirect-domain': <'r.example>\\r\\nX: 1'>}",
    "{'address': <'sip:a@provider.example'>, 'default-action': <'redirect:sip:a@b\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'default-action': <'redirect:sip:a@b%0d%0aX'>}",
    "{'address': <'sip:a@provider.example'>, 'transport': <'udp\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'alert': <'silent\\nusers=*'>}",
    "{'address': <'sip:a@provider.example'>, 'users': <['alice\\nenabled=false']>}",
    "{'address': <'sip:a@provider.example'>, 'users': <['alice;bob']>}",
    "{'address': <'sip:a@provider.example'>, 'users': <['alice', '*']>}",
    "{'address': <'sip:a@provider.example'>, 'display-name\\nusers': <'*'>}",
    "{'address': <'sip:a@provider.example'>, 'users=*\\nalert': <'silent'>}",
    "{'address': <'sip:a@provider.example'>, 'creator': <'bob'>}",
    "{'address': <'sip:a@provider.example'>, 'created': <'0'>}",
    "{'address': <'sip:a@provider.example'>, 'name': <'other'>}",
    "{'address': <'sip:a@provider.example'>, 'id': <'00000000'>}",
  };
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autofree char *before = describe_files (self->stage);

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      g_autofree char *error = witness_add_account (alice, "work", settings[i], NULL);
      g_autofree char *after = describe_files (self->stage);

      g_test_message ("%s: %s", settings[i], error);
      expect_refused (self, error, INVALID_SETTINGS);
      /* What is wrong is not repeated into a log or a terminal. */
      g_assert_null (strpbrk (error, "\r\n"));
      g_assert_cmpstr (after, ==, before);
    }
}

static char *
set_targets (Witness *witness, const char *path, const char *targets)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) body = g_variant_parse (G_VARIANT_TYPE ("(a(sss))"), targets, NULL, NULL,
                                               &error);
  g_autoptr (GDBusMessage) reply = NULL;

  g_assert_no_error (error);
  reply = witness_ask (witness, path, DFL_ACCOUNT_INTERFACE, "SetTargets", body);
  return witness_describe (reply);
}

static void
test_aliases (void)
{
  static const char *const targets[] = {
    "([('mobile\\n', 'Mobile', 'sip:a@b.example')],)",
    "([('mobile\\r\\nusers=*', 'Mobile', 'sip:a@b.example')],)",
    "([('../mobile', 'Mobile', 'sip:a@b.example')],)",
    "([('Mobile', 'Mobile', 'sip:a@b.example')],)",
    "([('mobile=x', 'Mobile', 'sip:a@b.example')],)",
    "([('[account]', 'Mobile', 'sip:a@b.example')],)",
    "([('mobile', 'Mobile\\nusers=*', 'sip:a@b.example')],)",
    "([('mobile', 'Mobile;sip:other@b.example', 'sip:a@b.example')],)",
    "([('mobile', 'Mobile', 'sip:a@b.example\\r\\nX-Evil: 1')],)",
    "([('mobile', 'Mobile', 'sip:a%0d%0aX-Evil@b.example')],)",
    "([('mobile', 'Mobile', 'sip:a@b.example>, <sip:evil@b.example')],)",
    "([('mobile', 'Mobile', 'sip:a@b.example?X-Evil=1')],)",
    "([('mobile', 'Mobile', 'file:///etc/passwd')],)",
    "([('mobile', 'Mobile', 'mobile')],)",
    "([('mobile', 'One', 'sip:a@b.example'), ('mobile', 'Two', 'sip:c@b.example')],)",
  };
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autofree char *path = NULL;
  g_autofree char *before = NULL;
  g_autofree char *good = witness_add_account (alice, "work",
                                               "{'address': <'sip:a@provider.example'>}", &path);

  g_assert_cmpstr (good, ==, "");
  before = describe_files (self->stage);
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *error = set_targets (alice, path, targets[i]);
      g_autofree char *after = describe_files (self->stage);

      g_test_message ("%s: %s", targets[i], error);
      expect_refused (self, error, INVALID_SETTINGS);
      g_assert_null (strpbrk (error, "\r\n"));
      g_assert_cmpstr (after, ==, before);
    }
}

/* Texts that mean something to a key file come back as they were, after a restart too, and change
 * nothing beside. */
static void
test_literal_texts (void)
{
  static const char *const texts[] = {
    "back\\nslash", "back\\\\slash\\", "# no comment", "[account]", "users=*",
    "a;b\\;c",      "100 % \\s x\\t",  "\\",           "\"quoted\""
  };
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) text = g_variant_ref_sink (g_variant_new_string (texts[i]));
      g_autofree char *printed = g_variant_print (text, FALSE);
      g_autofree char *settings = g_strdup_printf (
          "{'address': <'sip:a@provider.example'>, 'display-name': <%s>, 'password': <%s>}",
          printed, printed);
      g_autofree char *name = g_strdup_printf ("work%u", i);
      char *path = NULL;
      g_autofree char *error = witness_add_account (neighbours_get_witness (self, MACHINE_ALICE),
                                                    name, settings, &path);

      g_assert_cmpstr (error, ==, "");
      g_ptr_array_add (paths, path);
    }
  restart (self->stage);
  for (guint i = 0; i < paths->len; i++)
    {
      g_autoptr (GVariant) shown = stage_get_property (self->stage, paths->pdata[i],
                                                       DFL_ACCOUNT_INTERFACE, "DisplayName");
      g_autoptr (GVariant) users = stage_get_property (self->stage, paths->pdata[i],
                                                       DFL_ACCOUNT_INTERFACE, "Users");
      g_autofree char *listed = g_variant_print (users, FALSE);

      g_assert_cmpstr (g_variant_get_string (shown, NULL), ==, texts[i]);
      g_assert_cmpstr (listed, ==, "['alice']");
    }
}

/* --- The confused deputy --- */

/* Steps that take an administrator. */
static const char *const deputy_settings[] = {
  "'register': <false>, 'accept-from': <['127.0.0.1']>",
  "'register': <false>, 'accept-from': <['192.0.2.1']>",
  "'tls-verify': <false>",
  "'users': <['bob']>",
  "'users': <['alice', 'bob']>",
  "'users': <['*']>",
  "'registrar': <'127.0.0.1'>",
  "'outbound-proxy': <'[::1]:5060'>",
  "'registrar': <'localhost'>",
  "'users': <['root']>",
};

/* Hosts on this machine or its links, however they are written. */
static const char *const deputy_hosts[] = {
  "127.0.0.1",
  "127.0.0.1:5060",
  "127.1.2.3",
  "localhost",
  "LOCALHOST",
  "localhost.",
  "foo.localhost",
  "localhost:5062",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[::1]:5060",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "0.0.0.0",
  "[::]",
  "169.254.1.1",
  "[fe80::1]",
  "[FE80::1]",
  "[febf::1]",
  "[::ffff:169.254.1.1]",
  "224.0.0.1",
  "[ff02::1]",
  "255.255.255.255",
  "127.1",
  "0",
  "0x7f000001",
  "0x7f.0.0.1",
  "017700000001",
  "2130706433",
  "127.0.1",
  "0177.0.0.1",
  "%6cocalhost",
  "127.0.0.1.",
};

static void
expect_not_allowed (Neighbours *self, const char *error, const char *settings)
{
  g_test_message ("%s: %s", settings, error);
  if (!g_str_has_prefix (error, NOT_AUTHORIZED) && !g_str_has_prefix (error, INVALID_SETTINGS))
    g_error ("%s was answered \"%s\"", settings, error);
  expect_refused (self, error, DFL_ERROR_PREFIX);
}

/* One setting, in a new account and as a change of one that is there. */
static void
check_deputy (Neighbours *self, const char *path, const char *settings)
{
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  gboolean has_address = strstr (settings, "'address'") != NULL;
  g_autofree char *all = g_strdup_printf ("{%s%s}", settings,
                                          has_address ? ""
                                                      : ", 'address': <'sip:a@provider.example'>");
  g_autofree char *added = witness_add_account (alice, "deputy", all, NULL);
  g_autofree char *updated = witness_update_account (alice, path, settings);

  expect_not_allowed (self, added, all);
  expect_not_allowed (self, updated, settings);
}

static void
test_confused_deputy (void)
{
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  g_autofree char *path = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autofree char *good = witness_add_account (alice, "work",
                                               "{'address': <'sip:a@provider.example'>}", &path);

  g_assert_cmpstr (good, ==, "");
  before = describe_files (self->stage);
  for (guint i = 0; i < G_N_ELEMENTS (deputy_settings); i++)
    check_deputy (self, path, deputy_settings[i]);
  for (guint i = 0; i < G_N_ELEMENTS (deputy_hosts); i++)
    {
      g_autofree char *registrar = g_strdup_printf ("'registrar': <'%s'>", deputy_hosts[i]);
      g_autofree char *proxy = g_strdup_printf ("'outbound-proxy': <'%s'>", deputy_hosts[i]);
      g_autofree char *address = g_strdup_printf ("'address': <'sip:a@%s'>", deputy_hosts[i]);

      check_deputy (self, path, registrar);
      check_deputy (self, path, proxy);
      check_deputy (self, path, address);
    }
  after = describe_files (self->stage);
  g_assert_cmpstr (after, ==, before);
}

/* Keys that name files are refused for everybody, root and administrators included. */
static void
test_files (void)
{
  static const char *const settings[] = {
    "{'address': <'sip:a@provider.example'>, 'password-file': <'/etc/shadow'>}",
    "{'address': <'sip:a@provider.example'>, 'password-file': <'../../config/secret'>}",
    "{'address': <'sip:a@provider.example'>, 'password-file': <''>}",
    "{'address': <'sip:a@provider.example'>, 'tls-ca-file': <'/etc/shadow'>}",
  };
  g_autoptr (Neighbours) self = neighbours_with_polkit ();

  for (guint w = 0; w < N_WITNESSES; w++)
    for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
      {
        g_autofree char *error = witness_add_account (self->witnesses[w], "work", settings[i],
                                                      NULL);

        expect_refused (self, error, INVALID_SETTINGS);
        g_assert_null (strstr (error, "root:"));
      }
}

/* An administrator may; and then it works, so that the refusals above mean something. */
static void
test_administrator (void)
{
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  Witness *carol = neighbours_get_witness (self, MACHINE_CAROL);

  for (guint i = 0; i < G_N_ELEMENTS (deputy_settings); i++)
    {
      g_autofree char *settings = g_strdup_printf ("{'address': <'sip:c%u@provider.example'>, %s}",
                                                   i, deputy_settings[i]);
      g_autofree char *name = g_strdup_printf ("work%u", i);
      g_autofree char *error = witness_add_account (carol, name, settings, NULL);

      g_assert_cmpstr (error, ==, "");
    }
}

/* --- A direct account's user part, which only one can own --- */

static void
test_user_part (void)
{
  static const char taken[] = "{'address': <'sip:osprey@deflect.example'>, 'register': <false>, "
                              "'accept-from': <['127.0.0.1']>}";
  static const char free_one[]
      = "{'address': <'sip:penguin@deflect.example'>, 'register': <false>, "
        "'accept-from': <['127.0.0.1']>}";
  g_autoptr (Neighbours) self = neighbours_with_polkit ();
  Witness *alice = neighbours_get_witness (self, MACHINE_ALICE);
  Witness *carol = neighbours_get_witness (self, MACHINE_CAROL);
  g_autofree char *of_taken = witness_add_account (alice, "mine", taken, NULL);
  g_autofree char *of_free = witness_add_account (alice, "mine", free_one, NULL);
  g_autofree char *path = NULL;
  g_autofree char *error = NULL;
  g_autoptr (GVariant) reason = NULL;
  g_autoptr (GVariant) state = NULL;

  expect_refused (self, of_taken, NOT_AUTHORIZED);
  g_assert_cmpstr (of_taken, ==, of_free);

  /* An administrator's fails, and says nothing of whom it fails for; bob keeps what he has. */
  error = witness_add_account (carol, "mine", taken, &path);
  g_assert_cmpstr (error, ==, "");
  state = stage_get_property (self->stage, path, DFL_ACCOUNT_INTERFACE, "State");
  reason = stage_get_property (self->stage, path, DFL_ACCOUNT_INTERFACE, "StateReason");
  g_assert_cmpstr (g_variant_get_string (state, NULL), ==, "failed");
  g_assert_null (strstr (g_variant_get_string (reason, NULL), "bob"));
  g_assert_null (strstr (g_variant_get_string (reason, NULL), neighbours[NEIGHBOUR_OF_BOB].label));
  neighbours_call (self);
  g_clear_pointer (&error, g_free);
  error = witness_try (carol, self->calls[NEIGHBOUR_OF_BOB], DFL_CALL_INTERFACE, "Silence", NULL);
  g_assert_cmpstr (error, ==, "org.freedesktop.DBus.Error.UnknownObject");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine_enter ();
  g_test_add_func ("/attacks/settings/names", test_names);
  g_test_add_func ("/attacks/settings/others-names", test_others_names);
  g_test_add_func ("/attacks/settings/newlines", test_newlines);
  g_test_add_func ("/attacks/settings/aliases", test_aliases);
  g_test_add_func ("/attacks/settings/literal-texts", test_literal_texts);
  g_test_add_func ("/attacks/settings/confused-deputy", test_confused_deputy);
  g_test_add_func ("/attacks/settings/files", test_files);
  g_test_add_func ("/attacks/settings/administrator", test_administrator);
  g_test_add_func ("/attacks/settings/user-part", test_user_part);
  return g_test_run ();
}
