/* SPDX-License-Identifier: Apache-2.0
 * Which index segments a ledger has, and how they follow from those before: docs/format/ledger.md 5.
 *
 * Between checkpoints the segments of batches stay in memory, as far as there is room (their length in the manifest is then 0, and they are
 * never written so). New segments are made beside the old ones, whose files go only when no state on disk names them any more. */
#include "base/cleanup.h"
#include "ledger/batch-segment.h"
#include "ledger/import-int.h"
#include <dirent.h>
#include <unistd.h>

enum { HELD_PART = 8 /* of the memory: segments that are in no file yet */ };

/* ---- lists of segments ---- */

/* The segments of a finished import of n blocks: the digits of n, the greatest first. */
static uint32_t segments_wanted(uint64_t n, struct ledger_segment_ref out[LEDGER_SEGMENTS_MAX])
{
	uint64_t power = 1, from = 0;
	uint32_t k = 0;

	while (power <= n / LEDGER_SEGMENT_BASE)
		power *= LEDGER_SEGMENT_BASE;
	for (; power > 0; power /= LEDGER_SEGMENT_BASE) {
		uint64_t blocks = (n - from) / power * power;

		if (blocks == 0)
			continue;
		out[k++] =
			(struct ledger_segment_ref){.block_from = from, .block_to = from + blocks};
		from += blocks;
	}
	return k;
}

void import_segments_close(struct importer *im)
{
	for (uint32_t i = 0; i < LEDGER_SEGMENTS_MAX; i++)
		ledger_unmap(&im->segment[i].map);
}

int import_segments_open(struct importer *im, struct err *e)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < im->manifest.segment_n; i++) {
		r = segment_open(im->dir, &im->columns.v, &im->manifest.segment[i], &im->segment[i],
				 e);
		im->segment_synced[i] = true;
	}
	return r;
}

void import_segments_tidy(const struct importer *im)
{
	DIR *d = opendir(im->dir);
	const struct dirent *entry;

	while (d && (entry = readdir(d)) != NULL) {
		bool named = strncmp(entry->d_name, "index", 5) != 0;

		for (uint32_t i = 0; !named && i < im->manifest.segment_n; i++) {
			const struct ledger_segment_ref *ref = &im->manifest.segment[i];
			const struct ledger_view *v = &im->columns.v;
			char name[LEDGER_SEGMENT_NAME_MAX];

			segment_name(v->counts.first_height + ref->block_from,
				     v->counts.first_height + ref->block_to - 1,
				     view_block(v, ref->block_to - 1)->hash32, name);
			named = strcmp(entry->d_name, name) == 0;
		}
		if (!named)
			(void)unlinkat(dirfd(d), entry->d_name, 0); /* only space is lost */
	}
	if (d)
		closedir(d);
}

/* ---- making them ---- */

/* What is there, and the batch's own behind it. */
struct sources {
	struct ledger_segment list[LEDGER_SEGMENTS_MAX + 1]; /* maps are not owned */
	uint32_t n;
};

static void trim_memory(const void *im)
{
	import_trim_memory(im);
}

/* Write the segment of a run of blocks out of the sources that hold them. */
static int segment_make(struct importer *im, const struct sources *all,
			struct ledger_segment_ref *ref, struct err *e)
{
	const struct ledger_view *v = &im->columns.v;
	uint32_t first = 0, end = all->n;
	struct segment_source src;

	while (all->list[first].to.block <= ref->block_from)
		first++;
	while (all->list[end - 1].from.block >= ref->block_to)
		end--;
	if (end - first == 1 && all->list[first].from.block == ref->block_from &&
	    all->list[first].to.block == ref->block_to)
		return segment_store(im->dir, v, &all->list[first], ref, e);
	src = (struct segment_source){
		.segment = &all->list[first],
		.n = end - first,
		.from = ledger_rows_at(v, ref->block_from),
		.to = ledger_rows_at(v, ref->block_to),
		.pace = trim_memory,
		.pace_arg = im,
	};
	return segment_merge(im->dir, v, &src, im->threads, ref, e);
}

static void sources_init(const struct importer *im, const struct ledger_segment *own,
			 struct sources *ret)
{
	memcpy(ret->list, im->segment, im->manifest.segment_n * sizeof(ret->list[0]));
	ret->n = im->manifest.segment_n;
	if (own)
		ret->list[ret->n++] = *own;
}

/* Where a wanted segment is already; manifest.segment_n when it is not, or stands in memory only and has to be a file. */
static uint32_t segment_known(const struct importer *im, const struct ledger_segment_ref *want)
{
	uint32_t k = 0;

	while (k < im->manifest.segment_n &&
	       (im->manifest.segment[k].block_from != want->block_from ||
		im->manifest.segment[k].block_to != want->block_to || !im->manifest.segment[k].len))
		k++;
	return k;
}

/* Go over to other segments, all of them files: those that are there already stay, the others are made of what is there and the
 * batch's own. */
static int segments_change(struct importer *im, const struct ledger_segment *own,
			   struct ledger_segment_ref *want, uint32_t want_n, struct err *e)
{
	struct ledger_segment opened[LEDGER_SEGMENTS_MAX] = {0};
	bool synced[LEDGER_SEGMENTS_MAX] = {0};
	uint32_t from[LEDGER_SEGMENTS_MAX];
	struct sources all;
	int r = 0;

	sources_init(im, own, &all);
	for (uint32_t i = 0; r == 0 && i < want_n; i++) {
		from[i] = segment_known(im, &want[i]);
		if (from[i] < im->manifest.segment_n)
			continue;
		r = segment_make(im, &all, &want[i], e);
		if (r == 0)
			r = segment_open(im->dir, &im->columns.v, &want[i], &opened[i], e);
	}
	if (r < 0) {
		for (uint32_t i = 0; i < want_n; i++)
			ledger_unmap(&opened[i].map);
		return r;
	}
	for (uint32_t i = 0; i < want_n; i++) {
		if (from[i] == im->manifest.segment_n)
			continue;
		want[i] = im->manifest.segment[from[i]];
		synced[i] = im->segment_synced[from[i]];
		opened[i] = im->segment[from[i]];
		im->segment[from[i]].map = (struct ledger_map){0};
	}
	import_segments_close(im);
	memcpy(im->segment, opened, sizeof(opened));
	memcpy(im->segment_synced, synced, sizeof(synced));
	memcpy(im->manifest.segment, want, want_n * sizeof(*want));
	im->manifest.segment_n = want_n;
	return 0;
}

/* Keep the batch's own segment in memory, while there is room for it. */
static bool segment_keep(struct importer *im, struct ledger_segment *own)
{
	uint64_t held = own->map.len;
	uint32_t n = im->manifest.segment_n;

	for (uint32_t i = 0; i < n; i++)
		held += im->manifest.segment[i].len ? 0 : im->segment[i].map.len;
	if (held > im->memory_bytes / HELD_PART || n == LEDGER_SEGMENTS_MAX - 1)
		return false;
	im->manifest.segment[n] = (struct ledger_segment_ref){.block_from = own->from.block,
							      .block_to = own->to.block};
	im->segment[n] = *own;
	im->manifest.segment_n++;
	own->map = (struct ledger_map){0};
	return true;
}

/* All that is in memory becomes one file, and neighbours are merged while the later is not much smaller than the one before it. */
static int segments_store(struct importer *im, const struct ledger_segment *own, struct err *e)
{
	struct ledger_segment_ref want[LEDGER_SEGMENTS_MAX];
	uint32_t n = im->manifest.segment_n;
	uint64_t from = own->from.block;

	memcpy(want, im->manifest.segment, n * sizeof(*want));
	while (n > 0 && (want[n - 1].len == 0 || n == LEDGER_SEGMENTS_MAX - 1 ||
			 want[n - 1].block_to - want[n - 1].block_from < own->to.block - from))
		from = want[--n].block_from;
	want[n++] = (struct ledger_segment_ref){.block_from = from, .block_to = own->to.block};
	return segments_change(im, own, want, n, e);
}

int import_segments(struct importer *im, enum import_end end, struct err *e)
{
	struct ledger_segment_ref want[LEDGER_SEGMENTS_MAX];
	struct ledger_segment own;
	int r = batch_segment(&im->batch, &im->columns.v, im->key16, im->threads, &own, e);

	if (r < 0)
		return r;
	if (end == IMPORT_PUBLISH)
		r = segments_change(im, &own, want,
				    segments_wanted(im->columns.v.counts.block_n, want), e);
	else if (end == IMPORT_CHECKPOINT || !segment_keep(im, &own))
		r = segments_store(im, &own, e);
	ledger_unmap(&own.map);
	return r;
}

int import_segments_publish(struct importer *im, struct err *e)
{
	struct ledger_segment_ref want[LEDGER_SEGMENTS_MAX];

	return segments_change(im, NULL, want, segments_wanted(im->columns.v.counts.block_n, want),
			       e);
}

int import_segments_cut(struct importer *im, struct ledger_manifest *m, struct err *e)
{
	uint64_t block_n = m->counts.block_n;
	struct sources all;
	uint32_t n = 0;
	int r = 0;

	while (n < m->segment_n && m->segment[n].block_to <= block_n)
		n++;
	m->segment_n = n;
	if (n < im->manifest.segment_n && im->manifest.segment[n].block_from < block_n) {
		sources_init(im, NULL, &all);
		m->segment[n].block_to = block_n;
		r = segment_make(im, &all, &m->segment[n], e);
		if (r == 0)
			r = segment_sync(im->dir, &im->columns.v, &m->segment[n], e);
		m->segment_n = n + 1;
	}
	return r;
}
