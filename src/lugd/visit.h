/* SPDX-License-Identifier: Apache-2.0
 * One call of a browser on its way through the console: who it is, what was typed, what is shown. */
#ifndef LUGD_VISIT_H
#define LUGD_VISIT_H
#include "access/access.h"
#include "http/server.h"
#include "lang/lang.h"
#include "lang/tz.h"
#include "lugd/lugd-int.h"

enum { COOKIE_MAX = 160 };

struct visit {
	struct lugd *d;
	struct api_call *c;
	struct err *e;
	int64_t now_s;
	const char *token; /* of the cookie, untrusted; "" when there is none */
	bool signed_in, html;
	struct access_session session; /* when signed in */
	const struct lang *lang;
	struct tz *zone;
	json_t *fields; /* of the form; NULL when the body was no form */
};

/** page_find - the template for a handler's answer; NULL when it has none
 * page_form_show - the handler of the page on which a form stands; NULL when its handler has no form
 * page_form_target - where a form leads, in the arena */
const char *page_find(api_handler *h);
api_handler *page_form_show(api_handler *h);
const char *page_form_target(const struct api_call *c);

/** visit_page - put a page into c->raw
 * In:      name     of the template; data the handler's answer
 *          code     what went wrong, with its words in v->e; 0 for nothing
 * Returns: 0; as page_render */
int visit_page(struct visit *v, const char *name, const json_t *data, int code,
	       struct err *e) WARN_UNUSED;

/** session_begin - who was let in gets a session: cookie, event, where to go on
 * Returns: 0; -ERR_DENIED no officer of this node; as store_exec */
int session_begin(struct api_call *c, const char *officer, enum access_how how,
		  struct err *e) WARN_UNUSED;
/** key_prove - a security key's answer, as the JSON of a form's field _key, as a fresh proof; as access_key_use */
int key_prove(struct api_call *c, const char *officer, const char *answer,
	      struct err *e) WARN_UNUSED;

/** visit_cookie - the session's cookie as Set-Cookie wants it, in the arena; NULL ends it */
const char *visit_cookie(struct arena *a, const char *token);
/** visit_token - the session's token in a header Cookie; "" when there is none */
const char *visit_token(const struct api_call *c);
#endif
