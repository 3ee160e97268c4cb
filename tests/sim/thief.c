/* SPDX-License-Identifier: Apache-2.0
 * A stolen node key: its owner revokes it and goes on with a new one; the thief writes parcels with times before the theft. */
#include "exchange/exchange-int.h"
#include "sim.h"
#include "wire/parcel.h"
#include <string.h>

void thief_steal(struct sim *s, size_t i)
{
	struct node *node = &s->net.node[i];
	if (s->thief.active)
		return;
	s->thief = (struct sim_thief){.active = true,
				      .victim = i,
				      .vkey = node->note.keys[0].vkey,
				      .time_s = s->net.now_ms / 1000};
	memcpy(s->thief.node32, node->node32, 32);
	nodes_rekey(&s->net, i, DIRECTORY_KEY_NODE, true);
}

bool thief_publish(struct sim *s)
{
	const struct node *node = &s->net.node[s->thief.victim];
	if (!node->x)
		return false;
	return directory_install(exchange_directory(node->x), NULL, node->signed_note.p,
				 node->signed_note.len, NULL, NULL) == 0;
}

int thief_parcel(struct sim *s, size_t from, size_t to, const uint8_t node32[static 32],
		 uint64_t ahead, struct parcel_outer *o, struct buf *body)
{
	static const char file[] = "age-encryption.org/v1\nnothing that opens";
	_cleanup_(buf_done) struct buf note;
	struct stream in;
	buf_init(&note, NOTE_MAX);
	int r = stream_in_load(s->net.node[to].x, s->net.node[from].name, &in, NULL);
	o->size = sizeof(file) - 1;
	o->epoch = in.epoch;
	o->seq = in.seq + 1 + ahead;
	memcpy(o->prev32, in.chain32, 32);
	stream_done(&in);
	if (r < 0)
		return r;
	snprintf(o->from, sizeof(o->from), "%s", s->net.node[from].name);
	snprintf(o->to, sizeof(o->to), "%s", s->net.node[to].name);
	prng_bytes(&s->rng, o->id16, 16);
	sha256(file, sizeof(file) - 1, o->sha256);
	r = parcel_outer_encode(o, &note);
	if (r >= 0)
		r = note_sign_seed(&note, o->from, node32, NULL);
	return r < 0 ? r : parcel_put(body, note.p, note.len, file, sizeof(file) - 1);
}

static int forge(struct sim *s, size_t to, uint8_t ret_id16[static 16], struct buf *body)
{
	struct parcel_outer o = {.class = PARCEL_FLASH};
	o.time_s = s->thief.time_s - (int64_t)prng_below(&s->rng, 600);
	o.expires_s = o.time_s + 86400;
	int r = thief_parcel(s, s->thief.victim, to, s->thief.node32, 0, &o, body);
	memcpy(ret_id16, o.id16, 16);
	return r;
}

static bool has_row(struct sim *s, size_t node, const char *sql, const struct store_val *vals,
		    size_t n)
{
	STORE_ROWS(rows);
	return store_first(s->net.node[node].store, sql, vals, n, &rows, NULL) > 0;
}

bool thief_forge(struct sim *s, size_t to)
{
	struct node *node = &s->net.node[to];
	const char *victim = s->net.node[s->thief.victim].name;
	uint8_t id16[16];
	_cleanup_(buf_done) struct buf body, reply;
	buf_init(&body, EXCHANGE_BODY_MAX);
	buf_init(&reply, EXCHANGE_BODY_MAX);
	if (!s->thief.active || to == s->thief.victim || !node->x ||
	    !has_row(s, to, "SELECT pk FROM exchange_revoked WHERE member = ? AND pk = ?",
		     VALS(val_text(victim), val_blob(s->thief.vkey.pk32, 32))) ||
	    forge(s, to, id16, &body) < 0)
		return false;
	(void)!exchange_receive(node->x, victim, EXCHANGE_PARCELS, body.p, body.len, &reply, NULL);
	check_reply(s, to, s->thief.victim, reply.p, reply.len);
	if (!disk_dead(s->disks[to]) &&
	    has_row(s, to, "SELECT id FROM exchange_place WHERE id = ?", VALS(val_blob(id16, 16))))
		sim_wrong(s, "%s: a parcel under a revoked key of %s was taken", node->name,
			  victim);
	return true;
}
