/* SPDX-License-Identifier: Apache-2.0
 * Inside of audit: the folder of tiles, and the right edge of a tree that grows. */
#ifndef AUDIT_AUDIT_INT_H
#define AUDIT_AUDIT_INT_H
#include "audit/audit.h"
#include "audit/merkle.h"
#include "audit/witness.h"
#include "base/cursor.h"

struct store;

enum {
	TILE_WIDTH = 256,
	TILE_BYTES = TILE_WIDTH * 32,
	TILE_LEVELS = 8,   /* 256^8 leaves */
	TILE_ENTRIES = -1, /* instead of a level: the bundles of entries */
	BUNDLE_BYTES = TILE_WIDTH * (2 + AUDIT_ENTRY_MAX),
	FOLDER_PATH_MAX = 1024, /* of the folder; paths in it are at most TILE_NAME_MAX longer */
	TILE_NAME_MAX = 64,
	FOLDER_MODE = 0755,
	FOLDER_FILE_MODE = 0644, /* nothing in the folder is secret: entries are commitments */
};

/** tile_path - where tile n of a level is, 256 or fewer hashes wide
 * Returns: 0; -ERR_OVERSIZE the folder's path is too long */
int tile_path(const char *dir, int level, uint64_t n, unsigned width,
	      char out[static FOLDER_PATH_MAX + TILE_NAME_MAX], struct err *e) WARN_UNUSED;

/** tile_width - hashes in tile n of a level in a tree of `size` leaves: 0 to 256; a bundle is as wide as level 0 */
unsigned tile_width(uint64_t size, int level, uint64_t n);

/* Tiles of one tree, the last one of each level kept. About 64 KiB: on the heap. */
struct tile_reader {
	const char *dir; /* BORROWS */
	uint64_t size;
	uint64_t files; /* read so far */
	struct {
		bool have;
		uint64_t n;
		uint8_t hash[TILE_BYTES];
	} level[TILE_LEVELS];
};

/** tile_reader_new - nothing is read yet; NULL when out of memory */
struct tile_reader *tile_reader_new(const char *dir, uint64_t size);
struct tile_reader *tile_reader_free(struct tile_reader *t);
DEFINE_CLEANUP(struct tile_reader *, tile_reader_free);

/** tile_get - the hashes of a tile, tile_width() of them, valid until the next call for this level
 * Returns: 0; -ERR_TRUNCATED the file is missing or too short; -ERR_CORRUPT too long; -ERR_IO ... with the file in e */
int tile_get(struct tile_reader *t, unsigned level, uint64_t n, const uint8_t **ret_hashes,
	     struct err *e) WARN_UNUSED;

/** tile_source - a merkle_source over the tiles; tile_entries - the bundle n as it is in the folder, into an empty b
 * Returns: as tile_get */
struct merkle_source tile_source(struct tile_reader *t);
int tile_entries(struct tile_reader *t, uint64_t n, struct buf *b, struct err *e) WARN_UNUSED;

/** bundle_next - the next entry of a bundle, in place
 * Returns: 0; -ERR_TRUNCATED; -ERR_OVERSIZE */
int bundle_next(struct cur *c, const uint8_t **ret_p, size_t *ret_len, struct err *e) WARN_UNUSED;

/* The right edge of a tree: its front, and the hashes of the rightmost, unfinished tile of each level. */
struct edge {
	struct merkle_front front;
	bool dirty[TILE_LEVELS]; /* the unfinished tile of the level has changed since edge_end */
	uint8_t hash[TILE_LEVELS][TILE_BYTES];
};
/* What happens to a tile that is finished, or that ends the tree: the appender writes it, the verifier compares it. */
typedef int edge_tile_fn(void *ctx, unsigned level, uint64_t n, unsigned width,
			 const uint8_t *hashes, struct err *e);

/** edge_add - one more leaf; calls fn for each tile that it fills
 * edge_end - calls fn for each unfinished tile that changed
 * edge_load - the edge of the tree that the tiles describe
 * Returns: 0; as fn; as tile_get */
int edge_add(struct edge *g, const uint8_t leaf32[static 32], edge_tile_fn *fn, void *ctx,
	     struct err *e) WARN_UNUSED;
int edge_end(struct edge *g, edge_tile_fn *fn, void *ctx, struct err *e) WARN_UNUSED;
int edge_load(struct edge *g, struct tile_reader *t, struct err *e) WARN_UNUSED;

/** cosigned_path - where the newest checkpoint with countersignatures is, as checkpoint_path */
int cosigned_path(const char *dir, char out[static FOLDER_PATH_MAX + TILE_NAME_MAX],
		  struct err *e) WARN_UNUSED;

/** checkpoint_path - where the checkpoint is; checkpoint_read - its bytes, into an empty b of NOTE_MAX, and its meaning
 * Returns: 0; -ERR_NOENT there is none; -ERR_OVERSIZE; as audit_checkpoint_parse, file_read */
int checkpoint_path(const char *dir, char out[static FOLDER_PATH_MAX + TILE_NAME_MAX],
		    struct err *e) WARN_UNUSED;
int checkpoint_read(const char *dir, struct buf *b, struct audit_checkpoint *ret_head,
		    struct err *e) WARN_UNUSED;

/* A folder opened for reading: its checkpoint, whose signature nobody has looked at, and its tiles. */
struct folder {
	struct buf note;
	struct audit_checkpoint head;
	struct tile_reader *tiles;
};
/** folder_open - init by reading the checkpoint; folder_done - release; safe after a failed open
 * Returns: 0; -ERR_NOMEM; as checkpoint_read */
int folder_open(struct folder *f, const char *dir, struct err *e) WARN_UNUSED;
void folder_done(struct folder *f);

/** checkpoint_signed - is a checkpoint signed by a key of its log that counts
 * In:      note     what head was parsed from
 *          key      witness.h
 * Returns: 0; -ERR_MEMBER_UNKNOWN no such log; -ERR_KEY_UNKNOWN no key of the log has signed, or the first reason why its key does
 *          not count; -ERR_SIGNATURE; as note_parse */
int checkpoint_signed(const void *note, size_t len, const struct audit_checkpoint *head,
		      witness_key_fn *key, void *ctx, struct err *e) WARN_UNUSED;

/** checkpoint_text - origin, size and root as the text to be signed, into an empty b
 * Returns: 0; as buf_err */
int checkpoint_text(const struct audit_checkpoint *head, struct buf *b) WARN_UNUSED;

/** rows_compare - the store's entries from `from` (or a few earlier ones) up to `to` must be those of the tiles
 * Returns: 0; -ERR_CONFLICT one differs or is missing in the store; as tile_get, store_exec */
int rows_compare(struct store *s, struct tile_reader *t, uint64_t from, uint64_t to,
		 struct err *e) WARN_UNUSED;

/** audit_next_seq - the number that the next entry of this store gets, which is how many there are */
int audit_next_seq(struct store *s, uint64_t *ret_seq, struct err *e) WARN_UNUSED;
#endif
