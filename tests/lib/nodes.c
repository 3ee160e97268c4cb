/* SPDX-License-Identifier: Apache-2.0
 * A network of nodes in one process: keys, notes, environment, mail. What cannot fail here aborts. */
#include "nodes.h"
#include "audit/audit.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "engine.h"
#include "wire/age.h"
#include "wire/note.h"
#include <stdarg.h>
#include <string.h>

#define MUST(x)                                                                    \
	do {                                                                       \
		int must_ = (x);                                                   \
		if (must_ < 0) {                                                   \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, \
				err_name(must_));                                  \
			abort();                                                   \
		}                                                                  \
	} while (0)

/* ---- the probe: one row an effect ---- */

static const struct store_schema *probe_schema(void)
{
	static const struct store_migration steps[] = {
		{1, "effects",
		 "CREATE TABLE probe_effect (n BIGINT NOT NULL PRIMARY KEY, id BYTEA NOT NULL, sender TEXT NOT NULL,"
		 " text TEXT NOT NULL)",
		 "DROP TABLE probe_effect"}};
	static const struct store_schema schema = {"probe", steps, 1};
	return &schema;
}

static int probe(void *ctx, struct exchange *x, const struct exchange_message *m, struct err *e)
{
	struct node *node = ctx;
	const struct exchange_part *p = &m->parts[m->part];
	int64_t n = store_exec(
		exchange_store(x),
		"INSERT INTO probe_effect (n, id, sender, text) SELECT COALESCE(MAX(n), 0) + 1, ?, ?, ?"
		" FROM probe_effect",
		VALS(val_blob(m->id16, 16), val_text(m->from), val_textn(p->p, p->len)), e);
	if (n < 0)
		return (int)n;
	return node->probe_result < 0 ? err_set(e, node->probe_result, "probe", NULL) : 0;
}

/* ---- environment ---- */

static int64_t env_wall(void *ctx)
{
	const struct node *node = ctx;
	return node->net->now_ms + node->skew_ms;
}

static int64_t env_mono(void *ctx)
{
	const struct node *node = ctx;
	return node->net->now_ms;
}

static void env_random(void *ctx, void *out, size_t len)
{
	struct node *node = ctx;
	prng_bytes(&node->net->rng, out, len);
}

static int env_sign(void *ctx, enum exchange_key key, struct buf *text, struct err *e)
{
	struct node *node = ctx;
	char name[EXCHANGE_NAME_MAX + 16];
	if (node->keyd_away)
		return err_set(e, ERR_PIPE, "key", NULL);
	snprintf(name, sizeof(name), "%s%s", node->name,
		 key == EXCHANGE_KEY_NODE ? "" : "/evidence");
	return note_sign_seed(text, name,
			      key == EXCHANGE_KEY_NODE ? node->node32 : node->evidence32, e);
}

static int env_unwrap(void *ctx, const uint8_t share32[static 32],
		      const uint8_t wrapped32[static 32], uint8_t ret_file_key16[static 16],
		      struct err *e)
{
	struct node *node = ctx;
	int r = -ERR_NO_MATCH;
	if (node->keyd_away)
		return err_set(e, ERR_PIPE, "key", NULL);
	for (size_t i = 0; r == -ERR_NO_MATCH && i < NODES_EPOCHS; i++)
		r = age_unwrap(node->epochs[i], share32, wrapped32, ret_file_key16);
	return r;
}

static int env_send(void *ctx, const char *peer, enum exchange_kind kind, const void *p, size_t len,
		    uint64_t send_id, struct err *e)
{
	struct node *node = ctx;
	struct nodes *w = node->net;
	if (w->send)
		return w->send(w, node, peer, kind, p, len, send_id);
	if (w->mail_n == w->mail_max) {
		w->mail_max = w->mail_max ? 2 * w->mail_max : 16;
		w->mail = realloc(w->mail, w->mail_max * sizeof(*w->mail));
		if (!w->mail)
			abort();
	}
	struct nodes_mail *m = &w->mail[w->mail_n++];
	*m = (struct nodes_mail){.from = (size_t)(node - w->node),
				 .to = nodes_index(w, peer),
				 .kind = kind,
				 .send_id = send_id};
	buf_init(&m->body, EXCHANGE_BODY_MAX);
	buf_put(&m->body, p, len);
	return buf_err(&m->body);
}

static void env_event(void *ctx, const struct exchange_event *ev)
{
	struct node *node = ctx;
	node->events[ev->kind]++;
	if (node->net->event)
		node->net->event(node->net, ev);
	snprintf(node->last_event, sizeof(node->last_event), "%s", ev->text);
}

/* ---- keys and notes ---- */

static struct note_verifier verifier(const char *name, const char *suffix,
				     const uint8_t seed32[static 32])
{
	struct note_verifier v;
	char full[EXCHANGE_NAME_MAX + 16];
	uint8_t pk32[32];
	snprintf(full, sizeof(full), "%s%s", name, suffix);
	ed25519_public(seed32, pk32);
	MUST(note_verifier_init(&v, full, pk32));
	return v;
}

static void governor_name(size_t i, char out[static 16])
{
	snprintf(out, 16, "governor-%zu", i + 1);
}

void nodes_sign_members(struct nodes *w, uint32_t without, uint32_t signers)
{
	struct directory_members *m = calloc(1, sizeof(*m));
	struct note n;
	char name[16];
	if (!m)
		abort();
	m->version = ++w->members_version;
	memcpy(m->previous32, w->members_hash32, 32);
	m->time_s = w->now_ms / 1000;
	m->until_s = m->time_s + 365 * 86400;
	m->threshold = 2;
	for (size_t i = 0; i < NODES_GOVERNORS; i++) {
		governor_name(i, name);
		m->governors[m->governors_n++] = verifier(name, "", w->governors[i]);
	}
	for (size_t i = 0; i < w->n; i++) {
		if (without & 1u << i)
			continue;
		struct directory_member *x = &m->members[m->members_n++];
		snprintf(x->name, sizeof(x->name), "%s", w->node[i].name);
		snprintf(x->country, sizeof(x->country), "%c%c", w->node[i].name[0] - 32,
			 w->node[i].name[1] - 32);
		snprintf(x->role, sizeof(x->role), "member");
		x->identity = verifier(x->name, "/identity", w->node[i].identity32);
	}
	buf_clear(&w->members);
	MUST(directory_members_encode(m, &w->members, NULL));
	sha256(w->members.p, w->members.len, w->members_hash32);
	for (size_t i = 0; i < NODES_GOVERNORS; i++) {
		governor_name(i, name);
		if (signers & 1u << i)
			MUST(directory_sign(name, w->governors[i], &w->members, NULL));
	}
	if (signers)
		MUST(note_parse(w->members.p, w->members.len, &n, NULL));
	free(m);
}

void nodes_sign_node(struct nodes *w, size_t i)
{
	struct node *node = &w->node[i];
	char key[EXCHANGE_NAME_MAX + 16];
	if (node->note.version) {
		struct note n;
		MUST(note_parse(node->signed_note.p, node->signed_note.len, &n, NULL));
		note_text_hash(&n, node->note.previous32);
	}
	node->note.version++;
	node->note.from_s = w->now_ms / 1000;
	node->note.until_s = node->note.from_s + DIRECTORY_NODE_DAYS_MAX * 86400;
	buf_clear(&node->signed_note);
	MUST(directory_node_encode(&node->note, &node->signed_note, NULL));
	snprintf(key, sizeof(key), "%s/identity", node->name);
	MUST(directory_sign(key, node->identity32, &node->signed_note, NULL));
}

void nodes_rekey(struct nodes *w, size_t i, enum directory_key_kind kind, bool revoke)
{
	static const char *const suffix[] = {"", "/evidence", "/audit"};
	struct node *node = &w->node[i];
	uint8_t *seeds[] = {node->node32, node->evidence32, node->audit32};
	struct directory_node *n = &node->note;
	int64_t now_s = w->now_ms / 1000;
	size_t at = 0; /* the newest of the kind */
	for (size_t k = 0; k < n->keys_n; k++)
		at = n->keys[k].kind == kind ? k : at;
	if (revoke)
		n->revoked[n->revoked_n++] = (struct directory_revoked){now_s, n->keys[at].vkey};
	prng_bytes(&w->rng, seeds[kind], 32);
	struct directory_key fresh = {kind, now_s, now_s + 90 * 86400,
				      verifier(node->name, suffix[kind], seeds[kind])};
	if (!revoke) {
		memmove(&n->keys[at + 1], &n->keys[at], (n->keys_n - at) * sizeof(n->keys[0]));
		n->keys_n++;
		at++;
	}
	n->keys[at] = fresh;
	nodes_sign_node(w, i);
}

static void make_note(struct nodes *w, size_t i)
{
	struct node *node = &w->node[i];
	struct directory_node *n = &node->note;
	int64_t now_s = w->now_ms / 1000;
	snprintf(n->name, sizeof(n->name), "%s", node->name);
	snprintf(n->endpoints[n->endpoints_n++], sizeof(n->endpoints[0]), "https://%s.example:8443",
		 node->name);
	prng_bytes(&w->rng, n->pins[n->pins_n++], 32);
	const struct {
		enum directory_key_kind kind;
		const char *suffix;
		const uint8_t *seed;
	} keys[] = {{DIRECTORY_KEY_NODE, "", node->node32},
		    {DIRECTORY_KEY_EVIDENCE, "/evidence", node->evidence32},
		    {DIRECTORY_KEY_AUDIT, "/audit", node->audit32}};
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		n->keys[n->keys_n++] =
			(struct directory_key){keys[k].kind, now_s - 3600, now_s + 90 * 86400,
					       verifier(node->name, keys[k].suffix, keys[k].seed)};
	for (size_t k = 0; k < NODES_EPOCHS; k++) {
		struct directory_epoch *p = &n->epochs[n->epochs_n++];
		p->number = k + 1;
		p->from_s = now_s - 86400 + (int64_t)k * 7 * 86400;
		p->until_s = p->from_s + 7 * 86400;
		x25519_public(node->epochs[k], p->pk32);
	}
	snprintf(n->contacts[0].function, sizeof(n->contacts[0].function), "duty officer");
	snprintf(n->contacts[0].phone, sizeof(n->contacts[0].phone), "+00 1 2345");
	n->contacts_n = 1;
	n->powers = POWER_FREEZE | POWER_INFORMATION | POWER_TRACE;
	snprintf(n->languages[n->languages_n++], sizeof(n->languages[0]), "en");
	nodes_sign_node(w, i);
}

void nodes_init(struct nodes *w, const char *const *names, size_t n, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	MUST(crypto_start());
	prng_init(&w->rng, seed);
	w->n = n;
	w->now_ms = NODES_START_S * 1000LL;
	buf_init(&w->members, NOTE_MAX);
	prng_bytes(&w->rng, w->governors, sizeof(w->governors));
	for (size_t i = 0; i < n; i++) {
		struct node *node = &w->node[i];
		node->net = w;
		snprintf(node->name, sizeof(node->name), "%s", names[i]);
		prng_bytes(&w->rng, node->identity32, 32);
		prng_bytes(&w->rng, node->node32, 32);
		prng_bytes(&w->rng, node->evidence32, 32);
		prng_bytes(&w->rng, node->audit32, 32);
		prng_bytes(&w->rng, node->epochs, sizeof(node->epochs));
		node->env = (struct exchange_env){.ctx = node,
						  .wall_ms = env_wall,
						  .mono_ms = env_mono,
						  .random = env_random,
						  .sign = env_sign,
						  .unwrap = env_unwrap,
						  .send = env_send,
						  .event = env_event};
		buf_init(&node->signed_note, NOTE_MAX);
		make_note(w, i);
	}
	nodes_sign_members(w, 0, 3);
}

void nodes_done(struct nodes *w)
{
	for (size_t i = 0; i < w->n; i++) {
		node_close(&w->node[i]);
		buf_done(&w->node[i].signed_note);
	}
	for (size_t i = 0; i < w->mail_n; i++)
		buf_done(&w->mail[i].body);
	free(w->mail);
	buf_done(&w->members);
}

size_t nodes_index(const struct nodes *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->node[i].name, name) == 0)
			return i;
	return NODES_MAX;
}

/* ---- a node's life ---- */

int node_open(struct node *node, const char *where, const struct store_options *o, struct err *e)
{
	char at[ENGINE_WHERE_MAX];
	int64_t now_s = env_wall(node) / 1000;
	int r = store_open(o ? where : engine_at(where, at), o, &node->store, e);
	if (r >= 0)
		r = store_migrate(node->store, audit_schema(), now_s, e);
	if (r >= 0)
		r = store_migrate(node->store, exchange_schema(), now_s, e);
	if (r >= 0)
		r = store_migrate(node->store, probe_schema(), now_s, e);
	if (r >= 0)
		r = exchange_open(node->store, &node->env, node->name, &node->x, e);
	if (r >= 0)
		r = exchange_register(node->x, NODES_PROBE_TYPE, probe, node, e);
	return r < 0 ? r : 0;
}

int node_install(struct node *node, struct err *e)
{
	struct nodes *w = node->net;
	int r = directory_install(exchange_directory(node->x), NULL, w->members.p, w->members.len,
				  NULL, e);
	for (size_t i = 0; r >= 0 && i < w->n; i++)
		r = directory_install(exchange_directory(node->x), NULL, w->node[i].signed_note.p,
				      w->node[i].signed_note.len, NULL, e);
	return r;
}

void node_close(struct node *node)
{
	node->x = exchange_close(node->x);
	node->store = store_close(node->store);
}

void nodes_start(struct nodes *w)
{
	for (size_t i = 0; i < w->n; i++) {
		MUST(node_open(&w->node[i], ":memory:", NULL, NULL));
		MUST(node_install(&w->node[i], NULL));
	}
}

static void carry(struct nodes *w, struct nodes_mail *m)
{
	struct buf reply;
	struct node *to = m->to < w->n ? &w->node[m->to] : NULL, *from = &w->node[m->from];
	unsigned status = 0;
	buf_init(&reply, EXCHANGE_BODY_MAX);
	if (to && to->x && !w->cut[m->from][m->to]) {
		int r = exchange_receive(to->x, from->name, m->kind, m->body.p, m->body.len, &reply,
					 NULL);
		status = r == 0 ? 200 : r == -ERR_FORMAT || r == -ERR_OVERSIZE ? 400 : 503;
	}
	if (from->x && exchange_sent(from->x, m->send_id, w->cut[m->to][m->from] ? 0 : status,
				     reply.p, reply.len, NULL) < 0)
		status = 0;
	buf_done(&reply);
	buf_done(&m->body);
}

void nodes_run(struct nodes *w)
{
	for (int round = 0; round < 1000; round++) {
		for (size_t i = 0; i < w->n; i++)
			if (w->node[i].x && exchange_next_due(w->node[i].x) <= w->now_ms)
				(void)!exchange_poll(w->node[i].x, NULL);
		size_t n = w->mail_n;
		if (n == 0)
			return;
		struct nodes_mail *mail = w->mail;
		w->mail = NULL;
		w->mail_n = w->mail_max = 0;
		for (size_t i = 0; i < n; i++)
			carry(w, &mail[i]);
		free(mail);
	}
}

void nodes_pass(struct nodes *w, int64_t ms, int64_t step_ms)
{
	for (int64_t end = w->now_ms + ms; w->now_ms < end;) {
		w->now_ms += step_ms;
		nodes_run(w);
	}
}

/* ---- messages ---- */

int node_post(struct node *node, enum exchange_class class, const char *text, uint8_t ret_id16[16],
	      struct err *e, ...)
{
	const char *to[EXCHANGE_RECIPIENTS_MAX + 1];
	struct exchange_part part = {NODES_PROBE_TYPE, text, strlen(text)};
	struct exchange_post m = {.class = class,
				  .to = to,
				  .expires_s = env_wall(node) / 1000 + 86400,
				  .officer = "officer-1",
				  .case_ref = "case-1",
				  .purpose = "freeze",
				  .basis = "treaty",
				  .handling = "H1",
				  .marking = "TLP:AMBER",
				  .grade = "A1",
				  .parts = &part,
				  .parts_n = 1};
	va_list ap;
	va_start(ap, e);
	while (m.to_n <= EXCHANGE_RECIPIENTS_MAX && (to[m.to_n] = va_arg(ap, const char *)))
		m.to_n++;
	va_end(ap);
	STORE_TXN(txn);
	int r = store_begin(node->store, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = exchange_post(node->x, &m, ret_id16, e);
	return r < 0 ? r : store_commit(&txn, e);
}

int64_t node_effects(struct node *node, const char *text)
{
	STORE_ROWS(rows);
	int r = store_first(node->store, "SELECT COUNT(*) AS n FROM probe_effect WHERE text = ?",
			    VALS(val_text(text)), &rows, NULL);
	return r > 0 ? row_i64(&rows, "n") : -1;
}

int64_t node_count(struct node *node, const char *sql)
{
	STORE_ROWS(rows);
	int r = store_first(node->store, sql, NO_VALS, &rows, NULL);
	return r > 0 ? row_i64(&rows, "n") : -1;
}
