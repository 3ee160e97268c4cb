/* SPDX-License-Identifier: Apache-2.0
 * lug(1): find the verb, parse its options, run it, say what went wrong. */
#include "lug/lug-int.h"
#include <locale.h>
#include <signal.h>
#include <sodium.h>

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

#define VERB(x) extern const struct verb verb_##x;
#include "lug/verbs.def"
#undef VERB

const struct verb *const verbs[] = {
#define VERB(x) &verb_##x,
#include "lug/verbs.def"
#undef VERB
	NULL,
};

/* "must be a date": what is said of a field that a form shows above it; here the field comes in front. */
static bool lacks_subject(const char *message)
{
	static const char *const verbs_of_fields[] = {
		"is ",	   "are ",	"must ",	"has ",		"may ",	  "does ",
		"needs ",  "wants ",	"holds ",	"cannot be ",	"names ", "belongs to ",
		"not in ", "does not ", "unknown code", "unknown field"};
	for (size_t i = 0; i < ARRAY_LEN(verbs_of_fields); i++)
		if (strncmp(message, verbs_of_fields[i], strlen(verbs_of_fields[i])) == 0)
			return true;
	return false;
}

/* Returns: whether it left the program; on a full disk behind stdout it is told on stderr instead. */
static bool print_error_json(const struct err *e, const char *field, const char *message)
{
	_cleanup_(json_decrefp) json_t *j =
		json_pack("{s:{s:s,s:s,s:s,s:s}}", "error", "code", err_name(e->code), "field",
			  field, "message", message, "remedy", err_sentence(e->code));
	_cleanup_(freep) char *text = json_text(j);
	bool put = puts(text ? text : "{\"error\":{\"code\":\"nomem\"}}") != EOF;
	return fflush(stdout) == 0 && put && !ferror(stdout);
}

static void print_error(const struct lug *l, const struct err *e)
{
	char message[ERR_MESSAGE_MAX], field[ERR_FIELD_MAX];
	text_utf8(e->message, message, sizeof(message));
	text_utf8(e->field, field, sizeof(field));
	if (l->json && lug_json_printed())
		return;
	if (l->json && print_error_json(e, field, message))
		return;
	bool named = !field[0] || !lacks_subject(message);
	fprintf(stderr, "lug: %s%s%s\n", named ? "" : text_safe(field), named ? "" : " ",
		text_safe(message));
	if (strcmp(e->message, err_sentence(e->code)) != 0 && e->code != -ERR_INVAL)
		fprintf(stderr, "     %s\n", err_sentence(e->code));
}

/* How many words of argv name this verb: 0 if it is another. */
static int verb_match(const struct verb *v, int argc, char **argv)
{
	const char *name = v->name;
	int words = 0;
	while (words < argc) {
		size_t len = strcspn(name, " ");
		if (strlen(argv[words]) != len || strncmp(argv[words], name, len) != 0)
			return 0;
		words++;
		if (!name[len])
			return words;
		name += len + 1;
	}
	return 0;
}

static const struct verb *verb_find(int argc, char **argv, int *ret_words)
{
	for (int i = 0; verbs[i]; i++) {
		int words = verb_match(verbs[i], argc, argv);
		if (words) {
			*ret_words = words;
			return verbs[i];
		}
	}
	return NULL;
}

static bool is_group(const char *word)
{
	for (int i = 0; verbs[i]; i++) {
		size_t len = strcspn(verbs[i]->name, " ");
		if (verbs[i]->name[len] && strlen(word) == len &&
		    strncmp(verbs[i]->name, word, len) == 0)
			return true;
	}
	return false;
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words) != 0)
		words++;
	return *words;
}

static int verb_unknown(int argc, char **argv, struct err *e)
{
	const char *names[256];
	char said[128];
	int n = 0;
	bool group = is_group(argv[0]);
	snprintf(said, sizeof(said), "%s%s%s", argv[0], group ? " " : "", group ? argv[1] : "");
	while (verbs[n] && n < (int)ARRAY_LEN(names)) {
		names[n] = verbs[n]->name;
		n++;
	}
	int near = word_nearest(said, names, n);
	if (near >= 0)
		return err_set(e, ERR_INVAL, "verb", "no verb \"%s\"; did you mean \"%s\"?", said,
			       names[near]);
	return err_set(e, ERR_INVAL, "verb", "no verb \"%s\"; see lug%s%s --help", said,
		       group ? " " : "", group ? argv[0] : "");
}

/* Help is asked for as --help, as -h or as the verb help, in front or behind; *ret_asked says whether it was. */
static int find_help(const struct lug *l, int argc, char **argv, bool *ret_asked, struct err *e)
{
	static const char *const asking[] = {"help", "--help", "-h", NULL};
	int words;
	*ret_asked = argc > 0 && is_one_of(argv[0], asking);
	if (*ret_asked) {
		argc--;
		argv++;
	}
	if (argc == 0 || strcmp(argv[0], "--json") == 0)
		return help_print(l, NULL, NULL, e);
	const struct verb *v = verb_find(argc, argv, &words);
	if (v)
		return help_print(l, NULL, v, e);
	bool all = argc == 1 || is_one_of(argv[1], asking) || strcmp(argv[1], "--json") == 0;
	if (!is_group(argv[0]) || !all)
		return verb_unknown(argc, argv, e);
	*ret_asked = *ret_asked || (argc > 1 && is_one_of(argv[1], asking));
	return help_print(l, argv[0], NULL, e);
}

/* Whether all of the output left the program: what stdio dropped on the way counts as well as what is still to go. */
static int output_end(struct err *e)
{
	bool ended = fflush(stdout) == 0;
	if (ended && !ferror(stdout))
		return 0;
	return err_set(e, ended ? -ERR_IO : err_errno(errno), NULL, "cannot write the output: %s",
		       ended ? "is the disk full?" : strerror(errno));
}

/* No verb: the help that was asked for, or what is wrong. */
static int without_verb(struct lug *l, int argc, char **argv)
{
	struct err e = {0};
	bool asked;
	int r = find_help(l, argc, argv, &asked, &e);
	if (r == 0)
		r = output_end(&e);
	if (r == 0)
		return asked ? EXIT_OK : EXIT_USAGE;
	print_error(l, &e);
	return r == -ERR_INVAL ? EXIT_USAGE : EXIT_FAILED;
}

/* Before the options are understood: an error in them is told in JSON, too. */
static bool asks_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static void take_common(struct lug *l, const struct args *a)
{
	l->json = l->json || args_flag(a, "json");
	if (args_flag(a, "quiet"))
		l->progress = false;
	if (!(a->verb->flags & VERB_NODE))
		return;
	l->node = args_env(a, "node", "LUG_NODE");
	l->officer = args_env(a, "officer", "LUG_OFFICER");
}

/* Options, then the verb itself or its help. */
static int run_verb(struct lug *l, const struct verb *v, int argc, char **argv, struct err *e)
{
	static struct args args; /* large, one of it */
	int r = args_parse(&args, v, argc, argv, e);
	take_common(l, &args);
	if (r == 0)
		r = args_flag(&args, "help") ? help_print(l, NULL, v, e) : v->run(l, &args, e);
	return r < 0 ? r : output_end(e);
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct lug l = {.program = argv[0]};
	int words;
	setlocale(LC_CTYPE, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ,
	       SIG_IGN); /* a limit on files is an error like a full disk, not an end without a word */
	l.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	l.progress = isatty(STDERR_FILENO);
	if (sodium_init() < 0) {
		fputs("lug: libsodium does not start\n", stderr);
		return EXIT_FAILED;
	}
	l.json = asks_json(argc, argv);
	for (; argc > 1 && strcmp(argv[1], "--json") == 0; argc--)
		argv++; /* in front of the verb it means the same */
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		argv[1] += 2; /* what every program understands */
	const struct verb *v = verb_find(argc - 1, argv + 1, &words);
	if (!v)
		return without_verb(&l, argc - 1, argv + 1);
	int r = run_verb(&l, v, argc - 1 - words, argv + 1 + words, &e);
	if (r >= 0)
		return EXIT_OK;
	if (e.code == 0)
		err_set(&e, r, NULL, NULL);
	print_error(&l, &e);
	return r == -ERR_INVAL ? EXIT_USAGE : EXIT_FAILED;
}
