/* SPDX-License-Identifier: Apache-2.0
 * Blocks: the 80-byte header, targets and work, the merkle tree, and the walk over the transactions.
 *
 * Format: header 80 | count | transactions | [Litecoin: extension block]. Work of a target t is 2^256 / (t + 1), computed as
 * ~t / (t + 1) + 1, which needs no 257th bit. The merkle tree is built from below with one pending hash a level. */
#include "chain/block.h"
#include "crypto/crypto.h"

enum { BITS_SIGN = 0x00800000, BITS_MANTISSA = 0x007fffff };

static uint32_t get_u32le(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return le32toh(v);
}

static void put_u32le(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, 4);
}

struct block_header block_header_decode(const uint8_t p80[static BLOCK_HEADER_LEN])
{
	struct block_header h;
	h.version = get_u32le(p80);
	memcpy(h.prev32, p80 + 4, 32);
	memcpy(h.merkle32, p80 + 36, 32);
	h.time_s = get_u32le(p80 + 68);
	h.bits = get_u32le(p80 + 72);
	h.nonce = get_u32le(p80 + 76);
	return h;
}

void block_header_encode(const struct block_header *h, uint8_t ret_p80[static BLOCK_HEADER_LEN])
{
	put_u32le(ret_p80, h->version);
	memcpy(ret_p80 + 4, h->prev32, 32);
	memcpy(ret_p80 + 36, h->merkle32, 32);
	put_u32le(ret_p80 + 68, h->time_s);
	put_u32le(ret_p80 + 72, h->bits);
	put_u32le(ret_p80 + 76, h->nonce);
}

void block_hash(const uint8_t p80[static BLOCK_HEADER_LEN], uint8_t ret_hash32[static 32])
{
	sha256d(p80, BLOCK_HEADER_LEN, ret_hash32);
}

int block_target(uint32_t bits, struct u256 *ret_target)
{
	unsigned exponent = bits >> 24;
	uint32_t mantissa = bits & BITS_MANTISSA;
	uint8_t le[32 + 4] = {0};
	if (exponent < 3)
		mantissa >>= 8 * (3 - exponent);
	if (bits & BITS_SIGN || mantissa == 0)
		return -ERR_RANGE;
	unsigned at = exponent > 3 ? exponent - 3 : 0;
	if (at > 32)
		return -ERR_RANGE;
	put_u32le(le + at, mantissa);
	if (get_u32le(le + 32) != 0)
		return -ERR_RANGE;
	*ret_target = u256_from_le(le);
	return 0;
}

struct u256 block_work(uint32_t bits)
{
	static const struct u256 zero, one = {{1}},
				       ones = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	struct u256 target;
	if (block_target(bits, &target) < 0)
		return zero;
	struct u256 rest = u256_sub(&ones, &target);
	struct u256 next = u256_add(&target, &one);
	struct u256 work = u256_div(&rest, &next);
	return u256_add(&work, &one);
}

static int check_target(const uint8_t hash32[static 32], uint32_t bits, const struct network *n)
{
	struct u256 target, limit, hash;
	if (block_target(bits, &target) < 0 || block_target(n->limit_bits, &limit) < 0 ||
	    u256_cmp(&target, &limit) > 0)
		return -ERR_RANGE;
	hash = u256_from_le(hash32);
	return u256_cmp(&hash, &target) > 0 ? -ERR_CORRUPT : 0;
}

int block_check_work(const uint8_t hash32[static 32], uint32_t bits, const struct network *n)
{
	return n->pow == NET_POW_SHA256D ? check_target(hash32, bits, n) : -ERR_UNSUPPORTED;
}

int block_check_header(const uint8_t p80[static BLOCK_HEADER_LEN], const struct network *n)
{
	enum { SCRYPT_N = 1024, SCRYPT_R = 1, SCRYPT_P = 1 };
	uint8_t hash32[32];
	int r = 0;
	switch (n->pow) {
	case NET_POW_SHA256D:
		block_hash(p80, hash32);
		break;
	case NET_POW_SCRYPT:
		r = scrypt(p80, BLOCK_HEADER_LEN, p80, BLOCK_HEADER_LEN, SCRYPT_N, SCRYPT_R,
			   SCRYPT_P, hash32, sizeof(hash32));
		break;
	case NET_POW_NONE:
		r = -ERR_UNSUPPORTED;
		break;
	}
	return r < 0 ? r : check_target(hash32, block_header_decode(p80).bits, n);
}

/* ---- merkle ---- */

void merkle_init(struct merkle *m)
{
	m->n = 0;
	m->repeated = false;
}

/* h = hash of left and h; equal halves are noted, unless a lone last leaf is doubled on purpose. */
static void merkle_pair(struct merkle *m, const uint8_t *left, uint8_t *h, bool doubled)
{
	uint8_t pair[64];
	memcpy(pair, left, 32);
	memcpy(pair + 32, h, 32);
	m->repeated |= !doubled && memcmp(pair, pair + 32, 32) == 0;
	sha256d(pair, sizeof(pair), h);
}

void merkle_add(struct merkle *m, const uint8_t leaf32[static 32])
{
	uint8_t h[32];
	unsigned i = 0;
	memcpy(h, leaf32, 32);
	for (; m->n >> i & 1; i++)
		merkle_pair(m, m->level[i], h, false);
	memcpy(m->level[i], h, 32);
	m->n++;
}

bool merkle_root(struct merkle *m, uint8_t ret_root32[static 32])
{
	uint8_t h[32] = {0};
	unsigned i = m->n ? (unsigned)__builtin_ctzll(m->n) : 0;
	if (m->n)
		memcpy(h, m->level[i], 32);
	while (m->n && m->n != UINT64_C(1) << i) {
		merkle_pair(m, h, h, true);
		m->n += UINT64_C(1) << i;
		for (i++; !(m->n >> i & 1); i++)
			merkle_pair(m, m->level[i], h, false);
	}
	memcpy(ret_root32, h, 32);
	return !m->repeated;
}

/* ---- the walk ---- */

unsigned block_flags(enum net net)
{
	return net == NET_LITECOIN || net == NET_LITECOIN_TESTNET ? TX_MWEB : 0;
}

int block_open(struct block_reader *r, const void *p, size_t len, unsigned flags)
{
	if (len > BLOCK_LEN_MAX)
		return -ERR_OVERSIZE;
	*r = (struct block_reader){.c = cur_init(p, len), .flags = flags};
	r->header80 = cur_bytes(&r->c, BLOCK_HEADER_LEN);
	uint64_t n = size_read(&r->c);
	if (r->c.error)
		return r->c.error;
	r->header = block_header_decode(r->header80);
	if (n == 0)
		return cur_fail(&r->c, -ERR_FORMAT);
	if (n > cur_left(&r->c) / BLOCK_TX_LEN_MIN)
		return cur_fail(&r->c, n > BLOCK_LEN_MAX / BLOCK_TX_LEN_MIN ? -ERR_OVERSIZE
									    : -ERR_TRUNCATED);
	r->tx_n = r->tx_left = (uint32_t)n;
	return 0;
}

int block_next(struct block_reader *r, struct tx *ret_tx)
{
	struct tx t;
	if (r->tx_left == 0)
		return cur_end(&r->c);
	bool first = r->tx_left == r->tx_n;
	int e = tx_read(&r->c, r->flags, &t);
	if (e < 0)
		return e;
	if (t.coinbase != first || (t.mweb && r->tx_left > 1))
		return cur_fail(&r->c, -ERR_FORMAT);
	r->tx_left--;
	if (t.mweb) {
		r->extra_len = cur_left(&r->c);
		r->extra = cur_bytes(&r->c, r->extra_len);
	}
	*ret_tx = t;
	return 1;
}

void block_encode(const struct block_header *h, uint32_t tx_n, struct buf *out)
{
	uint8_t p80[BLOCK_HEADER_LEN];
	block_header_encode(h, p80);
	buf_put(out, p80, sizeof(p80));
	size_put(out, tx_n);
}

/* ---- the whole check ---- */

struct checker {
	struct merkle txids, wtxids;
	const uint8_t *commitment32,
		*reserved32; /* BIP 141: what the coinbase says, and the value hashed in with it */
	bool witness;	     /* any transaction but the coinbase has one */
	struct block_summary sum;
};

/* BIP 141: "If there are more than one scriptPubKey matching the pattern, the one with highest output index is assumed to be the
 * commitment"; the witness of the coinbase is one item of 32 bytes. */
static void check_coinbase(struct checker *k, const struct tx *t)
{
	static const uint8_t pattern[6] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
	static const uint8_t reserved_form[2] = {1, 32};
	uint32_t h;
	struct tx_iter it = tx_outs(t), wit = tx_witnesses(t);
	struct txin in = {0};
	for (struct txout o; txout_next(&it, &o);)
		if (o.script_len >= 38 && memcmp(o.script, pattern, sizeof(pattern)) == 0)
			k->commitment32 = o.script + sizeof(pattern);
	if (txin_witness(&wit, &in) && in.witness_len == 34 &&
	    memcmp(in.witness, reserved_form, 2) == 0)
		k->reserved32 = in.witness + 2;
	if ((int32_t)k->sum.header.version >= 2 && tx_height(t, &h) == 0)
		k->sum.height = h;
}

static void check_tx(struct checker *k, const struct tx *t)
{
	uint8_t id[32] = {0};
	if (t->coinbase)
		check_coinbase(k, t);
	else
		tx_wid(t, id);
	merkle_add(&k->wtxids, id);
	if (t->witness || t->coinbase)
		tx_id(t, id);
	merkle_add(&k->txids, id);
	k->witness |= t->witness && !t->coinbase;
	k->sum.in_n += t->coinbase ? 0 : t->in_n;
	k->sum.out_n += t->out_n;
	k->sum.weight += tx_weight(t);
}

static int check_roots(struct checker *k, bool segwit, struct err *e)
{
	uint8_t root[32], pair[64];
	if (!merkle_root(&k->txids, root))
		return err_set(e, ERR_CHECKSUM, "merkle",
			       "transactions are repeated: another list has the same merkle root");
	if (memcmp(root, k->sum.header.merkle32, 32) != 0)
		return err_set(e, ERR_CHECKSUM, "merkle",
			       "the merkle root of the transactions is not the header's");
	if (!segwit || (!k->witness && !(k->commitment32 && k->reserved32)))
		return 0;
	if (!k->commitment32 || !k->reserved32)
		return err_set(e, ERR_CHECKSUM, "witness",
			       "there are witnesses, but the coinbase commits to none");
	(void)merkle_root(&k->wtxids, pair);
	memcpy(pair + 32, k->reserved32, 32);
	sha256d(pair, sizeof(pair), root);
	if (memcmp(root, k->commitment32, 32) != 0)
		return err_set(e, ERR_CHECKSUM, "witness",
			       "the root of the witnesses is not what the coinbase commits to");
	return 0;
}

static int check_walk(struct block_reader *r, struct checker *k, struct err *e)
{
	struct tx t;
	int n;
	while ((n = block_next(r, &t)) > 0)
		check_tx(k, &t);
	if (n < 0)
		return err_set(e, n, "transactions", "transaction %u of %u, byte %zu: %s",
			       r->tx_n - r->tx_left, r->tx_n, r->c.pos, err_sentence(n));
	return 0;
}

int block_check(const void *p, size_t len, enum net net, struct block_summary *ret, struct err *e)
{
	struct block_reader r;
	struct checker k = {.sum.height = -1};
	const struct network *n = network_get(net);
	merkle_init(&k.txids);
	merkle_init(&k.wtxids);
	int code = block_open(&r, p, len, block_flags(net));
	if (code < 0)
		return err_set(e, code, "block", NULL);
	k.sum.header = r.header;
	k.sum.tx_n = r.tx_n;
	block_hash(r.header80, k.sum.hash32);
	code = block_check_work(k.sum.hash32, r.header.bits, n);
	if (code == -ERR_RANGE)
		return err_set(e, code, "bits", "target %08x is not valid on %s", r.header.bits,
			       n->title);
	if (code == -ERR_CORRUPT)
		return err_set(e, code, "work", "the block's hash does not meet its target");
	code = check_walk(&r, &k, e);
	if (code == 0)
		code = check_roots(&k, n->hrp != NULL, e);
	if (code == 0 && ret)
		*ret = k.sum;
	return code;
}
