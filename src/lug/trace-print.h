/* SPDX-License-Identifier: Apache-2.0
 * A trace on the terminal. */
#ifndef LUG_TRACE_PRINT_H
#define LUG_TRACE_PRINT_H
#include "lug/lug.h"

/** trace_report_print - for people: who holds it now first
 * In:      report   from trace_report_json()
 * Returns: 0; -ERR_NOMEM */
int trace_report_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
#endif
