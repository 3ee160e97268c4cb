/* SPDX-License-Identifier: Apache-2.0
 * How a picture is made: choose what is shown, group the rest by column, then place.
 *
 * Placing is Sugiyama's method with what makes pictures jump left out: columns are given, fixed rows are obstacles, and the
 * others are ordered by the weighted mean row of their neighbours, a few sweeps there and back. At the end each goes as near
 * to that mean as the order allows, which straightens long lines. */
#include "graph/graph.h"
#include <string.h>

enum { SWEEPS = 8, MIN_BOXES = 2 };

/* ---- choosing ---- */

struct choice { /* a node, by what is shown first */
	uint64_t weight;
	uint32_t node;
	bool first; /* kept, or with a fixed row */
};

static int choice_cmp(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;
	if (x->first != y->first)
		return x->first ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->node < y->node ? -1 : 1;
}

struct work {
	const struct graph_node *nodes;
	uint32_t n, max;
	uint32_t *box_of;    /* [n]: the box that shows a node */
	uint32_t *column_of; /* [column_n]: the caller's columns that are shown, ascending */
	struct graph *g;
};

static uint64_t add_sat(uint64_t a, uint64_t b)
{
	uint64_t s;
	return __builtin_add_overflow(a, b, &s) ? UINT64_MAX : s;
}

/* All, or three quarters of the boxes: the rest is for groups. */
static int choose(struct work *w)
{
	_cleanup_(freep) struct choice *c = malloc(((size_t)w->n + 1) * sizeof(*c));
	uint32_t shown = w->n <= w->max ? w->n : w->max - w->max / 4 - (w->max < 4);
	if (!c)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < w->n; i++) {
		const struct graph_node *v = &w->nodes[i];
		if (v->row >= GRAPH_ROWS_MAX && v->row != GRAPH_NONE)
			return -ERR_RANGE;
		c[i] = (struct choice){
			.weight = v->weight, .node = i, .first = v->keep || v->row != GRAPH_NONE};
		w->box_of[i] = GRAPH_NONE;
	}
	qsort(c, w->n, sizeof(*c), choice_cmp);
	for (uint32_t i = 0; i < shown; i++)
		w->box_of[c[i].node] = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		if (w->box_of[i] == GRAPH_NONE)
			continue;
		w->box_of[i] = w->g->box_n;
		w->g->boxes[w->g->box_n++] = (struct graph_box){.node = i,
								.count = 1,
								.column = w->nodes[i].column,
								.row = w->nodes[i].row,
								.weight = w->nodes[i].weight};
	}
	return 0;
}

static int u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* The shown one of the caller's columns that is nearest at or before c; the first when none is. */
static uint32_t column_at(const struct work *w, uint32_t c)
{
	uint32_t lo = 0, hi = w->g->column_n;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (w->column_of[mid] <= c)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static void close_columns(struct work *w)
{
	struct graph *g = w->g;
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->box_n; i++)
		w->column_of[i] = g->boxes[i].column;
	qsort(w->column_of, g->box_n, sizeof(*w->column_of), u32_cmp);
	for (uint32_t i = 0; i < g->box_n; i++)
		if (!i || w->column_of[i] != w->column_of[n - 1])
			w->column_of[n++] = w->column_of[i];
	g->column_n = n;
	for (uint32_t i = 0; i < g->box_n; i++)
		g->boxes[i].column = column_at(w, g->boxes[i].column);
}

/* One group for each column, or for a few neighbouring ones where there are more columns than room. */
static int group_rest(struct work *w)
{
	struct graph *g = w->g;
	uint32_t room = w->max - g->box_n, band = room ? (g->column_n + room - 1) / room : 1;
	_cleanup_(freep) uint32_t *group = malloc(((size_t)g->column_n + 1) * sizeof(*group));
	if (!group)
		return -ERR_NOMEM;
	memset(group, 0xff, (g->column_n + 1) * sizeof(*group));
	for (uint32_t i = 0; i < w->n; i++) {
		if (w->box_of[i] != GRAPH_NONE)
			continue;
		uint32_t c = column_at(w, w->nodes[i].column) / band * band;
		if (group[c] == GRAPH_NONE) {
			group[c] = g->box_n;
			g->boxes[g->box_n++] = (struct graph_box){
				.node = GRAPH_NONE, .column = c, .row = GRAPH_NONE};
		}
		struct graph_box *b = &g->boxes[group[c]];
		b->count++;
		b->weight = add_sat(b->weight, w->nodes[i].weight);
		w->box_of[i] = group[c];
		g->grouped_n++;
	}
	return 0;
}

/* ---- lines ---- */

static int line_cmp(const void *a, const void *b)
{
	const struct graph_line *x = a, *y = b;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static int join_edges(struct work *w, const struct graph_edge *edges, uint32_t n)
{
	struct graph *g = w->g;
	uint32_t k = 0;
	g->lines = malloc(((size_t)n + 1) * sizeof(*g->lines));
	if (!g->lines)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (edges[i].from >= w->n || edges[i].to >= w->n)
			return -ERR_RANGE;
		struct graph_line l = {.from = w->box_of[edges[i].from],
				       .to = w->box_of[edges[i].to],
				       .count = 1,
				       .weight = edges[i].weight};
		if (l.from != l.to || g->boxes[l.from].node != GRAPH_NONE)
			g->lines[k++] = l;
	}
	qsort(g->lines, k, sizeof(*g->lines), line_cmp);
	for (uint32_t i = 0; i < k; i++) {
		struct graph_line *last = g->line_n ? &g->lines[g->line_n - 1] : NULL;
		if (last && line_cmp(last, &g->lines[i]) == 0) {
			last->count++;
			last->weight = add_sat(last->weight, g->lines[i].weight);
		} else {
			g->lines[g->line_n++] = g->lines[i];
		}
	}
	return 0;
}

/* ---- rows ---- */

struct place { /* a box in its column, while rows are looked for */
	double mean, row;
	uint32_t box;
	bool fixed;
};
struct places {
	struct place *p; /* [box_n], by column */
	uint32_t *first; /* [column_n + 1] */
	uint32_t *at;	 /* [box_n]: index in p of a box */
	const struct graph *g;
};

static int place_cmp(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->mean < y->mean || x->mean > y->mean)
		return x->mean < y->mean ? -1 : 1;
	return x->box < y->box ? -1 : x->box > y->box;
}

/* Weighted mean row of the neighbours before (after) a column, into mean; its own row where there are none. */
static void means(struct places *q, uint32_t column, bool before)
{
	const struct graph *g = q->g;
	for (uint32_t i = q->first[column]; i < q->first[column + 1]; i++) {
		double sum = 0, weight = 0;
		struct place *p = &q->p[i];
		for (uint32_t k = 0; k < g->line_n; k++) {
			const struct graph_line *l = &g->lines[k];
			if (l->from != p->box && l->to != p->box)
				continue;
			uint32_t other = l->from == p->box ? l->to : l->from;
			uint32_t c = g->boxes[other].column;
			if (c == column || (c < column) != before)
				continue;
			/* By order of magnitude: a large amount counts more, and not alone. */
			double v = 65 - __builtin_clzll(l->weight | 1);
			sum += q->p[q->at[other]].row * v;
			weight += v;
		}
		p->mean = weight > 0 ? sum / weight : p->row;
	}
}

static bool row_taken(const struct places *q, uint32_t column, uint32_t row)
{
	for (uint32_t i = q->first[column]; i < q->first[column + 1]; i++)
		if (q->p[i].fixed && q->g->boxes[q->p[i].box].row == row)
			return true;
	return false;
}

/* Free rows of a column to its free boxes, in the order of their means, near to them but all below `rows` where that suffices. */
static void settle(struct places *q, uint32_t column, uint32_t rows)
{
	uint32_t first = q->first[column], n = q->first[column + 1] - first, left = 0, row = 0;
	qsort(q->p + first, n, sizeof(*q->p), place_cmp);
	for (uint32_t i = 0; i < n; i++) {
		q->at[q->p[first + i].box] = first + i;
		left += !q->p[first + i].fixed;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct place *p = &q->p[first + i];
		if (p->fixed)
			continue;
		uint32_t want = p->mean > row ? (uint32_t)(p->mean + 0.5) : row;
		uint32_t most = rows > left ? rows - left : 0;
		row = want < most ? want : most > row ? most : row;
		while (row_taken(q, column, row))
			row++;
		p->row = row++;
		left--;
	}
}

static uint32_t rows_needed(const struct places *q)
{
	uint32_t rows = 1;
	for (uint32_t c = 0; c < q->g->column_n; c++) {
		uint32_t n = q->first[c + 1] - q->first[c];
		rows = n > rows ? n : rows;
	}
	for (uint32_t i = 0; i < q->g->box_n; i++)
		if (q->p[i].fixed && q->p[i].row >= rows)
			rows = (uint32_t)q->p[i].row + 1;
	return rows;
}

static int fixed_check(const struct places *q)
{
	for (uint32_t i = 0; i < q->g->box_n; i++)
		for (uint32_t k = i + 1; k < q->first[q->g->boxes[q->p[i].box].column + 1]; k++)
			if (q->p[i].fixed && q->p[k].fixed &&
			    q->g->boxes[q->p[i].box].row == q->g->boxes[q->p[k].box].row)
				return -ERR_RANGE;
	return 0;
}

static void places_fill(struct places *q)
{
	const struct graph *g = q->g;
	uint32_t at = 0;
	for (uint32_t c = 0; c < g->column_n; c++) {
		q->first[c] = at;
		for (uint32_t i = 0; i < g->box_n; i++) {
			if (g->boxes[i].column != c)
				continue;
			bool fixed = g->boxes[i].row != GRAPH_NONE;
			q->at[i] = at;
			q->p[at] =
				(struct place){.box = i,
					       .fixed = fixed,
					       .row = fixed ? g->boxes[i].row : at - q->first[c]};
			at++;
		}
	}
	q->first[g->column_n] = at;
}

static int place_rows(struct graph *g)
{
	_cleanup_(freep) struct place *p = malloc(((size_t)g->box_n + 1) * sizeof(*p));
	_cleanup_(freep) uint32_t *first = malloc(((size_t)g->column_n + 1) * sizeof(*first));
	_cleanup_(freep) uint32_t *at = malloc(((size_t)g->box_n + 1) * sizeof(*at));
	struct places q = {.p = p, .first = first, .at = at, .g = g};
	if (!p || !first || !at)
		return -ERR_NOMEM;
	places_fill(&q);
	if (fixed_check(&q) < 0)
		return -ERR_RANGE;
	uint32_t rows = rows_needed(&q);
	for (int s = 0; s < SWEEPS; s++)
		for (uint32_t i = 0; i < g->column_n; i++) {
			uint32_t c = s % 2 ? g->column_n - 1 - i : i;
			means(&q, c, s % 2 == 0);
			settle(&q, c, rows);
		}
	for (uint32_t i = 0; i < g->box_n; i++) {
		g->boxes[p[i].box].row = (uint32_t)p[i].row;
		if ((uint32_t)p[i].row >= g->row_n)
			g->row_n = (uint32_t)p[i].row + 1;
	}
	return 0;
}

/* ---- coordinates ---- */

static void coordinates(struct graph *g)
{
	for (uint32_t i = 0; i < g->box_n; i++) {
		g->boxes[i].x = GRAPH_MARGIN + (int32_t)g->boxes[i].column * GRAPH_COLUMN;
		g->boxes[i].y = GRAPH_MARGIN + (int32_t)g->boxes[i].row * GRAPH_ROW;
	}
	for (uint32_t i = 0; i < g->line_n; i++) {
		const struct graph_box *a = &g->boxes[g->lines[i].from],
				       *b = &g->boxes[g->lines[i].to];
		/* Within a column, and back, the curve leaves and comes in on the right. */
		bool onward = b->column > a->column;
		int32_t x1 = a->x + GRAPH_BOX_W, x2 = onward ? b->x : b->x + GRAPH_BOX_W;
		int32_t y1 = a->y + GRAPH_BOX_H / 2, y2 = b->y + GRAPH_BOX_H / 2;
		int32_t bend = onward ? (x2 - x1) / 2 : (GRAPH_COLUMN - GRAPH_BOX_W) * 3 / 4;
		int32_t curve[8] = {x1, y1, x1 + bend, y1, onward ? x2 - bend : x2 + bend,
				    y2, x2, y2};
		memcpy(g->lines[i].curve, curve, sizeof(curve));
	}
	g->width = 2 * GRAPH_MARGIN + (int32_t)g->column_n * GRAPH_COLUMN -
		   (GRAPH_COLUMN - GRAPH_BOX_W);
	g->height = 2 * GRAPH_MARGIN + (int32_t)g->row_n * GRAPH_ROW - (GRAPH_ROW - GRAPH_BOX_H);
}

int graph_layout(const struct graph_node *nodes, uint32_t n, const struct graph_edge *edges,
		 uint32_t edge_n, uint32_t max, struct graph *ret_g)
{
	_cleanup_(graph_done) struct graph g = {0};
	_cleanup_(freep) uint32_t *box_of = malloc(((size_t)n + 1) * sizeof(*box_of));
	_cleanup_(freep) uint32_t *columns = malloc(((size_t)max + 1) * sizeof(*columns));
	struct work w = {.nodes = nodes,
			 .n = n,
			 .max = max,
			 .box_of = box_of,
			 .column_of = columns,
			 .g = &g};
	memset(ret_g, 0, sizeof(*ret_g));
	if (!n || n > GRAPH_NODES_MAX || edge_n > GRAPH_EDGES_MAX || max < MIN_BOXES ||
	    max > GRAPH_SHOWN_MAX)
		return -ERR_RANGE;
	g.boxes = malloc(max * sizeof(*g.boxes));
	if (!box_of || !columns || !g.boxes)
		return -ERR_NOMEM;
	int r = choose(&w);
	if (r < 0)
		return r;
	close_columns(&w);
	r = group_rest(&w);
	if (r == 0)
		r = join_edges(&w, edges, edge_n);
	if (r == 0)
		r = place_rows(&g);
	if (r < 0)
		return r;
	coordinates(&g);
	*ret_g = g;
	memset(&g, 0, sizeof(g));
	return 0;
}

void graph_done(struct graph *g)
{
	free(g->boxes);
	free(g->lines);
	memset(g, 0, sizeof(*g));
}
