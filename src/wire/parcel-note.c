/* SPDX-License-Identifier: Apache-2.0
 * Texts of the outer note and of the manifest. Each encoder ends by running its decoder, so that nothing leaves which a
 * receiver would refuse. */
#include "base/text.h"
#include "crypto/crypto.h"
#include "wire/parcel.h"

static const char *const class_names[] = {
	[PARCEL_FLASH] = "flash",
	[PARCEL_URGENT] = "urgent",
	[PARCEL_NORMAL] = "normal",
	[PARCEL_BULK] = "bulk",
};

const char *parcel_class_name(enum parcel_class c)
{
	return class_names[c];
}

static bool is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void put_pair(struct note_writer *w, const char *key, uint64_t a, uint64_t b)
{
	char a_text[24], b_text[24];
	snprintf(a_text, sizeof(a_text), "%llu", (unsigned long long)a);
	snprintf(b_text, sizeof(b_text), "%llu", (unsigned long long)b);
	note_put_words(w, key, (const char *const[]){a_text, b_text}, 2);
}

/* ---- outer note ---- */

int parcel_outer_encode(const struct parcel_outer *o, struct buf *out)
{
	struct parcel_outer check;
	struct note_writer w;
	note_writer_init(&w, out, PARCEL_TYPE);
	note_put_str(&w, "from", o->from);
	note_put_str(&w, "to", o->to);
	put_pair(&w, "stream", o->epoch, o->seq);
	note_put_b64(&w, "prev", o->prev32, sizeof(o->prev32));
	note_put_hex(&w, "id", o->id16, sizeof(o->id16));
	note_put_time(&w, "time", o->time_s);
	note_put_time(&w, "expires", o->expires_s);
	note_put_str(&w, "class",
		     (unsigned)o->class < ARRAY_LEN(class_names) ? class_names[o->class] : "");
	note_put_str(&w, "suite", PARCEL_SUITE);
	note_put_u64(&w, "size", o->size);
	note_put_b64(&w, "sha256", o->sha256, sizeof(o->sha256));
	int r = note_writer_end(&w);
	if (r < 0)
		return r;
	r = parcel_outer_decode((const char *)out->p + w.start, out->len - w.start, &check, NULL);
	return r < 0 ? -ERR_INVAL : 0;
}

static enum parcel_class get_class(struct note_reader *r)
{
	size_t len;
	const char *name = note_get(r, "class", PARCEL_CODE_MAX, &len);
	for (size_t i = 0; i < ARRAY_LEN(class_names); i++)
		if (len == strlen(class_names[i]) && memcmp(name, class_names[i], len) == 0)
			return (enum parcel_class)i;
	note_reader_fail(r, ERR_FORMAT, "class");
	return PARCEL_BULK;
}

static void get_suite(struct note_reader *r)
{
	size_t len;
	const char *suite = note_get(r, "suite", PARCEL_CODE_MAX, &len);
	if (len != strlen(PARCEL_SUITE) || memcmp(suite, PARCEL_SUITE, len) != 0)
		note_reader_fail(r, ERR_UNSUPPORTED, "suite");
}

/* Rules between fields. */
static void outer_rules(struct note_reader *r, const struct parcel_outer *o)
{
	if (strcmp(o->from, o->to) == 0)
		note_reader_fail(r, ERR_INVAL, "to");
	if (!o->epoch || !o->seq)
		note_reader_fail(r, ERR_RANGE, "stream");
	if ((o->seq == 1) != is_zero(o->prev32, sizeof(o->prev32)))
		note_reader_fail(r, ERR_INVAL, "prev");
	if (o->expires_s <= o->time_s)
		note_reader_fail(r, ERR_INVAL, "expires");
	if (!o->size)
		note_reader_fail(r, ERR_RANGE, "size");
}

int parcel_outer_decode(const char *text, size_t len, struct parcel_outer *ret, struct err *e)
{
	struct parcel_outer o = {0};
	struct note_reader r;
	struct note_word stream[2];
	note_reader_init(&r, text, len, PARCEL_TYPE);
	note_get_name(&r, "from", o.from, sizeof(o.from));
	note_get_name(&r, "to", o.to, sizeof(o.to));
	note_get_words(&r, "stream", stream, 2);
	o.epoch = note_word_u64(&r, stream[0], INT64_MAX);
	o.seq = note_word_u64(&r, stream[1], INT64_MAX);
	note_get_b64(&r, "prev", o.prev32, sizeof(o.prev32));
	note_get_hex(&r, "id", o.id16, sizeof(o.id16));
	o.time_s = note_get_time(&r, "time");
	o.expires_s = note_get_time(&r, "expires");
	o.class = get_class(&r);
	get_suite(&r);
	o.size = note_get_u64(&r, "size", PARCEL_FILE_MAX);
	note_get_b64(&r, "sha256", o.sha256, sizeof(o.sha256));
	outer_rules(&r, &o);
	int code = note_reader_end(&r, e);
	if (code == 0)
		*ret = o;
	return code;
}

int parcel_file_check(const struct parcel_outer *o, const void *file, size_t len, struct err *e)
{
	uint8_t hash[SHA256_LEN];
	if (len != o->size)
		return err_set(e, ERR_CRYPTO, "size",
			       "the file has %zu bytes, the outer note says %llu", len,
			       (unsigned long long)o->size);
	sha256(file, len, hash);
	if (memcmp(hash, o->sha256, sizeof(hash)) != 0)
		return err_set(e, ERR_CRYPTO, "sha256",
			       "the file is not the one that the outer note speaks of");
	return 0;
}

/* ---- manifest ---- */

static void put_part(struct note_writer *w, size_t i, const struct parcel_part *part)
{
	char number[24], size[24], hash[BASE64_LEN(SHA256_LEN) + 1];
	snprintf(number, sizeof(number), "%zu", i + 1);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)part->size);
	base64_encode(BASE64_PADDED, part->sha256, sizeof(part->sha256), hash);
	note_put_words(w, "part", (const char *const[]){number, part->media_type, size, hash}, 4);
}

int parcel_manifest_encode(const struct parcel_manifest *m, struct buf *out)
{
	struct parcel_manifest check;
	struct note_writer w;
	if (m->to_n > PARCEL_TO_MAX || m->parts_n > PARCEL_PARTS_MAX)
		return -ERR_INVAL;
	note_writer_init(&w, out, PARCEL_MANIFEST_TYPE);
	note_put_str(&w, "from", m->from);
	for (size_t i = 0; i < m->to_n; i++)
		note_put_str(&w, "to", m->to[i]);
	note_put_str(&w, "officer", m->officer);
	note_put_str(&w, "case", m->case_ref);
	note_put_str(&w, "purpose", m->purpose);
	note_put_str(&w, "basis", m->basis);
	note_put_str(&w, "handling", m->handling);
	note_put_str(&w, "marking", m->marking);
	note_put_str(&w, "grade", m->grade);
	for (size_t i = 0; i < m->parts_n; i++)
		put_part(&w, i, &m->parts[i]);
	note_put_u64(&w, "pad", m->pad);
	int r = note_writer_end(&w);
	if (r < 0)
		return r;
	r = parcel_manifest_decode((const char *)out->p + w.start, out->len - w.start, &check,
				   NULL);
	return r < 0 ? -ERR_INVAL : 0;
}

static void get_to(struct note_reader *r, struct parcel_manifest *m)
{
	while (m->to_n == 0 || note_next_is(r, "to")) {
		if (m->to_n == PARCEL_TO_MAX) {
			note_reader_fail(r, ERR_RANGE, "to");
			return;
		}
		char *to = m->to[m->to_n];
		note_get_name(r, "to", to, sizeof(m->to[0]));
		if (strcmp(to, m->from) == 0 || (m->to_n && strcmp(m->to[m->to_n - 1], to) >= 0))
			note_reader_fail(r, ERR_INVAL, "to");
		m->to_n++;
		if (r->error)
			return;
	}
}

static void get_code(struct note_reader *r, const char *key, char out[static PARCEL_CODE_MAX + 1])
{
	struct note_word w;
	note_get_words(r, key, &w, 1);
	note_word_str(r, w, out, PARCEL_CODE_MAX + 1);
}

/* RFC 6838 4.2 in lower case, without parameters. */
static bool media_type_valid(const char *s)
{
	size_t slashes = 0, run = 0;
	for (; *s; s++) {
		bool word = (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ||
			    strchr("!#$&-^_.+", *s);
		if (*s == '/' && run) {
			slashes++;
			run = 0;
		} else if (word)
			run++;
		else
			return false;
	}
	return slashes == 1 && run;
}

static void get_parts(struct note_reader *r, struct parcel_manifest *m)
{
	while (m->parts_n == 0 || note_next_is(r, "part")) {
		struct note_word w[4];
		if (m->parts_n == PARCEL_PARTS_MAX) {
			note_reader_fail(r, ERR_RANGE, "part");
			return;
		}
		struct parcel_part *part = &m->parts[m->parts_n++];
		note_get_words(r, "part", w, 4);
		if (note_word_u64(r, w[0], PARCEL_PARTS_MAX) != m->parts_n)
			note_reader_fail(r, ERR_FORMAT, "part");
		note_word_str(r, w[1], part->media_type, sizeof(part->media_type));
		if (!media_type_valid(part->media_type))
			note_reader_fail(r, ERR_FORMAT, "part");
		part->size = note_word_u64(r, w[2], PARCEL_PART_MAX);
		if (!part->size)
			note_reader_fail(r, ERR_RANGE, "part");
		note_word_b64(r, w[3], part->sha256, sizeof(part->sha256));
		if (r->error)
			return;
	}
}

int parcel_manifest_decode(const char *text, size_t len, struct parcel_manifest *ret, struct err *e)
{
	struct parcel_manifest m = {0};
	struct note_reader r;
	note_reader_init(&r, text, len, PARCEL_MANIFEST_TYPE);
	note_get_name(&r, "from", m.from, sizeof(m.from));
	get_to(&r, &m);
	get_code(&r, "officer", m.officer);
	get_code(&r, "case", m.case_ref);
	get_code(&r, "purpose", m.purpose);
	get_code(&r, "basis", m.basis);
	get_code(&r, "handling", m.handling);
	get_code(&r, "marking", m.marking);
	get_code(&r, "grade", m.grade);
	get_parts(&r, &m);
	m.pad = note_get_u64(&r, "pad", PARCEL_TEXT_MAX);
	int code = note_reader_end(&r, e);
	if (code == 0)
		*ret = m;
	return code;
}

static bool listed(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s, list[i]) == 0)
			return true;
	return false;
}

bool parcel_handling_known(const struct parcel_manifest *m)
{
	static const char *const handling[] = {"H0", "H1", "H2", "H3"};
	static const char *const marking[] = {"TLP:RED", "TLP:AMBER+STRICT", "TLP:AMBER",
					      "TLP:GREEN", "TLP:CLEAR"};
	const char *g = m->grade;
	return listed(m->handling, handling, ARRAY_LEN(handling)) &&
	       listed(m->marking, marking, ARRAY_LEN(marking)) && strlen(g) == 2 &&
	       strchr("ABCX", g[0]) && strchr("1234", g[1]);
}

bool parcel_to_has(const struct parcel_manifest *m, const char *node)
{
	for (size_t i = 0; i < m->to_n; i++)
		if (strcmp(m->to[i], node) == 0)
			return true;
	return false;
}
