/* SPDX-License-Identifier: Apache-2.0
 * A finished trace as JSON for programs, as pages for people, and as CSV. Amounts are exact: decimal strings in base units in
 * JSON and CSV, coins with all decimals for people. */
#ifndef LUG_TRACE_REPORT_H
#define LUG_TRACE_REPORT_H
#include "ledger/trace.h"
#include "lug/lug.h"

struct ledger;
struct labels;

struct trace_report {
	const struct ledger *ledger;
	const struct labels *labels; /* never NULL; may be empty */
	const struct trace_params *params;
	const struct trace *trace;
	uint64_t limit; /* rows of each list */
	uint64_t after; /* outputs: begin at this index */
};

/** trace_report_json - the answer
 * Out:     ret      new reference: program, network, asset, decimals, ticker, tip_height, tip, height, direction, policy, fees, engine, stops,
 *                   partial, sums {seeds, overlap, spread, fees, minted and each end}, conserved, outputs_n,
 *                   holders [{address, unspent, stopped, received, outputs, labels}] and holders_n,
 *                   labels [{label, category, actor, received, unspent, stopped, outputs, path}],
 *                   outputs [{index, output, value, tainted, address, height, time, end, hops, parent, labels}] and next
 * Returns: 0; -ERR_NOMEM; -ERR_CORRUPT */
int trace_report_json(const struct trace_report *t, json_t **ret, struct err *e) WARN_UNUSED;
/** trace_assets_add - add "request_assets": of the outputs listed, those still unspent, labelled ones first and then the larger, at most
 *                    16, as asset blocks of a request (docs/protocol/request.md), which `lug request new --assets` takes
 * In:      report   from trace_report_json
 * Returns: 0; -ERR_NOMEM */
int trace_assets_add(json_t *report, struct err *e) WARN_UNUSED;
/** trace_report_print - for people: who holds it now first */
int trace_report_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
/** trace_report_csv - all reached outputs on stdout (RFC 4180), a header line first
 * Returns: 0; -ERR_IO; -ERR_CORRUPT */
int trace_report_csv(const struct trace_report *t, struct err *e) WARN_UNUSED;

/** trace_labelled - is an address id labelled? For trace_params.stop with a struct trace_report as its context */
bool trace_labelled(void *report, uint32_t address);
#endif
