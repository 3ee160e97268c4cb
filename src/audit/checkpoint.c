/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints (C2SP tlog-checkpoint): a signed note of three lines, origin, size and root. Extension lines are refused: ours
 * have none, and nobody could audit them. */
#include "audit/audit-int.h"
#include "base/file.h"
#include "base/text.h"

static int read_text(struct cur *c, struct audit_checkpoint *head)
{
	size_t len = 0, root_len = 0;
	const char *line = cur_line(c, NOTE_KEY_NAME_MAX, &len);
	if (!line || !name_valid(line, len))
		return -ERR_FORMAT;
	memcpy(head->origin, line, len);
	line = cur_line(c, 20, &len);
	if (!line || dec_parse_u64(line, len, INT64_MAX, &head->size) < 0)
		return -ERR_FORMAT;
	line = cur_line(c, BASE64_LEN(32), &len);
	if (!line || base64_decode(BASE64_PADDED, line, len, head->root32, 32, &root_len) < 0 ||
	    root_len != 32)
		return -ERR_FORMAT;
	return cur_end(c) == 0 ? 0 : -ERR_FORMAT;
}

static int parse(const void *p, size_t len, struct note *ret_note,
		 struct audit_checkpoint *ret_head, struct err *e)
{
	struct audit_checkpoint head = {0};
	int r = note_parse(p, len, ret_note, e);
	if (r < 0)
		return r;
	struct cur c = cur_init(p, ret_note->text_len);
	r = read_text(&c, &head);
	if (r < 0)
		return err_set(
			e, r, "checkpoint",
			"Not a checkpoint: three lines are expected, origin, size and root.");
	*ret_head = head;
	return 0;
}

int audit_checkpoint_parse(const void *p, size_t len, struct audit_checkpoint *ret_head,
			   struct err *e)
{
	struct note note;
	return parse(p, len, &note, ret_head, e);
}

int audit_checkpoint_check(const void *p, size_t len, const struct note_verifier *key,
			   struct audit_checkpoint *ret_head, struct err *e)
{
	struct note note;
	struct audit_checkpoint head;
	int r = parse(p, len, &note, &head, e);
	if (r == 0)
		r = note_verify_one(&note, key, e);
	if (r < 0)
		return r;
	if (strcmp(head.origin, key->name) != 0)
		return err_set(e, ERR_CONFLICT, "checkpoint",
			       "The checkpoint is of \"%s\", but the key is of \"%s\".",
			       head.origin, key->name);
	*ret_head = head;
	return 0;
}

int checkpoint_text(const struct audit_checkpoint *head, struct buf *b)
{
	char root[BASE64_LEN(32) + 1];
	base64_encode(BASE64_PADDED, head->root32, 32, root);
	buf_printf(b, "%s\n%llu\n%s\n", head->origin, (unsigned long long)head->size, root);
	return buf_err(b);
}

static int file_path(const char *dir, const char *name, char *out, struct err *e)
{
	int n = snprintf(out, FOLDER_PATH_MAX, "%s/%s", dir, name);
	if (n < 0 || n >= FOLDER_PATH_MAX)
		return err_set(e, ERR_OVERSIZE, "dir", "The folder's path is longer than %d bytes.",
			       FOLDER_PATH_MAX);
	return 0;
}

int checkpoint_path(const char *dir, char out[static FOLDER_PATH_MAX + TILE_NAME_MAX],
		    struct err *e)
{
	return file_path(dir, "checkpoint", out, e);
}

int cosigned_path(const char *dir, char out[static FOLDER_PATH_MAX + TILE_NAME_MAX], struct err *e)
{
	return file_path(dir, "checkpoint.cosigned", out, e);
}

int checkpoint_read(const char *dir, struct buf *b, struct audit_checkpoint *ret_head,
		    struct err *e)
{
	char path[FOLDER_PATH_MAX + TILE_NAME_MAX];
	int r = checkpoint_path(dir, path, e);
	if (r == 0)
		r = file_read(path, b, e);
	return r < 0 ? r : audit_checkpoint_parse(b->p, b->len, ret_head, e);
}
