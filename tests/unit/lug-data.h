/* SPDX-License-Identifier: Apache-2.0
 * Published data for tests, outside of the project: the folder that LUG_DATA names. */
#ifndef TESTS_LUG_DATA_H
#define TESTS_LUG_DATA_H
#include "base/buf.h"
#include "base/file.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { LUG_DATA_FILE_MAX = 64 << 20 };

/* Reads a file of the data into a fresh buffer; false (with a line that says so) when LUG_DATA is unset. A named folder in
 * which the file is missing is a failure. */
static inline bool lug_data(const char *file, struct buf *out)
{
	const char *dir = getenv("LUG_DATA");
	char path[4096];
	struct err e = {0};
	buf_init(out, LUG_DATA_FILE_MAX);
	if (!dir) {
		print_message("skipped: LUG_DATA is not set, so %s is not checked\n", file);
		return false;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (file_read(path, out, &e) < 0)
		fail_msg("%s", e.message);
	return true;
}
#endif
