/* SPDX-License-Identifier: Apache-2.0
 * Rows of case files and disputes, and the replay of acts. */
#include "lugd/casefile.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"

static const struct store_migration steps[] = {
	{1, "cases, acts, disputes",
	 "CREATE TABLE casefile_case (id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, owner TEXT NOT NULL,"
	 " created_s BIGINT NOT NULL);"
	 "CREATE TABLE casefile_act (case_id TEXT NOT NULL, n BIGINT NOT NULL, officer TEXT NOT NULL,"
	 " at_s BIGINT NOT NULL, act TEXT NOT NULL, PRIMARY KEY (case_id, n));"
	 "CREATE TABLE casefile_dispute (id BIGINT NOT NULL PRIMARY KEY, address TEXT NOT NULL, source TEXT NOT NULL,"
	 " label TEXT NOT NULL, officer TEXT NOT NULL, at_s BIGINT NOT NULL, words TEXT NOT NULL);"
	 "CREATE INDEX casefile_dispute_address ON casefile_dispute (address)",
	 "DROP TABLE casefile_dispute; DROP TABLE casefile_act; DROP TABLE casefile_case"},
};
const struct store_schema casefile_schema = {"casefile", steps, ARRAY_LEN(steps)};

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* ---- replay ---- */

/* From the last act to the first: an undo that is itself undone does nothing. */
static void mark_undone(json_t *acts)
{
	for (size_t i = json_array_size(acts); i-- > 0;) {
		json_t *act = json_array_get(acts, i), *other;
		json_int_t n = json_integer_value(json_object_get(act, "act"));
		size_t k;
		if (json_object_get(act, "undone") || strcmp(str(act, "do"), "undo") != 0)
			continue;
		json_array_foreach (acts, k, other)
			if (k < i && json_integer_value(json_object_get(other, "n")) == n)
				json_object_set_new(other, "undone", json_true());
	}
}

json_t *casefile_replay(json_t *acts)
{
	json_t *traces = json_array(), *notes = json_array(), *colours = json_object(), *act;
	size_t i;
	int failed = 0;
	mark_undone(acts);
	json_array_foreach (acts, i, act) {
		const char *what = str(act, "do");
		if (json_object_get(act, "undone"))
			continue;
		if (!strcmp(what, "trace"))
			failed |= json_array_append(traces, act);
		else if (!strcmp(what, "note"))
			failed |= json_array_append(notes, act);
		else if (!strcmp(what, "colour"))
			failed |= json_object_set(colours, str(act, "on"),
						  json_object_get(act, "colour"));
	}
	json_t *out =
		json_pack("{s:o, s:o, s:o}", "traces", traces, "notes", notes, "colours", colours);
	if (failed)
		json_decref(out);
	return failed ? NULL : out;
}

/* ---- rows ---- */

static int not_there(struct err *e)
{
	return err_set(e, ERR_NOENT, "id", "There is no such case of yours.");
}

/* The owner, and whoever approves. */
static bool may_see(const struct api_who *who, const char *owner)
{
	return !strcmp(who->officer, owner) || (who->roles & API_APPROVER);
}

static int read_acts(struct store *s, const char *id, json_t *list, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		s,
		"SELECT n, officer, at_s, act FROM casefile_act WHERE case_id = ? ORDER "
		"BY n",
		VALS(val_text(id)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		char when[TIME_TEXT_MAX];
		size_t len;
		const char *text = row_text(&rows, "act", &len);
		json_t *act = NULL;
		r = json_parse(text, len, &act, e);
		if (r < 0)
			return r;
		if (json_object_set_new(act, "n", json_integer(row_i64(&rows, "n"))) ||
		    json_object_set_new(act, "by", json_string(row_text(&rows, "officer", NULL))) ||
		    json_object_set_new(act, "at",
					json_string(time_utc(row_i64(&rows, "at_s"), when))) ||
		    json_array_append(list, act))
			r = err_set(e, ERR_NOMEM, NULL, NULL);
		json_decref(act);
	}
	return r < 0 ? r : row_err(&rows, e);
}

static json_t *head_json(struct store_rows *rows)
{
	char when[TIME_TEXT_MAX];
	return json_pack("{s:s, s:s, s:s, s:s}", "id", row_text(rows, "id", NULL), "title",
			 row_text(rows, "title", NULL), "owner", row_text(rows, "owner", NULL),
			 "created_at", time_utc(row_i64(rows, "created_s"), when));
}

static int find_case(struct store *s, const struct api_who *who, const char *id, json_t **ret,
		     struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(s, "SELECT id, title, owner, created_s FROM casefile_case WHERE id = ?",
			    VALS(val_text(id)), &rows, e);
	if (r < 0)
		return r;
	if (!r || !may_see(who, row_text(&rows, "owner", NULL)))
		return not_there(e);
	*ret = head_json(&rows);
	return *ret ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

int casefile_show(struct store *s, const struct api_who *who, const char *id, json_t **ret,
		  struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	_cleanup_(json_decrefp) json_t *acts = json_array();
	int r = find_case(s, who, id, &j, e);
	if (r >= 0)
		r = read_acts(s, id, acts, e);
	if (r < 0)
		return r;
	if (json_object_set_new(j, "state", casefile_replay(acts)) ||
	    json_object_set(j, "acts", acts))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*ret = TAKE_PTR(j);
	return 0;
}

int casefile_list(struct store *s, const struct api_who *who, json_t **ret, struct err *e)
{
	STORE_ROWS(rows);
	_cleanup_(json_decrefp) json_t *list = json_array();
	int r = store_query(
		s,
		"SELECT id, title, owner, created_s FROM casefile_case ORDER BY created_s DESC, id",
		NO_VALS, &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		if (may_see(who, row_text(&rows, "owner", NULL)) &&
		    json_array_append_new(list, head_json(&rows)))
			return err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

int casefile_new(struct store *s, const char *owner, const char *title, int64_t now_s,
		 char ret_id[static CASE_ID_LEN + 1], struct err *e)
{
	uint8_t id[CASE_ID_LEN / 2];
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), ret_id);
	int64_t n = store_exec(
		s, "INSERT INTO casefile_case (id, title, owner, created_s) VALUES (?, ?, ?, ?)",
		VALS(val_text(ret_id), val_text(title), val_text(owner), val_i64(now_s)), e);
	return n < 0 ? (int)n : 0;
}

int casefile_act(struct store *s, const struct api_who *who, const char *id, const json_t *act,
		 int64_t now_s, struct err *e)
{
	STORE_ROWS(rows);
	_cleanup_(json_decrefp) json_t *head = NULL;
	_cleanup_(freep) char *text = json_text(act);
	int r = text ? find_case(s, who, id, &head, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r >= 0)
		r = store_first(s,
				"SELECT COALESCE(MAX(n), 0) + 1 AS n FROM casefile_act WHERE "
				"case_id = ?",
				VALS(val_text(id)), &rows, e);
	if (r < 0)
		return r;
	int64_t next = row_i64(&rows, "n");
	store_rows_done(&rows);
	if (next > CASE_ACTS_MAX)
		return err_set(e, ERR_OVERSIZE, "id", "A case has at most %d acts.", CASE_ACTS_MAX);
	int64_t n = store_exec(s,
			       "INSERT INTO casefile_act (case_id, n, officer, at_s, act) VALUES "
			       "(?, ?, ?, ?, ?)",
			       VALS(val_text(id), val_i64(next), val_text(who->officer),
				    val_i64(now_s), val_text(text)),
			       e);
	return n < 0 ? (int)n : 0;
}

/* ---- disputes ---- */

int dispute_new(struct store *s, const char *officer, const char *address, const char *set,
		const char *label, const char *text, int64_t now_s, struct err *e)
{
	int64_t n = store_exec(
		s,
		"INSERT INTO casefile_dispute (id, address, source, label, officer, at_s, words) "
		"SELECT COALESCE(MAX(id), 0) + 1, ?, ?, ?, ?, ?, ? FROM casefile_dispute",
		VALS(val_text(address), val_text(set), val_text(label), val_text(officer),
		     val_i64(now_s), val_text(text)),
		e);
	return n < 0 ? (int)n : 0;
}

int dispute_remove(struct store *s, int64_t id, struct err *e)
{
	int64_t n =
		store_exec(s, "DELETE FROM casefile_dispute WHERE id = ?", VALS(val_i64(id)), e);
	return n < 0 ? (int)n : n ? 0 : err_set(e, ERR_NOENT, "id", "There is no such dispute.");
}

static int mark_one(struct store *s, const char *address, json_t *label, struct err *e)
{
	STORE_ROWS(rows);
	json_t *list = json_array();
	int r = store_query(
		s,
		"SELECT id, officer, at_s, words FROM casefile_dispute WHERE address = ? "
		"AND source = ? AND label = ? ORDER BY id",
		VALS(val_text(address), val_text(str(label, "set")), val_text(str(label, "label"))),
		&rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		char when[TIME_TEXT_MAX];
		json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:s}", "id",
						      (json_int_t)row_i64(&rows, "id"), "by",
						      row_text(&rows, "officer", NULL), "at",
						      time_utc(row_i64(&rows, "at_s"), when),
						      "text", row_text(&rows, "words", NULL)));
	}
	if (r < 0 || !json_array_size(list))
		json_decref(list);
	else if (json_object_set_new(label, "disputed", list))
		r = err_set(e, ERR_NOMEM, NULL, NULL);
	return r;
}

int dispute_mark(struct store *s, const char *address, json_t *labels, struct err *e)
{
	size_t i;
	json_t *label;
	json_array_foreach (labels, i, label) {
		int r = mark_one(s, address ? address : str(label, "address"), label, e);
		if (r < 0)
			return r;
	}
	return 0;
}
