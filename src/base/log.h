/* SPDX-License-Identifier: Apache-2.0
 * Log: one line to stderr for those who must act. Programs and shells only; libraries return errors instead.
 * Never a subject's name, an address or a key above debug. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_DEBUG,   /* for developers */
	LOG_INFO,    /* ordinary life */
	LOG_UNUSUAL, /* look tomorrow */
	LOG_BROKEN,  /* wake someone */
};

/** log_open - set the program's name, the lowest level shown, and whether lines carry journald's <N> priority prefix */
void log_open(const char *program, enum log_level lowest, int journald);
void log_level_set(enum log_level lowest);

/** log_line - "source: message key=value ..." at a level
 * In:      source   module or part, a literal
 *          fmt      sentence first, then key=value pairs */
void log_line(enum log_level level, const char *source, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define log_debug(source, ...) log_line(LOG_DEBUG, source, __VA_ARGS__)
#define log_info(source, ...) log_line(LOG_INFO, source, __VA_ARGS__)
#define log_unusual(source, ...) log_line(LOG_UNUSUAL, source, __VA_ARGS__)
#define log_broken(source, ...) log_line(LOG_BROKEN, source, __VA_ARGS__)
#endif
