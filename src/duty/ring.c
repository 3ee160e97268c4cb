/* SPDX-License-Identifier: Apache-2.0
 * Rings: whom a step reaches and how, each attempt a row; answers by link and by code.
 *
 * A link's token and a code are made when a ring goes out, never before, and the token is kept only as its hash: a ring that is
 * handed out again after a crash carries new ones. */
#include "crypto/crypto.h"
#include "duty/duty-int.h"

enum {
	OUT_MAX = 64,
	CODE_TRIES = 20,
	CODE_SPACE = 1000000,
	CODES_WRONG_MAX = 5,
	CODES_WINDOW_S = 600,
	CONTACT_WAYS = 3,
	WHO_MAX = 96,
	ROUND_S = 180, /* rings of one step within it belong together; repeats are further apart */
};

struct ring {
	int64_t n, step, place;
	char alert[DUTY_ID_MAX + 1], person[WHO_MAX + 1];
	enum notify_what what;
	enum duty_ring_state state;
	char channel[ROSTER_CHANNEL_NAME_MAX + 1],
		address[DIRECTORY_TEXT_MAX + ROSTER_ADDRESS_MAX + 1];
	char phone[DIRECTORY_TEXT_MAX + 1];
};

/* ---- rows ---- */

static int insert(struct duty *d, const struct ring *g, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(d->s, "SELECT COALESCE(MAX(n), 0) + 1 AS n FROM duty_ring", NO_VALS,
			    &rows, e);
	if (r < 0)
		return r;
	int64_t n = row_i64(&rows, "n");
	store_rows_done(&rows);
	return duty_changed(store_exec(
		d->s,
		"INSERT INTO duty_ring (n, alert, at_s, step, person, place, what, channel, address, phone, state, why, token, code, until_s) "
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, '', 0)",
		VALS(val_i64(n), val_text(g->alert), val_i64(duty_wall(d)), val_i64(g->step),
		     val_text(g->person), val_i64(g->place), val_i64(g->what), val_text(g->channel),
		     val_text(g->address), val_text(g->phone), val_i64(RING_QUEUED),
		     val_blob(NULL, 0)),
		e));
}

#define RING_COLUMNS \
	"SELECT n, alert, step, person, place, what, channel, address, phone, state FROM duty_ring "

static void ring_read(struct store_rows *rows, struct ring *g)
{
	*g = (struct ring){.n = row_i64(rows, "n"),
			   .step = row_i64(rows, "step"),
			   .place = row_i64(rows, "place"),
			   .what = (enum notify_what)row_i64(rows, "what"),
			   .state = (enum duty_ring_state)row_i64(rows, "state")};
	snprintf(g->alert, sizeof(g->alert), "%s", row_text(rows, "alert", NULL));
	snprintf(g->person, sizeof(g->person), "%s", row_text(rows, "person", NULL));
	snprintf(g->channel, sizeof(g->channel), "%s", row_text(rows, "channel", NULL));
	snprintf(g->address, sizeof(g->address), "%s", row_text(rows, "address", NULL));
	snprintf(g->phone, sizeof(g->phone), "%s", row_text(rows, "phone", NULL));
}

static int ring_find(struct duty *d, const char *where, const struct store_val *vals, size_t n,
		     struct ring *ret, struct err *e)
{
	char sql[512];
	STORE_ROWS(rows);
	snprintf(sql, sizeof(sql), RING_COLUMNS "%s", where);
	int r = store_first(d->s, sql, vals, n, &rows, e);
	if (r <= 0)
		return r;
	ring_read(&rows, ret);
	r = row_err(&rows, e);
	return r < 0 ? r : 1;
}

/* ---- whom a step reaches ---- */

static enum notify_what what_of(enum duty_side side)
{
	switch (side) {
	case DUTY_IN:
		return NOTIFY_IN;
	case DUTY_OUT:
		return NOTIFY_OUT;
	case DUTY_SILENT:
		return NOTIFY_SILENT;
	case DUTY_WATCH:
		return NOTIFY_WATCH;
	case DUTY_DRILL:
	case DUTY_SIDES:
		break;
	}
	return NOTIFY_DRILL;
}

/* The number that our officer is told to call. */
static int phone_of(struct duty *d, const struct duty_alert *a, struct ring *g, struct err *e)
{
	struct duty_contact list[DIRECTORY_CONTACTS_MAX];
	if (a->side != DUTY_SILENT && a->side != DUTY_WATCH && a->side != DUTY_OUT)
		return 0;
	int n = duty_contacts(d, a->peer, list, ARRAY_LEN(list), e);
	for (int i = 0; i < n && !g->phone[0]; i++)
		if (!list[i].red)
			snprintf(g->phone, sizeof(g->phone), "%s",
				 list[i].c->phone[0] ? list[i].c->phone : list[i].c->mobile);
	return n < 0 ? n : 0;
}

static int ring_person(struct duty *d, struct ring *g, const char *officer, unsigned channel,
		       struct err *e)
{
	const struct roster_person *p = duty_person(d, officer);
	int rung = 0, r = 0;
	if (!p || !p->active)
		return 0;
	snprintf(g->person, sizeof(g->person), "%s", officer);
	for (size_t i = 0; r >= 0 && i < p->channels_n; i++) {
		if (channel && channel != i + 1)
			continue;
		g->place = (int64_t)i;
		snprintf(g->channel, sizeof(g->channel), "%s", p->channels[i].channel);
		snprintf(g->address, sizeof(g->address), "%s", p->channels[i].address);
		r = insert(d, g, e);
		rung++;
	}
	return r < 0 ? r : rung;
}

static int ring_seat(struct duty *d, const struct duty_alert *a, const char *seat, unsigned channel,
		     struct err *e)
{
	const struct roster *x = duty_seat(d, seat);
	struct ring g = {.step = a->step, .what = what_of(a->side)};
	struct roster_on on;
	int rung = 0;
	if (!x)
		return 0;
	snprintf(g.alert, sizeof(g.alert), "%s", a->id);
	int r = phone_of(d, a, &g, e);
	roster_at(x, duty_wall(d), &on);
	for (size_t i = 0; r >= 0 && i < on.people_n; i++) {
		r = ring_person(d, &g, on.people[i], channel, e);
		rung += r > 0 ? r : 0;
	}
	return r < 0 ? r : rung;
}

/* The ways to a contact point, its preferred one first, as channel and address. */
static size_t ways_of(const struct directory_contact *c, const char *ways[CONTACT_WAYS][2])
{
	const char *const all[CONTACT_WAYS][3] = {{"phone", "voice", c->phone},
						  {"mobile", "sms", c->mobile},
						  {"mail", "mail", c->mail}};
	size_t n = 0;
	for (int preferred = 1; preferred >= 0; preferred--)
		for (size_t i = 0; i < CONTACT_WAYS; i++) {
			if (!all[i][2][0] || (strcmp(all[i][0], c->preferred) == 0) != preferred)
				continue;
			ways[n][0] = all[i][1];
			ways[n++][1] = all[i][2];
		}
	return n;
}

/* Addresses of a channel are one word: "+39 06 000" is called as +3906000. */
static void one_word(const char *from, char *to, size_t size)
{
	size_t n = 0;
	for (; *from && n + 1 < size; from++)
		if (*from != ' ')
			to[n++] = *from;
	to[n] = 0;
}

static int ring_contact(struct duty *d, const struct duty_alert *a, const struct duty_contact *c,
			unsigned channel, struct err *e)
{
	const char *ways[CONTACT_WAYS][2];
	size_t n = ways_of(c->c, ways), works = 0;
	int rung = 0, r = 0;
	struct ring g = {.step = a->step,
			 .what = a->side == DUTY_WATCH ? NOTIFY_WATCH : NOTIFY_CONTACT};
	if (c->red)
		return 0;
	snprintf(g.alert, sizeof(g.alert), "%s", a->id);
	snprintf(g.person, sizeof(g.person), "contact:%s:%u",
		 a->side == DUTY_IN ? d->node : a->peer, c->number);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (!d->env->works(d->env->ctx, ways[i][0]) || (channel && ++works != channel))
			continue;
		g.place = (int64_t)i;
		snprintf(g.channel, sizeof(g.channel), "%s", ways[i][0]);
		one_word(ways[i][1], g.address, sizeof(g.address));
		r = insert(d, &g, e);
		rung++;
	}
	return r < 0 ? r : rung;
}

int duty_ring_target(struct duty *d, const struct duty_alert *a, const struct duty_step *step,
		     struct err *e)
{
	struct duty_contact list[DIRECTORY_CONTACTS_MAX];
	uint64_t number = 0;
	int rung = 0, r = 0;
	if (!strncmp(step->target, "seat:", 5))
		return ring_seat(d, a, step->target + 5, step->channel, e);
	if (!strncmp(step->target, "contact:", 8))
		(void)dec_parse_u64(step->target + 8, strlen(step->target + 8),
				    DIRECTORY_CONTACTS_MAX, &number);
	int n = duty_contacts(d, a->side == DUTY_IN ? d->node : a->peer, list, ARRAY_LEN(list), e);
	for (int i = 0; r >= 0 && i < n; i++)
		if (number ? list[i].number == number : list[i].number > 1) {
			r = ring_contact(d, a, &list[i], step->channel, e);
			rung += r > 0 ? r : 0;
		}
	return n < 0 ? n : r < 0 ? r : rung;
}

/* ---- going out ---- */

const char *duty_country(struct duty *d, const char *member)
{
	const struct directory_member *m = directory_member(exchange_directory(d->x), member);
	return m ? m->country : "??";
}

static void text_of(struct duty *d, const struct ring *g, const struct duty_alert *a,
		    char out[static NOTIFY_TEXT_MAX + 1])
{
	static const struct roster_languages none;
	char reference[DUTY_REFERENCE_LEN + 1];
	const struct roster_person *p = duty_person(d, g->person);
	const char *asking = g->what == NOTIFY_CONTACT && a->side != DUTY_IN ? d->node : a->peer;
	snprintf(reference, sizeof(reference), "%.*s", DUTY_REFERENCE_LEN, a->request);
	notify_text(g->what, p ? &p->languages : &none, reference, a->class,
		    duty_country(d, asking), g->phone, out);
}

/* A code that no other ring has which could still be answered. */
static int fresh_code(struct duty *d, char out[static NOTIFY_CODE_LEN + 1], struct err *e)
{
	for (size_t i = 0; i < CODE_TRIES; i++) {
		uint32_t v;
		STORE_ROWS(rows);
		d->xenv->random(d->xenv->ctx, &v, sizeof(v));
		snprintf(out, NOTIFY_CODE_LEN + 1, "%06u", v % CODE_SPACE);
		int r = store_first(d->s, "SELECT n FROM duty_ring WHERE code = ? AND state < 3",
				    VALS(val_text(out)), &rows, e);
		if (r <= 0)
			return r;
	}
	return err_set(e, ERR_QUOTA, "code", "No code is free.");
}

struct secrets {
	uint8_t hash32[32];
	char link[NOTIFY_LINK_MAX + 1], code[NOTIFY_CODE_LEN + 1];
};

/* Only people of this node answer; contact points of members have their own desk. */
static int make_secrets(struct duty *d, const struct ring *g, struct secrets *ret, struct err *e)
{
	uint8_t token[DUTY_TOKEN_LEN];
	char hex[2 * DUTY_TOKEN_LEN + 1];
	*ret = (struct secrets){0};
	if (!strncmp(g->person, "contact:", 8))
		return 0;
	d->xenv->random(d->xenv->ctx, token, sizeof(token));
	hex_encode(token, sizeof(token), hex);
	sha256(token, sizeof(token), ret->hash32);
	if (d->o.answer_url[0])
		snprintf(ret->link, sizeof(ret->link), "%s/a/%s", d->o.answer_url, hex);
	return fresh_code(d, ret->code, e);
}

static int mark_going(struct duty *d, const struct ring *g, const struct secrets *s, struct err *e)
{
	STORE_TXN(txn);
	int64_t r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = store_exec(
			d->s,
			"UPDATE duty_ring SET state = ?, token = ?, code = ?, until_s = ? WHERE n = ?",
			VALS(val_i64(RING_GOING), val_blob(s->hash32, s->code[0] ? 32 : 0),
			     val_text(s->code), val_i64(duty_now(d) + DUTY_ANSWER_LIFE_S),
			     val_i64(g->n)),
			e);
	if (r >= 0)
		r = duty_audit(d, AUDIT_ALARM, "system", "duty.ring", g->alert,
			       json_pack("{s:s, s:s}", "person", g->person, "channel", g->channel),
			       e);
	return r < 0 ? (int)r : store_commit(&txn, e);
}

static int ring_out(struct duty *d, const struct ring *g, struct err *e)
{
	struct duty_alert a;
	struct secrets s;
	char text[NOTIFY_TEXT_MAX + 1];
	int r = duty_alert_load(d, g->alert, &a, e);
	if (r > 0)
		r = make_secrets(d, g, &s, e);
	if (r < 0 || (r = mark_going(d, g, &s, e)) < 0)
		return r;
	text_of(d, g, &a, text);
	const struct notify_message m = {(uint64_t)g->n, g->channel, g->address,
					 s.link,	 s.code,     text};
	r = d->env->ring(d->env->ctx, &m);
	return r < 0 ? duty_rung(d, m.id, r, "no such channel, or it is down", e) : 0;
}

int duty_rings_out(struct duty *d, struct err *e)
{
	for (size_t i = 0; i < OUT_MAX; i++) {
		struct ring g;
		int r = ring_find(d, "WHERE state = 0 ORDER BY n LIMIT 1", NO_VALS, &g, e);
		if (r <= 0 || (r = ring_out(d, &g, e)) < 0)
			return r;
	}
	return 0;
}

int duty_rings_again(struct duty *d, struct err *e)
{
	return duty_changed(
		store_exec(d->s, "UPDATE duty_ring SET state = 0 WHERE state = 1", NO_VALS, e));
}

/* ---- outcomes ---- */

/* The same person's next channel, if this step has not tried it. Returns: 1 queued; 0 there is none */
static int next_channel(struct duty *d, const struct ring *failed, struct err *e)
{
	const struct roster_person *p = duty_person(d, failed->person);
	for (size_t i = (size_t)failed->place + 1; p && i < p->channels_n; i++) {
		struct ring g = *failed, other;
		int r = ring_find(
			d,
			"WHERE alert = ? AND step = ? AND person = ? AND place = ? AND at_s >= ? LIMIT 1",
			VALS(val_text(g.alert), val_i64(g.step), val_text(g.person), val_u64(i),
			     val_i64(duty_wall(d) - ROUND_S)),
			&other, e);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		g.place = (int64_t)i;
		snprintf(g.channel, sizeof(g.channel), "%s", p->channels[i].channel);
		snprintf(g.address, sizeof(g.address), "%s", p->channels[i].address);
		r = insert(d, &g, e);
		return r < 0 ? r : 1;
	}
	return 0;
}

static int after_failure(struct duty *d, const struct ring *g, struct err *e)
{
	struct ring other;
	int r = next_channel(d, g, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = ring_find(d, "WHERE alert = ? AND step = ? AND state < 3 LIMIT 1",
		      VALS(val_text(g->alert), val_i64(g->step)), &other, e);
	return r != 0 ? (r < 0 ? r : 0) : duty_alert_failed(d, g->alert, g->step, e);
}

int duty_rung(struct duty *d, uint64_t id, int result, const char *words, struct err *e)
{
	STORE_TXN(txn);
	struct ring g;
	int r = ring_find(d, "WHERE n = ?", VALS(val_u64(id)), &g, e);
	if (r <= 0 || g.state != RING_GOING)
		return r < 0 ? r : 0;
	r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = duty_changed(store_exec(
			d->s, "UPDATE duty_ring SET state = ?, why = ? WHERE n = ?",
			VALS(val_i64(result < 0 ? RING_NO : RING_SENT),
			     val_text(utf8_clean(words, strlen(words)) ? words : "?"), val_u64(id)),
			e));
	if (r >= 0 && result < 0)
		r = duty_audit(d, AUDIT_ALARM, "system", "duty.ring-failed", g.alert,
			       json_pack("{s:s, s:s}", "person", g.person, "channel", g.channel),
			       e);
	if (r >= 0 && result < 0)
		r = after_failure(d, &g, e);
	return r < 0 ? r : store_commit(&txn, e);
}

int duty_rings_void(struct duty *d, const char *alert, struct err *e)
{
	return duty_changed(
		store_exec(d->s, "UPDATE duty_ring SET state = ? WHERE alert = ? AND state < 3",
			   VALS(val_i64(RING_VOID), val_text(alert)), e));
}

int duty_rings_answered(struct duty *d, const char *alert, const char *officer, int64_t *ret_left,
			struct err *e)
{
	STORE_ROWS(rows);
	int64_t n = store_exec(
		d->s, "UPDATE duty_ring SET state = ? WHERE alert = ? AND person = ? AND state < 3",
		VALS(val_i64(RING_ANSWERED), val_text(alert), val_text(officer)), e);
	if (n < 0)
		return (int)n;
	int r = store_first(
		d->s,
		"SELECT COUNT(DISTINCT person) AS n FROM duty_ring WHERE alert = ? AND state < 3 AND person NOT LIKE 'contact:%'",
		VALS(val_text(alert)), &rows, e);
	if (r > 0)
		*ret_left = row_i64(&rows, "n");
	return r < 0 ? r : 0;
}

json_t *duty_rings_json(struct duty *d, const char *alert)
{
	static const char *const states[] = {"queued", "going",	   "sent",
					     "failed", "answered", "void"};
	json_t *list = json_array();
	STORE_ROWS(rows);
	int r = store_query(
		d->s,
		"SELECT at_s, person, channel, state, why FROM duty_ring WHERE alert = ? ORDER BY n",
		VALS(val_text(alert)), &rows, NULL);
	while (r >= 0 && (r = store_next(&rows, NULL)) > 0)
		json_array_append_new(list, json_pack("{s:o, s:s, s:s, s:s, s:s}", "at",
						      duty_time_json(row_i64(&rows, "at_s")),
						      "person", row_text(&rows, "person", NULL),
						      "channel", row_text(&rows, "channel", NULL),
						      "state", states[row_i64(&rows, "state") % 6],
						      "why", row_text(&rows, "why", NULL)));
	return list;
}

/* ---- answers ---- */

static int answer(struct duty *d, const char *alert, const char *officer, const char *how,
		  struct err *e)
{
	STORE_TXN(txn);
	struct duty_alert a;
	int r = store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0 && (r = duty_alert_load(d, alert, &a, e)) == 0)
		r = err_set(e, ERR_NOENT, "alert", "There is no such alert.");
	if (r >= 0 && a.state == DUTY_OVER)
		r = err_set(e, ERR_STALE, "alert", "This alert is over.");
	if (r >= 0)
		r = duty_alert_hold(d, &a, officer, how, e);
	return r < 0 ? r : store_commit(&txn, e);
}

int duty_answer_alert(struct duty *d, const char *officer, const char *alert, struct err *e)
{
	return answer(d, alert, officer, "console", e);
}

int duty_answer_token(struct duty *d, const char *token, bool peek,
		      char ret_text[static NOTIFY_TEXT_MAX + 1], struct err *e)
{
	uint8_t raw[DUTY_TOKEN_LEN], hash32[32];
	struct duty_alert a;
	struct ring g;
	int r = hex_decode(token, strlen(token), raw, sizeof(raw));
	if (r >= 0) {
		sha256(raw, sizeof(raw), hash32);
		r = ring_find(d, "WHERE token = ? AND state IN (1, 2) AND until_s > ?",
			      VALS(val_blob(hash32, 32), val_i64(duty_now(d))), &g, e);
	}
	if (r > 0)
		r = duty_alert_load(d, g.alert, &a, e);
	if (r == 0 || r == -ERR_FORMAT)
		return err_set(e, ERR_NOENT, "token",
			       "This link was used, is void, or is too old.");
	if (r < 0)
		return r;
	text_of(d, &g, &a, ret_text);
	return peek ? 0 : answer(d, g.alert, g.person, "link", e);
}

/* Five wrong codes in ten minutes: none is taken for the rest of them. */
static int codes_locked(struct duty *d, bool wrong)
{
	int64_t now = duty_now(d);
	if (now - d->codes.since_s >= CODES_WINDOW_S)
		d->codes = (struct duty_codes){.since_s = now};
	d->codes.wrong += wrong;
	return d->codes.wrong >= CODES_WRONG_MAX;
}

static int no_code(struct err *e)
{
	return err_set(e, ERR_NOENT, "code", "This code was used, is void, or is not one of ours.");
}

int duty_answer_code(struct duty *d, const char *officer, const char *address, const char *code,
		     struct err *e)
{
	struct ring g;
	if (codes_locked(d, false))
		return err_set(
			e, ERR_QUOTA, "code",
			"Too many wrong codes: try again in ten minutes, or use the console.");
	/* Whom nobody rang cannot answer, nor use up the tries of those who were. */
	int r = address ? ring_find(d,
				    "WHERE state < 3 AND state > 0 AND address = ? AND until_s > ?",
				    VALS(val_text(address), val_i64(duty_now(d))), &g, e)
			: 1;
	if (r <= 0)
		return r < 0 ? r : no_code(e);
	r = ring_find(d, "WHERE code = ? AND state IN (1, 2) AND until_s > ?",
		      VALS(val_text(code), val_i64(duty_now(d))), &g, e);
	if (r < 0)
		return r;
	if (r == 0 || !code[0] || (address && strcmp(address, g.address) != 0)) {
		(void)codes_locked(d, true);
		return no_code(e);
	}
	return answer(d, g.alert, officer ? officer : g.person, "code", e);
}
