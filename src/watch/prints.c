/* SPDX-License-Identifier: Apache-2.0
 * A set of addresses in 64 bits each: keyed fingerprints in an open table. A hit is a hint, looked up in the store. */
#include "crypto/crypto.h"
#include "watch/watch-int.h"
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024 };

size_t address_bytes(const struct address *a, uint8_t out[static ADDRESS_BYTES_MAX])
{
	out[0] = a->kind;
	memcpy(out + 1, a->payload, a->len);
	return 1 + (size_t)a->len;
}

static uint64_t print_of(const struct prints *p, const void *bytes, size_t len)
{
	uint64_t v = siphash24(p->key16, bytes, len);

	return v ? v : 1;
}

static uint64_t slot_of(const struct prints *p, uint64_t print)
{
	uint64_t i = print & (p->slot_n - 1);

	while (p->slots[i] && p->slots[i] != print)
		i = (i + 1) & (p->slot_n - 1);
	return i;
}

static int prints_grow(struct prints *p)
{
	struct prints grown = *p;

	grown.slot_n = p->slot_n ? p->slot_n * 2 : SLOTS_FIRST;
	grown.slots = calloc(grown.slot_n, sizeof(*grown.slots));
	if (!grown.slots)
		return -ERR_NOMEM;
	for (uint64_t i = 0; i < p->slot_n; i++)
		if (p->slots[i])
			grown.slots[slot_of(&grown, p->slots[i])] = p->slots[i];
	free(p->slots);
	*p = grown;
	return 0;
}

int prints_add(struct prints *p, const void *bytes, size_t len)
{
	uint64_t print = print_of(p, bytes, len), i;
	int r = p->n >= p->slot_n / 4 * 3 ? prints_grow(p) : 0;

	if (r < 0)
		return r;
	i = slot_of(p, print);
	p->n += p->slots[i] == 0;
	p->slots[i] = print;
	return 0;
}

bool prints_has(const struct prints *p, const void *bytes, size_t len)
{
	return p->n > 0 && p->slots[slot_of(p, print_of(p, bytes, len))] != 0;
}

void prints_done(struct prints *p)
{
	free(p->slots);
	p->slots = NULL;
	p->slot_n = p->n = 0;
}
