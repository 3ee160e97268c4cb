/* SPDX-License-Identifier: Apache-2.0
 * A small invented chain for the ledger's tests: blocks are mined on regtest with the encoders of chain, written as block files in
 * any form a node may leave them in, and kept as plain lists, which are the oracle. */
#ifndef TESTS_LEDGER_WORLD_H
#define TESTS_LEDGER_WORLD_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef WORLD_ASSERT_ABORTS /* for the fuzz targets, which have no test runner */
#define assert_true(x) ((x) ? (void)0 : __builtin_trap())
#define assert_non_null(x) assert_true((x) != NULL)
#define assert_int_equal(a, b) assert_true((int64_t)(a) == (int64_t)(b))
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)
#define fail_msg(...) (fprintf(stderr, __VA_ARGS__), __builtin_trap())
#else
#include <cmocka.h>
#endif

#include "base/buf.h"
#include "base/file.h"
#include "base/prng.h"
#include "base/text.h"
#include "chain/address.h"
#include "chain/block.h"
#include "chain/hash.h"
#include "chain/script.h"
#include "chain/tx.h"
#include "crypto/crypto.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>

enum {
	WORLD_BLOCKS = 400,
	WORLD_TXS = 4000,
	WORLD_OUTS = 16,
	WORLD_INS = 8,
	WORLD_OWNERS = 24,
	WORLD_SCRIPT = 80
};

struct world_out {
	uint64_t value;
	uint8_t script[WORLD_SCRIPT];
	uint32_t script_len;
	uint32_t spender; /* oracle: tx, 0 unspent */
	bool lost;
};
struct world_in {
	uint32_t tx, n; /* of the output; tx UINT32_MAX for a txid that is not of this world */
	uint8_t txid32[32];
};
struct world_tx {
	uint8_t txid32[32];
	uint32_t block, in_n, out_n;
	struct world_in in[WORLD_INS];
	struct world_out out[WORLD_OUTS];
};
struct world_block {
	uint8_t hash32[32];
	uint8_t *bytes;
	size_t len;
};
struct world {
	struct prng r;
	uint32_t block_n, tx_n;
	uint8_t prev32[32];
	struct world_block block[WORLD_BLOCKS];
	struct world_tx tx[WORLD_TXS];
	uint32_t salt; /* makes coinbases of branches differ */
};

/* Owner i is paid in one of ten forms; forms 0 and 1 of the same owner are one identity. */
static inline uint32_t world_script(const struct world *w, uint32_t owner, uint32_t form,
				    uint8_t out[WORLD_SCRIPT])
{
	uint8_t key33[33] = {2}, h20[20], h32[32];

	(void)w;
	memset(key33 + 1, (int)owner + 1, 32);
	hash160(key33, 33, h20);
	sha256(key33, 33, h32);
	switch (form) {
	case 0:
		memcpy(out, "\x76\xa9\x14", 3);
		memcpy(out + 3, h20, 20);
		memcpy(out + 23, "\x88\xac", 2);
		return 25;
	case 1:
		out[0] = 33;
		memcpy(out + 1, key33, 33);
		out[34] = 0xac;
		return 35;
	case 2:
		memcpy(out, "\xa9\x14", 2);
		memcpy(out + 2, h20, 20);
		out[22] = 0x87;
		return 23;
	case 3:
		memcpy(out, "\x00\x14", 2);
		memcpy(out + 2, h20, 20);
		return 22;
	case 4:
	case 5:
		out[0] = form == 4 ? 0x00 : 0x51;
		out[1] = 32;
		memcpy(out + 2, h32, 32);
		return 34;
	case 6:
		memcpy(out, "\x6a\x04", 2);
		memcpy(out + 2, h20, 4);
		return 6;
	case 7:
		out[0] = 0x51;
		out[1] = 33;
		memcpy(out + 2, key33, 33);
		memcpy(out + 35, "\x51\xae", 2);
		return 37;
	case 8:
		memcpy(out, "\x51\x02\x4e\x73", 4);
		return 4;
	default:
		out[0] = 0x75;
		out[1] = (uint8_t)owner;
		return owner % 3; /* also the empty script */
	}
}

static inline void world_pay(struct world *w, struct world_out *o, uint64_t value)
{
	*o = (struct world_out){.value = value};
	o->script_len = world_script(w, (uint32_t)prng_below(&w->r, WORLD_OWNERS),
				     (uint32_t)prng_below(&w->r, 10), o->script);
}

static inline void world_encode(struct world *w, struct world_tx *t, uint32_t height,
				struct buf *out)
{
	struct txin ins[WORLD_INS] = {0};
	struct txout outs[WORLD_OUTS];
	uint8_t coin[9] = {8}, zeros[32] = {0};
	struct tx decoded;
	size_t from = out->len;

	memcpy(coin + 1, &height, 4);
	memcpy(coin + 5, &w->salt, 4);
	for (uint32_t i = 0; i < t->in_n; i++)
		ins[i] = (struct txin){
			.prev32 = t->in[i].txid32, .prev_n = t->in[i].n, .sequence = UINT32_MAX};
	if (t->in_n == 0)
		ins[0] = (struct txin){
			.prev32 = zeros, .prev_n = UINT32_MAX, .script = coin, .script_len = 9};
	if (t->in_n % 3 == 2) { /* some with a witness */
		ins[0].witness = (const uint8_t *)"\x01\x02\xaa\xbb";
		ins[0].witness_len = 4;
	}
	for (uint32_t i = 0; i < t->out_n; i++) {
		outs[i] = (struct txout){.script = t->out[i].script,
					 .script_len = t->out[i].script_len};
		assert_int_equal(sat_from(t->out[i].value, &outs[i].value), 0);
	}
	assert_int_equal(tx_encode(2, ins, t->in_n ? t->in_n : 1, outs, t->out_n, 0, out), 0);
	assert_int_equal(tx_decode(out->p + from, out->len - from, 0, &decoded), 0);
	tx_id(&decoded, t->txid32);
}

static inline bool world_spendable(const struct world_out *o)
{
	return o->spender == 0 && !o->lost && !(o->script_len && o->script[0] == 0x6a) &&
	       o->value > 0;
}

/* A transaction over up to WORLD_INS random unspent outputs; false when none was hit. */
static inline bool world_spend(struct world *w, struct world_tx *t, uint32_t self)
{
	uint64_t sum = 0, left;

	for (int tries = 0; tries < 40 && t->in_n < 1 + prng_below(&w->r, WORLD_INS - 1); tries++) {
		uint32_t from = (uint32_t)prng_below(&w->r, self);
		uint32_t n = (uint32_t)prng_below(&w->r, w->tx[from].out_n);
		struct world_out *o = &w->tx[from].out[n];

		if (!world_spendable(o))
			continue;
		o->spender = self;
		t->in[t->in_n] = (struct world_in){.tx = from, .n = n};
		memcpy(t->in[t->in_n++].txid32, w->tx[from].txid32, 32);
		sum += o->value;
	}
	if (t->in_n == 0)
		return false;
	left = sum - prng_below(&w->r, sum / 10 + 1);
	t->out_n = 1 + (uint32_t)prng_below(&w->r, WORLD_OUTS - 1);
	for (uint32_t i = 0; i < t->out_n; i++) {
		uint64_t part = i + 1 == t->out_n ? left : prng_below(&w->r, left + 1);

		world_pay(w, &t->out[i], part);
		left -= part;
	}
	return true;
}

static inline void world_mine(struct block_header *h, uint8_t header80[80], uint8_t hash32[32])
{
	do {
		h->nonce++;
		block_header_encode(h, header80);
		block_hash(header80, hash32);
	} while (block_check_work(hash32, h->bits, network_get(NET_REGTEST)) != 0);
}

/* Close a block over the transactions from first on. */
static inline void world_seal(struct world *w, uint32_t first, const struct buf *txs)
{
	struct block_header h = {
		.version = 4, .time_s = 1700000000 + w->block_n * 600, .bits = 0x207fffff};
	struct world_block *b = &w->block[w->block_n];
	struct buf out;
	struct merkle m;

	memcpy(h.prev32, w->prev32, 32);
	merkle_init(&m);
	for (uint32_t i = first; i < w->tx_n; i++)
		merkle_add(&m, w->tx[i].txid32);
	assert_true(merkle_root(&m, h.merkle32));
	buf_init(&out, 4 << 20);
	block_encode(&h, w->tx_n - first, &out);
	world_mine(&h, out.p, b->hash32);
	buf_put(&out, txs->p, txs->len);
	b->bytes = buf_take(&out, &b->len);
	memcpy(w->prev32, b->hash32, 32);
	w->block_n++;
}

/* One more block: a coinbase (with the bytes of an earlier height if `repeat` is not UINT32_MAX) and up to tx_max others. */
static inline void world_block(struct world *w, uint32_t tx_max, uint32_t repeat)
{
	uint32_t first = w->tx_n, n = (uint32_t)prng_below(&w->r, tx_max + 1);
	struct world_tx *t = &w->tx[w->tx_n];
	struct buf txs;

	assert_true(w->block_n < WORLD_BLOCKS && w->tx_n + tx_max + 1 < WORLD_TXS);
	buf_init(&txs, 4 << 20);
	*t = (struct world_tx){.block = w->block_n};
	if (repeat != UINT32_MAX) {
		const struct world_tx *old = t - 1;

		while (old->block != repeat || old->in_n)
			old--;
		*t = *old;
		t->block = w->block_n;
		for (uint32_t i = 0; i < t->out_n; i++)
			t->out[i].spender = 0;
	} else {
		t->out_n = 1 + (uint32_t)prng_below(&w->r, 3);
		for (uint32_t i = 0; i < t->out_n; i++)
			world_pay(w, &t->out[i], UINT64_C(1000000000) + prng_below(&w->r, 1000));
	}
	world_encode(w, t, repeat != UINT32_MAX ? repeat : w->block_n, &txs);
	w->tx_n++;
	for (uint32_t i = 0; i < n; i++) {
		t = &w->tx[w->tx_n];
		*t = (struct world_tx){.block = w->block_n};
		if (!world_spend(w, t, w->tx_n))
			continue;
		world_encode(w, t, 0, &txs);
		w->tx_n++;
	}
	world_seal(w, first, &txs);
	buf_done(&txs);
}

/* Regtest's own first block, as every node has it. */
static inline void world_genesis(struct world *w)
{
	static const char hex[] =
		"0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e"
		"67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000010100000001000000000000000000000000"
		"0000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f"
		"32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e"
		"6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
		"49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";
	struct world_block *b = &w->block[0];
	struct world_tx *t = &w->tx[0];

	b->len = (sizeof(hex) - 1) / 2;
	b->bytes = malloc(b->len);
	assert_int_equal(hex_decode(hex, sizeof(hex) - 1, b->bytes, b->len), 0);
	block_hash(b->bytes, b->hash32);
	t->out_n = 1;
	t->out[0].value = UINT64_C(5000000000);
	t->out[0].script_len = 67;
	memcpy(t->out[0].script, b->bytes + b->len - 4 - 67, 67);
	t->out[0].lost = true; /* never spent here, as on the real chains */
	sha256d(b->bytes + 81, b->len - 81, t->txid32);
	memcpy(w->prev32, b->hash32, 32);
	w->block_n = w->tx_n = 1;
}

static inline struct world *world_new(uint64_t seed, uint32_t block_n, uint32_t tx_max)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	prng_init(&w->r, seed);
	w->salt = (uint32_t)seed;
	world_genesis(w);
	while (w->block_n < block_n)
		world_block(w, tx_max, UINT32_MAX);
	return w;
}

static inline struct world *world_free(struct world *w)
{
	for (uint32_t i = 0; w && i < w->block_n; i++)
		free(w->block[i].bytes);
	free(w);
	return NULL;
}

/* A branch: the same chain up to and with block keep - 1, then nothing yet. */
static inline struct world *world_fork(const struct world *w, uint32_t keep, uint32_t salt)
{
	struct world *f = malloc(sizeof(*f));

	assert_non_null(f);
	*f = *w;
	f->salt = salt;
	prng_init(&f->r, salt);
	f->block_n = keep;
	while (f->tx_n > 0 && f->tx[f->tx_n - 1].block >= keep)
		f->tx_n--;
	for (uint32_t i = 0; i < f->tx_n; i++)
		for (uint32_t k = 0; k < f->tx[i].out_n; k++)
			if (f->tx[i].out[k].spender >= f->tx_n) {
				f->tx[i].out[k].spender = 0;
				f->tx[i].out[k].lost = i == 0;
			}
	for (uint32_t i = 0; i < keep; i++) {
		f->block[i].bytes = malloc(f->block[i].len);
		memcpy(f->block[i].bytes, w->block[i].bytes, w->block[i].len);
	}
	memcpy(f->prev32, f->block[keep - 1].hash32, 32);
	return f;
}

/* ---- files ---- */

static inline void world_put_block(struct buf *out, const struct world_block *b)
{
	buf_put(out, network_get(NET_REGTEST)->magic4, 4);
	buf_u32le(out, (uint32_t)b->len);
	buf_put(out, b->bytes, b->len);
}

static inline void world_write_file(const char *dir, const char *name, const struct buf *b,
				    const uint8_t *xor8)
{
	char path[512];
	struct buf x;

	buf_init(&x, 64 << 20);
	buf_put(&x, b->p, b->len);
	for (size_t i = 0; xor8 && i < x.len; i++)
		x.p[i] ^= xor8[i % 8];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(file_write(path, x.p, x.len, 0644, NULL), 0);
	buf_done(&x);
}

/* All blocks of a world in order in one file. */
static inline void world_write(const struct world *w, const char *dir, uint32_t block_n)
{
	struct buf b;

	buf_init(&b, 64 << 20);
	for (uint32_t i = 0; i < block_n; i++)
		world_put_block(&b, &w->block[i]);
	world_write_file(dir, "blk00000.dat", &b, NULL);
	buf_done(&b);
}

static inline void world_remove_tree(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *entry;

	while (d && (entry = readdir(d)) != NULL) {
		char sub[4096];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, entry->d_name) >= (int)sizeof(sub))
			continue;
		if (unlink(sub) < 0)
			world_remove_tree(sub);
	}
	if (d)
		closedir(d);
	(void)rmdir(path);
}

/* ---- import and comparison ---- */

static const uint8_t world_key16[16] = "0123456789abcdef";

static inline struct ledger_import_options world_options(void)
{
	return (struct ledger_import_options){
		.network = "regtest", .first_height = -1, .key16 = world_key16};
}

static inline int world_import(const char *blocks, const char *dir,
			       struct ledger_import_result *res, struct err *e)
{
	struct ledger_import_options o = world_options();

	return ledger_import(blocks, dir, &o, res, e);
}

/* Every file of two ledgers, byte for byte. */
static inline void world_same(const char *a, const char *b)
{
	static const char *const names[] = {"manifest", "key", NULL};
	DIR *d;
	const struct dirent *entry;
	char pa[768], pb[768];
	int files = 0;

	for (int sub = 0; sub < 2; sub++) {
		snprintf(pa, sizeof(pa), "%s%s", a, sub ? "/columns" : "");
		d = opendir(pa);
		assert_non_null(d);
		while ((entry = readdir(d)) != NULL) {
			struct buf x, y;

			if (!sub && strcmp(entry->d_name, names[0]) != 0 &&
			    strcmp(entry->d_name, names[1]) != 0 &&
			    strncmp(entry->d_name, "index", 5) != 0)
				continue;
			if (entry->d_name[0] == '.')
				continue;
			snprintf(pa, sizeof(pa), "%s%s/%s", a, sub ? "/columns" : "",
				 entry->d_name);
			snprintf(pb, sizeof(pb), "%s%s/%s", b, sub ? "/columns" : "",
				 entry->d_name);
			buf_init(&x, 64 << 20);
			buf_init(&y, 64 << 20);
			assert_int_equal(file_read(pa, &x, NULL), 0);
			assert_int_equal(file_read(pb, &y, NULL), 0);
			if (x.len != y.len || memcmp(x.p, y.p, x.len) != 0)
				fail_msg("%s differs from %s", pb, pa);
			buf_done(&x);
			buf_done(&y);
			files++;
		}
		closedir(d);
	}
	assert_true(files >= 13 + 3);
}

static inline void world_check_out(const struct ledger *l, const struct world *w, uint64_t output,
				   uint32_t txnum, uint32_t n)
{
	const struct world_out *o = &w->tx[txnum].out[n];
	struct ledger_output got;
	struct address want, is = {0};

	assert_int_equal(ledger_output_get(l, output, &got), 0);
	assert_int_equal(got.txnum, txnum);
	assert_int_equal(got.position, n);
	assert_int_equal(got.value, o->value);
	assert_int_equal(ledger_out_tx(l, output), txnum);
	(void)script_classify(o->script, o->script_len, &want);
	assert_int_equal(got.address == 0, want.kind == ADDRESS_NONE);
	if (got.address)
		assert_int_equal(ledger_address_get(l, got.address, &is), 0);
	assert_true(address_equal(&is, &want));
	if (o->spender == 0) {
		assert_int_equal(got.spend, LEDGER_UNSPENT);
		return;
	}
	assert_int_equal(got.spender, o->spender);
	if (o->lost) {
		assert_int_equal(got.spend, LEDGER_LOST);
		return;
	}
	assert_int_equal(got.spend, LEDGER_SPENT);
	assert_int_equal(w->tx[o->spender].in[got.spender_position].tx, txnum);
	assert_int_equal(w->tx[o->spender].in[got.spender_position].n, n);
}

static inline void world_check_tx(const struct ledger *l, const struct world *w, uint32_t txnum,
				  uint32_t repeated)
{
	const struct world_tx *t = &w->tx[txnum];
	uint64_t in = 0, out = 0, fee;
	struct ledger_tx got;
	uint32_t found;

	assert_int_equal(ledger_tx_get(l, txnum, &got), 0);
	assert_memory_equal(got.txid32, t->txid32, 32);
	assert_int_equal(ledger_tx_find(l, t->txid32, &found), 0);
	assert_int_equal(found, repeated ? repeated : txnum);
	assert_int_equal(got.height, t->block);
	assert_int_equal(ledger_tx_height(l, txnum), t->block);
	assert_int_equal(got.in_n, t->in_n);
	assert_int_equal(got.out_n, t->out_n);
	assert_int_equal(got.coinbase, t->in_n == 0);
	for (uint32_t i = 0; i < t->in_n; i++) {
		uint64_t o = ledger_in_output(l, got.first_in + i);

		assert_int_equal(o, ledger_first_out(l, t->in[i].tx) + t->in[i].n);
		in += ledger_out_value(l, o);
	}
	for (uint32_t i = 0; i < t->out_n; i++) {
		world_check_out(l, w, got.first_out + i, txnum, i);
		out += t->out[i].value;
	}
	assert_int_equal(ledger_tx_fee(l, txnum, &fee), 0);
	assert_int_equal(fee, t->in_n ? in - out : 0);
}

/* Balance and history of one address by looking at every transaction of the world. */
static inline void world_check_address(const struct ledger *l, const struct world *w, uint32_t id)
{
	struct ledger_move moves[7], all[2000];
	struct ledger_balance b, want = {0};
	struct address a, x;
	int64_t n, after = -1;
	uint32_t k = 0, back = 0;

	assert_int_equal(ledger_address_get(l, id, &a), 0);
	for (uint32_t t = 0; t < w->tx_n; t++) {
		struct ledger_move m = {.txnum = t, .height = w->tx[t].block};

		for (uint32_t i = 0; i < w->tx[t].out_n; i++) {
			const struct world_out *o = &w->tx[t].out[i];

			(void)script_classify(o->script, o->script_len, &x);
			if (!address_equal(&a, &x))
				continue;
			m.received += o->value;
			want.received_n++;
			want.lost += o->lost && o->spender ? o->value : 0;
			m.time_s = 1;
		}
		for (uint32_t i = 0; i < w->tx[t].in_n; i++) {
			const struct world_out *o = &w->tx[w->tx[t].in[i].tx].out[w->tx[t].in[i].n];

			(void)script_classify(o->script, o->script_len, &x);
			if (!address_equal(&a, &x))
				continue;
			m.sent += o->value;
			want.sent_n++;
			m.time_s = 1;
		}
		if (!m.time_s)
			continue;
		want.received += m.received;
		want.sent += m.sent;
		want.last_tx = t;
		if (want.tx_n++ == 0)
			want.first_tx = t;
		all[k++] = m;
	}
	assert_int_equal(ledger_address_balance(l, id, &b), 0);
	assert_int_equal(b.received, want.received);
	assert_int_equal(b.sent, want.sent);
	assert_int_equal(b.lost, want.lost);
	assert_int_equal(b.balance, want.received - want.sent - want.lost);
	assert_int_equal(b.received_n, want.received_n);
	assert_int_equal(b.sent_n, want.sent_n);
	assert_int_equal(b.tx_n, want.tx_n);
	assert_int_equal(b.first_tx, want.first_tx);
	assert_int_equal(b.last_tx, want.last_tx);
	for (uint32_t at = 0;
	     (n = ledger_address_moves(l, id, LEDGER_OLDEST_FIRST, after, moves, 7)) > 0;)
		for (int64_t i = 0; i < n; i++, at++) {
			assert_true(at < k);
			assert_int_equal(moves[i].txnum, all[at].txnum);
			assert_int_equal(moves[i].height, all[at].height);
			assert_int_equal(moves[i].received, all[at].received);
			assert_int_equal(moves[i].sent, all[at].sent);
			after = moves[i].txnum;
			back++;
		}
	assert_int_equal(n, 0);
	assert_int_equal(back, k);
	for (after = -1;
	     (n = ledger_address_moves(l, id, LEDGER_NEWEST_FIRST, after, moves, 3)) > 0;)
		for (int64_t i = 0; i < n; i++) {
			assert_int_equal(moves[i].txnum, all[--back].txnum);
			after = moves[i].txnum;
		}
	assert_int_equal(back, 0);
}

/* The whole ledger against the world. */
static inline void world_check(const struct ledger *l, const struct world *w)
{
	const struct ledger_info *info = ledger_info(l);

	assert_int_equal(info->block_n, w->block_n);
	assert_int_equal(info->tx_n, w->tx_n);
	assert_memory_equal(info->tip32, w->block[w->block_n - 1].hash32, 32);
	for (uint32_t i = 0; i < w->block_n; i++) {
		struct ledger_block b;

		assert_int_equal(ledger_block_find(l, w->block[i].hash32, &b), 0);
		assert_int_equal(b.height, i);
		assert_int_equal(ledger_block_at(l, i, &b), 0);
		assert_memory_equal(b.hash32, w->block[i].hash32, 32);
	}
	for (uint32_t t = 0; t < w->tx_n; t++) {
		uint32_t repeated = 0;

		for (uint32_t u = t + 1; u < w->tx_n; u++)
			if (memcmp(w->tx[u].txid32, w->tx[t].txid32, 32) == 0)
				repeated = u;
		world_check_tx(l, w, t, repeated);
	}
	for (uint32_t id = 1; id < info->address_n; id++)
		world_check_address(l, w, id);
}

static inline void world_check_dir(const char *dir, const char *blocks, const struct world *w)
{
	struct ledger_verify_result v;
	struct ledger *l = NULL;
	struct err e = {0};

	if (ledger_open(dir, &l, &e) < 0)
		fail_msg("%s", e.message);
	world_check(l, w);
	ledger_close(l);
	if (ledger_verify(dir, blocks, NULL, NULL, &v, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(v.tx_n, w->tx_n);
	assert_int_equal(v.mined, v.fees + v.unspent + v.lost);
}
#endif
