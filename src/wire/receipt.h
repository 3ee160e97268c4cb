/* SPDX-License-Identifier: Apache-2.0
 * Receipts (docs/protocol/parcel.md 5): what a receiver signs about a parcel, with the head of the stream as it stands there. */
#ifndef WIRE_RECEIPT_H
#define WIRE_RECEIPT_H
#include "wire/parcel.h"

#define RECEIPT_TYPE NOTE_TYPE_PREFIX "receipt/v1"

enum { RECEIPT_REASON_MAX = 64 };

/* Text on the wire: receipt.c. R1 stored; R2 one of three; R3 seen; R4 acted. */
enum receipt_kind {
	RECEIPT_STORED,	     /* R1: durable here */
	RECEIPT_ACCEPTED,    /* R2: opened, checked, in effect */
	RECEIPT_REFUSED,     /* R2: for good, with a reason */
	RECEIPT_QUARANTINED, /* R2: a person must decide */
	RECEIPT_SEEN,	     /* R3: a human has seen it */
	RECEIPT_ACTED,	     /* R4: action reported */
};
/** receipt_number - 1 to 4 of R1 to R4; receipt_name - "stored", "accepted" ... */
unsigned receipt_number(enum receipt_kind k);
const char *receipt_name(enum receipt_kind k);

struct receipt {
	char from[PARCEL_NAME_MAX + 1], to[PARCEL_NAME_MAX + 1]; /* from: who received the parcel */
	int64_t time_s;						 /* receiver's clock */
	uint8_t id16[16];					 /* of the message */
	uint8_t sha256[32];					 /* of its age file */
	enum receipt_kind kind;
	char reason[RECEIPT_REASON_MAX + 1]; /* name of an error; exactly when refused */
	uint64_t head_epoch,
		head_seq; /* receiver's head of the stream to it; seq 0 and zeros before the first parcel */
	uint8_t head32[32];
};

/** receipt_encode - append the text of a receipt, unsigned
 * Returns: 0; -ERR_INVAL a field that the decoder would refuse; as buf_err()
 * receipt_decode - read the text of one; decode(encode(x)) == x
 * Returns: 0; as parcel_outer_decode
 * Vectors: tests/vectors/parcel.json */
int receipt_encode(const struct receipt *r, struct buf *out) WARN_UNUSED;
int receipt_decode(const char *text, size_t len, struct receipt *ret, struct err *e) WARN_UNUSED;
#endif
