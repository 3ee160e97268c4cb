/* SPDX-License-Identifier: Apache-2.0
 * Requests to lug-keyd: encode, one packet out, one packet in, decode. Starting and restarting is in spawn.c. */
#include "base/time.h"
#include "keyd/client-int.h"
#include <sys/socket.h>

static int exchange_packets(struct keyd *k, const struct buf *request, struct buf *reply)
{
	ssize_t n = send(k->fd, request->p, request->len, MSG_NOSIGNAL);
	if (n != (ssize_t)request->len)
		return -ERR_PIPE;
	buf_clear(reply);
	uint8_t *p = buf_space(reply, MSG_MAX);
	if (!p)
		return buf_err(reply);
	do
		n = recv(k->fd, p, MSG_MAX, 0);
	while (n < 0 && errno == EINTR);
	reply->len = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return errno == EAGAIN ? -ERR_TIMEDOUT : -ERR_PIPE;
	return n ? 0 : -ERR_PIPE;
}

/* Checks the head of the reply; *c is left at its body. */
static int reply_open(const struct buf *reply, unsigned type, uint32_t id, struct cur *c,
		      struct err *e)
{
	*c = cur_init(reply->p, reply->len);
	unsigned version = cur_u8(c), got_type = cur_u8(c);
	uint32_t got_id = cur_u32be(c), status = cur_u32be(c);
	if (c->error || version != MSG_VERSION || got_type != type || got_id != id ||
	    status > INT32_MAX)
		return err_set(
			e, ERR_FORMAT, "keyd",
			"lug-keyd gave an answer that is not one; is it of the same version?");
	if (!status)
		return 0;
	size_t len = cur_left(c);
	const char *words = (const char *)cur_bytes(c, len);
	return err_set(e, (int)status, "keyd", "%.*s",
		       len ? (int)len : (int)strlen(err_sentence((int)status)),
		       len ? words : err_sentence((int)status));
}

/* A prepared request: the head, to which the caller appends the body. */
static void request_init(struct keyd *k, struct buf *b, enum msg_type type)
{
	buf_init(b, MSG_MAX);
	buf_u8(b, MSG_VERSION);
	buf_u8(b, (uint8_t)type);
	buf_u32be(b, ++k->next_id);
}

/* Sends a request and receives its reply, starting the process again when it is found dead. The caller holds k->lock. */
static int call(struct keyd *k, const struct buf *request, bool repeat, struct buf *reply,
		struct cur *c, struct err *e)
{
	int r = buf_err(request);
	if (r < 0)
		return err_set(e, r, "keyd", NULL);
	buf_init(reply, MSG_MAX);
	r = k->fd < 0 ? -ERR_PIPE : exchange_packets(k, request, reply);
	if (r == -ERR_PIPE || r == -ERR_TIMEDOUT) {
		r = keyd_revive(k, e);
		if (r < 0)
			return r;
		r = repeat ? exchange_packets(k, request, reply) : -ERR_PIPE;
		if (r < 0)
			return err_set(
				e, r, "keyd",
				"lug-keyd ended during this request; look at the log, then repeat.");
	} else if (r < 0) {
		return err_set(e, r, "keyd", NULL);
	}
	return reply_open(reply, request->p[1], k->next_id, c, e);
}

/* One request with its memory. */
struct talk {
	struct keyd *k;
	struct buf request, reply;
	struct cur c;
};

static void talk_done(struct talk *t)
{
	if (t->reply.p)
		secret_wipe(t->reply.p, t->reply.len); /* it may hold a file key */
	buf_done(&t->request);
	buf_done(&t->reply);
	pthread_mutex_unlock(&t->k->lock);
}

static void talk_init(struct talk *t, struct keyd *k, enum msg_type type)
{
	*t = (struct talk){.k = k};
	pthread_mutex_lock(&k->lock);
	request_init(k, &t->request, type);
}

static int talk_call(struct talk *t, bool repeat, struct err *e)
{
	return call(t->k, &t->request, repeat, &t->reply, &t->c, e);
}

static int talk_end(const struct talk *t, struct err *e)
{
	int r = cur_end(&t->c);
	return r < 0 ? err_set(e, r, "keyd",
			       "lug-keyd gave an answer of another shape; is it of the same version?")
		     : 0;
}

int keyd_public(struct keyd *k, struct keyd_key *keys, size_t max, struct err *e)
{
	size_t have = 0, total = 1;
	while (have < total) {
		struct talk t _cleanup_(talk_done);
		talk_init(&t, k, MSG_PUBLIC);
		buf_u16be(&t.request, (uint16_t)have);
		int r = talk_call(&t, true, e);
		if (r < 0)
			return r;
		total = cur_u16be(&t.c);
		size_t n = cur_u16be(&t.c);
		if (total > max || n > total - have || (!n && have < total))
			return err_set(e, ERR_OVERSIZE, "keyd",
				       "lug-keyd holds %zu keys, more than %zu.", total, max);
		for (size_t i = 0; i < n; i++)
			record_get(&t.c, &keys[have + i]);
		r = talk_end(&t, e);
		if (r < 0)
			return r;
		have += n;
	}
	return (int)have;
}

/* The order of vault.c: in force for the shorter time, then made later, then the number. */
static bool acts_before(const struct keyd_key *a, const struct keyd_key *b)
{
	if (a->not_before_s != b->not_before_s)
		return a->not_before_s > b->not_before_s;
	if (a->created_s != b->created_s)
		return a->created_s > b->created_s;
	return a->number > b->number;
}

const struct keyd_key *keyd_find(const struct keyd_key *keys, size_t n, enum keyd_kind kind)
{
	const struct keyd_key *best = NULL;
	for (size_t i = 0; i < n; i++)
		if (keys[i].kind == kind && keys[i].state == KEYD_CURRENT &&
		    (!best || acts_before(&keys[i], best)))
			best = &keys[i];
	return best;
}

int keyd_sign_note(struct keyd *k, enum keyd_kind kind, const char *text, size_t len,
		   struct keyd_signature *ret_sig, struct err *e)
{
	struct keyd_signature sig;
	struct talk t _cleanup_(talk_done);
	talk_init(&t, k, MSG_SIGN_NOTE);
	if (len > KEYD_TEXT_MAX)
		return err_set(e, ERR_OVERSIZE, "text",
			       "A note is at most %d bytes, this one is %zu.", KEYD_TEXT_MAX, len);
	buf_u8(&t.request, (uint8_t)kind);
	buf_u16be(&t.request, (uint16_t)len);
	buf_put(&t.request, text, len);
	int r = talk_call(&t, true, e);
	if (r < 0)
		return r;
	sig.number = cur_u64be(&t.c);
	sig.id = cur_u32be(&t.c);
	size_t name_len = cur_u8(&t.c);
	const uint8_t *name = cur_bytes(&t.c, name_len);
	if (name_len > KEYD_NAME_MAX)
		cur_fail(&t.c, -ERR_OVERSIZE);
	cur_copy(&t.c, sig.sig64, sizeof(sig.sig64));
	r = talk_end(&t, e);
	if (r < 0)
		return r;
	memcpy(sig.name, name, name_len);
	sig.name[name_len] = 0;
	*ret_sig = sig;
	return 0;
}

int keyd_unwrap(struct keyd *k, const uint8_t share32[static 32],
		const uint8_t wrapped32[static 32], uint8_t ret_file_key16[static 16],
		struct err *e)
{
	struct talk t _cleanup_(talk_done);
	talk_init(&t, k, MSG_UNWRAP);
	buf_put(&t.request, share32, 32);
	buf_put(&t.request, wrapped32, 32);
	int r = talk_call(&t, true, e);
	if (r < 0)
		return r;
	(void)cur_u64be(&t.c);
	const uint8_t *key = cur_bytes(&t.c, 16);
	r = talk_end(&t, e);
	if (r >= 0)
		memcpy(ret_file_key16, key, 16);
	return r;
}

int keyd_tls_sign(struct keyd *k, uint64_t number, const uint8_t digest32[static 32],
		  uint8_t ret_sig[static KEYD_SIG_MAX], size_t *ret_len, struct err *e)
{
	struct talk t _cleanup_(talk_done);
	talk_init(&t, k, MSG_TLS_SIGN);
	buf_u64be(&t.request, number);
	buf_put(&t.request, digest32, 32);
	int r = talk_call(&t, true, e);
	if (r < 0)
		return r;
	size_t len = cur_u8(&t.c);
	const uint8_t *sig = cur_bytes(&t.c, len);
	r = talk_end(&t, e);
	if (r >= 0 && len > KEYD_SIG_MAX)
		r = err_set(e, ERR_OVERSIZE, "keyd", NULL);
	if (r < 0)
		return r;
	memcpy(ret_sig, sig, len);
	*ret_len = len;
	return 0;
}

int keyd_maintain(struct keyd *k, unsigned *ret_made, unsigned *ret_wiped, struct err *e)
{
	struct talk t _cleanup_(talk_done);
	talk_init(&t, k, MSG_MAINTAIN);
	int r = talk_call(&t, true, e);
	if (r < 0)
		return r;
	unsigned made = cur_u16be(&t.c), wiped = cur_u16be(&t.c);
	r = talk_end(&t, e);
	if (r < 0)
		return r;
	*ret_made = made;
	*ret_wiped = wiped;
	return 0;
}

int keyd_rotate(struct keyd *k, enum keyd_kind kind, struct keyd_key *ret_key, struct err *e)
{
	struct keyd_key key;
	struct talk t _cleanup_(talk_done);
	talk_init(&t, k, MSG_ROTATE);
	buf_u8(&t.request, (uint8_t)kind);
	int r = talk_call(&t, false, e);
	if (r < 0)
		return r;
	record_get(&t.c, &key);
	r = talk_end(&t, e);
	if (r >= 0)
		*ret_key = key;
	return r;
}

int keyd_wipe(struct keyd *k, uint64_t number, struct err *e)
{
	struct talk t _cleanup_(talk_done);
	talk_init(&t, k, MSG_WIPE);
	buf_u64be(&t.request, number);
	int r = talk_call(&t, true, e);
	return r < 0 ? r : talk_end(&t, e);
}

/* Receives one reply with a descriptor beside it. */
static int recv_fd(int fd, struct buf *reply, int *ret_fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	uint8_t *p = buf_space(reply, MSG_MAX);
	struct iovec iov = {p, MSG_MAX};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	if (!p)
		return buf_err(reply);
	ssize_t n;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	reply->len = n > 0 ? (size_t)n : 0;
	if (n <= 0)
		return -ERR_PIPE;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return 0;
}

int keyd_connect(struct keyd *root, uint32_t caps, int *ret_fd, struct err *e)
{
	struct buf request _cleanup_(buf_done), reply _cleanup_(buf_done);
	_cleanup_(closep) int fd = -1;
	struct cur c;
	request_init(root, &request, MSG_CLIENT);
	buf_init(&reply, MSG_MAX);
	buf_u32be(&request, caps);
	int r = buf_err(&request);
	if (r < 0)
		return err_set(e, r, "keyd", NULL);
	if (root->fd < 0 || send(root->fd, request.p, request.len, MSG_NOSIGNAL) < 0 ||
	    recv_fd(root->fd, &reply, &fd) < 0)
		return err_set(e, ERR_PIPE, "keyd", "lug-keyd does not answer.");
	r = reply_open(&reply, MSG_CLIENT, root->next_id, &c, e);
	if (r < 0)
		return r;
	if (fd < 0)
		return err_set(e, ERR_FORMAT, "keyd", "lug-keyd passed no connection.");
	keyd_fd_timeouts(fd);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int keyd_await_start(int fd, struct err *e)
{
	struct buf reply _cleanup_(buf_done);
	struct cur c;
	int none = -1;
	buf_init(&reply, MSG_MAX);
	if (recv_fd(fd, &reply, &none) < 0)
		return err_set(
			e, ERR_PIPE, "keyd",
			"lug-keyd ended as soon as it was started; its own words are in the log.");
	return reply_open(&reply, MSG_START, 0, &c, e);
}
