/* SPDX-License-Identifier: Apache-2.0
 * What a person sees: colours, tables, progress bars, safe text. */
#include "base/text.h"
#include "base/time.h"
#include "lug/lug-int.h"
#include <limits.h>
#include <stdarg.h>
#include <wchar.h>

enum {
	TABLE_MEMORY_MAX = 64 << 20,
	PROGRESS_BAR = 24,
	PROGRESS_FIRST_MS = 500,
	PROGRESS_EVERY_MS = 100
};

const char *color(const struct lug *l, enum color c)
{
	static const char *const codes[] = {"\033[0m",	"\033[1m",  "\033[2m",
					    "\033[32m", "\033[33m", "\033[31m"};
	return l->color ? codes[c] : "";
}

static bool json_is_printed; /* stdout holds the one value of this run */

bool lug_json_printed(void)
{
	return json_is_printed;
}

static int written(bool ok, struct err *e)
{
	return ok ? 0
		  : err_set(e, err_errno(errno), NULL, "cannot write the output: %s",
			    strerror(errno));
}

int lug_print_json_item(const char *text, size_t len, struct err *e)
{
	bool ok = fputs(json_is_printed ? ",\n" : "[\n", stdout) != EOF;
	json_is_printed = true;
	return written(ok && fwrite(text, 1, len, stdout) == len, e);
}

int lug_print_json_end(struct err *e)
{
	bool ok = puts(json_is_printed ? "\n]" : "[]") != EOF && fflush(stdout) != EOF;
	json_is_printed = true;
	return written(ok, e);
}

int lug_print_json(json_t *j, struct err *e)
{
	_cleanup_(freep) char *text =
		j ? json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY) : NULL;
	json_decref(j);
	if (!text)
		return err_set(e, -ERR_NOMEM, NULL, NULL);
	int r = written(puts(text) != EOF && fflush(stdout) != EOF, e);
	json_is_printed = r == 0;
	return r;
}

/* Length of a C0 or C1 control, or of a character that reorders text; 0 for any other. */
static size_t unsafe_len(const char *s)
{
	/* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069 */
	static const char *const reorder[] = {"\u200e", "\u200f", "\u202a", "\u202b",
					      "\u202c", "\u202d", "\u202e", "\u2066",
					      "\u2067", "\u2068", "\u2069"};
	unsigned char c = (unsigned char)s[0], d = (unsigned char)s[1];
	if (c < 0x20 || c == 0x7f)
		return 1;
	if (c == 0xc2 && d >= 0x80 && d <= 0x9f)
		return 2;
	for (size_t i = 0; i < ARRAY_LEN(reorder); i++)
		if (strncmp(s, reorder[i], 3) == 0)
			return 3;
	return 0;
}

char *text_safe(char *s)
{
	char *to = s;
	for (const char *from = s; *from;) {
		size_t n = unsafe_len(from);
		if (n) {
			*to++ = '?';
			from += n;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
	return s;
}

const char *text_utf8(const char *from, char *to, size_t size)
{
	size_t n = 0;
	while (*from && n + 1 < size) {
		size_t len = 1;
		while (len < 4 && from[len] && ((unsigned char)from[len] & 0xc0) == 0x80)
			len++;
		if (n + len + 1 > size)
			break;
		if (utf8_valid(from, len)) {
			memcpy(to + n, from, len);
			n += len;
		} else {
			to[n++] = '?';
		}
		from += len;
	}
	to[n] = 0;
	return to;
}

const char *time_both(const char *utc, char out[static TIME_BOTH_MAX])
{
	char local[TIME_TEXT_MAX];
	int64_t unix_s;
	if (time_parse(utc, strlen(utc), &unix_s) < 0)
		return "-";
	snprintf(out, TIME_BOTH_MAX, "%s (%s)", utc, time_local(unix_s, local));
	return out;
}

/* Columns on a terminal: CJK and full-width forms take two, combining marks none, as the C library knows them. */
static size_t text_width(const char *s)
{
	size_t width = 0;
	mbstate_t state = {0};
	while (*s) {
		wchar_t wc;
		size_t n = mbrtowc(&wc, s, MB_LEN_MAX, &state);
		if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
			state = (mbstate_t){0};
			width++;
			s++;
			continue;
		}
		int w = wcwidth(wc);
		width += w > 0 ? (size_t)w : 0;
		s += n;
	}
	return width;
}

void table_init(struct table *t, const char *const *heads)
{
	*t = (struct table){.heads = heads};
	arena_init(&t->arena, TABLE_MEMORY_MAX);
	while (heads[t->columns_n] && t->columns_n < TABLE_COLUMNS_MAX)
		t->columns_n++;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	_cleanup_(freep) char *owned = len < 0 ? NULL : text;
	if (t->cells_n == t->cells_cap) {
		size_t cap = t->cells_cap ? t->cells_cap * 2 : 256;
		const char **cells = reallocarray(t->cells, cap, sizeof(*cells));
		if (!cells) {
			t->error = -ERR_NOMEM;
			return;
		}
		t->cells = cells;
		t->cells_cap = cap;
	}
	char *kept = owned ? arena_str(&t->arena, owned, (size_t)len) : NULL;
	if (!kept)
		t->error = -ERR_NOMEM;
	else
		t->cells[t->cells_n++] = text_safe(kept);
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
	int pad = (int)(width - text_width(text));
	if (right)
		printf("%*s%s", pad, "", text);
	else if (last)
		fputs(text, stdout);
	else
		printf("%s%*s", text, pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

int table_print(struct table *t, const struct lug *l)
{
	size_t width[TABLE_COLUMNS_MAX] = {0}, n = t->columns_n;
	if (t->error)
		return t->error;
	for (size_t c = 0; c < n; c++)
		width[c] = text_width(t->heads[c] + (t->heads[c][0] == '>'));
	for (size_t i = 0; i < t->cells_n; i++) {
		size_t w = text_width(t->cells[i]);
		if (w > width[i % n])
			width[i % n] = w;
	}
	fputs(color(l, COLOR_BOLD), stdout);
	for (size_t c = 0; c < n; c++) {
		bool right = t->heads[c][0] == '>';
		print_cell(t->heads[c] + right, width[c], right, c == n - 1);
	}
	fputs(color(l, COLOR_OFF), stdout);
	for (size_t i = 0; i < t->cells_n; i++)
		print_cell(t->cells[i], width[i % n], t->heads[i % n][0] == '>', i % n == n - 1);
	return 0;
}

void table_done(struct table *t)
{
	arena_done(&t->arena);
	free(t->cells);
	t->cells = NULL;
}

void progress_start(struct progress *p, const struct lug *l, const char *what, const char *unit,
		    uint64_t total)
{
	*p = (struct progress){
		.l = l, .what = what, .unit = unit, .total = total, .start_ms = time_mono_ms()};
}

static void progress_amount(char *out, size_t size, double v, const char *unit)
{
	bool bytes = strcmp(unit, "B") == 0;
	if (v >= 1e9)
		snprintf(out, size, "%.2f %s", v / 1e9, bytes ? "GB" : "G");
	else if (v >= 1e6)
		snprintf(out, size, "%.1f %s", v / 1e6, bytes ? "MB" : "M");
	else
		snprintf(out, size, "%.0f %s", v, unit);
}

void progress_at(struct progress *p, uint64_t done, const char *note)
{
	int64_t now = time_mono_ms(), since = now - p->start_ms;
	if (!p->l->progress || since < PROGRESS_FIRST_MS || now - p->drawn_ms < PROGRESS_EVERY_MS)
		return;
	char amount[32], rate[32], left[TIME_SPAN_MAX + 8] = "", bar[PROGRESS_BAR + 1];
	double per_s = (double)done * 1000 / (double)since;
	progress_amount(amount, sizeof(amount), (double)done, p->unit);
	progress_amount(rate, sizeof(rate), per_s, p->unit);
	int filled = p->total ? (int)((double)done / (double)p->total * PROGRESS_BAR) : 0;
	for (int i = 0; i < PROGRESS_BAR; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[PROGRESS_BAR] = 0;
	if (p->total > done && per_s > 0) {
		char span[TIME_SPAN_MAX];
		snprintf(left, sizeof(left), ", %s left",
			 time_span((int64_t)((double)(p->total - done) / per_s), span));
	}
	fprintf(stderr, "\r\033[K%s [%s] %s, %s/s%s%s%s", p->what, bar, amount, rate, left,
		note ? ", " : "", note ? note : "");
	p->drawn = true;
	p->drawn_ms = now;
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}
