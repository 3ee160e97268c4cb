/* SPDX-License-Identifier: Apache-2.0
 * lug-notify-smtp: one mail a ring. Only TLS, but for smtp:// to this very machine. */
#include "base/text.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "notify/notify-program.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { URL, FROM, USER, PASSWORD_FILE, CA_FILE };
enum { MAIL_MAX = 8192, PASSWORD_MAX = 256, TIMEOUT_MS = 15000, SUBJECT_BYTES = 45, DATE_MAX = 40 };

/* A word of a subject in other letters than ASCII (RFC 2047); a longer text becomes several words, cut between characters. */
static void put_subject(struct buf *b, const char *text)
{
	size_t len = strlen(text);
	while (len) {
		char coded[BASE64_LEN(SUBJECT_BYTES) + 1];
		size_t n = len < SUBJECT_BYTES ? len : SUBJECT_BYTES;
		while (n < len && n && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		base64_encode(BASE64_PADDED, text, n, coded);
		buf_printf(b, "%s=?UTF-8?B?%s?=\r\n", b->p[b->len - 1] == '\n' ? " " : "", coded);
		text += n;
		len -= n;
	}
}

static const char *date(char out[static DATE_MAX])
{
	struct tm tm;
	time_t now = (time_t)(time_now_ms() / 1000);
	gmtime_r(&now, &tm);
	strftime(out, DATE_MAX, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	return out;
}

static int mail_of(const struct program *p, const struct notify_message *m, struct buf *b)
{
	uint8_t random[16];
	char id[33], when[DATE_MAX];
	const char *host = strrchr(p->values[FROM], '@');
	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), id);
	buf_printf(b, "Date: %s\r\nFrom: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s%s>\r\n", date(when),
		   p->values[FROM], m->address, id, host ? host : "@lugdunum");
	buf_str(b, "Subject: ");
	put_subject(b, m->text);
	buf_str(b,
		"Importance: high\r\nX-Priority: 1\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
	buf_printf(b, "%s\r\n", m->text);
	if (m->link[0])
		buf_printf(b, "\r\n%s\r\n", m->link);
	if (m->code[0])
		buf_printf(b, "\r\n[%s]\r\n", m->code);
	return buf_err(b);
}

struct reader {
	const struct buf *b;
	size_t at;
};

static size_t give(char *out, size_t size, size_t n, void *ctx)
{
	struct reader *r = ctx;
	size_t left = r->b->len - r->at, len = size * n < left ? size * n : left;
	memcpy(out, r->b->p + r->at, len);
	r->at += len;
	return len;
}

static bool is_here(const char *url)
{
	static const char *const here[] = {"smtp://127.", "smtp://[::1]", "smtp://localhost"};
	for (size_t i = 0; i < ARRAY_LEN(here); i++)
		if (!strncmp(url, here[i], strlen(here[i])))
			return true;
	return false;
}

static int set_up(CURL *c, const struct program *p, struct reader *reader, struct curl_slist *to,
		  const char *secret)
{
	char from[ROSTER_ADDRESS_MAX + 3];
	snprintf(from, sizeof(from), "<%s>", p->values[FROM]);
	curl_easy_setopt(c, CURLOPT_URL, p->values[URL]);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(c, CURLOPT_USE_SSL,
			 (long)(is_here(p->values[URL]) ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(c, CURLOPT_READDATA, reader);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	if (p->values[CA_FILE])
		curl_easy_setopt(c, CURLOPT_CAINFO, p->values[CA_FILE]);
	if (p->values[USER]) {
		curl_easy_setopt(c, CURLOPT_USERNAME, p->values[USER]);
		curl_easy_setopt(c, CURLOPT_PASSWORD, secret);
	}
	return 0;
}

static int send_mail(const struct program *p, const struct notify_message *m, const char *secret,
		     char *words)
{
	_cleanup_(buf_done) struct buf b;
	char to[ROSTER_ADDRESS_MAX + 3];
	struct reader reader = {&b, 0};
	buf_init(&b, MAIL_MAX);
	int r = mail_of(p, m, &b);
	if (r < 0)
		return r;
	snprintf(to, sizeof(to), "<%s>", m->address);
	CURL *c = curl_easy_init();
	struct curl_slist *list = curl_slist_append(NULL, to);
	if (!c || !list)
		return -ERR_NOMEM;
	set_up(c, p, &reader, list, secret);
	CURLcode code = curl_easy_perform(c);
	curl_slist_free_all(list);
	curl_easy_cleanup(c);
	snprintf(words, PROGRAM_WORDS_MAX, "%s",
		 code == CURLE_OK ? "accepted" : curl_easy_strerror(code));
	return code == CURLE_OK ? 0 : -ERR_OFFLINE;
}

/* Addresses become headers and commands: nothing in them may end a line or leave the brackets. */
static bool address_clean(const char *s)
{
	return strlen(s) <= ROSTER_ADDRESS_MAX && !strpbrk(s, "<>\r\n \t\"\\,;") && strchr(s, '@');
}

static int ring(const struct program *p, const struct program_ring *g, char *words)
{
	char secret[PASSWORD_MAX] = "";
	int r = 0;
	if (!address_clean(g->m->address) || !address_clean(p->values[FROM])) {
		snprintf(words, PROGRAM_WORDS_MAX, "not a mail address");
		return -ERR_INVAL;
	}
	if (p->values[USER])
		r = p->values[PASSWORD_FILE] ? program_secret(p->values[PASSWORD_FILE], secret,
							      sizeof(secret), words)
					     : -ERR_FIELD_MISSING;
	if (r >= 0)
		r = send_mail(p, g->m, secret, words);
	secret_wipe(secret, sizeof(secret));
	return r;
}

int main(int argc, char **argv)
{
	static const char *const keys[] = {"url", "from", "user", "password-file", "ca-file", NULL};
	struct program p = {.name = "lug-notify-smtp",
			    .words = "mail",
			    .keys = keys,
			    .required_n = 2,
			    .ring = ring};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	int r = program_run(&p, argc, argv);
	curl_global_cleanup();
	return r;
}
