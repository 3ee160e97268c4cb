/* SPDX-License-Identifier: Apache-2.0
 * The demo's tools: folders, processes, calls of lug itself, and the table of steps. The play is in cmd-demo.c. */
#ifndef LUG_DEMO_H
#define LUG_DEMO_H
#include "base/buf.h"
#include "lug/lug.h"
#include <sys/types.h>

enum {
	DEMO_NODES = 3,
	DEMO_STEPS_MAX = 40,
	DEMO_ARGS_MAX = 40,
	DEMO_OUT_MAX = 16 << 20,
	DEMO_TEXT_MAX = 160
};

enum demo_node_id { DEMO_IT, DEMO_FR, DEMO_JP };

struct demo_node {
	const char *country, *name, *city; /* "IT", "it", "Rome" */
	char dir[4096];
	int port, console_port;
	pid_t pid; /* of lugd; 0 when it does not run */
};

struct demo_step {
	char what[DEMO_TEXT_MAX], proof[ERR_MESSAGE_MAX];
	int64_t at_ms, took_ms;
	uint64_t size; /* bytes that moved or were made; 0 for none */
	bool ok;
};

struct demo {
	struct lug *lug;
	struct arena arena; /* paths and names, until the demo ends */
	json_t *answers;    /* every answer of lug, until the demo ends */
	char dir[4096], bin[4096];
	struct demo_node node[DEMO_NODES];
	struct demo_step step[DEMO_STEPS_MAX];
	int steps_n, crash_at;
	int64_t start_ms;
	bool keep, failed, report_only; /* report_only: no line for each step as it ends */
	bool stays;			/* nodes started from now on outlive this program */
	int code;			/* of the first step that failed */
};

/** demo_init - work folder (made if NULL), programs beside this one, free ports on loopback
 * Returns: 0; -ERR_NOENT a program is missing; file_mkdirs' errors */
int demo_init(struct demo *d, struct lug *l, const char *dir, struct err *e) WARN_UNUSED;
/** demo_done - stop the nodes (unless they stay) and remove the work folder (if it was made here, nothing failed, and it is not kept) */
void demo_done(struct demo *d);

/** demo_begin, demo_end - one step of the play, and what it proved; demo_end prints its line. A failure is recorded and the step
 * says why: the caller returns it.
 * In:      r    result of the step; e its words
 * Returns: r */
void demo_begin(struct demo *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int demo_end(struct demo *d, int r, uint64_t size, const struct err *e, const char *proof_fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** demo_path - DIR/<formatted>, in the arena */
const char *demo_path(struct demo *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** demo_lug - run `lug ARGS... --json` and read its answer
 * In:      argv     NULL-terminated, without "lug"; at most DEMO_ARGS_MAX
 *          ret      the JSON answer, kept until demo_done; may be NULL
 * Returns: 0; the code in lug's own error answer, with its words; -ERR_FORMAT no JSON came */
int demo_lug(struct demo *d, const char *const *argv, json_t **ret, struct err *e) WARN_UNUSED;
/** demo_as - the same, speaking to a node as an officer */
int demo_as(struct demo *d, enum demo_node_id n, const char *officer, const char *const *argv,
	    json_t **ret, struct err *e) WARN_UNUSED;
/** demo_run - run a program of this build to its end; its stdout goes to out (may be NULL), its stderr to DIR/demo.log
 * Returns: 0; -ERR_INVAL it exited otherwise; -ERR_NOENT */
int demo_run(struct demo *d, const char *program, const char *const *argv, struct buf *out,
	     struct err *e) WARN_UNUSED;

/** demo_start - start the node's lugd and wait until it answers; demo_stop - stop it (gently, or as a crash with SIGKILL) */
int demo_start(struct demo *d, enum demo_node_id n, struct err *e) WARN_UNUSED;
int demo_stop(struct demo *d, enum demo_node_id n, bool crash, struct err *e) WARN_UNUSED;

/** demo_wait - repeat check every 20 ms until it returns other than 0 or ms have passed
 * Returns: what check returned if negative; 0 when it returned 1; -ERR_TIMEDOUT */
int demo_wait(struct demo *d, int64_t ms, int (*check)(struct demo *d, void *arg, struct err *e),
	      void *arg, struct err *e) WARN_UNUSED;

/** demo_save - write text to DIR/<formatted path> */
int demo_save(struct demo *d, const char *path, const char *text, struct err *e) WARN_UNUSED;

/** demo_str, demo_get, demo_u64 - member by a dotted path ("receipts.0.kind"): text, value, or number in decimal text or as a number;
 *                                "", NULL and 0 when it is not there */
const char *demo_str(const json_t *j, const char *path);
uint64_t demo_u64(const json_t *j, const char *path);
json_t *demo_get(const json_t *j, const char *path);

/** demo_report - the table of steps, for people or as JSON
 * Returns: 0; the code of the step that failed */
int demo_report(struct demo *d, struct err *e) WARN_UNUSED;
#endif
