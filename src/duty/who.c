/* SPDX-License-Identifier: Apache-2.0
 * Who answers now: this node's signed note, those of the others, heartbeats and silence (docs/protocol/escalation.md 3). */
#include "duty/duty-int.h"
#include "wire/note.h"

#define DUTY_NOTE_TYPE "lugdunum.network/duty/v1"

enum { SEATS_MAX = 8, SKEW_S = 300, TEXT_MAX = 160 };

struct duty_note_seat {
	char name[ROSTER_NAME_MAX + 1], state[16], zone[TZ_NAME_MAX + 1], languages[TEXT_MAX + 1],
		line[ROSTER_LINE_MAX + 1], officer[ROSTER_NAME_MAX + 1];
	int64_t next_s;
};
struct duty_note {
	char from[EXCHANGE_NAME_MAX + 1];
	int64_t time_s, until_s;
	struct duty_note_seat seats[SEATS_MAX];
	size_t seats_n;
	char watchers[DUTY_WATCHERS_MAX][EXCHANGE_NAME_MAX + 1];
	size_t watchers_n;
	bool has_drill;
	int64_t drill_s, drill_seconds;
};

/* ---- our own ---- */

static const char *state_name(const struct roster_on *on)
{
	return !on->people_n ? "none" : on->source == ROSTER_FROM_FALLBACK ? "fallback" : "on";
}

/* The languages of those who are on, each once; without any, those of the seat. */
static void languages_of(struct duty *d, const struct roster *x, const struct roster_on *on,
			 char *out, size_t size)
{
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; i < on->people_n; i++) {
		const struct roster_person *p = duty_person(d, on->people[i]);
		for (size_t k = 0; p && k < p->languages.n; k++)
			if (n + strlen(p->languages.list[k]) + 2 < size &&
			    !strstr(out, p->languages.list[k]))
				n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "",
						      p->languages.list[k]);
	}
	for (size_t i = 0; !on->people_n && i < x->seat.languages.n; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "",
				      x->seat.languages.list[i]);
}

static void put_seat(struct duty *d, struct note_writer *w, const struct roster *x)
{
	struct roster_on on;
	char languages[TEXT_MAX + 1];
	int64_t now = duty_wall(d), next = roster_next(x, now);
	roster_at(x, now, &on);
	const char *const seat[] = {x->seat.name, state_name(&on)};
	note_put_words(w, "seat", seat, ARRAY_LEN(seat));
	note_put_str(w, "zone", x->seat.zone);
	note_put_time(w, "next", next == INT64_MAX ? 0 : next);
	languages_of(d, x, &on, languages, sizeof(languages));
	note_put_str(w, "languages", languages[0] ? languages : "en");
	if (x->seat.line[0])
		note_put_str(w, "line", x->seat.line);
	if (x->seat.names && on.people_n)
		note_put_str(w, "name", on.people[0]);
}

/* Those of the settings, or the next two members in the order of names. */
static size_t watchers_of(struct duty *d, char ret[DUTY_WATCHERS_MAX][EXCHANGE_NAME_MAX + 1])
{
	const struct directory_members *m = directory_members(exchange_directory(d->x));
	size_t n = 0, own = 0;
	if (d->o.watchers_n) {
		memcpy(ret, d->o.watchers, sizeof(d->o.watchers));
		return d->o.watchers_n;
	}
	while (m && own < m->members_n && strcmp(m->members[own].name, d->node) != 0)
		own++;
	for (size_t i = 1; m && own < m->members_n && i < m->members_n && n < 2; i++)
		snprintf(ret[n++], EXCHANGE_NAME_MAX + 1, "%s",
			 m->members[(own + i) % m->members_n].name);
	return n;
}

int duty_note_make(struct duty *d, struct buf *out, struct err *e)
{
	char watchers[DUTY_WATCHERS_MAX][EXCHANGE_NAME_MAX + 1];
	struct note_writer w;
	int64_t at, seconds, now = duty_wall(d);
	int r = duty_load(d, e);
	if (r < 0)
		return r;
	note_writer_init(&w, out, DUTY_NOTE_TYPE);
	note_put_str(&w, "from", d->node);
	note_put_time(&w, "time", now);
	note_put_time(&w, "until", now + DUTY_NOTE_LIFE_S);
	for (size_t i = 0; i < d->seats_n && i < SEATS_MAX; i++)
		put_seat(d, &w, &d->seats[i]);
	for (size_t i = 0, n = watchers_of(d, watchers); i < n; i++)
		note_put_str(&w, "watcher", watchers[i]);
	r = duty_drill_own(d, &at, &seconds, e);
	if (r > 0) {
		char a[24], b[24];
		snprintf(a, sizeof(a), "%lld", (long long)at);
		snprintf(b, sizeof(b), "%lld", (long long)seconds);
		const char *const words[] = {a, b};
		note_put_words(&w, "drill", words, ARRAY_LEN(words));
	}
	if (r >= 0)
		r = note_writer_end(&w);
	return r < 0 ? err_set(e, r, "duty", NULL)
		     : d->xenv->sign(d->xenv->ctx, EXCHANGE_KEY_NODE, out, e);
}

/* ---- reading ---- */

static void get_seat(struct note_reader *r, struct duty_note_seat *s)
{
	struct note_word words[2];
	note_get_words(r, "seat", words, ARRAY_LEN(words));
	note_word_str(r, words[0], s->name, sizeof(s->name));
	note_word_str(r, words[1], s->state, sizeof(s->state));
	note_get_str(r, "zone", s->zone, sizeof(s->zone));
	s->next_s = note_get_time(r, "next");
	note_get_str(r, "languages", s->languages, sizeof(s->languages));
	if (note_next_is(r, "line"))
		note_get_str(r, "line", s->line, sizeof(s->line));
	if (note_next_is(r, "name"))
		note_get_name(r, "name", s->officer, sizeof(s->officer));
	if (!r->error && !tz_name_valid(s->zone))
		note_reader_fail(r, -ERR_FORMAT, "zone");
}

static int note_decode(const char *text, size_t len, struct duty_note *n, struct err *e)
{
	struct note_reader r;
	*n = (struct duty_note){0};
	note_reader_init(&r, text, len, DUTY_NOTE_TYPE);
	note_get_name(&r, "from", n->from, sizeof(n->from));
	n->time_s = note_get_time(&r, "time");
	n->until_s = note_get_time(&r, "until");
	while (!r.error && note_next_is(&r, "seat") && n->seats_n < SEATS_MAX)
		get_seat(&r, &n->seats[n->seats_n++]);
	while (!r.error && note_next_is(&r, "watcher") && n->watchers_n < DUTY_WATCHERS_MAX)
		note_get_name(&r, "watcher", n->watchers[n->watchers_n++], EXCHANGE_NAME_MAX + 1);
	if (note_next_is(&r, "drill")) {
		struct note_word words[2];
		note_get_words(&r, "drill", words, ARRAY_LEN(words));
		n->has_drill = true;
		n->drill_s = (int64_t)note_word_u64(&r, words[0], NOTE_TIME_MAX);
		n->drill_seconds = (int64_t)note_word_u64(&r, words[1], INT32_MAX);
	}
	if (!r.error && (n->until_s <= n->time_s || n->until_s - n->time_s > DUTY_NOTE_LIFE_S))
		note_reader_fail(&r, -ERR_RANGE, "until");
	return note_reader_end(&r, e);
}

/* Signed by a node key of the member that is valid at the note's time. */
static int note_verified(struct duty *d, const char *peer, const struct note *n, int64_t time_s,
			 struct err *e)
{
	int r = err_set(NULL, ERR_KEY_UNKNOWN, NULL, NULL);
	for (size_t i = 0; i < n->sigs_n; i++) {
		const struct note_sig *s = &n->sigs[i];
		struct directory_key key;
		r = directory_key_check(exchange_directory(d->x), peer, DIRECTORY_KEY_NODE,
					n->p + s->name_off, s->name_len, s->key_id, time_s, &key,
					e);
		if (r >= 0)
			return note_verify_one(n, &key.vkey, e);
	}
	return r;
}

static int note_read(struct duty *d, const char *peer, const void *p, size_t len,
		     struct duty_note *ret, struct err *e)
{
	struct note n;
	int r = len > DUTY_NOTE_MAX ? err_set(e, ERR_OVERSIZE, "duty", NULL)
				    : note_parse(p, len, &n, e);
	if (r >= 0)
		r = note_decode(n.p, n.text_len, ret, e);
	if (r >= 0 && strcmp(ret->from, peer) != 0)
		r = err_set(e, ERR_CONFLICT, "from", "This is the note of %s.", ret->from);
	return r < 0 ? r : note_verified(d, peer, &n, ret->time_s, e);
}

static bool watched_by_us(const struct duty *d, const struct duty_note *n)
{
	for (size_t i = 0; i < n->watchers_n; i++)
		if (!strcmp(n->watchers[i], d->node))
			return true;
	return false;
}

int duty_note_take(struct duty *d, const char *peer, const void *p, size_t len, struct err *e)
{
	STORE_TXN(txn);
	struct duty_note n;
	int64_t now = duty_wall(d);
	int r = note_read(d, peer, p, len, &n, e);
	if (r >= 0 && n.until_s + SKEW_S < now)
		r = err_set(e, ERR_EXPIRED, "until", NULL);
	if (r >= 0 && n.time_s > now + SKEW_S)
		r = err_set(e, ERR_SKEW, "time", NULL);
	if (r >= 0)
		r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = duty_changed(store_exec(
			d->s,
			"INSERT INTO duty_peer (member, heard_s, watched, note) VALUES (?, ?, ?, ?) ON CONFLICT (member) DO UPDATE SET "
			"heard_s = excluded.heard_s, watched = excluded.watched, note = excluded.note",
			VALS(val_text(peer), val_i64(duty_now(d)), val_i64(watched_by_us(d, &n)),
			     val_blob(p, len)),
			e));
	if (r >= 0)
		r = duty_contacts_meet(d, peer, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	return r < 0 ? r : duty_watch(d, peer, false, e);
}

int duty_asked(struct duty *d, const char *peer, const void *p, size_t len, struct err *e)
{
	return p ? duty_note_take(d, peer, p, len, e) : 0;
}

/* ---- what is due ---- */

static struct duty_member *member_state(struct duty *d, const char *name)
{
	for (size_t i = 0; i < d->members_n; i++)
		if (!strcmp(d->members[i].name, name))
			return &d->members[i];
	if (d->members_n == DUTY_MEMBERS_MAX)
		return NULL;
	struct duty_member *m = &d->members[d->members_n++];
	*m = (struct duty_member){.asked_s = d->opened_s - DUTY_ASK_S};
	snprintf(m->name, sizeof(m->name), "%s", name);
	return m;
}

static bool is_watcher(struct duty *d, const char *name)
{
	char watchers[DUTY_WATCHERS_MAX][EXCHANGE_NAME_MAX + 1];
	for (size_t i = 0, n = watchers_of(d, watchers); i < n; i++)
		if (!strcmp(watchers[i], name))
			return true;
	return false;
}

static int ask(struct duty *d, const char *name, const struct buf *note)
{
	struct duty_member *m = member_state(d, name);
	int64_t now = duty_now(d);
	if (!m || now - m->asked_s < (is_watcher(d, name) ? DUTY_HEARTBEAT_S : DUTY_ASK_S))
		return 0;
	m->asked_s = now;
	return d->env->ask(d->env->ctx, name, note->p, note->len);
}

static bool any_due(struct duty *d, const struct directory_members *m)
{
	for (size_t i = 0; i < m->members_n; i++) {
		const struct duty_member *s = member_state(d, m->members[i].name);
		if (s && strcmp(s->name, d->node) != 0 &&
		    duty_now(d) - s->asked_s >= DUTY_HEARTBEAT_S)
			return true;
	}
	return false;
}

/* A note is made only when somebody is to get it: making one is a signature of lug-keyd. */
static int ask_all(struct duty *d)
{
	_cleanup_(buf_done) struct buf note;
	struct directory *dir = exchange_directory(d->x);
	const struct directory_members *m = directory_members(dir);
	buf_init(&note, DUTY_NOTE_MAX);
	if (!m || !any_due(d, m) || duty_note_make(d, &note, NULL) < 0)
		return 0; /* lug-keyd is away: at the next poll */
	for (size_t i = 0; i < m->members_n; i++)
		if (strcmp(m->members[i].name, d->node) != 0)
			(void)ask(d, m->members[i].name, &note);
	return 0;
}

/* Members that rely on us and have not been heard. Our own start counts as hearing everybody. */
static int find_silent(struct duty *d, struct err *e)
{
	char names[DUTY_MEMBERS_MAX][EXCHANGE_NAME_MAX + 1];
	size_t n = 0;
	int64_t limit = duty_now(d) - DUTY_SILENT_S;
	STORE_ROWS(rows);
	if (d->opened_s > limit)
		return 0;
	int r = store_query(d->s, "SELECT member FROM duty_peer WHERE watched = 1 AND heard_s < ?",
			    VALS(val_i64(limit)), &rows, e);
	while (r >= 0 && n < DUTY_MEMBERS_MAX && (r = store_next(&rows, e)) > 0)
		snprintf(names[n++], sizeof(names[0]), "%s", row_text(&rows, "member", NULL));
	store_rows_done(&rows);
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (directory_member(exchange_directory(d->x), names[i]))
			r = duty_watch(d, names[i], true, e);
	return r < 0 ? r : 0;
}

int duty_hear(struct duty *d, struct err *e)
{
	int r = ask_all(d);
	return r < 0 ? r : find_silent(d, e);
}

/* ---- showing ---- */

static json_t *seat_json(struct duty *d, const struct duty_note_seat *s)
{
	const struct tz *z = duty_zone(d, s->zone);
	int64_t now = duty_wall(d), face = z ? tz_local(z, now) : now;
	char local[TIME_TEXT_MAX], text[TZ_ABBR_MAX + TIME_TEXT_MAX + 2];
	time_utc(face, local);
	snprintf(text, sizeof(text), "%.10s %.5s %s", local, local + 11,
		 z ? tz_abbr(z, now) : "UTC");
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "seat", s->name, "state",
			 s->state, "zone", s->zone, "local_time", text, "next_handoff",
			 duty_time_json(s->next_s), "languages", s->languages, "line", s->line,
			 "name", s->officer);
}

json_t *duty_note_json(struct duty *d, const char *member)
{
	_cleanup_(freep) struct duty_note *n = calloc(1, sizeof(*n));
	struct note note;
	size_t len;
	STORE_ROWS(rows);
	int r = store_first(d->s, "SELECT note FROM duty_peer WHERE member = ?",
			    VALS(val_text(member)), &rows, NULL);
	const void *p = r > 0 ? row_blob(&rows, "note", &len) : NULL;
	if (!p || !n || note_parse(p, len, &note, NULL) < 0 ||
	    note_decode(note.p, note.text_len, n, NULL) < 0)
		return json_null();
	json_t *seats = json_array();
	for (size_t i = 0; i < n->seats_n; i++)
		json_array_append_new(seats, seat_json(d, &n->seats[i]));
	json_t *drill = n->has_drill
				? json_pack("{s:o, s:I}", "answered", duty_time_json(n->drill_s),
					    "seconds", (json_int_t)n->drill_seconds)
				: json_null();
	return json_pack("{s:b, s:o, s:o, s:o}", "valid", n->until_s >= duty_wall(d), "valid_until",
			 duty_time_json(n->until_s), "seats", seats, "drill", drill);
}
