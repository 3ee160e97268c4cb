/* SPDX-License-Identifier: Apache-2.0
 * lug audit verify FILE: a case file checked and shown. */
#ifndef LUG_CASE_REPORT_H
#define LUG_CASE_REPORT_H
#include "lug/lug.h"

/** case_report_run - check a case file against the options --governor and --witnesses, and say what it shows
 * Returns: 0; -ERR_INVAL no governor, no number; as case_verify, file_read, lug_print_json */
int case_report_run(struct lug *l, const struct args *a, const char *path,
		    struct err *e) WARN_UNUSED;
#endif
