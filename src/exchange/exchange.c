/* SPDX-License-Identifier: Apache-2.0
 * Exchange: open and close, who is a peer, registration, events, and the entrance for what peers POST.
 *
 * The life of a message: exchange_post() seals it (post.c) -> outbox.c numbers and sends it -> the peer's inbox.c stores it and
 * signs R1 -> open.c opens it, applies it and signs R2 -> receipt.c of the sender records both. heads.c keeps both ends of a
 * stream in agreement; poll.c decides what is due. Each step is a transaction; nothing is answered before its commit. */
#include "crypto/crypto.h"
#include "exchange/exchange-int.h"
#include "exchange/recall.h"
#include "exchange/receipt.h"
#include <stdarg.h>
#include <string.h>

static const char *const state_names[] = {"queued",	 "stored", "accepted", "refused",
					  "quarantined", "seen",   "acted",    "undelivered"};
static const char *const class_names[] = {"flash", "urgent", "normal", "bulk"};

const char *exchange_state_name(enum exchange_state s)
{
	return (size_t)s < ARRAY_LEN(state_names) ? state_names[s] : "unknown";
}

const char *exchange_class_name(enum exchange_class c)
{
	return (size_t)c < ARRAY_LEN(class_names) ? class_names[c] : "unknown";
}

const char *exchange_kind_path(enum exchange_kind k)
{
	static const char *const paths[] = {"/x/v1/parcels", "/x/v1/receipts", "/x/v1/heads",
					    "/x/v1/notes", "/x/v1/recall"};
	return paths[k];
}

const char *exchange_kind_type(enum exchange_kind k)
{
	return k == EXCHANGE_PARCELS ? "application/vnd.lugdunum.parcel"
				     : "application/vnd.lugdunum.frames";
}

enum lane exchange_lane(enum exchange_class c)
{
	switch (c) {
	case EXCHANGE_FLASH:
	case EXCHANGE_URGENT:
		return LANE_FAST;
	case EXCHANGE_NORMAL:
		return LANE_NORMAL;
	case EXCHANGE_BULK:
		return LANE_BULK;
	}
	return LANE_BULK;
}

int64_t exchange_now_s(const struct exchange *x)
{
	return x->env->wall_ms(x->env->ctx) / 1000;
}

int64_t exchange_mono(const struct exchange *x)
{
	return x->env->mono_ms(x->env->ctx);
}

struct store *exchange_store(const struct exchange *x)
{
	return x->s;
}

const char *exchange_node(const struct exchange *x)
{
	return x->node;
}

const struct exchange_env *exchange_env_of(const struct exchange *x)
{
	return x->env;
}

struct directory *exchange_directory(struct exchange *x)
{
	return x->dir;
}

void exchange_emit(const struct exchange *x, const struct exchange_event *ev)
{
	x->env->event(x->env->ctx, ev);
}

void exchange_tell(const struct exchange *x, enum exchange_event_kind kind, bool alarm,
		   const char *peer, const uint8_t *id16, int code, const char *fmt, ...)
{
	char text[ERR_MESSAGE_MAX], id[33] = "";
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (id16)
		hex_encode(id16, 16, id);
	exchange_emit(x, &(struct exchange_event){kind, alarm, peer, id, code, text});
}

int exchange_audit(struct exchange *x, enum audit_type type, const char *who, const char *what,
		   const char *target, json_t *detail, struct err *e)
{
	_cleanup_(json_decrefp) json_t *owned = detail;
	uint8_t salt32[AUDIT_SALT_LEN];
	const struct audit_event ev = {
		.type = type, .who = who, .what = what, .target = target, .detail = owned};
	x->env->random(x->env->ctx, salt32, sizeof(salt32));
	return audit_record(x->s, &ev, exchange_now_s(x), salt32, NULL, e);
}

void exchange_kept(struct exchange *x, const char *peer, size_t bytes)
{
	struct peer *p = exchange_peer(x, peer);
	if (p)
		p->stored_bytes += bytes;
}

int exchange_proof(struct exchange *x, const char *peer, const char *kind, const void *held,
		   size_t held_len, const void *other, size_t other_len, struct err *e)
{
	exchange_kept(x, peer, held_len + other_len);
	int64_t n = store_exec(x->s,
			       "INSERT INTO exchange_proof (n, peer, time_s, kind, held, other)"
			       " SELECT COALESCE(MAX(n), 0) + 1, ?, ?, ?, ?, ? FROM exchange_proof",
			       VALS(val_text(peer), val_i64(exchange_now_s(x)), val_text(kind),
				    val_blob(held, held_len), val_blob(other, other_len)),
			       e);
	return n < 0 ? (int)n : 0;
}

int exchange_code(const char *name)
{
	static const int codes[] = {
#define ERR(id, value, sentence) value,
#include "base/err.def"
#undef ERR
	};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(err_name(codes[i]), name) == 0)
			return -codes[i];
	return -ERR_UNSUPPORTED;
}

bool exchange_temporary(int code)
{
	static const int codes[] = {ERR_GAP,   ERR_KEY_UNKNOWN, ERR_KEY_EXPIRED,    ERR_KEY_REVOKED,
				    ERR_QUOTA, ERR_AGAIN,	ERR_NOSPC,	    ERR_IO,
				    ERR_NOMEM, ERR_BUSY,	ERR_MEMBER_UNKNOWN, ERR_STALE,
				    ERR_PIPE,  ERR_TIMEDOUT,	ERR_STREAM_STOPPED};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (code == -codes[i])
			return true;
	return false;
}

/* ---- open and close ---- */

int exchange_next_ord(struct exchange *x, int64_t *ret_ord, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(x->s,
			    "SELECT COALESCE((SELECT MAX(ord) FROM exchange_out), 0) AS o,"
			    " COALESCE((SELECT MAX(ord) FROM exchange_in), 0) AS i",
			    NO_VALS, &rows, e);
	if (r < 0)
		return r;
	int64_t out = row_i64(&rows, "o"), in = row_i64(&rows, "i");
	*ret_ord = (out > in ? out : in) + 1;
	return row_err(&rows, e);
}

int exchange_open(struct store *s, const struct exchange_env *env, const char *node,
		  struct exchange **ret_x, struct err *e)
{
	if (!directory_member_name_valid(node))
		return err_set(e, ERR_INVAL, "node",
			       "%.80s: a member's name is 1 to 64 of a-z 0-9 . _ -", node);
	_cleanup_(exchange_closep) struct exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	x->s = s;
	x->env = env;
	snprintf(x->node, sizeof(x->node), "%s", node);
	int r = directory_new(x, &x->dir, e);
	if (r < 0)
		return r;
	env->random(env->ctx, &x->next_send_id, sizeof(x->next_send_id));
	x->next_send_id >>= 8; /* far from 0 and from the end */
	x->open_due_ms = 0;
	x->peers_stale = true;
	x->started_ms = exchange_mono(x);
	*ret_x = TAKE_PTR(x);
	return 0;
}

static void peer_clear(struct peer *p)
{
	for (size_t i = 0; i < SLOTS; i++)
		free(p->slot[i].receipts);
	buf_done(&p->have);
}

struct exchange *exchange_close(struct exchange *x)
{
	if (!x)
		return NULL;
	for (size_t i = 0; i < x->peers_n; i++)
		peer_clear(&x->peers[i]);
	free(x->peers);
	directory_free(x->dir);
	free(x);
	return NULL;
}

/* Notes are never deleted or changed: their number says whether there are new ones. */
int exchange_follow(struct exchange *x, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(x->s,
			    "SELECT (SELECT COUNT(*) FROM exchange_note) +"
			    " (SELECT COUNT(*) FROM exchange_revoked) AS n",
			    NO_VALS, &rows, e);
	if (r < 0)
		return r;
	if (row_i64(&rows, "n") != x->notes_n) {
		directory_forget(x->dir);
		exchange_notes_changed(x);
	}
	x->notes_n = row_i64(&rows, "n");
	return row_err(&rows, e);
}

/* ---- peers ---- */

static int add_peer(struct exchange *x, const char *name)
{
	struct peer *more = realloc(x->peers, (x->peers_n + 1) * sizeof(*more));
	if (!more)
		return -ERR_NOMEM;
	x->peers = more;
	struct peer *p = &x->peers[x->peers_n++];
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	buf_init(&p->have, EXCHANGE_FRAME_MAX);
	return 0; /* every slot is due: at start each peer is tried at once */
}

static void drop_peer(struct exchange *x, size_t i)
{
	peer_clear(&x->peers[i]);
	memmove(&x->peers[i], &x->peers[i + 1], (x->peers_n - i - 1) * sizeof(*x->peers));
	x->peers_n--;
}

/* Peers are the members but this node. Who stays keeps what is in flight. Only where nobody holds a struct peer. */
void exchange_refresh(struct exchange *x)
{
	if (!x->peers_stale)
		return;
	const struct directory_members *m = directory_members(x->dir);
	if (!m)
		return;
	x->peers_stale = false;
	for (size_t i = x->peers_n; i-- > 0;)
		if (!directory_member(x->dir, x->peers[i].name))
			drop_peer(x, i);
	for (size_t i = 0; i < m->members_n; i++) {
		const char *name = m->members[i].name;
		bool there = strcmp(name, x->node) == 0;
		for (size_t j = 0; j < x->peers_n; j++)
			there = there || strcmp(x->peers[j].name, name) == 0;
		if (!there && add_peer(x, name) < 0)
			x->peers_stale = true;
	}
}

struct peer *exchange_peer(struct exchange *x, const char *name)
{
	for (size_t i = 0; i < x->peers_n; i++)
		if (strcmp(x->peers[i].name, name) == 0)
			return &x->peers[i];
	return NULL;
}

void exchange_notes_changed(struct exchange *x)
{
	x->peers_stale = true;
	for (size_t i = 0; i < x->peers_n; i++) {
		x->peers[i].slot[SLOT_NOTES].due_ms = 0;
		x->peers[i].slot[SLOT_NOTES].wait_ms = 0;
		for (size_t l = 0; l < LANES; l++)
			x->peers[i].slot[l].due_ms =
				0; /* a key that was missing may be there now */
	}
}

void exchange_contact(struct exchange *x, const char *peer)
{
	struct peer *p = exchange_peer(x, peer);
	if (!p)
		return;
	p->contact_s = exchange_now_s(x);
	/* Not what the peer answered with a failure: two nodes that fail each other would never rest. */
	for (size_t i = 0; i < SLOTS; i++) {
		if (p->slot[i].wait_ms && p->slot[i].unreached) {
			p->slot[i].wait_ms = 0;
			p->slot[i].due_ms = 0;
		}
	}
}

/* ---- registration ---- */

int exchange_register(struct exchange *x, const char *media_type, exchange_handler *fn, void *ctx,
		      struct err *e)
{
	for (size_t i = 0; i < x->handlers_n; i++)
		if (strcmp(x->handlers[i].media_type, media_type) == 0)
			return err_set(e, ERR_EXIST, media_type, "%s has a handler already",
				       media_type);
	if (x->handlers_n == EXCHANGE_HANDLERS_MAX ||
	    strlen(media_type) >= sizeof(x->handlers[0].media_type))
		return err_set(e, ERR_OVERSIZE, media_type, "too many handlers");
	struct handler *h = &x->handlers[x->handlers_n++];
	snprintf(h->media_type, sizeof(h->media_type), "%s", media_type);
	h->fn = fn;
	h->ctx = ctx;
	return 0;
}

int exchange_on_recall(struct exchange *x, const char *media_type, exchange_handler *fn,
		       struct err *e)
{
	for (size_t i = 0; i < x->handlers_n; i++) {
		if (strcmp(x->handlers[i].media_type, media_type) != 0)
			continue;
		x->handlers[i].recalled = fn;
		return 0;
	}
	return err_set(e, ERR_NOENT, media_type, "%s has no handler", media_type);
}

int exchange_watch(struct exchange *x, exchange_watcher *fn, void *ctx, struct err *e)
{
	if (x->watchers_n == EXCHANGE_WATCHERS_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "too many watchers");
	x->watchers[x->watchers_n++] = (struct watcher){.fn = fn, .ctx = ctx};
	return 0;
}

int exchange_on_restamped(struct exchange *x, exchange_restamped *fn, void *ctx, struct err *e)
{
	for (size_t i = 0; i < x->watchers_n; i++)
		if (x->watchers[i].ctx == ctx) {
			x->watchers[i].restamped = fn;
			return 0;
		}
	return err_set(e, ERR_NOENT, NULL, "no such watcher");
}

/* ---- what peers POST ---- */

static int unopened(struct exchange *x, const char *peer, int64_t *ret_n, int64_t *ret_bytes,
		    struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(
		x->s,
		"SELECT COUNT(*) AS n, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM exchange_in"
		" WHERE state = 1 AND peer = ?",
		VALS(val_text(peer)), &rows, e);
	if (r < 0)
		return r;
	*ret_n = row_i64(&rows, "n");
	*ret_bytes = row_i64(&rows, "bytes");
	return row_err(&rows, e);
}

int exchange_admit(struct exchange *x, const char *peer, enum exchange_kind k, size_t len,
		   int64_t *ret_retry_s, struct err *e)
{
	exchange_refresh(x);
	struct peer *p = exchange_peer(x, peer);
	int64_t now_ms = exchange_mono(x), n, bytes;
	if (!p)
		return err_set(e, ERR_MEMBER_UNKNOWN, "peer", NULL);
	if (len > EXCHANGE_BODY_MAX)
		return err_set(e, ERR_OVERSIZE, "body", "At most %d bytes.", EXCHANGE_BODY_MAX);
	if (now_ms - p->minute_ms >= 60000) {
		p->minute_ms = now_ms;
		p->posts = 0;
	}
	if (now_ms - p->hour_ms >= 3600000) {
		p->hour_ms = now_ms;
		p->stored_bytes = 0;
	}
	*ret_retry_s = 0;
	if (++p->posts > EXCHANGE_POSTS_MAX) {
		*ret_retry_s = (p->minute_ms + 60999 - now_ms) / 1000;
		return err_set(e, ERR_QUOTA, "posts", "More than %d requests a minute.",
			       EXCHANGE_POSTS_MAX);
	}
	if (k == EXCHANGE_HEADS) /* of which nothing is kept but the last */
		return 0;
	if (p->stored_bytes >= EXCHANGE_STORED_HOUR) {
		*ret_retry_s = (p->hour_ms + 3600999 - now_ms) / 1000;
		return err_set(e, ERR_QUOTA, "stored", "%s has sent more than %d MiB in an hour.",
			       peer, EXCHANGE_STORED_HOUR >> 20);
	}
	if (k != EXCHANGE_PARCELS)
		return 0;
	int r = unopened(x, peer, &n, &bytes, e);
	if (r < 0)
		return r;
	if (n >= EXCHANGE_UNOPENED_MAX || bytes + (int64_t)len > EXCHANGE_UNOPENED_BYTES) {
		*ret_retry_s = 10;
		return err_set(e, ERR_QUOTA, "stored", "%lld parcels of %s wait to be opened.",
			       (long long)n, peer);
	}
	return 0;
}

static int notes_receive(struct exchange *x, struct peer *p, const void *body, size_t len,
			 struct buf *reply, struct err *e)
{
	bool behind, ahead;
	const void *have;
	size_t have_len;
	int r = directory_take_frames(x->dir, p->name, body, len, &behind, &ahead, e);
	if (r < 0)
		return r;
	struct cur c = cur_init(body, len);
	r = frame_next(&c, &have, &have_len);
	if (r <= 0)
		return r < 0 ? r
			     : err_set(e, ERR_FORMAT, "have",
				       "The first frame says what the sender has.");
	r = directory_have(x->dir, reply, e);
	return r < 0 ? r : directory_lacks(x->dir, have, have_len, reply, e);
}

int exchange_receive(struct exchange *x, const char *peer, enum exchange_kind k, const void *body,
		     size_t len, struct buf *reply, struct err *e)
{
	exchange_refresh(x);
	struct peer *p = exchange_peer(x, peer);
	int r = 0;
	if (!p)
		return err_set(e, ERR_MEMBER_UNKNOWN, "peer",
			       "%.64s is not a member of the network.", peer);
	if (len > EXCHANGE_BODY_MAX)
		return err_set(e, ERR_OVERSIZE, "body", "At most %d bytes.", EXCHANGE_BODY_MAX);
	exchange_contact(x, peer);
	switch (k) {
	case EXCHANGE_PARCELS:
		r = inbox_receive(x, p, body, len, reply, e);
		break;
	case EXCHANGE_RECEIPTS:
		r = receipt_receive(x, p, body, len, reply, e);
		break;
	case EXCHANGE_HEADS:
		r = heads_receive(x, p, body, len, reply, e);
		break;
	case EXCHANGE_NOTES:
		r = notes_receive(x, p, body, len, reply, e);
		break;
	case EXCHANGE_RECALL:
		r = recall_receive(x, p, body, len, reply, e);
		break;
	}
	if (r < 0)
		buf_clear(reply);
	return r < 0 ? r : buf_err(reply);
}
