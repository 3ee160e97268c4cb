/* SPDX-License-Identifier: Apache-2.0
 * The equal-output CoinJoin rule, asked of an open ledger. The rule itself is the trace's, so that there is one. */
#include "ledger/entity.h"
#include "ledger/ledger.h"
#include "ledger/trace.h"

int ledger_tx_coinjoin(const struct ledger *l, uint32_t txnum)
{
	const struct trace_source s = trace_source_ledger(l);

	return txnum < s.tx_n ? trace_joined(&s, txnum) : 0;
}
