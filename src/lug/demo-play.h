/* SPDX-License-Identifier: Apache-2.0
 * The play of the demo: what its steps share. demo-network.c makes the chain and the network, demo-case.c plays the case,
 * cmd-demo.c has the node that was down, the proofs and the verb. */
#ifndef LUG_DEMO_PLAY_H
#define LUG_DEMO_PLAY_H
#include "lug/demo.h"

enum { PLAY_STEPS_MAX = 32, DELIVER_MS = 30000, FLASH_MS = 1000, HOLD_DAYS = 7 };

/* Officers of each node: who drafts and answers, and who approves. */
#define OFFICER "duty-officer"
#define APPROVER "head-of-unit"

struct play {
	struct demo d;
	const char *real; /* --real: a folder of block files */
	const json_t *scenario, *trace;
	const json_t *deposit; /* the asset block that the freeze is about */
	const char *governor[DEMO_NODES],
		*identity[DEMO_NODES]; /* public parts of the offline keys */
	char from_txid[65]; /* --from: the transaction that the report names, in a real chain */
	char victim_tx[65], freeze[64], freeze_hash[80], trace_id[64];
	struct sign_in {
		const char *password, *secret;
	} sign_in[DEMO_NODES][2]; /* OFFICER and APPROVER */
};

/* One step: does its work, checks it, and says with demo_end() what proves it. Returns 0 or the code of what failed. */
typedef int play_step(struct play *p, struct err *e);
play_step play_chain, play_import, play_labels, play_init, play_network, play_notes;
play_step play_report, play_trace, play_draft, play_four_eyes, play_send, play_ack, play_answer,
	play_answered;

/** play_console - --keep: enrol the officers for the consoles and play a night, so that there is something to see; what is needed to sign in
 *                is also written to DIR/consoles.json. console_print - where the consoles are and how to sign in */
int play_console(struct play *p, struct err *e) WARN_UNUSED;
/** play_watch - entities of the ledger; and Rome's watch with what it found */
int play_watch(struct play *p, struct err *e) WARN_UNUSED;
void console_print(const struct play *p);

/** duty_channels - notify.conf of a node that was made, before it starts; duty_staff - its roster, once it runs */
int duty_channels(struct play *p, enum demo_node_id n, struct err *e) WARN_UNUSED;
int duty_staff(struct play *p, enum demo_node_id n, struct err *e) WARN_UNUSED;
/** node_name - name of a node in the network */
const char *node_name(const struct play *p, enum demo_node_id n);
/** item_of - the item of a JSON list whose member is this text; NULL if none */
const json_t *item_of(const json_t *list, const char *member, const char *text);
/** request_new - Rome drafts a request about the deposit
 * Out:     ret      lug's answer: id, state, content_sha256 */
int request_new(struct play *p, const char *type, const char *class, enum demo_node_id to,
		const char *assets, json_t **ret, struct err *e) WARN_UNUSED;
#endif
