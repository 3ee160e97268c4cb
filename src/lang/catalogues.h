/* SPDX-License-Identifier: Apache-2.0
 * The compiled catalogues, as tools/embed makes them of po/LANG.po. */
#ifndef LANG_CATALOGUES_H
#define LANG_CATALOGUES_H
#include <stddef.h>
#include <stdint.h>

extern const uint8_t lang_mo_en[], lang_mo_fr[], lang_mo_it[], lang_mo_de[], lang_mo_ja[];
extern const size_t lang_mo_en_len, lang_mo_fr_len, lang_mo_it_len, lang_mo_de_len, lang_mo_ja_len;
#endif
