/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an event part, checked against a fixed FREEZE: what is accepted is accepted again from its own text, and an
 * outcome that is accepted never holds more than was requested without a reason. */
#include "exchange/request-doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AMOUNT "4000000000"
static const char request[] =
	"{\"version\":1,\"id\":\"019ab5a0-0000-7000-8000-000000000001\",\"from\":\"it\",\"to\":\"fr\",\"type\":\"FREEZE\",\"class\":\"URGENT\","
	"\"created_at\":\"2026-11-22T11:00:00Z\",\"case\":\"c\",\"authority\":{\"name\":\"a\",\"country\":\"IT\"},\"relation\":{\"kind\":\"new\"},"
	"\"offence\":{\"code\":\"theft\",\"text\":\"t\"},\"facts\":\"f\",\"language\":\"it\",\"link\":\"l\",\"necessity\":\"n\",\"confidentiality\":"
	"{\"subject\":\"may-know\",\"custodian\":\"may-know\"},\"reply_language\":\"en\",\"handling\":{\"code\":\"H1\",\"marking\":\"TLP:RED\",\"grade\":"
	"\"A1\",\"purpose\":\"prevention\",\"basis\":\"treaty\"},\"assets\":[{\"chain\":\"x-y:1\",\"asset\":\"x-y:1/coin:1\",\"amount\":\"" AMOUNT
	"\"},"
	"{\"chain\":\"x-y:1\",\"asset\":\"x-y:1/coin:2\"}]}";

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void check_items(const json_t *items)
{
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		json_int_t asset = json_integer_value(json_object_get(item, "asset"));
		const char *held = json_string_value(json_object_get(item, "held"));

		must(asset == 0 || asset == 1);
		must(asset == 1 || json_object_get(item, "reason") || dec_cmp(held, AMOUNT) <= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_doc d, again;
	struct request_doc of;
	struct err e = {0};
	int r = event_doc_parse(data, size, &d, &e);

	if (r < 0) {
		must(e.code == r && e.message[0]);
		return 0;
	}
	must(d.event < EVENT_N && request_event_on_wire(d.event) &&
	     strlen(d.request) == REQUEST_ID_LEN);
	must(d.event != EVENT_REFUSE || d.ground < GROUND_N);
	char *text = json_text(d.json);
	must(text && event_doc_parse(text, strlen(text), &again, NULL) == 0 &&
	     json_equal(d.json, again.json));
	must(request_doc_parse(request, sizeof(request) - 1, NULL, &of, NULL) == 0);
	if (event_doc_outcome(&d, &of, NULL) == 0 && d.outcome)
		check_items(json_object_get(d.outcome, "items"));
	free(text);
	request_doc_done(&of);
	event_doc_done(&again);
	event_doc_done(&d);
	return 0;
}
