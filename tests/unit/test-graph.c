/* SPDX-License-Identifier: Apache-2.0
 * The layout of flows: nothing overlaps, nothing is lost, nothing that has a place moves, and it is quick. */
#include "base/prng.h"
#include "base/time.h"
#include "graph/graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka needs the three above */
#include <cmocka.h>

enum { N = 3000, E = 6000 };
static struct graph_node nodes[N];
static struct graph_edge edges[E];

static void random_graph(struct prng *r, uint32_t n, uint32_t edge_n, uint32_t columns)
{
	for (uint32_t i = 0; i < n; i++)
		nodes[i] = (struct graph_node){.column = (uint32_t)prng_below(r, columns) * 3,
					       .row = GRAPH_NONE,
					       .weight = prng_below(r, 1000000),
					       .keep = prng_chance(r, 1, 50)};
	for (uint32_t i = 0; i < edge_n; i++)
		edges[i] = (struct graph_edge){.from = (uint32_t)prng_below(r, n),
					       .to = (uint32_t)prng_below(r, n),
					       .weight = prng_below(r, 1000000)};
}

static void check(const struct graph *g, uint32_t n, uint32_t edge_n, uint32_t max)
{
	uint64_t nodes_n = 0, weight = 0, all = 0;
	assert_true(g->box_n <= max);
	for (uint32_t i = 0; i < g->box_n; i++) {
		const struct graph_box *b = &g->boxes[i];
		nodes_n += b->count;
		weight += b->weight;
		assert_true(b->column < g->column_n && b->row < g->row_n);
		assert_true(b->x >= 0 && b->x + GRAPH_BOX_W <= g->width);
		assert_true(b->y >= 0 && b->y + GRAPH_BOX_H <= g->height);
		for (uint32_t k = 0; k < i; k++)
			assert_true(g->boxes[k].column != b->column || g->boxes[k].row != b->row);
	}
	for (uint32_t i = 0; i < n; i++)
		all += nodes[i].weight;
	assert_int_equal(nodes_n, n);
	assert_int_equal(weight, all);
	uint64_t edges_n = 0;
	for (uint32_t i = 0; i < g->line_n; i++) {
		assert_true(g->lines[i].from < g->box_n && g->lines[i].to < g->box_n);
		edges_n += g->lines[i].count;
	}
	assert_true(edges_n <= edge_n);
	if (n <= max)
		assert_int_equal(edges_n, edge_n);
}

static void test_random(void **state)
{
	(void)state;
	struct prng r;
	prng_init(&r, 5);
	for (int i = 0; i < 200; i++) {
		uint32_t n = 1 + (uint32_t)prng_below(&r, i % 10 ? 60 : N);
		uint32_t edge_n = (uint32_t)prng_below(&r, 2 * n);
		uint32_t max = 2 + (uint32_t)prng_below(&r, GRAPH_SHOWN_MAX - 1);
		struct graph g, again;
		random_graph(&r, n, edge_n, 1 + (uint32_t)prng_below(&r, i % 3 ? 8 : 900));
		assert_int_equal(graph_layout(nodes, n, edges, edge_n, max, &g), 0);
		check(&g, n, edge_n, max);
		assert_int_equal(graph_layout(nodes, n, edges, edge_n, max, &again), 0);
		assert_int_equal(g.box_n, again.box_n);
		assert_memory_equal(g.boxes, again.boxes, g.box_n * sizeof(*g.boxes));
		graph_done(&g);
		graph_done(&again);
	}
}

/* Add nodes to a picture again and again: those in it keep their places. */
static void test_stable(void **state)
{
	(void)state;
	struct prng r;
	prng_init(&r, 6);
	random_graph(&r, 280, 500, 12);
	for (uint32_t n = 20; n <= 280; n += 20) {
		struct graph g;
		uint32_t edge_n = 0;
		static struct graph_edge some[E];
		for (uint32_t i = 0; i < 500; i++)
			if (edges[i].from < n && edges[i].to < n)
				some[edge_n++] = edges[i];
		assert_int_equal(graph_layout(nodes, n, some, edge_n, GRAPH_SHOWN_MAX, &g), 0);
		assert_int_equal(g.grouped_n, 0);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(g.boxes[i].node, i);
			assert_true(nodes[i].row == GRAPH_NONE || nodes[i].row == g.boxes[i].row);
			nodes[i].row = g.boxes[i].row;
		}
		graph_done(&g);
	}
}

/* A line of single nodes is straight, and two that cross are not made to. */
static void test_shape(void **state)
{
	(void)state;
	struct graph g;
	for (uint32_t i = 0; i < 8; i++)
		nodes[i] = (struct graph_node){
			.column = i / 2, .row = GRAPH_NONE, .weight = 8 - i, .keep = false};
	for (uint32_t i = 0; i < 3; i++) {
		edges[2 * i] = (struct graph_edge){.from = 2 * i, .to = 2 * i + 3, .weight = 1};
		edges[2 * i + 1] =
			(struct graph_edge){.from = 2 * i + 1, .to = 2 * i + 2, .weight = 1};
	}
	assert_int_equal(graph_layout(nodes, 8, edges, 6, 10, &g), 0);
	for (uint32_t i = 0; i < g.line_n; i++)
		assert_int_equal(g.boxes[g.lines[i].from].row, g.boxes[g.lines[i].to].row);
	assert_int_equal(g.row_n, 2);
	graph_done(&g);
}

static void test_grouped(void **state)
{
	(void)state;
	struct prng r;
	struct graph g;
	prng_init(&r, 7);
	random_graph(&r, N, E, 10);
	for (uint32_t i = 0; i < N; i++)
		nodes[i].keep = i == 17;
	nodes[17].weight = 0;
	assert_int_equal(graph_layout(nodes, N, edges, E, GRAPH_SHOWN_MAX, &g), 0);
	bool kept = false;
	uint64_t least = UINT64_MAX, most = 0;
	for (uint32_t i = 0; i < g.box_n; i++) {
		kept |= g.boxes[i].node == 17;
		if (g.boxes[i].node != 17 && g.boxes[i].count == 1 && g.boxes[i].weight < least)
			least = g.boxes[i].weight;
	}
	for (uint32_t i = 0; i < N; i++) {
		bool shown = false;
		for (uint32_t k = 0; k < g.box_n; k++)
			shown |= g.boxes[k].node == i;
		most = !shown && nodes[i].weight > most ? nodes[i].weight : most;
	}
	assert_true(kept && least >= most);
	assert_int_equal(g.grouped_n, N - (GRAPH_SHOWN_MAX - GRAPH_SHOWN_MAX / 4));
	graph_done(&g);
}

static void test_refused(void **state)
{
	(void)state;
	struct graph g;
	nodes[0] = nodes[1] = (struct graph_node){.row = 3};
	edges[0] = (struct graph_edge){.from = 0, .to = 2};
	assert_int_equal(graph_layout(nodes, 2, edges, 0, 10, &g), -ERR_RANGE);
	nodes[1].row = GRAPH_ROWS_MAX;
	assert_int_equal(graph_layout(nodes, 2, edges, 0, 10, &g), -ERR_RANGE);
	nodes[1].row = 4;
	assert_int_equal(graph_layout(nodes, 2, edges, 1, 10, &g), -ERR_RANGE);
	assert_int_equal(graph_layout(nodes, 0, edges, 0, 10, &g), -ERR_RANGE);
	assert_int_equal(graph_layout(nodes, 2, edges, 0, 1, &g), -ERR_RANGE);
	assert_int_equal(graph_layout(nodes, 2, edges, 0, GRAPH_SHOWN_MAX + 1, &g), -ERR_RANGE);
	assert_null(g.boxes);
}

/* 300 nodes in under 5 ms; four times that here, for slow and busy machines and for sanitizers. */
static void test_quick(void **state)
{
	(void)state;
	struct prng r;
	int64_t best = INT64_MAX;
	prng_init(&r, 8);
	random_graph(&r, GRAPH_SHOWN_MAX, 600, 12);
	for (int i = 0; i < 20; i++) {
		struct graph g;
		int64_t start = time_mono_ns();
		assert_int_equal(
			graph_layout(nodes, GRAPH_SHOWN_MAX, edges, 600, GRAPH_SHOWN_MAX, &g), 0);
		int64_t took = time_mono_ns() - start;
		best = took < best ? took : best;
		graph_done(&g);
	}
	print_message("# 300 nodes, 600 edges: %lld us\n", (long long)best / 1000);
	assert_true(best < 20000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	cmocka_unit_test(test_stable),
		cmocka_unit_test(test_shape),	cmocka_unit_test(test_grouped),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_quick),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
