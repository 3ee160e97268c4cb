/* SPDX-License-Identifier: Apache-2.0
 * Tests of the Merkle tree: every tree up to 70 leaves against the recursion of RFC 6962, every proof, every way to spoil one, and
 * the published vectors of inclusion and consistency ($LUG_DATA/vectors/merkle). */
#include "audit/merkle.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LEAVES = 70 };
static uint8_t leaves[LEAVES][32];

/* ---- the definition, as the RFC words it ---- */

static void mth(uint64_t start, uint64_t n, uint8_t out32[static 32])
{
	if (n == 0) {
		sha256("", 0, out32);
		return;
	}
	if (n == 1) {
		memcpy(out32, leaves[start], 32);
		return;
	}
	uint64_t k = 1;
	while (k * 2 < n)
		k *= 2;
	uint8_t left[32], right[32];
	mth(start, k, left);
	mth(start + k, n - k, right);
	merkle_node(left, right, out32);
}

static int source_node(void *ctx, unsigned height, uint64_t index, uint8_t out32[static 32],
		       struct err *e)
{
	uint64_t size = *(uint64_t *)ctx;
	if ((index + 1) << height > size)
		return err_set(e, ERR_RANGE, "node", NULL);
	mth(index << height, 1ull << height, out32);
	return 0;
}

static int setup(void **state)
{
	if (crypto_start() < 0)
		return -1;
	for (uint8_t i = 0; i < LEAVES; i++)
		merkle_leaf(&i, 1, leaves[i]);
	return 0;
}

static void test_hashes(void **state)
{
	uint8_t out[32], leaf[32];
	char hex[65];
	merkle_leaf("", 0, leaf); /* RFC 6962 reference values */
	hex_encode(leaf, 32, hex);
	assert_string_equal(hex,
			    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
	struct merkle_front f = {0};
	merkle_front_root(&f, out);
	hex_encode(out, 32, hex);
	assert_string_equal(hex,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_growing(void **state)
{
	struct merkle_front f = {0};
	for (uint64_t n = 0; n <= LEAVES; n++) {
		uint8_t root[32], expected[32];
		mth(0, n, expected);
		merkle_front_root(&f, root);
		assert_memory_equal(root, expected, 32);
		struct merkle_front loaded;
		struct merkle_source src = {source_node, &n};
		assert_int_equal(merkle_front_load(&src, n, &loaded, NULL), 0);
		merkle_front_root(&loaded, root);
		assert_memory_equal(root, expected, 32);
		if (n < LEAVES)
			merkle_append(&f, leaves[n]);
	}
}

static void spoil_inclusion(uint64_t i, uint64_t n, uint8_t (*proof)[32], size_t proof_n,
			    const uint8_t *root)
{
	const uint8_t(*const c)[32] = (const uint8_t(*)[32])proof;
	uint8_t other[32];
	for (size_t k = 0; k < proof_n; k++) {
		proof[k][k % 32] ^= 1;
		assert_int_equal(merkle_inclusion_check(i, n, leaves[i], c, proof_n, root),
				 -ERR_CORRUPT);
		proof[k][k % 32] ^= 1;
	}
	memcpy(other, leaves[i], 32);
	other[0] ^= 0x80;
	assert_int_equal(merkle_inclusion_check(i, n, other, c, proof_n, root), -ERR_CORRUPT);
	memcpy(other, root, 32);
	other[31] ^= 1;
	assert_int_equal(merkle_inclusion_check(i, n, leaves[i], c, proof_n, other), -ERR_CORRUPT);
	if (proof_n)
		assert_int_equal(merkle_inclusion_check(i, n, leaves[i], c, proof_n - 1, root),
				 -ERR_TRUNCATED);
	memset(proof[proof_n], 0, 32);
	assert_int_equal(merkle_inclusion_check(i, n, leaves[i], c, proof_n + 1, root),
			 -ERR_TRAILING);
	for (uint64_t wrong = 0; wrong < n; wrong++)
		if (wrong != i)
			assert_true(merkle_inclusion_check(wrong, n, leaves[i], c, proof_n, root) <
				    0);
	assert_int_equal(merkle_inclusion_check(n, n, leaves[i], c, proof_n, root), -ERR_RANGE);
}

static void test_inclusion(void **state)
{
	for (uint64_t n = 1; n <= LEAVES; n++) {
		uint8_t root[32], proof[MERKLE_PROOF_MAX][32];
		struct merkle_source src = {source_node, &n};
		mth(0, n, root);
		for (uint64_t i = 0; i < n; i++) {
			size_t proof_n = 99;
			assert_int_equal(merkle_inclusion(&src, i, n, proof, &proof_n, NULL), 0);
			assert_int_equal(merkle_inclusion_check(i, n, leaves[i],
								(const uint8_t(*)[32])proof,
								proof_n, root),
					 0);
			spoil_inclusion(i, n, proof, proof_n, root);
		}
		size_t proof_n = 99;
		assert_int_equal(merkle_inclusion(&src, n, n, proof, &proof_n, NULL), -ERR_RANGE);
		assert_int_equal(proof_n, 99);
	}
}

static void spoil_consistency(uint64_t m, uint64_t n, uint8_t (*proof)[32], size_t proof_n,
			      const uint8_t *root1, const uint8_t *root2)
{
	const uint8_t(*const c)[32] = (const uint8_t(*)[32])proof;
	uint8_t other[32];
	for (size_t k = 0; k < proof_n; k++) {
		proof[k][k % 32] ^= 1;
		assert_int_equal(merkle_consistency_check(m, n, root1, root2, c, proof_n),
				 -ERR_CORRUPT);
		proof[k][k % 32] ^= 1;
	}
	memcpy(other, root1, 32);
	other[5] ^= 1;
	assert_int_equal(merkle_consistency_check(m, n, other, root2, c, proof_n), -ERR_CORRUPT);
	memcpy(other, root2, 32);
	other[5] ^= 1;
	assert_int_equal(merkle_consistency_check(m, n, root1, other, c, proof_n), -ERR_CORRUPT);
	if (proof_n)
		assert_int_equal(merkle_consistency_check(m, n, root1, root2, c, proof_n - 1),
				 -ERR_TRUNCATED);
	memset(proof[proof_n], 0, 32);
	assert_int_equal(merkle_consistency_check(m, n, root1, root2, c, proof_n + 1),
			 -ERR_TRAILING);
}

static void test_consistency(void **state)
{
	for (uint64_t n = 1; n <= LEAVES; n++) {
		uint8_t root1[32], root2[32], proof[MERKLE_PROOF_MAX][32];
		size_t proof_n = 99;
		struct merkle_source src = {source_node, &n};
		mth(0, n, root2);
		for (uint64_t m = 1; m <= n; m++) {
			mth(0, m, root1);
			assert_int_equal(merkle_consistency(&src, m, n, proof, &proof_n, NULL), 0);
			assert_int_equal(merkle_consistency_check(m, n, root1, root2,
								  (const uint8_t(*)[32])proof,
								  proof_n),
					 0);
			spoil_consistency(m, n, proof, proof_n, root1, root2);
		}
		assert_int_equal(merkle_consistency(&src, 0, n, proof, &proof_n, NULL), -ERR_RANGE);
		assert_int_equal(merkle_consistency(&src, n + 1, n, proof, &proof_n, NULL),
				 -ERR_RANGE);
		assert_int_equal(merkle_consistency_check(0, n, root1, root2, NULL, 0), -ERR_RANGE);
		assert_int_equal(merkle_consistency_check(n + 1, n, root1, root2, NULL, 0),
				 -ERR_RANGE);
	}
}

/* Sizes near 2^63: nothing overflows and the walk ends. */
static int huge_node(void *ctx, unsigned height, uint64_t index, uint8_t out32[static 32],
		     struct err *e)
{
	uint8_t seed[16];
	memset(seed, (int)height, 8);
	memcpy(seed + 8, &index, 8);
	sha256(seed, sizeof(seed), out32);
	return 0;
}

static void test_huge(void **state)
{
	static const uint64_t sizes[] = {INT64_MAX, 1ull << 62, (1ull << 62) + 1, (1ull << 62) - 1};
	struct merkle_source src = {huge_node, NULL};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t proof[MERKLE_PROOF_MAX][32];
		size_t n = 0;
		struct merkle_front f;
		assert_int_equal(merkle_front_load(&src, sizes[i], &f, NULL), 0);
		assert_int_equal(merkle_inclusion(&src, sizes[i] - 1, sizes[i], proof, &n, NULL),
				 0);
		assert_in_range(n, 0, MERKLE_PROOF_MAX);
		assert_int_equal(merkle_inclusion(&src, 0, sizes[i], proof, &n, NULL), 0);
		assert_in_range(n, 62, MERKLE_PROOF_MAX);
		assert_int_equal(merkle_consistency(&src, sizes[i] / 3, sizes[i], proof, &n, NULL),
				 0);
		assert_in_range(n, 61, MERKLE_PROOF_MAX);
	}
}

/* ---- published vectors ---- */

static unsigned files_n, wrong_n;

/* Some vectors have roots of another length ("don't care"), which our types cannot hold: their hash stands for them, so that
 * equal stays equal and different stays different. An empty one is a missing one. */
static bool hash_of(const json_t *j, uint8_t out32[static 32])
{
	uint8_t bytes[256];
	size_t len = 0;
	if (!json_is_string(j) ||
	    base64_decode(BASE64_PADDED, json_string_value(j), json_string_length(j), bytes,
			  sizeof(bytes), &len) < 0 ||
	    len == 0)
		return false;
	if (len == 32)
		memcpy(out32, bytes, 32);
	else
		sha256(bytes, len, out32);
	return true;
}

static bool proof_of(const json_t *j, uint8_t proof[MERKLE_PROOF_MAX][32], size_t *ret_n)
{
	size_t n = json_array_size(j);
	if (n > MERKLE_PROOF_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!hash_of(json_array_get(j, i), proof[i]))
			return false;
	*ret_n = n;
	return true;
}

/* Numbers up to 2^64 - 1, which jansson reads as reals here: exact below 2^53, and the others are only ever too large. */
static uint64_t number_of(const json_t *o, const char *key)
{
	double v = json_number_value(json_object_get(o, key));
	return v < 18446744073709551615.0 ? (uint64_t)v : UINT64_MAX;
}

/* A subtree [start, end) of draft-ietf-plants-merkle-tree-certs 4.1: start is a multiple of the power of two that holds it. */
static bool subtree_of(const json_t *o, uint64_t *ret_start, uint64_t *ret_n)
{
	uint64_t start = number_of(o, "start"), end = number_of(o, "end"), width = 1;
	if (!json_object_get(o, "end")) {
		*ret_start = 0;
		*ret_n = number_of(o, "treeSize");
		return true;
	}
	if (start >= end)
		return false;
	while (width < end - start && width < 1ull << 62)
		width *= 2;
	*ret_start = start;
	*ret_n = end - start;
	return start % width == 0 && number_of(o, "leafIdx") >= start;
}

static bool inclusion_holds(const json_t *o)
{
	uint8_t leaf[32], root[32], proof[MERKLE_PROOF_MAX][32];
	uint64_t start = 0, size = 0;
	size_t n = 0;
	if (!hash_of(json_object_get(o, "leafHash"), leaf) ||
	    !hash_of(json_object_get(o, "root"), root) ||
	    !proof_of(json_object_get(o, "proof"), proof, &n) || !subtree_of(o, &start, &size))
		return false;
	return merkle_inclusion_check(number_of(o, "leafIdx") - start, size, leaf,
				      (const uint8_t(*)[32])proof, n, root) == 0;
}

static bool consistency_holds(const json_t *o)
{
	uint8_t root1[32], root2[32], proof[MERKLE_PROOF_MAX][32];
	size_t n = 0;
	if (!hash_of(json_object_get(o, "root1"), root1) ||
	    !hash_of(json_object_get(o, "root2"), root2) ||
	    !proof_of(json_object_get(o, "proof"), proof, &n))
		return false;
	return merkle_consistency_check(number_of(o, "size1"), number_of(o, "size2"), root1, root2,
					(const uint8_t(*)[32])proof, n) == 0;
}

static json_t *load(const char *path)
{
	return json_load_file(path, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
}

static int one_vector(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	if (kind != FTW_F || !strstr(path, ".json"))
		return 0;
	_cleanup_(json_decrefp) json_t *o = load(path);
	if (!o)
		fail_msg("cannot read %s", path);
	bool holds = json_object_get(o, "leafIdx") ? inclusion_holds(o) : consistency_holds(o);
	files_n++;
	if (holds != json_is_false(json_object_get(o, "wantErr"))) {
		print_error("%s: %s\n", path, holds ? "accepted" : "refused");
		wrong_n++;
	}
	return 0;
}

static void run_vectors(const char *kind, unsigned expected_n)
{
	const char *data = getenv("LUG_DATA");
	if (!data) {
		print_message("LUG_DATA is not set: the published vectors are skipped\n");
		skip();
	}
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/vectors/merkle/%s", data, kind);
	files_n = wrong_n = 0;
	assert_int_equal(nftw(path, one_vector, 8, FTW_PHYS), 0);
	assert_int_equal(files_n, expected_n);
	assert_int_equal(wrong_n, 0);
}

static void test_inclusion_vectors(void **state)
{
	run_vectors("inclusion", 98);
}

static void test_subtree_vectors(void **state)
{
	run_vectors("subtreeinclusion", 204);
}

static void test_consistency_vectors(void **state)
{
	run_vectors("consistency", 98);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_inclusion),
		cmocka_unit_test(test_consistency),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_inclusion_vectors),
		cmocka_unit_test(test_subtree_vectors),
		cmocka_unit_test(test_consistency_vectors),
	};
	return cmocka_run_group_tests_name("merkle", tests, setup, NULL);
}
