/* SPDX-License-Identifier: Apache-2.0
 * lug serve: become the daemon of a node. */
#include "lug/lug.h"
#include "lug/node.h"
#include <unistd.h>

int node_program(const char *name, char out[static NODE_PATH_MAX], struct err *e)
{
	char self[NODE_PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len > 0 ? len : 0] = 0;
	char *slash = strrchr(self, '/');
	int n = slash ? snprintf(out, NODE_PATH_MAX, "%.*s/%s", (int)(slash - self), self, name)
		      : -1;
	if (n < 0 || n >= NODE_PATH_MAX)
		return err_set(e, ERR_OVERSIZE, name, "The path of this program is not usable.");
	if (access(out, X_OK) < 0)
		return err_set(e, ERR_NOENT, name,
			       "%s is not there; the three programs belong into one folder.", out);
	return 0;
}

int node_conf_path(const char *folder, char out[static NODE_PATH_MAX], struct err *e)
{
	int n = snprintf(out, NODE_PATH_MAX, "%s/lugdunum.conf", folder);
	return n < 0 || n >= NODE_PATH_MAX
		       ? err_set(e, ERR_OVERSIZE, folder, "The folder's path is too long.")
		       : 0;
}

static int run_serve(struct lug *l, const struct args *a, struct err *e)
{
	char lugd[NODE_PATH_MAX], conf[NODE_PATH_MAX];
	int r = node_program("lugd", lugd, e);
	if (r >= 0)
		r = node_conf_path(args_pos(a, 0), conf, e);
	if (r < 0)
		return r;
	if (access(conf, R_OK) < 0)
		return err_set(e, err_errno(errno), args_pos(a, 0),
			       "Cannot read %s: %s; lug init makes a node.", conf, strerror(errno));
	execl(lugd, lugd, "--conf", conf, NULL);
	return err_set(e, err_errno(errno), "lugd", "Cannot start %s: %s", lugd, strerror(errno));
}

const struct verb verb_serve = {
	.name = "serve",
	.args = "FOLDER",
	.args_min = 1,
	.args_max = 1,
	.summary = "run the node of a folder until it is told to stop",
	.doc = "Becomes lugd(8) with FOLDER/lugdunum.conf. It stays in the foreground and logs to stderr; ^C or SIGTERM stops it "
	       "cleanly, SIGHUP makes it read its configuration again. A service manager starts lugd itself.",
	.examples = "lug serve /var/lib/lugdunum\n# in the foreground",
	.run = run_serve,
};
