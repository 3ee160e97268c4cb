/* SPDX-License-Identifier: Apache-2.0
 * Writing a case file: rows of one request, its messages, the directory and the audit log (docs/format/case.md 2). Nothing is signed
 * here: every proof is already a row or a tile. */
#include "exchange/case.h"
#include "audit/audit.h"
#include "base/text.h"
#include "exchange/exchange-int.h"
#include "exchange/query.h"
#include "exchange/request-int.h"
#include <string.h>

struct case_file {
	struct requests *q;
	const char *audit_dir;
	struct request_row row;
	json_t *messages, *entries;
	size_t parts_len;
	uint64_t waiting;
};

/* A new reference into an object or array that exists; a failure sticks. */
static int put(json_t *o, const char *key, STEALS json_t *v)
{
	return json_object_set_new(o, key, v) < 0 ? -ERR_NOMEM : 0;
}

static int append(json_t *list, STEALS json_t *v)
{
	return json_array_append_new(list, v) < 0 ? -ERR_NOMEM : 0;
}

static json_t *base64_json(const void *p, size_t len)
{
	_cleanup_(freep) char *text = malloc(BASE64_LEN(len) + 1);
	if (!text)
		return NULL;
	base64_encode(BASE64_PADDED, p, len, text);
	return json_string(text);
}

static json_t *hex_json(const uint8_t p32[static 32])
{
	char text[65];
	hex_encode(p32, 32, text);
	return json_string(text);
}

/* ---- directory ---- */

static int put_notes(struct case_file *c, json_t *o, const char *key, const char *sql,
		     struct err *e)
{
	STORE_ROWS(rows);
	json_t *list = json_array();
	int r = put(o, key, list);
	if (r >= 0)
		r = store_query(c->q->s, sql, NO_VALS, &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len;
		const char *note = row_blob(&rows, "note", &len);
		r = append(list, json_stringn(note, len));
	}
	return r < 0 ? r : row_err(&rows, e);
}

/* ---- messages ---- */

struct message {
	struct case_file *c;
	json_t *o;
};

static int take_note(void *ctx, const char *what, const char *peer, bool ours, const char *note,
		     size_t len)
{
	const struct message *m = ctx;
	if (*peer && strcmp(peer, m->c->row.peer) != 0)
		return 0; /* another member has chosen the same id, or it went to others too */
	json_t *text = json_stringn(note, len);
	if (strcmp(what, "manifest") == 0)
		return put(m->o, "manifest", text);
	return append(json_object_get(m->o, strcmp(what, "parcel") == 0 ? "parcels" : "receipts"),
		      text);
}

static int put_parts(struct case_file *c, json_t *o, const uint8_t *id16, struct err *e)
{
	STORE_ROWS(rows);
	json_t *list = json_array();
	int r = put(o, "parts", list);
	if (r >= 0)
		r = store_query(
			c->q->s,
			"SELECT bytes FROM exchange_part WHERE id = ? AND peer IN ('', ?) ORDER BY n",
			VALS(val_blob(id16, 16), val_text(c->row.peer)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len;
		const void *p = row_blob(&rows, "bytes", &len);
		bool fits = len <= CASE_PARTS_MAX - c->parts_len;
		c->parts_len += fits ? len : 0;
		r = append(list, fits ? base64_json(p, len) : json_null());
	}
	return r < 0 ? r : row_err(&rows, e);
}

static int put_message(struct case_file *c, const uint8_t *id16, struct err *e)
{
	char id[33];
	hex_encode(id16, 16, id);
	json_t *o = json_pack("{s:s, s:[], s:[]}", "id", id, "parcels", "receipts");
	struct message m = {c, o};
	if (json_array_size(c->messages) == CASE_MESSAGES_MAX) {
		json_decref(o);
		return err_set(e, ERR_OVERSIZE, "messages", "More than %d messages.",
			       CASE_MESSAGES_MAX);
	}
	int r = append(c->messages, o);
	if (r >= 0)
		r = exchange_proofs(c->q->x, id16, take_note, &m, e);
	if (r >= 0 && json_object_get(o, "manifest"))
		r = put_parts(c, o, id16, e);
	return r < 0 ? r : 0;
}

static int put_messages(struct case_file *c, struct err *e)
{
	STORE_ROWS(rows);
	int r = c->row.has_message ? put_message(c, c->row.message16, e) : 0;
	if (r >= 0)
		r = store_query(
			c->q->s,
			"SELECT message, MIN(n) AS n FROM request_event WHERE request = ? AND message IS NOT NULL"
			" GROUP BY message ORDER BY n",
			VALS(val_text(c->row.id)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		uint8_t id16[16];
		row_copy(&rows, "message", id16, sizeof(id16));
		if (!c->row.has_message || memcmp(id16, c->row.message16, 16) != 0)
			r = put_message(c, id16, e);
	}
	return r < 0 ? r : row_err(&rows, e);
}

/* ---- entries ---- */

/* An entry that no checkpoint covers yet is counted and left out. */
static int put_entry(struct case_file *c, struct store_rows *rows, struct err *e)
{
	uint8_t salt32[AUDIT_SALT_LEN];
	struct buf proof _cleanup_(buf_done);
	size_t len;
	buf_init(&proof, AUDIT_PROOF_MAX);
	int r = audit_prove(c->audit_dir, row_u64(rows, "seq"), &proof, e);
	if (r == -ERR_RANGE || r == -ERR_NOENT) {
		c->waiting++;
		return 0;
	}
	if (r < 0)
		return r;
	if (json_array_size(c->entries) == CASE_ENTRIES_MAX)
		return err_set(e, ERR_OVERSIZE, "entries", "More than %d entries.",
			       CASE_ENTRIES_MAX);
	json_t *o = json_object();
	r = append(c->entries, o);
	if (r >= 0)
		r = put(o, "proof", json_stringn((const char *)proof.p, proof.len));
	row_copy(rows, "salt", salt32, sizeof(salt32));
	const char *event = row_text(rows, "event", &len);
	if (r >= 0)
		r = put(o, "event", json_stringn(event, len));
	if (r >= 0)
		r = put(o, "salt", hex_json(salt32));
	return r;
}

static int put_entries_of(struct case_file *c, const char *target, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		c->q->s, "SELECT seq, salt, event FROM audit_event WHERE target = ? ORDER BY seq",
		VALS(val_text(target)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		r = put_entry(c, &rows, e);
	return r < 0 ? r : row_err(&rows, e);
}

static int put_entries(struct case_file *c, struct err *e)
{
	char target[16 + REQUEST_ID_LEN];
	const json_t *m;
	size_t i;
	snprintf(target, sizeof(target), "request %s", c->row.id);
	int r = put_entries_of(c, target, e);
	json_array_foreach (c->messages, i, m) {
		snprintf(target, sizeof(target), "parcel %s",
			 json_string_value(json_object_get(m, "id")));
		if (r >= 0)
			r = put_entries_of(c, target, e);
	}
	return r;
}

/* ---- the file ---- */

static int fill(struct case_file *c, json_t *o, struct err *e)
{
	int r = put_notes(c, o, "members",
			  "SELECT note FROM exchange_note WHERE type = 'members' AND accepted = 1"
			  " ORDER BY version",
			  e);
	if (r >= 0)
		r = put_notes(c, o, "nodes",
			      "SELECT note FROM exchange_note WHERE type = 'node' AND accepted = 1"
			      " ORDER BY name, version",
			      e);
	if (r >= 0)
		r = put_messages(c, e);
	if (r >= 0)
		r = put_entries(c, e);
	if (r >= 0)
		r = put(o, "waiting", json_integer((json_int_t)c->waiting));
	return r;
}

int case_export(struct requests *q, const struct actor *a, const char *id, const char *audit_dir,
		json_t **ret, struct err *e)
{
	struct case_file c = {.q = q, .audit_dir = audit_dir};
	STORE_TXN(txn);
	if (!request_may(a->roles, ACTION_READ))
		return err_set(e, ERR_DENIED, "officer", "%s has no role that may read requests",
			       a->officer);
	int r = store_begin(q->s, STORE_READ, &txn, e);
	if (r >= 0)
		r = request_find(q, id, &c.row, e);
	if (r < 0)
		return r;
	c.messages = json_array();
	c.entries = json_array();
	_cleanup_(json_decrefp) json_t *o =
		json_pack("{s:s, s:s, s:s, s:o, s:o}", "type", CASE_TYPE, "node", q->node,
			  "request", c.row.id, "messages", c.messages, "entries", c.entries);
	r = o ? fill(&c, o, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(o);
	return 0;
}
