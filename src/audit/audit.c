/* SPDX-License-Identifier: Apache-2.0
 * Events and entries: the rows that one act leaves, and the text of an entry.
 *
 * An entry's number is the last one plus one, taken inside the one write transaction that the store allows at a time: numbers
 * have no gaps and follow the order of commits. Entries are never changed or deleted; an event is deleted when it is erased. */
#include "audit/audit-int.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "store/store.h"

#define ENTRY_TYPE NOTE_TYPE_PREFIX "audit/v1"

/* ---- the table of types ---- */

static const struct {
	const char *name, *doc;
} types[] = {
#define AUDIT(id, name, kind, level, doc) [AUDIT_##id] = {name, doc},
#include "audit/audit.def"
#undef AUDIT
};

const char *audit_type_name(enum audit_type t)
{
	return types[t].name;
}

const char *audit_type_doc(enum audit_type t)
{
	return types[t].doc;
}

int audit_type_parse(const char *name, size_t len, enum audit_type *ret_type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strlen(types[i].name) == len && !memcmp(types[i].name, name, len)) {
			*ret_type = (enum audit_type)i;
			return 0;
		}
	return -ERR_NOENT;
}

/* ---- tables ---- */

static const struct store_migration steps[] = {
	{1, "events, entries, head",
	 "CREATE TABLE audit_entry (seq BIGINT NOT NULL PRIMARY KEY, entry TEXT NOT NULL);"
	 "CREATE TABLE audit_event (seq BIGINT NOT NULL PRIMARY KEY REFERENCES audit_entry (seq),"
	 " salt BYTEA NOT NULL, event TEXT NOT NULL, who TEXT NOT NULL, target TEXT NOT NULL);"
	 "CREATE INDEX audit_event_who ON audit_event (who, seq);"
	 "CREATE INDEX audit_event_target ON audit_event (target, seq);"
	 "CREATE TABLE audit_head (one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1), size BIGINT NOT NULL,"
	 " root BYTEA NOT NULL, note TEXT NOT NULL)",
	 "DROP TABLE audit_head; DROP TABLE audit_event; DROP TABLE audit_entry"},
	{2, "witnesses",
	 "CREATE TABLE audit_seen (origin TEXT NOT NULL PRIMARY KEY, size BIGINT NOT NULL, root BYTEA NOT NULL,"
	 " note TEXT NOT NULL, time_s BIGINT NOT NULL);"
	 "CREATE TABLE audit_contradiction (origin TEXT NOT NULL, hash BYTEA NOT NULL, held TEXT NOT NULL,"
	 " other TEXT NOT NULL, time_s BIGINT NOT NULL, PRIMARY KEY (origin, hash));"
	 "CREATE TABLE audit_witness (witness TEXT NOT NULL PRIMARY KEY, since_s BIGINT NOT NULL, size BIGINT NOT NULL,"
	 " signed_s BIGINT NOT NULL, note TEXT NOT NULL, line TEXT NOT NULL)",
	 "DROP TABLE audit_witness; DROP TABLE audit_contradiction; DROP TABLE audit_seen"},
};

const struct store_schema *audit_schema(void)
{
	static const struct store_schema schema = {"audit", steps, ARRAY_LEN(steps)};
	return &schema;
}

/* ---- entries as text ---- */

int audit_entry_write(const struct audit_entry *entry, struct buf *b)
{
	struct note_writer w;
	note_writer_init(&w, b, ENTRY_TYPE);
	note_put_u64(&w, "seq", entry->seq);
	note_put_time(&w, "time", entry->time_s);
	note_put_str(&w, "type", audit_type_name(entry->type));
	note_put_b64(&w, "commit", entry->commit32, sizeof(entry->commit32));
	return note_writer_end(&w);
}

int audit_entry_parse(const void *p, size_t len, struct audit_entry *ret_entry, struct err *e)
{
	if (len > AUDIT_ENTRY_MAX)
		return err_set(e, ERR_OVERSIZE, "entry", "An audit entry is larger than %d bytes.",
			       AUDIT_ENTRY_MAX);
	struct audit_entry entry = {0};
	struct note_reader reader;
	int r = note_text_valid(p, len, e);
	if (r < 0)
		return r;
	note_reader_init(&reader, p, len, ENTRY_TYPE);
	entry.seq = note_get_u64(&reader, "seq", INT64_MAX);
	entry.time_s = note_get_time(&reader, "time");
	size_t name_len = 0;
	const char *name = note_get(&reader, "type", NOTE_TYPE_MAX, &name_len);
	if (audit_type_parse(name, name_len, &entry.type) < 0)
		note_reader_fail(&reader, -ERR_UNSUPPORTED, "type");
	note_get_b64(&reader, "commit", entry.commit32, sizeof(entry.commit32));
	r = note_reader_end(&reader, e);
	if (r == 0)
		*ret_entry = entry;
	return r;
}

void audit_commit(const uint8_t salt32[static AUDIT_SALT_LEN], const void *event, size_t len,
		  uint8_t ret_commit32[static 32])
{
	struct sha256 h;
	sha256_init(&h);
	sha256_update(&h, salt32, AUDIT_SALT_LEN);
	sha256_update(&h, event, len);
	sha256_final(&h, ret_commit32);
}

/* ---- events ---- */

/* Adds a text field to the event when it is not empty. */
static int put_field(json_t *o, const char *key, const char *value, bool needed, struct err *e)
{
	size_t len = value ? strnlen(value, AUDIT_FIELD_MAX + 1) : 0;
	if (len > AUDIT_FIELD_MAX)
		return err_set(e, ERR_OVERSIZE, key,
			       "An audit event's \"%s\" is longer than %d bytes.", key,
			       AUDIT_FIELD_MAX);
	if (len == 0)
		return needed ? err_set(e, ERR_INVAL, key, "An audit event needs \"%s\".", key) : 0;
	if (!utf8_clean(value, len))
		return err_set(e, ERR_INVAL, key, "An audit event's \"%s\" is not clean text.",
			       key);
	return json_object_set_new(o, key, json_stringn(value, len)) < 0
		       ? err_set(e, ERR_NOMEM, NULL, NULL)
		       : 0;
}

static int put_detail(json_t *o, const json_t *detail, struct err *e)
{
	if (!detail)
		return 0;
	if (!json_is_object(detail))
		return err_set(e, ERR_INVAL, "detail", "An audit event's detail is a JSON object.");
	/* The object is only serialised, never changed; the reference is given back with o. */
	return json_object_set(o, "detail", (json_t *)detail) < 0
		       ? err_set(e, ERR_NOMEM, NULL, NULL)
		       : 0;
}

/* The event as one JSON object, in the order of docs/format/audit.md; the caller frees it. */
static int event_text(const struct audit_event *ev, char **ret_text, struct err *e)
{
	_cleanup_(json_decrefp) json_t *o = json_object();
	if (!o)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = put_field(o, "who", ev->who, true, e);
	if (r == 0)
		r = put_field(o, "what", ev->what, true, e);
	if (r == 0)
		r = put_field(o, "purpose", ev->purpose, false, e);
	if (r == 0)
		r = put_field(o, "basis", ev->basis, false, e);
	if (r == 0)
		r = put_field(o, "target", ev->target, false, e);
	if (r == 0)
		r = put_detail(o, ev->detail, e);
	if (r < 0)
		return r;
	_cleanup_(freep) char *text = json_text(o);
	if (!text)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (strlen(text) > AUDIT_EVENT_MAX)
		return err_set(e, ERR_OVERSIZE, "detail", "An audit event is larger than %d bytes.",
			       AUDIT_EVENT_MAX);
	*ret_text = TAKE_PTR(text);
	return 0;
}

int audit_next_seq(struct store *s, uint64_t *ret_seq, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(s, "SELECT seq FROM audit_entry ORDER BY seq DESC LIMIT 1", NO_VALS,
			    &rows, e);
	uint64_t seq = r > 0 ? row_u64(&rows, "seq") + 1 : 0;
	if (r > 0)
		r = row_err(&rows, e);
	if (r == 0)
		*ret_seq = seq;
	return r;
}

static int put_rows(struct store *s, const struct audit_entry *entry, const struct audit_event *ev,
		    const char *event, const uint8_t *salt32, struct err *e)
{
	struct buf text;
	buf_init(&text, AUDIT_ENTRY_MAX);
	int64_t n = audit_entry_write(entry, &text);
	if (n == 0)
		n = store_exec(s, "INSERT INTO audit_entry (seq, entry) VALUES (?, ?)",
			       VALS(val_u64(entry->seq), val_textn(buf_cstr(&text), text.len)), e);
	else
		err_set(e, (int)n, "entry", NULL);
	buf_done(&text);
	if (n >= 0)
		n = store_exec(
			s,
			"INSERT INTO audit_event (seq, salt, event, who, target) VALUES (?, ?, ?, ?, ?)",
			VALS(val_u64(entry->seq), val_blob(salt32, AUDIT_SALT_LEN), val_text(event),
			     val_text(ev->who), val_text(ev->target ? ev->target : "")),
			e);
	return n < 0 ? (int)n : 0;
}

static int record_check(const struct store *s, int64_t now_s, const uint8_t *salt32, struct err *e)
{
	static const uint8_t zeros[AUDIT_SALT_LEN];
	if (!store_in_txn(s))
		return err_set(e, ERR_INVAL, "transaction",
			       "An audit event belongs into the transaction of its act.");
	if (!memcmp(salt32, zeros, AUDIT_SALT_LEN))
		return err_set(e, ERR_INVAL, "salt", "An audit event needs 32 random bytes.");
	if (now_s < 0)
		return err_set(e, ERR_INVAL, "time", "An audit event needs the time.");
	return 0;
}

int audit_record(struct store *s, const struct audit_event *ev, int64_t now_s,
		 const uint8_t salt32[static AUDIT_SALT_LEN], uint64_t *ret_seq, struct err *e)
{
	int r = record_check(s, now_s, salt32, e);
	if (r < 0)
		return r;
	_cleanup_(freep) char *event = NULL;
	r = event_text(ev, &event, e);
	if (r < 0)
		return r;
	struct audit_entry entry = {.time_s = now_s, .type = ev->type};
	audit_commit(salt32, event, strlen(event), entry.commit32);
	r = audit_next_seq(s, &entry.seq, e);
	if (r == 0)
		r = put_rows(s, &entry, ev, event, salt32, e);
	if (r == 0 && ret_seq)
		*ret_seq = entry.seq;
	return r;
}

int audit_erase(struct store *s, uint64_t seq, struct err *e)
{
	if (!store_in_txn(s))
		return err_set(e, ERR_INVAL, "transaction",
			       "An erasure belongs into a transaction.");
	int64_t n = store_exec(s, "DELETE FROM audit_event WHERE seq = ?", VALS(val_u64(seq)), e);
	if (n == 0)
		return err_set(
			e, ERR_NOENT, "seq",
			"No event is kept for audit entry %llu: there is none, or it was erased before.",
			(unsigned long long)seq);
	return n < 0 ? (int)n : 0;
}
