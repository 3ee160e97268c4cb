/* SPDX-License-Identifier: Apache-2.0
 * Traces that are asked for: a list under a lock, and the thread that works it off. */
#include "lugd/questions.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "lugd/questions-int.h"
#include <string.h>

static const char *const state_names[] = {[ASKED_WAITING] = "waiting",
					  [ASKED_RUNNING] = "running",
					  [ASKED_DONE] = "done",
					  [ASKED_FAILED] = "failed"};

/* ---- the worker ---- */

static struct asked *first_waiting(struct questions *q)
{
	struct asked *a = q->first;
	while (a && a->state != ASKED_WAITING)
		a = a->next;
	return a;
}

static void unlink_asked(struct questions *q, struct asked *a)
{
	struct asked **at = &q->first;
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
}

static void *work(void *arg)
{
	struct questions *q = arg;
	pthread_mutex_lock(&q->lock);
	while (!q->stop) {
		struct asked *a = first_waiting(q);
		if (!a) {
			pthread_cond_wait(&q->changed, &q->lock);
			continue;
		}
		a->state = ASKED_RUNNING;
		pthread_mutex_unlock(&q->lock);
		asked_run(a);
		pthread_mutex_lock(&q->lock);
		a->state = a->error.code ? ASKED_FAILED : ASKED_DONE;
		a->making = a->pdf && a->state == ASKED_DONE && !a->forget;
		if (a->making) {
			pthread_mutex_unlock(&q->lock);
			asked_paper(a);
			pthread_mutex_lock(&q->lock);
			a->making = false;
		}
		if (a->forget) {
			unlink_asked(q, a);
			asked_free(a);
		}
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

int questions_open(const char *dir, const char *pdf_program, struct questions **ret_q,
		   struct err *e)
{
	struct questions *q = calloc(1, sizeof(*q));
	if (!q)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	if (snprintf(q->dir, sizeof(q->dir), "%s", dir) >= (int)sizeof(q->dir) ||
	    snprintf(q->pdf_program, sizeof(q->pdf_program), "%s", pdf_program) >=
		    (int)sizeof(q->pdf_program)) {
		free(q);
		return err_set(e, ERR_OVERSIZE, "ledger", "The folder's path is too long.");
	}
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->changed, NULL);
	int r = pthread_create(&q->worker, NULL, work, q);
	if (r) {
		free(q);
		return err_set(e, ERR_AGAIN, NULL, "Cannot start a thread: %s", strerror(r));
	}
	*ret_q = q;
	return 0;
}

const char *questions_dir(const struct questions *q)
{
	return q->dir;
}

struct questions *questions_close(struct questions *q)
{
	if (!q)
		return NULL;
	pthread_mutex_lock(&q->lock);
	q->stop = true;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->worker, NULL);
	for (struct asked *a = q->first, *next; a; a = next) {
		next = a->next;
		asked_free(a);
	}
	snapshot_unref(q->held);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->changed);
	free(q);
	return NULL;
}

/* ---- the list ---- */

static bool finished(const struct asked *a)
{
	return (a->state == ASKED_DONE || a->state == ASKED_FAILED) && !a->making;
}

/* Under the lock: room for one more, made by dropping the oldest that is finished. */
static int make_room(struct questions *q, const char *officer)
{
	struct asked *oldest = NULL;
	int n = 0, waiting = 0;
	for (struct asked *a = q->first; a; a = a->next, n++) {
		waiting += !finished(a) && strcmp(a->officer, officer) == 0;
		if (!oldest && finished(a))
			oldest = a;
	}
	if (waiting >= ASKED_WAITING_MAX || (n >= ASKED_MAX && !oldest))
		return -ERR_QUOTA;
	if (n >= ASKED_MAX) {
		unlink_asked(q, oldest);
		asked_free(oldest);
	}
	return 0;
}

int asked_new(struct questions *q, const char *officer, const json_t *body,
	      char ret_id[static ASKED_ID_LEN + 1], struct err *e)
{
	uint8_t id[ASKED_ID_LEN / 2];
	if (!q->dir[0])
		return err_set(e, ERR_NOENT, "ledger",
			       "This node has no ledger: set `ledger` in lugdunum.conf.");
	struct asked *a = calloc(1, sizeof(*a));
	int r = a ? asked_read(a, body, e) : err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0) {
		asked_free(a);
		return r;
	}
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), a->id);
	snprintf(a->officer, sizeof(a->officer), "%s", officer);
	a->q = q;
	pthread_mutex_lock(&q->lock);
	r = make_room(q, officer);
	if (r == 0) {
		struct asked **at = &q->first;
		while (*at)
			at = &(*at)->next;
		*at = a;
		snprintf(ret_id, ASKED_ID_LEN + 1, "%s", a->id);
		pthread_cond_signal(&q->changed);
	}
	pthread_mutex_unlock(&q->lock);
	if (r < 0) {
		asked_free(a);
		return err_set(e, r, NULL,
			       "Too many traces wait; let some finish, or forget them.");
	}
	return 0;
}

/* Under the lock. */
static struct asked *find(struct questions *q, const char *officer, const char *id)
{
	struct asked *a = q->first;
	while (a && (a->forget || strcmp(a->id, id) != 0 || strcmp(a->officer, officer) != 0))
		a = a->next;
	return a;
}

static int not_there(struct err *e)
{
	return err_set(e, ERR_NOENT, "id",
		       "There is no such trace of yours; answers are kept until they make room.");
}

/* Under the lock. */
static json_t *asked_json(const struct asked *a, bool whole)
{
	json_t *error = a->state == ASKED_FAILED
				? json_pack("{s:s, s:s, s:s}", "code", err_name(a->error.code),
					    "field", a->error.field, "message", a->error.message)
				: json_null();
	return json_pack("{s:s, s:s, s:O, s:O, s:{s:I, s:I, s:I}, s:o, s:O*}", "id", a->id, "state",
			 state_names[a->state], "seeds", a->seeds, "wish", a->wish, "progress",
			 "done", (json_int_t)a->progress.tx_done, "all",
			 (json_int_t)a->progress.tx_n, "reached", (json_int_t)a->progress.reached_n,
			 "error", error, "report",
			 whole && a->state == ASKED_DONE ? a->report : NULL);
}

int asked_look(struct questions *q, const char *officer, const char *id, json_t **ret,
	       struct err *e)
{
	pthread_mutex_lock(&q->lock);
	const struct asked *a = find(q, officer, id);
	json_t *j = a ? asked_json(a, true) : NULL;
	pthread_mutex_unlock(&q->lock);
	if (!a)
		return not_there(e);
	*ret = j;
	return j ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

json_t *asked_list(struct questions *q, const char *officer)
{
	json_t *list = json_array();
	pthread_mutex_lock(&q->lock);
	for (const struct asked *a = q->first; list && a; a = a->next)
		if (!a->forget && strcmp(a->officer, officer) == 0 &&
		    json_array_insert_new(list, 0, asked_json(a, false))) {
			json_decref(list);
			list = NULL;
		}
	pthread_mutex_unlock(&q->lock);
	return list;
}

int asked_forget(struct questions *q, const char *officer, const char *id, struct err *e)
{
	pthread_mutex_lock(&q->lock);
	struct asked *a = find(q, officer, id);
	if (a && (a->state == ASKED_RUNNING || a->making)) {
		a->forget = true; /* the worker drops it */
	} else if (a) {
		unlink_asked(q, a);
		asked_free(a);
	}
	pthread_mutex_unlock(&q->lock);
	return a ? 0 : not_there(e);
}

/* ---- export ---- */

static int export_json(const json_t *report, struct buf *out)
{
	_cleanup_(freep) char *text = json_text(report);
	if (!text)
		return -ERR_NOMEM;
	buf_str(out, text);
	return 0;
}

static int export_pdf(const struct asked *a, struct buf *out, struct err *e)
{
	if (!a->pdf)
		return err_set(e, ERR_UNSUPPORTED, "form",
			       "This trace was asked for without a PDF: \"pdf\": true.");
	if (a->pdf_error.code)
		return err_set(e, a->pdf_error.code, "form", "%s", a->pdf_error.message);
	buf_put(out, a->pdf_made.p, a->pdf_made.len);
	return 0;
}

static int export_form(const struct asked *a, const char *form, struct buf *out,
		       const char **ret_type, struct err *e)
{
	if (strcmp(form, "html") == 0) {
		*ret_type = "text/html; charset=utf-8";
		trace_report_html(a->report, out);
	} else if (strcmp(form, "dot") == 0) {
		*ret_type = "text/vnd.graphviz; charset=utf-8";
		trace_report_dot(a->report, out);
	} else if (strcmp(form, "json") == 0) {
		*ret_type = "application/json";
		return export_json(a->report, out);
	} else if (strcmp(form, "csv") == 0) {
		if (!a->csv_text)
			return err_set(e, ERR_UNSUPPORTED, "form",
				       "This trace was asked for without a table: \"csv\": true.");
		*ret_type = "text/csv; charset=utf-8";
		buf_put(out, a->csv_text, a->csv_len);
	} else if (strcmp(form, "svg") == 0) {
		*ret_type = "image/svg+xml";
		trace_report_svg(a->report, out);
	} else if (strcmp(form, "pdf") == 0) {
		*ret_type = "application/pdf";
		return export_pdf(a, out, e);
	} else {
		return err_set(e, ERR_INVAL, "form", "A form is html, pdf, svg, dot, json or csv.");
	}
	return 0;
}

/* A finished trace changes no more, and only this thread drops it: it can be drawn without the lock. */
int asked_export(struct questions *q, const char *officer, const char *id, const char *form,
		 struct buf *out, const char **ret_type, struct err *e)
{
	pthread_mutex_lock(&q->lock);
	const struct asked *a = find(q, officer, id);
	bool done = a && a->state == ASKED_DONE;
	bool making = a && a->making && strcmp(form, "pdf") == 0;
	pthread_mutex_unlock(&q->lock);
	if (!a)
		return not_there(e);
	if (!done)
		return err_set(e, ERR_AGAIN, "id", "This trace is not done yet, or it failed.");
	if (making)
		return err_set(e, ERR_AGAIN, "form", "The PDF is being made; ask again.");
	int r = export_form(a, form, out, ret_type, e);
	return r < 0 ? r : buf_err(out) < 0 ? err_set(e, buf_err(out), NULL, NULL) : 0;
}
