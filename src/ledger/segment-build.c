/* SPDX-License-Identifier: Apache-2.0
 * Index segments for writing.
 *
 * Entries of a segment are ordered by (56 bits of fingerprint, row), and sources have rows of their own in chain order; so
 * each table is a merge of sorted lists. The lists by address are a merge by address, those of one address one
 * after the other. Both only go forward: a chunk is a stream into the file, memory does not depend on the segment.
 * How many older addresses a segment lists is known only at the end, so the lists are walked twice, first to count. */
#include "ledger/segment-build.h"
#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "ledger/parallel.h"
#include <fcntl.h>
#include <inttypes.h>

enum { STREAM_BYTES = 1 << 17, HASH_BYTES = 1 << 18 };

/* ---- files ---- */

static void name_of(const struct ledger_view *v, uint64_t block_from, uint64_t block_to,
		    char out[static LEDGER_SEGMENT_NAME_MAX])
{
	segment_name(v->counts.first_height + block_from, v->counts.first_height + block_to - 1,
		     view_block(v, block_to - 1)->hash32, out);
}

static int index_fail(const char *what, struct err *e)
{
	int code = errno;

	return err_set(e, err_errno(code), "index", "index: %s: %s", what, strerror(code));
}

static int file_create(const char *dir, const struct ledger_view *v, uint64_t block_from,
		       uint64_t block_to, struct err *e)
{
	char name[LEDGER_SEGMENT_NAME_MAX], path[LEDGER_PATH_MAX];
	int r, fd;

	name_of(v, block_from, block_to, name);
	r = ledger_path(dir, name, path, e);
	if (r < 0)
		return r;
	/* never over a file that someone may have mapped */
	if (unlink(path) < 0 && errno != ENOENT)
		return index_fail("cannot replace", e);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? index_fail("cannot make", e) : fd;
}

int segment_sync(const char *dir, const struct ledger_view *v, const struct ledger_segment_ref *ref,
		 struct err *e)
{
	char name[LEDGER_SEGMENT_NAME_MAX], path[LEDGER_PATH_MAX];
	_cleanup_(closep) int fd = -1;
	int r;

	name_of(v, ref->block_from, ref->block_to, name);
	r = ledger_path(dir, name, path, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? index_fail("cannot sync", e) : 0;
}

static int bytes_at(int fd, const void *p, size_t len, uint64_t off)
{
	const uint8_t *at = p;

	while (len > 0) {
		ssize_t n = pwrite(fd, at, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int file_hash(int fd, uint64_t len, uint8_t out32[static 32], struct err *e)
{
	_cleanup_(freep) uint8_t *piece = malloc(HASH_BYTES);
	struct sha256 h;
	ssize_t n;

	if (!piece)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	sha256_init(&h);
	for (uint64_t off = 0; off < len; off += (uint64_t)n) {
		n = pread(fd, piece, HASH_BYTES, (off_t)off);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return index_fail("cannot read", e);
		sha256_update(&h, piece, (size_t)n);
	}
	sha256_final(&h, out32);
	return 0;
}

/* A merge under way. */
struct merge {
	const struct segment_source *src;
	struct segment_layout layout;
	int fd;
};

/* ---- a chunk as a stream ---- */

struct stream {
	int fd;
	uint64_t off; /* of the next byte to leave */
	uint8_t *buf;
	size_t n;
	int error; /* errno of the first write that failed */
	const struct segment_source *src;
};

static int stream_init(struct stream *s, const struct merge *m, uint32_t chunk, struct err *e)
{
	*s = (struct stream){
		.fd = m->fd,
		.off = m->layout.chunk[chunk - LEDGER_CHUNK_TXID_DIR].off_le,
		.src = m->src,
	};
	s->buf = malloc(STREAM_BYTES);
	return s->buf ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

static void stream_flush(struct stream *s)
{
	if (!s->error && bytes_at(s->fd, s->buf, s->n, s->off) < 0)
		s->error = errno;
	s->off += s->n;
	s->n = 0;
	if (s->src->pace)
		s->src->pace(s->src->pace_arg);
}

static inline uint8_t *stream_push(struct stream *s, size_t row_bytes)
{
	uint8_t *p;

	if (s->n + row_bytes > STREAM_BYTES)
		stream_flush(s);
	p = s->buf + s->n;
	s->n += row_bytes;
	return p;
}

static void stream_u32(struct stream *s, uint32_t v)
{
	v = htole32(v);
	memcpy(stream_push(s, 4), &v, 4);
}

static void streamp(struct stream *s)
{
	free(s->buf);
}

static int stream_end(struct stream *s, struct err *e)
{
	if (s->buf)
		stream_flush(s);
	if (!s->error)
		return 0;
	errno = s->error;
	return index_fail("cannot write", e);
}

/* ---- tables ---- */

/* A walk over the entries of one source, in order. */
struct entry_walk {
	const struct ledger_chunk_view *dir, *entries;
	uint64_t at, bucket, bucket_end;
	uint64_t print, row; /* of the entry at hand */
	uint64_t first_row, low_row, high_row;
	uint32_t k;
};

/* To the next entry whose row is wanted; false at the end. */
static inline bool entry_next(struct entry_walk *w)
{
	while (w->at < w->entries->row_n) {
		uint32_t row_bits = 64 - LEDGER_PRINT_BITS + w->k;
		uint64_t x;

		while (w->at >= w->bucket_end) {
			if (w->bucket + 2 >= w->dir->row_n)
				return false;
			w->bucket_end = segment_u32(w->dir, ++w->bucket + 1);
		}
		x = segment_u64(w->entries, w->at++);
		w->row = w->first_row + (x & ((UINT64_C(1) << row_bits) - 1));
		w->print = w->bucket << (LEDGER_PRINT_BITS - w->k) | x >> row_bits;
		if (w->row >= w->low_row && w->row < w->high_row)
			return true;
	}
	return false;
}

static bool entry_start(struct entry_walk *w, const struct ledger_segment *s, enum ledger_table t,
			const struct segment_source *src)
{
	*w = (struct entry_walk){
		.dir = segment_chunk(s, t),
		.entries = segment_chunk(s, t + 1u),
		.first_row = segment_first_row(&s->from, t),
		.low_row = segment_first_row(&src->from, t),
		.high_row = segment_first_row(&src->to, t),
	};
	w->k = (uint32_t)__builtin_ctzll(w->dir->row_n - 1);
	w->bucket_end = segment_u32(w->dir, 1);
	return entry_next(w);
}

/* Directory and entries as they come. */
struct table_out {
	struct stream *dir, *entries;
	uint64_t n, bucket, first_row;
	uint32_t k;
};

static void table_push(struct table_out *o, uint64_t print, uint64_t row)
{
	uint64_t bucket = print >> (LEDGER_PRINT_BITS - o->k);
	uint64_t low = print & ((UINT64_C(1) << (LEDGER_PRINT_BITS - o->k)) - 1);
	uint64_t entry_le = htole64(low << (64 - LEDGER_PRINT_BITS + o->k) | (row - o->first_row));

	for (; o->bucket <= bucket; o->bucket++)
		stream_u32(o->dir, (uint32_t)o->n);
	memcpy(stream_push(o->entries, 8), &entry_le, 8);
	o->n++;
}

static int table_end(struct table_out *o, uint64_t want, struct err *e)
{
	int r;

	for (; o->bucket <= UINT64_C(1) << o->k; o->bucket++)
		stream_u32(o->dir, (uint32_t)o->n);
	if (o->n != want)
		return err_set(e, ERR_CORRUPT, "index",
			       "an index segment is damaged: import the ledger anew");
	r = stream_end(o->dir, e);
	return r < 0 ? r : stream_end(o->entries, e);
}

/* The least of the walks; equal ones in chain order. */
static uint32_t walk_least(const struct entry_walk *w, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (w[i].print < w[best].print)
			best = i;
	return best;
}

static void table_merge(struct table_out *out, struct entry_walk *w, uint32_t n)
{
	while (n > 0) {
		uint32_t i = n == 1 ? 0 : walk_least(w, n);

		if (out->n == UINT32_MAX)
			return; /* a damaged source that goes on and on: table_end() says so */
		table_push(out, w[i].print, w[i].row);
		if (!entry_next(&w[i])) {
			memmove(&w[i], &w[i + 1], (n - i - 1) * sizeof(*w));
			n--;
		}
	}
}

static int merge_table(struct merge *m, enum ledger_table t, struct err *e)
{
	struct entry_walk w[LEDGER_SEGMENTS_MAX + 1];
	_cleanup_(streamp) struct stream dir = {0};
	_cleanup_(streamp) struct stream entries = {0};
	struct table_out out = {
		.dir = &dir,
		.entries = &entries,
		.first_row = segment_first_row(&m->src->from, t),
	};
	uint64_t want = segment_first_row(&m->src->to, t) - out.first_row;
	uint32_t n = 0;
	int r;

	r = stream_init(&dir, m, t, e);
	if (r == 0)
		r = stream_init(&entries, m, t + 1u, e);
	if (r < 0)
		return r;
	out.k = segment_bits(want);
	for (uint32_t i = 0; i < m->src->n; i++)
		n += entry_start(&w[n], &m->src->segment[i], t, m->src);
	table_merge(&out, w, n);
	return table_end(&out, want, e);
}

/* ---- lists ---- */

/* A walk over the addresses of one source. */
struct list_walk {
	const struct ledger_segment *s;
	uint64_t i, end, old_n; /* list number */
	uint32_t id;
};

static void list_walk_id(struct list_walk *w)
{
	const struct ledger_chunk_view *old = segment_chunk(w->s, LEDGER_CHUNK_LIST_OLD);

	w->id = w->i < w->old_n ? segment_u32(old, w->i)
				: (uint32_t)(w->s->from.address + w->i - w->old_n);
}

static bool list_walk_next(struct list_walk *w)
{
	if (++w->i >= w->end)
		return false;
	list_walk_id(w);
	return true;
}

static bool list_walk_start(struct list_walk *w, const struct ledger_segment *s,
			    const struct segment_source *src)
{
	uint64_t old_n = segment_chunk(s, LEDGER_CHUNK_LIST_OLD)->row_n;

	*w = (struct list_walk){.s = s, .old_n = old_n};
	w->end = old_n + s->to.address - s->from.address;
	/* new addresses behind the range have no output in it */
	if (s->to.address > src->to.address && s->from.address < src->to.address)
		w->end = old_n + src->to.address - s->from.address;
	else if (s->from.address >= src->to.address)
		w->end = old_n;
	if (w->i >= w->end)
		return false;
	list_walk_id(w);
	return true;
}

struct lists_out {
	const struct segment_source *src;
	struct stream *old, *start, *output; /* NULL while counting */
	uint64_t old_n, listed, next_new;
};

static inline bool output_wanted(const struct segment_source *src, uint64_t o)
{
	if (o < LEDGER_FOREIGN_BASE)
		return o >= src->from.output && o < src->to.output;
	o -= LEDGER_FOREIGN_BASE;
	return o >= src->from.foreign && o < src->to.foreign;
}

/* The outputs of one list that are wanted, and of these the own ones or the foreign ones. */
static uint64_t list_push(struct lists_out *out, const struct list_walk *w, bool foreign)
{
	const struct ledger_chunk_view *start = segment_chunk(w->s, LEDGER_CHUNK_LIST_START);
	const struct ledger_chunk_view *outs = segment_chunk(w->s, LEDGER_CHUNK_LIST_OUTPUT);
	uint64_t at = ledger_load40(start->p + w->i * 5), n = 0;
	uint64_t end = ledger_load40(start->p + (w->i + 1) * 5);

	for (; at < end && at < outs->row_n; at++) {
		uint64_t o = ledger_load40(outs->p + at * 5);

		if (!output_wanted(out->src, o) || (o >= LEDGER_FOREIGN_BASE) != foreign)
			continue;
		if (out->output)
			ledger_store40(stream_push(out->output, 5), o);
		n++;
	}
	return n;
}

static void start_push(struct lists_out *out)
{
	if (out->start)
		ledger_store40(stream_push(out->start, 5), out->listed);
}

/* All lists of one address, from the sources that stand at it. */
static void address_push(struct lists_out *out, const struct list_walk *w, uint32_t n, uint32_t id)
{
	uint64_t before = out->listed, listed = 0;

	for (; id >= out->src->from.address && out->next_new < id; out->next_new++)
		start_push(out); /* cannot be in a whole ledger: a new address without output */
	if (out->start)		 /* rather a start too many, taken back below */
		ledger_store40(stream_push(out->start, 5), before);
	for (int foreign = 0; foreign < (out->src->to.foreign ? 2 : 1); foreign++)
		for (uint32_t i = 0; i < n; i++)
			if (w[i].id == id)
				listed += list_push(out, &w[i], foreign != 0);
	out->listed += listed;
	if (id >= out->src->from.address) {
		out->next_new = (uint64_t)id + 1;
	} else if (listed == 0) {
		if (out->start)
			out->start->n -= 5;
	} else {
		if (out->old)
			stream_u32(out->old, id);
		out->old_n++;
	}
}

static void lists_walk(struct lists_out *out)
{
	struct list_walk w[LEDGER_SEGMENTS_MAX + 1];
	uint32_t n = 0;

	out->next_new = out->src->from.address;
	for (uint32_t i = 0; i < out->src->n; i++)
		n += list_walk_start(&w[n], &out->src->segment[i], out->src);
	while (n > 0) {
		uint32_t id = w[0].id, left = 0;

		for (uint32_t i = 1; i < n; i++)
			id = w[i].id < id ? w[i].id : id;
		address_push(out, w, n, id);
		for (uint32_t i = 0; i < n; i++)
			if (w[i].id != id || list_walk_next(&w[i]))
				w[left++] = w[i];
		n = left;
	}
	for (; out->next_new < out->src->to.address; out->next_new++)
		start_push(out);
	start_push(out);
}

static int merge_lists(struct merge *m, struct err *e)
{
	_cleanup_(streamp) struct stream old = {0};
	_cleanup_(streamp) struct stream start = {0};
	_cleanup_(streamp) struct stream output = {0};
	struct lists_out out = {.src = m->src, .old = &old, .start = &start, .output = &output};
	int r;

	r = stream_init(&old, m, LEDGER_CHUNK_LIST_OLD, e);
	if (r == 0)
		r = stream_init(&start, m, LEDGER_CHUNK_LIST_START, e);
	if (r == 0)
		r = stream_init(&output, m, LEDGER_CHUNK_LIST_OUTPUT, e);
	if (r < 0)
		return r;
	lists_walk(&out);
	r = stream_end(&old, e);
	if (r == 0)
		r = stream_end(&start, e);
	return r < 0 ? r : stream_end(&output, e);
}

/* ---- the whole ---- */

enum { MERGE_TASKS = 4 };

static int merge_task(void *arg, unsigned worker, uint64_t task, struct err *e)
{
	struct merge *m = arg;

	(void)worker;
	switch (task) {
	case 0:
		return merge_lists(m, e);
	case 1:
		return merge_table(m, LEDGER_TABLE_TX, e);
	case 2:
		return merge_table(m, LEDGER_TABLE_ADDRESS, e);
	}
	return merge_table(m, LEDGER_TABLE_BLOCK, e);
}

static void rows_encode(const struct ledger_rows *r, struct ledger_segment_rows *out)
{
	*out = (struct ledger_segment_rows){htole64(r->block), htole64(r->tx), htole64(r->output),
					    htole64(r->address), htole64(r->foreign)};
}

void segment_head_put(struct ledger_segment_head *h, const struct ledger_view *v,
		      const struct ledger_rows *from, const struct ledger_rows *to,
		      const struct segment_layout *l)
{
	memset(h, 0, sizeof(*h));
	ledger_header_put(&h->header, v->counts.chain, LEDGER_KIND_INDEX, 0, 0,
			  view_block(v, to->block - 1)->hash32);
	rows_encode(from, &h->from);
	rows_encode(to, &h->to);
	h->chunk_n_le = htole32(LEDGER_CHUNK_N);
	for (uint32_t i = 0; i < LEDGER_CHUNK_N; i++)
		h->chunk[i] = (struct ledger_chunk_row){
			htole32(l->chunk[i].id_le), htole32(l->chunk[i].row_bytes_le),
			htole64(l->chunk[i].off_le), htole64(l->chunk[i].row_n_le)};
}

static int ref_fill(int fd, uint64_t block_from, uint64_t block_to, uint64_t len,
		    struct ledger_segment_ref *ret, struct err *e)
{
	struct ledger_segment_ref ref = {block_from, block_to, len, {0}};
	int r = file_hash(fd, len, ref.sha256, e);

	if (r == 0)
		*ret = ref;
	return r;
}

int segment_merge(const char *dir, const struct ledger_view *v, const struct segment_source *src,
		  unsigned threads, struct ledger_segment_ref *ret_ref, struct err *e)
{
	struct lists_out count = {.src = src};
	struct merge m = {.src = src};
	struct ledger_segment_head h;
	_cleanup_(closep) int fd = -1;
	int r;

	lists_walk(&count);
	m.layout = segment_layout(&src->from, &src->to, count.old_n, count.listed);
	fd = file_create(dir, v, src->from.block, src->to.block, e);
	if (fd < 0)
		return fd;
	m.fd = fd;
	segment_head_put(&h, v, &src->from, &src->to, &m.layout);
	/* the length first: what lies between chunks is zero */
	if (ftruncate(fd, (off_t)m.layout.len) < 0 || bytes_at(fd, &h, sizeof(h), 0) < 0)
		return index_fail("cannot write", e);
	r = parallel_run(threads, MERGE_TASKS, merge_task, &m, e);
	return r < 0 ? r : ref_fill(fd, src->from.block, src->to.block, m.layout.len, ret_ref, e);
}

int segment_store(const char *dir, const struct ledger_view *v, const struct ledger_segment *s,
		  struct ledger_segment_ref *ret_ref, struct err *e)
{
	_cleanup_(closep) int fd = file_create(dir, v, s->from.block, s->to.block, e);

	if (fd < 0)
		return fd;
	if (bytes_at(fd, s->map.p, s->map.len, 0) < 0)
		return index_fail("cannot write", e);
	return ref_fill(fd, s->from.block, s->to.block, s->map.len, ret_ref, e);
}
