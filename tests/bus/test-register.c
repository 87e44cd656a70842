/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the bus shows of accounts that register, and who may have them register. */

#include "bus/people.h"

#include <string.h>

#include "fakes/samples.h"

#define SERVER "192.0.2.1:5061"

/* A direct account, which its user alone knows of. */
#define DIRECT                                                                                     \
  "{'address': <'sip:desk@example.org'>, 'register': <false>, 'accept-from': <['192.0.2.1']>}"

static DflAccount *
get_account (People *self, const char *path)
{
  return dfl_switchboard_get_account (self->base.switchboard, strrchr (path, '/') + 1);
}

static void
report (People *self, const char *path, const DflRegistrationReport *what)
{
  dfl_account_report_registration (get_account (self, path), what);
}

static const DflRegistrationReport registered = { .state = DFL_ACCOUNT_STATE_REGISTERED,
                                                  .reason = "",
                                                  .server = SERVER,
                                                  .transport = DFL_TRANSPORT_TLS,
                                                  .secure = TRUE,
                                                  .until = 1800000000000000 };

static void
expect_nothing (People *self, const char *path)
{
  people_expect_property (self, path, "StateReason", "''");
  people_expect_property (self, path, "Server", "''");
  people_expect_property (self, path, "Transport", "''");
  people_expect_property (self, path, "Secure", "false");
  people_expect_property (self, path, "RegisteredUntil", "0");
}

/* --- Properties --- */

static void
test_properties (People *self, gconstpointer mode)
{
  static const char *const transports[] = {
    [DFL_TRANSPORT_AUTO] = "''",
    [DFL_TRANSPORT_UDP] = "'udp'",
    [DFL_TRANSPORT_TCP] = "'tcp'",
    [DFL_TRANSPORT_TLS] = "'tls'",
  };
  const char *path = people_add (self, self->owner, "work", WORK);
  DflRegistrationReport changing = registered;

  people_expect_property (self, path, "State", "'connecting'");
  expect_nothing (self, path);

  report (self, path, &registered);
  people_expect_property (self, path, "State", "'registered'");
  people_expect_property (self, path, "StateReason", "''");
  people_expect_property (self, path, "Server", "'" SERVER "'");
  people_expect_property (self, path, "Secure", "true");
  people_expect_property (self, path, "RegisteredUntil", "1800000000000000");
  for (guint i = 0; i < G_N_ELEMENTS (transports); i++)
    {
      changing.transport = (DflTransport)i;
      report (self, path, &changing);
      people_expect_property (self, path, "Transport", transports[i]);
    }

  report (self, path,
          &(DflRegistrationReport){ .state = DFL_ACCOUNT_STATE_FAILED,
                                    .reason = "wrong password or \xff username",
                                    .server = "",
                                    .until = -5 });
  people_expect_property (self, path, "State", "'failed'");
  people_expect_property (self, path, "StateReason", "'wrong password or \xef\xbf\xbd username'");
  people_expect_property (self, path, "Server", "''");
  people_expect_property (self, path, "RegisteredUntil", "0");

  report (self, path, &registered);
  people_update (self, self->owner, path, "{'enabled': <false>}");
  people_expect_property (self, path, "State", "'disabled'");
  expect_nothing (self, path);
}

static void
test_redirect_policy (People *self, gconstpointer mode)
{
  static const char *const policies[] = { "honoured", "refused", "unknown" };
  const char *path = people_add (self, self->owner, "work", WORK);

  people_expect_property (self, path, "RedirectPolicy", "'unknown'");
  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      g_autofree char *settings = g_strdup_printf ("{'redirect-policy': <'%s'>}", policies[i]);
      g_autofree char *shown = g_strdup_printf ("'%s'", policies[i]);

      people_update (self, self->owner, path, settings);
      people_expect_property (self, path, "RedirectPolicy", shown);
    }
  g_free (people_fail_to_update (self, self->owner, path, "{'redirect-policy': <'perhaps'>}",
                                 ERROR ("InvalidSettings")));
}

/* --- Certificates --- */

#define SECRET "c2VjcmV0"
#define PEM(what) "-----BEGIN " what "-----\\n" SECRET "\\n-----END " what "-----\\n"

static void
update_long (People *self, const char *path, const char *key, gsize length, const char *error)
{
  g_autofree char *text = g_strnfill (length, 'x');
  g_autofree char *settings = NULL;

  text[length / 2] = '\n';
  settings = g_strdup_printf ("{'%s': <'%s'>}", key, text);
  if (error == NULL)
    people_update (self, self->owner, path, settings);
  else
    g_free (people_fail_to_update (self, self->owner, path, settings, error));
}

static void
test_certificates (People *self, gconstpointer mode)
{
  static const char *const keys[] = { "tls-ca", "tls-certificate", "tls-key" };
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (GVariant) properties = NULL;
  g_autofree char *shown = NULL;

  people_update (self, self->owner, path, "{'tls-ca': <'" PEM ("CERTIFICATE") "'>}");
  people_update (self, self->owner, path,
                 "{'tls-certificate': <'" PEM ("CERTIFICATE") "'>, "
                                                              "'tls-key': <'" PEM (
                                                                  "PRIVATE KEY") "'>}");
  g_assert_cmpstr (people_get_kept (self, path)->tls_ca, ==,
                   "-----BEGIN CERTIFICATE-----\n" SECRET "\n-----END CERTIFICATE-----\n");
  g_assert_nonnull (strstr (people_get_kept (self, path)->tls_key, SECRET));
  properties = fixture_expect (&self->base, self->owner, path, "Properties.GetAll",
                               g_variant_new ("(s)", DFL_ACCOUNT_INTERFACE), NULL);
  shown = g_variant_print (properties, FALSE);
  g_assert_null (strstr (shown, SECRET));

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *control = g_strdup_printf ("{'%s': <'" SECRET "\\u0007'>}", keys[i]);
      g_autofree char *type = g_strdup_printf ("{'%s': <['" SECRET "']>}", keys[i]);
      g_autofree char *of_control = people_fail_to_update (self, self->owner, path, control,
                                                           ERROR ("InvalidSettings"));
      g_autofree char *of_type = people_fail_to_update (self, self->owner, path, type,
                                                        ERROR ("InvalidSettings"));

      g_assert_null (strstr (of_control, SECRET));
      g_assert_null (strstr (of_type, SECRET));
      update_long (self, path, keys[i], 64 * 1024, NULL);
      update_long (self, path, keys[i], 64 * 1024 + 1, ERROR ("InvalidSettings"));
    }
  people_update (self, self->owner, path,
                 "{'tls-ca': <''>, 'tls-certificate': <''>, 'tls-key': <''>}");
  g_assert_null (people_get_kept (self, path)->tls_ca);
  g_assert_null (people_get_kept (self, path)->tls_key);
}

/* --- Announcements --- */

static Log *
watch (People *self, GDBusConnection *who)
{
  people_subscribe (self, who);
  return log_new (who);
}

static void
test_announcements (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Log) log = watch (self, self->owner);
  g_autoptr (Log) others = watch (self, self->neighbour);
  DflRegistrationReport next = registered;

  report (self, path, &registered);
  /* A refresh. */
  next.until += 600000000;
  report (self, path, &next);
  /* The same again is no news. */
  report (self, path, &next);
  /* One that did not succeed, while the registration still holds. */
  next.reason = "no answer from " SERVER;
  report (self, path, &next);
  report (self, path,
          &(DflRegistrationReport){ .state = DFL_ACCOUNT_STATE_CONNECTING,
                                    .reason = "no answer from " SERVER,
                                    .server = "" });
  fixture_settle (&self->base, self->owner);
  log_expect (log, "changed State=registered Server=" SERVER " Transport=tls Secure=true "
                   "RegisteredUntil=1800000000000000");
  log_expect (log, "changed RegisteredUntil=1800000600000000");
  log_expect (log, "changed StateReason=no answer from " SERVER);
  log_expect (log, "changed State=connecting Server= Transport= Secure=false RegisteredUntil=0");
  log_expect (log, NULL);

  people_update (self, self->owner, path, "{'display-name': <'Desk'>}");
  log_expect (log, "changed Name=work * DisplayName=Desk * State=connecting *");
  log_expect (log, "reply");
  log_expect (log, NULL);

  fixture_settle (&self->base, self->neighbour);
  log_expect (others, NULL);
}

/* What went unheard is told as it is by then, and what changed back since is told too. */
static void
test_unheard (People *self, gconstpointer mode)
{
  const char *path = people_add (self, self->owner, "work", WORK);
  DflRegistrationReport connecting = { .state = DFL_ACCOUNT_STATE_CONNECTING,
                                       .reason = "",
                                       .server = "" };
  g_autoptr (Log) log = NULL;

  report (self, path, &registered);
  log = watch (self, self->owner);
  report (self, path, &connecting);
  fixture_settle (&self->base, self->owner);
  log_expect (log, "changed State=connecting Server= Transport= Secure=false RegisteredUntil=0");
  log_expect (log, NULL);
}

/* --- Register --- */

static void
on_requested (DflSwitchboard *switchboard, DflAccount *account, gpointer data)
{
  g_ptr_array_add (data, g_strdup (dfl_account_get_id (account)));
}

static GPtrArray *
collect_requests (People *self)
{
  GPtrArray *requested = g_ptr_array_new_with_free_func (g_free);

  g_signal_connect (self->base.switchboard, "register-requested", G_CALLBACK (on_requested),
                    requested);
  return requested;
}

static void
register_account (People *self, GDBusConnection *who, const char *path)
{
  fixture_do (&self->base, who, path, "Account.Register", NULL, "()");
}

static void
fail_to_register (People *self, GDBusConnection *who, const char *path, const char *error)
{
  fixture_fail (&self->base, who, path, "Account.Register", NULL, error);
}

static void
test_register (People *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) requested = collect_requests (self);
  const char *path = people_add (self, self->owner, "work", WORK);

  people_expect_asked (self, OWN " * account=work *");
  register_account (self, self->owner, path);
  people_expect_asked (self, OWN " method=register id=???????? account=work creator=nobody "
                                 "address=sip:work@example.org users=nobody target= number=");
  g_assert_cmpuint (requested->len, ==, 1);
  g_assert_cmpstr (requested->pdata[0], ==, strrchr (path, '/') + 1);

  /* Root is not asked, and nobody else has it to be asked about. */
  register_account (self, self->base.client, path);
  fail_to_register (self, self->neighbour, path, UNKNOWN_OBJECT);
  people_expect_asked (self, NULL);
  g_assert_cmpuint (requested->len, ==, 2);

  people_refuse_all (self);
  fail_to_register (self, self->owner, path, ERROR ("NotAuthorized"));
  people_expect_asked (self, OWN " method=register *");
  g_assert_cmpuint (requested->len, ==, 2);
  g_signal_handlers_disconnect_by_data (self->base.switchboard, requested);
}

/* Who sees it only as everybody does takes an administrator. */
static void
test_register_shared (People *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) requested = collect_requests (self);
  const char *path = people_add (self, self->owner, "work",
                                 "{'address': <'sip:work@example.org'>, 'users': <['*']>}");

  people_expect_asked (self, ALL " * account=work *");
  register_account (self, self->neighbour, path);
  people_expect_asked (self, ALL " method=register *");
  g_assert_cmpuint (requested->len, ==, 1);
  people_refuse_all (self);
  fail_to_register (self, self->neighbour, path, ERROR ("NotAuthorized"));
  people_expect_asked (self, ALL " method=register *");
  g_assert_cmpuint (requested->len, ==, 1);
  g_signal_handlers_disconnect_by_data (self->base.switchboard, requested);
}

/* What cannot be is not asked for. */
static void
test_register_refused (People *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) requested = collect_requests (self);
  const char *path = people_add (self, self->owner, "work", WORK);
  const char *direct = people_add (self, self->owner, "desk", DIRECT);

  people_update (self, self->owner, path, "{'enabled': <false>}");
  people_expect_asked (self, OWN " *");
  people_expect_asked (self, ALL " *");
  people_expect_asked (self, OWN " *");
  fail_to_register (self, self->owner, direct, ERROR ("NotSupported"));
  fail_to_register (self, self->owner, path, ERROR ("LineDown"));
  people_update (self, self->owner, path, "{'enabled': <true>}");
  people_expect_asked (self, OWN " method=update *");
  register_account (self, self->owner, path);
  people_expect_asked (self, OWN " method=register *");
  people_expect_asked (self, NULL);
  g_assert_cmpuint (requested->len, ==, 1);
  g_signal_handlers_disconnect_by_data (self->base.switchboard, requested);
}

/* What was allowed is looked at again when the answer is there. */
static void
test_register_meanwhile (People *self, gconstpointer mode)
{
  g_autoptr (GPtrArray) requested = collect_requests (self);
  const char *path = people_add (self, self->owner, "work", WORK);
  g_autoptr (Pending) disabled = NULL;
  g_autoptr (Pending) gone = NULL;

  dfl_fake_authority_hold (self->base.authority);
  disabled = fixture_start (&self->base, self->owner, path, "Account.Register", NULL);
  people_run_until_asked (self, 1);
  people_update (self, self->base.client, path, "{'enabled': <false>}");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (disabled);
  g_assert_nonnull (strstr (disabled->error->message, "LineDown"));

  people_update (self, self->base.client, path, "{'enabled': <true>}");
  dfl_fake_authority_hold (self->base.authority);
  gone = fixture_start (&self->base, self->owner, path, "Account.Register", NULL);
  people_run_until_asked (self, 1);
  fixture_do (&self->base, self->base.client, path, "Account.Remove", NULL, "()");
  dfl_fake_authority_release (self->base.authority);
  pending_wait (gone);
  g_assert_nonnull (strstr (gone->error->message, "UnknownObject"));
  g_assert_cmpuint (requested->len, ==, 0);
  g_signal_handlers_disconnect_by_data (self->base.switchboard, requested);
}

/* --- Others --- */

/* Whoever is not to know of it is answered as if it were not there, whatever state it is in. */
static void
test_privacy (People *self, gconstpointer mode)
{
  static const char *const methods[] = { "Account.Register", "Peer.Ping", "Account.Remove" };
  const char *path = people_add (self, self->owner, "work", WORK);
  const char *none = "/org/deflectd1/account/0badcafe";
  g_autoptr (Log) log = watch (self, self->neighbour);

  report (self, path, &registered);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autofree char *hidden = fixture_expect_error (&self->base, self->neighbour, path,
                                                      methods[i], NULL, UNKNOWN_OBJECT);
      g_autofree char *absent = fixture_expect_error (&self->base, self->neighbour, none,
                                                      methods[i], NULL, UNKNOWN_OBJECT);

      log_expect (log, "error *");
      log_expect (log, "error *");
      g_assert_null (strstr (hidden, "work"));
      g_assert_null (strstr (hidden, SERVER));
      g_assert_cmpuint (strlen (hidden), ==, strlen (absent));
    }
  fixture_do (&self->base, self->neighbour, ROOT, "ObjectManager.GetManagedObjects", NULL, "({},)");
  log_expect (log, "reply");
  /* The same name and address are free for the neighbour. */
  people_add (self, self->neighbour, "work", WORK);
  log_expect (log, "added *");
  log_expect (log, "reply");
  report (self, path,
          &(DflRegistrationReport){
              .state = DFL_ACCOUNT_STATE_FAILED, .reason = "wrong password", .server = SERVER });
  fixture_settle (&self->base, self->neighbour);
  log_expect (log, NULL);
}

/* --- Many --- */

#define MEASURED 100
#define MANY 2000

static void
set_accounts (People *self, guint n)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)dfl_account_settings_free);

  for (guint i = 0; i < n; i++)
    {
      gboolean measured = i < MEASURED;
      g_autofree char *name = g_strdup_printf ("%s%u", measured ? "a" : "b", i);
      DflAccountSettings *settings = dfl_sample_settings (name);

      settings->registers = TRUE;
      dfl_sample_set_list (&settings->users, measured ? "nobody" : "daemon");
      g_ptr_array_add (all, settings);
    }
  dfl_switchboard_set_accounts (self->base.switchboard, all);
}

/* How long it takes to tell of the refreshes, in microseconds. */
static gint64
measure_refresh (GPtrArray *accounts, gint64 until)
{
  DflRegistrationReport next = registered;
  gint64 before = g_get_monotonic_time ();

  next.until = until;
  for (guint i = 0; i < MEASURED; i++)
    dfl_account_report_registration (accounts->pdata[i], &next);
  return g_get_monotonic_time () - before;
}

static void
drain (Log *log)
{
  for (char *line = log_take (log); line != NULL; line = log_take (log))
    g_free (line);
}

static gint64
measure (guint n)
{
  People people = { 0 };
  gint64 least = G_MAXINT64;
  g_autoptr (GPtrArray) accounts = NULL;
  g_autoptr (Log) log = NULL;

  people_set_up (&people, FIXTURE_SYSTEM);
  set_accounts (&people, n);
  accounts = dfl_switchboard_get_accounts (people.base.switchboard);
  g_assert_cmpuint (accounts->len, ==, n);
  fixture_wait_seen (&people.base, people.owner, path_of_account (accounts->pdata[0]));
  log = watch (&people, people.owner);
  for (guint round = 0; round < 10; round++)
    {
      gint64 taken;

      fixture_settle (&people.base, people.owner);
      drain (log);
      taken = measure_refresh (accounts, 1 + round);
      least = MIN (least, taken);
    }
  fixture_settle (&people.base, people.owner);
  for (guint i = 0; i < MEASURED; i++)
    log_expect (log, "changed RegisteredUntil=10");
  log_expect (log, NULL);
  g_clear_pointer (&log, log_free);
  people_tear_down (&people, FIXTURE_SYSTEM);
  return least;
}

/* However many others there are, a refresh costs its audience one message and us as much. */
static void
test_many (void)
{
  gint64 few = measure (MEASURED);
  gint64 many = measure (MANY);

  g_test_message ("%" G_GINT64_FORMAT " µs, beside many %" G_GINT64_FORMAT " µs", few, many);
  g_assert_cmpint (many, <, few * 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  PEOPLE_ADD ("/bus/register/properties", test_properties);
  PEOPLE_ADD ("/bus/register/redirect-policy", test_redirect_policy);
  PEOPLE_ADD ("/bus/register/certificates", test_certificates);
  PEOPLE_ADD ("/bus/register/announcements", test_announcements);
  PEOPLE_ADD ("/bus/register/unheard", test_unheard);
  PEOPLE_ADD ("/bus/register/register", test_register);
  PEOPLE_ADD ("/bus/register/shared", test_register_shared);
  PEOPLE_ADD ("/bus/register/refused", test_register_refused);
  PEOPLE_ADD ("/bus/register/meanwhile", test_register_meanwhile);
  PEOPLE_ADD ("/bus/register/privacy", test_privacy);
  g_test_add_func ("/bus/register/many", test_many);
  return g_test_run ();
}
