/* SPDX-License-Identifier: Apache-2.0
 * Index segments for writing: merged from others, or stored from memory. Importer only. */
#ifndef LEDGER_SEGMENT_BUILD_H
#define LEDGER_SEGMENT_BUILD_H
#include "ledger/segment.h"

/* What a new segment is made of. */
struct segment_source {
	const struct ledger_segment
		*segment; /* in chain order; together they hold every row from `from` to `to` */
	uint32_t n;
	struct ledger_rows from, to;
	void (*pace)(const void *arg); /* called now and then while they are read; NULL: not */
	const void *pace_arg;
};

/** segment_head_put - the head of a segment: header, rows, chunk table */
void segment_head_put(struct ledger_segment_head *h, const struct ledger_view *v,
		      const struct ledger_rows *from, const struct ledger_rows *to,
		      const struct segment_layout *l);
/** segment_merge - write the file of the segment from `from` to `to` out of others, whose rows outside of it are passed over
 * In:      threads  at most three are used
 * Out:     ret_ref  its name in a manifest; the file is complete, but not yet synced
 * Returns: 0; -ERR_CORRUPT a source is damaged; -ERR_NOMEM; -ERR_NOSPC, another errno
 * Cost:    one pass over the sources' rows, two over their lists; some hundred kB of memory */
int segment_merge(const char *dir, const struct ledger_view *v, const struct segment_source *src,
		  unsigned threads, struct ledger_segment_ref *ret_ref, struct err *e) WARN_UNUSED;
/** segment_store - write a segment that stands in memory; otherwise as segment_merge() */
int segment_store(const char *dir, const struct ledger_view *v, const struct ledger_segment *s,
		  struct ledger_segment_ref *ret_ref, struct err *e) WARN_UNUSED;
/** segment_sync - the file of a segment on disk
 * Returns: 0; an errno */
int segment_sync(const char *dir, const struct ledger_view *v, const struct ledger_segment_ref *ref,
		 struct err *e) WARN_UNUSED;
#endif
