/* SPDX-License-Identifier: Apache-2.0
 * Two nodes with requests on them, in one process: the network of tests/lib/nodes.h and a folder for their stores. */
#ifndef TESTS_REQUEST_WORLD_H
#define TESTS_REQUEST_WORLD_H
#include "audit/audit.h"
#include "base/json.h"
#include "base/time.h"
#include "exchange/request.h"
#include "nodes.h"

enum { FR, IT, WORLD_NODES }; /* sorted, as members are */

struct desk { /* what is built on a node */
	struct requests *q;
	struct request_options o;
	unsigned rings[8]; /* by kind */
	unsigned level;	   /* of the last RING_LATE */
	char path[128];
};
struct world {
	struct nodes net;
	struct desk n[WORLD_NODES];
	char dir[64];
};

static inline void count_ring(void *ctx, const struct request_alarm *a)
{
	struct desk *d = ctx;

	d->rings[a->ring]++;
	if (a->ring == RING_LATE)
		d->level = a->level;
}

static inline void desk_open(struct world *w, int i)
{
	struct node *node = &w->net.node[i];
	struct err e = {0};

	if (node_open(node, w->n[i].path, NULL, &e) < 0 ||
	    store_migrate(node->store, request_schema(), 1, &e) < 0 ||
	    requests_open(node->x, &w->n[i].o, &w->n[i].q, &e) < 0)
		fail_msg("%s: %s", node->name, e.message);
}

static inline void desk_close(struct world *w, int i)
{
	node_close(&w->net.node[i]);
	w->n[i].q = requests_close(w->n[i].q);
}

/* As after a crash: what is not in rows is gone. */
static inline void desk_restart(struct world *w, int i)
{
	desk_close(w, i);
	desk_open(w, i);
}

static inline struct world *world_new(void)
{
	static const char *const names[WORLD_NODES] = {"fr", "it"};
	struct world *w = calloc(1, sizeof(*w));
	struct err e = {0};

	assert_non_null(w);
	snprintf(w->dir, sizeof(w->dir), "%s/lug-request-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	nodes_init(&w->net, names, WORLD_NODES, 11);
	for (int i = 0; i < WORLD_NODES; i++) {
		snprintf(w->n[i].path, sizeof(w->n[i].path), "%s/%s.db", w->dir, names[i]);
		w->n[i].o.ctx = &w->n[i];
		w->n[i].o.ring = count_ring;
		desk_open(w, i);
		if (node_install(&w->net.node[i], &e) < 0)
			fail_msg("%s", e.message);
	}
	return w;
}

static inline void world_free(struct world *w)
{
	char command[128];

	for (int i = 0; i < WORLD_NODES; i++)
		desk_close(w, i);
	nodes_done(&w->net);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
}

/* Time goes on, nothing runs. */
static inline void world_pass(struct world *w, int64_t s)
{
	w->net.now_ms += s * 1000;
}

/* The wall clocks of all nodes step; the monotonic ones do not. */
static inline void world_step_walls(struct world *w, int64_t s)
{
	for (int i = 0; i < WORLD_NODES; i++)
		w->net.node[i].skew_ms += s * 1000;
}

static inline int64_t world_now_s(const struct world *w)
{
	return w->net.now_ms / 1000;
}

/* Until nothing moves: mail, clocks, and the mail that clocks made. */
static inline void world_settle(struct world *w)
{
	int rings;

	do {
		rings = 0;
		nodes_run(&w->net);
		for (int i = 0; i < WORLD_NODES; i++) {
			struct err e = {0};
			int r = requests_poll(w->n[i].q, &e);

			if (r < 0)
				fail_msg("%s", e.message);
			rings += r;
		}
	} while (rings);
}

#define BTC "bip122:000000000019d6689c085ae165831e93"
#define AMOUNT "4000000000"

static const struct actor anna = {"anna", ACTOR_OFFICER, "it"},
			  bruno = {"bruno", ACTOR_APPROVER, "it"},
			  dora = {"dora", ACTOR_OFFICER | ACTOR_APPROVER, "it"},
			  admin = {"root", ACTOR_ADMIN, "it"}, paul = {"paul", ACTOR_DUTY, "fr"};

/* ---- helpers ---- */

static const char *text_at(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s ? s : "";
}

static inline json_t *request_in(const char *type, const char *class)
{
	json_t *j = json_pack(
		"{s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:i, s:s}]}",
		"type", type, "class", class, "to", "fr", "case", "PROC 2026/114", "authority",
		"name", "Postal police", "country", "IT", "offence", "code", "ransomware", "text",
		"estorsione", "facts", "i fatti", "link", "proceeds", "necessity", "it moves",
		"assets", "chain", BTC, "asset", BTC "/slip44:0", "txid",
		"f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16", "output", 1,
		"amount", AMOUNT);

	assert_non_null(j);
	return j;
}

static inline void draft(struct world *w, const char *type, const char *class, char id[static 37])
{
	_cleanup_(json_decrefp) json_t *in = request_in(type, class);
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};

	if (request_draft(w->n[IT].q, &anna, in, &out, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	assert_string_equal(text_at(out, "state"), "DRAFT");
	snprintf(id, 37, "%s", text_at(out, "id"));
}

static inline json_t *show(struct world *w, int node, const char *id)
{
	json_t *out = NULL;
	struct err e = {0};

	if (request_show(w->n[node].q, node == IT ? &anna : &paul, id, &out, &e) < 0)
		fail_msg("%s: %s", e.field, e.message);
	return out;
}

static inline void state_is(struct world *w, int node, const char *id, const char *state)
{
	_cleanup_(json_decrefp) json_t *j = show(w, node, id);

	assert_string_equal(text_at(j, "state"), state);
}

static inline void both_are(struct world *w, const char *id, const char *state)
{
	state_is(w, IT, id, state);
	state_is(w, FR, id, state);
}

static inline json_t *clock_of(struct world *w, int node, const char *id, const char *kind)
{
	_cleanup_(json_decrefp) json_t *j = show(w, node, id);
	const json_t *clocks = json_object_get(j, "clocks");

	for (size_t i = 0; i < json_array_size(clocks); i++)
		if (strcmp(text_at(json_array_get(clocks, i), "clock"), kind) == 0)
			return json_incref(json_array_get(clocks, i));
	return NULL;
}

static inline void clock_is(struct world *w, int node, const char *id, const char *kind,
			    const char *state)
{
	_cleanup_(json_decrefp) json_t *c = clock_of(w, node, id, kind);

	assert_non_null(c);
	assert_string_equal(text_at(c, "state"), state);
}

/* A time of a clock, Unix seconds. */
static inline int64_t world_clock_s(const json_t *clock, const char *name)
{
	const char *at = text_at(clock, name);
	int64_t s;

	assert_int_equal(time_parse(at, strlen(at), &s), 0);
	return s;
}

/* Both nodes show the same clock. */
static inline void same_due(struct world *w, const char *id, const char *kind)
{
	_cleanup_(json_decrefp) json_t *here = clock_of(w, IT, id, kind);
	_cleanup_(json_decrefp) json_t *there = clock_of(w, FR, id, kind);

	assert_string_equal(text_at(here, "due_at"), text_at(there, "due_at"));
	assert_string_equal(text_at(here, "started_at"), text_at(there, "started_at"));
}

static inline bool has_flag(struct world *w, int node, const char *id, const char *flag)
{
	_cleanup_(json_decrefp) json_t *j = show(w, node, id);
	const json_t *flags = json_object_get(j, "flags");

	for (size_t i = 0; i < json_array_size(flags); i++)
		if (strcmp(json_string_value(json_array_get(flags, i)), flag) == 0)
			return true;
	return false;
}

static inline int try(struct world *w, int node, const struct actor *a, const char *id,
		      enum request_event event, json_t *in, struct err *e)
{
	_cleanup_(json_decrefp) json_t *given = in;
	_cleanup_(json_decrefp) json_t *out = NULL;

	return request_act(w->n[node].q, a, id, event, given, &out, e);
}

static inline void act(struct world *w, int node, const char *id, enum request_event event,
		       json_t *in)
{
	struct err e = {0};

	if (try(w, node, node == IT ? &anna : &paul, id, event, in, &e) < 0)
		fail_msg("%s: %s: %s", request_event_row(event)->text, e.field, e.message);
}

static inline json_t *text(const char *s)
{
	return json_pack("{s:s}", "text", s);
}

static inline int submit(struct world *w, const struct actor *a, const char *id, struct err *e)
{
	_cleanup_(json_decrefp) json_t *out = NULL;

	return request_submit(w->n[IT].q, a, id, &out, e);
}

static inline void hash_of(struct world *w, const char *id, char out[static 65])
{
	_cleanup_(json_decrefp) json_t *j = show(w, IT, id);

	snprintf(out, 65, "%s", text_at(j, "content_sha256"));
}

static inline int approve(struct world *w, const struct actor *a, const char *id, const char *hash,
			  struct err *e)
{
	_cleanup_(json_decrefp) json_t *out = NULL;

	return request_approve(w->n[IT].q, a, id, hash, &out, e);
}

/* A request that has reached the other node. */
static inline void sent(struct world *w, const char *type, const char *class, char id[static 37])
{
	char hash[65];
	struct err e = {0};

	draft(w, type, class, id);
	if (submit(w, &anna, id, &e) < 0)
		fail_msg("%s", e.message);
	if (strcmp(type, "FREEZE") == 0 || strcmp(class, "FLASH") == 0) {
		hash_of(w, id, hash);
		if (approve(w, &bruno, id, hash, &e) < 0)
			fail_msg("%s", e.message);
	}
	state_is(w, IT, id, "SENT");
	world_settle(w);
	both_are(w, id, "DELIVERED");
}

static inline json_t *outcome(const struct world *w, const char *measure, const char *held)
{
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];

	return json_pack("{s:s, s:{s:s, s:s, s:s, s:[{s:i, s:s}]}}", "text", "held in part",
			 "outcome", "measure", measure, "effective_at",
			 time_utc(world_now_s(w), from), "legal_expiry",
			 time_utc(world_now_s(w) + 100000, to), "items", "asset", 0, "held", held);
}
#endif
