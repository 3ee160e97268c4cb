/* SPDX-License-Identifier: Apache-2.0
 * A disk that forgets: an SQLite VFS in memory. What was not synced is lost, or partly lost, when it crashes. */
#ifndef SIM_DISK_H
#define SIM_DISK_H
#include "base/prng.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;

/** disk_new - an empty disk, registered with SQLite as a VFS of this name; disk_free - release; takes NULL; returns NULL
 * In:      rng      BORROWS: decides what a crash leaves */
struct disk *disk_new(const char *name, struct prng *rng);
struct disk *disk_free(struct disk *d);

/** disk_copy - make an empty disk hold what another one holds now for sure: what was synced
 * disk_put_back - the same for one that is not empty: what it held is gone; no file of it may be open */
void disk_copy(struct disk *d, const struct disk *from);
void disk_put_back(struct disk *d, const struct disk *from);

/** disk_crash_after - die at the n-th sync from now (1: the next): every call fails from then on; 0: never
 * disk_fail_after - the n-th write or sync from now (1: the next) fails once with an input/output error, and nothing of it is done
 * disk_full - writes that make a file larger fail
 * disk_dead - has it died? disk_revive - forget what was not synced, and work again; no file may be open */
void disk_crash_after(struct disk *d, uint64_t n);
void disk_fail_after(struct disk *d, uint64_t n);
void disk_full(struct disk *d, bool full);
bool disk_dead(const struct disk *d);
void disk_revive(struct disk *d);

/** disk_find - are these bytes anywhere on it? */
bool disk_find(const struct disk *d, const void *p, size_t len);
#endif
