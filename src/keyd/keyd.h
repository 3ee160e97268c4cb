/* SPDX-License-Identifier: Apache-2.0
 * Client of lug-keyd, the process that holds the secret keys (docs/protocol/keyd.md). Secrets never come to this side: one
 * asks for signatures and unwrapped file keys.
 *
 * Caveat: requests wait for the answer (normally well under a millisecond, at most KEYD_TIMEOUT_S). */
#ifndef KEYD_KEYD_H
#define KEYD_KEYD_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a connection may ask for. */
enum keyd_cap {
	KEYD_PUBLIC = 1 << 0,
	KEYD_SIGN_NODE = 1 << 1,
	KEYD_SIGN_EVIDENCE = 1 << 2,
	KEYD_SIGN_LOG = 1 << 3,
	KEYD_UNWRAP = 1 << 4,
	KEYD_TLS_SIGN = 1 << 5,
	KEYD_ADMIN = 1 << 6,
	KEYD_ALL_CAPS = (1 << 7) - 1,
};

enum keyd_kind {
#define KIND(id, number, suffix, algorithm, life_days, cap, doc) KEYD_##id = number,
#include "keyd/kinds.def"
#undef KIND
};

enum keyd_state { KEYD_CURRENT = 1, KEYD_FUTURE, KEYD_PAST };

enum {
	KEYD_NODE_NAME_MAX = 48, /* the node's own name */
	KEYD_NAME_MAX = 64,	 /* with its suffix */
	KEYD_PUB_MAX = 91,	 /* Ed25519 and X25519: 32; P-256: SubjectPublicKeyInfo */
	KEYD_KEYS_MAX = 256,	 /* keys held at once */
	KEYD_TEXT_MAX = 8192,	 /* of a note */
	KEYD_SIG_MAX = 72,	 /* ECDSA in DER */
	KEYD_TIMEOUT_S = 20,
};

/* The public side of one key. */
struct keyd_key {
	uint64_t number; /* random, names it in ADMIN requests */
	enum keyd_kind kind;
	enum keyd_state state;
	int64_t created_s, not_before_s, not_after_s;
	char name[KEYD_NAME_MAX + 1];
	uint8_t pub[KEYD_PUB_MAX];
	size_t pub_len;
};

/* A note signature and who made it. */
struct keyd_signature {
	uint64_t number;
	uint32_t id;		      /* C2SP key id, as note_key_id() */
	char name[KEYD_NAME_MAX + 1]; /* of the key, for the signature line */
	uint8_t sig64[64];
};

struct keyd;

struct keyd_options {
	const char *program;	     /* path of lug-keyd */
	const char *folder;	     /* of the keys, made by init */
	const char *passphrase_file; /* NULL: the key file beside the keys */
	const char *init_node;	     /* not NULL: make a new folder for a node of that name */
	/* Called when the process was found dead, before it is started again; words for the log. On any thread that uses keyd,
	 * which must not be used from inside. */
	void (*died)(void *ctx, const char *how);
	void *ctx;
};

/** keyd_open - start lug-keyd and connect to it with every capability
 * In:      o        strings are copied
 * Returns: 0 and the connection, which owns the process: keyd_close() ends it
 *          -ERR_CRYPTO wrong passphrase or a changed key file; -ERR_NOENT no program, no folder, no passphrase file;
 *          -ERR_EXIST init of a folder that has keys; -ERR_FORMAT, -ERR_ACCES, -ERR_TIMEDOUT, -ERR_PIPE it ended at once */
int keyd_open(const struct keyd_options *o, struct keyd **ret_keyd, struct err *e) WARN_UNUSED;

/** keyd_client - a further connection with fewer capabilities, for another thread
 * In:      root     from keyd_open; must outlive the new one
 *          caps     enum keyd_cap, a subset
 * Returns: 0; -ERR_DENIED; -ERR_QUOTA too many connections; as a request */
int keyd_client(struct keyd *root, uint32_t caps, struct keyd **ret_keyd,
		struct err *e) WARN_UNUSED;

/** keyd_close - close; of the first connection: end the process and wait for it. Takes NULL; returns NULL */
struct keyd *keyd_close(struct keyd *k);
DEFINE_CLEANUP(struct keyd *, keyd_close);

/* Requests. If the process is found dead it is started again and the request repeated, once; `died` is told.
 * All return: 0; -ERR_DENIED the connection lacks the capability; -ERR_PIPE dead and could not be restarted (more than
 * KEYD_RESTARTS_MAX times in a minute, or the cause in e); -ERR_TIMEDOUT; and what is listed. Thread-safe. */
enum { KEYD_RESTARTS_MAX = 5 };

/** keyd_public - every key's public side
 * Out:     keys     at most max
 * Returns: number of keys, >= 0 */
int keyd_public(struct keyd *k, struct keyd_key *keys, size_t max, struct err *e) WARN_UNUSED;

/** keyd_find - of a list, the key that acts for a kind now; NULL if none is current */
const struct keyd_key *keyd_find(const struct keyd_key *keys, size_t n, enum keyd_kind kind);

/** keyd_sign_note - sign a note's text with the current key of a kind
 * In:      text     well-formed note text whose first line is a type of that kind (kinds.def)
 * Limits:  len <= KEYD_TEXT_MAX
 * Returns: -ERR_KEY_TYPE not a type of this key; -ERR_FORMAT no note text; -ERR_KEY_EXPIRED; -ERR_OVERSIZE */
int keyd_sign_note(struct keyd *k, enum keyd_kind kind, const char *text, size_t len,
		   struct keyd_signature *ret_sig, struct err *e) WARN_UNUSED;

/** keyd_unwrap - the file key of an X25519 stanza of an age file
 * Returns: -ERR_NO_MATCH to none of the epoch keys held */
int keyd_unwrap(struct keyd *k, const uint8_t share32[static 32],
		const uint8_t wrapped32[static 32], uint8_t ret_file_key16[static 16],
		struct err *e) WARN_UNUSED;

/** keyd_tls_sign - ECDSA over a SHA-256 digest
 * In:      number   of the TLS key: the one whose certificate is in use, also while a successor is there
 * Out:     ret_sig  DER, *ret_len bytes
 * Returns: -ERR_NOENT no TLS key of that number */
int keyd_tls_sign(struct keyd *k, uint64_t number, const uint8_t digest32[static 32],
		  uint8_t ret_sig[static KEYD_SIG_MAX], size_t *ret_len, struct err *e) WARN_UNUSED;

/** keyd_maintain - make the keys that are due, wipe those whose time is over
 * Out:     ret_made, ret_wiped  counts */
int keyd_maintain(struct keyd *k, unsigned *ret_made, unsigned *ret_wiped,
		  struct err *e) WARN_UNUSED;

/** keyd_rotate - a new key of a kind, in force at once (after a compromise, or by plan). Not repeated if the process died.
 *  Epoch keys follow the calendar and are refused: -ERR_INVAL */
int keyd_rotate(struct keyd *k, enum keyd_kind kind, struct keyd_key *ret_key,
		struct err *e) WARN_UNUSED;

/** keyd_wipe - destroy one secret for good
 * Returns: -ERR_NOENT no such key */
int keyd_wipe(struct keyd *k, uint64_t number, struct err *e) WARN_UNUSED;

/** keyd_restarts - how often the process had to be started again; keyd_pid - of the process, 0 when it is not running */
unsigned keyd_restarts(struct keyd *k);
int keyd_pid(struct keyd *k);

/** keyd_kind_name - "node", "evidence" ...; NULL if there is none of that number */
const char *keyd_kind_name(enum keyd_kind kind);
#endif
