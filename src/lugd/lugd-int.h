/* SPDX-License-Identifier: Apache-2.0
 * The daemon's inside. One thread, the logic thread, owns everything here but the queue and the pins, which have locks. */
#ifndef LUGD_LUGD_INT_H
#define LUGD_LUGD_INT_H
#include "audit/audit.h"
#include "conf/conf.h"
#include "duty/duty.h"
#include "exchange/directory.h"
#include "exchange/request.h"
#include "http/peers.h"
#include "http/server.h"
#include "keyd/keyd.h"
#include "lugd/dispatch.h"
#include "lugd/lugd.h"
#include "lugd/witness.h"
#include "store/store.h"
#include <pthread.h>

enum {
	PEERS_MAX = DIRECTORY_MEMBERS_MAX,
	FLIGHTS_MAX = 512, /* POSTs under way */
	ALARMS_MAX = 32,   /* kept for the status page */
	ALARM_TEXT_MAX = 240,
	TICK_MS = 1000,
};

/* ---- queue.c: jobs from the HTTP threads ---- */
struct queue {
	pthread_mutex_t lock;
	struct http_job *first, **last;
	int event_fd; /* readable when there are jobs */
	bool closed;
};
int queue_init(struct queue *q, struct err *e) WARN_UNUSED;
void queue_done(struct queue *q);
/** queue_put - any thread; -ERR_AGAIN after queue_close. queue_take - all that wait, in order, or NULL. queue_close - no more */
int queue_put(struct queue *q, struct http_job *job) WARN_UNUSED;
struct http_job *queue_take(struct queue *q);
void queue_close(struct queue *q);

/* ---- pins.c: which TLS key is which peer's, as the HTTP thread sees it ---- */
struct pin {
	uint8_t pin32[HTTP_PIN_LEN];
	int64_t from_s, until_s;
	char peer[API_NAME_MAX + 1];
};
struct pins {
	pthread_mutex_t lock;
	struct pin *list; /* replaced as a whole */
	size_t n;
};
void pins_init(struct pins *p);
void pins_done(struct pins *p);
/** pins_set - a new list; STEALS. pins_find - any thread; 0 and the name; -ERR_MEMBER_UNKNOWN */
void pins_set(struct pins *p, struct pin *list, size_t n);
int pins_find(struct pins *p, const uint8_t pin32[static HTTP_PIN_LEN], int64_t now_s,
	      char ret_name[static API_NAME_MAX + 1]) WARN_UNUSED;
/** pins_refresh - take the pins of the directory's notes over */
int pins_refresh(struct lugd *d, struct err *e) WARN_UNUSED;

/* ---- shared.c: several daemons on one store ---- */
#define SHARED_AUDIT "audit" /* the lease of the audit log's appender */
#define SHARED_DUTY "duty"   /* of the desk: who rings people and sends heartbeats */
#define SHARED_STREAM "to "  /* and a peer's name: of the sender of one stream */
enum { SHARED_LEASE_MAX = API_NAME_MAX + 8, SHARED_LEASES_MAX = PEERS_MAX + 2 };

struct shared_lease {
	char name[SHARED_LEASE_MAX];
	int64_t until_ms; /* mono; 0 not held */
};
struct shared_post {
	struct shared_post *next;
	char peer[API_NAME_MAX + 1];
	enum exchange_kind kind;
	uint8_t *bytes;
	size_t len;
	uint64_t send_id;
};
struct shared {
	bool on;
	char holder[17];
	struct store_txn txn; /* of the unit of work */
	struct shared_post *posts;
	struct shared_lease leases[SHARED_LEASES_MAX];
	size_t leases_n;
	bool led_audit;
	int64_t follow_due_ms;
};
void shared_init(struct lugd *d);
/** unit_begin - one transaction around a call or a turn of the logic, where the store is shared; unit_end - commit it, then send what
 *              was put off; what could not be committed was not done. unit_open - is there one; unit_post - send at its end
 * Returns: 0; as store_begin, store_commit; -ERR_NOMEM */
int unit_begin(struct lugd *d, struct err *e) WARN_UNUSED;
int unit_end(struct lugd *d, struct err *e) WARN_UNUSED;
bool unit_open(const struct lugd *d);
int unit_post(struct lugd *d, const char *peer, enum exchange_kind kind, const void *bytes,
	      size_t len, uint64_t send_id) WARN_UNUSED;
/** shared_leads - may this daemon do what a lease is for; always where the store is its own
 * shared_tick - take and prolong leases, read what others changed; every second. shared_leave - give them up
 * shared_json - the names of the leases held */
bool shared_leads(struct lugd *d, const char *name);
void shared_tick(struct lugd *d, int64_t now_ms);
void shared_leave(struct lugd *d);
json_t *shared_json(struct lugd *d);

/* ---- the daemon ---- */
struct peer_state {
	char name[API_NAME_MAX + 1];
	int64_t ok_s, failed_s; /* wall clock of the last answer and the last failure; 0 never */
	unsigned endpoint;	/* index of the one to try next */
	uint64_t sent_n, failed_n;
	char why[128];
};
struct watching {
	struct store *store;   /* NULL: not opened yet */
	int64_t changed, open; /* as the consoles were told last */
};
enum own_note {
	OWN_NOTE_NONE, /* not published yet */
	OWN_NOTE_FINE,
	OWN_NOTE_RENEW, /* within a week it expires or a key comes into force that it lacks */
	OWN_NOTE_BROKEN,
};
struct flight {
	uint64_t send_id; /* 0: free */
	size_t peer;
};
struct alarm {
	int64_t time_s;
	bool wake;
	char text[ALARM_TEXT_MAX];
};

struct lugd {
	struct conf conf;
	char conf_path[CONF_TEXT_MAX + 1], folder[CONF_TEXT_MAX + 1], socket[CONF_TEXT_MAX + 1];
	int lock_fd, epoll_fd, signal_fd;
	struct keyd *keyd;     /* every capability; logic thread */
	struct keyd *keyd_tls; /* TLS_SIGN only; HTTP thread as well */
	uint64_t tls_number;   /* of the key in the certificate */
	struct http_identity *identity;
	struct store *store;
	struct audit_key audit_key;
	struct audit_log *audit;
	struct exchange_env env;
	struct exchange *exchange;
	struct requests *requests;
	struct duty_env duty_env;
	struct duty *duty;
	struct channels *channels;
	uint64_t duty_flight;	  /* id of the last post of duty */
	int64_t answers_since_ms; /* of the minute that answers by link are counted in */
	unsigned answers_n;
	struct questions *questions; /* to the ledger */
	struct watching watching;
	struct http_peers *peers;
	struct http_server *peer_server, *people_server, *browser_server, *answer_server;
	uint16_t port, console_port;
	struct access_pace *pace; /* of changes in the console */
	struct queue queue;
	struct pins pins;
	struct peer_state peer_states[PEERS_MAX];
	size_t peer_states_n;
	struct flight flights[FLIGHTS_MAX];
	struct alarm alarms[ALARMS_MAX];	       /* ring */
	size_t alarms_n;			       /* ever raised */
	int64_t started_ms;			       /* mono */
	int64_t tick_due_ms, keys_due_ms, poll_due_ms; /* mono */
	unsigned keys_made, keys_wiped;		       /* not recorded yet */
	struct shared shared;
	struct witness witness;
	enum own_note own_note;		   /* as last looked at */
	bool dirty;			   /* a call may have changed something: poll soon */
	int64_t tell_due_ms, sweep_due_ms; /* mono: ping of the consoles, end of old sessions */
	bool stop, reload;
};

/** lugd_start - from a checked configuration to serving; on failure lugd_stop() cleans up what there is
 * lugd_init_node - make keys, store and the first officer of a new node, without serving
 * lugd_stop - finish calls, seal the audit log, close everything; takes a half-started daemon */
struct officer;
int lugd_start(struct lugd *d, struct err *e) WARN_UNUSED;
int lugd_init_node(struct lugd *d, const struct officer *first, struct err *e) WARN_UNUSED;
void lugd_stop(struct lugd *d);
/** lugd_loop - serve until told to stop; -ERR_IO when waiting itself fails */
int lugd_loop(struct lugd *d, struct err *e) WARN_UNUSED;
/** lugd_reread - read the configuration again and apply what may change
 * Returns: number of settings that changed; as conf_load; *ret_kept as conf_reload */
int lugd_reread(struct lugd *d, const char **ret_kept, struct err *e) WARN_UNUSED;
/** lugd_alarm - log an event for those who must act, and keep it for the status */
void lugd_alarm(struct lugd *d, bool wake, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- env.c: the outside of exchange ---- */
void env_init(struct lugd *d);
/** env_post - begin a POST to a peer now; as exchange_env.send
 * env_post_to - the same with path and media type */
int env_post(struct lugd *d, const char *peer, enum exchange_kind kind, const void *p, size_t len,
	     uint64_t send_id, struct err *e) WARN_UNUSED;
int env_post_to(struct lugd *d, const char *peer, const char *path, const char *type, const void *p,
		size_t len, uint64_t id, struct err *e) WARN_UNUSED;
/* Posts of duty have this bit in their id; those of exchange, which counts from below 2^56, never. */
#define ENV_DUTY_FLIGHT (UINT64_C(1) << 62)
/** env_sent - outcome of a POST, for http_peers_options.done */
void env_sent(void *ctx, uint64_t id, unsigned status, const void *p, size_t len, const char *why);
/** env_log_signer - signs checkpoints, for struct audit_key */
int env_log_signer(void *ctx, struct buf *text, struct err *e) WARN_UNUSED;

/* ---- keys.c ---- */
/** keys_open - start lug-keyd, make the keys that are due; init_node: in a new folder. keys_tls - identity from its TLS key */
int keys_open(struct lugd *d, bool init, struct err *e) WARN_UNUSED;
int keys_tls(struct lugd *d, struct err *e) WARN_UNUSED;
/** keys_record - an audit event of the keys that were made or wiped since the last one, once the store is open */
void keys_record(struct lugd *d);
/** keys_maintain - rotate and wipe what is due, take over a new audit-log key; called by the clock */
void keys_maintain(struct lugd *d);
/** keys_audit_open - open the audit log under the key that signed it last, go on with the current one */
int keys_audit_open(struct lugd *d, struct err *e) WARN_UNUSED;
json_t *keys_json(struct lugd *d, struct err *e);

/* ---- officers.c ---- */
extern const struct store_schema officer_schema;
struct officer {
	char id[API_NAME_MAX + 1];
	uint32_t uid, roles;
	bool active;
};
/** officer_find - who may act for a uid: the only one, or of several the one wanted where shared_uid allows it
 * Returns: 0; -ERR_DENIED nobody, or another; -ERR_INVAL several and none was named */
int officer_find(struct lugd *d, uint32_t uid, const char *wanted, struct api_who *who,
		 struct err *e) WARN_UNUSED;
/** officer_roles - the roles of an active officer
 * Returns: 0; -ERR_DENIED unknown or not active */
int officer_roles(struct lugd *d, const char *id, uint32_t *ret_roles, struct err *e) WARN_UNUSED;
/** officer_set - add or change, in the open write transaction
 * Returns: 0; -ERR_EXIST the uid has another officer; -ERR_INVAL the last administrator would go; as store_exec */
int officer_set(struct lugd *d, const struct officer *o, struct err *e) WARN_UNUSED;
/** officers_own_store - write the node's name into its store, or find it there; -ERR_CONFLICT it is another node's */
int officers_own_store(struct lugd *d, struct err *e) WARN_UNUSED;
/** officer_roles_json - the names of role bits as an array; officers_json - everybody. NULL when out of memory, or with e */
json_t *officer_roles_json(uint32_t roles);
json_t *officers_json(struct lugd *d, struct err *e);

/* ---- own-note.c ---- */
/** own_note_state - what is with the node note of this node; own_note_name - as a word
 * own_note_check - raise an alarm when the state has changed, or (again) while it is broken */
enum own_note own_note_state(struct lugd *d, int64_t now_s);
const char *own_note_name(enum own_note state);
void own_note_check(struct lugd *d, bool again);

/* ---- browser.c: the console's listener ---- */
/** browser_open - listen for browsers, where the configuration says so; browser_close - end
 * browser_run - a browser's call: session, rights, form, handler, page. The outcome is in the job
 * browser_tick - ping the consoles, sweep sessions; browser_tell - something may have changed: they look again */
int browser_open(struct lugd *d, struct err *e) WARN_UNUSED;
void browser_close(struct lugd *d);
int browser_run(struct lugd *d, struct http_job *job) WARN_UNUSED;
void browser_tick(struct lugd *d);
void browser_tell(struct lugd *d);

/* ---- desk.c: the outside of duty ---- */
int desk_open(struct lugd *d, struct err *e) WARN_UNUSED;
void desk_close(struct lugd *d);
void desk_poll(struct lugd *d);
/** desk_rung - the outcome of a ring; desk_reply - an answer by code, from an address; each a unit of work */
void desk_rung(struct lugd *d, uint64_t id, int result, const char *words);
void desk_reply(struct lugd *d, const char *address, const char *code);

/* ---- watching.c, api-watch.c: the watch beside the ledger ---- */
struct watch_query;
/** watching_open - its store; make: a new one when there is none, else *ret is NULL then
 * watching_close - release it; watching_tick - tell the consoles when the follower found something
 * watching_alerts - what a query finds: {alerts, next, open (how many are), asset}
 * Returns: 0; -ERR_NOENT this node has no ledger; the store's */
int watching_open(struct lugd *d, bool make, struct store **ret, struct err *e) WARN_UNUSED;
void watching_close(struct lugd *d);
void watching_tick(struct lugd *d);
int watching_alerts(struct api_call *c, const struct watch_query *q, json_t **ret,
		    struct err *e) WARN_UNUSED;

/* ---- channels.c: programs that ring people ---- */
/** channels_open - read notify.conf; nothing is started yet. channels_run - start what is due, hear what was said, end what hangs
 * channels_work, channels_ring - for struct duty_env */
int channels_open(struct lugd *d, struct err *e) WARN_UNUSED;
void channels_close(struct lugd *d);
void channels_run(struct lugd *d);
bool channels_work(void *ctx, const char *name);
int channels_ring(void *ctx, const struct notify_message *m) WARN_UNUSED;
json_t *channels_json(const struct lugd *d);

/* ---- notify.c ---- */
/** notify_systemd - tell the service manager ("READY=1"); nothing when there is none */
void notify_systemd(const char *state);
#endif
