/* SPDX-License-Identifier: Apache-2.0
 * Exchange between nodes in one process: delivery, receipts, refusals, gaps, conflicts, restores, expiry. */
#include "nodes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"fr", "it", "jp"};
enum { FR, IT, JP };

static int setup(void **state)
{
	struct nodes *w = malloc(sizeof(*w));
	nodes_init(w, names, 3, 7);
	nodes_start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	nodes_done(*state);
	free(*state);
	return 0;
}

static struct exchange_delivery delivery(struct node *node, const uint8_t *id16, const char *peer)
{
	struct exchange_delivery d;
	assert_int_equal(exchange_delivery(node->x, id16, peer, &d, NULL), 1);
	return d;
}

static void test_delivered(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_FLASH, "hold it", id16, NULL, "fr", NULL),
			 0);
	assert_int_equal(delivery(&w->node[IT], id16, "fr").state, EXCHANGE_QUEUED);
	nodes_run(w);
	struct exchange_delivery d = delivery(&w->node[IT], id16, "fr");
	assert_int_equal(d.state, EXCHANGE_ACCEPTED);
	assert_int_equal(d.stored_s, w->now_ms / 1000);
	assert_int_equal(d.seq, 1);
	assert_int_equal(node_effects(&w->node[FR], "hold it"), 1);
	assert_int_equal(node_effects(&w->node[JP], "hold it"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delivered, setup, teardown),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
