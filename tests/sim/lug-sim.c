/* SPDX-License-Identifier: Apache-2.0
 * lug-sim: three nodes, one thread, one seed: a network that delays, drops, repeats, reorders and cuts; disks that crash.
 *
 * Usage: lug-sim [--seeds FIRST:COUNT] [--jobs N] [--complete] [--errors] [--coverage] [--mutants | --mutant N] [--verbose]
 *
 * Each seed is run twice and must give the same event hash. A world has two parts: chaos, in which messages are posted while
 * everything fails, and healing, in which all must arrive in a bounded time. Time is virtual, cryptography is real.
 * --complete also fails if a move of requests.def was never made or an error of codes.def never met, --errors only for the latter;
 * --coverage prints how often each was. */
#include "base/text.h"
#include "exchange/fault.h"
#include "exchange/request.h"
#include "sim.h"
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum exchange_fault exchange_fault = FAULT_NONE;

static const char *const names[SIM_NODES] = {"fr", "it", "jp"};
static bool verbose;

void sim_wrong(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	if (s->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
}

static void trace(struct sim *s, const char *what, size_t a, size_t b, const void *p, size_t len)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "%lld %s %zu %zu %zu\n", (long long)s->net.now_ms,
			 what, a, b, len);
	sha256_update(&s->trace, line, (size_t)n);
	sha256_update(&s->trace, p, len);
	if (verbose)
		fputs(line, stderr);
}

/* ---- events ---- */

static struct sim_event *add(struct sim *s, enum sim_event_type type, int64_t in_ms)
{
	if (s->events_n == SIM_EVENTS_MAX)
		abort();
	struct sim_event *ev = &s->events[s->events_n++];
	*ev = (struct sim_event){.at_ms = s->net.now_ms + in_ms, .order = s->order++, .type = type};
	buf_init(&ev->body, EXCHANGE_BODY_MAX);
	return ev;
}

static size_t first(const struct sim *s)
{
	size_t best = 0;
	for (size_t i = 1; i < s->events_n; i++)
		if (s->events[i].at_ms < s->events[best].at_ms ||
		    (s->events[i].at_ms == s->events[best].at_ms &&
		     s->events[i].order < s->events[best].order))
			best = i;
	return best;
}

static int64_t delay(struct sim *s)
{
	if (!s->chaos)
		return 1 + (int64_t)prng_below(&s->rng, 20);
	int64_t d = 1 + (int64_t)prng_below(&s->rng, (uint64_t)s->delay_ms);
	return prng_chance(&s->rng, 1, 20) ? 10 * d : d;
}

static bool chance(struct sim *s, uint32_t permille)
{
	return s->chaos && prng_chance(&s->rng, permille, 1000);
}

/* ---- the network ---- */

/* One byte of what was signed, or any byte. */
static void tamper(struct sim *s, struct buf *body)
{
	static const char field[] = "\nexpires ";
	uint8_t *at = memmem(body->p, body->len, field, sizeof(field) - 1);
	s->tampered = true;
	if (at && prng_chance(&s->rng, 1, 2))
		at[sizeof(field) - 1 + 9] ^= 1; /* the last digit: still a time */
	else if (body->len)
		body->p[prng_below(&s->rng, body->len)] ^= (uint8_t)(1 + prng_below(&s->rng, 255));
}

static void put_mail(struct sim *s, size_t from, size_t to, enum exchange_kind kind, const void *p,
		     size_t len, uint64_t send_id, bool copy)
{
	struct sim_event *ev = add(s, SIM_DELIVER, delay(s));
	ev->a = from;
	ev->b = to;
	ev->kind = kind;
	ev->send_id = send_id;
	ev->copy = copy;
	buf_put(&ev->body, p, len);
	if (kind == EXCHANGE_PARCELS && chance(s, s->tamper_permille))
		tamper(s, &ev->body);
}

static void put_failure(struct sim *s, size_t from, size_t to, uint64_t send_id)
{
	struct sim_event *ev = add(s, SIM_REPLY, SIM_ANSWER_MS);
	ev->a = from;
	ev->b = to;
	ev->send_id = send_id;
}

static int send(struct nodes *w, struct node *from, const char *peer, enum exchange_kind kind,
		const void *p, size_t len, uint64_t send_id)
{
	struct sim *s = w->user;
	size_t a = (size_t)(from - w->node), b = nodes_index(w, peer);
	trace(s, "send", a, b, p, len);
	if (s->cut[a][b] || chance(s, s->drop_permille)) {
		put_failure(s, a, b, send_id);
		return 0;
	}
	put_mail(s, a, b, kind, p, len, send_id, false);
	if (chance(s, s->copy_permille))
		put_mail(s, a, b, kind, p, len, send_id, true);
	return 0;
}

/* ---- nodes ---- */

static void told(struct nodes *w, const struct exchange_event *ev)
{
	cover_code(w->user, ev->code);
}

static void close_node(struct sim *s, size_t i)
{
	node_close(&s->net.node[i]);
	desk_close(s, i);
}

static int open_on(struct sim *s, size_t i, const char *vfs, struct err *e)
{
	const struct store_options o = {.vfs = vfs, .exclusive = true};
	int r = node_open(&s->net.node[i], "store", &o, e);
	return r < 0 ? r : desk_open(s, i);
}

static void open_node(struct sim *s, size_t i)
{
	char vfs[16];
	struct err e = {0};
	snprintf(vfs, sizeof(vfs), "sim%zu", i);
	int r = open_on(s, i, vfs, &e);
	if (r < 0 && !disk_dead(s->disks[i]))
		sim_wrong(s, "%s does not open: %s", names[i], e.message);
	if (r < 0)
		close_node(s, i);
}

/* After each call into a node: has its disk died under it? */
static void after(struct sim *s, size_t i)
{
	if (!disk_dead(s->disks[i])) {
		if (s->net.node[i].x)
			check_step(s, i);
		return;
	}
	trace(s, "crash", i, 0, NULL, 0);
	s->crashes++;
	close_node(s, i);
	disk_revive(s->disks[i]);
	add(s, SIM_RESTART, s->chaos ? (int64_t)prng_below(&s->rng, 20000) : 1)->a = i;
}

static void restart(struct sim *s, size_t i)
{
	trace(s, "restart", i, 0, NULL, 0);
	s->restarts++;
	open_node(s, i);
	if (s->net.node[i].x && !disk_dead(s->disks[i]))
		check_restart(s, i);
	after(s, i);
}

/* What comes to a node that stands still is taken when it goes on; for its sender it has failed by then. */
static bool hold(struct sim *s, struct sim_event *ev, size_t node)
{
	if (!s->paused_until_ms[node])
		return false;
	if (ev->type == SIM_DELIVER && !ev->copy)
		put_failure(s, ev->a, ev->b, ev->send_id);
	struct sim_event *later = add(s, ev->type, s->paused_until_ms[node] - s->net.now_ms + 1);
	const struct sim_event at = *later;
	*later = *ev;
	later->at_ms = at.at_ms;
	later->order = at.order;
	later->copy |= ev->type == SIM_DELIVER;
	buf_init(&ev->body, EXCHANGE_BODY_MAX);
	return true;
}

static void deliver(struct sim *s, struct sim_event *ev)
{
	struct node *to = &s->net.node[ev->b];
	struct buf reply;
	if (hold(s, ev, ev->b))
		return;
	buf_init(&reply, EXCHANGE_BODY_MAX);
	int r = -ERR_OFFLINE;
	if (to->x) {
		r = exchange_receive(to->x, names[ev->a], ev->kind, ev->body.p, ev->body.len,
				     &reply, NULL);
		cover_code(s, r);
		if (r == 0 && ev->kind == EXCHANGE_PARCELS)
			check_reply(s, ev->b, ev->a, reply.p, reply.len);
	}
	trace(s, r == 0 ? "taken" : "refused", ev->a, ev->b, reply.p, reply.len);
	bool lost = s->cut[ev->b][ev->a] || chance(s, s->drop_permille);
	if (!ev->copy && (lost || r == -ERR_OFFLINE)) {
		put_failure(s, ev->a, ev->b, ev->send_id);
	} else if (!ev->copy) {
		struct sim_event *back = add(s, SIM_REPLY, delay(s));
		back->a = ev->a;
		back->b = ev->b;
		back->send_id = ev->send_id;
		back->status = r == 0 ? 200 : r == -ERR_FORMAT || r == -ERR_OVERSIZE ? 400 : 503;
		buf_put(&back->body, reply.p, reply.len);
	}
	buf_done(&reply);
	if (to->x)
		after(s, ev->b);
}

static void answer(struct sim *s, struct sim_event *ev)
{
	struct node *to = &s->net.node[ev->a];
	if (hold(s, ev, ev->a))
		return;
	trace(s, "answer", ev->a, ev->b, ev->body.p, ev->body.len);
	if (!to->x)
		return;
	(void)!exchange_sent(to->x, ev->send_id, ev->status, ev->body.p, ev->body.len, NULL);
	after(s, ev->a);
}

static void post(struct sim *s)
{
	size_t from = (size_t)prng_below(&s->rng, SIM_NODES);
	uint32_t to = 1u + (uint32_t)prng_below(&s->rng, 7);
	enum exchange_class class = (enum exchange_class)prng_below(&s->rng, 4);
	const char *peers[SIM_NODES + 1] = {NULL};
	struct node *node = &s->net.node[from];
	uint8_t evidence32[32];
	size_t n = 0;
	to &= ~(1u << from);
	if (!node->x || s->paused_until_ms[from] || to == 0 || s->messages_n == SIM_MESSAGES_MAX)
		return;
	struct sim_message *m = &s->messages[s->messages_n++];
	*m = (struct sim_message){
		.from = from, .to = to, .lane = class <= EXCHANGE_URGENT ? 0 : class - 1};
	snprintf(m->text, sizeof(m->text), "plaintext-%llu-%zu.", (unsigned long long)s->seed,
		 s->messages_n);
	for (size_t i = 0; i < SIM_NODES; i++)
		if (to & 1u << i)
			peers[n++] = names[i];
	m->forged = prng_chance(&s->rng, 1, 12);
	memcpy(evidence32, node->evidence32, 32);
	node->evidence32[0] ^= m->forged;
	m->posted = node_post(node, class, m->text, m->id16, NULL, peers[0], peers[1], NULL) == 0;
	memcpy(node->evidence32, evidence32, 32);
	trace(s, "post", from, to, m->text, strlen(m->text));
	after(s, from);
}

/* ---- faults ---- */

static void fault(struct sim *s)
{
	size_t a = (size_t)prng_below(&s->rng, SIM_NODES),
	       b = (a + 1 + (size_t)prng_below(&s->rng, 2)) % SIM_NODES;
	int64_t last_ms = 2000 + (int64_t)prng_below(&s->rng, 40000);
	struct node *node = &s->net.node[a];
	struct sim_event *end;
	switch (prng_below(&s->rng, 10)) {
	case 0: /* both ways */
		s->cut[b][a] = true;
		__attribute__((fallthrough));
	case 1:
		s->cut[a][b] = true;
		end = add(s, SIM_UNCUT, last_ms);
		end->a = a;
		end->b = b;
		break;
	case 2:
	case 3:
	case 4:
		disk_crash_after(s->disks[a], 1 + prng_below(&s->rng, 12));
		break;
	case 5:
		node->skew_ms = (int64_t)prng_below(&s->rng, 300000) - 150000;
		break;
	case 6:
		node->keyd_away = true;
		add(s, SIM_EASE, last_ms)->a = a;
		break;
	case 7:
		disk_full(s->disks[a], true);
		add(s, SIM_EASE, last_ms)->a = a;
		break;
	case 8:
		disk_fail_after(s->disks[a], 1 + prng_below(&s->rng, 40));
		break;
	case 9:
		if (s->paused_until_ms[a])
			break;
		s->paused_until_ms[a] = s->net.now_ms + last_ms;
		add(s, SIM_RESUME, last_ms)->a = a;
		break;
	}
	trace(s, "fault", a, b, NULL, 0);
}

/* The whole world stands still, and what was on its way with it; then every clock has gone on by hours. */
static void leap(struct sim *s)
{
	int64_t ms = (int64_t)prng_below(&s->rng, 60 * 3600) * 1000;
	for (size_t i = 0; i < s->events_n; i++)
		s->events[i].at_ms += ms;
	for (size_t i = 0; i < SIM_NODES; i++)
		s->paused_until_ms[i] += s->paused_until_ms[i] ? ms : 0;
	s->leapt_ms += ms;
	s->net.now_ms += ms;
	trace(s, "leap", 0, 0, NULL, 0);
}

static void ease(struct sim *s, size_t i)
{
	s->net.node[i].keyd_away = false;
	disk_full(s->disks[i], false);
}

static void heal(struct sim *s)
{
	s->chaos = false;
	memset(s->cut, 0, sizeof(s->cut));
	for (size_t i = 0; i < SIM_NODES; i++) {
		s->net.node[i].skew_ms = 0;
		ease(s, i);
		disk_crash_after(s->disks[i], 0);
		disk_fail_after(s->disks[i], 0);
	}
	trace(s, "heal", 0, 0, NULL, 0);
}

/* ---- one world ---- */

/* Empty tables are the same in every world: they are made once. */
static const struct disk *blank(void)
{
	static struct disk *made;
	static struct prng rng;
	static struct sim s; /* its memory is too much for a stack */
	if (made)
		return made;
	prng_init(&rng, 1);
	nodes_init(&s.net, names, SIM_NODES, 1);
	made = disk_new("blank", &rng);
	if (open_on(&s, 0, "blank", NULL) < 0)
		abort();
	close_node(&s, 0);
	nodes_done(&s.net);
	return made;
}

static void scatter(struct sim *s, enum sim_event_type type, int n)
{
	for (int i = 0; i < n; i++)
		add(s, type,
		    (int64_t)prng_below(&s->rng, (uint64_t)(s->chaos_end_ms - s->net.now_ms)));
}

static void setup(struct sim *s, uint64_t seed)
{
	char vfs[16];
	const struct disk *empty = blank();
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	prng_init(&s->rng, seed ^ 0x5eed);
	sha256_init(&s->trace);
	s->events = calloc(SIM_EVENTS_MAX, sizeof(*s->events));
	s->promises = calloc(SIM_PROMISES_MAX, sizeof(*s->promises));
	if (!s->events || !s->promises)
		abort();
	nodes_init(&s->net, names, SIM_NODES, seed);
	s->net.user = s;
	s->net.send = send;
	s->net.event = told;
	s->chaos = true;
	s->drop_permille = (uint32_t)prng_below(&s->rng, 250);
	s->copy_permille = (uint32_t)prng_below(&s->rng, 250);
	s->tamper_permille = seed % 4 == 0 ? 60 : 0;
	s->delay_ms = 5 + (int64_t)prng_below(&s->rng, 2000);
	for (size_t i = 0; i < SIM_NODES; i++) {
		snprintf(vfs, sizeof(vfs), "sim%zu", i);
		s->disks[i] = disk_new(vfs, &s->rng);
		disk_copy(s->disks[i], empty);
		s->audit_seq[i] = -1;
		open_node(s, i);
		if (s->net.node[i].x && node_install(&s->net.node[i], NULL) < 0)
			sim_wrong(s, "the directory cannot be installed");
	}
	const int scale = seed % 10 == 0 ? 2 : 1;
	s->chaos_end_ms = s->net.now_ms + scale * SIM_CHAOS_MS;
	for (size_t i = 0; i < SIM_NODES; i++)
		add(s, SIM_WORK, (int64_t)prng_below(&s->rng, 10000))->a = i;
	scatter(s, SIM_DRAFT, 4 * scale);
	scatter(s, SIM_POST, 12 * scale);
	scatter(s, SIM_FAULT, 12 * scale);
	scatter(s, SIM_LEAP, seed % 2 == 0);
	if (seed % 4 == 1) {
		int64_t copy_ms = 10000 + (int64_t)(seed * 104729 % (SIM_CHAOS_MS / 2));
		add(s, SIM_COPY, copy_ms)->a = seed / 4 % SIM_NODES;
		add(s, SIM_PUT_BACK, copy_ms + 5000 + (int64_t)(seed * 7919 % (SIM_CHAOS_MS / 3)));
	}
	for (uint64_t i = 0; i < SIM_LIES; i++) {
		uint64_t turn = seed * SIM_LIES + i;
		add(s, SIM_LIE, (int64_t)(turn * 15485863 % SIM_CHAOS_MS))->send_id = turn;
	}
	if (seed % 3 == 0)
		add(s, SIM_STEAL, (int64_t)(seed * 7919 % SIM_CHAOS_MS))->a = seed / 3 % SIM_NODES;
}

static void teardown(struct sim *s)
{
	for (size_t i = 0; i < SIM_NODES; i++)
		close_node(s, i);
	nodes_done(&s->net);
	for (size_t i = 0; i < SIM_NODES; i++)
		disk_free(s->disks[i]);
	disk_free(s->past.copy);
	for (size_t i = 0; i < s->events_n; i++)
		buf_done(&s->events[i].body);
	free(s->events);
	free(s->promises);
}

static void look(struct sim *s, size_t i)
{
	trace(s, "desk", i, 0, NULL, 0);
	if (s->net.node[i].x)
		after(s, i);
}

static void steal(struct sim *s, size_t i)
{
	trace(s, "steal", i, 0, NULL, 0);
	thief_steal(s, i);
	add(s, SIM_PUBLISH, 0);
	for (size_t b = 0; b < SIM_NODES; b++)
		add(s, SIM_FORGE, 1000)->b = b;
}

static void publish(struct sim *s)
{
	bool done = thief_publish(s);
	trace(s, done ? "published" : "unpublished", s->thief.victim, 0, NULL, 0);
	if (s->net.node[s->thief.victim].x)
		after(s, s->thief.victim);
	if (!done)
		add(s, SIM_PUBLISH, 2000);
}

/* Once each, as soon as the other one knows. */
static void forge(struct sim *s, size_t to)
{
	bool done = thief_forge(s, to);
	trace(s, done ? "forged" : "unforged", s->thief.victim, to, NULL, 0);
	if (s->net.node[to].x)
		after(s, to);
	if (!done && to != s->thief.victim)
		add(s, SIM_FORGE, 5000)->b = to;
}

/* A node that is down has its restart before it already. Nothing of its former life is under way any more: putting a copy back
 * takes longer than a POST can (docs/protocol/streams.md 6.1). */
static void put_back(struct sim *s)
{
	bool up = s->net.node[s->past.node].x != NULL;
	trace(s, "put back", s->past.node, 0, NULL, 0);
	for (size_t i = s->events_n; i-- > 0;) {
		if (s->events[i].type != SIM_DELIVER || s->events[i].a != s->past.node)
			continue;
		buf_done(&s->events[i].body);
		s->events[i] = s->events[--s->events_n];
	}
	close_node(s, s->past.node);
	past_put_back(s);
	if (up)
		add(s, SIM_RESTART, 1000)->a = s->past.node;
	if (s->thief.active && s->thief.victim == s->past.node)
		add(s, SIM_PUBLISH, 2000); /* its owner has the signed note still */
}

/* Again a little later if somebody who takes part is down. */
static void lie(struct sim *s, uint64_t turn)
{
	size_t node = liar_try(s, turn);
	trace(s, "lie", node, turn, NULL, 0);
	if (node == SIM_NODES && s->chaos)
		add(s, SIM_LIE, 3000)->send_id = turn;
	else if (node < SIM_NODES)
		after(s, node);
}

static void handle(struct sim *s, struct sim_event *ev)
{
	switch (ev->type) {
	case SIM_DELIVER:
		deliver(s, ev);
		break;
	case SIM_REPLY:
		answer(s, ev);
		break;
	case SIM_POST:
		post(s);
		break;
	case SIM_FAULT:
		fault(s);
		break;
	case SIM_RESTART:
		restart(s, ev->a);
		break;
	case SIM_UNCUT:
		s->cut[ev->a][ev->b] = s->cut[ev->b][ev->a] = false;
		break;
	case SIM_EASE:
		ease(s, ev->a);
		break;
	case SIM_RESUME:
		s->paused_until_ms[ev->a] = 0;
		trace(s, "resume", ev->a, 0, NULL, 0);
		break;
	case SIM_LEAP:
		leap(s);
		break;
	case SIM_DRAFT:
		desk_draft(s);
		for (size_t i = 0; i < SIM_NODES; i++)
			look(s, i);
		break;
	case SIM_WORK:
		if (!s->paused_until_ms[ev->a])
			desk_work(s, ev->a);
		look(s, ev->a);
		if (s->seed % 4 == 0 && s->chaos && prng_chance(&s->rng, 1, 3))
			look(s, desk_about(s));
		add(s, SIM_WORK, 2000 + (int64_t)prng_below(&s->rng, 8000))->a = ev->a;
		break;
	case SIM_STEAL:
		steal(s, ev->a);
		break;
	case SIM_PUBLISH:
		publish(s);
		break;
	case SIM_FORGE:
		forge(s, ev->b);
		break;
	case SIM_COPY:
		trace(s, "copy", ev->a, 0, NULL, 0);
		past_copy(s, ev->a);
		break;
	case SIM_PUT_BACK:
		put_back(s);
		break;
	case SIM_LIE:
		lie(s, ev->send_id);
		break;
	}
}

/* The node that is due first, and when; SIM_NODES if none is up. */
static size_t due_node(struct sim *s, int64_t *ret_ms)
{
	size_t best = SIM_NODES;
	for (size_t i = 0; i < SIM_NODES; i++) {
		if (!s->net.node[i].x || s->paused_until_ms[i])
			continue;
		int64_t due_ms = exchange_next_due(s->net.node[i].x);
		if (due_ms < s->net.now_ms)
			due_ms = s->net.now_ms;
		if (best == SIM_NODES || due_ms < *ret_ms) {
			best = i;
			*ret_ms = due_ms;
		}
	}
	return best;
}

static void advance(struct sim *s, int64_t to_ms)
{
	if (to_ms > s->net.now_ms)
		s->polls = 0;
	else if (++s->polls > 2000)
		sim_wrong(s, "a node spins: 2000 steps at one time");
	s->net.now_ms = to_ms > s->net.now_ms ? to_ms : s->net.now_ms;
}

/* As lugd does: clocks of requests are looked at once a second. */
static void poll(struct sim *s, size_t node)
{
	(void)!exchange_poll(s->net.node[node].x, NULL);
	if (s->net.now_ms >= s->tick_due_ms[node]) {
		s->tick_due_ms[node] = s->net.now_ms + SIM_TICK_MS;
		(void)!requests_poll(s->desks[node], NULL);
	}
	after(s, node);
}

static void step(struct sim *s, int64_t end_ms)
{
	int64_t poll_ms = end_ms;
	size_t node = due_node(s, &poll_ms), at = first(s);
	bool event = s->events_n && s->events[at].at_ms <= poll_ms;
	int64_t next_ms = event ? s->events[at].at_ms : poll_ms;
	if (next_ms >= end_ms || (!event && node == SIM_NODES)) {
		advance(s, end_ms);
		return;
	}
	advance(s, next_ms);
	if (event) {
		struct sim_event ev = s->events[at];
		s->events[at] = s->events[--s->events_n];
		handle(s, &ev);
		buf_done(&ev.body);
	} else {
		poll(s, node);
	}
}

static void run_until(struct sim *s, int64_t end_ms)
{
	while (!s->why[0] && s->net.now_ms < end_ms)
		step(s, end_ms);
}

static bool all_up(const struct sim *s)
{
	for (size_t i = 0; i < SIM_NODES; i++)
		if (!s->net.node[i].x)
			return false;
	return true;
}

static void run(struct sim *s)
{
	int64_t end_ms;
	while (!s->why[0] && s->net.now_ms < s->chaos_end_ms + s->leapt_ms)
		run_until(s, s->chaos_end_ms + s->leapt_ms);
	heal(s);
	end_ms = s->net.now_ms + SIM_HEAL_MS;
	while (!s->why[0] && s->net.now_ms < end_ms &&
	       !(all_up(s) && check_settled(s) && desk_settled(s)))
		run_until(s, s->net.now_ms + 5000);
	if (s->why[0])
		return;
	if (!all_up(s) || !check_settled(s))
		sim_wrong(s, "not everything was delivered %d s after healing", SIM_HEAL_MS / 1000);
	else if (!desk_settled(s))
		desk_blame(s);
	else
		check_end(s);
}

/* ---- seeds ---- */

struct totals {
	uint64_t bad, crashes, restarts, delivered, messages, answered, steps;
	struct sim_reached reached;
};

/* One run of one seed: its event hash; false when something is wrong, which is printed. */
static bool run_seed(uint64_t seed, uint8_t hash32[static 32], struct totals *t, bool quiet)
{
	struct sim s;
	setup(&s, seed);
	run(&s);
	sha256_final(&s.trace, hash32);
	bool good = s.why[0] == '\0';
	if (!good && !quiet)
		printf("seed %llu: %s (at %.3f s)\n", (unsigned long long)seed, s.why,
		       (double)(s.net.now_ms - NODES_START_S * 1000LL) / 1000);
	if (!good && verbose)
		desk_print(&s);
	t->crashes += s.crashes;
	t->restarts += s.restarts;
	t->delivered += s.delivered;
	t->messages += s.messages_n;
	t->answered += s.answered;
	t->steps += s.steps;
	for (size_t i = 0; i < SIM_NODES; i++)
		if (s.net.node[i].x)
			cover_node(&s, i);
	cover_add(&t->reached, &s.reached);
	teardown(&s);
	return good;
}

/* Every jobs-th seed from `from`, each twice. */
static void run_share(uint64_t from, uint64_t end, uint64_t jobs, struct totals *t)
{
	for (uint64_t seed = from; seed < end; seed += jobs) {
		uint8_t once[32], twice[32];
		bool good = run_seed(seed, once, t, false);
		if (good && run_seed(seed, twice, t, false) && memcmp(once, twice, 32) != 0) {
			printf("seed %llu: two runs differ\n", (unsigned long long)seed);
			good = false;
		}
		t->bad += !good;
	}
}

static void sum_up(struct totals *sum, const struct totals *t)
{
	sum->bad += t->bad;
	sum->messages += t->messages;
	sum->delivered += t->delivered;
	sum->crashes += t->crashes;
	sum->answered += t->answered;
	sum->steps += t->steps;
	cover_add(&sum->reached, &t->reached);
}

struct options {
	uint64_t jobs;
	bool complete, errors, coverage;
};

/* One process a job, since a world belongs to one thread and worlds know nothing of each other. */
static int run_seeds(uint64_t from, uint64_t count, const struct options *o)
{
	const uint64_t jobs = o->jobs;
	struct totals *t = mmap(NULL, jobs * sizeof(*t), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct totals sum = {0};
	int status, failed = 0;
	if (t == MAP_FAILED)
		return 1;
	for (uint64_t i = 0; i < jobs; i++) {
		if (fork() == 0) {
			run_share(from + i, from + count, jobs, &t[i]);
			fflush(stdout);
			_exit(0);
		}
	}
	for (uint64_t i = 0; i < jobs; i++)
		failed |= wait(&status) < 0 || status != 0;
	for (uint64_t i = 0; i < jobs; i++)
		sum_up(&sum, &t[i]);
	printf("%llu seeds from %llu, each twice: %llu bad; %llu messages, %llu deliveries, %llu requests settled in %llu steps, %llu crashes\n",
	       (unsigned long long)count, (unsigned long long)from, (unsigned long long)sum.bad,
	       (unsigned long long)sum.messages, (unsigned long long)sum.delivered,
	       (unsigned long long)sum.answered, (unsigned long long)sum.steps,
	       (unsigned long long)sum.crashes);
	if (failed)
		printf("a process ended before its seeds were done\n");
	failed |= sum.bad != 0;
	if (o->complete || o->coverage)
		failed |= cover_moves(&sum.reached, o->coverage) && o->complete;
	if (o->complete || o->coverage || o->errors)
		failed |= cover_codes(&sum.reached, o->coverage) && (o->complete || o->errors);
	return failed ? 1 : 0;
}

static const char *const mutants[FAULTS] = {
#define EXCHANGE_FAULT(name, doc) [FAULT_##name] = doc,
#include "exchange/fault.def"
#undef EXCHANGE_FAULT
};

/* Each known-bad variant must be found by one of the seeds. */
static int run_mutants(uint64_t from, uint64_t count, int only)
{
	int missed = 0;
	for (int m = 1; m < FAULTS; m++) {
		struct totals t = {0};
		uint8_t hash32[32];
		uint64_t seed = from;
		if (only && m != only)
			continue;
		exchange_fault = (enum exchange_fault)m;
		while (seed < from + count && run_seed(seed, hash32, &t, only == 0))
			seed++;
		bool found = seed < from + count;
		printf("%s mutant %d (%s)%s", found ? "found " : "MISSED", m, mutants[m],
		       found ? "" : "\n");
		if (found)
			printf(" by seed %llu\n", (unsigned long long)seed);
		missed += !found;
	}
	exchange_fault = FAULT_NONE;
	return missed ? 1 : 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: lug-sim [--seeds FIRST:COUNT] [--jobs N] [--complete] [--errors] [--coverage] [--mutants | --mutant N] [--verbose]\n");
	return 2;
}

static bool parse_seeds(const char *text, uint64_t *from, uint64_t *count)
{
	const char *colon = strchr(text, ':');
	return colon && dec_parse_u64(text, (size_t)(colon - text), UINT64_MAX / 2, from) == 0 &&
	       dec_parse_u64(colon + 1, strlen(colon + 1), UINT32_MAX, count) == 0;
}

int main(int argc, char **argv)
{
	uint64_t from = 1, count = 200, only = 0;
	struct options o = {.jobs = 1};
	bool with_mutants = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0)
			verbose = true;
		else if (strcmp(argv[i], "--mutants") == 0)
			with_mutants = true;
		else if (strcmp(argv[i], "--complete") == 0)
			o.complete = true;
		else if (strcmp(argv[i], "--errors") == 0)
			o.errors = true;
		else if (strcmp(argv[i], "--coverage") == 0)
			o.coverage = true;
		else if (strcmp(argv[i], "--mutant") == 0 && i + 1 < argc &&
			 dec_parse_u64(argv[i + 1], strlen(argv[i + 1]), FAULTS - 1, &only) == 0)
			i++;
		else if (strcmp(argv[i], "--jobs") == 0 && i + 1 < argc &&
			 dec_parse_u64(argv[i + 1], strlen(argv[i + 1]), 64, &o.jobs) == 0 &&
			 o.jobs)
			i++;
		else if (strcmp(argv[i], "--seeds") != 0 || i + 1 == argc ||
			 !parse_seeds(argv[++i], &from, &count))
			return usage();
	}
	if (only || with_mutants)
		return run_mutants(from, count, (int)only);
	return run_seeds(from, count, &o);
}
