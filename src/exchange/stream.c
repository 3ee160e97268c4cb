/* SPDX-License-Identifier: Apache-2.0
 * Rows of the two streams with a peer. A stream that has no row yet is epoch 1, sequence 0, a chain of zeros. */
#include "exchange/exchange-int.h"
#include <string.h>

enum { RESET_MAX = EXCHANGE_FRAME_MAX };

void stream_done(struct stream *st)
{
	buf_done(&st->reset);
}

static void stream_fresh(struct stream *st)
{
	memset(st, 0, sizeof(*st));
	st->epoch = st->peer_epoch = 1;
	buf_init(&st->reset, RESET_MAX);
}

static void load_reset(struct store_rows *rows, struct stream *st)
{
	size_t len;
	const void *p = row_blob(rows, "reset", &len);
	buf_put(&st->reset, p, len);
}

int stream_out_load(struct exchange *x, const char *peer, struct stream *ret, struct err *e)
{
	stream_fresh(ret);
	STORE_ROWS(rows);
	int r = store_first(
		x->s,
		"SELECT epoch, seq, chain, peer_epoch, peer_seq, peer_chain, stopped, reset,"
		" recall, recall_epoch, recall_seq"
		" FROM exchange_stream_out WHERE peer = ?",
		VALS(val_text(peer)), &rows, e);
	if (r <= 0)
		return r;
	ret->epoch = row_u64(&rows, "epoch");
	ret->seq = row_u64(&rows, "seq");
	row_copy(&rows, "chain", ret->chain32, 32);
	ret->peer_epoch = row_u64(&rows, "peer_epoch");
	ret->peer_seq = row_u64(&rows, "peer_seq");
	row_copy(&rows, "peer_chain", ret->peer_chain32, 32);
	ret->recall = row_i64(&rows, "recall") != 0;
	ret->recall_epoch = row_u64(&rows, "recall_epoch");
	ret->recall_seq = row_u64(&rows, "recall_seq");
	ret->stopped = row_i64(&rows, "stopped") != 0;
	load_reset(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : buf_err(&ret->reset);
}

int stream_out_save(struct exchange *x, const char *peer, const struct stream *st, struct err *e)
{
	int64_t n = store_exec(
		x->s,
		"INSERT INTO exchange_stream_out (peer, epoch, seq, chain, peer_epoch, peer_seq, peer_chain, stopped, reset,"
		" recall, recall_epoch, recall_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (peer) DO UPDATE SET epoch = excluded.epoch,"
		" seq = excluded.seq, chain = excluded.chain, peer_epoch = excluded.peer_epoch,"
		" peer_seq = excluded.peer_seq, peer_chain = excluded.peer_chain, stopped = excluded.stopped,"
		" reset = excluded.reset, recall = excluded.recall, recall_epoch = excluded.recall_epoch,"
		" recall_seq = excluded.recall_seq",
		VALS(val_text(peer), val_u64(st->epoch), val_u64(st->seq),
		     val_blob(st->chain32, 32), val_u64(st->peer_epoch), val_u64(st->peer_seq),
		     val_blob(st->peer_chain32, 32), val_i64(st->stopped),
		     val_blob(st->reset.p, st->reset.len), val_i64(st->recall),
		     val_u64(st->recall_epoch), val_u64(st->recall_seq)),
		e);
	return n < 0 ? (int)n : 0;
}

int stream_in_load(struct exchange *x, const char *peer, struct stream *ret, struct err *e)
{
	stream_fresh(ret);
	STORE_ROWS(rows);
	int r = store_first(
		x->s,
		"SELECT epoch, seq, chain, top, stopped, stop_a, stop_b, reset FROM exchange_stream_in"
		" WHERE peer = ?",
		VALS(val_text(peer)), &rows, e);
	if (r <= 0)
		return r;
	ret->epoch = row_u64(&rows, "epoch");
	ret->seq = row_u64(&rows, "seq");
	row_copy(&rows, "chain", ret->chain32, 32);
	ret->top = row_u64(&rows, "top");
	ret->stopped = row_i64(&rows, "stopped") != 0;
	row_copy(&rows, "stop_a", ret->stop_a32, 32);
	row_copy(&rows, "stop_b", ret->stop_b32, 32);
	load_reset(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : buf_err(&ret->reset);
}

int stream_in_save(struct exchange *x, const char *peer, const struct stream *st, struct err *e)
{
	int64_t n = store_exec(
		x->s,
		"INSERT INTO exchange_stream_in (peer, epoch, seq, chain, top, stopped, stop_a, stop_b, reset)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (peer) DO UPDATE SET epoch = excluded.epoch,"
		" seq = excluded.seq, chain = excluded.chain, top = excluded.top, stopped = excluded.stopped,"
		" stop_a = excluded.stop_a, stop_b = excluded.stop_b, reset = excluded.reset",
		VALS(val_text(peer), val_u64(st->epoch), val_u64(st->seq),
		     val_blob(st->chain32, 32), val_u64(st->top), val_i64(st->stopped),
		     val_blob(st->stop_a32, 32), val_blob(st->stop_b32, 32),
		     val_blob(st->reset.p, st->reset.len)),
		e);
	return n < 0 ? (int)n : 0;
}

int stream_place(struct exchange *x, const char *peer, uint64_t epoch, uint64_t seq,
		 uint8_t ret_hash32[static 32], struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		x->s,
		"SELECT text_hash FROM exchange_place WHERE peer = ? AND epoch = ? AND seq = ?",
		VALS(val_text(peer), val_u64(epoch), val_u64(seq)), &rows, e);
	if (r <= 0)
		return r;
	row_copy(&rows, "text_hash", ret_hash32, 32);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int frame_put_own(struct exchange *x, struct buf *b, const void *p, size_t len, struct err *e)
{
	_cleanup_(buf_done) struct buf note;
	buf_init(&note, NOTE_MAX);
	int r = exchange_note_renew(x, p, len, &note, e);
	if (r < 0)
		return r;
	frame_put(b, note.p, note.len);
	return buf_err(b);
}
