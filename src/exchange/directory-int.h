/* SPDX-License-Identifier: Apache-2.0
 * Inside of the directory: names of types, tables shared by text and JSON, and the object. */
#ifndef EXCHANGE_DIRECTORY_INT_H
#define EXCHANGE_DIRECTORY_INT_H
#include "base/cleanup.h"
#include "exchange/directory.h"
#include <stddef.h>

#define DIRECTORY_TYPE_MEMBERS NOTE_TYPE_PREFIX "members/v1"
#define DIRECTORY_TYPE_NODE NOTE_TYPE_PREFIX "node/v1"
#define DIRECTORY_TYPE_POLICY NOTE_TYPE_PREFIX "policy/v1"
#define DIRECTORY_TYPE_KEY NOTE_TYPE_PREFIX "key/v1"
#define DIRECTORY_TYPE_HAVE NOTE_TYPE_PREFIX "have/v1"

enum { DIRECTORY_MEMBERS_DAYS_MAX = 800, DIRECTORY_CONTACT_FIELDS = 9 };

struct directory_contact_field {
	const char *name;
	size_t off;
};
extern const struct directory_contact_field directory_contact_fields[DIRECTORY_CONTACT_FIELDS];

const char *directory_kind_name(enum directory_key_kind k);
const char *directory_power_name(size_t bit); /* NULL past the end */
const char *directory_class_name(enum directory_class c);
bool directory_member_name_valid(const char *s);
/** directory_node_sort - keys, epochs and revocations into the order that a note has */
void directory_node_sort(struct directory_node *n);

#endif
