/* SPDX-License-Identifier: Apache-2.0
 * Segwit addresses (BIP 173, BIP 350) over the bech32 codec, and Bitcoin Cash addresses over cashaddr. */
#include "base/bech32.h"
#include "chain/cashaddr.h"
#include "chain/chain-int.h"
#include "chain/script.h"
#include <stdio.h>
#include <strings.h>

enum {
	VERSION_MAX = 16,
	PROGRAM_MIN = 2,
	PROGRAM_MAX = 40,
	OP_1 = 0x51,
	CASH_TYPE_KEY = 0,
	CASH_TYPE_SCRIPT = 1,
	CASH_TYPE_TOKEN = 2, /* added to the type: the wallet also takes tokens; the same address */
};

void address_info_script(struct address_info *info, const uint8_t *script, size_t len)
{
	(void)script_classify(script, len, &info->address);
	memcpy(info->script, script, len);
	info->script_len = (uint8_t)len;
}

bool address_has_hrp(const char *s, size_t len)
{
	for (unsigned i = 0; i < NET_N; i++) {
		const char *hrp = network_get(i)->hrp;
		size_t n = hrp ? strlen(hrp) : 0;
		if (n && len > n && s[n] == '1' && strncasecmp(s, hrp, n) == 0)
			return true;
	}
	return false;
}

static uint32_t nets_of(const char *hrp)
{
	uint32_t nets = 0;
	for (unsigned i = 0; i < NET_N; i++)
		if (network_get(i)->hrp && strcmp(network_get(i)->hrp, hrp) == 0)
			nets |= NET_BIT(i);
	return nets;
}

/* BIP 350: version 0 with bech32, later versions with bech32m. */
static int program_check(unsigned version, int len, uint32_t checksum, struct err *e)
{
	if (version > VERSION_MAX || len < PROGRAM_MIN || len > PROGRAM_MAX ||
	    (version == 0 && len != 20 && len != 32))
		return err_set(
			e, ERR_FORMAT, "address",
			"the checksum holds, but there is no witness version %u with %d bytes",
			version, len);
	if (checksum != (version == 0 ? BECH32_CONST : BECH32M_CONST))
		return err_set(e, ERR_CHECKSUM, "address",
			       "version %u needs the checksum of bech32%s, this has the other one",
			       version, version == 0 ? "" : "m");
	return 0;
}

static void lower_copy(const char *s, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
	out[len] = '\0';
}

static int refuse_text(int code, struct err *e)
{
	if (code == -ERR_CHECKSUM)
		return err_set(
			e, code, "address",
			"the checksum of this bech32 text is wrong; probably a typing error");
	return err_set(
		e, ERR_FORMAT, "address",
		"not bech32: a character that does not occur there, both cases, or too short or long");
}

int address_parse_bech32(const char *s, size_t len, struct address_info *ret, struct err *e)
{
	struct address_info info = {.check = ADDRESS_CHECK_30_BIT, .check_bits = 30};
	char hrp[BECH32_HRP_MAX + 1];
	uint8_t data[BECH32_ADDRESS_MAX], script[ADDRESS_SCRIPT_MAX + 16];
	uint32_t checksum = 0;
	size_t n = 0;
	int r = bech32_decode(s, len, BECH32_ADDRESS_MAX, &checksum, hrp, data, sizeof(data), &n);
	if (r < 0)
		return refuse_text(r, e);
	info.nets = nets_of(hrp);
	if (!info.nets)
		return err_set(e, ERR_NETWORK, "address",
			       "bech32 of \"%.24s\", which is no network known here", hrp);
	int program_len =
		n ? bech32_to_bytes(data + 1, n - 1, script + 2, sizeof(script) - 2) : -ERR_FORMAT;
	if (program_len < 0)
		return refuse_text(program_len, e);
	r = program_check(data[0], program_len, checksum, e);
	if (r < 0)
		return r;
	script[0] = data[0] ? (uint8_t)(OP_1 + data[0] - 1) : 0;
	script[1] = (uint8_t)program_len;
	info.form = data[0] ? ADDRESS_BECH32M : ADDRESS_BECH32;
	address_info_script(&info, script, 2 + (size_t)program_len);
	lower_copy(s, len, info.text);
	*ret = info;
	return 0;
}

/* Fills identity, script and text from a decoded cashaddr. */
static int cash_fill(const char *prefix, unsigned type, const uint8_t *hash, size_t len,
		     struct address_info *info)
{
	char text[CASHADDR_TEXT_MAX];
	uint8_t script[3 + 32 + 2];
	if (type >= CASH_TYPE_TOKEN)
		type -= CASH_TYPE_TOKEN;
	if (type > CASH_TYPE_SCRIPT || (len != 20 && !(type == CASH_TYPE_SCRIPT && len == 32)))
		return -ERR_UNSUPPORTED;
	int r = cashaddr_encode(prefix, type, hash, len, text);
	if (r < 0)
		return r;
	memcpy(info->text, text, (size_t)r + 1);
	if (len == 32) { /* P2SH32: OP_HASH256 push OP_EQUAL */
		script[0] = 0xaa;
		script[1] = 32;
		memcpy(script + 2, hash, 32);
		script[34] = 0x87;
		address_info_script(info, script, 35);
		return 0;
	}
	r = address_make(type == CASH_TYPE_KEY ? ADDRESS_KEY : ADDRESS_P2SH, hash, 20,
			 &info->address);
	if (r == 0)
		info->script_len = (uint8_t)address_script(&info->address, info->script);
	return r;
}

int address_parse_cash(const char *s, size_t len, struct address_info *ret, struct err *e)
{
	struct address_info info = {
		.form = ADDRESS_CASH, .check = ADDRESS_CHECK_40_BIT, .check_bits = 40};
	uint8_t hash[CASHADDR_HASH_MAX];
	size_t hash_len = 0;
	unsigned type = 0;
	int worst = -ERR_NETWORK;
	for (unsigned i = 0; i < NET_N; i++) {
		const char *prefix = network_get(i)->cash_prefix;
		int r = prefix ? cashaddr_decode(s, len, prefix, &type, hash, &hash_len)
			       : -ERR_NETWORK;
		if (r == 0) {
			info.nets = NET_BIT(i);
			r = cash_fill(prefix, type, hash, hash_len, &info);
			if (r == 0)
				*ret = info;
			else
				(void)err_set(
					e, r, "address",
					"a cashaddr of type %u with %zu bytes is not supported",
					type, hash_len);
			return r;
		}
		if (r != -ERR_NETWORK)
			worst = r;
	}
	if (worst == -ERR_CHECKSUM)
		return err_set(e, worst, "address",
			       "the checksum of this cashaddr is wrong; probably a typing error");
	return err_set(e, ERR_FORMAT, "address", "not an address of any form known here");
}
