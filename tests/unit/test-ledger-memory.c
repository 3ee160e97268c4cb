/* SPDX-License-Identifier: Apache-2.0
 * Traces and labels when memory runs out: the N-th allocation fails, for every N, and the answer is -ERR_NOMEM each time, with
 * nothing leaked and nothing half done; then the same call succeeds. Linked with --wrap, so that it works under sanitizers too. */
#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "ledger/label.h"
#include "ledger/trace.h"
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above */
#include <cmocka.h>

static unsigned countdown; /* the allocation that fails; 0: none */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
	return countdown && --countdown == 0;
}
void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

/* Runs act with each allocation failing in turn, until none is left to fail. */
static void each_failure(int (*act)(void *), void *ctx, unsigned least)
{
	unsigned n = 1;
	for (;; n++) {
		countdown = n;
		int r = act(ctx);
		bool reached = countdown == 0;
		countdown = 0;
		if (!reached) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -ERR_NOMEM);
		assert_true(n < 10000);
	}
	assert_true(n > least);
}

/* ---- a chain: coins of 100 outputs that are joined and split again ---- */

enum { FAN = 100, TXS = 5, OUTS = 1 + FAN + 1 + FAN + FAN };
static void chain_tx(const void *ctx, uint32_t t, struct trace_tx *ret)
{
	static const struct trace_tx txs[TXS] = {
		{.first_out = 0, .out_n = 1},
		{.first_out = 1, .out_n = FAN, .first_in = 0, .in_n = 1},
		{.first_out = 1 + FAN, .out_n = 1},
		{.first_out = 2 + FAN, .out_n = FAN, .first_in = 1, .in_n = FAN},
		{.first_out = 2 + 2 * FAN, .out_n = FAN - 1, .first_in = 1 + FAN, .in_n = FAN}};
	*ret = txs[t];
}
static void chain_block(const void *ctx, uint32_t t, struct trace_block *ret)
{
	*ret = t < 2 ? (struct trace_block){t, t, 1} : (struct trace_block){2, 2, 3};
}
static uint64_t chain_in(const void *ctx, uint64_t in)
{
	return in == 0 ? 0 : in <= FAN ? in : in + 1;
}
static uint64_t chain_value(const void *ctx, uint64_t o)
{
	return o == 0 ? FAN * 100 : o == 1 + FAN ? 5000 : 100;
}
static uint32_t chain_address(const void *ctx, uint64_t o)
{
	return (uint32_t)o + 1;
}
static uint32_t chain_spender(const void *ctx, uint64_t o)
{
	return o == 0 ? 1 : o <= FAN ? 3 : o > 1 + FAN && o < 2 + 2 * FAN ? 4 : 0;
}
static uint32_t chain_maker(const void *ctx, uint64_t o)
{
	return o == 0 ? 0 : o <= FAN ? 1 : o == 1 + FAN ? 2 : o < 2 + 2 * FAN ? 3 : 4;
}
static bool chain_known(const void *ctx, uint64_t o)
{
	return true;
}
static const struct trace_source chain = {.tx_n = TXS,
					  .output_n = 2 + 3 * FAN - 1,
					  .tx = chain_tx,
					  .block = chain_block,
					  .in_output = chain_in,
					  .out_value = chain_value,
					  .out_address = chain_address,
					  .out_spender = chain_spender,
					  .out_tx = chain_maker,
					  .out_known = chain_known};

static int act_trace(void *params)
{
	struct trace t;
	const uint64_t forward = 0, back = 2 + 2 * FAN;
	const struct trace_params *p = params;
	struct trace_holder *h = NULL;
	uint32_t n;
	int r = trace_run(&chain, p, p->back ? &back : &forward, 1, &t, NULL);
	if (r < 0) {
		assert_null(t.reached);
		return r;
	}
	assert_true(t.reached_n > FAN);
	r = trace_holders(&t, &chain, &h, &n);
	free(h);
	trace_done(&t);
	return r;
}

static void test_trace(void **state)
{
	(void)state;
	for (int k = 0; k < 12; k++) {
		struct trace_params p;
		trace_params_init(&p);
		p.policy = (enum trace_policy)(k % 3);
		p.back = k / 3 % 2;
		p.fees = k / 6 ? TRACE_FEES_FOLLOW : TRACE_FEES_SKIP;
		each_failure(act_trace, &p, 6);
	}
}

static int act_joined(void *ctx)
{
	int r = trace_joined(&chain, 3);
	return r < 0 ? r : r == 1 ? 0 : -ERR_CORRUPT;
}

static void test_joined(void **state)
{
	(void)state;
	each_failure(act_joined, NULL, 1);
}

/* ---- labels ---- */

static char folder[32], list[64];

static int act_parse(void *format)
{
	static const char *const texts[] = {
		"label: x\ncurrency: BTC\ntags:\n- address: 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH\n- address: wrong\n",
		"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH\nwrong\n",
		"[\"1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH\", \"wrong\"]"};
	const char *f = format, *text = texts[f[0] == 't' ? 0 : f[0] == 'l' ? 1 : 2];
	const struct label_import opt = {.currency = "BTC", .label = "x"};
	uint32_t n = 0, bad = 0;
	int r = label_parse(f, text, strlen(text), &opt, &n, &bad, NULL);
	if (r == 0)
		assert_true(n == 1 && bad == 1);
	return r;
}

static void test_parse(void **state)
{
	(void)state;
	each_failure(act_parse, (void *)(uintptr_t) "tagpack", 5);
	each_failure(act_parse, (void *)(uintptr_t) "list", 5);
	each_failure(act_parse, (void *)(uintptr_t) "json", 5);
}

static int act_import(void *ctx)
{
	const struct label_import opt = {.currency = "BTC", .label = "x", .name = "one"};
	struct label_result res;
	struct labels *l = NULL;
	int r = label_import(folder, list, &opt, &res, NULL);
	if (r < 0)
		return r;
	label_result_done(&res);
	r = labels_open(folder, NET_BITCOIN, &l, NULL);
	if (r < 0)
		return r;
	assert_int_equal(labels_n(l), 1);
	labels_close(l);
	return 0;
}

static void test_import(void **state)
{
	(void)state;
	each_failure(act_import, NULL, 15);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test-memory-XXXXXX");
	if (crypto_start() < 0 || !mkdtemp(folder))
		return -1;
	snprintf(list, sizeof(list), "%s/list.txt", folder);
	_cleanup_(fclosep) FILE *f = fopen(list, "w");
	return f && fputs("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH\nwrong\n", f) >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_import),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
