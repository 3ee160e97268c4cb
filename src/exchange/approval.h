/* SPDX-License-Identifier: Apache-2.0
 * Four eyes: one proposal, bound to the hash of its content, that another person may use once within 10 minutes. */
#ifndef EXCHANGE_APPROVAL_H
#define EXCHANGE_APPROVAL_H
#include "base/err.h"
#include "exchange/request-fields.h"
#include <stddef.h>
#include <stdint.h>

struct store;

enum { APPROVAL_HASH_LEN = 32, APPROVAL_NAME_MAX = 64 };

struct approval {
	uint8_t hash32[APPROVAL_HASH_LEN];
	char proposer[APPROVAL_NAME_MAX + 1]; /* who put it forward */
	char author[APPROVAL_NAME_MAX + 1];   /* who wrote it; may be the same */
	int64_t expires_s;		      /* steady time */
};

/** approval_open - put a content forward, in the caller's transaction; an earlier proposal of the request is void
 * Returns: 0; as store_exec */
int approval_open(struct store *s, const char *request, const struct approval *a,
		  struct err *e) WARN_UNUSED;

/** approval_use - a second person agrees, in the caller's transaction
 * In:      hash32   of the content as that person saw it
 *          now_s    steady time
 * Returns: 0, and it is used up; -ERR_NOENT nothing is open; -ERR_FOUR_EYES the person is its proposer or author; -ERR_EXPIRED;
 *          -ERR_STALE another content; as store_exec */
int approval_use(struct store *s, const char *request, const char *officer,
		 const uint8_t hash32[static APPROVAL_HASH_LEN], int64_t now_s,
		 struct err *e) WARN_UNUSED;

/** approval_void - withdraw what is open, if anything
 * approval_get - what is open. Returns: 1; 0 nothing; as store_exec */
int approval_void(struct store *s, const char *request, struct err *e) WARN_UNUSED;
int approval_get(struct store *s, const char *request, struct approval *ret,
		 struct err *e) WARN_UNUSED;
#endif
