/* SPDX-License-Identifier: Apache-2.0
 * Calls on their way to an answer, and the events that they leave. */
#ifndef LUGD_DISPATCH_H
#define LUGD_DISPATCH_H
#include "audit/audit.h"
#include "http/server.h"

struct lugd;

/** dispatch_record - an event alone in its transaction: what this node does by itself, or a peer to it
 * Returns: as audit_record, store_commit */
int dispatch_record(struct lugd *d, const struct audit_event *ev, struct err *e) WARN_UNUSED;
/** dispatch_look - record that a record was looked at, as the route's row says; dispatch_refusal - that a person was denied, and by what */
int dispatch_look(struct lugd *d, const struct api_call *c, struct err *e) WARN_UNUSED;
void dispatch_refusal(struct lugd *d, const struct api_call *c, const struct err *why);
/** dispatch_submit - a job for the logic thread, for http_server_options.submit */
int dispatch_submit(void *ctx, struct http_job *job) WARN_UNUSED;
/** dispatch_job - run one job to its answer and give it back */
void dispatch_job(struct lugd *d, struct http_job *job);
/** dispatch_routes - the table of routes.def */
const struct api_route *dispatch_routes(size_t *ret_n);
#endif
