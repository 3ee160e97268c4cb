/* SPDX-License-Identifier: Apache-2.0
 * Bad bytes: what members send each other against the protocol, and what officers try against the rules. Each try must end with an
 * error; which codes there are stands in codes.def. One try at a time, taken from the three tables in turn. */
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "exchange/exchange-int.h"
#include "exchange/request.h"
#include "sim.h"
#include "wire/parcel.h"
#include <string.h>

/* ---- parcels: one that is whole, but for one thing ---- */

struct wire_lie {
	const char *from, *to; /* bytes that are replaced */
	int64_t ahead;	       /* of the next place in the stream */
	int64_t size;	       /* more than there is; -1: one byte is cut off */
};
static const struct wire_lie wire_lies[] = {
	{"\nexpires 1", "\nexpires 9", 0, 0},
	{"parcel/v1", "parcel/v2", 0, 0},
	{"parcel/v1", "recall/v1", 0, 0},
	{"\nsuite age-x25519", "\nsuite xge-x25519", 0, 0},
	{"\nclass normal", "\nclass narmal", 0, 0},
	{"\nid ", "\nix ", 0, 0},
	{"\xe2\x80\x94 ", "\xe2\x80\x94 x", 0, 0},
	{"nothing that opens", "nothing that upens", 0, 0},
	{NULL, NULL, 0, -1},
	{NULL, NULL, 2000, 0},
	{NULL, NULL, 0, PARCEL_FILE_MAX},
};

static void replace(struct buf *b, const char *from, const char *to)
{
	uint8_t *at = from ? memmem(b->p, b->len, from, strlen(from)) : NULL;
	if (at)
		memcpy(at, to, strlen(to));
}

static int wire_body(struct sim *s, size_t from, size_t to, const struct wire_lie *lie,
		     uint8_t ret_id16[static 16], struct buf *body)
{
	struct parcel_outer o = {.class = PARCEL_NORMAL,
				 .time_s = s->net.now_ms / 1000,
				 .expires_s = s->net.now_ms / 1000 + 86400};
	int r = thief_parcel(s, from, to, s->net.node[from].node32, (uint64_t)lie->ahead, &o, body);
	memcpy(ret_id16, o.id16, 16);
	replace(body, lie->from, lie->to);
	if (lie->size < 0)
		body->len--;
	return r;
}

static bool is_stored(struct sim *s, size_t node, const uint8_t id16[static 16])
{
	STORE_ROWS(rows);
	return store_first(s->net.node[node].store, "SELECT id FROM exchange_place WHERE id = ?",
			   VALS(val_blob(id16, 16)), &rows, NULL) > 0;
}

static void lie_on_the_wire(struct sim *s, size_t from, size_t to, uint64_t turn)
{
	const struct wire_lie *lie = &wire_lies[turn % ARRAY_LEN(wire_lies)];
	_cleanup_(buf_done) struct buf body, reply;
	uint8_t id16[16];
	buf_init(&body, EXCHANGE_BODY_MAX);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	if (wire_body(s, from, to, lie, id16, &body) < 0)
		return;
	const char *name = lie->size > 0 ? "nobody" : s->net.node[from].name;
	int r = exchange_receive(s->net.node[to].x, name, EXCHANGE_PARCELS, body.p, body.len,
				 &reply, NULL);
	cover_code(s, r);
	check_reply(s, to, from, reply.p, reply.len);
	if (!disk_dead(s->disks[to]) && is_stored(s, to, id16))
		sim_wrong(s, "%s: a parcel that is not as it must be was taken",
			  s->net.node[to].name);
}

/* ---- messages: well sealed, with a part that must be refused ---- */

struct part_lie {
	const char *media_type;
	const char *field, *value; /* JSON that is put there; NULL: the field is left out */
};
static const struct part_lie part_lies[] = {
	{REQUEST_MEDIA_TYPE, "facts", NULL},
	{REQUEST_MEDIA_TYPE, "from", "\"nobody\""},
	{REQUEST_MEDIA_TYPE, "!embargo", "true"},
	{REQUEST_MEDIA_TYPE, "version", "2"},
	{REQUEST_MEDIA_TYPE, "type", "\"BEG\""},
	{REQUEST_MEDIA_TYPE, "type", "7"},
	{REQUEST_MEDIA_TYPE, "case",
	 "\"0123456789012345678901234567890123456789012345678901234567890123456789\""},
	{REQUEST_MEDIA_TYPE, "term_days", "0"},
	{REQUEST_MEDIA_TYPE, "handling",
	 "{\"code\":\"H9\",\"marking\":\"TLP:AMBER\",\"grade\":\"A1\",\"purpose\":\"prevention\",\"basis\":\"treaty\"}"},
	{REQUEST_MEDIA_TYPE, "amount", "\"1\""},
	{REQUEST_MEDIA_TYPE, "account", "\"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb\""},
	{REQUEST_MEDIA_TYPE, "account", "\"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ\""},
	{REQUEST_MEDIA_TYPE, "asset", "\"eip155:1/slip44:60\""},
	{REQUEST_MEDIA_TYPE, NULL, NULL}, /* good, but sent twice */
	{REQUEST_MEDIA_TYPE, "mood",
	 "\"grim\""}, /* good, but another one of its id was sent before */
	{REQUEST_EVENT_MEDIA_TYPE, NULL, NULL},
	{"application/octet-stream", NULL, NULL},
};

#define LIE_ID "019ab5a0-0000-7000-8000-%012x"
#define BTC "bip122:000000000019d6689c085ae165831e93"

static json_t *whole(const struct sim *s, size_t from, size_t to)
{
	char at[TIME_TEXT_MAX], id[40];
	snprintf(id, sizeof(id), LIE_ID, (unsigned)(from * SIM_NODES + to));
	return json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:{s:s},"
		" s:{s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s}, s:[{s:s, s:s, s:s}]}",
		"version", 1, "id", id, "type", "TRACE", "class", "URGENT", "from",
		s->net.node[from].name, "to", s->net.node[to].name, "case", "PROC 1", "created_at",
		time_utc(s->net.now_ms / 1000, at), "authority", "name", "Police", "country", "IT",
		"offence", "code", "theft", "text", "furto", "facts", "i fatti", "link", "proceeds",
		"necessity", "it moves", "language", "it", "reply_language", "en", "relation",
		"kind", "new", "confidentiality", "subject", "may-know", "custodian", "may-know",
		"handling", "code", "H1", "marking", "TLP:AMBER", "grade", "A1", "purpose",
		"prevention", "basis", "treaty", "assets", "chain", BTC, "asset", BTC "/slip44:0",
		"txid", "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
}

/* Fields of the asset block are put there, all others into the request. */
static void put_field(json_t *j, const struct part_lie *lie)
{
	json_t *asset = json_array_get(json_object_get(j, "assets"), 0);
	json_t *value = lie->value ? json_loads(lie->value, JSON_DECODE_ANY, NULL) : NULL;
	if (!value) {
		json_object_del(j, lie->field);
	} else if (strcmp(lie->field, "amount") == 0) {
		json_object_set_new(asset, "amount", json_string("2"));
		json_object_set_new(asset, "output_value", value);
	} else if (strcmp(lie->field, "account") == 0) {
		json_object_set_new(asset, "account",
				    json_sprintf("%s:%s", BTC, json_string_value(value)));
		json_decref(value);
	} else {
		json_object_set_new(strcmp(lie->field, "asset") == 0 ? asset : j, lie->field,
				    value);
	}
}

static int post_part(struct sim *s, size_t from, size_t to, const char *media_type,
		     const char *body)
{
	const struct exchange_part part = {media_type, body, strlen(body)};
	const char *peer = s->net.node[to].name;
	const struct exchange_post post = {.class = EXCHANGE_URGENT,
					   .to = &peer,
					   .to_n = 1,
					   .expires_s = s->net.now_ms / 1000 + 86400,
					   .officer = "first",
					   .case_ref = "case-1",
					   .purpose = "prevention",
					   .basis = "treaty",
					   .handling = "H1",
					   .marking = "TLP:AMBER",
					   .grade = "A1",
					   .parts = &part,
					   .parts_n = 1};
	struct node *node = &s->net.node[from];
	uint8_t id16[16];
	STORE_TXN(txn);
	int r = store_begin(node->store, STORE_WRITE, &txn, NULL);
	if (r >= 0)
		r = exchange_post(node->x, &post, id16, NULL);
	return r < 0 ? r : store_commit(&txn, NULL);
}

static void lie_inside(struct sim *s, size_t from, size_t to, uint64_t turn)
{
	const struct part_lie *lie = &part_lies[turn % ARRAY_LEN(part_lies)];
	_cleanup_(json_decrefp) json_t *j = whole(s, from, to);
	_cleanup_(freep) char *good = json_text(j);
	if (lie->field)
		put_field(j, lie);
	_cleanup_(freep) char *body = json_text(j);
	if (!lie->field || strcmp(lie->field, "mood") == 0)
		cover_code(s, post_part(s, from, to, lie->media_type, good));
	cover_code(s, post_part(s, from, to, lie->media_type, body));
}

/* ---- officers ---- */

typedef int act(struct sim *s, size_t node, const struct actor *first, json_t **out);

static int without_role(struct sim *s, size_t node, const struct actor *first, json_t **out)
{
	const struct actor admin = {"root", ACTOR_ADMIN, first->node};
	return request_draft(s->desks[node], &admin, NULL, out, NULL);
}

static int draft(struct sim *s, size_t node, const struct actor *first, const char *to,
		 json_t **out)
{
	static const char *const given[] = {"version", "id", "from", "created_at"};
	_cleanup_(json_decrefp) json_t *j = whole(s, node, (node + 1) % SIM_NODES);
	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		json_object_del(j, given[i]);
	json_object_set_new(j, "class", json_string("FLASH"));
	if (to)
		json_object_set_new(j, "to", json_string(to));
	return request_draft(s->desks[node], first, j, out, NULL);
}

static int to_nobody(struct sim *s, size_t node, const struct actor *first, json_t **out)
{
	return draft(s, node, first, "nobody", out);
}

static int unknown_request(struct sim *s, size_t node, const struct actor *first, json_t **out)
{
	return request_submit(s->desks[node], first, "019ab5a0-0000-7000-8000-ffffffffffff", out,
			      NULL);
}

static int other_content(struct sim *s, size_t node, const struct actor *first, json_t **out)
{
	static const char wrong[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	_cleanup_(json_decrefp) json_t *drafted = NULL, *submitted = NULL, *gone = NULL;
	struct actor second = *first;
	int r = draft(s, node, first, NULL, &drafted);
	const char *id = json_string_value(json_object_get(drafted, "id"));
	second.officer = "second";
	second.roles = ACTOR_APPROVER;
	if (r >= 0)
		r = request_submit(s->desks[node], first, id, &submitted, NULL);
	if (r < 0)
		return r;
	r = request_approve(s->desks[node], &second, id, wrong, out, NULL);
	(void)!request_discard(s->desks[node], first, id, &gone, NULL);
	return r;
}

static int impossible_step(struct sim *s, size_t node, const struct actor *first, json_t **out)
{
	_cleanup_(json_decrefp) json_t *in = json_pack("{s:s}", "text", "words");
	int r = -ERR_NOENT;
	for (size_t i = 0; i < s->requests_n; i++)
		if (s->requests[i].from == node)
			r = request_act(s->desks[node], first, s->requests[i].id, EVENT_ACK, in,
					out, NULL);
	return r;
}

static int registered_twice(struct sim *s, size_t node, const struct actor *first, json_t **out)
{
	return exchange_register(s->net.node[node].x, REQUEST_MEDIA_TYPE, NULL, NULL, NULL);
}

static act *const acts[] = {without_role,  to_nobody,	    unknown_request,
			    other_content, impossible_step, registered_twice};

static void act_wrongly(struct sim *s, size_t node, uint64_t turn)
{
	const struct actor first = {"first", ACTOR_OFFICER | ACTOR_DUTY, s->net.node[node].name};
	_cleanup_(json_decrefp) json_t *out = NULL;
	int r = acts[turn % ARRAY_LEN(acts)](s, node, &first, &out);
	cover_code(s, r);
	if (r >= 0)
		sim_wrong(s, "%s: a wrong act was possible: %llu", s->net.node[node].name,
			  (unsigned long long)(turn % ARRAY_LEN(acts)));
}

size_t liar_try(struct sim *s, uint64_t turn)
{
	const uint64_t mixed = turn * 2654435761u >> 16, row = turn / 3;
	size_t from = mixed % SIM_NODES, to = (from + 1 + mixed / SIM_NODES % 2) % SIM_NODES;
	if (!s->net.node[from].x || !s->net.node[to].x || s->paused_until_ms[from] ||
	    s->paused_until_ms[to])
		return SIM_NODES;
	switch (turn % 3) {
	case 0:
		lie_on_the_wire(s, from, to, row);
		return to;
	case 1:
		lie_inside(s, from, to, row);
		return from;
	default:
		act_wrongly(s, from, row);
		return from;
	}
}
