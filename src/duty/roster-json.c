/* SPDX-License-Identifier: Apache-2.0
 * Roster in JSON: read strictly, written so that reading it gives the same. */
#include "base/text.h"
#include "base/time.h"
#include "duty/roster-int.h"

enum {
	TIME_LEN = 5,
	DATE_LEN = 10,
	DAY_MIN = 1440,
	CYCLE_DAYS_MAX = 366,
	EVERY_MAX = 366,
	HOURS_LIMIT_MAX = 8760
};

static const char *const rotations[] = {"hourly", "daily", "weekly", "monthly", "custom"};
static const char *const kinds[] = {"add", "remove", "replace", "temporary", "swap"};
static const char *const weekdays[] = {"mo", "tu", "we", "th", "fr", "sa", "su"};

/* ---- small values ---- */

static int get_name(const json_t *j, const char *key, char out[static ROSTER_NAME_MAX + 1],
		    bool need, struct err *e)
{
	const char *s = NULL;
	int r = need ? json_need_str(j, key, 1, ROSTER_NAME_MAX, &s, e)
		     : json_opt_str(j, key, 0, ROSTER_NAME_MAX, &s, e);
	if (r < 0 || !s || !s[0])
		return r;
	if (!name_valid(s, strlen(s)))
		return err_set(e, ERR_INVAL, key, "A name is made of a-z 0-9 . _ / -.");
	snprintf(out, ROSTER_NAME_MAX + 1, "%s", s);
	return 0;
}

static int get_text(const json_t *j, const char *key, char *out, size_t max, struct err *e)
{
	const char *s = NULL;
	int r = json_opt_str(j, key, 0, max, &s, e);
	if (r < 0 || !s)
		return r;
	if (!utf8_clean(s, strlen(s)))
		return err_set(e, ERR_FORMAT, key, "Must be one line without control characters.");
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

/* "HH:MM" to minutes; 24:00 only where a day may end. */
static int parse_minute(const char *s, uint32_t max, uint32_t *ret)
{
	uint64_t h, m;
	if (strlen(s) != TIME_LEN || s[2] != ':')
		return -ERR_FORMAT;
	const char hour[] = {s[0], s[1], 0};
	for (size_t i = 0; i < TIME_LEN; i++)
		if (i != 2 && (s[i] < '0' || s[i] > '9'))
			return -ERR_FORMAT;
	h = (uint64_t)(hour[0] - '0') * 10 + (uint64_t)(hour[1] - '0');
	m = (uint64_t)(s[3] - '0') * 10 + (uint64_t)(s[4] - '0');
	if (m > 59 || h * 60 + m > max)
		return -ERR_RANGE;
	*ret = (uint32_t)(h * 60 + m);
	return 0;
}

static int get_minute(const json_t *j, const char *key, uint32_t max, uint32_t *ret, struct err *e)
{
	const char *s = NULL;
	int r = json_need_str(j, key, TIME_LEN, TIME_LEN, &s, e);
	if (r >= 0)
		r = parse_minute(s, max, ret);
	return r < 0 && s ? err_set(e, r, key, "A time of day is 00:00 to 23:59.") : r;
}

static int get_date(const json_t *j, const char *key, bool need, int64_t *ret, struct err *e)
{
	const char *s = NULL;
	char text[DATE_LEN + 16];
	int64_t at_s;
	int r = need ? json_need_str(j, key, DATE_LEN, DATE_LEN, &s, e)
		     : json_opt_str(j, key, DATE_LEN, DATE_LEN, &s, e);
	if (r < 0 || !s)
		return r;
	snprintf(text, sizeof(text), "%sT00:00:00Z", s);
	r = time_parse(text, strlen(text), &at_s);
	if (r < 0 || at_s < 0)
		return err_set(e, ERR_FORMAT, key, "A date is written 2026-11-22.");
	*ret = at_s / ROSTER_DAY_S;
	return 0;
}

static int get_time(const json_t *j, const char *key, int64_t *ret, struct err *e)
{
	const char *s = NULL;
	int r = json_need_str(j, key, 1, TIME_TEXT_MAX, &s, e);
	if (r >= 0 && (r = time_parse(s, strlen(s), ret)) < 0)
		return err_set(e, r, key, "A time is written 2026-11-22T08:00:00Z.");
	return r;
}

static int get_word(const json_t *j, const char *key, const char *const *words, size_t n,
		    size_t *ret, struct err *e)
{
	const char *s = NULL;
	int r = json_need_str(j, key, 1, ROSTER_NAME_MAX, &s, e);
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!strcmp(s, words[i])) {
			*ret = i;
			return 0;
		}
	return r < 0 ? r : err_set(e, ERR_INVAL, key, "\"%s\" is not one of the words for it.", s);
}

static const json_t *get_array(const json_t *j, const char *key, size_t max, int *ret_error,
			       struct err *e)
{
	const json_t *list = json_object_get(j, key);
	if (!list || json_is_null(list))
		return NULL;
	if (!json_is_array(list))
		*ret_error = err_set(e, ERR_INVAL, key, "Must be a list.");
	else if (json_array_size(list) > max)
		*ret_error = err_set(e, ERR_RANGE, key, "At most %zu.", max);
	return list;
}

static int get_languages(const json_t *j, struct roster_languages *ret, struct err *e)
{
	int r = 0;
	size_t i;
	const json_t *list = get_array(j, "languages", ROSTER_LANGUAGES_MAX, &r, e), *v;
	if (r < 0)
		return r;
	json_array_foreach (list, i, v) {
		const char *s = json_string_value(v);
		size_t len = s ? strlen(s) : 0;
		if (len < 2 || len > ROSTER_LANGUAGE_MAX ||
		    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") !=
			    len)
			return err_set(e, ERR_INVAL, "languages",
				       "A language is a tag such as it or en.");
		memcpy(ret->list[ret->n++], s, len + 1);
	}
	return 0;
}

static json_t *languages_json(const struct roster_languages *l)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_string(l->list[i]));
	return list;
}

static json_t *minute_json(uint32_t minute)
{
	return json_sprintf("%02u:%02u", minute / 60, minute % 60);
}

static json_t *date_json(int64_t day)
{
	struct civil c = civil_of(day);
	return day == INT64_MAX ? json_null()
				: json_sprintf("%04d-%02u-%02u", c.year, c.month, c.day);
}

static json_t *time_json(int64_t at_s)
{
	char text[TIME_TEXT_MAX];
	return json_string(time_utc(at_s, text));
}

/* ---- people ---- */

static int channel_read(const json_t *j, struct roster_channel *ret, struct err *e)
{
	static const char *const keys[] = {"channel", "address", NULL};
	const char *name = NULL, *address = NULL;
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = json_need_str(j, "channel", 1, ROSTER_CHANNEL_NAME_MAX, &name, e);
	if (r >= 0)
		r = json_need_str(j, "address", 1, ROSTER_ADDRESS_MAX, &address, e);
	if (r < 0)
		return r;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
		return err_set(e, ERR_INVAL, "channel", "A channel is made of a-z 0-9 -.");
	if (!utf8_clean(address, strlen(address)) || strchr(address, ' '))
		return err_set(e, ERR_FORMAT, "address",
			       "An address has no spaces or control characters.");
	memcpy(ret->channel, name, strlen(name) + 1);
	memcpy(ret->address, address, strlen(address) + 1);
	return 0;
}

int roster_person_read(const json_t *j, struct roster_person *ret, struct err *e)
{
	static const char *const keys[] = {"officer", "languages", "active", "channels", NULL};
	struct roster_person p = {.active = true};
	const json_t *v;
	size_t i;
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = get_name(j, "officer", p.officer, true, e);
	if (r >= 0)
		r = json_opt_bool(j, "active", &p.active, e);
	if (r >= 0)
		r = get_languages(j, &p.languages, e);
	const json_t *list = r >= 0 ? get_array(j, "channels", ROSTER_CHANNELS_MAX, &r, e) : NULL;
	json_array_foreach (list, i, v)
		if (r >= 0)
			r = channel_read(v, &p.channels[p.channels_n++], e);
	if (r >= 0)
		*ret = p;
	return r;
}

json_t *roster_person_json(const struct roster_person *p)
{
	json_t *channels = json_array();
	for (size_t i = 0; i < p->channels_n; i++)
		json_array_append_new(channels,
				      json_pack("{s:s, s:s}", "channel", p->channels[i].channel,
						"address", p->channels[i].address));
	return json_pack("{s:s, s:o, s:b, s:o}", "officer", p->officer, "languages",
			 languages_json(&p->languages), "active", p->active, "channels", channels);
}

/* ---- layers ---- */

static int days_read(const json_t *j, uint32_t *ret, struct err *e)
{
	const char *s = NULL;
	char text[32], *save = NULL;
	int r = json_need_str(j, "days", 2, sizeof(text) - 1, &s, e);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%s", s);
	*ret = 0;
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		size_t i = 0;
		while (i < ARRAY_LEN(weekdays) && strcmp(weekdays[i], w) != 0)
			i++;
		if (i == ARRAY_LEN(weekdays) || *ret >> i & 1)
			return err_set(e, ERR_INVAL, "days",
				       "Days are mo tu we th fr sa su, each once.");
		*ret |= 1u << i;
	}
	return *ret ? 0 : err_set(e, ERR_INVAL, "days", "Name a day.");
}

static int hours_read(const json_t *j, struct roster_hours *ret, struct err *e)
{
	static const char *const keys[] = {"days", "from", "to", NULL};
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = days_read(j, &ret->days, e);
	if (r >= 0)
		r = get_minute(j, "from", DAY_MIN - 1, &ret->from_min, e);
	return r < 0 ? r : get_minute(j, "to", DAY_MIN, &ret->to_min, e);
}

static json_t *hours_json(const struct roster_hours *h)
{
	char days[ARRAY_LEN(weekdays) * 3 + 1] = "";
	for (size_t i = 0, n = 0; i < ARRAY_LEN(weekdays); i++)
		if (h->days >> i & 1)
			n += (size_t)snprintf(days + n, sizeof(days) - n, "%s%s", n ? " " : "",
					      weekdays[i]);
	return json_pack("{s:s, s:o, s:o}", "days", days, "from", minute_json(h->from_min), "to",
			 minute_json(h->to_min));
}

static int handoffs_read(const json_t *j, struct roster_layer *l, struct err *e)
{
	static const char *const keys[] = {"day", "at", NULL};
	int64_t cycle = 0, day = 0, last = -60;
	const json_t *v;
	size_t i;
	int r = json_need_int(j, "cycle", 1, CYCLE_DAYS_MAX, &cycle, e);
	const json_t *list = r >= 0 ? get_array(j, "handoffs", ROSTER_HANDOFFS_MAX, &r, e) : NULL;
	l->cycle_days = (uint32_t)cycle;
	json_array_foreach (list, i, v) {
		struct roster_handoff *h = &l->handoffs[l->handoffs_n++];
		if (r >= 0)
			r = json_only(v, keys, e);
		if (r >= 0)
			r = json_need_int(v, "day", 0, cycle - 1, &day, e);
		if (r >= 0)
			r = get_minute(v, "at", DAY_MIN - 1, &h->minute, e);
		if (r < 0)
			return r;
		h->day = (uint32_t)day;
		if (day * DAY_MIN + h->minute < last + 60)
			return err_set(e, ERR_INVAL, "handoffs",
				       "In order, and at least an hour apart.");
		last = day * DAY_MIN + h->minute;
	}
	if (r >= 0 && !l->handoffs_n)
		return err_set(e, ERR_FIELD_MISSING, "handoffs",
			       "A custom rotation needs its hand-offs.");
	if (r >= 0 &&
	    l->handoffs[0].day * DAY_MIN + l->handoffs[0].minute + cycle * DAY_MIN < last + 60)
		return err_set(e, ERR_INVAL, "handoffs",
			       "The last and the first are less than an hour apart.");
	return r;
}

static int rotation_read(const json_t *j, struct roster_layer *l, struct err *e)
{
	size_t rotation = 0;
	int64_t every = 1;
	int r = get_word(j, "rotation", rotations, ARRAY_LEN(rotations), &rotation, e);
	l->rotation = (enum roster_rotation)rotation;
	if (r < 0)
		return r;
	if (l->rotation == ROSTER_CUSTOM)
		return handoffs_read(j, l, e);
	r = json_opt_int(j, "every", 1, EVERY_MAX, &every, e);
	if (r >= 0)
		r = get_minute(j, "handoff", DAY_MIN - 1, &l->handoff_min, e);
	if (r >= 0 && l->rotation == ROSTER_HOURLY && 24 % every != 0)
		return err_set(e, ERR_INVAL, "every", "24 must be a multiple of it.");
	l->every = (uint32_t)every;
	return r;
}

static int people_read(const json_t *j, struct roster_layer *l, struct err *e)
{
	int r = 0;
	size_t i;
	const json_t *list = get_array(j, "people", ROSTER_LAYER_PEOPLE_MAX, &r, e), *v;
	json_array_foreach (list, i, v) {
		const char *s = json_string_value(v);
		if (r < 0)
			return r;
		if (!s || !name_valid(s, strlen(s)))
			return err_set(e, ERR_INVAL, "people",
				       "People are named by their officer's name.");
		memcpy(l->people[l->people_n++], s, strlen(s) + 1);
	}
	if (r >= 0 && !l->people_n)
		return err_set(e, ERR_FIELD_MISSING, "people", "A layer needs people.");
	return r;
}

static int layer_read(const json_t *j, struct roster_layer *l, struct err *e)
{
	static const char *const keys[] = {"layer", "rotation", "every",  "from",
					   "until", "handoff",	"people", "hours",
					   "cycle", "handoffs", NULL};
	const json_t *v;
	size_t i;
	l->until_day = INT64_MAX;
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = get_name(j, "layer", l->name, true, e);
	if (r >= 0)
		r = rotation_read(j, l, e);
	if (r >= 0)
		r = get_date(j, "from", true, &l->from_day, e);
	if (r >= 0)
		r = get_date(j, "until", false, &l->until_day, e);
	if (r >= 0)
		r = people_read(j, l, e);
	const json_t *list = r >= 0 ? get_array(j, "hours", ROSTER_HOURS_MAX, &r, e) : NULL;
	json_array_foreach (list, i, v)
		if (r >= 0)
			r = hours_read(v, &l->hours[l->hours_n++], e);
	return r;
}

int roster_layers_read(const json_t *list, struct roster_layers *ret, struct err *e)
{
	const json_t *v;
	size_t i;
	int r = 0;
	if (!json_is_array(list) || json_array_size(list) > ROSTER_LAYERS_MAX)
		return err_set(e, ERR_INVAL, "layers", "A list of at most %d layers.",
			       ROSTER_LAYERS_MAX);
	json_array_foreach (list, i, v) {
		if ((r = layer_read(v, &ret->list[ret->n++], e)) < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(ret->list[k].name, ret->list[i].name))
				return err_set(e, ERR_DUPLICATE, "layer",
					       "Two layers are called %s.", ret->list[i].name);
	}
	return 0;
}

static void rotation_json(const struct roster_layer *l, json_t *j)
{
	json_object_set_new(j, "rotation", json_string(rotations[l->rotation]));
	if (l->rotation != ROSTER_CUSTOM) {
		json_object_set_new(j, "every", json_integer(l->every));
		json_object_set_new(j, "handoff", minute_json(l->handoff_min));
		return;
	}
	json_t *list = json_array();
	for (size_t i = 0; i < l->handoffs_n; i++)
		json_array_append_new(list, json_pack("{s:i, s:o}", "day", (int)l->handoffs[i].day,
						      "at", minute_json(l->handoffs[i].minute)));
	json_object_set_new(j, "cycle", json_integer(l->cycle_days));
	json_object_set_new(j, "handoffs", list);
}

json_t *roster_layers_json(const struct roster_layers *layers)
{
	json_t *list = json_array();
	for (size_t k = 0; k < layers->n; k++) {
		const struct roster_layer *l = &layers->list[k];
		json_t *j = json_object(), *people = json_array(), *hours = json_array();
		json_object_set_new(j, "layer", json_string(l->name));
		rotation_json(l, j);
		json_object_set_new(j, "from", date_json(l->from_day));
		json_object_set_new(j, "until", date_json(l->until_day));
		for (size_t i = 0; i < l->people_n; i++)
			json_array_append_new(people, json_string(l->people[i]));
		for (size_t i = 0; i < l->hours_n; i++)
			json_array_append_new(hours, hours_json(&l->hours[i]));
		json_object_set_new(j, "people", people);
		json_object_set_new(j, "hours", hours);
		json_array_append_new(list, j);
	}
	return list;
}

/* ---- seats ---- */

static int seat_check(const struct roster_seat *s, struct err *e)
{
	if (!tz_name_valid(s->zone))
		return err_set(e, ERR_INVAL, "zone", "A zone is a name such as Europe/Rome.");
	if (s->flash && !s->fallback[0])
		return err_set(e, ERR_FIELD_MISSING, "fallback",
			       "A seat that takes FLASH must have no gap: name who falls back.");
	return 0;
}

int roster_seat_read(const json_t *j, struct roster_seat *ret, struct err *e)
{
	static const char *const keys[] = {"seat",  "zone",	 "flash",     "fallback", "line",
					   "names", "languages", "max_hours", "layers",	  NULL};
	_cleanup_(freep) struct roster_seat *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = get_name(j, "seat", s->name, true, e);
	if (r >= 0)
		r = get_text(j, "zone", s->zone, TZ_NAME_MAX, e);
	if (r >= 0)
		r = json_opt_bool(j, "flash", &s->flash, e);
	if (r >= 0)
		r = json_opt_bool(j, "names", &s->names, e);
	if (r >= 0)
		r = get_name(j, "fallback", s->fallback, false, e);
	if (r >= 0)
		r = get_text(j, "line", s->line, ROSTER_LINE_MAX, e);
	if (r >= 0)
		r = get_languages(j, &s->languages, e);
	if (r >= 0)
		r = json_opt_int(j, "max_hours", 0, HOURS_LIMIT_MAX, &s->max_hours, e);
	if (r >= 0 && json_object_get(j, "layers"))
		r = roster_layers_read(json_object_get(j, "layers"), &s->layers, e);
	if (r >= 0)
		r = seat_check(s, e);
	if (r >= 0)
		*ret = *s;
	return r;
}

json_t *roster_seat_json(const struct roster_seat *s)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:s, s:b, s:o, s:I, s:o}", "seat", s->name, "zone",
			 s->zone, "flash", s->flash, "fallback", s->fallback, "line", s->line,
			 "names", s->names, "languages", languages_json(&s->languages), "max_hours",
			 (json_int_t)s->max_hours, "layers", roster_layers_json(&s->layers));
}

/* ---- changes ---- */

static int span_read(const json_t *j, struct roster_change *c, struct err *e)
{
	int r = get_time(j, "from", &c->from_s, e);
	if (r >= 0)
		r = get_time(j, "until", &c->until_s, e);
	if (r >= 0 && c->until_s <= c->from_s)
		return err_set(e, ERR_RANGE, "until", "Must be after \"from\".");
	return r;
}

static int temporary_read(const json_t *j, struct roster_change *c, struct err *e)
{
	c->layers = calloc(1, sizeof(*c->layers));
	if (!c->layers)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = get_name(j, "fallback", c->fallback, false, e);
	return r < 0 ? r : roster_layers_read(json_object_get(j, "layers"), c->layers, e);
}

/* Which members each kind must have; "id" is ours and is passed over. */
static const char *const *change_keys(enum roster_kind k)
{
	static const char *const one[] = {"id", "kind", "person", "from", "until", NULL};
	static const char *const two[] = {"id", "kind", "person", "with", "from", "until", NULL};
	static const char *const temporary[] = {"id",	  "kind",     "from", "until",
						"layers", "fallback", NULL};
	static const char *const swap[] = {"id", "kind", "layer", "shift", "person", "with", NULL};
	return k == ROSTER_REPLACE     ? two
	       : k == ROSTER_TEMPORARY ? temporary
	       : k == ROSTER_SWAP      ? swap
				       : one;
}

static int change_fill(const json_t *j, struct roster_change *c, struct err *e)
{
	int r = json_only(j, change_keys(c->kind), e);
	if (r >= 0)
		r = json_opt_int(j, "id", 0, INT64_MAX, &c->id, e);
	if (r >= 0 && c->kind != ROSTER_TEMPORARY)
		r = get_name(j, "person", c->person, true, e);
	if (r >= 0 && (c->kind == ROSTER_REPLACE || c->kind == ROSTER_SWAP))
		r = get_name(j, "with", c->with, true, e);
	if (r >= 0 && c->kind != ROSTER_SWAP)
		r = span_read(j, c, e);
	if (r >= 0 && c->kind == ROSTER_SWAP)
		r = get_name(j, "layer", c->layer, true, e);
	if (r >= 0 && c->kind == ROSTER_SWAP)
		r = json_need_int(j, "shift", 0, INT32_MAX, &c->shift, e);
	if (r >= 0 && c->kind == ROSTER_TEMPORARY)
		r = temporary_read(j, c, e);
	return r;
}

int roster_change_read(const json_t *j, struct roster_change *ret, struct err *e)
{
	struct roster_change c = {0};
	size_t kind = 0;
	int r = get_word(j, "kind", kinds, ARRAY_LEN(kinds), &kind, e);
	c.kind = (enum roster_kind)kind;
	if (r >= 0)
		r = change_fill(j, &c, e);
	if (r < 0) {
		roster_change_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

json_t *roster_change_json(const struct roster_change *c)
{
	json_t *j = json_pack("{s:I, s:s}", "id", (json_int_t)c->id, "kind", kinds[c->kind]);
	if (c->kind != ROSTER_TEMPORARY)
		json_object_set_new(j, "person", json_string(c->person));
	if (c->kind == ROSTER_REPLACE || c->kind == ROSTER_SWAP)
		json_object_set_new(j, "with", json_string(c->with));
	if (c->kind == ROSTER_SWAP) {
		json_object_set_new(j, "layer", json_string(c->layer));
		json_object_set_new(j, "shift", json_integer(c->shift));
		return j;
	}
	json_object_set_new(j, "from", time_json(c->from_s));
	json_object_set_new(j, "until", time_json(c->until_s));
	if (c->layers) {
		json_object_set_new(j, "layers", roster_layers_json(c->layers));
		json_object_set_new(j, "fallback", json_string(c->fallback));
	}
	return j;
}
