/* SPDX-License-Identifier: Apache-2.0
 * HTTP server: one listener: for peers (TLS 1.3, both sides pinned), for people (UNIX socket, peer credentials), or for their
 * browsers (TLS 1.3, a client certificate is asked for but not required).
 *
 * It has one thread of its own. Calls are handed to `submit` and stay suspended until http_job_finish(). */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H
#include "http/api.h"
#include "http/identity.h"

/* What is asked of the logic thread. A raw body from a peer is admitted before it is read. */
enum http_stage { HTTP_ADMIT, HTTP_RUN };

struct http_job {
	struct http_job *next; /* for the queue of whoever holds the job */
	enum http_stage stage;
	struct api_call call;
	size_t announced_len;		       /* HTTP_ADMIT: bytes of the body to come */
	char officer_wanted[API_NAME_MAX + 1]; /* header Lugdunum-Officer, name_valid() or empty */
	/* the answer */
	int result;
	struct err e;
	int64_t retry_s; /* with -ERR_QUOTA: Retry-After */
};

struct http_server_options {
	const struct api_route *routes; /* BORROWS */
	size_t routes_n;
	enum api_listener listener;
	int fd;				      /* listening socket; STEALS, also on failure */
	const struct http_identity *identity; /* peers, browsers; BORROWS */
	const char *certificate_pem,
		*key_pem; /* browsers: shown instead of the identity; NULL for none; BORROWS */
	unsigned connections_max, idle_s;
	/* Which peer has this pin? HTTP thread. 0 and its name; -ERR_MEMBER_UNKNOWN */
	int (*peer_by_pin)(void *ctx, const uint8_t pin32[static HTTP_PIN_LEN],
			   char ret_name[static API_NAME_MAX + 1]);
	/* Takes a job over, from the HTTP thread, until http_job_finish(). Returns 0; -ERR_AGAIN: going down, answered with 503 */
	int (*submit)(void *ctx, struct http_job *job);
	void *ctx;
	void *app; /* api_call.app */
};

struct http_server;

/** http_server_open - listen and serve
 * Returns: 0; -ERR_INVAL; -ERR_CRYPTO TLS cannot be set up; -ERR_NOMEM; -ERR_IO the server library refused */
int http_server_open(const struct http_server_options *o, struct http_server **ret_server,
		     struct err *e) WARN_UNUSED;

/** http_server_tell - text for every open event stream ("event: change\ndata:\n\n"). Any thread */
void http_server_tell(struct http_server *s, const char *text);
/** http_certificate_pin - SHA-256 of the SPKI of a certificate in PEM
 * Returns: 0; -ERR_FORMAT */
int http_certificate_pin(const char *pem, uint8_t ret_pin32[static HTTP_PIN_LEN],
			 struct err *e) WARN_UNUSED;

/** http_server_quiesce - accept no new connection and no new job; jobs taken over must then be finished before the close */
void http_server_quiesce(struct http_server *s);
/** http_server_close - end; takes NULL; returns NULL. No job of it may be unfinished */
struct http_server *http_server_close(struct http_server *s);
DEFINE_CLEANUP(struct http_server *, http_server_close);

/** http_job_finish - give the job back with its answer; it must not be touched any more. Any thread */
void http_job_finish(struct http_job *job);

/** http_listen_tcp - "host:port", "[v6]:port"; port 0 lets the system choose, *ret_port tells. [::] also takes IPv4
 * http_listen_unix - socket file; an old one that nobody answers is replaced; group may be ""
 * Returns: the descriptor; -ERR_INVAL address; -ERR_BUSY in use; -ERR_ACCES; -ERR_NOENT no such group; -ERR_IO */
int http_listen_tcp(const char *address, uint16_t *ret_port, struct err *e) WARN_UNUSED;
int http_listen_unix(const char *path, unsigned mode, const char *group, struct err *e) WARN_UNUSED;
#endif
