/* SPDX-License-Identifier: Apache-2.0
 * Clocks of requests: rows that run from the receiver's signed delivery time and outlive restarts and clock steps.
 *
 * Each row has two ends. due_s is in the time of the node that signed the start (the receiver), so that both nodes show the
 * same; local_s is the same moment on this node's steady time, by which alarms ring. Steady time never runs backward. */
#ifndef EXCHANGE_CLOCK_H
#define EXCHANGE_CLOCK_H
#include "base/err.h"
#include "exchange/request-table.h"

struct store;

/* Written into rows: never renumbered. */
enum clock_kind {
	CLOCK_RECEIPT = 0,  /* sending side: machine receipt */
	CLOCK_ACK = 1,	    /* a human has it */
	CLOCK_ANSWER = 2,   /* first answer */
	CLOCK_APPROVAL = 3, /* second person */
	CLOCK_PAUSE = 4,    /* the answer's clock stands still while a question is open */
	CLOCK_EXPIRY = 5,   /* validity stated by the sender */
	CLOCK_TERM = 6,	    /* term of a measure, with reminders */
	CLOCK_KINDS = 7,
};
#define CLOCK_NEVER INT64_MAX
enum { CLOCK_APPROVAL_S = 600, CLOCK_PAUSE_S = 86400, CLOCK_REMINDERS = 3 };

struct clock_row {
	enum clock_kind kind;
	int64_t started_s, due_s; /* time of the node that signed the start */
	int64_t local_s;	  /* due, on this node's steady time */
	int64_t next_s;		  /* steady time of the next ring; CLOCK_NEVER when none */
	int64_t paused_s;	  /* since when it stands still; 0 when it runs */
	int64_t done_s;		  /* when it was met or ended; 0 while open */
	unsigned level;		  /* rings so far */
};

/* ---- steady time ---- */

struct clock_base {
	int64_t wall_ms, mono_ms; /* of one moment */
};
/** clock_base_init - begin at a moment
 * In:      newest_s  the latest time in rows: steady time does not begin before it, should the wall have stepped back */
void clock_base_init(struct clock_base *b, int64_t wall_ms, int64_t mono_ms, int64_t newest_s);
/** clock_steady - seconds: the wall's, or what the monotonic clock makes of the beginning, whichever is later
 * Notes:   a wall that jumps ahead is followed (the machine may have slept; ringing early is safe) and, when it comes back, left
 *          again; one that jumps back is not followed until a restart */
int64_t clock_steady(const struct clock_base *b, int64_t wall_ms, int64_t mono_ms);

/** clock_add_working - start plus seconds of which only those on Monday to Friday (UTC) count
 * Source:  docs/protocol/request.md 6 */
int64_t clock_add_working(int64_t start_s, int64_t seconds);
/** clock_due - end of a clock that runs for limit_s seconds; the acknowledgement of ROUTINE counts working days */
int64_t clock_due(enum request_class c, enum clock_kind kind, int64_t start_s, int64_t limit_s);
/** clock_kind_name - "receipt", "ack", "answer", "approval", "pause", "expiry", "term" */
const char *clock_kind_name(enum clock_kind k);

/* ---- rows, in the caller's transaction ---- */

/** clock_start - begin a clock of a request, anew if there is one
 * In:      ahead_s   steady time minus the time of the node that signed the start, as far as this node knows
 *          first_s   seconds from the start to the first ring
 * Returns: 0; as store_exec */
int clock_start(struct store *s, const char *request, enum clock_kind k, int64_t start_s,
		int64_t due_s, int64_t ahead_s, int64_t first_s, struct err *e) WARN_UNUSED;
/** clock_move - the same clock from another start; what has rung, stood or ended stays. In and returns: as clock_start */
int clock_move(struct store *s, const char *request, enum clock_kind k, int64_t start_s,
	       int64_t due_s, int64_t ahead_s, int64_t first_s, struct err *e) WARN_UNUSED;
/** clock_done - end a clock at a time of the starting node's; one that is not there or has ended is left
 * clock_done_all - end every clock of a request */
int clock_done(struct store *s, const char *request, enum clock_kind k, int64_t at_s,
	       struct err *e) WARN_UNUSED;
int clock_done_all(struct store *s, const char *request, int64_t at_s, struct err *e) WARN_UNUSED;
struct clock_pause {
	int64_t since_s;
	int64_t end_s; /* from since_s to CLOCK_PAUSE_S behind it; 0: it stands still */
};
/** clock_hold - the answer's clock stands still, or has stood and ends that much later; the level stays
 * Notes:   the whole of what is known: it replaces what was said before, also behind the clock's own end; the same changes nothing
 * Returns: 0; as store_exec */
int clock_hold(struct store *s, const char *request, const struct clock_pause *p,
	       struct err *e) WARN_UNUSED;
/** clock_ring - store what a ring changed: level and next */
int clock_ring(struct store *s, const char *request, const struct clock_row *row,
	       struct err *e) WARN_UNUSED;
/** clock_get - one row. Returns: 1; 0 none; as store_exec
 * clock_list - all rows of a request by kind. Returns: how many; as store_exec */
int clock_get(struct store *s, const char *request, enum clock_kind k, struct clock_row *ret,
	      struct err *e) WARN_UNUSED;
int clock_list(struct store *s, const char *request, struct clock_row ret[static CLOCK_KINDS],
	       struct err *e) WARN_UNUSED;
/** clock_next - steady time of the next ring of any request; CLOCK_NEVER when none */
int clock_next(struct store *s, int64_t *ret_next_s, struct err *e) WARN_UNUSED;
#endif
