/* SPDX-License-Identifier: Apache-2.0
 * Powers: what a member's law lets it do, by its own signed note, against what a request asks of it. */
#include "exchange/directory.h"
#include "exchange/request-int.h"

static const struct {
	enum request_type type;
	uint32_t power;
	const char *name;
} powers[] = {
#define REQUEST_POWER(type, power, name) {TYPE_##type, POWER_##power, name},
#include "exchange/requests.def"
};

int request_power_warn(struct requests *q, const struct request_doc *d, json_t *warnings)
{
	const struct directory_node *n = directory_node(exchange_directory(q->x), d->to);
	char words[128];

	for (size_t i = 0; n && i < ARRAY_LEN(powers); i++) {
		if (powers[i].type != d->type || n->powers & powers[i].power)
			continue;
		snprintf(words, sizeof(words),
			 "%.64s does not state the power \"%s\"; ask for ADVICE first", d->to,
			 powers[i].name);
		return request_warn(warnings, "to", words);
	}
	return 0;
}
