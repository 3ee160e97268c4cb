/* SPDX-License-Identifier: Apache-2.0
 * The table that web/build.mjs writes. */
#ifndef CONSOLE_ASSET_INT_H
#define CONSOLE_ASSET_INT_H
#include "console/asset.h"

extern const struct asset assets[];
extern const size_t assets_n;
#endif
