/* SPDX-License-Identifier: Apache-2.0
 * Cashaddr of Bitcoin Cash as a pure codec: prefix, type and hash, with a 40-bit checksum. */
#ifndef CHAIN_CASHADDR_H
#define CHAIN_CASHADDR_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum {
	CASHADDR_PREFIX_MAX = 20,
	CASHADDR_HASH_MAX = 64,
	CASHADDR_TYPE_MAX = 15,
	CASHADDR_CHECKSUM_LEN = 8,
	CASHADDR_TEXT_MAX =
		20 + 1 + 112 +
		1, /* prefix, colon, (1 + 64) bytes and checksum in groups of five bits, NUL */
};

/** cashaddr_encode - lower-case text with its prefix
 * In:      prefix   lower-case letters
 *          type     0 to CASHADDR_TYPE_MAX
 *          len      20, 24, 28, 32, 40, 48, 56 or 64
 * Out:     out      CASHADDR_TEXT_MAX
 * Returns: characters without the NUL; -ERR_INVAL */
int cashaddr_encode(const char *prefix, unsigned type, const uint8_t *hash, size_t len,
		    char out[static CASHADDR_TEXT_MAX]);
/** cashaddr_decode - the reverse; all lower or all upper case
 * In:      s        with or without a prefix
 *          prefix   to expect: it must be the one of s where s has one
 * Out:     hash     CASHADDR_HASH_MAX
 * Returns: 0; -ERR_FORMAT; -ERR_NETWORK another prefix; -ERR_CHECKSUM
 * Vectors: the tables of the specification (spec/cashaddr.md of Bitcoin Cash) */
int cashaddr_decode(const char *s, size_t s_len, const char *prefix, unsigned *ret_type,
		    uint8_t *hash, size_t *ret_len) WARN_UNUSED;
#endif
