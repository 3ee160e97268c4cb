/* SPDX-License-Identifier: Apache-2.0
 * Import of a node's block files: find the best chain, bring the ledger to it, publish.
 *
 * 1. Lock, load the last state (import-state.c).
 * 2. Header index: the ledger's own blocks first, then all records of the files; so a pruned node's later files continue the
 *    ledger, and a branch must have more work than what the ledger holds to replace it.
 * 3. Fork: the first block of the best path that is not the ledger's. Blocks behind it are taken back.
 * 4. Batches of blocks in order (import-batch.c), a checkpoint now and then, at the end the manifest.
 * A kill between any two steps leaves a state that step 1 understands: rows behind the counts are cut, spenders at or
 * above tx_n zeroed, so the ledger depends on the chain alone. */
#include "ledger/import.h"
#include "base/cleanup.h"
#include "chain/hash.h"
#include "ledger/import-int.h"
#include <inttypes.h>
#include <unistd.h>

enum {
	PROGRESS_BYTES = 4 << 20, /* block bytes between two calls */
	PROGRESS_RECORDS = 20000,
	BATCH_PART = 8, /* of the memory: more would cost more new pages than it saves look-ups */
	BATCH_BYTES_PER_BYTE = 3, /* a block's rows never take more than this in a batch */
};

/* An import of files: the ledger, the files, the way from one to the other. */
struct chain_import {
	struct importer im;
	const struct ledger_import_options *opt;
	struct ledger_import_result *result;
	struct blkfiles files;
	struct headers headers;
	struct ledger_progress progress;
	uint64_t told;		   /* progress.byte_n at the last call */
	uint64_t next;		   /* on the best path: the first block that is not in the ledger */
	uint64_t since_checkpoint; /* bytes */
	bool stopped;
	/* one for each thread: descriptors and a block's bytes */
	struct blkfiles reader[PARALLEL_THREADS_MAX];
	struct buf bytes[PARALLEL_THREADS_MAX];
};

/* ---- finding the best chain ---- */

static int progress_call(struct chain_import *ci)
{
	const struct ledger_import_options *o = ci->opt;

	return o->progress ? o->progress(o->progress_arg, &ci->progress) : 0;
}

static int ledger_blocks_add(struct chain_import *ci, struct err *e)
{
	const struct ledger_view *v = &ci->im.columns.v;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < v->counts.block_n; i++) {
		const struct ledger_block_row *b = view_block(v, i);
		uint64_t end = i + 1 < v->counts.block_n
				       ? le32toh(view_block(v, i + 1)->first_tx_le)
				       : v->counts.tx_n;

		r = headers_add(&ci->headers, b->header80, b->hash32, le32toh(b->file_le),
				le64toh(b->file_off_le), le32toh(b->size_le),
				(uint32_t)(end - le32toh(b->first_tx_le)), false);
	}
	return r < 0 ? err_set(e, r, "memory", "the block headers do not fit") : 0;
}

static int record_visit(void *arg, const struct blkfile_record *rec, struct err *e)
{
	struct chain_import *ci = arg;
	struct cur c = cur_init(rec->head + BLOCK_HEADER_LEN, rec->head_len - BLOCK_HEADER_LEN);
	uint64_t tx_n = size_read(&c);
	uint8_t hash32[32];
	int r;

	block_hash(rec->head, hash32);
	r = block_check_work(hash32, block_header_decode(rec->head).bits, ci->im.network);
	if (r < 0 && r != -ERR_UNSUPPORTED)
		return err_set(e, ERR_CORRUPT, "blocks",
			       "blk%05" PRIu32 ".dat at %" PRIu64
			       ": a header without its proof of work",
			       rec->file, rec->off);
	if (c.error || tx_n == 0 || tx_n > rec->size / BLOCK_TX_LEN_MIN)
		return err_set(e, ERR_CORRUPT, "blocks",
			       "blk%05" PRIu32 ".dat at %" PRIu64
			       ": an impossible number of transactions",
			       rec->file, rec->off);
	r = headers_add(&ci->headers, rec->head, hash32, rec->file, rec->off, rec->size,
			(uint32_t)tx_n, true);
	if (r < 0)
		return err_set(e, r, "memory", "the block headers do not fit");
	if (ci->headers.n % PROGRESS_RECORDS == 0)
		(void)progress_call(ci);
	return 0;
}

static int best_path(struct chain_import *ci, struct err *e)
{
	const struct ledger_view *v = &ci->im.columns.v;
	uint8_t root32[32];
	const uint8_t *root = root32;
	int r;

	if (v->counts.block_n > 0)
		memcpy(root32, view_block(v, 0)->hash32, 32);
	else if (ci->opt->from_any)
		root = NULL;
	else if (hash_parse(ci->im.network->genesis, strlen(ci->im.network->genesis), root32) < 0)
		return err_set(e, ERR_UNSUPPORTED, "network", "%s has no block files",
			       ci->im.network->title);
	r = headers_best(&ci->headers, root);
	if (r == -ERR_NOENT)
		return err_set(
			e, r, "blocks",
			"%s: the first block of %s is not among these; for a part of the chain use --from-any",
			ci->files.dir, ci->im.network->title);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int find_chain(struct chain_import *ci, struct err *e)
{
	struct blkfile_report report;
	struct ledger_import_result *res = ci->result;
	uint64_t reached = 0;
	int r;

	headers_init(&ci->headers, ci->im.key16, UINT64_MAX);
	r = ledger_blocks_add(ci, e);
	if (r == 0)
		r = blkfiles_scan(&ci->files, ci->im.network->magic4, record_visit, ci, &report, e);
	if (r == 0)
		r = best_path(ci, e);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < ci->headers.n; i++)
		reached += ci->headers.nodes[i].reached;
	res->record_n = report.record_n;
	res->truncated_n = report.truncated_n;
	res->zero_bytes = report.zero_bytes;
	res->skipped_bytes = report.skipped_bytes;
	res->stale_n = reached - ci->headers.path_n;
	res->orphan_n = ci->headers.n - reached;
	return 0;
}

/* How many blocks of the ledger are on the best path. */
static uint64_t common_blocks(const struct chain_import *ci)
{
	const struct ledger_view *v = &ci->im.columns.v;
	uint64_t n =
		v->counts.block_n < ci->headers.path_n ? v->counts.block_n : ci->headers.path_n;

	while (n > 0 && memcmp(view_block(v, n - 1)->hash32,
			       ci->headers.nodes[ci->headers.path[n - 1]].hash32, 32) != 0)
		n--;
	return n;
}

/* ---- bringing the ledger there ---- */

/* The height that a block's coinbase states; 0 before version 2 (BIP 34), when that place held other things. */
static int stated_height(struct chain_import *ci, const struct header_node *node,
			 uint32_t *ret_height, struct err *e)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct block_reader reader;
	struct tx t;
	uint8_t *p;
	int r;

	buf_init(&b, BLOCK_LEN_MAX);
	p = buf_space(&b, node->size);
	if (!p)
		return err_set(e, buf_err(&b), NULL, NULL);
	r = blkfiles_read(&ci->files, 'b', node->file, node->off, p, node->size, e);
	if (r < 0)
		return r;
	r = block_open(&reader, p, node->size, block_flags(network_net(ci->im.network)));
	if (r == 0)
		r = block_next(&reader, &t);
	if (r < 0)
		return import_corrupt(&ci->im, node, e, "%s", err_sentence(r));
	if (reader.header.version < 2 || tx_height(&t, ret_height) < 0)
		*ret_height = 0;
	return 0;
}

/* The height of the first block of a ledger that does not begin at the chain's: what the user says, or its coinbase, else 0. */
static int first_height(struct chain_import *ci, struct err *e)
{
	const struct header_node *node = &ci->headers.nodes[ci->headers.path[0]];
	struct ledger_counts *c = &ci->im.columns.v.counts;
	static const uint8_t zeros[32];
	uint32_t height = 0;
	int r = 0;

	ci->im.partial = memcmp(node->prev32, zeros, 32) != 0;
	c->flags = ci->im.partial ? LEDGER_FLAG_PARTIAL : 0;
	if (ci->opt->first_height > UINT32_MAX)
		return err_set(e, ERR_RANGE, "first-height", "above 2^32 - 1");
	if (ci->im.partial && ci->opt->first_height >= 0)
		height = (uint32_t)ci->opt->first_height;
	else if (ci->im.partial)
		r = stated_height(ci, node, &height, e);
	if (r < 0)
		return r;
	if (height > UINT32_MAX - ci->headers.path_n)
		return err_set(e, ERR_RANGE, "first-height",
			       "the last block's height does not fit 32 bits");
	c->first_height = height;
	return 0;
}

static int block_read(void *arg, unsigned worker, uint64_t i, const struct header_node **ret_node,
		      const uint8_t **ret_p, struct err *e)
{
	struct chain_import *ci = arg;
	const struct header_node *node = &ci->headers.nodes[ci->headers.path[ci->next + i]];
	struct buf *b = &ci->bytes[worker];
	uint8_t *p;

	buf_clear(b);
	p = buf_space(b, node->size);
	if (!p)
		return err_set(e, buf_err(b), NULL, NULL);
	*ret_node = node;
	*ret_p = p;
	return blkfiles_read(&ci->reader[worker], 'b', node->file, node->off, p, node->size, e);
}

static bool block_placed(void *arg, const struct batch_block *b)
{
	struct chain_import *ci = arg;
	struct ledger_progress *p = &ci->progress;

	p->byte_n += b->node->size;
	p->height = ci->im.columns.v.counts.first_height + b->node->depth;
	p->tx_n = ci->im.columns.v.counts.tx_n + b->first_tx + b->tx_n;
	if (p->byte_n - ci->told >= PROGRESS_BYTES || p->height == p->height_end) {
		ci->told = p->byte_n;
		ci->stopped = progress_call(ci) != 0;
	}
	return ci->stopped;
}

/* What comes behind the batch at hand, which took some blocks. */
static enum import_end batch_end(void *arg, uint64_t block_n)
{
	const struct chain_import *ci = arg;

	if (ci->next + block_n == ci->headers.path_n && !ci->stopped)
		return IMPORT_PUBLISH;
	return ci->stopped || ci->since_checkpoint + ci->im.batch.block_bytes >=
				       ci->opt->checkpoint_bytes
		       ? IMPORT_CHECKPOINT
		       : IMPORT_GO_ON;
}

static void progress_start(struct chain_import *ci)
{
	struct ledger_progress *p = &ci->progress;

	p->phase = LEDGER_PHASE_BLOCKS;
	p->height_end = ci->im.columns.v.counts.first_height + ci->headers.path_n - 1;
	p->byte_n = p->byte_end = 0;
	for (uint64_t i = ci->next; i < ci->headers.path_n; i++)
		p->byte_end += ci->headers.nodes[ci->headers.path[i]].size;
}

static int next_batch(struct chain_import *ci, struct err *e)
{
	struct importer *im = &ci->im;
	struct import_source src = {
		.read = block_read,
		.placed = block_placed,
		.arg = ci,
		.block_n = ci->headers.path_n - ci->next,
		.bytes_max = ci->opt->checkpoint_bytes - ci->since_checkpoint,
	};
	enum import_end end;
	uint64_t n;
	int r = import_batch(im, &src, batch_end, ci, &n, e);

	if (r < 0)
		return r;
	end = batch_end(ci, n);
	ci->next += n;
	ci->result->added_n += n;
	ci->since_checkpoint += im->batch.block_bytes;
	if (end != IMPORT_CHECKPOINT)
		return 0;
	ci->since_checkpoint = 0;
	return import_commit(im, LEDGER_KIND_CHECKPOINT, e);
}

static int batches(struct chain_import *ci, struct err *e)
{
	struct importer *im = &ci->im;
	uint64_t headers = (uint64_t)ci->headers.cap * (sizeof(struct header_node) + 16), budget;
	int r;

	progress_start(ci);
	budget = (im->memory_bytes > 2 * headers ? im->memory_bytes - headers
						 : im->memory_bytes / 2) /
		 BATCH_PART;
	if (budget / BATCH_BYTES_PER_BYTE > ci->progress.byte_end)
		budget = ci->progress.byte_end * BATCH_BYTES_PER_BYTE;
	if (batch_init(&im->batch, budget) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	ci->result->memory_bytes = budget + headers;
	for (unsigned i = 0; i < im->threads; i++) {
		ci->reader[i] = ci->files;
		ci->reader[i].fd[0] = ci->reader[i].fd[1] = -1;
		buf_init(&ci->bytes[i], BLOCK_LEN_MAX);
	}
	for (r = 0; r == 0 && ci->next < ci->headers.path_n && !ci->stopped;)
		r = next_batch(ci, e);
	for (unsigned i = 0; i < im->threads; i++) {
		closep(&ci->reader[i].fd[0]);
		closep(&ci->reader[i].fd[1]);
		buf_done(&ci->bytes[i]);
	}
	return r;
}

static int publish(struct chain_import *ci, struct err *e)
{
	int r = import_commit(&ci->im, LEDGER_KIND_MANIFEST, e);

	if (r == 0)
		r = import_finish(&ci->im, e);
	ci->result->finished = r == 0;
	return r;
}

/* Bring the ledger to where the best path goes on, in a state that a kill cannot spoil. */
static int prepare(struct chain_import *ci, bool interrupted, struct err *e)
{
	uint64_t had = ci->im.columns.v.counts.block_n;
	int r = 0;

	if (ci->next < had) {
		r = import_cut(&ci->im, ci->next, e);
		ci->result->removed_n = had - ci->next;
		return r;
	}
	if (ci->next == 0)
		r = first_height(ci, e);
	return r < 0 || (interrupted && ci->next > 0) ? r : import_mark(&ci->im, e);
}

/* Everything between "the folder is locked" and "done". */
static int run(struct chain_import *ci, struct err *e)
{
	struct importer *im = &ci->im;
	bool interrupted;
	int r;

	r = import_open(im, ci->opt->key16, &interrupted, e);
	if (r == 0)
		r = find_chain(ci, e);
	if (r < 0)
		return r;
	ci->next = common_blocks(ci);
	ci->result->finished = ci->next == ci->headers.path_n && !interrupted;
	if (!ci->result->finished) {
		r = prepare(ci, interrupted, e);
		if (r == 0)
			r = ci->next < ci->headers.path_n ? batches(ci, e)
							  : import_segments_publish(im, e);
		if (r == 0 && !ci->stopped)
			r = publish(ci, e);
	}
	ci->result->unknown_n = im->columns.v.counts.unknown_n;
	ci->result->byte_n = ci->progress.byte_n;
	ci->result->undo_n = im->undo_n;
	ci->result->undo_missing_n = im->undo_missing_n;
	return r;
}

static int network_choose(struct chain_import *ci, struct err *e)
{
	static const uint8_t zeros[4];

	if (!ci->opt->network)
		return blkfiles_network(&ci->files, &ci->im.network, e);
	ci->im.network = network_find(ci->opt->network);
	if (!ci->im.network || memcmp(ci->im.network->magic4, zeros, 4) == 0)
		return err_set(e, ERR_INVAL, "network", "%s: not a network with block files",
			       ci->opt->network);
	return 0;
}

int ledger_import(const char *blocks_dir, const char *dir, const struct ledger_import_options *opt,
		  struct ledger_import_result *ret, struct err *e)
{
	_cleanup_(freep) struct chain_import *ci = calloc(1, sizeof(*ci));
	struct ledger_import_options o = *opt;
	struct ledger_import_result result = {0};
	int r;

	if (!ci)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	o.memory_bytes = o.memory_bytes ? o.memory_bytes : LEDGER_MEMORY_DEFAULT;
	o.checkpoint_bytes = o.checkpoint_bytes ? o.checkpoint_bytes : LEDGER_CHECKPOINT_DEFAULT;
	if (o.memory_bytes < LEDGER_MEMORY_MIN)
		return err_set(e, ERR_RANGE, "memory", "at least %d MiB",
			       (int)(LEDGER_MEMORY_MIN >> 20));
	ci->opt = &o;
	ci->result = &result;
	import_init(&ci->im, dir, &o);
	r = blkfiles_open(&ci->files, blocks_dir, e);
	ci->im.undo_from = o.ignore_undo ? NULL : &ci->files;
	if (r == 0)
		r = network_choose(ci, e);
	if (r == 0)
		r = run(ci, e);
	import_undos_done(&ci->im);
	import_close(&ci->im);
	headers_done(&ci->headers);
	blkfiles_close(&ci->files);
	if (ret)
		*ret = result;
	return r;
}
