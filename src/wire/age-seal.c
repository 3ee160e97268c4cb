/* SPDX-License-Identifier: Apache-2.0
 * Writer of age files: header, nonce, then chunks of 64 KiB. A full chunk waits until more text comes or the end does, since
 * the last chunk has another nonce and must not be empty. */
#include "base/text.h"
#include "wire/age-int.h"

struct age_seal {
	struct age_stream stream;
	bool ended;
	size_t held;
	uint8_t chunk[AGE_CHUNK_LEN]; /* text that is not sealed yet */
};

static void default_random(void *ctx, void *out, size_t len)
{
	random_bytes(out, len);
}

/* One stanza: seal the file key to pk with a fresh ephemeral key. */
static int put_stanza(const uint8_t pk32[static AGE_KEY_LEN],
		      const uint8_t file_key[static AGE_FILE_KEY_LEN], age_random_fn *random,
		      void *random_ctx, struct buf *out)
{
	static const uint8_t zero_nonce[AEAD_NONCE_LEN];
	uint8_t secret[32], share[32], shared[32], wrap_key[32], wrapped[AGE_WRAPPED_LEN];
	char b64[BASE64_RAW_LEN(32) + 1];
	random(random_ctx, secret, sizeof(secret));
	x25519_public(secret, share);
	int r = x25519(secret, pk32, shared);
	secret_wipe(secret, sizeof(secret));
	if (r < 0)
		return r;
	age_wrap_key(shared, share, pk32, wrap_key);
	aead_seal(wrap_key, zero_nonce, NULL, 0, file_key, AGE_FILE_KEY_LEN, wrapped);
	secret_wipe(shared, sizeof(shared));
	secret_wipe(wrap_key, sizeof(wrap_key));
	base64_encode(BASE64_RAW, share, sizeof(share), b64);
	buf_printf(out, "-> X25519 %s\n", b64);
	base64_encode(BASE64_RAW, wrapped, sizeof(wrapped), b64);
	buf_printf(out, "%s\n", b64);
	return 0;
}

static int put_header(const uint8_t (*recipients)[AGE_KEY_LEN], size_t n,
		      const uint8_t file_key[static AGE_FILE_KEY_LEN], age_random_fn *random,
		      void *random_ctx, struct buf *out)
{
	uint8_t mac[32];
	char b64[BASE64_RAW_LEN(32) + 1];
	const size_t start = out->len;
	buf_str(out, AGE_VERSION_LINE "\n");
	for (size_t i = 0; i < n; i++) {
		int r = put_stanza(recipients[i], file_key, random, random_ctx, out);
		if (r < 0)
			return r;
	}
	buf_str(out, "---");
	if (buf_err(out))
		return buf_err(out);
	age_header_mac(file_key, out->p + start, out->len - start, mac);
	base64_encode(BASE64_RAW, mac, sizeof(mac), b64);
	buf_printf(out, " %s\n", b64);
	return buf_err(out);
}

int age_seal_new(const uint8_t (*recipients)[AGE_KEY_LEN], size_t n, age_random_fn *random,
		 void *random_ctx, struct buf *out, struct age_seal **ret_seal, struct err *e)
{
	uint8_t file_key[AGE_FILE_KEY_LEN], nonce[AGE_NONCE_LEN];
	if (n < 1 || n > AGE_RECIPIENTS_MAX)
		return err_set(e, ERR_RANGE, "recipients", "%zu recipients; 1 to %d", n,
			       AGE_RECIPIENTS_MAX);
	_cleanup_(age_seal_freep) struct age_seal *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (!random)
		random = default_random;
	random(random_ctx, file_key, sizeof(file_key));
	int r = put_header(recipients, n, file_key, random, random_ctx, out);
	if (r == 0) {
		random(random_ctx, nonce, sizeof(nonce));
		buf_put(out, nonce, sizeof(nonce));
		age_stream_init(&s->stream, file_key, nonce);
		r = buf_err(out);
	}
	secret_wipe(file_key, sizeof(file_key));
	if (r < 0)
		return err_set(e, r, "recipients",
			       r == -ERR_CRYPTO ? "a recipient's key is of low order" : NULL);
	*ret_seal = TAKE_PTR(s);
	return 0;
}

static int put_chunk(struct age_seal *s, const uint8_t *p, size_t len, bool last, struct buf *out)
{
	uint8_t nonce[AEAD_NONCE_LEN];
	uint8_t *to = buf_space(out, len + AEAD_TAG_LEN);
	if (!to)
		return buf_err(out);
	age_stream_nonce(&s->stream, last, nonce);
	aead_seal(s->stream.key32, nonce, NULL, 0, p, len, to);
	s->stream.counter++;
	return 0;
}

int age_seal_update(struct age_seal *s, const void *p, size_t len, struct buf *out)
{
	const uint8_t *in = p;
	if (s->ended)
		return -ERR_INVAL;
	while (len) {
		int r = 0;
		if (s->held == AGE_CHUNK_LEN) {
			r = put_chunk(s, s->chunk, AGE_CHUNK_LEN, false, out);
			s->held = 0;
		}
		size_t n = AGE_CHUNK_LEN - s->held;
		if (r == 0 && n == AGE_CHUNK_LEN &&
		    len > n) /* a whole chunk, and more behind it: no copy */
			r = put_chunk(s, in, n, false, out);
		else if (r == 0) {
			n = len < n ? len : n;
			memcpy(s->chunk + s->held, in, n);
			s->held += n;
		}
		if (r < 0) {
			s->ended = true;
			return r;
		}
		in += n;
		len -= n;
	}
	return 0;
}

int age_seal_end(struct age_seal *s, struct buf *out)
{
	if (s->ended)
		return -ERR_INVAL;
	s->ended = true;
	return put_chunk(s, s->chunk, s->held, true, out);
}

struct age_seal *age_seal_free(struct age_seal *s)
{
	if (s)
		secret_wipe(s, sizeof(*s));
	free(s);
	return NULL;
}

uint64_t age_sealed_len(uint64_t len, size_t n)
{
	const uint64_t stanza =
		strlen("-> X25519 ") + BASE64_RAW_LEN(32) + 1 + BASE64_RAW_LEN(32) + 1;
	const uint64_t header =
		strlen(AGE_VERSION_LINE) + 1 + n * stanza + 4 + AGE_MAC_TEXT_LEN + 1;
	const uint64_t chunks = len ? (len + AGE_CHUNK_LEN - 1) / AGE_CHUNK_LEN : 1;
	return header + AGE_NONCE_LEN + len + chunks * AEAD_TAG_LEN;
}
