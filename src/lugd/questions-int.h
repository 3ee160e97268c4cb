/* SPDX-License-Identifier: Apache-2.0
 * Inside of questions: the snapshot with its count of users, and the traces of the worker. */
#ifndef LUGD_QUESTIONS_INT_H
#define LUGD_QUESTIONS_INT_H
#include "base/text.h"
#include "ledger/trace.h"
#include "lugd/questions.h"
#include "report/trace-report.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* What tells that files were replaced. */
struct stamp {
	struct timespec manifest, labels, entities;
	ino_t manifest_ino;
};
struct snapshot_held {
	struct snapshot s; /* first */
	struct stamp stamp;
	atomic_uint users;
};
/** snapshot_open - with one user
 * Returns: 0; as questions_look() */
int snapshot_open(const char *dir, struct snapshot_held **ret, struct err *e) WARN_UNUSED;
struct snapshot_held *snapshot_unref(struct snapshot_held *h);
DEFINE_CLEANUP(struct snapshot_held *, snapshot_unref);

enum asked_state { ASKED_WAITING, ASKED_RUNNING, ASKED_DONE, ASKED_FAILED };

/* One trace. The wish is written before it is queued; the rest belongs to the worker while it runs, then to the logic
 * thread; state, progress and forget are under the lock. */
struct asked {
	struct asked *next; /* in the order in which they were asked */
	char id[ASKED_ID_LEN + 1], officer[64 + 1];
	json_t *seeds;
	json_t *wish; /* the body, whole */
	struct trace_params params;
	bool stop_at_labels, csv, pdf;
	uint64_t entity_max; /* 0: no stop at entities */
	int64_t max_seconds, end_ms;
	uint32_t rows, boxes;
	enum asked_state state;
	struct trace_progress progress;
	bool forget;
	struct questions *q;
	/* the answer */
	json_t *report;
	char *csv_text; /* NULL: not asked for */
	size_t csv_len;
	bool making;	     /* under the lock: the worker makes the PDF of a finished trace */
	struct buf pdf_made; /* the worker's while making */
	struct err pdf_error;
	struct err error;
};

struct questions {
	char dir[PATH_MAX], pdf_program[PATH_MAX];
	struct snapshot_held *held;    /* logic thread */
	int64_t looked_ms, checked_ms; /* last question; last look whether files were replaced */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t worker;
	bool stop;
	struct asked *first; /* under the lock */
};

/** asked_run - worker: compute one; its answer is complete when this returns */
void asked_run(struct asked *a);
/** asked_paper - worker: the PDF of one that is done */
void asked_paper(struct asked *a);
void asked_free(struct asked *a);
/** asked_read - the body of a wish */
int asked_read(struct asked *a, const json_t *body, struct err *e) WARN_UNUSED;
#endif
