/* SPDX-License-Identifier: Apache-2.0
 * A trace as a graph, and its layout.
 *
 * Nodes are: addresses of seeds (column 0), transactions that were followed, and for each address and reason what ended there.
 * Each reached output is an edge with its exact tainted amount, from where it came to where it went: the transaction that
 * its parent flowed into is the one that made it. Columns are hops. Fees and what came to other seeds are not drawn.
 *
 * The same layout at the level of relations: nodes are parties (entities where there are some, else addresses), an edge is what went from
 * one to another, and what a party pays itself is no edge. Of a transaction with several payers the money is the one's through whom it
 * was reached; with entities they are one party, but for CoinJoins. */
#include "base/text.h"
#include "base/time.h"
#include "chain/hash.h"
#include "graph/graph.h"
#include "ledger/entity.h"
#include "ledger/ledger.h"
#include "report/trace-int.h"
#include <inttypes.h>
#include <string.h>

/* What a node stands for; equal keys are one node. */
struct key {
	uint64_t id; /* txnum; address */
	uint8_t kind, end;
};
enum { KIND_SEED, KIND_TX, KIND_END, KIND_PARTY };
enum { EDGE_OUTPUTS_MAX = 5 /* that an edge names */ };

struct entry { /* where an output comes from (which 0) or goes to (1), until keys have become nodes */
	struct key key;
	uint32_t reached;
	uint8_t which;
};

static int key_cmp(const struct key *a, const struct key *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = key_cmp(&x->key, &y->key);
	if (c)
		return c;
	return x->reached < y->reached ? -1 : x->reached > y->reached;
}

struct build {
	const struct trace_report *t;
	struct entry *entries;
	uint32_t entry_n;
	struct graph_node *nodes;
	struct key *keys; /* of the nodes */
	uint32_t *named;  /* a labelled address of each party; 0 none */
	uint32_t *of;	  /* reached output of each edge */
	bool relations;
	uint32_t node_n;
	struct graph_edge *edges;
	uint32_t edge_n;
};

static void build_done(struct build *b)
{
	free(b->entries);
	free(b->nodes);
	free(b->keys);
	free(b->edges);
	free(b->named);
	free(b->of);
}

static uint32_t address_of(const struct trace_report *t, uint32_t i)
{
	uint64_t o = t->trace->reached[i].output;
	return o & TRACE_FEE ? 0 : ledger_out_address(t->ledger, o);
}

/* The transaction that an output flows into. */
static uint32_t flows_into(const struct trace_report *t, uint32_t i)
{
	uint64_t o = t->trace->reached[i].output;
	struct ledger_block b;
	if (t->params->back)
		return o & TRACE_FEE ? (uint32_t)o : ledger_out_tx(t->ledger, o);
	if (!(o & TRACE_FEE))
		return ledger_out_spender(t->ledger, o);
	return ledger_block_at(t->ledger, ledger_tx_height(t->ledger, (uint32_t)o), &b) == 0
		       ? b.first_tx
		       : 0;
}

static struct key party_key(const struct trace_report *t, uint32_t i)
{
	uint32_t address = address_of(t, i);
	uint32_t entity = t->entities ? entity_of(t->entities, address, ENTITY_TIP) : 0;
	return (struct key){.kind = KIND_PARTY, .id = entity ? entity : address};
}

static struct key goes_to(const struct build *b, uint32_t i)
{
	const struct trace_report *t = b->t;
	if (b->relations)
		return party_key(t, i);
	const struct trace_reached *r = &t->trace->reached[i];
	if (r->end == TRACE_FLOWS)
		return (struct key){.kind = KIND_TX, .id = flows_into(t, i)};
	return (struct key){.kind = KIND_END, .id = address_of(t, i), .end = r->end};
}

static struct key comes_from(const struct build *b, uint32_t i)
{
	const struct trace_reached *r = &b->t->trace->reached[i];
	if (r->parent != TRACE_NONE)
		return goes_to(b, r->parent);
	return b->relations ? party_key(b->t, i)
			    : (struct key){.kind = KIND_SEED, .id = address_of(b->t, i)};
}

static int entries_make(struct build *b)
{
	const struct trace *t = b->t->trace;
	b->entries = malloc(((size_t)t->reached_n * 2 + 1) * sizeof(*b->entries));
	b->edges = malloc(((size_t)t->reached_n + 1) * sizeof(*b->edges));
	b->of = malloc(((size_t)t->reached_n + 1) * sizeof(*b->of));
	if (!b->entries || !b->edges || !b->of)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < t->reached_n; i++) {
		b->entries[b->entry_n++] =
			(struct entry){.key = comes_from(b, i), .reached = i, .which = 0};
		b->entries[b->entry_n++] =
			(struct entry){.key = goes_to(b, i), .reached = i, .which = 1};
		b->of[b->edge_n] = i;
		b->edges[b->edge_n++] = (struct graph_edge){.weight = t->reached[i].amount};
	}
	qsort(b->entries, b->entry_n, sizeof(*b->entries), entry_cmp);
	return 0;
}

static bool is_kept(const struct trace_report *t, const struct key *k)
{
	struct label one;
	if (k->kind == KIND_SEED)
		return true;
	return k->kind == KIND_END && labels_n(t->labels) &&
	       labels_of(t->ledger, t->labels, (uint32_t)k->id, &one, 1) > 0;
}

static uint32_t column_of(const struct build *b, const struct entry *e,
			  const struct trace_reached *r)
{
	if (r->parent == TRACE_NONE)
		return e->which && !b->relations;
	if (b->relations)
		return e->which ? r->hops : b->t->trace->reached[r->parent].hops;
	return e->which ? r->hops + 1 : r->hops;
}

/* What one entry adds to its node: an arriving output counts, and a seed for what it brings in, once. */
static void node_add(const struct build *b, struct graph_node *n, const struct entry *e)
{
	const struct trace_reached *r = &b->t->trace->reached[e->reached];
	bool seed = r->parent == TRACE_NONE;
	uint32_t column = column_of(b, e, r);
	n->column = column < n->column ? column : n->column;
	n->keep |= seed && b->relations;
	if (!e->which && (!seed || b->relations))
		return;
	if (__builtin_add_overflow(n->weight, r->amount, &n->weight))
		n->weight = UINT64_MAX;
}

/* A party is known by the first of its reached addresses that has a label. */
static void name_party(struct build *b, uint32_t node, uint32_t address)
{
	struct label one;
	if (b->named[node] || !labels_n(b->t->labels) ||
	    !labels_of(b->t->ledger, b->t->labels, address, &one, 1))
		return;
	b->named[node] = address;
	b->nodes[node].keep = true;
}

/* Without what a party pays itself. */
static void edges_between(struct build *b)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < b->edge_n; i++) {
		if (b->edges[i].from == b->edges[i].to)
			continue;
		b->edges[k] = b->edges[i];
		b->of[k++] = b->of[i];
	}
	b->edge_n = k;
}

static int nodes_make(struct build *b)
{
	b->nodes = malloc(((size_t)b->entry_n + 1) * sizeof(*b->nodes));
	b->keys = malloc(((size_t)b->entry_n + 1) * sizeof(*b->keys));
	b->named = calloc((size_t)b->entry_n + 1, sizeof(*b->named));
	if (!b->nodes || !b->keys || !b->named)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < b->entry_n; i++) {
		const struct entry *e = &b->entries[i];
		if (!i || key_cmp(&e->key, &b->entries[i - 1].key) != 0) {
			b->keys[b->node_n] = e->key;
			b->nodes[b->node_n++] = (struct graph_node){.column = UINT32_MAX,
								    .row = GRAPH_NONE,
								    .keep = is_kept(b->t, &e->key)};
		}
		uint32_t node = b->node_n - 1;
		node_add(b, &b->nodes[node], e);
		if (b->relations && e->which)
			name_party(b, node, address_of(b->t, e->reached));
		if (e->which)
			b->edges[e->reached].to = node;
		else
			b->edges[e->reached].from = node;
	}
	if (b->relations)
		edges_between(b);
	return 0;
}

/* ---- as JSON ---- */

static json_t *json_tx_node(const struct trace_report *t, uint32_t txnum, json_t *j)
{
	struct ledger_tx tx;
	char text[HASH_TEXT_MAX], when[TIME_TEXT_MAX];
	if (ledger_tx_get(t->ledger, txnum, &tx) < 0)
		return NULL;
	return json_object_set_new(j, "text", json_string(hash_text(tx.txid32, text))) |
			       json_object_set_new(j, "note",
						   json_string(time_utc(tx.time_s, when)))
		       ? NULL
		       : j;
}

static json_t *json_address_node(const struct trace_report *t, uint32_t address, json_t *j)
{
	json_t *labels = json_labels(t->ledger, t->labels, address),
	       *label = json_object_get(json_array_get(labels, 0), "label"),
	       *text = json_address(t->ledger, address);
	if (json_is_null(text))
		text = json_string("no address");
	int r = json_object_set_new(j, "text", text) |
		json_object_set(j, "note", label ? label : json_null());
	json_decref(labels);
	return r ? NULL : j;
}

/* A party: its lowest address, how many it has, and what is said about it. */
static json_t *json_party_node(const struct build *b, uint32_t node, json_t *j)
{
	uint32_t id = (uint32_t)b->keys[node].id;
	json_t *ok = json_address_node(b->t, id, j);
	json_t *labels = json_labels(b->t->ledger, b->t->labels, b->named[node]);
	json_t *label = json_object_get(json_array_get(labels, 0), "label");
	uint64_t size = b->t->entities && id ? entity_size(b->t->entities, id, ENTITY_TIP) : 1;
	if (ok && ((label && json_object_set(j, "note", label)) ||
		   json_object_set_new(j, "addresses", json_integer((json_int_t)size))))
		ok = NULL;
	json_decref(labels);
	return ok;
}

static const char *kind_of(const struct build *b, const struct graph_box *box)
{
	static const char *const kinds[] = {[KIND_SEED] = "seed",
					    [KIND_TX] = "transaction",
					    [KIND_END] = "end",
					    [KIND_PARTY] = "party"};
	if (box->node == GRAPH_NONE)
		return "group";
	const struct key *k = &b->keys[box->node];
	return k->kind == KIND_PARTY && b->nodes[box->node].column == 0 ? kinds[KIND_SEED]
									: kinds[k->kind];
}

static json_t *json_box(const struct build *b, const struct graph_box *box)
{
	json_t *j = json_pack("{s:s, s:I, s:o, s:i, s:i, s:i, s:i, s:I, s:I}", "kind",
			      kind_of(b, box), "count", (json_int_t)box->count, "amount",
			      json_u64(box->weight), "x", (int)box->x, "y", (int)box->y, "width",
			      GRAPH_BOX_W, "height", GRAPH_BOX_H, "column", (json_int_t)box->column,
			      "row", (json_int_t)box->row);
	if (!j || box->node == GRAPH_NONE)
		return j;
	const struct key *k = &b->keys[box->node];
	json_t *ok = k->kind == KIND_TX	     ? json_tx_node(b->t, (uint32_t)k->id, j)
		     : k->kind == KIND_PARTY ? json_party_node(b, box->node, j)
					     : json_address_node(b->t, (uint32_t)k->id, j);
	if (ok && k->kind == KIND_END &&
	    json_object_set_new(j, "end", json_string(trace_end_name((enum trace_end)k->end))))
		ok = NULL;
	if (!ok)
		json_decref(j);
	return ok;
}

/* ---- edges ---- */

/* Which line an edge is drawn as, where both of its ends are shown. */
struct lines {
	const struct graph *g;
	uint32_t *box_of;  /* [node_n]: GRAPH_NONE for one in a group */
	uint32_t *line_of; /* [box_n][box_n]: number + 1 */
	json_t **outputs;  /* [line_n]: what it stands for; borrowed */
};

static void lines_done(struct lines *x)
{
	free(x->box_of);
	free(x->line_of);
	free(x->outputs);
}

static int lines_init(struct lines *x, const struct build *b, const struct graph *g)
{
	x->g = g;
	x->box_of = malloc(((size_t)b->node_n + 1) * sizeof(*x->box_of));
	x->line_of = calloc((size_t)g->box_n * g->box_n + 1, sizeof(*x->line_of));
	x->outputs = calloc((size_t)g->line_n + 1, sizeof(*x->outputs));
	if (!x->box_of || !x->line_of || !x->outputs)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < b->node_n; i++)
		x->box_of[i] = GRAPH_NONE;
	for (uint32_t i = 0; i < g->box_n; i++)
		if (g->boxes[i].node != GRAPH_NONE)
			x->box_of[g->boxes[i].node] = i;
	for (uint32_t i = 0; i < g->line_n; i++)
		x->line_of[(size_t)g->lines[i].from * g->box_n + g->lines[i].to] = i + 1;
	return 0;
}

static json_t *json_edge_output(const struct trace_report *t, uint32_t i)
{
	const struct trace_reached *r = &t->trace->reached[i];
	return json_pack("{s:I, s:o, s:o, s:o}", "index", (json_int_t)i, "output",
			 json_outpoint(t->ledger, r->output), "tainted", json_u64(r->amount),
			 "from",
			 r->parent == TRACE_NONE
				 ? json_null()
				 : json_outpoint(t->ledger, t->trace->reached[r->parent].output));
}

/* The first outputs that each line stands for. */
static int lines_fill(struct lines *x, const struct build *b)
{
	for (uint32_t i = 0; i < b->edge_n; i++) {
		uint32_t from = x->box_of[b->edges[i].from], to = x->box_of[b->edges[i].to];
		if (from == GRAPH_NONE || to == GRAPH_NONE)
			continue;
		uint32_t line = x->line_of[(size_t)from * x->g->box_n + to];
		json_t *list = line ? x->outputs[line - 1] : NULL;
		if (list && json_array_size(list) < EDGE_OUTPUTS_MAX &&
		    json_array_append_new(list, json_edge_output(b->t, b->of[i])))
			return -ERR_CORRUPT;
	}
	return 0;
}

static json_t *json_line(const struct graph_line *l, const json_t *nodes, json_t *outputs)
{
	const json_t *from = json_object_get(json_array_get(nodes, l->from), "text");
	const json_t *to = json_object_get(json_array_get(nodes, l->to), "text");
	json_t *curve = json_array();
	for (int i = 0; i < 8; i++)
		json_array_append_new(curve, json_integer(l->curve[i]));
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:O?, s:O?, s:o}", "from", (json_int_t)l->from,
			 "to", (json_int_t)l->to, "count", (json_int_t)l->count, "amount",
			 json_u64(l->weight), "curve", curve, "from_text", from, "to_text", to,
			 "outputs", outputs);
}

static int graph_add(const struct build *b, const struct graph *g, const char *key, json_t *j)
{
	_cleanup_(lines_done) struct lines x = {0};
	json_t *nodes = json_array(), *edges = json_array();
	json_t *o = json_pack("{s:i, s:i, s:I, s:o, s:o}", "width", (int)g->width, "height",
			      (int)g->height, "grouped", (json_int_t)g->grouped_n, "nodes", nodes,
			      "edges", edges);
	if (json_object_set_new(j, key, o) || lines_init(&x, b, g) < 0)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < g->box_n; i++)
		if (json_array_append_new(nodes, json_box(b, &g->boxes[i])))
			return -ERR_CORRUPT;
	for (uint32_t i = 0; i < g->line_n; i++) {
		x.outputs[i] = json_array();
		if (json_array_append_new(edges, json_line(&g->lines[i], nodes, x.outputs[i])))
			return -ERR_NOMEM;
	}
	return lines_fill(&x, b);
}

static int level_add(const struct trace_report *t, bool relations, json_t *j)
{
	const char *key = relations ? "relations" : "graph";
	_cleanup_(build_done) struct build b = {.t = t, .relations = relations};
	_cleanup_(graph_done) struct graph g = {0};
	int r = entries_make(&b);
	if (r == 0)
		r = nodes_make(&b);
	if (r == 0)
		r = graph_layout(b.nodes, b.node_n, b.edges, b.edge_n, t->boxes, &g);
	/* A trace with more nodes than can be laid out has no picture. */
	if (r == -ERR_RANGE)
		return json_object_set_new(j, key, json_null()) ? -ERR_NOMEM : 0;
	return r < 0 ? r : graph_add(&b, &g, key, j);
}

int trace_graph_add(const struct trace_report *t, json_t *j)
{
	int r = level_add(t, false, j);
	return r < 0 ? r : level_add(t, true, j);
}
