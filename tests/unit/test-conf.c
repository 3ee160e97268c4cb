/* SPDX-License-Identifier: Apache-2.0
 * Tests of conf: each kind, each error with its line and remedy, reload, and what is generated from the table. */
#include "base/cleanup.h"
#include "base/file.h"
#include "conf/conf.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sys/stat.h>

static struct conf conf;
static struct err e;

static int parse(const char *text)
{
	memset(&conf, 0, sizeof(conf));
	memset(&e, 0, sizeof(e));
	return conf_parse(text, strlen(text), "x.conf", &conf, &e);
}

static void test_accepts(void **state)
{
	assert_int_equal(
		parse("# a comment\n\n node = it.rome\r\nlisten\t=\t[::1]:0\nsocket_mode = 0600\nshared_uid = yes\n"
		      "log_level = broken\nkey_check_s = 60"),
		0);
	assert_string_equal(conf.node.text, "it.rome");
	assert_string_equal(conf.listen.text, "[::1]:0");
	assert_int_equal(conf.listen.number, 0);
	assert_int_equal(conf.socket_mode.number, 0600);
	assert_int_equal(conf.shared_uid.number, 1);
	assert_int_equal(conf.log_level.number, 3);
	assert_int_equal(conf.key_check_s.number, 60);
	/* and the defaults of what was not said */
	assert_int_equal(conf.connect_timeout_ms.number, 5000);
	assert_string_equal(conf.socket.text, "lugd.sock");
	assert_string_equal(conf.passphrase_file.text, "");
}

static const struct bad {
	const char *text;
	int code;
	const char *says;
} bad[] = {
	{"", ERR_FIELD_MISSING, "node is missing; add"},
	{"node = it.rome\nnode = it.rome\n", ERR_DUPLICATE, "x.conf:2: node: is set twice"},
	{"node = It.Rome\n", ERR_INVAL, "x.conf:1: node: must be lower-case"},
	{"node =\n", ERR_RANGE, "x.conf:1: node: is empty"},
	{"node it.rome\n", ERR_FORMAT, "x.conf:1: expects `key = value`"},
	{"node = a\nlisten = 1.2.3.4\n", ERR_INVAL, "x.conf:2: listen: must be address:port"},
	{"node = a\nlisten = ::1:80\n", ERR_INVAL, "x.conf:2: listen"},
	{"node = a\nlisten = 1.2.3.4:65536\n", ERR_INVAL, "x.conf:2: listen"},
	{"node = a\nsocket_mode = 0888\n", ERR_INVAL, "must be a mode"},
	{"node = a\nsocket_mode = 0777\n", ERR_RANGE, "must be from 0600 to 0666"},
	{"node = a\nshared_uid = true\n", ERR_INVAL, "must be yes or no"},
	{"node = a\nlog_level = loud\n", ERR_INVAL, "must be debug, info, unusual or broken"},
	{"node = a\n\nkey_check_s = 59\n", ERR_RANGE,
	 "x.conf:3: key_check_s: must be from 60 to 86400 s"},
	{"node = a\nkey_check_s = -5\n", ERR_INVAL, "must be a whole number"},
	{"node = a\nkey_check_s = 060\n", ERR_INVAL, "must be a whole number"},
	{"node = a\ncolour = blue\n", ERR_FIELD_UNKNOWN,
	 "x.conf:2: no setting is called \"colour\""},
	{"node = a\ndata = /x\x01y\n", ERR_FORMAT, "not clean UTF-8"},
	{"node = a\nsocket_group = abcdefghijabcdefghijabcdefghijabc\n", ERR_RANGE, "too long"},
};

static void test_refuses(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i].text), -bad[i].code);
		if (!strstr(e.message, bad[i].says))
			fail_msg("\"%s\" does not say \"%s\"", e.message, bad[i].says);
		assert_string_equal(conf.node.text, ""); /* untouched on failure */
	}
}

static void test_limits(void **state)
{
	_cleanup_(freep) char *big = malloc(CONF_FILE_MAX + 1);
	assert_non_null(big);
	memset(big, '#', CONF_FILE_MAX + 1);
	assert_int_equal(conf_parse(big, CONF_FILE_MAX + 1, "x.conf", &conf, &e), -ERR_OVERSIZE);
	assert_int_equal(conf_parse(big, CONF_FILE_MAX, "x.conf", &conf, &e), -ERR_OVERSIZE);
	assert_non_null(strstr(e.message, "x.conf:1: line is longer"));
}

static void test_load_and_paths(void **state)
{
	char dir[] = "/tmp/test-conf-XXXXXX", path[64], out[CONF_TEXT_MAX + 1];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/lugdunum.conf", dir);
	assert_int_equal(conf_load(path, &conf, &e), -ERR_NOENT);
	const char text[] = "node = a\ndata = var\nkeyd = /usr/bin/lug-keyd\n";
	assert_int_equal(file_write(path, text, sizeof(text) - 1, 0600, &e), 0);
	assert_int_equal(conf_load(path, &conf, &e), 0);
	char want[128];
	assert_int_equal(conf_path(&conf, &conf.data, out), 0);
	snprintf(want, sizeof(want), "%s/var", dir);
	assert_string_equal(out, want);
	assert_int_equal(conf_path(&conf, &conf.socket, out), 0);
	snprintf(want, sizeof(want), "%s/var/lugd.sock", dir);
	assert_string_equal(out, want);
	assert_int_equal(conf_path(&conf, &conf.keyd, out), 0);
	assert_string_equal(out, "/usr/bin/lug-keyd");
	unlink(path);
	rmdir(dir);
}

static void test_reload(void **state)
{
	static struct conf next;
	const char *kept = "";
	assert_int_equal(
		parse("node = a\nlog_level = debug\nkey_check_s = 70\nlisten = 0.0.0.0:1\n"), 0);
	next = conf;
	assert_int_equal(conf_reload(&conf, &next, &kept), 0);
	assert_null(kept);
	assert_int_equal(parse("node = a\n"), 0);
	assert_int_equal(conf_reload(&conf, &next, &kept), 2);
	assert_string_equal(kept, "listen");
	assert_int_equal(conf.key_check_s.number, 70);
	assert_int_equal(conf.log_level.number, 0);
	assert_string_equal(conf.listen.text, "[::]:8443");
}

static void test_generated(void **state)
{
	struct buf b _cleanup_(buf_done);
	buf_init(&b, CONF_FILE_MAX);
	assert_int_equal(
		parse("node = a\npassphrase_file = /run/secret-name\nsocket_mode = 0600\n"), 0);
	conf_print(&conf, &b);
	assert_int_equal(buf_err(&b), 0);
	assert_non_null(strstr(buf_cstr(&b), "\nnode = a\n"));
	assert_non_null(strstr(buf_cstr(&b), "\nsocket_mode = 0600\n"));
	assert_non_null(strstr(buf_cstr(&b), "\n#log_level = info\n"));
	static struct conf again;
	const char *kept;
	assert_int_equal(conf_parse(b.p, b.len, "again", &again, &e), 0);
	assert_int_equal(conf_reload(&again, &conf, &kept), 0);
	assert_null(kept);

	size_t n;
	const struct conf_row *rows = conf_rows(&n);
	buf_clear(&b);
	conf_print_man(&b);
	_cleanup_(json_decrefp) json_t *list = conf_json(&conf);
	assert_non_null(list);
	assert_int_equal(json_array_size(list), n);
	for (size_t i = 0; i < n; i++) {
		char name[80];
		assert_true(rows[i].doc[0] && rows[i].doc[strlen(rows[i].doc) - 1] != '.');
		snprintf(name, sizeof(name), "*%s* = _", rows[i].name);
		assert_non_null(strstr(buf_cstr(&b), name));
		const json_t *o = json_array_get(list, i);
		assert_string_equal(json_string_value(json_object_get(o, "name")), rows[i].name);
		if (rows[i].secret)
			assert_string_equal(json_string_value(json_object_get(o, "value")),
					    "(secret)");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts), cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_limits),	cmocka_unit_test(test_load_and_paths),
		cmocka_unit_test(test_reload),	cmocka_unit_test(test_generated),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
