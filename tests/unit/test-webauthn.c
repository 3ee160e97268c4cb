/* SPDX-License-Identifier: Apache-2.0
 * Tests of security keys: an authenticator in software answers challenges, rightly and in every wrong way that is told apart;
 * rows, challenges, counters. */
#include "access/access.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NOW_S = 1795344000, FLAGS_REGISTER = 0x45, FLAGS_USE = 0x05 };
static const struct webauthn_site site = {"localhost", "https://localhost:9443"};
static struct store *s;
static int64_t now_s;

/* ---- the authenticator ---- */

struct key {
	uint8_t secret[P256_KEY_LEN], id[16];
	uint32_t count;
};
/* How the next answer is made; zeros for a right one. */
static struct wrong {
	const char *origin, *type, *site, *format;
	bool no_user, bad_signature, cross, cut, long_map;
} wrong;

struct answer {
	char client[512];
	uint8_t data[512], signature[P256_SIG_MAX], attestation[1024];
	size_t data_len, signature_len, attestation_len;
};

static struct webauthn_bytes bytes(const void *p, size_t len)
{
	return (struct webauthn_bytes){p, len};
}

static void make_client(struct answer *a, const char *type,
			const uint8_t challenge[static WEBAUTHN_CHALLENGE_LEN])
{
	char text[BASE64_LEN(WEBAUTHN_CHALLENGE_LEN) + 1];
	base64_encode(BASE64_URL, challenge, WEBAUTHN_CHALLENGE_LEN, text);
	snprintf(a->client, sizeof(a->client),
		 "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\",\"crossOrigin\":%s}",
		 wrong.type ? wrong.type : type, text, wrong.origin ? wrong.origin : site.origin,
		 wrong.cross ? "true" : "false");
}

static void put(uint8_t *out, size_t *len, const void *p, size_t n)
{
	memcpy(out + *len, p, n);
	*len += n;
}

/* WebAuthn 6.1, with the key as COSE (RFC 8152 13.1.1) when it is registered. */
static void make_data(struct answer *a, const struct key *k, bool registers)
{
	static const uint8_t cose_head[] = {0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20},
			     cose_y[] = {0x22, 0x58, 0x20}, aaguid[16] = {0};
	const char *id = wrong.site ? wrong.site : site.id;
	uint8_t hash[SHA256_LEN], spki[P256_SPKI_LEN];
	uint8_t flags = registers ? FLAGS_REGISTER : FLAGS_USE;
	if (wrong.no_user)
		flags &= (uint8_t)~4;
	const uint8_t head[] = {flags, (uint8_t)(k->count >> 24), (uint8_t)(k->count >> 16),
				(uint8_t)(k->count >> 8), (uint8_t)k->count};
	a->data_len = 0;
	sha256(id, strlen(id), hash);
	put(a->data, &a->data_len, hash, sizeof(hash));
	put(a->data, &a->data_len, head, sizeof(head));
	if (!registers)
		return;
	assert_int_equal(p256_public(k->secret, spki), 0);
	put(a->data, &a->data_len, aaguid, sizeof(aaguid));
	put(a->data, &a->data_len, (const uint8_t[]){0, sizeof(k->id)}, 2);
	put(a->data, &a->data_len, k->id, sizeof(k->id));
	put(a->data, &a->data_len, cose_head, sizeof(cose_head));
	put(a->data, &a->data_len, spki + P256_SPKI_LEN - 64, 32);
	put(a->data, &a->data_len, cose_y, sizeof(cose_y));
	put(a->data, &a->data_len, spki + P256_SPKI_LEN - 32, 32);
}

static void sign(struct answer *a, const struct key *k)
{
	uint8_t text[sizeof(a->data) + SHA256_LEN], digest[SHA256_LEN];
	memcpy(text, a->data, a->data_len);
	sha256(a->client, strlen(a->client), text + a->data_len);
	sha256(text, a->data_len + SHA256_LEN, digest);
	digest[0] ^= wrong.bad_signature;
	assert_int_equal(p256_sign(k->secret, digest, a->signature, &a->signature_len), 0);
}

static void make_attestation(struct answer *a, const struct key *k)
{
	const char *format = wrong.format ? wrong.format : "none";
	size_t *n = &a->attestation_len;
	*n = 0;
	put(a->attestation, n,
	    wrong.long_map ? "\xa4\x63"
			     "fmt"
			   : "\xa3\x63"
			     "fmt",
	    5);
	put(a->attestation, n, (const uint8_t[]){(uint8_t)(0x60 | strlen(format))}, 1);
	put(a->attestation, n, format, strlen(format));
	put(a->attestation, n,
	    "\x67"
	    "attStmt",
	    8);
	if (!strcmp(format, "none")) {
		put(a->attestation, n, "\xa0", 1);
	} else {
		sign(a, k);
		put(a->attestation, n,
		    "\xa2\x63"
		    "alg\x26\x63"
		    "sig\x58",
		    11);
		put(a->attestation, n, (const uint8_t[]){(uint8_t)a->signature_len}, 1);
		put(a->attestation, n, a->signature, a->signature_len);
	}
	put(a->attestation, n,
	    "\x68"
	    "authData\x59",
	    10);
	put(a->attestation, n, (const uint8_t[]){(uint8_t)(a->data_len >> 8), (uint8_t)a->data_len},
	    2);
	put(a->attestation, n, a->data, a->data_len);
	*n -= wrong.cut;
}

static struct key new_key(uint8_t n)
{
	struct key k = {.id = {n}, .count = 7};
	assert_int_equal(p256_generate(k.secret), 0);
	return k;
}

/* ---- the console ---- */

static void challenge_for(enum access_purpose purpose, const char *officer,
			  uint8_t out[static WEBAUTHN_CHALLENGE_LEN])
{
	random_bytes(out, WEBAUTHN_CHALLENGE_LEN);
	assert_int_equal(access_challenge_put(s, out, purpose, officer, now_s, NULL), 0);
}

static struct err e;

static int add_answer(const struct answer *a, const char *officer)
{
	e = (struct err){0};
	return access_key_add(s,
			      &(const struct access_key_new){
				      .site = &site,
				      .client = bytes(a->client, strlen(a->client)),
				      .attestation = bytes(a->attestation, a->attestation_len),
				      .officer = officer,
				      .name = "on the ring",
				      .now_s = now_s},
			      &e);
}

static int add(const struct key *k, const char *officer)
{
	uint8_t challenge[WEBAUTHN_CHALLENGE_LEN];
	struct answer a;
	challenge_for(ACCESS_FOR_KEY, officer, challenge);
	make_client(&a, "webauthn.create", challenge);
	make_data(&a, k, true);
	make_attestation(&a, k);
	return add_answer(&a, officer);
}

static int use_answer(const struct key *k, const struct answer *a, const char *officer,
		      char whose[static ACCESS_NAME_MAX + 1])
{
	e = (struct err){0};
	return access_key_use(
		s,
		&(const struct access_key_used){.site = &site,
						.id = bytes(k->id, sizeof(k->id)),
						.client = bytes(a->client, strlen(a->client)),
						.authenticator = bytes(a->data, a->data_len),
						.signature = bytes(a->signature, a->signature_len),
						.officer = officer,
						.now_s = now_s},
		whose, &e);
}

static struct answer answer_to(const struct key *k,
			       const uint8_t challenge[static WEBAUTHN_CHALLENGE_LEN])
{
	struct answer a;
	make_client(&a, "webauthn.get", challenge);
	make_data(&a, k, false);
	sign(&a, k);
	return a;
}

/* officer NULL: to sign in. */
static int use(struct key *k, const char *officer)
{
	uint8_t challenge[WEBAUTHN_CHALLENGE_LEN];
	char whose[ACCESS_NAME_MAX + 1] = "";
	challenge_for(officer ? ACCESS_FOR_PROOF : ACCESS_FOR_SIGN_IN, officer ? officer : "",
		      challenge);
	k->count++;
	struct answer a = answer_to(k, challenge);
	int r = use_answer(k, &a, officer, whose);
	if (r == 0)
		assert_string_equal(whose, "rome");
	return r;
}

static int set_up(void **state)
{
	wrong = (struct wrong){0};
	now_s = NOW_S;
	if (crypto_start() < 0 || store_open(":memory:", NULL, &s, NULL) < 0)
		return -1;
	return store_migrate(s, access_schema(), NOW_S, NULL) < 0;
}

static int tear_down(void **state)
{
	s = store_close(s);
	return 0;
}

/* ---- tests ---- */

static void test_register_and_use(void **state)
{
	struct key k = new_key(1), self = new_key(2);
	assert_int_equal(use(&k, NULL), -ERR_DENIED);
	assert_int_equal(add(&k, "rome"), 0);
	wrong.format = "packed";
	assert_int_equal(add(&self, "rome"), 0);
	assert_int_equal(add(&self, "rome"), -ERR_EXIST);
	wrong.format = NULL;
	assert_int_equal(use(&k, NULL), 0);
	assert_int_equal(use(&self, NULL), 0);
	assert_int_equal(use(&k, "rome"), 0);
	_cleanup_(json_decrefp) json_t *keys = access_keys(s, "rome", NULL);
	assert_int_equal(json_array_size(keys), 2);
	const json_t *first = json_array_get(keys, 0);
	assert_string_equal(json_string_value(json_object_get(first, "name")), "on the ring");
	assert_non_null(json_object_get(first, "used_at"));
	_cleanup_(json_decrefp) json_t *none = access_keys(s, "other", NULL);
	assert_int_equal(json_array_size(none), 0);
}

static void test_wrong_registrations(void **state)
{
	static const struct {
		struct wrong wrong;
		int code;
		const char *field;
	} rows[] = {
		{{.origin = "https://localhost.evil.example"}, -ERR_DENIED, "origin"},
		{{.origin = "https://localhost:9444"}, -ERR_DENIED, "origin"},
		{{.origin = "http://localhost:9443"}, -ERR_DENIED, "origin"},
		{{.site = "evil.example"}, -ERR_DENIED, "origin"},
		{{.cross = true}, -ERR_DENIED, "origin"},
		{{.type = "webauthn.get"}, -ERR_FORMAT, "type"},
		{{.no_user = true}, -ERR_DENIED, "user"},
		{{.format = "packed", .bad_signature = true}, -ERR_SIGNATURE, "attestation"},
		{{.format = "fido-u2f"}, -ERR_UNSUPPORTED, "attestation"},
		{{.cut = true}, -ERR_FORMAT, "attestation"},
		{{.long_map = true}, -ERR_FORMAT, "attestation"},
	};
	struct key k = new_key(1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		wrong = rows[i].wrong;
		assert_int_equal(add(&k, "rome"), rows[i].code);
		assert_string_equal(e.field, rows[i].field);
	}
	wrong = (struct wrong){0};
	assert_int_equal(add(&k, "rome"), 0);
}

static void test_wrong_uses(void **state)
{
	static const struct {
		struct wrong wrong;
		int code;
		const char *field;
	} rows[] = {
		{{.origin = "https://localhost.evil.example"}, -ERR_DENIED, "origin"},
		{{.site = "evil.example"}, -ERR_DENIED, "origin"},
		{{.cross = true}, -ERR_DENIED, "origin"},
		{{.type = "webauthn.create"}, -ERR_FORMAT, "type"},
		{{.no_user = true}, -ERR_DENIED, "user"},
		{{.bad_signature = true}, -ERR_SIGNATURE, "signature"},
	};
	struct key k = new_key(1);
	assert_int_equal(add(&k, "rome"), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		wrong = rows[i].wrong;
		assert_int_equal(use(&k, NULL), rows[i].code);
		assert_string_equal(e.field, rows[i].field);
		assert_int_equal(use(&k, "rome"), rows[i].code);
	}
	wrong = (struct wrong){0};
	assert_int_equal(use(&k, NULL), 0);
	/* an id that is registered, with another key behind it */
	struct key copy = new_key(1);
	copy.count = 100;
	assert_int_equal(use(&copy, NULL), -ERR_SIGNATURE);
	/* another officer's key proves nothing */
	assert_int_equal(use(&k, "paris"), -ERR_DENIED);
	assert_string_equal(e.field, "key");
}

static void test_challenges_are_used_once(void **state)
{
	uint8_t challenge[WEBAUTHN_CHALLENGE_LEN];
	char whose[ACCESS_NAME_MAX + 1];
	struct key k = new_key(1);
	assert_int_equal(add(&k, "rome"), 0);
	challenge_for(ACCESS_FOR_SIGN_IN, "", challenge);
	k.count++;
	struct answer a = answer_to(&k, challenge);
	assert_int_equal(use_answer(&k, &a, "rome", whose), -ERR_STALE); /* for another purpose */
	assert_int_equal(use_answer(&k, &a, NULL, whose), 0);
	assert_int_equal(use_answer(&k, &a, NULL, whose), -ERR_STALE); /* replayed */
	assert_string_equal(e.field, "challenge");
	/* a wrong answer uses it up too */
	challenge_for(ACCESS_FOR_SIGN_IN, "", challenge);
	wrong.bad_signature = true;
	k.count++;
	a = answer_to(&k, challenge);
	assert_int_equal(use_answer(&k, &a, NULL, whose), -ERR_SIGNATURE);
	wrong.bad_signature = false;
	a = answer_to(&k, challenge);
	assert_int_equal(use_answer(&k, &a, NULL, whose), -ERR_STALE);
	/* one that nobody gave, one of another officer, one too old */
	random_bytes(challenge, sizeof(challenge));
	a = answer_to(&k, challenge);
	assert_int_equal(use_answer(&k, &a, NULL, whose), -ERR_STALE);
	challenge_for(ACCESS_FOR_PROOF, "paris", challenge);
	a = answer_to(&k, challenge);
	assert_int_equal(use_answer(&k, &a, "rome", whose), -ERR_STALE);
	challenge_for(ACCESS_FOR_PROOF, "rome", challenge);
	a = answer_to(&k, challenge);
	now_s += ACCESS_CHALLENGE_S + 1;
	assert_int_equal(use_answer(&k, &a, "rome", whose), -ERR_STALE);
	assert_int_equal(access_sweep(s, now_s, NULL), 0);
	now_s -= ACCESS_CHALLENGE_S + 1;
	assert_int_equal(use_answer(&k, &a, "rome", whose), -ERR_STALE);
}

static void test_counters(void **state)
{
	struct key k = new_key(1), still = new_key(2);
	assert_int_equal(add(&k, "rome"), 0);
	assert_int_equal(use(&k, NULL), 0);
	k.count--; /* the next answer has the same count: a copy was used meanwhile */
	assert_int_equal(use(&k, NULL), -ERR_CONFLICT);
	assert_string_equal(e.field, "counter");
	k.count -= 3;
	assert_int_equal(use(&k, NULL), -ERR_CONFLICT);
	k.count = 1000;
	assert_int_equal(use(&k, NULL), 0);
	/* a key that does not count at all */
	still.count = 0;
	assert_int_equal(add(&still, "rome"), 0);
	still.count = UINT32_MAX; /* use() adds one */
	assert_int_equal(use(&still, NULL), 0);
	still.count = UINT32_MAX;
	assert_int_equal(use(&still, NULL), 0);
}

static void test_care(void **state)
{
	struct key k = new_key(1);
	char id[ACCESS_KEY_TEXT + 1], long_name[ACCESS_NAME_MAX + 2];
	assert_int_equal(add(&k, "rome"), 0);
	_cleanup_(json_decrefp) json_t *keys = access_keys(s, "rome", NULL);
	snprintf(id, sizeof(id), "%s",
		 json_string_value(json_object_get(json_array_get(keys, 0), "id")));
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = 0;
	assert_int_equal(access_key_rename(s, "rome", id, "in the safe", NULL), 0);
	assert_int_equal(access_key_rename(s, "rome", id, "", NULL), -ERR_INVAL);
	assert_int_equal(access_key_rename(s, "rome", id, long_name, NULL), -ERR_INVAL);
	assert_int_equal(access_key_rename(s, "rome", id, "two\nlines", NULL), -ERR_INVAL);
	assert_int_equal(access_key_rename(s, "paris", id, "mine", NULL), -ERR_NOENT);
	assert_int_equal(access_key_remove(s, "paris", id, NULL), -ERR_NOENT);
	_cleanup_(json_decrefp) json_t *list = access_list(s, "rome", NULL);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")),
			    "in the safe");
	assert_int_equal(access_key_remove(s, "rome", id, NULL), 0);
	assert_int_equal(use(&k, NULL), -ERR_DENIED);
	for (uint8_t i = 0; i < ACCESS_KEYS_MAX; i++) {
		struct key one = new_key(i);
		assert_int_equal(add(&one, "rome"), 0);
	}
	struct key more = new_key(200);
	assert_int_equal(add(&more, "rome"), -ERR_QUOTA);
	assert_int_equal(access_reset(s, "rome", NULL), ACCESS_KEYS_MAX);
}

/* Every beginning of right answers, and every byte of them changed: refused, never accepted, never read past the end. */
static void test_damaged(void **state)
{
	uint8_t challenge[WEBAUTHN_CHALLENGE_LEN] = {1};
	struct webauthn_key key;
	struct key k = new_key(1);
	struct answer a;
	wrong.format = "packed";
	make_client(&a, "webauthn.create", challenge);
	make_data(&a, &k, true);
	make_attestation(&a, &k);
	struct webauthn_bytes client = bytes(a.client, strlen(a.client));
	assert_int_equal(webauthn_register(&site, client, bytes(a.attestation, a.attestation_len),
					   &key, NULL),
			 0);
	for (size_t n = 0; n < a.attestation_len; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* of its exact size, for the sanitizer */
		assert_non_null(copy);
		memcpy(copy, a.attestation, n);
		assert_true(webauthn_register(&site, client, bytes(copy, n), &key, NULL) < 0);
		free(copy);
	}
	for (size_t n = 0; n < a.attestation_len; n++) {
		a.attestation[n] ^= 0x80;
		assert_true(webauthn_register(&site, client,
					      bytes(a.attestation, a.attestation_len), &key,
					      NULL) < 0);
		a.attestation[n] ^= 0x80;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_register_and_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_registrations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_uses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_challenges_are_used_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_care, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
