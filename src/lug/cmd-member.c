/* SPDX-License-Identifier: Apache-2.0
 * lug member: the own node note, and who the members are. */
#include "base/file.h"
#include "base/time.h"
#include "exchange/directory.h"
#include "lug/lug.h"
#include "wire/note.h"
#include <string.h>

static const char *str(const json_t *o, const char *key)
{
	const char *v = json_string_value(json_object_get(o, key));
	return v && *v ? v : "-";
}

/* ---- note ---- */

static void put_list(const struct args *a, const char *opt, const char *key, json_t *body)
{
	const char *v;
	json_t *list = json_array();
	for (int i = 0; (v = args_nth(a, opt, i)); i++)
		json_array_append_new(list, json_string(v));
	if (json_array_size(list))
		json_object_set(body, key, list);
	json_decref(list);
}

static int read_base(const struct args *a, json_t **ret, struct err *e)
{
	_cleanup_(buf_done) struct buf b;
	const char *path = args_str(a, "from");
	buf_init(&b, JSON_MAX);
	if (!path) {
		*ret = json_object();
		return 0;
	}
	int r = file_read(path, &b, e);
	if (r < 0 || (r = json_parse(b.p, b.len, ret, e)) == 0)
		return r;
	return err_set(e, r, "from", "%s: %s", path, e->message);
}

/* "FUNCTION,PHONE[,MAIL]" */
static int put_contacts(const struct args *a, json_t *body, struct err *e)
{
	static const char *const keys[] = {"function", "phone", "mail"};
	const char *v;
	json_t *list = json_array();
	for (int i = 0; (v = args_nth(a, "contact", i)); i++) {
		json_t *o = json_object();
		for (size_t k = 0; k < ARRAY_LEN(keys) && *v; k++) {
			size_t n = strcspn(v, ",");
			json_object_set_new(o, keys[k], json_stringn(v, n));
			v += n + (v[n] == ',');
		}
		json_array_append_new(list, o);
	}
	if (json_array_size(list))
		json_object_set(body, "contacts", list);
	json_decref(list);
	return 0;
}

static void put_revoked(const struct args *a, json_t *body)
{
	const char *v;
	json_t *list = json_array();
	for (int i = 0; (v = args_nth(a, "revoke", i)); i++)
		json_array_append_new(list,
				      json_pack("{s:I, s:s}", "since",
						(json_int_t)(time_now_ms() / 1000), "key", v));
	if (json_array_size(list))
		json_object_set(body, "revoked", list);
	json_decref(list);
}

static int run_note(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *body = NULL;
	_cleanup_(json_decrefp) json_t *reply = NULL;
	const char *out = args_str(a, "out");
	int r = read_base(a, &body, e);
	if (r < 0)
		return r;
	put_list(a, "endpoint", "endpoints", body);
	put_list(a, "language", "languages", body);
	put_list(a, "power", "powers", body);
	r = put_contacts(a, body, e);
	if (r >= 0)
		put_revoked(a, body);
	if (r >= 0)
		r = lug_api(l, "POST", "/v1/network/draft", body, &reply, e);
	if (r < 0)
		return r;
	const char *text = str(reply, "text");
	bool file = out && strcmp(out, "-") != 0;
	if (file)
		r = file_write(out, text, strlen(text), 0644, e);
	if (r < 0)
		return r;
	if (file)
		json_object_set_new(reply, "file", json_string(out));
	if (l->json)
		return lug_print_json(json_incref(reply), e);
	if (!file)
		printf("%s", text);
	return 0;
}

const struct verb verb_member_note = {
	.name = "member note",
	.args = "",
	.flags = VERB_NODE,
	.summary = "draft the next node note of the running node",
	.doc = "The node note tells the other members this node's endpoint, TLS key, signing and encryption keys, contact points and "
	       "powers, for at most 35 days. The draft has the keys that lug-keyd holds now; what is not given is taken from the "
	       "last note. Carry it to the machine with the identity key, sign it there (lug network sign), bring it back and "
	       "install it (lug network install).",
	.examples =
		"lug member note --endpoint https://node.example:8443 --language it --language en --power freeze --contact \"duty officer,+39 06 1234\" --out it.note\n"
		"# the first one\n"
		"lug member note --out it.note\n"
		"# the next one, only with fresh keys and dates\n"
		"lug member note --revoke it+9d8a1f0c+AQ... --out it.note\n"
		"# after lug key rotate node: the stolen key is revoked, lug status --json has its verifier",
	.opts =
		(const struct opt[]){
			{"endpoint", "URL", "where peers reach this node: https://host:port", false,
			 true},
			{"language", "TAG", "an accepted language, preferred first", false, true},
			{"power", "POWER", "freeze, preserve, information, trace or custody", false,
			 true},
			{"contact", "FUNCTION,PHONE,MAIL",
			 "a contact point, first to be called first", false, true},
			{"revoke", "VKEY",
			 "a key that was stolen or lost: peers take nothing more that it signed; rotate it first",
			 false, true},
			{"from", "FILE", "JSON with more fields (docs/protocol/directory.md 8)",
			 false, false},
			{"out", "FILE", "write here (default: standard output)", false, false},
			{0}},
	.run = run_note,
};

/* ---- list ---- */

static int run_list(struct lug *l, const struct args *a, struct err *e)
{
	static const char *const heads[] = {"MEMBER", "COUNTRY",  "ROLE",      "STATE",	   ">NOTE",
					    "UNTIL",  "LANGUAGE", "DUTY LINE", "ENDPOINT", NULL};
	_cleanup_(json_decrefp) json_t *reply = NULL;
	_cleanup_(table_done) struct table t;
	table_init(&t, heads);
	int r = lug_api(l, "GET", "/v1/members", NULL, &reply, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(json_incref(reply), e);
	char until[TIME_BOTH_MAX];
	size_t i;
	json_t *m;
	json_array_foreach (json_object_get(reply, "members"), i, m) {
		table_cell(&t, "%s", str(m, "name"));
		table_cell(&t, "%s", str(m, "country"));
		table_cell(&t, "%s", str(m, "role"));
		table_cell(&t, "%s", str(m, "state"));
		table_cell(&t, "%lld",
			   (long long)json_integer_value(json_object_get(m, "version")));
		table_cell(&t, "%s", time_both(str(m, "until"), until));
		table_cell(&t, "%s", str(m, "language"));
		table_cell(&t, "%s", str(m, "phone"));
		table_cell(&t, "%s", str(m, "endpoint"));
	}
	return table_print(&t, l);
}

const struct verb verb_member_list = {
	.name = "member list",
	.args = "",
	.flags = VERB_NODE,
	.summary = "list the members of the network and the state of their notes",
	.doc = "READY: the member can be written to now. NO NODE NOTE, NOTE EXPIRED, NO FRESH KEY: nothing can be encrypted to it "
	       "until it publishes a new node note.",
	.examples = "lug member list --node /var/lib/lugdunum\n"
		    "# all members",
	.run = run_list,
};
