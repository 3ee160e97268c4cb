/* SPDX-License-Identifier: Apache-2.0
 * The appender: entries out of the store into tiles, and a signed checkpoint over them.
 *
 * Order of one integration, each step durable before the next one starts:
 *   1 bundles and tiles of the new entries are written beside those of the last checkpoint, which stay as they are
 *   2 the new checkpoint is signed
 *   3 it becomes the row of audit_head, unless that holds a larger one
 *   4 it replaces the file `checkpoint`
 *   5 partial tiles whose full tile is now there are removed
 *
 * Invariants, whatever is lost at a crash:
 *   A what `checkpoint` names can be read from the folder (1 before 4)
 *   B nothing smaller than what was signed is signed later: what is signed extends the state in memory, and that was compared,
 *     when the folder was opened, with both the file and the row; a crash between 3 and 4 is ended by publishing the row's note
 *   C entries are rows of committed transactions: the same numbers give the same bytes, so that a second try of 1 writes the
 *     same files
 *
 * After any failure the state in memory may be ahead of the checkpoint, so it is dropped and loaded again from the folder. */
#include "audit/audit-int.h"
#include "base/file.h"
#include "store/store.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

struct audit_log {
	struct store *store;
	const struct audit_key *key;
	int lock_fd;
	bool broken;		      /* load again before the next integration */
	int64_t waits_since_ms;	      /* when an entry was first seen waiting; -1 when none is */
	struct audit_checkpoint head; /* published; size 0 before the first one */
	struct edge *edge;
	struct buf bundle; /* the rightmost bundle, unfinished */
	char dir[FOLDER_PATH_MAX];
};

/* ---- writing files ---- */

/* The folders down to a new file, each made known to the disk. */
static int make_parents(const struct audit_log *log, const char *path, struct err *e)
{
	char part[FOLDER_PATH_MAX + TILE_NAME_MAX];
	size_t root_len = strlen(log->dir);
	(void)snprintf(part, sizeof(part), "%s", path);
	char *slash = strrchr(part, '/');
	*slash = 0;
	int r = file_mkdirs(part, FOLDER_MODE, e);
	while (r == 0 && strlen(part) > root_len) {
		r = file_sync_dir(part, e);
		slash = strrchr(part, '/');
		*slash = 0;
	}
	return r;
}

static int write_tile_file(const struct audit_log *log, int level, uint64_t n, unsigned width,
			   const void *p, size_t len, struct err *e)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX];
	int r = tile_path(log->dir, level, n, width, path, e);
	if (r == 0)
		r = file_write(path, p, len, FOLDER_FILE_MODE, e);
	if (r != -ERR_NOENT)
		return r;
	r = make_parents(log, path, e);
	return r < 0 ? r : file_write(path, p, len, FOLDER_FILE_MODE, e);
}

static int write_tile(void *ctx, unsigned level, uint64_t n, unsigned width, const uint8_t *hashes,
		      struct err *e)
{
	return write_tile_file(ctx, (int)level, n, width, hashes, (size_t)width * 32, e);
}

/* A folder `<n>.p` of partial tiles, with all in it. What cannot be removed does no harm. */
static void remove_partial(const struct audit_log *log, int level, uint64_t n)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX], file[sizeof(path) + NAME_MAX + 2];
	if (tile_path(log->dir, level, n, 1, path, NULL) < 0)
		return;
	*strrchr(path, '/') = 0;
	DIR *d = opendir(path);
	if (!d)
		return;
	for (struct dirent *at = readdir(d); at; at = readdir(d)) {
		(void)snprintf(file, sizeof(file), "%s/%s", path, at->d_name);
		if (at->d_name[0] != '.')
			(void)unlink(file);
	}
	closedir(d);
	(void)rmdir(path);
}

/* Step 5, for the tiles that were filled between two sizes. */
static void remove_partials(const struct audit_log *log, uint64_t from, uint64_t to)
{
	for (uint64_t n = from / TILE_WIDTH; n < to / TILE_WIDTH; n++)
		remove_partial(log, TILE_ENTRIES, n);
	for (int level = 0; level < TILE_LEVELS; level++, from /= TILE_WIDTH, to /= TILE_WIDTH)
		for (uint64_t n = from / TILE_WIDTH; n < to / TILE_WIDTH; n++)
			remove_partial(log, level, n);
}

/* ---- step 1: entries into bundles and tiles ---- */

static int add_entry(struct audit_log *log, uint64_t seq, const void *text, size_t len,
		     struct err *e)
{
	struct audit_entry entry;
	uint8_t leaf32[32];
	uint64_t expected = log->edge->front.size;
	int r = audit_entry_parse(text, len, &entry, e);
	if (r < 0)
		return r;
	if (seq != expected || entry.seq != expected)
		return err_set(e, ERR_CONFLICT, "seq",
			       "Audit entry %llu is expected; the store has %llu, which says %llu.",
			       (unsigned long long)expected, (unsigned long long)seq,
			       (unsigned long long)entry.seq);
	buf_u16be(&log->bundle, (uint16_t)len);
	buf_put(&log->bundle, text, len);
	r = buf_err(&log->bundle);
	if (r < 0)
		return err_set(e, r, "entries", NULL);
	merkle_leaf(text, len, leaf32);
	if (expected % TILE_WIDTH == TILE_WIDTH - 1) {
		r = write_tile_file(log, TILE_ENTRIES, expected / TILE_WIDTH, TILE_WIDTH,
				    log->bundle.p, log->bundle.len, e);
		buf_clear(&log->bundle);
	}
	return r < 0 ? r : edge_add(log->edge, leaf32, write_tile, log, e);
}

/* The next rows of the store, at most AUDIT_BATCH_MAX and below `limit`; gives how many. */
static int64_t add_batch(struct audit_log *log, uint64_t limit, struct err *e)
{
	STORE_ROWS(rows);
	int64_t n = 0;
	int r = store_query(
		log->store,
		"SELECT seq, entry FROM audit_entry WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?",
		VALS(val_u64(log->edge->front.size), val_u64(limit), val_i64(AUDIT_BATCH_MAX)),
		&rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len = 0;
		uint64_t seq = row_u64(&rows, "seq");
		const char *text = row_text(&rows, "entry", &len);
		r = row_err(&rows, e);
		if (r == 0)
			r = add_entry(log, seq, text, len, e);
		n++;
	}
	return r < 0 ? r : n;
}

/* Everything below `limit`, and then the unfinished tiles. */
static int64_t add_all(struct audit_log *log, uint64_t limit, struct err *e)
{
	int64_t n = 0, batch;
	do {
		batch = add_batch(log, limit, e);
		if (batch < 0)
			return batch;
		n += batch;
	} while (batch == AUDIT_BATCH_MAX);
	uint64_t size = log->edge->front.size;
	int r = 0;
	if (n && size % TILE_WIDTH)
		r = write_tile_file(log, TILE_ENTRIES, size / TILE_WIDTH,
				    (unsigned)(size % TILE_WIDTH), log->bundle.p, log->bundle.len,
				    e);
	if (r == 0)
		r = edge_end(log->edge, write_tile, log, e);
	return r < 0 ? r : n;
}

/* ---- steps 2 to 4: the checkpoint ---- */

static int sign_head(struct audit_log *log, const struct audit_checkpoint *head, struct buf *note,
		     struct err *e)
{
	int r = checkpoint_text(head, note);
	if (r == 0)
		r = log->key->signer.sign(log->key->signer.ctx, note, e);
	if (r < 0)
		return r;
	struct audit_checkpoint signed_head;
	r = audit_checkpoint_check(note->p, note->len, &log->key->verifier, &signed_head, e);
	if (r < 0)
		return r;
	if (signed_head.size != head->size || memcmp(signed_head.root32, head->root32, 32) != 0)
		return err_set(e, ERR_CONFLICT, "checkpoint",
			       "The signer signed another text than it was given.");
	return 0;
}

static int save_head(struct store *s, const struct audit_checkpoint *head, const void *note,
		     size_t len, struct err *e)
{
	int64_t n = store_exec(
		s,
		"INSERT INTO audit_head (one, size, root, note) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE"
		" SET size = excluded.size, root = excluded.root, note = excluded.note"
		" WHERE audit_head.size <= excluded.size",
		VALS(val_u64(head->size), val_blob(head->root32, 32), val_textn(note, len)), e);
	if (n == 0)
		return err_set(e, ERR_CONFLICT, "checkpoint",
			       "A larger checkpoint than %llu was signed before.",
			       (unsigned long long)head->size);
	return n < 0 ? (int)n : 0;
}

static int write_head(struct audit_log *log, const struct audit_checkpoint *head, const void *note,
		      size_t len, struct err *e)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX];
	int r = checkpoint_path(log->dir, path, e);
	if (r == 0)
		r = file_write(path, note, len, FOLDER_FILE_MODE, e);
	if (r == 0) {
		remove_partials(log, log->head.size, head->size);
		log->head = *head;
	}
	return r;
}

static int publish(struct audit_log *log, struct err *e)
{
	struct audit_checkpoint head = {.size = log->edge->front.size};
	struct buf note;
	(void)snprintf(head.origin, sizeof(head.origin), "%s", log->key->verifier.name);
	merkle_front_root(&log->edge->front, head.root32);
	buf_init(&note, NOTE_MAX);
	int r = sign_head(log, &head, &note, e);
	if (r == 0)
		r = save_head(log->store, &head, note.p, note.len, e);
	if (r == 0)
		r = write_head(log, &head, note.p, note.len, e);
	buf_done(&note);
	return r;
}

/* ---- opening: folder and store, compared ---- */

/* The row of audit_head: the last checkpoint that was signed, even if a crash kept it from being published. */
struct saved_head {
	struct audit_checkpoint head; /* size 0 when there is none */
	struct buf note;
};

static int load_saved(struct store *s, struct saved_head *saved, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_first(s, "SELECT size, root, note FROM audit_head", NO_VALS, &rows, e);
	if (r <= 0)
		return r;
	size_t len = 0;
	saved->head.size = row_u64(&rows, "size");
	row_copy(&rows, "root", saved->head.root32, 32);
	const char *note = row_text(&rows, "note", &len);
	buf_put(&saved->note, note, len);
	r = row_err(&rows, e);
	return r < 0 ? r : buf_err(&saved->note);
}

/* The checkpoint in the folder: by our key, or known to the store (signed before the key was changed). */
static int load_published(const char *dir, const struct audit_key *key,
			  const struct saved_head *saved, struct audit_checkpoint *ret_head,
			  struct err *e)
{
	struct buf note;
	buf_init(&note, NOTE_MAX);
	int r = checkpoint_read(dir, &note, ret_head, e);
	bool known =
		r == 0 && saved->note.len == note.len && !memcmp(saved->note.p, note.p, note.len);
	if (r == 0 && !known)
		r = audit_checkpoint_check(note.p, note.len, &key->verifier, ret_head, e);
	buf_done(&note);
	if (r == -ERR_NOENT) {
		*ret_head = (struct audit_checkpoint){0};
		return 0;
	}
	return r;
}

/* The unfinished bundle of the published tree, re-hashed against its tile. */
static int load_bundle(struct audit_log *log, struct tile_reader *t, struct err *e)
{
	unsigned width = (unsigned)(t->size % TILE_WIDTH);
	buf_clear(&log->bundle);
	if (width == 0)
		return 0;
	int r = tile_entries(t, t->size / TILE_WIDTH, &log->bundle, e);
	if (r < 0)
		return r;
	struct cur c = cur_init(log->bundle.p, log->bundle.len);
	for (unsigned i = 0; i < width; i++) {
		const uint8_t *p = NULL;
		size_t len = 0;
		uint8_t leaf32[32];
		r = bundle_next(&c, &p, &len, e);
		if (r < 0)
			return r;
		merkle_leaf(p, len, leaf32);
		if (memcmp(leaf32, log->edge->hash[0] + i * 32, 32) != 0)
			return err_set(e, ERR_CORRUPT, "entries",
				       "Audit entry %llu in the folder is damaged.",
				       (unsigned long long)(t->size - width + i));
	}
	log->bundle.len = c.pos; /* a full bundle may have taken its place after a crash */
	return 0;
}

/* Bring the state in memory to what the folder's checkpoint says, and see that the tiles agree. */
static int load_folder(struct audit_log *log, struct err *e)
{
	uint8_t root32[32];
	_cleanup_(tile_reader_freep) struct tile_reader *t =
		tile_reader_new(log->dir, log->head.size);
	if (!t)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = edge_load(log->edge, t, e);
	if (r < 0)
		return r;
	merkle_front_root(&log->edge->front, root32);
	if (log->head.size && memcmp(root32, log->head.root32, 32) != 0)
		return err_set(e, ERR_CORRUPT, "tile",
			       "The tiles in %s do not lead to the checkpoint's root.", log->dir);
	return load_bundle(log, t, e);
}

static int contradiction(const struct audit_log *log, uint64_t size, struct err *e)
{
	return err_set(
		e, ERR_CONFLICT, "audit",
		"The store and the folder %s hold different trees of %llu entries: keep both, and find out which one "
		"was changed.",
		log->dir, (unsigned long long)size);
}

/* A checkpoint that was signed, but not published: make its tiles, then publish it. */
static int catch_up(struct audit_log *log, const struct saved_head *saved, struct err *e)
{
	uint8_t root32[32];
	int64_t n = add_all(log, saved->head.size, e);
	if (n < 0)
		return (int)n;
	merkle_front_root(&log->edge->front, root32);
	if (log->edge->front.size != saved->head.size ||
	    memcmp(root32, saved->head.root32, 32) != 0)
		return contradiction(log, saved->head.size, e);
	struct audit_checkpoint head;
	int r = audit_checkpoint_parse(saved->note.p, saved->note.len, &head, e);
	return r < 0 ? r : write_head(log, &head, saved->note.p, saved->note.len, e);
}

static int compare_with_store(struct audit_log *log, const struct saved_head *saved, struct err *e)
{
	uint64_t rows_n = 0, size = log->head.size;
	int r = audit_next_seq(log->store, &rows_n, e);
	if (r < 0)
		return r;
	if (rows_n < size)
		return err_set(
			e, ERR_STALE, "audit",
			"The store has %llu audit entries, the folder %s has %llu: the store was restored from an older "
			"backup. Copy them back with \"lug audit adopt\".",
			(unsigned long long)rows_n, log->dir, (unsigned long long)size);
	if (saved->head.size == size && size &&
	    memcmp(saved->head.root32, log->head.root32, 32) != 0)
		return contradiction(log, size, e);
	if (size == 0)
		return 0;
	_cleanup_(tile_reader_freep) struct tile_reader *t = tile_reader_new(log->dir, size);
	if (!t)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	return rows_compare(log->store, t, saved->head.size < size ? saved->head.size : size - 1,
			    size, e);
}

/* The store's row follows a folder that is ahead of it. */
static int follow_folder(struct audit_log *log, struct err *e)
{
	struct audit_checkpoint head;
	struct buf note;
	buf_init(&note, NOTE_MAX);
	int r = checkpoint_read(log->dir, &note, &head, e);
	if (r == 0)
		r = save_head(log->store, &head, note.p, note.len, e);
	buf_done(&note);
	return r;
}

static int load_with(struct audit_log *log, struct saved_head *saved, struct err *e)
{
	int r = load_saved(log->store, saved, e);
	if (r == 0)
		r = load_published(log->dir, log->key, saved, &log->head, e);
	if (r == 0)
		r = load_folder(log, e);
	if (r == 0)
		r = compare_with_store(log, saved, e);
	if (r < 0)
		return r;
	if (saved->head.size > log->head.size)
		return catch_up(log, saved, e);
	return saved->head.size < log->head.size ? follow_folder(log, e) : 0;
}

static int load(struct audit_log *log, struct err *e)
{
	struct saved_head saved = {0};
	buf_init(&saved.note, NOTE_MAX);
	log->broken = true;
	int r = load_with(log, &saved, e);
	buf_done(&saved.note);
	log->broken = r < 0;
	return r;
}

static int take_folder(struct audit_log *log, struct err *e)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX];
	int r = file_mkdirs(log->dir, FOLDER_MODE, e);
	if (r == 0)
		r = file_sync_dir(log->dir, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/lock", log->dir);
	log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FOLDER_FILE_MODE);
	if (log->lock_fd < 0)
		return err_set(e, err_errno(errno), path, NULL);
	if (flock(log->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_BUSY, "audit",
			       "Another process writes to the audit log in %s.", log->dir);
	return 0;
}

static int check_idle(const struct store *s, struct err *e)
{
	if (!store_in_txn(s))
		return 0;
	return err_set(e, ERR_INVAL, "transaction",
		       "Only committed entries may be signed: end the transaction first.");
}

int audit_log_open(struct store *s, const char *dir, const struct audit_key *key,
		   struct audit_log **ret_log, struct err *e)
{
	int r = check_idle(s, e);
	if (r < 0)
		return r;
	if (strnlen(dir, FOLDER_PATH_MAX) >= FOLDER_PATH_MAX - TILE_NAME_MAX)
		return err_set(e, ERR_OVERSIZE, "dir", "The path of the audit folder is too long.");
	_cleanup_(audit_log_closep) struct audit_log *log = calloc(1, sizeof(*log));
	if (!log)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*log = (struct audit_log){.store = s, .key = key, .lock_fd = -1, .waits_since_ms = -1};
	(void)snprintf(log->dir, sizeof(log->dir), "%s", dir);
	buf_init(&log->bundle, BUNDLE_BYTES);
	log->edge = calloc(1, sizeof(*log->edge));
	if (!log->edge)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = take_folder(log, e);
	if (r == 0)
		r = load(log, e);
	if (r < 0)
		return r;
	*ret_log = TAKE_PTR(log);
	return 0;
}

struct audit_log *audit_log_close(struct audit_log *log)
{
	if (!log)
		return NULL;
	closep(&log->lock_fd);
	buf_done(&log->bundle);
	free(log->edge);
	free(log);
	return NULL;
}

/* ---- running ---- */

int64_t audit_log_flush(struct audit_log *log, struct err *e)
{
	int r = check_idle(log->store, e);
	if (r == 0 && log->broken)
		r = load(log, e);
	if (r < 0)
		return r;
	log->broken = true;
	int64_t n = add_all(log, INT64_MAX, e);
	if (n > 0)
		r = publish(log, e);
	log->broken = n < 0 || r < 0;
	if (!log->broken)
		log->waits_since_ms = -1;
	return r < 0 ? r : n;
}

int64_t audit_log_tick(struct audit_log *log, int64_t mono_ms, struct err *e)
{
	uint64_t next = 0;
	int r = audit_next_seq(log->store, &next, e);
	if (r < 0)
		return r;
	if (next <= log->head.size)
		return 0;
	if (log->waits_since_ms < 0)
		log->waits_since_ms = mono_ms;
	if (next - log->head.size < AUDIT_BATCH_MAX &&
	    mono_ms - log->waits_since_ms < AUDIT_DELAY_MS)
		return 0;
	return audit_log_flush(log, e);
}

uint64_t audit_log_size(const struct audit_log *log)
{
	return log->head.size;
}
