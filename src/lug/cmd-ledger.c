/* SPDX-License-Identifier: Apache-2.0
 * lug ledger import, info, verify, and lug tx: block files into a ledger, and what it says. None needs a running node. */
#include "base/text.h"
#include "base/time.h"
#include "chain/amount.h"
#include "chain/hash.h"
#include "chain/network.h"
#include "crypto/crypto.h"
#include "ledger/import.h"
#include "ledger/ledger.h"
#include "lug/ledger-report.h"
#include "lug/lug.h"
#include <inttypes.h>
#include <signal.h>

/* ---- import ---- */

static volatile sig_atomic_t stop_asked;

static void on_stop(int sig)
{
	(void)sig;
	stop_asked = 1;
}

/* What the bar shows, across the phases of an import. */
struct import_view {
	struct progress bar;
	const struct lug *l;
	enum ledger_phase phase;
	bool drawn;
};

static int show_import(void *arg, const struct ledger_progress *p)
{
	static const char *const what[] = {[LEDGER_PHASE_SCAN] = "find blocks",
					   [LEDGER_PHASE_BLOCKS] = "import",
					   [LEDGER_PHASE_VERIFY] = "verify"};
	struct import_view *v = arg;
	char note[48];

	if (!v->drawn || v->phase != p->phase) {
		if (v->drawn)
			progress_end(&v->bar);
		progress_start(&v->bar, v->l, what[p->phase],
			       p->phase == LEDGER_PHASE_VERIFY ? "rows" : "B", p->byte_end);
		v->phase = p->phase;
		v->drawn = true;
	}
	snprintf(note, sizeof(note), "height %" PRIu32, p->height);
	progress_at(&v->bar, p->byte_n, p->phase == LEDGER_PHASE_BLOCKS ? note : NULL);
	return stop_asked;
}

static int import_options(const struct args *a, struct ledger_import_options *o, struct err *e)
{
	uint64_t first_height = 0, threads = 0;
	int r;

	*o = (struct ledger_import_options){
		.network = args_str(a, "network"),
		.from_any = args_flag(a, "from-any"),
		.ignore_undo = args_flag(a, "no-undo"),
		.first_height = -1,
	};
	r = args_u64(a, "memory", LEDGER_MEMORY_MIN, UINT64_C(1) << 50, &o->memory_bytes, e);
	if (r == 0)
		r = args_u64(a, "checkpoint", 1, UINT64_MAX, &o->checkpoint_bytes, e);
	if (r == 0)
		r = args_u64(a, "threads", 1, LEDGER_THREADS_MAX, &threads, e);
	o->threads = (unsigned)threads;
	if (r == 0)
		r = args_u64(a, "first-height", 0, UINT32_MAX, &first_height, e);
	if (r == 0 && args_str(a, "first-height"))
		o->first_height = (int64_t)first_height;
	return r;
}

static json_t *import_json(const struct ledger_import_result *res, const struct ledger_info *info,
			   int64_t took_ms)
{
	char tip[HASH_TEXT_MAX];

	return json_pack(
		"{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:s}",
		"finished", res->finished, "added", (json_int_t)res->added_n, "removed",
		(json_int_t)res->removed_n, "found", (json_int_t)res->record_n, "stale",
		(json_int_t)res->stale_n, "without_parent", (json_int_t)res->orphan_n, "cut_off",
		(json_int_t)res->truncated_n, "skipped_bytes", (json_int_t)res->skipped_bytes,
		"undo_checked", (json_int_t)res->undo_n, "undo_missing",
		(json_int_t)res->undo_missing_n, "unknown_outputs", (json_int_t)res->unknown_n,
		"milliseconds", (json_int_t)took_ms, "bytes", json_u64(res->byte_n), "memory_bytes",
		json_u64(res->memory_bytes), "height", (json_int_t)(info ? info->height : 0),
		"transactions", (json_int_t)(info ? info->tx_n : 0), "tip",
		info ? hash_text(info->tip32, tip) : "");
}

static void print_remarks(const struct lug *l, const struct ledger_import_result *res)
{
	const char *dim = color(l, COLOR_DIM), *off = color(l, COLOR_OFF);

	if (res->removed_n)
		printf("%sreorganisation: %" PRIu64 " blocks taken back%s\n", color(l, COLOR_WARN),
		       res->removed_n, off);
	if (res->stale_n)
		printf("%s%" PRIu64 " stale blocks on other branches%s\n", dim, res->stale_n, off);
	if (res->orphan_n)
		printf("%s%" PRIu64 " blocks whose parent is not in these files%s\n",
		       color(l, COLOR_WARN), res->orphan_n, off);
	if (res->truncated_n)
		printf("%s%" PRIu64 " records cut off at the end of a file%s\n", dim,
		       res->truncated_n, off);
	if (res->skipped_bytes)
		printf("%s%" PRIu64 " bytes between blocks belong to none%s\n",
		       color(l, COLOR_WARN), res->skipped_bytes, off);
	if (res->undo_n)
		printf("%sspent outputs of %" PRIu64 " blocks agree with the node's undo files%s\n",
		       dim, res->undo_n, off);
	if (res->undo_missing_n)
		printf("%s%" PRIu64 " blocks have no valid record in their undo file%s\n",
		       color(l, COLOR_WARN), res->undo_missing_n, off);
	if (res->unknown_n)
		printf("%s%" PRIu64
		       " inputs spend outputs from before the first block, amount unknown%s\n",
		       color(l, COLOR_WARN), res->unknown_n, off);
}

static void print_import(const struct lug *l, const struct ledger_import_result *res,
			 const struct ledger_info *info, int64_t took_ms)
{
	char tip[HASH_TEXT_MAX];
	double s = (double)took_ms / 1000, mb = (double)res->byte_n / 1e6;

	print_remarks(l, res);
	if (res->finished)
		printf("%sok%s  block %" PRIu32 " %s\n    %" PRIu64
		       " blocks added (%.1f MB in %.1f s, %.0f MB/s), %" PRIu64
		       " transactions, %" PRIu64 " addresses\n",
		       color(l, COLOR_GOOD), color(l, COLOR_OFF), info->height,
		       hash_text(info->tip32, tip), res->added_n, mb, s, took_ms ? mb / s : 0.0,
		       info->tx_n, info->address_n - 1);
}

static int run_import(struct lug *l, const struct args *a, struct err *e)
{
	const struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESETHAND};
	_cleanup_(ledger_closep) struct ledger *led = NULL;
	struct import_view view = {.l = l};
	struct ledger_import_options o;
	struct ledger_import_result res;
	const char *dir;
	int64_t began = time_mono_ms(), took;
	int r = crypto_start();

	if (r < 0)
		return err_set(e, r, "crypto", NULL);
	r = import_options(a, &o, e);
	if (r == 0)
		r = report_ledger_dir(a, &dir, e);
	if (r < 0)
		return r;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	o.progress = show_import;
	o.progress_arg = &view;
	r = ledger_import(args_pos(a, 0), dir, &o, &res, e);
	if (view.drawn)
		progress_end(&view.bar);
	if (r == 0 && res.finished)
		r = ledger_open(dir, &led, e);
	if (r < 0)
		return r;
	took = time_mono_ms() - began;
	if (l->json)
		r = lug_print_json(import_json(&res, led ? ledger_info(led) : NULL, took), e);
	else
		print_import(l, &res, led ? ledger_info(led) : NULL, took);
	if (r < 0 || res.finished)
		return r;
	return err_set(e, ERR_AGAIN, NULL,
		       "stopped after %" PRIu64 " blocks; run the same command again to go on",
		       res.added_n);
}

#define LEDGER_OPT                                                                             \
	{                                                                                      \
		"ledger", "DIR", "the ledger's folder, made if missing (default: LUG_LEDGER)", \
			false, false                                                           \
	}

const struct verb verb_ledger_import = {
	.name = "ledger import",
	.args = "BLOCKSDIR",
	.args_min = 1,
	.args_max = 1,
	.summary = "bring a ledger to the best chain in a node's block files",
	.doc = "BLOCKSDIR is the blocks folder of a node: blk*.dat, rev*.dat where present (compared with what is derived), xor.dat. "
	       "Blocks may come in any order, with stale branches, preallocated zeros and a last record that is cut off; the best "
	       "chain is the one with most work, and every header's work and merkle root is checked. The ledger is made, continued, "
	       "or turned to another branch. Interrupt it at any moment: the same command goes on, and ends in the same bytes.\n\n"
	       "Blocks are taken in batches as large as --memory allows: with less memory the same ledger comes about, more slowly, since "
	       "more look-ups go to what is on disk already. A block that was added since costs about itself.",
	.examples = "lug ledger import ~/.bitcoin/blocks --ledger /data/ledger --memory 16G\n"
		    "# the main chain\n"
		    "lug ledger import part --ledger /tmp/part --from-any --first-height 300000\n"
		    "# a run of blocks without history",
	.opts =
		(const struct opt[]){
			LEDGER_OPT,
			{"memory", "BYTES", "most that the import may take (default 2G)", false,
			 false},
			{"threads", "N", "how many (default: one for each processor)", false,
			 false},
			{"network", "NAME",
			 "bitcoin, testnet3, testnet4, signet, regtest, litecoin, "
			 "bitcoin-cash (default: as the first file begins; Bitcoin Cash begins like Bitcoin and must be named)",
			 false, false},
			{"from-any", NULL, "the first block need not be the chain's first", false,
			 false},
			{"first-height", "N",
			 "with --from-any: its height (default: as its coinbase says)", false,
			 false},
			{"no-undo", NULL, "do not compare with rev*.dat", false, false},
			{"checkpoint", "BYTES", "block bytes between two checkpoints (default 1G)",
			 false, false},
			{0}},
	.run = run_import,
};

/* ---- info ---- */

static json_t *info_json(const struct ledger *led)
{
	const struct ledger_info *i = ledger_info(led);
	const struct network *n = ledger_network(led);
	char tip[HASH_TEXT_MAX], when[TIME_TEXT_MAX];
	struct ledger_block b;

	if (ledger_block_at(led, i->height, &b) < 0)
		return NULL;
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
		"network", n->name, "asset", n->caip19, "first_height", (json_int_t)i->first_height,
		"height", (json_int_t)i->height, "tip", hash_text(i->tip32, tip), "time",
		time_utc(b.time_s, when), "partial", i->partial, "blocks", (json_int_t)i->block_n,
		"transactions", (json_int_t)i->tx_n, "outputs", (json_int_t)i->output_n, "inputs",
		(json_int_t)i->input_n, "addresses", (json_int_t)i->address_n - 1,
		"foreign_outputs", (json_int_t)i->foreign_n, "unknown_outputs",
		(json_int_t)i->unknown_n, "disk_bytes", json_u64(i->disk_bytes));
}

static int run_info(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *led = NULL;
	_cleanup_(json_decrefp) json_t *j = NULL;
	const char *key;
	json_t *v;
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_ledger_open(a, &led, e);
	if (r < 0)
		return r;
	j = info_json(led);
	if (!j)
		return err_set(e, ERR_CORRUPT, "ledger", NULL);
	if (l->json)
		return lug_print_json(TAKE_PTR(j), e);
	json_object_foreach (j, key, v) {
		if (json_is_string(v))
			printf("%-16s %s\n", key, json_string_value(v));
		else if (json_is_integer(v))
			printf("%-16s %lld\n", key, (long long)json_integer_value(v));
		else
			printf("%-16s %s\n", key, json_is_true(v) ? "yes" : "no");
	}
	return 0;
}

const struct verb verb_ledger_info = {
	.name = "ledger info",
	.args = "",
	.summary = "show what a ledger holds",
	.doc = "Network, tip, counts and size. A ledger is partial when it does not begin at its chain's first block.",
	.examples = "lug ledger info --ledger /data/ledger\n"
		    "# tip and counts",
	.opts = (const struct opt[]){REPORT_LEDGER_OPT, {0}},
	.run = run_info,
};

/* ---- verify ---- */

static int run_verify(struct lug *l, const struct args *a, struct err *e)
{
	struct import_view view = {.l = l};
	struct ledger_verify_result v;
	char mined[UNITS_TEXT_MAX], fees[UNITS_TEXT_MAX], unspent[UNITS_TEXT_MAX],
		lost[UNITS_TEXT_MAX];
	const char *dir;
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_ledger_dir(a, &dir, e);
	if (r < 0)
		return r;
	r = ledger_verify(dir, args_str(a, "blocks"), show_import, &view, &v, e);
	if (view.drawn)
		progress_end(&view.bar);
	if (r < 0)
		return r;
	if (l->json)
		return lug_print_json(
			json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:b}",
				  "ok", 1, "blocks", (json_int_t)v.block_n, "transactions",
				  (json_int_t)v.tx_n, "outputs", (json_int_t)v.output_n, "inputs",
				  (json_int_t)v.input_n, "addresses", (json_int_t)v.address_n,
				  "unspent_outputs", (json_int_t)v.unspent_n, "mined",
				  json_u64(v.mined), "fees", json_u64(v.fees), "unspent",
				  json_u64(v.unspent), "lost", json_u64(v.lost), "blocks_read",
				  args_str(a, "blocks") != NULL),
			e);
	printf("%sok%s  %" PRIu64 " blocks, %" PRIu64 " transactions, %" PRIu64 " outputs, %" PRIu64
	       " inputs, %" PRIu64 " addresses%s\n",
	       color(l, COLOR_GOOD), color(l, COLOR_OFF), v.block_n, v.tx_n, v.output_n, v.input_n,
	       v.address_n, args_str(a, "blocks") ? ", compared with the block files" : "");
	printf("    mined and fees claimed %s, fees %s, unspent %s, lost %s\n",
	       units_text(v.mined, SAT_DECIMALS, mined), units_text(v.fees, SAT_DECIMALS, fees),
	       units_text(v.unspent, SAT_DECIMALS, unspent),
	       units_text(v.lost, SAT_DECIMALS, lost));
	return 0;
}

const struct verb verb_ledger_verify = {
	.name = "ledger verify",
	.args = "",
	.summary = "compute a ledger again and compare",
	.doc = "Checks every checksum, the chain of headers and their work, merkle roots, every link between inputs and outputs both "
	       "ways, amounts, addresses and look-up tables. With --blocks the block files are read again, too, and every amount, "
	       "address and input is compared with them. The first difference is reported; nothing is written.",
	.examples = "lug ledger verify --ledger /data/ledger\n"
		    "# against itself\n"
		    "lug ledger verify --ledger /data/ledger --blocks ~/.bitcoin/blocks\n"
		    "# against the node's files",
	.opts = (const struct opt[]){REPORT_LEDGER_OPT,
				     {"blocks", "DIR", "the block files it was made from", false,
				      false},
				     {0}},
	.run = run_verify,
};

/* ---- tx ---- */

static int run_tx(struct lug *l, const struct args *a, struct err *e)
{
	_cleanup_(ledger_closep) struct ledger *led = NULL;
	_cleanup_(json_decrefp) json_t *j = NULL;
	struct report_page page;
	int r = crypto_start();

	r = r < 0 ? err_set(e, r, "crypto", NULL) : report_page_args(a, &page, e);
	if (r == 0)
		r = report_ledger_open(a, &led, e);
	if (r == 0)
		r = report_tx(led, args_pos(a, 0), &page, &j, e);
	if (r == 0 && args_flag(a, "explain"))
		r = report_explain(led, j, e);
	if (r < 0)
		return r;
	return l->json ? lug_print_json(TAKE_PTR(j), e) : report_tx_print(l, j, e);
}

const struct verb verb_tx = {
	.name = "tx",
	.args = "TXID",
	.args_min = 1,
	.args_max = 1,
	.summary = "show a transaction: where its money came from and went",
	.doc = "Block, time, fee, and a page of inputs and outputs with amounts, addresses and, for each output, the transaction "
	       "that spent it. Amounts are exact; in JSON they are decimal strings in base units.",
	.examples =
		"lug tx f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16 --ledger /data/ledger\n"
		"# the first payment between two people\n"
		"lug tx f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16 --ledger /data/ledger --explain\n"
		"# which output may be the change, and why",
	.opts =
		(const struct opt[]){
			REPORT_LEDGER_OPT,
			REPORT_PAGE_OPTS,
			{"explain", NULL,
			 "say which output each heuristic takes for change, and whether it is a CoinJoin",
			 false, false},
			{0}},
	.run = run_tx,
};
