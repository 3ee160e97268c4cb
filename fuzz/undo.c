/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: undo bytes of a block, as a node's rev file holds them.
 * Property: what is read is an amount that can exist and a well-formed identity; a failure stays in the cursor. */
#include "ledger/undo.h"
#include "chain/amount.h"
#include "crypto/crypto.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct undo_output *o)
{
	struct address a;

	if (o->value > SAT_MAX)
		abort();
	if (o->address.kind != ADDRESS_NONE &&
	    (address_make((enum address_kind)o->address.kind, o->address.payload, o->address.len,
			  &a) < 0 ||
	     !address_equal(&a, &o->address)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_init(data, size);
	uint64_t tx_n;

	if (crypto_start() < 0)
		abort();
	tx_n = undo_count_read(&c, 1000);
	for (uint64_t i = 0; i < tx_n && !c.error; i++) {
		uint64_t in_n = undo_count_read(&c, 1000);

		for (uint64_t k = 0; k < in_n && !c.error; k++) {
			struct undo_output o;
			int r = undo_output_read(&c, NET_BITCOIN, &o);

			if ((r < 0) != (c.error < 0))
				abort();
			if (r == 0)
				check(&o);
		}
	}
	return 0;
}
