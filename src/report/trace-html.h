/* SPDX-License-Identifier: Apache-2.0
 * The parts of a trace's page that are not text: its style, and the picture of the flow. */
#ifndef REPORT_TRACE_HTML_H
#define REPORT_TRACE_HTML_H
#include "base/buf.h"
#include "base/json.h"

/** trace_html_style - the style sheet */
void trace_html_style(struct buf *out);
/** trace_html_flow - the section with the SVG of the graph, its legend and the limits in force; nothing without a graph
 * In:      paper    the picture brings its own style: for programs that make paper of it */
void trace_html_flow(const json_t *report, bool paper, struct buf *out);
#endif
