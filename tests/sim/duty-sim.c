/* SPDX-License-Identifier: Apache-2.0
 * Duty desks in one thread from one seed: nodes that are silent, restart, lose links and have their clocks set; channels that fail;
 * officers who sleep, answer, or answer and do nothing. After each poll of each node: no request that waits for people is without an
 * alert, and no alert without a next step at its time.
 *   duty-sim --seeds FIRST:COUNT | --mutants --seeds FIRST:COUNT [--verbose] */
#include "base/file.h"
#include "base/json.h"
#include "base/prng.h"
#include "duty/duty-int.h"
#include "nodes.h"
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	NODES = 3,
	REQUESTS_MAX = 24,
	QUEUE_MAX = 512,
	SIM_S = 3000,  /* of trouble */
	CALM_S = 1200, /* and then every alert must have rung somebody */
	OPEN_MAX_S =
		600, /* the longest wait of a built-in FLASH or URGENT ladder before its last step is 900 */
	LONGEST_S = 1800,
	SKIP_S = 3, /* an empty step is skipped at once: two polls */
	WHY_MAX = 300,
};

enum duty_fault duty_fault;
static bool verbose;

struct desk {
	struct world *w;
	size_t i;
	struct requests *q;
	struct duty *d;
	struct duty_env env;
	char path[128];
	bool away, deaf; /* stopped; its duty notes are lost */
	uint64_t queue[QUEUE_MAX];
	size_t queue_n;
	struct buf note;
	size_t asked[NODES], asked_n;
};
struct world {
	uint64_t seed;
	struct nodes net;
	struct desk desks[NODES];
	struct prng rng;
	struct {
		size_t from, to;
		char id[REQUEST_ID_LEN + 1];
	} requests[REQUESTS_MAX];
	size_t requests_n;
	char dir[64], why[WHY_MAX];
	int64_t start_ms;
	unsigned rings, answers, restarts, jumps;
};

static void wrong(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void wrong(struct world *w, const char *fmt, ...)
{
	va_list ap;
	if (w->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
}

static bool chance(struct world *w, uint64_t permille)
{
	return prng_below(&w->rng, 1000) < permille;
}

/* ---- the outside of a desk ---- */

static int zone(void *ctx, const char *name, struct tz **ret)
{
	return -ERR_NOENT; /* seats are in UTC */
}

static int ring(void *ctx, const struct notify_message *m)
{
	struct desk *k = ctx;
	k->w->rings++;
	if (chance(k->w, 100) || k->queue_n == QUEUE_MAX)
		return -ERR_OFFLINE;
	k->queue[k->queue_n++] = m->id;
	return 0;
}

static bool works(void *ctx, const char *channel)
{
	return true;
}

static int ask(void *ctx, const char *peer, const void *note, size_t len)
{
	struct desk *k = ctx;
	buf_clear(&k->note);
	buf_put(&k->note, note, len);
	if (k->asked_n < NODES)
		k->asked[k->asked_n++] = nodes_index(&k->w->net, peer);
	return 0;
}

static void alarmed(void *ctx, bool wake, const char *text)
{
}

/* ---- life ---- */

static bool desk_start(struct desk *k)
{
	struct node *node = &k->w->net.node[k->i];
	const struct duty_options o = {.drills = true};
	struct err e = {0};
	if (node_open(node, k->path, NULL, &e) < 0 ||
	    store_migrate(node->store, request_schema(), 1, &e) < 0 ||
	    store_migrate(node->store, duty_schema(), 1, &e) < 0 ||
	    requests_open(node->x, NULL, &k->q, &e) < 0 ||
	    duty_open(node->x, k->q, &k->env, &o, &k->d, &e) < 0) {
		wrong(k->w, "%s does not start: %s", node->name, e.message);
		return false;
	}
	k->away = false;
	return true;
}

/* Nothing is flushed: what is not in rows is gone, outcomes of rings too. */
static void desk_stop(struct desk *k)
{
	k->d = duty_close(k->d);
	node_close(&k->w->net.node[k->i]);
	k->q = requests_close(k->q);
	k->queue_n = k->asked_n = 0;
	k->away = true;
}

/* ---- staff ---- */

static const struct actor chief = {"chief", ACTOR_ADMIN, ""};

static void must(struct world *w, int r, const struct err *e)
{
	if (r < 0)
		wrong(w, "%s: %s", e->field, e->message);
}

static void person(struct desk *k, const char *name)
{
	_cleanup_(json_decrefp) json_t *in =
		json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "officer", name, "channels",
			  "channel", "sms", "address", name, "channel", "mail", "address", name);
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};
	must(k->w, duty_person_set(k->d, &chief, in, &out, &e), &e);
}

static void seat(struct desk *k, const char *name, const char *officer)
{
	_cleanup_(json_decrefp) json_t *in = json_pack(
		"{s:s, s:s, s:b, s:s, s:[{s:s, s:s, s:s, s:s, s:[s]}]}", "seat", name, "zone",
		"UTC", "flash", 1, "fallback", officer, "layers", "layer", "all", "rotation",
		"daily", "from", "2026-01-01", "handoff", "08:00", "people", officer);
	_cleanup_(json_decrefp) json_t *out = NULL;
	struct err e = {0};
	must(k->w, duty_seat_set(k->d, &chief, in, &out, &e), &e);
}

/* The last node has nobody but a head of unit: every step before is empty. */
static void staff(struct desk *k)
{
	static const char *const names[] = {"duty", "second", "supervisor", "head"};
	for (size_t i = k->i == NODES - 1 ? 3 : 0; i < ARRAY_LEN(names); i++) {
		person(k, names[i]);
		seat(k, names[i], names[i]);
	}
}

/* ---- officers ---- */

static void send_flash(struct world *w)
{
	size_t from = prng_below(&w->rng, NODES),
	       to = (from + 1 + prng_below(&w->rng, NODES - 1)) % NODES;
	struct desk *k = &w->desks[from];
	const struct actor first = {"first", ACTOR_OFFICER, w->net.node[from].name},
			   second = {"second", ACTOR_APPROVER, w->net.node[from].name};
	_cleanup_(json_decrefp) json_t *in =
		json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s}", "type",
			  chance(w, 200) ? "TEST" : "INFO", "class",
			  chance(w, 700) ? "FLASH" : "URGENT", "to", w->net.node[to].name, "case",
			  "X", "authority", "name", "P", "country", "IT", "offence", "code",
			  "ransomware", "text", "x", "facts", "x", "link", "x", "necessity", "x");
	_cleanup_(json_decrefp) json_t *draft = NULL, *sent = NULL, *approved = NULL;
	if (k->away || w->requests_n == REQUESTS_MAX ||
	    request_draft(k->q, &first, in, &draft, NULL) < 0)
		return;
	const char *id = json_string_value(json_object_get(draft, "id"));
	const char *hash = json_string_value(json_object_get(draft, "content_sha256"));
	if (request_submit(k->q, &first, id, &sent, NULL) < 0)
		return;
	if (!strcmp(json_string_value(json_object_get(sent, "state")), "APPROVAL") &&
	    request_approve(k->q, &second, id, hash, &approved, NULL) < 0)
		return;
	w->requests[w->requests_n].from = from;
	w->requests[w->requests_n].to = to;
	snprintf(w->requests[w->requests_n++].id, REQUEST_ID_LEN + 1, "%s", id);
}

static void act(struct world *w, size_t node, const char *id, enum request_event event)
{
	const struct actor a = {"first", ACTOR_OFFICER | ACTOR_DUTY, w->net.node[node].name};
	_cleanup_(json_decrefp) json_t *in =
		event == EVENT_ACK ? NULL : json_pack("{s:s}", "text", "x");
	_cleanup_(json_decrefp) json_t *out = NULL;
	if (!w->desks[node].away)
		(void)!request_act(w->desks[node].q, &a, id, event, in, &out, NULL);
}

/* Somebody does something about a request: says "I have it", acknowledges, answers, withdraws. Mostly nobody does. */
static void work(struct world *w)
{
	if (!w->requests_n)
		return;
	size_t n = prng_below(&w->rng, w->requests_n), to = w->requests[n].to;
	switch (prng_below(&w->rng, 8)) {
	case 0:
		if (!w->desks[to].away &&
		    duty_answer_alert(w->desks[to].d, "duty", w->requests[n].id, NULL) >= 0)
			w->answers++;
		break;
	case 1:
		act(w, to, w->requests[n].id, EVENT_ACK);
		break;
	case 2:
		act(w, to, w->requests[n].id, EVENT_ANSWER);
		break;
	case 3:
		if (!w->desks[w->requests[n].from].away)
			(void)!duty_answer_alert(w->desks[w->requests[n].from].d, "duty",
						 w->requests[n].id, NULL);
		break;
	case 4:
		act(w, w->requests[n].from, w->requests[n].id, EVENT_WITHDRAW);
		break;
	default:
		break;
	}
}

/* ---- what must hold ---- */

static void check_alert(struct world *w, struct desk *k, const char *id, const char *class)
{
	struct duty_alert a;
	const char *name = w->net.node[k->i].name;
	int64_t now = requests_steady_s(k->q);
	if (duty_alert_load(k->d, id, &a, NULL) <= 0) {
		wrong(w, "%s: %s %s waits and has no alert", name, class, id);
		return;
	}
	int64_t in_s = a.next_s == INT64_MAX ? INT64_MAX : a.next_s - now;
	int64_t max = a.state == DUTY_HELD ? DUTY_HELD_S : LONGEST_S;
	if (!strcmp(class, "FLASH") && a.state == DUTY_OPEN)
		max = OPEN_MAX_S;
	if (a.state == DUTY_OVER || in_s > max || in_s < -1)
		wrong(w, "%s: %s %s (side %d, state %d, step %lld) has its next step in %lld s",
		      name, class, id, (int)a.side, (int)a.state, (long long)a.step,
		      (long long)in_s);
}

/* What waits, by the rows of requests themselves. */
static void check_waiting(struct world *w, struct desk *k)
{
	STORE_ROWS(rows);
	int r = store_query(
		w->net.node[k->i].store,
		"SELECT id, class FROM request WHERE state IN ('SENT', 'DELIVERED', 'ACKNOWLEDGED') AND class IN "
		"('FLASH', 'URGENT') AND NOT (type = 'TEST' AND (side = 0 OR class = 'FLASH'))",
		NO_VALS, &rows, NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0)
		check_alert(w, k, row_text(&rows, "id", NULL), row_text(&rows, "class", NULL));
}

/* Who can be reached has been rung: where all but the head's seat are empty, at once. */
static void check_rung(struct world *w, struct desk *k)
{
	STORE_ROWS(rows);
	int r = store_first(
		w->net.node[k->i].store,
		"SELECT id FROM duty_alert a WHERE state = 0 AND side = 0 AND class = 'FLASH' AND base_s < ? AND NOT EXISTS "
		"(SELECT 1 FROM duty_ring g WHERE g.alert = a.id) LIMIT 1",
		VALS(val_i64(requests_steady_s(k->q) - SKIP_S)), &rows, NULL);
	if (r > 0)
		wrong(w, "%s: nobody was rung for %s", w->net.node[k->i].name,
		      row_text(&rows, "id", NULL));
}

/* ---- time ---- */

static void tell(struct desk *k)
{
	size_t n = k->queue_n;
	k->queue_n = 0;
	for (size_t i = 0; i < n && k->d; i++)
		(void)!duty_rung(k->d, k->queue[i], chance(k->w, 250) ? -ERR_OFFLINE : 0, "x",
				 NULL);
}

static void carry_notes(struct desk *k)
{
	struct world *w = k->w;
	for (size_t i = 0; i < k->asked_n; i++) {
		struct desk *to = &w->desks[k->asked[i] % NODES];
		if (!to->away && !to->deaf && !k->deaf && k->asked[i] < NODES)
			(void)!duty_note_take(to->d, w->net.node[k->i].name, k->note.p, k->note.len,
					      NULL);
	}
	k->asked_n = 0;
}

static void poll_desk(struct desk *k)
{
	struct err e = {0};
	if (k->away)
		return;
	(void)!requests_poll(k->q, NULL);
	if (duty_poll(k->d, &e) < 0) {
		wrong(k->w, "%s: %s", k->w->net.node[k->i].name, e.message);
		return;
	}
	check_waiting(k->w, k);
	check_rung(k->w, k);
	tell(k);
	carry_notes(k);
}

static void trouble(struct world *w)
{
	struct desk *k = &w->desks[prng_below(&w->rng, NODES)];
	size_t peer = prng_below(&w->rng, NODES);
	switch (prng_below(&w->rng, 6)) {
	case 0:
		if (k->away)
			(void)desk_start(k);
		else
			desk_stop(k);
		w->restarts++;
		break;
	case 1:
		if (!k->away) {
			desk_stop(k);
			(void)desk_start(k);
		}
		w->restarts++;
		break;
	case 2:
		w->net.cut[k->i][peer] = !w->net.cut[k->i][peer];
		break;
	case 3:
		k->deaf = !k->deaf;
		break;
	case 4:
		w->net.node[k->i].skew_ms += ((int64_t)prng_below(&w->rng, 7201) - 3600) * 1000;
		w->jumps++;
		break;
	default:
		w->net.node[k->i].keyd_away = !w->net.node[k->i].keyd_away;
		break;
	}
}

static void calm(struct world *w)
{
	memset(w->net.cut, 0, sizeof(w->net.cut));
	for (size_t i = 0; i < NODES; i++) {
		w->desks[i].deaf = w->net.node[i].keyd_away = false;
		if (w->desks[i].away)
			(void)desk_start(&w->desks[i]);
	}
}

static void pass(struct world *w, int64_t s, bool troubled)
{
	int64_t end_ms = w->net.now_ms + s * 1000;
	while (w->net.now_ms < end_ms && !w->why[0]) {
		w->net.now_ms += (int64_t)(1 + prng_below(&w->rng, 20)) * 1000;
		if (troubled && chance(w, 40))
			trouble(w);
		if (troubled && chance(w, 30))
			send_flash(w);
		if (chance(w, 60))
			work(w);
		nodes_run(&w->net);
		for (size_t i = 0; i < NODES; i++)
			poll_desk(&w->desks[i]);
	}
}

/* ---- one world ---- */

static void world_open(struct world *w, uint64_t seed)
{
	static const char *const names[NODES] = {"de", "fr", "it"};
	*w = (struct world){.seed = seed};
	snprintf(w->dir, sizeof(w->dir), "%s/lug-duty-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(w->dir))
		wrong(w, "no folder");
	prng_init(&w->rng, seed);
	nodes_init(&w->net, names, NODES, seed);
	for (size_t i = 0; i < NODES; i++) {
		struct desk *k = &w->desks[i];
		struct err e = {0};
		*k = (struct desk){.w = w, .i = i, .env = {k, zone, ring, works, ask, alarmed}};
		buf_init(&k->note, DUTY_NOTE_MAX);
		snprintf(k->path, sizeof(k->path), "%s/%s.db", w->dir, names[i]);
		if (desk_start(k) && node_install(&w->net.node[i], &e) < 0)
			wrong(w, "%s", e.message);
		if (!w->why[0])
			staff(k);
	}
}

static void world_close(struct world *w)
{
	char command[128];
	for (size_t i = 0; i < NODES; i++) {
		if (!w->desks[i].away)
			desk_stop(&w->desks[i]);
		buf_done(&w->desks[i].note);
	}
	nodes_done(&w->net);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	if (system(command) != 0)
		fprintf(stderr, "left behind: %s\n", w->dir);
}

static bool run_seed(uint64_t seed, char why[static WHY_MAX])
{
	static struct world w;
	world_open(&w, seed);
	if (!w.why[0])
		pass(&w, SIM_S, true);
	if (!w.why[0]) {
		calm(&w);
		pass(&w, CALM_S, false);
	}
	if (verbose)
		printf("seed %llu: %zu requests, %u rings, %u answers, %u restarts, %u clock steps\n",
		       (unsigned long long)seed, w.requests_n, w.rings, w.answers, w.restarts,
		       w.jumps);
	snprintf(why, WHY_MAX, "%s", w.why);
	world_close(&w);
	return !why[0];
}

static const char *const fault_names[] = {
	"none",
#define DUTY_FAULT(name, doc) #name,
#include "duty/fault.def"
#undef DUTY_FAULT
};

static int run_mutants(uint64_t first, uint64_t count)
{
	int missed = 0;
	char why[WHY_MAX];
	for (size_t f = 1; f < DUTY_FAULTS_N; f++) {
		bool caught = false;
		duty_fault = (enum duty_fault)f;
		for (uint64_t s = first; s < first + count && !caught; s++)
			caught = !run_seed(s, why);
		printf("%s %zu - %s: %s\n", caught ? "ok" : "not ok", f, fault_names[f],
		       caught ? why : "not caught");
		missed += !caught;
	}
	return missed;
}

static int run_all(uint64_t first, uint64_t count)
{
	char why[WHY_MAX];
	for (uint64_t s = first; s < first + count; s++)
		if (!run_seed(s, why)) {
			printf("not ok - seed %llu: %s\n", (unsigned long long)s, why);
			return 1;
		}
	printf("ok - %llu seeds from %llu\n", (unsigned long long)count, (unsigned long long)first);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seeds", 1, NULL, 's'}, {"mutants", 0, NULL, 'm'}, {"verbose", 0, NULL, 'v'}, {0}};
	unsigned long long first = 1, count = 20;
	bool mutants = false;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
		switch (c) {
		case 's':
			if (sscanf(optarg, "%llu:%llu", &first, &count) != 2)
				return 2;
			break;
		case 'm':
			mutants = true;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return 2;
		}
	return mutants ? run_mutants(first, count) : run_all(first, count);
}
