/* SPDX-License-Identifier: Apache-2.0
 * Case files (docs/format/case.md): one request with all notes and proofs, written from a node's rows, checked without any. */
#ifndef EXCHANGE_CASE_H
#define EXCHANGE_CASE_H
#include "base/json.h"
#include "exchange/directory.h"
#include "exchange/request.h"
#include "wire/note.h"

#define CASE_TYPE NOTE_TYPE_PREFIX "case/v1"

enum {
	CASE_MAX = 64 << 20,	  /* bytes of a case file */
	CASE_PARTS_MAX = 2 << 20, /* bytes of parts in one; what is more stands there by its hash */
	CASE_MESSAGES_MAX = 1024,
	CASE_ENTRIES_MAX = 8192,
	CASE_WITNESSES_MAX = 64,
};

/** case_export - everything about one request, as this person may see it
 * In:      id       of the request, or its beginning
 *          audit_dir  folder of the node's audit log
 * Returns: 0; -ERR_DENIED; -ERR_NOENT; -ERR_INVAL ambiguous; -ERR_OVERSIZE more messages or entries than a file takes; as store_exec,
 *          audit_prove */
int case_export(struct requests *q, const struct actor *a, const char *id, const char *audit_dir,
		json_t **ret, struct err *e) WARN_UNUSED;

struct case_witness {
	char name[NOTE_KEY_NAME_MAX + 1];
	uint64_t entries; /* that it countersigned */
};
struct case_report {
	char node[DIRECTORY_NAME_MAX + 1], request[REQUEST_ID_LEN + 1];
	uint64_t members_version;
	uint64_t messages, receipts, entries, erased, waiting;
	uint64_t parts, parts_absent; /* absent: only their hashes are there */
	int64_t first_s, last_s;      /* times of the first and last entry; 0 when there is none */
	uint64_t revoked;	      /* texts whose key was revoked later */
	uint64_t log_size;	      /* of the largest checkpoint */
	struct case_witness witness[CASE_WITNESSES_MAX];
	size_t witness_n;
};

/** case_verify - check a case file against nothing but governance keys; pure, no store
 * In:      governors  [governors_n] that the verifier trusts
 *          witnesses  members that must have countersigned each entry
 * Returns: 0; -ERR_FORMAT; -ERR_OVERSIZE; -ERR_VERSION; -ERR_GAP; -ERR_CORRUPT; -ERR_MEMBER_UNKNOWN; -ERR_KEY_UNKNOWN; -ERR_KEY_EXPIRED;
 *          -ERR_KEY_REVOKED; -ERR_SIGNATURE; -ERR_CONFLICT; -ERR_DENIED; -ERR_CRYPTO; -ERR_UNWITNESSED; as the decoders of the notes;
 *          e says which note
 * Source:  docs/format/case.md 3 */
int case_verify(const void *p, size_t len, const struct note_verifier *governors,
		size_t governors_n, unsigned witnesses, struct case_report *ret,
		struct err *e) WARN_UNUSED;
#endif
