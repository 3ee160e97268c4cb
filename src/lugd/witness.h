/* SPDX-License-Identifier: Apache-2.0
 * Countersignatures on audit logs, as the daemon asks for them and gives them (docs/protocol/witness.md). */
#ifndef LUGD_WITNESS_H
#define LUGD_WITNESS_H
#include "base/buf.h"
#include "base/json.h"
#include "exchange/request.h"
#include "http/api.h"

struct lugd;

enum { WITNESS_ASKED = 4 };
/* What was asked: to countersign; the same again with the size that it said; to show what it holds against our log. */
enum witness_step { WITNESS_ASK, WITNESS_ASK_AGAIN, WITNESS_SHOW };
struct witness_question {
	uint64_t send_id; /* 0: free */
	enum witness_step step;
	char peer[API_NAME_MAX + 1];
	struct buf note; /* the checkpoint that was shown */
};
struct witness {
	struct witness_question asked[WITNESS_ASKED];
	uint64_t asked_n;
	size_t shift;		       /* members that failed */
	int64_t due_ms, hold_until_ms; /* mono */
	bool seen;		       /* a witness has countersigned since the start */
	bool behind;		       /* a witness has seen more, or something else */
};
/** witness_open - before the first tick; witness_tick - ask when it is due; witness_close
 * witness_sent - the outcome of a POST, if it was ours
 * witness_may_seal - may the appender sign a new checkpoint?
 * witness_admit - for request_options.admit; witness_json - for the status; NULL with e */
void witness_open(struct lugd *d);
void witness_tick(struct lugd *d, int64_t now_ms);
void witness_close(struct lugd *d);
bool witness_sent(struct lugd *d, uint64_t id, unsigned status, const void *p, size_t len);
bool witness_may_seal(const struct lugd *d);
int witness_admit(void *ctx, enum request_class class, const char *id, struct err *e) WARN_UNUSED;
json_t *witness_json(struct lugd *d, struct err *e);
#endif
