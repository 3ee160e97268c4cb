/* SPDX-License-Identifier: Apache-2.0
 * The directory of a node: the notes in force, their keys, and questions about them.
 *
 * Rows are the truth; in memory is a decoded copy of the notes in force, thrown away after each install and read again when it
 * is asked for. */
#include "audit/audit.h"
#include "crypto/crypto.h"
#include "exchange/exchange-int.h"
#include "exchange/fault.h"
#include <string.h>

const char *const directory_type_names[] = {"members", "node", "policy"};

/* ---- the copy in memory ---- */

void directory_forget(struct directory *d)
{
	for (size_t i = 0; i < d->nodes_n; i++)
		free(d->nodes[i]);
	d->nodes_n = 0;
	d->loaded = d->have_members = d->have_policy = false;
}

int directory_new(struct exchange *x, struct directory **ret_d, struct err *e)
{
	struct directory *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	d->x = x;
	*ret_d = d;
	return 0;
}

struct exchange *directory_exchange(struct directory *d)
{
	return d->x;
}

struct directory *directory_free(struct directory *d)
{
	if (!d)
		return NULL;
	directory_forget(d);
	free(d);
	return NULL;
}

static int load_node(struct directory *d, const char *text, size_t len, struct err *e)
{
	struct directory_node *n = malloc(sizeof(*n));
	if (!n)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = directory_node_decode(text, len, n, e);
	if (r < 0 || d->nodes_n == DIRECTORY_MEMBERS_MAX) {
		free(n);
		return r;
	}
	d->nodes[d->nodes_n++] = n;
	return 0;
}

static int load_row(struct directory *d, struct store_rows *rows, struct err *e)
{
	size_t len;
	struct note n;
	const char *type = row_text(rows, "type", NULL);
	const void *p = row_blob(rows, "note", &len);
	int r = note_parse(p, len, &n, e);
	if (r < 0)
		return r;
	if (strcmp(type, directory_type_names[DIRECTORY_NODE]) == 0)
		return directory_member(d, row_text(rows, "name", NULL))
			       ? load_node(d, n.p, n.text_len, e)
			       : 0;
	if (strcmp(type, directory_type_names[DIRECTORY_POLICY]) == 0) {
		r = directory_policy_decode(n.p, n.text_len, &d->policy, e);
		d->have_policy = r == 0;
		return r;
	}
	r = directory_members_decode(n.p, n.text_len, &d->members, e);
	d->have_members = r == 0;
	return r;
}

int directory_load(struct directory *d, struct err *e)
{
	if (d->loaded)
		return 0;
	directory_forget(d);
	d->loaded =
		true; /* also while loading: directory_member() below asks for what is there already */
	STORE_ROWS(rows);
	int r = store_query(
		d->x->s,
		"SELECT n.type AS type, n.name AS name, n.note AS note FROM exchange_note n WHERE n.accepted = 1"
		" AND n.version = (SELECT MAX(m.version) FROM exchange_note m WHERE m.type = n.type AND"
		" m.name = n.name AND m.accepted = 1) ORDER BY n.type, n.name", /* members come first */
		NO_VALS, &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0)
		if ((r = load_row(d, &rows, e)) < 0)
			break;
	if (r < 0)
		directory_forget(d);
	return r < 0 ? r : 0;
}

/* ---- questions ---- */

const struct directory_members *directory_members(struct directory *d)
{
	return directory_load(d, NULL) == 0 && d->have_members ? &d->members : NULL;
}

const struct directory_policy *directory_policy(struct directory *d)
{
	static const struct directory_policy builtin = {
		.class = {{10, 600, 1800},
			  {60, 1800, 28800},
			  {60, 28800, 259200},
			  {300, 86400, 604800}},
	};
	return directory_load(d, NULL) == 0 && d->have_policy ? &d->policy : &builtin;
}

const struct directory_member *directory_member(struct directory *d, const char *name)
{
	const struct directory_members *m = directory_members(d);
	for (size_t i = 0; m && i < m->members_n; i++)
		if (strcmp(m->members[i].name, name) == 0)
			return &m->members[i];
	return NULL;
}

const struct directory_node *directory_node(struct directory *d, const char *name)
{
	if (directory_load(d, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < d->nodes_n; i++)
		if (strcmp(d->nodes[i]->name, name) == 0)
			return d->nodes[i];
	return NULL;
}

static bool in_force(const struct directory_node *n, int64_t now_s)
{
	return n->from_s - EXCHANGE_TOLERANCE_S <= now_s &&
	       now_s <= n->until_s + EXCHANGE_TOLERANCE_S;
}

const char *directory_by_pin(struct directory *d, const uint8_t pin32[static 32], int64_t now_s)
{
	if (directory_load(d, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < d->nodes_n; i++) {
		const struct directory_node *n = d->nodes[i];
		for (size_t j = 0; in_force(n, now_s) && j < n->pins_n; j++)
			if (memcmp(n->pins[j], pin32, 32) == 0)
				return n->name;
	}
	return NULL;
}

/* Since when nothing can be encrypted to a member, in words. */
static int no_epoch(const struct directory_node *n, const char *name, int64_t now_s, struct err *e)
{
	char t[TIME_TEXT_MAX];
	int64_t since = n->until_s;
	for (size_t i = 0; i < n->epochs_n; i++)
		if (i == 0 || n->epochs[i].until_s > since)
			since = n->epochs[i].until_s;
	if (since > n->until_s)
		since = n->until_s;
	if (since > now_s)
		return err_set(
			e, ERR_KEY_EXPIRED, "to",
			"%s has no encryption key for now: its first begins later. Compare the clocks.",
			name);
	return err_set(
		e, ERR_KEY_EXPIRED, "to",
		"%s has had no fresh encryption key since %s. Nothing is sent until it publishes a new node note.",
		name, time_utc(since, t));
}

int directory_epoch_key(struct directory *d, const char *name, int64_t now_s,
			struct directory_epoch *ret, struct err *e)
{
	const struct directory_members *m = directory_members(d);
	const struct directory_node *n = directory_node(d, name);
	const struct directory_epoch *best = NULL;
	char t[TIME_TEXT_MAX];
	if (!m || !directory_member(d, name))
		return err_set(e, ERR_MEMBER_UNKNOWN, "to", "%.64s is not a member of the network.",
			       name);
	if (now_s > m->until_s + EXCHANGE_TOLERANCE_S)
		return err_set(
			e, ERR_KEY_EXPIRED, "members",
			"The members note has expired on %s; governance must sign a new one.",
			time_utc(m->until_s, t));
	if (!n)
		return err_set(e, ERR_KEY_UNKNOWN, "to", "No node note of %s has come yet.", name);
	for (size_t i = 0; in_force(n, now_s) && i < n->epochs_n; i++)
		if (n->epochs[i].from_s <= now_s && now_s < n->epochs[i].until_s)
			best = &n->epochs[i];
	if (!best)
		return no_epoch(n, name, now_s, e);
	*ret = *best;
	return 0;
}

static int key_row(struct directory *d, const char *member, const char *name, uint32_t key_id,
		   struct directory_key *ret, int64_t *ret_revoked_s, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		d->x->s,
		"SELECT k.kind AS kind, k.pk AS pk, k.from_s AS from_s, k.until_s AS until_s, r.since_s AS revoked_s"
		" FROM exchange_key k LEFT JOIN exchange_revoked r ON r.member = k.member AND r.name = k.name AND"
		" r.pk = k.pk WHERE k.member = ? AND k.name = ? AND k.key_id = ? ORDER BY k.until_s DESC LIMIT 1",
		VALS(val_text(member), val_text(name), val_i64(key_id)), &rows, e);
	if (r <= 0)
		return r < 0 ? r : err_set(e, ERR_KEY_UNKNOWN, name, NULL);
	ret->kind = (enum directory_key_kind)row_i64(&rows, "kind");
	ret->from_s = row_i64(&rows, "from_s");
	ret->until_s = row_i64(&rows, "until_s");
	row_copy(&rows, "pk", ret->vkey.pk32, 32);
	*ret_revoked_s = row_null(&rows, "revoked_s") ? INT64_MAX : row_i64(&rows, "revoked_s");
	ret->vkey.key_id = key_id;
	snprintf(ret->vkey.name, sizeof(ret->vkey.name), "%s", name);
	return row_err(&rows, e);
}

int directory_key_check(struct directory *d, const char *member, enum directory_key_kind kind,
			const char *name, size_t name_len, uint32_t key_id, int64_t time_s,
			struct directory_key *ret, struct err *e)
{
	char key_name[NOTE_KEY_NAME_MAX + 1];
	struct directory_key k;
	int64_t revoked_s = INT64_MAX;
	if (!directory_member(d, member))
		return err_set(e, ERR_MEMBER_UNKNOWN, member, NULL);
	if (name_len > NOTE_KEY_NAME_MAX)
		return err_set(e, ERR_KEY_UNKNOWN, "key", NULL);
	memcpy(key_name, name, name_len);
	key_name[name_len] = '\0';
	int r = key_row(d, member, key_name, key_id, &k, &revoked_s, e);
	if (r < 0)
		return r;
	if (k.kind != kind)
		return err_set(e, ERR_KEY_TYPE, key_name, NULL);
	if (FAULT(BACK_DATED) ? time_s >= revoked_s : revoked_s != INT64_MAX)
		return err_set(e, ERR_KEY_REVOKED, key_name, NULL);
	if (time_s > k.until_s)
		return err_set(e, ERR_KEY_EXPIRED, key_name, NULL);
	*ret = k;
	return 0;
}

int directory_key_stands(struct directory *d, const char *name, size_t name_len, uint32_t key_id,
			 bool *ret, struct err *e)
{
	const struct directory_node *own = directory_node(d, d->x->node);
	struct directory_key key;
	*ret = false;
	for (size_t i = 0; own && i < own->keys_n; i++) {
		const struct directory_key *k = &own->keys[i];
		if (k->vkey.key_id != key_id || strlen(k->vkey.name) != name_len ||
		    memcmp(k->vkey.name, name, name_len) != 0)
			continue;
		int r = directory_key_check(d, own->name, k->kind, name, name_len, key_id,
					    k->from_s, &key, NULL);
		*ret = r == 0;
		return r == -ERR_IO || r == -ERR_BUSY ? err_set(e, r, "key", NULL) : 0;
	}
	return 0;
}

int directory_note(struct directory *d, enum directory_type t, const char *name, struct buf *out,
		   struct err *e)
{
	STORE_ROWS(rows);
	size_t len;
	int r = store_first(
		d->x->s,
		"SELECT note FROM exchange_note WHERE type = ? AND name = ? AND accepted = 1"
		" ORDER BY version DESC LIMIT 1",
		VALS(val_text(directory_type_names[t]), val_text(name)), &rows, e);
	if (r <= 0)
		return r < 0 ? r
			     : err_set(e, ERR_NOENT, directory_type_names[t],
				       "No %s note %s is here.", directory_type_names[t], name);
	const void *p = row_blob(&rows, "note", &len);
	buf_put(out, p, len);
	r = row_err(&rows, e);
	return r < 0 ? r : buf_err(out);
}
