/* SPDX-License-Identifier: Apache-2.0
 * Index segments for reading.
 *
 * What a segment's rows imply is checked when it is opened: every chunk's place and size. What stands in the chunks is
 * checked where it is used: a directory slot against the entries, a row against the segment's rows, a list's start against the
 * list. So a damaged segment hides rows or shows ones that the caller's comparison refuses, and nothing is read out of range. */
#include "ledger/segment.h"
#include <inttypes.h>

uint32_t segment_bits(uint64_t n)
{
	uint32_t k = 0;

	while (((uint64_t)LEDGER_BUCKET_ROWS << k) < n)
		k++;
	return k;
}

static void chunk_put(struct segment_layout *l, enum ledger_chunk id, uint32_t row_bytes,
		      uint64_t row_n)
{
	l->len = (l->len + LEDGER_ALIGN - 1) / LEDGER_ALIGN * LEDGER_ALIGN;
	l->chunk[id - LEDGER_CHUNK_TXID_DIR] =
		(struct ledger_chunk_row){(uint32_t)id, row_bytes, l->len, row_n};
	l->len += row_bytes * row_n;
}

static void table_put(struct segment_layout *l, enum ledger_table t, uint64_t row_n)
{
	chunk_put(l, (enum ledger_chunk)t, 4, (UINT64_C(1) << segment_bits(row_n)) + 1);
	chunk_put(l, (enum ledger_chunk)(t + 1), 8, row_n);
}

struct segment_layout segment_layout(const struct ledger_rows *from, const struct ledger_rows *to,
				     uint64_t old, uint64_t listed)
{
	struct segment_layout l = {.len = sizeof(struct ledger_segment_head)};

	table_put(&l, LEDGER_TABLE_TX, to->tx - from->tx);
	table_put(&l, LEDGER_TABLE_ADDRESS, to->address - from->address);
	table_put(&l, LEDGER_TABLE_BLOCK, to->block - from->block);
	chunk_put(&l, LEDGER_CHUNK_LIST_OLD, 4, old);
	chunk_put(&l, LEDGER_CHUNK_LIST_START, 5, old + to->address - from->address + 1);
	chunk_put(&l, LEDGER_CHUNK_LIST_OUTPUT, 5, listed);
	return l;
}

void segment_name(uint64_t height_from, uint64_t height_to, const uint8_t tip32[static 32],
		  char out[static LEDGER_SEGMENT_NAME_MAX])
{
	snprintf(out, LEDGER_SEGMENT_NAME_MAX,
		 "index-%" PRIu64 "-%" PRIu64 "-%02x%02x%02x%02x%02x%02x%02x%02x", height_from,
		 height_to, tip32[31], tip32[30], tip32[29], tip32[28], tip32[27], tip32[26],
		 tip32[25], tip32[24]);
}

static struct ledger_rows rows_decode(const struct ledger_segment_rows *r)
{
	return (struct ledger_rows){le64toh(r->block_le), le64toh(r->tx_le), le64toh(r->output_le),
				    le64toh(r->address_le), le64toh(r->foreign_le)};
}

/* Within the columns, and as many of each as the blocks can hold. */
static bool rows_valid(const struct ledger_rows *from, const struct ledger_rows *to,
		       const struct ledger_counts *c)
{
	return from->block < to->block && to->block <= c->block_n && from->tx < to->tx &&
	       to->tx <= c->tx_n && from->output <= to->output && to->output <= c->output_n &&
	       from->address >= 1 && from->address <= to->address && to->address <= c->address_n &&
	       from->foreign <= to->foreign && to->foreign <= c->foreign_n;
}

static int chunks_take(struct ledger_segment *s, const struct ledger_segment_head *h,
		       const char *name, struct err *e)
{
	const struct ledger_chunk_row *head = h->chunk;
	uint64_t old = le64toh(head[LEDGER_CHUNK_LIST_OLD - LEDGER_CHUNK_TXID_DIR].row_n_le);
	uint64_t listed = le64toh(head[LEDGER_CHUNK_LIST_OUTPUT - LEDGER_CHUNK_TXID_DIR].row_n_le);
	struct segment_layout want;

	if (old > s->from.address || listed > s->to.output + s->to.foreign)
		return err_set(e, ERR_CORRUPT, "index", "%s: impossible lists", name);
	want = segment_layout(&s->from, &s->to, old, listed);
	for (uint32_t i = 0; i < LEDGER_CHUNK_N; i++) {
		if (le32toh(head[i].id_le) != want.chunk[i].id_le ||
		    le32toh(head[i].row_bytes_le) != want.chunk[i].row_bytes_le ||
		    le64toh(head[i].off_le) != want.chunk[i].off_le ||
		    le64toh(head[i].row_n_le) != want.chunk[i].row_n_le)
			return err_set(e, ERR_CORRUPT, "index",
				       "%s: chunk %" PRIu32 " disagrees with the counts", name, i);
		s->chunk[i] = (struct ledger_chunk_view){s->map.p + want.chunk[i].off_le,
							 want.chunk[i].row_n_le};
	}
	if (want.len != s->map.len)
		return err_set(e, ERR_CORRUPT, "index", "%s: %zu bytes instead of %" PRIu64, name,
			       s->map.len, want.len);
	return 0;
}

int segment_init(struct ledger_segment *s, struct ledger_map map, const struct ledger_view *v,
		 const struct ledger_segment_ref *ref, const char *name, struct err *e)
{
	struct ledger_segment_head h;
	int r;

	*s = (struct ledger_segment){.map = map};
	if (map.len < sizeof(h))
		return err_set(e, ERR_CORRUPT, "index", "%s: too short", name);
	memcpy(&h, map.p, sizeof(h));
	r = ledger_header_check(&h, sizeof(h), v->counts.chain, LEDGER_KIND_INDEX, 0, name, e);
	if (r < 0)
		return r;
	s->from = rows_decode(&h.from);
	s->to = rows_decode(&h.to);
	if (s->from.block != ref->block_from || s->to.block != ref->block_to ||
	    le32toh(h.chunk_n_le) != LEDGER_CHUNK_N || !rows_valid(&s->from, &s->to, &v->counts) ||
	    memcmp(h.header.tip32, view_block(v, ref->block_to - 1)->hash32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "index", "%s: belongs to other blocks", name);
	return chunks_take(s, &h, name, e);
}

int segment_open(const char *dir, const struct ledger_view *v, const struct ledger_segment_ref *ref,
		 struct ledger_segment *ret, struct err *e)
{
	char name[LEDGER_SEGMENT_NAME_MAX];
	struct ledger_map map;
	int r;

	segment_name(v->counts.first_height + ref->block_from,
		     v->counts.first_height + ref->block_to - 1,
		     view_block(v, ref->block_to - 1)->hash32, name);
	r = ledger_map_file(dir, name, ref->len, true, &map, e);
	if (r < 0)
		return r;
	r = segment_init(ret, map, v, ref, name, e);
	if (r < 0)
		ledger_unmap(&ret->map);
	return r;
}

void ledger_probe_init(const struct ledger_segment *segments, uint32_t n, enum ledger_table t,
		       uint64_t fingerprint, struct ledger_probe *p)
{
	*p = (struct ledger_probe){
		.segment = segments, .left = n, .table = t, .fingerprint = fingerprint};
}

bool ledger_probe_next(struct ledger_probe *p, uint64_t *ret_row)
{
	while (!segment_probe_next(&p->in, ret_row)) {
		if (p->left == 0)
			return false;
		segment_probe_init(&p->segment[--p->left], p->table, p->fingerprint, &p->in);
	}
	return true;
}

/* The place where an older address is, or would be, among those paid in the segment, from `low` on: steps that double, then halves. */
static uint64_t old_find(const struct ledger_chunk_view *old, uint32_t address, uint64_t low)
{
	uint64_t high = low, step = 1;

	while (high < old->row_n && segment_u32(old, high) < address) {
		low = high + 1;
		high += step;
		step *= 2;
	}
	high = high < old->row_n ? high : old->row_n;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (segment_u32(old, mid) < address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int segment_list_of(const struct ledger_segment *s, uint32_t address, struct segment_list *ret)
{
	uint64_t at = 0;

	return segment_list_next(s, address, &at, ret);
}

int segment_list_next(const struct ledger_segment *s, uint32_t address, uint64_t *at,
		      struct segment_list *ret)
{
	const struct ledger_chunk_view *old = segment_chunk(s, LEDGER_CHUNK_LIST_OLD);
	const struct ledger_chunk_view *start = segment_chunk(s, LEDGER_CHUNK_LIST_START);
	const struct ledger_chunk_view *outs = segment_chunk(s, LEDGER_CHUNK_LIST_OUTPUT);
	uint64_t i, from, to;

	*ret = (struct segment_list){0};
	if (address >= s->to.address)
		return 0;
	if (address >= s->from.address) {
		i = old->row_n + address - s->from.address;
	} else {
		*at = i = old_find(old, address, *at);
		if (i == old->row_n || segment_u32(old, i) != address)
			return 0;
	}
	from = ledger_load40(start->p + i * 5);
	to = ledger_load40(start->p + (i + 1) * 5);
	if (from > to || to > outs->row_n)
		return -ERR_CORRUPT;
	*ret = (struct segment_list){outs->p + from * 5, to - from};
	return 0;
}
