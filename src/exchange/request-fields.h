/* SPDX-License-Identifier: Apache-2.0
 * Checks of the JSON parts against the field rows of requests.def. Pure. */
#ifndef EXCHANGE_REQUEST_FIELDS_H
#define EXCHANGE_REQUEST_FIELDS_H
#include "base/json.h"
#include "exchange/request-table.h"

enum {
	REQUEST_MAX = 512 << 10,       /* bytes of a request part */
	REQUEST_EVENT_MAX = 256 << 10, /* bytes of an event part */
	REQUEST_FIELD_NAME_MAX = 64,   /* bytes of a field's name, known or not */
	REQUEST_WARNINGS_MAX = 64,     /* warnings kept of one part */
	REQUEST_ID_LEN = 36,	       /* characters of a UUID */
};

/** request_fields_check - every field known, well-formed and in its limits, all needed ones present
 * In:      j         the object
 *          object    SUB_REQUEST or SUB_ACT
 *          bare      fields that only a case has are not needed
 *          warnings  JSON array that gets {"field", "message"} of what was carried unchecked; may be NULL
 * Returns: 0; -ERR_FIELD_MISSING, -ERR_FIELD_UNKNOWN (a name that starts with "!"), -ERR_INVAL, -ERR_RANGE, -ERR_FORMAT,
 *          -ERR_OVERSIZE, -ERR_HANDLING (unknown handling code or marking), -ERR_NOMEM; e->field is the path, "assets[2].txid" */
int request_fields_check(const json_t *j, enum request_sub object, bool bare, json_t *warnings,
			 struct err *e) WARN_UNUSED;

/** request_warn - append one warning; beyond REQUEST_WARNINGS_MAX they are dropped
 * Returns: 0; -ERR_NOMEM */
int request_warn(json_t *warnings, const char *field, const char *message) WARN_UNUSED;

/** request_id_valid - a UUID in lower case, as ids of requests and steps are */
bool request_id_valid(const char *s);

/** dec_valid - decimal digits without sign or leading zero, at most max digits
 * dec_cmp - compare two such strings as numbers: negative, 0, positive */
bool dec_valid(const char *s, size_t max);
int dec_cmp(const char *a, const char *b);

/** caip_chain_len - length of the CAIP-2 chain id at the start of s that ends at `end` or NUL; 0 when there is none */
size_t caip_chain_len(const char *s, char end);
/** caip_account_valid, caip_asset_valid - grammar of CAIP-10 and CAIP-19 */
bool caip_account_valid(const char *s);
bool caip_asset_valid(const char *s);
#endif
