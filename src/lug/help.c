/* SPDX-License-Identifier: Apache-2.0
 * Help, completion and manual: three views of the verbs table. */
#include "lug/lug-int.h"

static size_t group_len(const char *name)
{
	return strcspn(name, " ");
}

static void help_all(const struct lug *l)
{
	printf("%slug%s - trace crypto-assets and work with partner agencies through your own node\n\n",
	       color(l, COLOR_BOLD), color(l, COLOR_OFF));
	printf("usage: lug VERB [OPTIONS] [ARGUMENTS]\n\n");
	for (int i = 0; verbs[i]; i++)
		printf("  %-20s %s\n", verbs[i]->name, verbs[i]->summary);
	printf("\nEvery verb takes --json and --help (with examples). Start with: lug demo\n");
}

static void help_group(const struct lug *l, const char *group)
{
	printf("usage: lug %s VERB [OPTIONS] [ARGUMENTS]\n\n", group);
	for (int i = 0; verbs[i]; i++)
		if (group_len(verbs[i]->name) == strlen(group) &&
		    strncmp(verbs[i]->name, group, strlen(group)) == 0)
			printf("  %-20s %s\n", verbs[i]->name, verbs[i]->summary);
}

static void help_opts(const struct opt *o)
{
	for (; o && o->name; o++) {
		char left[64];
		snprintf(left, sizeof(left), "--%s%s%s%s", o->name, o->value ? " " : "",
			 o->value ? o->value : "", o->repeat ? "..." : "");
		printf("  %-24s %s%s\n", left, o->help, o->required ? " (required)" : "");
	}
}

static void help_verb(const struct lug *l, const struct verb *v)
{
	printf("%slug %s%s - %s\n\nusage: lug %s [OPTIONS]%s%s\n", color(l, COLOR_BOLD), v->name,
	       color(l, COLOR_OFF), v->summary, v->name, v->args[0] ? " " : "", v->args);
	if (v->doc)
		printf("\n%s\n", v->doc);
	printf("\noptions:\n");
	help_opts(v->opts);
	if (v->flags & VERB_NODE)
		help_opts(opts_node);
	help_opts(opts_common);
	printf("\nexamples:\n");
	for (const char *line = v->examples; *line;) {
		size_t len = strcspn(line, "\n");
		printf("  %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static int json_opts(json_t *list, const struct opt *o)
{
	for (; o && o->name; o++)
		if (json_array_append_new(list,
					  json_pack("{s:s, s:s?, s:s, s:b, s:b}", "name", o->name,
						    "value", o->value, "help", o->help, "required",
						    o->required, "repeat", o->repeat)) < 0)
			return -1;
	return 0;
}

static json_t *json_verb(const struct verb *v)
{
	_cleanup_(json_decrefp) json_t *opts = json_array();
	if (!opts || json_opts(opts, v->opts) < 0 ||
	    json_opts(opts, v->flags & VERB_NODE ? opts_node : NULL) < 0 ||
	    json_opts(opts, opts_common) < 0)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:s, s:O, s:s}", "verb", v->name, "arguments", v->args,
			 "summary", v->summary, "text", v->doc ? v->doc : "", "options", opts,
			 "examples", v->examples);
}

static bool in_group(const struct verb *v, const char *group)
{
	return !group ||
	       (group_len(v->name) == strlen(group) && strncmp(v->name, group, strlen(group)) == 0);
}

static json_t *json_verbs(const char *group)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	for (int i = 0; verbs[i]; i++)
		if (in_group(verbs[i], group) &&
		    json_array_append_new(list, json_verb(verbs[i])) < 0)
			return NULL;
	return json_pack("{s:O}", "verbs", list);
}

int help_print(const struct lug *l, const char *group, const struct verb *v, struct err *e)
{
	if (l->json)
		return lug_print_json(v ? json_verb(v) : json_verbs(group), e);
	if (v)
		help_verb(l, v);
	else if (group)
		help_group(l, group);
	else
		help_all(l);
	return 0;
}

/* Bash: words by position; zsh reads the same through bashcompinit. */
static void completion_bash(void)
{
	printf("# bash completion of lug; load with: source <(lug completion bash)\n_lug() {\n");
	printf("\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb=\"\" w\n");
	printf("\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do [[ $w == -* ]] || verb+=\"${verb:+ }$w\"; done\n");
	printf("\tlocal next=\"\"\n\tcase \"$verb\" in\n");
	for (int i = 0; verbs[i]; i++) {
		printf("\t\"%s\"*) next=\"", verbs[i]->name);
		const struct opt *const tables[] = {verbs[i]->opts,
						    verbs[i]->flags & VERB_NODE ? opts_node : NULL,
						    opts_common};
		for (size_t t = 0; t < ARRAY_LEN(tables); t++)
			for (const struct opt *o = tables[t]; o && o->name; o++)
				printf("--%s ", o->name);
		printf("\" ;;\n");
	}
	for (int i = 0; verbs[i]; i++)
		for (const char *at = verbs[i]->name; (at = strchr(at, ' ')) != NULL; at++)
			printf("\t\"%.*s\") next+=\" %.*s\" ;;&\n", (int)(at - verbs[i]->name),
			       verbs[i]->name, (int)group_len(at + 1), at + 1);
	printf("\t\"\") next=\"");
	for (int i = 0; verbs[i]; i++)
		printf("%.*s ", (int)group_len(verbs[i]->name), verbs[i]->name);
	printf("\" ;;\n\tesac\n\tif [[ $cur == -* || -z $verb || $next != --* ]]; then\n");
	printf("\t\tmapfile -t COMPREPLY < <(compgen -W \"$next\" -- \"$cur\")\n\telse\n");
	printf("\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\tfi\n}\ncomplete -o filenames -F _lug lug\n");
}

static void completion_fish(void)
{
	printf("# fish completion of lug; save as ~/.config/fish/completions/lug.fish\n");
	for (int i = 0; verbs[i]; i++) {
		const char *name = verbs[i]->name;
		size_t len = group_len(name);
		printf("complete -c lug -n '__fish_use_subcommand' -a '%.*s'\n", (int)len, name);
		if (name[len])
			printf("complete -c lug -n '__fish_seen_subcommand_from %.*s' -a '%s' -d '%s'\n",
			       (int)len, name, name + len + 1, verbs[i]->summary);
		for (const struct opt *o = verbs[i]->opts; o && o->name; o++)
			printf("complete -c lug -n '__fish_seen_subcommand_from %s' -l '%s'%s\n",
			       name + len + (name[len] != 0), o->name, o->value ? " -r" : "");
	}
}

/* What print() writes on stdout, as the member of a JSON object; glibc lets stdout be another stream meanwhile. */
static int print_as_json(const char *name, void (*print)(void), struct err *e)
{
	_cleanup_(freep) char *text = NULL;
	size_t len = 0;
	FILE *real = stdout, *memory = open_memstream(&text, &len);
	if (!memory)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	stdout = memory;
	print();
	stdout = real;
	if (fclose(memory) != 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	return lug_print_json(json_pack("{s:s#}", name, text, (int)len), e);
}

static void completion_zsh(void)
{
	printf("autoload -U +X bashcompinit && bashcompinit\nsource <(lug completion bash)\n");
}

static int run_completion(struct lug *l, const struct args *a, struct err *e)
{
	const char *shell = args_pos(a, 0);
	void (*print)(void) = strcmp(shell, "bash") == 0   ? completion_bash
			      : strcmp(shell, "zsh") == 0  ? completion_zsh
			      : strcmp(shell, "fish") == 0 ? completion_fish
							   : NULL;
	if (!print)
		return err_set(e, -ERR_INVAL, shell,
			       "no completion for \"%s\"; there is bash, zsh and fish", shell);
	if (l->json)
		return print_as_json("script", print, e);
	print();
	return 0;
}

const struct verb verb_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.args_min = 1,
	.args_max = 1,
	.summary = "print the completion script of a shell",
	.examples =
		"source <(lug completion bash)\n# complete verbs, options and files in this shell",
	.run = run_completion,
};

/* scdoc reads backslash, underscore and asterisk as markup. */
static void scdoc_text(const char *s)
{
	for (; *s; s++) {
		if (strchr("\\_*<>[]#`", *s))
			putchar('\\');
		putchar(*s);
	}
}

static void scdoc_opts(const struct opt *o)
{
	for (; o && o->name; o++) {
		printf("*--%s*%s%s%s\n\t", o->name, o->value ? " _" : "", o->value ? o->value : "",
		       o->value ? "_" : "");
		scdoc_text(o->help);
		printf("%s\n\n", o->required ? " (required)" : "");
	}
}

static void scdoc_verb(const struct verb *v)
{
	printf("## lug %s ", v->name);
	scdoc_text(v->args);
	printf("\n\n");
	if (v->doc)
		scdoc_text(v->doc);
	else
		scdoc_text(v->summary);
	printf("\n\n");
	scdoc_opts(v->opts);
	printf("```\n%s\n```\n\n", v->examples);
}

static void manual(void)
{
	printf("lug(1)\n\n# NAME\n\nlug - trace crypto-assets and work with partner agencies\n\n");
	printf("# SYNOPSIS\n\n*lug* _VERB_ [options] [arguments]\n\n# DESCRIPTION\n\n");
	printf("*lug* is the command line of Lugdunum. Verbs on ledgers, addresses, text and proofs work alone; verbs on "
	       "requests, members and the network speak to a running *lugd*(8) over its UNIX socket.\n\n");
	printf("# OPTIONS\n\nEvery verb takes:\n\n");
	scdoc_opts(opts_common);
	printf("Verbs that speak to a node also take:\n\n");
	scdoc_opts(opts_node);
	printf("# VERBS\n\n");
	for (int i = 0; verbs[i]; i++)
		scdoc_verb(verbs[i]);
	printf("# EXIT STATUS\n\n0 done; 1 failed, with the reason on stderr (with *--json* on stdout); 2 wrong usage.\n\n");
	printf("# ENVIRONMENT\n\n*LUG_NODE* folder of the node; *LUG_OFFICER* officer to act as; *LUG_LEDGER* folder of the ledger; *NO_COLOR* no colours.\n\n");
	printf("# SEE ALSO\n\n*lugd*(8), *lug-keyd*(8), *lugdunum.conf*(5)\n");
}

static int run_manual(struct lug *l, const struct args *a, struct err *e)
{
	if (l->json)
		return print_as_json("scdoc", manual, e);
	manual();
	return 0;
}

const struct verb verb_manual = {
	.name = "manual",
	.args = "",
	.summary = "print lug(1) as scdoc source",
	.examples = "lug manual | scdoc | man -l -\n# read the manual of this very program",
	.run = run_manual,
};

static int run_version(struct lug *l, const struct args *a, struct err *e)
{
	if (l->json)
		return lug_print_json(
			json_pack("{s:s,s:s}", "program", "lug", "version", LUG_VERSION), e);
	puts("lug " LUG_VERSION);
	return 0;
}

const struct verb verb_version = {
	.name = "version",
	.args = "",
	.summary = "print the version",
	.examples = "lug version --json\n# for scripts",
	.run = run_version,
};
