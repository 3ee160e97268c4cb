/* SPDX-License-Identifier: Apache-2.0
 * Notification: what is rung, the lines between lugd and the channel programs, and the file that names them. Pure but for
 * struct duty's rows. docs/protocol/notify.md */
#ifndef DUTY_NOTIFY_H
#define DUTY_NOTIFY_H
#include "base/buf.h"
#include "duty/roster.h"

enum {
	NOTIFY_CHANNELS_MAX = 16,
	NOTIFY_ARGS_MAX = 16,
	NOTIFY_ARG_MAX = 512,
	NOTIFY_LINE_MAX = 2048, /* bytes of one line, with its LF */
	NOTIFY_FILE_MAX = 64 << 10,
	NOTIFY_FILE_LINE_MAX = 4096,
	NOTIFY_LINK_MAX = 400,
	NOTIFY_CODE_LEN = 6,
	NOTIFY_TEXT_MAX = 480,
	NOTIFY_WORDS_MAX = 200,
	NOTIFY_ANSWER_MS =
		20000, /* a program that says nothing for so long after a send has failed */
};

/* One ring on its way to a channel. Nothing of a case is in it. */
struct notify_message {
	uint64_t id;
	const char *channel, *address;
	const char *link, *code; /* "" when there is none */
	const char *text;
};

/* ---- notify.conf ---- */
struct notify_channel {
	char name[ROSTER_CHANNEL_NAME_MAX + 1];
	char args[NOTIFY_ARGS_MAX + 1][NOTIFY_ARG_MAX + 1]; /* the program first */
	size_t args_n;
};
/** notify_conf_parse - the channels of a file
 * Out:     ret      [NOTIFY_CHANNELS_MAX]
 * Returns: how many; -ERR_FORMAT, -ERR_OVERSIZE, -ERR_DUPLICATE, with the line in e */
int notify_conf_parse(const void *p, size_t len, struct notify_channel *ret,
		      struct err *e) WARN_UNUSED;

/* ---- lines ---- */

/** notify_send_line - "send ID ADDRESS LINK CODE TEXT" with its LF, appended
 * Returns: 0; -ERR_INVAL a word with a space or control character, or an empty one; -ERR_OVERSIZE; as buf_err */
int notify_send_line(const struct notify_message *m, struct buf *out) WARN_UNUSED;
/** notify_send_parse - the reverse, for the programs; line without LF; words are copied into buf and pointed at by ret
 * Returns: 0; -ERR_FORMAT; -ERR_OVERSIZE */
int notify_send_parse(const char *line, size_t len, char buf[static NOTIFY_LINE_MAX],
		      struct notify_message *ret) WARN_UNUSED;

enum notify_verb { NOTIFY_READY, NOTIFY_SENT, NOTIFY_FAILED, NOTIFY_REPLY, NOTIFY_LOG };
struct notify_reply {
	enum notify_verb verb;
	uint64_t id; /* SENT, FAILED; READY: version */
	char address[ROSTER_ADDRESS_MAX + 1], code[NOTIFY_CODE_LEN + 1]; /* REPLY */
	char words[NOTIFY_WORDS_MAX + 1];				 /* the rest; may be cut */
};
/** notify_reply_parse - a line of a program, without its LF, untrusted
 * Returns: 0; -ERR_FORMAT; -ERR_VERSION a ready of another version; -ERR_OVERSIZE */
int notify_reply_parse(const char *line, size_t len, struct notify_reply *ret) WARN_UNUSED;

/* ---- what people read ---- */
enum notify_what {
	NOTIFY_IN,	/* a request waits for you */
	NOTIFY_OUT,	/* nobody has answered your request there */
	NOTIFY_SILENT,	/* their node has not got your request: call */
	NOTIFY_CONTACT, /* to another member's contact point: a request of ours waits for you */
	NOTIFY_WATCH,	/* a member's node is silent */
	NOTIFY_DRILL,
	NOTIFY_WHATS
};
/** notify_text - one sentence in the first language of the list that there is a text for, else English
 * In:      reference, class, country   as shown; class may be "" for WATCH
 *          phone    number to call; "" for none
 * Out:     out      at most NOTIFY_TEXT_MAX bytes */
void notify_text(enum notify_what what, const struct roster_languages *languages,
		 const char *reference, const char *class, const char *country, const char *phone,
		 char out[static NOTIFY_TEXT_MAX + 1]);
#endif
