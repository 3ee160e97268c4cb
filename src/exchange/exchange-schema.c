/* SPDX-License-Identifier: Apache-2.0
 * Tables of exchange: directory notes and keys, both sides of the streams, receipts, parts, contradictions.
 *
 * Invariants:
 *  1. exchange_out.seq is not 0 iff its note is there; (peer, epoch, seq) is unique and without gaps up to stream_out.seq.
 *  2. A row of exchange_in and its R1 in exchange_receipt come in one transaction; its state changes from 1 (stored) once, with R2.
 *  3. exchange_place holds each (peer, epoch, seq) ever stored; stream_in.seq is the last one without a gap before it.
 *  4. Nothing here is deleted but the files of messages that expired 30 days ago. */
#include "exchange/exchange-int.h"

static const struct store_migration steps[] = {
	{1, "directory and streams",
	 "CREATE TABLE exchange_note (type TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL,"
	 " hash BYTEA NOT NULL, accepted BIGINT NOT NULL, from_peer TEXT NOT NULL, time_s BIGINT NOT NULL,"
	 " note BYTEA NOT NULL, PRIMARY KEY (type, name, version, hash));"
	 "CREATE TABLE exchange_key (member TEXT NOT NULL, name TEXT NOT NULL, key_id BIGINT NOT NULL,"
	 " kind BIGINT NOT NULL, pk BYTEA NOT NULL, from_s BIGINT NOT NULL, until_s BIGINT NOT NULL,"
	 " PRIMARY KEY (member, name, key_id, pk));"
	 "CREATE TABLE exchange_revoked (member TEXT NOT NULL, name TEXT NOT NULL, pk BYTEA NOT NULL,"
	 " since_s BIGINT NOT NULL, PRIMARY KEY (member, name, pk));"
	 "CREATE TABLE exchange_sealed (id BYTEA NOT NULL PRIMARY KEY, class BIGINT NOT NULL, posted_s BIGINT NOT NULL,"
	 " expires_s BIGINT NOT NULL, size BIGINT NOT NULL, hash BYTEA NOT NULL, manifest BYTEA NOT NULL,"
	 " file BYTEA NOT NULL);"
	 "CREATE TABLE exchange_out (peer TEXT NOT NULL, id BYTEA NOT NULL, ord BIGINT NOT NULL, lane BIGINT NOT NULL,"
	 " class BIGINT NOT NULL, size BIGINT NOT NULL, state BIGINT NOT NULL, settled BIGINT NOT NULL,"
	 " reason TEXT NOT NULL, posted_s BIGINT NOT NULL, expires_s BIGINT NOT NULL, epoch BIGINT NOT NULL,"
	 " seq BIGINT NOT NULL, note BYTEA NOT NULL, text_hash BYTEA NOT NULL, stored_s BIGINT NOT NULL,"
	 " decided_s BIGINT NOT NULL, seen_s BIGINT NOT NULL, acted_s BIGINT NOT NULL, warned BIGINT NOT NULL,"
	 " tries BIGINT NOT NULL, tried_s BIGINT NOT NULL, last_error BIGINT NOT NULL, PRIMARY KEY (peer, id));"
	 "CREATE INDEX exchange_out_queue ON exchange_out (peer, lane, ord) WHERE settled = 0;"
	 "CREATE INDEX exchange_out_place ON exchange_out (peer, epoch, seq);"
	 "CREATE INDEX exchange_out_id ON exchange_out (id);"
	 "CREATE INDEX exchange_out_waits ON exchange_out (expires_s) WHERE state = 0;"
	 "CREATE TABLE exchange_stream_out (peer TEXT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, seq BIGINT NOT NULL,"
	 " chain BYTEA NOT NULL, peer_epoch BIGINT NOT NULL, peer_seq BIGINT NOT NULL, peer_chain BYTEA NOT NULL,"
	 " stopped BIGINT NOT NULL, reset BYTEA NOT NULL);"
	 "CREATE TABLE exchange_stream_in (peer TEXT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, seq BIGINT NOT NULL,"
	 " chain BYTEA NOT NULL, top BIGINT NOT NULL, stopped BIGINT NOT NULL, stop_a BYTEA NOT NULL,"
	 " stop_b BYTEA NOT NULL, reset BYTEA NOT NULL);"
	 "CREATE TABLE exchange_place (peer TEXT NOT NULL, epoch BIGINT NOT NULL, seq BIGINT NOT NULL, id BYTEA NOT NULL,"
	 " text_hash BYTEA NOT NULL, prev BYTEA NOT NULL, note BYTEA NOT NULL, PRIMARY KEY (peer, epoch, seq));"
	 "CREATE TABLE exchange_in (peer TEXT NOT NULL, id BYTEA NOT NULL, ord BIGINT NOT NULL, class BIGINT NOT NULL,"
	 " state BIGINT NOT NULL, reason TEXT NOT NULL, sent_s BIGINT NOT NULL, expires_s BIGINT NOT NULL,"
	 " size BIGINT NOT NULL, hash BYTEA NOT NULL, offset_ms BIGINT NOT NULL, stored_s BIGINT NOT NULL,"
	 " decided_s BIGINT NOT NULL, seen_s BIGINT NOT NULL, acted_s BIGINT NOT NULL, manifest BYTEA NOT NULL,"
	 " file BYTEA NOT NULL, PRIMARY KEY (peer, id));"
	 "CREATE INDEX exchange_in_unopened ON exchange_in (ord) WHERE state = 1;"
	 "CREATE INDEX exchange_in_id ON exchange_in (id);"
	 "CREATE TABLE exchange_part (peer TEXT NOT NULL, id BYTEA NOT NULL, n BIGINT NOT NULL, media_type TEXT NOT NULL,"
	 " bytes BYTEA NOT NULL, PRIMARY KEY (peer, id, n));"
	 "CREATE TABLE exchange_receipt (ours BIGINT NOT NULL, peer TEXT NOT NULL, id BYTEA NOT NULL, kind BIGINT NOT NULL,"
	 " time_s BIGINT NOT NULL, pending BIGINT NOT NULL, note BYTEA NOT NULL, PRIMARY KEY (ours, peer, id, kind));"
	 "CREATE INDEX exchange_receipt_pending ON exchange_receipt (peer, time_s) WHERE pending = 1;"
	 "CREATE TABLE exchange_proof (n BIGINT NOT NULL PRIMARY KEY, peer TEXT NOT NULL, time_s BIGINT NOT NULL,"
	 " kind TEXT NOT NULL, held BYTEA NOT NULL, other BYTEA NOT NULL)",
	 "DROP TABLE exchange_proof; DROP TABLE exchange_receipt; DROP TABLE exchange_part; DROP TABLE exchange_in;"
	 "DROP TABLE exchange_place; DROP TABLE exchange_stream_in; DROP TABLE exchange_stream_out;"
	 "DROP TABLE exchange_out; DROP TABLE exchange_sealed; DROP TABLE exchange_revoked; DROP TABLE exchange_key;"
	 "DROP TABLE exchange_note"},
	{2, "messages by id, lists by order",
	 "CREATE INDEX exchange_place_id ON exchange_place (id);"
	 "CREATE INDEX exchange_receipt_id ON exchange_receipt (id);"
	 "CREATE INDEX exchange_in_ord ON exchange_in (ord);"
	 "CREATE INDEX exchange_out_ord ON exchange_out (ord)",
	 "DROP INDEX exchange_out_ord; DROP INDEX exchange_in_ord; DROP INDEX exchange_receipt_id;"
	 "DROP INDEX exchange_place_id"},
	{3, "recall after a restore",
	 "ALTER TABLE exchange_stream_out ADD COLUMN recall BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE exchange_stream_out ADD COLUMN recall_epoch BIGINT NOT NULL DEFAULT 0;"
	 "ALTER TABLE exchange_stream_out ADD COLUMN recall_seq BIGINT NOT NULL DEFAULT 0",
	 "ALTER TABLE exchange_stream_out DROP COLUMN recall_seq;"
	 "ALTER TABLE exchange_stream_out DROP COLUMN recall_epoch;"
	 "ALTER TABLE exchange_stream_out DROP COLUMN recall"},
};

const struct store_schema *exchange_schema(void)
{
	static const struct store_schema schema = {"exchange", steps, ARRAY_LEN(steps)};
	return &schema;
}
