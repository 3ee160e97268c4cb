/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the text of a receipt: what is accepted is written back byte by byte, and keeps the rules between its fields. */
#include "wire/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct receipt r;
	struct buf b;
	struct err e = {0};
	int code = receipt_decode((const char *)data, size, &r, &e);
	if (code < 0) {
		if (e.code != code || !e.field[0])
			__builtin_trap();
		return 0;
	}
	buf_init(&b, NOTE_TEXT_MAX);
	if (receipt_encode(&r, &b) < 0 || b.len != size || memcmp(b.p, data, size) != 0)
		__builtin_trap();
	if ((r.kind == RECEIPT_REFUSED) != !!r.reason[0] || strcmp(r.from, r.to) == 0 ||
	    receipt_number(r.kind) > 4)
		__builtin_trap();
	buf_done(&b);
	return 0;
}
