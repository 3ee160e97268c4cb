/* SPDX-License-Identifier: Apache-2.0
 * Directory notes from and to JSON: drafts for people to sign, answers of the API (docs/protocol/directory.md 8). */
#include "base/text.h"
#include "exchange/directory-int.h"
#include <string.h>

/* ---- reading ---- */

static int copy(char *out, size_t size, const char *v, const char *key, struct err *e)
{
	size_t n = strlen(v);
	if (n >= size)
		return err_set(e, ERR_OVERSIZE, key, "%s: at most %zu bytes", key, size - 1);
	memcpy(out, v, n + 1);
	return 0;
}

static int need_text(const json_t *o, const char *key, char *out, size_t size, struct err *e)
{
	const char *v = NULL;
	int r = json_need_str(o, key, 1, size - 1, &v, e);
	return r < 0 ? r : copy(out, size, v, key, e);
}

static int opt_text(const json_t *o, const char *key, char *out, size_t size, struct err *e)
{
	const char *v = NULL;
	int r = json_opt_str(o, key, 0, size - 1, &v, e);
	return r < 0 || !v ? r : copy(out, size, v, key, e);
}

static int bytes32(const char *v, const char *key, uint8_t out[static 32], struct err *e)
{
	size_t n;
	uint8_t p[32];
	if (base64_decode(BASE64_PADDED, v, strlen(v), p, sizeof(p), &n) < 0 || n != sizeof(p))
		return err_set(e, ERR_FORMAT, key, "%s: base64 of 32 bytes is needed", key);
	memcpy(out, p, sizeof(p));
	return 0;
}

static int need_b32(const json_t *o, const char *key, uint8_t out[static 32], struct err *e)
{
	const char *v = NULL;
	int r = json_need_str(o, key, 1, BASE64_LEN(32), &v, e);
	return r < 0 ? r : bytes32(v, key, out, e);
}

static int need_vkey(const json_t *o, const char *key, struct note_verifier *out, struct err *e)
{
	const char *v = NULL;
	int r = json_need_str(o, key, 1, NOTE_VKEY_MAX, &v, e);
	return r < 0 ? r : note_verifier_parse(v, strlen(v), out, e);
}

/* An array of at most max items; absent counts as empty. */
static int items(const json_t *o, const char *key, size_t max, const json_t **ret, size_t *ret_n,
		 struct err *e)
{
	const json_t *a = json_object_get(o, key);
	if (a && !json_is_array(a))
		return err_set(e, ERR_INVAL, key, "%s: an array is needed", key);
	size_t n = a ? json_array_size(a) : 0;
	if (n > max)
		return err_set(e, ERR_RANGE, key, "%s: at most %zu", key, max);
	*ret = a;
	*ret_n = n;
	return 0;
}

static int item_str(const json_t *a, size_t i, const char *key, const char **ret, struct err *e)
{
	const json_t *v = json_array_get(a, i);
	*ret = "";
	if (!json_is_string(v))
		return err_set(e, ERR_INVAL, key, "%s[%zu]: a string is needed", key, i);
	*ret = json_string_value(v);
	return 0;
}

static int read_link(const json_t *j, uint64_t *version, uint8_t previous32[static 32],
		     struct err *e)
{
	int64_t v = 1;
	const char *prev = NULL;
	int r = json_opt_int(j, "version", 1, INT64_MAX, &v, e);
	if (r < 0)
		return r;
	*version = (uint64_t)v;
	memset(previous32, 0, 32);
	r = json_opt_str(j, "previous", 0, BASE64_LEN(32), &prev, e);
	if (r < 0)
		return r;
	return prev ? bytes32(prev, "previous", previous32, e) : 0;
}

static int read_member(const json_t *o, struct directory_member *m, struct err *e)
{
	static const char *const keys[] = {"name", "country", "role", "key", NULL};
	int r = json_only(o, keys, e);
	if (r >= 0)
		r = need_text(o, "name", m->name, sizeof(m->name), e);
	if (r >= 0)
		r = need_text(o, "country", m->country, sizeof(m->country), e);
	if (r >= 0)
		r = need_text(o, "role", m->role, sizeof(m->role), e);
	return r < 0 ? r : need_vkey(o, "key", &m->identity, e);
}

static int by_member(const void *a, const void *b)
{
	return strcmp(((const struct directory_member *)a)->name,
		      ((const struct directory_member *)b)->name);
}

static int by_verifier(const void *a, const void *b)
{
	return strcmp(((const struct note_verifier *)a)->name,
		      ((const struct note_verifier *)b)->name);
}

static int read_governors(const json_t *j, struct directory_members *m, struct err *e)
{
	const json_t *a;
	int r = items(j, "governors", DIRECTORY_GOVERNORS_MAX, &a, &m->governors_n, e);
	for (size_t i = 0; r >= 0 && i < m->governors_n; i++) {
		const char *v;
		r = item_str(a, i, "governors", &v, e);
		if (r >= 0)
			r = note_verifier_parse(v, strlen(v), &m->governors[i], e);
	}
	if (r >= 0)
		qsort(m->governors, m->governors_n, sizeof(m->governors[0]), by_verifier);
	return r;
}

static int read_members(const json_t *j, struct directory_members *m, struct err *e)
{
	const json_t *a;
	int r = items(j, "members", DIRECTORY_MEMBERS_MAX, &a, &m->members_n, e);
	for (size_t i = 0; r >= 0 && i < m->members_n; i++)
		r = read_member(json_array_get(a, i), &m->members[i], e);
	if (r >= 0)
		qsort(m->members, m->members_n, sizeof(m->members[0]), by_member);
	return r;
}

int directory_members_draft(const json_t *j, struct buf *out, struct err *e)
{
	static const char *const keys[] = {"version",	"previous",  "time",	"until",
					   "threshold", "governors", "members", NULL};
	_cleanup_(freep) struct directory_members *m = calloc(1, sizeof(*m));
	int64_t threshold = 0;
	if (!m)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = read_link(j, &m->version, m->previous32, e);
	if (r >= 0)
		r = json_need_int(j, "time", 0, INT64_MAX, &m->time_s, e);
	if (r >= 0)
		r = json_need_int(j, "until", 0, INT64_MAX, &m->until_s, e);
	if (r >= 0)
		r = json_need_int(j, "threshold", 1, DIRECTORY_GOVERNORS_MAX, &threshold, e);
	m->threshold = (uint32_t)threshold;
	if (r >= 0)
		r = read_governors(j, m, e);
	if (r >= 0)
		r = read_members(j, m, e);
	return r < 0 ? r : directory_members_encode(m, out, e);
}

static int read_key(const json_t *o, struct directory_key *k, struct err *e)
{
	static const char *const keys[] = {"kind", "from", "until", "key", NULL};
	const char *kind;
	int r = json_only(o, keys, e);
	if (r >= 0)
		r = json_need_str(o, "kind", 1, 16, &kind, e);
	if (r < 0)
		return r;
	size_t i = 0;
	while (i <= DIRECTORY_KEY_AUDIT &&
	       strcmp(kind, directory_kind_name((enum directory_key_kind)i)) != 0)
		i++;
	if (i > DIRECTORY_KEY_AUDIT)
		return err_set(e, ERR_INVAL, "kind", "kind: node, evidence or audit");
	k->kind = (enum directory_key_kind)i;
	r = json_need_int(o, "from", 0, INT64_MAX, &k->from_s, e);
	if (r >= 0)
		r = json_need_int(o, "until", 0, INT64_MAX, &k->until_s, e);
	return r < 0 ? r : need_vkey(o, "key", &k->vkey, e);
}

static int by_key(const void *a, const void *b)
{
	const struct directory_key *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

static int by_epoch(const void *a, const void *b)
{
	const struct directory_epoch *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

static int by_revoked(const void *a, const void *b)
{
	const struct directory_revoked *x = a, *y = b;
	int r = strcmp(x->vkey.name, y->vkey.name);
	return r ? r : (x->since_s > y->since_s) - (x->since_s < y->since_s);
}

void directory_node_sort(struct directory_node *n)
{
	qsort(n->revoked, n->revoked_n, sizeof(n->revoked[0]), by_revoked);
	qsort(n->keys, n->keys_n, sizeof(n->keys[0]), by_key);
	qsort(n->epochs, n->epochs_n, sizeof(n->epochs[0]), by_epoch);
}

static int read_epoch(const json_t *o, struct directory_epoch *p, struct err *e)
{
	static const char *const keys[] = {"number", "from", "until", "key", NULL};
	int64_t number = 0;
	int r = json_only(o, keys, e);
	if (r >= 0)
		r = json_need_int(o, "number", 0, INT64_MAX, &number, e);
	if (r >= 0)
		r = json_need_int(o, "from", 0, INT64_MAX, &p->from_s, e);
	if (r >= 0)
		r = json_need_int(o, "until", 0, INT64_MAX, &p->until_s, e);
	p->number = (uint64_t)number;
	return r < 0 ? r : need_b32(o, "key", p->pk32, e);
}

static int read_keys(const json_t *j, struct directory_node *n, struct err *e)
{
	const json_t *a;
	int r = items(j, "keys", DIRECTORY_KEYS_MAX, &a, &n->keys_n, e);
	for (size_t i = 0; r >= 0 && i < n->keys_n; i++)
		r = read_key(json_array_get(a, i), &n->keys[i], e);
	if (r >= 0)
		r = items(j, "epochs", DIRECTORY_EPOCHS_MAX, &a, &n->epochs_n, e);
	for (size_t i = 0; r >= 0 && i < n->epochs_n; i++)
		r = read_epoch(json_array_get(a, i), &n->epochs[i], e);
	if (r < 0)
		return r;
	directory_node_sort(n);
	return 0;
}

static int read_contact(const json_t *o, struct directory_contact *c, struct err *e)
{
	const char *keys[DIRECTORY_CONTACT_FIELDS + 1];
	for (size_t i = 0; i < DIRECTORY_CONTACT_FIELDS; i++)
		keys[i] = directory_contact_fields[i].name;
	keys[DIRECTORY_CONTACT_FIELDS] = NULL;
	int r = json_only(o, keys, e);
	if (r >= 0)
		r = need_text(o, "function", c->function, sizeof(c->function), e);
	for (size_t i = 1; r >= 0 && i < DIRECTORY_CONTACT_FIELDS; i++)
		r = opt_text(o, keys[i], (char *)c + directory_contact_fields[i].off,
			     DIRECTORY_TEXT_MAX + 1, e);
	return r;
}

static int power_bit(const char *s, uint32_t *powers)
{
	for (size_t i = 0; directory_power_name(i); i++) {
		if (strcmp(s, directory_power_name(i)) == 0) {
			*powers |= 1u << i;
			return 0;
		}
	}
	return -ERR_INVAL;
}

static int read_abilities(const json_t *j, struct directory_node *n, struct err *e)
{
	const json_t *a;
	const char *v = NULL;
	size_t powers_n = 0;
	int r = items(j, "contacts", DIRECTORY_CONTACTS_MAX, &a, &n->contacts_n, e);
	for (size_t i = 0; r >= 0 && i < n->contacts_n; i++)
		r = read_contact(json_array_get(a, i), &n->contacts[i], e);
	if (r >= 0)
		r = items(j, "powers", 5, &a, &powers_n, e);
	for (size_t i = 0; r >= 0 && i < powers_n; i++) {
		r = item_str(a, i, "powers", &v, e);
		if (r >= 0 && power_bit(v, &n->powers) < 0)
			r = err_set(
				e, ERR_INVAL, "powers",
				"powers: %s is none of freeze, preserve, information, trace, custody",
				v);
	}
	if (r >= 0)
		r = items(j, "languages", DIRECTORY_LANGUAGES_MAX, &a, &n->languages_n, e);
	for (size_t i = 0; r >= 0 && i < n->languages_n; i++) {
		r = item_str(a, i, "languages", &v, e);
		if (r >= 0)
			r = copy(n->languages[i], sizeof(n->languages[0]), v, "languages", e);
	}
	return r < 0 ? r : opt_text(j, "duty", n->duty, sizeof(n->duty), e);
}

static int read_addresses(const json_t *j, struct directory_node *n, struct err *e)
{
	const json_t *a;
	const char *v = NULL;
	int r = items(j, "endpoints", DIRECTORY_ENDPOINTS_MAX, &a, &n->endpoints_n, e);
	for (size_t i = 0; r >= 0 && i < n->endpoints_n; i++) {
		r = item_str(a, i, "endpoints", &v, e);
		if (r >= 0)
			r = copy(n->endpoints[i], sizeof(n->endpoints[0]), v, "endpoints", e);
	}
	if (r >= 0)
		r = items(j, "pins", DIRECTORY_PINS_MAX, &a, &n->pins_n, e);
	for (size_t i = 0; r >= 0 && i < n->pins_n; i++) {
		r = item_str(a, i, "pins", &v, e);
		if (r >= 0)
			r = bytes32(v, "pins", n->pins[i], e);
	}
	return r;
}

static int read_revoked(const json_t *j, struct directory_node *n, struct err *e)
{
	static const char *const keys[] = {"since", "key", NULL};
	const json_t *a;
	int r = items(j, "revoked", DIRECTORY_REVOKED_MAX, &a, &n->revoked_n, e);
	for (size_t i = 0; r >= 0 && i < n->revoked_n; i++) {
		const json_t *o = json_array_get(a, i);
		r = json_only(o, keys, e);
		if (r >= 0)
			r = json_need_int(o, "since", 0, INT64_MAX, &n->revoked[i].since_s, e);
		if (r >= 0)
			r = need_vkey(o, "key", &n->revoked[i].vkey, e);
	}
	return r;
}

int directory_node_read(const json_t *j, struct directory_node *n, struct err *e)
{
	static const char *const keys[] = {
		"node",	  "version",  "previous", "from",      "until", "endpoints", "pins", "keys",
		"epochs", "contacts", "powers",	  "languages", "duty",	"revoked",   NULL};
	memset(n, 0, sizeof(*n));
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = need_text(j, "node", n->name, sizeof(n->name), e);
	if (r >= 0)
		r = read_link(j, &n->version, n->previous32, e);
	if (r >= 0)
		r = json_opt_int(j, "from", 0, INT64_MAX, &n->from_s, e);
	if (r >= 0)
		r = json_opt_int(j, "until", 0, INT64_MAX, &n->until_s, e);
	if (r >= 0)
		r = read_addresses(j, n, e);
	if (r >= 0)
		r = read_keys(j, n, e);
	if (r >= 0)
		r = read_abilities(j, n, e);
	return r < 0 ? r : read_revoked(j, n, e);
}

int directory_node_draft(const json_t *j, struct buf *out, struct err *e)
{
	_cleanup_(freep) struct directory_node *n = malloc(sizeof(*n));
	if (!n)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = directory_node_read(j, n, e);
	return r < 0 ? r : directory_node_encode(n, out, e);
}

/* ---- writing ---- */

static json_t *b64_json(const uint8_t p32[static 32])
{
	char s[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, p32, 32, s);
	return json_string(s);
}

static json_t *vkey_json(const struct note_verifier *v)
{
	char s[NOTE_VKEY_MAX + 1];
	note_verifier_text(v, s);
	return json_string(s);
}

json_t *directory_members_json(const struct directory_members *m)
{
	json_t *governors = json_array(), *members = json_array();
	for (size_t i = 0; i < m->governors_n; i++)
		json_array_append_new(governors, vkey_json(&m->governors[i]));
	for (size_t i = 0; i < m->members_n; i++) {
		const struct directory_member *x = &m->members[i];
		json_array_append_new(members, json_pack("{s:s, s:s, s:s, s:o}", "name", x->name,
							 "country", x->country, "role", x->role,
							 "key", vkey_json(&x->identity)));
	}
	return json_pack("{s:I, s:o, s:I, s:I, s:i, s:o, s:o}", "version", (json_int_t)m->version,
			 "previous", b64_json(m->previous32), "time", (json_int_t)m->time_s,
			 "until", (json_int_t)m->until_s, "threshold", (int)m->threshold,
			 "governors", governors, "members", members);
}

static json_t *contacts_json(const struct directory_node *n)
{
	json_t *a = json_array();
	for (size_t i = 0; i < n->contacts_n; i++) {
		json_t *o = json_object();
		for (size_t f = 0; f < DIRECTORY_CONTACT_FIELDS; f++) {
			const char *v =
				(const char *)&n->contacts[i] + directory_contact_fields[f].off;
			if (*v)
				json_object_set_new(o, directory_contact_fields[f].name,
						    json_string(v));
		}
		json_array_append_new(a, o);
	}
	return a;
}

static void keys_json(json_t *j, const struct directory_node *n)
{
	json_t *keys = json_array(), *epochs = json_array(), *revoked = json_array();
	for (size_t i = 0; i < n->keys_n; i++)
		json_array_append_new(keys, json_pack("{s:s, s:I, s:I, s:o}", "kind",
						      directory_kind_name(n->keys[i].kind), "from",
						      (json_int_t)n->keys[i].from_s, "until",
						      (json_int_t)n->keys[i].until_s, "key",
						      vkey_json(&n->keys[i].vkey)));
	for (size_t i = 0; i < n->epochs_n; i++)
		json_array_append_new(epochs, json_pack("{s:I, s:I, s:I, s:o}", "number",
							(json_int_t)n->epochs[i].number, "from",
							(json_int_t)n->epochs[i].from_s, "until",
							(json_int_t)n->epochs[i].until_s, "key",
							b64_json(n->epochs[i].pk32)));
	for (size_t i = 0; i < n->revoked_n; i++)
		json_array_append_new(revoked, json_pack("{s:I, s:o}", "since",
							 (json_int_t)n->revoked[i].since_s, "key",
							 vkey_json(&n->revoked[i].vkey)));
	json_object_set_new(j, "keys", keys);
	json_object_set_new(j, "epochs", epochs);
	json_object_set_new(j, "revoked", revoked);
}

json_t *directory_node_json(const struct directory_node *n)
{
	json_t *endpoints = json_array(), *pins = json_array(), *powers = json_array(),
	       *languages = json_array();
	for (size_t i = 0; i < n->endpoints_n; i++)
		json_array_append_new(endpoints, json_string(n->endpoints[i]));
	for (size_t i = 0; i < n->pins_n; i++)
		json_array_append_new(pins, b64_json(n->pins[i]));
	for (size_t i = 0; directory_power_name(i); i++)
		if (n->powers & 1u << i)
			json_array_append_new(powers, json_string(directory_power_name(i)));
	for (size_t i = 0; i < n->languages_n; i++)
		json_array_append_new(languages, json_string(n->languages[i]));
	json_t *j =
		json_pack("{s:s, s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "node", n->name,
			  "version", (json_int_t)n->version, "previous", b64_json(n->previous32),
			  "from", (json_int_t)n->from_s, "until", (json_int_t)n->until_s,
			  "endpoints", endpoints, "pins", pins, "contacts", contacts_json(n),
			  "powers", powers, "languages", languages);
	if (!j)
		return NULL;
	keys_json(j, n);
	if (n->duty[0])
		json_object_set_new(j, "duty", json_string(n->duty));
	return j;
}
