/* SPDX-License-Identifier: Apache-2.0
 * One writer that stays open: blocks that come one by one, each a small batch with a manifest of its own.
 *
 * While a writer is open there is a checkpoint beside the manifest, older than it or equal. It says only that spenders may have been
 * written which no state counts, should the program be killed now. */
#include "base/cleanup.h"
#include "chain/block.h"
#include "chain/hash.h"
#include "ledger/import-int.h"
#include <inttypes.h>

enum { WRITER_BATCH_BYTES = 64 << 20 };

struct ledger_writer {
	struct importer im;
	char dir[LEDGER_PATH_MAX];
	const struct ledger_new_block *blocks; /* during append */
	struct header_node *nodes;
	bool closed; /* after a failed append the state on disk could not be opened again */
};

static int writer_begin(struct ledger_writer *w, const uint8_t *key16, struct err *e)
{
	struct importer *im = &w->im;
	struct ledger_manifest m;
	bool interrupted;
	int r = import_open(im, key16, &interrupted, e);

	if (r < 0)
		return r;
	r = ledger_manifest_load(im->dir, LEDGER_KIND_MANIFEST, &m, e);
	if (r < 0 && r != -ERR_NOENT)
		return r;
	if (im->manifest.counts.block_n > 0 &&
	    (r < 0 || m.counts.block_n < im->manifest.counts.block_n))
		return err_set(e, ERR_AGAIN, "ledger",
			       "%s: its import has not ended; run lug ledger import again",
			       im->dir);
	if (batch_init(&im->batch, im->memory_bytes < WRITER_BATCH_BYTES ? im->memory_bytes
									 : WRITER_BATCH_BYTES) < 0)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	return import_mark(im, e);
}

int ledger_writer_open(const char *dir, const char *network,
		       const struct ledger_import_options *opt, struct ledger_writer **ret_w,
		       struct err *e)
{
	static const struct ledger_import_options usual;
	struct ledger_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	opt = opt ? opt : &usual;
	r = snprintf(w->dir, sizeof(w->dir), "%s", dir) >= (int)sizeof(w->dir)
		    ? err_set(e, ERR_RANGE, "ledger", "path too long")
		    : 0;
	import_init(&w->im, w->dir, opt);
	w->im.network = network_find(network);
	if (r == 0 && !w->im.network)
		r = err_set(e, ERR_INVAL, "network", "%s: not a network with block files", network);
	if (r == 0)
		r = writer_begin(w, opt->key16, e);
	if (r < 0) {
		import_close(&w->im);
		free(w);
		return r;
	}
	*ret_w = w;
	return 0;
}

struct ledger_writer *ledger_writer_close(struct ledger_writer *w)
{
	if (!w)
		return NULL;
	/* An empty ledger keeps its checkpoint, for there is nothing else. Where one stays because it cannot be removed, the next
	 * writer walks over a column for nothing. */
	if (w->im.manifest.counts.block_n > 0)
		(void)import_finish(&w->im, NULL);
	import_close(&w->im);
	free(w);
	return NULL;
}

bool ledger_writer_hash(const struct ledger_writer *w, uint32_t height,
			uint8_t ret_hash32[static 32])
{
	const struct ledger_view *v = &w->im.columns.v;

	if (height < v->counts.first_height || height - v->counts.first_height >= v->counts.block_n)
		return false;
	memcpy(ret_hash32, view_block(v, height - v->counts.first_height)->hash32, 32);
	return true;
}

bool ledger_writer_tip(const struct ledger_writer *w, uint32_t *ret_height,
		       uint8_t ret_hash32[static 32])
{
	const struct ledger_counts *c = &w->im.columns.v.counts;

	if (c->block_n == 0)
		return false;
	*ret_height = (uint32_t)(c->first_height + c->block_n - 1);
	memcpy(ret_hash32, c->tip32, 32);
	return true;
}

/* ---- append ---- */

static int block_given(void *arg, unsigned worker, uint64_t i, const struct header_node **ret_node,
		       const uint8_t **ret_p, struct err *e)
{
	const struct ledger_writer *w = arg;

	(void)worker;
	(void)e;
	*ret_node = &w->nodes[i];
	*ret_p = w->blocks[i].p;
	return 0;
}

static enum import_end publish_always(void *arg, uint64_t n)
{
	(void)arg;
	(void)n;
	return IMPORT_PUBLISH;
}

/* The header of a block that is given: its work, and the block that it must follow. */
static int node_fill(const struct ledger_writer *w, const struct ledger_new_block *b,
		     const uint8_t prev32[static 32], uint64_t depth, struct header_node *node,
		     struct err *e)
{
	static const uint8_t zeros32[32];
	const struct network *n = w->im.network;
	struct block_header h;
	uint8_t genesis32[32];
	int r;

	if (b->len < BLOCK_HEADER_LEN || b->len > BLOCK_LEN_MAX)
		return err_set(e, ERR_CORRUPT, "block", "%zu bytes are no block", b->len);
	h = block_header_decode(b->p);
	*node = (struct header_node){.file = b->file,
				     .off = b->file_off,
				     .size = (uint32_t)b->len,
				     .depth = (uint32_t)depth,
				     .bits = h.bits};
	memcpy(node->prev32, h.prev32, 32);
	block_hash(b->p, node->hash32);
	r = block_check_work(node->hash32, h.bits, n);
	if (r < 0 && r != -ERR_UNSUPPORTED)
		return import_corrupt(&w->im, node, e, "a header without its proof of work");
	if (depth == 0 && memcmp(prev32, zeros32, 32) == 0 &&
	    (hash_parse(n->genesis, strlen(n->genesis), genesis32) < 0 ||
	     memcmp(node->hash32, genesis32, 32) != 0))
		return import_corrupt(&w->im, node, e, "is not the first block of %s", n->title);
	if (memcmp(h.prev32, prev32, 32) != 0)
		return import_corrupt(&w->im, node, e, "does not follow the block before it");
	return 0;
}

static int nodes_fill(struct ledger_writer *w, size_t n, struct err *e)
{
	const struct ledger_counts *c = &w->im.columns.v.counts;
	const uint8_t *prev32 = c->tip32; /* zeros while there is no block */
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = node_fill(w, &w->blocks[i], prev32, c->block_n + i, &w->nodes[i], e);
		prev32 = w->nodes[i].hash32;
	}
	return r;
}

static int batches_append(struct ledger_writer *w, size_t n, struct err *e)
{
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < n) {
		struct import_source src = {.read = block_given,
					    .arg = w,
					    .block_n = n - done,
					    .bytes_max = UINT64_MAX};
		uint64_t took = 0;

		r = import_batch(&w->im, &src, publish_always, NULL, &took, e);
		w->blocks += took;
		w->nodes += took;
		done += took;
	}
	return r < 0 ? r : import_commit(&w->im, LEDGER_KIND_MANIFEST, e);
}

int ledger_writer_append(struct ledger_writer *w, const struct ledger_new_block *blocks, size_t n,
			 struct err *e)
{
	_cleanup_(freep) struct header_node *nodes = calloc(n ? n : 1, sizeof(*nodes));
	int r;

	if (!nodes)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	r = w->closed ? import_reopen(&w->im, e) : 0;
	w->closed = r < 0;
	if (r < 0)
		return r;
	w->blocks = blocks;
	w->nodes = nodes;
	r = nodes_fill(w, n, e);
	if (r < 0 || n == 0)
		return r;
	r = batches_append(w, n, e);
	w->nodes = NULL;
	if (r < 0) {
		w->closed = import_reopen(&w->im, NULL) < 0;
		return r;
	}
	import_segments_tidy(&w->im);
	return 0;
}

int ledger_writer_cut(struct ledger_writer *w, uint32_t height, struct err *e)
{
	struct importer *im = &w->im;
	const struct ledger_counts *c = &im->columns.v.counts;
	int r;

	if (c->block_n == 0 || height >= c->first_height + c->block_n - 1)
		return 0;
	if (height < c->first_height)
		return err_set(e, ERR_RANGE, "height", "below the ledger's first block");
	r = import_cut(im, (uint64_t)height - c->first_height + 1, e);
	if (r == 0)
		r = import_segments_publish(im, e);
	if (r == 0)
		r = import_commit(im, LEDGER_KIND_MANIFEST, e);
	if (r == 0)
		r = import_finish(im, e);
	return r < 0 ? r : import_mark(im, e);
}
