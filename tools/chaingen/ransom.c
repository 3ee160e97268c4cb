/* SPDX-License-Identifier: Apache-2.0
 * The scripted crime: three victims pay a ransom, the money is collected, peeled, mixed, split, and deposited at two exchanges
 * in two countries, where most of it still lies at the end of the chain.
 *
 * Blocks counted back from the end (E):
 *   106    the first miners pay out to the people of the script      E-12  mixed with six others in equal outputs
 *   E-30   first victim pays, E-28 second, E-26 third                E-10  split
 *   E-24   collected, with clean money of the gang                   E-9   a first deposit in France, swept at E-5
 *   E-23   peel chain, one step a block, eleven steps                E-6   deposit in France, E-3 deposit in Japan: both held */
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "gen.h"

enum {
	VICTIMS = 3,
	HELPERS = 6, /* who mix without knowing with whom */
	PEELS = 11,
	FUNDS = 3, /* coinbases taken by the script */
	FUND_HEIGHT = 106,
	GANG_COINS_MAX = 16,
	DEPOSITS = 3,
	BLOCKS_MIN = 150,
};
#define MILLI UINT64_C(100000) /* a thousandth of a coin, in satoshi */

static const struct victim {
	const char *id, *country;
	uint64_t first, second, ransom; /* coins that it has, and what it pays, in thousandths */
	uint32_t before_end;
} victims[VICTIMS] = {
	{"victim-1", "IT", 3100, 2200, 4200, 30},
	{"victim-2", "DE", 4000, 900, 2750, 28},
	{"victim-3", "CA", 2500, 700, 1300, 26},
};
static const struct market {
	const char *name, *country, *actor;
} markets[2] = {
	{"Change Rhone", "FR", "change_rhone"},
	{"Yokohama Coin", "JP", "yokohama_coin"},
};

struct deposit {
	uint32_t market, coin, vout, height;
	struct payee to;
	uint8_t txid[32];
	uint64_t value;
	bool held;
};
struct ransom {
	uint32_t victim[VICTIMS], helper[HELPERS], gang;
	uint32_t vault; /* holds deposits at the exchanges apart from what they spend */
	uint32_t fund[FUNDS], fund_n;
	uint32_t victim_coin[VICTIMS][2], helper_coin[HELPERS], clean;
	uint32_t coins[GANG_COINS_MAX], coin_n; /* the gang's stolen money */
	uint32_t peel, early; /* coin of the peel chain; coin of the first deposit */
	uint32_t peels_done;
	struct coin payment[VICTIMS]; /* as they were when paid */
	struct deposit deposit[DEPOSITS];
	uint32_t deposit_n;
};

struct ransom *ransom_new(struct gen *g)
{
	struct ransom *r = gen_calloc(1, sizeof(*r));
	if (g->opt.blocks < BLOCKS_MIN)
		gen_die("the scenario needs --blocks of at least %d", BLOCKS_MIN);
	for (uint32_t i = 0; i < VICTIMS; i++)
		r->victim[i] = owner_add(g, SCRIPTED);
	for (uint32_t i = 0; i < HELPERS; i++)
		r->helper[i] = owner_add(g, SCRIPTED);
	r->gang = owner_add(g, SCRIPTED);
	r->vault = owner_add(g, SCRIPTED);
	set_add(g, "all");
	for (uint32_t i = 0; i < VICTIMS; i++)
		set_add(g, victims[i].id);
	return r;
}

void ransom_coinbase(struct gen *g, struct ransom *r, uint32_t coin)
{
	if (r->fund_n == FUNDS)
		return;
	coin_keep(g, coin);
	r->fund[r->fund_n++] = coin;
}

/* An output that only the script spends. */
static void keep(struct gen *g, uint32_t owner, uint64_t value)
{
	tx_pay(g, owner, payee_of(g, owner, P2WPKH), value)->keep = true;
}

static uint64_t in_less_fee(struct gen *g, uint32_t out_n)
{
	return tx_in_value(&g->draft) - fee_draw(g, g->draft.in_n, out_n);
}

static void fund(struct gen *g, struct ransom *r)
{
	uint64_t left;
	uint32_t k = 0;
	tx_begin(g, "scripted-fund");
	for (uint32_t i = 0; i < FUNDS; i++)
		tx_take(g, r->fund[i]);
	left = in_less_fee(g, 24);
	for (uint32_t i = 0; i < VICTIMS; i++) {
		keep(g, r->victim[i], victims[i].first * MILLI);
		keep(g, r->victim[i], victims[i].second * MILLI);
		left -= (victims[i].first + victims[i].second) * MILLI;
	}
	for (uint32_t i = 0; i < HELPERS; i++) {
		uint64_t v = (1200 + 90 * i) * MILLI + prng_below(&g->rng, MILLI * 50);
		keep(g, r->helper[i], v);
		left -= v;
	}
	keep(g, r->gang, 500 * MILLI);
	left -= 500 * MILLI;
	uint32_t miner = (uint32_t)prng_below(&g->rng, 4);
	tx_pay(g, g->exchange_0 + 5 + miner, payee_new(g, g->exchange_0 + 5 + miner), left);
	tx_commit(g);
	for (uint32_t i = 0; i < VICTIMS; i++, k += 2)
		memcpy(r->victim_coin[i], &g->draft.out_coin[k], sizeof(r->victim_coin[i]));
	for (uint32_t i = 0; i < HELPERS; i++)
		r->helper_coin[i] = g->draft.out_coin[k++];
	r->clean = g->draft.out_coin[k];
}

static void victim_pays(struct gen *g, struct ransom *r, uint32_t v)
{
	uint64_t ransom = victims[v].ransom * MILLI, left;
	bool change_first = prng_chance(&g->rng, 1, 2);
	tx_begin(g, "scripted-ransom");
	tx_take(g, r->victim_coin[v][0]);
	if (victims[v].first < victims[v].ransom)
		tx_take(g, r->victim_coin[v][1]);
	left = in_less_fee(g, 2) - ransom;
	struct payee back = payee_new(g, r->victim[v]);
	if (change_first)
		tx_pay(g, r->victim[v], back, left)->keep = true;
	keep(g, r->gang, ransom);
	if (!change_first)
		tx_pay(g, r->victim[v], back, left)->keep = true;
	g->draft.change = !change_first;
	tx_commit(g);
	uint32_t coin = g->draft.out_coin[change_first];
	theft_seed(g, coin, 0);
	theft_seed(g, coin, 1 + v);
	r->payment[v] = g->coins[coin];
	r->coins[r->coin_n++] = coin;
}

static void collect(struct gen *g, struct ransom *r)
{
	tx_begin(g, "scripted-collect");
	tx_take(g, r->coins[0]);
	tx_take(g, r->coins[1]);
	tx_take(g, r->clean);
	tx_take(g, r->coins[2]);
	keep(g, r->gang, in_less_fee(g, 1));
	tx_commit(g);
	r->coin_n = 0;
	r->peel = g->draft.out_coin[0];
}

/* A piece off, the rest on. The fourth piece goes to France early. */
static void peel(struct gen *g, struct ransom *r)
{
	bool to_market = r->peels_done == 3, piece_first = prng_chance(&g->rng, 1, 2);
	uint32_t who = to_market ? g->exchange_0
				 : g->wallet_0 + (uint32_t)prng_below(&g->rng, g->wallet_n);
	struct payee to = payee_of(g, who, P2WPKH);
	uint64_t piece = (150 + prng_below(&g->rng, 250)) * MILLI, rest;
	tx_begin(g, "scripted-peel");
	tx_take(g, r->peel);
	rest = in_less_fee(g, 2) - piece;
	if (!piece_first)
		keep(g, r->gang, rest);
	struct out *o = tx_pay(g, to_market ? r->vault : who, to, piece);
	o->keep = to_market;
	if (piece_first)
		keep(g, r->gang, rest);
	g->draft.change = piece_first;
	tx_commit(g);
	r->peel = g->draft.out_coin[piece_first];
	if (to_market) {
		r->early = g->draft.out_coin[!piece_first];
		r->deposit[r->deposit_n++] = (struct deposit){.coin = r->early,
							      .vout = !piece_first,
							      .height = g->height,
							      .to = to,
							      .value = piece};
		memcpy(r->deposit[r->deposit_n - 1].txid, g->draft.txid, 32);
	}
	r->peels_done++;
}

static void halve(struct gen *g, struct ransom *r)
{
	tx_begin(g, "scripted-split");
	tx_take(g, r->peel);
	uint64_t left = in_less_fee(g, 2);
	keep(g, r->gang, left / 2);
	keep(g, r->gang, left - left / 2);
	tx_commit(g);
	r->coins[0] = g->draft.out_coin[0];
	r->coins[1] = g->draft.out_coin[1];
	r->coin_n = 2;
}

static void mix_in(struct gen *g, uint32_t owner, uint32_t coin, uint64_t denomination)
{
	uint64_t value = g->coins[coin].value;
	tx_take(g, coin);
	keep(g, owner, denomination);
	keep(g, owner, value - denomination - 1500);
}

/* Eight entries of one coin each: two are the gang's. Outputs are shuffled, so who owns which is found again by owner. */
static void mix(struct gen *g, struct ransom *r)
{
	struct draft *t = &g->draft;
	tx_begin(g, "coinjoin");
	t->coinjoin = true;
	for (uint32_t i = 0; i < HELPERS; i++) {
		mix_in(g, r->helper[i], r->helper_coin[i], COIN_SAT);
		if (i % 3 == 1)
			mix_in(g, r->gang, r->coins[i / 3], COIN_SAT);
	}
	for (uint32_t i = 0; i < t->out_n; i++) {
		uint32_t k = i + (uint32_t)prng_below(&g->rng, t->out_n - i);
		struct out tmp = t->out[i];
		t->out[i] = t->out[k];
		t->out[k] = tmp;
	}
	tx_commit(g);
	r->coin_n = 0;
	for (uint32_t i = 0; i < t->out_n; i++)
		if (t->out[i].owner == r->gang)
			r->coins[r->coin_n++] = t->out_coin[i];
		else if (t->out[i].value != COIN_SAT)
			coin_keep(g, t->out_coin[i]);
}

static void split(struct gen *g, struct ransom *r)
{
	uint32_t n = r->coin_n;
	for (uint32_t i = 0; i < n; i++) {
		tx_begin(g, "scripted-split");
		tx_take(g, r->coins[i]);
		uint64_t left = in_less_fee(g, 2), a = left / 100 * (30 + prng_below(&g->rng, 40));
		keep(g, r->gang, a);
		keep(g, r->gang, left - a);
		tx_commit(g);
		r->coins[i] = g->draft.out_coin[0];
		r->coins[r->coin_n++] = g->draft.out_coin[1];
	}
}

/* Three of the gang's coins into a deposit at an exchange, the rest back. */
static void deposit(struct gen *g, struct ransom *r, uint32_t market)
{
	struct payee to = payee_of(g, g->exchange_0 + market, P2WPKH);
	tx_begin(g, "scripted-deposit");
	/* One of the first halves of split(), two of the second. */
	tx_take(g, r->coins[market]);
	tx_take(g, r->coins[--r->coin_n]);
	tx_take(g, r->coins[--r->coin_n]);
	uint64_t left = in_less_fee(g, 2), back = left / 50;
	tx_pay(g, r->vault, to, left - back)->keep = true;
	keep(g, r->gang, back);
	g->draft.change = 1;
	tx_commit(g);
	struct deposit *d = &r->deposit[r->deposit_n++];
	*d = (struct deposit){.market = market,
			      .coin = g->draft.out_coin[0],
			      .height = g->height,
			      .to = to,
			      .value = left - back,
			      .held = true};
	memcpy(d->txid, g->draft.txid, 32);
}

/* The French exchange moves the early deposit into its hot wallet, with others. */
static void sweep(struct gen *g, struct ransom *r)
{
	uint32_t owner = g->exchange_0;
	tx_begin(g, "consolidation");
	tx_take(g, r->early);
	for (int n = 0; n < 4 && g->owners[owner].coins != NO_COIN; n++)
		tx_take(g, g->owners[owner].coins);
	tx_pay(g, owner, g->owners[owner].recent[0], in_less_fee(g, 1));
	tx_commit(g);
}

void ransom_block(struct gen *g, struct ransom *r)
{
	uint32_t left = g->opt.blocks - g->height;
	if (g->height == FUND_HEIGHT)
		fund(g, r);
	for (uint32_t v = 0; v < VICTIMS; v++)
		if (left == victims[v].before_end)
			victim_pays(g, r, v);
	if (left == 24)
		collect(g, r);
	else if (left <= 23 && r->peels_done < PEELS)
		peel(g, r);
	else if (left == 12) {
		halve(g, r);
		mix(g, r);
	} else if (left == 10)
		split(g, r);
	else if (left == 6)
		deposit(g, r, 0);
	else if (left == 5)
		sweep(g, r);
	else if (left == 3)
		deposit(g, r, 1);
}

static json_t *amounts(const struct gen *g, const struct deposit *d)
{
	json_t *sets = json_object();
	const struct taint *t = g->coins[d->coin].taint;
	for (uint32_t s = 0; s < g->set_n; s++) {
		json_t *o = json_object();
		json_object_set_new(o, "poison", json_u64(t ? t->poison[s] : 0));
		json_object_set_new(o, "haircut", json_u64(t ? t->haircut[s] : 0));
		json_object_set_new(o, "fifo", json_u64(taint_fifo(t, s)));
		json_object_set_new(sets, g->sets[s].name, o);
	}
	return sets;
}

static void put_place(json_t *o, const uint8_t txid[static 32], uint32_t vout, uint64_t value,
		      const struct payee *to, uint32_t height)
{
	char text[PAYEE_TEXT_MAX], id[65], outpoint[OUTPOINT_TEXT_MAX];
	snprintf(outpoint, sizeof(outpoint), "%s:%u", txid_text(txid, id), vout);
	json_object_set_new(o, "txid", json_string(id));
	json_object_set_new(o, "vout", json_integer(vout));
	json_object_set_new(o, "outpoint", json_string(outpoint));
	json_object_set_new(o, "address", json_string(payee_text(to, text)));
	json_object_set_new(o, "value_sat", json_u64(value));
	json_object_set_new(o, "height", json_integer(height));
}

/* The address with two neighbouring characters exchanged: what a hurried hand writes. */
static json_t *mistyped(const struct payee *p)
{
	char s[PAYEE_TEXT_MAX];
	size_t i = strlen(payee_text(p, s)) / 2;
	while (s[i] == s[i + 1])
		i++;
	char c = s[i];
	s[i] = s[i + 1];
	s[i + 1] = c;
	return json_string(s);
}

static json_t *victims_json(const struct ransom *r)
{
	json_t *a = json_array();
	for (uint32_t v = 0; v < VICTIMS; v++) {
		const struct coin *c = &r->payment[v];
		json_t *o = json_object();
		json_object_set_new(o, "id", json_string(victims[v].id));
		json_object_set_new(o, "country", json_string(victims[v].country));
		put_place(o, c->txid, c->vout, c->value, &c->to, c->height);
		json_object_set_new(o, "mistyped_address", mistyped(&c->to));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *deposits_json(const struct gen *g, const struct ransom *r)
{
	json_t *a = json_array();
	for (uint32_t i = 0; i < r->deposit_n; i++) {
		const struct deposit *d = &r->deposit[i];
		json_t *o = json_object();
		json_object_set_new(o, "exchange", json_string(markets[d->market].name));
		json_object_set_new(o, "country", json_string(markets[d->market].country));
		put_place(o, d->txid, d->vout, d->value, &d->to, d->height);
		json_object_set_new(o, "held", json_boolean(d->held));
		if (d->held)
			json_object_set_new(o, "tainted_sat", amounts(g, d));
		json_array_append_new(a, o);
	}
	return a;
}

static void write_text(const struct gen *g, const char *name, const char *text)
{
	char path[4096];
	struct err e;
	snprintf(path, sizeof(path), "%s/%s", g->opt.out, name);
	if (file_write(path, text, strlen(text), 0644, &e) < 0)
		gen_die("%s", e.message);
}

static void labels_write(struct gen *g)
{
	struct buf b;
	char text[PAYEE_TEXT_MAX], day[TIME_TEXT_MAX];
	buf_init(&b, 1 << 20);
	time_utc(g->time, day);
	buf_printf(&b,
		   "title: Exchanges of the scenario ransom\n"
		   "creator: chaingen\n"
		   "description: Made-up services of a generated chain\n"
		   "currency: BTC\n"
		   "confidence: service_data\n"
		   "category: exchange\n"
		   "source: chaingen --scenario ransom --seed %llu\n"
		   "lastmod: %.10s\n"
		   "tags:\n",
		   (unsigned long long)g->opt.seed, day);
	for (uint32_t m = 0; m < 2; m++)
		for (uint32_t i = 0; i < g->marked[m].n; i++)
			buf_printf(&b, "- address: %s\n  label: %s (%s)\n  actor: %s\n",
				   payee_text(&g->marked[m].p[i], text), markets[m].name,
				   markets[m].country, markets[m].actor);
	if (buf_err(&b))
		gen_die("out of memory");
	write_text(g, "labels.yaml", buf_cstr(&b));
	buf_done(&b);
}

void ransom_close(struct gen *g, struct ransom *r)
{
	char tip[65];
	json_t *o = json_object();
	/* Deposit addresses of the script are labelled even when the table of the exchange was full before. */
	for (uint32_t i = 0; i < r->deposit_n; i++) {
		struct marked *m = &g->marked[r->deposit[i].market];
		m->p[m->n < MARKED_MAX ? m->n++ : MARKED_MAX - 1 - i] = r->deposit[i].to;
	}
	json_object_set_new(o, "scenario", json_string("ransom"));
	json_object_set_new(o, "network", json_string("regtest"));
	json_object_set_new(o, "seed", json_u64(g->opt.seed));
	json_object_set_new(o, "height", json_integer(g->height));
	json_object_set_new(o, "tip", json_string(txid_text(g->tip, tip)));
	json_object_set_new(o, "blocks", json_string("blocks"));
	json_object_set_new(o, "labels", json_string("labels.yaml"));
	json_object_set_new(o, "victims", victims_json(r));
	json_object_set_new(o, "deposits", deposits_json(g, r));
	char *text = json_dumps(o, JSON_INDENT(2));
	if (!text)
		gen_die("out of memory");
	write_text(g, "scenario.json", text);
	labels_write(g);
	free(text);
	json_decref(o);
	free(r);
}
