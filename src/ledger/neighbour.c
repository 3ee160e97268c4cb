/* SPDX-License-Identifier: Apache-2.0
 * Whom a party received from and sent to (docs/format/entity.md 4): each of its transactions once, its part shared out to the
 * other side in proportion, and summed up by neighbour. */
#include "ledger/party-int.h"

enum { TABLE_MIN = 64, NOBODY = 0 };

/* One part of the side that a party's money is shared out to. */
struct share {
	uint64_t value, amount, remainder;
	uint32_t id, place;
};
struct gather {
	const struct party *p;
	enum party_side side;
	uint64_t tx_max;
	uint32_t end;
	struct txset seen;
	struct neighbours n;
	uint64_t *slot; /* row + 1 by hash of the id; 0 is free */
	uint64_t slot_n;
	struct share *share;
	size_t share_cap;
};

static int slots_grow(struct gather *g)
{
	uint64_t cap = g->slot_n ? g->slot_n * 2 : TABLE_MIN;
	uint64_t *slot = calloc(cap, sizeof(*slot));
	struct neighbour *row = realloc(g->n.row, cap / 2 * sizeof(*row));

	if (row)
		g->n.row = row;
	if (!slot || !row) {
		free(slot);
		return -ERR_NOMEM;
	}
	for (uint64_t i = 0; i < g->n.n; i++) {
		uint64_t k = row[i].id * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (cap - 1);

		while (slot[k])
			k = (k + 1) & (cap - 1);
		slot[k] = i + 1;
	}
	free(g->slot);
	g->slot = slot;
	g->slot_n = cap;
	return 0;
}

static int row_add(struct gather *g, uint32_t id, uint64_t amount, uint32_t txnum)
{
	if (g->n.n * 2 >= g->slot_n) {
		int r = slots_grow(g);
		if (r < 0)
			return r;
	}
	uint64_t k = id * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (g->slot_n - 1);
	while (g->slot[k] && g->n.row[g->slot[k] - 1].id != id)
		k = (k + 1) & (g->slot_n - 1);
	if (!g->slot[k]) {
		g->n.row[g->n.n] =
			(struct neighbour){.id = id, .first_tx = txnum, .last_tx = txnum};
		g->slot[k] = ++g->n.n;
	}
	struct neighbour *row = &g->n.row[g->slot[k] - 1];
	row->amount += amount;
	row->tx_n++;
	row->first_tx = txnum < row->first_tx ? txnum : row->first_tx;
	row->last_tx = txnum > row->last_tx ? txnum : row->last_tx;
	return 0;
}

static int by_remainder(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Share `part` of `total` out over the values, which together are `total`: rounded down, then one unit each by remainder. */
static void share_out(struct share *s, uint32_t n, uint64_t total, uint64_t part)
{
	uint64_t left = part;

	for (uint32_t i = 0; i < n; i++) {
		unsigned __int128 x = (unsigned __int128)s[i].value * part;

		s[i].amount = (uint64_t)(x / total);
		s[i].remainder = (uint64_t)(x % total);
		left -= s[i].amount;
	}
	if (!left)
		return;
	qsort(s, n, sizeof(*s), by_remainder);
	for (uint32_t i = 0; i < n && left; i++, left--)
		s[i].amount++;
}

static int shares_room(struct gather *g, size_t n)
{
	if (n <= g->share_cap)
		return 0;
	struct share *s = realloc(g->share, n * 2 * sizeof(*s));
	if (!s)
		return -ERR_NOMEM;
	g->share = s;
	g->share_cap = n * 2;
	return 0;
}

/* One side of a transaction as shares. 1: an amount is unknown. */
static int side_load(struct gather *g, const struct ledger_tx *tx, bool outs, uint64_t *ret_sum,
		     uint64_t *ret_own)
{
	uint32_t n = outs ? tx->out_n : tx->in_n;

	*ret_sum = *ret_own = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t o = outs ? tx->first_out + i : ledger_in_output(g->p->l, tx->first_in + i);
		uint32_t a = ledger_out_address(g->p->l, o);
		uint64_t v = ledger_out_value(g->p->l, o);

		if (!ledger_out_known(g->p->l, o))
			return 1;
		g->share[i] = (struct share){.value = v, .id = party_of(g->p, a), .place = i};
		if (__builtin_add_overflow(*ret_sum, v, ret_sum))
			return -ERR_CORRUPT;
		*ret_own += a && g->share[i].id == g->p->id ? v : 0;
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Each neighbour's shares together; whoever got nothing is none. */
static int note_shares(struct gather *g, uint32_t n, uint32_t txnum)
{
	int r = 0;

	qsort(g->share, n, sizeof(*g->share), by_id);
	for (uint32_t i = 0, k; r == 0 && i < n; i = k) {
		uint64_t amount = 0;

		for (k = i; k < n && g->share[k].id == g->share[i].id; k++)
			amount += g->share[k].amount;
		if (g->share[i].id == g->p->id)
			g->n.self += amount;
		else if (amount)
			r = row_add(g, g->share[i].id, amount, txnum);
	}
	return r;
}

/* Take the fee's share, which is no neighbour's, out of the shares. */
static void fee_take(struct gather *g, uint32_t n, uint32_t fee_place)
{
	for (uint32_t i = 0; i < n; i++) {
		if (g->share[i].place != fee_place)
			continue;
		g->n.fees += g->share[i].amount;
		g->share[i] = g->share[n - 1];
		return;
	}
}

/* What both sides of a transaction come to, and the party's part; the side to share out to stays in g->share. */
struct sides {
	uint64_t in, out, part;
};
static int sides_load(struct gather *g, const struct ledger_tx *tx, struct sides *ret)
{
	bool sent = g->side == PARTY_SENT;
	uint64_t near, far, ignored;
	int r = shares_room(g, (size_t)(tx->in_n > tx->out_n ? tx->in_n : tx->out_n) + 1);

	if (r == 0)
		r = side_load(g, tx, !sent, &near, &ret->part);
	if (r == 0)
		r = side_load(g, tx, sent, &far, &ignored);
	if (r != 0)
		return r;
	ret->in = sent ? near : far;
	ret->out = sent ? far : near;
	return !tx->coinbase && ret->out > ret->in ? -ERR_CORRUPT : 0;
}

static int tx_note(struct gather *g, uint32_t txnum)
{
	bool sent = g->side == PARTY_SENT;
	struct ledger_tx tx;
	struct sides s;

	if (ledger_tx_get(g->p->l, txnum, &tx) < 0)
		return -ERR_CORRUPT;
	int r = sides_load(g, &tx, &s);
	if (r != 0) {
		g->n.unknown_n += r == 1;
		return r < 0 ? r : 0;
	}
	uint32_t n = sent ? tx.out_n : tx.in_n;
	g->n.tx_n++;
	g->n.total += s.part;
	if (!s.part)
		return 0;
	if (tx.coinbase)
		return row_add(g, NOBODY, s.part, txnum);
	if (sent)
		g->share[n] = (struct share){.value = s.in - s.out, .place = n};
	share_out(g->share, n + sent, s.in, s.part);
	if (sent)
		fee_take(g, n + 1, n);
	return note_shares(g, n, txnum);
}

static int gather_output(void *ctx, uint64_t o)
{
	struct gather *g = ctx;
	const struct ledger *l = g->p->l;
	uint32_t t;

	if (g->side == PARTY_RECEIVED) {
		if (o >= l->v.counts.output_n)
			return 0;
		t = ledger_tx_of_output(&l->v, o);
	} else {
		t = ledger_out_spender(l, o);
		if (!t || t >= g->end || view_tx_coinbase(&l->v, t))
			return 0;
	}
	if (g->n.tx_n >= g->tx_max || g->n.n >= NEIGHBOURS_MAX) {
		g->n.partial = true;
		return -ERR_BUDGET;
	}
	int r = txset_add(&g->seen, t);
	return r == 1 ? tx_note(g, t) : r;
}

static int by_amount(const void *a, const void *b)
{
	const struct neighbour *x = a, *y = b;

	if (x->amount != y->amount)
		return x->amount > y->amount ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

int party_neighbours(const struct party *p, enum party_side side, uint64_t tx_max,
		     struct neighbours *ret)
{
	struct gather g = {.p = p,
			   .side = side,
			   .tx_max = tx_max ? tx_max : NEIGHBOUR_TX_MAX,
			   .end = party_end(p)};
	int r;

	txset_init(&g.seen, p->l->v.counts.tx_n);
	r = party_each(p, gather_output, &g);
	r = g.n.partial ? 0 : r;
	txset_done(&g.seen);
	free(g.slot);
	free(g.share);
	memset(ret, 0, sizeof(*ret));
	if (r < 0) {
		neighbours_done(&g.n);
		return r;
	}
	if (g.n.n)
		qsort(g.n.row, g.n.n, sizeof(*g.n.row), by_amount);
	*ret = g.n;
	return 0;
}

void neighbours_done(struct neighbours *n)
{
	free(n->row);
	memset(n, 0, sizeof(*n));
}
