/* SPDX-License-Identifier: Apache-2.0
 * Pins: a snapshot of the directory for the HTTP thread, replaced as a whole when notes change. */
#include "base/cleanup.h"
#include "lugd/lugd-int.h"

void pins_init(struct pins *p)
{
	pthread_mutex_init(&p->lock, NULL);
	p->list = NULL;
	p->n = 0;
}

void pins_done(struct pins *p)
{
	free(p->list);
	p->list = NULL;
	pthread_mutex_destroy(&p->lock);
}

void pins_set(struct pins *p, struct pin *list, size_t n)
{
	pthread_mutex_lock(&p->lock);
	struct pin *old = p->list;
	p->list = list;
	p->n = n;
	pthread_mutex_unlock(&p->lock);
	free(old);
}

int pins_find(struct pins *p, const uint8_t pin32[static HTTP_PIN_LEN], int64_t now_s,
	      char ret_name[static API_NAME_MAX + 1])
{
	int r = -ERR_MEMBER_UNKNOWN;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n && r < 0; i++) {
		const struct pin *pin = &p->list[i];
		if (memcmp(pin->pin32, pin32, HTTP_PIN_LEN) != 0 || now_s < pin->from_s ||
		    now_s >= pin->until_s)
			continue;
		memcpy(ret_name, pin->peer, sizeof(pin->peer));
		r = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

static size_t add_pins(struct pin *list, size_t n, const struct directory_node *node)
{
	for (size_t i = 0; i < node->pins_n && i < DIRECTORY_PINS_MAX; i++, n++) {
		struct pin *pin = &list[n];
		memcpy(pin->pin32, node->pins[i], HTTP_PIN_LEN);
		pin->from_s = node->from_s;
		pin->until_s = node->until_s;
		snprintf(pin->peer, sizeof(pin->peer), "%s", node->name);
	}
	return n;
}

int pins_refresh(struct lugd *d, struct err *e)
{
	struct directory *dir = exchange_directory(d->exchange);
	const struct directory_members *members = directory_members(dir);
	struct pin *list =
		calloc((size_t)DIRECTORY_MEMBERS_MAX * DIRECTORY_PINS_MAX, sizeof(*list));
	size_t n = 0;
	if (!list)
		return err_set(e, ERR_NOMEM, NULL, NULL);
	for (size_t i = 0; members && i < members->members_n; i++) {
		const struct directory_node *node = directory_node(dir, members->members[i].name);
		if (node && strcmp(node->name, lugd_node(d)) != 0)
			n = add_pins(list, n, node);
	}
	pins_set(&d->pins, list, n);
	return 0;
}
