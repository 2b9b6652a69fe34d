/* SPDX-License-Identifier: MIT */
#include "core/programs/ctl/ctl.h"

#include "core/base/json.h"
#include "core/queue/spool_check.h"

#include <stdio.h>

typedef struct Totals {
    bool json;
    bool repair;
    uint64_t n_segments, n_live, n_done, n_damaged;
    uint64_t n_aside, n_damaged_aside;
    bool wrong;
} Totals;

static const char *
kind_name(WnSpoolFileKind kind)
{
    switch (kind) {
    case WN_SPOOL_SEGMENT:
        return "segment";
    case WN_SPOOL_UNREADABLE:
        return "unreadable";
    case WN_SPOOL_LEFT_OVER:
        return "left over";
    case WN_SPOOL_UNKNOWN:
        break;
    }
    return "unknown";
}

/* Empty if it is not known. */
static void
format_id(const WnId *id, char out[WN_ID_TEXT_LEN + 1])
{
    static const WnId none = { { 0 } };

    *out = '\0';
    if (!wn_id_eq(id, &none))
        wn_id_format(id, out);
}

static void
write_damages(const WnSpoolFile *file, WnJson *json)
{
    wn_json_open_list(json, "damaged");
    for (guint i = 0; i < file->damages->len; i++) {
        WnSpoolDamage *damage = &g_array_index(file->damages, WnSpoolDamage, i);
        char id[WN_ID_TEXT_LEN + 1];

        format_id(&damage->id, id);
        wn_json_open_object(json, NULL);
        wn_json_int(json, "offset", (int64_t)damage->offset);
        wn_json_str(json, "id", *id != '\0' ? id : NULL);
        wn_json_str(json, "what", damage->what);
        wn_json_close_object(json);
    }
    wn_json_close_list(json);
}

static void
print_json(const WnSpoolFile *file)
{
    g_autoptr(GString) out = g_string_new(NULL);
    WnJson json;

    wn_json_init(&json, out);
    wn_json_open_object(&json, NULL);
    wn_json_str(&json, "file", file->name);
    wn_json_str(&json, "kind", kind_name(file->kind));
    wn_json_int(&json, "bytes", (int64_t)file->bytes);
    if (file->kind == WN_SPOOL_SEGMENT) {
        wn_json_bool(&json, "open", file->has_writer);
        wn_json_int(&json, "live", (int64_t)file->n_live);
        wn_json_int(&json, "done", (int64_t)file->n_done);
        wn_json_int(&json, "live_bytes", (int64_t)file->live_bytes);
        wn_json_int(&json, "outcome_bytes", (int64_t)file->outcome_bytes);
        wn_json_bool(&json, "outcomes_damaged", file->outcomes_damaged);
        write_damages(file, &json);
    }
    wn_json_str(&json, "error", file->error);
    wn_json_bool(&json, "wrong", wn_spool_file_is_wrong(file));
    wn_json_bool(&json, "repaired", file->repaired);
    wn_json_close_object(&json);
    puts(out->str);
}

static void
print_text(const WnSpoolFile *file)
{
    printf("%s: %s", file->name, kind_name(file->kind));
    if (file->kind == WN_SPOOL_SEGMENT)
        printf("%s, %" G_GUINT64_FORMAT " live (%" G_GUINT64_FORMAT
               " bytes), %" G_GUINT64_FORMAT
               " done, outcomes %" G_GUINT64_FORMAT " bytes",
            file->has_writer ? " (open)" : "", file->n_live, file->live_bytes,
            file->n_done, file->outcome_bytes);
    printf(", %" G_GUINT64_FORMAT " KiB on disk%s\n", file->bytes / 1024,
        file->repaired ? ", repaired" : "");
    if (file->error != NULL)
        printf("    %s\n", file->error);
    if (file->outcomes_damaged)
        puts("    outcomes are damaged: some of what is live may be done");
    for (guint i = 0; i < file->damages->len; i++) {
        WnSpoolDamage *damage = &g_array_index(file->damages, WnSpoolDamage, i);
        char id[WN_ID_TEXT_LEN + 1];

        format_id(&damage->id, id);
        printf("    damaged at %" G_GUINT64_FORMAT ": %s%s%s\n", damage->offset,
            damage->what, *id != '\0' ? ", id " : "", id);
    }
}

/* What lies in spool/damaged is no part of the queue, and a repair puts more
 * there; but somebody has to look at it. */
static void
count_aside(Totals *totals, const WnSpoolFile *file)
{
    totals->n_aside++;
    totals->n_damaged_aside += file->damages->len;
    totals->wrong |= wn_spool_file_is_wrong(file) && !totals->repair;
}

static void
count(Totals *totals, const WnSpoolFile *file)
{
    totals->n_segments += file->kind == WN_SPOOL_SEGMENT;
    totals->n_live += file->n_live;
    totals->n_done += file->n_done;
    totals->n_damaged += file->damages->len;
    totals->wrong |= wn_spool_file_is_wrong(file) && !file->repaired;
}

static void
on_file(void *user, const WnSpoolFile *file)
{
    Totals *totals = user;

    if (file->aside)
        count_aside(totals, file);
    else
        count(totals, file);
    if (totals->json)
        print_json(file);
    else
        print_text(file);
}

WnExit
ctl_fsck(WnCtl *ctl)
{
    WnSpoolCheckMode mode = ctl_take_flag(ctl, "--repair") ? WN_SPOOL_REPAIR
                                                           : WN_SPOOL_LOOK;
    Totals totals = { .json = ctl->json, .repair = mode == WN_SPOOL_REPAIR };
    g_autoptr(WnConfig) config = NULL;
    g_autoptr(GError) error = NULL;

    if (!ctl_no_option_left(ctl) || ctl->words->len > 0) {
        fputs("usage: winnowctl queue fsck [--repair]\n", stderr);
        return WN_EXIT_USAGE;
    }
    config = ctl_read_config(ctl);
    if (config == NULL)
        return WN_EXIT_NO;
    if (!wn_spool_check(config->spool, mode, on_file, &totals, &error)) {
        fprintf(stderr, "winnowctl: %s\n", error->message);
        return WN_EXIT_NO;
    }
    if (!ctl->json)
        printf("%" G_GUINT64_FORMAT " segments, %" G_GUINT64_FORMAT
               " messages live, %" G_GUINT64_FORMAT " done, %" G_GUINT64_FORMAT
               " damaged\n",
            totals.n_segments, totals.n_live, totals.n_done, totals.n_damaged);
    if (!ctl->json && totals.n_aside > 0)
        printf("set aside in %s/damaged: %" G_GUINT64_FORMAT
               " segments, %" G_GUINT64_FORMAT " damaged; remove them when "
               "nobody needs them any more\n",
            config->spool, totals.n_aside, totals.n_damaged_aside);
    return totals.wrong ? WN_EXIT_NO : WN_EXIT_OK;
}
