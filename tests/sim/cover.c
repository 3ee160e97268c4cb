/* SPDX-License-Identifier: Apache-2.0
 * Coverage: which moves of requests.def the worlds made, read from the rows of their events. */
#include "exchange/request-table.h"
#include "sim.h"
#include <assert.h>

static const struct {
	enum request_state from;
	enum request_event event;
} moves[] = {
#define REQUEST_MOVE(from, event, to, when, condition) {STATE_##from, EVENT_##event},
#include "exchange/requests.def"
};
static_assert(ARRAY_LEN(moves) <= SIM_MOVES_MAX, "room to count every move");

static void count(struct sim *s, enum request_state from, enum request_event event)
{
	for (size_t i = 0; i < ARRAY_LEN(moves); i++)
		if (moves[i].from == from && moves[i].event == event)
			s->moves[i]++;
}

void cover_node(struct sim *s, size_t node)
{
	STORE_ROWS(rows);
	int r = store_query(
		s->net.node[node].store,
		"SELECT state_from, event, COUNT(*) AS n FROM request_event GROUP BY state_from, event",
		NO_VALS, &rows, NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0) {
		enum request_state from;
		enum request_event event;
		if (request_state_parse(row_text(&rows, "state_from", NULL), &from) == 0 &&
		    request_event_parse(row_text(&rows, "event", NULL), &event) == 0)
			count(s, from, event);
	}
}

size_t cover_print(const uint64_t counts[static SIM_MOVES_MAX], bool all)
{
	size_t missing = 0;
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		missing += counts[i] == 0;
		if (all || counts[i] == 0)
			printf("%10llu  %s: %s\n", (unsigned long long)counts[i],
			       request_state_row(moves[i].from)->text,
			       request_event_row(moves[i].event)->text);
	}
	printf("%zu of %zu moves of a request were made\n", ARRAY_LEN(moves) - missing,
	       ARRAY_LEN(moves));
	return missing;
}
