/* SPDX-License-Identifier: Apache-2.0
 * HTTP client to peers: many POSTs at once over TLS 1.3, the peer's certificate pinned, ours shown. No thread of its own: the
 * caller's event loop watches one descriptor and one due time. */
#ifndef HTTP_PEERS_H
#define HTTP_PEERS_H
#include "http/identity.h"

enum { HTTP_PINS_MAX = 4, HTTP_URL_MAX = 256 };

struct http_peers;
struct http_peers_options {
	const struct http_identity *identity; /* BORROWS */
	int64_t connect_timeout_ms, transfer_timeout_ms;
	size_t reply_max; /* bytes */
	/* The outcome of a POST, from inside http_peers_run(). status 0: no answer, and why in words. The reply is borrowed. */
	void (*done)(void *ctx, uint64_t id, unsigned status, const void *p, size_t len,
		     const char *why);
	void *ctx;
};

/** http_peers_open - Returns: 0; -ERR_NOMEM; -ERR_IO */
int http_peers_open(const struct http_peers_options *o, struct http_peers **ret_peers,
		    struct err *e) WARN_UNUSED;
/** http_peers_close - abandon what is under way (done is not called); takes NULL; returns NULL */
struct http_peers *http_peers_close(struct http_peers *p);
DEFINE_CLEANUP(struct http_peers *, http_peers_close);

/** http_peers_limits - time-outs for the POSTs that begin from now on */
void http_peers_limits(struct http_peers *p, int64_t connect_timeout_ms,
		       int64_t transfer_timeout_ms);

/** http_peers_post - begin a POST
 * In:      url      "https://host:port/path"
 *          pins     SHA-256 of the SPKIs that the peer may show, 1 to HTTP_PINS_MAX
 *          type     media type
 *          body     copied
 *          id       the caller's, given back to done
 * Returns: 0; -ERR_INVAL url, no pin or too many; -ERR_NOMEM */
int http_peers_post(struct http_peers *p, const char *url, const uint8_t (*pins)[HTTP_PIN_LEN],
		    size_t pins_n, const char *type, const void *body, size_t len, uint64_t id,
		    struct err *e) WARN_UNUSED;

/** http_peers_fd - readable when http_peers_run() has something to do
 * http_peers_due_ms - when it must be called at the latest, on time_mono_ms(); INT64_MAX when nothing is under way
 * http_peers_run - do what can be done without waiting; calls done
 * http_peers_busy - POSTs under way */
int http_peers_fd(const struct http_peers *p);
int64_t http_peers_due_ms(const struct http_peers *p);
void http_peers_run(struct http_peers *p);
size_t http_peers_busy(const struct http_peers *p);
#endif
