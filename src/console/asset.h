/* SPDX-License-Identifier: Apache-2.0
 * The console's styles, scripts and pictures: built from web/ by web/build.mjs, in the program, under names that say their hash. */
#ifndef CONSOLE_ASSET_H
#define CONSOLE_ASSET_H
#include <stddef.h>
#include <stdint.h>

struct asset_bytes {
	const uint8_t *p;
	size_t len;
};
struct asset {
	const char *name; /* "app.css" */
	const char *file; /* "app.3f2ab1c4.css", as in its address /a/<file> */
	const char *type; /* media type */
	struct asset_bytes plain, gzip, brotli;
};

/** asset_find - by its name; asset_file - by its file. NULL when there is none */
const struct asset *asset_find(const char *name);
const struct asset *asset_file(const char *file);
/** asset_encode - the smallest form that a browser takes
 * In:      accept   header Accept-Encoding, untrusted
 * Out:     ret_encoding  "br", "gzip" or NULL */
const struct asset_bytes *asset_encode(const struct asset *a, const char *accept,
				       const char **ret_encoding);
#endif
