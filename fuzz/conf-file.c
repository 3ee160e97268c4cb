/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as lugdunum.conf: what is accepted prints to a file that is accepted again and means the same. */
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf first, second;
	struct err e = {0};
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	int r = conf_parse(data, size, "fuzz.conf", &first, &e);
	if (r < 0) {
		if (e.code != r || !e.message[0])
			__builtin_trap();
		return 0;
	}
	struct buf text;
	buf_init(&text, CONF_FILE_MAX);
	conf_print(&first, &text);
	if (buf_err(&text) == -ERR_OVERSIZE) {
		buf_done(&text);
		return 0;
	}
	if (conf_parse(text.p, text.len, "printed.conf", &second, &e) < 0)
		__builtin_trap();
	size_t n;
	const struct conf_row *rows = conf_rows(&n);
	const char *kept;
	if (conf_reload(&second, &first, &kept) != 0 || kept || n == 0 || !rows)
		__builtin_trap();
	buf_done(&text);
	return 0;
}
