/* SPDX-License-Identifier: Apache-2.0
 * Tests of following a chain, with invented peers, clock and store: in step with honest ones, away from those that lie, stall or
 * flood, through reorganisations; and the difficulty rules against published values and real headers. */
#include "base/cleanup.h"
#include "chain/p2p.h"
#include "follow/follow.h"
#include "follow/tree.h"
#include "ledger-world.h"
#include "lug-data.h"

enum { PEERS = 4, QUEUE = 16 << 20 };

/* How a peer misbehaves. */
enum lie {
	HONEST,
	LIE_WORK,	 /* the last header's hash is above its target */
	LIE_DIFFICULTY,	 /* its target is not the one the rules ask for */
	LIE_TIME,	 /* before the median of the ones before */
	LIE_UNLINKED,	 /* headers that do not name each other */
	LIE_UNCONNECTED, /* headers whose first parent nobody knows, again and again */
	LIE_BLOCK,	 /* a byte of a block's transactions is another */
	LIE_OTHER_BLOCK, /* cut blocks */
	LIE_NO_BLOCKS,
	LIE_NO_HEADERS,
	LIE_NO_VERACK,
	LIE_NO_PONG,
	LIE_OLD,
	LIE_SERVICES,
	LIE_SELF,
	LIE_NETWORK,
	LIE_CHECKSUM,
	LIE_TWICE, /* a second version */
	LIE_EARLY, /* a ping before its version */
	LIE_FLOOD,
	LIE_REFUSED,
	LIE_NOTFOUND, /* has no blocks and says so */
	LIE_FUTURE,   /* the last header lies three hours ahead */
};

struct fake {
	const struct world *w;
	uint32_t n; /* blocks of w that it has */
	enum lie lie;
	struct buf out; /* to us */
	bool open, dialled;
	unsigned connects;
	int fault; /* last one, -1 none */
	int64_t back_ms;
	uint32_t blocks_sent, txs_sent;
	uint64_t our_nonce;
	const uint8_t *tx; /* in its pool */
	size_t tx_len;
};
struct mesh {
	int64_t now_ms, wall_s;
	struct prng r;
	struct follow *f;
	struct follow_env env;
	struct fake fake[PEERS];
	unsigned n;
	uint8_t stored[WORLD_BLOCKS * 4][32];
	uint32_t stored_n, tx_n;
	int store_error;
};

static const struct network *regtest(void)
{
	return network_get(NET_REGTEST);
}

/* ---- the peers ---- */

static void say(struct fake *k, const struct p2p_message *m)
{
	assert_int_equal(
		p2p_write(k->lie == LIE_NETWORK ? network_get(NET_SIGNET) : regtest(), m, &k->out),
		0);
	if (k->lie == LIE_CHECKSUM && m->kind == P2P_HEADERS)
		k->out.p[k->out.len - 1] ^= 1;
}

static void say_version(struct fake *k)
{
	const struct p2p_message m = {
		.kind = P2P_VERSION,
		.version = {.protocol = k->lie == LIE_OLD ? 70001 : 70016,
			    .services = k->lie == LIE_SERVICES ? 1 : 13,
			    .nonce = k->lie == LIE_SELF ? k->our_nonce : 99,
			    .agent = "/fake/",
			    .agent_len = 6,
			    .height = UINT32_MAX /* a claim that nobody believes */}};
	const struct p2p_message ping = {.kind = P2P_PING, .nonce = 3};
	const struct p2p_message verack = {.kind = P2P_VERACK};

	if (k->lie == LIE_EARLY)
		say(k, &ping);
	say(k, &m);
	if (k->lie != LIE_NO_VERACK)
		say(k, &verack);
	if (k->lie == LIE_TWICE)
		say(k, &m);
}

/* The first block that the locator does not cover. */
static uint32_t locate(const struct fake *k, const struct p2p_message *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		for (uint32_t b = k->n; b-- > 0;)
			if (memcmp(k->w->block[b].hash32, m->locator.hashes + (size_t)i * 32, 32) ==
			    0)
				return b + 1;
	return 0;
}

/* Mines a header again after it was changed, so that only the lie is wrong. */
static void header_mine(uint8_t p80[80], bool good)
{
	struct block_header h = block_header_decode(p80);
	uint8_t hash32[32];
	struct u256 target, hash;

	assert_int_equal(block_target(0x207fffff, &target), 0);
	do {
		h.nonce++;
		block_header_encode(&h, p80);
		block_hash(p80, hash32);
		hash = u256_from_le(hash32);
	} while ((u256_cmp(&hash, &target) <= 0) != good);
}

static void header_lie(const struct mesh *s, struct fake *k, uint8_t *last80, uint8_t *first80)
{
	struct block_header h = block_header_decode(last80);

	if (k->lie == LIE_WORK)
		header_mine(last80, false);
	if (k->lie == LIE_DIFFICULTY)
		h.bits = 0x207ffffe;
	if (k->lie == LIE_TIME)
		h.time_s = 1600000000;
	if (k->lie == LIE_FUTURE)
		h.time_s = (uint32_t)s->wall_s + 3 * 3600;
	if (k->lie == LIE_UNLINKED || k->lie == LIE_UNCONNECTED) {
		h = block_header_decode(k->lie == LIE_UNLINKED ? last80 : first80);
		h.prev32[3] ^= 1;
		block_header_encode(&h, k->lie == LIE_UNLINKED ? last80 : first80);
		header_mine(k->lie == LIE_UNLINKED ? last80 : first80, true);
	} else if (k->lie >= LIE_DIFFICULTY) {
		block_header_encode(&h, last80);
		header_mine(last80, true);
	}
}

static void say_headers(const struct mesh *s, struct fake *k, uint32_t from)
{
	struct p2p_message m = {.kind = P2P_HEADERS};
	uint8_t *items = calloc(P2P_HEADERS_MAX, P2P_HEADER_LEN);

	for (uint32_t b = from; b < k->n && m.n < P2P_HEADERS_MAX; b++)
		memcpy(items + (size_t)m.n++ * P2P_HEADER_LEN, k->w->block[b].bytes, 80);
	if (m.n > 0 && ((k->lie >= LIE_WORK && k->lie <= LIE_UNCONNECTED) || k->lie == LIE_FUTURE))
		header_lie(s, k, items + (size_t)(m.n - 1) * P2P_HEADER_LEN, items);
	if (k->lie == LIE_UNCONNECTED)
		m.n = 1;
	m.items = items;
	say(k, &m);
	free(items);
}

static void say_block(struct fake *k, const uint8_t hash32[32])
{
	struct p2p_message m = {.kind = P2P_BLOCK};
	uint8_t *copy;

	for (uint32_t b = 0; b < k->n; b++) {
		const struct world_block *x = &k->w->block[b];

		if (memcmp(x->hash32, hash32, 32) != 0)
			continue;
		copy = malloc(x->len);
		memcpy(copy, x->bytes, x->len);
		copy[x->len - 6] ^= k->lie == LIE_BLOCK;
		m.bytes = copy;
		m.len = (uint32_t)x->len - (k->lie == LIE_OTHER_BLOCK);
		say(k, &m);
		free(copy);
		k->blocks_sent++;
		return;
	}
	m = (struct p2p_message){.kind = P2P_TX, .bytes = k->tx, .len = (uint32_t)k->tx_len};
	if (k->tx) {
		say(k, &m);
		k->txs_sent++;
	}
}

static void say_flood(struct fake *k)
{
	const struct p2p_message m = {
		.kind = P2P_OTHER, .command = "spam", .bytes = (uint8_t *)"x", .len = 1};

	for (int i = 0; i <= FOLLOW_FLOOD_N; i++)
		say(k, &m);
}

static void say_data(struct fake *k, const struct p2p_message *ask)
{
	struct p2p_message m = *ask;

	m.kind = P2P_NOTFOUND;
	if (k->lie == LIE_NOTFOUND)
		say(k, &m);
	else if (k->lie != LIE_NO_BLOCKS)
		for (uint32_t i = 0; i < m.n; i++)
			say_block(k, p2p_inv_at(&m, i).hash32);
}

static void say_pool(struct fake *k)
{
	struct p2p_message m = {.kind = P2P_INV, .n = 1};
	struct tx t;
	uint8_t txid32[32];
	struct buf items;

	if (!k->tx)
		return;
	assert_int_equal(tx_decode(k->tx, k->tx_len, 0, &t), 0);
	tx_id(&t, txid32);
	buf_init(&items, 64);
	p2p_inv_put(&items, P2P_INV_TX, txid32);
	m.items = items.p;
	say(k, &m);
	buf_done(&items);
}

static void hear(struct mesh *s, struct fake *k, const struct p2p_message *m)
{
	struct p2p_message pong = {.kind = P2P_PONG, .nonce = m->nonce};

	if (m->kind == P2P_VERSION) {
		assert_int_equal(m->version.protocol, FOLLOW_PROTOCOL);
		k->our_nonce = m->version.nonce;
		say_version(k);
	}
	if (m->kind == P2P_GETHEADERS && k->lie != LIE_NO_HEADERS)
		say_headers(s, k, locate(k, m));
	if (m->kind == P2P_GETHEADERS && k->lie == LIE_FLOOD)
		say_flood(k);
	if (m->kind == P2P_GETDATA)
		say_data(k, m);
	if (m->kind == P2P_PING && k->lie != LIE_NO_PONG)
		say(k, &pong);
	if (m->kind == P2P_MEMPOOL)
		say_pool(k);
}

/* ---- the environment ---- */

static int64_t env_mono(void *ctx)
{
	return ((struct mesh *)ctx)->now_ms;
}
static int64_t env_wall(void *ctx)
{
	return ((struct mesh *)ctx)->wall_s;
}
static void env_random(void *ctx, void *out, size_t len)
{
	prng_bytes(&((struct mesh *)ctx)->r, out, len);
}
static void env_connect(void *ctx, unsigned peer)
{
	struct mesh *s = ctx;

	s->fake[peer].connects++;
	s->fake[peer].open = s->fake[peer].dialled = true;
}
static void env_send(void *ctx, unsigned peer, const void *p, size_t len)
{
	struct mesh *s = ctx;
	struct p2p_message m;
	struct p2p_frame f;

	assert_true(s->fake[peer].open);
	assert_int_equal(p2p_frame_read(regtest(), p, &f), 0);
	assert_int_equal(f.len + P2P_FRAME_LEN, len);
	assert_int_equal(p2p_read(&f, (const uint8_t *)p + P2P_FRAME_LEN, &m), 0);
	hear(s, &s->fake[peer], &m);
}
static void env_close(void *ctx, unsigned peer)
{
	struct mesh *s = ctx;

	s->fake[peer].open = false;
	buf_clear(&s->fake[peer].out);
}
static int env_store(void *ctx, const uint8_t *p, size_t len, uint32_t height, struct err *e)
{
	struct mesh *s = ctx;
	uint8_t hash32[32];
	bool parent = height == 0;

	if (s->store_error)
		return err_set(e, s->store_error, "store", NULL);
	assert_int_equal(block_check(p, len, NET_REGTEST, NULL, NULL), 0);
	for (uint32_t i = 0; i < s->stored_n; i++)
		parent |= memcmp(s->stored[i], p + 4, 32) == 0;
	assert_true(parent);
	block_hash(p, hash32);
	memcpy(s->stored[s->stored_n++], hash32, 32);
	return 0;
}
static void env_ready(void *ctx, unsigned peer, const char *agent, size_t agent_len)
{
	assert_true(agent_len == 6 && memcmp(agent, "/fake/", 6) == 0);
}
static void env_left(void *ctx, unsigned peer, enum follow_fault fault, int64_t back_ms)
{
	struct mesh *s = ctx;

	s->fake[peer].fault = (int)fault;
	s->fake[peer].back_ms = back_ms;
}
static void env_tx(void *ctx, const uint8_t *p, size_t len)
{
	((struct mesh *)ctx)->tx_n++;
}

static struct mesh *net_new(void)
{
	struct mesh *s = calloc(1, sizeof(*s));
	const struct follow_options opt = {.pool = true};

	s->now_ms = 1;
	s->wall_s = 1700000000 + WORLD_BLOCKS * 600;
	prng_init(&s->r, 1);
	s->env = (struct follow_env){.ctx = s,
				     .mono_ms = env_mono,
				     .wall_s = env_wall,
				     .random = env_random,
				     .connect = env_connect,
				     .send = env_send,
				     .close = env_close,
				     .store = env_store,
				     .ready = env_ready,
				     .left = env_left,
				     .tx = env_tx};
	assert_int_equal(follow_new(regtest(), &s->env, &opt, &s->f, NULL), 0);
	return s;
}

static void net_free(struct mesh *s)
{
	follow_free(s->f);
	for (unsigned i = 0; i < s->n; i++)
		buf_done(&s->fake[i].out);
	free(s);
}

static struct fake *net_peer(struct mesh *s, const struct world *w, enum lie lie)
{
	struct fake *k = &s->fake[s->n];

	*k = (struct fake){.w = w, .n = w->block_n, .lie = lie, .fault = -1};
	buf_init(&k->out, QUEUE);
	assert_int_equal(follow_peer_add(s->f), (int)s->n++);
	return k;
}

/* What the peers have said, in odd pieces; true when there was something. */
static bool net_deliver(struct mesh *s)
{
	bool any = false;

	for (unsigned i = 0; i < s->n; i++) {
		struct fake *k = &s->fake[i];
		uint8_t *p;
		size_t len;

		if (k->out.len == 0)
			continue;
		any = true;
		p = buf_take(&k->out, &len);
		for (size_t at = 0, n; at < len; at += n) {
			n = 1 + (size_t)prng_below(&s->r, 5000);
			n = n < len - at ? n : len - at;
			follow_received(s->f, i, p + at, n);
		}
		free(p);
	}
	return any;
}

static unsigned net_connects(const struct mesh *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n; i++)
		n += s->fake[i].connects;
	return n;
}

/* Lets `ms` pass, in steps as the logic asks for them. */
static void net_run(struct mesh *s, int64_t ms)
{
	int64_t end = s->now_ms + ms, wait;

	while (s->now_ms < end) {
		unsigned before = net_connects(s);

		assert_int_equal(follow_poll(s->f, &wait, NULL), s->store_error);
		for (unsigned i = 0; i < s->n; i++) {
			if (!s->fake[i].dialled)
				continue;
			s->fake[i].dialled = false;
			if (s->fake[i].lie == LIE_REFUSED)
				follow_closed(s->f, i);
			else
				follow_connected(s->f, i);
		}
		if (net_deliver(s) || net_connects(s) != before)
			continue;
		wait = wait < end - s->now_ms ? wait : end - s->now_ms;
		s->now_ms += wait > 0 ? wait : 1;
		s->wall_s += wait / 1000;
	}
}

static void assert_tip(const struct mesh *s, const struct world *w)
{
	struct follow_point tip;

	assert_true(follow_tip(s->f, &tip));
	assert_int_equal(tip.height, w->block_n - 1);
	assert_memory_equal(tip.hash32, w->block[w->block_n - 1].hash32, 32);
}

/* ---- tests ---- */

static void test_in_step(void **state)
{
	struct world *w = world_new(1, 300, 0);
	struct mesh *s = net_new();
	struct follow_point p;
	struct fake *a = net_peer(s, w, HONEST), *b = net_peer(s, w, HONEST);

	a->n = 200;
	b->n = 250;
	assert_false(follow_tip(s->f, &p));
	assert_true(follow_wanted(s->f, &p));
	assert_int_equal(p.height, 0);
	net_run(s, 1000);
	assert_true(follow_tip(s->f, &p));
	assert_int_equal(p.height, 249);
	assert_false(follow_wanted(s->f, &p));
	assert_true(a->blocks_sent > 20 && b->blocks_sent > 20); /* the work was shared */
	assert_int_equal(a->blocks_sent + b->blocks_sent, 250);	 /* and nothing asked twice */
	a->n = 300;
	say_headers(s, a, 250);
	net_run(s, 1000);
	assert_tip(s, w);
	assert_int_equal(follow_best(s->f).height, 299);
	assert_true(follow_known(s->f, w->block[299].hash32));
	assert_int_equal(a->fault, -1);
	net_run(s, 600000); /* pings are answered, nobody leaves */
	assert_int_equal(a->fault, -1);
	assert_int_equal(b->fault, -1);
	net_free(s);
	world_free(w);
}

static void test_lies(void **state)
{
	static const struct {
		enum lie lie;
		int fault;
	} list[] = {
		{LIE_WORK, FOLLOW_WORK},
		{LIE_DIFFICULTY, FOLLOW_DIFFICULTY},
		{LIE_TIME, FOLLOW_TIME},
		{LIE_UNLINKED, FOLLOW_UNCONNECTED},
		{LIE_UNCONNECTED, FOLLOW_UNCONNECTED},
		{LIE_BLOCK, FOLLOW_BLOCK},
		{LIE_OTHER_BLOCK, FOLLOW_BLOCK},
		{LIE_NO_BLOCKS, FOLLOW_STALL},
		{LIE_NO_HEADERS, FOLLOW_STALL},
		{LIE_NO_VERACK, FOLLOW_TIMEOUT},
		{LIE_NO_PONG, FOLLOW_TIMEOUT},
		{LIE_OLD, FOLLOW_OLD},
		{LIE_SERVICES, FOLLOW_SERVICES},
		{LIE_SELF, FOLLOW_SELF},
		{LIE_NETWORK, FOLLOW_MALFORMED},
		{LIE_CHECKSUM, FOLLOW_MALFORMED},
		{LIE_TWICE, FOLLOW_MALFORMED},
		{LIE_EARLY, FOLLOW_MALFORMED},
		{LIE_FLOOD, FOLLOW_FLOOD},
		{LIE_REFUSED, FOLLOW_REFUSED},
		{LIE_NOTFOUND, -1},
		{LIE_FUTURE, -1},
	};
	struct world *w = world_new(2, 60, 0);

	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct mesh *s = net_new();
		struct fake *liar = net_peer(s, w, list[i].lie), *honest = net_peer(s, w, HONEST);

		honest->n = 40; /* the liar offers more */
		net_run(s, 250000);
		if (liar->fault != list[i].fault)
			fail_msg("lie %d: fault %d, not %d", list[i].lie, liar->fault,
				 list[i].fault);
		assert_int_equal(honest->fault, -1);
		assert_true(list[i].fault < 0 || liar->back_ms >= FOLLOW_BACK_MS);
		if (list[i].fault >= 0 && follow_fault_offence((enum follow_fault)list[i].fault))
			assert_int_equal(liar->connects, 1); /* not back within an hour */
		honest->n = 60;
		say_headers(s, honest, 40);
		net_run(s, 200000);
		assert_tip(s, w);
		net_free(s);
	}
	world_free(w);
}

static void test_back_off(void **state)
{
	struct world *w = world_new(3, 5, 0);
	struct mesh *s = net_new();
	struct fake *k = net_peer(s, w, LIE_REFUSED), *bad = net_peer(s, w, LIE_NETWORK);

	net_run(s, 63500); /* at 0, 1, 3, 7, 15, 31, 63 s */
	assert_int_equal(k->connects, 7);
	net_run(s, 4 * 600000);
	assert_int_equal(k->back_ms, FOLLOW_BACK_MAX_MS);
	k->lie = HONEST;
	net_run(s, 600000);
	assert_tip(s, w);
	net_run(s, 3700000);
	assert_int_equal(bad->back_ms, 2 * FOLLOW_OFFENCE_MS);
	follow_closed(s->f, 0); /* after an hour in step the pause is short again */
	assert_int_equal(k->fault, FOLLOW_CLOSED);
	assert_int_equal(k->back_ms, FOLLOW_BACK_MS);
	net_run(s, 5000);
	assert_true(k->open);
	net_free(s);
	world_free(w);
}

/* A chain of less work changes nothing; one of more turns ours, at any depth; and back again. */
static void test_reorganisations(void **state)
{
	struct world *a = world_new(4, 100, 0), *b = world_fork(a, 99, 7),
		     *c = world_fork(a, 30, 8);
	struct mesh *s = net_new();
	struct fake *one, *two;

	while (b->block_n < 101)
		world_block(b, 0, UINT32_MAX);
	while (c->block_n < 100)
		world_block(c, 0, UINT32_MAX);
	one = net_peer(s, a, HONEST);
	net_run(s, 1000);
	assert_tip(s, a);
	two = net_peer(s, c, HONEST);
	net_run(s, 1000);
	assert_tip(s, a); /* equal work: the first stays */
	assert_int_equal(two->blocks_sent, 0);
	one->w = b; /* one block is replaced by two */
	one->n = 101;
	say_headers(s, one, 99);
	net_run(s, 1000);
	assert_tip(s, b);
	while (c->block_n < 103) /* seventy blocks are replaced */
		world_block(c, 0, UINT32_MAX);
	two->n = 103;
	say_headers(s, two, 100);
	net_run(s, 1000);
	assert_tip(s, c);
	while (a->block_n < 104) /* back to the first chain, most of which is stored */
		world_block(a, 0, UINT32_MAX);
	one->w = a;
	one->n = 104;
	one->blocks_sent = 0;
	say_headers(s, one, 100);
	net_run(s, 1000);
	assert_tip(s, a);
	assert_int_equal(one->blocks_sent, 4);
	net_free(s);
	world_free(a);
	world_free(b);
	world_free(c);
}

/* A chain with most work whose blocks nobody sends does not hold up the others. */
static void test_withheld(void **state)
{
	struct world *a = world_new(5, 50, 0), *b = world_fork(a, 40, 3);
	struct mesh *s = net_new();
	struct follow_point tip;
	struct fake *hiding;

	while (b->block_n < 60)
		world_block(b, 0, UINT32_MAX);
	hiding = net_peer(s, b, LIE_NOTFOUND);
	net_peer(s, a, HONEST);
	net_run(s, 30000);
	assert_true(follow_tip(s->f, &tip));
	assert_memory_equal(tip.hash32, a->block[49].hash32, 32);
	assert_int_equal(follow_best(s->f).height, 59);
	hiding->lie = HONEST;
	net_run(s, 200000);
	assert_tip(s, b);
	net_free(s);
	world_free(a);
	world_free(b);
}

static void test_restart(void **state)
{
	struct world *w = world_new(6, 80, 0);
	struct mesh *s = net_new();
	struct fake *k;
	uint8_t damaged[80];

	assert_int_equal(follow_load(s->f, w->block[1].bytes), -ERR_NOENT); /* before its parent */
	for (uint32_t i = 0; i < 70; i++) {
		assert_int_equal(follow_load(s->f, w->block[i].bytes), 0);
		memcpy(s->stored[s->stored_n++], w->block[i].hash32, 32);
	}
	assert_int_equal(follow_load(s->f, w->block[75].bytes), -ERR_NOENT);
	memcpy(damaged, w->block[70].bytes, 80);
	header_mine(damaged, false);
	assert_int_equal(follow_load(s->f, damaged), -ERR_CORRUPT);
	k = net_peer(s, w, HONEST);
	net_run(s, 1000);
	assert_tip(s, w);
	assert_int_equal(k->blocks_sent, 10);
	net_free(s);
	world_free(w);
}

/* A long import is not the peers' delay. */
static void test_paused(void **state)
{
	struct world *w = world_new(10, 20, 0);
	struct mesh *s = net_new();
	struct fake *k = net_peer(s, w, LIE_NO_BLOCKS);
	int64_t wait;

	net_run(s, 30000);
	s->now_ms += 600000;
	follow_paused(s->f, 600000);
	assert_int_equal(follow_poll(s->f, &wait, NULL), 0);
	assert_int_equal(k->fault, -1);
	assert_int_equal(k->connects, 1);
	net_run(s, 31000); /* but its own minute goes on */
	assert_int_equal(k->fault, FOLLOW_STALL);
	net_free(s);
	world_free(w);
}

static void test_store_fails(void **state)
{
	struct world *w = world_new(7, 20, 0);
	struct mesh *s = net_new();

	net_peer(s, w, HONEST);
	s->store_error = -ERR_NOSPC;
	net_run(s, 0);
	for (int i = 0; i < 20; i++) {
		int64_t wait;
		int r = follow_poll(s->f, &wait, NULL);

		if (i == 0)
			follow_connected(s->f, 0);
		assert_true(r == 0 || r == -ERR_NOSPC);
		net_deliver(s);
	}
	assert_int_equal(s->stored_n, 0);
	s->store_error = 0;
	net_run(s, 1000);
	assert_tip(s, w); /* nothing was lost, and nothing asked again */
	assert_int_equal(s->fake[0].blocks_sent, 20);
	net_free(s);
	world_free(w);
}

static void test_trusted(void **state)
{
	struct world *w = world_new(8, 30, 0);
	struct mesh *s = net_new();
	uint8_t headers[30 * 80];
	const struct follow_options none = {0};
	struct follow *other = NULL;
	struct err e;

	for (uint32_t i = 0; i < 30; i++)
		memcpy(headers + i * 80, w->block[i].bytes, 80);
	assert_int_equal(follow_headers(s->f, headers + 800, 20), -ERR_NOENT);
	assert_int_equal(follow_headers(s->f, headers, 10), 0);
	memcpy(headers + 12 * 80, headers + 20 * 80, 80);
	assert_int_equal(follow_headers(s->f, headers + 800, 20), -ERR_FORMAT);
	assert_int_equal(follow_block(s->f, w->block[1].bytes, w->block[1].len, &e), -ERR_NOENT);
	assert_int_equal(follow_block(s->f, w->block[29].bytes, w->block[29].len, &e), -ERR_NOENT);
	assert_int_equal(follow_block(s->f, w->block[0].bytes, 79, &e), -ERR_TRUNCATED);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(follow_block(s->f, w->block[i].bytes, w->block[i].len, &e), 0);
	assert_int_equal(follow_block(s->f, w->block[3].bytes, w->block[3].len, &e), 0);
	assert_int_equal(s->stored_n, 10);
	assert_int_equal(follow_new(network_get(NET_LITECOIN), &s->env, &none, &other, &e),
			 -ERR_UNSUPPORTED);
	net_free(s);
	world_free(w);
}

/* ---- unconfirmed transactions ---- */

static size_t tx_make(uint32_t n, uint8_t out[256])
{
	uint8_t prev32[32];
	const struct txin in = {.prev32 = prev32, .prev_n = n, .sequence = 1};
	const struct txout o = {.value = {5}, .script = (const uint8_t *)"\x51", .script_len = 1};
	struct buf b;
	size_t len;

	memset(prev32, (int)n, 32);
	buf_init(&b, 256);
	assert_int_equal(tx_encode(2, &in, 1, &o, 1, 0, &b), 0);
	len = b.len;
	memcpy(out, b.p, len);
	buf_done(&b);
	return len;
}

static bool keep_odd(void *ctx, const uint8_t *p, size_t len, int64_t seen_s)
{
	unsigned *n = ctx;

	return (*n)++ % 2 == 1;
}

static void test_pool(void **state)
{
	struct world *w = world_new(9, 10, 0);
	struct mesh *s = net_new();
	struct fake *k = net_peer(s, w, HONEST);
	uint8_t tx[256], other[256];
	unsigned n = 0;
	size_t len;

	k->tx = tx;
	k->tx_len = tx_make(1, tx);
	net_run(s, 1000);
	assert_int_equal(s->tx_n, 1);
	assert_int_equal(follow_pool_n(s->f), 1);
	say_pool(k); /* known: not asked for again */
	net_run(s, 1000);
	assert_int_equal(k->txs_sent, 1);
	assert_int_equal(follow_tx(s->f, tx, k->tx_len), 0);
	assert_int_equal(follow_tx(s->f, tx, k->tx_len - 1), -ERR_TRUNCATED);
	for (uint32_t i = 2; i < 100; i++) {
		len = tx_make(i, other);
		assert_int_equal(follow_tx(s->f, other, len), 1);
	}
	follow_pool_sweep(s->f, keep_odd, &n);
	assert_int_equal(n, 99);
	assert_int_equal(follow_pool_n(s->f), 49);
	assert_int_equal(follow_tx(s->f, tx, k->tx_len), 1); /* the first was dropped */
	len = tx_make(2, other);
	assert_int_equal(follow_tx(s->f, other, len), 0); /* the second was kept */
	follow_pool_ask(s->f);
	n = 0;
	follow_pool_sweep(s->f, keep_odd, &n);
	net_run(s, 1000);
	net_free(s);
	world_free(w);
}

static void test_pool_is_bounded(void **state)
{
	struct mesh *s = net_new();
	uint8_t p[256];
	size_t len = tx_make(1, p);
	unsigned n = 0;

	for (uint32_t i = 0; i < FOLLOW_POOL_N + 1000; i++) {
		memcpy(p + 5, &i, 4); /* of the outpoint */
		assert_int_equal(follow_tx(s->f, p, len), 1);
		assert_true(follow_pool_n(s->f) <= FOLLOW_POOL_N);
	}
	follow_pool_sweep(s->f, keep_odd, &n);
	assert_true(n > FOLLOW_POOL_N / 2);
	assert_int_equal(follow_tx(s->f, p, len), n % 2 == 0 ? 0 : 1); /* the newest is there */
	net_free(s);
}

/* ---- rules ---- */

/* Bitcoin Core, pow_tests.cpp: get_next_work and the three limits. */
static void test_retarget(void **state)
{
	const struct network *n = network_get(NET_BITCOIN);

	assert_int_equal(rules_retarget(n, 0x1d00ffff, 1262152739 - 1261130161), 0x1d00d86a);
	assert_int_equal(rules_retarget(n, 0x1d00ffff, 1233061996 - 1231006505), 0x1d00ffff);
	assert_int_equal(rules_retarget(n, 0x1c05a3f4, 1279297671 - 1279008237), 0x1c0168fd);
	assert_int_equal(rules_retarget(n, 0x1c387f6f, 1269211443 - 1263163443), 0x1d00e1fd);
}

/* Mainnet's headers 0 to 4312 pass, two adjustments among them; one with another target does not. */
static void test_real_headers(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct tree t;
	uint32_t node = 0, n = 0;
	uint8_t key16[16] = {1};

	if (!lug_data("bitcoin/chain/blk00000.dat", &b))
		skip();
	assert_int_equal(tree_init(&t, network_get(NET_BITCOIN), false, key16), 0);
	for (size_t at = 0; at + 88 <= b.len; n++) {
		uint32_t size;

		memcpy(&size, b.p + at + 4, 4);
		assert_int_equal(tree_add(&t, b.p + at + 8, 2000000000, &node), 0);
		at += 8 + le32toh(size);
	}
	assert_true(n > 4300);
	assert_int_equal(t.chain_n, n);
	assert_int_equal(rules_bits(&t, node, 0), 0x1d00ffff);
	tree_done(&t);
}

/* Test networks: twenty minutes without a block make the next one easy, and it does not count for those behind it. */
static void test_easy_blocks(void **state)
{
	struct tree t;
	uint8_t key16[16] = {1};

	assert_int_equal(tree_init(&t, network_get(NET_TESTNET3), false, key16), 0);
	t.nodes[0].bits = 0x1c0fffff; /* as if the first block had been harder */
	assert_int_equal(rules_bits(&t, 0, t.nodes[0].time_s + 1200), 0x1c0fffff);
	assert_int_equal(rules_bits(&t, 0, t.nodes[0].time_s + 1201), 0x1d00ffff);
	t.nodes[1] = (struct tree_node){
		.height = 1, .bits = 0x1d00ffff, .time_s = t.nodes[0].time_s + 1201};
	assert_int_equal(rules_bits(&t, 1, t.nodes[1].time_s + 5), 0x1c0fffff);
	assert_false(rules_known(network_get(NET_BITCOIN_CASH)));
	assert_true(rules_known(network_get(NET_SIGNET)));
	tree_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_step),		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_back_off),	cmocka_unit_test(test_reorganisations),
		cmocka_unit_test(test_withheld),	cmocka_unit_test(test_restart),
		cmocka_unit_test(test_paused),		cmocka_unit_test(test_store_fails),
		cmocka_unit_test(test_trusted),		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_pool_is_bounded), cmocka_unit_test(test_retarget),
		cmocka_unit_test(test_real_headers),	cmocka_unit_test(test_easy_blocks),
	};

	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
