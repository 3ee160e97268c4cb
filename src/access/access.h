/* SPDX-License-Identifier: Apache-2.0
 * Who may enter the console, and do what: credentials, sessions, limits, and the one question about rights. Sans-IO: rows in the
 * store, time and randomness from the caller. docs/console.md says how a person signs in.
 *
 * Calls that change something make their own write transaction. Officers themselves (names, roles) belong to lugd. */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H
#include "access/webauthn.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_schema;

enum {
	ACCESS_NAME_MAX = 64,	/* officers */
	ACCESS_TOKEN_LEN = 32,	/* bytes of a session's token, random */
	ACCESS_TOKEN_TEXT = 64, /* its hex */
	ACCESS_CSRF_TEXT = 32,	/* hex */
	ACCESS_PIN_LEN = 32,	/* SHA-256 of a certificate's SPKI */
	ACCESS_TOTP_LEN = 20,	/* bytes of a TOTP secret (RFC 4226 4 R6) */
	ACCESS_PASSWORD_MIN = 12,
	ACCESS_PASSWORD_MAX = 256,
	ACCESS_IDLE_S = 15 * 60,
	ACCESS_ABSOLUTE_S = 12 * 3600,
	ACCESS_PROVED_S = 5 * 60, /* how long a fresh proof of identity lasts, for step-up */
	ACCESS_WINDOW_S = 15 * 60,
	ACCESS_TRIES_MAX = 5,	       /* failed sign-ins of an officer in a window */
	ACCESS_ADDRESS_TRIES_MAX = 30, /* and from an address */
};

/** access_schema - tables, for store_migrate */
const struct store_schema *access_schema(void);

/* ---- credentials ---- */

enum access_how { ACCESS_PASSWORD, ACCESS_CERTIFICATE, ACCESS_WEBAUTHN };
/** access_how_name - "password", "certificate", "webauthn" */
const char *access_how_name(enum access_how how);

/** access_recovery_set - password and second factor, which only work together; earlier ones are void
 * In:      password  ACCESS_PASSWORD_MIN to ACCESS_PASSWORD_MAX bytes; kept as Argon2id
 * Returns: 0; -ERR_RANGE; as store_exec */
int access_recovery_set(struct store *s, const char *officer, const char *password,
			const uint8_t totp20[static ACCESS_TOTP_LEN], int64_t now_s,
			struct err *e) WARN_UNUSED;
/** access_certificate_set - a client certificate stands for the officer from now on
 * Returns: 0; -ERR_EXIST it stands for another one; as store_exec */
int access_certificate_set(struct store *s, const char *officer,
			   const uint8_t pin32[static ACCESS_PIN_LEN], int64_t now_s,
			   struct err *e) WARN_UNUSED;
/** access_reset - void every credential of an officer and end the sessions
 * Returns: credentials that were there, >= 0; as store_exec */
int access_reset(struct store *s, const char *officer, struct err *e) WARN_UNUSED;
/** access_list - what an officer can sign in with: [{"kind", "id", "name", "created_at", "used_at"}], no secrets; NULL with e */
json_t *access_list(struct store *s, const char *officer, struct err *e);

/** access_certificate_find - whose certificate is it?
 * Out:     ret_officer  ACCESS_NAME_MAX + 1 bytes
 * Returns: 0; -ERR_KEY_UNKNOWN; as store_exec */
int access_certificate_find(struct store *s, const uint8_t pin32[static ACCESS_PIN_LEN],
			    char ret_officer[static ACCESS_NAME_MAX + 1],
			    struct err *e) WARN_UNUSED;

struct access_try {
	const char *officer,
		*address; /* who is meant, and where it comes from; limits of sign-ins count both */
	const char *password; /* NULL: step-up, the code alone */
	const char *code;     /* six digits */
	int64_t now_s;
};
/** access_check - password and code, or the code alone of someone who is signed in. A code works once
 * Notes:   failures of the two are counted apart
 * Returns: 0; -ERR_DENIED wrong, without saying which; -ERR_QUOTA too many tries; as store_exec
 * Cost:    one Argon2id (64 MiB) where a password is given, whether or not the officer exists */
int access_check(struct store *s, const struct access_try *t, struct err *e) WARN_UNUSED;

/* ---- key.c: security keys (WebAuthn) ---- */

enum {
	ACCESS_KEY_TEXT = 64 /* a key here: hex of its id's SHA-256 */,
	ACCESS_KEYS_MAX = 10,
	ACCESS_CHALLENGE_S = 300
};
enum access_purpose { ACCESS_FOR_SIGN_IN, ACCESS_FOR_PROOF, ACCESS_FOR_KEY };

/** access_challenge_put - remember a challenge that a browser is given
 * In:      challenge32  fresh random bytes   officer  whom it is for, "" before the sign-in */
int access_challenge_put(struct store *s, const uint8_t challenge32[static WEBAUTHN_CHALLENGE_LEN],
			 enum access_purpose purpose, const char *officer, int64_t now_s,
			 struct err *e) WARN_UNUSED;

struct access_key_new {
	const struct webauthn_site *site;
	struct webauthn_bytes client, attestation;
	const char *officer, *name; /* name: what the officer calls the key */
	int64_t now_s;
};
/** access_key_add - register a key
 * Returns: 0; -ERR_STALE the challenge is not of this officer, was answered before, or is too old; -ERR_EXIST; -ERR_QUOTA; -ERR_INVAL
 *          name; as webauthn_register, store_exec. Whatever it is, the challenge is used up */
int access_key_add(struct store *s, const struct access_key_new *n, struct err *e) WARN_UNUSED;

struct access_key_used {
	const struct webauthn_site *site;
	struct webauthn_bytes id, client, authenticator, signature;
	const char *officer; /* who is signed in and proves it again; NULL: to sign in */
	int64_t now_s;
};
/** access_key_use - a key's answer to a challenge: to sign in, or as a fresh proof
 * Out:     ret_officer  whose key it is
 * Returns: 0; -ERR_STALE as above; -ERR_DENIED "key" nobody's, or another officer's; as webauthn_verify, store_exec */
int access_key_use(struct store *s, const struct access_key_used *u,
		   char ret_officer[static ACCESS_NAME_MAX + 1], struct err *e) WARN_UNUSED;

/** access_keys - an officer's keys: [{"id", "key", "name", "created_at", "used_at"}], id as it is called here, key as browsers want it;
 *               NULL with e
 * access_key_rename, access_key_remove - of this officer
 * Returns: 0; -ERR_NOENT; -ERR_INVAL name; as store_exec */
json_t *access_keys(struct store *s, const char *officer, struct err *e);
int access_key_rename(struct store *s, const char *officer, const char *id, const char *name,
		      struct err *e) WARN_UNUSED;
int access_key_remove(struct store *s, const char *officer, const char *id,
		      struct err *e) WARN_UNUSED;

/* ---- pace ---- */

enum {
	ACCESS_CHANGES_MINUTE =
		120, /* changing calls of one officer, or of an address that is not signed in */
	ACCESS_PACE_SLOTS = 256,
};
struct access_pace {
	struct access_paced {
		char who[ACCESS_NAME_MAX + 1];
		int64_t even_ms;
	} slots[ACCESS_PACE_SLOTS]; /* begin with zeros */
};
/** access_pace - count a changing call; the most callers at a time are remembered
 * In:      who      officer, or address   now_ms  a clock that never goes back
 * Returns: 0; -ERR_QUOTA too many in the last minute, this one is not counted */
int access_pace(struct access_pace *p, const char *who, int64_t now_ms) WARN_UNUSED;

/* ---- sessions ---- */

struct access_session {
	char officer[ACCESS_NAME_MAX + 1];
	enum access_how how;
	int64_t created_s, seen_s;
	int64_t proved_s; /* when identity was last proved */
	char language[9], zone[ACCESS_NAME_MAX + 1];
	char csrf[ACCESS_CSRF_TEXT + 1]; /* what forms of this session must carry */
};

/** access_session_open - begin a session
 * In:      token32  fresh random bytes; the store keeps only their hash
 *          o        officer, how, language and zone; the rest is set here. A certificate proves who opened the connection, once and
 *                   maybe long ago: its session begins without a fresh proof */
int access_session_open(struct store *s, const uint8_t token32[static ACCESS_TOKEN_LEN],
			const struct access_session *o, int64_t now_s, struct err *e) WARN_UNUSED;
enum access_use {
	ACCESS_BY_PERSON, /* the session is in use */
	ACCESS_BY_PAGE,	  /* a page asks by itself: idle goes on */
};
/** access_session_find - the session of a token as the cookie has it, and note that it is in use
 * In:      token    untrusted text
 * Returns: 0; -ERR_SIGNED_OUT no such session, idle for ACCESS_IDLE_S or older than ACCESS_ABSOLUTE_S; as store_exec */
int access_session_find(struct store *s, const char *token, enum access_use use, int64_t now_s,
			struct access_session *ret, struct err *e) WARN_UNUSED;
/** access_session_proved - identity was proved again; access_session_close - end it
 * access_session_prefer - language and zone from now on */
int access_session_proved(struct store *s, const char *token, int64_t now_s,
			  struct err *e) WARN_UNUSED;
int access_session_prefer(struct store *s, const char *token, const char *language,
			  const char *zone, struct err *e) WARN_UNUSED;
int access_session_close(struct store *s, const char *token, struct err *e) WARN_UNUSED;
/** access_sweep - forget sessions, challenges and counters that are over; call now and then */
int access_sweep(struct store *s, int64_t now_s, struct err *e) WARN_UNUSED;

/* ---- rights ---- */

enum access_act {
	ACCESS_READ = 1 << 0, /* see it */
	ACCESS_WORK = 1 << 1, /* change it, or act on it */
	ACCESS_TAKE = 1 << 2, /* take it out of the node: files, prints, feeds */
};
/* A record, as far as rights go. */
struct access_record {
	const char *marking;  /* "TLP:RED" */
	const char *handling; /* "H3" */
	bool member;	      /* wrote it, approved it or acted on it before */
};
/* One act, as the question is asked. */
struct access_question {
	uint32_t roles;	       /* of the officer */
	uint32_t roles_needed; /* any of these: the route's row */
	enum access_act act;
	const struct access_record *record; /* NULL where none is touched */
	bool step_up;			    /* the act needs a fresh proof of identity */
	bool proved;			    /* and there is one */
};
/** access_may - the one question about rights, deny by default, from access.def
 * Out:     ret_field  what stands in the way: "officer", "marking", "handling" or "_code"; NULL when nothing does
 * Returns: 0; -ERR_DENIED; -ERR_STEP_UP allowed once identity is proved again */
int access_may(const struct access_question *q, const char **ret_field) WARN_UNUSED;

/* ---- totp.c ---- */
/** totp_code - the code of a time step
 * Source:  RFC 6238 with HMAC-SHA-1, 30 s, 6 digits   Vectors: RFC 6238 appendix B */
uint32_t totp_code(const uint8_t *key, size_t key_len, uint64_t step);
/** totp_match - the step whose code it is, within one step of now; -ERR_DENIED if none */
int64_t totp_match(const uint8_t key20[static ACCESS_TOTP_LEN], const char *code, int64_t now_s);
/** totp_text - the secret as authenticator programs take it: base32 (RFC 4648 6), 32 characters and a NUL */
enum { TOTP_TEXT_MAX = 33, TOTP_CODE_MAX = 12 };
void totp_text(const uint8_t key20[static ACCESS_TOTP_LEN], char out[static TOTP_TEXT_MAX]);
/** totp_parse - the reverse. Returns: 0; -ERR_FORMAT. totp_now - the code of this moment, six digits */
int totp_parse(const char *text, uint8_t ret_key20[static ACCESS_TOTP_LEN]) WARN_UNUSED;
void totp_now(const uint8_t key20[static ACCESS_TOTP_LEN], int64_t now_s,
	      char out[static TOTP_CODE_MAX]);
#endif
