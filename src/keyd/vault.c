/* SPDX-License-Identifier: Apache-2.0
 * The life of keys: which exist, which acts, when one is made and when it is wiped.
 *
 * A signing key gets its successor LEAD_S before its end, in force ANNOUNCE_S later, so that a node note can announce it in
 * between. From then on the old key signs no more, but what it sealed may be sent until MESSAGE_S later and is checked by the time
 * of sending: the key must not end before. Epoch n of the encryption keys runs from n to n + 1 times its life, in Unix time, on every node alike. */
#include "base/file.h"
#include "base/text.h"
#include "keyd/vault-int.h"
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

enum {
	LEAD_S = 35 * DAY_S,
	ANNOUNCE_S = 7 * DAY_S,
	MESSAGE_S = 22 * DAY_S, /* longest life of a message (docs/protocol/streams.md 3) */
	KEEP_S = 30 * DAY_S,	/* a secret stays for so long after its key's end */
	EPOCHS_AHEAD = 2,
	KEY_FILE_NAME_LEN = 16 + 4, /* hex and ".key" */
};

static_assert(LEAD_S - ANNOUNCE_S > MESSAGE_S, "a key outlives all that it has sealed");

static bool node_name_valid(const char *node)
{
	size_t len = strlen(node);
	return len <= KEYD_NODE_NAME_MAX && name_valid(node, len);
}

int vault_init(const char *folder, const char *node, const void *pass, size_t pass_len,
	       uint32_t ops, uint32_t mem_kib, struct err *e)
{
	char path[VAULT_PATH_MAX];
	if (!node_name_valid(node))
		return err_set(e, ERR_INVAL, "node",
			       "The node's name must be 1 to %d of a-z 0-9 . _ / -.",
			       KEYD_NODE_NAME_MAX);
	if (pass_len > VAULT_PASS_MAX || mem_kib > VAULT_MEM_KIB_MAX)
		return err_set(e, ERR_RANGE, "passphrase",
			       "The passphrase is longer than %d bytes.", VAULT_PASS_MAX);
	int r = file_mkdirs(folder, 0700, e);
	if (r < 0)
		return r;
	r = vault_path(folder, "seal", path);
	if (r < 0)
		return err_set(e, r, folder, NULL);
	if (access(path, F_OK) == 0)
		return err_set(e, ERR_EXIST, path,
			       "%s exists: this folder has keys already; choose another one", path);
	return seal_make(folder, node, pass, pass_len, ops, mem_kib, e);
}

/* ---- open and close ---- */

static bool is_key_file(const char *name)
{
	return strlen(name) == KEY_FILE_NAME_LEN && strspn(name, "0123456789abcdef") == 16 &&
	       !strcmp(name + 16, ".key");
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Keys whose files are not in memory yet: all at opening, later those that another lug-keyd on this folder made. */
static int load_keys(struct vault *v, struct err *e)
{
	_cleanup_(closedirp) DIR *d = opendir(v->folder);
	if (!d)
		return err_set(e, err_errno(errno), v->folder, "Cannot read %s: %s", v->folder,
			       strerror(errno));
	for (struct dirent *de; (de = readdir(d));) {
		if (!is_key_file(de->d_name) || vault_by_number(v, strtoull(de->d_name, NULL, 16)))
			continue;
		if (v->keys_n == KEYD_KEYS_MAX)
			return err_set(e, ERR_QUOTA, v->folder, "More than %d keys in %s.",
				       KEYD_KEYS_MAX, v->folder);
		int r = key_file_read(v, de->d_name, &v->keys[v->keys_n], e);
		if (r < 0)
			return r;
		v->keys_n++;
	}
	return 0;
}

int vault_open(const char *folder, const void *pass, size_t pass_len, struct vault **ret_vault,
	       struct err *e)
{
	_cleanup_(vault_closep) struct vault *v = calloc(1, sizeof(*v));
	if (!v || !(v->keys = calloc(KEYD_KEYS_MAX, sizeof(*v->keys))) ||
	    !(v->folder = strdup(folder)))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = seal_open(folder, pass, pass_len, v->node, &v->seal, e);
	if (r >= 0)
		r = load_keys(v, e);
	if (r < 0)
		return r;
	vault_clock_load(v);
	*ret_vault = TAKE_PTR(v);
	return 0;
}

struct vault *vault_close(struct vault *v)
{
	if (!v)
		return NULL;
	for (size_t i = 0; i < v->keys_n; i++)
		secret_done(&v->keys[i].secret);
	secret_done(&v->seal);
	free(v->keys);
	free(v->folder);
	free(v);
	return NULL;
}

/* ---- looking ---- */

size_t vault_n(const struct vault *v)
{
	return v->keys_n;
}

const struct vault_key *vault_key(const struct vault *v, size_t i)
{
	return i < v->keys_n ? &v->keys[i] : NULL;
}

const struct vault_key *vault_by_number(const struct vault *v, uint64_t number)
{
	for (size_t i = 0; i < v->keys_n; i++)
		if (v->keys[i].pub.number == number)
			return &v->keys[i];
	return NULL;
}

static bool valid_at(const struct vault_key *key, int64_t now_s)
{
	return key->pub.not_before_s <= now_s && now_s < key->pub.not_after_s;
}

/* Of two valid keys the one in force for the shorter time acts, then the one made later. */
static bool acts_before(const struct vault_key *a, const struct vault_key *b)
{
	if (a->pub.not_before_s != b->pub.not_before_s)
		return a->pub.not_before_s > b->pub.not_before_s;
	if (a->pub.created_s != b->pub.created_s)
		return a->pub.created_s > b->pub.created_s;
	return a->pub.number > b->pub.number;
}

const struct vault_key *vault_current(const struct vault *v, enum keyd_kind kind, int64_t now_s)
{
	const struct vault_key *best = NULL;
	for (size_t i = 0; i < v->keys_n; i++) {
		const struct vault_key *key = &v->keys[i];
		if (key->pub.kind == kind && valid_at(key, now_s) &&
		    (!best || acts_before(key, best)))
			best = key;
	}
	return best;
}

enum keyd_state vault_state(const struct vault_key *key, int64_t now_s)
{
	return now_s < key->pub.not_before_s  ? KEYD_FUTURE
	       : now_s < key->pub.not_after_s ? KEYD_CURRENT
					      : KEYD_PAST;
}

/* ---- several on one folder (docs/postgresql.md) ---- */

/* One at a time makes and wipes keys. Held until the descriptor is closed. */
static int lock_folder(const struct vault *v, int *ret_fd, struct err *e)
{
	char path[VAULT_PATH_MAX];
	int r = vault_path(v->folder, "lock", path);
	if (r < 0)
		return err_set(e, r, v->folder, NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		r = err_set(e, err_errno(errno), path, "Cannot lock %s: %s", path, strerror(errno));
		closep(&fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* What another one has wiped or made. */
static int follow_folder(struct vault *v, struct err *e)
{
	char path[VAULT_PATH_MAX], name[KEY_FILE_NAME_LEN + 1];
	for (size_t i = v->keys_n; i-- > 0;) {
		(void)snprintf(name, sizeof(name), "%016llx.key",
			       (unsigned long long)v->keys[i].pub.number);
		if (vault_path(v->folder, name, path) < 0 || access(path, F_OK) == 0)
			continue;
		secret_done(&v->keys[i].secret);
		v->keys[i] = v->keys[--v->keys_n];
		v->keys[v->keys_n] = (struct vault_key){0};
	}
	return load_keys(v, e);
}

/* ---- changing ---- */

static int new_secret(const struct kind_row *row, struct secret *s)
{
	int r = secret_init(s, SECRET_LEN);
	if (r < 0)
		return r;
	if (row->algorithm == ALG_P256)
		return p256_generate(s->p);
	random_bytes(s->p, s->len);
	return 0;
}

static void random_number(const struct vault *v, uint64_t *ret)
{
	do
		random_bytes(ret, sizeof(*ret));
	while (!*ret || vault_by_number(v, *ret));
}

/* Of two keys that came into force in one second the one made later acts, so no two of a kind are made at the same time. */
static int64_t created_at(const struct vault *v, enum keyd_kind kind, int64_t now_s)
{
	for (size_t i = 0; i < v->keys_n; i++)
		if (v->keys[i].pub.kind == kind && v->keys[i].pub.created_s >= now_s)
			now_s = v->keys[i].pub.created_s + 1;
	return now_s;
}

static int make_key(struct vault *v, const struct kind_row *row, int64_t now_s,
		    int64_t not_before_s, struct err *e)
{
	if (v->keys_n == KEYD_KEYS_MAX)
		return err_set(e, ERR_QUOTA, row->name, "%d keys are held already; wipe old ones.",
			       KEYD_KEYS_MAX);
	struct vault_key *key = &v->keys[v->keys_n];
	*key = (struct vault_key){.pub = {.kind = row->kind,
					  .created_s = created_at(v, row->kind, now_s),
					  .not_before_s = not_before_s,
					  .not_after_s = not_before_s + row->life_s}};
	random_number(v, &key->pub.number);
	snprintf(key->pub.name, sizeof(key->pub.name), "%s%s", v->node, row->suffix);
	int r = new_secret(row, &key->secret);
	if (r >= 0)
		r = key_public(row->kind, key->secret.p, key->pub.pub, &key->pub.pub_len);
	if (r < 0)
		r = err_set(e, r, row->name, NULL);
	else
		r = key_file_write(v, key, e);
	if (r < 0) {
		secret_done(&key->secret);
		return r;
	}
	v->keys_n++;
	return 0;
}

/* The latest end of a kind's keys, INT64_MIN when it has none. */
static int64_t last_end(const struct vault *v, enum keyd_kind kind)
{
	int64_t end = INT64_MIN;
	for (size_t i = 0; i < v->keys_n; i++)
		if (v->keys[i].pub.kind == kind && v->keys[i].pub.not_after_s > end)
			end = v->keys[i].pub.not_after_s;
	return end;
}

static bool has_epoch(const struct vault *v, int64_t not_before_s)
{
	for (size_t i = 0; i < v->keys_n; i++)
		if (v->keys[i].pub.kind == KEYD_EPOCH &&
		    v->keys[i].pub.not_before_s == not_before_s)
			return true;
	return false;
}

static int maintain_epochs(struct vault *v, const struct kind_row *row, int64_t now_s,
			   unsigned *made, struct err *e)
{
	for (int64_t i = 0; i <= EPOCHS_AHEAD; i++) {
		int64_t start_s = (now_s / row->life_s + i) * row->life_s;
		if (has_epoch(v, start_s))
			continue;
		int r = make_key(v, row, now_s, start_s, e);
		if (r < 0)
			return r;
		++*made;
	}
	return 0;
}

static int maintain_kind(struct vault *v, const struct kind_row *row, int64_t now_s, unsigned *made,
			 struct err *e)
{
	if (row->kind == KEYD_EPOCH)
		return maintain_epochs(v, row, now_s, made, e);
	bool acting = vault_current(v, row->kind, now_s);
	if (acting && last_end(v, row->kind) - now_s >= LEAD_S)
		return 0;
	int r = make_key(v, row, now_s, acting ? now_s + ANNOUNCE_S : now_s, e);
	if (r >= 0)
		++*made;
	return r;
}

int vault_maintain(struct vault *v, int64_t now_s, unsigned *ret_made, unsigned *ret_wiped,
		   struct err *e)
{
	unsigned made = 0, wiped = 0;
	size_t n;
	const struct kind_row *rows = kind_rows(&n);
	_cleanup_(closep) int lock_fd = -1;
	int r = lock_folder(v, &lock_fd, e);
	if (r >= 0)
		r = follow_folder(v, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = maintain_kind(v, &rows[i], now_s, &made, e);
		if (r < 0)
			return r;
	}
	int steady = vault_clock_look(v, now_s, e);
	if (steady < 0)
		return steady;
	for (size_t i = v->keys_n; steady && i-- > 0;) {
		if (now_s - v->keys[i].pub.not_after_s < KEEP_S)
			continue;
		r = vault_wipe(v, v->keys[i].pub.number, e);
		if (r < 0)
			return r;
		wiped++;
	}
	*ret_made = made;
	*ret_wiped = wiped;
	return 0;
}

int vault_rotate(struct vault *v, enum keyd_kind kind, int64_t now_s,
		 const struct vault_key **ret_key, struct err *e)
{
	const struct kind_row *row = kind_row(kind);
	if (!row || kind == KEYD_EPOCH)
		return err_set(e, ERR_INVAL, "kind",
			       "Only node, evidence, log and tls keys are rotated by hand.");
	int r = make_key(v, row, now_s, now_s, e);
	if (r >= 0)
		*ret_key = &v->keys[v->keys_n - 1];
	return r;
}

int vault_wipe(struct vault *v, uint64_t number, struct err *e)
{
	const struct vault_key *found = vault_by_number(v, number);
	if (!found)
		return err_set(e, ERR_NOENT, "number", "No key of that number.");
	struct vault_key *key = &v->keys[found - v->keys];
	int r = key_file_remove(v, key, e);
	if (r < 0)
		return r;
	secret_done(&key->secret);
	*key = v->keys[--v->keys_n];
	v->keys[v->keys_n] = (struct vault_key){0};
	return 0;
}
