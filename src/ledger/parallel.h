/* SPDX-License-Identifier: Apache-2.0
 * Fork and join: numbered tasks on some threads, which end with the call. */
#ifndef LEDGER_PARALLEL_H
#define LEDGER_PARALLEL_H
#include "base/err.h"
#include <stdint.h>

enum { PARALLEL_THREADS_MAX = 64 /* LEDGER_THREADS_MAX of import.h */ };

/* One task; worker is below the number of threads, and no two tasks have the same at one time. */
typedef int parallel_fn(void *arg, unsigned worker, uint64_t task, struct err *e);
/** parallel_run - do tasks 0 to task_n - 1; they begin in this order
 * In:      threads  1 to PARALLEL_THREADS_MAX; with 1 all runs in the caller's. A thread that cannot be made is done without
 * Returns: 0; the negative result of the lowest task that failed, its words in e. Tasks behind a failed one may not have run, those
 *          before it have: so with tasks that do not depend on each other the error does not depend on the threads */
int parallel_run(unsigned threads, uint64_t task_n, parallel_fn *fn, void *arg,
		 struct err *e) WARN_UNUSED;
#endif
