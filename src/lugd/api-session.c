/* SPDX-License-Identifier: Apache-2.0
 * Handlers of the console's own: signing in and out, the session, assets, the event stream, reports of browsers; and the credentials
 * that an administrator gives. */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "console/asset.h"
#include "crypto/crypto.h"
#include "lugd/visit.h"

enum {
	PASSWORD_RANDOM_LEN = 15, /* bytes: 20 characters of base64 */
	REPORT_TEXT_MAX = 400,
	REPORTS_MAX =
		100, /* recorded of one run of the daemon, so that a broken page cannot fill the log */
};

/* ---- signing in ---- */

/* Where to go on: a path of this console, or the desk. */
static const char *next_of(const struct api_call *c)
{
	const char *next = api_query(c, "next");
	bool local =
		next && !strncmp(next, "/v1/", 4) && !strstr(next, "//") && !strchr(next, '\\');
	return local ? next : "/v1/desk";
}

int session_begin(struct api_call *c, const char *officer, enum access_how how, struct err *e)
{
	uint8_t token[ACCESS_TOKEN_LEN];
	char text[ACCESS_TOKEN_TEXT + 1];
	const char *zone = json_string_value(json_object_get(c->in, "zone"));
	const char *language = api_query(c, "language");
	const struct lang *l = language ? lang_find(language) : NULL;
	struct access_session s = {.how = how};
	uint32_t roles;
	int r = officer_roles(lugd_of(c), officer, &roles, e);
	if (r < 0)
		return r;
	snprintf(s.officer, sizeof(s.officer), "%s", officer);
	snprintf(s.language, sizeof(s.language), "%s",
		 lang_tag(l ? l : lang_pick(c->web->languages)));
	snprintf(s.zone, sizeof(s.zone), "%s", zone && strlen(zone) < sizeof(s.zone) ? zone : "");
	snprintf(c->who.officer, sizeof(c->who.officer), "%s", officer);
	random_bytes(token, sizeof(token));
	hex_encode(token, sizeof(token), text);
	r = access_session_open(lugd_store(lugd_of(c)), token, &s, time_now_ms() / 1000, e);
	if (r >= 0)
		r = lugd_audit_alone(c, AUDIT_LOGIN, "session.open", access_how_name(how), NULL, e);
	if (r < 0)
		return r;
	c->web->set_cookie = visit_cookie(c->a, text);
	c->web->location = strstr(c->web->accept, "text/html") ? next_of(c) : NULL;
	return 0;
}

int api_sign_in_show(struct api_call *c, struct err *e)
{
	char officer[ACCESS_NAME_MAX + 1] = "";
	struct err none = {0};
	bool known =
		c->web->certificate &&
		access_certificate_find(lugd_store(lugd_of(c)), c->web->pin32, officer, &none) >= 0;
	return api_reply(c,
			 json_pack("{s:s, s:b, s:s}", "certificate", officer, "known", known,
				   "next", next_of(c)),
			 e);
}

/* A wrong try is an event too. What was typed as a name is shown only when it is one: it may have been the password. */
static int record_failure(const struct api_call *c, const struct access_try *t, struct err *e)
{
	uint32_t roles;
	struct api_call by = *c;
	bool known = officer_roles(lugd_of(c), t->officer, &roles, NULL) >= 0;
	_cleanup_(json_decrefp) json_t *detail =
		json_pack("{s:s, s:s}", "error", err_name(ERR_DENIED), "address", t->address);
	snprintf(by.who.officer, sizeof(by.who.officer), "browser");
	return lugd_audit_alone(&by, AUDIT_LOGIN, "session.refuse", known ? t->officer : "unknown",
				detail, e);
}

int api_sign_in(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"officer", "password", "code", "zone", NULL};
	struct access_try t = {.address = c->web->address, .now_s = time_now_ms() / 1000};
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "officer", 1, ACCESS_NAME_MAX, &t.officer, e);
	if (r >= 0)
		r = json_need_str(c->in, "password", 1, ACCESS_PASSWORD_MAX, &t.password, e);
	if (r >= 0)
		r = json_need_str(c->in, "code", 6, 6, &t.code, e);
	if (r >= 0)
		r = access_check(lugd_store(lugd_of(c)), &t, e);
	if (r == -ERR_DENIED) {
		struct err why = {0};
		int k = record_failure(c, &t, &why);
		return k < 0 ? err_set(e, k, NULL, "%s", why.message) : r;
	}
	return r < 0 ? r : session_begin(c, t.officer, ACCESS_PASSWORD, e);
}

int api_sign_in_certificate(struct api_call *c, struct err *e)
{
	char officer[ACCESS_NAME_MAX + 1];
	int r = c->web->certificate
			? access_certificate_find(lugd_store(lugd_of(c)), c->web->pin32, officer, e)
			: -ERR_KEY_UNKNOWN;
	if (r == -ERR_KEY_UNKNOWN)
		return err_set(e, ERR_DENIED, "certificate",
			       "The browser showed no certificate that is enrolled here.");
	return r < 0 ? r : session_begin(c, officer, ACCESS_CERTIFICATE, e);
}

int api_sign_out(struct api_call *c, struct err *e)
{
	int r = access_session_close(lugd_store(lugd_of(c)), visit_token(c), e);
	if (r >= 0)
		r = lugd_audit_alone(c, AUDIT_LOGIN, "session.close", "", NULL, e);
	c->web->set_cookie = visit_cookie(c->a, NULL);
	return r;
}

/* ---- the session ---- */

int api_session_show(struct api_call *c, struct err *e)
{
	struct access_session s;
	char idle[TIME_TEXT_MAX], end[TIME_TEXT_MAX];
	int64_t now_s = time_now_ms() / 1000;
	int r = access_session_find(lugd_store(lugd_of(c)), visit_token(c), ACCESS_BY_PERSON, now_s,
				    &s, e);
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s}", "officer", s.officer,
				   "roles", officer_roles_json(c->who.roles), "how",
				   access_how_name(s.how), "language", s.language, "zone", s.zone,
				   "idle_until", time_utc(now_s + ACCESS_IDLE_S, idle), "until",
				   time_utc(s.created_s + ACCESS_ABSOLUTE_S, end)),
			 e);
}

int api_session_prefer(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"language", "zone", NULL};
	struct access_session s;
	const char *language = NULL, *zone = NULL, *token = visit_token(c);
	_cleanup_(tz_freep) struct tz *found = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = access_session_find(lugd_store(lugd_of(c)), token, ACCESS_BY_PERSON,
					time_now_ms() / 1000, &s, e);
	if (r >= 0)
		r = json_opt_str(c->in, "language", 2, 8, &language, e);
	if (r >= 0)
		r = json_opt_str(c->in, "zone", 1, ACCESS_NAME_MAX, &zone, e);
	if (r >= 0 && zone)
		r = tz_open(zone, &found, e);
	if (r >= 0 && language && !lang_find(language))
		r = err_set(e, ERR_INVAL, "language", "There are en, fr, it, de and ja.");
	if (r >= 0)
		r = access_session_prefer(lugd_store(lugd_of(c)), token,
					  language ? language : s.language, zone ? zone : s.zone,
					  e);
	return r;
}

/* The proof itself was asked for on the way here, as for every act of step-up. */
int api_session_prove(struct api_call *c, struct err *e)
{
	if (strstr(c->web->accept, "text/html"))
		c->web->location = next_of(c);
	return lugd_audit_alone(c, AUDIT_LOGIN, "session.prove", "", NULL, e);
}

/* ---- assets, stream, reports ---- */

int api_home(struct api_call *c, struct err *e)
{
	c->web->location = "/v1/desk";
	return 0;
}

int api_asset(struct api_call *c, struct err *e)
{
	const struct asset *a = asset_file(api_param(c, 0));
	if (!a)
		return err_set(e, ERR_NOENT, "file", "There is no such part of the console.");
	const struct asset_bytes *b = asset_encode(a, c->web->encodings, &c->web->encoding);
	buf_init(&c->raw, b->len);
	buf_put(&c->raw, b->p, b->len);
	c->raw_type = a->type;
	c->web->immutable = true;
	return buf_err(&c->raw);
}

int api_stream(struct api_call *c, struct err *e)
{
	c->web->stream = true;
	return 0;
}

/* A field of a report, cut: it comes from whoever can reach the listener. */
static json_t *report_text(const json_t *o, const char *key)
{
	char text[REPORT_TEXT_MAX];
	const char *s = json_string_value(json_object_get(o, key));
	snprintf(text, sizeof(text), "%s", s ? s : "");
	utf8_repair(text);
	return utf8_clean(text, strlen(text)) ? json_string(text) : json_string("?");
}

int api_csp_report(struct api_call *c, struct err *e)
{
	static unsigned recorded;
	_cleanup_(json_decrefp) json_t *in = NULL;
	int r = json_parse(c->body, c->body_len, &in, e);
	const json_t *o = json_object_get(in, "csp-report");
	if (r < 0 || !json_is_object(o))
		return err_set(e, ERR_FORMAT, "body", "This is no report of a browser.");
	if (recorded++ >= REPORTS_MAX)
		return err_set(e, ERR_QUOTA, NULL, NULL);
	_cleanup_(json_decrefp) json_t *detail = json_pack(
		"{s:o, s:o, s:o}", "page", report_text(o, "document-uri"), "rule",
		report_text(o, "violated-directive"), "blocked", report_text(o, "blocked-uri"));
	snprintf(c->who.officer, sizeof(c->who.officer), "browser");
	log_unusual("console", "a page broke its content security policy");
	return lugd_audit_alone(c, AUDIT_ALARM, "csp.violation", "", detail, e);
}

/* ---- credentials ---- */

static int officer_known(struct api_call *c, struct err *e)
{
	uint32_t roles;
	return officer_roles(lugd_of(c), api_param(c, 0), &roles, e);
}

int api_credentials_list(struct api_call *c, struct err *e)
{
	json_t *list = access_list(lugd_store(lugd_of(c)), api_param(c, 0), e);
	return list ? api_reply(c,
				json_pack("{s:s, s:o}", "officer", api_param(c, 0), "credentials",
					  list),
				e)
		    : e->code;
}

static int add_recovery(struct api_call *c, struct err *e)
{
	const char *officer = api_param(c, 0);
	uint8_t raw[PASSWORD_RANDOM_LEN], totp[ACCESS_TOTP_LEN];
	char password[BASE64_LEN(PASSWORD_RANDOM_LEN) + 1], secret[TOTP_TEXT_MAX];
	random_bytes(raw, sizeof(raw));
	random_bytes(totp, sizeof(totp));
	base64_encode(BASE64_RAW, raw, sizeof(raw), password);
	totp_text(totp, secret);
	int r = access_recovery_set(lugd_store(lugd_of(c)), officer, password, totp,
				    time_now_ms() / 1000, e);
	secret_wipe(totp, sizeof(totp));
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:s, s:s, s:s, s:o}", "officer", officer, "password", password,
				   "code_secret", secret, "code_uri",
				   json_sprintf("otpauth://totp/%s:%s?secret=%s&issuer=Lugdunum",
						lugd_node(lugd_of(c)), officer, secret)),
			 e);
}

static int add_certificate(struct api_call *c, const char *pem, struct err *e)
{
	uint8_t pin[HTTP_PIN_LEN];
	char text[2 * HTTP_PIN_LEN + 1];
	int r = http_certificate_pin(pem, pin, e);
	if (r >= 0)
		r = access_certificate_set(lugd_store(lugd_of(c)), api_param(c, 0), pin,
					   time_now_ms() / 1000, e);
	if (r < 0)
		return r;
	hex_encode(pin, sizeof(pin), text);
	return api_reply(
		c, json_pack("{s:s, s:s}", "officer", api_param(c, 0), "certificate", text), e);
}

int api_credentials_add(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"kind", "certificate", NULL};
	const char *kind = NULL, *pem = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "kind", 1, 16, &kind, e);
	if (r >= 0)
		r = json_opt_str(c->in, "certificate", 1, 16000, &pem, e);
	if (r >= 0)
		r = officer_known(c, e);
	if (r < 0)
		return r;
	if (!strcmp(kind, "recovery"))
		r = add_recovery(c, e);
	else if (!strcmp(kind, "certificate") && pem)
		r = add_certificate(c, pem, e);
	else
		r = err_set(e, ERR_INVAL, "kind",
			    "A kind is recovery, or certificate with a PEM certificate.");
	return r < 0 ? r
		     : lugd_audit_alone(c, AUDIT_CONFIGURATION, "credential.add", api_param(c, 0),
					NULL, e);
}

int api_credentials_reset(struct api_call *c, struct err *e)
{
	int r = access_reset(lugd_store(lugd_of(c)), api_param(c, 0), e), n = r;
	if (r >= 0)
		r = lugd_audit_alone(c, AUDIT_CONFIGURATION, "credential.reset", api_param(c, 0),
				     NULL, e);
	return r < 0 ? r
		     : api_reply(c,
				 json_pack("{s:s, s:i}", "officer", api_param(c, 0), "removed", n),
				 e);
}
