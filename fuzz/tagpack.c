/* SPDX-License-Identifier: Apache-2.0
 * Labels as they come from others: any bytes as TagPack, list, JSON or OFAC's XML. What is accepted gives the same counts again, and the
 * entries of a list are its lines with something on them. */
#include "crypto/crypto.h"
#include "ledger/label.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t lines_with_text(const uint8_t *p, size_t len)
{
	uint32_t n = 0;
	bool text = false, comment = false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n') {
			n += text;
			text = comment = false;
			continue;
		}
		comment |= p[i] == '#';
		text |= !comment && p[i] != ' ' && p[i] != '\t' && p[i] != '\r';
	}
	return n + text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = {"tagpack", "list", "json", "ofac-xml"};
	const struct label_import opt = {.currency = "BTC", .label = "x"};
	if (crypto_start() < 0)
		abort();
	for (int i = 0; i < 4; i++) {
		uint32_t n = 0, bad = 0, n2 = 0, bad2 = 0;
		struct err e = {0};
		int r = label_parse(formats[i], data, size, &opt, &n, &bad, &e);
		int r2 = label_parse(formats[i], data, size, &opt, &n2, &bad2, NULL);
		if (r != r2 || n != n2 || bad != bad2)
			abort();
		if (r < 0 && strlen(e.message) == 0 && r != -ERR_NOMEM)
			abort();
		if (i == 1 && r == 0 && n + bad > lines_with_text(data, size))
			abort();
	}
	return 0;
}
