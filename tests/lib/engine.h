/* SPDX-License-Identifier: Apache-2.0
 * Which engine of the store a test program runs on: SQLite, or PostgreSQL where LUG_TEST_STORE holds the URI of a database. */
#ifndef TESTS_ENGINE_H
#define TESTS_ENGINE_H
#include "store/store.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ENGINE_WHERE_MAX = 320 };

/** engine_pg - the URI of the database for tests, or NULL on SQLite */
static inline const char *engine_pg(void)
{
	const char *uri = getenv("LUG_TEST_STORE");
	return uri && *uri ? uri : NULL;
}

/** engine_at - what to give to store_open for the store that SQLite would have in the file `path`; the same path is the same
 *             store, and ":memory:" is a new one each time
 * Out:     out      on PostgreSQL a URI whose schema is named after the path, and there
 * Returns: out */
static inline const char *engine_at(const char *path, char out[static ENGINE_WHERE_MAX])
{
	static unsigned made;
	char name[64], sql[128], unique[32];
	size_t n = 0;
	if (!engine_pg()) {
		(void)snprintf(out, ENGINE_WHERE_MAX, "%s", path);
		return out;
	}
	if (!strcmp(path, ":memory:")) {
		(void)snprintf(unique, sizeof(unique), "%d_%u", (int)getpid(), made++);
		path = unique;
	}
	size_t len = strlen(path), from = len < sizeof(name) - 2 ? 0 : len - sizeof(name) + 2;
	name[n++] = 's'; /* the end of a path tells more than its beginning */
	for (const char *p = path + from; *p; p++)
		name[n++] = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '_';
	name[n] = 0;
	_cleanup_(store_closep) struct store *s = NULL;
	struct err e = {0};
	(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA IF NOT EXISTS %s", name);
	if (store_open(engine_pg(), NULL, &s, &e) < 0 || store_exec(s, sql, NO_VALS, &e) < 0) {
		(void)fprintf(stderr, "%s\n", e.message);
		abort();
	}
	(void)snprintf(out, ENGINE_WHERE_MAX, "%s&options=-csearch_path%%3D%s", engine_pg(), name);
	return out;
}

/* At the beginning of a test of what only SQLite has: files to copy, to fill, to damage. */
#define ENGINE_SQLITE_ONLY()                                          \
	do {                                                          \
		if (engine_pg()) {                                    \
			print_message("only with SQLite: skipped\n"); \
			skip();                                       \
		}                                                     \
	} while (0)
#endif
