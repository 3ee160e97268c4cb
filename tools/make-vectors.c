/* SPDX-License-Identifier: Apache-2.0
 * Writes the published vectors of notes and parcels: make-vectors DIR, or compares them: make-vectors --check DIR.
 *
 * Everything in them follows from the fixed seeds below; where the formats draw randomness, the vectors name the bytes. */
#include "base/file.h"
#include "base/json.h"
#include "base/prng.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "wire/receipt.h"

enum { VECTOR_MAX = 1 << 20, RANDOM_MAX = 1024 };
#define DASH "\xe2\x80\x94 "

/* A failure here is a mistake in this program. */
#define MUST(x)                                                                       \
	do {                                                                          \
		if (!(x)) {                                                           \
			fprintf(stderr, "make-vectors: line %d: %s\n", __LINE__, #x); \
			exit(1);                                                      \
		}                                                                     \
	} while (0)

static json_t *hex(const void *p, size_t len)
{
	char *text = malloc(2 * len + 1);
	MUST(text);
	hex_encode(p, len, text);
	json_t *j = json_string(text);
	free(text);
	return j;
}

static json_t *base64(const void *p, size_t len)
{
	char *text = malloc(BASE64_LEN(len) + 1);
	MUST(text);
	base64_encode(BASE64_PADDED, p, len, text);
	json_t *j = json_string(text);
	free(text);
	return j;
}

static json_t *sha256_hex(const void *p, size_t len)
{
	uint8_t hash[SHA256_LEN];
	sha256(p, len, hash);
	return hex(hash, sizeof(hash));
}

static json_t *text_of(const struct buf *b)
{
	return json_stringn((const char *)b->p, b->len);
}

/* ---- keys ---- */

static const struct key {
	const char *name;
	uint8_t seed[32];
} key_node = {"it.example", {1}}, key_evidence = {"it.example/evidence", {2}},
  key_peer = {"fr.example", {3}}, key_stranger = {"xx.example", {4}};

static struct note_verifier verifier_of(const struct key *k)
{
	struct note_verifier v;
	uint8_t pk[32];
	ed25519_public(k->seed, pk);
	MUST(note_verifier_init(&v, k->name, pk) == 0);
	return v;
}

static json_t *key_json(const struct key *k)
{
	struct note_verifier v = verifier_of(k);
	char vkey[NOTE_VKEY_MAX + 1];
	note_verifier_text(&v, vkey);
	return json_pack("{ss so so ss}", "name", k->name, "seed", hex(k->seed, 32), "public",
			 hex(v.pk32, 32), "vkey", vkey);
}

static int sign_with(void *ctx, struct buf *text, struct err *e)
{
	const struct key *k = ctx;
	return note_sign_seed(text, k->name, k->seed, e);
}

/* ---- note.json ---- */

static void add_note(json_t *list, const char *comment, struct buf *b)
{
	static const struct key *const known[] = {&key_node, &key_evidence, &key_peer};
	struct note_verifier v[3];
	struct note n;
	uint64_t signed_by = 0;
	for (size_t i = 0; i < 3; i++)
		v[i] = verifier_of(known[i]);
	MUST(buf_err(b) == 0 && note_parse(b->p, b->len, &n, NULL) == 0);
	int r = note_verify(&n, v, 3, &signed_by, NULL);
	json_t *by = json_array();
	for (size_t i = 0; i < 3; i++)
		if (signed_by >> i & 1)
			json_array_append_new(by, json_string(v[i].name));
	json_array_append_new(list,
			      json_pack("{ss so sI ss so}", "comment", comment, "note", text_of(b),
					"text_len", (json_int_t)n.text_len, "result",
					r == 0 ? "ok" : err_name(r), "signed_by", by));
	buf_clear(b);
}

static json_t *good_notes(void)
{
	json_t *list = json_array();
	struct buf b;
	buf_init(&b, NOTE_MAX);
	buf_str(&b, "lugdunum.network/example/v1\nname it.example\n");
	MUST(sign_with((void *)&key_node, &b, NULL) == 0);
	add_note(list, "one signature", &b);
	buf_str(&b, "lugdunum.network/example/v1\n");
	MUST(sign_with((void *)&key_node, &b, NULL) == 0 &&
	     sign_with((void *)&key_peer, &b, NULL) == 0);
	add_note(list, "two signatures", &b);
	buf_str(&b, "lugdunum.network/example/v1\n");
	MUST(sign_with((void *)&key_stranger, &b, NULL) == 0 &&
	     sign_with((void *)&key_evidence, &b, NULL) == 0);
	add_note(list, "a signature of an unknown key is skipped", &b);
	buf_str(&b, "first\n\nsecond \xc3\xa9\xe6\x97\xa5\n\n\n");
	MUST(sign_with((void *)&key_node, &b, NULL) == 0);
	add_note(list, "empty lines in the text: the last one parts it from the signatures", &b);
	buf_str(&b, "lugdunum.network/example/v1\n");
	MUST(sign_with((void *)&key_stranger, &b, NULL) == 0);
	add_note(list, "no known key", &b);
	buf_str(&b, "lugdunum.network/example/v1\n");
	MUST(sign_with((void *)&key_node, &b, NULL) == 0 &&
	     note_sig_put(&b, key_peer.name, verifier_of(&key_peer).key_id,
			  (const uint8_t[64]){1}) == 0);
	add_note(list,
		 "a good signature, and one of a known key that does not hold: the note is refused",
		 &b);
	buf_done(&b);
	return list;
}

static json_t *bad_notes(void)
{
	static const char *const bad[][2] = {
		{"empty", ""},
		{"no signature", "a\n\n"},
		{"no empty line", "a\n" DASH "k AAAAAAE=\n"},
		{"empty first line", "\n\n" DASH "k AAAAAAE=\n"},
		{"no line feed at the end", "a\n\n" DASH "k AAAAAAE="},
		{"carriage return", "a\r\n\n" DASH "k AAAAAAE=\n"},
		{"tabulator", "a\t\n\n" DASH "k AAAAAAE=\n"},
		{"control character U+0085", "a\xc2\x85\n\n" DASH "k AAAAAAE=\n"},
		{"not UTF-8", "a\xff\n\n" DASH "k AAAAAAE=\n"},
		{"overlong UTF-8", "a\xc0\xaf\n\n" DASH "k AAAAAAE=\n"},
		{"empty line behind", "a\n\n" DASH "k AAAAAAE=\n\n"},
		{"hyphen", "a\n\n- k AAAAAAE=\n"},
		{"no name", "a\n\n" DASH " AAAAAAE=\n"},
		{"plus in the name", "a\n\n" DASH "k+l AAAAAAE=\n"},
		{"no-break space in the name", "a\n\n" DASH "k\xc2\xa0l AAAAAAE=\n"},
		{"two spaces", "a\n\n" DASH "k  AAAAAAE=\n"},
		{"key id without signature", "a\n\n" DASH "k AAAAAA==\n"},
		{"base64 without padding", "a\n\n" DASH "k AAAAAAE\n"},
		{"base64 with trailing bits", "a\n\n" DASH "k AAAAAAF=\n"},
		{"same name and key id twice", "a\n\n" DASH "k AAAAAAE=\n" DASH "k AAAAAAI=\n"},
	};
	json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct note n;
		MUST(note_parse(bad[i][1], strlen(bad[i][1]), &n, NULL) == -ERR_FORMAT);
		json_array_append_new(list, json_pack("{ss so ss}", "comment", bad[i][0], "hex",
						      hex(bad[i][1], strlen(bad[i][1])), "result",
						      err_name(-ERR_FORMAT)));
	}
	return list;
}

static json_t *note_vectors(void)
{
	return json_pack("{ss so so so}", "source", "docs/protocol/note.md", "keys",
			 json_pack("[o o o]", key_json(&key_node), key_json(&key_evidence),
				   key_json(&key_peer)),
			 "notes", good_notes(), "malformed", bad_notes());
}

/* ---- parcel.json ---- */

struct recorder {
	struct prng prng;
	uint8_t bytes[RANDOM_MAX];
	size_t len;
};

static void recorded_random(void *ctx, void *out, size_t len)
{
	struct recorder *r = ctx;
	MUST(len <= sizeof(r->bytes) - r->len);
	prng_bytes(&r->prng, out, len);
	memcpy(r->bytes + r->len, out, len);
	r->len += len;
}

static int unwrap_with(void *ctx, const uint8_t share32[static 32],
		       const uint8_t wrapped32[static 32], uint8_t ret_file_key16[static 16],
		       struct err *e)
{
	return age_unwrap(ctx, share32, wrapped32, ret_file_key16);
}

static int verify_evidence(void *ctx, const struct note *note, const struct parcel_manifest *m,
			   struct err *e)
{
	struct note_verifier v = verifier_of(&key_evidence);
	return note_verify_one(note, &v, e);
}

static const struct parcel_content parts[] = {
	{"application/vnd.lugdunum.request+json", "{\"type\":\"FREEZE\",\"class\":\"FLASH\"}", 33},
	{"text/plain", "Quattro milioni, partiti oggi 14:02.\n", 37},
};
static const uint8_t secrets[2][32] = {{0, 11}, {0, 12}};

static json_t *recipient_json(const char *node, const uint8_t secret[static 32])
{
	uint8_t pk[32];
	char recipient[AGE_RECIPIENT_TEXT_LEN + 1], identity[AGE_IDENTITY_TEXT_LEN + 1];
	x25519_public(secret, pk);
	age_recipient_text(pk, recipient);
	age_identity_text(secret, identity);
	return json_pack("{ss so ss ss}", "node", node, "secret", hex(secret, 32), "identity",
			 identity, "recipient", recipient);
}

static struct parcel_manifest the_manifest(void)
{
	return (struct parcel_manifest){
		.from = "it.example",
		.to = {"jp.example", "fr.example"},
		.to_n = 2,
		.officer = "o-17",
		.case_ref = "2024/118-A",
		.purpose = "freeze",
		.basis = "cybercrime-art-25",
		.handling = "H1",
		.marking = "TLP:AMBER+STRICT",
		.grade = "A1",
	};
}

static void seal_file(struct recorder *r, struct buf *file)
{
	uint8_t recipients[2][32];
	struct parcel_manifest m = the_manifest();
	const struct note_signer signer = {sign_with, (void *)&key_evidence};
	prng_init(&r->prng, 20240419);
	for (size_t i = 0; i < 2; i++)
		x25519_public(secrets[i], recipients[i]);
	MUST(parcel_seal(&m, parts, ARRAY_LEN(parts), (const uint8_t(*)[32])recipients, 2, &signer,
			 recorded_random, r, file, NULL) == 0);
}

static void put_outer(const struct buf *file, struct parcel_outer *o, struct buf *note)
{
	*o = (struct parcel_outer){
		.from = "it.example",
		.to = "fr.example",
		.epoch = 1,
		.seq = 1,
		.id16 = {0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x70, 0x01, 0x80, 0x02},
		.time_s = 1700000000,
		.expires_s = 1700086400,
		.class = PARCEL_FLASH,
		.size = file->len,
	};
	sha256(file->p, file->len, o->sha256);
	MUST(parcel_outer_encode(o, note) == 0 && sign_with((void *)&key_node, note, NULL) == 0);
}

static json_t *receipts_json(const struct parcel_outer *o, const struct buf *note)
{
	json_t *list = json_array();
	struct buf b;
	struct note n;
	buf_init(&b, NOTE_MAX);
	MUST(note_parse(note->p, note->len, &n, NULL) == 0);
	for (int k = RECEIPT_STORED; k <= RECEIPT_ACTED; k++) {
		struct receipt r = {.from = "fr.example",
				    .to = "it.example",
				    .time_s = 1700000001 + k,
				    .kind = (enum receipt_kind)k,
				    .head_epoch = 1,
				    .head_seq = 1};
		memcpy(r.id16, o->id16, sizeof(r.id16));
		memcpy(r.sha256, o->sha256, sizeof(r.sha256));
		note_text_hash(&n, r.head32);
		if (k == RECEIPT_REFUSED)
			snprintf(r.reason, sizeof(r.reason), "%s", err_name(-ERR_NO_MATCH));
		buf_clear(&b);
		MUST(receipt_encode(&r, &b) == 0 && sign_with((void *)&key_peer, &b, NULL) == 0);
		json_array_append_new(list, text_of(&b));
	}
	buf_done(&b);
	return list;
}

static json_t *parts_json(void)
{
	json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		json_array_append_new(list,
				      json_pack("{ss so}", "media_type", parts[i].media_type,
						"text", json_stringn(parts[i].p, parts[i].len)));
	return list;
}

static json_t *parcel_vectors(void)
{
	static struct recorder r;
	struct buf file, note, body;
	struct parcel_outer o;
	_cleanup_(parcel_inside_freep) struct parcel_inside *in = NULL;
	buf_init(&file, PARCEL_FILE_MAX);
	buf_init(&note, PARCEL_NOTE_MAX);
	buf_init(&body, VECTOR_MAX);
	seal_file(&r, &file);
	put_outer(&file, &o, &note);
	MUST(parcel_put(&body, note.p, note.len, file.p, file.len) == 0);
	MUST(parcel_open(file.p, file.len, &o, unwrap_with, (void *)secrets[0], verify_evidence,
			 NULL, &in, NULL) == 0);
	json_t *j = json_pack("{ss so so so so so so so so so so so}", "source",
			      "docs/protocol/parcel.md", "keys",
			      json_pack("[o o o]", key_json(&key_node), key_json(&key_evidence),
					key_json(&key_peer)),
			      "recipients",
			      json_pack("[o o]", recipient_json("fr.example", secrets[0]),
					recipient_json("jp.example", secrets[1])),
			      "random", hex(r.bytes, r.len), "parts", parts_json(), "manifest_note",
			      json_stringn(in->note.p, in->note.len), "text_len",
			      json_integer((json_int_t)in->text.len), "text_sha256",
			      sha256_hex(in->text.p, in->text.len), "outer_note", text_of(&note),
			      "parcel", base64(body.p, body.len), "parcel_sha256",
			      sha256_hex(body.p, body.len), "receipts", receipts_json(&o, &note));
	buf_done(&file);
	buf_done(&note);
	buf_done(&body);
	return j;
}

/* ---- files ---- */

static int check_file(const char *path, const char *want)
{
	struct buf b;
	struct err e = {0};
	buf_init(&b, VECTOR_MAX);
	int r = file_read(path, &b, &e);
	bool same = r == 0 && strcmp(buf_cstr(&b), want) == 0;
	buf_done(&b);
	if (!same)
		fprintf(stderr, "%s: %s\n", path,
			r < 0 ? e.message
			      : "not what the code makes now; a change of a format needs a new version");
	return same ? 0 : 1;
}

static int do_file(const char *dir, const char *name, bool check, json_t *j)
{
	char path[4096];
	struct err e = {0};
	struct buf b;
	MUST(j);
	_cleanup_(freep) char *text = json_dumps(j, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(j);
	MUST(text);
	buf_init(&b, VECTOR_MAX);
	buf_printf(&b, "%s\n", text);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int r = check ? check_file(path, buf_cstr(&b)) : file_write(path, b.p, b.len, 0644, &e);
	if (!check && r < 0)
		fprintf(stderr, "make-vectors: %s\n", e.message);
	buf_done(&b);
	return r == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
	if (argc != 2 && !check) {
		fprintf(stderr, "usage: make-vectors [--check] DIR\n");
		return 2;
	}
	MUST(crypto_start() == 0);
	const char *dir = argv[argc - 1];
	int r = do_file(dir, "note.json", check, note_vectors());
	return r | do_file(dir, "parcel.json", check, parcel_vectors());
}
