/* SPDX-License-Identifier: Apache-2.0
 * Directory notes as text: members, node, policy (docs/protocol/directory.md 2 to 4).
 *
 * Each type has one reader and one writer that walk the same lines in the same order. An encoder runs the decoder over its own
 * result, so that nothing leaves here that a peer would refuse. */
#include "base/text.h"
#include "exchange/directory-int.h"
#include <string.h>

static const char *const kind_names[] = {"node", "evidence", "audit"};
static const char *const power_names[] = {"freeze", "preserve", "information", "trace", "custody"};
static const char *const class_names[] = {"FLASH", "URGENT", "PRIORITY", "ROUTINE"};

const char *directory_kind_name(enum directory_key_kind k)
{
	return kind_names[k];
}

const char *directory_power_name(size_t bit)
{
	return bit < ARRAY_LEN(power_names) ? power_names[bit] : NULL;
}

const char *directory_class_name(enum directory_class c)
{
	return class_names[c];
}

bool directory_member_name_valid(const char *s)
{
	return name_valid(s, strlen(s)) && !strchr(s, '/');
}

/* ---- fields shared by the types ---- */

static void read_vkey(struct note_reader *r, struct note_word w, const char *field,
		      struct note_verifier *out)
{
	memset(out, 0, sizeof(*out));
	if (r->error)
		return;
	int k = note_verifier_parse(w.p, w.len, out, NULL);
	if (k < 0)
		note_reader_fail(r, k, field);
}

static void write_words(struct note_writer *w, const char *key, const char *a, const char *b,
			const char *c, const char *d)
{
	const char *words[4] = {a, b, c, d};
	size_t n = 0;
	while (n < ARRAY_LEN(words) && words[n])
		n++;
	note_put_words(w, key, words, n);
}

static const char *dec(int64_t v, char out[static 24])
{
	snprintf(out, 24, "%lld", (long long)v);
	return out;
}

static void read_version(struct note_reader *r, uint64_t *version, uint8_t previous32[static 32])
{
	static const uint8_t zero[32];
	*version = note_get_u64(r, "version", INT64_MAX);
	note_get_b64(r, "previous", previous32, 32);
	if (!r->error && *version == 0)
		note_reader_fail(r, -ERR_RANGE, "version");
	if (!r->error && (*version == 1) != (memcmp(previous32, zero, 32) == 0))
		note_reader_fail(r, -ERR_RANGE, "previous");
}

/* Optional lines at the end: kept with the note as bytes, of no meaning here. */
static void read_optional(struct note_reader *r)
{
	for (size_t n = 0; !r->error && n < DIRECTORY_OPTIONAL_MAX; n++) {
		if (cur_left(&r->c) < 3 || memcmp(r->c.p + r->c.pos, "x-", 2) != 0)
			return;
		size_t len;
		const char *line = cur_line(&r->c, NOTE_TEXT_MAX, &len);
		const char *space = line ? memchr(line, ' ', len) : NULL;
		if (!space || !name_valid(line, (size_t)(space - line)) || space + 1 == line + len)
			note_reader_fail(r, -ERR_FORMAT, "x-");
	}
}

static int lead(struct err *e, int code, const char *type)
{
	if (code < 0 && e && !strstr(e->message, type)) {
		char m[ERR_MESSAGE_MAX];
		snprintf(m, sizeof(m), "%s", e->message);
		snprintf(e->message, sizeof(e->message), "%s note: %.*s", type,
			 ERR_MESSAGE_MAX - 40, m);
	}
	return code;
}

/* ---- members ---- */

static void read_governors(struct note_reader *r, struct directory_members *m)
{
	while (!r->error && note_next_is(r, "governor")) {
		struct note_word w;
		note_get_words(r, "governor", &w, 1);
		if (m->governors_n == DIRECTORY_GOVERNORS_MAX) {
			note_reader_fail(r, -ERR_RANGE, "governor");
			return;
		}
		struct note_verifier *g = &m->governors[m->governors_n];
		read_vkey(r, w, "governor", g);
		if (m->governors_n && strcmp(g[-1].name, g->name) >= 0)
			note_reader_fail(r, -ERR_FORMAT, "governor");
		for (size_t i = 0; i < m->governors_n; i++)
			if (memcmp(m->governors[i].pk32, g->pk32, 32) == 0)
				note_reader_fail(r, -ERR_FORMAT, "governor");
		m->governors_n++;
	}
	if (!r->error && (m->threshold < 1 || m->threshold > m->governors_n))
		note_reader_fail(r, -ERR_RANGE, "threshold");
}

static bool country_valid(const char *s)
{
	return s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z' && s[2] == '\0';
}

static void read_member(struct note_reader *r, struct directory_member *m)
{
	struct note_word w[4];
	note_get_words(r, "member", w, 4);
	note_word_str(r, w[0], m->name, sizeof(m->name));
	note_word_str(r, w[1], m->country, sizeof(m->country));
	note_word_str(r, w[2], m->role, sizeof(m->role));
	read_vkey(r, w[3], "member", &m->identity);
	if (r->error)
		return;
	size_t n = strlen(m->name);
	if (!directory_member_name_valid(m->name) || !country_valid(m->country) ||
	    !name_valid(m->role, strlen(m->role)) || strncmp(m->identity.name, m->name, n) != 0 ||
	    strncmp(m->identity.name + n, "/identity", 10) != 0)
		note_reader_fail(r, -ERR_FORMAT, "member");
}

static void read_members(struct note_reader *r, struct directory_members *m)
{
	while (!r->error && note_next_is(r, "member")) {
		if (m->members_n == DIRECTORY_MEMBERS_MAX) {
			note_reader_fail(r, -ERR_RANGE, "member");
			return;
		}
		struct directory_member *x = &m->members[m->members_n];
		read_member(r, x);
		if (m->members_n && strcmp(x[-1].name, x->name) >= 0)
			note_reader_fail(r, -ERR_FORMAT, "member");
		for (size_t i = 0; i < m->members_n; i++)
			if (memcmp(m->members[i].identity.pk32, x->identity.pk32, 32) == 0)
				note_reader_fail(r, -ERR_FORMAT, "member");
		m->members_n++;
	}
	if (!r->error && m->members_n == 0)
		note_reader_fail(r, -ERR_FIELD_MISSING, "member");
}

int directory_members_decode(const char *text, size_t len, struct directory_members *ret,
			     struct err *e)
{
	_cleanup_(freep) struct directory_members *m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	struct note_reader r;
	note_reader_init(&r, text, len, DIRECTORY_TYPE_MEMBERS);
	read_version(&r, &m->version, m->previous32);
	m->time_s = note_get_time(&r, "time");
	m->until_s = note_get_time(&r, "until");
	if (!r.error && (m->until_s <= m->time_s ||
			 m->until_s - m->time_s > DIRECTORY_MEMBERS_DAYS_MAX * 86400LL))
		note_reader_fail(&r, -ERR_RANGE, "until");
	m->threshold = (uint32_t)note_get_u64(&r, "threshold", DIRECTORY_GOVERNORS_MAX);
	read_governors(&r, m);
	read_members(&r, m);
	read_optional(&r);
	int k = note_reader_end(&r, e);
	if (k < 0)
		return lead(e, k, "members");
	*ret = *m;
	return 0;
}

int directory_members_encode(const struct directory_members *m, struct buf *out, struct err *e)
{
	char key[NOTE_VKEY_MAX + 1];
	struct note_writer w;
	note_writer_init(&w, out, DIRECTORY_TYPE_MEMBERS);
	note_put_u64(&w, "version", m->version);
	note_put_b64(&w, "previous", m->previous32, 32);
	note_put_time(&w, "time", m->time_s);
	note_put_time(&w, "until", m->until_s);
	note_put_u64(&w, "threshold", m->threshold);
	for (size_t i = 0; i < m->governors_n; i++) {
		note_verifier_text(&m->governors[i], key);
		note_put_str(&w, "governor", key);
	}
	for (size_t i = 0; i < m->members_n; i++) {
		const struct directory_member *x = &m->members[i];
		note_verifier_text(&x->identity, key);
		write_words(&w, "member", x->name, x->country, x->role, key);
	}
	int r = note_writer_end(&w);
	if (r < 0)
		return err_set(e, r, "members", NULL);
	_cleanup_(freep) struct directory_members *check = malloc(sizeof(*check));
	if (!check)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	return directory_members_decode((const char *)out->p + w.start, out->len - w.start, check,
					e);
}

/* ---- node ---- */

/* "https://host:port", nothing behind. */
static bool url_valid(const char *s)
{
	if (strncmp(s, "https://", 8) != 0)
		return false;
	const char *host = s + 8, *colon = strrchr(host, ':');
	uint64_t port;
	if (!colon || colon == host ||
	    dec_parse_u64(colon + 1, strlen(colon + 1), 65535, &port) < 0 || port == 0)
		return false;
	for (const char *p = host; p < colon; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr(".-[]:", *p)))
			return false;
	return true;
}

static void read_endpoints(struct note_reader *r, struct directory_node *n)
{
	do {
		if (n->endpoints_n == DIRECTORY_ENDPOINTS_MAX) {
			note_reader_fail(r, -ERR_RANGE, "endpoint");
			return;
		}
		char *url = n->endpoints[n->endpoints_n];
		note_get_str(r, "endpoint", url, sizeof(n->endpoints[0]));
		if (!r->error && !url_valid(url))
			note_reader_fail(r, -ERR_FORMAT, "endpoint");
		n->endpoints_n++;
	} while (!r->error && note_next_is(r, "endpoint"));
	do {
		if (n->pins_n == DIRECTORY_PINS_MAX) {
			note_reader_fail(r, -ERR_RANGE, "pin");
			return;
		}
		note_get_b64(r, "pin", n->pins[n->pins_n++], 32);
	} while (!r->error && note_next_is(r, "pin"));
}

/* Is this the name that a key of the kind has: "<node>", "<node>/evidence", "<node>/audit"? */
static bool key_name_is(const char *node, enum directory_key_kind kind, const char *name)
{
	char want[DIRECTORY_NAME_MAX + 16];
	snprintf(want, sizeof(want), "%s%s%s", node, kind == DIRECTORY_KEY_NODE ? "" : "/",
		 kind == DIRECTORY_KEY_NODE ? "" : kind_names[kind]);
	return strcmp(want, name) == 0;
}

static void read_key(struct note_reader *r, const char *node, struct directory_key *k)
{
	struct note_word w[4];
	char kind[16];
	note_get_words(r, "key", w, 4);
	note_word_str(r, w[0], kind, sizeof(kind));
	k->from_s = (int64_t)note_word_u64(r, w[1], NOTE_TIME_MAX);
	k->until_s = (int64_t)note_word_u64(r, w[2], NOTE_TIME_MAX);
	read_vkey(r, w[3], "key", &k->vkey);
	if (r->error)
		return;
	size_t i = 0;
	while (i < ARRAY_LEN(kind_names) && strcmp(kind, kind_names[i]) != 0)
		i++;
	if (i == ARRAY_LEN(kind_names)) {
		note_reader_fail(r, -ERR_FORMAT, "key");
		return;
	}
	k->kind = (enum directory_key_kind)i;
	if (k->until_s <= k->from_s)
		note_reader_fail(r, -ERR_RANGE, "key");
	if (!key_name_is(node, k->kind, k->vkey.name))
		note_reader_fail(r, -ERR_FORMAT, "key");
}

static void read_keys(struct note_reader *r, struct directory_node *n)
{
	unsigned kinds = 0;
	while (!r->error && note_next_is(r, "key")) {
		if (n->keys_n == DIRECTORY_KEYS_MAX) {
			note_reader_fail(r, -ERR_RANGE, "key");
			return;
		}
		struct directory_key *k = &n->keys[n->keys_n];
		read_key(r, n->name, k);
		if (n->keys_n &&
		    (k->kind < k[-1].kind || (k->kind == k[-1].kind && k->from_s < k[-1].from_s)))
			note_reader_fail(r, -ERR_FORMAT, "key");
		for (size_t i = 0; i < n->keys_n; i++)
			if (memcmp(n->keys[i].vkey.pk32, k->vkey.pk32, 32) == 0)
				note_reader_fail(r, -ERR_FORMAT, "key");
		kinds |= 1u << k->kind;
		n->keys_n++;
	}
	unsigned need = 1u << DIRECTORY_KEY_NODE | 1u << DIRECTORY_KEY_EVIDENCE;
	if (!r->error && (kinds & need) != need)
		note_reader_fail(r, -ERR_FIELD_MISSING, "key");
}

static void read_epochs(struct note_reader *r, struct directory_node *n)
{
	do {
		struct note_word w[4];
		if (n->epochs_n == DIRECTORY_EPOCHS_MAX) {
			note_reader_fail(r, -ERR_RANGE, "epoch");
			return;
		}
		struct directory_epoch *p = &n->epochs[n->epochs_n];
		note_get_words(r, "epoch", w, 4);
		p->number = note_word_u64(r, w[0], INT64_MAX);
		p->from_s = (int64_t)note_word_u64(r, w[1], NOTE_TIME_MAX);
		p->until_s = (int64_t)note_word_u64(r, w[2], NOTE_TIME_MAX);
		note_word_b64(r, w[3], p->pk32, 32);
		if (!r->error && p->until_s <= p->from_s)
			note_reader_fail(r, -ERR_RANGE, "epoch");
		if (!r->error && n->epochs_n && p->number <= p[-1].number)
			note_reader_fail(r, -ERR_FORMAT, "epoch");
		n->epochs_n++;
	} while (!r->error && note_next_is(r, "epoch"));
}

/* The optional lines of a contact, in order; one table for reader, writer and JSON. */
const struct directory_contact_field directory_contact_fields[DIRECTORY_CONTACT_FIELDS] = {
	{"function", offsetof(struct directory_contact, function)},
	{"unit", offsetof(struct directory_contact, unit)},
	{"phone", offsetof(struct directory_contact, phone)},
	{"mobile", offsetof(struct directory_contact, mobile)},
	{"mail", offsetof(struct directory_contact, mail)},
	{"preferred", offsetof(struct directory_contact, preferred)},
	{"languages", offsetof(struct directory_contact, languages)},
	{"hours", offsetof(struct directory_contact, hours)},
	{"zone", offsetof(struct directory_contact, zone)},
};

static void read_contacts(struct note_reader *r, struct directory_node *n)
{
	while (!r->error && note_next_is(r, "contact")) {
		if (n->contacts_n == DIRECTORY_CONTACTS_MAX) {
			note_reader_fail(r, -ERR_RANGE, "contact");
			return;
		}
		struct directory_contact *c = &n->contacts[n->contacts_n++];
		note_get_str(r, "contact", c->function, sizeof(c->function));
		for (size_t i = 1; i < DIRECTORY_CONTACT_FIELDS; i++) {
			const struct directory_contact_field *f = &directory_contact_fields[i];
			if (note_next_is(r, f->name))
				note_get_str(r, f->name, (char *)c + f->off,
					     DIRECTORY_TEXT_MAX + 1);
		}
		const char *p = c->preferred;
		if (!r->error && *p && strcmp(p, "phone") != 0 && strcmp(p, "mobile") != 0 &&
		    strcmp(p, "mail") != 0)
			note_reader_fail(r, -ERR_FORMAT, "preferred");
	}
}

static void read_powers(struct note_reader *r, struct directory_node *n)
{
	for (size_t i = 0; i < ARRAY_LEN(power_names); i++) {
		size_t len;
		struct note_reader ahead = *r;
		if (r->error || !note_next_is(r, "power"))
			return;
		const char *v = note_get(&ahead, "power", DIRECTORY_NAME_MAX, &len);
		if (!ahead.error && len == strlen(power_names[i]) &&
		    memcmp(v, power_names[i], len) == 0) {
			n->powers |= 1u << i;
			*r = ahead;
		}
	}
	if (note_next_is(r, "power"))
		note_reader_fail(r, -ERR_FORMAT, "power");
}

/* BCP 47 as far as a name: letters, digits, "-", "_"; "pt-br" in lower case. */
static void read_languages(struct note_reader *r, struct directory_node *n)
{
	do {
		if (n->languages_n == DIRECTORY_LANGUAGES_MAX) {
			note_reader_fail(r, -ERR_RANGE, "language");
			return;
		}
		char *l = n->languages[n->languages_n];
		note_get_name(r, "language", l, sizeof(n->languages[0]));
		for (size_t i = 0; i < n->languages_n; i++)
			if (!r->error && strcmp(n->languages[i], l) == 0)
				note_reader_fail(r, -ERR_FORMAT, "language");
		n->languages_n++;
	} while (!r->error && note_next_is(r, "language"));
}

static void read_revoked(struct note_reader *r, struct directory_node *n)
{
	while (!r->error && note_next_is(r, "revoked")) {
		struct note_word w[2];
		if (n->revoked_n == DIRECTORY_REVOKED_MAX) {
			note_reader_fail(r, -ERR_RANGE, "revoked");
			return;
		}
		struct directory_revoked *v = &n->revoked[n->revoked_n];
		note_get_words(r, "revoked", w, 2);
		v->since_s = (int64_t)note_word_u64(r, w[0], NOTE_TIME_MAX);
		read_vkey(r, w[1], "revoked", &v->vkey);
		int order = n->revoked_n ? strcmp(v[-1].vkey.name, v->vkey.name) : -1;
		if (!r->error && (order > 0 || (order == 0 && v->since_s < v[-1].since_s)))
			note_reader_fail(r, -ERR_FORMAT, "revoked");
		n->revoked_n++;
	}
}

static void read_node(struct note_reader *r, struct directory_node *n)
{
	note_get_name(r, "node", n->name, sizeof(n->name));
	if (!r->error && !directory_member_name_valid(n->name))
		note_reader_fail(r, -ERR_FORMAT, "node");
	read_version(r, &n->version, n->previous32);
	n->from_s = note_get_time(r, "from");
	n->until_s = note_get_time(r, "until");
	if (!r->error &&
	    (n->until_s <= n->from_s || n->until_s - n->from_s > DIRECTORY_NODE_DAYS_MAX * 86400LL))
		note_reader_fail(r, -ERR_RANGE, "until");
	read_endpoints(r, n);
	read_keys(r, n);
	read_epochs(r, n);
	read_contacts(r, n);
	read_powers(r, n);
	read_languages(r, n);
	if (note_next_is(r, "duty")) {
		note_get_str(r, "duty", n->duty, sizeof(n->duty));
		if (!r->error && !url_valid(n->duty))
			note_reader_fail(r, -ERR_FORMAT, "duty");
	}
	read_revoked(r, n);
	read_optional(r);
}

int directory_node_decode(const char *text, size_t len, struct directory_node *ret, struct err *e)
{
	_cleanup_(freep) struct directory_node *n = calloc(1, sizeof(*n));
	if (!n)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	struct note_reader r;
	note_reader_init(&r, text, len, DIRECTORY_TYPE_NODE);
	read_node(&r, n);
	int k = note_reader_end(&r, e);
	if (k < 0)
		return lead(e, k, "node");
	*ret = *n;
	return 0;
}

static void write_keys(struct note_writer *w, const struct directory_node *n)
{
	char from[24], until[24], key[NOTE_VKEY_MAX + 1];
	for (size_t i = 0; i < n->keys_n; i++) {
		const struct directory_key *k = &n->keys[i];
		note_verifier_text(&k->vkey, key);
		write_words(w, "key", kind_names[k->kind], dec(k->from_s, from),
			    dec(k->until_s, until), key);
	}
	for (size_t i = 0; i < n->epochs_n; i++) {
		const struct directory_epoch *p = &n->epochs[i];
		char number[24], b64[BASE64_LEN(32) + 1];
		base64_encode(BASE64_PADDED, p->pk32, 32, b64);
		write_words(w, "epoch", dec((int64_t)p->number, number), dec(p->from_s, from),
			    dec(p->until_s, until), b64);
	}
}

static void write_rest(struct note_writer *w, const struct directory_node *n)
{
	for (size_t i = 0; i < n->contacts_n; i++) {
		const struct directory_contact *c = &n->contacts[i];
		note_put_str(w, "contact", c->function);
		for (size_t j = 1; j < DIRECTORY_CONTACT_FIELDS; j++) {
			const char *v = (const char *)c + directory_contact_fields[j].off;
			if (*v)
				note_put_str(w, directory_contact_fields[j].name, v);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(power_names); i++)
		if (n->powers & 1u << i)
			note_put_str(w, "power", power_names[i]);
	for (size_t i = 0; i < n->languages_n; i++)
		note_put_str(w, "language", n->languages[i]);
	if (n->duty[0])
		note_put_str(w, "duty", n->duty);
	for (size_t i = 0; i < n->revoked_n; i++) {
		char since[24], key[NOTE_VKEY_MAX + 1];
		note_verifier_text(&n->revoked[i].vkey, key);
		write_words(w, "revoked", dec(n->revoked[i].since_s, since), key, NULL, NULL);
	}
}

int directory_node_encode(const struct directory_node *n, struct buf *out, struct err *e)
{
	struct note_writer w;
	note_writer_init(&w, out, DIRECTORY_TYPE_NODE);
	note_put_str(&w, "node", n->name);
	note_put_u64(&w, "version", n->version);
	note_put_b64(&w, "previous", n->previous32, 32);
	note_put_time(&w, "from", n->from_s);
	note_put_time(&w, "until", n->until_s);
	for (size_t i = 0; i < n->endpoints_n; i++)
		note_put_str(&w, "endpoint", n->endpoints[i]);
	for (size_t i = 0; i < n->pins_n; i++)
		note_put_b64(&w, "pin", n->pins[i], 32);
	write_keys(&w, n);
	write_rest(&w, n);
	int r = note_writer_end(&w);
	if (r < 0)
		return err_set(e, r, "node", NULL);
	_cleanup_(freep) struct directory_node *check = malloc(sizeof(*check));
	if (!check)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	return directory_node_decode((const char *)out->p + w.start, out->len - w.start, check, e);
}

/* ---- policy ---- */

int directory_policy_decode(const char *text, size_t len, struct directory_policy *ret,
			    struct err *e)
{
	struct directory_policy p = {0};
	struct note_reader r;
	note_reader_init(&r, text, len, DIRECTORY_TYPE_POLICY);
	read_version(&r, &p.version, p.previous32);
	p.time_s = note_get_time(&r, "time");
	for (size_t i = 0; i < DIRECTORY_CLASSES; i++) {
		struct note_word w[4];
		note_get_words(&r, "class", w, 4);
		p.class[i].receipt_s = (uint32_t)note_word_u64(&r, w[1], UINT32_MAX);
		p.class[i].ack_s = (uint32_t)note_word_u64(&r, w[2], UINT32_MAX);
		p.class[i].answer_s = (uint32_t)note_word_u64(&r, w[3], UINT32_MAX);
		if (r.error)
			break;
		if (w[0].len != strlen(class_names[i]) ||
		    memcmp(w[0].p, class_names[i], w[0].len) != 0)
			note_reader_fail(&r, -ERR_FORMAT, "class");
		if (!p.class[i].receipt_s || !p.class[i].ack_s ||
		    p.class[i].answer_s < p.class[i].ack_s)
			note_reader_fail(&r, -ERR_RANGE, "class");
	}
	read_optional(&r);
	int k = note_reader_end(&r, e);
	if (k < 0)
		return lead(e, k, "policy");
	*ret = p;
	return 0;
}

int directory_policy_encode(const struct directory_policy *p, struct buf *out, struct err *e)
{
	struct note_writer w;
	note_writer_init(&w, out, DIRECTORY_TYPE_POLICY);
	note_put_u64(&w, "version", p->version);
	note_put_b64(&w, "previous", p->previous32, 32);
	note_put_time(&w, "time", p->time_s);
	for (size_t i = 0; i < DIRECTORY_CLASSES; i++) {
		char receipt[24], ack[24], answer[24];
		write_words(&w, "class", class_names[i], dec(p->class[i].receipt_s, receipt),
			    dec(p->class[i].ack_s, ack), dec(p->class[i].answer_s, answer));
	}
	int r = note_writer_end(&w);
	if (r < 0)
		return err_set(e, r, "policy", NULL);
	struct directory_policy check;
	return directory_policy_decode((const char *)out->p + w.start, out->len - w.start, &check,
				       e);
}
