/* SPDX-License-Identifier: Apache-2.0
 * lug ledger labels: what others say about addresses, source by source. */
#include "base/text.h"
#include "base/time.h"
#include "chain/network.h"
#include "crypto/crypto.h"
#include "ledger/label.h"
#include "lug/lug.h"
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

enum { REJECTS_SHOWN = 20, CHANGES_SHOWN = 20 };

/* A ledger must be there, since a mistyped one would look like one without labels; so must the labels that are read. */
static int labels_dir(const struct args *a, bool reading, char out[static PATH_MAX], struct err *e)
{
	const char *dir = args_str(a, "labels"), *ledger = args_env(a, "ledger", "LUG_LEDGER");
	if (!dir && !ledger)
		return err_set(
			e, ERR_INVAL, "labels",
			"Which labels? Give --ledger DIR or --labels DIR, or set LUG_LEDGER.");
	const char *must = dir ? (reading ? dir : NULL) : ledger;
	if (must && access(must, F_OK) < 0)
		return err_set(e, err_errno(errno), dir ? "labels" : "ledger", "%s: %s", must,
			       strerror(errno));
	int n = dir ? snprintf(out, PATH_MAX, "%s", dir)
		    : snprintf(out, PATH_MAX, "%s/labels", ledger);
	return n < PATH_MAX ? 0
			    : err_set(e, ERR_OVERSIZE, "labels", "The folder's path is too long.");
}

static json_t *rejects_json(const struct label_source *s)
{
	json_t *a = json_array();
	for (uint32_t i = 0; i < s->reject_n; i++) {
		const struct label_reject *q = &s->rejects[i];
		json_array_append_new(a, json_pack("{s:o, s:I, s:s, s:s, s:s}", "line",
						   q->line ? json_integer(q->line) : json_null(),
						   "entry", (json_int_t)q->entry, "code",
						   err_name(q->code), "text", q->text, "reason",
						   q->reason));
	}
	return a;
}

static json_t *source_json(const struct label_source *s, bool with_rejects)
{
	char when[TIME_TEXT_MAX], sum[65];
	hex_encode(s->sha256_32, 32, sum);
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name",
			      s->name, "format", s->format, "title", s->title, "creator",
			      s->creator, "file", s->file, "sha256", sum, "imported",
			      time_utc(s->imported_s, when), "entries", (json_int_t)s->entry_n,
			      "labels", (json_int_t)s->valid_n, "duplicates",
			      (json_int_t)s->duplicate_n, "quarantined", (json_int_t)s->reject_n);
	if (j && with_rejects)
		json_object_set_new(j, "quarantine", rejects_json(s));
	return j;
}

static void print_rejects(const struct lug *l, const char *file, const struct label_source *s,
			  uint32_t most)
{
	for (uint32_t i = 0; i < s->reject_n && i < most; i++) {
		const struct label_reject *q = &s->rejects[i];
		char text[128];
		snprintf(text, sizeof(text), "%s", q->text);
		if (q->line)
			printf("    %s:%" PRIu32 ": %s: %s\n", file, q->line, text_safe(text),
			       q->reason);
		else
			printf("    %s, entry %" PRIu32 ": %s: %s\n", file, q->entry,
			       text_safe(text), q->reason);
	}
	if (s->reject_n > most)
		printf("    %sand %" PRIu32 " more: lug ledger labels list %s%s\n",
		       color(l, COLOR_DIM), s->reject_n - most, s->name, color(l, COLOR_OFF));
}

/* ---- import ---- */

static void print_changes(const struct lug *l, const char *what, const char *const *list,
			  uint32_t n)
{
	for (uint32_t i = 0; i < n && i < CHANGES_SHOWN; i++)
		printf("    %s %s\n", what, list[i]);
	if (n > CHANGES_SHOWN)
		printf("    %sand %" PRIu32 " more %s: --json names them%s\n", color(l, COLOR_DIM),
		       n - CHANGES_SHOWN, what, color(l, COLOR_OFF));
}

static json_t *changes_json(const char *const *list, uint32_t n)
{
	json_t *a = json_array();
	for (uint32_t i = 0; i < n && i < LABEL_CHANGES_MAX; i++)
		json_array_append_new(a, json_string(list[i]));
	return a;
}

static void print_import(const struct lug *l, const char *path, const struct label_source *s)
{
	printf("%s%s%s  %s: %" PRIu32 " labels of %" PRIu32 " entries",
	       color(l, s->reject_n ? COLOR_WARN : COLOR_GOOD), s->reject_n ? "quarantine" : "ok",
	       color(l, COLOR_OFF), s->name, s->valid_n, s->entry_n);
	if (s->duplicate_n)
		printf(", %" PRIu32 " said twice", s->duplicate_n);
	if (s->reject_n)
		printf(", %" PRIu32 " in quarantine", s->reject_n);
	if (s->replaced)
		printf("; replaced: %" PRIu32 " added, %" PRIu32 " delisted", s->added_n,
		       s->delisted_n);
	putchar('\n');
	print_changes(l, "added", s->added, s->added_n);
	print_changes(l, "delisted", s->delisted, s->delisted_n);
	print_rejects(l, path, s, REJECTS_SHOWN);
}

static int import_one(struct lug *l, const char *dir, const char *path,
		      const struct label_import *opt, json_t *all, struct err *e)
{
	struct label_result r;
	int rc = label_import(dir, path, opt, &r, e);
	if (rc < 0)
		return rc;
	if (l->json) {
		json_t *j = source_json(&r.source, true);
		json_object_set_new(j, "replaced", json_boolean(r.source.replaced));
		json_object_set_new(j, "added", json_integer(r.source.added_n));
		json_object_set_new(j, "delisted", json_integer(r.source.delisted_n));
		json_object_set_new(j, "added_addresses",
				    changes_json(r.source.added, r.source.added_n));
		json_object_set_new(j, "delisted_addresses",
				    changes_json(r.source.delisted, r.source.delisted_n));
		json_array_append_new(all, j);
	} else {
		print_import(l, path, &r.source);
	}
	label_result_done(&r);
	return 0;
}

static void show_tick(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;
	p->total = total;
	progress_at(p, done, NULL);
}

static int run_import(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *all = json_array();
	char dir[PATH_MAX];
	struct progress bar;
	const struct label_import opt = {.name = args_str(a, "name"),
					 .now_s = time_now_ms() / 1000,
					 .currency = args_str(a, "currency"),
					 .label = args_str(a, "label"),
					 .category = args_str(a, "category"),
					 .tick = show_tick,
					 .tick_ctx = &bar};
	int r = crypto_start();
	r = r < 0 ? err_set(e, r, "crypto", NULL) : labels_dir(a, false, dir, e);
	if (r == 0 && opt.name && args_pos_n(a) > 1)
		r = err_set(e, ERR_INVAL, "name", "--name is for one file; %d are given",
			    args_pos_n(a));
	for (int i = 0; r == 0 && i < args_pos_n(a); i++) {
		progress_start(&bar, l, "labels", "B", 0);
		r = import_one(l, dir, args_pos(a, i), &opt, all, e);
		progress_end(&bar);
	}
	if (r < 0)
		return r;
	return l->json ? lug_print_json(TAKE_PTR(all), e) : 0;
}

#define LABELS_OPTS                                                                               \
	{"ledger", "DIR", "the ledger whose folder labels is meant (default: LUG_LEDGER)", false, \
	 false},                                                                                  \
	{                                                                                         \
		"labels", "DIR", "another folder of label sources", false, false                  \
	}

const struct verb verb_ledger_labels_import = {
	.name = "ledger labels import",
	.args = "FILE...",
	.args_min = 1,
	.args_max = -1,
	.summary = "import labels: TagPack YAML, OFAC's XML, or lists of addresses",
	.doc = "Each file becomes one source, named after it (or --name), with the date of the import; importing a newer file under the "
	       "same name replaces it and says what was added and delisted. Entries that fail a check - a wrong checksum, an "
	       "unsupported currency, an address of another chain - go to the source's quarantine with line and reason.\n\n"
	       "Lists hold one address a line, or are a JSON array; they need --currency and --label, but for OFAC's "
	       "sanctioned_addresses_TICKER files, which say it themselves. docs/format/labels.md has the rules.",
	.examples =
		"lug ledger labels import packs/*.yaml --ledger /data/ledger\n"
		"# TagPacks\n"
		"lug ledger labels import sanctioned_addresses_XBT.txt --ledger /data/ledger\n"
		"# OFAC's list; run it again with the next one\n"
		"lug ledger labels import case.txt --currency BTC --label \"case 7\" --category victim\n"
		"# own labels, in the ledger of LUG_LEDGER",
	.opts =
		(const struct opt[]){
			LABELS_OPTS,
			{"name", "NAME", "name of the source (default: of the file)", false, false},
			{"currency", "TICKER", "lists: whose addresses they are", false, false},
			{"label", "TEXT", "lists: what they say", false, false},
			{"category", "TEXT", "lists: what kind", false, false},
			{0}},
	.run = run_import,
};

/* ---- list ---- */

static int print_sources(const struct lug *l, const struct label_source *s, size_t n)
{
	static const char *const heads[] = {"source", "imported", ">labels", ">quarantine",
					    "title",  "creator",  NULL};
	struct table t;
	char utc[TIME_TEXT_MAX], when[TIME_BOTH_MAX], title[128], creator[128];
	table_init(&t, heads);
	for (size_t i = 0; i < n; i++) {
		snprintf(title, sizeof(title), "%s", *s[i].title ? s[i].title : s[i].file);
		snprintf(creator, sizeof(creator), "%s", *s[i].creator ? s[i].creator : "-");
		table_cell(&t, "%s", s[i].name);
		table_cell(&t, "%s", time_both(time_utc(s[i].imported_s, utc), when));
		table_cell(&t, "%" PRIu32, s[i].valid_n);
		table_cell(&t, "%" PRIu32, s[i].reject_n);
		table_cell(&t, "%s", text_safe(title));
		table_cell(&t, "%s", text_safe(creator));
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int list_one(struct lug *l, const struct label_source *s, size_t n, const char *name,
		    struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s[i].name, name) != 0)
			continue;
		if (l->json)
			return lug_print_json(source_json(&s[i], true), e);
		int r = print_sources(l, &s[i], 1);
		if (r < 0)
			return err_set(e, r, NULL, NULL);
		print_rejects(l, s[i].file, &s[i], UINT32_MAX);
		return 0;
	}
	return err_set(e, ERR_NOENT, "name", "no source %.64s; see: lug ledger labels list", name);
}

static int run_list(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(labels_closep) struct labels *labels = NULL;
	char dir[PATH_MAX];
	size_t n;
	int r = crypto_start();
	r = r < 0 ? err_set(e, r, "crypto", NULL) : labels_dir(a, true, dir, e);
	if (r == 0)
		r = labels_open(dir, NET_BITCOIN, &labels, e);
	if (r < 0)
		return r;
	const struct label_source *s = labels_sources(labels, &n);
	if (args_pos(a, 0))
		return list_one(l, s, n, args_pos(a, 0), e);
	if (!l->json) {
		r = print_sources(l, s, n);
		return r < 0 ? err_set(e, r, NULL, NULL) : 0;
	}
	json_t *all = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, source_json(&s[i], false));
	return lug_print_json(all, e);
}

const struct verb verb_ledger_labels_list = {
	.name = "ledger labels list",
	.args = "[NAME]",
	.args_max = 1,
	.summary = "list the sources of labels, or one with its quarantine",
	.doc = "For each source its date, labels, entries in quarantine, title and creator. With a name: also each entry that was not "
	       "accepted, with line and reason.",
	.examples = "lug ledger labels list --ledger /data/ledger\n"
		    "# all sources\n"
		    "lug ledger labels list sanctioned_addresses_xbt --json\n"
		    "# one, with what it did not accept",
	.opts = (const struct opt[]){LABELS_OPTS, {0}},
	.run = run_list,
};

/* ---- remove ---- */

static int run_remove(struct lug *l, const struct args *a, struct err *e)
{
	char dir[PATH_MAX];
	int r = labels_dir(a, true, dir, e);
	for (int i = 0; r == 0 && i < args_pos_n(a); i++) {
		r = label_remove(dir, args_pos(a, i), e);
		if (r == 0 && !l->json)
			printf("%sok%s  %s removed\n", color(l, COLOR_GOOD), color(l, COLOR_OFF),
			       args_pos(a, i));
	}
	if (r < 0)
		return r;
	return l->json ? lug_print_json(json_pack("{s:i}", "removed", args_pos_n(a)), e) : 0;
}

const struct verb verb_ledger_labels_remove = {
	.name = "ledger labels remove",
	.args = "NAME...",
	.args_min = 1,
	.args_max = -1,
	.summary = "take sources of labels back, whole",
	.doc = "Deletes the file of each source. Nothing else changes: what other sources say stays.",
	.examples = "lug ledger labels remove tagpack-demo --ledger /data/ledger\n"
		    "# one source",
	.opts = (const struct opt[]){LABELS_OPTS, {0}},
	.run = run_remove,
};

/* ---- undo ---- */

static int run_undo(struct lug *l, const struct args *a, struct err *e)
{
	char dir[PATH_MAX];
	json_t *all = json_array();
	int r = labels_dir(a, true, dir, e);
	for (int i = 0; r == 0 && i < args_pos_n(a); i++) {
		bool restored;
		r = label_undo(dir, args_pos(a, i), &restored, e);
		if (r < 0)
			break;
		json_array_append_new(
			all, json_pack("{s:s, s:b}", "name", args_pos(a, i), "restored", restored));
		if (!l->json)
			printf("%sok%s  %s: %s\n", color(l, COLOR_GOOD), color(l, COLOR_OFF),
			       args_pos(a, i),
			       restored ? "the version before stands again" : "removed");
	}
	if (r < 0 || !l->json) {
		json_decref(all);
		return r;
	}
	return lug_print_json(all, e);
}

const struct verb verb_ledger_labels_undo = {
	.name = "ledger labels undo",
	.args = "NAME...",
	.args_min = 1,
	.args_max = -1,
	.summary = "take back the last import of a source",
	.doc = "The version that the import replaced stands again; when there was none, the source is removed. One version is kept.",
	.examples = "lug ledger labels undo sanctioned_addresses_eth --ledger /data/ledger\n"
		    "# the update was a mistake",
	.opts = (const struct opt[]){LABELS_OPTS, {0}},
	.run = run_undo,
};
