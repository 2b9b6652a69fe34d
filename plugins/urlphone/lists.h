/* SPDX-License-Identifier: MIT */
#ifndef URLPHONE_LISTS_H
#define URLPHONE_LISTS_H

/* The data sets: rows in, table out. */

#include "table.h"

/* Another one with the layout of the table, with the form of its keys, and with
 * the rules of doc/text-forms.md, which the forms of entries follow. */
#define LISTS_KEYS 1u
#define LISTS_FORMAT (TABLE_FORMAT << 24 | LISTS_KEYS << 16 | WN_TEXT_FORMS)

int32_t lists_check_url(const WnStr *fields, WnError *err);
int32_t lists_compile_urls(WnRows *rows, WnSink *sink, WnError *err);
int32_t lists_check_phone(const WnStr *fields, WnError *err);
int32_t lists_compile_phones(WnRows *rows, WnSink *sink, WnError *err);
int32_t lists_check(const void *blob, size_t size, WnError *err);

#endif
