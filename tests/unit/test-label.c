/* SPDX-License-Identifier: Apache-2.0
 * Labels: what each format gives, what is quarantined and why, sources that come and go, damaged files, real lists. */
#include "base/file.h"
#include "crypto/crypto.h"
#include "ledger/label.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <ftw.h>

static char folder[32];
static char dir[64], file[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test-label-XXXXXX");
	if (crypto_start() < 0 || !mkdtemp(folder))
		return -1;
	snprintf(dir, sizeof(dir), "%s/labels", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *write_file(const char *name, const char *text)
{
	struct err e;
	snprintf(file, sizeof(file), "%s/%s", folder, name);
	assert_int_equal(file_write(file, text, strlen(text), 0600, &e), 0);
	return file;
}

static int parse(const char *format, const char *text, const struct label_import *opt, uint32_t *n,
		 uint32_t *bad, struct err *e)
{
	static const struct label_import none;
	return label_parse(format, text, strlen(text), opt ? opt : &none, n, bad, e);
}

static size_t find(const struct labels *l, const char *text, struct label *ret, size_t max)
{
	struct address_info info;
	assert_int_equal(address_parse(text, strlen(text), &info, NULL), 0);
	return labels_find(l, &info.address, ret, max);
}

#define GENESIS "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
#define SEGWIT "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
#define EVM "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

static const char pack[] = "tags:\n"
			   "- address: " GENESIS "\n"
			   "  label: first\n"
			   "  context: {nested: [1, 2, {deep: yes}]}\n"
			   "- address: " EVM "\n"
			   "  currency: ETH\n"
			   "  is_cluster_definer: false\n"
			   "  actor: someone\n"
			   "- address: 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb\n"
			   "- address: " GENESIS "\n"
			   "  currency: DOGE\n"
			   "- address: " EVM "\n"
			   "- label: nothing\n"
			   "- address: " GENESIS "\n"
			   "  label: first\n"
			   "title: A pack with its header behind\n"
			   "creator: nobody\n"
			   "currency: BTC\n"
			   "label: inherited\n"
			   "category: exchange\n"
			   "is_cluster_definer: true\n";

static void test_tagpack(void **state)
{
	(void)state;
	struct label_result r;
	struct label_import opt = {.now_s = 1700000000, .name = "one"};
	struct err e;
	_cleanup_(labels_closep) struct labels *l = NULL, *evm = NULL;
	struct label found[4];
	assert_int_equal(label_import(dir, write_file("pack.yaml", pack), &opt, &r, &e), 0);
	const struct label_source *s = &r.source;
	assert_string_equal(s->name, "one");
	assert_string_equal(s->format, "tagpack");
	assert_string_equal(s->title, "A pack with its header behind");
	assert_string_equal(s->file, "pack.yaml");
	assert_int_equal(s->entry_n, 7);
	assert_int_equal(s->valid_n, 2);
	assert_int_equal(s->duplicate_n, 1);
	assert_int_equal(s->reject_n, 4);
	const struct {
		uint32_t line;
		int code;
	} expect[] = {{9, -ERR_CHECKSUM},
		      {10, -ERR_UNSUPPORTED},
		      {12, -ERR_NETWORK},
		      {13, -ERR_FIELD_MISSING}};
	for (size_t i = 0; i < ARRAY_LEN(expect); i++) {
		assert_int_equal(s->rejects[i].line, expect[i].line);
		assert_int_equal(s->rejects[i].code, expect[i].code);
		assert_true(strlen(s->rejects[i].reason) > 5);
	}
	label_result_done(&r);

	assert_int_equal(labels_open(dir, NET_BITCOIN, &l, &e), 0);
	assert_int_equal(labels_n(l), 1);
	assert_int_equal(find(l, GENESIS, found, 4), 1);
	assert_string_equal(found[0].label, "first");
	assert_string_equal(found[0].category, "exchange");
	assert_string_equal(found[0].set, "one");
	assert_string_equal(found[0].actor, "");
	assert_true(found[0].cluster);
	assert_int_equal(found[0].imported_s, 1700000000);
	assert_int_equal(find(l, SEGWIT, found, 4), 0);
	assert_int_equal(labels_open(dir, NET_EVM, &evm, &e), 0);
	assert_int_equal(find(evm, EVM, found, 4), 1);
	assert_string_equal(found[0].label, "inherited");
	assert_string_equal(found[0].actor, "someone");
	assert_false(found[0].cluster);
}

static void test_sources(void **state)
{
	(void)state;
	struct label_result r;
	struct label_import opt = {.currency = "BTC", .label = "ours"};
	struct err e;
	struct label found[1];
	_cleanup_(labels_closep) struct labels *l = NULL, *after = NULL;
	size_t n;
	const char *list =
		write_file("Own list.txt", "# ours\n" GENESIS "  # the first\n\n\t" SEGWIT "\r\n");
	assert_int_equal(label_import(dir, list, &opt, &r, &e), 0);
	assert_string_equal(r.source.name, "own-list");
	assert_int_equal(r.source.valid_n, 2);
	assert_false(r.source.replaced);
	label_result_done(&r);
	opt.name = "z-json";
	assert_int_equal(
		label_import(dir, write_file("a.json", "[\"" GENESIS "\", \"x\"]"), &opt, &r, &e),
		0);
	assert_int_equal(r.source.valid_n, 1);
	assert_int_equal(r.source.rejects[0].entry, 2);
	assert_int_equal(r.source.rejects[0].line, 0);
	assert_int_equal(r.source.rejects[0].code, -ERR_FORMAT);
	label_result_done(&r);

	assert_int_equal(labels_open(dir, NET_BITCOIN, &l, &e), 0);
	assert_int_equal(labels_n(l), 4);
	const struct label_source *s = labels_sources(l, &n);
	assert_int_equal(n, 3);
	assert_string_equal(s[0].name, "one");
	assert_string_equal(s[2].name, "z-json");
	/* Three say something; the first by name comes first, and more than fits is counted. */
	assert_int_equal(find(l, GENESIS, found, 1), 3);
	assert_string_equal(found[0].set, "one");

	/* A newer list of the same name takes its place; what came and what went is told. */
	opt.name = NULL;
	assert_int_equal(
		label_import(dir,
			     write_file("own list", SEGWIT "\n1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
			     &opt, &r, &e),
		0);
	assert_true(r.source.replaced);
	assert_int_equal(r.source.added_n, 1);
	assert_int_equal(r.source.delisted_n, 1);
	label_result_done(&r);
	assert_int_equal(label_remove(dir, "z-json", &e), 0);
	assert_int_equal(label_remove(dir, "z-json", &e), -ERR_NOENT);
	assert_int_equal(label_remove(dir, "../x", &e), -ERR_INVAL);
	assert_int_equal(labels_open(dir, NET_BITCOIN, &after, &e), 0);
	assert_int_equal(find(after, GENESIS, found, 1), 1);
}

static void test_bad_packs(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int code;
		const char *says;
	} bad[] = {
		{"", -ERR_FORMAT, "empty"},
		{"- a\n- b\n", -ERR_FORMAT, "no mapping"},
		{"title: x\n", -ERR_FORMAT, "no list of tags"},
		{"tags: 5\n", -ERR_FORMAT, "no list of tags"},
		{"tags:\n- 5\n", -ERR_FORMAT, "line 2"},
		{"tags:\n- address: &a " GENESIS "\n- address: *a\n", -ERR_UNSUPPORTED, "anchors"},
		{"tags: &t []\n", -ERR_UNSUPPORTED, "anchors"},
		{"tags: []\n--- \ntags: []\n", -ERR_TRAILING, "second"},
		{"tags: []\nx: [[[[[[[[[1]]]]]]]]]\n", -ERR_OVERSIZE, "deep"},
		{"tags: [\n", -ERR_FORMAT, "line"},
		{"title: \"\\x07\"\ntags: []\n", -ERR_FORMAT, "control"},
		{"? [a]\n: b\n", -ERR_FORMAT, "key"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = {0};
		uint32_t n, rejects;
		assert_int_equal(parse("tagpack", bad[i].text, NULL, &n, &rejects, &e),
				 bad[i].code);
		assert_non_null(strstr(e.message, bad[i].says));
	}
}

static void test_bad_entries(void **state)
{
	(void)state;
	struct err e;
	uint32_t n, bad;
	struct buf b;
	const struct label_import opt = {.currency = "BTC", .label = "x"};
	buf_init(&b, 1 << 20);
	buf_printf(&b, "currency: BTC\ntags:\n- address: " GENESIS "\n  label: ");
	for (int i = 0; i <= LABEL_TEXT_MAX; i++)
		buf_u8(&b, 'x');
	buf_str(&b, "\n- address: " SEGWIT "\n  label: good\n- address: '" GENESIS
		    " '\n  label: good\n");
	assert_int_equal(parse("tagpack", buf_cstr(&b), NULL, &n, &bad, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(bad, 1);
	buf_done(&b);
	/* Lists must say what they are of; an array of other things is no list. */
	assert_int_equal(parse("list", GENESIS, NULL, &n, &bad, &e), -ERR_FIELD_MISSING);
	assert_int_equal(parse("json", "{}", &opt, &n, &bad, &e), -ERR_FORMAT);
	assert_int_equal(parse("json", "[1]", &opt, &n, &bad, &e), -ERR_FORMAT);
	assert_int_equal(parse("json", "[", &opt, &n, &bad, &e), -ERR_FORMAT);
	assert_int_equal(parse("list", "", &opt, &n, &bad, &e), 0);
	assert_int_equal(n + bad, 0);
}

/* A private key in a list is rejected, and its text is not kept. */
static void test_secret(void **state)
{
	(void)state;
	struct label_result r;
	struct label_import opt = {.currency = "BTC", .label = "x", .name = "secret"};
	struct err e;
	const char *wif = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ";
	assert_int_equal(label_import(dir, write_file("s.txt", wif), &opt, &r, &e), 0);
	assert_int_equal(r.source.reject_n, 1);
	assert_int_equal(r.source.rejects[0].code, -ERR_SECRET);
	assert_string_equal(r.source.rejects[0].text, "");
	assert_null(strstr(r.source.rejects[0].reason, wif));
	label_result_done(&r);
	assert_int_equal(label_remove(dir, "secret", &e), 0);
}

/* Any changed byte, and any cut, is seen when the folder is opened. */
static void test_damage(void **state)
{
	(void)state;
	char path[128];
	struct buf b;
	struct err e;
	struct labels *l;
	snprintf(path, sizeof(path), "%s/one.labels", dir);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(path, &b, &e), 0);
	for (size_t i = 0; i < b.len; i += 7) {
		b.p[i] ^= 0x40;
		assert_int_equal(file_write(path, b.p, b.len, 0600, &e), 0);
		int r = labels_open(dir, NET_BITCOIN, &l, &e);
		assert_true(r == -ERR_CORRUPT || r == -ERR_VERSION);
		assert_non_null(strstr(e.message, "one.labels"));
		b.p[i] ^= 0x40;
	}
	for (size_t cut = 0; cut < b.len; cut += 31) {
		assert_int_equal(file_write(path, b.p, cut, 0600, &e), 0);
		assert_int_equal(labels_open(dir, NET_BITCOIN, &l, &e), -ERR_CORRUPT);
	}
	assert_int_equal(file_write(path, b.p, b.len, 0600, &e), 0);
	assert_int_equal(labels_open(dir, NET_BITCOIN, &l, &e), 0);
	labels_close(l);
	assert_int_equal(labels_open("/nonexistent/labels", NET_BITCOIN, &l, &e), 0);
	assert_int_equal(labels_n(l), 0);
	labels_close(l);
	buf_done(&b);
}

/* Counts were found by another program with its own codecs. What OFAC added and delisted between the two dates is real. */
static const struct {
	const char *file;
	uint32_t entries, rejects;
} packs[] = {
	{"tagpack-aft-alqaeda-forfeit_vc", 155, 0},
	{"tagpack-blender_io", 45, 0},
	{"tagpack-demo", 5, 2},
	{"tagpack-exchange-wallets-binance", 86, 34},
	{"tagpack-exchange-wallets-bitfinexcom", 135, 110},
	{"tagpack-hacks", 608, 0},
	{"tagpack-hydra", 117, 0},
	{"tagpack-interpol-real_services", 10, 0},
	{"tagpack-lazarus", 21, 0},
	{"tagpack-lazarus2", 6, 0},
	{"tagpack-miners", 37439, 0},
	{"tagpack-mixing_fc2021", 66, 0},
	{"tagpack-ofac", 572, 20},
	{"tagpack-ransomware", 7178, 0},
	{"tagpack-tornado_cash", 39, 0},
	{"tagpack-usdt_blacklist", 774, 0},
	{"tagpack-walletexplorer", 386, 0},
};
static const struct {
	const char *ticker;
	uint32_t old_n, old_rejects, new_n, new_rejects, added, delisted;
} lists[] = {
	{"ARB", 1, 0, 1, 0, 0, 0},	{"BCH", 7, 0, 7, 0, 0, 0},
	{"BSC", 1, 0, 1, 0, 0, 0},	{"BSV", 1, 1, 1, 1, 0, 0},
	{"BTG", 1, 1, 1, 1, 0, 0},	{"DASH", 3, 3, 3, 3, 0, 0},
	{"ETC", 1, 0, 1, 0, 0, 0},	{"ETH", 152, 0, 77, 0, 15, 90},
	{"LTC", 10, 0, 10, 0, 0, 0},	{"TRX", 6, 6, 29, 29, 0, 0},
	{"USDC", 2, 0, 2, 0, 0, 0},	{"USDT", 26, 11, 93, 78, 0, 0},
	{"XBT", 435, 1, 517, 1, 82, 0}, {"XMR", 3, 3, 8, 8, 0, 0},
	{"XRP", 1, 1, 1, 1, 0, 0},	{"XVG", 1, 1, 1, 1, 0, 0},
	{"ZEC", 3, 3, 3, 3, 0, 0},
};

static void import_real(const char *to, const char *path, uint32_t entries, uint32_t rejects,
			struct label_source *ret)
{
	struct label_result r;
	struct label_import opt = {0};
	struct err e = {0};
	int rc = label_import(to, path, &opt, &r, &e);
	if (rc < 0)
		print_error("%s: %s\n", path, e.message);
	assert_int_equal(rc, 0);
	assert_int_equal(r.source.entry_n, entries);
	assert_int_equal(r.source.reject_n, rejects);
	for (uint32_t i = 0; i < r.source.reject_n; i++)
		assert_true(r.source.rejects[i].entry > 0 && r.source.rejects[i].reason[0] &&
			    r.source.rejects[i].code < 0);
	*ret = r.source;
	label_result_done(&r);
}

static void test_real(void **state)
{
	(void)state;
	const char *data = getenv("LUG_DATA");
	char path[512], to[64];
	struct label_source s;
	struct label found[8];
	struct err e;
	_cleanup_(labels_closep) struct labels *l = NULL;
	snprintf(to, sizeof(to), "%s/real", folder);
	for (size_t i = 0; i < ARRAY_LEN(packs); i++) {
		snprintf(path, sizeof(path), "%s/labels/%s.yaml", data, packs[i].file);
		import_real(to, path, packs[i].entries, packs[i].rejects, &s);
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		snprintf(path, sizeof(path), "%s/labels/ofac-2024-09/sanctioned_addresses_%s.txt",
			 data, lists[i].ticker);
		import_real(to, path, lists[i].old_n, lists[i].old_rejects, &s);
		snprintf(path, sizeof(path), "%s/labels/ofac-2025-12/sanctioned_addresses_%s.json",
			 data, lists[i].ticker);
		import_real(to, path, lists[i].new_n, lists[i].new_rejects, &s);
		assert_true(s.replaced);
		assert_int_equal(s.added_n, lists[i].added);
		assert_int_equal(s.delisted_n, lists[i].delisted);
	}
	assert_int_equal(labels_open(to, NET_BITCOIN, &l, &e), 0);
	size_t n = find(l, "149w62rY42aZBox8fGcmqNsXUzSStKeq8C", found, 8);
	assert_true(n >= 2); /* the first two addresses that OFAC ever listed */
	bool ofac = false;
	for (size_t i = 0; i < n; i++)
		ofac |= strcmp(found[i].label, "OFAC SDN") == 0 &&
			strcmp(found[i].category, "sanction") == 0;
	assert_true(ofac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tagpack),	  cmocka_unit_test(test_sources),
		cmocka_unit_test(test_bad_packs), cmocka_unit_test(test_bad_entries),
		cmocka_unit_test(test_secret),	  cmocka_unit_test(test_damage),
		cmocka_unit_test(test_real),
	};
	/* cmocka 1.1.5 writes a skipped test as "not ok", so the last one is left out instead. */
	size_t n = ARRAY_LEN(tests);
	if (!getenv("LUG_DATA")) {
		printf("# skipped: LUG_DATA is not set, so the published TagPacks and OFAC lists are not imported\n");
		n--;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("label", tests, n, setup, teardown);
}
