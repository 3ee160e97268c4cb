/* SPDX-License-Identifier: Apache-2.0
 * lug-notify-command: runs a program of the member for each ring: an SMPP gateway, a SIP caller, a pager. */
#include "notify/exec.h"

static int ring(const struct program *p, const struct program_ring *g, char *words)
{
	const char *const argv[] = {p->values[0], g->m->address, g->m->link,
				    g->m->code,	  g->m->text,	 NULL};
	return exec_run(argv, words);
}

int main(int argc, char **argv)
{
	static const char *const keys[] = {"program", NULL};
	struct program p = {.name = "lug-notify-command",
			    .words = "a program of the member",
			    .keys = keys,
			    .required_n = 1,
			    .ring = ring};
	return program_run(&p, argc, argv);
}
