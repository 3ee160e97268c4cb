/* SPDX-License-Identifier: Apache-2.0
 * Following a chain: what holds headers, downloads, peers and the pool together. */
#include "follow/follow.h"
#include "chain/block.h"
#include "follow/follow-int.h"
#include <stdlib.h>
#include <string.h>

int64_t follow_now(const struct follow *f)
{
	return f->env->mono_ms(f->env->ctx);
}

int follow_new(const struct network *n, const struct follow_env *env,
	       const struct follow_options *opt, struct follow **ret_f, struct err *e)
{
	_cleanup_(follow_freep) struct follow *f = calloc(1, sizeof(*f));
	uint8_t keys[32];
	int r;

	if (!f)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (!opt->trusted && !rules_known(n))
		return err_set(e, ERR_UNSUPPORTED, "network",
			       "the rules of %s are not checked here: follow it by RPC from a node "
			       "that you trust",
			       n->title);
	f->env = env;
	f->opt = *opt;
	buf_init(&f->out, (size_t)4 << 20);
	env->random(env->ctx, keys, sizeof(keys));
	r = tree_init(&f->tree, n, opt->trusted, keys);
	if (r == 0)
		r = pool_init(&f->pool, keys + 16);
	if (r < 0)
		return err_set(e, r, "network", NULL);
	*ret_f = TAKE_PTR(f);
	return 0;
}

struct follow *follow_free(struct follow *f)
{
	if (!f)
		return NULL;
	fetch_done(f);
	for (unsigned i = 0; i < f->peer_n; i++)
		buf_done(&f->peers[i].in);
	tree_done(&f->tree);
	pool_done(&f->pool);
	buf_done(&f->out);
	free(f);
	return NULL;
}

int follow_load(struct follow *f, const uint8_t header80[static 80])
{
	uint32_t node, parent;
	int r = tree_add(&f->tree, header80, -1, &node);

	if (r < 0)
		return r;
	parent = f->tree.nodes[node].parent;
	if (parent != TREE_NONE && !f->tree.nodes[parent].stored)
		return -ERR_NOENT;
	tree_stored(&f->tree, node);
	return 0;
}

int follow_peer_add(struct follow *f)
{
	struct peer *p = &f->peers[f->peer_n];

	if (f->peer_n == FOLLOW_PEERS_MAX)
		return -ERR_OVERSIZE;
	*p = (struct peer){.best = TREE_NONE, .since_ms = follow_now(f)};
	buf_init(&p->in, BLOCK_LEN_MAX + P2P_FRAME_LEN);
	return (int)f->peer_n++;
}

int follow_poll(struct follow *f, int64_t *ret_wait_ms, struct err *e)
{
	int64_t now_ms = follow_now(f), wait_ms = FOLLOW_PING_MS;
	int r;

	for (unsigned i = 0; i < f->peer_n; i++) {
		int64_t due = peer_poll(f, i, now_ms);

		wait_ms = due < wait_ms ? due : wait_ms;
	}
	r = fetch_store(f, e);
	if (r == 0) {
		fetch_schedule(f, now_ms);
		for (unsigned i = 0; i < f->peer_n; i++)
			peer_ask_pool(f, i);
	}
	*ret_wait_ms = wait_ms > 0 ? wait_ms : 0;
	return r;
}

void follow_paused(struct follow *f, int64_t ms)
{
	for (unsigned i = 0; i < f->peer_n; i++) {
		struct peer *p = &f->peers[i];

		p->since_ms += ms;
		p->ping_ms += ms;
		p->rest_ms += ms;
		p->headers_asked_ms += p->headers_asked_ms ? ms : 0;
	}
	for (unsigned i = 0; i < f->fetch_n; i++)
		f->fetches[i].asked_ms += ms;
}

/* ---- a source that is trusted ---- */

int follow_headers(struct follow *f, const uint8_t *p80, size_t n)
{
	uint32_t node;

	for (size_t i = 0; i < n; i++) {
		int r = tree_add(&f->tree, p80 + i * BLOCK_HEADER_LEN, f->env->wall_s(f->env->ctx),
				 &node);

		if (r < 0)
			return r == -ERR_NOENT && i > 0 ? -ERR_FORMAT : r;
	}
	return 0;
}

int follow_block(struct follow *f, const uint8_t *p, size_t len, struct err *e)
{
	uint8_t hash32[32];
	const struct tree_node *node;
	uint32_t at;
	int r;

	if (len < BLOCK_HEADER_LEN)
		return err_set(e, ERR_TRUNCATED, "block", NULL);
	block_hash(p, hash32);
	at = tree_find(&f->tree, hash32);
	if (at == TREE_NONE)
		return err_set(e, ERR_NOENT, "block", "its header is not known");
	node = &f->tree.nodes[at];
	if (node->stored)
		return 0;
	if (node->parent != TREE_NONE && !f->tree.nodes[node->parent].stored)
		return err_set(e, ERR_NOENT, "block", "the block before it is not stored");
	r = block_check(p, len, network_net(f->tree.network), NULL, e);
	if (r == 0)
		r = f->env->store(f->env->ctx, p, len, node->height, e);
	if (r == 0)
		tree_stored(&f->tree, at);
	return r;
}

/* ---- questions ---- */

static struct follow_point point_of(const struct follow *f, uint32_t node)
{
	struct follow_point p = {.height = f->tree.nodes[node].height};

	memcpy(p.hash32, f->tree.nodes[node].hash32, 32);
	return p;
}

bool follow_tip(const struct follow *f, struct follow_point *ret)
{
	if (f->tree.tip == TREE_NONE)
		return false;
	*ret = point_of(f, f->tree.tip);
	return true;
}

struct follow_point follow_best(const struct follow *f)
{
	return point_of(f, tree_best(&f->tree));
}

bool follow_wanted(const struct follow *f, struct follow_point *ret)
{
	uint32_t node;

	if (tree_missing(&f->tree, tree_best(&f->tree), &node, 1) == 0)
		return false;
	*ret = point_of(f, node);
	return true;
}

bool follow_asked_all(const struct follow *f)
{
	unsigned ready_n = 0;

	for (unsigned i = 0; i < f->peer_n; i++) {
		if (f->peers[i].state == PEER_IDLE)
			continue;
		if (!f->peers[i].all_headers)
			return false;
		ready_n++;
	}
	return ready_n > 0;
}

bool follow_known(const struct follow *f, const uint8_t hash32[static 32])
{
	return tree_find(&f->tree, hash32) != TREE_NONE;
}

void follow_pool_ask(struct follow *f)
{
	for (unsigned i = 0; i < f->peer_n; i++)
		f->peers[i].pool_asked = false;
}
