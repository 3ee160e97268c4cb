/* SPDX-License-Identifier: Apache-2.0
 * The two sides of a transaction on one line (taint.md 2), and whether it is an equal-output CoinJoin (taint.md 3). */
#include "ledger/trace-int.h"
#include <string.h>

enum { JOIN_EQUAL_MIN = 3 };

static int parts_grow(struct parts *ps, uint32_t n)
{
	uint32_t cap = ps->cap ? ps->cap : 64;
	while (cap < n)
		cap *= 2;
	struct part *p = realloc(ps->p, (size_t)cap * sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	ps->p = p;
	ps->cap = cap;
	return 0;
}

int parts_add(struct parts *ps, uint64_t id, uint64_t value)
{
	if (ps->n == ps->cap && parts_grow(ps, ps->n + 1) < 0)
		return -ERR_NOMEM;
	if (__builtin_add_overflow(ps->value, value, &ps->value))
		return -ERR_CORRUPT;
	ps->p[ps->n++] = (struct part){.id = id, .value = value, .reached = TRACE_NONE};
	return 0;
}

int runs_add(struct runs *rs, uint64_t off, uint64_t len)
{
	if (rs->n == rs->cap) {
		uint32_t cap = rs->cap ? rs->cap * 2 : 64;
		struct trace_run *p = realloc(rs->p, (size_t)cap * sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		rs->p = p;
		rs->cap = cap;
	}
	rs->p[rs->n++] = (struct trace_run){.off = off, .len = len};
	return 0;
}

static int load_ins(struct parts *ps, const struct trace_source *s, const struct trace_tx *tx)
{
	for (uint32_t i = 0; i < tx->in_n; i++) {
		uint64_t o = s->in_output(s->ctx, tx->first_in + i);
		if (!output_valid(s, o))
			return -ERR_CORRUPT;
		if (!s->out_known(s->ctx, o))
			return 1;
		int r = parts_add(ps, o, s->out_value(s->ctx, o));
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_outs(struct parts *ps, const struct trace_source *s, const struct trace_tx *tx)
{
	for (uint32_t i = 0; i < tx->out_n; i++) {
		uint64_t o = tx->first_out + i;
		int r = parts_add(ps, o, s->out_value(s->ctx, o));
		if (r < 0)
			return r;
	}
	return 0;
}

/* The fee of another transaction: 0, 1 unknown, or an error. */
static int fee_of(const struct trace_source *s, uint32_t txnum, uint64_t *ret_fee)
{
	struct trace_tx tx;
	uint64_t in = 0, out = 0;
	s->tx(s->ctx, txnum, &tx);
	for (uint32_t i = 0; i < tx.in_n; i++) {
		uint64_t o = s->in_output(s->ctx, tx.first_in + i);
		if (!output_valid(s, o))
			return -ERR_CORRUPT;
		if (!s->out_known(s->ctx, o))
			return 1;
		if (__builtin_add_overflow(in, s->out_value(s->ctx, o), &in))
			return -ERR_CORRUPT;
	}
	for (uint32_t i = 0; i < tx.out_n; i++)
		if (__builtin_add_overflow(out, s->out_value(s->ctx, tx.first_out + i), &out))
			return -ERR_CORRUPT;
	*ret_fee = in - out;
	return out > in ? -ERR_CORRUPT : 0;
}

/* Left side of a coinbase: minted money, then the fees of its block. No trace comes here unless fees are followed. */
static int load_coinbase(struct flow *f, const struct trace_source *s, uint32_t txnum)
{
	struct trace_block b;
	struct parts *ps = &f->left;
	bool unknown = false;
	int r = parts_add(ps, PART_MINTED, 0);
	s->block(s->ctx, txnum, &b);
	for (uint32_t i = 1; r >= 0 && i < b.tx_n; i++) {
		uint64_t fee = 0;
		r = fee_of(s, b.first_tx + i, &fee);
		unknown |= r > 0;
		if (r >= 0)
			r = parts_add(ps, TRACE_FEE | (b.first_tx + i), fee);
	}
	if (r < 0 || unknown)
		return r < 0 ? r : 1;
	if (ps->value <= f->right.value) {
		ps->p[0].value = f->right.value - ps->value;
		ps->value = f->right.value;
		return 0;
	}
	return parts_add(&f->right, PART_GONE, ps->value - f->right.value);
}

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* How often the most frequent amount above zero occurs; of several the largest. v is sorted. */
static uint32_t most_frequent(uint64_t *v, uint32_t n, uint64_t *ret_value)
{
	uint32_t best = 0, run = 0;
	qsort(v, n, sizeof(*v), u64_cmp);
	for (uint32_t i = 0; i < n; i++) {
		run = i && v[i] == v[i - 1] ? run + 1 : 1;
		if (v[i] && run >= best) {
			best = run;
			*ret_value = v[i];
		}
	}
	return best;
}

/* Different values among v that are not 0. */
static uint32_t distinct(uint64_t *v, uint32_t n)
{
	uint32_t k = 0;
	qsort(v, n, sizeof(*v), u64_cmp);
	for (uint32_t i = 0; i < n; i++)
		k += v[i] && (!i || v[i] != v[i - 1]);
	return k;
}

/* The rule itself; v has room for as many values as either side has. */
static int joined_with(const struct trace_source *s, const struct trace_tx *tx, uint64_t *v)
{
	uint64_t value = 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < tx->out_n; i++)
		v[i] = s->out_value(s->ctx, tx->first_out + i);
	uint32_t k = most_frequent(v, tx->out_n, &value);
	if (k < JOIN_EQUAL_MIN || tx->in_n < k || tx->out_n > 2 * (uint64_t)k + 1)
		return 0;
	for (uint32_t i = 0; i < tx->out_n; i++)
		if (s->out_value(s->ctx, tx->first_out + i) == value)
			v[n++] = s->out_address(s->ctx, tx->first_out + i);
	if (distinct(v, n) != k)
		return 0;
	for (uint32_t i = 0; i < tx->in_n; i++) {
		uint64_t o = s->in_output(s->ctx, tx->first_in + i);
		if (!output_valid(s, o))
			return -ERR_CORRUPT;
		v[i] = s->out_address(s->ctx, o);
	}
	return distinct(v, tx->in_n) >= k;
}

int trace_joined(const struct trace_source *s, uint32_t txnum)
{
	enum { FEW = 64 };
	uint64_t few[FEW];
	struct trace_tx tx;
	s->tx(s->ctx, txnum, &tx);
	/* Most transactions end here. */
	if (tx.in_n < JOIN_EQUAL_MIN || tx.out_n < JOIN_EQUAL_MIN)
		return 0;
	uint32_t n = tx.in_n > tx.out_n ? tx.in_n : tx.out_n;
	if (n <= FEW)
		return joined_with(s, &tx, few);
	_cleanup_(freep) uint64_t *many = malloc((size_t)n * sizeof(*many));
	return many ? joined_with(s, &tx, many) : -ERR_NOMEM;
}

/* What both ways of loading end with: is it joined, and its fee. */
static int flow_close(struct flow *f, const struct trace_source *s, enum trace_fees fees,
		      uint32_t txnum)
{
	if (f->right.value > f->left.value)
		return -ERR_CORRUPT;
	/* Most transactions are too small. */
	if (f->left.n >= JOIN_EQUAL_MIN && f->right.n >= JOIN_EQUAL_MIN) {
		int r = trace_joined(s, txnum);
		if (r < 0)
			return r;
		f->joined = r;
	}
	return parts_add(&f->right, fees == TRACE_FEES_FOLLOW ? TRACE_FEE | txnum : PART_GONE,
			 f->left.value - f->right.value);
}

static void flow_clear(struct flow *f)
{
	f->left.n = f->right.n = 0;
	f->left.value = f->right.value = 0;
	f->joined = false;
}

int flow_load(struct flow *f, const struct trace_source *s, enum trace_fees fees, uint32_t txnum)
{
	struct trace_tx tx;
	flow_clear(f);
	s->tx(s->ctx, txnum, &tx);
	if (tx.in_n > TRACE_ROWS_MAX || tx.out_n > TRACE_ROWS_MAX)
		return -ERR_CORRUPT;
	int r = load_outs(&f->right, s, &tx);
	if (r < 0)
		return r;
	if (!tx.in_n)
		return load_coinbase(f, s, txnum);
	r = load_ins(&f->left, s, &tx);
	return r != 0 ? r : flow_close(f, s, fees, txnum);
}

/* Rows as parts; 1 when an amount among them is unknown. id: of the first, when they are consecutive, else of each. */
static int parts_rows(struct parts *ps, const uint64_t *ids, uint64_t id, const uint64_t *value,
		      uint32_t n)
{
	bool unknown = false;
	if (n > ps->cap && parts_grow(ps, n) < 0)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		ps->p[i] = (struct part){
			.id = ids ? ids[i] : id + i, .value = value[i], .reached = TRACE_NONE};
		unknown |= value[i] == TRACE_VALUE_UNKNOWN;
		if (__builtin_add_overflow(ps->value, value[i], &ps->value) && !unknown)
			return -ERR_CORRUPT;
	}
	ps->n = n;
	return unknown;
}

int flow_batch(struct flow *f, const struct trace_source *s, enum trace_fees fees,
	       const struct trace_batch *b, uint32_t k)
{
	uint32_t in = k ? b->in_end[k - 1] : 0, out = k ? b->out_end[k - 1] : 0;
	flow_clear(f);
	int r = parts_rows(&f->right, NULL, b->first_out + out, b->out_value + out,
			   b->out_end[k] - out);
	if (r == 0)
		r = parts_rows(&f->left, b->in_output + in, 0, b->in_value + in, b->in_end[k] - in);
	return r != 0 ? r : flow_close(f, s, fees, b->first_tx + k);
}

void flow_done(struct flow *f)
{
	free(f->left.p);
	free(f->right.p);
	memset(f, 0, sizeof(*f));
}
