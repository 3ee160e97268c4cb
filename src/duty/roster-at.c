/* SPDX-License-Identifier: Apache-2.0
 * Who is on at one moment, and from that the shifts of a time.
 *
 * roster_at() is the whole meaning of a roster. roster_shifts() collects every moment at which its answer could change (hand-offs,
 * edges of hours, changes and absences), asks roster_at() once between each two of them and joins what is equal. */
#include "duty/roster-int.h"
#include <string.h>

enum {
	MINUTE_S = 60,
	HOUR_S = 3600,
	DAY_S = ROSTER_DAY_S,
	DAY_MIN = 1440,
	EDGES_MAX = 4 * ROSTER_SHIFTS_MAX
};

void roster_change_done(struct roster_change *c)
{
	free(c->layers);
	c->layers = NULL;
}

void roster_done(struct roster *r)
{
	for (size_t i = 0; i < r->changes_n; i++)
		roster_change_done(&r->changes[i]);
	free(r->changes);
	free(r->absences);
	*r = (struct roster){0};
}

const struct roster_person *roster_person(const struct roster *r, const char *officer)
{
	for (size_t i = 0; i < r->people_n; i++)
		if (!strcmp(r->people[i].officer, officer))
			return &r->people[i];
	return NULL;
}

const char *roster_source_name(enum roster_source s)
{
	static const char *const names[] = {"gap", "layer", "temporary", "change", "fallback"};
	return names[s];
}

/* ---- rotation ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t month_start(const struct roster_layer *l, int64_t k)
{
	struct civil c = civil_of(l->from_day);
	int64_t months = (int64_t)c.year * 12 + c.month - 1 + k * l->every;
	int32_t year = (int32_t)floor_div(months, 12);
	uint32_t month = (uint32_t)(months - (int64_t)year * 12) + 1,
		 last = civil_month_days(year, month);
	return civil_days((struct civil){year, month, c.day < last ? c.day : last}) * DAY_S;
}

/* The clock face at which shift k begins. */
static int64_t face_of(const struct roster_layer *l, int64_t k)
{
	int64_t first = l->from_day * DAY_S + (int64_t)l->handoff_min * MINUTE_S;
	switch (l->rotation) {
	case ROSTER_HOURLY:
		return first + k * l->every * HOUR_S;
	case ROSTER_DAILY:
		return first + k * l->every * DAY_S;
	case ROSTER_WEEKLY:
		return first + k * l->every * 7 * DAY_S;
	case ROSTER_MONTHLY:
		return month_start(l, k) + (int64_t)l->handoff_min * MINUTE_S;
	case ROSTER_CUSTOM: {
		int64_t n = (int64_t)l->handoffs_n, cycle = floor_div(k, n);
		const struct roster_handoff *h = &l->handoffs[k - cycle * n];
		return (l->from_day + cycle * l->cycle_days + h->day) * DAY_S +
		       (int64_t)h->minute * MINUTE_S;
	}
	case ROSTER_ROTATIONS:
		break;
	}
	return first;
}

/* About the number of the shift at a clock face; off by a few at most. */
static int64_t guess(const struct roster_layer *l, int64_t face)
{
	int64_t since = face - l->from_day * DAY_S;
	switch (l->rotation) {
	case ROSTER_HOURLY:
		return floor_div(since, l->every * HOUR_S);
	case ROSTER_DAILY:
		return floor_div(since, l->every * DAY_S);
	case ROSTER_WEEKLY:
		return floor_div(since, l->every * 7 * DAY_S);
	case ROSTER_MONTHLY:
		return floor_div(since, l->every * 31 * DAY_S);
	case ROSTER_CUSTOM:
		return floor_div(since, l->cycle_days * DAY_S) * (int64_t)l->handoffs_n;
	case ROSTER_ROTATIONS:
		break;
	}
	return 0;
}

int64_t roster_layer_moment(const struct roster_layer *l, const struct tz *z, int64_t k)
{
	return tz_unix(z, face_of(l, k));
}

/* The last shift that has begun: where the clocks go forward two may begin at one moment, and the first of them is empty. */
int64_t roster_layer_shift(const struct roster_layer *l, const struct tz *z, int64_t at_s)
{
	int64_t k = guess(l, tz_local(z, at_s));
	while (roster_layer_moment(l, z, k + 1) <= at_s)
		k++;
	while (roster_layer_moment(l, z, k) > at_s)
		k--;
	return k;
}

/* ---- one layer at a moment ---- */

static void window_of(const struct roster_hours *h, const struct tz *z, int64_t day,
		      int64_t ret[static 2])
{
	int64_t to = h->to_min > h->from_min ? h->to_min : h->to_min + DAY_MIN;
	ret[0] = tz_unix(z, day * DAY_S + (int64_t)h->from_min * MINUTE_S);
	ret[1] = tz_unix(z, day * DAY_S + to * MINUTE_S);
}

static bool in_hours(const struct roster_layer *l, const struct tz *z, int64_t at_s)
{
	int64_t today = floor_div(tz_local(z, at_s), DAY_S);
	for (size_t i = 0; i < l->hours_n; i++)
		for (int64_t day = today - 1; day <= today; day++) {
			int64_t w[2];
			window_of(&l->hours[i], z, day, w);
			if (l->hours[i].days >> civil_weekday(day) & 1 && w[0] <= at_s &&
			    at_s < w[1])
				return true;
		}
	return l->hours_n == 0;
}

static int64_t layer_end(const struct roster_layer *l, const struct tz *z)
{
	return l->until_day == INT64_MAX ? INT64_MAX : tz_unix(z, l->until_day * DAY_S);
}

static const char *swapped(const struct roster *r, const struct roster_layer *l, int64_t shift,
			   const char *person)
{
	for (size_t i = 0; i < r->changes_n; i++) {
		const struct roster_change *c = &r->changes[i];
		if (c->kind == ROSTER_SWAP && c->shift == shift && !strcmp(c->layer, l->name) &&
		    !strcmp(c->person, person))
			return c->with;
	}
	return person;
}

static bool layer_at(const struct roster *r, const struct roster_layer *l, int64_t at_s,
		     struct roster_on *ret)
{
	if (!l->people_n || at_s >= layer_end(l, r->zone) ||
	    at_s < roster_layer_moment(l, r->zone, 0) || !in_hours(l, r->zone, at_s))
		return false;
	ret->shift = roster_layer_shift(l, r->zone, at_s);
	ret->layer = l;
	ret->people[0] = swapped(r, l, ret->shift, l->people[ret->shift % (int64_t)l->people_n]);
	ret->people_n = 1;
	return true;
}

/* ---- changes ---- */

static bool covers(const struct roster_change *c, int64_t at_s)
{
	return c->kind != ROSTER_SWAP && c->from_s <= at_s && at_s < c->until_s;
}

static const struct roster_change *temporary_at(const struct roster *r, int64_t at_s)
{
	for (size_t i = r->changes_n; i-- > 0;)
		if (r->changes[i].kind == ROSTER_TEMPORARY && covers(&r->changes[i], at_s))
			return &r->changes[i];
	return NULL;
}

static size_t index_of(const struct roster_on *on, const char *person)
{
	size_t i = 0;
	while (i < on->people_n && strcmp(on->people[i], person) != 0)
		i++;
	return i;
}

static void take_off(struct roster_on *on, size_t i)
{
	if (i >= on->people_n)
		return;
	memmove(&on->people[i], &on->people[i + 1], (on->people_n - i - 1) * sizeof(on->people[0]));
	on->people_n--;
}

static void put_on(struct roster_on *on, const char *person)
{
	if (index_of(on, person) == on->people_n && on->people_n < ROSTER_ON_MAX)
		on->people[on->people_n++] = person;
}

static void apply(const struct roster_change *c, struct roster_on *on)
{
	size_t i = index_of(on, c->person);
	bool was = i < on->people_n;
	switch (c->kind) {
	case ROSTER_ADD:
		put_on(on, c->person);
		on->source = ROSTER_FROM_CHANGE;
		return;
	case ROSTER_REMOVE:
		take_off(on, i);
		break;
	case ROSTER_REPLACE:
		take_off(on, i);
		if (was)
			put_on(on, c->with);
		break;
	case ROSTER_TEMPORARY:
	case ROSTER_SWAP:
	case ROSTER_KINDS:
		return;
	}
	if (was)
		on->source = ROSTER_FROM_CHANGE;
}

static bool absent(const struct roster *r, const char *person, int64_t at_s)
{
	for (size_t i = 0; i < r->absences_n; i++)
		if (r->absences[i].from_s <= at_s && at_s < r->absences[i].until_s &&
		    !strcmp(r->absences[i].person, person))
			return true;
	return false;
}

static bool fall_back(const struct roster *r, const char *person, int64_t at_s,
		      struct roster_on *on)
{
	if (!person[0] || (absent(r, person, at_s) && !r->seat.flash)) /* somebody must be rung */
		return false;
	*on = (struct roster_on){.source = ROSTER_FROM_FALLBACK, .people = {person}, .people_n = 1};
	return true;
}

void roster_at(const struct roster *r, int64_t at_s, struct roster_on *ret)
{
	const struct roster_change *t = temporary_at(r, at_s);
	const struct roster_layers *layers = t ? t->layers : &r->seat.layers;
	*ret = (struct roster_on){0};
	for (size_t i = layers->n; i-- > 0 && !ret->people_n;)
		if (layer_at(r, &layers->list[i], at_s, ret))
			ret->source = t ? ROSTER_FROM_TEMPORARY : ROSTER_FROM_LAYER;
	for (size_t i = 0; i < r->changes_n; i++)
		if (covers(&r->changes[i], at_s))
			apply(&r->changes[i], ret);
	for (size_t i = ret->people_n; i-- > 0;)
		if (absent(r, ret->people[i], at_s))
			take_off(ret, i);
	if (ret->people_n || (t && fall_back(r, t->fallback, at_s, ret)) ||
	    fall_back(r, r->seat.fallback, at_s, ret))
		return;
	*ret = (struct roster_on){.source = ROSTER_GAP};
}

/* ---- shifts ---- */

/* Moments at which the answer could change, within [from_s, until_s). */
struct edges {
	int64_t from_s, until_s;
	int64_t *list;
	size_t n, cap;
	int error;
};

static void edge(struct edges *x, int64_t at_s)
{
	if (x->error || at_s < x->from_s || at_s >= x->until_s)
		return;
	if (x->n == EDGES_MAX) {
		x->error = -ERR_OVERSIZE;
		return;
	}
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 256;
		int64_t *list = reallocarray(x->list, cap, sizeof(*list));
		if (!list) {
			x->error = -ERR_NOMEM;
			return;
		}
		x->list = list;
		x->cap = cap;
	}
	x->list[x->n++] = at_s;
}

static void edges_of_layer(struct edges *x, const struct roster_layer *l, const struct tz *z)
{
	int64_t k = roster_layer_shift(l, z, x->from_s);
	for (k = k < 0 ? 0 : k; !x->error && roster_layer_moment(l, z, k) < x->until_s; k++)
		edge(x, roster_layer_moment(l, z, k));
	if (l->until_day != INT64_MAX)
		edge(x, layer_end(l, z));
	int64_t first = floor_div(tz_local(z, x->from_s), DAY_S) - 1,
		last = floor_div(tz_local(z, x->until_s), DAY_S);
	for (size_t i = 0; i < l->hours_n; i++)
		for (int64_t day = first; !x->error && day <= last; day++) {
			int64_t w[2];
			window_of(&l->hours[i], z, day, w);
			edge(x, w[0]);
			edge(x, w[1]);
		}
}

static void edges_of_layers(struct edges *x, const struct roster_layers *l, const struct tz *z)
{
	for (size_t i = 0; i < l->n; i++)
		edges_of_layer(x, &l->list[i], z);
}

static int edges_of(struct edges *x, const struct roster *r)
{
	edge(x, x->from_s);
	edges_of_layers(x, &r->seat.layers, r->zone);
	for (size_t i = 0; i < r->changes_n; i++) {
		const struct roster_change *c = &r->changes[i];
		if (c->kind == ROSTER_SWAP || c->until_s <= x->from_s || c->from_s >= x->until_s)
			continue;
		edge(x, c->from_s);
		edge(x, c->until_s);
		if (c->layers)
			edges_of_layers(x, c->layers, r->zone);
	}
	for (size_t i = 0; i < r->absences_n; i++) {
		edge(x, r->absences[i].from_s);
		edge(x, r->absences[i].until_s);
	}
	return x->error;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static bool same(const struct roster_on *a, const struct roster_on *b)
{
	if (a->source != b->source || a->people_n != b->people_n || a->layer != b->layer ||
	    a->shift != b->shift)
		return false;
	for (size_t i = 0; i < a->people_n; i++)
		if (strcmp(a->people[i], b->people[i]) != 0)
			return false;
	return true;
}

static size_t join(const struct roster *r, const struct edges *x, struct roster_shift *list)
{
	size_t n = 0;
	for (size_t i = 0; i < x->n; i++) {
		struct roster_on on;
		if (i && x->list[i] == x->list[i - 1])
			continue;
		roster_at(r, x->list[i], &on);
		if (n && same(&on, &list[n - 1].on))
			continue;
		if (n)
			list[n - 1].until_s = x->list[i];
		list[n++] = (struct roster_shift){x->list[i], x->until_s, on};
	}
	return n;
}

int roster_shifts(const struct roster *r, int64_t from_s, int64_t until_s,
		  struct roster_shift **ret_list, size_t *ret_n, struct err *e)
{
	struct edges x = {.from_s = from_s, .until_s = until_s};
	if (from_s >= until_s || until_s - from_s > (int64_t)ROSTER_DAYS_MAX * DAY_S)
		return err_set(e, ERR_RANGE, "until",
			       "A time of 1 second to %d days can be asked for.", ROSTER_DAYS_MAX);
	int error = edges_of(&x, r);
	_cleanup_(freep) int64_t *edges = x.list;
	if (error < 0)
		return err_set(e, error, "until", "The roster changes too often in this time.");
	qsort(x.list, x.n, sizeof(*x.list), compare);
	_cleanup_(freep) struct roster_shift *list = calloc(x.n, sizeof(*list));
	if (!list)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	size_t n = join(r, &x, list);
	if (n > ROSTER_SHIFTS_MAX)
		return err_set(e, ERR_OVERSIZE, "until",
			       "The roster changes too often in this time.");
	*ret_n = n;
	*ret_list = TAKE_PTR(list);
	(void)edges;
	return 0;
}

static bool same_people(const struct roster_on *a, const struct roster_on *b)
{
	if (a->people_n != b->people_n)
		return false;
	for (size_t i = 0; i < a->people_n; i++)
		if (strcmp(a->people[i], b->people[i]) != 0)
			return false;
	return true;
}

int64_t roster_next(const struct roster *r, int64_t at_s)
{
	_cleanup_(freep) struct roster_shift *list = NULL;
	size_t n = 0;
	if (roster_shifts(r, at_s, at_s + (int64_t)ROSTER_NEXT_DAYS * DAY_S, &list, &n, NULL) < 0)
		return INT64_MAX;
	for (size_t i = 1; i < n; i++)
		if (!same_people(&list[i].on, &list[0].on))
			return list[i].from_s;
	return INT64_MAX;
}
