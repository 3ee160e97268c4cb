/* SPDX-License-Identifier: Apache-2.0
 * A file of entities: its name, its layout, and mapping one. */
#include "ledger/entity-int.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t align_up(uint64_t off)
{
	return (off + LEDGER_ALIGN - 1) / LEDGER_ALIGN * LEDGER_ALIGN;
}

void entity_layout(struct entity_head *h, uint64_t address_n, uint64_t overlay_n, uint64_t *ret_len)
{
	const uint64_t rows[ENTITY_CHUNK_N] = {address_n, address_n + 1, address_n - 1,
					       address_n, address_n,	 overlay_n};
	uint64_t off = sizeof(*h);

	for (uint32_t i = 0; i < ENTITY_CHUNK_N; i++) {
		off = align_up(off);
		h->chunk[i] = (struct ledger_chunk_row){htole32(ENTITY_ROOT + i), htole32(4),
							htole64(off), htole64(rows[i])};
		off += rows[i] * 4;
	}
	*ret_len = align_up(off) + 32;
}

struct entity_arrays entity_arrays_of(uint8_t *p, const struct entity_head *h)
{
	uint32_t *at[ENTITY_CHUNK_N];

	for (uint32_t i = 0; i < ENTITY_CHUNK_N; i++)
		at[i] = (uint32_t *)(void *)(p + le64toh(h->chunk[i].off_le));
	return (struct entity_arrays){
		.root = at[0],
		.start = at[1],
		.member = at[2],
		.link = at[3],
		.height = at[4],
		.overlay = at[5],
		.address_n = le64toh(h->address_n_le),
		.overlay_n = le64toh(h->chunk[ENTITY_CHUNK_N - 1].row_n_le),
	};
}

void entity_file_name(const struct ledger *l, uint32_t set, char out[static ENTITY_NAME_MAX])
{
	const struct ledger_info *info = ledger_info(l);
	int n = snprintf(out, ENTITY_NAME_MAX, "entity-%02x-%" PRIu32 "-", set, info->height);

	for (int i = 0; i < 8; i++)
		n += snprintf(out + n, (size_t)(ENTITY_NAME_MAX - n), "%02x", info->tip32[31 - i]);
}

bool entity_file_is(const char *name, uint32_t set)
{
	char prefix[16];
	int n = snprintf(prefix, sizeof(prefix), "entity-%02x-", set);

	return strncmp(name, prefix, (size_t)n) == 0 && !strchr(name, '.');
}

static int head_check(const struct ledger *l, uint32_t set, const char *name,
		      const struct ledger_map *map, struct err *e)
{
	const struct entity_head *h = (const void *)map->p;
	struct entity_head want;
	uint64_t len;
	int r = ledger_header_check(map->p, map->len, l->v.counts.chain,
				    (enum ledger_kind)ENTITY_KIND, 0, name, e);

	if (r < 0)
		return r;
	uint64_t address_n = le64toh(h->address_n_le),
		 overlay_n = le64toh(h->chunk[ENTITY_CHUNK_N - 1].row_n_le);
	if (le32toh(h->set_le) == set && le32toh(h->chunk_n_le) == ENTITY_CHUNK_N &&
	    address_n >= 1 && address_n <= UINT32_MAX && overlay_n <= address_n) {
		entity_layout(&want, address_n, overlay_n, &len);
		if (len == map->len && memcmp(want.chunk, h->chunk, sizeof(want.chunk)) == 0)
			return 0;
	}
	return err_set(e, ERR_CORRUPT, "entities", "%s: its table disagrees with its size", name);
}

int entity_file_map(const char *dir, const char *name, const struct ledger *l, uint32_t set,
		    struct entity_file *ret_f, struct err *e)
{
	char path[LEDGER_PATH_MAX];
	struct entity_file f = {0};
	struct stat st;
	int r = ledger_path(dir, name, path, e);

	if (r < 0)
		return r;
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, err_errno(errno), "entities", "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct entity_head) + 32)
		return err_set(e, ERR_CORRUPT, "entities", "%s: too short", path);
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_set(e, err_errno(errno), "entities", "%s: %s", path, strerror(errno));
	f.map = (struct ledger_map){p, (size_t)st.st_size};
	r = head_check(l, set, name, &f.map, e);
	if (r < 0) {
		munmap(p, f.map.len);
		return r;
	}
	f.head = p;
	f.a = entity_arrays_of(p, f.head);
	*ret_f = f;
	return 0;
}

void entity_file_done(struct entity_file *f)
{
	if (f->map.p)
		munmap((void *)(uintptr_t)f->map.p, f->map.len);
	memset(f, 0, sizeof(*f));
}

void entity_file_info(const struct entity_file *f, struct entity_built *info)
{
	info->address_n = f->a.address_n - 1;
	info->entity_n = le64toh(f->head->entity_n_le);
	info->joined_n = le64toh(f->head->joined_n_le);
	info->refused_n = le64toh(f->head->refused_n_le);
	info->bytes = f->map.len;
	info->committed_height = le32toh(f->head->committed_le);
}
