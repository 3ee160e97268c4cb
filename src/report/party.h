/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about a party, an address or an entity, as JSON: whom it deals with, what it holds, why an entity is one, and
 * what its money has to do with labels. */
#ifndef REPORT_PARTY_H
#define REPORT_PARTY_H
#include "ledger/party.h"
#include "report/report.h"

struct exposure_params; /* ledger/exposure.h */

/* A ledger with what was asked of it. Everything is borrowed. */
struct party_view {
	struct ledger *l;
	struct entities *x; /* NULL when addresses are asked about */
	struct party p;
	uint32_t asked; /* the address that was named */
};
/** report_find_party - the address id that a text names
 * In:      who      an address; where entities are meant also the number of one
 * Returns: 0; -ERR_NOENT never seen; as ledger_address_find_text() */
int report_find_party(const struct ledger *l, const char *who, bool entity, uint32_t *ret_id,
		      struct err *e) WARN_UNUSED;

/** report_entity - an entity: addresses, totals, a page of its history, and why the address that was asked for belongs to it
 * Out:     ret      new reference: the chain, entity, address (its lowest), heuristics, as_of, addresses, asked, why [{address, to,
 *                   height}], totals and page as report_address()
 *  report_members - the same head, and a page of its addresses
 * Returns: 0; -ERR_NOENT the row of `after` is not there; -ERR_CORRUPT; -ERR_NOMEM */
int report_entity(const struct party_view *v, const struct report_page *page, json_t **ret,
		  struct err *e) WARN_UNUSED;
int report_members(const struct party_view *v, const struct report_page *page, json_t **ret,
		   struct err *e) WARN_UNUSED;

/** report_neighbours - a page of whom a party received from or sent to, the largest amounts first
 * In:      after of the page is the number of a row
 * Returns: as above; -ERR_INVAL not a row's number */
int report_neighbours(const struct party_view *v, enum party_side side,
		      const struct report_page *page, json_t **ret, struct err *e) WARN_UNUSED;
/** report_holdings - a page of a party's unspent outputs; without a party what the whole chain holds
 * In:      after of the page is TXID:N
 * Returns: as above; -ERR_INVAL */
int report_holdings(const struct party_view *v, const struct report_page *page, json_t **ret,
		    struct err *e) WARN_UNUSED;
/** report_exposure - how much of a party's money came from, or went to, each category of labels
 * Out:     ret      new reference: the chain, asked, entity (null for an address), as_of, side, hops, labels (how many there are), total,
 *                   categories [{category, direct, indirect, amount, percent, payments}], unlabelled, held, mined, joined, unknown,
 *                   fees, cut, partial
 * Returns: as exposure_of() */
int report_exposure(const struct party_view *v, const struct labels *labels,
		    const struct exposure_params *q, json_t **ret, struct err *e) WARN_UNUSED;
#endif
