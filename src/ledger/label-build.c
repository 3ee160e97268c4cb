/* SPDX-License-Identifier: Apache-2.0
 * From entries as they were found to checked, sorted rows, and to the bytes of a source file. */
#include "base/text.h"
#include "crypto/crypto.h"
#include "ledger/label-int.h"
#include <string.h>

enum { BUILDER_MEMORY_MAX = 1 << 30, STRINGS_MAX = 256 << 20 };
/* Beyond so many different statements of one source about one address, equal ones are not looked for. */
enum { ALIKE_MAX = 64 };
enum { TICK_ENTRIES = 4096 };

/* ---- strings ---- */

static uint32_t hash_of(const char *s, size_t len)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h;
}

static bool same(const struct strings *t, uint32_t off, const char *s, size_t len)
{
	return off + len < t->text.len && memcmp(t->text.p + off, s, len) == 0 &&
	       !t->text.p[off + len];
}

static int strings_grow(struct strings *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 1024;
	uint32_t *slots = calloc(cap, sizeof(*slots));
	if (!slots)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < t->cap; i++) {
		if (!t->slots[i])
			continue;
		const char *s = (const char *)t->text.p + t->slots[i] - 1;
		uint32_t k = hash_of(s, strlen(s)) & (cap - 1);
		while (slots[k])
			k = (k + 1) & (cap - 1);
		slots[k] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->cap = cap;
	return 0;
}

int builder_string(struct label_builder *b, const char *s, size_t len, uint32_t *ret_off)
{
	struct strings *t = &b->strings;
	if (t->n * 2 >= t->cap) {
		int r = strings_grow(t);
		if (r < 0)
			return r;
	}
	uint32_t k = hash_of(s, len) & (t->cap - 1);
	while (t->slots[k] && !same(t, t->slots[k] - 1, s, len))
		k = (k + 1) & (t->cap - 1);
	if (!t->slots[k]) {
		uint32_t off = (uint32_t)t->text.len;
		buf_put(&t->text, s, len);
		buf_u8(&t->text, 0);
		if (buf_err(&t->text))
			return buf_err(&t->text);
		t->slots[k] = off + 1;
		t->n++;
	}
	*ret_off = t->slots[k] - 1;
	return 0;
}

static const char *text_at(const struct label_builder *b, uint32_t off)
{
	return (const char *)b->strings.text.p + off;
}

/* ---- entries ---- */

int builder_init(struct label_builder *b, struct err *e)
{
	uint32_t zero;
	memset(b, 0, sizeof(*b));
	arena_init(&b->arena, BUILDER_MEMORY_MAX);
	buf_init(&b->strings.text, STRINGS_MAX);
	b->header.cluster = -1;
	b->e = e;
	return builder_string(b, "", 0, &zero);
}

void builder_done(struct label_builder *b)
{
	arena_done(&b->arena);
	buf_done(&b->strings.text);
	free(b->strings.slots);
	free(b->entries);
	free(b->rows);
	free(b->rejects);
	memset(b, 0, sizeof(*b));
}

int builder_entry(struct label_builder *b, struct label_entry **ret)
{
	if (b->entry_n == LABEL_ENTRIES_MAX)
		return err_set(b->e, ERR_OVERSIZE, NULL, "more than %d entries", LABEL_ENTRIES_MAX);
	if (b->entry_n == b->entry_cap) {
		uint32_t cap = b->entry_cap ? b->entry_cap * 2 : 256;
		struct label_entry *p = realloc(b->entries, (size_t)cap * sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		b->entries = p;
		b->entry_cap = cap;
	}
	*ret = &b->entries[b->entry_n++];
	**ret = (struct label_entry){.cluster = -1};
	return 0;
}

void builder_tick(const struct label_builder *b, uint64_t at)
{
	if (b->opt && b->opt->tick)
		b->opt->tick(b->opt->tick_ctx, at / 2, b->len);
}

/* ---- checks ---- */

#define NETS_BTC                                                                \
	(NET_BIT(NET_BITCOIN) | NET_BIT(NET_TESTNET3) | NET_BIT(NET_TESTNET4) | \
	 NET_BIT(NET_SIGNET) | NET_BIT(NET_REGTEST))
#define NETS_BCH (NET_BIT(NET_BITCOIN_CASH) | NET_BIT(NET_BITCOIN_CASH_TESTNET))
#define NETS_LTC (NET_BIT(NET_LITECOIN) | NET_BIT(NET_LITECOIN_TESTNET))

uint32_t label_nets(const char *currency)
{
	static const struct {
		const char *currency;
		uint32_t nets;
	} table[] = {
		{"BTC", NETS_BTC},
		{"XBT", NETS_BTC},
		{"OMNI", NETS_BTC},
		{"BCH", NETS_BCH},
		{"LTC", NETS_LTC},
		{"ETH", NET_BIT(NET_EVM)},
		{"ETC", NET_BIT(NET_EVM)},
		{"ERC20", NET_BIT(NET_EVM)},
		{"USDT", NETS_BTC | NET_BIT(NET_EVM)},
		{"USDC", NET_BIT(NET_EVM)},
		{"ARB", NET_BIT(NET_EVM)},
		{"BSC", NET_BIT(NET_EVM)},
		{"BNB", NET_BIT(NET_EVM)},
		{"BEP20", NET_BIT(NET_EVM)},
		{"MATIC", NET_BIT(NET_EVM)},
		{"AVAX", NET_BIT(NET_EVM)},
		{"FTM", NET_BIT(NET_EVM)},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].currency, currency) == 0)
			return table[i].nets;
	return 0;
}

static void inherit(struct label_entry *t, const struct label_entry *header)
{
	for (int f = 0; f < FIELD_N; f++)
		t->field[f] = t->field[f] ? t->field[f] : header->field[f];
	t->cluster = t->cluster < 0 ? header->cluster : t->cluster;
}

/* Check one entry and make its row. The reason of a refusal is in e. */
static int entry_check(struct label_builder *b, const struct label_entry *t, struct label_row *row,
		       struct err *e)
{
	struct address_info info;
	const char *currency = text_at(b, t->field[FIELD_CURRENCY]);
	if (t->bad)
		return err_set(e, t->bad, NULL, NULL);
	if (!t->address || !*t->address)
		return err_set(e, ERR_FIELD_MISSING, "address", "no address");
	if (!t->field[FIELD_LABEL])
		return err_set(e, ERR_FIELD_MISSING, "label",
			       "no label, neither here nor in the header");
	if (!*currency)
		return err_set(e, ERR_FIELD_MISSING, "currency",
			       "no currency, neither here nor in the header");
	uint32_t nets = label_nets(currency);
	if (!nets)
		return err_set(e, ERR_UNSUPPORTED, "currency", "currency %.32s is not supported",
			       currency);
	int r = address_parse(t->address, strlen(t->address), &info, e);
	if (r < 0)
		return r;
	nets &= info.nets;
	if (!nets)
		return err_set(e, ERR_NETWORK, "address", "not an address of %.32s", currency);
	*row = (struct label_row){.kind = info.address.kind,
				  .len = info.address.len,
				  .flags = t->cluster == 1 ? LABEL_FLAG_CLUSTER : 0,
				  .nets = nets,
				  .line = t->line};
	memcpy(row->payload, info.address.payload, sizeof(row->payload));
	memcpy(row->field, t->field, sizeof(row->field));
	return 0;
}

static int reject_add(struct label_builder *b, const struct label_entry *t, uint32_t entry,
		      const struct err *e)
{
	struct label_reject_row *q = &b->rejects[b->reject_n];
	/* A private key must not be kept anywhere. */
	const char *text = t->address && e->code != -ERR_SECRET ? t->address : "";
	const char *reason = e->message[0] ? e->message : err_sentence(e->code);
	int r = builder_string(b, text, strnlen(text, LABEL_TEXT_MAX), &q->text);
	if (r == 0)
		r = builder_string(b, reason, strlen(reason), &q->reason);
	q->line = t->line;
	q->entry = entry;
	q->code = e->code;
	b->reject_n += r == 0;
	return r;
}

static int row_cmp(const void *a, const void *b)
{
	const struct label_row *x = a, *y = b;
	int c = memcmp(x, y, LABEL_KEY_LEN);
	return c ? c : x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Rows of one address stand together; equal ones among them are found pair by pair, since there are few. */
static void rows_unique(struct label_builder *b)
{
	uint32_t n = 0, group = 0;
	for (uint32_t i = 0; i < b->row_n; i++) {
		const struct label_row *r = &b->rows[i];
		if (!n || memcmp(&b->rows[n - 1], r, LABEL_KEY_LEN) != 0)
			group = n;
		bool known = false;
		for (uint32_t k = group; k < n && !known && n - group < ALIKE_MAX; k++)
			known = b->rows[k].nets == r->nets && b->rows[k].flags == r->flags &&
				memcmp(b->rows[k].field, r->field, sizeof(r->field)) == 0;
		if (!known)
			b->rows[n++] = *r;
	}
	b->duplicate_n = b->row_n - n;
	b->row_n = n;
}

int builder_finish(struct label_builder *b)
{
	size_t n = b->entry_n ? b->entry_n : 1;
	b->rows = calloc(n, sizeof(*b->rows));
	b->rejects = calloc(n, sizeof(*b->rejects));
	if (!b->rows || !b->rejects)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < b->entry_n; i++) {
		struct err why = {0};
		struct label_entry *t = &b->entries[i];
		if (i % TICK_ENTRIES == 0)
			builder_tick(b, b->len + b->len * i / b->entry_n);
		inherit(t, &b->header);
		if (entry_check(b, t, &b->rows[b->row_n], &why) == 0) {
			b->rows[b->row_n++].entry = i + 1;
			continue;
		}
		int r = reject_add(b, t, i + 1, &why);
		if (r < 0)
			return r;
	}
	qsort(b->rows, b->row_n, sizeof(*b->rows), row_cmp);
	rows_unique(b);
	return 0;
}

int builder_write(struct label_builder *b, int64_t now_s, const uint8_t sha256_32[static 32],
		  struct buf *out)
{
	uint8_t sum[LABEL_SUM_LEN];
	struct label_head h = {.version = LABEL_VERSION,
			       .entry_n = b->entry_n,
			       .row_n = b->row_n,
			       .duplicate_n = b->duplicate_n,
			       .reject_n = b->reject_n,
			       .string_len = (uint32_t)b->strings.text.len,
			       .imported_s = now_s,
			       .format = b->format,
			       .title = b->title,
			       .creator = b->creator,
			       .file = b->file};
	memcpy(h.magic, LABEL_MAGIC, sizeof(h.magic));
	memcpy(h.sha256_32, sha256_32, 32);
	buf_put(out, &h, sizeof(h));
	buf_put(out, b->rows, (size_t)b->row_n * sizeof(*b->rows));
	buf_put(out, b->rejects, (size_t)b->reject_n * sizeof(*b->rejects));
	buf_put(out, b->strings.text.p, b->strings.text.len);
	if (buf_err(out))
		return buf_err(out);
	sha256(out->p, out->len, sum);
	buf_put(out, sum, sizeof(sum));
	return buf_err(out);
}
