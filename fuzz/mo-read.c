/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a catalogue: what is accepted can be looked up by every id that it lists, and gives that id's text. */
#include "lang/mo.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mo mo;
	struct err e = {0};
	int r = mo_open(data, size, &mo, &e);
	if (r < 0) {
		if (e.code != r || !e.message[0])
			__builtin_trap();
		return 0;
	}
	for (uint32_t i = 0; i < mo.n; i++) {
		const char *text = mo_find(&mo, mo_id(&mo, i));
		if (mo_text(&mo, i)[0] ? text != mo_text(&mo, i) : text != NULL)
			__builtin_trap();
	}
	return 0;
}
