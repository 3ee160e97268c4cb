/* SPDX-License-Identifier: Apache-2.0
 * Parcels (docs/protocol/parcel.md): a signed note outside, an age file, and in it a signed manifest and the parts.
 *
 *   parcel = u32be note_len | outer note | age file
 *   text of the age file = u32be manifest_len | manifest note | parts in order | zero bytes up to a bucket
 *
 * Decoders return validated structs only: there is no way to get at fields that break a rule. Signatures are checked by the
 * caller (outer) or by its callback (manifest), who knows which keys may sign. */
#ifndef WIRE_PARCEL_H
#define WIRE_PARCEL_H
#include "base/cursor.h"
#include "wire/age.h"
#include "wire/note.h"

#define PARCEL_TYPE NOTE_TYPE_PREFIX "parcel/v1"
#define PARCEL_MANIFEST_TYPE NOTE_TYPE_PREFIX "manifest/v1"
#define PARCEL_MEDIA_TYPE "application/vnd.lugdunum.parcel"
#define PARCEL_SUITE "age-x25519"

enum {
	PARCEL_NAME_MAX = 64,
	PARCEL_NOTE_MAX = 8192,	   /* bytes of the outer note with its signatures */
	PARCEL_FILE_MAX = 8 << 20, /* bytes of the age file */
	PARCEL_TEXT_MAX = 7 << 20, /* bytes inside of it: manifest, parts, padding */
	PARCEL_MANIFEST_MAX = NOTE_TEXT_MAX + 1 +
			      2 * NOTE_SIG_LINE_MAX, /* bytes of the manifest with its signatures */
	PARCEL_TO_MAX = 16,
	PARCEL_PARTS_MAX = 16,
	PARCEL_PART_MAX = 4 << 20, /* bytes of one part; at least 1 */
	PARCEL_CODE_MAX =
		64, /* characters of officer, case, purpose, basis, handling, marking, grade */
	PARCEL_MEDIA_MAX = 96, /* characters of a part's media type */
	PARCEL_BUCKET_MIN = 4096,
};

enum parcel_class { PARCEL_FLASH, PARCEL_URGENT, PARCEL_NORMAL, PARCEL_BULK };
/** parcel_class_name - "flash", "urgent", "normal", "bulk" */
const char *parcel_class_name(enum parcel_class c);

/* ---- outside ---- */

struct parcel_outer {
	char from[PARCEL_NAME_MAX + 1], to[PARCEL_NAME_MAX + 1]; /* nodes; they differ */
	uint64_t epoch, seq;					 /* both from 1 */
	uint8_t prev32
		[32]; /* SHA-256 of the text of the outer note before in this stream; zeros exactly when seq is 1 */
	uint8_t id16[16];	   /* of the message, one for all recipients */
	int64_t time_s, expires_s; /* sender's clock; expires is later */
	enum parcel_class class;
	uint64_t size;	    /* bytes of the age file */
	uint8_t sha256[32]; /* of the age file */
};

/** parcel_outer_encode - append the text of an outer note, unsigned
 * Returns: 0; -ERR_INVAL a field that the decoder would refuse; as buf_err()
 * parcel_outer_decode - read the text of one
 * In:      text     as note_parse found it; the signature is the caller's to check
 * Returns: 0; -ERR_FORMAT, -ERR_RANGE, -ERR_OVERSIZE a value; -ERR_FIELD_MISSING; -ERR_FIELD_UNKNOWN; -ERR_VERSION;
 *          -ERR_KEY_TYPE another type of note; -ERR_UNSUPPORTED another suite; -ERR_INVAL fields that contradict each other
 * Source:  docs/protocol/parcel.md 2   Vectors: tests/vectors/parcel.json */
int parcel_outer_encode(const struct parcel_outer *o, struct buf *out) WARN_UNUSED;
int parcel_outer_decode(const char *text, size_t len, struct parcel_outer *ret,
			struct err *e) WARN_UNUSED;

/** parcel_file_check - are these the bytes that the outer note speaks of
 * Returns: 0; -ERR_CRYPTO another size or hash */
int parcel_file_check(const struct parcel_outer *o, const void *file, size_t len,
		      struct err *e) WARN_UNUSED;

/* ---- framing ---- */

/** parcel_put - append one parcel to a body
 * In:      note     the signed outer note; file: the age file
 * Returns: 0; -ERR_OVERSIZE; as buf_err() */
int parcel_put(struct buf *out, const void *note, size_t note_len, const void *file,
	       size_t file_len) WARN_UNUSED;

struct parcel {
	struct note note; /* outer note, parsed, not verified */
	struct parcel_outer outer;
	const uint8_t *file; /* outer.size bytes; hash not checked */
};
/** parcel_next - the next parcel of a body that holds one or many
 * In:      body     borrowed; the parcel points into it
 * Returns: 1 a parcel; 0 the body has ended; -ERR_OVERSIZE; -ERR_TRUNCATED; as note_parse, parcel_outer_decode. After an error the
 *          rest of the body cannot be read. */
int parcel_next(struct cur *body, struct parcel *ret, struct err *e) WARN_UNUSED;

/* ---- inside ---- */

struct parcel_part {
	char media_type[PARCEL_MEDIA_MAX + 1];
	uint64_t size;
	uint8_t sha256[32];
};
struct parcel_manifest {
	char from[PARCEL_NAME_MAX + 1];
	char to[PARCEL_TO_MAX][PARCEL_NAME_MAX + 1]; /* ascending, without from */
	size_t to_n;
	/* One word each, "-" where there is none. Whether a code is known is for parcel_handling_known() and the exchange. */
	char officer[PARCEL_CODE_MAX + 1], case_ref[PARCEL_CODE_MAX + 1],
		purpose[PARCEL_CODE_MAX + 1];
	char basis[PARCEL_CODE_MAX + 1], handling[PARCEL_CODE_MAX + 1],
		marking[PARCEL_CODE_MAX + 1], grade[PARCEL_CODE_MAX + 1];
	struct parcel_part parts[PARCEL_PARTS_MAX];
	size_t parts_n;
	uint64_t pad; /* zero bytes behind the parts */
};

/** parcel_manifest_encode - append the text of a manifest, unsigned; parcel_manifest_decode - read one
 * Returns: as parcel_outer_encode and parcel_outer_decode */
int parcel_manifest_encode(const struct parcel_manifest *m, struct buf *out) WARN_UNUSED;
int parcel_manifest_decode(const char *text, size_t len, struct parcel_manifest *ret,
			   struct err *e) WARN_UNUSED;

/** parcel_handling_known - are handling (H0 to H3), marking (TLP 2.0) and grade (A B C X, 1 to 4) all known codes;
 *                         if not, the message goes to quarantine
 * parcel_to_has - is this node among the recipients */
bool parcel_handling_known(const struct parcel_manifest *m);
bool parcel_to_has(const struct parcel_manifest *m, const char *node);

/** parcel_bucket - the size that len bytes of text are padded to: at least PARCEL_BUCKET_MIN, then four sizes a doubling */
uint64_t parcel_bucket(uint64_t len);

struct parcel_content {
	const char *media_type;
	const void *p;
	size_t len;
};

/** parcel_seal - write manifest and parts into an age file
 * In:      m        from, to in any order and the codes are set; to is sorted, parts and pad are filled in
 *          parts    parts_n of 1 to PARCEL_PART_MAX bytes
 *          recipients  [recipients_n][32] encryption keys
 *          signer   appends the evidence key's line, maybe an officer's second; called again if its length is a surprise
 *          random   as for age_seal_new
 * Out:     file     appended: the age file
 * Returns: 0; -ERR_INVAL a field; -ERR_RANGE counts; -ERR_OVERSIZE; -ERR_CRYPTO a recipient; -ERR_NOMEM; what signer returned
 * Cost:    the parts are hashed and sealed once
 * Source:  docs/protocol/parcel.md 3   Vectors: tests/vectors/parcel.json */
int parcel_seal(struct parcel_manifest *m, const struct parcel_content *parts, size_t parts_n,
		const uint8_t (*recipients)[AGE_KEY_LEN], size_t recipients_n,
		const struct note_signer *signer, age_random_fn *random, void *random_ctx,
		struct buf *file, struct err *e) WARN_UNUSED;

/* Must find that the manifest is signed by an evidence key of m->from that was valid, or return why not. */
typedef int parcel_verify_fn(void *ctx, const struct note *note, const struct parcel_manifest *m,
			     struct err *e);

/* An opened parcel. Owner: the caller of parcel_open. */
struct parcel_inside {
	struct buf text;  /* what the age file held */
	struct note note; /* manifest note, verified; points into text */
	struct parcel_manifest manifest;
	struct parcel_content
		parts[PARCEL_PARTS_MAX]; /* manifest.parts_n; point into text and manifest */
};

/** parcel_open - open an age file and check everything inside
 * In:      file     len bytes, checked against the outer note before
 *          outer    the manifest must be from the same node and name outer->to among its recipients
 * Out:     ret      parcel_inside_free() it
 * Returns: 0; as age_open_update and age_open_end (-ERR_NO_MATCH, -ERR_CRYPTO ...); what verify returned; as note_parse and
 *          parcel_manifest_decode; -ERR_DENIED inner from or to do not fit the outer; -ERR_CRYPTO a part's hash;
 *          -ERR_TRUNCATED, -ERR_TRAILING sizes; -ERR_FORMAT padding; -ERR_NOMEM */
int parcel_open(const void *file, size_t len, const struct parcel_outer *outer,
		age_unwrap_fn *unwrap, void *unwrap_ctx, parcel_verify_fn *verify, void *verify_ctx,
		struct parcel_inside **ret, struct err *e) WARN_UNUSED;
/** parcel_inside_free - wipe and release; takes NULL; returns NULL */
struct parcel_inside *parcel_inside_free(struct parcel_inside *in);
DEFINE_CLEANUP(struct parcel_inside *, parcel_inside_free);
#endif
