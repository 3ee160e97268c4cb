/* SPDX-License-Identifier: Apache-2.0
 * Inside chain: the readers of each form of address; address_parse() chooses among them. */
#ifndef CHAIN_CHAIN_INT_H
#define CHAIN_CHAIN_INT_H
#include "chain/address.h"

/* Each reads the whole text, fills all of *ret on success, and returns what address_parse() documents. */
int address_parse_base58(const char *s, size_t len, struct address_info *ret,
			 struct err *e) WARN_UNUSED;
int address_parse_bech32(const char *s, size_t len, struct address_info *ret,
			 struct err *e) WARN_UNUSED;
int address_parse_cash(const char *s, size_t len, struct address_info *ret,
		       struct err *e) WARN_UNUSED;
int address_parse_evm(const char *s, size_t len, struct address_info *ret,
		      struct err *e) WARN_UNUSED;

/* Could this be a valid base58 address of ours? Only the checksum of what is accepted is certain; made for thousands of trials. */
bool address_base58_holds(const char *s, size_t len);

/* Does it begin with the bech32 prefix of a network of ours, any case? */
bool address_has_hrp(const char *s, size_t len);
/* 40 hex digits of an account, with the case that EIP-55 gives them. */
void address_evm_text(const uint8_t account20[static 20], char out40[static 41]);
/* Base58 of version, payload and checksum; 0 or negative. */
int address_base58_text(uint8_t version, const uint8_t *payload20, char *out,
			size_t out_max) WARN_UNUSED;
/* Sets script and identity from an output script. */
void address_info_script(struct address_info *info, const uint8_t *script, size_t len);
#endif
