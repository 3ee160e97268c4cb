/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a checkpoint: what is accepted is written again as the same text; and a text that is accepted once it is signed
 * names the signer's log. */
#include "audit/audit-int.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t seed32[32] = {7};

static void same_text(const struct audit_checkpoint *head, const void *text, size_t len)
{
	struct buf b;
	buf_init(&b, NOTE_TEXT_MAX);
	if (checkpoint_text(head, &b) < 0 || b.len > len || memcmp(b.p, text, b.len) != 0)
		__builtin_trap();
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_checkpoint head;
	struct note_verifier key;
	struct err e = {0};
	struct buf b;
	uint8_t pk32[32];
	if (crypto_start() < 0)
		__builtin_trap();
	if (audit_checkpoint_parse(data, size, &head, &e) == 0)
		same_text(&head, data, size);
	else if (e.code == 0 || !e.message[0])
		__builtin_trap();
	ed25519_public(seed32, pk32);
	if (note_verifier_init(&key, "it.example/audit", pk32) < 0)
		__builtin_trap();
	buf_init(&b, NOTE_MAX);
	buf_put(&b, data, size);
	if (note_sign_seed(&b, key.name, seed32, &e) == 0 &&
	    audit_checkpoint_check(b.p, b.len, &key, &head, &e) == 0) {
		if (strcmp(head.origin, key.name) != 0)
			__builtin_trap();
		same_text(&head, data, size);
	}
	buf_done(&b);
	return 0;
}
