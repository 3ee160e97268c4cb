/* SPDX-License-Identifier: Apache-2.0
 * The client's inside: requests (client.c) and the life of the process (spawn.c). */
#ifndef KEYD_CLIENT_INT_H
#define KEYD_CLIENT_INT_H
#include "crypto/crypto.h"
#include "keyd/keyd-int.h"
#include <pthread.h>

/* The process, seen from its parent. Belongs to the first connection. */
struct process {
	char *program, *folder, *passphrase_file;
	void (*died)(void *ctx, const char *how);
	void *ctx;
	int pid; /* 0: not running */
	unsigned restarts;
	int64_t recent_ms[KEYD_RESTARTS_MAX]; /* when it was last started again, a ring */
};

/* One connection. Locks are taken derived first, then root. */
struct keyd {
	pthread_mutex_t lock;
	int fd; /* -1: broken */
	uint32_t next_id, caps;
	unsigned
		generation; /* of the process that fd leads to: the root's restarts when it was made */
	struct keyd *root; /* NULL: this is it */
	struct process process;
};

/** keyd_revive - after fd was found broken: make it whole, starting the process again if no other thread has yet
 * Notes:   the caller holds k->lock */
int keyd_revive(struct keyd *k, struct err *e) WARN_UNUSED;
/** keyd_connect - ask the root (whose lock the caller holds) for a further connection */
int keyd_connect(struct keyd *root, uint32_t caps, int *ret_fd, struct err *e) WARN_UNUSED;
/** keyd_await_start - wait for START */
int keyd_await_start(int fd, struct err *e) WARN_UNUSED;
/** keyd_fd_timeouts - no request waits longer than KEYD_TIMEOUT_S */
void keyd_fd_timeouts(int fd);
#endif
