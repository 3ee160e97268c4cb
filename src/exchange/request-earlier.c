/* SPDX-License-Identifier: Apache-2.0
 * Requests about an earlier one. EXTEND moves the end of a measure's term, WITHDRAW has the receiver erase what was sent.
 *
 * Both nodes must come to the same term whatever crossed on the way, so: 1. such a request and its steps ride the lane of the
 * earlier one, in order with its own steps; 2. the answer says the new end as a time, which both take as it is; 3. it counts on
 * arrival even where the request was ended meanwhile, but not for a measure that was withdrawn. */
#include "exchange/request-earlier.h"
#include "base/text.h"
#include "base/time.h"
#include "exchange/request-erase-int.h"

enum { DAY_S = 86400 };

/* ---- drafts ---- */

static const char *relation_of(const json_t *o)
{
	return json_string_value(json_object_get(json_object_get(o, "relation"), "of"));
}

static int default_from(json_t *o, const json_t *earlier, const char *name)
{
	json_t *v = json_object_get(earlier, name);

	if (!v || json_object_get(o, name))
		return 0;
	return json_object_set_new(o, name, json_deep_copy(v)) < 0 ? -ERR_NOMEM : 0;
}

int earlier_defaults(struct requests *q, json_t *o, struct err *e)
{
	static const char *const names[] = {
		"to",	    "case",	      "authority",	"handling",
		"language", "reply_language", "confidentiality"};
	const char *of = relation_of(o);
	const char *type = json_string_value(json_object_get(o, "type"));
	_cleanup_(request_doc_done) struct request_doc d = {0};
	struct request_row row;
	enum request_type t;
	int r;

	if (!of || !type || request_type_parse(type, &t) < 0 || !request_relation(t))
		return 0;
	if ((r = request_find(q, of, &row, e)) < 0 || (r = row_doc(q, row.id, &d, e)) < 0)
		return err_set(e, r, "relation.of", NULL);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((r = default_from(o, d.json, names[i])) < 0)
			return err_set(e, r, NULL, NULL);
	if (!json_object_get(o, "class"))
		r = json_object_set_new(o, "class",
					json_string(request_class_row(CLASS_ROUTINE)->text));
	r |= json_object_set_new(json_object_get(o, "relation"), "of", json_string(row.id));
	return r < 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : 0;
}

/* ---- sending and receiving ---- */

static int term_runs(struct requests *q, const struct request_row *earlier, struct clock_row *ret,
		     struct err *e)
{
	int r = clock_get(q->s, earlier->id, CLOCK_TERM, ret, e);

	if (r < 0)
		return r;
	if (r == 0 || ret->done_s || request_steady_s(q) > ret->local_s)
		return err_set(e, ERR_EXPIRED, "relation.of",
			       "no term of that measure runs now; it must be asked for anew");
	return 0;
}

static int check_extend(struct requests *q, const struct request_row *earlier, struct err *e)
{
	struct clock_row term;

	if (!(request_type_row(earlier->type)->flags & TYPE_TERM))
		return err_set(e, ERR_INVAL, "relation.of", "%s has no term to extend",
			       request_type_row(earlier->type)->text);
	return term_runs(q, earlier, &term, e);
}

/* Only the sender asks whether it is over: to the receiver, its own last step may seem to be on the way. */
static int check_withdraw(const struct request_row *earlier, enum request_side side, struct err *e)
{
	if (!earlier->has_message)
		return err_set(e, ERR_NOENT, "relation.of", "was never sent");
	if (side == SIDE_ORIGIN && earlier->state != STATE_CLOSED &&
	    earlier->state != STATE_WITHDRAWN)
		return err_set(e, ERR_TRANSITION, "relation.of",
			       "is %s; close it or take it back first",
			       request_state_row(earlier->state)->text);
	return 0;
}

static int load(struct requests *q, const struct request_doc *d, struct request_row *ret,
		struct err *e)
{
	int r = row_load(q, d->earlier, ret, e);

	return r < 0 ? err_set(e, r, "relation.of", NULL) : 0;
}

int earlier_check(struct requests *q, const struct request_doc *d, enum request_side side,
		  const char *peer, struct err *e)
{
	struct request_row earlier;
	int r;

	if (!d->earlier)
		return 0;
	if ((r = load(q, d, &earlier, e)) < 0)
		return r;
	if (earlier.side != side || strcmp(earlier.peer, peer) != 0) /* they learn nothing */
		return err_set(e, ERR_NOENT, "relation.of", "no request %s here", d->earlier);
	if (earlier.erased_s)
		return err_set(e, ERR_ERASED, "relation.of", NULL);
	return d->type == TYPE_EXTEND ? check_extend(q, &earlier, e)
				      : check_withdraw(&earlier, side, e);
}

int earlier_class(struct requests *q, const struct request_doc *d, enum request_class *ret,
		  struct err *e)
{
	struct request_row earlier;
	int r;

	*ret = d->class;
	if (!d->earlier)
		return 0;
	r = row_load(q, d->earlier, &earlier, e);
	if (r == 0)
		*ret = earlier.class;
	return r == -ERR_NOENT ? 0 : r;
}

int earlier_json(struct requests *q, const struct request_row *row, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	STORE_ROWS(rows);
	int r = store_query(
		q->s, "SELECT id, type, state FROM request WHERE earlier = ? ORDER BY id LIMIT 64",
		VALS(val_text(row->id)), &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		json_t *one = json_pack("{s:s, s:s, s:s}", "id", row_text(&rows, "id", NULL),
					"type", row_text(&rows, "type", NULL), "state",
					row_text(&rows, "state", NULL));

		if (!list || json_array_append_new(list, one) < 0)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	if (r < 0 || (r = row_err(&rows, e)) < 0)
		return r;
	*ret = json_array_size(list) ? TAKE_PTR(list) : NULL;
	return 0;
}

/* ---- the answer ---- */

static int set_text(json_t *o, const char *name, const char *value, struct err *e)
{
	if (json_object_get(o, name))
		return 0;
	return json_object_set_new(o, name, json_string(value)) < 0
		       ? err_set(e, ERR_NOMEM, NULL, NULL)
		       : 0;
}

static int fill_term(struct requests *q, const struct request_row *earlier,
		     const struct request_doc *d, json_t *event, struct err *e)
{
	char until[TIME_TEXT_MAX];
	struct clock_row term;
	int r = term_runs(q, earlier, &term, e);

	return r < 0 ? r
		     : set_text(event, "term_until",
				time_utc(term.due_s + d->term_days * DAY_S, until), e);
}

int earlier_fill(struct requests *q, const struct request_row *row, const struct request_doc *d,
		 json_t *event, struct err *e)
{
	char hex[2 * sizeof(row->hash32) + 1];
	struct request_row earlier;
	int r;

	if (!d->earlier)
		return 0;
	if ((r = load(q, d, &earlier, e)) < 0)
		return r;
	if (d->type == TYPE_EXTEND)
		return fill_term(q, &earlier, d, event, e);
	hex_encode(earlier.hash32, sizeof(earlier.hash32), hex);
	return set_text(event, "deleted_sha256", hex, e);
}

/* The reminders count anew, from the answer to the new end. */
static int answer_extend(struct requests *q, const struct request_row *earlier,
			 const struct request_act *act, struct err *e)
{
	int64_t from = act->at_s, until = act->doc->term_until_s;
	struct clock_row term;
	int r;

	if (earlier->state == STATE_WITHDRAWN)
		return 0;
	if (!act->arrived && ((r = term_runs(q, earlier, &term, e)) < 0))
		return r;
	if (!act->arrived && until <= term.due_s)
		return err_set(e, ERR_RANGE, "term_until", "is not after the end of the term");
	if (until <= from)
		return err_set(e, ERR_RANGE, "term_until", "has passed");
	r = request_clock_begin(q, earlier->id, CLOCK_TERM, from, until, (until - from) / 2, e);
	return r < 0 ? r : row_due(q, earlier->id, e);
}

/* Here the content goes; there its owner compares what was deleted with what was sent. */
static int answer_withdraw(struct requests *q, struct request_row *earlier,
			   const struct request_act *act, struct err *e)
{
	char hex[2 * sizeof(earlier->hash32) + 1];

	hex_encode(earlier->hash32, sizeof(earlier->hash32), hex);
	if (strcmp(hex, json_string_value(json_object_get(act->doc->json, "deleted_sha256"))) != 0)
		return err_set(e, ERR_CONFLICT, "deleted_sha256",
			       "is not the hash of the request that was to be deleted");
	return act->arrived ? 0 : request_erase(q, earlier, act->officer, "withdrawn", e);
}

int earlier_answer(struct requests *q, const struct request_row *row, const struct request_act *act,
		   struct err *e)
{
	struct request_row earlier;
	int r;

	if (!row->earlier[0])
		return 0;
	r = row_load(q, row->earlier, &earlier, e);
	if (r < 0) /* lost with a store that was put back: there is nothing to change here */
		return r == -ERR_NOENT ? 0 : r;
	return row->type == TYPE_EXTEND ? answer_extend(q, &earlier, act, e)
					: answer_withdraw(q, &earlier, act, e);
}
