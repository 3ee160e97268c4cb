/* SPDX-License-Identifier: Apache-2.0
 * A disk that forgets. Each file keeps an undo list since its last sync: a crash takes back all writes, or all but the first
 * few, so that the log may end anywhere, also within a page. */
#include "disk.h"
#include <sqlite3.h>
#include <string.h>

enum { FILES_MAX = 8, NAME_MAX_LEN = 64, FILE_BYTES_MAX = 256 << 20 };

struct undo {
	size_t off, len; /* bytes overwritten */
	size_t size;	 /* of the file before */
	uint8_t *old;	 /* len bytes, of which those beyond size are absent */
};
struct blob {
	char name[NAME_MAX_LEN];
	bool exists;
	uint8_t *p;
	size_t len, cap;
	struct undo *undo;
	size_t undo_n, undo_max;
};
struct disk {
	sqlite3_vfs vfs;
	char name[NAME_MAX_LEN];
	struct prng *rng;
	struct blob files[FILES_MAX];
	uint64_t crash_after, fail_after;
	bool dead, full;
};
struct handle {
	sqlite3_file base;
	struct disk *disk;
	struct blob *blob;
	bool temporary; /* goes when it is closed */
};

/* ---- files ---- */

static void forget_undo(struct blob *b)
{
	for (size_t i = 0; i < b->undo_n; i++)
		free(b->undo[i].old);
	b->undo_n = 0;
}

static struct blob *find(struct disk *d, const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (d->files[i].exists && strcmp(d->files[i].name, name) == 0)
			return &d->files[i];
	return NULL;
}

static struct blob *create(struct disk *d, const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct blob *b = &d->files[i];
		if (b->exists)
			continue;
		snprintf(b->name, sizeof(b->name), "%s", name);
		b->exists = true;
		b->len = 0;
		return b;
	}
	return NULL;
}

static int grow(struct blob *b, size_t len)
{
	if (len > FILE_BYTES_MAX)
		return SQLITE_FULL;
	if (len > b->cap) {
		size_t cap = b->cap ? b->cap : 65536;
		while (cap < len)
			cap *= 2;
		uint8_t *p = realloc(b->p, cap);
		if (!p)
			return SQLITE_NOMEM;
		b->p = p;
		b->cap = cap;
	}
	if (len > b->len)
		memset(b->p + b->len, 0, len - b->len);
	return SQLITE_OK;
}

static int remember(struct blob *b, size_t off, size_t len)
{
	if (b->undo_n == b->undo_max) {
		size_t max = b->undo_max ? 2 * b->undo_max : 16;
		struct undo *u = realloc(b->undo, max * sizeof(*u));
		if (!u)
			return SQLITE_NOMEM;
		b->undo = u;
		b->undo_max = max;
	}
	struct undo *u = &b->undo[b->undo_n];
	*u = (struct undo){.off = off, .len = len, .size = b->len, .old = malloc(len ? len : 1)};
	if (!u->old)
		return SQLITE_NOMEM;
	if (off < b->len)
		memcpy(u->old, b->p + off, off + len <= b->len ? len : b->len - off);
	b->undo_n++;
	return SQLITE_OK;
}

static void take_back(struct blob *b, size_t keep)
{
	while (b->undo_n > keep) {
		struct undo *u = &b->undo[--b->undo_n];
		if (u->off < u->size)
			memcpy(b->p + u->off, u->old,
			       u->off + u->len <= u->size ? u->len : u->size - u->off);
		b->len = u->size;
		free(u->old);
	}
}

/* ---- SQLite's file ---- */

static int f_close(sqlite3_file *f)
{
	struct handle *h = (struct handle *)f;
	if (h->temporary) {
		forget_undo(h->blob);
		h->blob->exists = false;
	}
	return SQLITE_OK;
}

static int f_read(sqlite3_file *f, void *out, int n, sqlite3_int64 off)
{
	struct handle *h = (struct handle *)f;
	size_t have = (size_t)off < h->blob->len ? h->blob->len - (size_t)off : 0;
	if (h->disk->dead)
		return SQLITE_IOERR_READ;
	size_t take = have < (size_t)n ? have : (size_t)n;
	if (take)
		memcpy(out, h->blob->p + off, take);
	memset((uint8_t *)out + take, 0, (size_t)n - take);
	return take < (size_t)n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

/* Is this the write or sync that fails? */
static bool fails(struct disk *d)
{
	return d->fail_after && --d->fail_after == 0;
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	struct handle *h = (struct handle *)f;
	size_t end = (size_t)off + (size_t)n;
	if (h->disk->dead || fails(h->disk))
		return SQLITE_IOERR_WRITE;
	if (h->disk->full && end > h->blob->len)
		return SQLITE_FULL;
	int r = remember(h->blob, (size_t)off, (size_t)n);
	if (r == SQLITE_OK)
		r = grow(h->blob, end);
	if (r != SQLITE_OK)
		return r;
	memcpy(h->blob->p + off, p, (size_t)n);
	if (end > h->blob->len)
		h->blob->len = end;
	return SQLITE_OK;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct handle *h = (struct handle *)f;
	if (h->disk->dead)
		return SQLITE_IOERR_TRUNCATE;
	if ((size_t)size < h->blob->len) {
		int r = remember(h->blob, (size_t)size, h->blob->len - (size_t)size);
		if (r != SQLITE_OK)
			return r;
		h->blob->len = (size_t)size;
	}
	return SQLITE_OK;
}

/* The crash comes at a sync: its writes may have reached the disk or not, but nobody is told. */
static int f_sync(sqlite3_file *f, int flags)
{
	struct handle *h = (struct handle *)f;
	struct disk *d = h->disk;
	if (d->dead || fails(d))
		return SQLITE_IOERR_FSYNC;
	if (d->crash_after && --d->crash_after == 0) {
		d->dead = true;
		if (prng_chance(d->rng, 1, 3))
			forget_undo(h->blob);
		return SQLITE_IOERR_FSYNC;
	}
	forget_undo(h->blob);
	return SQLITE_OK;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)((struct handle *)f)->blob->len;
	return SQLITE_OK;
}

static int f_lock(sqlite3_file *f, int level)
{
	return SQLITE_OK;
}

static int f_reserved(sqlite3_file *f, int *ret)
{
	*ret = 0;
	return SQLITE_OK;
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return SQLITE_NOTFOUND;
}

static int f_sector(sqlite3_file *f)
{
	return 4096;
}

static int f_characteristics(sqlite3_file *f)
{
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_lock,
	.xCheckReservedLock = f_reserved,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_characteristics,
};

/* ---- SQLite's file system ---- */

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct handle *h = (struct handle *)f;
	struct disk *d = v->pAppData;
	static uint64_t temporary;
	char temp[NAME_MAX_LEN];
	f->pMethods = NULL;
	if (d->dead)
		return SQLITE_CANTOPEN;
	if (!name) {
		snprintf(temp, sizeof(temp), "temporary-%llu", (unsigned long long)++temporary);
		name = temp;
	}
	h->disk = d;
	h->blob = find(d, name);
	if (!h->blob && flags & SQLITE_OPEN_CREATE)
		h->blob = create(d, name);
	if (!h->blob)
		return SQLITE_CANTOPEN;
	h->temporary = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
	f->pMethods = &methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
	struct disk *d = v->pAppData;
	if (d->dead)
		return SQLITE_IOERR_DELETE;
	struct blob *b = find(d, name);
	if (!b)
		return SQLITE_IOERR_DELETE_NOENT;
	forget_undo(b);
	b->exists = false;
	return SQLITE_OK;
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
	*ret = find(v->pAppData, name) != NULL;
	return SQLITE_OK;
}

static int v_path(sqlite3_vfs *v, const char *name, int max, char *out)
{
	snprintf(out, (size_t)max, "%s", name);
	return SQLITE_OK;
}

static int v_random(sqlite3_vfs *v, int n, char *out)
{
	memset(out, 7, (size_t)n); /* the same in every run */
	return n;
}

static int v_sleep(sqlite3_vfs *v, int us)
{
	return us;
}

static int v_time(sqlite3_vfs *v, double *ret)
{
	*ret = 2460000.5;
	return SQLITE_OK;
}

static int v_error(sqlite3_vfs *v, int n, char *out)
{
	return 0;
}

struct disk *disk_new(const char *name, struct prng *rng)
{
	struct disk *d = calloc(1, sizeof(*d));
	if (!d)
		abort();
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->rng = rng;
	d->vfs = (sqlite3_vfs){.iVersion = 1,
			       .szOsFile = sizeof(struct handle),
			       .mxPathname = NAME_MAX_LEN,
			       .zName = d->name,
			       .pAppData = d,
			       .xOpen = v_open,
			       .xDelete = v_delete,
			       .xAccess = v_access,
			       .xFullPathname = v_path,
			       .xRandomness = v_random,
			       .xSleep = v_sleep,
			       .xCurrentTime = v_time,
			       .xGetLastError = v_error};
	if (sqlite3_vfs_register(&d->vfs, 0) != SQLITE_OK)
		abort();
	return d;
}

struct disk *disk_free(struct disk *d)
{
	if (!d)
		return NULL;
	sqlite3_vfs_unregister(&d->vfs);
	for (size_t i = 0; i < FILES_MAX; i++) {
		forget_undo(&d->files[i]);
		free(d->files[i].undo);
		free(d->files[i].p);
	}
	free(d);
	return NULL;
}

void disk_copy(struct disk *d, const struct disk *from)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		const struct blob *b = &from->files[i];
		if (!b->exists)
			continue;
		struct blob *mine = create(d, b->name);
		if (!mine || grow(mine, b->len) != SQLITE_OK)
			abort();
		if (b->len)
			memcpy(mine->p, b->p, b->len);
		mine->len = b->len;
		for (size_t k = b->undo_n; k-- > 0;) {
			const struct undo *u = &b->undo[k];
			if (u->off < u->size)
				memcpy(mine->p + u->off, u->old,
				       u->off + u->len <= u->size ? u->len : u->size - u->off);
			mine->len = u->size;
		}
	}
}

void disk_put_back(struct disk *d, const struct disk *from)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		forget_undo(&d->files[i]);
		d->files[i].exists = false;
	}
	d->dead = false;
	d->crash_after = d->fail_after = 0;
	disk_copy(d, from);
}

void disk_crash_after(struct disk *d, uint64_t n)
{
	d->crash_after = n;
}

void disk_fail_after(struct disk *d, uint64_t n)
{
	d->fail_after = n;
}

void disk_full(struct disk *d, bool full)
{
	d->full = full;
}

bool disk_dead(const struct disk *d)
{
	return d->dead;
}

void disk_revive(struct disk *d)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct blob *b = &d->files[i];
		size_t keep = b->undo_n && prng_chance(d->rng, 1, 2)
				      ? (size_t)prng_below(d->rng, b->undo_n + 1)
				      : 0;
		take_back(b, keep);
		forget_undo(b);
	}
	d->dead = false;
	d->crash_after = d->fail_after = 0;
}

bool disk_find(const struct disk *d, const void *p, size_t len)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (d->files[i].exists && d->files[i].len &&
		    memmem(d->files[i].p, d->files[i].len, p, len))
			return true;
	return false;
}
