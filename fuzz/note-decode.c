/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a note, as a verifier key, and as a text of typed fields: what is accepted is written back byte by byte. */
#include "base/text.h"
#include "crypto/crypto.h"
#include "wire/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		__builtin_trap();
}

/* Text, empty line, signature lines made anew from the offsets. */
static void check_note(const uint8_t *data, size_t size)
{
	struct note n;
	struct buf b;
	if (note_parse(data, size, &n, NULL) < 0)
		return;
	buf_init(&b, NOTE_MAX);
	must(note_text_valid(n.p, n.text_len, NULL) == 0 && n.type_len && n.type_len < n.text_len);
	buf_put(&b, n.p, n.text_len);
	buf_u8(&b, '\n');
	for (size_t i = 0; i < n.sigs_n; i++) {
		uint8_t sig[4 + NOTE_SIG_DATA_MAX];
		char b64[BASE64_LEN(sizeof(sig)) + 1];
		size_t len = 4 + note_sig_data(&n, i, sig + 4);
		for (unsigned k = 0; k < 4; k++)
			sig[k] = (uint8_t)(n.sigs[i].key_id >> (24 - 8 * k));
		base64_encode(BASE64_PADDED, sig, len, b64);
		buf_str(&b, "\xe2\x80\x94 ");
		buf_put(&b, n.p + n.sigs[i].name_off, n.sigs[i].name_len);
		buf_printf(&b, " %s\n", b64);
	}
	must(buf_err(&b) == 0 && b.len == size && memcmp(b.p, data, size) == 0);
	must(note_verify(&n, NULL, 0, NULL, NULL) == -ERR_KEY_UNKNOWN);
	buf_done(&b);
}

static void check_vkey(const uint8_t *data, size_t size)
{
	struct note_verifier v;
	char text[NOTE_VKEY_MAX + 1];
	if (note_verifier_parse((const char *)data, size, &v, NULL) < 0)
		return;
	note_verifier_text(&v, text);
	must(strlen(text) == size && memcmp(text, data, size) == 0);
}

/* One field of each kind; if all are read, writing them gives the same text. */
static void check_fields(const uint8_t *data, size_t size)
{
	struct note_reader r;
	struct note_writer w;
	struct buf b;
	char name[65], str[100], one[30], two[30];
	uint8_t b64[8], hex[4];
	struct note_word words[2];
	note_reader_init(&r, data, size, "lugdunum.network/fuzz/v1");
	note_get_name(&r, "name", name, sizeof(name));
	note_get_str(&r, "str", str, sizeof(str));
	uint64_t number = note_get_u64(&r, "number", UINT64_MAX);
	int64_t time_s = note_get_time(&r, "time");
	note_get_b64(&r, "b64", b64, sizeof(b64));
	note_get_hex(&r, "hex", hex, sizeof(hex));
	note_get_words(&r, "words", words, 2);
	note_word_str(&r, words[0], one, sizeof(one));
	note_word_str(&r, words[1], two, sizeof(two));
	if (note_reader_end(&r, NULL) < 0)
		return;
	buf_init(&b, NOTE_TEXT_MAX);
	note_writer_init(&w, &b, "lugdunum.network/fuzz/v1");
	note_put_str(&w, "name", name);
	note_put_str(&w, "str", str);
	note_put_u64(&w, "number", number);
	note_put_time(&w, "time", time_s);
	note_put_b64(&w, "b64", b64, sizeof(b64));
	note_put_hex(&w, "hex", hex, sizeof(hex));
	note_put_words(&w, "words", (const char *const[]){one, two}, 2);
	must(note_writer_end(&w) == 0 && b.len == size && memcmp(b.p, data, size) == 0);
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_note(data, size);
	check_vkey(data, size);
	check_fields(data, size);
	return 0;
}
