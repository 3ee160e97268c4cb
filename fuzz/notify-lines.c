/* SPDX-License-Identifier: Apache-2.0
 * Lines of channel programs, lines to them, and the file that names them. */
#include "base/text.h"
#include "duty/notify.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/* A line to a program that is understood is written again as it was. */
static void check_send(const char *line, size_t len)
{
	_cleanup_(buf_done) struct buf out;
	char copy[NOTIFY_LINE_MAX];
	struct notify_message m;
	buf_init(&out, 2 * NOTIFY_LINE_MAX);
	if (notify_send_parse(line, len, copy, &m) < 0)
		return;
	if (notify_send_line(&m, &out) < 0 || out.len != len + 1 || memcmp(out.p, line, len) != 0)
		abort();
}

static void check_reply(const char *line, size_t len)
{
	struct notify_reply r;
	if (notify_reply_parse(line, len, &r) < 0)
		return;
	if (!utf8_valid(r.words, strlen(r.words)) || strchr(r.address, ' ') ||
	    strlen(r.code) > NOTIFY_CODE_LEN)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct notify_channel channels[NOTIFY_CHANNELS_MAX];
	check_send((const char *)p, len);
	check_reply((const char *)p, len);
	int n = notify_conf_parse(p, len, channels, NULL);
	for (int i = 0; i < n; i++)
		if (!channels[i].name[0] || !channels[i].args_n || !channels[i].args[0][0])
			abort();
	return 0;
}
