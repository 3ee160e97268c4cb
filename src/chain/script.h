/* SPDX-License-Identifier: Apache-2.0
 * Output scripts: what kind they are and whom they pay. */
#ifndef CHAIN_SCRIPT_H
#define CHAIN_SCRIPT_H
#include "chain/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum script_kind {
	SCRIPT_P2PK,
	SCRIPT_P2PKH,
	SCRIPT_P2SH,
	SCRIPT_P2WPKH,
	SCRIPT_P2WSH,
	SCRIPT_P2TR,
	SCRIPT_P2A,
	SCRIPT_MULTISIG,
	SCRIPT_DATA,	/* OP_RETURN: never spendable, nobody's */
	SCRIPT_WITNESS, /* a witness version or length without rules yet */
	SCRIPT_OTHER,
};

/** script_classify - kind and identity of an output script
 * Out:     ret      ADDRESS_NONE for SCRIPT_DATA
 * Cost:    no hash for the templates with a hash in them; HASH160 for P2PK; SHA-256 for what is known by its digest only
 * Source:  Bitcoin Core script/solver.cpp for the templates; BIP 16, 141, 341 */
enum script_kind script_classify(const uint8_t *script, size_t len, struct address *ret);
/** script_is_witness - a witness program: version 0 to 16 and 2 to 40 bytes */
bool script_is_witness(const uint8_t *script, size_t len, unsigned *ret_version);
#endif
