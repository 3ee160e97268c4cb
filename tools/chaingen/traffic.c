/* SPDX-License-Identifier: Apache-2.0
 * Everyday life: who spends what, and how. Counts of inputs and outputs follow shares.c wherever the spender's coins allow it. */
#include "gen.h"

/* People are active for a while, so that they have more than one fresh coin; then others are, and they come back. */
static uint32_t some_wallet(struct gen *g)
{
	enum { ROUNDS = 4, ACTIVE = 32 };
	uint64_t from = 0, n = g->wallet_n / ACTIVE < 60 ? 60 : g->wallet_n / ACTIVE;
	if (prng_chance(&g->rng, 1, 5))
		n = g->wallet_n;
	else
		from = (uint64_t)g->height * g->wallet_n * ROUNDS / g->opt.blocks;
	return g->wallet_0 + (uint32_t)((from + prng_below(&g->rng, n)) % g->wallet_n);
}

/* The last two exchanges leave deposits where they are until there are many to collect at once: dozens, and hundreds. */
enum { COLLECTORS = 2, COLLECT_MIN = 11, COLLECT_MANY = 51 };
static bool is_collector(const struct gen *g, uint32_t owner)
{
	return owner < g->exchange_0 + g->exchange_n &&
	       owner >= g->exchange_0 + g->exchange_n - COLLECTORS;
}

static uint32_t some_collector(const struct gen *g, bool many)
{
	return g->exchange_0 + g->exchange_n - (many ? 1 : 2);
}

static uint32_t some_exchange(struct gen *g)
{
	return g->exchange_0 + (uint32_t)prng_below(&g->rng, g->exchange_n - COLLECTORS);
}

/* Someone to pay: exchanges get most payments, since most transactions of many inputs are theirs. */
static uint32_t someone(struct gen *g)
{
	uint64_t d = prng_below(&g->rng, 100);
	if (d < 36)
		return some_collector(g, d % 2);
	if (d < 60)
		return some_exchange(g);
	if (d < 63)
		return g->peeler_0 + (uint32_t)prng_below(&g->rng, g->peeler_n);
	if (d < 64 && g->height % 8 == 0)
		return g->spammer;
	return some_wallet(g);
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

static void commit(struct gen *g)
{
	if (g->owners[g->draft.in[0].owner].sorts && !g->draft.coinjoin)
		tx_sort(&g->draft);
	tx_commit(g);
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
	fee = fee > total / 4 ? total / 4 : fee;
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

/* Outputs that an amount is enough for. */
static uint32_t outs_draw(struct gen *g)
{
	uint64_t n = 1 + tx_in_value(&g->draft) / WORTH_SAT;
	return share_draw(g, SHARE_OUTS, n < 500 ? (uint32_t)n : 500);
}

/* A coin of an owner who has some, of the age whose turn it is if that is near an end of his list; else the newest. */
static uint32_t coin_of(struct gen *g, uint32_t owner)
{
	enum { LOOKS = 64 };
	const struct owner *o = &g->owners[owner];
	const struct age age = age_draw(g);
	uint32_t i = age.min ? o->coins_last : o->coins, found = o->coins;
	for (int n = 0; n < LOOKS && i != NO_COIN; n++) {
		uint32_t blocks = g->height - g->coins[i].height;
		bool fits = age.min ? blocks <= age.max : blocks <= age.blocks;
		if (fits == (age.min != 0))
			return fits ? i : found;
		found = age.min ? found : i;
		i = age.min ? g->coins[i].prev : g->coins[i].next;
	}
	return found;
}

static void take_more(struct gen *g, uint32_t owner, uint32_t n)
{
	while (n-- && g->owners[owner].coins != NO_COIN)
		tx_take(g, coin_of(g, owner));
}

/* How many coins an owner may spend at once: those young enough for what is behind its share. */
static uint32_t coins_ready(const struct gen *g, uint32_t owner)
{
	enum { LOOKS = 64 };
	const struct owner *o = &g->owners[owner];
	uint32_t n = 0, limit = age_limit(g);
	if (is_collector(g, owner))
		return o->coin_n;
	if (o->kind != WALLET && o->kind != EXCHANGE)
		return 1;
	for (uint32_t i = o->coins; i != NO_COIN && n < LOOKS; i = g->coins[i].next, n++)
		if (g->height - g->coins[i].height > limit)
			return n ? n : 1;
	return o->coin_n;
}

static void spend_wallet(struct gen *g, uint32_t coin, uint32_t owner, uint32_t n)
{
	tx_begin(g, "payment");
	tx_take(g, coin);
	take_more(g, owner, n - 1);
	pay_out(g, owner, outs_draw(g), false);
	commit(g);
}

static void spend_exchange(struct gen *g, uint32_t coin, uint32_t owner, uint32_t n)
{
	bool sweep = n > 2 && share_behind(g, SHARE_OUTS, 1);
	tx_begin(g, sweep ? "consolidation" : "withdrawal");
	tx_take(g, coin);
	take_more(g, owner, n - 1);
	if (!sweep) {
		pay_out(g, owner, outs_draw(g), true);
	} else {
		uint64_t total = tx_in_value(&g->draft), fee = fee_draw(g, n, 1);
		fee = fee > total / 4 ? total / 4 : fee;
		tx_pay(g, owner, g->owners[owner].recent[0], total - fee);
		g->reused++;
	}
	commit(g);
}

/* A pool pays many at once, while such large transactions are behind their share. */
static void spend_miner(struct gen *g, uint32_t coin)
{
	uint64_t value = g->coins[coin].value;
	tx_begin(g, "payout");
	tx_take(g, coin);
	uint32_t n = 51 + (uint32_t)prng_below(&g->rng, 150);
	if (!share_behind(g, SHARE_OUTS, n))
		n = 11 + (uint32_t)prng_below(&g->rng, 40);
	if (!share_behind(g, SHARE_OUTS, n) || value < (uint64_t)n * WORTH_SAT)
		n = outs_draw(g);
	uint64_t fee = fee_draw(g, 1, n), each = 0;
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
	if (total < fee * 8 + 20 * DUST_SAT || !share_behind(g, SHARE_OUTS, 2)) {
		spend_wallet(g, coin, owner, 1);
		return;
	}
	uint32_t who = g->exchange_0 + (uint32_t)prng_below(&g->rng, g->exchange_n);
	uint64_t piece = total / 40 + prng_below(&g->rng, total / 10);
	tx_begin(g, "peel");
	tx_take(g, coin);
	tx_pay(g, who, payee_any(g, who, true), piece);
	tx_pay(g, owner, payee_any(g, owner, false), total - fee - piece);
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
	uint32_t n = 50;
	if (total < fee + 60 * DUST_SAT || !share_behind(g, SHARE_OUTS, n + 1)) {
		spend_wallet(g, coin, g->spammer, 1);
		return;
	}
	tx_begin(g, "dust");
	tx_take(g, coin);
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
		uint32_t w = some_wallet(g);
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

/* n: how many coins its owner should spend. */
static void spend(struct gen *g, uint32_t coin, uint32_t n)
{
	uint32_t owner = g->coins[coin].owner;
	switch ((enum kind)g->owners[owner].kind) {
	case MINER:
		spend_miner(g, coin);
		break;
	case EXCHANGE:
		spend_exchange(g, coin, owner, n);
		break;
	case WALLET:
		spend_wallet(g, coin, owner, n);
		break;
	case PEELER:
		spend_peeler(g, coin, owner);
		break;
	case SPAMMER:
		spend_spammer(g, coin);
		break;
	case SCRIPTED:
		coin_keep(g, coin);
		break;
	}
}

/* A coin of someone who can spend n at once, or as many as can be found. */
static uint32_t spender_pick(struct gen *g, uint32_t n, uint32_t *ret_ready)
{
	enum { TRIES = 6 };
	uint32_t coin = NO_COIN;
	*ret_ready = 0;
	for (int i = 0; i < TRIES && *ret_ready < n; i++) {
		bool last = i + 1 == TRIES;
		uint32_t e = n >= COLLECT_MIN ? some_collector(g, n >= COLLECT_MANY)
			     : last	      ? some_exchange(g)
					      : NOBODY;
		if (e != NOBODY && g->owners[e].coins == NO_COIN)
			continue;
		coin = e == NOBODY ? coin_pick(g) : coin_of(g, e);
		if (coin == NO_COIN)
			break;
		*ret_ready = coins_ready(g, g->coins[coin].owner);
	}
	return coin;
}

static bool transact(struct gen *g)
{
	uint32_t n = share_draw(g, SHARE_INS, TX_IN_MAX), ready;
	uint32_t coin = spender_pick(g, n, &ready);
	if (ready < n) {
		n = share_draw(g, SHARE_INS, COLLECT_MIN - 1);
		coin = spender_pick(g, n, &ready);
	}
	if (coin == NO_COIN)
		return false;
	spend(g, coin, n < ready ? n : ready);
	return true;
}

void traffic_block(struct gen *g, uint32_t target)
{
	enum { ROOM = 250000 }; /* bytes that one more transaction may need */
	while (g->block_tx_n - 1 < target && g->body.len + ROOM < BLOCK_BYTES_MAX) {
		if (prng_chance(&g->rng, 1, 250) && coinjoin(g))
			continue;
		if (!transact(g))
			break;
	}
}
