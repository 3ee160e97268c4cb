/* SPDX-License-Identifier: Apache-2.0
 * Routes of the duty desk: JSON in and out, and the page behind a link. Rules and rows are in duty/duty.h. */
#include "base/text.h"
#include "base/time.h"
#include "lugd/lugd-int.h"

enum { ANSWERS_A_MINUTE = 60, DAYS_MAX = 366, PAGE_MAX = 4096 };

static struct duty *duty_of(const struct api_call *c)
{
	return lugd_of(c)->duty;
}

/* r comes from a statement of its own: the call that fills j must have returned before j is read. */
static int reply(struct api_call *c, int r, STEALS json_t *j, struct err *e)
{
	return r < 0 ? r : api_reply(c, j, e);
}

static int query_time(const struct api_call *c, const char *name, int64_t *ret, struct err *e)
{
	const char *s = api_query(c, name);
	*ret = 0;
	return s && time_parse(s, strlen(s), ret) < 0
		       ? err_set(e, ERR_FORMAT, name, "A time is written 2026-11-22T08:00:00Z.")
		       : 0;
}

/* ---- looking ---- */

int api_duty_show(struct api_call *c, struct err *e)
{
	json_t *out = NULL;
	int r = duty_show(duty_of(c), &out, e);
	if (r >= 0)
		json_object_set_new(out, "channels", channels_json(lugd_of(c)));
	return reply(c, r, out, e);
}

int api_duty_roster(struct api_call *c, struct err *e)
{
	json_t *out = NULL;
	int64_t from_s, until_s;
	int r = query_time(c, "from", &from_s, e);
	if (r >= 0)
		r = query_time(c, "until", &until_s, e);
	if (r >= 0)
		r = duty_roster(duty_of(c), api_query(c, "seat"), from_s, until_s, &out, e);
	return reply(c, r, out, e);
}

int api_duty_roster_ics(struct api_call *c, struct err *e)
{
	int64_t from_s, until_s;
	uint64_t json = 0;
	int r = query_time(c, "from", &from_s, e);
	if (r >= 0)
		r = query_time(c, "until", &until_s, e);
	if (r >= 0)
		r = api_query_u64(c, "json", 1, &json, e);
	buf_init(&c->raw, API_ARENA_MAX);
	if (r >= 0)
		r = duty_roster_ics(duty_of(c), api_query(c, "seat"), from_s, until_s, &c->raw, e);
	if (r >= 0 && json)
		return api_reply(c, json_pack("{s:s}", "ics", buf_cstr(&c->raw)), e);
	if (r >= 0)
		c->raw_type = "text/calendar; charset=utf-8";
	return r;
}

int api_duty_coverage(struct api_call *c, struct err *e)
{
	json_t *out = NULL;
	uint64_t days = 30;
	int r = api_query_u64(c, "days", DAYS_MAX, &days, e);
	if (r >= 0)
		r = duty_coverage(duty_of(c), days ? (int64_t)days : 1, &out, e);
	return reply(c, r, out, e);
}

int api_duty_alerts(struct api_call *c, struct err *e)
{
	json_t *out = NULL;
	uint64_t all = 0;
	int r = api_query_u64(c, "all", 1, &all, e);
	if (r >= 0)
		r = duty_alerts(duty_of(c), all, &out, e);
	return reply(c, r, out, e);
}

#define LOOK(name, function)                           \
	int name(struct api_call *c, struct err *e)    \
	{                                              \
		json_t *out = NULL;                    \
		int r = function(duty_of(c), &out, e); \
		return reply(c, r, out, e);            \
	}
LOOK(api_duty_ladder, duty_ladders)
LOOK(api_duty_members, duty_members)
LOOK(api_duty_drills, duty_drills)
#undef LOOK

/* ---- changing ---- */

#define CHANGE(name, function)                                    \
	int name(struct api_call *c, struct err *e)               \
	{                                                         \
		const struct actor a = lugd_actor(c);             \
		json_t *out = NULL;                               \
		int r = function(duty_of(c), &a, c->in, &out, e); \
		return reply(c, r, out, e);                       \
	}
CHANGE(api_duty_seat_set, duty_seat_set)
CHANGE(api_duty_person_set, duty_person_set)
CHANGE(api_duty_changes_add, duty_changes_add)
CHANGE(api_duty_absences_set, duty_absences_set)
CHANGE(api_duty_ladder_set, duty_ladder_set)
#undef CHANGE

int api_duty_seat_remove(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	return duty_seat_remove(duty_of(c), &a, api_param(c, 0), e);
}

int api_duty_change_remove(struct api_call *c, struct err *e)
{
	const struct actor a = lugd_actor(c);
	const char *id = api_param(c, 0);
	uint64_t n;
	if (dec_parse_u64(id, strlen(id), INT64_MAX, &n) < 0)
		return err_set(e, ERR_FORMAT, "id", "A change is named by its number.");
	return duty_change_remove(duty_of(c), &a, (int64_t)n, e);
}

int api_duty_verify(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"contact", NULL};
	const struct actor a = lugd_actor(c);
	json_t *out = NULL;
	int64_t contact = 0;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_int(c->in, "contact", 1, DIRECTORY_CONTACTS_MAX, &contact, e);
	if (r >= 0)
		r = duty_contact_verify(duty_of(c), &a, api_param(c, 0), contact, e);
	if (r >= 0)
		r = duty_members(duty_of(c), &out, e);
	return reply(c, r, out, e);
}

int api_duty_drill(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"peer", NULL};
	const struct actor a = lugd_actor(c);
	const char *peer = NULL;
	json_t *out = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "peer", 1, EXCHANGE_NAME_MAX, &peer, e);
	if (r >= 0)
		r = duty_drill(duty_of(c), &a, peer, &out, e);
	return reply(c, r, out, e);
}

int api_duty_answer(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"alert", "code", NULL};
	const char *alert = NULL, *code = NULL, *officer = c->who.officer;
	json_t *out = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_opt_str(c->in, "alert", 1, API_PATH_MAX, &alert, e);
	if (r >= 0)
		r = json_opt_str(c->in, "code", NOTIFY_CODE_LEN, NOTIFY_CODE_LEN, &code, e);
	if (r >= 0 && !alert == !code)
		r = err_set(e, ERR_FIELD_MISSING, "alert", "Give the alert or the code of a ring.");
	if (r >= 0)
		r = alert ? duty_answer_alert(duty_of(c), officer, alert, e)
			  : duty_answer_code(duty_of(c), officer, NULL, code, e);
	if (r >= 0)
		r = duty_alerts(duty_of(c), false, &out, e);
	return reply(c, r, out, e);
}

/* ---- members ---- */

int api_peer_duty(struct api_call *c, struct err *e)
{
	int r = duty_note_take(duty_of(c), c->who.peer, c->body, c->body_len, e);
	buf_init(&c->raw, DUTY_NOTE_MAX);
	if (r >= 0)
		r = duty_note_make(duty_of(c), &c->raw, e);
	if (r >= 0)
		c->raw_type = "application/vnd.lugdunum.duty";
	return r;
}

/* ---- the page behind a link ---- */

/* All callers together: a token cannot be guessed, and guessing must not cost the logic thread anything. */
static int answer_admit(struct lugd *d, struct err *e)
{
	int64_t now_ms = time_mono_ms();
	if (now_ms - d->answers_since_ms >= 60000) {
		d->answers_since_ms = now_ms;
		d->answers_n = 0;
	}
	return d->answers_n++ < ANSWERS_A_MINUTE ? 0 : err_set(e, ERR_QUOTA, NULL, NULL);
}

static void put_escaped(struct buf *b, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '<':
			buf_str(b, "&lt;");
			break;
		case '>':
			buf_str(b, "&gt;");
			break;
		case '&':
			buf_str(b, "&amp;");
			break;
		default:
			buf_u8(b, (uint8_t)*s);
		}
}

static int page(struct api_call *c, const char *text, const char *end)
{
	buf_init(&c->raw, PAGE_MAX);
	buf_str(&c->raw,
		"<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Lugdunum</title>"
		"<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; form-action 'self'\">"
		"</head><body><p>");
	put_escaped(&c->raw, text);
	buf_printf(&c->raw, "</p>%s</body></html>\n", end);
	c->raw_type = "text/html; charset=utf-8";
	return buf_err(&c->raw);
}

/* A form, not the answer itself: mail scanners and previews fetch links. */
int api_answer_page(struct api_call *c, struct err *e)
{
	char text[NOTIFY_TEXT_MAX + 1];
	int r = answer_admit(lugd_of(c), e);
	if (r >= 0)
		r = duty_answer_token(duty_of(c), api_param(c, 0), true, text, e);
	return r < 0 ? r
		     : page(c, text,
			    "<form method=\"post\"><button style=\"font-size:2em;padding:1em\">&#x2714; OK</button></form>");
}

int api_answer_take(struct api_call *c, struct err *e)
{
	char text[NOTIFY_TEXT_MAX + 1];
	int r = answer_admit(lugd_of(c), e);
	if (r >= 0)
		r = duty_answer_token(duty_of(c), api_param(c, 0), false, text, e);
	return r < 0 ? r : page(c, text, "<p>&#x2714;</p>");
}
