/* SPDX-License-Identifier: Apache-2.0
 * Difficulty rules of the networks, as Bitcoin Core has them (pow.cpp, BIP 94). */
#include "follow/tree.h"

enum {
	PERIOD = 2016, /* blocks between two adjustments */
	SPAN_S = 14 * 24 * 3600,
	EASY_AFTER_S = 20 * 60, /* test networks: then the easiest target will do */
};

/* What differs between the networks whose rules are known. */
static const struct rule {
	enum net net;
	bool constant, easy, first_bits;
} rules[] = {
	{NET_BITCOIN, false, false, false}, {NET_TESTNET3, false, true, false},
	{NET_TESTNET4, false, true, true},  {NET_SIGNET, false, false, false},
	{NET_REGTEST, true, false, false},
};

static const struct rule *rule_of(const struct network *n)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].net == network_net(n))
			return &rules[i];
	return NULL;
}

bool rules_known(const struct network *n)
{
	return rule_of(n) != NULL;
}

/* The short form of a target, rounded down as it always is. */
static uint32_t target_bits(const struct u256 *t)
{
	uint8_t be32[32];
	uint32_t mantissa = 0;
	int size = 32;

	for (int i = 0; i < 32; i++)
		be32[i] = (uint8_t)(t->w[3 - i / 8] >> (56 - 8 * (i % 8)));
	while (size > 0 && be32[32 - size] == 0)
		size--;
	for (int i = 0; i < 3; i++)
		mantissa = mantissa << 8 | (i < size ? be32[32 - size + i] : 0);
	if (mantissa & 0x800000) { /* the sign's place */
		mantissa >>= 8;
		size++;
	}
	return (uint32_t)size << 24 | mantissa;
}

uint32_t rules_retarget(const struct network *n, uint32_t bits, int64_t span_s)
{
	struct u256 target, limit, product = {{0}}, whole = {{SPAN_S}};
	unsigned __int128 carry = 0;

	if (span_s < SPAN_S / 4)
		span_s = SPAN_S / 4;
	if (span_s > (int64_t)SPAN_S * 4)
		span_s = (int64_t)SPAN_S * 4;
	if (block_target(bits, &target) < 0 || block_target(n->limit_bits, &limit) < 0)
		return n->limit_bits;
	for (int i = 0; i < 4; i++) {
		carry += (unsigned __int128)target.w[i] * (uint64_t)span_s;
		product.w[i] = (uint64_t)carry;
		carry >>= 64;
	}
	target = u256_div(&product, &whole);
	return target_bits(u256_cmp(&target, &limit) > 0 ? &limit : &target);
}

/* Test networks: what counts is the last block that did not take the easy way. */
static uint32_t last_hard_bits(const struct tree *t, uint32_t node)
{
	while (t->nodes[node].height % PERIOD != 0 && t->nodes[node].bits == t->network->limit_bits)
		node = t->nodes[node].parent;
	return t->nodes[node].bits;
}

uint32_t rules_bits(const struct tree *t, uint32_t parent, uint32_t time_s)
{
	const struct rule *rule = rule_of(t->network);
	const struct tree_node *p = &t->nodes[parent];
	const struct tree_node *first;

	if (rule->constant)
		return p->bits;
	if ((p->height + 1) % PERIOD != 0) {
		if (!rule->easy)
			return p->bits;
		if (time_s > (uint64_t)p->time_s + EASY_AFTER_S)
			return t->network->limit_bits;
		return last_hard_bits(t, parent);
	}
	first = &t->nodes[tree_back(t, parent, PERIOD - 1)];
	return rules_retarget(t->network, rule->first_bits ? first->bits : p->bits,
			      (int64_t)p->time_s - first->time_s);
}
