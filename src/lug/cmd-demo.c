/* SPDX-License-Identifier: Apache-2.0
 * lug demo: the main job, played between three nodes on this machine. Each step is one function and one line of the report.
 *
 * Everything is done by the programs that people use: chaingen makes the chain, lug imports, traces and speaks to the nodes,
 * three lugd with their lug-keyd exchange parcels over pinned TLS on loopback. Nothing here knows what the answer will be but
 * for the generator's truth, against which the trace is checked. */
#include "base/file.h"
#include "base/time.h"
#include "lug/demo.h"
#include <signal.h>
#include <sys/stat.h>

enum { PLAY_STEPS_MAX = 32, DELIVER_MS = 30000, FLASH_MS = 1000, HOLD_DAYS = 7 };

/* Officers of each node: who drafts and answers, and who approves. */
#define OFFICER "duty-officer"
#define APPROVER "head-of-unit"

struct play {
	struct demo d;
	const char *real; /* --real: a folder of block files */
	const json_t *scenario, *trace;
	const json_t *deposit; /* the asset block that the freeze is about */
	const char *governor[DEMO_NODES],
		*identity[DEMO_NODES]; /* public parts of the offline keys */
	char from_txid[65]; /* --from: the transaction that the report names, in a real chain */
	char victim_tx[80], freeze[64], freeze_hash[80], trace_id[64];
	int64_t approved_ms; /* when the second officer agreed, monotonic */
};

typedef int play_step(struct play *p, struct err *e);

static const char *node_name(const struct play *p, enum demo_node_id n)
{
	return p->d.node[n].name;
}

/* ---- the chain ---- */

static int64_t folder_bytes(const char *path)
{
	char file[4200];
	struct stat st;
	int64_t bytes = 0;
	for (int i = 0; i < 100000; i++) {
		snprintf(file, sizeof(file), "%s/blk%05d.dat", path, i);
		if (stat(file, &st) < 0)
			break;
		bytes += st.st_size;
	}
	return bytes;
}

static int step_chain(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	struct buf text;
	json_t *j = NULL;
	demo_begin(
		d,
		"make a chain with a crime in it: victims pay, peel chain, mixer, split, two exchanges");
	const char *argv[] = {
		"--out", demo_path(d, "chain"), "--scenario", "ransom", "--seed", "1", "--quiet",
		NULL};
	int r = demo_run(d, "chaingen", argv, NULL, e);
	buf_init(&text, DEMO_OUT_MAX);
	if (r == 0)
		r = file_read(demo_path(d, "chain/scenario.json"), &text, e);
	if (r == 0)
		r = json_parse(text.p, text.len, &j, e);
	buf_done(&text);
	if (r == 0 && json_array_append_new(d->answers, j) < 0)
		r = -ERR_NOMEM;
	p->scenario = r == 0 ? j : NULL;
	return demo_end(d, r, (uint64_t)folder_bytes(demo_path(d, "chain/blocks")), e,
			"tip %.16s... at height %lld, the truth beside it", demo_str(j, "tip"),
			(long long)json_integer_value(demo_get(j, "height")));
}

static int step_import(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	const char *blocks = p->real ? p->real : demo_path(d, "chain/blocks");
	const char *ledger = demo_path(d, "ledger");
	json_t *info = NULL;
	demo_begin(d, "import the chain into a ledger, and verify it");
	int r = demo_lug(d, (const char *[]){"ledger", "import", blocks, "--ledger", ledger, NULL},
			 NULL, e);
	if (r == 0)
		r = demo_lug(d, (const char *[]){"ledger", "verify", "--ledger", ledger, NULL},
			     NULL, e);
	if (r == 0)
		r = demo_lug(d, (const char *[]){"ledger", "info", "--ledger", ledger, NULL}, &info,
			     e);
	return demo_end(d, r, (uint64_t)folder_bytes(blocks), e,
			"each column recomputed: height %lld, tip %.16s...",
			(long long)json_integer_value(demo_get(info, "height")),
			demo_str(info, "tip"));
}

static int step_labels(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	json_t *j = NULL;
	demo_begin(d, "load who owns which address (a TagPack)");
	int r = demo_lug(d,
			 (const char *[]){"ledger", "labels", "import",
					  demo_path(d, "chain/labels.yaml"), "--ledger",
					  demo_path(d, "ledger"), NULL},
			 &j, e);
	return demo_end(d, r, 0, e, "%lld labels, %lld in quarantine",
			(long long)json_integer_value(demo_get(j, "0.labels")),
			(long long)json_integer_value(demo_get(j, "0.quarantined")));
}

/* ---- the network ---- */

static const char *offline_key(struct play *p, const char *kind, enum demo_node_id n)
{
	return demo_path(&p->d, "offline/%s-%s.key", node_name(p, n), kind);
}

static int keygen(struct play *p, const char *kind, enum demo_node_id n, const char **ret_public,
		  struct err *e)
{
	struct demo *d = &p->d;
	json_t *j = NULL;
	const char *name = arena_printf(&d->arena, "%s%c%s", node_name(p, n),
					kind[0] == 'i' ? '/' : '-', kind);
	int r = demo_lug(d,
			 (const char *[]){"network", "keygen", offline_key(p, kind, n), "--name",
					  name, NULL},
			 &j, e);
	if (r == 0)
		*ret_public = demo_str(j, "public");
	return r;
}

static int node_init(struct play *p, enum demo_node_id n, struct err *e)
{
	struct demo *d = &p->d;
	const struct demo_node *node = &d->node[n];
	const char *listen = arena_printf(&d->arena, "127.0.0.1:%d", node->port);
	int r = demo_lug(d,
			 (const char *[]){"init", node->dir, "--name", node->name, "--listen",
					  listen, "--officer-id", OFFICER, "--roles",
					  "duty,officer,approver,admin", "--shared-uid", NULL},
			 NULL, e);
	if (r == 0)
		r = keygen(p, "governor", n, &p->governor[n], e);
	if (r == 0)
		r = keygen(p, "identity", n, &p->identity[n], e);
	return r;
}

static int step_init(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(d,
		   "make the nodes of Italy, France and Japan, each with its own keys in lug-keyd");
	int r = file_mkdirs(demo_path(d, "offline"), 0700, e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = node_init(p, (enum demo_node_id)i, e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_start(d, (enum demo_node_id)i, e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_as(
			d, (enum demo_node_id)i, OFFICER,
			(const char *[]){"officer", "set", APPROVER, "--roles", "approver", NULL},
			NULL, e);
	return demo_end(
		d, r, 0, e,
		"three lugd answer on their sockets; governance and identity keys stay offline");
}

static int sign_note(struct play *p, const char *note, const char *key, struct err *e)
{
	return demo_lug(&p->d, (const char *[]){"network", "sign", note, "--key", key, NULL}, NULL,
			e);
}

static int members_draft(struct play *p, const char *note, struct err *e)
{
	struct demo *d = &p->d;
	const char *argv[DEMO_ARGS_MAX] = {"network", "draft", "--threshold", "2", "--out", note};
	int k = 6;
	for (int i = 0; i < DEMO_NODES; i++) {
		enum demo_node_id n = (enum demo_node_id)i;
		argv[k++] = "--governor";
		argv[k++] = p->governor[n];
		argv[k++] = "--member";
		argv[k++] = arena_printf(&d->arena, "%s,%s,police,%s", node_name(p, n),
					 d->node[i].country, p->identity[n]);
	}
	return demo_lug(d, argv, NULL, e);
}

static int step_network(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	const char *note = demo_path(d, "members.note");
	struct err refused = {0};
	demo_begin(d, "form the network: a members note under 2-of-3 governance");
	int r = members_draft(p, note, e);
	if (r == 0)
		r = sign_note(p, note, offline_key(p, "governor", DEMO_IT), e);
	/* One signature of two must not do. */
	if (r == 0 &&
	    demo_as(d, DEMO_JP, OFFICER, (const char *[]){"network", "install", note, NULL}, NULL,
		    &refused) != -ERR_SIGNATURE)
		r = err_set(e, -ERR_STALE, "members",
			    "a members note with one signature was not refused as it should be: %s",
			    refused.message);
	if (r == 0)
		r = sign_note(p, note, offline_key(p, "governor", DEMO_FR), e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_as(d, (enum demo_node_id)i, OFFICER,
			    (const char *[]){"network", "install", note, NULL}, NULL, e);
	return demo_end(d, r, 0, e, "refused with one signature, installed with two");
}

static int node_note(struct play *p, enum demo_node_id n, struct err *e)
{
	struct demo *d = &p->d;
	const struct demo_node *node = &d->node[n];
	const char *note = demo_path(d, "%s.note", node->name);
	int r = demo_as(
		d, n, OFFICER,
		(const char *[]){
			"member", "note", "--endpoint",
			arena_printf(&d->arena, "https://127.0.0.1:%d", node->port), "--language",
			n == DEMO_IT   ? "it"
			: n == DEMO_FR ? "fr"
				       : "ja",
			"--language", "en", "--power", "freeze", "--power", "trace", "--power",
			"information", "--contact",
			arena_printf(&d->arena, "duty officer %s,+00 000 00%d", node->city, (int)n),
			"--out", note, NULL},
		NULL, e);
	return r < 0 ? r : sign_note(p, note, offline_key(p, "identity", n), e);
}

static int step_notes(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(
		d,
		"publish the node notes: endpoints, TLS pins, keys, powers, each signed by its agency");
	int r = 0;
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = node_note(p, (enum demo_node_id)i, e);
	for (int i = 0; r == 0 && i < DEMO_NODES * DEMO_NODES; i++)
		r = demo_as(d, (enum demo_node_id)(i / DEMO_NODES), OFFICER,
			    (const char *[]){
				    "network", "install",
				    demo_path(d, "%s.note",
					      node_name(p, (enum demo_node_id)(i % DEMO_NODES))),
				    NULL},
			    NULL, e);
	return demo_end(d, r, 0, e, "every node holds the notes of all three");
}

/* ---- the report and the trace ---- */

/* What a person would write: two languages of habit, a mistyped address, the right one, a phone number that is none of it. */
static const char report_text[] =
	"Denuncia presentata alla Polizia Postale, Roma\n\n"
	"La notte scorsa i computer dello studio sono stati bloccati e ci hanno chiesto un riscatto in bitcoin. "
	"Abbiamo pagato; poi hanno chiesto ancora. Prima avevo copiato male l'indirizzo (%s), "
	"quello giusto \xc3\xa8 questo: %s. L'operazione risulta con il numero\n%s\n"
	"Il mio telefono \xc3\xa8 06 0000 0000, pratica n. 2026/000114. Vi prego di fare presto.\n";

static const char real_report_text[] =
	"Denuncia presentata alla Polizia Postale, Roma\n\nIl pagamento risulta con il numero\n%s\nVi prego di fare presto.\n";

static int save_report(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	const json_t *victim = demo_get(p->scenario, "victims.0");
	const char *text =
		p->real ? arena_printf(&d->arena, real_report_text, p->from_txid)
			: arena_printf(&d->arena, report_text, demo_str(victim, "mistyped_address"),
				       demo_str(victim, "address"), demo_str(victim, "txid"));
	return text ? demo_save(d, "report.txt", text, e) : -ERR_NOMEM;
}

/* The finding whose member is this text; NULL if none. */
static const json_t *finding_of(const json_t *findings, const char *member, const char *text)
{
	size_t i;
	json_t *f;
	json_array_foreach(findings, i, f) if (strcmp(demo_str(f, member), text) == 0) return f;
	return NULL;
}

static int step_report(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	const json_t *victim = demo_get(p->scenario, "victims.0");
	json_t *found = NULL;
	demo_begin(d, "a victim reports in Italian: find the addresses in the text");
	int r = save_report(p, e);
	if (r == 0)
		r = demo_lug(d, (const char *[]){"extract", demo_path(d, "report.txt"), NULL},
			     &found, e);
	if (r < 0)
		return demo_end(d, r, 0, e, "%s", "");
	const json_t *findings = demo_get(found, "files.0.items");
	const char *txid = p->real ? p->from_txid : demo_str(victim, "txid");
	if (!finding_of(findings, "text", txid))
		return demo_end(d,
				err_set(e, -ERR_NOENT, "extract",
					"the transaction was not found in the report"),
				0, e, "%s", "");
	snprintf(p->victim_tx, sizeof(p->victim_tx), "%s", txid);
	if (p->real)
		return demo_end(d, 0, sizeof(real_report_text), e, "transaction found");
	const json_t *typo = finding_of(findings, "text", demo_str(victim, "mistyped_address"));
	const json_t *address = finding_of(findings, "text", demo_str(victim, "address"));
	if (strcmp(demo_str(address, "kind"), "address") != 0 ||
	    strcmp(demo_str(typo, "kind"), "look-alike") != 0 ||
	    strcmp(demo_str(typo, "suggestions.0.text"), demo_str(victim, "address")) != 0)
		return demo_end(d,
				err_set(e, -ERR_NOENT, "extract",
					"the address or its mistyped form was not found"),
				0, e, "%s", "");
	return demo_end(d, 0, strlen(report_text), e,
			"checksums: one address right, one mistyped and the likely one named");
}

/* The reached output that is a deposit still held in France; of a real chain, the largest one that is unspent. */
static const json_t *pick_deposit(const struct play *p)
{
	const json_t *assets = demo_get(p->trace, "request_assets"), *best = NULL;
	const char *want = p->real ? NULL : demo_str(demo_get(p->scenario, "deposits.1"), "txid");
	uint64_t most = 0;
	size_t i;
	json_t *a;
	json_array_foreach(assets, i, a)
	{
		uint64_t v = demo_u64(a, "amount");
		if (want && strcmp(demo_str(a, "txid"), want) == 0)
			return a;
		if (!want && v > most) {
			most = v;
			best = a;
		}
	}
	return best;
}

static int step_trace(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	json_t *trace = NULL;
	const json_t *victim = demo_get(p->scenario, "victims.0");
	const char *seed = p->real ? p->victim_tx : demo_str(victim, "outpoint");
	demo_begin(d, "follow the victim's money through the chain (haircut)");
	int r = demo_lug(d,
			 (const char *[]){"trace", seed, "--ledger", demo_path(d, "ledger"),
					  "--policy", "haircut", NULL},
			 &trace, e);
	if (r < 0)
		return demo_end(d, r, 0, e, "%s", "");
	p->trace = trace;
	p->deposit = pick_deposit(p);
	if (!p->deposit)
		return demo_end(
			d, err_set(e, -ERR_NOENT, "trace", "the trace did not reach the deposit"),
			0, e, "%s", "");
	const char *truth =
		demo_str(demo_get(p->scenario, "deposits.1"), "tainted_sat.victim-1.haircut");
	if (!p->real && strcmp(truth, demo_str(p->deposit, "amount")) != 0)
		return demo_end(d,
				err_set(e, -ERR_CORRUPT, "trace",
					"the deposit's taint is %s, the generator knows %s",
					demo_str(p->deposit, "amount"), truth),
				0, e, "%s", "");
	return demo_end(d, 0, 0, e, "deposit of %s sat%s; what went in equals what came out",
			demo_str(p->deposit, "amount"),
			p->real ? "" : " at an exchange in France, exactly as the generator knows");
}

/* ---- the freeze ---- */

static int request_new(struct play *p, const char *type, const char *class, enum demo_node_id to,
		       const char *assets, json_t **ret, struct err *e)
{
	return demo_as(&p->d, DEMO_IT, OFFICER,
		       (const char *[]){"request",
					"new",
					"--type",
					type,
					"--class",
					class,
					"--to",
					node_name(p, to),
					"--case",
					"RM 2026/000114",
					"--authority",
					"Polizia Postale",
					"--unit",
					"duty desk, Rome",
					"--country",
					"IT",
					"--offence",
					"ransomware",
					"--offence-text",
					"art. 629 c.p.",
					"--facts",
					demo_path(&p->d, "report.txt"),
					"--language",
					"it",
					"--link",
					"proceeds of the ransom, traced to this output",
					"--necessity",
					"can be withdrawn within minutes",
					"--assets",
					assets,
					NULL},
		       ret, e);
}

static int step_draft(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	json_t *j = NULL;
	demo_begin(d, "Rome drafts a FLASH FREEZE to France");
	_cleanup_(freep) char *text = json_dumps(p->deposit, JSON_COMPACT);
	const char *list = text ? arena_printf(&d->arena, "[%s]", text) : NULL;
	int r = list ? demo_save(d, "assets.json", list, e) : -ERR_NOMEM;
	if (r == 0)
		r = request_new(p, "FREEZE", "FLASH", DEMO_FR, demo_path(d, "assets.json"), &j, e);
	snprintf(p->freeze, sizeof(p->freeze), "%s", demo_str(j, "id"));
	snprintf(p->freeze_hash, sizeof(p->freeze_hash), "%s", demo_str(j, "content_sha256"));
	if (r == 0 && strcmp(demo_str(j, "state"), "APPROVAL") != 0)
		r = err_set(e, -ERR_TRANSITION, "state",
			    "the freeze does not wait for approval but is %s",
			    demo_str(j, "state"));
	return demo_end(d, r, 0, e, "waits for a second person; content %.16s...", p->freeze_hash);
}

static int approve(struct play *p, const char *officer, struct err *e)
{
	return demo_as(
		&p->d, DEMO_IT, officer,
		(const char *[]){"request", "approve", p->freeze, "--hash", p->freeze_hash, NULL},
		NULL, e);
}

static int step_four_eyes(struct play *p, struct err *e)
{
	struct err refused = {0};
	demo_begin(&p->d, "the same officer tries to approve it");
	int r = approve(p, OFFICER, &refused);
	bool right = r == -ERR_FOUR_EYES;
	r = right ? 0
		  : err_set(e, -ERR_STALE, "approve", "it was not refused as it should be: %s",
			    refused.message);
	return demo_end(&p->d, r, 0, e, "refused: %s", refused.message);
}

static int is_delivered(struct demo *d, void *arg, struct err *e)
{
	struct play *p = arg;
	json_t *j = NULL;
	int r = demo_as(d, DEMO_IT, OFFICER, (const char *[]){"request", "show", p->freeze, NULL},
			&j, e);
	return r < 0 ? r : strcmp(demo_str(j, "state"), "SENT") != 0 && demo_str(j, "state")[0];
}

/* From the two nodes' own records: when the second officer agreed, and when the receiver signed R2. */
static int step_send(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(
		d,
		"the second officer approves the very content that was shown: signed, encrypted, sent, received");
	int r = approve(p, APPROVER, e);
	int64_t start = time_mono_ms();
	if (r == 0)
		r = demo_wait(d, DELIVER_MS, is_delivered, p, e);
	int64_t took = time_mono_ms() - start;
	if (r == 0 && took > FLASH_MS && p->d.crash_at < 0)
		r = err_set(
			e, -ERR_TIMEDOUT, "flash",
			"FLASH took %lld ms to the receiver's signed acceptance, %d are allowed",
			(long long)took, FLASH_MS);
	return demo_end(d, r, 0, e,
			"receipt R2 signed by France, seen here %lld ms after the approval",
			(long long)took);
}

static int step_ack(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	json_t *j = NULL;
	demo_begin(d, "Paris: it rings, the duty officer reads it and acknowledges");
	int r = demo_as(d, DEMO_FR, OFFICER,
			(const char *[]){"request", "list", "--direction", "in", NULL}, &j, e);
	if (r == 0 && !finding_of(demo_get(j, "requests"), "id", p->freeze))
		r = err_set(e, -ERR_NOENT, "list", "the request is not on the desk in Paris");
	if (r == 0)
		r = demo_as(d, DEMO_FR, OFFICER,
			    (const char *[]){"request", "ack", p->freeze, NULL}, NULL, e);
	return demo_end(
		d, r, 0, e,
		"receipt R3: a human has it; the clock of the acknowledgement stops on both sides");
}

static uint64_t held_part(const struct play *p)
{
	uint64_t v = demo_u64(p->deposit, "amount");
	return v - v / 5;
}

static int step_answer(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	char expiry[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
	int64_t now_s = time_now_ms() / 1000;
	time_utc(now_s + HOLD_DAYS * 86400, expiry);
	time_utc(now_s, now);
	const char *held = arena_printf(&d->arena, "0=%llu", (unsigned long long)held_part(p));
	demo_begin(
		d,
		"Paris: the exchange holds part of it; the answer states what, since when and until when");
	int r = demo_as(d, DEMO_FR, OFFICER, (const char *[]){"request", "accept", p->freeze, NULL},
			NULL, e);
	if (r == 0)
		r = demo_as(d, DEMO_FR, OFFICER,
			    (const char *[]){"request", "answer", p->freeze, "--measure",
					     "voluntary-hold", "--held", held, "--effective", now,
					     "--expires", expiry, "--text",
					     "Held in part; the rest had left before.", NULL},
			    NULL, e);
	return demo_end(d, r, 0, e, "receipt R4: %llu sat held until %s",
			(unsigned long long)held_part(p), expiry);
}

static int is_answered(struct demo *d, void *arg, struct err *e)
{
	struct play *p = arg;
	json_t *j = NULL;
	int r = demo_as(d, DEMO_IT, OFFICER, (const char *[]){"request", "show", p->freeze, NULL},
			&j, e);
	return r < 0 ? r : strcmp(demo_str(j, "state"), "ANSWERED") == 0;
}

static int step_answered(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(d, "Rome sees the outcome");
	int r = demo_wait(d, DELIVER_MS, is_answered, p, e);
	return demo_end(d, r, 0, e,
			"state ANSWERED on both nodes, each step with its entry in the audit log");
}

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
	if (r < 0 || !finding_of(demo_get(j, "requests"), "id", p->trace_id))
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
		demo_str(finding_of(demo_get(status, "keyd.keys"), "kind", "log"), "verifier");
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
		step_chain,  step_import,   step_labels,  step_init,	  step_network, step_notes,
		step_report, step_trace,    step_draft,	  step_four_eyes, step_send,	step_ack,
		step_answer, step_answered, step_offline, step_back,	  step_audit};
	static play_step *const real_skips[] = {step_chain, step_labels};
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

/* --keep: the audit step has stopped the nodes; start them once more. */
static int keep_running(struct play *p, struct err *e)
{
	int r = 0;
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_start(&p->d, (enum demo_node_id)i, e);
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
	if (r == 0 && p.d.keep && (r = keep_running(&p, e)) == 0 && !l->json)
		print_kept(&p);
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
