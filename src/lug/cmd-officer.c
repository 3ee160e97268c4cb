/* SPDX-License-Identifier: Apache-2.0
 * lug officer enrol, reset, code: what an officer signs in to the console with. */
#include "access/access.h"
#include "base/file.h"
#include "base/time.h"
#include "http/client.h"
#include "lug/lug.h"
#include <string.h>

enum { PATH_LEN_MAX = 256, PEM_MAX = 16 << 10 };

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static int credentials_path(const char *officer, char out[static PATH_LEN_MAX], struct err *e)
{
	_cleanup_(freep) char *escaped = http_client_escape(officer);
	int n = escaped ? snprintf(out, PATH_LEN_MAX, "/v1/officers/%s/credentials", escaped) : -1;
	return n < 0 || n >= PATH_LEN_MAX ? err_set(e, ERR_INVAL, "officer", "the name is too long")
					  : 0;
}

/* ---- enrol ---- */

static int make_body(const struct args *a, json_t **ret, struct err *e)
{
	const char *path = args_str(a, "certificate");
	struct buf pem _cleanup_(buf_done);
	buf_init(&pem, PEM_MAX);
	int r = path ? file_read(path, &pem, e) : 0;
	if (r < 0)
		return r;
	*ret = path ? json_pack("{s:s, s:s}", "kind", "certificate", "certificate", buf_cstr(&pem))
		    : json_pack("{s:s}", "kind", "recovery");
	return *ret ? 0 : err_set(e, ERR_INVAL, "certificate", "%s is not text", path ? path : "");
}

static int run_enrol(struct lug *l, const struct args *a, struct err *e)
{
	char path[PATH_LEN_MAX];
	json_t *reply = NULL;
	_cleanup_(json_decrefp) json_t *body = NULL;
	int r = credentials_path(args_pos(a, 0), path, e);
	if (r >= 0)
		r = make_body(a, &body, e);
	if (r >= 0)
		r = lug_api(l, "POST", path, body, &reply, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(reply, e);
	if (args_str(a, "certificate"))
		printf("%s may sign in with the certificate %s\n", str(reply, "officer"),
		       str(reply, "certificate"));
	else
		printf("officer   %s\npassword  %s\ncodes     %s\n          %s\n\n"
		       "Shown once. Hand it over in person; earlier passwords and codes are void.\n",
		       str(reply, "officer"), str(reply, "password"), str(reply, "code_secret"),
		       str(reply, "code_uri"));
	json_decref(reply);
	return 0;
}

const struct verb verb_officer_enrol = {
	.name = "officer enrol",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "let an officer sign in to the console",
	.doc = "With --certificate, a client certificate (a smart card's) stands for the officer; its key is pinned, no authority is asked. "
	       "Without, a new password and a secret for an authenticator program are made and shown once: both together are the way "
	       "in when card or key are not at hand.",
	.examples = "lug officer enrol night-desk --certificate card.pem\n# sign in with the card\n"
		    "lug officer enrol night-desk\n# password and code, for recovery",
	.opts = (const struct opt[]){{"certificate", "FILE", "the officer's certificate in PEM",
				      false, false},
				     {0}},
	.run = run_enrol,
};

/* ---- reset ---- */

static int run_reset(struct lug *l, const struct args *a, struct err *e)
{
	char path[PATH_LEN_MAX];
	json_t *reply = NULL;
	int r = credentials_path(args_pos(a, 0), path, e);
	if (r >= 0)
		r = lug_api(l, "DELETE", path, NULL, &reply, e);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(reply, e);
	printf("%lld credentials of %s are void, sessions have ended\n",
	       (long long)json_integer_value(json_object_get(reply, "removed")),
	       str(reply, "officer"));
	json_decref(reply);
	return 0;
}

const struct verb verb_officer_reset = {
	.name = "officer reset",
	.args = "ID",
	.args_min = 1,
	.args_max = 1,
	.flags = VERB_NODE,
	.summary = "void all that an officer signs in with, and end the sessions",
	.examples = "lug officer reset night-desk\n# a card was lost",
	.run = run_reset,
};

/* ---- code ---- */

static int run_code(struct lug *l, const struct args *a, struct err *e)
{
	uint8_t key[ACCESS_TOTP_LEN];
	char code[TOTP_CODE_MAX];
	if (totp_parse(args_pos(a, 0), key) < 0)
		return err_set(e, ERR_FORMAT, "secret", "a secret is 32 characters of A-Z and 2-7");
	totp_now(key, time_now_ms() / 1000, code);
	if (l->json)
		return lug_print_json(json_pack("{s:s}", "code", code), e);
	puts(code);
	return 0;
}

const struct verb verb_officer_code = {
	.name = "officer code",
	.args = "SECRET",
	.args_min = 1,
	.args_max = 1,
	.summary = "the present code of an authenticator's secret: for demonstrations and tests",
	.doc = "Whoever has the secret on the machine has no second factor; in earnest the secret is in an authenticator and nowhere else.",
	.examples =
		"lug officer code 5XIRP4RWSP3PE7ASENJSC7ZBBQH4MNU4\n# six digits, good for 30 s",
	.run = run_code,
};
