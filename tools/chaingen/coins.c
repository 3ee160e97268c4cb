/* SPDX-License-Identifier: Apache-2.0
 * Coins that will be spent: rows in one table, each in the list of its owner and in the list of the block that made it, both
 * newest first. A spender is found by the age of its coin. What is too small to begin a transaction, and what the script keeps,
 * stands aside in one further list. */
#include "gen.h"

static void list_in(struct gen *g, uint32_t i, uint32_t list)
{
	struct coin *c = &g->coins[i];
	c->list = list;
	c->list_prev = NO_COIN;
	c->list_next = g->lists[list];
	if (c->list_next != NO_COIN)
		g->coins[c->list_next].list_prev = i;
	g->lists[list] = i;
}

static void list_out(struct gen *g, uint32_t i)
{
	struct coin *c = &g->coins[i];
	if (c->list_prev == NO_COIN)
		g->lists[c->list] = c->list_next;
	else
		g->coins[c->list_prev].list_next = c->list_next;
	if (c->list_next != NO_COIN)
		g->coins[c->list_next].list_prev = c->list_prev;
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
	else
		o->coins_last = i;
	o->coins = i;
	o->coin_n++;
	g->coin_n++;
	list_in(g, i, c->value < WORTH_SAT ? g->opt.blocks + 1 : c->height);
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
	else
		o->coins_last = c->prev;
	o->coin_n--;
	g->coin_n--;
	list_out(g, i);
	c->next = g->coin_free;
	g->coin_free = i;
}

void coin_keep(struct gen *g, uint32_t i)
{
	list_out(g, i);
	list_in(g, i, g->opt.blocks + 1);
}

bool coin_mature(const struct gen *g, const struct coin *c)
{
	return !c->coinbase || c->height + MATURITY <= g->height;
}

/* A coin that the block of a height made. Only its coinbase, which comes last and so stands first, may not be mature. */
static uint32_t pick_at(const struct gen *g, uint32_t height)
{
	uint32_t i = g->lists[height];
	return i == NO_COIN || coin_mature(g, &g->coins[i]) ? i : g->coins[i].list_next;
}

static uint32_t pick_near(const struct gen *g, struct age a)
{
	enum { STEPS = 160 };
	uint32_t i = NO_COIN, lo = a.blocks, hi = a.blocks;
	for (int n = 0; i == NO_COIN && n < STEPS; n++) {
		i = pick_at(g, g->height - lo);
		if (i == NO_COIN)
			i = pick_at(g, g->height - hi);
		lo -= lo > a.min;
		hi += hi < a.max;
	}
	return i;
}

uint32_t coin_pick(struct gen *g)
{
	uint32_t i = pick_near(g, age_draw(g));
	return i != NO_COIN ? i : pick_near(g, (struct age){.max = g->height});
}
