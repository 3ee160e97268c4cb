/* SPDX-License-Identifier: Apache-2.0
 * The browsers' side of the server: what is read of a request's head, the headers of answers, and event streams. */
#ifndef HTTP_WEB_INT_H
#define HTTP_WEB_INT_H
#include "http/api.h"
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>

/** web_read - what a browser says beside line and body
 * In:      target   path and query as sent
 * Returns: 0; -ERR_NOMEM */
int web_read(struct MHD_Connection *c, const char *target, struct arena *a, struct api_web *ret,
	     struct err *e) WARN_UNUSED;
/** web_headers - the security headers of every answer to a browser, and what the handler wants; false when out of memory */
bool web_headers(struct MHD_Response *r, const struct api_web *w);

/* Event streams: open answers that wait, suspended, for something to tell. Locked: HTTP and logic thread. */
struct streams {
	pthread_mutex_t lock;
	struct stream *first;
	size_t n;
	bool closing;
};
enum { STREAMS_MAX = 512, STREAM_PENDING_MAX = 4096 };
void streams_init(struct streams *s);
void streams_done(struct streams *s);
/** streams_open - the answer that begins a stream; NULL when there are STREAMS_MAX or memory is short
 * streams_tell - text for every stream; one that does not keep up misses it
 * streams_end - end all of them */
struct MHD_Response *streams_open(struct streams *s, struct MHD_Connection *c);
void streams_tell(struct streams *s, const char *text);
void streams_end(struct streams *s);
#endif
