/* SPDX-License-Identifier: Apache-2.0
 * Coverage: which moves of requests.def the worlds made, read from the rows of their events, and which errors they met, in rows, in
 * refusals, in what calls returned and in what people were told. */
#include "exchange/exchange-int.h"
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
			s->reached.moves[i]++;
}

/* ---- errors ---- */

static const int codes[] = {
#define ERR(id, value, sentence) value,
#include "base/err.def"
#undef ERR
};
static_assert(ARRAY_LEN(codes) <= SIM_CODES_MAX, "room to count every error");

void cover_code(struct sim *s, int code)
{
	for (size_t i = 0; code < 0 && i < ARRAY_LEN(codes); i++)
		s->reached.codes[i] += codes[i] == -code;
}

/* Reasons and last errors, by name or number. */
static void count_codes(struct sim *s, size_t node)
{
	STORE_ROWS(rows);
	int r = store_query(
		s->net.node[node].store,
		"SELECT reason, 0 AS code FROM exchange_in UNION SELECT reason, last_error AS code FROM exchange_out",
		NO_VALS, &rows, NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0) {
		const char *reason = row_text(&rows, "reason", NULL);
		cover_code(s, (int)row_i64(&rows, "code"));
		if (*reason)
			cover_code(s, exchange_code(reason));
	}
}

static const struct {
	int code;
	const char *name, *elsewhere;
} listed[] = {
#define REACHED(name) {ERR_##name, #name, NULL},
#define ELSEWHERE(name, test, why) {ERR_##name, #name, test},
#include "codes.def"
};

static uint64_t times(const struct sim_reached *reached, int code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i] == code)
			return reached->codes[i];
	return 0;
}

size_t cover_codes(const struct sim_reached *reached, bool all)
{
	size_t missing = 0, elsewhere = 0;
	for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
		uint64_t n = times(reached, listed[i].code);
		missing += n == 0 && !listed[i].elsewhere;
		elsewhere += listed[i].elsewhere != NULL;
		if (all || (n == 0 && !listed[i].elsewhere))
			printf("%10llu  error %s%s%s\n", (unsigned long long)n, listed[i].name,
			       listed[i].elsewhere ? ": " : "",
			       listed[i].elsewhere ? listed[i].elsewhere : "");
	}
	printf("%zu of %zu errors of the exchange were met, %zu are left to unit tests\n",
	       ARRAY_LEN(listed) - missing - elsewhere, ARRAY_LEN(listed), elsewhere);
	return missing;
}

/* ---- all ---- */

void cover_node(struct sim *s, size_t node)
{
	count_codes(s, node);
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

void cover_add(struct sim_reached *sum, const struct sim_reached *more)
{
	for (size_t i = 0; i < SIM_MOVES_MAX; i++)
		sum->moves[i] += more->moves[i];
	for (size_t i = 0; i < SIM_CODES_MAX; i++)
		sum->codes[i] += more->codes[i];
}

size_t cover_moves(const struct sim_reached *reached, bool all)
{
	const uint64_t *counts = reached->moves;
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
