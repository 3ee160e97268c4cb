/* SPDX-License-Identifier: Apache-2.0
 * The index segment of a batch, computed in memory.
 *
 * The partitions of the batch by fingerprint are in the order of the directory already: each covers some buckets, and is
 * put into them in the processor's cache. For the lists the outputs are partitioned once more, by address, each run is sorted, and
 * then knows its place by how much stands in the runs before it. */
#include "ledger/batch-segment.h"
#include "base/cleanup.h"
#include "ledger/pages.h"
#include "ledger/parallel.h"

struct image {
	struct batch *b;
	const struct ledger_view *v;
	const uint8_t *key16;
	uint8_t *p;
	struct segment_layout layout;
	struct ledger_rows from, to;
	uint64_t *old_at; /* by run of the lists: older addresses in the runs before it */
	struct radix_pair *scratch[PARALLEL_THREADS_MAX];
	uint64_t scratch_n[PARALLEL_THREADS_MAX];
};

static void *chunk_at(const struct image *im, uint32_t id)
{
	return im->p + im->layout.chunk[id - LEDGER_CHUNK_TXID_DIR].off_le;
}

static uint64_t chunk_rows(const struct image *im, uint32_t id)
{
	return im->layout.chunk[id - LEDGER_CHUNK_TXID_DIR].row_n_le;
}

static struct radix_pair *scratch_for(struct image *im, unsigned worker, uint64_t n)
{
	if (n > im->scratch_n[worker] || !im->scratch[worker]) {
		free(im->scratch[worker]);
		im->scratch[worker] = malloc((n + 1) * sizeof(struct radix_pair));
		im->scratch_n[worker] = im->scratch[worker] ? n : 0;
	}
	return im->scratch[worker];
}

/* ---- tables ---- */

static void bucket_sort(uint64_t *p, uint64_t n)
{
	for (uint64_t i = 1; i < n; i++) {
		uint64_t x = p[i], k = i;

		for (; k > 0 && p[k - 1] > x; k--)
			p[k] = p[k - 1];
		p[k] = x;
	}
}

/* Some whole buckets of a table: from bucket on, bucket_n of them, whose entries begin at first. The directory counts, then
 * is a cursor, which ends up at the next bucket's start, and is moved up by one. */
static void buckets_fill(const struct image *im, enum ledger_table t,
			 const struct radix_pair *pairs, uint64_t n, uint64_t first,
			 uint64_t bucket, uint64_t bucket_n)
{
	uint32_t k = (uint32_t)__builtin_ctzll(chunk_rows(im, t) - 1);
	uint32_t *dir = (uint32_t *)chunk_at(im, t) + bucket;
	uint64_t *entries = chunk_at(im, t + 1u), sum = first;
	uint64_t low_mask = (UINT64_C(1) << (LEDGER_PRINT_BITS - k)) - 1;

	for (uint64_t i = 0; i < n; i++)
		dir[(k ? pairs[i].key >> (64 - k) : 0) - bucket]++;
	for (uint64_t i = 0; i < bucket_n; i++) {
		uint32_t count = dir[i];

		dir[i] = (uint32_t)sum;
		sum += count;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t print = pairs[i].key >> (64 - LEDGER_PRINT_BITS);
		uint64_t at = dir[(print >> (LEDGER_PRINT_BITS - k)) - bucket]++;

		entries[at] = (print & low_mask) << (64 - LEDGER_PRINT_BITS + k) | pairs[i].row;
	}
	for (uint64_t i = bucket_n; i-- > 0;) {
		uint64_t start = i ? dir[i - 1] : first, end = dir[i];

		bucket_sort(entries + start, end - start);
		for (uint64_t at = start; at < end; at++)
			entries[at] = htole64(entries[at]);
		dir[i] = htole32((uint32_t)start);
	}
}

/* The directory's last slot: the end of all entries. */
static void table_close(const struct image *im, enum ledger_table t)
{
	uint32_t *dir = chunk_at(im, t);

	dir[chunk_rows(im, t) - 1] = htole32((uint32_t)chunk_rows(im, t + 1u));
}

/* A run of a radix is so many buckets, at least one; 0 when a bucket has more than one run. */
static uint64_t run_buckets(const struct image *im, enum ledger_table t, const struct radix *r)
{
	return (chunk_rows(im, t) - 1) >> r->bits;
}

static int tx_run(void *arg, unsigned worker, uint64_t run, struct err *e)
{
	const struct image *im = arg;
	const struct radix *r = &im->b->tx_runs;
	uint64_t buckets = run_buckets(im, LEDGER_TABLE_TX, r);

	(void)worker;
	(void)e;
	buckets_fill(im, LEDGER_TABLE_TX, r->pairs + r->start[run],
		     r->start[run + 1] - r->start[run], r->start[run], run * buckets, buckets);
	return 0;
}

/* The new identities of some runs, with their rows in the segment; returns how many. */
static uint64_t fresh_take(const struct batch *b, uint64_t from, uint64_t to,
			   struct radix_pair *out)
{
	uint64_t n = 0;

	for (uint64_t i = from; i < to; i++) {
		const struct radix_pair *pair = &b->out_runs.pairs[i];
		uint32_t id = le32toh(b->out_address_le[pair->row]);

		if (b->out_ref[pair->row] == pair->row && id >= b->at.address_n)
			out[n++] = (struct radix_pair){pair->key, (uint32_t)(id - b->at.address_n)};
	}
	return n;
}

static int address_run(void *arg, unsigned worker, uint64_t run, struct err *e)
{
	struct image *im = arg;
	struct batch *b = im->b;
	const struct radix *r = &b->out_runs;
	uint64_t buckets = run_buckets(im, LEDGER_TABLE_ADDRESS, r), first = b->new_n[run], n;
	struct radix_pair *fresh = scratch_for(im, worker, r->start[run + 1] - r->start[run]);

	if (!fresh)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	n = fresh_take(b, r->start[run], r->start[run + 1], fresh);
	buckets_fill(im, LEDGER_TABLE_ADDRESS, fresh, n, first, run * buckets, buckets);
	return 0;
}

/* Few new addresses among many outputs: a bucket has several runs, so all are done at once. */
static int addresses_at_once(struct image *im, struct err *e)
{
	const struct radix *r = &im->b->out_runs;
	_cleanup_(freep) struct radix_pair *fresh =
		malloc((im->b->new_address_n + 1) * sizeof(*fresh));
	uint64_t n;

	if (!fresh)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	n = fresh_take(im->b, 0, r->start[UINT64_C(1) << r->bits], fresh);
	buckets_fill(im, LEDGER_TABLE_ADDRESS, fresh, n, 0, 0,
		     chunk_rows(im, LEDGER_TABLE_ADDRESS) - 1);
	return 0;
}

static int addresses_fill(struct image *im, unsigned threads, struct err *e)
{
	struct batch *b = im->b;
	uint64_t runs = UINT64_C(1) << b->out_runs.bits, sum = 0;
	int r;

	for (uint64_t i = 0; i < runs; i++) {
		uint64_t n = b->new_n[i];

		b->new_n[i] = sum;
		sum += n;
	}
	if (run_buckets(im, LEDGER_TABLE_ADDRESS, &b->out_runs) == 0)
		r = addresses_at_once(im, e);
	else
		r = parallel_run(threads, runs, address_run, im, e);
	table_close(im, LEDGER_TABLE_ADDRESS);
	return r;
}

static int blocks_fill(struct image *im, struct err *e)
{
	const struct batch *b = im->b;
	_cleanup_(freep) struct radix_pair *pairs = malloc(b->block_n * sizeof(*pairs));

	if (!pairs)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (uint32_t i = 0; i < b->block_n; i++)
		pairs[i] = (struct radix_pair){
			ledger_fingerprint(im->key16, b->blocks[i].node->hash32), i};
	buckets_fill(im, LEDGER_TABLE_BLOCK, pairs, b->block_n, 0, 0,
		     chunk_rows(im, LEDGER_TABLE_BLOCK) - 1);
	table_close(im, LEDGER_TABLE_BLOCK);
	return 0;
}

/* ---- lists ---- */

/* Sort a run by address, rows ascending, and count its older addresses. */
static int list_sort(void *arg, unsigned worker, uint64_t run, struct err *e)
{
	struct image *im = arg;
	const struct radix *r = &im->b->out_runs;
	struct radix_pair *pairs = r->pairs + r->start[run];
	uint64_t n = r->start[run + 1] - r->start[run], old = 0;
	struct radix_pair *scratch = scratch_for(im, worker, n);

	if (!scratch)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	radix_sort(pairs, n, r->shift, scratch);
	for (uint64_t i = 0; i < n && pairs[i].key < im->from.address; i++)
		old += i == 0 || pairs[i].key != pairs[i - 1].key;
	im->old_at[run] = old;
	return 0;
}

static int list_fill(void *arg, unsigned worker, uint64_t run, struct err *e)
{
	struct image *im = arg;
	const struct batch *b = im->b;
	const struct radix *r = &b->out_runs;
	uint8_t *start = chunk_at(im, LEDGER_CHUNK_LIST_START);
	uint8_t *output = chunk_at(im, LEDGER_CHUNK_LIST_OUTPUT);
	uint32_t *old = chunk_at(im, LEDGER_CHUNK_LIST_OLD);
	uint64_t old_at = im->old_at[run], old_n = chunk_rows(im, LEDGER_CHUNK_LIST_OLD);

	(void)worker;
	(void)e;
	for (uint64_t i = r->start[run]; i < r->start[run + 1]; i++) {
		const struct radix_pair *pair = &r->pairs[i];
		uint64_t o = pair->row < b->out_n
				     ? b->at.output_n + pair->row
				     : LEDGER_FOREIGN_BASE + b->at.foreign_n + pair->row - b->out_n;

		ledger_store40(output + i * 5, o);
		if (i > r->start[run] && pair[-1].key == pair->key)
			continue;
		if (pair->key < im->from.address) {
			old[old_at] = htole32((uint32_t)pair->key);
			ledger_store40(start + old_at++ * 5, i);
		} else {
			ledger_store40(start + (old_n + pair->key - im->from.address) * 5, i);
		}
	}
	return 0;
}

static int lists_fill(struct image *im, unsigned threads, struct err *e)
{
	struct batch *b = im->b;
	uint64_t n = (uint64_t)b->out_n + b->foreign_n, listed, sum = 0;
	uint32_t id_bits = 64 - (uint32_t)__builtin_clzll(im->to.address), want = radix_bits(n);
	int r;

	for (uint64_t row = 0; row < n; row++)
		b->out_print[row] = le32toh(b->out_address_le[row]);
	b->out_runs.bits = want < id_bits ? want : id_bits;
	r = radix_partition(&b->out_runs, b->out_print, b->out_ref, n, id_bits, threads, e);
	if (r == 0)
		r = parallel_run(threads, UINT64_C(1) << b->out_runs.bits, list_sort, im, e);
	if (r < 0)
		return r;
	for (uint64_t run = 0; run < UINT64_C(1) << b->out_runs.bits; run++) {
		uint64_t old = im->old_at[run];

		im->old_at[run] = sum;
		sum += old;
	}
	listed = b->out_runs.start[UINT64_C(1) << b->out_runs.bits];
	ledger_store40((uint8_t *)chunk_at(im, LEDGER_CHUNK_LIST_START) +
			       (chunk_rows(im, LEDGER_CHUNK_LIST_START) - 1) * 5,
		       listed);
	return parallel_run(threads, UINT64_C(1) << b->out_runs.bits, list_fill, im, e);
}

/* ---- the whole ---- */

static int image_make(struct image *im, struct err *e)
{
	const struct batch *b = im->b;
	const struct ledger_counts *c = &im->v->counts;
	const struct radix *outs = &b->out_runs;

	im->from = (struct ledger_rows){b->at.block_n, b->at.tx_n, b->at.output_n, b->at.address_n,
					b->at.foreign_n};
	im->to = (struct ledger_rows){c->block_n, c->tx_n, c->output_n, c->address_n, c->foreign_n};
	im->layout = segment_layout(&im->from, &im->to, b->old_address_n,
				    outs->start[UINT64_C(1) << outs->bits]);
	im->p = pages_new(im->layout.len); /* as a mapping: ledger_unmap() releases it */
	if (!im->p)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	segment_head_put((void *)im->p, im->v, &im->from, &im->to, &im->layout);
	return 0;
}

static int image_fill(struct image *im, unsigned threads, struct err *e)
{
	int r = parallel_run(threads, UINT64_C(1) << im->b->tx_runs.bits, tx_run, im, e);

	table_close(im, LEDGER_TABLE_TX);
	if (r == 0)
		r = addresses_fill(im, threads, e);
	if (r == 0)
		r = blocks_fill(im, e);
	return r < 0 ? r : lists_fill(im, threads, e);
}

int batch_segment(struct batch *b, const struct ledger_view *v, const uint8_t key16[static 16],
		  unsigned threads, struct ledger_segment *ret, struct err *e)
{
	struct image im = {.b = b, .v = v, .key16 = key16};
	_cleanup_(freep) uint64_t *old_at = calloc(1 << RADIX_BITS_MAX, sizeof(*old_at));
	struct ledger_map map;
	int r;

	if (!old_at)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	im.old_at = old_at;
	r = image_make(&im, e);
	if (r < 0)
		return r;
	r = image_fill(&im, threads, e);
	for (unsigned i = 0; i < threads; i++)
		free(im.scratch[i]);
	map = (struct ledger_map){im.p, im.layout.len};
	if (r < 0) {
		ledger_unmap(&map);
		return r;
	}
	*ret = (struct ledger_segment){.map = map, .from = im.from, .to = im.to};
	for (uint32_t i = 0; i < LEDGER_CHUNK_N; i++)
		ret->chunk[i] = (struct ledger_chunk_view){im.p + im.layout.chunk[i].off_le,
							   im.layout.chunk[i].row_n_le};
	return 0;
}
