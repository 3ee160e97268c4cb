/* SPDX-License-Identifier: Apache-2.0
 * The table of requests (requests.def) as enums and rows: which types, classes, states, events, moves, grounds, fields and rights
 * there are. Pure; every list has its last-plus-one as X_N. */
#ifndef EXCHANGE_REQUEST_TABLE_H
#define EXCHANGE_REQUEST_TABLE_H
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum request_type {
#define REQUEST_TYPE(name, ...) TYPE_##name,
#include "exchange/requests.def"
	TYPE_N
};
enum request_class {
#define REQUEST_CLASS(name, ...) CLASS_##name,
#include "exchange/requests.def"
	CLASS_N
};
enum request_state {
#define REQUEST_STATE(name, ...) STATE_##name,
#include "exchange/requests.def"
	STATE_N
};
enum request_event {
#define REQUEST_EVENT(name, ...) EVENT_##name,
#include "exchange/requests.def"
	EVENT_N
};
enum request_ground {
#define REQUEST_GROUND(name, ...) GROUND_##name,
#include "exchange/requests.def"
	GROUND_N
};
/* Objects and code lists of the JSON parts. */
enum request_sub {
#define REQUEST_SUB(name, ...) SUB_##name,
#include "exchange/requests.def"
	SUB_N
};
/* Kinds of fields of the JSON parts; what each means stands in requests.def. */
enum request_kind {
	KIND_INT,
	KIND_STR,
	KIND_TEXT,
	KIND_CODE,
	KIND_TIME,
	KIND_DEC,
	KIND_HEX,
	KIND_ID,
	KIND_LANG,
	KIND_COUNTRY,
	KIND_NAME,
	KIND_GRADE,
	KIND_CHAIN,
	KIND_ACCOUNT,
	KIND_ASSET,
	KIND_OBJ,
	KIND_LIST,
	KIND_N
};
enum request_need { NEED_OPT, NEED_CASE, NEED_NEED };
enum request_side { SIDE_ORIGIN, SIDE_RECEIVER };
enum request_maker { MAKER_PERSON, MAKER_MACHINE, MAKER_WIRE, MAKER_WIRE_MACHINE };
enum request_action {
	ACTION_NONE, /* the machine's: no person may */
	ACTION_READ,
	ACTION_DRAFT,
	ACTION_SUBMIT,
	ACTION_APPROVE,
	ACTION_ACK,
	ACTION_DECIDE,
	ACTION_ANSWER,
	ACTION_REPLY,
	ACTION_WITHDRAW,
	ACTION_CLOSE,
	ACTION_HOLD, /* legal hold: stands against erasing */
	ACTION_N
};
enum { /* flags of rows */
       TYPE_FOUR_EYES = 1 << 0,
       TYPE_NO_REPLY = 1 << 1,
       TYPE_OUTCOME = 1 << 2,
       TYPE_TERM = 1 << 3,
       TYPE_EARLIER = 1 << 4,
       TYPE_BARE = 1 << 5,
       CLASS_FOUR_EYES = 1 << 0,
       CLASS_NO_PAUSE = 1 << 1,
       CLASS_WORKING_DAY = 1 << 2,
       STATE_OPEN = 1 << 0,
       STATE_FINAL = 1 << 1,
       GROUND_POINTER = 1 << 0,
       NEEDS_TEXT = 1 << 0,
       NEEDS_RE = 1 << 1,
       NEEDS_TO = 1 << 2,
       NEEDS_GROUND = 1 << 3,
       NEEDS_ANSWER = 1 << 4,
};

struct request_type_row {
	const char *text;
	unsigned flags, assets_min, term_days;
	const char *doc;
};
struct request_class_row {
	const char *text;
	int64_t receipt_s, ack_s, answer_s; /* limits */
	int64_t life_s;			    /* delivery is tried this long */
	unsigned flags;
	const char *doc;
};
struct request_state_row {
	const char *text;
	unsigned flags;
	const char *doc;
};
struct request_event_row {
	const char *text;
	enum request_side side;
	enum request_maker maker;
	enum request_action action;
	unsigned needs;
	const char *doc;
};
struct request_ground_row {
	const char *text;
	unsigned flags;
	const char *doc;
};

/** request_type_row ... request_ground_row - the row; never NULL */
const struct request_type_row *request_type_row(enum request_type t);
const struct request_class_row *request_class_row(enum request_class c);
const struct request_state_row *request_state_row(enum request_state s);
const struct request_event_row *request_event_row(enum request_event v);
const struct request_ground_row *request_ground_row(enum request_ground g);

/** request_type_parse ... request_ground_parse - the row's text to its enum, exact
 * Returns: 0; -ERR_NOENT */
int request_type_parse(const char *s, enum request_type *ret_type) WARN_UNUSED;
int request_class_parse(const char *s, enum request_class *ret_class) WARN_UNUSED;
int request_state_parse(const char *s, enum request_state *ret_state) WARN_UNUSED;
int request_event_parse(const char *s, enum request_event *ret_event) WARN_UNUSED;
int request_ground_parse(const char *s, enum request_ground *ret_ground) WARN_UNUSED;

/** request_code_known - whether a code stands in a list (SUB_TYPE, SUB_OFFENCE ...)
 * request_code_doc - its sentence for people; NULL when unknown */
bool request_code_known(enum request_sub list, const char *code);
/** request_words - the words of a code list for people, ", " between them; a longer list than fits ends in " ..." */
enum { REQUEST_WORDS_MAX = 260 };
const char *request_words(enum request_sub list, char out[static REQUEST_WORDS_MAX]);
const char *request_code_doc(enum request_sub list, const char *code);

struct request_field_row {
	enum request_sub object;
	const char *name;
	enum request_kind kind;
	enum request_sub sub;
	int64_t min, max;
	enum request_need need;
	const char *doc;
};
/** request_fields - all field rows; those of one object stand together
 * request_sub_doc - the name of an object or list for people */
const struct request_field_row *request_fields(size_t *ret_n);
const char *request_sub_doc(enum request_sub s);

/** request_event_on_wire - whether an event travels to the peer; request_event_by_person - whether a person makes it */
bool request_event_on_wire(enum request_event v);
bool request_event_by_person(enum request_event v);

/** request_needs_two - whether type and class demand a second person */
bool request_needs_two(enum request_type t, enum request_class c);

/* One step that is about to be made. */
struct request_step {
	enum request_state from;
	enum request_event event;
	enum request_type type;
	enum request_class class;
	bool arrived; /* came from the peer, not made here */
	bool current; /* replies to the question that is open; asked by CLARIFIED only */
};

/** request_move - what the table says about a step
 * Out:     ret_to   the state after it, which may be the state before
 * Returns: 0; -ERR_TRANSITION no such move, or its condition does not hold
 * Source:  docs/protocol/request.md 4 */
int request_move(const struct request_step *s, enum request_state *ret_to) WARN_UNUSED;

/** request_may - the one question about rights: deny by default over role and action
 * In:      roles    set of enum actor_role (exchange.h) */
bool request_may(uint32_t roles, enum request_action a);

/** request_ladder - when the n-th escalation level of a clock is reached
 * In:      answer   false: the clock of the acknowledgement, true: of the answer
 *          limit_s  length of that clock
 *          level    from 1
 * Returns: seconds after the clock's start, always more than for level - 1 */
int64_t request_ladder(enum request_class c, bool answer, int64_t limit_s, unsigned level);
#endif
