/* SPDX-License-Identifier: Apache-2.0
 * One curl easy handle a call: a person's command makes few of them. */
#include "http/client.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "http/route.h"
#include <curl/curl.h>
#include <errno.h>

enum { CLIENT_URL_MAX = API_PATH_MAX + 32 };

static size_t on_reply(char *data, size_t size, size_t n, void *ctx)
{
	struct buf *reply = ctx;
	buf_put(reply, data, size * n);
	return buf_err(reply) < 0 ? 0 : size * n;
}

static void curl_easy_cleanupp(CURL **c)
{
	curl_easy_cleanup(*c);
}

static void curl_slist_freep(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static int no_answer(CURLcode code, long system_errno, const char *socket, struct err *e)
{
	if (code == CURLE_COULDNT_CONNECT && system_errno == EACCES)
		return err_set(e, ERR_ACCES, socket,
			       "You may not use %s; join the group of its socket.", socket);
	if (code == CURLE_COULDNT_CONNECT)
		return err_set(e, ERR_CONNREFUSED, socket,
			       "No node answers on %s; start it with lug serve.", socket);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, ERR_TIMEDOUT, socket, "The node did not answer within %d s.",
			       HTTP_CLIENT_TIMEOUT_S);
	if (code == CURLE_WRITE_ERROR)
		return err_set(e, ERR_OVERSIZE, socket,
			       "The node's answer is larger than %d bytes.", HTTP_CLIENT_REPLY_MAX);
	return err_set(e, ERR_PIPE, socket, "The node broke the call off: %s.",
		       curl_easy_strerror(code));
}

static bool set_up(CURL *c, const char *socket, const char *method, const char *url,
		   struct curl_slist *headers, const char *body, struct buf *reply)
{
	if (curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket) ||
	    curl_easy_setopt(c, CURLOPT_URL, url) || curl_easy_setopt(c, CURLOPT_PROXY, "") ||
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) ||
	    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)HTTP_CLIENT_TIMEOUT_S) ||
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) ||
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_reply) ||
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, reply))
		return false;
	if (strcmp(method, "GET") != 0 &&
	    (curl_easy_setopt(c, CURLOPT_POST, 1L) ||
	     curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, body ? (long)strlen(body) : 0L) ||
	     curl_easy_setopt(c, CURLOPT_POSTFIELDS, body ? body : "")))
		return false;
	return !curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
}

static struct curl_slist *make_headers(const char *officer, bool body)
{
	char line[API_NAME_MAX + 32];
	struct curl_slist *list =
		curl_slist_append(NULL, body ? "Content-Type: application/json" : "Content-Type:");
	snprintf(line, sizeof(line), "Lugdunum-Officer: %s", officer ? officer : "");
	if (!list || !curl_slist_append(list, "Expect:") ||
	    (officer && !curl_slist_append(list, line))) {
		curl_slist_free_all(list);
		return NULL;
	}
	return list;
}

static int take_reply(unsigned status, const struct buf *reply, json_t **ret_reply, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = NULL;
	int r = reply->len ? json_parse(reply->p, reply->len, &j, e) : 0;
	if (status >= 400)
		return http_error_read(status, j, e);
	if (r < 0)
		return r;
	*ret_reply = TAKE_PTR(j);
	return 0;
}

int http_client_call(const char *socket, const char *method, const char *path, const char *officer,
		     const json_t *body, json_t **ret_reply, struct err *e)
{
	char url[CLIENT_URL_MAX];
	struct buf reply _cleanup_(buf_done);
	buf_init(&reply, HTTP_CLIENT_REPLY_MAX);
	_cleanup_(curl_easy_cleanupp) CURL *c = curl_easy_init();
	_cleanup_(curl_slist_freep) struct curl_slist *headers = make_headers(officer, body);
	_cleanup_(freep) char *text = body ? json_text(body) : NULL;
	if (strlen(path) > API_PATH_MAX || (officer && strlen(officer) > API_NAME_MAX))
		return err_set(e, ERR_OVERSIZE, "path", "Path and query are longer than %d bytes.",
			       API_PATH_MAX);
	snprintf(url, sizeof(url), "http://localhost%s", path);
	if (!c || !headers || (body && !text) ||
	    !set_up(c, socket, method, url, headers, text, &reply))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	CURLcode code = curl_easy_perform(c);
	long status = 0, system_errno = 0;
	curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &system_errno);
	if (code != CURLE_OK)
		return no_answer(code, system_errno, socket, e);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	return take_reply((unsigned)status, &reply, ret_reply, e);
}

char *http_client_escape(const char *s)
{
	char *escaped = curl_easy_escape(NULL, s, 0), *out = escaped ? strdup(escaped) : NULL;
	curl_free(escaped);
	return out;
}
