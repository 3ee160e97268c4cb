/* SPDX-License-Identifier: Apache-2.0
 * lug address: what an address says by itself, and what a ledger says about it. */
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "lug/address-report.h"
#include "lug/ledger-report.h"
#include "lug/lug.h"

/* What becomes of the texts of one run. */
struct answers {
	json_t *list;
	int good_n, bad_n;
	bool several;
	struct err first;      /* of the first one refused */
	struct ledger *ledger; /* NULL: none was named */
	struct report_page page;
};

static int note_refused(struct lug *l, struct answers *an, const char *text, const struct err *e,
			const struct address_guess *guesses, int guess_n)
{
	char shown[ADDRESS_TEXT_MAX + 8], message[ERR_MESSAGE_MAX];
	/* A private key is not repeated, not even to the one who typed it. */
	text_utf8(e->code == -ERR_SECRET ? "(private key)" : text, shown, sizeof(shown));
	if (an->bad_n++ == 0)
		an->first = *e;
	if (!l->json) {
		printf("%s%s%s\n  %srefused%s    %s\n", color(l, COLOR_BOLD), text_safe(shown),
		       color(l, COLOR_OFF), color(l, COLOR_BAD), color(l, COLOR_OFF), e->message);
		return 0;
	}
	json_t *entry = json_pack("{s:s, s:{s:s, s:s}, s:o}", "given", shown, "error", "code",
				  err_name(e->code), "message",
				  text_utf8(e->message, message, sizeof(message)), "suggestions",
				  json_guesses(guesses, guess_n));
	return json_array_append_new(an->list, entry) ? -ERR_NOMEM : 0;
}

/* What the ledger says, behind what the text says; a ledger of another chain has no answer, which is said. */
static int answer_ledger(struct lug *l, struct answers *an, const struct address_info *info,
			 json_t *entry, struct err *e)
{
	_cleanup_(json_decrefp) json_t *report = NULL;
	struct err said = {0};
	int r = report_address(an->ledger, info->text, &an->page, &report, &said);
	if (r == -ERR_NETWORK && an->several) {
		if (!l->json)
			printf("  %s\n", said.message);
		else if (json_object_set_new(entry, "ledger", json_null()))
			return -ERR_NOMEM;
		return 0;
	}
	if (r < 0) {
		*e = said;
		return r;
	}
	if (l->json)
		return json_object_set(entry, "ledger", report) ? -ERR_NOMEM : 0;
	putchar('\n');
	return report_address_print(l, report, e);
}

static int answer_one(struct lug *l, struct answers *an, const char *text, struct err *e)
{
	struct address_guess guesses[ADDRESS_GUESSES_MAX];
	struct address_info info;
	struct err said = {0};
	int guess_n, r = 0;
	if (address_read(text, &info, guesses, ADDRESS_GUESSES_MAX, &guess_n, &said) < 0)
		return note_refused(l, an, text, &said, guesses, guess_n);
	_cleanup_(json_decrefp) json_t *entry = l->json ? explain_address(text, &info) : NULL;
	if (!l->json)
		explain_print(l, text, &info);
	if (an->ledger)
		r = answer_ledger(l, an, &info, entry, e);
	an->good_n++;
	if (r < 0 || !l->json)
		return r;
	return json_array_append(an->list, entry) ? -ERR_NOMEM : 0;
}

/* One refused text is an error like any other; among several it is one of the answers. */
static int answer_all(struct lug *l, struct answers *an, const struct args *a, struct err *e)
{
	int n = args_pos_n(a), r = 0;
	an->several = n > 1;
	if (!an->several) {
		struct address_guess guesses[ADDRESS_GUESSES_MAX];
		struct address_info info;
		int guess_n;
		r = address_read(args_pos(a, 0), &info, guesses, ADDRESS_GUESSES_MAX, &guess_n, e);
	}
	for (int i = 0; i < n && r == 0; i++)
		r = answer_one(l, an, args_pos(a, i), e);
	if (r < 0)
		return e->code ? r : err_set(e, r, NULL, NULL);
	if (l->json)
		r = lug_print_json(json_pack("{s:O, s:i, s:i}", "addresses", an->list, "valid",
					     an->good_n, "refused", an->bad_n),
				   e);
	if (r == 0 && an->bad_n)
		return err_set(e, an->first.code, "address",
			       "%d of %d texts are no address of the networks known here",
			       an->bad_n, n);
	return r;
}

static int run_address(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	_cleanup_(ledger_closep) struct ledger *ledger = NULL;
	struct answers an = {.list = list};
	int r = crypto_start();
	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_page_args(a, &an.page, e);
	if (r == 0 && args_env(a, "ledger", "LUG_LEDGER"))
		r = report_ledger_open(a, &ledger, e);
	if (r < 0)
		return r;
	an.ledger = ledger;
	an.page.oldest_first = args_flag(a, "oldest-first");
	return answer_all(l, &an, a, e);
}

const struct verb verb_address = {
	.name = "address",
	.args = "ADDRESS...",
	.args_min = 1,
	.args_max = -1,
	.summary = "explain addresses: networks, kind, checksum, and what the ledger says",
	.doc = "Reads addresses of Bitcoin and its test networks, Litecoin, Bitcoin Cash and EVM chains: base58check, bech32, bech32m, "
	       "cashaddr and 0x with EIP-55. Says on which networks each is valid, whom it pays, how strong its checksum is, its "
	       "canonical form, its identity (what the ledger and requests compare), and how the same identity is written elsewhere. "
	       "A wrong checksum is answered with the likely typing error. Private keys are refused and not repeated. Works offline "
	       "and alone; with several texts each gets its answer, and with --json a refused one is an entry with an error.\n\n"
	       "With --ledger also what the chain says: balance, received, sent, first and last seen, and a page of transactions, the "
	       "newest first. Amounts are exact; in JSON they are decimal strings in base units.",
	.examples =
		"lug address bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\n"
		"# one address\n"
		"lug address 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ\n"
		"# mistyped: says that character 34 is probably H\n"
		"lug address --json 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed 3CK4fEwbMP7heJarmU4eqA3sMbVJyEnU3V\n"
		"# several, for programs\n"
		"lug address 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --ledger /data/ledger --oldest-first --limit 10\n"
		"# with what the chain says",
	.opts = (const struct opt[]){REPORT_LEDGER_OPT,
				     REPORT_PAGE_OPTS,
				     {"oldest-first", NULL, "transactions from the oldest on",
				      false, false},
				     {0}},
	.run = run_address,
};
