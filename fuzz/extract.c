/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a text: finds lie in order inside the text, addresses read again, what is certain has a checksum, and no private key is
 * copied. A list too short says so and begins alike. */
#include "screen/extract.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 64, FEW = 2 };

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void check_item(const struct extract_item *it, size_t size)
{
	struct address_info again;
	must(it->len > 0 && it->off <= size && it->len <= size - it->off);
	switch (it->kind) {
	case EXTRACT_ADDRESS:
		must(address_parse(it->address.text, strlen(it->address.text), &again, NULL) == 0);
		must(address_equal(&again.address, &it->address.address));
		must(it->nets && (it->nets & ~it->address.nets) == 0);
		must((it->certainty == EXTRACT_CERTAIN) ==
		     (it->address.check_bits >= 30 && it->address.check != ADDRESS_CHECK_EIP55));
		break;
	case EXTRACT_TX:
	case EXTRACT_BLOCK:
		must(it->certainty != EXTRACT_CERTAIN && strlen(it->text) >= 64);
		break;
	case EXTRACT_SECRET:
		must(it->text[0] == 0 && it->code == -ERR_SECRET);
		break;
	case EXTRACT_LOOKALIKE:
		must(it->code < 0 && it->reason[0] && it->certainty != EXTRACT_CERTAIN);
		must(address_parse(it->text, strlen(it->text), &again, NULL) < 0 ||
		     it->guess_n == 0);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct extract_item items[MAX], few[FEW];
	struct extract_stats st, st_few;
	if (crypto_start() < 0 || extract(data, size, items, MAX, &st, NULL) < 0)
		return 0;
	must(st.n <= MAX && st.damaged_n <= size);
	for (size_t i = 0; i < st.n; i++) {
		check_item(&items[i], size);
		must(i == 0 || items[i].off >= items[i - 1].off + items[i - 1].len);
	}
	must(extract(data, size, few, FEW, &st_few, NULL) == 0);
	must(st_few.n == (st.n < FEW ? st.n : FEW) && st_few.more == (st.n > FEW));
	for (size_t i = 0; i < st_few.n; i++)
		must(few[i].off == items[i].off && few[i].kind == items[i].kind);
	return 0;
}
