/* SPDX-License-Identifier: Apache-2.0
 * The outside of exchange as the daemon gives it: clocks, randomness, signatures from lug-keyd, POSTs to peers, events. */
#include "base/log.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "lugd/lugd-int.h"
#include "wire/note.h"
#include <sys/statvfs.h>

static int64_t wall_ms(void *ctx)
{
	return time_now_ms();
}

static int64_t mono_ms(void *ctx)
{
	return time_mono_ms();
}

static void random_fill(void *ctx, void *out, size_t len)
{
	random_bytes(out, len);
}

static int sign_with(struct lugd *d, enum keyd_kind kind, struct buf *text, struct err *e)
{
	struct keyd_signature sig;
	int r = keyd_sign_note(d->keyd, kind, (const char *)text->p, text->len, &sig, e);
	if (r < 0)
		return r;
	r = note_sig_put(text, sig.name, sig.id, sig.sig64);
	return r < 0 ? err_set(e, r, NULL, NULL) : 0;
}

static int sign(void *ctx, enum exchange_key key, struct buf *text, struct err *e)
{
	switch (key) {
	case EXCHANGE_KEY_NODE:
		return sign_with(ctx, KEYD_NODE, text, e);
	case EXCHANGE_KEY_EVIDENCE:
		return sign_with(ctx, KEYD_EVIDENCE, text, e);
	}
	return err_set(e, ERR_INVAL, "key", NULL);
}

int env_log_signer(void *ctx, struct buf *text, struct err *e)
{
	return sign_with(ctx, KEYD_LOG, text, e);
}

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	struct lugd *d = ctx;
	int r = keyd_unwrap(d->keyd, share32, wrapped32, ret_file_key16, e);
	return r == 0 || r == -ERR_NO_MATCH ? r : -ERR_IO; /* lug-keyd was away: later */
}

/* ---- POSTs ---- */

static struct peer_state *peer_state(struct lugd *d, const char *name)
{
	for (size_t i = 0; i < d->peer_states_n; i++)
		if (!strcmp(d->peer_states[i].name, name))
			return &d->peer_states[i];
	if (d->peer_states_n == PEERS_MAX)
		return NULL;
	struct peer_state *p = &d->peer_states[d->peer_states_n++];
	*p = (struct peer_state){0};
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

static struct flight *flight(struct lugd *d, uint64_t send_id)
{
	for (size_t i = 0; i < FLIGHTS_MAX; i++)
		if (d->flights[i].send_id == send_id)
			return &d->flights[i];
	return NULL;
}

int env_post_to(struct lugd *d, const char *peer, const char *path, const char *type, const void *p,
		size_t len, uint64_t id, struct err *e)
{
	char url[HTTP_URL_MAX + 1];
	const struct directory_node *node = directory_node(exchange_directory(d->exchange), peer);
	struct peer_state *state = peer_state(d, peer);
	struct flight *f = flight(d, 0);
	if (!node || !node->endpoints_n || !node->pins_n || !state || !f)
		return err_set(e, ERR_OFFLINE, peer,
			       "%s has no address and key in the directory yet.", peer);
	int n = snprintf(url, sizeof(url), "%s%s",
			 node->endpoints[state->endpoint % node->endpoints_n], path);
	if (n < 0 || (size_t)n >= sizeof(url))
		return err_set(e, ERR_OFFLINE, peer, "The address of %s is too long.", peer);
	if (http_peers_post(d->peers, url, node->pins, node->pins_n, type, p, len, id, e) < 0)
		return -ERR_OFFLINE;
	*f = (struct flight){id, (size_t)(state - d->peer_states)};
	state->sent_n++;
	return 0;
}

int env_post(struct lugd *d, const char *peer, enum exchange_kind kind, const void *p, size_t len,
	     uint64_t send_id, struct err *e)
{
	return env_post_to(d, peer, exchange_kind_path(kind), exchange_kind_type(kind), p, len,
			   send_id, e);
}

static int send_to(void *ctx, const char *peer, enum exchange_kind kind, const void *p, size_t len,
		   uint64_t send_id, struct err *e)
{
	struct lugd *d = ctx;
	return unit_open(d) ? unit_post(d, peer, kind, p, len, send_id)
			    : env_post(d, peer, kind, p, len, send_id, e);
}

static bool leads(void *ctx, const char *peer)
{
	char name[SHARED_LEASE_MAX];
	(void)snprintf(name, sizeof(name), SHARED_STREAM "%s", peer);
	return shared_leads(ctx, name);
}

static int sent(struct lugd *d, const struct peer_state *state, uint64_t id, unsigned status,
		const void *p, size_t len, struct err *e)
{
	if (!(id & ENV_DUTY_FLIGHT))
		return exchange_sent(d->exchange, id, status, p, len, e);
	return state ? duty_asked(d->duty, state->name, status == 200 ? p : NULL, len, e) : 0;
}

void env_sent(void *ctx, uint64_t id, unsigned status, const void *p, size_t len, const char *why)
{
	struct lugd *d = ctx;
	struct err e = {0};
	struct flight *f = flight(d, id);
	struct peer_state *state = f ? &d->peer_states[f->peer] : NULL;
	if (state && status) {
		state->ok_s = time_now_ms() / 1000;
		state->why[0] = 0;
	} else if (state) {
		state->failed_s = time_now_ms() / 1000;
		state->failed_n++;
		state->endpoint++; /* the next address, if there is more than one */
		snprintf(state->why, sizeof(state->why), "%s", why);
		log_debug("peers", "no answer peer=%s why=\"%s\"", state->name, why);
	}
	if (f)
		f->send_id = 0;
	if (witness_sent(d, id, status, p, len))
		return;
	int r = unit_begin(d, &e);
	if (r >= 0)
		r = sent(d, state, id, status, p, len, &e);
	int end = unit_end(d, r < 0 ? NULL : &e);
	if (r < 0 || end < 0)
		log_unusual("exchange", "an answer could not be taken in: %s", e.message);
	d->dirty = true;
}

/* Space for the daemon's user; what cannot be asked is taken for plenty, since a write will say so anyway. */
static uint64_t disk_free(void *ctx)
{
	const struct lugd *d = ctx;
	struct statvfs st;
	return statvfs(d->folder, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : UINT64_MAX;
}

/* ---- events ---- */

static void event(void *ctx, const struct exchange_event *ev)
{
	lugd_alarm(ctx, ev->alarm, "%s peer=%s id=%s code=%s", ev->text, ev->peer ? ev->peer : "",
		   ev->id ? ev->id : "", ev->code ? err_name(ev->code) : "");
}

void env_init(struct lugd *d)
{
	d->env = (struct exchange_env){.ctx = d,
				       .wall_ms = wall_ms,
				       .mono_ms = mono_ms,
				       .random = random_fill,
				       .sign = sign,
				       .unwrap = unwrap,
				       .send = send_to,
				       .event = event,
				       .disk_free = disk_free,
				       .leads = d->shared.on ? leads : NULL};
}
