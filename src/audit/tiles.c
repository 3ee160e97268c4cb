/* SPDX-License-Identifier: Apache-2.0
 * The folder of tiles (C2SP tlog-tiles): names, reading, and the right edge.
 *
 *	checkpoint
 *	tile/<level>/<n>         256 hashes of 32 bytes: hash i is the root of leaves [(n * 256 + i) * 256^level, + 256^level)
 *	tile/<level>/<n>.p/<w>   the same, w of them: the rightmost tile of a tree that a checkpoint was made of
 *	tile/entries/<n>[.p/<w>] the entries under tile 0/<n>, each behind its length as u16be
 *
 * <n> is written in groups of three digits, all but the last with an x in front: 1234067 is x001/x234/067. A partial tile may
 * be gone once the full one is there, so readers try that one next. */
#include "audit/audit-int.h"
#include "base/file.h"

/* ---- names ---- */

static int tile_number(uint64_t n, char *out, size_t out_size)
{
	char groups[8][5]; /* 3 digits a group: 24 digits hold every u64 */
	unsigned g = 0;
	do {
		(void)snprintf(groups[g], sizeof(groups[g]), g ? "x%03u" : "%03u",
			       (unsigned)(n % 1000));
		n /= 1000;
		g++;
	} while (n && g < ARRAY_LEN(groups));
	size_t len = 0;
	while (g--)
		len += (size_t)snprintf(out + len, out_size - len, "%s%s", groups[g], g ? "/" : "");
	return (int)len;
}

int tile_path(const char *dir, int level, uint64_t n, unsigned width,
	      char out[static FOLDER_PATH_MAX + TILE_NAME_MAX], struct err *e)
{
	char number[40], kind[12] = "entries", part[8] = "";
	if (strnlen(dir, FOLDER_PATH_MAX + 1) > FOLDER_PATH_MAX - 1)
		return err_set(e, ERR_OVERSIZE, "dir", "The folder's path is longer than %d bytes.",
			       FOLDER_PATH_MAX - 1);
	tile_number(n, number, sizeof(number));
	if (level != TILE_ENTRIES)
		(void)snprintf(kind, sizeof(kind), "%d", level);
	if (width < TILE_WIDTH)
		(void)snprintf(part, sizeof(part), ".p/%u", width);
	(void)snprintf(out, FOLDER_PATH_MAX + TILE_NAME_MAX, "%s/tile/%s/%s%s", dir, kind, number,
		       part);
	return 0;
}

unsigned tile_width(uint64_t size, int level, uint64_t n)
{
	uint64_t hashes = level > 0 ? size >> (8 * level) : size, before = n * TILE_WIDTH;
	if (hashes <= before)
		return 0;
	return hashes - before < TILE_WIDTH ? (unsigned)(hashes - before) : TILE_WIDTH;
}

/* ---- reading ---- */

struct tile_reader *tile_reader_new(const char *dir, uint64_t size)
{
	struct tile_reader *t = calloc(1, sizeof(*t));
	if (t) {
		t->dir = dir;
		t->size = size;
	}
	return t;
}

struct tile_reader *tile_reader_free(struct tile_reader *t)
{
	free(t);
	return NULL;
}

/* A partial tile's file, or the full one that took its place. */
static int read_tile_file(struct tile_reader *t, int level, uint64_t n, unsigned width,
			  struct buf *b, struct err *e)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX], full[sizeof(path)];
	int r = tile_path(t->dir, level, n, width, path, e);
	if (r == 0)
		r = tile_path(t->dir, level, n, TILE_WIDTH, full, e);
	if (r == 0)
		r = file_read(path, b, e);
	if (r == -ERR_NOENT && width < TILE_WIDTH)
		r = file_read(full, b, e);
	t->files += r == 0;
	if (r == -ERR_NOENT)
		return err_set(e, ERR_TRUNCATED, "tile", "%s is missing.", path);
	if (r == -ERR_OVERSIZE)
		return err_set(e, ERR_CORRUPT, "tile", "%s is too long.", path);
	return r;
}

int tile_get(struct tile_reader *t, unsigned level, uint64_t n, const uint8_t **ret_hashes,
	     struct err *e)
{
	unsigned width = tile_width(t->size, (int)level, n);
	if (level >= TILE_LEVELS || width == 0)
		return err_set(e, ERR_RANGE, "tile", "There is no tile %u/%llu in this tree.",
			       level, (unsigned long long)n);
	*ret_hashes = t->level[level].hash;
	if (t->level[level].have && t->level[level].n == n)
		return 0;
	struct buf b;
	buf_init(&b, TILE_BYTES);
	int r = read_tile_file(t, (int)level, n, width, &b, e);
	bool full = b.len == TILE_BYTES;
	if (r == 0 && b.len < (size_t)width * 32)
		r = err_set(e, ERR_TRUNCATED, "tile", "Tile %u/%llu has %zu bytes instead of %u.",
			    level, (unsigned long long)n, b.len, width * 32);
	if (r == 0 && b.len > (size_t)width * 32 && !full)
		r = err_set(e, ERR_CORRUPT, "tile", "Tile %u/%llu has %zu bytes instead of %u.",
			    level, (unsigned long long)n, b.len, width * 32);
	if (r == 0)
		memcpy(t->level[level].hash, b.p, b.len);
	t->level[level].have = r == 0;
	t->level[level].n = n;
	buf_done(&b);
	return r;
}

/* The root of 2^height leaves out of one tile: its 2^(height mod 8) hashes, folded. */
static int source_node(void *ctx, unsigned height, uint64_t index, uint8_t out32[static 32],
		       struct err *e)
{
	struct tile_reader *t = ctx;
	const uint8_t *hashes = NULL;
	unsigned level = height / 8, width = 1u << height % 8;
	uint64_t first = index << height % 8;
	int r = tile_get(t, level, first / TILE_WIDTH, &hashes, e);
	if (r < 0)
		return r;
	uint8_t fold[TILE_WIDTH / 2][32];
	memcpy(fold, hashes + first % TILE_WIDTH * 32, (size_t)width * 32);
	for (; width > 1; width /= 2)
		for (unsigned i = 0; i < width / 2; i++)
			merkle_node(fold[2 * i], fold[2 * i + 1], fold[i]);
	memcpy(out32, fold[0], 32);
	return 0;
}

struct merkle_source tile_source(struct tile_reader *t)
{
	return (struct merkle_source){source_node, t};
}

int tile_entries(struct tile_reader *t, uint64_t n, struct buf *b, struct err *e)
{
	return read_tile_file(t, TILE_ENTRIES, n, tile_width(t->size, 0, n), b, e);
}

int bundle_next(struct cur *c, const uint8_t **ret_p, size_t *ret_len, struct err *e)
{
	size_t len = cur_u16be(c);
	if (len > AUDIT_ENTRY_MAX)
		return err_set(e, ERR_OVERSIZE, "entries",
			       "An entry in a bundle is larger than %d bytes.", AUDIT_ENTRY_MAX);
	const uint8_t *p = cur_bytes(c, len);
	if (c->error)
		return err_set(e, ERR_TRUNCATED, "entries",
			       "A bundle of entries ends in the middle of one.");
	*ret_p = p;
	*ret_len = len;
	return 0;
}

/* ---- a folder, opened for reading ---- */

void folder_done(struct folder *f)
{
	buf_done(&f->note);
	f->tiles = tile_reader_free(f->tiles);
}

int folder_open(struct folder *f, const char *dir, struct err *e)
{
	*f = (struct folder){0};
	buf_init(&f->note, NOTE_MAX);
	int r = checkpoint_read(dir, &f->note, &f->head, e);
	if (r < 0)
		return r;
	f->tiles = tile_reader_new(dir, f->head.size);
	return f->tiles ? 0 : err_set(e, ERR_NOMEM, NULL, NULL);
}

/* ---- the right edge ---- */

/* The root of a full tile. */
static void fold_tile(const uint8_t *hashes, uint8_t out32[static 32])
{
	struct merkle_front f = {0};
	for (unsigned i = 0; i < TILE_WIDTH; i++)
		merkle_append(&f, hashes + i * 32);
	merkle_front_root(&f, out32);
}

int edge_add(struct edge *g, const uint8_t leaf32[static 32], edge_tile_fn *fn, void *ctx,
	     struct err *e)
{
	uint8_t hash[32];
	memcpy(hash, leaf32, 32);
	uint64_t at = g->front.size;
	merkle_append(&g->front, leaf32);
	for (unsigned level = 0; level < TILE_LEVELS; level++, at /= TILE_WIDTH) {
		memcpy(g->hash[level] + at % TILE_WIDTH * 32, hash, 32);
		g->dirty[level] = at % TILE_WIDTH != TILE_WIDTH - 1;
		if (g->dirty[level])
			return 0;
		int r = fn(ctx, level, at / TILE_WIDTH, TILE_WIDTH, g->hash[level], e);
		if (r < 0)
			return r;
		fold_tile(g->hash[level], hash);
	}
	return 0;
}

int edge_end(struct edge *g, edge_tile_fn *fn, void *ctx, struct err *e)
{
	uint64_t hashes = g->front.size;
	for (unsigned level = 0; level < TILE_LEVELS; level++, hashes /= TILE_WIDTH) {
		if (!g->dirty[level])
			continue;
		int r = fn(ctx, level, hashes / TILE_WIDTH, (unsigned)(hashes % TILE_WIDTH),
			   g->hash[level], e);
		if (r < 0)
			return r;
		g->dirty[level] = false;
	}
	return 0;
}

int edge_load(struct edge *g, struct tile_reader *t, struct err *e)
{
	struct merkle_source src = tile_source(t);
	memset(g->dirty, 0, sizeof(g->dirty));
	int r = merkle_front_load(&src, t->size, &g->front, e);
	uint64_t hashes = t->size;
	for (unsigned level = 0; r == 0 && level < TILE_LEVELS; level++, hashes /= TILE_WIDTH) {
		const uint8_t *p = NULL;
		if (hashes % TILE_WIDTH == 0)
			continue;
		r = tile_get(t, level, hashes / TILE_WIDTH, &p, e);
		if (r == 0)
			memcpy(g->hash[level], p, hashes % TILE_WIDTH * 32);
	}
	return r;
}
