/* SPDX-License-Identifier: Apache-2.0
 * The tree of headers: nodes in an array, found by a keyed hash; the best chain beside it as one node a height.
 *
 * Invariants: a parent stands before its children; chain[h] is the ancestor at height h of the node with most work, of equal ones
 * the first added; a stored node's parent is stored. */
#include "follow/tree.h"
#include "chain/hash.h"
#include "crypto/crypto.h"
#include "follow/follow.h"
#include <stdlib.h>
#include <string.h>

enum { MEDIAN_N = 11, CAP_FIRST = 1024 };

/* ---- finding ---- */

static uint32_t slot_of(const struct tree *t, const uint8_t *hash32)
{
	uint32_t mask = t->slot_n - 1;
	uint32_t i = (uint32_t)siphash24(t->key16, hash32, 32) & mask;

	while (t->slots[i] && memcmp(t->nodes[t->slots[i] - 1].hash32, hash32, 32) != 0)
		i = (i + 1) & mask;
	return i;
}

uint32_t tree_find(const struct tree *t, const uint8_t hash32[static 32])
{
	uint32_t at = t->slots[slot_of(t, hash32)];

	return at ? at - 1 : TREE_NONE;
}

/* ---- room ---- */

static int slots_grow(struct tree *t)
{
	uint32_t *old = t->slots;

	t->slots = calloc((size_t)t->cap * 2, sizeof(*t->slots));
	if (!t->slots) {
		t->slots = old;
		return -ERR_NOMEM;
	}
	t->slot_n = t->cap * 2;
	for (uint32_t i = 0; i < t->n; i++)
		t->slots[slot_of(t, t->nodes[i].hash32)] = i + 1;
	free(old);
	return 0;
}

static int nodes_room(struct tree *t)
{
	struct tree_node *p;

	if (t->n < t->cap)
		return 0;
	p = realloc(t->nodes, (size_t)t->cap * 2 * sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	t->nodes = p;
	t->cap *= 2;
	if (slots_grow(t) == 0)
		return 0;
	t->cap /= 2;
	return -ERR_NOMEM;
}

/* ---- the best chain ---- */

uint32_t tree_best(const struct tree *t)
{
	return t->chain[t->chain_n - 1];
}

bool tree_on_chain(const struct tree *t, uint32_t node)
{
	uint32_t h = t->nodes[node].height;

	return h < t->chain_n && t->chain[h] == node;
}

static int chain_turn(struct tree *t, uint32_t node)
{
	uint32_t n = t->nodes[node].height + 1;

	if (n > t->chain_cap) {
		uint32_t *p = realloc(t->chain, (size_t)n * 2 * sizeof(*p));

		if (!p)
			return -ERR_NOMEM;
		t->chain = p;
		t->chain_cap = n * 2;
	}
	for (uint32_t at = node, h = n; h-- > 0; at = t->nodes[at].parent) {
		if (h < t->chain_n && t->chain[h] == at)
			break;
		t->chain[h] = at;
	}
	t->chain_n = n;
	return 0;
}

bool tree_more_work(const struct tree *t, uint32_t a, uint32_t b)
{
	if (a == TREE_NONE || b == TREE_NONE)
		return a != TREE_NONE;
	return u256_cmp(&t->nodes[a].work, &t->nodes[b].work) > 0;
}

void tree_stored(struct tree *t, uint32_t node)
{
	t->nodes[node].stored = true;
	if (tree_more_work(t, node, t->tip))
		t->tip = node;
}

uint32_t tree_back(const struct tree *t, uint32_t node, uint32_t steps)
{
	while (steps > 0 && t->nodes[node].height > 0) {
		if (tree_on_chain(t, node)) {
			uint32_t h = t->nodes[node].height;

			return t->chain[h > steps ? h - steps : 0];
		}
		node = t->nodes[node].parent;
		steps--;
	}
	return node;
}

/* The lowest height on the best chain, at or below `top`, that is not stored; top + 1 when all are. */
static uint32_t chain_first_missing(const struct tree *t, uint32_t top)
{
	uint32_t low = 0, high = top + 1;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (t->nodes[t->chain[mid]].stored)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t tree_missing(const struct tree *t, uint32_t to, uint32_t *nodes, uint32_t max)
{
	uint32_t joint = to, side_n, n = 0;

	while (!tree_on_chain(t, joint) && !t->nodes[joint].stored)
		joint = t->nodes[joint].parent;
	side_n = t->nodes[to].height - t->nodes[joint].height;
	if (tree_on_chain(t, joint))
		for (uint32_t h = chain_first_missing(t, t->nodes[joint].height);
		     n < max && h <= t->nodes[joint].height; h++)
			nodes[n++] = t->chain[h];
	for (uint32_t i = side_n; n < max && i-- > 0;)
		nodes[n++] = tree_back(t, to, i);
	return n;
}

/* ---- adding ---- */

static int by_time(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t median_time(const struct tree *t, uint32_t node)
{
	uint32_t times[MEDIAN_N], n = 0;

	for (; n < MEDIAN_N && node != TREE_NONE; node = t->nodes[node].parent)
		times[n++] = t->nodes[node].time_s;
	qsort(times, n, sizeof(*times), by_time);
	return times[n / 2];
}

static int header_check(const struct tree *t, const struct block_header *h,
			const uint8_t hash32[static 32], uint32_t parent, int64_t now_s)
{
	int r = block_check_work(hash32, h->bits, t->network);

	if (r < 0 && !(t->trusted && r == -ERR_UNSUPPORTED))
		return r;
	if (!t->trusted && h->bits != rules_bits(t, parent, h->time_s))
		return -ERR_RANGE;
	if (h->time_s <= median_time(t, parent))
		return -ERR_EXPIRED;
	if (now_s >= 0 && h->time_s > now_s + FOLLOW_AHEAD_S)
		return -ERR_AGAIN;
	return t->n - t->chain_n >= FOLLOW_SIDE_MAX ? -ERR_OVERSIZE : 0;
}

static int node_put(struct tree *t, const struct block_header *h, const uint8_t hash32[static 32],
		    uint32_t parent)
{
	struct u256 work = block_work(h->bits);
	struct tree_node *node;
	int r = nodes_room(t);

	if (r < 0)
		return r;
	node = &t->nodes[t->n];
	*node = (struct tree_node){
		.parent = parent, .time_s = h->time_s, .bits = h->bits, .work = work};
	memcpy(node->hash32, hash32, 32);
	if (parent != TREE_NONE) {
		node->height = t->nodes[parent].height + 1;
		node->work = u256_add(&work, &t->nodes[parent].work);
	}
	t->slots[slot_of(t, hash32)] = ++t->n;
	if (t->chain_n == 0 || tree_more_work(t, t->n - 1, tree_best(t)))
		r = chain_turn(t, t->n - 1);
	return r;
}

int tree_add(struct tree *t, const uint8_t header80[static 80], int64_t now_s, uint32_t *ret_node)
{
	struct block_header h = block_header_decode(header80);
	uint8_t hash32[32];
	uint32_t parent;
	int r;

	block_hash(header80, hash32);
	*ret_node = tree_find(t, hash32);
	if (*ret_node != TREE_NONE)
		return 0;
	parent = tree_find(t, h.prev32);
	if (parent == TREE_NONE)
		return -ERR_NOENT;
	r = header_check(t, &h, hash32, parent, now_s);
	if (r == 0)
		r = node_put(t, &h, hash32, parent);
	*ret_node = t->n - 1;
	return r;
}

/* ---- the first block ---- */

/* Time and target of the first blocks; their hash is in the network's row. */
static const struct genesis {
	enum net net;
	uint32_t time_s, bits;
} genesis[] = {
	{NET_BITCOIN, 1231006505, 0x1d00ffff},
	{NET_TESTNET3, 1296688602, 0x1d00ffff},
	{NET_TESTNET4, 1714777860, 0x1d00ffff},
	{NET_SIGNET, 1598918400, 0x1e0377ae},
	{NET_REGTEST, 1296688602, 0x207fffff},
	{NET_LITECOIN, 1317972665, 0x1e0ffff0},
	{NET_LITECOIN_TESTNET, 1486949366, 0x1e0ffff0},
	{NET_BITCOIN_CASH, 1231006505, 0x1d00ffff},
	{NET_BITCOIN_CASH_TESTNET, 1296688602, 0x1d00ffff},
};

int tree_init(struct tree *t, const struct network *n, bool trusted, const uint8_t key16[static 16])
{
	struct block_header h = {0};
	uint8_t hash32[32];

	*t = (struct tree){.network = n, .trusted = trusted, .cap = CAP_FIRST, .tip = TREE_NONE};
	memcpy(t->key16, key16, 16);
	for (size_t i = 0; i < sizeof(genesis) / sizeof(genesis[0]); i++)
		if (genesis[i].net == network_net(n))
			h = (struct block_header){.time_s = genesis[i].time_s,
						  .bits = genesis[i].bits};
	if (!n->genesis || h.bits == 0 || hash_parse(n->genesis, 64, hash32) < 0)
		return -ERR_UNSUPPORTED;
	t->nodes = malloc((size_t)t->cap * sizeof(*t->nodes));
	if (!t->nodes || slots_grow(t) < 0)
		return -ERR_NOMEM;
	return node_put(t, &h, hash32, TREE_NONE);
}

void tree_done(struct tree *t)
{
	free(t->nodes);
	free(t->slots);
	free(t->chain);
	*t = (struct tree){0};
}
