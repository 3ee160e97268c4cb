/* SPDX-License-Identifier: Apache-2.0
 * The truth files, written as the chain is made: docs/format/chaingen-truth.md. */
#include "base/file.h"
#include "base/text.h"
#include "chain/address.h"
#include "chain/hash.h"
#include "gen.h"
#include <assert.h>

struct truth {
	FILE *addresses, *transactions, *taint;
};

const char *kind_name(enum kind k)
{
	switch (k) {
	case MINER:
		return "miner";
	case EXCHANGE:
		return "exchange";
	case WALLET:
		return "wallet";
	case PEELER:
		return "peeler";
	case SPAMMER:
		return "spammer";
	case SCRIPTED:
		return "scripted";
	}
	return "-";
}

const char *payee_text(const struct payee *p, char out[static PAYEE_TEXT_MAX])
{
	static const enum address_kind kinds[] = {ADDRESS_KEY,	  ADDRESS_KEY,	 ADDRESS_P2SH,
						  ADDRESS_P2WPKH, ADDRESS_P2WSH, ADDRESS_P2TR};
	static_assert((int)PAYEE_TEXT_MAX >= (int)ADDRESS_TEXT_MAX, "addresses fit");
	struct address a;
	size_t len = p->script == P2WSH || p->script == P2TR ? 32 : 20;
	if (p->script == DATA || address_make(kinds[p->script], p->payload, len, &a) < 0 ||
	    address_text(&a, NET_REGTEST, out) < 0)
		gen_die("an output without an address");
	return out;
}

const char *txid_text(const uint8_t txid32[static 32], char out[static 65])
{
	return hash_text(txid32, out);
}

const char *outpoint_text(const struct coin *c, char out[static OUTPOINT_TEXT_MAX])
{
	char txid[65];
	snprintf(out, OUTPOINT_TEXT_MAX, "%s:%u", txid_text(c->txid, txid), c->vout);
	return out;
}

static FILE *open_in(const struct options *o, const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/truth/%s", o->out, name);
	FILE *f = fopen(path, "wb");
	if (!f)
		gen_die("cannot write %s", path);
	setvbuf(f, NULL, _IOFBF, 1 << 20);
	return f;
}

struct truth *truth_open(const struct options *o)
{
	struct truth *t = gen_calloc(1, sizeof(*t));
	char path[4096];
	struct err e;
	if (!o->truth)
		return t;
	snprintf(path, sizeof(path), "%s/truth", o->out);
	if (file_mkdirs(path, 0777, &e) < 0)
		gen_die("%s", e.message);
	t->addresses = open_in(o, "addresses.jsonl");
	t->transactions = open_in(o, "transactions.jsonl");
	t->taint = open_in(o, "taint.jsonl");
	return t;
}

void truth_address(struct gen *g, const struct payee *p, uint32_t owner)
{
	char text[PAYEE_TEXT_MAX];
	if (g->truth->addresses)
		fprintf(g->truth->addresses, "{\"address\":\"%s\",\"owner\":%u,\"kind\":\"%s\"}\n",
			payee_text(p, text), owner, kind_name(g->owners[owner].kind));
}

void truth_tx(struct gen *g, const struct draft *t)
{
	char txid[65];
	if (!g->truth->transactions)
		return;
	fprintf(g->truth->transactions, "{\"txid\":\"%s\",\"height\":%u,\"what\":\"%s\"",
		txid_text(t->txid, txid), g->height, t->what);
	if (t->change >= 0)
		fprintf(g->truth->transactions, ",\"change\":%d", t->change);
	fprintf(g->truth->transactions, ",\"coinjoin\":%s}\n", t->coinjoin ? "true" : "false");
}

void truth_seed(struct gen *g, const struct coin *c, uint32_t set)
{
	char text[OUTPOINT_TEXT_MAX];
	if (g->truth->taint)
		fprintf(g->truth->taint,
			"{\"set\":\"%s\",\"seed\":\"%s\",\"value_sat\":\"%llu\"}\n",
			g->sets[set].name, outpoint_text(c, text), (unsigned long long)c->value);
}

void truth_end_coin(struct gen *g, const struct coin *c)
{
	char text[OUTPOINT_TEXT_MAX];
	if (!c->taint || !g->truth->taint)
		return;
	for (uint32_t s = 0; s < g->set_n; s++)
		if (c->taint->poison[s])
			fprintf(g->truth->taint,
				"{\"set\":\"%s\",\"unspent\":\"%s\",\"value_sat\":\"%llu\","
				"\"poison\":\"%llu\",\"haircut\":\"%llu\",\"fifo\":\"%llu\"}\n",
				g->sets[s].name, outpoint_text(c, text),
				(unsigned long long)c->value,
				(unsigned long long)c->taint->poison[s],
				(unsigned long long)c->taint->haircut[s],
				(unsigned long long)taint_fifo(c->taint, s));
}

static void close_file(FILE *f, const char *name)
{
	if (f && (ferror(f) | fclose(f)))
		gen_die("cannot write truth/%s: disk full?", name);
}

void truth_close(struct gen *g)
{
	struct truth *t = g->truth;
	for (uint32_t h = 0; h <= g->opt.blocks + 1; h++)
		for (uint32_t i = g->lists[h]; i != NO_COIN; i = g->coins[i].list_next)
			truth_end_coin(g, &g->coins[i]);
	for (uint32_t s = 0; s < g->set_n && t->taint; s++)
		fprintf(t->taint,
			"{\"set\":\"%s\",\"in\":\"%llu\",\"fees\":{\"poison\":\"%llu\","
			"\"haircut\":\"%llu\",\"fifo\":\"%llu\"}}\n",
			g->sets[s].name, (unsigned long long)g->sets[s].in,
			(unsigned long long)g->sets[s].fee_poison,
			(unsigned long long)g->sets[s].fee_haircut,
			(unsigned long long)g->sets[s].fee_fifo);
	close_file(t->addresses, "addresses.jsonl");
	close_file(t->transactions, "transactions.jsonl");
	close_file(t->taint, "taint.jsonl");
	free(t);
}
