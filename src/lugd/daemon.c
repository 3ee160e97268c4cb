/* SPDX-License-Identifier: Apache-2.0
 * Start and stop of the daemon: each part is opened over the one before it and closed in the reverse order. */
#include "access/access.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "lugd/casefile.h"
#include "lugd/handover.h"
#include "lugd/lugd-int.h"
#include "lugd/questions.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>

struct store *lugd_store(const struct lugd *d)
{
	return d->store;
}

struct exchange *lugd_exchange(const struct lugd *d)
{
	return d->exchange;
}

struct requests *lugd_requests(const struct lugd *d)
{
	return d->requests;
}

const char *lugd_node(const struct lugd *d)
{
	return d->conf.node.text;
}

const char *lugd_folder(const struct lugd *d)
{
	return d->folder;
}

struct actor lugd_actor(const struct api_call *c)
{
	return (struct actor){
		.officer = c->who.officer, .roles = c->who.roles, .node = lugd_node(lugd_of(c))};
}

void lugd_alarm(struct lugd *d, bool wake, const char *fmt, ...)
{
	struct alarm *a = &d->alarms[d->alarms_n++ % ALARMS_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(a->text, sizeof(a->text), fmt, ap);
	va_end(ap);
	utf8_repair(a->text);
	a->time_s = time_now_ms() / 1000;
	a->wake = wake;
	log_line(wake ? LOG_BROKEN : LOG_UNUSUAL, "exchange", "%s", a->text);
}

/* ---- folder, lock, store ---- */

static int lock_folder(struct lugd *d, struct err *e)
{
	char path[CONF_TEXT_MAX + 16], pid[24];
	int n = snprintf(path, sizeof(path), "%s/lugd.pid", d->folder);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(e, ERR_OVERSIZE, "data", NULL);
	d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock_fd < 0)
		return err_set(e, err_errno(errno), "data", "Cannot write in %s: %s", d->folder,
			       strerror(errno));
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_BUSY, "data", "Another lugd uses %s; stop it first.",
			       d->folder);
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(d->lock_fd, 0) < 0 || fd_write_all(d->lock_fd, pid, (size_t)n) < 0)
		return err_set(e, ERR_IO, "data", "Cannot write %s.", path);
	return 0;
}

static int open_folder(struct lugd *d, bool make, struct err *e)
{
	int r = conf_path(&d->conf, &d->conf.data, d->folder);
	if (r >= 0)
		r = conf_path(&d->conf, &d->conf.socket, d->socket);
	if (r < 0)
		return err_set(e, r, "data", "The path of the data folder is too long.");
	if (make)
		r = file_mkdirs(d->folder, 0700, e);
	return r < 0 ? r : lock_folder(d, e);
}

static int open_store(struct lugd *d, struct err *e)
{
	const struct store_schema *const schemas[] = {
		store_lease_schema(), audit_schema(),	exchange_schema(),
		request_schema(),     duty_schema(),	&officer_schema,
		access_schema(),      &casefile_schema, &handover_schema};
	char path[CONF_TEXT_MAX + 1];
	const char *where = d->conf.store.text;
	int r = 0;
	if (store_is_file(where)) {
		r = conf_path(&d->conf, &d->conf.store, path);
		where = path;
	}
	r = r < 0 ? err_set(e, r, "store", "The path of the store is too long.")
		  : store_open(where, NULL, &d->store, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(schemas); i++) {
		r = store_migrate(d->store, schemas[i], time_now_ms() / 1000, e);
		if (r > 0)
			log_info("store", "tables brought up to date module=%s steps=%d",
				 schemas[i]->module, r);
	}
	return r < 0 ? r : officers_own_store(d, e);
}

/* ---- logic ---- */

/* What the clocks of requests say; what arrives and what is late wakes someone. */
static void on_ring(void *ctx, const struct request_alarm *a)
{
	static const char *const what[] = {
		[RING_ARRIVED] = "request has arrived",
		[RING_EVENT] = "request goes on",
		[RING_LATE] = "request is late",
		[RING_REMINDER] = "measure runs out",
		[RING_TERM_OVER] = "measure has ended",
		[RING_FAILED] = "request was not delivered",
		[RING_LAPSED] = "request was not approved in time",
	};
	struct lugd *d = ctx;
	bool wake = a->class == CLASS_FLASH || a->class == CLASS_URGENT;

	if (a->ring == RING_EVENT)
		log_info("request", "%s id=%s peer=%s step=%s", what[a->ring], a->id, a->peer,
			 a->text);
	else
		lugd_alarm(d, wake && a->ring != RING_REMINDER,
			   "%s: %s id=%s peer=%s class=%s level=%u", what[a->ring], a->text, a->id,
			   a->peer, request_class_row(a->class)->text, a->level);
}

static int open_questions(struct lugd *d, struct err *e)
{
	char dir[CONF_TEXT_MAX + 1] = "";
	int r = d->conf.ledger.text[0] ? conf_path(&d->conf, &d->conf.ledger, dir) : 0;
	if (r < 0)
		return err_set(e, r, "ledger", "The path of the ledger is too long.");
	return questions_open(dir, d->conf.pdf_program.text, &d->questions, e);
}

static int open_logic(struct lugd *d, struct err *e)
{
	const struct http_peers_options peers = {
		.identity = d->identity,
		.connect_timeout_ms = d->conf.connect_timeout_ms.number,
		.transfer_timeout_ms = d->conf.transfer_timeout_ms.number,
		.reply_max = EXCHANGE_BODY_MAX,
		.done = env_sent,
		.ctx = d};
	int r = http_peers_open(&peers, &d->peers, e);
	if (r < 0)
		return r;
	shared_init(d);
	env_init(d);
	r = exchange_open(d->store, &d->env, lugd_node(d), &d->exchange, e);
	if (r >= 0)
		r = requests_open(
			d->exchange,
			&(const struct request_options){
				.ctx = d,
				.ring = on_ring,
				.admit = witness_admit,
				.retention_days =
					{
						[CLASS_FLASH] = d->conf.retention_flash_days.number,
						[CLASS_URGENT] =
							d->conf.retention_urgent_days.number,
						[CLASS_PRIORITY] =
							d->conf.retention_priority_days.number,
						[CLASS_ROUTINE] =
							d->conf.retention_routine_days.number,
					}},
			&d->requests, e);
	witness_open(d);
	if (r >= 0)
		r = desk_open(d, e);
	if (r >= 0)
		r = open_questions(d, e);
	return r < 0 ? r : pins_refresh(d, e);
}

/* ---- listeners ---- */

static int on_pin(void *ctx, const uint8_t pin32[static HTTP_PIN_LEN],
		  char ret_name[static API_NAME_MAX + 1])
{
	struct lugd *d = ctx;
	return pins_find(&d->pins, pin32, time_now_ms() / 1000, ret_name);
}

/* The listener of links, if one is set. */
static int open_answers(struct lugd *d, struct http_server_options *o, struct err *e)
{
	uint16_t port;
	if (!d->conf.answer_listen.text[0])
		return 0;
	o->listener = API_LINK;
	o->fd = http_listen_tcp(d->conf.answer_listen.text, &port, e);
	if (o->fd < 0)
		return o->fd;
	log_info("lugd", "answers by link port=%u", port);
	return http_server_open(o, &d->answer_server, e);
}

static int open_listeners(struct lugd *d, struct err *e)
{
	struct http_server_options o = {.listener = API_PEER,
					.identity = d->identity,
					.connections_max =
						(unsigned)d->conf.peer_connections.number,
					.idle_s = (unsigned)d->conf.peer_idle_s.number,
					.peer_by_pin = on_pin,
					.submit = dispatch_submit,
					.ctx = d,
					.app = d};
	o.routes = dispatch_routes(&o.routes_n);
	o.fd = http_listen_tcp(d->conf.listen.text, &d->port, e);
	int r = o.fd < 0 ? o.fd : http_server_open(&o, &d->peer_server, e);
	if (r < 0)
		return r;
	o.listener = API_PEOPLE;
	o.fd = http_listen_unix(d->socket, (unsigned)d->conf.socket_mode.number,
				d->conf.socket_group.text, e);
	r = o.fd < 0 ? o.fd : http_server_open(&o, &d->people_server, e);
	if (r >= 0)
		r = open_answers(d, &o, e);
	return r < 0 ? r : browser_open(d, e);
}

int lugd_start(struct lugd *d, struct err *e)
{
	d->started_ms = time_mono_ms();
	int r = queue_init(&d->queue, e);
	pins_init(&d->pins);
	if (r >= 0)
		r = open_folder(d, false, e);
	if (r >= 0)
		r = keys_open(d, false, e);
	if (r >= 0)
		r = keys_tls(d, e);
	if (r >= 0)
		r = open_store(d, e);
	if (r >= 0)
		r = keys_audit_open(d, e);
	if (r >= 0)
		keys_record(d);
	if (r >= 0)
		r = open_logic(d, e);
	if (r >= 0)
		r = open_listeners(d, e);
	if (r < 0)
		return r;
	if (d->conf.shared_uid.number)
		log_broken(
			"lugd",
			"shared_uid is on: one user acts as several officers and four eyes cannot be enforced; "
			"this is for demonstrations only");
	return 0;
}

int lugd_init_node(struct lugd *d, const struct officer *first, struct err *e)
{
	STORE_TXN(txn);
	uint8_t salt[AUDIT_SALT_LEN];
	const struct audit_event ev = {.type = AUDIT_CONFIGURATION,
				       .who = "system",
				       .what = "node.init",
				       .target = first->id};
	int r = queue_init(&d->queue, e);
	pins_init(&d->pins);
	if (r >= 0)
		r = open_folder(d, true, e);
	if (r >= 0)
		r = keys_open(d, true, e);
	if (r >= 0)
		r = open_store(d, e);
	if (r >= 0)
		r = keys_audit_open(d, e);
	if (r >= 0)
		r = store_begin(d->store, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = officer_set(d, first, e);
	random_bytes(salt, sizeof(salt));
	if (r >= 0)
		r = audit_record(d->store, &ev, time_now_ms() / 1000, salt, NULL, e);
	if (r >= 0)
		r = store_commit(&txn, e);
	if (r >= 0)
		keys_record(d);
	return r;
}

/* ---- stop ---- */

/* Calls that arrived before the door was shut are answered; later ones get 503 from the server itself. */
static void close_listeners(struct lugd *d)
{
	if (d->peer_server)
		http_server_quiesce(d->peer_server);
	if (d->people_server)
		http_server_quiesce(d->people_server);
	if (d->browser_server)
		http_server_quiesce(d->browser_server);
	if (d->answer_server)
		http_server_quiesce(d->answer_server);
	queue_close(&d->queue);
	for (struct http_job *job = queue_take(&d->queue), *next; job; job = next) {
		next = job->next;
		dispatch_job(d, job);
	}
	d->peer_server = http_server_close(d->peer_server);
	if (d->people_server)
		(void)unlink(d->socket);
	d->people_server = http_server_close(d->people_server);
	browser_close(d);
	d->answer_server = http_server_close(d->answer_server);
}

static void seal_audit(struct lugd *d)
{
	struct err e = {0};
	if (d->audit && shared_leads(d, SHARED_AUDIT) && witness_may_seal(d) &&
	    audit_log_flush(d->audit, &e) < 0)
		log_broken("audit",
			   "the last entries are not sealed yet; the next start does it: %s",
			   e.message);
}

void lugd_stop(struct lugd *d)
{
	close_listeners(d);
	d->peers = http_peers_close(d->peers);
	desk_close(d);
	witness_close(d);
	d->exchange = exchange_close(d->exchange);
	d->requests = requests_close(d->requests);
	d->questions = questions_close(d->questions);
	watching_close(d);
	seal_audit(d);
	d->audit = audit_log_close(d->audit);
	shared_leave(d);
	d->store = store_close(d->store);
	d->identity = http_identity_close(d->identity);
	d->keyd_tls = keyd_close(d->keyd_tls);
	d->keyd = keyd_close(d->keyd);
	pins_done(&d->pins);
	queue_done(&d->queue);
	if (d->lock_fd >= 0)
		close(TAKE_FD(d->lock_fd));
}
