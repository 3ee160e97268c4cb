/* SPDX-License-Identifier: Apache-2.0
 * The decoders of this program, asked case by case: docs/protocol/conformance.md says what a case is. One JSON object a line on
 * standard input, its result as one line on standard output; tests/conformance/decode.py answers the same from the documents. */
#include "audit/merkle.h"
#include "audit/witness.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "exchange/directory.h"
#include "exchange/exchange-int.h"
#include "exchange/stream-note.h"
#include "wire/receipt.h"
#include <limits.h>
#include <sys/stat.h>

enum { INPUT_MAX = 12 << 20, KEYS_MAX = 8, HASHES_MAX = 80 };

struct input {
	const json_t *json;
	const void *p;
	size_t len;
};
/* Decodes one input: 0 and the fields, or what was wrong. */
typedef int decode_fn(const struct input *in, json_t *fields);

/* ---- fields ---- */

static void put(json_t *o, const char *key, json_t *v)
{
	json_object_set_new(o, key, v);
}

static void put_str(json_t *o, const char *key, const char *v)
{
	put(o, key, json_string(v));
}

static void put_int(json_t *o, const char *key, uint64_t v)
{
	put(o, key, json_integer((json_int_t)v));
}

static json_t *hex(const void *p, size_t len)
{
	char text[2 * 64 + 1];
	hex_encode(p, len, text);
	return json_string(text);
}

static json_t *sha256_of(const void *p, size_t len)
{
	uint8_t hash[SHA256_LEN];
	sha256(p, len, hash);
	return hex(hash, sizeof(hash));
}

static void put_between(json_t *o, const char *from, const char *to, int64_t time)
{
	put_str(o, "from", from);
	put_str(o, "to", to);
	put_int(o, "time", (uint64_t)time);
}

static json_t *place(uint64_t epoch, uint64_t seq, const uint8_t hash32[static 32])
{
	json_t *o = json_object();
	put_int(o, "epoch", epoch);
	put_int(o, "seq", seq);
	put(o, "hash", hex(hash32, 32));
	return o;
}

/* ---- what a case gives beside its input ---- */

static int vkey_parse(const json_t *text, struct note_verifier *ret)
{
	const char *s = json_string_value(text);
	return s ? note_verifier_parse(s, strlen(s), ret, NULL) : -ERR_INVAL;
}

struct keys {
	struct note_verifier v[KEYS_MAX];
	size_t n;
};

static int get_keys(const struct input *in, const char *name, struct keys *k)
{
	const json_t *list = json_object_get(in->json, name);
	int r = 0;
	for (k->n = 0; r == 0 && k->n < KEYS_MAX && k->n < json_array_size(list); k->n++)
		r = vkey_parse(json_array_get(list, k->n), &k->v[k->n]);
	return r;
}

static int get_key(const struct input *in, struct note_verifier *ret)
{
	return vkey_parse(json_object_get(in->json, "key"), ret);
}

static uint64_t get_int(const struct input *in, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(in->json, name));
}

static int get_hashes(const struct input *in, const char *name, uint8_t (*out)[32], size_t *ret_n)
{
	const json_t *list = json_object_get(in->json, name);
	size_t n = 0, len = 0;
	int r = 0;
	for (; r == 0 && n < HASHES_MAX && n < json_array_size(list); n++) {
		const char *s = json_string_value(json_array_get(list, n));
		r = s ? base64_decode(BASE64_PADDED, s, strlen(s), out[n], 32, &len) : -ERR_INVAL;
	}
	*ret_n = n;
	return r;
}

struct secrets {
	uint8_t key[KEYS_MAX][32];
	size_t n;
};

static int get_secrets(const struct input *in, struct secrets *s)
{
	const json_t *list = json_object_get(in->json, "secrets");
	int r = 0;
	for (s->n = 0; r == 0 && s->n < KEYS_MAX && s->n < json_array_size(list); s->n++) {
		const char *text = json_string_value(json_array_get(list, s->n));
		r = text ? hex_decode(text, strlen(text), s->key[s->n], 32) : -ERR_INVAL;
	}
	return r;
}

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	const struct secrets *s = ctx;
	int r = -ERR_NO_MATCH;
	for (size_t i = 0; r == -ERR_NO_MATCH && i < s->n; i++)
		r = age_unwrap(s->key[i], share32, wrapped32, ret_file_key16);
	return r;
}

/* ---- notes ---- */

static int do_note(const struct input *in, json_t *o)
{
	struct keys k;
	struct note n;
	uint64_t by = 0;
	int r = get_keys(in, "keys", &k);
	if (r == 0)
		r = note_parse(in->p, in->len, &n, NULL);
	if (r == 0)
		r = note_verify(&n, k.v, k.n, &by, NULL);
	if (r < 0)
		return r;
	json_t *signers = json_array();
	for (size_t i = 0; i < k.n; i++)
		if (by >> i & 1)
			json_array_append_new(signers, json_string(k.v[i].name));
	put(o, "type", json_stringn(n.p, n.type_len));
	put_int(o, "text_len", n.text_len);
	put(o, "text_sha256", sha256_of(n.p, n.text_len));
	put_int(o, "signatures", n.sigs_n);
	put(o, "signers", signers);
	return 0;
}

static int do_vkey(const struct input *in, json_t *o)
{
	struct note_verifier v;
	int r = note_verifier_parse(in->p, in->len, &v, NULL);
	if (r < 0)
		return r;
	const uint8_t id[4] = {(uint8_t)(v.key_id >> 24), (uint8_t)(v.key_id >> 16),
			       (uint8_t)(v.key_id >> 8), (uint8_t)v.key_id};
	put_str(o, "name", v.name);
	put(o, "id", hex(id, sizeof(id)));
	put(o, "key", hex(v.pk32, 32));
	return 0;
}

/* ---- parcels ---- */

static void put_outer(json_t *o, const struct parcel_outer *p)
{
	put_between(o, p->from, p->to, p->time_s);
	put_int(o, "epoch", p->epoch);
	put_int(o, "seq", p->seq);
	put(o, "prev", hex(p->prev32, 32));
	put(o, "id", hex(p->id16, 16));
	put_int(o, "expires", (uint64_t)p->expires_s);
	put_str(o, "class", parcel_class_name(p->class));
	put_int(o, "size", p->size);
	put(o, "sha256", hex(p->sha256, 32));
}

static int do_outer(const struct input *in, json_t *o)
{
	struct parcel_outer p;
	int r = parcel_outer_decode(in->p, in->len, &p, NULL);
	if (r == 0)
		put_outer(o, &p);
	return r;
}

static void put_manifest(json_t *o, const struct parcel_manifest *m)
{
	json_t *to = json_array(), *parts = json_array();
	for (size_t i = 0; i < m->to_n; i++)
		json_array_append_new(to, json_string(m->to[i]));
	for (size_t i = 0; i < m->parts_n; i++) {
		json_t *part = json_object();
		put_str(part, "media_type", m->parts[i].media_type);
		put_int(part, "size", m->parts[i].size);
		put(part, "sha256", hex(m->parts[i].sha256, 32));
		json_array_append_new(parts, part);
	}
	put_str(o, "from", m->from);
	put(o, "to", to);
	put_str(o, "officer", m->officer);
	put_str(o, "case", m->case_ref);
	put_str(o, "purpose", m->purpose);
	put_str(o, "basis", m->basis);
	put_str(o, "handling", m->handling);
	put_str(o, "marking", m->marking);
	put_str(o, "grade", m->grade);
	put(o, "parts", parts);
	put_int(o, "pad", m->pad);
	put(o, "known", json_boolean(parcel_handling_known(m)));
}

static int do_manifest(const struct input *in, json_t *o)
{
	struct parcel_manifest m;
	int r = parcel_manifest_decode(in->p, in->len, &m, NULL);
	if (r == 0)
		put_manifest(o, &m);
	return r;
}

static int do_age(const struct input *in, json_t *o)
{
	_cleanup_(age_open_freep) struct age_open *a = NULL;
	struct secrets s;
	struct buf text _cleanup_(buf_done);
	buf_init(&text, INPUT_MAX);
	int r = get_secrets(in, &s);
	if (r == 0)
		r = age_open_new(unwrap, &s, &a);
	if (r == 0)
		r = age_open_update(a, in->p, in->len, &text, NULL);
	if (r == 0)
		r = age_open_end(a, &text, NULL);
	if (r < 0)
		return r;
	put_int(o, "size", text.len);
	put(o, "sha256", sha256_of(text.p, text.len));
	return 0;
}

static int verify_manifest(void *ctx, const struct note *note, const struct parcel_manifest *m,
			   struct err *e)
{
	const struct keys *k = ctx;
	return note_verify(note, k->v, k->n, NULL, e);
}

struct opener {
	struct keys node, evidence;
	struct secrets secrets;
};

static int open_one(struct opener *x, const struct parcel *p, json_t *list)
{
	_cleanup_(parcel_inside_freep) struct parcel_inside *inside = NULL;
	size_t len = (size_t)p->outer.size;
	int r = note_verify(&p->note, x->node.v, x->node.n, NULL, NULL);
	if (r == 0)
		r = parcel_file_check(&p->outer, p->file, len, NULL);
	if (r == 0)
		r = parcel_open(p->file, len, &p->outer, unwrap, &x->secrets, verify_manifest,
				&x->evidence, &inside, NULL);
	if (r < 0)
		return r;
	json_t *o = json_object(), *outer = json_object(), *manifest = json_object();
	put_outer(outer, &p->outer);
	put_manifest(manifest, &inside->manifest);
	put(o, "outer", outer);
	put(o, "text_sha256", sha256_of(p->note.p, p->note.text_len));
	put(o, "manifest", manifest);
	json_array_append_new(list, o);
	return 0;
}

static int do_parcel(const struct input *in, json_t *o)
{
	struct opener x;
	struct parcel p;
	struct cur c = cur_init(in->p, in->len);
	json_t *list = json_array();
	put(o, "parcels", list);
	int r = get_keys(in, "keys", &x.node);
	if (r == 0)
		r = get_keys(in, "evidence_keys", &x.evidence);
	if (r == 0)
		r = get_secrets(in, &x.secrets);
	while (r == 0 && (r = parcel_next(&c, &p, NULL)) > 0)
		r = open_one(&x, &p, list);
	return r;
}

static int do_receipt(const struct input *in, json_t *o)
{
	struct receipt v;
	char kind[32];
	int r = receipt_decode(in->p, in->len, &v, NULL);
	if (r < 0)
		return r;
	snprintf(kind, sizeof(kind), "R%u %s", receipt_number(v.kind), receipt_name(v.kind));
	put_between(o, v.from, v.to, v.time_s);
	put(o, "id", hex(v.id16, 16));
	put(o, "sha256", hex(v.sha256, 32));
	put_str(o, "receipt", kind);
	put_str(o, "reason", v.reason);
	put(o, "head", place(v.head_epoch, v.head_seq, v.head32));
	return 0;
}

/* ---- streams ---- */

static int do_frames(const struct input *in, json_t *o)
{
	struct cur c = cur_init(in->p, in->len);
	const void *p;
	size_t len;
	int r;
	json_t *list = json_array();
	put(o, "frames", list);
	while ((r = frame_next(&c, &p, &len)) > 0)
		json_array_append_new(list, sha256_of(p, len));
	return r;
}

static int do_head(const struct input *in, json_t *o)
{
	struct stream_head h;
	int r = stream_head_decode(in->p, in->len, &h, NULL);
	if (r < 0)
		return r;
	json_t *shown = json_object(), *missing = json_array(), *stopped = json_array();
	put_between(o, h.from, h.to, h.time_ms);
	put(o, "received", place(h.received.epoch, h.received.seq, h.received.chain32));
	put(o, "sent", place(h.sent.epoch, h.sent.seq, h.sent.chain32));
	put_int(o, "top", h.top);
	put_int(shown, "epoch", h.shown_epoch);
	put_int(shown, "seq", h.shown_seq);
	for (size_t i = 0; i < h.missing_n; i++)
		json_array_append_new(missing, json_pack("[I, I]", (json_int_t)h.missing[i].first,
							 (json_int_t)h.missing[i].last));
	if (h.stopped) {
		json_array_append_new(stopped, hex(h.stop_a32, 32));
		json_array_append_new(stopped, hex(h.stop_b32, 32));
	}
	put(o, "shown", shown);
	put(o, "missing", missing);
	put(o, "stopped", stopped);
	return 0;
}

static int do_reset(const struct input *in, json_t *o)
{
	struct stream_reset v;
	int r = stream_reset_decode(in->p, in->len, &v, NULL);
	if (r < 0)
		return r;
	put_between(o, v.from, v.to, v.time_s);
	put_int(o, "epoch", v.epoch);
	put(o, "last", place(v.last.epoch, v.last.seq, v.last.chain32));
	put_str(o, "reason", v.reason);
	return 0;
}

static int do_refusal(const struct input *in, json_t *o)
{
	struct stream_refusal v;
	int r = stream_refusal_decode(in->p, in->len, &v, NULL);
	if (r < 0)
		return r;
	put_between(o, v.from, v.to, v.time_s);
	put(o, "id", hex(v.id16, 16));
	put_str(o, "code", v.code);
	return 0;
}

static int do_non_delivery(const struct input *in, json_t *o)
{
	struct stream_non_delivery v;
	int r = stream_non_delivery_decode(in->p, in->len, &v, NULL);
	if (r < 0)
		return r;
	put_between(o, v.from, v.to, v.time_s);
	put(o, "id", hex(v.id16, 16));
	put_int(o, "expires", (uint64_t)v.expires_s);
	put_int(o, "tries", v.tries);
	put_str(o, "code", v.code);
	return 0;
}

/* ---- directory ---- */

static int take_json(json_t *o, json_t *from)
{
	int r = from ? json_object_update(o, from) : -1;
	json_decref(from);
	return r < 0 ? -ERR_NOMEM : 0;
}

static int do_members(const struct input *in, json_t *o)
{
	static struct directory_members m;
	int r = directory_members_decode(in->p, in->len, &m, NULL);
	return r < 0 ? r : take_json(o, directory_members_json(&m));
}

static int do_node(const struct input *in, json_t *o)
{
	static struct directory_node n;
	int r = directory_node_decode(in->p, in->len, &n, NULL);
	return r < 0 ? r : take_json(o, directory_node_json(&n));
}

static int do_policy(const struct input *in, json_t *o)
{
	struct directory_policy p;
	char previous[BASE64_LEN(32) + 1];
	int r = directory_policy_decode(in->p, in->len, &p, NULL);
	if (r < 0)
		return r;
	json_t *classes = json_array();
	for (size_t i = 0; i < DIRECTORY_CLASSES; i++)
		json_array_append_new(classes,
				      json_pack("[I, I, I]", (json_int_t)p.class[i].receipt_s,
						(json_int_t)p.class[i].ack_s,
						(json_int_t)p.class[i].answer_s));
	base64_encode(BASE64_PADDED, p.previous32, 32, previous);
	put_int(o, "version", p.version);
	put_str(o, "previous", previous);
	put_int(o, "time", (uint64_t)p.time_s);
	put(o, "classes", classes);
	return 0;
}

static int do_key_file(const struct input *in, json_t *o)
{
	struct note_verifier v;
	uint8_t seed32[32];
	char text[NOTE_VKEY_MAX + 1];
	int r = directory_key_parse(in->p, in->len, &v, seed32, NULL);
	if (r < 0)
		return r;
	note_verifier_text(&v, text);
	put_str(o, "public", text);
	put(o, "secret", hex(seed32, 32));
	return 0;
}

/* ---- log ---- */

static json_t *entry_json(const struct audit_entry *v)
{
	json_t *o = json_object();
	put_int(o, "seq", v->seq);
	put_int(o, "time", (uint64_t)v->time_s);
	put_str(o, "type", audit_type_name(v->type));
	put(o, "commit", hex(v->commit32, 32));
	return o;
}

static json_t *checkpoint_json(const struct audit_checkpoint *v)
{
	json_t *o = json_object();
	put_str(o, "origin", v->origin);
	put_int(o, "size", v->size);
	put(o, "root", hex(v->root32, 32));
	return o;
}

static int do_entry(const struct input *in, json_t *o)
{
	struct audit_entry v;
	int r = audit_entry_parse(in->p, in->len, &v, NULL);
	return r < 0 ? r : take_json(o, entry_json(&v));
}

static int do_checkpoint(const struct input *in, json_t *o)
{
	struct audit_checkpoint v;
	struct note_verifier key;
	int r = get_key(in, &key);
	if (r == 0)
		r = audit_checkpoint_check(in->p, in->len, &key, &v, NULL);
	return r < 0 ? r : take_json(o, checkpoint_json(&v));
}

static int do_cosignature(const struct input *in, json_t *o)
{
	struct note_verifier key;
	int64_t time_s = 0;
	int r = get_key(in, &key);
	if (r == 0)
		r = cosignature_check(in->p, in->len, &key, &time_s, NULL);
	if (r == 0)
		put_int(o, "time", (uint64_t)time_s);
	return r;
}

static int do_proof(const struct input *in, json_t *o)
{
	struct note_verifier key;
	struct audit_proof proof;
	struct keys k;
	json_t *times = json_array();
	put(o, "witnesses", times);
	int r = get_key(in, &key);
	if (r == 0)
		r = get_keys(in, "witnesses", &k);
	if (r == 0)
		r = audit_proof_verify(in->p, in->len, &key, &proof, NULL);
	for (size_t i = 0; r == 0 && i < k.n; i++) {
		int64_t time_s = 0;
		r = audit_proof_cosigned(in->p, in->len, &k.v[i], &time_s, NULL);
		json_array_append_new(times, json_integer(time_s));
	}
	if (r < 0)
		return r;
	put(o, "entry", entry_json(&proof.entry));
	put(o, "checkpoint", checkpoint_json(&proof.head));
	return 0;
}

static int do_inclusion(const struct input *in, json_t *o)
{
	uint8_t both[HASHES_MAX][32], proof[HASHES_MAX][32];
	size_t n = 0;
	int r = get_hashes(in, "hashes", both, &n);
	if (r == 0)
		r = get_hashes(in, "proof", proof, &n);
	return r < 0 ? r
		     : merkle_inclusion_check(get_int(in, "index"), get_int(in, "size"), both[0],
					      (const uint8_t(*)[32])proof, n, both[1]);
}

static int do_consistency(const struct input *in, json_t *o)
{
	uint8_t both[HASHES_MAX][32], proof[HASHES_MAX][32];
	size_t n = 0;
	int r = get_hashes(in, "hashes", both, &n);
	if (r == 0)
		r = get_hashes(in, "proof", proof, &n);
	return r < 0 ? r
		     : merkle_consistency_check(get_int(in, "old_size"), get_int(in, "size"),
						both[0], both[1], (const uint8_t(*)[32])proof, n);
}

static int make_folders(char *path, size_t from)
{
	for (char *p = path + from; (p = strchr(p + 1, '/'));) {
		*p = '\0';
		int r = mkdir(path, 0700);
		*p = '/';
		if (r < 0 && errno != EEXIST)
			return err_errno(errno);
	}
	return 0;
}

static int write_files(const json_t *files, const char *dir, struct buf *b)
{
	const char *name;
	json_t *data;
	int r = 0;
	json_object_foreach ((json_t *)files, name, data) {
		char path[PATH_MAX];
		const char *text = json_string_value(data);
		size_t len = 0;
		buf_clear(b);
		uint8_t *p = text ? buf_space(b, strlen(text)) : NULL;
		if (!p)
			return -ERR_INVAL;
		r = base64_decode(BASE64_PADDED, text, strlen(text), p, strlen(text), &len);
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (r == 0)
			r = make_folders(path, strlen(dir));
		if (r == 0)
			r = file_write(path, p, len, 0600, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int do_log(const struct input *in, json_t *o)
{
	struct note_verifier key;
	struct audit_report report;
	char dir[] = "/tmp/conform-XXXXXX", command[64];
	struct buf b _cleanup_(buf_done);
	buf_init(&b, INPUT_MAX);
	int r = get_key(in, &key);
	if (r < 0 || !mkdtemp(dir))
		return -ERR_IO;
	r = write_files(json_object_get(in->json, "files"), dir, &b);
	if (r == 0)
		r = audit_verify(dir, &key, NULL, NULL, &report, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		return -ERR_IO;
	if (r < 0)
		return r;
	put_str(o, "origin", report.head.origin);
	put_int(o, "entries", report.entries);
	put(o, "root", hex(report.head.root32, 32));
	return 0;
}

/* ---- cases ---- */

static const struct {
	const char *name;
	decode_fn *decode;
	bool text; /* the text of a note, without its signatures */
} kinds[] = {
	{"note", do_note, false},
	{"vkey", do_vkey, false},
	{"age", do_age, false},
	{"parcel", do_parcel, false},
	{"outer", do_outer, true},
	{"manifest", do_manifest, true},
	{"receipt", do_receipt, true},
	{"frames", do_frames, false},
	{"head", do_head, true},
	{"reset", do_reset, true},
	{"refusal", do_refusal, true},
	{"non-delivery", do_non_delivery, true},
	{"members", do_members, true},
	{"node", do_node, true},
	{"policy", do_policy, true},
	{"key-file", do_key_file, true},
	{"entry", do_entry, true},
	{"checkpoint", do_checkpoint, false},
	{"cosignature", do_cosignature, false},
	{"proof", do_proof, false},
	{"inclusion", do_inclusion, false},
	{"consistency", do_consistency, false},
	{"log", do_log, false},
};

static int decode(const struct input *in, const char *kind, json_t *fields)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kind, kinds[i].name) != 0)
			continue;
		int r = kinds[i].text ? note_text_valid(in->p, in->len, NULL) : 0;
		return r < 0 ? r : kinds[i].decode(in, fields);
	}
	fprintf(stderr, "conform: no kind \"%s\"\n", kind);
	exit(2);
}

/* The bytes of a case: its text, or what its base64 says. */
static int read_input(const json_t *c, struct buf *b, struct input *ret)
{
	const char *text = json_string_value(json_object_get(c, "text"));
	const char *b64 = json_string_value(json_object_get(c, "base64"));
	size_t len = 0;
	buf_clear(b);
	if (text)
		buf_str(b, text);
	else if (b64) {
		uint8_t *p = buf_space(b, strlen(b64));
		int r = p ? base64_decode(BASE64_PADDED, b64, strlen(b64), p, strlen(b64), &len)
			  : -ERR_NOMEM;
		if (r < 0)
			return r;
		b->len = len;
	}
	*ret = (struct input){c, b->len ? b->p : (const void *)"", b->len};
	return buf_err(b);
}

static int answer(const char *line, struct buf *b)
{
	json_error_t je;
	struct input in;
	_cleanup_(json_decrefp) json_t *c = json_loads(line, 0, &je);
	_cleanup_(json_decrefp) json_t *fields = json_object();
	const char *kind = json_string_value(json_object_get(c, "kind"));
	if (!kind || read_input(c, b, &in) < 0) {
		fprintf(stderr, "conform: a case that cannot be read: %s\n", je.text);
		return 2;
	}
	int r = decode(&in, kind, fields);
	_cleanup_(json_decrefp) json_t *o =
		r < 0 ? json_pack("{s:s}", "result", err_name(r))
		      : json_pack("{s:s, s:O}", "result", "ok", "fields", fields);
	_cleanup_(freep) char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	puts(text ? text : "{}");
	return 0;
}

int main(void)
{
	_cleanup_(freep) char *line = NULL;
	struct buf b _cleanup_(buf_done);
	size_t room = 0;
	int r = crypto_start() < 0 ? 2 : 0;
	buf_init(&b, INPUT_MAX);
	while (r == 0 && getline(&line, &room, stdin) > 0)
		r = answer(line, &b);
	return r;
}
