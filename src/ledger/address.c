/* SPDX-License-Identifier: Apache-2.0
 * Addresses: the dictionary both ways, and the outputs of one, which the index lists in ascending order. */
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
