/* SPDX-License-Identifier: Apache-2.0
 * Tests of crypto: published answers, Wycheproof, and each refusal that the header lists. */
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

enum { BYTES_MAX = 16384, FILE_MAX = 4 << 20 };

struct bytes {
	size_t len;
	uint8_t p[BYTES_MAX];
};

static void bytes_set(struct bytes *b, const char *hex)
{
	b->len = strlen(hex) / 2;
	assert_true(b->len <= sizeof(b->p));
	assert_int_equal(hex_decode(hex, 2 * b->len, b->p, b->len), 0);
}

static void bytes_of(struct bytes *b, const json_t *o, const char *key)
{
	const char *hex = json_string_value(json_object_get(o, key));
	assert_non_null(hex);
	bytes_set(b, hex);
}

static void assert_hex(const uint8_t *p, size_t len, const char *want)
{
	char text[513];
	assert_true(len <= 256);
	hex_encode(p, len, text);
	assert_string_equal(text, want);
}

/* Calls each test of a Wycheproof file; skips when LUG_DATA is unset. Returns how many there were. */
typedef void wycheproof_fn(const json_t *group, const json_t *t, bool valid, void *ctx);

static int64_t wycheproof(const char *name, wycheproof_fn *fn, void *ctx)
{
	const char *data = getenv("LUG_DATA");
	char path[4096];
	struct buf b;
	struct err e = {0};
	int64_t n = 0;
	if (!data) {
		print_message("# LUG_DATA is unset: Wycheproof %s not checked\n", name);
		skip();
	}
	snprintf(path, sizeof(path), "%s/vectors/wycheproof/%s.json", data, name);
	buf_init(&b, FILE_MAX);
	assert_int_equal(file_read(path, &b, &e), 0);
	_cleanup_(json_decrefp) json_t *root = json_loadb((const char *)b.p, b.len, 0, NULL);
	buf_done(&b);
	assert_non_null(root);
	size_t i, k;
	json_t *group, *t;
	json_array_foreach (json_object_get(root, "testGroups"), i, group) {
		json_array_foreach (json_object_get(group, "tests"), k, t) {
			const char *result = json_string_value(json_object_get(t, "result"));
			assert_non_null(result);
			fn(group, t, strcmp(result, "invalid") != 0, ctx);
			n++;
		}
	}
	assert_int_equal(n, json_integer_value(json_object_get(root, "numberOfTests")));
	return n;
}

static bool has_flag(const json_t *t, const char *flag)
{
	size_t i;
	json_t *f;
	json_array_foreach (json_object_get(t, "flags"), i, f) {
		if (strcmp(json_string_value(f), flag) == 0)
			return true;
	}
	return false;
}

static void test_self_test(void **state)
{
	struct err e = {0};
	assert_int_equal(crypto_start(), 0);
	assert_int_equal(crypto_start(), 0);
	assert_int_equal(crypto_self_test(&e), 0);
	assert_int_equal(e.code, 0);
}

static void test_sha256(void **state)
{
	uint8_t out[32], whole[32];
	sha256(NULL, 0, out);
	assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, out);
	assert_hex(out, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	sha256d("hello", 5, out);
	assert_hex(out, 32, "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
	/* Any split gives the hash of the whole; a copied state forks. */
	uint8_t text[300];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	sha256(text, sizeof(text), whole);
	for (size_t cut = 0; cut <= sizeof(text); cut++) {
		struct sha256 h, fork;
		sha256_init(&h);
		sha256_update(&h, text, cut);
		fork = h;
		sha256_update(&h, text + cut, sizeof(text) - cut);
		sha256_final(&h, out);
		assert_memory_equal(out, whole, 32);
		sha256_update(&fork, text + cut, sizeof(text) - cut);
		sha256_final(&fork, out);
		assert_memory_equal(out, whole, 32);
	}
}

static void test_hash160(void **state)
{
	/* The key of Bitcoin's block 0 coinbase; its address is 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa. */
	struct bytes k;
	uint8_t out[20];
	bytes_set(&k, "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
		      "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f");
	hash160(k.p, k.len, out);
	assert_hex(out, 20, "62e907b15cbf27d5425399ebf6f0fb50ebb88f18");
}

static void test_keccak256(void **state)
{
	uint8_t out[32], text[272];
	keccak256(NULL, 0, out);
	assert_hex(out, 32, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
	keccak256("Transfer(address,address,uint256)", 33, out);
	assert_hex(out, 32, "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
	/* Around the rate of 136 bytes: one byte of padding, a block of padding only, two blocks. */
	memset(text, 'a', sizeof(text));
	keccak256(text, 135, out);
	assert_hex(out, 32, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446");
	keccak256(text, 136, out);
	assert_hex(out, 32, "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e");
	keccak256(text, 137, out);
	assert_hex(out, 32, "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39");
	keccak256(text, 272, out);
	assert_hex(out, 32, "cf7fcd4f705ee749930d19ca84561a9bf62516bd90a471545fa2f49fdc7e63c8");
}

static void hmac_case(const json_t *group, const json_t *t, bool valid, void *ctx)
{
	struct bytes key, msg, tag;
	uint8_t out[32];
	size_t tag_len = (size_t)json_integer_value(json_object_get(group, "tagSize")) / 8;
	bytes_of(&key, t, "key");
	bytes_of(&msg, t, "msg");
	bytes_of(&tag, t, "tag");
	assert_int_equal(tag.len, tag_len);
	hmac_sha256(key.p, key.len, msg.p, msg.len, out);
	assert_int_equal(secret_equal(out, tag.p, tag.len), valid);
	if (tag_len == 32)
		assert_int_equal(hmac_sha256_check(key.p, key.len, msg.p, msg.len, tag.p), valid);
	++*(int *)ctx;
}

static void test_hmac(void **state)
{
	int n = 0;
	assert_int_equal(wycheproof("hmac_sha256_test", hmac_case, &n), 174);
	assert_int_equal(n, 174);
}

static void hkdf_case(const json_t *group, const json_t *t, bool valid, void *ctx)
{
	struct bytes ikm, salt, info, okm;
	uint8_t out[HKDF_OUT_MAX];
	size_t size = (size_t)json_integer_value(json_object_get(t, "size"));
	bytes_of(&ikm, t, "ikm");
	bytes_of(&salt, t, "salt");
	bytes_of(&info, t, "info");
	bytes_of(&okm, t, "okm");
	int r = hkdf_sha256(ikm.p, ikm.len, salt.p, salt.len, info.p, info.len, out, size);
	assert_int_equal(r, valid ? 0 : -ERR_RANGE);
	if (valid) {
		assert_int_equal(okm.len, size);
		assert_memory_equal(out, okm.p, size);
	}
	++*(int *)ctx;
}

static void test_hkdf(void **state)
{
	int n = 0;
	assert_int_equal(wycheproof("hkdf_sha256_test", hkdf_case, &n), 86);
	assert_int_equal(n, 86);
}

static void test_siphash(void **state)
{
	uint8_t key[16];
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	assert_true(siphash24(key, NULL, 0) == 0x726fdb47dd0e0e31);
	assert_true(siphash24(key, key, 1) == 0x74f839c593dc67fd);
	assert_true(siphash24(key, key, 15) == 0xa129ca6149be45e5);
}

static void ed25519_case(const json_t *group, const json_t *t, bool valid, void *ctx)
{
	struct bytes pk, msg, sig;
	int *n = ctx;
	bytes_of(&pk, json_object_get(group, "publicKey"), "pk");
	bytes_of(&msg, t, "msg");
	bytes_of(&sig, t, "sig");
	assert_int_equal(pk.len, 32);
	if (sig.len != ED25519_SIG_LEN) { /* cannot be passed: the contract has 64 bytes */
		assert_false(valid);
		n[2]++;
		return;
	}
	assert_int_equal(ed25519_verify(pk.p, msg.p, msg.len, sig.p), valid ? 0 : -ERR_SIGNATURE);
	n[!valid]++;
}

static void test_ed25519(void **state)
{
	int n[3] = {0}; /* valid, refused, not of 64 bytes */
	assert_int_equal(wycheproof("ed25519_test", ed25519_case, n), 151);
	assert_int_equal(n[0], 88);
	assert_int_equal(n[1] + n[2], 63);
}

static void test_ed25519_strict(void **state)
{
	uint8_t seed[32] = {7}, pk[32], sig[64], small[32] = {1}, zero_sig[64] = {1};
	ed25519_public(seed, pk);
	ed25519_sign(seed, pk, "note", 4, sig);
	assert_int_equal(ed25519_verify(pk, "note", 4, sig), 0);
	assert_int_equal(ed25519_verify(pk, "note\n", 5, sig), -ERR_SIGNATURE);
	for (unsigned bit = 0; bit < 512; bit++) {
		sig[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(ed25519_verify(pk, "note", 4, sig), -ERR_SIGNATURE);
		sig[bit / 8] ^= 1 << bit % 8;
	}
	/* The neutral point as key would verify any text with R = neutral, S = 0. */
	assert_int_equal(ed25519_verify(small, "anything", 8, zero_sig), -ERR_SIGNATURE);
}

static void x25519_case(const json_t *group, const json_t *t, bool valid, void *ctx)
{
	struct bytes key, pk, shared;
	uint8_t out[32];
	int *n = ctx;
	bytes_of(&key, t, "private");
	bytes_of(&pk, t, "public");
	bytes_of(&shared, t, "shared");
	assert_true(key.len == 32 && pk.len == 32 && shared.len == 32);
	memset(out, 0x55, 32);
	int r = x25519(key.p, pk.p, out);
	bool zero = has_flag(t, "ZeroSharedSecret");
	assert_int_equal(r, zero ? -ERR_CRYPTO : 0);
	if (zero)
		memset(shared.p, 0x55, 32); /* untouched on failure */
	assert_memory_equal(out, shared.p, 32);
	n[zero]++;
}

static void test_x25519(void **state)
{
	int n[2] = {0}; /* agreed, refused as zero */
	assert_int_equal(wycheproof("x25519_test", x25519_case, n), 518);
	assert_int_equal(n[0], 518 - 31);
	assert_int_equal(n[1], 31);
}

/* RFC 7748 5.2: k, u = X25519(k, u), k, a thousand times from the base point. */
static void test_x25519_iterated(void **state)
{
	uint8_t k[32] = {9}, u[32] = {9}, pk[32], next[32];
	x25519_public(k, pk);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(x25519(k, u, next), 0);
		if (i == 0)
			assert_memory_equal(next, pk, 32);
		memcpy(u, k, 32);
		memcpy(k, next, 32);
	}
	assert_hex(pk, 32, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	assert_hex(k, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

static void aead_case(const json_t *group, const json_t *t, bool valid, void *ctx)
{
	struct bytes key, iv, aad, msg, ct, tag;
	uint8_t out[BYTES_MAX], sealed[BYTES_MAX + 16];
	int *n = ctx;
	bytes_of(&key, t, "key");
	bytes_of(&iv, t, "iv");
	bytes_of(&aad, t, "aad");
	bytes_of(&msg, t, "msg");
	bytes_of(&ct, t, "ct");
	bytes_of(&tag, t, "tag");
	if (iv.len != AEAD_NONCE_LEN) { /* cannot be passed: the contract has 12 bytes */
		assert_false(valid);
		n[2]++;
		return;
	}
	assert_int_equal(tag.len, AEAD_TAG_LEN);
	memcpy(sealed, ct.p, ct.len);
	memcpy(sealed + ct.len, tag.p, tag.len);
	int r = aead_open(key.p, iv.p, aad.p, aad.len, sealed, ct.len + 16, out);
	assert_int_equal(r, valid ? 0 : -ERR_CRYPTO);
	if (valid) {
		assert_memory_equal(out, msg.p, msg.len);
		aead_seal(key.p, iv.p, aad.p, aad.len, msg.p, msg.len, sealed);
		assert_memory_equal(sealed, ct.p, ct.len);
		assert_memory_equal(sealed + ct.len, tag.p, 16);
	}
	n[!valid]++;
}

static void test_aead(void **state)
{
	int n[3] = {0}; /* opened and sealed, refused, nonce not of 12 bytes */
	assert_int_equal(wycheproof("chacha20_poly1305_test", aead_case, n), 325);
	assert_int_equal(n[0], 256);
	assert_int_equal(n[1], 60);
	assert_int_equal(n[2], 9);
}

static void test_aead_limits(void **state)
{
	uint8_t key[32] = {1}, nonce[24] = {2}, sealed[16 + 3] = {0}, out[3] = {9, 9, 9};
	assert_int_equal(aead_open(key, nonce, NULL, 0, sealed, 15, out), -ERR_TRUNCATED);
	assert_int_equal(xaead_open(key, nonce, NULL, 0, sealed, 15, out), -ERR_TRUNCATED);
	xaead_seal(key, nonce, "context", 7, "abc", 3, sealed);
	assert_int_equal(xaead_open(key, nonce, "context", 7, sealed, sizeof(sealed), out), 0);
	assert_memory_equal(out, "abc", 3);
	assert_int_equal(xaead_open(key, nonce, "Context", 7, sealed, sizeof(sealed), out),
			 -ERR_CRYPTO);
	assert_memory_equal(out, "\0\0\0", 3);
	/* In place, and an empty text. */
	memcpy(sealed, "abc", 3);
	aead_seal(key, nonce, NULL, 0, sealed, 3, sealed);
	assert_int_equal(aead_open(key, nonce, NULL, 0, sealed, sizeof(sealed), sealed), 0);
	assert_memory_equal(sealed, "abc", 3);
	aead_seal(key, nonce, NULL, 0, NULL, 0, sealed);
	assert_int_equal(aead_open(key, nonce, NULL, 0, sealed, 16, out), 0);
}

static void test_argon2id(void **state)
{
	uint8_t out[64];
	const uint8_t *salt = (const uint8_t *)"0123456789abcdef";
	/* From the reference implementation: -id -v 13 -t 3 -k 1024 -p 1. */
	assert_int_equal(argon2id(NULL, 0, salt, 3, 1024 * 1024, out, 64), 0);
	assert_hex(out, 64,
		   "d92ac618a08aeef8ee0048b7c078337ef64a2644dab6db0bff183bf6138cbc90"
		   "bb1b602491c13a5602c5ee4a21f3fc9d1426dbaaf5a3a87a2336906442f5644c");
	assert_int_equal(argon2id("p", 1, salt, 0, 1 << 20, out, 32), -ERR_RANGE);
	assert_int_equal(argon2id("p", 1, salt, ARGON2ID_OPS_MAX + 1, 1 << 20, out, 32),
			 -ERR_RANGE);
	assert_int_equal(argon2id("p", 1, salt, 1, 8191, out, 32), -ERR_RANGE);
	assert_int_equal(argon2id("p", 1, salt, 1, 8192, out, 15), -ERR_RANGE);
	assert_int_equal(argon2id("p", 1, salt, 1, 8192, out, 129), -ERR_RANGE);
}

static void test_random(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0};
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void test_secret(void **state)
{
	struct secret s;
	assert_int_equal(secret_init(&s, 0), -ERR_RANGE);
	assert_null(s.p);
	assert_int_equal(secret_init(&s, SECRET_MAX + 1), -ERR_RANGE);
	assert_int_equal(secret_init(&s, 32), 0);
	uint8_t zero[32] = {0};
	assert_true(secret_equal(s.p, zero, 32));
	s.p[31] = 1;
	assert_false(secret_equal(s.p, zero, 32));
	secret_wipe(s.p, s.len);
	assert_true(secret_equal(s.p, zero, 32));
	secret_done(&s);
	assert_null(s.p);
	assert_int_equal(s.len, 0);
	secret_done(&s);
}

/* One byte past a secret is a guard page: the process must die, not read on. */
static void test_secret_guard(void **state)
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct secret s;
		signal(SIGSEGV, SIG_DFL); /* cmocka would turn it into a failed test */
		if (secret_init(&s, 32) == 0)
			*(volatile uint8_t *)(s.p + s.len) = 1;
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void test_p256(void **state)
{
	uint8_t key[32], other[32], spki[P256_SPKI_LEN], digest[32], sig[P256_SIG_MAX],
		zero[32] = {0};
	size_t sig_len = 0;
	sha256("certificate", 11, digest);
	assert_int_equal(p256_generate(key), 0);
	assert_int_equal(p256_generate(other), 0);
	assert_memory_not_equal(key, other, 32);
	assert_int_equal(p256_public(key, spki), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(p256_sign(key, digest, sig, &sig_len), 0);
		assert_in_range(sig_len, 64, P256_SIG_MAX);
		assert_int_equal(p256_verify(spki, digest, sig, sig_len), 0);
	}
	assert_int_equal(p256_verify(spki, digest, sig, sig_len - 1), -ERR_SIGNATURE);
	assert_int_equal(p256_sign(other, digest, sig, &sig_len), 0);
	assert_int_equal(p256_verify(spki, digest, sig, sig_len), -ERR_SIGNATURE);
	/* Scalars 0 and the order, a point that is off the curve, a wrong algorithm. */
	struct bytes order;
	bytes_set(&order, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
	assert_int_equal(p256_public(zero, spki), -ERR_CRYPTO);
	assert_int_equal(p256_public(order.p, spki), -ERR_CRYPTO);
	assert_int_equal(p256_sign(zero, digest, sig, &sig_len), -ERR_CRYPTO);
	order.p[31]--;
	assert_int_equal(p256_public(order.p, spki), 0);
	spki[P256_SPKI_LEN - 1] ^= 1;
	assert_int_equal(p256_verify(spki, digest, sig, sig_len), -ERR_CRYPTO);
	spki[P256_SPKI_LEN - 1] ^= 1;
	spki[0] ^= 1;
	assert_int_equal(p256_verify(spki, digest, sig, sig_len), -ERR_CRYPTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self_test),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_hash160),
		cmocka_unit_test(test_keccak256),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_ed25519),
		cmocka_unit_test(test_ed25519_strict),
		cmocka_unit_test(test_x25519),
		cmocka_unit_test(test_x25519_iterated),
		cmocka_unit_test(test_aead),
		cmocka_unit_test(test_aead_limits),
		cmocka_unit_test(test_argon2id),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_secret_guard),
		cmocka_unit_test(test_p256),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
