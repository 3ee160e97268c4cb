/* SPDX-License-Identifier: Apache-2.0
 * Options and arguments of a verb, by its table. */
#include "base/text.h"
#include "lug/lug-int.h"
#include <assert.h>

const struct opt opts_common[] = {
	{"json", NULL, "print one JSON value instead of text", false, false},
	{"quiet", NULL, "no progress bar", false, false},
	{"help", NULL, "show this help", false, false},
	{NULL, NULL, NULL, false, false},
};

const struct opt opts_node[] = {
	{"node", "DIR", "folder of the node (default: $LUG_NODE)", false, false},
	{"officer", "ID",
	 "act as this officer, where one account stands for several (default: $LUG_OFFICER)", false,
	 false},
	{NULL, NULL, NULL, false, false},
};

static const struct opt *opt_in(const struct opt *rows, const char *name, size_t len)
{
	for (; rows && rows->name; rows++)
		if (strlen(rows->name) == len && memcmp(rows->name, name, len) == 0)
			return rows;
	return NULL;
}

const struct opt *opt_find(const struct verb *v, const char *name, size_t len)
{
	const struct opt *o = opt_in(v->opts, name, len);
	if (!o && (v->flags & VERB_NODE))
		o = opt_in(opts_node, name, len);
	return o ? o : opt_in(opts_common, name, len);
}

/* Edit distance with adjacent transpositions, up to 32 characters; larger for anything longer. */
static int word_distance(const char *a, const char *b)
{
	enum { LONGEST = 32 };
	int d[LONGEST + 1][LONGEST + 1];
	size_t n = strlen(a), m = strlen(b);
	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (size_t i = 0; i <= n; i++) {
		for (size_t k = 0; k <= m; k++) {
			if (i == 0 || k == 0) {
				d[i][k] = (int)(i + k);
				continue;
			}
			int best = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
			if (d[i - 1][k] + 1 < best)
				best = d[i - 1][k] + 1;
			if (d[i][k - 1] + 1 < best)
				best = d[i][k - 1] + 1;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    d[i - 2][k - 2] + 1 < best)
				best = d[i - 2][k - 2] + 1;
			d[i][k] = best;
		}
	}
	return d[n][m];
}

int word_nearest(const char *s, const char *const *words, int words_n)
{
	int best = -1, best_distance = 3;
	for (int i = 0; i < words_n; i++) {
		int distance = word_distance(s, words[i]);
		if (distance < best_distance && distance < (int)strlen(words[i])) {
			best = i;
			best_distance = distance;
		}
	}
	return best;
}

static int opt_unknown(const struct verb *v, const char *name, struct err *e)
{
	const char *words[64];
	int n = 0;
	const struct opt *const tables[] = {v->opts, v->flags & VERB_NODE ? opts_node : NULL,
					    opts_common};
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (const struct opt *o = tables[t]; o && o->name && n < (int)ARRAY_LEN(words);
		     o++)
			words[n++] = o->name;
	int near = word_nearest(name, words, n);
	if (near >= 0)
		return err_set(e, -ERR_INVAL, name, "lug %s has no option --%s; did you mean --%s?",
			       v->name, name, words[near]);
	return err_set(e, -ERR_INVAL, name, "lug %s has no option --%s; see lug %s --help", v->name,
		       name, v->name);
}

static int opt_take(struct args *a, int argc, char **argv, int *at, struct err *e)
{
	const char *name = argv[*at] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *o = opt_find(a->verb, name, len);
	if (!o)
		return opt_unknown(a->verb, name, e);
	const char *value = equals ? equals + 1 : NULL;
	if (!o->value && value)
		return err_set(e, -ERR_INVAL, o->name, "--%s takes no value", o->name);
	if (o->value && !value) {
		if (*at + 1 >= argc)
			return err_set(e, -ERR_INVAL, o->name, "--%s needs a value: --%s %s",
				       o->name, o->name, o->value);
		value = argv[++*at];
	}
	if (a->opts_n == ARGS_MAX)
		return err_set(e, -ERR_OVERSIZE, o->name, "more than %d options", ARGS_MAX);
	a->opts[a->opts_n].name = o->name;
	a->opts[a->opts_n++].value = value ? value : "";
	return 0;
}

static int args_check(const struct args *a, struct err *e)
{
	const struct verb *v = a->verb;
	if (args_flag(a, "help"))
		return 0;
	for (const struct opt *o = v->opts; o && o->name; o++)
		if (o->required && !args_str(a, o->name))
			return err_set(e, -ERR_INVAL, o->name, "lug %s needs --%s %s (%s)", v->name,
				       o->name, o->value, o->help);
	if (a->pos_n < v->args_min)
		return err_set(e, -ERR_INVAL, NULL, "lug %s needs %s; see lug %s --help", v->name,
			       v->args, v->name);
	if (v->args_max >= 0 && a->pos_n > v->args_max)
		return err_set(e, -ERR_INVAL, a->pos[v->args_max],
			       "lug %s: unexpected argument \"%s\"", v->name, a->pos[v->args_max]);
	return 0;
}

int args_parse(struct args *a, const struct verb *v, int argc, char **argv, struct err *e)
{
	bool only_args = false;
	*a = (struct args){.verb = v};
	for (int i = 0; i < argc; i++) {
		if (!only_args && strcmp(argv[i], "--") == 0) {
			only_args = true;
		} else if (!only_args && strncmp(argv[i], "--", 2) == 0) {
			int r = opt_take(a, argc, argv, &i, e);
			if (r < 0)
				return r;
		} else if (!only_args && argv[i][0] == '-' && argv[i][1]) {
			return err_set(e, -ERR_INVAL, argv[i],
				       "options are long, as --json; see lug %s --help", v->name);
		} else if (a->pos_n == ARGS_MAX) {
			return err_set(e, -ERR_OVERSIZE, NULL, "more than %d arguments", ARGS_MAX);
		} else {
			a->pos[a->pos_n++] = argv[i];
		}
	}
	return args_check(a, e);
}

const char *args_pos(const struct args *a, int i)
{
	return i < a->pos_n ? a->pos[i] : NULL;
}

int args_pos_n(const struct args *a)
{
	return a->pos_n;
}

const char *args_nth(const struct args *a, const char *name, int i)
{
	assert(opt_find(a->verb, name, strlen(name)) || !a->verb->name);
	for (int k = 0; k < a->opts_n; k++)
		if (strcmp(a->opts[k].name, name) == 0 && i-- == 0)
			return a->opts[k].value;
	return NULL;
}

const char *args_str(const struct args *a, const char *name)
{
	const char *last = NULL, *value;
	for (int i = 0; (value = args_nth(a, name, i)); i++)
		last = value;
	return last;
}

const char *args_env(const struct args *a, const char *name, const char *variable)
{
	const char *s = args_str(a, name);
	if (!s)
		s = getenv(variable);
	return s && *s ? s : NULL;
}

bool args_flag(const struct args *a, const char *name)
{
	return args_str(a, name) != NULL;
}

int args_u64(const struct args *a, const char *name, uint64_t min, uint64_t max, uint64_t *ret,
	     struct err *e)
{
	static const char suffixes[] = "kMG";
	const char *s = args_str(a, name);
	if (!s)
		return 0;
	uint64_t v, scale = 1;
	size_t len = strlen(s);
	const char *suffix = len ? strchr(suffixes, s[len - 1]) : NULL;
	if (suffix && len > 1) {
		scale = UINT64_C(1) << (10 * (suffix - suffixes + 1));
		len--;
	}
	if (dec_parse_u64(s, len, UINT64_MAX / scale, &v) < 0 || v * scale < min || v * scale > max)
		return err_set(e, -ERR_INVAL, name,
			       "--%s %s is not a whole number from %llu to %llu", name, s,
			       (unsigned long long)min, (unsigned long long)max);
	*ret = v * scale;
	return 0;
}

int args_choice(const struct args *a, const char *name, const char *const *words, int *ret,
		struct err *e)
{
	const char *s = args_str(a, name);
	if (!s)
		return 0;
	char list[200] = "";
	for (int i = 0; words[i]; i++) {
		if (strcmp(s, words[i]) == 0) {
			*ret = i;
			return 0;
		}
		size_t used = strlen(list);
		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return err_set(e, -ERR_INVAL, name, "--%s %s is not one of: %s", name, s, list);
}
