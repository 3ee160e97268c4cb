/* SPDX-License-Identifier: Apache-2.0
 * One step of one request: the table says whether and where to, an effect per event says what else it does.
 *
 * Invariants: 1. nothing here runs outside of the caller's write transaction; 2. a step that the table refuses has changed
 * nothing; 3. a step that leaves the state as it was because the two sides crossed is recorded, and has no effect, but for an
 * answer to a closed or withdrawn request, which says what is held now, and to one about an earlier request; 4. clocks
 * are ended by the time of the side that made the step, so that both nodes compute the same, and the pause is computed anew from
 * all that is recorded, crossed or not. */
#include "base/time.h"
#include "crypto/crypto.h"
#include "exchange/directory.h"
#include "exchange/fault.h"
#include "exchange/request-earlier.h"
#include <assert.h>

typedef int effect(struct requests *q, struct request_row *row, const struct request_act *act,
		   struct err *e);

static enum exchange_class lane(enum request_class c)
{
	switch (c) {
	case CLASS_FLASH:
		return EXCHANGE_FLASH;
	case CLASS_URGENT:
		return EXCHANGE_URGENT;
	case CLASS_PRIORITY:
	case CLASS_ROUTINE:
	case CLASS_N:
		break;
	}
	return EXCHANGE_NORMAL;
}

int request_part_post(struct requests *q, const struct request_doc *d, const char *peer,
		      const char *officer, const char *media_type, const char *body,
		      size_t body_len, int64_t expires_s, uint8_t ret_id16[static 16],
		      struct err *e)
{
	enum request_class class;
	int r = earlier_class(q, d, &class, e);
	const struct exchange_part part = {media_type, body, body_len};
	const struct exchange_post post = {
		.class = lane(class),
		.to = &peer,
		.to_n = 1,
		.expires_s = expires_s,
		.officer = officer,
		.case_ref = d->id, /* the authority's own reference stays inside the part */
		.purpose = d->purpose,
		.basis = d->basis,
		.handling = d->handling,
		.marking = d->marking,
		.grade = d->grade,
		.parts = &part,
		.parts_n = 1,
	};

	return r < 0 ? r : exchange_post(q->x, &post, ret_id16, e);
}

/* Steady time minus the time of the node whose clock the deadlines are in, as far as this node knows. */
static int64_t ahead_s(const struct requests *q)
{
	return request_steady_s(q) - request_wall_s(q);
}

typedef int clock_setter(struct store *s, const char *request, enum clock_kind k, int64_t start_s,
			 int64_t due_s, int64_t ahead_s, int64_t first_s, struct err *e);

int request_clock_begin(struct requests *q, const char *id, enum clock_kind k, int64_t start_s,
			int64_t due_s, int64_t first_s, struct err *e)
{
	return clock_start(q->s, id, k, start_s, due_s, ahead_s(q), first_s, e);
}

static_assert((int)CLASS_N == (int)DIRECTORY_CLASSES,
	      "classes of requests and of the policy note are the same");
static_assert((int)CLASS_ROUTINE == (int)DIRECTORY_ROUTINE, "and in the same order");

/* Limits of the policy note in force, which the table's are the default of. */
static struct request_class_row limits_of(const struct requests *q, enum request_class c)
{
	const struct directory_policy *p = directory_policy(exchange_directory(q->x));
	struct request_class_row row = *request_class_row(c);

	if (p) {
		row.receipt_s = p->class[c].receipt_s;
		row.ack_s = p->class[c].ack_s;
		row.answer_s = p->class[c].answer_s;
	}
	return row;
}

static int set_clocks(struct requests *q, const struct request_row *row, clock_setter *set,
		      struct err *e)
{
	const struct request_class_row limits = limits_of(q, row->class);
	int64_t start = row->delivered_s;
	int64_t ack = clock_due(row->class, CLOCK_ACK, start, limits.ack_s);
	int64_t answer = clock_due(row->class, CLOCK_ANSWER, start, limits.answer_s);
	int r = set(q->s, row->id, CLOCK_ACK, start, ack, ahead_s(q),
		    request_ladder(row->class, false, ack - start, 1), e);

	if (r < 0 || request_type_row(row->type)->flags & TYPE_NO_REPLY)
		return r;
	return set(q->s, row->id, CLOCK_ANSWER, start, answer, ahead_s(q),
		   request_ladder(row->class, true, answer - start, 1), e);
}

int request_start_clocks(struct requests *q, const struct request_row *row, struct err *e)
{
	return set_clocks(q, row, clock_start, e);
}

int request_count_from(struct requests *q, struct request_row *row, int64_t delivered_s,
		       struct err *e)
{
	int r;

	if (row->delivered_s == delivered_s)
		return 0;
	row->delivered_s = delivered_s;
	r = set_clocks(q, row, clock_move, e);
	return r < 0 ? r : row_update(q, row, e);
}

/* ---- effects: what an event does beside the state ---- */

static int effect_submit(struct requests *q, struct request_row *row, const struct request_act *act,
			 struct err *e)
{
	int64_t now = request_wall_s(q);
	struct approval a = {.expires_s = now + ahead_s(q) + CLOCK_APPROVAL_S};
	int r;

	memcpy(a.hash32, row->hash32, sizeof(a.hash32));
	snprintf(a.proposer, sizeof(a.proposer), "%s", act->officer);
	snprintf(a.author, sizeof(a.author), "%s", row->author);
	r = approval_open(q->s, row->id, &a, e);
	return r < 0 ? r
		     : request_clock_begin(q, row->id, CLOCK_APPROVAL, now, now + CLOCK_APPROVAL_S,
					   CLOCK_APPROVAL_S + 1, e);
}

static int effect_end_approval(struct requests *q, struct request_row *row,
			       const struct request_act *act, struct err *e)
{
	int r = approval_void(q->s, row->id, e);

	return r < 0 ? r : clock_done(q->s, row->id, CLOCK_APPROVAL, act->at_s, e);
}

static int start_sent_clocks(struct requests *q, const struct request_row *row, struct err *e)
{
	int64_t receipt = row->sent_s + limits_of(q, row->class).receipt_s;

	return request_clock_begin(q, row->id, CLOCK_RECEIPT, row->sent_s, receipt,
				   receipt - row->sent_s, e);
}

static int effect_send(struct requests *q, struct request_row *row, const struct request_act *act,
		       struct err *e)
{
	_cleanup_(request_doc_done) struct request_doc d = {0};
	_cleanup_(freep) char *body = NULL;
	int64_t expires = act->at_s + request_class_row(row->class)->life_s;
	uint8_t hash32[32];
	int r = row_doc(q, row->id, &d, e);

	if (r < 0)
		return r;
	if ((r = earlier_check(q, &d, SIDE_ORIGIN, row->peer, e)) < 0)
		return r;
	if (d.valid_until_s && d.valid_until_s <= act->at_s)
		return err_set(e, ERR_EXPIRED, "valid_until", "has passed; draft it anew");
	if (d.valid_until_s && d.valid_until_s < expires)
		expires = d.valid_until_s;
	body = json_text(d.json);
	if (!body)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	sha256(body, strlen(body), hash32);
	if (memcmp(hash32, row->hash32, sizeof(hash32)) !=
	    0) /* what is sent is what was approved */
		return err_set(e, ERR_CORRUPT, "request",
			       "the content of %s is not what its hash says", row->id);
	if (q->o.admit && (r = q->o.admit(q->o.ctx, row->class, row->id, e)) < 0)
		return r;
	r = request_part_post(q, &d, row->peer, act->officer, REQUEST_MEDIA_TYPE, body,
			      strlen(body), expires, row->message16, e);
	if (r < 0)
		return r;
	row->has_message = true;
	row->sent_s = act->at_s;
	r = effect_end_approval(q, row, act, e);
	return r < 0 ? r : start_sent_clocks(q, row, e);
}

/* Of a copy: what the parcel says, with the machine's receipt still to come. */
static int effect_recall(struct requests *q, struct request_row *row, const struct request_act *act,
			 struct err *e)
{
	memcpy(row->message16, act->message16, sizeof(row->message16));
	row->has_message = true;
	row->sent_s = act->at_s;
	int r = effect_end_approval(q, row, act, e);

	return r < 0 ? r : start_sent_clocks(q, row, e);
}

static int effect_deliver(struct requests *q, struct request_row *row,
			  const struct request_act *act, struct err *e)
{
	_cleanup_(request_doc_done) struct request_doc d = {0};
	int r = clock_done(q->s, row->id, CLOCK_RECEIPT, act->at_s, e);

	if (r < 0 || row->delivered_s)
		return r;
	row->delivered_s = FAULT(OWN_CLOCK) ? request_wall_s(q) : act->at_s;
	if ((r = request_start_clocks(q, row, e)) < 0 || (r = row_doc(q, row->id, &d, e)) < 0 ||
	    !d.valid_until_s)
		return r;
	return request_clock_begin(q, row->id, CLOCK_EXPIRY, row->sent_s, d.valid_until_s,
				   d.valid_until_s - row->sent_s, e);
}

static int effect_fail(struct requests *q, struct request_row *row, const struct request_act *act,
		       struct err *e)
{
	return clock_done(q->s, row->id, CLOCK_RECEIPT, act->at_s, e);
}

static int effect_end(struct requests *q, struct request_row *row, const struct request_act *act,
		      struct err *e)
{
	row->question[0] = '\0';
	return clock_done_all(q->s, row->id, act->at_s, e);
}

static int effect_ack(struct requests *q, struct request_row *row, const struct request_act *act,
		      struct err *e)
{
	int r;

	if (act->arrived && !row->delivered_s) { /* overtook the receipt, whose time it repeats */
		struct request_act deliver = *act;

		deliver.at_s = act->doc->delivered_s ? request_claimed(q, act->doc->delivered_s)
						     : act->at_s;
		r = effect_deliver(q, row, &deliver, e);
		if (r < 0)
			return r;
	}
	if (!act->arrived &&
	    (r = exchange_receipt(q->x, row->peer, row->message16, EXCHANGE_SEEN, e)) < 0)
		return r;
	return clock_done(q->s, row->id, CLOCK_ACK, act->at_s, e);
}

/* Any other step of the requested side leaves its question behind; what that does to the pause: request-pause.c. */
static int effect_decide(struct requests *q, struct request_row *row, const struct request_act *act,
			 struct err *e)
{
	row->question[0] = '\0';
	return 0;
}

static int effect_clarify(struct requests *q, struct request_row *row,
			  const struct request_act *act, struct err *e)
{
	snprintf(row->question, sizeof(row->question), "%s", act->doc->id);
	return 0;
}

static int effect_first_answer(struct requests *q, struct request_row *row,
			       const struct request_act *act, struct err *e)
{
	row->question[0] = '\0';
	return clock_done(q->s, row->id, CLOCK_ANSWER, act->at_s, e);
}

/* From the measure's effect to its legal end; for PRESERVE without an outcome, the term asked for. 0 when there is no end. */
static int term_of(struct requests *q, const struct request_row *row, const struct request_act *act,
		   int64_t *ret_from, int64_t *ret_to, struct err *e)
{
	const json_t *o = act->doc->outcome;
	const char *from = json_string_value(json_object_get(o, "effective_at"));
	const char *to = json_string_value(json_object_get(o, "legal_expiry"));
	const char *measure = json_string_value(json_object_get(o, "measure"));
	_cleanup_(request_doc_done) struct request_doc d = {0};
	int r;

	*ret_from = act->at_s;
	*ret_to = 0;
	if (measure && (strcmp(measure, "none") == 0 || strcmp(measure, "release") == 0))
		return 0;
	if (from && (r = time_parse(from, strlen(from), ret_from)) < 0)
		return r;
	if (to)
		return time_parse(to, strlen(to), ret_to);
	r = row_doc(q, row->id, &d, e);
	if (r >= 0 && d.term_days)
		*ret_to = *ret_from + d.term_days * 86400;
	return r;
}

static int effect_answer(struct requests *q, struct request_row *row, const struct request_act *act,
			 struct err *e)
{
	int64_t from, to;
	int r = effect_first_answer(q, row, act, e);

	if (r < 0)
		return r;
	if (!act->arrived && act->doc->outcome &&
	    (r = exchange_receipt(q->x, row->peer, row->message16, EXCHANGE_ACTED, e)) < 0)
		return r;
	r = clock_done(q->s, row->id, CLOCK_EXPIRY, act->at_s, e);
	if (r < 0 || !(request_type_row(row->type)->flags & TYPE_TERM))
		return r;
	r = term_of(q, row, act, &from, &to, e);
	if (r < 0)
		return r;
	if (to > from &&
	    (r = request_clock_begin(q, row->id, CLOCK_TERM, from, to, (to - from) / 2, e)) < 0)
		return r;
	if (to > from && row->state != STATE_WITHDRAWN) /* the one that a withdrawal ends */
		return 0;
	return clock_done(q->s, row->id, CLOCK_TERM, act->at_s, e);
}

/* A measure outlives its request: its reminders go on behind the end. */
static int effect_close(struct requests *q, struct request_row *row, const struct request_act *act,
			struct err *e)
{
	int r = 0;

	row->question[0] = '\0';
	for (unsigned k = 0; r >= 0 && k < CLOCK_KINDS; k++)
		if (k != CLOCK_TERM)
			r = clock_done(q->s, row->id, k, act->at_s, e);
	return r;
}

static effect *const effects[EVENT_N] = {
	[EVENT_SUBMIT] = effect_submit,
	[EVENT_SEND] = effect_send,
	[EVENT_APPROVE] = effect_send,
	[EVENT_REJECT] = effect_end_approval,
	[EVENT_LAPSE] = effect_end_approval,
	[EVENT_DISCARD] = effect_end_approval,
	[EVENT_RECALL] = effect_recall,
	[EVENT_DELIVER] = effect_deliver,
	[EVENT_FAIL] = effect_fail,
	[EVENT_ACK] = effect_ack,
	[EVENT_ACCEPT] = effect_decide,
	[EVENT_PARTIAL] = effect_decide,
	[EVENT_CLARIFY] = effect_clarify,
	[EVENT_CLARIFIED] = effect_decide,
	[EVENT_TRANSFER] = effect_decide,
	[EVENT_REFUSE] = effect_end,
	[EVENT_INTERIM] = effect_first_answer,
	[EVENT_ANSWER] = effect_answer,
	[EVENT_WITHDRAW] = effect_end,
	[EVENT_CLOSE] = effect_close,
	[EVENT_EXPIRE] = effect_end,
};

/* ---- the step ---- */

int request_audit(struct requests *q, enum audit_type type, const char *who, const char *what,
		  const struct request_row *row, STEALS json_t *detail, uint64_t *ret_seq,
		  struct err *e)
{
	_cleanup_(json_decrefp) json_t *d = detail;
	char target[REQUEST_ID_LEN + 16];
	uint8_t salt[AUDIT_SALT_LEN];

	snprintf(target, sizeof(target), "request %s", row ? row->id : "-");
	q->env->random(q->env->ctx, salt, sizeof(salt));
	return audit_record(q->s,
			    &(const struct audit_event){
				    .type = type,
				    .who = who,
				    .what = what,
				    .target = target,
				    .detail = d,
			    },
			    request_wall_s(q), salt, ret_seq, e);
}

void request_ring(const struct requests *q, const struct request_row *row, enum request_ring ring,
		  enum clock_kind clock, unsigned level, const char *text)
{
	const struct request_alarm a = {ring, row->class, clock, level, row->id, row->peer, text};

	if (q->o.ring)
		q->o.ring(q->o.ctx, &a);
}

static int step_audit(struct requests *q, const struct request_row *row,
		      const struct request_act *act, enum request_state from, uint64_t *ret_seq,
		      struct err *e)
{
	const struct request_event_row *v = request_event_row(act->event);
	enum audit_type type = v->action == ACTION_APPROVE ? AUDIT_APPROVAL : AUDIT_TRANSITION;
	char what[48], who[EXCHANGE_NAME_MAX * 2 + 2];
	json_t *detail = json_pack("{s:s, s:s, s:s, s:s}", "from", request_state_row(from)->text,
				   "to", request_state_row(row->state)->text, "type",
				   request_type_row(row->type)->text, "class",
				   request_class_row(row->class)->text);

	if (!detail)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (act->event == EVENT_REFUSE &&
	    json_object_set_new(detail, "ground",
				json_string(request_ground_row(act->doc->ground)->text)) < 0) {
		json_decref(detail);
		return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	snprintf(what, sizeof(what), "request.%s", v->text);
	if (act->arrived)
		snprintf(who, sizeof(who), "%s/%s", row->peer, act->officer);
	else
		snprintf(who, sizeof(who), "%s", act->officer);
	return request_audit(q, type, who, what, row, detail, ret_seq, e);
}

static int event_insert(struct requests *q, const struct request_row *row,
			const struct request_act *act, enum request_state from, uint64_t audit_seq,
			struct err *e)
{
	static const char sql[] =
		"INSERT INTO request_event (id, request, n, event, arrived, officer, at, recorded_at, state_from, state_to, body, text, "
		"message, delivery, audit) VALUES (?, ?, (SELECT COALESCE(MAX(x.n), 0) + 1 FROM request_event x WHERE x.request = ?), "
		"?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?)";
	char fresh[REQUEST_ID_LEN + 1];
	int64_t n;

	request_uuid(q, fresh);
	n = store_exec(q->s, sql,
		       VALS(val_text(act->doc ? act->doc->id : fresh), val_text(row->id),
			    val_text(row->id), val_text(request_event_row(act->event)->text),
			    val_i64(act->arrived), val_text(act->officer), val_i64(act->at_s),
			    val_i64(request_wall_s(q)), val_text(request_state_row(from)->text),
			    val_text(request_state_row(row->state)->text),
			    val_textn(act->body, act->body_len), val_text(act->text),
			    act->message16 ? val_blob(act->message16, 16) : val_null(),
			    val_u64(audit_seq)),
		       e);
	return n < 0 ? (int)n : 0;
}

int request_apply(struct requests *q, struct request_row *row, const struct request_act *act,
		  struct err *e)
{
	const struct request_event_row *v = request_event_row(act->event);
	const struct request_step step = {
		.from = row->state,
		.event = act->event,
		.type = row->type,
		.class = row->class,
		.arrived = act->arrived,
		.current = act->doc && act->doc->re && strcmp(act->doc->re, row->question) == 0,
	};
	enum request_state from = row->state, to;
	uint64_t seq;
	bool crossed;
	int r = request_move(&step, &to);

	if (r < 0)
		return err_set(e, r, "state", "%s is not possible in state %s", v->text,
			       request_state_row(from)->text);
	crossed = to == from && act->event != EVENT_INTERIM && act->event != EVENT_ANSWER;
	row->state = to;
	if (!crossed && (r = effects[act->event](q, row, act, e)) < 0)
		return r;
	if (act->event == EVENT_ANSWER && (r = earlier_answer(q, row, act, e)) < 0)
		return r;
	if ((r = row_update(q, row, e)) < 0 || (r = step_audit(q, row, act, from, &seq, e)) < 0 ||
	    (r = event_insert(q, row, act, from, seq, e)) < 0 || (r = request_pause(q, row, e)) < 0)
		return r;
	if (act->arrived)
		request_ring(q, row, RING_EVENT, CLOCK_ACK, 0, v->text);
	return 0;
}
