/* SPDX-License-Identifier: Apache-2.0
 * GET and POST /v1/search: anything that was pasted (an address, a transaction, a reference, a text of many lines) is recognised and
 * said back, with the requests that hold it. */
#include "base/cleanup.h"
#include "base/text.h"
#include "exchange/request.h"
#include "lugd/lugd-int.h"
#include "lugd/rights.h"
#include "screen/extract.h"

enum { SEARCH_ITEMS = 100, SEARCH_REQUESTS = 500, SEARCH_FOUND = 50, PASTED_MAX = 64 << 10 };

static const char *kind_name(enum extract_kind k)
{
	switch (k) {
	case EXTRACT_ADDRESS:
		return "address";
	case EXTRACT_TX:
		return "tx";
	case EXTRACT_BLOCK:
		return "block";
	case EXTRACT_SECRET:
		return "secret";
	case EXTRACT_LOOKALIKE:
		return "look-alike";
	}
	return "";
}

static const char *certainty_name(enum extract_certainty v)
{
	switch (v) {
	case EXTRACT_POSSIBLE:
		return "possible";
	case EXTRACT_LIKELY:
		return "likely";
	case EXTRACT_CERTAIN:
		return "certain";
	}
	return "";
}

static json_t *item_json(const struct extract_item *it)
{
	json_t *guesses = json_array();
	for (int i = 0; guesses && i < it->guess_n; i++)
		json_array_append_new(guesses, json_string(it->guess[i].info.text));
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "kind", kind_name(it->kind), "certainty",
			 certainty_name(it->certainty), "text", it->text, "reason", it->reason,
			 "meant", guesses);
}

static int recognise(struct api_call *c, const char *text, json_t **ret, struct err *e)
{
	struct extract_stats stats;
	struct extract_item *items = arena_array(c->a, SEARCH_ITEMS, sizeof(*items));
	_cleanup_(json_decrefp) json_t *list = json_array();
	if (!items || !list)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int r = extract(text, strlen(text), items, SEARCH_ITEMS, &stats, e);
	for (size_t i = 0; r >= 0 && i < stats.n; i++)
		if (json_array_append_new(list, item_json(&items[i])) < 0)
			r = err_set(e, ERR_NOMEM, NULL, NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(list);
	return 0;
}

/* Whether any text below a value holds the words. */
static bool holds(const json_t *j, const char *words)
{
	const char *key;
	json_t *v;
	size_t i;
	if (json_is_string(j))
		return strcasestr(json_string_value(j), words);
	json_object_foreach ((json_t *)(uintptr_t)j, key, v)
		if (holds(v, words))
			return true;
	json_array_foreach (j, i, v)
		if (holds(v, words))
			return true;
	return false;
}

/* What was asked for in a request: one of the recognised things, or the words themselves. */
static bool is_hit(const json_t *request, const json_t *items, const char *words)
{
	size_t i;
	json_t *item;
	json_array_foreach (items, i, item) {
		const char *text = json_string_value(json_object_get(item, "text"));
		if (text && *text && holds(request, text))
			return true;
	}
	return !strchr(words, '\n') && holds(request, words);
}

/* One request of the list, whole: does it hold what is looked for? */
static int look_at(struct api_call *c, json_t *head, const json_t *items, const char *words,
		   json_t *found, struct err *e)
{
	const struct actor a = lugd_actor(c);
	json_t *whole = NULL;
	const char *id = json_string_value(json_object_get(head, "id"));
	int r = request_show(lugd_requests(lugd_of(c)), &a, id, &whole, e);
	if (r >= 0 && (is_hit(whole, items, words)))
		r = json_array_append(found, head) < 0 ? -ERR_NOMEM : 0;
	json_decref(whole);
	return r;
}

static int find_requests(struct api_call *c, const json_t *items, const char *words, json_t **ret,
			 struct err *e)
{
	const struct actor a = lugd_actor(c);
	_cleanup_(json_decrefp) json_t *found = json_array();
	_cleanup_(json_decrefp) json_t *page = NULL;
	json_t *head;
	size_t i;
	int r = request_list(
		lugd_requests(lugd_of(c)), &a,
		&(const struct request_filter){
			.all = true, .limit = SEARCH_REQUESTS, .may = rights_list, .may_ctx = c},
		&page, e);
	json_array_foreach (json_object_get(page, "requests"), i, head) {
		if (r < 0 || json_array_size(found) == SEARCH_FOUND)
			break;
		r = look_at(c, head, items, words, found, e);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(found);
	return 0;
}

static int search(struct api_call *c, const char *words, struct err *e)
{
	_cleanup_(json_decrefp) json_t *items = NULL;
	json_t *found = NULL;
	int r = recognise(c, words, &items, e);
	if (r >= 0)
		r = find_requests(c, items, words, &found, e);
	if (r < 0)
		return r;
	return api_reply(c,
			 json_pack("{s:s, s:O, s:o, s:b}", "q", words, "items", items, "requests",
				   found, "asked", 1),
			 e);
}

int api_search(struct api_call *c, struct err *e)
{
	const char *words = api_query(c, "q");
	if (!words || !*words)
		return api_reply(c, json_pack("{s:s}", "q", ""), e);
	return search(c, words, e);
}

int api_search_text(struct api_call *c, struct err *e)
{
	static const char *const keys[] = {"q", NULL};
	const char *words = NULL;
	int r = json_only(c->in, keys, e);
	if (r >= 0)
		r = json_need_str(c->in, "q", 1, PASTED_MAX, &words, e);
	return r < 0 ? r : search(c, words, e);
}
