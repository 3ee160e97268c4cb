/* SPDX-License-Identifier: Apache-2.0
 * The vault's inside: shared by its life (vault.c), its files (vault-file.c) and its seal (seal.c). */
#ifndef KEYD_VAULT_INT_H
#define KEYD_VAULT_INT_H
#include "keyd/keyd-int.h"
#include "keyd/vault.h"

enum {
	SEAL_FILE_MAX = 1024,
	KEY_FILE_MAX = 1024,
	SECRET_LEN = 32, /* of every algorithm here */
	VAULT_PATH_MAX = 4096,
};

struct vault {
	char *folder;
	char node[KEYD_NODE_NAME_MAX + 1];
	struct secret seal;	/* the sealing key, 32 bytes */
	struct vault_key *keys; /* KEYD_KEYS_MAX of them */
	size_t keys_n;
	struct vault_clock {
		int64_t since_s, seen_s; /* steady since, last look; 0 before the first look */
		int64_t kept_s;		 /* seen_s as it stands in the file */
	} clock;
};

/** vault_clock_load - what the file says of the clock; none or a bad one: as before the first look
 * vault_clock_look - look at the clock: has it run long enough without a jump to wipe by it? (docs/protocol/keyd.md 3)
 * Returns: 1 steady; 0 not; the file system's error */
void vault_clock_load(struct vault *v);
int vault_clock_look(struct vault *v, int64_t now_s, struct err *e) WARN_UNUSED;

/** seal_make, seal_open - the sealing key of a folder, new or as its seal says; contracts as vault_init and vault_open
 * Out:     ret_key  guarded memory, owned by the caller; node name (seal_open) */
int seal_make(const char *folder, const char *node, const void *pass, size_t pass_len, uint32_t ops,
	      uint32_t mem_kib, struct err *e) WARN_UNUSED;
int seal_open(const char *folder, const void *pass, size_t pass_len,
	      char node[static KEYD_NODE_NAME_MAX + 1], struct secret *ret_key,
	      struct err *e) WARN_UNUSED;

/** vault_path - folder/name; -ERR_OVERSIZE */
int vault_path(const char *folder, const char *name, char out[static VAULT_PATH_MAX]) WARN_UNUSED;

/** key_file_write - seal a key into its file; key_file_read - the reverse, checked against the table of kinds
 * key_file_remove - overwrite the sealed bytes, then remove the file */
int key_file_write(const struct vault *v, const struct vault_key *key, struct err *e) WARN_UNUSED;
int key_file_read(const struct vault *v, const char *name, struct vault_key *ret_key,
		  struct err *e) WARN_UNUSED;
int key_file_remove(const struct vault *v, const struct vault_key *key, struct err *e) WARN_UNUSED;

/** key_public - the public key of a secret, by the kind's algorithm */
int key_public(enum keyd_kind kind, const uint8_t secret32[static 32], uint8_t *ret_pub,
	       size_t *ret_len) WARN_UNUSED;
#endif
