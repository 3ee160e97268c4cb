/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about a party, an address or an entity: whom it deals with, what it holds, and why an entity is one. */
#ifndef LUG_PARTY_REPORT_H
#define LUG_PARTY_REPORT_H
#include "lug/ledger-report.h"

/* A ledger with what was asked of it. */
struct party_view {
	struct ledger *l;
	struct entities *x; /* NULL when addresses are asked about */
	struct party p;
	uint32_t asked; /* the address that was named */
};
/** party_view_open - ledger, entities (made when they are missing) and the party that the arguments name
 * In:      who      an address, or the number of an entity; NULL: the ledger only
 *          entity   ask about its entity
 * Returns: 0; -ERR_NOENT never seen; -ERR_INVAL; as ledger_open(), entities_build() */
int party_view_open(struct lug *lug, const struct args *a, const char *who, bool entity,
		    struct party_view *v, struct err *e) WARN_UNUSED;
void party_view_done(struct party_view *v);
/* Rows for a verb's options. */
#define PARTY_OPTS                                                                  \
	REPORT_LEDGER_OPT,                                                          \
		{"heuristics", "LIST",                                              \
		 "change heuristics of the entities: reuse, type, round, optimal, " \
		 "peel, fresh, client; all (default: none, multi-input alone)",     \
		 false, false},                                                     \
	{                                                                           \
		"height", "N", "as of this block (default: the tip)", false, false  \
	}

/** report_entity - an entity: addresses, totals, a page of its history, and why the address that was asked for belongs to it
 * Out:     ret      new reference: the chain, entity, address (its lowest), heuristics, as_of, addresses, asked, why [{address, to,
 *                   height}], totals and page as report_address()
 *  report_members - the same head, and a page of its addresses
 * Returns: 0; -ERR_NOENT the row of `after` is not there; -ERR_CORRUPT; -ERR_NOMEM */
int report_entity(const struct party_view *v, const struct report_page *page, json_t **ret,
		  struct err *e) WARN_UNUSED;
int report_members(const struct party_view *v, const struct report_page *page, json_t **ret,
		   struct err *e) WARN_UNUSED;
int report_entity_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;

/** report_neighbours - a page of whom a party received from or sent to, the largest amounts first
 * In:      after of the page is the number of a row
 * Returns: as above; -ERR_INVAL not a row's number */
int report_neighbours(const struct party_view *v, enum party_side side,
		      const struct report_page *page, json_t **ret, struct err *e) WARN_UNUSED;
int report_neighbours_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;

/** report_holdings - a page of a party's unspent outputs; without a party what the whole chain holds
 * In:      after of the page is TXID:N
 * Returns: as above; -ERR_INVAL */
int report_holdings(const struct party_view *v, const struct report_page *page, json_t **ret,
		    struct err *e) WARN_UNUSED;
int report_holdings_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
#endif
