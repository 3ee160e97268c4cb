/* SPDX-License-Identifier: Apache-2.0
 * Amounts and spans of time for people. Amounts are digits moved around a point: never a float. */
#include "base/cleanup.h"
#include "base/text.h"
#include "console/page-int.h"
#include "lang/lang.h"

/* Native assets by their CAIP-19 ending; others are shown in base units, which is always right. */
static const struct {
	const char *ending, *unit;
	unsigned decimals;
} assets[] = {
	{"/slip44:0", "BTC", 8},   {"/slip44:2", "LTC", 8},   {"/slip44:145", "BCH", 8},
	{"/slip44:60", "ETH", 18}, {"/slip44:195", "TRX", 6}, {"/slip44:3", "DOGE", 8},
	{"/slip44:1", "tBTC", 8},
};

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);
	return len >= end_len && !strcmp(s + len - end_len, end);
}

static void put_decimal(const char *units, unsigned decimals, const char *unit, char *out)
{
	char digits[FORMAT_TEXT_MAX];
	size_t len = strlen(units), pad = len <= decimals ? decimals + 1 - len : 0;
	if (len + pad + 16 > FORMAT_TEXT_MAX) {
		snprintf(out, FORMAT_TEXT_MAX, "%.200s", units);
		return;
	}
	memset(digits, '0', pad);
	memcpy(digits + pad, units, len + 1);
	size_t whole = len + pad - decimals, end = len + pad;
	while (end > whole + 2 && digits[end - 1] == '0') /* two places stay: 0.50 */
		end--;
	snprintf(out, FORMAT_TEXT_MAX, "%.*s.%.*s %s", (int)whole, digits, (int)(end - whole),
		 digits + whole, unit);
}

void format_amount(const char *units, const char *asset, char out[static FORMAT_TEXT_MAX])
{
	for (size_t i = 0; asset && i < ARRAY_LEN(assets); i++)
		if (ends_with(asset, assets[i].ending)) {
			put_decimal(units, assets[i].decimals, assets[i].unit, out);
			return;
		}
	snprintf(out, FORMAT_TEXT_MAX, "%.200s", units);
}

static const struct {
	int64_t s;
	const char *unit;
} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};

void format_span(const struct lang *l, int64_t s, char out[static FORMAT_TEXT_MAX])
{
	uint64_t left = s < 0 ? 0 - (uint64_t)s : (uint64_t)s;
	size_t i = 0, len = 0;
	while (i + 1 < ARRAY_LEN(units) && left < (uint64_t)units[i].s)
		i++;
	len += (size_t)snprintf(out, FORMAT_TEXT_MAX, "%s%llu %.40s", s < 0 ? "−" : "",
				(unsigned long long)(left / (uint64_t)units[i].s),
				lang_text(l, "unit", units[i].unit));
	left %= (uint64_t)units[i].s;
	if (++i < ARRAY_LEN(units) && left >= (uint64_t)units[i].s)
		snprintf(out + len, FORMAT_TEXT_MAX - len, " %llu %.40s",
			 (unsigned long long)(left / (uint64_t)units[i].s),
			 lang_text(l, "unit", units[i].unit));
}
