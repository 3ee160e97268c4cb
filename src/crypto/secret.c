/* SPDX-License-Identifier: Apache-2.0
 * Secrets in libsodium's guarded memory. */
#include "crypto/crypto.h"
#include <sodium.h>

int secret_init(struct secret *s, size_t len)
{
	*s = (struct secret){0};
	if (!len || len > SECRET_MAX)
		return -ERR_RANGE;
	s->p = sodium_malloc(len); /* canary behind, filled with 0xdb */
	if (!s->p)
		return -ERR_NOMEM;
	sodium_memzero(s->p, len);
	s->len = len;
	return 0;
}

void secret_done(struct secret *s)
{
	sodium_free(s->p); /* wipes; takes NULL */
	*s = (struct secret){0};
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void secret_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}
