/* SPDX-License-Identifier: Apache-2.0
 * What the verbs about a node's folder share. */
#ifndef LUG_NODE_H
#define LUG_NODE_H
#include "base/err.h"

enum { NODE_PATH_MAX = 4096 };

/** node_program - path of a program beside this one ("lugd")
 * Returns: 0; -ERR_NOENT it is not there; -ERR_OVERSIZE */
int node_program(const char *name, char out[static NODE_PATH_MAX], struct err *e) WARN_UNUSED;
/** node_conf_path - folder/lugdunum.conf; -ERR_OVERSIZE */
int node_conf_path(const char *folder, char out[static NODE_PATH_MAX], struct err *e) WARN_UNUSED;
#endif
