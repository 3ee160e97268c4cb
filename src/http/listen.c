/* SPDX-License-Identifier: Apache-2.0
 * Listening sockets: TCP for peers, a socket file for people. */
#include "base/cleanup.h"
#include "base/text.h"
#include "http/server.h"
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 128, HOST_MAX = 255 };

static int address_parse(const char *address, char host[static HOST_MAX + 1], const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	if (len > 1 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	if (!len || len > HOST_MAX)
		return -ERR_INVAL;
	memcpy(host, address, len);
	host[len] = 0;
	*ret_port = colon + 1;
	return 0;
}

static int bind_and_listen(int fd, const struct sockaddr *sa, socklen_t len)
{
	const int yes = 1, no = 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (sa->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	return bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0 ? -errno : 0;
}

/* One view for each family, as the socket calls want them. */
union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static uint16_t bound_port(int fd)
{
	union address a = {0};
	socklen_t len = sizeof(a);
	if (getsockname(fd, &a.any, &len) < 0)
		return 0;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static void freeaddrinfop(struct addrinfo **a)
{
	if (*a)
		freeaddrinfo(*a);
}

int http_listen_tcp(const char *address, uint16_t *ret_port, struct err *e)
{
	char host[HOST_MAX + 1];
	const char *port;
	_cleanup_(freeaddrinfop) struct addrinfo *list = NULL;
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
				       .ai_socktype = SOCK_STREAM};
	int r = address_parse(address, host, &port);
	if (r < 0 || getaddrinfo(host, port, &hints, &list) != 0 || !list)
		return err_set(e, ERR_INVAL, "listen",
			       "%s is not an address of this machine; write address:port.",
			       address);
	_cleanup_(closep) int fd =
		socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : bind_and_listen(fd, list->ai_addr, list->ai_addrlen);
	if (r < 0)
		return err_set(e, r == -EADDRINUSE ? ERR_BUSY : err_errno(-r), "listen",
			       "Cannot listen on %s: %s", address, strerror(-r));
	*ret_port = bound_port(fd);
	return TAKE_FD(fd);
}

static int group_find(const char *group, gid_t *ret_gid, struct err *e)
{
	char text[4096];
	struct group g, *found = NULL;
	if (getgrnam_r(group, &g, text, sizeof(text), &found) != 0 || !found)
		return err_set(e, ERR_NOENT, "socket_group",
			       "There is no group %s on this machine.", group);
	*ret_gid = found->gr_gid;
	return 0;
}

/* A socket file that nobody answers is what a killed daemon leaves. */
static bool somebody_answers(const union address *sa)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, &sa->any, sizeof(sa->un)) == 0;
}

int http_listen_unix(const char *path, unsigned mode, const char *group, struct err *e)
{
	union address sa = {.un = {.sun_family = AF_UNIX}};
	gid_t gid = (gid_t)-1;
	size_t len = strlen(path);
	int r = 0;
	if (!len || len >= sizeof(sa.un.sun_path))
		return err_set(e, ERR_INVAL, "socket",
			       "The path of the socket must be shorter than %zu bytes.",
			       sizeof(sa.un.sun_path));
	memcpy(sa.un.sun_path, path, len + 1);
	if (group[0])
		r = group_find(group, &gid, e);
	if (r < 0)
		return r;
	if (somebody_answers(&sa))
		return err_set(e, ERR_BUSY, "socket",
			       "Another daemon answers on %s; stop it first.", path);
	(void)unlink(path);
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0177); /* nobody else may connect before mode and group are set */
	r = fd < 0 || bind(fd, &sa.any, sizeof(sa.un)) < 0 ? -errno : 0;
	umask(before);
	if (r >= 0 && ((gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0) ||
		       chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0))
		r = -errno;
	if (r < 0)
		return err_set(e, err_errno(-r), "socket", "Cannot listen on %s: %s", path,
			       strerror(-r));
	return TAKE_FD(fd);
}
