/* SPDX-License-Identifier: Apache-2.0
 * Connections of the follower: sockets that never block, one a peer, driven by poll(2). */
#include "lug/follow-shell.h"
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { OUT_MAX = 8 << 20, READ_BYTES = 256 << 10, READS_MAX = 16 /* before another peer's turn */ };

/* Where nodes listen. */
static const struct {
	enum net net;
	const char *port;
} ports[] = {
	{NET_BITCOIN, "8333"}, {NET_TESTNET3, "18333"}, {NET_TESTNET4, "48333"},
	{NET_SIGNET, "38333"}, {NET_REGTEST, "18444"},
};

static const char *network_port(const struct network *n)
{
	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		if (ports[i].net == network_net(n))
			return ports[i].port;
	return NULL;
}

/* HOST, HOST:PORT or [IPV6]:PORT; a second colon without brackets is an IPv6 address. */
static bool split(const char *text, const char **ret_host, size_t *ret_len, const char **ret_port)
{
	const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *colon = strrchr(text, ':');

	*ret_port = NULL;
	*ret_host = text + (close != NULL);
	*ret_len = close ? (size_t)(close - text - 1) : strlen(text);
	if (text[0] == '[' && (!close || (close[1] && close[1] != ':')))
		return false;
	if (close && close[1])
		*ret_port = close + 2;
	if (!close && colon && strchr(text, ':') == colon) {
		*ret_len = (size_t)(colon - text);
		*ret_port = colon + 1;
	}
	return *ret_len > 0 && (!*ret_port || **ret_port);
}

int conns_add(struct conns *c, const struct network *n, const char *text, struct err *e)
{
	struct conn *x = &c->conn[c->n];
	const char *host, *port;
	size_t len;

	if (c->n == FOLLOW_PEERS_MAX)
		return err_set(e, ERR_OVERSIZE, "peer", "at most %d peers", FOLLOW_PEERS_MAX);
	*x = (struct conn){.fd = -1};
	if (!split(text, &host, &len, &port) || len >= sizeof(x->host))
		return err_set(e, ERR_INVAL, "peer", "%s is no peer: HOST or HOST:PORT", text);
	port = port ? port : network_port(n);
	if (!port || strlen(port) >= sizeof(x->port))
		return err_set(e, ERR_INVAL, "peer", "%s: which port? Give the peer as HOST:PORT",
			       text);
	snprintf(x->name, sizeof(x->name), "%s", text);
	snprintf(x->host, sizeof(x->host), "%.*s", (int)len, host);
	snprintf(x->port, sizeof(x->port), "%s", port);
	buf_init(&x->out, OUT_MAX);
	c->n++;
	return 0;
}

void conns_done(struct conns *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		closep(&c->conn[i].fd);
		buf_done(&c->conn[i].out);
	}
	c->n = 0;
}

/* ---- what the logic asks for ---- */

void conn_close(struct conns *c, unsigned peer)
{
	struct conn *x = &c->conn[peer];

	closep(&x->fd);
	x->fd = -1;
	x->connecting = x->failed = false;
	buf_clear(&x->out);
}

static int socket_begin(const struct addrinfo *a)
{
	int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

void conn_open(struct conns *c, unsigned peer)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct conn *x = &c->conn[peer];
	struct addrinfo *list = NULL;

	conn_close(c, peer);
	if (getaddrinfo(x->host, x->port, &hints, &list) == 0)
		for (const struct addrinfo *a = list; a && x->fd < 0; a = a->ai_next)
			x->fd = socket_begin(a);
	if (list)
		freeaddrinfo(list);
	x->connecting = x->fd >= 0;
	x->failed = x->fd < 0;
}

static void conn_flush(struct conn *x)
{
	size_t done = 0;

	while (!x->connecting && done < x->out.len) {
		ssize_t n = send(x->fd, x->out.p + done, x->out.len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			x->failed = errno != EAGAIN;
			break;
		}
		done += (size_t)n;
	}
	memmove(x->out.p, x->out.p + done, x->out.len - done);
	x->out.len -= done;
}

void conn_send(struct conns *c, unsigned peer, const void *p, size_t len)
{
	struct conn *x = &c->conn[peer];

	if (x->fd < 0)
		return;
	buf_put(&x->out, p, len);
	x->failed |= buf_err(&x->out) < 0;
	if (x->out.len > 0)
		conn_flush(x);
}

/* ---- the loop ---- */

bool conns_failed(const struct conns *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->conn[i].failed)
			return true;
	return false;
}

nfds_t conns_fill(const struct conns *c, struct pollfd *fds)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct conn *x = &c->conn[i];
		bool out = x->connecting || x->out.len > 0;

		fds[i] = (struct pollfd){.fd = x->fd,
					 .events = (short)(POLLIN | (out ? POLLOUT : 0))};
	}
	return c->n;
}

static void conn_settle(struct conn *x, unsigned i, struct follow *f)
{
	socklen_t len = sizeof(int);
	int error = 0;

	x->connecting = false;
	if (getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		x->failed = true;
	else
		follow_connected(f, i);
}

/* The logic may close the connection at any byte. */
static void conn_read(struct conn *x, unsigned i, struct follow *f)
{
	static uint8_t piece[READ_BYTES];

	for (int k = 0; k < READS_MAX && x->fd >= 0; k++) {
		ssize_t n = recv(x->fd, piece, sizeof(piece), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			x->failed |= n == 0 || errno != EAGAIN;
			return;
		}
		follow_received(f, i, piece, (size_t)n);
	}
}

void conns_serve(struct conns *c, const struct pollfd *fds, struct follow *f)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct conn *x = &c->conn[i];
		short got = x->fd >= 0 && fds[i].fd == x->fd ? fds[i].revents : 0;

		if (x->connecting && (got & (POLLOUT | POLLERR | POLLHUP)))
			conn_settle(x, i, f);
		else if (got & POLLOUT)
			conn_flush(x);
		if (x->fd >= 0 && !x->connecting && !x->failed &&
		    (got & (POLLIN | POLLHUP | POLLERR)))
			conn_read(x, i, f);
		if (x->failed) {
			x->failed = false;
			follow_closed(f, i);
		}
	}
}
