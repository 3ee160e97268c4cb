/* SPDX-License-Identifier: Apache-2.0
 * The daemon as its handlers see it: what they get from c->app. All of it belongs to the logic thread, which runs them.
 *
 * A handler is declared by its row in routes.def (`int api_x(struct api_call *c, struct err *e)`, see http/api.h) and written
 * in api-<part>.c, which is listed in bin/meson.build. After a call that may have changed something (every method but GET) the
 * loop polls exchange and requests by itself. */
#ifndef LUGD_LUGD_H
#define LUGD_LUGD_H
#include "base/err.h"
#include "duty/duty.h"
#include "exchange/exchange.h"
#include "exchange/request-fields.h"
#include "http/api.h"

struct lugd;
struct store;
struct audit_log;
struct directory_node;
struct requests;

/** lugd_of - the daemon behind a call */
static inline struct lugd *lugd_of(const struct api_call *c)
{
	return c->app;
}
/** lugd_store, lugd_exchange, lugd_requests - its parts, never NULL while a handler runs; BORROWS
 * lugd_node - the name of this node; lugd_folder - its data folder */
struct store *lugd_store(const struct lugd *d);
struct exchange *lugd_exchange(const struct lugd *d);
struct requests *lugd_requests(const struct lugd *d);
const char *lugd_node(const struct lugd *d);
const char *lugd_folder(const struct lugd *d);

/** lugd_actor - who acts in a call of the people's listener, for the functions of exchange */
struct actor lugd_actor(const struct api_call *c);

/** lugd_own_keys - signing keys (current and next), encryption epochs and TLS pins as lug-keyd holds them now: the `fresh`
 *                  argument of directory_own_draft(); all other fields of ret are empty
 * Returns: 0; the error of lug-keyd; -ERR_OVERSIZE more keys than a note may hold */
int lugd_own_keys(struct lugd *d, struct directory_node *ret, struct err *e) WARN_UNUSED;

/** lugd_audit - record an act of the caller in the open write transaction of lugd_store()
 * In:      type     enum audit_type
 *          what     "officer.set"; target what it was done to; detail a JSON object, borrowed, or NULL
 * Returns: as audit_record */
int lugd_audit(const struct api_call *c, int type, const char *what, const char *target,
	       const json_t *detail, struct err *e) WARN_UNUSED;
/** lugd_audit_alone - the same in a transaction of its own, for acts whose effect is not a row
 * Returns: as audit_record, store_commit */
int lugd_audit_alone(const struct api_call *c, int type, const char *what, const char *target,
		     const json_t *detail, struct err *e) WARN_UNUSED;

#define ROUTE(method, path, listener, roles, body, body_max, audit, handler, doc) \
	api_handler handler;
#include "lugd/routes.def"
#undef ROUTE
#endif
