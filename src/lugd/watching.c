/* SPDX-License-Identifier: Apache-2.0
 * The watch beside the ledger: its store, which the follower writes while lugd reads, and what is new there. */
#include "base/time.h"
#include "lugd/lugd-int.h"
#include "watch/watch.h"
#include <limits.h>
#include <unistd.h>

enum { BUSY_MS = 2000 /* the follower holds the store for a block's time, at most */ };

static int store_path(const struct lugd *d, char out[static PATH_MAX], struct err *e)
{
	char dir[CONF_TEXT_MAX + 1];
	bool own = d->conf.watch.text[0];
	if (!own && !d->conf.ledger.text[0])
		return err_set(e, ERR_NOENT, "ledger",
			       "This node has no ledger: set `ledger` in lugdunum.conf.");
	int r = conf_path(&d->conf, own ? &d->conf.watch : &d->conf.ledger, dir);
	if (r < 0 || snprintf(out, PATH_MAX, "%s%s", dir, own ? "" : "/watch.db") >= PATH_MAX)
		return err_set(e, ERR_OVERSIZE, "watch", "The path of the watch is too long.");
	return 0;
}

int watching_open(struct lugd *d, bool make, struct store **ret, struct err *e)
{
	char path[PATH_MAX];
	*ret = d->watching.store;
	if (*ret)
		return 0;
	int r = store_path(d, path, e);
	if (r < 0 || (!make && access(path, F_OK) < 0))
		return r;
	_cleanup_(store_closep) struct store *s = NULL;
	r = store_open(path, &(const struct store_options){.busy_ms = BUSY_MS}, &s, e);
	if (r >= 0)
		r = watch_tables(s, time_now_ms() / 1000, e);
	if (r < 0)
		return r;
	*ret = d->watching.store = TAKE_PTR(s);
	return 0;
}

void watching_close(struct lugd *d)
{
	d->watching.store = store_close(d->watching.store);
}

void watching_tick(struct lugd *d)
{
	struct watching *w = &d->watching;
	struct err none = {0};
	struct store *s = NULL;
	int64_t changed = 0, open = 0;
	if (!d->browser_server || watching_open(d, false, &s, &none) < 0 || !s ||
	    watch_changes(s, &changed, &open, &none) < 0)
		return; /* whoever asks for it is told what is wrong */
	if (changed != w->changed || open != w->open)
		browser_tell(d);
	w->changed = changed;
	w->open = open;
}
