/* SPDX-License-Identifier: Apache-2.0
 * Which output is the change: one row a heuristic (docs/format/entity.md 1). Most look for the only output with a property. */
#include "ledger/entity.h"
#include "ledger/ledger-int.h"

enum {
	ROUND_MIN = 10000, /* an amount divisible by less is not round */
	PEEL_TIMES = 4,	   /* what goes on is at least so many times what is peeled off */
	TYPE_MIXED = 0xff,
};

/* A transaction as heuristics see it. */
struct shape {
	const struct ledger *l;
	uint32_t txnum, before, in_n, out_n, payee_n;
	uint64_t first_in, first_out;
	uint64_t in_min;      /* smallest input */
	uint32_t first_input; /* its address */
	uint8_t in_type;      /* of the inputs' scripts, or TYPE_MIXED */
};

static uint8_t type_of(const struct ledger *l, uint32_t address)
{
	return address ? view_address(&l->v, address)->type : TYPE_MIXED;
}

static uint32_t in_address(const struct shape *s, uint32_t i)
{
	return ledger_out_address(s->l, ledger_in_output(s->l, s->first_in + i));
}

static bool shape_load(const struct ledger *l, uint32_t txnum, uint32_t before, struct shape *s)
{
	if (txnum >= l->v.counts.tx_n)
		return false;
	*s = (struct shape){.l = l,
			    .txnum = txnum,
			    .before = before,
			    .first_in = ledger_first_in(l, txnum),
			    .first_out = ledger_first_out(l, txnum),
			    .in_min = UINT64_MAX};
	s->in_n = (uint32_t)(ledger_first_in(l, txnum + 1) - s->first_in);
	s->out_n = (uint32_t)(ledger_first_out(l, txnum + 1) - s->first_out);
	for (uint32_t i = 0; i < s->out_n; i++)
		s->payee_n += ledger_out_address(l, s->first_out + i) != 0;
	for (uint32_t i = 0; i < s->in_n; i++) {
		uint64_t o = ledger_in_output(l, s->first_in + i);
		uint64_t value = ledger_out_value(l, o);
		uint8_t type = type_of(l, ledger_out_address(l, o));

		s->in_min = value < s->in_min ? value : s->in_min;
		s->in_type = i && type != s->in_type ? TYPE_MIXED : type;
	}
	s->first_input = s->in_n ? in_address(s, 0) : 0;
	return true;
}

/* ---- properties of one output ---- */

static bool pays_input(const struct shape *s, uint64_t output)
{
	uint32_t a = ledger_out_address(s->l, output);

	for (uint32_t i = 0; i < s->in_n; i++)
		if (in_address(s, i) == a)
			return true;
	return false;
}

static bool has_input_type(const struct shape *s, uint64_t output)
{
	return type_of(s->l, ledger_out_address(s->l, output)) == s->in_type;
}

/* Divisible by 10^k, k half of its digits: 25,000,000 is, 25,120,000 is, 25,123,000 is not. */
static bool is_odd(const struct shape *s, uint64_t output)
{
	uint64_t v = ledger_out_value(s->l, output), unit = 1;

	for (uint64_t rest = v; rest >= 100; rest /= 100)
		unit *= 10;
	return unit < ROUND_MIN || v % unit != 0;
}

static bool is_below_inputs(const struct shape *s, uint64_t output)
{
	return ledger_out_value(s->l, output) < s->in_min;
}

static bool is_first_payment(const struct shape *s, uint64_t output)
{
	uint32_t a = ledger_out_address(s->l, output);
	uint64_t first = ledger_load40(view_address(&s->l->v, a)->first_out40);

	return first >= s->first_out && first < s->first_out + s->out_n;
}

static int only(const struct shape *s, bool (*has)(const struct shape *, uint64_t))
{
	int found = -1;

	for (uint32_t i = 0; i < s->out_n; i++) {
		if (!ledger_out_address(s->l, s->first_out + i) || !has(s, s->first_out + i))
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}

/* ---- heuristics of more than one property ---- */

static int change_type(const struct shape *s)
{
	return s->in_type == TYPE_MIXED ? -1 : only(s, has_input_type);
}

static int change_reuse(const struct shape *s)
{
	return only(s, pays_input);
}

static int change_round(const struct shape *s)
{
	return only(s, is_odd);
}

static int change_optimal(const struct shape *s)
{
	return s->in_n < 2 ? -1 : only(s, is_below_inputs);
}

static int change_fresh(const struct shape *s)
{
	return only(s, is_first_payment);
}

static int change_peel(const struct shape *s)
{
	struct shape made;
	uint64_t value[2];
	uint32_t at[2], n = 0;

	if (s->in_n != 1 || s->payee_n != 2 ||
	    !shape_load(s->l, ledger_out_tx(s->l, ledger_in_output(s->l, s->first_in)), s->before,
			&made) ||
	    made.in_n != 1 || made.payee_n != 2)
		return -1;
	for (uint32_t i = 0; i < s->out_n; i++) {
		if (!ledger_out_address(s->l, s->first_out + i))
			continue;
		value[n] = ledger_out_value(s->l, s->first_out + i);
		at[n++] = i;
	}
	if (value[0] / PEEL_TIMES >= value[1])
		return (int)at[0];
	return value[1] / PEEL_TIMES >= value[0] ? (int)at[1] : -1;
}

/* What the program that made a transaction shows of itself. */
struct fashion {
	uint8_t type;
	bool sorted;
};

static bool ins_sorted(const struct shape *s)
{
	for (uint32_t i = 1; i < s->in_n; i++) {
		struct ledger_output a, b;

		if (ledger_output_get(s->l, ledger_in_output(s->l, s->first_in + i - 1), &a) < 0 ||
		    ledger_output_get(s->l, ledger_in_output(s->l, s->first_in + i), &b) < 0)
			return false;
		int c = memcmp(a.txid32, b.txid32, 32);
		if (c > 0 || (c == 0 && a.position > b.position))
			return false;
	}
	return true;
}

static struct fashion fashion_of(const struct shape *s)
{
	struct fashion f = {.type = s->in_type, .sorted = true};

	for (uint32_t i = 1; f.sorted && i < s->out_n; i++)
		f.sorted = ledger_out_value(s->l, s->first_out + i - 1) <=
			   ledger_out_value(s->l, s->first_out + i);
	f.sorted = f.sorted && ins_sorted(s);
	return f;
}

static int change_client(const struct shape *s)
{
	struct fashion own = fashion_of(s);
	int found = -1;

	for (uint32_t i = 0; i < s->out_n; i++) {
		uint32_t spender = ledger_out_spender(s->l, s->first_out + i);
		struct shape next;

		if (!ledger_out_address(s->l, s->first_out + i))
			continue;
		if (!spender || spender >= s->before ||
		    !shape_load(s->l, spender, s->before, &next) || !next.in_n)
			return -1;
		struct fashion f = fashion_of(&next);
		if (f.type != own.type || f.sorted != own.sorted)
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	return found;
}

/* ---- the table ---- */

static const struct {
	uint32_t bit;
	const char *name, *doc;
	int (*change)(const struct shape *);
} rows[HEURISTIC_N] = {
	{HEURISTIC_REUSE, "reuse", "it pays an address that is also spent from", change_reuse},
	{HEURISTIC_TYPE, "type", "it alone has the script type of the inputs", change_type},
	{HEURISTIC_ROUND, "round", "its amount alone is not round", change_round},
	{HEURISTIC_OPTIMAL, "optimal",
	 "it alone is smaller than the smallest input, so that input would not have been needed for it",
	 change_optimal},
	{HEURISTIC_PEEL, "peel", "it is the large rest in a chain of small payments", change_peel},
	{HEURISTIC_FRESH, "fresh", "its address alone was never paid before", change_fresh},
	{HEURISTIC_CLIENT, "client", "it alone is spent in the fashion of this transaction",
	 change_client},
};

int heuristic_change(const struct ledger *l, uint32_t bit, uint32_t txnum, uint32_t before)
{
	struct shape s;

	if (!shape_load(l, txnum, before, &s) || !s.first_input || s.payee_n < 2)
		return -1;
	int r = ledger_tx_coinjoin(l, txnum);
	if (r != 0)
		return r < 0 ? r : -1;
	if (bit != HEURISTIC_REUSE)
		for (uint32_t i = 0; i < s.out_n; i++)
			if (pays_input(&s, s.first_out + i))
				return -1;
	for (size_t i = 0; i < HEURISTIC_N; i++)
		if (rows[i].bit == bit)
			return rows[i].change(&s);
	return -1;
}

const char *heuristic_name(uint32_t bit)
{
	for (size_t i = 0; i < HEURISTIC_N; i++)
		if (rows[i].bit == bit)
			return rows[i].name;
	return NULL;
}

const char *heuristic_doc(uint32_t bit)
{
	for (size_t i = 0; i < HEURISTIC_N; i++)
		if (rows[i].bit == bit)
			return rows[i].doc;
	return NULL;
}

static int word_bit(const char *s, size_t len, uint32_t *ret_set)
{
	for (size_t i = 0; i < HEURISTIC_N; i++) {
		if (strlen(rows[i].name) != len || memcmp(rows[i].name, s, len) != 0)
			continue;
		*ret_set |= rows[i].bit;
		return 0;
	}
	return -ERR_INVAL;
}

int heuristic_set_parse(const char *text, uint32_t *ret_set, struct err *e)
{
	uint32_t set = 0;

	if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0) {
		*ret_set = *text == 'a' ? HEURISTIC_ALL : 0;
		return 0;
	}
	for (const char *s = text;; s++) {
		size_t len = strcspn(s, ",");

		if (word_bit(s, len, &set) < 0)
			return err_set(
				e, ERR_INVAL, "heuristics",
				"\"%.*s\" is none of reuse, type, round, optimal, peel, fresh, "
				"client; or all, or none",
				(int)(len < 32 ? len : 32), s);
		s += len;
		if (!*s)
			break;
	}
	*ret_set = set;
	return 0;
}

const char *heuristic_set_text(uint32_t set, char out[static HEURISTIC_SET_TEXT_MAX])
{
	size_t n = 0;

	snprintf(out, HEURISTIC_SET_TEXT_MAX, "none");
	for (size_t i = 0; i < HEURISTIC_N; i++)
		if (set & rows[i].bit)
			n += (size_t)snprintf(out + n, HEURISTIC_SET_TEXT_MAX - n, "%s%s",
					      n ? "," : "", rows[i].name);
	return out;
}
