/* SPDX-License-Identifier: Apache-2.0
 * Questions about blocks, transactions and outputs: arithmetic on the columns.
 *
 * Invariants, which hold on damaged columns too: no row is read at or above its count; a spender at or above tx_n is
 * unspent (an import that runs meanwhile wrote it); an id out of range is "nothing" on the fast paths and -ERR_CORRUPT
 * on those that can say so. */
#include "crypto/crypto.h"
#include "ledger/segment.h"

uint64_t ledger_fingerprint(const uint8_t key16[static 16], const uint8_t p32[static 32])
{
	return siphash24(key16, p32, 32);
}

uint64_t ledger_fingerprint_address(const uint8_t key16[static 16], uint8_t type,
				    const uint8_t *payload, size_t payload_len)
{
	uint8_t b[33] = {type};

	assert(payload_len <= 32);
	memcpy(b + 1, payload, payload_len);
	return siphash24(key16, b, 1 + payload_len);
}

uint64_t ledger_block_of_tx(const struct ledger_view *v, uint32_t txnum)
{
	uint64_t low = 0, high = v->counts.block_n;

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (le32toh(view_block(v, mid)->first_tx_le) <= txnum)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* First the group of 64, whose first outputs lie close together, then the place in it. */
uint32_t ledger_tx_of_output(const struct ledger_view *v, uint64_t output)
{
	uint64_t low = 0, high = (v->counts.tx_n + LEDGER_GROUP_TX - 1) / LEDGER_GROUP_TX;

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (view_u64(v, LEDGER_COL_TX_OUT_BASE, mid) <= output)
			low = mid;
		else
			high = mid;
	}
	low *= LEDGER_GROUP_TX;
	high = low + LEDGER_GROUP_TX < v->counts.tx_n ? low + LEDGER_GROUP_TX : v->counts.tx_n;
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (view_first_out(v, mid) <= output)
			low = mid;
		else
			high = mid;
	}
	return (uint32_t)low;
}

/* Addresses whose first output stands before a point; ids are given in that order, foreign ones after their block's own. */
static uint64_t addresses_at(const struct ledger_view *v, uint64_t output, uint64_t foreign)
{
	uint64_t low = 1, high = v->counts.address_n;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		uint64_t first = ledger_load40(view_address(v, mid)->first_out40);

		if (first < LEDGER_FOREIGN_BASE ? first < output
						: first - LEDGER_FOREIGN_BASE < foreign)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint64_t foreign_at(const struct ledger_view *v, uint64_t tx)
{
	uint64_t low = 0, high = v->counts.foreign_n;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (le32toh(view_foreign(v, mid)->spender_le) < tx)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct ledger_rows ledger_rows_at(const struct ledger_view *v, uint64_t block)
{
	struct ledger_rows r = {.block = block, .tx = v->counts.tx_n};

	if (block < v->counts.block_n)
		r.tx = le32toh(view_block(v, block)->first_tx_le);
	if (r.tx > v->counts.tx_n)
		r.tx = v->counts.tx_n;
	r.output = view_first_out(v, r.tx);
	r.foreign = foreign_at(v, r.tx);
	r.address = addresses_at(v, r.output, r.foreign);
	return r;
}

static int block_fill(const struct ledger *l, uint64_t row, struct ledger_block *ret_b)
{
	const struct ledger_counts *c = &l->v.counts;
	const struct ledger_block_row *b = view_block(&l->v, row);
	uint64_t first = le32toh(b->first_tx_le);
	uint64_t end =
		row + 1 < c->block_n ? le32toh(view_block(&l->v, row + 1)->first_tx_le) : c->tx_n;
	uint32_t time_le;

	if (first >= end || end > c->tx_n)
		return -ERR_CORRUPT;
	memcpy(&time_le, b->header80 + 68, 4);
	*ret_b = (struct ledger_block){
		.height = (uint32_t)(c->first_height + row),
		.first_tx = (uint32_t)first,
		.tx_n = (uint32_t)(end - first),
		.size = le32toh(b->size_le),
		.file = le32toh(b->file_le),
		.file_off = le64toh(b->file_off_le),
		.time_s = le32toh(time_le),
	};
	memcpy(ret_b->hash32, b->hash32, 32);
	memcpy(ret_b->prev32, b->header80 + 4, 32);
	return 0;
}

int ledger_block_at(const struct ledger *l, uint32_t height, struct ledger_block *ret_b)
{
	const struct ledger_counts *c = &l->v.counts;

	if (height < c->first_height || height - c->first_height >= c->block_n)
		return -ERR_NOENT;
	return block_fill(l, height - c->first_height, ret_b);
}

int ledger_block_find(const struct ledger *l, const uint8_t hash32[static 32],
		      struct ledger_block *ret_b)
{
	struct ledger_probe p;
	uint64_t row;

	ledger_probe_init(l->segment, l->manifest.segment_n, LEDGER_TABLE_BLOCK,
			  ledger_fingerprint(l->key16, hash32), &p);
	while (ledger_probe_next(&p, &row))
		if (memcmp(view_block(&l->v, row)->hash32, hash32, 32) == 0)
			return block_fill(l, row, ret_b);
	return -ERR_NOENT;
}

int ledger_tx_find(const struct ledger *l, const uint8_t txid32[static 32], uint32_t *ret_txnum)
{
	struct ledger_probe p;
	uint64_t row, best = 0;
	bool found = false;

	ledger_probe_init(l->segment, l->manifest.segment_n, LEDGER_TABLE_TX,
			  ledger_fingerprint(l->key16, txid32), &p);
	while (ledger_probe_next(&p, &row)) {
		if (memcmp(l->v.col[LEDGER_COL_TXID] + row * 32, txid32, 32) != 0)
			continue;
		best = !found || row > best ? row : best;
		found = true;
	}
	if (!found)
		return -ERR_NOENT;
	*ret_txnum = (uint32_t)best;
	return 0;
}

int ledger_tx_get(const struct ledger *l, uint32_t txnum, struct ledger_tx *ret_tx)
{
	const struct ledger_view *v = &l->v;
	uint64_t out, out_end, in, in_end;
	struct ledger_block b;

	if (txnum >= v->counts.tx_n)
		return -ERR_RANGE;
	if (block_fill(l, ledger_block_of_tx(v, txnum), &b) < 0)
		return -ERR_CORRUPT;
	out = view_first_out(v, txnum);
	out_end = view_first_out(v, (uint64_t)txnum + 1);
	in = view_first_in(v, txnum);
	in_end = view_first_in(v, (uint64_t)txnum + 1);
	if (txnum < b.first_tx || txnum - b.first_tx >= b.tx_n || out > out_end || in > in_end ||
	    out_end - out > LEDGER_TX_ROWS_MAX || in_end - in > LEDGER_TX_ROWS_MAX)
		return -ERR_CORRUPT;
	*ret_tx = (struct ledger_tx){
		.txnum = txnum,
		.height = b.height,
		.time_s = b.time_s,
		.position = txnum - b.first_tx,
		.coinbase = txnum == b.first_tx,
		.in_n = (uint32_t)(in_end - in),
		.out_n = (uint32_t)(out_end - out),
		.first_in = in,
		.first_out = out,
	};
	memcpy(ret_tx->txid32, v->col[LEDGER_COL_TXID] + (uint64_t)txnum * 32, 32);
	return 0;
}

uint32_t ledger_tx_height(const struct ledger *l, uint32_t txnum)
{
	if (txnum >= l->v.counts.tx_n)
		return l->info.height;
	return (uint32_t)(l->v.counts.first_height + ledger_block_of_tx(&l->v, txnum));
}

int ledger_tx_fee(const struct ledger *l, uint32_t txnum, uint64_t *ret_fee)
{
	struct ledger_tx tx;
	uint64_t in = 0, out = 0;
	int r;

	r = ledger_tx_get(l, txnum, &tx);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < tx.in_n; i++) {
		uint64_t o = ledger_in_output(l, tx.first_in + i);

		if (o == LEDGER_OUTPUT_NONE)
			return -ERR_CORRUPT;
		if (!ledger_out_known(l, o))
			return -ERR_UNSUPPORTED;
		if (__builtin_add_overflow(in, ledger_out_value(l, o), &in))
			return -ERR_CORRUPT;
	}
	for (uint32_t i = 0; i < tx.out_n; i++)
		if (__builtin_add_overflow(out, ledger_out_value(l, tx.first_out + i), &out))
			return -ERR_CORRUPT;
	if (!tx.coinbase && out > in)
		return -ERR_CORRUPT;
	*ret_fee = tx.coinbase ? 0 : in - out;
	return 0;
}

uint64_t ledger_first_out(const struct ledger *l, uint32_t txnum)
{
	return txnum < l->v.counts.tx_n ? view_first_out(&l->v, txnum) : l->v.counts.output_n;
}

uint64_t ledger_first_in(const struct ledger *l, uint32_t txnum)
{
	return txnum < l->v.counts.tx_n ? view_first_in(&l->v, txnum) : l->v.counts.input_n;
}

static bool foreign_valid(const struct ledger_view *v, uint64_t output)
{
	return output >= LEDGER_FOREIGN_BASE && output - LEDGER_FOREIGN_BASE < v->counts.foreign_n;
}

uint64_t ledger_in_output(const struct ledger *l, uint64_t input)
{
	const struct ledger_view *v = &l->v;
	uint64_t o;

	if (input >= v->counts.input_n)
		return LEDGER_OUTPUT_NONE;
	o = ledger_load40(v->col[LEDGER_COL_IN_OUTPUT] + input * 5);
	return o < v->counts.output_n || foreign_valid(v, o) ? o : LEDGER_OUTPUT_NONE;
}

uint64_t ledger_out_value(const struct ledger *l, uint64_t output)
{
	if (output < l->v.counts.output_n)
		return view_u64(&l->v, LEDGER_COL_VALUE, output);
	if (foreign_valid(&l->v, output))
		return le64toh(view_foreign(&l->v, output - LEDGER_FOREIGN_BASE)->value_le);
	return 0;
}

uint32_t ledger_out_address(const struct ledger *l, uint64_t output)
{
	uint32_t a = 0;

	if (output < l->v.counts.output_n)
		a = view_u32(&l->v, LEDGER_COL_OUT_ADDRESS, output);
	else if (foreign_valid(&l->v, output))
		a = le32toh(view_foreign(&l->v, output - LEDGER_FOREIGN_BASE)->address_le);
	return a < l->v.counts.address_n ? a : 0;
}

uint32_t ledger_out_spender(const struct ledger *l, uint64_t output)
{
	uint32_t s = 0;

	if (output < l->v.counts.output_n)
		s = view_u32(&l->v, LEDGER_COL_OUT_SPENDER, output);
	else if (foreign_valid(&l->v, output))
		s = le32toh(view_foreign(&l->v, output - LEDGER_FOREIGN_BASE)->spender_le);
	return s < l->v.counts.tx_n ? s : 0;
}

bool ledger_out_known(const struct ledger *l, uint64_t output)
{
	if (foreign_valid(&l->v, output))
		return le32toh(view_foreign(&l->v, output - LEDGER_FOREIGN_BASE)->flags_le) &
		       LEDGER_FOREIGN_KNOWN;
	return output < l->v.counts.output_n;
}

uint32_t ledger_out_tx(const struct ledger *l, uint64_t output)
{
	return output < l->v.counts.output_n ? ledger_tx_of_output(&l->v, output) : UINT32_MAX;
}

/* Which input of its spender takes the output. */
static int spend_fill(const struct ledger *l, struct ledger_output *o)
{
	struct ledger_tx tx;

	if (o->spender == 0)
		return 0;
	if (ledger_tx_get(l, o->spender, &tx) < 0)
		return -ERR_CORRUPT;
	if (tx.coinbase) {
		o->spend = LEDGER_LOST;
		return 0;
	}
	for (uint32_t i = 0; i < tx.in_n; i++) {
		if (ledger_in_output(l, tx.first_in + i) != o->output)
			continue;
		o->spend = LEDGER_SPENT;
		o->spender_position = i;
		return 0;
	}
	return -ERR_CORRUPT;
}

int ledger_output_get(const struct ledger *l, uint64_t output, struct ledger_output *ret_o)
{
	const struct ledger_view *v = &l->v;
	struct ledger_output o = {.output = output, .spend = LEDGER_UNSPENT};
	int r;

	if (foreign_valid(v, output)) {
		const struct ledger_foreign_row *f = view_foreign(v, output - LEDGER_FOREIGN_BASE);

		o.foreign = true;
		o.txnum = UINT32_MAX;
		o.position = le32toh(f->position_le);
		memcpy(o.txid32, f->txid32, 32);
	} else if (output < v->counts.output_n) {
		o.txnum = ledger_tx_of_output(v, output);
		o.position = (uint32_t)(output - view_first_out(v, o.txnum));
		memcpy(o.txid32, v->col[LEDGER_COL_TXID] + (uint64_t)o.txnum * 32, 32);
	} else {
		return -ERR_RANGE;
	}
	o.value = ledger_out_value(l, output);
	o.address = ledger_out_address(l, output);
	o.known = ledger_out_known(l, output);
	o.spender = ledger_out_spender(l, output);
	r = spend_fill(l, &o);
	if (r < 0)
		return r;
	*ret_o = o;
	return 0;
}
