/* SPDX-License-Identifier: Apache-2.0
 * Codec of messages between nodes: one table row a command, one reader and one writer a shape of payload. */
#include "chain/p2p.h"
#include "base/cursor.h"
#include "chain/block.h"
#include "chain/tx.h"
#include "crypto/crypto.h"
#include <string.h>

/* The forms that payloads have. */
enum shape { SHAPE_NONE, SHAPE_U64, SHAPE_VERSION, SHAPE_LOCATOR, SHAPE_ITEMS, SHAPE_BYTES };

enum {
	COUNT_LEN = 3, /* of a count up to 65535 */
	VERSION_MAX = 4 + 8 + 8 + 2 * P2P_ADDRESS_LEN + 8 + COUNT_LEN + P2P_AGENT_MAX + 4 + 1
};

static const struct row {
	const char *command;
	uint32_t len_max;
	uint8_t shape, item_len;
	uint16_t item_max;
} rows[] = {
	[P2P_VERSION] = {"version", VERSION_MAX, SHAPE_VERSION},
	[P2P_VERACK] = {"verack", 0, SHAPE_NONE},
	[P2P_PING] = {"ping", 8, SHAPE_U64},
	[P2P_PONG] = {"pong", 8, SHAPE_U64},
	[P2P_GETHEADERS] = {"getheaders", 4 + COUNT_LEN + 32 * (P2P_LOCATOR_MAX + 1), SHAPE_LOCATOR,
			    32, P2P_LOCATOR_MAX},
	[P2P_HEADERS] = {"headers", COUNT_LEN + P2P_HEADER_LEN *P2P_HEADERS_MAX, SHAPE_ITEMS,
			 P2P_HEADER_LEN, P2P_HEADERS_MAX},
	[P2P_INV] = {"inv", COUNT_LEN + P2P_INV_LEN *P2P_INV_MAX, SHAPE_ITEMS, P2P_INV_LEN,
		     P2P_INV_MAX},
	[P2P_GETDATA] = {"getdata", COUNT_LEN + P2P_INV_LEN *P2P_INV_MAX, SHAPE_ITEMS, P2P_INV_LEN,
			 P2P_INV_MAX},
	[P2P_NOTFOUND] = {"notfound", COUNT_LEN + P2P_INV_LEN *P2P_INV_MAX, SHAPE_ITEMS,
			  P2P_INV_LEN, P2P_INV_MAX},
	[P2P_BLOCK] = {"block", BLOCK_LEN_MAX, SHAPE_BYTES},
	[P2P_TX] = {"tx", P2P_TX_MAX, SHAPE_BYTES},
	[P2P_MEMPOOL] = {"mempool", 0, SHAPE_NONE},
	[P2P_SENDHEADERS] = {"sendheaders", 0, SHAPE_NONE},
	[P2P_WTXIDRELAY] = {"wtxidrelay", 0, SHAPE_NONE},
	[P2P_FEEFILTER] = {"feefilter", 8, SHAPE_U64},
	[P2P_OTHER] = {"", P2P_OTHER_MAX, SHAPE_BYTES},
};

/* ---- frames ---- */

static int command_read(const uint8_t p12[static P2P_COMMAND_LEN],
			char ret[static P2P_COMMAND_LEN + 1])
{
	size_t len = strnlen((const char *)p12, P2P_COMMAND_LEN);

	for (size_t i = 0; i < P2P_COMMAND_LEN; i++)
		if (i < len ? p12[i] < 0x20 || p12[i] > 0x7e : p12[i] != 0)
			return -ERR_FORMAT;
	if (len == 0)
		return -ERR_FORMAT;
	memset(ret, 0, P2P_COMMAND_LEN + 1);
	memcpy(ret, p12, len);
	return 0;
}

static enum p2p_kind command_kind(const char *command)
{
	unsigned kind = 0;

	while (kind < P2P_OTHER && strcmp(rows[kind].command, command) != 0)
		kind++;
	return (enum p2p_kind)kind;
}

int p2p_frame_read(const struct network *n, const uint8_t p24[static P2P_FRAME_LEN],
		   struct p2p_frame *ret)
{
	struct cur c = cur_init(p24, P2P_FRAME_LEN);
	struct p2p_frame f;

	if (memcmp(cur_bytes(&c, 4), n->wire4, 4) != 0)
		return -ERR_NETWORK;
	if (command_read(cur_bytes(&c, P2P_COMMAND_LEN), f.command) < 0)
		return -ERR_FORMAT;
	f.kind = command_kind(f.command);
	f.len = cur_u32le(&c);
	cur_copy(&c, f.check4, 4);
	if (f.len > rows[f.kind].len_max)
		return -ERR_OVERSIZE;
	*ret = f;
	return cur_end(&c);
}

/* ---- payloads in ---- */

static bool flag_read(struct cur *c)
{
	uint8_t v = cur_u8(c);

	if (v > 1)
		cur_fail(c, -ERR_FORMAT);
	return v == 1;
}

static void version_read(struct cur *c, struct p2p_version *v)
{
	uint64_t agent_len;

	v->protocol = cur_u32le(c);
	v->services = cur_u64le(c);
	v->time_s = cur_u64le(c);
	cur_copy(c, v->to26, P2P_ADDRESS_LEN);
	cur_copy(c, v->from26, P2P_ADDRESS_LEN);
	v->nonce = cur_u64le(c);
	agent_len = size_read(c);
	if (agent_len > P2P_AGENT_MAX)
		cur_fail(c, -ERR_OVERSIZE);
	v->agent_len = (uint32_t)agent_len;
	v->agent = (const char *)cur_bytes(c, v->agent_len);
	v->height = cur_u32le(c);
	v->has_relay = cur_left(c) > 0;
	v->relay = v->has_relay ? flag_read(c) : true;
}

static const uint8_t *items_read(struct cur *c, const struct row *row, uint32_t *ret_n)
{
	uint64_t n = size_read(c);

	if (n > row->item_max)
		cur_fail(c, -ERR_OVERSIZE);
	if (c->error)
		return NULL;
	*ret_n = (uint32_t)n;
	return cur_bytes(c, (size_t)n * row->item_len);
}

static void headers_check(struct cur *c, const struct p2p_message *m)
{
	for (uint32_t i = 0; !c->error && m->items && i < m->n; i++)
		if (p2p_header_at(m, i)[BLOCK_HEADER_LEN] != 0)
			cur_fail(c, -ERR_FORMAT);
}

static void payload_read(struct cur *c, const struct row *row, struct p2p_message *m)
{
	switch ((enum shape)row->shape) {
	case SHAPE_NONE:
		break;
	case SHAPE_U64:
		m->nonce = cur_u64le(c);
		break;
	case SHAPE_VERSION:
		version_read(c, &m->version);
		break;
	case SHAPE_LOCATOR:
		m->locator.protocol = cur_u32le(c);
		m->locator.hashes = items_read(c, row, &m->n);
		m->locator.stop32 = cur_bytes(c, 32);
		break;
	case SHAPE_ITEMS:
		m->items = items_read(c, row, &m->n);
		break;
	case SHAPE_BYTES:
		m->len = (uint32_t)c->len;
		m->bytes = cur_bytes(c, c->len);
		break;
	}
	if (m->kind == P2P_HEADERS)
		headers_check(c, m);
}

int p2p_read(const struct p2p_frame *f, const uint8_t *p, struct p2p_message *ret)
{
	struct p2p_message m = {.kind = f->kind};
	struct cur c = cur_init(p, f->len);
	uint8_t digest32[32];

	sha256d(p, f->len, digest32);
	if (memcmp(digest32, f->check4, 4) != 0)
		return -ERR_CHECKSUM;
	memcpy(m.command, f->command, sizeof(m.command));
	payload_read(&c, &rows[f->kind], &m);
	if (cur_end(&c) < 0)
		return cur_end(&c);
	*ret = m;
	return 0;
}

/* ---- payloads out ---- */

static void version_write(const struct p2p_version *v, struct buf *out)
{
	buf_u32le(out, v->protocol);
	buf_u64le(out, v->services);
	buf_u64le(out, v->time_s);
	buf_put(out, v->to26, P2P_ADDRESS_LEN);
	buf_put(out, v->from26, P2P_ADDRESS_LEN);
	buf_u64le(out, v->nonce);
	size_put(out, v->agent_len);
	buf_put(out, v->agent, v->agent_len);
	buf_u32le(out, v->height);
	if (v->has_relay)
		buf_u8(out, v->relay);
}

static void payload_write(const struct p2p_message *m, const struct row *row, struct buf *out)
{
	switch ((enum shape)row->shape) {
	case SHAPE_NONE:
		break;
	case SHAPE_U64:
		buf_u64le(out, m->nonce);
		break;
	case SHAPE_VERSION:
		version_write(&m->version, out);
		break;
	case SHAPE_LOCATOR:
		buf_u32le(out, m->locator.protocol);
		size_put(out, m->n);
		buf_put(out, m->locator.hashes, (size_t)m->n * 32);
		buf_put(out, m->locator.stop32, 32);
		break;
	case SHAPE_ITEMS:
		size_put(out, m->n);
		buf_put(out, m->items, (size_t)m->n * row->item_len);
		break;
	case SHAPE_BYTES:
		buf_put(out, m->bytes, m->len);
		break;
	}
}

static bool within_limits(const struct p2p_message *m, const struct row *row)
{
	switch ((enum shape)row->shape) {
	case SHAPE_NONE:
	case SHAPE_U64:
		return true;
	case SHAPE_VERSION:
		return m->version.agent_len <= P2P_AGENT_MAX;
	case SHAPE_LOCATOR:
	case SHAPE_ITEMS:
		return m->n <= row->item_max;
	case SHAPE_BYTES:
		return m->len <= row->len_max;
	}
	return false;
}

int p2p_write(const struct network *n, const struct p2p_message *m, struct buf *out)
{
	const struct row *row = &rows[m->kind];
	const char *command = m->kind == P2P_OTHER ? m->command : row->command;
	size_t start = out->len, payload = start + P2P_FRAME_LEN;
	char command12[P2P_COMMAND_LEN] = {0};
	uint8_t digest32[32];
	uint32_t len_le;

	if (!within_limits(m, row))
		return -ERR_RANGE;
	memcpy(command12, command, strnlen(command, P2P_COMMAND_LEN));
	buf_put(out, n->wire4, 4);
	buf_put(out, command12, P2P_COMMAND_LEN);
	buf_u64le(out, 0);
	payload_write(m, row, out);
	if (buf_err(out) < 0)
		return buf_err(out);
	len_le = htole32((uint32_t)(out->len - payload));
	sha256d(out->p + payload, out->len - payload, digest32);
	memcpy(out->p + start + 16, &len_le, 4);
	memcpy(out->p + start + 20, digest32, 4);
	return 0;
}

/* ---- items ---- */

struct p2p_inv p2p_inv_at(const struct p2p_message *m, uint32_t i)
{
	const uint8_t *p = m->items + (size_t)i * P2P_INV_LEN;
	uint32_t type;

	memcpy(&type, p, 4);
	return (struct p2p_inv){.type = le32toh(type), .hash32 = p + 4};
}

const uint8_t *p2p_header_at(const struct p2p_message *m, uint32_t i)
{
	return m->items + (size_t)i * P2P_HEADER_LEN;
}

void p2p_inv_put(struct buf *items, uint32_t type, const uint8_t hash32[static 32])
{
	buf_u32le(items, type);
	buf_put(items, hash32, 32);
}
