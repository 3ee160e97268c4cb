/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of the ledger: answers against a plain model, import under every condition in which block files are found, kills,
 * reorganisations, damaged ledgers, and real blocks. */
#include "ledger-world.h"
#include "ledger/undo.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char top[256]; /* scratch folder of this run */

static const char *at(const char *name)
{
	static char path[8][512];
	static unsigned i;

	i = (i + 1) % 8;
	snprintf(path[i], sizeof(path[i]), "%s/%s", top, name);
	return path[i];
}

static int setup(void **state)
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)state;
	snprintf(top, sizeof(top), "%s/test-ledger-XXXXXX", tmp);
	return crypto_start() < 0 || !mkdtemp(top) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove_tree(top);
	return 0;
}

static void import_ok(const char *blocks, const char *dir, struct ledger_import_result *res)
{
	struct ledger_import_result ignored;
	struct err e = {0};

	if (world_import(blocks, dir, res ? res : &ignored, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(e.code, 0);
}

static void clear(void)
{
	world_remove_tree(top);
	assert_int_equal(mkdir(top, 0755), 0);
}

static void test_random_worlds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct world *w = world_new(seed, 20 + (uint32_t)seed * 5, (uint32_t)seed);
		struct ledger_import_result res;

		clear();
		world_write(w, at("blocks"), w->block_n);
		import_ok(at("blocks"), at("ledger"), &res);
		assert_true(res.finished);
		assert_int_equal(res.added_n, w->block_n);
		world_check_dir(at("ledger"), at("blocks"), w);
		world_free(w);
	}
}

static void test_nothing_new(void **state)
{
	struct world *w = world_new(3, 30, 3);
	struct ledger_import_result res;

	(void)state;
	clear();
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("a"), NULL);
	import_ok(at("blocks"), at("b"), NULL);
	import_ok(at("blocks"), at("b"), &res);
	assert_true(res.finished);
	assert_int_equal(res.added_n, 0);
	world_same(at("a"), at("b"));
	world_free(w);
}

/* Blocks shuffled over three files, obfuscated, with a stale branch, zeros, a record cut off, and bytes of nothing. */
static void test_files_as_found(void **state)
{
	static const uint8_t xor8[8] = {0x13, 0, 0xff, 0x77, 1, 2, 3, 0x80};
	struct world *w = world_new(5, 60, 5), *stale = world_fork(w, 40, 77);
	struct ledger_import_result res;
	const struct world_block *order[WORLD_BLOCKS];
	uint32_t n = 0;
	struct prng r;
	struct buf b, key;

	(void)state;
	clear();
	for (int i = 0; i < 10; i++)
		world_block(stale, 3, UINT32_MAX);
	for (uint32_t i = 0; i < w->block_n; i++)
		order[n++] = &w->block[i];
	for (uint32_t i = 40; i < stale->block_n; i++)
		order[n++] = &stale->block[i];
	prng_init(&r, 9);
	for (uint32_t i = n; i-- > 1;) {
		uint32_t k = (uint32_t)prng_below(&r, i + 1);
		const struct world_block *x = order[i];

		order[i] = order[k];
		order[k] = x;
	}
	buf_init(&b, 64 << 20);
	buf_init(&key, 64);
	for (uint32_t i = 0, file = 0; i < n; i++) {
		world_put_block(&b, order[i]);
		if (i % 25 == 7) {
			memset(buf_space(&b, 70001), 0, 70001);
			buf_str(&b, "what a crash left behind");
		}
		if (i % 30 == 29 || i + 1 == n) {
			char name[32];

			world_put_block(&b, &w->block[20]);
			b.len -= 5; /* cut off */
			snprintf(name, sizeof(name), "blk%05u.dat", file++);
			world_write_file(at("blocks"), name, &b, xor8);
			buf_clear(&b);
		}
	}
	buf_put(&key, xor8, 8);
	world_write_file(at("blocks"), "xor.dat", &key, NULL);
	import_ok(at("blocks"), at("ledger"), &res);
	assert_int_equal(res.stale_n, 10);
	assert_int_equal(res.truncated_n, 3);
	assert_int_equal(res.orphan_n, 0);
	assert_true(res.zero_bytes >= 2 * 70000);
	world_check_dir(at("ledger"), at("blocks"), w);
	buf_done(&b);
	buf_done(&key);
	world_free(w);
	world_free(stale);
}

static void test_xor_missing(void **state)
{
	static const uint8_t xor8[8] = {0x13, 5, 6, 7, 8, 9, 1, 2};
	struct world *w = world_new(5, 5, 0);
	struct ledger_import_options o = world_options();
	struct err e;
	struct buf b;

	(void)state;
	clear();
	buf_init(&b, 1 << 20);
	world_put_block(&b, &w->block[0]);
	world_write_file(at("blocks"), "blk00000.dat", &b, xor8);
	o.network = NULL;
	assert_int_equal(ledger_import(at("blocks"), at("l"), &o, NULL, &e), -ERR_FORMAT);
	assert_non_null(strstr(e.message, "xor.dat"));
	buf_clear(&b);
	buf_str(&b, "short");
	world_write_file(at("blocks"), "xor.dat", &b, NULL);
	assert_int_equal(ledger_import(at("blocks"), at("l"), &o, NULL, &e), -ERR_FORMAT);
	buf_done(&b);
	world_free(w);
}

/* The ledger grows with the files, in any steps, into the same bytes. */
static void test_incremental(void **state)
{
	struct world *w = world_new(11, 90, 6);
	struct ledger_import_result res;

	(void)state;
	clear();
	for (uint32_t n = 1; n <= 90; n = n < 70 ? n + 23 : n + 7) {
		world_write(w, at("blocks"), n);
		import_ok(at("blocks"), at("steps"), &res);
	}
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("steps"), &res);
	import_ok(at("blocks"), at("once"), NULL);
	world_same(at("once"), at("steps"));
	world_check_dir(at("steps"), at("blocks"), w);
	world_free(w);
}

static void write_both(const struct world *a, const struct world *b, uint32_t fork)
{
	struct buf x;

	buf_init(&x, 64 << 20);
	for (uint32_t i = fork; i < b->block_n; i++)
		world_put_block(&x, &b->block[i]);
	world_write(a, at("blocks"), a->block_n);
	world_write_file(at("blocks"), "blk00001.dat", &x, NULL);
	buf_done(&x);
}

static void test_reorganisation(void **state)
{
	(void)state;
	for (uint32_t depth = 1; depth <= 33; depth += 8) {
		struct world *a = world_new(20 + depth, 60, 6),
			     *b = world_fork(a, 60 - depth, 1000 + depth);
		struct ledger_import_result res;
		struct ledger *l = NULL;

		clear();
		for (uint32_t i = 0; i <= depth; i++)
			world_block(b, 6, UINT32_MAX);
		world_write(a, at("blocks"), a->block_n);
		import_ok(at("blocks"), at("turned"), NULL);
		world_check_dir(at("turned"), at("blocks"), a);
		write_both(a, b, 60 - depth);
		/* not while it is read */
		assert_int_equal(ledger_open(at("turned"), &l, NULL), 0);
		assert_int_equal(world_import(at("blocks"), at("turned"), &res, NULL), -ERR_BUSY);
		world_check(l, a);
		ledger_close(l);
		import_ok(at("blocks"), at("turned"), &res);
		assert_int_equal(res.removed_n, depth);
		assert_int_equal(res.added_n, depth + 1);
		world_check_dir(at("turned"), at("blocks"), b);
		import_ok(at("blocks"), at("fresh"), NULL);
		world_same(at("fresh"), at("turned"));
		world_free(a);
		world_free(b);
	}
}

/* A reader keeps its answers while blocks are appended that spend what it shows as unspent. */
static void test_snapshot(void **state)
{
	struct world *w = world_new(31, 80, 6), *early = world_fork(w, 40, 0);
	struct ledger *l = NULL;

	(void)state;
	clear();
	world_write(w, at("blocks"), 40);
	import_ok(at("blocks"), at("ledger"), NULL);
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), 0);
	world_write(w, at("blocks"), 80);
	import_ok(at("blocks"), at("ledger"), NULL);
	world_check(l, early);
	ledger_close(l);
	world_check_dir(at("ledger"), at("blocks"), w);
	world_free(early);
	world_free(w);
}

static void test_repeated_coinbase(void **state)
{
	struct world *w = world_new(41, 12, 0), *cut;
	struct world_tx *old;

	(void)state;
	clear();
	world_block(w, 0, 11); /* block 12 repeats the coinbase of block 11 */
	old = &w->tx[11];
	for (uint32_t i = 0; i < old->out_n; i++) {
		old->out[i].lost = true;
		old->out[i].spender = 12;
	}
	world_block(w, 0, UINT32_MAX);
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("ledger"), NULL);
	world_check_dir(at("ledger"), at("blocks"), w);
	/* and back: what was lost is there again when the repeating block goes */
	cut = world_fork(w, 12, 5);
	for (uint32_t i = 0; i < cut->tx[11].out_n; i++)
		cut->tx[11].out[i].lost = false;
	for (int i = 0; i < 3; i++)
		world_block(cut, 4, UINT32_MAX);
	write_both(w, cut, 12);
	import_ok(at("blocks"), at("ledger"), NULL);
	world_check_dir(at("ledger"), at("blocks"), cut);
	import_ok(at("blocks"), at("fresh"), NULL);
	world_same(at("fresh"), at("ledger"));
	world_free(cut);
	world_free(w);
}

/* ---- kills ---- */

static void child_import(const char *blocks, const char *dir, uint64_t checkpoint_bytes)
{
	struct ledger_import_options o = world_options();

	o.checkpoint_bytes = checkpoint_bytes;
	_exit(ledger_import(blocks, dir, &o, NULL, NULL) < 0 ? 1 : 0);
}

/* Import in child processes that are killed at random moments, until one comes through; returns how many were killed. */
static int import_under_fire(const char *blocks, const char *dir, struct prng *r,
			     uint32_t longest_us)
{
	int kills = 0, code;

	for (;;) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			child_import(blocks, dir, 1 + prng_below(r, 20000));
		if (kills < 12) {
			usleep((useconds_t)prng_below(r, longest_us));
			kill(pid, SIGKILL);
		}
		assert_int_equal(waitpid(pid, &code, 0), pid);
		if (WIFEXITED(code)) {
			assert_int_equal(WEXITSTATUS(code), 0);
			return kills;
		}
		kills++;
	}
}

static uint32_t time_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

static void test_kill(void **state)
{
	struct world *a = world_new(51, 80, 5), *b = world_fork(a, 60, 99);
	uint32_t began, took_us;
	struct prng r;
	int kills = 0;

	(void)state;
	clear();
	prng_init(&r, 4);
	for (int i = 0; i < 30; i++)
		world_block(b, 5, UINT32_MAX);
	world_write(a, at("blocks"), a->block_n);
	began = time_us();
	import_ok(at("blocks"), at("a"), NULL);
	took_us = time_us() - began;
	write_both(a, b, 60);
	import_ok(at("blocks"), at("b"), NULL);
	for (int round = 0; round < 40 && kills < 40; round++) {
		world_remove_tree(at("killed"));
		world_write(a, at("blocks"), a->block_n);
		world_write_file(at("blocks"), "blk00001.dat", &(struct buf){0}, NULL);
		kills += import_under_fire(at("blocks"), at("killed"), &r, took_us * 3);
		world_same(at("a"), at("killed"));
		write_both(a, b, 60);
		kills += import_under_fire(at("blocks"), at("killed"), &r, took_us * 3);
		world_same(at("b"), at("killed"));
	}
	assert_true(kills >= 5);
	world_check_dir(at("killed"), at("blocks"), b);
	world_free(a);
	world_free(b);
}

static int stop_soon(void *arg, const struct ledger_progress *p)
{
	(void)p;
	return --*(int *)arg < 0;
}

static void test_stopped(void **state)
{
	struct world *w = world_new(61, 50, 4);
	struct ledger_import_options o = world_options();
	struct ledger_import_result res;
	struct ledger *l;
	int left = 0;

	(void)state;
	clear();
	world_write(w, at("blocks"), w->block_n);
	o.progress = stop_soon;
	o.progress_arg = &left;
	assert_int_equal(ledger_import(at("blocks"), at("ledger"), &o, &res, NULL), 0);
	assert_false(res.finished);
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), -ERR_AGAIN);
	import_ok(at("blocks"), at("ledger"), &res);
	assert_true(res.finished);
	world_check_dir(at("ledger"), at("blocks"), w);
	world_free(w);
}

/* Files may not grow beyond a size: as on a full disk, an error, and nothing is lost. */
static void test_no_space(void **state)
{
	struct world *w = world_new(71, 300, 9);
	int code;
	pid_t pid;

	(void)state;
	clear();
	world_write(w, at("blocks"), 40);
	import_ok(at("blocks"), at("ledger"), NULL);
	world_write(w, at("blocks"), w->block_n);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit limit = {80000, 80000};
		struct err e = {0};

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
		    world_import(at("blocks"), at("ledger"), NULL, &e) >= 0)
			_exit(1);
		_exit(strstr(e.message, "cannot") ? 0 : 2);
	}
	waitpid(pid, &code, 0);
	assert_true(WIFEXITED(code));
	assert_int_equal(WEXITSTATUS(code), 0);
	import_ok(at("blocks"), at("ledger"), NULL);
	import_ok(at("blocks"), at("fresh"), NULL);
	world_same(at("fresh"), at("ledger"));
	world_check_dir(at("ledger"), at("blocks"), w);
	world_free(w);
}

/* ---- bad input ---- */

static void expect_import(int code, const char *words)
{
	struct err e = {0};

	assert_int_equal(world_import(at("blocks"), at("ledger"), NULL, &e), code);
	if (!strstr(e.message, words))
		fail_msg("\"%s\" does not say \"%s\"", e.message, words);
}

static void test_bad_blocks(void **state)
{
	struct world *w = world_new(81, 30, 4);
	struct world_block *b = &w->block[20];

	(void)state;
	clear();
	expect_import(-ERR_NOENT, "blocks");
	assert_int_equal(mkdir(at("blocks"), 0755), 0);
	expect_import(-ERR_NOENT, "no blk*.dat");
	b->bytes[b->len - 30] ^= 1; /* in the last transaction */
	world_write(w, at("blocks"), w->block_n);
	expect_import(-ERR_CORRUPT, "block 20");
	expect_import(-ERR_CORRUPT, "blk00000.dat at ");
	b->bytes[b->len - 30] ^= 1;
	b->bytes[70] ^=
		1; /* the time: the hash changes, about every other one still meets the work */
	world_write(w, at("blocks"), w->block_n);
	(void)world_import(at("blocks"), at("other"), NULL, NULL);
	b->bytes[70] ^= 1;
	memset(w->block[0].bytes + 4, 1, 32);
	world_write(w, at("blocks"), 1);
	world_remove_tree(at("ledger"));
	assert_int_equal(world_import(at("blocks"), at("ledger"), NULL, NULL) < 0, 1);
	world_free(w);
}

static void test_wrong_network(void **state)
{
	struct world *w = world_new(82, 5, 0);
	struct ledger_import_options o = world_options();
	struct err e;

	(void)state;
	clear();
	world_write(w, at("blocks"), w->block_n);
	o.network = "bitcoin";
	assert_int_equal(ledger_import(at("blocks"), at("ledger"), &o, NULL, &e), -ERR_NETWORK);
	assert_non_null(strstr(e.message, "regtest"));
	o.network = "no such";
	assert_int_equal(ledger_import(at("blocks"), at("ledger"), &o, NULL, &e), -ERR_INVAL);
	o.network = NULL;
	assert_int_equal(ledger_import(at("blocks"), at("ledger"), &o, NULL, NULL), 0);
	o.memory_bytes = 1;
	assert_int_equal(ledger_import(at("blocks"), at("ledger"), &o, NULL, NULL), -ERR_RANGE);
	world_free(w);
}

/* A block that spends twice, or what is not there, is well formed and must be refused by what it says. */
static void test_bad_spends(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		static const char *const words[] = {"a second time",
						    "which no block before it made",
						    "which does not exist", "more than it spends"};
		struct world *w = world_new(90 + (uint64_t)kind, 20, 3);
		struct world_tx *coin = &w->tx[w->tx_n], *t = coin + 1;
		struct buf txs;

		clear();
		buf_init(&txs, 1 << 20);
		*coin = (struct world_tx){.block = 20, .out_n = 1};
		world_pay(w, &coin->out[0], 1000);
		world_encode(w, coin, 20, &txs);
		*t = (struct world_tx){.block = 20, .in_n = 2, .out_n = 1};
		world_pay(w, &t->out[0], kind == 3 ? UINT64_C(900000000000) : 1);
		memcpy(t->in[0].txid32, coin->txid32, 32);
		t->in[1] = t->in[0];
		if (kind == 1)
			memset(t->in[0].txid32, 0x42, 32);
		if (kind == 2)
			t->in[0].n = 1;
		if (kind == 3)
			t->in_n = 1;
		world_encode(w, t, 0, &txs);
		w->tx_n += 2;
		world_seal(w, w->tx_n - 2, &txs);
		world_write(w, at("blocks"), w->block_n);
		expect_import(-ERR_CORRUPT, words[kind]);
		expect_import(-ERR_CORRUPT, "block 20");
		buf_done(&txs);
		world_free(w);
	}
}

static void test_partial(void **state)
{
	struct world *w = world_new(101, 60, 5);
	struct ledger_import_options o = world_options();
	struct ledger_import_result res;
	_cleanup_(ledger_closep) struct ledger *l = NULL;
	uint64_t foreign = 0, fee, unknown_fees = 0;
	uint32_t first = 0;
	struct err e;
	struct buf b;

	(void)state;
	clear();
	buf_init(&b, 64 << 20);
	for (uint32_t i = 30; i < w->block_n; i++)
		world_put_block(&b, &w->block[i]);
	world_write_file(at("blocks"), "blk00000.dat", &b, NULL);
	buf_done(&b);
	expect_import(-ERR_NOENT, "--from-any");
	o.from_any = true;
	o.first_height = 30;
	if (ledger_import(at("blocks"), at("ledger"), &o, &res, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), 0);
	while (w->tx[first].block < 30)
		first++;
	for (uint32_t t = first; t < w->tx_n; t++) {
		struct ledger_tx tx;
		bool known = true;

		assert_int_equal(ledger_tx_get(l, t - first, &tx), 0);
		assert_memory_equal(tx.txid32, w->tx[t].txid32, 32);
		assert_int_equal(tx.height, w->tx[t].block);
		for (uint32_t i = 0; i < tx.in_n; i++) {
			struct ledger_output got;

			assert_int_equal(
				ledger_output_get(l, ledger_in_output(l, tx.first_in + i), &got),
				0);
			assert_int_equal(got.foreign, w->tx[t].in[i].tx < first);
			assert_int_equal(got.known, !got.foreign);
			assert_memory_equal(got.txid32, w->tx[t].in[i].txid32, 32);
			assert_int_equal(got.position, w->tx[t].in[i].n);
			assert_int_equal(got.spender, t - first);
			foreign += got.foreign;
			known = known && got.known;
		}
		assert_int_equal(ledger_tx_fee(l, t - first, &fee), known ? 0 : -ERR_UNSUPPORTED);
		unknown_fees += !known;
	}
	assert_true(foreign > 10 && unknown_fees > 10);
	assert_int_equal(ledger_info(l)->foreign_n, foreign);
	assert_int_equal(ledger_info(l)->unknown_n, foreign);
	assert_int_equal(res.unknown_n, foreign);
	if (ledger_verify(at("ledger"), at("blocks"), NULL, NULL, NULL, &e) < 0)
		fail_msg("%s", e.message);
	world_free(w);
}

/* ---- damaged ledgers ---- */

/* Every question, over every id: an error or an answer, never a fault. */
static void ask_everything(const char *dir)
{
	_cleanup_(ledger_closep) struct ledger *l = NULL;
	const struct ledger_info *info;
	struct ledger_move moves[5];
	struct ledger_balance b;
	struct ledger_output o;
	struct ledger_block block;
	struct ledger_tx tx;
	char text[LEDGER_ADDRESS_TEXT_MAX];
	uint64_t outs[4], fee;
	uint32_t id;

	if (ledger_open(dir, &l, NULL) < 0)
		return;
	info = ledger_info(l);
	for (uint32_t t = 0; t <= info->tx_n; t++) {
		if (ledger_tx_get(l, t, &tx) == 0 && ledger_tx_find(l, tx.txid32, &id) == 0)
			assert_true(id < info->tx_n);
		(void)!ledger_tx_fee(l, t, &fee);
		assert_true(ledger_tx_height(l, t) <= info->height);
		assert_true(ledger_first_out(l, t) <= info->output_n &&
			    ledger_first_in(l, t) <= info->input_n);
	}
	for (uint64_t i = 0; i <= info->output_n; i++) {
		(void)!ledger_output_get(l, i, &o);
		assert_true(ledger_out_address(l, i) < info->address_n &&
			    ledger_out_spender(l, i) < info->tx_n);
	}
	for (uint64_t i = 0; i <= info->input_n; i++)
		(void)!ledger_output_get(l, ledger_in_output(l, i), &o);
	for (uint32_t i = 0; i <= info->block_n; i++)
		if (ledger_block_at(l, i, &block) == 0)
			(void)!ledger_block_find(l, block.hash32, &block);
	for (uint32_t i = 0; i <= info->address_n; i++) {
		(void)!ledger_address_text(l, i, text);
		(void)!ledger_address_balance(l, i, &b);
		(void)!ledger_address_moves(l, i, LEDGER_OLDEST_FIRST, -1, moves, 5);
		(void)!ledger_address_moves(l, i, LEDGER_NEWEST_FIRST, 50, moves, 5);
		(void)!ledger_address_outputs(l, i, LEDGER_OUTPUT_NONE, outs, 4);
	}
}

/* Damage one file at one place, or cut it; ask; verify must see it; put it back. */
static void damage(const char *dir, const char *name, struct prng *r)
{
	char path[768];
	struct buf good, bad;
	size_t where;
	bool cut;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	buf_init(&good, 8 << 20);
	buf_init(&bad, 8 << 20);
	assert_int_equal(file_read(path, &good, NULL), 0);
	buf_put(&bad, good.p, good.len);
	where = prng_below(r, good.len);
	cut = prng_chance(r, 1, 8);
	if (cut)
		bad.len = where;
	else
		bad.p[where] ^= (uint8_t)(1 + prng_below(r, 255));
	assert_int_equal(file_write(path, bad.p, bad.len, 0644, NULL), 0);
	ask_everything(dir);
	if (ledger_verify(dir, NULL, NULL, NULL, NULL, NULL) >= 0)
		fail_msg("%s damaged at %zu was not seen", path, where);
	assert_int_equal(file_write(path, good.p, good.len, 0644, NULL), 0);
	buf_done(&good);
	buf_done(&bad);
}

static void test_damaged(void **state)
{
	static const char *const columns[] = {"columns/block",
					      "columns/txid",
					      "columns/tx-pos",
					      "columns/tx-out-base",
					      "columns/tx-in-base",
					      "columns/tx-in-delta",
					      "columns/value",
					      "columns/tx-out-delta",
					      "columns/out-address",
					      "columns/out-spender",
					      "columns/in-output",
					      "columns/address",
					      "manifest",
					      "key"};
	struct world *w = world_new(111, 40, 4);
	char index[64] = "";
	struct prng r;
	DIR *d;

	(void)state;
	clear();
	prng_init(&r, 8);
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("ledger"), NULL);
	d = opendir(at("ledger"));
	for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
		if (strncmp(entry->d_name, "index-", 6) == 0)
			snprintf(index, sizeof(index), "%.60s", entry->d_name);
	closedir(d);
	for (int i = 0; i < 300; i++) {
		size_t k = prng_below(&r, ARRAY_LEN(columns) + 4);

		damage(at("ledger"), k < ARRAY_LEN(columns) ? columns[k] : index, &r);
	}
	world_check_dir(at("ledger"), at("blocks"), w);
	world_free(w);
}

static void test_open_errors(void **state)
{
	struct ledger *l = NULL;
	struct err e;

	(void)state;
	clear();
	assert_int_equal(ledger_open(at("nowhere"), &l, &e), -ERR_NOENT);
	assert_non_null(strstr(e.message, "lug ledger import"));
	assert_null(l);
}

/* ---- parts ---- */

/* Amounts in their short form: vectors of Bitcoin Core, test/compress_tests.cpp. */
static void test_undo_amount(void **state)
{
	(void)state;
	assert_int_equal(undo_amount(0x0), 0);
	assert_int_equal(undo_amount(0x1), 1);
	assert_int_equal(undo_amount(0x7), 1000000);
	assert_int_equal(undo_amount(0x9), 100000000);
	assert_int_equal(undo_amount(0x32), UINT64_C(5000000000));
	assert_int_equal(undo_amount(0x1406f40), UINT64_C(2100000000000000));
}

/* ---- real blocks ---- */

static void data_dir(const char *name, char out[512])
{
	const char *data = getenv("LUG_DATA");

	if (!data) {
		print_message("skipped: LUG_DATA is not set, so %s is not imported\n", name);
		skip();
	}
	snprintf(out, 512, "%s/%s", data, name);
}

static void test_real_chain(void **state)
{
	struct ledger_import_options o = {.first_height = -1};
	_cleanup_(ledger_closep) struct ledger *l = NULL;
	struct ledger_import_result res;
	struct ledger_output out;
	struct ledger_block b9;
	struct ledger_tx tx;
	uint8_t txid32[32];
	uint32_t txnum, id;
	struct err e = {0};
	char dir[512];

	data_dir("bitcoin/chain", dir);
	clear();
	if (ledger_import(dir, at("ledger"), &o, &res, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), 0);
	assert_int_equal(ledger_info(l)->height, 4312);
	assert_int_equal(ledger_block_at(l, 9, &b9), 0);
	assert_int_equal(ledger_output_get(l, ledger_first_out(l, b9.first_tx), &out), 0);
	assert_int_equal(out.value, UINT64_C(5000000000));
	assert_int_equal(out.spend, LEDGER_SPENT);
	assert_int_equal(
		hash_parse("f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16", 64,
			   txid32),
		0);
	assert_int_equal(ledger_tx_find(l, txid32, &txnum), 0);
	assert_int_equal(out.spender, txnum);
	assert_int_equal(ledger_tx_get(l, txnum, &tx), 0);
	assert_int_equal(tx.height, 170);
	assert_int_equal(
		ledger_address_find_text(l, "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm3", &id, NULL), 0);
	assert_int_equal(ledger_out_address(l, tx.first_out), id);
	assert_int_equal(ledger_out_value(l, tx.first_out), 1000000000);
	assert_int_equal(
		ledger_address_find_text(l, "1Q2TWHE3GMdB6BZKafqwxXtWAWgFt5Jvm4", &id, NULL),
		-ERR_CHECKSUM);
	assert_int_equal(
		ledger_address_find_text(l, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", &id, NULL),
		-ERR_NOENT);
	assert_int_equal(
		ledger_address_find_text(l, "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1", &id, NULL),
		-ERR_NETWORK);
	assert_int_equal(ledger_verify(at("ledger"), dir, NULL, NULL, NULL, NULL), 0);
}

static void test_real_undo(void **state)
{
	struct ledger_import_options o = {.first_height = -1};
	struct ledger_import_result res;
	struct err e = {0};
	char dir[512];

	data_dir("bitcoin/undo", dir);
	clear();
	if (ledger_import(dir, at("ledger"), &o, &res, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(res.added_n, 600);
	assert_int_equal(res.undo_n, 40);
	assert_int_equal(ledger_verify(at("ledger"), dir, NULL, NULL, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_worlds),  cmocka_unit_test(test_nothing_new),
		cmocka_unit_test(test_files_as_found), cmocka_unit_test(test_xor_missing),
		cmocka_unit_test(test_incremental),    cmocka_unit_test(test_reorganisation),
		cmocka_unit_test(test_snapshot),       cmocka_unit_test(test_repeated_coinbase),
		cmocka_unit_test(test_kill),	       cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_no_space),       cmocka_unit_test(test_bad_blocks),
		cmocka_unit_test(test_wrong_network),  cmocka_unit_test(test_bad_spends),
		cmocka_unit_test(test_partial),	       cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_open_errors),    cmocka_unit_test(test_undo_amount),
		cmocka_unit_test(test_real_chain),     cmocka_unit_test(test_real_undo),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
