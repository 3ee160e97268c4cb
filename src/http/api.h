/* SPDX-License-Identifier: Apache-2.0
 * API: one call of one route, as a handler sees it. Routes are rows of lugd/routes.def; dispatch, OpenAPI and lugdunum-api(7)
 * come from them. */
#ifndef HTTP_API_H
#define HTTP_API_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*~ The life of a call: an HTTP thread finds the route, refuses what is too large before reading it, reads the body, checks
 *  who calls (the pinned certificate of a peer, or the uid behind the UNIX socket) and queues the call. The one logic thread
 *  runs the handler, so handlers never lock anything and must not wait. The HTTP thread then sends the reply. */

enum api_listener {
	API_PEER, /* other nodes: TLS 1.3, both certificates pinned */
	API_PEOPLE, /* officers of this node: UNIX socket, peer credentials; their routes are served to browsers too */
	API_BROWSER, /* their browsers: TLS 1.3, sessions (docs/console.md) */
	API_LINK, /* anybody with a link: plain HTTP behind a proxy; only what the token in the path allows */
};
enum api_method { API_GET, API_POST, API_PUT, API_DELETE };

/* What the dispatcher writes to the audit log. Calls that change something write their own events, in their own
 * transaction: for them the class is API_AUDIT_OWN. API_AUDIT_NONE is for what shows no record (status, openapi). */
enum api_audit {
	API_AUDIT_NONE,
	API_AUDIT_OWN,
	API_AUDIT_VIEW,
	API_AUDIT_SEARCH,
	API_AUDIT_EXPORT
};

/* The shape of a body. JSON is parsed before the handler runs; raw bytes are handed over as they are. */
enum api_body { API_NO_BODY, API_JSON_BODY, API_RAW_BODY };

/* Roles of an officer, as bits. A route of the people's listener names the roles that may call it. */
enum api_role {
	API_OFFICER = 1 << 0,
	API_DUTY = 1 << 1,
	API_APPROVER = 1 << 2,
	API_ANALYST = 1 << 3,
	API_SECRETARY = 1 << 4,
	API_AUDITOR = 1 << 5,
	API_ADMIN = 1 << 6,
	API_ANY_ROLE = (1 << 7) - 1, /* any known officer */
	API_PUBLIC = 1 << 7,	     /* browsers' listener: also who is not signed in */
	API_CASEWORK =
		API_OFFICER | API_DUTY | API_APPROVER | API_ANALYST, /* may read case content */
};

enum {
	API_PARAMS_MAX = 4,	 /* {name} parts of a path */
	API_QUERY_MAX = 16,	 /* members of a query string */
	API_NAME_MAX = 64,	 /* node and officer names, as name_valid() */
	API_PATH_MAX = 512,	 /* bytes of path and query together */
	API_ARENA_MAX = 8 << 20, /* memory of one call beside its body */
};

struct api_call;
/* Does the work of one route.
 * In:      c        params, query and body, decoded; c->app is the program's own object (struct lugd *)
 * Out:     c->out   a new JSON object or array (or c->raw with c->raw_type); nothing means 204
 *          e        the words of a failure: {"error": {"code", "field", "message", "remedy"}} is made of it
 * Returns: 0; a negative code, whose HTTP status http_status() gives */
typedef int api_handler(struct api_call *c, struct err *e);

struct api_route {
	enum api_method method;
	const char *path; /* "/v1/requests/{id}/approve" */
	enum api_listener listener;
	uint32_t roles; /* people's listener: any of these bits; peers: 0 */
	enum api_body body;
	size_t body_max; /* bytes; a larger one is refused before it is read */
	enum api_audit audit;
	api_handler *handler;
	const char *name; /* the handler's name: OpenAPI's operationId */
	const char *doc;  /* one line */
};

/* Who calls. On the peer listener `peer` is set, on the people's listener uid and, when known, officer. */
struct api_who {
	char peer[API_NAME_MAX + 1];
	uint32_t uid;
	char officer[API_NAME_MAX + 1];
	uint32_t roles; /* enum api_role */
};

struct api_query {
	const char *name, *value; /* decoded, clean UTF-8, in the arena */
};

/* What a browser says beside line and body, and what it is answered beside the status and body. The texts are in the arena and "" when
 * absent; all of them are untrusted. */
struct api_web {
	const char *cookie, *accept, *languages, *origin, *host, *site, *type,
		*token;	     /* site: Sec-Fetch-Site, token: X-CSRF-Token */
	const char *partial; /* HX-Request */
	const char *
		background; /* Lugdunum-Background: the page asks by itself, nobody pressed anything */
	const char *encodings; /* Accept-Encoding */
	const char *target;    /* path and query as sent */
	char address[API_NAME_MAX + 1];
	bool certificate; /* it showed one in the TLS handshake */
	uint8_t pin32[32];
	/* the answer */
	const char *location;	/* 303 to a local path */
	const char *set_cookie; /* value of Set-Cookie */
	bool page;	 /* c->raw is a page: send it with the page's headers, also for an error */
	bool attachment; /* a file to keep, not a page to show */
	bool immutable;	 /* may be kept for ever: its name says its hash */
	const char *encoding; /* Content-Encoding of c->raw */
	bool stream;	      /* an event stream begins (http_server_tell) */
};

struct api_call {
	const struct api_route *route;
	void *app;	 /* BORROWS: struct lugd */
	struct arena *a; /* released after the reply was sent */
	struct api_who who;
	const char *param[API_PARAMS_MAX]; /* in the order of the path, decoded */
	size_t params_n;
	struct api_query query[API_QUERY_MAX];
	size_t query_n;
	json_t *in;	     /* API_JSON_BODY: the body; BORROWS */
	const uint8_t *body; /* API_RAW_BODY: the body; BORROWS */
	size_t body_len;
	json_t *out;	/* the handler's answer; STEALS */
	struct buf raw; /* or its bytes, with their media type (a literal) */
	const char *raw_type;
	struct api_web *web; /* browsers' listener; else NULL */
	unsigned raw_status; /* of these bytes; 0 for 200 */
};

/** api_param - the n-th {name} of the path; "" past the end */
const char *api_param(const struct api_call *c, size_t n);
/** api_query - a member of the query string; NULL when absent */
const char *api_query(const struct api_call *c, const char *name);
/** api_query_u64 - a decimal member of the query string; *ret untouched when absent
 * Returns: 0; -ERR_FORMAT, -ERR_RANGE with the field in e */
int api_query_u64(const struct api_call *c, const char *name, uint64_t max, uint64_t *ret,
		  struct err *e) WARN_UNUSED;
/** api_reply - hand over a JSON answer
 * In:      j        STEALS; NULL means that making it failed
 * Returns: 0; -ERR_NOMEM when j is NULL */
int api_reply(struct api_call *c, json_t *j, struct err *e) WARN_UNUSED;

/** api_role_parse - "duty", "approver" ... to its bit; 0 when unknown. api_role_name - the reverse for one bit, NULL if none */
uint32_t api_role_parse(const char *s);
const char *api_role_name(uint32_t bit);
#endif
