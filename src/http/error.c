/* SPDX-License-Identifier: Apache-2.0
 * Errors over HTTP: a status for machines between the ends, a body with code, field, message and remedy for the ends. */
#include "base/cleanup.h"
#include "http/route.h"

/* Between nodes, 4xx other than 408 and 429 is permanent, and 5xx is tried again (docs/protocol/streams.md 1). */
static const struct {
	int code;
	unsigned status;
} statuses[] = {
	{ERR_PERM, 403},	   {ERR_NOENT, 404},	      {ERR_IO, 500},
	{ERR_AGAIN, 503},	   {ERR_NOMEM, 503},	      {ERR_ACCES, 403},
	{ERR_BUSY, 503},	   {ERR_EXIST, 409},	      {ERR_INVAL, 400},
	{ERR_NOSPC, 503},	   {ERR_PIPE, 503},	      {ERR_RANGE, 400},
	{ERR_TIMEDOUT, 504},	   {ERR_CONNREFUSED, 502},    {ERR_FORMAT, 400},
	{ERR_TRUNCATED, 400},	   {ERR_TRAILING, 400},	      {ERR_OVERSIZE, 413},
	{ERR_CHECKSUM, 422},	   {ERR_VERSION, 422},	      {ERR_UNSUPPORTED, 422},
	{ERR_NETWORK, 422},	   {ERR_CORRUPT, 500},	      {ERR_CRYPTO, 422},
	{ERR_SIGNATURE, 422},	   {ERR_KEY_UNKNOWN, 422},    {ERR_KEY_EXPIRED, 422},
	{ERR_KEY_REVOKED, 422},	   {ERR_KEY_TYPE, 422},	      {ERR_NO_MATCH, 422},
	{ERR_DUPLICATE, 409},	   {ERR_CONFLICT, 409},	      {ERR_GAP, 409},
	{ERR_EXPIRED, 410},	   {ERR_SKEW, 409},	      {ERR_FIELD_UNKNOWN, 400},
	{ERR_FIELD_MISSING, 400},  {ERR_TRANSITION, 409},     {ERR_FOUR_EYES, 403},
	{ERR_DENIED, 403},	   {ERR_QUOTA, 429},	      {ERR_OFFLINE, 503},
	{ERR_STREAM_STOPPED, 409}, {ERR_MEMBER_UNKNOWN, 404}, {ERR_HANDLING, 422},
	{ERR_SIGNED_OUT, 401},	   {ERR_STEP_UP, 403},	      {ERR_AMOUNT, 422},
	{ERR_BUDGET, 422},	   {ERR_STALE, 409},	      {ERR_UNWITNESSED, 409},
	{ERR_ERASED, 410},	   {ERR_LEGAL_HOLD, 409},
};

unsigned http_status(int code)
{
	if (code >= 0)
		return 200;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].code == -code)
			return statuses[i].status;
	return 500;
}

json_t *http_error_json(const struct err *e)
{
	return json_pack("{s:{s:s, s:s, s:s, s:s}}", "error", "code", err_name(e->code), "field",
			 e->field, "message", e->message[0] ? e->message : err_sentence(e->code),
			 "remedy", err_sentence(e->code));
}

static int code_by_name(const char *name)
{
	static const int codes[] = {
#define ERR(id, value, sentence) ERR_##id,
#include "base/err.def"
#undef ERR
	};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (!strcmp(err_name(codes[i]), name))
			return codes[i];
	return 0;
}

static int code_by_status(unsigned status)
{
	switch (status) {
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOENT;
	case 413:
		return ERR_OVERSIZE;
	case 429:
		return ERR_QUOTA;
	case 503:
		return ERR_AGAIN;
	case 504:
		return ERR_TIMEDOUT;
	default:
		return status < 500 ? ERR_INVAL : ERR_IO;
	}
}

int http_error_read(unsigned status, const json_t *body, struct err *e)
{
	const char *name = NULL, *field = "", *message = NULL;
	if (!body || json_unpack((json_t *)(uintptr_t)body, "{s:{s:s, s?s, s:s}}", "error", "code",
				 &name, "field", &field, "message", &message) < 0)
		return err_set(e, code_by_status(status), NULL,
			       "The node answered with HTTP status %u.", status);
	int code = code_by_name(name);
	return err_set(e, code ? code : code_by_status(status), field, "%s", message);
}
