/* SPDX-License-Identifier: Apache-2.0
 * The seal of a key folder: text lines that say how the sealing key is found, and a check that it is the right one.
 *
 *	lugdunum keys 1
 *	node <name>
 *	kdf argon2id <ops> <memory KiB> <salt hex>    or    kdf file
 *	check <nonce and tag in hex>
 *
 * The check is XChaCha20-Poly1305 of nothing, with the lines before it as associated data: a changed parameter fails it. */
#include "base/file.h"
#include "base/text.h"
#include "keyd/vault-int.h"
#include <sys/stat.h>

enum { CHECK_LEN = XAEAD_NONCE_LEN + AEAD_TAG_LEN, LINE_MAX_LEN = 160 };

int vault_path(const char *folder, const char *name, char out[static VAULT_PATH_MAX])
{
	int n = snprintf(out, VAULT_PATH_MAX, "%s/%s", folder, name);
	return n < 0 || n >= VAULT_PATH_MAX ? -ERR_OVERSIZE : 0;
}

static int make_file_key(const char *folder, struct secret *key, struct err *e)
{
	char path[VAULT_PATH_MAX];
	int r = vault_path(folder, "sealing-key", path);
	if (r < 0)
		return err_set(e, r, folder, NULL);
	random_bytes(key->p, key->len);
	return file_write(path, key->p, key->len, 0600, e);
}

static int read_file_key(const char *folder, struct secret *key, struct err *e)
{
	char path[VAULT_PATH_MAX];
	struct buf b _cleanup_(buf_done);
	buf_init(&b, SECRET_LEN);
	int r = vault_path(folder, "sealing-key", path);
	if (r >= 0)
		r = file_read(path, &b, e);
	if (r >= 0 && b.len != SECRET_LEN)
		r = err_set(e, ERR_FORMAT, path, "%s must be %d bytes; restore it from a backup",
			    path, SECRET_LEN);
	if (r >= 0)
		memcpy(key->p, b.p, SECRET_LEN);
	if (b.p)
		secret_wipe(b.p, b.cap);
	return r;
}

static int write_seal(const char *folder, struct buf *text, const struct secret *key, struct err *e)
{
	uint8_t check[CHECK_LEN];
	char hex[2 * CHECK_LEN + 1], path[VAULT_PATH_MAX];
	random_bytes(check, XAEAD_NONCE_LEN);
	xaead_seal(key->p, check, text->p, text->len, NULL, 0, check + XAEAD_NONCE_LEN);
	hex_encode(check, sizeof(check), hex);
	buf_printf(text, "check %s\n", hex);
	int r = vault_path(folder, "seal", path);
	if (r >= 0)
		r = buf_err(text);
	return r < 0 ? err_set(e, r, folder, NULL) : file_write(path, text->p, text->len, 0600, e);
}

int seal_make(const char *folder, const char *node, const void *pass, size_t pass_len, uint32_t ops,
	      uint32_t mem_kib, struct err *e)
{
	struct buf text _cleanup_(buf_done);
	struct secret key _cleanup_(secret_done) = {0};
	buf_init(&text, SEAL_FILE_MAX);
	int r = secret_init(&key, SECRET_LEN);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	buf_printf(&text, "lugdunum keys 1\nnode %s\n", node);
	if (pass_len) {
		uint8_t salt[ARGON2ID_SALT_LEN];
		char hex[2 * ARGON2ID_SALT_LEN + 1];
		random_bytes(salt, sizeof(salt));
		hex_encode(salt, sizeof(salt), hex);
		buf_printf(&text, "kdf argon2id %u %u %s\n", ops, mem_kib, hex);
		r = argon2id(pass, pass_len, salt, ops, (size_t)mem_kib << 10, key.p, key.len);
		if (r < 0)
			return err_set(e, r, "passphrase", NULL);
	} else {
		buf_str(&text, "kdf file\n");
		r = make_file_key(folder, &key, e);
		if (r < 0)
			return r;
	}
	return write_seal(folder, &text, &key, e);
}

/* ---- reading ---- */

struct seal {
	char node[KEYD_NODE_NAME_MAX + 1];
	bool by_passphrase;
	uint32_t ops, mem_kib;
	uint8_t salt16[ARGON2ID_SALT_LEN];
	uint8_t check[CHECK_LEN];
	size_t bound_len; /* bytes of the text before the check */
};

static bool skip(const char **s, size_t *len, const char *word)
{
	size_t n = strlen(word);
	if (*len < n || memcmp(*s, word, n) != 0)
		return false;
	*s += n;
	*len -= n;
	return true;
}

static int number_then_blank(const char **s, size_t *len, uint64_t max, uint32_t *ret)
{
	const char *blank = memchr(*s, ' ', *len);
	uint64_t v;
	if (!blank || dec_parse_u64(*s, (size_t)(blank - *s), max, &v) < 0)
		return -ERR_FORMAT;
	*len -= (size_t)(blank + 1 - *s);
	*s = blank + 1;
	*ret = (uint32_t)v;
	return 0;
}

static int parse_kdf(const char *s, size_t len, struct seal *seal)
{
	if (len == 4 && skip(&s, &len, "file"))
		return 0;
	seal->by_passphrase = true;
	if (!skip(&s, &len, "argon2id ") ||
	    number_then_blank(&s, &len, ARGON2ID_OPS_MAX, &seal->ops) < 0 ||
	    number_then_blank(&s, &len, VAULT_MEM_KIB_MAX, &seal->mem_kib) < 0)
		return -ERR_FORMAT;
	return hex_decode(s, len, seal->salt16, sizeof(seal->salt16));
}

static int parse_seal(const struct buf *text, struct seal *seal)
{
	struct cur c = cur_init(text->p, text->len);
	size_t len;
	const char *s = cur_line(&c, LINE_MAX_LEN, &len);
	if (!s || len != 15 || memcmp(s, "lugdunum keys 1", 15) != 0)
		return -ERR_FORMAT;
	s = cur_line(&c, LINE_MAX_LEN, &len);
	if (!s || !skip(&s, &len, "node ") || len > KEYD_NODE_NAME_MAX || !name_valid(s, len))
		return -ERR_FORMAT;
	memcpy(seal->node, s, len);
	s = cur_line(&c, LINE_MAX_LEN, &len);
	if (!s || !skip(&s, &len, "kdf ") || parse_kdf(s, len, seal) < 0)
		return -ERR_FORMAT;
	seal->bound_len = c.pos;
	s = cur_line(&c, LINE_MAX_LEN, &len);
	if (!s || !skip(&s, &len, "check ") ||
	    hex_decode(s, len, seal->check, sizeof(seal->check)) < 0)
		return -ERR_FORMAT;
	return cur_end(&c);
}

static int find_key(const char *folder, const struct seal *seal, const void *pass, size_t pass_len,
		    struct secret *key, struct err *e)
{
	if (!seal->by_passphrase)
		return read_file_key(folder, key, e);
	if (!pass_len)
		return err_set(
			e, ERR_FIELD_MISSING, "passphrase",
			"The keys are sealed by a passphrase and none was given; set passphrase_file.");
	int r = argon2id(pass, pass_len, seal->salt16, seal->ops, (size_t)seal->mem_kib << 10,
			 key->p, key->len);
	return r < 0 ? err_set(e, r, "passphrase", "Cannot derive the sealing key: %s",
			       err_sentence(r))
		     : 0;
}

int seal_open(const char *folder, const void *pass, size_t pass_len,
	      char node[static KEYD_NODE_NAME_MAX + 1], struct secret *ret_key, struct err *e)
{
	char path[VAULT_PATH_MAX];
	struct buf text _cleanup_(buf_done);
	struct seal seal = {0};
	struct secret key _cleanup_(secret_done) = {0};
	buf_init(&text, SEAL_FILE_MAX);
	int r = vault_path(folder, "seal", path);
	if (r >= 0)
		r = file_read(path, &text, e);
	if (r < 0)
		return r;
	if (parse_seal(&text, &seal) < 0)
		return err_set(e, ERR_FORMAT, path,
			       "%s is damaged; restore the folder from a backup", path);
	r = secret_init(&key, SECRET_LEN);
	if (r < 0)
		return err_set(e, r, NULL, NULL);
	r = find_key(folder, &seal, pass, pass_len, &key, e);
	if (r < 0)
		return r;
	uint8_t nothing[1];
	if (xaead_open(key.p, seal.check, text.p, seal.bound_len, seal.check + XAEAD_NONCE_LEN,
		       AEAD_TAG_LEN, nothing) < 0)
		return err_set(e, ERR_CRYPTO, "passphrase",
			       "The %s does not fit the keys in %s, or its seal was changed.",
			       seal.by_passphrase ? "passphrase" : "file sealing-key", folder);
	memcpy(node, seal.node, sizeof(seal.node));
	*ret_key = key;
	key = (struct secret){0};
	return 0;
}
