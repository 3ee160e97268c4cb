/* SPDX-License-Identifier: Apache-2.0
 * What the node noted about a block, compared with what was derived from the chain.
 *
 * For an output that lies before the ledger's first block the node's note is the only source: there it is taken over. */
#include "ledger/import-int.h"
#include <inttypes.h>

static int undo_differs(const struct importer *im, const struct import_work *w, uint32_t tx,
			uint32_t in, const char *what, struct err *e)
{
	return import_corrupt(im, w->node, e,
			      "rev%05" PRIu32 ".dat notes another %s for input %" PRIu32
			      " of transaction %" PRIu32,
			      w->node->file, what, in, tx);
}

static void foreign_tell(struct importer *im, uint64_t o, const struct undo_output *u)
{
	struct ledger_columns_file *c = &im->columns;
	struct ledger_foreign_row *row = (void *)view_foreign(&c->v, o - LEDGER_FOREIGN_BASE);

	if (u->address.kind != ADDRESS_NONE)
		row->address_le = htole32(
			import_address(im, &u->address, import_address_print(im, &u->address), o));
	row->value_le = htole64(u->value);
	row->flags_le = htole32(LEDGER_FOREIGN_KNOWN);
	c->v.counts.unknown_n--;
}

static int undo_compare(struct importer *im, const struct import_work *w, uint32_t tx, uint32_t in,
			uint64_t o, const struct undo_output *u, struct err *e)
{
	const struct ledger_view *v = &im->columns.v;
	uint32_t id, prev;

	if (o >= LEDGER_FOREIGN_BASE) {
		foreign_tell(im, o, u);
		return 0;
	}
	id = view_u32(v, LEDGER_COL_OUT_ADDRESS, o);
	if (view_u64(v, LEDGER_COL_VALUE, o) != u->value)
		return undo_differs(im, w, tx, in, "amount", e);
	if (view_address(v, id)->type != u->address.kind ||
	    memcmp(view_address(v, id)->payload, u->address.payload, 32) != 0)
		return undo_differs(im, w, tx, in, "script", e);
	if (u->height == 0)
		return 0;
	prev = ledger_tx_of_output(v, o);
	if (u->coinbase != view_tx_coinbase(v, prev) ||
	    (!im->partial && u->height != ledger_block_of_tx(v, prev)))
		return undo_differs(im, w, tx, in, "height", e);
	return 0;
}

static int undo_walk(struct importer *im, const struct import_work *w, struct cur *c, struct err *e)
{
	const struct ledger_view *v = &im->columns.v;
	uint64_t row = v->counts.input_n - w->in_n;

	if (undo_count_read(c, w->tx_n - 1) != w->tx_n - 1)
		return import_corrupt(im, w->node, e,
				      "rev%05" PRIu32 ".dat counts other transactions",
				      w->node->file);
	for (uint32_t i = 1; i < w->tx_n; i++) {
		if (undo_count_read(c, w->txs[i].in_n) != w->txs[i].in_n)
			return undo_differs(im, w, i, 0, "number of inputs", e);
		for (uint32_t k = 0; k < w->txs[i].in_n; k++, row++) {
			uint64_t o = ledger_load40(v->col[LEDGER_COL_IN_OUTPUT] + row * 5);
			struct undo_output u;
			int r = undo_output_read(c, &u);

			if (r == 0)
				r = undo_compare(im, w, i, k, o, &u, e);
			else
				r = import_corrupt(im, w->node, e,
						   "rev%05" PRIu32 ".dat: malformed record",
						   w->node->file);
			if (r < 0)
				return r;
		}
	}
	return cur_end(c) < 0
		       ? import_corrupt(im, w->node, e, "rev%05" PRIu32 ".dat: trailing bytes",
					w->node->file)
		       : 0;
}

/* The undo file that belongs to a block file. All stay listed: blocks near the end of a file alternate with those of the next. */
static int undo_of(struct importer *im, uint32_t number, struct undo_file **ret, struct err *e)
{
	size_t i = blkfiles_index(&im->files, number);

	*ret = NULL;
	if (!im->undos)
		im->undos = calloc(im->files.file_n, sizeof(*im->undos));
	if (!im->undos)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (i == im->files.file_n)
		return 0;
	*ret = &im->undos[i];
	if ((*ret)->opened)
		return 0;
	return undo_file_open(*ret, &im->files, number, im->network->magic4, e);
}

void import_undos_done(struct importer *im)
{
	for (size_t i = 0; im->undos && i < im->files.file_n; i++)
		undo_file_done(&im->undos[i]);
	free(im->undos);
	im->undos = NULL;
}

int import_undo_check(struct importer *im, const struct import_work *w, struct err *e)
{
	struct undo_file *u;
	struct cur c;
	int r;

	if (im->opt->ignore_undo)
		return 0;
	r = undo_of(im, w->node->file, &u, e);
	if (r < 0 || !u || !u->present)
		return r;
	r = undo_file_find(u, &im->files, w->node->prev32, &im->scratch.undo, e);
	if (r <= 0) {
		im->result->undo_missing_n += r == 0 && im->columns.v.counts.block_n > 1;
		return r;
	}
	c = cur_init(im->scratch.undo.p, im->scratch.undo.len);
	r = undo_walk(im, w, &c, e);
	if (r == 0)
		im->result->undo_n++;
	return r;
}
