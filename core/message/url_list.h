/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The URLs of one message, each once.  What a URL carries inside of it (the
 * target of a redirector, the text of a mailto) is looked into too, a few
 * levels deep.
 */

#include "core/message/message.h"

typedef struct WnUrlList WnUrlList;

/* arena keeps the URLs. */
WnUrlList *wn_url_list_new(WnArena *arena);
void wn_url_list_free(WnUrlList *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnUrlList, wn_url_list_free)

/* All texts are valid UTF-8.  html is the source. */
void wn_url_list_add_text(WnUrlList *self, WnSpan text, int32_t part);
void wn_url_list_add_html(WnUrlList *self, WnSpan html, int32_t part);

/* Text that is in the message but not before the reader. */
void wn_url_list_add_hidden(WnUrlList *self, WnSpan text, int32_t part);

/* One value that wn_html_links() reported. */
void wn_url_list_add_link(WnUrlList *self, WnSpan value, bool encoded,
    int32_t part);

/* Fields of the transport, in which URLs and names are nobody's to click, and
 * those in whose raw value none can be.  Told before value is decoded. */
bool wn_url_list_skips_header(WnSpan name, WnSpan raw);

/* value is decoded; fields of the transport are skipped. */
void wn_url_list_add_header(WnUrlList *self, WnSpan name, WnSpan value);

/* What a reader sees of the header of a message inside the message. */
void wn_url_list_add_inner_header(WnUrlList *self, WnSpan message,
    int32_t part);

uint32_t wn_url_list_n(const WnUrlList *self);
const WnMessageUrl *wn_url_list_get(const WnUrlList *self, uint32_t n);

/* True if there were more than WN_MESSAGE_URLS_MAX. */
bool wn_url_list_is_cut(const WnUrlList *self);
