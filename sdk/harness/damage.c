/* SPDX-License-Identifier: MIT */
#include "sdk/harness/damage.h"

#include "core/plugin/dataset.h"

#include <string.h>

#define CUTS 64
#define CHANGES 128
#define HEAD 64          /* bytes of which each one is changed */
#define LARGE (1u << 20) /* looked at less often */
#define TRIED_MIN 8      /* fewer blobs prove nothing */
#define FILL_SEED 2654435761u

typedef struct Trial {
    WnShim *shim;
    const WnDataset *dataset;
    WnSpan payload;
    unsigned char *bytes; /* a copy to be changed */
    void (*run)(void *user);
    void *user;
    unsigned n_tried, n_refused;
} Trial;

static bool
is_taken(const Trial *self, const char *what, size_t size)
{
    WnGuard *guard = wn_guard_new("a check of a data set");
    const void *blob = wn_guard_blob(guard, what, self->bytes, size);
    bool taken = wn_dataset_check(self->dataset, wn_span(blob, size), NULL);

    wn_guard_end(guard);
    return taken;
}

/* Lets hooks look at the first size bytes. */
static void
look_up(Trial *self, const char *what, size_t size)
{
    WnShimStandIn stand_in = { .original = self->payload.ptr,
        .data = self->bytes,
        .size = size,
        .what = what };

    self->shim->stand_in = &stand_in;
    self->run(self->user);
    self->shim->stand_in = NULL;
}

G_GNUC_PRINTF(3, 4)
static void
try(Trial *self, size_t size, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    wn_guard_note(what);
    self->n_tried++;
    if (is_taken(self, what, size))
        look_up(self, what, size);
    else
        self->n_refused++;
    wn_guard_note(NULL);
    wn_guard_forget();
}

static void
try_cut(Trial *self, size_t size)
{
    if (size < self->payload.len)
        try(self, size, "a blob of \"%s\" cut to %zu of %zu bytes",
            self->dataset->name, size, self->payload.len);
}

/* Even lengths and odd ones, and the last few. */
static void
try_cuts(Trial *self, unsigned n)
{
    size_t len = self->payload.len;

    for (size_t i = 0; i < MIN(len, n); i++) {
        size_t size = len <= n ? i : len / n * i;

        try_cut(self, size);
        if (len > n)
            try_cut(self, size + 1 + i % 31);
    }
    for (size_t i = 1; i <= 8 && len > n && i < len; i++)
        try_cut(self, len - i);
}

static void
try_change(Trial *self, size_t at, unsigned char other)
{
    unsigned char was = self->bytes[at];

    if (other == was)
        return;
    self->bytes[at] = other;
    try(self, self->payload.len,
        "a blob of \"%s\" whose byte %zu is 0x%02x, not 0x%02x",
        self->dataset->name, at, other, was);
    self->bytes[at] = was;
}

static void
try_changes(Trial *self, unsigned n)
{
    size_t len = self->payload.len;

    for (size_t at = 0; at < MIN(len, HEAD); at++) {
        try_change(self, at, 0);
        try_change(self, at, 0xff);
        try_change(self, at, (unsigned char)(self->bytes[at] + 1));
    }
    for (size_t i = 0; len > HEAD && i < n; i++) {
        size_t at = HEAD + (len - HEAD) * i / n;

        try_change(self, at, (unsigned char)~self->bytes[at]);
    }
}

static void
try_fills(Trial *self)
{
    size_t len = self->payload.len;
    uint32_t dice = FILL_SEED;

    memset(self->bytes, 0, len);
    try(self, len, "a blob of \"%s\" of zeros", self->dataset->name);
    memset(self->bytes, 0xff, len);
    try(self, len, "a blob of \"%s\" of 0xff", self->dataset->name);
    for (size_t i = 0; i < len; i++) {
        dice = dice * 1664525u + 1013904223u;
        self->bytes[i] = (unsigned char)(dice >> 24);
    }
    try(self, len, "a blob of \"%s\" of any bytes", self->dataset->name);
}

static void
try_blob(Trial *self)
{
    unsigned less = self->payload.len > LARGE ? 8 : 1;
    g_autofree char *whole = g_strdup_printf("the blob of \"%s\"",
        self->dataset->name);

    if (self->payload.len == 0)
        return;
    self->bytes = g_memdup2(self->payload.ptr, self->payload.len);
    look_up(self, whole, self->payload.len);
    try_cuts(self, CUTS / less);
    try_changes(self, CHANGES / less);
    try_fills(self);
    g_free(self->bytes);
    if (self->n_refused == 0 && self->n_tried >= TRIED_MIN)
        wn_mistake("check: takes each of %u blobs of \"%s\" that were cut "
                   "short, changed or filled with anything: it cannot tell a "
                   "spoilt list",
            self->n_tried, self->dataset->name);
}

void
wn_damage_try(WnWorld *world, WnShim *shim, void (*run)(void *user), void *user)
{
    Trial trial = { .shim = shim, .run = run, .user = user };

    for (unsigned i = 0; i < world->payloads->len; i++) {
        const WnWorldPayload *blob = &g_array_index(world->payloads,
            WnWorldPayload, i);
        Trial one = trial;

        one.dataset = blob->dataset;
        one.payload = blob->payload;
        try_blob(&one);
    }
    for (unsigned i = 0; i < shim->blobs->len; i++) {
        const WnShimBlob *blob = g_ptr_array_index(shim->blobs, i);
        int n = wn_dataset_find(shim->module, blob->name);
        Trial one = trial;

        one.dataset = wn_dataset_get(shim->module, (unsigned)n);
        one.payload = wn_span((const char *)blob->data->data, blob->data->len);
        try_blob(&one);
    }
}
