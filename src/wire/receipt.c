/* SPDX-License-Identifier: Apache-2.0
 * Text of receipts. */
#include "wire/receipt.h"
#include "base/text.h"

static const struct {
	char number[4];
	const char *name;
} kinds[] = {
	[RECEIPT_STORED] = {"R1", "stored"},   [RECEIPT_ACCEPTED] = {"R2", "accepted"},
	[RECEIPT_REFUSED] = {"R2", "refused"}, [RECEIPT_QUARANTINED] = {"R2", "quarantined"},
	[RECEIPT_SEEN] = {"R3", "seen"},       [RECEIPT_ACTED] = {"R4", "acted"},
};

unsigned receipt_number(enum receipt_kind k)
{
	return (unsigned)(kinds[k].number[1] - '0');
}

const char *receipt_name(enum receipt_kind k)
{
	return kinds[k].name;
}

static void put_head(struct note_writer *w, const struct receipt *r)
{
	char epoch[24], seq[24], hash[BASE64_LEN(32) + 1];
	snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)r->head_epoch);
	snprintf(seq, sizeof(seq), "%llu", (unsigned long long)r->head_seq);
	base64_encode(BASE64_PADDED, r->head32, sizeof(r->head32), hash);
	note_put_words(w, "head", (const char *const[]){epoch, seq, hash}, 3);
}

int receipt_encode(const struct receipt *r, struct buf *out)
{
	struct receipt check;
	struct note_writer w;
	if ((unsigned)r->kind >= ARRAY_LEN(kinds) || (r->kind == RECEIPT_REFUSED) != !!*r->reason)
		return -ERR_INVAL;
	note_writer_init(&w, out, RECEIPT_TYPE);
	note_put_str(&w, "from", r->from);
	note_put_str(&w, "to", r->to);
	note_put_time(&w, "time", r->time_s);
	note_put_hex(&w, "id", r->id16, sizeof(r->id16));
	note_put_b64(&w, "sha256", r->sha256, sizeof(r->sha256));
	note_put_words(&w, "receipt",
		       (const char *const[]){kinds[r->kind].number, kinds[r->kind].name, r->reason},
		       *r->reason ? 3 : 2);
	put_head(&w, r);
	int code = note_writer_end(&w);
	if (code < 0)
		return code;
	code = receipt_decode((const char *)out->p + w.start, out->len - w.start, &check, NULL);
	return code < 0 ? -ERR_INVAL : 0;
}

/* "R1 stored", "R2 refused <reason>" ... */
static void get_kind(struct note_reader *r, struct receipt *ret)
{
	size_t len;
	const char *value = note_get(r, "receipt", 12 + RECEIPT_REASON_MAX, &len);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char text[32];
		size_t n = (size_t)snprintf(text, sizeof(text), "%s %s", kinds[i].number,
					    kinds[i].name);
		if (len < n || memcmp(value, text, n) != 0)
			continue;
		ret->kind = (enum receipt_kind)i;
		if (i != RECEIPT_REFUSED && len == n)
			return;
		if (i == RECEIPT_REFUSED && len > n + 1 && value[n] == ' ' &&
		    name_valid(value + n + 1, len - n - 1)) {
			memcpy(ret->reason, value + n + 1, len - n - 1);
			return;
		}
	}
	note_reader_fail(r, ERR_FORMAT, "receipt");
}

static void get_head(struct note_reader *r, struct receipt *ret)
{
	static const uint8_t zeros[32];
	struct note_word w[3];
	note_get_words(r, "head", w, 3);
	ret->head_epoch = note_word_u64(r, w[0], INT64_MAX);
	ret->head_seq = note_word_u64(r, w[1], INT64_MAX);
	note_word_b64(r, w[2], ret->head32, sizeof(ret->head32));
	if (!ret->head_epoch)
		note_reader_fail(r, ERR_RANGE, "head");
	if ((ret->head_seq == 0) != (memcmp(ret->head32, zeros, sizeof(zeros)) == 0))
		note_reader_fail(r, ERR_INVAL, "head");
}

int receipt_decode(const char *text, size_t len, struct receipt *ret, struct err *e)
{
	struct receipt v = {0};
	struct note_reader r;
	note_reader_init(&r, text, len, RECEIPT_TYPE);
	note_get_name(&r, "from", v.from, sizeof(v.from));
	note_get_name(&r, "to", v.to, sizeof(v.to));
	v.time_s = note_get_time(&r, "time");
	note_get_hex(&r, "id", v.id16, sizeof(v.id16));
	note_get_b64(&r, "sha256", v.sha256, sizeof(v.sha256));
	get_kind(&r, &v);
	get_head(&r, &v);
	if (strcmp(v.from, v.to) == 0)
		note_reader_fail(&r, ERR_INVAL, "to");
	int code = note_reader_end(&r, e);
	if (code == 0)
		*ret = v;
	return code;
}
