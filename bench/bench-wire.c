/* SPDX-License-Identifier: Apache-2.0
 * What notes, age files and parcels cost, beside the bare rates of libsodium and libcrypto in the same run:
 * bench-wire [--json FILE]. Each figure is the median of several rounds of at least a tenth of a second. */
#include "base/time.h"
#include "crypto/crypto.h"
#include "wire/receipt.h"
#include <sodium.h>

enum {
	ROUNDS = 5,
	ROUND_NS = 100 * 1000 * 1000,
	FIGURES_MAX = 32,
	AGE_TEXT = 16 << 20,
	AGE_PIECE = 1 << 20
};

static const uint8_t seed_node[32] = {1}, seed_evidence[32] = {2}, secret[32] = {0, 11};

static struct {
	const char *name, *unit;
	double value;
} figures[FIGURES_MAX];
static size_t figures_n;

static void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "bench-wire: an operation failed\n");
		exit(1);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Runs fn until a round is over; amount is what one call does, in the figure's unit. */
static double measure(const char *name, const char *unit, double amount, void (*fn)(void *),
		      void *ctx)
{
	double rates[ROUNDS];
	for (int r = 0; r < ROUNDS; r++) {
		int64_t start = time_mono_ns(), spent;
		uint64_t calls = 0;
		do {
			fn(ctx);
			calls++;
			spent = time_mono_ns() - start;
		} while (spent < ROUND_NS);
		rates[r] = (double)calls * amount * 1e9 / (double)spent;
	}
	qsort(rates, ROUNDS, sizeof(rates[0]), by_value);
	double median = rates[ROUNDS / 2];
	must(figures_n < FIGURES_MAX);
	figures[figures_n].name = name;
	figures[figures_n].unit = unit;
	figures[figures_n++].value = median;
	return median;
}

static void show(const char *what, double value, const char *unit, const char *beside, double bare)
{
	printf("%-44s %12.0f %-10s %s", what, value, unit, beside);
	if (bare > 0)
		printf(" %.0f %%", 100 * value / bare);
	printf("\n");
}

/* ---- hashes ---- */

static uint8_t block[65536];

static void do_sha256(void *ctx)
{
	uint8_t out[32];
	sha256(block, sizeof(block), out);
}

static void do_sha256_sodium(void *ctx)
{
	uint8_t out[32];
	crypto_hash_sha256(out, block, sizeof(block));
}

static void do_sha256d_header(void *ctx)
{
	uint8_t out[32];
	sha256d(block, 80, out);
	memcpy(block, out, 32);
}

static void do_keccak256(void *ctx)
{
	uint8_t out[32];
	keccak256(block, sizeof(block), out);
}

static void bench_hashes(void)
{
	double bare =
		measure("libsodium sha256", "MB/s", sizeof(block) / 1e6, do_sha256_sodium, NULL);
	show("sha256, 64 KiB", measure("sha256", "MB/s", sizeof(block) / 1e6, do_sha256, NULL),
	     "MB/s", "of libsodium's", bare);
	show("sha256d, 80 bytes",
	     measure("sha256d of 80 bytes", "per s", 1, do_sha256d_header, NULL), "per s", "", 0);
	show("keccak256, 64 KiB",
	     measure("keccak256", "MB/s", sizeof(block) / 1e6, do_keccak256, NULL), "MB/s", "", 0);
}

/* ---- notes ---- */

static struct buf note_bytes;
static struct note_verifier node_key, evidence_key;

static void do_verify_bare(void *ctx)
{
	struct note *n = ctx;
	uint8_t sig[NOTE_SIG_DATA_MAX];
	must(note_sig_data(n, 0, sig) == 64);
	must(crypto_sign_verify_detached(sig, (const uint8_t *)n->p, n->text_len, node_key.pk32) ==
	     0);
}

static void do_note_parse(void *ctx)
{
	struct note n;
	must(note_parse(note_bytes.p, note_bytes.len, &n, NULL) == 0);
}

static void do_note_verify(void *ctx)
{
	struct note n;
	struct parcel_outer o;
	must(note_parse(note_bytes.p, note_bytes.len, &n, NULL) == 0 &&
	     note_verify_one(&n, &node_key, NULL) == 0);
	must(parcel_outer_decode(n.p, n.text_len, &o, NULL) == 0);
}

static void put_outer(const struct buf *file, struct buf *out)
{
	struct parcel_outer o = {.from = "it.example",
				 .to = "fr.example",
				 .epoch = 1,
				 .seq = 1,
				 .time_s = 1,
				 .expires_s = 2,
				 .size = file->len ? file->len : 1};
	sha256(file->p, file->len, o.sha256);
	must(parcel_outer_encode(&o, out) == 0 &&
	     note_sign_seed(out, "it.example", seed_node, NULL) == 0);
}

static void bench_notes(void)
{
	struct buf empty = {0};
	struct note n;
	uint8_t pk[32];
	ed25519_public(seed_node, pk);
	must(note_verifier_init(&node_key, "it.example", pk) == 0);
	buf_init(&note_bytes, NOTE_MAX);
	put_outer(&empty, &note_bytes);
	must(note_parse(note_bytes.p, note_bytes.len, &n, NULL) == 0);
	double bare = measure("libsodium ed25519 verify", "per s", 1, do_verify_bare, &n);
	show("note parse", measure("note parse", "per s", 1, do_note_parse, NULL), "per s", "", 0);
	show("note parse, verify, decode",
	     measure("note verification", "per s", 1, do_note_verify, NULL), "per s",
	     "of bare Ed25519", bare);
	buf_done(&note_bytes);
}

/* ---- age ---- */

static uint8_t recipient[1][32];
static uint8_t *age_text;
static struct buf age_file;

static void do_aead_bare(void *ctx)
{
	static uint8_t out[AGE_CHUNK_LEN + 16];
	for (size_t at = 0; at < AGE_TEXT; at += AGE_CHUNK_LEN)
		crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, age_text + at, AGE_CHUNK_LEN,
							  NULL, 0, NULL, block, block + 32);
}

static void do_age_seal(void *ctx)
{
	_cleanup_(age_seal_freep) struct age_seal *s = NULL;
	struct buf *out = ctx; /* NULL: as a stream, in constant memory */
	struct buf piece;
	buf_init(&piece, 2 * AGE_PIECE);
	must(age_seal_new((const uint8_t(*)[32])recipient, 1, NULL, NULL, out ? out : &piece, &s,
			  NULL) == 0);
	for (size_t at = 0; at < AGE_TEXT; at += AGE_PIECE) {
		must(age_seal_update(s, age_text + at, AGE_PIECE, out ? out : &piece) == 0);
		buf_clear(&piece);
	}
	must(age_seal_end(s, out ? out : &piece) == 0);
	buf_done(&piece);
}

static int unwrap(void *ctx, const uint8_t share32[static 32], const uint8_t wrapped32[static 32],
		  uint8_t ret_file_key16[static 16], struct err *e)
{
	return age_unwrap(secret, share32, wrapped32, ret_file_key16);
}

static void do_age_open(void *ctx)
{
	_cleanup_(age_open_freep) struct age_open *o = NULL;
	struct buf piece;
	buf_init(&piece, 2 * AGE_PIECE);
	must(age_open_new(unwrap, NULL, &o) == 0);
	for (size_t at = 0; at < age_file.len; at += AGE_PIECE) {
		size_t n = age_file.len - at < AGE_PIECE ? age_file.len - at : AGE_PIECE;
		must(age_open_update(o, age_file.p + at, n, &piece, NULL) == 0);
		buf_clear(&piece);
	}
	must(age_open_end(o, &piece, NULL) == 0);
	buf_done(&piece);
}

static void bench_age(void)
{
	x25519_public(secret, recipient[0]);
	age_text = calloc(1, AGE_TEXT);
	must(age_text != NULL);
	buf_init(&age_file, 2 * AGE_TEXT);
	do_age_seal(&age_file);
	double bare =
		measure("libsodium chacha20-poly1305", "MB/s", AGE_TEXT / 1e6, do_aead_bare, NULL);
	show("age seal, 16 MiB", measure("age seal", "MB/s", AGE_TEXT / 1e6, do_age_seal, NULL),
	     "MB/s", "of bare ChaCha20-Poly1305", bare);
	show("age open, 16 MiB", measure("age open", "MB/s", AGE_TEXT / 1e6, do_age_open, NULL),
	     "MB/s", "of bare ChaCha20-Poly1305", bare);
	buf_done(&age_file);
	free(age_text);
}

/* ---- parcels ---- */

static int sign_evidence(void *ctx, struct buf *text, struct err *e)
{
	return note_sign_seed(text, "it.example/evidence", seed_evidence, e);
}

static int verify_evidence(void *ctx, const struct note *note, const struct parcel_manifest *m,
			   struct err *e)
{
	return note_verify_one(note, &evidence_key, e);
}

static void seal_parcel(size_t len, struct buf *body)
{
	struct parcel_manifest m = {.from = "it.example",
				    .to = {"fr.example"},
				    .to_n = 1,
				    .officer = "o-17",
				    .case_ref = "-",
				    .purpose = "freeze",
				    .basis = "-",
				    .handling = "H1",
				    .marking = "TLP:AMBER",
				    .grade = "A1"};
	struct parcel_content part = {"application/octet-stream", block, len};
	struct note_signer signer = {sign_evidence, NULL};
	struct buf file, note;
	buf_init(&file, PARCEL_FILE_MAX);
	buf_init(&note, PARCEL_NOTE_MAX);
	must(parcel_seal(&m, &part, 1, (const uint8_t(*)[32])recipient, 1, &signer, NULL, NULL,
			 &file, NULL) == 0);
	put_outer(&file, &note);
	must(parcel_put(body, note.p, note.len, file.p, file.len) == 0);
	buf_done(&file);
	buf_done(&note);
}

static void open_parcel(const struct buf *body)
{
	_cleanup_(parcel_inside_freep) struct parcel_inside *in = NULL;
	struct cur c = cur_init(body->p, body->len);
	struct parcel p;
	must(parcel_next(&c, &p, NULL) == 1 && note_verify_one(&p.note, &node_key, NULL) == 0);
	must(parcel_file_check(&p.outer, p.file, p.outer.size, NULL) == 0);
	must(parcel_open(p.file, p.outer.size, &p.outer, unwrap, NULL, verify_evidence, NULL, &in,
			 NULL) == 0);
}

/* Sealed, sent, checked, opened, and receipted by R1 and R2, which the sender verifies: all but disks and network. */
static void do_round_trip(void *ctx)
{
	struct buf body, receipt;
	struct note n;
	buf_init(&body, 1 << 20);
	seal_parcel(*(size_t *)ctx, &body);
	open_parcel(&body);
	for (int k = RECEIPT_STORED; k <= RECEIPT_ACCEPTED; k++) {
		struct receipt r = {.from = "fr.example",
				    .to = "it.example",
				    .kind = (enum receipt_kind)k,
				    .head_epoch = 1};
		buf_init(&receipt, NOTE_MAX);
		must(receipt_encode(&r, &receipt) == 0 &&
		     note_sign_seed(&receipt, "it.example", seed_node, NULL) == 0);
		must(note_parse(receipt.p, receipt.len, &n, NULL) == 0 &&
		     note_verify_one(&n, &node_key, NULL) == 0);
		buf_done(&receipt);
	}
	buf_done(&body);
}

static void do_seal_open(void *ctx)
{
	struct buf body;
	buf_init(&body, 1 << 20);
	seal_parcel(*(size_t *)ctx, &body);
	open_parcel(&body);
	buf_done(&body);
}

static void bench_parcels(void)
{
	uint8_t pk[32];
	size_t small = 1000, large = sizeof(block);
	ed25519_public(seed_evidence, pk);
	must(note_verifier_init(&evidence_key, "it.example/evidence", pk) == 0);
	show("parcel of 1 kB, seal and open",
	     measure("parcel seal and open", "per s", 1, do_seal_open, &small), "per s", "", 0);
	show("parcel of 64 KiB, seal and open",
	     measure("parcel of 64 KiB seal and open", "per s", 1, do_seal_open, &large), "per s",
	     "", 0);
	show("parcel round trip with R1 and R2",
	     measure("parcel round trip", "per s", 1, do_round_trip, &small), "per s", "", 0);
}

static int write_json(const char *path)
{
	FILE *f = fopen(path, "w");
	if (!f) {
		perror(path);
		return 1;
	}
	fprintf(f, "{");
	for (size_t i = 0; i < figures_n; i++)
		fprintf(f, "%s\n  \"%s\": {\"value\": %.1f, \"unit\": \"%s\"}", i ? "," : "",
			figures[i].name, figures[i].value, figures[i].unit);
	fprintf(f, "\n}\n");
	return fclose(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	bool json = argc == 3 && strcmp(argv[1], "--json") == 0;
	if (argc != 1 && !json) {
		fprintf(stderr, "usage: bench-wire [--json FILE]\n");
		return 2;
	}
	must(crypto_start() == 0);
	bench_hashes();
	bench_notes();
	bench_age();
	bench_parcels();
	return json ? write_json(argv[2]) : 0;
}
