/* SPDX-License-Identifier: Apache-2.0
 * Making a file of entities: from nothing, or from an earlier file whose committed block is still in the chain. Either gives
 * the same bytes, since what lies above the committed height is dropped first. */
#include "base/file.h"
#include "crypto/crypto.h"
#include "ledger/entity-int.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TICK_TX = 65536 };

/* The file being made, mapped whole. */
struct making {
	int fd;
	uint8_t *p;
	uint64_t len;
	char tmp[LEDGER_PATH_MAX];
};

static int making_fail(const struct making *m, const char *what, struct err *e)
{
	int code = errno;

	return err_set(e, err_errno(code), "entities", "%s: %s: %s", m->tmp, what, strerror(code));
}

static void making_done(struct making *m)
{
	if (m->p)
		munmap(m->p, m->len);
	if (m->fd >= 0) {
		(void)unlink(m->tmp);
		close(m->fd);
	}
	m->fd = -1;
}

/* One builder a set at a time; whoever comes second is told. */
static int making_open(const char *dir, uint32_t set, uint64_t len, struct making *m, struct err *e)
{
	char name[ENTITY_NAME_MAX];

	snprintf(name, sizeof(name), "entity-%02x.tmp", set);
	int r = ledger_path(dir, name, m->tmp, e);
	if (r < 0)
		return r;
	m->fd = open(m->tmp, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (m->fd < 0)
		return making_fail(m, "cannot make", e);
	if (flock(m->fd, LOCK_EX | LOCK_NB) < 0) {
		close(m->fd);
		m->fd = -1;
		return err_set(e, ERR_BUSY, "entities", "%s: being made by another process",
			       m->tmp);
	}
	m->len = len;
	errno = ftruncate(m->fd, 0) < 0 ? errno : posix_fallocate(m->fd, 0, (off_t)len);
	if (errno)
		return making_fail(m, "cannot allocate", e);
	m->p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->p == MAP_FAILED) {
		m->p = NULL;
		return making_fail(m, "cannot map", e);
	}
	return 0;
}

/* ---- an earlier file ---- */

static bool still_in_chain(const struct ledger *l, const struct entity_file *f, uint32_t committed)
{
	struct ledger_block b;
	uint32_t h = le32toh(f->head->committed_le);

	return h <= committed && ledger_block_at(l, h, &b) == 0 &&
	       memcmp(b.hash32, f->head->committed_hash32, 32) == 0;
}

/* The file that reaches furthest, of those that can be continued. */
static void earlier_find(const char *dir, const struct ledger *l, uint32_t set, uint32_t committed,
			 struct entity_file *best)
{
	DIR *d = opendir(dir);

	for (const struct dirent *n; d && (n = readdir(d)) != NULL;) {
		struct entity_file f;

		if (!entity_file_is(n->d_name, set) ||
		    entity_file_map(dir, n->d_name, l, set, &f, NULL) < 0)
			continue;
		if (!still_in_chain(l, &f, committed) ||
		    (best->head &&
		     le32toh(best->head->committed_le) >= le32toh(f.head->committed_le))) {
			entity_file_done(&f);
			continue;
		}
		entity_file_done(best);
		*best = f;
	}
	if (d)
		closedir(d);
}

/* Take over what it committed. Ids are ordered by first output, so those of committed blocks are the same ones. */
static void earlier_take(struct cluster *c, const struct entity_file *f)
{
	uint64_t n = f->a.address_n < c->a.address_n ? f->a.address_n : c->a.address_n;

	memcpy(c->a.root, f->a.root, n * 4);
	memcpy(c->a.link, f->a.link, n * 4);
	memcpy(c->a.height, f->a.height, n * 4);
	for (uint64_t i = 0; i < f->a.overlay_n; i++) {
		uint32_t x = f->a.overlay[i];

		if (x >= n)
			continue;
		c->a.link[x] = x;
		c->a.height[x] = ENTITY_NO_LINK;
	}
	c->refused_n = le64toh(f->head->refused_committed_n_le);
	c->joined_n = le64toh(f->head->joined_committed_n_le);
}

/* ---- the sweep ---- */

static int cluster_init(struct cluster *c, const struct entity_file *earlier)
{
	for (uint32_t x = 0; x < c->a.address_n; x++) {
		c->a.root[x] = c->a.link[x] = x;
		c->a.height[x] = ENTITY_NO_LINK;
	}
	if (earlier->head)
		earlier_take(c, earlier);
	return c->set ? cluster_hindsight(c) : 0;
}

/* Blocks from ... to, both included. */
static int sweep(struct cluster *c, const struct entity_build *opt, uint32_t from, uint32_t to,
		 uint64_t *tx_done)
{
	uint64_t next = *tx_done + TICK_TX, tx_n = ledger_info(c->l)->tx_n;

	for (uint32_t h = from; h <= to; h++) {
		struct ledger_block b;

		if (ledger_block_at(c->l, h, &b) < 0)
			return -ERR_CORRUPT;
		c->height = h;
		int r = cluster_txs(c, b.first_tx, b.first_tx + b.tx_n);
		if (r < 0)
			return r;
		*tx_done = (uint64_t)b.first_tx + b.tx_n;
		if (opt->tick && *tx_done >= next) {
			opt->tick(opt->tick_ctx, *tx_done, tx_n);
			next = *tx_done + TICK_TX;
		}
	}
	return 0;
}

struct overlay_row {
	uint32_t entity, address;
};

static int overlay_cmp(const void *a, const void *b)
{
	const struct overlay_row *x = a, *y = b;

	if (x->entity != y->entity)
		return x->entity < y->entity ? -1 : 1;
	return (x->address > y->address) - (x->address < y->address);
}

static int overlay_sort(struct cluster *c)
{
	_cleanup_(freep) struct overlay_row *rows = calloc(c->overlay_n + 1, sizeof(*rows));

	if (!rows)
		return -ERR_NOMEM;
	for (uint64_t i = 0; i < c->overlay_n; i++)
		rows[i] = (struct overlay_row){cluster_find(c, c->overlay[i]), c->overlay[i]};
	qsort(rows, c->overlay_n, sizeof(*rows), overlay_cmp);
	for (uint64_t i = 0; i < c->overlay_n; i++)
		c->overlay[i] = rows[i].address;
	return 0;
}

/* ---- the file ---- */

static int making_grow(struct making *m, uint64_t len, struct err *e)
{
	if (len <= m->len)
		return 0;
	errno = posix_fallocate(m->fd, 0, (off_t)len);
	if (errno)
		return making_fail(m, "cannot allocate", e);
	void *p = mremap(m->p, m->len, len, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return making_fail(m, "cannot map", e);
	m->p = p;
	m->len = len;
	return 0;
}

static int making_finish(const char *dir, const struct ledger *l, struct cluster *c,
			 struct entity_head *h, struct making *m, struct err *e)
{
	char name[ENTITY_NAME_MAX], path[LEDGER_PATH_MAX];
	uint64_t len, entity_n = 0;

	entity_layout(h, c->a.address_n, c->overlay_n, &len);
	int r = making_grow(m, len, e);
	if (r < 0)
		return r;
	c->a = entity_arrays_of(m->p, h);
	memcpy(c->a.overlay, c->overlay, c->overlay_n * 4);
	for (uint32_t x = 1; x < c->a.address_n; x++)
		entity_n += c->a.link[x] == x;
	h->entity_n_le = htole64(entity_n);
	h->refused_n_le = htole64(c->refused_n);
	h->joined_n_le = htole64(c->joined_n);
	memcpy(m->p, h, sizeof(*h));
	sha256(m->p, m->len - 32, m->p + m->len - 32);
	entity_file_name(l, c->set, name);
	r = ledger_path(dir, name, path, e);
	if (r < 0)
		return r;
	if (msync(m->p, m->len, MS_SYNC) < 0 || fsync(m->fd) < 0 || rename(m->tmp, path) < 0)
		return making_fail(m, "cannot write", e);
	munmap(m->p, m->len);
	m->p = NULL;
	close(TAKE_FD(m->fd));
	return file_sync_dir(path, e);
}

static void head_fill(const struct ledger *l, uint32_t set, uint32_t committed,
		      const struct ledger_block *b, struct entity_head *h)
{
	const struct ledger_info *info = ledger_info(l);

	memset(h, 0, sizeof(*h));
	ledger_header_put(&h->header, l->v.counts.chain, (enum ledger_kind)ENTITY_KIND, 0, 0,
			  info->tip32);
	h->set_le = htole32(set);
	h->committed_le = htole32(committed);
	h->address_n_le = htole64(info->address_n);
	h->tx_n_le = htole64(info->tx_n);
	memcpy(h->committed_hash32, b->hash32, 32);
	h->chunk_n_le = htole32(ENTITY_CHUNK_N);
}

static int fill(struct cluster *c, const struct entity_build *opt, struct entity_head *h,
		const struct entity_file *earlier)
{
	const struct ledger_info *info = ledger_info(c->l);
	uint32_t committed = le32toh(h->committed_le);
	uint32_t from =
		earlier->head ? le32toh(earlier->head->committed_le) + 1 : info->first_height;
	uint64_t tx_done = 0;
	int r = cluster_init(c, earlier);
	if (r == 0)
		r = sweep(c, opt, from, committed, &tx_done);
	if (r < 0)
		return r;
	h->refused_committed_n_le = htole64(c->refused_n);
	h->joined_committed_n_le = htole64(c->joined_n);
	cluster_commit(c);
	r = sweep(c, opt, committed + 1, info->height, &tx_done);
	return r == 0 ? overlay_sort(c) : r;
}

/* First transaction above what an earlier file committed. */
static uint64_t first_tx_above(const struct ledger *l, const struct entity_file *f)
{
	struct ledger_block b;

	if (ledger_block_at(l, le32toh(f->head->committed_le) + 1, &b) < 0)
		return ledger_info(l)->tx_n;
	return b.first_tx;
}

static int build(const char *dir, const struct ledger *l, const struct entity_build *opt,
		 struct entity_built *ret, struct err *e)
{
	const struct ledger_info *info = ledger_info(l);
	uint32_t committed = info->height - info->first_height > ENTITY_UNDO_BLOCKS
				     ? info->height - ENTITY_UNDO_BLOCKS
				     : info->first_height;
	struct making m = {.fd = -1};
	struct entity_file earlier = {0};
	struct cluster c = {.l = l, .set = opt->set};
	struct ledger_block b;
	struct entity_head h;
	uint64_t len;

	if (ledger_block_at(l, committed, &b) < 0)
		return err_set(e, ERR_CORRUPT, "ledger", "block %u is missing", committed);
	head_fill(l, opt->set, committed, &b, &h);
	entity_layout(&h, info->address_n, 0, &len);
	int r = making_open(dir, opt->set, len, &m, e);
	if (r == 0) {
		/* The bound of change ties looks ahead, so a later tip may decide otherwise. */
		if (!opt->whole && !opt->set)
			earlier_find(dir, l, opt->set, committed, &earlier);
		c.a = entity_arrays_of(m.p, &h);
		r = fill(&c, opt, &h, &earlier);
		r = r < 0 ? err_set(e, r, "entities", NULL) : making_finish(dir, l, &c, &h, &m, e);
	}
	ret->continued = earlier.head != NULL;
	ret->tx_n = info->tx_n - (earlier.head ? first_tx_above(l, &earlier) : 0);
	entity_file_done(&earlier);
	cluster_done(&c);
	making_done(&m);
	return r;
}

/* Delete the files of a set, but one. */
static int files_remove(const char *dir, uint32_t set, const char *but, int *ret_n, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	DIR *d = opendir(dir);
	int r = 0;

	if (!d)
		return err_set(e, err_errno(errno), "ledger", "%s: %s", dir, strerror(errno));
	for (const struct dirent *n; r == 0 && (n = readdir(d)) != NULL;) {
		if (!entity_file_is(n->d_name, set) || (but && strcmp(n->d_name, but) == 0))
			continue;
		r = ledger_path(dir, n->d_name, path, e);
		if (r == 0 && unlink(path) < 0)
			r = err_set(e, err_errno(errno), "entities", "%s: %s", path,
				    strerror(errno));
		*ret_n += 1;
	}
	closedir(d);
	return r;
}

int entities_build(const char *dir, const struct entity_build *opt, struct entity_built *ret,
		   struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *l = NULL;
	struct entity_built done = {0};
	struct entity_file f = {0};
	char name[ENTITY_NAME_MAX];
	int removed = 0;

	if (opt->set & ~(uint32_t)HEURISTIC_ALL)
		return err_set(e, ERR_RANGE, "heuristics", "unknown heuristics: %x", opt->set);
	int r = ledger_open(dir, &l, e);
	if (r < 0)
		return r;
	entity_file_name(l, opt->set, name);
	r = opt->whole ? -ERR_NOENT : entity_file_map(dir, name, l, opt->set, &f, NULL);
	if (r == 0) {
		done.existed = true;
	} else {
		r = build(dir, l, opt, &done, e);
		if (r == 0)
			r = entity_file_map(dir, name, l, opt->set, &f, e);
	}
	if (r == 0)
		r = files_remove(dir, opt->set, name, &removed, e);
	if (r == 0) {
		entity_file_info(&f, &done);
		*ret = done;
	}
	entity_file_done(&f);
	return r;
}

int entities_remove(const char *dir, uint32_t set, struct err *e)
{
	char text[HEURISTIC_SET_TEXT_MAX];
	int n = 0, r = files_remove(dir, set, NULL, &n, e);

	if (r == 0 && n == 0)
		r = err_set(e, ERR_NOENT, "heuristics", "%s: no entities were made with %s", dir,
			    heuristic_set_text(set, text));
	return r;
}
