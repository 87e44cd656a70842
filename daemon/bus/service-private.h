/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the files of the service share: an object's interfaces as tables, and requests to them. */

#pragma once

#include <gio/gio.h>

#include "bus/audience.h"
#include "bus/door.h"
#include "bus/permits.h"
#include "bus/service.h"

struct _DflService
{
  GObject parent;

  gboolean single_user; /* session mode: everything is the caller's own */
  DflPermits *permits;  /* NULL: nobody but root may anything, in system mode */
  DflSwitchboard *switchboard;
  DflClock *clock;
  char **listening;
  DflDoor *door; /* NULL once closed */
  DflAudience *audience;
  GHashTable *waiters; /* DflCall, or itself, to DflWaiter, who wants to know how a redirect ends */
  GHashTable *told;    /* DflAccount, borrowed, to DflAccountTold */
  GPtrArray *changes;  /* those who wait for the change of an account to be kept; borrowed */
};

/* What stands at an object path. */
typedef enum
{
  DFL_NODE_ABSENT,   /* nothing, or nothing that the caller may know of */
  DFL_NODE_ABOVE,    /* "/" and "/org" */
  DFL_NODE_ROOT,     /* the manager */
  DFL_NODE_ACCOUNTS, /* the parent of all accounts */
  DFL_NODE_CALLS,
  DFL_NODE_ACCOUNT,
  DFL_NODE_CALL
} DflNodeKind;

typedef struct
{
  DflNodeKind kind;
  DflAccount *account; /* of DFL_NODE_ACCOUNT, borrowed */
  DflCall *call;       /* of DFL_NODE_CALL, borrowed */
} DflNode;

/* One method call, while it is dispatched. */
typedef struct
{
  DflService *service;
  DflPeer *peer;
  sd_bus_message *message;
  GVariant *parameters; /* a tuple of the method's signature */
  DflNode node;
  const char *granted;        /* the action that was authorised, once it was; a literal */
  const char *const *details; /* what the authority was told about it, once it was asked */
  const GError *refusal;      /* for dfl_request_would_authorise */
  /* What an account was to become when that was asked, or NULL; kept from before
   * dfl_request_authorise until the handler that follows it. */
  const DflAccountSettings *authorised;
} DflRequest;

typedef void (*DflRequestHandler) (DflRequest *request);

/* One interface of a kind of node. The tables follow the order of the interface's XML. */
typedef struct
{
  const GDBusInterfaceInfo *info;
  const DflRequestHandler *methods;
  /* Appends a property's value to the message, as a variant; a negative errno where it becomes too
   * long. NULL where the interface has no properties. */
  int (*append_property) (DflService *service,
                          const DflNode *node,
                          guint index,
                          sd_bus_message *message);
  /* By property: handles a Properties.Set whose value has the property's type. NULL at what cannot
   * be set, or where the interface has nothing that can. */
  const DflRequestHandler *setters;
} DflInterface;

/* Answers a request; body may be NULL or floating. */
void dfl_request_reply (DflRequest *self, GVariant *body);
void dfl_request_fail (DflRequest *self, const GError *error);
/* NotSupported, for what the contract has and this version has not; what says how to do without. */
void dfl_request_fail_unsupported (DflRequest *self, const char *what);

/* Whether every key of a dictionary a{sv} is one of names, which alternate with types; else fails
 * with INVALID_OPTION. names ends with NULL. */
gboolean dfl_request_check_options (GVariant *options, const char *const *names, GError **error);

/* --- authorise.c --- */

/* Whether somebody must be asked whether the caller may; else root or the session's user calls. */
gboolean dfl_request_must_ask (const DflRequest *self);

/*
 * Asks whether the caller may do the action, then hands the request on; at once where nobody needs
 * to be asked (root, session mode). Otherwise the caller's node is looked up again when the answer
 * is there, so that what is gone or hidden by then leaves by the branch of tree.c, and proceed
 * reads everything else again itself. What is refused, or asked for too often, is answered here.
 * details: keys and values, up to NULL; copied.
 */
void dfl_request_authorise (DflRequest *self,
                            const char *action,
                            const char *const *details,
                            DflRequestHandler proceed);

/*
 * The same as a dry run: nobody is asked for a password, and a refusal is not answered but handed
 * on as request->refusal; it is NULL where the caller may, or would be asked for a password.
 */
void dfl_request_would_authorise (DflRequest *self,
                                  const char *action,
                                  const char *const *details,
                                  DflRequestHandler proceed);

/* --- tree.c --- */

/* Looks up what the caller sees at the message's path; the one branch for what it does not see. */
gboolean dfl_tree_find_node (DflService *service,
                             const DflPeer *peer,
                             sd_bus_message *message,
                             DflNode *node);

/* What the peer sees at a path. */
DflNode dfl_tree_get_node (DflService *service, const DflPeer *peer, const char *path);

/* Checks that tables and interfaces agree; to be called once before anything else here. */
void dfl_tree_init (void);
/* The one entrance: answers every message. */
void dfl_tree_dispatch (DflService *service, DflPeer *peer, sd_bus_message *message);
/* The NULL-terminated interfaces of a kind of node. */
const DflInterface *const *dfl_tree_get_interfaces (DflNodeKind kind);
/* The path of an account or a call. */
char *dfl_account_path (DflAccount *account);
char *dfl_call_path (DflCall *call);

/* --- standard.c: the interfaces of the D-Bus specification --- */

extern const char dfl_standard_xml[];
extern const DflRequestHandler dfl_properties_methods[];
extern const DflRequestHandler dfl_introspectable_methods[];
extern const DflRequestHandler dfl_peer_methods[];
extern const DflRequestHandler dfl_object_manager_methods[];

/* --- service-manager.c, service-account.c, service-call.c: the contract's interfaces --- */

extern const DflInterface dfl_manager_interface;
extern const DflInterface dfl_account_interface;
extern const DflInterface dfl_call_interface;

/* An empty table of those who wait for the end of a redirect. */
GHashTable *dfl_service_waiters_new (void);
/* The 3xx that somebody waits for has met its end: answers. */
void dfl_service_settle_waiter (DflService *self, DflCall *call);
/* The peer is gone: nobody of it waits any longer. */
void dfl_service_forget_waiters (DflService *self, DflPeer *peer);
/* Answers all who wait, because the daemon stops. */
void dfl_service_dismiss_waiters (DflService *self);

/* --- announce.c --- */

/* Whether anybody would hear of the account. Where not, nothing is built. */
gboolean dfl_announce_has_listeners (DflService *self, DflAccount *account);

/* Tells one peer, or with NULL the whole audience, that an account or a call has come or gone. */
void
dfl_announce_object (DflService *self, const DflNode *node, const DflPeer *peer, gboolean exists);

/* Tells a peer that has missed news how the object at the path is now. known: it has been told of
 * the object before. */
void dfl_announce_now (DflService *self, const DflPeer *peer, const char *path, gboolean known);

/* Tells the audience how a call or an account has changed. */
void dfl_announce_call_changed (DflService *self, DflCall *call, DflCallChange change);
void dfl_announce_account_changed (DflService *self,
                                   DflAccount *account,
                                   const guint *changed,
                                   guint n_changed);

/* Appends a{sv}: all properties of a node in one interface. */
int dfl_announce_append_properties (DflService *self,
                                    const DflNode *node,
                                    const DflInterface *interface,
                                    sd_bus_message *message);

/* Appends a{sa{sv}}: the interface of an account or call with its properties. */
int dfl_announce_append_interface (DflService *self, const DflNode *node, sd_bus_message *message);
