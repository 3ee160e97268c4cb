/* SPDX-License-Identifier: Apache-2.0
 * The store of a watch, for `lug watch` and for the follower. */
#ifndef LUG_WATCH_SHELL_H
#define LUG_WATCH_SHELL_H
#include "lug/lug.h"
#include "store/store.h"

/* Rows for a verb's options. */
#define WATCH_STORE_OPT                                                                        \
	{                                                                                      \
		"watch", "FILE", "what is watched (default: watch.db in the ledger's folder)", \
			false, false                                                           \
	}
/** watch_store_open - the store of --watch, or watch.db beside the ledger; made when missing
 * Returns: 0; -ERR_INVAL no ledger is named; the store's */
int watch_store_open(const struct args *a, struct store **ret_s, struct err *e) WARN_UNUSED;
#endif
