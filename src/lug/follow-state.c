/* SPDX-License-Identifier: Apache-2.0
 * The follower's state as a file beside the ledger: whoever reads the ledger learns how far behind it is. In a folder of its own, so that
 * its replacing does not look like a change of the ledger. */
#include "base/file.h"
#include "base/time.h"
#include "lug/follow-shell.h"
#include <limits.h>

static json_t *peer_json(const char *name, const struct follow_seen *p)
{
	char since[TIME_TEXT_MAX];

	return json_pack("{s:s, s:b, s:s, s:s*, s:o}", "name", name, "connected", p->connected,
			 "agent", p->agent, "left", p->connected ? NULL : p->left, "since",
			 p->since_s ? json_string(time_utc(p->since_s, since)) : json_null());
}

static json_t *peers_json(const struct follow_state *s, const struct conns *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < c->n; i++)
		json_array_append_new(list, peer_json(c->conn[i].name, &s->peer[i]));
	return list;
}

int follow_state_write(struct follow_state *s, const char *ledger_dir, const struct conns *c,
		       json_t *head, struct err *e)
{
	_cleanup_(json_decrefp) json_t *j = head;
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];

	s->written_ms = time_mono_ms();
	if (!j || json_object_set_new(j, "peers", peers_json(s, c)) || !(text = json_text(j)))
		return err_set(e, ERR_NOMEM, NULL, NULL);
	int folder = snprintf(path, sizeof(path), "%s/follow", ledger_dir);
	int n = snprintf(path, sizeof(path), "%s/follow/state.json", ledger_dir);
	if (n >= (int)sizeof(path))
		return err_set(e, ERR_OVERSIZE, "ledger", "the folder's path is too long");
	path[folder] = 0;
	int r = file_mkdirs(path, 0755, e);
	path[folder] = '/';
	return r < 0 ? r : file_write(path, text, strlen(text), 0644, e);
}
