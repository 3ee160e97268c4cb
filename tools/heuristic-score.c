/* SPDX-License-Identifier: Apache-2.0
 * How often each change heuristic is right, against the truth of a generated chain: heuristic-score LEDGER TRUTH [--write FILE].
 * Prints a table in Markdown; --write replaces what stands between the two marks in FILE. */
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "chain/hash.h"
#include "crypto/crypto.h"
#include "ledger/entity.h"
#include "ledger/ledger.h"
#include <inttypes.h>

#define MARK_BEGIN "<!-- heuristic-score: begin -->\n"
#define MARK_END "<!-- heuristic-score: end -->\n"
enum { TABLE_MAX = 1 << 20, NOT_TOLD = UINT32_MAX };

/* The truth: owner of each address, change of each transaction, by the ledger's ids. */
struct truth {
	struct ledger *l;
	uint32_t *owner, owner_n;
	int32_t *change; /* -1 none */
	uint64_t change_n;
};

static void must(bool ok, const char *what, const struct err *e)
{
	if (ok)
		return;
	fprintf(stderr, "heuristic-score: %s: %s\n", what, e && e->code ? e->message : "failed");
	exit(1);
}

static void read_lines(const char *dir, const char *name, struct truth *t,
		       void (*each)(struct truth *, const json_t *))
{
	char path[4096];
	_cleanup_(freep) char *line = NULL;
	size_t cap = 0;
	int64_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	_cleanup_(fclosep) FILE *f = fopen(path, "re");
	must(f != NULL, path, NULL);
	while ((n = getline(&line, &cap, f)) > 0) {
		_cleanup_(json_decrefp) json_t *j = NULL;
		struct err e = {0};

		must(json_parse(line, (size_t)n, &j, &e) == 0, path, &e);
		each(t, j);
	}
}

static void take_address(struct truth *t, const json_t *j)
{
	uint32_t id, owner = (uint32_t)json_integer_value(json_object_get(j, "owner"));
	const char *text = json_string_value(json_object_get(j, "address"));

	/* Addresses of stale blocks, and of exchanges that nobody paid, are not in the ledger. */
	if (!text || ledger_address_find_text(t->l, text, &id, NULL) < 0)
		return;
	t->owner[id] = owner;
	t->owner_n = owner >= t->owner_n ? owner + 1 : t->owner_n;
}

static void take_transaction(struct truth *t, const json_t *j)
{
	const char *text = json_string_value(json_object_get(j, "txid"));
	const json_t *change = json_object_get(j, "change");
	uint8_t txid32[32];
	uint32_t txnum;

	must(text && hash_parse(text, strlen(text), txid32) == 0 &&
		     ledger_tx_find(t->l, txid32, &txnum) == 0,
	     "a transaction of the truth is not in the ledger", NULL);
	if (!change)
		return;
	t->change[txnum] = (int32_t)json_integer_value(change);
	t->change_n++;
}

/* ---- transactions ---- */

struct score {
	uint64_t named, right, found;
};

/* right: the named output belongs to the payer; found: it is the change that the truth names. */
static struct score score_of(const struct truth *t, uint32_t bit)
{
	struct score s = {0};

	for (uint32_t n = 0; n < ledger_info(t->l)->tx_n; n++) {
		int at = heuristic_change(t->l, bit, n, UINT32_MAX);
		if (at < 0)
			continue;
		uint64_t in = ledger_in_output(t->l, ledger_first_in(t->l, n));
		uint32_t from = t->owner[ledger_out_address(t->l, in)];
		uint64_t out = ledger_first_out(t->l, n) + (uint64_t)at;
		s.named++;
		s.right += t->owner[ledger_out_address(t->l, out)] == from;
		s.found += t->change[n] == at;
	}
	return s;
}

/* ---- entities ---- */

/* Over all addresses: the mean share of their entity that has their owner, and of their owner's addresses in their entity. */
struct purity {
	double right, found;
	uint64_t entity_n, largest;
};

struct member {
	uint32_t entity, owner;
};

static int member_cmp(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->entity != y->entity)
		return x->entity < y->entity ? -1 : 1;
	return (x->owner > y->owner) - (x->owner < y->owner);
}

static struct purity purity_of(const struct truth *t, const char *dir, uint32_t set)
{
	const struct entity_build opt = {.set = set};
	uint64_t n = ledger_info(t->l)->address_n;
	_cleanup_(freep) struct member *m = calloc(n, sizeof(*m));
	_cleanup_(freep) uint64_t *owned = calloc(t->owner_n, sizeof(*owned));
	_cleanup_(entities_closep) struct entities *x = NULL;
	struct entity_built built;
	struct purity p = {0};
	struct err e = {0};

	must(m && owned, "memory", NULL);
	must(entities_build(dir, &opt, &built, &e) == 0 &&
		     entities_open(dir, t->l, set, &x, &e) == 0,
	     "entities", &e);
	for (uint32_t a = 1; a < n; a++) {
		m[a] = (struct member){entity_of(x, a, ENTITY_TIP), t->owner[a]};
		if (t->owner[a] != NOT_TOLD)
			owned[t->owner[a]]++;
	}
	qsort(m + 1, n - 1, sizeof(*m), member_cmp);
	for (uint64_t i = 1, k, g; i < n; i = k) {
		double mine = 0;

		for (k = i; k < n && m[k].entity == m[i].entity; k = g) {
			for (g = k; g < n && member_cmp(&m[k], &m[g]) == 0; g++)
				;
			if (m[k].owner == NOT_TOLD)
				continue;
			mine += (double)(g - k) * (double)(g - k);
			p.found += (double)(g - k) * (double)(g - k) / (double)owned[m[k].owner];
		}
		p.right += mine / (double)(k - i);
		p.largest = k - i > p.largest ? k - i : p.largest;
	}
	p.right /= (double)(n - 1);
	p.found /= (double)(n - 1);
	p.entity_n = built.entity_n;
	if (set)
		must(entities_remove(dir, set, &e) == 0, "entities", &e);
	return p;
}

/* ---- the table ---- */

static double percent(double part, double all)
{
	return all > 0 ? 100 * part / all : 0;
}

static void put_purity(struct buf *b, const struct purity *p)
{
	buf_printf(b, " %" PRIu64 " | %" PRIu64 " | %.1f %% | %.1f %% |\n", p->entity_n, p->largest,
		   100 * p->right, 100 * p->found);
}

static void table_make(const struct truth *t, const char *dir, struct buf *b)
{
	const struct ledger_info *info = ledger_info(t->l);
	struct purity p = purity_of(t, dir, 0);

	buf_printf(b,
		   "%" PRIu64 " transactions in %" PRIu64 " blocks, %" PRIu64
		   " with change, %" PRIu64 " addresses of %u owners.\n\n"
		   "| Heuristic | named | right | found | entities | largest | one owner | one "
		   "entity |\n|---|---|---|---|---|---|---|---|\n",
		   info->tx_n, info->block_n, t->change_n, info->address_n - 1, t->owner_n);
	buf_printf(b, "| multi-input alone | - | - | - |");
	put_purity(b, &p);
	for (uint32_t bit = 1; bit <= HEURISTIC_ALL; bit <<= 1) {
		struct score s = score_of(t, bit);

		p = purity_of(t, dir, bit);
		buf_printf(b, "| with `%s` | %" PRIu64 " | %.1f %% | %.1f %% |",
			   heuristic_name(bit), s.named, percent((double)s.right, (double)s.named),
			   percent((double)s.found, (double)t->change_n));
		put_purity(b, &p);
	}
	p = purity_of(t, dir, HEURISTIC_ALL);
	buf_printf(b, "| with all | - | - | - |");
	put_purity(b, &p);
}

static void write_into(const char *path, const struct buf *table)
{
	struct buf doc, out;
	struct err e = {0};

	buf_init(&doc, TABLE_MAX);
	buf_init(&out, TABLE_MAX);
	must(file_read(path, &doc, &e) == 0, path, &e);
	const char *text = buf_cstr(&doc), *begin = strstr(text, MARK_BEGIN),
		   *end = begin ? strstr(begin, MARK_END) : NULL;
	must(end != NULL, path, NULL);
	begin += sizeof(MARK_BEGIN) - 1;
	buf_put(&out, text, (size_t)(begin - text));
	buf_put(&out, table->p, table->len);
	buf_put(&out, end, strlen(end));
	must(!buf_err(&out) && file_write(path, out.p, out.len, 0644, &e) == 0, path, &e);
	buf_done(&doc);
	buf_done(&out);
}

int main(int argc, char **argv)
{
	bool write = argc == 5 && strcmp(argv[3], "--write") == 0;
	struct truth t = {0};
	struct buf table;
	struct err e = {0};

	if (argc != 3 && !write) {
		fputs("usage: heuristic-score LEDGER TRUTHDIR [--write FILE]\n", stderr);
		return 2;
	}
	must(crypto_start() == 0, "crypto", NULL);
	must(ledger_open(argv[1], &t.l, &e) == 0, argv[1], &e);
	uint64_t address_n = ledger_info(t.l)->address_n, tx_n = ledger_info(t.l)->tx_n;
	t.owner = malloc(address_n * sizeof(*t.owner));
	t.change = malloc(tx_n * sizeof(*t.change));
	must(t.owner && t.change, "memory", NULL);
	memset(t.owner, 0xff, address_n * sizeof(*t.owner));
	memset(t.change, 0xff, tx_n * sizeof(*t.change));
	read_lines(argv[2], "addresses.jsonl", &t, take_address);
	read_lines(argv[2], "transactions.jsonl", &t, take_transaction);
	buf_init(&table, TABLE_MAX);
	table_make(&t, argv[1], &table);
	must(!buf_err(&table), "memory", NULL);
	fwrite(table.p, 1, table.len, stdout);
	if (write)
		write_into(argv[4], &table);
	buf_done(&table);
	free(t.owner);
	free(t.change);
	ledger_close(t.l);
	return 0;
}
