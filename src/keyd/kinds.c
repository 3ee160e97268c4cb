/* SPDX-License-Identifier: Apache-2.0
 * The table of kinds, and key records as both sides write and read them. */
#include "base/text.h"
#include "keyd/keyd-int.h"
#include "wire/note.h"

static const struct kind_row kinds[] = {
#define KIND(id, number, suffix, algorithm, life_days, cap, doc) \
	{KEYD_##id, #id, suffix, ALG_##algorithm, (int64_t)(life_days)*DAY_S, cap},
#include "keyd/kinds.def"
#undef KIND
};

static const struct {
	enum keyd_kind kind;
	const char *type;
} signs[] = {
#define SIGNS(id, type) {KEYD_##id, type},
#include "keyd/kinds.def"
#undef SIGNS
};

const struct kind_row *kind_rows(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(kinds);
	return kinds;
}

const struct kind_row *kind_row(unsigned kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}

const char *keyd_kind_name(enum keyd_kind kind)
{
	switch (kind) {
	case KEYD_NODE:
		return "node";
	case KEYD_EVIDENCE:
		return "evidence";
	case KEYD_LOG:
		return "log";
	case KEYD_TLS:
		return "tls";
	case KEYD_EPOCH:
		return "epoch";
	}
	return NULL;
}

bool kind_signs(enum keyd_kind kind, const char *name, const void *text, size_t len)
{
	if (kind == KEYD_LOG && note_text_is(text, len, name))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(signs); i++)
		if (signs[i].kind == kind && note_text_is(text, len, signs[i].type))
			return true;
	return false;
}

void record_put(struct buf *b, const struct keyd_key *key)
{
	size_t name_len = strlen(key->name);
	buf_u64be(b, key->number);
	buf_u8(b, (uint8_t)key->kind);
	buf_u8(b, (uint8_t)key->state);
	buf_u64be(b, (uint64_t)key->created_s);
	buf_u64be(b, (uint64_t)key->not_before_s);
	buf_u64be(b, (uint64_t)key->not_after_s);
	buf_u8(b, (uint8_t)name_len);
	buf_put(b, key->name, name_len);
	buf_u8(b, (uint8_t)key->pub_len);
	buf_put(b, key->pub, key->pub_len);
}

void record_get(struct cur *c, struct keyd_key *ret_key)
{
	struct keyd_key key = {.number = cur_u64be(c)};
	unsigned kind = cur_u8(c), state = cur_u8(c);
	uint64_t created = cur_u64be(c), before = cur_u64be(c), after = cur_u64be(c);
	size_t name_len = cur_u8(c);
	const uint8_t *name = cur_bytes(c, name_len);
	key.pub_len = cur_u8(c);
	if (name_len > KEYD_NAME_MAX || key.pub_len > KEYD_PUB_MAX || !kind_row(kind) ||
	    state < KEYD_CURRENT || state > KEYD_PAST || created > INT64_MAX ||
	    before > INT64_MAX || after > INT64_MAX) {
		cur_fail(c, -ERR_FORMAT);
		return;
	}
	cur_copy(c, key.pub, key.pub_len);
	if (c->error || !name_valid((const char *)name, name_len)) {
		cur_fail(c, -ERR_FORMAT);
		return;
	}
	memcpy(key.name, name, name_len);
	key.kind = (enum keyd_kind)kind;
	key.state = (enum keyd_state)state;
	key.created_s = (int64_t)created;
	key.not_before_s = (int64_t)before;
	key.not_after_s = (int64_t)after;
	*ret_key = key;
}
