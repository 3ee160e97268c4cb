/* SPDX-License-Identifier: Apache-2.0
 * What must hold in every world, whatever happened. */
#include "base/cursor.h"
#include "exchange/exchange-int.h"
#include "sim.h"
#include "wire/note.h"
#include "wire/receipt.h"
#include <string.h>

static bool one_row(struct sim *s, size_t node, const char *sql, const struct store_val *vals,
		    size_t n, struct store_rows *rows)
{
	return store_first(s->net.node[node].store, sql, vals, n, rows, NULL) > 0;
}

/* ---- effects ---- */

/* At most once, only at a recipient, never of a forged message. */
static void check_effects(struct sim *s, size_t node)
{
	STORE_ROWS(rows);
	if (one_row(s, node, "SELECT text FROM probe_effect GROUP BY text HAVING COUNT(*) > 1",
		    NO_VALS, &rows))
		sim_wrong(s, "%s: effect twice: %s", s->net.node[node].name,
			  row_text(&rows, "text", NULL));
}

static const struct sim_message *message_of(const struct sim *s, const char *text)
{
	for (size_t i = 0; i < s->messages_n; i++)
		if (strcmp(s->messages[i].text, text) == 0)
			return &s->messages[i];
	return NULL;
}

static void check_all_effects(struct sim *s, size_t node)
{
	int64_t last[SIM_NODES][3];
	memset(last, -1, sizeof(last));
	STORE_ROWS(rows);
	int r = store_query(s->net.node[node].store,
			    "SELECT text, sender FROM probe_effect ORDER BY n", NO_VALS, &rows,
			    NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0) {
		const char *text = row_text(&rows, "text", NULL);
		const struct sim_message *m = message_of(s, text);
		if (!m || !(m->to & 1u << node)) {
			sim_wrong(s, "%s: effect of a message that is not for it: %s",
				  s->net.node[node].name, text);
			return;
		}
		if (m->forged)
			sim_wrong(s, "%s: effect of a forged message: %s", s->net.node[node].name,
				  text);
		int64_t at = m - s->messages;
		bool set_back = s->past.done && (m->from == s->past.node || node == s->past.node);
		if (at <= last[m->from][m->lane] && !set_back)
			sim_wrong(s, "%s: effect out of order: %s", s->net.node[node].name, text);
		last[m->from][m->lane] = at;
	}
}

/* ---- the audit log only grows ---- */

static void check_audit(struct sim *s, size_t node)
{
	uint8_t hash32[32];
	STORE_ROWS(rows);
	size_t len;
	if (s->audit_seq[node] >= 0) {
		if (!one_row(s, node, "SELECT entry FROM audit_entry WHERE seq = ?",
			     VALS(val_i64(s->audit_seq[node])), &rows)) {
			sim_wrong(s, "%s: audit entry %lld is gone", s->net.node[node].name,
				  (long long)s->audit_seq[node]);
			return;
		}
		const char *entry = row_text(&rows, "entry", &len);
		sha256(entry, len, hash32);
		if (memcmp(hash32, s->audit_hash32[node], 32) != 0)
			sim_wrong(s, "%s: audit entry %lld was changed", s->net.node[node].name,
				  (long long)s->audit_seq[node]);
		store_rows_done(&rows);
	}
	if (!one_row(s, node, "SELECT seq, entry FROM audit_entry ORDER BY seq DESC LIMIT 1",
		     NO_VALS, &rows))
		return;
	if (row_i64(&rows, "seq") < s->audit_seq[node])
		sim_wrong(s, "%s: the audit log became shorter", s->net.node[node].name);
	const char *entry = row_text(&rows, "entry", &len);
	sha256(entry, len, s->audit_hash32[node]);
	s->audit_seq[node] = row_i64(&rows, "seq");
}

/* ---- promises ---- */

void check_reply(struct sim *s, size_t node, size_t peer, const void *reply, size_t len)
{
	struct cur c = cur_init(reply, len);
	struct note n;
	struct receipt r;
	struct stream_refusal f;
	while (cur_left(&c) > 4) {
		uint32_t frame_len = cur_u32be(&c);
		const void *p = cur_bytes(&c, frame_len);
		if (p && note_parse(p, frame_len, &n, NULL) == 0 &&
		    note_is(&n, STREAM_TYPE_REFUSAL) &&
		    stream_refusal_decode(n.p, n.text_len, &f, NULL) == 0)
			cover_code(s, exchange_code(f.code));
		if (!p || note_parse(p, frame_len, &n, NULL) < 0 || !note_is(&n, RECEIPT_TYPE) ||
		    receipt_decode(n.p, n.text_len, &r, NULL) < 0 || r.kind != RECEIPT_STORED)
			continue;
		if (s->promises_n == SIM_PROMISES_MAX)
			return;
		struct sim_promise *k = &s->promises[s->promises_n++];
		*k = (struct sim_promise){.node = node, .peer = peer};
		memcpy(k->id16, r.id16, 16);
	}
}

/* The sender never saw the R1, and the message has expired. */
static bool given_up(struct sim *s, const struct sim_promise *k)
{
	struct exchange_delivery d;
	return exchange_delivery(s->net.node[k->peer].x, k->id16, s->net.node[k->node].name, &d,
				 NULL) == 1 &&
	       d.state == EXCHANGE_UNDELIVERED;
}

static void check_promises(struct sim *s, size_t node, bool end)
{
	for (size_t i = 0; i < s->promises_n; i++) {
		const struct sim_promise *k = &s->promises[i];
		if (k->node != node || (k->lapsed && (!end || given_up(s, k))))
			continue;
		STORE_ROWS(rows);
		if (!one_row(s, node, "SELECT id FROM exchange_in WHERE peer = ? AND id = ?",
			     VALS(val_text(s->net.node[k->peer].name), val_blob(k->id16, 16)),
			     &rows)) {
			sim_wrong(s, "%s: a parcel of %s is lost after its R1",
				  s->net.node[node].name, s->net.node[k->peer].name);
			return;
		}
	}
}

/* A posted message is in the outbox for each recipient. */
static void check_posted(struct sim *s, size_t node)
{
	for (size_t i = 0; i < s->messages_n; i++) {
		const struct sim_message *m = &s->messages[i];
		if (m->from != node || !m->posted || past_lost(s, m))
			continue;
		STORE_ROWS(rows);
		if (!one_row(s, node, "SELECT COUNT(*) AS n FROM exchange_out WHERE id = ?",
			     VALS(val_blob(m->id16, 16)), &rows) ||
		    row_i64(&rows, "n") != __builtin_popcount(m->to))
			sim_wrong(s, "%s: a posted message is lost: %s", s->net.node[node].name,
				  m->text);
	}
}

void check_step(struct sim *s, size_t node)
{
	check_effects(s, node);
	check_audit(s, node);
}

static void check_rows(struct sim *s, size_t node, bool end)
{
	check_step(s, node);
	check_promises(s, node, end);
	check_posted(s, node);
}

void check_restart(struct sim *s, size_t node)
{
	check_rows(s, node, false);
}

/* ---- the end ---- */

/* Has the sender of a stream seen the receiver's present head, and is no reset or recall open? Else somebody may have been set
 * back to a copy, and what follows from it is still to come. */
static bool heads_agree(struct sim *s, size_t from, size_t to)
{
	struct stream out, in = {0};
	int r = stream_out_load(s->net.node[from].x, s->net.node[to].name, &out, NULL);
	if (r >= 0)
		r = stream_in_load(s->net.node[to].x, s->net.node[from].name, &in, NULL);
	bool agree = r >= 0 && out.peer_epoch == in.epoch && out.peer_seq == in.seq &&
		     out.epoch == in.epoch && !out.recall && out.reset.len == 0;
	stream_done(&out);
	stream_done(&in);
	return agree;
}

static bool all_heads_agree(struct sim *s)
{
	for (size_t i = 0; i < SIM_NODES; i++)
		for (size_t j = 0; j < SIM_NODES; j++)
			if (i != j && !heads_agree(s, i, j))
				return false;
	return true;
}

bool check_settled(struct sim *s)
{
	for (size_t i = 0; i < SIM_NODES; i++) {
		struct node *n = &s->net.node[i];
		if (!n->x ||
		    node_count(
			    n,
			    "SELECT COUNT(*) AS n FROM exchange_out WHERE state = 0 OR settled = 0") !=
			    0 ||
		    node_count(n, "SELECT COUNT(*) AS n FROM exchange_out WHERE state = 1") != 0 ||
		    node_count(n, "SELECT COUNT(*) AS n FROM exchange_receipt WHERE pending = 1") !=
			    0 ||
		    node_count(n, "SELECT COUNT(*) AS n FROM exchange_in WHERE state = 1") != 0)
			return false;
	}
	return all_heads_agree(s);
}

static struct exchange_delivery delivery_at(struct sim *s, const struct sim_message *m, size_t to)
{
	struct exchange_delivery d;
	struct node *from = &s->net.node[m->from];
	if (exchange_delivery(from->x, m->id16, s->net.node[to].name, &d, NULL) != 1)
		d.state = EXCHANGE_QUEUED;
	return d;
}

/* Nothing is given up but what was changed on the way, or what expired while the world stood still. */
static bool may_fail(const struct sim *s, const struct exchange_delivery *d)
{
	return ((s->tampered || s->leapt_ms) && d->state == EXCHANGE_UNDELIVERED) ||
	       (s->leapt_ms && d->state == EXCHANGE_REFUSED && strcmp(d->reason, "expired") == 0);
}

static bool stored_at(struct sim *s, const struct sim_message *m, size_t to)
{
	STORE_ROWS(rows);
	return one_row(s, to, "SELECT id FROM exchange_in WHERE peer = ? AND id = ?",
		       VALS(val_text(s->net.node[m->from].name), val_blob(m->id16, 16)), &rows);
}

/* What the sender knows and what happened agree. */
static void check_outcome(struct sim *s, const struct sim_message *m, size_t to)
{
	int64_t effects = node_effects(&s->net.node[to], m->text);
	const char *name = s->net.node[to].name;
	if (!m->posted) {
		if (effects > 1)
			sim_wrong(s, "%s: effect twice: %s", name, m->text);
		return;
	}
	const struct exchange_delivery d = delivery_at(s, m, to);
	const enum exchange_state state = d.state;
	bool stolen = s->thief.active && s->thief.victim == m->from;
	if (past_lost(s, m) && (stolen || !stored_at(s, m, to)))
		return;
	if (m->forged) {
		if (effects != 0 || (state != EXCHANGE_REFUSED && !may_fail(s, &d)))
			sim_wrong(s, "%s: a forged message is %s (%s) with %lld effects", name,
				  exchange_state_name(state), d.reason, (long long)effects);
		return;
	}
	if (effects == 1 && state >= EXCHANGE_ACCEPTED && state != EXCHANGE_REFUSED &&
	    state != EXCHANGE_UNDELIVERED)
		s->delivered++;
	else if (!may_fail(s, &d) && !(s->past.done && to == s->past.node && s->leapt_ms))
		sim_wrong(s, "%s: %s ended as %s (%s) with %lld effects", name, m->text,
			  exchange_state_name(state), d.reason, (long long)effects);
}

/* Only sender and recipients may have the text on their disks. */
static void check_plaintext(struct sim *s, const struct sim_message *m)
{
	for (size_t i = 0; i < SIM_NODES; i++)
		if (i != m->from && !(m->to & 1u << i) &&
		    disk_find(s->disks[i], m->text, strlen(m->text)))
			sim_wrong(s, "%s has the plaintext of a message that is not for it: %s",
				  s->net.node[i].name, m->text);
}

/* Both ends hold the same text at each place that both know. */
static void check_places(struct sim *s, size_t from, size_t to)
{
	STORE_ROWS(rows);
	int r = store_query(s->net.node[to].store,
			    "SELECT epoch, seq, id, text_hash FROM exchange_place WHERE peer = ?",
			    VALS(val_text(s->net.node[from].name)), &rows, NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0) {
		uint8_t id16[16], there32[32], here32[32];
		row_copy(&rows, "id", id16, 16);
		row_copy(&rows, "text_hash", there32, 32);
		STORE_ROWS(own);
		if (!one_row(
			    s, from,
			    "SELECT text_hash FROM exchange_out WHERE peer = ? AND id = ? AND epoch = ? AND seq = ?",
			    VALS(val_text(s->net.node[to].name), val_blob(id16, 16),
				 val_u64(row_u64(&rows, "epoch")), val_u64(row_u64(&rows, "seq"))),
			    &own))
			continue; /* numbered again in a new epoch */
		row_copy(&own, "text_hash", here32, 32);
		if (memcmp(there32, here32, 32) != 0)
			sim_wrong(s, "%s holds another text than %s sent at %llu",
				  s->net.node[to].name, s->net.node[from].name,
				  (unsigned long long)row_u64(&rows, "seq"));
	}
}

static void check_stopped(struct sim *s, size_t node)
{
	if (node_count(&s->net.node[node],
		       "SELECT COUNT(*) AS n FROM exchange_stream_in WHERE stopped = 1") != 0 ||
	    node_count(&s->net.node[node],
		       "SELECT COUNT(*) AS n FROM exchange_stream_out WHERE stopped = 1") != 0)
		sim_wrong(s, "%s: a stream was stopped though nobody lied", s->net.node[node].name);
}

void check_end(struct sim *s)
{
	desk_check(s);
	for (size_t i = 0; i < SIM_NODES; i++) {
		check_rows(s, i, true);
		check_all_effects(s, i);
		check_stopped(s, i);
		for (size_t j = 0; j < SIM_NODES; j++)
			if (i != j)
				check_places(s, i, j);
	}
	for (size_t i = 0; i < s->messages_n; i++) {
		check_plaintext(s, &s->messages[i]);
		for (size_t to = 0; to < SIM_NODES; to++)
			if (s->messages[i].to & 1u << to)
				check_outcome(s, &s->messages[i], to);
	}
}
