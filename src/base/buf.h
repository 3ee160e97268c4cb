/* SPDX-License-Identifier: Apache-2.0
 * Buffer: bytes that grow up to a maximum set at birth. Errors stick: write on, check once with buf_err(). */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *p;
	size_t len, cap, max;
	int error; /* 0, -ERR_NOMEM or -ERR_OVERSIZE; once set, writes do nothing */
};

/** buf_init - an empty buffer of at most max bytes; allocates nothing yet */
void buf_init(struct buf *b, size_t max);
/** buf_done - release; safe on a zeroed struct. buf_clear - empty again, memory kept, error cleared */
void buf_done(struct buf *b);
void buf_clear(struct buf *b);
/** buf_err - 0, or the first error since init or clear */
int buf_err(const struct buf *b);

/** buf_put - append len bytes; buf_space - append len bytes for the caller to fill, NULL on error */
void buf_put(struct buf *b, const void *p, size_t len);
uint8_t *buf_space(struct buf *b, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u8(struct buf *b, uint8_t v);
void buf_u16le(struct buf *b, uint16_t v);
void buf_u32le(struct buf *b, uint32_t v);
void buf_u64le(struct buf *b, uint64_t v);
void buf_u16be(struct buf *b, uint16_t v);
void buf_u32be(struct buf *b, uint32_t v);
void buf_u64be(struct buf *b, uint64_t v);

/** buf_cstr - the bytes as a C string (a NUL is kept behind, not counted); "" when empty or in error */
const char *buf_cstr(struct buf *b);
/** buf_take - hand the memory over to the caller, who frees it; the buffer is empty afterwards. NULL when in error or empty */
uint8_t *buf_take(struct buf *b, size_t *ret_len);
#endif
