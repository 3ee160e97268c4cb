/* SPDX-License-Identifier: Apache-2.0
 * Hash table of an import: 32 bits of a keyed fingerprint to a row, 8 bytes a slot, with a budget. Rows are verified by the caller. */
#ifndef LEDGER_TABLE_H
#define LEDGER_TABLE_H
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct ledger_slot {
	uint32_t tag, row1; /* row + 1; 0 is free */
};
struct ledger_table {
	struct ledger_slot *slots;
	uint64_t slot_n, row_n; /* slot_n is a power of two, or 0 */
	uint64_t *budget; /* bytes that may still be taken; shared by the tables of one import */
};

/** ledger_table_init - empty; takes no memory yet. ledger_table_done - give everything back */
void ledger_table_init(struct ledger_table *t, uint64_t *budget);
void ledger_table_done(struct ledger_table *t);
/** ledger_table_reserve - room for n rows in all, at most 3/4 full
 * Returns: 0; -ERR_BUDGET with what would suffice in ret_missing (bytes beyond the budget); -ERR_NOMEM */
int ledger_table_reserve(struct ledger_table *t, uint64_t n, uint64_t *ret_missing) WARN_UNUSED;
/** ledger_table_put - add a row; room must be there */
void ledger_table_put(struct ledger_table *t, uint32_t tag, uint32_t row);

/** ledger_table_start - first slot of a tag; ledger_table_find - the next row with this tag from *at on, which then names its slot
 * Returns: false at the end; *at is then to be forgotten. After true, go on with *at + 1 */
static inline uint64_t ledger_table_start(const struct ledger_table *t, uint32_t tag)
{
	return t->slot_n ? tag & (t->slot_n - 1) : 0;
}
static inline bool ledger_table_find(const struct ledger_table *t, uint32_t tag, uint64_t *at,
				     uint32_t *ret_row)
{
	if (!t->slot_n)
		return false;
	for (uint64_t i = *at & (t->slot_n - 1);; i = (i + 1) & (t->slot_n - 1)) {
		struct ledger_slot s = t->slots[i];

		if (s.row1 == 0)
			return false;
		if (s.tag == tag) {
			*at = i;
			*ret_row = s.row1 - 1;
			return true;
		}
	}
}
static inline void ledger_table_prefetch(const struct ledger_table *t, uint32_t tag)
{
	if (t->slot_n)
		__builtin_prefetch(&t->slots[tag & (t->slot_n - 1)]);
}
#endif
