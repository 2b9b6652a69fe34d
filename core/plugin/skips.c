/* SPDX-License-Identifier: MIT */
#include "core/plugin/skips.h"

#include "core/base/crc32c.h"

#include <string.h>

#define SKIPS_MAX 1024

/* Apart from a checksum of what is sent. */
#define CONTENT_SEED 0x77696e6eu

typedef struct Skip {
    char *filter;
    bool has_id;
    WnId id;
    uint64_t content;
} Skip;

struct WnSkips {
    GQueue skips; /* Skip, the newest first */
};

static void
skip_free(void *data)
{
    Skip *skip = data;

    g_free(skip->filter);
    g_free(skip);
}

WnSkips *
wn_skips_new(void)
{
    WnSkips *self = g_new0(WnSkips, 1);

    g_queue_init(&self->skips);
    return self;
}

void
wn_skips_free(WnSkips *self)
{
    if (self == NULL)
        return;
    g_queue_clear_full(&self->skips, skip_free);
    g_free(self);
}

void
wn_skips_add(WnSkips *self, const char *filter, const WnId *id,
    uint64_t content)
{
    Skip *skip = g_new0(Skip, 1);

    skip->filter = g_strdup(filter);
    skip->has_id = id != NULL;
    if (id != NULL)
        skip->id = *id;
    skip->content = content;
    g_queue_push_head(&self->skips, skip);
    if (g_queue_get_length(&self->skips) > SKIPS_MAX)
        skip_free(g_queue_pop_tail(&self->skips));
}

const char *
wn_skips_why(const WnSkips *self, const char *filter, const WnId *id,
    uint64_t content)
{
    for (const GList *at = self->skips.head; at != NULL; at = at->next) {
        const Skip *skip = at->data;

        if (strcmp(skip->filter, filter) != 0)
            continue;
        if (skip->has_id && id != NULL && wn_id_eq(&skip->id, id))
            return "ended its process over this message";
        if (skip->content != 0 && skip->content == content)
            return "ended its process twice over this content";
        if (!skip->has_id && skip->content == 0)
            return "switched off: it ended its process too often";
    }
    return NULL;
}

uint64_t
wn_skips_content(WnSpan bytes)
{
    return (uint64_t)wn_crc32c(CONTENT_SEED, bytes) << 32
           | (uint32_t)(bytes.len + 1);
}

uint64_t
wn_skips_content_len(uint64_t content)
{
    return content != 0 ? (uint32_t)content - 1 : 0;
}
