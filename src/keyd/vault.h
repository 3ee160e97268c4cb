/* SPDX-License-Identifier: Apache-2.0
 * Vault: the folder of sealed keys and the secrets of a running lug-keyd (docs/protocol/keyd.md, 3 and 4). */
#ifndef KEYD_VAULT_H
#define KEYD_VAULT_H
#include "crypto/crypto.h"
#include "keyd/keyd.h"

enum {
	VAULT_OPS =
		3, /* Argon2id passes; with the memory: libsodium's "moderate" work, halved memory */
	VAULT_MEM_KIB = 128 << 10,
	VAULT_MEM_KIB_MAX = 4 << 20,
	VAULT_PASS_MAX = 1024, /* bytes of a passphrase */
};

struct vault;
struct vault_key {
	struct keyd_key pub; /* state is computed when asked for */
	struct secret secret;
};

/** vault_init - make the folder's seal; no key yet
 * In:      pass     the passphrase; length 0: a random sealing key in a file beside the keys
 *          ops, mem_kib  Argon2id parameters
 * Returns: 0; -ERR_EXIST the folder has a seal; -ERR_INVAL node name; -ERR_RANGE parameters; the file system's error */
int vault_init(const char *folder, const char *node, const void *pass, size_t pass_len,
	       uint32_t ops, uint32_t mem_kib, struct err *e) WARN_UNUSED;

/** vault_open - unseal every key
 * Returns: 0; -ERR_NOENT no seal or no sealing key; -ERR_CRYPTO wrong passphrase, or a key file was changed (named in e);
 *          -ERR_FORMAT; -ERR_FIELD_MISSING sealed by passphrase, none given; -ERR_QUOTA; -ERR_NOMEM */
int vault_open(const char *folder, const void *pass, size_t pass_len, struct vault **ret_vault,
	       struct err *e) WARN_UNUSED;

/** vault_close - wipe and release; takes NULL; returns NULL */
struct vault *vault_close(struct vault *v);
DEFINE_CLEANUP(struct vault *, vault_close);

/** vault_maintain - make the keys that are due at now_s; wipe those whose time is over, if the clock has been steady for 3 days
 * Returns: 0; the file system's error (what was done until then stays) */
int vault_maintain(struct vault *v, int64_t now_s, unsigned *ret_made, unsigned *ret_wiped,
		   struct err *e) WARN_UNUSED;

/** vault_rotate - a new key in force from now_s
 * Returns: 0; -ERR_INVAL epoch keys follow the calendar; -ERR_QUOTA; as vault_maintain */
int vault_rotate(struct vault *v, enum keyd_kind kind, int64_t now_s,
		 const struct vault_key **ret_key, struct err *e) WARN_UNUSED;

/** vault_wipe - destroy a key: its file and its memory
 * Returns: 0; -ERR_NOENT */
int vault_wipe(struct vault *v, uint64_t number, struct err *e) WARN_UNUSED;

/** vault_current - the key that acts for a kind: valid now, made last; NULL if none
 * vault_key - the i-th of vault_n; vault_by_number - NULL if none
 * vault_state - of a key at a time */
const struct vault_key *vault_current(const struct vault *v, enum keyd_kind kind, int64_t now_s);
size_t vault_n(const struct vault *v);
const struct vault_key *vault_key(const struct vault *v, size_t i);
const struct vault_key *vault_by_number(const struct vault *v, uint64_t number);
enum keyd_state vault_state(const struct vault_key *key, int64_t now_s);
#endif
