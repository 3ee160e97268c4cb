/* SPDX-License-Identifier: Apache-2.0
 * The trace against its model: bytes become a small valid chain and a question; every engine and the model must answer the same. */
#include "ledger/trace.h"
#include "base/cursor.h"
#include <stdlib.h>
#include <string.h>

#define WORLD_MUST(x)            \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)
#include "../tests/unit/trace-world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a chain from bytes ---- */

static void outs_read(struct world *w, struct cur *c, int t, int sum, bool minted)
{
	struct wtx *x = &w->tx[t];
	int n = 1 + cur_u8(c) % W_OUT;
	x->first_out = w->out_n;
	for (int i = 0; i < n; i++) {
		int v = cur_u8(c) % 16;
		v = !minted && v > sum ? sum : v;
		sum -= v;
		w->value[w->out_n] = v;
		w->address[w->out_n] = cur_u8(c) % 12;
		w->maker[w->out_n] = t;
		w->spender[w->out_n++] = 0;
	}
	x->out_n = n;
}

static bool ins_read(struct world *w, struct cur *c, int t, int block)
{
	struct wtx *x = &w->tx[t];
	int want = 1 + cur_u8(c) % W_IN, sum = 0;
	for (int i = 0; i < want; i++) {
		int o = cur_u8(c) % w->out_n;
		const struct wtx *made = &w->tx[w->maker[o]];
		if (w->spender[o] || (!made->in_n && made->block == block) ||
		    sum + w->value[o] >= W_VALUE)
			continue;
		sum += w->value[o];
		w->spender[o] = t;
		x->in[x->in_n++] = o;
	}
	return x->in_n > 0;
}

static void world_read(struct world *w, struct cur *c)
{
	memset(w, 0, sizeof(*w));
	for (int block = 0; w->tx_n < W_TX - 4 && (cur_left(c) || !block); block++) {
		w->tx[w->tx_n] = (struct wtx){.block = block};
		outs_read(w, c, w->tx_n++, 0, true);
		for (int k = cur_u8(c) % 4; k > 0; k--) {
			struct wtx *x = &w->tx[w->tx_n];
			int sum = 0;
			*x = (struct wtx){.block = block};
			if (!ins_read(w, c, w->tx_n, block))
				continue;
			for (int i = 0; i < x->in_n; i++)
				sum += w->value[x->in[i]];
			outs_read(w, c, w->tx_n++, sum, false);
		}
	}
}

static void question_read(struct question *q, const struct world *w, struct cur *c)
{
	uint8_t flags = cur_u8(c), stops = cur_u8(c);
	memset(q, 0, sizeof(*q));
	q->policy = (enum trace_policy)(cur_u8(c) % TRACE_POLICY_N);
	q->back = flags & 1;
	q->follow = flags & 2;
	q->hops_max = flags & 4 ? flags >> 4 : W_FAR;
	q->amount_min = flags & 8 ? stops % 8 : 0;
	for (int a = 0; a < 16; a++)
		q->stop[a] = stops & 128 && (stops >> a % 7 & 1);
	for (int i = 0; i < 3; i++)
		q->seed[cur_u8(c) % w->out_n] = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct question q;
	struct trace t;
	struct cur c = cur_init(data, size);
	uint8_t head[6];
	cur_copy(&c, head, sizeof(head));
	world_read(&w, &c);
	struct cur h = cur_init(head, sizeof(head));
	question_read(&q, &w, &h);
	world_compare(&w, &q, &t);
	trace_done(&t);
	return 0;
}
