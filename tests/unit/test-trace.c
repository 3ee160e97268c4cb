/* SPDX-License-Identifier: Apache-2.0
 * Both engines of the trace against each other and against the model, on random and on all tiny worlds; their stops, budgets and
 * faults. The worked examples of docs/format/taint.md are in test-taint-page.c. */
#include "base/prng.h"
#include "ledger/trace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above */
#include <cmocka.h>
#define WORLD_MUST(x) assert_true(x)
#include "trace-world.h"

/* ---- building worlds ---- */

static int w_tx(struct world *w, int block, int in_n, const int *in, int out_n, const int *value)
{
	struct wtx *x = &w->tx[w->tx_n];
	*x = (struct wtx){.in_n = in_n, .out_n = out_n, .first_out = w->out_n, .block = block};
	for (int i = 0; i < in_n; i++) {
		x->in[i] = in[i];
		if (in[i] < FOREIGN_BASE)
			w->spender[in[i]] = w->tx_n;
	}
	for (int i = 0; i < out_n; i++, w->out_n++) {
		w->value[w->out_n] = value[i];
		w->address[w->out_n] = 1 + w->out_n % 15;
		w->maker[w->out_n] = w->tx_n;
		w->spender[w->out_n] = 0;
	}
	return w->tx_n++;
}
#define INTS(...)                                                  \
	(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]) \
	{                                                          \
		__VA_ARGS__                                        \
	}

/* ---- asking both ---- */

static void ask(const struct world *w, struct question *q, struct trace *t)
{
	world_ask(w, q, TRACE_AUTO, t);
}

/* Amounts that flow on nowhere must be unspent, or stopped for the right reason. */
static void ends_check(const struct world *w, const struct question *q, const struct trace *t)
{
	for (uint32_t i = 0; i < t->reached_n; i++) {
		const struct trace_reached *r = &t->reached[i];
		bool seed = r->parent == TRACE_NONE;
		if (r->output & TRACE_FEE)
			continue;
		if (!q->back && !w->spender[r->output])
			assert_int_equal(r->end, TRACE_UNSPENT);
		else if (m_minted(w, q, (int)r->output))
			assert_int_equal(r->end, TRACE_MINTED);
		else if (!seed && q->stop[w->address[r->output]])
			assert_int_equal(r->end, TRACE_LABEL);
		else if ((int)r->hops >= q->hops_max)
			assert_int_equal(r->end, TRACE_HOPS);
		else if (!seed && (int)r->amount < q->amount_min)
			assert_int_equal(r->end, TRACE_DUST);
		else
			assert_int_equal(r->end, TRACE_FLOWS);
	}
}

static void runs_check(const struct trace *t)
{
	for (uint32_t i = 0; i < t->reached_n; i++) {
		uint64_t sum = 0, end = 0;
		for (uint32_t k = t->run_first[i]; k < t->run_first[i + 1]; k++) {
			assert_true(t->runs[k].len > 0 &&
				    (k == t->run_first[i] || t->runs[k].off > end));
			end = t->runs[k].off + t->runs[k].len;
			sum += t->runs[k].len;
		}
		assert_int_equal(sum, t->reached[i].amount);
	}
}

static void path_check(const struct trace *t)
{
	for (uint32_t i = 0; i < t->reached_n; i++) {
		uint32_t path[W_OUTS + W_TX], n = trace_path(t, i, path, W_OUTS + W_TX);
		assert_true(path[n - 1] < t->seed_n);
		assert_int_equal(n, t->reached[i].hops + 1);
	}
}

static void compare(const struct world *w, struct question *q)
{
	struct trace t;
	world_compare(w, q, &t);
	ends_check(w, q, &t);
	path_check(&t);
	if (q->policy == TRACE_FIFO || q->policy == TRACE_LIFO)
		runs_check(&t);
	trace_done(&t);
}

/* ---- random worlds ---- */

/* Not the coinbase of the same block: that matures first. */
static int unspent_pick(const struct world *w, int block, struct prng *r, const int *taken,
			int taken_n)
{
	for (int tries = 0; tries < 12; tries++) {
		int o = (int)prng_below(r, (uint64_t)w->out_n);
		const struct wtx *x = &w->tx[w->maker[o]];
		bool free_one = !w->spender[o] && (x->in_n || x->block < block);
		for (int i = 0; i < taken_n; i++)
			free_one &= taken[i] != o;
		if (free_one)
			return o;
	}
	return -1;
}

/* Amounts cut from a sum, the rest being the fee. Small amounts make equal ones, hence joined transactions, frequent. */
static void cut(struct prng *r, int sum, int n, int *value)
{
	int each = prng_chance(r, 1, 3) ? sum / (n + 1) : -1;
	for (int i = 0; i < n; i++) {
		value[i] = each >= 0 && i < 3 ? each : (int)prng_below(r, (uint64_t)(sum / 2 + 2));
		value[i] = value[i] > sum ? sum : value[i];
		sum -= value[i];
	}
	if (n && prng_chance(r, 1, 2) && value[n - 1] + sum < W_VALUE)
		value[n - 1] += sum;
}

static void world_random(struct world *w, struct prng *r)
{
	memset(w, 0, sizeof(*w));
	for (int block = 0; w->tx_n < W_TX - 4; block++) {
		int value[W_OUT], in[W_IN], out_n = 1 + (int)prng_below(r, 3);
		for (int i = 0; i < out_n; i++)
			value[i] = (int)prng_below(r, 9);
		w_tx(w, block, 0, NULL, out_n, value);
		for (int k = (int)prng_below(r, 4); k > 0; k--) {
			int in_n = 0, sum = 0, want = 1 + (int)prng_below(r, 4);
			for (int o;
			     in_n < want && (o = unspent_pick(w, block, r, in, in_n)) >= 0;) {
				if (sum + w->value[o] >= W_VALUE)
					break;
				in[in_n++] = o;
				sum += w->value[o];
			}
			if (!in_n)
				continue;
			out_n = 1 + (int)prng_below(r, W_OUT - 1);
			cut(r, sum, out_n, value);
			w_tx(w, block, in_n, in, out_n, value);
		}
	}
	for (int o = 0; o < w->out_n; o++)
		w->address[o] = (int)prng_below(r, 12);
}

static void question_random(struct question *q, const struct world *w, struct prng *r)
{
	memset(q, 0, sizeof(*q));
	q->policy = (enum trace_policy)prng_below(r, TRACE_POLICY_N);
	q->back = prng_chance(r, 1, 2);
	q->follow = prng_chance(r, 1, 2);
	q->hops_max = prng_chance(r, 1, 4) ? (int)prng_below(r, 5) : W_FAR;
	q->amount_min = prng_chance(r, 1, 4) ? (int)prng_below(r, 5) : 0;
	if (prng_chance(r, 1, 4))
		for (int a = 0; a < 16; a++)
			q->stop[a] = prng_chance(r, 1, 6);
	int n = 1 + (int)prng_below(r, 4);
	while (n--)
		q->seed[prng_below(r, (uint64_t)w->out_n)] = true;
}

/* Stops that the model does not know, and budgets: the engines must agree on what is left undone too. */
static void limits_compare(const struct world *w, struct question *q, struct prng *r)
{
	struct memory m = {.w = w, .unknown = prng_chance(r, 1, 8) ? 0 : -1};
	struct trace_source s = source_of(&m, 0);
	struct trace_params p;
	struct trace t[2] = {0};
	uint64_t seeds[W_OUTS];
	size_t n = world_params(w, q, &p, seeds);
	int result[2];
	p.reached_max = 1 + (uint32_t)prng_below(r, 12);
	p.runs_max = prng_chance(r, 1, 4) ? 4 : 0;
	p.stop_at_joins = prng_chance(r, 1, 2);
	p.height = prng_chance(r, 1, 2) ? TRACE_NONE : (uint32_t)prng_below(r, 8);
	for (int i = 0; i < 2; i++) {
		p.engine = i ? TRACE_DENSE : TRACE_SPARSE;
		result[i] = trace_run(&s, &p, seeds, n, &t[i], NULL);
	}
	assert_int_equal(result[0], result[1]);
	world_same(&t[0], &t[1]);
	trace_done(&t[0]);
	trace_done(&t[1]);
}

static void test_random(void **state)
{
	(void)state;
	enum { WORLDS = 3000, QUESTIONS = 10 };
	static struct world w;
	struct question q;
	struct prng r;
	int joined = 0;
	prng_init(&r, 20261122);
	for (int i = 0; i < WORLDS; i++) {
		world_random(&w, &r);
		for (int t = 0; t < w.tx_n; t++) {
			struct memory m = {.w = &w, .unknown = -1};
			struct trace_source s = source_of(&m, 0);
			bool expect = w.tx[t].in_n && w_joined(&w, t);
			assert_int_equal(trace_joined(&s, (uint32_t)t), expect);
			joined += expect;
		}
		for (int k = 0; k < QUESTIONS; k++) {
			question_random(&q, &w, &r);
			compare(&w, &q);
			limits_compare(&w, &q, &r);
		}
	}
	/* The rule must have been met, or the test says nothing about it. */
	assert_true(joined > 100);
}

/* ---- all tiny worlds ---- */

static void tiny_questions(const struct world *w)
{
	for (unsigned bits = 1; bits<1u << w->out_n; bits += w->out_n> 4 ? 5 : 1)
		for (int k = 0; k < 4 * TRACE_POLICY_N; k++) {
			struct question q = {.policy = (enum trace_policy)(k / 4),
					     .back = k % 2,
					     .follow = k / 2 % 2,
					     .hops_max = W_FAR};
			for (int o = 0; o < w->out_n; o++)
				q.seed[o] = bits >> o & 1;
			compare(w, &q);
		}
}

/* A coinbase of two outputs, and a transaction that spends one or both in either order into two; then one that spends one
 * of the first's and what is left of the coinbase. All amounts up to 2. */
static void tiny_world(int a, int b, int order, int x, int y, int z)
{
	static const int picks[4][2] = {{0, 1}, {1, 0}, {0, -1}, {1, -1}};
	struct world w = {0};
	const int *in = picks[order];
	int sum = order < 2 ? a + b : order == 2 ? a : b, rest = 3 - order;
	if (x + y > sum)
		return;
	w_tx(&w, 0, 0, NULL, INTS(a, b));
	w_tx(&w, 1, 0, NULL, INTS(1));
	w_tx(&w, 1, order < 2 ? 2 : 1, in, INTS(x, y));
	int second = order < 2 ? y : y + w.value[rest];
	if (z <= second) {
		w_tx(&w, 2, 0, NULL, INTS(1));
		w_tx(&w, 2, order < 2 ? 1 : 2, (int[]){4, rest}, INTS(z));
	}
	tiny_questions(&w);
}

static void test_tiny(void **state)
{
	(void)state;
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			for (int order = 0; order < 4; order++)
				for (int x = 0; x < 3; x++)
					for (int y = 0; y < 3; y++)
						for (int z = 0; z < 3; z++)
							tiny_world(a, b, order, x, y, z);
}

static uint64_t amount_of(const struct trace *t, uint64_t output)
{
	for (uint32_t i = 0; i < t->reached_n; i++)
		if (t->reached[i].output == output)
			return t->reached[i].amount;
	return 0;
}

/* ---- stops, limits, faults ---- */

static void chain_of(struct world *w, int n)
{
	w_tx(w, 0, 0, NULL, INTS(40));
	for (int i = 0; i < n; i++) {
		w_tx(w, i + 1, 0, NULL, INTS(1));
		w_tx(w, i + 1, 1, (int[]){i ? 3 * i - 1 : 0}, INTS(38 - i, 1));
	}
}

static void test_budget(void **state)
{
	(void)state;
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct trace_params p;
	struct trace t;
	chain_of(&w, 6);
	struct trace_source s = source_of(&m, 0);
	uint64_t seed = 0, many[] = {0, 2, 3};
	trace_params_init(&p);
	p.reached_max = 5;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_true(t.partial);
	assert_int_equal(t.reached_n, 5);
	assert_true(t.ended[TRACE_BUDGET] > 0);
	assert_int_equal(t.seeds, t.fees + t.ended[TRACE_UNSPENT] + t.ended[TRACE_BUDGET]);
	trace_done(&t);
	p.reached_max = 2;
	assert_int_equal(trace_run(&s, &p, many, 3, &t, NULL), 0);
	assert_true(t.partial && t.seed_n == 2);
	trace_done(&t);
	p.reached_max = 0;
	p.policy = TRACE_FIFO;
	p.runs_max = 4;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_true(t.partial);
	trace_done(&t);
}

struct ticks {
	uint32_t n, stop_at, last;
};
static bool tick_count(void *ctx, const struct trace_progress *p)
{
	struct ticks *k = ctx;
	assert_true(p->tx_done < p->tx_n && (!k->n || p->tx_done >= k->last));
	k->last = p->tx_done;
	return k->n++ < k->stop_at;
}

/* A line of transactions longer than any world: each spends the output of the one before. */
static void line_tx(const void *ctx, uint32_t t, struct trace_tx *ret)
{
	(void)ctx;
	*ret = (struct trace_tx){
		.first_out = t, .first_in = t ? t - 1 : 0, .out_n = 1, .in_n = t > 0};
}
static void line_block(const void *ctx, uint32_t t, struct trace_block *ret)
{
	(void)ctx;
	*ret = (struct trace_block){.height = t, .first_tx = t, .tx_n = 1};
}
static uint64_t line_in(const void *ctx, uint64_t in)
{
	(void)ctx;
	return in;
}
static uint64_t line_value(const void *ctx, uint64_t o)
{
	(void)ctx;
	(void)o;
	return 7;
}
static uint32_t line_address(const void *ctx, uint64_t o)
{
	(void)ctx;
	return (uint32_t)o + 1;
}
enum { LINE = 3 * TRACE_TICK_TX, LONG_LINE = 40 * TRACE_BATCH_TX + 7 };
static uint32_t line_spender(const void *ctx, uint64_t o)
{
	(void)ctx;
	return o + 1 < LINE ? (uint32_t)o + 1 : 0;
}
static uint32_t line_maker(const void *ctx, uint64_t o)
{
	(void)ctx;
	return (uint32_t)o;
}
static bool line_known(const void *ctx, uint64_t o)
{
	(void)ctx;
	(void)o;
	return true;
}
static uint32_t long_line_spender(const void *ctx, uint64_t o)
{
	(void)ctx;
	return o + 1 < LONG_LINE ? (uint32_t)o + 1 : 0;
}
static const struct trace_source line_source = {.tx_n = LINE,
						.output_n = LINE,
						.tx = line_tx,
						.block = line_block,
						.in_output = line_in,
						.out_value = line_value,
						.out_address = line_address,
						.out_spender = line_spender,
						.out_tx = line_maker,
						.out_known = line_known};

static void test_tick(void **state)
{
	(void)state;
	for (int back = 0; back < 2; back++) {
		struct ticks whole = {.stop_at = UINT32_MAX}, cut = {.stop_at = 2};
		struct trace_params p;
		struct trace t;
		uint64_t seed = back ? LINE - 1 : 0;
		trace_params_init(&p);
		p.back = back;
		p.engine = TRACE_SPARSE;
		p.tick = tick_count;
		p.tick_ctx = &whole;
		assert_int_equal(trace_run(&line_source, &p, &seed, 1, &t, NULL), 0);
		assert_int_equal(whole.n, 3);
		assert_false(t.partial);
		assert_int_equal(t.reached_n, LINE);
		trace_done(&t);
		p.tick_ctx = &cut;
		assert_int_equal(trace_run(&line_source, &p, &seed, 1, &t, NULL), 0);
		assert_true(t.partial);
		assert_int_equal(t.reached_n, 2 * TRACE_TICK_TX + 1);
		assert_int_equal(t.ended[TRACE_BUDGET], 7);
		trace_done(&t);
	}
}

/* So long that a second thread reads ahead, also when the caller ends it early. */
static void test_long(void **state)
{
	(void)state;
	struct trace_source s = line_source;
	s.tx_n = s.output_n = LONG_LINE;
	s.out_spender = long_line_spender;
	for (int i = 0; i < 16; i++) {
		struct ticks cut = {.stop_at = i & 4 ? 3 : UINT32_MAX};
		struct trace_params p;
		struct trace t;
		uint64_t seed = i & 1 ? LONG_LINE - 1 : 0;
		trace_params_init(&p);
		p.back = i & 1;
		p.engine = i & 2 ? TRACE_DENSE : TRACE_AUTO;
		p.policy = i & 8 ? TRACE_HAIRCUT : TRACE_LIFO;
		p.tick = tick_count;
		p.tick_ctx = &cut;
		assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
		assert_int_equal(t.engine, TRACE_DENSE);
		assert_int_equal(t.partial, i / 4 % 2);
		assert_true(t.partial ? t.reached_n < LONG_LINE : t.reached_n == LONG_LINE);
		assert_int_equal(t.ended[t.partial ? TRACE_BUDGET
					 : i & 1   ? TRACE_MINTED
						   : TRACE_UNSPENT],
				 7);
		trace_done(&t);
	}
}

static void test_height(void **state)
{
	(void)state;
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct trace_params p;
	struct trace t;
	struct err e;
	uint64_t seed = 0, late = 5;
	chain_of(&w, 6);
	struct trace_source s = source_of(&m, 0);
	trace_params_init(&p);
	p.height = 2;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_int_equal(t.height, 2);
	assert_int_equal(t.tx_followed, 2);
	assert_int_equal(t.ended[TRACE_UNSPENT] + t.fees, 40);
	trace_done(&t);
	p.height = 1;
	assert_int_equal(trace_run(&s, &p, &late, 1, &t, &e), -ERR_NOENT);
	p.height = 1000;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_int_equal(t.height, 6);
	trace_done(&t);
}

static void test_join_stop(void **state)
{
	(void)state;
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct trace_params p;
	struct trace t;
	uint64_t seed = 0, out = 3;
	w_tx(&w, 0, 0, NULL, INTS(11, 12, 13));
	w_tx(&w, 1, INTS(0, 1, 2), INTS(10, 10, 10, 1, 2, 3));
	struct trace_source s = source_of(&m, 0);
	trace_params_init(&p);
	p.stop_at_joins = true;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_int_equal(t.reached_n, 1);
	assert_int_equal(t.ended[TRACE_COINJOIN], 11);
	trace_done(&t);
	p.back = true;
	assert_int_equal(trace_run(&s, &p, &out, 1, &t, NULL), 0);
	assert_int_equal(t.ended[TRACE_COINJOIN], 10);
	trace_done(&t);
}

static void test_lost(void **state)
{
	(void)state;
	struct world w = {0};
	struct question q = {.policy = TRACE_HAIRCUT, .hops_max = W_FAR, .seed = {true}};
	struct trace t;
	w_tx(&w, 0, 0, NULL, INTS(10));
	w_tx(&w, 1, 0, NULL, INTS(10));
	w.spender[0] = 1; /* a coinbase with the same txid */
	ask(&w, &q, &t);
	assert_int_equal(t.ended[TRACE_LOST], 10);
	trace_done(&t);
}

/* ---- amounts of any size ---- */

struct large {
	struct memory m; /* first: the other questions see it alone */
	uint64_t value[W_OUTS];
};

static uint64_t large_value(const void *ctx, uint64_t o)
{
	return ((const struct large *)ctx)->value[o];
}

/* Haircut by its definition: T parts of the line, rounded down, then one unit each to the largest remainders. */
static void large_check(const struct large *x, const struct trace *t, uint64_t line)
{
	uint64_t sum = t->fees, got[4], rest[4];
	for (int i = 0; i < 4; i++) {
		uint64_t v =
			i < 3 ? x->value[3 + i] : line - x->value[3] - x->value[4] - x->value[5];
		unsigned __int128 exact = (unsigned __int128)x->value[1] * v;
		got[i] = i < 3 ? amount_of(t, 3 + (uint64_t)i) : t->fees;
		rest[i] = (uint64_t)(exact % line);
		sum += i < 3 ? got[i] : 0;
		assert_true(got[i] - (uint64_t)(exact / line) <= 1);
		got[i] -= (uint64_t)(exact / line);
	}
	assert_true(sum == x->value[1]);
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 4; k++)
			if (got[i] && !got[k])
				assert_true(rest[i] > rest[k] || (rest[i] == rest[k] && i < k));
}

static void large_one(struct prng *r, enum trace_engine engine)
{
	struct world w = {0};
	struct large x = {.m = {.w = &w, .unknown = -1}};
	struct trace_params p;
	struct trace t;
	uint64_t seed = 1, line = 0;
	unsigned bits = 2 + (unsigned)prng_below(r, 60);
	w_tx(&w, 0, 0, NULL, INTS(1, 1, 1));
	w_tx(&w, 1, INTS(0, 1, 2), INTS(1, 1, 1));
	for (int i = 0; i < 3; i++)
		line += x.value[i] = 1 + prng_below(r, UINT64_C(1) << bits);
	for (uint64_t i = 3, left = line; i < 6; i++)
		left -= x.value[i] = prng_below(r, left + 1);
	struct trace_source s = source_of(&x.m, 0);
	s.out_value = large_value;
	trace_params_init(&p);
	p.stop_at_joins = prng_chance(r, 1, 2); /* the long way too */
	p.engine = engine;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	if (!t.ended[TRACE_COINJOIN])
		large_check(&x, &t, line);
	trace_done(&t);
}

static void test_large(void **state)
{
	(void)state;
	struct prng r;
	prng_init(&r, 51);
	for (int i = 0; i < 30000; i++)
		large_one(&r, i & 1 ? TRACE_DENSE : TRACE_SPARSE);
}

/* What a policy makes of a transaction with a foreign input of 10 and one of 5, outputs of 9 and 6. */
struct foreign_case {
	enum trace_policy policy;
	uint64_t back, first, second;
};

static void foreign_by(enum trace_engine engine, const struct foreign_case *c)
{
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct trace_params p;
	struct trace t;
	struct err e;
	uint64_t seed = 1, foreign = FOREIGN_BASE, beyond = FOREIGN_BASE + 1;
	w_tx(&w, 0, 0, NULL, INTS(5));
	w_tx(&w, 1, INTS(FOREIGN_BASE, 0), INTS(9, 6));
	struct trace_source s = source_of(&m, 1);
	trace_params_init(&p);
	p.back = true;
	p.policy = c->policy;
	p.engine = engine;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_int_equal(t.ended[TRACE_FOREIGN] + t.ended[TRACE_MINTED], c->back);
	assert_true(t.ended[TRACE_FOREIGN] > 0);
	trace_done(&t);
	p.back = false;
	assert_int_equal(trace_run(&s, &p, &foreign, 1, &t, NULL), 0);
	assert_int_equal(amount_of(&t, 1), c->first);
	assert_int_equal(amount_of(&t, 2), c->second);
	trace_done(&t);
	assert_int_equal(trace_run(&s, &p, &beyond, 1, &t, &e), -ERR_RANGE);
	m.unknown = FOREIGN_BASE;
	seed = 0;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_int_equal(t.ended[TRACE_UNKNOWN], 5);
	trace_done(&t);
	assert_int_equal(trace_run(&s, &p, &foreign, 1, &t, &e), -ERR_UNSUPPORTED);
}

static void test_foreign(void **state)
{
	(void)state;
	static const struct foreign_case cases[] = {
		{TRACE_FIFO, 9, 9, 1}, {TRACE_HAIRCUT, 9, 6, 4}, {TRACE_POISON, 15, 9, 6}};
	for (int engine = 0; engine < TRACE_ENGINE_N; engine++)
		for (int i = 0; i < 3; i++)
			foreign_by((enum trace_engine)engine, &cases[i]);
}

static void faults_by(enum trace_engine engine)
{
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct trace_params p;
	struct trace t;
	struct err e;
	uint64_t seed = 0, beyond = 99;
	w_tx(&w, 0, 0, NULL, INTS(10));
	w_tx(&w, 1, 0, NULL, INTS(10));
	w_tx(&w, 1, INTS(0), INTS(10));
	struct trace_source s = source_of(&m, 0);
	trace_params_init(&p);
	p.engine = engine;
	assert_int_equal(trace_run(&s, &p, &beyond, 1, &t, &e), -ERR_RANGE);
	assert_int_equal(trace_run(&s, &p, &seed, 0, &t, &e), -ERR_NOENT);
	w.value[2] = 11; /* makes money */
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.message, "number 2"));
	w.value[2] = 10;
	w.tx[2].in[0] = 1; /* does not spend what says so */
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, &e), -ERR_CORRUPT);
	w.tx[2].in[0] = 77;
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, &e), -ERR_CORRUPT);
	assert_null(t.reached);
}

static void test_faults(void **state)
{
	(void)state;
	for (int engine = 0; engine < TRACE_ENGINE_N; engine++)
		faults_by((enum trace_engine)engine);
}

/* A coinbase that takes a fee and is spent in its own block: no chain allows it, and the trace must end. */
static void test_circle(void **state)
{
	(void)state;
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct trace_params p;
	struct trace t;
	struct err e;
	uint64_t seed = 0;
	w_tx(&w, 0, 0, NULL, INTS(10));
	w_tx(&w, 1, 0, NULL, INTS(10));
	w_tx(&w, 1, INTS(1), INTS(3));
	w_tx(&w, 1, INTS(0), INTS(5));
	struct trace_source s = source_of(&m, 0);
	trace_params_init(&p);
	p.fees = TRACE_FEES_FOLLOW;
	for (int engine = 0; engine < TRACE_ENGINE_N; engine++) {
		p.engine = (enum trace_engine)engine;
		assert_int_equal(trace_run(&s, &p, &seed, 1, &t, &e), -ERR_CORRUPT);
	}
}

static void test_holders(void **state)
{
	(void)state;
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct question q = {.policy = TRACE_HAIRCUT, .hops_max = W_FAR, .seed = {true}};
	struct trace t;
	_cleanup_(freep) struct trace_holder *h = NULL;
	uint32_t n;
	chain_of(&w, 3);
	for (int o = 0; o < w.out_n; o++)
		w.address[o] = w.value[o] == 1 ? 7 : 2;
	ask(&w, &q, &t);
	struct trace_source s = source_of(&m, 0);
	assert_int_equal(trace_holders(&t, &s, &h, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(h[0].address, 2);
	assert_int_equal(h[0].unspent, 36);
	assert_int_equal(h[0].received, 38 + 37 + 36);
	assert_int_equal(h[1].address, 7);
	assert_int_equal(h[1].unspent, 3);
	assert_int_equal(h[1].output_n, 3);
	trace_done(&t);
}

/* Amounts at the limit: 128-bit products, and sums that overflow. */
static uint64_t huge_value(const void *ctx, uint64_t o)
{
	return o < 2	? UINT64_MAX / 2
	       : o == 3 ? UINT64_MAX / 2 + 1
	       : o == 4 ? UINT64_MAX / 2 - 1
			: 1;
}

static void test_huge(void **state)
{
	(void)state;
	struct world w = {0};
	struct memory m = {.w = &w, .unknown = -1};
	struct trace_params p;
	struct trace t;
	uint64_t seed = 0, both[] = {0, 1, 3};
	w_tx(&w, 0, 0, NULL, INTS(1, 1));
	w_tx(&w, 1, INTS(0, 1), INTS(1, 1));
	struct trace_source s = source_of(&m, 0);
	s.out_value = huge_value;
	trace_params_init(&p);
	assert_int_equal(trace_run(&s, &p, &seed, 1, &t, NULL), 0);
	assert_int_equal(t.ended[TRACE_UNSPENT] + t.fees, UINT64_MAX / 2);
	trace_done(&t);
	assert_int_equal(trace_run(&s, &p, both, 3, &t, NULL), -ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	  cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_budget),	  cmocka_unit_test(test_tick),
		cmocka_unit_test(test_long),	  cmocka_unit_test(test_height),
		cmocka_unit_test(test_join_stop), cmocka_unit_test(test_lost),
		cmocka_unit_test(test_foreign),	  cmocka_unit_test(test_faults),
		cmocka_unit_test(test_circle),	  cmocka_unit_test(test_holders),
		cmocka_unit_test(test_huge),	  cmocka_unit_test(test_large),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
