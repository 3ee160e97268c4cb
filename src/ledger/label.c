/* SPDX-License-Identifier: Apache-2.0
 * Sources of labels in a folder: import, list, remove, look up.
 *
 * A look-up searches one merged table of {identity, source, row}, ordered by identity and then by source name, which is
 * made when the folder is opened. */
#include "base/file.h"
#include "base/text.h"
#include "chain/address.h"
#include "crypto/crypto.h"
#include "ledger/label-int.h"
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 512 << 20, REJECT_MEMORY_MAX = 256 << 20 };

/* ---- a source file ---- */

static bool string_valid(const struct label_file *f, uint32_t off)
{
	return off < f->head->string_len;
}

static bool rows_valid(const struct label_file *f)
{
	for (uint32_t i = 0; i < f->head->row_n; i++) {
		const struct label_row *r = &f->rows[i];
		if (r->len > sizeof(r->payload) || r->kind > ADDRESS_KIND_MAX ||
		    (i && memcmp(&f->rows[i - 1], r, LABEL_KEY_LEN) > 0))
			return false;
		for (int k = 0; k < FIELD_N; k++)
			if (!string_valid(f, r->field[k]))
				return false;
	}
	for (uint32_t i = 0; i < f->head->reject_n; i++)
		if (!string_valid(f, f->rejects[i].text) || !string_valid(f, f->rejects[i].reason))
			return false;
	return true;
}

int label_file_check(struct label_file *f)
{
	uint8_t sum[LABEL_SUM_LEN];
	const struct label_head *h = (const void *)f->bytes;
	if (f->len < sizeof(*h) + LABEL_SUM_LEN ||
	    memcmp(h->magic, LABEL_MAGIC, sizeof(h->magic)) != 0)
		return -ERR_CORRUPT;
	if (h->version != LABEL_VERSION)
		return -ERR_VERSION;
	uint64_t rows_len = (uint64_t)h->row_n * sizeof(struct label_row);
	uint64_t rejects_len = (uint64_t)h->reject_n * sizeof(struct label_reject_row);
	if (sizeof(*h) + rows_len + rejects_len + h->string_len + LABEL_SUM_LEN != f->len ||
	    !h->string_len)
		return -ERR_CORRUPT;
	sha256(f->bytes, f->len - LABEL_SUM_LEN, sum);
	if (memcmp(sum, f->bytes + f->len - LABEL_SUM_LEN, LABEL_SUM_LEN) != 0)
		return -ERR_CORRUPT;
	f->head = h;
	f->rows = (const void *)(f->bytes + sizeof(*h));
	f->rejects = (const void *)(f->bytes + sizeof(*h) + rows_len);
	f->strings = (const char *)f->bytes + sizeof(*h) + rows_len + rejects_len;
	bool ok = !f->strings[h->string_len - 1] && string_valid(f, h->format) &&
		  string_valid(f, h->title) && string_valid(f, h->creator) &&
		  string_valid(f, h->file) && rows_valid(f);
	return ok ? 0 : -ERR_CORRUPT;
}

void label_file_done(struct label_file *f)
{
	free(f->bytes);
	memset(f, 0, sizeof(*f));
}

int label_file_read(const char *path, struct label_file *ret_f, struct err *e)
{
	struct buf b;
	struct label_file f = {0};
	buf_init(&b, FILE_MAX);
	int r = file_read(path, &b, e);
	if (r == 0) {
		f.bytes = buf_take(&b, &f.len);
		r = f.bytes ? label_file_check(&f) : -ERR_CORRUPT;
		if (r < 0)
			err_set(e, r, NULL,
				"%s: damaged or not a source of labels; import it again", path);
	}
	buf_done(&b);
	if (r < 0)
		label_file_done(&f);
	else
		*ret_f = f;
	return r;
}

int label_source_of(const struct label_file *f, const char *name, struct arena *a,
		    struct label_source *ret)
{
	const struct label_head *h = f->head;
	struct label_reject *rejects =
		arena_array(a, h->reject_n ? h->reject_n : 1, sizeof(*rejects));
	if (!rejects)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < h->reject_n; i++)
		rejects[i] = (struct label_reject){.line = f->rejects[i].line,
						   .entry = f->rejects[i].entry,
						   .code = f->rejects[i].code,
						   .text = f->strings + f->rejects[i].text,
						   .reason = f->strings + f->rejects[i].reason};
	*ret = (struct label_source){.name = name,
				     .format = f->strings + h->format,
				     .title = f->strings + h->title,
				     .creator = f->strings + h->creator,
				     .file = f->strings + h->file,
				     .imported_s = h->imported_s,
				     .entry_n = h->entry_n,
				     .valid_n = h->row_n,
				     .reject_n = h->reject_n,
				     .duplicate_n = h->duplicate_n,
				     .rejects = rejects};
	memcpy(ret->sha256_32, h->sha256_32, 32);
	return 0;
}

int label_path(const char *dir, const char *name, char out[static LABEL_PATH_MAX], struct err *e)
{
	if (!name_valid(name, strlen(name)) || strchr(name, '/'))
		return err_set(
			e, ERR_INVAL, "name",
			"the name of a source is 1 to 64 of a-z 0-9 . _ -, and begins and ends with a letter or digit");
	int n = snprintf(out, LABEL_PATH_MAX, "%s/%s" LABEL_SUFFIX, dir, name);
	return n < LABEL_PATH_MAX ? 0 : err_set(e, ERR_OVERSIZE, "labels", "the path is too long");
}

/* The version of a source that the last import replaced. */
static void previous_path(const char *path, char out[static LABEL_PATH_MAX + 16])
{
	snprintf(out, LABEL_PATH_MAX + 16, "%s.previous", path);
}

int label_remove(const char *dir, const char *name, struct err *e)
{
	char path[LABEL_PATH_MAX], previous[LABEL_PATH_MAX + 16];
	int r = label_path(dir, name, path, e);
	if (r < 0)
		return r;
	previous_path(path, previous);
	if (unlink(path) < 0)
		return err_set(e, err_errno(errno), "name",
			       "no source %s can be removed from %s: %s", name, dir,
			       strerror(errno));
	(void)unlink(previous);
	return file_sync_dir(path, e);
}

int label_undo(const char *dir, const char *name, bool *ret_restored, struct err *e)
{
	char path[LABEL_PATH_MAX], previous[LABEL_PATH_MAX + 16];
	int r = label_path(dir, name, path, e);
	if (r < 0)
		return r;
	previous_path(path, previous);
	*ret_restored = rename(previous, path) == 0;
	if (*ret_restored)
		return file_sync_dir(path, e);
	if (errno != ENOENT)
		return err_set(e, err_errno(errno), "name", "%s: %s", previous, strerror(errno));
	return label_remove(dir, name, e);
}

/* ---- import ---- */

struct result_memory {
	struct arena arena;
	struct label_file file;
};

void label_result_done(struct label_result *r)
{
	struct result_memory *m = r->memory;
	if (m) {
		label_file_done(&m->file);
		arena_done(&m->arena);
		free(m);
	}
	memset(r, 0, sizeof(*r));
}

/* The address of a row as it is written on the first of its networks. */
static const char *row_text(struct arena *mem, const struct label_row *r)
{
	char text[ADDRESS_TEXT_MAX] = "?";
	struct address a = {.kind = r->kind, .len = r->len};
	memcpy(a.payload, r->payload, sizeof(a.payload));
	if (r->nets)
		(void)!address_text(&a, (enum net)__builtin_ctz(r->nets), text);
	return arena_str(mem, text, strlen(text));
}

/* The addresses of a that b does not have; both are sorted. Returns how many, or -ERR_NOMEM. */
static int missing_from(const struct label_file *a, const struct label_file *b, struct arena *mem,
			const char *const **ret)
{
	uint32_t n = 0, k = 0;
	const char **list = arena_array(mem, LABEL_CHANGES_MAX, sizeof(*list));
	for (uint32_t i = 0; list && i < a->head->row_n; i++) {
		const struct label_row *r = &a->rows[i];
		if (i && memcmp(&a->rows[i - 1], r, LABEL_KEY_LEN) == 0)
			continue;
		while (k < b->head->row_n && memcmp(&b->rows[k], r, LABEL_KEY_LEN) < 0)
			k++;
		if (k < b->head->row_n && memcmp(&b->rows[k], r, LABEL_KEY_LEN) == 0)
			continue;
		if (n < LABEL_CHANGES_MAX && !(list[n] = row_text(mem, r)))
			return -ERR_NOMEM;
		n++;
	}
	*ret = list;
	return list ? (int)n : -ERR_NOMEM;
}

static int compare_old(const char *path, const struct label_file *now, struct arena *mem,
		       struct label_source *s)
{
	struct label_file old;
	if (label_file_read(path, &old, NULL) < 0)
		return 0;
	int added = missing_from(now, &old, mem, &s->added);
	int delisted = missing_from(&old, now, mem, &s->delisted);
	label_file_done(&old);
	if (added < 0 || delisted < 0)
		return -ERR_NOMEM;
	s->replaced = true;
	s->added_n = (uint32_t)added;
	s->delisted_n = (uint32_t)delisted;
	return 0;
}

/* Keep what is about to be replaced, for label_undo(). */
static int keep_previous(const char *path, struct err *e)
{
	char previous[LABEL_PATH_MAX + 16];
	previous_path(path, previous);
	if ((unlink(previous) < 0 && errno != ENOENT) ||
	    (link(path, previous) < 0 && errno != ENOENT))
		return err_set(e, err_errno(errno), "labels", "%s: %s", previous, strerror(errno));
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static const char *format_of(const char *path)
{
	const char *dot = strrchr(base_name(path), '.');
	if (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
		return "tagpack";
	if (dot && (strcmp(dot, ".xml") == 0 || strcmp(dot, ".XML") == 0))
		return "ofac-xml";
	return dot && strcmp(dot, ".json") == 0 ? "json" : "list";
}

/* Name of a source from a file's: without extension, in lower case, other characters as dashes. */
static void name_from(const char *path, char out[static LABEL_NAME_MAX + 1])
{
	const char *s = base_name(path), *dot = strrchr(s, '.');
	size_t len = dot && dot != s ? (size_t)(dot - s) : strlen(s);
	len = len < LABEL_NAME_MAX ? len : LABEL_NAME_MAX;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool keep =
			(c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : keep ? c : '-';
	}
	out[len] = 0;
}

/* OFAC's lists carry their currency in the name of the file. */
static void ofac_defaults(const char *path, struct label_import *opt, char currency[static 16])
{
	static const char prefix[] = "sanctioned_addresses_";
	const char *s = base_name(path);
	if (strncmp(s, prefix, sizeof(prefix) - 1) != 0)
		return;
	s += sizeof(prefix) - 1;
	snprintf(currency, 16, "%.*s", (int)strcspn(s, "."), s);
	opt->currency = opt->currency ? opt->currency : currency;
	opt->label = opt->label ? opt->label : "OFAC SDN";
	opt->category = opt->category ? opt->category : "sanction";
}

/* Every format but XML, which states its encoding, is text in UTF-8: a NUL is the sign of anything else. */
static int check_text(const char *path, const struct buf *in, struct err *e)
{
	const uint8_t *nul = in->len ? memchr(in->p, 0, in->len) : NULL;
	return nul ? err_set(e, ERR_FORMAT, NULL,
			     "%s is not text in UTF-8 (byte %zu is NUL); unpack or convert it first",
			     path, (size_t)(nul - in->p))
		   : 0;
}

/* A file that is read whole. */
static int read_whole(const char *path, const char *format, const struct label_import *opt,
		      struct label_builder *b, uint8_t sum[static 32])
{
	struct buf in;
	buf_init(&in, LABEL_SOURCE_MAX);
	int r = file_read(path, &in, b->e);
	if (r == 0) {
		sha256(in.p, in.len, sum);
		r = check_text(path, &in, b->e);
	}
	if (r == 0)
		r = label_read(b, format, in.p, in.len, opt);
	buf_done(&in);
	return r;
}

static int feed_file(FILE *f, struct xml_list *x, uint8_t sum[static 32])
{
	static const size_t part = 1 << 16;
	_cleanup_(freep) uint8_t *p = malloc(part);
	struct sha256 h;
	uint64_t total = 0;
	int r = p ? 0 : -ERR_NOMEM;
	sha256_init(&h);
	for (size_t n = part; r == 0 && n == part;) {
		n = fread(p, 1, part, f);
		total += n;
		if (ferror(f) || total > LABEL_XML_MAX)
			return ferror(f) ? -ERR_IO : -ERR_OVERSIZE;
		sha256_update(&h, p, n);
		r = xml_list_feed(x, p, n, n < part);
	}
	sha256_final(&h, sum);
	return r;
}

/* OFAC's XML is larger than what is read whole. */
static int read_parts(const char *path, const struct label_import *opt, struct label_builder *b,
		      uint8_t sum[static 32])
{
	_cleanup_(fclosep) FILE *f = fopen(path, "re");
	struct stat st;
	struct xml_list *x;
	if (!f || fstat(fileno(f), &st) < 0)
		return err_set(b->e, err_errno(errno), NULL, "%s: %s", path, strerror(errno));
	int r = xml_list_open(b, &x);
	if (r < 0)
		return r;
	b->opt = opt;
	b->len = (uint64_t)st.st_size;
	r = feed_file(f, x, sum);
	if (r == 0)
		r = xml_list_header(x);
	xml_list_close(x);
	return r == 0 ? label_finish(b, "ofac-xml") : r;
}

static int build(const char *path, const struct label_import *opt, struct buf *out, struct err *e)
{
	const char *format = format_of(path);
	struct label_builder b;
	uint8_t sum[32];
	int r = builder_init(&b, e);
	if (r == 0)
		r = strcmp(format, "ofac-xml") == 0 ? read_parts(path, opt, &b, sum)
						    : read_whole(path, format, opt, &b, sum);
	if (r == 0)
		r = builder_string(&b, base_name(path), strlen(base_name(path)), &b.file);
	if (r == 0)
		r = builder_write(&b, opt->now_s, sum, out);
	builder_done(&b);
	return r;
}

static int finish_import(const char *dir, const char *name, struct buf *bytes,
			 struct label_result *ret, struct err *e)
{
	char path[LABEL_PATH_MAX];
	struct result_memory *m = calloc(1, sizeof(*m));
	if (!m)
		return -ERR_NOMEM;
	ret->memory = m;
	arena_init(&m->arena, REJECT_MEMORY_MAX);
	int r = label_path(dir, name, path, e);
	if (r < 0)
		return r;
	m->file.bytes = buf_take(bytes, &m->file.len);
	r = m->file.bytes ? label_file_check(&m->file) : -ERR_NOMEM;
	if (r == 0) {
		const char *copy = arena_str(&m->arena, name, strlen(name));
		r = copy ? label_source_of(&m->file, copy, &m->arena, &ret->source) : -ERR_NOMEM;
	}
	if (r < 0)
		return r;
	r = compare_old(path, &m->file, &m->arena, &ret->source);
	if (r == 0)
		r = file_mkdirs(dir, 0755, e);
	if (r == 0)
		r = keep_previous(path, e);
	return r < 0 ? r : file_write(path, m->file.bytes, m->file.len, 0644, e);
}

int label_import(const char *dir, const char *path, const struct label_import *opt,
		 struct label_result *ret, struct err *e)
{
	char name[LABEL_NAME_MAX + 1], currency[16], unused[LABEL_PATH_MAX];
	struct label_import o = *opt;
	struct buf bytes;
	memset(ret, 0, sizeof(*ret));
	name_from(path, name);
	ofac_defaults(path, &o, currency);
	o.name = opt->name ? opt->name : name;
	int r = label_path(dir, o.name, unused, e);
	if (r < 0)
		return r;
	buf_init(&bytes, FILE_MAX);
	if (e)
		e->code = 0;
	r = build(path, &o, &bytes, e);
	if (r == 0)
		r = finish_import(dir, o.name, &bytes, ret, e);
	buf_done(&bytes);
	if (r < 0) {
		label_result_done(ret);
		if (e && !e->code)
			err_set(e, r, NULL, "%s: %s", path, err_sentence(r));
	}
	return r;
}

int label_parse(const char *format, const void *p, size_t len, const struct label_import *opt,
		uint32_t *ret_n, uint32_t *ret_rejects, struct err *e)
{
	struct label_builder b;
	int r = builder_init(&b, e);
	if (r == 0)
		r = label_read(&b, format, p, len, opt);
	if (r == 0) {
		*ret_n = b.row_n;
		*ret_rejects = b.reject_n;
	}
	builder_done(&b);
	return r;
}

/* ---- all sources ---- */

struct ref { /* a row of a source, in the merged table */
	uint32_t source, row;
};
struct labels {
	struct arena arena;
	enum net net;
	struct label_file *files;
	struct label_source *sources;
	uint32_t n;
	struct ref *refs;
	size_t ref_n;
};

struct labels *labels_close(struct labels *l)
{
	if (!l)
		return NULL;
	for (uint32_t i = 0; l->files && i < l->n; i++)
		label_file_done(&l->files[i]);
	free(l->files);
	free(l->sources);
	free(l->refs);
	arena_done(&l->arena);
	free(l);
	return NULL;
}

static int is_source(const struct dirent *d)
{
	size_t len = strlen(d->d_name), suffix = sizeof(LABEL_SUFFIX) - 1;
	return len > suffix && strcmp(d->d_name + len - suffix, LABEL_SUFFIX) == 0 &&
	       name_valid(d->d_name, len - suffix);
}

static void names_free(struct dirent **names, int n)
{
	while (n > 0)
		free(names[--n]);
	free(names);
}

static int source_open(struct labels *l, const char *dir, const char *file, struct err *e)
{
	char path[LABEL_PATH_MAX];
	const char *name = arena_str(&l->arena, file, strlen(file) - (sizeof(LABEL_SUFFIX) - 1));
	if (!name)
		return -ERR_NOMEM;
	int r = label_path(dir, name, path, e);
	if (r == 0)
		r = label_file_read(path, &l->files[l->n], e);
	if (r < 0)
		return r;
	l->n++;
	r = label_source_of(&l->files[l->n - 1], name, &l->arena, &l->sources[l->n - 1]);
	l->ref_n += l->files[l->n - 1].head->row_n;
	return r;
}

static const struct label_row *row_of(const struct labels *l, const struct ref *ref)
{
	return &l->files[ref->source].rows[ref->row];
}

static int ref_cmp(const void *a, const void *b, void *labels)
{
	const struct ref *x = a, *y = b;
	int c = memcmp(row_of(labels, x), row_of(labels, y), LABEL_KEY_LEN);
	if (c)
		return c;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->row < y->row ? -1 : 1;
}

static int refs_make(struct labels *l)
{
	size_t n = 0;
	l->refs = malloc((l->ref_n ? l->ref_n : 1) * sizeof(*l->refs));
	if (!l->refs)
		return -ERR_NOMEM;
	for (uint32_t s = 0; s < l->n; s++)
		for (uint32_t i = 0; i < l->files[s].head->row_n; i++)
			if (l->files[s].rows[i].nets & NET_BIT(l->net))
				l->refs[n++] = (struct ref){.source = s, .row = i};
	l->ref_n = n;
	qsort_r(l->refs, n, sizeof(*l->refs), ref_cmp, l);
	return 0;
}

static int sources_open(struct labels *l, const char *dir, struct dirent **names, int n,
			struct err *e)
{
	if (n > LABEL_SOURCES_MAX)
		return err_set(e, ERR_OVERSIZE, "labels", "more than %d sources in %s",
			       LABEL_SOURCES_MAX, dir);
	l->files = calloc((size_t)n + 1, sizeof(*l->files));
	l->sources = calloc((size_t)n + 1, sizeof(*l->sources));
	int r = l->files && l->sources ? 0 : -ERR_NOMEM;
	for (int i = 0; r == 0 && i < n; i++)
		r = source_open(l, dir, names[i]->d_name, e);
	return r < 0 ? r : refs_make(l);
}

int labels_open(const char *dir, enum net net, struct labels **ret_l, struct err *e)
{
	struct dirent **names = NULL;
	_cleanup_(labels_closep) struct labels *l = calloc(1, sizeof(*l));
	if (!l)
		return -ERR_NOMEM;
	arena_init(&l->arena, REJECT_MEMORY_MAX);
	l->net = net;
	int n = scandir(dir, &names, is_source, alphasort);
	if (n < 0 && errno != ENOENT)
		return err_set(e, err_errno(errno), "labels", "cannot read %s: %s", dir,
			       strerror(errno));
	n = n < 0 ? 0 : n;
	int r = sources_open(l, dir, names, n, e);
	names_free(names, n);
	if (r < 0)
		return r;
	*ret_l = TAKE_PTR(l);
	return 0;
}

static void label_fill(const struct labels *l, const struct ref *ref, struct label *ret)
{
	const struct label_row *r = row_of(l, ref);
	const char *s = l->files[ref->source].strings;
	const struct label_source *src = &l->sources[ref->source];
	*ret = (struct label){.label = s + r->field[FIELD_LABEL],
			      .category = s + r->field[FIELD_CATEGORY],
			      .actor = s + r->field[FIELD_ACTOR],
			      .abuse = s + r->field[FIELD_ABUSE],
			      .source = s + r->field[FIELD_SOURCE],
			      .currency = s + r->field[FIELD_CURRENCY],
			      .confidence = s + r->field[FIELD_CONFIDENCE],
			      .lastmod = s + r->field[FIELD_LASTMOD],
			      .set = src->name,
			      .title = src->title,
			      .creator = src->creator,
			      .imported_s = src->imported_s,
			      .cluster = r->flags & LABEL_FLAG_CLUSTER};
}

size_t labels_find(const struct labels *l, const struct address *a, struct label *ret, size_t max)
{
	uint8_t key[LABEL_KEY_LEN] = {a->kind, a->len};
	size_t lo = 0, hi = l->ref_n, n = 0;
	memcpy(key + 2, a->payload, sizeof(a->payload));
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (memcmp(row_of(l, &l->refs[mid]), key, LABEL_KEY_LEN) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < l->ref_n && memcmp(row_of(l, &l->refs[lo]), key, LABEL_KEY_LEN) == 0; lo++, n++)
		if (n < max)
			label_fill(l, &l->refs[lo], &ret[n]);
	return n;
}

void labels_at(const struct labels *l, size_t i, struct address *ret_a, struct label *ret)
{
	const struct label_row *r = row_of(l, &l->refs[i]);
	*ret_a = (struct address){.kind = r->kind, .len = r->len};
	memcpy(ret_a->payload, r->payload, sizeof(ret_a->payload));
	label_fill(l, &l->refs[i], ret);
}

size_t labels_n(const struct labels *l)
{
	return l->ref_n;
}

const struct label_source *labels_sources(const struct labels *l, size_t *ret_n)
{
	*ret_n = l->n;
	return l->sources;
}
