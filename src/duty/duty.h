/* SPDX-License-Identifier: Apache-2.0
 * Duty: who is on, whom to ring when, and who has answered. Sans-IO: rows, bytes and struct duty_env.
 *
 * The shell calls duty_poll() when duty_next_due() has come and after each call that may have changed a request; it tells
 * the outcome of each ring with duty_rung() and of each post with duty_asked(). One thread at a time; everything that must
 * survive is a row first. docs/format/roster.md, docs/protocol/escalation.md, docs/protocol/notify.md */
#ifndef DUTY_DUTY_H
#define DUTY_DUTY_H
#include "duty/notify.h"
#include "duty/roster.h"
#include "exchange/request.h"

struct duty;
struct store_schema;

enum {
	DUTY_NOTE_MAX = 8192,
	DUTY_TOKEN_LEN = 32,
	DUTY_HELD_S = 1800,	    /* an answer without action */
	DUTY_ANSWER_LIFE_S = 86400, /* of a link and a code */
	DUTY_HEARTBEAT_S = 30,
	DUTY_ASK_S = 120,    /* members that do not watch us hear from us this often */
	DUTY_SILENT_S = 100, /* three heartbeats and a grace */
	DUTY_NOTE_LIFE_S = 300,
	DUTY_WATCHERS_MAX = 4,
	DUTY_AMBER_S = 90 * 86400,
	DUTY_RED_S = 180 * 86400,
	DUTY_CLASS_MAX = 15,
};

/* The outside, beside that of exchange (clocks and randomness are taken from there). */
struct duty_env {
	void *ctx;
	/* A zone by its name, as tz_open(); duty frees it */
	int (*zone)(void *ctx, const char *name, struct tz **ret);
	/* Hand a ring to its channel; the outcome comes by duty_rung(), never from inside. 0; -ERR_NOENT no such channel; -ERR_OFFLINE */
	int (*ring)(void *ctx, const struct notify_message *m);
	/* Is there a channel of this name, and does its program run? */
	bool (*works)(void *ctx, const char *channel);
	/* POST a duty note to a member; its answer comes by duty_asked(), never from inside. 0; -ERR_OFFLINE */
	int (*ask)(void *ctx, const char *peer, const void *note, size_t len);
	/* For the log and the status page; wake: nobody may sleep through it. No case content */
	void (*alarm)(void *ctx, bool wake, const char *text);
};
struct duty_options {
	char answer_url[NOTIFY_LINK_MAX / 2]; /* base of links; "" for none: codes only */
	char watchers[DUTY_WATCHERS_MAX][EXCHANGE_NAME_MAX + 1]; /* none: the next two members */
	size_t watchers_n;
	bool drills; /* send one a quarter to each member */
};

/** duty_schema - tables, for store_migrate after those of requests */
const struct store_schema *duty_schema(void);

/** duty_open - take up alerts where the rows left them; the built-in ladder is written when there is none
 * In:      x, q, env   BORROWS: must outlive it. o is copied
 * Returns: 0; as store_exec; -ERR_NOMEM */
int duty_open(struct exchange *x, struct requests *q, const struct duty_env *env,
	      const struct duty_options *o, struct duty **ret_duty, struct err *e) WARN_UNUSED;
/** duty_close - forget what is in memory; takes NULL; returns NULL */
struct duty *duty_close(struct duty *d);
DEFINE_CLEANUP(struct duty *, duty_close);

/** duty_follow - others may have changed the rows: read people and seats again at the next poll */
void duty_follow(struct duty *d);

/** duty_poll - look at the requests, make the steps that are due, hand out rings, send heartbeats, check coverage once a day
 * Returns: 1 a request was changed (poll exchange); 0; as store_exec (call again later)
 * duty_next_due - milliseconds from now until it has work, at most 1000 */
int duty_poll(struct duty *d, struct err *e) WARN_UNUSED;
int64_t duty_next_due(const struct duty *d);

/** duty_rung - the outcome of a ring: 0, or why not; words for the log. An unknown id is passed over
 * Returns: 0; as store_exec */
int duty_rung(struct duty *d, uint64_t id, int result, const char *words,
	      struct err *e) WARN_UNUSED;

/* ---- answers ---- */

/** duty_answer_token - an answer by link; 64 hex digits. peek: only say whether it would be taken, and for what
 * Out:     ret_text    what it is about, for the page
 * Returns: 0; -ERR_NOENT unknown, used, void or too late; as store_exec
 * duty_answer_code - by code, from an address (NULL: a signed-in officer, who need not be the one rung)
 * Returns: 0; -ERR_NOENT; -ERR_QUOTA too many wrong ones
 * duty_answer_alert - by a signed-in officer, with the alert's id */
int duty_answer_token(struct duty *d, const char *token, bool peek,
		      char ret_text[static NOTIFY_TEXT_MAX + 1], struct err *e) WARN_UNUSED;
int duty_answer_code(struct duty *d, const char *officer, const char *address, const char *code,
		     struct err *e) WARN_UNUSED;
int duty_answer_alert(struct duty *d, const char *officer, const char *alert,
		      struct err *e) WARN_UNUSED;

/* ---- other members ---- */

/** duty_note_make - this node's own note, signed, appended to out; duty_note_take - one of a member, from a POST or its answer
 * Returns: 0; note_make: -ERR_IO keyd; note_take: -ERR_FORMAT and as note readers, -ERR_MEMBER_UNKNOWN, -ERR_SIGNATURE,
 *          -ERR_KEY_UNKNOWN, -ERR_EXPIRED, -ERR_SKEW from the future, -ERR_CONFLICT another member's; as store_exec */
int duty_note_make(struct duty *d, struct buf *out, struct err *e) WARN_UNUSED;
int duty_note_take(struct duty *d, const char *peer, const void *p, size_t len,
		   struct err *e) WARN_UNUSED;
/** duty_asked - the outcome of a post: the member's note, or NULL when there was no answer */
int duty_asked(struct duty *d, const char *peer, const void *p, size_t len,
	       struct err *e) WARN_UNUSED;

/* ---- what routes read and write: JSON of docs/protocol/escalation.md 6. Changes are durable when they return ---- */
int duty_show(struct duty *d, json_t **ret, struct err *e) WARN_UNUSED;
/** duty_roster - seat NULL for all; from_s 0 for now, until_s 0 for 30 days later
 * Returns: 0; -ERR_NOENT; as roster_shifts. duty_roster_ics - the same as iCalendar */
int duty_roster(struct duty *d, const char *seat, int64_t from_s, int64_t until_s, json_t **ret,
		struct err *e) WARN_UNUSED;
int duty_roster_ics(struct duty *d, const char *seat, int64_t from_s, int64_t until_s,
		    struct buf *out, struct err *e) WARN_UNUSED;
/** duty_seat_set, duty_person_set, duty_changes_add, duty_absences_set, duty_ladder_set - check, write, audit, check coverage
 * Returns: 0; as the readers of roster.h; -ERR_NOENT a person, seat or zone that is not known; -ERR_FIELD_MISSING a FLASH seat whose
 *          fallback has no channel; -ERR_OVERSIZE; as store_exec */
int duty_seat_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		  struct err *e) WARN_UNUSED;
int duty_person_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		    struct err *e) WARN_UNUSED;
int duty_changes_add(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		     struct err *e) WARN_UNUSED;
int duty_absences_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		      struct err *e) WARN_UNUSED;
int duty_ladder_set(struct duty *d, const struct actor *a, const json_t *in, json_t **ret,
		    struct err *e) WARN_UNUSED;
int duty_seat_remove(struct duty *d, const struct actor *a, const char *seat,
		     struct err *e) WARN_UNUSED;
int duty_change_remove(struct duty *d, const struct actor *a, int64_t id,
		       struct err *e) WARN_UNUSED;
int duty_coverage(struct duty *d, int64_t days, json_t **ret, struct err *e) WARN_UNUSED;
int duty_alerts(struct duty *d, bool all, json_t **ret, struct err *e) WARN_UNUSED;
int duty_ladders(struct duty *d, json_t **ret, struct err *e) WARN_UNUSED;
int duty_members(struct duty *d, json_t **ret, struct err *e) WARN_UNUSED;
int duty_contact_verify(struct duty *d, const struct actor *a, const char *member, int64_t contact,
			struct err *e) WARN_UNUSED;
/** duty_drill - send a TEST request to a member. Returns: 0; as request_draft and request_submit
 * duty_drills - the times to a human answer */
int duty_drill(struct duty *d, const struct actor *a, const char *peer, json_t **ret,
	       struct err *e) WARN_UNUSED;
int duty_drills(struct duty *d, json_t **ret, struct err *e) WARN_UNUSED;
#endif
