/* SPDX-License-Identifier: Apache-2.0
 * Where a trace begins, from what people write; and where it stops. */
#include "base/text.h"
#include "chain/hash.h"
#include "ledger/entity.h"
#include "ledger/ledger.h"
#include "report/trace-int.h"
#include <inttypes.h>
#include <string.h>

static int seed_add(struct trace_seeds *s, uint64_t output, struct err *e)
{
	if (s->n == TRACE_SEEDS_MAX)
		return err_set(e, ERR_OVERSIZE, "seed", "more than %d outputs to begin with",
			       TRACE_SEEDS_MAX);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		uint64_t *p = realloc(s->p, cap * sizeof(*p));
		if (!p)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		s->p = p;
		s->cap = cap;
	}
	s->p[s->n++] = output;
	return 0;
}

void trace_seeds_done(struct trace_seeds *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

/* TXID:N or TXID, whose text is known to begin with 64 hex digits. */
static int seeds_tx(struct trace_seeds *s, const struct ledger *l, const char *text,
		    const uint8_t txid32[static 32], struct err *e)
{
	const char *position = text[64] == ':' ? text + 65 : NULL;
	struct ledger_tx tx;
	uint32_t txnum;
	uint64_t n = 0;
	int r = ledger_tx_find(l, txid32, &txnum);
	if (r == 0)
		r = ledger_tx_get(l, txnum, &tx);
	if (r == -ERR_NOENT)
		return err_set(
			e, r, "txid",
			"No transaction %.64s in this ledger, which reaches to block %" PRIu32 ".",
			text, ledger_info(l)->height);
	if (r < 0)
		return err_set(e, r, "txid", NULL);
	if (position &&
	    (dec_parse_u64(position, strlen(position), UINT32_MAX, &n) < 0 || n >= tx.out_n))
		return err_set(e, ERR_RANGE, "output",
			       "The transaction has outputs 0 to %" PRIu32 ", but no \"%.12s\".",
			       tx.out_n - 1, position);
	for (uint64_t i = position ? n : 0; r == 0 && i < (position ? n + 1 : tx.out_n); i++)
		r = seed_add(s, tx.first_out + i, e);
	return r;
}

static int address_find(const struct ledger *l, const char *text, uint32_t *ret_id, struct err *e)
{
	int r = ledger_address_find_text(l, text, ret_id, e);
	if (r == -ERR_NOENT)
		return err_set(
			e, r, "address",
			"%.100s was never seen in this ledger, which reaches to block %" PRIu32 ".",
			text, ledger_info(l)->height);
	if (r == -ERR_FORMAT)
		return err_set(e, r, "seed", "\"%.100s\" is neither TXID:N, TXID nor an address",
			       text);
	return r;
}

static int seeds_address(struct trace_seeds *s, const struct ledger *l, uint32_t id, struct err *e)
{
	uint64_t page[256], after = LEDGER_OUTPUT_NONE;
	int64_t n;
	while ((n = ledger_address_outputs(l, id, after, page, ARRAY_LEN(page))) > 0) {
		for (int64_t i = 0; i < n; i++) {
			int r = ledger_out_known(l, page[i]) ? seed_add(s, page[i], e) : 0;
			if (r < 0)
				return r;
		}
		after = page[n - 1];
	}
	return n < 0 ? err_set(e, (int)n, "ledger", NULL) : 0;
}

static int seeds_entity(struct trace_seeds *s, const struct ledger *l, const struct entities *x,
			uint32_t address, struct err *e)
{
	uint32_t page[256], after = 0, entity;
	int64_t n;
	if (!x)
		return err_set(e, ERR_UNSUPPORTED, "seed",
			       "No entities were made for this ledger yet.");
	entity = entity_of(x, address, ENTITY_TIP);
	while ((n = entity_members(x, entity, ENTITY_TIP, after, page, ARRAY_LEN(page))) > 0) {
		for (int64_t i = 0; i < n; i++) {
			int r = seeds_address(s, l, page[i], e);
			if (r < 0)
				return r;
		}
		after = page[n - 1];
	}
	return n < 0 ? err_set(e, (int)n, "ledger", NULL) : 0;
}

int trace_seeds_add(struct trace_seeds *s, const struct ledger *l, const struct entities *x,
		    const char *text, struct err *e)
{
	static const char entity[] = "entity:";
	bool whole = strncmp(text, entity, sizeof(entity) - 1) == 0;
	uint8_t txid32[32];
	uint32_t id;
	size_t len = strlen(text);
	if (len >= 64 && (len == 64 || text[64] == ':') && hash_parse(text, 64, txid32) == 0)
		return seeds_tx(s, l, text, txid32, e);
	int r = address_find(l, whole ? text + sizeof(entity) - 1 : text, &id, e);
	if (r < 0)
		return r;
	return whole ? seeds_entity(s, l, x, id, e) : seeds_address(s, l, id, e);
}

enum trace_end trace_stop_at(void *stops, uint32_t address)
{
	const struct trace_stops *s = stops;
	struct label one;
	if (s->labels && labels_of(s->ledger, s->labels, address, &one, 1) > 0)
		return TRACE_LABEL;
	if (s->entities && address &&
	    entity_size(s->entities, entity_of(s->entities, address, ENTITY_TIP), ENTITY_TIP) >
		    s->entity_max)
		return TRACE_ENTITY;
	return TRACE_FLOWS;
}
