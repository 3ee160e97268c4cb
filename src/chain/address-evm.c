/* SPDX-License-Identifier: Apache-2.0
 * EVM accounts: 40 hex digits whose letters' case is a checksum (EIP-55) when both cases occur. */
#include "base/text.h"
#include "chain/chain-int.h"
#include "crypto/crypto.h"
#include <ctype.h>

enum { DIGITS = 40, PREFIX_LEN = 2 };

/* EIP-55: a letter is upper case where the hash of the lower-case digits has a hex digit of 8 or more. */
void address_evm_text(const uint8_t account20[static 20], char out40[static 41])
{
	uint8_t digest[32];
	hex_encode(account20, 20, out40);
	keccak256(out40, DIGITS, digest);
	for (unsigned i = 0; i < DIGITS; i++) {
		unsigned nibble = digest[i / 2] >> (i % 2 ? 0 : 4) & 15;
		if (out40[i] >= 'a' && nibble >= 8)
			out40[i] = (char)(out40[i] - 32);
	}
}

int address_parse_evm(const char *s, size_t len, struct address_info *ret, struct err *e)
{
	struct address_info info = {.form = ADDRESS_HEX, .nets = NET_BIT(NET_EVM)};
	uint8_t account[20], lower = 0, upper = 0;
	if (len != PREFIX_LEN + DIGITS ||
	    hex_decode(s + PREFIX_LEN, DIGITS, account, sizeof(account)) < 0)
		return err_set(e, ERR_FORMAT, "address", "an EVM address is 0x and 40 hex digits");
	for (unsigned i = PREFIX_LEN; i < len; i++) {
		lower += s[i] >= 'a';
		upper += s[i] >= 'A' && s[i] <= 'F';
	}
	memcpy(info.text, "0x", 2);
	address_evm_text(account, info.text + PREFIX_LEN);
	if (lower && upper) {
		if (memcmp(info.text + PREFIX_LEN, s + PREFIX_LEN, DIGITS) != 0)
			return err_set(
				e, ERR_CHECKSUM, "address",
				"upper and lower case do not fit the digits (EIP-55); probably a typing error");
		info.check = ADDRESS_CHECK_EIP55;
		info.check_bits = (uint8_t)(lower + upper);
	}
	int r = address_make(ADDRESS_EVM, account, sizeof(account), &info.address);
	if (r == 0)
		*ret = info;
	return r;
}
