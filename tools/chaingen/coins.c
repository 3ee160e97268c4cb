/* SPDX-License-Identifier: Apache-2.0
 * Coins that will be spent: rows in one table, each in the list of its owner and in the list of the block it is due in. */
#include "gen.h"

enum { DAY = 144, MONTH = 4320, LONG = 26000 }; /* blocks */

/* Log-uniform in [1, max]: as many lives of 1 to 2 blocks as of 32 to 64. */
static uint32_t log_uniform(struct prng *r, uint32_t max)
{
	uint32_t bits = 0;
	while ((max >> bits) > 1)
		bits++;
	uint32_t lo = UINT32_C(1) << prng_below(r, bits + 1);
	uint32_t v = lo + (uint32_t)prng_below(r, lo);
	return v > max ? max : v;
}

uint32_t life_draw(struct gen *g)
{
	uint64_t d = prng_below(&g->rng, 100);
	if (d < 80)
		return log_uniform(&g->rng, DAY - 1);
	if (d < 95)
		return DAY + log_uniform(&g->rng, MONTH - DAY);
	return d < 97 ? MONTH + log_uniform(&g->rng, LONG) : 0;
}

static void wheel_in(struct gen *g, uint32_t i)
{
	struct coin *c = &g->coins[i];
	/* What is due beyond the end of the chain waits in the last list. */
	c->due = c->due > g->opt.blocks + 1 ? g->opt.blocks + 1 : c->due;
	c->wheel_prev = NO_COIN;
	c->wheel_next = g->wheel[c->due];
	if (c->wheel_next != NO_COIN)
		g->coins[c->wheel_next].wheel_prev = i;
	g->wheel[c->due] = i;
}

static void wheel_out(struct gen *g, uint32_t i)
{
	struct coin *c = &g->coins[i];
	if (c->wheel_prev == NO_COIN)
		g->wheel[c->due] = c->wheel_next;
	else
		g->coins[c->wheel_prev].wheel_next = c->wheel_next;
	if (c->wheel_next != NO_COIN)
		g->coins[c->wheel_next].wheel_prev = c->wheel_prev;
}

static void coins_grow(struct gen *g)
{
	uint32_t cap = g->coin_cap ? g->coin_cap * 2 : 4096;
	struct coin *c = realloc(g->coins, (size_t)cap * sizeof(*c));
	if (!c)
		gen_die("out of memory for %u coins", cap);
	for (uint32_t i = cap; i-- > g->coin_cap;) {
		c[i].next = g->coin_free;
		g->coin_free = i;
	}
	g->coins = c;
	g->coin_cap = cap;
}

uint32_t coin_add(struct gen *g, const struct coin *from)
{
	if (g->coin_free == NO_COIN)
		coins_grow(g);
	uint32_t i = g->coin_free;
	g->coin_free = g->coins[i].next;
	struct coin *c = &g->coins[i];
	*c = *from;
	struct owner *o = &g->owners[c->owner];
	c->prev = NO_COIN;
	c->next = o->coins;
	if (c->next != NO_COIN)
		g->coins[c->next].prev = i;
	o->coins = i;
	o->coin_n++;
	g->coin_n++;
	wheel_in(g, i);
	return i;
}

void coin_remove(struct gen *g, uint32_t i)
{
	struct coin *c = &g->coins[i];
	struct owner *o = &g->owners[c->owner];
	if (c->prev == NO_COIN)
		o->coins = c->next;
	else
		g->coins[c->prev].next = c->next;
	if (c->next != NO_COIN)
		g->coins[c->next].prev = c->prev;
	o->coin_n--;
	g->coin_n--;
	wheel_out(g, i);
	c->next = g->coin_free;
	g->coin_free = i;
}

void coin_due(struct gen *g, uint32_t i, uint32_t height)
{
	wheel_out(g, i);
	g->coins[i].due = height;
	wheel_in(g, i);
}
