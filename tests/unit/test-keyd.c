/* SPDX-License-Identifier: Apache-2.0
 * Tests of keyd: the vault on its own clock, requests as bytes, and the real process with its restarts. */
#include "base/cleanup.h"
#include "base/file.h"
#include "keyd/keyd-int.h"
#include "keyd/server.h"
#include "keyd/vault.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A Monday of 2026, not at the start of an epoch. */
enum { NOW = 1795000000, WEEK_S = 7 * DAY_S };

static char folder[64];
static struct err e;
static int64_t test_now = NOW;

static int64_t now_s(void)
{
	return test_now;
}

static int folder_make(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/test-keyd-XXXXXX");
	test_now = NOW;
	memset(&e, 0, sizeof(e));
	return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
	char path[512];
	DIR *d = opendir(folder);
	for (struct dirent *de; d && (de = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s", folder, de->d_name);
		(void)unlink(path);
	}
	if (d)
		closedir(d);
	return rmdir(folder);
}

static struct vault *vault_ready(void)
{
	struct vault *v;
	unsigned made, wiped;
	assert_int_equal(vault_init(folder, "it.rome", "secret", 6, 1, 8192, &e), 0);
	assert_int_equal(vault_open(folder, "secret", 6, &v, &e), 0);
	assert_int_equal(vault_maintain(v, NOW, &made, &wiped, &e), 0);
	assert_int_equal(made, 7); /* four signing keys, three epochs */
	assert_int_equal(wiped, 0);
	return v;
}

/* Looks at the clock once a day; how many keys were wiped. */
static unsigned pass_days(struct vault *v, int64_t from_s, int days)
{
	unsigned made, wiped, all = 0;
	for (int i = 0; i < days; i++, all += wiped)
		assert_int_equal(vault_maintain(v, from_s + i * DAY_S, &made, &wiped, &e), 0);
	return all;
}

/* ---- the vault ---- */

static void test_vault_keys(void **state)
{
	_cleanup_(vault_closep) struct vault *v = vault_ready();
	static const char *const names[] = {"it.rome", "it.rome/evidence", "it.rome/audit",
					    "it.rome/tls", "it.rome/epoch"};
	for (unsigned kind = KEYD_NODE; kind <= KEYD_EPOCH; kind++) {
		const struct vault_key *key = vault_current(v, (enum keyd_kind)kind, NOW);
		assert_non_null(key);
		assert_string_equal(key->pub.name, names[kind - 1]);
		assert_int_equal(key->pub.pub_len, kind == KEYD_TLS ? 91 : 32);
		assert_int_equal(key->pub.not_after_s - key->pub.not_before_s,
				 kind_row(kind)->life_s);
		assert_ptr_equal(vault_by_number(v, key->pub.number), key);
	}
	const struct vault_key *epoch = vault_current(v, KEYD_EPOCH, NOW);
	assert_int_equal(epoch->pub.not_before_s % WEEK_S, 0);
	assert_non_null(vault_current(v, KEYD_EPOCH, NOW + 2 * WEEK_S));
	assert_null(vault_current(v, KEYD_EPOCH, NOW + 3 * WEEK_S));
	assert_null(vault_current(v, KEYD_NODE, NOW - 1));
}

static void test_vault_again(void **state)
{
	struct vault *v = vault_ready();
	struct keyd_key node = vault_current(v, KEYD_NODE, NOW)->pub;
	unsigned made, wiped;
	assert_int_equal(vault_maintain(v, NOW, &made, &wiped, &e), 0);
	assert_int_equal(made + wiped, 0);
	vault_close(v);
	assert_int_equal(vault_open(folder, "secret", 6, &v, &e), 0);
	assert_int_equal(vault_n(v), 7);
	assert_memory_equal(vault_current(v, KEYD_NODE, NOW)->pub.pub, node.pub, 32);
	vault_close(v);
	assert_int_equal(vault_open(folder, "Secret", 6, &v, &e), -ERR_CRYPTO);
	assert_non_null(strstr(e.message, "passphrase does not fit"));
	assert_int_equal(vault_open(folder, "", 0, &v, &e), -ERR_FIELD_MISSING);
	assert_int_equal(vault_init(folder, "it.rome", "", 0, 1, 8192, &e), -ERR_EXIST);
}

static void test_vault_life(void **state)
{
	_cleanup_(vault_closep) struct vault *v = vault_ready();
	struct keyd_key first = vault_current(v, KEYD_NODE, NOW)->pub;
	unsigned made, wiped;
	/* 34 days before the end a successor is announced; it signs 7 days later. */
	int64_t later = first.not_after_s - 34 * DAY_S;
	assert_int_equal(vault_maintain(v, later, &made, &wiped, &e), 0);
	assert_int_equal(made, 3 + 3); /* node, evidence, log; three epochs */
	assert_true(vault_current(v, KEYD_NODE, later)->pub.number == first.number);
	const struct vault_key *next = vault_current(v, KEYD_NODE, later + 8 * DAY_S);
	assert_true(next && next->pub.number != first.number);
	assert_int_equal(vault_state(next, later), KEYD_FUTURE);
	assert_int_equal(vault_maintain(v, later + DAY_S, &made, &wiped, &e), 0);
	assert_true(made <= 1); /* at most the next epoch */
	/* 30 days after its end the secret is gone, from memory and from the folder. */
	later = first.not_after_s + 30 * DAY_S;
	assert_true(pass_days(v, later - 4 * DAY_S, 4) > 0); /* epochs */
	assert_non_null(vault_by_number(v, first.number));
	assert_int_equal(vault_maintain(v, later, &made, &wiped, &e), 0);
	assert_true(wiped >= 3);
	assert_null(vault_by_number(v, first.number));
	char path[128];
	snprintf(path, sizeof(path), "%s/%016llx.key", folder, (unsigned long long)first.number);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(vault_wipe(v, first.number, &e), -ERR_NOENT);
}

/* A message is sent for up to 21 days after it was sealed, and checked by the time of sending: whatever the day, the key that signs
 * still has so long to go. */
static void test_vault_outlives_messages(void **state)
{
	_cleanup_(vault_closep) struct vault *v = vault_ready();
	for (int day = 0; day < 400; day++) {
		int64_t now_s = NOW + day * DAY_S;
		pass_days(v, now_s, 1);
		assert_true(vault_current(v, KEYD_EVIDENCE, now_s)->pub.not_after_s - now_s >=
			    22 * DAY_S);
	}
}

/* The first epoch's secret and a clock that is 60 days ahead: for an hour, again and again, over restarts, and for good. */
static void test_vault_clock(void **state)
{
	struct vault *v = vault_ready();
	uint64_t epoch = vault_current(v, KEYD_EPOCH, NOW)->pub.number;
	const int64_t ahead = NOW + 60 * DAY_S;
	unsigned made, wiped;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(vault_maintain(v, ahead + i * 60, &made, &wiped, &e), 0);
		assert_int_equal(wiped, 0);
		if (i % 10 == 0) {
			vault_close(v);
			assert_int_equal(vault_open(folder, "secret", 6, &v, &e), 0);
		}
	}
	for (int i = 0; i < 10; i++) { /* back and forth, every other day */
		assert_int_equal(pass_days(v, NOW + i * DAY_S, 1), 0);
		assert_int_equal(pass_days(v, ahead + i * DAY_S, 1), 0);
	}
	assert_int_equal(pass_days(v, ahead + 12 * DAY_S, 1), 0); /* three days unseen */
	assert_int_equal(pass_days(v, ahead + 13 * DAY_S, 2), 0);
	assert_non_null(vault_by_number(v, epoch));
	vault_close(v);
	assert_int_equal(vault_open(folder, "secret", 6, &v, &e), 0);
	assert_true(pass_days(v, ahead + 15 * DAY_S, 1) >
		    0); /* the third day on end, over a restart */
	assert_null(vault_by_number(v, epoch));
	vault_close(v);
}

/* A file that somebody changed only makes it wait. */
static void test_vault_clock_file(void **state)
{
	static const char *const bad[] = {
		"", "lugdunum.network/clock/v1\n", "lugdunum.network/clock/v1\nsince 1\nseen x\n",
		"lugdunum.network/clock/v1\nsince 9\nseen 1\n",
		"lugdunum.network/clock/v1\nsince 99999999999999999999\nseen 1\n"};
	char path[128];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct vault *v = i ? NULL : vault_ready();
		snprintf(path, sizeof(path), "%s/clock", folder);
		assert_int_equal(file_write(path, bad[i], strlen(bad[i]), 0600, &e), 0);
		vault_close(v);
		assert_int_equal(vault_open(folder, "secret", 6, &v, &e), 0);
		assert_int_equal(pass_days(v, NOW + (60 + 10 * (int64_t)i) * DAY_S, 3), 0);
		vault_close(v);
	}
}

static void test_vault_rotate(void **state)
{
	_cleanup_(vault_closep) struct vault *v = vault_ready();
	const struct vault_key *key;
	uint64_t old = vault_current(v, KEYD_LOG, NOW)->pub.number;
	for (int i = 0; i < 4; i++) { /* also within one second */
		assert_int_equal(vault_rotate(v, KEYD_LOG, NOW, &key, &e), 0);
		assert_true(key->pub.number != old);
		assert_true(vault_current(v, KEYD_LOG, NOW)->pub.number == key->pub.number);
		old = key->pub.number;
	}
	assert_int_equal(vault_rotate(v, KEYD_EPOCH, NOW, &key, &e), -ERR_INVAL);
	assert_int_equal(vault_rotate(v, (enum keyd_kind)77, NOW, &key, &e), -ERR_INVAL);
	while (vault_n(v) < KEYD_KEYS_MAX) /* and no more than fit */
		assert_int_equal(vault_rotate(v, KEYD_NODE, NOW, &key, &e), 0);
	assert_int_equal(vault_rotate(v, KEYD_NODE, NOW, &key, &e), -ERR_QUOTA);
}

static void flip(const char *name, size_t off_from_end)
{
	char path[512];
	struct buf b _cleanup_(buf_done);
	buf_init(&b, 4096);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(file_read(path, &b, &e), 0);
	b.p[b.len - 1 - off_from_end] ^= 1;
	assert_int_equal(file_write(path, b.p, b.len, 0600, &e), 0);
}

/* Every byte of a key file is covered, and so are the parameters of the seal. */
static void test_vault_tampered(void **state)
{
	struct vault *v = vault_ready();
	char name[32];
	snprintf(name, sizeof(name), "%016llx.key",
		 (unsigned long long)vault_current(v, KEYD_NODE, NOW)->pub.number);
	vault_close(v);
	struct stat st;
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (size_t i = 0; i < (size_t)st.st_size; i++) {
		flip(name, i);
		assert_int_equal(vault_open(folder, "secret", 6, &v, &e), -ERR_CRYPTO);
		assert_non_null(strstr(e.message, name));
		flip(name, i);
	}
	assert_int_equal(vault_open(folder, "secret", 6, &v, &e), 0);
	vault_close(v);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	assert_int_equal(vault_open(folder, "secret", 6, &v, &e), -ERR_CRYPTO);
	assert_int_equal(unlink(path), 0);
	flip("seal", 100); /* in the salt */
	int r = vault_open(folder, "secret", 6, &v, &e);
	assert_true(r == -ERR_CRYPTO || r == -ERR_FORMAT);
}

static void test_vault_file_key(void **state)
{
	struct vault *v;
	unsigned made, wiped;
	char path[128];
	assert_int_equal(vault_init(folder, "It.Rome", "", 0, 1, 8192, &e), -ERR_INVAL);
	assert_int_equal(vault_init(folder, "it.rome", "", 0, 1, 8192, &e), 0);
	assert_int_equal(vault_open(folder, "", 0, &v, &e), 0);
	assert_int_equal(vault_maintain(v, NOW, &made, &wiped, &e), 0);
	vault_close(v);
	snprintf(path, sizeof(path), "%s/sealing-key", folder);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 32);
	flip("sealing-key", 3);
	assert_int_equal(vault_open(folder, "", 0, &v, &e), -ERR_CRYPTO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(vault_open(folder, "", 0, &v, &e), -ERR_NOENT);
}

/* ---- requests as bytes ---- */

static struct vault *served;

static uint32_t ask(uint32_t caps, const void *p, size_t len, struct buf *reply)
{
	uint32_t granted;
	struct keyd_server server = {served, now_s};
	keyd_server_handle(&server, caps, p, len, reply, &granted);
	struct cur c = cur_init(reply->p, reply->len);
	(void)cur_bytes(&c, 6);
	uint32_t status = cur_u32be(&c);
	assert_int_equal(c.error, 0);
	return status;
}

static uint32_t ask_sign(uint32_t caps, enum keyd_kind kind, const char *text, struct buf *reply)
{
	struct buf b _cleanup_(buf_done);
	buf_init(&b, MSG_MAX);
	buf_put(&b, "\1\4\0\0\0\1", 6);
	buf_u8(&b, (uint8_t)kind);
	buf_u16be(&b, (uint16_t)strlen(text));
	buf_str(&b, text);
	return ask(caps, b.p, b.len, reply);
}

static void test_requests(void **state)
{
	struct buf reply _cleanup_(buf_done);
	buf_init(&reply, MSG_MAX);
	served = vault_ready();
	static const char parcel[] = "lugdunum.network/parcel/v1\nfrom it.rome\n";
	static const char manifest[] = "lugdunum.network/manifest/v1\nfrom it.rome\n";
	static const struct {
		uint32_t caps;
		enum keyd_kind kind;
		const char *text;
		int code;
	} cases[] = {
		{KEYD_SIGN_NODE, KEYD_NODE, parcel, 0},
		{KEYD_SIGN_EVIDENCE, KEYD_EVIDENCE, manifest, 0},
		{KEYD_SIGN_LOG, KEYD_LOG, "it.rome/audit\n0\nAAAA\n", 0},
		{KEYD_ALL_CAPS, KEYD_NODE, manifest, ERR_KEY_TYPE},
		{KEYD_ALL_CAPS, KEYD_EVIDENCE, parcel, ERR_KEY_TYPE},
		{KEYD_ALL_CAPS, KEYD_LOG, parcel, ERR_KEY_TYPE},
		{KEYD_ALL_CAPS, KEYD_NODE, "it.rome/audit\n0\nAAAA\n", ERR_KEY_TYPE},
		{KEYD_ALL_CAPS, KEYD_LOG, "fr.paris/audit\n0\nAAAA\n", ERR_KEY_TYPE},
		{KEYD_ALL_CAPS, KEYD_NODE, "lugdunum.network/node/v1\n", ERR_KEY_TYPE},
		{KEYD_ALL_CAPS, KEYD_NODE, "lugdunum.network/parcel/v12\n", ERR_KEY_TYPE},
		{KEYD_ALL_CAPS, KEYD_NODE, "lugdunum.network/parcel/v1", ERR_FORMAT},
		{KEYD_ALL_CAPS, KEYD_NODE, "", ERR_FORMAT},
		{KEYD_ALL_CAPS, KEYD_NODE, "\nlugdunum.network/parcel/v1\n", ERR_FORMAT},
		{KEYD_ALL_CAPS, KEYD_NODE, "lugdunum.network/parcel/v1\r\nx\n", ERR_FORMAT},
		{KEYD_ALL_CAPS, KEYD_TLS, parcel, ERR_INVAL},
		{KEYD_ALL_CAPS, KEYD_EPOCH, parcel, ERR_INVAL},
		{KEYD_SIGN_EVIDENCE, KEYD_NODE, parcel, ERR_DENIED},
		{KEYD_SIGN_NODE, KEYD_EVIDENCE, manifest, ERR_DENIED},
		{KEYD_PUBLIC | KEYD_UNWRAP, KEYD_NODE, parcel, ERR_DENIED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(ask_sign(cases[i].caps, cases[i].kind, cases[i].text, &reply),
				 cases[i].code);
	/* The signature verifies, and its id is that of C2SP signed-note. */
	const struct vault_key *key = vault_current(served, KEYD_NODE, NOW);
	assert_int_equal(ask_sign(KEYD_SIGN_NODE, KEYD_NODE, parcel, &reply), 0);
	assert_int_equal(reply.len, MSG_REPLY_HEAD + 8 + 4 + 1 + 7 + 64);
	assert_int_equal(ed25519_verify(key->pub.pub, parcel, sizeof(parcel) - 1,
					reply.p + MSG_REPLY_HEAD + 8 + 4 + 1 + 7),
			 0);
	uint8_t id_of[7 + 2 + 32], hash[32];
	memcpy(id_of, "it.rome\n\1", 9);
	memcpy(id_of + 9, key->pub.pub, 32);
	sha256(id_of, sizeof(id_of), hash);
	assert_memory_equal(reply.p + MSG_REPLY_HEAD + 8, hash, 4);
	/* Outside of every validity nothing is signed. */
	test_now = NOW + 400 * (int64_t)DAY_S;
	assert_int_equal(ask_sign(KEYD_ALL_CAPS, KEYD_NODE, parcel, &reply), ERR_KEY_EXPIRED);
	served = vault_close(served);
}

static void test_request_shapes(void **state)
{
	struct buf reply _cleanup_(buf_done);
	buf_init(&reply, MSG_MAX);
	served = vault_ready();
	uint32_t granted;
	struct keyd_server server = {served, now_s};
	keyd_server_handle(&server, KEYD_ALL_CAPS, "\1\1\0\0\0", 5, &reply, &granted);
	assert_int_equal(reply.len, 0);
	assert_int_equal(ask(0, "\1\1\0\0\0\1", 6, &reply), 0);
	assert_int_equal(ask(0, "\1\1\0\0\0\1x", 7, &reply), ERR_TRAILING);
	assert_int_equal(ask(0, "\2\1\0\0\0\1", 6, &reply), ERR_VERSION);
	assert_int_equal(ask(KEYD_ALL_CAPS, "\1\77\0\0\0\1", 6, &reply), ERR_UNSUPPORTED);
	assert_int_equal(ask(KEYD_ALL_CAPS, "\1\0\0\0\0\1", 6, &reply), ERR_UNSUPPORTED);
	assert_int_equal(ask(KEYD_ALL_CAPS, "\1\3\0\0\0\1\0", 7, &reply), ERR_TRUNCATED);
	assert_int_equal(ask(KEYD_ALL_CAPS, "\1\3\0\0\0\1\0\377", 8, &reply), ERR_RANGE);
	assert_int_equal(ask(KEYD_ALL_CAPS, "\1\4\0\0\0\1\1\377\377x", 10, &reply), ERR_TRUNCATED);
	uint8_t big[MSG_MAX + 1] = {1, 1};
	assert_int_equal(ask(KEYD_ALL_CAPS, big, sizeof(big), &reply), ERR_OVERSIZE);
	/* capabilities only shrink */
	assert_int_equal(ask(KEYD_TLS_SIGN, "\1\2\0\0\0\1\0\0\0\40", 10, &reply), 0);
	assert_int_equal(ask(KEYD_TLS_SIGN, "\1\2\0\0\0\1\0\0\0\41", 10, &reply), ERR_DENIED);
	assert_int_equal(ask(KEYD_TLS_SIGN, "\1\2\0\0\0\1\0\0\0\0", 10, &reply), ERR_DENIED);
	assert_int_equal(ask(KEYD_TLS_SIGN, "\1\7\0\0\0\1", 6, &reply), ERR_DENIED);
	assert_int_equal(ask(KEYD_TLS_SIGN, "\1\10\0\0\0\1\1", 7, &reply), ERR_DENIED);
	assert_int_equal(ask(KEYD_TLS_SIGN, "\1\11\0\0\0\1\0\0\0\0\0\0\0\1", 14, &reply),
			 ERR_DENIED);
	assert_int_equal(ask(KEYD_ALL_CAPS, "\1\11\0\0\0\1\0\0\0\0\0\0\0\1", 14, &reply),
			 ERR_NOENT);
	served = vault_close(served);
}

/* ---- the real process ---- */

static char died_how[128];
static unsigned died_n;

static void on_died(void *ctx, const char *how)
{
	snprintf(died_how, sizeof(died_how), "%s", how);
	__atomic_add_fetch(&died_n, 1, __ATOMIC_SEQ_CST);
}

static struct keyd_options options(const char *init_node, const char *passphrase_file)
{
	static char program[512];
	snprintf(program, sizeof(program), "%s/bin/lug-keyd", getenv("LUG_BUILD"));
	died_n = 0;
	return (struct keyd_options){program, folder, passphrase_file, init_node, on_died, NULL};
}

static struct keyd *process_ready(void)
{
	struct keyd *k;
	unsigned made, wiped;
	struct keyd_options o = options("it.rome", NULL);
	int r = keyd_open(&o, &k, &e);
	if (r < 0)
		fail_msg("keyd_open: %s", e.message);
	assert_int_equal(keyd_maintain(k, &made, &wiped, &e), 0);
	assert_int_equal(made, 7);
	return k;
}

static const char parcel_text[] = "lugdunum.network/parcel/v1\nfrom it.rome\n";

static void test_process(void **state)
{
	_cleanup_(keyd_closep) struct keyd *k = process_ready();
	static struct keyd_key keys[KEYD_KEYS_MAX];
	struct keyd_signature sig;
	int n = keyd_public(k, keys, KEYD_KEYS_MAX, &e);
	assert_int_equal(n, 7);
	const struct keyd_key *node = keyd_find(keys, 7, KEYD_NODE),
			      *tls = keyd_find(keys, 7, KEYD_TLS);
	assert_non_null(node);
	assert_non_null(tls);
	assert_int_equal(keyd_public(k, keys, 6, &e), -ERR_OVERSIZE);
	assert_int_equal(
		keyd_sign_note(k, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &sig, &e), 0);
	assert_int_equal(ed25519_verify(node->pub, parcel_text, sizeof(parcel_text) - 1, sig.sig64),
			 0);
	assert_true(sig.number == node->number);
	assert_string_equal(sig.name, "it.rome");
	assert_int_equal(
		keyd_sign_note(k, KEYD_EVIDENCE, parcel_text, sizeof(parcel_text) - 1, &sig, &e),
		-ERR_KEY_TYPE);
	assert_int_equal(e.code, -ERR_KEY_TYPE);
	uint8_t digest[32] = "a digest", der[KEYD_SIG_MAX];
	size_t der_len;
	assert_int_equal(keyd_tls_sign(k, tls->number, digest, der, &der_len, &e), 0);
	assert_int_equal(p256_verify(tls->pub, digest, der, der_len), 0);
	assert_int_equal(keyd_tls_sign(k, node->number, digest, der, &der_len, &e), -ERR_NOENT);
	struct keyd_key fresh;
	assert_int_equal(keyd_rotate(k, KEYD_EVIDENCE, &fresh, &e), 0);
	assert_int_equal(fresh.kind, KEYD_EVIDENCE);
	assert_int_equal(fresh.state, KEYD_CURRENT);
	assert_int_equal(keyd_wipe(k, fresh.number, &e), 0);
	assert_int_equal(keyd_wipe(k, fresh.number, &e), -ERR_NOENT);
	assert_int_equal(died_n, 0);
}

static void test_process_unwrap(void **state)
{
	_cleanup_(keyd_closep) struct keyd *k = process_ready();
	static struct keyd_key keys[KEYD_KEYS_MAX];
	int n = keyd_public(k, keys, KEYD_KEYS_MAX, &e);
	const struct keyd_key *epoch = keyd_find(keys, (size_t)n, KEYD_EPOCH);
	assert_non_null(epoch);
	/* The sender's side of age's X25519 recipient. */
	uint8_t eph[32], share[32], shared[32], salt[64], wrap[32], file_key[16], wrapped[32],
		got[16];
	static const uint8_t nonce[12];
	random_bytes(eph, sizeof(eph));
	random_bytes(file_key, sizeof(file_key));
	x25519_public(eph, share);
	assert_int_equal(x25519(eph, epoch->pub, shared), 0);
	memcpy(salt, share, 32);
	memcpy(salt + 32, epoch->pub, 32);
	assert_int_equal(
		hkdf_sha256(shared, 32, salt, 64, "age-encryption.org/v1/X25519", 28, wrap, 32), 0);
	aead_seal(wrap, nonce, NULL, 0, file_key, 16, wrapped);
	assert_int_equal(keyd_unwrap(k, share, wrapped, got, &e), 0);
	assert_memory_equal(got, file_key, 16);
	wrapped[0] ^= 1;
	assert_int_equal(keyd_unwrap(k, share, wrapped, got, &e), -ERR_NO_MATCH);
	memset(share, 0, sizeof(share)); /* a point of low order */
	assert_int_equal(keyd_unwrap(k, share, wrapped, got, &e), -ERR_NO_MATCH);
}

static void test_process_capabilities(void **state)
{
	_cleanup_(keyd_closep) struct keyd *root = process_ready();
	_cleanup_(keyd_closep) struct keyd *k = NULL;
	struct keyd_signature sig;
	unsigned made, wiped;
	static struct keyd_key keys[KEYD_KEYS_MAX];
	assert_int_equal(keyd_client(root, KEYD_SIGN_NODE | KEYD_PUBLIC, &k, &e), 0);
	assert_int_equal(keyd_public(k, keys, KEYD_KEYS_MAX, &e), 7);
	assert_int_equal(
		keyd_sign_note(k, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &sig, &e), 0);
	assert_int_equal(keyd_maintain(k, &made, &wiped, &e), -ERR_DENIED);
	assert_int_equal(keyd_wipe(k, keys[0].number, &e), -ERR_DENIED);
	struct keyd *more = NULL;
	assert_int_equal(keyd_client(root, 1U << 20, &more, &e), -ERR_DENIED);
	assert_int_equal(keyd_client(k, KEYD_PUBLIC, &more, &e), -ERR_INVAL);
	/* a bounded number of connections, and a closed one makes room */
	struct keyd *many[CLIENTS_MAX];
	size_t n = 0;
	int r;
	while ((r = keyd_client(root, KEYD_PUBLIC, &many[n], &e)) == 0)
		n++;
	assert_int_equal(r, -ERR_QUOTA);
	assert_int_equal(n, CLIENTS_MAX - 2);
	while (n)
		keyd_close(many[--n]);
	assert_int_equal(keyd_client(root, KEYD_PUBLIC, &more, &e), 0);
	keyd_close(more);
}

static void test_process_killed(void **state)
{
	_cleanup_(keyd_closep) struct keyd *root = process_ready();
	_cleanup_(keyd_closep) struct keyd *k = NULL;
	struct keyd_signature before, after;
	assert_int_equal(keyd_client(root, KEYD_SIGN_NODE, &k, &e), 0);
	assert_int_equal(
		keyd_sign_note(k, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &before, &e), 0);
	int pid = keyd_pid(root);
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* the derived connection notices first, and both live on with the same keys */
	assert_int_equal(
		keyd_sign_note(k, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &after, &e), 0);
	assert_memory_equal(before.sig64, after.sig64, 64);
	assert_int_equal(died_n, 1);
	assert_non_null(strstr(died_how, "signal 9"));
	assert_true(keyd_pid(root) != pid);
	assert_int_equal(
		keyd_sign_note(root, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &after, &e),
		0);
	assert_int_equal(keyd_restarts(k), 1);
	/* a stopped process counts as dead only by its time-out, so kill it again through the root */
	assert_int_equal(kill(keyd_pid(root), SIGKILL), 0);
	assert_int_equal(
		keyd_sign_note(root, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &after, &e),
		0);
	assert_int_equal(
		keyd_sign_note(k, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &after, &e), 0);
	assert_int_equal(keyd_restarts(k), 2);
	/* rotation is not repeated on its own */
	struct keyd_key key;
	assert_int_equal(kill(keyd_pid(root), SIGKILL), 0);
	assert_int_equal(keyd_rotate(root, KEYD_NODE, &key, &e), -ERR_PIPE);
	assert_int_equal(keyd_rotate(root, KEYD_NODE, &key, &e), 0);
	/* and a process that dies again and again is given up */
	int r = 0;
	for (int i = 0; i < 10 && r >= 0; i++) {
		kill(keyd_pid(root), SIGKILL);
		r = keyd_sign_note(root, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &after,
				   &e);
	}
	assert_int_equal(r, -ERR_PIPE);
	assert_non_null(strstr(e.message, "more than 5 times"));
}

static void test_process_threads_body(struct keyd *k)
{
	struct keyd_signature sig;
	for (int i = 0; i < 200; i++)
		if (keyd_sign_note(k, KEYD_NODE, parcel_text, sizeof(parcel_text) - 1, &sig, NULL) <
		    0)
			abort();
}

static void *test_process_thread(void *k)
{
	test_process_threads_body(k);
	return NULL;
}

static void test_process_threads(void **state)
{
	_cleanup_(keyd_closep) struct keyd *root = process_ready();
	struct keyd *k[3];
	pthread_t threads[3];
	for (int i = 0; i < 3; i++) {
		assert_int_equal(keyd_client(root, KEYD_SIGN_NODE, &k[i], &e), 0);
		assert_int_equal(pthread_create(&threads[i], NULL, test_process_thread, k[i]), 0);
	}
	usleep(2000);
	kill(keyd_pid(root), SIGKILL);
	test_process_threads_body(root);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		keyd_close(k[i]);
	}
	assert_int_equal(keyd_restarts(root), 1);
	assert_int_equal(died_n, 1);
}

static void test_process_start_fails(void **state)
{
	struct keyd *k;
	struct keyd_options o = options(NULL, NULL);
	assert_int_equal(keyd_open(&o, &k, &e), -ERR_NOENT); /* no folder made */
	o = options("it.rome", "/nonexistent/passphrase");
	assert_int_equal(keyd_open(&o, &k, &e), -ERR_NOENT);
	char pass[96];
	snprintf(pass, sizeof(pass), "%s/pass", folder);
	assert_int_equal(file_write(pass, "right\n", 6, 0600, &e), 0);
	o = options("it.rome", pass);
	assert_int_equal(keyd_open(&o, &k, &e), 0);
	keyd_close(k);
	o = options("it.rome", pass);
	assert_int_equal(keyd_open(&o, &k, &e), -ERR_EXIST);
	assert_int_equal(file_write(pass, "wrong", 5, 0600, &e), 0);
	o = options(NULL, pass);
	assert_int_equal(keyd_open(&o, &k, &e), -ERR_CRYPTO);
	assert_non_null(strstr(e.message, "passphrase does not fit"));
	assert_int_equal(file_write(pass, "\n", 1, 0600, &e), 0);
	assert_int_equal(keyd_open(&o, &k, &e), -ERR_FIELD_MISSING);
	assert_int_equal(file_write(pass, "right", 5, 0600, &e), 0);
	assert_int_equal(keyd_open(&o, &k, &e), 0);
	keyd_close(k);
	o.program = "/nonexistent/lug-keyd";
	assert_int_equal(keyd_open(&o, &k, &e), -ERR_NOENT);
	o.program = "/bin/true"; /* ends at once */
	assert_int_equal(keyd_open(&o, &k, &e), -ERR_PIPE);
}

static unsigned proc_number(int pid, const char *field)
{
	char path[64], line[256];
	unsigned v = ~0U;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	_cleanup_(fclosep) FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			v = (unsigned)strtoul(line + strlen(field), NULL, 10);
	return v;
}

static void test_process_walls(void **state)
{
	_cleanup_(keyd_closep) struct keyd *k = process_ready();
	assert_int_equal(proc_number(keyd_pid(k), "Seccomp:"), 2);
	assert_int_equal(proc_number(keyd_pid(k), "NoNewPrivs:"), 1);
}

/* The filter itself, in a child: what is listed works, the first other call is the end. Returns the signal, 0 when it lived on. */
static int sandboxed(void (*call)(void))
{
	int status, pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (keyd_sandbox(NULL) < 0)
			_exit(9);
		call();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void call_listed(void)
{
	(void)getpid();
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)mprotect(p, 4096, PROT_READ);
	(void)munmap(p, 4096);
}

static void call_socket(void)
{
	(void)socket(2, 1, 0);
}

static void call_executable_mapping(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void call_executable_protection(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void test_sandbox_kills(void **state)
{
	assert_int_equal(sandboxed(call_listed), 0);
	assert_int_equal(sandboxed(call_socket), SIGSYS);
	assert_int_equal(sandboxed(call_executable_mapping), SIGSYS);
	assert_int_equal(sandboxed(call_executable_protection), SIGSYS);
}

#define ON_FOLDER(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FOLDER(test_vault_keys),	      ON_FOLDER(test_vault_again),
		ON_FOLDER(test_vault_life),	      ON_FOLDER(test_vault_outlives_messages),
		ON_FOLDER(test_vault_clock),	      ON_FOLDER(test_vault_clock_file),
		ON_FOLDER(test_vault_rotate),	      ON_FOLDER(test_vault_tampered),
		ON_FOLDER(test_vault_file_key),	      ON_FOLDER(test_requests),
		ON_FOLDER(test_request_shapes),	      ON_FOLDER(test_process),
		ON_FOLDER(test_process_unwrap),	      ON_FOLDER(test_process_capabilities),
		ON_FOLDER(test_process_killed),	      ON_FOLDER(test_process_threads),
		ON_FOLDER(test_process_start_fails),  ON_FOLDER(test_process_walls),
		cmocka_unit_test(test_sandbox_kills),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
