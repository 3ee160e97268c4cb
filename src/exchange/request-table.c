/* SPDX-License-Identifier: Apache-2.0
 * Rows of requests.def and the few questions that are asked of them. */
#include "exchange/request-table.h"
#include "base/cleanup.h"
#include "exchange/exchange.h"

static const struct request_type_row types[] = {
#define REQUEST_TYPE(name, text, flags, assets_min, term_days, doc) \
	[TYPE_##name] = {text, flags, assets_min, term_days, doc},
#include "exchange/requests.def"
};
static const struct request_class_row classes[] = {
#define REQUEST_CLASS(name, text, receipt_s, ack_s, answer_s, life_s, flags, doc) \
	[CLASS_##name] = {text, receipt_s, ack_s, answer_s, life_s, flags, doc},
#include "exchange/requests.def"
};
static const struct request_state_row states[] = {
#define REQUEST_STATE(name, text, flags, doc) [STATE_##name] = {text, flags, doc},
#include "exchange/requests.def"
};
static const struct request_event_row events[] = {
#define REQUEST_EVENT(name, text, side, maker, action, needs, doc) \
	[EVENT_##name] = {text, SIDE_##side, MAKER_##maker, ACTION_##action, needs, doc},
#include "exchange/requests.def"
};
static const struct request_ground_row grounds[] = {
#define REQUEST_GROUND(name, text, flags, doc) [GROUND_##name] = {text, flags, doc},
#include "exchange/requests.def"
};

struct code_row {
	enum request_sub list;
	const char *text, *doc;
};
static const struct code_row codes[] = {
#define REQUEST_TYPE(name, text, flags, assets_min, term_days, doc) {SUB_TYPE, text, doc},
#define REQUEST_CLASS(name, text, receipt_s, ack_s, answer_s, life_s, flags, doc) \
	{SUB_CLASS, text, doc},
#define REQUEST_STATE(name, text, flags, doc) {SUB_STATE, text, doc},
#define REQUEST_EVENT(name, text, side, maker, action, needs, doc) {SUB_EVENT, text, doc},
#define REQUEST_GROUND(name, text, flags, doc) {SUB_GROUND, text, doc},
#define REQUEST_CODE(list, text, doc) {SUB_##list, text, doc},
#include "exchange/requests.def"
};

static const struct request_field_row fields[] = {
#define REQUEST_FIELD(object, name, kind, sub, min, max, need, doc) \
	{SUB_##object, name, KIND_##kind, SUB_##sub, min, max, NEED_##need, doc},
#include "exchange/requests.def"
};
static const char *const subs[] = {
#define REQUEST_SUB(name, doc) [SUB_##name] = doc,
#include "exchange/requests.def"
};

enum move_when { ANY, LATE };
enum move_condition { ALWAYS, FOUR_EYES, ONE_PERSON, REPLY, NO_REPLY, CURRENT };
struct move_row {
	enum request_state from;
	enum request_event event;
	enum request_state to;
	enum move_when when;
	enum move_condition condition;
};
static const struct move_row moves[] = {
#define REQUEST_MOVE(from, event, to, when, condition) \
	{STATE_##from, EVENT_##event, STATE_##to, when, condition},
#include "exchange/requests.def"
};

struct ladder_row {
	enum request_class class;
	bool answer;
	int64_t after_s;
};
enum { LADDER_ACK = 0, LADDER_ANSWER = 1 };
static const struct ladder_row ladder[] = {
#define REQUEST_LADDER(class, clock, after_s) {CLASS_##class, LADDER_##clock, after_s},
#include "exchange/requests.def"
};

struct right_row {
	uint32_t role, actions;
};
static const struct right_row rights[] = {
#define MAY(action) (1u << ACTION_##action)
#define REQUEST_RIGHT(role, actions) {ACTOR_##role, actions},
#include "exchange/requests.def"
#undef MAY
};

const struct request_type_row *request_type_row(enum request_type t)
{
	return &types[t < TYPE_N ? t : 0];
}

const struct request_class_row *request_class_row(enum request_class c)
{
	return &classes[c < CLASS_N ? c : 0];
}

const struct request_state_row *request_state_row(enum request_state s)
{
	return &states[s < STATE_N ? s : 0];
}

const struct request_event_row *request_event_row(enum request_event v)
{
	return &events[v < EVENT_N ? v : 0];
}

const struct request_ground_row *request_ground_row(enum request_ground g)
{
	return &grounds[g < GROUND_N ? g : 0];
}

int request_type_parse(const char *s, enum request_type *ret_type)
{
	for (unsigned i = 0; i < TYPE_N; i++)
		if (strcmp(types[i].text, s) == 0) {
			*ret_type = i;
			return 0;
		}
	return -ERR_NOENT;
}

int request_class_parse(const char *s, enum request_class *ret_class)
{
	for (unsigned i = 0; i < CLASS_N; i++)
		if (strcmp(classes[i].text, s) == 0) {
			*ret_class = i;
			return 0;
		}
	return -ERR_NOENT;
}

int request_state_parse(const char *s, enum request_state *ret_state)
{
	for (unsigned i = 0; i < STATE_N; i++)
		if (strcmp(states[i].text, s) == 0) {
			*ret_state = i;
			return 0;
		}
	return -ERR_NOENT;
}

int request_event_parse(const char *s, enum request_event *ret_event)
{
	for (unsigned i = 0; i < EVENT_N; i++)
		if (strcmp(events[i].text, s) == 0) {
			*ret_event = i;
			return 0;
		}
	return -ERR_NOENT;
}

int request_ground_parse(const char *s, enum request_ground *ret_ground)
{
	for (unsigned i = 0; i < GROUND_N; i++)
		if (strcmp(grounds[i].text, s) == 0) {
			*ret_ground = i;
			return 0;
		}
	return -ERR_NOENT;
}

const char *request_code_doc(enum request_sub list, const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].list == list && strcmp(codes[i].text, code) == 0)
			return codes[i].doc;
	return NULL;
}

bool request_code_known(enum request_sub list, const char *code)
{
	return request_code_doc(list, code) != NULL;
}

const char *request_words(enum request_sub list, char out[static REQUEST_WORDS_MAX])
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (codes[i].list != list)
			continue;
		size_t need = strlen(codes[i].text) + (at ? 2 : 0);
		if (at + need + sizeof(" ...") > REQUEST_WORDS_MAX) {
			snprintf(out + at, REQUEST_WORDS_MAX - at, " ...");
			break;
		}
		at += (size_t)snprintf(out + at, REQUEST_WORDS_MAX - at, "%s%s", at ? ", " : "",
				       codes[i].text);
	}
	return out;
}

const struct request_field_row *request_fields(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(fields);
	return fields;
}

const char *request_sub_doc(enum request_sub s)
{
	return subs[s < SUB_N ? s : 0];
}

bool request_event_on_wire(enum request_event v)
{
	return events[v].maker == MAKER_WIRE || events[v].maker == MAKER_WIRE_MACHINE;
}

bool request_event_by_person(enum request_event v)
{
	return events[v].maker == MAKER_PERSON || events[v].maker == MAKER_WIRE;
}

bool request_needs_two(enum request_type t, enum request_class c)
{
	return types[t].flags & TYPE_FOUR_EYES || classes[c].flags & CLASS_FOUR_EYES;
}

static bool condition_holds(enum move_condition c, const struct request_step *s)
{
	switch (c) {
	case ALWAYS:
	case CURRENT:
		return true;
	case FOUR_EYES:
		return request_needs_two(s->type, s->class);
	case ONE_PERSON:
		return !request_needs_two(s->type, s->class);
	case REPLY:
		return !(types[s->type].flags & TYPE_NO_REPLY);
	case NO_REPLY:
		return types[s->type].flags & TYPE_NO_REPLY;
	}
	return false;
}

int request_move(const struct request_step *s, enum request_state *ret_to)
{
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		const struct move_row *m = &moves[i];

		if (m->from != s->from || m->event != s->event)
			continue;
		if ((m->when == LATE && !s->arrived) || !condition_holds(m->condition, s))
			return -ERR_TRANSITION;
		*ret_to = m->condition == CURRENT && !s->current ? s->from : m->to;
		return 0;
	}
	return -ERR_TRANSITION;
}

bool request_may(uint32_t roles, enum request_action a)
{
	if (a == ACTION_NONE || a >= ACTION_N)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(rights); i++)
		if (roles & rights[i].role && rights[i].actions & 1u << a)
			return true;
	return false;
}

/* After the rows of the table the level rises in even steps: five minutes for FLASH, half the limit for the others. */
enum { LADDER_FLASH_REPEAT_S = 300, LADDER_STEP_MIN_S = 60 };

int64_t request_ladder(enum request_class c, bool answer, int64_t limit_s, unsigned level)
{
	int64_t last_s = 0, step_s = c == CLASS_FLASH ? LADDER_FLASH_REPEAT_S : limit_s / 2;
	unsigned n = 0;

	if (step_s < LADDER_STEP_MIN_S) /* a policy note may set a limit of a second */
		step_s = LADDER_STEP_MIN_S;
	for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
		if (ladder[i].class != c || ladder[i].answer != answer)
			continue;
		last_s = ladder[i].after_s;
		if (++n == level)
			return last_s;
	}
	if (!n) { /* no rows: the first level at the limit */
		last_s = limit_s;
		n = 1;
	}
	return last_s + step_s * (level > n ? level - n : 0);
}
