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
	assert_int_equal(access_session_find(s, text, NOW_S, &y, NULL), 0);
	assert_string_equal(y.officer, "rome");
	assert_int_equal(y.how, ACCESS_CERTIFICATE);
	assert_int_equal(strlen(y.csrf), ACCESS_CSRF_TEXT);
	assert_int_equal(access_session_prefer(s, text, "de", "Asia/Tokyo", NULL), 0);
	assert_int_equal(access_session_proved(s, text, NOW_S + 50, NULL), 0);
	assert_int_equal(access_session_find(s, text, NOW_S + ACCESS_IDLE_S, &y, NULL), 0);
	assert_string_equal(y.language, "de");
	assert_int_equal(y.proved_s, NOW_S + 50);
	/* used a moment ago, so that it lives on; then idle */
	assert_int_equal(access_session_find(s, text, NOW_S + 2 * ACCESS_IDLE_S, &y, NULL), 0);
	assert_int_equal(access_session_find(s, text, NOW_S + 3 * ACCESS_IDLE_S + 1, &y, NULL),
			 -ERR_SIGNED_OUT);
	assert_int_equal(access_session_find(s, "", NOW_S, &y, NULL), -ERR_SIGNED_OUT);
	text[0] ^= 1;
	assert_int_equal(access_session_find(s, text, NOW_S, &y, NULL), -ERR_SIGNED_OUT);
	text[0] = 'g';
	assert_int_equal(access_session_find(s, text, NOW_S, &y, NULL), -ERR_SIGNED_OUT);
}

static void test_sessions_end(void **state)
{
	uint8_t token[ACCESS_TOKEN_LEN] = {8};
	char text[ACCESS_TOKEN_TEXT + 1];
	struct access_session x = {.officer = "rome"}, y;
	hex_encode(token, sizeof(token), text);
	assert_int_equal(access_session_open(s, token, &x, NOW_S, NULL), 0);
	for (int64_t t = NOW_S; t <= NOW_S + ACCESS_ABSOLUTE_S; t += ACCESS_IDLE_S)
		assert_int_equal(access_session_find(s, text, t, &y, NULL), 0);
	assert_int_equal(access_session_find(s, text, NOW_S + ACCESS_ABSOLUTE_S + 1, &y, NULL),
			 -ERR_SIGNED_OUT);
	assert_int_equal(
		access_session_open(s, (const uint8_t[ACCESS_TOKEN_LEN]){9}, &x, NOW_S, NULL), 0);
	assert_int_equal(access_session_close(s, text, NULL), 0);
	assert_int_equal(access_session_find(s, text, NOW_S, &y, NULL), -ERR_SIGNED_OUT);
	assert_int_equal(access_reset(s, "rome", NULL), 0);
}

/* Deny by default: every set of roles against every marking, with and without membership. */
static void test_rights(void **state)
{
	static const char *const known[] = {"TLP:CLEAR", "TLP:GREEN", "TLP:AMBER",
					    "TLP:AMBER+STRICT"};
	enum {
		OFFICER = 1,
		DUTY = 2,
		APPROVER = 4,
		ANALYST = 8,
		SECRETARY = 16,
		AUDITOR = 32,
		ADMIN = 64
	};
	for (uint32_t roles = 0; roles < 128; roles++) {
		bool casework = roles & (OFFICER | DUTY | APPROVER | ANALYST);
		struct access_question q = {.roles = roles, .roles_needed = 127};
		assert_int_equal(access_may(&q), roles ? 0 : -ERR_DENIED);
		for (size_t i = 0; i < ARRAY_LEN(known); i++) {
			q.marking = known[i];
			assert_int_equal(access_may(&q), casework ? 0 : -ERR_DENIED);
		}
		q.marking = "TLP:RED";
		assert_int_equal(access_may(&q), roles & (DUTY | APPROVER) ? 0 : -ERR_DENIED);
		q.member = true;
		assert_int_equal(access_may(&q), casework ? 0 : -ERR_DENIED);
		q.marking = "TLP:NEW";
		assert_int_equal(access_may(&q), -ERR_DENIED);
	}
	struct access_question q = {.roles = DUTY, .roles_needed = DUTY, .step_up = true};
	assert_int_equal(access_may(&q), -ERR_STEP_UP);
	q.proved = true;
	assert_int_equal(access_may(&q), 0);
	q.roles_needed = 0;
	assert_int_equal(access_may(&q), -ERR_DENIED);
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
		cmocka_unit_test(test_rights),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
