/* SPDX-License-Identifier: Apache-2.0
 * The demo's duty desks: a channel program and a roster on each node, and the ring that the FLASH sets off, read from the spool of the
 * SMS gateway and answered by its code. */
#include "base/file.h"
#include "base/time.h"
#include "lug/demo-play.h"
#include <dirent.h>
#include <string.h>

enum { RING_MS = 30000, CODE_LEN = 6, REFERENCE_LEN = 13, FILE_MAX = 8192 };

static const char *spool_of(struct demo *d, enum demo_node_id n)
{
	return demo_path(d, "sms-%s", d->node[n].name);
}

int duty_channels(struct play *p, enum demo_node_id n, struct err *e)
{
	struct demo *d = &p->d;
	const char *spool = spool_of(d, n);
	const char *text = arena_printf(&d->arena, "sms lug-notify-spool dir=%s\n", spool);
	const char *file = arena_printf(&d->arena, "%s/notify.conf", d->node[n].dir);
	int r = spool && text && file ? file_mkdirs(spool, 0700, e) : -ERR_NOMEM;
	return r < 0 ? r : file_write(file, text, strlen(text), 0600, e);
}

/* One officer on duty all week, who is also whom a gap would fall back to. */
int duty_staff(struct play *p, enum demo_node_id n, struct err *e)
{
	static const char *const zones[DEMO_NODES] = {"Europe/Rome", "Europe/Paris", "Asia/Tokyo"};
	static const char *const languages[DEMO_NODES] = {"it", "fr", "ja"};
	struct demo *d = &p->d;
	const char *text = arena_printf(
		&d->arena,
		"{\"people\": [{\"officer\": \"" OFFICER
		"\", \"languages\": [\"%s\", \"en\"], \"channels\": [{\"channel\": \"sms\", "
		"\"address\": \"+000000000\"}]}], \"seats\": [{\"seat\": \"duty\", \"zone\": \"%s\", \"flash\": true, \"fallback\": \"" OFFICER
		"\", \"languages\": [\"%s\"], \"layers\": [{\"layer\": \"week\", \"rotation\": \"weekly\", \"handoff\": \"08:00\", "
		"\"from\": \"2026-01-05\", \"people\": [\"" OFFICER "\"]}]}]}\n",
		languages[n], zones[n], languages[n]);
	const char *file = arena_printf(&d->arena, "roster-%s.json", d->node[n].name);
	int r = text && file ? demo_save(d, file, text, e) : -ERR_NOMEM;
	return r < 0 ? r
		     : demo_as(d, n, OFFICER,
			       (const char *[]){"duty", "roster", "import",
						demo_path(d, "%s", file), NULL},
			       NULL, e);
}

/* ---- the ring ---- */

struct ring {
	struct play *p;
	char code[CODE_LEN + 1];
};

/* The code of a file of the spool, if it is about this request: it ends with "[482913]". */
static bool code_in(const char *path, const char *request, char code[static CODE_LEN + 1])
{
	_cleanup_(buf_done) struct buf b;
	char reference[REFERENCE_LEN + 1];
	buf_init(&b, FILE_MAX);
	snprintf(reference, sizeof(reference), "%.*s", REFERENCE_LEN, request);
	if (file_read(path, &b, NULL) < 0 || !strstr(buf_cstr(&b), reference))
		return false;
	const char *end = strrchr(buf_cstr(&b), '[');
	if (!end || strspn(end + 1, "0123456789") != CODE_LEN)
		return false;
	memcpy(code, end + 1, CODE_LEN);
	code[CODE_LEN] = 0;
	return true;
}

/* Answers by each code that is there: after a crash the ring came again with a new one, and the old one is void. */
static int is_answered(struct demo *d, void *arg, struct err *e)
{
	struct ring *ring = arg;
	const char *spool = spool_of(d, DEMO_FR);
	DIR *dir = opendir(spool);
	int done = 0;
	for (struct dirent *f; dir && !done && (f = readdir(dir));) {
		struct err refused = {0};
		const char *path = arena_printf(&d->arena, "%s/%s", spool, f->d_name);
		if (path && code_in(path, ring->p->freeze, ring->code))
			done = demo_as(d, DEMO_FR, OFFICER,
				       (const char *[]){"duty", "answer", ring->code, NULL}, NULL,
				       &refused) == 0;
	}
	if (dir)
		closedir(dir);
	return done;
}

int play_ack(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	struct ring ring = {p, ""};
	json_t *j = NULL;
	demo_begin(d, "Paris: it rings, the duty officer answers with the code of the message");
	int r = demo_wait(d, RING_MS, is_answered, &ring, e);
	if (r == 0)
		r = demo_as(d, DEMO_FR, OFFICER,
			    (const char *[]){"request", "show", p->freeze, NULL}, &j, e);
	if (r == 0 && strcmp(demo_str(j, "state"), "ACKNOWLEDGED") != 0)
		r = err_set(e, -ERR_TRANSITION, "state", "the request is %s", demo_str(j, "state"));
	return demo_end(
		d, r, 0, e,
		"rung through lug-notify-spool, code %s; receipt R3: a human has it, both clocks stop",
		ring.code);
}
