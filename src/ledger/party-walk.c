/* SPDX-License-Identifier: Apache-2.0
 * All that a party was paid, in batches and in whatever order comes cheapest.
 *
 * A large entity has hundreds of thousands of outputs, scattered over every column. Asked one by one, each waits for memory several
 * times; in a batch the reads of one column are independent of each other, and the processor has many of them under way. So
 * segments are taken one after another, the addresses of the party are looked up in each in ascending order, and what is found is
 * handed over with what the columns say of it. */
#include "ledger/party-int.h"
#include "ledger/segment.h"

struct batch_walk {
	const struct party *p;
	const struct ledger_segment *segment;
	uint64_t at;	  /* in the segment's older addresses */
	uint32_t last;	  /* address; each part of an entity begins again with a low one */
	uint64_t end_out; /* outputs from here on do not exist, but for foreign ones */
	party_batch_fn *fn;
	void *ctx;
	uint32_t owner[PARTY_BATCH];
	struct party_batch b;
};

/* Each output is checked to be of its address. */
static int batch_flush(struct batch_walk *w)
{
	const struct ledger *l = w->p->l;
	struct party_batch *b = &w->b;
	uint32_t wrong = 0;

	for (size_t i = 0; i < b->n; i++)
		wrong |= ledger_out_address(l, b->out[i]) ^ w->owner[i];
	if (wrong)
		return -ERR_CORRUPT;
	for (size_t i = 0; i < b->n; i++)
		b->spender[i] = ledger_out_spender(l, b->out[i]);
	int r = b->n ? w->fn(w->ctx, b) : 0;
	b->n = 0;
	return r;
}

static int batch_list(struct batch_walk *w, uint32_t address, const struct segment_list *list)
{
	struct party_batch *b = &w->b;

	for (uint64_t i = 0; i < list->n; i++) {
		uint64_t o = ledger_load40(list->p + i * 5);

		if (o >= w->end_out && o < LEDGER_FOREIGN_BASE)
			continue;
		w->owner[b->n] = address;
		b->out[b->n++] = o;
		if (b->n == PARTY_BATCH) {
			int r = batch_flush(w);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int batch_address(void *ctx, uint32_t address)
{
	struct batch_walk *w = ctx;
	struct segment_list list;
	w->at = address > w->last ? w->at : 0;
	w->last = address;
	int r = segment_list_next(w->segment, address, &w->at, &list);

	return r < 0 ? r : batch_list(w, address, &list);
}

static int batch_segment(struct batch_walk *w)
{
	const struct party *p = w->p;

	w->at = w->last = 0;
	int r = p->x ? entity_each(p->x, p->id, p->height, batch_address, w)
		     : batch_address(w, p->id);
	return r < 0 ? r : batch_flush(w);
}

int party_batches(const struct party *p, bool newest_first, party_batch_fn *fn, void *ctx)
{
	struct batch_walk w = {
		.p = p, .end_out = ledger_first_out(p->l, party_end(p)), .fn = fn, .ctx = ctx};
	uint32_t n = p->l->manifest.segment_n;
	int r = 0;

	if (!p->x && (p->id == 0 || p->id >= p->l->v.counts.address_n))
		return -ERR_RANGE;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		w.segment = &p->l->segment[newest_first ? n - 1 - i : i];
		r = batch_segment(&w);
	}
	return r;
}

/* ---- the transactions of outputs ---- */

/* Searches side by side, so that they wait for memory together: LANES at a time, halving what is left of the groups, then of
 * the group's transactions. */
enum { LANES = 8 };

static void txs_of_few(const struct ledger_view *v, const uint64_t *out, size_t n, uint32_t *ret)
{
	uint64_t low[LANES] = {0}, from[LANES], half;
	const uint8_t *delta = v->col[LEDGER_COL_TX_OUT_DELTA];

	for (uint64_t len = (v->counts.tx_n + LEDGER_GROUP_TX - 1) / LEDGER_GROUP_TX; len > 1;
	     len -= half) {
		half = len / 2;
		for (size_t i = 0; i < n; i++) {
			uint64_t base = view_u64(v, LEDGER_COL_TX_OUT_BASE, low[i] + half);
			low[i] += base <= out[i] ? half : 0;
		}
	}
	for (size_t i = 0; i < n; i++) {
		from[i] = out[i] - view_u64(v, LEDGER_COL_TX_OUT_BASE, low[i]);
		low[i] *= LEDGER_GROUP_TX;
	}
	for (half = LEDGER_GROUP_TX / 2; half > 0; half /= 2)
		for (size_t i = 0; i < n; i++) {
			uint64_t mid = low[i] + half;
			bool up = mid < v->counts.tx_n && ledger_load24(delta + mid * 3) <= from[i];
			low[i] += up ? half : 0;
		}
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint32_t)low[i];
}

void party_txs_of(const struct ledger *l, const uint64_t *out, size_t n, uint32_t *ret_tx)
{
	for (size_t i = 0; i < n; i += LANES)
		txs_of_few(&l->v, out + i, n - i < LANES ? n - i : LANES, ret_tx + i);
}
