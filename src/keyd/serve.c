/* SPDX-License-Identifier: Apache-2.0
 * The loop of lug-keyd: one packet in, one packet out, on every connection in turn. */
#include "keyd/keyd-int.h"
#include "keyd/server.h"
#include <poll.h>
#include <sys/socket.h>

struct client {
	int fd;
	uint32_t caps;
};
struct loop {
	struct keyd_server *server;
	struct client clients[CLIENTS_MAX];
	size_t clients_n;
	struct buf reply;
};

/* Sends one packet, with a descriptor beside it when fd is not negative. */
static int send_packet(int to, const struct buf *b, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {b->p, b->len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ssize_t n =
		sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT); /* who does not read is dropped */
	return n == (ssize_t)b->len ? 0 : n < 0 ? err_errno(errno) : -ERR_IO;
}

int keyd_server_start(int fd, const struct err *e)
{
	struct buf b _cleanup_(buf_done);
	buf_init(&b, MSG_MAX);
	buf_u8(&b, MSG_VERSION);
	buf_u8(&b, MSG_START);
	buf_u32be(&b, 0);
	buf_u32be(&b, e ? (uint32_t)-e->code : 0);
	if (e)
		buf_str(&b, e->message);
	int r = buf_err(&b);
	return r < 0 ? r : send_packet(fd, &b, -1);
}

static void drop(struct loop *l, size_t i)
{
	close(l->clients[i].fd);
	l->clients[i] = l->clients[--l->clients_n];
}

/* Makes the connection that CLIENT asked for; on failure the reply says so instead. */
static int add_client(struct loop *l, uint32_t caps, int *ret_fd)
{
	int pair[2];
	if (l->clients_n == CLIENTS_MAX)
		return -ERR_QUOTA;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(errno);
	l->clients[l->clients_n++] = (struct client){pair[0], caps};
	*ret_fd = pair[1];
	return 0;
}

static void status_patch(struct buf *reply, int code)
{
	uint32_t status = (uint32_t)-code;
	for (int i = 0; i < 4; i++)
		reply->p[6 + i] = (uint8_t)(status >> (24 - 8 * i));
}

/* One request of client i; false when the connection is over. */
static bool serve_one(struct loop *l, size_t i)
{
	static uint8_t
		request[MSG_MAX + 1]; /* one more, so that a longer packet is seen to be one */
	uint32_t client_caps;
	int fd = l->clients[i].fd;
	ssize_t n = recv(fd, request, sizeof(request), 0);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	keyd_server_handle(l->server, l->clients[i].caps, request, (size_t)n, &l->reply,
			   &client_caps);
	secret_wipe(request, (size_t)n);
	if (!l->reply.len)
		return false;
	_cleanup_(closep) int client_fd = -1;
	if (client_caps) {
		int r = add_client(l, client_caps, &client_fd);
		if (r < 0)
			status_patch(&l->reply, r);
	}
	int r = send_packet(fd, &l->reply, client_fd);
	secret_wipe(l->reply.p, l->reply.len);
	return r >= 0;
}

/* Waits, then serves each connection that has a request. New connections are added at the end, behind those polled. */
static int serve_ready(struct loop *l)
{
	struct pollfd fds[CLIENTS_MAX];
	size_t n = l->clients_n;
	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){l->clients[i].fd, POLLIN, 0};
	if (poll(fds, n, -1) < 0)
		return errno == EINTR ? 0 : err_errno(errno);
	for (size_t i = n; i-- > 0;)
		if (fds[i].revents && !serve_one(l, i))
			drop(l, i);
	return 0;
}

int keyd_server_run(struct keyd_server *s, int fd)
{
	struct loop l = {.server = s, .clients = {{fd, KEYD_ALL_CAPS}}, .clients_n = 1};
	int r = 0;
	buf_init(&l.reply, MSG_MAX);
	while (l.clients_n && r >= 0)
		r = serve_ready(&l);
	buf_done(&l.reply);
	return r;
}
