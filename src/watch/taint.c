/* SPDX-License-Identifier: Apache-2.0
 * Live taint: through one transaction at a time, by the rules of docs/format/taint.md; the past of a new item by a trace. */
#include "ledger/trace.h"
#include "watch/watch-int.h"
#include <stdlib.h>
#include <string.h>

/* ---- shares ---- */

struct rest {
	uint64_t rest;
	uint32_t part;
};

static int by_rest(const void *a, const void *b)
{
	const struct rest *x = a, *y = b;

	if (x->rest != y->rest)
		return x->rest < y->rest ? 1 : -1;
	return x->part < y->part ? -1 : 1;
}

/* Rounded down; what that leaves goes one by one to the largest remainders, the fee (the last part) among them. */
int haircut(const uint64_t *values, uint32_t n, uint64_t line, uint64_t amount,
	    uint64_t *ret_shares)
{
	struct rest *rests = malloc(((size_t)n + 1) * sizeof(*rests));
	uint64_t left = amount, fee = line, share;

	if (!rests)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i <= n; i++) {
		unsigned __int128 x = (unsigned __int128)amount * (i < n ? values[i] : fee);

		share = (uint64_t)(x / line);
		rests[i] = (struct rest){.rest = (uint64_t)(x % line), .part = i};
		left -= share;
		if (i < n) {
			ret_shares[i] = share;
			fee -= values[i];
		}
	}
	qsort(rests, (size_t)n + 1, sizeof(*rests), by_rest);
	for (uint64_t i = 0; i < left; i++)
		if (rests[i].part < n)
			ret_shares[rests[i].part]++;
	free(rests);
	return 0;
}

/* ---- rows ---- */

int64_t taint_row(struct watch *w, int64_t item, const struct side *s, uint64_t amount,
		  int64_t parent, int64_t height, bool live, struct err *e)
{
	struct live x = {.key = s->key,
			 .amount = amount,
			 .row = w->next_row,
			 .item = item,
			 .position = s->position};
	int64_t n = store_exec(
		w->store,
		"INSERT INTO watch_taint (id, item, output, txid, position, amount, "
		"parent, height, spent_h, live) VALUES (?, ?, ?, ?, ?, ?, ?, ?, -1, ?)",
		VALS(val_i64(x.row), val_i64(item), val_i64(height < 0 ? -1 : (int64_t)s->key),
		     val_blob(s->txid32, 32), val_i64(s->position), val_u64(amount),
		     val_i64(parent), val_i64(height), val_i64(live)),
		e);
	if (n < 0)
		return n;
	memcpy(x.txid32, s->txid32, 32);
	if (live && lives_add(&w->lives, &x) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	return w->next_row++;
}

static int row_spend(struct watch *w, uint64_t key, int64_t row, int64_t height, struct err *e)
{
	int64_t n = store_exec(w->store, "UPDATE watch_taint SET spent_h = ? WHERE id = ?",
			       VALS(val_i64(height), val_i64(row)), e);

	lives_remove(&w->lives, key, row);
	return n < 0 ? (int)n : 0;
}

int seed_plant(struct watch *w, int64_t item, const struct side *s, int64_t height, struct err *e)
{
	STORE_ROWS(rows);
	int64_t n = 0, id;
	int r = store_first(w->store, "SELECT id FROM watch_taint WHERE item = ? AND output = ?",
			    VALS(val_i64(item), val_i64((int64_t)s->key)), &rows, e);

	if (r < 0)
		return r;
	if (r > 0) { /* what arrived there is the overlap */
		id = row_i64(&rows, "id");
		store_rows_done(&rows);
		lives_remove(&w->lives, s->key, id);
		n = store_exec(w->store, "DELETE FROM watch_taint WHERE id = ?", VALS(val_i64(id)),
			       e);
	}
	if (n >= 0 && s->value > 0)
		n = taint_row(w, item, s, s->value, 0, height, true, e);
	return n < 0 ? (int)n : 0;
}

/* ---- one transaction ---- */

/* What one item has among the inputs. */
struct gift {
	const struct item *item;
	uint64_t amount, largest;
	int64_t parent; /* row of the largest */
};
struct gifts {
	struct gift *p;
	uint32_t n, cap;
};

static void gifts_done(struct gifts *g)
{
	free(g->p);
}

static struct gift *gift_of(struct gifts *g, const struct item *item)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (g->p[i].item == item)
			return &g->p[i];
	if (g->n == g->cap) {
		uint32_t cap = g->cap ? g->cap * 2 : 8;
		struct gift *p = realloc(g->p, cap * sizeof(*p));

		if (!p)
			return NULL;
		g->p = p;
		g->cap = cap;
	}
	g->p[g->n] = (struct gift){.item = item};
	return &g->p[g->n++];
}

static bool is_of(const struct live *x, const struct side *s)
{
	return !(s->key >> 63) ||
	       (x->position == s->position && memcmp(x->txid32, s->txid32, 32) == 0);
}

static int gift_add(struct watch *w, struct gifts *g, const struct live *x)
{
	const struct item *item = item_find(w, x->item);
	struct gift *gift;

	if (!item)
		return 0;
	gift = gift_of(g, item);
	if (!gift)
		return -ERR_NOMEM;
	gift->amount += x->amount;
	if (x->amount > gift->largest) {
		gift->largest = x->amount;
		gift->parent = x->row;
	}
	return 0;
}

static int side_take(struct watch *w, const struct side *s, int64_t height, struct gifts *g,
		     struct err *e)
{
	struct live *x = lives_first(&w->lives, s->key), *next;
	int r = 0;

	for (; r == 0 && x; x = next) {
		next = lives_next(&w->lives, x);
		if (is_of(x, s) && gift_add(w, g, x) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		if (height >= 0)
			r = row_spend(w, x->key, x->row, height, e);
	}
	return r;
}

static int out_reach(struct watch *w, const struct seen_tx *t, const struct gift *g, uint32_t i,
		     uint64_t amount, struct err *e)
{
	const struct side *s = &t->out[i];
	struct raise a = {.item = g->item->id,
			  .position = s->position,
			  .height = t->height,
			  .kind = WATCH_TAINTED,
			  .txid32 = t->txid32,
			  .amount = amount};
	int service;

	if (amount == 0)
		return 0;
	service = service_has(w, &s->address, e);
	if (service < 0)
		return service;
	a.taint = taint_row(w, g->item->id, s, amount, g->parent, t->height, !service, e);
	if (a.taint < 0)
		return (int)a.taint;
	return service && !(g->item->flags & FLAG_ALERT_SERVICES) ? 0 : alert_raise(w, &a, e);
}

/* The sum of the inputs; false when one is not known, or the outputs exceed them. */
static bool line_of(const struct seen_tx *t, uint64_t *ret_line)
{
	uint64_t in = 0, out = 0;

	for (uint32_t i = 0; i < t->in_n; i++) {
		if (!t->in[i].known)
			return false;
		in += t->in[i].value;
	}
	for (uint32_t i = 0; i < t->out_n; i++)
		out += t->out[i].value;
	*ret_line = in;
	return out <= in && in > 0;
}

static int gift_give(struct watch *w, const struct seen_tx *t, const struct gift *g,
		     uint64_t *values, uint64_t *shares, struct err *e)
{
	uint64_t line = 0;
	bool known = line_of(t, &line);
	int r = 0, any = 0;

	if (!known && t->height >= 0)
		return 0; /* ends as `unknown`, taint.md 5 */
	for (uint32_t i = 0; i < t->out_n; i++) {
		values[i] = t->out[i].value;
		shares[i] = values[i] < g->amount || g->item->policy == TRACE_POISON ? values[i]
										     : g->amount;
	}
	if (known && g->item->policy == TRACE_HAIRCUT)
		r = haircut(values, t->out_n, line, g->amount, shares);
	for (uint32_t i = 0; r >= 0 && i < t->out_n; i++) {
		r = out_reach(w, t, g, i, shares[i], e);
		any |= r > 0;
	}
	return r < 0 ? r : any;
}

int taint_pass(struct watch *w, const struct seen_tx *t, struct err *e)
{
	_cleanup_(freep) uint64_t *values = NULL;
	_cleanup_(gifts_done) struct gifts g = {0};
	int r = 0, any = 0;

	if (w->lives.used == 0)
		return 0;
	for (uint32_t i = 0; r == 0 && i < t->in_n; i++)
		r = side_take(w, &t->in[i], t->height, &g, e);
	if (r < 0 || g.n == 0)
		return r;
	values = malloc((size_t)t->out_n * 2 * sizeof(*values) + 1);
	if (!values)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (uint32_t i = 0; r >= 0 && i < g.n; i++) {
		r = gift_give(w, t, &g.p[i], values, values + t->out_n, e);
		any |= r > 0;
	}
	return r < 0 ? r : any;
}

/* ---- the past of an item ---- */

struct stop {
	struct watch *w;
	int error;
};

static enum trace_end stop_at_service(void *ctx, uint32_t address)
{
	struct stop *s = ctx;
	struct address a;
	int r;

	if (address == 0 || s->error < 0)
		return TRACE_FLOWS;
	r = ledger_address_get(s->w->ledger, address, &a);
	r = r < 0 ? r : service_has(s->w, &a, NULL);
	s->error = r < 0 ? r : 0;
	return r > 0 ? TRACE_LABEL : TRACE_FLOWS;
}

/* Is it followed when it is spent? What lies unspent at a service is not, unless it is a seed. */
static int reached_live(struct watch *w, const struct trace_reached *x)
{
	struct stop stop = {.w = w};

	if (x->end != TRACE_UNSPENT || x->parent == TRACE_NONE)
		return x->end == TRACE_UNSPENT || x->end == TRACE_FLOWS;
	if (stop_at_service(&stop, ledger_out_address(w->ledger, x->output)) != TRACE_FLOWS)
		return 0;
	return stop.error < 0 ? stop.error : 1;
}

static int reached_write(struct watch *w, int64_t item, const struct trace *t, struct err *e)
{
	int64_t base = w->next_row, n = 0;

	for (uint32_t i = 0; n >= 0 && i < t->reached_n; i++) {
		const struct trace_reached *x = &t->reached[i];
		struct ledger_output o;
		int64_t spent_h = -1;
		int live = reached_live(w, x), r = ledger_output_get(w->ledger, x->output, &o);

		if (r < 0 || live < 0)
			return err_set(e, r < 0 ? r : live, "ledger", NULL);
		if (x->end == TRACE_FLOWS)
			spent_h = ledger_tx_height(w->ledger, o.spender);
		n = store_exec(
			w->store,
			"INSERT INTO watch_taint (id, item, output, txid, position, amount, "
			"parent, height, spent_h, live) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			VALS(val_i64(base + i), val_i64(item), val_u64(x->output),
			     val_blob(o.txid32, 32), val_i64(o.position), val_u64(x->amount),
			     val_i64(x->parent == TRACE_NONE ? 0 : base + x->parent),
			     val_i64(ledger_tx_height(w->ledger, o.txnum)), val_i64(spent_h),
			     val_i64(live)),
			e);
	}
	w->next_row = base + t->reached_n;
	return n < 0 ? (int)n : 0;
}

static int item_trace(struct watch *w, const struct item *item, const uint64_t *seeds, size_t n,
		      struct err *e)
{
	const struct trace_source source = trace_source_ledger(w->ledger);
	struct stop stop = {.w = w};
	struct trace_params p;
	struct trace t;
	int64_t done;
	int r;

	trace_params_init(&p);
	p.policy = item->policy;
	p.height = (uint32_t)w->height;
	p.reached_max = WATCH_TAINT_MAX;
	p.stop = stop_at_service;
	p.stop_ctx = &stop;
	r = trace_run(&source, &p, seeds, n, &t, e);
	if (r == 0 && stop.error < 0)
		r = err_set(e, stop.error, "services", NULL);
	if (r < 0)
		return r;
	done = store_exec(w->store, "DELETE FROM watch_taint WHERE item = ?",
			  VALS(val_i64(item->id)), e);
	if (done >= 0 && t.partial)
		done = store_exec(w->store, "UPDATE watch_item SET flags = flags + ? WHERE id = ?",
				  VALS(val_i64(FLAG_TOO_LARGE), val_i64(item->id)), e);
	if (t.partial)
		w->items[item - w->items].flags |= FLAG_TOO_LARGE;
	r = done < 0 ? (int)done : 0;
	if (r == 0 && !t.partial)
		r = reached_write(w, item->id, &t, e);
	trace_done(&t);
	return r;
}

struct outputs {
	uint64_t *p;
	size_t n, cap;
};

static int outputs_add(struct outputs *o, uint64_t first, uint64_t n)
{
	if (o->n + n > o->cap) {
		size_t cap = (o->n + n) * 2;
		uint64_t *p = realloc(o->p, cap * sizeof(*p));

		if (!p)
			return -ERR_NOMEM;
		o->p = p;
		o->cap = cap;
	}
	for (uint64_t i = 0; i < n; i++)
		o->p[o->n++] = first + i;
	return 0;
}

/* The outputs of an item's seeds that lie at or below the height, noted as placed. */
static int item_outputs(struct watch *w, int64_t item, struct outputs *out, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(w->store, "SELECT txid, position FROM watch_seed WHERE item = ?",
			    VALS(val_i64(item)), &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		int64_t position = row_i64(&rows, "position");
		struct ledger_tx tx;
		uint8_t txid32[32];
		uint32_t txnum;

		row_copy(&rows, "txid", txid32, 32);
		if (ledger_tx_find(w->ledger, txid32, &txnum) < 0 ||
		    ledger_tx_get(w->ledger, txnum, &tx) < 0 || tx.height > w->height ||
		    position >= tx.out_n)
			continue;
		r = position < 0 ? outputs_add(out, tx.first_out, tx.out_n)
				 : outputs_add(out, tx.first_out + (uint64_t)position, 1);
		if (r == 0)
			r = store_exec(
				    w->store,
				    "UPDATE watch_seed SET placed_h = ? WHERE item = ? AND txid = ? "
				    "AND position = ?",
				    VALS(val_i64(tx.height), val_i64(item), val_blob(txid32, 32),
					 val_i64(position)),
				    e) < 0
				    ? -ERR_IO
				    : 0;
	}
	return r < 0 ? err_set(e, r, "seeds", NULL) : 0;
}

/* Is a seed that waits for its transaction in a block that was scanned already? */
static bool in_the_past(const struct watch *w, const struct seed *s)
{
	uint32_t txnum;

	return ledger_tx_find(w->ledger, s->at.txid32, &txnum) == 0 &&
	       ledger_tx_height(w->ledger, txnum) <= w->height;
}

int seeds_place(struct watch *w, struct err *e)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->waiting_n; i++) {
		const struct item *item = item_find(w, w->waiting[i].item);
		_cleanup_(freep) uint64_t *memory = NULL;
		struct outputs out = {0};

		if (!item || (item->flags & FLAG_TOO_LARGE) || !in_the_past(w, &w->waiting[i]))
			continue;
		any = true;
		r = item_outputs(w, item->id, &out, e);
		memory = out.p;
		if (r == 0 && out.n > 0)
			r = item_trace(w, item, out.p, out.n, e);
		while (r == 0 && i + 1 < w->waiting_n && w->waiting[i + 1].item == item->id)
			i++; /* its other seeds were placed with it */
	}
	if (r == 0 && any)
		r = lives_load(w, e);
	return r == 0 && any ? seeds_load(w, e) : r;
}
