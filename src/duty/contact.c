/* SPDX-License-Identifier: Apache-2.0
 * Contact points of members: from the directory's notes, with the time when somebody last found that they are right. */
#include "crypto/crypto.h"
#include "duty/duty-int.h"

/* What a contact is recognised by: a new number is a new contact, which nobody has verified. */
static void hash_of(const struct directory_contact *c, uint8_t ret32[static 32])
{
	char text[4 * (DIRECTORY_TEXT_MAX + 1)];
	int n = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", c->function, c->phone, c->mobile,
			 c->mail);
	sha256(text, (size_t)n, ret32);
}

static int read_one(struct duty *d, const char *member, const struct directory_contact *c,
		    struct duty_contact *ret, struct err *e)
{
	uint8_t hash32[32];
	STORE_ROWS(rows);
	hash_of(c, hash32);
	int r = store_first(
		d->s, "SELECT first_s, verified_s FROM duty_contact WHERE member = ? AND hash = ?",
		VALS(val_text(member), val_blob(hash32, 32)), &rows, e);
	if (r < 0)
		return r;
	ret->verified_s = r ? row_i64(&rows, "verified_s") : 0;
	ret->verified = ret->verified_s != 0;
	if (!ret->verified)
		ret->verified_s = r ? row_i64(&rows, "first_s") : duty_wall(d);
	int64_t age = duty_wall(d) - ret->verified_s;
	ret->red = age >= DUTY_RED_S;
	ret->amber = age >= DUTY_AMBER_S && !ret->red;
	return 0;
}

int duty_contacts(struct duty *d, const char *member, struct duty_contact *ret, size_t max,
		  struct err *e)
{
	const struct directory_node *node = directory_node(exchange_directory(d->x), member);
	size_t n = node ? node->contacts_n : 0;
	for (size_t i = 0; i < n && i < max; i++) {
		ret[i] = (struct duty_contact){.c = &node->contacts[i], .number = (unsigned)i + 1};
		int r = read_one(d, member, ret[i].c, &ret[i], e);
		if (r < 0)
			return r;
	}
	return (int)(n < max ? n : max);
}

static int write_one(struct duty *d, const char *member, const struct directory_contact *c,
		     const char *by, int64_t verified_s, struct err *e)
{
	uint8_t hash32[32];
	hash_of(c, hash32);
	return duty_changed(store_exec(
		d->s,
		"INSERT INTO duty_contact (member, hash, first_s, verified_s, officer) VALUES (?, ?, ?, ?, ?) ON CONFLICT (member, hash) "
		"DO UPDATE SET verified_s = CASE WHEN excluded.verified_s > 0 THEN excluded.verified_s ELSE duty_contact.verified_s END, "
		"officer = excluded.officer",
		VALS(val_text(member), val_blob(hash32, 32), val_i64(duty_wall(d)),
		     val_i64(verified_s), val_text(by)),
		e));
}

int duty_contact_seen(struct duty *d, const char *member, const char *by, struct err *e)
{
	struct duty_contact c;
	int n = duty_contacts(d, member, &c, 1, e);
	return n <= 0 ? n : write_one(d, member, c.c, by, duty_wall(d), e);
}

int duty_contacts_meet(struct duty *d, const char *member, struct err *e)
{
	struct duty_contact list[DIRECTORY_CONTACTS_MAX];
	int n = duty_contacts(d, member, list, ARRAY_LEN(list), e), r = 0;
	for (int i = 0; r >= 0 && i < n; i++)
		if (!list[i].verified)
			r = write_one(d, member, list[i].c, "system", 0, e);
	return n < 0 ? n : r;
}

int duty_contact_verify(struct duty *d, const struct actor *a, const char *member, int64_t contact,
			struct err *e)
{
	STORE_TXN(txn);
	struct duty_contact list[DIRECTORY_CONTACTS_MAX];
	int n = duty_contacts(d, member, list, ARRAY_LEN(list), e);
	if (n >= 0 && (contact < 1 || contact > n))
		return err_set(e, ERR_NOENT, "contact", "%s has %d contact points.", member, n);
	int r = n < 0 ? n : store_begin(d->s, STORE_WRITE, &txn, e);
	if (r >= 0)
		r = write_one(d, member, list[contact - 1].c, a->officer, duty_wall(d), e);
	if (r >= 0)
		r = duty_audit(d, AUDIT_CONFIGURATION, a->officer, "duty.contact-verified", member,
			       json_pack("{s:I}", "contact", (json_int_t)contact), e);
	return r < 0 ? r : store_commit(&txn, e);
}
