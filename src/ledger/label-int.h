/* SPDX-License-Identifier: Apache-2.0
 * Inside the labels: the layout of a source file, and what parsers hand to the builder. */
#ifndef LEDGER_LABEL_INT_H
#define LEDGER_LABEL_INT_H
#include "base/arena.h"
#include "base/buf.h"
#include "ledger/label.h"
#include <assert.h>

enum label_field {
	FIELD_LABEL,
	FIELD_CATEGORY,
	FIELD_ACTOR,
	FIELD_ABUSE,
	FIELD_SOURCE,
	FIELD_CURRENCY,
	FIELD_CONFIDENCE,
	FIELD_LASTMOD,
	FIELD_N,
};
#define LABEL_MAGIC "LUGLABEL"
#define LABEL_SUFFIX ".labels"
enum { LABEL_VERSION = 1, LABEL_FLAG_CLUSTER = 1, LABEL_SUM_LEN = 32 };

/* docs/format/labels.md. Read and written as it stands, on little-endian machines; the file says nothing of others. */
struct label_head {
	char magic[8];
	uint32_t version, entry_n, row_n, duplicate_n, reject_n, string_len;
	int64_t imported_s;
	uint8_t sha256_32[32];
	uint32_t format, title, creator, file;
	uint8_t zero[8];
};
struct label_row {
	uint8_t kind, len;
	uint8_t payload[32];
	uint16_t flags;
	uint32_t nets;
	uint32_t field[FIELD_N];
	uint32_t line, entry;
};
struct label_reject_row {
	uint32_t line, entry;
	int32_t code;
	uint32_t text, reason;
};
static_assert(sizeof(struct label_head) == 96, "labels.md: head");
static_assert(sizeof(struct label_row) == 80 && offsetof(struct label_row, nets) == 36 &&
		      offsetof(struct label_row, field) == 40,
	      "labels.md: row");
static_assert(sizeof(struct label_reject_row) == 20, "labels.md: reject");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "labels are read in place");
enum {
	LABEL_KEY_LEN = offsetof(struct label_row, flags)
}; /* rows are ordered by these first bytes, then by entry */

/* Strings once each, with their offset. */
struct strings {
	struct buf text;
	uint32_t *slots; /* offset + 1, 0 empty */
	uint32_t n, cap;
};

/* An entry as a parser found it; fields are offsets of strings, 0 when absent. */
struct label_entry {
	const char *address; /* NULL: missing */
	uint32_t field[FIELD_N];
	uint32_t line;
	int8_t cluster; /* -1: not said */
	int bad;	/* -ERR_X found while reading it, 0 none */
};
struct label_builder {
	struct arena arena;
	struct strings strings;
	struct label_entry *entries;
	uint32_t entry_n, entry_cap;
	struct label_entry header;
	uint32_t title, creator, format, file;
	struct label_row *rows;
	uint32_t row_n, duplicate_n;
	struct label_reject_row *rejects;
	uint32_t reject_n;
	const struct label_import *opt; /* for its tick */
	uint64_t len;			/* of the file */
	struct err *e;
};
int builder_init(struct label_builder *b, struct err *e) WARN_UNUSED;
void builder_done(struct label_builder *b);
/** builder_string - the offset of a text; the same for the same text
 * Returns: 0; -ERR_NOMEM; -ERR_OVERSIZE */
int builder_string(struct label_builder *b, const char *s, size_t len,
		   uint32_t *ret_off) WARN_UNUSED;
/** builder_entry - one more, zeroed, to be filled in before the next
 * Returns: 0; -ERR_OVERSIZE above LABEL_ENTRIES_MAX; -ERR_NOMEM */
int builder_entry(struct label_builder *b, struct label_entry **ret) WARN_UNUSED;
/** builder_tick - say that the parser is at a byte of the file; the second half of the work, builder_finish(), counts on */
void builder_tick(const struct label_builder *b, uint64_t at);
/** builder_finish - inherit, check, sort, and drop duplicates */
int builder_finish(struct label_builder *b) WARN_UNUSED;
/** builder_write - the file of the format document, appended to out */
int builder_write(struct label_builder *b, int64_t now_s, const uint8_t sha256_32[static 32],
		  struct buf *out) WARN_UNUSED;
/** label_nets - the networks of a currency; 0 when it is not supported */
uint32_t label_nets(const char *currency);

int tagpack_parse(struct label_builder *b, const void *p, size_t len) WARN_UNUSED;
int list_parse(struct label_builder *b, const void *p, size_t len) WARN_UNUSED;
int json_list_parse(struct label_builder *b, const void *p, size_t len) WARN_UNUSED;
/* OFAC's XML, fed in parts. xml_list_feed - the next bytes; last ends the list. xml_list_header - behind the last: what holds
 * for all of its entries
 * Returns: 0; -ERR_FORMAT, -ERR_OVERSIZE, -ERR_UNSUPPORTED with the line; -ERR_NOMEM */
struct xml_list;
int xml_list_open(struct label_builder *b, struct xml_list **ret) WARN_UNUSED;
int xml_list_feed(struct xml_list *x, const void *p, size_t len, bool last) WARN_UNUSED;
int xml_list_header(struct xml_list *x) WARN_UNUSED;
struct xml_list *xml_list_close(struct xml_list *x);
/** label_finish - the same for every format, when its entries are in: "tagpack", "list", "json", "ofac-xml" */
int label_finish(struct label_builder *b, const char *format) WARN_UNUSED;
/** label_read - one of these from memory into a finished builder */
int label_read(struct label_builder *b, const char *format, const void *p, size_t len,
	       const struct label_import *opt) WARN_UNUSED;

/* A source file in memory, checked. */
struct label_file {
	uint8_t *bytes;
	size_t len;
	const struct label_head *head;
	const struct label_row *rows;
	const struct label_reject_row *rejects;
	const char *strings;
};
/** label_file_check - look at bytes as a source file
 * Returns: 0; -ERR_CORRUPT; -ERR_VERSION */
int label_file_check(struct label_file *f) WARN_UNUSED;
/** label_file_read - read and check a source; label_file_done - release */
int label_file_read(const char *path, struct label_file *ret_f, struct err *e) WARN_UNUSED;
void label_file_done(struct label_file *f);
/** label_path - DIR/NAME.labels
 * Returns: 0; -ERR_INVAL */
enum { LABEL_PATH_MAX = 4096 };
int label_path(const char *dir, const char *name, char out[static LABEL_PATH_MAX],
	       struct err *e) WARN_UNUSED;
/** label_source_of - the description of a source; strings borrowed from f, rejects made in a */
int label_source_of(const struct label_file *f, const char *name, struct arena *a,
		    struct label_source *ret) WARN_UNUSED;
#endif
