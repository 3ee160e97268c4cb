/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: block files made as the input says, imported.
 * Input: one letter each: b a block, t a block with transactions, f a branch from three blocks back, g bytes of nothing, z zeros,
 * c the last block again but cut off, n the next file, x and two bytes: one byte of what was written so far is XORed, i import now
 * (later imports go on from there), anything else is passed over.
 * Property: an import that succeeds gives a ledger that verifies against the files; importing again adds nothing. */
#define WORLD_ASSERT_ABORTS
#include "../tests/unit/ledger-world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPS_MAX = 120, BLOCKS_MAX = 60, FILES_MAX = 4 };

struct play {
	struct world *w;
	struct buf file[FILES_MAX];
	uint32_t file_n, salt;
	char blocks[96], ledger[96];
};

static char top[64];

static void clean_up(void)
{
	world_remove_tree(top);
}

static void block(struct play *p, uint32_t tx_max)
{
	if (p->w->block_n >= BLOCKS_MAX)
		return;
	world_block(p->w, tx_max, UINT32_MAX);
	world_put_block(&p->file[p->file_n], &p->w->block[p->w->block_n - 1]);
}

static void branch(struct play *p)
{
	struct world *f;

	if (p->w->block_n < 5)
		return;
	f = world_fork(p->w, p->w->block_n - 3, ++p->salt);
	world_free(p->w);
	p->w = f;
}

static void cut_off(struct play *p)
{
	struct buf *b = &p->file[p->file_n];

	world_put_block(b, &p->w->block[p->w->block_n - 1]);
	b->len -= 7;
}

static void import_now(struct play *p)
{
	struct ledger_import_result res;
	struct err e = {0};

	for (uint32_t i = 0; i <= p->file_n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "blk%05u.dat", i);
		world_write_file(p->blocks, name, &p->file[i], NULL);
	}
	if (world_import(p->blocks, p->ledger, &res, &e) < 0) {
		assert_true(e.code < 0 && e.message[0]);
		return;
	}
	assert_true(res.finished);
	assert_int_equal(ledger_verify(p->ledger, p->blocks, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(world_import(p->blocks, p->ledger, &res, NULL), 0);
	assert_int_equal(res.added_n + res.removed_n, 0);
}

/* Returns how many bytes of the input the operation took. */
static size_t operate(struct play *p, const uint8_t *data, size_t left)
{
	struct buf *b = &p->file[p->file_n];

	switch (data[0]) {
	case 'b':
		block(p, 0);
		break;
	case 't':
		block(p, 4);
		break;
	case 'f':
		branch(p);
		break;
	case 'g':
		buf_str(b, "neither magic nor zeros");
		break;
	case 'z':
		memset(buf_space(b, 300), 0, 300);
		break;
	case 'c':
		cut_off(p);
		break;
	case 'n':
		p->file_n += p->file_n + 1 < FILES_MAX;
		break;
	case 'i':
		import_now(p);
		break;
	case 'x':
		if (left < 3 || b->len == 0)
			break;
		b->p[(data[1] * 257u + data[2]) % b->len] ^= data[1] | 1;
		return 3;
	default:
		break;
	}
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play p = {0};

	if (!top[0]) {
		assert_int_equal(crypto_start(), 0);
		snprintf(top, sizeof(top), "%s/fuzz-blocks-XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		assert_non_null(mkdtemp(top));
		(void)atexit(clean_up);
	}
	snprintf(p.blocks, sizeof(p.blocks), "%s/b", top);
	snprintf(p.ledger, sizeof(p.ledger), "%s/l", top);
	for (uint32_t i = 0; i < FILES_MAX; i++)
		buf_init(&p.file[i], 4 << 20);
	p.w = world_new(1, 1, 0);
	world_put_block(&p.file[0], &p.w->block[0]);
	for (size_t at = 0, ops = 0; at < size && ops < OPS_MAX; ops++)
		at += operate(&p, data + at, size - at);
	import_now(&p);
	world_free(p.w);
	for (uint32_t i = 0; i < FILES_MAX; i++)
		buf_done(&p.file[i]);
	world_remove_tree(p.blocks);
	world_remove_tree(p.ledger);
	return 0;
}
