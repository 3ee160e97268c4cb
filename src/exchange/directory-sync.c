/* SPDX-License-Identifier: Apache-2.0
 * Notes between peers: what each side has, and the notes that the other one lacks (docs/protocol/directory.md 7). */
#include "exchange/exchange-int.h"
#include <string.h>

enum { SYNC_NOTES_MAX = 256, SYNC_BYTES_MAX = 1 << 20, HAVE_MAX = NOTE_TEXT_MAX };

struct have {
	uint64_t members, policy;
	size_t nodes_n;
	struct {
		char name[DIRECTORY_NAME_MAX + 1];
		uint64_t version;
	} nodes[DIRECTORY_MEMBERS_MAX];
};

static int have_decode(const void *p, size_t len, struct have *ret, struct err *e)
{
	struct note_reader r;
	memset(ret, 0, sizeof(*ret));
	note_reader_init(&r, p, len, DIRECTORY_TYPE_HAVE);
	ret->members = note_get_u64(&r, "members", INT64_MAX);
	ret->policy = note_get_u64(&r, "policy", INT64_MAX);
	while (!r.error && note_next_is(&r, "node")) {
		struct note_word w[2];
		note_get_words(&r, "node", w, 2);
		if (ret->nodes_n == DIRECTORY_MEMBERS_MAX) {
			note_reader_fail(&r, -ERR_RANGE, "node");
			break;
		}
		size_t i = ret->nodes_n++;
		note_word_str(&r, w[0], ret->nodes[i].name, sizeof(ret->nodes[i].name));
		ret->nodes[i].version = note_word_u64(&r, w[1], INT64_MAX);
		if (!r.error && i && strcmp(ret->nodes[i - 1].name, ret->nodes[i].name) >= 0)
			note_reader_fail(&r, -ERR_FORMAT, "node");
	}
	return note_reader_end(&r, e);
}

static uint64_t have_node(const struct have *h, const char *name)
{
	for (size_t i = 0; i < h->nodes_n; i++)
		if (strcmp(h->nodes[i].name, name) == 0)
			return h->nodes[i].version;
	return 0;
}

static void own(struct directory *d, struct have *h)
{
	const struct directory_members *m = directory_members(d);
	memset(h, 0, sizeof(*h));
	h->policy = directory_policy(d)->version;
	h->members = m ? m->version : 0;
	for (size_t i = 0; m && i < m->members_n; i++) {
		const struct directory_node *n = directory_node(d, m->members[i].name);
		if (!n)
			continue;
		memcpy(h->nodes[h->nodes_n].name, n->name, sizeof(n->name));
		h->nodes[h->nodes_n++].version = n->version;
	}
}

int directory_have(struct directory *d, struct buf *out, struct err *e)
{
	_cleanup_(freep) struct have *h = malloc(sizeof(*h));
	_cleanup_(buf_done) struct buf text;
	struct note_writer w;
	buf_init(&text, HAVE_MAX);
	if (!h)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	own(d, h);
	note_writer_init(&w, &text, DIRECTORY_TYPE_HAVE);
	note_put_u64(&w, "members", h->members);
	note_put_u64(&w, "policy", h->policy);
	for (size_t i = 0; i < h->nodes_n; i++) {
		char version[24];
		snprintf(version, sizeof(version), "%llu", (unsigned long long)h->nodes[i].version);
		const char *words[] = {h->nodes[i].name, version};
		note_put_words(&w, "node", words, ARRAY_LEN(words));
	}
	int r = note_writer_end(&w);
	if (r < 0)
		return err_set(e, r, "have", NULL);
	frame_put(out, text.p, text.len);
	return buf_err(out);
}

/* Accepted notes of one chain above a version, in order. A node of which the other side has nothing gets only the newest. */
static int put_above(struct directory *d, const char *type, const char *name, uint64_t above,
		     size_t *notes_n, size_t start, struct buf *out, struct err *e)
{
	STORE_ROWS(rows);
	int r = store_query(
		exchange_store(directory_exchange(d)),
		"SELECT note FROM exchange_note WHERE type = ? AND name = ? AND accepted = 1 AND version > ?"
		" ORDER BY version",
		VALS(val_text(type), val_text(name), val_u64(above)), &rows, e);
	while (r >= 0 && (r = store_next(&rows, e)) > 0) {
		size_t len;
		const void *p = row_blob(&rows, "note", &len);
		if (*notes_n == SYNC_NOTES_MAX || out->len - start + len > SYNC_BYTES_MAX)
			return 0;
		++*notes_n;
		frame_put(out, p, len);
	}
	return r;
}

int directory_lacks(struct directory *d, const void *p, size_t len, struct buf *out, struct err *e)
{
	_cleanup_(freep) struct have *theirs = malloc(sizeof(*theirs));
	_cleanup_(freep) struct have *ours = malloc(sizeof(*ours));
	size_t n = 0, start = out->len;
	if (!theirs || !ours)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = have_decode(p, len, theirs, e);
	if (r < 0)
		return r;
	own(d, ours);
	if (ours->members > theirs->members)
		r = put_above(d, "members", "", theirs->members, &n, start, out, e);
	if (r >= 0 && ours->policy > theirs->policy)
		r = put_above(d, "policy", "", theirs->policy, &n, start, out, e);
	for (size_t i = 0; r >= 0 && i < ours->nodes_n; i++) {
		uint64_t above = have_node(theirs, ours->nodes[i].name);
		if (above == 0)
			above = ours->nodes[i].version - 1;
		if (ours->nodes[i].version > above)
			r = put_above(d, "node", ours->nodes[i].name, above, &n, start, out, e);
	}
	return r < 0 ? r : buf_err(out);
}

/* Is the next note of the body the next version of this one? Then this one may have expired. Nothing further on is looked at: a body
 * of nothing but expired notes must not cost the square of their number. */
static bool is_link(struct cur rest, const void *p, size_t len)
{
	enum directory_type type, t;
	char name[DIRECTORY_NAME_MAX + 1], n[DIRECTORY_NAME_MAX + 1];
	uint64_t version, v;
	const void *next;
	size_t next_len;
	if (directory_note_peek(p, len, &type, name, &version) < 0)
		return false;
	return frame_next(&rest, &next, &next_len) > 0 &&
	       directory_note_peek(next, next_len, &t, n, &v) == 0 && t == type &&
	       v == version + 1 && strcmp(n, name) == 0;
}

/* What a peer offers may be known, old or refused: that is told, and the rest of the body is still read. */
static int take_one(struct directory *d, const char *from, const void *p, size_t len,
		    struct cur rest, struct err *e)
{
	struct err why = {0};
	struct exchange *x = directory_exchange(d);
	int r = directory_take(d, from, false, p, len, NULL, &why);
	if (r == -ERR_EXPIRED && is_link(rest, p, len))
		r = directory_take(d, from, true, p, len, NULL, &why);
	switch (-r) {
	case 0:
	case ERR_STALE:
	case ERR_CONFLICT: /* told by directory.c, once */
		return 0;
	case ERR_NOSPC:
	case ERR_IO:
	case ERR_NOMEM:
	case ERR_BUSY:
		return err_set(e, r, "notes", "%s", why.message);
	default:
		exchange_tell(x, EXCHANGE_EV_NOTE_REFUSED, false, from, NULL, r,
			      "A directory note given by %s was refused: %s", from, why.message);
		return 0;
	}
}

static void compare(struct directory *d, const struct have *theirs, bool *ret_behind,
		    bool *ret_ahead)
{
	_cleanup_(freep) struct have *ours = malloc(sizeof(*ours));
	*ret_behind = *ret_ahead = false;
	if (!ours)
		return;
	own(d, ours);
	*ret_behind = theirs->members > ours->members || theirs->policy > ours->policy;
	*ret_ahead = theirs->members < ours->members || theirs->policy < ours->policy;
	for (size_t i = 0; i < theirs->nodes_n; i++)
		*ret_behind = *ret_behind ||
			      theirs->nodes[i].version > have_node(ours, theirs->nodes[i].name);
	for (size_t i = 0; i < ours->nodes_n; i++)
		*ret_ahead = *ret_ahead ||
			     ours->nodes[i].version > have_node(theirs, ours->nodes[i].name);
}

int directory_take_frames(struct directory *d, const char *from, const void *p, size_t len,
			  bool *ret_behind, bool *ret_ahead, struct err *e)
{
	_cleanup_(freep) struct have *theirs = malloc(sizeof(*theirs));
	struct cur c = cur_init(p, len);
	const void *frame;
	size_t frame_len, n = 0;
	if (!theirs)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = frame_next(&c, &frame, &frame_len);
	if (r <= 0)
		return err_set(e, r < 0 ? r : -ERR_FORMAT, "have",
			       "The first frame says what the sender has.");
	r = have_decode(frame, frame_len, theirs, e);
	while (r >= 0 && (r = frame_next(&c, &frame, &frame_len)) > 0) {
		if (++n > SYNC_NOTES_MAX)
			return err_set(e, ERR_OVERSIZE, "notes", "At most %d notes.",
				       SYNC_NOTES_MAX);
		r = take_one(d, from, frame, frame_len, c, e);
	}
	if (r < 0)
		return err_set(e, r, "notes", NULL);
	compare(d, theirs, ret_behind, ret_ahead);
	return 0;
}
