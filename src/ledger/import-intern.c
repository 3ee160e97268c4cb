/* SPDX-License-Identifier: Apache-2.0
 * Address ids of a batch's outputs.
 *
 * Outputs of one identity have one fingerprint, hence lie in one partition, which is small enough to be grouped in a hash table
 * in the processor's cache. The first of a group is looked up in the older segments; if it is not there it is new. Ids must
 * be given in the order of first outputs over all partitions, so that is a walk over the rows at the end. Wherever
 * fingerprints agree, identities are compared. */
#include "base/cleanup.h"
#include "chain/address.h"
#include "ledger/import-int.h"

enum { AHEAD = 8, TABLE_MIN = 64, PRINT_BITS = 64 };
#define SLOT_FREE UINT32_MAX

struct intern {
	struct importer *im;
	uint32_t *slots[PARALLEL_THREADS_MAX]; /* indexes of pairs; the first of each group */
	uint64_t cap[PARALLEL_THREADS_MAX];
};

static bool same(const struct batch_identity *a, const struct batch_identity *b)
{
	return memcmp(a->payload, b->payload, sizeof(a->payload)) == 0 && a->kind == b->kind &&
	       a->len == b->len;
}

/* Id of an identity that the ledger has; 0 when it has not. */
static uint32_t older_address(const struct importer *im, uint64_t print,
			      const struct batch_identity *id)
{
	struct ledger_probe p;
	uint64_t row;

	ledger_probe_init(im->segment, im->manifest.segment_n, LEDGER_TABLE_ADDRESS, print, &p);
	while (ledger_probe_next(&p, &row)) {
		const struct ledger_address_row *a = view_address(&im->columns.v, row);

		if (a->type == id->kind && a->payload_len == id->len &&
		    memcmp(a->payload, id->payload, sizeof(a->payload)) == 0)
			return (uint32_t)row;
	}
	return 0;
}

static int slots_clear(struct intern *in, unsigned worker, uint64_t n, uint64_t *ret_mask)
{
	uint64_t size = TABLE_MIN;
	uint32_t *p;

	while (size < n * 2)
		size *= 2;
	if (size > in->cap[worker]) {
		p = reallocarray(in->slots[worker], size, sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		in->slots[worker] = p;
		in->cap[worker] = size;
	}
	memset(in->slots[worker], 0xff, size * sizeof(**in->slots));
	*ret_mask = size - 1;
	return 0;
}

/* The slot of pair i's identity: of its group's first, or free. */
static uint32_t *group_slot(const struct batch *b, uint32_t *slots, uint64_t mask,
			    const struct radix_pair *pairs, uint64_t i)
{
	uint64_t at = pairs[i].key & mask;

	for (; slots[at] != SLOT_FREE; at = (at + 1) & mask) {
		const struct radix_pair *first = &pairs[slots[at]];

		if (first->key == pairs[i].key &&
		    same(&b->identity[first->row], &b->identity[pairs[i].row]))
			break;
	}
	return &slots[at];
}

static int intern_run(void *arg, unsigned worker, uint64_t run, struct err *e)
{
	struct intern *in = arg;
	struct batch *b = &in->im->batch;
	const struct radix_pair *pairs = b->out_runs.pairs + b->out_runs.start[run];
	uint64_t n = b->out_runs.start[run + 1] - b->out_runs.start[run], mask;
	uint64_t new_n = 0, old_n = 0;

	import_trim_memory(in->im);
	if (slots_clear(in, worker, n, &mask) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (uint64_t i = 0; i < n; i++) {
		uint32_t *slot = group_slot(b, in->slots[worker], mask, pairs, i);
		uint32_t row = pairs[i].row, id;

		if (i + AHEAD < n)
			__builtin_prefetch(&b->identity[pairs[i + AHEAD].row]);
		if (*slot != SLOT_FREE) {
			b->out_ref[row] = pairs[*slot].row;
			continue;
		}
		*slot = (uint32_t)i;
		id = older_address(in->im, pairs[i].key, &b->identity[row]);
		b->out_ref[row] = row;
		b->out_address_le[row] = htole32(id);
		new_n += id == 0;
		old_n += id != 0;
	}
	b->new_n[run] = new_n;
	b->old_n[run] = old_n;
	return 0;
}

/* First outputs in the order of their rows get the next ids, all others that of their first. */
static void ids_give(struct batch *b)
{
	uint32_t next = (uint32_t)b->at.address_n;

	for (uint32_t row = 0; row < b->out_n + b->foreign_n; row++) {
		uint32_t ref = b->out_ref[row];

		if (ref == RADIX_PASS)
			continue;
		if (ref != row)
			b->out_address_le[row] = b->out_address_le[ref];
		else if (b->out_address_le[row] == 0)
			b->out_address_le[row] = htole32(next++);
	}
	for (uint32_t i = 0; i < b->foreign_n; i++)
		b->foreign[i].address_le = b->out_address_le[b->out_n + i];
}

int import_intern(struct importer *im, struct err *e)
{
	struct batch *b = &im->batch;
	struct intern in = {.im = im};
	uint64_t n = (uint64_t)b->out_n + b->foreign_n;
	int r;

	b->out_runs.bits = radix_bits(n);
	r = radix_partition(&b->out_runs, b->out_print, b->out_ref, n, PRINT_BITS, im->threads, e);
	if (r == 0)
		r = parallel_run(im->threads, UINT64_C(1) << b->out_runs.bits, intern_run, &in, e);
	for (unsigned i = 0; i < im->threads; i++)
		free(in.slots[i]);
	if (r < 0)
		return r;
	for (uint64_t run = 0; run < UINT64_C(1) << b->out_runs.bits; run++) {
		b->new_address_n += b->new_n[run];
		b->old_address_n += b->old_n[run];
	}
	if (b->at.address_n + b->new_address_n >= UINT32_MAX)
		return err_set(e, ERR_RANGE, "ledger",
			       "more addresses than the format's ids can number");
	ids_give(b);
	return 0;
}
