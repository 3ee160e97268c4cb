/* SPDX-License-Identifier: Apache-2.0
 * Erasing what a message said: its parts, and of a received one the file that they were read from. */
#include "exchange/erase.h"
#include "exchange/exchange-int.h"

static int unopened(struct exchange *x, const char *peer, const uint8_t *id16, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(x->s, "SELECT state FROM exchange_in WHERE peer = ? AND id = ?",
			    VALS(val_text(peer), val_blob(id16, 16)), &rows, e);
	if (r <= 0)
		return r;
	if (row_i64(&rows, "state") == EXCHANGE_STORED)
		return err_set(e, ERR_BUSY, "message", "It was not opened yet.");
	return row_err(&rows, e);
}

int exchange_erase(struct exchange *x, const char *peer, const uint8_t id16[static 16],
		   struct err *e)
{
	int64_t r = peer ? unopened(x, peer, id16, e) : 0;
	if (r >= 0)
		r = store_exec(x->s, "DELETE FROM exchange_part WHERE peer = ? AND id = ?",
			       VALS(val_text(peer ? peer : ""), val_blob(id16, 16)), e);
	if (r >= 0 && peer)
		r = store_exec(x->s, "UPDATE exchange_in SET file = ? WHERE peer = ? AND id = ?",
			       VALS(val_blob(NULL, 0), val_text(peer), val_blob(id16, 16)), e);
	return r < 0 ? (int)r : 0;
}
