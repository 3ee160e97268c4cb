/* SPDX-License-Identifier: Apache-2.0
 * The follower's folder of blocks: files as a node writes them (magic, size, block), appended in the order of the chain.
 *
 * The file follow.lock says that the folder is ours. What a crash leaves is at most one record without its end, in the last file;
 * blkdir_load() cuts it off, so that the next record stands behind a whole one. */
#include "base/file.h"
#include "ledger/blkfile.h"
#include "lug/follow-shell.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { PATH_LEN = 4096, RECORD_HEAD = 8 };

static int path_of(const struct blkdir *d, const char *name, char out[static PATH_LEN],
		   struct err *e)
{
	if (snprintf(out, PATH_LEN, "%s/%s", d->dir, name) < PATH_LEN)
		return 0;
	return err_set(e, ERR_OVERSIZE, "blocks", "the folder's path is too long");
}

static int fail(const char *path, struct err *e)
{
	return err_set(e, err_errno(errno), "blocks", "%s: %s", path, strerror(errno));
}

static int file_open(struct blkdir *d, struct err *e)
{
	char name[32], path[PATH_LEN];
	int r;

	snprintf(name, sizeof(name), "blk%05" PRIu32 ".dat", d->number);
	r = path_of(d, name, path, e);
	if (r < 0)
		return r;
	d->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (d->fd < 0)
		return fail(path, e);
	return file_sync_dir(path, e);
}

/* ---- open ---- */

/* Is there a node's work in the folder? */
static bool has_blocks(const struct blkdir *d)
{
	char path[PATH_LEN];

	return path_of(d, "blk00000.dat", path, NULL) == 0 && access(path, F_OK) == 0;
}

int blkdir_open(struct blkdir *d, const char *dir, const struct network *n, struct err *e)
{
	char path[PATH_LEN];
	int r;

	*d = (struct blkdir)BLKDIR_EMPTY;
	d->dir = dir;
	d->network = n;
	r = path_of(d, "follow.lock", path, e);
	if (r == 0)
		r = file_mkdirs(dir, 0755, e);
	if (r < 0)
		return r;
	if (access(path, F_OK) < 0 && has_blocks(d))
		return err_set(
			e, ERR_EXIST, "blocks",
			"%s holds the blocks of a node, which only that node may write: name "
			"a folder of its own, into which those may be copied",
			dir);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (d->lock < 0)
		return fail(path, e);
	if (flock(d->lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_BUSY, "blocks", "%s: another follower writes there", dir);
	return 0;
}

void blkdir_close(struct blkdir *d)
{
	closep(&d->fd);
	closep(&d->lock);
	*d = (struct blkdir)BLKDIR_EMPTY;
}

/* ---- load ---- */

struct loader {
	struct follow *f;
	uint8_t (*waiting)[BLOCK_HEADER_LEN]; /* headers before their parent */
	size_t n, cap;
	uint32_t file; /* of the last record, and where it ends */
	uint64_t end;
};

static int wait_for_parent(struct loader *l, const uint8_t *header80, struct err *e)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		void *p = realloc(l->waiting, cap * BLOCK_HEADER_LEN);

		if (!p)
			return err_set(e, ERR_NOMEM, NULL, NULL);
		l->waiting = p;
		l->cap = cap;
	}
	memcpy(l->waiting[l->n++], header80, BLOCK_HEADER_LEN);
	return 0;
}

static int record_visit(void *arg, const struct blkfile_record *rec, struct err *e)
{
	struct loader *l = arg;
	int r = follow_load(l->f, rec->head);

	if (rec->file > l->file || rec->off + rec->size > l->end)
		l->end = rec->off + rec->size;
	l->file = rec->file;
	if (r == -ERR_NOENT)
		return wait_for_parent(l, rec->head, e);
	if (r < 0)
		return err_set(e, r == -ERR_NOMEM ? r : -ERR_CORRUPT, "blocks",
			       "blk%05" PRIu32 ".dat at %" PRIu64
			       ": a header that breaks the rules of its network",
			       rec->file, rec->off);
	return 0;
}

/* Copied files of a node have blocks before their parents: as long as one finds its place, try the others again. */
static void waiting_load(struct loader *l)
{
	for (size_t before = l->n + 1; l->n > 0 && l->n < before;) {
		size_t left = 0;

		before = l->n;
		for (size_t i = 0; i < before; i++)
			if (follow_load(l->f, l->waiting[i]) == -ERR_NOENT)
				memmove(l->waiting[left++], l->waiting[i], BLOCK_HEADER_LEN);
		l->n = left;
	}
}

static int tail_cut(struct blkdir *d, const struct blkfiles *files, const struct loader *l,
		    struct err *e)
{
	const struct blkfile_entry *last = &files->files[files->file_n - 1];

	d->number = last->number;
	d->len = last->number == l->file ? l->end : 0;
	if (file_open(d, e) < 0)
		return e ? e->code : -ERR_IO;
	if (ftruncate(d->fd, (int64_t)d->len) < 0)
		return fail(d->dir, e);
	return 0;
}

int blkdir_load(struct blkdir *d, struct follow *f, struct err *e)
{
	struct blkfiles files = BLKFILES_EMPTY;
	struct loader l = {.f = f};
	struct blkfile_report report;
	int r;

	if (!has_blocks(d))
		return file_open(d, e);
	r = blkfiles_open(&files, d->dir, e);
	if (r == 0)
		r = blkfiles_scan(&files, d->network->magic4, record_visit, &l, &report, e);
	if (r == 0) {
		waiting_load(&l);
		r = tail_cut(d, &files, &l, e);
	}
	free(l.waiting);
	blkfiles_close(&files);
	return r;
}

/* ---- write ---- */

static int next_file(struct blkdir *d, struct err *e)
{
	int r = blkdir_sync(d, e);

	if (r < 0)
		return r;
	close(d->fd);
	d->fd = -1;
	d->number++;
	d->len = 0;
	return file_open(d, e);
}

int blkdir_put(struct blkdir *d, const uint8_t *p, size_t len, struct err *e)
{
	uint8_t head[RECORD_HEAD];
	uint32_t len_le = htole32((uint32_t)len);
	int r = 0;

	if (d->len > 0 && d->len + RECORD_HEAD + len > BLKDIR_FILE_MAX)
		r = next_file(d, e);
	if (r < 0)
		return r;
	memcpy(head, d->network->magic4, 4);
	memcpy(head + 4, &len_le, 4);
	if (lseek(d->fd, (int64_t)d->len, SEEK_SET) < 0)
		return fail(d->dir, e);
	r = fd_write_all(d->fd, head, RECORD_HEAD);
	if (r == 0)
		r = fd_write_all(d->fd, p, len);
	if (r < 0) {
		(void)!ftruncate(d->fd, (int64_t)d->len); /* else blkdir_load() does it */
		return err_set(e, r, "blocks", "%s: a block could not be written", d->dir);
	}
	d->len += RECORD_HEAD + len;
	d->pending += len;
	return 0;
}

int blkdir_sync(struct blkdir *d, struct err *e)
{
	if (d->pending > 0 && fdatasync(d->fd) < 0)
		return fail(d->dir, e);
	d->pending = 0;
	return 0;
}
