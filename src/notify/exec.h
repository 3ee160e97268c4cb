/* SPDX-License-Identifier: Apache-2.0
 * Running another program for one ring: no shell, a time limit, its status. */
#ifndef NOTIFY_EXEC_H
#define NOTIFY_EXEC_H
#include "notify/notify-program.h"

/** exec_run - start argv[0] (found by PATH), wait at most 15 s, kill it then
 * Returns: 0 status 0; -ERR_NOENT it cannot be started; -ERR_TIMEDOUT; -ERR_IO another status; with words */
int exec_run(const char *const *argv, char *words);
#endif
