/* SPDX-License-Identifier: Apache-2.0
 * Route matching: segment by segment against each pattern; of several that fit, the one with the fewest {names} wins. */
#include "http/route.h"
#include "base/cleanup.h"
#include "base/text.h"

const char *route_method_name(enum api_method m)
{
	switch (m) {
	case API_GET:
		return "GET";
	case API_POST:
		return "POST";
	case API_PUT:
		return "PUT";
	case API_DELETE:
		return "DELETE";
	}
	return "";
}

const char *route_audit_name(enum api_audit a)
{
	switch (a) {
	case API_AUDIT_NONE:
		return "none";
	case API_AUDIT_OWN:
		return "own";
	case API_AUDIT_VIEW:
		return "view";
	case API_AUDIT_SEARCH:
		return "search";
	case API_AUDIT_EXPORT:
		return "export";
	}
	return "";
}

const char *route_listener_name(enum api_listener l)
{
	switch (l) {
	case API_PEER:
		return "peer";
	case API_PEOPLE:
		return "people";
	case API_BROWSER:
		return "browser";
	case API_LINK:
		return "link";
	}
	return "";
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Undoes percent-encoding (RFC 3986 2.1) into the arena; in a query "+" is a blank. NULL when malformed or not clean text. */
static char *decode(struct arena *a, const char *s, size_t len, bool in_query)
{
	char *out = arena_alloc(a, len + 1);
	size_t n = 0;
	for (size_t i = 0; out && i < len; i++) {
		if (s[i] == '%') {
			int high = i + 2 < len ? hex_digit(s[i + 1]) : -1,
			    low = high < 0 ? -1 : hex_digit(s[i + 2]);
			if (high < 0 || low < 0)
				return NULL;
			out[n++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[n++] = in_query && s[i] == '+' ? ' ' : s[i];
		}
	}
	return out && utf8_clean(out, n) ? out : NULL;
}

/* The next segment of a path, without its slash; false at the end. */
static bool segment(const char **p, const char *end, const char **ret, size_t *ret_len)
{
	if (*p >= end || **p != '/')
		return false;
	*ret = ++*p;
	while (*p < end && **p != '/')
		++*p;
	*ret_len = (size_t)(*p - *ret);
	return true;
}

static bool is_param(const char *s, size_t len)
{
	return len > 2 && s[0] == '{' && s[len - 1] == '}';
}

/* Number of {names} when the path fits the pattern, else -1. */
static int fits(const char *pattern, const char *path, size_t path_len)
{
	const char *p = pattern, *p_end = pattern + strlen(pattern), *q = path,
		   *q_end = path + path_len;
	int params = 0;
	for (;;) {
		const char *want, *have;
		size_t want_len, have_len;
		bool more = segment(&p, p_end, &want, &want_len);
		if (more != segment(&q, q_end, &have, &have_len))
			return -1;
		if (!more)
			return p == p_end && q == q_end ? params : -1;
		if (is_param(want, want_len) && have_len)
			params++;
		else if (want_len != have_len || memcmp(want, have, want_len) != 0)
			return -1;
	}
}

static int take_params(const char *pattern, const char *path, size_t path_len, struct api_call *c)
{
	const char *p = pattern, *p_end = pattern + strlen(pattern), *q = path,
		   *q_end = path + path_len, *want, *have;
	size_t want_len, have_len;
	c->params_n = 0;
	while (segment(&p, p_end, &want, &want_len) && segment(&q, q_end, &have, &have_len)) {
		if (!is_param(want, want_len))
			continue;
		if (c->params_n == API_PARAMS_MAX)
			return -ERR_OVERSIZE;
		c->param[c->params_n] = decode(c->a, have, have_len, false);
		if (!c->param[c->params_n] || !c->param[c->params_n][0])
			return -ERR_FORMAT;
		c->params_n++;
	}
	return 0;
}

static int take_member(const char *s, size_t len, struct api_call *c, struct err *e)
{
	const char *eq = memchr(s, '=', len);
	size_t name_len = eq ? (size_t)(eq - s) : len;
	if (c->query_n == API_QUERY_MAX)
		return err_set(e, ERR_OVERSIZE, NULL, "The query has more than %d members.",
			       API_QUERY_MAX);
	char *name = decode(c->a, s, name_len, true);
	char *value = eq ? decode(c->a, eq + 1, len - name_len - 1, true) : arena_str(c->a, "", 0);
	if (!name || !value || !name[0])
		return err_set(e, ERR_FORMAT, NULL,
			       "The query string is malformed; escape it as UTF-8 with %%XX.");
	if (api_query(c, name))
		return err_set(e, ERR_DUPLICATE, name,
			       "%s stands twice in the query; give it once.", name);
	c->query[c->query_n++] = (struct api_query){name, value};
	return 0;
}

static int take_query(const char *s, size_t len, struct api_call *c, struct err *e)
{
	c->query_n = 0;
	while (len) {
		const char *amp = memchr(s, '&', len);
		size_t member_len = amp ? (size_t)(amp - s) : len;
		int r = take_member(s, member_len, c, e);
		if (r < 0)
			return r;
		s += member_len + (amp ? 1 : 0);
		len -= member_len + (amp ? 1 : 0);
	}
	return 0;
}

/* People's routes are also for their browsers. */
static bool served(const struct api_route *route, enum api_listener listener)
{
	return route->listener == listener ||
	       (listener == API_BROWSER && route->listener == API_PEOPLE);
}

static int no_route(const struct api_route *routes, size_t n, enum api_listener listener,
		    const char *path, size_t path_len, const char *method, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (served(&routes[i], listener) && fits(routes[i].path, path, path_len) >= 0)
			return err_set(e, ERR_NOENT, "method", "This path takes %s, not %.16s.",
				       route_method_name(routes[i].method), method);
	return err_set(e, ERR_NOENT, "path",
		       "There is no such path; GET /v1/openapi.json lists them.");
}

int route_match(const struct api_route *routes, size_t n, enum api_listener listener,
		const char *method, const char *uri, size_t uri_len, struct api_call *c,
		struct err *e)
{
	if (uri_len > API_PATH_MAX)
		return err_set(e, ERR_OVERSIZE, "path", "Path and query are longer than %d bytes.",
			       API_PATH_MAX);
	const char *question = memchr(uri, '?', uri_len);
	size_t path_len = question ? (size_t)(question - uri) : uri_len;
	const struct api_route *best = NULL;
	int best_params = API_PARAMS_MAX + 1;
	for (size_t i = 0; i < n; i++) {
		int params = served(&routes[i], listener) &&
					     !strcmp(route_method_name(routes[i].method), method)
				     ? fits(routes[i].path, uri, path_len)
				     : -1;
		if (params >= 0 && params < best_params) {
			best = &routes[i];
			best_params = params;
		}
	}
	if (!best)
		return no_route(routes, n, listener, uri, path_len, method, e);
	struct api_call found = *c;
	int r = take_params(best->path, uri, path_len, &found);
	if (r < 0)
		return err_set(e, r, "path",
			       "The path is malformed; escape its parts as UTF-8 with %%XX.");
	r = question ? take_query(question + 1, uri_len - path_len - 1, &found, e) : 0;
	if (r < 0)
		return r;
	found.route = best;
	*c = found;
	return 0;
}
