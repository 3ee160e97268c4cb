/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a request to lug-keyd, with every capability and with none: each is answered in a bounded, well-formed reply,
 * nothing is granted without capabilities, and no secret is in a reply that failed. */
#include "base/cleanup.h"
#include "keyd/keyd-int.h"
#include "keyd/server.h"
#include <dirent.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vault *vault;
static char folder[] = "/tmp/fuzz-keyd-XXXXXX";

static int64_t fixed_now(void)
{
	return INT64_C(1795000000);
}

static void remove_folder(void)
{
	DIR *d = opendir(folder);
	for (struct dirent *de; d && (de = readdir(d));) {
		char path[512];
		snprintf(path, sizeof(path), "%s/%s", folder, de->d_name);
		(void)unlink(path);
	}
	if (d)
		closedir(d);
	(void)rmdir(folder);
	vault_close(vault);
}

static void setup(void)
{
	unsigned made, wiped;
	if (crypto_start() < 0 || !mkdtemp(folder) ||
	    vault_init(folder, "it.rome", "", 0, 1, 8, NULL) < 0 ||
	    vault_open(folder, "", 0, &vault, NULL) < 0 ||
	    vault_maintain(vault, fixed_now(), &made, &wiped, NULL) < 0)
		abort();
	atexit(remove_folder);
}

static void check_reply(const uint8_t *data, size_t size, const struct buf *reply)
{
	struct cur c = cur_init(reply->p, reply->len);
	if (size < MSG_REQUEST_HEAD && reply->len)
		__builtin_trap();
	if (!reply->len)
		return;
	unsigned version = cur_u8(&c), type = cur_u8(&c);
	uint32_t id = cur_u32be(&c), status = cur_u32be(&c);
	if (c.error || version != MSG_VERSION || type != data[1] || reply->len > MSG_MAX ||
	    status > INT32_MAX ||
	    id != ((uint32_t)data[2] << 24 | (uint32_t)data[3] << 16 | (uint32_t)data[4] << 8 |
		   data[5]))
		__builtin_trap();
	if (!status && data[0] != MSG_VERSION)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!vault)
		setup();
	/* These write files: left to the unit tests, where they do not slow every run. */
	if (size > 1 && (data[1] == MSG_ROTATE || data[1] == MSG_WIPE))
		return 0;
	struct keyd_server server = {vault, fixed_now};
	struct buf reply;
	uint32_t granted;
	buf_init(&reply, MSG_MAX);
	keyd_server_handle(&server, KEYD_ALL_CAPS, data, size, &reply, &granted);
	check_reply(data, size, &reply);
	if (granted & ~(uint32_t)KEYD_ALL_CAPS)
		__builtin_trap();
	keyd_server_handle(&server, 0, data, size, &reply, &granted);
	check_reply(data, size, &reply);
	if (granted || (reply.len && data[1] != MSG_HELLO &&
			!(reply.p[6] | reply.p[7] | reply.p[8] | reply.p[9])))
		__builtin_trap();
	buf_done(&reply);
	return 0;
}
