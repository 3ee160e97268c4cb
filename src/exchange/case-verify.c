/* SPDX-License-Identifier: Apache-2.0
 * Checking a case file (docs/format/case.md 3): from the governance keys that the verifier gives to the members, from them to the
 * nodes' keys, from those to every message, receipt and entry. No store, no clock. */
#include "audit/audit.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "exchange/case.h"
#include "exchange/stream-note.h"
#include "wire/receipt.h"
#include <string.h>

enum { KEYS_MAX = 4096, IDENTITIES_MAX = 1024 };

struct key {
	char member[DIRECTORY_NAME_MAX + 1];
	struct directory_key key;
	bool revoked;
	int64_t revoked_s;
};
struct identity {
	char member[DIRECTORY_NAME_MAX + 1];
	struct note_verifier vkey;
};
struct check {
	const struct note_verifier *trusted;
	size_t trusted_n;
	unsigned witnesses;
	struct case_report report;
	struct directory_members members; /* the last one that was checked */
	struct directory_node node;	  /* scratch */
	struct identity identity[IDENTITIES_MAX];
	size_t identity_n;
	struct key key[KEYS_MAX];
	size_t key_n;
	const json_t *messages;
};

/* ---- reading ---- */

static const json_t *list_of(const json_t *o, const char *name, size_t max, int *ret_code)
{
	const json_t *list = json_object_get(o, name);
	if (!json_is_array(list) && *ret_code == 0)
		*ret_code = -ERR_FORMAT;
	if (json_array_size(list) > max && *ret_code == 0)
		*ret_code = -ERR_OVERSIZE;
	return list;
}

static int note_of(const json_t *text, struct note *n, struct err *e)
{
	const char *s = json_string_value(text);
	if (!s)
		return err_set(e, ERR_FORMAT, "case", "A note is missing, or no text.");
	return note_parse(s, json_string_length(text), n, e);
}

/* ---- members ---- */

static unsigned count(uint64_t mask)
{
	return (unsigned)__builtin_popcountll(mask);
}

static bool trusts(const struct check *c, const struct note_verifier *v)
{
	for (size_t i = 0; i < c->trusted_n; i++)
		if (memcmp(v->pk32, c->trusted[i].pk32, 32) == 0 &&
		    strcmp(v->name, c->trusted[i].name) == 0)
			return true;
	return false;
}

/* Version 1: of its governors, those whom the verifier trusts. */
static int check_first(const struct check *c, const struct note *n,
		       const struct directory_members *m, struct err *e)
{
	struct note_verifier known[DIRECTORY_GOVERNORS_MAX];
	size_t known_n = 0;
	uint64_t mask = 0;
	for (size_t i = 0; i < m->governors_n; i++)
		if (trusts(c, &m->governors[i]))
			known[known_n++] = m->governors[i];
	int r = note_verify(n, known, known_n, &mask, e);
	if (r < 0)
		return r;
	if (count(mask) < m->threshold)
		return err_set(e, ERR_KEY_UNKNOWN, "members",
			       "%u of the governors given have signed, %u are needed.", count(mask),
			       m->threshold);
	return 0;
}

static int check_next(const struct check *c, const struct note *n,
		      const struct directory_members *m, const uint8_t *before32, struct err *e)
{
	uint64_t mask = 0;
	if (m->version != c->members.version + 1)
		return err_set(e, ERR_GAP, "members", "Version %llu follows %llu.",
			       (unsigned long long)m->version,
			       (unsigned long long)c->members.version);
	if (memcmp(m->previous32, before32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "members",
			       "Version %llu does not follow the one before it.",
			       (unsigned long long)m->version);
	int r = note_verify(n, c->members.governors, c->members.governors_n, &mask, e);
	if (r >= 0 && count(mask) < c->members.threshold)
		r = err_set(e, ERR_SIGNATURE, "members",
			    "Version %llu is not signed by enough governors.",
			    (unsigned long long)m->version);
	return r;
}

static int add_identities(struct check *c, const struct directory_members *m, struct err *e)
{
	for (size_t i = 0; i < m->members_n; i++) {
		if (c->identity_n == IDENTITIES_MAX)
			return err_set(e, ERR_OVERSIZE, "members", "Too many identities.");
		struct identity *v = &c->identity[c->identity_n++];
		memcpy(v->member, m->members[i].name, sizeof(v->member));
		v->vkey = m->members[i].identity;
	}
	return 0;
}

static int check_members(struct check *c, const json_t *list, struct err *e)
{
	_cleanup_(freep) struct directory_members *m = malloc(sizeof(*m));
	uint8_t before32[32] = {0};
	const json_t *text;
	size_t i;
	int r = m ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
	json_array_foreach (list, i, text) {
		struct note n;
		if (r >= 0)
			r = note_of(text, &n, e);
		if (r >= 0)
			r = directory_members_decode(n.p, n.text_len, m, e);
		if (r >= 0 && i == 0 && m->version != 1)
			r = err_set(e, ERR_GAP, "members", "The first version is not 1.");
		if (r >= 0)
			r = i == 0 ? check_first(c, &n, m, e) : check_next(c, &n, m, before32, e);
		if (r >= 0)
			r = add_identities(c, m, e);
		if (r < 0)
			return r;
		c->members = *m;
		note_text_hash(&n, before32);
	}
	if (r >= 0 && c->members.version == 0)
		r = err_set(e, ERR_FIELD_MISSING, "members", "There is no members note.");
	c->report.members_version = c->members.version;
	return r;
}

/* ---- node notes ---- */

static int verify_identity(const struct check *c, const struct note *n, const char *member,
			   struct err *e)
{
	int r = -ERR_MEMBER_UNKNOWN;
	for (size_t i = 0; i < c->identity_n; i++) {
		if (strcmp(c->identity[i].member, member) != 0)
			continue;
		r = note_verify_one(n, &c->identity[i].vkey, NULL);
		if (r != -ERR_KEY_UNKNOWN)
			break;
	}
	return r < 0 ? err_set(e, r, "nodes", "Node note of %s: %s", member, err_sentence(r)) : 0;
}

static struct key *find_key(struct check *c, const char *member, const struct note_verifier *v)
{
	for (size_t i = 0; i < c->key_n; i++)
		if (strcmp(c->key[i].member, member) == 0 &&
		    strcmp(c->key[i].key.vkey.name, v->name) == 0 &&
		    memcmp(c->key[i].key.vkey.pk32, v->pk32, 32) == 0)
			return &c->key[i];
	return NULL;
}

/* A key that stands in several notes has its latest end and its earliest revocation. */
static int add_keys(struct check *c, const struct directory_node *n, struct err *e)
{
	for (size_t i = 0; i < n->keys_n; i++) {
		struct key *k = find_key(c, n->name, &n->keys[i].vkey);
		if (!k && c->key_n == KEYS_MAX)
			return err_set(e, ERR_OVERSIZE, "nodes", "Too many keys.");
		if (!k) {
			k = &c->key[c->key_n++];
			memcpy(k->member, n->name, sizeof(k->member));
			k->key = n->keys[i];
		}
		if (k->key.until_s < n->keys[i].until_s)
			k->key.until_s = n->keys[i].until_s;
	}
	return 0;
}

static void add_revoked(struct check *c, const struct directory_node *n)
{
	for (size_t i = 0; i < n->revoked_n; i++) {
		struct key *k = find_key(c, n->name, &n->revoked[i].vkey);
		if (!k || (k->revoked && k->revoked_s <= n->revoked[i].since_s))
			continue;
		k->revoked = true;
		k->revoked_s = n->revoked[i].since_s;
	}
}

static int check_nodes(struct check *c, const json_t *list, struct err *e)
{
	const json_t *text;
	size_t i;
	json_array_foreach (list, i, text) {
		struct note n;
		int r = note_of(text, &n, e);
		if (r >= 0)
			r = directory_node_decode(n.p, n.text_len, &c->node, e);
		if (r >= 0)
			r = verify_identity(c, &n, c->node.name, e);
		if (r >= 0)
			r = add_keys(c, &c->node, e);
		if (r < 0)
			return r;
		add_revoked(c, &c->node);
	}
	return 0;
}

/* ---- texts of nodes ---- */

static bool sig_is(const struct note *n, const struct note_sig *s, const struct note_verifier *v)
{
	return s->key_id == v->key_id && s->name_len == strlen(v->name) &&
	       memcmp(n->p + s->name_off, v->name, s->name_len) == 0;
}

/* Signed by a key of this member and kind that may speak at this time? */
static int verify_by(struct check *c, const struct note *n, const char *member,
		     enum directory_key_kind kind, int64_t time_s, struct err *e)
{
	int code = -ERR_KEY_UNKNOWN;
	for (size_t i = 0; i < c->key_n; i++) {
		const struct key *k = &c->key[i];
		for (size_t s = 0; s < n->sigs_n; s++) {
			if (k->key.kind != kind || strcmp(k->member, member) != 0 ||
			    !sig_is(n, &n->sigs[s], &k->key.vkey))
				continue;
			int r = note_verify_one(n, &k->key.vkey, e);
			if (r < 0)
				return r;
			if (k->revoked && time_s >= k->revoked_s) {
				code = -ERR_KEY_REVOKED;
				continue;
			}
			if (time_s > k->key.until_s) {
				code = -ERR_KEY_EXPIRED;
				continue;
			}
			c->report.revoked += k->revoked;
			return 0;
		}
	}
	return err_set(e, code, "key", "A text of %s: %s", member, err_sentence(code));
}

/* ---- messages ---- */

struct message {
	uint8_t id16[16];
	struct parcel_outer outer; /* of the last parcel */
	const json_t *json;
};

static int bad(struct err *e, int code, const struct message *m, const char *what)
{
	return err_set(e, code, "messages", "Message %s: %s",
		       json_string_value(json_object_get(m->json, "id")), what);
}

static int check_parcel(struct check *c, struct message *m, const json_t *text, bool first,
			struct err *e)
{
	struct note n;
	struct parcel_outer o;
	int r = note_of(text, &n, e);
	if (r >= 0)
		r = parcel_outer_decode(n.p, n.text_len, &o, e);
	if (r >= 0)
		r = verify_by(c, &n, o.from, DIRECTORY_KEY_NODE, o.time_s, e);
	if (r < 0)
		return r;
	if (memcmp(o.id16, m->id16, 16) != 0)
		return bad(e, ERR_CONFLICT, m, "an outer note is about another one.");
	if (strcmp(o.from, c->report.node) != 0 && strcmp(o.to, c->report.node) != 0)
		return bad(e, ERR_CONFLICT, m, "neither from nor to the node of this file.");
	if (!first && (memcmp(o.sha256, m->outer.sha256, 32) != 0 ||
		       strcmp(o.from, m->outer.from) != 0 || strcmp(o.to, m->outer.to) != 0))
		return bad(e, ERR_CONFLICT, m, "its outer notes contradict each other.");
	m->outer = o;
	return 0;
}

static int check_part(struct check *c, const struct message *m, const struct parcel_part *part,
		      const json_t *data, struct err *e)
{
	const char *text = json_string_value(data);
	uint8_t hash[SHA256_LEN];
	size_t len = 0;
	if (json_is_null(data)) {
		c->report.parts_absent++;
		return 0;
	}
	_cleanup_(freep) uint8_t *p = text ? malloc(strlen(text) + 1) : NULL;
	if (!p || base64_decode(BASE64_PADDED, text, strlen(text), p, strlen(text) + 1, &len) < 0)
		return bad(e, ERR_FORMAT, m, "a part is no base64.");
	sha256(p, len, hash);
	if (len != part->size || memcmp(hash, part->sha256, sizeof(hash)) != 0)
		return bad(e, ERR_CRYPTO, m, "a part is not the one that the manifest speaks of.");
	c->report.parts++;
	return 0;
}

static int check_manifest(struct check *c, const struct message *m, struct err *e)
{
	const json_t *text = json_object_get(m->json, "manifest"),
		     *parts = json_object_get(m->json, "parts");
	_cleanup_(freep) struct parcel_manifest *f = malloc(sizeof(*f));
	struct note n;
	if (!text)
		return 0;
	int r = f ? note_of(text, &n, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r >= 0)
		r = parcel_manifest_decode(n.p, n.text_len, f, e);
	if (r >= 0)
		r = verify_by(c, &n, f->from, DIRECTORY_KEY_EVIDENCE, m->outer.time_s, e);
	if (r < 0)
		return r;
	if (strcmp(f->from, m->outer.from) != 0 || !parcel_to_has(f, m->outer.to))
		return bad(e, ERR_DENIED, m, "inside and outside name other nodes.");
	if (json_array_size(parts) != f->parts_n)
		return bad(e, ERR_CRYPTO, m, "it has not the parts that the manifest names.");
	for (size_t i = 0; r >= 0 && i < f->parts_n; i++)
		r = check_part(c, m, &f->parts[i], json_array_get(parts, i), e);
	return r;
}

static int check_stated(struct check *c, const struct message *m, const struct note *n,
			struct err *e)
{
	struct stream_non_delivery v;
	int r = stream_non_delivery_decode(n->p, n->text_len, &v, e);
	if (r >= 0)
		r = verify_by(c, n, v.from, DIRECTORY_KEY_NODE, v.time_s, e);
	if (r < 0)
		return r;
	if (strcmp(v.from, m->outer.from) != 0 || memcmp(v.id16, m->id16, 16) != 0)
		return bad(e, ERR_CONFLICT, m, "a note of non-delivery is about another one.");
	return 0;
}

static int check_receipt(struct check *c, const struct message *m, const json_t *text,
			 struct err *e)
{
	struct note n;
	struct receipt v;
	int r = note_of(text, &n, e);
	c->report.receipts++;
	if (r >= 0 && note_is(&n, STREAM_TYPE_NON_DELIVERY))
		return check_stated(c, m, &n, e);
	if (r >= 0)
		r = receipt_decode(n.p, n.text_len, &v, e);
	if (r >= 0)
		r = verify_by(c, &n, v.from, DIRECTORY_KEY_NODE, v.time_s, e);
	if (r < 0)
		return r;
	if (strcmp(v.from, m->outer.to) != 0 || strcmp(v.to, m->outer.from) != 0 ||
	    memcmp(v.id16, m->id16, 16) != 0 || memcmp(v.sha256, m->outer.sha256, 32) != 0)
		return bad(e, ERR_CONFLICT, m, "a receipt is about another one.");
	return 0;
}

static int check_message(struct check *c, const json_t *o, struct err *e)
{
	struct message m = {.json = o};
	const char *id = json_string_value(json_object_get(o, "id"));
	const json_t *text;
	size_t i;
	int r = id ? hex_decode(id, strlen(id), m.id16, 16) : -ERR_FORMAT;
	const json_t *parcels = list_of(o, "parcels", CASE_MESSAGES_MAX, &r),
		     *receipts = list_of(o, "receipts", CASE_MESSAGES_MAX, &r);
	if (r < 0 || json_array_size(parcels) == 0)
		return err_set(e, r < 0 ? r : -ERR_FORMAT, "messages", "A message is malformed.");
	json_array_foreach (parcels, i, text) {
		if (r >= 0)
			r = check_parcel(c, &m, text, i == 0, e);
	}
	if (r >= 0)
		r = check_manifest(c, &m, e);
	json_array_foreach (receipts, i, text) {
		if (r >= 0)
			r = check_receipt(c, &m, text, e);
	}
	c->report.messages++;
	return r;
}

/* ---- entries ---- */

/* The event is about the request of the file, or about one of its messages. */
static bool target_fits(const struct check *c, const char *target)
{
	const json_t *m;
	size_t i;
	if (strncmp(target, "request ", 8) == 0)
		return strcmp(target + 8, c->report.request) == 0;
	if (strncmp(target, "parcel ", 7) != 0)
		return false;
	json_array_foreach (c->messages, i, m) {
		const char *id = json_string_value(json_object_get(m, "id"));
		if (id && strcmp(id, target + 7) == 0)
			return true;
	}
	return false;
}

static int check_event(struct check *c, const json_t *o, const struct audit_entry *entry,
		       struct err *e)
{
	const json_t *text = json_object_get(o, "event");
	const char *event = json_string_value(text),
		   *salt = json_string_value(json_object_get(o, "salt"));
	uint8_t salt32[AUDIT_SALT_LEN], commit32[32];
	_cleanup_(json_decrefp) json_t *j = NULL;
	if (!event && !salt) {
		c->report.erased++;
		return 0;
	}
	if (!event || !salt || hex_decode(salt, strlen(salt), salt32, sizeof(salt32)) < 0)
		return err_set(e, ERR_FORMAT, "entries", "Event and salt belong together.");
	audit_commit(salt32, event, json_string_length(text), commit32);
	if (memcmp(commit32, entry->commit32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "entries",
			       "The event of entry %llu is not what was logged.",
			       (unsigned long long)entry->seq);
	int r = json_parse(event, json_string_length(text), &j, e);
	const char *target = r < 0 ? NULL : json_string_value(json_object_get(j, "target"));
	if (r >= 0 && (!target || !target_fits(c, target)))
		r = err_set(e, ERR_CONFLICT, "entries", "Entry %llu is about something else.",
			    (unsigned long long)entry->seq);
	return r;
}

static void count_witness(struct check *c, const char *name)
{
	struct case_report *p = &c->report;
	size_t i = 0;
	while (i < p->witness_n && strcmp(p->witness[i].name, name) != 0)
		i++;
	if (i == CASE_WITNESSES_MAX)
		return;
	if (i == p->witness_n)
		snprintf(p->witness[p->witness_n++].name, sizeof(p->witness[i].name), "%s", name);
	p->witness[i].entries++;
}

/* Countersignatures of other members' logs; one member counts once, whichever of its keys signed. */
static int check_witnesses(struct check *c, const char *proof, size_t len, uint64_t seq,
			   struct err *e)
{
	const char *last = "";
	unsigned n = 0;
	for (size_t i = 0; i < c->key_n; i++) {
		const struct key *k = &c->key[i];
		int64_t time_s;
		if (k->key.kind != DIRECTORY_KEY_AUDIT || strcmp(k->member, c->report.node) == 0 ||
		    strcmp(k->member, last) == 0)
			continue;
		int r = audit_proof_cosigned(proof, len, &k->key.vkey, &time_s, e);
		if (r == -ERR_KEY_UNKNOWN || (r == 0 && k->revoked && time_s >= k->revoked_s))
			continue;
		if (r < 0)
			return r;
		last = k->member;
		count_witness(c, k->key.vkey.name);
		n++;
	}
	if (n < c->witnesses)
		return err_set(e, ERR_UNWITNESSED, "entries",
			       "Entry %llu is countersigned by %u members, %u are asked for.",
			       (unsigned long long)seq, n, c->witnesses);
	return 0;
}

static int verify_proof(const struct check *c, const char *proof, size_t len,
			struct audit_proof *ret, struct err *e)
{
	int code = err_set(e, ERR_KEY_UNKNOWN, "entries",
			   "The log of %s is signed by no key of its node notes.", c->report.node);
	for (size_t i = 0; code == -ERR_KEY_UNKNOWN && i < c->key_n; i++) {
		const struct key *k = &c->key[i];
		if (k->key.kind == DIRECTORY_KEY_AUDIT && strcmp(k->member, c->report.node) == 0)
			code = audit_proof_verify(proof, len, &k->key.vkey, ret, e);
	}
	return code;
}

static int check_entry(struct check *c, const json_t *o, struct err *e)
{
	const json_t *text = json_object_get(o, "proof");
	const char *proof = json_string_value(text);
	size_t len = json_string_length(text);
	struct audit_proof p;
	if (!proof)
		return err_set(e, ERR_FORMAT, "entries", "An entry has no proof.");
	int r = verify_proof(c, proof, len, &p, e);
	if (r >= 0)
		r = check_event(c, o, &p.entry, e);
	if (r >= 0)
		r = check_witnesses(c, proof, len, p.entry.seq, e);
	if (r < 0)
		return r;
	struct case_report *q = &c->report;
	q->first_s = q->entries == 0 || p.entry.time_s < q->first_s ? p.entry.time_s : q->first_s;
	q->last_s = p.entry.time_s > q->last_s ? p.entry.time_s : q->last_s;
	q->log_size = p.head.size > q->log_size ? p.head.size : q->log_size;
	q->entries++;
	return 0;
}

/* ---- the file ---- */

static int read_head(struct check *c, const json_t *o, struct err *e)
{
	const char *type = json_string_value(json_object_get(o, "type")), *node, *request;
	int64_t waiting = 0;
	if (!type || strncmp(type, CASE_TYPE, strlen(CASE_TYPE) - 1) != 0)
		return err_set(e, ERR_FORMAT, "type", "This is no case file.");
	if (strcmp(type, CASE_TYPE) != 0)
		return err_set(e, ERR_VERSION, "type", NULL);
	int r = json_need_str(o, "node", 1, DIRECTORY_NAME_MAX, &node, e);
	if (r >= 0)
		r = json_need_str(o, "request", 1, REQUEST_ID_LEN, &request, e);
	if (r >= 0)
		r = json_need_int(o, "waiting", 0, INT64_MAX, &waiting, e);
	if (r < 0)
		return err_set(e, ERR_FORMAT, "case", "A member is missing or malformed.");
	snprintf(c->report.node, sizeof(c->report.node), "%s", node);
	snprintf(c->report.request, sizeof(c->report.request), "%s", request);
	c->report.waiting = (uint64_t)waiting;
	return 0;
}

static int check_file(struct check *c, const json_t *o, struct err *e)
{
	const json_t *item;
	size_t i;
	int r = read_head(c, o, e);
	if (r < 0)
		return r;
	const json_t *members = list_of(o, "members", CASE_MESSAGES_MAX, &r),
		     *nodes = list_of(o, "nodes", CASE_ENTRIES_MAX, &r),
		     *entries = list_of(o, "entries", CASE_ENTRIES_MAX, &r);
	c->messages = list_of(o, "messages", CASE_MESSAGES_MAX, &r);
	if (r < 0)
		return err_set(e, r, "case", "A list is missing or too long.");
	r = check_members(c, members, e);
	if (r >= 0)
		r = check_nodes(c, nodes, e);
	json_array_foreach (c->messages, i, item) {
		if (r >= 0)
			r = check_message(c, item, e);
	}
	json_array_foreach (entries, i, item) {
		if (r >= 0)
			r = check_entry(c, item, e);
	}
	return r;
}

int case_verify(const void *p, size_t len, const struct note_verifier *governors,
		size_t governors_n, unsigned witnesses, struct case_report *ret, struct err *e)
{
	json_error_t je;
	if (len > CASE_MAX)
		return err_set(e, ERR_OVERSIZE, "case", "A case file has at most %d bytes.",
			       CASE_MAX);
	_cleanup_(json_decrefp) json_t *o = json_loadb(p, len, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(o))
		return err_set(e, ERR_FORMAT, "case", "Not a case file: line %d: %s", je.line,
			       je.text);
	_cleanup_(freep) struct check *c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	c->trusted = governors;
	c->trusted_n = governors_n;
	c->witnesses = witnesses;
	int r = check_file(c, o, e);
	if (r >= 0)
		*ret = c->report;
	return r;
}
