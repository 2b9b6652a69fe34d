/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Letters in and behind telephone numbers: words dialled by the letters of the
 * keys, and extensions.
 */

#include "core/message/phone_rules.h"

/* The first groups and the words behind them are a number of the North
 * American plan: "1-800-FLOWERS", "713-555-HELP". */
bool wn_phone_match_vanity(const WnPhoneView *view, WnPhoneMatch *match);

/* The end of an extension ("ext. 213", "x101", "#5") that begins behind "at";
 * "at" if there is none. */
size_t wn_phone_skip_extension(WnSpan text, size_t at);

/* The digit on the key of a letter. */
char wn_phone_key_of(char letter);
