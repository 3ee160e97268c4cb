/* SPDX-License-Identifier: Apache-2.0
 * Errors: one enum for the whole system, and one struct for where a human or an API client needs words.
 *
 * Convention: functions return 0 or a positive count on success and a negative code (-ERR_X) on failure. bool answers
 * questions only. Where words matter the last argument is a nullable `struct err *e`. */
#ifndef BASE_ERR_H
#define BASE_ERR_H
#include <errno.h>

enum err_code {
#define ERR(name, value, sentence) ERR_##name = value,
#include "base/err.def"
#undef ERR
};

enum { ERR_FIELD_MAX = 64, ERR_MESSAGE_MAX = 320 };

struct err {
	int code; /* negative, as returned; 0 when nothing failed */
	char field
		[ERR_FIELD_MAX]; /* which input: a JSON path, an option, a file name; may be empty */
	char message[ERR_MESSAGE_MAX]; /* what is wrong, where, and what to do */
};

/** err_set - record an error and return its code, so that `return err_set(...)` is one step
 * In:      e      may be NULL
 *          code   ERR_X or -ERR_X
 *          field  which input, or NULL
 *          fmt    printf format of the message; NULL takes the code's own sentence
 * Returns: the negative code */
int err_set(struct err *e, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** err_errno - errno as a code of ours: -ERR_X as in the table; ENOTDIR: -ERR_NOENT, EISDIR: -ERR_FORMAT, EFBIG and
 * EDQUOT: -ERR_NOSPC; else -ERR_IO */
int err_errno(int system_errno);

/** err_name - stable API name of a code ("four-eyes", "noent"); "unknown" if not in the table. Valid until the thread's next call */
const char *err_name(int code);

/** err_sentence - the table's sentence for a code; never NULL */
const char *err_sentence(int code);

#define WARN_UNUSED __attribute__((warn_unused_result))

/* For states that cannot happen but must be survived in production: true in tests stops at once. */
#ifdef LUG_NEVER_ABORTS
#define NEVER(x) ((x) ? (__builtin_trap(), 1) : 0)
#else
#define NEVER(x) __builtin_expect(!!(x), 0)
#endif
#endif
