/* SPDX-License-Identifier: Apache-2.0
 * Transactions: one pass over the bytes checks the form and notes where the parts begin; nothing is copied.
 *
 * Format: version 4 | [marker 0, flag] | inputs | outputs | [witness of each input] | [extension mark] | locktime 4.
 * Counts and lengths take 1, 3, 5 or 9 bytes, and only the shortest form is accepted, as nodes do: so the bytes that are
 * accepted are exactly those that tx_encode() writes. */
#include "chain/tx.h"
#include "crypto/crypto.h"

enum {
	FLAG_WITNESS = 1,
	FLAG_MWEB = 8,
	OP_1 = 0x51,
	OP_16 = 0x60,
	HEIGHT_LEN_MAX = 4,
};

/* cur_bytes() without the call where it succeeds. */
static inline const uint8_t *take(struct cur *c, size_t n)
{
	if (__builtin_expect(c->error || n > c->len - c->pos, 0))
		return cur_bytes(c, n);
	const uint8_t *p = c->p + c->pos;
	c->pos += n;
	return p;
}

static uint64_t size_read_long(struct cur *c, uint8_t first)
{
	static const uint64_t least[] = {0xfd, 0x10000, 0x100000000};
	uint64_t v = first == 0xfd ? cur_u16le(c) : first == 0xfe ? cur_u32le(c) : cur_u64le(c);
	if (!c->error && v < least[first - 0xfd])
		(void)cur_fail(c, -ERR_FORMAT);
	return c->error ? 0 : v;
}

static inline uint64_t size_take(struct cur *c)
{
	const uint8_t *p = take(c, 1);
	if (!p)
		return 0;
	return __builtin_expect(*p < 0xfd, 1) ? *p : size_read_long(c, *p);
}

uint64_t size_read(struct cur *c)
{
	return size_take(c);
}

/* A count of things that take at least each_min bytes; what cannot fit fails before anyone loops over it. */
static uint32_t count_take(struct cur *c, size_t each_min)
{
	uint64_t n = size_take(c);
	if (n > cur_left(c) / each_min) {
		(void)cur_fail(c, n > TX_LEN_MAX / each_min ? -ERR_OVERSIZE : -ERR_TRUNCATED);
		return 0;
	}
	return (uint32_t)n;
}

/* Skips a script and what follows it. */
static inline const uint8_t *script_take(struct cur *c, size_t behind)
{
	uint64_t n = size_take(c);
	if (__builtin_expect(n > TX_LEN_MAX, 0)) {
		(void)cur_fail(c, -ERR_OVERSIZE);
		return NULL;
	}
	return take(c, (size_t)n + behind);
}

static void ins_read(struct cur *c, struct tx *t)
{
	static const uint8_t zero32[32];
	t->ins = c->p + c->pos;
	for (uint32_t i = 0; i < t->in_n && !c->error; i++) {
		(void)take(c, 36);
		(void)script_take(c, 4);
	}
	if (!c->error && t->in_n == 1)
		t->coinbase = memcmp(t->ins, zero32, 32) == 0 &&
			      memcmp(t->ins + 32, "\xff\xff\xff\xff", 4) == 0;
}

static void outs_read(struct cur *c, struct tx *t)
{
	uint64_t sum = 0;
	t->outs = c->p + c->pos;
	for (uint32_t i = 0; i < t->out_n; i++) {
		const uint8_t *p = take(c, 8);
		uint64_t v;
		if (!p || !script_take(c, 0))
			return;
		memcpy(&v, p, 8);
		v = le64toh(v);
		/* Neither wraps: sum stays at or below SAT_MAX, and v is looked at first. */
		if (v > SAT_MAX || (sum += v) > SAT_MAX) {
			(void)cur_fail(c, -ERR_RANGE);
			return;
		}
	}
	t->out_sum.v = sum;
	t->body_end = c->p + c->pos;
}

/* One witness stack; returns its number of items. */
static uint32_t stack_read(struct cur *c)
{
	uint32_t n = count_take(c, 1);
	for (uint32_t i = 0; i < n && !c->error; i++)
		(void)script_take(c, 0);
	return n;
}

static void witness_read(struct cur *c, struct tx *t)
{
	bool any = false;
	t->witness = c->p + c->pos;
	for (uint32_t i = 0; i < t->in_n && !c->error; i++)
		any |= stack_read(c) > 0;
	if (!c->error && !any)
		(void)cur_fail(c, -ERR_FORMAT); /* BIP 144: then the old form has to be used */
}

/* The flag byte behind a zero marker; 0 in the old form. */
static uint8_t flag_read(struct cur *c, unsigned flags)
{
	if (cur_left(c) < 2 || c->p[c->pos] != 0)
		return 0;
	uint8_t flag = c->p[c->pos + 1];
	uint8_t known = FLAG_WITNESS | (flags & TX_MWEB ? FLAG_MWEB : 0);
	c->pos += 2;
	if (flag == 0 || flag & ~known)
		(void)cur_fail(c, -ERR_FORMAT);
	return flag;
}

int tx_read(struct cur *c, unsigned flags, struct tx *ret_tx)
{
	struct tx t = {.p = c->p + c->pos};
	size_t start = c->pos;
	t.version = cur_u32le(c);
	uint8_t flag = flag_read(c, flags);
	t.in_n = count_take(c, TX_IN_LEN_MIN);
	ins_read(c, &t);
	t.out_n = count_take(c, TX_OUT_LEN_MIN);
	if (!c->error && (t.in_n == 0 || t.out_n == 0))
		(void)cur_fail(c, -ERR_FORMAT);
	outs_read(c, &t);
	if (flag & FLAG_WITNESS)
		witness_read(c, &t);
	t.mweb = flag & FLAG_MWEB;
	if (t.mweb && cur_u8(c) != 0)
		(void)cur_fail(c, -ERR_FORMAT);
	t.locktime = cur_u32le(c);
	if (c->error)
		return c->error;
	t.len = c->pos - start;
	if (t.len > TX_LEN_MAX)
		return cur_fail(c, -ERR_OVERSIZE);
	*ret_tx = t;
	return 0;
}

int tx_decode(const void *p, size_t len, unsigned flags, struct tx *ret_tx)
{
	struct cur c = cur_init(p, len);
	struct tx t;
	if (len > TX_LEN_MAX)
		return -ERR_OVERSIZE;
	int r = tx_read(&c, flags, &t);
	if (r == 0)
		r = cur_end(&c);
	if (r == 0)
		*ret_tx = t;
	return r;
}

/* From the count of inputs, behind version, marker and flag. */
static const uint8_t *body_of(const struct tx *t)
{
	return t->p + 4 + (t->witness || t->mweb ? 2 : 0);
}

static size_t base_len(const struct tx *t)
{
	return 4 + (size_t)(t->body_end - body_of(t)) + 4;
}

static void hash_parts(const struct tx *t, const void *flag, const uint8_t *end,
		       uint8_t out32[static 32])
{
	struct sha256 h;
	uint8_t inner[SHA256_LEN];
	const uint8_t *body = body_of(t);
	sha256_init(&h);
	sha256_update(&h, t->p, 4);
	sha256_update(&h, flag, flag ? 2 : 0);
	sha256_update(&h, body, (size_t)(end - body));
	sha256_update(&h, t->p + t->len - 4, 4);
	sha256_final(&h, inner);
	sha256(inner, sizeof(inner), out32);
}

void tx_id(const struct tx *t, uint8_t ret_txid32[static 32])
{
	if (!t->witness && !t->mweb)
		sha256d(t->p, t->len, ret_txid32);
	else
		hash_parts(t, NULL, t->body_end, ret_txid32);
}

void tx_wid(const struct tx *t, uint8_t ret_wtxid32[static 32])
{
	static const uint8_t marker[2] = {0, FLAG_WITNESS};
	if (!t->witness)
		tx_id(t, ret_wtxid32);
	else if (!t->mweb)
		sha256d(t->p, t->len, ret_wtxid32);
	else
		hash_parts(t, marker, t->p + t->len - 5, ret_wtxid32);
}

uint64_t tx_weight(const struct tx *t)
{
	return 3 * (uint64_t)base_len(t) + t->len;
}

/* A script number of len bytes that is above 0 and minimally encoded; 0 if it is none. */
static uint32_t script_number(const uint8_t *p, unsigned len)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < len; i++)
		v |= (uint32_t)p[i] << 8 * i;
	/* The top bit is the sign; a zero byte on top is only there to keep it clear. */
	bool spare = len > 1 && p[len - 1] == 0 && !(p[len - 2] & 0x80);
	return p[len - 1] & 0x80 || spare ? 0 : v;
}

/* BIP 34: "add height as first item in the coinbase transaction's scriptSig", as a script number. */
int tx_height(const struct tx *t, uint32_t *ret_h)
{
	struct tx_iter it = tx_ins(t);
	struct txin in;
	if (!t->coinbase || !txin_next(&it, &in) || in.script_len == 0)
		return -ERR_NOENT;
	uint8_t op = in.script[0];
	if (op == 0 || (op >= OP_1 && op <= OP_16)) {
		*ret_h = op ? op - OP_1 + 1u : 0;
		return 0;
	}
	if (op > HEIGHT_LEN_MAX || in.script_len < 1u + op)
		return -ERR_NOENT;
	uint32_t h = script_number(in.script + 1, op);
	if (h == 0)
		return -ERR_NOENT;
	*ret_h = h;
	return 0;
}

bool txin_witness(struct tx_iter *it, struct txin *ret)
{
	if (!it->left)
		return false;
	const uint8_t *start = it->p;
	uint64_t n = size_next_unchecked(&it->p);
	for (uint64_t i = 0; i < n; i++)
		it->p += size_next_unchecked(&it->p);
	it->left--;
	ret->witness = n ? start : NULL;
	ret->witness_len = n ? (uint32_t)(it->p - start) : 0;
	return true;
}

void size_put(struct buf *out, uint64_t v)
{
	if (v < 0xfd) {
		buf_u8(out, (uint8_t)v);
	} else if (v <= 0xffff) {
		buf_u8(out, 0xfd);
		buf_u16le(out, (uint16_t)v);
	} else if (v <= 0xffffffff) {
		buf_u8(out, 0xfe);
		buf_u32le(out, (uint32_t)v);
	} else {
		buf_u8(out, 0xff);
		buf_u64le(out, v);
	}
}

/* Returns 1 when any input has a witness, 0 when none, -ERR_INVAL when one is malformed. */
static int witness_check(const struct txin *ins, uint32_t in_n)
{
	int any = 0;
	for (uint32_t i = 0; i < in_n; i++) {
		if (ins[i].witness_len == 0)
			continue;
		struct cur c = cur_init(ins[i].witness, ins[i].witness_len);
		if (stack_read(&c) == 0 || cur_end(&c) < 0)
			return -ERR_INVAL;
		any = 1;
	}
	return any;
}

static int outs_put(const struct txout *outs, uint32_t out_n, struct buf *out)
{
	struct sat sum = {0};
	size_put(out, out_n);
	for (uint32_t i = 0; i < out_n; i++) {
		int r = sat_add(sum, outs[i].value, &sum);
		if (r < 0)
			return r;
		buf_u64le(out, outs[i].value.v);
		size_put(out, outs[i].script_len);
		buf_put(out, outs[i].script, outs[i].script_len);
	}
	return 0;
}

static void ins_put(const struct txin *ins, uint32_t in_n, struct buf *out)
{
	size_put(out, in_n);
	for (uint32_t i = 0; i < in_n; i++) {
		buf_put(out, ins[i].prev32, 32);
		buf_u32le(out, ins[i].prev_n);
		size_put(out, ins[i].script_len);
		buf_put(out, ins[i].script, ins[i].script_len);
		buf_u32le(out, ins[i].sequence);
	}
}

int tx_encode(uint32_t version, const struct txin *ins, uint32_t in_n, const struct txout *outs,
	      uint32_t out_n, uint32_t locktime, struct buf *out)
{
	int segwit = witness_check(ins, in_n);
	if (segwit < 0 || in_n == 0 || out_n == 0)
		return -ERR_INVAL;
	buf_u32le(out, version);
	if (segwit)
		buf_u16le(out, FLAG_WITNESS << 8);
	ins_put(ins, in_n, out);
	int r = outs_put(outs, out_n, out);
	if (r < 0)
		return r;
	for (uint32_t i = 0; segwit && i < in_n; i++) {
		if (ins[i].witness_len)
			buf_put(out, ins[i].witness, ins[i].witness_len);
		else
			buf_u8(out, 0);
	}
	buf_u32le(out, locktime);
	return buf_err(out);
}
