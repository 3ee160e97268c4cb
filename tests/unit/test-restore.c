/* SPDX-License-Identifier: Apache-2.0
 * Nodes that are set back to an older copy of their store, in every way that the streams distinguish. */
#include "base/text.h"
#include "exchange/exchange-int.h"
#include "nodes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"fr", "it", "jp"};
enum { FR, IT, JP };

static char folder[32];

static const char *path_of(const char *name)
{
	static char path[2][64];
	static int at;
	at = !at;
	snprintf(path[at], sizeof(path[at]), "%s/%s", folder, name);
	return path[at];
}

/* France and Italy on files, so that they can be set back; Japan in memory. */
static int setup(void **state)
{
	struct nodes *w = malloc(sizeof(*w));
	snprintf(folder, sizeof(folder), "/tmp/lug-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	nodes_init(w, names, 3, 31);
	for (size_t i = 0; i < 3; i++) {
		const char *where = i == JP ? ":memory:" : path_of(names[i]);
		assert_int_equal(node_open(&w->node[i], where, NULL, NULL), 0);
		assert_int_equal(node_install(&w->node[i], NULL), 0);
	}
	nodes_run(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {"fr", "it", "fr.old", "it.old"};
	nodes_done(*state);
	free(*state);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(path_of(files[i]));
	return rmdir(folder);
}

static void copy(struct nodes *w, size_t i)
{
	char name[16];
	snprintf(name, sizeof(name), "%s.old", names[i]);
	assert_int_equal(store_backup(w->node[i].store, path_of(name), NULL), 0);
}

static void set_back(struct nodes *w, size_t i)
{
	char name[16];
	snprintf(name, sizeof(name), "%s.old", names[i]);
	node_close(&w->node[i]);
	assert_int_equal(node_open(&w->node[i], path_of(name), NULL, NULL), 0);
}

static void post(struct nodes *w, const char *text, uint8_t id16[static 16])
{
	assert_int_equal(node_post(&w->node[IT], EXCHANGE_NORMAL, text, id16, NULL, "fr", NULL), 0);
}

static struct exchange_delivery delivery(struct nodes *w, const uint8_t id16[static 16])
{
	struct exchange_delivery d;
	assert_int_equal(exchange_delivery(w->node[IT].x, id16, "fr", &d, NULL), 1);
	return d;
}

static int64_t in_epoch(struct nodes *w)
{
	return node_count(&w->node[FR],
			  "SELECT epoch AS n FROM exchange_stream_in WHERE peer = 'it'");
}

static void check_whole(struct nodes *w)
{
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			node_count(&w->node[i],
				   "SELECT COUNT(*) AS n FROM exchange_out WHERE settled = 0"),
			0);
		assert_int_equal(w->node[i].events[EXCHANGE_EV_STREAM_STOPPED], 0);
		assert_int_equal(
			node_count(
				&w->node[i],
				"SELECT COUNT(*) AS n FROM (SELECT text FROM probe_effect GROUP BY text"
				" HAVING COUNT(*) > 1)"),
			0);
	}
}

/* ---- the receiver ---- */

/* Set back to before the sender was, and so to an epoch before the last reset. */
static void test_receiver_before_epoch(void **state)
{
	struct nodes *w = *state;
	uint8_t ids[4][16];
	post(w, "m0", ids[0]);
	nodes_run(w);
	copy(w, FR);
	copy(w, IT);
	post(w, "m1", ids[1]);
	nodes_run(w);
	set_back(w, IT); /* epoch 2 */
	nodes_pass(w, 70000, 1000);
	post(w, "m2", ids[2]);
	nodes_pass(w, 5000, 1000);
	assert_int_equal(in_epoch(w), 2);
	set_back(w, FR);
	post(w, "m3", ids[3]);
	nodes_pass(w, 130000, 1000);
	assert_int_equal(in_epoch(w), 3);
	assert_int_equal(node_effects(&w->node[FR], "m0"), 1);
	assert_int_equal(node_effects(&w->node[FR], "m2"), 1);
	assert_int_equal(node_effects(&w->node[FR], "m3"), 1);
	assert_int_equal(delivery(w, ids[2]).state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(w, ids[3]).state, EXCHANGE_ACCEPTED);
	check_whole(w);
}

/* A very old copy: files of what expired long ago are gone at the sender, and the stream goes on all the same. */
static void test_receiver_very_old(void **state)
{
	struct nodes *w = *state;
	uint8_t old16[16], new16[16];
	copy(w, FR);
	post(w, "old", old16);
	nodes_run(w);
	assert_int_equal(delivery(w, old16).state, EXCHANGE_ACCEPTED);
	w->now_ms += (86400LL + EXCHANGE_KEEP_S + 3600) * 1000;
	for (size_t i = 0; i < 3; i++) { /* keys and notes that are valid now */
		struct directory_node *n = &w->node[i].note;
		for (size_t k = 0; k < n->epochs_n; k++) {
			n->epochs[k].from_s += 31 * 86400;
			n->epochs[k].until_s += 31 * 86400;
		}
		nodes_sign_node(w, i);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(node_install(&w->node[i], NULL), 0);
	nodes_pass(w, 61000, 1000);
	assert_int_equal(
		node_count(&w->node[IT],
			   "SELECT COUNT(*) AS n FROM exchange_sealed WHERE LENGTH(file) = 0"),
		1);
	set_back(w, FR);
	assert_int_equal(node_install(&w->node[FR], NULL), 0);
	post(w, "new", new16);
	nodes_pass(w, 130000, 1000);
	assert_int_equal(delivery(w, new16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(w, old16).state,
			 EXCHANGE_ACCEPTED); /* what it once signed stands */
	assert_int_equal(node_effects(&w->node[FR], "new"), 1);
	assert_int_equal(node_effects(&w->node[FR], "old"), 0);
	check_whole(w);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_receiver_before_epoch),
		T(test_receiver_very_old),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
