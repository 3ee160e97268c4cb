/* SPDX-License-Identifier: Apache-2.0
 * Inside of exchange: the object, the peers in memory, and what its files offer each other.
 *
 * What is in memory may be lost at any moment: it is only when to try again, what is in flight, and caches. */
#ifndef EXCHANGE_EXCHANGE_INT_H
#define EXCHANGE_EXCHANGE_INT_H
#include "audit/audit.h"
#include "base/text.h"
#include "base/time.h"
#include "exchange/directory-int.h"
#include "exchange/exchange.h"
#include "exchange/stream-note.h"
#include "store/store.h"
#include "wire/receipt.h"

enum {
	EXCHANGE_TOLERANCE_S = 300,    /* expiry may be missed by this much of clock difference */
	EXCHANGE_LIFE_SLACK_S = 86400, /* beyond the longest life: a clock that was set back */
	EXCHANGE_KEEP_S = 30 * 86400,  /* files, after expiry: then no epoch key opens them */
	EXCHANGE_HANDLERS_MAX = 16,
	EXCHANGE_WATCHERS_MAX = 4,
	EXCHANGE_HEADS_MS = 60000,  /* heads and notes are exchanged this often */
	EXCHANGE_BACKOFF_MS = 1000, /* first wait, doubled each time */
	EXCHANGE_BACKOFF_FAST_MS = 30000,
	EXCHANGE_BACKOFF_SLOW_MS = 300000,
	EXCHANGE_ANSWER_MS = 120000,	/* a send without any outcome counts as failed */
	EXCHANGE_FLASH_MS = 120000,	/* a FLASH not stored at the peer: phone list */
	EXCHANGE_AHEAD_MAX = 1024,	/* parcels beyond the contiguous head */
	EXCHANGE_BATCH_MAX = 256,	/* items in one POST */
	EXCHANGE_BATCH_BYTES = 4 << 20, /* a POST takes no further parcel above this */
	EXCHANGE_POSTS_MAX = 600,	/* a minute and peer */
	EXCHANGE_UNOPENED_MAX = 4096,
	EXCHANGE_UNOPENED_BYTES = 64 << 20,
	EXCHANGE_STORED_HOUR = 1 << 30, /* bytes an hour that are kept because of one peer */
	EXCHANGE_SKEW_WARN_MS = 30000,
	EXCHANGE_SKEW_ALARM_MS = 120000,
	EXCHANGE_CODES_MAX = 32,
	EXCHANGE_SHARED_MS = 1000, /* how often work that another shell left is looked for */
};
#define EXCHANGE_NEVER INT64_MAX

enum lane { LANE_FAST, LANE_NORMAL, LANE_BULK, LANES };
/* What may be in flight to one peer, one of each. The first three are the lanes. */
enum slot_id { SLOT_RECEIPTS = LANES, SLOT_HEADS, SLOT_NOTES, SLOT_RECALL, SLOTS };

struct sent_receipt {
	uint8_t id16[16];
	int64_t kind;
	bool ours; /* else the peer's own first one, which it is shown */
};
struct slot {
	uint64_t send_id;	       /* 0: nothing is in flight */
	int64_t due_ms, sent_ms;       /* mono */
	int64_t wait_ms;	       /* back-off; 0: none */
	bool unreached;		       /* the last try had no answer at all */
	int64_t wall_ms;	       /* when it was sent, for the clocks' difference */
	struct sent_receipt *receipts; /* SLOT_RECEIPTS: what is in flight */
	size_t receipts_n;
	uint64_t first_seq, last_seq, epoch; /* lanes: places of what is in flight */
};
struct peer {
	char name[EXCHANGE_NAME_MAX + 1];
	bool met;   /* an answered head of the peer was read since the start */
	bool heard; /* any head was, and by it this node was not restored: parcels are taken */
	struct slot slot[SLOTS];
	int64_t offset_ms; /* peer's clock minus ours */
	bool offset_known;
	int skew_level;	   /* 0 fine, 1 shown, 2 alarm */
	int64_t contact_s; /* wall; 0 never since the start */
	int64_t minute_ms; /* mono, start of the minute that posts are counted in */
	unsigned posts;
	int64_t hour_ms; /* mono, start of the hour that stored bytes are counted in */
	uint64_t stored_bytes;
	int64_t reset_ms; /* mono, of our last new epoch */
	int64_t quiet_ms; /* mono, until when heads are not exchanged for it again */
	struct buf have;  /* what the peer last said that it has of directory notes */
	bool notes_ahead; /* it lacks some of ours */
};
struct handler {
	char media_type[96];
	exchange_handler *fn, *recalled;
	void *ctx;
};
struct watcher {
	exchange_watcher *fn;
	exchange_restamped *restamped;
	void *ctx;
};
struct exchange {
	struct store *s;
	const struct exchange_env *env;
	char node[EXCHANGE_NAME_MAX + 1];
	struct directory *dir;
	struct handler handlers[EXCHANGE_HANDLERS_MAX];
	size_t handlers_n;
	struct watcher watchers[EXCHANGE_WATCHERS_MAX];
	size_t watchers_n;
	struct peer *peers;
	size_t peers_n;
	bool peers_stale; /* the directory changed */
	uint64_t next_send_id;
	int64_t notes_n;     /* directory notes in the store when the directory was read last */
	int64_t open_due_ms; /* unopened parcels wait until then; EXCHANGE_NEVER: none */
	int64_t care_due_ms; /* expiry, warnings, cleaning */
	int64_t started_ms;
	int64_t cleaned_ms;
};

/* ---- exchange.c ---- */
int64_t exchange_now_s(const struct exchange *x);
int64_t exchange_mono(const struct exchange *x);
/** exchange_audit - an event with a fresh salt in the open transaction
 * In:      detail   STEALS a JSON object; NULL: none */
int exchange_audit(struct exchange *x, enum audit_type type, const char *who, const char *what,
		   const char *target, json_t *detail, struct err *e) WARN_UNUSED;
/** exchange_next_ord - the next place in the order of messages, in the open transaction */
int exchange_next_ord(struct exchange *x, int64_t *ret_ord, struct err *e) WARN_UNUSED;
/** exchange_note_open - parse a note of a peer and look at its type; exchange_note_verify - is it signed by a node key (or other
 * kind) of the peer that counts now for a text of this time
 * Returns: 0; as note_parse, directory_key_check, note_verify_one; -ERR_KEY_TYPE another type */
int exchange_note_open(struct exchange *x, const char *peer, const void *p, size_t len,
		       const char *type, struct note *ret, struct err *e) WARN_UNUSED;
int exchange_note_verify(struct exchange *x, const char *peer, const struct note *n, int64_t time_s,
			 struct err *e) WARN_UNUSED;
int exchange_note_verify_as(struct exchange *x, const char *peer, enum directory_key_kind kind,
			    const struct note *n, int64_t time_s, struct err *e) WARN_UNUSED;
/** exchange_note_renew - a note of ours as it is to be sent: the same bytes, or, when its key speaks for this node no more, the same
 *                       text under the present key (docs/protocol/streams.md 2)
 * Out:     ret      initialised buffer, appended to
 * Returns: 0; as note_parse, env->sign, store_exec */
int exchange_note_renew(struct exchange *x, const void *p, size_t len, struct buf *ret,
			struct err *e) WARN_UNUSED;
/** exchange_code - -ERR_X of an error's name, -ERR_UNSUPPORTED if it is not in the table
 * exchange_temporary - does trying again later make sense for a refusal with this code */
int exchange_code(const char *name);
bool exchange_temporary(int code);
/** exchange_notes_changed - the directory has a new note: tell every peer now */
void exchange_notes_changed(struct exchange *x);
/** exchange_refresh - take the list of peers over from the directory; no struct peer may be held
 * exchange_peer - the peer in memory; NULL if it is not a member or this node itself */
void exchange_refresh(struct exchange *x);
struct peer *exchange_peer(struct exchange *x, const char *name);
/** exchange_proof - keep two texts that contradict each other, in the open transaction */
int exchange_proof(struct exchange *x, const char *peer, const char *kind, const void *held,
		   size_t held_len, const void *other, size_t other_len, struct err *e) WARN_UNUSED;
/** exchange_kept - bytes that are in the store because of a peer, against EXCHANGE_STORED_HOUR */
void exchange_kept(struct exchange *x, const char *peer, size_t bytes);
/** exchange_tell - an event for people; text by printf */
void exchange_tell(const struct exchange *x, enum exchange_event_kind kind, bool alarm,
		   const char *peer, const uint8_t *id16, int code, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));
enum lane exchange_lane(enum exchange_class c);

/* ---- directory.c, directory-install.c, directory-sync.c ---- */
struct directory {
	struct exchange *x;
	bool loaded;
	bool have_members, have_policy;
	struct directory_members members;
	struct directory_policy policy;
	struct directory_node *nodes[DIRECTORY_MEMBERS_MAX]; /* newest of each, sorted as loaded */
	size_t nodes_n;
};
extern const char *const directory_type_names[]; /* by enum directory_type */
/** directory_load - read the notes in force into memory, if they are not there */
int directory_load(struct directory *d, struct err *e) WARN_UNUSED;
int directory_new(struct exchange *x, struct directory **ret_d, struct err *e) WARN_UNUSED;
struct directory *directory_free(struct directory *d);
void directory_forget(struct directory *d);
struct exchange *directory_exchange(struct directory *d);
/** directory_take - directory_install; link: it may have expired, since a later version of it comes behind */
int directory_take(struct directory *d, const char *from, bool link, const void *note, size_t len,
		   enum directory_result *ret, struct err *e) WARN_UNUSED;
/** directory_note_peek - type, name and version of a note that is not verified */
int directory_note_peek(const void *p, size_t len, enum directory_type *ret_type,
			char ret_name[static DIRECTORY_NAME_MAX + 1], uint64_t *ret_version);
/** directory_have - frame with what this node has
 * directory_lacks - frames of the notes that a peer with this have text lacks
 * directory_take_frames - install the notes of a body; ret_behind: the peer has more than we have now, ret_ahead: or less */
int directory_have(struct directory *d, struct buf *out, struct err *e) WARN_UNUSED;
int directory_lacks(struct directory *d, const void *have, size_t len, struct buf *out,
		    struct err *e) WARN_UNUSED;
int directory_take_frames(struct directory *d, const char *from, const void *p, size_t len,
			  bool *ret_behind, bool *ret_ahead, struct err *e) WARN_UNUSED;

/* ---- outbox.c ---- */
/** outbox_pump - send what is due in one lane; sets the slot's due time */
int outbox_pump(struct exchange *x, struct peer *p, enum lane lane, struct err *e) WARN_UNUSED;
/** outbox_outcome - a lane's POST has ended; reply NULL when there was none */
int outbox_outcome(struct exchange *x, struct peer *p, enum lane lane, unsigned status,
		   const void *reply, size_t len, struct err *e) WARN_UNUSED;
/** outbox_again - parcels of these places are to be sent again
 * outbox_cleaned - is one of these places no longer kept, so that only a new epoch can close the gap? 1 yes, 0 no
 * outbox_renumber - everything after a place that is still kept loses its number and waits for the new epoch */
int outbox_again(struct exchange *x, const char *peer, uint64_t epoch, uint64_t first,
		 uint64_t last, struct err *e) WARN_UNUSED;
int outbox_cleaned(struct exchange *x, const char *peer, uint64_t epoch, uint64_t first,
		   uint64_t last, struct err *e) WARN_UNUSED;
int outbox_renumber(struct exchange *x, const char *peer, uint64_t epoch, uint64_t seq,
		    struct err *e) WARN_UNUSED;
/** outbox_care - expiry and the two-minute warning; ret_next_ms: mono time of the next one */
int outbox_care(struct exchange *x, int64_t *ret_next_ms, struct err *e) WARN_UNUSED;
/** outbox_fail - mark one message undelivered, with a signed note and an event, in the open transaction */
int outbox_fail(struct exchange *x, const char *peer, const uint8_t id16[static 16], int code,
		bool settled, struct err *e) WARN_UNUSED;

/* ---- inbox.c, open.c ---- */
/** refusal_put - sign a refusal of one parcel and append it as a frame; id16 may be NULL */
int refusal_put(struct exchange *x, const char *peer, const uint8_t *id16, int code,
		struct buf *frames, struct err *e) WARN_UNUSED;
int inbox_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		  struct buf *reply, struct err *e) WARN_UNUSED;
/** inbox_open - open one stored parcel and apply it; pending: R2 is not in a reply
 * Returns: 0 decided; a temporary error */
int inbox_open(struct exchange *x, const char *peer, const uint8_t id16[static 16], bool pending,
	       struct err *e) WARN_UNUSED;
/** inbox_open_waiting - some of those that wait; ret_more: others are left */
int inbox_open_waiting(struct exchange *x, bool *ret_more, struct err *e) WARN_UNUSED;

/* ---- heads.c ---- */
int heads_put(struct exchange *x, const char *peer, struct buf *frames, struct err *e) WARN_UNUSED;
int heads_pump(struct exchange *x, struct peer *p, struct err *e) WARN_UNUSED;
int heads_outcome(struct exchange *x, struct peer *p, unsigned status, const void *reply,
		  size_t len, struct err *e) WARN_UNUSED;
int heads_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
		  struct buf *reply, struct err *e) WARN_UNUSED;
/** heads_take - read a head of the peer; answer: it is the reply to our own question, so that it is fresh */
int heads_take(struct exchange *x, struct peer *p, const void *note, size_t len, bool answer,
	       struct err *e) WARN_UNUSED;
/** heads_reset - begin a new epoch after the head that the peer showed last, in the open transaction */
int heads_reset(struct exchange *x, struct peer *p, const char *reason, struct err *e) WARN_UNUSED;
/** heads_soon - exchange heads as soon as may be: at once, but not while a peer makes us begin one epoch after the other */
void heads_soon(struct peer *p);

/* ---- slots (poll.c) ---- */
/** slot_send - hand a body to env->send; on failure the slot backs off */
void slot_send(struct exchange *x, struct peer *p, size_t slot, enum exchange_kind kind,
	       const struct buf *body);
void slot_failed(struct exchange *x, struct peer *p, size_t slot);
void slot_done(struct slot *s, int64_t due_ms);
/** lanes_wake - those that waited for a head, or for the end of a reset or recall */
void lanes_wake(struct peer *p);

/* ---- rows of the streams (stream.c) ---- */
struct stream {
	uint64_t epoch, seq;
	uint8_t chain32[32];
	bool stopped;
	/* out */
	uint64_t peer_epoch, peer_seq;
	uint8_t peer_chain32[32];
	bool recall; /* own messages behind this place are still to come back */
	uint64_t recall_epoch, recall_seq;
	/* in */
	uint64_t top;
	uint8_t stop_a32[32], stop_b32[32];
	struct buf reset; /* signed note; empty if none (out: none waits) */
};
void stream_done(struct stream *st);
int stream_out_load(struct exchange *x, const char *peer, struct stream *ret,
		    struct err *e) WARN_UNUSED;
int stream_out_save(struct exchange *x, const char *peer, const struct stream *st,
		    struct err *e) WARN_UNUSED;
int stream_in_load(struct exchange *x, const char *peer, struct stream *ret,
		   struct err *e) WARN_UNUSED;
int stream_in_save(struct exchange *x, const char *peer, const struct stream *st,
		   struct err *e) WARN_UNUSED;
/** stream_place - text hash of a received place: 1 there, 0 not */
int stream_place(struct exchange *x, const char *peer, uint64_t epoch, uint64_t seq,
		 uint8_t ret_hash32[static 32], struct err *e) WARN_UNUSED;

/** frame_put_own - a kept note of ours as a frame, renewed if need be */
int frame_put_own(struct exchange *x, struct buf *b, const void *p, size_t len,
		  struct err *e) WARN_UNUSED;
#endif
