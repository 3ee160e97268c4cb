/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of parties: totals, histories, holdings and neighbours of addresses and entities as of heights, against a model that
 * reads every transaction of the ledger each time. */
#include "ledger-world.h"
#include "ledger/party.h"

static char top[256];

static const char *at(const char *name)
{
	static char path[8][512];
	static unsigned i;

	i = (i + 1) % 8;
	snprintf(path[i], sizeof(path[i]), "%s/%s", top, name);
	return path[i];
}

static int setup(void **state)
{
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)state;
	snprintf(top, sizeof(top), "%s/test-party-XXXXXX", tmp);
	return crypto_start() < 0 || !mkdtemp(top) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove_tree(top);
	return 0;
}

static struct ledger *open_world(const struct world *w, struct entities **ret_x)
{
	const struct entity_build opt = {0};
	struct ledger_import_result res;
	struct entity_built b;
	struct ledger *l = NULL;
	struct err e = {0};

	world_remove_tree(top);
	assert_int_equal(mkdir(top, 0755), 0);
	world_write(w, at("blocks"), w->block_n);
	if (world_import(at("blocks"), at("ledger"), &res, &e) < 0 ||
	    entities_build(at("ledger"), &opt, &b, &e) < 0 ||
	    ledger_open(at("ledger"), &l, &e) < 0 ||
	    entities_open(at("ledger"), l, 0, ret_x, &e) < 0)
		fail_msg("%s", e.message);
	return l;
}

/* ---- the model ---- */

enum { MOVES = 2000, IDS = 2048, PARTS = 16 };
struct model {
	struct ledger_balance b;
	struct ledger_move move[MOVES];
	uint32_t move_n;
	uint64_t held[MOVES * 8];
	uint32_t held_n;
	uint64_t got[2][IDS], txs[2][IDS]; /* by side and neighbour */
	uint64_t total[2], self[2], fees;
};

/* The rule of entity.md 4, by selection instead of sorting. */
static void split(const uint64_t *value, uint32_t n, uint64_t total, uint64_t part,
		  uint64_t *amount)
{
	uint64_t left = part, rest[PARTS + 1];

	for (uint32_t i = 0; i < n; i++) {
		amount[i] = (uint64_t)((unsigned __int128)value[i] * part / total);
		rest[i] = (uint64_t)((unsigned __int128)value[i] * part % total) + 1;
		left -= amount[i];
	}
	for (; left; left--) {
		uint32_t best = 0;

		for (uint32_t i = 1; i < n; i++)
			best = rest[i] > rest[best] ? i : best;
		amount[best]++;
		rest[best] = 0;
	}
}

static void model_side(struct model *m, const struct party *p, enum party_side side,
		       const struct ledger_output *part, uint32_t n, uint64_t total, uint64_t mine)
{
	uint64_t value[PARTS + 1], amount[PARTS + 1], sum = 0, of[IDS] = {0};

	for (uint32_t i = 0; i < n; i++)
		sum += value[i] = part[i].value;
	value[n] = total - sum;
	m->total[side] += mine;
	if (!mine)
		return;
	split(value, n + (side == PARTY_SENT), total, mine, amount);
	m->fees += side == PARTY_SENT ? amount[n] : 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = party_of(p, part[i].address);

		assert_true(id < IDS);
		if (id == p->id)
			m->self[side] += amount[i];
		else
			of[id] += amount[i];
	}
	for (uint32_t i = 0; i < IDS; i++) {
		m->got[side][i] += of[i];
		m->txs[side][i] += of[i] != 0;
	}
}

static void model_tx(struct model *m, const struct party *p, uint32_t t, uint32_t tip)
{
	struct ledger_output in[PARTS], out[PARTS];
	struct ledger_tx tx;
	struct ledger_move v = {.txnum = t};
	uint64_t total = 0, paid = 0;

	assert_int_equal(ledger_tx_get(p->l, t, &tx), 0);
	for (uint32_t i = 0; i < tx.in_n; i++) {
		assert_int_equal(
			ledger_output_get(p->l, ledger_in_output(p->l, tx.first_in + i), &in[i]),
			0);
		total += in[i].value;
		if (in[i].address && party_of(p, in[i].address) == p->id) {
			v.sent += in[i].value;
			m->b.sent_n++;
		}
	}
	for (uint32_t i = 0; i < tx.out_n; i++) {
		assert_int_equal(ledger_output_get(p->l, tx.first_out + i, &out[i]), 0);
		paid += out[i].value;
		if (!out[i].address || party_of(p, out[i].address) != p->id)
			continue;
		v.received += out[i].value;
		m->b.received_n++;
		bool gone = out[i].spend == LEDGER_SPENT &&
			    ledger_tx_height(p->l, out[i].spender) <= tip;
		if (!gone)
			m->held[m->held_n++] = out[i].output;
	}
	m->b.received += v.received;
	m->b.sent += v.sent;
	if (tx.coinbase) {
		m->total[PARTY_RECEIVED] += v.received;
		m->got[PARTY_RECEIVED][0] += v.received;
		m->txs[PARTY_RECEIVED][0] += v.received != 0;
	} else {
		assert_true(paid <= total);
		model_side(m, p, PARTY_SENT, out, tx.out_n, total, v.sent);
		model_side(m, p, PARTY_RECEIVED, in, tx.in_n, total, v.received);
	}
	bool touched = false;
	for (uint32_t i = 0; i < tx.in_n; i++)
		touched |= in[i].address && party_of(p, in[i].address) == p->id;
	for (uint32_t i = 0; i < tx.out_n; i++)
		touched |= out[i].address && party_of(p, out[i].address) == p->id;
	v.height = tx.height;
	v.time_s = tx.time_s;
	if (touched)
		m->move[m->move_n++] = v;
}

static void model_run(struct model *m, const struct party *p)
{
	const struct ledger_info *info = ledger_info(p->l);
	uint32_t tip = p->height == ENTITY_TIP ? info->height : p->height;

	memset(m, 0, sizeof(*m));
	for (uint32_t t = 0; t < info->tx_n && ledger_tx_height(p->l, t) <= tip; t++)
		model_tx(m, p, t, tip);
	m->b.tx_n = m->move_n;
	m->b.balance = m->b.received - m->b.sent;
}

/* ---- comparison ---- */

static void check_moves(const struct party *p, const struct model *m, bool newest)
{
	struct ledger_move page[5];
	int64_t after = -1, got;
	uint32_t n = 0;

	while ((got = party_moves(p, newest ? LEDGER_NEWEST_FIRST : LEDGER_OLDEST_FIRST, after,
				  page, 5)) != 0) {
		assert_true(got > 0);
		for (int64_t i = 0; i < got; i++, n++) {
			assert_true(n < m->move_n);
			const struct ledger_move *want = &m->move[newest ? m->move_n - 1 - n : n];

			assert_int_equal(page[i].txnum, want->txnum);
			assert_int_equal(page[i].height, want->height);
			assert_int_equal(page[i].time_s, want->time_s);
			assert_int_equal(page[i].received, want->received);
			assert_int_equal(page[i].sent, want->sent);
			after = page[i].txnum;
		}
	}
	assert_int_equal(n, m->move_n);
}

static int u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void check_holdings(const struct party *p, struct model *m)
{
	static uint64_t all[MOVES * 8];
	uint64_t page[3], after = LEDGER_OUTPUT_NONE, sum = 0;
	uint32_t n = 0, after_address = 0;
	int64_t got;

	while ((got = party_holdings(p, after_address, after, page, 3)) != 0) {
		assert_true(got > 0);
		for (int64_t i = 0; i < got; i++)
			all[n++] = page[i];
		after = page[got - 1];
		after_address = ledger_out_address(p->l, after);
	}
	assert_int_equal(n, m->held_n);
	qsort(all, n, sizeof(*all), u64_cmp);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(all[i], m->held[i]);
		sum += ledger_out_value(p->l, all[i]);
	}
	assert_int_equal(sum, m->b.balance);
}

static void check_neighbours(const struct party *p, const struct model *m, enum party_side side)
{
	struct neighbours n;
	uint64_t sum = 0, rows = 0;

	assert_int_equal(party_neighbours(p, side, 0, &n), 0);
	assert_false(n.partial);
	assert_int_equal(n.total, m->total[side]);
	assert_int_equal(n.self, m->self[side]);
	assert_int_equal(n.fees, side == PARTY_SENT ? m->fees : 0);
	for (uint64_t i = 0; i < n.n; i++) {
		const struct neighbour *r = &n.row[i];

		assert_int_equal(r->amount, m->got[side][r->id]);
		assert_int_equal(r->tx_n, m->txs[side][r->id]);
		assert_true(r->first_tx <= r->last_tx);
		assert_true(i == 0 || r->amount < r[-1].amount ||
			    (r->amount == r[-1].amount && r->id > r[-1].id));
		sum += r->amount;
	}
	for (uint32_t i = 0; i < IDS; i++)
		rows += m->got[side][i] != 0;
	assert_int_equal(n.n, rows);
	assert_int_equal(sum + n.self + n.fees, n.total);
	neighbours_done(&n);
}

static void check_party(const struct party *p)
{
	static struct model m;
	struct ledger_balance b;

	model_run(&m, p);
	assert_int_equal(party_balance(p, &b), 0);
	assert_int_equal(b.received, m.b.received);
	assert_int_equal(b.sent, m.b.sent);
	assert_int_equal(b.balance, m.b.balance);
	assert_int_equal(b.received_n, m.b.received_n);
	assert_int_equal(b.sent_n, m.b.sent_n);
	assert_int_equal(b.tx_n, m.b.tx_n);
	if (b.tx_n) {
		assert_int_equal(b.first_tx, m.move[0].txnum);
		assert_int_equal(b.last_tx, m.move[m.move_n - 1].txnum);
		assert_int_equal(b.last_seen_s, m.move[m.move_n - 1].time_s);
	}
	check_moves(p, &m, false);
	check_moves(p, &m, true);
	check_holdings(p, &m);
	check_neighbours(p, &m, PARTY_RECEIVED);
	check_neighbours(p, &m, PARTY_SENT);
}

static void check_supply(const struct ledger *l, uint32_t height)
{
	struct ledger_supply s;
	uint64_t held = 0, holders = 0, minted = 0, fees = 0, nobody = 0;
	uint32_t t = 0;

	assert_int_equal(ledger_supply(l, height, &s), 0);
	for (uint32_t a = 1; a < ledger_info(l)->address_n; a++) {
		const struct party p = {.l = l, .id = a, .height = height};
		struct ledger_balance b;

		assert_int_equal(party_balance(&p, &b), 0);
		held += b.balance;
		holders += b.balance != 0;
	}
	for (; t < ledger_info(l)->tx_n && ledger_tx_height(l, t) <= height; t++) {
		struct ledger_tx tx;
		uint64_t fee;

		assert_int_equal(ledger_tx_get(l, t, &tx), 0);
		assert_int_equal(ledger_tx_fee(l, t, &fee), 0);
		fees += fee;
		for (uint32_t i = 0; i < tx.out_n; i++) {
			minted += tx.coinbase ? ledger_out_value(l, tx.first_out + i) : 0;
			if (!ledger_out_address(l, tx.first_out + i))
				nobody += ledger_out_value(l, tx.first_out + i);
		}
	}
	assert_int_equal(s.unspent, held);
	assert_true(s.holder_n >= holders);
	assert_int_equal(s.nobody, nobody);
	assert_int_equal(s.unspent + s.nobody + s.lost, minted - fees);
}

static void test_against_the_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct world *w = world_new(seed, 110 + (uint32_t)seed * 5, 2 + (uint32_t)seed);
		struct entities *x;
		struct ledger *l = open_world(w, &x);
		uint32_t n = (uint32_t)ledger_info(l)->address_n, entities = 0;
		uint32_t heights[] = {ENTITY_TIP, 60, 8};

		assert_true(n < IDS);
		for (uint32_t a = 1; a < n; a += 7)
			for (size_t h = 0; h < 3; h++)
				check_party(&(struct party){.l = l, .id = a, .height = heights[h]});
		for (uint32_t a = 1; a < n; a++) {
			if (entity_of(x, a, ENTITY_TIP) == a && entities++ < 12)
				check_party(&(struct party){
					.l = l, .x = x, .id = a, .height = ENTITY_TIP});
			if (entity_of(x, a, 8) == a && a % 9 == 1)
				check_party(&(struct party){.l = l, .x = x, .id = a, .height = 8});
		}
		for (size_t h = 1; h < 3; h++)
			check_supply(l, heights[h]);
		check_supply(l, ledger_info(l)->height);
		entities_close(x);
		ledger_close(l);
		world_free(w);
	}
}

static void test_limits(void **state)
{
	struct world *w = world_new(9, 80, 6);
	struct entities *x;
	struct ledger *l = open_world(w, &x);
	struct party p = {.l = l, .id = (uint32_t)ledger_info(l)->address_n, .height = ENTITY_TIP};
	struct ledger_balance b;
	struct ledger_move move;
	struct ledger_supply s;
	struct neighbours n;
	uint64_t o;

	(void)state;
	for (int i = 0; i < 2; i++, p.x = x) {
		assert_int_equal(party_balance(&p, &b), -ERR_RANGE);
		assert_int_equal(party_moves(&p, LEDGER_OLDEST_FIRST, -1, &move, 1), -ERR_RANGE);
		assert_int_equal(party_neighbours(&p, PARTY_SENT, 0, &n), -ERR_RANGE);
		assert_null(n.row);
		assert_int_equal(party_holdings(&p, 0, LEDGER_OUTPUT_NONE, &o, 1), -ERR_RANGE);
	}
	p = (struct party){.l = l, .x = x, .id = 1, .height = ENTITY_TIP};
	assert_int_equal(party_moves(&p, LEDGER_OLDEST_FIRST, -1, &move, 0), -ERR_RANGE);
	assert_int_equal(party_holdings(&p, 0, LEDGER_OUTPUT_NONE, &o, 0), -ERR_RANGE);
	assert_int_equal(ledger_supply(l, ledger_info(l)->height + 1, &s), -ERR_NOENT);
	for (p.id = 2; entity_size(x, p.id, ENTITY_TIP) < 20; p.id++)
		assert_true(p.id < ledger_info(l)->address_n);
	assert_int_equal(party_neighbours(&p, PARTY_RECEIVED, 3, &n), 0);
	assert_true(n.partial);
	assert_int_equal(n.tx_n, 3);
	neighbours_done(&n);
	assert_false(party_has(&p, 0));
	entities_close(x);
	ledger_close(l);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_model),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
