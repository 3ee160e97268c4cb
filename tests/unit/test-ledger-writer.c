/* SPDX-License-Identifier: Apache-2.0
 * The ledger's writer: the same bytes whatever the budget, the threads and the steps; blocks one by one, branches taken back,
 * kills; and the parts that the threads stand on. */
#include "ledger-world.h"
#include "ledger/ledger-int.h"
#include "ledger/parallel.h"
#include "ledger/radix.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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

static int square(void *arg, unsigned worker, uint64_t task, struct err *e)
{
	uint64_t *out = arg;

	assert_true(worker < 4);
	out[task] = task * task;
	return task % 100 == 77 ? err_set(e, ERR_RANGE, "task", "task %u", (unsigned)task) : 0;
}

static void test_parallel(void **state)
{
	uint64_t out[500];
	struct err e;

	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		memset(out, 0, sizeof(out));
		assert_int_equal(parallel_run(threads, 77, square, out, &e), 0);
		for (uint64_t i = 0; i < 77; i++)
			assert_int_equal(out[i], i * i);
		assert_int_equal(parallel_run(threads, 500, square, out, &e), -ERR_RANGE);
		assert_string_equal(e.message, "task 77");
	}
	assert_int_equal(parallel_run(4, 0, square, out, &e), 0);
}

static void check_runs(const struct radix *r, const uint64_t *keys, uint64_t n)
{
	uint64_t seen = 0;

	for (uint64_t run = 0; run < UINT64_C(1) << r->bits; run++)
		for (uint64_t i = r->start[run]; i < r->start[run + 1]; i++, seen++) {
			assert_true(i < n);
			assert_int_equal(r->pairs[i].key, keys[r->pairs[i].row]);
			assert_int_equal(radix_run(r, r->pairs[i].key), run);
			if (i > r->start[run])
				assert_true(r->pairs[i].row > r->pairs[i - 1].row);
		}
	assert_int_equal(seen, r->start[UINT64_C(1) << r->bits]);
}

static void test_radix(void **state)
{
	enum { N = 600000 };
	uint64_t *keys = malloc(N * sizeof(*keys));
	uint32_t *skip = calloc(N, sizeof(*skip));
	struct radix_pair *pairs = malloc(N * sizeof(*pairs)), *room = malloc(N * sizeof(*room));
	struct radix *r = malloc(sizeof(*r));
	struct prng rnd;

	(void)state;
	prng_init(&rnd, 3);
	for (uint32_t i = 0; i < N; i++) {
		keys[i] = prng_below(&rnd, UINT64_C(1) << 44);
		skip[i] = i % 7 == 0 ? RADIX_PASS : i;
	}
	r->pairs = pairs;
	for (unsigned threads = 1; threads <= 3; threads += 2)
		for (uint32_t bits = 0; bits <= RADIX_BITS_MAX; bits += 11) {
			r->bits = bits;
			assert_int_equal(radix_partition(r, keys, NULL, N, 44, threads, NULL), 0);
			assert_int_equal(r->start[UINT64_C(1) << bits], N);
			check_runs(r, keys, N);
			assert_int_equal(radix_partition(r, keys, skip, N, 44, threads, NULL), 0);
			assert_int_equal(r->start[UINT64_C(1) << bits], N - (N + 6) / 7);
			check_runs(r, keys, N);
		}
	r->bits = 0;
	assert_int_equal(radix_partition(r, keys, NULL, N, 44, 1, NULL), 0);
	radix_sort(pairs, N, 44, room);
	for (uint32_t i = 1; i < N; i++)
		assert_true(pairs[i - 1].key < pairs[i].key ||
			    (pairs[i - 1].key == pairs[i].key && pairs[i - 1].row < pairs[i].row));
	assert_int_equal(radix_bits(0), 0);
	assert_int_equal(radix_bits(UINT32_MAX), RADIX_BITS_MAX);
	free(keys);
	free(skip);
	free(pairs);
	free(room);
	free(r);
}

/* ---- the same bytes whatever the budget, the threads and the steps ---- */

static void test_any_budget(void **state)
{
	static const uint64_t checkpoints[] = {1, 5000, 40000, 0};
	struct world *w = world_new(121, 90, 9);

	(void)state;
	clear();
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("usual"), NULL);
	for (unsigned threads = 1; threads <= 4; threads++)
		for (size_t i = 0; i < ARRAY_LEN(checkpoints); i++) {
			struct ledger_import_options o = world_options();

			o.threads = threads;
			o.checkpoint_bytes = checkpoints[i];
			o.memory_bytes = i % 2 ? LEDGER_MEMORY_MIN : 0;
			world_remove_tree(at("other"));
			assert_int_equal(ledger_import(at("blocks"), at("other"), &o, NULL, NULL),
					 0);
			world_same(at("usual"), at("other"));
		}
	world_check_dir(at("other"), at("blocks"), w);
	world_free(w);
}

/* ---- networks ---- */

/* First blocks: what the header says beside the transaction, and the coinbase's text and key. */
struct first_block {
	const char *network;
	uint32_t time_s, bits, nonce;
	const char *script, *key;
};
#define TIMES_2009                                                                               \
	"04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e" \
	"206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73"
#define KEY_2009                                                                               \
	"04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f3" \
	"5504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"
#define TIMES_2011                                                                              \
	"04ffff001d0104404e592054696d65732030352f4f63742f32303131205374657665204a6f62732c20417" \
	"0706c65e280997320566973696f6e6172792c2044696573206174203536"
#define KEY_2011                                                                               \
	"040184710fa689ad5023690c80f3a49c8f13f8d45b8c857fbcbc8bc4a8e4d3eb4b10f4d4604fa08dce60" \
	"1aaf0f470216fe1b51850b4acf21b179c45070ac7b03a9"
#define TIMES_2024                                                                               \
	"04ffff001d01044c4c30332f4d61792f323032342030303030303030303030303030303030303030303165" \
	"626435386332343439373062336161396437383362623030313031316662653865613865393865303065"
#define KEY_2024 "000000000000000000000000000000000000000000000000000000000000000000"

static void put_hex(struct buf *b, const char *hex)
{
	size_t len = strlen(hex) / 2;

	assert_int_equal(hex_decode(hex, len * 2, buf_space(b, len), len), 0);
}

/* The whole block, with magic and size before it; the merkle root is the transaction's id. */
static void first_block_put(struct buf *b, const struct first_block *f)
{
	struct block_header h = {
		.version = 1, .time_s = f->time_s, .bits = f->bits, .nonce = f->nonce};
	struct buf tx, head;

	buf_init(&tx, 4096);
	buf_init(&head, 4096);
	put_hex(&tx,
		"01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff");
	buf_u8(&tx, (uint8_t)(strlen(f->script) / 2));
	put_hex(&tx, f->script);
	put_hex(&tx, "ffffffff0100f2052a01000000");
	buf_u8(&tx, (uint8_t)(strlen(f->key) / 2 + 2));
	buf_u8(&tx, (uint8_t)(strlen(f->key) / 2));
	put_hex(&tx, f->key);
	put_hex(&tx, "ac00000000");
	sha256d(tx.p, tx.len, h.merkle32);
	block_encode(&h, 1, &head);
	buf_put(b, network_find(f->network)->magic4, 4);
	buf_u32le(b, (uint32_t)(head.len + tx.len));
	buf_put(b, head.p, head.len);
	buf_put(b, tx.p, tx.len);
	buf_done(&tx);
	buf_done(&head);
}

static void test_networks(void **state)
{
	static const struct first_block list[] = {
		{"bitcoin", 1231006505, 0x1d00ffff, 2083236893, TIMES_2009, KEY_2009},
		{"testnet3", 1296688602, 0x1d00ffff, 414098458, TIMES_2009, KEY_2009},
		{"testnet4", 1714777860, 0x1d00ffff, 393743547, TIMES_2024, KEY_2024},
		{"signet", 1598918400, 0x1e0377ae, 52613770, TIMES_2009, KEY_2009},
		{"regtest", 1296688602, 0x207fffff, 2, TIMES_2009, KEY_2009},
		{"litecoin", 1317972665, 0x1e0ffff0, 2084524493, TIMES_2011, KEY_2011},
		{"bitcoin-cash", 1231006505, 0x1d00ffff, 2083236893, TIMES_2009, KEY_2009},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct ledger_import_options o = {.network = list[i].network, .first_height = -1};
		struct ledger *l = NULL;
		struct err e = {0};
		struct buf b;

		clear();
		buf_init(&b, 4096);
		first_block_put(&b, &list[i]);
		world_write_file(at("blocks"), "blk00000.dat", &b, NULL);
		if (ledger_import(at("blocks"), at("ledger"), &o, NULL, &e) < 0)
			fail_msg("%s: %s", list[i].network, e.message);
		assert_int_equal(ledger_verify(at("ledger"), at("blocks"), NULL, NULL, NULL, &e),
				 0);
		assert_int_equal(ledger_open(at("ledger"), &l, NULL), 0);
		assert_string_equal(ledger_network(l)->name, list[i].network);
		assert_int_equal(ledger_info(l)->tx_n, 1);
		assert_int_equal(ledger_out_value(l, 0), UINT64_C(5000000000));
		ledger_close(l);
		/* without its work it is not taken, whatever hash that is */
		b.p[8 + 76] ^= 1;
		world_write_file(at("blocks"), "blk00000.dat", &b, NULL);
		assert_true(ledger_import(at("blocks"), at("other"), &o, NULL, &e) < 0);
		buf_done(&b);
	}
}

/* CashTokens: whom an output pays stands behind the token, on Bitcoin Cash and nowhere else. */
static void test_tokens(void **state)
{
	static const char *const prefixes[] = {
		"20",				/* one of a kind */
		"10fd0004",			/* an amount */
		"6203aabbcc",			/* commitment */
		"7203aabbccff0000000001000000", /* both */
	};
	uint8_t script[128], category[33] = {0xef};
	struct address plain, got;
	size_t n;

	(void)state;
	memset(category + 1, 7, 32);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		static const uint8_t p2pkh[25] = {0x76, 0xa9, 20, 1,  2,  3,	4,   5,	 6,
						  7,	8,    9,  10, 11, 12,	13,  14, 15,
						  16,	17,   18, 19, 20, 0x88, 0xac};

		n = strlen(prefixes[i]) / 2;
		memcpy(script, category, 33);
		assert_int_equal(hex_decode(prefixes[i], 2 * n, script + 33, n), 0);
		memcpy(script + 33 + n, p2pkh, 25);
		ledger_identity(NET_BITCOIN_CASH, p2pkh, 25, &plain);
		assert_int_equal(plain.kind, ADDRESS_KEY);
		ledger_identity(NET_BITCOIN_CASH, script, 33 + n + 25, &got);
		assert_true(address_equal(&plain, &got));
		ledger_identity(NET_BITCOIN, script, 33 + n + 25, &got);
		assert_int_equal(got.kind, ADDRESS_SCRIPT);
		/* cut off inside the prefix: all of it is the script */
		for (size_t len = 0; len < 33 + n; len++) {
			ledger_identity(NET_BITCOIN_CASH, script, len, &got);
			assert_int_equal(got.kind, ADDRESS_SCRIPT);
		}
	}
	script[33] = 0; /* says that nothing follows */
	ledger_identity(NET_BITCOIN_CASH, script, 59, &got);
	assert_int_equal(got.kind, ADDRESS_SCRIPT);
}

/* ---- the writer that stays open ---- */

/* In the file that world_write() makes. */
static struct ledger_new_block block_of(const struct world *w, uint32_t i)
{
	uint64_t off = 8;

	for (uint32_t k = 0; k < i; k++)
		off += w->block[k].len + 8;
	return (struct ledger_new_block){w->block[i].bytes, w->block[i].len, 0, off};
}

static void append_ok(struct ledger_writer *writer, const struct world *w, uint32_t from,
		      uint32_t n)
{
	struct ledger_new_block b[WORLD_BLOCKS];
	struct err e = {0};

	for (uint32_t i = 0; i < n; i++)
		b[i] = block_of(w, from + i);
	if (ledger_writer_append(writer, b, n, &e) < 0)
		fail_msg("%s", e.message);
}

static struct ledger_writer *writer_ok(const char *dir)
{
	struct ledger_import_options o = world_options();
	struct ledger_writer *w = NULL;
	struct err e = {0};

	if (ledger_writer_open(dir, "regtest", &o, &w, &e) < 0)
		fail_msg("%s", e.message);
	return w;
}

static void test_writer(void **state)
{
	struct world *w = world_new(131, 90, 6), *early = world_fork(w, 40, 0);
	struct ledger_writer *writer;
	struct ledger *l = NULL;
	uint8_t hash32[32];
	uint32_t height;

	(void)state;
	clear();
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("once"), NULL);
	writer = writer_ok(at("ledger"));
	assert_false(ledger_writer_tip(writer, &height, hash32));
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), -ERR_AGAIN);
	for (uint32_t i = 0; i < 40; i++)
		append_ok(writer, w, i, 1);
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), 0);
	append_ok(writer, w, 40, 7);
	for (uint32_t i = 47; i < w->block_n; i++)
		append_ok(writer, w, i, 1);
	assert_true(ledger_writer_tip(writer, &height, hash32));
	assert_int_equal(height, w->block_n - 1);
	assert_memory_equal(hash32, w->block[height].hash32, 32);
	assert_true(ledger_writer_hash(writer, 3, hash32));
	assert_memory_equal(hash32, w->block[3].hash32, 32);
	assert_false(ledger_writer_hash(writer, w->block_n, hash32));
	assert_int_equal(world_import(at("blocks"), at("ledger"), NULL, NULL), -ERR_BUSY);
	/* the snapshot of 40 blocks is what it was */
	world_check(l, early);
	assert_int_equal(ledger_writer_cut(writer, 50, NULL), -ERR_BUSY);
	ledger_close(l);
	ledger_writer_close(writer);
	world_same(at("once"), at("ledger"));
	world_check_dir(at("ledger"), at("blocks"), w);
	world_free(early);
	world_free(w);
}

/* Others open, ask and verify the ledger while it grows: each sees one whole state. */
struct reader {
	const char *dir;
	uint32_t seen, failed, last_n;
	atomic_bool stop;
};

static void *read_on(void *arg)
{
	struct reader *rd = arg;

	while (!atomic_load(&rd->stop)) {
		struct ledger *l = NULL;
		struct ledger_balance b;
		int r = ledger_open(rd->dir, &l, NULL);

		if (r == -ERR_AGAIN || r == -ERR_NOENT)
			continue;
		rd->failed += r < 0 || ledger_info(l)->block_n < rd->last_n;
		for (uint32_t id = 1; r == 0 && id < ledger_info(l)->address_n; id++)
			rd->failed += ledger_address_balance(l, id, &b) < 0 || b.received_n == 0;
		if (r == 0)
			rd->last_n = (uint32_t)ledger_info(l)->block_n;
		ledger_close(l);
		rd->failed += r == 0 && ledger_verify(rd->dir, NULL, NULL, NULL, NULL, NULL) < 0;
		rd->seen++;
	}
	return NULL;
}

static void test_writer_read(void **state)
{
	struct world *w = world_new(135, 120, 6);
	struct reader rd = {.dir = NULL};
	struct ledger_writer *writer;
	pthread_t thread;
	char dir[512];

	(void)state;
	clear();
	snprintf(dir, sizeof(dir), "%s", at("ledger"));
	rd.dir = dir;
	writer = writer_ok(dir);
	append_ok(writer, w, 0, 1);
	assert_int_equal(pthread_create(&thread, NULL, read_on, &rd), 0);
	for (uint32_t i = 1; i < w->block_n; i++) {
		append_ok(writer, w, i, 1);
		usleep(1000);
	}
	atomic_store(&rd.stop, true);
	pthread_join(thread, NULL);
	ledger_writer_close(writer);
	assert_true(rd.seen > 3);
	assert_int_equal(rd.failed, 0);
	world_free(w);
}

/* Branches of every depth, taken back and replaced, as if the others had never been. */
static void test_writer_cut(void **state)
{
	struct world *w = world_new(132, 70, 6);
	struct ledger_writer *writer;

	(void)state;
	clear();
	writer = writer_ok(at("ledger"));
	append_ok(writer, w, 0, w->block_n);
	for (uint32_t depth = 1; depth < 60; depth = depth * 2 + 1) {
		struct world *b = world_fork(w, w->block_n - depth, 500 + depth);

		for (uint32_t i = 0; i <= depth; i++)
			world_block(b, 6, UINT32_MAX);
		assert_int_equal(ledger_writer_cut(writer, b->block_n - depth - 2, NULL), 0);
		append_ok(writer, b, b->block_n - depth - 1, depth + 1);
		ledger_writer_close(writer);
		world_free(w);
		w = b;
		world_write(w, at("blocks"), w->block_n);
		world_remove_tree(at("fresh"));
		import_ok(at("blocks"), at("fresh"), NULL);
		world_same(at("fresh"), at("ledger"));
		world_check_dir(at("ledger"), at("blocks"), w);
		writer = writer_ok(at("ledger"));
	}
	assert_int_equal(ledger_writer_cut(writer, 9999, NULL), 0);
	ledger_writer_close(writer);
	world_free(w);
}

/* What does not follow, or is not valid, is refused and leaves no trace. */
static void test_writer_refuses(void **state)
{
	struct world *w = world_new(133, 30, 4);
	struct ledger_writer *writer, *other = NULL;
	struct ledger_new_block b;
	struct err e = {0};

	(void)state;
	clear();
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("once"), NULL);
	writer = writer_ok(at("ledger"));
	assert_int_equal(ledger_writer_open(at("ledger"), "regtest", NULL, &other, &e), -ERR_BUSY);
	assert_int_equal(ledger_writer_open(at("x"), "no such", NULL, &other, &e), -ERR_INVAL);
	b = block_of(w, 1);
	assert_int_equal(ledger_writer_append(writer, &b, 1, &e), -ERR_CORRUPT);
	append_ok(writer, w, 0, 20);
	b = block_of(w, 21);
	assert_int_equal(ledger_writer_append(writer, &b, 1, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, "does not follow"));
	b = block_of(w, 20);
	b.len = 70;
	assert_int_equal(ledger_writer_append(writer, &b, 1, &e), -ERR_CORRUPT);
	b = block_of(w, 20);
	w->block[20].bytes[b.len - 30] ^= 1;
	assert_int_equal(ledger_writer_append(writer, &b, 1, &e), -ERR_CORRUPT);
	w->block[20].bytes[b.len - 30] ^= 1;
	append_ok(writer, w, 20, 10);
	ledger_writer_close(writer);
	world_same(at("once"), at("ledger"));
	assert_int_equal(ledger_writer_open(at("ledger"), "bitcoin", NULL, &other, &e),
			 -ERR_NETWORK);
	world_free(w);
}

/* Killed while it appends: the next writer goes on from the last manifest. */
static void test_writer_killed(void **state)
{
	struct world *w = world_new(134, 120, 6);
	struct prng r;
	uint32_t have = 0;
	int kills = 0;

	(void)state;
	clear();
	prng_init(&r, 12);
	world_write(w, at("blocks"), w->block_n);
	import_ok(at("blocks"), at("once"), NULL);
	while (have < w->block_n) {
		struct ledger_writer *writer;
		uint8_t hash32[32];
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			writer = writer_ok(at("ledger"));
			for (uint32_t i = have; i < w->block_n; i++)
				append_ok(writer, w, i, 1);
			ledger_writer_close(writer);
			_exit(0);
		}
		if (kills++ < 10) {
			usleep((useconds_t)prng_below(&r, 20000));
			kill(pid, SIGKILL);
		}
		waitpid(pid, NULL, 0);
		writer = writer_ok(at("ledger"));
		have = ledger_writer_tip(writer, &have, hash32) ? have + 1 : 0;
		ledger_writer_close(writer);
	}
	world_same(at("once"), at("ledger"));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parallel),      cmocka_unit_test(test_radix),
		cmocka_unit_test(test_any_budget),    cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_cut),    cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_writer_killed), cmocka_unit_test(test_writer_read),
		cmocka_unit_test(test_networks),      cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
