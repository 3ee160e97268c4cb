/* SPDX-License-Identifier: Apache-2.0
 * Calls to the node's API: --node names the node's folder, or its socket where the two are apart. */
#include "http/client.h"
#include "lug/lug.h"
#include <limits.h>
#include <sys/stat.h>

int lug_api(struct lug *l, const char *method, const char *path, json_t *body, json_t **ret_reply,
	    struct err *e)
{
	char socket[PATH_MAX];
	struct stat st;
	if (!l->node)
		return err_set(e, -ERR_INVAL, "node",
			       "which node? give --node DIR, or set LUG_NODE to the node's folder");
	bool is_socket = stat(l->node, &st) == 0 && S_ISSOCK(st.st_mode);
	int n = snprintf(socket, sizeof(socket), "%s%s", l->node, is_socket ? "" : "/lugd.sock");
	if (n < 0 || (size_t)n >= sizeof(socket))
		return err_set(e, -ERR_OVERSIZE, "node", "the path of the node is too long");
	int r = http_client_call(socket, method, path, l->officer, body, ret_reply, e);
	if (r == -ERR_NOENT && access(socket, F_OK) < 0)
		return err_set(e, -ERR_CONNREFUSED, "node",
			       "no node is running at %s; start it with lug serve %s", l->node,
			       l->node);
	return r;
}
