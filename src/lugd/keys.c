/* SPDX-License-Identifier: Apache-2.0
 * The daemon's dealings with lug-keyd: starting it, the TLS identity, the audit log's key, the clock of rotation. */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "lugd/lugd-int.h"
#include "wire/note.h"
#include <limits.h>

enum {
	EPOCH_S = 7 * 86400,
	SAME_KIND_MAX =
		3, /* keys of one kind in a node note: current, next, and the one before for what is under way */
};

static void on_died(void *ctx, const char *how)
{
	/* From any thread: only a log line. The count is in the status. */
	log_broken("keyd", "lug-keyd %s; it is started again, nothing is lost", how);
}

/* lug-keyd as configured, else beside this program, else in the path that the package uses. */
static int keyd_path(const struct lugd *d, char out[static PATH_MAX])
{
	char self[PATH_MAX];
	if (d->conf.keyd.text[0])
		return snprintf(out, PATH_MAX, "%s", d->conf.keyd.text) < PATH_MAX ? 0
										   : -ERR_OVERSIZE;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return -ERR_NOENT;
	self[n] = 0;
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	return snprintf(out, PATH_MAX, "%s/lug-keyd", self) < PATH_MAX ? 0 : -ERR_OVERSIZE;
}

/* The passphrase file: as configured, else systemd's credential, else none. */
static int passphrase_path(const struct lugd *d, char out[static PATH_MAX], const char **ret)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	*ret = NULL;
	if (d->conf.passphrase_file.text[0]) {
		char path[CONF_TEXT_MAX + 1];
		int r = conf_path(&d->conf, &d->conf.passphrase_file, path);
		if (r < 0)
			return r;
		snprintf(out, PATH_MAX, "%s", path);
		*ret = out;
	} else if (credentials) {
		if (snprintf(out, PATH_MAX, "%s/keyd-passphrase", credentials) >= PATH_MAX)
			return -ERR_OVERSIZE;
		*ret = access(out, R_OK) == 0 ? out : NULL;
	}
	return 0;
}

/* What is due; counted until it is recorded. */
static int maintain(struct lugd *d, struct err *e)
{
	unsigned made, wiped;
	int r = keyd_maintain(d->keyd, &made, &wiped, e);
	if (r < 0)
		return r;
	if (made || wiped)
		log_info("keyd", "keys made=%u wiped=%u", made, wiped);
	d->keys_made += made;
	d->keys_wiped += wiped;
	return 0;
}

int keys_open(struct lugd *d, bool init, struct err *e)
{
	char program[PATH_MAX], folder[PATH_MAX], passphrase[PATH_MAX];
	struct keyd_options o = {.program = program,
				 .folder = folder,
				 .init_node = init ? lugd_node(d) : NULL,
				 .died = on_died,
				 .ctx = d};
	int r = keyd_path(d, program);
	if (r >= 0)
		r = passphrase_path(d, passphrase, &o.passphrase_file);
	if (r >= 0 && snprintf(folder, sizeof(folder), "%s/keys", d->folder) >= (int)sizeof(folder))
		r = -ERR_OVERSIZE;
	if (r < 0)
		return err_set(e, r, "keyd",
			       "The path of lug-keyd, its passphrase or its folder is not usable.");
	r = keyd_open(&o, &d->keyd, e);
	if (r >= 0)
		r = maintain(d, e);
	if (r >= 0)
		r = keyd_client(d->keyd, KEYD_TLS_SIGN, &d->keyd_tls, e);
	if (r < 0)
		return r;
	if (!o.passphrase_file)
		log_info(
			"keyd",
			"the keys are sealed by a key file beside them; passphrase_file would protect them better");
	return 0;
}

static int keys_list(struct lugd *d, struct keyd_key **ret_keys, size_t *ret_n, struct err *e)
{
	_cleanup_(freep) struct keyd_key *keys = calloc(KEYD_KEYS_MAX, sizeof(*keys));
	if (!keys)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int n = keyd_public(d->keyd, keys, KEYD_KEYS_MAX, e);
	if (n < 0)
		return n;
	*ret_keys = TAKE_PTR(keys);
	*ret_n = (size_t)n;
	return 0;
}

/* ---- TLS ---- */

static int tls_sign(void *ctx, const uint8_t digest32[static 32],
		    uint8_t ret_sig[static HTTP_TLS_SIG_MAX], size_t *ret_len)
{
	struct lugd *d = ctx;
	struct err e = {0};
	int r = keyd_tls_sign(d->keyd_tls, d->tls_number, digest32, ret_sig, ret_len, &e);
	if (r < 0)
		log_unusual("keyd", "no signature for a TLS handshake: %s", e.message);
	return r;
}

int keys_tls(struct lugd *d, struct err *e)
{
	_cleanup_(freep) struct keyd_key *keys = NULL;
	const struct http_signer signer = {tls_sign, d};
	size_t n;
	int r = keys_list(d, &keys, &n, e);
	if (r < 0)
		return r;
	const struct keyd_key *tls = keyd_find(keys, n, KEYD_TLS);
	if (!tls || tls->pub_len != HTTP_SPKI_LEN)
		return err_set(e, ERR_KEY_EXPIRED, "tls",
			       "lug-keyd holds no current TLS key; check the clock.");
	d->tls_number = tls->number;
	return http_identity_open(lugd_node(d), tls->pub, &signer, &d->identity, e);
}

/* ---- the audit log's key ---- */

static int open_under(struct lugd *d, const char *dir, const struct keyd_key *key, struct err *e)
{
	int r = note_verifier_init(&d->audit_key.verifier, key->name, key->pub);
	return r < 0 ? err_set(e, r, "audit", NULL)
		     : audit_log_open(d->store, dir, &d->audit_key, &d->audit, e);
}

int keys_audit_open(struct lugd *d, struct err *e)
{
	_cleanup_(freep) struct keyd_key *keys = NULL;
	char dir[CONF_TEXT_MAX + 16];
	size_t n;
	int r = keys_list(d, &keys, &n, e);
	if (r < 0)
		return r;
	snprintf(dir, sizeof(dir), "%s/audit", d->folder);
	const struct keyd_key *current = keyd_find(keys, n, KEYD_LOG);
	if (!current)
		return err_set(e, ERR_KEY_EXPIRED, "audit",
			       "lug-keyd holds no current audit-log key; check the clock.");
	d->audit_key.signer = (struct note_signer){env_log_signer, d};
	r = open_under(d, dir, current, e);
	/* After a rotation the last checkpoint is by the key before. */
	for (size_t i = 0; i < n && (r == -ERR_SIGNATURE || r == -ERR_KEY_UNKNOWN); i++)
		if (keys[i].kind == KEYD_LOG && &keys[i] != current)
			r = open_under(d, dir, &keys[i], e);
	return r < 0 ? r : note_verifier_init(&d->audit_key.verifier, current->name, current->pub);
}

/* ---- by the clock ---- */

static void follow(struct lugd *d)
{
	_cleanup_(freep) struct keyd_key *keys = NULL;
	struct err e = {0};
	size_t n;
	if (keys_list(d, &keys, &n, &e) < 0) {
		log_broken("keyd", "keys cannot be listed: %s", e.message);
		return;
	}
	const struct keyd_key *log = keyd_find(keys, n, KEYD_LOG),
			      *tls = keyd_find(keys, n, KEYD_TLS);
	if (!log || note_verifier_init(&d->audit_key.verifier, log->name, log->pub) < 0)
		log_broken("keyd", "there is no current audit-log key; the log cannot be sealed");
	if (tls && tls->number != d->tls_number)
		log_unusual("keyd",
			    "a new TLS key is in force; restart lugd so that it is shown to peers");
}

void keys_record(struct lugd *d)
{
	struct err e = {0};
	if (!d->keys_made && !d->keys_wiped)
		return;
	_cleanup_(json_decrefp) json_t *detail =
		json_pack("{s:i, s:i}", "made", (int)d->keys_made, "wiped", (int)d->keys_wiped);
	const struct audit_event ev = {
		.type = AUDIT_KEY, .who = "system", .what = "key.maintain", .detail = detail};
	if (dispatch_record(d, &ev, &e) < 0) {
		log_broken("keyd", "that keys were made or wiped could not be recorded: %s",
			   e.message);
		return;
	}
	d->keys_made = d->keys_wiped = 0;
}

void keys_maintain(struct lugd *d)
{
	struct err e = {0};
	if (maintain(d, &e) < 0) {
		log_broken("keyd", "keys could not be checked: %s", e.message);
		return;
	}
	keys_record(d);
	follow(d);
}

/* ---- for the directory and the status ---- */

static int own_signing_key(const struct keyd_key *key, enum directory_key_kind kind,
			   struct directory_node *node)
{
	if (node->keys_n == DIRECTORY_KEYS_MAX)
		return -ERR_OVERSIZE;
	struct directory_key *k = &node->keys[node->keys_n++];
	*k = (struct directory_key){
		.kind = kind, .from_s = key->not_before_s, .until_s = key->not_after_s};
	return note_verifier_init(&k->vkey, key->name, key->pub);
}

static int own_key(const struct keyd_key *key, struct directory_node *node)
{
	switch (key->kind) {
	case KEYD_NODE:
		return own_signing_key(key, DIRECTORY_KEY_NODE, node);
	case KEYD_EVIDENCE:
		return own_signing_key(key, DIRECTORY_KEY_EVIDENCE, node);
	case KEYD_LOG:
		return own_signing_key(key, DIRECTORY_KEY_AUDIT, node);
	case KEYD_TLS:
		if (node->pins_n == DIRECTORY_PINS_MAX)
			return -ERR_OVERSIZE;
		sha256(key->pub, key->pub_len, node->pins[node->pins_n++]);
		return 0;
	case KEYD_EPOCH:
		if (node->epochs_n == DIRECTORY_EPOCHS_MAX)
			return -ERR_OVERSIZE;
		struct directory_epoch *epoch = &node->epochs[node->epochs_n++];
		*epoch = (struct directory_epoch){.number = (uint64_t)(key->not_before_s / EPOCH_S),
						  .from_s = key->not_before_s,
						  .until_s = key->not_after_s};
		memcpy(epoch->pk32, key->pub, sizeof(epoch->pk32));
		return 0;
	}
	return 0;
}

/* By kind, then by time: the order that a note wants and that two runs share. */
static int compare_keys(const void *a, const void *b)
{
	const struct keyd_key *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->not_before_s != y->not_before_s)
		return x->not_before_s < y->not_before_s ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* How many of the same kind stand behind it in that order. */
static size_t newer_n(const struct keyd_key *keys, size_t n, size_t i)
{
	size_t k = i + 1;
	while (k < n && keys[k].kind == keys[i].kind)
		k++;
	return k - i - 1;
}

int lugd_own_keys(struct lugd *d, struct directory_node *ret, struct err *e)
{
	_cleanup_(freep) struct keyd_key *keys = NULL;
	_cleanup_(freep) struct directory_node *node = calloc(1, sizeof(*node));
	size_t n;
	if (!node)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = keys_list(d, &keys, &n, e);
	if (r < 0)
		return r;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < n; i++) {
		r = keys[i].state == KEYD_PAST || newer_n(keys, n, i) >= SAME_KIND_MAX
			    ? 0
			    : own_key(&keys[i], node);
		if (r < 0)
			return err_set(
				e, r, keys[i].name,
				"There are more keys of one kind than a node note holds; wipe old ones.");
	}
	*ret = *node;
	return 0;
}

static json_t *key_json(const struct keyd_key *key, bool acts)
{
	static const char *const states[] = {"", "current", "next", "past"};
	char from[TIME_TEXT_MAX], until[TIME_TEXT_MAX], vkey[NOTE_VKEY_MAX + 1] = "";
	struct note_verifier v;
	if (key->pub_len == 32 && key->kind != KEYD_EPOCH &&
	    note_verifier_init(&v, key->name, key->pub) >= 0)
		note_verifier_text(&v, vkey);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", keyd_kind_name(key->kind),
			 "name", key->name, "state",
			 key->state == KEYD_CURRENT && !acts ? "superseded" : states[key->state],
			 "from", time_utc(key->not_before_s, from), "until",
			 time_utc(key->not_after_s, until), "verifier", vkey);
}

json_t *keys_json(struct lugd *d, struct err *e)
{
	_cleanup_(freep) struct keyd_key *keys = NULL;
	_cleanup_(json_decrefp) json_t *list = json_array();
	size_t n;
	if (keys_list(d, &keys, &n, e) < 0)
		return NULL;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(
			    list,
			    key_json(&keys[i], &keys[i] == keyd_find(keys, n, keys[i].kind))) < 0)
			return NULL;
	return TAKE_PTR(list);
}
