/* SPDX-License-Identifier: Apache-2.0
 * A node that is set back to an old copy of its store: what it had signed since then must come back from its peers. */
#include "sim.h"

void past_copy(struct sim *s, size_t i)
{
	s->past.copy = disk_new("past", &s->rng);
	disk_copy(s->past.copy, s->disks[i]);
	s->past.node = i;
	s->past.messages_n = s->messages_n;
	s->past.promises_n = s->promises_n;
}

void past_put_back(struct sim *s)
{
	disk_put_back(s->disks[s->past.node], s->past.copy);
	s->past.done = true;
	for (size_t i = 0; i < s->requests_n; i++)
		s->requests[i].over &= ~(1u << s->past.node);
	s->past.messages_end = s->messages_n;
	s->audit_seq[s->past.node] =
		-1; /* a shorter log beside it: lug audit adopt's work, not in this world */
	for (size_t i = s->past.promises_n; i < s->promises_n; i++)
		s->promises[i].lapsed =
			s->promises[i].lapsed || s->promises[i].node == s->past.node;
}

bool past_lost(const struct sim *s, const struct sim_message *m)
{
	size_t at = (size_t)(m - s->messages);
	return s->past.done && m->from == s->past.node && at >= s->past.messages_n &&
	       at < s->past.messages_end;
}
