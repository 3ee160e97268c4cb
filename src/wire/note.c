/* SPDX-License-Identifier: Apache-2.0
 * Signed notes: parser, verifier keys, signatures.
 *
 *   note      = text LF 1*16 signature-line
 *   text      = 1*( *character LF ), first line not empty, at most NOTE_TEXT_MAX bytes
 *   signature = EM-DASH SP name SP base64( key-id[4] data[1..] ) LF
 *
 * Text and signatures are parted by the last empty line, since a signature line is never empty (C2SP signed-note, Format).
 * Invariants of a struct note: 1. text_len + 1 is the offset of the first signature line. 2. Every offset and length lies
 * inside p[0..len). 3. No two signatures have one name and key id. 4. data of every signature is canonical base64. */
#include "wire/note.h"
#include "base/text.h"
#include "crypto/crypto.h"

static const char dash[4] = "\xe2\x80\x94 "; /* EM DASH, space */
enum { DASH_LEN = sizeof(dash), KEY_ID_LEN = 4, VKEY_DATA_LEN = 1 + ED25519_PK_LEN };

static int format_error(struct err *e, const char *p, const char *at, const char *what)
{
	return err_set(e, ERR_FORMAT, NULL, "note, byte %td: %s", at - p, what);
}

/* Spaces in the sense of Unicode that are no control characters: what a key name must not hold. */
static bool name_has_space(const char *s, size_t len)
{
	static const char *const spaces[] = {
		" ",
		"\xc2\xa0",
		"\xe1\x9a\x80",
		"\xe2\x80\xa8",
		"\xe2\x80\xa9",
		"\xe2\x80\xaf",
		"\xe2\x81\x9f",
		"\xe3\x80\x80",
	};
	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		if (memmem(s, len, spaces[i], strlen(spaces[i])))
			return true;
	for (size_t i = 0; i + 2 < len; i++) /* U+2000 to U+200A */
		if (memcmp(s + i, "\xe2\x80", 2) == 0 && (uint8_t)s[i + 2] >= 0x80 &&
		    (uint8_t)s[i + 2] <= 0x8a)
			return true;
	return false;
}

static bool key_name_valid(const char *s, size_t len)
{
	return len && len <= NOTE_KEY_NAME_MAX && !memchr(s, '+', len) && !name_has_space(s, len);
}

/* Every line of p[0..len) ends with LF and is clean UTF-8. */
static int lines_check(const char *p, size_t len, struct err *e)
{
	for (const char *line = p, *end = p + len; line < end;) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		if (!lf)
			return format_error(e, p, line, "the last line has no line feed");
		if (!utf8_clean(line, (size_t)(lf - line)))
			return format_error(e, p, line, "this line is not clean UTF-8");
		line = lf + 1;
	}
	return 0;
}

int note_text_valid(const void *p, size_t len, struct err *e)
{
	const char *text = p;
	if (len > NOTE_TEXT_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "note text of %zu bytes; at most %d", len,
			       NOTE_TEXT_MAX);
	if (!len || text[0] == '\n')
		return format_error(e, text, text, "the first line, which is the type, is empty");
	return lines_check(text, len, e);
}

/* The line feed that ends the text: the first of the last two in a row; NULL if there is none. */
static const char *text_end(const char *p, size_t len)
{
	for (const char *at = p + len; len && (at = memrchr(p, '\n', (size_t)(at - p)));)
		if (at > p && at[-1] == '\n')
			return at - 1;
	return NULL;
}

static uint32_t be32(const uint8_t p[static 4])
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One signature line without its LF. */
static int sig_parse(const char *p, const char *line, size_t len, struct note_sig *ret,
		     struct err *e)
{
	uint8_t data[NOTE_SIG_DATA_MAX];
	size_t data_len;
	if (len < DASH_LEN || memcmp(line, dash, DASH_LEN) != 0)
		return format_error(e, p, line,
				    "a signature line begins with an em dash and a space");
	const char *name = line + DASH_LEN, *end = line + len;
	const char *space = memchr(name, ' ', (size_t)(end - name));
	if (!space || !key_name_valid(name, (size_t)(space - name)))
		return format_error(e, p, name, "the name of the key is not valid");
	int r = base64_decode(BASE64_PADDED, space + 1, (size_t)(end - space - 1), data,
			      sizeof(data), &data_len);
	if (r == -ERR_OVERSIZE)
		return err_set(e, ERR_OVERSIZE, NULL, "a signature of more than %d bytes",
			       NOTE_SIG_DATA_MAX);
	if (r < 0 || data_len <= KEY_ID_LEN)
		return format_error(e, p, space,
				    "the signature is not canonical base64, or too short");
	*ret = (struct note_sig){
		.name_off = (uint32_t)(name - p),
		.name_len = (uint32_t)(space - name),
		.data_off = (uint32_t)(space + 1 - p),
		.data_len = (uint32_t)(end - space - 1),
		.key_id = be32(data),
	};
	return 0;
}

static bool sig_is_of(const struct note *n, const struct note_sig *s, uint32_t key_id,
		      const char *name, size_t name_len)
{
	return s->key_id == key_id && s->name_len == name_len &&
	       memcmp(n->p + s->name_off, name, name_len) == 0;
}

static int sigs_parse(struct note *n, const char *sigs, struct err *e)
{
	for (const char *line = sigs, *end = n->p + n->len; line < end;) {
		struct note_sig s;
		const char *lf =
			memchr(line, '\n',
			       (size_t)(end - line)); /* lines_check() has seen that there is one */
		if (n->sigs_n == NOTE_SIGS_MAX)
			return err_set(e, ERR_OVERSIZE, NULL, "note with more than %d signatures",
				       NOTE_SIGS_MAX);
		int r = sig_parse(n->p, line, (size_t)(lf - line), &s, e);
		if (r < 0)
			return r;
		for (size_t i = 0; i < n->sigs_n; i++)
			if (sig_is_of(n, &n->sigs[i], s.key_id, n->p + s.name_off, s.name_len))
				return format_error(e, n->p, line,
						    "a second signature of the same key");
		n->sigs[n->sigs_n++] = s;
		line = lf + 1;
	}
	return n->sigs_n ? 0 : format_error(e, n->p, sigs, "no signature");
}

int note_parse(const void *p, size_t len, struct note *ret, struct err *e)
{
	struct note n = {.p = p, .len = len};
	if (len > NOTE_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "note of %zu bytes; at most %d", len,
			       NOTE_MAX);
	const char *end = text_end(p, len);
	if (!end)
		return format_error(e, p, p, "no empty line before the signatures");
	n.text_len = (size_t)(end + 1 - n.p);
	int r = note_text_valid(p, n.text_len, e);
	if (r < 0)
		return r;
	n.type_len = (size_t)((const char *)memchr(p, '\n', n.text_len) - n.p);
	const char *sigs = n.p + n.text_len + 1;
	r = lines_check(sigs, len - n.text_len - 1, e);
	if (r < 0 || (r = sigs_parse(&n, sigs, e)) < 0)
		return r;
	*ret = n;
	return 0;
}

bool note_is(const struct note *n, const char *type)
{
	return note_text_is(n->p, n->text_len, type);
}

bool note_text_is(const void *text, size_t len, const char *type)
{
	size_t type_len = strlen(type);
	return len > type_len && memcmp(text, type, type_len) == 0 &&
	       ((const char *)text)[type_len] == '\n';
}

size_t note_sig_data(const struct note *n, size_t i, uint8_t out[static NOTE_SIG_DATA_MAX])
{
	uint8_t data[NOTE_SIG_DATA_MAX];
	size_t len;
	/* Decoded once before, by sig_parse(). */
	if (NEVER(base64_decode(BASE64_PADDED, n->p + n->sigs[i].data_off, n->sigs[i].data_len,
				data, sizeof(data), &len) < 0))
		return 0;
	memcpy(out, data + KEY_ID_LEN, len - KEY_ID_LEN);
	return len - KEY_ID_LEN;
}

void note_text_hash(const struct note *n, uint8_t ret_hash32[static 32])
{
	sha256(n->p, n->text_len, ret_hash32);
}

uint32_t note_key_id(const char *name, size_t name_len, enum note_alg alg,
		     const uint8_t pk32[static 32])
{
	const uint8_t between[2] = {'\n', (uint8_t)alg};
	uint8_t hash[SHA256_LEN];
	struct sha256 h;
	sha256_init(&h);
	sha256_update(&h, name, name_len);
	sha256_update(&h, between, sizeof(between));
	sha256_update(&h, pk32, ED25519_PK_LEN);
	sha256_final(&h, hash);
	return be32(hash);
}

int note_verifier_init(struct note_verifier *v, const char *name, const uint8_t pk32[static 32])
{
	size_t len = strnlen(name, NOTE_KEY_NAME_MAX + 1);
	if (!name_valid(name, len))
		return -ERR_INVAL;
	*v = (struct note_verifier){.key_id = note_key_id(name, len, NOTE_ED25519, pk32)};
	memcpy(v->name, name, len);
	memcpy(v->pk32, pk32, sizeof(v->pk32));
	return 0;
}

int note_verifier_parse(const char *s, size_t len, struct note_verifier *ret, struct err *e)
{
	uint8_t id[KEY_ID_LEN], data[VKEY_DATA_LEN];
	char hex[2 * KEY_ID_LEN + 1], name[NOTE_KEY_NAME_MAX + 1] = "";
	size_t data_len;
	struct note_verifier v;
	const char *plus = memchr(s, '+', len), *end = s + len;
	if (!plus || end - plus < 11 || plus[9] != '+' ||
	    hex_decode(plus + 1, 8, id, sizeof(id)) < 0 ||
	    base64_decode(BASE64_PADDED, plus + 10, (size_t)(end - plus - 10), data, sizeof(data),
			  &data_len) < 0 ||
	    !data_len || !name_valid(s, (size_t)(plus - s)))
		return err_set(e, ERR_FORMAT, NULL,
			       "a verifier key reads <name>+<8 hex digits>+<base64>");
	hex_encode(id, sizeof(id), hex);
	if (memcmp(hex, plus + 1, 8) != 0)
		return err_set(e, ERR_FORMAT, NULL,
			       "the id of a verifier key is written in lower case");
	if (data[0] != NOTE_ED25519 || data_len != VKEY_DATA_LEN)
		return err_set(e, ERR_UNSUPPORTED, NULL,
			       "verifier key of algorithm %u; only Ed25519 (1) is used here",
			       data[0]);
	memcpy(name, s, (size_t)(plus - s));
	int r = note_verifier_init(&v, name, data + 1);
	if (NEVER(r < 0))
		return r;
	if (v.key_id != be32(id))
		return err_set(
			e, ERR_CHECKSUM, NULL,
			"the id does not belong to this name and key; probably a typing error");
	*ret = v;
	return 0;
}

void note_verifier_text(const struct note_verifier *v, char out[static NOTE_VKEY_MAX + 1])
{
	uint8_t data[VKEY_DATA_LEN] = {NOTE_ED25519};
	char b64[BASE64_LEN(VKEY_DATA_LEN) + 1];
	memcpy(data + 1, v->pk32, ED25519_PK_LEN);
	base64_encode(BASE64_PADDED, data, sizeof(data), b64);
	snprintf(out, NOTE_VKEY_MAX + 1, "%s+%08x+%s", v->name, v->key_id, b64);
}

/* 1 verified, 0 not of this key, -ERR_SIGNATURE. */
static int sig_check(const struct note *n, size_t i, const struct note_verifier *v)
{
	uint8_t data[NOTE_SIG_DATA_MAX];
	if (!sig_is_of(n, &n->sigs[i], v->key_id, v->name, strlen(v->name)))
		return 0;
	if (note_sig_data(n, i, data) != ED25519_SIG_LEN)
		return -ERR_SIGNATURE;
	int r = ed25519_verify(v->pk32, n->p, n->text_len, data);
	return r < 0 ? r : 1;
}

int note_verify(const struct note *n, const struct note_verifier *v, size_t v_n,
		uint64_t *ret_signed, struct err *e)
{
	uint64_t signed_by = 0;
	if (v_n > NOTE_VERIFIERS_MAX)
		return err_set(e, ERR_RANGE, NULL, "%zu verifier keys; at most %d", v_n,
			       NOTE_VERIFIERS_MAX);
	for (size_t i = 0; i < n->sigs_n; i++) {
		for (size_t k = 0; k < v_n; k++) {
			int r = sig_check(n, i, &v[k]);
			if (r < 0)
				return err_set(e, r, NULL,
					       "the signature of %s does not hold for this text",
					       v[k].name);
			signed_by |= (uint64_t)r << k;
		}
	}
	if (!signed_by)
		return err_set(e, ERR_KEY_UNKNOWN, NULL,
			       "no signature of a key that is known here");
	if (ret_signed)
		*ret_signed = signed_by;
	return 0;
}

int note_verify_one(const struct note *n, const struct note_verifier *v, struct err *e)
{
	return note_verify(n, v, 1, NULL, e);
}

int note_sig_put(struct buf *note, const char *name, uint32_t key_id,
		 const uint8_t sig64[static 64])
{
	uint8_t data[KEY_ID_LEN + ED25519_SIG_LEN] = {(uint8_t)(key_id >> 24),
						      (uint8_t)(key_id >> 16),
						      (uint8_t)(key_id >> 8), (uint8_t)key_id};
	char b64[BASE64_LEN(sizeof(data)) + 1];
	struct note n;
	if (buf_err(note))
		return buf_err(note);
	if (!key_name_valid(name, strnlen(name, NOTE_KEY_NAME_MAX + 1)))
		return -ERR_INVAL;
	bool is_signed = note_parse(note->p, note->len, &n, NULL) == 0;
	if (!is_signed && note_text_valid(note->p, note->len, NULL) < 0)
		return -ERR_FORMAT;
	memcpy(data + KEY_ID_LEN, sig64, ED25519_SIG_LEN);
	base64_encode(BASE64_PADDED, data, sizeof(data), b64);
	if (!is_signed)
		buf_u8(note, '\n');
	buf_put(note, dash, DASH_LEN);
	buf_str(note, name);
	buf_u8(note, ' ');
	buf_str(note, b64);
	buf_u8(note, '\n');
	return buf_err(note);
}

int note_sign_seed(struct buf *note, const char *name, const uint8_t seed32[static 32],
		   struct err *e)
{
	struct note_verifier v;
	struct note n = {.text_len = note->len};
	uint8_t pk[ED25519_PK_LEN], sig[ED25519_SIG_LEN];
	ed25519_public(seed32, pk);
	if (buf_err(note))
		return err_set(e, buf_err(note), NULL, NULL);
	if (note_verifier_init(&v, name, pk) < 0)
		return err_set(e, ERR_INVAL, NULL, "'%s' is no name of a key", name);
	if (note_parse(note->p, note->len, &n, NULL) < 0) {
		int r = note_text_valid(note->p, note->len, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n.sigs_n; i++)
		if (sig_is_of(&n, &n.sigs[i], v.key_id, v.name, strlen(v.name)))
			return err_set(e, ERR_EXIST, NULL, "%s has signed this note already", name);
	ed25519_sign(seed32, pk, note->p, n.text_len, sig);
	int r = note_sig_put(note, name, v.key_id, sig);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}
