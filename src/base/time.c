/* SPDX-License-Identifier: Apache-2.0
 * Time: see the header. Days from the civil calendar by H. Hinnant's algorithm ("chrono-compatible low-level date algorithms"). */
#include "base/time.h"
#include "base/err.h"
#include <stdbool.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t time_now_ms(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t time_mono_ms(void)
{
	return clock_ns(CLOCK_BOOTTIME) / 1000000;
}

int64_t time_mono_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
#define TIME_MIN_S INT64_C(-62135596800)
#define TIME_MAX_S INT64_C(253402300799)

static bool time_in_range(int64_t unix_s)
{
	return unix_s >= TIME_MIN_S && unix_s <= TIME_MAX_S;
}

const char *time_utc(int64_t unix_s, char out[static TIME_TEXT_MAX])
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	if (!time_in_range(unix_s) || !gmtime_r(&t, &tm))
		snprintf(out, TIME_TEXT_MAX, "-");
	else
		snprintf(out, TIME_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ",
			 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
			 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
			 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	return out;
}

const char *time_local(int64_t unix_s, char out[static TIME_TEXT_MAX])
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	if (!time_in_range(unix_s) || !localtime_r(&t, &tm) ||
	    strftime(out, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
		snprintf(out, TIME_TEXT_MAX, "-");
	return out;
}

static int64_t days_from_civil(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int digits(const char *s, int n)
{
	int v = 0;
	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

static int month_days(int y, int m)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return m == 2 && leap ? 29 : days[m - 1];
}

int time_parse(const char *s, size_t len, int64_t *ret_unix_s)
{
	/* Where each field stands in "2026-11-22T10:59:30Z", and how far it may go. */
	static const struct {
		int at, digits, least, most;
	} fields[] = {{0, 4, 1, 9999}, {5, 2, 1, 12},  {8, 2, 1, 31},
		      {11, 2, 0, 23},  {14, 2, 0, 59}, {17, 2, 0, 59}};
	static const char marks[] = "0000-00-00T00:00:00Z";
	int v[6];
	if (len != sizeof(marks) - 1)
		return -ERR_FORMAT;
	for (size_t i = 0; i < len; i++)
		if (marks[i] != '0' && s[i] != marks[i])
			return -ERR_FORMAT;
	for (int i = 0; i < 6; i++)
		if ((v[i] = digits(s + fields[i].at, fields[i].digits)) < 0)
			return -ERR_FORMAT;
	for (int i = 0; i < 6; i++)
		if (v[i] < fields[i].least || v[i] > fields[i].most)
			return -ERR_RANGE;
	if (v[2] > month_days(v[0], v[1]))
		return -ERR_RANGE;
	*ret_unix_s = days_from_civil(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5];
	return 0;
}

const char *time_span(int64_t s, char out[static TIME_SPAN_MAX])
{
	const char *sign = s < 0 ? "-" : "";
	uint64_t v = s < 0 ? -(uint64_t)s : (uint64_t)s;
	if (v < 60)
		snprintf(out, TIME_SPAN_MAX, "%s%d s", sign, (int)v);
	else if (v < 3600)
		snprintf(out, TIME_SPAN_MAX, "%s%d min %d s", sign, (int)(v / 60), (int)(v % 60));
	else if (v < 86400)
		snprintf(out, TIME_SPAN_MAX, "%s%d h %d min", sign, (int)(v / 3600),
			 (int)(v % 3600 / 60));
	else
		snprintf(out, TIME_SPAN_MAX, "%s%llu d %d h", sign, (unsigned long long)(v / 86400),
			 (int)(v % 86400 / 3600));
	return out;
}

void time_uuid7(int64_t unix_ms, const uint8_t random10[static 10], uint8_t out16[static 16])
{
	for (int i = 0; i < 6; i++)
		out16[i] = (uint8_t)((uint64_t)unix_ms >> (8 * (5 - i)));
	memcpy(out16 + 6, random10, 10);
	out16[6] = (uint8_t)(0x70 | (out16[6] & 0x0f)); /* version 7 */
	out16[8] = (uint8_t)(0x80 | (out16[8] & 0x3f)); /* variant 10 */
}
