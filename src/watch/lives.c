/* SPDX-License-Identifier: Apache-2.0
 * Live taint in memory: a table of chains by output. Places are 1 and up, so that 0 ends a chain. */
#include "watch/watch-int.h"
#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 256 };

static uint32_t head_of(const struct lives *l, uint64_t key)
{
	return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (l->head_n - 1);
}

static void relink(struct lives *l)
{
	for (uint32_t i = 1; i < l->n; i++) {
		struct live *x = &l->p[i];
		uint32_t h = head_of(l, x->key);

		if (x->row == 0)
			continue; /* freed */
		x->next = l->heads[h];
		l->heads[h] = i;
	}
}

static int lives_grow(struct lives *l)
{
	uint32_t cap = l->cap ? l->cap * 2 : CAP_FIRST;
	uint32_t *heads = calloc(cap, sizeof(*heads));
	struct live *p = realloc(l->p, (size_t)cap * sizeof(*p));

	if (p)
		l->p = p;
	if (!p || !heads) {
		free(heads);
		return -ERR_NOMEM;
	}
	free(l->heads);
	l->heads = heads;
	l->cap = l->head_n = cap;
	l->n = l->n ? l->n : 1;
	relink(l);
	return 0;
}

int lives_add(struct lives *l, const struct live *x)
{
	uint32_t at, h;
	int r = l->free_head == 0 && l->n >= l->cap ? lives_grow(l) : 0;

	if (r < 0)
		return r;
	at = l->free_head ? l->free_head : l->n++;
	if (l->free_head)
		l->free_head = l->p[at].next;
	h = head_of(l, x->key);
	l->p[at] = *x;
	l->p[at].next = l->heads[h];
	l->heads[h] = at;
	l->used++;
	return 0;
}

static struct live *from(const struct lives *l, uint32_t at, uint64_t key)
{
	while (at && l->p[at].key != key)
		at = l->p[at].next;
	return at ? &l->p[at] : NULL;
}

struct live *lives_first(const struct lives *l, uint64_t key)
{
	return l->used ? from(l, l->heads[head_of(l, key)], key) : NULL;
}

struct live *lives_next(const struct lives *l, const struct live *x)
{
	return from(l, x->next, x->key);
}

void lives_remove(struct lives *l, uint64_t key, int64_t row)
{
	uint32_t *link, at;

	if (!l->used)
		return;
	for (link = &l->heads[head_of(l, key)]; *link; link = &l->p[*link].next) {
		if (l->p[*link].row != row)
			continue;
		at = *link;
		*link = l->p[at].next;
		l->p[at] = (struct live){.next = l->free_head};
		l->free_head = at;
		l->used--;
		return;
	}
}

void lives_clear(struct lives *l)
{
	if (l->heads)
		memset(l->heads, 0, l->head_n * sizeof(*l->heads));
	l->n = l->cap ? 1 : 0;
	l->free_head = l->used = 0;
}

void lives_done(struct lives *l)
{
	free(l->p);
	free(l->heads);
	*l = (struct lives){0};
}
