/* SPDX-License-Identifier: Apache-2.0
 * The worked examples of docs/format/taint.md 7, read from the page: both engines and the model must give just what it says. */
#include "base/text.h"
#include "ledger/trace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above */
#include <cmocka.h>
#define WORLD_MUST(x) assert_true(x)
#include "trace-world.h"

enum { NAME = 16, EXAMPLES_MIN = 9, QUESTIONS_MIN = 30, PAGE_MAX = 1 << 18, WORDS = 32 };

struct page {
	struct world w;
	char out[W_OUTS][NAME], tx[W_TX][NAME], address[16][NAME];
	int address_n, block;
	bool seed[W_OUTS];
	int example_n, question_n;
};

static long number(const char *s)
{
	uint64_t v = 0;
	assert_int_equal(dec_parse_u64(s, strspn(s, "0123456789"), 1000, &v), 0);
	return (long)v;
}

static int words_of(char *line, char **word)
{
	char *save = NULL;
	int n = 0;
	for (char *s = strtok_r(line, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		assert_true(n < WORDS);
		word[n++] = s;
	}
	return n;
}

static int find(const char (*names)[NAME], int n, const char *name, size_t len)
{
	for (int i = 0; i < n; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return i;
	return -1;
}

static int address_of(struct page *p, const char *name)
{
	int i = find(p->address, p->address_n, name, strlen(name));
	if (i < 0) {
		i = p->address_n++;
		snprintf(p->address[i], NAME, "%s", name);
	}
	assert_true(i < 15);
	return i + 1;
}

/* "a=30@p" as the next output; its own name is its address when it has no other. */
static void out_add(struct page *p, char *text)
{
	struct world *w = &p->w;
	char *equal = strchr(text, '='), *at = strchr(text, '@');
	assert_non_null(equal);
	*equal = 0;
	if (at)
		*at = 0;
	snprintf(p->out[w->out_n], NAME, "%s", text);
	w->value[w->out_n] = (int)number(equal + 1);
	w->address[w->out_n] = address_of(p, at ? at + 1 : text);
	w->maker[w->out_n] = w->tx_n - 1;
	w->out_n++;
	w->tx[w->tx_n - 1].out_n++;
}

static struct wtx *tx_add(struct page *p, const char *name)
{
	struct world *w = &p->w;
	assert_true(w->tx_n < W_TX);
	snprintf(p->tx[w->tx_n], NAME, "%s", name);
	w->tx[w->tx_n] = (struct wtx){.first_out = w->out_n, .block = p->block};
	return &w->tx[w->tx_n++];
}

static void coinbase_add(struct page *p, char **word, int n)
{
	p->block++;
	tx_add(p, "coinbase");
	for (int i = 0; i < n; i++)
		out_add(p, word[i]);
}

/* "X: A B -> c=30 d=60" */
static void transaction_add(struct page *p, char **word, int n)
{
	char other[] = "-=1", *others[] = {other};
	int i = 1;
	if (p->block == 0)
		coinbase_add(p, others, 1);
	word[0][strlen(word[0]) - 1] = 0;
	struct wtx *x = tx_add(p, word[0]);
	for (; i < n && strcmp(word[i], "->") != 0; i++) {
		int o = find(p->out, p->w.out_n, word[i], strlen(word[i]));
		assert_true(o >= 0 && !p->w.spender[o]);
		x->in[x->in_n++] = o;
		p->w.spender[o] = p->w.tx_n - 1;
	}
	for (i++; i < n; i++)
		out_add(p, word[i]);
	assert_true(w_sum_in(&p->w, p->w.tx_n - 1) >= w_sum_out(&p->w, p->w.tx_n - 1));
}

/* ---- a question ---- */

static enum trace_policy policy_of(const char *name)
{
	int i = 0;
	while (i < TRACE_POLICY_N && strcmp(trace_policy_name((enum trace_policy)i), name) != 0)
		i++;
	assert_true(i < TRACE_POLICY_N);
	return (enum trace_policy)i;
}

struct limits {
	bool joins, height;
	uint32_t height_max;
};

static void option_read(struct page *p, struct question *q, struct limits *l, const char *word)
{
	const char *value = strchr(word, '=');
	value = value ? value + 1 : "";
	if (strcmp(word, "back") == 0)
		q->back = true;
	else if (strcmp(word, "follow") == 0)
		q->follow = true;
	else if (strcmp(word, "joins") == 0)
		l->joins = true;
	else if (strncmp(word, "hops=", 5) == 0)
		q->hops_max = (int)number(value);
	else if (strncmp(word, "min=", 4) == 0)
		q->amount_min = (int)number(value);
	else if (strncmp(word, "stop=", 5) == 0)
		q->stop[address_of(p, value)] = true;
	else if (strncmp(word, "height=", 7) == 0)
		*l = (struct limits){.height = true, .height_max = (uint32_t)number(value)};
	else
		fail_msg("an option that nobody knows: %s", word);
}

static bool same_name(const char *a, const char *word)
{
	return strncmp(word, a, strlen(a)) == 0 && word[strlen(a)] == '=';
}

/* The entry that a word of an answer names: "X.fee=2", "a=3[0,3)!dust". */
static uint32_t reached_named(const struct page *p, const struct trace *t, const char *word)
{
	size_t len = strcspn(word, "=");
	bool fee = len > 4 && memcmp(word + len - 4, ".fee", 4) == 0;
	int i = fee ? find(p->tx, p->w.tx_n, word, len - 4) : find(p->out, p->w.out_n, word, len);
	uint64_t id = fee ? TRACE_FEE | (uint64_t)i : (uint64_t)i;
	assert_true(i >= 0);
	for (uint32_t k = t->seed_n; k < t->reached_n; k++)
		if (t->reached[k].output == id)
			return k;
	fail_msg("not reached: %s", word);
	return 0;
}

static void entry_check(const struct page *p, const struct trace *t, const char *word)
{
	uint32_t i = reached_named(p, t, word);
	const struct trace_reached *r = &t->reached[i];
	const char *run = strchr(word, '['), *end = strchr(word, '!');
	if (r->amount != (uint64_t)number(strchr(word, '=') + 1))
		fail_msg("%s, but the trace says %llu", word, (unsigned long long)r->amount);
	if (end)
		assert_string_equal(end + 1, trace_end_name((enum trace_end)r->end));
	else
		assert_true(r->end == TRACE_FLOWS || r->end == TRACE_UNSPENT);
	assert_int_equal(!run, !t->runs);
	if (!run)
		return;
	const struct trace_run *first = &t->runs[t->run_first[i]];
	assert_int_equal(t->run_first[i + 1] - t->run_first[i], 1);
	assert_int_equal(first->off, number(run + 1));
	assert_int_equal(first->off + first->len, number(strchr(run, ',') + 1));
}

static void answer_check(const struct page *p, const struct trace *t, char **word, int n)
{
	uint64_t said[4] = {0}, got[4] = {t->fees, t->spread, t->overlap, t->minted};
	static const char *const sums[4] = {"fees", "spread", "overlap", "minted"};
	uint32_t entries = 0;
	for (int i = 0; i < n; i++) {
		int k = 0;
		while (k < 4 && !same_name(sums[k], word[i]))
			k++;
		if (k < 4)
			said[k] = (uint64_t)number(strchr(word[i], '=') + 1);
		else
			entry_check(p, t, word[i]);
		entries += k == 4;
	}
	assert_int_equal(entries, t->reached_n - t->seed_n);
	for (int k = 0; k < 4; k++)
		assert_int_equal(said[k], got[k]);
}

static void ask_limited(const struct page *p, struct question *q, const struct limits *l,
			enum trace_engine engine, struct trace *ret)
{
	struct memory m = {.w = &p->w, .unknown = -1};
	struct trace_source s = source_of(&m, 0);
	struct trace_params params;
	uint64_t seeds[W_OUTS];
	size_t n = world_params(&p->w, q, &params, seeds);
	params.engine = engine;
	params.stop_at_joins = l->joins;
	params.height = l->height ? l->height_max : TRACE_NONE;
	assert_int_equal(trace_run(&s, &params, seeds, n, ret, NULL), 0);
}

static void question_check(struct page *p, char **word, int n)
{
	struct question q = {.policy = policy_of(word[0]), .hops_max = W_FAR};
	struct limits limits = {0};
	struct trace t;
	int i = 1;
	memcpy(q.seed, p->seed, sizeof(q.seed));
	for (; i < n && strcmp(word[i], ":") != 0; i++)
		option_read(p, &q, &limits, word[i]);
	assert_true(i < n);
	if (!limits.joins && !limits.height) {
		world_compare(&p->w, &q, &t);
		answer_check(p, &t, word + i + 1, n - i - 1);
		trace_done(&t);
	}
	for (int engine = 0; engine < TRACE_ENGINE_N; engine++) {
		ask_limited(p, &q, &limits, (enum trace_engine)engine, &t);
		answer_check(p, &t, word + i + 1, n - i - 1);
		trace_done(&t);
	}
	p->question_n++;
}

/* ---- the page ---- */

static void line_read(struct page *p, char *line)
{
	char *word[WORDS];
	int n = words_of(line, word);
	if (!n)
		return;
	if (strcmp(word[0], "coin") == 0) {
		coinbase_add(p, word + 1, n - 1);
	} else if (strcmp(word[0], "block") == 0) {
		coinbase_add(p, word + 1, n - 1);
	} else if (strcmp(word[0], "seed") == 0) {
		for (int i = 1; i < n; i++)
			p->seed[find(p->out, p->w.out_n, word[i], strlen(word[i]))] = true;
	} else if (word[0][strlen(word[0]) - 1] == ':') {
		transaction_add(p, word, n);
	} else {
		question_check(p, word, n);
	}
}

static void example_read(struct page *p, char *text)
{
	char *save = NULL;
	int examples = p->example_n + 1, questions = p->question_n;
	memset(p, 0, sizeof(*p));
	p->block = -1;
	p->example_n = examples;
	p->question_n = questions;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		line_read(p, line);
	assert_true(p->question_n > questions);
}

static void test_page(void **state)
{
	(void)state;
	static struct page p;
	static char text[PAGE_MAX];
	char path[4096];
	snprintf(path, sizeof(path), "%s/docs/format/taint.md", getenv("LUG_SOURCE"));
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	assert_true(len > 0 && len < sizeof(text) - 1);
	fclose(f);
	for (char *s = text; (s = strstr(s, "```taint\n"));) {
		char *end = strstr(s + 9, "```\n");
		assert_non_null(end);
		*end = 0;
		example_read(&p, s + 9);
		s = end + 4;
	}
	/* The page must still hold what it did when this was written. */
	assert_true(p.example_n >= EXAMPLES_MIN && p.question_n >= QUESTIONS_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_page)};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
