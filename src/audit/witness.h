/* SPDX-License-Identifier: Apache-2.0
 * Witnesses: countersigning the checkpoints of other nodes' logs, and having ours countersigned (docs/protocol/witness.md). */
#ifndef AUDIT_WITNESS_H
#define AUDIT_WITNESS_H
#include "audit/audit.h"

enum {
	WITNESS_BODY_MAX = 24 << 10, /* bytes of one question */
	WITNESS_PROOF_MAX = 63,	     /* hashes in it */
};

/* ---- the countersignature (C2SP tlog-cosignature) ---- */

/** cosignature_make - the signature line for a checkpoint, appended to line
 * In:      own      signs the text with its key; BORROWS
 *          text     of the checkpoint, through its last LF
 * Returns: 0; -ERR_CONFLICT the signer has signed another text or with another key; as sign, buf_err */
int cosignature_make(const struct audit_key *own, const void *text, size_t text_len, int64_t now_s,
		     struct buf *line, struct err *e) WARN_UNUSED;

/** cosignature_check - the countersignature of one witness on a checkpoint
 * Out:     ret_time_s  when it says it was made
 * Returns: 0; -ERR_KEY_UNKNOWN it is not there; -ERR_SIGNATURE it does not hold; as note_parse */
int cosignature_check(const void *checkpoint, size_t len, const struct note_verifier *witness,
		      int64_t *ret_time_s, struct err *e) WARN_UNUSED;

/* ---- being a witness ---- */

/* The key of a log by a signature line's name and id, if it is in force: 0; -ERR_MEMBER_UNKNOWN no such log; -ERR_KEY_UNKNOWN ... */
typedef int witness_key_fn(void *ctx, const char *name, size_t name_len, uint32_t key_id,
			   struct note_verifier *ret, struct err *e);

/** witness_add - answer a question (docs/protocol/witness.md 1), in a transaction of its own
 * Out:     reply    an initialised buffer: the signature line
 *          ret_size with -ERR_STALE and -ERR_CONFLICT: the size that this witness has
 * Returns: 0; -ERR_FORMAT, -ERR_OVERSIZE (400); -ERR_MEMBER_UNKNOWN (404); -ERR_SIGNATURE, -ERR_KEY_UNKNOWN, -ERR_KEY_EXPIRED,
 *          -ERR_KEY_REVOKED, -ERR_KEY_TYPE (403); -ERR_STALE (409); -ERR_CONFLICT the same size with another root (409), -ERR_CRYPTO
 *          the proof does not hold (422): with both of these the two checkpoints are kept; as store_exec, sign */
int witness_add(struct store *s, const struct audit_key *own, witness_key_fn *key, void *ctx,
		const void *body, size_t len, int64_t now_s, struct buf *reply, uint64_t *ret_size,
		struct err *e) WARN_UNUSED;

/** witness_held - the checkpoint of a log that was countersigned last, as the log signed it
 * Out:     note     an initialised buffer, appended to
 * Returns: 0; -ERR_NOENT none was; as store_exec, buf_err */
int witness_held(struct store *s, const char *origin, struct buf *note, struct err *e) WARN_UNUSED;

/* ---- having one's own log countersigned ---- */

/** witness_ask - the question to one witness about the folder's present checkpoint
 * Out:     body     an initialised buffer of WITNESS_BODY_MAX
 *          ret_note where the checkpoint begins in it
 * Returns: 0; -ERR_NOENT nothing is signed yet; -ERR_STALE this witness has seen a larger log; as audit_prove_growth, store_exec */
int witness_ask(struct store *s, const char *dir, const char *witness, int64_t now_s,
		struct buf *body, size_t *ret_note, struct err *e) WARN_UNUSED;

/** witness_signed - take a 200: check the line and keep it; then the file checkpoint.cosigned is made anew
 * In:      note     the checkpoint that was asked about
 *          key      the witness's log key by name and id
 *          now_s    when it came, by this node's clock: the witness's own would let it speak for the future
 * Returns: 0; -ERR_FORMAT; -ERR_SIGNATURE; as key, file_write, store_exec */
int witness_signed(struct store *s, const char *dir, const char *witness, const void *note,
		   size_t note_len, const void *reply, size_t reply_len, witness_key_fn *key,
		   void *ctx, int64_t now_s, struct err *e) WARN_UNUSED;

/** witness_other_size - take a 409: the witness says that it has this size of ours
 * Returns: 0 ask again; -ERR_STALE it is above what the folder has; -ERR_CONFLICT it is what we said: another root; -ERR_FORMAT
 * Notes:   anybody can say so: what follows from -ERR_STALE and -ERR_CONFLICT (and from a 422), witness_shown tells */
int witness_other_size(struct store *s, const char *dir, const char *witness, const void *reply,
		       size_t reply_len, struct err *e) WARN_UNUSED;

/** witness_shown - take what a witness shows for it: the checkpoint of our log that it countersigned last
 * In:      key      our own log's keys by name and id
 * Returns: 0 our tree begins with it: nothing is wrong here, and it is asked from there on; -ERR_STALE it is larger than the
 *          folder; -ERR_CONFLICT our tree had another root then; -ERR_FORMAT; as checkpoint_read, key: it proves nothing */
int witness_shown(struct store *s, const char *dir, const char *witness, const void *note,
		  size_t note_len, witness_key_fn *key, void *ctx, struct err *e) WARN_UNUSED;

struct witness_state {
	unsigned recent_n;  /* witnesses that countersigned at or after recent_s */
	bool ever;	    /* any did at any time */
	int64_t complete_s; /* when the needed number had countersigned last; before that: when they were asked first; 0: never */
};
/** witness_state - how our log stands */
int witness_state(struct store *s, unsigned needed_n, int64_t recent_s, struct witness_state *ret,
		  struct err *e) WARN_UNUSED;
#endif
