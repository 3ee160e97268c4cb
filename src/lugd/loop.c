/* SPDX-License-Identifier: Apache-2.0
 * The loop of the logic thread: jobs, answers of peers, clocks, signals; one epoll for all of it. */
#include "base/log.h"
#include "base/time.h"
#include "exchange/request-erase.h"
#include "lugd/lugd-int.h"
#include "lugd/questions.h"
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum {
	EVENTS_MAX = 8,
	RETRY_MS = 1000, /* after the store refused work */
	PINS_TICKS =
		10, /* pins are taken over at least every so many ticks: notes come into force by the clock */
};

static void do_reload(struct lugd *d)
{
	const char *kept;
	struct err e = {0};
	notify_systemd("RELOADING=1");
	int n = lugd_reread(d, &kept, &e);
	if (n < 0)
		log_unusual("lugd", "configuration not read, the old one stays: %s", e.message);
	else
		log_info("lugd", "configuration read changed=%d%s%s", n,
			 kept ? " needs_restart=" : "", kept ? kept : "");
	notify_systemd("READY=1");
}

static void take_signals(struct lugd *d)
{
	struct signalfd_siginfo info;
	while (read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			d->reload = true;
		else
			d->stop = true;
	}
}

static void run_jobs(struct lugd *d)
{
	for (struct http_job *job = queue_take(&d->queue), *next; job; job = next) {
		next = job->next; /* the job is gone when it is done */
		dispatch_job(d, job);
	}
}

/* Work of the logic that is due, or that a call has left. Pins follow at once, so that a new member can call. */
static void poll_logic(struct lugd *d)
{
	struct err e = {0};
	int64_t now_ms = time_mono_ms();
	if (!d->dirty && now_ms < d->poll_due_ms)
		return;
	bool refresh = d->dirty;
	d->dirty = false;
	if (refresh)
		browser_tell(d);
	int r = unit_begin(d, &e);
	if (r >= 0)
		r = exchange_poll(d->exchange, &e);
	int end = unit_end(d, r < 0 ? NULL : &e);
	r = r < 0 ? r : end;
	if (refresh)
		desk_poll(d); /* what a call or a peer has changed may ring someone */
	if (r >= 0 && refresh)
		r = pins_refresh(d, &e);
	if (r < 0)
		log_unusual("exchange", "work is put off: %s", e.message);
	now_ms = time_mono_ms();
	d->poll_due_ms = exchange_next_due(d->exchange);
	if (r < 0 && d->poll_due_ms < now_ms + RETRY_MS)
		d->poll_due_ms = now_ms + RETRY_MS;
}

/* What has happened goes into the audit log's tree: by one daemon, and only while no witness has seen more of it. */
static void seal(struct lugd *d, int64_t now_ms)
{
	struct err e = {0};
	if (!shared_leads(d, SHARED_AUDIT) || !witness_may_seal(d) || !d->audit)
		return;
	if (audit_log_tick(d->audit, now_ms, &e) < 0)
		log_broken("audit", "entries cannot be sealed: %s", e.message);
}

static void poll_requests(struct lugd *d)
{
	struct err e = {0};
	int rings = unit_begin(d, &e);
	if (rings >= 0)
		rings = requests_poll(d->requests, &e);
	int end = unit_end(d, rings < 0 ? NULL : &e);
	if (rings < 0 || end < 0)
		log_unusual("request", "clocks are put off: %s", e.message);
	else if (rings > 0)
		d->dirty = true; /* an expiry may have posted */
}

/* As many as one call takes; the rest an hour later. */
static void retire_requests(struct lugd *d)
{
	struct err e = {0};
	int n = requests_retire(d->requests, &e);
	if (n < 0)
		log_unusual("request", "what is over is not erased: %s", e.message);
	else if (n > 0)
		log_info("request", "erased at the end of retention requests=%d", n);
}

static void tick(struct lugd *d)
{
	struct err e = {0};
	int64_t now_ms = time_mono_ms();
	if (now_ms < d->tick_due_ms)
		return;
	d->tick_due_ms = now_ms + TICK_MS;
	shared_tick(d, now_ms);
	questions_tick(d->questions, now_ms);
	seal(d, now_ms);
	witness_tick(d, now_ms);
	if (now_ms / TICK_MS % PINS_TICKS == 0) {
		if (pins_refresh(d, &e) < 0)
			log_unusual("lugd", "pins cannot be taken over: %s", e.message);
		own_note_check(d, false);
	}
	poll_requests(d);
	browser_tick(d);
	watching_tick(d);
	desk_poll(d);
	if (getenv("WATCHDOG_USEC"))
		notify_systemd("WATCHDOG=1");
	if (now_ms >= d->keys_due_ms) {
		d->keys_due_ms = now_ms + d->conf.key_check_s.number * 1000;
		keys_maintain(d);
		retire_requests(d);
		own_note_check(d, true);
	}
}

static int until_next_ms(const struct lugd *d)
{
	int64_t due_ms = d->tick_due_ms, peers_ms = http_peers_due_ms(d->peers);
	if (d->dirty)
		return 0;
	if (d->poll_due_ms < due_ms)
		due_ms = d->poll_due_ms;
	if (peers_ms < due_ms)
		due_ms = peers_ms;
	int64_t wait_ms = due_ms - time_mono_ms();
	return wait_ms < 0 ? 0 : wait_ms > TICK_MS ? TICK_MS : (int)wait_ms;
}

static int watch(struct lugd *d, int fd, struct err *e)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
	if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_set(e, err_errno(errno), NULL, "Cannot watch a descriptor: %s",
			       strerror(errno));
	return 0;
}

/* One turn: wait, then whatever is ready; a job before the clocks, since a person waits for it. */
static int turn(struct lugd *d, struct err *e)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(d->epoll_fd, events, EVENTS_MAX, until_next_ms(d));
	if (n < 0 && errno != EINTR)
		return err_set(e, err_errno(errno), NULL, "Waiting failed: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		if (events[i].data.fd == d->signal_fd)
			take_signals(d);
	run_jobs(d);
	http_peers_run(d->peers);
	channels_run(d);
	poll_logic(d);
	tick(d);
	if (d->reload) {
		d->reload = false;
		do_reload(d);
	}
	return 0;
}

int lugd_loop(struct lugd *d, struct err *e)
{
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll_fd < 0)
		return err_set(e, err_errno(errno), NULL, "Cannot make an epoll descriptor: %s",
			       strerror(errno));
	int r = watch(d, d->signal_fd, e);
	if (r >= 0)
		r = watch(d, d->queue.event_fd, e);
	if (r >= 0)
		r = watch(d, http_peers_fd(d->peers), e);
	d->keys_due_ms = time_mono_ms() + d->conf.key_check_s.number * 1000;
	d->dirty = true;
	while (r >= 0 && !d->stop)
		r = turn(d, e);
	close(d->epoll_fd);
	return r;
}

int lugd_reread(struct lugd *d, const char **ret_kept, struct err *e)
{
	struct conf *next = calloc(1, sizeof(*next));
	*ret_kept = NULL;
	if (!next)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = conf_load(d->conf_path, next, e);
	if (r >= 0)
		r = conf_reload(&d->conf, next, ret_kept);
	free(next);
	if (r < 0)
		return r;
	log_level_set((enum log_level)d->conf.log_level.number);
	http_peers_limits(d->peers, d->conf.connect_timeout_ms.number,
			  d->conf.transfer_timeout_ms.number);
	return r;
}
