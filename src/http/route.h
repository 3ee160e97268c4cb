/* SPDX-License-Identifier: Apache-2.0
 * Routes: from a request line to a row of the table, and the documents that are made of the table. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H
#include "http/api.h"

/** route_match - find the route of a request and decode its path and query
 * In:      routes   n rows
 *          method   "GET"
 *          uri      path and query as sent, untrusted
 *          c        c->a is initialised
 * Out:     c        route, param, query; untouched on failure but for memory of the arena
 * Limits:  API_PATH_MAX bytes, API_PARAMS_MAX, API_QUERY_MAX
 * Returns: 0; -ERR_NOENT no such path, or not with this method (which ones, in e); -ERR_FORMAT bad escape, unclean text, or an
 *          empty name; -ERR_DUPLICATE a query member twice; -ERR_OVERSIZE; -ERR_NOMEM */
int route_match(const struct api_route *routes, size_t n, enum api_listener listener,
		const char *method, const char *uri, size_t uri_len, struct api_call *c,
		struct err *e) WARN_UNUSED;

/** route_method_name - "GET"; route_audit_name - "view"; route_listener_name - "people" */
const char *route_method_name(enum api_method m);
const char *route_audit_name(enum api_audit a);
const char *route_listener_name(enum api_listener l);

/** route_openapi - OpenAPI 3.1 of one listener's routes; NULL when out of memory
 * route_print_man - the middle of lugdunum-api(7), as scdoc */
json_t *route_openapi(const struct api_route *routes, size_t n, enum api_listener listener);
void route_print_man(const struct api_route *routes, size_t n, struct buf *out);

/** http_status - the HTTP status of a code; 200 for 0 and above
 * http_error_json - {"error": {"code", "field", "message", "remedy"}}; NULL when out of memory
 * http_error_read - the reverse: the code and words of such a body, or of a bare status
 * Returns: http_error_read: the negative code, never 0 */
unsigned http_status(int code);
json_t *http_error_json(const struct err *e);
int http_error_read(unsigned status, const json_t *body, struct err *e);
#endif
