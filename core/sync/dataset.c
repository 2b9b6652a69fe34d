/* SPDX-License-Identifier: MIT */
#include "core/sync/dataset.h"

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/conf/blob_format.h"
#include "core/message/text_fold.h"
#include "core/plugin/module.h"
#include "core/sync/blob_sink.h"
#include "core/sync/dataset_input.h"
#include "core/sync/generations.h"
#include "core/sync/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Telling
 */

/* Lines of a file are warned of; rows of a table are problems of the database,
 * for as long as they are there. */
static void
tell_refusal(const WnDatasetJob *job, const WnBlobNeed *need, WnSpan line)
{
    g_autofree char *text = wn_span_dup(line);
    char *path = strchr(text, '\t');
    char *reason = strrchr(text, '\t');
    WnPlace place = wn_blob_need_place(need);
    uint64_t number = 0;

    if (path == NULL || path == reason)
        return;
    *path = *reason = '\0';
    wn_span_to_u64(wn_span_str(text), &number);
    place.file = path + 1;
    place.line = (unsigned)number;
    if (job->kept != NULL && g_str_has_prefix(place.file, WN_MIRROR_PLACE))
        wn_problems_add(job->kept, place, "%s", reason + 1);
    else
        wn_problems_warn(job->problems, place, "%s", reason + 1);
}

static void
tell_refusals(const WnDatasetJob *job, const WnBlobNeed *need, WnSpan rest)
{
    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;

        tell_refusal(job, need, wn_span(rest.ptr, len));
        rest = wn_span_slice(rest, len + 1, rest.len);
    }
}

/*
 * Compiling
 */

/* Rows between two signs of life. */
#define TRACE_ROWS 65536

/* What the plugin's compile() takes its rows from. */
typedef struct RowFeed {
    WnRows sdk; /* first */
    const WnDatasetJob *job;
    const char *plugin;
    const WnDataset *dataset;
    const WnRowSet *rows;
    size_t at;
    GString *folded;
    WnStr fields[WN_DATASET_COLUMNS_MAX + 1];
} RowFeed;

static void
trace(const WnDatasetJob *job, const char *plugin, const char *hook,
    uint64_t rows)
{
    if (job->trace != NULL)
        job->trace(job->trace_user, plugin, hook, rows);
}

/* The row as check_row and compile want it; folded is room for the field that
 * WN_DATASET_FOLDED adds. */
static void
to_sdk(const WnDataset *dataset, const WnSpan *fields, GString *folded,
    WnStr out[WN_DATASET_COLUMNS_MAX + 1])
{
    unsigned n = wn_dataset_n_columns(dataset);

    for (unsigned i = 0; i < n; i++)
        out[i] = (WnStr){ fields[i].ptr, fields[i].len };
    if ((dataset->flags & WN_DATASET_FOLDED) == 0)
        return;
    g_string_truncate(folded, 0);
    wn_text_fold_append(folded, fields[0], SIZE_MAX);
    out[n] = (WnStr){ folded->str, folded->len };
}

static const WnStr *
feed_next(WnRows *rows)
{
    RowFeed *self = (RowFeed *)rows;
    WnSpan fields[WN_ROWS_COLUMNS_MAX];

    if (self->at == wn_row_set_count(self->rows))
        return NULL;
    if (self->at % TRACE_ROWS == 0)
        trace(self->job, self->plugin, "compile", wn_row_set_count(self->rows));
    wn_row_set_fields(self->rows, self->at++, fields);
    to_sdk(self->dataset, fields, self->folded, self->fields);
    return self->fields;
}

static char *
judge_row(void *user, const WnSpan *fields)
{
    RowFeed *self = user;

    if (self->at++ % TRACE_ROWS == 0)
        trace(self->job, self->plugin, "check_row", 0);
    to_sdk(self->dataset, fields, self->folded, self->fields);
    return wn_dataset_refusal(self->dataset, self->fields);
}

static void
judge_rows(const WnDatasetJob *job, const WnBlobNeed *need, WnRowSet *rows)
{
    g_autoptr(GString) folded = g_string_new(NULL);
    RowFeed feed = { .job = job,
        .plugin = need->module->info->name,
        .dataset = wn_dataset_get(need->module, need->index),
        .folded = folded };

    wn_row_set_judge(rows, judge_row, &feed);
    trace(job, NULL, NULL, 0);
}

static bool
compile_payload(const WnDatasetJob *job, const WnBlobNeed *need,
    const WnRowSet *rows, WnBlobSink *sink, GError **error)
{
    const WnDataset *dataset = wn_dataset_get(need->module, need->index);
    g_autoptr(GString) folded = g_string_new(NULL);
    RowFeed feed = { .sdk = { .struct_size = sizeof(WnRows),
                         .next = feed_next },
        .job = job,
        .plugin = need->module->info->name,
        .dataset = dataset,
        .rows = rows,
        .folded = folded };
    const char *fault;
    bool ok;

    trace(job, feed.plugin, "compile", wn_row_set_count(rows));
    ok = wn_dataset_compile(dataset, &feed.sdk, &sink->sdk, error);
    trace(job, NULL, NULL, 0);
    fault = wn_blob_sink_finish(sink);
    if (fault != NULL) {
        ok = false;
        g_clear_error(error);
        g_set_error_literal(error, WN_ROWS_ERROR, 0, fault);
    }
    if (!ok)
        g_prefix_error(error, "cannot be compiled: ");
    return ok;
}

/* A list of which nothing can be used is a mistake in the list, like a file of
 * another kind in its place: it must not open the door that the rows kept shut.
 * An empty one is what somebody wants. */
static bool
has_good_rows(const WnDatasetJob *job, const WnBlobNeed *need,
    const WnRowSet *rows, const char *report, GError **error)
{
    const char *spoilt = wn_row_set_spoilt(rows);

    if (spoilt == NULL)
        return true;
    tell_refusals(job, need, wn_span_str(report));
    g_set_error(error, WN_ROWS_ERROR, 0, "%s: has no row that can be used",
        spoilt);
    return false;
}

static bool
check_payload(const WnDatasetJob *job, const WnBlobNeed *need,
    const WnBlobFile *blob, GError **error)
{
    bool ok;

    trace(job, need->module->info->name, "check", wn_blob_info(blob)->rows);
    ok = wn_dataset_check(wn_dataset_get(need->module, need->index),
        wn_blob_payload(blob), error);
    trace(job, NULL, NULL, 0);
    if (!ok)
        g_prefix_error(error, "the plugin refuses what it has compiled: ");
    return ok;
}

/* Fills the file; NULL with error. */
static WnBlobFile *
compile_into(const WnDatasetJob *job, const WnBlobNeed *need,
    WnDatasetInput *input, int fd, GError **error)
{
    const WnDataset *dataset = wn_dataset_get(need->module, need->index);
    g_autoptr(WnRowSet) rows = wn_dataset_input_read(input, error);
    g_autoptr(WnBlobFile) blob = NULL;
    g_autofree char *report = NULL;
    g_auto(WnBlobSink) sink = { .fd = -1 };
    WnBlobInfo info = { .format = dataset->format,
        .generation = job->generation,
        .built = wn_clock_unix(),
        .fingerprint = *wn_dataset_input_fingerprint(input) };

    if (rows == NULL)
        return NULL;
    judge_rows(job, need, rows);
    report = wn_row_set_report(rows);
    info.rows = wn_row_set_count(rows);
    wn_blob_sink_init(&sink, fd, wn_blob_payload_offset(strlen(report)),
        (uint64_t)WN_BLOB_MAX);
    if (!has_good_rows(job, need, rows, report, error)
        || !compile_payload(job, need, rows, &sink, error)
        || !wn_blob_seal(fd, &info, wn_span_str(report), need->name, error))
        return NULL;
    blob = wn_blob_open_fd(fd, need->name, error);
    if (blob == NULL)
        return NULL;
    return check_payload(job, need, blob, error) ? g_steal_pointer(&blob)
                                                 : NULL;
}

static char *
path_of(const WnDatasetJob *job, const WnBlobNeed *need)
{
    return g_build_filename(job->folder, need->name, NULL);
}

static WnBlobFile *
compile(const WnDatasetJob *job, const WnBlobNeed *need, WnDatasetInput *input,
    GError **error)
{
    g_autofree char *path = job->folder != NULL ? path_of(job, need) : NULL;
    wn_autofd fd = path != NULL
                       ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                       : memfd_create("dataset", MFD_CLOEXEC);
    WnBlobFile *blob;

    if (fd < 0) {
        wn_fd_set_error(error, errno, "create", path != NULL ? path : "memory");
        return NULL;
    }
    blob = compile_into(job, need, input, fd, error);
    if (blob == NULL && path != NULL)
        unlink(path);
    return blob;
}

/*
 * What is published
 */

static char *
published_path(const WnDatasetJob *job, uint64_t generation, const char *name)
{
    return g_strdup_printf("%s/snapshots/%" G_GUINT64_FORMAT "/data/%s",
        job->config->state, generation, name);
}

static uint32_t
format_of(const WnBlobNeed *need)
{
    return wn_dataset_get(need->module, need->index)->format;
}

/* A published blob that can be used, with that fingerprint or, NULL, any.  In
 * the job's folder stands a link to it then. */
static WnBlobFile *
take_published_of(const WnDatasetJob *job, uint64_t generation,
    const WnBlobNeed *need, const WnFingerprint *wanted)
{
    g_autofree char *path = published_path(job, generation, need->name);
    g_autoptr(WnBlobFile) blob = NULL;
    g_autofree char *own = NULL;
    WnFingerprint found;

    if (!wn_blob_read_fingerprint(path, &found)
        || (wanted != NULL && memcmp(&found, wanted, sizeof found) != 0))
        return NULL;
    blob = wn_blob_open(path, NULL);
    if (blob == NULL || wn_blob_info(blob)->format != format_of(need))
        return NULL;
    own = job->folder != NULL ? path_of(job, need) : NULL;
    return own == NULL || link(path, own) == 0 ? g_steal_pointer(&blob) : NULL;
}

/* The current generation's first: equal snapshots are known by equal files. */
static WnBlobFile *
take_published(const WnDatasetJob *job, const WnBlobNeed *need,
    const WnFingerprint *wanted)
{
    g_autofree char *folder = g_build_filename(job->config->state, "snapshots",
        NULL);
    uint64_t current = wn_snapshot_current_generation(job->config->state);
    g_autoptr(GArray) numbers = wn_generations_list(folder);
    WnBlobFile *blob = current > 0
                           ? take_published_of(job, current, need, wanted)
                           : NULL;

    for (unsigned i = numbers->len; blob == NULL && i > 0; i--)
        blob = take_published_of(job, g_array_index(numbers, uint64_t, i - 1),
            need, wanted);
    return blob;
}

/*
 * All together
 */

static WnDatasetResult
fail(const WnDatasetJob *job, const WnBlobNeed *need, const GError *error,
    WnBlobFile **out_blob)
{
    WnPlace place = wn_blob_need_place(need);
    WnBlobFile *blob = job->kept != NULL ? take_published(job, need, NULL)
                                         : NULL;

    if (blob != NULL) {
        wn_problems_add(job->kept, place,
            "%s; what was made of it before stays", error->message);
        *out_blob = blob;
        return WN_DATASET_STANDIN;
    }
    if (job->kept != NULL && job->config->source != WN_SOURCE_FILES)
        wn_problems_add(job->kept, place, "%s", error->message);
    else
        wn_problems_add(job->problems, place, "%s", error->message);
    return WN_DATASET_FAILED;
}

WnDatasetResult
wn_dataset_make(const WnDatasetJob *job, const WnBlobNeed *need,
    WnBlobFile **out_blob)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(WnDatasetInput)
        input = wn_dataset_input_open(need, job->config, &error);

    *out_blob = NULL;
    if (input == NULL)
        return fail(job, need, error, out_blob);
    if (wn_dataset_input_is_empty(input))
        return WN_DATASET_NONE;
    *out_blob = take_published(job, need, wn_dataset_input_fingerprint(input));
    if (*out_blob != NULL) {
        tell_refusals(job, need, wn_blob_report(*out_blob));
        return WN_DATASET_SAME;
    }
    *out_blob = compile(job, need, input, &error);
    if (*out_blob == NULL)
        return fail(job, need, error, out_blob);
    tell_refusals(job, need, wn_blob_report(*out_blob));
    return WN_DATASET_NEW;
}

static bool
make_folder(const WnDatasetJob *job)
{
    if (job->folder == NULL || g_mkdir(job->folder, 0700) == 0)
        return true;
    wn_problems_add(job->problems, (WnPlace){ .file = job->folder },
        "cannot be made: %s", g_strerror(errno));
    return false;
}

void
wn_dataset_make_all(const WnDatasetJob *job, const WnBlobNeeds *needs)
{
    unsigned n = wn_blob_needs_count(needs);

    if (n == 0 || !make_folder(job))
        return;
    for (unsigned i = 0; i < n; i++) {
        g_autoptr(WnBlobFile) blob = NULL;

        wn_dataset_make(job, wn_blob_needs_get(needs, i), &blob);
    }
}
