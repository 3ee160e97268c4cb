/* SPDX-License-Identifier: Apache-2.0
 * lug extract: addresses, transaction ids and their look-alikes in files of text. */
#include "base/file.h"
#include "base/text.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "crypto/crypto.h"
#include "lug/address-report.h"
#include "lug/lug.h"
#include "screen/extract.h"
#include <errno.h>
#include <limits.h>

enum { ITEMS_MAX = 20000, READ_STEP = 1 << 16, FOUND_MAX = 400 };

/* One text with what was found in it. */
struct text {
	const char *name;
	struct buf b;
	struct extract_item *items; /* [ITEMS_MAX] */
	struct extract_stats st;
	struct extract_place at; /* of the item at hand; they come in order */
};

/* What the user wants to see. */
struct choice {
	int least; /* enum extract_certainty */
	bool unique;
};

/* ---- reading ---- */

static int read_stdin(struct buf *b, struct err *e)
{
	for (;;) {
		uint8_t *space = buf_space(b, READ_STEP);
		int64_t n = space ? fd_read_all(STDIN_FILENO, space, READ_STEP) : buf_err(b);
		if (n < 0)
			return err_set(e, (int)n, "-",
				       n == -ERR_OVERSIZE ? "the input is larger than %d MiB"
							  : "cannot read the input",
				       EXTRACT_TEXT_MAX >> 20);
		b->len -= READ_STEP - (size_t)n;
		if (n < READ_STEP)
			return 0;
	}
}

static int text_open(struct text *t, const char *name, struct err *e)
{
	bool standard = strcmp(name, "-") == 0;
	t->name = standard ? "(input)" : name;
	t->at = (struct extract_place){0};
	buf_clear(&t->b);
	int r = standard ? read_stdin(&t->b, e) : file_read(name, &t->b, e);
	if (r == -ERR_OVERSIZE)
		return err_set(e, r, name, "%s is larger than %d MiB; split it", t->name,
			       EXTRACT_TEXT_MAX >> 20);
	if (r < 0)
		return r;
	struct err said = {0};
	r = extract(t->b.p, t->b.len, t->items, ITEMS_MAX, &t->st, &said);
	return r < 0 ? err_set(e, r, name, "%s: %s", t->name, said.message) : r;
}

/* ---- one item ---- */

/* What two items must share to be the same find. */
static bool same_find(const struct extract_item *a, const struct extract_item *b)
{
	if (a->kind != b->kind || a->kind == EXTRACT_SECRET)
		return false;
	if (a->kind == EXTRACT_ADDRESS)
		return address_equal(&a->address.address, &b->address.address);
	if (a->kind == EXTRACT_LOOKALIKE)
		return strcmp(a->text, b->text) == 0;
	return memcmp(a->hash32, b->hash32, sizeof(a->hash32)) == 0 && a->position == b->position;
}

/* Quadratic, but only over what is shown once: lists of different addresses are short beside the text they stand in. */
static bool wanted(const struct text *t, size_t i, const struct choice *c)
{
	if ((int)t->items[i].certainty < c->least && t->items[i].kind != EXTRACT_LOOKALIKE)
		return false;
	for (size_t k = 0; c->unique && k < i; k++)
		if (same_find(&t->items[k], &t->items[i]))
			return false;
	return true;
}

static const char *shown_text(const struct extract_item *it)
{
	if (it->kind == EXTRACT_ADDRESS)
		return it->address.text;
	return it->kind == EXTRACT_SECRET ? "(not shown)" : it->text;
}

/* ---- for programs ---- */

static void json_found(json_t *j, const struct text *t, const struct extract_item *it)
{
	const char *raw = (const char *)t->b.p + it->off;
	if (it->kind != EXTRACT_SECRET && it->len <= FOUND_MAX && utf8_valid(raw, it->len))
		json_object_set_new(j, "found", json_stringn(raw, it->len));
}

static void json_by_kind(json_t *j, const struct extract_item *it)
{
	char how[EXTRACT_HOW_TEXT_MAX];
	switch (it->kind) {
	case EXTRACT_ADDRESS:
		json_object_set_new(j, "address_kind",
				    json_string(address_kind_name(
					    (enum address_kind)it->address.address.kind)));
		json_object_set_new(j, "checksum", json_checksum(&it->address));
		break;
	case EXTRACT_TX:
		if (it->position >= 0)
			json_object_set_new(j, "output", json_integer(it->position));
		break;
	case EXTRACT_LOOKALIKE:
		json_object_set_new(j, "code", json_string(err_name(it->code)));
		json_object_set_new(j, "reason", json_string(it->reason));
		json_object_set_new(j, "suggestions", json_guesses(it->guess, it->guess_n));
		break;
	case EXTRACT_SECRET:
		json_object_set_new(j, "reason", json_string(it->reason));
		break;
	case EXTRACT_BLOCK:
		break;
	}
	if (it->how)
		json_object_set_new(j, "how", json_string(extract_how_text(it->how, how)));
}

static json_t *json_item(struct text *t, const struct extract_item *it)
{
	extract_place_move(t->b.p, t->b.len, it->off, &t->at);
	json_t *j = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "kind", extract_kind_name(it->kind),
		"certainty", extract_certainty_name(it->certainty), "offset", (json_int_t)it->off,
		"length", (json_int_t)it->len, "line", (json_int_t)t->at.line, "column",
		(json_int_t)t->at.column, "networks", json_networks(it->nets));
	if (it->kind != EXTRACT_SECRET)
		json_object_set_new(j, "text", json_string(shown_text(it)));
	json_found(j, t, it);
	json_by_kind(j, it);
	return j;
}

static json_t *json_text_of(struct text *t, const struct choice *c)
{
	json_t *items = json_array();
	for (size_t i = 0; i < t->st.n; i++)
		if (wanted(t, i, c))
			json_array_append_new(items, json_item(t, &t->items[i]));
	char file[PATH_MAX];
	return json_pack("{s:s, s:I, s:o, s:b, s:b, s:I}", "file",
			 text_utf8(t->name, file, sizeof(file)), "bytes", (json_int_t)t->b.len,
			 "items", items, "more", t->st.more, "suggestions_ended",
			 t->st.suggestions_ended, "damaged_bytes", (json_int_t)t->st.damaged_n);
}

/* ---- for people ---- */

static void note_of(const struct extract_item *it, char *out, size_t max)
{
	char how[EXTRACT_HOW_TEXT_MAX], words[ADDRESS_GUESS_TEXT_MAX];
	if (it->kind == EXTRACT_LOOKALIKE && it->guess_n)
		snprintf(out, max, "%s: %s", address_guess_text(&it->guess[0], words),
			 it->guess[0].info.text);
	else if (it->kind == EXTRACT_LOOKALIKE || it->kind == EXTRACT_SECRET)
		snprintf(out, max, "%s", it->reason);
	else if (it->kind == EXTRACT_TX && it->position >= 0)
		snprintf(out, max, "output %lld", (long long)it->position);
	else
		snprintf(out, max, "%s", extract_how_text(it->how, how));
}

static int print_text(const struct lug *l, struct text *t, const struct choice *c)
{
	static const char *const heads[] = {">line", ">col",	 "what", "certainty",
					    "text",  "networks", "note", NULL};
	char nets[NET_NAMES_MAX],
		note[EXTRACT_REASON_MAX + ADDRESS_GUESS_TEXT_MAX + ADDRESS_TEXT_MAX];
	struct table table;
	size_t shown = 0;
	table_init(&table, heads);
	for (size_t i = 0; i < t->st.n; i++) {
		const struct extract_item *it = &t->items[i];
		if (!wanted(t, i, c))
			continue;
		extract_place_move(t->b.p, t->b.len, it->off, &t->at);
		note_of(it, note, sizeof(note));
		table_cell(&table, "%u", t->at.line);
		table_cell(&table, "%u", t->at.column);
		table_cell(&table, "%s", extract_kind_name(it->kind));
		table_cell(&table, "%s", extract_certainty_name(it->certainty));
		table_cell(&table, "%s", shown_text(it));
		table_cell(&table, "%s",
			   it->kind == EXTRACT_TX ? "" : network_names(it->nets, nets));
		table_cell(&table, "%s", note);
		shown++;
	}
	printf("%s%s%s: %zu found\n", color(l, COLOR_BOLD), t->name, color(l, COLOR_OFF), shown);
	int r = shown ? table_print(&table, l) : 0;
	table_done(&table);
	if (t->st.more)
		printf("%sonly the first %d are shown; split the text%s\n", color(l, COLOR_WARN),
		       ITEMS_MAX, color(l, COLOR_OFF));
	if (t->st.suggestions_ended)
		printf("%styping errors were searched for the first %d look-alikes only%s\n",
		       color(l, COLOR_WARN), EXTRACT_SUGGEST_MAX, color(l, COLOR_OFF));
	return r;
}

/* ---- the verb ---- */

static int read_choice(const struct args *a, struct choice *c, struct err *e)
{
	static const char *const levels[] = {"possible", "likely", "certain", NULL};
	c->unique = args_flag(a, "unique");
	return args_choice(a, "at-least", levels, &c->least, e);
}

/* A file that cannot be read is one of the answers. The last such error is kept for the end; those before it are printed here. */
static int one_file(struct lug *l, struct text *t, const char *name, const struct choice *c,
		    json_t *files, struct err *last)
{
	struct err e = {0};
	int r = text_open(t, name, &e);
	if (r < 0) {
		if (last->code && !l->json)
			fprintf(stderr, "lug: %s\n", last->message);
		*last = e;
		if (!l->json)
			return 0;
		char file[PATH_MAX], message[ERR_MESSAGE_MAX];
		json_t *entry = json_pack("{s:s, s:{s:s, s:s}}", "file",
					  text_utf8(t->name, file, sizeof(file)), "error", "code",
					  err_name(e.code), "message",
					  text_utf8(e.message, message, sizeof(message)));
		return json_array_append_new(files, entry) ? -ERR_NOMEM : 0;
	}
	if (l->json)
		return json_array_append_new(files, json_text_of(t, c)) ? -ERR_NOMEM : 1;
	r = print_text(l, t, c);
	return r < 0 ? r : 1;
}

static int run_files(struct lug *l, const struct args *a, struct text *t, struct err *e)
{
	_cleanup_(json_decrefp) json_t *files = json_array();
	struct choice c = {0};
	struct err last = {0};
	int read_n = 0, r = read_choice(a, &c, e);
	for (int i = 0; i < args_pos_n(a) && r >= 0; i++) {
		r = one_file(l, t, args_pos(a, i), &c, files, &last);
		read_n += r > 0;
	}
	if (r < 0)
		return e->code ? r : err_set(e, r, NULL, NULL);
	if (l->json && read_n)
		r = lug_print_json(json_pack("{s:O}", "files", files), e);
	if (r < 0 || !last.code)
		return r;
	*e = last;
	return last.code;
}

static int run_extract(struct lug *l, const struct args *a, struct err *e)
{
	struct text t = {.items = calloc(ITEMS_MAX, sizeof(struct extract_item))};
	int r = t.items ? crypto_start() : -ERR_NOMEM;
	buf_init(&t.b, EXTRACT_TEXT_MAX + READ_STEP);
	r = r < 0 ? err_set(e, r, NULL, NULL) : run_files(l, a, &t, e);
	buf_done(&t.b);
	free(t.items);
	return r;
}

const struct verb verb_extract = {
	.name = "extract",
	.args = "FILE...",
	.args_min = 1,
	.args_max = -1,
	.summary = "find addresses and transaction ids in text, and what only looks like one",
	.doc = "Reads texts in any language (UTF-8, or UTF-16 with its mark; - is the standard input) and lists the addresses of Bitcoin "
	       "and its test networks, Litecoin, Bitcoin Cash and EVM chains, the transaction ids and block hashes in them, with line "
	       "and column (bytes in JSON), the networks each may belong to, and how certain it is: certain when a checksum of 30 bits "
	       "or more holds, likely with EIP-55 or a word before it that says so, possible when only the form fits. Seen through are "
	       "full-width letters, invisible characters, Greek and Cyrillic letters that pass for Latin ones, addresses broken over "
	       "lines of mails and those written in groups. What only looks like an address is listed with the reason and the likely "
	       "typing error. Private keys are reported but never shown. Works offline and alone. PDF, Office and packed files are "
	       "refused with a hint: take their text out first.",
	.examples = "lug extract report.txt\n"
		    "# a victim's report\n"
		    "pdftotext report.pdf - | lug extract --unique --at-least certain -\n"
		    "# only what a checksum proves, each once\n"
		    "lug extract --json mail-*.eml\n"
		    "# for programs, with byte offsets",
	.opts =
		(const struct opt[]){
			{"unique", NULL, "each find only once a file", false, false},
			{"at-least", "LEVEL",
			 "possible (default), likely or certain; look-alikes are always listed",
			 false, false},
			{0}},
	.run = run_extract,
};
