/* SPDX-License-Identifier: Apache-2.0
 * What the text of an address says, as JSON for programs and as lines for people; needs no ledger. */
#ifndef LUG_ADDRESS_REPORT_H
#define LUG_ADDRESS_REPORT_H
#include "chain/address.h"
#include "lug/lug.h"

/** json_networks - new array of the names of a set of networks; NULL when out of memory */
json_t *json_networks(uint32_t nets);
/** json_guesses - new array of {text, explain} for what a wrong text was probably meant to be */
json_t *json_guesses(const struct address_guess *guesses, int n);
/** json_checksum - new object {name, bits} */
json_t *json_checksum(const struct address_info *info);

/** explain_address - everything that an address says
 * Returns: new reference: given, canonical, kind, form, checksum, networks, payload, script (null for EVM), texts {network: text},
 *          accounts [CAIP-10 id of each network]; NULL when out of memory */
json_t *explain_address(const char *given, const struct address_info *info);
/** explain_print - the same for people */
void explain_print(const struct lug *l, const char *given, const struct address_info *info);

/** address_read - address_parse(), with the likely typing error in the message
 * Returns: as address_parse() */
int address_read(const char *text, struct address_info *ret, struct address_guess *guesses, int max,
		 int *ret_guess_n, struct err *e) WARN_UNUSED;
#endif
