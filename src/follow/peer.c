/* SPDX-License-Identifier: Apache-2.0
 * The conversation with one peer: connect, shake hands, take headers, blocks and transactions, and leave it when it breaks a rule
 * of docs/protocol/p2p.md. */
#include "chain/block.h"
#include "follow/follow-int.h"
#include <string.h>

static const struct {
	const char *name;
	bool offence;
	int64_t back_ms, back_max_ms;
} faults[] = {
	[FOLLOW_REFUSED] = {"refused", false, FOLLOW_BACK_MS, FOLLOW_BACK_MAX_MS},
	[FOLLOW_CLOSED] = {"closed", false, FOLLOW_BACK_MS, FOLLOW_BACK_MAX_MS},
	[FOLLOW_TIMEOUT] = {"timeout", false, FOLLOW_BACK_MS, FOLLOW_BACK_MAX_MS},
	[FOLLOW_STALL] = {"stall", false, FOLLOW_BACK_MS, FOLLOW_BACK_MAX_MS},
	[FOLLOW_OLD] = {"old", false, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MS},
	[FOLLOW_SERVICES] = {"services", false, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MS},
	[FOLLOW_SELF] = {"self", false, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MS},
	[FOLLOW_MALFORMED] = {"malformed", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
	[FOLLOW_WORK] = {"work", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
	[FOLLOW_DIFFICULTY] = {"difficulty", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
	[FOLLOW_TIME] = {"time", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
	[FOLLOW_UNCONNECTED] = {"unconnected", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
	[FOLLOW_SIDE] = {"side", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
	[FOLLOW_BLOCK] = {"block", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
	[FOLLOW_FLOOD] = {"flood", true, FOLLOW_OFFENCE_MS, FOLLOW_OFFENCE_MAX_MS},
};
enum { IN_STEP_MS = 3600000 }; /* after which earlier failures are forgotten */

const char *follow_fault_name(enum follow_fault fault)
{
	return faults[fault].name;
}

bool follow_fault_offence(enum follow_fault fault)
{
	return faults[fault].offence;
}

/* ---- leaving and sending ---- */

void peer_leave(struct follow *f, unsigned i, enum follow_fault fault)
{
	struct peer *p = &f->peers[i];
	int64_t now_ms = follow_now(f), back_ms = faults[fault].back_ms;

	if (p->state == PEER_READY && now_ms - p->since_ms >= IN_STEP_MS)
		p->fails = 0;
	for (unsigned k = 0; k < p->fails && back_ms < faults[fault].back_max_ms; k++)
		back_ms *= 2;
	if (back_ms > faults[fault].back_max_ms)
		back_ms = faults[fault].back_max_ms;
	fetch_forget(f, i);
	buf_done(&p->in);
	*p = (struct peer){.best = TREE_NONE, .since_ms = now_ms + back_ms, .fails = p->fails + 1};
	buf_init(&p->in, BLOCK_LEN_MAX + P2P_FRAME_LEN);
	f->env->close(f->env->ctx, i);
	f->env->left(f->env->ctx, i, fault, back_ms);
}

void peer_send(struct follow *f, unsigned i, const struct p2p_message *m)
{
	buf_clear(&f->out);
	if (p2p_write(f->tree.network, m, &f->out) == 0)
		f->env->send(f->env->ctx, i, f->out.p, f->out.len);
}

static void send_empty(struct follow *f, unsigned i, enum p2p_kind kind)
{
	const struct p2p_message m = {.kind = kind};

	peer_send(f, i, &m);
}

static void send_nonce(struct follow *f, unsigned i, enum p2p_kind kind, uint64_t nonce)
{
	const struct p2p_message m = {.kind = kind, .nonce = nonce};

	peer_send(f, i, &m);
}

static void send_version(struct follow *f, unsigned i)
{
	static const char agent[] = "/lugdunum:" LUG_VERSION "/";
	struct p2p_message m = {
		.kind = P2P_VERSION,
		.version = {.protocol = FOLLOW_PROTOCOL,
			    .time_s = (uint64_t)f->env->wall_s(f->env->ctx),
			    .agent = agent,
			    .agent_len = sizeof(agent) - 1,
			    .has_relay = true,
			    .relay = f->opt.pool},
	};

	f->env->random(f->env->ctx, &f->peers[i].nonce, sizeof(f->peers[i].nonce));
	m.version.nonce = f->peers[i].nonce;
	peer_send(f, i, &m);
}

void peer_ask_headers(struct follow *f, unsigned i, uint32_t from)
{
	static const uint8_t none32[32];
	const struct tree *t = &f->tree;
	uint8_t hashes[P2P_LOCATOR_MAX * 32];
	struct p2p_message m = {
		.kind = P2P_GETHEADERS,
		.locator = {.protocol = FOLLOW_PROTOCOL, .hashes = hashes, .stop32 = none32}};

	for (uint32_t step = 1; m.n < P2P_LOCATOR_MAX; from = tree_back(t, from, step)) {
		memcpy(hashes + (size_t)m.n++ * 32, t->nodes[from].hash32, 32);
		if (t->nodes[from].height == 0)
			break;
		step *= m.n >= 10 ? 2 : 1;
	}
	peer_send(f, i, &m);
	f->peers[i].headers_asked_ms = follow_now(f);
}

void peer_ask_pool(struct follow *f, unsigned i)
{
	struct peer *p = &f->peers[i];

	if (!f->opt.pool || p->pool_asked || p->state != PEER_READY || !p->all_headers ||
	    !(p->services & P2P_NODE_BLOOM) || tree_best(&f->tree) != f->tree.tip)
		return;
	p->pool_asked = true;
	send_empty(f, i, P2P_MEMPOOL);
}

/* ---- what comes ---- */

/* Not a fault when negative, so that a handler's answer is one word. */
enum { FINE = -1 };

static int on_version(struct follow *f, unsigned i, const struct p2p_version *v)
{
	const uint64_t needed = P2P_NODE_NETWORK | P2P_NODE_WITNESS;
	struct peer *p = &f->peers[i];

	if (v->protocol < FOLLOW_PROTOCOL_MIN)
		return FOLLOW_OLD;
	if ((v->services & needed) != needed)
		return FOLLOW_SERVICES;
	for (unsigned k = 0; k < f->peer_n; k++)
		if (f->peers[k].state >= PEER_HANDSHAKE && f->peers[k].nonce == v->nonce)
			return FOLLOW_SELF;
	p->has_version = true;
	p->services = v->services;
	send_empty(f, i, P2P_VERACK);
	f->env->ready(f->env->ctx, i, v->agent, v->agent_len);
	return FINE;
}

static int on_verack(struct follow *f, unsigned i)
{
	struct peer *p = &f->peers[i];

	p->state = PEER_READY;
	p->since_ms = p->ping_ms = follow_now(f);
	send_empty(f, i, P2P_SENDHEADERS);
	peer_ask_headers(f, i, tree_best(&f->tree));
	return FINE;
}

static int header_fault(int r)
{
	switch (-r) {
	case ERR_CORRUPT:
		return FOLLOW_WORK;
	case ERR_RANGE:
		return FOLLOW_DIFFICULTY;
	case ERR_EXPIRED:
		return FOLLOW_TIME;
	case ERR_OVERSIZE:
		return FOLLOW_SIDE;
	case ERR_NOENT:
		return FOLLOW_UNCONNECTED;
	default: /* too far ahead, or no memory: not the peer's offence, asked for again later */
		return FINE;
	}
}

/* Each header names the one before it. */
static bool headers_linked(const struct p2p_message *m)
{
	uint8_t hash32[32];

	for (uint32_t k = 1; k < m->n; k++) {
		block_hash(p2p_header_at(m, k - 1), hash32);
		if (memcmp(p2p_header_at(m, k) + 4, hash32, 32) != 0)
			return false;
	}
	return true;
}

static int headers_take(struct follow *f, unsigned i, const struct p2p_message *m)
{
	int64_t now_s = f->env->wall_s(f->env->ctx);
	struct peer *p = &f->peers[i];
	uint32_t node = TREE_NONE;

	for (uint32_t k = 0; k < m->n; k++) {
		int r = tree_add(&f->tree, p2p_header_at(m, k), now_s, &node);

		if (r < 0)
			return header_fault(r);
		if (tree_more_work(&f->tree, node, p->best))
			p->best = node;
	}
	if (m->n == P2P_HEADERS_MAX)
		peer_ask_headers(f, i, node);
	return FINE;
}

static int on_headers(struct follow *f, unsigned i, const struct p2p_message *m)
{
	struct peer *p = &f->peers[i];

	p->headers_asked_ms = 0;
	p->all_headers = m->n < P2P_HEADERS_MAX;
	if (m->n == 0)
		return FINE;
	if (!headers_linked(m))
		return FOLLOW_UNCONNECTED;
	if (tree_find(&f->tree, p2p_header_at(m, 0) + 4) == TREE_NONE) {
		if (++p->unconnected_n >= FOLLOW_UNCONNECTED_MAX)
			return FOLLOW_UNCONNECTED;
		peer_ask_headers(f, i, tree_best(&f->tree));
		return FINE;
	}
	p->unconnected_n = 0;
	return headers_take(f, i, m);
}

static int on_inv(struct follow *f, unsigned i, const struct p2p_message *m)
{
	struct p2p_message ask = {.kind = P2P_GETDATA};
	bool news = false;
	struct buf items;

	buf_init(&items, (size_t)P2P_INV_MAX * P2P_INV_LEN);
	for (uint32_t k = 0; k < m->n; k++) {
		struct p2p_inv inv = p2p_inv_at(m, k);

		if (inv.type == P2P_INV_BLOCK)
			news |= tree_find(&f->tree, inv.hash32) == TREE_NONE;
		if (inv.type != P2P_INV_TX || !f->peers[i].pool_asked ||
		    pool_has(&f->pool, inv.hash32))
			continue;
		p2p_inv_put(&items, P2P_INV_TX | P2P_INV_WITNESS, inv.hash32);
		ask.n++;
	}
	ask.items = items.p;
	f->peers[i].txs_asked_n += ask.n;
	if (ask.n > 0 && buf_err(&items) == 0)
		peer_send(f, i, &ask);
	buf_done(&items);
	if (news)
		peer_ask_headers(f, i, tree_best(&f->tree));
	return FINE;
}

static int on_block(struct follow *f, unsigned i, const struct p2p_message *m)
{
	int r = fetch_block(f, i, m->bytes, m->len);

	return r >= 0 || r == -ERR_NOMEM ? FINE : FOLLOW_BLOCK;
}

static int on_tx(struct follow *f, const struct p2p_message *m)
{
	int r = f->opt.pool ? follow_tx(f, m->bytes, m->len) : 0;

	return r >= 0 || r == -ERR_NOMEM ? FINE : FOLLOW_MALFORMED;
}

static int on_notfound(struct follow *f, unsigned i, const struct p2p_message *m)
{
	for (uint32_t k = 0; k < m->n; k++)
		if (fetch_drop(f, i, p2p_inv_at(m, k).hash32))
			f->peers[i].rest_ms = follow_now(f) + FOLLOW_STALL_MS;
	return FINE;
}

/* Messages that may come at any time count here; those that answer us are bounded by what we ask. */
static bool flooded(struct follow *f, unsigned i, const struct p2p_message *m, uint32_t len)
{
	struct peer *p = &f->peers[i];
	int64_t now_ms = follow_now(f);

	if ((m->kind == P2P_BLOCK && p->asked_n > 0) ||
	    (m->kind == P2P_HEADERS && p->headers_asked_ms) ||
	    (m->kind == P2P_TX && p->txs_asked_n > 0 && p->txs_asked_n--))
		return false;
	if (now_ms - p->flood_ms >= FOLLOW_FLOOD_MS) {
		p->flood_ms = now_ms;
		p->flood_n = p->flood_bytes = 0;
	}
	p->flood_bytes += len;
	return ++p->flood_n > FOLLOW_FLOOD_N || p->flood_bytes > FOLLOW_FLOOD_BYTES;
}

static int on_handshake(struct follow *f, unsigned i, const struct p2p_message *m)
{
	if (m->kind == P2P_VERSION && !f->peers[i].has_version)
		return on_version(f, i, &m->version);
	if (m->kind == P2P_VERACK && f->peers[i].has_version)
		return on_verack(f, i);
	if (m->kind == P2P_VERSION || m->kind == P2P_VERACK || !f->peers[i].has_version)
		return FOLLOW_MALFORMED;
	return FINE; /* announcements of features come between version and verack */
}

static int on_ready(struct follow *f, unsigned i, const struct p2p_message *m)
{
	switch (m->kind) {
	case P2P_VERSION:
	case P2P_VERACK:
		return FOLLOW_MALFORMED;
	case P2P_PING:
		send_nonce(f, i, P2P_PONG, m->nonce);
		return FINE;
	case P2P_PONG:
		f->peers[i].pong_due &= m->nonce != f->peers[i].nonce;
		return FINE;
	case P2P_HEADERS:
		return on_headers(f, i, m);
	case P2P_INV:
		return on_inv(f, i, m);
	case P2P_NOTFOUND:
		return on_notfound(f, i, m);
	case P2P_BLOCK:
		return on_block(f, i, m);
	case P2P_TX:
		return on_tx(f, m);
	case P2P_GETHEADERS:
	case P2P_GETDATA:
	case P2P_MEMPOOL:
	case P2P_SENDHEADERS:
	case P2P_WTXIDRELAY:
	case P2P_FEEFILTER:
	case P2P_OTHER:
		return FINE;
	}
	return FINE;
}

/* ---- the stream ---- */

/* Takes one message from the front of the buffer: its length; 0 not whole yet; or -1 and the peer was left. */
static int64_t message_take(struct follow *f, unsigned i, const uint8_t *p, size_t len)
{
	struct p2p_message m;
	struct p2p_frame frame;
	int fault;

	if (len < P2P_FRAME_LEN)
		return 0;
	if (p2p_frame_read(f->tree.network, p, &frame) < 0) {
		peer_leave(f, i, FOLLOW_MALFORMED);
		return -1;
	}
	if (len - P2P_FRAME_LEN < frame.len)
		return 0;
	fault = FOLLOW_MALFORMED;
	if (p2p_read(&frame, p + P2P_FRAME_LEN, &m) == 0) {
		if (flooded(f, i, &m, frame.len))
			fault = FOLLOW_FLOOD;
		else if (f->peers[i].state == PEER_HANDSHAKE)
			fault = on_handshake(f, i, &m);
		else
			fault = on_ready(f, i, &m);
	}
	if (fault == FINE)
		return P2P_FRAME_LEN + (int64_t)frame.len;
	peer_leave(f, i, (enum follow_fault)fault);
	return -1;
}

void follow_received(struct follow *f, unsigned peer, const uint8_t *p, size_t len)
{
	struct peer *x = &f->peers[peer];
	size_t at = 0;
	int64_t n = 0;

	if (x->state != PEER_HANDSHAKE && x->state != PEER_READY)
		return;
	while (len > 0) {
		size_t room = x->in.max - x->in.len, take = len < room ? len : room;

		buf_put(&x->in, p, take);
		p += take;
		len -= take;
		if (buf_err(&x->in) < 0 || take == 0) {
			peer_leave(f, peer, FOLLOW_MALFORMED);
			return;
		}
		for (at = 0; (n = message_take(f, peer, x->in.p + at, x->in.len - at)) > 0;)
			at += (size_t)n;
		if (n < 0)
			return;
		memmove(x->in.p, x->in.p + at, x->in.len - at);
		x->in.len -= at;
	}
}

void follow_connected(struct follow *f, unsigned peer)
{
	if (f->peers[peer].state != PEER_CONNECTING)
		return;
	f->peers[peer].state = PEER_HANDSHAKE;
	f->peers[peer].since_ms = follow_now(f);
	send_version(f, peer);
}

void follow_closed(struct follow *f, unsigned peer)
{
	if (f->peers[peer].state != PEER_IDLE)
		peer_leave(f, peer,
			   f->peers[peer].state == PEER_CONNECTING ? FOLLOW_REFUSED
								   : FOLLOW_CLOSED);
}

/* ---- time ---- */

/* Of a peer that is ready: the fault of being late, or FINE and the time left. */
static int late(const struct follow *f, unsigned i, int64_t now_ms, int64_t *ret_left_ms)
{
	const struct peer *p = &f->peers[i];
	int64_t owes_ms = fetch_oldest(f, i);

	if (p->headers_asked_ms && p->headers_asked_ms < owes_ms)
		owes_ms = p->headers_asked_ms;
	if (owes_ms != INT64_MAX && now_ms - owes_ms >= FOLLOW_STALL_MS)
		return FOLLOW_STALL;
	if (p->pong_due && now_ms - p->ping_ms >= FOLLOW_PONG_MS)
		return FOLLOW_TIMEOUT;
	*ret_left_ms = p->ping_ms + (p->pong_due ? FOLLOW_PONG_MS : FOLLOW_PING_MS) - now_ms;
	if (owes_ms != INT64_MAX && owes_ms + FOLLOW_STALL_MS - now_ms < *ret_left_ms)
		*ret_left_ms = owes_ms + FOLLOW_STALL_MS - now_ms;
	return FINE;
}

static int64_t ready_poll(struct follow *f, unsigned i, int64_t now_ms)
{
	struct peer *p = &f->peers[i];
	int64_t left_ms = 0;
	int fault = late(f, i, now_ms, &left_ms);

	if (fault != FINE) {
		peer_leave(f, i, (enum follow_fault)fault);
		return FOLLOW_BACK_MS;
	}
	if (left_ms > 0)
		return left_ms;
	p->ping_ms = now_ms;
	p->pong_due = true;
	send_nonce(f, i, P2P_PING, p->nonce);
	if (!p->headers_asked_ms) /* what lay too far ahead before may not do so now */
		peer_ask_headers(f, i, tree_best(&f->tree));
	return FOLLOW_PONG_MS;
}

int64_t peer_poll(struct follow *f, unsigned i, int64_t now_ms)
{
	struct peer *p = &f->peers[i];
	int64_t most_ms = p->state == PEER_CONNECTING ? FOLLOW_CONNECT_MS : FOLLOW_HANDSHAKE_MS;

	switch (p->state) {
	case PEER_IDLE:
		if (now_ms < p->since_ms)
			return p->since_ms - now_ms;
		p->state = PEER_CONNECTING;
		p->since_ms = now_ms;
		f->env->connect(f->env->ctx, i);
		return FOLLOW_CONNECT_MS;
	case PEER_CONNECTING:
	case PEER_HANDSHAKE:
		if (now_ms - p->since_ms < most_ms)
			return p->since_ms + most_ms - now_ms;
		peer_leave(f, i, FOLLOW_TIMEOUT);
		return FOLLOW_BACK_MS;
	case PEER_READY:
		return ready_poll(f, i, now_ms);
	}
	return 0;
}
