/* SPDX-License-Identifier: Apache-2.0
 * Ties in chain order: union-find over address ids, where the lower id stays.
 *
 * Invariants: root[x] <= x and link[x] <= x, so every walk ends. Up to the commit root[] is the parent of the union-find,
 * halved on each walk; link[] and height[] are written once, when an address stops being the lowest of its entity. After the
 * commit root[] stands, and a walk goes on along links, which are then all above the committed height. */
#include "ledger/entity-int.h"

uint32_t cluster_find(struct cluster *c, uint32_t x)
{
	uint32_t *root = c->a.root;

	if (c->committed) {
		x = root[x];
		while (c->a.link[x] != x)
			x = c->a.link[x];
		return x;
	}
	while (root[x] != x) {
		root[x] = root[root[x]];
		x = root[x];
	}
	return x;
}

static int overlay_add(struct cluster *c, uint32_t address)
{
	if (c->overlay_n == c->overlay_cap) {
		uint64_t cap = c->overlay_cap ? c->overlay_cap * 2 : 1024;
		uint32_t *p = realloc(c->overlay, cap * sizeof(*p));

		if (!p)
			return -ERR_NOMEM;
		c->overlay = p;
		c->overlay_cap = cap;
	}
	c->overlay[c->overlay_n++] = address;
	return 0;
}

/* Join two roots. */
static int join(struct cluster *c, uint32_t a, uint32_t b)
{
	uint32_t low = a < b ? a : b, high = a < b ? b : a;

	if (a == b)
		return 0;
	c->a.link[high] = low;
	c->a.height[high] = c->height;
	if (c->committed)
		return overlay_add(c, high);
	c->a.root[high] = low;
	return 0;
}

/* The addresses that inputs spend from, a window at a time: each look is at a random place, so the places of a whole window are
 * asked for before the first is needed. */
enum { WINDOW = 1024 };
struct window {
	uint64_t from, end; /* inputs that it holds */
	uint32_t address[WINDOW];
};

static void window_load(const struct cluster *c, uint64_t from, struct window *w)
{
	const struct ledger_view *v = &c->l->v;
	uint64_t output[WINDOW], left = v->counts.input_n - from;
	uint32_t n = left < WINDOW ? (uint32_t)left : WINDOW;

	for (uint32_t i = 0; i < n; i++) {
		output[i] = ledger_in_output(c->l, from + i);
		if (output[i] < v->counts.output_n)
			__builtin_prefetch(v->col[LEDGER_COL_OUT_ADDRESS] + output[i] * 4);
	}
	for (uint32_t i = 0; i < n; i++) {
		w->address[i] = ledger_out_address(c->l, output[i]);
		__builtin_prefetch(&c->a.root[w->address[i]]);
	}
	w->from = from;
	w->end = from + n;
}

/* All addresses spent from are one entity. */
static int tie_inputs(struct cluster *c, struct window *w, uint64_t in, uint64_t in_end)
{
	uint32_t last = 0, root = 0;

	for (; in < in_end; in++) {
		if (in < w->from || in >= w->end)
			window_load(c, in, w);
		uint32_t a = w->address[in - w->from];
		if (!a || a == last)
			continue;
		last = a;
		uint32_t other = cluster_find(c, a);
		if (root) {
			int r = join(c, root, other);
			if (r < 0)
				return r;
			other = root < other ? root : other;
		}
		root = other;
	}
	return 0;
}

static uint32_t hind_find(struct cluster *c, uint32_t x)
{
	uint32_t *root = c->hind_root;

	while (root[x] != x) {
		root[x] = root[root[x]];
		x = root[x];
	}
	return x;
}

/* May these two be tied? Then they are, in hindsight, too. */
static bool hind_join(struct cluster *c, uint32_t a, uint32_t b)
{
	uint32_t x = hind_find(c, a), y = hind_find(c, b);

	if (x == y)
		return true;
	if (c->hind_size[x] + c->hind_size[y] > ENTITY_BOUND)
		return false;
	c->hind_root[x < y ? y : x] = x < y ? x : y;
	c->hind_size[x < y ? x : y] = c->hind_size[x] + c->hind_size[y];
	return true;
}

static int tie_change(struct cluster *c, uint32_t bit, uint32_t txnum, uint32_t before)
{
	int at = heuristic_change(c->l, bit, txnum, before);

	if (at < 0)
		return at == -1 ? 0 : at;
	uint64_t in = ledger_in_output(c->l, ledger_first_in(c->l, txnum));
	uint32_t from = ledger_out_address(c->l, in);
	uint32_t to = ledger_out_address(c->l, ledger_first_out(c->l, txnum) + (uint64_t)at);
	if (!from || !to)
		return -ERR_CORRUPT;
	if (!hind_join(c, from, to)) {
		c->refused_n++;
		return 0;
	}
	return join(c, cluster_find(c, from), cluster_find(c, to));
}

/* What this transaction decides: its own change, and that of those it spends from. */
static int tie_changes(struct cluster *c, uint32_t txnum, uint64_t in, uint64_t in_end)
{
	int r = 0;

	for (uint32_t bit = 1; r == 0 && bit < HEURISTIC_CLIENT; bit <<= 1)
		if (c->set & bit)
			r = tie_change(c, bit, txnum, txnum + 1);
	if (!(c->set & HEURISTIC_CLIENT))
		return r;
	for (uint32_t last = UINT32_MAX; r == 0 && in < in_end; in++) {
		uint32_t made = ledger_out_tx(c->l, ledger_in_output(c->l, in));

		if (made != last && made != UINT32_MAX)
			r = tie_change(c, HEURISTIC_CLIENT, made, txnum + 1);
		last = made;
	}
	return r;
}

/* A CoinJoin has at least three payers and payees: most are told apart without looking. */
static int joined(const struct cluster *c, uint32_t txnum, uint64_t in_n)
{
	if (in_n < 3 || ledger_first_out(c->l, txnum + 1) - ledger_first_out(c->l, txnum) < 3)
		return 0;
	return ledger_tx_coinjoin(c->l, txnum);
}

int cluster_txs(struct cluster *c, uint32_t from, uint32_t to)
{
	uint64_t in = ledger_first_in(c->l, from), in_end;
	struct window w = {0};
	int r = 0;

	for (uint32_t t = from; r == 0 && t < to; t++, in = in_end) {
		in_end = ledger_first_in(c->l, t + 1);
		if (in_end <= in)
			continue;
		/* One input ties nothing, and most transactions have one. */
		if (in_end - in == 1 && !c->set)
			continue;
		int mixed = joined(c, t, in_end - in);
		if (mixed < 0)
			return mixed;
		c->joined_n += (uint32_t)mixed;
		if (mixed && !(c->set & HEURISTIC_CLIENT))
			continue;
		if (!mixed)
			r = tie_inputs(c, &w, in, in_end);
		if (r == 0 && c->set)
			r = tie_changes(c, t, in, in_end);
	}
	return r;
}

int cluster_hindsight(struct cluster *c)
{
	uint64_t n = c->a.address_n;
	_cleanup_(freep) uint32_t *link = malloc(n * sizeof(*link)), *height = malloc(n * 4);
	struct cluster h = {.l = c->l, .a = {.link = link, .height = height, .address_n = n}};

	c->hind_root = malloc(n * sizeof(*c->hind_root));
	c->hind_size = calloc(n, sizeof(*c->hind_size));
	if (!link || !height || !c->hind_root || !c->hind_size)
		return -ERR_NOMEM;
	h.a.root = c->hind_root;
	for (uint32_t x = 0; x < n; x++)
		h.a.root[x] = x;
	int r = cluster_txs(&h, 0, (uint32_t)c->l->v.counts.tx_n);
	for (uint32_t x = 1; r == 0 && x < n; x++)
		c->hind_size[hind_find(c, x)]++;
	return r;
}

void cluster_done(struct cluster *c)
{
	free(c->hind_root);
	free(c->hind_size);
	free(c->overlay);
}

void cluster_commit(struct cluster *c)
{
	struct entity_arrays *a = &c->a;
	uint32_t n = (uint32_t)a->address_n, sum = 0;

	/* Parents come before children, so one step is enough. */
	for (uint32_t x = 1; x < n; x++)
		a->root[x] = a->root[a->root[x]];
	memset(a->start, 0, ((size_t)n + 1) * sizeof(*a->start));
	for (uint32_t x = 1; x < n; x++)
		a->start[a->root[x]]++;
	/* From counts to ends, from ends, backward, to starts. */
	for (uint32_t x = 0; x < n; x++) {
		sum += a->start[x];
		a->start[x] = sum;
	}
	a->start[n] = sum;
	for (uint32_t x = n; --x;)
		a->member[--a->start[a->root[x]]] = x;
	c->committed = true;
}
