/* SPDX-License-Identifier: Apache-2.0
 * Rows of shift hand-overs; the routes are in api-handover.c. */
#ifndef LUGD_HANDOVER_H
#define LUGD_HANDOVER_H
#include "store/store.h"

extern const struct store_schema handover_schema;
#endif
