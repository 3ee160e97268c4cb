/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: messages between nodes; the first byte says which network, frames follow. The checksum is mended first, since no
 * mutation would pass it. Property: what is read is written again as the same bytes, and its items lie in the input. */
#include "chain/p2p.h"
#include "crypto/crypto.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct network *n, const uint8_t *frame, const struct p2p_frame *f,
		  const uint8_t *payload)
{
	struct p2p_message m;
	struct buf out;
	uint32_t sum = 0;

	if (p2p_read(f, payload, &m) < 0)
		return;
	if (m.kind == P2P_INV || m.kind == P2P_GETDATA || m.kind == P2P_NOTFOUND)
		for (uint32_t i = 0; i < m.n; i++)
			sum += p2p_inv_at(&m, i).type + p2p_inv_at(&m, i).hash32[31];
	if (m.kind == P2P_HEADERS)
		for (uint32_t i = 0; i < m.n; i++)
			sum += p2p_header_at(&m, i)[80];
	if (m.kind == P2P_HEADERS && sum != 0)
		abort();
	buf_init(&out, (size_t)64 << 20);
	if (p2p_write(n, &m, &out) < 0 || out.len != P2P_FRAME_LEN + f->len ||
	    memcmp(out.p, frame, P2P_FRAME_LEN) != 0 ||
	    (f->len && memcmp(out.p + P2P_FRAME_LEN, payload, f->len) != 0))
		abort();
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct network *n;
	size_t at = 1;

	if (crypto_start() < 0)
		abort();
	if (size == 0)
		return 0;
	n = network_get((enum net)(data[0] % NET_EVM));
	while (size - at >= P2P_FRAME_LEN) {
		uint8_t frame[P2P_FRAME_LEN], digest32[32];
		const uint8_t *payload = data + at + P2P_FRAME_LEN;
		struct p2p_frame f;

		memcpy(frame, data + at, P2P_FRAME_LEN);
		memcpy(frame, n->wire4, 4);
		if (p2p_frame_read(n, frame, &f) < 0 || f.len > size - at - P2P_FRAME_LEN)
			return 0;
		sha256d(payload, f.len, digest32);
		memcpy(frame + 20, digest32, 4);
		memcpy(f.check4, digest32, 4);
		check(n, frame, &f, payload);
		at += P2P_FRAME_LEN + f.len;
	}
	return 0;
}
