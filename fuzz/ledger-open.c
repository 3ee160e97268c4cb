/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: a valid ledger, damaged as the input says, then opened and asked everything.
 * Input: records of 5 bytes: file (of FILES), place (u24, modulo its length), value (XORed in; 0 cuts the file there). The manifest's
 * own hash is made right again when the first byte is odd, so that what it says is believed.
 * Property: each answer is an error or lies within the counts; if verify finds nothing wrong, the answers are those of the
 * undamaged ledger. */
#define WORLD_ASSERT_ABORTS
#include "../tests/unit/ledger-world.h"
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES = 16, RECORD = 5, MANIFEST = 13, INDEX = 14 /* and one more */ };
static const char *const names[FILES] = {"columns/block",
					 "columns/txid",
					 "columns/tx-pos",
					 "columns/tx-out-base",
					 "columns/tx-in-base",
					 "columns/tx-in-delta",
					 "columns/value",
					 "columns/tx-out-delta",
					 "columns/address",
					 "columns/out-address",
					 "columns/in-output",
					 "columns/out-spender",
					 "columns/foreign",
					 "manifest",
					 NULL,
					 NULL};

static struct {
	bool ready;
	char top[64], dir[80], path[FILES][192];
	struct buf good[FILES];
	struct world *w;
} pristine;

static void clean_up(void)
{
	world_remove_tree(pristine.top);
}

static void prepare(void)
{
	size_t index = INDEX;
	char blocks[80];
	DIR *d;

	assert_int_equal(crypto_start(), 0);
	snprintf(pristine.top, sizeof(pristine.top), "%s/fuzz-ledger-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(pristine.top));
	(void)atexit(clean_up);
	snprintf(blocks, sizeof(blocks), "%s/b", pristine.top);
	snprintf(pristine.dir, sizeof(pristine.dir), "%s/l", pristine.top);
	pristine.w = world_new(7, 14, 3); /* 3 * 4 + 2: two index segments */
	world_write(pristine.w, blocks, pristine.w->block_n);
	assert_int_equal(world_import(blocks, pristine.dir, NULL, NULL), 0);
	for (size_t i = 0; i < FILES; i++)
		if (names[i])
			snprintf(pristine.path[i], sizeof(pristine.path[i]), "%s/%s", pristine.dir,
				 names[i]);
	d = opendir(pristine.dir);
	for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
		if (strncmp(entry->d_name, "index", 5) == 0 && index < FILES)
			snprintf(pristine.path[index++], sizeof(pristine.path[0]), "%s/%.60s",
				 pristine.dir, entry->d_name);
	closedir(d);
	assert_int_equal(index, FILES);
	for (size_t i = 0; i < FILES; i++) {
		buf_init(&pristine.good[i], 8 << 20);
		assert_int_equal(file_read(pristine.path[i], &pristine.good[i], NULL), 0);
	}
	pristine.ready = true;
}

static void put_file(size_t i, const uint8_t *p, size_t len)
{
	int fd = open(pristine.path[i], O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, p, len), 0);
	close(fd);
}

static void damage(const uint8_t *data, size_t size, uint16_t *ret_files)
{
	bool rehash = size > 0 && data[0] & 1;

	for (size_t i = 0; i < FILES; i++) {
		struct buf b;

		buf_init(&b, 8 << 20);
		buf_put(&b, pristine.good[i].p, pristine.good[i].len);
		for (size_t at = 1; at + RECORD <= size; at += RECORD) {
			size_t where = (size_t)data[at + 1] | (size_t)data[at + 2] << 8 |
				       (size_t)data[at + 3] << 16;

			if (data[at] % FILES != i || b.len == 0)
				continue;
			if (data[at + 4] == 0)
				b.len = where % b.len;
			else
				b.p[where % b.len] ^= data[at + 4];
			*ret_files |= (uint16_t)(1 << i);
		}
		if (i == MANIFEST && rehash && b.len > 32)
			sha256(b.p, b.len - 32, b.p + b.len - 32);
		if (*ret_files & 1 << i)
			put_file(i, b.p, b.len);
		buf_done(&b);
	}
}

static void ask_transactions(const struct ledger *l, const struct ledger_info *info)
{
	uint32_t most = info->tx_n < 300 ? (uint32_t)info->tx_n : 300, found;
	struct ledger_output o;
	struct ledger_tx tx;
	uint64_t fee;

	for (uint32_t t = 0; t <= most; t++) {
		if (ledger_tx_get(l, t, &tx) == 0 && ledger_tx_find(l, tx.txid32, &found) == 0)
			assert_true(found < info->tx_n);
		(void)!ledger_tx_fee(l, t, &fee);
		assert_true(ledger_tx_height(l, t) <= info->height);
		assert_true(ledger_first_out(l, t) <= info->output_n);
	}
	for (uint64_t i = 0; i <= info->output_n && i < 2000; i++) {
		(void)!ledger_output_get(l, i, &o);
		assert_true(ledger_out_address(l, i) < info->address_n);
		assert_true(ledger_out_spender(l, i) < info->tx_n);
	}
	for (uint64_t i = 0; i <= info->input_n && i < 2000; i++)
		(void)!ledger_output_get(l, ledger_in_output(l, i), &o);
}

static void ask_addresses(const struct ledger *l, const struct ledger_info *info)
{
	char text[LEDGER_ADDRESS_TEXT_MAX];
	struct ledger_move moves[5];
	struct ledger_balance b;
	uint64_t outs[4];

	for (uint32_t i = 0; i <= info->address_n && i < 500; i++) {
		(void)!ledger_address_text(l, i, text);
		(void)!ledger_address_balance(l, i, &b);
		assert_true(ledger_address_moves(l, i, LEDGER_OLDEST_FIRST, -1, moves, 5) <= 5);
		assert_true(ledger_address_moves(l, i, LEDGER_NEWEST_FIRST, 9, moves, 5) <= 5);
		assert_true(ledger_address_outputs(l, i, LEDGER_OUTPUT_NONE, outs, 4) <= 4);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ledger *l = NULL;
	uint16_t files = 0;

	if (!pristine.ready)
		prepare();
	damage(data, size, &files);
	if (ledger_open(pristine.dir, &l, NULL) == 0) {
		ask_transactions(l, ledger_info(l));
		ask_addresses(l, ledger_info(l));
		if (ledger_verify(pristine.dir, NULL, NULL, NULL, NULL, NULL) == 0)
			world_check(l, pristine.w);
		ledger_close(l);
	}
	for (size_t i = 0; i < FILES; i++)
		if (files & 1 << i)
			put_file(i, pristine.good[i].p, pristine.good[i].len);
	return 0;
}
