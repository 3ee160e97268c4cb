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

/* ---- the sender: recall ---- */

static int64_t in_out(struct nodes *w)
{
	return node_count(&w->node[IT], "SELECT COUNT(*) AS n FROM exchange_out WHERE peer = 'fr'");
}

static bool recalling(struct nodes *w)
{
	return node_count(&w->node[IT],
			  "SELECT COUNT(*) AS n FROM exchange_stream_out WHERE recall = 1") == 1;
}

/* More than one answer holds; one that was not opened there is waited for, one had waited here. */
static void test_recall(void **state)
{
	enum { MANY = 70 };
	struct nodes *w = *state;
	uint8_t before16[16], waits16[16], ids[MANY][16], busy16[16];
	char text[32];
	post(w, "before", before16);
	nodes_run(w);
	w->cut[IT][FR] = true;
	post(w, "waits", waits16);
	nodes_run(w);
	copy(w, IT);
	w->cut[IT][FR] = false;
	nodes_pass(w, 400000, 10000);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "after %d", i);
		post(w, text, ids[i]);
	}
	nodes_run(w);
	w->node[FR].probe_result = -ERR_BUSY;
	post(w, "stored only", busy16);
	nodes_run(w);
	set_back(w, IT);
	assert_int_equal(in_out(w), 2);
	nodes_pass(w, 70000, 1000);
	assert_true(recalling(w));
	assert_int_equal(in_out(w), MANY + 2);
	w->node[FR].probe_result = 0;
	nodes_pass(w, 70000, 1000);
	assert_false(recalling(w));
	assert_int_equal(in_out(w), MANY + 3);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(delivery(w, ids[i]).state, EXCHANGE_ACCEPTED);
		assert_int_equal(delivery(w, ids[i]).epoch, 1);
	}
	assert_int_equal(delivery(w, waits16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(delivery(w, busy16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(
		node_count(
			&w->node[IT],
			"SELECT COUNT(*) AS n FROM exchange_part WHERE peer = '' AND"
			" (CAST(bytes AS TEXT) LIKE 'after %' OR CAST(bytes AS TEXT) = 'stored only')"),
		MANY + 1);
	check_whole(w);
}

/* The key process goes away at the very moment at which the recall has begun. */
static void leave_at_reset(void *ctx, const struct exchange_event *ev)
{
	struct node *node = ctx;
	node->keyd_away = node->keyd_away || ev->kind == EXCHANGE_EV_RESET;
}

/* Nothing takes effect and nothing is sent before it has ended; a restart in between goes on where it was. */
static void test_recall_holds(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16], more16[16];
	w->node[IT].env.event = leave_at_reset;
	copy(w, IT);
	post(w, "after", id16);
	nodes_run(w);
	set_back(w, IT);
	post(w, "more", more16);
	nodes_pass(w, 40000, 1000);
	assert_true(recalling(w));
	assert_int_equal(in_out(w), 1);
	assert_int_equal(delivery(w, more16).seq, 0);
	assert_int_equal(node_post(&w->node[FR], EXCHANGE_FLASH, "new", id16, NULL, "it", NULL), 0);
	nodes_pass(w, 40000, 1000);
	assert_int_equal(node_effects(&w->node[IT], "new"), 0);
	w->node[IT].keyd_away = false;
	node_close(&w->node[IT]);
	assert_int_equal(node_open(&w->node[IT], path_of("it.old"), NULL, NULL), 0);
	nodes_pass(w, 60000, 1000);
	assert_false(recalling(w));
	assert_int_equal(node_effects(&w->node[IT], "new"), 1);
	assert_int_equal(delivery(w, more16).state, EXCHANGE_ACCEPTED);
	assert_int_equal(in_out(w), 2);
	check_whole(w);
}

/* What the peer changes in its store before it gives it back is left out, and people hear of it. */
static void test_recall_changed(void **state)
{
	static const char *const lies[] = {
		"UPDATE exchange_part SET bytes = (SELECT MIN(hash) FROM exchange_in) WHERE peer = 'it'",
		"UPDATE exchange_place SET note = (SELECT note FROM exchange_place ORDER BY seq LIMIT 1)",
		"UPDATE exchange_in SET manifest = (SELECT manifest FROM exchange_in ORDER BY ord LIMIT 1)",
		"DELETE FROM exchange_place WHERE seq = 2"};
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct nodes *w = *state;
		uint8_t id16[16];
		post(w, "one", id16);
		nodes_run(w);
		copy(w, IT);
		post(w, "two", id16);
		nodes_run(w);
		post(w, "three", id16);
		nodes_run(w);
		STORE_TXN(txn);
		assert_int_equal(store_begin(w->node[FR].store, STORE_WRITE, &txn, NULL), 0);
		struct err e = {0};
		if (store_exec(w->node[FR].store, lies[i], NO_VALS, &e) <= 0)
			fail_msg("%s: %s", lies[i], e.message);
		assert_int_equal(store_commit(&txn, NULL), 0);
		set_back(w, IT);
		unsigned told = w->node[IT].events[EXCHANGE_EV_RECALL];
		nodes_pass(w, 70000, 1000);
		assert_false(recalling(w));
		assert_true(w->node[IT].events[EXCHANGE_EV_RECALL] >
			    told + 1); /* not only its end */
		assert_true(node_count(&w->node[IT],
				       "SELECT COUNT(*) AS n FROM exchange_part WHERE peer = ''") <
			    3);
		teardown(state);
		setup(state);
	}
}

/* Its own key was stolen meanwhile: what is signed with it comes back no more. */
static void test_recall_revoked(void **state)
{
	struct nodes *w = *state;
	uint8_t id16[16];
	copy(w, IT);
	post(w, "under the old key", id16);
	nodes_run(w);
	nodes_rekey(w, IT, DIRECTORY_KEY_NODE, true);
	assert_int_equal(directory_install(exchange_directory(w->node[IT].x), NULL,
					   w->node[IT].signed_note.p, w->node[IT].signed_note.len,
					   NULL, NULL),
			 0);
	nodes_run(w);
	set_back(w, IT); /* the revocation comes back from the peers too */
	nodes_pass(w, 130000, 1000);
	assert_false(recalling(w));
	assert_int_equal(in_out(w), 0);
	post(w, "on", id16);
	nodes_pass(w, 10000, 1000);
	assert_int_equal(delivery(w, id16).state, EXCHANGE_ACCEPTED);
}

static void test_recall_format(void **state)
{
	static const char *const bad[] = {"", "\0\0\0\4abcd", "\0\0\0\0",
					  "\0\0\0\x22lugdunum.network/recall/v1\nafter x 1\n"};
	static const size_t lens[] = {0, 8, 4, 38};
	struct nodes *w = *state;
	struct buf reply;
	buf_init(&reply, EXCHANGE_BODY_MAX);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(exchange_receive(w->node[FR].x, "it", EXCHANGE_RECALL, bad[i], lens[i],
					     &reply, NULL) < 0);
	assert_int_equal(reply.len, 0);
	buf_done(&reply);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_receiver_before_epoch), T(test_receiver_very_old), T(test_recall),
		T(test_recall_holds),	       T(test_recall_changed),	  T(test_recall_revoked),
		T(test_recall_format),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
