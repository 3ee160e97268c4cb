/* SPDX-License-Identifier: Apache-2.0
 * What the files of conf share. */
#ifndef CONF_CONF_INT_H
#define CONF_CONF_INT_H
enum { CONF_LEVELS_N = 4 };
extern const char *const conf_levels[CONF_LEVELS_N]; /* in the order of enum log_level */
#endif
