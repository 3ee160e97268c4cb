/* SPDX-License-Identifier: Apache-2.0
 * What a lugd that was built without the console has of it. */
#include "console/asset-int.h"

const struct asset assets[] = {{0}};
const size_t assets_n = 0;
