/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a request part: what is accepted is accepted again from its own text, says the same, and has its limits. */
#include "exchange/request-doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void check_limits(const struct request_doc *d)
{
	const struct request_type_row *t = request_type_row(d->type);

	must(d->type < TYPE_N && d->class < CLASS_N);
	must(!!(t->flags & TYPE_EARLIER) == !!d->earlier);
	must(strlen(d->id) == REQUEST_ID_LEN && strcmp(d->from, d->to) != 0);
	must(json_array_size(d->assets) >= t->assets_min && json_array_size(d->assets) <= 256);
	must(json_array_size(d->warnings) <= REQUEST_WARNINGS_MAX);
	must(!d->valid_until_s || d->valid_until_s > d->created_s);
	must(request_code_known(SUB_HANDLING, d->handling) &&
	     request_code_known(SUB_MARKING, d->marking));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_doc d, again;
	struct err e = {0};
	int r = request_doc_parse(data, size, NULL, &d, &e);

	if (r < 0) {
		must(e.code == r && e.message[0]);
		return 0;
	}
	check_limits(&d);
	char *text = json_text(d.json);
	must(text && request_doc_parse(text, strlen(text), NULL, &again, NULL) == 0);
	must(json_equal(d.json, again.json) && json_equal(d.warnings, again.warnings));
	free(text);
	request_doc_done(&again);
	request_doc_done(&d);
	return 0;
}
