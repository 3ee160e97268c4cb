/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the text of a directory or stream note: what is accepted is written back byte by byte (but optional x- lines),
 * and a directory note also by way of its JSON. */
#include "exchange/directory.h"
#include "exchange/stream-note.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *b, const uint8_t *data, size_t size)
{
	bool optional = memmem(data, size, "\nx-", 3) != NULL;
	if (b->len > size || memcmp(b->p, data, b->len) != 0 || (b->len != size && !optional))
		__builtin_trap();
}

static void must(int r)
{
	if (r < 0)
		__builtin_trap();
}

static void drafted(json_t *j, int (*draft)(const json_t *, struct buf *, struct err *),
		    struct buf *b, const uint8_t *data, size_t size)
{
	buf_clear(b);
	must(draft(j, b, NULL));
	same(b, data, size);
	json_decref(j);
}

static void directory_texts(const char *text, size_t size, struct buf *b)
{
	static struct directory_members m;
	static struct directory_node n;
	struct directory_policy p;
	if (directory_members_decode(text, size, &m, NULL) == 0) {
		must(directory_members_encode(&m, b, NULL));
		same(b, (const uint8_t *)text, size);
		drafted(directory_members_json(&m), directory_members_draft, b,
			(const uint8_t *)text, size);
	}
	buf_clear(b);
	if (directory_node_decode(text, size, &n, NULL) == 0) {
		must(directory_node_encode(&n, b, NULL));
		same(b, (const uint8_t *)text, size);
		drafted(directory_node_json(&n), directory_node_draft, b, (const uint8_t *)text,
			size);
	}
	buf_clear(b);
	if (directory_policy_decode(text, size, &p, NULL) == 0) {
		must(directory_policy_encode(&p, b, NULL));
		same(b, (const uint8_t *)text, size);
	}
}

static void stream_texts(const char *text, size_t size, struct buf *b)
{
	struct stream_head h;
	struct stream_reset s;
	struct stream_refusal f;
	struct stream_non_delivery d;
	buf_clear(b);
	if (stream_head_decode(text, size, &h, NULL) == 0)
		must(stream_head_encode(&h, b));
	else if (stream_reset_decode(text, size, &s, NULL) == 0)
		must(stream_reset_encode(&s, b));
	else if (stream_refusal_decode(text, size, &f, NULL) == 0)
		must(stream_refusal_encode(&f, b));
	else if (stream_non_delivery_decode(text, size, &d, NULL) == 0)
		must(stream_non_delivery_encode(&d, b));
	if (b->len && (b->len != size || memcmp(b->p, text, size) != 0))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b;
	struct note_verifier v;
	uint8_t seed32[32];
	buf_init(&b, 2 * NOTE_TEXT_MAX);
	directory_texts((const char *)data, size, &b);
	stream_texts((const char *)data, size, &b);
	if (directory_key_parse((const char *)data, size, &v, seed32, NULL) == 0) {
		buf_clear(&b);
		must(directory_keygen(v.name, seed32, &b, NULL));
		same(&b, data, size);
	}
	buf_done(&b);
	return 0;
}
