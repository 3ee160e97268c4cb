/* SPDX-License-Identifier: Apache-2.0
 * Questions to the ledger of this node: an immutable snapshot for those that are quick, a thread of its own for traces.
 *
 * The snapshot is opened when someone asks, again when an import, a list of labels or the entities changed it, and let go of after a
 * second without a question: an import that has to take blocks back waits for readers. A trace keeps the snapshot that it
 * began with. Traces run one after another; an answer is kept under an id for the officer who asked, until it is forgotten or makes room. */
#ifndef LUGD_QUESTIONS_H
#define LUGD_QUESTIONS_H
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include <stdint.h>

struct entities;
struct labels;
struct ledger;
struct questions;

enum {
	ASKED_MAX = 64,		/* traces kept, finished ones among them */
	ASKED_WAITING_MAX = 8,	/* of one officer, not finished */
	ASKED_ID_LEN = 32,	/* hex */
	ASKED_SEEDS_MAX = 1000, /* texts */
	ASKED_OUTPUTS_MAX = 1000000,
	ASKED_OUTPUTS = 200000, /* when not said */
	ASKED_SECONDS_MAX = 600,
	ASKED_SECONDS = 60,
	ASKED_ROWS_MAX = 10000,
	ASKED_ROWS = 1000,
	ASKED_TEXT_MAX = 128 << 20, /* bytes of a page, graph or table */
};

/** questions_open - dir is the ledger's folder, "" for none: then every question is -ERR_NOENT; pdf_program makes PDF, "" for none. Opens
 *                   nothing yet
 * Returns: 0; -ERR_OVERSIZE; -ERR_NOMEM, -ERR_AGAIN no thread */
int questions_open(const char *dir, const char *pdf_program, struct questions **ret_q,
		   struct err *e) WARN_UNUSED;
/** questions_close - ends a running trace; takes NULL, returns NULL */
struct questions *questions_close(struct questions *q);
/** questions_dir - the ledger's folder, "" for none */
const char *questions_dir(const struct questions *q);
/** questions_tick - now and then: let go of a snapshot that nobody asks */
void questions_tick(struct questions *q, int64_t now_ms);

/* What is asked, as of one moment. */
struct snapshot {
	struct ledger *ledger;
	struct labels *labels;	   /* may be empty */
	struct entities *entities; /* NULL: none were made */
};
/** questions_look - the snapshot for one call of the logic thread; borrowed until the next questions_look() or questions_tick()
 * Returns: 0; -ERR_NOENT no ledger is set, or there is none; as ledger_open() and labels_open() */
int questions_look(struct questions *q, int64_t now_ms, const struct snapshot **ret_s,
		   struct err *e) WARN_UNUSED;

struct api_call;
struct report_page; /* report/report.h */
/** lugd_page - which part of a long list a query asks for: order, after, limit
 * Returns: 0; -ERR_INVAL, -ERR_FORMAT, -ERR_RANGE with the field */
int lugd_page(const struct api_call *c, struct report_page *ret, struct err *e) WARN_UNUSED;

/** trace_command - the lug command that gives the same report: new text
 * In:      wish     the body of the trace; report its answer */
json_t *trace_command(const json_t *wish, const json_t *report);

/** asked_new - queue a trace
 * In:      officer  whose it is
 *          body     {seeds [text], direction, policy, fees, hops, height, min (base units), stop_at_labels, stop_at_entities (addresses),
 *                   stop_at_coinjoin, max_outputs, max_seconds, rows, boxes, csv, pdf}; all but seeds optional
 * Out:     ret_id
 * Returns: 0; -ERR_NOENT no ledger is set; -ERR_INVAL, -ERR_RANGE, -ERR_FIELD_MISSING, -ERR_FIELD_UNKNOWN of the body; -ERR_QUOTA
 *          too many wait; -ERR_NOMEM */
int asked_new(struct questions *q, const char *officer, const json_t *body,
	      char ret_id[static ASKED_ID_LEN + 1], struct err *e) WARN_UNUSED;
/** asked_look - how far a trace is: {id, state, progress, error, report}; state is waiting, running, done or failed
 * Out:     ret      new reference
 * Returns: 0; -ERR_NOENT not there, or another officer's; -ERR_NOMEM */
int asked_look(struct questions *q, const char *officer, const char *id, json_t **ret,
	       struct err *e) WARN_UNUSED;
/** asked_list - all of an officer's, without reports, the newest first; NULL when out of memory */
json_t *asked_list(struct questions *q, const char *officer);
/** asked_forget - end it if it runs, and drop its answer
 * Returns: 0; -ERR_NOENT */
int asked_forget(struct questions *q, const char *officer, const char *id,
		 struct err *e) WARN_UNUSED;
/** asked_export - a finished trace as text
 * In:      form     "html", "dot", "json" or "csv"
 * Out:     out      appended to; ret_type its media type, a literal
 * Returns: 0; -ERR_NOENT; -ERR_AGAIN not done yet; -ERR_INVAL no such form; -ERR_UNSUPPORTED csv was not asked for; -ERR_OVERSIZE */
int asked_export(struct questions *q, const char *officer, const char *id, const char *form,
		 struct buf *out, const char **ret_type, struct err *e) WARN_UNUSED;
#endif
