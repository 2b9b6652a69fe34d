/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reads the values of Content-Type and Content-Disposition: a word and named
 * parameters, quoted, with comments, folded, continued and encoded as RFC 2045
 * §5.1 and RFC 2231 say.  As lax as mail readers are: what is broken is passed
 * over.  At most WN_MIME_PARAMS_MAX parameters are read.
 */

#include "core/base/arena.h"

#define WN_MIME_PARAMS_MAX 64

typedef struct WnMimeParam {
    WnSpan name;  /* lower case, without RFC 2231's * and number */
    WnSpan value; /* without quotes; still percent-encoded if extended */
    int section;  /* of a continued value, or -1 */
    bool extended;
} WnMimeParam;

typedef struct WnMimeValue {
    WnSpan word; /* lower case: "text/html", "attachment" */
    size_t n_params;
    WnMimeParam params[WN_MIME_PARAMS_MAX];
} WnMimeValue;

/* raw: that of the field.  All results are in the arena. */
void wn_mime_value_parse(WnMimeValue *self, WnSpan raw, WnArena *arena);

/* The value of the parameter as UTF-8, in the arena; empty without one.  What
 * is encoded goes before what is not. */
WnSpan wn_mime_value_param(const WnMimeValue *self, const char *name,
    WnArena *arena);

/* The parameter "charset", lower case. */
WnSpan wn_mime_value_charset(const WnMimeValue *self, WnArena *arena);

/* The parameter "boundary" byte for byte, without trailing white space. */
WnSpan wn_mime_value_boundary(const WnMimeValue *self, WnArena *arena);

/* WN_MESSAGE_* for parameters that stand twice. */
uint32_t wn_mime_value_problems(const WnMimeValue *self);

/* The parameter as it stands without RFC 2231's encoding; empty without. */
WnSpan wn_mime_value_plain(const WnMimeValue *self, const char *name,
    WnArena *arena);
