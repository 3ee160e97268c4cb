/* SPDX-License-Identifier: Apache-2.0
 * Block files of a node.
 *
 * A file is a sequence of {magic4, u32 size, block}. Nodes preallocate zeros at the end, may stop in the middle of a record,
 * and after a crash may leave bytes that belong to nothing; so wherever no record stands, the next magic is searched.
 * Since Core 28 every byte is XORed with xor.dat, by its offset in the file modulo 8. */
#include "ledger/blkfile.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

enum {
	RECORD_HEAD = 8,
	SEARCH_BYTES = 65536,
	NAME_LEN = 12 /* blk00000.dat */,
	PATH_LEN_MAX = 4096
};

static void file_name(const struct blkfiles *f, char kind, uint32_t number,
		      char out[static PATH_LEN_MAX])
{
	snprintf(out, PATH_LEN_MAX, "%s/%s%05" PRIu32 ".dat", f->dir, kind == 'b' ? "blk" : "rev",
		 number);
}

static int entry_add(struct blkfiles *f, const char *name, struct err *e)
{
	char path[PATH_LEN_MAX];
	struct stat st;
	uint64_t number = 0;
	void *p;

	for (size_t i = 3; name[i] != '.'; i++)
		number = number * 10 + (uint64_t)(name[i] - '0');
	if (f->file_n == BLKFILES_MAX)
		return err_set(e, ERR_OVERSIZE, "blocks", "%s: more than %d block files", f->dir,
			       BLKFILES_MAX);
	file_name(f, 'b', (uint32_t)number, path);
	if (stat(path, &st) < 0)
		return err_set(e, err_errno(errno), "blocks", "%s: %s", path, strerror(errno));
	p = reallocarray(f->files, f->file_n + 1, sizeof(*f->files));
	if (!p)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	f->files = p;
	f->files[f->file_n++] = (struct blkfile_entry){(uint32_t)number, (uint64_t)st.st_size};
	f->byte_n += (uint64_t)st.st_size;
	return 0;
}

/* blk, five digits or more (nodes count on behind 99999), .dat */
static bool is_block_file(const char *name)
{
	size_t digits =
		strspn(name + (strncmp(name, "blk", 3) == 0 ? 3 : strlen(name)), "0123456789");

	return digits >= 5 && digits <= 6 && strcmp(name + 3 + digits, ".dat") == 0;
}

static int by_number(const void *a, const void *b)
{
	const struct blkfile_entry *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int list_files(struct blkfiles *f, struct err *e)
{
	_cleanup_(closedirp) DIR *d = opendir(f->dir);
	const struct dirent *entry;
	int r = 0;

	if (!d)
		return err_set(e, err_errno(errno), "blocks", "%s: %s", f->dir, strerror(errno));
	while (r == 0 && (errno = 0, entry = readdir(d)) != NULL)
		if (is_block_file(entry->d_name))
			r = entry_add(f, entry->d_name, e);
	if (r == 0 && errno != 0)
		return err_set(e, err_errno(errno), "blocks", "%s: %s", f->dir, strerror(errno));
	if (r == 0 && f->file_n == 0)
		return err_set(e, ERR_NOENT, "blocks",
			       "%s: no blk*.dat here; name a node's blocks folder", f->dir);
	if (f->file_n)
		qsort(f->files, f->file_n, sizeof(*f->files), by_number);
	return r;
}

static int read_xor(struct blkfiles *f, struct err *e)
{
	_cleanup_(buf_done) struct buf b = {0};
	char path[PATH_LEN_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/xor.dat", f->dir);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	buf_init(&b, 64);
	r = file_read(path, &b, e);
	if (r < 0 && r != -ERR_OVERSIZE)
		return r;
	if (r < 0 || b.len != XOR_KEY_LEN)
		return err_set(e, ERR_FORMAT, "xor.dat", "%s: not %d bytes", path, XOR_KEY_LEN);
	memcpy(f->xor8, b.p, XOR_KEY_LEN);
	return 0;
}

int blkfiles_open(struct blkfiles *f, const char *dir, struct err *e)
{
	int r;

	*f = (struct blkfiles)BLKFILES_EMPTY;
	if (strlen(dir) > PATH_LEN_MAX - 32)
		return err_set(e, ERR_RANGE, "blocks", "path too long");
	f->dir = strdup(dir);
	if (!f->dir)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = list_files(f, e);
	if (r == 0)
		r = read_xor(f, e);
	if (r < 0)
		blkfiles_close(f);
	return r;
}

void blkfiles_close(struct blkfiles *f)
{
	free(f->dir);
	free(f->files);
	closep(&f->fd[0]);
	closep(&f->fd[1]);
	*f = (struct blkfiles)BLKFILES_EMPTY;
}

/* The descriptor of a file; one blk and one rev file stay open, since they are read in turn. */
static int file_open(struct blkfiles *f, char kind, uint32_t number, struct err *e)
{
	char path[PATH_LEN_MAX];
	int slot = kind != 'b';

	if (f->fd[slot] >= 0 && f->fd_number[slot] == number)
		return f->fd[slot];
	closep(&f->fd[slot]);
	file_name(f, kind, number, path);
	f->fd[slot] = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd[slot] < 0)
		return err_set(e, err_errno(errno), "blocks", "%s: %s", path, strerror(errno));
	f->fd_number[slot] = number;
	return f->fd[slot];
}

static void xor_bytes(const uint8_t key8[static XOR_KEY_LEN], uint64_t off, uint8_t *p, size_t len)
{
	uint8_t turned[XOR_KEY_LEN];
	uint64_t key, x;
	size_t i = 0;

	for (size_t k = 0; k < XOR_KEY_LEN; k++)
		turned[k] = key8[(off + k) % XOR_KEY_LEN];
	memcpy(&key, turned, 8);
	if (key == 0)
		return;
	for (; i + 8 <= len; i += 8) {
		memcpy(&x, p + i, 8);
		x ^= key;
		memcpy(p + i, &x, 8);
	}
	for (; i < len; i++)
		p[i] ^= turned[i % XOR_KEY_LEN];
}

/* As many bytes as there are, up to len; negative on errors. */
static int64_t read_some(struct blkfiles *f, char kind, uint32_t number, uint64_t off, uint8_t *out,
			 size_t len, struct err *e)
{
	int fd = file_open(f, kind, number, e);
	size_t got = 0;

	if (fd < 0)
		return fd;
	while (got < len) {
		ssize_t n = pread(fd, out + got, len - got, (off_t)(off + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, err_errno(errno), "blocks",
				       "%s/%s%05" PRIu32 ".dat at %" PRIu64 ": %s", f->dir,
				       kind == 'b' ? "blk" : "rev", number, off, strerror(errno));
		if (n == 0)
			break;
		got += (size_t)n;
	}
	xor_bytes(f->xor8, off, out, got);
	return (int64_t)got;
}

int blkfiles_read(struct blkfiles *f, char kind, uint32_t number, uint64_t off, void *out,
		  size_t len, struct err *e)
{
	int64_t n = read_some(f, kind, number, off, out, len, e);

	if (n < 0)
		return (int)n;
	if ((size_t)n < len)
		return err_set(e, ERR_TRUNCATED, "blocks",
			       "%s/%s%05" PRIu32 ".dat ends at %" PRIu64, f->dir,
			       kind == 'b' ? "blk" : "rev", number, off + (uint64_t)n);
	return 0;
}

size_t blkfiles_index(const struct blkfiles *f, uint32_t number)
{
	const struct blkfile_entry key = {.number = number};
	const struct blkfile_entry *hit =
		f->file_n ? bsearch(&key, f->files, f->file_n, sizeof(key), by_number) : NULL;

	return hit ? (size_t)(hit - f->files) : f->file_n;
}

int64_t blkfiles_rev_len(struct blkfiles *f, uint32_t number)
{
	char path[PATH_LEN_MAX];
	struct stat st;

	file_name(f, 'r', number, path);
	return stat(path, &st) < 0 ? -ERR_NOENT : (int64_t)st.st_size;
}

int blkfiles_network(struct blkfiles *f, const struct network **ret_n, struct err *e)
{
	const struct network *n;
	uint8_t magic4[4];
	int r;

	for (size_t i = 0; i < f->file_n; i++) {
		if (f->files[i].len < RECORD_HEAD)
			continue;
		r = blkfiles_read(f, 'b', f->files[i].number, 0, magic4, 4, e);
		if (r < 0)
			return r;
		n = network_by_magic(magic4);
		if (!n)
			return err_set(
				e, ERR_FORMAT, "blocks",
				"%s/blk%05" PRIu32 ".dat begins with no known network's mark%s",
				f->dir, f->files[i].number,
				"; if the files are obfuscated, xor.dat must lie beside them");
		*ret_n = n;
		return 0;
	}
	return err_set(e, ERR_NOENT, "blocks", "%s: its block files are empty", f->dir);
}

/* From pos on, the place of the next magic, or the end of the file. */
static int find_magic(struct blkfiles *f, const struct blkfile_entry *file,
		      const uint8_t magic4[static 4], uint64_t pos, uint64_t *ret_pos,
		      struct err *e)
{
	uint8_t b[SEARCH_BYTES];

	while (pos + 4 <= file->len) {
		int64_t n = read_some(f, 'b', file->number, pos, b, sizeof(b), e);
		const uint8_t *hit;

		if (n < 0)
			return (int)n;
		if (n < 4)
			break;
		hit = memmem(b, (size_t)n, magic4, 4);
		if (hit) {
			*ret_pos = pos + (uint64_t)(hit - b);
			return 0;
		}
		pos += (uint64_t)n - 3;
	}
	*ret_pos = file->len;
	return 0;
}

/* What stands at the beginning of a file decides whether it is of this network at all. */
static int check_first(const struct blkfiles *f, const struct blkfile_entry *file, const uint8_t *p,
		       const uint8_t magic4[static 4], struct err *e)
{
	const struct network *other = network_by_magic(p);

	if (memcmp(p, magic4, 4) == 0 || !other)
		return 0;
	return err_set(e, ERR_NETWORK, "blocks", "%s/blk%05" PRIu32 ".dat holds blocks of %s",
		       f->dir, file->number, other->title);
}

static bool record_take(const struct blkfile_entry *file, const uint8_t *p, size_t len,
			uint64_t pos, struct blkfile_record *rec, struct blkfile_report *report)
{
	struct cur c = cur_init(p + 4, 4);
	uint32_t size = cur_u32le(&c);

	if (size < BLOCK_HEADER_LEN + 1 || size > BLOCK_LEN_MAX)
		return false;
	if (pos + RECORD_HEAD + size > file->len) {
		report->truncated_n++;
		return false;
	}
	*rec = (struct blkfile_record){
		.file = file->number, .size = size, .off = pos + RECORD_HEAD};
	rec->head_len = len - RECORD_HEAD < size ? len - RECORD_HEAD : size;
	memcpy(rec->head, p + RECORD_HEAD, rec->head_len);
	return true;
}

static int scan_file(struct blkfiles *f, const struct blkfile_entry *file,
		     const uint8_t magic4[static 4], blkfile_visit_fn *visit, void *arg,
		     struct blkfile_report *report, struct err *e)
{
	static const uint8_t zeros[4];
	uint64_t pos = 0, next;
	int r = 0;

	while (r == 0 && pos + RECORD_HEAD <= file->len) {
		uint8_t p[RECORD_HEAD + sizeof(((struct blkfile_record *)0)->head)];
		struct blkfile_record rec;
		int64_t n = read_some(f, 'b', file->number, pos, p, sizeof(p), e);

		if (n < RECORD_HEAD)
			return n < 0 ? (int)n : 0;
		if (pos == 0)
			r = check_first(f, file, p, magic4, e);
		if (r == 0 && memcmp(p, magic4, 4) == 0 &&
		    record_take(file, p, (size_t)n, pos, &rec, report)) {
			report->record_n++;
			pos = rec.off + rec.size;
			r = visit(arg, &rec, e);
			continue;
		}
		if (r == 0)
			r = find_magic(f, file, magic4, pos + 1, &next, e);
		if (r < 0)
			return r;
		if (memcmp(p, zeros, 4) == 0)
			report->zero_bytes += next - pos;
		else
			report->skipped_bytes += next - pos;
		pos = next;
	}
	return r;
}

int blkfiles_scan(struct blkfiles *f, const uint8_t magic4[static 4], blkfile_visit_fn *visit,
		  void *arg, struct blkfile_report *report, struct err *e)
{
	*report = (struct blkfile_report){0};
	for (size_t i = 0; i < f->file_n; i++) {
		int r = scan_file(f, &f->files[i], magic4, visit, arg, report, e);

		if (r < 0)
			return r;
	}
	return 0;
}
