/* SPDX-License-Identifier: MIT */

/*
 * phrase: whole sentences known from spam, looked for in the text that a
 * reader sees.  The list is the data set "phrases": compiled once, mapped by
 * every worker.
 */

#include "plugins/phrase/compile.h"
#include "plugins/phrase/index.h"
#include "plugins/phrase/scan.h"

#include <stdlib.h>

enum { EVIDENCE_MAX = 200 };

enum { OPT_PHRASES };

static const WnOption options[] = {
    [OPT_PHRASES] = { .name = "phrases",
        .help = "A file with one phrase per line; # starts a comment.",
        .type = WN_OPT_STRING,
        .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE,
        .fallback = "" },
};

static const WnDataset datasets[] = {
    { .name = "phrases",
        .source = "phrase_entry",
        .columns = "value,source,added_at",
        .format = PHRASE_FORMAT,
        .flags = WN_DATASET_FOLDED,
        .check_row = phrase_check_row,
        .compile = phrase_compile,
        .check = phrase_check },
};

typedef struct PhraseFilter {
    const WnHost *host;
    PhraseScan *scan;
} PhraseFilter;

static int32_t
phrase_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    PhraseFilter *phrase = calloc(1, sizeof *phrase);

    (void)settings;
    if (phrase != NULL)
        phrase->scan = phrase_scan_new();
    if (phrase == NULL || phrase->scan == NULL) {
        free(phrase);
        wn_error_set(err, "out of memory");
        return WN_E_FAILED;
    }
    phrase->host = host;
    *self = phrase;
    return WN_OK;
}

static void
phrase_free(void *self)
{
    phrase_scan_free(((PhraseFilter *)self)->scan);
    free(self);
}

/* The phrase as the message has it, cut where it is long, and the number to
 * find its entry by: the CRC-32 of the entry, in SQL CRC32(value). */
static void
write_evidence(char *evidence, WnStr text, const PhraseHit *hit)
{
    char reference[32];
    size_t len = hit->end - hit->start;
    int used = snprintf(reference, sizeof reference, " (entry %u)",
        hit->entry->crc);
    size_t room = EVIDENCE_MAX - 2 - (size_t)used;
    const char *dots = "";

    if (len > room) {
        dots = "...";
        for (len = room - 3;
             ((uint8_t)text.ptr[hit->start + len] & 0xc0) == 0x80;)
            len--;
    }
    snprintf(evidence, EVIDENCE_MAX + 1, "\"%.*s%s\"%s", (int)len,
        text.ptr + hit->start, dots, reference);
}

static WnVerdict
report(const WnHost *host, WnCall *call, WnStr text, const PhraseHit *hits,
    uint32_t n)
{
    char evidence[EVIDENCE_MAX + 1];

    for (uint32_t i = 0; i < n; i++) {
        write_evidence(evidence, text, &hits[i]);
        if (wn_match(host, call, "phrase", evidence) != WN_MATCH)
            return WN_FAIL;
    }
    return n > 0 ? WN_MATCH : WN_PASS;
}

/* Without a data set: should there be one? */
static bool
has_list(const WnHost *host, const WnCall *call)
{
    return host->settings->string(host->call->settings(call), OPT_PHRASES).len
           > 0;
}

static WnVerdict
phrase_message(void *self, WnCall *call)
{
    PhraseFilter *phrase = self;
    const WnHost *host = phrase->host;
    const WnBlob *blob = host->data->blob(call, "phrases");
    PhraseHit hits[PHRASE_HITS_MAX];
    PhraseIndex index;
    WnError err = { .struct_size = sizeof err };
    WnStr text;

    if (blob == NULL)
        return has_list(host, call) ? WN_FAIL : WN_PASS;
    if (!phrase_index_open(&index, blob->data, blob->size, &err)) {
        wn_log(host, WN_LOG_ERROR, call, "%s", err.text);
        return WN_FAIL;
    }
    text = host->message->text(call, WN_TEXT_FOLDED);
    return report(host, call, text, hits,
        phrase_scan(phrase->scan, &index, text.ptr, text.len, hits));
}

static const WnFilter filter = {
    .struct_size = sizeof(WnFilter),
    .message = phrase_message,
};

static const WnPlugin plugin = {
    WN_PLUGIN_HEAD,
    .name = "phrase",
    .version = "2.0",
    .summary = "Finds phrases known from spam in the text.",
    .author = "the winnow authors",
    .license = "MIT",
    WN_OPTIONS(options),
    WN_DATASETS(datasets),
    .instance_new = phrase_new,
    .instance_free = phrase_free,
    .filter = &filter,
};

WN_PLUGIN(phrase, &plugin)
