/* SPDX-License-Identifier: Apache-2.0
 * Asking a file of entities. An address's entity is found along its links; members are those of committed entities, of which
 * the overlay joins several.
 *
 * Invariants, on damaged files too: a root or link above the id it belongs to is not followed, so every walk ends; no id
 * at or above the count is used. */
#include "ledger/entity-int.h"

struct entities {
	const struct ledger *l;
	struct entity_file f;
	struct entity_built info;
	uint32_t set, committed;
};

int entities_open(const char *dir, const struct ledger *l, uint32_t set, struct entities **ret_x,
		  struct err *e)
{
	char name[ENTITY_NAME_MAX], text[HEURISTIC_SET_TEXT_MAX];
	struct entities *x = calloc(1, sizeof(*x));

	if (!x)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	x->l = l;
	x->set = set;
	entity_file_name(l, set, name);
	int r = entity_file_map(dir, name, l, set, &x->f, e);
	if (r == 0 && x->f.a.address_n != l->v.counts.address_n)
		r = err_set(e, ERR_CORRUPT, "entities", "%s: not of this ledger", name);
	if (r == -ERR_NOENT)
		(void)err_set(e, ERR_NOENT, "entities",
			      "%s: no entities (heuristics: %s) for block %u; make them: "
			      "lug ledger cluster --heuristics %s",
			      dir, heuristic_set_text(set, text), l->info.height, text);
	if (r < 0) {
		entities_close(x);
		return r;
	}
	entity_file_info(&x->f, &x->info);
	x->info.tx_n = l->v.counts.tx_n;
	x->committed = x->info.committed_height;
	*ret_x = x;
	return 0;
}

struct entities *entities_close(struct entities *x)
{
	if (x)
		entity_file_done(&x->f);
	free(x);
	return NULL;
}

const struct entity_built *entities_info(const struct entities *x)
{
	return &x->info;
}

const struct ledger *entities_ledger(const struct entities *x)
{
	return x->l;
}

uint32_t entities_set(const struct entities *x)
{
	return x->set;
}

static uint32_t root_of(const struct entities *x, uint32_t a)
{
	uint32_t r = x->f.a.root[a];

	return r <= a ? r : a;
}

/* The next link at or below a height; 0 none. */
static uint32_t link_of(const struct entities *x, uint32_t a, uint32_t height)
{
	uint32_t to = x->f.a.link[a];

	return to < a && x->f.a.height[a] <= height ? to : 0;
}

uint32_t entity_of(const struct entities *x, uint32_t address, uint32_t height)
{
	uint32_t a = address, to;

	if (a >= x->f.a.address_n)
		return 0;
	if (height >= x->committed)
		a = root_of(x, a);
	while (a && (to = link_of(x, a, height)) != 0)
		a = to;
	return a;
}

/* The committed members of a committed entity. */
struct part {
	const uint32_t *ids;
	uint32_t n, at;
};

static bool part_of(const struct entities *x, uint32_t root, struct part *p)
{
	const struct entity_arrays *a = &x->f.a;
	uint32_t from = a->start[root], to = a->start[root + 1];

	if (from > to || to >= a->address_n)
		return false;
	*p = (struct part){.ids = a->member + from, .n = to - from};
	return true;
}

/* Rows of the overlay that belong to an entity of the tip. */
static void overlay_range(const struct entities *x, uint32_t entity, uint64_t *ret_from,
			  uint64_t *ret_to)
{
	const struct entity_arrays *a = &x->f.a;
	uint64_t low = 0, high = a->overlay_n;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (entity_of(x, a->overlay[mid], ENTITY_TIP) < entity)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_from = low;
	while (low < a->overlay_n && entity_of(x, a->overlay[low], ENTITY_TIP) == entity)
		low++;
	*ret_to = low;
}

/* The parts that an entity is made of as of a height; below the committed one they hold others too. */
struct parts {
	struct part *p;
	size_t n;
};

static int parts_of(const struct entities *x, uint32_t entity, uint32_t height, struct parts *ret)
{
	uint64_t from = 0, to = 0;
	size_t n = 0;

	if (entity_of(x, entity, height) != entity || !entity)
		return -ERR_RANGE;
	if (height > x->committed)
		overlay_range(x, entity_of(x, entity, ENTITY_TIP), &from, &to);
	struct part *p = calloc(to - from + 1, sizeof(*p));
	if (!p)
		return -ERR_NOMEM;
	bool good = part_of(x, root_of(x, entity), &p[n++]);
	for (uint64_t i = from; good && i < to; i++) {
		uint32_t root = x->f.a.overlay[i];

		if (root != entity && root < x->f.a.address_n &&
		    entity_of(x, root, height) == entity)
			good = part_of(x, root, &p[n++]);
	}
	if (!good) {
		free(p);
		return -ERR_CORRUPT;
	}
	*ret = (struct parts){p, n};
	return 0;
}

/* Put a part's cursor behind an address. */
static void part_seek(struct part *p, uint32_t after)
{
	uint32_t low = 0, high = p->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->ids[mid] <= after)
			low = mid + 1;
		else
			high = mid;
	}
	p->at = low;
}

static uint32_t part_id(const struct part *p)
{
	return p->ids[p->at];
}

/* The parts as a heap by the id at their cursor; those at their end have left it. */
static void heap_down(struct parts *ps, size_t i)
{
	for (size_t k; (k = 2 * i + 1) < ps->n; i = k) {
		k += k + 1 < ps->n && part_id(&ps->p[k + 1]) < part_id(&ps->p[k]);
		if (part_id(&ps->p[i]) <= part_id(&ps->p[k]))
			return;
		struct part tmp = ps->p[i];
		ps->p[i] = ps->p[k];
		ps->p[k] = tmp;
	}
}

static void heap_make(struct parts *ps, uint32_t after)
{
	size_t n = 0;

	for (size_t i = 0; i < ps->n; i++) {
		part_seek(&ps->p[i], after);
		if (ps->p[i].at < ps->p[i].n)
			ps->p[n++] = ps->p[i];
	}
	ps->n = n;
	for (size_t i = n / 2; i-- > 0;)
		heap_down(ps, i);
}

/* Smallest id at any cursor, and one step on; 0 at the end. */
static uint32_t parts_next(struct parts *ps)
{
	if (ps->n == 0)
		return 0;
	uint32_t id = part_id(&ps->p[0]);
	if (++ps->p[0].at == ps->p[0].n)
		ps->p[0] = ps->p[--ps->n];
	heap_down(ps, 0);
	return id;
}

uint64_t entity_size(const struct entities *x, uint32_t entity, uint32_t height)
{
	struct parts ps;
	uint64_t n = 0;

	if (parts_of(x, entity, height, &ps) < 0)
		return 0;
	for (size_t i = 0; i < ps.n; i++) {
		if (height >= x->committed) {
			n += ps.p[i].n;
			continue;
		}
		for (uint32_t k = 0; k < ps.p[i].n; k++)
			n += entity_of(x, ps.p[i].ids[k], height) == entity;
	}
	free(ps.p);
	return n;
}

int64_t entity_members(const struct entities *x, uint32_t entity, uint32_t height, uint32_t after,
		       uint32_t *ids, size_t max)
{
	struct parts ps;
	size_t n = 0;
	int r = parts_of(x, entity, height, &ps);

	if (r < 0)
		return r;
	heap_make(&ps, after);
	for (uint32_t id; n < max && (id = parts_next(&ps)) != 0;)
		if (entity_of(x, id, height) == entity)
			ids[n++] = id;
	free(ps.p);
	return (int64_t)n;
}

int entity_each(const struct entities *x, uint32_t entity, uint32_t height,
		int (*fn)(void *ctx, uint32_t address), void *ctx)
{
	struct parts ps;
	int r = parts_of(x, entity, height, &ps);

	if (r < 0)
		return r;
	/* From the committed height on, parts hold nobody else. */
	bool whole = height >= x->committed;
	for (size_t i = 0; r >= 0 && i < ps.n; i++)
		for (uint32_t k = 0; r >= 0 && k < ps.p[i].n; k++) {
			uint32_t id = ps.p[i].ids[k];

			if (whole ? id < x->f.a.address_n : entity_of(x, id, height) == entity)
				r = fn(ctx, id);
		}
	free(ps.p);
	return r < 0 ? r : 0;
}

size_t entity_links(const struct entities *x, uint32_t address, uint32_t height,
		    struct entity_link *links, size_t max)
{
	size_t n = 0;

	if (address >= x->f.a.address_n)
		return 0;
	for (uint32_t to; address && (to = link_of(x, address, height)) != 0; address = to) {
		if (n < max)
			links[n] = (struct entity_link){address, to, x->f.a.height[address]};
		n++;
	}
	return n;
}
