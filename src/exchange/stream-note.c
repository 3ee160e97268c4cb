/* SPDX-License-Identifier: Apache-2.0
 * Head, reset, refusal and non-delivery notes as text (docs/protocol/streams.md 3.1, 4.1, 5, 6), and frames (1). */
#include "exchange/stream-note.h"
#include "base/cleanup.h"
#include "base/text.h"
#include <string.h>

static void put_between(struct note_writer *w, const char *from, const char *to)
{
	note_put_str(w, "from", from);
	note_put_str(w, "to", to);
}

static void get_between(struct note_reader *r, char *from, char *to)
{
	note_get_name(r, "from", from, STREAM_NAME_MAX + 1);
	note_get_name(r, "to", to, STREAM_NAME_MAX + 1);
}

static const char *dec(uint64_t v, char out[static 24])
{
	snprintf(out, 24, "%llu", (unsigned long long)v);
	return out;
}

static void put_at(struct note_writer *w, const char *key, const struct stream_at *at)
{
	char epoch[24], seq[24], chain[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, at->chain32, 32, chain);
	const char *words[] = {dec(at->epoch, epoch), dec(at->seq, seq), chain};
	note_put_words(w, key, words, ARRAY_LEN(words));
}

static void get_at(struct note_reader *r, const char *key, struct stream_at *at)
{
	static const uint8_t zero[32];
	struct note_word w[3];
	note_get_words(r, key, w, ARRAY_LEN(w));
	at->epoch = note_word_u64(r, w[0], INT64_MAX);
	at->seq = note_word_u64(r, w[1], INT64_MAX);
	note_word_b64(r, w[2], at->chain32, 32);
	if (!r->error && (at->epoch == 0 || (at->seq == 0) != (memcmp(at->chain32, zero, 32) == 0)))
		note_reader_fail(r, -ERR_RANGE, key);
}

static void put_range(struct note_writer *w, const char *key, uint64_t first, uint64_t last)
{
	char a[24], b[24];
	const char *words[] = {dec(first, a), dec(last, b)};
	note_put_words(w, key, words, ARRAY_LEN(words));
}

static void put_stop(struct note_writer *w, const struct stream_head *h)
{
	char a[BASE64_LEN(32) + 1], b[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, h->stop_a32, 32, a);
	base64_encode(BASE64_PADDED, h->stop_b32, 32, b);
	const char *words[] = {a, b};
	note_put_words(w, "stopped", words, ARRAY_LEN(words));
}

int stream_head_encode(const struct stream_head *h, struct buf *out)
{
	struct note_writer w;
	note_writer_init(&w, out, STREAM_TYPE_HEAD);
	put_between(&w, h->from, h->to);
	note_put_time(&w, "time", h->time_ms);
	put_at(&w, "received", &h->received);
	note_put_u64(&w, "top", h->top);
	put_at(&w, "sent", &h->sent);
	put_range(&w, "shown", h->shown_epoch, h->shown_seq);
	for (size_t i = 0; i < h->missing_n; i++)
		put_range(&w, "missing", h->missing[i].first, h->missing[i].last);
	if (h->stopped)
		put_stop(&w, h);
	return note_writer_end(&w);
}

static void get_shown(struct note_reader *r, struct stream_head *h)
{
	struct note_word w[2];
	note_get_words(r, "shown", w, ARRAY_LEN(w));
	h->shown_epoch = note_word_u64(r, w[0], INT64_MAX);
	h->shown_seq = note_word_u64(r, w[1], INT64_MAX);
	if (!r->error && h->shown_epoch == 0)
		note_reader_fail(r, -ERR_RANGE, "shown");
}

static void get_missing(struct note_reader *r, struct stream_head *h)
{
	while (!r->error && note_next_is(r, "missing")) {
		struct note_word w[2];
		note_get_words(r, "missing", w, ARRAY_LEN(w));
		if (h->missing_n == STREAM_MISSING_MAX) {
			note_reader_fail(r, -ERR_RANGE, "missing");
			return;
		}
		uint64_t first = note_word_u64(r, w[0], INT64_MAX),
			 last = note_word_u64(r, w[1], INT64_MAX);
		uint64_t after = h->missing_n ? h->missing[h->missing_n - 1].last : h->received.seq;
		if (!r->error && (first <= after || last < first))
			note_reader_fail(r, -ERR_RANGE, "missing");
		h->missing[h->missing_n].first = first;
		h->missing[h->missing_n++].last = last;
	}
}

int stream_head_decode(const char *text, size_t len, struct stream_head *ret, struct err *e)
{
	struct stream_head h = {0};
	struct note_reader r;
	note_reader_init(&r, text, len, STREAM_TYPE_HEAD);
	get_between(&r, h.from, h.to);
	h.time_ms = note_get_time(&r, "time");
	get_at(&r, "received", &h.received);
	h.top = note_get_u64(&r, "top", INT64_MAX);
	if (!r.error && h.top < h.received.seq)
		note_reader_fail(&r, -ERR_RANGE, "top");
	get_at(&r, "sent", &h.sent);
	get_shown(&r, &h);
	get_missing(&r, &h);
	if (note_next_is(&r, "stopped")) {
		struct note_word w[2];
		note_get_words(&r, "stopped", w, ARRAY_LEN(w));
		note_word_b64(&r, w[0], h.stop_a32, 32);
		note_word_b64(&r, w[1], h.stop_b32, 32);
		h.stopped = true;
	}
	int k = note_reader_end(&r, e);
	if (k >= 0)
		*ret = h;
	return k;
}

int stream_reset_encode(const struct stream_reset *r, struct buf *out)
{
	struct note_writer w;
	note_writer_init(&w, out, STREAM_TYPE_RESET);
	put_between(&w, r->from, r->to);
	note_put_time(&w, "time", r->time_s);
	note_put_u64(&w, "epoch", r->epoch);
	put_at(&w, "last", &r->last);
	note_put_str(&w, "reason", r->reason);
	return note_writer_end(&w);
}

int stream_reset_decode(const char *text, size_t len, struct stream_reset *ret, struct err *e)
{
	struct stream_reset s = {0};
	struct note_reader r;
	note_reader_init(&r, text, len, STREAM_TYPE_RESET);
	get_between(&r, s.from, s.to);
	s.time_s = note_get_time(&r, "time");
	s.epoch = note_get_u64(&r, "epoch", INT64_MAX);
	get_at(&r, "last", &s.last);
	note_get_name(&r, "reason", s.reason, sizeof(s.reason));
	if (!r.error && s.epoch <= s.last.epoch)
		note_reader_fail(&r, -ERR_RANGE, "epoch");
	if (!r.error && strcmp(s.reason, "restored") != 0 && strcmp(s.reason, "refused") != 0)
		note_reader_fail(&r, -ERR_FORMAT, "reason");
	int k = note_reader_end(&r, e);
	if (k >= 0)
		*ret = s;
	return k;
}

int stream_refusal_encode(const struct stream_refusal *r, struct buf *out)
{
	struct note_writer w;
	note_writer_init(&w, out, STREAM_TYPE_REFUSAL);
	put_between(&w, r->from, r->to);
	note_put_time(&w, "time", r->time_s);
	note_put_hex(&w, "id", r->id16, 16);
	note_put_str(&w, "code", r->code);
	return note_writer_end(&w);
}

int stream_refusal_decode(const char *text, size_t len, struct stream_refusal *ret, struct err *e)
{
	struct stream_refusal s = {0};
	struct note_reader r;
	note_reader_init(&r, text, len, STREAM_TYPE_REFUSAL);
	get_between(&r, s.from, s.to);
	s.time_s = note_get_time(&r, "time");
	note_get_hex(&r, "id", s.id16, 16);
	note_get_name(&r, "code", s.code, sizeof(s.code));
	int k = note_reader_end(&r, e);
	if (k >= 0)
		*ret = s;
	return k;
}

int stream_non_delivery_encode(const struct stream_non_delivery *n, struct buf *out)
{
	struct note_writer w;
	note_writer_init(&w, out, STREAM_TYPE_NON_DELIVERY);
	put_between(&w, n->from, n->to);
	note_put_time(&w, "time", n->time_s);
	note_put_hex(&w, "id", n->id16, 16);
	note_put_time(&w, "expires", n->expires_s);
	note_put_u64(&w, "tries", n->tries);
	note_put_str(&w, "code", n->code);
	return note_writer_end(&w);
}

int stream_non_delivery_decode(const char *text, size_t len, struct stream_non_delivery *ret,
			       struct err *e)
{
	struct stream_non_delivery s = {0};
	struct note_reader r;
	note_reader_init(&r, text, len, STREAM_TYPE_NON_DELIVERY);
	get_between(&r, s.from, s.to);
	s.time_s = note_get_time(&r, "time");
	note_get_hex(&r, "id", s.id16, 16);
	s.expires_s = note_get_time(&r, "expires");
	s.tries = note_get_u64(&r, "tries", INT64_MAX);
	note_get_name(&r, "code", s.code, sizeof(s.code));
	int k = note_reader_end(&r, e);
	if (k >= 0)
		*ret = s;
	return k;
}

/* ---- frames ---- */

void frame_put(struct buf *b, const void *p, size_t len)
{
	buf_u32be(b, (uint32_t)len);
	buf_put(b, p, len);
}

int frame_next(struct cur *c, const void **ret_p, size_t *ret_len)
{
	if (cur_left(c) == 0)
		return c->error;
	uint32_t len = cur_u32be(c);
	if (c->error || len == 0)
		return -ERR_FORMAT;
	if (len > EXCHANGE_FRAME_MAX)
		return -ERR_OVERSIZE;
	*ret_p = cur_bytes(c, len);
	*ret_len = len;
	return c->error ? -ERR_FORMAT : 1;
}
