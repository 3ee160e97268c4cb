/* SPDX-License-Identifier: Apache-2.0
 * Typed texts of notes: lines `key value` in fixed order, written and read so that each value has exactly one text. */
#include "base/cleanup.h"
#include "base/text.h"
#include "wire/note.h"

/* ---- writing ---- */

static void writer_fail(struct note_writer *w, int code)
{
	if (!w->error)
		w->error = -code;
}

void note_writer_init(struct note_writer *w, struct buf *out, const char *type)
{
	*w = (struct note_writer){.out = out, .start = out->len};
	if (strlen(type) > NOTE_TYPE_MAX ||
	    strncmp(type, NOTE_TYPE_PREFIX, strlen(NOTE_TYPE_PREFIX)) != 0)
		writer_fail(w, ERR_INVAL);
	buf_str(out, type);
	buf_u8(out, '\n');
}

static void put_line(struct note_writer *w, const char *key, const char *value, size_t len)
{
	if (!len || !utf8_clean(value, len))
		writer_fail(w, ERR_INVAL);
	if (w->error)
		return;
	buf_str(w->out, key);
	buf_u8(w->out, ' ');
	buf_put(w->out, value, len);
	buf_u8(w->out, '\n');
}

void note_put_str(struct note_writer *w, const char *key, const char *value)
{
	put_line(w, key, value, strlen(value));
}

void note_put_u64(struct note_writer *w, const char *key, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	put_line(w, key, text, (size_t)n);
}

void note_put_time(struct note_writer *w, const char *key, int64_t unix_s)
{
	if (unix_s < 0 || unix_s > NOTE_TIME_MAX)
		writer_fail(w, ERR_INVAL);
	else
		note_put_u64(w, key, (uint64_t)unix_s);
}

enum { BYTES_MAX = 1024 }; /* bytes of one value: hashes, keys, ids */

void note_put_b64(struct note_writer *w, const char *key, const void *p, size_t len)
{
	char text[BASE64_LEN(BYTES_MAX) + 1];
	if (len > BYTES_MAX)
		writer_fail(w, ERR_OVERSIZE);
	else
		put_line(w, key, text, base64_encode(BASE64_PADDED, p, len, text));
}

void note_put_hex(struct note_writer *w, const char *key, const void *p, size_t len)
{
	char text[2 * BYTES_MAX + 1];
	if (len > BYTES_MAX) {
		writer_fail(w, ERR_OVERSIZE);
		return;
	}
	hex_encode(p, len, text);
	put_line(w, key, text, 2 * len);
}

void note_put_words(struct note_writer *w, const char *key, const char *const *words, size_t n)
{
	if (!n)
		writer_fail(w, ERR_INVAL);
	for (size_t i = 0; i < n; i++)
		if (!*words[i] || strchr(words[i], ' ') || !utf8_clean(words[i], strlen(words[i])))
			writer_fail(w, ERR_INVAL);
	if (w->error)
		return;
	buf_str(w->out, key);
	for (size_t i = 0; i < n; i++) {
		buf_u8(w->out, ' ');
		buf_str(w->out, words[i]);
	}
	buf_u8(w->out, '\n');
}

int note_writer_end(struct note_writer *w)
{
	if (w->error)
		return w->error;
	if (buf_err(w->out))
		return buf_err(w->out);
	return w->out->len - w->start > NOTE_TEXT_MAX ? -ERR_OVERSIZE : 0;
}

/* ---- reading ---- */

void note_reader_fail(struct note_reader *r, int code, const char *field)
{
	if (r->error)
		return;
	r->error = code < 0 ? code : -code;
	r->field = field;
}

/* Of "lugdunum.network/parcel/v1" the characters before the number of the version. */
static size_t kind_len(const char *type, size_t len)
{
	while (len && type[len - 1] >= '0' && type[len - 1] <= '9')
		len--;
	return len;
}

void note_reader_init(struct note_reader *r, const void *text, size_t len, const char *type)
{
	size_t line_len, type_len = strlen(type), kind = kind_len(type, type_len);
	*r = (struct note_reader){.c = cur_init(text, len), .field = "type"};
	if (len > NOTE_TEXT_MAX) {
		note_reader_fail(r, ERR_OVERSIZE, "type");
		return;
	}
	const char *line = cur_line(&r->c, NOTE_TYPE_MAX, &line_len);
	if (!line)
		note_reader_fail(r, ERR_KEY_TYPE, "type");
	else if (line_len == type_len && memcmp(line, type, type_len) == 0)
		return;
	else if (line_len > kind && memcmp(line, type, kind) == 0 &&
		 kind_len(line, line_len) == kind)
		note_reader_fail(r, ERR_VERSION, "type");
	else
		note_reader_fail(r, ERR_KEY_TYPE, "type");
}

static bool line_has_key(const char *line, size_t len, const char *key)
{
	size_t key_len = strlen(key);
	return len > key_len && memcmp(line, key, key_len) == 0 && line[key_len] == ' ';
}

bool note_next_is(const struct note_reader *r, const char *key)
{
	struct cur ahead = r->c;
	size_t len;
	if (r->error)
		return false;
	const char *line = cur_line(&ahead, NOTE_TEXT_MAX, &len);
	return line && line_has_key(line, len, key);
}

const char *note_get(struct note_reader *r, const char *key, size_t max, size_t *ret_len)
{
	size_t len, key_len = strlen(key);
	*ret_len = 0;
	if (r->error)
		return "";
	if (!note_next_is(r, key)) {
		note_reader_fail(r, ERR_FIELD_MISSING, key);
		return "";
	}
	const char *line = cur_line(&r->c, NOTE_TEXT_MAX, &len);
	len -= key_len + 1;
	line += key_len + 1;
	if (!len || !utf8_clean(line, len) || len > max) {
		note_reader_fail(r, len > max ? ERR_OVERSIZE : ERR_FORMAT, key);
		return "";
	}
	*ret_len = len;
	return line;
}

void note_get_str(struct note_reader *r, const char *key, char *out, size_t out_size)
{
	size_t len;
	const char *value = note_get(r, key, out_size - 1, &len);
	memcpy(out, value, len);
	memset(out + len, 0, out_size - len);
}

void note_get_name(struct note_reader *r, const char *key, char *out, size_t out_size)
{
	note_get_str(r, key, out, out_size);
	if (!r->error && !name_valid(out, strlen(out)))
		note_reader_fail(r, ERR_FORMAT, key);
	if (r->error)
		memset(out, 0, out_size);
}

uint64_t note_word_u64(struct note_reader *r, struct note_word w, uint64_t max)
{
	uint64_t v = 0;
	if (r->error)
		return 0;
	int code = dec_parse_u64(w.p, w.len, max, &v);
	if (code < 0)
		note_reader_fail(r, code, r->field);
	return code < 0 ? 0 : v;
}

void note_word_b64(struct note_reader *r, struct note_word w, void *out, size_t len)
{
	size_t got = 0;
	if (!r->error &&
	    (base64_decode(BASE64_PADDED, w.p, w.len, out, len, &got) < 0 || got != len))
		note_reader_fail(r, ERR_FORMAT, r->field);
	if (r->error)
		memset(out, 0, len);
}

void note_word_str(struct note_reader *r, struct note_word w, char *out, size_t out_size)
{
	if (w.len >= out_size)
		note_reader_fail(r, ERR_OVERSIZE, r->field);
	size_t len = r->error ? 0 : w.len;
	if (len)
		memcpy(out, w.p, len);
	memset(out + len, 0, out_size - len);
}

/* The value as one word, with the field noted for errors. */
static struct note_word get_value(struct note_reader *r, const char *key, size_t max)
{
	struct note_word w;
	w.p = note_get(r, key, max, &w.len);
	if (!r->error)
		r->field = key;
	return w;
}

uint64_t note_get_u64(struct note_reader *r, const char *key, uint64_t max)
{
	return note_word_u64(r, get_value(r, key, 20), max);
}

int64_t note_get_time(struct note_reader *r, const char *key)
{
	return (int64_t)note_get_u64(r, key, NOTE_TIME_MAX);
}

void note_get_b64(struct note_reader *r, const char *key, void *out, size_t len)
{
	note_word_b64(r, get_value(r, key, NOTE_TEXT_MAX), out, len);
}

void note_get_hex(struct note_reader *r, const char *key, void *out, size_t len)
{
	struct note_word w = get_value(r, key, NOTE_TEXT_MAX);
	bool upper = false;
	for (size_t i = 0; i < w.len; i++)
		upper |= w.p[i] >= 'A' && w.p[i] <= 'F';
	if (!r->error && (upper || hex_decode(w.p, w.len, out, len) < 0))
		note_reader_fail(r, ERR_FORMAT, key);
	if (r->error)
		memset(out, 0, len);
}

void note_get_words(struct note_reader *r, const char *key, struct note_word *words, size_t n)
{
	struct note_word rest = get_value(r, key, NOTE_TEXT_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *space = i + 1 < n ? memchr(rest.p, ' ', rest.len) : NULL;
		size_t len = space ? (size_t)(space - rest.p) : rest.len;
		words[i] = (struct note_word){rest.p, len};
		if (!r->error && (!len || (i + 1 < n) != !!space || memchr(rest.p, ' ', len)))
			note_reader_fail(r, ERR_FORMAT, key);
		rest.p += len + !!space;
		rest.len -= len + !!space;
	}
	for (size_t i = 0; r->error && i < n; i++)
		words[i] = (struct note_word){"", 0};
}

int note_reader_end(struct note_reader *r, struct err *e)
{
	if (!r->error && cur_left(&r->c))
		note_reader_fail(r, ERR_FIELD_UNKNOWN, "unknown line");
	if (!r->error && cur_end(&r->c) < 0)
		note_reader_fail(r, cur_end(&r->c), r->field);
	if (r->error)
		return err_set(e, r->error, r->field, "note, field '%s': %s", r->field,
			       err_sentence(r->error));
	return 0;
}
