/* SPDX-License-Identifier: Apache-2.0
 * Exchange: parcels between nodes: outbox, streams, inbox, receipts. Sans-IO: rows, bytes and struct exchange_env.
 *
 * The shell (daemon or simulator) calls in: exchange_receive() for each POST of a peer, exchange_sent() for each outcome of a
 * send, exchange_poll() when exchange_next_due() has come, and once after each call that posted something. One thread at a
 * time. Everything that must survive a crash is a row before anything is answered; after a crash, open again and poll.
 *
 * What travels: docs/protocol/streams.md and directory.md. Requests between people (request.h) are built on exchange_post(),
 * exchange_register() and exchange_receipt() and know nothing of streams.
 */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_schema;
struct exchange;
struct directory;

enum {
	EXCHANGE_NAME_MAX = 64,
	EXCHANGE_RECIPIENTS_MAX = 16,
	EXCHANGE_PARTS_MAX = 16,
	EXCHANGE_PART_MAX = 4 << 20,   /* bytes of one part */
	EXCHANGE_PARCEL_MAX = 8 << 20, /* bytes of one parcel, as sent */
	EXCHANGE_BODY_MAX = 12 << 20,  /* bytes of one POST between nodes, and of its reply */
	EXCHANGE_REASON_MAX = 64,
};

/* ---- who acts ---- */
enum actor_role {
	ACTOR_OFFICER = 1 << 0,
	ACTOR_DUTY = 1 << 1,
	ACTOR_APPROVER = 1 << 2,
	ACTOR_ANALYST = 1 << 3,
	ACTOR_SECRETARY = 1 << 4,
	ACTOR_AUDITOR = 1 << 5,
	ACTOR_ADMIN = 1 << 6,
};
/* The bits are those of enum api_role in http/api.h, which is a layer above. */
struct actor {
	const char *officer; /* opaque id, name_valid(); travels as it is */
	uint32_t roles;	     /* enum actor_role */
	const char *node;    /* this node */
};

/* ---- the outside, given by the shell ---- */

/* What a POST between nodes carries; its path is exchange_kind_path(). */
enum exchange_kind {
	EXCHANGE_PARCELS,  /* parcels of one stream */
	EXCHANGE_RECEIPTS, /* receipts that were not in a reply: R2 late, R3, R4, non-delivery */
	EXCHANGE_HEADS,	   /* signed heads, resets of a stream */
	EXCHANGE_NOTES,	   /* directory notes: what each side has, and what the other lacks */
	EXCHANGE_RECALL,   /* after a restore: own messages that the peer had stored */
};
enum exchange_key { EXCHANGE_KEY_NODE, EXCHANGE_KEY_EVIDENCE };

/* For people. The daemon writes a log line and rings; requests and duty add their own. */
enum exchange_event_kind {
	EXCHANGE_EV_FLASH_WAITS,    /* a FLASH has no R1 after 2 min: use the phone list */
	EXCHANGE_EV_UNDELIVERED,    /* a parcel expired or was refused for good */
	EXCHANGE_EV_STREAM_STOPPED, /* contradictory history: a person must decide */
	EXCHANGE_EV_CONFLICT,	    /* same id or directory version, other content; both kept */
	EXCHANGE_EV_QUARANTINE,	    /* a message waits for a person: unknown handling code */
	EXCHANGE_EV_REFUSED,	    /* a peer's message was refused after it was stored */
	EXCHANGE_EV_SKEW,	    /* a peer's clock is off by 30 s (unusual) or 2 min (alarm) */
	EXCHANGE_EV_NO_KEY,	    /* a peer has no fresh encryption key: nothing can be sent */
	EXCHANGE_EV_NOTE_REFUSED,   /* a directory note was refused */
	EXCHANGE_EV_RESET,	    /* a stream began a new epoch */
	EXCHANGE_EV_RECALL, /* after a restore: what came back from a peer, and what did not */
};
struct exchange_event {
	enum exchange_event_kind kind;
	bool alarm; /* wake someone now */
	const char *peer;
	const char *id;	  /* message id in hex, or "" */
	int code;	  /* -ERR_X behind it */
	const char *text; /* one sentence; no case content */
};

struct age_wrapped; /* one recipient stanza, wire/age.h */

struct exchange_env {
	void *ctx;
	int64_t (*wall_ms)(void *ctx); /* Unix milliseconds; may jump */
	int64_t (*mono_ms)(void *ctx); /* never jumps; starts anywhere */
	void (*random)(void *ctx, void *out, size_t len);
	/* Append the signature line of this node's current key to a note text that ends with LF and has no signatures yet
	 * (key-type and key-expired as lug-keyd says). */
	int (*sign)(void *ctx, enum exchange_key key, struct buf *text, struct err *e);
	/* Unwrap the file key of one X25519 stanza with the epoch keys held: 0; -ERR_NO_MATCH; -ERR_IO (try later). */
	int (*unwrap)(void *ctx, const uint8_t share32[static 32],
		      const uint8_t wrapped32[static 32], uint8_t ret_file_key16[static 16],
		      struct err *e);
	/* Begin to POST bytes to a peer; the outcome comes later by exchange_sent() with the same send_id, never from inside.
	 * p is borrowed for the call. Returns 0; -ERR_OFFLINE cannot even begin. */
	int (*send)(void *ctx, const char *peer, enum exchange_kind kind, const void *p, size_t len,
		    uint64_t send_id, struct err *e);
	void (*event)(void *ctx, const struct exchange_event *ev);
	/* Bytes free on the disk of the store; NULL: not known, nothing is refused for it. */
	uint64_t (*disk_free)(void *ctx);
	/* Several shells on one store: is this one the sender of the streams to a peer now? NULL: the only shell, always. */
	bool (*leads)(void *ctx, const char *peer);
};

/** exchange_schema - tables of streams and directory, for store_migrate (before exchange_open) */
const struct store_schema *exchange_schema(void);

/** exchange_open - take up work where the rows left it
 * In:      s, env   BORROWS: must outlive the exchange
 *          node     own member name
 * Returns: 0; -ERR_INVAL not a member name; as store_exec */
int exchange_open(struct store *s, const struct exchange_env *env, const char *node,
		  struct exchange **ret_x, struct err *e) WARN_UNUSED;
/** exchange_close - forget what is in memory; takes NULL; returns NULL */
struct exchange *exchange_close(struct exchange *x);
DEFINE_CLEANUP(struct exchange *, exchange_close);

struct store *exchange_store(const struct exchange *x);
const char *exchange_node(const struct exchange *x);
const struct exchange_env *exchange_env_of(const struct exchange *x);
/** exchange_directory - members and their notes, directory.h */
struct directory *exchange_directory(struct exchange *x);
/** exchange_emit - hand an event for people to env->event */
void exchange_emit(const struct exchange *x, const struct exchange_event *ev);

/* ---- for the shell ---- */

/** exchange_kind_path - "/x/v1/parcels", "/x/v1/receipts", "/x/v1/heads", "/x/v1/notes", "/x/v1/recall"; exchange_kind_type - media type */
const char *exchange_kind_path(enum exchange_kind k);
const char *exchange_kind_type(enum exchange_kind k);

/** exchange_admit - back-pressure, before a body is read
 * In:      len      bytes announced
 * Returns: 0; -ERR_QUOTA (429, Retry-After ret_retry_s); -ERR_OVERSIZE; -ERR_MEMBER_UNKNOWN */
int exchange_admit(struct exchange *x, const char *peer, enum exchange_kind k, size_t len,
		   int64_t *ret_retry_s, struct err *e) WARN_UNUSED;

/** exchange_receive - take in one POST of a peer
 * In:      peer     name as authenticated by the TLS pin
 * Out:     reply    initialised buffer (max EXCHANGE_BODY_MAX) that gets the answer's body, also when single items were refused:
 *                   signed receipts, heads or refusals, each durable before this returns
 * Returns: 0; -ERR_MEMBER_UNKNOWN; -ERR_FORMAT, -ERR_OVERSIZE the framing is unusable; -ERR_NOSPC, -ERR_IO nothing was accepted:
 *          the peer will retry */
int exchange_receive(struct exchange *x, const char *peer, enum exchange_kind k, const void *p,
		     size_t len, struct buf *reply, struct err *e) WARN_UNUSED;

/** exchange_sent - the outcome of a send
 * In:      status   HTTP status; 0 when there was no answer (refused, timed out, cut, wrong pin)
 *          p        reply body, NULL without one
 * Returns: 0, also for an unknown or late send_id; as store_exec */
int exchange_sent(struct exchange *x, uint64_t send_id, unsigned status, const void *p, size_t len,
		  struct err *e) WARN_UNUSED;

/** exchange_contact - an authenticated connection from a peer was seen: its back-off ends */
void exchange_contact(struct exchange *x, const char *peer);

/** exchange_poll - do all work that is due: sends, retries, unopened parcels, expiry, heads and notes every 60 s
 * Returns: 0; as store_exec (call again later) */
int exchange_poll(struct exchange *x, struct err *e) WARN_UNUSED;
/** exchange_follow - read again what another shell on this store has changed of the directory; no struct of it may be held
 * Returns: 0; as store_exec */
int exchange_follow(struct exchange *x, struct err *e) WARN_UNUSED;

/** exchange_next_due - on the clock of env->mono_ms, when exchange_poll should run next; never INT64_MAX while peers exist */
int64_t exchange_next_due(struct exchange *x);

/* ---- messages ---- */
enum exchange_class { EXCHANGE_FLASH, EXCHANGE_URGENT, EXCHANGE_NORMAL, EXCHANGE_BULK };

struct exchange_part {
	const char *media_type; /* "application/vnd.lugdunum.request+json" */
	const void *p;
	size_t len;
};
/* Codes of the manifest: one word each, a-z 0-9 . _ / - (handling H0..H3, marking "TLP:AMBER+STRICT", grade "A1"). */
struct exchange_post {
	enum exchange_class class;
	const char *const *to;
	size_t to_n;
	int64_t expires_s; /* Unix seconds; at most EXCHANGE_LIFE_MAX_S ahead */
	const char *officer, *case_ref, *purpose, *basis, *handling, *marking, *grade;
	const struct exchange_part *parts;
	size_t parts_n;
};
enum { EXCHANGE_LIFE_MAX_S = 21 * 86400 };

/** exchange_post - put a message into the outbox of each recipient, in the caller's open write transaction
 * Out:     ret_id16 message id, one for all recipients
 * Notes:   sealed here to the recipients' current epoch keys, so that a retry is the same bytes; numbered in its stream when
 *          it is first sent. Poll afterwards.
 * Returns: 0; -ERR_INVAL no transaction, no part, a field not a word, a recipient twice or this node; -ERR_MEMBER_UNKNOWN;
 *          -ERR_KEY_EXPIRED no fresh epoch key (who, since when, in e); -ERR_RANGE expires; -ERR_HANDLING; -ERR_OVERSIZE;
 *          -ERR_CRYPTO; -ERR_IO keyd; as store_exec */
int exchange_post(struct exchange *x, const struct exchange_post *m, uint8_t ret_id16[static 16],
		  struct err *e) WARN_UNUSED;

/* A message as its handler sees it. Everything is borrowed for the call. */
struct exchange_message {
	uint8_t id16[16];
	const char *from;
	const char *to; /* NULL; in a recall, where this message of this node had gone */
	enum exchange_class class;
	int64_t sent_s;	  /* sender's clock, signed */
	int64_t stored_s; /* this node's clock, as signed in R1: the request's clock starts here */
	int64_t expires_s;
	int64_t offset_ms; /* sender's clock minus ours, as last measured */
	const char *officer, *case_ref, *purpose, *basis, *handling, *marking, *grade;
	const struct exchange_part *parts;
	size_t parts_n;
	size_t part; /* index of the part that this call is about */
};

/** exchange_handler - effect of one part, inside the transaction that also writes the duplicate row and R2
 * Returns: 0 accepted; -ERR_HANDLING quarantined (the row changes of all parts are undone, a person is told);
 *          -ERR_IO, -ERR_NOSPC, -ERR_NOMEM, -ERR_BUSY: not now, tried again later;
 *          any other: undone and R2 refused(err_name of the code), with e in the alarm */
typedef int exchange_handler(void *ctx, struct exchange *x, const struct exchange_message *m,
			     struct err *e);

/** exchange_register - who handles a media type; each message needs at least one part with a handler, other parts are kept
 * Returns: 0; -ERR_EXIST; -ERR_OVERSIZE more than 16 */
int exchange_register(struct exchange *x, const char *media_type, exchange_handler *fn, void *ctx,
		      struct err *e) WARN_UNUSED;

/** exchange_on_recall - who takes a part of this node's own messages that came back after a restore; the receipts follow
 * Notes:   the media type is registered; fn has the ctx of its handler. A failure is told to people, the message's rows stand.
 * Returns: 0; -ERR_NOENT no handler of that type */
int exchange_on_recall(struct exchange *x, const char *media_type, exchange_handler *fn,
		       struct err *e) WARN_UNUSED;

/* ---- receipts and delivery ---- */

/* How far one message is with one recipient, best proof so far. */
enum exchange_state {
	EXCHANGE_QUEUED,      /* stored here, not yet there */
	EXCHANGE_STORED,      /* R1: durable there */
	EXCHANGE_ACCEPTED,    /* R2 */
	EXCHANGE_REFUSED,     /* R2 refused(reason) */
	EXCHANGE_QUARANTINED, /* R2 quarantined: a person there must look */
	EXCHANGE_SEEN,	      /* R3: a human has seen it */
	EXCHANGE_ACTED,	      /* R4: action reported */
	EXCHANGE_UNDELIVERED, /* expired without proof, or refused for good before it was stored */
};
struct exchange_delivery {
	uint8_t id16[16];
	char peer[EXCHANGE_NAME_MAX + 1];
	enum exchange_class class;
	enum exchange_state state;
	char reason[EXCHANGE_REASON_MAX + 1]; /* refused and undelivered: err_name of the code */
	int64_t posted_s, expires_s;
	int64_t stored_s;  /* receiver's signed time of R1, 0 if none */
	int64_t decided_s; /* receiver's signed time of R2, 0 if none */
	int64_t seen_s, acted_s;
	uint64_t epoch, seq; /* place in the stream; 0 before it is first sent */
	uint32_t tries;
	int64_t tried_s; /* last try, 0 if none */
	int last_error;	 /* -ERR_X of the last failed try, 0 */
};

/** exchange_delivery - one message and recipient; exchange_deliveries - all recipients, by name
 * Returns: 1, or how many of at most max; 0 and -ERR_NOENT respectively not known; as store_exec */
int exchange_delivery(struct exchange *x, const uint8_t id16[static 16], const char *peer,
		      struct exchange_delivery *ret, struct err *e) WARN_UNUSED;
int exchange_deliveries(struct exchange *x, const uint8_t id16[static 16],
			struct exchange_delivery *ret, size_t max, struct err *e) WARN_UNUSED;

/** exchange_watch - be told of each change of delivery (R1 to R4, undelivered), inside the transaction that records it
 * Notes:   the watcher may change rows and post; a failure undoes the receipt, which is then tried again */
typedef int exchange_watcher(void *ctx, struct exchange *x, const struct exchange_delivery *d,
			     struct err *e);
int exchange_watch(struct exchange *x, exchange_watcher *fn, void *ctx, struct err *e) WARN_UNUSED;

/** exchange_on_restamped - the same watcher (ctx) is told, inside the transaction, that a received message counts from another time:
 *                         this node had been set back to a copy, and the sender has shown it the R1 of its former life
 * In:      stored_s  the time of that R1
 * Returns: 0; -ERR_NOENT no watcher with this ctx */
typedef int exchange_restamped(void *ctx, struct exchange *x, const char *peer,
			       const uint8_t id16[static 16], int64_t stored_s, struct err *e);
int exchange_on_restamped(struct exchange *x, exchange_restamped *fn, void *ctx,
			  struct err *e) WARN_UNUSED;

/** exchange_receipt - sign R3 (EXCHANGE_SEEN) or R4 (EXCHANGE_ACTED) for a received message and queue it, in the caller's open
 *                     transaction; the second one of a kind changes nothing
 * Returns: 0; -ERR_INVAL another state, no transaction; -ERR_NOENT no such message; -ERR_IO keyd; as store_exec */
int exchange_receipt(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		     enum exchange_state what, struct err *e) WARN_UNUSED;

const char *exchange_state_name(enum exchange_state s); /* "queued", "stored" ... */
const char *exchange_class_name(enum exchange_class c); /* "flash", "urgent", "normal", "bulk" */
#endif
