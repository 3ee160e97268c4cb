/* SPDX-License-Identifier: Apache-2.0
 * The two JSON parts of requests, decoded: bytes in, a checked document out. Pure but for the hook that knows outputs.
 *
 * There is no way to hold a document that was not checked: request_doc_parse() and event_doc_parse() are the only makers.
 * Unknown optional fields stay in `json` and in the text, so that they are passed on. */
#ifndef EXCHANGE_REQUEST_DOC_H
#define EXCHANGE_REQUEST_DOC_H
#include "base/cleanup.h"
#include "base/json.h"
#include "exchange/request-fields.h"
#include "exchange/request-table.h"

#define REQUEST_MEDIA_TYPE "application/vnd.lugdunum.request+json"
#define REQUEST_EVENT_MEDIA_TYPE "application/vnd.lugdunum.request-event+json"

/* What a ledger beside knows of outputs; both members may be NULL. */
struct request_checks {
	void *ctx;
	/* The value of an output in base units. Returns: 1 known; 0 not known; a negative error is taken as not known. */
	int (*output_value)(void *ctx, const char *chain, const char *txid, uint32_t output,
			    uint64_t *ret_units);
};

struct request_doc {
	json_t *json;	  /* owned */
	json_t *warnings; /* owned array of {"field", "message"} */
	/* Borrowed from json. */
	const char *id, *from, *to, *case_ref;
	const char *handling, *marking, *grade, *purpose, *basis;
	const char *
		earlier; /* id of the request that this is about; NULL for types that stand alone */
	const json_t *assets; /* array, or NULL */
	enum request_type type;
	enum request_class class;
	int64_t created_s, valid_until_s; /* Unix seconds; 0 when absent */
	int64_t term_days;		  /* 0 when the type has none */
};

/** request_doc_parse - decode and check one request part
 * In:      checks   may be NULL
 * Out:     ret      to be released with request_doc_done; untouched on failure
 * Limits:  len <= REQUEST_MAX
 * Returns: 0; as json_parse and request_fields_check; -ERR_VERSION; -ERR_CHECKSUM an
 *          address with a mistake, the likely one in e; -ERR_NETWORK an address of another chain; -ERR_AMOUNT more than the output
 *          holds; -ERR_SECRET a private key in place of an address
 * Source:  docs/protocol/request.md 2, 3 */
int request_doc_parse(const void *p, size_t len, const struct request_checks *checks,
		      struct request_doc *ret, struct err *e) WARN_UNUSED;
/** request_doc_check - the same for an object that is already there; takes a reference of its own */
int request_doc_check(json_t *j, const struct request_checks *checks, struct request_doc *ret,
		      struct err *e) WARN_UNUSED;
/** request_relation - relation.kind of a type that is about an earlier request; NULL for a type that may stand alone */
const char *request_relation(enum request_type t);
/** request_doc_done - release; safe on a zeroed struct */
void request_doc_done(struct request_doc *d);

struct event_doc {
	json_t *json; /* owned */
	/* Borrowed from json. */
	const char *id, *request, *officer, *re; /* re: NULL when absent */
	const json_t *outcome;			 /* or NULL */
	enum request_event event;
	enum request_ground ground;		 /* when the event is REFUSE */
	int64_t at_s, delivered_s, term_until_s; /* Unix seconds; 0 when absent */
};

/** event_doc_parse - decode and check one event part: its fields, and those that its event must carry
 * Limits:  len <= REQUEST_EVENT_MAX
 * Returns: 0; as json_parse and request_fields_check; -ERR_VERSION; -ERR_INVAL an event that does not travel
 * Source:  docs/protocol/request.md 5 */
int event_doc_parse(const void *p, size_t len, struct event_doc *ret, struct err *e) WARN_UNUSED;
int event_doc_check(json_t *j, struct event_doc *ret, struct err *e) WARN_UNUSED;
void event_doc_done(struct event_doc *d);

/** event_doc_outcome - check the outcome of an answer against its request: blocks that exist, each once, requested as requested,
 *                      held not above requested without a reason; and what only the answer to one type says
 * Returns: 0; -ERR_FIELD_MISSING type FREEZE without outcome, or without its time, EXTEND without term_until ...; -ERR_AMOUNT; -ERR_RANGE; -ERR_INVAL */
int event_doc_outcome(const struct event_doc *ev, const struct request_doc *d,
		      struct err *e) WARN_UNUSED;

/** asset_check - everything about one asset block that the field rows cannot say
 * In:      n         its index, for the path of errors
 * Returns: as request_doc_parse */
int asset_check(const json_t *asset, size_t n, const struct request_checks *checks,
		json_t *warnings, struct err *e) WARN_UNUSED;
#endif
