/* SPDX-License-Identifier: Apache-2.0
 * lug-notify-webhook: POSTs each ring as JSON, signed with HMAC-SHA256, to the address of the person. */
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "notify/notify-program.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

enum { KEY_FILE, CA_FILE };
enum { PASSWORD_MAX = 256, BODY_MAX = 8192, HEADER_MAX = 160, TIMEOUT_MS = 10000 };

static char *body_of(const struct notify_message *m)
{
	_cleanup_(json_decrefp) json_t *j =
		json_pack("{s:i, s:I, s:s, s:s, s:s}", "version", 1, "id", (json_int_t)m->id,
			  "text", m->text, "link", m->link, "code", m->code);
	return j ? json_text(j) : NULL;
}

/* "Lugdunum-Signature: t=<unix>,v1=<hex of HMAC-SHA256(secret, "<unix>.<body>")>" */
static int sign(const char *secret, const char *body, char out[static HEADER_MAX])
{
	_cleanup_(buf_done) struct buf signed_text;
	uint8_t mac[32];
	char hex[65];
	int64_t now_s = time_now_ms() / 1000;
	buf_init(&signed_text, BODY_MAX + 32);
	buf_printf(&signed_text, "%lld.%s", (long long)now_s, body);
	if (buf_err(&signed_text) < 0)
		return buf_err(&signed_text);
	hmac_sha256(secret, strlen(secret), signed_text.p, signed_text.len, mac);
	hex_encode(mac, sizeof(mac), hex);
	snprintf(out, HEADER_MAX, "Lugdunum-Signature: t=%lld,v1=%s", (long long)now_s, hex);
	return 0;
}

static size_t drop(char *p, size_t size, size_t n, void *ctx)
{
	return size * n;
}

static int post(const struct program *p, const char *url, const char *body, const char *header,
		char *words)
{
	CURL *c = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	headers = headers ? curl_slist_append(headers, header) : NULL;
	long status = 0;
	if (!c || !headers)
		return -ERR_NOMEM;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	if (p->values[CA_FILE])
		curl_easy_setopt(c, CURLOPT_CAINFO, p->values[CA_FILE]);
	CURLcode r = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	snprintf(words, PROGRAM_WORDS_MAX, "%s, status %ld",
		 r == CURLE_OK ? "posted" : curl_easy_strerror(r), status);
	return r == CURLE_OK && status >= 200 && status < 300 ? 0 : -ERR_OFFLINE;
}

static int ring(const struct program *p, const struct program_ring *g, char *words)
{
	char secret[PASSWORD_MAX], header[HEADER_MAX];
	_cleanup_(freep) char *body = body_of(g->m);
	int r = program_secret(p->values[KEY_FILE], secret, sizeof(secret), words);
	if (r >= 0)
		r = body ? sign(secret, body, header) : -ERR_NOMEM;
	if (r >= 0)
		r = post(p, g->m->address, body, header, words);
	secret_wipe(secret, sizeof(secret));
	return r;
}

int main(int argc, char **argv)
{
	static const char *const keys[] = {"key-file", "ca-file", NULL};
	struct program p = {.name = "lug-notify-webhook",
			    .words = "signed webhooks",
			    .keys = keys,
			    .required_n = 1,
			    .ring = ring};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int r = program_run(&p, argc, argv);
	curl_global_cleanup();
	return r;
}
