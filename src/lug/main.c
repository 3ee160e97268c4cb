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

static void print_error(const struct lug *l, const struct err *e)
{
	if (l->json && lug_json_printed())
		return;
	if (l->json) {
		_cleanup_(json_decrefp) json_t *j = json_pack(
			"{s:{s:s,s:s,s:s,s:s}}", "error", "code", err_name(e->code), "field",
			e->field, "message", e->message, "remedy", err_sentence(e->code));
		_cleanup_(freep) char *text = json_text(j);
		puts(text ? text : "{\"error\":{\"code\":\"nomem\"}}");
		return;
	}
	char message[ERR_MESSAGE_MAX];
	snprintf(message, sizeof(message), "%s", e->message);
	fprintf(stderr, "lug: %s\n", text_safe(message));
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

static int verb_unknown(const struct lug *l, int argc, char **argv)
{
	const char *names[256];
	char said[128];
	int n = 0;
	if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0) {
		help_all(l);
		return argc == 0 ? EXIT_USAGE : EXIT_OK;
	}
	bool group = is_group(argv[0]);
	if (group && (argc == 1 || strcmp(argv[1], "--help") == 0)) {
		help_group(l, argv[0]);
		return argc == 1 ? EXIT_USAGE : EXIT_OK;
	}
	snprintf(said, sizeof(said), "%s%s%s", argv[0], group ? " " : "", group ? argv[1] : "");
	while (verbs[n] && n < (int)ARRAY_LEN(names)) {
		names[n] = verbs[n]->name;
		n++;
	}
	int near = word_nearest(said, names, n);
	fprintf(stderr, "lug: no verb \"%s\"", text_safe(said));
	if (near >= 0)
		fprintf(stderr, "; did you mean \"%s\"?\n", names[near]);
	else
		fprintf(stderr, "; see lug --help\n");
	return EXIT_USAGE;
}

static void take_common(struct lug *l, const struct args *a)
{
	l->json = args_flag(a, "json");
	if (args_flag(a, "quiet"))
		l->progress = false;
	if (!(a->verb->flags & VERB_NODE))
		return;
	l->node = args_str(a, "node") ? args_str(a, "node") : getenv("LUG_NODE");
	l->officer = args_str(a, "officer") ? args_str(a, "officer") : getenv("LUG_OFFICER");
}

int main(int argc, char **argv)
{
	static struct args args; /* large, one of it */
	struct err e = {0};
	struct lug l = {.program = argv[0]};
	int words;
	setlocale(LC_CTYPE, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_DFL);
	l.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	l.progress = isatty(STDERR_FILENO);
	if (sodium_init() < 0) {
		fputs("lug: libsodium does not start\n", stderr);
		return EXIT_FAILED;
	}
	const struct verb *v = verb_find(argc - 1, argv + 1, &words);
	if (!v)
		return verb_unknown(&l, argc - 1, argv + 1);
	int r = args_parse(&args, v, argc - 1 - words, argv + 1 + words, &e);
	if (r == 0 && args_flag(&args, "help")) {
		help_verb(&l, v);
		return EXIT_OK;
	}
	take_common(&l, &args);
	if (r == 0)
		r = v->run(&l, &args, &e);
	if (r == 0 && fflush(stdout) == EOF)
		r = err_set(&e, err_errno(errno), NULL, "cannot write the output: %s",
			    strerror(errno));
	if (r >= 0)
		return EXIT_OK;
	if (e.code == 0)
		err_set(&e, r, NULL, NULL);
	print_error(&l, &e);
	return r == -ERR_INVAL ? EXIT_USAGE : EXIT_FAILED;
}
