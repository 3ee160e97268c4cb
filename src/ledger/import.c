/* SPDX-License-Identifier: Apache-2.0
 * Import: find the best chain in the block files, bring the columns to it, publish.
 *
 * 1. Lock, load the last state: checkpoint if there is one (an import was interrupted), else manifest, else nothing.
 * 2. Header index: the ledger's own blocks first, then all records of the files; so a pruned node's later files continue the
 *    ledger, and a branch must have more work than what the ledger holds to replace it.
 * 3. Fork: the first block of the best path that is not the ledger's. Blocks behind it are cut off: the cut state is written as
 *    checkpoint and the manifest removed before any row changes, with readers locked out.
 * 4. Blocks in order, a checkpoint now and then, at the end the index, then manifest, then the checkpoint is removed.
 * A kill between any two steps leaves a state that step 1 understands: rows behind the counts are cut, spenders at or
 * above tx_n zeroed, so the columns depend on the chain alone. */
#include "ledger/import.h"
#include "base/file.h"
#include "chain/hash.h"
#include "crypto/crypto.h"
#include "ledger/import-int.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>

enum {
	PROGRESS_BYTES = 4 << 20, /* block bytes between two calls */
	PROGRESS_RECORDS = 20000,
	COUNT_LEN_MAX = 9,
};

/* The folder's locks. */
struct locks {
	int import_fd, reader_fd;
};

static void locks_done(struct locks *k)
{
	closep(&k->import_fd);
	closep(&k->reader_fd);
}

static int lock_file(const char *dir, const char *name, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	int fd, r;

	r = ledger_path(dir, name, path, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? err_set(e, err_errno(errno), "ledger", "%s: %s", path, strerror(errno))
		      : fd;
}

static int locks_take(struct locks *k, const char *dir, struct err *e)
{
	int r = file_mkdirs(dir, 0755, e);

	if (r < 0)
		return r;
	k->import_fd = lock_file(dir, "import.lock", e);
	if (k->import_fd < 0)
		return k->import_fd;
	if (flock(k->import_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_BUSY, "ledger", "%s: another import is writing it", dir);
	k->reader_fd = lock_file(dir, "lock", e);
	return k->reader_fd < 0 ? k->reader_fd : 0;
}

static int locks_exclusive(const struct locks *k, const char *dir, struct err *e)
{
	if (flock(k->reader_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(
			e, ERR_BUSY, "ledger",
			"%s: blocks must be taken back, but it is being read; end the readers and run again",
			dir);
	return 0;
}

/* ---- state on disk ---- */

static int key_make(struct importer *im, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	int r = ledger_path(im->dir, "key", path, e);

	if (r < 0)
		return r;
	if (im->opt->key16)
		memcpy(im->key16, im->opt->key16, 16);
	else
		random_bytes(im->key16, 16);
	return file_write(path, im->key16, 16, 0600, e);
}

static int key_load(struct importer *im, struct err *e)
{
	_cleanup_(buf_done) struct buf b = {0};
	char path[LEDGER_PATH_MAX];
	int r = ledger_path(im->dir, "key", path, e);

	if (r < 0)
		return r;
	buf_init(&b, 16);
	r = file_read(path, &b, e);
	if (r == 0 && b.len != 16)
		r = err_set(e, ERR_CORRUPT, "key", "%s: %zu bytes instead of 16", path, b.len);
	if (r == 0)
		memcpy(im->key16, b.p, 16);
	return r;
}

static int state_write(struct importer *im, enum ledger_kind kind, struct err *e)
{
	uint8_t bytes[LEDGER_MANIFEST_LEN];
	char path[LEDGER_PATH_MAX];
	int r = ledger_path(im->dir, kind == LEDGER_KIND_MANIFEST ? "manifest" : "checkpoint", path,
			    e);

	if (r < 0)
		return r;
	im->manifest.kind = kind;
	ledger_manifest_encode(&im->manifest, bytes);
	return file_write(path, bytes, sizeof(bytes), 0644, e);
}

static int state_remove(struct importer *im, const char *name, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	int r = ledger_path(im->dir, name, path, e);

	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, err_errno(errno), name, "%s: %s", path, strerror(errno));
	return file_sync_dir(path, e);
}

static void state_fresh(struct importer *im)
{
	im->manifest = (struct ledger_manifest){
		.kind = LEDGER_KIND_CHECKPOINT,
		.counts = {.address_n = 1, .chain = ledger_chain_id(im->network)},
	};
}

static int state_load(struct importer *im, bool *ret_interrupted, struct err *e)
{
	int r = ledger_manifest_load(im->dir, LEDGER_KIND_CHECKPOINT, &im->manifest, e);

	*ret_interrupted = r == 0;
	if (r == -ERR_NOENT)
		r = ledger_manifest_load(im->dir, LEDGER_KIND_MANIFEST, &im->manifest, e);
	if (r == -ERR_NOENT) {
		state_fresh(im);
		return key_make(im, e);
	}
	if (r < 0)
		return r;
	if (im->manifest.counts.chain != ledger_chain_id(im->network))
		return err_set(e, ERR_NETWORK, "ledger", "%s: is a ledger of another chain than %s",
			       im->dir, im->network->title);
	return key_load(im, e);
}

static int checkpoint(struct importer *im, struct err *e)
{
	int r;

	im->manifest.counts = im->columns.v.counts;
	r = columns_sync(&im->columns, &im->manifest, e);
	im->manifest.index_len = 0;
	memset(im->manifest.index_sha256, 0, sizeof(im->manifest.index_sha256));
	im->since_checkpoint = 0;
	return r < 0 ? r : state_write(im, LEDGER_KIND_CHECKPOINT, e);
}

/* ---- finding the best chain ---- */

static int progress_call(struct importer *im)
{
	const struct ledger_import_options *o = im->opt;

	return o->progress ? o->progress(o->progress_arg, &im->progress) : 0;
}

static int ledger_blocks_add(struct importer *im, struct err *e)
{
	const struct ledger_view *v = &im->columns.v;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < v->counts.block_n; i++) {
		const struct ledger_block_row *b = view_block(v, i);
		uint64_t end = i + 1 < v->counts.block_n
				       ? le32toh(view_block(v, i + 1)->first_tx_le)
				       : v->counts.tx_n;

		r = headers_add(&im->headers, b->header80, b->hash32, le32toh(b->file_le),
				le64toh(b->file_off_le), le32toh(b->size_le),
				(uint32_t)(end - le32toh(b->first_tx_le)), false);
	}
	return r < 0 ? err_set(e, r, "memory", "the block headers do not fit: raise --memory") : 0;
}

static int record_visit(void *arg, const struct blkfile_record *rec, struct err *e)
{
	struct importer *im = arg;
	struct cur c = cur_init(rec->head + BLOCK_HEADER_LEN, rec->head_len - BLOCK_HEADER_LEN);
	uint64_t tx_n = size_read(&c);
	uint8_t hash32[32];
	int r;

	block_hash(rec->head, hash32);
	r = block_check_work(hash32, block_header_decode(rec->head).bits, im->network);
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
	r = headers_add(&im->headers, rec->head, hash32, rec->file, rec->off, rec->size,
			(uint32_t)tx_n, true);
	if (r < 0)
		return err_set(e, r, "memory", "the block headers do not fit: raise --memory");
	if (im->headers.n % PROGRESS_RECORDS == 0)
		(void)progress_call(im);
	return 0;
}

static int best_path(struct importer *im, struct err *e)
{
	const struct ledger_view *v = &im->columns.v;
	uint8_t root32[32];
	const uint8_t *root = root32;
	int r;

	if (v->counts.block_n > 0)
		memcpy(root32, view_block(v, 0)->hash32, 32);
	else if (im->opt->from_any)
		root = NULL;
	else if (hash_parse(im->network->genesis, strlen(im->network->genesis), root32) < 0)
		return err_set(e, ERR_UNSUPPORTED, "network", "%s has no block files",
			       im->network->title);
	r = headers_best(&im->headers, root);
	if (r == -ERR_NOENT)
		return err_set(
			e, r, "blocks",
			"%s: the first block of %s is not among these; for a part of the chain use --from-any",
			im->files.dir, im->network->title);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int find_chain(struct importer *im, struct err *e)
{
	struct blkfile_report report;
	struct ledger_import_result *res = im->result;
	uint64_t taken, reached = 0;
	int r;

	headers_init(&im->headers, im->key16, im->budget);
	r = ledger_blocks_add(im, e);
	if (r == 0)
		r = blkfiles_scan(&im->files, im->network->magic4, record_visit, im, &report, e);
	if (r == 0)
		r = best_path(im, e);
	if (r < 0)
		return r;
	taken = (uint64_t)im->headers.cap * (sizeof(struct header_node) + 16);
	im->budget -= taken < im->budget ? taken : im->budget;
	for (uint32_t i = 0; i < im->headers.n; i++)
		reached += im->headers.nodes[i].reached;
	res->record_n = report.record_n;
	res->truncated_n = report.truncated_n;
	res->zero_bytes = report.zero_bytes;
	res->skipped_bytes = report.skipped_bytes;
	res->stale_n = reached - im->headers.path_n;
	res->orphan_n = im->headers.n - reached;
	return 0;
}

/* How many blocks of the ledger are on the best path. */
static uint64_t common_blocks(const struct importer *im)
{
	const struct ledger_view *v = &im->columns.v;
	uint64_t n =
		v->counts.block_n < im->headers.path_n ? v->counts.block_n : im->headers.path_n;

	while (n > 0 && memcmp(view_block(v, n - 1)->hash32,
			       im->headers.nodes[im->headers.path[n - 1]].hash32, 32) != 0)
		n--;
	return n;
}

/* ---- bringing the columns there ---- */

static int cut_to(struct importer *im, const struct locks *k, uint64_t block_n, struct err *e)
{
	struct ledger_manifest cut;
	int r = locks_exclusive(k, im->dir, e);

	if (r == 0)
		r = columns_cut(&im->columns, &im->manifest, block_n, &cut, e);
	if (r < 0)
		return r;
	im->result->removed_n = im->manifest.counts.block_n - block_n;
	im->manifest = cut;
	r = state_write(im, LEDGER_KIND_CHECKPOINT, e);
	if (r == 0)
		r = state_remove(im, "manifest", e);
	if (r < 0)
		return r;
	columns_close(&im->columns);
	return columns_open(&im->columns, im->dir, &im->manifest, true, e);
}

/* The height that a block's coinbase states; 0 before version 2 (BIP 34), when that place held other things. */
static int stated_height(struct importer *im, const struct header_node *node, uint32_t *ret_height,
			 struct err *e)
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
	r = blkfiles_read(&im->files, 'b', node->file, node->off, p, node->size, e);
	if (r < 0)
		return r;
	r = block_open(&reader, p, node->size, block_flags(network_net(im->network)));
	if (r == 0)
		r = block_next(&reader, &t);
	if (r < 0)
		return import_corrupt(im, node, e, "%s", err_sentence(r));
	if (reader.header.version < 2 || tx_height(&t, ret_height) < 0)
		*ret_height = 0;
	return 0;
}

/* The height of the first block of a ledger that does not begin at the chain's: what the user says, or its coinbase, else 0. */
static int first_height(struct importer *im, struct err *e)
{
	const struct header_node *node = &im->headers.nodes[im->headers.path[0]];
	struct ledger_counts *c = &im->columns.v.counts;
	static const uint8_t zeros[32];
	uint32_t height = 0;
	int r = 0;

	im->partial = memcmp(node->prev32, zeros, 32) != 0;
	c->flags = im->partial ? LEDGER_FLAG_PARTIAL : 0;
	if (im->opt->first_height > UINT32_MAX)
		return err_set(e, ERR_RANGE, "first-height", "above 2^32 - 1");
	if (im->partial && im->opt->first_height >= 0)
		height = (uint32_t)im->opt->first_height;
	else if (im->partial)
		r = stated_height(im, node, &height, e);
	if (r < 0)
		return r;
	if (height > UINT32_MAX - im->headers.path_n)
		return err_set(e, ERR_RANGE, "first-height",
			       "the last block's height does not fit 32 bits");
	c->first_height = height;
	return 0;
}

static uint64_t path_tx_n(const struct importer *im, uint64_t from)
{
	uint64_t n = im->columns.v.counts.tx_n;

	for (uint64_t i = from; i < im->headers.path_n; i++)
		n += im->headers.nodes[im->headers.path[i]].tx_n;
	return n;
}

static void progress_start(struct importer *im, uint64_t from)
{
	struct ledger_progress *p = &im->progress;

	p->phase = LEDGER_PHASE_BLOCKS;
	p->height_end = im->columns.v.counts.first_height + im->headers.path_n - 1;
	p->byte_n = p->byte_end = 0;
	for (uint64_t i = from; i < im->headers.path_n; i++)
		p->byte_end += im->headers.nodes[im->headers.path[i]].size;
}

static int blocks_append(struct importer *im, uint64_t from, bool *ret_stopped, struct err *e)
{
	struct ledger_progress *p = &im->progress;
	uint64_t told = 0;
	int r;

	progress_start(im, from);
	for (uint64_t i = from; i < im->headers.path_n; i++) {
		const struct header_node *node = &im->headers.nodes[im->headers.path[i]];

		r = import_block(im, node, e);
		if (r < 0)
			return r;
		im->result->added_n++;
		im->since_checkpoint += node->size;
		p->byte_n += node->size;
		p->height = (uint32_t)(im->columns.v.counts.first_height + i);
		p->tx_n = im->columns.v.counts.tx_n;
		if (p->byte_n - told >= PROGRESS_BYTES || i + 1 == im->headers.path_n) {
			told = p->byte_n;
			*ret_stopped = progress_call(im) != 0;
		}
		if (*ret_stopped || im->since_checkpoint >= im->opt->checkpoint_bytes) {
			r = checkpoint(im, e);
			if (r < 0 || *ret_stopped)
				return r;
		}
	}
	return 0;
}

static void old_indexes_remove(const struct importer *im)
{
	char keep[LEDGER_INDEX_NAME_MAX];
	DIR *d = opendir(im->dir);
	const struct dirent *entry;

	ledger_index_name(&im->manifest.counts, keep);
	while (d && (entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, "index", 5) == 0 && strcmp(entry->d_name, keep) != 0)
			(void)unlinkat(dirfd(d), entry->d_name, 0); /* only space is lost */
	if (d)
		closedir(d);
}

static int publish(struct importer *im, struct err *e)
{
	int r;

	r = checkpoint(im, e);
	if (r < 0)
		return r;
	im->result->memory_bytes = im->opt->memory_bytes - im->budget;
	ledger_table_done(&im->tx_table);
	ledger_table_done(&im->address_table);
	im->progress.phase = LEDGER_PHASE_INDEX;
	(void)progress_call(im);
	r = ledger_index_write(im->dir, &im->columns.v, im->key16, im->opt->memory_bytes,
			       &im->manifest, e);
	if (r == 0)
		r = columns_trim(&im->columns, e);
	if (r == 0)
		r = state_write(im, LEDGER_KIND_MANIFEST, e);
	if (r == 0)
		r = state_remove(im, "checkpoint", e);
	if (r < 0)
		return r;
	old_indexes_remove(im);
	im->result->finished = true;
	return 0;
}

/* Bring the columns to where the best path goes on, in a state that a kill cannot spoil. */
static int prepare(struct importer *im, const struct locks *k, bool interrupted, uint64_t common,
		   struct err *e)
{
	int r;

	im->partial = im->manifest.counts.flags & LEDGER_FLAG_PARTIAL;
	if (common < im->columns.v.counts.block_n)
		return cut_to(im, k, common, e);
	if (common == 0) {
		r = first_height(im, e);
		if (r < 0)
			return r;
	}
	return interrupted && common > 0 ? 0 : checkpoint(im, e);
}

static int append_and_publish(struct importer *im, uint64_t common, struct err *e)
{
	bool stopped = false;
	int r = import_tables_fill(im, path_tx_n(im, common), e);

	if (r == 0)
		r = blocks_append(im, common, &stopped, e);
	im->result->unknown_n = im->columns.v.counts.unknown_n;
	im->result->byte_n = im->progress.byte_n;
	return r < 0 || stopped ? r : publish(im, e);
}

/* Everything between "the folder is locked" and "done". */
static int run(struct importer *im, const struct locks *k, struct err *e)
{
	bool interrupted;
	uint64_t common;
	int r;

	r = state_load(im, &interrupted, e);
	if (r == 0)
		r = columns_open(&im->columns, im->dir, &im->manifest, interrupted, e);
	if (r == 0)
		r = find_chain(im, e);
	if (r < 0)
		return r;
	common = common_blocks(im);
	im->result->unknown_n = im->columns.v.counts.unknown_n;
	if (common == im->headers.path_n && !interrupted) {
		im->result->finished = true;
		return columns_trim(&im->columns, e);
	}
	r = prepare(im, k, interrupted, common, e);
	return r < 0 ? r : append_and_publish(im, common, e);
}

static void importer_done(struct importer *im)
{
	columns_close(&im->columns);
	ledger_table_done(&im->tx_table);
	ledger_table_done(&im->address_table);
	headers_done(&im->headers);
	import_undos_done(im);
	blkfiles_close(&im->files);
	import_scratch_done(&im->scratch);
}

static int network_choose(struct importer *im, struct err *e)
{
	static const uint8_t zeros[4];

	if (!im->opt->network)
		return blkfiles_network(&im->files, &im->network, e);
	im->network = network_find(im->opt->network);
	if (!im->network || memcmp(im->network->magic4, zeros, 4) == 0)
		return err_set(e, ERR_INVAL, "network", "%s: not a network with block files",
			       im->opt->network);
	return 0;
}

int ledger_import(const char *blocks_dir, const char *dir, const struct ledger_import_options *opt,
		  struct ledger_import_result *ret, struct err *e)
{
	_cleanup_(locks_done) struct locks k = {-1, -1};
	struct ledger_import_options o = *opt;
	struct ledger_import_result result = {0};
	struct importer im = {.dir = dir, .opt = &o, .result = &result, .files = BLKFILES_EMPTY};
	int r;

	o.memory_bytes = o.memory_bytes ? o.memory_bytes : LEDGER_MEMORY_DEFAULT;
	o.checkpoint_bytes = o.checkpoint_bytes ? o.checkpoint_bytes : LEDGER_CHECKPOINT_DEFAULT;
	if (o.memory_bytes < LEDGER_MEMORY_MIN)
		return err_set(e, ERR_RANGE, "memory", "at least %d MiB",
			       (int)(LEDGER_MEMORY_MIN >> 20));
	im.budget = o.memory_bytes;
	ledger_table_init(&im.tx_table, &im.budget);
	ledger_table_init(&im.address_table, &im.budget);
	buf_init(&im.scratch.bytes, BLOCK_LEN_MAX);
	buf_init(&im.scratch.undo, (size_t)512 << 20);
	for (uint32_t id = 0; id <= LEDGER_COLUMN_N; id++)
		im.columns.col[id].fd = -1;
	r = blkfiles_open(&im.files, blocks_dir, e);
	if (r == 0)
		r = network_choose(&im, e);
	if (r == 0)
		r = locks_take(&k, dir, e);
	if (r == 0)
		r = run(&im, &k, e);
	importer_done(&im);
	if (ret)
		*ret = result;
	return r;
}
