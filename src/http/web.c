/* SPDX-License-Identifier: Apache-2.0
 * Heads of browsers' requests, and the headers that keep a page to itself: nothing from elsewhere, no inline code, no frame. */
#include "base/cleanup.h"
#include "http/web-int.h"
#include <arpa/inet.h>
#include <string.h>

enum { WEB_HEADER_MAX = 2048 };

/* A header's value, "" when absent or too long. */
static const char *header(struct MHD_Connection *c, struct arena *a, const char *name)
{
	const char *v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
	size_t len = v ? strlen(v) : 0;
	return len > WEB_HEADER_MAX ? "" : arena_str(a, v ? v : "", len);
}

/* Who has one IPv6 address has a network of them (RFC 4291 2.5.4): what counts callers counts those. */
static void read_network(const struct in6_addr *a, struct api_web *w)
{
	struct in6_addr net = *a;
	if (IN6_IS_ADDR_V4MAPPED(&net)) {
		(void)inet_ntop(AF_INET, &net.s6_addr[12], w->address, sizeof(w->address));
		return;
	}
	memset(&net.s6_addr[8], 0, 8);
	(void)inet_ntop(AF_INET6, &net, w->address, sizeof(w->address));
}

static void read_address(struct MHD_Connection *c, struct api_web *w)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;
	if (sa && sa->sa_family == AF_INET6)
		read_network(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, w);
	else if (!sa || !inet_ntop(sa->sa_family,
				   &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
				   w->address, sizeof(w->address)))
		snprintf(w->address, sizeof(w->address), "unknown");
}

int web_read(struct MHD_Connection *c, const char *target, struct arena *a, struct api_web *ret,
	     struct err *e)
{
	const struct {
		const char *name, **to;
	} wanted[] = {
		{"Cookie", &ret->cookie},
		{"Accept", &ret->accept},
		{"Accept-Language", &ret->languages},
		{"Origin", &ret->origin},
		{"Host", &ret->host},
		{"Sec-Fetch-Site", &ret->site},
		{"Content-Type", &ret->type},
		{"X-CSRF-Token", &ret->token},
		{"HX-Request", &ret->partial},
		{"Lugdunum-Background", &ret->background},
		{"Accept-Encoding", &ret->encodings},
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		*wanted[i].to = header(c, a, wanted[i].name);
		if (!*wanted[i].to)
			return err_set(e, ERR_NOMEM, NULL, NULL);
	}
	ret->target = target;
	read_address(c, ret);
	return 0;
}

static const char *const fixed[][2] = {
	{"Content-Security-Policy",
	 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; base-uri 'none'; "
	 "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lugdunum; report-uri /v1/csp-report"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"X-Frame-Options", "DENY"},
	{"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
	{"Vary", "Accept, Accept-Language, Cookie"},
};

bool web_headers(struct MHD_Response *r, const struct api_web *w)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (MHD_add_response_header(r, fixed[i][0], fixed[i][1]) != MHD_YES)
			return false;
	if (w->encoding && MHD_add_response_header(r, "Content-Encoding", w->encoding) != MHD_YES)
		return false;
	if (w->attachment && !w->page &&
	    MHD_add_response_header(r, "Content-Disposition", "attachment") != MHD_YES)
		return false;
	if (w->location && MHD_add_response_header(r, "Location", w->location) != MHD_YES)
		return false;
	return !w->set_cookie || MHD_add_response_header(r, "Set-Cookie", w->set_cookie) == MHD_YES;
}
