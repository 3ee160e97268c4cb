/* SPDX-License-Identifier: Apache-2.0
 * Requests: a table of types with the capability each needs. A handler decodes with a cursor, checks that all was consumed,
 * acts, and appends the reply's body; it returns a code and never half a body. */
#include "keyd/server.h"
#include "base/cursor.h"
#include "keyd/keyd-int.h"
#include "keyd/vault.h"
#include "wire/note.h"

struct request {
	struct keyd_server *server;
	uint32_t caps;
	struct cur in;
	struct buf *out;
	uint32_t client_caps;
	struct err e;
};

static int do_hello(struct request *q)
{
	int r = cur_end(&q->in);
	if (r < 0)
		return r;
	buf_u32be(q->out, q->caps);
	buf_u32be(q->out, (uint32_t)vault_n(q->server->vault));
	return 0;
}

static int do_client(struct request *q)
{
	uint32_t caps = cur_u32be(&q->in);
	int r = cur_end(&q->in);
	if (r < 0)
		return r;
	if (!caps || (caps & ~q->caps))
		return -ERR_DENIED;
	q->client_caps = caps;
	return 0;
}

static void put_key(struct request *q, const struct vault_key *key)
{
	struct keyd_key pub = key->pub;
	pub.state = vault_state(key, q->server->now_s());
	record_put(q->out, &pub);
}

static int do_public(struct request *q)
{
	size_t first = cur_u16be(&q->in), total = vault_n(q->server->vault);
	int r = cur_end(&q->in);
	if (r < 0)
		return r;
	if (first > total)
		return -ERR_RANGE;
	size_t n = total - first < MSG_RECORDS_MAX ? total - first : MSG_RECORDS_MAX;
	buf_u16be(q->out, (uint16_t)total);
	buf_u16be(q->out, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		put_key(q, vault_key(q->server->vault, first + i));
	return 0;
}

static int do_sign_note(struct request *q)
{
	const struct kind_row *row = kind_row(cur_u8(&q->in));
	size_t len = cur_u16be(&q->in);
	const uint8_t *text = cur_bytes(&q->in, len);
	int r = cur_end(&q->in);
	if (r < 0)
		return r;
	if (!row || row->algorithm != ALG_ED25519)
		return -ERR_INVAL;
	if (!(q->caps & row->cap))
		return -ERR_DENIED;
	const struct vault_key *key =
		vault_current(q->server->vault, row->kind, q->server->now_s());
	if (!key)
		return -ERR_KEY_EXPIRED;
	r = note_text_valid(text, len, &q->e);
	if (r < 0)
		return r;
	if (!kind_signs(row->kind, key->pub.name, text, len))
		return -ERR_KEY_TYPE;
	uint8_t sig64[ED25519_SIG_LEN];
	ed25519_sign(key->secret.p, key->pub.pub, text, len,
		     sig64); /* derived from the secret when it was loaded */
	buf_u64be(q->out, key->pub.number);
	buf_u32be(q->out,
		  note_key_id(key->pub.name, strlen(key->pub.name), NOTE_ED25519, key->pub.pub));
	buf_u8(q->out, (uint8_t)strlen(key->pub.name));
	buf_str(q->out, key->pub.name);
	buf_put(q->out, sig64, sizeof(sig64));
	return 0;
}

/* age-encryption.org/v1, X25519 recipient stanza: wrap key = HKDF-SHA-256(shared secret, salt = share || recipient,
 * "age-encryption.org/v1/X25519"), body = ChaCha20-Poly1305(wrap key, zero nonce, file key). */
static int unwrap_with(const struct vault_key *key, const uint8_t share32[static 32],
		       const uint8_t wrapped32[static 32], uint8_t *ret_file_key16)
{
	static const char info[] = "age-encryption.org/v1/X25519";
	static const uint8_t nonce12[AEAD_NONCE_LEN];
	uint8_t salt[2 * X25519_LEN], shared[X25519_LEN], wrap[AEAD_KEY_LEN];
	int r = x25519(key->secret.p, share32, shared);
	if (r < 0)
		return r;
	memcpy(salt, share32, X25519_LEN);
	memcpy(salt + X25519_LEN, key->pub.pub, X25519_LEN);
	r = hkdf_sha256(shared, sizeof(shared), salt, sizeof(salt), info, sizeof(info) - 1, wrap,
			sizeof(wrap));
	if (r >= 0)
		r = aead_open(wrap, nonce12, NULL, 0, wrapped32, 32, ret_file_key16);
	secret_wipe(shared, sizeof(shared));
	secret_wipe(wrap, sizeof(wrap));
	return r;
}

static int do_unwrap(struct request *q)
{
	uint8_t share[32], wrapped[32], file_key[16];
	cur_copy(&q->in, share, sizeof(share));
	cur_copy(&q->in, wrapped, sizeof(wrapped));
	int r = cur_end(&q->in);
	if (r < 0)
		return r;
	for (size_t i = 0; i < vault_n(q->server->vault); i++) {
		const struct vault_key *key = vault_key(q->server->vault, i);
		if (key->pub.kind != KEYD_EPOCH || unwrap_with(key, share, wrapped, file_key) < 0)
			continue;
		buf_u64be(q->out, key->pub.number);
		buf_put(q->out, file_key, sizeof(file_key));
		secret_wipe(file_key, sizeof(file_key));
		return 0;
	}
	return -ERR_NO_MATCH;
}

static int do_tls_sign(struct request *q)
{
	uint64_t number = cur_u64be(&q->in);
	uint8_t digest[SHA256_LEN], sig[P256_SIG_MAX];
	size_t sig_len = 0;
	cur_copy(&q->in, digest, sizeof(digest));
	int r = cur_end(&q->in);
	if (r < 0)
		return r;
	const struct vault_key *key = vault_by_number(q->server->vault, number);
	if (!key || key->pub.kind != KEYD_TLS)
		return -ERR_NOENT;
	r = p256_sign(key->secret.p, digest, sig, &sig_len);
	if (r < 0)
		return r;
	buf_u8(q->out, (uint8_t)sig_len);
	buf_put(q->out, sig, sig_len);
	return 0;
}

static int do_maintain(struct request *q)
{
	unsigned made, wiped;
	int r = cur_end(&q->in);
	if (r >= 0)
		r = vault_maintain(q->server->vault, q->server->now_s(), &made, &wiped, &q->e);
	if (r < 0)
		return r;
	buf_u16be(q->out, (uint16_t)made);
	buf_u16be(q->out, (uint16_t)wiped);
	return 0;
}

static int do_rotate(struct request *q)
{
	const struct vault_key *key;
	unsigned kind = cur_u8(&q->in);
	int r = cur_end(&q->in);
	if (r >= 0)
		r = vault_rotate(q->server->vault, (enum keyd_kind)kind, q->server->now_s(), &key,
				 &q->e);
	if (r < 0)
		return r;
	put_key(q, key);
	return 0;
}

static int do_wipe(struct request *q)
{
	uint64_t number = cur_u64be(&q->in);
	int r = cur_end(&q->in);
	return r < 0 ? r : vault_wipe(q->server->vault, number, &q->e);
}

static const struct {
	enum msg_type type;
	uint32_t any_of; /* capabilities of which one is needed; 0: everyone */
	int (*handle)(struct request *q);
} requests[] = {
	{MSG_HELLO, 0, do_hello},
	{MSG_CLIENT, 0, do_client},
	{MSG_PUBLIC, KEYD_PUBLIC, do_public},
	{MSG_SIGN_NOTE, KEYD_SIGN_NODE | KEYD_SIGN_EVIDENCE | KEYD_SIGN_LOG, do_sign_note},
	{MSG_UNWRAP, KEYD_UNWRAP, do_unwrap},
	{MSG_TLS_SIGN, KEYD_TLS_SIGN, do_tls_sign},
	{MSG_MAINTAIN, KEYD_ADMIN, do_maintain},
	{MSG_ROTATE, KEYD_ADMIN, do_rotate},
	{MSG_WIPE, KEYD_ADMIN, do_wipe},
};

static int dispatch(struct request *q, unsigned type)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		if (requests[i].type != type)
			continue;
		if (requests[i].any_of && !(requests[i].any_of & q->caps))
			return -ERR_DENIED;
		return requests[i].handle(q);
	}
	return -ERR_UNSUPPORTED;
}

static void put_head(struct buf *out, unsigned type, uint32_t id, int code)
{
	buf_u8(out, MSG_VERSION);
	buf_u8(out, (uint8_t)type);
	buf_u32be(out, id);
	buf_u32be(out, (uint32_t)-code);
}

void keyd_server_handle(struct keyd_server *s, uint32_t caps, const void *p, size_t len,
			struct buf *reply, uint32_t *ret_client_caps)
{
	struct request q = {.server = s, .caps = caps, .in = cur_init(p, len), .out = reply};
	buf_clear(reply);
	*ret_client_caps = 0;
	unsigned version = cur_u8(&q.in), type = cur_u8(&q.in);
	uint32_t id = cur_u32be(&q.in);
	if (q.in.error)
		return;
	put_head(reply, type, id, 0);
	int r = version != MSG_VERSION ? -ERR_VERSION
		: len > MSG_MAX	       ? -ERR_OVERSIZE
				       : dispatch(&q, type);
	if (r >= 0)
		r = buf_err(reply);
	if (r < 0) {
		buf_clear(reply);
		put_head(reply, type, id, r);
		buf_str(reply, q.e.message);
		return;
	}
	*ret_client_caps = q.client_caps;
}
