/* SPDX-License-Identifier: Apache-2.0
 * One transaction: inputs taken, outputs paid, then written to the block in Bitcoin's serialisation. */
#include "crypto/crypto.h"
#include "gen.h"

enum { SIG_LEN = 71, SCHNORR_LEN = 64 };

void tx_begin(struct gen *g, const char *what)
{
	struct draft *t = &g->draft;
	t->in_n = t->out_n = 0;
	t->change = -1;
	t->coinjoin = false;
	t->what = what;
}

void tx_take(struct gen *g, uint32_t coin)
{
	struct draft *t = &g->draft;
	if (t->in_n == TX_IN_MAX)
		gen_die("a transaction of more than %d inputs", TX_IN_MAX);
	t->in[t->in_n++] = g->coins[coin];
	coin_remove(g, coin);
}

struct out *tx_pay(struct gen *g, uint32_t owner, struct payee to, uint64_t value)
{
	struct draft *t = &g->draft;
	if (t->out_n == TX_OUT_MAX)
		gen_die("a transaction of more than %d outputs", TX_OUT_MAX);
	struct out *o = &t->out[t->out_n++];
	g->outputs += owner != NOBODY;
	*o = (struct out){.owner = owner, .to = to, .value = value};
	return o;
}

static int in_cmp(const void *a, const void *b)
{
	const struct coin *x = a, *y = b;
	int c = memcmp(x->txid, y->txid, 32);
	return c ? c : (x->vout > y->vout) - (x->vout < y->vout);
}

static int out_cmp(const void *a, const void *b)
{
	const struct out *x = a, *y = b;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->to.seed > y->to.seed) - (x->to.seed < y->to.seed);
}

void tx_sort(struct draft *t)
{
	struct payee change;
	bool has = t->change >= 0;
	if (has)
		change = t->out[t->change].to;
	qsort(t->in, t->in_n, sizeof(t->in[0]), in_cmp);
	qsort(t->out, t->out_n, sizeof(t->out[0]), out_cmp);
	for (uint32_t i = 0; has && i < t->out_n; i++)
		if (t->out[i].to.seed == change.seed && t->out[i].to.script == change.script)
			t->change = (int)i;
}

uint64_t tx_in_value(const struct draft *t)
{
	uint64_t v = 0;
	for (uint32_t i = 0; i < t->in_n; i++)
		v += t->in[i].value;
	return v;
}

uint64_t fee_draw(struct gen *g, uint32_t in_n, uint32_t out_n)
{
	uint64_t bytes = 11 + UINT64_C(100) * in_n + UINT64_C(33) * out_n;
	return bytes * (1 + prng_below(&g->rng, 12));
}

/* A signature has the size and the outer form of DER, with random numbers in it. */
static void put_sig(struct gen *g, struct buf *b)
{
	uint8_t s[SIG_LEN];
	prng_bytes(&g->rng, s, sizeof(s));
	memcpy(s, (const uint8_t[]){0x30, 68, 2, 32}, 4);
	s[4] = (s[4] & 0x7f) | 1;
	s[36] = 2;
	s[37] = 32;
	s[38] = (s[38] & 0x7f) | 1;
	s[70] = 1; /* SIGHASH_ALL */
	buf_u8(b, SIG_LEN);
	buf_put(b, s, SIG_LEN);
}

static bool is_witness(const struct payee *p)
{
	return p->script >= P2SH && p->script <= P2TR;
}

static void put_script_sig(struct gen *g, struct buf *b, const struct payee *p)
{
	uint8_t tmp[65];
	size_t len;
	switch ((enum script)p->script) {
	case P2PK:
		buf_u8(b, 1 + SIG_LEN);
		put_sig(g, b);
		break;
	case P2PKH:
		len = payee_key(p, tmp);
		buf_u8(b, (uint8_t)(2 + SIG_LEN + len));
		put_sig(g, b);
		buf_u8(b, (uint8_t)len);
		buf_put(b, tmp, len);
		break;
	case P2SH:
		payee_redeem(p, tmp);
		buf_u8(b, 23);
		buf_u8(b, 22);
		buf_put(b, tmp, 22);
		break;
	case P2WPKH:
	case P2WSH:
	case P2TR:
	case DATA:
		buf_u8(b, 0);
		break;
	}
}

static void put_witness(struct gen *g, struct buf *b, const struct payee *p)
{
	uint8_t tmp[SCHNORR_LEN + 1];
	size_t len;
	if (!is_witness(p)) {
		buf_u8(b, 0);
		return;
	}
	if (p->script == P2TR) {
		prng_bytes(&g->rng, tmp, SCHNORR_LEN);
		buf_u8(b, 1);
		buf_u8(b, SCHNORR_LEN);
		buf_put(b, tmp, SCHNORR_LEN);
		return;
	}
	buf_u8(b, 2);
	put_sig(g, b);
	if (p->script == P2WSH) {
		payee_witness_script(p, tmp);
		len = 35;
	} else {
		len = payee_key(p, tmp);
	}
	buf_u8(b, (uint8_t)len);
	buf_put(b, tmp, len);
}

static void put_ins(struct gen *g, struct buf *b, const struct draft *t)
{
	put_compact(b, t->in_n);
	for (uint32_t i = 0; i < t->in_n; i++) {
		buf_put(b, t->in[i].txid, 32);
		buf_u32le(b, t->in[i].vout);
		put_script_sig(g, b, &t->in[i].to);
		buf_u32le(b, UINT32_C(0xfffffffd));
	}
}

static void put_outs(struct buf *b, const struct draft *t)
{
	put_compact(b, t->out_n);
	for (uint32_t i = 0; i < t->out_n; i++) {
		uint8_t s[128];
		size_t len = payee_script(&t->out[i].to, s);
		buf_u64le(b, t->out[i].value);
		buf_u8(b, (uint8_t)len);
		buf_put(b, s, len);
	}
}

/* Hash without and with witness of a transaction whose bytes are in the block from `start`, its witness from `wit`. */
static void hash_both(const struct buf *b, size_t start, size_t wit, uint8_t txid[static 32],
		      uint8_t wtxid[static 32])
{
	sha256d(b->p + start, b->len - start, wtxid);
	if (wit == SIZE_MAX) {
		memcpy(txid, wtxid, 32);
		return;
	}
	struct sha256 h;
	uint8_t once[32];
	sha256_init(&h);
	sha256_update(&h, b->p + start, 4);
	sha256_update(&h, b->p + start + 6, wit - start - 6);
	sha256_update(&h, b->p + b->len - 4, 4);
	sha256_final(&h, once);
	sha256(once, 32, txid);
}

static void tx_write(struct gen *g, struct draft *t)
{
	struct buf *b = &g->body;
	size_t start = b->len, wit = SIZE_MAX;
	bool segwit = false;
	for (uint32_t i = 0; i < t->in_n; i++)
		segwit |= is_witness(&t->in[i].to);
	buf_u32le(b, 2);
	if (segwit)
		buf_put(b, "\0\1", 2);
	put_ins(g, b, t);
	put_outs(b, t);
	if (segwit) {
		wit = b->len;
		for (uint32_t i = 0; i < t->in_n; i++)
			put_witness(g, b, &t->in[i].to);
	}
	buf_u32le(b, 0);
	if (buf_err(b))
		gen_die("the block of height %u has no room for one more transaction", g->height);
	uint32_t row = g->block_tx_n;
	hash_both(b, start, wit, g->txids[row], g->wtxids[row]);
	memcpy(t->txid, g->txids[row], 32);
	g->body_end[row] = (uint32_t)b->len;
}

/* Keys are lost, dust is not worth its fee; and a chain of any length is to fit into memory. */
static bool is_lost(struct gen *g, const struct out *o)
{
	enum { STOCK = 2000000 };
	uint64_t per_cent = o->value < WORTH_SAT ? 50 : g->coin_n > STOCK ? 15 : 3;
	if (o->owner == NOBODY || o->value <= DUST_SAT)
		return true;
	return g->owners[o->owner].kind != EXCHANGE && prng_chance(&g->rng, per_cent, 100);
}

/* Money that nobody will spend again leaves memory; only its taint is told. */
static void out_to_coin(struct gen *g, struct draft *t, uint32_t i, struct taint *taint)
{
	const struct out *o = &t->out[i];
	struct coin c = {.to = o->to,
			 .value = o->value,
			 .taint = taint,
			 .vout = i,
			 .owner = o->owner,
			 .height = g->height};
	memcpy(c.txid, t->txid, 32);
	t->out_coin[i] = NO_COIN;
	if (!o->keep && is_lost(g, o)) {
		truth_end_coin(g, &c);
		free(taint);
		return;
	}
	t->out_coin[i] = coin_add(g, &c);
	if (o->keep)
		coin_keep(g, t->out_coin[i]);
}

void tx_commit(struct gen *g)
{
	struct draft *t = &g->draft;
	uint64_t in = tx_in_value(t), out = 0;
	for (uint32_t i = 0; i < t->out_n; i++)
		out += t->out[i].value;
	if (in < out || !t->out_n)
		gen_die("a %s that creates money at height %u", t->what, g->height);
	if (g->block_tx_n == BLOCK_TX_MAX)
		gen_die("more than %d transactions in a block; raise --blocks", BLOCK_TX_MAX);
	share_note(g, SHARE_INS, t->in_n);
	share_note(g, SHARE_OUTS, t->out_n);
	for (uint32_t i = 0; i < t->in_n; i++)
		share_note(g, SHARE_AGES, g->height - t->in[i].height);
	tx_write(g, t);
	g->fee_sum[g->block_tx_n] = g->fee_sum[g->block_tx_n - 1] + in - out;
	g->block_tx_n++;
	g->tx_done++;
	if (g->opt.rev)
		undo_tx(&g->undo, t);
	truth_tx(g, t);
	struct taint *taints[TX_OUT_MAX];
	taint_tx(g, t, taints);
	for (uint32_t i = 0; i < t->out_n; i++)
		out_to_coin(g, t, i, taints[i]);
}
