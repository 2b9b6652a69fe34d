/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A message in the SDK's structs: each made when a plugin first asks for it,
 * all good as long as the view.
 */

#include "core/message/message.h"
#include "core/plugin/sdk.h"

typedef struct WnMessageView WnMessageView;

WnMessageView *wn_message_view_new(WnMessage *message); /* borrowed */
void wn_message_view_free(WnMessageView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WnMessageView, wn_message_view_free)

WnMessage *wn_message_view_message(WnMessageView *self);

/* NULL past the end. */
const WnHeader *wn_message_view_header(WnMessageView *self, uint32_t n);
const WnHeader *wn_message_view_header_named(WnMessageView *self,
    const char *name, uint32_t n);
const WnPart *wn_message_view_part(WnMessageView *self, uint32_t n);
const WnUrl *wn_message_view_url(WnMessageView *self, uint32_t n);
const WnPhone *wn_message_view_phone(WnMessageView *self, const char *country,
    uint32_t n);
