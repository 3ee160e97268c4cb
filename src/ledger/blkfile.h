/* SPDX-License-Identifier: Apache-2.0
 * Block files of a node: blkNNNNN.dat and revNNNNN.dat, with xor.dat where there is one; records found, blocks read. */
#ifndef LEDGER_BLKFILE_H
#define LEDGER_BLKFILE_H
#include "base/buf.h"
#include "base/err.h"
#include "chain/block.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLKFILES_MAX = 100000, XOR_KEY_LEN = 8 };

struct blkfile_entry {
	uint32_t number; /* of its name */
	uint64_t len;
};
struct blkfiles {
	char *dir;
	uint8_t xor8[XOR_KEY_LEN];   /* zeros: not obfuscated */
	struct blkfile_entry *files; /* ascending */
	size_t file_n;
	uint64_t byte_n; /* of all */
	int fd[2];	 /* the blk and the rev file read last, -1 none */
	uint32_t fd_number[2];
};

/* What a walk over the files met, for the report. */
struct blkfile_report {
	uint64_t record_n;	/* whole records */
	uint64_t truncated_n;	/* records that go on behind the end of their file */
	uint64_t zero_bytes;	/* preallocated, not yet written */
	uint64_t skipped_bytes; /* neither: passed over to the next record */
};

/** blkfiles_open - list a blocks directory
 * Returns: 0, close with blkfiles_close(); -ERR_NOENT no such folder, or no blk*.dat in it; -ERR_ACCES; -ERR_FORMAT xor.dat has not 8
 *          bytes; -ERR_OVERSIZE more than BLKFILES_MAX files; another errno */
int blkfiles_open(struct blkfiles *f, const char *dir, struct err *e) WARN_UNUSED;
void blkfiles_close(struct blkfiles *f);

/** blkfiles_network - the network of the first record
 * Returns: 0; -ERR_FORMAT the first file begins with no network's magic (obfuscated, and xor.dat is missing?); -ERR_IO */
int blkfiles_network(struct blkfiles *f, const struct network **ret_n, struct err *e) WARN_UNUSED;

/* One record: the block's bytes stand at off, behind magic and size. head begins with the header and holds the first bytes of the
 * transaction count, as many as there are. */
struct blkfile_record {
	uint32_t file, size;
	uint64_t off;
	uint8_t head[BLOCK_HEADER_LEN + 9];
	size_t head_len;
};
typedef int blkfile_visit_fn(void *arg, const struct blkfile_record *r, struct err *e);
/** blkfiles_scan - visit every record of a network in all files, in the order of the files
 * In:      magic4   of the network
 *          visit    a negative result ends the walk and is returned
 * Returns: 0; -ERR_NETWORK a file begins with another network's block; -ERR_IO, -ERR_ACCES with the file's name in e */
int blkfiles_scan(struct blkfiles *f, const uint8_t magic4[static 4], blkfile_visit_fn *visit,
		  void *arg, struct blkfile_report *report, struct err *e) WARN_UNUSED;

/** blkfiles_read - bytes of a blk ('b') or rev ('r') file, without obfuscation
 * Returns: 0; -ERR_NOENT no such file; -ERR_TRUNCATED; another errno, with the file's name in e */
int blkfiles_read(struct blkfiles *f, char kind, uint32_t number, uint64_t off, void *out,
		  size_t len, struct err *e) WARN_UNUSED;
/** blkfiles_rev_len - length of a rev file; -ERR_NOENT when there is none
 * blkfiles_index - place in files of a number; file_n when it is not there */
int64_t blkfiles_rev_len(struct blkfiles *f, uint32_t number);
size_t blkfiles_index(const struct blkfiles *f, uint32_t number);
#define BLKFILES_EMPTY           \
	{                        \
		.fd = { -1, -1 } \
	}
#endif
