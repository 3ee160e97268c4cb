/* SPDX-License-Identifier: Apache-2.0
 * The policies: how taint crosses a transaction. Each is one rule on the line of taint.md 2, the same in both directions. */
#include "ledger/trace-int.h"
#include <assert.h>

typedef unsigned __int128 u128;

struct rest { /* a part by its rank: haircut by what rounding down left, in units of 1 / line; tiho by value */
	uint64_t rest;
	uint32_t part;
};

static int by_rest(const void *a, const void *b)
{
	const struct rest *x = a, *y = b;
	if (x->rest != y->rest)
		return x->rest < y->rest ? 1 : -1;
	return x->part < y->part ? -1 : 1;
}

static bool room_u64(uint64_t **p, uint32_t n)
{
	uint64_t *q = reallocarray(*p, n, sizeof(*q));
	if (q)
		*p = q;
	return q;
}

int share_room(struct share_scratch *tmp, uint32_t n)
{
	if (n <= tmp->cap)
		return 0;
	n += n / 2;
	struct rest *p = reallocarray(tmp->rest, n, sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	tmp->rest = p;
	if (!room_u64(&tmp->value, n) || !room_u64(&tmp->amount, n))
		return -ERR_NOMEM;
	tmp->cap = n;
	return 0;
}

static uint64_t tainted_sum(const struct parts *ps)
{
	uint64_t t = 0;
	for (uint32_t i = 0; i < ps->n; i++)
		t += ps->p[i].amount;
	return t;
}

/* One unit more to each of the `left` parts with the largest remainders. */
static void rest_give(struct rest *rest, uint32_t n, uint32_t left, uint64_t *amount)
{
	enum {
		FEW = 16
	}; /* most transactions have fewer parts, where sorting all costs more than looking again */
	if (n > FEW)
		qsort(rest, n, sizeof(*rest), by_rest);
	for (uint32_t i = 0; i < left; i++) {
		uint32_t best = i;
		for (uint32_t k = i + 1; n <= FEW && k < n; k++)
			best = by_rest(&rest[k], &rest[best]) < 0 ? k : best;
		amount[rest[best].part]++;
		rest[best] = rest[i];
	}
}

/* t * v / line and what is left; t <= line. */
static uint64_t part_of(uint64_t t, uint64_t v, uint64_t line, uint64_t *ret_rest)
{
	u128 x = (u128)t * v;
	uint64_t q = x >> 64 ? (uint64_t)(x / line) : (uint64_t)x / line;
	*ret_rest = (uint64_t)x - q * line;
	return q;
}

/* The same without a long division: a quotient of doubles is wrong by less than one unit before it is cut, since t, v and line are
 * exact in 53 bits and two roundings of at most 2^-53 each make a relative error of 2^-52. What is left tells, modulo 2^64. */
enum { NEAR_BITS = 51 };
static uint64_t part_near(uint64_t t, uint64_t v, uint64_t line, double ratio, uint64_t *ret_rest)
{
	uint64_t q = (uint64_t)((double)v * ratio);
	int64_t rest = (int64_t)(t * v - q * line);
	if (rest < 0) {
		q--;
		rest += (int64_t)line;
	} else if ((uint64_t)rest >= line) {
		q++;
		rest -= (int64_t)line;
	}
	*ret_rest = (uint64_t)rest;
	return q;
}

void share_haircut(uint64_t t, uint64_t line, const uint64_t *value, uint32_t n,
		   uint64_t *ret_amount, struct rest *rest)
{
	uint64_t left = t;
	double ratio = (double)t / (double)line;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t got = line >> NEAR_BITS
				       ? part_of(t, value[i], line, &rest[i].rest)
				       : part_near(t, value[i], line, ratio, &rest[i].rest);
		rest[i].part = i;
		ret_amount[i] = got;
		left -= got;
	}
	/* Fewer units are left than parts have a remainder, so each gets one at most and stays within its value. */
	assert(left < n);
	if (left)
		rest_give(rest, n, (uint32_t)left, ret_amount);
}

static int parts_haircut(const struct parts *from, struct parts *to, struct share_scratch *tmp)
{
	int r = share_room(tmp, to->n);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < to->n; i++)
		tmp->value[i] = to->p[i].value;
	share_haircut(tainted_sum(from), to->value, tmp->value, to->n, tmp->amount, tmp->rest);
	for (uint32_t i = 0; i < to->n; i++)
		to->p[i].amount = tmp->amount[i];
	return 0;
}

static void share_poison(struct parts *to)
{
	for (uint32_t i = 0; i < to->n; i++)
		to->p[i].amount = to->p[i].value;
}

/* Fewest hops, then the largest gift, then the first. */
static bool better_parent(const struct part *a, uint64_t a_gift, const struct part *b,
			  uint64_t b_gift)
{
	return a->hops != b->hops ? a->hops < b->hops : a_gift > b_gift;
}

static void parent_common(const struct parts *from, struct parts *to)
{
	const struct part *best = NULL;
	for (uint32_t i = 0; i < from->n; i++) {
		const struct part *p = &from->p[i];
		if (p->amount && (!best || better_parent(p, p->amount, best, best->amount)))
			best = p;
	}
	for (uint32_t i = 0; i < to->n; i++) {
		to->p[i].reached = best->reached;
		to->p[i].hops = best->hops;
	}
}

/* Where fifo or lifo stands on the receiving side. */
struct queue {
	struct parts *to;
	struct runs *runs;
	uint32_t at;	/* part */
	uint64_t start; /* of that part on the line */
	uint64_t gift,
		best_gift; /* of the giver at hand to that part, and of the best one before */
	const struct part *best;
};

static void queue_settle(struct queue *q, const struct part *giver)
{
	struct part *p = &q->to->p[q->at];
	if (q->gift && (!q->best || better_parent(giver, q->gift, q->best, q->best_gift))) {
		q->best = giver;
		q->best_gift = q->gift;
		p->reached = giver->reached;
		p->hops = giver->hops;
	}
	q->gift = 0;
}

static void queue_next_part(struct queue *q, const struct part *giver)
{
	queue_settle(q, giver);
	q->start += q->to->p[q->at++].value;
	q->best = NULL;
	q->best_gift = 0;
}

/* One tainted stretch of the line arrives. */
static int queue_stretch(struct queue *q, const struct part *giver, uint64_t at, uint64_t end)
{
	while (at < end) {
		struct part *p = &q->to->p[q->at];
		uint64_t part_end = q->start + p->value;
		if (part_end <= at) {
			queue_next_part(q, giver);
			continue;
		}
		uint64_t stop = part_end < end ? part_end : end;
		struct trace_run *last = p->run_n ? &q->runs->p[q->runs->n - 1] : NULL;
		if (last && last->off + last->len == at - q->start) {
			last->len += stop - at;
		} else {
			if (!p->run_n)
				p->run_first = q->runs->n;
			int r = runs_add(q->runs, at - q->start, stop - at);
			if (r < 0)
				return r;
			p->run_n++;
		}
		p->amount += stop - at;
		q->gift += stop - at;
		at = stop;
	}
	return 0;
}

static int share_fifo(const struct parts *from, const struct runs *given, struct parts *to,
		      struct runs *ret_runs)
{
	struct queue q = {.to = to, .runs = ret_runs};
	uint64_t start = 0;
	for (uint32_t i = 0; i < from->n; start += from->p[i++].value) {
		const struct part *p = &from->p[i];
		for (uint32_t k = 0; k < p->run_n; k++) {
			const struct trace_run *run = &given->p[p->run_first + k];
			int r = queue_stretch(&q, p, start + run->off, start + run->off + run->len);
			if (r < 0)
				return r;
		}
		queue_settle(&q, p);
	}
	return 0;
}

/* The giving side in a mirror: its last unit comes first. */
static int share_lifo(const struct parts *from, const struct runs *given, struct parts *to,
		      struct runs *ret_runs)
{
	struct queue q = {.to = to, .runs = ret_runs};
	uint64_t start = 0;
	for (uint32_t i = from->n; i-- > 0; start += from->p[i].value) {
		const struct part *p = &from->p[i];
		for (uint32_t k = p->run_n; k-- > 0;) {
			const struct trace_run *run = &given->p[p->run_first + k];
			uint64_t at = start + (p->value - run->off - run->len);
			int r = queue_stretch(&q, p, at, at + run->len);
			if (r < 0)
				return r;
		}
		queue_settle(&q, p);
	}
	return 0;
}

/* The largest parts are filled first. */
static int share_tiho(const struct parts *from, struct parts *to, struct share_scratch *tmp)
{
	uint64_t left = tainted_sum(from);
	int r = share_room(tmp, to->n);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < to->n; i++)
		tmp->rest[i] = (struct rest){.rest = to->p[i].value, .part = i};
	qsort(tmp->rest, to->n, sizeof(*tmp->rest), by_rest);
	for (uint32_t i = 0; left && i < to->n; i++) {
		struct part *p = &to->p[tmp->rest[i].part];
		p->amount = left < p->value ? left : p->value;
		left -= p->amount;
	}
	return 0;
}

/* Fifo and lifo in a joined transaction: amounts of haircut, each at the beginning of its part. */
static int runs_at_start(struct parts *to, struct runs *ret_runs)
{
	for (uint32_t i = 0; i < to->n; i++) {
		struct part *p = &to->p[i];
		if (!p->amount)
			continue;
		p->run_first = ret_runs->n;
		p->run_n = 1;
		int r = runs_add(ret_runs, 0, p->amount);
		if (r < 0)
			return r;
	}
	return 0;
}

/* In a joined transaction the order says nothing, so every policy but poison shares there as haircut does. */
static enum trace_policy policy_there(enum trace_policy policy, bool joined)
{
	return joined && policy != TRACE_POISON ? TRACE_HAIRCUT : policy;
}

int share(enum trace_policy policy, bool joined, const struct parts *from, const struct runs *given,
	  struct parts *to, struct runs *ret_runs, struct share_scratch *tmp)
{
	int r = 0;
	ret_runs->n = 0;
	switch (policy_there(policy, joined)) {
	case TRACE_POISON:
		share_poison(to);
		break;
	case TRACE_HAIRCUT:
		r = parts_haircut(from, to, tmp);
		if (r == 0 && policy_has_runs(policy))
			r = runs_at_start(to, ret_runs);
		break;
	case TRACE_FIFO:
		r = share_fifo(from, given, to, ret_runs);
		break;
	case TRACE_LIFO:
		r = share_lifo(from, given, to, ret_runs);
		break;
	case TRACE_TIHO:
		r = share_tiho(from, to, tmp);
		break;
	case TRACE_POLICY_N:
		return -ERR_INVAL;
	}
	if (joined || !policy_has_runs(policy))
		parent_common(from, to);
	if (r < 0 || policy == TRACE_POISON)
		return r;
	return NEVER(tainted_sum(from) != tainted_sum(to)) ? -ERR_CORRUPT : 0;
}
