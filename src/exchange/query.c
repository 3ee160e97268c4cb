/* SPDX-License-Identifier: Apache-2.0
 * Questions about deliveries, messages and peers, for requests and for people. */
#include "exchange/exchange-int.h"
#include <string.h>

#define DELIVERY_COLUMNS                                                                                                \
	"SELECT id, peer, class, state, reason, posted_s, expires_s, epoch, seq, stored_s, decided_s, seen_s, acted_s," \
	" tries, tried_s, last_error FROM exchange_out "

static void read_delivery(struct store_rows *rows, struct exchange_delivery *d)
{
	memset(d, 0, sizeof(*d));
	row_copy(rows, "id", d->id16, 16);
	snprintf(d->peer, sizeof(d->peer), "%s", row_text(rows, "peer", NULL));
	snprintf(d->reason, sizeof(d->reason), "%s", row_text(rows, "reason", NULL));
	d->class = (enum exchange_class)row_i64(rows, "class");
	d->state = (enum exchange_state)row_i64(rows, "state");
	d->posted_s = row_i64(rows, "posted_s");
	d->expires_s = row_i64(rows, "expires_s");
	d->epoch = row_u64(rows, "epoch");
	d->seq = row_u64(rows, "seq");
	d->stored_s = row_i64(rows, "stored_s");
	d->decided_s = row_i64(rows, "decided_s");
	d->seen_s = row_i64(rows, "seen_s");
	d->acted_s = row_i64(rows, "acted_s");
	d->tries = (uint32_t)row_i64(rows, "tries");
	d->tried_s = row_i64(rows, "tried_s");
	d->last_error = (int)row_i64(rows, "last_error");
}

int exchange_delivery(struct exchange *x, const uint8_t id16[static 16], const char *peer,
		      struct exchange_delivery *ret, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(x->s, DELIVERY_COLUMNS "WHERE peer = ? AND id = ?",
			    VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
	if (r <= 0)
		return r;
	read_delivery(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int exchange_deliveries(struct exchange *x, const uint8_t id16[static 16],
			struct exchange_delivery *ret, size_t max, struct err *e)
{
	STORE_ROWS(rows);
	size_t n = 0;
	int r = store_query(x->s, DELIVERY_COLUMNS "WHERE id = ? ORDER BY peer",
			    VALS(val_blob(id16, 16)), &rows, e);
	while (r >= 0 && n < max && (r = store_next(&rows, e)) > 0)
		read_delivery(&rows, &ret[n++]);
	if (r >= 0)
		r = row_err(&rows, e);
	if (r >= 0 && n == 0)
		return err_set(e, ERR_NOENT, "id", "No message of this id was posted here.");
	return r < 0 ? r : (int)n;
}
