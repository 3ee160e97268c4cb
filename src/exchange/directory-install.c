/* SPDX-License-Identifier: Apache-2.0
 * What may replace a directory note (docs/protocol/directory.md 5).
 *
 * A note is judged in two steps: what its text and its place in the chain of versions say (place_of), then whose signatures it
 * must have (verify_*). Contradictions are kept with both texts and never change what is in force. */
#include "audit/audit.h"
#include "exchange/exchange-int.h"
#include <string.h>

/* A note on its way in. */
struct incoming {
	enum directory_type type;
	const char *from;
	struct note note;
	uint8_t hash32[32], previous32[32];
	uint64_t version;
	int64_t until_s; /* INT64_MAX: does not end */
	char name[DIRECTORY_NAME_MAX + 1];
	struct directory_members *members;
	struct directory_node *node;
};

static void incoming_done(struct incoming *in)
{
	free(in->members);
	free(in->node);
}

/* ---- what came in ---- */

static int decode_members(struct incoming *in, struct err *e)
{
	in->type = DIRECTORY_MEMBERS;
	in->members = malloc(sizeof(*in->members));
	if (!in->members)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = directory_members_decode(in->note.p, in->note.text_len, in->members, e);
	if (r < 0)
		return r;
	in->version = in->members->version;
	in->until_s = in->members->until_s;
	memcpy(in->previous32, in->members->previous32, 32);
	return 0;
}

static int decode_node(struct incoming *in, struct err *e)
{
	in->type = DIRECTORY_NODE;
	in->node = malloc(sizeof(*in->node));
	if (!in->node)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = directory_node_decode(in->note.p, in->note.text_len, in->node, e);
	if (r < 0)
		return r;
	in->version = in->node->version;
	in->until_s = in->node->until_s;
	memcpy(in->previous32, in->node->previous32, 32);
	snprintf(in->name, sizeof(in->name), "%s", in->node->name);
	return 0;
}

static int decode_policy(struct incoming *in, struct err *e)
{
	struct directory_policy p;
	in->type = DIRECTORY_POLICY;
	int r = directory_policy_decode(in->note.p, in->note.text_len, &p, e);
	if (r < 0)
		return r;
	in->version = p.version;
	in->until_s = INT64_MAX;
	memcpy(in->previous32, p.previous32, 32);
	return 0;
}

static int incoming_decode(struct incoming *in, const void *p, size_t len, struct err *e)
{
	int r = note_parse(p, len, &in->note, e);
	if (r < 0)
		return r;
	note_text_hash(&in->note, in->hash32);
	if (note_is(&in->note, DIRECTORY_TYPE_MEMBERS))
		return decode_members(in, e);
	if (note_is(&in->note, DIRECTORY_TYPE_NODE))
		return decode_node(in, e);
	if (note_is(&in->note, DIRECTORY_TYPE_POLICY))
		return decode_policy(in, e);
	return err_set(e, ERR_VERSION, "type", "Not a directory note: %.*s", (int)in->note.type_len,
		       in->note.p);
}

int directory_note_peek(const void *p, size_t len, enum directory_type *ret_type,
			char ret_name[static DIRECTORY_NAME_MAX + 1], uint64_t *ret_version)
{
	_cleanup_(incoming_done) struct incoming in = {0};
	int r = incoming_decode(&in, p, len, NULL);
	if (r < 0)
		return r;
	*ret_type = in.type;
	*ret_version = in.version;
	memcpy(ret_name, in.name, sizeof(in.name));
	return 0;
}

/* The accepted hash of a version; 0 none, 1 there. */
static int held_hash(struct directory *d, const struct incoming *in, uint64_t version,
		     uint8_t ret32[static 32], struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		d->x->s,
		"SELECT hash FROM exchange_note WHERE type = ? AND name = ? AND version = ? AND accepted = 1",
		VALS(val_text(directory_type_names[in->type]), val_text(in->name),
		     val_u64(version)),
		&rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "hash", ret32, 32);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

static int newest(struct directory *d, const struct incoming *in, uint64_t *ret_version,
		  struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		d->x->s,
		"SELECT COALESCE(MAX(version), 0) AS version FROM exchange_note WHERE type = ? AND name = ? AND"
		" accepted = 1",
		VALS(val_text(directory_type_names[in->type]), val_text(in->name)), &rows, e);
	if (r < 0)
		return r;
	*ret_version = row_u64(&rows, "version");
	return row_err(&rows, e);
}

enum place { PLACE_NEXT, PLACE_KNOWN, PLACE_CONFLICT };

/* Rules 3 to 5: where in the chain of its versions is this note? */
static int place_of(struct directory *d, const struct incoming *in, enum place *ret, struct err *e)
{
	uint8_t hash32[32];
	uint64_t top;
	int r = held_hash(d, in, in->version, hash32, e);
	if (r < 0)
		return r;
	if (r > 0) {
		*ret = memcmp(hash32, in->hash32, 32) == 0 ? PLACE_KNOWN : PLACE_CONFLICT;
		return 0;
	}
	r = newest(d, in, &top, e);
	if (r < 0)
		return r;
	*ret = PLACE_NEXT;
	if (in->version < top)
		return err_set(e, ERR_STALE, "version",
			       "Version %llu of the %s note is held; this is version %llu.",
			       (unsigned long long)top, directory_type_names[in->type],
			       (unsigned long long)in->version);
	if (top == 0 && in->type == DIRECTORY_NODE)
		return 0;
	if (in->version > top + 1)
		return err_set(e, ERR_GAP, "version", "Version %llu of the %s note %s is missing.",
			       (unsigned long long)top + 1, directory_type_names[in->type],
			       in->name);
	if (top == 0)
		return 0;
	r = held_hash(d, in, top, hash32, e);
	if (r >= 0 && memcmp(hash32, in->previous32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "previous",
			       "The note does not continue version %llu that is held here.",
			       (unsigned long long)top);
	return r < 0 ? r : 0;
}

/* The members note whose governors decide on this one: the version before it, for version 1 the one held or itself. */
static int governing(struct directory *d, const struct incoming *in, struct directory_members *ret,
		     struct err *e)
{
	uint64_t version = in->version > 1 ? in->version - 1 : 1;
	struct note n;
	size_t len;
	if (in->type == DIRECTORY_POLICY) {
		const struct directory_members *m = directory_members(d);
		if (!m)
			return err_set(e, ERR_MEMBER_UNKNOWN, "members",
				       "No members note is installed yet.");
		*ret = *m;
		return 0;
	}
	STORE_ROWS(rows);
	int r = store_first(
		d->x->s,
		"SELECT note FROM exchange_note WHERE type = 'members' AND version = ? AND accepted = 1",
		VALS(val_u64(version)), &rows, e);
	if (r < 0)
		return r;
	if (r == 0) {
		*ret = *in->members;
		return 0;
	}
	const void *p = row_blob(&rows, "note", &len);
	r = note_parse(p, len, &n, e);
	return r < 0 ? r : directory_members_decode(n.p, n.text_len, ret, e);
}

static int verify_governance(struct directory *d, const struct incoming *in, struct err *e)
{
	_cleanup_(freep) struct directory_members *m = malloc(sizeof(*m));
	uint64_t mask;
	if (!m)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = governing(d, in, m, e);
	if (r >= 0)
		r = note_verify(&in->note, m->governors, m->governors_n, &mask, e);
	if (r < 0)
		return r;
	unsigned n = (unsigned)__builtin_popcountll(mask);
	if (n < m->threshold)
		return err_set(e, ERR_SIGNATURE, "governor",
			       "%u of the governors have signed, %u are needed.", n, m->threshold);
	return 0;
}

static int verify_signatures(struct directory *d, const struct incoming *in, struct err *e)
{
	if (in->type != DIRECTORY_NODE)
		return verify_governance(d, in, e);
	return note_verify_one(&in->note, &directory_member(d, in->name)->identity, e);
}

/* ---- taking in ---- */

static int put_note(struct directory *d, const struct incoming *in, bool accepted, int64_t now_s,
		    struct err *e)
{
	if (in->from)
		exchange_kept(d->x, in->from, in->note.len);
	int64_t n = store_exec(
		d->x->s,
		"INSERT INTO exchange_note (type, name, version, hash, accepted, from_peer, time_s, note)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		VALS(val_text(directory_type_names[in->type]), val_text(in->name),
		     val_u64(in->version), val_blob(in->hash32, 32), val_i64(accepted),
		     val_text(in->from ? in->from : ""), val_i64(now_s),
		     val_blob(in->note.p, in->note.len)),
		e);
	return n < 0 ? (int)n : (n > 0);
}

static int put_keys(struct directory *d, const struct directory_node *n, struct err *e)
{
	int64_t r = 0;
	for (size_t i = 0; r >= 0 && i < n->keys_n; i++) {
		const struct directory_key *k = &n->keys[i];
		r = store_exec(
			d->x->s,
			"INSERT INTO exchange_key (member, name, key_id, kind, pk, from_s, until_s)"
			" VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (member, name, key_id, pk) DO UPDATE SET"
			" from_s = excluded.from_s, until_s = excluded.until_s",
			VALS(val_text(n->name), val_text(k->vkey.name), val_i64(k->vkey.key_id),
			     val_i64(k->kind), val_blob(k->vkey.pk32, 32), val_i64(k->from_s),
			     val_i64(k->until_s)),
			e);
	}
	for (size_t i = 0; r >= 0 && i < n->revoked_n; i++) {
		const struct directory_revoked *v = &n->revoked[i];
		r = store_exec(
			d->x->s,
			"INSERT INTO exchange_revoked (member, name, pk, since_s) VALUES (?, ?, ?, ?)"
			" ON CONFLICT (member, name, pk) DO UPDATE SET since_s = excluded.since_s"
			" WHERE excluded.since_s < exchange_revoked.since_s",
			VALS(val_text(n->name), val_text(v->vkey.name), val_blob(v->vkey.pk32, 32),
			     val_i64(v->since_s)),
			e);
	}
	return r < 0 ? (int)r : 0;
}

static int record(struct directory *d, const struct incoming *in, enum audit_type type,
		  const char *what, struct err *e)
{
	char target[160], hash[65];
	hex_encode(in->hash32, 32, hash);
	snprintf(target, sizeof(target), "%s note %s", directory_type_names[in->type],
		 in->name[0] ? in->name : "of the network");
	json_t *detail =
		json_pack("{s:I, s:s}", "version", (json_int_t)in->version, "sha256", hash);
	return exchange_audit(d->x, type, in->from ? in->from : d->x->node, what, target, detail,
			      e);
}

static int install_next(struct directory *d, const struct incoming *in, int64_t now_s,
			struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(d->x->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = put_note(d, in, true, now_s, e);
	if (r >= 0 && in->node)
		r = put_keys(d, in->node, e);
	if (r >= 0)
		r = record(d, in, AUDIT_DIRECTORY, "directory.install", e);
	return r < 0 ? r : store_commit(&txn, e);
}

static int keep_conflict(struct directory *d, const struct incoming *in, int64_t now_s,
			 struct err *e)
{
	STORE_TXN(txn);
	int r = store_begin(d->x->s, STORE_WRITE, &txn, e);
	int fresh = r < 0 ? r : put_note(d, in, false, now_s, e);
	if (fresh > 0)
		r = record(d, in, AUDIT_ALARM, "directory.conflict", e);
	else
		r = fresh;
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r < 0)
		return r;
	char text[ERR_MESSAGE_MAX];
	snprintf(
		text, sizeof(text),
		"Two %s notes %s have version %llu and other content; the first one stays in force, both are kept.",
		directory_type_names[in->type], in->name, (unsigned long long)in->version);
	if (fresh > 0)
		exchange_emit(d->x, &(struct exchange_event){EXCHANGE_EV_CONFLICT, true,
							     in->from ? in->from : "", "",
							     -ERR_CONFLICT, text});
	return err_set(e, ERR_CONFLICT, "version", "%s", text);
}

/* A pin names the caller, so it has one member: else a member that copies another's pin takes that one's calls for its own. */
static int check_pins(struct directory *d, const struct directory_node *n, int64_t now_s,
		      struct err *e)
{
	for (size_t i = 0; i < d->nodes_n; i++) {
		const struct directory_node *other = d->nodes[i];
		if (strcmp(other->name, n->name) == 0 ||
		    other->until_s < now_s - EXCHANGE_TOLERANCE_S)
			continue;
		for (size_t j = 0; j < n->pins_n; j++)
			for (size_t k = 0; k < other->pins_n; k++)
				if (memcmp(n->pins[j], other->pins[k], 32) == 0)
					return err_set(e, ERR_DUPLICATE, "pin",
						       "%s claims a TLS key of %s.", n->name,
						       other->name);
	}
	return 0;
}

static int install(struct directory *d, const struct incoming *in, bool link,
		   enum directory_result *ret, struct err *e)
{
	enum place place;
	int64_t now_s = exchange_now_s(d->x);
	int r = directory_load(d, e);
	if (r < 0)
		return r;
	if (in->type == DIRECTORY_NODE && !directory_member(d, in->name))
		return err_set(e, ERR_MEMBER_UNKNOWN, "node", "%s is not a member of the network.",
			       in->name);
	if (in->type == DIRECTORY_MEMBERS && in->from && !directory_members(d))
		return err_set(e, ERR_MEMBER_UNKNOWN, "members",
			       "The first members note is installed by a person.");
	r = place_of(d, in, &place, e);
	if (r < 0)
		return r;
	*ret = DIRECTORY_KNOWN;
	if (place == PLACE_KNOWN)
		return 0;
	r = verify_signatures(d, in, e);
	if (r < 0)
		return r;
	if (place == PLACE_CONFLICT)
		return keep_conflict(d, in, now_s, e);
	if (!link && in->until_s < now_s - EXCHANGE_TOLERANCE_S)
		return err_set(e, ERR_EXPIRED, "until", "The %s note %s has expired.",
			       directory_type_names[in->type], in->name);
	r = in->node ? check_pins(d, in->node, now_s, e) : 0;
	if (r < 0)
		return r;
	*ret = DIRECTORY_INSTALLED;
	return install_next(d, in, now_s, e);
}

int directory_take(struct directory *d, const char *from, bool link, const void *note, size_t len,
		   enum directory_result *ret, struct err *e)
{
	_cleanup_(incoming_done) struct incoming in = {.from = from};
	enum directory_result result = DIRECTORY_KNOWN;
	/* A caller that undoes its transaction would undo a proof with it; a unit of work (env.leads) is only undone as a whole. */
	if (store_in_txn(d->x->s) && !d->x->env->leads)
		return err_set(e, ERR_INVAL, NULL,
			       "A note is installed in a transaction of its own.");
	int r = incoming_decode(&in, note, len, e);
	if (r >= 0)
		r = install(d, &in, link, &result, e);
	if (r < 0)
		return r;
	if (result == DIRECTORY_INSTALLED) {
		directory_forget(d);
		exchange_notes_changed(d->x);
	}
	if (ret)
		*ret = result;
	return 0;
}

int directory_install(struct directory *d, const char *from, const void *note, size_t len,
		      enum directory_result *ret, struct err *e)
{
	return directory_take(d, from, false, note, len, ret, e);
}

/* ---- the next own note ---- */

static bool has_revoked(const struct directory_node *n, const struct note_verifier *key)
{
	for (size_t i = 0; i < n->revoked_n; i++)
		if (memcmp(n->revoked[i].vkey.pk32, key->pk32, 32) == 0)
			return true;
	return false;
}

/* A revoked key is listed as revoked only. */
static void drop_revoked_keys(struct directory_node *n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n->keys_n; i++)
		if (!has_revoked(n, &n->keys[i].vkey))
			n->keys[kept++] = n->keys[i];
	n->keys_n = kept;
}

static void merge(struct directory_node *n, const struct directory_node *last)
{
	if (!n->endpoints_n) {
		memcpy(n->endpoints, last->endpoints, sizeof(n->endpoints));
		n->endpoints_n = last->endpoints_n;
	}
	if (!n->contacts_n) {
		memcpy(n->contacts, last->contacts, sizeof(n->contacts));
		n->contacts_n = last->contacts_n;
	}
	if (!n->languages_n) {
		memcpy(n->languages, last->languages, sizeof(n->languages));
		n->languages_n = last->languages_n;
	}
	for (size_t i = 0; i < last->revoked_n && n->revoked_n < DIRECTORY_REVOKED_MAX; i++)
		if (!has_revoked(n, &last->revoked[i].vkey))
			n->revoked[n->revoked_n++] = last->revoked[i];
	if (!n->powers)
		n->powers = last->powers;
	if (!n->duty[0])
		memcpy(n->duty, last->duty, sizeof(n->duty));
}

int directory_own_draft(struct directory *d, const struct directory_node *fresh, int64_t now_s,
			struct buf *out, struct err *e)
{
	const struct directory_node *last = directory_node(d, d->x->node);
	_cleanup_(freep) struct directory_node *n = malloc(sizeof(*n));
	if (!n)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*n = *fresh;
	snprintf(n->name, sizeof(n->name), "%s", d->x->node);
	n->version = 1;
	memset(n->previous32, 0, 32);
	if (last) {
		struct incoming in = {.type = DIRECTORY_NODE};
		memcpy(in.name, last->name, sizeof(in.name));
		n->version = last->version + 1;
		int r = held_hash(d, &in, last->version, n->previous32, e);
		if (r < 0)
			return r;
		merge(n, last);
	}
	drop_revoked_keys(n);
	n->from_s = now_s;
	n->until_s = now_s + DIRECTORY_NODE_DAYS_MAX * 86400LL;
	directory_node_sort(n);
	return directory_node_encode(n, out, e);
}
