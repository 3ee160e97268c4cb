/* SPDX-License-Identifier: Apache-2.0
 * One sealed key in one file; all bytes before the nonce are associated data of the sealed secret. */
#include "base/file.h"
#include "base/text.h"
#include "keyd/vault-int.h"
#include <fcntl.h>

#define KEY_MAGIC "LUGKEY1\n"
enum { KEY_MAGIC_LEN = 8, SEALED_LEN = SECRET_LEN + AEAD_TAG_LEN };

static int key_path(const struct vault *v, const struct vault_key *key,
		    char out[static VAULT_PATH_MAX])
{
	int n = snprintf(out, VAULT_PATH_MAX, "%s/%016llx.key", v->folder,
			 (unsigned long long)key->pub.number);
	return n < 0 || n >= VAULT_PATH_MAX ? -ERR_OVERSIZE : 0;
}

int key_public(enum keyd_kind kind, const uint8_t secret32[static 32], uint8_t *ret_pub,
	       size_t *ret_len)
{
	const struct kind_row *row = kind_row(kind);
	if (!row)
		return -ERR_INVAL;
	switch (row->algorithm) {
	case ALG_ED25519:
		*ret_len = ED25519_PK_LEN;
		ed25519_public(secret32, ret_pub);
		return 0;
	case ALG_X25519:
		*ret_len = X25519_LEN;
		x25519_public(secret32, ret_pub);
		return 0;
	case ALG_P256:
		*ret_len = P256_SPKI_LEN;
		return p256_public(secret32, ret_pub);
	}
	return -ERR_INVAL;
}

static void put_head(struct buf *b, const struct keyd_key *key)
{
	size_t name_len = strlen(key->name);
	buf_put(b, KEY_MAGIC, KEY_MAGIC_LEN);
	buf_u8(b, (uint8_t)key->kind);
	buf_u64be(b, (uint64_t)key->created_s);
	buf_u64be(b, (uint64_t)key->not_before_s);
	buf_u64be(b, (uint64_t)key->not_after_s);
	buf_u64be(b, key->number);
	buf_u8(b, (uint8_t)name_len);
	buf_put(b, key->name, name_len);
	buf_u8(b, (uint8_t)key->pub_len);
	buf_put(b, key->pub, key->pub_len);
}

int key_file_write(const struct vault *v, const struct vault_key *key, struct err *e)
{
	struct buf b _cleanup_(buf_done);
	uint8_t nonce[XAEAD_NONCE_LEN], sealed[SEALED_LEN];
	char path[VAULT_PATH_MAX];
	buf_init(&b, KEY_FILE_MAX);
	put_head(&b, &key->pub);
	int r = key_path(v, key, path);
	if (r >= 0)
		r = buf_err(&b);
	if (r < 0)
		return err_set(e, r, v->folder, NULL);
	random_bytes(nonce, sizeof(nonce));
	xaead_seal(v->seal.p, nonce, b.p, b.len, key->secret.p, SECRET_LEN, sealed);
	buf_put(&b, nonce, sizeof(nonce));
	buf_u16be(&b, SEALED_LEN);
	buf_put(&b, sealed, SEALED_LEN);
	return buf_err(&b) < 0 ? err_set(e, buf_err(&b), path, NULL)
			       : file_write(path, b.p, b.len, 0600, e);
}

static void get_head(struct cur *c, struct keyd_key *key)
{
	const uint8_t *magic = cur_bytes(c, KEY_MAGIC_LEN);
	if (!magic || memcmp(magic, KEY_MAGIC, KEY_MAGIC_LEN) != 0)
		cur_fail(c, -ERR_FORMAT);
	key->kind = (enum keyd_kind)cur_u8(c);
	uint64_t created = cur_u64be(c), before = cur_u64be(c), after = cur_u64be(c);
	key->number = cur_u64be(c);
	size_t name_len = cur_u8(c);
	const uint8_t *name = cur_bytes(c, name_len);
	key->pub_len = cur_u8(c);
	if (c->error || name_len > KEYD_NAME_MAX || key->pub_len > KEYD_PUB_MAX ||
	    !kind_row(key->kind) || created > INT64_MAX || before > INT64_MAX ||
	    after > INT64_MAX || !name_valid((const char *)name, name_len)) {
		cur_fail(c, -ERR_FORMAT);
		return;
	}
	memcpy(key->name, name, name_len);
	key->created_s = (int64_t)created;
	key->not_before_s = (int64_t)before;
	key->not_after_s = (int64_t)after;
	cur_copy(c, key->pub, key->pub_len);
}

static int unseal(const struct vault *v, const uint8_t *p, size_t len, struct vault_key *key)
{
	struct cur c = cur_init(p, len);
	get_head(&c, &key->pub);
	size_t head_len = c.pos;
	const uint8_t *nonce = cur_bytes(&c, XAEAD_NONCE_LEN);
	size_t sealed_len = cur_u16be(&c);
	const uint8_t *sealed = cur_bytes(&c, sealed_len);
	if (cur_end(&c) < 0 || sealed_len != SEALED_LEN)
		return -ERR_FORMAT;
	int r = secret_init(&key->secret, SECRET_LEN);
	if (r < 0)
		return r;
	r = xaead_open(v->seal.p, nonce, p, head_len, sealed, sealed_len, key->secret.p);
	if (r < 0)
		return r;
	uint8_t pub[KEYD_PUB_MAX];
	size_t pub_len = 0;
	r = key_public(key->pub.kind, key->secret.p, pub, &pub_len);
	return r < 0 ? r
	       : pub_len != key->pub.pub_len || memcmp(pub, key->pub.pub, pub_len) != 0
		       ? -ERR_CORRUPT
		       : 0;
}

int key_file_read(const struct vault *v, const char *name, struct vault_key *ret_key, struct err *e)
{
	char path[VAULT_PATH_MAX];
	struct buf b _cleanup_(buf_done);
	struct vault_key key = {0};
	buf_init(&b, KEY_FILE_MAX);
	int r = vault_path(v->folder, name, path);
	if (r >= 0)
		r = file_read(path, &b, e);
	if (r < 0)
		return r;
	r = unseal(v, b.p, b.len, &key);
	if (r < 0) {
		secret_done(&key.secret);
		return err_set(e, r == -ERR_NOMEM ? r : -ERR_CRYPTO, path,
			       "%s was changed or damaged (%s); restore it from a backup", path,
			       err_name(r));
	}
	*ret_key = key;
	return 0;
}

int key_file_remove(const struct vault *v, const struct vault_key *key, struct err *e)
{
	static const uint8_t zeros[KEY_FILE_MAX];
	char path[VAULT_PATH_MAX];
	int r = key_path(v, key, path);
	if (r < 0)
		return err_set(e, r, v->folder, NULL);
	/* Overwriting is a courtesy to old-fashioned disks; the guarantee is that the sealed bytes are gone from the folder. */
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fd_write_all(fd, zeros, sizeof(zeros)) >= 0)
		(void)fsync(fd);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, err_errno(errno), path, "Cannot remove %s: %s", path,
			       strerror(errno));
	return file_sync_dir(path, e);
}
