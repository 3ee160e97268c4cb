/* SPDX-License-Identifier: Apache-2.0
 * Errors: the table of codes, and the words that go with them. */
#include "base/err.h"
#include "base/text.h"
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>

static const struct err_row {
	int code;
	const char *name, *sentence;
} err_table[] = {
#define ERR(name, value, sentence) {value, #name, sentence},
#include "base/err.def"
#undef ERR
};

enum { ERR_ROWS = sizeof(err_table) / sizeof(err_table[0]), ERR_NAME_MAX = 24 };

static const struct err_row *err_row(int code)
{
	if (code < 0)
		code = -code;
	for (size_t i = 0; i < ERR_ROWS; i++)
		if (err_table[i].code == code)
			return &err_table[i];
	return NULL;
}

int err_errno(int system_errno)
{
	if (system_errno == ENOTDIR)
		return -ERR_NOENT; /* the path leads nowhere: no fault of the disk */
	if (system_errno == EISDIR)
		return -ERR_FORMAT;
	if (system_errno == EFBIG || system_errno == EDQUOT)
		return -ERR_NOSPC; /* a limit of the user is full, not the disk: the remedy is the same */
	return system_errno && err_row(system_errno) ? -system_errno : -ERR_IO;
}

/* Lower case with dashes. Thread-local because the text is made on each call and read at once. */
const char *err_name(int code)
{
	static _Thread_local char text[ERR_NAME_MAX];
	const struct err_row *row = err_row(code);
	if (!row)
		return "unknown";
	size_t i = 0;
	for (; row->name[i] && i < sizeof(text) - 1; i++)
		text[i] = row->name[i] == '_' ? '-' : (char)tolower((unsigned char)row->name[i]);
	text[i] = 0;
	return text;
}

const char *err_sentence(int code)
{
	const struct err_row *row = err_row(code);
	return row ? row->sentence : "Unknown error.";
}

int err_set(struct err *e, int code, const char *field, const char *fmt, ...)
{
	int negative = code < 0 ? code : -code;
	if (!e)
		return negative;
	char message[ERR_MESSAGE_MAX]; /* apart, since an argument may be e->message itself */
	if (fmt) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(message, sizeof(message), fmt, ap);
		va_end(ap);
	} else {
		snprintf(message, sizeof(message), "%s", err_sentence(code));
	}
	char kept[ERR_FIELD_MAX];
	snprintf(kept, sizeof(kept), "%s", field ? field : "");
	utf8_repair(message); /* JSON takes nothing else, and a limit cuts where it falls */
	utf8_repair(kept);
	e->code = negative;
	memcpy(e->field, kept, sizeof(kept));
	memcpy(e->message, message, sizeof(message));
	return negative;
}
