/* SPDX-License-Identifier: Apache-2.0
 * age v1 files with X25519 recipients (docs/protocol/age.md): many recipients, any length, constant memory.
 *
 * Both directions are pushed: give bytes in pieces of any size, take what has become ready from a buffer, and clear that buffer
 * when it has been used. No sockets, no files. Opened text is released chunk by chunk, each one authenticated; only when
 * age_open_end() has returned 0 is the whole known to be complete: until then, act on nothing that it says. */
#ifndef WIRE_AGE_H
#define WIRE_AGE_H
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	AGE_KEY_LEN = 32, /* X25519, secret or public */
	AGE_FILE_KEY_LEN = 16,
	AGE_WRAPPED_LEN = 32,	     /* a file key sealed to one recipient */
	AGE_CHUNK_LEN = 65536,	     /* bytes of text in a chunk */
	AGE_RECIPIENTS_MAX = 64,     /* X25519 stanzas of a header, in both directions */
	AGE_HEADER_MAX = 65536,	     /* bytes of a header */
	AGE_RECIPIENT_TEXT_LEN = 62, /* "age1..." */
	AGE_IDENTITY_TEXT_LEN = 74,  /* "AGE-SECRET-KEY-1..." */
};

/* ---- keys as text ---- */

/** age_recipient_text, age_identity_text - bech32 of a public and of a secret key, with a NUL behind
 * age_recipient_parse, age_identity_parse - the reverse
 * Returns: parse: 0; -ERR_CHECKSUM; -ERR_FORMAT not of this kind or case; -ERR_CRYPTO the point is of low order */
void age_recipient_text(const uint8_t pk32[static AGE_KEY_LEN],
			char out[static AGE_RECIPIENT_TEXT_LEN + 1]);
void age_identity_text(const uint8_t key32[static AGE_KEY_LEN],
		       char out[static AGE_IDENTITY_TEXT_LEN + 1]);
int age_recipient_parse(const char *s, size_t len,
			uint8_t ret_pk32[static AGE_KEY_LEN]) WARN_UNUSED;
int age_identity_parse(const char *s, size_t len,
		       uint8_t ret_key32[static AGE_KEY_LEN]) WARN_UNUSED;

/* ---- sealing ---- */

/* Source of randomness; the simulator and the vectors give their own. */
typedef void age_random_fn(void *ctx, void *out, size_t len);

struct age_seal;

/** age_seal_new - begin a file: the header and the nonce go to out at once
 * In:      recipients  [n][32] X25519 public keys
 *          random   NULL for random_bytes(); drawn in this order: file key 16, one ephemeral secret of 32 a recipient, nonce 16
 *          out      initialised; appended to
 * Limits:  1 <= n <= AGE_RECIPIENTS_MAX
 * Returns: 0; -ERR_RANGE n; -ERR_CRYPTO a recipient is of low order; -ERR_NOMEM; as buf_err()
 * Source:  docs/protocol/age.md 2, 3   Vectors: tests/vectors/parcel.json */
int age_seal_new(const uint8_t (*recipients)[AGE_KEY_LEN], size_t n, age_random_fn *random,
		 void *random_ctx, struct buf *out, struct age_seal **ret_seal,
		 struct err *e) WARN_UNUSED;

/** age_seal_update - add text; full chunks that are known not to be the last go to out
 * age_seal_end - write the last chunk; nothing may follow but free
 * Returns: 0; -ERR_INVAL after the end; as buf_err(): the file is then lost
 * Cost:    ChaCha20-Poly1305 once over the text; no copy of pieces above a chunk */
int age_seal_update(struct age_seal *s, const void *p, size_t len, struct buf *out) WARN_UNUSED;
int age_seal_end(struct age_seal *s, struct buf *out) WARN_UNUSED;
/** age_seal_free - wipe and release; takes NULL; returns NULL */
struct age_seal *age_seal_free(struct age_seal *s);
DEFINE_CLEANUP(struct age_seal *, age_seal_free);

/** age_sealed_len - bytes of the file that holds len bytes of text for n recipients */
uint64_t age_sealed_len(uint64_t len, size_t n);

/* ---- opening ---- */

/** age_unwrap_fn - asked for each X25519 stanza in order, once the whole header has been read and is well-formed
 * In:      share32  ephemeral share; wrapped32: the sealed file key
 * Returns: 0 and the file key; -ERR_NO_MATCH not for any key held: the next stanza is tried; -ERR_CRYPTO the share is of low
 *          order: the file is refused; any other: opening stops with it */
typedef int age_unwrap_fn(void *ctx, const uint8_t share32[static 32],
			  const uint8_t wrapped32[static AGE_WRAPPED_LEN],
			  uint8_t ret_file_key16[static AGE_FILE_KEY_LEN], struct err *e);

/** age_unwrap - what lug-keyd does for one secret key
 * Returns: 0; -ERR_NO_MATCH; -ERR_CRYPTO the share is of low order */
int age_unwrap(const uint8_t key32[static AGE_KEY_LEN], const uint8_t share32[static 32],
	       const uint8_t wrapped32[static AGE_WRAPPED_LEN],
	       uint8_t ret_file_key16[static AGE_FILE_KEY_LEN]) WARN_UNUSED;

struct age_open;

/** age_open_new - begin to open a file
 * Returns: 0; -ERR_NOMEM */
int age_open_new(age_unwrap_fn *unwrap, void *unwrap_ctx, struct age_open **ret_open) WARN_UNUSED;

/** age_open_update - give bytes of the file; text that has become certain goes to out
 * age_open_end - the file ends here: check the last chunk and give its text to out
 * Returns: 0; the first error sticks, and e names where: field "age-header", "age-mac" or "age-payload"
 *          header:  -ERR_FORMAT; -ERR_TRUNCATED; -ERR_OVERSIZE a limit above; -ERR_VERSION not v1; -ERR_UNSUPPORTED
 *                   armor, or a passphrase (scrypt); -ERR_NO_MATCH no stanza is for a key held; -ERR_CRYPTO low order; what the
 *                   callback returned
 *          mac:     -ERR_CRYPTO the header was changed
 *          payload: -ERR_CRYPTO changed; -ERR_TRUNCATED; -ERR_TRAILING; -ERR_FORMAT an empty last chunk; as buf_err()
 * Vectors: C2SP CCTV age */
int age_open_update(struct age_open *o, const void *p, size_t len, struct buf *out,
		    struct err *e) WARN_UNUSED;
int age_open_end(struct age_open *o, struct buf *out, struct err *e) WARN_UNUSED;
/** age_open_free - wipe and release; takes NULL; returns NULL */
struct age_open *age_open_free(struct age_open *o);
DEFINE_CLEANUP(struct age_open *, age_open_free);
#endif
