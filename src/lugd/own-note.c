/* SPDX-License-Identifier: Apache-2.0
 * Is the node note that this node has published still true? It is signed with an offline key, so only people can renew it, and
 * they must hear of it in time: without a true note peers refuse what this node signs, or cannot encrypt to it. */
#include "base/cleanup.h"
#include "base/time.h"
#include "lugd/lugd-int.h"

enum { RENEW_S = 7 * 86400 }; /* warned so long before it is too late */

static bool has_key(const struct directory_node *note, const struct directory_key *key)
{
	for (size_t i = 0; i < note->keys_n; i++)
		if (note->keys[i].kind == key->kind &&
		    !memcmp(note->keys[i].vkey.pk32, key->vkey.pk32, 32))
			return true;
	return false;
}

static bool has_revoked(const struct directory_node *note, const struct directory_key *key)
{
	for (size_t i = 0; i < note->revoked_n; i++)
		if (!memcmp(note->revoked[i].vkey.pk32, key->vkey.pk32, 32))
			return true;
	return false;
}

static bool has_epoch(const struct directory_node *note, const struct directory_epoch *epoch)
{
	for (size_t i = 0; i < note->epochs_n; i++)
		if (!memcmp(note->epochs[i].pk32, epoch->pk32, 32))
			return true;
	return false;
}

static bool has_pin(const struct directory_node *note, const uint8_t pin32[static HTTP_PIN_LEN])
{
	for (size_t i = 0; i < note->pins_n; i++)
		if (!memcmp(note->pins[i], pin32, HTTP_PIN_LEN))
			return true;
	return false;
}

/* When the first thing that the note lacks comes into force; INT64_MAX when it lacks nothing. */
static int64_t lacks_from(const struct lugd *d, const struct directory_node *note,
			  const struct directory_node *held)
{
	uint8_t pin[HTTP_PIN_LEN];
	int64_t from_s = INT64_MAX;
	http_identity_pin(d->identity, pin);
	if (!has_pin(note, pin))
		return 0;
	for (size_t i = 0; i < held->keys_n; i++)
		if (!has_key(note, &held->keys[i]) && !has_revoked(note, &held->keys[i]) &&
		    held->keys[i].from_s < from_s)
			from_s = held->keys[i].from_s;
	for (size_t i = 0; i < held->epochs_n; i++)
		if (!has_epoch(note, &held->epochs[i]) && held->epochs[i].from_s < from_s)
			from_s = held->epochs[i].from_s;
	return from_s;
}

enum own_note own_note_state(struct lugd *d, int64_t now_s)
{
	const struct directory_node *note =
		directory_node(exchange_directory(d->exchange), lugd_node(d));
	_cleanup_(freep) struct directory_node *held = calloc(1, sizeof(*held));
	if (!note)
		return OWN_NOTE_NONE;
	if (!held || lugd_own_keys(d, held, NULL) < 0)
		return OWN_NOTE_FINE; /* lug-keyd is away, which is told elsewhere */
	int64_t due_s = lacks_from(d, note, held);
	if (note->until_s < due_s)
		due_s = note->until_s;
	return due_s <= now_s		 ? OWN_NOTE_BROKEN
	       : due_s - now_s < RENEW_S ? OWN_NOTE_RENEW
					 : OWN_NOTE_FINE;
}

const char *own_note_name(enum own_note state)
{
	switch (state) {
	case OWN_NOTE_NONE:
		return "none";
	case OWN_NOTE_FINE:
		return "fine";
	case OWN_NOTE_RENEW:
		return "renew";
	case OWN_NOTE_BROKEN:
		return "broken";
	}
	return "";
}

void own_note_check(struct lugd *d, bool again)
{
	enum own_note state = own_note_state(d, time_now_ms() / 1000);
	if (state == d->own_note && !(again && state == OWN_NOTE_BROKEN))
		return;
	d->own_note = state;
	switch (state) {
	case OWN_NOTE_NONE:
	case OWN_NOTE_FINE:
		return;
	case OWN_NOTE_RENEW:
		lugd_alarm(
			d, false,
			"the node note must be renewed within 7 days: lug member note, sign it, lug network install");
		return;
	case OWN_NOTE_BROKEN:
		lugd_alarm(
			d, true,
			"the node note has expired or lacks a key in force, peers refuse this node: lug member note, sign it, "
			"lug network install");
		return;
	}
}
