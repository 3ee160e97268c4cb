/* SPDX-License-Identifier: Apache-2.0
 * Totals and pages of an address or an entity.
 *
 * The index lists an address's outputs in ascending order, the entities' file the addresses of an entity; party-walk.c goes
 * through both. A page of transactions needs the `max` smallest (or largest) txnums behind a mark, out of those that paid and those that spent; they
 * are kept in a bounded heap while the lists are walked once, so that memory depends on the page and not on the party. */
#include "ledger/party-int.h"

bool party_has(const struct party *p, uint32_t address)
{
	return address && party_of(p, address) == p->id;
}

uint32_t party_of(const struct party *p, uint32_t address)
{
	return p->x ? entity_of(p->x, address, p->height) : address;
}

uint32_t party_end(const struct party *p)
{
	struct ledger_block b;

	if (p->height == ENTITY_TIP || ledger_block_at(p->l, p->height, &b) < 0)
		return (uint32_t)p->l->v.counts.tx_n;
	return b.first_tx + b.tx_n;
}

/* ---- sets of transactions ---- */

void txset_init(struct txset *s, uint64_t tx_n)
{
	memset(s, 0, sizeof(*s));
	s->tx_n = tx_n;
}

void txset_done(struct txset *s)
{
	free(s->bits);
	s->bits = NULL;
}

static bool bit_set(uint64_t *bits, uint32_t i)
{
	uint64_t mask = UINT64_C(1) << i % 64;
	bool was = bits[i / 64] & mask;

	bits[i / 64] |= mask;
	return was;
}

static void txset_note(struct txset *s, uint32_t txnum)
{
	s->low = s->n == 0 || txnum < s->low ? txnum : s->low;
	s->high = s->n == 0 || txnum > s->high ? txnum : s->high;
	s->n++;
}

int txset_add(struct txset *s, uint32_t txnum)
{
	if (!s->bits) {
		for (uint64_t i = s->n; i-- > 0;)
			if (s->few[i] == txnum)
				return 0;
		if (s->n < TXSET_FEW) {
			s->few[s->n] = txnum;
			txset_note(s, txnum);
			return 1;
		}
		s->bits = calloc(s->tx_n / 64 + 1, sizeof(*s->bits));
		if (!s->bits)
			return -ERR_NOMEM;
		for (uint64_t i = 0; i < s->n; i++)
			(void)bit_set(s->bits, s->few[i]);
	}
	if (bit_set(s->bits, txnum))
		return 0;
	txset_note(s, txnum);
	return 1;
}

/* ---- walking ---- */

enum { WALK_OUTS = 256, WALK_IDS = 1024 };

/* The outputs of one address that were made before `end` are told; foreign ones always are. */
static int each_of(const struct party *p, uint32_t address, uint64_t end,
		   int (*fn)(void *, uint64_t), void *ctx)
{
	uint64_t outs[WALK_OUTS], after = LEDGER_OUTPUT_NONE;

	for (;;) {
		int64_t n = ledger_address_outputs(p->l, address, after, outs, WALK_OUTS);

		if (n < 0)
			return (int)n;
		for (int64_t i = 0; i < n; i++) {
			if (outs[i] >= end && outs[i] < LEDGER_FOREIGN_BASE)
				continue;
			int r = fn(ctx, outs[i]);
			if (r < 0)
				return r;
		}
		if (n < WALK_OUTS)
			return 0;
		after = outs[n - 1];
	}
}

struct walk {
	const struct party *p;
	uint64_t end;
	int (*fn)(void *, uint64_t);
	void *ctx;
};

static int walk_address(void *ctx, uint32_t address)
{
	const struct walk *w = ctx;

	return each_of(w->p, address, w->end, w->fn, w->ctx);
}

int party_each(const struct party *p, int (*fn)(void *ctx, uint64_t output), void *ctx)
{
	struct walk w = {.p = p, .end = ledger_first_out(p->l, party_end(p)), .fn = fn, .ctx = ctx};

	return p->x ? entity_each(p->x, p->id, p->height, walk_address, &w)
		    : walk_address(&w, p->id);
}

/* ---- totals ---- */

struct totals {
	const struct ledger *l;
	uint32_t end;
	struct ledger_balance b;
	struct txset txs;
};

/* One output: made by `made`; lost when its spender is a coinbase. */
static int total_add(struct totals *t, uint64_t o, uint64_t value, uint32_t made, uint32_t spender,
		     bool lost)
{
	struct ledger_balance *b = &t->b;
	int r = 0;

	if (__builtin_add_overflow(b->received, value, &b->received))
		return -ERR_CORRUPT;
	b->received_n++;
	if (o < t->l->v.counts.output_n)
		r = txset_add(&t->txs, made);
	if (r < 0 || spender == 0 || spender >= t->end)
		return r < 0 ? r : 0;
	if (lost) {
		b->lost += value;
		return 0;
	}
	b->sent += value;
	b->sent_n++;
	r = txset_add(&t->txs, spender);
	return r < 0 ? r : 0;
}

static int totals_add(void *ctx, const struct party_batch *x)
{
	struct totals *t = ctx;
	uint64_t value[PARTY_BATCH];
	uint32_t made[PARTY_BATCH];
	bool lost[PARTY_BATCH];
	int r = 0;

	for (size_t i = 0; i < x->n; i++)
		value[i] = ledger_out_value(t->l, x->out[i]);
	for (size_t i = 0; i < x->n; i++)
		lost[i] = view_tx_coinbase(&t->l->v, x->spender[i]);
	party_txs_of(t->l, x->out, x->n, made);
	for (size_t i = 0; r == 0 && i < x->n; i++)
		r = total_add(t, x->out[i], value[i], made[i], x->spender[i], lost[i]);
	return r;
}

static int totals_finish(struct totals *t)
{
	struct ledger_balance *b = &t->b;
	struct ledger_tx first, last;

	if (b->sent + b->lost > b->received)
		return -ERR_CORRUPT;
	b->balance = b->received - b->sent - b->lost;
	b->tx_n = t->txs.n;
	if (b->tx_n == 0)
		return 0;
	b->first_tx = t->txs.low;
	b->last_tx = t->txs.high;
	if (ledger_tx_get(t->l, b->first_tx, &first) < 0 ||
	    ledger_tx_get(t->l, b->last_tx, &last) < 0)
		return -ERR_CORRUPT;
	b->first_seen_s = first.time_s;
	b->last_seen_s = last.time_s;
	return 0;
}

int party_balance(const struct party *p, struct ledger_balance *ret_b)
{
	struct totals t = {.l = p->l, .end = party_end(p)};
	int r;

	txset_init(&t.txs, p->l->v.counts.tx_n);
	r = party_batches(p, false, totals_add, &t);
	if (r == 0)
		r = totals_finish(&t);
	txset_done(&t.txs);
	if (r == 0)
		*ret_b = t.b;
	return r;
}

int ledger_address_balance(const struct ledger *l, uint32_t id, struct ledger_balance *ret_b)
{
	const struct party p = {.l = l, .id = id, .height = ENTITY_TIP};

	return party_balance(&p, ret_b);
}

/* ---- pages of transactions ---- */

/* The transactions wanted for a page: the `max` that come first in its order among those seen, from low_tx to high_tx. They
 * are gathered in room for several pages; when it is full, it is sorted, equal ones go, and all behind the page go. */
struct page {
	const struct ledger *l;
	uint32_t *tx;
	size_t n, max, room;
	uint32_t low_tx, high_tx;   /* the range still wanted; empty when low_tx > high_tx */
	uint64_t low_out, high_out; /* outputs made in that range: low_out <= o < high_out */
	bool newest_first;
};

static void page_bounds(struct page *p)
{
	p->low_out = ledger_first_out(p->l, p->low_tx);
	p->high_out = p->high_tx == UINT32_MAX ? p->l->v.counts.output_n
					       : ledger_first_out(p->l, p->high_tx + 1);
}

static int tx_ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int tx_descending(const void *a, const void *b)
{
	return tx_ascending(b, a);
}

static void page_prune(struct page *p)
{
	size_t n = 0;

	qsort(p->tx, p->n, sizeof(*p->tx), p->newest_first ? tx_descending : tx_ascending);
	for (size_t i = 0; i < p->n && n < p->max; i++)
		if (n == 0 || p->tx[n - 1] != p->tx[i])
			p->tx[n++] = p->tx[i];
	p->n = n;
	if (n < p->max)
		return;
	if (p->newest_first)
		p->low_tx = p->tx[n - 1];
	else
		p->high_tx = p->tx[n - 1];
	page_bounds(p);
}

static void page_add(struct page *p, uint32_t txnum)
{
	if (txnum < p->low_tx || txnum > p->high_tx)
		return;
	if (p->n == p->room)
		page_prune(p);
	p->tx[p->n++] = txnum;
}

static int page_take(void *ctx, const struct party_batch *b)
{
	struct page *p = ctx;

	for (size_t i = 0; i < b->n; i++) {
		uint64_t o = b->out[i];
		uint32_t spender = b->spender[i];

		if (o >= p->low_out && o < p->high_out)
			page_add(p, ledger_tx_of_output(&p->l->v, o));
		if (spender && spender >= p->low_tx && spender <= p->high_tx &&
		    !view_tx_coinbase(&p->l->v, spender))
			page_add(p, spender);
	}
	return 0;
}

static int move_fill(const struct party *p, uint32_t txnum, struct ledger_move *ret)
{
	struct ledger_move m = {.txnum = txnum};
	struct ledger_tx tx;

	if (ledger_tx_get(p->l, txnum, &tx) < 0)
		return -ERR_CORRUPT;
	m.height = tx.height;
	m.time_s = tx.time_s;
	for (uint32_t i = 0; i < tx.out_n; i++)
		if (party_has(p, ledger_out_address(p->l, tx.first_out + i)))
			m.received += ledger_out_value(p->l, tx.first_out + i);
	for (uint32_t i = 0; i < tx.in_n; i++) {
		uint64_t o = ledger_in_output(p->l, tx.first_in + i);

		if (party_has(p, ledger_out_address(p->l, o)))
			m.sent += ledger_out_value(p->l, o);
	}
	*ret = m;
	return 0;
}

/* Set the range; false when it is empty. */
static bool page_range(struct page *g, uint32_t end, int64_t after)
{
	g->high_tx = end - 1;
	if (after >= 0 && g->newest_first) {
		if (after == 0)
			return false;
		g->high_tx = (uint32_t)after - 1 < end - 1 ? (uint32_t)after - 1 : end - 1;
	} else if (after >= 0) {
		if (after >= end)
			return false;
		g->low_tx = (uint32_t)after + 1;
	}
	page_bounds(g);
	return true;
}

enum { PAGE_ROOM = 4 /* pages gathered between two sorts */ };

int64_t party_moves(const struct party *p, enum ledger_order order, int64_t after,
		    struct ledger_move *moves, size_t max)
{
	struct page g = {.l = p->l,
			 .max = max,
			 .room = max * PAGE_ROOM,
			 .newest_first = order == LEDGER_NEWEST_FIRST};
	_cleanup_(freep) uint32_t *room = NULL;
	uint32_t end = party_end(p);
	int r;

	if (max == 0 || max > LEDGER_PAGE_MAX || after < -1 || after > UINT32_MAX)
		return -ERR_RANGE;
	if (end == 0 || !page_range(&g, end, after))
		return 0;
	g.tx = room = malloc(g.room * sizeof(*room));
	if (!room)
		return -ERR_NOMEM;
	r = party_batches(p, g.newest_first, page_take, &g);
	page_prune(&g);
	for (size_t i = 0; r == 0 && i < g.n; i++)
		r = move_fill(p, g.tx[i], &moves[i]);
	return r < 0 ? r : (int64_t)g.n;
}

int64_t ledger_address_moves(const struct ledger *l, uint32_t id, enum ledger_order order,
			     int64_t after, struct ledger_move *moves, size_t max)
{
	const struct party p = {.l = l, .id = id, .height = ENTITY_TIP};

	return party_moves(&p, order, after, moves, max);
}

/* ---- holdings ---- */

struct holdings {
	const struct ledger *l;
	uint64_t *outs;
	size_t n, max;
	uint32_t end;
};
enum { HOLDINGS_FULL = -ERR_QUOTA };

static int holding_add(void *ctx, uint64_t o)
{
	struct holdings *h = ctx;
	uint32_t spender = ledger_out_spender(h->l, o);

	if (spender && spender < h->end)
		return 0;
	h->outs[h->n++] = o;
	return h->n == h->max ? HOLDINGS_FULL : 0;
}

static int holdings_of(const struct party *p, uint32_t address, uint64_t after, uint64_t end_out,
		       struct holdings *h)
{
	uint64_t outs[WALK_OUTS];

	for (;;) {
		int64_t n = ledger_address_outputs(p->l, address, after, outs, WALK_OUTS);

		if (n < 0)
			return (int)n;
		for (int64_t i = 0; i < n; i++) {
			int r = outs[i] >= end_out && outs[i] < LEDGER_FOREIGN_BASE
					? 0
					: holding_add(h, outs[i]);
			if (r < 0)
				return r;
		}
		if (n < WALK_OUTS)
			return 0;
		after = outs[n - 1];
	}
}

int64_t party_holdings(const struct party *p, uint32_t after_address, uint64_t after_output,
		       uint64_t *outs, size_t max)
{
	struct holdings h = {.l = p->l, .outs = outs, .max = max, .end = party_end(p)};
	uint64_t end_out = ledger_first_out(p->l, h.end);
	uint32_t ids[WALK_IDS], at = after_address;
	int r = 0;

	if (max == 0)
		return -ERR_RANGE;
	if (!p->x || after_address)
		r = holdings_of(p, p->x ? after_address : p->id, after_output, end_out, &h);
	while (r == 0 && p->x) {
		int64_t n = entity_members(p->x, p->id, p->height, at, ids, WALK_IDS);

		r = n < 0 ? (int)n : 0;
		for (int64_t i = 0; r == 0 && i < n; i++)
			r = holdings_of(p, ids[i], LEDGER_OUTPUT_NONE, end_out, &h);
		if (n < WALK_IDS)
			break;
		at = ids[n - 1];
	}
	return r < 0 && r != HOLDINGS_FULL ? r : (int64_t)h.n;
}

/* ---- all money ---- */

int ledger_supply(const struct ledger *l, uint32_t height, struct ledger_supply *ret)
{
	const struct party p = {.l = l, .height = height};
	struct ledger_supply s = {.height = height};
	struct ledger_block b;
	uint32_t end = party_end(&p);
	uint64_t end_out = ledger_first_out(l, end);

	if (ledger_block_at(l, height, &b) < 0)
		return -ERR_NOENT;
	_cleanup_(freep) uint64_t *holds = calloc(l->v.counts.address_n / 64 + 1, sizeof(*holds));
	if (!holds)
		return -ERR_NOMEM;
	for (uint64_t o = 0; o < end_out; o++) {
		uint32_t spender = ledger_out_spender(l, o), a = ledger_out_address(l, o);
		uint64_t value = ledger_out_value(l, o);

		if (spender && spender < end && !view_tx_coinbase(&l->v, spender))
			continue;
		if (spender && spender < end) {
			s.lost_n++;
			s.lost += value;
		} else if (a) {
			s.holder_n += !bit_set(holds, a);
			s.unspent_n++;
			s.unspent += value;
		} else {
			s.nobody_n++;
			s.nobody += value;
		}
	}
	*ret = s;
	return 0;
}
