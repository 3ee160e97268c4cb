/* SPDX-License-Identifier: Apache-2.0
 * The importer's state on disk: locks, key, checkpoint and manifest, and the way back to a fork.
 *
 * `checkpoint` says that an import is under way: if it is found, spenders may stand in the column that no state counts. The state to
 * go on from is the one of checkpoint and manifest that has more blocks, of equal ones the manifest; a cut removes the manifest first. */
#include "base/file.h"
#include "chain/network.h"
#include "crypto/crypto.h"
#include "ledger/import-int.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>

enum {
	LEDGER_KEY_MODE = 0640
}; /* readers of the ledger need it; whoever pays to addresses should not know it */

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

static int locks_take(struct import_locks *k, const char *dir, struct err *e)
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

static int readers_out(const struct import_locks *k, const char *dir, struct err *e)
{
	if (flock(k->reader_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(
			e, ERR_BUSY, "ledger",
			"%s: blocks must be taken back, but it is being read; end the readers and run again",
			dir);
	return 0;
}

static int key_make(struct importer *im, const uint8_t *key16, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	int r = ledger_path(im->dir, "key", path, e);

	if (r < 0)
		return r;
	if (key16)
		memcpy(im->key16, key16, 16);
	else
		random_bytes(im->key16, 16);
	return file_write(path, im->key16, 16, LEDGER_KEY_MODE, e);
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
	uint8_t bytes[LEDGER_MANIFEST_LEN_MAX];
	char path[LEDGER_PATH_MAX];
	int r = ledger_path(im->dir, kind == LEDGER_KIND_MANIFEST ? "manifest" : "checkpoint", path,
			    e);

	if (r < 0)
		return r;
	im->manifest.kind = kind;
	return file_write(path, bytes, ledger_manifest_encode(&im->manifest, bytes), 0644, e);
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

static int state_load(struct importer *im, const uint8_t *key16, bool *ret_interrupted,
		      struct err *e)
{
	struct ledger_manifest m;
	int c = ledger_manifest_load(im->dir, LEDGER_KIND_CHECKPOINT, &im->manifest, e);
	int r = ledger_manifest_load(im->dir, LEDGER_KIND_MANIFEST, &m, e);

	*ret_interrupted = c == 0;
	if (c < 0 && c != -ERR_NOENT)
		return c;
	if (r < 0 && r != -ERR_NOENT)
		return r;
	if (c < 0 && r < 0) {
		state_fresh(im);
		return key_make(im, key16, e);
	}
	if (r == 0 && (c < 0 || m.counts.block_n >= im->manifest.counts.block_n))
		im->manifest = m;
	if (im->manifest.counts.chain != ledger_chain_id(im->network))
		return err_set(e, ERR_NETWORK, "ledger", "%s: is a ledger of another chain than %s",
			       im->dir, im->network->title);
	return key_load(im, e);
}

static int data_open(struct importer *im, bool clean, struct err *e)
{
	int r = columns_open(&im->columns, im->dir, &im->manifest, clean, e);

	im->partial = im->manifest.counts.flags & LEDGER_FLAG_PARTIAL;
	return r < 0 ? r : import_segments_open(im, e);
}

static void data_close(struct importer *im)
{
	import_segments_close(im);
	columns_close(&im->columns);
}

void import_init(struct importer *im, const char *dir, const struct ledger_import_options *o)
{
	int64_t processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t threads = o->threads ? o->threads : processors > 0 ? (uint64_t)processors : 1;

	*im = (struct importer){
		.dir = dir,
		.memory_bytes = o->memory_bytes ? o->memory_bytes : LEDGER_MEMORY_DEFAULT,
		.threads =
			threads < PARALLEL_THREADS_MAX ? (unsigned)threads : PARALLEL_THREADS_MAX,
		.locks = {-1, -1},
	};
	for (uint32_t id = 0; id <= LEDGER_COLUMN_N; id++)
		im->columns.col[id].fd = -1;
}

int import_open(struct importer *im, const uint8_t *key16, bool *ret_interrupted, struct err *e)
{
	int r;

	r = locks_take(&im->locks, im->dir, e);
	if (r == 0)
		r = state_load(im, key16, ret_interrupted, e);
	return r < 0 ? r : data_open(im, *ret_interrupted, e);
}

int import_reopen(struct importer *im, struct err *e)
{
	bool interrupted;
	int r;

	data_close(im);
	r = state_load(im, NULL, &interrupted, e);
	if (r == 0)
		r = data_open(im, true, e);
	if (r < 0)
		data_close(im);
	return r;
}

void import_close(struct importer *im)
{
	data_close(im);
	batch_done(&im->batch);
	closep(&im->locks.import_fd);
	closep(&im->locks.reader_fd);
}

int import_mark(struct importer *im, struct err *e)
{
	im->manifest.counts.flags = im->columns.v.counts.flags;
	im->manifest.counts.first_height = im->columns.v.counts.first_height;
	return state_write(im, LEDGER_KIND_CHECKPOINT, e);
}

int import_commit(struct importer *im, enum ledger_kind kind, struct err *e)
{
	int r;

	im->manifest.counts = im->columns.v.counts;
	r = columns_sync(&im->columns, &im->manifest, e);
	for (uint32_t i = 0; r == 0 && i < im->manifest.segment_n; i++) {
		if (!im->segment_synced[i])
			r = segment_sync(im->dir, &im->columns.v, &im->manifest.segment[i], e);
		im->segment_synced[i] = r == 0;
	}
	if (r == 0)
		r = state_write(im, kind, e);
	return r;
}

int import_finish(struct importer *im, struct err *e)
{
	int r;

	import_segments_tidy(
		im); /* first: while there is a checkpoint, the next run ends here again */
	r = state_remove(im, "checkpoint", e);
	(void)flock(im->locks.reader_fd, LOCK_UN);
	return r;
}

static uint32_t find_before(void *arg, const uint8_t txid32[static 32], uint32_t before)
{
	return import_find_tx(arg, txid32, before);
}

int import_cut(struct importer *im, uint64_t block_n, struct err *e)
{
	struct ledger_manifest cut;
	uint64_t *spends = NULL, spends_n = 0;
	int r = readers_out(&im->locks, im->dir, e);

	batch_clear(&im->batch, &im->columns.v.counts);
	if (r == 0)
		r = columns_cut(&im->columns, &im->manifest, block_n, find_before, im, &cut,
				&spends, &spends_n, e);
	if (r == 0)
		r = import_segments_cut(im, &cut, e);
	if (r == 0) {
		im->manifest = cut;
		r = state_write(im, LEDGER_KIND_CHECKPOINT, e);
	}
	if (r == 0)
		r = state_remove(im, "manifest", e);
	if (r == 0)
		columns_unspend(&im->columns, spends, spends_n);
	free(spends);
	if (r < 0)
		return r;
	data_close(im);
	return data_open(im, false, e);
}
