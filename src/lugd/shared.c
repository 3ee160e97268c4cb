/* SPDX-License-Identifier: Apache-2.0
 * Several daemons of one node on one store (docs/postgresql.md): units of work, leases, and what the others have changed.
 *
 * A unit of work is one transaction of the store's one writer around a call or a turn of the logic, so that what is read in it
 * is still true when it writes. What is to be sent waits until the unit is committed: nothing leaves this machine that could
 * still be undone. With a store of its own a daemon needs none of this, and units do nothing. */
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "lugd/lugd-int.h"

/* Given up LEASE_SLACK_MS before its end: clocks run at slightly different speeds. */
enum {
	LEASE_LIFE_MS = 6000,
	LEASE_SLACK_MS = 1500,
	FOLLOW_MS = 5000, /* how often the log's folder is brought up to date */
};

void shared_init(struct lugd *d)
{
	struct shared *sh = &d->shared;
	uint8_t id[8];
	sh->on = !store_is_file(d->conf.store.text);
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), sh->holder);
}

/* ---- units of work ---- */

int unit_begin(struct lugd *d, struct err *e)
{
	struct shared *sh = &d->shared;
	if (!sh->on)
		return 0;
	return store_begin(d->store, STORE_WRITE, &sh->txn, e);
}

static void post_free(struct shared_post *p)
{
	free(p->bytes);
	free(p);
}

/* What was put off is posted, or, when the unit was undone, has failed. */
static void release_posts(struct lugd *d, bool done)
{
	struct shared *sh = &d->shared;
	for (struct shared_post *p = TAKE_PTR(sh->posts), *next; p; p = next) {
		next = p->next;
		struct err e = {0};
		int r = done ? env_post(d, p->peer, p->kind, p->bytes, p->len, p->send_id, &e)
			     : -ERR_BUSY;
		if (r < 0 && exchange_sent(d->exchange, p->send_id, 0, NULL, 0, &e) < 0)
			log_unusual("exchange", "a failure could not be written down: %s",
				    e.message);
		post_free(p);
	}
}

int unit_end(struct lugd *d, struct err *e)
{
	struct shared *sh = &d->shared;
	if (!sh->txn.store)
		return 0;
	int r = store_commit(&sh->txn, e);
	release_posts(d, r >= 0);
	return r;
}

bool unit_open(const struct lugd *d)
{
	return d->shared.txn.store;
}

int unit_post(struct lugd *d, const char *peer, enum exchange_kind kind, const void *bytes,
	      size_t len, uint64_t send_id)
{
	struct shared_post *p = calloc(1, sizeof(*p)), **last = &d->shared.posts;
	uint8_t *copy = malloc(len + 1);
	if (!p || !copy) {
		free(p);
		free(copy);
		return -ERR_NOMEM;
	}
	if (len)
		memcpy(copy, bytes, len);
	*p = (struct shared_post){.kind = kind, .bytes = copy, .len = len, .send_id = send_id};
	snprintf(p->peer, sizeof(p->peer), "%s", peer);
	while (*last)
		last = &(*last)->next;
	*last = p;
	return 0;
}

/* ---- leases ---- */

static struct shared_lease *lease_of(struct shared *sh, const char *name)
{
	for (size_t i = 0; i < sh->leases_n; i++)
		if (!strcmp(sh->leases[i].name, name))
			return &sh->leases[i];
	if (sh->leases_n == SHARED_LEASES_MAX)
		return NULL;
	struct shared_lease *l = &sh->leases[sh->leases_n++];
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}

static bool lease_held(const struct shared_lease *l)
{
	return l && time_mono_ms() < l->until_ms;
}

bool shared_leads(struct lugd *d, const char *name)
{
	return !d->shared.on || lease_held(lease_of(&d->shared, name));
}

/* How long a lease is ours is counted from before it was asked for. */
static int take(struct lugd *d, const char *name, struct err *e)
{
	struct shared_lease *l = lease_of(&d->shared, name);
	int64_t asked_ms = time_mono_ms();
	if (!l)
		return err_set(e, ERR_OVERSIZE, "lease", NULL);
	bool before = lease_held(l);
	int r = store_lease_take(d->store, name, d->shared.holder, LEASE_LIFE_MS, e);
	if (r < 0)
		return r;
	l->until_ms = r ? asked_ms + LEASE_LIFE_MS - LEASE_SLACK_MS : 0;
	if (before != lease_held(l))
		log_info("shared", "lease=\"%s\" %s", name, r ? "taken" : "held by another daemon");
	return 0;
}

static int take_all(struct lugd *d, struct err *e)
{
	const struct directory_members *m = directory_members(exchange_directory(d->exchange));
	char name[SHARED_LEASE_MAX];
	STORE_TXN(txn);
	int r = store_begin(d->store, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = take(d, SHARED_AUDIT, e);
	if (r >= 0)
		r = take(d, SHARED_DUTY, e);
	for (size_t i = 0; r >= 0 && m && i < m->members_n; i++) {
		if (!strcmp(m->members[i].name, lugd_node(d)))
			continue;
		(void)snprintf(name, sizeof(name), SHARED_STREAM "%s", m->members[i].name);
		r = take(d, name, e);
	}
	return r < 0 ? r : store_commit(&txn, e);
}

/* Leases that could not be confirmed are not ours. */
static void drop_all(struct shared *sh)
{
	for (size_t i = 0; i < sh->leases_n; i++)
		sh->leases[i].until_ms = 0;
}

json_t *shared_json(struct lugd *d)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	for (size_t i = 0; list && i < d->shared.leases_n; i++)
		if (lease_held(&d->shared.leases[i]) &&
		    json_array_append_new(list, json_string(d->shared.leases[i].name)) < 0)
			return NULL;
	return TAKE_PTR(list);
}

/* ---- by the clock ---- */

/* One appender of the audit log; the others bring their folders up to what it has signed, to take its place at any time. */
static void follow_audit(struct lugd *d, int64_t now_ms)
{
	struct err e = {0};
	bool leads = shared_leads(d, SHARED_AUDIT), took = leads && !d->shared.led_audit;
	d->shared.led_audit = leads;
	if (!took && (leads || now_ms < d->shared.follow_due_ms))
		return;
	d->shared.follow_due_ms = now_ms + FOLLOW_MS;
	d->audit = audit_log_close(d->audit);
	if (keys_audit_open(d, &e) >= 0)
		return;
	log_broken("audit", "the log signed by another daemon cannot be taken over: %s", e.message);
	d->shared.led_audit = false; /* tried again */
}

void shared_tick(struct lugd *d, int64_t now_ms)
{
	struct err e = {0};
	if (!d->shared.on)
		return;
	int r = take_all(d, &e);
	if (r < 0) {
		drop_all(&d->shared);
		log_unusual("shared", "no lease can be taken: %s", e.message);
		return;
	}
	if (exchange_follow(d->exchange, &e) < 0)
		log_unusual("shared", "the directory cannot be read: %s", e.message);
	duty_follow(d->duty);
	follow_audit(d, now_ms);
}

void shared_leave(struct lugd *d)
{
	struct err e = {0};
	release_posts(d, false);
	if (d->shared.on && d->store && store_lease_leave(d->store, d->shared.holder, &e) < 0)
		log_unusual("shared", "leases run out by themselves: %s", e.message);
}
