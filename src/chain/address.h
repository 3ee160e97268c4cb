/* SPDX-License-Identifier: Apache-2.0
 * Addresses: the identity that the ledger, labels and requests compare, and its texts on each chain.
 *
 * One identity is {kind, payload}; it names no network, since the same key hash is written differently on each. Text comes in by
 * address_parse() and goes out by address_text(); nothing else reads or writes one. docs/format/address.md is the contract. */
#ifndef CHAIN_ADDRESS_H
#define CHAIN_ADDRESS_H
#include "base/err.h"
#include "chain/network.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stored on disk and sent to peers: never renumbered. */
enum address_kind {
	ADDRESS_NONE = 0,   /* nobody: data outputs */
	ADDRESS_KEY = 1,    /* 20: HASH160 of a public key, paid by P2PKH or P2PK */
	ADDRESS_P2SH = 2,   /* 20: HASH160 of a script */
	ADDRESS_P2WPKH = 3, /* 20: HASH160 of a public key, witness version 0 */
	ADDRESS_P2WSH = 4,  /* 32: SHA-256 of a script, witness version 0 */
	ADDRESS_P2TR = 5,   /* 32: output key, witness version 1 */
	ADDRESS_P2A = 6,    /* 32: SHA-256 of the one anchor script */
	ADDRESS_SCRIPT =
		7, /* 32: SHA-256 of any other output script (bare multisig, unknown witness version, P2SH32, ...) */
	ADDRESS_EVM = 8, /* 20: account of an EVM chain */
};
enum { ADDRESS_KIND_MAX = ADDRESS_EVM, ADDRESS_PAYLOAD_MAX = 32 };

/* The identity. Zero-filled behind the payload, so that equal identities have equal bytes. */
struct address {
	uint8_t kind; /* enum address_kind */
	uint8_t len;  /* 20 or 32; 0 for nobody */
	uint8_t payload[ADDRESS_PAYLOAD_MAX];
};

/** address_make - an identity of its parts; the length must fit the kind
 * Returns: 0; -ERR_INVAL */
int address_make(enum address_kind kind, const void *payload, size_t len,
		 struct address *ret) WARN_UNUSED;
bool address_equal(const struct address *a, const struct address *b);
/** address_cmp - a total order, for sorting */
int address_cmp(const struct address *a, const struct address *b);
/** address_kind_name - "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr", "p2a", "script", "evm", "none" */
const char *address_kind_name(enum address_kind kind);

/* How the text was written. */
enum address_form {
	ADDRESS_BASE58,
	ADDRESS_BECH32,
	ADDRESS_BECH32M,
	ADDRESS_CASH,
	ADDRESS_HEX,	/* EVM */
	ADDRESS_DIGEST, /* "script:" and 64 hex digits: ours, for scripts without an address form */
};
/** address_form_name - "base58check", "bech32", "bech32m", "cashaddr", "hex", "digest" */
const char *address_form_name(enum address_form form);
/* What its checksum proves against mistakes. */
enum address_check {
	ADDRESS_CHECK_NONE,   /* all hex letters in one case: any 40 digits are one */
	ADDRESS_CHECK_EIP55,  /* about 15 bits, one for each letter */
	ADDRESS_CHECK_30_BIT, /* bech32, bech32m */
	ADDRESS_CHECK_32_BIT, /* base58check */
	ADDRESS_CHECK_40_BIT, /* cashaddr */
};
/** address_check_name - "none", "eip-55", "30-bit", "32-bit", "40-bit" */
const char *address_check_name(enum address_check check);
enum { ADDRESS_TEXT_MAX = 128, ADDRESS_SCRIPT_MAX = 42 };

/* Everything that a text says. */
struct address_info {
	struct address address;
	uint32_t nets; /* networks on which it is an address: NET_BIT() of each */
	enum address_form form;
	enum address_check check;
	uint8_t check_bits; /* bits that the checksum holds against chance in this very text */
	uint8_t script_len; /* 0 for EVM and digests */
	uint8_t script[ADDRESS_SCRIPT_MAX];
	char text[ADDRESS_TEXT_MAX]; /* canonical: right case, cashaddr with its prefix */
};

/** address_parse - read a text as people write it; cashaddr with or without prefix, EVM with 0x
 * In:      s        len characters; no white space around
 * Out:     ret      untouched on failure
 * Returns: 0; -ERR_FORMAT nothing of the kind; -ERR_CHECKSUM one with a mistake in it; -ERR_NETWORK checksum holds, but the chain is
 *          none of ours (named in e where known); -ERR_SECRET a private key: never store or show it; -ERR_UNSUPPORTED an extended
 *          public key or other text that names no single address; -ERR_OVERSIZE
 * Vectors: key_io_valid.json, key_io_invalid.json, BIP 173, BIP 350, EIP-55, cashaddr */
int address_parse(const char *s, size_t len, struct address_info *ret, struct err *e) WARN_UNUSED;

/** address_text - the canonical text on a network; what has no address form there is "script:" and hex (kinds SCRIPT)
 * Returns: 0; -ERR_NETWORK the network has no such kind; -ERR_NOENT nobody */
int address_text(const struct address *a, enum net net,
		 char out[static ADDRESS_TEXT_MAX]) WARN_UNUSED;

/** address_script - the output script that pays an identity (of a key: P2PKH)
 * Out:     out      at most ADDRESS_SCRIPT_MAX bytes
 * Returns: its length; -ERR_UNSUPPORTED it is known only by its digest, or has none (EVM, nobody) */
int address_script(const struct address *a, uint8_t out[static ADDRESS_SCRIPT_MAX]) WARN_UNUSED;

/* What was probably done to a text. */
enum address_edit {
	ADDRESS_EDIT_REPLACED, /* `wrong` stands where `right` belongs */
	ADDRESS_EDIT_SWAPPED,  /* two neighbours were exchanged: `wrong` and the one behind it */
	ADDRESS_EDIT_LOST,     /* `right` is missing before this position */
	ADDRESS_EDIT_EXTRA,    /* `wrong` is one too many */
};
/* A valid text that is one mistake away from a wrong one. */
struct address_guess {
	struct address_info info;
	enum address_edit edit;
	uint16_t position; /* character of the wrong text, from 0 */
	char wrong, right; /* 0 where there is none */
};
enum { ADDRESS_GUESSES_MAX = 4, ADDRESS_GUESS_TEXT_MAX = 96 };
/** address_suggest - what a text with a mistake was probably meant to be
 * In:      s        one that address_parse() refused with -ERR_CHECKSUM or -ERR_FORMAT
 * Out:     guesses  at most max of them; first other characters and exchanges, and only when there are none, lost and extra ones
 * Returns: how many; 0 when none is one mistake away, or when it looks like a private key
 * Limits:  texts of 25 to 100 characters; a chance hit is about 1 in 2 million texts with 32 check bits, 1 in 40 with EIP-55
 * Cost:    at most some 4,000 address_parse(): milliseconds. Never for texts whose checksum is none */
int address_suggest(const char *s, size_t len, struct address_guess *guesses, int max);
/** address_guess_text - "character 12 is 'l', probably 'i'" */
const char *address_guess_text(const struct address_guess *g,
			       char out[static ADDRESS_GUESS_TEXT_MAX]);
#endif
