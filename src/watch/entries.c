/* SPDX-License-Identifier: Apache-2.0
 * Reading of what is to be watched. Every entry is looked at, so that all mistakes are told at once. */
#include "watch/entries.h"
#include "base/text.h"
#include "chain/hash.h"
#include <stdlib.h>
#include <string.h>

enum { TXID_LEN = 64, TEXT_SHOWN_MAX = 128 };

void watch_entries_done(struct watch_entries *x)
{
	free(x->addresses);
	free(x->seeds);
	json_decref(x->rejects);
	*x = (struct watch_entries){0};
}

/* Room for one more: the array, or another one twice as long; NULL when memory is short. */
static void *room(void *p, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;

	if (n < *cap)
		return p;
	p = realloc(p, more * size);
	*cap = p ? more : *cap;
	return p;
}

static int seed_add(struct watch_entries *x, const struct watch_seed *seed)
{
	struct watch_seed *p = room(x->seeds, x->seed_n, &x->seed_cap, sizeof(*p));

	if (!p)
		return -ERR_NOMEM;
	x->seeds = p;
	p[x->seed_n++] = *seed;
	return 0;
}

static int address_add(struct watch_entries *x, const struct address *a)
{
	struct address *p = room(x->addresses, x->n, &x->cap, sizeof(*p));

	if (!p)
		return -ERR_NOMEM;
	x->addresses = p;
	p[x->n++] = *a;
	return 0;
}

static int reject(struct watch_entries *x, const char *text, size_t len, uint64_t line, int code,
		  const char *reason)
{
	char shown[TEXT_SHOWN_MAX + 1];
	json_t *j;

	if (x->reject_n++ >= WATCH_REJECTS_MAX)
		return 0;
	snprintf(shown, sizeof(shown), "%.*s", (int)(len < TEXT_SHOWN_MAX ? len : TEXT_SHOWN_MAX),
		 text);
	if (code == -ERR_SECRET) /* whoever reads it can spend */
		snprintf(shown, sizeof(shown), "(not shown)");
	utf8_repair(shown);
	if (!x->rejects)
		x->rejects = json_array();
	j = json_pack("{s:I, s:s, s:s, s:s}", "line", (json_int_t)line, "text", shown, "code",
		      err_name(code), "reason", reason[0] ? reason : err_sentence(code));
	return json_array_append_new(x->rejects, j) < 0 ? -ERR_NOMEM : 0;
}

/* TXID or TXID:N. */
static bool is_outpoint(const char *text, size_t len, struct watch_seed *ret)
{
	uint64_t n;

	ret->position = -1;
	if (len < TXID_LEN || hash_parse(text, TXID_LEN, ret->txid32) < 0)
		return false;
	if (len == TXID_LEN)
		return true;
	if (text[TXID_LEN] != ':' ||
	    dec_parse_u64(text + TXID_LEN + 1, len - TXID_LEN - 1, UINT32_MAX, &n) < 0)
		return false;
	ret->position = (int64_t)n;
	return true;
}

int watch_entry(struct watch_entries *x, const char *text, size_t len, uint64_t line)
{
	struct address_info info;
	struct watch_seed seed;
	struct err e = {0};
	int r;

	if (is_outpoint(text, len, &seed))
		return seed_add(x, &seed);
	r = address_parse(text, len, &info, &e);
	if (r < 0)
		return reject(x, text, len, line, r, e.message);
	if (!(info.nets & NET_BIT(network_net(x->network))))
		return reject(x, text, len, line, -ERR_NETWORK, "");
	return address_add(x, &info.address);
}

static int line_read(struct watch_entries *x, const char *text, size_t len, uint64_t line)
{
	const char *comment = memchr(text, '#', len);

	len = comment ? (size_t)(comment - text) : len;
	while (len > 0 && strchr(" \t\r", text[len - 1]))
		len--;
	while (len > 0 && strchr(" \t", text[0])) {
		text++;
		len--;
	}
	if (len > WATCH_LINE_MAX)
		return reject(x, text, len, line, -ERR_OVERSIZE, "the line is too long");
	return len ? watch_entry(x, text, len, line) : 0;
}

int watch_text(struct watch_entries *x, const char *p, size_t len)
{
	const char *at = p, *end = p + len;
	int r = 0;

	for (uint64_t line = 1; r == 0 && at < end; line++) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		const char *stop = lf ? lf : end;

		r = line_read(x, at, (size_t)(stop - at), line);
		at = stop + 1;
	}
	return r;
}
