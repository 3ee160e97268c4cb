/* SPDX-License-Identifier: Apache-2.0
 * Inside of duty: the object, its caches, and what its files offer each other. All caches can be made again from rows. */
#ifndef DUTY_DUTY_INT_H
#define DUTY_DUTY_INT_H
#include "audit/audit.h"
#include "base/text.h"
#include "base/time.h"
#include "duty/duty.h"
#include "exchange/directory.h"
#include "exchange/request-wait.h"
#include "store/store.h"
#include <string.h>

enum {
	DUTY_ZONES_MAX = 40,
	DUTY_MEMBERS_MAX = DIRECTORY_MEMBERS_MAX,
	DUTY_STEPS_MAX = 32, /* of one ladder */
	DUTY_COVERAGE_DAYS = 30,
	DUTY_DAY_S = 86400,
	DUTY_ID_MAX = 80,	 /* of an alert: a request's id, or "watch:" and a member */
	DUTY_REFERENCE_LEN = 13, /* of a request's id, as people see it */
};

/* When a member was last asked, and whether an answer is outstanding. */
struct duty_member {
	char name[EXCHANGE_NAME_MAX + 1];
	int64_t asked_s; /* steady */
};
struct duty_codes { /* wrong codes lately */
	int64_t since_s;
	unsigned wrong;
};
struct duty {
	struct exchange *x;
	struct requests *q;
	struct store *s;
	const struct exchange_env *xenv;
	const struct duty_env *env;
	struct duty_options o;
	const char *node;
	struct tz *zones[DUTY_ZONES_MAX];
	size_t zones_n;
	bool loaded; /* people and seats are as in the rows */
	struct roster_person *people;
	size_t people_n;
	struct roster *seats;
	size_t seats_n;
	struct duty_member members[DUTY_MEMBERS_MAX];
	size_t members_n;
	struct duty_codes codes;
	int64_t opened_s;   /* steady */
	int64_t coverage_s; /* steady time of the next daily check */
	size_t findings_n;
	int64_t checked_s; /* wall; 0 never */
	int64_t drills_s;  /* steady: when to look for drills that are due */
	bool changed;	   /* a request was changed: exchange has work */
};

/* ---- duty.c ---- */
int64_t duty_now(const struct duty *d);	 /* steady seconds */
int64_t duty_wall(const struct duty *d); /* Unix seconds */
/** duty_audit - in the open transaction; detail STEALS a JSON object, NULL for none */
int duty_audit(struct duty *d, enum audit_type type, const char *who, const char *what,
	       const char *target, STEALS json_t *detail, struct err *e) WARN_UNUSED;
/** duty_count - one number by SQL without placeholders; -1 an error. json_time - RFC 3339, null for 0 */
json_t *duty_time_json(int64_t unix_s);
int duty_changed(int64_t rows); /* 0, or the error in a number of rows */

/* ---- desk.c: people and seats from the rows ---- */
int duty_load(struct duty *d, struct err *e) WARN_UNUSED;
void duty_unload(struct duty *d);
/** duty_zone - cached; NULL if the system does not know it */
const struct tz *duty_zone(struct duty *d, const char *name);
const struct roster *duty_seat(struct duty *d, const char *name);
const struct roster_person *duty_person(struct duty *d, const char *officer);
/** duty_check - coverage of all seats (or one) for some days: findings as JSON, NULL when out of memory
 * duty_check_daily - once a day; tells people of gaps */
json_t *duty_findings(struct duty *d, const char *seat, int64_t days, size_t *ret_n);
void duty_check_daily(struct duty *d);

/* ---- ladder.c ---- */
enum duty_side { DUTY_IN, DUTY_OUT, DUTY_SILENT, DUTY_WATCH, DUTY_DRILL, DUTY_SIDES };
struct duty_step {
	int64_t after_s;
	char target[ROSTER_NAME_MAX + 8]; /* "seat:duty", "contact:1", "contacts" */
	unsigned channel;		  /* 1 first; 0 all */
};
struct duty_ladder {
	enum duty_side side;
	char class[DUTY_CLASS_MAX + 1];
	int64_t repeat_s;
	bool all_must;
	struct duty_step steps[DUTY_STEPS_MAX];
	size_t n;
};
const char *duty_side_name(enum duty_side s);
int duty_side_parse(const char *s, enum duty_side *ret);
/** duty_ladder_load - from the rows. Returns: 1; 0 there is none; as store_exec. duty_ladder_seed - the built-in rows, if there are none */
int duty_ladder_load(struct duty *d, enum duty_side side, const char *class,
		     struct duty_ladder *ret, struct err *e) WARN_UNUSED;
int duty_ladder_seed(struct duty *d, struct err *e) WARN_UNUSED;

/* ---- alert.c ---- */
enum duty_state { DUTY_OPEN, DUTY_HELD, DUTY_OVER };
struct duty_alert {
	char id[DUTY_ID_MAX + 1];
	enum duty_side side;
	enum duty_state state;
	char class[DUTY_CLASS_MAX + 1], peer[EXCHANGE_NAME_MAX + 1], request[REQUEST_ID_LEN + 1];
	int64_t started_s; /* steady: of the clock that people see */
	int64_t base_s;	   /* steady: steps count from here (skips and reopening move it) */
	int64_t step;	   /* the next one; the last again and again */
	int64_t next_s;	   /* steady: when it is due, or when a held one opens again */
	char holder[ROSTER_NAME_MAX + 1];
	int64_t held_s, ended_s;
	bool acked; /* the request was seen in ACKNOWLEDGED */
};
/** duty_alerts_sweep - bring the alerts in line with the requests that wait; alerts_due - make the steps that are due */
int duty_alerts_sweep(struct duty *d, struct err *e) WARN_UNUSED;
int duty_alerts_due(struct duty *d, struct err *e) WARN_UNUSED;
/** duty_alert_load - Returns: 1; 0; as store_exec. duty_alert_save - insert or replace */
int duty_alert_load(struct duty *d, const char *id, struct duty_alert *ret,
		    struct err *e) WARN_UNUSED;
int duty_alert_save(struct duty *d, const struct duty_alert *a, struct err *e) WARN_UNUSED;
void duty_alert_read(struct store_rows *rows, struct duty_alert *ret);
#define DUTY_ALERT_COLUMNS                                                                        \
	"SELECT id, side, state, class, peer, request, started_s, base_s, step, next_s, holder, " \
	"held_s, ended_s, acked FROM duty_alert "
/** duty_alert_hold - somebody has answered; how: "link", "code", "console", "request" */
int duty_alert_hold(struct duty *d, struct duty_alert *a, const char *officer, const char *how,
		    struct err *e) WARN_UNUSED;
int duty_alert_end(struct duty *d, struct duty_alert *a, struct err *e) WARN_UNUSED;
/** duty_alert_failed - every ring of its last step has failed: the next step is due now */
int duty_alert_failed(struct duty *d, const char *id, int64_t step, struct err *e) WARN_UNUSED;
/** duty_watch - a member is silent, or is heard again */
int duty_watch(struct duty *d, const char *member, bool silent, struct err *e) WARN_UNUSED;

/* ---- ring.c ---- */
enum duty_ring_state { RING_QUEUED, RING_GOING, RING_SENT, RING_NO, RING_ANSWERED, RING_VOID };
/** duty_ring_target - queue the rings of one step, in the open transaction
 * Returns: rings queued; 0 nobody is there; as store_exec */
int duty_ring_target(struct duty *d, const struct duty_alert *a, const struct duty_step *step,
		     struct err *e) WARN_UNUSED;
/** duty_rings_out - hand what is queued to the channels. duty_rings_again - after a start: what was under way is queued again */
int duty_rings_out(struct duty *d, struct err *e) WARN_UNUSED;
int duty_rings_again(struct duty *d, struct err *e) WARN_UNUSED;
/** duty_rings_void - no answer to earlier rings of this alert is taken any more
 * duty_rings_answered - those of one person; ret_left: people rung who have not answered */
int duty_rings_void(struct duty *d, const char *alert, struct err *e) WARN_UNUSED;
int duty_rings_answered(struct duty *d, const char *alert, const char *officer, int64_t *ret_left,
			struct err *e) WARN_UNUSED;
json_t *duty_rings_json(struct duty *d, const char *alert);
const char *duty_country(struct duty *d, const char *member); /* "IT"; "??" if not a member */

/* ---- who.c ---- */
/** duty_hear - heartbeats, questions and silence: what is due */
int duty_hear(struct duty *d, struct err *e) WARN_UNUSED;
json_t *duty_note_json(struct duty *d, const char *member);

/* ---- contact.c ---- */
struct duty_contact {
	const struct directory_contact *c; /* of the directory, until its next change */
	unsigned number;		   /* from 1 */
	int64_t verified_s;		   /* or first seen */
	bool verified, amber, red;
};
/** duty_contacts - the contact points of a member. Returns: how many of at most max; as store_exec
 * duty_contact_seen - an answered drill verifies the first one */
int duty_contacts(struct duty *d, const char *member, struct duty_contact *ret, size_t max,
		  struct err *e) WARN_UNUSED;
/** duty_contacts_meet - remember when contact points were first seen, in the open transaction */
int duty_contacts_meet(struct duty *d, const char *member, struct err *e) WARN_UNUSED;
int duty_contact_seen(struct duty *d, const char *member, const char *by,
		      struct err *e) WARN_UNUSED;

/* ---- drill.c ---- */
int duty_drill_begun(struct duty *d, const struct request_waiting *w, struct err *e) WARN_UNUSED;
/** duty_drills_settle - record the time of one drill that was answered; once a poll */
int duty_drills_settle(struct duty *d, struct err *e) WARN_UNUSED;
/** duty_drill_own - the last drill that was answered here. Returns: 1; 0 none; as store_exec
 * duty_drills_due - send those that this quarter asks for */
int duty_drill_own(struct duty *d, int64_t *ret_at_s, int64_t *ret_seconds,
		   struct err *e) WARN_UNUSED;
int duty_drills_due(struct duty *d, struct err *e) WARN_UNUSED;

/* ---- known-bad variants, only in the simulator (fault.def) ---- */
enum duty_fault {
	DUTY_FAULT_NONE,
#define DUTY_FAULT(name, doc) DUTY_FAULT_##name,
#include "duty/fault.def"
#undef DUTY_FAULT
	DUTY_FAULTS_N
};
#ifdef DUTY_FAULTS
extern enum duty_fault duty_fault;
#define FAULTY(name) (duty_fault == DUTY_FAULT_##name)
#else
#define FAULTY(name) 0
#endif
#endif
