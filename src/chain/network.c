/* SPDX-License-Identifier: Apache-2.0
 * The table of networks: constants of each chain's reference node (chainparams.cpp of Bitcoin Core, Litecoin Core, Bitcoin Cash
 * Node), CAIP-2 ids of the namespaces bip122 and eip155, coin types of SLIP-44. The unit test hashes the genesis headers. */
#include "chain/network.h"
#include <stdio.h>

/* In the order of enum net. */
static const struct network networks[NET_N] = {
	[NET_BITCOIN] = {.name = "bitcoin",
			 .title = "Bitcoin",
			 .ticker = "BTC",
			 .caip2 = "bip122:000000000019d6689c085ae165831e93",
			 .caip19 = "bip122:000000000019d6689c085ae165831e93/slip44:0",
			 .genesis =
				 "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
			 .magic4 = {0xf9, 0xbe, 0xb4, 0xd9},
			 .wire4 = {0xf9, 0xbe, 0xb4, 0xd9},
			 .pow = NET_POW_SHA256D,
			 .limit_bits = 0x1d00ffff,
			 .decimals = 8,
			 .key_version = 0x00,
			 .script_version = {0x05, -1},
			 .secret_version = 0x80,
			 .hrp = "bc"},
	[NET_TESTNET3] =
		{.name = "testnet3",
		 .title = "Bitcoin testnet3",
		 .ticker = "tBTC",
		 .test = true,
		 .caip2 = "bip122:000000000933ea01ad0ee984209779ba",
		 .caip19 = "bip122:000000000933ea01ad0ee984209779ba/slip44:1",
		 .genesis = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
		 .magic4 = {0x0b, 0x11, 0x09, 0x07},
		 .wire4 = {0x0b, 0x11, 0x09, 0x07},
		 .pow = NET_POW_SHA256D,
		 .limit_bits = 0x1d00ffff,
		 .decimals = 8,
		 .key_version = 0x6f,
		 .script_version = {0xc4, -1},
		 .secret_version = 0xef,
		 .hrp = "tb"},
	[NET_TESTNET4] =
		{.name = "testnet4",
		 .title = "Bitcoin testnet4",
		 .ticker = "tBTC",
		 .test = true,
		 .caip2 = "bip122:00000000da84f2bafbbc53dee25a72ae",
		 .caip19 = "bip122:00000000da84f2bafbbc53dee25a72ae/slip44:1",
		 .genesis = "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
		 .magic4 = {0x1c, 0x16, 0x3f, 0x28},
		 .wire4 = {0x1c, 0x16, 0x3f, 0x28},
		 .pow = NET_POW_SHA256D,
		 .limit_bits = 0x1d00ffff,
		 .decimals = 8,
		 .key_version = 0x6f,
		 .script_version = {0xc4, -1},
		 .secret_version = 0xef,
		 .hrp = "tb"},
	[NET_SIGNET] = {.name = "signet",
			.title = "Bitcoin signet",
			.ticker = "sBTC",
			.test = true,
			.caip2 = "bip122:00000008819873e925422c1ff0f99f7c",
			.caip19 = "bip122:00000008819873e925422c1ff0f99f7c/slip44:1",
			.genesis =
				"00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
			.magic4 = {0x0a, 0x03, 0xcf, 0x40},
			.wire4 = {0x0a, 0x03, 0xcf, 0x40},
			.pow = NET_POW_SHA256D,
			.limit_bits = 0x1e0377ae,
			.decimals = 8,
			.key_version = 0x6f,
			.script_version = {0xc4, -1},
			.secret_version = 0xef,
			.hrp = "tb"},
	[NET_REGTEST] = {.name = "regtest",
			 .title = "Bitcoin regtest",
			 .ticker = "rBTC",
			 .test = true,
			 .caip2 = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328",
			 .caip19 = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:1",
			 .genesis =
				 "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
			 .magic4 = {0xfa, 0xbf, 0xb5, 0xda},
			 .wire4 = {0xfa, 0xbf, 0xb5, 0xda},
			 .pow = NET_POW_SHA256D,
			 .limit_bits = 0x207fffff,
			 .decimals = 8,
			 .key_version = 0x6f,
			 .script_version = {0xc4, -1},
			 .secret_version = 0xef,
			 .hrp = "bcrt"},
	[NET_LITECOIN] =
		{.name = "litecoin",
		 .title = "Litecoin",
		 .ticker = "LTC",
		 .caip2 = "bip122:12a765e31ffd4059bada1e25190f6e98",
		 .caip19 = "bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2",
		 .genesis = "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2",
		 .magic4 = {0xfb, 0xc0, 0xb6, 0xdb},
		 .wire4 = {0xfb, 0xc0, 0xb6, 0xdb},
		 .pow = NET_POW_SCRYPT,
		 .limit_bits = 0x1e0fffff,
		 .decimals = 8,
		 .key_version = 0x30,
		 .script_version = {0x32, 0x05},
		 .secret_version = 0xb0,
		 .hrp = "ltc"},
	[NET_LITECOIN_TESTNET] =
		{.name = "litecoin-testnet",
		 .title = "Litecoin testnet",
		 .ticker = "tLTC",
		 .test = true,
		 .caip2 = "bip122:4966625a4b2851d9fdee139e56211a0d",
		 .caip19 = "bip122:4966625a4b2851d9fdee139e56211a0d/slip44:1",
		 .genesis = "4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0",
		 .magic4 = {0xfd, 0xd2, 0xc8, 0xf1},
		 .wire4 = {0xfd, 0xd2, 0xc8, 0xf1},
		 .pow = NET_POW_SCRYPT,
		 .limit_bits = 0x1e0fffff,
		 .decimals = 8,
		 .key_version = 0x6f,
		 .script_version = {0x3a, 0xc4},
		 .secret_version = 0xef,
		 .hrp = "tltc"},
	/* A fork names itself by its first own block, 478559, since it shares the genesis block. */
	[NET_BITCOIN_CASH] =
		{.name = "bitcoin-cash",
		 .title = "Bitcoin Cash",
		 .ticker = "BCH",
		 .caip2 = "bip122:000000000000000000651ef99cb9fcbe",
		 .caip19 = "bip122:000000000000000000651ef99cb9fcbe/slip44:145",
		 .genesis = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
		 .magic4 = {0xf9, 0xbe, 0xb4, 0xd9},
		 .wire4 = {0xe3, 0xe1, 0xf3, 0xe8},
		 .pow = NET_POW_SHA256D,
		 .limit_bits = 0x1d00ffff,
		 .decimals = 8,
		 .key_version = 0x00,
		 .script_version = {0x05, -1},
		 .secret_version = 0x80,
		 .cash_prefix = "bitcoincash"},
	[NET_BITCOIN_CASH_TESTNET] =
		{.name = "bitcoin-cash-testnet",
		 .title = "Bitcoin Cash testnet",
		 .ticker = "tBCH",
		 .test = true,
		 .caip2 = "bip122:00000000000e38fef93ed9582a7df438",
		 .caip19 = "bip122:00000000000e38fef93ed9582a7df438/slip44:1",
		 .genesis = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
		 .magic4 = {0x0b, 0x11, 0x09, 0x07},
		 .wire4 = {0xf4, 0xe5, 0xf3, 0xf4},
		 .pow = NET_POW_SHA256D,
		 .limit_bits = 0x1d00ffff,
		 .decimals = 8,
		 .key_version = 0x6f,
		 .script_version = {0xc4, -1},
		 .secret_version = 0xef,
		 .cash_prefix = "bchtest"},
	[NET_EVM] = {.name = "ethereum",
		     .title = "Ethereum (EVM)",
		     .ticker = "ETH",
		     .caip2 = "eip155:1",
		     .caip19 = "eip155:1/slip44:60",
		     .pow = NET_POW_NONE,
		     .decimals = 18,
		     .key_version = -1,
		     .script_version = {-1, -1},
		     .secret_version = -1},
};

const struct network *network_get(enum net net)
{
	return &networks[net < NET_N ? net : NET_BITCOIN];
}

enum net network_net(const struct network *n)
{
	return (enum net)(n - networks);
}

const struct network *network_find(const char *name)
{
	for (unsigned i = 0; i < NET_N; i++) {
		const struct network *n = &networks[i];
		if (strcmp(n->name, name) == 0 || strcmp(n->caip2, name) == 0 ||
		    (!n->test && strcmp(n->ticker, name) == 0))
			return n;
	}
	return NULL;
}

const struct network *network_by_magic(const uint8_t magic4[static 4])
{
	for (unsigned i = 0; i < NET_N; i++)
		if (networks[i].genesis && memcmp(networks[i].magic4, magic4, 4) == 0)
			return &networks[i];
	return NULL;
}

const char *network_names(uint32_t nets, char out[static NET_NAMES_MAX])
{
	size_t len = 0;
	snprintf(out, NET_NAMES_MAX, "-");
	for (unsigned i = 0; i < NET_N; i++)
		if (nets & NET_BIT(i))
			len += (size_t)snprintf(out + len, NET_NAMES_MAX - len, "%s%s",
						len ? ", " : "", networks[i].name);
	return out;
}
