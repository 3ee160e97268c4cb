/* SPDX-License-Identifier: Apache-2.0
 * Requests between members: drafts, four eyes, the steps of both sides, their clocks. Built on exchange.h; JSON in and out.
 *
 * Calls that change something make their own write transaction and are durable when they return; then call exchange_poll().
 * An id may be given by its beginning, 8 characters or more, if that is unambiguous.
 * Every step is an audit event in the same transaction; every denial is one too. docs/protocol/request.md is the contract.
 */
#ifndef EXCHANGE_REQUEST_H
#define EXCHANGE_REQUEST_H
#include "base/cleanup.h"
#include "base/json.h"
#include "exchange/clock.h"
#include "exchange/exchange.h"
#include "exchange/request-doc.h"
#include "exchange/request-table.h"

struct requests;
struct store_schema;

/* What people must be told. No case content. Told from inside a transaction: it may come again after a crash. */
enum request_ring {
	RING_ARRIVED,	/* a request came in */
	RING_EVENT,	/* the peer made a step */
	RING_LATE,	/* a clock's limit has passed; level 1 and up: escalate */
	RING_REMINDER,	/* 50, 80, 95 % of a measure's term */
	RING_TERM_OVER, /* the term has ended */
	RING_FAILED,	/* could not be delivered, or the peer refused a step */
	RING_LAPSED,	/* no second person in time */
};
struct request_alarm {
	enum request_ring ring;
	enum request_class class;
	enum clock_kind clock; /* for LATE */
	unsigned level;
	const char *id, *peer, *text;
};

/* Requests per hour; 0 takes the default. */
struct request_limits {
	unsigned officer_hour, node_hour, peer_hour;
};
enum { REQUEST_OFFICER_HOUR = 60, REQUEST_NODE_HOUR = 600, REQUEST_PEER_HOUR = 1200 };

enum { REQUEST_RETENTION_MIN_DAYS = 60 }; /* longer than delivery is tried and steps may be late */

struct request_options {
	struct request_checks checks; /* what the ledger beside knows */
	struct request_limits limits;
	int64_t retention_days[CLASS_N]; /* what is over is erased after this many; 0: never */
	void *ctx;
	void (*ring)(void *ctx, const struct request_alarm *a); /* may be NULL */
	/* May a new request of this class be sent now? Asked in the transaction that sends it; 0 or an error. May be NULL. */
	int (*admit)(void *ctx, enum request_class c, const char *id, struct err *e);
};

/** request_schema - tables, for store_migrate (before requests_open, after those of audit and exchange) */
const struct store_schema *request_schema(void);

/** requests_open - register the handlers of both media types and take up the clocks where the rows left them
 * In:      x        BORROWS: must outlive it
 *          o        copied; NULL for none
 * Returns: 0; -ERR_EXIST opened twice on one exchange; -ERR_RANGE retention_days; as store_exec */
int requests_open(struct exchange *x, const struct request_options *o, struct requests **ret_q,
		  struct err *e) WARN_UNUSED;
/** requests_close - forget what is in memory (the exchange must be closed or idle); takes NULL; returns NULL */
struct requests *requests_close(struct requests *q);
DEFINE_CLEANUP(struct requests *, requests_close);

/** requests_poll - ring what is due, at most 256 rows; call again while requests_next_due() has passed
 * Returns: rings, >= 0; as store_exec */
int requests_poll(struct requests *q, struct err *e) WARN_UNUSED;
/** requests_next_due - milliseconds from now until requests_poll has work; INT64_MAX when nothing is due */
int64_t requests_next_due(struct requests *q);

/* ---- the requesting side ---- */

/** request_draft - a new request in state DRAFT
 * In:      in       the request part's fields but id, version, from, created_at; what is left out gets its default
 * Out:     ret      as request_show; "content_sha256" is the hash of what would be sent, "warnings" what to look at
 * Returns: 0; -ERR_DENIED; -ERR_MEMBER_UNKNOWN; -ERR_QUOTA; as request_doc_check, e->field is the path; as store_exec */
int request_draft(struct requests *q, const struct actor *a, const json_t *in, json_t **ret,
		  struct err *e) WARN_UNUSED;

/** request_submit - DRAFT to APPROVAL, or to SENT where no second person is needed
 * Returns: 0; -ERR_DENIED; -ERR_NOENT; -ERR_TRANSITION; -ERR_QUOTA; -ERR_EXPIRED; as exchange_post */
int request_submit(struct requests *q, const struct actor *a, const char *id, json_t **ret,
		   struct err *e) WARN_UNUSED;

/** request_approve - the second person agrees to exactly this content, and it is sent
 * In:      sha256   hex of the content's hash as shown to that person
 * Returns: 0; -ERR_DENIED; -ERR_NOENT; -ERR_TRANSITION; -ERR_FOUR_EYES same person; -ERR_STALE another content; -ERR_EXPIRED; as
 *          exchange_post
 * request_reject - the second person disagrees: back to DRAFT, with a text */
int request_approve(struct requests *q, const struct actor *a, const char *id, const char *sha256,
		    json_t **ret, struct err *e) WARN_UNUSED;
int request_reject(struct requests *q, const struct actor *a, const char *id, const char *text,
		   json_t **ret, struct err *e) WARN_UNUSED;

/** request_discard - throw away what was not sent */
int request_discard(struct requests *q, const struct actor *a, const char *id, json_t **ret,
		    struct err *e) WARN_UNUSED;

/* ---- steps of either side ---- */

/** request_act - make a step that travels: ACK, ACCEPT, PARTIAL, CLARIFY, CLARIFIED, TRANSFER, REFUSE, INTERIM, ANSWER, WITHDRAW, CLOSE
 * In:      in       the event part's fields beside version, id, request, event, at, officer, delivered_at; NULL for none
 * Returns: 0; -ERR_DENIED role, or the other side's step; -ERR_NOENT; -ERR_TRANSITION; as event_doc_check and event_doc_outcome; as
 *          exchange_post */
int request_act(struct requests *q, const struct actor *a, const char *id, enum request_event event,
		const json_t *in, json_t **ret, struct err *e) WARN_UNUSED;

/* ---- looking ---- */

enum { REQUEST_CODE_MAX = 32 };
/* What decides beside the role who may see a request and work on it. */
struct request_label {
	char marking[REQUEST_CODE_MAX + 1];  /* "TLP:RED"; "" where it is not known */
	char handling[REQUEST_CODE_MAX + 1]; /* "H3" */
	bool member;			     /* this officer wrote it here, or made a step of it */
};

/** request_label - of one request, for an officer of this node
 * Returns: 0; -ERR_INVAL not an id; -ERR_NOENT; as store_exec */
int request_label(struct requests *q, const char *officer, const char *id,
		  struct request_label *ret, struct err *e) WARN_UNUSED;

struct request_filter {
	const char *state, *class, *type, *peer; /* NULL for any */
	const char *direction;			 /* "in", "out", NULL for both */
	bool all;				 /* also what is over */
	const char *after;			 /* "next" of the page before, NULL for the first */
	unsigned limit;				 /* 0 for 50; at most REQUEST_PAGE_MAX */
	/* May this officer see a request of this label? What they may not see is not in the list. NULL: all of it. */
	bool (*may)(void *ctx, const struct request_label *l);
	void *may_ctx;
};
enum { REQUEST_PAGE_MAX = 500 };
/** request_filter_check - are its words words of the tables; what is wrong names those that are
 * Returns: 0; -ERR_INVAL; -ERR_RANGE limit */
int request_filter_check(const struct request_filter *f, struct err *e) WARN_UNUSED;
/** request_list - a page, the least remaining time first
 * Out:     ret      {"requests": [...], "next": "..." if there is more, "now"}
 * Returns: 0; -ERR_DENIED; -ERR_INVAL; as store_exec */
int request_list(struct requests *q, const struct actor *a, const struct request_filter *f,
		 json_t **ret, struct err *e) WARN_UNUSED;

/** request_show - everything about one: fields, events with their audit numbers, receipts, clocks, what this person may do next
 * Returns: 0; -ERR_DENIED; -ERR_NOENT; -ERR_INVAL ambiguous; as store_exec */
int request_show(struct requests *q, const struct actor *a, const char *id, json_t **ret,
		 struct err *e) WARN_UNUSED;
#endif
