/* SPDX-License-Identifier: Apache-2.0
 * lug network: offline keys, the members note, signing; what a node has installed. All but install and show of a node work
 * without a daemon, on a machine that has no network. */
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "exchange/directory.h"
#include "lug/lug.h"
#include <string.h>
#include <unistd.h>

enum { DAYS_DEFAULT = 400, DAYS_MAX = 800 };

static int start(struct err *e)
{
	int r = crypto_start();
	return r < 0 ? err_set(e, r, "crypto", NULL) : 0;
}

/* Into --out, or on stdout; with --json always one value: the file's name, or the note itself. */
static int write_note(struct lug *l, const struct args *a, const struct buf *b, const char *hash,
		      struct err *e)
{
	const char *out = args_str(a, "out");
	bool file = out && strcmp(out, "-") != 0;
	int r = file ? file_write(out, b->p, b->len, 0644, e) : 0;
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(
			file ? json_pack("{s:s, s:s}", "file", out, "hash", hash)
			     : json_pack("{s:s#, s:s}", "text", b->p, (int)b->len, "hash", hash),
			e);
	if (file)
		return 0;
	return fwrite(b->p, 1, b->len, stdout) == b->len ? 0 : err_set(e, ERR_IO, "out", NULL);
}

/* ---- keygen ---- */

static int run_keygen(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(buf_done) struct buf text;
	const char *path = args_pos(a, 0), *name = args_str(a, "name");
	struct note_verifier v;
	uint8_t seed32[32];
	char vkey[NOTE_VKEY_MAX + 1];
	buf_init(&text, NOTE_MAX);
	int r = start(e);
	if (r < 0)
		return r;
	if (access(path, F_OK) == 0)
		return err_set(e, ERR_EXIST, "FILE",
			       "%s is there already; a key is never overwritten.", path);
	random_bytes(seed32, sizeof(seed32));
	r = directory_keygen(name, seed32, &text, e);
	if (r >= 0)
		r = file_write(path, text.p, text.len, 0600, e);
	if (r >= 0)
		r = directory_key_parse((const char *)text.p, text.len, &v, seed32, e);
	secret_wipe(seed32, sizeof(seed32));
	secret_wipe(text.p, text.len);
	if (r < 0)
		return r;
	note_verifier_text(&v, vkey);
	if (l->json)
		return lug_print_json(
			json_pack("{s:s, s:s, s:s}", "name", v.name, "public", vkey, "file", path),
			e);
	printf("%s\n", vkey);
	return 0;
}

const struct verb verb_network_keygen = {
	.name = "network keygen",
	.args = "FILE",
	.args_min = 1,
	.args_max = 1,
	.summary = "make an offline key for governance or for a member's identity",
	.doc = "Writes a new Ed25519 key into FILE (mode 0600, plain text with a checksum, so that it can be printed and typed "
	       "in again) and prints its public part, the verifier key, which goes into the members note. Keep the file off "
	       "every machine that is connected. An identity key is named <member>/identity.",
	.examples = "lug network keygen governor-1.key --name governor-1\n"
		    "# a governance key\n"
		    "lug network keygen it.key --name it/identity\n"
		    "# the identity key of the member it",
	.opts =
		(const struct opt[]){
			{"name", "NAME", "name of the key: a-z 0-9 . _ / -", true, false}, {0}},
	.run = run_keygen,
};

/* ---- reading notes ---- */

static int read_note(const char *path, struct buf *b, struct note *n, struct err *e)
{
	int r = file_read(path, b, e);
	return r < 0 ? r : note_parse(b->p, b->len, n, e);
}

/* A text without signatures is looked at too: what is about to be signed must be seen. */
static size_t text_len(const struct buf *b)
{
	struct note n;
	return note_parse(b->p, b->len, &n, NULL) == 0 ? n.text_len : b->len;
}

static json_t *note_json(const char *text, size_t len, struct err *e)
{
	_cleanup_(freep) struct directory_members *m = malloc(sizeof(*m));
	_cleanup_(freep) struct directory_node *n = malloc(sizeof(*n));
	struct directory_policy p;
	struct err why = {0};
	if (!m || !n)
		return NULL;
	if (directory_members_decode(text, len, m, &why) == 0)
		return json_pack("{s:s, s:o}", "type", "members", "content",
				 directory_members_json(m));
	if (why.code == -ERR_KEY_TYPE && directory_node_decode(text, len, n, &why) == 0)
		return json_pack("{s:s, s:o}", "type", "node", "content", directory_node_json(n));
	if (why.code == -ERR_KEY_TYPE && directory_policy_decode(text, len, &p, &why) == 0)
		return json_pack("{s:s, s:{s:I}}", "type", "policy", "content", "version",
				 (json_int_t)p.version);
	if (why.code == -ERR_KEY_TYPE)
		err_set(e, ERR_FORMAT, "note", "no members, node or policy note is in this file");
	else
		err_set(e, why.code, why.field, "%s", why.message);
	return NULL;
}

static void hash_text(const char *text, size_t len, char out[static BASE64_LEN(32) + 1])
{
	uint8_t hash32[SHA256_LEN];
	sha256(text, len, hash32);
	base64_encode(BASE64_PADDED, hash32, 32, out);
}

/* ---- draft ---- */

/* "NAME,COUNTRY,ROLE,VKEY" */
static json_t *member_arg(const char *s, struct err *e)
{
	const char *keys[] = {"name", "country", "role", "key"};
	json_t *o = json_object();
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t n = strcspn(s, ",");
		bool last = i + 1 == ARRAY_LEN(keys);
		if (n == 0 || (s[n] == '\0') != last) {
			json_decref(o);
			err_set(e, ERR_INVAL, "member", "--member wants NAME,COUNTRY,ROLE,VKEY");
			return NULL;
		}
		json_object_set_new(o, keys[i], json_stringn(s, n));
		s += n + !last;
	}
	return o;
}

static void drop_member(json_t *list, const char *name)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *have =
			json_string_value(json_object_get(json_array_get(list, i), "name"));
		if (have && strcmp(have, name) == 0)
			json_array_remove(list, i);
	}
}

static int put_members(const struct args *a, json_t *j, struct err *e)
{
	json_t *list = json_object_get(j, "members"), *governors = json_object_get(j, "governors");
	const char *v;
	for (int i = 0; (v = args_nth(a, "without", i)); i++)
		drop_member(list, v);
	for (int i = 0; (v = args_nth(a, "member", i)); i++) {
		json_t *m = member_arg(v, e);
		if (!m)
			return -ERR_INVAL;
		drop_member(list, json_string_value(json_object_get(m, "name")));
		json_array_append_new(list, m);
	}
	if (args_nth(a, "governor", 0))
		json_array_clear(governors);
	for (int i = 0; (v = args_nth(a, "governor", i)); i++)
		json_array_append_new(governors, json_string(v));
	return 0;
}

/* What the version before said, as a start; or an empty first version. */
static int draft_base(const struct args *a, json_t **ret, struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	_cleanup_(freep) struct directory_members *m = malloc(sizeof(*m));
	char hash[BASE64_LEN(32) + 1];
	const char *previous = args_str(a, "previous");
	struct note n;
	buf_init(&b, NOTE_MAX);
	if (!m)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	*ret = json_pack("{s:I, s:[], s:[]}", "version", (json_int_t)1, "governors", "members");
	if (!previous)
		return 0;
	int r = read_note(previous, &b, &n, e);
	if (r >= 0)
		r = directory_members_decode(n.p, n.text_len, m, e);
	if (r < 0)
		return r;
	json_decref(*ret);
	*ret = directory_members_json(m);
	hash_text(n.p, n.text_len, hash);
	json_object_set_new(*ret, "version", json_integer((json_int_t)m->version + 1));
	json_object_set_new(*ret, "previous", json_string(hash));
	return 0;
}

static int run_draft(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	_cleanup_(buf_done) struct buf text;
	char hash[BASE64_LEN(32) + 1];
	uint64_t days = DAYS_DEFAULT, threshold = 0;
	int64_t now_s = time_now_ms() / 1000;
	buf_init(&text, NOTE_MAX);
	int r = start(e);
	if (r >= 0)
		r = args_u64(a, "days", 1, DAYS_MAX, &days, e);
	if (r >= 0)
		r = args_u64(a, "threshold", 1, DIRECTORY_GOVERNORS_MAX, &threshold, e);
	if (r >= 0)
		r = draft_base(a, &j, e);
	if (r >= 0)
		r = put_members(a, j, e);
	if (r < 0)
		return r;
	if (threshold)
		json_object_set_new(j, "threshold", json_integer((json_int_t)threshold));
	json_object_set_new(j, "time", json_integer((json_int_t)now_s));
	json_object_set_new(j, "until", json_integer((json_int_t)(now_s + (int64_t)days * 86400)));
	r = directory_members_draft(j, &text, e);
	if (r < 0)
		return r;
	hash_text((const char *)text.p, text.len, hash);
	return write_note(l, a, &text, hash, e);
}

const struct verb verb_network_draft = {
	.name = "network draft",
	.args = "",
	.summary = "write a members note, to be signed by governance",
	.doc = "The members note says who is in the network and who governs it. It is valid with signatures of --threshold of the "
	       "governors; a later version, with those of the governors of the version before. With --previous the draft "
	       "begins with what that note says: --member adds or replaces, --without removes.",
	.examples =
		"lug network draft --threshold 2 --governor VKEY1 --governor VKEY2 --governor VKEY3 --member it,IT,police,VKEY --out members.note\n"
		"# the first version\n"
		"lug network draft --previous members.note --without it --out members-2.note\n"
		"# the next version: a member leaves",
	.opts =
		(const struct opt[]){
			{"member", "NAME,COUNTRY,ROLE,VKEY", "a member and its identity key", false,
			 true},
			{"governor", "VKEY",
			 "verifier key of a governor; replaces all of --previous", false, true},
			{"threshold", "M", "how many governors must sign", false, false},
			{"previous", "NOTE", "the version before", false, false},
			{"without", "NAME", "a member that leaves", false, true},
			{"days", "N", "valid for N days (default 400)", false, false},
			{"out", "FILE", "write here (default: standard output)", false, false},
			{0}},
	.run = run_draft,
};

/* ---- sign ---- */

static int load_key(const char *path, struct note_verifier *v, uint8_t seed32[static 32],
		    struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	buf_init(&b, NOTE_MAX);
	int r = file_read(path, &b, e);
	if (r >= 0)
		r = directory_key_parse((const char *)b.p, b.len, v, seed32, e);
	secret_wipe(b.p, b.len);
	return r;
}

static int run_sign(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(buf_done) struct buf note;
	_cleanup_(json_decrefp) json_t *seen = NULL;
	const char *path = args_pos(a, 0), *out = args_str(a, "out");
	struct note_verifier v;
	uint8_t seed32[32];
	char hash[BASE64_LEN(32) + 1];
	buf_init(&note, NOTE_MAX);
	int r = start(e);
	if (r >= 0)
		r = file_read(path, &note, e);
	if (r < 0)
		return r;
	seen = note_json((const char *)note.p, text_len(&note), e);
	if (!seen)
		return e->code;
	hash_text((const char *)note.p, text_len(&note), hash);
	r = load_key(args_str(a, "key"), &v, seed32, e);
	if (r >= 0)
		r = directory_sign(v.name, seed32, &note, e);
	secret_wipe(seed32, sizeof(seed32));
	if (r >= 0)
		r = file_write(out ? out : path, note.p, note.len, 0644, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(json_pack("{s:O, s:s, s:s}", "type",
						json_object_get(seen, "type"), "signed_by", v.name,
						"hash", hash),
				      e);
	printf("%s signed the %s note, hash %s\n", v.name,
	       json_string_value(json_object_get(seen, "type")), hash);
	return 0;
}

const struct verb verb_network_sign = {
	.name = "network sign",
	.args = "NOTE",
	.args_min = 1,
	.args_max = 1,
	.summary = "add the signature of an offline key to a note",
	.doc = "Checks the note, adds the signature of the key to it, and prints its hash, which the signers compare by another "
	       "way before the note is installed.",
	.examples = "lug network sign members.note --key governor-1.key\n"
		    "# one of m governors\n"
		    "lug network sign it.note --key it.key\n"
		    "# a member's own node note, with its identity key",
	.opts =
		(const struct opt[]){
			{"key", "FILE", "the key file, from lug network keygen", true, false},
			{"out", "FILE", "write here (default: replace NOTE)", false, false},
			{0}},
	.run = run_sign,
};

/* ---- install ---- */

static int install_one(struct lug *l, const char *path, json_t *results, struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	_cleanup_(json_decrefp) json_t *reply = NULL;
	struct note n;
	buf_init(&b, NOTE_MAX);
	int r = read_note(path, &b, &n, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *body =
		json_pack("{s:s#}", "note", (const char *)b.p, (int)b.len);
	r = lug_api(l, "POST", "/v1/network/notes", body, &reply, e);
	if (r < 0)
		return r;
	json_object_set_new(reply, "file", json_string(path));
	if (!l->json)
		printf("%s%s%s  %s  %s\n", color(l, COLOR_GOOD),
		       json_string_value(json_object_get(reply, "result")), color(l, COLOR_OFF),
		       path, json_string_value(json_object_get(reply, "hash")));
	json_array_append(results, reply);
	return 0;
}

static int run_install(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *results = json_array();
	int r = start(e);
	for (int i = 0; r >= 0 && i < args_pos_n(a); i++) {
		r = install_one(l, args_pos(a, i), results, e);
		if (r < 0 && !e->field[0])
			snprintf(e->field, sizeof(e->field), "%.60s", args_pos(a, i));
	}
	if (r < 0 || !l->json)
		return r;
	return lug_print_json(json_incref(results), e);
}

const struct verb verb_network_install = {
	.name = "network install",
	.args = "NOTE...",
	.args_min = 1,
	.args_max = -1,
	.flags = VERB_NODE,
	.summary = "give signed notes to the running node",
	.doc = "The node checks each note (grammar, version, link, signatures, dates) and takes it in, or says why not. The first "
	       "members note of a node is trusted because a person installs it: compare its hash with the other members first. "
	       "Notes of others then come from the peers by themselves, every 60 seconds.",
	.examples = "lug network install members.note it.note fr.note --node /var/lib/lugdunum\n"
		    "# members first, then node notes",
	.run = run_install,
};

/* ---- show ---- */

static int show_file(struct lug *l, const char *path, json_t *list, struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	char hash[BASE64_LEN(32) + 1];
	struct note n;
	buf_init(&b, NOTE_MAX);
	int r = file_read(path, &b, e);
	if (r < 0)
		return r;
	size_t len = text_len(&b);
	json_t *j = note_json((const char *)b.p, len, e);
	if (!j)
		return e->code;
	hash_text((const char *)b.p, len, hash);
	json_t *signers = json_array();
	if (note_parse(b.p, b.len, &n, NULL) == 0)
		for (size_t i = 0; i < n.sigs_n; i++)
			json_array_append_new(signers, json_stringn(n.p + n.sigs[i].name_off,
								    n.sigs[i].name_len));
	json_object_set_new(j, "file", json_string(path));
	json_object_set_new(j, "hash", json_string(hash));
	json_object_set_new(j, "signature_lines", signers);
	json_array_append_new(list, j);
	if (l->json)
		return 0;
	printf("%s%s%s: %s note, hash %s\n%.*s", color(l, COLOR_BOLD), path, color(l, COLOR_OFF),
	       json_string_value(json_object_get(j, "type")), hash, (int)len, (const char *)b.p);
	for (size_t i = 0; i < json_array_size(signers); i++)
		printf("signature line of %s (not checked here)\n",
		       json_string_value(json_array_get(signers, i)));
	return 0;
}

static int show_files(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	int r = start(e);
	for (int i = 0; r >= 0 && i < args_pos_n(a); i++)
		r = show_file(l, args_pos(a, i), list, e);
	return r < 0 || !l->json ? r : lug_print_json(json_incref(list), e);
}

static const char *str(const json_t *o, const char *key)
{
	const char *v = json_string_value(json_object_get(o, key));
	return v ? v : "-";
}

static int show_peers(struct lug *l, struct err *e)
{
	static const char *const heads[] = {"PEER",	 "LAST CONTACT", ">CLOCK",
					    ">QUEUED",	 ">UNOPENED",	 ">SENT",
					    ">RECEIVED", "STATE",	 NULL};
	_cleanup_(json_decrefp) json_t *reply = NULL;
	_cleanup_(table_done) struct table t;
	table_init(&t, heads);
	int r = lug_api(l, "GET", "/v1/peers", NULL, &reply, e);
	if (r < 0)
		return r;
	size_t i;
	json_t *p;
	json_array_foreach (json_object_get(reply, "peers"), i, p) {
		const json_t *out = json_object_get(p, "out"), *in = json_object_get(p, "in");
		const json_t *offset = json_object_get(p, "offset_ms");
		char when[TIME_BOTH_MAX];
		bool stopped = json_is_true(json_object_get(out, "stopped")) ||
			       json_is_true(json_object_get(in, "stopped"));
		table_cell(&t, "%s", str(p, "name"));
		table_cell(&t, "%s", time_both(str(p, "contact"), when));
		if (json_is_integer(offset))
			table_cell(&t, "%+.1f s", (double)json_integer_value(offset) / 1000);
		else
			table_cell(&t, "-");
		table_cell(&t, "%lld", (long long)json_integer_value(json_object_get(p, "queued")));
		table_cell(&t, "%lld",
			   (long long)json_integer_value(json_object_get(p, "unopened")));
		table_cell(&t, "%s/%s", str(out, "epoch"), str(out, "seq"));
		table_cell(&t, "%s/%s", str(in, "epoch"), str(in, "seq"));
		table_cell(&t, "%s",
			   stopped				     ? "stopped"
			   : json_is_true(json_object_get(p, "met")) ? "open"
								     : "not met");
	}
	return table_print(&t, l);
}

static int run_show(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *reply = NULL;
	if (args_pos_n(a))
		return show_files(l, a, e);
	int r = lug_api(l, "GET", "/v1/network", NULL, &reply, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(json_incref(reply), e);
	const json_t *m = json_object_get(reply, "members");
	if (!json_is_object(m)) {
		printf("%s is in no network yet: install the members note\n", str(reply, "node"));
		return 0;
	}
	char utc[TIME_TEXT_MAX], until[TIME_BOTH_MAX];
	printf("node %s, members note version %lld of %zu members, %lld of %zu governors, until %s\nhash %s\n\n",
	       str(reply, "node"), (long long)json_integer_value(json_object_get(m, "version")),
	       json_array_size(json_object_get(m, "members")),
	       (long long)json_integer_value(json_object_get(m, "threshold")),
	       json_array_size(json_object_get(m, "governors")),
	       time_both(time_utc(json_integer_value(json_object_get(m, "until")), utc), until),
	       str(json_object_get(reply, "members_note"), "hash"));
	return show_peers(l, e);
}

const struct verb verb_network_show = {
	.name = "network show",
	.args = "[NOTE...]",
	.args_max = -1,
	.flags = VERB_NODE,
	.summary = "show the network as the node sees it, or notes in files",
	.doc = "Without arguments: the members note in force and, for each peer, the last contact, the difference of the clocks, what "
	       "waits and how far both streams are. With files: their content and hash, offline, before they are signed or "
	       "installed.",
	.examples = "lug network show --node /var/lib/lugdunum\n"
		    "# the running node\n"
		    "lug network show members.note\n"
		    "# a file, without a node",
	.run = run_show,
};
