/* SPDX-License-Identifier: Apache-2.0
 * The identity's inside, for the two TLS libraries: OpenSSL below curl, GnuTLS below libmicrohttpd. */
#ifndef HTTP_IDENTITY_INT_H
#define HTTP_IDENTITY_INT_H
#include "http/identity.h"
#include <openssl/x509.h>

struct http_identity {
	struct http_signer signer;
	EVP_PKEY *key; /* signs through the signer */
	X509 *certificate;
	uint8_t *der; /* the certificate again, as bytes */
	size_t der_len;
	uint8_t spki[HTTP_SPKI_LEN];
};
#endif
