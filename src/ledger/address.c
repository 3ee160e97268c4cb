/* SPDX-License-Identifier: Apache-2.0
 * Addresses: the dictionary both ways, and the outputs of one, which the index lists in ascending order. */
#include "chain/address.h"
#include "chain/network.h"
#include "ledger/segment.h"

int ledger_address_find(const struct ledger *l, const struct address *a, uint32_t *ret_id)
{
	struct ledger_probe p;
	uint64_t row;

	if (a->len > ADDRESS_PAYLOAD_MAX || a->kind == ADDRESS_NONE)
		return -ERR_NOENT;
	ledger_probe_init(l->segment, l->manifest.segment_n, LEDGER_TABLE_ADDRESS,
			  ledger_fingerprint_address(l->key16, a->kind, a->payload, a->len), &p);
	while (ledger_probe_next(&p, &row)) {
		const struct ledger_address_row *r = view_address(&l->v, row);

		if (row == 0 || r->type != a->kind || r->payload_len != a->len ||
		    memcmp(r->payload, a->payload, a->len) != 0)
			continue;
		*ret_id = (uint32_t)row;
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

/* The outputs of one address: the parts that the segments list, own outputs of all segments first, then the foreign ones, which
 * a segment lists at its end. The order is thus ascending over all. */
struct out_list {
	struct segment_list part[2 * LEDGER_SEGMENTS_MAX];
	uint32_t part_n;
	uint64_t n;
};

/* How many outputs of a list are below a mark. */
static uint64_t list_below(const struct segment_list *s, uint64_t mark)
{
	uint64_t low = 0, high = s->n;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (ledger_load40(s->p + mid * 5) < mark)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void list_add(struct out_list *list, const uint8_t *p, uint64_t n)
{
	if (n == 0)
		return;
	list->part[list->part_n++] = (struct segment_list){p, n};
	list->n += n;
}

static int out_list_of(const struct ledger *l, uint32_t id, struct out_list *ret)
{
	struct segment_list foreign[LEDGER_SEGMENTS_MAX];

	ret->part_n = 0;
	ret->n = 0;
	if (id == 0 || id >= l->v.counts.address_n)
		return -ERR_RANGE;
	for (uint32_t i = 0; i < l->manifest.segment_n; i++) {
		struct segment_list s;
		uint64_t own;

		if (segment_list_of(&l->segment[i], id, &s) < 0)
			return -ERR_CORRUPT;
		own = l->info.foreign_n ? list_below(&s, LEDGER_FOREIGN_BASE) : s.n;
		list_add(ret, s.p, own);
		foreign[i] = (struct segment_list){s.p ? s.p + own * 5 : NULL, s.n - own};
	}
	for (uint32_t i = 0; i < l->manifest.segment_n; i++)
		list_add(ret, foreign[i].p, foreign[i].n);
	return 0;
}

/* A walk along a list; each output is checked to be one of this address. */
struct out_walk {
	const struct segment_list *part, *end;
	uint64_t i;
};

static struct out_walk out_walk_of(const struct out_list *list)
{
	return (struct out_walk){list->part, list->part + list->part_n, 0};
}

/* 1 and the next output; 0 at the end; -ERR_CORRUPT the index is damaged. */
static int out_walk_next(const struct ledger *l, struct out_walk *w, uint32_t id, uint64_t *ret)
{
	if (w->part == w->end)
		return 0;
	*ret = ledger_load40(w->part->p + w->i * 5);
	if (++w->i == w->part->n) {
		w->part++;
		w->i = 0;
	}
	return ledger_out_address(l, *ret) == id ? 1 : -ERR_CORRUPT;
}

int64_t ledger_address_outputs(const struct ledger *l, uint32_t id, uint64_t after, uint64_t *outs,
			       size_t max)
{
	struct out_list list;
	struct out_walk w;
	size_t n = 0;
	int r;

	r = out_list_of(l, id, &list);
	if (r < 0)
		return r;
	w = out_walk_of(&list);
	for (; after != LEDGER_OUTPUT_NONE && w.part < w.end; w.part++) {
		w.i = list_below(w.part, after + 1);
		if (w.i < w.part->n)
			break;
		w.i = 0;
	}
	while (n < max && (r = out_walk_next(l, &w, id, &outs[n])) > 0)
		n++;
	return r < 0 ? r : (int64_t)n;
}
