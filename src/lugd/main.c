/* SPDX-License-Identifier: Apache-2.0
 * lugd: the daemon of a node. It reads its configuration, starts lug-keyd and serves; see lugd(8). */
#include "base/log.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "http/route.h"
#include "lugd/lugd-int.h"
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

struct options {
	const char *conf_path, *officer, *print;
	char conf_of_folder[CONF_TEXT_MAX + 1];
	uint32_t uid, roles;
	bool init;
};

static const char usage[] =
	"lugd: the daemon of a node of the network, see lugd(8)\n"
	"\n"
	"usage: lugd FOLDER | --conf FILE [--init --officer NAME [--uid N] [--role ROLE]...]\n"
	"       lugd --print conf|conf-man|conf-json|api-man|openapi|openapi-peer\n"
	"\n"
	"  FOLDER           of the node; the same as --conf FOLDER/lugdunum.conf\n"
	"  --conf FILE      lugdunum.conf of the node\n"
	"  --init           make keys, store and first officer of a new node, then end\n"
	"  --officer NAME   the first officer\n"
	"  --uid N          the system user of that officer (default: who runs this)\n"
	"  --role ROLE      a role of that officer; admin must be one (default: every role)\n"
	"  --print WHAT     print a document that is made of the program's tables, then end\n";

/* Takes one option; -1 when it is wrong or unknown, 0 when all is said (help, version). */
static int option_take(int c, struct options *o)
{
	uint64_t uid;
	switch (c) {
	case 'c':
		o->conf_path = optarg;
		return 1;
	case 'o':
		o->officer = optarg;
		return 1;
	case 'p':
		o->print = optarg;
		return 1;
	case 'i':
		o->init = true;
		return 1;
	case 'u':
		if (dec_parse_u64(optarg, strlen(optarg), UINT32_MAX - 1, &uid) < 0)
			return -1;
		o->uid = (uint32_t)uid;
		return 1;
	case 'r':
		o->roles |= api_role_parse(optarg);
		return api_role_parse(optarg) ? 1 : -1;
	case 'V':
		return puts("lugd " LUG_VERSION) < 0 ? -1 : 0;
	case 'h':
		return fputs(usage, stdout) < 0 ? -1 : 0;
	}
	return -1;
}

/* What is asked for must be whole: a document, or a configuration, with an officer only for a new node. */
static bool options_fit(const struct options *o)
{
	if (o->print)
		return true;
	if (!o->conf_path || o->init != !!o->officer)
		return false;
	return !o->officer || name_valid(o->officer, strlen(o->officer));
}

static int options_parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"conf", required_argument, NULL, 'c'},
					      {"init", no_argument, NULL, 'i'},
					      {"role", required_argument, NULL, 'r'},
					      {"officer", required_argument, NULL, 'o'},
					      {"uid", required_argument, NULL, 'u'},
					      {"print", required_argument, NULL, 'p'},
					      {"version", no_argument, NULL, 'V'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	*o = (struct options){.uid = getuid()};
	int r = 1;
	for (int c; r > 0 && (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
		r = option_take(c, o);
	if (r > 0 && optind == argc - 1 && !o->conf_path) {
		int n = snprintf(o->conf_of_folder, sizeof(o->conf_of_folder), "%s/lugdunum.conf",
				 argv[optind++]);
		o->conf_path =
			n < 0 || (size_t)n >= sizeof(o->conf_of_folder) ? NULL : o->conf_of_folder;
	}
	if (r > 0 && (optind != argc || !options_fit(o)))
		r = -1;
	if (r < 0)
		fputs(usage, stderr);
	return r;
}

/* ---- documents ---- */

/* The manual pages of which the tables are the middle. */
static const char conf_head[] =
	"lugdunum.conf(5)\n\n# NAME\n\nlugdunum.conf - configuration of a node\n\n# DESCRIPTION\n\n"
	"Lines of the form *name = value*. Blanks around both are ignored, a line that begins with # is a comment, each\n"
	"setting stands once. lugd(8) refuses to start with a setting that it does not know or whose value does not fit,\n"
	"and says line, setting and remedy. *lug init* writes a file with every setting as a comment.\n\n"
	"lugd reads the file again on SIGHUP, on *lug reload* and on POST /v1/reload.\n\n# SETTINGS\n\n";
static const char conf_tail[] = "# SEE ALSO\n\nlugd(8), lug-keyd(8), lug(1)\n";
static const char api_head[] =
	"lugdunum-api(7)\n\n# NAME\n\nlugdunum-api - the HTTP API of a node\n\n# DESCRIPTION\n\n"
	"People's programs call over the UNIX socket of the node, where the system user that calls stands for an officer.\n"
	"Where one user stands for several (shared_uid), the header *Lugdunum-Officer* names the one who acts. Bodies and\n"
	"answers are JSON. Other nodes call over TLS 1.3 with both certificates pinned; those routes are marked.\n\n"
	"An error is *{\"error\": {\"code\", \"field\", \"message\", \"remedy\"}}* with a fitting HTTP status. A route that is\n"
	"audited as view, search or export answers only after the look was recorded.\n\n# ROUTES\n\n";
static const char api_tail[] =
	"# SEE ALSO\n\nlugd(8), lug(1). GET /v1/openapi.json gives the same as OpenAPI 3.1.\n";

static int print_json(json_t *j)
{
	char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
	int r = text && puts(text) >= 0 ? 0 : -ERR_NOMEM;
	free(text);
	json_decref(j);
	return r;
}

static int print_document(const char *what)
{
	size_t n;
	const struct api_route *routes = dispatch_routes(&n);
	struct buf b __attribute__((cleanup(buf_done)));
	buf_init(&b, 1 << 20);
	if (!strcmp(what, "conf-json"))
		return print_json(conf_json(NULL));
	if (!strcmp(what, "openapi"))
		return print_json(route_openapi(routes, n, API_PEOPLE));
	if (!strcmp(what, "openapi-peer"))
		return print_json(route_openapi(routes, n, API_PEER));
	if (!strcmp(what, "conf"))
		conf_print(NULL, &b);
	else if (!strcmp(what, "conf-man")) {
		buf_str(&b, conf_head);
		conf_print_man(&b);
		buf_str(&b, conf_tail);
	} else if (!strcmp(what, "api-man")) {
		buf_str(&b, api_head);
		route_print_man(routes, n, &b);
		buf_str(&b, api_tail);
	} else
		return fputs(usage, stderr), -ERR_INVAL;
	return buf_err(&b) < 0 || fputs(buf_cstr(&b), stdout) < 0 ? -ERR_IO : 0;
}

/* ---- serving ---- */

/* Before any thread is made, so that all inherit the mask: signals come through one descriptor. */
static int block_signals(struct lugd *d)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -ERR_IO;
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd < 0 ? err_errno(errno) : 0;
}

static int serve(struct lugd *d, struct err *e)
{
	int r = lugd_start(d, e);
	if (r < 0)
		return r;
	log_info("lugd", "serving node=%s listen=%s port=%u socket=%s pid=%d", lugd_node(d),
		 d->conf.listen.text, d->port, d->socket, (int)getpid());
	notify_systemd("READY=1");
	r = lugd_loop(d, e);
	notify_systemd("STOPPING=1");
	log_info("lugd", "stopping");
	return r;
}

static int run(const struct options *o, struct lugd *d, struct err *e)
{
	struct officer first = {
		.uid = o->uid, .roles = o->roles ? o->roles : API_ANY_ROLE, .active = true};
	int r = conf_load(o->conf_path, &d->conf, e);
	if (r < 0)
		return r;
	snprintf(first.id, sizeof(first.id), "%s", o->officer ? o->officer : "");
	if (strlen(o->conf_path) >= sizeof(d->conf_path))
		return err_set(e, ERR_OVERSIZE, "conf", NULL);
	memcpy(d->conf_path, o->conf_path, strlen(o->conf_path) + 1);
	log_level_set((enum log_level)d->conf.log_level.number);
	if (crypto_start() < 0)
		return err_set(e, ERR_CRYPTO, NULL,
			       "The self-test of the cryptographic libraries failed.");
	r = block_signals(d);
	if (r < 0)
		return err_set(e, r, NULL, "Signals cannot be set up.");
	r = o->init ? lugd_init_node(d, &first, e) : serve(d, e);
	lugd_stop(d);
	return r;
}

int main(int argc, char **argv)
{
	static struct lugd daemon = {
		.lock_fd = -1, .signal_fd = -1, .epoll_fd = -1, .queue = {.event_fd = -1}};
	struct options o;
	struct err e = {0};
	int r = options_parse(argc, argv, &o);
	if (r <= 0)
		return r ? 2 : 0;
	if (o.print)
		return print_document(o.print) < 0;
	umask(0077);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0,
		    0); /* file keys and case content pass through this memory */
	log_open("lugd", LOG_INFO, getenv("JOURNAL_STREAM") != NULL);
	r = run(&o, &daemon, &e);
	if (r < 0)
		log_broken("lugd", "%s%s%s", e.message, e.field[0] ? " field=" : "", e.field);
	return r < 0;
}
