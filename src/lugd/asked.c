/* SPDX-License-Identifier: Apache-2.0
 * One trace that was asked for: what the body says, and the computing of it in the worker's thread. */
#include "base/time.h"
#include "graph/graph.h"
#include "ledger/label.h"
#include "ledger/ledger.h"
#include "lugd/pdf.h"
#include "lugd/questions-int.h"
#include <string.h>

void asked_free(struct asked *a)
{
	if (!a)
		return;
	json_decref(a->seeds);
	json_decref(a->wish);
	json_decref(a->report);
	free(a->csv_text);
	buf_done(&a->pdf_made);
	free(a);
}

/* ---- the wish ---- */

static int read_seeds(struct asked *a, const json_t *body, struct err *e)
{
	const json_t *list = json_object_get(body, "seeds"), *seed;
	size_t i;
	if (!json_is_array(list) || !json_array_size(list))
		return err_set(e, ERR_FIELD_MISSING, "seeds",
			       "Give what to begin at as a list: \"TXID:N\", \"TXID\", addresses, "
			       "\"entity:ADDRESS\".");
	if (json_array_size(list) > ASKED_SEEDS_MAX)
		return err_set(e, ERR_RANGE, "seeds", "At most %d.", ASKED_SEEDS_MAX);
	json_array_foreach (list, i, seed)
		if (!json_is_string(seed))
			return err_set(e, ERR_INVAL, "seeds", "Each seed is a text.");
	a->seeds = json_deep_copy(list);
	return a->seeds ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

/* A word of a list; *ret is untouched when it is not there. */
static int read_word(const json_t *body, const char *key, const char *(*name)(unsigned i),
		     unsigned *ret, struct err *e)
{
	const char *s = NULL;
	int r = json_opt_str(body, key, 1, 32, &s, e);
	if (r < 0 || !s)
		return r;
	for (unsigned i = 0; name(i); i++)
		if (strcmp(name(i), s) == 0) {
			*ret = i;
			return 0;
		}
	return err_set(e, ERR_INVAL, key, "\"%.32s\" is not one of its words.", s);
}

static const char *policy_word(unsigned i)
{
	return i < TRACE_POLICY_N ? trace_policy_name((enum trace_policy)i) : NULL;
}

static const char *fees_word(unsigned i)
{
	static const char *const words[] = {
		[TRACE_FEES_SKIP] = "skip", [TRACE_FEES_FOLLOW] = "follow", NULL};
	return words[i];
}

static const char *direction_word(unsigned i)
{
	static const char *const words[] = {"forward", "backward", NULL};
	return words[i];
}

static int read_rules(struct asked *a, const json_t *body, struct err *e)
{
	unsigned policy = TRACE_HAIRCUT, fees = TRACE_FEES_SKIP, back = 0;
	int r = read_word(body, "policy", policy_word, &policy, e);
	if (r >= 0)
		r = read_word(body, "fees", fees_word, &fees, e);
	if (r >= 0)
		r = read_word(body, "direction", direction_word, &back, e);
	a->params.policy = (enum trace_policy)policy;
	a->params.fees = (enum trace_fees)fees;
	a->params.back = back;
	if (r >= 0)
		r = json_opt_bool(body, "stop_at_labels", &a->stop_at_labels, e);
	if (r >= 0)
		r = json_opt_bool(body, "stop_at_coinjoin", &a->params.stop_at_joins, e);
	if (r >= 0)
		r = json_opt_bool(body, "pdf", &a->pdf, e);
	return r < 0 ? r : json_opt_bool(body, "csv", &a->csv, e);
}

static int read_numbers(struct asked *a, const json_t *body, struct err *e)
{
	int64_t hops = TRACE_NONE, height = TRACE_NONE, entity = 0, outputs = ASKED_OUTPUTS,
		rows = ASKED_ROWS, boxes = GRAPH_SHOWN_MAX;
	const struct {
		const char *key;
		int64_t min, max, *ret;
	} numbers[] = {{"hops", 0, TRACE_NONE - 1, &hops},
		       {"height", 0, TRACE_NONE - 1, &height},
		       {"stop_at_entities", 1, UINT32_MAX, &entity},
		       {"max_outputs", 1, ASKED_OUTPUTS_MAX, &outputs},
		       {"max_seconds", 1, ASKED_SECONDS_MAX, &a->max_seconds},
		       {"rows", 1, ASKED_ROWS_MAX, &rows},
		       {"boxes", 2, GRAPH_SHOWN_MAX, &boxes}};
	a->max_seconds = ASKED_SECONDS;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int r = json_opt_int(body, numbers[i].key, numbers[i].min, numbers[i].max,
				     numbers[i].ret, e);
		if (r < 0)
			return r;
	}
	a->params.hops_max = (uint32_t)hops;
	a->params.height = (uint32_t)height;
	a->params.reached_max = (uint32_t)outputs;
	a->entity_max = (uint64_t)entity;
	a->rows = (uint32_t)rows;
	a->boxes = (uint32_t)boxes;
	return json_object_get(body, "min")
		       ? json_need_u64(body, "min", UINT64_MAX, &a->params.amount_min, e)
		       : 0;
}

int asked_read(struct asked *a, const json_t *body, struct err *e)
{
	static const char *const keys[] = {"seeds",
					   "direction",
					   "policy",
					   "fees",
					   "hops",
					   "height",
					   "min",
					   "stop_at_labels",
					   "stop_at_entities",
					   "stop_at_coinjoin",
					   "max_outputs",
					   "max_seconds",
					   "rows",
					   "boxes",
					   "csv",
					   "pdf",
					   NULL};
	trace_params_init(&a->params);
	int r = json_only(body, keys, e);
	if (r >= 0)
		r = read_seeds(a, body, e);
	if (r >= 0)
		r = read_rules(a, body, e);
	if (r >= 0)
		r = read_numbers(a, body, e);
	if (r < 0)
		return r;
	a->wish = json_deep_copy(body);
	return a->wish ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

/* ---- the work ---- */

static bool go_on(void *ctx, const struct trace_progress *p)
{
	struct asked *a = ctx;
	pthread_mutex_lock(&a->q->lock);
	a->progress = *p;
	bool ended = a->forget || a->q->stop;
	pthread_mutex_unlock(&a->q->lock);
	return !ended && time_mono_ms() < a->end_ms;
}

static int seeds_read(const struct asked *a, const struct snapshot *s, struct trace_seeds *ret,
		      struct err *e)
{
	const json_t *seed;
	size_t i;
	json_array_foreach (a->seeds, i, seed) {
		int r = trace_seeds_add(ret, s->ledger, s->entities, json_string_value(seed), e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int csv_make(struct asked *a, const struct trace_report *rep, struct err *e)
{
	FILE *f = open_memstream(&a->csv_text, &a->csv_len);
	if (!f)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = trace_report_csv(rep, f, e);
	return fclose(f) && r == 0 ? err_set(e, ERR_NOMEM, NULL, NULL) : r;
}

static int answer(struct asked *a, const struct snapshot *s, const struct trace *t, struct err *e)
{
	const struct trace_report rep = {.ledger = s->ledger,
					 .labels = s->labels,
					 .entities = s->entities,
					 .params = &a->params,
					 .trace = t,
					 .limit = a->rows,
					 .boxes = a->boxes};
	int r = trace_report_json(&rep, &a->report, e);
	if (r == 0)
		r = trace_assets_add(a->report, e);
	return r < 0 || !a->csv ? r : csv_make(a, &rep, e);
}

static int run(struct asked *a, const struct snapshot *s, struct err *e)
{
	_cleanup_(trace_seeds_done) struct trace_seeds seeds = {0};
	_cleanup_(trace_done) struct trace t = {0};
	struct trace_stops stops = {.ledger = s->ledger,
				    .labels = a->stop_at_labels ? s->labels : NULL,
				    .entities = a->entity_max ? s->entities : NULL,
				    .entity_max = a->entity_max};
	struct trace_source source = trace_source_ledger(s->ledger);
	if (a->entity_max && !s->entities)
		return err_set(e, ERR_UNSUPPORTED, "stop_at_entities",
			       "No entities were made for this ledger yet.");
	a->end_ms = time_mono_ms() + a->max_seconds * 1000;
	a->params.tick = go_on;
	a->params.tick_ctx = a;
	if (stops.labels || stops.entities) {
		a->params.stop = trace_stop_at;
		a->params.stop_ctx = &stops;
	}
	int r = seeds_read(a, s, &seeds, e);
	if (r == 0)
		r = trace_run(&source, &a->params, seeds.p, seeds.n, &t, e);
	return r < 0 ? r : answer(a, s, &t, e);
}

static bool wanted(void *ctx)
{
	struct asked *a = ctx;
	pthread_mutex_lock(&a->q->lock);
	bool ended = a->forget || a->q->stop;
	pthread_mutex_unlock(&a->q->lock);
	return !ended;
}

void asked_paper(struct asked *a)
{
	struct buf html _cleanup_(buf_done);
	buf_init(&html, ASKED_TEXT_MAX);
	buf_init(&a->pdf_made, ASKED_TEXT_MAX);
	trace_report_paper(a->report, &html);
	int r = buf_err(&html);
	if (r >= 0)
		r = pdf_make(a->q->pdf_program, buf_cstr(&html), html.len, wanted, a, &a->pdf_made,
			     &a->pdf_error);
	if (r < 0 && !a->pdf_error.code)
		(void)err_set(&a->pdf_error, r, "form", NULL);
}

void asked_run(struct asked *a)
{
	_cleanup_(snapshot_unrefp) struct snapshot_held *h = NULL;
	struct err e = {0};
	int r = snapshot_open(a->q->dir, &h, &e);
	if (r == 0)
		r = run(a, &h->s, &e);
	if (r < 0 && !e.code)
		(void)err_set(&e, r, NULL, NULL);
	a->error = e;
}
