/* SPDX-License-Identifier: Apache-2.0
 * Directory: who is in the network, with which keys, endpoints, powers and contact points; from signed notes only.
 *
 * Three types of note (docs/protocol/directory.md): `members` (signed by m of the governance keys), one `node` note a member
 * (signed by the member's identity key) and `policy` (governance). Each has a version and the hash of the one before. All
 * accepted notes are kept: they are the proof of what was valid when.
 */
#ifndef EXCHANGE_DIRECTORY_H
#define EXCHANGE_DIRECTORY_H
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "wire/note.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
struct directory;

enum {
	DIRECTORY_NAME_MAX = 64,
	DIRECTORY_TEXT_MAX = 160, /* bytes of one text field of a contact */
	DIRECTORY_URL_MAX = 200,
	DIRECTORY_GOVERNORS_MAX = 12,
	DIRECTORY_MEMBERS_MAX = 64,
	DIRECTORY_ENDPOINTS_MAX = 4,
	DIRECTORY_PINS_MAX = 4,
	DIRECTORY_KEYS_MAX =
		9, /* signing keys in one node note: three kinds, current, next and last */
	DIRECTORY_EPOCHS_MAX = 6,
	DIRECTORY_CONTACTS_MAX = 4,
	DIRECTORY_LANGUAGES_MAX = 8,
	DIRECTORY_REVOKED_MAX = 8,
	DIRECTORY_NODE_DAYS_MAX = 35, /* longest validity of a node note */
	DIRECTORY_OPTIONAL_MAX = 16,  /* lines "x-..." at the end */
};

enum directory_power {
	POWER_FREEZE = 1 << 0,
	POWER_PRESERVE = 1 << 1,
	POWER_INFORMATION = 1 << 2,
	POWER_TRACE = 1 << 3,
	POWER_CUSTODY = 1 << 4,
};
enum directory_key_kind { DIRECTORY_KEY_NODE, DIRECTORY_KEY_EVIDENCE, DIRECTORY_KEY_AUDIT };

struct directory_member { /* a line of the members note */
	char name[DIRECTORY_NAME_MAX + 1];
	char country[3]; /* ISO 3166-1 alpha-2, upper case */
	char role[DIRECTORY_NAME_MAX + 1];
	struct note_verifier identity;
};
struct directory_members {
	uint64_t version;
	uint8_t previous32[32];
	int64_t time_s, until_s;
	uint32_t threshold; /* m */
	struct note_verifier governors[DIRECTORY_GOVERNORS_MAX];
	size_t governors_n;
	struct directory_member members[DIRECTORY_MEMBERS_MAX];
	size_t members_n;
};
struct directory_key {
	enum directory_key_kind kind;
	int64_t from_s, until_s;
	struct note_verifier vkey;
};
struct directory_epoch {
	uint64_t number;
	int64_t from_s, until_s;
	uint8_t pk32[32]; /* X25519 */
};
struct directory_contact {
	char function[DIRECTORY_TEXT_MAX + 1], unit[DIRECTORY_TEXT_MAX + 1];
	char phone[DIRECTORY_TEXT_MAX + 1], mobile[DIRECTORY_TEXT_MAX + 1],
		mail[DIRECTORY_TEXT_MAX + 1];
	char preferred[DIRECTORY_TEXT_MAX + 1]; /* phone | mobile | mail */
	char languages[DIRECTORY_TEXT_MAX + 1]; /* "it en", in order */
	char hours[DIRECTORY_TEXT_MAX + 1];	/* "24/7" or "Mo-Fr 08:00-18:00" */
	char zone[DIRECTORY_TEXT_MAX + 1];	/* "Europe/Rome" */
};
struct directory_revoked {
	int64_t since_s;
	struct note_verifier vkey;
};
struct directory_node {
	char name[DIRECTORY_NAME_MAX + 1];
	uint64_t version;
	uint8_t previous32[32];
	int64_t from_s, until_s;
	char endpoints[DIRECTORY_ENDPOINTS_MAX][DIRECTORY_URL_MAX + 1]; /* "https://host:port" */
	size_t endpoints_n;
	uint8_t pins[DIRECTORY_PINS_MAX][32]; /* SHA-256 of the TLS key's SPKI */
	size_t pins_n;
	struct directory_key keys[DIRECTORY_KEYS_MAX];
	size_t keys_n;
	struct directory_epoch epochs[DIRECTORY_EPOCHS_MAX];
	size_t epochs_n;
	struct directory_contact contacts[DIRECTORY_CONTACTS_MAX]; /* in the order to call them */
	size_t contacts_n;
	uint32_t powers; /* enum directory_power */
	char languages[DIRECTORY_LANGUAGES_MAX]
		      [DIRECTORY_NAME_MAX + 1]; /* BCP 47, preferred first */
	size_t languages_n;
	char duty[DIRECTORY_URL_MAX + 1]; /* who answers now; may be empty */
	struct directory_revoked revoked[DIRECTORY_REVOKED_MAX];
	size_t revoked_n;
};

enum directory_class {
	DIRECTORY_FLASH,
	DIRECTORY_URGENT,
	DIRECTORY_PRIORITY,
	DIRECTORY_ROUTINE,
	DIRECTORY_CLASSES
};
struct directory_policy { /* limits in seconds by request class */
	uint64_t version;
	uint8_t previous32[32];
	int64_t time_s;
	struct {
		uint32_t receipt_s, ack_s, answer_s;
	} class[DIRECTORY_CLASSES];
};

/* ---- notes as text; pure, no store ---- */

/** directory_members_decode - text (through its last LF, without signatures) of a members note
 * directory_node_decode - the same of a node note
 * Out:     ret      everything checked but signatures, links and dates against a clock
 * Returns: 0; -ERR_FORMAT grammar, order, a repeated name or key (line in e); -ERR_FIELD_MISSING; -ERR_FIELD_UNKNOWN;
 *          -ERR_VERSION another type; -ERR_RANGE counts, threshold, dates; -ERR_CHECKSUM key id of a verifier key
 * Source:  docs/protocol/directory.md 2 and 3 */
int directory_members_decode(const char *text, size_t len, struct directory_members *ret,
			     struct err *e) WARN_UNUSED;
int directory_node_decode(const char *text, size_t len, struct directory_node *ret,
			  struct err *e) WARN_UNUSED;
int directory_policy_decode(const char *text, size_t len, struct directory_policy *ret,
			    struct err *e) WARN_UNUSED;
/** directory_members_encode, directory_node_encode, directory_policy_encode - the one text of a value; decode(encode(x)) == x
 * Returns: 0; as the decoder, which is run over the result */
int directory_members_encode(const struct directory_members *m, struct buf *out,
			     struct err *e) WARN_UNUSED;
int directory_policy_encode(const struct directory_policy *p, struct buf *out,
			    struct err *e) WARN_UNUSED;
int directory_node_encode(const struct directory_node *n, struct buf *out,
			  struct err *e) WARN_UNUSED;

/** directory_members_draft - JSON {version, previous, time, until, threshold, governors[], members[]} to a note text
 * directory_node_draft - JSON {node, version, previous, from, until, endpoints[], pins[], keys[], epochs[], contacts[],
 *                        powers[], languages[], duty, revoked[]} to a note text
 * Notes:   members of the JSON are those of docs/protocol/directory.md 5; version and previous may be left out and then are
 *          1 and zeros. The text is not signed: see directory_sign().
 * Returns: 0; -ERR_FIELD_MISSING, -ERR_FIELD_UNKNOWN, -ERR_INVAL, -ERR_RANGE with the JSON path in e */
int directory_members_draft(const json_t *j, struct buf *out, struct err *e) WARN_UNUSED;
int directory_node_draft(const json_t *j, struct buf *out, struct err *e) WARN_UNUSED;
/** directory_node_read - the JSON of a node note, complete or not, for directory_own_draft()
 * Returns: as directory_node_draft */
int directory_node_read(const json_t *j, struct directory_node *ret, struct err *e) WARN_UNUSED;
/** directory_members_json, directory_node_json - the reverse, for the API; NULL when out of memory */
json_t *directory_members_json(const struct directory_members *m);
json_t *directory_node_json(const struct directory_node *n);

/* ---- offline keys ---- */

/** directory_keygen - text of a new key file (governance or identity), from 32 random bytes
 * directory_key_parse - name and seed of a key file; the caller wipes the seed
 * directory_sign - append the signature of a key file's key to a note, signed or not
 * Returns: 0; -ERR_FORMAT; -ERR_CHECKSUM a typing error; -ERR_INVAL not a name; -ERR_EXIST this key has signed it already
 * Source:  docs/protocol/directory.md 6 */
int directory_keygen(const char *name, const uint8_t seed32[static 32], struct buf *out,
		     struct err *e) WARN_UNUSED;
int directory_key_parse(const char *text, size_t len, struct note_verifier *ret_vkey,
			uint8_t ret_seed32[static 32], struct err *e) WARN_UNUSED;
int directory_sign(const char *name, const uint8_t seed32[static 32], struct buf *note,
		   struct err *e) WARN_UNUSED;

/* ---- the directory of a node ---- */

enum directory_type { DIRECTORY_MEMBERS, DIRECTORY_NODE, DIRECTORY_POLICY };
enum directory_result {
	DIRECTORY_INSTALLED,
	DIRECTORY_KNOWN, /* this very note is there already */
};

/** directory_install - check one signed note and take it in, in a transaction of its own
 * In:      from     peer that gave it, or NULL for a person of this node, who may install the first members note
 * Out:     ret      what became of it; may be NULL
 * Notes:   other content under a known version: both are kept, event and audit alarm, -ERR_CONFLICT
 * Returns: 0; -ERR_INVAL a transaction is open; -ERR_CONFLICT; -ERR_STALE lower version than held and unknown; -ERR_GAP an earlier version is missing;
 *          -ERR_CORRUPT broken hash link; -ERR_EXPIRED; -ERR_SIGNATURE a signature is wrong or too few of governance;
 *          -ERR_MEMBER_UNKNOWN; -ERR_KEY_UNKNOWN; as the decoders; as store_exec */
int directory_install(struct directory *d, const char *from, const void *note, size_t len,
		      enum directory_result *ret, struct err *e) WARN_UNUSED;

/** directory_members - the members note in force, NULL before the first; valid until the next install
 * directory_node - newest note of a member, also when it has expired; NULL if none
 * directory_member - line of a member; NULL if there is none of that name
 * directory_by_pin - whose TLS key this is, by the notes in force; NULL if nobody's */
const struct directory_members *directory_members(struct directory *d);
const struct directory_node *directory_node(struct directory *d, const char *name);
const struct directory_member *directory_member(struct directory *d, const char *name);
const char *directory_by_pin(struct directory *d, const uint8_t pin32[static 32], int64_t now_s);

/** directory_policy - the policy in force; the built-in one of docs/protocol/directory.md 4 before the first note */
const struct directory_policy *directory_policy(struct directory *d);

/** directory_epoch_key - key to encrypt to for a member now
 * Returns: 0; -ERR_MEMBER_UNKNOWN; -ERR_KEY_EXPIRED no fresh one, with since when in e; -ERR_KEY_UNKNOWN no node note yet */
int directory_epoch_key(struct directory *d, const char *name, int64_t now_s,
			struct directory_epoch *ret, struct err *e) WARN_UNUSED;

/** directory_key_check - may this key sign as that kind for that member, in a text that is received now
 * In:      name     key name in the signature line; key_id from there
 *          time_s   time that the text claims
 * Out:     ret      the key; its bytes are what the signature must hold under
 * Notes:   the key's end is compared with time_s; a revocation that is known counts whatever time_s is
 * Returns: 0; -ERR_KEY_UNKNOWN; -ERR_KEY_EXPIRED; -ERR_KEY_REVOKED; -ERR_KEY_TYPE; -ERR_MEMBER_UNKNOWN
 * Source:  docs/protocol/directory.md 3 */
int directory_key_check(struct directory *d, const char *member, enum directory_key_kind kind,
			const char *name, size_t name_len, uint32_t key_id, int64_t time_s,
			struct directory_key *ret, struct err *e) WARN_UNUSED;

/** directory_key_stands - does a key speak for this node itself today: listed in the own node note in force, not revoked
 * Out:     ret      the answer
 * Returns: 0; as store_exec */
int directory_key_stands(struct directory *d, const char *name, size_t name_len, uint32_t key_id,
			 bool *ret, struct err *e) WARN_UNUSED;

/** directory_note - the signed note in force, as text, for export and for proof
 * In:      name     member, "" for members
 * Returns: 0; -ERR_NOENT; as store_exec */
int directory_note(struct directory *d, enum directory_type t, const char *name, struct buf *out,
		   struct err *e) WARN_UNUSED;

/** directory_own_draft - text of the own next node note: what the last one said, with these keys, pins and epochs
 * In:      fresh    keys, epochs and pins as lug-keyd holds them; its other fields replace the last note's where set
 *          now_s    valid from now, for DIRECTORY_NODE_DAYS_MAX days
 * Notes:   revocations of the last note stay; a revoked key is not listed among the keys
 * Returns: 0; -ERR_FIELD_MISSING nothing to copy and fresh is incomplete; as the encoder */
int directory_own_draft(struct directory *d, const struct directory_node *fresh, int64_t now_s,
			struct buf *out, struct err *e) WARN_UNUSED;
#endif
