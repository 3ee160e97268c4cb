/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an audit entry: what is accepted is written again as the same bytes. */
#include "audit/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_entry entry;
	struct err e = {0};
	int r = audit_entry_parse(data, size, &entry, &e);
	if (r < 0) {
		if (e.code != r || !e.message[0])
			__builtin_trap();
		return 0;
	}
	struct buf b;
	buf_init(&b, AUDIT_ENTRY_MAX);
	if (audit_entry_write(&entry, &b) < 0 || b.len != size || memcmp(b.p, data, size) != 0)
		__builtin_trap();
	buf_done(&b);
	return 0;
}
