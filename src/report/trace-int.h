/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files that make a trace's answer. */
#ifndef REPORT_TRACE_INT_H
#define REPORT_TRACE_INT_H
#include "ledger/label.h"
#include "report/report.h"
#include "report/trace-report.h"

/* Rows as JSON; NULL when out of memory or damaged. */
json_t *json_outpoint(const struct ledger *l, uint64_t id);
/** labels_of - what is said about an address id
 * Returns: how many were written, at most max */
size_t labels_of(const struct ledger *l, const struct labels *labels, uint32_t id,
		 struct label *ret, size_t max);

/** trace_labels_add - labels and nearest; trace_entities_add - entities and entities_n; trace_graph_add - graph and relations
 * Returns: 0; -ERR_NOMEM; -ERR_CORRUPT */
int trace_labels_add(const struct trace_report *t, const struct trace_holder *h, uint32_t n,
		     json_t *j) WARN_UNUSED;
int trace_entities_add(const struct trace_report *t, const struct trace_holder *h, uint32_t n,
		       json_t *j) WARN_UNUSED;
int trace_graph_add(const struct trace_report *t, json_t *j) WARN_UNUSED;

/** text_html - text for HTML, also inside of quotes: control and direction characters become U+FFFD
 * text_dot - for a quoted string of GraphViz. text_csv - a quoted field; one that a spreadsheet would take for a formula gets a "'" */
void text_html(struct buf *out, const char *s);
void text_dot(struct buf *out, const char *s);
void text_csv(struct buf *out, const char *s);
#endif
