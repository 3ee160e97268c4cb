/* SPDX-License-Identifier: Apache-2.0
 * Hash table of an import: open addressing with linear probing.
 *
 * A slot's place comes from the low bits of the 32-bit tag that it stores, so growing needs no key: it walks the old slots
 * in order, which fills the new ones nearly in order too. */
#include "ledger/table.h"
#include <string.h>
#include <sys/mman.h>

enum { TABLE_SLOTS_MIN = 1024 };

void ledger_table_init(struct ledger_table *t, uint64_t *budget)
{
	*t = (struct ledger_table){.budget = budget};
}

void ledger_table_done(struct ledger_table *t)
{
	if (t->slots)
		munmap(t->slots, t->slot_n * sizeof(*t->slots));
	if (t->budget)
		*t->budget += t->slot_n * sizeof(*t->slots);
	*t = (struct ledger_table){.budget = t->budget};
}

static void slots_put(struct ledger_slot *slots, uint64_t slot_n, struct ledger_slot s)
{
	uint64_t i = s.tag & (slot_n - 1);

	while (slots[i].row1)
		i = (i + 1) & (slot_n - 1);
	slots[i] = s;
}

int ledger_table_reserve(struct ledger_table *t, uint64_t n, uint64_t *ret_missing)
{
	uint64_t slot_n = t->slot_n ? t->slot_n : TABLE_SLOTS_MIN;
	struct ledger_slot *slots;
	uint64_t bytes;

	while (slot_n / 4 * 3 < n)
		slot_n *= 2;
	if (slot_n == t->slot_n)
		return 0;
	bytes = slot_n * sizeof(*slots);
	if (bytes > *t->budget) {
		*ret_missing = bytes - *t->budget;
		return -ERR_BUDGET;
	}
	slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		return -ERR_NOMEM;
	(void)madvise(slots, bytes, MADV_HUGEPAGE); /* only a hint */
	for (uint64_t i = 0; i < t->slot_n; i++)
		if (t->slots[i].row1)
			slots_put(slots, slot_n, t->slots[i]);
	if (t->slots)
		munmap(t->slots, t->slot_n * sizeof(*slots));
	*t->budget = *t->budget + t->slot_n * sizeof(*slots) - bytes;
	t->slots = slots;
	t->slot_n = slot_n;
	return 0;
}

void ledger_table_put(struct ledger_table *t, uint32_t tag, uint32_t row)
{
	slots_put(t->slots, t->slot_n, (struct ledger_slot){tag, row + 1});
	t->row_n++;
}
