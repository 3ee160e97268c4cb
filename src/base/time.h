/* SPDX-License-Identifier: Apache-2.0
 * Time: wall clock in Unix seconds or milliseconds UTC as int64_t; logic gets it passed in and never reads a clock itself. */
#ifndef BASE_TIME_H
#define BASE_TIME_H
#include <stddef.h>
#include <stdint.h>

/** time_now_ms - wall clock, Unix milliseconds; time_mono_ms, time_mono_ns - since an arbitrary start, never jumps. Shells only. */
int64_t time_now_ms(void);
int64_t time_mono_ms(void);
int64_t time_mono_ns(void);

enum { TIME_TEXT_MAX = 32 };
/** time_utc - "2026-11-22T10:59:30Z" (RFC 3339) of Unix seconds, years 0001 to 9999; "-" outside
 * time_local - "2026-11-22 11:59:30 CET" in the process's zone */
const char *time_utc(int64_t unix_s, char out[static TIME_TEXT_MAX]);
const char *time_local(int64_t unix_s, char out[static TIME_TEXT_MAX]);
/** time_parse - RFC 3339 in UTC with whole seconds, as time_utc writes it
 * Returns: 0; -ERR_FORMAT; -ERR_RANGE for days that do not exist */
int time_parse(const char *s, size_t len, int64_t *ret_unix_s);
/** time_span - "2 min 5 s", "3 h 10 min", "4 d" for people; negative spans with a minus */
enum { TIME_SPAN_MAX = 32 };
const char *time_span(int64_t s, char out[static TIME_SPAN_MAX]);
/** time_uuid7 - UUIDv7 (RFC 9562 5.7) from Unix milliseconds and 10 random bytes */
void time_uuid7(int64_t unix_ms, const uint8_t random10[static 10], uint8_t out16[static 16]);
#endif
