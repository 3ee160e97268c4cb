/* SPDX-License-Identifier: Apache-2.0
 * An open ledger as the source of a trace. */
#include "ledger/ledger.h"
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
	};
}
