/* SPDX-License-Identifier: Apache-2.0
 * lug init: make the folder of a node. The configuration is written here; keys, store and the first officer are made by
 * lugd --init, so that the rules of each are in one place. */
#include "base/file.h"
#include "base/text.h"
#include "conf/conf.h"
#include "http/api.h"
#include "lug/lug.h"
#include "lug/node.h"
#include <limits.h>
#include <spawn.h>
#include <sys/wait.h>

enum { ARGV_MAX = 24, ROLES_TEXT_MAX = 160 };

/* The settings that the options name; all others keep their defaults. */
static int make_conf(const struct args *a, struct buf *out, struct err *e)
{
	static const char *const names[][2] = {
		{"listen", "listen"}, {"console", "console_listen"}, {"store", "store"}};
	const char *passphrase = args_str(a, "passphrase-file");
	char path[PATH_MAX];
	_cleanup_(freep) struct conf *conf = calloc(1, sizeof(*conf));
	struct buf text _cleanup_(buf_done);
	buf_init(&text, CONF_FILE_MAX);
	buf_printf(&text, "node = %s\n", args_str(a, "name"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (args_str(a, names[i][0]))
			buf_printf(&text, "%s = %s\n", names[i][1], args_str(a, names[i][0]));
	if (passphrase && !realpath(passphrase, path))
		return err_set(e, err_errno(errno), "passphrase-file", "cannot use %s: %s",
			       passphrase, strerror(errno));
	if (passphrase) /* named from here, not from the node's folder */
		buf_printf(&text, "passphrase_file = %s\n", path);
	if (args_flag(a, "shared-uid"))
		buf_str(&text, "shared_uid = yes\n");
	if (!conf || buf_err(&text) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = conf_parse(text.p, text.len, "the options", conf, e);
	if (r < 0)
		return r;
	conf_print(conf, out);
	return buf_err(out);
}

/* "duty,officer" as one --role for each; the words are cut in place. */
static int add_roles(char *roles, const char **argv, size_t *n, struct err *e)
{
	for (char *word = roles, *comma; word && *word; word = comma) {
		comma = strchr(word, ',');
		if (comma)
			*comma++ = 0;
		if (!api_role_parse(word) || *n + 3 > ARGV_MAX)
			return err_set(
				e, ERR_INVAL, "roles",
				"A role is officer, duty, approver, analyst, secretary, auditor or admin, not %.32s.",
				word);
		argv[(*n)++] = "--role";
		argv[(*n)++] = word;
	}
	return 0;
}

static int run_lugd(const char *const *argv, struct err *e)
{
	pid_t pid;
	int status = 0, failed = posix_spawn(&pid, argv[0], NULL, NULL,
					     (char *const *)(uintptr_t)argv, environ);
	if (failed)
		return err_set(e, err_errno(failed), "lugd", "Cannot start %s: %s", argv[0],
			       strerror(failed));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_IO, "lugd",
			       "lugd did not make the node; its own words are above.");
	return 0;
}

static int make_rest(const struct args *a, const char *conf_path, struct err *e)
{
	char lugd[NODE_PATH_MAX], roles[ROLES_TEXT_MAX];
	const char *argv[ARGV_MAX] = {lugd,	"--conf",    conf_path,
				      "--init", "--officer", args_str(a, "officer-id")};
	size_t n = 6;
	uint64_t uid = 0;
	const char *given = args_str(a, "roles");
	int len = snprintf(roles, sizeof(roles), "%s", given ? given : "");
	if (len < 0 || (size_t)len >= sizeof(roles))
		return err_set(e, ERR_INVAL, "roles", "The list of roles is too long.");
	if (!name_valid(argv[5], strlen(argv[5])))
		return err_set(
			e, ERR_INVAL, "officer-id",
			"\"%s\" is no id: lower-case letters, digits and . _ / - as in duty-officer",
			argv[5]);
	int r = args_u64(a, "uid", 0, UINT32_MAX - 1, &uid, e);
	if (r >= 0)
		r = node_program("lugd", lugd, e);
	if (r >= 0)
		r = add_roles(roles, argv, &n, e);
	if (r < 0)
		return r;
	if (args_str(a, "uid")) {
		argv[n++] = "--uid";
		argv[n++] = args_str(a, "uid");
	}
	argv[n] = NULL;
	return run_lugd(argv, e);
}

static int run_init(struct lug *l, const struct args *a, struct err *e)
{
	char path[NODE_PATH_MAX];
	struct buf text _cleanup_(buf_done);
	const char *folder = args_pos(a, 0);
	buf_init(&text, CONF_FILE_MAX);
	int r = node_conf_path(folder, path, e);
	if (r >= 0)
		r = make_conf(a, &text, e);
	if (r < 0)
		return r;
	if (access(path, F_OK) == 0)
		return err_set(e, ERR_EXIST, folder,
			       "%s is there already; a node is never made over another one.", path);
	r = file_mkdirs(folder, 0700, e);
	if (r >= 0)
		r = file_write(path, text.p, text.len, 0600, e);
	if (r >= 0)
		r = make_rest(a, path, e);
	if (r < 0) {
		(void)unlink(path); /* so that it can be tried again */
		return r;
	}
	if (l->json)
		return lug_print_json(json_pack("{s:s, s:s, s:s, s:s}", "node", args_str(a, "name"),
						"folder", folder, "conf", path, "officer",
						args_str(a, "officer-id")),
				      e);
	printf("The node %s is ready in %s; start it with: lug serve %s\n", args_str(a, "name"),
	       folder, folder);
	return 0;
}

const struct verb verb_init = {
	.name = "init",
	.args = "FOLDER",
	.args_min = 1,
	.args_max = 1,
	.summary = "make the folder of a new node: configuration, keys, store, first officer",
	.doc = "Writes FOLDER/lugdunum.conf, lets lug-keyd make the node's keys in FOLDER/keys, makes the store and the audit log, "
	       "and enters the first officer, who must be an administrator. Without --passphrase-file the keys are sealed by a "
	       "file beside them: whoever has the folder has the keys.",
	.examples =
		"lug init /var/lib/lugdunum --name it.rome --listen '[::]:8443' --officer-id duty-officer\n"
		"# a node that others reach on port 8443\n"
		"lug init demo --name it.example --listen 127.0.0.1:8443 --officer-id duty-officer --shared-uid\n"
		"# for trying: one user may act as several officers",
	.opts =
		(const struct opt[]){
			{"name", "NODE", "name of the node in the network, for example it.rome",
			 true, false},
			{"listen", "ADDRESS:PORT", "where other nodes reach it (default [::]:8443)",
			 false, false},
			{"store", "URI", "a PostgreSQL database for its records (default a file)",
			 false, false},
			{"console", "ADDRESS:PORT",
			 "where browsers reach its console over HTTPS (default: no console)", false,
			 false},
			{"officer-id", "ID", "the first officer", true, false},
			{"roles", "LIST", "that officer's roles, separated by commas (default all)",
			 false, false},
			{"uid", "N", "that officer's system user (default: who runs this)", false,
			 false},
			{"passphrase-file", "FILE", "file with the passphrase that seals the keys",
			 false, false},
			{"shared-uid", NULL,
			 "let one user act as several officers: demonstrations only", false, false},
			{0}},
	.run = run_init,
};
