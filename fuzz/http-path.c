/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as path and query: what matches a route has only clean text in its parts, and escaping those parts again leads to
 * the same route with the same parts. */
#include "base/text.h"
#include "http/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct api_route routes[] = {
	{API_GET, "/", API_PEOPLE, 0, API_NO_BODY, 0, API_AUDIT_NONE, NULL, "root", ""},
	{API_GET, "/v1/a", API_PEOPLE, 0, API_NO_BODY, 0, API_AUDIT_NONE, NULL, "a", ""},
	{API_GET, "/v1/{x}", API_PEOPLE, 0, API_NO_BODY, 0, API_AUDIT_NONE, NULL, "x", ""},
	{API_GET, "/v1/{x}/b/{y}", API_PEOPLE, 0, API_NO_BODY, 0, API_AUDIT_NONE, NULL, "y", ""},
	{API_GET, "/{a}/{b}/{c}/{d}", API_PEOPLE, 0, API_NO_BODY, 0, API_AUDIT_NONE, NULL, "d", ""},
};

static void put_escaped(struct buf *b, const char *s)
{
	for (; *s; s++)
		buf_printf(b, "%%%02X", (unsigned char)*s);
}

static void print(const struct api_call *c, struct buf *b)
{
	size_t n = 0;
	for (const char *p = c->route->path; *p; p++) {
		if (*p == '{') {
			put_escaped(b, api_param(c, n++));
			p = strchr(p, '}');
		} else {
			buf_u8(b, (uint8_t)*p);
		}
	}
	for (size_t i = 0; i < c->query_n; i++) {
		buf_u8(b, i ? '&' : '?');
		put_escaped(b, c->query[i].name);
		buf_u8(b, '=');
		put_escaped(b, c->query[i].value);
	}
}

static void check_same(const struct api_call *a, const struct api_call *b)
{
	/* An escaped name may equal a literal segment no more, so the route may only become one with more names. */
	if (a->params_n > b->params_n || a->query_n != b->query_n)
		__builtin_trap();
	for (size_t i = 0; a->route == b->route && i < a->params_n; i++)
		if (strcmp(a->param[i], b->param[i]) != 0)
			__builtin_trap();
	for (size_t i = 0; i < a->query_n; i++)
		if (strcmp(a->query[i].name, b->query[i].name) != 0 ||
		    strcmp(a->query[i].value, b->query[i].value) != 0)
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	arena_init(&arena, API_ARENA_MAX);
	struct api_call first = {.a = &arena}, second = {.a = &arena};
	struct err e = {0};
	struct buf again;
	buf_init(&again, API_PATH_MAX);
	int r = route_match(routes, 5, API_PEOPLE, "GET", (const char *)data, size, &first, &e);
	if (r < 0 && (e.code != r || !e.message[0]))
		__builtin_trap();
	if (r >= 0) {
		for (size_t i = 0; i < first.params_n; i++)
			if (!first.param[i][0] ||
			    !utf8_clean(first.param[i], strlen(first.param[i])))
				__builtin_trap();
		print(&first, &again);
		if (buf_err(&again) >= 0) {
			if (route_match(routes, 5, API_PEOPLE, "GET", (const char *)again.p,
					again.len, &second, &e) < 0)
				__builtin_trap();
			check_same(&first, &second);
		}
	}
	buf_done(&again);
	arena_done(&arena);
	return 0;
}
