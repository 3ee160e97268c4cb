/* SPDX-License-Identifier: Apache-2.0
 * Questions about addresses: the dictionary both ways, totals, and pages of transactions.
 *
 * The index lists an address's outputs in ascending order. A page of transactions needs the `max` smallest (or largest)
 * txnums behind a mark, out of those that paid and those that spent; they are kept in a bounded heap while the list is
 * walked once, so that memory depends on the page and not on the address. */
#include "chain/address.h"
#include "chain/network.h"
#include "ledger/ledger-int.h"

int ledger_address_find(const struct ledger *l, const struct address *a, uint32_t *ret_id)
{
	struct ledger_probe p;
	uint32_t row;

	if (a->len > ADDRESS_PAYLOAD_MAX || a->kind == ADDRESS_NONE)
		return -ERR_NOENT;
	ledger_probe_init(l, LEDGER_CHUNK_ADDRESS_DIR, LEDGER_CHUNK_ADDRESS_ENTRY,
			  ledger_fingerprint_address(l->key16, a->kind, a->payload, a->len),
			  l->v.counts.address_n, &p);
	while (ledger_probe_next(&p, &row)) {
		const struct ledger_address_row *r = view_address(&l->v, row);

		if (row == 0 || r->type != a->kind || r->payload_len != a->len ||
		    memcmp(r->payload, a->payload, a->len) != 0)
			continue;
		*ret_id = row;
		return 0;
	}
	return -ERR_NOENT;
}

int ledger_address_find_text(const struct ledger *l, const char *text, uint32_t *ret_id,
			     struct err *e)
{
	struct address_info info;
	int r;

	r = address_parse(text, strlen(text), &info, e);
	if (r < 0)
		return r;
	if (!(info.nets & NET_BIT(network_net(l->network))))
		return err_set(e, ERR_NETWORK, "address", "%s: not an address of %s", text,
			       l->network->title);
	r = ledger_address_find(l, &info.address, ret_id);
	if (r == -ERR_NOENT)
		return err_set(e, r, "address", "%s: never seen on %s up to block %u", text,
			       l->network->title, l->info.height);
	return r;
}

int ledger_address_get(const struct ledger *l, uint32_t id, struct address *ret_a)
{
	const struct ledger_address_row *r;
	struct address a;

	if (id == 0 || id >= l->v.counts.address_n)
		return -ERR_RANGE;
	r = view_address(&l->v, id);
	if (r->type == ADDRESS_NONE || r->type > ADDRESS_KIND_MAX ||
	    address_make((enum address_kind)r->type, r->payload, r->payload_len, &a) < 0)
		return -ERR_CORRUPT;
	*ret_a = a;
	return 0;
}

int ledger_address_text(const struct ledger *l, uint32_t id,
			char out[static LEDGER_ADDRESS_TEXT_MAX])
{
	struct address a;
	int r;

	static_assert((int)LEDGER_ADDRESS_TEXT_MAX == (int)ADDRESS_TEXT_MAX, "address text");
	r = ledger_address_get(l, id, &a);
	if (r < 0)
		return r;
	return address_text(&a, network_net(l->network), out) < 0 ? -ERR_CORRUPT : 0;
}

/* The outputs of one address, inside the index. */
struct out_list {
	const uint8_t *p;
	uint64_t n;
};

static int out_list_of(const struct ledger *l, uint32_t id, struct out_list *ret)
{
	const struct ledger_chunk_view *start = ledger_chunk(l, LEDGER_CHUNK_CSR_START);
	const struct ledger_chunk_view *outs = ledger_chunk(l, LEDGER_CHUNK_CSR_OUTPUT);
	uint64_t from, to;

	if (id == 0 || id >= l->v.counts.address_n)
		return -ERR_RANGE;
	from = ledger_load40(start->p + (uint64_t)id * 5);
	to = ledger_load40(start->p + ((uint64_t)id + 1) * 5);
	if (from > to || to > outs->row_n)
		return -ERR_CORRUPT;
	*ret = (struct out_list){outs->p + from * 5, to - from};
	return 0;
}

/* The i-th output, checked to be one of this address; LEDGER_OUTPUT_NONE if the index is damaged. */
static uint64_t out_list_at(const struct ledger *l, const struct out_list *list, uint32_t id,
			    uint64_t i)
{
	uint64_t o = ledger_load40(list->p + i * 5);

	return ledger_out_address(l, o) == id ? o : LEDGER_OUTPUT_NONE;
}

int64_t ledger_address_outputs(const struct ledger *l, uint32_t id, uint64_t after, uint64_t *outs,
			       size_t max)
{
	struct out_list list;
	uint64_t low = 0, high;
	size_t n = 0;
	int r;

	r = out_list_of(l, id, &list);
	if (r < 0)
		return r;
	high = after == LEDGER_OUTPUT_NONE ? 0 : list.n;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (ledger_load40(list.p + mid * 5) <= after)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < list.n && n < max; low++) {
		outs[n] = out_list_at(l, &list, id, low);
		if (outs[n++] == LEDGER_OUTPUT_NONE)
			return -ERR_CORRUPT;
	}
	return (int64_t)n;
}

/* The transactions wanted for a page: the `max` that come first in its order among those seen, from low_tx to high_tx. They
 * are gathered in room for several pages; when it is full, it is sorted, equal ones go, and all behind the page go. */
struct page {
	uint32_t *tx;
	size_t n, max, room;
	uint32_t low_tx, high_tx;   /* the range still wanted; empty when low_tx > high_tx */
	uint64_t low_out, high_out; /* outputs made in that range: low_out <= o < high_out */
	bool newest_first;
};

static void page_bounds(const struct ledger *l, struct page *p)
{
	p->low_out = ledger_first_out(l, p->low_tx);
	p->high_out = p->high_tx == UINT32_MAX ? l->v.counts.output_n
					       : ledger_first_out(l, p->high_tx + 1);
}

static int tx_ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int tx_descending(const void *a, const void *b)
{
	return tx_ascending(b, a);
}

static void page_prune(const struct ledger *l, struct page *p)
{
	size_t n = 0;

	qsort(p->tx, p->n, sizeof(*p->tx), p->newest_first ? tx_descending : tx_ascending);
	for (size_t i = 0; i < p->n && n < p->max; i++)
		if (n == 0 || p->tx[n - 1] != p->tx[i])
			p->tx[n++] = p->tx[i];
	p->n = n;
	if (n < p->max)
		return;
	if (p->newest_first)
		p->low_tx = p->tx[n - 1];
	else
		p->high_tx = p->tx[n - 1];
	page_bounds(l, p);
}

static void page_add(const struct ledger *l, struct page *p, uint32_t txnum)
{
	if (txnum < p->low_tx || txnum > p->high_tx)
		return;
	if (p->n == p->room)
		page_prune(l, p);
	p->tx[p->n++] = txnum;
}

static int page_fill(const struct ledger *l, uint32_t id, const struct out_list *list,
		     struct page *p)
{
	for (uint64_t i = 0; i < list->n; i++) {
		uint64_t o = out_list_at(l, list, id, i);
		uint32_t spender;

		if (o == LEDGER_OUTPUT_NONE)
			return -ERR_CORRUPT;
		if (o >= p->low_out && o < p->high_out)
			page_add(l, p, ledger_tx_of_output(&l->v, o));
		spender = ledger_out_spender(l, o);
		if (spender && !view_tx_coinbase(&l->v, spender))
			page_add(l, p, spender);
	}
	page_prune(l, p);
	return 0;
}

static int move_fill(const struct ledger *l, uint32_t id, uint32_t txnum, struct ledger_move *ret)
{
	struct ledger_move m = {.txnum = txnum};
	struct ledger_tx tx;

	if (ledger_tx_get(l, txnum, &tx) < 0)
		return -ERR_CORRUPT;
	m.height = tx.height;
	m.time_s = tx.time_s;
	for (uint32_t i = 0; i < tx.out_n; i++)
		if (ledger_out_address(l, tx.first_out + i) == id)
			m.received += ledger_out_value(l, tx.first_out + i);
	for (uint32_t i = 0; i < tx.in_n; i++) {
		uint64_t o = ledger_in_output(l, tx.first_in + i);

		if (ledger_out_address(l, o) == id)
			m.sent += ledger_out_value(l, o);
	}
	*ret = m;
	return 0;
}

enum { PAGE_ROOM = 4 /* pages gathered between two sorts */ };

int64_t ledger_address_moves(const struct ledger *l, uint32_t id, enum ledger_order order,
			     int64_t after, struct ledger_move *moves, size_t max)
{
	struct page p = {.max = max, .room = max * PAGE_ROOM, .high_tx = UINT32_MAX};
	_cleanup_(freep) uint32_t *room = NULL;
	struct out_list list;
	int r;

	if (max == 0 || max > LEDGER_PAGE_MAX || after < -1 || after > UINT32_MAX)
		return -ERR_RANGE;
	p.newest_first = order == LEDGER_NEWEST_FIRST;
	if (after == (p.newest_first ? 0 : UINT32_MAX))
		return 0;
	if (after >= 0 && p.newest_first)
		p.high_tx = (uint32_t)after - 1;
	else if (after >= 0)
		p.low_tx = (uint32_t)after + 1;
	page_bounds(l, &p);
	r = out_list_of(l, id, &list);
	if (r < 0)
		return r;
	p.tx = room = malloc(p.room * sizeof(*room));
	if (!room)
		return -ERR_NOMEM;
	r = page_fill(l, id, &list, &p);
	for (size_t i = 0; r == 0 && i < p.n; i++)
		r = move_fill(l, id, p.tx[i], &moves[i]);
	return r < 0 ? r : (int64_t)p.n;
}

/* A transaction that takes from an address counts once, at the first of its inputs that does, and not at all when it
 * pays the address too, since it was counted there. So no list has to be kept. */
static bool spend_counts(const struct ledger *l, uint32_t id, uint32_t spender, uint64_t output)
{
	uint64_t in = ledger_first_in(l, spender), in_end = ledger_first_in(l, spender + 1);

	for (; in < in_end; in++) {
		uint64_t o = ledger_in_output(l, in);

		if (o == output)
			break;
		if (ledger_out_address(l, o) == id)
			return false;
	}
	for (uint64_t o = ledger_first_out(l, spender); o < ledger_first_out(l, spender + 1); o++)
		if (ledger_out_address(l, o) == id)
			return false;
	return true;
}

static void balance_seen(struct ledger_balance *b, uint32_t txnum)
{
	if (b->tx_n == 0 || txnum < b->first_tx)
		b->first_tx = txnum;
	if (b->tx_n == 0 || txnum > b->last_tx)
		b->last_tx = txnum;
	b->tx_n++;
}

static void balance_spend(const struct ledger *l, uint32_t id, uint64_t o, struct ledger_balance *b)
{
	uint32_t spender = ledger_out_spender(l, o);

	if (spender == 0)
		return;
	if (view_tx_coinbase(&l->v, spender)) {
		b->lost += ledger_out_value(l, o);
		return;
	}
	b->sent += ledger_out_value(l, o);
	b->sent_n++;
	if (spend_counts(l, id, spender, o))
		balance_seen(b, spender);
}

static int balance_add(const struct ledger *l, uint32_t id, const struct out_list *list,
		       struct ledger_balance *b)
{
	uint64_t next_tx_out = 0; /* first output behind the transaction counted last */

	for (uint64_t i = 0; i < list->n; i++) {
		uint64_t o = out_list_at(l, list, id, i);

		if (o == LEDGER_OUTPUT_NONE)
			return -ERR_CORRUPT;
		if (__builtin_add_overflow(b->received, ledger_out_value(l, o), &b->received))
			return -ERR_CORRUPT;
		b->received_n++;
		if (o < l->v.counts.output_n && o >= next_tx_out) {
			uint32_t txnum = ledger_tx_of_output(&l->v, o);

			balance_seen(b, txnum);
			next_tx_out = ledger_first_out(l, txnum + 1);
		}
		balance_spend(l, id, o, b);
	}
	return 0;
}

int ledger_address_balance(const struct ledger *l, uint32_t id, struct ledger_balance *ret_b)
{
	struct ledger_balance b = {0};
	struct out_list list;
	struct ledger_tx first, last;
	int r;

	r = out_list_of(l, id, &list);
	if (r == 0)
		r = balance_add(l, id, &list, &b);
	if (r < 0)
		return r;
	if (b.sent + b.lost > b.received)
		return -ERR_CORRUPT;
	b.balance = b.received - b.sent - b.lost;
	if (b.tx_n &&
	    (ledger_tx_get(l, b.first_tx, &first) < 0 || ledger_tx_get(l, b.last_tx, &last) < 0))
		return -ERR_CORRUPT;
	b.first_seen_s = b.tx_n ? first.time_s : 0;
	b.last_seen_s = b.tx_n ? last.time_s : 0;
	*ret_b = b;
	return 0;
}
