/* SPDX-License-Identifier: Apache-2.0
 * Coverage: what is wrong with a roster in a time, shift by shift. */
#include "duty/roster-int.h"

enum { FINDINGS_MAX = 2000, HOUR_S = 3600 };

const char *roster_finding_name(enum roster_finding_kind k)
{
	static const char *const names[ROSTER_FINDINGS] = {
		"gap",	    "single",	"no-channel", "one-channel",
		"language", "overlong", "void-swap",  "unknown-person"};
	return names[k];
}

struct findings {
	const struct roster *r;
	bool (*works)(void *ctx, const char *channel);
	void *ctx;
	struct roster_finding *list;
	size_t n;
	bool full;
};

static void add(struct findings *f, enum roster_finding_kind kind, int64_t from_s, int64_t until_s,
		const char *person)
{
	for (size_t i = f->n; i-- > 0;) {
		struct roster_finding *last = &f->list[i];
		if (last->kind == kind && last->until_s == from_s &&
		    !strcmp(last->person, person)) {
			last->until_s = until_s;
			return;
		}
	}
	if (f->n == FINDINGS_MAX) {
		f->full = true;
		return;
	}
	struct roster_finding *x = &f->list[f->n++];
	*x = (struct roster_finding){kind, from_s, until_s, ""};
	snprintf(x->person, sizeof(x->person), "%s", person);
}

/* ---- people ---- */

/* Channels of different names that work, at most two are counted. */
static size_t channels_of(const struct findings *f, const struct roster_person *p)
{
	const char *first = NULL;
	for (size_t i = 0; i < p->channels_n; i++) {
		const char *name = p->channels[i].channel;
		if (f->works && !f->works(f->ctx, name))
			continue;
		if (first && strcmp(first, name) != 0)
			return 2;
		first = name;
	}
	return first != NULL;
}

static bool speaks(const struct roster *r, const char *officer, const char *language)
{
	const struct roster_person *p = roster_person(r, officer);
	for (size_t i = 0; p && i < p->languages.n; i++)
		if (!strcmp(p->languages.list[i], language))
			return true;
	return false;
}

static void check_person(struct findings *f, const struct roster_shift *s, const char *officer)
{
	const struct roster_person *p = roster_person(f->r, officer);
	if (!p || !p->active) {
		add(f, ROSTER_F_UNKNOWN_PERSON, s->from_s, s->until_s, officer);
		return;
	}
	size_t n = channels_of(f, p);
	if (n == 0)
		add(f, ROSTER_F_NO_CHANNEL, s->from_s, s->until_s, officer);
	else if (n == 1)
		add(f, ROSTER_F_ONE_CHANNEL, s->from_s, s->until_s, officer);
}

/* ---- shifts ---- */

static bool alone(const struct roster *r, const struct roster_on *on)
{
	return on->people_n == 1 &&
	       (!r->seat.fallback[0] || !strcmp(r->seat.fallback, on->people[0]));
}

static void check_languages(struct findings *f, const struct roster_shift *s)
{
	const struct roster_languages *l = &f->r->seat.languages;
	for (size_t i = 0; i < l->n; i++) {
		bool spoken = false;
		for (size_t k = 0; k < s->on.people_n; k++)
			spoken |= speaks(f->r, s->on.people[k], l->list[i]);
		if (!spoken)
			add(f, ROSTER_F_LANGUAGE, s->from_s, s->until_s, l->list[i]);
	}
}

static void check_shift(struct findings *f, const struct roster_shift *s)
{
	if (!s->on.people_n) {
		add(f, ROSTER_F_GAP, s->from_s, s->until_s, "");
		return;
	}
	if (alone(f->r, &s->on))
		add(f, ROSTER_F_SINGLE, s->from_s, s->until_s, s->on.people[0]);
	for (size_t i = 0; i < s->on.people_n; i++)
		check_person(f, s, s->on.people[i]);
	check_languages(f, s);
}

static bool is_on(const struct roster_shift *s, const char *officer)
{
	for (size_t i = 0; i < s->on.people_n; i++)
		if (!strcmp(s->on.people[i], officer))
			return true;
	return false;
}

/* One person for too long: looked at from each shift in which a stretch of that person begins. */
static void check_length(struct findings *f, const struct roster_shift *list, size_t n, size_t i)
{
	for (size_t k = 0; k < list[i].on.people_n; k++) {
		const char *officer = list[i].on.people[k];
		size_t last = i;
		if (i && is_on(&list[i - 1], officer))
			continue;
		while (last + 1 < n && is_on(&list[last + 1], officer))
			last++;
		if (list[last].until_s - list[i].from_s > f->r->seat.max_hours * HOUR_S)
			add(f, ROSTER_F_OVERLONG, list[i].from_s, list[last].until_s, officer);
	}
}

/* ---- swaps ---- */

static const struct roster_layer *layer_named(const struct roster *r, const char *name)
{
	for (size_t i = 0; i < r->seat.layers.n; i++)
		if (!strcmp(r->seat.layers.list[i].name, name))
			return &r->seat.layers.list[i];
	return NULL;
}

static void check_swap(struct findings *f, const struct roster_change *c, int64_t from_s,
		       int64_t until_s)
{
	const struct roster_layer *l = layer_named(f->r, c->layer);
	if (l && !strcmp(l->people[c->shift % (int64_t)l->people_n], c->person))
		return;
	int64_t at = l ? roster_layer_moment(l, f->r->zone, c->shift) : from_s;
	int64_t end = l ? roster_layer_moment(l, f->r->zone, c->shift + 1) : until_s;
	if (at < until_s && end > from_s)
		add(f, ROSTER_F_VOID_SWAP, at, end, c->person);
}

int roster_coverage(const struct roster *r, int64_t from_s, int64_t until_s,
		    bool (*works)(void *ctx, const char *channel), void *ctx,
		    struct roster_finding **ret_list, size_t *ret_n, struct err *e)
{
	_cleanup_(freep) struct roster_shift *shifts = NULL;
	_cleanup_(freep) struct roster_finding *list = calloc(FINDINGS_MAX, sizeof(*list));
	struct findings f = {.r = r, .works = works, .ctx = ctx, .list = list};
	size_t n = 0;
	if (!list)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int result = roster_shifts(r, from_s, until_s, &shifts, &n, e);
	if (result < 0)
		return result;
	for (size_t i = 0; i < n; i++) {
		check_shift(&f, &shifts[i]);
		if (r->seat.max_hours)
			check_length(&f, shifts, n, i);
	}
	for (size_t i = 0; i < r->changes_n; i++)
		if (r->changes[i].kind == ROSTER_SWAP)
			check_swap(&f, &r->changes[i], from_s, until_s);
	if (f.full)
		return err_set(e, ERR_OVERSIZE, "seat", "More than %d findings.", FINDINGS_MAX);
	*ret_n = f.n;
	*ret_list = TAKE_PTR(list);
	return 0;
}
