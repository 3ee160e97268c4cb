/* SPDX-License-Identifier: Apache-2.0
 * The demo with --keep: Rome watches deposits at exchanges as of an earlier block, then the rest of the chain comes, so that
 * its desk shows what a watch finds. Entities are made, so that pages have them. */
#include "base/file.h"
#include "lug/demo-play.h"

enum {
	BLOCKS_MAX = 64 << 20,
	EARLY_OF = 100,
	EARLY = 92 /* so many hundredths of the block file are there at first */
};

/* The chain's first part: the last block is torn, as after a crash, and left out by the import. */
static int save_early(struct demo *d, struct err *e)
{
	struct buf all _cleanup_(buf_done);
	buf_init(&all, BLOCKS_MAX);
	int r = file_read(demo_path(d, "chain/blocks/blk00000.dat"), &all, e);
	if (r >= 0)
		r = file_mkdirs(demo_path(d, "early/blocks"), 0700, e);
	return r < 0 ? r
		     : file_write(demo_path(d, "early/blocks/blk00000.dat"), all.p,
				  all.len / EARLY_OF * EARLY, 0600, e);
}

static int watch(struct demo *d, const char *what, const char *note, const char *file,
		 struct err *e)
{
	return demo_lug(d,
			(const char *[]){"watch", "add", what, "--note", note, "--watch", file,
					 "--ledger", demo_path(d, "early/ledger"), NULL},
			NULL, e);
}

static int scan(struct demo *d, const char *ledger, const char *file, struct err *e)
{
	return demo_lug(d,
			(const char *[]){"watch", "scan", "--watch", file, "--ledger",
					 demo_path(d, "%s", ledger), NULL},
			NULL, e);
}

int play_watch(struct play *p, struct err *e)
{
	struct demo *d = &p->d;
	const char *file = demo_path(d, "%s/watch.db", node_name(p, DEMO_IT));
	int r = demo_lug(
		d, (const char *[]){"ledger", "cluster", "--ledger", demo_path(d, "ledger"), NULL},
		NULL, e);
	if (r < 0 || p->real)
		return r;
	r = save_early(d, e);
	if (r >= 0)
		r = demo_lug(d,
			     (const char *[]){"ledger", "import", demo_path(d, "early/blocks"),
					      "--ledger", demo_path(d, "early/ledger"), NULL},
			     NULL, e);
	for (int i = 1; r >= 0 && i <= 2; i++) {
		const char *at = arena_printf(&d->arena, "deposits.%d.address", i);
		r = watch(d, demo_str(p->scenario, at), "RM 2026/000114", file, e);
	}
	if (r >= 0)
		r = scan(d, "early/ledger", file, e);
	return r < 0 ? r : scan(d, "ledger", file, e);
}
