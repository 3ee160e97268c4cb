/* SPDX-License-Identifier: Apache-2.0
 * The daemon as its handlers see it: what they get from c->app. All of it belongs to the logic thread. */
#ifndef LUGD_LUGD_H
#define LUGD_LUGD_H
#include "base/err.h"
#include "http/api.h"

struct lugd;
struct store;
struct audit;
struct exchange;

/** lugd_of - the daemon behind a call */
static inline struct lugd *lugd_of(const struct api_call *c)
{
	return c->app;
}
/** lugd_store, lugd_audit, lugd_exchange - its parts, never NULL while a handler runs; BORROWS */
struct store *lugd_store(const struct lugd *d);
struct audit *lugd_audit(const struct lugd *d);
struct exchange *lugd_exchange(const struct lugd *d);
/** lugd_node - the name of this node */
const char *lugd_node(const struct lugd *d);
#endif
