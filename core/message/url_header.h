/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which header fields are looked at for URLs, told by name and raw value so
 * that most need not be decoded.
 */

#include "core/base/span.h"

/* Fields that name hosts because they tell of the way or of who is who. */
bool wn_url_header_is_transport(WnSpan name);

/* A reader sees it beside the text, so bare names count too. */
bool wn_url_header_is_shown(WnSpan name);

/* Without a slash, "www." or "mailto:" there is no URL but a bare name; encoded
 * words and characters that are not ASCII can hide all of them. */
bool wn_url_header_may_hold(WnSpan raw);
