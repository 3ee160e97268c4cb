/* SPDX-License-Identifier: Apache-2.0
 * lug-keyd: the process that holds the keys of a node. lugd starts it; docs/protocol/keyd.md says what it answers. */
#include "base/file.h"
#include "base/time.h"
#include "keyd/keyd-int.h"
#include "keyd/server.h"
#include "keyd/vault.h"
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct options {
	const char *folder, *init_node, *passphrase_file;
	int passphrase_fd;
};

static const char usage[] =
	"lug-keyd: holds the secret keys of a node; started by lugd, see lug-keyd(8)\n"
	"\n"
	"usage: lug-keyd --folder DIR [--init NODE] [--passphrase-file FILE | --passphrase-fd N]\n"
	"\n"
	"  --folder DIR            where the sealed keys are\n"
	"  --init NODE             make the folder for a node of that name first\n"
	"  --passphrase-file FILE  file with the passphrase; one newline at its end is ignored\n"
	"  --passphrase-fd N       the same from a descriptor\n"
	"\n"
	"Without a passphrase the sealing key is a file beside the keys: whoever has the folder has the keys.\n"
	"Descriptor 3 must be a UNIX SOCK_SEQPACKET socket; requests arrive there.\n";

static int64_t wall_s(void)
{
	return time_now_ms() / 1000;
}

static int options_parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"folder", required_argument, NULL, 'f'},
					      {"init", required_argument, NULL, 'i'},
					      {"passphrase-file", required_argument, NULL, 'p'},
					      {"passphrase-fd", required_argument, NULL, 'd'},
					      {"version", no_argument, NULL, 'V'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	*o = (struct options){.passphrase_fd = -1};
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		if (c == 'f')
			o->folder = optarg;
		else if (c == 'i')
			o->init_node = optarg;
		else if (c == 'p')
			o->passphrase_file = optarg;
		else if (c == 'd')
			o->passphrase_fd = (int)strtol(optarg, NULL, 10);
		else if (c == 'V')
			return puts("lug-keyd " LUG_VERSION), 0;
		else
			return fputs(usage, c == 'h' ? stdout : stderr), c == 'h' ? 0 : -1;
	}
	if (!o->folder || optind != argc)
		return fputs(usage, stderr), -1;
	return 1;
}

/* Keeps 0 to 2, the connection, and the descriptor that the passphrase comes from. */
static void close_others(int keep)
{
	unsigned from = CHANNEL_FD + 1;
	if (keep > CHANNEL_FD) {
		if ((unsigned)keep > from)
			(void)close_range(from, (unsigned)keep - 1, 0);
		from = (unsigned)keep + 1;
	}
	(void)close_range(from, ~0U, 0);
}

static int read_passphrase(const struct options *o, struct secret *pass, size_t *ret_len,
			   struct err *e)
{
	_cleanup_(closep) int fd = o->passphrase_fd;
	*ret_len = 0;
	if (o->passphrase_file)
		fd = open(o->passphrase_file, O_RDONLY | O_CLOEXEC);
	else if (fd < 0)
		return 0;
	if (fd < 0)
		return err_set(e, err_errno(errno), "passphrase", "Cannot open %s: %s",
			       o->passphrase_file, strerror(errno));
	int64_t n = fd_read_all(fd, pass->p, pass->len);
	if (n < 0)
		return err_set(e, (int)n, "passphrase", "Cannot read the passphrase: %s",
			       err_sentence((int)n));
	if (n > VAULT_PASS_MAX)
		return err_set(e, ERR_OVERSIZE, "passphrase",
			       "The passphrase is longer than %d bytes.", VAULT_PASS_MAX);
	if (n && pass->p[n - 1] == '\n')
		n--;
	if (!n)
		return err_set(e, ERR_FIELD_MISSING, "passphrase",
			       "The passphrase is empty; write one into the file.");
	*ret_len = (size_t)n;
	return 0;
}

static int open_vault(const struct options *o, struct vault **ret_vault, struct err *e)
{
	struct secret pass _cleanup_(secret_done) = {0};
	size_t pass_len;
	int r = secret_init(&pass, VAULT_PASS_MAX + 1);
	if (r < 0)
		return err_set(e, r, NULL,
			       "Cannot lock memory for secrets; raise the limit (ulimit -l).");
	r = read_passphrase(o, &pass, &pass_len, e);
	if (r >= 0 && o->init_node)
		r = vault_init(o->folder, o->init_node, pass.p, pass_len, VAULT_OPS, VAULT_MEM_KIB,
			       e);
	return r < 0 ? r : vault_open(o->folder, pass.p, pass_len, ret_vault, e);
}

static void harden_early(void)
{
	const struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none); /* checked again, and for success, by keyd_sandbox */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* a terminal's ^C reaches the group; lugd decides when we end */
}

int main(int argc, char **argv)
{
	struct options o;
	struct err e = {0};
	_cleanup_(vault_closep) struct vault *vault = NULL;
	int r = options_parse(argc, argv, &o);
	if (r <= 0)
		return r ? 2 : 0;
	if (fcntl(CHANNEL_FD, F_GETFD) < 0)
		return fputs("lug-keyd: descriptor 3 is not open; lugd starts this program\n",
			     stderr),
		       2;
	close_others(o.passphrase_fd);
	harden_early();
	r = crypto_start() < 0 ? err_set(&e, ERR_CRYPTO, NULL,
					 "The self-test of the cryptographic libraries failed.")
			       : 0;
	if (r >= 0)
		r = open_vault(&o, &vault, &e);
	if (r >= 0)
		r = keyd_sandbox(&e);
	if (keyd_server_start(CHANNEL_FD, r < 0 ? &e : NULL) < 0 || r < 0)
		_exit(1);
	struct keyd_server server = {vault, wall_s};
	r = keyd_server_run(&server, CHANNEL_FD);
	vault_close(TAKE_PTR(vault));
	_exit(r < 0); /* no exit handlers behind the filter */
}
