/* SPDX-License-Identifier: Apache-2.0
 * A finished trace as an answer: JSON, and made from that JSON, so that all say the same, GraphViz and one self-contained HTML page;
 * CSV of everything that was reached. Each names ledger height, block hash, policy, parameters and program version. Amounts
 * are exact: decimal strings in base units in JSON and CSV, coins with all decimals for people. */
#ifndef REPORT_TRACE_REPORT_H
#define REPORT_TRACE_REPORT_H
#include "base/buf.h"
#include "base/json.h"
#include "ledger/trace.h"
#include <stdio.h>

struct entities;
struct ledger;
struct labels;

/* ---- seeds ---- */

enum { TRACE_SEEDS_MAX = 10000000 };
struct trace_seeds {
	uint64_t *p;
	size_t n, cap;
};
/** trace_seeds_add - what a text names, as outputs to begin at: "TXID:N", "TXID" (all of its outputs), an address (all that paid it), or
 * "entity:ADDRESS" (all that paid any address of its entity)
 * In:      x        entities; NULL: "entity:" is refused
 * Returns: 0; -ERR_FORMAT none of these; -ERR_CHECKSUM, -ERR_NETWORK of an address; -ERR_NOENT not in this ledger; -ERR_RANGE no
 *          such output; -ERR_UNSUPPORTED no entities; -ERR_OVERSIZE more than TRACE_SEEDS_MAX; -ERR_NOMEM; -ERR_CORRUPT */
int trace_seeds_add(struct trace_seeds *s, const struct ledger *l, const struct entities *x,
		    const char *text, struct err *e) WARN_UNUSED;
void trace_seeds_done(struct trace_seeds *s);

/* ---- stops at addresses ---- */

/* For trace_params.stop, with this as its context. */
struct trace_stops {
	const struct ledger *ledger;
	const struct labels *labels;	 /* NULL: no stop at labels */
	const struct entities *entities; /* NULL: no stop at large entities */
	uint64_t entity_max;		 /* addresses; a larger entity stops */
};
enum trace_end trace_stop_at(void *stops, uint32_t address);

/* ---- the answer ---- */

struct trace_report {
	const struct ledger *ledger;
	const struct labels *labels;	 /* never NULL; may be empty */
	const struct entities *entities; /* NULL: none are shown */
	const struct trace_params *params;
	const struct trace *trace;
	uint64_t limit; /* rows of each list */
	uint64_t after; /* outputs: begin at this index */
	uint32_t boxes; /* of the graph, at most GRAPH_SHOWN_MAX; 0: none is made */
};
enum { TRACE_PATH_SHOWN_MAX = 200, TRACE_NEAREST_MAX = 10 };

/** trace_report_json - the answer
 * Out:     ret      new reference: program, network, asset, decimals, ticker, tip_height, tip, height, direction, policy, fees, engine,
 *                   stops, partial, sums {seeds, overlap, spread, fees, minted and each end}, conserved, seeds_n, outputs_n,
 *                   transactions_followed,
 *                   cut [{reason, outputs, amount}]: why the trace did not go on, where it could have,
 *                   holders [{address, entity, unspent, stopped, received, outputs, labels}] and holders_n,
 *                   labels [{label, category, actor, set, received, unspent, stopped, outputs, addresses, hops, shortest, largest}],
 *                   shortest and largest being paths [{output, tainted, address, height, time}] from a seed to the label's output with
 *                   fewest hops and to that with the largest amount, at most TRACE_PATH_SHOWN_MAX of it before its end,
 *                   nearest [index in labels] the known services by hops, then amount; those labels have rank, from 1,
 *                   entities [{entity, address, addresses, reached, received, unspent, stopped, outputs, hops}] and entities_n (null without),
 *                   outputs [{index, output, value, tainted, address, height, time, end, hops, parent, labels}] and next,
 *                   graph (when boxes > 0) {width, height, grouped, nodes [{kind, text, note, end, labelled, count, amount, x, y,
 *                   width, height, column, row}], edges [{from, to, from_text, to_text, amount, count, curve [8], outputs [{index,
 *                   output, tainted, from}] (the first 5 where both ends are shown)}]}: docs in trace-graph.c; relations, the same of parties
 *                   instead of transactions, whose nodes have addresses (how many)
 * Returns: 0; -ERR_NOMEM; -ERR_CORRUPT */
int trace_report_json(const struct trace_report *t, json_t **ret, struct err *e) WARN_UNUSED;
/** trace_assets_add - add "request_assets": of the outputs listed, those still unspent, labelled ones first and then the larger, at most
 *                    16, as asset blocks of a request (docs/protocol/request.md), which `lug request new --assets` takes
 * In:      report   from trace_report_json
 * Returns: 0; -ERR_NOMEM */
int trace_assets_add(json_t *report, struct err *e) WARN_UNUSED;
/** trace_report_csv - all reached outputs (RFC 4180): comment lines beginning with "#" that name the trace, a header line, then a
 * line each
 * Returns: 0; -ERR_IO; -ERR_CORRUPT */
int trace_report_csv(const struct trace_report *t, FILE *out, struct err *e) WARN_UNUSED;

/** trace_report_dot - the graph of a report for GraphViz
 * trace_report_svg - the picture by itself; nothing without a graph
 * trace_report_paper - as trace_report_html, for a program that makes PDF of it: wide pages, one light style
 * trace_report_html - the whole of it as one page: no script, nothing loaded, light and dark, printable
 * In:      report   from trace_report_json, with a graph
 * Out:     out      text is appended; an error of the buffer sticks there */
void trace_report_dot(const json_t *report, struct buf *out);
void trace_report_html(const json_t *report, struct buf *out);
void trace_report_svg(const json_t *report, struct buf *out);
void trace_report_paper(const json_t *report, struct buf *out);
#endif
