/* SPDX-License-Identifier: Apache-2.0
 * Inside the entities: the layout of their file (docs/format/entity.md 3), a mapped one, and the sweep that fills one. */
#ifndef LEDGER_ENTITY_INT_H
#define LEDGER_ENTITY_INT_H
#include "ledger/entity.h"
#include "ledger/ledger-int.h"

enum entity_chunk {
	ENTITY_ROOT = 32,
	ENTITY_START = 33,
	ENTITY_MEMBER = 34,
	ENTITY_LINK = 35,
	ENTITY_LINK_HEIGHT = 36,
	ENTITY_OVERLAY = 37,
};
enum {
	ENTITY_CHUNK_N = 6,
	ENTITY_KIND = 5, /* of the file header */
	ENTITY_NAME_MAX = 64,
	ENTITY_UNDO_BLOCKS = 100,
	ENTITY_BOUND = 64, /* addresses of the largest entity that a change tie may make */
};
#define ENTITY_NO_LINK UINT32_MAX

struct entity_head {
	struct ledger_header header;
	uint32_t set_le, committed_le;
	uint64_t address_n_le, tx_n_le, entity_n_le;
	uint64_t refused_n_le, joined_n_le;			/* up to the tip */
	uint64_t refused_committed_n_le, joined_committed_n_le; /* up to the committed height */
	uint8_t committed_hash32[32];
	uint32_t chunk_n_le, zero_le;
	struct ledger_chunk_row chunk[ENTITY_CHUNK_N];
};
static_assert(offsetof(struct entity_head, address_n_le) == 72, "entity.md 3");
static_assert(offsetof(struct entity_head, refused_n_le) == 96, "entity.md 3");
static_assert(offsetof(struct entity_head, committed_hash32) == 128, "entity.md 3");
static_assert(offsetof(struct entity_head, chunk) == 168, "entity.md 3");
static_assert(sizeof(struct entity_head) == 168 + ENTITY_CHUNK_N * 24, "entity.md 3");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "entities are read and written in place");

/* The arrays of a file, mapped. */
struct entity_arrays {
	uint32_t *root, *start, *member, *link, *height, *overlay;
	uint64_t address_n, overlay_n;
};
/* A file of entities, of this tip or an earlier one. */
struct entity_file {
	struct ledger_map map;
	const struct entity_head *head;
	struct entity_arrays a; /* not to be written */
};
/** entity_layout - the chunk table for so many rows, and the length of the file; the overlay is the last chunk
 *  entity_arrays_of - where they are in a mapped file */
void entity_layout(struct entity_head *h, uint64_t address_n, uint64_t overlay_n,
		   uint64_t *ret_len);
struct entity_arrays entity_arrays_of(uint8_t *p, const struct entity_head *h);
/** entity_file_name - the name for a ledger's tip and a set
 *  entity_file_is - is this name a file of a set? */
void entity_file_name(const struct ledger *l, uint32_t set, char out[static ENTITY_NAME_MAX]);
bool entity_file_is(const char *name, uint32_t set);
/** entity_file_map - map and check a file of a set on this chain, of whatever tip; unmap it with entity_file_done()
 * Returns: 0; -ERR_NOENT; -ERR_CORRUPT, -ERR_VERSION, -ERR_NETWORK; -ERR_IO, -ERR_ACCES */
int entity_file_map(const char *dir, const char *name, const struct ledger *l, uint32_t set,
		    struct entity_file *ret_f, struct err *e) WARN_UNUSED;
void entity_file_done(struct entity_file *f);
/** entity_file_info - the figures of its header */
void entity_file_info(const struct entity_file *f, struct entity_built *info);

/* Ties being made: root is the union-find's parent until it is committed. */
struct cluster {
	const struct ledger *l;
	struct entity_arrays a;
	uint32_t set;
	/* What multi-input ties up to the tip and the change ties so far come to: parents and sizes; NULL without change heuristics */
	uint32_t *hind_root, *hind_size;
	uint32_t height;   /* of the transactions at hand */
	bool committed;	   /* roots stand; what follows goes to the overlay */
	uint32_t *overlay; /* addresses linked since */
	uint64_t overlay_n, overlay_cap;
	uint64_t refused_n, joined_n;
};
/** cluster_tx - the ties of transactions from ... to - 1, in chain order
 * Returns: 0; -ERR_CORRUPT; -ERR_NOMEM */
int cluster_txs(struct cluster *c, uint32_t from, uint32_t to) WARN_UNUSED;
/** cluster_hindsight - what multi-input will tie up to the tip, for the bound of change ties; needed when set is not 0
 * Returns: 0; -ERR_CORRUPT; -ERR_NOMEM */
int cluster_hindsight(struct cluster *c) WARN_UNUSED;
void cluster_done(struct cluster *c);
/** cluster_commit - make every root final, and lists of members from them */
void cluster_commit(struct cluster *c);
/** cluster_find - the root of an address by now */
uint32_t cluster_find(struct cluster *c, uint32_t address);
#endif
