/* SPDX-License-Identifier: Apache-2.0
 * An open ledger as the source of a trace. */
#include "ledger/ledger-int.h"
#include "ledger/trace.h"

static void source_tx(const void *l, uint32_t txnum, struct trace_tx *ret)
{
	ret->first_out = ledger_first_out(l, txnum);
	ret->first_in = ledger_first_in(l, txnum);
	ret->out_n = (uint32_t)(ledger_first_out(l, txnum + 1) - ret->first_out);
	ret->in_n = (uint32_t)(ledger_first_in(l, txnum + 1) - ret->first_in);
}

static void source_block(const void *l, uint32_t txnum, struct trace_block *ret)
{
	struct ledger_block b;
	ret->height = ledger_tx_height(l, txnum);
	if (ledger_block_at(l, ret->height, &b) < 0)
		b = (struct ledger_block){.first_tx = txnum, .tx_n = 1};
	ret->first_tx = b.first_tx;
	ret->tx_n = b.tx_n;
}

static uint64_t source_in_output(const void *l, uint64_t input)
{
	return ledger_in_output(l, input);
}

static uint64_t source_out_value(const void *l, uint64_t output)
{
	return ledger_out_value(l, output);
}

static uint32_t source_out_address(const void *l, uint64_t output)
{
	return ledger_out_address(l, output);
}

static uint32_t source_out_spender(const void *l, uint64_t output)
{
	return ledger_out_spender(l, output);
}

static uint32_t source_out_tx(const void *l, uint64_t output)
{
	return ledger_out_tx(l, output);
}

static bool source_out_known(const void *l, uint64_t output)
{
	return ledger_out_known(l, output);
}

/* Ends of rows from a column of bases and deltas; the first row of the batch is 0. */
static int read_ends(const struct ledger_view *v, bool ins, const struct trace_batch *b,
		     uint64_t first, uint32_t *end)
{
	uint64_t at = first;
	for (uint32_t k = 0; k < b->tx_n; k++) {
		uint64_t tx = (uint64_t)b->first_tx + k + 1,
			 next = ins ? view_first_in(v, tx) : view_first_out(v, tx);
		if (next < at || next - at > TRACE_ROWS_MAX)
			return -ERR_CORRUPT;
		end[k] = (uint32_t)(next - first);
		at = next;
	}
	return 0;
}

static int read_inputs(const struct ledger *l, struct trace_batch *b, uint64_t first_in)
{
	const struct ledger_view *v = &l->v;
	const uint8_t *in = v->col[LEDGER_COL_IN_OUTPUT] + first_in * 5;
	uint32_t n = b->in_end[b->tx_n - 1];
	uint64_t *o = b->in_output, bad = 0;
	for (uint32_t i = 0; i < n; i++) {
		o[i] = ledger_load40(in + (size_t)i * 5);
		bad |= o[i] >= v->counts.output_n;
	}
	/* A row of its own each: the processor has many of them under way. */
	for (uint32_t i = 0; !bad && i < n; i++)
		b->in_value[i] = view_u64(v, LEDGER_COL_VALUE, o[i]);
	for (uint32_t i = 0; bad && i < n; i++) {
		if (ledger_in_output(l, first_in + i) == LEDGER_OUTPUT_NONE)
			return -ERR_CORRUPT;
		b->in_value[i] =
			ledger_out_known(l, o[i]) ? ledger_out_value(l, o[i]) : TRACE_VALUE_UNKNOWN;
	}
	return 0;
}

static int source_read(const void *ctx, struct trace_batch *b)
{
	const struct ledger *l = ctx;
	const struct ledger_view *v = &l->v;
	uint64_t end = (uint64_t)b->first_tx + b->tx_n, in = view_first_in(v, b->first_tx),
		 in_end = view_first_in(v, end), out_end = view_first_out(v, end);
	b->first_out = view_first_out(v, b->first_tx);
	if (in_end < in || out_end < b->first_out)
		return -ERR_CORRUPT;
	int r = trace_batch_room(b, b->tx_n, in_end - in, out_end - b->first_out);
	if (r == 0)
		r = read_ends(v, true, b, in, b->in_end);
	if (r == 0)
		r = read_ends(v, false, b, b->first_out, b->out_end);
	if (r == 0)
		r = read_inputs(l, b, in);
	for (uint64_t o = b->first_out; r == 0 && o < out_end; o++) {
		uint32_t spender = view_u32(v, LEDGER_COL_OUT_SPENDER, o);
		b->out_value[o - b->first_out] = view_u64(v, LEDGER_COL_VALUE, o);
		b->out_spender[o - b->first_out] = spender < v->counts.tx_n ? spender : 0;
	}
	return r;
}

struct trace_source trace_source_ledger(const struct ledger *l)
{
	const struct ledger_info *info = ledger_info(l);
	return (struct trace_source){
		.ctx = l,
		.tx_n = (uint32_t)info->tx_n,
		.output_n = info->output_n,
		.foreign_n = info->foreign_n,
		.foreign_base = LEDGER_FOREIGN_BASE,
		.tx = source_tx,
		.block = source_block,
		.in_output = source_in_output,
		.out_value = source_out_value,
		.out_address = source_out_address,
		.out_spender = source_out_spender,
		.out_tx = source_out_tx,
		.out_known = source_out_known,
		.read = source_read,
	};
}
