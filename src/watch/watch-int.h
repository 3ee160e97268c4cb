/* SPDX-License-Identifier: Apache-2.0
 * Inside watch: fingerprints of addresses, live taint, one transaction as the watcher sees it, alerts. */
#ifndef WATCH_WATCH_INT_H
#define WATCH_WATCH_INT_H
#include "ledger/ledger.h"
#include "store/store.h"
#include "watch/watch.h"

enum { FLAG_ALERT_SERVICES = 1, FLAG_TOO_LARGE = 2 };
enum { ADDRESS_BYTES_MAX = 1 + ADDRESS_PAYLOAD_MAX };

/* ---- a set of addresses, as fingerprints ---- */

struct prints {
	uint8_t key16[16];
	uint64_t *slots; /* 0 is empty */
	uint64_t slot_n, n;
};
int prints_add(struct prints *p, const void *bytes, size_t len) WARN_UNUSED;
bool prints_has(const struct prints *p, const void *bytes, size_t len);
void prints_done(struct prints *p);
/** address_bytes - {kind, payload}, as the store keeps it. Returns: their length */
size_t address_bytes(const struct address *a, uint8_t out[static ADDRESS_BYTES_MAX]);

/* ---- live taint ---- */

/* An output that holds taint of an item; txid32 and position tell those apart that no block holds yet. */
struct live {
	uint64_t key; /* of the ledger: the output; else hashed, with the top bit set */
	uint64_t amount;
	int64_t row, item; /* row of watch_taint */
	uint8_t txid32[32];
	uint32_t position, next;
};
struct lives {
	struct live *p; /* freed ones are linked by next from free_head on */
	uint32_t *heads;
	uint32_t n, cap, head_n, free_head, used;
};
int lives_add(struct lives *l, const struct live *x) WARN_UNUSED;
/** lives_first, lives_next - those of a key; NULL at the end */
struct live *lives_first(const struct lives *l, uint64_t key);
struct live *lives_next(const struct lives *l, const struct live *x);
void lives_remove(struct lives *l, uint64_t key, int64_t row);
void lives_clear(struct lives *l);
void lives_done(struct lives *l);

/* ---- items in memory ---- */

struct item {
	int64_t id;
	enum watch_kind kind;
	enum trace_policy policy;
	unsigned flags;
};
struct seed {
	int64_t item;
	struct watch_seed at;
};

struct watch {
	struct store *store;
	const struct watch_env *env;
	struct prints watched, services;
	struct lives lives;
	struct item *items; /* by id */
	size_t item_n;
	struct seed *waiting; /* seeds whose transaction the ledger did not have */
	size_t waiting_n;
	int64_t height; /* -1: nothing scanned yet */
	uint8_t hash32[32];
	int64_t items_loaded; /* highest id */
	int64_t next_row, next_alert, next_change;
	int64_t now_s;
	const struct ledger *ledger; /* during a call */
	bool stale;		     /* memory may differ from the rows: load again first */
};
const struct item *item_find(const struct watch *w, int64_t id);
/** watch_load - everything from the rows; items_load - the items above items_loaded: 1 if there were some */
int watch_load(struct watch *w, struct err *e) WARN_UNUSED;
int items_load(struct watch *w, struct err *e) WARN_UNUSED;
int lives_load(struct watch *w, struct err *e) WARN_UNUSED;
int seeds_load(struct watch *w, struct err *e) WARN_UNUSED;

/* ---- one transaction ---- */

/* What stands on its sides; of an output that the ledger has, output is its id. */
struct side {
	uint64_t value, key;
	struct address address; /* ADDRESS_NONE: nobody */
	uint8_t txid32[32];
	uint32_t position;
	bool known; /* value and address are */
};
struct seen_tx {
	uint8_t txid32[32];
	int64_t height; /* -1: unconfirmed */
	struct side *in, *out;
	uint32_t in_n, out_n, cap;
	uint64_t first_out; /* the ledger's; confirmed only */
};
void seen_done(struct seen_tx *t);
int seen_room(struct seen_tx *t, uint32_t in_n, uint32_t out_n) WARN_UNUSED;
/** seen_match - raise what the transaction gives, in the transaction of the store that is open
 * Returns: 1 something; 0; an error */
int seen_match(struct watch *w, const struct seen_tx *t, struct err *e) WARN_UNUSED;

/** taint_pass - move taint through a transaction. Returns: as seen_match()
 * taint_row - write a row and make it live: its id, or an error */
int taint_pass(struct watch *w, const struct seen_tx *t, struct err *e) WARN_UNUSED;
int64_t taint_row(struct watch *w, int64_t item, const struct side *s, uint64_t amount,
		  int64_t parent, int64_t height, bool live, struct err *e) WARN_UNUSED;
/** haircut - shares of amount among parts and the rest of the line, by taint.md 3 */
int haircut(const uint64_t *values, uint32_t n, uint64_t line, uint64_t amount,
	    uint64_t *ret_shares) WARN_UNUSED;
/** seed_plant - an output becomes a seed of an item, whole, whatever reached it before */
int seed_plant(struct watch *w, int64_t item, const struct side *s, int64_t height,
	       struct err *e) WARN_UNUSED;
/** seeds_place - seeds in the past: their items are traced to w->height */
int seeds_place(struct watch *w, struct err *e) WARN_UNUSED;

/** service_has - is the address listed? verified; 1, 0 or an error */
int service_has(struct watch *w, const struct address *a, struct err *e) WARN_UNUSED;

struct raise {
	int64_t item, position, height;
	enum watch_alert_kind kind;
	const uint8_t *txid32;
	uint64_t amount;
	int64_t taint;		      /* row whose path it has; 0 none */
	const struct side *from, *to; /* address alerts: the hop */
};
/** alert_raise - make the row, or change it
 * Returns: 1 it is new or changed; 0 as before; an error */
int alert_raise(struct watch *w, const struct raise *r, struct err *e) WARN_UNUSED;
/** alerts_retract - those confirmed above a height; alerts_retract_tx - unconfirmed ones of a transaction */
int alerts_retract(struct watch *w, int64_t above, struct err *e) WARN_UNUSED;
int alerts_retract_tx(struct watch *w, const uint8_t txid32[static 32], struct err *e) WARN_UNUSED;

/** side_of_output - an output of the ledger; side_of_tx - of a transaction's bytes */
int side_of_output(const struct ledger *l, uint64_t output, struct side *ret) WARN_UNUSED;
/** mempool_settle - after blocks: what became of the transactions that raised unconfirmed alerts */
int mempool_settle(struct watch *w, struct err *e) WARN_UNUSED;
#endif
