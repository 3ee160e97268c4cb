/* SPDX-License-Identifier: Apache-2.0
 * Asset blocks: that chain, account, asset, transaction and amount belong together and that addresses hold their checksum. */
#include "chain/address.h"
#include "chain/amount.h"
#include "chain/network.h"
#include "exchange/request-doc.h"

enum { TXID_HEX_LEN = 64 };

struct block {
	char path[32]; /* "assets[3]" */
	const json_t *json;
	const char *chain;
	const struct network *net; /* NULL: not one of ours */
	json_t *warnings;
	struct err *e;
};

static const char *member(const struct block *b, const char *name)
{
	return json_string_value(json_object_get(b->json, name));
}

static const char *path_of(const struct block *b, const char *name, char out[static ERR_FIELD_MAX])
{
	snprintf(out, ERR_FIELD_MAX, "%s.%s", b->path, name);
	return out;
}

static int fail(const struct block *b, int code, const char *name, const char *message)
{
	char path[ERR_FIELD_MAX];

	return err_set(b->e, code, path_of(b, name, path), "%s", message);
}

static int warn(const struct block *b, const char *name, const char *message)
{
	char path[ERR_FIELD_MAX];

	return request_warn(b->warnings, path_of(b, name, path), message);
}

/* Every EVM chain shares one row: its addresses are the same on all of them. */
static const struct network *net_of(const char *chain)
{
	if (strncmp(chain, "eip155:", 7) == 0)
		return network_get(NET_EVM);
	return network_find(chain);
}

static int prefix_check(const struct block *b, const char *name, char end)
{
	const char *s = member(b, name);
	size_t len = strlen(b->chain);

	if (!s || (strncmp(s, b->chain, len) == 0 && s[len] == end))
		return 0;
	return fail(b, ERR_NETWORK, name, "names another chain than the block's own");
}

/* What a mistyped address was probably meant to be. */
static int mistyped(const struct block *b, const char *address, int code)
{
	struct address_guess guess[1];
	char path[ERR_FIELD_MAX], words[ADDRESS_GUESS_TEXT_MAX];

	path_of(b, "account", path);
	if (address_suggest(address, strlen(address), guess, 1) > 0)
		return err_set(b->e, code, path, "%s has a mistake; probably meant: %s (%s)",
			       address, guess[0].info.text, address_guess_text(&guess[0], words));
	if (code == -ERR_CHECKSUM)
		return err_set(
			b->e, code, path,
			"checksum of %s is wrong and no single mistake explains it; compare with the source",
			address);
	return err_set(b->e, code, path, "%s is not an address of %s", address, b->net->title);
}

static int account_check(const struct block *b)
{
	const char *account = member(b, "account");
	struct address_info info;
	char path[ERR_FIELD_MAX];
	int r;

	if (!account || !b->net)
		return 0;
	account += strlen(b->chain) + 1;
	path_of(b, "account", path);
	r = address_parse(account, strlen(account), &info, NULL);
	if (r == -ERR_SECRET) /* never repeat it */
		return err_set(b->e, r, path, NULL);
	if (r < 0)
		return mistyped(b, account, r);
	if (!(info.nets & NET_BIT(network_net(b->net)))) {
		char names[NET_NAMES_MAX];

		return err_set(b->e, ERR_NETWORK, path, "%s is an address of %s, not of %s",
			       account, network_names(info.nets, names), b->net->title);
	}
	if (info.check == ADDRESS_CHECK_NONE)
		return warn(b, "account", "carries no checksum: compare it with the source");
	return 0;
}

static bool txid_valid(const struct block *b, const char *txid)
{
	if (network_net(b->net) == NET_EVM) {
		if (strncmp(txid, "0x", 2) != 0)
			return false;
		txid += 2;
	}
	return strlen(txid) == TXID_HEX_LEN && strspn(txid, "0123456789abcdef") == TXID_HEX_LEN;
}

static int place_check(const struct block *b)
{
	const char *txid = member(b, "txid");
	bool output = json_object_get(b->json, "output"), log = json_object_get(b->json, "log");

	if ((output || log) && !txid)
		return fail(b, ERR_FIELD_MISSING, "txid",
			    "is required with an output or log index");
	if (output && log)
		return fail(b, ERR_INVAL, "log", "a place is an output or a log entry, not both");
	if (!b->net)
		return 0;
	if (txid && !txid_valid(b, txid))
		return fail(b, ERR_FORMAT, "txid",
			    "is not a transaction id of this chain (lower-case hex)");
	if (network_net(b->net) == NET_EVM ? output : log)
		return fail(b, ERR_INVAL, output ? "output" : "log",
			    "does not exist on this chain");
	return 0;
}

static int amount_above(const struct block *b, const char *amount, const char *whole,
			const char *source)
{
	char path[ERR_FIELD_MAX];

	if (dec_cmp(amount, whole) <= 0)
		return 0;
	return err_set(b->e, ERR_AMOUNT, path_of(b, "amount", path),
		       "%s base units are more than the output holds (%s, %s)", amount, whole,
		       source);
}

/* Against what a ledger beside knows of the output. */
static int ledger_check(const struct block *b, const struct request_checks *checks)
{
	const char *amount = member(b, "amount"), *whole = member(b, "output_value");
	const char *txid = member(b, "txid");
	const json_t *output = json_object_get(b->json, "output");
	char known[24];
	uint64_t units;

	if (!txid || !output || !checks || !checks->output_value ||
	    checks->output_value(checks->ctx, b->chain, txid, (uint32_t)json_integer_value(output),
				 &units) != 1)
		return 0;
	snprintf(known, sizeof(known), "%llu", (unsigned long long)units);
	if (whole && dec_cmp(whole, known) != 0)
		return fail(b, ERR_AMOUNT, "output_value",
			    "is not what the ledger here says of this output");
	return amount ? amount_above(b, amount, known, "as the ledger here says") : 0;
}

static int amount_check(const struct block *b, const struct request_checks *checks)
{
	const char *amount = member(b, "amount"), *whole = member(b, "output_value");
	char most[24];
	int r = 0;

	if (amount && strcmp(amount, "0") == 0)
		return fail(b, ERR_RANGE, "amount",
			    "is zero; leave it out to mean whatever is there");
	if (amount && whole)
		r = amount_above(b, amount, whole, "as stated in output_value");
	if (r < 0 || !b->net || network_net(b->net) == NET_EVM ||
	    strcmp(member(b, "asset"), b->net->caip19) != 0)
		return r;
	snprintf(most, sizeof(most), "%llu", (unsigned long long)SAT_MAX);
	if (amount)
		r = amount_above(b, amount, most, "the most there can be");
	return r < 0 ? r : ledger_check(b, checks);
}

int asset_check(const json_t *asset, size_t n, const struct request_checks *checks,
		json_t *warnings, struct err *e)
{
	struct block b = {.json = asset, .warnings = warnings, .e = e};
	int r;

	snprintf(b.path, sizeof(b.path), "assets[%zu]", n);
	b.chain = member(&b, "chain");
	b.net = net_of(b.chain);
	if (!b.net && (r = warn(&b, "chain",
				"unknown chain: carried as it is, nothing of it is checked")) < 0)
		return r;
	if ((r = prefix_check(&b, "account", ':')) < 0 || (r = prefix_check(&b, "asset", '/')) < 0)
		return r;
	if ((r = account_check(&b)) < 0 || (r = place_check(&b)) < 0)
		return r;
	return amount_check(&b, checks);
}
