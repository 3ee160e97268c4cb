/* SPDX-License-Identifier: Apache-2.0
 * The pool of unconfirmed transactions: a ring in the order of arrival, and a table of places by keyed txid. Those that are dropped
 * leave a gap until they are the oldest; the table is then made anew. */
#include "chain/tx.h"
#include "crypto/crypto.h"
#include "follow/follow-int.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_N = 1 << 20 };
static_assert(SLOT_N > 2 * FOLLOW_POOL_N, "room in the table");

int pool_init(struct pool *p, const uint8_t key16[static 16])
{
	*p = (struct pool){0};
	memcpy(p->key16, key16, 16);
	p->txs = calloc(FOLLOW_POOL_N, sizeof(*p->txs));
	p->slots = calloc(SLOT_N, sizeof(*p->slots));
	return p->txs && p->slots ? 0 : -ERR_NOMEM;
}

static void tx_drop(struct pool *p, struct pool_tx *t)
{
	if (!t->bytes)
		return;
	p->bytes -= t->len;
	p->live_n--;
	free(t->bytes);
	t->bytes = NULL;
}

void pool_done(struct pool *p)
{
	for (uint32_t i = 0; p->txs && i < FOLLOW_POOL_N; i++)
		free(p->txs[i].bytes);
	free(p->txs);
	free(p->slots);
	*p = (struct pool){0};
}

static uint32_t slot_of(const struct pool *p, const uint8_t *txid32)
{
	uint32_t i = (uint32_t)siphash24(p->key16, txid32, 32) & (SLOT_N - 1);

	while (p->slots[i] && memcmp(p->txs[p->slots[i] - 1].txid32, txid32, 32) != 0)
		i = (i + 1) & (SLOT_N - 1);
	return i;
}

static void slots_rebuild(struct pool *p)
{
	memset(p->slots, 0, SLOT_N * sizeof(*p->slots));
	for (uint32_t k = 0; k < p->n; k++) {
		uint32_t place = (p->first + k) % FOLLOW_POOL_N;

		if (p->txs[place].bytes)
			p->slots[slot_of(p, p->txs[place].txid32)] = place + 1;
	}
}

bool pool_has(const struct pool *p, const uint8_t txid32[static 32])
{
	return p->slots[slot_of(p, txid32)] != 0;
}

/* The oldest eighth goes, so that the table is made anew rarely. */
static void pool_room(struct pool *p)
{
	uint32_t go = p->n / 8 + 1;

	for (; go > 0 && p->n > 0; go--, p->n--) {
		tx_drop(p, &p->txs[p->first]);
		p->first = (p->first + 1) % FOLLOW_POOL_N;
	}
	slots_rebuild(p);
}

int pool_add(struct pool *p, const uint8_t txid32[static 32], const uint8_t *bytes, uint32_t len,
	     int64_t seen_s)
{
	struct pool_tx *t;
	uint32_t place;
	uint8_t *copy = malloc(len);

	if (!copy)
		return -ERR_NOMEM;
	while (p->n > 0 && (p->n == FOLLOW_POOL_N || p->bytes + len > FOLLOW_POOL_BYTES))
		pool_room(p);
	memcpy(copy, bytes, len);
	place = (p->first + p->n++) % FOLLOW_POOL_N;
	t = &p->txs[place];
	*t = (struct pool_tx){.bytes = copy, .len = len, .seen_s = seen_s};
	memcpy(t->txid32, txid32, 32);
	p->slots[slot_of(p, txid32)] = place + 1;
	p->bytes += len;
	p->live_n++;
	return 0;
}

int follow_tx(struct follow *f, const uint8_t *p, size_t len)
{
	uint8_t txid32[32];
	struct tx tx;
	int r;

	if (len > P2P_TX_MAX)
		return -ERR_OVERSIZE;
	r = tx_decode(p, len, 0, &tx);
	if (r < 0)
		return r;
	tx_id(&tx, txid32);
	if (pool_has(&f->pool, txid32))
		return 0;
	r = pool_add(&f->pool, txid32, p, (uint32_t)len, f->env->wall_s(f->env->ctx));
	if (r < 0)
		return r;
	if (f->env->tx)
		f->env->tx(f->env->ctx, p, len);
	return 1;
}

void follow_pool_sweep(struct follow *f,
		       bool (*keep)(void *ctx, const uint8_t *p, size_t len, int64_t seen_s),
		       void *ctx)
{
	struct pool *p = &f->pool;
	uint32_t before = p->live_n;

	for (uint32_t k = 0; k < p->n; k++) {
		struct pool_tx *t = &p->txs[(p->first + k) % FOLLOW_POOL_N];

		if (t->bytes && !keep(ctx, t->bytes, t->len, t->seen_s))
			tx_drop(p, t);
	}
	while (p->n > 0 && !p->txs[p->first].bytes) {
		p->first = (p->first + 1) % FOLLOW_POOL_N;
		p->n--;
	}
	if (p->live_n != before)
		slots_rebuild(p);
}

size_t follow_pool_n(const struct follow *f)
{
	return f->pool.live_n;
}

const uint8_t *follow_pool_find(const struct follow *f, const uint8_t txid32[static 32],
				size_t *ret_len)
{
	uint32_t at = f->pool.slots[slot_of(&f->pool, txid32)];

	if (!at)
		return NULL;
	*ret_len = f->pool.txs[at - 1].len;
	return f->pool.txs[at - 1].bytes;
}
