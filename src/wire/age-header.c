/* SPDX-License-Identifier: Apache-2.0
 * Reader of age headers, line by line as the bytes come.
 *
 *   header = "age-encryption.org/v1" LF 1*stanza "--- " 43base64char LF
 *   stanza = "-> " argument *(SP argument) LF *(64base64char LF) *63base64char LF       (c2sp.org/age, Header)
 *
 * Invariants: 1. text[0..line_off) are complete, accepted lines. 2. No byte behind the header's last LF is taken. 3. A stanza of
 * X25519 enters stanzas[] only when its share and body are exactly 32 bytes of canonical base64. */
#include "base/cursor.h"
#include "base/text.h"
#include "wire/age-int.h"

enum { BODY_LINE_LEN = 64, BODY_LINE_BYTES = 48, SCRYPT_SALT_LEN = 16 };

static int header_error(struct err *e, int code, const char *what)
{
	return err_set(e, code, "age-header", "age header: %s", what);
}

void age_header_init(struct age_header *h)
{
	*h = (struct age_header){.expects = AGE_LINE_VERSION};
	buf_init(&h->text, AGE_HEADER_MAX);
}

void age_header_done(struct age_header *h)
{
	buf_done(&h->text);
}

/* The file may be armored, which people see as "-----BEGIN AGE ENCRYPTED FILE-----", maybe behind white space. */
static bool looks_armored(const char *p, size_t len)
{
	static const char begin[] = "-----BEGIN AGE ENCRYPTED FILE";
	while (len && memchr(" \t\r\n", *p, 4)) {
		p++;
		len--;
	}
	size_t n = len < sizeof(begin) - 1 ? len : sizeof(begin) - 1;
	return n >= 10 && memcmp(p, begin, n) == 0;
}

static int version_line(struct age_header *h, const char *line, size_t len, struct err *e)
{
	static const char prefix[] = "age-encryption.org/";
	size_t prefix_len = sizeof(prefix) - 1;
	if (len == strlen(AGE_VERSION_LINE) && memcmp(line, AGE_VERSION_LINE, len) == 0) {
		h->expects = AGE_LINE_STANZA;
		return 0;
	}
	if (looks_armored(line, len))
		return header_error(e, ERR_UNSUPPORTED, "the file is armored; decode it first");
	if (len <= prefix_len || memcmp(line, prefix, prefix_len) != 0)
		return header_error(e, ERR_FORMAT, "this is not an age file");
	for (size_t i = prefix_len; i < len; i++)
		if (line[i] < 33 || line[i] > 126)
			return header_error(e, ERR_FORMAT,
					    "the version is not of visible characters");
	return header_error(e, ERR_VERSION, "only version v1 is known");
}

/* Splits "-> a b c": every argument at least one visible character. Returns how many, or -ERR_FORMAT. */
static int arguments(const char *line, size_t len, struct cur args[static 4])
{
	int n = 0;
	size_t from = 3;
	for (size_t i = from; i <= len; i++) {
		if (i < len && line[i] != ' ') {
			if (line[i] < 33 || line[i] > 126)
				return -ERR_FORMAT;
			continue;
		}
		if (i == from)
			return -ERR_FORMAT;
		if (n < 4)
			args[n] = cur_init(line + from, i - from);
		n++;
		from = i + 1;
	}
	return n;
}

static bool arg_is(struct cur arg, const char *s)
{
	return arg.len == strlen(s) && memcmp(arg.p, s, arg.len) == 0;
}

static int x25519_line(struct age_header *h, const struct cur *args, int n, struct err *e)
{
	size_t len;
	if (h->stanzas_n == AGE_RECIPIENTS_MAX)
		return header_error(e, ERR_OVERSIZE, "more recipients than are read");
	uint8_t *share = h->stanzas[h->stanzas_n].share32;
	if (n != 2 ||
	    base64_decode(BASE64_RAW, (const char *)args[1].p, args[1].len, share, 32, &len) < 0 ||
	    len != 32)
		return header_error(e, ERR_FORMAT, "an X25519 stanza is malformed");
	h->kind = AGE_KIND_X25519;
	return 0;
}

static int scrypt_line(struct age_header *h, const struct cur *args, int n, struct err *e)
{
	uint8_t salt[SCRYPT_SALT_LEN];
	uint64_t work;
	size_t len;
	if (n != 3 ||
	    base64_decode(BASE64_RAW, (const char *)args[1].p, args[1].len, salt, sizeof(salt),
			  &len) < 0 ||
	    len != sizeof(salt) ||
	    dec_parse_u64((const char *)args[2].p, args[2].len, 63, &work) < 0 || work == 0)
		return header_error(e, ERR_FORMAT, "a scrypt stanza is malformed");
	h->kind = AGE_KIND_SCRYPT;
	h->scrypt_n++;
	return 0;
}

static int stanza_line(struct age_header *h, const char *line, size_t len, struct err *e)
{
	struct cur args[4];
	int n = arguments(line, len, args);
	if (n < 0)
		return header_error(e, ERR_FORMAT, "a stanza's arguments are malformed");
	h->expects = AGE_LINE_BODY;
	h->body_len = 0;
	h->kind = AGE_KIND_OTHER;
	h->all_n++;
	if (arg_is(args[0], "X25519"))
		return x25519_line(h, args, n, e);
	if (arg_is(args[0], "scrypt"))
		return scrypt_line(h, args, n, e);
	return 0;
}

/* The end of a stanza: both kinds that are known here have a body of exactly 32 bytes. */
static int stanza_end(struct age_header *h, struct err *e)
{
	h->expects = AGE_LINE_STANZA;
	if (h->kind != AGE_KIND_OTHER && h->body_len != AGE_WRAPPED_LEN)
		return header_error(e, ERR_FORMAT, "the sealed file key has not 32 bytes");
	h->stanzas_n += h->kind == AGE_KIND_X25519;
	return 0;
}

static int body_line(struct age_header *h, const char *line, size_t len, struct err *e)
{
	uint8_t bytes[BODY_LINE_BYTES];
	size_t n;
	if (len > BODY_LINE_LEN ||
	    base64_decode(BASE64_RAW, line, len, bytes, sizeof(bytes), &n) < 0)
		return header_error(e, ERR_FORMAT, "a stanza's body is malformed");
	if (h->kind == AGE_KIND_X25519 && h->body_len == 0 && n == AGE_WRAPPED_LEN)
		memcpy(h->stanzas[h->stanzas_n].wrapped32, bytes, n);
	h->body_len += n;
	return len < BODY_LINE_LEN ? stanza_end(h, e) : 0;
}

static int mac_line(struct age_header *h, const char *line, size_t len, struct err *e)
{
	size_t n;
	if (len != 4 + AGE_MAC_TEXT_LEN || line[3] != ' ' ||
	    base64_decode(BASE64_RAW, line + 4, AGE_MAC_TEXT_LEN, h->mac32, sizeof(h->mac32), &n) <
		    0 ||
	    n != sizeof(h->mac32))
		return header_error(e, ERR_FORMAT, "the last line is malformed");
	if (!h->all_n)
		return header_error(e, ERR_FORMAT, "there is no stanza");
	if (h->scrypt_n && h->all_n > 1)
		return header_error(e, ERR_FORMAT, "a scrypt stanza must be alone");
	if (h->scrypt_n)
		return header_error(e, ERR_UNSUPPORTED,
				    "sealed with a passphrase; only keys (X25519) are used here");
	h->mac_off = h->line_off + 3;
	h->expects = AGE_LINE_DONE;
	return 0;
}

static int header_line(struct age_header *h, const char *line, size_t len, struct err *e)
{
	switch (h->expects) {
	case AGE_LINE_VERSION:
		return version_line(h, line, len, e);
	case AGE_LINE_BODY:
		return body_line(h, line, len, e);
	case AGE_LINE_STANZA:
		if (len >= 3 && memcmp(line, "-> ", 3) == 0)
			return stanza_line(h, line, len, e);
		if (len >= 3 && memcmp(line, "---", 3) == 0)
			return mac_line(h, line, len, e);
		return header_error(e, ERR_FORMAT, "neither a stanza nor the last line");
	case AGE_LINE_DONE:
		break;
	}
	return header_error(e, ERR_INVAL, "nothing is expected any more");
}

int64_t age_header_update(struct age_header *h, const uint8_t *p, size_t len, struct err *e)
{
	size_t taken = 0;
	while (taken < len && h->expects != AGE_LINE_DONE) {
		const uint8_t *lf = memchr(p + taken, '\n', len - taken);
		size_t n = lf ? (size_t)(lf + 1 - (p + taken)) : len - taken;
		if (n > AGE_HEADER_MAX - h->text.len)
			return header_error(e, ERR_OVERSIZE, "longer than any header that is read");
		buf_put(&h->text, p + taken, n);
		taken += n;
		if (buf_err(&h->text))
			return err_set(e, buf_err(&h->text), "age-header", NULL);
		if (!lf)
			break;
		int r = header_line(h, (const char *)h->text.p + h->line_off,
				    h->text.len - h->line_off - 1, e);
		if (r < 0)
			return r;
		h->line_off = h->text.len;
	}
	return (int64_t)taken;
}
