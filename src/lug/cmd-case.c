/* SPDX-License-Identifier: Apache-2.0
 * Case files (docs/format/case.md): lug request export writes one, lug audit verify FILE checks it. */
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "exchange/case.h"
#include "lug/case-report.h"

/* ---- checking ---- */

enum { GOVERNORS_MAX = 32 };

/* A verifier key from an option: itself, or the name of a file. */
static int read_governor(const char *given, struct note_verifier *ret, struct err *e)
{
	struct buf b _cleanup_(buf_done);
	buf_init(&b, 4 * NOTE_VKEY_MAX);
	if (strchr(given, '+'))
		return note_verifier_parse(given, strlen(given), ret, e);
	int r = file_read(given, &b, e);
	return r < 0 ? r : note_verifier_parse(buf_cstr(&b), strcspn(buf_cstr(&b), "\n"), ret, e);
}

static int read_governors(const struct args *a, struct note_verifier *v, size_t *ret_n,
			  struct err *e)
{
	const char *given;
	size_t n = 0;
	int r = crypto_start();
	for (; r >= 0 && n < GOVERNORS_MAX && (given = args_nth(a, "governor", (int)n)); n++)
		r = read_governor(given, &v[n], e);
	if (r >= 0 && n == 0)
		r = err_set(
			e, ERR_INVAL, "governor",
			"A case file is checked against the governance keys of the network: give them with --governor.");
	*ret_n = n;
	return r;
}

static json_t *report_json(const struct case_report *p)
{
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];
	json_t *witnesses = json_array();
	for (size_t i = 0; i < p->witness_n; i++)
		json_array_append_new(witnesses,
				      json_pack("{s:s, s:o}", "witness", p->witness[i].name,
						"entries", json_u64(p->witness[i].entries)));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o}",
			 "node", p->node, "request", p->request, "messages", json_u64(p->messages),
			 "receipts", json_u64(p->receipts), "parts", json_u64(p->parts),
			 "parts_absent", json_u64(p->parts_absent), "entries", json_u64(p->entries),
			 "erased", json_u64(p->erased), "waiting", json_u64(p->waiting), "revoked",
			 json_u64(p->revoked), "first", time_utc(p->first_s, first), "last",
			 time_utc(p->last_s, last), "witnesses", witnesses);
}

static void print_report(const struct lug *l, const struct case_report *p)
{
	char utc[TIME_TEXT_MAX], text[TIME_BOTH_MAX];
	printf("%sok%s  request %s, as %s has it\n", color(l, COLOR_GOOD), color(l, COLOR_OFF),
	       p->request, p->node);
	printf("    %llu messages with %llu receipts, %llu parts; members note %llu\n",
	       (unsigned long long)p->messages, (unsigned long long)p->receipts,
	       (unsigned long long)p->parts, (unsigned long long)p->members_version);
	printf("    %llu entries of a log of %llu, from %s", (unsigned long long)p->entries,
	       (unsigned long long)p->log_size, time_both(time_utc(p->first_s, utc), text));
	printf(" to %s\n", time_both(time_utc(p->last_s, utc), text));
	for (size_t i = 0; i < p->witness_n; i++)
		printf("    countersigned by %s: %llu entries\n", p->witness[i].name,
		       (unsigned long long)p->witness[i].entries);
	if (p->erased || p->waiting || p->parts_absent)
		printf("    %llu events erased, %llu entries not yet under a checkpoint, %llu parts by their hash only\n",
		       (unsigned long long)p->erased, (unsigned long long)p->waiting,
		       (unsigned long long)p->parts_absent);
	if (p->revoked)
		printf("    %s%llu texts are signed by a key that was revoked later%s: see its date\n",
		       color(l, COLOR_WARN), (unsigned long long)p->revoked, color(l, COLOR_OFF));
}

int case_report_run(struct lug *l, const struct args *a, const char *path, struct err *e)
{
	struct note_verifier governors[GOVERNORS_MAX];
	struct case_report report;
	uint64_t witnesses = 0;
	size_t n = 0;
	struct buf b _cleanup_(buf_done);
	buf_init(&b, CASE_MAX);
	int r = args_u64(a, "witnesses", 0, CASE_WITNESSES_MAX, &witnesses, e);
	if (r == 0)
		r = read_governors(a, governors, &n, e);
	if (r == 0)
		r = file_read(path, &b, e);
	if (r == 0)
		r = case_verify(b.p, b.len, governors, n, (unsigned)witnesses, &report, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(report_json(&report), e);
	print_report(l, &report);
	return 0;
}

/* ---- writing ---- */

static int write_out(const char *path, const char *text, struct err *e)
{
	if (path)
		return file_write(path, text, strlen(text), 0600, e);
	return fputs(text, stdout) < 0
		       ? err_set(e, err_errno(errno), NULL, "cannot write: %s", strerror(errno))
		       : 0;
}

static int run_export(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *reply = NULL;
	const char *id = args_pos(a, 0), *path = args_str(a, "out");
	char route[128];
	if (strspn(id, "0123456789abcdef-") != strlen(id) || strlen(id) > REQUEST_ID_LEN)
		return err_set(e, ERR_INVAL, "id",
			       "%.80s is not the id of a request, nor its beginning", id);
	snprintf(route, sizeof(route), "/v1/requests/%s/case", id);
	int r = lug_api(l, "GET", route, NULL, &reply, e);
	if (r < 0)
		return r;
	_cleanup_(freep) char *text = json_dumps(reply, JSON_INDENT(1));
	if (!text)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = write_out(path, text, e);
	if (r < 0 || !path || !l->json)
		return r;
	return lug_print_json(json_pack("{s:s}", "file", path), e);
}

const struct verb verb_request_export = {
	.name = "request export",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "write one request with all that proves it into a file",
	.doc = "The file holds the messages of the request with both signatures and every receipt, the directory notes that name the keys, and "
	       "proofs of the audit log's entries with countersignatures. lug audit verify FILE checks it without any node. It holds the "
	       "content of the request in plain text: pass it on as its handling allows.",
	.examples = "lug request export 019ab5a0-3c --out 2026-118.case\n"
		    "# to hand over",
	.opts = (const struct opt[]){{"out", "FILE", "write there (default: standard output)",
				      false, false},
				     {0}},
	.run = run_export,
};
