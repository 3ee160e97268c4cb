/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a block: header and transactions are encoded again to the same bytes, and the reader and the whole check agree. The
 * first byte chooses the network. */
#include "chain/block.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

/* The merkle tree as the protocol describes it, over n hashes in place. */
static void merkle_plain(uint8_t (*h)[32], size_t n, uint8_t out32[static 32])
{
	for (; n > 1; n = (n + 1) / 2)
		for (size_t i = 0; i < n; i += 2) {
			uint8_t pair[64];
			memcpy(pair, h[i], 32);
			memcpy(pair + 32, h[i + 1 < n ? i + 1 : i], 32);
			sha256d(pair, sizeof(pair), h[i / 2]);
		}
	memcpy(out32, h[0], 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum net net = size ? (enum net)(data[0] % NET_N) : NET_BITCOIN;
	struct block_summary sum;
	struct block_reader r;
	struct merkle m;
	struct tx t;
	struct buf b;
	uint8_t root[32], want[32];
	if (size < 1)
		return 0;
	data++;
	size--;
	int whole = block_check(data, size, net, &sum, NULL);
	int code = block_open(&r, data, size, block_flags(net));
	if (code < 0) {
		must(whole == code);
		return 0;
	}
	uint8_t(*ids)[32] = calloc(r.tx_n, 32);
	buf_init(&b, BLOCK_LEN_MAX);
	merkle_init(&m);
	block_encode(&r.header, r.tx_n, &b);
	uint32_t n = 0;
	while ((code = block_next(&r, &t)) > 0) {
		must(n < r.tx_n && t.coinbase == (n == 0));
		tx_id(&t, ids[n]);
		merkle_add(&m, ids[n++]);
		buf_put(&b, t.p, t.len);
	}
	must(code < 0 ? whole < 0 : n == r.tx_n);
	if (code == 0) {
		buf_put(&b, r.extra, r.extra_len);
		must(b.len == size && memcmp(b.p, data, size) == 0);
		bool unique = merkle_root(&m, root);
		merkle_plain(ids, n, want);
		must(memcmp(root, want, 32) == 0);
		must(whole < 0 ||
		     (unique && memcmp(root, r.header.merkle32, 32) == 0 && sum.tx_n == n));
	}
	buf_done(&b);
	free(ids);
	return 0;
}
