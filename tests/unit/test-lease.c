/* SPDX-License-Identifier: Apache-2.0
 * Tests of leases, on both engines: two programs, one holder. */
#include "base/cleanup.h"
#include "crypto/crypto.h"
#include "lib/engine.h"
#include "store/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char place[] = "/tmp/lug-lease-XXXXXX";

static struct store *open_place(void)
{
	char path[64], where[ENGINE_WHERE_MAX];
	struct store *s = NULL;
	struct err e = {0};
	(void)snprintf(path, sizeof(path), "%s/store", place);
	if (store_open(engine_at(path, where), NULL, &s, &e) < 0)
		fail_msg("%s", e.message);
	return s;
}

static void test_lease(void **state)
{
	_cleanup_(store_closep) struct store *s = open_place();
	_cleanup_(store_closep) struct store *other = open_place();
	assert_int_equal(store_migrate(s, store_lease_schema(), 1000, NULL), 1);
	assert_int_equal(store_lease_take(s, "audit", "one", 60000, NULL), 1);
	assert_int_equal(store_lease_take(other, "audit", "two", 60000, NULL), 0);
	assert_int_equal(store_lease_take(other, "to fr", "two", 60000, NULL), 1);
	assert_int_equal(store_lease_take(s, "audit", "one", 50, NULL), 1); /* ends sooner now */
	int taken = 0;
	for (int i = 0; i < 1000 && !taken; i++) {
		(void)usleep(1000);
		taken = store_lease_take(other, "audit", "two", 60000, NULL);
	}
	assert_int_equal(taken, 1);
	assert_int_equal(store_lease_take(s, "audit", "one", 60000, NULL), 0);
	assert_int_equal(store_lease_leave(other, "two", NULL), 0);
	assert_int_equal(store_lease_take(s, "audit", "one", 60000, NULL), 1);
	assert_int_equal(store_lease_take(s, "to fr", "one", 60000, NULL), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease),
	};
	char command[64];
	if (crypto_start() < 0 || !mkdtemp(place))
		return 1;
	int failed = cmocka_run_group_tests_name("lease", tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", place);
	return system(command) == 0 ? failed : 1;
}
