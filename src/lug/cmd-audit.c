/* SPDX-License-Identifier: Apache-2.0
 * lug audit: verify, prove, export and repair an audit log. Nothing here needs a running node; all but adopt only read. */
#include "audit/audit.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "lug/case-report.h"
#include "lug/lug.h"
#include "store/store.h"
#include <limits.h>
#include <sys/stat.h>

#define LOG_HELP "folder of the log (default: audit in the folder of the node, LUG_NODE)"
#define KEY_HELP "the log's verifier key, or a file that holds it"

/* ---- what the verbs share ---- */

static bool has_checkpoint(const char *dir, const char *below)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s%s/checkpoint", dir, below);
	return n > 0 && n < PATH_MAX && access(path, F_OK) == 0;
}

/* Said before anything is opened: what is missing is the log, not the file that would be read first. */
static int is_log(const char *dir, struct err *e)
{
	struct stat st;
	if (has_checkpoint(dir, ""))
		return 0;
	if (stat(dir, &st) < 0)
		return err_set(e, err_errno(errno), "log", "%s: %s", dir, strerror(errno));
	if (has_checkpoint(dir, "/audit"))
		return err_set(e, ERR_NOENT, "log", "%s is no audit log, but %s/audit is.", dir,
			       dir);
	return err_set(
		e, ERR_NOENT, "log",
		"%s is no audit log: it has no checkpoint. A node keeps its log in the folder audit.",
		dir);
}

/* The folder: as given, or the node's own. */
static int log_dir(const char *given, char out[static PATH_MAX], struct err *e)
{
	const char *node = getenv("LUG_NODE");
	if (!given && !(node && *node))
		return err_set(e, ERR_INVAL, "log", "Which log? Give its folder, or set LUG_NODE.");
	int n = given ? snprintf(out, PATH_MAX, "%s", given)
		      : snprintf(out, PATH_MAX, "%s/audit", node);
	if (n < 0 || n >= PATH_MAX)
		return err_set(e, ERR_OVERSIZE, "log", "The folder's path is too long.");
	return is_log(out, e);
}

/* A verifier key from an option: itself, or the name of a file. */
static int read_key(const char *given, struct note_verifier *ret_key, struct err *e)
{
	struct buf b;
	int r = crypto_start();
	if (r < 0)
		return err_set(e, r, "crypto", NULL);
	if (strchr(given, '+'))
		return note_verifier_parse(given, strlen(given), ret_key, e);
	buf_init(&b, 4 * NOTE_VKEY_MAX);
	r = file_read(given, &b, e);
	if (r == 0)
		r = note_verifier_parse(buf_cstr(&b), strcspn(buf_cstr(&b), "\n"), ret_key, e);
	buf_done(&b);
	return r;
}

/* ret_key stays NULL when no key was given. */
static int opt_key(const struct args *a, struct note_verifier *key,
		   const struct note_verifier **ret_key, struct err *e)
{
	const char *given = args_str(a, "key");
	if (!given)
		return 0;
	int r = read_key(given, key, e);
	if (r == 0)
		*ret_key = key;
	return r;
}

static int open_store(const struct args *a, bool read_only, struct store **ret_store, struct err *e)
{
	int r = crypto_start();
	if (r < 0)
		return err_set(e, r, "crypto", NULL);
	const struct store_options o = {.read_only = read_only};
	const char *path = args_str(a, "store");
	struct stat st;
	if (!store_is_file(path))
		return store_open(path, &o, ret_store, e);
	if (stat(path, &st) < 0)
		return err_set(e, err_errno(errno), "store", "cannot open %s: %s", path,
			       strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_NOENT, "store",
			       "%s is no file; a node's store is %s/store.db", path, path);
	return store_open(path, &o, ret_store, e);
}

static void show_progress(void *ctx, uint64_t done, uint64_t all)
{
	struct progress *p = ctx;
	p->total = all;
	progress_at(p, done, NULL);
}

static json_t *report_json(const struct audit_report *r)
{
	char root[BASE64_LEN(32) + 1], first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];
	base64_encode(BASE64_PADDED, r->head.root32, 32, root);
	return json_pack("{s:s, s:o, s:o, s:s, s:b, s:s, s:s}", "origin", r->head.origin, "entries",
			 json_u64(r->entries), "tiles", json_u64(r->tiles), "root", root,
			 "signature_checked", r->signature_checked, "first",
			 time_utc(r->first_s, first), "last", time_utc(r->last_s, last));
}

static int print_report(const struct lug *l, const struct audit_report *r, const char *done,
			struct err *e)
{
	char root[BASE64_LEN(32) + 1], utc[TIME_TEXT_MAX];
	char first[TIME_BOTH_MAX], last[TIME_BOTH_MAX];
	if (l->json)
		return lug_print_json(report_json(r), e);
	base64_encode(BASE64_PADDED, r->head.root32, 32, root);
	printf("%sok%s  %s: %llu entries in %llu files %s\n", color(l, COLOR_GOOD),
	       color(l, COLOR_OFF), r->head.origin, (unsigned long long)r->entries,
	       (unsigned long long)r->tiles, done);
	printf("    %s to", time_both(time_utc(r->first_s, utc), first));
	printf(" %s\n    root %s\n", time_both(time_utc(r->last_s, utc), last), root);
	if (!r->signature_checked)
		printf("    %sthe signature was not checked%s: give the log's key with --key\n",
		       color(l, COLOR_WARN), color(l, COLOR_OFF));
	return 0;
}

/* ---- verify ---- */

static int run_verify(struct lug *l, const struct args *a, struct err *e)
{
	char dir[PATH_MAX];
	struct note_verifier key;
	const struct note_verifier *with = NULL;
	struct audit_report report;
	struct progress bar;
	struct stat st;
	if (args_pos(a, 0) && stat(args_pos(a, 0), &st) == 0 && S_ISREG(st.st_mode))
		return case_report_run(l, a, args_pos(a, 0), e);
	int r = log_dir(args_pos(a, 0), dir, e);
	if (r == 0)
		r = opt_key(a, &key, &with, e);
	if (r < 0)
		return r;
	progress_start(&bar, l, "verify", "entries", 0);
	r = audit_verify(dir, with, show_progress, &bar, &report, e);
	progress_end(&bar);
	return r < 0 ? r : print_report(l, &report, "re-hashed", e);
}

const struct verb verb_audit_verify = {
	.name = "audit verify",
	.args = "[DIR|FILE]",
	.args_max = 1,
	.summary = "re-hash an audit log, or check a case file, offline",
	.doc = "Reads every entry and every tile in the folder and compares them with the checkpoint. Works offline, without a store "
	       "and without keys; nothing is written. With --key the checkpoint's signature is checked too: take the key from the "
	       "member's node note, not from the folder. The first byte that does not fit is reported with its file or entry. A FILE that lug "
	       "request export wrote is checked against the governance keys of the network: every message with both signatures, every "
	       "receipt, the keys behind them, and each entry's way to a checkpoint with its countersignatures.",
	.examples =
		"lug audit verify /var/lib/lugdunum/audit --key it.example/audit+9d8a1f0c+AQ...\n"
		"# everything, with the signature\n"
		"lug audit verify --json\n"
		"# of the node in LUG_NODE, for programs\n"
		"lug audit verify 2026-118.case --governor chair.vkey --governor deputy.vkey --witnesses 2\n"
		"# a case file, with nothing else at hand",
	.opts =
		(const struct opt[]){
			{"key", "KEY", KEY_HELP, false, false},
			{"governor", "KEY",
			 "case file: a governance key, or a file that holds it; repeated", false,
			 true},
			{"witnesses", "N",
			 "case file: members that must have countersigned each entry", false,
			 false},
			{0}},
	.run = run_verify,
};

/* ---- prove and verify-proof ---- */

static int write_out(const struct args *a, struct buf *b, struct err *e)
{
	const char *path = args_str(a, "out");
	if (path)
		return file_write(path, b->p, b->len, 0644, e);
	if (fwrite(b->p, 1, b->len, stdout) != b->len)
		return err_set(e, err_errno(errno), NULL, "cannot write the output: %s",
			       strerror(errno));
	return 0;
}

/* The file's name where one was written, the proof itself otherwise. */
static int print_proof_json(const struct args *a, struct buf *b, struct err *e)
{
	const char *path = args_str(a, "out");
	int r = path ? write_out(a, b, e) : 0;
	if (r < 0)
		return r;
	return lug_print_json(
		json_pack("{s:s}", path ? "file" : "proof", path ? path : buf_cstr(b)), e);
}

static int run_prove(struct lug *l, const struct args *a, struct err *e)
{
	char dir[PATH_MAX];
	uint64_t seq = 0;
	struct buf b;
	const char *number = args_pos(a, 0);
	if (dec_parse_u64(number, strlen(number), INT64_MAX, &seq) < 0)
		return err_set(e, ERR_INVAL, "N", "\"%s\" is not the number of an entry.", number);
	int r = log_dir(args_str(a, "log"), dir, e);
	if (r < 0)
		return r;
	buf_init(&b, AUDIT_PROOF_MAX);
	r = audit_prove(dir, seq, &b, e);
	if (r == 0)
		r = l->json ? print_proof_json(a, &b, e) : write_out(a, &b, e);
	buf_done(&b);
	return r;
}

const struct verb verb_audit_prove = {
	.name = "audit prove",
	.args = "N",
	.args_min = 1,
	.args_max = 1,
	.summary = "make a proof that entry N is in the log",
	.doc = "Writes a C2SP tlog-proof: the entry, its number, the hashes from it to the root and the signed checkpoint. Whoever has "
	       "the log's key can check it without the log: with lug audit verify-proof, or with other tools for such proofs.",
	.examples = "lug audit prove 17 --log /var/lib/lugdunum/audit --out 17.tlog-proof\n"
		    "# a file to hand over\n"
		    "lug audit prove 17\n"
		    "# on the screen, from the node in LUG_NODE",
	.opts = (const struct opt[]){{"log", "DIR", LOG_HELP, false, false},
				     {"out", "FILE", "write there (default: standard output)",
				      false, false},
				     {0}},
	.run = run_prove,
};

static int print_proof(const struct lug *l, const struct audit_proof *p, json_t *cosigned,
		       struct err *e)
{
	char time[TIME_TEXT_MAX], commit[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, p->entry.commit32, 32, commit);
	time_utc(p->entry.time_s, time);
	if (l->json)
		return lug_print_json(json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:O}", "seq",
						json_u64(p->entry.seq), "time", time, "type",
						audit_type_name(p->entry.type), "commit", commit,
						"origin", p->head.origin, "size",
						json_u64(p->head.size), "cosigned", cosigned),
				      e);
	printf("%sok%s  entry %llu of %s (%llu entries)\n    %s  %s\n    commit %s\n",
	       color(l, COLOR_GOOD), color(l, COLOR_OFF), (unsigned long long)p->entry.seq,
	       p->head.origin, (unsigned long long)p->head.size, time,
	       audit_type_name(p->entry.type), commit);
	for (size_t n = 0; n < json_array_size(cosigned); n++) {
		const json_t *c = json_array_get(cosigned, n);
		printf("    countersigned by %s at %s\n",
		       json_string_value(json_object_get(c, "witness")),
		       json_string_value(json_object_get(c, "time")));
	}
	return 0;
}

/* Each witness that was named must have countersigned. */
static int check_witnesses(const struct args *a, const struct buf *proof, json_t *list,
			   struct err *e)
{
	char time[TIME_TEXT_MAX];
	const char *given;
	for (int i = 0; (given = args_nth(a, "witness", i)); i++) {
		struct note_verifier key;
		int64_t time_s = 0;
		int r = read_key(given, &key, e);
		if (r == 0)
			r = audit_proof_cosigned(proof->p, proof->len, &key, &time_s, e);
		if (r < 0)
			return r;
		if (json_array_append_new(list, json_pack("{s:s, s:s}", "witness", key.name, "time",
							  time_utc(time_s, time))) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	return 0;
}

static int run_verify_proof(struct lug *l, const struct args *a, struct err *e)
{
	struct note_verifier key;
	struct audit_proof proof;
	struct buf b;
	_cleanup_(json_decrefp) json_t *cosigned = json_array();
	int r = read_key(args_str(a, "key"), &key, e);
	if (r < 0)
		return r;
	buf_init(&b, AUDIT_PROOF_MAX);
	r = file_read(args_pos(a, 0), &b, e);
	if (r == 0)
		r = audit_proof_verify(b.p, b.len, &key, &proof, e);
	if (r == 0)
		r = check_witnesses(a, &b, cosigned, e);
	buf_done(&b);
	return r < 0 ? r : print_proof(l, &proof, cosigned, e);
}

const struct verb verb_audit_verify_proof = {
	.name = "audit verify-proof",
	.args = "FILE",
	.args_min = 1,
	.args_max = 1,
	.summary = "check a proof of an entry, without the log",
	.doc = "Checks that the entry in the file leads to the root that the checkpoint names, and that the checkpoint is signed with "
	       "the log's key; with --witness also that these nodes have countersigned it.",
	.examples = "lug audit verify-proof 17.tlog-proof --key it.example/audit+9d8a1f0c+AQ...\n"
		    "# exit 0 only if everything holds",
	.opts =
		(const struct opt[]){
			{"key", "KEY", KEY_HELP, true, false},
			{"witness", "KEY",
			 "audit-log key of a node that must have countersigned; may be repeated",
			 false, true},
			{0}},
	.run = run_verify_proof,
};

/* ---- export ---- */

/* A bound: the number of an entry, or a time. */
static int parse_bound(const char *name, const char *text, uint64_t *ret_seq, int64_t *ret_s,
		       struct err *e)
{
	if (!text || dec_parse_u64(text, strlen(text), INT64_MAX, ret_seq) == 0 ||
	    time_parse(text, strlen(text), ret_s) == 0)
		return 0;
	return err_set(
		e, ERR_INVAL, name,
		"\"%s\" is neither the number of an entry nor a time like 2026-11-22T10:59:30Z.",
		text);
}

struct export
{
	bool json;
	uint64_t n;
};

static int print_line(void *ctx, const char *text, size_t len, struct err *e)
{
	struct export *x = ctx;
	x->n++;
	if (x->json)
		return lug_print_json_item(text, len - 1, e);
	if (fwrite(text, 1, len, stdout) == len)
		return 0;
	return err_set(e, err_errno(errno), NULL, "cannot write the output: %s", strerror(errno));
}

static int run_export(struct lug *l, const struct args *a, struct err *e)
{
	char dir[PATH_MAX];
	_cleanup_(store_closep) struct store *s = NULL;
	struct audit_range range = audit_range_all;
	int r = log_dir(args_str(a, "log"), dir, e);
	if (r == 0)
		r = parse_bound("from", args_str(a, "from"), &range.from_seq, &range.from_s, e);
	if (r == 0)
		r = parse_bound("to", args_str(a, "to"), &range.to_seq, &range.to_s, e);
	if (r == 0 && args_str(a, "store"))
		r = open_store(a, true, &s, e);
	struct export x = {.json = l->json};
	if (r == 0)
		r = audit_export(s, dir, &range, print_line, &x, NULL, e);
	if (!l->json || (r < 0 && x.n == 0))
		return r;
	int end = lug_print_json_end(r < 0 ? NULL : e);
	return r < 0 ? r : end;
}

const struct verb verb_audit_export = {
	.name = "audit export",
	.args = "",
	.summary = "print entries as JSON, one object a line",
	.doc = "Without --store only what the log holds: number, time, type and commitment. With --store also the event and the salt of "
	       "each entry that was not erased: SHA-256 of the salt's 32 bytes and the event's text is the commitment. Bounds are entry "
	       "numbers or times in UTC, inclusive. With --json the lines are one array.",
	.examples =
		"lug audit export --log /var/lib/lugdunum/audit --from 100 --to 200\n"
		"# commitments only: shows no person\n"
		"lug audit export --store /var/lib/lugdunum/store.db --from 2026-11-01T00:00:00Z\n"
		"# with events, of the node in LUG_NODE",
	.opts = (const struct opt[]){{"log", "DIR", LOG_HELP, false, false},
				     {"store", "FILE", "the node's store, for the events", false,
				      false},
				     {"from", "N|TIME", "first entry", false, false},
				     {"to", "N|TIME", "last entry", false, false},
				     {0}},
	.run = run_export,
};

/* ---- scrub and adopt ---- */

static int run_scrub(struct lug *l, const struct args *a, struct err *e)
{
	char dir[PATH_MAX];
	_cleanup_(store_closep) struct store *s = NULL;
	struct audit_report report;
	struct progress bar;
	int r = log_dir(args_str(a, "log"), dir, e);
	if (r == 0)
		r = open_store(a, true, &s, e);
	if (r < 0)
		return r;
	progress_start(&bar, l, "scrub", "entries", 0);
	r = audit_scrub(s, dir, show_progress, &bar, &report, e);
	progress_end(&bar);
	return r < 0 ? r : print_report(l, &report, "agree with the store", e);
}

const struct verb verb_audit_scrub = {
	.name = "audit scrub",
	.args = "",
	.summary = "compare an audit log with the store it came from",
	.doc = "Re-hashes the log as lug audit verify does and compares each entry with its row in the store, and each event that was "
	       "not erased with its commitment.",
	.examples =
		"lug audit scrub --store /var/lib/lugdunum/store.db --log /var/lib/lugdunum/audit\n"
		"# may run while the node does",
	.opts = (const struct opt[]){{"log", "DIR", LOG_HELP, false, false},
				     {"store", "FILE", "the node's store", true, false},
				     {0}},
	.run = run_scrub,
};

static int run_adopt(struct lug *l, const struct args *a, struct err *e)
{
	char dir[PATH_MAX];
	struct note_verifier key;
	_cleanup_(store_closep) struct store *s = NULL;
	int r = log_dir(args_str(a, "log"), dir, e);
	if (r == 0)
		r = read_key(args_str(a, "key"), &key, e);
	if (r == 0)
		r = open_store(a, false, &s, e);
	if (r < 0)
		return r;
	int64_t n = audit_adopt(s, dir, &key, e);
	if (n < 0)
		return (int)n;
	if (l->json)
		return lug_print_json(json_pack("{s:o}", "adopted", json_u64((uint64_t)n)), e);
	printf("%lld entries copied into the store; their events are not in the backup and are lost\n",
	       (long long)n);
	return 0;
}

const struct verb verb_audit_adopt = {
	.name = "audit adopt",
	.args = "",
	.summary = "after a restore, copy newer entries from the log to the store",
	.doc = "A store that was restored from a backup is older than the log beside it, and the node refuses to go on, since it would "
	       "sign a second, different history. This copies the missing entries back. The node must be stopped.",
	.examples =
		"lug audit adopt --store /var/lib/lugdunum/store.db --log /var/lib/lugdunum/audit --key log.key\n"
		"# once, after the restore",
	.opts = (const struct opt[]){{"log", "DIR", LOG_HELP, false, false},
				     {"store", "FILE", "the restored store", true, false},
				     {"key", "KEY", KEY_HELP, true, false},
				     {0}},
	.run = run_adopt,
};
