/* SPDX-License-Identifier: Apache-2.0
 * Lines between lugd and the channel programs, and the file that names the programs. */
#include "base/cursor.h"
#include "base/text.h"
#include "duty/notify.h"
#include <string.h>

enum { VERSION = 1, ID_DIGITS_MAX = 19 };

/* ---- words of a line ---- */

struct words {
	const char *p;
	size_t left;
};

/* The next word; an empty one, or none, is an error. */
static int next_word(struct words *w, const char **ret, size_t *ret_len)
{
	const char *space = memchr(w->p, ' ', w->left);
	size_t len = space ? (size_t)(space - w->p) : w->left;
	if (!len)
		return -ERR_FORMAT;
	*ret = w->p;
	*ret_len = len;
	w->p += len + (space ? 1 : 0);
	w->left -= len + (space ? 1 : 0);
	return 0;
}

static int next_id(struct words *w, uint64_t *ret)
{
	const char *p;
	size_t len;
	int r = next_word(w, &p, &len);
	return r < 0 ? r : dec_parse_u64(p, len, INT64_MAX, ret);
}

static int line_check(const char *line, size_t len)
{
	if (len >= NOTIFY_LINE_MAX)
		return -ERR_OVERSIZE;
	return len && utf8_clean(line, len) ? 0 : -ERR_FORMAT;
}

/* ---- to the program ---- */

static bool is_word(const char *s)
{
	return s[0] && !strchr(s, ' ');
}

int notify_send_line(const struct notify_message *m, struct buf *out)
{
	size_t start = out->len;
	const char *link = m->link[0] ? m->link : "-", *code = m->code[0] ? m->code : "-";
	if (!is_word(m->address) || !is_word(link) || !is_word(code) || !m->text[0])
		return -ERR_INVAL;
	buf_printf(out, "send %llu %s %s %s %s", (unsigned long long)m->id, m->address, link, code,
		   m->text);
	if (buf_err(out) < 0)
		return buf_err(out);
	int r = line_check((const char *)out->p + start, out->len - start);
	buf_str(out, "\n");
	return r == -ERR_FORMAT ? -ERR_INVAL : r < 0 ? r : buf_err(out);
}

int notify_send_parse(const char *line, size_t len, char buf[static NOTIFY_LINE_MAX],
		      struct notify_message *ret)
{
	const char **const fields[] = {&ret->address, &ret->link, &ret->code};
	const char *verb;
	size_t verb_len, n = 0;
	int r = line_check(line, len);
	if (r < 0)
		return r;
	memcpy(buf, line, len);
	buf[len] = 0;
	struct words w = {buf, len};
	r = next_word(&w, &verb, &verb_len);
	if (r >= 0 && (verb_len != 4 || memcmp(verb, "send", 4) != 0))
		return -ERR_FORMAT;
	if (r >= 0)
		r = next_id(&w, &ret->id);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(fields); i++) {
		r = next_word(&w, fields[i], &n);
		if (r >= 0)
			buf[*fields[i] + n - buf] = 0;
	}
	if (r < 0 || !w.left)
		return -ERR_FORMAT;
	ret->text = w.p;
	ret->channel = "";
	ret->link = strcmp(ret->link, "-") ? ret->link : "";
	ret->code = strcmp(ret->code, "-") ? ret->code : "";
	return 0;
}

/* ---- from the program ---- */

static const struct {
	const char *text;
	bool id;
} verbs[] = {[NOTIFY_READY] = {"ready", true},
	     [NOTIFY_SENT] = {"sent", true},
	     [NOTIFY_FAILED] = {"failed", true},
	     [NOTIFY_REPLY] = {"reply", false},
	     [NOTIFY_LOG] = {"log", false}};

static int copy_word(struct words *w, char *out, size_t max)
{
	const char *p;
	size_t len;
	int r = next_word(w, &p, &len);
	if (r < 0 || len > max)
		return r < 0 ? r : -ERR_OVERSIZE;
	memcpy(out, p, len);
	out[len] = 0;
	return 0;
}

static int find_verb(struct words *w, enum notify_verb *ret)
{
	const char *p;
	size_t len;
	int r = next_word(w, &p, &len);
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(verbs); i++)
		if (len == strlen(verbs[i].text) && !memcmp(p, verbs[i].text, len)) {
			*ret = (enum notify_verb)i;
			return 0;
		}
	return -ERR_FORMAT;
}

int notify_reply_parse(const char *line, size_t len, struct notify_reply *ret)
{
	struct notify_reply x = {0};
	struct words w = {line, len};
	int r = line_check(line, len);
	if (r >= 0)
		r = find_verb(&w, &x.verb);
	if (r >= 0 && verbs[x.verb].id)
		r = next_id(&w, &x.id);
	if (r >= 0 && x.verb == NOTIFY_READY && x.id != VERSION)
		return -ERR_VERSION;
	if (r >= 0 && x.verb == NOTIFY_REPLY) {
		r = copy_word(&w, x.address, sizeof(x.address) - 1);
		if (r >= 0)
			r = copy_word(&w, x.code, sizeof(x.code) - 1);
		if (r >= 0 && w.left)
			r = -ERR_FORMAT;
	}
	if (r < 0)
		return r;
	size_t n = w.left < NOTIFY_WORDS_MAX ? w.left : NOTIFY_WORDS_MAX;
	memcpy(x.words, w.p, n);
	utf8_repair(x.words);
	*ret = x;
	return 0;
}

/* ---- notify.conf ---- */

static bool channel_valid(const char *s)
{
	size_t n = strlen(s);
	return n && n <= ROSTER_CHANNEL_NAME_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int parse_channel(const char *line, size_t len, struct notify_channel *c, struct err *e)
{
	struct words w = {line, len};
	int r = copy_word(&w, c->name, sizeof(c->name) - 1);
	if (r < 0 || !channel_valid(c->name))
		return err_set(e, ERR_FORMAT, "notify", "A channel's name is 1 to %d of a-z 0-9 -.",
			       ROSTER_CHANNEL_NAME_MAX);
	while (w.left && (*w.p == ' ')) {
		w.p++;
		w.left--;
	}
	while (r >= 0 && w.left) {
		if (*w.p == ' ') {
			w.p++;
			w.left--;
			continue;
		}
		if (c->args_n > NOTIFY_ARGS_MAX)
			return err_set(e, ERR_OVERSIZE, "notify", "%s has more than %d arguments.",
				       c->name, NOTIFY_ARGS_MAX);
		r = copy_word(&w, c->args[c->args_n++], NOTIFY_ARG_MAX);
	}
	if (r < 0 || !c->args_n)
		return err_set(e, ERR_FORMAT, "notify",
			       "%s needs a program, and arguments of at most %d bytes.", c->name,
			       NOTIFY_ARG_MAX);
	return 0;
}

static int add_channel(const char *line, size_t len, struct notify_channel *ret, size_t *n,
		       struct err *e)
{
	if (*n == NOTIFY_CHANNELS_MAX)
		return err_set(e, ERR_OVERSIZE, "notify", "At most %d channels.",
			       NOTIFY_CHANNELS_MAX);
	ret[*n] = (struct notify_channel){0};
	int r = parse_channel(line, len, &ret[*n], e);
	for (size_t i = 0; r >= 0 && i < *n; i++)
		if (!strcmp(ret[i].name, ret[*n].name))
			return err_set(e, ERR_DUPLICATE, "notify", "Channel %s stands there twice.",
				       ret[i].name);
	*n += r >= 0;
	return r;
}

int notify_conf_parse(const void *p, size_t len, struct notify_channel *ret, struct err *e)
{
	struct cur c = cur_init(p, len);
	size_t n = 0;
	int r = len > NOTIFY_FILE_MAX ? err_set(e, ERR_OVERSIZE, "notify", NULL) : 0;
	while (r >= 0 && cur_left(&c)) {
		size_t line_len;
		const char *line = cur_line(&c, NOTIFY_FILE_LINE_MAX, &line_len);
		if (!line || !utf8_clean(line, line_len))
			return err_set(
				e, ERR_FORMAT, "notify",
				"Lines are clean UTF-8, at most %d bytes, and end with a line feed.",
				NOTIFY_FILE_LINE_MAX);
		if (line_len && line[0] != '#')
			r = add_channel(line, line_len, ret, &n, e);
	}
	return r < 0 ? r : (int)n;
}
