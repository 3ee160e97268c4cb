/* SPDX-License-Identifier: Apache-2.0
 * sd_notify(3) by hand: one datagram to the socket in NOTIFY_SOCKET; a name that begins with @ is abstract. */
#include "base/cleanup.h"
#include "lugd/lugd-int.h"
#include <sys/socket.h>
#include <sys/un.h>

void notify_systemd(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	union {
		struct sockaddr any;
		struct sockaddr_un un;
	} a = {.un = {.sun_family = AF_UNIX}};
	size_t len = path ? strlen(path) : 0;
	if (len < 2 || len >= sizeof(a.un.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(a.un.sun_path, path, len);
	if (path[0] == '@')
		a.un.sun_path[0] = 0;
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, &a.any,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}
