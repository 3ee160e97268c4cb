/* SPDX-License-Identifier: Apache-2.0
 * lug address: what an address says by itself, and what a ledger says about it. */
#include "crypto/crypto.h"
#include "lug/address-report.h"
#include "lug/lug.h"

/* What becomes of the texts of one run. */
struct answers {
	json_t *list;
	int good_n, bad_n;
	struct err first; /* of the first one refused */
};

static int note_refused(struct lug *l, struct answers *an, const char *text, const struct err *e,
			const struct address_guess *guesses, int guess_n)
{
	char shown[ADDRESS_TEXT_MAX + 8];
	/* A private key is not repeated, not even to the one who typed it. */
	snprintf(shown, sizeof(shown), "%s", e->code == -ERR_SECRET ? "(private key)" : text);
	if (an->bad_n++ == 0)
		an->first = *e;
	if (!l->json) {
		printf("%s%s%s\n  %srefused%s    %s\n", color(l, COLOR_BOLD), text_safe(shown),
		       color(l, COLOR_OFF), color(l, COLOR_BAD), color(l, COLOR_OFF), e->message);
		return 0;
	}
	json_t *entry = json_pack("{s:s, s:{s:s, s:s}, s:o}", "given", shown, "error", "code",
				  err_name(e->code), "message", e->message, "suggestions",
				  json_guesses(guesses, guess_n));
	return json_array_append_new(an->list, entry) ? -ERR_NOMEM : 0;
}

static int answer_one(struct lug *l, struct answers *an, const char *text)
{
	struct address_guess guesses[ADDRESS_GUESSES_MAX];
	struct address_info info;
	struct err e = {0};
	int guess_n;
	if (address_read(text, &info, guesses, ADDRESS_GUESSES_MAX, &guess_n, &e) < 0)
		return note_refused(l, an, text, &e, guesses, guess_n);
	an->good_n++;
	if (l->json)
		return json_array_append_new(an->list, explain_address(text, &info)) ? -ERR_NOMEM
										     : 0;
	explain_print(l, text, &info);
	return 0;
}

static int run_address(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	struct answers an = {.list = list};
	int n = args_pos_n(a), r = crypto_start();
	if (r < 0)
		return err_set(e, r, "crypto", NULL);
	/* One refused text is an error like any other; among several it is one of the answers. */
	if (n == 1) {
		struct address_guess guesses[ADDRESS_GUESSES_MAX];
		struct address_info info;
		int guess_n;
		r = address_read(args_pos(a, 0), &info, guesses, ADDRESS_GUESSES_MAX, &guess_n, e);
		if (r < 0)
			return r;
	}
	for (int i = 0; i < n && r == 0; i++)
		r = answer_one(l, &an, args_pos(a, i));
	if (r == 0 && l->json)
		r = lug_print_json(json_pack("{s:O, s:i, s:i}", "addresses", list, "valid",
					     an.good_n, "refused", an.bad_n),
				   e);
	if (r == 0 && an.bad_n && !l->json)
		return err_set(e, an.first.code, "address",
			       "%d of %d texts are no address of the networks known here", an.bad_n,
			       n);
	return r;
}

const struct verb verb_address = {
	.name = "address",
	.args = "ADDRESS...",
	.args_min = 1,
	.args_max = -1,
	.summary = "explain addresses: networks, kind, checksum, script",
	.doc = "Reads addresses of Bitcoin and its test networks, Litecoin, Bitcoin Cash and EVM chains: base58check, bech32, bech32m, "
	       "cashaddr and 0x with EIP-55. Says on which networks each is valid, whom it pays, how strong its checksum is, its "
	       "canonical form, its identity (what the ledger and requests compare), and how the same identity is written elsewhere. "
	       "A wrong checksum is answered with the likely typing error. Private keys are refused and not repeated. Works offline "
	       "and alone; with several texts each gets its answer, and with --json a refused one is an entry with an error.",
	.examples =
		"lug address bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\n"
		"# one address\n"
		"lug address 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ\n"
		"# mistyped: says that character 34 is probably H\n"
		"lug address --json 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed 3CK4fEwbMP7heJarmU4eqA3sMbVJyEnU3V\n"
		"# several, for programs",
	.run = run_address,
};
