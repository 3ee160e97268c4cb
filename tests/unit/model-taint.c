/* SPDX-License-Identifier: Apache-2.0
 * docs/format/taint.md as the simplest program that can be: every transaction of a tiny world in turn, every base unit on its
 * own. Included by trace-world.h; shares nothing with src/ledger/trace*.c but the names of the policies. */

enum { W_TX = 24, W_OUT = 6, W_IN = 6, W_OUTS = W_TX * W_OUT, W_VALUE = 64, W_FAR = 1000 };

struct wtx {
	int in_n, out_n, in[W_IN], first_out,
		block; /* no inputs: a coinbase, the first of its block */
};
struct world {
	int tx_n, out_n;
	struct wtx tx[W_TX];
	int value[W_OUTS], address[W_OUTS], maker[W_OUTS], spender[W_OUTS]; /* spender 0: none */
};

struct question {
	enum trace_policy policy;
	bool back, follow, seed[W_OUTS], stop[16]; /* stop: addresses */
	int hops_max, amount_min;
};

/* One stretch of the line. at[i]: is its unit i tainted (fifo, lifo)? Else only amount counts. */
struct mpart {
	int value, amount, hops, out,
		fee; /* out: output or -1; fee: transaction whose fee this is, or -1 */
	bool at[W_VALUE * W_IN], open; /* open: its taint goes on */
};
struct model {
	struct mpart out[W_OUTS], fee[W_TX];
	long seeds, overlap, spread, fees, minted;
};

static int w_sum_in(const struct world *w, int t)
{
	int v = 0;
	for (int i = 0; i < w->tx[t].in_n; i++)
		v += w->value[w->tx[t].in[i]];
	return v;
}

static int w_sum_out(const struct world *w, int t)
{
	int v = 0;
	for (int i = 0; i < w->tx[t].out_n; i++)
		v += w->value[w->tx[t].first_out + i];
	return v;
}

static bool w_joined(const struct world *w, int t)
{
	const struct wtx *x = &w->tx[t];
	int best = 0, value = 0, payees = 0, payers = 0;
	bool to[16] = {0}, by[16] = {0};
	for (int i = 0; i < x->out_n; i++) {
		int v = w->value[x->first_out + i], k = 0;
		for (int j = 0; j < x->out_n; j++)
			k += w->value[x->first_out + j] == v;
		if (v && (k > best || (k == best && v > value))) {
			best = k;
			value = v;
		}
	}
	for (int i = 0; i < x->out_n; i++)
		if (w->value[x->first_out + i] == value)
			to[w->address[x->first_out + i]] = true;
	for (int i = 0; i < x->in_n; i++)
		by[w->address[x->in[i]]] = true;
	for (int a = 1; a < 16; a++) {
		payees += to[a];
		payers += by[a];
	}
	return best >= 3 && payees == best && payers >= best && x->out_n <= 2 * best + 1;
}

static struct mpart m_part(int value, int out, int fee)
{
	return (struct mpart){.value = value, .out = out, .fee = fee, .hops = W_FAR};
}

/* Both sides of a transaction; returns whether it is joined. */
static bool m_sides(const struct world *w, const struct question *q, int t, struct mpart *left,
		    int *left_n, struct mpart *right, int *right_n)
{
	const struct wtx *x = &w->tx[t];
	int line = w_sum_in(w, t), fees = 0;
	*left_n = *right_n = 0;
	for (int i = 0; i < x->in_n; i++)
		left[(*left_n)++] = m_part(w->value[x->in[i]], x->in[i], -1);
	if (!x->in_n) {
		left[(*left_n)++] = m_part(0, -1, -1);
		for (int u = t + 1; q->follow && u < w->tx_n && w->tx[u].block == x->block; u++) {
			left[(*left_n)++] = m_part(w_sum_in(w, u) - w_sum_out(w, u), -1, u);
			fees += left[*left_n - 1].value;
		}
		line = fees > w_sum_out(w, t) ? fees : w_sum_out(w, t);
		left[0].value = line - fees;
	}
	for (int i = 0; i < x->out_n; i++)
		right[(*right_n)++] = m_part(w->value[x->first_out + i], x->first_out + i, -1);
	right[(*right_n)++] = m_part(line - w_sum_out(w, t), -1, q->follow && x->in_n ? t : -1);
	return x->in_n && w_joined(w, t);
}

static void m_haircut(const struct mpart *from, int from_n, struct mpart *to, int to_n)
{
	int tainted = 0, line = 0, left, rest[64];
	for (int i = 0; i < from_n; i++)
		tainted += from[i].amount;
	for (int i = 0; i < to_n; i++)
		line += to[i].value;
	left = tainted;
	for (int i = 0; i < to_n; i++) {
		to[i].amount = tainted * to[i].value / line;
		rest[i] = tainted * to[i].value % line;
		left -= to[i].amount;
	}
	for (; left; left--) {
		int best = 0;
		for (int i = 0; i < to_n; i++)
			best = rest[i] > rest[best] ? i : best;
		to[best].amount++;
		rest[best] = -1;
	}
	for (int i = 0; i < to_n; i++)
		for (int k = 0; k < to[i].value; k++)
			to[i].at[k] = k < to[i].amount;
}

/* The largest not yet filled, again and again. */
static void m_tiho(const struct mpart *from, int from_n, struct mpart *to, int to_n)
{
	int left = 0;
	bool full[64] = {0};
	for (int i = 0; i < from_n; i++)
		left += from[i].amount;
	while (left) {
		int best = -1;
		for (int i = 0; i < to_n; i++)
			if (!full[i] && (best < 0 || to[i].value > to[best].value))
				best = i;
		full[best] = true;
		for (; left && to[best].amount < to[best].value; left--)
			to[best].amount++;
	}
}

/* Unit after unit: fifo from the first, lifo from the last. */
static void m_units(bool last_first, const struct mpart *from, int from_n, struct mpart *to,
		    int to_n)
{
	int j = 0, k = 0;
	for (int i = 0; i < to_n; i++)
		to[i].hops = W_FAR;
	for (int ii = 0; ii < from_n; ii++) {
		const struct mpart *p = &from[last_first ? from_n - 1 - ii : ii];
		for (int uu = 0; uu < p->value; uu++, k++) {
			int u = last_first ? p->value - 1 - uu : uu;
			while (k == to[j].value) {
				j++;
				k = 0;
			}
			to[j].at[k] = p->at[u];
			to[j].amount += p->at[u];
			if (p->at[u] && p->hops + 1 < to[j].hops)
				to[j].hops = p->hops + 1;
		}
	}
}

static void m_share(const struct question *q, bool joined, const struct mpart *from, int from_n,
		    struct mpart *to, int to_n)
{
	int hops = W_FAR;
	for (int i = 0; i < from_n; i++)
		hops = from[i].amount && from[i].hops < hops ? from[i].hops : hops;
	for (int i = 0; i < to_n; i++)
		to[i].hops = hops + 1;
	if (q->policy == TRACE_POISON)
		for (int i = 0; i < to_n; i++)
			to[i].amount = to[i].value;
	else if (q->policy == TRACE_HAIRCUT || joined)
		m_haircut(from, from_n, to, to_n);
	else if (q->policy == TRACE_TIHO)
		m_tiho(from, from_n, to, to_n);
	else
		m_units(q->policy == TRACE_LIFO, from, from_n, to, to_n);
}

static void m_take(const struct world *w, const struct question *q, struct model *m,
		   struct mpart *from)
{
	const struct mpart *have = from->out >= 0   ? &m->out[from->out]
				   : from->fee >= 0 ? &m->fee[from->fee]
						    : NULL;
	if (have && have->open) {
		from->amount = have->amount;
		from->hops = have->hops;
		memcpy(from->at, have->at, sizeof(from->at));
	}
}

/* Backward, fees skipped: nothing stops before the mint. */
static bool m_minted(const struct world *w, const struct question *q, int out)
{
	return out >= 0 && q->back && !q->follow && !w->tx[w->maker[out]].in_n;
}

static void m_give(const struct world *w, const struct question *q, struct model *m,
		   const struct mpart *to, bool minted)
{
	if (to->out >= 0 && q->seed[to->out] && w->value[to->out]) {
		m->overlap += to->amount;
	} else if (to->out >= 0 || to->fee >= 0) {
		struct mpart *p = to->out >= 0 ? &m->out[to->out] : &m->fee[to->fee];
		*p = *to;
		p->open = m_minted(w, q, to->out) ||
			  (to->amount >= q->amount_min && to->hops < q->hops_max &&
			   !(to->out >= 0 && q->stop[w->address[to->out]]));
	} else if (minted) {
		m->minted += to->amount;
	} else {
		m->fees += to->amount;
	}
}

static void m_tx(const struct world *w, const struct question *q, struct model *m, int t)
{
	struct mpart left[W_TX + W_IN], right[W_OUT + 1], *from = q->back ? right : left,
							  *to = q->back ? left : right;
	int left_n, right_n, tainted = 0, given = 0;
	bool joined = m_sides(w, q, t, left, &left_n, right, &right_n);
	int from_n = q->back ? right_n : left_n, to_n = q->back ? left_n : right_n;
	for (int i = 0; i < from_n; i++) {
		m_take(w, q, m, &from[i]);
		tainted += from[i].amount;
	}
	if (q->back && !q->follow && !w->tx[t].in_n)
		m->minted += tainted;
	if (!tainted || (!q->follow && !w->tx[t].in_n))
		return;
	m_share(q, joined, from, from_n, to, to_n);
	for (int i = 0; i < to_n; i++) {
		given += to[i].amount;
		m_give(w, q, m, &to[i], q->back);
	}
	m->spread += given - tainted;
}

/* Chain order with each coinbase behind its block; backward the reverse. */
static void model_run(const struct world *w, const struct question *q, struct model *m)
{
	int order[W_TX], n = 0, coinbase = -1;
	memset(m, 0, sizeof(*m));
	for (int o = 0; o < w->out_n; o++)
		if (q->seed[o] && w->value[o]) {
			m->out[o] = (struct mpart){.value = w->value[o],
						   .amount = w->value[o],
						   .open = q->hops_max > 0 || m_minted(w, q, o),
						   .out = o,
						   .fee = -1};
			memset(m->out[o].at, 1, (size_t)w->value[o]);
			m->seeds += w->value[o];
		}
	for (int t = 0; t < w->tx_n; t++) {
		if (!w->tx[t].in_n)
			coinbase = t;
		else
			order[n++] = t;
		bool last = t + 1 == w->tx_n || w->tx[t + 1].block != w->tx[t].block;
		if (last && coinbase >= 0)
			order[n++] = coinbase;
		coinbase = last ? -1 : coinbase;
	}
	for (int i = 0; i < n; i++)
		m_tx(w, q, m, order[q->back ? n - 1 - i : i]);
}
