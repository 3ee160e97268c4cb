/* SPDX-License-Identifier: Apache-2.0
 * Case files of investigators: a list of acts, of which everything else follows. Undoing is an act too, so nothing is ever lost, and whoever
 * reads the list through comes to the same traces, notes and colours. Disputes of labels stand beside, since they are for all. */
#ifndef LUGD_CASEFILE_H
#define LUGD_CASEFILE_H
#include "http/api.h"
#include "store/store.h"

enum {
	CASE_TITLE_MAX = 200,
	CASE_TEXT_MAX = 4000,
	CASE_ON_MAX = 128, /* what a note or a colour is about */
	CASE_ACTS_MAX = 2000,
	CASE_ID_LEN = 32, /* hex */
};
extern const struct store_schema casefile_schema;

/** casefile_replay - what a list of acts comes to
 * In:      acts     [{n, do, ...}] in order: trace {wish, sums, tip ...}, note {on, text}, colour {on, colour}, undo {act}
 * Out:     new object: traces, notes (each with n), colours {on: colour}; sets "undone" on acts that are; NULL when out of memory */
json_t *casefile_replay(json_t *acts);

/** casefile_show - a case with its acts and what they come to
 * Returns: 0; -ERR_NOENT no such case, or not the caller's; the store's */
int casefile_show(struct store *s, const struct api_who *who, const char *id, json_t **ret,
		  struct err *e) WARN_UNUSED;
int casefile_list(struct store *s, const struct api_who *who, json_t **ret,
		  struct err *e) WARN_UNUSED;
/** casefile_new, casefile_act - in the open write transaction
 * In:      act      checked; STEALS nothing
 * Returns: 0; -ERR_NOENT; -ERR_OVERSIZE CASE_ACTS_MAX; the store's */
int casefile_new(struct store *s, const char *owner, const char *title, int64_t now_s,
		 char ret_id[static CASE_ID_LEN + 1], struct err *e) WARN_UNUSED;
int casefile_act(struct store *s, const struct api_who *who, const char *id, const json_t *act,
		 int64_t now_s, struct err *e) WARN_UNUSED;

/** dispute_new - somebody says that a label is wrong; in the open write transaction
 * dispute_remove - takes it back; -ERR_NOENT
 * dispute_mark - puts "disputed" [{id, by, at, text}] on each label of a list of json_labels() that somebody disputes
 * In:      address  of the labels; NULL: each has its own
 * Returns: 0; the store's */
int dispute_new(struct store *s, const char *officer, const char *address, const char *set,
		const char *label, const char *text, int64_t now_s, struct err *e) WARN_UNUSED;
int dispute_remove(struct store *s, int64_t id, struct err *e) WARN_UNUSED;
int dispute_mark(struct store *s, const char *address, json_t *labels, struct err *e) WARN_UNUSED;
#endif
