/* SPDX-License-Identifier: Apache-2.0
 * One transaction against what is watched: addresses on its two sides, then taint through it. */
#include "watch/watch-int.h"
#include <stdlib.h>
#include <string.h>

enum {
	HITS_MAX = 256 /* items that one transaction touches; more are told of by the later ones */
};

/* What one item saw of the transaction. */
struct hit {
	const struct item *item;
	uint64_t received, sent;
	const struct side *in, *out;
};
struct hits {
	struct hit *p;
	uint32_t n, cap;
};

static void hits_done(struct hits *h)
{
	free(h->p);
}

void seen_done(struct seen_tx *t)
{
	free(t->in);
	*t = (struct seen_tx){0};
}

int seen_room(struct seen_tx *t, uint32_t in_n, uint32_t out_n)
{
	uint32_t n = in_n + out_n;

	if (n > t->cap) {
		struct side *p = realloc(t->in, (size_t)n * sizeof(*p));

		if (!p)
			return -ERR_NOMEM;
		t->in = p;
		t->cap = n;
	}
	t->in_n = in_n;
	t->out_n = out_n;
	t->out = t->in + in_n;
	return 0;
}

static struct hit *hit_of(struct hits *h, const struct item *item)
{
	for (uint32_t i = 0; i < h->n; i++)
		if (h->p[i].item == item)
			return &h->p[i];
	if (h->n == h->cap) {
		uint32_t cap = h->cap ? h->cap * 2 : 8;
		struct hit *p = realloc(h->p, cap * sizeof(*p));

		if (!p)
			return NULL;
		h->p = p;
		h->cap = cap;
	}
	h->p[h->n] = (struct hit){.item = item};
	return &h->p[h->n++];
}

static int hit_add(struct hits *h, const struct item *item, const struct side *s, bool in)
{
	struct hit *x;

	if (!item || item->kind != WATCH_ADDRESS)
		return 0;
	x = hit_of(h, item);
	if (!x)
		return -ERR_NOMEM;
	if (in) {
		x->sent += s->value;
		x->in = x->in ? x->in : s;
	} else {
		x->received += s->value;
		x->out = x->out ? x->out : s;
	}
	return 0;
}

/* The items of an address, verified in full. */
static int side_match(struct watch *w, const struct side *s, bool in, struct hits *h, struct err *e)
{
	uint8_t bytes[ADDRESS_BYTES_MAX];
	size_t len;
	STORE_ROWS(rows);
	int r;

	if (s->address.kind == ADDRESS_NONE)
		return 0;
	len = address_bytes(&s->address, bytes);
	if (!prints_has(&w->watched, bytes, len))
		return 0;
	r = store_query(w->store, "SELECT item FROM watch_address WHERE address = ? ORDER BY item",
			VALS(val_blob(bytes, len)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		if (hit_add(h, item_find(w, row_i64(&rows, "item")), s, in) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	return r;
}

int service_has(struct watch *w, const struct address *a, struct err *e)
{
	uint8_t bytes[ADDRESS_BYTES_MAX];
	size_t len;
	STORE_ROWS(rows);

	if (a->kind == ADDRESS_NONE)
		return 0;
	len = address_bytes(a, bytes);
	if (!prints_has(&w->services, bytes, len))
		return 0;
	return store_first(
		w->store,
		"SELECT 1 AS yes FROM watch_address a JOIN watch_item i ON i.id = a.item "
		"WHERE a.address = ? AND i.kind = ?",
		VALS(val_blob(bytes, len), val_i64(WATCH_SERVICE)), &rows, e);
}

static int same_item(struct watch *w, const struct address *a, int64_t item, struct err *e)
{
	uint8_t bytes[ADDRESS_BYTES_MAX];
	size_t len = address_bytes(a, bytes);
	STORE_ROWS(rows);

	if (!prints_has(&w->watched, bytes, len))
		return 0;
	return store_first(w->store,
			   "SELECT 1 AS yes FROM watch_address WHERE address = ? AND item = ?",
			   VALS(val_blob(bytes, len), val_i64(item)), &rows, e);
}

/* Does all that is paid go to listed services, or back to the item? */
static int only_services(struct watch *w, const struct seen_tx *t, int64_t item, struct err *e)
{
	bool any = false;

	for (uint32_t i = 0; i < t->out_n; i++) {
		const struct address *a = &t->out[i].address;
		int r;

		if (a->kind == ADDRESS_NONE)
			continue;
		r = service_has(w, a, e);
		any |= r > 0;
		if (r == 0)
			r = same_item(w, a, item, e);
		if (r <= 0)
			return r;
	}
	return any;
}

static int hit_raise(struct watch *w, const struct seen_tx *t, const struct hit *h, struct err *e)
{
	struct raise a = {.item = h->item->id,
			  .position = -1,
			  .height = t->height,
			  .txid32 = t->txid32,
			  .to = h->out ? h->out : t->out,
			  .from = h->in ? h->in : (t->in_n ? t->in : NULL)};
	int r = 0, any = 0;

	if (h->out) {
		a.kind = WATCH_RECEIVED;
		a.amount = h->received;
		r = any = alert_raise(w, &a, e);
	}
	if (r < 0 || !h->in)
		return r;
	r = h->item->flags & FLAG_ALERT_SERVICES ? 0 : only_services(w, t, h->item->id, e);
	if (r != 0)
		return r < 0 ? r : any;
	a.kind = WATCH_SENT;
	a.amount = h->sent;
	r = alert_raise(w, &a, e);
	return r < 0 ? r : r | any;
}

static int addresses_match(struct watch *w, const struct seen_tx *t, struct err *e)
{
	_cleanup_(hits_done) struct hits h = {0};
	int r = 0, any = 0;

	for (uint32_t i = 0; r >= 0 && i < t->in_n; i++)
		r = side_match(w, &t->in[i], true, &h, e);
	for (uint32_t i = 0; r >= 0 && i < t->out_n; i++)
		r = side_match(w, &t->out[i], false, &h, e);
	for (uint32_t i = 0; r >= 0 && i < h.n; i++) {
		r = hit_raise(w, t, &h.p[i], e);
		any |= r > 0;
	}
	return r < 0 ? r : any;
}

int seen_match(struct watch *w, const struct seen_tx *t, struct err *e)
{
	int any = w->watched.n ? addresses_match(w, t, e) : 0;
	int r = any < 0 ? any : taint_pass(w, t, e);

	return r < 0 ? r : r | any;
}
