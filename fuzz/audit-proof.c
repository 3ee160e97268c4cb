/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the part of a proof before its checkpoint, which is a good one over five known entries: nothing but one of those,
 * at its own place, can be proven. */
#include "audit/audit-int.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES = 5 };
static struct audit_entry entries[ENTRIES];
static struct note_verifier key;
static struct buf checkpoint;

static void start(void)
{
	static const uint8_t seed32[32] = {7};
	uint8_t pk32[32];
	struct merkle_front front = {0};
	struct audit_checkpoint head = {.origin = "it.example/audit", .size = ENTRIES};
	if (checkpoint.len)
		return;
	if (crypto_start() < 0)
		__builtin_trap();
	ed25519_public(seed32, pk32);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		struct buf b;
		uint8_t leaf32[32];
		entries[i] =
			(struct audit_entry){.seq = i, .time_s = 1700000000, .type = AUDIT_VIEW};
		buf_init(&b, AUDIT_ENTRY_MAX);
		if (audit_entry_write(&entries[i], &b) < 0)
			__builtin_trap();
		merkle_leaf(b.p, b.len, leaf32);
		merkle_append(&front, leaf32);
		buf_done(&b);
	}
	merkle_front_root(&front, head.root32);
	buf_init(&checkpoint, NOTE_MAX);
	if (note_verifier_init(&key, head.origin, pk32) < 0 ||
	    checkpoint_text(&head, &checkpoint) < 0 ||
	    note_sign_seed(&checkpoint, head.origin, seed32, NULL) < 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_proof proof;
	struct err e = {0};
	struct buf b;
	start();
	buf_init(&b, (size_t)2 * AUDIT_PROOF_MAX);
	buf_put(&b, data, size);
	buf_put(&b, checkpoint.p, checkpoint.len);
	int r = buf_err(&b) < 0 ? -ERR_OVERSIZE : audit_proof_verify(b.p, b.len, &key, &proof, &e);
	buf_done(&b);
	if (r < 0)
		return 0;
	const struct audit_entry *a = &proof.entry;
	if (a->seq >= ENTRIES || a->time_s != entries[a->seq].time_s || a->type != AUDIT_VIEW ||
	    proof.head.size != ENTRIES || memcmp(a->commit32, entries[a->seq].commit32, 32) != 0)
		__builtin_trap();
	return 0;
}
