/* SPDX-License-Identifier: Apache-2.0
 * Whom an output pays: the script's identity, behind what some networks put before the script. */
#include "base/cursor.h"
#include "chain/address.h"
#include "chain/script.h"
#include "chain/tx.h"
#include "ledger/ledger-int.h"

/* CHIP-2022-02-CashTokens: an output's script field may begin with 0xef, 32 bytes of category, a byte that tells what follows
 * (a commitment, an amount), and those. Where this is not well formed nodes take all as the script. */
static size_t token_prefix_len(const uint8_t *p, size_t len)
{
	enum { PREFIX = 0xef, CATEGORY_LEN = 32, COMMITMENT = 0x40, NFT = 0x20, AMOUNT = 0x10 };
	struct cur c = cur_init(p, len);
	uint8_t bits;

	if (cur_u8(&c) != PREFIX)
		return 0;
	(void)cur_bytes(&c, CATEGORY_LEN);
	bits = cur_u8(&c);
	if (bits & COMMITMENT)
		(void)cur_bytes(&c, (size_t)size_read(&c));
	if (bits & AMOUNT)
		(void)size_read(&c);
	return c.error || !(bits & (NFT | AMOUNT)) ? 0 : c.pos;
}

void ledger_identity(enum net net, const uint8_t *script, size_t len, struct address *ret)
{
	bool tokens = net == NET_BITCOIN_CASH || net == NET_BITCOIN_CASH_TESTNET;
	size_t skip = tokens ? token_prefix_len(script, len) : 0;

	(void)script_classify(script + skip, len - skip, ret);
}
