/* SPDX-License-Identifier: Apache-2.0
 * Undo data of a node.
 *
 * A record is {magic4, u32 size, bytes, sha256d(parent's hash, bytes)}. It does not name its block; the checksum does. Records
 * stand in the order in which blocks were connected, which is nearly that of the best chain, so the next one nearly
 * always fits; after a reorganisation some are passed over.
 * Bytes: count of transactions without the coinbase; for each the count of inputs; for each input
 * VARINT(height * 2 + coinbase), VARINT(version) when height > 0, VARINT(short amount), short script. VARINT is base 128, most
 * significant first, each continuation adding one, so that every number has one form. Short scripts: 0 key hash, 1 script
 * hash, 2 and 3 compressed key, 4 and 5 uncompressed key of which x is stored, n >= 6 a script of n - 6 bytes. */
#include "ledger/undo.h"
#include "base/cleanup.h"
#include "chain/tx.h"
#include "crypto/crypto.h"
#include "ledger/ledger-int.h"
#include <secp256k1.h>

enum {
	UNDO_SCRIPT_MAX = 4 << 20, /* an output script is in a block */
	UNDO_SHORT_FORMS = 6,
	UNDO_RECORD_HEAD = 8,
	UNDO_RECORD_MAX = 256 << 20,
	UNDO_RECORDS_MAX = 1 << 24,
};

static uint64_t varint_read(struct cur *c)
{
	uint64_t n = 0;

	for (;;) {
		uint8_t b = cur_u8(c);

		if (c->error)
			return 0;
		if (n > UINT64_MAX >> 7) {
			cur_fail(c, -ERR_FORMAT);
			return 0;
		}
		n = n << 7 | (b & 0x7f);
		if (!(b & 0x80))
			return n;
		if (n == UINT64_MAX) {
			cur_fail(c, -ERR_FORMAT);
			return 0;
		}
		n++;
	}
}

/* 0, or 1 + 10 * (9 * n + d - 1) + e for n * 10 + d, d > 0, times 10^e with e < 9; 1 + 10 * (n - 1) + 9 for n * 10^9 */
uint64_t undo_amount(uint64_t x)
{
	uint64_t e, n;

	if (x == 0)
		return 0;
	x--;
	e = x % 10;
	x /= 10;
	if (e < 9) {
		uint64_t d = x % 9 + 1;

		n = x / 9 * 10 + d;
	} else {
		n = x + 1;
	}
	while (e--)
		if (__builtin_mul_overflow(n, 10, &n))
			return UINT64_MAX;
	return n;
}

static int key_identity(const uint8_t *key, size_t len, struct address *ret)
{
	uint8_t hash20[HASH160_LEN];

	hash160(key, len, hash20);
	return address_make(ADDRESS_KEY, hash20, sizeof(hash20), ret);
}

/* An uncompressed key whose x is stored: forms 4 and 5 are 2 and 3 with y written out. */
static int full_key_identity(struct cur *c, uint8_t form, const uint8_t *x32, struct address *ret)
{
	uint8_t in33[33] = {(uint8_t)(form - 2)}, out65[65];
	size_t out_len = sizeof(out65);
	secp256k1_pubkey key;

	memcpy(in33 + 1, x32, 32);
	if (!secp256k1_ec_pubkey_parse(secp256k1_context_static, &key, in33, sizeof(in33)))
		return cur_fail(c, -ERR_FORMAT);
	(void)secp256k1_ec_pubkey_serialize(secp256k1_context_static, out65, &out_len, &key,
					    SECP256K1_EC_UNCOMPRESSED);
	return key_identity(out65, out_len, ret);
}

static int script_read(struct cur *c, enum net net, struct address *ret)
{
	uint64_t form = varint_read(c);
	const uint8_t *p;
	uint8_t key33[33];

	if (form >= UNDO_SHORT_FORMS) {
		if (form - UNDO_SHORT_FORMS > UNDO_SCRIPT_MAX)
			return cur_fail(c, -ERR_OVERSIZE);
		p = cur_bytes(c, (size_t)form - UNDO_SHORT_FORMS);
		if (p)
			ledger_identity(net, p, (size_t)form - UNDO_SHORT_FORMS, ret);
		return c->error;
	}
	p = cur_bytes(c, form < 2 ? 20 : 32);
	if (!p)
		return c->error;
	if (form < 2)
		return address_make(form == 0 ? ADDRESS_KEY : ADDRESS_P2SH, p, 20, ret);
	if (form >= 4)
		return full_key_identity(c, (uint8_t)form, p, ret);
	key33[0] = (uint8_t)form;
	memcpy(key33 + 1, p, 32);
	return key_identity(key33, sizeof(key33), ret);
}

int undo_output_read(struct cur *c, enum net net, struct undo_output *ret)
{
	struct undo_output o = {0};
	uint64_t code = varint_read(c);

	if (code / 2 > UINT32_MAX)
		return cur_fail(c, -ERR_FORMAT);
	o.height = (uint32_t)(code / 2);
	o.coinbase = code & 1;
	if (o.height > 0)
		(void)varint_read(c);
	o.value = undo_amount(varint_read(c));
	if (o.value > SAT_MAX)
		return cur_fail(c, -ERR_FORMAT);
	if (script_read(c, net, &o.address) < 0 || c->error)
		return cur_fail(c, -ERR_FORMAT);
	*ret = o;
	return 0;
}

uint64_t undo_count_read(struct cur *c, uint64_t max)
{
	uint64_t n = size_read(c);

	if (n > max)
		cur_fail(c, -ERR_FORMAT);
	return c->error ? 0 : n;
}

static int record_add(struct undo_file *u, uint64_t off, uint32_t len)
{
	struct undo_record *p;

	if (u->n == UNDO_RECORDS_MAX)
		return -ERR_OVERSIZE;
	if ((u->n & (u->n - 1)) == 0) {
		p = reallocarray(u->records, u->n ? u->n * 2 : 1, sizeof(*p));
		if (!p)
			return -ERR_NOMEM;
		u->records = p;
	}
	u->records[u->n++] = (struct undo_record){.off = off, .len = len};
	return 0;
}

/* A rev file is written without gaps; its end is zeros or the end of the file. */
static int list_records(struct undo_file *u, struct blkfiles *f, uint64_t len,
			const uint8_t magic4[static 4], struct err *e)
{
	uint64_t pos = 0;
	int r = 0;

	while (r == 0 && pos + UNDO_RECORD_HEAD + 32 <= len) {
		uint8_t head[UNDO_RECORD_HEAD];
		struct cur c;
		uint32_t size;

		r = blkfiles_read(f, 'r', u->number, pos, head, sizeof(head), e);
		if (r < 0)
			return r;
		c = cur_init(head + 4, 4);
		size = cur_u32le(&c);
		if (memcmp(head, magic4, 4) != 0 || size > UNDO_RECORD_MAX ||
		    pos + UNDO_RECORD_HEAD + size + 32 > len)
			return 0;
		r = record_add(u, pos + UNDO_RECORD_HEAD, size);
		pos += UNDO_RECORD_HEAD + (uint64_t)size + 32;
	}
	return r;
}

int undo_file_open(struct undo_file *u, struct blkfiles *f, uint32_t number,
		   const uint8_t magic4[static 4], struct err *e)
{
	int64_t len = blkfiles_rev_len(f, number);
	int r;

	*u = (struct undo_file){.number = number, .opened = true, .present = len >= 0};
	if (len < 0)
		return 0;
	r = list_records(u, f, (uint64_t)len, magic4, e);
	if (r < 0)
		undo_file_done(u);
	return r;
}

void undo_file_done(struct undo_file *u)
{
	free(u->records);
	*u = (struct undo_file){0};
}

/* 1 when record i belongs to the child of prev32; its bytes are then in out. */
static int record_try(struct undo_file *u, struct blkfiles *f, size_t i,
		      const uint8_t prev32[static 32], struct buf *out, struct err *e)
{
	const struct undo_record *rec = &u->records[i];
	uint8_t first[32], sum[32];
	struct sha256 h;
	uint8_t *p;
	int r;

	buf_clear(out);
	p = buf_space(out, (size_t)rec->len + 32);
	if (!p)
		return buf_err(out);
	r = blkfiles_read(f, 'r', u->number, rec->off, p, (size_t)rec->len + 32, e);
	if (r < 0)
		return r;
	sha256_init(&h);
	sha256_update(&h, prev32, 32);
	sha256_update(&h, p, rec->len);
	sha256_final(&h, first);
	sha256(first, 32, sum);
	out->len = rec->len;
	return memcmp(sum, p + rec->len, 32) == 0;
}

int undo_file_find(struct undo_file *u, struct blkfiles *f, const uint8_t prev32[static 32],
		   struct buf *out, struct err *e)
{
	size_t window = u->searched && u->n > UNDO_WINDOW ? UNDO_WINDOW : u->n;

	u->searched = true;
	for (size_t k = 0; k < window; k++) {
		size_t i = (u->next + k) % u->n;
		int r;

		if (u->records[i].used)
			continue;
		r = record_try(u, f, i, prev32, out, e);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		u->records[i].used = true;
		u->next = i + 1;
		return 1;
	}
	return 0;
}
