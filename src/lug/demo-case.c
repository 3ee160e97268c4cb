/* SPDX-License-Identifier: Apache-2.0
 * The demo's case: a report, the trace, a freeze with four eyes, its receipts and the answer. */
#include "base/time.h"
#include "lug/demo-play.h"

const json_t *item_of(const json_t *list, const char *member, const char *text)
{
	size_t i;
	json_t *f;
	json_array_foreach (list, i, f)
		if (strcmp(demo_str(f, member), text) == 0)
			return f;
	return NULL;
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

int play_report(struct play *p, struct err *e)
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
	if (!item_of(findings, "text", txid))
		return demo_end(d,
				err_set(e, -ERR_NOENT, "extract",
					"the transaction was not found in the report"),
				0, e, "%s", "");
	snprintf(p->victim_tx, sizeof(p->victim_tx), "%s", txid);
	if (p->real)
		return demo_end(d, 0, sizeof(real_report_text), e, "transaction found");
	const json_t *typo = item_of(findings, "text", demo_str(victim, "mistyped_address"));
	const json_t *address = item_of(findings, "text", demo_str(victim, "address"));
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
	json_array_foreach (assets, i, a) {
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

int play_trace(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	json_t *trace = NULL;
	const json_t *victim = demo_get(p->scenario, "victims.0");
	const char *seed = p->real ? p->victim_tx : demo_str(victim, "outpoint");
	demo_begin(d, "follow the victim's money through the chain (haircut)");
	int r = demo_lug(d,
			 (const char *[]){"trace", seed, "--ledger", demo_path(d, "ledger"),
					  "--policy", "haircut", "--limit", "100000", NULL},
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

int request_new(struct play *p, const char *type, const char *class, enum demo_node_id to,
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

int play_draft(struct play *p, struct err *e)
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

int play_four_eyes(struct play *p, struct err *e)
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
int play_send(struct play *p, struct err *e)
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

static uint64_t held_part(const struct play *p)
{
	uint64_t v = demo_u64(p->deposit, "amount");
	return v - v / 5;
}

int play_answer(struct play *p, struct err *e)
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

int play_answered(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(d, "Rome sees the outcome");
	int r = demo_wait(d, DELIVER_MS, is_answered, p, e);
	return demo_end(d, r, 0, e,
			"state ANSWERED on both nodes, each step with its entry in the audit log");
}
