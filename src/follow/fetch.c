/* SPDX-License-Identifier: Apache-2.0
 * The schedule of downloads: each missing block is asked from one peer that knows its header; what comes early waits for its parent.
 *
 * A peer is asked along its own best headers, if they have more work than what is stored: so a chain whose blocks nobody sends
 * cannot hold up another one. */
#include "chain/block.h"
#include "follow/follow-int.h"
#include <stdlib.h>
#include <string.h>

static struct fetch *fetch_find(struct follow *f, uint32_t node)
{
	for (unsigned i = 0; i < f->fetch_n; i++)
		if (f->fetches[i].node == node)
			return &f->fetches[i];
	return NULL;
}

static void fetch_free(struct follow *f, struct fetch *x)
{
	if (x->bytes)
		f->held_bytes -= x->len;
	free(x->bytes);
	*x = f->fetches[--f->fetch_n];
}

void fetch_done(struct follow *f)
{
	while (f->fetch_n > 0)
		fetch_free(f, &f->fetches[0]);
}

static void unask(struct follow *f, struct fetch *x)
{
	if (x->peer != TREE_NONE)
		f->peers[x->peer].asked_n--;
	x->peer = TREE_NONE;
}

/* The peer at x->peer owes this block no more; without bytes the place is free again. */
static void fetch_release(struct follow *f, struct fetch *x)
{
	unask(f, x);
	if (!x->bytes)
		fetch_free(f, x);
}

void fetch_forget(struct follow *f, unsigned peer)
{
	for (unsigned i = f->fetch_n; i-- > 0;)
		if (f->fetches[i].peer == peer)
			fetch_release(f, &f->fetches[i]);
}

bool fetch_drop(struct follow *f, unsigned peer, const uint8_t hash32[static 32])
{
	struct fetch *x = fetch_find(f, tree_find(&f->tree, hash32));

	if (!x || x->peer != peer)
		return false;
	fetch_release(f, x);
	return true;
}

int64_t fetch_oldest(const struct follow *f, unsigned peer)
{
	int64_t oldest = INT64_MAX;

	for (unsigned i = 0; i < f->fetch_n; i++)
		if (f->fetches[i].peer == peer && f->fetches[i].asked_ms < oldest)
			oldest = f->fetches[i].asked_ms;
	return oldest;
}

static void peer_schedule(struct follow *f, unsigned i, int64_t now_ms)
{
	struct peer *p = &f->peers[i];
	struct p2p_message m = {.kind = P2P_GETDATA};
	uint32_t want[FOLLOW_WINDOW], n;
	uint8_t items[FOLLOW_ASKED_MAX * P2P_INV_LEN];
	struct buf list;

	n = tree_missing(&f->tree, p->best, want, FOLLOW_WINDOW);
	buf_init(&list, sizeof(items));
	for (uint32_t k = 0; k < n && p->asked_n < FOLLOW_ASKED_MAX; k++) {
		if (f->fetch_n == FOLLOW_WINDOW || fetch_find(f, want[k]))
			continue;
		f->fetches[f->fetch_n++] =
			(struct fetch){.node = want[k], .peer = i, .asked_ms = now_ms};
		p->asked_n++;
		p2p_inv_put(&list, P2P_INV_BLOCK | P2P_INV_WITNESS, f->tree.nodes[want[k]].hash32);
		m.n++;
	}
	m.items = list.p;
	if (m.n > 0 && buf_err(&list) == 0)
		peer_send(f, i, &m);
	else if (m.n > 0)
		fetch_forget(f, i);
	buf_done(&list);
}

void fetch_schedule(struct follow *f, int64_t now_ms)
{
	for (unsigned i = 0; i < f->peer_n; i++) {
		const struct peer *p = &f->peers[i];

		if (p->state == PEER_READY && now_ms >= p->rest_ms &&
		    p->asked_n < FOLLOW_ASKED_MAX && f->held_bytes < FOLLOW_HELD_MAX &&
		    p->best != TREE_NONE && tree_more_work(&f->tree, p->best, f->tree.tip))
			peer_schedule(f, i, now_ms);
	}
}

int fetch_block(struct follow *f, unsigned peer, const uint8_t *p, uint32_t len)
{
	uint8_t hash32[32];
	struct fetch *x;
	int r;

	if (len < BLOCK_HEADER_LEN)
		return -ERR_TRUNCATED;
	block_hash(p, hash32);
	x = fetch_find(f, tree_find(&f->tree, hash32));
	if (!x || x->bytes || x->peer != peer)
		return 0;
	r = block_check(p, len, network_net(f->tree.network), NULL, NULL);
	if (r < 0)
		return r;
	x->bytes = malloc(len);
	if (!x->bytes)
		return -ERR_NOMEM;
	memcpy(x->bytes, p, len);
	x->len = len;
	f->held_bytes += len;
	unask(f, x);
	return 1;
}

/* A block that is here and whose parent is stored. */
static struct fetch *next_storable(struct follow *f)
{
	for (unsigned i = 0; i < f->fetch_n; i++) {
		const struct tree_node *node = &f->tree.nodes[f->fetches[i].node];

		if (f->fetches[i].bytes &&
		    (node->parent == TREE_NONE || f->tree.nodes[node->parent].stored))
			return &f->fetches[i];
	}
	return NULL;
}

int fetch_store(struct follow *f, struct err *e)
{
	struct fetch *x;

	while ((x = next_storable(f)) != NULL) {
		int r = f->env->store(f->env->ctx, x->bytes, x->len, f->tree.nodes[x->node].height,
				      e);

		if (r < 0)
			return r;
		tree_stored(&f->tree, x->node);
		fetch_free(f, x);
	}
	return 0;
}
