/* SPDX-License-Identifier: MIT */
#pragma once

/* Lists of the urlphone filter, compiled in memory, and messages looked up in
 * them, without a host. */

#include "core/message/message.h"
#include "plugins/urlphone/entry.h"
#include "plugins/urlphone/lists.h"
#include "plugins/urlphone/match.h"

typedef enum { LIST_OF_URLS, LIST_OF_PHONES } ListKind;

/* A blob, at an address that is a multiple of eight; size bytes, no more. */
typedef struct ListBlob {
    void *data;
    size_t size;
    Table table; /* open if check() took it */
} ListBlob;

/* rows: "value", or "value\tsource\tadded"; they are sorted first.  Rows that
 * check_row refuses fail the test. */
void list_compile(ListBlob *self, ListKind kind, const char *const *rows,
    size_t n);
void list_clear(ListBlob *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ListBlob, list_clear)

/* As list_compile(), of lines of text, without looking at rows first. */
void list_compile_text(ListBlob *self, ListKind kind, const char *text);

/* The entries that the message has, sorted, each once, joined by spaces; "-" if
 * there is none.  (transfer full) */
char *list_find_all(const ListBlob *urls, const ListBlob *phones,
    WnMessage *message, const char *country);
