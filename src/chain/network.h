/* SPDX-License-Identifier: Apache-2.0
 * Networks: what tells the chains apart on disk, on the wire and in addresses. One row each; sets of them are bit masks. */
#ifndef CHAIN_NETWORK_H
#define CHAIN_NETWORK_H
#include "chain/u256.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum net {
	NET_BITCOIN,
	NET_TESTNET3,
	NET_TESTNET4,
	NET_SIGNET,
	NET_REGTEST,
	NET_LITECOIN,
	NET_LITECOIN_TESTNET,
	NET_BITCOIN_CASH,
	NET_BITCOIN_CASH_TESTNET,
	NET_EVM, /* Ethereum, and every chain that shares its addresses */
	NET_N,
};
#define NET_BIT(net) (UINT32_C(1) << (net))
enum { NET_NAMES_MAX = 256 };

enum net_pow { NET_POW_SHA256D, NET_POW_SCRYPT, NET_POW_NONE };

struct network {
	const char *name;   /* as in options: "bitcoin", "testnet4" */
	const char *title;  /* for people: "Bitcoin", "Bitcoin testnet4" */
	const char *ticker; /* "BTC" */
	const char *caip2;  /* chain id: "bip122:000000000019d6689c085ae165831e93" */
	const char *caip19; /* its own coin: caip2 + "/slip44:0" */
	uint8_t decimals;   /* of the base unit */
	bool test;	    /* coins without value */

	uint8_t magic4[4]; /* before each block in a node's block files; zeros when it has none */
	uint8_t wire4
		[4]; /* before each message between nodes; differs from magic4 on Bitcoin Cash */
	enum net_pow pow;
	uint32_t limit_bits; /* the easiest target, as nBits */
	const char *genesis; /* hash of block 0, as people write it; NULL for EVM */

	int16_t key_version;	   /* base58check of a key hash; -1 when it has none */
	int16_t script_version[2]; /* of a script hash: the first is written, both are read */
	int16_t secret_version;	   /* of a private key (WIF) */
	const char *hrp;	   /* bech32; NULL */
	const char *cash_prefix;   /* cashaddr; NULL */
};

/** network_get - the row; never NULL for a value of the enum */
const struct network *network_get(enum net net);
/** network_net - which one a row is */
enum net network_net(const struct network *n);
/** network_find - by name ("bitcoin"), CAIP-2 id or ticker of a main network
 * network_by_magic - by magic4 of block files; of several with the same (Bitcoin and Bitcoin Cash) the first
 * Returns: the row or NULL */
const struct network *network_find(const char *name);
const struct network *network_by_magic(const uint8_t magic4[static 4]);
/** network_names - "bitcoin, testnet3" of a set; "-" when empty */
const char *network_names(uint32_t nets, char out[static NET_NAMES_MAX]);
#endif
