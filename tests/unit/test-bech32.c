/* SPDX-License-Identifier: Apache-2.0
 * Tests of bech32: every string of the lists of BIP 173 and BIP 350, limits, round trips. */
#include "base/bech32.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/file.h"
#include "base/prng.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum err_code;

#include <cmocka.h>

struct decoded {
	int result;
	uint32_t checksum;
	char hrp[BECH32_HRP_MAX + 1];
	uint8_t data[BECH32_DATA_MAX];
	size_t data_n;
};

static struct decoded decode(const char *s, size_t len)
{
	struct decoded d = {0};
	d.result = bech32_decode(s, len, BECH32_ADDRESS_MAX, &d.checksum, d.hrp, d.data,
				 sizeof(d.data), &d.data_n);
	return d;
}

/* The text of a list line `* 0x20 + <tt>...</tt> + 0xFF: reason`; 0 when the line is none. */
static size_t item_text(const char *line, char out[256])
{
	unsigned byte;
	size_t n = 0;
	const char *from = strstr(line, "<tt>"), *to = strstr(line, "</tt>");
	if (strncmp(line, "* ", 2) != 0 || !from || !to)
		return 0;
	if (sscanf(line, "* 0x%2x + ", &byte) == 1)
		out[n++] = (char)byte;
	from += 4;
	assert_true(to - from < 200);
	memcpy(out + n, from, (size_t)(to - from));
	n += (size_t)(to - from);
	if (sscanf(to, "</tt> + 0x%2x", &byte) == 1)
		out[n++] = (char)byte;
	return n;
}

static void check_valid(const char *s, size_t len, uint32_t checksum)
{
	struct decoded d = decode(s, len);
	assert_int_equal(d.result, 0);
	assert_int_equal(d.checksum, checksum);
	char back[BECH32_TEXT_MAX + 1];
	assert_int_equal(bech32_encode(d.checksum, d.hrp, d.data, d.data_n, back, sizeof(back)),
			 len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(back[i], s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
}

static void check_invalid(const char *s, size_t len, uint32_t checksum)
{
	struct decoded d = decode(s, len);
	assert_true(d.result < 0 || d.checksum != checksum);
}

/* Runs both lists of a BIP. Returns how many strings were checked. */
static int check_lists(const char *file, const char *kind, uint32_t checksum)
{
	enum { NONE, VALID, INVALID } list = NONE;
	const char *data = getenv("LUG_DATA");
	char path[4096], valid_title[64], invalid_title[64], text[256];
	struct buf b;
	int n = 0;
	if (!data) {
		print_message("# LUG_DATA is unset: %s not checked\n", file);
		skip();
	}
	snprintf(path, sizeof(path), "%s/vectors/bip/%s", data, file);
	snprintf(valid_title, sizeof(valid_title), "The following strings are valid %s:", kind);
	snprintf(invalid_title, sizeof(invalid_title), "The following string are not valid %s ",
		 kind);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(path, &b, NULL), 0);
	_cleanup_(freep) char *copy = strdup(buf_cstr(&b));
	buf_done(&b);
	char *save = NULL;
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = item_text(line, text);
		if (strncmp(line, valid_title, strlen(valid_title)) == 0)
			list = VALID;
		else if (strncmp(line, invalid_title, strlen(invalid_title)) == 0)
			list = INVALID;
		else if (strncmp(line, "The following list", 18) == 0 ||
			 strncmp(line, "===", 3) == 0)
			list = NONE;
		if (!len || list == NONE)
			continue;
		if (list == VALID)
			check_valid(text, len, checksum);
		else
			check_invalid(text, len, checksum);
		n++;
	}
	return n;
}

static void test_bip173(void **state)
{
	assert_int_equal(check_lists("bip-0173.mediawiki", "Bech32", BECH32_CONST), 19);
}

static void test_bip350(void **state)
{
	assert_int_equal(check_lists("bip-0350.mediawiki", "Bech32m", BECH32M_CONST), 21);
}

static void test_errors(void **state)
{
	assert_int_equal(decode("a12uel5l", 8).result, 0);
	assert_int_equal(decode("a12uel5m", 8).result, -ERR_CHECKSUM);
	assert_int_equal(decode("A12uel5l", 8).result, -ERR_FORMAT);
	assert_int_equal(decode("a2uel5l", 7).result, -ERR_FORMAT);
	assert_int_equal(decode("", 0).result, -ERR_FORMAT);
	assert_int_equal(decode("a12uel5b", 8).result, -ERR_FORMAT);
	char text[BECH32_TEXT_MAX + 2], hrp[BECH32_HRP_MAX + 1];
	uint8_t groups[BECH32_DATA_MAX + 1] = {0};
	uint32_t checksum;
	size_t n;
	int len = bech32_encode(BECH32_CONST, "age", groups, BECH32_DATA_MAX, text, sizeof(text));
	assert_int_equal(len, 3 + 1 + BECH32_DATA_MAX + BECH32_CHECKSUM_LEN);
	assert_int_equal(decode(text, (size_t)len).result, -ERR_OVERSIZE);
	assert_int_equal(
		bech32_decode(text, (size_t)len, BECH32_TEXT_MAX, &checksum, hrp, groups, 511, &n),
		-ERR_OVERSIZE);
	assert_int_equal(
		bech32_decode(text, (size_t)len, BECH32_TEXT_MAX, &checksum, hrp, groups, 512, &n),
		0);
	assert_int_equal(n, 512);
	assert_int_equal(
		bech32_encode(BECH32_CONST, "age", groups, BECH32_DATA_MAX + 1, text, sizeof(text)),
		-ERR_OVERSIZE);
	assert_int_equal(bech32_encode(BECH32_CONST, "a", groups, 0, text, 8), -ERR_OVERSIZE);
	assert_int_equal(bech32_encode(BECH32_CONST, "", groups, 0, text, sizeof(text)),
			 -ERR_INVAL);
	assert_int_equal(bech32_encode(BECH32_CONST, "A", groups, 0, text, sizeof(text)),
			 -ERR_INVAL);
	assert_int_equal(bech32_encode(BECH32_CONST, "a b", groups, 0, text, sizeof(text)),
			 -ERR_INVAL);
	groups[0] = 32;
	assert_int_equal(bech32_encode(BECH32_CONST, "a", groups, 1, text, sizeof(text)),
			 -ERR_INVAL);
}

static void test_bits(void **state)
{
	uint8_t p[64], groups[110], back[64];
	struct prng r;
	prng_init(&r, 1);
	for (size_t len = 0; len <= sizeof(p); len++) {
		prng_bytes(&r, p, len);
		int n = bech32_from_bytes(p, len, groups, sizeof(groups));
		assert_int_equal(n, (len * 8 + 4) / 5);
		assert_int_equal(bech32_to_bytes(groups, (size_t)n, back, sizeof(back)), len);
		assert_memory_equal(p, back, len);
	}
	/* Padding: one group alone is five bits of nothing; a set padding bit; a group out of range. */
	groups[0] = 0;
	groups[1] = 1;
	assert_int_equal(bech32_to_bytes(groups, 1, back, sizeof(back)), -ERR_FORMAT);
	assert_int_equal(bech32_to_bytes(groups, 2, back, sizeof(back)), -ERR_FORMAT);
	groups[1] = 4;
	assert_int_equal(bech32_to_bytes(groups, 2, back, sizeof(back)), 1);
	assert_int_equal(back[0], 1);
	groups[1] = 32;
	assert_int_equal(bech32_to_bytes(groups, 2, back, sizeof(back)), -ERR_FORMAT);
	assert_int_equal(bech32_to_bytes(groups, 8, back, 4), -ERR_OVERSIZE);
	assert_int_equal(bech32_from_bytes(p, 5, groups, 7), -ERR_OVERSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bip173),
		cmocka_unit_test(test_bip350),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
