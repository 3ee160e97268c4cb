/* SPDX-License-Identifier: Apache-2.0
 * Tests of blocks and transactions: genesis blocks of the network table, targets and work, merkle trees, every refusal of the
 * decoder, and real blocks that must decode, hash and encode again to the same bytes. */
#include "base/cleanup.h"
#include "base/prng.h"
#include "base/text.h"
#include "chain/block.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "crypto/crypto.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lug-data.h"

enum { HEX_MAX = 1 << 20 };

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;
	assert_true(n <= HEX_MAX);
	assert_int_equal(hex_decode(hex, 2 * n, out, n), 0);
	return n;
}

static void assert_hash(const uint8_t hash32[32], const char *text)
{
	char shown[HASH_TEXT_MAX];
	assert_string_equal(hash_text(hash32, shown), text);
}

/* ---- headers ---- */

struct genesis {
	enum net net;
	uint32_t time_s, bits, nonce;
	const char *merkle;
};
#define SATOSHI_MERKLE "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
#define LITECOIN_MERKLE "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9"

static void test_genesis(void **state)
{
	static const struct genesis list[] = {
		{NET_BITCOIN, 1231006505, 0x1d00ffff, 2083236893, SATOSHI_MERKLE},
		{NET_TESTNET3, 1296688602, 0x1d00ffff, 414098458, SATOSHI_MERKLE},
		{NET_TESTNET4, 1714777860, 0x1d00ffff, 393743547,
		 "7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e"},
		{NET_SIGNET, 1598918400, 0x1e0377ae, 52613770, SATOSHI_MERKLE},
		{NET_REGTEST, 1296688602, 0x207fffff, 2, SATOSHI_MERKLE},
		{NET_LITECOIN, 1317972665, 0x1e0ffff0, 2084524493, LITECOIN_MERKLE},
		{NET_LITECOIN_TESTNET, 1486949366, 0x1e0ffff0, 293345, LITECOIN_MERKLE},
		{NET_BITCOIN_CASH, 1231006505, 0x1d00ffff, 2083236893, SATOSHI_MERKLE},
		{NET_BITCOIN_CASH_TESTNET, 1296688602, 0x1d00ffff, 414098458, SATOSHI_MERKLE},
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		const struct network *n = network_get(list[i].net);
		struct block_header h = {.version = 1,
					 .time_s = list[i].time_s,
					 .bits = list[i].bits,
					 .nonce = list[i].nonce};
		uint8_t p80[80], hash[32];
		assert_int_equal(hash_parse(list[i].merkle, 64, h.merkle32), 0);
		block_header_encode(&h, p80);
		block_hash(p80, hash);
		assert_hash(hash, n->genesis);
		int want = n->pow == NET_POW_SCRYPT ? -ERR_UNSUPPORTED : 0;
		assert_int_equal(block_check_work(hash, h.bits, n), want);
		assert_int_equal(block_check_header(p80, n), 0);
		struct block_header again = block_header_decode(p80);
		assert_memory_equal(&again, &h, sizeof(h));
		/* CAIP-2: the first 32 digits of the genesis hash, but for a fork, which names its first own block. */
		assert_memory_equal(n->caip2, "bip122:", 7);
		assert_int_equal(strlen(n->caip2), 7 + 32);
		if (!n->cash_prefix)
			assert_memory_equal(n->caip2 + 7, n->genesis, 32);
	}
}

static void assert_u256(struct u256 a, uint64_t high, uint64_t low)
{
	const struct u256 want = {{low, 0, 0, high}};
	assert_int_equal(u256_cmp(&a, &want), 0);
}

static void test_target(void **state)
{
	struct u256 t;
	uint8_t hash[32] = {0};
	const struct network *n = network_get(NET_BITCOIN);
	assert_int_equal(block_target(0x1d00ffff, &t), 0);
	assert_u256(t, 0xffff0000, 0); /* 0xffff times 2^208 */
	assert_u256(block_work(0x1d00ffff), 0, 4295032833);
	assert_u256(block_work(0x207fffff), 0, 2);
	assert_int_equal(block_target(0x01003456, &t), -ERR_RANGE); /* shifts to zero */
	assert_int_equal(block_target(0x01123456, &t), 0);
	assert_u256(t, 0, 18);
	assert_int_equal(block_target(0x05009234, &t), 0);
	assert_u256(t, 0, 0x92340000);
	assert_int_equal(block_target(0x04923456, &t), -ERR_RANGE); /* negative */
	assert_int_equal(block_target(0, &t), -ERR_RANGE);
	assert_int_equal(block_target(0x2200ff00, &t), -ERR_RANGE); /* 2^264 */
	assert_int_equal(block_target(0x210000ff, &t), 0);
	assert_int_equal(block_target(0xff123456, &t), -ERR_RANGE);
	assert_u256(block_work(0), 0, 0);
	assert_int_equal(block_check_work(hash, 0x207fffff, n), -ERR_RANGE); /* too easy */
	assert_int_equal(block_check_work(hash, 0x1d00ffff, n), 0);
	hash[31] = 1;
	assert_int_equal(block_check_work(hash, 0x1d00ffff, n), -ERR_CORRUPT);
	assert_int_equal(block_check_work(hash, 0x1d00ffff, network_get(NET_EVM)),
			 -ERR_UNSUPPORTED);
	assert_int_equal(block_check_header((const uint8_t[80]){0}, n), -ERR_RANGE);
}

static void test_u256(void **state)
{
	struct prng r;
	prng_init(&r, 1);
	for (int i = 0; i < 2000; i++) {
		struct u256 a, b, zero = {{0}};
		prng_bytes(&r, &a, sizeof(a));
		prng_bytes(&r, &b, sizeof(b));
		for (int k = (int)prng_below(&r, 5); k < 4; k++)
			b.w[k] = 0;
		/* a == q * b + rest, by repeated doubling, with rest < b */
		struct u256 q = u256_div(&a, &b), product = zero;
		for (int k = 255; k >= 0; k--) {
			product = u256_add(&product, &product);
			if (q.w[k / 64] >> (k % 64) & 1)
				product = u256_add(&product, &b);
		}
		struct u256 rest = u256_sub(&a, &product);
		if (u256_cmp(&b, &zero) == 0)
			assert_int_equal(u256_cmp(&q, &zero), 0);
		else
			assert_true(u256_cmp(&rest, &b) < 0);
		struct u256 back = u256_add(&rest, &product);
		assert_int_equal(u256_cmp(&back, &a), 0);
	}
}

/* ---- merkle ---- */

/* The tree as the protocol describes it: pairs, the last one doubled when it is alone. */
static void merkle_plain(uint8_t (*h)[32], size_t n, uint8_t out32[32])
{
	while (n > 1) {
		for (size_t i = 0; i < n; i += 2) {
			uint8_t pair[64];
			memcpy(pair, h[i], 32);
			memcpy(pair + 32, h[i + 1 < n ? i + 1 : i], 32);
			sha256d(pair, 64, h[i / 2]);
		}
		n = (n + 1) / 2;
	}
	memcpy(out32, h[0], 32);
}

static void test_merkle(void **state)
{
	static uint8_t leaf[300][32], copy[300][32];
	uint8_t want[32], got[32];
	struct prng r;
	struct merkle m;
	prng_init(&r, 2);
	prng_bytes(&r, leaf, sizeof(leaf));
	for (size_t n = 1; n <= 300; n++) {
		merkle_init(&m);
		for (size_t i = 0; i < n; i++)
			merkle_add(&m, leaf[i]);
		memcpy(copy, leaf, sizeof(leaf));
		merkle_plain(copy, n, want);
		assert_true(merkle_root(&m, got));
		assert_memory_equal(got, want, 32);
	}
	/* CVE-2012-2459: 1 2 3 4 5 6 and 1 2 3 4 5 6 5 6 have the same root; the second must be told. */
	static const int repeated[] = {0, 1, 2, 3, 4, 5, 4, 5};
	merkle_init(&m);
	for (size_t i = 0; i < 6; i++)
		merkle_add(&m, leaf[i]);
	assert_true(merkle_root(&m, want));
	merkle_init(&m);
	for (size_t i = 0; i < 8; i++)
		merkle_add(&m, leaf[repeated[i]]);
	assert_false(merkle_root(&m, got));
	assert_memory_equal(got, want, 32);
	static const uint8_t zero[32];
	merkle_init(&m);
	assert_true(merkle_root(&m, got));
	assert_memory_equal(got, zero, 32);
}

/* ---- transactions ---- */

/* Decodes, walks and encodes again; returns the error of the decoder. */
static int roundtrip(const uint8_t *p, size_t len, unsigned flags)
{
	struct tx t;
	int r = tx_decode(p, len, flags, &t);
	if (r < 0)
		return r;
	struct txin *ins = calloc(t.in_n, sizeof(*ins));
	struct txout *outs = calloc(t.out_n, sizeof(*outs));
	struct tx_iter it = tx_ins(&t), wit = tx_witnesses(&t), out_it = tx_outs(&t);
	size_t in_n = 0, out_n = 0;
	uint64_t sum = 0;
	while (txin_next(&it, &ins[in_n])) {
		assert_int_equal(txin_witness(&wit, &ins[in_n]), t.witness != NULL);
		if (++in_n == t.in_n)
			break;
	}
	while (out_n < t.out_n && txout_next(&out_it, &outs[out_n]))
		sum += outs[out_n++].value.v;
	struct txin no_in;
	struct txout no_out;
	assert_false(txin_next(&it, &no_in));
	assert_false(txout_next(&out_it, &no_out));
	assert_false(txin_witness(&wit, &no_in));
	assert_int_equal(in_n, t.in_n);
	assert_int_equal(out_n, t.out_n);
	assert_int_equal(sum, t.out_sum.v);
	assert_ptr_equal(out_it.p, t.body_end);
	struct buf b;
	buf_init(&b, TX_LEN_MAX);
	assert_int_equal(tx_encode(t.version, ins, t.in_n, outs, t.out_n, t.locktime, &b), 0);
	if (!t.mweb) {
		assert_int_equal(b.len, len);
		assert_memory_equal(b.p, p, len);
	}
	buf_done(&b);
	free(ins);
	free(outs);
	return 0;
}

static const char segwit_tx[] = /* BIP 143, native P2WPKH, signed */
	"01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b"
	"02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef"
	"51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99"
	"f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6"
	"a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee01"
	"21025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000";

static void test_tx(void **state)
{
	static uint8_t p[HEX_MAX];
	struct tx t;
	uint8_t id[32];
	size_t len = unhex(segwit_tx, p);
	assert_int_equal(tx_decode(p, len, 0, &t), 0);
	assert_int_equal(t.in_n, 2);
	assert_int_equal(t.out_n, 2);
	assert_int_equal(t.locktime, 17);
	assert_false(t.coinbase);
	assert_int_equal(t.out_sum.v, 112340000 + 223450000);
	tx_id(&t, id);
	assert_hash(id, "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609");
	tx_wid(&t, id);
	uint8_t want[32];
	sha256d(p, len, want);
	assert_memory_equal(id, want, 32);
	assert_int_equal(roundtrip(p, len, 0), 0);
	/* Every cut fails as cut off; nothing is read behind the end (the copy ends where the bytes end). */
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, p, n);
		int r = tx_decode(cut, n, 0, &t);
		assert_true(r == -ERR_TRUNCATED || (n < 8 && r == -ERR_FORMAT));
		free(cut);
	}
	p[len] = 0;
	assert_int_equal(tx_decode(p, len + 1, 0, &t), -ERR_TRAILING);
	assert_int_equal(tx_decode(p, (size_t)TX_LEN_MAX + 1, 0, &t), -ERR_OVERSIZE);
}

static void assert_tx_error(const char *hex, unsigned flags, int error)
{
	static uint8_t p[HEX_MAX];
	struct tx t = {0};
	size_t len = unhex(hex, p);
	assert_int_equal(tx_decode(p, len, flags, &t), error);
	assert_null(t.p); /* untouched */
}

#define OUTPOINT                                                           \
	"1111111111111111111111111111111111111111111111111111111111111111" \
	"00000000"
#define IN                 \
	"01" OUTPOINT "00" \
	"ffffffff"
#define OUT                \
	"01"               \
	"0100000000000000" \
	"00"
#define PLAIN "01000000" IN OUT "00000000"

static void test_tx_refusals(void **state)
{
	static uint8_t p[HEX_MAX];
	size_t len = unhex(PLAIN, p);
	assert_int_equal(roundtrip(p, len, 0), 0);
	assert_int_equal(len, 60);
	assert_tx_error("01000000"
			"0000" OUT "00000000",
			0, -ERR_FORMAT); /* marker with a bad flag: no input */
	assert_tx_error("01000000" IN "00"
			"00000000",
			0, -ERR_FORMAT); /* no output */
	assert_tx_error("01000000"
			"fd0100" OUTPOINT "00"
			"ffffffff" OUT "00000000",
			0, -ERR_FORMAT); /* long count */
	assert_tx_error("01000000"
			"fe01000000" OUTPOINT "00"
			"ffffffff" OUT "00000000",
			0, -ERR_FORMAT);
	assert_tx_error("01000000"
			"ff0100000000000000" OUTPOINT "00"
			"ffffffff" OUT "00000000",
			0, -ERR_FORMAT);
	assert_tx_error("01000000"
			"feffffff7f" OUTPOINT "00"
			"ffffffff" OUT "00000000",
			0, -ERR_OVERSIZE);
	assert_tx_error("01000000"
			"ffffffffffffffffff" OUTPOINT "00"
			"ffffffff" OUT "00000000",
			0, -ERR_OVERSIZE);
	assert_tx_error("01000000"
			"fdfd00" OUTPOINT "00"
			"ffffffff" OUT "00000000",
			0, -ERR_TRUNCATED);
	assert_tx_error("01000000"
			"01" OUTPOINT "feffffff7f"
			"ffffffff" OUT "00000000",
			0, -ERR_OVERSIZE); /* script */
	assert_tx_error("01000000"
			"01" OUTPOINT "ffffffffffffffffff"
			"ffffffff" OUT "00000000",
			0, -ERR_OVERSIZE);
	assert_tx_error("01000000" IN "01"
			"01001d68c1d71d00"
			"00"
			"00000000",
			0, -ERR_RANGE);
	assert_tx_error("01000000" IN "01"
			"ffffffffffffffff"
			"00"
			"00000000",
			0, -ERR_RANGE);
	assert_tx_error("01000000" IN "02"
			"00001d68c1d71d00"
			"00"
			"0100000000000000"
			"00"
			"00000000",
			0, -ERR_RANGE);
	assert_tx_error("01000000"
			"0001" IN OUT "00"
			"00000000",
			0, -ERR_FORMAT); /* witness that says nothing */
	assert_tx_error("01000000"
			"0002" IN OUT "0101aa"
			"00000000",
			0, -ERR_FORMAT);
	assert_tx_error("01000000"
			"0001" IN OUT "fe00000003"
			"00000000",
			0, -ERR_OVERSIZE);
	/* Litecoin's extension mark is known only where it is asked for, and never carries data in a block. */
	assert_tx_error("01000000"
			"0008" IN OUT "00"
			"00000000",
			0, -ERR_FORMAT);
	assert_tx_error("01000000"
			"0008" IN OUT "01"
			"00000000",
			TX_MWEB, -ERR_FORMAT);
}

static void test_tx_mweb(void **state)
{
	static uint8_t p[HEX_MAX], plain[HEX_MAX];
	struct tx t;
	uint8_t id[32], want[32];
	size_t len = unhex("01000000"
			   "0008" IN OUT "00"
			   "00000000",
			   p),
	       plain_len = unhex(PLAIN, plain);
	assert_int_equal(tx_decode(p, len, TX_MWEB, &t), 0);
	assert_true(t.mweb);
	sha256d(plain, plain_len, want);
	tx_id(&t, id);
	assert_memory_equal(id, want, 32);
	tx_wid(&t, id);
	assert_memory_equal(id, want, 32);
	/* With witness and mark: the witness hash leaves the mark out. */
	len = unhex("01000000"
		    "0009" IN OUT "0101aa"
		    "00"
		    "00000000",
		    p);
	plain_len = unhex("01000000"
			  "0001" IN OUT "0101aa"
			  "00000000",
			  plain);
	assert_int_equal(tx_decode(p, len, TX_MWEB, &t), 0);
	sha256d(plain, plain_len, want);
	tx_wid(&t, id);
	assert_memory_equal(id, want, 32);
}

static void test_tx_encode_refusals(void **state)
{
	static const uint8_t prev[32], bad_witness[] = {1, 2, 3}, no_items[] = {0};
	struct txin in = {.prev32 = prev};
	struct txout out = {.value = {SAT_MAX}}, outs[2] = {{.value = {SAT_MAX}}, {.value = {1}}};
	struct buf b;
	buf_init(&b, 1000);
	assert_int_equal(tx_encode(1, &in, 0, &out, 1, 0, &b), -ERR_INVAL);
	assert_int_equal(tx_encode(1, &in, 1, &out, 0, 0, &b), -ERR_INVAL);
	assert_int_equal(tx_encode(1, &in, 1, outs, 2, 0, &b), -ERR_RANGE);
	in.witness = bad_witness;
	in.witness_len = sizeof(bad_witness);
	assert_int_equal(tx_encode(1, &in, 1, &out, 1, 0, &b), -ERR_INVAL);
	in.witness = no_items;
	in.witness_len = sizeof(no_items);
	assert_int_equal(tx_encode(1, &in, 1, &out, 1, 0, &b), -ERR_INVAL);
	in.witness_len = 0;
	buf_clear(&b);
	assert_int_equal(tx_encode(1, &in, 1, &out, 1, 0, &b), 0);
	buf_done(&b);
	buf_init(&b, 30);
	assert_int_equal(tx_encode(1, &in, 1, &out, 1, 0, &b), -ERR_OVERSIZE);
	buf_done(&b);
}

/* Height that a coinbase with this script states; -1 when none. */
static int64_t stated_height(const uint8_t *script, uint32_t len)
{
	static const uint8_t prev[32];
	struct txin in = {
		.prev32 = prev, .prev_n = UINT32_MAX, .script = script, .script_len = len};
	struct txout out = {.value = {1}};
	struct buf b;
	struct tx t;
	uint32_t h;
	buf_init(&b, 1000);
	assert_int_equal(tx_encode(1, &in, 1, &out, 1, 0, &b), 0);
	assert_int_equal(tx_decode(b.p, b.len, 0, &t), 0);
	assert_true(t.coinbase);
	int64_t r = tx_height(&t, &h) == 0 ? (int64_t)h : -1;
	buf_done(&b);
	return r;
}

static void test_height(void **state)
{
	assert_int_equal(stated_height((const uint8_t *)"\x03\xfb\x79\x03", 4), 227835);
	assert_int_equal(stated_height((const uint8_t *)"\x51", 1), 1);
	assert_int_equal(stated_height((const uint8_t *)"\x60", 1), 16);
	assert_int_equal(stated_height((const uint8_t *)"\x00", 1), 0);
	assert_int_equal(stated_height((const uint8_t *)"\x01\x11", 2), 17);
	assert_int_equal(stated_height((const uint8_t *)"\x02\x80\x00", 3), 128);
	assert_int_equal(stated_height((const uint8_t *)"\x02\x7f\x00", 3),
			 -1);						     /* not the shortest */
	assert_int_equal(stated_height((const uint8_t *)"\x01\x80", 2), -1); /* negative */
	assert_int_equal(stated_height((const uint8_t *)"\x03\xfb\x79", 3), -1);
	assert_int_equal(stated_height((const uint8_t *)"\x05\x01\x01\x01\x01\x01", 6), -1);
	assert_int_equal(stated_height(NULL, 0), -1);
}

/* ---- blocks ---- */

static void test_block_refusals(void **state)
{
	static uint8_t p[HEX_MAX];
	struct block_reader r;
	struct tx t;
	struct err e = {0};
	memset(p, 0, 80);
	assert_int_equal(block_open(&r, p, 80, 0), -ERR_TRUNCATED);
	assert_int_equal(block_open(&r, p, 79, 0), -ERR_TRUNCATED);
	p[80] = 0;
	assert_int_equal(block_open(&r, p, 81, 0), -ERR_FORMAT);
	p[80] = 1;
	assert_int_equal(block_open(&r, p, 81, 0), -ERR_TRUNCATED);
	memcpy(p + 80, "\xfe\xff\xff\xff\x7f", 5);
	assert_int_equal(block_open(&r, p, 85, 0), -ERR_OVERSIZE);
	assert_int_equal(block_open(&r, p, (size_t)BLOCK_LEN_MAX + 1, 0), -ERR_OVERSIZE);
	/* one transaction that is not a coinbase */
	p[80] = 1;
	size_t n = unhex(PLAIN, p + 81);
	assert_int_equal(block_open(&r, p, 81 + n, 0), 0);
	assert_int_equal(block_next(&r, &t), -ERR_FORMAT);
	assert_int_equal(block_next(&r, &t), -ERR_FORMAT); /* errors stay */
	assert_int_equal(block_check(p, 81 + n, NET_BITCOIN, NULL, &e), -ERR_RANGE);
	assert_string_equal(e.field, "bits");
}

/* ---- blocks made here ---- */

enum { MADE_MAX = 4 };
struct made {
	struct buf tx[MADE_MAX], block;
	uint32_t n;
};

static void made_init(struct made *m)
{
	m->n = 0;
	for (int i = 0; i < MADE_MAX; i++)
		buf_init(&m->tx[i], HEX_MAX);
	buf_init(&m->block, HEX_MAX);
}

static void made_done(struct made *m)
{
	for (int i = 0; i < MADE_MAX; i++)
		buf_done(&m->tx[i]);
	buf_done(&m->block);
}

/* A transaction with one input and output; a coinbase when it is the first. Witness and data output where given. */
static void made_tx(struct made *m, const uint8_t *witness, uint32_t witness_len,
		    const uint8_t *data, uint32_t data_len)
{
	static const uint8_t zero[32], prev[32] = {7}, script[] = {0x51};
	struct txin in = {.prev32 = m->n ? prev : zero,
			  .prev_n = m->n ? m->n : UINT32_MAX,
			  .script = script,
			  .script_len = 1,
			  .sequence = 1,
			  .witness = witness,
			  .witness_len = witness_len};
	struct txout outs[2] = {{.value = {5}}, {.script = data, .script_len = data_len}};
	assert_int_equal(tx_encode(1, &in, 1, outs, data ? 2 : 1, 0, &m->tx[m->n++]), 0);
}

/* Puts the block together with a right merkle root and enough work for regtest; extra bytes go behind. */
static void made_block(struct made *m, const char *extra)
{
	struct block_header h = {.version = 4, .bits = 0x207fffff};
	struct merkle tree;
	uint8_t id[32], p80[80], hash[32];
	merkle_init(&tree);
	for (uint32_t i = 0; i < m->n; i++) {
		struct tx t;
		assert_int_equal(tx_decode(m->tx[i].p, m->tx[i].len, TX_MWEB, &t), 0);
		tx_id(&t, id);
		merkle_add(&tree, id);
	}
	(void)merkle_root(&tree, h.merkle32);
	do {
		h.nonce++;
		block_header_encode(&h, p80);
		block_hash(p80, hash);
	} while (hash[31] >= 0x80);
	buf_clear(&m->block);
	block_encode(&h, m->n, &m->block);
	for (uint32_t i = 0; i < m->n; i++)
		buf_put(&m->block, m->tx[i].p, m->tx[i].len);
	buf_str(&m->block, extra);
}

static void assert_check(const struct made *m, enum net net, int code, const char *field)
{
	struct err e = {0};
	assert_int_equal(block_check(m->block.p, m->block.len, net, NULL, &e), code);
	assert_string_equal(e.field, field);
}

static const uint8_t one_item[] = {1, 2, 0xaa, 0xbb}, reserved[34] = {1, 32};

static void test_commitment(void **state)
{
	struct made m;
	struct tx t;
	uint8_t pair[64] = {0}, commitment[38] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
	/* witness root of {zeros, wtxid of the second} */
	made_init(&m);
	made_tx(&m, NULL, 0, NULL, 0);
	made_tx(&m, one_item, sizeof(one_item), NULL, 0);
	made_block(&m, "");
	assert_check(&m, NET_REGTEST, -ERR_CHECKSUM, "witness"); /* commits to nothing */
	assert_int_equal(tx_decode(m.tx[1].p, m.tx[1].len, 0, &t), 0);
	tx_wid(&t, pair + 32);
	sha256d(pair, 64, pair);
	memset(pair + 32, 0, 32);
	sha256d(pair, 64, commitment + 6);
	made_done(&m);
	for (int wrong = 0; wrong < 2; wrong++) {
		made_init(&m);
		commitment[6] ^= (uint8_t)wrong;
		made_tx(&m, reserved, sizeof(reserved), commitment, sizeof(commitment));
		made_tx(&m, one_item, sizeof(one_item), NULL, 0);
		made_block(&m, "");
		assert_check(&m, NET_REGTEST, wrong ? -ERR_CHECKSUM : 0, wrong ? "witness" : "");
		made_done(&m);
	}
}

static void test_made_refusals(void **state)
{
	struct made m;
	made_init(&m);
	made_tx(&m, NULL, 0, NULL, 0);
	made_tx(&m, NULL, 0, NULL, 0);
	made_block(&m, "");
	assert_check(&m, NET_REGTEST, 0, "");
	assert_check(&m, NET_BITCOIN, -ERR_RANGE, "bits"); /* too easy there */
	m.block.p[36] ^= 1;
	while (block_check(m.block.p, m.block.len, NET_REGTEST, NULL, NULL) != -ERR_CHECKSUM)
		m.block.p[76]++;
	assert_check(&m, NET_REGTEST, -ERR_CHECKSUM, "merkle");
	while (block_check(m.block.p, m.block.len, NET_REGTEST, NULL, NULL) != -ERR_CORRUPT)
		m.block.p[76]++;
	assert_check(&m, NET_REGTEST, -ERR_CORRUPT, "work");
	made_block(&m, "x");
	assert_check(&m, NET_REGTEST, -ERR_TRAILING, "transactions");
	m.block.len -= 3;
	assert_check(&m, NET_REGTEST, -ERR_TRUNCATED, "transactions");
	m.block.len = 40;
	assert_check(&m, NET_REGTEST, -ERR_TRUNCATED, "block");
	/* the same transaction twice at the end: another list with the same root */
	made_tx(&m, NULL, 0, NULL, 0);
	buf_clear(&m.tx[2]);
	buf_put(&m.tx[2], m.tx[1].p, m.tx[1].len);
	m.n = 4;
	buf_put(&m.tx[3], m.tx[2].p, m.tx[2].len);
	made_block(&m, "");
	assert_check(&m, NET_REGTEST, -ERR_CHECKSUM, "merkle");
	/* two coinbases */
	m.n = 2;
	buf_clear(&m.tx[1]);
	buf_put(&m.tx[1], m.tx[0].p, m.tx[0].len);
	made_block(&m, "");
	assert_check(&m, NET_REGTEST, -ERR_FORMAT, "transactions");
	made_done(&m);
}

/* Litecoin: the last transaction carries the mark, and an extension block follows. */
static void test_extension(void **state)
{
	struct made m;
	struct block_reader r;
	struct tx t;
	uint8_t marked[100];
	made_init(&m);
	made_tx(&m, NULL, 0, NULL, 0);
	buf_put(&m.tx[1], marked,
		unhex("02000000"
		      "0008" IN OUT "00"
		      "00000000",
		      marked));
	m.n = 2;
	made_block(&m, "extension");
	assert_check(&m, NET_LITECOIN, 0, ""); /* its work is scrypt and is not looked at */
	assert_check(&m, NET_REGTEST, -ERR_FORMAT, "transactions");
	assert_int_equal(block_open(&r, m.block.p, m.block.len, TX_MWEB), 0);
	assert_int_equal(block_next(&r, &t), 1);
	assert_int_equal(block_next(&r, &t), 1);
	assert_true(t.mweb);
	assert_int_equal(block_next(&r, &t), 0);
	assert_int_equal(r.extra_len, 9);
	assert_memory_equal(r.extra, "extension", 9);
	/* only the last may carry it */
	buf_put(&m.tx[2], m.tx[1].p, m.tx[1].len);
	m.n = 3;
	made_block(&m, "");
	assert_check(&m, NET_LITECOIN, -ERR_FORMAT, "transactions");
	made_done(&m);
}

static void test_sizes(void **state)
{
	static const struct {
		uint64_t v;
		size_t len;
	} list[] = {{0, 1},	  {0xfc, 1},	   {0xfd, 3},	     {0xffff, 3},
		    {0x10000, 5}, {0xffffffff, 5}, {0x100000000, 9}, {UINT64_MAX, 9}};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct buf b;
		buf_init(&b, 100);
		size_put(&b, list[i].v);
		assert_int_equal(b.len, list[i].len);
		struct cur c = cur_init(b.p, b.len);
		assert_true(size_read(&c) == list[i].v);
		assert_int_equal(cur_end(&c), 0);
		const uint8_t *p = b.p;
		assert_true(size_next_unchecked(&p) == list[i].v && p == b.p + b.len);
		c = cur_init(b.p, b.len - 1);
		assert_int_equal(size_read(&c), 0);
		assert_int_equal(c.error, -ERR_TRUNCATED);
		buf_done(&b);
	}
}

/* A block of real or made bytes: all hashes hold, all transactions survive the round trip. Returns the transactions. */
static uint32_t check_block(const uint8_t *p, size_t len, enum net net, struct block_summary *sum)
{
	struct err e = {0};
	struct block_reader r;
	struct tx t;
	uint32_t n = 0;
	int code = block_check(p, len, net, sum, &e);
	if (code < 0)
		fail_msg("%s", e.message);
	struct buf b;
	buf_init(&b, BLOCK_LEN_MAX);
	assert_int_equal(block_open(&r, p, len, block_flags(net)), 0);
	block_encode(&r.header, r.tx_n, &b);
	while ((code = block_next(&r, &t)) == 1) {
		assert_int_equal(roundtrip(t.p, t.len, 0), 0);
		assert_int_equal(t.coinbase, n == 0);
		buf_put(&b, t.p, t.len);
		n++;
	}
	assert_int_equal(code, 0);
	assert_int_equal(n, sum->tx_n);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, p, len);
	buf_done(&b);
	return n;
}

static void test_real_blocks(void **state)
{
	static const struct {
		const char *file;
		int64_t height;
	} list[] = {
		{"bitcoin/blocks/227835.raw", -1},
		/* the last block of version 1 */ {"bitcoin/blocks/227836.raw", 227836},
		{"bitcoin/blocks/413567.raw", 413567},
		{"bitcoin/blocks/540107.raw", 540107},
		{"bitcoin/blocks/702861.raw", 702861},
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct buf b;
		struct block_summary sum;
		char shown[HASH_TEXT_MAX];
		if (!lug_data(list[i].file, &b))
			return skip();
		uint32_t n = check_block(b.p, b.len, NET_BITCOIN, &sum);
		print_message("%s: %s, %u transactions, height %d, weight %lu\n", list[i].file,
			      hash_text(sum.hash32, shown), n, (int)sum.height,
			      (unsigned long)sum.weight);
		assert_int_equal(sum.height, list[i].height);
		/* One flipped bit anywhere must not pass. */
		struct prng r;
		prng_init(&r, i);
		for (int k = 0; k < 20; k++) {
			size_t at = prng_below(&r, b.len);
			b.p[at] ^= 1;
			assert_true(block_check(b.p, b.len, NET_BITCOIN, NULL, NULL) < 0);
			b.p[at] ^= 1;
		}
		assert_true(block_check(b.p, b.len - 1, NET_BITCOIN, NULL, NULL) < 0);
		buf_done(&b);
	}
}

static void test_block_file(void **state)
{
	struct buf b;
	if (!lug_data("bitcoin/chain/blk00000.dat", &b))
		return skip();
	struct cur c = cur_init(b.p, b.len);
	uint8_t tip[32] = {0};
	uint32_t n = 0;
	while (cur_left(&c) > 8) {
		const uint8_t *magic = cur_bytes(&c, 4);
		const struct network *net = network_by_magic(magic);
		uint32_t len = cur_u32le(&c);
		const uint8_t *p = cur_bytes(&c, len);
		struct block_summary sum;
		assert_ptr_equal(net, network_get(NET_BITCOIN));
		assert_non_null(p);
		check_block(p, len, NET_BITCOIN, &sum);
		if (memcmp(sum.header.prev32, tip, 32) == 0)
			memcpy(tip, sum.hash32, 32);
		n++;
	}
	char shown[HASH_TEXT_MAX];
	print_message("%u blocks, tip %s\n", n, hash_text(tip, shown));
	assert_true(n >= 4313);
	buf_done(&b);
}

static void test_blockfilters(void **state)
{
	static uint8_t p[HEX_MAX];
	struct buf b;
	if (!lug_data("vectors/bip/blockfilters.json", &b))
		return skip();
	json_t *list = json_loadb((const char *)b.p, b.len, 0, NULL);
	assert_true(json_array_size(list) > 5);
	for (size_t i = 1; i < json_array_size(list); i++) {
		json_t *row = json_array_get(list, i);
		struct block_summary sum;
		size_t len = unhex(json_string_value(json_array_get(row, 2)), p);
		check_block(p, len, NET_TESTNET3, &sum);
		assert_hash(sum.hash32, json_string_value(json_array_get(row, 1)));
		if (sum.height >= 0)
			assert_int_equal(sum.height, json_integer_value(json_array_get(row, 0)));
	}
	json_decref(list);
	buf_done(&b);
}

/* ---- blocks given as JSON with the outputs they spend: built here, the hash must come out ---- */

struct built {
	struct txin ins[2000];
	struct txout outs[2000];
	uint8_t *bytes; /* scripts, hashes, witnesses of one transaction */
	size_t bytes_len;
	uint64_t in_sum;
};

/* Bytes of "0x..." kept until the transaction is encoded. */
static uint8_t *keep_hex(struct built *t, const json_t *text, uint32_t *ret_len)
{
	const char *hex = json_string_value(text);
	size_t n = strlen(hex) / 2 - 1;
	uint8_t *p = t->bytes + t->bytes_len;
	assert_true(t->bytes_len + n <= HEX_MAX);
	assert_int_equal(hex_decode(hex + 2, 2 * n, p, n), 0);
	t->bytes_len += n;
	*ret_len = (uint32_t)n;
	return p;
}

static void keep_witness(struct built *t, struct txin *in, const json_t *items)
{
	struct buf b;
	buf_init(&b, HEX_MAX);
	size_put(&b, json_array_size(items));
	for (size_t i = 0; i < json_array_size(items); i++) {
		uint32_t n;
		uint8_t *p = keep_hex(t, json_array_get(items, i), &n);
		size_put(&b, n);
		buf_put(&b, p, n);
	}
	assert_true(t->bytes_len + b.len <= HEX_MAX);
	memcpy(t->bytes + t->bytes_len, b.p, b.len);
	in->witness = t->bytes + t->bytes_len;
	in->witness_len = (uint32_t)b.len;
	t->bytes_len += b.len;
	buf_done(&b);
}

static void build_input(struct built *t, struct txin *in, const json_t *j, bool segwit)
{
	const json_t *prev = json_object_get(j, "previous_output"),
		     *witness = json_object_get(j, "witness");
	uint8_t *prev32 = t->bytes + t->bytes_len;
	t->bytes_len += 32;
	assert_int_equal(hash_parse(json_string_value(json_object_get(prev, "txid")), 64, prev32),
			 0);
	*in = (struct txin){.prev32 = prev32,
			    .prev_n = (uint32_t)json_integer_value(json_object_get(prev, "vout")),
			    .sequence =
				    (uint32_t)json_integer_value(json_object_get(j, "sequence"))};
	in->script = keep_hex(t, json_object_get(j, "script"), &in->script_len);
	if (segwit && json_array_size(witness))
		keep_witness(t, in, witness);
	t->in_sum += (uint64_t)json_integer_value(
		json_object_get(json_object_get(prev, "data"), "value"));
}

static void build_tx(struct built *t, const json_t *j, struct buf *out)
{
	const json_t *ins = json_object_get(j, "inputs"), *outs = json_object_get(j, "outputs");
	size_t in_n = json_array_size(ins), out_n = json_array_size(outs);
	assert_true(in_n <= ARRAY_LEN(t->ins) && out_n <= ARRAY_LEN(t->outs));
	t->bytes_len = 0;
	t->in_sum = 0;
	for (size_t i = 0; i < in_n; i++)
		build_input(t, &t->ins[i], json_array_get(ins, i),
			    json_is_true(json_object_get(j, "is_segwit")));
	for (size_t i = 0; i < out_n; i++) {
		const json_t *o = json_array_get(outs, i);
		t->outs[i].value.v = (uint64_t)json_integer_value(json_object_get(o, "value"));
		t->outs[i].script =
			keep_hex(t, json_object_get(o, "pk_script"), &t->outs[i].script_len);
	}
	buf_clear(out);
	assert_int_equal(tx_encode((uint32_t)json_integer_value(json_object_get(j, "version")),
				   t->ins, (uint32_t)in_n, t->outs, (uint32_t)out_n,
				   (uint32_t)json_integer_value(json_object_get(j, "lock_time")),
				   out),
			 0);
}

/* Builds one block of the file; checks hash and fees. */
static void build_block(struct built *t, const json_t *root, uint64_t subsidy)
{
	const json_t *block = json_array_get(json_object_get(root, "blocks"), 0);
	const json_t *head = json_object_get(block, "header");
	const json_t *txs = json_object_get(json_object_get(block, "data"), "transactions");
	struct block_header h = {
		.version = (uint32_t)json_integer_value(json_object_get(head, "version")),
		.time_s = (uint32_t)json_integer_value(json_object_get(head, "time")),
		.bits = (uint32_t)json_integer_value(json_object_get(head, "bits")),
		.nonce = (uint32_t)json_integer_value(json_object_get(head, "nonce"))};
	struct merkle m;
	struct buf one, all;
	uint64_t fees = 0, paid = 0;
	buf_init(&one, HEX_MAX);
	buf_init(&all, BLOCK_LEN_MAX);
	merkle_init(&m);
	for (size_t i = 0; i < json_array_size(txs); i++) {
		struct tx tx;
		uint8_t id[32];
		build_tx(t, json_array_get(txs, i), &one);
		assert_int_equal(tx_decode(one.p, one.len, 0, &tx), 0);
		tx_id(&tx, id);
		merkle_add(&m, id);
		buf_put(&all, one.p, one.len);
		if (i == 0) {
			paid = tx.out_sum.v;
			continue;
		}
		assert_true(t->in_sum >= tx.out_sum.v);
		fees += t->in_sum - tx.out_sum.v;
	}
	assert_true(merkle_root(&m, h.merkle32));
	const char *prev = json_string_value(
		json_object_get(json_object_get(root, "chain_state"), "best_block_hash"));
	const char *want = json_string_value(
		json_object_get(json_object_get(root, "expected"), "best_block_hash"));
	assert_int_equal(hash_parse(prev, 64, h.prev32), 0);
	assert_int_equal(paid, subsidy + fees);
	buf_clear(&one);
	block_encode(&h, (uint32_t)json_array_size(txs), &one);
	buf_put(&one, all.p, all.len);
	struct block_summary sum;
	check_block(one.p, one.len, NET_BITCOIN, &sum);
	assert_hash(sum.hash32, want);
	print_message("%s: %u transactions, fees %lu\n", want, sum.tx_n, (unsigned long)fees);
	buf_done(&one);
	buf_done(&all);
}

static void test_prevouts(void **state)
{
	static const struct {
		const char *file;
		uint64_t subsidy;
	} list[] = {
		{"bitcoin/prevouts/169.json", 5000000000},
		{"bitcoin/prevouts/150012.json", 5000000000},
		{"bitcoin/prevouts/255017.json", 2500000000},
		{"bitcoin/prevouts/757738.json", 625000000},
	};
	struct built *t = calloc(1, sizeof(*t));
	t->bytes = malloc(HEX_MAX);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct buf b;
		if (!lug_data(list[i].file, &b)) {
			free(t->bytes);
			free(t);
			return skip();
		}
		json_t *root = json_loadb((const char *)b.p, b.len, 0, NULL);
		assert_non_null(root);
		build_block(t, root, list[i].subsidy);
		json_decref(root);
		buf_done(&b);
	}
	free(t->bytes);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_genesis),	     cmocka_unit_test(test_target),
		cmocka_unit_test(test_u256),	     cmocka_unit_test(test_merkle),
		cmocka_unit_test(test_tx),	     cmocka_unit_test(test_tx_refusals),
		cmocka_unit_test(test_tx_mweb),	     cmocka_unit_test(test_tx_encode_refusals),
		cmocka_unit_test(test_height),	     cmocka_unit_test(test_block_refusals),
		cmocka_unit_test(test_commitment),   cmocka_unit_test(test_made_refusals),
		cmocka_unit_test(test_extension),    cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_real_blocks),  cmocka_unit_test(test_block_file),
		cmocka_unit_test(test_blockfilters), cmocka_unit_test(test_prevouts),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
