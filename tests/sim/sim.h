/* SPDX-License-Identifier: Apache-2.0
 * The simulator's inside: one world is one seed: nodes, disks, a network, what was promised, and what must hold. */
#ifndef SIM_SIM_H
#define SIM_SIM_H
#include "base/prng.h"
#include "crypto/crypto.h"
#include "disk.h"
#include "nodes.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIM_NODES = 3,
	SIM_MESSAGES_MAX = 64,
	SIM_REQUESTS_MAX = 16,
	SIM_PROMISES_MAX = 4096,
	SIM_EVENTS_MAX = 8192,
	SIM_MOVES_MAX = 256,   /* rows of the table of requests */
	SIM_CODES_MAX = 128,   /* rows of the table of errors */
	SIM_LIES = 6,	       /* tries against the rules in a world */
	SIM_CHAOS_MS = 120000, /* faults end here, in one world of ten at twice that */
	SIM_HEAL_MS = 900000,  /* and within this everything must be delivered */
	SIM_TICK_MS = 1000,
	SIM_ANSWER_MS = 10000, /* a client gives up on an answer */
	SIM_WHY_MAX = 400,
};

enum sim_event_type {
	SIM_DELIVER,
	SIM_REPLY,
	SIM_POST,
	SIM_FAULT,
	SIM_RESTART,
	SIM_UNCUT,
	SIM_EASE,
	SIM_RESUME,
	SIM_LEAP,
	SIM_DRAFT,
	SIM_WORK,
	SIM_STEAL,    /* a: whose node key is stolen, and revoked by its owner */
	SIM_PUBLISH,  /* the owner installs the revocation, again until it holds */
	SIM_FORGE,    /* b: whom the thief tries */
	SIM_COPY,     /* a: whose store is copied */
	SIM_PUT_BACK, /* a: whose copy is put back */
	SIM_LIE	      /* send_id: which try against the rules */
};
struct sim_event {
	int64_t at_ms;
	uint64_t order;
	enum sim_event_type type;
	size_t a, b; /* nodes */
	enum exchange_kind kind;
	uint64_t send_id;
	unsigned status;
	bool copy; /* a duplicate: its answer goes nowhere */
	struct buf body;
};
struct sim_message {
	char text[96];
	size_t from;
	uint32_t to; /* bits of nodes */
	int lane;
	bool posted; /* the post's commit succeeded; else it may still have happened */
	bool forged; /* sealed under a wrong evidence key: must have no effect */
	uint8_t id16[16];
};
struct sim_thief { /* of one node key a world */
	bool active;
	size_t victim;
	uint8_t node32[32]; /* the stolen seed */
	struct note_verifier vkey;
	int64_t time_s; /* of the theft */
};
struct requests;
struct sim_request {
	size_t from, to;
	bool hasty;    /* valid for minutes only */
	bool about;    /* about an earlier one: the other side may refuse to take it */
	uint32_t over; /* bits of nodes: nothing can be done with it there */
	char id[40];
};
struct sim_promise { /* an R1 that left a node */
	size_t node, peer;
	bool lapsed; /* given after a copy that was put back: must hold again at the end */
	uint8_t id16[16];
};
struct sim_reached {
	uint64_t moves[SIM_MOVES_MAX], codes[SIM_CODES_MAX];
};
struct sim {
	uint64_t seed;
	struct nodes net;
	struct disk *disks[SIM_NODES];
	struct prng rng; /* of the world; the nodes have their own */
	struct sim_event *events;
	size_t events_n;
	uint64_t order;
	bool cut[SIM_NODES][SIM_NODES];
	uint32_t drop_permille, copy_permille, tamper_permille;
	int64_t delay_ms;
	int64_t chaos_end_ms; /* if time does not leap */
	int64_t tick_due_ms[SIM_NODES];
	int64_t paused_until_ms[SIM_NODES]; /* 0: it runs; its clocks go on */
	int64_t leapt_ms; /* time that passed while the whole world stood still: some messages may have expired */
	bool chaos;
	bool tampered; /* some bytes were changed on the way: a message may then be refused for good */
	struct sim_message messages[SIM_MESSAGES_MAX];
	size_t messages_n;
	struct requests *desks[SIM_NODES];
	struct sim_request requests[SIM_REQUESTS_MAX];
	size_t requests_n;
	struct sim_promise *promises;
	size_t promises_n;
	int64_t audit_seq[SIM_NODES]; /* newest entry that was seen committed */
	uint8_t audit_hash32[SIM_NODES][32];
	unsigned crashes, restarts, delivered, answered, steps;
	struct sim_reached reached;
	struct sha256 trace;
	struct sim_thief thief;
	struct { /* the node that is set back to an old copy, if any */
		bool done;
		struct disk *copy;
		size_t node;
		size_t messages_n, promises_n; /* at the copy */
		size_t messages_end;	       /* when it was put back */
	} past;
	char why[SIM_WHY_MAX]; /* empty: nothing wrong so far */
	size_t polls;	       /* at one and the same time */
};

/** sim_wrong - record the first thing that is wrong */
void sim_wrong(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- desk.c: officers and their requests ---- */
int desk_open(struct sim *s, size_t i);
void desk_close(struct sim *s, size_t i);
/** desk_draft - somebody asks somebody something; desk_work - a node's officers do what is due
 * desk_settled - has every request ended? desk_blame - say which has not; desk_check - do both nodes agree on each?
 * desk_print - each request as both sides see it, to stderr */
void desk_draft(struct sim *s);
size_t desk_about(struct sim *s); /* returns the node */
void desk_work(struct sim *s, size_t node);
bool desk_settled(struct sim *s);
void desk_blame(struct sim *s);
void desk_check(struct sim *s);
void desk_print(struct sim *s);

/* ---- past.c ---- */
/** past_copy - keep a copy of a node's store; past_put_back - set it back to that; the node is closed
 * past_lost - may this message of the node that was set back be gone, since nobody had stored it? */
void past_copy(struct sim *s, size_t i);
void past_put_back(struct sim *s);
bool past_lost(const struct sim *s, const struct sim_message *m);

/* ---- thief.c ---- */
/** thief_steal - a node's key is stolen; its owner has a new key and a note that revokes the old one
 * thief_publish - give that note to its owner's node; false: not yet
 * thief_forge - a parcel under the stolen key for a node that knows of the revocation; false: it does not, nothing was done */
void thief_steal(struct sim *s, size_t i);
bool thief_publish(struct sim *s);
bool thief_forge(struct sim *s, size_t to);

/** thief_parcel - a parcel for the next place of a stream (or some places ahead of it) under a given node key, with a file that
 *                 nobody can open: what counts is whether it gets an R1
 * In:      o        time_s, expires_s, class; the rest is filled in */
struct parcel_outer;
int thief_parcel(struct sim *s, size_t from, size_t to, const uint8_t node32[static 32],
		 uint64_t ahead, struct parcel_outer *o, struct buf *body);

/* ---- liar.c ---- */
/** liar_try - a member sends what it must not, or an officer tries what is not allowed; turn: which, of which node
 * Returns: the node that was called; SIM_NODES if it could not be tried */
size_t liar_try(struct sim *s, uint64_t turn);

/* ---- cover.c ---- */
/** cover_node - count the moves of requests that a node's rows hold, and the error codes, at the end of a world
 * cover_code - a code that a call returned, a refusal named or people were told; not an error: nothing
 * cover_add - sum up worlds
 * cover_moves, cover_codes - print what they reached, all or only what none did; returns how much no world reached */
void cover_node(struct sim *s, size_t node);
void cover_code(struct sim *s, int code);
size_t cover_moves(const struct sim_reached *reached, bool all);
size_t cover_codes(const struct sim_reached *reached, bool all);
void cover_add(struct sim_reached *sum, const struct sim_reached *more);

/* ---- check.c ---- */
/** check_step - what must hold after each step of a node; check_restart - after it came back
 * check_reply - remember the receipts that leave a node; check_settled - has everything been delivered? check_end - at the end */
void check_step(struct sim *s, size_t node);
void check_restart(struct sim *s, size_t node);
void check_reply(struct sim *s, size_t node, size_t peer, const void *reply, size_t len);
bool check_settled(struct sim *s);
void check_end(struct sim *s);
#endif
