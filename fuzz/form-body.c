/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the body of a form: what is accepted is clean text under proper names, and becomes JSON or an error with its words. */
#include "base/text.h"
#include "console/form.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *name;
	json_t *value, *fields = NULL, *j = NULL;
	struct err e = {0};
	int r = form_parse(data, size, &fields, &e);
	if (r < 0) {
		must(e.code == r && !fields);
		return 0;
	}
	must(json_object_size(fields) <= FORM_FIELDS_MAX);
	json_object_foreach (fields, name, value) {
		must(*name && strlen(name) <= FORM_NAME_MAX);
		if (json_is_string(value))
			must(utf8_valid(json_string_value(value), json_string_length(value)) &&
			     !strchr(json_string_value(value), '\r'));
	}
	r = form_json(fields, &j, &e);
	must(r < 0 ? e.code == r && !j : json_is_object(j));
	json_decref(j);
	json_decref(fields);
	return 0;
}
