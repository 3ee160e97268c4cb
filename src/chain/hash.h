/* SPDX-License-Identifier: Apache-2.0
 * Hashes of blocks and transactions as people write them: hex of the stored bytes in reverse. */
#ifndef CHAIN_HASH_H
#define CHAIN_HASH_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { HASH_LEN = 32, HASH_TEXT_MAX = 65 };

/** hash_text - 64 lower-case hex digits of a hash in stored order, NUL behind */
const char *hash_text(const uint8_t hash32[static 32], char out[static HASH_TEXT_MAX]);
/** hash_parse - the reverse, upper or lower case
 * Returns: 0; -ERR_FORMAT */
int hash_parse(const char *s, size_t len, uint8_t ret_hash32[static 32]) WARN_UNUSED;
#endif
