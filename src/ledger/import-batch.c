/* SPDX-License-Identifier: Apache-2.0
 * One batch, from blocks to index segments. */
#include "base/cleanup.h"
#include "ledger/import-int.h"
#include <fcntl.h>
#include <sys/mman.h>

/* Bytes that the process holds in memory; 0 where the system does not tell. */
static uint64_t resident_bytes(void)
{
	_cleanup_(closep) int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128] = "";
	char *second;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void import_trim_memory(const struct importer *im)
{
	if (resident_bytes() <= im->memory_bytes / 4 * 3)
		return;
	columns_drop_pages(&im->columns);
	for (uint32_t i = 0; i < im->manifest.segment_n; i++)
		if (im->manifest.segment[i].len) /* a file: others stand in memory only */
			(void)madvise((void *)im->segment[i].map.p, im->segment[i].map.len,
				      MADV_DONTNEED);
}

int import_batch(struct importer *im, const struct import_source *src, import_end_fn *end,
		 void *end_arg, uint64_t *ret_n, struct err *e)
{
	int (*const steps[])(struct importer *, struct err *) = {import_link, import_undo,
								 import_intern, import_write};
	int r = import_read(im, src, e);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(steps); i++) {
		import_trim_memory(im);
		r = steps[i](im, e);
	}
	if (r == 0)
		r = import_segments(im, end(end_arg, im->batch.block_n), e);
	if (r < 0)
		return r;
	*ret_n = im->batch.block_n;
	import_trim_memory(im);
	return 0;
}
