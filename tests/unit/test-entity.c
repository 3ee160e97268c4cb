/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of entities: against a model that relabels every address at each tie, continued files against whole ones, after
 * reorganisations too, and damaged files. */
#include "ledger-world.h"
#include "ledger/entity.h"

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
	snprintf(top, sizeof(top), "%s/test-entity-XXXXXX", tmp);
	return crypto_start() < 0 || !mkdtemp(top) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	world_remove_tree(top);
	return 0;
}

static void clear(void)
{
	world_remove_tree(top);
	assert_int_equal(mkdir(top, 0755), 0);
}

static void import(const struct world *w, uint32_t block_n)
{
	struct ledger_import_result res;
	struct err e = {0};

	world_write(w, at("blocks"), block_n);
	if (world_import(at("blocks"), at("ledger"), &res, &e) < 0)
		fail_msg("%s", e.message);
	assert_true(res.finished);
}

static struct entity_built build(uint32_t set, bool whole)
{
	const struct entity_build opt = {.set = set, .whole = whole};
	struct entity_built b;
	struct err e = {0};

	if (entities_build(at("ledger"), &opt, &b, &e) < 0)
		fail_msg("%s", e.message);
	return b;
}

/* ---- blocks with CoinJoins ---- */

/* A transaction in which three people mix, or two of them only seem to. */
static bool join_three(struct world *w, uint32_t from_tx, uint32_t self)
{
	struct world_tx *t = &w->tx[self];
	uint64_t least = UINT64_MAX;
	uint8_t script[WORLD_SCRIPT];

	for (uint32_t i = from_tx; i-- > 1 && t->in_n < 3;)
		for (uint32_t k = 0; k < w->tx[i].out_n && t->in_n < 3; k++) {
			struct world_out *o = &w->tx[i].out[k];

			if (!world_spendable(o) || o->value < 1000)
				continue;
			o->spender = self;
			t->in[t->in_n] = (struct world_in){.tx = i, .n = k};
			memcpy(t->in[t->in_n++].txid32, w->tx[i].txid32, 32);
			least = o->value < least ? o->value : least;
		}
	if (t->in_n == 0)
		return false;
	for (uint32_t i = 0; i < t->in_n; i++) {
		const struct world_out *o = &w->tx[t->in[i].tx].out[t->in[i].n];
		uint32_t owner = (uint32_t)prng_below(&w->r, WORLD_OWNERS);
		uint32_t len = world_script(w, owner, 3, script);

		world_pay(w, &t->out[2 * i], least / 2);
		memcpy(t->out[2 * i].script, script, len);
		t->out[2 * i].script_len = len;
		world_pay(w, &t->out[2 * i + 1], o->value - least / 2);
	}
	t->out_n = 2 * t->in_n;
	return true;
}

static void join_block(struct world *w)
{
	uint32_t first = w->tx_n;
	struct world_tx *t = &w->tx[first];
	struct buf txs;

	buf_init(&txs, 4 << 20);
	*t = (struct world_tx){.block = w->block_n, .out_n = 1};
	world_pay(w, &t->out[0], 5000000000);
	world_encode(w, t, w->block_n, &txs);
	w->tx_n++;
	t = &w->tx[w->tx_n];
	*t = (struct world_tx){.block = w->block_n};
	if (join_three(w, first, w->tx_n)) {
		world_encode(w, t, 0, &txs);
		w->tx_n++;
	}
	world_seal(w, first, &txs);
	buf_done(&txs);
}

static struct world *joined_world(uint64_t seed, uint32_t block_n)
{
	struct world *w = world_new(seed, 2, 4);

	while (w->block_n < block_n)
		if (prng_chance(&w->r, 1, 4))
			join_block(w);
		else
			world_block(w, 1 + (uint32_t)seed % 5, UINT32_MAX);
	return w;
}

/* ---- the model: label[a] of each address, relabelled as a whole at each tie ---- */

enum { ADDRESSES = 8192 };
struct model {
	const struct ledger *l;
	uint32_t label[ADDRESSES], n;
	uint32_t hind[ADDRESSES]; /* with all that multi-input ties up to the tip */
	uint64_t refused;
};
struct txv { /* a transaction, through the slow questions */
	struct ledger_tx tx;
	struct ledger_output in[WORLD_INS], out[WORLD_OUTS];
	uint8_t in_type[WORLD_INS], out_type[WORLD_OUTS];
};

static uint8_t type_of(const struct ledger *l, uint32_t address)
{
	struct address a;

	return address && ledger_address_get(l, address, &a) == 0 ? (uint8_t)a.kind : 0xff;
}

static void load(const struct ledger *l, uint32_t txnum, struct txv *v)
{
	assert_int_equal(ledger_tx_get(l, txnum, &v->tx), 0);
	for (uint32_t i = 0; i < v->tx.in_n; i++) {
		uint64_t o = ledger_in_output(l, v->tx.first_in + i);
		assert_int_equal(ledger_output_get(l, o, &v->in[i]), 0);
		v->in_type[i] = type_of(l, v->in[i].address);
	}
	for (uint32_t i = 0; i < v->tx.out_n; i++) {
		assert_int_equal(ledger_output_get(l, v->tx.first_out + i, &v->out[i]), 0);
		v->out_type[i] = type_of(l, v->out[i].address);
	}
}

/* taint.md 3, by counting. */
static bool is_joined(const struct txv *v)
{
	uint32_t k = 0, equal = 0;
	uint64_t value = 0;

	for (uint32_t i = 0; i < v->tx.out_n; i++, equal = 0) {
		for (uint32_t j = 0; j < v->tx.out_n; j++)
			equal += v->out[j].value == v->out[i].value;
		if (v->out[i].value && (equal > k || (equal == k && v->out[i].value > value))) {
			k = equal;
			value = v->out[i].value;
		}
	}
	uint32_t in_n = 0, out_n = 0;
	for (uint32_t i = 0, j; i < v->tx.in_n; i++) {
		for (j = 0; j < i && v->in[j].address != v->in[i].address; j++)
			;
		in_n += j == i && v->in[i].address;
	}
	for (uint32_t i = 0, j; i < v->tx.out_n; i++) {
		if (v->out[i].value != value || !v->out[i].address)
			continue;
		for (j = 0;
		     j < i && (v->out[j].value != value || v->out[j].address != v->out[i].address);
		     j++)
			;
		out_n += j == i;
	}
	return v->tx.in_n && k >= 3 && out_n == k && in_n >= k && v->tx.out_n <= 2 * k + 1;
}

static bool is_round(uint64_t v)
{
	char text[32];
	size_t n = (size_t)snprintf(text, sizeof(text), "%" PRIu64, v), zeros = 0;

	/* Half of the digits, of an odd number one less. */
	while (zeros < n && text[n - 1 - zeros] == '0')
		zeros++;
	return (n - 1) / 2 >= 4 && zeros >= (n - 1) / 2;
}

static bool sorted(const struct txv *v)
{
	for (uint32_t i = 1; i < v->tx.out_n; i++)
		if (v->out[i - 1].value > v->out[i].value)
			return false;
	for (uint32_t i = 1; i < v->tx.in_n; i++) {
		int c = memcmp(v->in[i - 1].txid32, v->in[i].txid32, 32);
		if (c > 0 || (c == 0 && v->in[i - 1].position > v->in[i].position))
			return false;
	}
	return true;
}

static uint8_t one_type(const struct txv *v)
{
	for (uint32_t i = 1; i < v->tx.in_n; i++)
		if (v->in_type[i] != v->in_type[0])
			return 0xff;
	return v->tx.in_n ? v->in_type[0] : 0xff;
}

static bool property(const struct ledger *l, const struct txv *v, uint32_t bit, uint32_t i)
{
	uint64_t first, least = UINT64_MAX, other = 0;
	struct txv next;

	for (uint32_t k = 0; k < v->tx.in_n; k++)
		least = v->in[k].value < least ? v->in[k].value : least;
	for (uint32_t k = 0; k < v->tx.out_n; k++)
		other = k != i && v->out[k].address ? v->out[k].value : other;
	switch ((enum heuristic)bit) {
	case HEURISTIC_REUSE:
		for (uint32_t k = 0; k < v->tx.in_n; k++)
			if (v->in[k].address == v->out[i].address)
				return true;
		return false;
	case HEURISTIC_TYPE:
		return v->out_type[i] == one_type(v) && one_type(v) != 0xff;
	case HEURISTIC_ROUND:
		return !is_round(v->out[i].value);
	case HEURISTIC_OPTIMAL:
		return v->tx.in_n >= 2 && v->out[i].value < least;
	case HEURISTIC_PEEL:
		return v->out[i].value / 4 >= other;
	case HEURISTIC_FRESH:
		assert_int_equal(
			ledger_address_outputs(l, v->out[i].address, LEDGER_OUTPUT_NONE, &first, 1),
			1);
		return first >= v->tx.first_out && first < v->tx.first_out + v->tx.out_n;
	case HEURISTIC_CLIENT:
		load(l, v->out[i].spender, &next);
		return one_type(&next) == one_type(v) && sorted(&next) == sorted(v);
	}
	return false;
}

static bool silent(const struct ledger *l, const struct txv *v, uint32_t bit, uint32_t before)
{
	uint32_t m = 0;
	struct txv made;

	for (uint32_t i = 0; i < v->tx.out_n; i++) {
		m += v->out[i].address != 0;
		if (bit != HEURISTIC_REUSE && v->out[i].address &&
		    property(l, v, HEURISTIC_REUSE, i))
			return true;
		if (bit == HEURISTIC_CLIENT && v->out[i].address &&
		    (v->out[i].spend != LEDGER_SPENT || v->out[i].spender >= before))
			return true;
	}
	if (m < 2 || !v->tx.in_n || !v->in[0].address || is_joined(v))
		return true;
	if (bit != HEURISTIC_PEEL)
		return false;
	if (v->tx.in_n != 1 || m != 2)
		return true;
	load(l, v->in[0].txnum, &made);
	m = 0;
	for (uint32_t i = 0; i < made.tx.out_n; i++)
		m += made.out[i].address != 0;
	return made.tx.in_n != 1 || m != 2;
}

static int change_of(const struct ledger *l, const struct txv *v, uint32_t bit, uint32_t before)
{
	int found = -1, n = 0;

	if (silent(l, v, bit, before))
		return -1;
	for (uint32_t i = 0; i < v->tx.out_n; i++)
		if (v->out[i].address && property(l, v, bit, i)) {
			found = (int)i;
			n++;
		}
	return n == 1 ? found : -1;
}

static uint32_t count(const struct model *m, uint32_t label)
{
	uint32_t n = 0;

	for (uint32_t a = 1; a < m->n; a++)
		n += m->label[a] == label;
	return n;
}

static void relabel(uint32_t *label, uint32_t n, uint32_t x, uint32_t y)
{
	for (uint32_t i = 1; i < n; i++)
		if (label[i] == (x > y ? x : y))
			label[i] = x < y ? x : y;
}

static void tie(struct model *m, uint32_t a, uint32_t b, bool change)
{
	uint32_t both = 0;

	for (uint32_t i = 1; i < m->n && change; i++)
		both += m->hind[i] == m->hind[a] || m->hind[i] == m->hind[b];
	if (change && m->hind[a] != m->hind[b] && both > 64) {
		m->refused++;
		return;
	}
	if (change)
		relabel(m->hind, m->n, m->hind[a], m->hind[b]);
	relabel(m->label, m->n, m->label[a], m->label[b]);
}

static void model_changes(struct model *m, uint32_t set, const struct txv *v, uint32_t before,
			  bool last)
{
	for (uint32_t bit = 1; bit <= HEURISTIC_CLIENT; bit <<= 1) {
		int i = -1;

		if ((set & bit) && (bit == HEURISTIC_CLIENT) == last)
			i = change_of(m->l, v, bit, before);
		if (i >= 0)
			tie(m, v->in[0].address, v->out[i].address, true);
	}
}

static void model_run(struct model *m, const struct ledger *l, uint32_t set, uint32_t height)
{
	m->l = l;
	m->n = (uint32_t)ledger_info(l)->address_n;
	m->refused = 0;
	assert_true(m->n < ADDRESSES);
	for (uint32_t a = 0; a < m->n; a++)
		m->label[a] = m->hind[a] = a;
	for (uint32_t t = 0; t < ledger_info(l)->tx_n && set; t++) {
		struct txv v;

		load(l, t, &v);
		for (uint32_t i = 1; i < v.tx.in_n && !is_joined(&v); i++)
			relabel(m->hind, m->n, m->hind[v.in[0].address], m->hind[v.in[i].address]);
	}
	for (uint32_t t = 0; t < ledger_info(l)->tx_n && ledger_tx_height(l, t) <= height; t++) {
		struct txv v, made;

		load(l, t, &v);
		assert_int_equal(ledger_tx_coinjoin(l, t), is_joined(&v));
		for (uint32_t bit = 1; bit <= HEURISTIC_CLIENT; bit <<= 1)
			assert_int_equal(heuristic_change(l, bit, t, UINT32_MAX),
					 change_of(l, &v, bit, UINT32_MAX));
		for (uint32_t i = 1; i < v.tx.in_n && !is_joined(&v); i++)
			tie(m, v.in[0].address, v.in[i].address, false);
		model_changes(m, set, &v, t + 1, false);
		for (uint32_t i = 0; i < v.tx.in_n; i++) {
			if (i && v.in[i].txnum == v.in[i - 1].txnum)
				continue;
			load(l, v.in[i].txnum, &made);
			model_changes(m, set, &made, t + 1, true);
		}
	}
}

/* ---- comparison ---- */

static void check_members(const struct entities *x, const struct model *m, uint32_t entity,
			  uint32_t height)
{
	uint32_t ids[7], after = 0, n = 0;

	for (int64_t got; (got = entity_members(x, entity, height, after, ids, 7)) != 0;) {
		assert_true(got > 0);
		for (int64_t i = 0; i < got; i++, n++) {
			assert_true(ids[i] > after);
			assert_int_equal(m->label[ids[i]], entity);
			after = ids[i];
		}
	}
	assert_int_equal(n, count(m, entity));
	assert_int_equal(n, entity_size(x, entity, height));
}

static void check_height(const struct entities *x, struct model *m, uint32_t height)
{
	struct entity_link links[64];
	uint32_t asked = height == ENTITY_TIP ? ledger_info(entities_ledger(x))->height : height;

	model_run(m, entities_ledger(x), entities_set(x), asked);
	for (uint32_t a = 1; a < m->n; a++) {
		size_t n = entity_links(x, a, height, links, 64);

		assert_int_equal(entity_of(x, a, height), m->label[a]);
		assert_true(n < 64 && (n == 0) == (m->label[a] == a));
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(links[i].address, i ? links[i - 1].to : a);
			assert_true(links[i].height <= asked && links[i].to < links[i].address);
		}
		assert_true(n == 0 || links[n - 1].to == m->label[a]);
		if (m->label[a] == a)
			check_members(x, m, a, height);
		else
			assert_int_equal(entity_members(x, a, height, 0, &asked, 1), -ERR_RANGE);
		asked = height == ENTITY_TIP ? ledger_info(entities_ledger(x))->height : height;
	}
}

static void check_set(uint32_t set, struct model *m, bool every_height)
{
	struct ledger *l;
	struct entities *x;
	struct err e = {0};

	assert_int_equal(ledger_open(at("ledger"), &l, &e), 0);
	if (entities_open(at("ledger"), l, set, &x, &e) < 0)
		fail_msg("%s", e.message);
	const struct entity_built *b = entities_info(x);
	check_height(x, m, ENTITY_TIP);
	uint32_t n = 0;
	for (uint32_t a = 1; a < m->n; a++)
		n += m->label[a] == a;
	assert_int_equal(b->entity_n, n);
	assert_int_equal(b->refused_n, m->refused);
	assert_int_equal(entity_of(x, 0, ENTITY_TIP), 0);
	assert_int_equal(entity_of(x, m->n, ENTITY_TIP), 0);
	assert_int_equal(entity_size(x, m->n, ENTITY_TIP), 0);
	uint32_t tip = ledger_info(l)->height;
	for (uint32_t h = 0; every_height && h < tip; h += h + 20 < tip ? 19 : 1)
		check_height(x, m, h);
	check_height(x, m, b->committed_height);
	entities_close(x);
	ledger_close(l);
}

static void test_against_the_model(void **state)
{
	static struct model m;
	uint64_t joined = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct world *w = joined_world(seed, seed == 1 ? 60 : 130 + (uint32_t)seed);

		clear();
		import(w, w->block_n);
		for (uint32_t set = 0; set <= HEURISTIC_ALL; set = set ? set * 2 : 1) {
			struct entity_built b = build(set, false);

			assert_false(b.continued || b.existed);
			check_set(set, &m, set == 0);
			joined += b.joined_n;
			assert_true(build(set, false).existed);
		}
		build(HEURISTIC_ALL, false);
		check_set(HEURISTIC_ALL, &m, true);
		world_free(w);
	}
	assert_true(joined > 20);
}

/* ---- the bound ---- */

static void pay(struct world *w, uint32_t tx, uint32_t n, uint32_t owner, uint32_t form,
		uint64_t value)
{
	struct world_out *o = &w->tx[tx].out[n];

	*o = (struct world_out){.value = value};
	o->script_len = world_script(w, owner, form, o->script);
}

static void spend(struct world *w, uint32_t tx, uint32_t from, uint32_t n)
{
	struct world_tx *t = &w->tx[tx];

	w->tx[from].out[n].spender = tx;
	t->in[t->in_n] = (struct world_in){.tx = from, .n = n};
	memcpy(t->in[t->in_n++].txid32, w->tx[from].txid32, 32);
}

/* A block: its coinbase pays owners from first on, and its transaction spends all that to one or two others. */
static void pooled_block(struct world *w, uint32_t first, uint32_t n, uint32_t to, uint32_t other)
{
	uint32_t c = w->tx_n, t = c + 1;
	struct buf txs;

	buf_init(&txs, 4 << 20);
	w->tx[c] = (struct world_tx){.block = w->block_n, .out_n = n};
	for (uint32_t i = 0; i < n; i++)
		pay(w, c, i, first + i, 3, 1000003);
	world_encode(w, &w->tx[c], w->block_n, &txs);
	w->tx[t] = (struct world_tx){.block = w->block_n, .out_n = other ? 2 : 1};
	for (uint32_t i = 0; i < n; i++)
		spend(w, t, c, i);
	pay(w, t, 0, to, 3, 400007);
	if (other)
		pay(w, t, 1, other, 2, 400009);
	world_encode(w, &w->tx[t], 0, &txs);
	w->tx_n += 2;
	world_seal(w, c, &txs);
	buf_done(&txs);
}

/* Two entities of 43 addresses, of which one seems to get its change from the other. */
static void test_bound(void **state)
{
	static struct model m;
	struct world *w = world_new(1, 1, 1);

	(void)state;
	clear();
	for (uint32_t side = 0; side < 2; side++)
		for (uint32_t k = 0; k < 6; k++)
			pooled_block(w, 100 + 50 * side + 7 * k, 8, 200, 0);
	pooled_block(w, 100, 1, 150, 201);
	pooled_block(w, 100, 1, 202, 203);
	import(w, w->block_n);
	struct entity_built b = build(HEURISTIC_TYPE, false);
	assert_int_equal(b.refused_n, 1);
	check_set(HEURISTIC_TYPE, &m, true);
	struct ledger *l;
	struct entities *x;
	uint32_t big = 0;
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), 0);
	assert_int_equal(entities_open(at("ledger"), l, HEURISTIC_TYPE, &x, NULL), 0);
	for (uint32_t a = 1; a < ledger_info(l)->address_n; a++)
		big += entity_size(x, a, ENTITY_TIP) >= 43;
	assert_int_equal(big, 2);
	entities_close(x);
	ledger_close(l);
	world_free(w);
}

/* ---- continuing ---- */

static void read_file(uint32_t set, struct buf *b)
{
	char prefix[32], path[1024];
	DIR *d = opendir(at("ledger"));
	const struct dirent *n;
	int files = 0;

	assert_non_null(d);
	buf_init(b, 64 << 20);
	snprintf(prefix, sizeof(prefix), "entity-%02x", set);
	while ((n = readdir(d)) != NULL) {
		if (strncmp(n->d_name, prefix, strlen(prefix)) != 0)
			continue;
		files++;
		snprintf(path, sizeof(path), "%s/%s", at("ledger"), n->d_name);
		assert_int_equal(file_read(path, b, NULL), 0);
	}
	closedir(d);
	assert_int_equal(files, 1);
}

static void same_as_whole(uint32_t set)
{
	struct buf a, b;

	read_file(set, &a);
	build(set, true);
	read_file(set, &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
	buf_done(&a);
	buf_done(&b);
}

static void test_continued_is_whole(void **state)
{
	static const uint32_t sets[] = {0, HEURISTIC_CLIENT | HEURISTIC_FRESH, HEURISTIC_ALL};

	(void)state;
	for (uint64_t seed = 21; seed <= 23; seed++) {
		struct world *w = joined_world(seed, 240);
		uint32_t ends[] = {30, 110, 150, 151, 240};

		clear();
		for (size_t i = 0; i < 5; i++) {
			import(w, ends[i]);
			for (size_t k = 0; k < 3; k++) {
				struct entity_built b = build(sets[k], false);

				assert_int_equal(b.continued, i > 0 && !sets[k]);
				same_as_whole(sets[k]);
			}
		}
		world_free(w);
	}
}

static void test_reorganised_is_whole(void **state)
{
	(void)state;
	for (uint64_t seed = 31; seed <= 33; seed++) {
		struct world *w = joined_world(seed, 200);
		uint32_t depth = seed == 33 ? 130 : (uint32_t)(seed - 30) * 40;
		struct world *f = world_fork(w, 200 - depth, 7);

		clear();
		import(w, 200);
		build(HEURISTIC_ALL, false);
		build(0, false);
		while (f->block_n < 204)
			if (f->block_n % 5 == 0)
				join_block(f);
			else
				world_block(f, 4, UINT32_MAX);
		world_write(f, at("fork"), f->block_n);
		/* Both branches are there, as in a node's folder. */
		struct buf both, other;
		char path[600];
		buf_init(&both, 64 << 20);
		buf_init(&other, 64 << 20);
		snprintf(path, sizeof(path), "%s/blk00000.dat", at("fork"));
		assert_int_equal(file_read(path, &other, NULL), 0);
		world_write_file(at("blocks"), "blk00001.dat", &other, NULL);
		buf_done(&both);
		buf_done(&other);
		struct ledger_import_result res;
		struct err e = {0};
		if (world_import(at("blocks"), at("ledger"), &res, &e) < 0)
			fail_msg("%s", e.message);
		assert_false(build(HEURISTIC_ALL, false).continued);
		assert_int_equal(build(0, false).continued, depth <= 100);
		same_as_whole(HEURISTIC_ALL);
		same_as_whole(0);
		world_free(f);
		world_free(w);
	}
}

/* ---- errors ---- */

static void test_sets(void **state)
{
	char text[HEURISTIC_SET_TEXT_MAX];
	struct err e = {0};
	uint32_t set = 9;

	(void)state;
	for (uint32_t s = 0; s <= HEURISTIC_ALL; s++) {
		assert_int_equal(heuristic_set_parse(heuristic_set_text(s, text), &set, &e), 0);
		assert_int_equal(set, s);
	}
	assert_int_equal(heuristic_set_parse("all", &set, &e), 0);
	assert_int_equal(set, HEURISTIC_ALL);
	for (size_t i = 0; i < 5; i++) {
		static const char *const bad[] = {"", "type,", ",type", "typ", "type fresh"};

		assert_int_equal(heuristic_set_parse(bad[i], &set, &e), -ERR_INVAL);
		assert_string_equal(e.field, "heuristics");
	}
	assert_int_equal(set, HEURISTIC_ALL);
	assert_null(heuristic_name(3));
	assert_null(heuristic_doc(128));
	assert_string_equal(heuristic_name(HEURISTIC_PEEL), "peel");
	assert_non_null(heuristic_doc(HEURISTIC_CLIENT));
}

static void test_missing_and_removed(void **state)
{
	struct world *w = joined_world(41, 20);
	struct entity_build opt = {.set = HEURISTIC_ALL + 1};
	struct entity_built b;
	struct ledger *l;
	struct entities *x = NULL;
	struct err e = {0};

	(void)state;
	clear();
	assert_int_equal(entities_build(at("ledger"), &opt, &b, &e), -ERR_RANGE);
	opt.set = 0;
	assert_int_equal(entities_build(at("ledger"), &opt, &b, &e), -ERR_NOENT);
	import(w, 19);
	assert_int_equal(ledger_open(at("ledger"), &l, &e), 0);
	assert_int_equal(entities_open(at("ledger"), l, 0, &x, &e), -ERR_NOENT);
	assert_non_null(strstr(e.message, "lug ledger cluster"));
	build(0, false);
	build(HEURISTIC_FRESH, false);
	assert_int_equal(entities_open(at("ledger"), l, 0, &x, &e), 0);
	entities_close(x);
	ledger_close(l);
	import(w, 20);
	assert_int_equal(ledger_open(at("ledger"), &l, &e), 0);
	assert_int_equal(entities_open(at("ledger"), l, 0, &x, &e), -ERR_NOENT);
	assert_int_equal(entities_remove(at("ledger"), HEURISTIC_FRESH, &e), 0);
	assert_int_equal(entities_remove(at("ledger"), HEURISTIC_FRESH, &e), -ERR_NOENT);
	build(0, false);
	assert_int_equal(entities_open(at("ledger"), l, 0, &x, &e), 0);
	entities_close(x);
	ledger_close(l);
	world_free(w);
}

/* Whatever a file says, the answers stay in range. */
static void ask_all(const struct ledger *l, const struct entities *x)
{
	uint32_t ids[16], n = (uint32_t)ledger_info(l)->address_n;
	struct entity_link links[4];

	for (uint32_t a = 0; a < n + 2; a++)
		for (uint32_t h = 0; h < 3; h++) {
			uint32_t height = h == 0 ? 0 : h == 1 ? 30 : ENTITY_TIP;
			uint32_t entity = entity_of(x, a, height);

			assert_true(entity <= a && (entity < n));
			(void)entity_size(x, a, height);
			(void)entity_links(x, a, height, links, 4);
			int64_t got = entity_members(x, a, height, 0, ids, 16);
			for (int64_t i = 0; i < got; i++)
				assert_true(ids[i] < n);
		}
}

static void test_damaged(void **state)
{
	struct world *w = joined_world(51, 140);
	struct buf good;
	char name[64], path[600];
	struct ledger *l;
	struct prng r;
	int opened = 0, refused = 0;

	(void)state;
	clear();
	import(w, w->block_n);
	build(HEURISTIC_ALL, false);
	read_file(HEURISTIC_ALL, &good);
	assert_int_equal(ledger_open(at("ledger"), &l, NULL), 0);
	const struct ledger_info *info = ledger_info(l);
	int k = snprintf(name, sizeof(name), "entity-%02x-%u-", HEURISTIC_ALL, info->height);
	for (int i = 0; i < 8; i++)
		k += snprintf(name + k, sizeof(name) - (size_t)k, "%02x", info->tip32[31 - i]);
	snprintf(path, sizeof(path), "%s/%s", at("ledger"), name);
	prng_init(&r, 5);
	for (int round = 0; round < 60; round++) {
		struct buf b;
		struct entities *x = NULL;

		buf_init(&b, 64 << 20);
		buf_put(&b, good.p, round % 10 == 9 ? prng_below(&r, good.len) : good.len);
		/* One half of the rounds damages the head, the other the rows. */
		uint64_t from = round % 2 && b.len > 320 ? 320 : 0;
		uint64_t to = from ? b.len : b.len < 320 ? b.len : 320;
		for (int i = 0; i < 20 && to; i++) {
			uint64_t place = from + prng_below(&r, to - from);

			b.p[place] ^= (uint8_t)(1 << prng_below(&r, 8));
		}
		assert_int_equal(file_write(path, b.p, b.len, 0644, NULL), 0);
		buf_done(&b);
		int rc = entities_open(at("ledger"), l, HEURISTIC_ALL, &x, NULL);
		if (rc == 0)
			ask_all(l, x);
		opened += rc == 0;
		refused += rc < 0;
		entities_close(x);
	}
	assert_true(opened > 5 && refused > 5);
	buf_done(&good);
	ledger_close(l);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_model),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_continued_is_whole),
		cmocka_unit_test(test_reorganised_is_whole),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_missing_and_removed),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
