/* SPDX-License-Identifier: Apache-2.0
 * The frame of a channel program: one line in, one ring, one line out, one after the other. */
#include "notify/notify-program.h"
#include "base/file.h"
#include "base/text.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int usage(const struct program *p)
{
	fprintf(stderr, "usage: %s", p->name);
	for (size_t i = 0; p->keys[i]; i++)
		fprintf(stderr, i < p->required_n ? " %s=VALUE" : " [%s=VALUE]", p->keys[i]);
	fprintf(stderr, "\n%s; reads lines as docs/protocol/notify.md says\n", p->words);
	return 2;
}

static int read_args(struct program *p, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		size_t k = 0, len = equals ? (size_t)(equals - argv[i]) : 0;
		while (p->keys[k] &&
		       (strlen(p->keys[k]) != len || memcmp(p->keys[k], argv[i], len) != 0))
			k++;
		if (!equals || !p->keys[k] || p->values[k])
			return -ERR_INVAL;
		p->values[k] = equals + 1;
	}
	for (size_t k = 0; k < p->required_n; k++)
		if (!p->values[k] || !p->values[k][0])
			return -ERR_FIELD_MISSING;
	return 0;
}

static void put_full(const struct notify_message *m, char out[static PROGRAM_FULL_MAX])
{
	int n = snprintf(out, PROGRAM_FULL_MAX, "%s", m->text);
	if (m->link[0])
		n += snprintf(out + n, (size_t)(PROGRAM_FULL_MAX - n), " %s", m->link);
	if (m->code[0])
		(void)snprintf(out + n, (size_t)(PROGRAM_FULL_MAX - n), " [%s]", m->code);
}

static int serve_line(struct program *p, const char *line, size_t len)
{
	char buf[NOTIFY_LINE_MAX], full[PROGRAM_FULL_MAX], words[PROGRAM_WORDS_MAX + 1] = "";
	struct notify_message m;
	int r = notify_send_parse(line, len, buf, &m);
	if (r < 0) {
		puts("log a line that is not understood");
		return r;
	}
	put_full(&m, full);
	r = p->ring(p, &(struct program_ring){&m, full}, words);
	for (char *c = words; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	utf8_repair(words);
	printf(r < 0 ? "failed %llu %s\n" : "sent %llu %s\n", (unsigned long long)m.id,
	       words[0] ? words : err_name(r));
	return 0;
}

int program_run(struct program *p, int argc, char **argv)
{
	_cleanup_(freep) char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int r = 0;
	if (read_args(p, argc, argv) < 0)
		return usage(p);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready 1 %s %s\n", p->name, LUG_VERSION);
	while (r >= 0 && (len = getline(&line, &cap, stdin)) > 0 &&
	       cap < 16 * (size_t)NOTIFY_LINE_MAX)
		r = serve_line(p, line, line[len - 1] == '\n' ? (size_t)len - 1 : (size_t)len);
	return r < 0;
}

int program_secret(const char *path, char *out, size_t size, char *words)
{
	_cleanup_(buf_done) struct buf b;
	buf_init(&b, size - 1);
	int r = file_read(path, &b, NULL);
	size_t len = r < 0 ? 0 : strcspn(buf_cstr(&b), "\n");
	if (r < 0 || !len) {
		snprintf(words, PROGRAM_WORDS_MAX, "cannot read the secret in %s", path);
		return r < 0 ? r : -ERR_FORMAT;
	}
	memcpy(out, b.p, len);
	out[len] = 0;
	return 0;
}
