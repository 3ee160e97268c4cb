/* SPDX-License-Identifier: Apache-2.0
 * OFAC's own lists, SDN.XML and SDN_ADVANCED.XML, as they are read: only the element at hand and the party it belongs to are
 * kept, so memory does not grow with the list. A document type is refused, and with it every entity that could expand. */
#include "base/text.h"
#include "ledger/label-int.h"
#include <expat.h>
#include <string.h>

enum { DEPTH_MAX = 32, NAME_MAX_LEN = 40, TYPES_MAX = 256, CURRENCY_MAX = 16, DATE_MAX = 16 };
static const char address_prefix[] = "Digital Currency Address - ";

struct feature_type { /* of the advanced list: what the number of a feature means */
	uint32_t id;
	char currency[CURRENCY_MAX];
};
struct xml_list {
	struct label_builder *b;
	XML_Parser parser;
	char path[DEPTH_MAX][NAME_MAX_LEN];
	uint32_t depth;
	char text[LABEL_TEXT_MAX + 1]; /* of the element at hand */
	size_t text_len;
	bool text_long;
	/* the party at hand */
	char name[LABEL_TEXT_MAX + 1], uid[24];
	bool name_done;
	char currency
		[CURRENCY_MAX]; /* of the identifier or feature at hand; "" when it is no address */
	char number[LABEL_TEXT_MAX + 1];
	struct feature_type type[TYPES_MAX];
	uint32_t type_n, type_id;
	uint32_t year, month, day; /* of the list; 0 not said */
	int error;
	uint64_t fed;
};

static void stop(struct xml_list *x, int code, const char *what)
{
	if (x->error)
		return;
	x->error = err_set(x->b->e, code, NULL, "line %lu: %s",
			   (unsigned long)XML_GetCurrentLineNumber(x->parser), what);
	XML_StopParser(x->parser, XML_FALSE);
}

static void keep(char *out, size_t size, const char *text)
{
	size_t n = strnlen(text, size - 1);

	memcpy(out, text, n);
	out[n] = 0;
}

static bool inside(const struct xml_list *x, const char *parent)
{
	return x->depth >= 2 && strcmp(x->path[x->depth - 2], parent) == 0;
}

/* ---- an address ---- */

static int party_fields(struct xml_list *x, struct label_entry *t)
{
	char source[64];
	int r = builder_string(x->b, x->currency, strlen(x->currency), &t->field[FIELD_CURRENCY]);

	snprintf(source, sizeof(source), "OFAC SDN list, party %s", x->uid);
	if (r == 0)
		r = builder_string(x->b, source, strlen(source), &t->field[FIELD_SOURCE]);
	/* A name that was cut, or was none, is left out. */
	if (r == 0 && utf8_clean(x->name, strlen(x->name)))
		r = builder_string(x->b, x->name, strlen(x->name), &t->field[FIELD_ACTOR]);
	return r;
}

static void address_add(struct xml_list *x, const char *text)
{
	struct label_entry *t;
	int r = builder_entry(x->b, &t);

	if (r == 0) {
		t->line = (uint32_t)XML_GetCurrentLineNumber(x->parser);
		if (x->b->entry_n % 64 == 0)
			builder_tick(x->b, x->fed);
		r = party_fields(x, t);
	}
	if (r == 0) {
		size_t len;
		text += strspn(text, " \t\r\n");
		len = strlen(text);
		while (len && strchr(" \t\r\n", text[len - 1]))
			len--;
		if (!utf8_clean(text, len))
			t->bad = -ERR_FORMAT;
		else if (!(t->address = arena_str(&x->b->arena, text, len)))
			r = -ERR_NOMEM;
	}
	if (r < 0 && !x->error) {
		x->error = r;
		XML_StopParser(x->parser, XML_FALSE);
	}
}

/* "Digital Currency Address - XBT": the currency; "" of any other kind. */
static void currency_of(const char *kind, char out[static CURRENCY_MAX])
{
	size_t n = sizeof(address_prefix) - 1;

	keep(out, CURRENCY_MAX, strncmp(kind, address_prefix, n) == 0 ? kind + n : "");
}

/* ---- what each element means when it ends ---- */

static void end_id_type(struct xml_list *x)
{
	currency_of(x->text, x->currency);
}

static void end_id_number(struct xml_list *x)
{
	keep(x->number, sizeof(x->number), x->text);
}

static void end_id(struct xml_list *x)
{
	if (*x->currency)
		address_add(x, x->number);
	x->currency[0] = x->number[0] = 0;
}

static void end_uid(struct xml_list *x)
{
	keep(x->uid, sizeof(x->uid), x->text);
}

static void end_last_name(struct xml_list *x)
{
	keep(x->name, sizeof(x->name), x->text);
}

static void end_first_name(struct xml_list *x)
{
	size_t n = strlen(x->name);

	snprintf(x->name + n, sizeof(x->name) - n, ", %s", x->text);
}

static void end_name_part(struct xml_list *x)
{
	size_t n = strlen(x->name);

	if (!x->name_done)
		snprintf(x->name + n, sizeof(x->name) - n, "%s%s", n ? " " : "", x->text);
}

static void end_name(struct xml_list *x)
{
	x->name_done = true;
}

static void end_feature_type(struct xml_list *x)
{
	char currency[CURRENCY_MAX];

	currency_of(x->text, currency);
	if (!*currency)
		return;
	if (x->type_n == TYPES_MAX) {
		stop(x, ERR_OVERSIZE, "too many kinds of features");
		return;
	}
	x->type[x->type_n].id = x->type_id;
	keep(x->type[x->type_n++].currency, CURRENCY_MAX, currency);
}

static void end_feature(struct xml_list *x)
{
	x->currency[0] = 0;
}

static void end_detail(struct xml_list *x)
{
	if (*x->currency)
		address_add(x, x->text);
}

static uint32_t number_at(const char *s, size_t len)
{
	uint64_t v = 0;

	(void)!dec_parse_u64(s, len, 9999, &v);
	return (uint32_t)v;
}

static void end_published(struct xml_list *x)
{
	if (strlen(x->text) != 10)
		return;
	/* As Americans write it. */
	x->month = number_at(x->text, 2);
	x->day = number_at(x->text + 3, 2);
	x->year = number_at(x->text + 6, 4);
}

static void end_year(struct xml_list *x)
{
	x->year = number_at(x->text, strlen(x->text));
}

static void end_month(struct xml_list *x)
{
	x->month = number_at(x->text, strlen(x->text));
}

static void end_day(struct xml_list *x)
{
	x->day = number_at(x->text, strlen(x->text));
}

static const struct {
	const char *parent, *name;
	void (*end)(struct xml_list *);
} elements[] = {
	/* SDN.XML */
	{"publshInformation", "Publish_Date", end_published},
	{"sdnEntry", "uid", end_uid},
	{"sdnEntry", "lastName", end_last_name},
	{"sdnEntry", "firstName", end_first_name},
	{"id", "idType", end_id_type},
	{"id", "idNumber", end_id_number},
	{"idList", "id", end_id},
	/* SDN_ADVANCED.XML */
	{"DateOfIssue", "Year", end_year},
	{"DateOfIssue", "Month", end_month},
	{"DateOfIssue", "Day", end_day},
	{"FeatureTypeValues", "FeatureType", end_feature_type},
	{"DocumentedNamePart", "NamePartValue", end_name_part},
	{"Alias", "DocumentedName", end_name},
	{"FeatureVersion", "VersionDetail", end_detail},
	{"Profile", "Feature", end_feature},
};

/* ---- expat ---- */

static uint32_t attribute_u32(const XML_Char **attributes, const char *name)
{
	uint64_t v = 0;

	for (; attributes[0]; attributes += 2)
		if (strcmp(attributes[0], name) == 0)
			(void)!dec_parse_u64(attributes[1], strlen(attributes[1]), UINT32_MAX, &v);
	return (uint32_t)v;
}

static void party_begin(struct xml_list *x, uint32_t uid)
{
	x->name[0] = x->currency[0] = x->number[0] = 0;
	x->name_done = false;
	snprintf(x->uid, sizeof(x->uid), "%u", uid);
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct xml_list *x = ctx;

	if (x->depth == DEPTH_MAX) {
		stop(x, ERR_OVERSIZE, "nested too deeply");
		return;
	}
	if (x->depth == 0 && strcmp(name, "sdnList") != 0 && strcmp(name, "Sanctions") != 0)
		stop(x, ERR_FORMAT,
		     "not a list of OFAC: it begins with neither sdnList nor Sanctions");
	keep(x->path[x->depth++], NAME_MAX_LEN, name);
	x->text_len = 0;
	x->text[0] = 0;
	x->text_long = false;
	if (strcmp(name, "sdnEntry") == 0 || strcmp(name, "DistinctParty") == 0)
		party_begin(x, attribute_u32(attributes, "FixedRef"));
	if (strcmp(name, "FeatureType") == 0)
		x->type_id = attribute_u32(attributes, "ID");
	if (strcmp(name, "Feature") != 0)
		return;
	uint32_t id = attribute_u32(attributes, "FeatureTypeID");
	for (uint32_t i = 0; i < x->type_n; i++)
		if (x->type[i].id == id)
			keep(x->currency, CURRENCY_MAX, x->type[i].currency);
}

static void on_end(void *ctx, const XML_Char *name)
{
	struct xml_list *x = ctx;

	for (size_t i = 0; i < ARRAY_LEN(elements) && !x->text_long; i++)
		if (strcmp(elements[i].name, name) == 0 && inside(x, elements[i].parent))
			elements[i].end(x);
	x->depth -= x->depth > 0;
	x->text_len = 0;
	x->text[0] = 0;
}

/* What is too long has no meaning here. */
static void on_text(void *ctx, const XML_Char *s, int len)
{
	struct xml_list *x = ctx;

	for (int i = 0; i < len; i++) {
		if (x->text_len == LABEL_TEXT_MAX) {
			x->text_long = true;
			return;
		}
		x->text[x->text_len++] = s[i];
	}
	x->text[x->text_len] = 0;
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
		       const XML_Char *pubid, int has_internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_internal;
	stop(ctx, ERR_UNSUPPORTED, "document types are not supported");
}

/* ---- a list ---- */

int xml_list_open(struct label_builder *b, struct xml_list **ret)
{
	struct xml_list *x = calloc(1, sizeof(*x));

	if (!x)
		return -ERR_NOMEM;
	x->b = b;
	x->parser = XML_ParserCreate(NULL);
	if (!x->parser) {
		free(x);
		return -ERR_NOMEM;
	}
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
	*ret = x;
	return 0;
}

int xml_list_feed(struct xml_list *x, const void *p, size_t len, bool last)
{
	x->fed += len;
	if (XML_Parse(x->parser, p, (int)len, last) == XML_STATUS_OK)
		return 0;
	if (x->error)
		return x->error;
	return err_set(x->b->e, ERR_FORMAT, NULL, "line %lu: %s",
		       (unsigned long)XML_GetCurrentLineNumber(x->parser),
		       XML_ErrorString(XML_GetErrorCode(x->parser)));
}

/* What holds for every entry, when the list has been read. */
int xml_list_header(struct xml_list *x)
{
	static const char label[] = "OFAC SDN", category[] = "sanction", creator[] = "OFAC";
	static const char title[] = "Specially Designated Nationals";
	struct label_builder *b = x->b;
	char date[DATE_MAX * 2];
	int n = snprintf(date, sizeof(date), "%04u-%02u-%02u", x->year, x->month, x->day);
	int r = builder_string(b, label, sizeof(label) - 1, &b->header.field[FIELD_LABEL]);

	if (r == 0)
		r = builder_string(b, category, sizeof(category) - 1,
				   &b->header.field[FIELD_CATEGORY]);
	if (r == 0)
		r = builder_string(b, creator, sizeof(creator) - 1, &b->creator);
	if (r == 0)
		r = builder_string(b, title, sizeof(title) - 1, &b->title);
	if (r == 0 && x->year)
		r = builder_string(b, date, (size_t)n, &b->header.field[FIELD_LASTMOD]);
	return r;
}

struct xml_list *xml_list_close(struct xml_list *x)
{
	if (!x)
		return NULL;
	XML_ParserFree(x->parser);
	free(x);
	return NULL;
}
