/* SPDX-License-Identifier: Apache-2.0
 * Files: whole, capped, and durable. */
#ifndef BASE_FILE_H
#define BASE_FILE_H
#include "base/buf.h"
#include "base/err.h"

/** file_read - a whole file into an initialised buffer, whose max is the cap
 * Returns: 0; -ERR_OVERSIZE; -ERR_NOENT, -ERR_ACCES or another errno, with the path in e */
int file_read(const char *path, struct buf *out, struct err *e) WARN_UNUSED;

/** file_write - replace a file so that after a crash either the old or the new one is there: temporary file beside it, fsync,
 *               rename, fsync of the folder
 * In:      mode     permission bits, for example 0600: exactly these, whatever the umask says
 * Returns: 0; -ERR_NOSPC, -ERR_ACCES or another errno, with the path in e; the old file is then untouched */
int file_write(const char *path, const void *p, size_t len, unsigned mode,
	       struct err *e) WARN_UNUSED;

/** file_mkdirs - make a folder and its parents; an existing folder is success */
int file_mkdirs(const char *path, unsigned mode, struct err *e) WARN_UNUSED;

/** file_sync_dir - fsync the folder that holds path, so that a rename or a new file in it survives a crash */
int file_sync_dir(const char *path, struct err *e) WARN_UNUSED;

/** fd_write_all - write len bytes at the file position, resuming short writes; fd_read_all - read until len or the end
 * Returns: 0 and bytes read respectively; a negative errno code */
int fd_write_all(int fd, const void *p, size_t len) WARN_UNUSED;
int64_t fd_read_all(int fd, void *p, size_t len) WARN_UNUSED;
#endif
