/* SPDX-License-Identifier: Apache-2.0
 * Distributions that are kept on the main network's shares by feedback: inputs and outputs of a transaction, age of what it
 * spends. Coins on hand bend any plain draw (an owner of one coin has no second input), so a draw that falls on a class ahead
 * of its share may move to the one most behind. */
#include "gen.h"

enum { UNIT = 10000, DAY = 144, MONTH = 4320, LONG = 26000 }; /* blocks */

struct class
{
	uint32_t share, min, max; /* share in 1/UNIT */
};
static const struct spec {
	struct class of[SHARE_CLASS_MAX];
	size_t n;
	uint32_t up; /* per cent of the draws ahead of their share that move to a larger class */
} specs[SHARE_KIND_N] = {
	[SHARE_INS] = {{{6700, 1, 1},
			{1600, 2, 2},
			{710, 3, 3},
			{500, 4, 5},
			{350, 6, 10},
			{120, 11, 50},
			{18, 51, 200},
			{2, 201, 1000}},
		       8,
		       100},
	[SHARE_OUTS] = {{{1350, 1, 1},
			 {7800, 2, 2},
			 {340, 3, 3},
			 {400, 4, 10},
			 {100, 11, 50},
			 {10, 51, 500}},
			6,
			100},
	/* A young chain has nothing old to spend. What it owes to a class later is made up for slowly, not in a rush. */
	[SHARE_AGES] = {{{8000, 0, DAY - 1}, {1500, DAY, MONTH - 1}, {500, MONTH, MONTH + LONG}},
			3,
			40},
};

static int64_t behind(const struct class *c, uint64_t count, uint64_t total)
{
	return (int64_t)(c->share * (total + 1)) - (int64_t)(count * UNIT);
}

bool share_behind(const struct gen *g, enum share_kind kind, uint32_t v)
{
	const struct spec *s = &specs[kind];
	const struct share *f = &g->share[kind];
	size_t k = 0;
	while (k + 1 < s->n && v > s->of[k].max)
		k++;
	return behind(&s->of[k], f->count[k], f->total) > 0;
}

void share_note(struct gen *g, enum share_kind kind, uint32_t v)
{
	const struct spec *s = &specs[kind];
	size_t k = 0;
	while (k + 1 < s->n && v > s->of[k].max)
		k++;
	g->share[kind].count[k]++;
	g->share[kind].total++;
}

double share_percent(const struct gen *g, enum share_kind kind, size_t k)
{
	const struct share *f = &g->share[kind];
	return 100.0 * (double)f->count[k] / (double)(f->total ? f->total : 1);
}

static size_t most_behind(const struct spec *s, const struct share *f, uint32_t max)
{
	size_t k = 0;
	for (size_t i = 1; i < s->n; i++)
		if (s->of[i].min <= max && behind(&s->of[i], f->count[i], f->total) >
						   behind(&s->of[k], f->count[k], f->total))
			k = i;
	return k;
}

/* The class drawn, or, where it is ahead of its share or above max, the one most behind. */
static const struct class *class_draw(struct gen *g, enum share_kind kind, uint32_t max)
{
	const struct spec *s = &specs[kind];
	const struct share *f = &g->share[kind];
	uint64_t d = prng_below(&g->rng, UNIT);
	size_t k = 0, to = most_behind(s, f, max);
	while (k + 1 < s->n && d >= s->of[k].share)
		d -= s->of[k++].share;
	bool ahead = behind(&s->of[k], f->count[k], f->total) < 0;
	bool move = ahead && (to < k || prng_chance(&g->rng, s->up, 100));
	return &s->of[move || s->of[k].min > max ? to : k];
}

uint32_t share_draw(struct gen *g, enum share_kind kind, uint32_t max)
{
	const struct class *c = class_draw(g, kind, max);
	uint32_t hi = c->max < max ? c->max : max;
	/* Small counts of a class are more frequent than large ones. */
	uint32_t a = c->min + (uint32_t)prng_below(&g->rng, hi - c->min + 1);
	uint32_t b = c->min + (uint32_t)prng_below(&g->rng, hi - c->min + 1);
	return a < b ? a : b;
}

/* Log-uniform in [0, n): as many of 1 to 2 as of 31 to 62. */
static uint32_t log_uniform(struct prng *r, uint32_t n)
{
	uint32_t bits = 0;
	while ((n >> bits) > 1)
		bits++;
	uint32_t lo = UINT32_C(1) << prng_below(r, bits + 1);
	uint32_t v = lo + (uint32_t)prng_below(r, lo);
	return v > n ? n - 1 : v - 1;
}

struct age age_draw(struct gen *g)
{
	const struct class *c = class_draw(g, SHARE_AGES, g->height);
	uint32_t max = c->max < g->height ? c->max : g->height;
	return (struct age){.blocks = c->min + log_uniform(&g->rng, max - c->min + 1),
			    .min = c->min,
			    .max = max};
}

uint32_t age_limit(const struct gen *g)
{
	for (size_t k = specs[SHARE_AGES].n; --k;)
		if (share_behind(g, SHARE_AGES, specs[SHARE_AGES].of[k].min))
			return specs[SHARE_AGES].of[k].max;
	return specs[SHARE_AGES].of[0].max;
}
