/* SPDX-License-Identifier: Apache-2.0
 * Witnesses as the daemon does it: who is asked when, what the answers mean, and what is not done without them
 * (docs/protocol/witness.md 3 and 5). */
#include "audit/witness.h"
#include "base/log.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "lugd/lugd-int.h"

enum {
	ASK_MS = 60000,
	ASK_SOON_MS = 1000,  /* after the start, and while there are no members */
	ASK_AGAIN_MS = 5000, /* after a failure */
	HOLD_MS = 20000,     /* an appender that has just started waits so long for a witness */
	RECENT_S = 300,
	NEEDED = 2,
};
/* Marks the numbers of our POSTs; those of exchange are below. */
static const uint64_t ASK_ID = UINT64_C(1) << 63;

#define WITNESS_PATH "/x/v1/witness/add-checkpoint"
#define WITNESS_SHOW_PATH "/x/v1/witness/checkpoint"
#define WITNESS_TYPE "text/plain"

static int64_t now_s(void)
{
	return time_now_ms() / 1000;
}

static void record_alarm(struct lugd *d, const char *who, const char *what, const char *target,
			 int code)
{
	struct err e = {0};
	_cleanup_(json_decrefp) json_t *detail = json_pack("{s:s}", "error", err_name(code));
	const struct audit_event ev = {
		.type = AUDIT_ALARM, .who = who, .what = what, .target = target, .detail = detail};
	if (dispatch_record(d, &ev, &e) < 0)
		log_broken("witness", "an alarm could not be recorded: %s", e.message);
}

/* ---- keys ---- */

/* The log of a member is "<member>/audit", and so is the name of its key. */
static int log_key(void *ctx, const char *name, size_t name_len, uint32_t key_id,
		   struct note_verifier *ret, struct err *e)
{
	struct lugd *d = ctx;
	static const char suffix[] = "/audit";
	struct directory_key key;
	char member[API_NAME_MAX + 1];
	size_t suffix_len = sizeof(suffix) - 1, len = name_len - suffix_len;
	if (name_len <= suffix_len || len > API_NAME_MAX ||
	    memcmp(name + len, suffix, suffix_len) != 0)
		return err_set(e, ERR_MEMBER_UNKNOWN, "origin", "Not the log of a member.");
	snprintf(member, sizeof(member), "%.*s", (int)len, name);
	if (!strcmp(member, lugd_node(d)) ||
	    !directory_member(exchange_directory(d->exchange), member))
		return err_set(e, ERR_MEMBER_UNKNOWN, "origin", "Not the log of another member.");
	int r = directory_key_check(exchange_directory(d->exchange), member, DIRECTORY_KEY_AUDIT,
				    name, name_len, key_id, now_s(), &key, e);
	if (r == 0)
		*ret = key.vkey;
	return r;
}

/* The same for a countersignature, whose key id is another one of the same key. */
static int cosigner_key(void *ctx, const char *name, size_t name_len, uint32_t key_id,
			struct note_verifier *ret, struct err *e)
{
	struct lugd *d = ctx;
	const char *slash = memchr(name, '/', name_len);
	char member[API_NAME_MAX + 1];
	snprintf(member, sizeof(member), "%.*s", slash ? (int)(slash - name) : 0, name);
	const struct directory_node *node = directory_node(exchange_directory(d->exchange), member);
	for (size_t i = 0; node && i < node->keys_n; i++) {
		const struct note_verifier *v = &node->keys[i].vkey;
		if (node->keys[i].kind == DIRECTORY_KEY_AUDIT &&
		    note_key_id(v->name, strlen(v->name), NOTE_COSIGNATURE, v->pk32) == key_id)
			return log_key(ctx, name, name_len, v->key_id, ret, e);
	}
	return err_set(e, ERR_KEY_UNKNOWN, member, "Countersigned by an unknown key.");
}

/* Our own log's: the key in use, and those before it that nobody has revoked. */
static int own_key(void *ctx, const char *name, size_t name_len, uint32_t key_id,
		   struct note_verifier *ret, struct err *e)
{
	struct lugd *d = ctx;
	struct directory_key key;
	const struct note_verifier *v = &d->audit_key.verifier;
	if (name_len != strlen(v->name) || memcmp(name, v->name, name_len) != 0)
		return err_set(e, ERR_MEMBER_UNKNOWN, "origin", "Not this node's log.");
	int r = key_id == v->key_id ? 1
				    : directory_key_check(exchange_directory(d->exchange),
							  lugd_node(d), DIRECTORY_KEY_AUDIT, name,
							  name_len, key_id, 0, &key, e);
	if (r >= 0)
		*ret = r ? *v : key.vkey;
	return r < 0 ? r : 0;
}

/* ---- being a witness ---- */

/* A log is asked about by its own node alone: what another one says of it would be held against it. */
static int caller_key(void *ctx, const char *name, size_t name_len, uint32_t key_id,
		      struct note_verifier *ret, struct err *e)
{
	const struct api_call *c = ctx;
	size_t len = strlen(c->who.peer);
	if (name_len <= len || memcmp(name, c->who.peer, len) != 0 || name[len] != '/')
		return err_set(e, ERR_MEMBER_UNKNOWN, "origin", "Not the log of the caller.");
	return log_key(lugd_of(c), name, name_len, key_id, ret, e);
}

int api_peer_checkpoint(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	char origin[API_NAME_MAX + 8];
	int n = snprintf(origin, sizeof(origin), "%s/audit", c->who.peer);
	if (c->body_len != (size_t)n + 1 || memcmp(c->body, origin, (size_t)n) != 0 ||
	    c->body[n] != '\n')
		return err_set(e, ERR_NOENT, "origin", "Not the log of the caller.");
	buf_init(&c->raw, NOTE_MAX);
	c->raw_type = WITNESS_TYPE;
	return witness_held(d->store, origin, &c->raw, e);
}

static void contradiction(struct lugd *d, const char *peer, int code, const char *why)
{
	char target[API_NAME_MAX + 16];
	snprintf(target, sizeof(target), "log %s/audit", peer);
	record_alarm(d, peer, "witness.contradiction", target, code);
	lugd_alarm(d, true, "audit log contradicts itself; both checkpoints are kept peer=%s: %s",
		   peer, why);
}

int api_peer_add_checkpoint(struct api_call *c, struct err *e)
{
	struct lugd *d = lugd_of(c);
	uint64_t size = 0;
	buf_init(&c->raw, NOTE_MAX);
	int r = witness_add(d->store, &d->audit_key, caller_key, c, c->body, c->body_len, now_s(),
			    &c->raw, &size, e);
	c->raw_type = WITNESS_TYPE;
	if (r == -ERR_CONFLICT || r == -ERR_CRYPTO)
		contradiction(d, c->who.peer, r, e->message);
	if (r == -ERR_STALE || r == -ERR_CONFLICT) {
		c->raw_status = 409;
		c->raw_type = "text/x.tlog.size";
		buf_clear(&c->raw);
		buf_printf(&c->raw, "%llu\n", (unsigned long long)size);
		return 0;
	}
	if (r == -ERR_SIGNATURE || r == -ERR_KEY_UNKNOWN || r == -ERR_KEY_EXPIRED ||
	    r == -ERR_KEY_REVOKED || r == -ERR_KEY_TYPE)
		return err_set(e, ERR_DENIED, "checkpoint",
			       "No signature by a key of this log that is in force.");
	return r;
}

/* ---- being witnessed: how we stand ---- */

static size_t peers_n(struct lugd *d)
{
	const struct directory_members *m = directory_members(exchange_directory(d->exchange));
	size_t n = 0;
	for (size_t i = 0; m && i < m->members_n; i++)
		n += strcmp(m->members[i].name, lugd_node(d)) != 0;
	return n;
}

static unsigned needed(struct lugd *d)
{
	size_t n = peers_n(d);
	return n < NEEDED ? (unsigned)n : NEEDED;
}

enum standing { STANDING_NONE, STANDING_FINE, STANDING_MISSING, STANDING_HELD, STANDING_BEHIND };

static int standing(struct lugd *d, struct witness_state *st, enum standing *ret, struct err *e)
{
	unsigned n = needed(d);
	int64_t limit_s = d->conf.witness_limit_min.number * 60;
	int r = witness_state(d->store, n, now_s() - RECENT_S, st, e);
	if (r < 0)
		return r;
	if (n == 0)
		*ret = STANDING_NONE;
	else if (d->witness.behind)
		*ret = STANDING_BEHIND;
	else if (!witness_may_seal(d))
		*ret = STANDING_HELD;
	else if (limit_s && st->complete_s && now_s() - st->complete_s > limit_s)
		*ret = STANDING_MISSING;
	else
		*ret = STANDING_FINE;
	return 0;
}

json_t *witness_json(struct lugd *d, struct err *e)
{
	static const char *const names[] = {"none", "fine", "missing", "held", "behind"};
	char text[TIME_TEXT_MAX];
	struct witness_state st;
	enum standing s;
	if (standing(d, &st, &s, e) < 0)
		return NULL;
	return json_pack("{s:s, s:i, s:i, s:o}", "state", names[s], "needed", (int)needed(d),
			 "recent", (int)st.recent_n, "complete",
			 st.complete_s ? json_string(time_utc(st.complete_s, text)) : json_null());
}

static int record_flash(struct lugd *d, const char *id, struct err *e)
{
	char target[64];
	uint8_t salt[AUDIT_SALT_LEN];
	(void)snprintf(target, sizeof(target), "request %s", id);
	const struct audit_event ev = {.type = AUDIT_ALARM,
				       .who = "system",
				       .what = "request.unwitnessed",
				       .target = target};
	random_bytes(salt, sizeof(salt));
	int r = audit_record(d->store, &ev, now_s(), salt, NULL, e);
	if (r == 0)
		lugd_alarm(d, true,
			   "a FLASH goes out though the audit log is not countersigned id=%s", id);
	return r;
}

int witness_admit(void *ctx, enum request_class class, const char *id, struct err *e)
{
	struct lugd *d = ctx;
	struct witness_state st;
	enum standing s;
	int r = d->conf.witness_limit_min.number ? standing(d, &st, &s, e) : 1;
	if (r)
		return r < 0 ? r : 0;
	if (s == STANDING_NONE || s == STANDING_FINE || s == STANDING_HELD)
		return 0;
	if (class == CLASS_FLASH)
		return record_flash(d, id, e);
	return err_set(
		e, ERR_UNWITNESSED, "witnesses",
		"This node's audit log was not countersigned by %u other nodes for %lld minutes; "
		"until it is, only FLASH is sent.",
		needed(d), (long long)d->conf.witness_limit_min.number);
}

/* ---- the appender asks first ---- */

bool witness_may_seal(const struct lugd *d)
{
	return !d->witness.behind &&
	       (d->witness.seen || time_mono_ms() >= d->witness.hold_until_ms);
}

void witness_open(struct lugd *d)
{
	struct witness_state st = {0};
	struct err e = {0};
	if (witness_state(d->store, 0, 0, &st, &e) < 0)
		log_unusual("witness", "%s", e.message);
	d->witness.hold_until_ms = st.ever ? time_mono_ms() + HOLD_MS : 0;
	d->witness.due_ms = time_mono_ms() + ASK_SOON_MS;
}

static void stop_sealing(struct lugd *d, int code, const char *why)
{
	if (!d->witness.behind) {
		record_alarm(d, "system", "audit.stop", "", code);
		lugd_alarm(d, true, "the audit log is not sealed any more: %s", why);
	}
	d->witness.behind = true;
}

/* ---- asking ---- */

/* A member did not answer: another one is asked, and soon. */
static void failed(struct lugd *d)
{
	int64_t again_ms = time_mono_ms() + ASK_AGAIN_MS;
	d->witness.shift++;
	if (d->witness.due_ms > again_ms)
		d->witness.due_ms = again_ms;
}

static struct witness_question *question_slot(struct lugd *d, uint64_t send_id)
{
	for (size_t i = 0; i < WITNESS_ASKED; i++)
		if (d->witness.asked[i].send_id == send_id)
			return &d->witness.asked[i];
	return NULL;
}

static void question_done(struct witness_question *q)
{
	buf_done(&q->note);
	*q = (struct witness_question){0};
}

/* Posts it and keeps the checkpoint in it, from `note` on. */
static void post(struct lugd *d, const char *peer, enum witness_step step, const struct buf *body,
		 size_t note)
{
	struct err e = {0};
	struct witness_question *q = question_slot(d, 0);
	uint64_t id = ASK_ID | ++d->witness.asked_n;
	const char *path = step == WITNESS_SHOW ? WITNESS_SHOW_PATH : WITNESS_PATH;
	if (!q)
		return;
	if (env_post_to(d, peer, path, WITNESS_TYPE, body->p, body->len, id, &e) < 0) {
		failed(d);
		return;
	}
	q->send_id = id;
	q->step = step;
	snprintf(q->peer, sizeof(q->peer), "%s", peer);
	buf_init(&q->note, NOTE_MAX);
	buf_put(&q->note, body->p + note, body->len - note);
}

static void ask(struct lugd *d, const char *peer, enum witness_step step)
{
	char dir[CONF_TEXT_MAX + 16];
	struct buf body _cleanup_(buf_done);
	struct err e = {0};
	size_t note = 0;
	snprintf(dir, sizeof(dir), "%s/audit", d->folder);
	buf_init(&body, WITNESS_BODY_MAX);
	int r = witness_ask(d->store, dir, peer, now_s(), &body, &note, &e);
	if (r == -ERR_STALE)
		stop_sealing(d, r, e.message);
	else if (r < 0 && r != -ERR_NOENT)
		log_unusual("witness", "cannot ask peer=%s: %s", peer, e.message);
	if (r == 0)
		post(d, peer, step, &body, note);
}

/* It says that our log is not what it was. That is proved by our own signature, or not at all. */
static void ask_to_show(struct lugd *d, const char *peer)
{
	struct buf body _cleanup_(buf_done);
	buf_init(&body, NOTE_KEY_NAME_MAX + 1);
	buf_printf(&body, "%s\n", d->audit_key.verifier.name);
	if (buf_err(&body) == 0)
		post(d, peer, WITNESS_SHOW, &body, body.len);
}

/* The members after our own place, moved on by those that failed. */
static void ask_all(struct lugd *d)
{
	const struct directory_members *m = directory_members(exchange_directory(d->exchange));
	size_t own = 0, asked = 0;
	for (size_t i = 0; m && i < m->members_n; i++)
		if (!strcmp(m->members[i].name, lugd_node(d)))
			own = i;
	for (size_t i = 1; m && i <= m->members_n && asked < WITNESS_ASKED; i++) {
		const char *name = m->members[(own + d->witness.shift + i) % m->members_n].name;
		if (!strcmp(name, lugd_node(d)))
			continue;
		asked++;
		ask(d, name, WITNESS_ASK);
	}
}

void witness_tick(struct lugd *d, int64_t now_ms)
{
	if (now_ms < d->witness.due_ms || !shared_leads(d, SHARED_AUDIT))
		return;
	d->witness.due_ms = now_ms + (peers_n(d) ? ASK_MS : ASK_SOON_MS);
	ask_all(d);
}

/* ---- answers ---- */

static void take_line(struct lugd *d, const struct witness_question *q, const char *dir,
		      const void *p, size_t len)
{
	struct err e = {0};
	int r = witness_signed(d->store, dir, q->peer, q->note.p, q->note.len, p, len, cosigner_key,
			       d, now_s(), &e);
	if (r < 0)
		log_unusual("witness", "a countersignature is not taken peer=%s: %s", q->peer,
			    e.message);
	else
		d->witness.seen = true;
}

/* Another size: asked again with it, once. */
static void take_size(struct lugd *d, const struct witness_question *q, const char *dir,
		      const void *p, size_t len)
{
	struct err e = {0};
	int r = witness_other_size(d->store, dir, q->peer, p, len, &e);
	if (r == -ERR_STALE || r == -ERR_CONFLICT)
		ask_to_show(d, q->peer);
	else if (r < 0)
		log_unusual("witness", "an answer is not understood peer=%s: %s", q->peer,
			    e.message);
	else if (q->step == WITNESS_ASK)
		ask(d, q->peer, WITNESS_ASK_AGAIN);
	else
		failed(d);
}

static void take_shown(struct lugd *d, const struct witness_question *q, const char *dir,
		       unsigned status, const void *p, size_t len)
{
	struct err e = {0};
	int r = status == 200 ? witness_shown(d->store, dir, q->peer, p, len, own_key, d, &e)
			      : err_set(&e, ERR_NOENT, NULL, "it shows nothing");
	if (r == -ERR_STALE || r == -ERR_CONFLICT) {
		stop_sealing(d, r, e.message);
		return;
	}
	if (r < 0)
		log_unusual("witness",
			    "says without proof that this node's audit log was changed peer=%s: %s",
			    q->peer, e.message);
	failed(d);
}

static void take_answer(struct lugd *d, const struct witness_question *q, unsigned status,
			const void *p, size_t len)
{
	char dir[CONF_TEXT_MAX + 16];
	snprintf(dir, sizeof(dir), "%s/audit", d->folder);
	if (q->step == WITNESS_SHOW)
		take_shown(d, q, dir, status, p, len);
	else if (status == 200)
		take_line(d, q, dir, p, len);
	else if (status == 409)
		take_size(d, q, dir, p, len);
	else if (status == 422)
		ask_to_show(d, q->peer);
	else
		failed(d);
}

bool witness_sent(struct lugd *d, uint64_t id, unsigned status, const void *p, size_t len)
{
	if (!(id & ASK_ID))
		return false;
	struct witness_question *slot = question_slot(d, id);
	if (!slot)
		return true;
	struct witness_question q = *slot;
	*slot = (struct witness_question){0}; /* free for what follows from the answer */
	take_answer(d, &q, status, p, len);
	question_done(&q);
	return true;
}

void witness_close(struct lugd *d)
{
	for (size_t i = 0; i < WITNESS_ASKED; i++)
		question_done(&d->witness.asked[i]);
}
