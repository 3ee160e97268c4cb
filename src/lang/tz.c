/* SPDX-License-Identifier: Apache-2.0
 * TZif to one sorted list of changes: those of the file, then those that its footer gives up to TZ_YEAR_MAX.
 *
 * Invariants: changes[] is sorted by moment without repeats; changes[0] stands for all time before the second. */
#include "lang/tz.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include <string.h>

enum {
	DAY_S = 86400,
	HEADER_LEN = 44,
	TIMES_MAX = 2000,
	TYPES_MAX = 256,
	CHARS_MAX = 512,
	CHANGES_MAX = TIMES_MAX + 2 * (TZ_YEAR_MAX - 1970) + 2,
	FOOTER_MAX = 80,
	OFFSET_MAX_S = 26 * 3600,
	RULE_HOURS_MAX = 167,
};

struct change {
	int64_t at_s;
	int32_t offset_s;
	bool dst;
	char abbr[TZ_ABBR_MAX + 1];
};
struct tz {
	char name[TZ_NAME_MAX + 1];
	size_t changes_n;
	struct change *changes;
};

/* ---- civil dates ---- */

/* Days of an era of 400 years that begins in March, so that the leap day is the last one. */
int64_t civil_days(struct civil c)
{
	int64_t y = c.year - (c.month <= 2), era = (y >= 0 ? y : y - 399) / 400,
		yoe = y - era * 400;
	int64_t doy = (153 * (int64_t)(c.month + (c.month > 2 ? -3u : 9u)) + 2) / 5 + c.day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct civil civil_of(int64_t days)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	uint32_t month = (uint32_t)(mp < 10 ? mp + 3 : mp - 9);
	return (struct civil){(int32_t)(yoe + era * 400 + (month <= 2)), month,
			      (uint32_t)(doy - (153 * mp + 2) / 5 + 1)};
}

uint32_t civil_month_days(int32_t year, uint32_t month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 && leap ? 29 : days[month - 1];
}

uint32_t civil_weekday(int64_t days)
{
	return (uint32_t)(((days + 3) % 7 + 7) % 7);
}

/* ---- the footer: a POSIX TZ string ---- */

/* A day of the year, as M, J or n say it, and a time of that day. */
struct rule {
	char form; /* 'M', 'J', '0' */
	uint32_t month, week, day;
	int32_t time_s;
};
struct footer {
	char std[TZ_ABBR_MAX + 1], dst[TZ_ABBR_MAX + 1];
	int32_t std_s, dst_s;
	bool has_dst;
	struct rule start, end;
};

static char peek(const struct cur *c)
{
	return cur_left(c) ? (char)c->p[c->pos] : 0;
}

static bool take(struct cur *c, char want)
{
	if (peek(c) != want)
		return false;
	(void)cur_u8(c);
	return true;
}

static int get_number(struct cur *c, uint32_t max, uint32_t *ret)
{
	uint32_t v = 0;
	size_t n = 0;
	for (; peek(c) >= '0' && peek(c) <= '9' && n < 4; n++)
		v = v * 10 + (uint32_t)(cur_u8(c) - '0');
	*ret = v;
	return n && v <= max ? 0 : -ERR_FORMAT;
}

static bool is_abbr(char ch, bool quoted)
{
	bool letter = (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
	return letter || (quoted && ((ch >= '0' && ch <= '9') || ch == '+' || ch == '-'));
}

static int get_abbr(struct cur *c, char out[static TZ_ABBR_MAX + 1])
{
	bool quoted = take(c, '<');
	size_t n = 0;
	while (n < TZ_ABBR_MAX && is_abbr(peek(c), quoted))
		out[n++] = (char)cur_u8(c);
	out[n] = 0;
	return n >= 3 && (!quoted || take(c, '>')) ? 0 : -ERR_FORMAT;
}

/* [+-]hh[:mm[:ss]] */
static int get_time(struct cur *c, int32_t *ret_s)
{
	uint32_t h = 0, m = 0, s = 0;
	bool minus = take(c, '-');
	if (!minus)
		(void)take(c, '+');
	int r = get_number(c, RULE_HOURS_MAX, &h);
	if (r >= 0 && take(c, ':'))
		r = get_number(c, 59, &m);
	if (r >= 0 && take(c, ':'))
		r = get_number(c, 59, &s);
	int32_t v = (int32_t)(h * 3600 + m * 60 + s);
	*ret_s = minus ? -v : v;
	return r;
}

static int get_rule(struct cur *c, struct rule *ret)
{
	*ret = (struct rule){.form = '0', .time_s = 2 * 3600};
	int r;
	if (take(c, 'M')) {
		ret->form = 'M';
		r = get_number(c, 12, &ret->month);
		if (r >= 0)
			r = take(c, '.') ? get_number(c, 5, &ret->week) : -ERR_FORMAT;
		if (r >= 0)
			r = take(c, '.') ? get_number(c, 6, &ret->day) : -ERR_FORMAT;
		if (!ret->month || !ret->week)
			return -ERR_FORMAT;
	} else {
		ret->form = take(c, 'J') ? 'J' : '0';
		r = get_number(c, 365, &ret->day);
	}
	return r >= 0 && take(c, '/') ? get_time(c, &ret->time_s) : r;
}

static int get_footer(const char *s, size_t len, struct footer *ret)
{
	struct cur c = cur_init(s, len);
	*ret = (struct footer){0};
	int r = get_abbr(&c, ret->std);
	if (r >= 0)
		r = get_time(&c, &ret->std_s);
	ret->std_s = -ret->std_s; /* POSIX counts to the west */
	ret->dst_s = ret->std_s + 3600;
	if (r < 0 || !cur_left(&c))
		return r;
	ret->has_dst = true;
	r = get_abbr(&c, ret->dst);
	if (r >= 0 && peek(&c) != ',') {
		r = get_time(&c, &ret->dst_s);
		ret->dst_s = -ret->dst_s;
	}
	if (r >= 0)
		r = take(&c, ',') ? get_rule(&c, &ret->start) : -ERR_FORMAT;
	if (r >= 0)
		r = take(&c, ',') ? get_rule(&c, &ret->end) : -ERR_FORMAT;
	return r >= 0 && cur_left(&c) ? -ERR_FORMAT : r;
}

/* The clock face, by the offset before it, at which a rule strikes in a year. */
static int64_t rule_local(const struct rule *r, int32_t year)
{
	int64_t first = civil_days((struct civil){year, 1, 1}), day = first + r->day;
	if (r->form == 'J') { /* 1 to 365, the leap day is never counted */
		bool late = r->day > 59 && civil_month_days(year, 2) == 29;
		day = first + r->day - 1 + late;
	} else if (r->form == 'M') {
		int64_t month = civil_days((struct civil){year, r->month, 1});
		uint32_t sunday0 = (civil_weekday(month) + 1) % 7;
		uint32_t d = (r->day + 7 - sunday0) % 7 + (r->week - 1) * 7;
		while (d >= civil_month_days(year, r->month))
			d -= 7;
		day = month + d;
	}
	return day * DAY_S + r->time_s;
}

/* ---- building ---- */

static void add(struct tz *z, int64_t at_s, int32_t offset_s, bool dst, const char *abbr)
{
	struct change *last = z->changes_n ? &z->changes[z->changes_n - 1] : NULL;
	if (z->changes_n == CHANGES_MAX || (last && at_s <= last->at_s))
		return;
	if (last && last->offset_s == offset_s && last->dst == dst && !strcmp(last->abbr, abbr))
		return;
	struct change *c = &z->changes[z->changes_n++];
	*c = (struct change){at_s, offset_s, dst, ""};
	snprintf(c->abbr, sizeof(c->abbr), "%s", abbr);
}

static void add_rules(struct tz *z, const struct footer *f)
{
	int64_t from_s = z->changes_n ? z->changes[z->changes_n - 1].at_s : INT64_MIN;
	int32_t year = from_s > 0 ? civil_of(from_s / DAY_S).year : 1970;
	if (!f->has_dst) {
		add(z, z->changes_n > 1 ? from_s + 1 : 0, f->std_s, false, f->std);
		return;
	}
	for (; year <= TZ_YEAR_MAX; year++) {
		int64_t on = rule_local(&f->start, year) - f->std_s;
		int64_t off = rule_local(&f->end, year) - f->dst_s;
		if (on < off)
			add(z, on, f->dst_s, true, f->dst);
		add(z, off, f->std_s, false, f->std);
		if (on > off)
			add(z, on, f->dst_s, true, f->dst);
	}
}

struct head {
	uint32_t isut_n, isstd_n, leap_n, time_n, type_n, char_n;
	uint8_t version;
};

static int get_head(struct cur *c, struct head *h)
{
	const uint8_t *magic = cur_bytes(c, 4);
	if (!magic || memcmp(magic, "TZif", 4) != 0)
		return -ERR_FORMAT;
	h->version = cur_u8(c);
	(void)cur_bytes(c, 15);
	h->isut_n = cur_u32be(c);
	h->isstd_n = cur_u32be(c);
	h->leap_n = cur_u32be(c);
	h->time_n = cur_u32be(c);
	h->type_n = cur_u32be(c);
	h->char_n = cur_u32be(c);
	if (c->error < 0 || h->time_n > TIMES_MAX || h->type_n > TYPES_MAX || !h->type_n ||
	    h->char_n > CHARS_MAX || !h->char_n || h->leap_n > TYPES_MAX || h->isut_n > TYPES_MAX ||
	    h->isstd_n > TYPES_MAX)
		return -ERR_FORMAT;
	return h->version < '2' ? -ERR_VERSION : 0;
}

static int64_t be64(const uint8_t *p)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static int add_type(struct tz *z, int64_t at_s, const uint8_t *types, uint32_t type,
		    const struct head *h, const char *chars)
{
	char abbr[TZ_ABBR_MAX + 1] = "";
	if (type >= h->type_n)
		return -ERR_FORMAT;
	const uint8_t *t = types + (size_t)type * 6;
	uint32_t raw = (uint32_t)t[0] << 24 | (uint32_t)t[1] << 16 | (uint32_t)t[2] << 8 | t[3];
	int32_t offset = (int32_t)raw;
	if (t[5] >= h->char_n || offset > OFFSET_MAX_S || offset < -OFFSET_MAX_S)
		return -ERR_FORMAT;
	for (size_t i = 0; i < TZ_ABBR_MAX && t[5] + i < h->char_n && chars[t[5] + i]; i++)
		abbr[i] = chars[t[5] + i];
	add(z, at_s, offset, t[4] != 0, abbr);
	return 0;
}

/* The block with 64-bit times, then the footer between two LF. */
static int get_block(struct tz *z, struct cur *c)
{
	struct head h;
	struct footer f;
	int r = get_head(c, &h);
	if (r < 0)
		return r;
	const uint8_t *times = cur_bytes(c, (size_t)h.time_n * 8), *kinds = cur_bytes(c, h.time_n);
	const uint8_t *types = cur_bytes(c, (size_t)h.type_n * 6);
	const char *chars = (const char *)cur_bytes(c, h.char_n);
	(void)cur_bytes(c, (size_t)h.leap_n * 12 + h.isstd_n + h.isut_n);
	if (c->error < 0 || !take(c, '\n'))
		return -ERR_FORMAT;
	size_t footer_len = cur_left(c) ? cur_left(c) - 1 : 0;
	const char *footer = (const char *)cur_bytes(c, footer_len);
	if (footer_len > FOOTER_MAX || !take(c, '\n'))
		return -ERR_FORMAT;
	r = add_type(z, INT64_MIN, types, 0, &h, chars);
	for (size_t i = 0; r >= 0 && i < h.time_n; i++)
		r = add_type(z, be64(times + i * 8), types, kinds[i], &h, chars);
	if (r < 0 || !footer_len)
		return r;
	r = get_footer(footer, footer_len, &f);
	if (r >= 0)
		add_rules(z, &f);
	return r;
}

static int skip_first_block(struct cur *c)
{
	struct head h;
	int r = get_head(c, &h);
	if (r >= 0)
		(void)cur_bytes(c, (size_t)h.time_n * 5 + (size_t)h.type_n * 6 + h.char_n +
					   (size_t)h.leap_n * 8 + h.isstd_n + h.isut_n);
	return r;
}

static struct tz *zone_new(const char *name)
{
	struct tz *z = calloc(1, sizeof(*z));
	if (!z)
		return NULL;
	snprintf(z->name, sizeof(z->name), "%s", name);
	z->changes = calloc(CHANGES_MAX, sizeof(*z->changes));
	return z->changes ? z : tz_free(z);
}

int tz_parse(const char *name, const void *p, size_t len, struct tz **ret_zone, struct err *e)
{
	_cleanup_(tz_freep) struct tz *z = NULL;
	struct cur c = cur_init(p, len);
	if (len > TZ_FILE_MAX)
		return err_set(e, ERR_OVERSIZE, "zone", NULL);
	z = zone_new(name);
	if (!z)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = skip_first_block(&c);
	if (r >= 0)
		r = get_block(z, &c);
	if (r < 0)
		return err_set(e, r, "zone", "The zoneinfo file of %s is not readable.", name);
	*ret_zone = TAKE_PTR(z);
	return 0;
}

int tz_open(const char *name, struct tz **ret_zone, struct err *e)
{
	char path[sizeof("/usr/share/zoneinfo/") + TZ_NAME_MAX];
	_cleanup_(buf_done) struct buf file;
	buf_init(&file, TZ_FILE_MAX);
	if (!tz_name_valid(name))
		return err_set(e, ERR_INVAL, "zone", "A zone is named like Europe/Rome.");
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	int r = file_read(path, &file, e);
	if (r < 0)
		return err_set(e, r, "zone", "There is no zone %s on this machine.", name);
	return tz_parse(name, file.p, file.len, ret_zone, e);
}

struct tz *tz_utc(void)
{
	struct tz *z = zone_new("UTC");
	if (z)
		add(z, INT64_MIN, 0, false, "UTC");
	return z;
}

struct tz *tz_free(struct tz *z)
{
	if (!z)
		return NULL;
	free(z->changes);
	free(z);
	return NULL;
}

/* ---- asking ---- */

const char *tz_name(const struct tz *z)
{
	return z->name;
}

bool tz_name_valid(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > TZ_NAME_MAX || s[0] == '/' || strstr(s, "//"))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_abbr(s[i], true) && s[i] != '_' && s[i] != '/')
			return false;
	return true;
}

static const struct change *change_at(const struct tz *z, int64_t unix_s)
{
	size_t low = 0, high = z->changes_n; /* changes[low] is at or before it */
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (z->changes[mid].at_s <= unix_s)
			low = mid;
		else
			high = mid;
	}
	return &z->changes[low];
}

int32_t tz_offset(const struct tz *z, int64_t unix_s)
{
	return z ? change_at(z, unix_s)->offset_s : 0;
}

const char *tz_abbr(const struct tz *z, int64_t unix_s)
{
	return z ? change_at(z, unix_s)->abbr : "UTC";
}

int64_t tz_local(const struct tz *z, int64_t unix_s)
{
	return unix_s + tz_offset(z, unix_s);
}

int64_t tz_unix(const struct tz *z, int64_t local_s)
{
	int32_t before = tz_offset(z, local_s - DAY_S);
	int64_t at = local_s - before;
	if (tz_offset(z, at) == before)
		return at;
	int64_t later = local_s - tz_offset(z, at);
	return tz_local(z, later) == local_s ? later : at;
}

int tz_next_change(const struct tz *z, int64_t after_s, struct tz_change *ret)
{
	const struct change *c = change_at(z, after_s);
	if (c + 1 == z->changes + z->changes_n)
		return 0;
	*ret = (struct tz_change){c[1].at_s, c[0].offset_s, c[1].offset_s, c[1].dst, c[1].abbr};
	return 1;
}

const char *tz_text(const struct tz *z, int64_t unix_s, char out[static TZ_TEXT_MAX])
{
	char face[TIME_TEXT_MAX];
	time_utc(tz_local(z, unix_s), face);
	if (strlen(face) < 16)
		snprintf(out, TZ_TEXT_MAX, "-");
	else
		snprintf(out, TZ_TEXT_MAX, "%.10s %.5s %s", face, face + 11, tz_abbr(z, unix_s));
	return out;
}
