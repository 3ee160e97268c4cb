/* SPDX-License-Identifier: Apache-2.0
 * Watch: addresses and taint watched over new blocks and unconfirmed transactions, with alerts that a reorganisation takes back.
 *
 * Rows are the state; docs/format/watch.md says what they mean. Sans-IO: the store, the ledger and the time are given. */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "chain/address.h"
#include "ledger/trace.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger;
struct store;

enum {
	WATCH_TAINT_MAX = 1000000, /* outputs that the past of an item may reach */
	WATCH_PATH_MAX = 32,	   /* hops that an alert keeps */
	WATCH_NOTE_MAX = 256,
	WATCH_ENTRIES_MAX = 100000000, /* addresses of one item */
	WATCH_SEEDS_MAX = 10000,
	WATCH_EXPIRE_S = 14 * 86400,
	WATCH_BACK_BLOCKS =
		2016, /* before the first one scanned, to which a reorganisation may go back */
};

/* Stored: never renumbered. */
enum watch_kind { WATCH_ADDRESS = 1, WATCH_TAINT = 2, WATCH_SERVICE = 3 };
enum watch_alert_kind { WATCH_RECEIVED = 1, WATCH_SENT = 2, WATCH_TAINTED = 3 };
enum watch_state { WATCH_UNCONFIRMED = 1, WATCH_CONFIRMED = 2, WATCH_RETRACTED = 3 };
/** watch_kind_name, watch_alert_name, watch_state_name - "address", "received", "unconfirmed" */
const char *watch_kind_name(enum watch_kind k);
const char *watch_alert_name(enum watch_alert_kind k);
const char *watch_state_name(enum watch_state s);

/* ---- the list ---- */

/** watch_tables - make or bring forward the tables
 * Returns: 0; the errors of store_migrate() */
int watch_tables(struct store *s, int64_t now_s, struct err *e) WARN_UNUSED;

struct watch_seed {
	uint8_t txid32[32];
	int64_t position; /* -1: all outputs */
};
struct watch_add {
	enum watch_kind kind;
	const char *note; /* UTF-8, may be NULL */
	int64_t now_s;
	bool alert_services;
	enum trace_policy policy;	 /* taint: TRACE_POISON or TRACE_HAIRCUT */
	const struct address *addresses; /* of kinds address and service */
	const struct watch_seed *seeds;	 /* of kind taint */
	size_t n;
};
/** watch_add - one item, in one transaction; duplicates in it count once
 * Returns: its id, above 0; -ERR_INVAL nothing in it, a note or policy; -ERR_OVERSIZE; the store's */
int64_t watch_add(struct store *s, const struct watch_add *a, struct err *e) WARN_UNUSED;
/** watch_remove - an item with its taint; its alerts stay
 * Returns: 0; -ERR_NOENT; the store's */
int watch_remove(struct store *s, int64_t item, struct err *e) WARN_UNUSED;

struct watch_item {
	int64_t id, added_s;
	enum watch_kind kind;
	enum trace_policy policy;
	bool alert_services;
	bool too_large;		   /* taint: its past reaches too much, so it is not watched */
	uint64_t n;		   /* addresses or seeds */
	uint64_t live_n, live_sum; /* taint: outputs that hold some, and how much together */
	const char *note;
};
/** watch_items - visit all, by id; a negative result ends the walk and is returned */
int watch_items(struct store *s, int (*visit)(void *ctx, const struct watch_item *i, struct err *e),
		void *ctx, struct err *e) WARN_UNUSED;

struct watch_alert {
	int64_t id, item, changed, height; /* height -1 while not confirmed */
	enum watch_alert_kind kind;
	enum watch_state state;
	uint8_t txid32[32];
	int64_t position; /* -1 for sums over a transaction */
	uint64_t amount;
	int64_t first_s, changed_s;
	int64_t confirmations;	 /* 0 while not confirmed */
	const char *path, *note; /* outpoints with blanks between; the item's, "" when removed */
	int64_t acked_s;	 /* when a person took notice; 0: nobody yet */
	const char *acked_by;
};
/* Which alerts. */
struct watch_query {
	int64_t since, before; /* that changed after, and before, this number; 0: no bound */
	bool open;	       /* only those of which nobody took notice */
	bool newest_first;     /* by change; else the oldest */
	int64_t max;
};
/** watch_alerts - visit those that a query names, by change
 * Returns: as watch_items() */
int watch_alerts(struct store *s, const struct watch_query *q,
		 int (*visit)(void *ctx, const struct watch_alert *a, struct err *e), void *ctx,
		 struct err *e) WARN_UNUSED;

/** watch_ack - a person took notice; that holds until the alert is retracted. Who did so first stays
 * Returns: 0; -ERR_NOENT no such alert; the store's */
int watch_ack(struct store *s, int64_t alert, const char *who, int64_t now_s,
	      struct err *e) WARN_UNUSED;
/** watch_changes - the highest number of a change, 0 when there was none: whoever shows alerts looks whether it grew
 * Out:     ret_open  alerts of which nobody took notice
 * Returns: 0; the store's */
int watch_changes(struct store *s, int64_t *ret_changed, int64_t *ret_open,
		  struct err *e) WARN_UNUSED;

/** watch_item_json, watch_alert_json - as programs read them: new object; NULL when out of memory
 *  item: item, kind, policy, entries, live_outputs, live, added, note, alert_services, too_large
 *  alert: alert, changed, item, kind, state, txid, position, amount, height, confirmations, first_seen, changed_at, note, path
 *         [outpoint], acknowledged (null or {by, at}) */
json_t *watch_item_json(const struct watch_item *i);
json_t *watch_alert_json(const struct watch_alert *a);

/* ---- the watcher ---- */

struct watch_env {
	void *ctx;
	/* A transaction that nobody confirmed yet, by id: its bytes, valid until the next call; NULL when it is not known. */
	const uint8_t *(*find)(void *ctx, const uint8_t txid32[static 32], size_t *ret_len);
};

struct watch;
/** watch_open - load what is watched
 * In:      s        borrowed, tables made; env borrowed, may be NULL
 *          key16    of fingerprints: random, another one each time
 * Returns: 0; -ERR_CORRUPT; -ERR_NOMEM; the store's */
int watch_open(struct store *s, const struct watch_env *env, const uint8_t key16[static 16],
	       struct watch **ret_w, struct err *e) WARN_UNUSED;
struct watch *watch_close(struct watch *w);
DEFINE_CLEANUP(struct watch *, watch_close);

/** watch_scan - go along the ledger to its tip: back to where it agrees, then each block; items added meanwhile are taken up
 * In:      blocks_max  stop after so many blocks; 0: never
 * Out:     ret_left    blocks that are left
 * Returns: 0; -ERR_NETWORK the ledger is of another chain than before; -ERR_CORRUPT; -ERR_NOMEM; the store's. After an error the next
 *          call begins at the last block that was committed. A taint item that is too large is marked, and left out */
int watch_scan(struct watch *w, const struct ledger *l, int64_t now_s, uint32_t blocks_max,
	       uint32_t *ret_left, struct err *e) WARN_UNUSED;
/** watch_tx - an unconfirmed transaction; l as of the last watch_scan()
 * Returns: 1 it raised or changed an alert; 0; -ERR_FORMAT and others of tx_decode(); -ERR_CORRUPT; the store's */
int watch_tx(struct watch *w, const struct ledger *l, const uint8_t *p, size_t len, int64_t now_s,
	     struct err *e) WARN_UNUSED;

/** watch_memory - bytes that the tables take; watch_height - the last block that was scanned, -1 none */
size_t watch_memory(const struct watch *w);
int64_t watch_height(const struct watch *w);
#endif
