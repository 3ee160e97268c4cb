/* SPDX-License-Identifier: Apache-2.0
 * Audit: who saw and did what, and why, in a log that proves itself (C2SP tlog-tiles, docs/format/audit.md).
 *
 * audit_record() writes the event (erasable) and its entry (permanent, a salted commitment) into the caller's own business
 * transaction: both commit, or neither. One appender, struct audit_log, later hashes the entries into the tree, writes
 * tiles into a folder and signs checkpoints. Nobody waits for it.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "wire/note.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_schema;

enum audit_type {
#define AUDIT(id, name, kind, level, doc) AUDIT_##id,
#include "audit/audit.def"
#undef AUDIT
};

enum {
	AUDIT_ENTRY_MAX = 1024,	    /* bytes of one entry */
	AUDIT_FIELD_MAX = 512,	    /* bytes of who, what, purpose, basis and target, each */
	AUDIT_EVENT_MAX = 64 << 10, /* bytes of one event with its detail */
	AUDIT_BATCH_MAX = 256,	    /* entries of one integration */
	AUDIT_DELAY_MS = 1000, /* an entry waits at most this long while the appender is called */
	AUDIT_PROOF_MAX = 32 << 10, /* bytes of a proof */
	AUDIT_SALT_LEN = 32,
};

/* ---- events, inside the caller's transaction ---- */

/* Text fields are UTF-8 without control characters; NULL counts as "". */
struct audit_event {
	enum audit_type type;
	const char *who;      /* officer, node or "system"; never empty */
	const char *what;     /* the act: "request.approve"; never empty */
	const char *purpose;  /* purpose code */
	const char *basis;    /* legal basis code */
	const char *target;   /* what it was done to: "request <id>", "parcel <id>" */
	const json_t *detail; /* a JSON object or NULL; BORROWS */
};

/** audit_schema - the tables of this module, for store_migrate */
const struct store_schema *audit_schema(void);

/** audit_record - event row and entry row in the open write transaction of s
 * In:      now_s    wall clock, Unix seconds
 *          salt32   32 fresh random bytes; hides the event behind its commitment
 * Out:     ret_seq  the entry's number, from 0 without gaps; may be NULL
 * Returns: 0; -ERR_INVAL no write transaction open, who or what empty, a field not clean text, detail not an object, now_s negative,
 *          salt all zero; -ERR_OVERSIZE a field or the event above its limit; as store_exec */
int audit_record(struct store *s, const struct audit_event *ev, int64_t now_s,
		 const uint8_t salt32[static AUDIT_SALT_LEN], uint64_t *ret_seq,
		 struct err *e) WARN_UNUSED;

/** audit_erase - delete the event and salt behind an entry, in the open write transaction; the entry and the tree stay
 * Notes:   the caller records its own AUDIT_ERASE event in the same transaction
 * Returns: 0; -ERR_NOENT no such entry, or erased before; -ERR_INVAL no write transaction open; as store_exec */
int audit_erase(struct store *s, uint64_t seq, struct err *e) WARN_UNUSED;

/** audit_type_name - "login"; audit_type_doc - the table's sentence; audit_type_parse - the reverse, -ERR_NOENT if unknown */
const char *audit_type_name(enum audit_type t);
const char *audit_type_doc(enum audit_type t);
int audit_type_parse(const char *name, size_t len, enum audit_type *ret_type) WARN_UNUSED;

/* ---- the appender: entries to tiles and checkpoints ---- */

/* The audit log's key. What it signs is the text of a C2SP checkpoint: line 1 is the origin, "<node>/audit", which is also the
 * name of the key. */
struct audit_key {
	struct note_verifier verifier;
	struct note_signer signer;
};

struct audit_log;

/** audit_log_open - take over a folder of tiles, making it if there is none, and bring it to where the store is
 * In:      s        BORROWS, also by later calls; not inside a transaction
 *          dir      one appender at a time; readable by anyone who may see the log
 *          k        BORROWS, also by later calls
 * Notes:   what a crash left is repaired: missing tiles are made again from the store's entries, a checkpoint that was signed
 *          but not published is published. Nothing smaller or inconsistent is ever signed
 * Returns: 0; -ERR_BUSY another appender has it; -ERR_CORRUPT a tile or the checkpoint is damaged (which, in e); -ERR_SIGNATURE
 *          the checkpoint is not by this key; -ERR_CONFLICT folder and store contradict each other; -ERR_STALE the store is older
 *          than the folder (restored from a backup): see audit_adopt; -ERR_INVAL inside a transaction, or a bad origin; as
 *          file_write, store_exec, sign */
int audit_log_open(struct store *s, const char *dir, const struct audit_key *k,
		   struct audit_log **ret_log, struct err *e) WARN_UNUSED;

/** audit_log_close - give the folder up; takes NULL; returns NULL */
struct audit_log *audit_log_close(struct audit_log *log);
DEFINE_CLEANUP(struct audit_log *, audit_log_close);

/** audit_log_tick - integrate if AUDIT_BATCH_MAX entries wait, or any has for AUDIT_DELAY_MS; call it at least every second
 * In:      mono_ms  a clock that never jumps
 * Returns: entries integrated, >= 0; as audit_log_flush */
int64_t audit_log_tick(struct audit_log *log, int64_t mono_ms, struct err *e) WARN_UNUSED;

/** audit_log_flush - integrate everything that waits, now
 * Returns: entries integrated, >= 0; -ERR_INVAL inside a transaction; -ERR_CONFLICT an entry is not what its place asks for; as
 *          file_write, store_exec, sign. After a failure the next call goes on from the last good checkpoint */
int64_t audit_log_flush(struct audit_log *log, struct err *e) WARN_UNUSED;

/** audit_log_size - entries under the last signed checkpoint */
uint64_t audit_log_size(const struct audit_log *log);

/** audit_adopt - after a restore: copy the entries that the folder has and the store lacks into the store (their events are
 *               lost with the rows), so that audit_log_open accepts both again
 * Returns: entries copied, >= 0; -ERR_CONFLICT they differ where both have them; -ERR_SIGNATURE; -ERR_CORRUPT; as store_exec */
int64_t audit_adopt(struct store *s, const char *dir, const struct note_verifier *key,
		    struct err *e) WARN_UNUSED;

/* ---- entries and checkpoints as text ---- */

struct audit_entry {
	uint64_t seq;
	int64_t time_s;
	enum audit_type type;
	uint8_t commit32[32];
};

/** audit_entry_parse - the one text of an entry
 * Returns: 0; -ERR_OVERSIZE; -ERR_VERSION, -ERR_KEY_TYPE another type line; -ERR_UNSUPPORTED a type of event not in the table;
 *          -ERR_FIELD_MISSING, -ERR_FIELD_UNKNOWN, -ERR_FORMAT, -ERR_RANGE
 * audit_entry_write - append it to b; parse(write(x)) == x and write(parse(t)) == t */
int audit_entry_parse(const void *p, size_t len, struct audit_entry *ret_entry,
		      struct err *e) WARN_UNUSED;
int audit_entry_write(const struct audit_entry *entry, struct buf *b) WARN_UNUSED;

/** audit_commit - SHA-256(salt32 || event bytes), the bytes as they are in the store and in an export */
void audit_commit(const uint8_t salt32[static AUDIT_SALT_LEN], const void *event, size_t len,
		  uint8_t ret_commit32[static 32]);

struct audit_checkpoint {
	char origin[NOTE_KEY_NAME_MAX + 1];
	uint64_t size;
	uint8_t root32[32];
};

/** audit_checkpoint_parse - a signed note whose text is a checkpoint; the signature is not looked at
 * Returns: 0; -ERR_OVERSIZE; -ERR_FORMAT
 * audit_checkpoint_check - and signed by one key
 * Returns: as parse; -ERR_KEY_UNKNOWN no signature of this key; -ERR_SIGNATURE; -ERR_CONFLICT the origin is not the key's name */
int audit_checkpoint_parse(const void *p, size_t len, struct audit_checkpoint *ret_head,
			   struct err *e) WARN_UNUSED;
int audit_checkpoint_check(const void *p, size_t len, const struct note_verifier *key,
			   struct audit_checkpoint *ret_head, struct err *e) WARN_UNUSED;

/* ---- reading a folder: offline, no store, no key, nothing is written ---- */

struct audit_report {
	struct audit_checkpoint head;
	uint64_t entries, tiles; /* re-hashed */
	bool signature_checked;
	int64_t first_s, last_s; /* times of the first and last entry; 0 when there is none */
};
typedef void audit_progress(void *ctx, uint64_t done, uint64_t all);

/** audit_verify - hash every entry again and compare with every tile and with the checkpoint
 * In:      key      NULL to skip the signature (the report says so)
 *          progress may be NULL
 * Returns: 0; -ERR_NOENT no checkpoint; -ERR_CORRUPT a byte differs (file and place in e); -ERR_TRUNCATED a tile or entries are
 *          missing; -ERR_SIGNATURE, -ERR_KEY_UNKNOWN, -ERR_CONFLICT; -ERR_FORMAT; -ERR_IO */
int audit_verify(const char *dir, const struct note_verifier *key, audit_progress *progress,
		 void *ctx, struct audit_report *ret_report, struct err *e) WARN_UNUSED;

/** audit_read - the bytes of one entry, appended to b
 * Returns: 0; -ERR_RANGE not in the checkpoint's tree; as audit_verify */
int audit_read(const char *dir, uint64_t seq, struct buf *b, struct err *e) WARN_UNUSED;

/** audit_prove - a C2SP tlog-proof for one entry, with the entry itself as its extra data; appended to b
 * Returns: as audit_read; the proof was checked before it is returned */
int audit_prove(const char *dir, uint64_t seq, struct buf *b, struct err *e) WARN_UNUSED;

/** audit_prove_growth - that the tree of size1 is the beginning of the tree of size2 (RFC 6962 consistency)
 * In:      size2    at most the checkpoint's size
 * Out:     proof    [*ret_n][32], room for MERKLE_PROOF_MAX
 * Returns: 0; -ERR_RANGE not 1 <= size1 <= size2 <= size; as audit_read */
int audit_prove_growth(const char *dir, uint64_t size1, uint64_t size2, uint8_t (*proof)[32],
		       size_t *ret_n, struct err *e) WARN_UNUSED;

struct audit_proof {
	struct audit_entry entry;
	struct audit_checkpoint head;
};
/** audit_proof_verify - a proof as audit_prove writes it
 * In:      key      the log's key; never NULL: a proof without it shows nothing
 * Returns: 0; -ERR_FORMAT; -ERR_OVERSIZE; -ERR_CORRUPT the hashes do not lead to the root; -ERR_CONFLICT entry and index differ; as
 *          audit_checkpoint_check, audit_entry_parse */
int audit_proof_verify(const void *p, size_t len, const struct note_verifier *key,
		       struct audit_proof *ret_proof, struct err *e) WARN_UNUSED;

/** audit_proof_cosigned - has a witness countersigned the checkpoint of a proof? (docs/protocol/witness.md 2)
 * In:      witness  its audit-log key
 * Returns: 0 and the time that it says; -ERR_KEY_UNKNOWN it has not; -ERR_SIGNATURE; -ERR_FORMAT; -ERR_OVERSIZE
 * Notes:   looks at nothing else of the proof: see audit_proof_verify */
int audit_proof_cosigned(const void *p, size_t len, const struct note_verifier *witness,
			 int64_t *ret_time_s, struct err *e) WARN_UNUSED;

/* ---- the store beside the folder ---- */

/** audit_scrub - compare each entry row with the tiles, and each event that is left with its commitment
 * Returns: 0; -ERR_CORRUPT an entry or event differs; -ERR_TRUNCATED a row is missing; as audit_verify, store_exec */
int audit_scrub(struct store *s, const char *dir, audit_progress *progress, void *ctx,
		struct audit_report *ret_report, struct err *e) WARN_UNUSED;

/* Which entries: numbers and times, all of them inclusive. */
struct audit_range {
	uint64_t from_seq, to_seq;
	int64_t from_s, to_s;
};
static const struct audit_range audit_range_all = {0, INT64_MAX, 0, INT64_MAX};

/** audit_export - entries as JSON objects, one a line: seq, time, type, commit and, from s if not NULL and not erased, event and
 *                salt, which together open the commitment
 * In:      line     takes each line with its LF; a negative answer ends the export
 * Out:     ret_n    lines; may be NULL
 * Returns: 0; -ERR_CORRUPT an entry is not the one that its tile names, an event does not match its commitment; what line gave; as
 *          audit_verify, store_exec. The tree and the signature are not looked at: see audit_verify */
int audit_export(struct store *s, const char *dir, const struct audit_range *range,
		 int (*line)(void *ctx, const char *text, size_t len, struct err *e), void *ctx,
		 uint64_t *ret_n, struct err *e) WARN_UNUSED;
#endif
