/* SPDX-License-Identifier: Apache-2.0
 * The demo's first half: a chain with a crime in it, three nodes, and a network under 2-of-3 governance. */
#include "base/file.h"
#include "lug/demo-play.h"
#include <sys/stat.h>

const char *node_name(const struct play *p, enum demo_node_id n)
{
	return p->d.node[n].name;
}

/* ---- the chain ---- */

static int64_t folder_bytes(const char *path)
{
	char file[4200];
	struct stat st;
	int64_t bytes = 0;
	for (int i = 0; i < 100000; i++) {
		snprintf(file, sizeof(file), "%s/blk%05d.dat", path, i);
		if (stat(file, &st) < 0)
			break;
		bytes += st.st_size;
	}
	return bytes;
}

int play_chain(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	struct buf text;
	json_t *j = NULL;
	demo_begin(
		d,
		"make a chain with a crime in it: victims pay, peel chain, mixer, split, two exchanges");
	const char *argv[] = {
		"--out", demo_path(d, "chain"), "--scenario", "ransom", "--seed", "1", "--quiet",
		NULL};
	int r = demo_run(d, "chaingen", argv, NULL, e);
	buf_init(&text, DEMO_OUT_MAX);
	if (r == 0)
		r = file_read(demo_path(d, "chain/scenario.json"), &text, e);
	if (r == 0)
		r = json_parse(text.p, text.len, &j, e);
	buf_done(&text);
	if (r == 0 && json_array_append_new(d->answers, j) < 0)
		r = -ERR_NOMEM;
	p->scenario = r == 0 ? j : NULL;
	return demo_end(d, r, (uint64_t)folder_bytes(demo_path(d, "chain/blocks")), e,
			"tip %.16s... at height %lld, the truth beside it", demo_str(j, "tip"),
			(long long)json_integer_value(demo_get(j, "height")));
}

int play_import(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	const char *blocks = p->real ? p->real : demo_path(d, "chain/blocks");
	const char *ledger = demo_path(d, "ledger");
	json_t *info = NULL;
	demo_begin(d, "import the chain into a ledger, and verify it");
	int r = demo_lug(d, (const char *[]){"ledger", "import", blocks, "--ledger", ledger, NULL},
			 NULL, e);
	if (r == 0)
		r = demo_lug(d, (const char *[]){"ledger", "verify", "--ledger", ledger, NULL},
			     NULL, e);
	if (r == 0)
		r = demo_lug(d, (const char *[]){"ledger", "info", "--ledger", ledger, NULL}, &info,
			     e);
	return demo_end(d, r, (uint64_t)folder_bytes(blocks), e,
			"each column recomputed: height %lld, tip %.16s...",
			(long long)json_integer_value(demo_get(info, "height")),
			demo_str(info, "tip"));
}

int play_labels(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	json_t *j = NULL;
	demo_begin(d, "load who owns which address (a TagPack)");
	int r = demo_lug(d,
			 (const char *[]){"ledger", "labels", "import",
					  demo_path(d, "chain/labels.yaml"), "--ledger",
					  demo_path(d, "ledger"), NULL},
			 &j, e);
	return demo_end(d, r, 0, e, "%lld labels, %lld in quarantine",
			(long long)json_integer_value(demo_get(j, "0.labels")),
			(long long)json_integer_value(demo_get(j, "0.quarantined")));
}

/* ---- the network ---- */

static const char *offline_key(struct play *p, const char *kind, enum demo_node_id n)
{
	return demo_path(&p->d, "offline/%s-%s.key", node_name(p, n), kind);
}

static int keygen(struct play *p, const char *kind, enum demo_node_id n, const char **ret_public,
		  struct err *e)
{
	struct demo *d = &p->d;
	json_t *j = NULL;
	const char *name = arena_printf(&d->arena, "%s%c%s", node_name(p, n),
					kind[0] == 'i' ? '/' : '-', kind);
	int r = demo_lug(d,
			 (const char *[]){"network", "keygen", offline_key(p, kind, n), "--name",
					  name, NULL},
			 &j, e);
	if (r == 0)
		*ret_public = demo_str(j, "public");
	return r;
}

/* The consoles may ask the ledger that the demo has imported. */
static int add_ledger(struct demo *d, const struct demo_node *node, struct err *e)
{
	const char *conf = demo_path(d, "%s/lugdunum.conf", node->name);
	struct buf text _cleanup_(buf_done);
	buf_init(&text, DEMO_OUT_MAX);
	int r = file_read(conf, &text, e);
	buf_printf(&text, "ledger = %s\nwatch = watch.db\n", demo_path(d, "ledger"));
	if (r == 0)
		r = buf_err(&text);
	return r < 0 ? r : file_write(conf, text.p, text.len, 0600, e);
}

static int node_init(struct play *p, enum demo_node_id n, struct err *e)
{
	struct demo *d = &p->d;
	const struct demo_node *node = &d->node[n];
	const char *listen = arena_printf(&d->arena, "127.0.0.1:%d", node->port);
	const char *console = arena_printf(&d->arena, "127.0.0.1:%d", node->console_port);
	const char *argv[DEMO_ARGS_MAX] = {
		"init",	       node->dir,      "--name", node->name, "--listen",
		listen,	       "--officer-id", OFFICER,	 "--roles",  "duty,officer,approver,admin",
		"--shared-uid"};
	if (d->keep) {
		argv[11] = "--console";
		argv[12] = console;
	}
	int r = demo_lug(d, argv, NULL, e);
	if (r == 0 && d->keep)
		r = add_ledger(d, node, e);
	if (r == 0)
		r = duty_channels(p, n, e);
	if (r == 0)
		r = keygen(p, "governor", n, &p->governor[n], e);
	if (r == 0)
		r = keygen(p, "identity", n, &p->identity[n], e);
	return r;
}

int play_init(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(d,
		   "make the nodes of Italy, France and Japan, each with its own keys in lug-keyd");
	int r = file_mkdirs(demo_path(d, "offline"), 0700, e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = node_init(p, (enum demo_node_id)i, e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_start(d, (enum demo_node_id)i, e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_as(d, (enum demo_node_id)i, OFFICER,
			    (const char *[]){"officer", "set", APPROVER, "--roles",
					     "approver,auditor", NULL},
			    NULL, e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = duty_staff(p, (enum demo_node_id)i, e);
	return demo_end(
		d, r, 0, e,
		"three lugd answer on their sockets, each with a duty roster; governance and identity keys stay offline");
}

static int sign_note(struct play *p, const char *note, const char *key, struct err *e)
{
	return demo_lug(&p->d, (const char *[]){"network", "sign", note, "--key", key, NULL}, NULL,
			e);
}

static int members_draft(struct play *p, const char *note, struct err *e)
{
	struct demo *d = &p->d;
	const char *argv[DEMO_ARGS_MAX] = {"network", "draft", "--threshold", "2", "--out", note};
	int k = 6;
	for (int i = 0; i < DEMO_NODES; i++) {
		enum demo_node_id n = (enum demo_node_id)i;
		argv[k++] = "--governor";
		argv[k++] = p->governor[n];
		argv[k++] = "--member";
		argv[k++] = arena_printf(&d->arena, "%s,%s,police,%s", node_name(p, n),
					 d->node[i].country, p->identity[n]);
	}
	return demo_lug(d, argv, NULL, e);
}

int play_network(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	const char *note = demo_path(d, "members.note");
	struct err refused = {0};
	demo_begin(d, "form the network: a members note under 2-of-3 governance");
	int r = members_draft(p, note, e);
	if (r == 0)
		r = sign_note(p, note, offline_key(p, "governor", DEMO_IT), e);
	/* One signature of two must not do. */
	if (r == 0 &&
	    demo_as(d, DEMO_JP, OFFICER, (const char *[]){"network", "install", note, NULL}, NULL,
		    &refused) != -ERR_SIGNATURE)
		r = err_set(e, -ERR_STALE, "members",
			    "a members note with one signature was not refused as it should be: %s",
			    refused.message);
	if (r == 0)
		r = sign_note(p, note, offline_key(p, "governor", DEMO_FR), e);
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = demo_as(d, (enum demo_node_id)i, OFFICER,
			    (const char *[]){"network", "install", note, NULL}, NULL, e);
	return demo_end(d, r, 0, e, "refused with one signature, installed with two");
}

static int node_note(struct play *p, enum demo_node_id n, struct err *e)
{
	struct demo *d = &p->d;
	const struct demo_node *node = &d->node[n];
	const char *note = demo_path(d, "%s.note", node->name);
	int r = demo_as(
		d, n, OFFICER,
		(const char *[]){
			"member", "note", "--endpoint",
			arena_printf(&d->arena, "https://127.0.0.1:%d", node->port), "--language",
			n == DEMO_IT   ? "it"
			: n == DEMO_FR ? "fr"
				       : "ja",
			"--language", "en", "--power", "freeze", "--power", "trace", "--power",
			"information", "--contact",
			arena_printf(&d->arena, "duty officer %s,+00 000 00%d", node->city, (int)n),
			"--out", note, NULL},
		NULL, e);
	return r < 0 ? r : sign_note(p, note, offline_key(p, "identity", n), e);
}

int play_notes(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	demo_begin(
		d,
		"publish the node notes: endpoints, TLS pins, keys, powers, each signed by its agency");
	int r = 0;
	for (int i = 0; r == 0 && i < DEMO_NODES; i++)
		r = node_note(p, (enum demo_node_id)i, e);
	for (int i = 0; r == 0 && i < DEMO_NODES * DEMO_NODES; i++)
		r = demo_as(d, (enum demo_node_id)(i / DEMO_NODES), OFFICER,
			    (const char *[]){
				    "network", "install",
				    demo_path(d, "%s.note",
					      node_name(p, (enum demo_node_id)(i % DEMO_NODES))),
				    NULL},
			    NULL, e);
	return demo_end(d, r, 0, e, "every node holds the notes of all three");
}
