/* SPDX-License-Identifier: Apache-2.0
 * Ladders: rows of who is rung after how many seconds, the built-in ones of ladder.def at first. */
#include "duty/duty-int.h"

enum { AFTER_MAX_S = 30 * 86400, REPEAT_MIN_S = 60, CHANNEL_MAX = ROSTER_CHANNELS_MAX };

static const char *const sides[DUTY_SIDES] = {"in", "out", "silent", "watch", "drill"};

const char *duty_side_name(enum duty_side s)
{
	return sides[s];
}

int duty_side_parse(const char *s, enum duty_side *ret)
{
	for (size_t i = 0; i < DUTY_SIDES; i++)
		if (!strcmp(sides[i], s)) {
			*ret = (enum duty_side)i;
			return 0;
		}
	return -ERR_INVAL;
}

/* ---- the built-in rows ---- */

struct ladder_row {
	enum duty_side side;
	const char *class;
	int64_t repeat_s;
};
struct step_row {
	enum duty_side side;
	const char *class;
	int64_t after_s;
	const char *target;
	unsigned channel;
};
static const struct ladder_row ladder_rows[] = {
#define LADDER(side, class, repeat_s) {DUTY_##side, #class, repeat_s},
#define STEP(side, class, after_s, target, channel)
#include "duty/ladder.def"
#undef LADDER
#undef STEP
};
static const struct step_row step_rows[] = {
#define LADDER(side, class, repeat_s)
#define STEP(side, class, after_s, target, channel) {DUTY_##side, #class, after_s, target, channel},
#include "duty/ladder.def"
#undef LADDER
#undef STEP
};

/* ---- rows ---- */

int duty_ladder_load(struct duty *d, enum duty_side side, const char *class,
		     struct duty_ladder *ret, struct err *e)
{
	STORE_ROWS(rows);
	*ret = (struct duty_ladder){.side = side};
	snprintf(ret->class, sizeof(ret->class), "%s", class);
	int r = store_query(
		d->s,
		"SELECT p.repeat_s, p.all_must, s.after_s, s.target, s.channel FROM duty_policy p "
		"JOIN duty_step s ON s.side = p.side AND s.class = p.class WHERE p.side = ? AND p.class = ? ORDER BY s.n",
		VALS(val_text(sides[side]), val_text(class)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0 && ret->n < DUTY_STEPS_MAX) {
		struct duty_step *s = &ret->steps[ret->n++];
		ret->repeat_s = row_i64(&rows, "repeat_s");
		ret->all_must = row_i64(&rows, "all_must");
		s->after_s = row_i64(&rows, "after_s");
		s->channel = (unsigned)row_i64(&rows, "channel");
		snprintf(s->target, sizeof(s->target), "%s", row_text(&rows, "target", NULL));
	}
	return r < 0 ? r : ret->n > 0;
}

static int write_ladder(struct duty *d, const struct duty_ladder *l, struct err *e)
{
	const char *side = sides[l->side];
	int64_t r = store_exec(d->s, "DELETE FROM duty_step WHERE side = ? AND class = ?",
			       VALS(val_text(side), val_text(l->class)), e);
	if (r >= 0)
		r = store_exec(
			d->s,
			"INSERT INTO duty_policy (side, class, repeat_s, all_must) VALUES (?, ?, ?, ?) ON CONFLICT (side, class) "
			"DO UPDATE SET repeat_s = excluded.repeat_s, all_must = excluded.all_must",
			VALS(val_text(side), val_text(l->class), val_i64(l->repeat_s),
			     val_i64(l->all_must)),
			e);
	for (size_t i = 0; r >= 0 && i < l->n; i++)
		r = store_exec(
			d->s,
			"INSERT INTO duty_step (side, class, n, after_s, target, channel) VALUES (?, ?, ?, ?, ?, ?)",
			VALS(val_text(side), val_text(l->class), val_u64(i),
			     val_i64(l->steps[i].after_s), val_text(l->steps[i].target),
			     val_u64(l->steps[i].channel)),
			e);
	return duty_changed(r);
}

static int seed_one(struct duty *d, const struct ladder_row *row, struct err *e)
{
	struct duty_ladder l = {.side = row->side, .repeat_s = row->repeat_s};
	snprintf(l.class, sizeof(l.class), "%s", row->class);
	for (size_t i = 0; i < ARRAY_LEN(step_rows); i++) {
		const struct step_row *s = &step_rows[i];
		if (s->side != row->side || strcmp(s->class, row->class) != 0)
			continue;
		l.steps[l.n].after_s = s->after_s;
		l.steps[l.n].channel = s->channel;
		snprintf(l.steps[l.n++].target, sizeof(l.steps[0].target), "%s", s->target);
	}
	return write_ladder(d, &l, e);
}

int duty_ladder_seed(struct duty *d, struct err *e)
{
	STORE_TXN(txn);
	STORE_ROWS(rows);
	int r = store_first(d->s, "SELECT side FROM duty_policy LIMIT 1", NO_VALS, &rows, e);
	store_rows_done(&rows);
	if (r != 0)
		return r < 0 ? r : 0;
	r = store_begin(d->s, STORE_WRITE, &txn, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(ladder_rows); i++)
		r = seed_one(d, &ladder_rows[i], e);
	return r < 0 ? r : store_commit(&txn, e);
}

/* ---- JSON ---- */

static bool target_valid(const char *s)
{
	uint64_t n;
	if (!strcmp(s, "contacts"))
		return true;
	if (!strncmp(s, "contact:", 8))
		return dec_parse_u64(s + 8, strlen(s + 8), DIRECTORY_CONTACTS_MAX, &n) >= 0 &&
		       n > 0;
	return !strncmp(s, "seat:", 5) && name_valid(s + 5, strlen(s + 5));
}

static int read_step(const json_t *j, int64_t last_s, struct duty_step *ret, struct err *e)
{
	static const char *const keys[] = {"after_s", "target", "channel", NULL};
	const char *target = NULL;
	int64_t channel = 0;
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = json_need_int(j, "after_s", last_s, AFTER_MAX_S, &ret->after_s, e);
	if (r >= 0)
		r = json_need_str(j, "target", 1, sizeof(ret->target) - 1, &target, e);
	if (r >= 0)
		r = json_opt_int(j, "channel", 0, CHANNEL_MAX, &channel, e);
	if (r < 0)
		return r;
	if (!target_valid(target))
		return err_set(e, ERR_INVAL, "target",
			       "A target is seat:NAME, contact:N or contacts.");
	snprintf(ret->target, sizeof(ret->target), "%s", target);
	ret->channel = (unsigned)channel;
	return 0;
}

static int read_ladder(const json_t *j, struct duty_ladder *l, struct err *e)
{
	static const char *const keys[] = {"side",  "class", "repeat_s", "all_must_answer",
					   "steps", NULL};
	const char *side = NULL, *class = NULL;
	enum request_class c;
	const json_t *steps = json_object_get(j, "steps"), *v;
	size_t i;
	int r = json_only(j, keys, e);
	if (r >= 0)
		r = json_need_str(j, "side", 1, ROSTER_NAME_MAX, &side, e);
	if (r >= 0)
		r = json_need_str(j, "class", 1, DUTY_CLASS_MAX, &class, e);
	if (r >= 0)
		r = json_need_int(j, "repeat_s", REPEAT_MIN_S, AFTER_MAX_S, &l->repeat_s, e);
	if (r >= 0)
		r = json_opt_bool(j, "all_must_answer", &l->all_must, e);
	if (r < 0)
		return r;
	if (duty_side_parse(side, &l->side) < 0 || request_class_parse(class, &c) < 0)
		return err_set(e, ERR_INVAL, "side", "No ladder of %s %s.", side, class);
	snprintf(l->class, sizeof(l->class), "%s", class);
	if (!json_is_array(steps) || !json_array_size(steps) ||
	    json_array_size(steps) > DUTY_STEPS_MAX)
		return err_set(e, ERR_RANGE, "steps", "A ladder has 1 to %d steps.",
			       DUTY_STEPS_MAX);
	json_array_foreach (steps, i, v)
		if (r >= 0)
			r = read_step(v, i ? l->steps[i - 1].after_s : 0, &l->steps[l->n++], e);
	return r;
}

static json_t *ladder_json(const struct duty_ladder *l)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_pack("{s:I, s:s, s:i}", "after_s",
						      (json_int_t)l->steps[i].after_s, "target",
						      l->steps[i].target, "channel",
						      (int)l->steps[i].channel));
	return json_pack("{s:s, s:s, s:I, s:b, s:o}", "side", sides[l->side], "class", l->class,
			 "repeat_s", (json_int_t)l->repeat_s, "all_must_answer", l->all_must,
			 "steps", list);
}

int duty_ladders(struct duty *d, json_t **ret, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	int r = 0;
	for (size_t side = 0; r >= 0 && side < DUTY_SIDES; side++)
		for (enum request_class c = CLASS_FLASH; r >= 0 && c <= CLASS_ROUTINE; c++) {
			struct duty_ladder l;
			r = duty_ladder_load(d, (enum duty_side)side, request_class_row(c)->text,
					     &l, e);
			if (r > 0)
				json_array_append_new(list, ladder_json(&l));
		}
	if (r >= 0)
		*ret = json_pack("{s:O}", "ladders", list);
	return r < 0 ? r : 0;
}

int duty_ladder_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		    struct err *e)
{
	STORE_TXN(txn);
	struct duty_ladder l = {0};
	char target[64];
	int r = read_ladder(in, &l, e);
	if (r >= 0)
		r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = write_ladder(d, &l, e);
	snprintf(target, sizeof(target), "ladder %s %s", sides[l.side], l.class);
	if (r >= 0)
		r = duty_audit(d, AUDIT_CONFIGURATION, a->officer, "duty.ladder", target,
			       ladder_json(&l), e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : duty_ladders(d, ret, e);
}
