/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of the frame only. */
#ifndef LUG_LUG_INT_H
#define LUG_LUG_INT_H
#include "lug/lug.h"

enum { ARGS_MAX = 1024 };

struct args {
	const struct verb *verb;
	const char *pos[ARGS_MAX];
	int pos_n;
	struct {
		const char *name, *value;
	} opts[ARGS_MAX];
	int opts_n;
};

/** args_parse - options and arguments of a verb, those that every verb takes among them (json, help, quiet; node, officer)
 * Returns: 0; -ERR_INVAL with what is wrong and what it probably should be */
int args_parse(struct args *a, const struct verb *v, int argc, char **argv,
	       struct err *e) WARN_UNUSED;

/** opt_find - the row of an option that this verb takes; NULL if none */
const struct opt *opt_find(const struct verb *v, const char *name, size_t len);
/* The rows that every verb takes, and those of verbs with VERB_NODE. */
extern const struct opt opts_common[], opts_node[];

/** word_nearest - index of the word within edit distance 2 of s, nearest first; -1 if none */
int word_nearest(const char *s, const char *const *words, int words_n);

/** lug_json_printed - has this run given its JSON answer? Then an error behind it is told by the exit status alone */
bool lug_json_printed(void);

/** help_print - every verb; those of a group; or one verb with its options and examples: v NULL, group NULL for all
 * Returns: 0; -ERR_IO, -ERR_NOMEM with --json */
int help_print(const struct lug *l, const char *group, const struct verb *v,
	       struct err *e) WARN_UNUSED;
#endif
