/* SPDX-License-Identifier: Apache-2.0
 * Clocks of requests: arithmetic of deadlines, and their rows. */
#include "exchange/clock.h"
#include "store/store.h"

enum { DAY_S = 86400, DAYS_OF_WEEK = 7, THURSDAY = 3 /* 1970-01-01, counted from Monday */ };

void clock_base_init(struct clock_base *b, int64_t wall_ms, int64_t mono_ms, int64_t newest_s)
{
	*b = (struct clock_base){wall_ms > newest_s * 1000 ? wall_ms : newest_s * 1000, mono_ms};
}

int64_t clock_steady(const struct clock_base *b, int64_t wall_ms, int64_t mono_ms)
{
	int64_t counted_ms = b->wall_ms + (mono_ms - b->mono_ms);

	return (counted_ms > wall_ms ? counted_ms : wall_ms) / 1000;
}

/* Seconds from a moment to the end of its day, if the day counts; else 0 and the day is to be skipped. */
static int64_t left_of_day(int64_t t)
{
	int64_t day = t / DAY_S, weekday = (day + THURSDAY) % DAYS_OF_WEEK;

	return weekday < 5 ? (day + 1) * DAY_S - t : 0;
}

int64_t clock_add_working(int64_t start_s, int64_t seconds)
{
	int64_t t = start_s;

	while (seconds > 0) {
		int64_t left = left_of_day(t);

		if (left >= seconds)
			return t + seconds;
		seconds -= left;
		t = (t / DAY_S + 1) * DAY_S;
	}
	return t;
}

int64_t clock_due(enum request_class c, enum clock_kind kind, int64_t start_s, int64_t limit_s)
{
	bool working = kind == CLOCK_ACK && request_class_row(c)->flags & CLASS_WORKING_DAY;

	return working ? clock_add_working(start_s, limit_s) : start_s + limit_s;
}

const char *clock_kind_name(enum clock_kind k)
{
	static const char *const names[CLOCK_KINDS] = {"receipt", "ack",    "answer", "approval",
						       "pause",	  "expiry", "term"};

	return k < CLOCK_KINDS ? names[k] : "unknown";
}

static int changed(int64_t rows)
{
	return rows < 0 ? (int)rows : 0;
}

int clock_start(struct store *s, const char *request, enum clock_kind k, int64_t start_s,
		int64_t due_s, int64_t ahead_s, int64_t first_s, struct err *e)
{
	static const char sql[] =
		"INSERT INTO request_clock (request, kind, started_at, due_at, local_at, next_at, paused_at, stood, done_at, level) "
		"VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0) ON CONFLICT (request, kind) DO UPDATE SET started_at = excluded.started_at, "
		"due_at = excluded.due_at, local_at = excluded.local_at, next_at = excluded.next_at, paused_at = 0, "
		"stood = 0, done_at = 0, level = 0";

	return changed(
		store_exec(s, sql,
			   VALS(val_text(request), val_i64(k), val_i64(start_s), val_i64(due_s),
				val_i64(due_s + ahead_s), val_i64(start_s + ahead_s + first_s)),
			   e));
}

int clock_move(struct store *s, const char *request, enum clock_kind k, int64_t start_s,
	       int64_t due_s, int64_t ahead_s, int64_t first_s, struct err *e)
{
	static const char sql[] =
		"UPDATE request_clock SET started_at = ?, due_at = ? + stood, local_at = ? + stood, next_at = CASE WHEN done_at <> 0 "
		"OR paused_at <> 0 THEN next_at ELSE ? + stood END WHERE request = ? AND kind = ?";

	return changed(store_exec(s, sql,
				  VALS(val_i64(start_s), val_i64(due_s), val_i64(due_s + ahead_s),
				       val_i64(start_s + ahead_s + first_s), val_text(request),
				       val_i64(k)),
				  e));
}

int clock_done(struct store *s, const char *request, enum clock_kind k, int64_t at_s, struct err *e)
{
	static const char sql[] =
		"UPDATE request_clock SET done_at = ?, next_at = ? WHERE request = ? AND kind = ? AND done_at = 0";

	return changed(store_exec(
		s, sql, VALS(val_i64(at_s), val_i64(CLOCK_NEVER), val_text(request), val_i64(k)),
		e));
}

int clock_done_all(struct store *s, const char *request, int64_t at_s, struct err *e)
{
	static const char sql[] =
		"UPDATE request_clock SET done_at = ?, next_at = ? WHERE request = ? AND done_at = 0";

	return changed(store_exec(s, sql,
				  VALS(val_i64(at_s), val_i64(CLOCK_NEVER), val_text(request)), e));
}

/* due_at and local_at have the time stood in them as soon as it goes on; `stood` remembers how much, so that a better known end
 * can be put in its place, also behind the end of the clock itself. */
int clock_hold(struct store *s, const char *request, const struct clock_pause *p, struct err *e)
{
	static const char sql[] =
		"UPDATE request_clock SET due_at = due_at + ? - stood, local_at = local_at + ? - stood, next_at = CASE WHEN done_at <> 0 "
		"THEN next_at WHEN ? <> 0 THEN ? ELSE local_at + ? - stood END, paused_at = ?, stood = ? "
		"WHERE request = ? AND kind = ? AND (paused_at <> ? OR stood <> ?)";
	int64_t stood_s = p->end_s ? p->end_s - p->since_s : 0,
		stands_s = p->end_s ? 0 : p->since_s;

	return changed(store_exec(s, sql,
				  VALS(val_i64(stood_s), val_i64(stood_s), val_i64(stands_s),
				       val_i64(CLOCK_NEVER), val_i64(stood_s), val_i64(stands_s),
				       val_i64(stood_s), val_text(request), val_i64(CLOCK_ANSWER),
				       val_i64(stands_s), val_i64(stood_s)),
				  e));
}

int clock_ring(struct store *s, const char *request, const struct clock_row *row, struct err *e)
{
	static const char sql[] =
		"UPDATE request_clock SET level = ?, next_at = ? WHERE request = ? AND kind = ?";

	return changed(store_exec(s, sql,
				  VALS(val_i64(row->level), val_i64(row->next_s), val_text(request),
				       val_i64(row->kind)),
				  e));
}

static void row_read(struct store_rows *rows, struct clock_row *ret)
{
	*ret = (struct clock_row){
		.kind = (enum clock_kind)row_i64(rows, "kind"),
		.started_s = row_i64(rows, "started_at"),
		.due_s = row_i64(rows, "due_at"),
		.local_s = row_i64(rows, "local_at"),
		.next_s = row_i64(rows, "next_at"),
		.paused_s = row_i64(rows, "paused_at"),
		.done_s = row_i64(rows, "done_at"),
		.level = (unsigned)row_i64(rows, "level"),
	};
}

#define CLOCK_COLUMNS \
	"SELECT kind, started_at, due_at, local_at, next_at, paused_at, done_at, level FROM request_clock "

int clock_get(struct store *s, const char *request, enum clock_kind k, struct clock_row *ret,
	      struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(s, CLOCK_COLUMNS "WHERE request = ? AND kind = ?",
			    VALS(val_text(request), val_i64(k)), &rows, e);

	if (r <= 0)
		return r;
	row_read(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

int clock_list(struct store *s, const char *request, struct clock_row ret[static CLOCK_KINDS],
	       struct err *e)
{
	STORE_ROWS(rows);
	int n = 0, r = store_query(s, CLOCK_COLUMNS "WHERE request = ? ORDER BY kind",
				   VALS(val_text(request)), &rows, e);

	while (r >= 0 && (r = store_next(&rows, e)) > 0 && n < CLOCK_KINDS)
		row_read(&rows, &ret[n++]);
	if (r >= 0)
		r = row_err(&rows, e);
	return r < 0 ? r : n;
}

int clock_next(struct store *s, int64_t *ret_next_s, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(s, "SELECT next_at FROM request_clock ORDER BY next_at LIMIT 1",
			    NO_VALS, &rows, e);

	if (r < 0)
		return r;
	*ret_next_s = r ? row_i64(&rows, "next_at") : CLOCK_NEVER;
	return r ? row_err(&rows, e) : 0;
}
