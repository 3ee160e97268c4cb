/* SPDX-License-Identifier: Apache-2.0
 * Grammars of CAIP-2, CAIP-10 and CAIP-19 (ChainAgnostic/CAIPs), and decimals of any length. */
#include "exchange/request-fields.h"

enum {
	CAIP_NAMESPACE_MIN = 3,
	CAIP_NAMESPACE_MAX = 8,
	CAIP_CHAIN_REF_MAX = 32,
	CAIP_ADDRESS_MAX = 128,
	CAIP_TOKEN_MAX = 78,
};

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_namespace(char c)
{
	return is_lower(c) || is_digit(c) || c == '-';
}

static bool is_alnum(char c)
{
	return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool is_reference(char c)
{
	return is_alnum(c) || c == '-' || c == '_';
}

static bool is_address(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '%';
}

/* Characters of one class at s, at most max; 0 when fewer than min or more than max. */
static size_t span(const char *s, bool (*in)(char), size_t min, size_t max)
{
	size_t n = 0;

	while (n <= max && in(s[n]))
		n++;
	return n < min || n > max ? 0 : n;
}

size_t caip_chain_len(const char *s, char end)
{
	size_t n = span(s, is_namespace, CAIP_NAMESPACE_MIN, CAIP_NAMESPACE_MAX);
	size_t ref;

	if (!n || s[n] != ':')
		return 0;
	ref = span(s + n + 1, is_reference, 1, CAIP_CHAIN_REF_MAX);
	if (!ref || s[n + 1 + ref] != end)
		return 0;
	return n + 1 + ref;
}

bool caip_account_valid(const char *s)
{
	size_t chain = caip_chain_len(s, ':'), n;

	if (!chain)
		return false;
	n = span(s + chain + 1, is_address, 1, CAIP_ADDRESS_MAX);
	return n && s[chain + 1 + n] == '\0';
}

bool caip_asset_valid(const char *s)
{
	size_t at = caip_chain_len(s, '/'), n;

	if (!at)
		return false;
	at++;
	n = span(s + at, is_namespace, CAIP_NAMESPACE_MIN, CAIP_NAMESPACE_MAX);
	if (!n || s[at + n] != ':')
		return false;
	at += n + 1;
	n = span(s + at, is_address, 1, CAIP_ADDRESS_MAX);
	if (!n)
		return false;
	at += n;
	if (s[at] == '\0')
		return true;
	if (s[at] != '/')
		return false;
	n = span(s + at + 1, is_address, 1, CAIP_TOKEN_MAX);
	return n && s[at + 1 + n] == '\0';
}

bool dec_valid(const char *s, size_t max)
{
	size_t n = 0;

	while (n <= max && is_digit(s[n]))
		n++;
	return n && n <= max && s[n] == '\0' && (s[0] != '0' || n == 1);
}

int dec_cmp(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return strcmp(a, b);
}
