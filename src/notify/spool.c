/* SPDX-License-Identifier: Apache-2.0
 * lug-notify-spool: one file a ring in the outgoing folder of an SMS daemon (smstools3, gammu-smsd), under its final name at once. */
#include "base/file.h"
#include "notify/notify-program.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int ring(const struct program *p, const struct program_ring *g, char *words)
{
	_cleanup_(buf_done) struct buf b;
	struct err e = {0};
	char path[1024];
	buf_init(&b, PROGRAM_FULL_MAX + 512);
	int n = snprintf(path, sizeof(path), "%s/lug-%llu-%d", p->values[0],
			 (unsigned long long)g->m->id, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ERR_OVERSIZE;
	buf_printf(&b, "To: %s\nAlphabet: UTF-8\nFlash: yes\n\n%s\n", g->m->address, g->full);
	int r = buf_err(&b) < 0 ? buf_err(&b) : file_write(path, b.p, b.len, 0640, &e);
	snprintf(words, PROGRAM_WORDS_MAX, "%.*s", PROGRAM_WORDS_MAX - 1, r < 0 ? e.message : path);
	return r;
}

int main(int argc, char **argv)
{
	static const char *const keys[] = {"dir", NULL};
	struct program p = {.name = "lug-notify-spool",
			    .words = "SMS daemon's spool",
			    .keys = keys,
			    .required_n = 1,
			    .ring = ring};
	return program_run(&p, argc, argv);
}
