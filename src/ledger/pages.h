/* SPDX-License-Identifier: Apache-2.0
 * Large arrays: reserved whole, present as they are used, in huge pages where the system has them. */
#ifndef LEDGER_PAGES_H
#define LEDGER_PAGES_H
#include <stddef.h>

/** pages_new - a zeroed array; nothing of it takes memory before it is touched
 * Limits:  1 <= len
 * Returns: release with pages_free(); NULL when there is no room for it
 * Cost:    a huge page is 2 MiB, given at its first touch: an array that is read and written at random is then seldom missed by
 *          the processor's table of pages */
void *pages_new(size_t len);
/** pages_touch - make a stretch of an array present before it is needed; only a hint
 * In:      from, to  bytes from p on; what is there already stays as it is */
void pages_touch(void *p, size_t from, size_t to);
/** pages_free - the reverse, with the same len; NULL is fine. It is munmap(), which may be called as well */
void pages_free(void *p, size_t len);
#endif
