/* SPDX-License-Identifier: Apache-2.0
 * lug-notify-desktop: a notification that stays on the screen of the officer's own machine, by notify-send. */
#include "notify/exec.h"
#include <stdlib.h>
#include <string.h>

static int ring(const struct program *p, const struct program_ring *g, char *words)
{
	const char *const argv[] = {p->values[0] ? p->values[0] : "notify-send",
				    "--urgency=critical",
				    "--app-name=Lugdunum",
				    "Lugdunum",
				    g->full,
				    NULL};
	if (strcmp(g->m->address, "-") != 0 && setenv("DISPLAY", g->m->address, 1) < 0)
		return -ERR_NOMEM;
	return exec_run(argv, words);
}

int main(int argc, char **argv)
{
	static const char *const keys[] = {"program", NULL};
	struct program p = {.name = "lug-notify-desktop",
			    .words = "desktop notifications",
			    .keys = keys,
			    .ring = ring};
	return program_run(&p, argc, argv);
}
