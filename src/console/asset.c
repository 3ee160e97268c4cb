/* SPDX-License-Identifier: Apache-2.0
 * Looking up what web/build.mjs has made. */
#include "console/asset.h"
#include "console/asset-int.h"
#include <string.h>

const struct asset *asset_find(const char *name)
{
	for (size_t i = 0; i < assets_n; i++)
		if (!strcmp(assets[i].name, name))
			return &assets[i];
	return NULL;
}

const struct asset *asset_file(const char *file)
{
	for (size_t i = 0; i < assets_n; i++)
		if (!strcmp(assets[i].file, file))
			return &assets[i];
	return NULL;
}

const struct asset_bytes *asset_encode(const struct asset *a, const char *accept,
				       const char **ret_encoding)
{
	*ret_encoding = strstr(accept, "br") ? "br" : strstr(accept, "gzip") ? "gzip" : NULL;
	if (!*ret_encoding)
		return &a->plain;
	return (*ret_encoding)[0] == 'b' ? &a->brotli : &a->gzip;
}
