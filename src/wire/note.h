/* SPDX-License-Identifier: Apache-2.0
 * Signed notes: C2SP signed-note with Ed25519, as docs/protocol/note.md narrows it. One parser, no allocation.
 *
 * A note's text must not be used before note_verify() has succeeded, but to find out which key to verify it with. Typed decoders
 * (parcel.h, receipt.h, the directory) are built on struct note_reader, which is strict: fields in fixed order, one text for
 * each value, nothing left over. */
#ifndef WIRE_NOTE_H
#define WIRE_NOTE_H
#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTE_TIME_MAX INT64_C(253402300799999) /* end of year 9999, even in milliseconds */
enum {
	NOTE_TEXT_MAX = 8192, /* bytes of text, with its last LF */
	NOTE_SIGS_MAX = 16,
	NOTE_SIG_DATA_MAX =
		256, /* decoded bytes of one signature with its key id: room for other algorithms, which are skipped */
	NOTE_KEY_NAME_MAX = 64,
	NOTE_SIG_LINE_MAX = 4 + NOTE_KEY_NAME_MAX + 1 + 344 + 1,
	NOTE_MAX =
		NOTE_TEXT_MAX + 1 + NOTE_SIGS_MAX * NOTE_SIG_LINE_MAX, /* bytes of a whole note */
	NOTE_VERIFIERS_MAX = 64,
	NOTE_VKEY_MAX =
		NOTE_KEY_NAME_MAX + 1 + 8 + 1 + 44, /* characters of a verifier key in text form */
	NOTE_TYPE_MAX = 64,
	NOTE_FIELD_MAX = 32, /* characters of a field's key */
	NOTE_WORDS_MAX = 8,  /* words of one value */
};

/* First line of every note of ours; a name, resolved nowhere. */
#define NOTE_TYPE_PREFIX "lugdunum.network/"

/* Signature type bytes of C2SP. */
enum note_alg { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

/* ---- reading ---- */

struct note_sig {
	uint32_t name_off, name_len;
	uint32_t data_off, data_len; /* base64 text of key id and signature */
	uint32_t key_id;
};
struct note {
	const char *p; /* borrowed: the whole note */
	size_t len;
	size_t text_len; /* p[0..text_len): the signed text through its last LF */
	size_t type_len; /* p[0..type_len): first line without LF */
	size_t sigs_n;
	struct note_sig sigs[NOTE_SIGS_MAX];
};

/** note_parse - find text and signatures; nothing is verified
 * In:      p        len bytes; borrowed, must outlive the note
 * Out:     ret      offsets into p; untouched on failure
 * Limits:  NOTE_TEXT_MAX, NOTE_SIGS_MAX, NOTE_SIG_DATA_MAX, NOTE_MAX
 * Returns: 0; -ERR_OVERSIZE; -ERR_FORMAT, with the byte in e
 * Cost:    one pass, no allocation
 * Source:  docs/protocol/note.md 2 (C2SP signed-note, Format)   Vectors: tests/vectors/note.json */
int note_parse(const void *p, size_t len, struct note *ret, struct err *e) WARN_UNUSED;

/** note_text_valid - may these bytes be signed: the rules for the text part alone
 * Returns: 0; -ERR_OVERSIZE; -ERR_FORMAT */
int note_text_valid(const void *p, size_t len, struct err *e) WARN_UNUSED;

/** note_is - is line 1 exactly this type
 * note_text_is - the same for a text that has no signatures yet */
bool note_is(const struct note *n, const char *type);
bool note_text_is(const void *text, size_t len, const char *type);

/** note_sig_data - the bytes of a signature, without the key id
 * In:      i        below sigs_n
 * Out:     out      [NOTE_SIG_DATA_MAX]
 * Returns: how many, at least 1 */
size_t note_sig_data(const struct note *n, size_t i, uint8_t out[static NOTE_SIG_DATA_MAX]);

/** note_text_hash - SHA-256 of the text, which is what streams and links of notes chain */
void note_text_hash(const struct note *n, uint8_t ret_hash32[static 32]);

/* ---- verifying ---- */

struct note_verifier {
	char name[NOTE_KEY_NAME_MAX + 1];
	uint32_t key_id;
	uint8_t pk32[32]; /* Ed25519 */
};

/** note_key_id - first 4 bytes, big-endian, of SHA-256(name || 0x0A || alg || pk)
 * note_verifier_init - verifier of an Ed25519 key
 * Returns: note_verifier_init: 0; -ERR_INVAL name_valid() refuses the name */
uint32_t note_key_id(const char *name, size_t name_len, enum note_alg alg,
		     const uint8_t pk32[static 32]);
int note_verifier_init(struct note_verifier *v, const char *name,
		       const uint8_t pk32[static 32]) WARN_UNUSED;

/** note_verifier_parse - from the text form <name>+<8 hex digits of the id>+<base64 of 0x01 || key>
 * note_verifier_text - the reverse; out holds NOTE_VKEY_MAX + 1 characters
 * Returns: note_verifier_parse: 0; -ERR_FORMAT; -ERR_UNSUPPORTED another algorithm; -ERR_CHECKSUM the id is not the key's */
int note_verifier_parse(const char *s, size_t len, struct note_verifier *ret,
			struct err *e) WARN_UNUSED;
void note_verifier_text(const struct note_verifier *v, char out[static NOTE_VKEY_MAX + 1]);

/** note_verify - check the signatures of known keys; those of others are skipped, as C2SP asks
 * In:      v        v_n verifiers, no two of one name and id
 * Out:     ret_signed  bit i: v[i] has signed; may be NULL; untouched on failure
 * Limits:  v_n <= NOTE_VERIFIERS_MAX
 * Returns: 0 at least one verified, none failed; -ERR_KEY_UNKNOWN no signature of a known key; -ERR_SIGNATURE a signature of a
 *          known key does not hold; -ERR_RANGE
 * Cost:    one Ed25519 verification for each signature of a known key */
int note_verify(const struct note *n, const struct note_verifier *v, size_t v_n,
		uint64_t *ret_signed, struct err *e) WARN_UNUSED;

/** note_verify_one - as note_verify with one key, and in constant stack */
int note_verify_one(const struct note *n, const struct note_verifier *v, struct err *e) WARN_UNUSED;

/* ---- signing ---- */

/** note_sig_put - append a signature line; before the first one also the empty line
 * In:      note     a text that ends with LF, or a note that is signed already
 * Returns: 0; -ERR_INVAL name; -ERR_FORMAT the buffer holds no text; as buf_err() */
int note_sig_put(struct buf *note, const char *name, uint32_t key_id,
		 const uint8_t sig64[static 64]) WARN_UNUSED;

/* Appends this key's signature line to a text; a daemon asks lug-keyd, tests use note_sign_seed(). */
typedef int note_sign_fn(void *ctx, struct buf *text, struct err *e);
struct note_signer {
	note_sign_fn *sign;
	void *ctx;
};

/** note_sign_seed - sign with a seed at hand: offline keys, tests. The text is all that stands before the signatures.
 * Returns: 0; -ERR_EXIST this key has signed already; as note_text_valid, note_sig_put */
int note_sign_seed(struct buf *note, const char *name, const uint8_t seed32[static 32],
		   struct err *e) WARN_UNUSED;

/* ---- typed texts: writing ---- */

/* Appends lines `key value`. Errors stick; check with note_writer_end(). */
struct note_writer {
	struct buf *out;
	size_t start;
	int error;
};
/** note_writer_init - begin a text with its type line; further calls append one field each
 * note_put_u64, note_put_time - decimal; times are from 0 to NOTE_TIME_MAX
 * note_put_b64, note_put_hex - bytes
 * note_put_words - n words with one space between
 * note_writer_end - Returns: 0; -ERR_INVAL a value that no note may hold (empty, control characters, spaces in a word);
 *                   -ERR_OVERSIZE above NOTE_TEXT_MAX; as buf_err() */
void note_writer_init(struct note_writer *w, struct buf *out, const char *type);
void note_put_str(struct note_writer *w, const char *key, const char *value);
void note_put_u64(struct note_writer *w, const char *key, uint64_t v);
void note_put_time(struct note_writer *w, const char *key, int64_t unix_s);
void note_put_b64(struct note_writer *w, const char *key, const void *p, size_t len);
void note_put_hex(struct note_writer *w, const char *key, const void *p, size_t len);
void note_put_words(struct note_writer *w, const char *key, const char *const *words, size_t n);
int note_writer_end(struct note_writer *w) WARN_UNUSED;

/* ---- typed texts: reading ---- */

/* Reads lines `key value` in order. Errors stick; note_reader_end() reports the first with its field. */
struct note_reader {
	struct cur c;
	const char *field; /* where it went wrong, or last tried */
	int error;
};
struct note_word {
	const char *p;
	size_t len;
};

/** note_reader_init - begin to read the text of a note, which must be of this type
 * In:      text     as note_parse found it; borrowed
 *          type     "lugdunum.network/<kind>/v<n>"
 * Errors:  -ERR_VERSION the same kind in another version; -ERR_KEY_TYPE another type */
void note_reader_init(struct note_reader *r, const void *text, size_t len, const char *type);

/** note_next_is - is the next line a field of this key: for fields that repeat or may be absent */
bool note_next_is(const struct note_reader *r, const char *key);

/** note_get - the value of the next line, which must have this key
 * Out:     ret_len  bytes; 0 and "" after an error
 * Errors:  -ERR_FIELD_MISSING the next line has another key or there is none; -ERR_FORMAT no value; -ERR_OVERSIZE above max */
const char *note_get(struct note_reader *r, const char *key, size_t max, size_t *ret_len);

/** note_get_str - the same, copied with a NUL behind; out has out_size characters
 * note_get_name - a value that name_valid() takes
 * note_get_u64 - decimal up to max; note_get_time - the same up to NOTE_TIME_MAX, so that sums with it do not overflow
 * note_get_b64, note_get_hex - exactly len bytes, lower-case hex
 * note_get_words - exactly n words, separated by one space
 * Errors:  -ERR_FORMAT, -ERR_RANGE, -ERR_OVERSIZE, and those of note_get; outputs are zeroed after an error */
void note_get_str(struct note_reader *r, const char *key, char *out, size_t out_size);
void note_get_name(struct note_reader *r, const char *key, char *out, size_t out_size);
uint64_t note_get_u64(struct note_reader *r, const char *key, uint64_t max);
int64_t note_get_time(struct note_reader *r, const char *key);
void note_get_b64(struct note_reader *r, const char *key, void *out, size_t len);
void note_get_hex(struct note_reader *r, const char *key, void *out, size_t len);
void note_get_words(struct note_reader *r, const char *key, struct note_word *words, size_t n);

/* The same for one word of note_get_words(); the key is for the error. */
uint64_t note_word_u64(struct note_reader *r, struct note_word w, uint64_t max);
void note_word_b64(struct note_reader *r, struct note_word w, void *out, size_t len);
void note_word_str(struct note_reader *r, struct note_word w, char *out, size_t out_size);

/** note_reader_fail - set the error from outside (the first one wins): a value that the type does not allow
 * note_reader_end - the final check
 * Returns: 0 when no error and every line was read; the error, with the field in e; -ERR_FIELD_UNKNOWN lines are left */
void note_reader_fail(struct note_reader *r, int code, const char *field);
int note_reader_end(struct note_reader *r, struct err *e) WARN_UNUSED;
#endif
