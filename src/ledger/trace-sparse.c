/* SPDX-License-Identifier: Apache-2.0
 * The sparse engine: a queue of waiting outputs, ordered by the place of the transaction that they flow into. */
#include "ledger/trace-int.h"

enum {
	/* One transaction followed here costs about as much as sweeping over so many. */
	SWEPT_FOR_ONE = 64,
	WAIT_MAX = 1 << 28, /* outputs of a sweep that is chosen without being asked for: 1 GiB */
};

int sparse_push(struct work *w, struct waiting x)
{
	if (w->heap_n == w->heap_cap) {
		uint32_t cap = w->heap_cap ? w->heap_cap * 2 : 256;
		struct waiting *p = realloc(w->heap, (size_t)cap * sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		w->heap = p;
		w->heap_cap = cap;
	}
	uint32_t i = w->heap_n++;
	for (; i && w->heap[(i - 1) / 4].place > x.place; i = (i - 1) / 4)
		w->heap[i] = w->heap[(i - 1) / 4];
	w->heap[i] = x;
	w->fee_waiting += (w->t.reached[x.reached].output & TRACE_FEE) != 0;
	return 0;
}

static struct waiting heap_pop(struct work *w)
{
	struct waiting top = w->heap[0], x = w->heap[--w->heap_n];
	uint32_t i = 0;
	for (;;) {
		uint32_t first = i * 4 + 1, best = first;
		if (first >= w->heap_n)
			break;
		for (uint32_t c = first + 1; c < first + 4 && c < w->heap_n; c++)
			best = w->heap[c].place < w->heap[best].place ? c : best;
		if (w->heap[best].place >= x.place)
			break;
		w->heap[i] = w->heap[best];
		i = best;
	}
	w->heap[i] = x;
	w->fee_waiting -= (w->t.reached[top.reached].output & TRACE_FEE) != 0;
	return top;
}

/* Take everything that waits for the next transaction off the queue. Places only grow, or the chain goes in a circle. */
static int group_take(struct work *w)
{
	uint64_t place = w->heap[0].place;
	int r = 0;
	w->txnum = w->heap[0].txnum;
	if (place < w->place_next)
		return -ERR_CORRUPT;
	w->place_next = place + 1;
	w->group_n = 0;
	while (r == 0 && w->heap_n && w->heap[0].place == place)
		r = group_add(w, heap_pop(w).reached);
	return r;
}

static int by_output(const void *a, const void *b, void *reached)
{
	const struct trace_reached *r = reached;
	uint64_t x = r[*(const uint32_t *)a].output, y = r[*(const uint32_t *)b].output;
	return (x > y) - (x < y);
}

static uint32_t group_find(const struct work *w, uint64_t output)
{
	uint32_t lo = 0, hi = w->group_n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (w->t.reached[w->group[mid]].output < output)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->group_n && w->t.reached[w->group[lo]].output == output ? w->group[lo]
									      : TRACE_NONE;
}

/* Put the taint of the group on the side that it comes from. */
static int group_attach_all(struct work *w)
{
	struct parts *from = w->p.back ? &w->flow.right : &w->flow.left;
	uint32_t found = 0;
	if (w->group_n > 1)
		qsort_r(w->group, w->group_n, sizeof(*w->group), by_output, w->t.reached);
	for (uint32_t i = 0; i < from->n && found < w->group_n; i++) {
		uint32_t k = group_find(w, from->p[i].id);
		if (k == TRACE_NONE)
			continue;
		group_attach(w, &from->p[i], k);
		found++;
	}
	return found == w->group_n ? 0 : -ERR_CORRUPT;
}

static int next_follow(struct work *w)
{
	int r = group_take(w);
	if (r < 0)
		return r;
	r = flow_load(&w->flow, w->s, w->p.fees, w->txnum);
	if (r > 0) {
		group_end(w, TRACE_UNKNOWN);
		return 0;
	}
	if (r == 0)
		r = group_attach_all(w);
	return r < 0 ? r : group_follow(w);
}

/* Should the sweep go on? Fees wait for their own block only, and the sweep begins between two. */
static bool sweep_pays(const struct work *w)
{
	uint32_t at = w->heap[0].txnum;
	uint64_t left = w->p.back ? at + UINT64_C(1) : w->tx_limit - at;
	if (w->p.engine == TRACE_SPARSE || w->fee_waiting)
		return false;
	/* What waits will be followed as well. */
	return w->p.engine == TRACE_DENSE ||
	       ((uint64_t)w->t.tx_followed + w->heap_n >= left / SWEPT_FOR_ONE &&
		w->s->output_n + w->s->foreign_n <= WAIT_MAX);
}

int sparse_run(struct work *w)
{
	int r = 0;
	for (uint32_t n = 0; r == 0 && w->heap_n && !w->t.partial; n++) {
		if (!n)
			w->tx_begin = w->heap[0].txnum;
		if (sweep_pays(w))
			return 1;
		if (n % TRACE_TICK_TX == 0 && !work_tick(w, w->heap[0].txnum))
			w->t.partial = true;
		else
			r = next_follow(w);
	}
	while (r == 0 && w->heap_n)
		w->t.reached[w->heap[--w->heap_n].reached].end = TRACE_BUDGET;
	return r;
}
