/* SPDX-License-Identifier: Apache-2.0
 * The snapshot of the ledger that questions are answered from. */
#include "base/time.h"
#include "chain/network.h"
#include "ledger/entity.h"
#include "ledger/label.h"
#include "ledger/ledger.h"
#include "lugd/questions-int.h"
#include <string.h>

enum { IDLE_MS = 1000, CHECK_MS = 200 };

static struct timespec changed_at(const char *dir, const char *name, ino_t *ret_ino)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n >= (int)sizeof(path) || stat(path, &st) < 0)
		return (struct timespec){0};
	if (ret_ino)
		*ret_ino = st.st_ino;
	return st.st_mtim;
}

/* A manifest is replaced by rename, files of labels and entities come and go in their folders. */
static struct stamp stamp_of(const char *dir)
{
	struct stamp s = {0};
	s.manifest = changed_at(dir, "manifest", &s.manifest_ino);
	s.labels = changed_at(dir, "labels", NULL);
	s.entities = changed_at(dir, ".", NULL);
	return s;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return same_time(a->manifest, b->manifest) && same_time(a->labels, b->labels) &&
	       same_time(a->entities, b->entities) && a->manifest_ino == b->manifest_ino;
}

int snapshot_open(const char *dir, struct snapshot_held **ret, struct err *e)
{
	_cleanup_(snapshot_unrefp) struct snapshot_held *h = calloc(1, sizeof(*h));
	char labels[PATH_MAX];
	struct err why = {0};
	if (!h)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	h->users = 1;
	h->stamp = stamp_of(dir);
	if (snprintf(labels, sizeof(labels), "%s/labels", dir) >= (int)sizeof(labels))
		return err_set(e, ERR_OVERSIZE, "ledger", "The folder's path is too long.");
	int r = ledger_open(dir, &h->s.ledger, e);
	if (r == 0)
		r = labels_open(labels, network_net(ledger_network(h->s.ledger)), &h->s.labels, e);
	if (r < 0)
		return r;
	r = entities_open(dir, h->s.ledger, 0, &h->s.entities, &why);
	if (r < 0 && r != -ERR_NOENT)
		return err_set(e, r, "entities", "%s", why.message);
	*ret = TAKE_PTR(h);
	return 0;
}

struct snapshot_held *snapshot_unref(struct snapshot_held *h)
{
	if (!h || atomic_fetch_sub(&h->users, 1) != 1)
		return NULL;
	entities_close(h->s.entities);
	labels_close(h->s.labels);
	ledger_close(h->s.ledger);
	free(h);
	return NULL;
}

int questions_look(struct questions *q, int64_t now_ms, const struct snapshot **ret_s,
		   struct err *e)
{
	struct snapshot_held *next = NULL;
	if (!q->dir[0])
		return err_set(e, ERR_NOENT, "ledger",
			       "This node has no ledger: set `ledger` in lugdunum.conf.");
	if (q->held && now_ms - q->checked_ms >= CHECK_MS) {
		q->checked_ms = now_ms;
		struct stamp now = stamp_of(q->dir);
		if (!same_stamp(&now, &q->held->stamp))
			q->held = snapshot_unref(q->held);
	}
	q->looked_ms = now_ms;
	if (!q->held) {
		int r = snapshot_open(q->dir, &next, e);
		if (r < 0)
			return r;
		q->held = next;
	}
	*ret_s = &q->held->s;
	return 0;
}

void questions_tick(struct questions *q, int64_t now_ms)
{
	if (q->held && now_ms - q->looked_ms >= IDLE_MS)
		q->held = snapshot_unref(q->held);
}
