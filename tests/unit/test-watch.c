/* SPDX-License-Identifier: Apache-2.0
 * Tests of watching: alerts and live taint against a brute-force look at the whole chain, and against a trace, through random blocks,
 * reorganisations, unconfirmed transactions and restarts; services; limits; the list. */
#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "ledger-world.h"
#include "ledger/trace.h"
#include "store/store.h"
#include "watch/entries.h"
#include "watch/watch.h"

enum { ALERTS_MAX = 20000, LIVES_MAX = 20000 };

static const uint8_t key16[16] = {9};

/* A ledger on disk, all blocks ever made, a watch beside it. */
struct rig {
	char dir[64], blocks[96], ledger_dir[96], db[96];
	struct buf file;
	struct store *store;
	struct watch *watch;
	struct ledger *ledger;
	int64_t now_s;
	uint32_t begin_h; /* alerts are for blocks above it */
};

static const uint8_t *rig_find(void *ctx, const uint8_t txid32[static 32], size_t *ret_len)
{
	return NULL;
}

static void rig_open(struct rig *g)
{
	static const struct watch_env env = {.find = rig_find};
	struct err e = {0};

	if (store_open(g->db, NULL, &g->store, &e) < 0 || watch_tables(g->store, 1, &e) < 0 ||
	    watch_open(g->store, &env, key16, &g->watch, &e) < 0)
		fail_msg("%s", e.message);
}

static void rig_shut(struct rig *g)
{
	g->watch = watch_close(g->watch);
	g->store = store_close(g->store);
}

static struct rig *rig_new(void)
{
	struct rig *g = calloc(1, sizeof(*g));

	/* In memory where there is such a place: each block is synced. */
	snprintf(g->dir, sizeof(g->dir), "%s/test-watch-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(g->dir));
	snprintf(g->blocks, sizeof(g->blocks), "%s/blocks", g->dir);
	snprintf(g->ledger_dir, sizeof(g->ledger_dir), "%s/ledger", g->dir);
	snprintf(g->db, sizeof(g->db), "%s/watch.db", g->dir);
	buf_init(&g->file, (size_t)256 << 20);
	g->now_s = 1000;
	rig_open(g);
	return g;
}

static void rig_free(struct rig *g)
{
	rig_shut(g);
	ledger_close(g->ledger);
	world_remove_tree(g->dir);
	buf_done(&g->file);
	free(g);
}

/* The world's blocks from `from` on reach the ledger. */
static void rig_import(struct rig *g, const struct world *w, uint32_t from)
{
	struct err e = {0};

	for (uint32_t i = from; i < w->block_n; i++)
		world_put_block(&g->file, &w->block[i]);
	world_write_file(g->blocks, "blk00000.dat", &g->file, NULL);
	g->ledger = ledger_close(g->ledger);
	if (world_import(g->blocks, g->ledger_dir, NULL, &e) < 0 ||
	    ledger_open(g->ledger_dir, &g->ledger, &e) < 0)
		fail_msg("%s", e.message);
	assert_memory_equal(ledger_info(g->ledger)->tip32, w->block[w->block_n - 1].hash32, 32);
}

static void rig_scan(struct rig *g)
{
	struct err e = {0};
	uint32_t left;

	if (watch_scan(g->watch, g->ledger, ++g->now_s, 0, &left, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(left, 0);
	assert_int_equal(watch_height(g->watch), ledger_info(g->ledger)->height);
}

static int64_t rig_add(struct rig *g, const struct watch_add *a)
{
	struct err e = {0};
	int64_t id = watch_add(g->store, a, &e);

	if (id < 0)
		fail_msg("%s", e.message);
	return id;
}

static struct address owner_address(uint32_t owner, uint32_t form)
{
	struct address a;
	uint8_t script[WORLD_SCRIPT];
	uint32_t len = world_script(NULL, owner, form, script);

	(void)script_classify(script, len, &a);
	return a;
}

/* ---- alerts as a list ---- */

struct found {
	struct watch_alert a;
	bool matched;
};
struct founds {
	struct found p[ALERTS_MAX];
	uint32_t n;
};

static int found_visit(void *ctx, const struct watch_alert *a, struct err *e)
{
	struct founds *f = ctx;

	assert_true(f->n < ALERTS_MAX);
	f->p[f->n].a = *a;
	f->p[f->n].a.path = NULL;
	f->p[f->n++].matched = false;
	assert_true((a->state == WATCH_CONFIRMED) == (a->height >= 0));
	assert_true((a->confirmations > 0) == (a->state == WATCH_CONFIRMED));
	return 0;
}

static struct founds *rig_alerts(struct rig *g)
{
	static struct founds f;

	f.n = 0;
	assert_int_equal(watch_alerts(g->store, &(const struct watch_query){.max = INT64_MAX},
				      found_visit, &f, NULL),
			 0);
	for (uint32_t i = 1; i < f.n; i++)
		assert_true(f.p[i].a.changed > f.p[i - 1].a.changed);
	return &f;
}

static struct found *alert_of(struct founds *f, int64_t item, enum watch_alert_kind kind,
			      const uint8_t *txid32, int64_t position)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->p[i].a.item == item && f->p[i].a.kind == kind &&
		    f->p[i].a.position == position && memcmp(f->p[i].a.txid32, txid32, 32) == 0)
			return &f->p[i];
	return NULL;
}

/* ---- the model for addresses ---- */

static uint64_t paid_to(const struct world_out *o, const struct address *list, size_t n)
{
	struct address a;

	(void)script_classify(o->script, o->script_len, &a);
	for (size_t i = 0; i < n; i++)
		if (address_equal(&a, &list[i]))
			return o->value;
	return 0;
}

static bool pays(const struct world_out *o, const struct address *list, size_t n)
{
	struct world_out one = *o;

	one.value = 1;
	return paid_to(&one, list, n) == 1;
}

static void expect(struct founds *f, int64_t item, enum watch_alert_kind kind,
		   const struct world_tx *t, bool any, uint64_t amount, bool confirmed)
{
	struct found *x = alert_of(f, item, kind, t->txid32, -1);

	if (!any)
		return;
	if (!x || x->a.amount != amount)
		fail_msg("item %d kind %d block %u: %s", (int)item, (int)kind, t->block,
			 x ? "another amount" : "no alert");
	assert_int_equal(x->a.state, confirmed ? WATCH_CONFIRMED : WATCH_UNCONFIRMED);
	if (confirmed)
		assert_int_equal(x->a.height, t->block);
	x->matched = true;
}

static void expect_tx(struct founds *f, const struct world *w, const struct world_tx *t,
		      int64_t item, const struct address *list, size_t n, bool confirmed)
{
	uint64_t in = 0, out = 0;
	bool any_in = false, any_out = false;

	for (uint32_t i = 0; i < t->in_n; i++) {
		const struct world_out *o = &w->tx[t->in[i].tx].out[t->in[i].n];

		in += paid_to(o, list, n);
		any_in |= pays(o, list, n);
	}
	for (uint32_t i = 0; i < t->out_n; i++) {
		out += paid_to(&t->out[i], list, n);
		any_out |= pays(&t->out[i], list, n);
	}
	expect(f, item, WATCH_RECEIVED, t, any_out, out, confirmed);
	expect(f, item, WATCH_SENT, t, any_in, in, confirmed);
}

/* Every address alert that there should be, and none besides. */
static void check_addresses(struct rig *g, const struct world *w, int64_t item,
			    const struct address *list, size_t n)
{
	struct founds *f = rig_alerts(g);

	for (uint32_t i = 0; i < w->tx_n; i++)
		if (w->tx[i].block > g->begin_h)
			expect_tx(f, w, &w->tx[i], item, list, n, true);
	for (uint32_t i = 0; i < f->n; i++)
		if (f->p[i].a.item == item && !f->p[i].matched)
			assert_true(f->p[i].a.state != WATCH_CONFIRMED);
}

/* ---- the model for taint: a trace ---- */

static enum trace_end stop_service(void *ctx, uint32_t address)
{
	const struct rig *g = ctx;
	const struct address service = owner_address(3, 4);
	struct address a;

	bool there = address && ledger_address_get(g->ledger, address, &a) == 0 &&
		     address_equal(&a, &service);
	return there ? TRACE_LABEL : TRACE_FLOWS;
}

static void check_taint(struct rig *g, int64_t item, enum trace_policy policy,
			const uint64_t *seeds, size_t seed_n, bool services)
{
	const struct trace_source source = trace_source_ledger(g->ledger);
	struct trace_params p;
	struct trace t;
	uint32_t live_n = 0;
	int64_t rows_n = 0;
	STORE_ROWS(rows);
	int r;

	trace_params_init(&p);
	p.policy = policy;
	p.stop = services ? stop_service : NULL;
	p.stop_ctx = g;
	assert_int_equal(trace_run(&source, &p, seeds, seed_n, &t, NULL), 0);
	r = store_query(g->store,
			"SELECT output, amount FROM watch_taint WHERE item = ? AND live = 1 AND "
			"spent_h = -1 AND height >= 0",
			VALS(val_i64(item)), &rows, NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0) {
		uint32_t i = 0;

		while (i < t.reached_n && t.reached[i].output != row_u64(&rows, "output"))
			i++;
		if (i == t.reached_n)
			fail_msg("an output is live that no trace reaches");
		assert_int_equal(t.reached[i].end, TRACE_UNSPENT);
		assert_int_equal(t.reached[i].amount, row_u64(&rows, "amount"));
		rows_n++;
	}
	for (uint32_t i = 0; i < t.reached_n; i++)
		live_n += t.reached[i].end == TRACE_UNSPENT &&
			  (!services || t.reached[i].parent == TRACE_NONE ||
			   stop_service(g, ledger_out_address(g->ledger, t.reached[i].output)) ==
				   TRACE_FLOWS);
	assert_int_equal(rows_n, live_n);
	trace_done(&t);
}

/* ---- one random life ---- */

struct life {
	struct prng r;
	struct rig *g;
	struct world *w;
	struct address list[6];
	int64_t item, poison, haircut, late;
	uint8_t seed_txid32[2][32];
	uint8_t late_txid32[32];
};

static size_t seed_outputs(const struct life *x, const uint8_t txid32[32], uint64_t *out)
{
	struct ledger_tx tx;
	uint32_t txnum;

	if (ledger_tx_find(x->g->ledger, txid32, &txnum) < 0)
		return 0;
	assert_int_equal(ledger_tx_get(x->g->ledger, txnum, &tx), 0);
	for (uint32_t i = 0; i < tx.out_n; i++)
		out[i] = tx.first_out + i;
	return tx.out_n;
}

static void life_check(struct life *x)
{
	uint64_t seeds[2 * WORLD_OUTS];
	size_t n = seed_outputs(x, x->seed_txid32[0], seeds);

	n += seed_outputs(x, x->seed_txid32[1], seeds + n);
	check_addresses(x->g, x->w, x->item, x->list, ARRAY_LEN(x->list));
	if (n > 0) {
		check_taint(x->g, x->poison, TRACE_POISON, seeds, n, true);
		check_taint(x->g, x->haircut, TRACE_HAIRCUT, seeds, n, true);
	}
	n = x->late ? seed_outputs(x, x->late_txid32, seeds) : 0;
	if (n > 0)
		check_taint(x->g, x->late, TRACE_HAIRCUT, seeds, n, true);
}

static void life_begin(struct life *x, uint64_t seed)
{
	struct watch_seed seeds[2];
	struct watch_add add = {.kind = WATCH_SERVICE, .n = 1};
	struct address service = owner_address(3, 4);

	prng_init(&x->r, seed);
	x->g = rig_new();
	x->w = world_new(seed, 20, 5);
	rig_import(x->g, x->w, 0);
	rig_scan(x->g);
	x->g->begin_h = ledger_info(x->g->ledger)->height;
	add.addresses = &service;
	rig_add(x->g, &add);
	for (uint32_t i = 0; i < ARRAY_LEN(x->list); i++)
		x->list[i] = owner_address(i * 4 + 1, i % 6 == 1 ? 0 : i % 6);
	add = (struct watch_add){.kind = WATCH_ADDRESS,
				 .alert_services = true,
				 .addresses = x->list,
				 .n = ARRAY_LEN(x->list)};
	x->item = rig_add(x->g, &add);
	for (uint32_t i = 0; i < 2; i++) { /* one in the past, one of the last block */
		const struct world_tx *t = &x->w->tx[i ? x->w->tx_n - 1 : 5];

		memcpy(seeds[i].txid32, t->txid32, 32);
		memcpy(x->seed_txid32[i], t->txid32, 32);
		seeds[i].position = -1;
	}
	add = (struct watch_add){
		.kind = WATCH_TAINT, .seeds = seeds, .n = 2, .policy = TRACE_POISON};
	x->poison = rig_add(x->g, &add);
	add.policy = TRACE_HAIRCUT;
	x->haircut = rig_add(x->g, &add);
	rig_scan(x->g);
	life_check(x);
}

/* A rival branch from a few blocks back, longer by one or more. */
static uint32_t life_fork(struct life *x)
{
	uint32_t back = 1 + (uint32_t)prng_below(&x->r, 6);
	uint32_t keep = x->w->block_n - back;
	struct world *f = world_fork(x->w, keep, (uint32_t)prng_u64(&x->r));

	for (uint32_t i = 0; i < back + 1 + prng_below(&x->r, 2); i++)
		world_block(f, 5, UINT32_MAX);
	world_free(x->w);
	x->w = f;
	if (keep <= x->g->begin_h)
		x->g->begin_h = keep - 1; /* what replaces a block is new */
	return keep;
}

/* The transactions of blocks that the ledger does not have yet are announced, some of them never to be confirmed. */
static void life_announce(struct life *x, uint32_t from_tx)
{
	for (uint32_t i = from_tx; i < x->w->tx_n; i++) {
		struct block_reader reader;
		const struct world_block *b = &x->w->block[x->w->tx[i].block];
		struct err e = {0};
		uint8_t txid32[32];
		struct tx t;

		if (x->w->tx[i].in_n == 0)
			continue;
		assert_int_equal(block_open(&reader, b->bytes, b->len, 0), 0);
		while (block_next(&reader, &t) > 0) {
			tx_id(&t, txid32);
			if (memcmp(txid32, x->w->tx[i].txid32, 32) == 0 &&
			    watch_tx(x->g->watch, x->g->ledger, t.p, t.len, x->g->now_s, &e) < 0)
				fail_msg("%s", e.message);
		}
	}
}

static void life_add_late(struct life *x)
{
	struct watch_seed seed = {.position = -1};
	const struct watch_add add = {
		.kind = WATCH_TAINT, .seeds = &seed, .n = 1, .policy = TRACE_HAIRCUT};
	const struct world_tx *t = &x->w->tx[x->w->tx_n - 1]; /* not in the ledger yet */

	memcpy(seed.txid32, t->txid32, 32);
	memcpy(x->late_txid32, t->txid32, 32);
	x->late = rig_add(x->g, &add);
}

static void life_step(struct life *x)
{
	uint32_t from = x->w->block_n, from_tx = x->w->tx_n;
	bool fork = prng_chance(&x->r, 1, 3);

	if (fork)
		from = life_fork(x);
	else
		for (uint64_t i = 0; i < 1 + prng_below(&x->r, 3); i++)
			world_block(x->w, 5, UINT32_MAX);
	if (!fork && prng_chance(&x->r, 1, 2))
		life_announce(x, from_tx);
	if (!x->late && !fork)
		life_add_late(x);
	if (prng_chance(&x->r, 1, 4)) {
		rig_shut(x->g);
		rig_open(x->g);
	}
	rig_import(x->g, x->w, from);
	rig_scan(x->g);
	life_check(x);
}

static void test_random_lives(void **state)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct life x = {0};

		life_begin(&x, seed);
		while (x.w->block_n < 70)
			life_step(&x);
		rig_free(x.g);
		world_free(x.w);
	}
}

/* ---- the alerts of one case ---- */

/* A transaction of its own: spends an output of the ledger, pays two scripts. */
static size_t spend(const uint8_t prev32[32], uint32_t n, uint64_t a, struct address to_a,
		    uint64_t b, struct address to_b, uint8_t *out, uint8_t txid32[32])
{
	uint8_t sa[ADDRESS_SCRIPT_MAX], sb[ADDRESS_SCRIPT_MAX];
	struct txin in = {.prev32 = prev32, .prev_n = n, .sequence = 1};
	struct txout outs[2] = {{.value = {a}, .script = sa}, {.value = {b}, .script = sb}};
	struct buf buf;
	struct tx t;
	size_t len;

	outs[0].script_len = (uint32_t)address_script(&to_a, sa);
	outs[1].script_len = (uint32_t)address_script(&to_b, sb);
	buf_init(&buf, 4096);
	assert_int_equal(tx_encode(2, &in, 1, outs, 2, 0, &buf), 0);
	len = buf.len;
	memcpy(out, buf.p, len);
	buf_done(&buf);
	assert_int_equal(tx_decode(out, len, 0, &t), 0);
	tx_id(&t, txid32);
	return len;
}

/* An unspent output of the world that pays an address of a form with a script. */
static const struct world_out *find_unspent(const struct world *w, uint32_t *ret_tx,
					    uint32_t *ret_n)
{
	for (uint32_t t = 1; t < w->tx_n; t++)
		for (uint32_t n = 0; n < w->tx[t].out_n; n++)
			if (world_spendable(&w->tx[t].out[n]) && w->tx[t].out[n].value > 1000) {
				*ret_tx = t;
				*ret_n = n;
				return &w->tx[t].out[n];
			}
	fail_msg("no unspent output");
	return NULL;
}

struct last {
	char path[4096];
	struct watch_alert a;
	uint32_t n;
};

static int last_visit(void *ctx, const struct watch_alert *a, struct err *e)
{
	struct last *l = ctx;

	l->a = *a;
	snprintf(l->path, sizeof(l->path), "%s", a->path);
	l->n++;
	return 0;
}

static struct last rig_last(struct rig *g, int64_t since)
{
	struct last l = {.n = 0};

	assert_int_equal(watch_alerts(g->store,
				      &(const struct watch_query){.since = since, .max = INT64_MAX},
				      last_visit, &l, NULL),
			 0);
	return l;
}

static void test_unconfirmed_taint(void **state)
{
	struct rig *g = rig_new();
	struct world *w = world_new(77, 30, 5);
	struct watch_seed seed = {0};
	struct watch_add add = {.kind = WATCH_TAINT,
				.seeds = &seed,
				.n = 1,
				.policy = TRACE_HAIRCUT,
				.note = "theft"};
	struct address service = owner_address(9, 3), other = owner_address(8, 3);
	const struct world_out *o;
	uint32_t txnum, n;
	uint8_t tx[512], tx2[512], rival[512], txid32[32], txid2_32[32], rival32[32];
	char hop[HASH_TEXT_MAX];
	struct last l;
	size_t len, len2, rival_len;

	rig_import(g, w, 0);
	rig_scan(g);
	o = find_unspent(w, &txnum, &n);
	memcpy(seed.txid32, w->tx[txnum].txid32, 32);
	seed.position = n;
	rig_add(g, &add);
	add = (struct watch_add){.kind = WATCH_SERVICE, .addresses = &service, .n = 1};
	rig_add(g, &add);
	rig_scan(g);
	assert_int_equal(rig_last(g, 0).n, 0); /* the past raises nothing */

	/* To another address, the fee is 100: haircut of a whole input is whole. */
	len = spend(w->tx[txnum].txid32, n, o->value - 500, other, 400, service, tx, txid32);
	assert_int_equal(watch_tx(g->watch, g->ledger, tx, len, ++g->now_s, NULL), 1);
	l = rig_last(g, 0);
	assert_int_equal(l.n, 1); /* not what the service got */
	assert_int_equal(l.a.state, WATCH_UNCONFIRMED);
	assert_int_equal(l.a.kind, WATCH_TAINTED);
	assert_int_equal(l.a.position, 0);
	assert_int_equal(l.a.amount, o->value - 500);
	assert_memory_equal(l.path, hash_text(w->tx[txnum].txid32, hop), 64); /* the seed first */
	assert_non_null(strstr(l.path, hash_text(txid32, hop)));
	assert_int_equal(watch_tx(g->watch, g->ledger, tx, len, ++g->now_s, NULL), 0); /* again */

	/* On from there, before it is confirmed. */
	len2 = spend(txid32, 0, o->value - 700, other, 100, other, tx2, txid2_32);
	assert_int_equal(watch_tx(g->watch, g->ledger, tx2, len2, ++g->now_s, NULL), 1);
	l = rig_last(g, l.a.changed);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.a.position, 1);
	assert_int_equal(l.a.amount, 100);

	/* A restart keeps them. */
	rig_shut(g);
	rig_open(g);
	rig_scan(g);
	assert_int_equal(rig_last(g, l.a.changed).n, 0);

	/* A rival of the first is confirmed: both are retracted. */
	rival_len = spend(w->tx[txnum].txid32, n, 1000, other, 100, other, rival, rival32);
	{
		struct block_header h = {.version = 4, .time_s = 1800000000, .bits = 0x207fffff};
		struct world_block *b = &w->block[w->block_n];
		struct world_tx *t = &w->tx[w->tx_n];
		struct buf txs, out;
		struct merkle m;

		buf_init(&txs, 4096);
		*t = (struct world_tx){.block = w->block_n, .out_n = 1};
		world_pay(w, &t->out[0], 5);
		world_encode(w, t, w->block_n, &txs);
		buf_put(&txs, rival, rival_len);
		memcpy(h.prev32, w->prev32, 32);
		merkle_init(&m);
		merkle_add(&m, t->txid32);
		merkle_add(&m, rival32);
		assert_true(merkle_root(&m, h.merkle32));
		buf_init(&out, 1 << 20);
		block_encode(&h, 2, &out);
		world_mine(&h, out.p, b->hash32);
		buf_put(&out, txs.p, txs.len);
		b->bytes = buf_take(&out, &b->len);
		w->block_n++;
		buf_done(&txs);
	}
	rig_import(g, w, w->block_n - 1);
	rig_scan(g);
	{
		struct founds *f = rig_alerts(g);

		assert_int_equal(f->n, 5);
		assert_int_equal(alert_of(f, 1, WATCH_TAINTED, txid32, 0)->a.state,
				 WATCH_RETRACTED);
		assert_int_equal(alert_of(f, 1, WATCH_TAINTED, rival32, 0)->a.state,
				 WATCH_CONFIRMED);
		assert_int_equal(alert_of(f, 1, WATCH_TAINTED, rival32, 0)->a.confirmations, 1);
	}
	rig_free(g);
	world_free(w);
}

static uint32_t open_n(struct rig *g)
{
	struct last l = {.n = 0};

	assert_int_equal(watch_alerts(g->store,
				      &(const struct watch_query){
					      .open = true, .newest_first = true, .max = 100},
				      last_visit, &l, NULL),
			 0);
	return l.n;
}

/* Who took notice first stays, and the alert is not open any more. */
static void check_notice(struct rig *g, int64_t alert)
{
	int64_t changed, open;
	uint32_t before = open_n(g);

	assert_int_equal(watch_ack(g->store, alert, "duty-officer", 70, NULL), 0);
	assert_int_equal(watch_ack(g->store, alert, "second", 80, NULL), 0);
	assert_int_equal(watch_ack(g->store, 999, "second", 80, NULL), -ERR_NOENT);
	assert_int_equal(open_n(g), before - 1);
	assert_int_equal(watch_changes(g->store, &changed, &open, NULL), 0);
	assert_int_equal(open, before - 1);
	assert_true(changed > 0);
	const struct founds *f = rig_alerts(g);
	for (uint32_t i = 0; i < f->n; i++)
		if (f->p[i].a.id == alert)
			assert_int_equal(f->p[i].a.acked_s, 70);
}

/* A payment that only goes to services is told of when it is asked for. */
static void test_services(void **state)
{
	struct rig *g = rig_new();
	struct world *w = world_new(78, 30, 5);
	struct address service = owner_address(9, 3), owner;
	struct watch_add add = {.kind = WATCH_SERVICE, .addresses = &service, .n = 1};
	const struct world_out *o;
	uint8_t tx[512], txid32[32];
	uint32_t txnum, n;
	int64_t quiet, loud;
	struct founds *f;
	size_t len;

	rig_import(g, w, 0);
	o = find_unspent(w, &txnum, &n);
	(void)script_classify(o->script, o->script_len, &owner);
	rig_add(g, &add);
	add = (struct watch_add){.kind = WATCH_ADDRESS, .addresses = &owner, .n = 1};
	quiet = rig_add(g, &add);
	add.alert_services = true;
	loud = rig_add(g, &add);
	rig_scan(g);
	len = spend(w->tx[txnum].txid32, n, o->value - 500, service, 400, service, tx, txid32);
	assert_int_equal(watch_tx(g->watch, g->ledger, tx, len, 5, NULL), 1);
	f = rig_alerts(g);
	assert_null(alert_of(f, quiet, WATCH_SENT, txid32, -1));
	assert_int_equal(alert_of(f, loud, WATCH_SENT, txid32, -1)->a.amount, o->value);
	len = spend(w->tx[txnum].txid32, n, o->value - 500, service, 400, owner_address(2, 3), tx,
		    txid32);
	assert_int_equal(watch_tx(g->watch, g->ledger, tx, len, 5, NULL), 1);
	assert_int_equal(alert_of(rig_alerts(g), quiet, WATCH_SENT, txid32, -1)->a.state,
			 WATCH_UNCONFIRMED);
	check_notice(g, alert_of(rig_alerts(g), quiet, WATCH_SENT, txid32, -1)->a.id);
	g->now_s += WATCH_EXPIRE_S; /* never confirmed */
	rig_scan(g);
	assert_int_equal(alert_of(rig_alerts(g), quiet, WATCH_SENT, txid32, -1)->a.state,
			 WATCH_RETRACTED);
	assert_int_equal(alert_of(rig_alerts(g), quiet, WATCH_SENT, txid32, -1)->a.acked_s, 0);
	rig_free(g);
	world_free(w);
}

static void check_entry(json_t *rejects, size_t i, int line, const char *code)
{
	const json_t *j = json_array_get(rejects, i);

	assert_int_equal(json_integer_value(json_object_get(j, "line")), line);
	assert_string_equal(json_string_value(json_object_get(j, "code")), code);
}

static void test_entries(void **state)
{
	static const char text[] =
		"# stolen\n"
		"  1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa \t# found in the report\r\n"
		"\n"
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb\n"
		"f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16:1\n"
		"LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1\n"
		"\xff\xfe";
	struct watch_entries x = {.network = network_find("bitcoin")};

	assert_int_equal(watch_text(&x, text, sizeof(text) - 1), 0);
	assert_int_equal(x.n, 1);
	assert_int_equal(x.seed_n, 1);
	assert_int_equal(x.seeds[0].position, 1);
	assert_int_equal(x.reject_n, 3);
	check_entry(x.rejects, 0, 4, "checksum");
	check_entry(x.rejects, 1, 6, "network");
	check_entry(x.rejects, 2, 7, "format");
	watch_entries_done(&x);
	assert_int_equal(watch_text(&x, "", 0), 0);
	watch_entries_done(&x);
}

static int item_visit(void *ctx, const struct watch_item *i, struct err *e)
{
	struct watch_item *list = ctx;

	list[i->id] = *i;
	return 0;
}

static void test_list(void **state)
{
	struct rig *g = rig_new();
	struct watch_item list[8] = {{0}};
	struct address two[3] = {owner_address(1, 3), owner_address(2, 3), owner_address(1, 3)};
	struct watch_seed seed = {.position = 0};
	struct watch_add add = {.kind = WATCH_ADDRESS, .n = 0};
	char note[WATCH_NOTE_MAX + 2];

	assert_int_equal(watch_add(g->store, &add, NULL), -ERR_INVAL);
	add = (struct watch_add){.kind = WATCH_ADDRESS, .addresses = two, .n = 3, .note = "a"};
	assert_int_equal(rig_add(g, &add), 1);
	memset(note, 'x', sizeof(note));
	note[WATCH_NOTE_MAX + 1] = 0;
	add.note = note;
	assert_int_equal(watch_add(g->store, &add, NULL), -ERR_OVERSIZE);
	add = (struct watch_add){.kind = WATCH_TAINT, .seeds = &seed, .n = 1, .policy = TRACE_FIFO};
	assert_int_equal(watch_add(g->store, &add, NULL), -ERR_INVAL);
	add.policy = TRACE_POISON;
	assert_int_equal(rig_add(g, &add), 2);
	assert_int_equal(watch_items(g->store, item_visit, list, NULL), 0);
	assert_int_equal(list[1].n, 2);
	assert_int_equal(list[2].n, 1);
	assert_int_equal(list[2].policy, TRACE_POISON);
	assert_int_equal(watch_remove(g->store, 1, NULL), 0);
	assert_int_equal(watch_remove(g->store, 1, NULL), -ERR_NOENT);
	assert_string_equal(watch_kind_name(WATCH_SERVICE), "service");
	assert_string_equal(watch_alert_name(WATCH_TAINTED), "tainted");
	assert_string_equal(watch_state_name(WATCH_RETRACTED), "retracted");
	rig_free(g);
}

static const uint8_t *find_unspent_tx(const struct world *w)
{
	uint32_t t, n;

	(void)find_unspent(w, &t, &n);
	return w->tx[t].txid32;
}

/* An item that is removed raises nothing more, even before the watcher is opened again. */
static void test_removed(void **state)
{
	struct rig *g = rig_new();
	struct world *w = world_new(79, 30, 5);
	struct address all[WORLD_OWNERS];
	struct watch_add add = {.kind = WATCH_ADDRESS, .addresses = all, .n = WORLD_OWNERS};
	struct watch_seed seed = {.position = -1};
	const struct watch_add taint = {
		.kind = WATCH_TAINT, .seeds = &seed, .n = 1, .policy = TRACE_POISON};

	for (uint32_t i = 0; i < WORLD_OWNERS; i++)
		all[i] = owner_address(i, 0);
	rig_import(g, w, 0);
	rig_add(g, &add);
	rig_scan(g);
	memcpy(seed.txid32, find_unspent_tx(w), 32);
	rig_add(g, &taint);
	rig_scan(g);
	for (int i = 0; i < 15; i++)
		world_block(w, 5, UINT32_MAX);
	assert_int_equal(watch_remove(g->store, 1, NULL), 0);
	assert_int_equal(watch_remove(g->store, 2, NULL), 0);
	rig_import(g, w, 30);
	rig_scan(g);
	assert_int_equal(rig_last(g, 0).n, 0);
	assert_true(watch_memory(g->watch) > 0);
	rig_free(g);
	world_free(w);
}

/* In pieces, as the daemon of a long list goes on; and the ledger of another chain is refused. */
static void test_pieces(void **state)
{
	struct rig *g = rig_new();
	struct world *w = world_new(80, 30, 2);
	uint32_t left;

	rig_import(g, w, 0);
	rig_scan(g);
	for (int i = 0; i < 5; i++)
		world_block(w, 2, UINT32_MAX);
	rig_import(g, w, 30);
	assert_int_equal(watch_scan(g->watch, g->ledger, 5, 2, &left, NULL), 0);
	assert_int_equal(left, 3);
	assert_int_equal(watch_height(g->watch), 31);
	rig_scan(g);
	assert_true(store_exec(g->store, "UPDATE watch_meta SET value = ? WHERE name = 'chain'",
			       VALS(val_blob("\1\2\3\4", 4)), NULL) == 1);
	assert_int_equal(watch_scan(g->watch, g->ledger, 5, 0, &left, NULL), -ERR_NETWORK);
	rig_free(g);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_lives), cmocka_unit_test(test_unconfirmed_taint),
		cmocka_unit_test(test_services),     cmocka_unit_test(test_list),
		cmocka_unit_test(test_entries),	     cmocka_unit_test(test_removed),
		cmocka_unit_test(test_pieces),
	};

	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
