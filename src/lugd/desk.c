/* SPDX-License-Identifier: Apache-2.0
 * The outside of duty as the daemon gives it: zoneinfo files, channels, posts to members, alarms. */
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "lugd/lugd-int.h"

static int zone(void *ctx, const char *name, struct tz **ret)
{
	return tz_open(name, ret, NULL);
}

static int ask(void *ctx, const char *peer, const void *note, size_t len)
{
	struct lugd *d = ctx;
	d->duty_flight = (d->duty_flight + 1) | ENV_DUTY_FLIGHT;
	return env_post_to(d, peer, "/x/v1/duty", "application/vnd.lugdunum.duty", note, len,
			   d->duty_flight, NULL);
}

static void alarmed(void *ctx, bool wake, const char *text)
{
	lugd_alarm(ctx, wake, "%s", text);
}

/* Names of the setting, separated by spaces. */
static int read_watchers(const char *text, struct duty_options *o, struct err *e)
{
	char names[CONF_TEXT_MAX + 1], *save = NULL;
	snprintf(names, sizeof(names), "%s", text);
	for (char *w = strtok_r(names, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (o->watchers_n == DUTY_WATCHERS_MAX || strlen(w) > EXCHANGE_NAME_MAX ||
		    !name_valid(w, strlen(w)))
			return err_set(e, ERR_INVAL, "watchers", "At most %d names of members.",
				       DUTY_WATCHERS_MAX);
		snprintf(o->watchers[o->watchers_n++], sizeof(o->watchers[0]), "%s", w);
	}
	return 0;
}

int desk_open(struct lugd *d, struct err *e)
{
	struct duty_options o = {.drills = d->conf.drills.number};
	d->duty_env = (struct duty_env){d, zone, channels_ring, channels_work, ask, alarmed};
	int r = read_watchers(d->conf.watchers.text, &o, e);
	if (r >= 0 && strlen(d->conf.answer_url.text) >= sizeof(o.answer_url))
		r = err_set(e, ERR_OVERSIZE, "answer_url", NULL);
	if (r < 0)
		return r;
	memcpy(o.answer_url, d->conf.answer_url.text, strlen(d->conf.answer_url.text) + 1);
	r = channels_open(d, e);
	return r < 0 ? r : duty_open(d->exchange, d->requests, &d->duty_env, &o, &d->duty, e);
}

void desk_close(struct lugd *d)
{
	channels_close(d);
	d->duty = duty_close(d->duty);
}

/* Of several daemons on one store, one rings. */
void desk_poll(struct lugd *d)
{
	struct err e = {0};
	if (!shared_leads(d, SHARED_DUTY))
		return;
	int r = unit_begin(d, &e);
	if (r >= 0)
		r = duty_poll(d->duty, &e);
	int end = unit_end(d, r < 0 ? NULL : &e);
	if (r < 0 || end < 0)
		log_unusual("duty", "the desk is put off: %s", e.message);
	else if (r > 0)
		d->dirty = true;
}

void desk_rung(struct lugd *d, uint64_t id, int result, const char *words)
{
	struct err e = {0};
	int r = unit_begin(d, &e);
	if (r >= 0)
		r = duty_rung(d->duty, id, result, words, &e);
	int end = unit_end(d, r < 0 ? NULL : &e);
	if (r < 0 || end < 0)
		log_unusual("duty", "an outcome could not be kept: %s", e.message);
	d->dirty = true;
}

void desk_reply(struct lugd *d, const char *address, const char *code)
{
	struct err e = {0};
	int r = unit_begin(d, &e);
	if (r >= 0)
		r = duty_answer_code(d->duty, NULL, address, code, &e);
	int end = unit_end(d, r < 0 ? NULL : &e);
	if (r < 0 || end < 0)
		log_unusual("duty", "a reply was not taken: %s", e.message);
	d->dirty = true;
}
