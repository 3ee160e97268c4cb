/* SPDX-License-Identifier: Apache-2.0
 * What is generated from conf.def: a commented file, the middle of lugdunum.conf(5), the JSON list. */
#include "conf/conf-int.h"
#include "conf/conf.h"

static const char *kind_name(enum conf_kind kind)
{
	switch (kind) {
	case CONF_NAME:
		return "name";
	case CONF_TEXT:
		return "text";
	case CONF_PATH:
		return "path";
	case CONF_ADDR:
		return "address:port";
	case CONF_INT:
		return "number";
	case CONF_OCTAL:
		return "mode";
	case CONF_BOOL:
		return "yes or no";
	case CONF_LEVEL:
		return "debug, info, unusual or broken";
	}
	return "";
}

static bool is_number(enum conf_kind kind)
{
	return kind == CONF_INT || kind == CONF_OCTAL;
}

const char *conf_value_text(const struct conf_row *row, const struct conf_value *v,
			    char out[static CONF_TEXT_MAX + 1])
{
	switch (row->kind) {
	case CONF_NAME:
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_ADDR:
		snprintf(out, CONF_TEXT_MAX + 1, "%s",
			 row->secret && v->text[0] ? "(secret)" : v->text);
		return out;
	case CONF_INT:
		snprintf(out, CONF_TEXT_MAX + 1, "%lld", (long long)v->number);
		return out;
	case CONF_OCTAL:
		snprintf(out, CONF_TEXT_MAX + 1, "%04llo", (unsigned long long)v->number);
		return out;
	case CONF_BOOL:
		return v->number ? "yes" : "no";
	case CONF_LEVEL:
		return v->number >= 0 && v->number < CONF_LEVELS_N ? conf_levels[v->number] : "";
	}
	return "";
}

static const struct conf_value *value_at(const struct conf *c, const struct conf_row *row)
{
	return (const struct conf_value *)(const void *)((const char *)c + row->value_off);
}

void conf_print(const struct conf *c, struct buf *out)
{
	size_t n;
	const struct conf_row *rows = conf_rows(&n);
	buf_str(out, "# Lugdunum: settings of this node. lugdunum.conf(5) explains each.\n");
	for (size_t i = 0; i < n; i++) {
		char text[CONF_TEXT_MAX + 1];
		const char *value =
			c ? conf_value_text(&rows[i], value_at(c, &rows[i]), text) : rows[i].def;
		bool as_default = !c || (rows[i].def && !strcmp(value, rows[i].def));
		buf_printf(out, "\n# %s%s%s.\n", rows[i].doc, rows[i].unit[0] ? "; in " : "",
			   rows[i].unit);
		if (rows[i].secret && c && !as_default)
			value = value_at(c, &rows[i])
					->text; /* the name of a file, needed to start again */
		buf_printf(out, "%s%s = %s\n", as_default ? "#" : "", rows[i].name,
			   value ? value : "");
	}
}

static void print_man_row(const struct conf_row *row, struct buf *out)
{
	buf_printf(out, "*%s* = _%s_\n\t%s.", row->name, kind_name(row->kind), row->doc);
	if (row->kind == CONF_OCTAL)
		buf_printf(out, " From %04llo to %04llo.", (unsigned long long)row->min,
			   (unsigned long long)row->max);
	else if (is_number(row->kind))
		buf_printf(out, " From %lld to %lld%s%s.", (long long)row->min, (long long)row->max,
			   row->unit[0] ? " " : "", row->unit);
	if (!row->def)
		buf_str(out, " Must be given.");
	else if (row->def[0])
		buf_printf(out, " Default: %s.", row->def);
	buf_str(out, row->reload ? " Applied by reload.\n\n" : " Needs a restart.\n\n");
}

void conf_print_man(struct buf *out)
{
	size_t n;
	const struct conf_row *rows = conf_rows(&n);
	for (size_t i = 0; i < n; i++)
		print_man_row(&rows[i], out);
}

static json_t *row_json(const struct conf_row *row, const struct conf *c)
{
	char text[CONF_TEXT_MAX + 1];
	json_t *o = json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b, s:s}", "name", row->name, "kind",
			      kind_name(row->kind), "default", row->def, "unit", row->unit,
			      "reload", row->reload, "secret", row->secret, "doc", row->doc);
	if (o && is_number(row->kind) &&
	    (json_object_set_new(o, "min", json_integer(row->min)) < 0 ||
	     json_object_set_new(o, "max", json_integer(row->max)) < 0)) {
		json_decref(o);
		return NULL;
	}
	if (o && c &&
	    json_object_set_new(o, "value",
				json_string(conf_value_text(row, value_at(c, row), text))) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *conf_json(const struct conf *c)
{
	size_t n;
	const struct conf_row *rows = conf_rows(&n);
	json_t *list = json_array();
	for (size_t i = 0; list && i < n; i++)
		if (json_array_append_new(list, row_json(&rows[i], c)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}
