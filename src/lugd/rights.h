/* SPDX-License-Identifier: Apache-2.0
 * May this person do this? One answer for the UNIX socket and the console. */
#ifndef LUGD_RIGHTS_H
#define LUGD_RIGHTS_H
#include "exchange/request.h"
#include "lugd/lugd.h"

/** rights_check - the question about rights for a call: the route's roles, its act, the record that its path names
 * In:      step_up  the listener asks for a fresh proof of identity; proved: there is one
 * Returns: 0; -ERR_DENIED with what stands in the way as field; -ERR_STEP_UP; as store_exec. The caller records a denial */
int rights_check(struct api_call *c, bool step_up, bool proved, struct err *e) WARN_UNUSED;
/** rights_step_up - is the call's act one that needs a fresh proof of identity: sending, exports, credentials, roles */
bool rights_step_up(const struct api_call *c);
/** rights_read - may the caller see a request that the call names beside its path; as rights_check */
int rights_read(struct api_call *c, const char *id, struct err *e) WARN_UNUSED;
/** rights_list - the same for each row of a list: request_filter.may, its ctx is the struct api_call */
bool rights_list(void *ctx, const struct request_label *l);
#endif
