/* SPDX-License-Identifier: Apache-2.0
 * The arrays of a batch.
 *
 * Each is a reservation of address space for the most rows that the budget can hold of its kind alone; pages come as rows are
 * filled in, so what is bounded is the sum. They are kept from batch to batch, since getting pages costs as much as filling them. */
#include "ledger/batch.h"
#include "base/cleanup.h"
#include "chain/address.h"
#include <sys/mman.h>

enum {
	ROWS_MAX = INT32_MAX,
	BLOCKS_MIN = 64,
	ROWS_MIN = 1024,
	HUGE_MIN = 128 << 20, /* smaller batches do without huge pages */
	ARRAYS = 18,
};

/* What a row takes in all arrays of its kind, for batch_fits(). */
enum {
	TX_BYTES = 32 + 4 + 4 + 4 + 8 + (int)sizeof(struct radix_pair),
	IN_BYTES = (int)sizeof(struct batch_in) + 8 + 4 + 5 + (int)sizeof(struct radix_pair),
	OUT_BYTES = 8 + (int)sizeof(struct batch_identity) + 8 + 4 + 4 + 4 +
		    (int)sizeof(struct radix_pair),
};

enum { ROOM_ALIGN = 4096 };

static void room_free(struct batch *b)
{
	if (b->room)
		munmap(b->room, b->room_len);
	b->room = NULL;
}

/* The next array in the room. */
static void *array_take(struct batch *b, uint64_t *at, size_t row_bytes)
{
	uint8_t *p = b->room + *at;

	*at += ((b->row_cap + 1) * row_bytes + ROOM_ALIGN - 1) / ROOM_ALIGN * ROOM_ALIGN;
	return p;
}

static void arrays_place(struct batch *b)
{
	uint64_t at = 0;

	b->txid = array_take(b, &at, 32);
	b->tx_pos_le = array_take(b, &at, 4);
	b->tx_first_out = array_take(b, &at, 4);
	b->tx_first_in = array_take(b, &at, 4);
	b->tx_print = array_take(b, &at, 8);
	b->tx_runs.pairs = array_take(b, &at, sizeof(struct radix_pair));
	b->in = array_take(b, &at, sizeof(struct batch_in));
	b->in_print = array_take(b, &at, 8);
	b->in_tx = array_take(b, &at, 4);
	b->in_out40 = array_take(b, &at, 5);
	b->in_runs.pairs = array_take(b, &at, sizeof(struct radix_pair));
	b->out_value_le = array_take(b, &at, 8);
	b->identity = array_take(b, &at, sizeof(struct batch_identity));
	b->out_print = array_take(b, &at, 8);
	b->out_ref = array_take(b, &at, 4);
	b->out_address_le = array_take(b, &at, 4);
	b->out_spender_le = array_take(b, &at, 4);
	b->out_runs.pairs = array_take(b, &at, sizeof(struct radix_pair));
	assert(at <= b->room_len);
}

static int room_make(struct batch *b, uint64_t row_cap)
{
	void *p;

	room_free(b);
	b->row_cap = row_cap;
	b->room_len = (row_cap + 1) * (TX_BYTES + IN_BYTES + OUT_BYTES) + ARRAYS * ROOM_ALIGN;
	p = mmap(NULL, b->room_len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ERR_NOMEM;
	b->room = p;
	if (b->bytes_max >= HUGE_MIN)
		(void)madvise(p, b->room_len, MADV_HUGEPAGE); /* only a hint */
	arrays_place(b);
	return 0;
}

int batch_init(struct batch *b, uint64_t bytes_max)
{
	uint64_t cap = bytes_max / TX_BYTES;

	*b = (struct batch){.bytes_max = bytes_max};
	cap = cap < ROWS_MIN ? ROWS_MIN : cap > ROWS_MAX ? ROWS_MAX : cap;
	b->new_n = calloc(1 << RADIX_BITS_MAX, sizeof(*b->new_n));
	b->old_n = calloc(1 << RADIX_BITS_MAX, sizeof(*b->old_n));
	return b->new_n && b->old_n ? room_make(b, cap) : -ERR_NOMEM;
}

void batch_done(struct batch *b)
{
	room_free(b);
	free(b->blocks);
	free(b->foreign);
	free(b->new_n);
	free(b->old_n);
	free(b->repeats);
	*b = (struct batch){0};
}

void batch_clear(struct batch *b, const struct ledger_counts *at)
{
	b->at = *at;
	b->block_n = b->tx_n = b->in_n = b->out_n = b->foreign_n = b->repeat_n = 0;
	b->block_bytes = b->new_address_n = b->old_address_n = 0;
}

static int blocks_room(struct batch *b)
{
	uint32_t cap = b->block_cap ? b->block_cap * 2 : BLOCKS_MIN;
	struct batch_block *p;

	if (b->block_n < b->block_cap)
		return 0;
	p = reallocarray(b->blocks, cap, sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	b->blocks = p;
	b->block_cap = cap;
	return 0;
}

int batch_fits(struct batch *b, uint64_t tx_n, uint64_t in_n, uint64_t out_n)
{
	/* a partial ledger's foreign outputs stand behind the outputs */
	uint64_t txs = b->tx_n + tx_n, ins = b->in_n + in_n, outs = b->out_n + out_n + ins;
	uint64_t bytes = txs * TX_BYTES + ins * IN_BYTES + (b->out_n + out_n) * OUT_BYTES;
	int r;

	if (b->block_n > 0 && (bytes > b->bytes_max || outs > b->row_cap || txs > b->row_cap))
		return 0;
	if (outs > ROWS_MAX || txs > ROWS_MAX)
		return -ERR_RANGE;
	if (outs > b->row_cap || txs > b->row_cap) {
		r = room_make(b, 2 * (outs > txs ? outs : txs));
		if (r < 0)
			return r;
	}
	r = blocks_room(b);
	return r < 0 ? r : 1;
}

const struct batch_block *batch_block_of(const struct batch *b, uint32_t tx)
{
	uint32_t low = 0, high = b->block_n;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (b->blocks[mid].first_tx <= tx)
			low = mid;
		else
			high = mid;
	}
	return &b->blocks[low];
}
