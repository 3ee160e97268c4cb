/* SPDX-License-Identifier: Apache-2.0
 * Is the clock to be trusted with what cannot be undone? Only when it has run for days without a jump (docs/protocol/keyd.md 3). */
#include "base/file.h"
#include "keyd/vault-int.h"
#include "wire/note.h"

#define CLOCK_TYPE NOTE_TYPE_PREFIX "clock/v1"
enum {
	CLOCK_FILE_MAX = 256,
	CLOCK_STEADY_S = 3 * DAY_S,
	CLOCK_GAP_S = 2 * DAY_S, /* looked at less often: not seen to run */
	CLOCK_BACK_S = 60,	 /* what a time service may correct */
	CLOCK_KEEP_S = 3600,	 /* the file is at most so old */
};

void vault_clock_load(struct vault *v)
{
	char path[VAULT_PATH_MAX];
	struct note_reader r;
	_cleanup_(buf_done) struct buf b;
	buf_init(&b, CLOCK_FILE_MAX);
	v->clock = (struct vault_clock){0};
	if (vault_path(v->folder, "clock", path) < 0 || file_read(path, &b, NULL) < 0)
		return;
	note_reader_init(&r, b.p, b.len, CLOCK_TYPE);
	int64_t since_s = note_get_time(&r, "since"), seen_s = note_get_time(&r, "seen");
	if (note_reader_end(&r, NULL) == 0 && since_s <= seen_s)
		v->clock = (struct vault_clock){since_s, seen_s, seen_s};
}

static int keep(struct vault *v, struct err *e)
{
	char path[VAULT_PATH_MAX];
	struct note_writer w;
	_cleanup_(buf_done) struct buf b;
	buf_init(&b, CLOCK_FILE_MAX);
	note_writer_init(&w, &b, CLOCK_TYPE);
	note_put_time(&w, "since", v->clock.since_s);
	note_put_time(&w, "seen", v->clock.seen_s);
	int r = note_writer_end(&w);
	if (r >= 0)
		r = vault_path(v->folder, "clock", path);
	if (r < 0)
		return err_set(e, r, "clock", NULL);
	r = file_write(path, b.p, b.len, 0600, e);
	if (r >= 0)
		v->clock.kept_s = v->clock.seen_s;
	return r;
}

int vault_clock_look(struct vault *v, int64_t now_s, struct err *e)
{
	struct vault_clock *c = &v->clock;
	bool ran =
		c->seen_s && now_s >= c->seen_s - CLOCK_BACK_S && now_s - c->seen_s <= CLOCK_GAP_S;
	if (!ran)
		c->since_s = now_s;
	c->seen_s = now_s;
	if (!ran || now_s - c->kept_s >= CLOCK_KEEP_S) {
		int r = keep(v, e);
		if (r < 0)
			return r;
	}
	return now_s - c->since_s >= CLOCK_STEADY_S;
}
