/* SPDX-License-Identifier: Apache-2.0
 * chaingen: a Bitcoin-like chain from a seed, in the folder layout of Bitcoin Core, with the truth about it. */
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "gen.h"
#include <getopt.h>
#include <stdarg.h>

static const char usage[] =
	"Usage: chaingen --out DIR [options]\n"
	"Make a regtest chain in DIR/blocks (blk*.dat as Bitcoin Core writes them) and the truth about it in DIR/truth.\n"
	"The same options give the same bytes.\n\n"
	"  --out DIR            folder to write to, made if missing; it must not hold a chain yet\n"
	"  --seed N             another chain for each seed (default 1)\n"
	"  --transactions N     about how many (default 20000)\n"
	"  --blocks N           how many (default: 200, and one more for each 2000 transactions)\n"
	"  --scenario ransom    play a crime at the end; writes scenario.json and labels.yaml\n"
	"  --thefts N           follow N random thefts, at most 8 (default 0; the scenario brings its own)\n"
	"  --time UTC           time of the last block, about (default 2026-01-15T12:00:00Z)\n"
	"  --rev                write rev*.dat (undo data)\n"
	"  --xor                write everything under a key in xor.dat, as Bitcoin Core 28\n"
	"  --stale              stale branches, and blocks out of order\n"
	"  --zero-tail          reserved space behind the last block\n"
	"  --truncate-tail      cut the last block in its middle (the tip is then its parent)\n"
	"  --file-size BYTES    of one blk file (default 134217728)\n"
	"  --no-truth           no truth files\n"
	"  --quiet              no summary\n"
	"  --help               this\n\n"
	"Example:\n"
	"  chaingen --out /tmp/ransom --scenario ransom --seed 7 --transactions 20000\n";

_Noreturn void gen_die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("chaingen: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void *gen_calloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		gen_die("out of memory");
	return p;
}

enum {
	OPT_OUT = 256,
	OPT_SEED,
	OPT_TRANSACTIONS,
	OPT_BLOCKS,
	OPT_SCENARIO,
	OPT_THEFTS,
	OPT_TIME,
	OPT_FILE_SIZE,
	OPT_HELP,
};

static uint64_t number(const char *name, const char *s, uint64_t max)
{
	uint64_t v;
	if (dec_parse_u64(s, strlen(s), max, &v) < 0)
		gen_die("--%s: \"%s\" is not a number up to %llu", name, s,
			(unsigned long long)max);
	return v;
}

static void option(struct options *o, int c, const char *name)
{
	switch (c) {
	case OPT_OUT:
		o->out = optarg;
		break;
	case OPT_SEED:
		o->seed = number(name, optarg, UINT64_MAX);
		break;
	case OPT_TRANSACTIONS:
		o->transactions = number(name, optarg, UINT64_C(1000000000));
		break;
	case OPT_BLOCKS:
		o->blocks = (uint32_t)number(name, optarg, 10000000);
		break;
	case OPT_SCENARIO:
		if (strcmp(optarg, "ransom"))
			gen_die("--scenario: only \"ransom\" is known");
		o->scenario = optarg;
		break;
	case OPT_THEFTS:
		o->thefts = (uint32_t)number(name, optarg, SET_MAX);
		break;
	case OPT_TIME:
		if (time_parse(optarg, strlen(optarg), &o->end_s) < 0)
			gen_die("--time: \"%s\" is not like 2026-01-15T12:00:00Z", optarg);
		break;
	case OPT_FILE_SIZE:
		o->file_bytes = number(name, optarg, UINT64_C(1) << 32);
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs("Try chaingen --help\n", stderr);
		exit(2);
	}
}

/* A header's time has 32 bits, and no block comes before the genesis block. */
static void time_check(const struct options *o)
{
	int64_t begin_s = o->end_s - (int64_t)o->blocks * BLOCK_S;
	if (begin_s <= GENESIS_TIME || o->end_s + (int64_t)o->blocks * BLOCK_S > UINT32_MAX)
		gen_die("%u blocks of ten minutes that end at --time do not lie between 2011-02-02 and 2106",
			o->blocks);
}

static void options_read(struct options *o, int argc, char **argv)
{
	int xor = 0, stale = 0, rev = 0, truncate = 0, zero_tail = 0, no_truth = 0, quiet = 0, at;
	const struct option all[] = {{"out", 1, 0, OPT_OUT},
				     {"seed", 1, 0, OPT_SEED},
				     {"transactions", 1, 0, OPT_TRANSACTIONS},
				     {"blocks", 1, 0, OPT_BLOCKS},
				     {"scenario", 1, 0, OPT_SCENARIO},
				     {"thefts", 1, 0, OPT_THEFTS},
				     {"time", 1, 0, OPT_TIME},
				     {"file-size", 1, 0, OPT_FILE_SIZE},
				     {"help", 0, 0, OPT_HELP},
				     {"xor", 0, &xor, 1},
				     {"stale", 0, &stale, 1},
				     {"rev", 0, &rev, 1},
				     {"truncate-tail", 0, &truncate, 1},
				     {"zero-tail", 0, &zero_tail, 1},
				     {"no-truth", 0, &no_truth, 1},
				     {"quiet", 0, &quiet, 1},
				     {0}};
	for (int c; (c = getopt_long(argc, argv, "", all, &at)) != -1;)
		if (c)
			option(o, c, c == '?' ? "" : all[at].name);
	if (optind < argc)
		gen_die("\"%s\" is not an option; try --help", argv[optind]);
	if (!o->out || !*o->out)
		gen_die("--out DIR is needed; try --help");
	if (!o->blocks)
		o->blocks = 200 + (uint32_t)(o->transactions / 2000);
	time_check(o);
	o->xor = xor;
	o->stale = stale;
	o->rev = rev;
	o->truncate = truncate;
	o->zero_tail = zero_tail;
	o->truth = !no_truth;
	o->quiet = quiet;
}

static void gen_init(struct gen *g)
{
	const struct options *o = &g->opt;
	prng_init(&g->rng, o->seed);
	g->coin_free = NO_COIN;
	g->lists = gen_calloc(o->blocks + 2, sizeof(*g->lists));
	for (uint32_t h = 0; h < o->blocks + 2; h++)
		g->lists[h] = NO_COIN;
	g->txids = gen_calloc(BLOCK_TX_MAX, sizeof(*g->txids));
	g->wtxids = gen_calloc(BLOCK_TX_MAX, sizeof(*g->wtxids));
	g->fee_sum = gen_calloc(BLOCK_TX_MAX, sizeof(*g->fee_sum));
	g->body_end = gen_calloc(BLOCK_TX_MAX, sizeof(*g->body_end));
	buf_init(&g->body, BLOCK_BYTES_MAX);
	buf_init(&g->undo, 64 << 20);
	g->files = files_open(o, o->seed);
	g->truth = truth_open(o);
	owners_make(g);
}

static void gen_done(struct gen *g)
{
	truth_close(g);
	files_close(g->files);
	buf_done(&g->body);
	buf_done(&g->undo);
	for (uint32_t h = 0; h < g->opt.blocks + 2; h++)
		for (uint32_t i = g->lists[h]; i != NO_COIN; i = g->coins[i].list_next)
			free(g->coins[i].taint);
	free(g->lists);
	free(g->coins);
	free(g->owners);
	free(g->txids);
	free(g->wtxids);
	free(g->fee_sum);
	free(g->body_end);
	free(g);
}

/* A random theft: someone's coin, from the middle third of the chain on. */
static void theft_random(struct gen *g)
{
	char name[NAME_MAX_LEN];
	if (g->opt.scenario || g->set_n == g->opt.thefts || g->height < g->opt.blocks / 3)
		return;
	for (int i = 0; i < 32; i++) {
		uint32_t w = g->wallet_0 + (uint32_t)prng_below(&g->rng, g->wallet_n);
		uint32_t c = g->owners[w].coins;
		if (c != NO_COIN && g->coins[c].value > 10000) {
			snprintf(name, sizeof(name), "theft-%u", g->set_n + 1);
			theft_seed(g, c, set_add(g, name));
			return;
		}
	}
}

/* Transactions of the next block: what is left, evenly, give or take a third. */
static uint32_t target_draw(struct gen *g)
{
	uint64_t blocks = g->opt.blocks - g->height + 1;
	if (g->tx_done >= g->opt.transactions)
		return 0;
	uint64_t even = (g->opt.transactions - g->tx_done) / blocks;
	uint64_t n = blocks == 1 ? even : even * 2 / 3 + prng_below(&g->rng, even * 2 / 3 + 1);
	return n < BLOCK_TX_MAX - 100 ? (uint32_t)n : BLOCK_TX_MAX - 100;
}

static void chain_make(struct gen *g)
{
	struct ransom *r = g->opt.scenario ? ransom_new(g) : NULL;
	block_genesis(g);
	g->time = (uint32_t)(g->opt.end_s - (int64_t)g->opt.blocks * BLOCK_S);
	for (g->height = 1; g->height <= g->opt.blocks; g->height++) {
		block_begin(g);
		if (r)
			ransom_block(g, r);
		traffic_block(g, target_draw(g));
		block_end(g);
		if (r)
			ransom_coinbase(g, r, g->coinbase_coin);
		theft_random(g);
	}
	g->height = g->opt.blocks;
	if (r)
		ransom_close(g, r);
}

static void summary(const struct gen *g, int64_t ns)
{
	char tip[65];
	double s = (double)ns / 1e9;
	printf("%u blocks, %llu transactions in %.1f s (%.0f a second); %u coins to spend; tip %s\n",
	       g->opt.blocks, (unsigned long long)g->tx_done, s, (double)g->tx_done / s, g->coin_n,
	       txid_text(g->tip, tip));
	printf("inputs: 1 %.1f %%, 2 %.1f %%, above 10 %.1f %%; outputs: 1 %.1f %%, 2 %.1f %%; "
	       "reuse %.1f %%\n",
	       share_percent(g, SHARE_INS, 0), share_percent(g, SHARE_INS, 1),
	       share_percent(g, SHARE_INS, 5) + share_percent(g, SHARE_INS, 6) +
		       share_percent(g, SHARE_INS, 7),
	       share_percent(g, SHARE_OUTS, 0), share_percent(g, SHARE_OUTS, 1),
	       100.0 * (double)g->reused / (double)(g->outputs + 1));
	printf("spent within a day %.1f %%, within a month %.1f %%, later %.1f %%\n",
	       share_percent(g, SHARE_AGES, 0), share_percent(g, SHARE_AGES, 1),
	       share_percent(g, SHARE_AGES, 2));
}

int main(int argc, char **argv)
{
	int64_t start = time_mono_ns();
	struct gen *g = gen_calloc(1, sizeof(*g));
	if (crypto_start() < 0)
		gen_die("the cryptographic libraries do not work");
	g->opt = (struct options){
		.seed = 1, .transactions = 20000, .file_bytes = 134217728, .end_s = 1768478400};
	options_read(&g->opt, argc, argv);
	gen_init(g);
	chain_make(g);
	if (!g->opt.quiet)
		summary(g, time_mono_ns() - start);
	gen_done(g);
	return 0;
}
