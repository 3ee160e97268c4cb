/* SPDX-License-Identifier: Apache-2.0
 * lug ledger follow: a ledger kept at the tip of its chain, from nodes that the user names. */
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "chain/hash.h"
#include "crypto/crypto.h"
#include "ledger/entity.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include "lug/follow-rpc.h"
#include "lug/follow-shell.h"
#include "lug/ledger-report.h"
#include "lug/watch-shell.h"
#include "watch/watch.h"
#include <inttypes.h>
#include <signal.h>

enum {
	WAIT_MAX_MS = 1000,
	AGENT_TEXT_MAX = 260,
	RETRY_MS = 1000, /* after the ledger was in use, or the disk full */
	QUIET_MS = 2000,
	ITEMS_MS = 1000,	/* how soon an item that was added counts */
	IMPORT_BYTES = 1 << 30, /* while far behind: blocks that are imported at once */
};

static volatile sig_atomic_t stop_asked;

static void on_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

struct follower {
	struct lug *l;
	const char *ledger_dir;
	const struct network *network;
	struct ledger_import_options import;
	struct follow_env env;
	struct follow *follow;
	struct conns conns;
	struct blkdir blkdir;
	struct follow_point imported; /* the ledger's tip */
	struct follow_point seen;     /* the best stored block at the last look, and since when */
	int64_t seen_ms;
	bool has_imported, once;
	int64_t retry_ms; /* nothing is imported before */
	struct rpc *rpc;  /* NULL: peers */
	unsigned zmq_n;
	bool rpc_more;	     /* it has blocks that we have not asked for yet */
	int64_t rpc_ms;	     /* when it is asked again */
	struct store *store; /* NULL: nothing is watched */
	struct watch_env watch_env;
	struct watch *watch;
	int64_t scanned_ms;
	struct ledger *view; /* as of the last scan: open while watching, closed for an import */
	bool cluster;	     /* entities are made for each tip */
	struct follow_state state;
};

/* ---- what others may know ---- */

static json_t *state_json(const struct follower *w, const char *doing)
{
	struct follow_point best = follow_best(w->follow);
	char now[TIME_TEXT_MAX], hash[HASH_TEXT_MAX];
	const struct follow_point *tip = &w->imported;
	uint32_t height = w->has_imported ? tip->height : 0;

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:I}", "time",
			 time_utc(time_now_ms() / 1000, now), "doing", doing, "network",
			 w->network->name, "source", w->rpc ? "rpc" : "peers", "height",
			 w->has_imported ? json_integer(height) : json_null(), "tip",
			 w->has_imported ? json_string(hash_text(tip->hash32, hash)) : json_null(),
			 "best_height", (json_int_t)best.height, "behind",
			 (json_int_t)(best.height > height ? best.height - height : 0), "watched",
			 w->watch ? json_integer(watch_height(w->watch)) : json_null(),
			 "unconfirmed", (json_int_t)follow_pool_n(w->follow));
}

/* That nobody can read how it stands must not stop the following. */
static void state_tell(struct follower *w, const char *doing)
{
	struct err e = {0};

	if (follow_state_write(&w->state, w->ledger_dir, &w->conns, state_json(w, doing), &e) < 0)
		log_unusual("follow", "the state was not written: %s", e.message);
}

/* ---- what the logic is given ---- */

static int64_t env_mono(void *ctx)
{
	(void)ctx;
	return time_mono_ms();
}

static int64_t env_wall(void *ctx)
{
	(void)ctx;
	return time_now_ms() / 1000;
}

static void env_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	random_bytes(out, len);
}

static void env_connect(void *ctx, unsigned peer)
{
	conn_open(&((struct follower *)ctx)->conns, peer);
}

static void env_send(void *ctx, unsigned peer, const void *p, size_t len)
{
	conn_send(&((struct follower *)ctx)->conns, peer, p, len);
}

static void env_close(void *ctx, unsigned peer)
{
	conn_close(&((struct follower *)ctx)->conns, peer);
}

static int env_store(void *ctx, const uint8_t *p, size_t len, uint32_t height, struct err *e)
{
	(void)height;
	return blkdir_put(&((struct follower *)ctx)->blkdir, p, len, e);
}

static void env_ready(void *ctx, unsigned peer, const char *agent, size_t agent_len)
{
	struct follower *w = ctx;
	struct follow_seen *p = &w->state.peer[peer];
	char raw[AGENT_TEXT_MAX], text[AGENT_TEXT_MAX];

	snprintf(raw, sizeof(raw), "%.*s", (int)agent_len, agent);
	text_utf8(raw, text, sizeof(text));
	log_info("follow", "connected peer=%s agent=%s", w->conns.conn[peer].name, text_safe(text));
	*p = (struct follow_seen){.connected = true, .since_s = time_now_ms() / 1000};
	snprintf(p->agent, sizeof(p->agent), "%.*s", FOLLOW_AGENT_MAX - 1, text);
	utf8_repair(p->agent);
}

static void env_left(void *ctx, unsigned peer, enum follow_fault fault, int64_t back_ms)
{
	struct follower *w = ctx;

	w->state.peer[peer] = (struct follow_seen){.left = follow_fault_name(fault),
						   .since_s = time_now_ms() / 1000};
	log_line(follow_fault_offence(fault) ? LOG_UNUSUAL : LOG_INFO, "follow",
		 "left peer=%s reason=%s again_in_s=%" PRId64, w->conns.conn[peer].name,
		 follow_fault_name(fault), back_ms / 1000);
}

/* ---- watching ---- */

static const uint8_t *watch_find(void *ctx, const uint8_t txid32[static 32], size_t *ret_len)
{
	return follow_pool_find(((const struct follower *)ctx)->follow, txid32, ret_len);
}

static int watch_start(struct follower *w, const struct args *a, struct err *e)
{
	uint8_t key16[16];
	int r;

	if (!args_flag(a, "alert"))
		return 0;
	r = file_mkdirs(w->ledger_dir, 0755, e);
	if (r == 0)
		r = watch_store_open(a, &w->store, e);
	if (r < 0)
		return r;
	random_bytes(key16, sizeof(key16));
	w->watch_env = (struct watch_env){.ctx = w, .find = watch_find};
	return watch_open(w->store, &w->watch_env, key16, &w->watch, e);
}

/* What is wrong with an unconfirmed transaction or a busy store must not stop the following: the next block looks again. */
static void watch_one(struct follower *w, const uint8_t *p, size_t len)
{
	struct err e = {0};

	if (w->view && watch_tx(w->watch, w->view, p, len, time_now_ms() / 1000, &e) < 0)
		log_unusual("follow", "an unconfirmed transaction was not matched: %s", e.message);
}

static void env_tx(void *ctx, const uint8_t *p, size_t len)
{
	struct follower *w = ctx;

	if (w->watch)
		watch_one(w, p, len);
}

static bool pool_again(void *ctx, const uint8_t *p, size_t len, int64_t seen_s)
{
	if (time_now_ms() / 1000 - seen_s > WATCH_EXPIRE_S)
		return false;
	watch_one(ctx, p, len);
	return true;
}

/* After a step of the ledger; after a reorganisation what its blocks had held may be unconfirmed again. */
static int watch_step(struct follower *w, bool turned, struct err *e)
{
	uint32_t left = 0;
	int r = 0;

	if (!w->watch)
		return 0;
	w->scanned_ms = time_mono_ms();
	if (!w->view)
		r = ledger_open(w->ledger_dir, &w->view, e);
	if (r == 0)
		r = watch_scan(w->watch, w->view, time_now_ms() / 1000, 0, &left, e);
	if (r == 0 && turned)
		follow_pool_sweep(w->follow, pool_again, w);
	return r;
}

/* ---- the ledger ---- */

static int report_step(const struct follower *w, const struct ledger_import_result *res,
		       struct err *e)
{
	const struct follow_point *tip = &w->imported;
	char hash[HASH_TEXT_MAX], *text;
	json_t *j;
	int r;

	if (!w->l->json) {
		if (res->removed_n)
			printf("reorganisation: %" PRIu64 " blocks taken back\n", res->removed_n);
		printf("block %" PRIu32 " %s  %" PRIu64 " added\n", tip->height,
		       hash_text(tip->hash32, hash), res->added_n);
		fflush(stdout);
		return 0;
	}
	j = json_pack("{s:I, s:s, s:I, s:I}", "height", (json_int_t)tip->height, "tip",
		      hash_text(tip->hash32, hash), "added", (json_int_t)res->added_n, "removed",
		      (json_int_t)res->removed_n);
	text = j ? json_text(j) : NULL;
	json_decref(j);
	if (!text)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = lug_print_json_item(text, strlen(text), e);
	free(text);
	fflush(stdout);
	return r;
}

static int ledger_tip(const struct follower *w, struct follow_point *ret)
{
	_cleanup_(ledger_closep) struct ledger *led = NULL;
	int r = ledger_open(w->ledger_dir, &led, NULL);

	if (r < 0)
		return r;
	ret->height = ledger_info(led)->height;
	memcpy(ret->hash32, ledger_info(led)->tip32, 32);
	return 0;
}

static bool in_step(const struct follower *w)
{
	struct follow_point p;

	return follow_tip(w->follow, &p) && !w->rpc_more && !follow_wanted(w->follow, &p);
}

/* Errors that pass by themselves: readers in the way of a reorganisation, another import, a full disk. */
static bool passes(int r)
{
	return r == -ERR_BUSY || r == -ERR_AGAIN || r == -ERR_NOSPC;
}

/* Entities belong to a tip: those of the last one are continued. */
static int cluster_step(const struct follower *w, struct err *e)
{
	struct entity_built built;

	return w->cluster ? entities_build(w->ledger_dir, &(const struct entity_build){.set = 0},
					   &built, e)
			  : 0;
}

static int import_now(struct follower *w, struct err *e)
{
	struct ledger_import_result res = {0};
	int64_t began_ms = time_mono_ms();
	int r = blkdir_sync(&w->blkdir, e);

	w->view = ledger_close(w->view);
	state_tell(w, "importing");
	if (r == 0)
		r = ledger_import(w->blkdir.dir, w->ledger_dir, &w->import, &res, e);
	if (r == 0)
		r = ledger_tip(w, &w->imported);
	if (r == 0)
		r = watch_step(w, res.removed_n > 0, e);
	if (r == 0)
		r = cluster_step(w, e);
	follow_paused(w->follow, time_mono_ms() - began_ms);
	if (passes(r)) {
		log_unusual("follow", "import waits: %s", e->message);
		w->retry_ms = time_mono_ms() + RETRY_MS;
		return 0;
	}
	if (r < 0)
		return r;
	w->has_imported = true;
	state_tell(w, in_step(w) ? "in step" : "behind");
	if (res.removed_n)
		follow_pool_ask(w->follow);
	return res.added_n ? report_step(w, &res, e) : 0;
}

/* At the tip each block at once; else many at once, or those that are there when no more come. */
static bool import_due(struct follower *w)
{
	int64_t now_ms = time_mono_ms();
	struct follow_point tip;

	if (!follow_tip(w->follow, &tip))
		return false;
	if (memcmp(tip.hash32, w->seen.hash32, 32) != 0) {
		w->seen = tip;
		w->seen_ms = now_ms;
	}
	if (now_ms < w->retry_ms)
		return false;
	if (w->has_imported && memcmp(tip.hash32, w->imported.hash32, 32) == 0)
		return false;
	return in_step(w) || now_ms - w->seen_ms >= QUIET_MS || w->blkdir.pending >= IMPORT_BYTES;
}

/* ---- a node's word ---- */

static int rpc_round(struct follower *w, struct err *e)
{
	int r = rpc_blocks(w->rpc, w->follow, &w->rpc_more, e);

	if (r == 0 && !w->rpc_more && w->watch)
		r = rpc_pool(w->rpc, w->follow, e);
	return r;
}

/* Ask when it is time, or when ZMQ says that there is something. */
static int rpc_step(struct follower *w, int64_t *ret_wait_ms, struct err *e)
{
	int64_t now_ms = time_mono_ms();
	int r;

	if (rpc_heard(w->rpc, w->follow) || w->rpc_more)
		w->rpc_ms = now_ms;
	if (now_ms < w->rpc_ms) {
		*ret_wait_ms = w->rpc_ms - now_ms;
		return 0;
	}
	w->rpc_ms = now_ms + (w->zmq_n ? RPC_POLL_ZMQ_MS : RPC_POLL_MS);
	r = rpc_round(w, e);
	if (rpc_passes(r) || passes(r)) {
		log_unusual("follow", "the node was not heard: %s", e->message);
		w->rpc_ms = now_ms + RPC_POLL_MS;
		r = 0;
	}
	*ret_wait_ms = w->rpc_more ? 0 : w->rpc_ms - now_ms;
	return r;
}

/* ---- the loop ---- */

static int follow_step(struct follower *w, int64_t *ret_wait_ms, struct err *e)
{
	int r = w->rpc ? rpc_step(w, ret_wait_ms, e) : follow_poll(w->follow, ret_wait_ms, e);

	if (passes(r)) {
		log_unusual("follow", "blocks wait: %s", e->message);
		*ret_wait_ms = RETRY_MS;
		r = 0;
	}
	if (r == 0 && import_due(w))
		r = import_now(w, e);
	if (r == 0 && w->view && time_mono_ms() - w->scanned_ms >= ITEMS_MS)
		r = watch_step(w, false, e);
	if (time_mono_ms() - w->state.written_ms >= FOLLOW_STATE_MS)
		state_tell(w, in_step(w) ? "in step" : "behind");
	return r;
}

static bool finished(const struct follower *w)
{
	struct follow_point tip;

	return w->once && w->has_imported && in_step(w) && follow_tip(w->follow, &tip) &&
	       memcmp(tip.hash32, w->imported.hash32, 32) == 0 &&
	       (w->rpc || follow_asked_all(w->follow));
}

static int loop(struct follower *w, struct err *e)
{
	struct pollfd fds[FOLLOW_PEERS_MAX + RPC_ZMQ_MAX];

	while (!stop_asked) {
		int64_t wait_ms;
		nfds_t n;
		int r = follow_step(w, &wait_ms, e);

		if (r < 0 || finished(w))
			return r;
		wait_ms = conns_failed(&w->conns) ? 0 : wait_ms;
		n = conns_fill(&w->conns, fds);
		for (unsigned i = 0; i < w->zmq_n; i++)
			fds[n++] = (struct pollfd){.fd = rpc_fd(w->rpc, i), .events = POLLIN};
		if (poll(fds, n, (int)(wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS)) < 0 &&
		    errno != EINTR)
			return err_set(e, err_errno(errno), NULL, "poll: %s", strerror(errno));
		conns_serve(&w->conns, fds, w->follow);
	}
	return 0;
}

/* ---- the verb ---- */

static int options(struct follower *w, const struct args *a, struct err *e)
{
	const char *network = args_str(a, "network");
	int r = report_ledger_dir(a, &w->ledger_dir, e);

	if (r < 0)
		return r;
	w->network = network_find(network ? network : "bitcoin");
	if (!w->network)
		return err_set(e, ERR_INVAL, "network", "%s is not a network", network);
	w->once = args_flag(a, "once");
	w->cluster = args_flag(a, "cluster");
	w->import = (struct ledger_import_options){
		.network = w->network->name, .first_height = -1, .ignore_undo = true};
	return args_u64(a, "memory", LEDGER_MEMORY_MIN, UINT64_C(1) << 50, &w->import.memory_bytes,
			e);
}

static int rpc_start(struct follower *w, const struct args *a, struct err *e)
{
	struct rpc_options o = {.url = args_str(a, "rpc"),
				.cookie = args_str(a, "cookie"),
				.ca = args_str(a, "rpc-ca")};
	const char *endpoint;

	if (!o.url)
		return args_str(a, "zmq") ? err_set(e, ERR_INVAL, "zmq", "--zmq goes with --rpc")
					  : 0;
	for (int i = 0; (endpoint = args_nth(a, "zmq", i)); i++) {
		if (o.zmq_n == RPC_ZMQ_MAX)
			return err_set(e, ERR_OVERSIZE, "zmq", "at most %d", RPC_ZMQ_MAX);
		o.zmq[o.zmq_n++] = endpoint;
	}
	w->zmq_n = o.zmq_n;
	return rpc_open(&o, &w->rpc, e);
}

static int sources_start(struct follower *w, const struct args *a, struct err *e)
{
	const char *peer;
	int r = rpc_start(w, a, e);

	for (int i = 0; r == 0 && (peer = args_nth(a, "peer", i)); i++)
		r = conns_add(&w->conns, w->network, peer, e);
	if (r == 0 && (w->conns.n > 0) == (w->rpc != NULL))
		r = err_set(e, ERR_INVAL, "peer",
			    "From whom? Give either --peer HOST:PORT or --rpc URL.");
	return r;
}

static int start(struct follower *w, const struct args *a, struct err *e)
{
	const struct follow_options opt = {.pool = true, .trusted = args_str(a, "rpc") != NULL};
	int r = sources_start(w, a, e);

	if (r == 0)
		r = follow_new(w->network, &w->env, &opt, &w->follow, e);
	if (r == 0)
		r = blkdir_open(&w->blkdir, args_str(a, "blocks"), w->network, e);
	if (r == 0)
		r = blkdir_load(&w->blkdir, w->follow, e);
	for (unsigned i = 0; r >= 0 && i < w->conns.n; i++)
		r = follow_peer_add(w->follow);
	if (r < 0)
		return r;
	w->has_imported = ledger_tip(w, &w->imported) == 0;
	r = watch_start(w, a, e);
	return r == 0 && w->has_imported ? watch_step(w, false, e) : r;
}

static int run_follow(struct lug *l, const struct args *a, struct err *e)
{
	static struct follower w; /* large, one of it */
	const struct sigaction stop = {.sa_handler = on_stop};
	struct err unused;
	int r = crypto_start();

	e = e ? e : &unused;
	w.l = l;
	w.blkdir = (struct blkdir)BLKDIR_EMPTY;
	w.env = (struct follow_env){.ctx = &w,
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
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	log_open("lug", LOG_INFO, getenv("JOURNAL_STREAM") != NULL);
	r = r < 0 ? err_set(e, r, "crypto", NULL) : options(&w, a, e);
	if (r == 0)
		r = start(&w, a, e);
	if (r == 0)
		r = loop(&w, e);
	if (l->json && r == 0)
		r = lug_print_json_end(e);
	if (w.follow && w.ledger_dir)
		state_tell(&w, "ended");
	watch_close(w.watch);
	ledger_close(w.view);
	store_close(w.store);
	follow_free(w.follow);
	blkdir_close(&w.blkdir);
	conns_done(&w.conns);
	rpc_close(w.rpc);
	return r;
}

const struct verb verb_ledger_follow = {
	.name = "ledger follow",
	.args = "",
	.summary = "keep a ledger at the tip of its chain, from nodes that you name",
	.doc = "Takes headers, blocks and unconfirmed transactions from the peers (or from one node of your own by RPC), checks each header's work and difficulty, writes the "
	       "blocks into a folder of its own, and brings the ledger to the best chain after each block, through "
	       "reorganisations of any depth. Readers go on meanwhile with what they have open. It ends on SIGINT or SIGTERM and may be "
	       "killed at any moment: the same command goes on.\n\n"
	       "A peer that lies, stalls or floods is left, for an hour and longer when it broke the rules; standard error says why. "
	       "LEDGER/follow/state.json says how it stands. "
	       "With --alert, what is watched is matched against each new block and unconfirmed transaction: see lug watch. "
	       "With --json each step of the ledger is one value of an array.",
	.examples =
		"lug ledger follow --ledger /data/ledger --blocks /data/blocks --peer 10.0.0.2 --peer 10.0.0.3\n"
		"# from two nodes of your own\n"
		"lug ledger follow --ledger /data/ledger --blocks /data/blocks --peer 10.0.0.2 --once\n"
		"# to the tip, then end\n"
		"lug ledger follow --ledger /data/ledger --blocks /data/blocks --rpc http://127.0.0.1:8332 --cookie ~/.bitcoin/.cookie --zmq tcp://127.0.0.1:28332\n"
		"# from the node on this machine",
	.opts =
		(const struct opt[]){
			{"ledger", "DIR",
			 "the ledger's folder, made if missing (default: LUG_LEDGER)", false,
			 false},
			{"blocks", "DIR",
			 "folder for the blocks, made if missing; never a node's own", true, false},
			{"peer", "HOST:PORT",
			 "a node to ask; may be repeated (port: the network's usual one)", false,
			 true},
			{"network", "NAME",
			 "bitcoin, testnet3, testnet4, signet, regtest; by RPC also litecoin, bitcoin-cash (default bitcoin)",
			 false, false},
			{"rpc", "URL",
			 "instead of peers: a node whose word is taken, http://HOST:PORT", false,
			 false},
			{"cookie", "FILE", "with --rpc: USER:PASSWORD, as the node's .cookie",
			 false, false},
			{"rpc-ca", "FILE", "with --rpc: certificate of an https node", false,
			 false},
			{"zmq", "ENDPOINT",
			 "with --rpc: where the node publishes hashblock, rawtx or sequence; may be repeated",
			 false, true},
			{"memory", "BYTES", "most that the import may take (default 2G)", false,
			 false},
			{"alert", NULL, "watch what `lug watch add` named, and raise alerts", false,
			 false},
			WATCH_STORE_OPT,
			{"cluster", NULL, "make the entities (multi-input) of each new tip", false,
			 false},
			{"once", NULL, "end when in step with all peers", false, false},
			{0}},
	.run = run_follow,
};
