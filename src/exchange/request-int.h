/* SPDX-License-Identifier: Apache-2.0
 * Inside of requests: the object, its rows, and the one function that makes a step. */
#ifndef EXCHANGE_REQUEST_INT_H
#define EXCHANGE_REQUEST_INT_H
#include "audit/audit.h"
#include "exchange/approval.h"
#include "exchange/request.h"
#include "store/store.h"

struct requests {
	struct exchange *x;
	struct store *s;
	const struct exchange_env *env;
	const char *node;
	struct request_options o;
	struct clock_base clock;
};

/* One row of table request. */
struct request_row {
	char id[REQUEST_ID_LEN + 1];
	enum request_side side; /* which side this node is */
	char peer[EXCHANGE_NAME_MAX + 1];
	enum request_type type;
	enum request_class class;
	enum request_state state;
	uint8_t hash32[32]; /* of the body */
	char author[EXCHANGE_NAME_MAX + 1];
	char marking[REQUEST_CODE_MAX + 1], handling[REQUEST_CODE_MAX + 1];
	char earlier[REQUEST_ID_LEN + 1]; /* the request that this one is about, or "" */
	int64_t erased_s;		  /* since when only this row is left; 0 */
	uint8_t message16[16];		  /* the parcel that carried the request */
	bool has_message;
	int64_t created_s, sent_s, delivered_s; /* delivered: receiver's signed time; 0 when not */
	char question[REQUEST_ID_LEN + 1];	/* event id of the open question, or "" */
	bool conflict;				/* the peer refused a step of ours */
};

enum { REQUEST_EVENT_LIFE_S = 14 * 86400 }; /* delivery of steps is tried this long */

/* ---- request.c ---- */
/** request_denied - write a denial of what a person tried to the log, in a transaction of its own
 * Returns: r; what writing it returned, when that failed */
int request_denied(struct requests *q, const struct actor *a, const char *what, const char *id,
		   int r, struct err *e) WARN_UNUSED;
/** request_expire - the step of the machine when the validity has ended; the caller has asked the table */
int request_expire(struct requests *q, struct request_row *row, struct err *e) WARN_UNUSED;

/* ---- request-rows.c: all within the caller's transaction ---- */
int64_t request_wall_s(const struct requests *q);
int64_t request_steady_s(const struct requests *q);
/** request_claimed - a time that the peer states, at most 5 minutes ahead of here: a clock started or stopped by a time to come
 *                   would never ring */
int64_t request_claimed(const struct requests *q, int64_t at_s);
/** request_uuid - a new UUIDv7 in text */
void request_uuid(const struct requests *q, char out[static REQUEST_ID_LEN + 1]);
int row_insert(struct requests *q, const struct request_row *r, const char *body, size_t body_len,
	       const char *case_ref, struct err *e) WARN_UNUSED;
/** row_mark - take marking and handling code over from the request's part
 * rows_mark - the same for the rows of earlier programs, which have none */
void row_mark(struct request_row *r, const struct request_doc *d);
int rows_mark(struct requests *q, struct err *e) WARN_UNUSED;
/** row_load - by id. Returns: 0; -ERR_NOENT; row_load_by_message - by side, the id of its parcel
 * and the peer, since a peer chooses the ids of its own parcels. Returns: 1; 0 none */
int row_load(struct requests *q, const char *id, struct request_row *ret,
	     struct err *e) WARN_UNUSED;
int row_load_by_message(struct requests *q, enum request_side side, const uint8_t id16[static 16],
			const char *peer, struct request_row *ret, struct err *e) WARN_UNUSED;
int row_update(struct requests *q, const struct request_row *r, struct err *e) WARN_UNUSED;
/** row_doc - the request's part, decoded again from its row. Returns: 0; -ERR_ERASED; -ERR_NOENT; as request_doc_parse */
int row_doc(struct requests *q, const char *id, struct request_doc *ret, struct err *e) WARN_UNUSED;
/** row_over - has it ended, so that it is not among what is open */
bool row_over(const struct request_row *r);
/** row_due - set the order of the list from the clocks */
int row_due(struct requests *q, const char *id, struct err *e) WARN_UNUSED;

/* ---- request-step.c ---- */
struct request_act {
	enum request_event event;
	bool arrived;		     /* from the peer */
	const char *officer;	     /* who; "system" for the machine */
	int64_t at_s;		     /* maker's clock */
	int64_t stored_s;	     /* arrived: this node's signed delivery time */
	const struct event_doc *doc; /* of events that travel */
	const char *body;	     /* the event part as text, NULL for none */
	size_t body_len;
	const uint8_t *message16; /* the parcel, NULL for none */
	const char *text;	  /* of events that stay at home: a reason, NULL for none */
};
/** request_apply - make a step: table, clocks, receipts, rows, audit, alarm
 * Out:     row      its new state
 * Returns: 0; -ERR_TRANSITION; as exchange_post and store_exec */
int request_apply(struct requests *q, struct request_row *row, const struct request_act *act,
		  struct err *e) WARN_UNUSED;
/** request_audit - one event about a request, in the caller's transaction */
int request_audit(struct requests *q, enum audit_type type, const char *who, const char *what,
		  const struct request_row *row, STEALS json_t *detail, uint64_t *ret_seq,
		  struct err *e) WARN_UNUSED;
void request_ring(const struct requests *q, const struct request_row *row, enum request_ring ring,
		  enum clock_kind clock, unsigned level, const char *text);
/** request_part_post - put a part into the outbox in the request's lane */
int request_part_post(struct requests *q, const struct request_doc *d, const char *peer,
		      const char *officer, const char *media_type, const char *body,
		      size_t body_len, int64_t expires_s, uint8_t ret_id16[static 16],
		      struct err *e) WARN_UNUSED;
/** request_clock_begin - start a clock whose start is in the time of the node that signed it */
int request_clock_begin(struct requests *q, const char *id, enum clock_kind k, int64_t start_s,
			int64_t due_s, int64_t first_s, struct err *e) WARN_UNUSED;
/** request_start_clocks - acknowledgement and answer, from the receiver's signed delivery time
 * request_count_from - the same clocks, from another delivery time than was believed; what has rung, stood or ended stays */
int request_start_clocks(struct requests *q, const struct request_row *row,
			 struct err *e) WARN_UNUSED;
int request_count_from(struct requests *q, struct request_row *row, int64_t delivered_s,
		       struct err *e) WARN_UNUSED;

/* ---- request-pause.c ---- */
/** request_pause - put the pause of the answer's clock right, after any change of the steps that are recorded
 * Notes:   the same steps give the same pause, in whatever order they came: call it as often as you like
 * Returns: 0; -ERR_CORRUPT; as store_exec */
int request_pause(struct requests *q, const struct request_row *row, struct err *e) WARN_UNUSED;

/* ---- request-recv.c ---- */
int request_on_part(void *ctx, struct exchange *x, const struct exchange_message *m, struct err *e);
int request_on_event(void *ctx, struct exchange *x, const struct exchange_message *m,
		     struct err *e);
int request_on_delivery(void *ctx, struct exchange *x, const struct exchange_delivery *d,
			struct err *e);
/** request_on_restamped - this node gets the R1 of its former life back: a request or a reply counts from its time again */
int request_on_restamped(void *ctx, struct exchange *x, const char *peer,
			 const uint8_t id16[static 16], int64_t stored_s, struct err *e);

/** request_check_manifest - does a request's part repeat what the manifest and the way of its message say
 * request_event_known - 0: no event of this id is here; -ERR_CONFLICT */
int request_check_manifest(const struct requests *q, const struct request_doc *d,
			   const struct exchange_message *m, struct err *e) WARN_UNUSED;
int request_event_known(struct requests *q, const char *id, struct err *e) WARN_UNUSED;

/* ---- request-recall.c ---- */
/** request_on_part_recalled, request_on_event_recalled - an own request or step that a peer gave back (exchange_on_recall)
 * request_replay - something about the request has come: make the own steps again that waited for it */
int request_on_part_recalled(void *ctx, struct exchange *x, const struct exchange_message *m,
			     struct err *e);
int request_on_event_recalled(void *ctx, struct exchange *x, const struct exchange_message *m,
			      struct err *e);
int request_replay(struct requests *q, const struct request_row *row, struct err *e) WARN_UNUSED;

/* ---- request-power.c ---- */
/** request_power_warn - a warning when the requested member does not state the power that the request asks for
 * Returns: 0; -ERR_NOMEM */
int request_power_warn(struct requests *q, const struct request_doc *d,
		       json_t *warnings) WARN_UNUSED;

/* ---- request-view.c ---- */
/** request_find - the row of an id, or of the beginning of exactly one id
 * Returns: 0; -ERR_INVAL not an id, or ambiguous; -ERR_NOENT; as store_exec */
int request_find(struct requests *q, const char *id, struct request_row *ret,
		 struct err *e) WARN_UNUSED;
int request_view(struct requests *q, const struct actor *a, const struct request_row *row,
		 json_t **ret, struct err *e) WARN_UNUSED;
#endif
