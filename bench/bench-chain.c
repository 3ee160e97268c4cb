/* SPDX-License-Identifier: Apache-2.0
 * What blocks, addresses and extraction cost, beside bare SHA-256 over the same bytes: bench-chain [--json FILE]. The block is made
 * here, with inputs and outputs as on the main network; each figure is the median of several rounds of at least a tenth of a second. */
#include "base/cleanup.h"
#include "base/prng.h"
#include "base/time.h"
#include "chain/address.h"
#include "chain/block.h"
#include "chain/script.h"
#include "crypto/crypto.h"
#include "screen/extract.h"
#include <stdlib.h>

enum {
	ROUNDS = 5,
	ROUND_NS = 100 * 1000 * 1000,
	FIGURES_MAX = 32,
	BLOCK_TX = 2500,
	TEXT_LEN = 1 << 20,
	ITEMS_MAX = 4096,
	ADDRESSES = 256,
};

static struct {
	const char *name, *unit;
	double value;
} figures[FIGURES_MAX];
static size_t figures_n;

static void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "bench-chain: an operation failed\n");
		exit(1);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Runs fn until a round is over; amount is what one call does, in the figure's unit. */
static double measure(const char *name, const char *unit, double amount, void (*fn)(void))
{
	double rates[ROUNDS];
	for (int r = 0; r < ROUNDS; r++) {
		int64_t start = time_mono_ns(), spent;
		uint64_t calls = 0;
		do {
			fn();
			calls++;
			spent = time_mono_ns() - start;
		} while (spent < ROUND_NS);
		rates[r] = (double)calls * amount * 1e9 / (double)spent;
	}
	qsort(rates, ROUNDS, sizeof(rates[0]), by_value);
	must(figures_n < FIGURES_MAX);
	figures[figures_n].name = name;
	figures[figures_n].unit = unit;
	figures[figures_n++].value = rates[ROUNDS / 2];
	return rates[ROUNDS / 2];
}

static void show(const char *what, double value, const char *unit, const char *beside, double bare)
{
	printf("%-52s %12.1f %-10s", what, value, unit);
	if (bare > 0)
		printf(" %.0f %% %s", 100 * value / bare, beside);
	printf("\n");
}

/* ---- a block ---- */

static struct buf block;

static void put_tx(struct prng *r, bool coinbase)
{
	static uint8_t bytes[8][256], scripts[4][ADDRESS_SCRIPT_MAX];
	static const uint8_t zero[32];
	struct txin ins[8];
	struct txout outs[4];
	uint32_t in_n = coinbase || prng_chance(r, 67, 100) ? 1 : 2 + (uint32_t)prng_below(r, 3);
	uint32_t out_n = coinbase		   ? 1
			 : prng_chance(r, 78, 100) ? 2
						   : 1 + (uint32_t)prng_below(r, 4);
	bool segwit = !coinbase && prng_chance(r, 1, 2);
	for (uint32_t i = 0; i < in_n; i++) {
		prng_bytes(r, bytes[i], sizeof(bytes[i]));
		ins[i] = (struct txin){.prev32 = coinbase ? zero : bytes[i],
				       .prev_n = coinbase ? UINT32_MAX : 1,
				       .sequence = UINT32_MAX};
		if (segwit) {
			memcpy(bytes[i] + 32, "\x02\x47", 2);
			bytes[i][34 + 71] = 33;
			ins[i].witness = bytes[i] + 32;
			ins[i].witness_len = 2 + 71 + 1 + 33;
		} else {
			ins[i].script = bytes[i] + 32;
			ins[i].script_len = coinbase ? 20 : 107;
		}
	}
	for (uint32_t i = 0; i < out_n; i++) {
		struct address a;
		uint8_t payload[32];
		prng_bytes(r, payload, sizeof(payload));
		must(address_make(segwit ? ADDRESS_P2WPKH : ADDRESS_KEY, payload, 20, &a) == 0);
		outs[i] = (struct txout){.value = {prng_below(r, 100000000)}, .script = scripts[i]};
		outs[i].script_len = (uint32_t)address_script(&a, scripts[i]);
	}
	must(tx_encode(2, ins, in_n, outs, out_n, 0, &block) == 0);
}

static void make_block(void)
{
	struct block_header h = {.version = 4, .bits = 0x207fffff};
	struct prng r;
	prng_init(&r, 1);
	buf_init(&block, BLOCK_LEN_MAX);
	block_encode(&h, BLOCK_TX, &block);
	for (int i = 0; i < BLOCK_TX; i++)
		put_tx(&r, i == 0);
}

static uint64_t sink;

static void do_sha256(void)
{
	uint8_t out[32];
	sha256(block.p, block.len, out);
	sink += out[0];
}

static void walk(bool hash, bool outputs)
{
	struct block_reader r;
	struct tx t;
	uint8_t id[32];
	must(block_open(&r, block.p, block.len, 0) == 0);
	while (block_next(&r, &t) > 0) {
		if (hash) {
			tx_id(&t, id);
			sink += id[0];
		}
		struct tx_iter it = tx_outs(&t);
		struct address a;
		for (struct txout o; outputs && txout_next(&it, &o);)
			sink += script_classify(o.script, o.script_len, &a);
	}
}

static void do_parse(void)
{
	walk(false, false);
}

static void do_parse_classify(void)
{
	walk(false, true);
}

static void do_parse_hash(void)
{
	walk(true, true);
}

static void do_check(void)
{
	/* The header has no work and no merkle root of its own: the last answer is that the root differs, after all the hashing. */
	static struct block_header h;
	uint8_t hash[32];
	int code;
	do {
		h = block_header_decode(block.p);
		h.nonce++;
		block_header_encode(&h, block.p);
		block_hash(block.p, hash);
	} while (hash[31] >= 0x80);
	code = block_check(block.p, block.len, NET_REGTEST, NULL, NULL);
	must(code == -ERR_CHECKSUM);
}

static void bench_block(void)
{
	double mb = (double)block.len / 1e6,
	       bare = measure("sha256 of the block", "MB/s", mb, do_sha256);
	printf("a block of %d transactions, %.2f MB\n", BLOCK_TX, mb);
	show("sha256 of the same bytes", bare, "MB/s", "", 0);
	show("read every transaction", measure("read", "MB/s", mb, do_parse), "MB/s", "of sha256",
	     bare);
	show("read, classify every output",
	     measure("read and classify", "MB/s", mb, do_parse_classify), "MB/s", "of sha256",
	     bare);
	show("read, classify, hash every transaction",
	     measure("read, classify, hash", "MB/s", mb, do_parse_hash), "MB/s", "of sha256", bare);
	show("whole check: work, both merkle roots", measure("check", "MB/s", mb, do_check), "MB/s",
	     "of sha256", bare);
}

/* ---- addresses ---- */

static char texts[ADDRESSES][ADDRESS_TEXT_MAX];
static struct address identities[ADDRESSES];
static enum net net_now;
static char typo[ADDRESS_TEXT_MAX];

static void make_addresses(enum address_kind kind, enum net net, size_t len)
{
	struct prng r;
	prng_init(&r, 2);
	net_now = net;
	for (int i = 0; i < ADDRESSES; i++) {
		uint8_t payload[32];
		prng_bytes(&r, payload, sizeof(payload));
		must(address_make(kind, payload, len, &identities[i]) == 0);
		must(address_text(&identities[i], net, texts[i]) == 0);
	}
	/* The seventh character from the end is another one. */
	snprintf(typo, sizeof(typo), "%s", texts[0]);
	char *c = typo + strlen(typo) - 7;
	*c = *c == '7' ? '8' : '7';
}

static void do_read(void)
{
	struct address_info info;
	for (int i = 0; i < ADDRESSES; i++)
		must(address_parse(texts[i], strlen(texts[i]), &info, NULL) == 0);
}

static void do_write(void)
{
	char out[ADDRESS_TEXT_MAX];
	for (int i = 0; i < ADDRESSES; i++)
		must(address_text(&identities[i], net_now, out) == 0);
}

static void do_suggest(void)
{
	struct address_guess g[ADDRESS_GUESSES_MAX];
	must(address_suggest(typo, strlen(typo), g, ADDRESS_GUESSES_MAX) > 0);
}

static void bench_addresses(void)
{
	static const struct {
		enum address_kind kind;
		enum net net;
		size_t len;
		const char *name, *read, *write, *suggest;
	} list[] = {
		{ADDRESS_KEY, NET_BITCOIN, 20, "base58check", "base58check read",
		 "base58check write", "base58check suggest"},
		{ADDRESS_P2WPKH, NET_BITCOIN, 20, "bech32", "bech32 read", "bech32 write",
		 "bech32 suggest"},
		{ADDRESS_P2TR, NET_BITCOIN, 32, "bech32m", "bech32m read", "bech32m write",
		 "bech32m suggest"},
		{ADDRESS_KEY, NET_BITCOIN_CASH, 20, "cashaddr", "cashaddr read", "cashaddr write",
		 "cashaddr suggest"},
		{ADDRESS_EVM, NET_EVM, 20, "EIP-55", "EIP-55 read", "EIP-55 write",
		 "EIP-55 suggest"},
	};
	printf("\naddresses\n");
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		char what[64];
		make_addresses(list[i].kind, list[i].net, list[i].len);
		snprintf(what, sizeof(what), "%s: read", list[i].name);
		show(what, measure(list[i].read, "per s", ADDRESSES, do_read), "per s", "", 0);
		snprintf(what, sizeof(what), "%s: write", list[i].name);
		show(what, measure(list[i].write, "per s", ADDRESSES, do_write), "per s", "", 0);
		snprintf(what, sizeof(what), "%s: search a typing error", list[i].name);
		show(what, measure(list[i].suggest, "per s", 1, do_suggest), "per s", "", 0);
	}
}

/* ---- text ---- */

static char *text;
static struct extract_item items[ITEMS_MAX];

/* Words of a language; every n-th is an address when n is not zero. */
static void make_text(const char *const *words, size_t words_n, unsigned every)
{
	struct prng r;
	size_t len = 0;
	prng_init(&r, 3);
	while (len + 200 < TEXT_LEN) {
		bool address = every && prng_below(&r, every) == 0;
		const char *w =
			address ? texts[prng_below(&r, ADDRESSES)] : words[prng_below(&r, words_n)];
		len += (size_t)snprintf(text + len, TEXT_LEN - len, "%s%s", w,
					prng_below(&r, 12) ? " " : ".\n");
	}
	memset(text + len, ' ', TEXT_LEN - len);
}

static void do_extract(void)
{
	struct extract_stats st;
	must(extract(text, TEXT_LEN, items, ITEMS_MAX, &st, NULL) == 0);
	sink += st.n;
}

static void bench_text(void)
{
	static const char *const italian[] = {"il",   "pagamento", "richiesto",	 "perché", "denaro",
					      "2024", "conto",	   "L'indagine", "mondo",  "3"};
	static const char *const japanese[] = {"被害者は", "送金した", "取引番号", "アドレスへ",
					       "警察庁",   "１２３",   "する。"};
	double mb = TEXT_LEN / 1e6;
	text = malloc(TEXT_LEN);
	must(text != NULL);
	make_addresses(ADDRESS_P2WPKH, NET_BITCOIN, 20);
	printf("\nextraction, texts of 1 MiB\n");
	make_text(italian, ARRAY_LEN(italian), 0);
	show("Italian, nothing in it", measure("extract Italian", "MB/s", mb, do_extract), "MB/s",
	     "", 0);
	make_text(italian, ARRAY_LEN(italian), 100);
	show("Italian, an address in 100 words",
	     measure("extract Italian with addresses", "MB/s", mb, do_extract), "MB/s", "", 0);
	make_text(japanese, ARRAY_LEN(japanese), 0);
	show("Japanese, nothing in it", measure("extract Japanese", "MB/s", mb, do_extract), "MB/s",
	     "", 0);
	free(text);
}

static int write_json(const char *path)
{
	_cleanup_(fclosep) FILE *f = fopen(path, "w");
	if (!f)
		return -1;
	fputs("{", f);
	for (size_t i = 0; i < figures_n; i++)
		fprintf(f, "%s\n  \"%s\": {\"value\": %.1f, \"unit\": \"%s\"}", i ? "," : "",
			figures[i].name, figures[i].value, figures[i].unit);
	return fputs("\n}\n", f) < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	must(crypto_start() == 0);
	make_block();
	bench_block();
	bench_addresses();
	bench_text();
	buf_done(&block);
	if (argc == 3 && strcmp(argv[1], "--json") == 0)
		return write_json(argv[2]) < 0;
	return sink == 0; /* keeps what was computed */
}
