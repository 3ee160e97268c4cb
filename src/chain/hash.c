/* SPDX-License-Identifier: Apache-2.0
 * Hashes as people write them. */
#include "chain/hash.h"
#include "base/text.h"

static void reverse(const uint8_t in32[static 32], uint8_t out32[static 32])
{
	for (unsigned i = 0; i < HASH_LEN; i++)
		out32[i] = in32[HASH_LEN - 1 - i];
}

const char *hash_text(const uint8_t hash32[static 32], char out[static HASH_TEXT_MAX])
{
	uint8_t shown[HASH_LEN];
	reverse(hash32, shown);
	hex_encode(shown, sizeof(shown), out);
	return out;
}

int hash_parse(const char *s, size_t len, uint8_t ret_hash32[static 32])
{
	uint8_t shown[HASH_LEN];
	int r = hex_decode(s, len, shown, sizeof(shown));
	if (r == 0)
		reverse(shown, ret_hash32);
	return r;
}
