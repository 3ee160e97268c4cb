/* SPDX-License-Identifier: Apache-2.0
 * lug demo: the main job, played between three nodes on this machine. Each step is one function and one line of the report.
 *
 * Everything is done by the programs that people use: chaingen makes the chain, lug imports, traces and speaks to the nodes,
 * three lugd with their lug-keyd exchange parcels over pinned TLS on loopback. Nothing here knows what the answer will be but
 * for the generator's truth, against which the trace is checked. */
#include "lug/demo-play.h"
#include <sys/stat.h>

/* ---- the node that was down ---- */

static int step_offline(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	json_t *j = NULL;
	demo_begin(d, "Tokyo's node is down: Rome sends a TRACE there all the same");
	int r = demo_stop(d, DEMO_JP, true, e);
	if (r == 0)
		r = request_new(p, "TRACE", "URGENT", DEMO_JP, demo_path(d, "assets.json"), &j, e);
	snprintf(p->trace_id, sizeof(p->trace_id), "%s", demo_str(j, "id"));
	if (r == 0)
		r = demo_as(d, DEMO_IT, OFFICER,
			    (const char *[]){"request", "show", p->trace_id, NULL}, &j, e);
	if (r == 0 && strcmp(demo_str(j, "state"), "SENT") != 0)
		r = err_set(e, -ERR_TRANSITION, "state", "it should wait in the outbox but is %s",
			    demo_str(j, "state"));
	return demo_end(d, r, 0, e, "stored and retried: state SENT, not delivered");
}

static int is_in_tokyo(struct demo *d, void *arg, struct err *e)
{
	struct play *p = arg;
	json_t *j = NULL;
	int r = demo_as(d, DEMO_JP, OFFICER,
			(const char *[]){"request", "list", "--direction", "in", NULL}, &j, e);
	if (r < 0 || !item_of(demo_get(j, "requests"), "id", p->trace_id))
		return r;
	r = demo_as(d, DEMO_IT, OFFICER, (const char *[]){"request", "show", p->trace_id, NULL}, &j,
		    e);
	return r < 0 ? r : strcmp(demo_str(j, "state"), "DELIVERED") == 0;
}

static int step_back(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(d, "Tokyo's node comes up again");
	int r = demo_start(d, DEMO_JP, e);
	if (r == 0)
		r = demo_wait(d, DELIVER_MS * 2, is_in_tokyo, p, e);
	return demo_end(d, r, 0, e, "delivered once, with its receipt R2");
}

/* ---- the proofs ---- */

static int audit_of(struct play *p, enum demo_node_id n, struct err *e)
{
	struct demo *d = &p->d;
	const struct demo_node *node = &d->node[n];
	const char *log = arena_printf(&d->arena, "%s/audit", node->dir),
		   *proof = demo_path(d, "%s.tlog-proof", node->name);
	json_t *verified = NULL, *status = NULL;
	struct stat st = {0};
	demo_begin(d, "verify the audit log of %s offline, and prove one entry of it", node->city);
	int r = demo_as(d, n, OFFICER, (const char *[]){"status", NULL}, &status, e);
	const char *key =
		demo_str(item_of(demo_get(status, "keyd.keys"), "kind", "log"), "verifier");
	if (r == 0)
		r = demo_stop(d, n, false, e);
	if (r == 0)
		r = demo_lug(d, (const char *[]){"audit", "verify", log, "--key", key, NULL},
			     &verified, e);
	uint64_t entries = demo_u64(verified, "entries");
	const char *middle = arena_printf(&d->arena, "%llu", (unsigned long long)entries / 2);
	if (r == 0)
		r = demo_run(d, "lug",
			     (const char *[]){"audit", "prove", middle, "--log", log, "--out",
					      proof, NULL},
			     NULL, e);
	if (r == 0)
		r = demo_lug(d,
			     (const char *[]){"audit", "verify-proof", proof, "--key", key, NULL},
			     NULL, e);
	if (r == 0 && (stat(proof, &st) < 0 || entries == 0))
		r = err_set(e, -ERR_NOENT, proof, "no proof was written");
	return demo_end(
		d, r, (uint64_t)st.st_size, e,
		"%llu entries re-hashed up to the signed checkpoint; entry %s proved without the log",
		(unsigned long long)entries, middle);
}

static int step_audit(struct play *p, struct err *e)
{
	for (int i = 0; i < DEMO_NODES; i++) {
		int r = audit_of(p, (enum demo_node_id)i, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the whole ---- */

/* For tests: kill every process of every node before step n, and start them again. */
static int crash_all(struct play *p, struct err *e)
{
	int r = 0;
	for (int i = 0; r == 0 && i < DEMO_NODES; i++) {
		if (p->d.node[i].pid <= 0)
			continue;
		r = demo_stop(&p->d, (enum demo_node_id)i, true, e);
		if (r == 0)
			r = demo_start(&p->d, (enum demo_node_id)i, e);
	}
	return r;
}

static int play_all(struct play *p, struct err *e)
{
	static play_step *const steps[] = {
		play_chain,  play_import,   play_labels,  play_init,	  play_network, play_notes,
		play_report, play_trace,    play_draft,	  play_four_eyes, play_send,	play_ack,
		play_answer, play_answered, step_offline, step_back,	  step_audit};
	static play_step *const real_skips[] = {play_chain, play_labels};
	for (int i = 0; i < (int)ARRAY_LEN(steps); i++) {
		bool skip = p->real && (steps[i] == real_skips[0] || steps[i] == real_skips[1]);
		if (skip)
			continue;
		int r = p->d.crash_at == i ? crash_all(p, e) : 0;
		if (r == 0)
			r = steps[i](p, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What is left running, and how to use it. */
static void print_kept(const struct play *p)
{
	const struct demo *d = &p->d;
	printf("\nThe nodes are running; the work folder is %s\n\n", d->dir);
	for (int i = 0; i < DEMO_NODES; i++)
		printf("  export LUG_NODE=%s LUG_OFFICER=%s   # %s, process %d\n", d->node[i].dir,
		       OFFICER, d->node[i].city, (int)d->node[i].pid);
	printf("\n  %s/lug request list --all\n  %s/lug request show %.13s\n  %s/lug status\n  %s/lug trace %s --ledger %s/ledger\n",
	       d->bin, d->bin, p->freeze, d->bin, d->bin, p->victim_tx, d->dir);
	printf("\nStop them with: kill %d %d %d\n", (int)d->node[0].pid, (int)d->node[1].pid,
	       (int)d->node[2].pid);
}

/* --keep: the audit step has stopped the nodes; start them once more, and play what consoles show. */
static int keep_running(struct play *p, struct err *e)
{
	int r = 0;
	p->d.stays = true;
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_start(&p->d, (enum demo_node_id)i, e);
	if (r == 0)
		r = play_console(p, e);
	p->d.stays = r == 0; /* nobody would know of nodes that are left after an error */
	return r;
}

static int run_demo(struct lug *l, const struct args *a, struct err *e)
{
	/* Block 9 of Bitcoin's chain: the coins that made its first payment to another person. */
	static const char first_coins[] =
		"0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9";
	struct play p = {.real = args_str(a, "real")};
	uint64_t crash = UINT64_MAX;
	int r = args_u64(a, "crash", 0, PLAY_STEPS_MAX, &crash, e);
	if (r < 0 || (r = demo_init(&p.d, l, args_str(a, "dir"), e)) < 0)
		return r;
	p.d.keep = args_flag(a, "keep");
	p.d.report_only = args_flag(a, "check");
	p.d.crash_at = crash == UINT64_MAX ? -1 : (int)crash;
	snprintf(p.from_txid, sizeof(p.from_txid), "%s",
		 args_str(a, "from") ? args_str(a, "from") : first_coins);
	struct err why = {0};
	(void)play_all(&p, &why); /* a failed step is in the report, with its reason */
	r = demo_report(&p.d, e);
	if (r == 0 && p.d.keep && (r = keep_running(&p, e)) == 0 && !l->json) {
		print_kept(&p);
		console_print(&p);
	}
	demo_done(&p.d);
	return r;
}

const struct verb verb_demo = {
	.name = "demo",
	.args = "",
	.summary = "play the main job between three nodes on this machine",
	.doc = "Makes a block chain with a crime in it, starts nodes for Italy, France and Japan on loopback, forms the network under 2-of-3 "
	       "governance, and plays: a victim's report, extraction, trace, a FLASH FREEZE with four eyes, receipts, the answer, a node "
	       "that was down, and the offline proof of everything. Exits with an error if any step or proof fails.",
	.examples =
		"lug demo\n# takes some seconds, leaves nothing behind\n"
		"lug demo --keep\n# leaves the nodes running and prints how to use them\n"
		"lug demo --real ~/.bitcoin/blocks --from TXID\n# traces the coins of a real transaction",
	.opts =
		(const struct opt[]){
			{"check", NULL,
			 "for scripts: no lines on the way, only the report and the exit status",
			 false, false},
			{"keep", NULL, "leave the nodes running", false, false},
			{"real", "DIR", "real block files (blk*.dat) instead of a made chain",
			 false, false},
			{"from", "TXID", "with --real: the transaction that the report names",
			 false, false},
			{"dir", "DIR",
			 "work folder, kept afterwards (default: a new one under /tmp)", false,
			 false},
			{"crash", "N",
			 "for tests: kill every process before step N, and start them again", false,
			 false},
			{0}},
	.run = run_demo,
};
