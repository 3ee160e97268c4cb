/* SPDX-License-Identifier: Apache-2.0
 * Requests of lug-keyd, bytes in and bytes out; and the loop that carries them over the connections. */
#ifndef KEYD_SERVER_H
#define KEYD_SERVER_H
#include "base/buf.h"
#include "keyd/vault.h"

struct keyd_server {
	struct vault *vault; /* BORROWS */
	int64_t (*now_s)(
		void); /* Unix seconds; given, so that tests and fuzzing have their own time */
};

/** keyd_server_handle - answer one request
 * In:      caps     what the connection may do
 *          p, len   the request as received, any bytes
 * Out:     reply    cleared, then the reply; empty when the request has no readable head (nothing is answered then)
 *          ret_client_caps  capabilities of the connection to be made (CLIENT granted), else 0 */
void keyd_server_handle(struct keyd_server *s, uint32_t caps, const void *p, size_t len,
			struct buf *reply, uint32_t *ret_client_caps);

/** keyd_server_start - send the START message: started, or the words of e
 * Returns: 0; the connection's error */
int keyd_server_start(int fd, const struct err *e) WARN_UNUSED;

/** keyd_server_run - serve until the last connection is closed
 * In:      fd       the first connection, with every capability; STEALS
 * Returns: 0; the error of poll */
int keyd_server_run(struct keyd_server *s, int fd) WARN_UNUSED;

/** keyd_sandbox - no core dumps, no new privileges, and a filter that kills the process at any unlisted system call
 * Returns: 0; -ERR_PERM with the step in e */
int keyd_sandbox(struct err *e) WARN_UNUSED;
#endif
