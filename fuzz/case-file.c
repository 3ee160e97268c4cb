/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a case file, trusted with the governors that it names itself: what is accepted is accepted again when its JSON is written
 * anew, and refused without governors. */
#include "crypto/crypto.h"
#include "exchange/case.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The governors of the first members note, so that what lies behind the first signature is reached. */
static size_t governors_of(const json_t *o, struct note_verifier *ret)
{
	static struct directory_members m;
	const json_t *first = json_array_get(json_object_get(o, "members"), 0);
	const char *text = json_string_value(first);
	struct note n;
	if (!text || note_parse(text, json_string_length(first), &n, NULL) < 0 ||
	    directory_members_decode(n.p, n.text_len, &m, NULL) < 0)
		return 0;
	memcpy(ret, m.governors, m.governors_n * sizeof(*ret));
	return m.governors_n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct note_verifier governors[DIRECTORY_GOVERNORS_MAX];
	struct case_report one, two;
	json_t *o = json_loadb((const char *)data, size, 0, NULL);
	if (crypto_start() < 0)
		return 0;
	size_t n = governors_of(o, governors);
	if (case_verify(data, size, governors, n, 0, &one, NULL) == 0) {
		char *text = json_dumps(o, JSON_COMPACT);
		memset(&two, 0, sizeof(two));
		if (!text || case_verify(text, strlen(text), governors, n, 0, &two, NULL) < 0 ||
		    one.messages != two.messages || one.entries != two.entries ||
		    case_verify(text, strlen(text), NULL, 0, 0, &two, NULL) == 0)
			__builtin_trap();
		free(text);
	}
	json_decref(o);
	return 0;
}
