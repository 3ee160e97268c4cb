/* SPDX-License-Identifier: Apache-2.0
 * Entities: sets of addresses that are controlled together, by multi-input ties and chosen change heuristics.
 *
 * An entity's id is its lowest address id; address ids are those of the open ledger. A file of entities belongs to one tip and
 * one set of heuristics, is immutable, and is mapped; one struct entities may be used by many threads. */
#ifndef LEDGER_ENTITY_H
#define LEDGER_ENTITY_H
#include "base/cleanup.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger;
struct entities;

/** ledger_tx_coinjoin - is a transaction an equal-output CoinJoin (docs/format/taint.md 3)?
 * Returns: 1 or 0, 0 also for a txnum out of range; -ERR_NOMEM; -ERR_CORRUPT */
int ledger_tx_coinjoin(const struct ledger *l, uint32_t txnum) WARN_UNUSED;

#define ENTITY_TIP UINT32_MAX /* as of the tip */

/* ---- heuristics ---- */

/* Bits of a set. Multi-input is always on and has no bit. */
enum heuristic {
	HEURISTIC_REUSE = 1,
	HEURISTIC_TYPE = 2,
	HEURISTIC_ROUND = 4,
	HEURISTIC_OPTIMAL = 8,
	HEURISTIC_PEEL = 16,
	HEURISTIC_FRESH = 32,
	HEURISTIC_CLIENT = 64,
};
enum { HEURISTIC_N = 7, HEURISTIC_ALL = (1 << HEURISTIC_N) - 1, HEURISTIC_SET_TEXT_MAX = 64 };

/** heuristic_name - "type"; heuristic_doc - one sentence; NULL unless bit is exactly one of the above */
const char *heuristic_name(uint32_t bit);
const char *heuristic_doc(uint32_t bit);
/** heuristic_set_parse - "type,fresh", "all", or "none" (multi-input alone)
 * Returns: 0; -ERR_INVAL with the known names in e */
int heuristic_set_parse(const char *text, uint32_t *ret_set, struct err *e) WARN_UNUSED;
/** heuristic_set_text - the reverse */
const char *heuristic_set_text(uint32_t set, char out[static HEURISTIC_SET_TEXT_MAX]);

/** heuristic_change - which output one heuristic takes for the change of a transaction, by what the chain says below a txnum
 * In:      before  transactions from here on do not exist; UINT32_MAX: all do
 * Returns: position of the output; -1 none; a joined transaction and a txnum out of range have none; -ERR_NOMEM; -ERR_CORRUPT
 *          (errors are below -1)
 * Source:  docs/format/entity.md 1 */
int heuristic_change(const struct ledger *l, uint32_t bit, uint32_t txnum,
		     uint32_t before) WARN_UNUSED;

/* ---- making ---- */

struct entity_build {
	uint32_t set;
	bool whole; /* from the first block on, also when an earlier file could be continued */
	/* Told now and then how far it is; NULL: nobody */
	void (*tick)(void *ctx, uint64_t tx_done, uint64_t tx_n);
	void *tick_ctx;
};
struct entity_built {
	uint64_t tx_n;		      /* transactions looked at */
	uint64_t address_n;	      /* addresses of the ledger */
	uint64_t entity_n;	      /* as of the tip */
	uint64_t joined_n, refused_n; /* CoinJoins passed over; change ties refused */
	uint64_t bytes;
	uint32_t committed_height;
	bool continued; /* an earlier file was continued */
	bool existed;	/* the file was there: nothing was done */
};
/** entities_build - make the file of a set for the ledger's tip; older files of the set go
 * In:      dir     the ledger's folder
 * Returns: 0; -ERR_RANGE unknown bits; as ledger_open(); -ERR_NOSPC, -ERR_IO, -ERR_ACCES, -ERR_NOMEM
 * Cost:    one pass over new inputs; 12 bytes of memory an address, 24 mapped */
int entities_build(const char *dir, const struct entity_build *opt, struct entity_built *ret,
		   struct err *e) WARN_UNUSED;
/** entities_remove - take a set back: delete its files
 * Returns: 0; -ERR_NOENT there is none; -ERR_IO, -ERR_ACCES */
int entities_remove(const char *dir, uint32_t set, struct err *e) WARN_UNUSED;

/* ---- asking ---- */

/** entities_open - map the entities of an open ledger's tip
 * In:      l       borrowed; must outlive the result
 * Returns: 0; -ERR_NOENT not made for this tip, with the command that makes them; -ERR_CORRUPT, -ERR_VERSION; -ERR_IO, -ERR_NOMEM */
int entities_open(const char *dir, const struct ledger *l, uint32_t set, struct entities **ret_x,
		  struct err *e) WARN_UNUSED;
struct entities *entities_close(struct entities *x);
DEFINE_CLEANUP(struct entities *, entities_close);

/** entities_info - the figures of the file; borrowed. tx_n is the ledger's */
const struct entity_built *entities_info(const struct entities *x);
const struct ledger *entities_ledger(const struct entities *x);
uint32_t entities_set(const struct entities *x);

/** entity_of - the entity of an address as of a height; 0 for 0 or out of range
 * Cost:    one look, and one for each tie of the last 100 blocks that moved it; below the committed height the links */
uint32_t entity_of(const struct entities *x, uint32_t address, uint32_t height);
/** entity_size - addresses of an entity as of a height; 0 when the id is no entity's then
 * Cost:    O(1) for the tip, but for entities that the last 100 blocks changed; else the members */
uint64_t entity_size(const struct entities *x, uint32_t entity, uint32_t height);
/** entity_members - its addresses, ascending, a page at a time
 * In:      after   begin behind this address; 0 begins
 * Out:     ids     at most max
 * Returns: how many were written, 0 at the end; -ERR_RANGE no entity's id */
int64_t entity_members(const struct entities *x, uint32_t entity, uint32_t height, uint32_t after,
		       uint32_t *ids, size_t max) WARN_UNUSED;

/** entity_each - all of its addresses, in no order, at once
 * In:      fn      a negative value ends the walk and is returned
 * Returns: 0; fn's; -ERR_RANGE no entity's id; -ERR_CORRUPT; -ERR_NOMEM */
int entity_each(const struct entities *x, uint32_t entity, uint32_t height,
		int (*fn)(void *ctx, uint32_t address), void *ctx) WARN_UNUSED;

/* One tie on the way from an address to its entity's id. */
struct entity_link {
	uint32_t address, to; /* entity ids at that time: the higher joined the lower */
	uint32_t height;      /* of the block whose transaction tied them */
};
/** entity_links - why an address belongs to its entity: the links up to its id
 * Returns: how many there are, at most max written */
size_t entity_links(const struct entities *x, uint32_t address, uint32_t height,
		    struct entity_link *links, size_t max);
#endif
