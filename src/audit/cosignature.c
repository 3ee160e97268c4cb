/* SPDX-License-Identifier: Apache-2.0
 * Countersignatures (C2SP tlog-cosignature, v1): an Ed25519 signature over a time and a checkpoint's text. */
#include "audit/audit-int.h"
#include "audit/witness.h"
#include "base/text.h"
#include "crypto/crypto.h"

enum { STAMP_LEN = 8, DATA_LEN = 4 + STAMP_LEN + ED25519_SIG_LEN };

static int signed_text(int64_t time_s, const void *text, size_t len, struct buf *b)
{
	buf_printf(b, "cosignature/v1\ntime %lld\n", (long long)time_s);
	buf_put(b, text, len);
	return buf_err(b);
}

/* The signer appends its signature as a line of a note; here only the 64 bytes of it are wanted. */
static int sign_text(const struct audit_key *own, struct buf *b, uint8_t ret_sig64[static 64],
		     struct err *e)
{
	struct note n;
	uint8_t data[NOTE_SIG_DATA_MAX];
	int r = own->signer.sign(own->signer.ctx, b, e);
	if (r == 0)
		r = note_parse(b->p, b->len, &n, e);
	if (r == 0)
		r = note_verify_one(&n, &own->verifier, e);
	if (r < 0)
		return r;
	if (n.sigs_n != 1 || note_sig_data(&n, 0, data) != ED25519_SIG_LEN)
		return err_set(e, ERR_CONFLICT, "cosignature",
			       "The signer signed otherwise than it was asked to.");
	memcpy(ret_sig64, data, ED25519_SIG_LEN);
	return 0;
}

static void put_line(struct buf *line, const struct note_verifier *v, int64_t time_s,
		     const uint8_t sig64[static 64])
{
	uint32_t id = note_key_id(v->name, strlen(v->name), NOTE_COSIGNATURE, v->pk32);
	uint8_t data[DATA_LEN];
	char text[BASE64_LEN(DATA_LEN) + 1];
	for (int i = 0; i < 4; i++)
		data[i] = (uint8_t)(id >> (24 - 8 * i));
	for (int i = 0; i < STAMP_LEN; i++)
		data[4 + i] = (uint8_t)((uint64_t)time_s >> (56 - 8 * i));
	memcpy(data + 4 + STAMP_LEN, sig64, ED25519_SIG_LEN);
	base64_encode(BASE64_PADDED, data, sizeof(data), text);
	buf_printf(line, "\xe2\x80\x94 %s %s\n", v->name, text);
}

int cosignature_make(const struct audit_key *own, const void *text, size_t text_len, int64_t now_s,
		     struct buf *line, struct err *e)
{
	struct buf b _cleanup_(buf_done);
	uint8_t sig64[ED25519_SIG_LEN];
	buf_init(&b, NOTE_MAX);
	int r = now_s < 0 ? -ERR_INVAL : signed_text(now_s, text, text_len, &b);
	if (r < 0)
		return err_set(e, r, "cosignature", NULL);
	r = sign_text(own, &b, sig64, e);
	if (r < 0)
		return r;
	put_line(line, &own->verifier, now_s, sig64);
	return buf_err(line);
}

static int check_data(const struct note *n, const uint8_t *data, const struct note_verifier *v,
		      int64_t *ret_time_s)
{
	struct buf b _cleanup_(buf_done);
	uint64_t time = 0;
	buf_init(&b, NOTE_MAX);
	for (int i = 0; i < STAMP_LEN; i++)
		time = time << 8 | data[i];
	if (time > (uint64_t)NOTE_TIME_MAX)
		return -ERR_SIGNATURE;
	int r = signed_text((int64_t)time, n->p, n->text_len, &b);
	if (r == 0 && ed25519_verify(v->pk32, b.p, b.len, data + STAMP_LEN) < 0)
		r = -ERR_SIGNATURE;
	if (r == 0)
		*ret_time_s = (int64_t)time;
	return r;
}

int cosignature_check(const void *checkpoint, size_t len, const struct note_verifier *witness,
		      int64_t *ret_time_s, struct err *e)
{
	struct note n;
	uint8_t data[NOTE_SIG_DATA_MAX];
	size_t name_len = strlen(witness->name);
	uint32_t id = note_key_id(witness->name, name_len, NOTE_COSIGNATURE, witness->pk32);
	int r = note_parse(checkpoint, len, &n, e);
	for (size_t i = 0; r == 0 && i < n.sigs_n; i++) {
		const struct note_sig *sig = &n.sigs[i];
		if (sig->key_id != id || sig->name_len != name_len ||
		    memcmp(n.p + sig->name_off, witness->name, name_len) != 0)
			continue;
		if (note_sig_data(&n, i, data) != STAMP_LEN + ED25519_SIG_LEN ||
		    check_data(&n, data, witness, ret_time_s) < 0)
			return err_set(e, ERR_SIGNATURE, witness->name,
				       "The countersignature of %s does not hold.", witness->name);
		return 0;
	}
	return r < 0 ? r
		     : err_set(e, ERR_KEY_UNKNOWN, witness->name,
			       "%s has not countersigned this checkpoint.", witness->name);
}
