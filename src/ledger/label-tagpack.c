/* SPDX-License-Identifier: Apache-2.0
 * TagPack YAML, by libyaml's events: a header mapping whose key "tags" holds a sequence of mappings.
 *
 * Only scalars of these two levels are looked at; whatever is nested deeper is passed over, up to a depth. Anchors and
 * aliases are refused, so the work is bounded by the size of the file. */
#include "base/text.h"
#include "ledger/label-int.h"
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 8, TICK_TAGS = 1024 };

struct pack {
	struct label_builder *b;
	yaml_parser_t parser;
	struct label_entry *tag; /* NULL in the header */
	char key[32];
	bool has_key;
};

static int yaml_fail(struct pack *p, const yaml_event_t *ev, int code, const char *what)
{
	return err_set(p->b->e, code, NULL, "line %zu: %s", ev->start_mark.line + 1, what);
}

static int next_event(struct pack *p, yaml_event_t *ev)
{
	if (!yaml_parser_parse(&p->parser, ev))
		return err_set(p->b->e, ERR_FORMAT, NULL, "line %zu: %s",
			       p->parser.problem_mark.line + 1,
			       p->parser.problem ? p->parser.problem : "not YAML");
	bool anchor = (ev->type == YAML_SCALAR_EVENT && ev->data.scalar.anchor) ||
		      (ev->type == YAML_MAPPING_START_EVENT && ev->data.mapping_start.anchor) ||
		      (ev->type == YAML_SEQUENCE_START_EVENT && ev->data.sequence_start.anchor);
	if (!anchor && ev->type != YAML_ALIAS_EVENT)
		return 0;
	int r = yaml_fail(p, ev, ERR_UNSUPPORTED, "anchors and aliases are not supported");
	yaml_event_delete(ev);
	return r;
}

/* Pass over the rest of a collection that has begun. */
static int skip_nested(struct pack *p)
{
	yaml_event_t ev;
	for (int depth = 1; depth;) {
		int r = next_event(p, &ev);
		if (r < 0)
			return r;
		if (ev.type == YAML_MAPPING_START_EVENT || ev.type == YAML_SEQUENCE_START_EVENT)
			depth++;
		else if (ev.type == YAML_MAPPING_END_EVENT || ev.type == YAML_SEQUENCE_END_EVENT)
			depth--;
		if (depth > DEPTH_MAX)
			r = yaml_fail(p, &ev, ERR_OVERSIZE, "nested too deeply");
		yaml_event_delete(&ev);
		if (r < 0)
			return r;
	}
	return 0;
}

static int field_of(const char *key)
{
	static const char *const names[FIELD_N] = {"label",  "category", "actor",      "abuse",
						   "source", "currency", "confidence", "lastmod"};
	for (int f = 0; f < FIELD_N; f++)
		if (strcmp(names[f], key) == 0)
			return f;
	return -1;
}

static bool truth(const char *s)
{
	return strcmp(s, "true") == 0 || strcmp(s, "True") == 0 || strcmp(s, "yes") == 0;
}

/* Where a value of the key at hand belongs; NULL for what is passed over, and for an address. */
static uint32_t *target_of(struct pack *p, struct label_entry *t)
{
	int field = field_of(p->key);
	if (field >= 0)
		return &t->field[field];
	if (!p->tag && strcmp(p->key, "title") == 0)
		return &p->b->title;
	return !p->tag && strcmp(p->key, "creator") == 0 ? &p->b->creator : NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int take_address(struct pack *p, const yaml_event_t *ev)
{
	const char *s = (const char *)ev->data.scalar.value, *end = s + ev->data.scalar.length;
	while (s < end && is_blank(*s))
		s++;
	while (s < end && is_blank(end[-1]))
		end--;
	p->tag->line = (uint32_t)ev->start_mark.line + 1;
	p->tag->address = arena_str(&p->b->arena, s, (size_t)(end - s));
	return p->tag->address ? 0 : -ERR_NOMEM;
}

/* A value: into a field of the tag or the header. What is too long or unclean spoils the tag, not the file. */
static int take_value(struct pack *p, const yaml_event_t *ev)
{
	struct label_entry *t = p->tag ? p->tag : &p->b->header;
	const char *s = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	uint32_t *at = target_of(p, t);
	bool address = p->tag && strcmp(p->key, "address") == 0;
	if (strcmp(p->key, "is_cluster_definer") == 0)
		t->cluster = truth(s);
	if (!at && !address)
		return 0;
	if (len > LABEL_TEXT_MAX || !utf8_clean(s, len)) {
		t->bad = len > LABEL_TEXT_MAX ? -ERR_OVERSIZE : -ERR_FORMAT;
		return p->tag ? 0
			      : yaml_fail(p, ev, t->bad,
					  "a header field is too long or has control characters");
	}
	return address ? take_address(p, ev) : builder_string(p->b, s, len, at);
}

static int take_scalar(struct pack *p, const yaml_event_t *ev)
{
	int r = 0;
	if (p->has_key)
		r = take_value(p, ev);
	else
		snprintf(p->key, sizeof(p->key), "%s", (const char *)ev->data.scalar.value);
	p->has_key = !p->has_key;
	return r;
}

/* One tag: its mapping has begun. */
static int parse_tag(struct pack *p, const yaml_event_t *start)
{
	yaml_event_t ev;
	int r = builder_entry(p->b, &p->tag);
	if (r < 0)
		return r;
	p->tag->line = (uint32_t)start->start_mark.line + 1;
	if (p->b->entry_n % TICK_TAGS == 0)
		builder_tick(p->b, start->start_mark.index);
	p->has_key = false;
	for (bool end = false; r == 0 && !end;) {
		r = next_event(p, &ev);
		if (r < 0)
			return r;
		end = ev.type == YAML_MAPPING_END_EVENT;
		if (ev.type == YAML_SCALAR_EVENT)
			r = take_scalar(p, &ev);
		else if (!end && !p->has_key)
			r = yaml_fail(p, &ev, ERR_FORMAT, "a key must be plain text");
		else if (!end)
			r = skip_nested(p);
		if (!end && ev.type != YAML_SCALAR_EVENT)
			p->has_key = false;
		yaml_event_delete(&ev);
	}
	p->tag = NULL;
	p->has_key = false;
	return r;
}

static int parse_tags(struct pack *p)
{
	yaml_event_t ev;
	int r = 0;
	for (bool end = false; r == 0 && !end;) {
		r = next_event(p, &ev);
		if (r < 0)
			return r;
		end = ev.type == YAML_SEQUENCE_END_EVENT;
		if (ev.type == YAML_MAPPING_START_EVENT)
			r = parse_tag(p, &ev);
		else if (!end)
			r = yaml_fail(p, &ev, ERR_FORMAT, "each tag must be a mapping");
		yaml_event_delete(&ev);
	}
	return r;
}

/* The header: its mapping has begun. */
static int parse_header(struct pack *p)
{
	yaml_event_t ev;
	int r = 0;
	bool tags = false;
	for (bool end = false; r == 0 && !end;) {
		r = next_event(p, &ev);
		if (r < 0)
			return r;
		end = ev.type == YAML_MAPPING_END_EVENT;
		if (ev.type == YAML_SCALAR_EVENT)
			r = take_scalar(p, &ev);
		else if (!end && !p->has_key)
			r = yaml_fail(p, &ev, ERR_FORMAT, "a key must be plain text");
		else if (ev.type == YAML_SEQUENCE_START_EVENT && strcmp(p->key, "tags") == 0) {
			tags = true;
			r = parse_tags(p);
		} else if (!end)
			r = skip_nested(p);
		if (!end && ev.type != YAML_SCALAR_EVENT)
			p->has_key = false;
		yaml_event_delete(&ev);
	}
	if (r == 0 && !tags)
		r = err_set(p->b->e, ERR_FORMAT, "tags", "not a TagPack: it has no list of tags");
	return r;
}

static int parse_document(struct pack *p)
{
	yaml_event_t ev;
	for (;;) {
		int r = next_event(p, &ev);
		if (r < 0)
			return r;
		yaml_event_type_t type = ev.type;
		if (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT)
			r = yaml_fail(p, &ev, ERR_FORMAT,
				      "not a TagPack: it begins with no mapping");
		yaml_event_delete(&ev);
		if (type == YAML_MAPPING_START_EVENT)
			r = parse_header(p);
		if (r < 0 || type == YAML_MAPPING_START_EVENT)
			return r;
		if (type == YAML_STREAM_END_EVENT)
			return err_set(p->b->e, ERR_FORMAT, NULL, "not a TagPack: it is empty");
	}
}

/* Nothing but the end may follow. */
static int parse_end(struct pack *p)
{
	yaml_event_t ev;
	for (;;) {
		int r = next_event(p, &ev);
		if (r < 0)
			return r;
		yaml_event_type_t type = ev.type;
		if (type == YAML_DOCUMENT_START_EVENT)
			r = yaml_fail(p, &ev, ERR_TRAILING, "a second document");
		yaml_event_delete(&ev);
		if (r < 0 || type == YAML_STREAM_END_EVENT)
			return r;
	}
}

int tagpack_parse(struct label_builder *b, const void *bytes, size_t len)
{
	struct pack p = {.b = b};
	if (!yaml_parser_initialize(&p.parser))
		return -ERR_NOMEM;
	yaml_parser_set_input_string(&p.parser, bytes, len);
	int r = parse_document(&p);
	if (r == 0)
		r = parse_end(&p);
	yaml_parser_delete(&p.parser);
	return r;
}
