/* SPDX-License-Identifier: Apache-2.0
 * Tests of messages between nodes: published frames, every refusal of the reader, and random messages written and read again. No
 * BIP publishes whole frames, so the version frames are those of the Bitcoin wiki and of a Core 0.9.3 on the main network. */
#include "base/cleanup.h"
#include "base/prng.h"
#include "base/text.h"
#include "chain/p2p.h"
#include "crypto/crypto.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct network *bitcoin(void)
{
	return network_get(NET_BITCOIN);
}

/* Bitcoin wiki, "Protocol documentation", version message of Satoshi 0.7.2. */
static const char wiki_version[] =
	"f9beb4d976657273696f6e000000000064000000358d493262ea0000010000000000000011b2d0500000000001000000"
	"0000000000000000000000000000ffff000000000000000000000000000000000000000000000000ffff000000000000"
	"3b2eb35d8ce617650f2f5361746f7368693a302e372e322fc03e0300";
/* The same of a Satoshi 0.9.3, with the flag of BIP 37. */
static const char core_version[] =
	"f9beb4d976657273696f6e0000000000650000005f1a69d2721101000100000000000000bc8f5e540000000001000000"
	"0000000000000000000000000000ffffc61b6409208d010000000000000000000000000000000000ffffcb0071c0208d"
	"128035cbc97953f80f2f5361746f7368693a302e392e332fcf05050001";
static const char core_verack[] = "f9beb4d976657261636b000000000000000000005df6e0e2";

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	assert_int_equal(hex_decode(hex, 2 * n, out, n), 0);
	return n;
}

/* Reads a whole frame, and writes it again. */
static struct p2p_message frame_check(const uint8_t *p, size_t len)
{
	struct p2p_message m = {0};
	struct p2p_frame f;
	struct buf out;

	assert_int_equal(p2p_frame_read(bitcoin(), p, &f), 0);
	assert_int_equal(f.len + P2P_FRAME_LEN, len);
	assert_int_equal(p2p_read(&f, p + P2P_FRAME_LEN, &m), 0);
	buf_init(&out, (size_t)64 << 20);
	assert_int_equal(p2p_write(bitcoin(), &m, &out), 0);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.p, p, len);
	buf_done(&out);
	return m;
}

static void test_published(void **state)
{
	uint8_t p[256];
	struct p2p_message m = frame_check(p, unhex(wiki_version, p));

	assert_int_equal(m.kind, P2P_VERSION);
	assert_int_equal(m.version.protocol, 60002);
	assert_int_equal(m.version.services, P2P_NODE_NETWORK);
	assert_int_equal(m.version.time_s, 1355854353);
	assert_int_equal(m.version.nonce, UINT64_C(7284544412836900411));
	assert_int_equal(m.version.agent_len, 15);
	assert_memory_equal(m.version.agent, "/Satoshi:0.7.2/", 15);
	assert_int_equal(m.version.height, 212672);
	assert_false(m.version.has_relay);
	assert_true(m.version.relay);
	m = frame_check(p, unhex(core_version, p));
	assert_int_equal(m.version.protocol, 70002);
	assert_memory_equal(m.version.agent, "/Satoshi:0.9.3/", 15);
	assert_int_equal(m.version.height, 329167);
	assert_true(m.version.has_relay && m.version.relay);
	m = frame_check(p, unhex(core_verack, p));
	assert_int_equal(m.kind, P2P_VERACK);
	assert_string_equal(m.command, "verack");
}

static void test_frames_refused(void **state)
{
	uint8_t p[P2P_FRAME_LEN];
	struct p2p_frame f;

	unhex(core_verack, p);
	assert_int_equal(p2p_frame_read(network_get(NET_REGTEST), p, &f), -ERR_NETWORK);
	p[16] = 1; /* a verack is empty */
	assert_int_equal(p2p_frame_read(bitcoin(), p, &f), -ERR_OVERSIZE);
	p[16] = 0;
	p[15] = 'x'; /* behind the NUL */
	assert_int_equal(p2p_frame_read(bitcoin(), p, &f), -ERR_FORMAT);
	p[15] = 0;
	p[5] = 0x7f;
	assert_int_equal(p2p_frame_read(bitcoin(), p, &f), -ERR_FORMAT);
	memset(p + 4, 0, P2P_COMMAND_LEN);
	assert_int_equal(p2p_frame_read(bitcoin(), p, &f), -ERR_FORMAT);
	memcpy(p + 4, "twelveletter", P2P_COMMAND_LEN);
	assert_int_equal(p2p_frame_read(bitcoin(), p, &f), 0);
	assert_int_equal(f.kind, P2P_OTHER);
	assert_string_equal(f.command, "twelveletter");
}

/* Reads a payload under a command, with the right checksum. */
static int payload_read(const char *command, const void *p, size_t len, struct p2p_message *ret)
{
	uint8_t frame[P2P_FRAME_LEN] = {0}, digest32[32];
	struct p2p_frame f;
	uint32_t len_le = htole32((uint32_t)len);
	int r;

	memcpy(frame, bitcoin()->wire4, 4);
	memcpy(frame + 4, command, strlen(command));
	memcpy(frame + 16, &len_le, 4);
	sha256d(p, len, digest32);
	memcpy(frame + 20, digest32, 4);
	r = p2p_frame_read(bitcoin(), frame, &f);
	return r < 0 ? r : p2p_read(&f, p, ret);
}

static void test_payloads_refused(void **state)
{
	static const uint8_t two_items[1 + 2 * 36] = {2}, too_short[1 + 36] = {2}, longer[74] = {2};
	static const uint8_t long_count[3 + 36] = {0xfd, 1, 0}, eight[8], nine[9];
	static const uint8_t many[3] = {0xfd, 0xff, 0xff};
	uint8_t headers[1 + 81] = {1}, version[128];
	struct p2p_message m;
	size_t n;

	assert_int_equal(payload_read("inv", two_items, sizeof(two_items), &m), 0);
	assert_int_equal(m.n, 2);
	assert_int_equal(payload_read("inv", too_short, sizeof(too_short), &m), -ERR_TRUNCATED);
	assert_int_equal(payload_read("inv", longer, sizeof(longer), &m), -ERR_TRAILING);
	assert_int_equal(payload_read("inv", long_count, sizeof(long_count), &m), -ERR_FORMAT);
	assert_int_equal(payload_read("getdata", many, 3, &m), -ERR_OVERSIZE);
	assert_int_equal(payload_read("getheaders", "\0\0\0\0\xfd\xff\0", 7, &m), -ERR_OVERSIZE);
	assert_int_equal(payload_read("ping", eight, 8, &m), 0);
	assert_int_equal(payload_read("ping", eight, 7, &m), -ERR_TRUNCATED);
	assert_int_equal(payload_read("ping", nine, 9, &m), -ERR_OVERSIZE);
	assert_int_equal(payload_read("headers", headers, sizeof(headers), &m), 0);
	headers[81] = 1;
	assert_int_equal(payload_read("headers", headers, sizeof(headers), &m), -ERR_FORMAT);
	n = unhex(core_version, version) - P2P_FRAME_LEN;
	version[P2P_FRAME_LEN + n - 1] = 2;
	assert_int_equal(payload_read("version", version + P2P_FRAME_LEN, n, &m), -ERR_FORMAT);
	version[P2P_FRAME_LEN + 80] = 0xfe; /* length of the agent */
	assert_int_equal(payload_read("version", version + P2P_FRAME_LEN, n, &m), -ERR_OVERSIZE);
}

static void test_checksum(void **state)
{
	struct p2p_message m;
	struct p2p_frame f;
	uint8_t p[256];

	unhex(core_version, p);
	assert_int_equal(p2p_frame_read(bitcoin(), p, &f), 0);
	p[30] ^= 1;
	assert_int_equal(p2p_read(&f, p + P2P_FRAME_LEN, &m), -ERR_CHECKSUM);
}

static void test_limits_of_writing(void **state)
{
	struct p2p_message inv = {.kind = P2P_INV, .n = P2P_INV_MAX + 1};
	struct p2p_message version = {.kind = P2P_VERSION, .version.agent_len = P2P_AGENT_MAX + 1};
	struct p2p_message ping = {.kind = P2P_PING, .nonce = 7};
	struct buf out;

	buf_init(&out, 16);
	assert_int_equal(p2p_write(bitcoin(), &inv, &out), -ERR_RANGE);
	assert_int_equal(p2p_write(bitcoin(), &version, &out), -ERR_RANGE);
	assert_int_equal(p2p_write(bitcoin(), &ping, &out), -ERR_OVERSIZE);
	buf_done(&out);
}

/* A random message of every kind; the bytes it points to live in `room`. */
static struct p2p_message random_message(struct prng *r, struct buf *room)
{
	struct p2p_message m = {.kind = (enum p2p_kind)prng_below(r, P2P_OTHER + 1)};
	uint32_t n = (uint32_t)prng_below(r, 300);

	buf_clear(room);
	(void)buf_space(room, (size_t)300 * P2P_HEADER_LEN);
	prng_bytes(r, room->p, room->len);
	if (m.kind == P2P_VERSION) {
		m.version = (struct p2p_version){.protocol = (uint32_t)prng_u64(r),
						 .services = prng_u64(r),
						 .nonce = prng_u64(r),
						 .agent = (const char *)room->p,
						 .agent_len = n % (P2P_AGENT_MAX + 1),
						 .has_relay = n % 2,
						 .relay = n % 3};
	} else if (m.kind == P2P_GETHEADERS) {
		m.n = n % (P2P_LOCATOR_MAX + 1);
		m.locator.hashes = room->p;
		m.locator.stop32 = room->p;
	} else if (m.kind >= P2P_HEADERS && m.kind <= P2P_NOTFOUND) {
		m.n = n;
		m.items = room->p;
		for (uint32_t i = 0; m.kind == P2P_HEADERS && i < n; i++)
			room->p[i * P2P_HEADER_LEN + 80] = 0;
	} else if (m.kind == P2P_BLOCK || m.kind == P2P_TX || m.kind == P2P_OTHER) {
		m.len = n;
		m.bytes = room->p;
		memcpy(m.command, "alert", 6);
	} else if (m.kind == P2P_PING || m.kind == P2P_PONG || m.kind == P2P_FEEFILTER) {
		m.nonce = prng_u64(r);
	}
	return m;
}

static void test_round_trip(void **state)
{
	struct prng r;
	struct buf room, out;

	prng_init(&r, 6);
	buf_init(&room, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int i = 0; i < 2000; i++) {
		struct p2p_message m = random_message(&r, &room), again;

		buf_clear(&out);
		assert_int_equal(p2p_write(bitcoin(), &m, &out), 0);
		again = frame_check(out.p, out.len);
		assert_int_equal(again.kind, m.kind);
		assert_int_equal(again.n, m.n);
		if (m.kind == P2P_OTHER)
			assert_string_equal(again.command, "alert");
	}
	buf_done(&room);
	buf_done(&out);
}

static void test_items(void **state)
{
	uint8_t hash32[32] = {7};
	struct p2p_message m;
	struct buf items;

	buf_init(&items, 1 << 10);
	p2p_inv_put(&items, P2P_INV_BLOCK | P2P_INV_WITNESS, hash32);
	m = (struct p2p_message){.kind = P2P_GETDATA, .items = items.p, .n = 1};
	assert_int_equal(p2p_inv_at(&m, 0).type, 0x40000002);
	assert_memory_equal(p2p_inv_at(&m, 0).hash32, hash32, 32);
	buf_done(&items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_frames_refused),
		cmocka_unit_test(test_payloads_refused),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_limits_of_writing),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_items),
	};

	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
