/* SPDX-License-Identifier: Apache-2.0
 * Reader of .mo: header of seven words, then two tables of {length, offset}, ids sorted by their bytes. All is checked when it is
 * opened, so that looking up needs no check. The hash table, which is optional, is not used. */
#include "lang/mo.h"
#include "base/cursor.h"
#include "base/text.h"
#include <string.h>

enum { MO_MAGIC_LE = 0x950412de, MO_ROW_LEN = 8, MO_HEADER_LEN = 28 };

static uint32_t word_at(const struct mo *mo, size_t off)
{
	struct cur c = cur_init(mo->p + off, sizeof(uint32_t));
	return cur_u32le(&c);
}

static const char *row_text(const struct mo *mo, uint32_t table_off, uint32_t n)
{
	return (const char *)mo->p + word_at(mo, table_off + (size_t)n * MO_ROW_LEN + 4);
}

const char *mo_id(const struct mo *mo, uint32_t n)
{
	return row_text(mo, mo->ids_off, n);
}

const char *mo_text(const struct mo *mo, uint32_t n)
{
	return row_text(mo, mo->texts_off, n);
}

static int bad(struct err *e, int code, const char *what)
{
	return err_set(e, code, "mo", "the catalogue of translations is damaged: %s", what);
}

/* One row: inside the file, its NUL behind and none before, UTF-8. */
static int check_row(const struct mo *mo, uint32_t table_off, uint32_t n, struct err *e)
{
	size_t row = table_off + (size_t)n * MO_ROW_LEN, len = word_at(mo, row),
	       off = word_at(mo, row + 4);
	if (off >= mo->len || len >= mo->len - off)
		return bad(e, ERR_TRUNCATED, "a text lies outside of it");
	const char *s = (const char *)mo->p + off;
	if (s[len] || memchr(s, 0, len) || !utf8_valid(s, len))
		return bad(e, ERR_FORMAT, "a text is not UTF-8 with a NUL behind");
	return 0;
}

static int check_tables(const struct mo *mo, struct err *e)
{
	uint64_t table_len = (uint64_t)mo->n * MO_ROW_LEN;
	if (mo->ids_off > mo->len || table_len > mo->len - mo->ids_off || mo->texts_off > mo->len ||
	    table_len > mo->len - mo->texts_off)
		return bad(e, ERR_TRUNCATED, "a table lies outside of it");
	for (uint32_t i = 0; i < mo->n; i++) {
		int r = check_row(mo, mo->ids_off, i, e);
		if (r >= 0)
			r = check_row(mo, mo->texts_off, i, e);
		if (r < 0)
			return r;
		if (i && strcmp(mo_id(mo, i - 1), mo_id(mo, i)) >= 0)
			return bad(e, ERR_FORMAT, "its ids are not in order");
	}
	return 0;
}

int mo_open(const void *p, size_t len, struct mo *ret_mo, struct err *e)
{
	if (len > MO_SIZE_MAX)
		return bad(e, ERR_OVERSIZE, "too large");
	struct cur c = cur_init(p, len);
	uint32_t magic = cur_u32le(&c), revision = cur_u32le(&c);
	struct mo mo = {.p = p, .len = len, .n = cur_u32le(&c)};
	mo.ids_off = cur_u32le(&c);
	mo.texts_off = cur_u32le(&c);
	(void)cur_bytes(&c, MO_HEADER_LEN - c.pos); /* size and place of the hash table */
	if (c.error)
		return bad(e, ERR_TRUNCATED, "no header");
	if (magic != MO_MAGIC_LE || revision != 0)
		return bad(e, ERR_VERSION, "another format");
	if (mo.n > MO_TEXTS_MAX)
		return bad(e, ERR_OVERSIZE, "too many texts");
	int r = check_tables(&mo, e);
	if (r < 0)
		return r;
	*ret_mo = mo;
	return 0;
}

const char *mo_find(const struct mo *mo, const char *id)
{
	uint32_t low = 0, high = mo->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(id, mo_id(mo, middle));
		if (!order) {
			const char *text = mo_text(mo, middle);
			return text[0] ? text : NULL;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
