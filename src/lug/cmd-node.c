/* SPDX-License-Identifier: Apache-2.0
 * lug status, officer, reload, backup, key: the care of a running node. */
#include "base/time.h"
#include "lug/lug.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s && *s ? s : "-";
}

static long long int_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* ---- status ---- */

static int print_peers(const struct lug *l, const json_t *peers)
{
	static const char *const heads[] = {"MEMBER", "COUNTRY", "STATE",    "LAST ANSWER",
					    ">SENT",  ">FAILED", "ENDPOINT", NULL};
	char when[TIME_BOTH_MAX];
	struct table t;
	size_t i;
	json_t *p;
	if (!json_array_size(peers)) {
		puts("no peers yet: install a members note and the peers' node notes (lug network install)");
		return 0;
	}
	table_init(&t, heads);
	json_array_foreach (peers, i, p) {
		table_cell(&t, "%s", text_of(p, "name"));
		table_cell(&t, "%s", text_of(p, "country"));
		table_cell(&t, "%s",
			   json_is_true(json_object_get(p, "reachable")) ? "reachable"
									 : "no answer");
		table_cell(&t, "%s", time_both(text_of(p, "answered"), when));
		table_cell(&t, "%lld", int_of(p, "sent"));
		table_cell(&t, "%lld", int_of(p, "failures"));
		table_cell(&t, "%s", text_of(p, "endpoint"));
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static void print_alarms(const struct lug *l, const json_t *alarms)
{
	char when[TIME_BOTH_MAX];
	size_t i;
	json_t *a;
	json_array_foreach (alarms, i, a)
		printf("%s%s%s  %s\n",
		       color(l, json_is_true(json_object_get(a, "wake")) ? COLOR_BAD : COLOR_WARN),
		       time_both(text_of(a, "time"), when), color(l, COLOR_OFF),
		       text_of(a, "text"));
}

static int run_status(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	char up[TIME_SPAN_MAX];
	int r = lug_api(l, "GET", "/v1/status", NULL, &j, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(TAKE_PTR(j), e);
	printf("%s%s%s, lugd %s, up %s, listening on port %lld\n", color(l, COLOR_BOLD),
	       text_of(j, "node"), color(l, COLOR_OFF), text_of(j, "version"),
	       time_span(int_of(j, "uptime_s"), up), int_of(j, "port"));
	printf("you are %s; audit log: %lld entries; lug-keyd restarted %lld times\n",
	       text_of(j, "officer"), int_of(json_object_get(j, "audit"), "entries"),
	       int_of(json_object_get(j, "keyd"), "restarts"));
	if (json_is_true(json_object_get(j, "shared_uid")))
		printf("%sshared_uid is on: four eyes cannot be enforced, for demonstrations only%s\n",
		       color(l, COLOR_WARN), color(l, COLOR_OFF));
	puts("");
	r = print_peers(l, json_object_get(j, "peers"));
	print_alarms(l, json_object_get(j, "alarms"));
	return r;
}

const struct verb verb_status = {
	.name = "status",
	.args = "",
	.flags = VERB_NODE,
	.summary = "show how a running node is: peers, alarms, keys, audit log",
	.examples =
		"lug status --node /var/lib/lugdunum\n# for people\nlug status --json\n# with every key's verifier and dates",
	.run = run_status,
};

/* ---- officers ---- */

static int print_officers(struct lug *l, STEALS json_t *reply, struct err *e)
{
	static const char *const heads[] = {"OFFICER", ">UID", "STATE", "CHANGED", "ROLES", NULL};
	_cleanup_(json_decrefp) json_t *j = reply;
	struct table t;
	char when[TIME_BOTH_MAX];
	size_t i, k;
	json_t *o, *role;
	if (l->json)
		return lug_print_json(TAKE_PTR(j), e);
	table_init(&t, heads);
	json_array_foreach (json_object_get(j, "officers"), i, o) {
		char roles[128] = "";
		json_array_foreach (json_object_get(o, "roles"), k, role) {
			size_t used = strlen(roles);
			snprintf(roles + used, sizeof(roles) - used, "%s%s", used ? "," : "",
				 json_string_value(role));
		}
		table_cell(&t, "%s", text_of(o, "officer"));
		table_cell(&t, "%lld", int_of(o, "uid"));
		table_cell(&t, "%s", json_is_true(json_object_get(o, "active")) ? "active" : "off");
		table_cell(&t, "%s", time_both(text_of(o, "changed"), when));
		table_cell(&t, "%s", roles);
	}
	int r = table_print(&t, l);
	table_done(&t);
	return r;
}

static int run_officer_list(struct lug *l, const struct args *a, struct err *e)
{
	json_t *reply = NULL;
	int r = lug_api(l, "GET", "/v1/officers", NULL, &reply, e);
	return r < 0 ? r : print_officers(l, reply, e);
}

const struct verb verb_officer_list = {
	.name = "officer list",
	.args = "",
	.flags = VERB_NODE,
	.summary = "list the officers of this node with their roles",
	.examples = "lug officer list\n# who may do what here",
	.run = run_officer_list,
};

/* "officer,approver" as a list. */
static json_t *split_roles(const char *s)
{
	json_t *list = json_array();
	while (list && *s) {
		size_t len = strcspn(s, ",");
		if (json_array_append_new(list, json_stringn(s, len)) < 0) {
			json_decref(list);
			return NULL;
		}
		s += len + (s[len] == ',');
	}
	return list;
}

static int run_officer_set(struct lug *l, const struct args *a, struct err *e)
{
	uint64_t uid = getuid();
	json_t *reply = NULL;
	int r = args_u64(a, "uid", 0, UINT32_MAX - 1, &uid, e);
	if (r < 0)
		return r;
	_cleanup_(json_decrefp) json_t *body = json_pack(
		"{s:s, s:I, s:o, s:b}", "officer", args_pos(a, 0), "uid", (json_int_t)uid, "roles",
		split_roles(args_str(a, "roles")), "active", !args_flag(a, "off"));
	if (!body)
		return err_set(e, -ERR_INVAL, "officer",
			       "the name or the roles are not valid UTF-8 text");
	r = lug_api(l, "POST", "/v1/officers", body, &reply, e);
	return r < 0 ? r : print_officers(l, reply, e);
}

const struct verb verb_officer_set = {
	.name = "officer set",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "add an officer, or change one's account, roles or state",
	.doc = "Roles: officer, duty, approver, analyst, secretary, auditor, admin. The administrator cannot read cases, the auditor reads the "
	       "log only. One system account is one officer, unless the node has shared_uid.",
	.examples =
		"lug officer set night-desk --uid 1001 --roles duty,officer\n# the system account 1001 is the night desk\n"
		"lug officer set night-desk --uid 1001 --roles duty --off\n# may do nothing from now on",
	.opts =
		(const struct opt[]){
			{"roles", "ROLE,...", "roles, separated by commas", true, false},
			{"uid", "UID", "system account (default: your own)", false, false},
			{"off", NULL, "switch the officer off", false, false},
			{0}},
	.run = run_officer_set,
};

/* ---- care ---- */

static int print_reply(struct lug *l, int r, json_t *reply, const char *sentence, struct err *e)
{
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(reply ? reply : json_object(), e);
	puts(sentence);
	json_decref(reply);
	return 0;
}

static int run_reload(struct lug *l, const struct args *a, struct err *e)
{
	json_t *reply = NULL;
	int r = lug_api(l, "POST", "/v1/reload", NULL, &reply, e);
	const char *kept = json_string_value(json_object_get(reply, "needs_restart"));
	if (r == 0 && !l->json && kept && *kept)
		printf("%s needs a restart to change\n", kept);
	return print_reply(l, r, reply, "the configuration was read again", e);
}

const struct verb verb_reload = {
	.name = "reload",
	.args = "",
	.flags = VERB_NODE,
	.summary = "let a node read its configuration again",
	.examples = "lug reload\n# after an edit of lugdunum.conf; says what needs a restart",
	.run = run_reload,
};

static int run_backup(struct lug *l, const struct args *a, struct err *e)
{
	json_t *reply = NULL;
	_cleanup_(json_decrefp) json_t *body = json_pack("{s:s}", "name", args_pos(a, 0));
	int r = body ? lug_api(l, "POST", "/v1/backup", body, &reply, e)
		     : err_set(e, -ERR_INVAL, "name", "not valid UTF-8 text");
	if (r == 0 && !l->json)
		printf("%s\n", text_of(reply, "path"));
	return print_reply(l, r, reply,
			   "copied and verified; keep it with the folder keys/ and audit/", e);
}

const struct verb verb_backup = {
	.name = "backup",
	.args = "NAME",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "copy the store of a running node",
	.examples =
		"lug backup 2026-11-22\n# into backup/2026-11-22.db in the node's folder, checked afterwards",
	.run = run_backup,
};

static int run_key_rotate(struct lug *l, const struct args *a, struct err *e)
{
	json_t *reply = NULL;
	_cleanup_(json_decrefp) json_t *body = json_pack("{s:s}", "kind", args_pos(a, 0));
	int r = body ? lug_api(l, "POST", "/v1/keys/rotate", body, &reply, e)
		     : err_set(e, -ERR_INVAL, "kind", "not valid UTF-8 text");
	return print_reply(
		l, r, reply,
		"a new key is in force; publish it: lug member note, lug network sign, lug network install",
		e);
}

const struct verb verb_key_rotate = {
	.name = "key rotate",
	.args = "node|evidence|log|tls",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "make a new key of a kind, in force at once",
	.examples =
		"lug key rotate node\n# then publish a node note with it, or peers will refuse what it signs",
	.run = run_key_rotate,
};
