/* SPDX-License-Identifier: Apache-2.0
 * The folder as Bitcoin Core keeps it: blkNNNNN.dat and revNNNNN.dat in step, all of it under the eight bytes of xor.dat.
 *
 * With --stale blocks leave in another order than they were made: a few wait, and one of those is written at random. Undo
 * data is written in chain order, as Core does when it connects blocks, but into the file with its block's number. */
#include "base/cleanup.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "gen.h"
#include <sys/stat.h>

enum { WAITING_MAX = 6, UNDO_MAX = 64, PATH_LEN = 4096, ZERO_TAIL = 1 << 16 };
static const uint8_t magic[4] = {0xfa, 0xbf, 0xb5, 0xda};

struct pending {
	struct buf block, undo;
	uint8_t prev[32];
	uint64_t made;	 /* order in which they were made */
	uint64_t serial; /* chain order of those with undo data */
	bool has_undo;
};
struct written { /* undo data whose turn has not come */
	struct buf undo;
	uint8_t prev[32];
	uint64_t serial;
	uint32_t file;
};
struct out_file {
	FILE *f;
	uint64_t len, number, begun; /* files begun so far */
	const char *name;
};
struct block_file {
	const struct options *o;
	struct prng rng;
	uint8_t key[8];
	struct out_file blk, rev;
	struct pending waiting[WAITING_MAX];
	size_t waiting_n;
	struct written undo[UNDO_MAX];
	size_t undo_n;
	uint64_t made, serial_made, serial_out;
	uint64_t last_off, last_len; /* of the last block, for --truncate-tail */
};

static void path_of(const struct block_file *f, const char *name, uint64_t number,
		    char out[static PATH_LEN])
{
	snprintf(out, PATH_LEN, "%s/blocks/%s%05llu.dat", f->o->out, name,
		 (unsigned long long)number);
}

static void file_next(struct block_file *f, struct out_file *o, uint64_t number)
{
	char path[PATH_LEN];
	if (o->f && fclose(o->f))
		gen_die("cannot write %s: disk full?", o->name);
	path_of(f, o->name, number, path);
	/* Undo data may go back to a file that was left: blocks of two files can be in turn. */
	bool again = number < o->begun;
	o->f = fopen(path, again ? "ab" : "wb");
	if (!o->f || fseeko(o->f, 0, SEEK_END))
		gen_die("cannot write %s", path);
	setvbuf(o->f, NULL, _IOFBF, 1 << 20);
	o->len = (uint64_t)ftello(o->f);
	o->number = number;
	o->begun = again ? o->begun : number + 1;
}

static void file_put(struct block_file *f, struct out_file *o, const void *p, size_t len)
{
	static uint8_t tmp[1 << 16];
	const uint8_t *s = p;
	while (len) {
		size_t n = len < sizeof(tmp) ? len : sizeof(tmp);
		for (size_t i = 0; f->o->xor &&i < n; i++)
			tmp[i] = s[i] ^ f->key[(o->len + i) % 8];
		if (fwrite(f->o->xor ? tmp : s, 1, n, o->f) != n)
			gen_die("cannot write %s%05llu.dat: disk full?", o->name,
				(unsigned long long)o->number);
		o->len += n;
		s += n;
		len -= n;
	}
}

static void put_framed(struct block_file *f, struct out_file *o, const struct buf *b)
{
	uint8_t head[8];
	memcpy(head, magic, 4);
	for (int i = 0; i < 4; i++)
		head[4 + i] = (uint8_t)(b->len >> (8 * i));
	file_put(f, o, head, sizeof(head));
	file_put(f, o, b->p, b->len);
}

struct block_file *files_open(const struct options *o, uint64_t seed)
{
	struct block_file *f = gen_calloc(1, sizeof(*f));
	char path[PATH_LEN];
	struct err e;
	if (file_mkdirs(o->out, 0777, &e) < 0)
		gen_die("%s", e.message);
	snprintf(path, sizeof(path), "%s/blocks", o->out);
	/* A chain that is there already would stay in part: other files, another key. */
	if (mkdir(path, 0777) < 0)
		gen_die("cannot make %s: %s; choose a new folder", path, strerror(errno));
	f->o = o;
	f->blk.name = "blk";
	f->rev.name = "rev";
	prng_init(&f->rng, seed ^ UINT64_C(0x66696c6573));
	if (o->xor) {
		prng_bytes(&f->rng, f->key, sizeof(f->key));
		snprintf(path, sizeof(path), "%s/blocks/xor.dat", o->out);
		if (file_write(path, f->key, sizeof(f->key), 0644, &e) < 0)
			gen_die("%s", e.message);
	}
	file_next(f, &f->blk, 0);
	return f;
}

static void undo_write(struct block_file *f, struct written *w)
{
	uint8_t sum[32];
	struct buf all;
	buf_init(&all, 64 << 20);
	buf_put(&all, w->prev, 32);
	buf_put(&all, w->undo.p, w->undo.len);
	if (buf_err(&all))
		gen_die("out of memory");
	sha256d(all.p, all.len, sum); /* Core's checksum: of the parent's hash and the data */
	if (!f->rev.f || f->rev.number != w->file)
		file_next(f, &f->rev, w->file);
	put_framed(f, &f->rev, &w->undo);
	file_put(f, &f->rev, sum, sizeof(sum));
	buf_done(&all);
	buf_done(&w->undo);
}

static void undo_turns(struct block_file *f)
{
	for (size_t i = 0; i < f->undo_n;) {
		if (f->undo[i].serial != f->serial_out) {
			i++;
			continue;
		}
		undo_write(f, &f->undo[i]);
		f->undo[i] = f->undo[--f->undo_n];
		f->serial_out++;
		i = 0;
	}
}

static void block_out(struct block_file *f, struct pending *p)
{
	if (f->blk.len && f->blk.len + p->block.len + 8 > f->o->file_bytes)
		file_next(f, &f->blk, f->blk.number + 1);
	f->last_off = f->blk.len;
	f->last_len = p->block.len + 8;
	put_framed(f, &f->blk, &p->block);
	buf_done(&p->block);
	if (!p->has_undo)
		return;
	if (f->undo_n == UNDO_MAX)
		gen_die("undo data waits for a block that never came");
	struct written *w = &f->undo[f->undo_n++];
	*w = (struct written){
		.undo = p->undo, .serial = p->serial, .file = (uint32_t)f->blk.number};
	memcpy(w->prev, p->prev, 32);
	undo_turns(f);
}

/* One of the first n. */
static void waiting_out(struct block_file *f, size_t n)
{
	size_t i = prng_below(&f->rng, n);
	struct pending p = f->waiting[i];
	f->waiting[i] = f->waiting[--f->waiting_n];
	block_out(f, &p);
}

static void buf_copy(struct buf *to, const struct buf *from)
{
	buf_init(to, from->max);
	buf_put(to, from->p, from->len);
	if (buf_err(to))
		gen_die("out of memory");
}

void files_block(struct block_file *f, const struct buf *block, const struct buf *undo,
		 const uint8_t prev32[static 32])
{
	struct pending p = {.has_undo = undo != NULL, .made = f->made++};
	buf_copy(&p.block, block);
	memcpy(p.prev, prev32, 32);
	if (undo) {
		buf_copy(&p.undo, undo);
		p.serial = f->serial_made++;
	}
	/* The first block of a folder is the genesis block also in Core's. */
	if (!f->o->stale || (!f->blk.len && !f->waiting_n)) {
		block_out(f, &p);
		return;
	}
	if (f->waiting_n == WAITING_MAX)
		waiting_out(f, f->waiting_n);
	f->waiting[f->waiting_n++] = p;
}

/* The tip leaves last, so that nothing stands on a block that is cut. */
static void tip_last(struct block_file *f)
{
	for (size_t i = 0; i + 1 < f->waiting_n; i++) {
		struct pending *last = &f->waiting[f->waiting_n - 1], p = f->waiting[i];
		if (p.made < last->made)
			continue;
		f->waiting[i] = *last;
		*last = p;
	}
}

void files_close(struct block_file *f)
{
	static const uint8_t zeros[ZERO_TAIL];
	char path[PATH_LEN];
	while (f->waiting_n) {
		tip_last(f);
		waiting_out(f, f->waiting_n > 1 ? f->waiting_n - 1 : 1);
	}
	path_of(f, f->blk.name, f->blk.number, path);
	if (f->o->zero_tail) {
		/* Core reserves space ahead; it reads as zeros before the xor. */
		memset(f->key, 0, sizeof(f->key));
		file_put(f, &f->blk, zeros, sizeof(zeros));
	}
	if (fclose(f->blk.f) || (f->rev.f && fclose(f->rev.f)))
		gen_die("cannot write %s: disk full?", path);
	if (f->o->truncate && truncate(path, (int64_t)(f->last_off + f->last_len / 2)))
		gen_die("cannot cut %s", path);
	free(f);
}
