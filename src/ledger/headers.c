/* SPDX-License-Identifier: Apache-2.0
 * Header index.
 *
 * Blocks come in any order, so the tree is linked when all are there: each node is hung into its parent's list of children,
 * then a walk in breadth from the roots gives depth and total work. Nothing recurses, since a chain is a million deep. */
#include "ledger/headers.h"
#include "crypto/crypto.h"
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MIN = 1024, HEADER_SLOTS_PER_NODE = 2 };

void headers_init(struct headers *h, const uint8_t key16[static 16], uint64_t bytes_max)
{
	*h = (struct headers){.bytes_max = bytes_max};
	memcpy(h->key16, key16, 16);
}

void headers_done(struct headers *h)
{
	free(h->nodes);
	free(h->slots);
	free(h->path);
	*h = (struct headers){0};
}

static uint32_t slot_of(const struct headers *h, const uint8_t hash32[static 32])
{
	uint32_t i = (uint32_t)siphash24(h->key16, hash32, 32) & (h->slot_n - 1);

	while (h->slots[i] && memcmp(h->nodes[h->slots[i] - 1].hash32, hash32, 32) != 0)
		i = (i + 1) & (h->slot_n - 1);
	return i;
}

uint32_t headers_find(const struct headers *h, const uint8_t hash32[static 32])
{
	uint32_t i;

	if (!h->slot_n)
		return HEADER_NONE;
	i = slot_of(h, hash32);
	return h->slots[i] ? h->slots[i] - 1 : HEADER_NONE;
}

static int headers_grow(struct headers *h)
{
	uint32_t cap = h->cap ? h->cap * 2 : HEADERS_MIN, slot_n = cap * HEADER_SLOTS_PER_NODE;
	struct header_node *nodes;
	uint32_t *slots;

	/* the path and the queue of headers_best() take eight bytes a node more */
	if (cap >= UINT32_MAX / 4 ||
	    cap * (uint64_t)(sizeof(*nodes) + 8 + 4 * HEADER_SLOTS_PER_NODE) > h->bytes_max)
		return -ERR_BUDGET;
	nodes = reallocarray(h->nodes, cap, sizeof(*nodes));
	if (!nodes)
		return -ERR_NOMEM;
	h->nodes = nodes;
	slots = calloc(slot_n, sizeof(*slots));
	if (!slots)
		return -ERR_NOMEM;
	free(h->slots);
	h->slots = slots;
	h->slot_n = slot_n;
	h->cap = cap;
	for (uint32_t i = 0; i < h->n; i++)
		slots[slot_of(h, nodes[i].hash32)] = i + 1;
	return 0;
}

int headers_add(struct headers *h, const uint8_t header80[static 80],
		const uint8_t hash32[static 32], uint32_t file, uint64_t off, uint32_t size,
		uint32_t tx_n, bool replace)
{
	struct block_header head = block_header_decode(header80);
	struct header_node *node;
	uint32_t slot;

	if (h->n == h->cap) {
		int r = headers_grow(h);

		if (r < 0)
			return r;
	}
	slot = slot_of(h, hash32);
	if (h->slots[slot] && !replace)
		return 0;
	if (!h->slots[slot])
		h->slots[slot] = ++h->n;
	node = &h->nodes[h->slots[slot] - 1];
	*node = (struct header_node){
		.off = off,
		.file = file,
		.size = size,
		.bits = head.bits,
		.tx_n = tx_n,
		.parent = HEADER_NONE,
		.child = HEADER_NONE,
		.sibling = HEADER_NONE,
	};
	memcpy(node->hash32, hash32, 32);
	memcpy(node->prev32, head.prev32, 32);
	return 0;
}

static void tree_link(struct headers *h)
{
	for (uint32_t i = 0; i < h->n; i++) {
		struct header_node *node = &h->nodes[i];

		node->child = node->sibling = node->parent = HEADER_NONE;
		node->reached = false;
	}
	for (uint32_t i = h->n; i-- > 0;) {
		struct header_node *node = &h->nodes[i];

		node->parent = headers_find(h, node->prev32);
		if (node->parent == HEADER_NONE)
			continue;
		node->sibling = h->nodes[node->parent].child;
		h->nodes[node->parent].child = i;
	}
}

static void node_reach(struct headers *h, uint32_t i, bool root)
{
	struct header_node *node = &h->nodes[i];
	struct u256 work = block_work(node->bits);

	node->reached = true;
	node->depth = root ? 0 : h->nodes[node->parent].depth + 1;
	node->work = root ? work : u256_add(&h->nodes[node->parent].work, &work);
}

static void tree_walk(struct headers *h, const uint8_t *root32, uint32_t *queue)
{
	uint32_t from = 0, to = 0;

	for (uint32_t i = 0; i < h->n; i++) {
		const struct header_node *node = &h->nodes[i];

		if (root32 ? memcmp(node->hash32, root32, 32) != 0 : node->parent != HEADER_NONE)
			continue;
		node_reach(h, i, true);
		queue[to++] = i;
	}
	while (from < to) {
		for (uint32_t c = h->nodes[queue[from++]].child; c != HEADER_NONE;
		     c = h->nodes[c].sibling) {
			if (h->nodes[c].reached)
				continue;
			node_reach(h, c, false);
			queue[to++] = c;
		}
	}
}

static uint32_t best_tip(const struct headers *h)
{
	uint32_t best = HEADER_NONE;

	for (uint32_t i = 0; i < h->n; i++)
		if (h->nodes[i].reached &&
		    (best == HEADER_NONE || u256_cmp(&h->nodes[i].work, &h->nodes[best].work) > 0))
			best = i;
	return best;
}

int headers_best(struct headers *h, const uint8_t *root32)
{
	uint32_t *queue, tip;

	free(h->path);
	h->path_n = 0;
	h->path = queue = calloc(h->n ? h->n : 1, sizeof(*queue));
	if (!queue)
		return -ERR_NOMEM;
	tree_link(h);
	tree_walk(h, root32, queue);
	tip = best_tip(h);
	if (tip == HEADER_NONE)
		return -ERR_NOENT;
	h->path_n = h->nodes[tip].depth + 1;
	for (uint32_t i = h->path_n; i-- > 0; tip = h->nodes[tip].parent)
		h->path[i] = tip;
	return 0;
}
