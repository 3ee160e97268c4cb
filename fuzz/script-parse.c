/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an output script: kind and identity fit each other, and the script of an identity is the script it came from. */
#include "chain/script.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static enum address_kind expected(enum script_kind kind)
{
	switch (kind) {
	case SCRIPT_P2PK:
	case SCRIPT_P2PKH:
		return ADDRESS_KEY;
	case SCRIPT_P2SH:
		return ADDRESS_P2SH;
	case SCRIPT_P2WPKH:
		return ADDRESS_P2WPKH;
	case SCRIPT_P2WSH:
		return ADDRESS_P2WSH;
	case SCRIPT_P2TR:
		return ADDRESS_P2TR;
	case SCRIPT_P2A:
		return ADDRESS_P2A;
	case SCRIPT_DATA:
		return ADDRESS_NONE;
	case SCRIPT_MULTISIG:
	case SCRIPT_WITNESS:
	case SCRIPT_OTHER:
		return ADDRESS_SCRIPT;
	}
	__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address a, made;
	uint8_t script[ADDRESS_SCRIPT_MAX], digest[32];
	unsigned version;
	enum script_kind kind = script_classify(data, size, &a);
	must(a.kind == expected(kind));
	must(address_make((enum address_kind)a.kind, a.payload, a.len, &made) == 0 &&
	     address_equal(&a, &made));
	must((kind == SCRIPT_WITNESS) <= script_is_witness(data, size, &version));
	int n = address_script(&a, script);
	if (n < 0) {
		must(a.kind == ADDRESS_NONE || a.kind == ADDRESS_SCRIPT);
		sha256(data, size, digest);
		must(a.kind == ADDRESS_NONE || memcmp(digest, a.payload, 32) == 0);
	} else if (kind != SCRIPT_P2PK) {
		must((size_t)n == size && memcmp(script, data, size) == 0);
	}
	return 0;
}
