/* SPDX-License-Identifier: Apache-2.0
 * Functions that this project does not call; force-included before every source file. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok asctime ctime gmtime \
	localtime
#pragma GCC poison atoi atol atoll atof
#endif
