/* SPDX-License-Identifier: Apache-2.0
 * Blocks: coinbase, merkle root, witness commitment, and real proof of work for regtest's target (two tries on average). */
#include "crypto/crypto.h"
#include "gen.h"

enum { HEADER_LEN = 80, VERSION = 0x20000000 };
#define REGTEST_BITS UINT32_C(0x207fffff)
/* Bitcoin Core, kernel/chainparams.cpp, CRegTestParams: the genesis block's fields. */
enum { GENESIS_NONCE = 2 };
static const char genesis_tx_hex[] =
	"01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d"
	"0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66"
	"207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe55"
	"48271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba"
	"0b8d578a4c702b6bf11d5fac00000000";

static void merkle(uint8_t (*h)[32], uint32_t n, uint8_t out32[static 32])
{
	for (; n > 1; n = (n + 1) / 2)
		for (uint32_t i = 0; i < n; i += 2) {
			uint8_t pair[64];
			memcpy(pair, h[i], 32);
			memcpy(pair + 32, h[i + 1 < n ? i + 1 : i], 32);
			sha256d(pair, sizeof(pair), h[i / 2]);
		}
	memcpy(out32, h[0], 32);
}

static void merkle_of(uint8_t (*rows)[32], uint32_t n, uint8_t out32[static 32])
{
	static uint8_t work[BLOCK_TX_MAX][32];
	memcpy(work, rows, (size_t)n * 32);
	merkle(work, n, out32);
}

static void header_mine(struct buf *b, const uint8_t prev[static 32], const uint8_t root[static 32],
			uint32_t version, uint32_t time, uint32_t nonce, uint8_t hash[static 32])
{
	for (;; nonce++) {
		buf_clear(b);
		buf_u32le(b, version);
		buf_put(b, prev, 32);
		buf_put(b, root, 32);
		buf_u32le(b, time);
		buf_u32le(b, REGTEST_BITS);
		buf_u32le(b, nonce);
		sha256d(b->p, HEADER_LEN, hash);
		if (hash[31] < 0x80 && (hash[31] < 0x7f || hash[30] < 0xff || hash[29] < 0xff))
			return;
	}
}

void block_genesis(struct gen *g)
{
	uint8_t tx[sizeof(genesis_tx_hex) / 2], root[32];
	struct buf b;
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(tx); i++) {
		unsigned v;
		sscanf(genesis_tx_hex + 2 * i, "%2x", &v);
		tx[i] = (uint8_t)v;
	}
	sha256d(tx, sizeof(tx), root);
	g->time = GENESIS_TIME;
	header_mine(&b, g->tip, root, 1, g->time, GENESIS_NONCE, g->tip);
	put_compact(&b, 1);
	buf_put(&b, tx, sizeof(tx));
	files_block(g->files, &b, NULL, g->tip);
	buf_done(&b);
}

void block_begin(struct gen *g)
{
	g->block_tx_n = 1;
	g->fee_sum[0] = 0;
	g->body_end[0] = 0;
	buf_clear(&g->body);
	buf_clear(&g->undo);
}

static uint64_t subsidy(uint32_t height)
{
	return height / HALVING >= 64 ? 0 : 50 * COIN_SAT >> height / HALVING;
}

static void put_coinbase_script(struct buf *b, uint32_t height, uint64_t extra)
{
	/* BIP 34: the height as a minimal script number, so that no two coinbases are alike. */
	uint8_t n[8];
	size_t len = 0;
	if (height <= 16)
		n[len++] = (uint8_t)(0x50 + height);
	else {
		for (uint32_t h = height; h; h >>= 8)
			n[++len] = (uint8_t)h;
		if (n[len] & 0x80)
			n[++len] = 0;
		n[0] = (uint8_t)len++;
	}
	buf_u8(b, (uint8_t)(len + 9));
	buf_put(b, n, len);
	buf_u8(b, 8);
	buf_u64le(b, extra);
}

/* Coinbase of a block of the first n rows. */
static void put_coinbase(struct gen *g, struct buf *b, const struct payee *to, uint64_t value,
			 uint32_t n, uint64_t extra)
{
	uint8_t s[128], pair[64] = {0};
	size_t len = payee_script(to, s);
	memset(g->wtxids[0], 0, 32);
	merkle_of(g->wtxids, n, pair);
	sha256d(pair, 64, pair);
	buf_u32le(b, 2);
	buf_put(b, "\0\1\1", 3);
	buf_put(b, (const uint8_t[32]){0}, 32);
	buf_u32le(b, UINT32_MAX);
	put_coinbase_script(b, g->height, extra);
	buf_u32le(b, UINT32_MAX);
	buf_u8(b, 2);
	buf_u64le(b, value);
	buf_u8(b, (uint8_t)len);
	buf_put(b, s, len);
	buf_u64le(b, 0);
	buf_put(b, "\x26\x6a\x24\xaa\x21\xa9\xed", 7); /* BIP 141: the witness commitment */
	buf_put(b, pair, 32);
	buf_put(b, "\1\x20", 2);
	buf_put(b, (const uint8_t[32]){0}, 32);
	buf_u32le(b, 0);
}

static void coinbase_id(const struct buf *b, uint8_t txid[static 32])
{
	struct sha256 h;
	uint8_t once[32];
	sha256_init(&h);
	sha256_update(&h, b->p, 4);
	sha256_update(&h, b->p + 6, b->len - 6 - 34 - 4);
	sha256_update(&h, b->p + b->len - 4, 4);
	sha256_final(&h, once);
	sha256(once, 32, txid);
}

/* One block of the first n rows on top of prev; its hash replaces *prev. */
static void block_write(struct gen *g, uint8_t prev[static 32], const struct payee *to, uint32_t n,
			uint64_t extra, const struct buf *undo, uint8_t txid[static 32])
{
	struct buf cb, b;
	uint8_t root[32], before[32];
	buf_init(&cb, 1024);
	buf_init(&b, BLOCK_BYTES_MAX + 4096);
	put_coinbase(g, &cb, to, subsidy(g->height) + g->fee_sum[n - 1], n, extra);
	coinbase_id(&cb, g->txids[0]);
	memcpy(txid, g->txids[0], 32);
	merkle_of(g->txids, n, root);
	memcpy(before, prev, 32);
	header_mine(&b, before, root, VERSION, g->time, 0, prev);
	put_compact(&b, n);
	buf_put(&b, cb.p, cb.len);
	buf_put(&b, g->body.p, g->body_end[n - 1]);
	if (buf_err(&b))
		gen_die("block %u is too large", g->height);
	files_block(g->files, &b, undo, before);
	buf_done(&cb);
	buf_done(&b);
}

/* Now and then two miners find a block at once; the loser has half the transactions, and sometimes a child without any. */
static void stale_write(struct gen *g, const uint8_t prev[static 32])
{
	uint8_t tip[32], txid[32];
	memcpy(tip, prev, 32);
	struct payee to = payee_new(g, (uint32_t)prng_below(&g->rng, 4));
	block_write(g, tip, &to, 1 + g->block_tx_n / 2, prng_u64(&g->rng), NULL, txid);
	if (prng_chance(&g->rng, 1, 3)) {
		g->height++;
		block_write(g, tip, &to, 1, prng_u64(&g->rng), NULL, txid);
		g->height--;
	}
}

/* Undo data of a block: the number of its transactions behind the coinbase, then each. */
static void undo_close(struct gen *g, struct buf *undo)
{
	put_compact(undo, g->block_tx_n - 1);
	buf_put(undo, g->undo.p, g->undo.len);
	if (buf_err(undo) || buf_err(&g->undo))
		gen_die("undo data of block %u is too large", g->height);
}

/* Where a miner is paid: half of the time where he was before. */
static struct payee miner_payee(struct gen *g, uint32_t miner)
{
	const struct owner *o = &g->owners[miner];
	return o->recent_n && prng_chance(&g->rng, 1, 2) ? o->recent[0] : payee_new(g, miner);
}

void block_end(struct gen *g)
{
	uint32_t miner = (uint32_t)prng_below(&g->rng, 8);
	struct payee to = miner_payee(g, miner);
	struct coin c = {.to = to,
			 .value = subsidy(g->height) + g->fee_sum[g->block_tx_n - 1],
			 .owner = miner,
			 .height = g->height,
			 .coinbase = true};
	uint8_t prev[32];
	struct buf undo;
	buf_init(&undo, 64 << 20);
	undo_close(g, &undo);
	memcpy(prev, g->tip, 32);
	g->time += 1 + (uint32_t)prng_below(&g->rng, 2 * BLOCK_S - 2);
	bool stale = g->opt.stale && g->height + 4 < g->opt.blocks && prng_chance(&g->rng, 1, 12);
	if (stale && prng_chance(&g->rng, 1, 2)) {
		stale_write(g, prev);
		stale = false;
	}
	block_write(g, g->tip, &to, g->block_tx_n, prng_u64(&g->rng), g->opt.rev ? &undo : NULL,
		    c.txid);
	if (stale)
		stale_write(g, prev);
	g->tx_done++;
	g->coinbase_coin = c.value ? coin_add(g, &c) : NO_COIN;
	buf_done(&undo);
}
