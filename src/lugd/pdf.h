/* SPDX-License-Identifier: Apache-2.0
 * Documents for paper: tagged PDF (PDF/UA-1) of HTML that this node made. */
#ifndef LUGD_PDF_H
#define LUGD_PDF_H
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>

enum { PDF_SECONDS_MAX = 180 };

/** pdf_make - run the program (conf pdf_program) on a page
 * In:      program  "" for none
 *          html     loads nothing
 *          go_on    asked now and then; false ends it
 *          out      initialised; its max is the cap
 * Returns: 0; -ERR_UNSUPPORTED no such program; -ERR_TIMEDOUT; -ERR_FORMAT no PDF came; -ERR_IO, -ERR_NOMEM
 * Source:  docs/decision/0018-weasyprint.md */
int pdf_make(const char *program, const char *html, size_t len, bool (*go_on)(void *ctx), void *ctx,
	     struct buf *out, struct err *e) WARN_UNUSED;
#endif
