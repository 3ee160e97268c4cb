/* SPDX-License-Identifier: Apache-2.0
 * What the node noted about the blocks of a batch, compared with what was derived from the chain.
 *
 * For an output that lies before the ledger's first block the node's note is the only source: there it is taken over.
 * Records of one file are looked for in the order of the blocks, so a thread takes the blocks of one file. */
#include "base/cleanup.h"
#include "ledger/import-int.h"
#include <inttypes.h>

struct undo_run {
	struct importer *im;
	struct undo_file **files; /* those that blocks of the batch belong to, each once */
	uint64_t file_n;
	struct blkfiles reader[PARALLEL_THREADS_MAX]; /* descriptors of its own for each thread */
	struct buf bytes[PARALLEL_THREADS_MAX];
	atomic_uint_fast64_t found_n, missing_n;
};

static int undo_differs(const struct importer *im, const struct batch_block *b, uint32_t tx,
			uint32_t in, const char *what, struct err *e)
{
	return import_corrupt(im, b->node, e,
			      "rev%05" PRIu32 ".dat notes another %s for input %" PRIu32
			      " of transaction %" PRIu32,
			      b->node->file, what, in, tx);
}

static void foreign_tell(struct importer *im, uint64_t o, const struct undo_output *u)
{
	struct batch *b = &im->batch;
	uint64_t i = o - LEDGER_FOREIGN_BASE - b->at.foreign_n, row = b->out_n + i;
	struct batch_identity *id = &b->identity[row];

	b->foreign[i].value_le = htole64(u->value);
	b->foreign[i].flags_le = htole32(LEDGER_FOREIGN_KNOWN);
	if (u->address.kind == ADDRESS_NONE)
		return;
	*id = (struct batch_identity){.kind = u->address.kind, .len = u->address.len};
	memcpy(id->payload, u->address.payload, sizeof(id->payload));
	b->out_ref[row] = (uint32_t)row;
	b->out_print[row] = ledger_fingerprint_address(im->key16, u->address.kind,
						       u->address.payload, u->address.len);
}

static bool same_identity(const struct importer *im, uint64_t o, const struct address *a)
{
	const struct batch *b = &im->batch;
	const struct ledger_view *v = &im->columns.v;

	if (o >= b->at.output_n) {
		const struct batch_identity *id = &b->identity[o - b->at.output_n];

		return id->kind == a->kind && memcmp(id->payload, a->payload, 32) == 0;
	}
	const struct ledger_address_row *row =
		view_address(v, view_u32(v, LEDGER_COL_OUT_ADDRESS, o));
	return row->type == a->kind && memcmp(row->payload, a->payload, 32) == 0;
}

/* Height, counted from the ledger's first block, and whether a coinbase: of the transaction that made what row i spends. */
static uint32_t maker_of(const struct importer *im, uint32_t i, bool *ret_coinbase)
{
	const struct batch *b = &im->batch;
	uint32_t tx = b->in_tx[i];

	if (tx < b->at.tx_n) {
		*ret_coinbase = view_tx_coinbase(&im->columns.v, tx);
		return (uint32_t)ledger_block_of_tx(&im->columns.v, tx);
	}
	tx -= (uint32_t)b->at.tx_n;
	*ret_coinbase = batch_in_n(b, tx) == 0;
	return (uint32_t)(b->at.block_n + (uint64_t)(batch_block_of(b, tx) - b->blocks));
}

static int undo_compare(struct importer *im, const struct batch_block *b, uint32_t tx, uint32_t row,
			const struct undo_output *u, struct err *e)
{
	uint64_t o = ledger_load40(im->batch.in_out40 + (uint64_t)row * 5);
	uint32_t in = row - im->batch.tx_first_in[tx], height;
	bool coinbase;

	tx -= b->first_tx;
	if (o >= LEDGER_FOREIGN_BASE) {
		foreign_tell(im, o, u);
		return 0;
	}
	if (import_out_value(im, o) != u->value)
		return undo_differs(im, b, tx, in, "amount", e);
	if (!same_identity(im, o, &u->address))
		return undo_differs(im, b, tx, in, "script", e);
	if (u->height == 0)
		return 0;
	height = maker_of(im, row, &coinbase);
	if (u->coinbase != coinbase || (!im->partial && u->height != height))
		return undo_differs(im, b, tx, in, "height", e);
	return 0;
}

static int undo_walk(struct importer *im, const struct batch_block *b, struct cur *c, struct err *e)
{
	const struct batch *x = &im->batch;
	enum net net = network_net(im->network);

	if (undo_count_read(c, b->tx_n - 1) != b->tx_n - 1)
		return import_corrupt(im, b->node, e,
				      "rev%05" PRIu32 ".dat counts other transactions",
				      b->node->file);
	for (uint32_t tx = b->first_tx + 1; tx < b->first_tx + b->tx_n; tx++) {
		if (undo_count_read(c, batch_in_n(x, tx)) != batch_in_n(x, tx))
			return undo_differs(im, b, tx - b->first_tx, 0, "number of inputs", e);
		for (uint32_t row = x->tx_first_in[tx]; row < x->tx_first_in[tx + 1]; row++) {
			struct undo_output u;
			int r = undo_output_read(c, net, &u);

			if (r == 0)
				r = undo_compare(im, b, tx, row, &u, e);
			else
				r = import_corrupt(im, b->node, e,
						   "rev%05" PRIu32 ".dat: malformed record",
						   b->node->file);
			if (r < 0)
				return r;
		}
	}
	return cur_end(c) < 0
		       ? import_corrupt(im, b->node, e, "rev%05" PRIu32 ".dat: trailing bytes",
					b->node->file)
		       : 0;
}

static int undo_block(struct undo_run *run, unsigned worker, struct undo_file *u,
		      const struct batch_block *b, struct err *e)
{
	struct importer *im = run->im;
	struct buf *bytes = &run->bytes[worker];
	struct cur c;
	int r = undo_file_find(u, &run->reader[worker], b->node->prev32, bytes, e);

	if (r == 0 && im->batch.at.block_n + (uint64_t)(b - im->batch.blocks) > 0)
		atomic_fetch_add(&run->missing_n, 1);
	if (r <= 0)
		return r;
	c = cur_init(bytes->p, bytes->len);
	r = undo_walk(im, b, &c, e);
	if (r == 0)
		atomic_fetch_add(&run->found_n, 1);
	return r;
}

static int undo_task(void *arg, unsigned worker, uint64_t task, struct err *e)
{
	struct undo_run *run = arg;
	struct importer *im = run->im;
	struct undo_file *u = run->files[task];
	int r = 0;

	if (!u->opened)
		r = undo_file_open(u, &run->reader[worker], u->number, im->network->magic4, e);
	for (uint32_t i = 0; r == 0 && u->present && i < im->batch.block_n; i++)
		if (im->batch.blocks[i].node->file == u->number)
			r = undo_block(run, worker, u, &im->batch.blocks[i], e);
	return r < 0 ? r : 0;
}

void import_undos_done(struct importer *im)
{
	for (size_t i = 0; im->undos && i < im->undo_from->file_n; i++)
		undo_file_done(&im->undos[i]);
	free(im->undos);
	im->undos = NULL;
}

/* The undo files of the batch's blocks. All stay listed: blocks near the end of a file alternate with those of the next. */
static int files_list(struct undo_run *run, struct err *e)
{
	struct importer *im = run->im;
	size_t file_n = im->undo_from->file_n;

	if (!im->undos)
		im->undos = calloc(file_n, sizeof(*im->undos));
	run->files = calloc(file_n, sizeof(*run->files));
	if (!im->undos || !run->files)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (uint32_t i = 0; i < im->batch.block_n; i++) {
		uint32_t number = im->batch.blocks[i].node->file;
		size_t at = blkfiles_index(im->undo_from, number);
		bool known = at == file_n;

		for (uint64_t k = run->file_n; !known && k-- > 0;)
			known = run->files[k] == &im->undos[at];
		if (known)
			continue;
		if (!im->undos[at].opened)
			im->undos[at].number = number;
		run->files[run->file_n++] = &im->undos[at];
	}
	return 0;
}

int import_undo(struct importer *im, struct err *e)
{
	struct undo_run run = {.im = im};
	int r;

	if (!im->undo_from)
		return 0;
	for (unsigned i = 0; i < im->threads; i++) {
		run.reader[i] = *im->undo_from;
		run.reader[i].fd[0] = run.reader[i].fd[1] = -1;
		buf_init(&run.bytes[i], (size_t)512 << 20);
	}
	r = files_list(&run, e);
	if (r == 0)
		r = parallel_run(im->threads, run.file_n, undo_task, &run, e);
	for (unsigned i = 0; i < im->threads; i++) {
		closep(&run.reader[i].fd[0]);
		closep(&run.reader[i].fd[1]);
		buf_done(&run.bytes[i]);
	}
	free(run.files);
	im->undo_n += atomic_load(&run.found_n);
	im->undo_missing_n += atomic_load(&run.missing_n);
	return r;
}
