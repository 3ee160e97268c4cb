/* SPDX-License-Identifier: Apache-2.0
 * Bech32 (BIP 173) and bech32m (BIP 350) as pure codecs of 5-bit groups: segwit addresses and age keys build on them. */
#ifndef BASE_BECH32_H
#define BASE_BECH32_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The checksum's constant tells the two kinds apart: the value that polymod leaves for a valid string. */
enum { BECH32_CONST = 1, BECH32M_CONST = 0x2bc830a3 };

/* Caps of this codec, of which BIP 173 uses 90 characters in all; age sets no limit of its own. */
enum {
	BECH32_HRP_MAX = 83,
	BECH32_DATA_MAX = 512,
	BECH32_CHECKSUM_LEN = 6,
	BECH32_TEXT_MAX = 83 + 1 + 512 + 6
};
/* Longest text that BIP 173 allows; addresses pass it as text_max. */
enum { BECH32_ADDRESS_MAX = 90 };

/** bech32_encode - lower-case text of a human-readable part and 5-bit groups, with its checksum
 * In:      checksum  BECH32_CONST or BECH32M_CONST
 *          hrp       1 to BECH32_HRP_MAX characters 33..126 without upper case, NUL-terminated
 *          data      data_n groups, each below 32
 * Out:     out       out_max characters with the NUL
 * Returns: characters written without the NUL; -ERR_INVAL hrp or group; -ERR_OVERSIZE */
int bech32_encode(uint32_t checksum, const char *hrp, const uint8_t *data, size_t data_n, char *out,
		  size_t out_max);

/** bech32_decode - the reverse; all lower or all upper case
 * In:      text_max  longest text to accept, at most BECH32_TEXT_MAX
 * Out:     ret_checksum  which constant holds: BECH32_CONST or BECH32M_CONST
 *          hrp       BECH32_HRP_MAX + 1 characters: the lower-case human-readable part
 *          data      [data_max] groups without the checksum; ret_data_n how many
 * Returns: 0; -ERR_FORMAT character, case, separator or length; -ERR_CHECKSUM; -ERR_OVERSIZE
 * Vectors: the lists of BIP 173 and BIP 350 */
int bech32_decode(const char *s, size_t s_len, size_t text_max, uint32_t *ret_checksum, char *hrp,
		  uint8_t *data, size_t data_max, size_t *ret_data_n);

/** bech32_from_bytes - 8-bit bytes to 5-bit groups, zero bits at the end
 * Out:     out      [out_max] groups; (len * 8 + 4) / 5 are written
 * Returns: groups written; -ERR_OVERSIZE */
int bech32_from_bytes(const uint8_t *p, size_t len, uint8_t *out, size_t out_max);

/** bech32_to_bytes - 5-bit groups to bytes; fewer than five padding bits, all of them zero
 * Returns: bytes written; -ERR_FORMAT group or padding; -ERR_OVERSIZE */
int bech32_to_bytes(const uint8_t *data, size_t data_n, uint8_t *out, size_t out_max);
#endif
