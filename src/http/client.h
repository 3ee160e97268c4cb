/* SPDX-License-Identifier: Apache-2.0
 * HTTP client of people's programs: one JSON call to a node over its UNIX socket, and wait for the answer. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H
#include "base/err.h"
#include "base/json.h"

enum { HTTP_CLIENT_TIMEOUT_S = 120, HTTP_CLIENT_REPLY_MAX = JSON_MAX };

/** http_client_call - one call
 * In:      socket   path of the node's socket
 *          method   "GET", "POST", "PUT", "DELETE"
 *          path     "/v1/requests?state=SENT", already escaped (http_client_escape)
 *          officer  who acts, where one uid stands for several; NULL for none
 *          body     BORROWS; NULL for none
 * Out:     ret_reply  new reference; NULL when the answer has no body (204)
 * Returns: 0; the API's own code with its words in e; -ERR_CONNREFUSED no node is running there; -ERR_ACCES the socket is not for
 *          this user; -ERR_TIMEDOUT; -ERR_FORMAT the answer is not JSON; -ERR_OVERSIZE */
int http_client_call(const char *socket, const char *method, const char *path, const char *officer,
		     const json_t *body, json_t **ret_reply, struct err *e) WARN_UNUSED;

/** http_client_escape - text as a part of a path or query (RFC 3986 unreserved characters stay); the caller frees it; NULL when
 *                       out of memory */
char *http_client_escape(const char *s);
#endif
