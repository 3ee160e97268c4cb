/* SPDX-License-Identifier: Apache-2.0
 * What client and process share: message numbers, limits, the table of kinds. */
#ifndef KEYD_KEYD_INT_H
#define KEYD_KEYD_INT_H
#include "base/buf.h"
#include "base/cursor.h"
#include "keyd/keyd.h"

enum {
	MSG_VERSION = 1,
	MSG_MAX = 12288,      /* bytes of a request or a reply */
	MSG_REQUEST_HEAD = 6, /* version, type, id */
	MSG_REPLY_HEAD = 10,  /* and the status */
	MSG_RECORDS_MAX = 32, /* key records of one reply */
	CLIENTS_MAX = 16,
	CHANNEL_FD = 3, /* of the first connection, in the process */
	DAY_S = 86400,
};
_Static_assert(KEYD_TEXT_MAX + 64 < MSG_MAX, "a sign request must fit");
_Static_assert(MSG_REPLY_HEAD + 4 +
			       MSG_RECORDS_MAX *
				       (8 + 2 + 24 + 1 + KEYD_NAME_MAX + 1 + KEYD_PUB_MAX) <
		       MSG_MAX,
	       "a page of key records must fit");

enum msg_type {
	MSG_START = 0, /* from the process, unasked: started, or why not */
	MSG_HELLO = 1,
	MSG_CLIENT = 2,
	MSG_PUBLIC = 3,
	MSG_SIGN_NOTE = 4,
	MSG_UNWRAP = 5,
	MSG_TLS_SIGN = 6,
	MSG_MAINTAIN = 7,
	MSG_ROTATE = 8,
	MSG_WIPE = 9,
};

enum key_algorithm { ALG_ED25519, ALG_P256, ALG_X25519 };

struct kind_row {
	enum keyd_kind kind;
	const char *name, *suffix;
	enum key_algorithm algorithm;
	int64_t life_s;
	uint32_t cap;
};

/** kind_row - the row of a kind; NULL when there is none of that number */
const struct kind_row *kind_row(unsigned kind);
/** kind_rows - all of them */
const struct kind_row *kind_rows(size_t *ret_n);
/** kind_signs - whether a key of that kind and name may sign a valid text: by its first line */
bool kind_signs(enum keyd_kind kind, const char *name, const void *text, size_t len);

/** record_put, record_get - a key record; record_get sets the cursor's error on anything that is not one */
void record_put(struct buf *b, const struct keyd_key *key);
void record_get(struct cur *c, struct keyd_key *ret_key);
#endif
