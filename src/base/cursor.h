/* SPDX-License-Identifier: Apache-2.0
 * Cursor: the one way untrusted bytes are read. Reading past the end returns zeros and sets a sticky error; the decoder
 * checks once, with cur_end(), that nothing went wrong and that everything was consumed. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cur {
	const uint8_t *p;
	size_t len, pos;
	int error; /* 0, or the first -ERR_X; pos then stays where it went wrong */
};

/** cur_init - read len bytes at p; borrowed, must outlive the cursor */
struct cur cur_init(const void *p, size_t len);

uint8_t cur_u8(struct cur *c);
uint16_t cur_u16le(struct cur *c);
uint32_t cur_u32le(struct cur *c);
uint64_t cur_u64le(struct cur *c);
uint16_t cur_u16be(struct cur *c);
uint32_t cur_u32be(struct cur *c);
uint64_t cur_u64be(struct cur *c);

/** cur_bytes - the next n bytes, in place; NULL (and the error) if fewer are left */
const uint8_t *cur_bytes(struct cur *c, size_t n);
/** cur_copy - the next n bytes copied to out; zeros on error */
void cur_copy(struct cur *c, void *out, size_t n);
/** cur_line - the next line without its LF, in place; NULL (-ERR_TRUNCATED) if no LF is left, -ERR_OVERSIZE above max bytes */
const char *cur_line(struct cur *c, size_t max, size_t *ret_len);
/** cur_left - bytes not yet read; 0 after an error */
size_t cur_left(const struct cur *c);
/** cur_fail - set the error from outside (first one wins) and return it */
int cur_fail(struct cur *c, int code);
/** cur_end - the final check
 * Returns: 0 when no error and all consumed; the error; -ERR_TRAILING when bytes are left */
int cur_end(const struct cur *c);
#endif
