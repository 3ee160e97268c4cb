/* SPDX-License-Identifier: Apache-2.0
 * Notes between two nodes about their streams: head, reset, refusal, non-delivery (docs/protocol/streams.md). Texts, and the frames they travel in. */
#ifndef EXCHANGE_STREAM_NOTE_H
#define EXCHANGE_STREAM_NOTE_H
#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"
#include "wire/note.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_TYPE_HEAD NOTE_TYPE_PREFIX "head/v1"
#define STREAM_TYPE_RESET NOTE_TYPE_PREFIX "reset/v1"
#define STREAM_TYPE_REFUSAL NOTE_TYPE_PREFIX "refusal/v1"
#define STREAM_TYPE_NON_DELIVERY NOTE_TYPE_PREFIX "non-delivery/v1"

enum { STREAM_NAME_MAX = 64, STREAM_MISSING_MAX = 16, STREAM_CODE_MAX = 32 };
enum { EXCHANGE_FRAME_MAX = 16384 };

/** frame_put - append a frame to a body
 * frame_next - the next frame of a body, in place
 * Returns: frame_next: 1; 0 at its end; -ERR_FORMAT; -ERR_OVERSIZE above EXCHANGE_FRAME_MAX */
void frame_put(struct buf *b, const void *p, size_t len);
int frame_next(struct cur *c, const void **ret_p, size_t *ret_len) WARN_UNUSED;

struct stream_at {
	uint64_t epoch, seq;
	uint8_t chain32[32];
};
struct stream_head {
	char from[STREAM_NAME_MAX + 1], to[STREAM_NAME_MAX + 1];
	int64_t time_ms;
	struct stream_at received, sent;
	uint64_t
		top; /* of the received epoch: highest place held or said to be sent; received.seq at least */
	uint64_t shown_epoch, shown_seq; /* what the other side showed last of `sent` */
	struct {
		uint64_t first, last;
	} missing[STREAM_MISSING_MAX];
	size_t missing_n;
	bool stopped;
	uint8_t stop_a32[32], stop_b32[32];
};
struct stream_reset {
	char from[STREAM_NAME_MAX + 1], to[STREAM_NAME_MAX + 1];
	int64_t time_s;
	uint64_t epoch;
	struct stream_at last;
	char reason[STREAM_CODE_MAX + 1]; /* restored | refused */
};
struct stream_refusal {
	char from[STREAM_NAME_MAX + 1], to[STREAM_NAME_MAX + 1];
	int64_t time_s;
	uint8_t id16[16];
	char code[STREAM_CODE_MAX + 1]; /* err_name */
};
struct stream_non_delivery {
	char from[STREAM_NAME_MAX + 1], to[STREAM_NAME_MAX + 1];
	int64_t time_s, expires_s;
	uint8_t id16[16];
	uint64_t tries;
	char code[STREAM_CODE_MAX + 1];
};

/** stream_head_encode and the other three - append the text of a note, unsigned
 * Returns: 0; -ERR_INVAL a value that no note may hold; as buf_err()
 * stream_head_decode and the other three - read the text of a note; decode(encode(x)) == x
 * Returns: 0; -ERR_FORMAT, -ERR_RANGE, -ERR_FIELD_MISSING, -ERR_FIELD_UNKNOWN, -ERR_VERSION, -ERR_KEY_TYPE */
int stream_head_encode(const struct stream_head *h, struct buf *out) WARN_UNUSED;
int stream_head_decode(const char *text, size_t len, struct stream_head *ret,
		       struct err *e) WARN_UNUSED;
int stream_reset_encode(const struct stream_reset *r, struct buf *out) WARN_UNUSED;
int stream_reset_decode(const char *text, size_t len, struct stream_reset *ret,
			struct err *e) WARN_UNUSED;
int stream_refusal_encode(const struct stream_refusal *r, struct buf *out) WARN_UNUSED;
int stream_refusal_decode(const char *text, size_t len, struct stream_refusal *ret,
			  struct err *e) WARN_UNUSED;
int stream_non_delivery_encode(const struct stream_non_delivery *n, struct buf *out) WARN_UNUSED;
int stream_non_delivery_decode(const char *text, size_t len, struct stream_non_delivery *ret,
			       struct err *e) WARN_UNUSED;
#endif
