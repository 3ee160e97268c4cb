/* SPDX-License-Identifier: Apache-2.0
 * What a transaction spent, in the format of Bitcoin Core's rev files (undo.h, compressor.cpp, serialize.h there). */
#include "gen.h"

void put_compact(struct buf *b, uint64_t v)
{
	if (v < 0xfd) {
		buf_u8(b, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		buf_u8(b, 0xfd);
		buf_u16le(b, (uint16_t)v);
	} else {
		buf_u8(b, 0xfe);
		buf_u32le(b, (uint32_t)v);
	}
}

/* Core's VARINT: groups of 7 bits, most significant first, with one subtracted at each step so that no number has two forms. */
static void put_varint(struct buf *b, uint64_t v)
{
	uint8_t tmp[10];
	size_t n = 0;
	for (;; n++) {
		tmp[n] = (uint8_t)((v & 0x7f) | (n ? 0x80 : 0));
		if (v <= 0x7f)
			break;
		v = (v >> 7) - 1;
	}
	for (size_t i = n + 1; i-- > 0;)
		buf_u8(b, tmp[i]);
}

/* CompressAmount: trailing zeros as an exponent. */
static uint64_t amount_compress(uint64_t n)
{
	uint64_t e = 0;
	if (!n)
		return 0;
	for (; n % 10 == 0 && e < 9; e++)
		n /= 10;
	if (e == 9)
		return 1 + (n - 1) * 10 + 9;
	uint64_t d = n % 10;
	return 1 + (n / 10 * 9 + d - 1) * 10 + e;
}

static void put_script(struct buf *b, const struct payee *p)
{
	uint8_t s[128];
	size_t len = payee_script(p, s);
	if (p->script == P2PKH || p->script == P2SH) {
		buf_u8(b, p->script == P2PKH ? 0 : 1);
		buf_put(b, p->payload, 20);
	} else if (p->script == P2PK && len == 35) {
		buf_put(b, s + 1, 33);
	} else {
		/* An uncompressed key that is no point of the curve, as ours are, is kept whole by Core too. */
		put_varint(b, len + 6);
		buf_put(b, s, len);
	}
}

void undo_tx(struct buf *b, const struct draft *t)
{
	put_compact(b, t->in_n);
	for (uint32_t i = 0; i < t->in_n; i++) {
		const struct coin *c = &t->in[i];
		put_varint(b, (uint64_t)c->height * 2 + c->coinbase);
		if (c->height)
			buf_u8(b, 0); /* once the transaction's version */
		put_varint(b, amount_compress(c->value));
		put_script(b, &c->to);
	}
}
