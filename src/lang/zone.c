/* SPDX-License-Identifier: Apache-2.0
 * TZif (RFC 8536): a first block with 32-bit times, which is skipped, then one with 64-bit times: transitions, the local time
 * type after each, the types, the names. Behind the last transition (the packaged files reach to 2037) its type goes on. */
#include "lang/zone.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/time.h"
#include <string.h>

enum {
	TRANSITIONS_MAX = 2000,
	TYPES_MAX = 256,
	NAMES_MAX = 256,
	OFFSET_MAX_S = 26 * 3600, /* RFC 8536 3.2 */
	TYPE_LEN = 6,
};

struct zone_type {
	int32_t offset_s;
	uint8_t name; /* index into names */
};
struct zone {
	size_t times_n, types_n, names_len;
	int64_t times[TRANSITIONS_MAX];
	uint8_t type_of[TRANSITIONS_MAX];
	struct zone_type types[TYPES_MAX];
	char names[NAMES_MAX + 1];
};

struct counts {
	uint32_t utc, std, leap, time, type, name;
};

static int read_header(struct cur *c, struct counts *ret)
{
	static const char magic[] = "TZif";
	const uint8_t *m = cur_bytes(c, 4);
	uint8_t version = cur_u8(c);
	(void)cur_bytes(c, 15);
	ret->utc = cur_u32be(c);
	ret->std = cur_u32be(c);
	ret->leap = cur_u32be(c);
	ret->time = cur_u32be(c);
	ret->type = cur_u32be(c);
	ret->name = cur_u32be(c);
	if (c->error)
		return -ERR_TRUNCATED;
	if (memcmp(m, magic, 4) != 0 || version < '2')
		return -ERR_VERSION;
	if (ret->time > TRANSITIONS_MAX || ret->type > TYPES_MAX || ret->name > NAMES_MAX ||
	    ret->leap > NAMES_MAX || ret->utc > TYPES_MAX || ret->std > TYPES_MAX)
		return -ERR_RANGE;
	return 0;
}

/* Bytes of a block behind its header. */
static size_t block_len(const struct counts *n, size_t time_len)
{
	return n->time * (time_len + 1) + n->type * TYPE_LEN + n->name + n->leap * (time_len + 4) +
	       n->std + n->utc;
}

static int read_types(struct cur *c, struct zone *z)
{
	for (size_t i = 0; i < z->types_n; i++) {
		z->types[i].offset_s = (int32_t)cur_u32be(c);
		(void)cur_u8(c); /* whether it is summer time: the name says so */
		z->types[i].name = cur_u8(c);
		if (z->types[i].offset_s > OFFSET_MAX_S || z->types[i].offset_s < -OFFSET_MAX_S ||
		    z->types[i].name >= z->names_len)
			return c->error ? -ERR_TRUNCATED : -ERR_RANGE;
	}
	return 0;
}

static int read_block(struct cur *c, const struct counts *n, struct zone *z)
{
	z->times_n = n->time;
	z->types_n = n->type;
	z->names_len = n->name;
	for (size_t i = 0; i < z->times_n; i++) {
		z->times[i] = (int64_t)cur_u64be(c);
		if (i && z->times[i] <= z->times[i - 1])
			return c->error ? -ERR_TRUNCATED : -ERR_FORMAT;
	}
	for (size_t i = 0; i < z->times_n; i++) {
		z->type_of[i] = cur_u8(c);
		if (z->type_of[i] >= z->types_n)
			return -ERR_FORMAT;
	}
	int r = read_types(c, z);
	if (r < 0)
		return r;
	cur_copy(c, z->names, z->names_len);
	if (c->error)
		return -ERR_TRUNCATED;
	return z->types_n && z->names_len && !z->names[z->names_len - 1] ? 0 : -ERR_FORMAT;
}

int zone_parse(const void *p, size_t len, struct zone **ret_zone, struct err *e)
{
	struct counts n;
	struct cur c = cur_init(p, len);
	_cleanup_(zone_closep) struct zone *z = calloc(1, sizeof(*z));
	if (!z)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = len > ZONE_FILE_MAX ? -ERR_OVERSIZE : read_header(&c, &n);
	if (r >= 0 && !cur_bytes(&c, block_len(&n, 4)))
		r = -ERR_TRUNCATED;
	if (r >= 0)
		r = read_header(&c, &n);
	if (r >= 0)
		r = read_block(&c, &n, z);
	if (r < 0)
		return err_set(e, r, "zone", "the zone's file cannot be read");
	*ret_zone = TAKE_PTR(z);
	return 0;
}

static int name_check(const char *name)
{
	size_t len = strnlen(name, ZONE_NAME_MAX + 1);
	if (!len || len > ZONE_NAME_MAX || name[0] == '/' || strstr(name, "..") ||
	    strstr(name, "//"))
		return -ERR_INVAL;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") ==
			       len
		       ? 0
		       : -ERR_INVAL;
}

int zone_open(const char *name, struct zone **ret_zone, struct err *e)
{
	char path[ZONE_NAME_MAX + 32];
	struct buf bytes _cleanup_(buf_done);
	buf_init(&bytes, ZONE_FILE_MAX);
	int r = name_check(name);
	if (r < 0)
		return err_set(e, r, "zone", "a zone is named like Europe/Rome");
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	r = file_read(path, &bytes, e);
	if (r < 0)
		return err_set(e, r, "zone", "there is no zone %s on this machine", name);
	return zone_parse(bytes.p, bytes.len, ret_zone, e);
}

struct zone *zone_close(struct zone *z)
{
	free(z);
	return NULL;
}

/* The type in force: that of the last transition not after the moment; before the first one, type 0. */
static const struct zone_type *type_at(const struct zone *z, int64_t unix_s)
{
	size_t low = 0, high = z->times_n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (z->times[middle] <= unix_s)
			low = middle + 1;
		else
			high = middle;
	}
	return &z->types[low ? z->type_of[low - 1] : 0];
}

int32_t zone_offset_s(const struct zone *z, int64_t unix_s)
{
	return z ? type_at(z, unix_s)->offset_s : 0;
}

const char *zone_abbreviation(const struct zone *z, int64_t unix_s)
{
	return z ? z->names + type_at(z, unix_s)->name : "UTC";
}

const char *zone_local(const struct zone *z, int64_t unix_s, char out[static ZONE_TEXT_MAX])
{
	char utc[TIME_TEXT_MAX];
	time_utc(unix_s + zone_offset_s(z, unix_s), utc);
	if (strlen(utc) < 16)
		snprintf(out, ZONE_TEXT_MAX, "-");
	else
		snprintf(out, ZONE_TEXT_MAX, "%.10s %.5s %.16s", utc, utc + 11,
			 zone_abbreviation(z, unix_s));
	return out;
}
