/* SPDX-License-Identifier: Apache-2.0
 * Inside of age: the STREAM of chunks, and the header's reader. */
#ifndef WIRE_AGE_INT_H
#define WIRE_AGE_INT_H
#include "crypto/crypto.h"
#include "wire/age.h"

enum {
	AGE_NONCE_LEN = 16,
	AGE_SEALED_CHUNK_LEN = AGE_CHUNK_LEN + AEAD_TAG_LEN,
	AGE_MAC_TEXT_LEN = 43
};

#define AGE_VERSION_LINE "age-encryption.org/v1"

/* Keys and counter of one payload. */
struct age_stream {
	uint8_t key32[AEAD_KEY_LEN];
	uint64_t counter;
};

/** age_stream_init - payload key of a file key and the nonce in front of the payload */
void age_stream_init(struct age_stream *st, const uint8_t file_key16[static AGE_FILE_KEY_LEN],
		     const uint8_t nonce16[static AGE_NONCE_LEN]);
/** age_stream_nonce - nonce of the current chunk: 11 bytes of counter, one that tells the last */
void age_stream_nonce(const struct age_stream *st, bool last,
		      uint8_t ret_nonce12[static AEAD_NONCE_LEN]);

/** age_wrap_key - key that seals the file key to one recipient: HKDF of the shared secret with both public keys as salt */
void age_wrap_key(const uint8_t shared32[static 32], const uint8_t share32[static 32],
		  const uint8_t pk32[static 32], uint8_t ret_key32[static 32]);
/** age_header_mac - HMAC of the header through "---" under a key derived from the file key */
void age_header_mac(const uint8_t file_key16[static AGE_FILE_KEY_LEN], const void *p, size_t len,
		    uint8_t ret_mac32[static 32]);

struct age_stanza {
	uint8_t share32[32], wrapped32[AGE_WRAPPED_LEN];
};
enum age_line { AGE_LINE_VERSION, AGE_LINE_STANZA, AGE_LINE_BODY, AGE_LINE_DONE };
/* The stanza that is being read. */
enum age_kind { AGE_KIND_X25519, AGE_KIND_SCRYPT, AGE_KIND_OTHER };

struct age_header {
	struct buf text; /* everything read so far */
	size_t line_off; /* where the current line begins */
	enum age_line expects;
	enum age_kind kind;
	size_t body_len;
	size_t all_n, scrypt_n; /* stanzas of any kind, and of scrypt */
	size_t stanzas_n;
	struct age_stanza stanzas[AGE_RECIPIENTS_MAX];
	size_t mac_off; /* bytes that the MAC covers */
	uint8_t mac32[32];
};
void age_header_init(struct age_header *h);
void age_header_done(struct age_header *h);
/** age_header_update - take bytes until the header is complete (expects is AGE_LINE_DONE)
 * Returns: bytes taken; a negative code as age_open_update says */
int64_t age_header_update(struct age_header *h, const uint8_t *p, size_t len, struct err *e);
#endif
