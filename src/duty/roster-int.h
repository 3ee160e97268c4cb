/* SPDX-License-Identifier: Apache-2.0
 * Inside of the roster: what its files share. */
#ifndef DUTY_ROSTER_INT_H
#define DUTY_ROSTER_INT_H
#include "duty/roster.h"
#include <string.h>

enum { ROSTER_DAY_S = 86400, ROSTER_NEXT_DAYS = 31 };

/** roster_layers_read, roster_layers_json - the array "layers" of a seat or a temporary change */
int roster_layers_read(const json_t *list, struct roster_layers *ret, struct err *e) WARN_UNUSED;
json_t *roster_layers_json(const struct roster_layers *l);
#endif
