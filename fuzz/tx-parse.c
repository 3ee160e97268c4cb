/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a transaction: what is accepted is walked to its ends and encoded again to the same bytes. The first byte chooses the
 * network's flags. */
#include "chain/tx.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void check_again(const struct tx *t, const struct txin *ins, const struct txout *outs)
{
	struct buf b;
	buf_init(&b, TX_LEN_MAX);
	must(tx_encode(t->version, ins, t->in_n, outs, t->out_n, t->locktime, &b) == 0);
	if (!t->mweb)
		must(b.len == t->len && memcmp(b.p, t->p, b.len) == 0);
	/* Without the extension mark the rest is an ordinary transaction of the same id. */
	struct tx plain;
	uint8_t a[32], c[32];
	must(tx_decode(b.p, b.len, 0, &plain) == 0);
	tx_id(t, a);
	tx_id(&plain, c);
	must(memcmp(a, c, 32) == 0);
	tx_wid(t, a);
	tx_wid(&plain, c);
	must(memcmp(a, c, 32) == 0);
	buf_done(&b);
}

/* To both ends, with every piece inside. */
static void walk(const struct tx *t, struct txin *ins, struct txout *outs)
{
	struct tx_iter in = tx_ins(t), out = tx_outs(t), wit = tx_witnesses(t);
	for (uint32_t i = 0; i < t->in_n; i++) {
		must(txin_next(&in, &ins[i]) &&
		     txin_witness(&wit, &ins[i]) == (t->witness != NULL));
		must(ins[i].script + ins[i].script_len <= t->outs && ins[i].witness_len < t->len);
	}
	for (uint32_t i = 0; i < t->out_n; i++) {
		must(txout_next(&out, &outs[i]) && outs[i].value.v <= SAT_MAX);
		must(outs[i].script + outs[i].script_len <= t->body_end);
	}
	must(in.left == 0 && out.left == 0 && wit.left == 0 && out.p == t->body_end);
	must(!t->witness || wit.p + (t->mweb ? 5 : 4) == t->p + t->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tx t;
	uint32_t height;
	if (size < 1 || tx_decode(data + 1, size - 1, data[0] & TX_MWEB, &t) < 0)
		return 0;
	struct txin *ins = calloc(t.in_n, sizeof(*ins));
	struct txout *outs = calloc(t.out_n, sizeof(*outs));
	walk(&t, ins, outs);
	must(t.len == size - 1 && tx_weight(&t) >= 4 * 60 && tx_weight(&t) <= 4 * (uint64_t)t.len);
	must(tx_height(&t, &height) == -ERR_NOENT || t.coinbase);
	check_again(&t, ins, outs);
	free(ins);
	free(outs);
	return 0;
}
