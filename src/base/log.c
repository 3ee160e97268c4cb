/* SPDX-License-Identifier: Apache-2.0
 * Log: one write() a line, so that lines of several threads do not mix. */
#include "base/log.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 2048 };

/* The program's own, set once at start: the only global state of base. */
static const char *log_program = "lugdunum";
static _Atomic int log_lowest = LOG_INFO;
static int log_journald;

void log_open(const char *program, enum log_level lowest, int journald)
{
	log_program = program;
	log_journald = journald;
	log_level_set(lowest);
}

void log_level_set(enum log_level lowest)
{
	atomic_store(&log_lowest, (int)lowest);
}

void log_line(enum log_level level, const char *source, const char *fmt, ...)
{
	static const char *const words[] = {"debug", "info", "unusual", "broken"};
	static const char *const priorities[] = {"<7>", "<6>", "<4>", "<2>"};
	if ((int)level < atomic_load(&log_lowest))
		return;
	char line[LOG_LINE_MAX];
	int n = snprintf(line, sizeof(line),
			 "%s%s: %s: %s: ", log_journald ? priorities[level] : "", log_program,
			 words[level], source);
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	size_t len = (size_t)n + (size_t)m;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	for (size_t i = (size_t)n; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' '; /* a message never forges a second line */
	line[len++] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
}
