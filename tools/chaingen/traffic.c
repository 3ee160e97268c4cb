/* SPDX-License-Identifier: Apache-2.0
 * Everyday life: who spends what is due, and how. Input and output counts are kept on the main network's shares by
 * feedback: a class that is behind its share is preferred wherever the spender's coins allow it. */
#include "gen.h"

struct class
{
	uint32_t per_mille_10, min, max; /* share in 1/10,000; count of inputs or outputs */
};
static const struct class ins[8] = {{6700, 1, 1}, {1600, 2, 2},	 {710, 3, 3},	{500, 4, 5},
				    {350, 6, 10}, {120, 11, 50}, {18, 51, 200}, {2, 201, 1000}};
static const struct class outs[6] = {{1350, 1, 1}, {7800, 2, 2},  {340, 3, 3},
				     {400, 4, 10}, {100, 11, 50}, {10, 51, 500}};

static int64_t behind(const struct class *c, uint64_t count, uint64_t total)
{
	return (int64_t)(c->per_mille_10 * (total + 1)) - (int64_t)(count * 10000);
}

/* A count by the shares: drawn, or, where that class is ahead of its share or above max, from the class most behind. */
static uint32_t count_draw(struct gen *g, const struct class *c, size_t n, const uint64_t *count,
			   uint64_t total, uint32_t max)
{
	uint64_t d = prng_below(&g->rng, 10000);
	size_t k = 0;
	while (k + 1 < n && d >= c[k].per_mille_10)
		d -= c[k++].per_mille_10;
	if (c[k].min > max || behind(&c[k], count[k], total) < 0) {
		k = 0;
		for (size_t i = 1; i < n; i++)
			if (c[i].min <= max &&
			    behind(&c[i], count[i], total) > behind(&c[k], count[k], total))
				k = i;
	}
	uint32_t hi = c[k].max < max ? c[k].max : max;
	/* Small counts of a class are more frequent than large ones. */
	uint32_t a = c[k].min + (uint32_t)prng_below(&g->rng, hi - c[k].min + 1);
	uint32_t b = c[k].min + (uint32_t)prng_below(&g->rng, hi - c[k].min + 1);
	return a < b ? a : b;
}

static void count_note(const struct class *c, size_t n, uint64_t *count, uint64_t *total,
		       uint32_t v)
{
	for (size_t i = 0; i < n; i++)
		if (v >= c[i].min && v <= c[i].max)
			count[i]++;
	(*total)++;
}

static void commit(struct gen *g)
{
	count_note(ins, 8, g->in_class, &g->in_total, g->draft.in_n);
	count_note(outs, 6, g->out_class, &g->out_total, g->draft.out_n);
	tx_commit(g);
}

/* Someone to pay: exchanges get a third of all payments. */
static uint32_t someone(struct gen *g)
{
	uint64_t d = prng_below(&g->rng, 100);
	if (d < 33)
		return g->exchange_0 + (uint32_t)prng_below(&g->rng, g->exchange_n);
	if (d < 36)
		return g->peeler_0 + (uint32_t)prng_below(&g->rng, g->peeler_n);
	if (d < 37 && g->height % 8 == 0)
		return g->spammer;
	return g->wallet_0 + (uint32_t)prng_below(&g->rng, g->wallet_n);
}

static uint64_t rounded(struct gen *g, uint64_t v)
{
	/* People like round amounts: a third of payments have one or two digits. */
	uint64_t unit = 1;
	if (!prng_chance(&g->rng, 1, 3))
		return v;
	while (v / unit >= 100)
		unit *= 10;
	return v / unit * unit;
}

static void swap_outs(struct draft *t, uint32_t a, uint32_t b)
{
	struct out tmp = t->out[a];
	t->out[a] = t->out[b];
	t->out[b] = tmp;
}

/* Pay n outputs from what was taken; the last one is change if there is a payer to get it. */
static void pay_out(struct gen *g, uint32_t payer, uint32_t n, bool change_reused)
{
	struct draft *t = &g->draft;
	uint64_t total = tx_in_value(t), fee = fee_draw(g, t->in_n, n);
	if (total < fee * 4 + n * UINT64_C(4) * DUST_SAT) {
		n = 1;
		fee = fee_draw(g, t->in_n, 1);
		fee = fee > total / 4 ? total / 4 : fee;
	}
	uint64_t left = total - fee;
	for (uint32_t i = 0; i + 1 < n; i++) {
		uint64_t share = left / (n - i);
		uint64_t v = n == 2 ? left / 50 + prng_below(&g->rng, left / 50 * 48 + 1)
				    : share / 4 + prng_below(&g->rng, share + 1);
		v = rounded(g, v > DUST_SAT * 2 ? v : DUST_SAT * 2);
		uint32_t who = someone(g);
		tx_pay(g, who, payee_any(g, who, true), v);
		left -= v;
	}
	bool to_self = n > 1;
	uint32_t last = to_self ? payer : someone(g);
	tx_pay(g, last, payee_any(g, last, !to_self || change_reused), left);
	uint32_t at = (uint32_t)prng_below(&g->rng, n);
	swap_outs(t, at, n - 1);
	t->change = to_self ? (int)at : -1;
	if (prng_chance(&g->rng, 3, 100))
		tx_pay(g, NOBODY, payee_data(g), 0);
}

static void take_more(struct gen *g, uint32_t owner, uint32_t n)
{
	while (n-- && g->owners[owner].coins != NO_COIN)
		tx_take(g, g->owners[owner].coins);
}

static void spend_wallet(struct gen *g, uint32_t coin, uint32_t owner)
{
	uint32_t n = count_draw(g, ins, 8, g->in_class, g->in_total, g->owners[owner].coin_n);
	tx_begin(g, "payment");
	tx_take(g, coin);
	take_more(g, owner, n - 1);
	pay_out(g, owner, count_draw(g, outs, 6, g->out_class, g->out_total, 500), false);
	commit(g);
}

static void spend_exchange(struct gen *g, uint32_t coin, uint32_t owner)
{
	uint32_t have = g->owners[owner].coin_n;
	uint32_t n = count_draw(g, ins, 8, g->in_class, g->in_total, have);
	bool sweep = n > 2;
	tx_begin(g, sweep ? "consolidation" : "withdrawal");
	tx_take(g, coin);
	take_more(g, owner, n - 1);
	if (!sweep) {
		pay_out(g, owner, count_draw(g, outs, 6, g->out_class, g->out_total, 500), true);
	} else {
		uint64_t total = tx_in_value(&g->draft), fee = fee_draw(g, n, 1);
		fee = fee > total / 4 ? total / 4 : fee;
		tx_pay(g, owner, g->owners[owner].recent[0], total - fee);
		g->outputs++;
		g->reused++;
	}
	commit(g);
}

static void spend_miner(struct gen *g, uint32_t coin)
{
	uint64_t value = g->coins[coin].value;
	uint32_t n = 20 + (uint32_t)prng_below(&g->rng, 180);
	tx_begin(g, "payout");
	tx_take(g, coin);
	uint64_t fee = fee_draw(g, 1, n), each = 0;
	n = value / (n + 1) < fee + 20 * DUST_SAT ? 1 : n;
	fee = fee > value / 4 ? value / 4 : fee;
	each = (value - fee) / n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t who = someone(g);
		uint64_t v = i + 1 == n ? value - fee : each - prng_below(&g->rng, each / 4 + 1);
		tx_pay(g, who, payee_any(g, who, true), v);
		value -= v;
	}
	commit(g);
}

static void spend_peeler(struct gen *g, uint32_t coin, uint32_t owner)
{
	uint64_t total = g->coins[coin].value, fee = fee_draw(g, 1, 2);
	if (total < fee * 8 + 20 * DUST_SAT) {
		spend_wallet(g, coin, owner);
		return;
	}
	uint32_t who = g->exchange_0 + (uint32_t)prng_below(&g->rng, g->exchange_n);
	uint64_t piece = total / 40 + prng_below(&g->rng, total / 10);
	tx_begin(g, "peel");
	tx_take(g, coin);
	tx_pay(g, who, payee_any(g, who, true), piece);
	tx_pay(g, owner, payee_any(g, owner, false), total - fee - piece)->life =
		1 + (uint32_t)prng_below(&g->rng, 6);
	g->draft.change = 1;
	if (prng_chance(&g->rng, 1, 2)) {
		swap_outs(&g->draft, 0, 1);
		g->draft.change = 0;
	}
	commit(g);
}

static void spend_spammer(struct gen *g, uint32_t coin)
{
	uint64_t total = g->coins[coin].value, fee = fee_draw(g, 1, 51);
	uint32_t n = total < fee + 60 * DUST_SAT ? 0 : 50;
	tx_begin(g, "dust");
	tx_take(g, coin);
	fee = fee > total / 4 ? total / 4 : fee;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t who = g->wallet_0 + (uint32_t)prng_below(&g->rng, g->wallet_n);
		tx_pay(g, who, payee_any(g, who, true), DUST_SAT);
	}
	g->draft.change = (int)n;
	tx_pay(g, g->spammer, payee_any(g, g->spammer, true), total - fee - (uint64_t)n * DUST_SAT);
	commit(g);
}

static uint64_t one_digit(uint64_t v)
{
	uint64_t unit = 1;
	while (v / unit >= 10)
		unit *= 10;
	return v / unit * unit;
}

/* Wallets that meet by chance and each put in one coin: equal outputs, each with its change. */
static bool coinjoin(struct gen *g)
{
	enum { JOIN_MAX = 12, TRIES = 200 };
	uint32_t coin[JOIN_MAX], owner[JOIN_MAX], n = 0,
						  want = 5 + (uint32_t)prng_below(&g->rng, 8);
	uint64_t denomination = 0, fee = 1000;
	for (int i = 0; i < TRIES && n < want; i++) {
		uint32_t w = g->wallet_0 + (uint32_t)prng_below(&g->rng, g->wallet_n);
		uint32_t c = g->owners[w].coins;
		bool known = c == NO_COIN;
		for (uint32_t k = 0; k < n; k++)
			known |= owner[k] == w;
		if (known || g->coins[c].value < 100000)
			continue;
		if (!n)
			denomination = one_digit(g->coins[c].value * 3 / 5);
		if (g->coins[c].value <= denomination + fee + DUST_SAT * 4)
			continue;
		coin[n] = c;
		owner[n++] = w;
	}
	if (n < 4)
		return false;
	tx_begin(g, "coinjoin");
	g->draft.coinjoin = true;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t value = g->coins[coin[i]].value;
		tx_take(g, coin[i]);
		tx_pay(g, owner[i], payee_new(g, owner[i]), denomination);
		tx_pay(g, owner[i], payee_new(g, owner[i]), value - denomination - fee);
	}
	for (uint32_t i = 0; i < n * 2; i++)
		swap_outs(&g->draft, i, i + (uint32_t)prng_below(&g->rng, n * 2 - i));
	commit(g);
	return true;
}

static void spend(struct gen *g, uint32_t coin)
{
	uint32_t owner = g->coins[coin].owner;
	switch ((enum kind)g->owners[owner].kind) {
	case MINER:
		spend_miner(g, coin);
		break;
	case EXCHANGE:
		spend_exchange(g, coin, owner);
		break;
	case WALLET:
		spend_wallet(g, coin, owner);
		break;
	case PEELER:
		spend_peeler(g, coin, owner);
		break;
	case SPAMMER:
		spend_spammer(g, coin);
		break;
	case SCRIPTED:
		coin_due(g, coin, g->opt.blocks + 1);
		break;
	}
}

/* What is due now; when there is not enough of it, what someone has. */
static uint32_t coin_pick(struct gen *g)
{
	enum { TRIES = 64 };
	if (g->wheel[g->height] != NO_COIN)
		return g->wheel[g->height];
	for (int i = 0; i < TRIES; i++) {
		uint32_t w = prng_chance(&g->rng, 1, 4)
				     ? g->exchange_0 + (uint32_t)prng_below(&g->rng, g->exchange_n)
				     : g->wallet_0 + (uint32_t)prng_below(&g->rng, g->wallet_n);
		if (g->owners[w].coins != NO_COIN)
			return g->owners[w].coins;
	}
	return NO_COIN;
}

/* What was due and not spent is put off for another life, or forgotten for ever. */
static void put_off(struct gen *g)
{
	for (uint32_t i; (i = g->wheel[g->height]) != NO_COIN;) {
		uint32_t life = life_draw(g);
		if (!life && !g->coins[i].coinbase &&
		    g->owners[g->coins[i].owner].kind != SCRIPTED) {
			truth_end_coin(g, &g->coins[i]);
			free(g->coins[i].taint);
			coin_remove(g, i);
		} else {
			coin_due(g, i, g->height + (life ? life : 1));
		}
	}
}

void traffic_block(struct gen *g, uint32_t target)
{
	enum { ROOM = 250000 }; /* bytes that one more transaction may need */
	while (g->block_tx_n - 1 < target && g->body.len + ROOM < BLOCK_BYTES_MAX) {
		if (prng_chance(&g->rng, 1, 250) && coinjoin(g))
			continue;
		uint32_t coin = coin_pick(g);
		if (coin == NO_COIN)
			break;
		spend(g, coin);
	}
	put_off(g);
}
