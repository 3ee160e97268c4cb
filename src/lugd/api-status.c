/* SPDX-License-Identifier: Apache-2.0
 * GET /v1/status: how the node is, in one answer that shows no case. */
#include "base/cleanup.h"
#include "base/time.h"
#include "exchange/query.h"
#include "lugd/lugd-int.h"

static json_t *time_or_null(int64_t unix_s)
{
	char text[TIME_TEXT_MAX];
	return unix_s ? json_string(time_utc(unix_s, text)) : json_null();
}

static const struct peer_state *state_of(const struct lugd *d, const char *name)
{
	static const struct peer_state never;
	for (size_t i = 0; i < d->peer_states_n; i++)
		if (!strcmp(d->peer_states[i].name, name))
			return &d->peer_states[i];
	return &never;
}

/* How the calls to a peer went, as this process has seen it. */
static json_t *calls_json(const struct lugd *d, const char *name)
{
	const struct peer_state *s = state_of(d, name);
	return json_pack("{s:s, s:b, s:o, s:o, s:s, s:I, s:I}", "name", name, "reachable",
			 s->ok_s > 0 && s->ok_s >= s->failed_s, "answered", time_or_null(s->ok_s),
			 "failed", time_or_null(s->failed_s), "why", s->why, "sent",
			 (json_int_t)s->sent_n, "failures", (json_int_t)s->failed_n);
}

/* What waits for it, and how its clock runs, as the exchange knows it. */
static json_t *peer_json(struct lugd *d, const struct exchange_peer_status *p)
{
	struct directory *dir = exchange_directory(d->exchange);
	const struct directory_node *node = directory_node(dir, p->name);
	const struct directory_member *member = directory_member(dir, p->name);
	_cleanup_(json_decrefp) json_t *calls = calls_json(d, p->name);
	_cleanup_(json_decrefp) json_t *o =
		json_pack("{s:s, s:s, s:o, s:I, s:o, s:I, s:o, s:b}", "country",
			  member ? member->country : "", "endpoint",
			  node && node->endpoints_n ? node->endpoints[0] : "", "note_until",
			  time_or_null(node ? node->until_s : 0), "queued", (json_int_t)p->queued,
			  "oldest", time_or_null(p->oldest_s), "unopened", (json_int_t)p->unopened,
			  "offset_ms", p->offset_known ? json_integer(p->offset_ms) : json_null(),
			  "stopped", p->out.stopped || p->in.stopped);
	return o && calls && json_object_update(calls, o) == 0 ? TAKE_PTR(calls) : NULL;
}

static json_t *peers_json(struct lugd *d, struct err *e)
{
	_cleanup_(freep) struct exchange_peer_status *peers = calloc(PEERS_MAX, sizeof(*peers));
	_cleanup_(json_decrefp) json_t *list = json_array();
	int n = peers ? exchange_peers(d->exchange, peers, PEERS_MAX, e) : -ERR_NOMEM;
	if (n < 0)
		return NULL;
	for (int i = 0; i < n; i++)
		if (json_array_append_new(list, peer_json(d, &peers[i])) < 0)
			return NULL;
	return TAKE_PTR(list);
}

static json_t *alarms_json(const struct lugd *d)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	size_t n = d->alarms_n < ALARMS_MAX ? d->alarms_n : ALARMS_MAX;
	for (size_t i = 0; list && i < n; i++) {
		const struct alarm *a = &d->alarms[(d->alarms_n - 1 - i) % ALARMS_MAX];
		if (json_array_append_new(list, json_pack("{s:o, s:b, s:s}", "time",
							  time_or_null(a->time_s), "wake", a->wake,
							  "text", a->text)) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

static json_t *node_json(struct lugd *d)
{
	char now[TIME_TEXT_MAX];
	return json_pack("{s:s, s:s, s:s, s:I, s:i, s:s, s:i, s:b, s:s}", "node", lugd_node(d),
			 "version", LUG_VERSION, "time", time_utc(time_now_ms() / 1000, now),
			 "uptime_s", (json_int_t)((time_mono_ms() - d->started_ms) / 1000), "pid",
			 (int)getpid(), "listen", d->conf.listen.text, "port", (int)d->port,
			 "shared_uid", (int)d->conf.shared_uid.number, "own_note",
			 own_note_name(own_note_state(d, time_now_ms() / 1000)));
}

/* Adds a member; a NULL value, which stands for a failure, is one here too. */
static int add(json_t *o, const char *key, json_t *value)
{
	return json_object_set_new(o, key, value);
}

int api_status(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	_cleanup_(json_decrefp) json_t *o = node_json(d);
	json_t *keys = keys_json(d, e);
	json_t *keyd = json_pack("{s:i, s:I, s:o}", "pid", keyd_pid(d->keyd), "restarts",
				 (json_int_t)keyd_restarts(d->keyd), "keys", keys);
	int failed = add(o, "keyd", keyd) + add(o, "officer", json_string(c->who.officer)) +
		     add(o, "roles", officer_roles_json(c->who.roles)) +
		     add(o, "peers", peers_json(d, e)) + add(o, "alarms", alarms_json(d)) +
		     add(o, "audit",
			 json_pack("{s:I}", "entries",
				   (json_int_t)(d->audit ? audit_log_size(d->audit) : 0)));
	failed += add(o, "witnesses", witness_json(d, e));
	if (d->shared.on)
		failed += add(o, "leases", shared_json(d));
	if (failed)
		return e->code ? e->code : err_set(e, ERR_NOMEM, NULL, NULL);
	return api_reply(c, TAKE_PTR(o), e);
}
