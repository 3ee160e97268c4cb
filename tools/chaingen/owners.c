/* SPDX-License-Identifier: Apache-2.0
 * Who lives in the generated economy, and the addresses they are paid at.
 *
 * A public key is spread from a 64-bit seed, so that the spender can show it without its being kept. Nobody knows a private
 * key: signatures have the right size and form, and verify nothing. */
#include "crypto/crypto.h"
#include "gen.h"

static void spread(uint64_t seed, uint8_t *out, size_t len)
{
	struct prng r;
	prng_init(&r, seed);
	prng_bytes(&r, out, len);
}

size_t payee_key(const struct payee *p, uint8_t out65[static 65])
{
	/* One in two keys of the first era is uncompressed. Which prefix is even or odd says nothing here. */
	size_t len = p->script == P2PK && p->seed % 2 ? 65 : 33;
	spread(p->seed, out65 + 1, len - 1);
	out65[0] = len == 65 ? 4 : (uint8_t)(2 + (p->seed >> 1) % 2);
	return len;
}

void payee_redeem(const struct payee *p, uint8_t out22[static 22])
{
	uint8_t key[65];
	size_t len = payee_key(p, key);
	out22[0] = 0;
	out22[1] = 20;
	hash160(key, len, out22 + 2);
}

void payee_witness_script(const struct payee *p, uint8_t out35[static 35])
{
	uint8_t key[65];
	payee_key(p, key);
	out35[0] = 33;
	memcpy(out35 + 1, key, 33);
	out35[34] = 0xac; /* OP_CHECKSIG */
}

static void payload_make(struct payee *p)
{
	uint8_t b[65];
	switch ((enum script)p->script) {
	case P2PK:
	case P2PKH:
	case P2WPKH: {
		size_t len = payee_key(p, b);
		hash160(b, len, p->payload);
		break;
	}
	case P2SH:
		payee_redeem(p, b);
		hash160(b, 22, p->payload);
		break;
	case P2WSH:
		payee_witness_script(p, b);
		sha256(b, 35, p->payload);
		break;
	case P2TR:
	case DATA:
		spread(p->seed, p->payload, 32);
		break;
	}
}

/* Share of each script in per cent, at five points of the chain: 2009, 2012, 2016, 2020, 2024. */
static const uint8_t eras[5][DATA] = {
	[0] = {[P2PK] = 70, [P2PKH] = 30},
	[1] = {[P2PK] = 2, [P2PKH] = 98},
	[2] = {[P2PKH] = 78, [P2SH] = 22},
	[3] = {[P2PKH] = 38, [P2SH] = 38, [P2WPKH] = 20, [P2WSH] = 4},
	[4] = {[P2PKH] = 18, [P2SH] = 10, [P2WPKH] = 48, [P2WSH] = 4, [P2TR] = 20},
};

static enum script script_draw(struct gen *g)
{
	/* Position on the line between two points decides from which of them to draw. */
	uint64_t at = (uint64_t)g->height * 4 * 1000 / (g->opt.blocks ? g->opt.blocks : 1);
	size_t era = at / 1000 + (prng_below(&g->rng, 1000) < at % 1000);
	uint64_t d = prng_below(&g->rng, 100);
	for (enum script s = P2PK; s < DATA; s++) {
		if (d < eras[era < 5 ? era : 4][s])
			return s;
		d -= eras[era < 5 ? era : 4][s];
	}
	return P2PKH;
}

struct payee payee_new(struct gen *g, uint32_t owner)
{
	struct owner *o = &g->owners[owner];
	/* A program stays with one kind of script until it is replaced. */
	if (!o->addr_n || prng_chance(&g->rng, 1, 24))
		o->script = (uint8_t)script_draw(g);
	return payee_of(g, owner, (enum script)o->script);
}

struct payee payee_of(struct gen *g, uint32_t owner, enum script script)
{
	struct payee p = {.seed = prng_u64(&g->rng), .script = (uint8_t)script};
	payload_make(&p);
	struct owner *o = &g->owners[owner];
	uint32_t slot = o->recent_n < RECENT_MAX ? o->recent_n++
						 : (uint32_t)prng_below(&g->rng, RECENT_MAX);
	/* Row 0 is the address that an owner publishes: it stays. */
	o->recent[o->addr_n && !slot ? 1 : slot] = p;
	o->addr_n++;
	truth_address(g, &p, owner);
	uint32_t exchange = owner - g->exchange_0;
	if (exchange < 2 && g->marked[exchange].n < MARKED_MAX)
		g->marked[exchange].p[g->marked[exchange].n++] = p;
	return p;
}

struct payee payee_any(struct gen *g, uint32_t owner, bool may_reuse)
{
	struct owner *o = &g->owners[owner];
	/* Half of all outputs go where money went before: kept there by feedback. */
	if (may_reuse && o->recent_n && g->reused * 2 <= g->outputs) {
		g->reused++;
		return o->recent[prng_below(&g->rng, o->recent_n)];
	}
	return payee_new(g, owner);
}

struct payee payee_data(struct gen *g)
{
	struct payee p = {.seed = prng_u64(&g->rng), .script = DATA, .data_len = 32};
	payload_make(&p);
	return p;
}

size_t payee_script(const struct payee *p, uint8_t out[static 128])
{
	static const uint8_t head[][3] = {[P2PKH] = {0x76, 0xa9, 20}, [P2SH] = {0xa9, 20}};
	size_t n = 0;
	switch ((enum script)p->script) {
	case P2PK:
		n = payee_key(p, out + 1);
		out[0] = (uint8_t)n;
		out[n + 1] = 0xac;
		return n + 2;
	case P2PKH:
		memcpy(out, head[P2PKH], 3);
		memcpy(out + 3, p->payload, 20);
		out[23] = 0x88;
		out[24] = 0xac;
		return 25;
	case P2SH:
		memcpy(out, head[P2SH], 2);
		memcpy(out + 2, p->payload, 20);
		out[22] = 0x87;
		return 23;
	case P2WPKH:
	case P2WSH:
	case P2TR:
		out[0] = p->script == P2TR ? 0x51 : 0;
		out[1] = p->script == P2WPKH ? 20 : 32;
		memcpy(out + 2, p->payload, out[1]);
		return 2 + (size_t)out[1];
	case DATA:
		out[0] = 0x6a;
		out[1] = p->data_len;
		memcpy(out + 2, p->payload, p->data_len);
		return 2 + (size_t)p->data_len;
	}
	return 0;
}

uint32_t owner_add(struct gen *g, enum kind k)
{
	struct owner *o = &g->owners[g->owner_n];
	*o = (struct owner){.kind = (uint8_t)k,
			    .coins = NO_COIN,
			    .coins_last = NO_COIN,
			    .sorts = k != SCRIPTED && prng_chance(&g->rng, 1, 4)};
	return g->owner_n++;
}

static uint32_t owners_add(struct gen *g, enum kind k, uint32_t n)
{
	uint32_t first = g->owner_n;
	for (uint32_t i = 0; i < n; i++)
		owner_add(g, k);
	return first;
}

void owners_make(struct gen *g)
{
	enum {
		MINERS = 8,
		EXCHANGES = 12,
		SCRIPTED_MAX = 64,
		WALLETS_MIN = 60,
		WALLETS_MAX = 50000
	};
	uint64_t wallets = g->opt.transactions / 20;
	g->wallet_n = wallets < WALLETS_MIN   ? WALLETS_MIN
		      : wallets > WALLETS_MAX ? WALLETS_MAX
					      : (uint32_t)wallets;
	g->peeler_n = 2 + g->wallet_n / 100;
	g->exchange_n = EXCHANGES;
	g->owners = gen_calloc(MINERS + EXCHANGES + 1 + SCRIPTED_MAX + g->wallet_n + g->peeler_n,
			       sizeof(*g->owners));
	owners_add(g, MINER, MINERS);
	g->exchange_0 = owners_add(g, EXCHANGE, EXCHANGES);
	g->wallet_0 = owners_add(g, WALLET, g->wallet_n);
	g->peeler_0 = owners_add(g, PEELER, g->peeler_n);
	g->spammer = owners_add(g, SPAMMER, 1);
}
