/* SPDX-License-Identifier: Apache-2.0
 * What a ledger says about a party, an address or an entity, for people. */
#ifndef LUG_PARTY_REPORT_H
#define LUG_PARTY_REPORT_H
#include "lug/ledger-report.h"
#include "report/party.h"

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

/** report_entity_print, report_neighbours_print, report_holdings_print - what report/party.h says, for people */
int report_entity_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
int report_neighbours_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
int report_holdings_print(const struct lug *lug, const json_t *report, struct err *e) WARN_UNUSED;
#endif
