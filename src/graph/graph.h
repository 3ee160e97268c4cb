/* SPDX-License-Identifier: Apache-2.0
 * Layout of a flow: nodes in columns, edges between them, so that every picture of a trace (page, report, a partner's copy) is
 * the same. Pure: numbers in, numbers out; no text, no drawing.
 *
 * Columns are the caller's (hops, or days). What exceeds the limit is grouped with counts, by column. Rows come from barycentre
 * sweeps, and a node that has a row keeps it: when nodes are added to a picture, those in it never move. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRAPH_NONE UINT32_MAX
enum {
	GRAPH_SHOWN_MAX = 300,	   /* nodes of a picture, groups among them */
	GRAPH_NODES_MAX = 5000000, /* nodes that it may be made of */
	GRAPH_EDGES_MAX = 20000000,
	GRAPH_ROWS_MAX = 100000, /* a fixed row is below */
	/* Sizes of a picture, in its own units (pixels at 100 %). */
	GRAPH_COLUMN = 232,
	GRAPH_ROW = 52,
	GRAPH_BOX_W = 168,
	GRAPH_BOX_H = 40,
	GRAPH_MARGIN = 16,
};

struct graph_node {
	uint32_t column;
	uint32_t row;	 /* fixed, or GRAPH_NONE; the layout gives every shown one its row */
	uint64_t weight; /* those with more are shown first */
	bool keep;	 /* shown before all that are not */
};
struct graph_edge {
	uint32_t from, to; /* nodes */
	uint64_t weight;
};

/* A picture: shown nodes first, in the order in which they were given, then groups. */
struct graph_box {
	uint32_t node;	/* index of the node; GRAPH_NONE for a group */
	uint32_t count; /* nodes in the group; 1 for a node */
	uint32_t column, row;
	uint64_t weight; /* of the group together */
	int32_t x, y;	 /* upper left corner */
};
struct graph_line {
	uint32_t from, to; /* boxes */
	uint32_t count;	   /* edges drawn as one */
	uint64_t weight;   /* together */
	int32_t curve[8];  /* x and y of a cubic Bezier curve: start, two control points, end */
};
struct graph {
	struct graph_box *boxes;
	struct graph_line *lines;
	uint32_t box_n, line_n, grouped_n; /* grouped_n: nodes that are not shown by themselves */
	uint32_t column_n, row_n;
	int32_t width, height;
};

/** graph_layout - choose, group and place
 * In:      nodes    [n]; edges [edge_n], borrowed. Edges between nodes of one group are left out
 *          max      boxes, 2 to GRAPH_SHOWN_MAX
 * Out:     ret_g    release with graph_done(); zeroed on failure. Columns without a shown node are closed up
 * Returns: 0; -ERR_RANGE n, edge_n or max; an edge's end that is no node; a fixed row of GRAPH_ROWS_MAX or more; two fixed nodes on one place; -ERR_NOMEM. Sums of
 *          weights stay at UINT64_MAX when they would exceed it
 * Cost:    O(n log n) to choose, then bounded by max; 300 nodes in well under 5 ms */
int graph_layout(const struct graph_node *nodes, uint32_t n, const struct graph_edge *edges,
		 uint32_t edge_n, uint32_t max, struct graph *ret_g) WARN_UNUSED;
void graph_done(struct graph *g);
#endif
