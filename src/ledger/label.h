/* SPDX-License-Identifier: Apache-2.0
 * Labels: what others say about addresses. Each source is one immutable file in a folder, so that it has a date, can be replaced and
 * can be taken back as a whole; docs/format/labels.md is the contract.
 *
 * Importing reads TagPack YAML, plain and JSON lists, and OFAC's own XML. Every entry is checked; what fails is kept in the source's quarantine
 * with its line and reason, and never matches anything. */
#ifndef LEDGER_LABEL_H
#define LEDGER_LABEL_H
#include "base/cleanup.h"
#include "base/err.h"
#include "chain/address.h"
#include "chain/network.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LABEL_SOURCE_MAX = 64 << 20, /* bytes of a file that is imported */
	LABEL_XML_MAX = 1 << 30,     /* the same, of OFAC's XML, which is not held in memory */
	LABEL_ENTRIES_MAX = 2000000, /* of one source */
	LABEL_TEXT_MAX = 1024,	     /* bytes of one field */
	LABEL_SOURCES_MAX = 4096,    /* in one folder */
	LABEL_NAME_MAX = 64,
	LABEL_CHANGES_MAX = 10000, /* addresses of an update that are named */
};

/* One statement about an address. Strings are "" when absent, and live as long as the struct labels. */
struct label {
	const char *label, *category, *actor, *abuse; /* "binance", "exchange", ... */
	const char *source, *currency, *confidence,
		*lastmod; /* of the statement, as its author wrote them */
	const char *set, *title,
		*creator; /* name of the source file here, and what it says of itself */
	int64_t imported_s;
	bool cluster; /* meant for the whole entity of the address */
};

/* What became of an import, or what a source holds. */
struct label_reject {
	uint32_t line;		   /* from 1; 0 when the format has none (JSON) */
	uint32_t entry;		   /* from 1 */
	int32_t code;		   /* -ERR_X */
	const char *text, *reason; /* the address as written; why not */
};
struct label_source {
	const char *name, *format, *title, *creator,
		*file; /* format "tagpack", "list", "json", "ofac-xml" */
	int64_t imported_s;
	uint8_t sha256_32[32]; /* of the file that was imported */
	uint32_t entry_n, valid_n, reject_n, duplicate_n;
	const struct label_reject *rejects; /* [reject_n] */
	bool replaced;			    /* import: a source of that name was there */
	uint32_t added_n, delisted_n;	    /* import: against that one, by address and network */
	/* import: which, in order of identity; at most LABEL_CHANGES_MAX of each */
	const char *const *added, *const *delisted;
};

struct label_import {
	const char *name; /* of the source, name_valid(); NULL: from the file's name */
	int64_t now_s;	  /* wall clock, Unix seconds */
	/* For lists, which hold addresses only; NULL: from the name sanctioned_addresses_TICKER.* of OFAC lists */
	const char *currency, *label, *category;
	/* Told how far the import of this file is, of total; NULL: nobody */
	void (*tick)(void *ctx, uint64_t done, uint64_t total);
	void *tick_ctx;
};

struct label_result {
	struct label_source source;
	void *memory; /* that source points into */
};
/** label_import - check a file of labels and make it a source of the folder; a source of the same name is replaced in one step
 * In:      dir      made when missing
 *          path     .yaml, .yml: TagPack; .json: a list of strings; .xml: OFAC's SDN.XML or SDN_ADVANCED.XML; else a list with one address a line, "#" begins a comment
 * Out:     ret      release with label_result_done(); zeroed on failure
 * Returns: 0, also when entries were rejected; -ERR_NOENT; -ERR_OVERSIZE file, entries or nesting; -ERR_FORMAT not such a file, with
 *          line and reason; -ERR_INVAL a name; -ERR_FIELD_MISSING a list without currency; -ERR_NOSPC, -ERR_IO, -ERR_ACCES, -ERR_NOMEM
 * Cost:    the file in memory; n log n */
int label_import(const char *dir, const char *path, const struct label_import *opt,
		 struct label_result *ret, struct err *e) WARN_UNUSED;
void label_result_done(struct label_result *r);

/** label_undo - take back the last import of a source: the version before it stands again; a first import is removed
 * Out:     ret_restored  was there a version before?
 * Returns: as label_remove() */
int label_undo(const char *dir, const char *name, bool *ret_restored, struct err *e) WARN_UNUSED;
/** label_remove - take a source back, with the version before it
 * Returns: 0; -ERR_NOENT no such source; -ERR_INVAL; -ERR_IO, -ERR_ACCES */
int label_remove(const char *dir, const char *name, struct err *e) WARN_UNUSED;

/* All sources of a folder, for one network. Immutable; may be used by many threads. */
struct labels;
/** labels_open - read the folder's sources; a missing folder has none
 * Returns: 0; -ERR_CORRUPT a damaged source, with its name; -ERR_VERSION; -ERR_OVERSIZE too many; -ERR_IO, -ERR_ACCES, -ERR_NOMEM */
int labels_open(const char *dir, enum net net, struct labels **ret_l, struct err *e) WARN_UNUSED;
struct labels *labels_close(struct labels *l);
DEFINE_CLEANUP(struct labels *, labels_close);

/** labels_find - what is said about an address, in the order of the sources' names
 * Out:     ret      at most max of them
 * Returns: how many there are, which may exceed max
 * Cost:    a binary search; no allocation */
size_t labels_find(const struct labels *l, const struct address *a, struct label *ret, size_t max);
/** labels_at - statement i of labels_n(), in order of identity, then of the sources' names */
void labels_at(const struct labels *l, size_t i, struct address *ret_a, struct label *ret);
/** labels_n - statements for this network; labels_sources - the sources, by name */
size_t labels_n(const struct labels *l);
const struct label_source *labels_sources(const struct labels *l, size_t *ret_n);

/** label_parse - the checks of an import on bytes, without files: for tests and fuzzing
 * In:      format   "tagpack", "list", "json" or "ofac-xml"
 * Out:     ret_n    valid entries
 *          ret_rejects
 * Returns: as label_import() */
int label_parse(const char *format, const void *p, size_t len, const struct label_import *opt,
		uint32_t *ret_n, uint32_t *ret_rejects, struct err *e) WARN_UNUSED;
#endif
