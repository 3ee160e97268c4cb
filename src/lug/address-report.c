/* SPDX-License-Identifier: Apache-2.0
 * What the text of an address says. */
#include "lug/address-report.h"
#include "base/text.h"
#include "chain/network.h"

enum { ACCOUNT_MAX = 64 + ADDRESS_TEXT_MAX };

json_t *json_networks(uint32_t nets)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < NET_N; i++)
		if (nets & NET_BIT(i))
			json_array_append_new(list, json_string(network_get((enum net)i)->name));
	return list;
}

json_t *json_checksum(const struct address_info *info)
{
	return json_pack("{s:s, s:i}", "name", address_check_name(info->check), "bits",
			 (int)info->check_bits);
}

json_t *json_guesses(const struct address_guess *guesses, int n)
{
	char words[ADDRESS_GUESS_TEXT_MAX];
	json_t *list = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s}", "text", guesses[i].info.text,
						"explain", address_guess_text(&guesses[i], words)));
	return list;
}

/* The text of the address on one of its networks: the canonical one where it was written for that network. */
static bool text_on(const struct address_info *info, enum net net,
		    char out[static ADDRESS_TEXT_MAX])
{
	if (!(info->nets & NET_BIT(net)))
		return false;
	if (info->address.kind == ADDRESS_SCRIPT) {
		memcpy(out, info->text, sizeof(info->text));
		return true;
	}
	return address_text(&info->address, net, out) == 0;
}

static void add_texts(json_t *texts, json_t *accounts, const struct address_info *info)
{
	char text[ADDRESS_TEXT_MAX], account[ACCOUNT_MAX];
	for (unsigned i = 0; i < NET_N; i++) {
		const struct network *n = network_get((enum net)i);
		if (!text_on(info, (enum net)i, text))
			continue;
		json_object_set_new(texts, n->name, json_string(text));
		/* CAIP-10: chain id, colon, address; of a cashaddr without its prefix. */
		const char *colon = n->cash_prefix ? strchr(text, ':') : NULL;
		snprintf(account, sizeof(account), "%s:%s", n->caip2, colon ? colon + 1 : text);
		json_array_append_new(accounts, json_string(account));
	}
}

json_t *explain_address(const char *given, const struct address_info *info)
{
	char payload[2 * ADDRESS_PAYLOAD_MAX + 1], script[2 * ADDRESS_SCRIPT_MAX + 1];
	json_t *texts = json_object(), *accounts = json_array();
	hex_encode(info->address.payload, info->address.len, payload);
	hex_encode(info->script, info->script_len, script);
	add_texts(texts, accounts, info);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o}", "given", given,
			 "canonical", info->text, "kind",
			 address_kind_name((enum address_kind)info->address.kind), "form",
			 address_form_name(info->form), "checksum", json_checksum(info), "networks",
			 json_networks(info->nets), "payload", payload, "script",
			 info->script_len ? json_string(script) : json_null(), "texts", texts,
			 "accounts", accounts);
}

static const char *kind_words(enum address_kind kind)
{
	switch (kind) {
	case ADDRESS_NONE:
		break;
	case ADDRESS_KEY:
		return "whoever has the key to this hash (P2PKH; P2PK counts as the same)";
	case ADDRESS_P2SH:
		return "whoever fulfils the script of this hash, often several signers (P2SH)";
	case ADDRESS_P2WPKH:
		return "whoever has the key to this hash, segwit (P2WPKH)";
	case ADDRESS_P2WSH:
		return "whoever fulfils the script of this hash, segwit (P2WSH)";
	case ADDRESS_P2TR:
		return "whoever has this key or fulfils a script in it (taproot, P2TR)";
	case ADDRESS_P2A:
		return "anyone: the anchor that lets a fee be raised (P2A)";
	case ADDRESS_SCRIPT:
		return "a script without rules of its own, known by its SHA-256";
	case ADDRESS_EVM:
		return "an account or contract of an EVM chain";
	}
	return "nobody";
}

static const char *check_words(enum address_check check)
{
	switch (check) {
	case ADDRESS_CHECK_NONE:
		return "no checksum: a typing error cannot be seen";
	case ADDRESS_CHECK_EIP55:
		return "the case of the letters holds (EIP-55)";
	case ADDRESS_CHECK_30_BIT:
	case ADDRESS_CHECK_32_BIT:
	case ADDRESS_CHECK_40_BIT:
		break;
	}
	return "the checksum holds";
}

static void print_line(const struct lug *l, const char *head, const char *text)
{
	printf("  %s%-10s%s %s\n", color(l, COLOR_DIM), head, color(l, COLOR_OFF), text);
}

void explain_print(const struct lug *l, const char *given, const struct address_info *info)
{
	char hex[2 * ADDRESS_SCRIPT_MAX + 1], text[ADDRESS_TEXT_MAX], line[256];
	printf("%s%s%s\n", color(l, COLOR_BOLD), info->text, color(l, COLOR_OFF));
	if (strcmp(given, info->text) != 0)
		print_line(l, "written", given);
	print_line(l, "pays", kind_words((enum address_kind)info->address.kind));
	print_line(l, "networks", network_names(info->nets, line));
	snprintf(line, sizeof(line), "%s, %u bits; %s", address_form_name(info->form),
		 info->check_bits, check_words(info->check));
	print_line(l, "form", line);
	hex_encode(info->address.payload, info->address.len, hex);
	snprintf(line, sizeof(line), "%s %s",
		 address_kind_name((enum address_kind)info->address.kind), hex);
	print_line(l, "identity", line);
	if (info->script_len) {
		hex_encode(info->script, info->script_len, hex);
		print_line(l, "script", hex);
	}
	for (unsigned i = 0; i < NET_N; i++) {
		if (!text_on(info, (enum net)i, text) || strcmp(text, info->text) == 0)
			continue;
		snprintf(line, sizeof(line), "%s on %s", text, network_get((enum net)i)->title);
		print_line(l, "also", line);
	}
}

int address_read(const char *text, struct address_info *ret, struct address_guess *guesses, int max,
		 int *ret_guess_n, struct err *e)
{
	char words[ADDRESS_GUESS_TEXT_MAX];
	struct err said = {0};
	size_t len = strlen(text);
	int r = address_parse(text, len, ret, &said);
	*ret_guess_n = r == -ERR_CHECKSUM || r == -ERR_FORMAT
			       ? address_suggest(text, len, guesses, max)
			       : 0;
	if (r < 0 && *ret_guess_n)
		return err_set(e, r, "address", "%.100s: %s: %s", said.message,
			       address_guess_text(&guesses[0], words), guesses[0].info.text);
	return r < 0 ? err_set(e, r, "address", "%s", said.message) : r;
}
