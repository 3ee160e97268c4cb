/* SPDX-License-Identifier: Apache-2.0
 * Routes of the network: directory notes, members, peers, messages with their proofs. */
#include "audit/audit.h"
#include "base/text.h"
#include "base/time.h"
#include "exchange/directory.h"
#include "exchange/query.h"
#include "lugd/lugd.h"
#include "store/store.h"
#include "wire/note.h"
#include <string.h>

enum { PAGE_DEFAULT = 50, PAGE_MAX = 500 };

static struct directory *dir_of(const struct api_call *c)
{
	return exchange_directory(lugd_exchange(lugd_of(c)));
}

static json_t *time_json(int64_t t)
{
	char text[TIME_TEXT_MAX];
	return t ? json_string(time_utc(t, text)) : json_null();
}

static json_t *b64_json(const uint8_t p32[static 32])
{
	char text[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, p32, 32, text);
	return json_string(text);
}

static json_t *id_json(const uint8_t id16[static 16])
{
	char text[33];
	hex_encode(id16, 16, text);
	return json_string(text);
}

/* ---- notes ---- */

/* {"hash", "note"}: the signed text in force, and what people compare by another way. */
static json_t *note_json(struct directory *d, enum directory_type t, const char *name)
{
	_cleanup_(buf_done) struct buf b;
	struct note n;
	uint8_t hash32[32];
	buf_init(&b, NOTE_MAX);
	if (directory_note(d, t, name, &b, NULL) < 0 || note_parse(b.p, b.len, &n, NULL) < 0)
		return json_null();
	note_text_hash(&n, hash32);
	return json_pack("{s:o, s:s#}", "hash", b64_json(hash32), "note", (const char *)b.p,
			 (int)b.len);
}

static json_t *policy_json(const struct directory_policy *p)
{
	static const char *const names[] = {"FLASH", "URGENT", "PRIORITY", "ROUTINE"};
	json_t *o = json_object();
	for (size_t i = 0; i < DIRECTORY_CLASSES; i++)
		json_object_set_new(o, names[i],
				    json_pack("{s:i, s:i, s:i}", "receipt_s",
					      (int)p->class[i].receipt_s, "ack_s",
					      (int)p->class[i].ack_s, "answer_s",
					      (int)p->class[i].answer_s));
	return json_pack("{s:I, s:o}", "version", (json_int_t)p->version, "classes", o);
}

int api_network_show(struct api_call *c, struct err *e)
{
	struct directory *d = dir_of(c);
	const struct directory_members *m = directory_members(d);
	json_t *signed_note = note_json(d, DIRECTORY_MEMBERS, "");
	return api_reply(c,
			 json_pack("{s:s, s:o, s:o, s:o}", "node", lugd_node(lugd_of(c)), "members",
				   m ? directory_members_json(m) : json_null(), "members_note",
				   signed_note, "policy", policy_json(directory_policy(d))),
			 e);
}

static int audit_install(const struct api_call *c, const struct note *n,
			 const uint8_t hash32[static 32], struct err *e)
{
	char target[NOTE_TYPE_MAX + 1], hash[65];
	snprintf(target, sizeof(target), "%.*s", (int)n->type_len, n->p);
	hex_encode(hash32, 32, hash);
	_cleanup_(json_decrefp) json_t *detail = json_pack("{s:s}", "sha256", hash);
	return lugd_audit_alone(c, AUDIT_DIRECTORY, "directory.give", target, detail, e);
}

int api_network_install(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"note", NULL};
	enum directory_result result;
	const char *text;
	struct note n;
	uint8_t hash32[32];
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "note", 1, NOTE_MAX, &text, e);
	if (r >= 0)
		r = note_parse(text, strlen(text), &n, e);
	if (r < 0)
		return r;
	/* Which officer it was, before it is done: the directory's own event says what came of it. */
	note_text_hash(&n, hash32);
	r = audit_install(c, &n, hash32, e);
	if (r >= 0)
		r = directory_install(dir_of(c), NULL, text, strlen(text), &result, e);
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:s#, s:s, s:o}", "type", n.p, (int)n.type_len, "result",
				   result == DIRECTORY_INSTALLED ? "installed" : "known", "hash",
				   b64_json(hash32)),
			 e);
}

int api_network_draft(struct api_call *c, struct err *e)
{
	_cleanup_(freep) struct directory_node *fresh = malloc(sizeof(*fresh));
	_cleanup_(freep) struct directory_node *own = malloc(sizeof(*own));
	_cleanup_(buf_done) struct buf text;
	buf_init(&text, NOTE_MAX);
	if (!fresh || !own)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	json_object_set_new(c->in, "node", json_string(lugd_node(lugd_of(c))));
	int r = directory_node_read(c->in, fresh, e);
	if (r >= 0)
		r = lugd_own_keys(lugd_of(c), own, e);
	if (r < 0)
		return r;
	memcpy(fresh->keys, own->keys, sizeof(own->keys));
	fresh->keys_n = own->keys_n;
	memcpy(fresh->epochs, own->epochs, sizeof(own->epochs));
	fresh->epochs_n = own->epochs_n;
	memcpy(fresh->pins, own->pins, sizeof(own->pins));
	fresh->pins_n = own->pins_n;
	r = directory_own_draft(dir_of(c), fresh, time_now_ms() / 1000, &text, e);
	return r < 0 ? r
		     : api_reply(c,
				 json_pack("{s:s#}", "text", (const char *)text.p, (int)text.len),
				 e);
}

/* ---- members ---- */

static const char *member_state(const struct directory_node *n, int64_t now_s)
{
	if (!n)
		return "no node note";
	if (n->until_s < now_s)
		return "note expired";
	for (size_t i = 0; i < n->epochs_n; i++)
		if (n->epochs[i].from_s <= now_s && now_s < n->epochs[i].until_s)
			return "ready";
	return "no fresh key";
}

static json_t *member_json(struct directory *d, const struct directory_member *m, int64_t now_s)
{
	const struct directory_node *n = directory_node(d, m->name);
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "name", m->name, "country", m->country,
			      "role", m->role, "state", member_state(n, now_s));
	if (o && n) {
		json_object_set_new(o, "version", json_integer((json_int_t)n->version));
		json_object_set_new(o, "until", time_json(n->until_s));
		json_object_set_new(o, "endpoint",
				    json_string(n->endpoints_n ? n->endpoints[0] : ""));
		json_object_set_new(o, "language",
				    json_string(n->languages_n ? n->languages[0] : ""));
		json_object_set_new(o, "phone",
				    json_string(n->contacts_n ? n->contacts[0].phone : ""));
	}
	return o;
}

int api_members_list(struct api_call *c, struct err *e)
{
	struct directory *d = dir_of(c);
	const struct directory_members *m = directory_members(d);
	json_t *list = json_array();
	for (size_t i = 0; m && i < m->members_n; i++)
		json_array_append_new(list, member_json(d, &m->members[i], time_now_ms() / 1000));
	return api_reply(c, json_pack("{s:o}", "members", list), e);
}

int api_member_show(struct api_call *c, struct err *e)
{
	struct directory *d = dir_of(c);
	const char *name = api_param(c, 0);
	const struct directory_member *m = directory_member(d, name);
	if (!m)
		return err_set(e, ERR_MEMBER_UNKNOWN, "name",
			       "%.64s is not a member of the network.", name);
	const struct directory_node *n = directory_node(d, name);
	json_t *o = member_json(d, m, time_now_ms() / 1000);
	if (o) {
		json_object_set_new(o, "node", n ? directory_node_json(n) : json_null());
		json_object_set_new(o, "node_note", note_json(d, DIRECTORY_NODE, name));
	}
	return api_reply(c, o, e);
}

/* ---- peers ---- */

static json_t *place_json(const struct exchange_place *p)
{
	return json_pack("{s:o, s:o, s:b}", "epoch", json_u64(p->epoch), "seq", json_u64(p->seq),
			 "stopped", p->stopped);
}

static json_t *peer_json(const struct exchange_peer_status *p)
{
	return json_pack("{s:s, s:b, s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:I}", "name", p->name,
			 "met", p->met, "offset_ms",
			 p->offset_known ? json_integer((json_int_t)p->offset_ms) : json_null(),
			 "contact", time_json(p->contact_s), "retry_ms", (json_int_t)p->retry_ms,
			 "out", place_json(&p->out), "in", place_json(&p->in), "queued",
			 (json_int_t)p->queued, "oldest", time_json(p->oldest_s), "unopened",
			 (json_int_t)p->unopened);
}

int api_peers_list(struct api_call *c, struct err *e)
{
	struct exchange_peer_status *p =
		arena_array(c->a, DIRECTORY_MEMBERS_MAX, sizeof(struct exchange_peer_status));
	if (!p)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int n = exchange_peers(lugd_exchange(lugd_of(c)), p, DIRECTORY_MEMBERS_MAX, e);
	if (n < 0)
		return n;
	json_t *list = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(list, peer_json(&p[i]));
	return api_reply(c, json_pack("{s:o}", "peers", list), e);
}

int api_peer_resume(struct api_call *c, struct err *e)
{
	return exchange_resume(lugd_exchange(lugd_of(c)), api_param(c, 0), c->who.officer, e);
}

/* ---- messages ---- */

static json_t *delivery_json(const struct exchange_delivery *d)
{
	json_t *o = json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:o}", "id", id_json(d->id16), "to",
			      d->peer, "class", exchange_class_name(d->class), "state",
			      exchange_state_name(d->state), "reason", d->reason, "posted",
			      time_json(d->posted_s), "expires", time_json(d->expires_s));
	if (!o)
		return NULL;
	json_object_set_new(o, "stored", time_json(d->stored_s));
	json_object_set_new(o, "decided", time_json(d->decided_s));
	json_object_set_new(o, "seen", time_json(d->seen_s));
	json_object_set_new(o, "acted", time_json(d->acted_s));
	json_object_set_new(o, "epoch", json_u64(d->epoch));
	json_object_set_new(o, "seq", json_u64(d->seq));
	json_object_set_new(o, "tries", json_integer((json_int_t)d->tries));
	json_object_set_new(o, "tried", time_json(d->tried_s));
	json_object_set_new(o, "last_error",
			    json_string(d->last_error ? err_name(d->last_error) : ""));
	return o;
}

static json_t *received_json(const struct exchange_received *m)
{
	json_t *o = json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", id_json(m->id16),
			      "from", m->peer, "class", exchange_class_name(m->class), "state",
			      exchange_state_name(m->state), "reason", m->reason, "sent",
			      time_json(m->sent_s), "stored", time_json(m->stored_s), "expires",
			      time_json(m->expires_s));
	if (!o)
		return NULL;
	json_object_set_new(o, "decided", time_json(m->decided_s));
	json_object_set_new(o, "seen", time_json(m->seen_s));
	json_object_set_new(o, "acted", time_json(m->acted_s));
	json_object_set_new(o, "bytes", json_u64(m->size));
	return o;
}

static int list_sent(struct api_call *c, const char *peer, int64_t before, size_t limit,
		     struct err *e)
{
	struct exchange_delivery *d = arena_array(c->a, PAGE_MAX, sizeof(struct exchange_delivery));
	int64_t *ord = arena_array(c->a, PAGE_MAX, sizeof(int64_t));
	if (!d || !ord)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int n = exchange_list_sent(lugd_exchange(lugd_of(c)), peer, before, d, ord, limit, e);
	if (n < 0)
		return n;
	json_t *list = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(list, delivery_json(&d[i]));
	return api_reply(
		c,
		json_pack("{s:o, s:I}", "messages", list, "next", (json_int_t)(n ? ord[n - 1] : 0)),
		e);
}

static int list_received(struct api_call *c, const char *peer, int64_t before, size_t limit,
			 struct err *e)
{
	struct exchange_received *m = arena_array(c->a, PAGE_MAX, sizeof(struct exchange_received));
	if (!m)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int n = exchange_list_received(lugd_exchange(lugd_of(c)), peer, before, m, limit, e);
	if (n < 0)
		return n;
	json_t *list = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(list, received_json(&m[i]));
	return api_reply(c,
			 json_pack("{s:o, s:I}", "messages", list, "next",
				   (json_int_t)(n ? m[n - 1].ord : 0)),
			 e);
}

int api_messages_list(struct api_call *c, struct err *e)
{
	const char *box = api_query(c, "box"), *peer = api_query(c, "peer");
	uint64_t before = 0, limit = PAGE_DEFAULT;
	int r = api_query_u64(c, "before", INT64_MAX, &before, e);
	if (r >= 0)
		r = api_query_u64(c, "limit", PAGE_MAX, &limit, e);
	if (r < 0)
		return r;
	if (box && strcmp(box, "sent") != 0 && strcmp(box, "received") != 0)
		return err_set(e, ERR_INVAL, "box", "box is sent or received");
	if (box && strcmp(box, "sent") == 0)
		return list_sent(c, peer, (int64_t)before, (size_t)limit, e);
	return list_received(c, peer, (int64_t)before, (size_t)limit, e);
}

static int put_proof(void *ctx, const char *what, const char *peer, bool ours, const char *note,
		     size_t len)
{
	json_t *o = json_pack("{s:s, s:s, s:b, s:s#}", "what", what, "peer", peer, "ours", ours,
			      "note", note, (int)len);
	return json_array_append_new(ctx, o) < 0 ? -ERR_NOMEM : 0;
}

int api_message_show(struct api_call *c, struct err *e)
{
	struct exchange *x = lugd_exchange(lugd_of(c));
	struct exchange_delivery d[EXCHANGE_RECIPIENTS_MAX];
	struct exchange_received m;
	uint8_t id16[16];
	const char *text = api_param(c, 0);
	if (hex_decode(text, strlen(text), id16, 16) < 0)
		return err_set(e, ERR_FORMAT, "id", "A message id is 32 hex digits.");
	_cleanup_(json_decrefp) json_t *proofs = json_array();
	int r = exchange_proofs(x, id16, put_proof, proofs, e);
	if (r < 0)
		return r;
	int n = exchange_deliveries(x, id16, d, EXCHANGE_RECIPIENTS_MAX, NULL);
	r = exchange_received(x, id16, &m, e);
	if (r < 0)
		return r;
	json_t *list = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(list, delivery_json(&d[i]));
	return api_reply(c,
			 json_pack("{s:o, s:o, s:O}", "sent", list, "received",
				   r ? received_json(&m) : json_null(), "proofs", proofs),
			 e);
}
