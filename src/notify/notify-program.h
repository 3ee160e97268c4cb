/* SPDX-License-Identifier: Apache-2.0
 * The frame of a channel program: lines in, lines out (docs/protocol/notify.md). Each program is one table row and one function. */
#ifndef NOTIFY_PROGRAM_H
#define NOTIFY_PROGRAM_H
#include "duty/notify.h"

struct program;

/* A ring as the program gets it; the text has link and code behind it already in `full`. */
struct program_ring {
	const struct notify_message *m;
	const char *full; /* "TEXT LINK (code CODE)", for channels that carry one text */
};
struct program {
	const char *name;	 /* "lug-notify-spool" */
	const char *words;	 /* what it is, for the ready line */
	const char *const *keys; /* arguments "key=value" that it takes, NULL-terminated */
	size_t required_n;	 /* the first so many must be given */
	/* Returns: 0 sent; -ERR_X, with words (PROGRAM_WORDS_MAX) for the log */
	int (*ring)(const struct program *p, const struct program_ring *g, char *words);
	const char *values[8]; /* of the arguments, in the order of keys; NULL when not given */
};
enum { PROGRAM_WORDS_MAX = NOTIFY_WORDS_MAX, PROGRAM_FULL_MAX = NOTIFY_LINE_MAX };

/** program_run - read arguments, say ready, serve lines until the end of input; the exit status of main */
int program_run(struct program *p, int argc, char **argv);
/** program_secret - the first line of a file, into out; -ERR_X with words */
int program_secret(const char *path, char *out, size_t size, char *words);
#endif
