/* SPDX-License-Identifier: Apache-2.0
 * Tests of access: RFC 6238's vectors, credentials and their limits, the life of a session, the question about rights. */
#include "access/access.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "store/store.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NOW_S = 1795344000 };
static struct store *s;
static const char password[] = "correct horse battery";
static const uint8_t secret[ACCESS_TOTP_LEN] = "12345678901234567890";

static int set_up(void **state)
{
	if (crypto_start() < 0 || store_open(":memory:", NULL, &s, NULL) < 0)
		return -1;
	return store_migrate(s, access_schema(), NOW_S, NULL) < 0;
}

static int tear_down(void **state)
{
	s = store_close(s);
	return 0;
}

/* RFC 6238 appendix B, SHA-1; the table has eight digits. */
static void test_totp_vectors(void **state)
{
	static const struct {
		int64_t at_s;
		uint32_t code;
	} rows[] = {{59, 94287082},	    {1111111109, 7081804},  {1111111111, 14050471},
		    {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(totp_code(secret, sizeof(secret), (uint64_t)(rows[i].at_s / 30)) %
					 100000000,
				 rows[i].code);
	assert_int_equal(totp_match(secret, "287082", 59), 1);
	assert_int_equal(totp_match(secret, "287082", 89), 1);
	assert_int_equal(totp_match(secret, "287082", 120), -ERR_DENIED);
	assert_int_equal(totp_match(secret, "28708", 59), -ERR_DENIED);
}

static void test_totp_text(void **state)
{
	char text[TOTP_TEXT_MAX];
	uint8_t back[ACCESS_TOTP_LEN];
	totp_text(secret, text);
	assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	assert_int_equal(totp_parse(text, back), 0);
	assert_memory_equal(back, secret, sizeof(back));
	assert_int_equal(totp_parse("GEZ", back), -ERR_FORMAT);
	text[3] = '1';
	assert_int_equal(totp_parse(text, back), -ERR_FORMAT);
}

static int try_with(const char *officer, const char *address, const char *pass, int64_t now_s,
		    int64_t code_s)
{
	char code[TOTP_CODE_MAX];
	totp_now(secret, code_s, code);
	return access_check(s,
			    &(const struct access_try){.officer = officer,
						       .address = address,
						       .password = pass,
						       .code = code,
						       .now_s = now_s},
			    NULL);
}

static void test_recovery(void **state)
{
	assert_int_equal(access_recovery_set(s, "rome", "short", secret, NOW_S, NULL), -ERR_RANGE);
	assert_int_equal(access_recovery_set(s, "rome", password, secret, NOW_S, NULL), 0);
	assert_int_equal(try_with("rome", "a", "wrong horse battery", NOW_S, NOW_S), -ERR_DENIED);
	assert_int_equal(try_with("nobody", "a", password, NOW_S, NOW_S), -ERR_DENIED);
	assert_int_equal(try_with("rome", "a", password, NOW_S, NOW_S), 0);
	/* a code works once, and no earlier one after it */
	assert_int_equal(try_with("rome", "a", password, NOW_S, NOW_S), -ERR_DENIED);
	assert_int_equal(try_with("rome", "a", password, NOW_S, NOW_S - 30), -ERR_DENIED);
	/* step-up asks for the code alone */
	assert_int_equal(try_with("rome", "a", NULL, NOW_S, NOW_S + 30), 0);
}

static void test_limits(void **state)
{
	char officer[32];
	assert_int_equal(access_recovery_set(s, "rome", password, secret, NOW_S, NULL), 0);
	for (int i = 0; i < ACCESS_TRIES_MAX; i++)
		assert_int_equal(try_with("rome", "b", "wrong", NOW_S, NOW_S), -ERR_DENIED);
	/* now even the right one waits, until two windows are over */
	assert_int_equal(try_with("rome", "b", password, NOW_S, NOW_S), -ERR_QUOTA);
	assert_int_equal(try_with("rome", "b", password, NOW_S + ACCESS_WINDOW_S, NOW_S),
			 -ERR_QUOTA);
	/* but not the officer's own step-up, which nobody outside can use up */
	assert_int_equal(try_with("rome", "b", NULL, NOW_S, NOW_S), 0);
	for (int i = 0; i < ACCESS_TRIES_MAX; i++)
		assert_int_equal(try_with("rome", "b", NULL, NOW_S, 0), -ERR_DENIED);
	assert_int_equal(try_with("rome", "b", NULL, NOW_S, NOW_S + 30), -ERR_QUOTA);
	int64_t later_s = NOW_S + 3 * ACCESS_WINDOW_S;
	assert_int_equal(try_with("rome", "b", password, later_s, later_s), 0);
	for (int i = 0; i < ACCESS_ADDRESS_TRIES_MAX; i++) {
		snprintf(officer, sizeof(officer), "guess-%d", i);
		assert_int_equal(try_with(officer, "c", "wrong", later_s, later_s), -ERR_DENIED);
	}
	assert_int_equal(try_with("other", "c", "wrong", later_s, later_s), -ERR_QUOTA);
	assert_int_equal(try_with("other", "d", "wrong", later_s, later_s), -ERR_DENIED);
	assert_int_equal(access_sweep(s, later_s + 3 * ACCESS_WINDOW_S, NULL), 0);
	assert_int_equal(try_with("other", "c", "wrong", later_s + 3 * ACCESS_WINDOW_S, NOW_S),
			 -ERR_DENIED);
}

static void test_certificates(void **state)
{
	char officer[ACCESS_NAME_MAX + 1];
	uint8_t pin[ACCESS_PIN_LEN] = {1};
	assert_int_equal(access_certificate_find(s, pin, officer, NULL), -ERR_KEY_UNKNOWN);
	assert_int_equal(access_certificate_set(s, "rome", pin, NOW_S, NULL), 0);
	assert_int_equal(access_certificate_set(s, "rome", pin, NOW_S, NULL), 0);
	assert_int_equal(access_certificate_set(s, "other", pin, NOW_S, NULL), -ERR_EXIST);
	assert_int_equal(access_certificate_find(s, pin, officer, NULL), 0);
	assert_string_equal(officer, "rome");
	_cleanup_(json_decrefp) json_t *list = access_list(s, "rome", NULL);
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(access_reset(s, "rome", NULL), 1);
	assert_int_equal(access_certificate_find(s, pin, officer, NULL), -ERR_KEY_UNKNOWN);
}

static void test_sessions(void **state)
{
	uint8_t token[ACCESS_TOKEN_LEN] = {7};
	char text[ACCESS_TOKEN_TEXT + 1];
	struct access_session x = {.officer = "rome",
				   .how = ACCESS_CERTIFICATE,
				   .language = "it",
				   .zone = "Europe/Rome"},
			      y;
	hex_encode(token, sizeof(token), text);
	assert_int_equal(access_session_open(s, token, &x, NOW_S, NULL), 0);
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, NOW_S, &y, NULL), 0);
	assert_string_equal(y.officer, "rome");
	assert_int_equal(y.how, ACCESS_CERTIFICATE);
	assert_int_equal(strlen(y.csrf), ACCESS_CSRF_TEXT);
	assert_int_equal(access_session_prefer(s, text, "de", "Asia/Tokyo", NULL), 0);
	assert_int_equal(access_session_proved(s, text, NOW_S + 50, NULL), 0);
	assert_int_equal(
		access_session_find(s, text, ACCESS_BY_PERSON, NOW_S + ACCESS_IDLE_S, &y, NULL), 0);
	assert_string_equal(y.language, "de");
	assert_int_equal(y.proved_s, NOW_S + 50);
	/* used a moment ago, so that it lives on; then idle */
	assert_int_equal(
		access_session_find(s, text, ACCESS_BY_PERSON, NOW_S + 2 * ACCESS_IDLE_S, &y, NULL),
		0);
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON,
					     NOW_S + 3 * ACCESS_IDLE_S + 1, &y, NULL),
			 -ERR_SIGNED_OUT);
	assert_int_equal(access_session_find(s, "", ACCESS_BY_PERSON, NOW_S, &y, NULL),
			 -ERR_SIGNED_OUT);
	text[0] ^= 1;
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, NOW_S, &y, NULL),
			 -ERR_SIGNED_OUT);
	text[0] = 'g';
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, NOW_S, &y, NULL),
			 -ERR_SIGNED_OUT);
}

/* A page that refreshes itself every few seconds keeps nobody signed in, and does not sign out who works. */
static void test_sessions_idle(void **state)
{
	uint8_t token[ACCESS_TOKEN_LEN] = {10};
	char text[ACCESS_TOKEN_TEXT + 1];
	struct access_session x = {.officer = "rome", .how = ACCESS_PASSWORD}, y;
	hex_encode(token, sizeof(token), text);
	assert_int_equal(access_session_open(s, token, &x, NOW_S, NULL), 0);
	int64_t t = NOW_S;
	for (; t <= NOW_S + 600; t += 5)
		assert_int_equal(access_session_find(s, text, ACCESS_BY_PAGE, t, &y, NULL), 0);
	assert_int_equal(y.seen_s, NOW_S);
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, NOW_S + 600, &y, NULL), 0);
	for (; t <= NOW_S + 600 + ACCESS_IDLE_S; t += 5)
		assert_int_equal(access_session_find(s, text, ACCESS_BY_PAGE, t, &y, NULL), 0);
	t = NOW_S + 600 + ACCESS_IDLE_S + 1;
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PAGE, t, &y, NULL),
			 -ERR_SIGNED_OUT);
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, t, &y, NULL),
			 -ERR_SIGNED_OUT);
}

/* A card in its reader signs in; it is no fresh act, so that step-up waits for one. */
static void test_sessions_proved(void **state)
{
	uint8_t token[ACCESS_TOKEN_LEN] = {11};
	char text[ACCESS_TOKEN_TEXT + 1];
	struct access_session y;
	for (int how = ACCESS_PASSWORD; how <= ACCESS_WEBAUTHN; how++) {
		struct access_session x = {.officer = "rome", .how = (enum access_how)how};
		token[1] = (uint8_t)how;
		hex_encode(token, sizeof(token), text);
		assert_int_equal(access_session_open(s, token, &x, NOW_S, NULL), 0);
		assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, NOW_S, &y, NULL),
				 0);
		assert_int_equal(y.proved_s, how == ACCESS_CERTIFICATE ? 0 : NOW_S);
	}
}

static void test_pace(void **state)
{
	static struct access_pace p;
	char who[32];
	for (int i = 0; i < ACCESS_CHANGES_MINUTE; i++)
		assert_int_equal(access_pace(&p, "rome", 1000), 0);
	assert_int_equal(access_pace(&p, "rome", 1000), -ERR_QUOTA);
	assert_int_equal(access_pace(&p, "paris", 1000), 0);
	/* one more for each that has had its time, no debt for what was refused */
	assert_int_equal(access_pace(&p, "rome", 1000 + 60000 / ACCESS_CHANGES_MINUTE), 0);
	assert_int_equal(access_pace(&p, "rome", 1000 + 60000 / ACCESS_CHANGES_MINUTE), -ERR_QUOTA);
	/* many others push out the quiet, not the busy */
	for (int i = 0; i < 3 * ACCESS_PACE_SLOTS; i++) {
		snprintf(who, sizeof(who), "address-%d", i);
		assert_int_equal(access_pace(&p, who, 1500), 0);
	}
	assert_int_equal(access_pace(&p, "rome", 1500), -ERR_QUOTA);
}

static void test_sessions_end(void **state)
{
	uint8_t token[ACCESS_TOKEN_LEN] = {8};
	char text[ACCESS_TOKEN_TEXT + 1];
	struct access_session x = {.officer = "rome"}, y;
	hex_encode(token, sizeof(token), text);
	assert_int_equal(access_session_open(s, token, &x, NOW_S, NULL), 0);
	for (int64_t t = NOW_S; t <= NOW_S + ACCESS_ABSOLUTE_S; t += ACCESS_IDLE_S)
		assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, t, &y, NULL), 0);
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON,
					     NOW_S + ACCESS_ABSOLUTE_S + 1, &y, NULL),
			 -ERR_SIGNED_OUT);
	assert_int_equal(
		access_session_open(s, (const uint8_t[ACCESS_TOKEN_LEN]){9}, &x, NOW_S, NULL), 0);
	assert_int_equal(access_session_close(s, text, NULL), 0);
	assert_int_equal(access_session_find(s, text, ACCESS_BY_PERSON, NOW_S, &y, NULL),
			 -ERR_SIGNED_OUT);
	assert_int_equal(access_reset(s, "rome", NULL), 0);
}

/* ---- rights ---- */

enum {
	OFFICER = 1,
	DUTY = 2,
	APPROVER = 4,
	ANALYST = 8,
	CASEWORK = OFFICER | DUTY | APPROVER | ANALYST,
	ANY_ROLE = 127,
};

/* What access.def shall say, said again: code, act, who always, who as a member. What has no row is for nobody. */
static const struct expected {
	const char *code;
	enum access_act act;
	uint32_t always, members;
} expected[] = {
	{"TLP:CLEAR", ACCESS_READ, CASEWORK, CASEWORK},
	{"TLP:CLEAR", ACCESS_WORK, CASEWORK, CASEWORK},
	{"TLP:CLEAR", ACCESS_TAKE, CASEWORK, CASEWORK},
	{"TLP:GREEN", ACCESS_READ, CASEWORK, CASEWORK},
	{"TLP:GREEN", ACCESS_WORK, CASEWORK, CASEWORK},
	{"TLP:GREEN", ACCESS_TAKE, CASEWORK, CASEWORK},
	{"TLP:AMBER", ACCESS_READ, CASEWORK, CASEWORK},
	{"TLP:AMBER", ACCESS_WORK, CASEWORK, CASEWORK},
	{"TLP:AMBER", ACCESS_TAKE, CASEWORK, CASEWORK},
	{"TLP:AMBER+STRICT", ACCESS_READ, CASEWORK, CASEWORK},
	{"TLP:AMBER+STRICT", ACCESS_WORK, CASEWORK, CASEWORK},
	{"TLP:AMBER+STRICT", ACCESS_TAKE, APPROVER, CASEWORK},
	{"TLP:RED", ACCESS_READ, DUTY | APPROVER, CASEWORK},
	{"TLP:RED", ACCESS_WORK, DUTY | APPROVER, CASEWORK},
	{"TLP:RED", ACCESS_TAKE, 0, DUTY | APPROVER},
	{"H0", ACCESS_READ, CASEWORK, CASEWORK},
	{"H0", ACCESS_WORK, CASEWORK, CASEWORK},
	{"H0", ACCESS_TAKE, CASEWORK, CASEWORK},
	{"H1", ACCESS_READ, CASEWORK, CASEWORK},
	{"H1", ACCESS_WORK, CASEWORK, CASEWORK},
	{"H1", ACCESS_TAKE, CASEWORK, CASEWORK},
	{"H2", ACCESS_READ, CASEWORK, CASEWORK},
	{"H2", ACCESS_WORK, CASEWORK, CASEWORK},
	{"H2", ACCESS_TAKE, APPROVER, CASEWORK},
	{"H3", ACCESS_READ, DUTY | APPROVER, CASEWORK},
	{"H3", ACCESS_WORK, DUTY | APPROVER, CASEWORK},
	{"H3", ACCESS_TAKE, 0, DUTY | APPROVER},
};

static uint32_t allowed(const char *code, enum access_act act, bool member)
{
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		if (!strcmp(expected[i].code, code) && expected[i].act == act)
			return member ? expected[i].always | expected[i].members
				      : expected[i].always;
	return 0;
}

static void check_record(uint32_t roles, const struct access_record *record, enum access_act act)
{
	const char *field = "untouched";
	struct access_question q = {
		.roles = roles, .roles_needed = ANY_ROLE, .act = act, .record = record};
	bool seen = roles & allowed(record->marking, act, record->member);
	bool handled = roles & allowed(record->handling, act, record->member);
	assert_int_equal(access_may(&q, &field), seen && handled ? 0 : -ERR_DENIED);
	if (seen && handled)
		assert_null(field);
	else
		assert_string_equal(field, !roles ? "officer" : seen ? "handling" : "marking");
}

/* Every set of roles, marking, handling code, act, with and without membership; codes and acts that nobody knows too. */
static void test_rights_matrix(void **state)
{
	static const char *const markings[] = {
		"TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT",
		"TLP:RED",   "TLP:NEW",	  ""};
	static const char *const handlings[] = {"H0", "H1", "H2", "H3", "H4", ""};
	static const enum access_act acts[] = {ACCESS_READ, ACCESS_WORK, ACCESS_TAKE,
					       (enum access_act)8};
	for (uint32_t roles = 0; roles <= ANY_ROLE; roles++)
		for (size_t m = 0; m < ARRAY_LEN(markings); m++)
			for (size_t h = 0; h < ARRAY_LEN(handlings); h++)
				for (size_t i = 0; i < 2 * ARRAY_LEN(acts); i++)
					check_record(roles,
						     &(const struct access_record){
							     .marking = markings[m],
							     .handling = handlings[h],
							     .member = i % 2},
						     acts[i / 2]);
}

static void test_rights(void **state)
{
	const char *field;
	for (uint32_t roles = 0; roles <= ANY_ROLE; roles++)
		for (uint32_t needed = 0; needed <= ANY_ROLE; needed++) {
			struct access_question q = {.roles = roles, .roles_needed = needed};
			assert_int_equal(access_may(&q, &field), roles & needed ? 0 : -ERR_DENIED);
		}
	struct access_question q = {.roles = DUTY, .roles_needed = DUTY, .step_up = true};
	assert_int_equal(access_may(&q, &field), -ERR_STEP_UP);
	assert_string_equal(field, "_code");
	q.proved = true;
	assert_int_equal(access_may(&q, &field), 0);
	q.roles_needed = 0;
	assert_int_equal(access_may(&q, &field), -ERR_DENIED);
	assert_string_equal(access_how_name(ACCESS_WEBAUTHN), "webauthn");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_totp_vectors),
		cmocka_unit_test(test_totp_text),
		cmocka_unit_test_setup_teardown(test_recovery, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_certificates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sessions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sessions_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sessions_idle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sessions_proved, set_up, tear_down),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_rights_matrix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
