/* SPDX-License-Identifier: Apache-2.0
 * Where stolen money went, by the rules of docs/format/taint.md under poison, haircut and fifo, fees skipped.
 *
 * Every transaction is followed as it is made, so this is a sweep over the whole chain. It is written apart from the ledger's
 * engine and shares no code with it: the two are compared in the tests. */
#include "gen.h"

struct piece {
	uint32_t out;
	struct run run;
};
struct pieces {
	struct piece *p;
	size_t n, cap;
};

uint32_t set_add(struct gen *g, const char *name)
{
	if (g->set_n == SET_MAX)
		gen_die("more than %d thefts to follow", SET_MAX);
	snprintf(g->sets[g->set_n].name, sizeof(g->sets[0].name), "%s", name);
	return g->set_n++;
}

static uint64_t run_sum(const struct taint *t, uint32_t set)
{
	uint64_t v = 0;
	for (uint32_t i = 0; t && i < t->run_n; i++)
		v += t->run[i].set == set ? t->run[i].len : 0;
	return v;
}

uint64_t taint_fifo(const struct taint *t, uint32_t set)
{
	return run_sum(t, set);
}

void theft_seed(struct gen *g, uint32_t coin, uint32_t set)
{
	struct coin *c = &g->coins[coin];
	uint32_t n = c->taint ? c->taint->run_n : 0;
	if (c->taint && c->taint->poison[set])
		gen_die("a coin is stolen twice in one set");
	struct taint *t = gen_calloc(1, sizeof(*t) + (n + 1) * sizeof(t->run[0]));
	if (c->taint)
		memcpy(t, c->taint, sizeof(*t) + n * sizeof(t->run[0]));
	free(c->taint);
	t->poison[set] = t->haircut[set] = c->value;
	t->run[n] = (struct run){.off = 0, .len = c->value, .set = set};
	t->run_n = n + 1;
	c->taint = t;
	g->sets[set].in += c->value;
	truth_seed(g, c, set);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int by_payload(const void *a, const void *b)
{
	return memcmp(a, b, 33);
}

static uint32_t distinct(uint8_t (*id)[33], uint32_t n)
{
	uint32_t k = n ? 1 : 0;
	qsort(id, n, sizeof(*id), by_payload);
	for (uint32_t i = 1; i < n; i++)
		k += memcmp(id[i - 1], id[i], sizeof(*id)) != 0;
	return k;
}

static void identity(const struct payee *p, uint8_t id[static 33])
{
	id[0] = p->script == P2PK ? P2PKH : p->script;
	memcpy(id + 1, p->payload, 32);
}

/* The most frequent amount above zero (of several the largest) and how often it is paid. */
static uint32_t equal_outputs(const struct draft *t, uint64_t *ret_value)
{
	uint64_t v[TX_OUT_MAX];
	uint32_t best = 0;
	for (uint32_t i = 0; i < t->out_n; i++)
		v[i] = t->out[i].value;
	qsort(v, t->out_n, sizeof(v[0]), by_value);
	for (uint32_t i = 0, run = 0; i < t->out_n; i++) {
		run = i && v[i] == v[i - 1] ? run + 1 : 1;
		if (v[i] && run >= best) {
			best = run;
			*ret_value = v[i];
		}
	}
	return best;
}

bool tx_looks_joined(const struct draft *t)
{
	static uint8_t id[TX_OUT_MAX > TX_IN_MAX ? TX_OUT_MAX : TX_IN_MAX][33];
	uint64_t value = 0;
	uint32_t n = 0;
	if (t->in_n < 3 || t->out_n < 3)
		return false;
	uint32_t k = equal_outputs(t, &value);
	if (k < 3 || t->in_n < k || t->out_n > 2 * k + 1)
		return false;
	for (uint32_t i = 0; i < t->in_n; i++)
		identity(&t->in[i].to, id[i]);
	if (distinct(id, t->in_n) < k)
		return false;
	for (uint32_t i = 0; i < t->out_n; i++)
		if (t->out[i].value == value)
			identity(&t->out[i].to, id[n++]);
	return distinct(id, n) == k;
}

/* Shares of `tainted` in proportion to the values, rounded by largest remainder; the last part is the fee. */
static void pro_rata(const uint64_t *value, uint32_t n, uint64_t total, uint64_t tainted,
		     uint64_t *share)
{
	uint64_t rest[TX_OUT_MAX + 1], left = tainted;
	for (uint32_t i = 0; i < n; i++) {
		unsigned __int128 x = (unsigned __int128)tainted * value[i];
		share[i] = (uint64_t)(x / total);
		rest[i] = (uint64_t)(x % total);
		left -= share[i];
	}
	while (left--) {
		uint32_t best = 0;
		for (uint32_t i = 1; i < n; i++)
			best = rest[i] > rest[best] ? i : best;
		share[best]++;
		rest[best] = 0;
	}
}

static void piece_add(struct pieces *ps, uint32_t out, uint64_t off, uint64_t len, uint32_t set)
{
	struct piece *last = ps->n ? &ps->p[ps->n - 1] : NULL;
	if (last && last->out == out && last->run.set == set &&
	    last->run.off + last->run.len == off) {
		last->run.len += len;
		return;
	}
	if (ps->n == ps->cap) {
		ps->cap = ps->cap ? ps->cap * 2 : 64;
		ps->p = realloc(ps->p, ps->cap * sizeof(*ps->p));
		if (!ps->p)
			gen_die("out of memory");
	}
	ps->p[ps->n++] = (struct piece){.out = out, .run = {.off = off, .len = len, .set = set}};
}

/* First in, first out: inputs and outputs are laid on one line, and a satoshi keeps its place. The fee is the line's end. */
static void fifo_ordered(const struct draft *t, const uint64_t *value, uint32_t set,
			 struct pieces *ps)
{
	uint64_t in_at = 0, out_at = 0;
	uint32_t o = 0;
	for (uint32_t i = 0; i < t->in_n; in_at += t->in[i++].value)
		for (uint32_t r = 0; t->in[i].taint && r < t->in[i].taint->run_n; r++) {
			const struct run *run = &t->in[i].taint->run[r];
			uint64_t at = in_at + run->off, end = at + run->len;
			while (run->set == set && at < end) {
				while (out_at + value[o] <= at)
					out_at += value[o++];
				uint64_t stop = out_at + value[o] < end ? out_at + value[o] : end;
				piece_add(ps, o, at - out_at, stop - at, set);
				at = stop;
			}
		}
}

/* In an equal-output CoinJoin places say nothing: pro rata, the tainted part of each output first. */
static void fifo_joined(const struct draft *t, const uint64_t *value, uint64_t total, uint32_t set,
			struct pieces *ps)
{
	uint64_t share[TX_OUT_MAX + 1], tainted = 0;
	for (uint32_t i = 0; i < t->in_n; i++)
		tainted += run_sum(t->in[i].taint, set);
	pro_rata(value, t->out_n + 1, total, tainted, share);
	for (uint32_t i = 0; i <= t->out_n; i++)
		if (share[i])
			piece_add(ps, i, 0, share[i], set);
}

static struct taint *taint_at(struct taint **out, uint32_t i, size_t runs)
{
	if (!out[i])
		out[i] = gen_calloc(1, sizeof(struct taint) + runs * sizeof(struct run));
	return out[i];
}

static void follow_amounts(struct gen *g, struct draft *t, const uint64_t *value, uint64_t total,
			   uint32_t set, struct taint **out)
{
	uint64_t poison = 0, haircut = 0, share[TX_OUT_MAX + 1];
	for (uint32_t i = 0; i < t->in_n; i++) {
		poison |= t->in[i].taint ? t->in[i].taint->poison[set] : 0;
		haircut += t->in[i].taint ? t->in[i].taint->haircut[set] : 0;
	}
	if (!poison)
		return;
	pro_rata(value, t->out_n + 1, total, haircut, share);
	for (uint32_t i = 0; i < t->out_n; i++)
		if (value[i]) {
			taint_at(out, i, 0)->poison[set] = value[i];
			out[i]->haircut[set] = share[i];
		}
	g->sets[set].fee_poison += value[t->out_n];
	g->sets[set].fee_haircut += share[t->out_n];
}

static void follow_runs(struct gen *g, struct draft *t, const uint64_t *value, uint64_t total,
			struct taint **out)
{
	struct pieces ps = {0};
	bool joined = tx_looks_joined(t);
	size_t count[TX_OUT_MAX + 1] = {0};
	for (uint32_t s = 0; s < g->set_n; s++)
		if (joined)
			fifo_joined(t, value, total, s, &ps);
		else
			fifo_ordered(t, value, s, &ps);
	for (size_t i = 0; i < ps.n; i++)
		count[ps.p[i].out]++;
	for (uint32_t i = 0; i < t->out_n; i++)
		if (count[i])
			taint_at(out, i, count[i]);
	for (size_t i = 0; i < ps.n; i++) {
		struct piece *p = &ps.p[i];
		if (p->out == t->out_n)
			g->sets[p->run.set].fee_fifo += p->run.len;
		else
			out[p->out]->run[out[p->out]->run_n++] = p->run;
	}
	free(ps.p);
}

void taint_tx(struct gen *g, struct draft *t, struct taint **out)
{
	uint64_t value[TX_OUT_MAX + 1], total = tx_in_value(t);
	bool any = false;
	for (uint32_t i = 0; i < t->in_n; i++)
		any |= t->in[i].taint != NULL;
	memset(out, 0, t->out_n * sizeof(struct taint *));
	if (!any)
		return;
	value[t->out_n] = total;
	for (uint32_t i = 0; i < t->out_n; i++) {
		value[i] = t->out[i].value;
		value[t->out_n] -= value[i];
	}
	follow_runs(g, t, value, total, out);
	for (uint32_t s = 0; s < g->set_n; s++)
		follow_amounts(g, t, value, total, s, out);
	for (uint32_t i = 0; i < t->in_n; i++) {
		free(t->in[i].taint);
		t->in[i].taint = NULL;
	}
}
