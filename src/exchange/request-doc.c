/* SPDX-License-Identifier: Apache-2.0
 * From bytes to checked documents: first the field rows, then the rules that tie fields together. */
#include "exchange/request-doc.h"
#include "base/text.h"
#include "base/time.h"

static const char *str(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static int64_t when(const json_t *o, const char *name)
{
	const char *s = str(o, name);
	int64_t t = 0;

	/* The field rows have checked the form; a day that does not exist was refused there too. */
	if (s && time_parse(s, strlen(s), &t) < 0)
		return 0;
	return t;
}

static int version_check(const json_t *j, struct err *e)
{
	const json_t *v = json_object_get(j, "version");

	if (json_is_integer(v) && json_integer_value(v) > 1)
		return err_set(e, ERR_VERSION, "version", "is %lld; this program reads version 1",
			       (long long)json_integer_value(v));
	return 0;
}

/* ---- requests ---- */

static int same_place(const json_t *a, const json_t *b)
{
	static const char *const names[] = {"chain", "account", "asset", "txid", "output", "log"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const json_t *x = json_object_get(a, names[i]), *y = json_object_get(b, names[i]);

		if (!x != !y || (x && !json_equal(x, y)))
			return 0;
	}
	return 1;
}

static int assets_check(const struct request_doc *d, const struct request_checks *checks,
			struct err *e)
{
	size_t n = json_array_size(d->assets);
	char path[ERR_FIELD_MAX];

	if (n < request_type_row(d->type)->assets_min)
		return err_set(e, ERR_FIELD_MISSING, "assets", "%s needs at least %u asset block",
			       request_type_row(d->type)->text,
			       request_type_row(d->type)->assets_min);
	for (size_t i = 0; i < n; i++) {
		int r = asset_check(json_array_get(d->assets, i), i, checks, d->warnings, e);

		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (same_place(json_array_get(d->assets, i),
				       json_array_get(d->assets, k))) {
				snprintf(path, sizeof(path), "assets[%zu]", i);
				return err_set(e, ERR_INVAL, path,
					       "is the same place as assets[%zu]", k);
			}
	}
	return 0;
}

/* How each type is about an earlier request; the others may go on from one or stand alone. */
static const char *const relations[TYPE_N] = {
	[TYPE_EXTEND] = "extension",
	[TYPE_WITHDRAW] = "withdrawal",
};

const char *request_relation(enum request_type t)
{
	return relations[t];
}

static int relation_check(const struct request_doc *d, struct err *e)
{
	const char *kind = str(json_object_get(d->json, "relation"), "kind");
	const char *of = str(json_object_get(d->json, "relation"), "of");
	const char *wanted = relations[d->type];

	if (strcmp(kind, "new") != 0 && !of)
		return err_set(e, ERR_FIELD_MISSING, "relation.of", "which earlier request");
	if (wanted && strcmp(kind, wanted) != 0)
		return err_set(e, ERR_INVAL, "relation.kind", "of %s is %s",
			       request_type_row(d->type)->text, wanted);
	if (!wanted && strcmp(kind, "new") != 0 && strcmp(kind, "extension") != 0)
		return err_set(e, ERR_INVAL, "relation.kind", "%s is of another type", kind);
	if (wanted && !request_id_valid(of))
		return err_set(e, ERR_FORMAT, "relation.of", "must be the earlier request's id");
	return 0;
}

static int rules_check(const struct request_doc *d, struct err *e)
{
	const struct request_type_row *t = request_type_row(d->type);
	const json_t *handling = json_object_get(d->json, "handling");
	int r = relation_check(d, e);

	if (r < 0)
		return r;
	if (strcmp(d->from, d->to) == 0)
		return err_set(e, ERR_INVAL, "to", "is the requesting node itself");
	if (strcmp(d->handling, "H3") == 0 && !str(handling, "text"))
		return err_set(e, ERR_FIELD_MISSING, "handling.text", "H3 must state its limits");
	if (d->valid_until_s && d->valid_until_s <= d->created_s)
		return err_set(e, ERR_RANGE, "valid_until", "is not after created_at");
	if (d->type == TYPE_EXTEND && !json_object_get(d->json, "term_days"))
		return err_set(e, ERR_FIELD_MISSING, "term_days", "how much longer, in days");
	if (json_object_get(d->json, "term_days") && !(t->flags & TYPE_TERM) &&
	    d->type != TYPE_EXTEND)
		return err_set(e, ERR_INVAL, "term_days", "%s has no term", t->text);
	return 0;
}

static void request_fill(struct request_doc *d)
{
	const json_t *handling = json_object_get(d->json, "handling");
	const json_t *term = json_object_get(d->json, "term_days");

	d->id = str(d->json, "id");
	d->from = str(d->json, "from");
	d->to = str(d->json, "to");
	d->case_ref = str(d->json, "case");
	d->handling = str(handling, "code");
	d->marking = str(handling, "marking");
	d->grade = str(handling, "grade");
	d->purpose = str(handling, "purpose");
	d->basis = str(handling, "basis");
	d->assets = json_object_get(d->json, "assets");
	d->created_s = when(d->json, "created_at");
	d->valid_until_s = when(d->json, "valid_until");
	if (request_type_row(d->type)->flags & TYPE_EARLIER)
		d->earlier = str(json_object_get(d->json, "relation"), "of");
	d->term_days = term ? json_integer_value(term) : request_type_row(d->type)->term_days;
}

int request_doc_check(json_t *j, const struct request_checks *checks, struct request_doc *ret,
		      struct err *e)
{
	_cleanup_(request_doc_done) struct request_doc d = {.json = json_incref(j),
							    .warnings = json_array()};
	const char *type = str(j, "type");
	bool known;
	int r;

	if (!d.warnings)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if ((r = version_check(j, e)) < 0)
		return r;
	known = type && request_type_parse(type, &d.type) >= 0;
	r = request_fields_check(j, SUB_REQUEST,
				 known && request_type_row(d.type)->flags & TYPE_BARE, d.warnings,
				 e);
	if (r < 0)
		return r;
	if (!known || request_class_parse(str(j, "class"), &d.class) < 0)
		return err_set(e, ERR_INVAL, "type", NULL);
	request_fill(&d);
	if ((r = rules_check(&d, e)) < 0 || (r = assets_check(&d, checks, e)) < 0)
		return r;
	*ret = d;
	d = (struct request_doc){0};
	return 0;
}

int request_doc_parse(const void *p, size_t len, const struct request_checks *checks,
		      struct request_doc *ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int r;

	if (len > REQUEST_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "a request has at most %d bytes",
			       REQUEST_MAX);
	r = json_parse(p, len, &j, e);
	return r < 0 ? r : request_doc_check(j, checks, ret, e);
}

void request_doc_done(struct request_doc *d)
{
	json_decref(d->json);
	json_decref(d->warnings);
	*d = (struct request_doc){0};
}

/* ---- events ---- */

/* What the answer to each type must say, and no other step may. */
static const char *const answers[TYPE_N] = {
	[TYPE_EXTEND] = "term_until",
	[TYPE_WITHDRAW] = "deleted_sha256",
};

static bool says_own(const json_t *j)
{
	for (unsigned t = 0; t < TYPE_N; t++)
		if (answers[t] && str(j, answers[t]))
			return true;
	return false;
}

static int needs_check(const struct event_doc *d, struct err *e)
{
	unsigned needs = request_event_row(d->event)->needs;

	if (needs & NEEDS_TEXT && !str(d->json, "text"))
		return err_set(e, ERR_FIELD_MISSING, "text", "is required for %s",
			       request_event_row(d->event)->text);
	if (needs & NEEDS_RE && !d->re)
		return err_set(e, ERR_FIELD_MISSING, "re",
			       "must name the question that this replies to");
	if (needs & NEEDS_TO && !json_object_get(d->json, "to"))
		return err_set(e, ERR_FIELD_MISSING, "to",
			       "must name the authority that it was handed to");
	if (needs & NEEDS_ANSWER && !str(d->json, "text") && !d->outcome && !says_own(d->json))
		return err_set(e, ERR_FIELD_MISSING, "text",
			       "an answer needs a text or an outcome");
	if (d->outcome && !(needs & NEEDS_ANSWER))
		return err_set(e, ERR_INVAL, "outcome", "belongs to an answer only");
	return 0;
}

static int ground_check(struct event_doc *d, struct err *e)
{
	const char *ground = str(d->json, "ground");

	if (!(request_event_row(d->event)->needs & NEEDS_GROUND))
		return ground ? err_set(e, ERR_INVAL, "ground", "belongs to a refusal only") : 0;
	if (!ground)
		return err_set(e, ERR_FIELD_MISSING, "ground", "a refusal needs one ground");
	if (request_ground_parse(ground, &d->ground) < 0)
		return err_set(e, ERR_INVAL, "ground", NULL);
	if (request_ground_row(d->ground)->flags & GROUND_POINTER &&
	    !json_object_get(d->json, "to"))
		return err_set(e, ERR_FIELD_MISSING, "to",
			       "this ground needs the authority that is competent");
	return 0;
}

static void event_fill(struct event_doc *d)
{
	d->id = str(d->json, "id");
	d->request = str(d->json, "request");
	d->officer = str(d->json, "officer");
	d->re = str(d->json, "re");
	d->outcome = json_object_get(d->json, "outcome");
	d->at_s = when(d->json, "at");
	d->delivered_s = when(d->json, "delivered_at");
	d->term_until_s = when(d->json, "term_until");
}

int event_doc_check(json_t *j, struct event_doc *ret, struct err *e)
{
	_cleanup_(event_doc_done) struct event_doc d = {.json = json_incref(j)};
	int r = version_check(j, e);

	if (r < 0 || (r = request_fields_check(j, SUB_ACT, false, NULL, e)) < 0)
		return r;
	if (request_event_parse(str(j, "event"), &d.event) < 0 || !request_event_on_wire(d.event))
		return err_set(e, ERR_INVAL, "event", "%s does not travel", str(j, "event"));
	event_fill(&d);
	if ((r = needs_check(&d, e)) < 0 || (r = ground_check(&d, e)) < 0)
		return r;
	*ret = d;
	d = (struct event_doc){0};
	return 0;
}

int event_doc_parse(const void *p, size_t len, struct event_doc *ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int r;

	if (len > REQUEST_EVENT_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "an event has at most %d bytes",
			       REQUEST_EVENT_MAX);
	r = json_parse(p, len, &j, e);
	return r < 0 ? r : event_doc_check(j, ret, e);
}

void event_doc_done(struct event_doc *d)
{
	json_decref(d->json);
	*d = (struct event_doc){0};
}

/* ---- outcomes ---- */

static int item_check(const json_t *item, size_t n, const struct request_doc *d, bool nothing,
		      struct err *e)
{
	size_t asset = (size_t)json_integer_value(json_object_get(item, "asset"));
	const char *requested = str(item, "requested"), *held = str(item, "held");
	const char *asked = str(json_array_get(d->assets, asset), "amount");
	char path[ERR_FIELD_MAX];

	snprintf(path, sizeof(path), "outcome.items[%zu]", n);
	if (asset >= json_array_size(d->assets))
		return err_set(e, ERR_RANGE, path, "asset %zu: the request has %zu blocks", asset,
			       json_array_size(d->assets));
	if (asked && !requested)
		return err_set(e, ERR_FIELD_MISSING, path,
			       "requested is missing: %s base units were", asked);
	if (requested && (!asked || strcmp(asked, requested) != 0))
		return err_set(e, ERR_AMOUNT, path, "requested is not what the request says: %s",
			       asked ? asked : "no amount");
	if (nothing && strcmp(held, "0") != 0)
		return err_set(e, ERR_AMOUNT, path, "the measure is none, so nothing can be held");
	if (asked && dec_cmp(held, asked) > 0 && !str(item, "reason"))
		return err_set(e, ERR_AMOUNT, path,
			       "%s held is more than %s requested; a reason is needed", held,
			       asked);
	return 0;
}

static int items_check(const json_t *items, const struct request_doc *d, bool nothing,
		       struct err *e)
{
	bool seen[256] = {false};

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		size_t asset = (size_t)json_integer_value(json_object_get(item, "asset"));
		int r = item_check(item, i, d, nothing, e);

		if (r < 0)
			return r;
		if (seen[asset & 255])
			return err_set(e, ERR_INVAL, "outcome.items",
				       "asset %zu stands there twice", asset);
		seen[asset & 255] = true;
	}
	return 0;
}

static int answer_check(const struct event_doc *ev, const struct request_doc *d, struct err *e)
{
	const char *own = ev->event == EVENT_ANSWER ? answers[d->type] : NULL;

	for (unsigned t = 0; t < TYPE_N; t++)
		if (answers[t] && str(ev->json, answers[t]) && (!own || strcmp(own, answers[t])))
			return err_set(e, ERR_INVAL, answers[t], "belongs to the answer to %s only",
				       request_type_row(t)->text);
	if (own && !str(ev->json, own))
		return err_set(e, ERR_FIELD_MISSING, own, "is what the answer to %s says",
			       request_type_row(d->type)->text);
	return 0;
}

int event_doc_outcome(const struct event_doc *ev, const struct request_doc *d, struct err *e)
{
	unsigned flags = request_type_row(d->type)->flags;
	const json_t *o = ev->outcome, *items = json_object_get(o, "items");
	bool nothing;
	int r = answer_check(ev, d, e);

	if (r < 0 || ev->event != EVENT_ANSWER)
		return r;
	if (!o)
		return flags & TYPE_OUTCOME ? err_set(e, ERR_FIELD_MISSING, "outcome",
						      "the answer to %s must say what is held",
						      request_type_row(d->type)->text)
					    : 0;
	if (!(flags & (TYPE_OUTCOME | TYPE_TERM)))
		return err_set(e, ERR_INVAL, "outcome", "%s has none",
			       request_type_row(d->type)->text);
	nothing = strcmp(str(o, "measure"), "none") == 0;
	if (!nothing && !str(o, "effective_at"))
		return err_set(e, ERR_FIELD_MISSING, "outcome.effective_at",
			       "since when the measure holds");
	if (str(o, "legal_expiry") && when(o, "legal_expiry") <= when(o, "effective_at"))
		return err_set(e, ERR_RANGE, "outcome.legal_expiry", "is not after effective_at");
	if (flags & TYPE_OUTCOME && json_array_size(items) == 0)
		return err_set(e, ERR_FIELD_MISSING, "outcome.items",
			       "at least one asset block must be answered");
	return items_check(items, d, nothing, e);
}
