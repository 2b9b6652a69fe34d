/* SPDX-License-Identifier: MIT */
#include "core/sync/dataset.h"

#include "core/base/fd.h"
#include "core/base/publish.h"
#include "core/plugin/module.h"
#include "core/sync/blob_sink.h"
#include "core/sync/rows.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A plugin whose blob is the rows as text.  Rows tell it what to do wrong.
 */

static int32_t
check_row(const WnStr *fields, WnError *err)
{
    if (strncmp(fields[0].ptr, "no", 2) != 0)
        return WN_OK;
    g_snprintf(err->text, sizeof err->text, "no means\nno");
    return WN_E_INVALID;
}

static int32_t
compile_row(const WnStr *row, WnSink *sink, WnError *err)
{
    if (strcmp(row[0].ptr, "fail") == 0) {
        g_snprintf(err->text, sizeof err->text, "asked to fail");
        return WN_E_FAILED;
    }
    if (strcmp(row[0].ptr, "beyond") == 0)
        return sink->write_at(sink, 1000, "x", 1);
    if (strcmp(row[0].ptr, "silently") == 0)
        return sink->write_at(sink, 1000, "x", 1) == WN_OK; /* as if well */
    sink->write(sink, row[0].ptr, row[0].len);
    sink->write(sink, ",", 1);
    sink->write(sink, row[1].ptr, row[1].len);
    return sink->write(sink, ";", 1);
}

static int32_t
compile(WnRows *rows, WnSink *sink, WnError *err)
{
    const WnStr *row;

    if (sink->write(sink, "?", 1) != WN_OK)
        return WN_E_FAILED;
    while ((row = rows->next(rows)) != NULL)
        if (compile_row(row, sink, err) != WN_OK)
            return WN_E_FAILED;
    return sink->write_at(sink, 0, "!", 1);
}

static int32_t
check_blob(const void *blob, size_t size, WnError *err)
{
    (void)err;
    return memmem(blob, size, "unsound", 7) == NULL ? WN_OK : WN_E_FAILED;
}

static int32_t
plugin_new(const WnHost *host, const WnSettings *settings, void **self,
    WnError *err)
{
    (void)host;
    (void)settings;
    (void)self;
    (void)err;
    return WN_OK;
}

static const WnOption options[] = {
    { .name = "words",
        .help = "w",
        .type = WN_OPT_STRING_LIST,
        .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE,
        .fallback = "" },
};
static const WnDataset datasets[] = {
    { .name = "words",
        .source = "word_entry",
        .columns = "value,source",
        .format = 4,
        .check_row = check_row,
        .compile = compile,
        .check = check_blob },
};
static const WnFilter filter = { .struct_size = sizeof(WnFilter) };
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "wordy",
    .version = "1", WN_OPTIONS(options), WN_DATASETS(datasets),
    .instance_new = plugin_new, .filter = &filter };

typedef struct Fixture {
    char *folder;
    WnConfig *config;
    WnLoader *loader;
    WnBlobNeed need;
    WnProblems *problems;
    WnProblems *kept;
    WnDatasetJob job;
} Fixture;

static void
write_file(const Fixture *self, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(self->folder, name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* A file that has been as it is for some time. */
static void
write_list(const Fixture *self, const char *text)
{
    static int64_t second = 1000000;
    g_autofree char *path = g_build_filename(self->folder, "list", NULL);
    struct timespec times[2] = { { second, 0 }, { second, 0 } };

    second++;
    write_file(self, "list", text);
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
}

static void
set_up(Fixture *self, const char *source)
{
    g_autofree char *path = NULL;
    g_autofree char *text = g_strdup_printf("[server]\n"
                                            "hostname = relay.example\n"
                                            "state = state\n"
                                            "[settings]\nsource = %s\n",
        source);

    *self = (Fixture){ .folder = g_dir_make_tmp("dataset-XXXXXX", NULL) };
    write_file(self, "winnow.conf", text);
    path = g_build_filename(self->folder, "winnow.conf", NULL);
    self->problems = wn_problems_new();
    self->kept = wn_problems_new();
    self->config = wn_config_read(path, self->problems);
    self->loader = wn_loader_new(self->folder);
    wn_loader_add_static(self->loader, &plugin);
    self->need.module = wn_loader_get(self->loader, "wordy", NULL);
    self->need.paths = g_new0(char *, 2);
    self->need.paths[0] = g_build_filename(self->folder, "list", NULL);
    self->need.name = wn_dataset_blob_name(self->need.module, 0,
        (const char *const *)self->need.paths);
    self->need.file = g_strdup("conf.d/30-wordy.conf");
    self->need.line = 4;
    self->need.group = g_strdup("filter wordy");
    self->job = (WnDatasetJob){ .config = self->config,
        .generation = 1,
        .kept = self->kept,
        .problems = self->problems };
}

static void
tear_down(Fixture *self)
{
    g_assert_true(wn_folder_remove(self->folder, NULL));
    wn_loader_free(self->loader);
    wn_config_free(self->config);
    wn_problems_free(self->problems);
    wn_problems_free(self->kept);
    g_strfreev(self->need.paths);
    g_free(self->need.name);
    g_free(self->need.file);
    g_free(self->need.group);
    g_free(self->folder);
}

/* Makes the blob as that generation's. */
static WnDatasetResult
publish(Fixture *self, unsigned generation)
{
    g_autofree char *data = g_strdup_printf("%s/state/snapshots/%u/data",
        self->folder, generation);
    g_autofree char *link_path = g_build_filename(self->folder, "state",
        "snapshots", "current", NULL);
    g_autofree char *name = g_strdup_printf("%u", generation);
    g_autoptr(WnBlobFile) blob = NULL;
    WnDatasetResult result;

    g_assert_cmpint(g_mkdir_with_parents(data, 0700), ==, 0);
    self->job.folder = data;
    self->job.generation = generation;
    result = wn_dataset_make(&self->job, &self->need, &blob);
    self->job.folder = NULL;
    g_assert_true(wn_link_publish(link_path, name, NULL));
    return result;
}

static ino_t
inode_of(const Fixture *self, unsigned generation)
{
    g_autofree char *path = g_strdup_printf("%s/state/snapshots/%u/data/%s",
        self->folder, generation, self->need.name);
    struct stat st;

    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* In memory: the payload, or the problem. */
static char *
make(Fixture *self, WnDatasetResult expected)
{
    g_autoptr(WnBlobFile) blob = NULL;
    WnDatasetResult result = wn_dataset_make(&self->job, &self->need, &blob);

    g_assert_cmpint(result, ==, expected);
    return blob != NULL ? wn_span_dup(wn_blob_payload(blob)) : NULL;
}

static void
test_rows_to_payload(void)
{
    g_autofree char *payload = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    Fixture self;

    set_up(&self, "files");
    write_list(&self, "b\nnope\na\na\n");
    payload = make(&self, WN_DATASET_NEW);
    g_assert_cmpstr(payload, ==, "!a,;b,;");
    wn_problems_print(self.problems, text);
    g_assert_nonnull(strstr(text->str,
        "/list:2: warning: [filter wordy] words: row left out: no means no\n"));
    g_assert_cmpuint(wn_problems_count(self.problems), ==, 0);
    tear_down(&self);
}

static void
test_faults(void)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        { "fail\n", "cannot be compiled: asked to fail" },
        { "beyond\n",
            "cannot be compiled: it writes over what it has not written" },
        { "silently\n",
            "cannot be compiled: it writes over what it has not written" },
        { "unsound\n", "the plugin refuses what it has compiled: the plugin "
                       "gives no reason" },
        { "no\nnope\n", "/list: has no row that can be used" },
        { NULL, "No such file or directory" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        Fixture self;

        g_test_message("%s", cases[i].problem);
        set_up(&self, "files");
        if (cases[i].text != NULL)
            write_list(&self, cases[i].text);
        g_assert_null(make(&self, WN_DATASET_FAILED));
        wn_problems_print(self.problems, text);
        g_assert_nonnull(strstr(text->str, cases[i].problem));
        g_assert_nonnull(strstr(text->str,
            "conf.d/30-wordy.conf:4: [filter wordy] words: "));
        g_assert_cmpint(publish(&self, 1), ==, WN_DATASET_FAILED);
        g_assert_cmpuint(inode_of(&self, 1), ==, 0);
        tear_down(&self);
    }
}

static void
test_special_files(void)
{
    g_autofree char *path = NULL;
    Fixture self;

    set_up(&self, "files");
    path = g_build_filename(self.folder, "list", NULL);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_assert_null(make(&self, WN_DATASET_FAILED));
    g_assert_nonnull(strstr(wn_problems_get(self.problems, 0)->text,
        "is not a regular file"));
    tear_down(&self);
}

/* The same files: a link, or the published one mapped.  Others: compiled. */
static void
test_unchanged(void)
{
    g_autofree char *payload = NULL;
    Fixture self;

    set_up(&self, "files");
    write_list(&self, "a\nno\n");
    g_assert_cmpint(publish(&self, 1), ==, WN_DATASET_NEW);
    g_assert_cmpint(publish(&self, 2), ==, WN_DATASET_SAME);
    g_assert_cmpuint(inode_of(&self, 1), ==, inode_of(&self, 2));
    payload = make(&self, WN_DATASET_SAME);
    g_assert_cmpstr(payload, ==, "!a,;");
    g_assert_cmpuint(wn_problems_n_warnings(self.problems), ==, 1);
    write_list(&self, "b\nno\n");
    g_assert_cmpint(publish(&self, 3), ==, WN_DATASET_NEW);
    g_assert_cmpuint(inode_of(&self, 2), !=, inode_of(&self, 3));
    tear_down(&self);
}

/* A list that was changed just before may change again unseen. */
static void
test_fresh_file_is_not_trusted(void)
{
    Fixture self;

    set_up(&self, "files");
    write_file(&self, "list", "a\n");
    g_assert_cmpint(publish(&self, 1), ==, WN_DATASET_NEW);
    g_usleep(60 * 1000);
    g_assert_cmpint(publish(&self, 2), ==, WN_DATASET_NEW);
    g_assert_cmpint(publish(&self, 3), ==, WN_DATASET_SAME);
    tear_down(&self);
}

static void
test_failure_keeps_the_last(void)
{
    g_autofree char *path = NULL;
    Fixture self;

    set_up(&self, "files");
    path = g_build_filename(self.folder, "list", NULL);
    write_list(&self, "a\n");
    publish(&self, 1);
    write_list(&self, "fail\n");
    g_assert_cmpint(publish(&self, 2), ==, WN_DATASET_STANDIN);
    g_assert_cmpuint(inode_of(&self, 1), ==, inode_of(&self, 2));
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(publish(&self, 3), ==, WN_DATASET_STANDIN);
    g_assert_cmpuint(wn_problems_count(self.kept), ==, 2);
    g_assert_cmpuint(wn_problems_count(self.problems), ==, 0);
    self.job.kept = NULL; /* a check takes nothing for good */
    g_assert_null(make(&self, WN_DATASET_FAILED));
    tear_down(&self);
}

static void
write_table(const Fixture *self, const char *key)
{
    g_autofree char *mirror = g_build_filename(self->config->state, "mirror",
        NULL);
    g_autofree char *path = wn_rows_path(self->config->state, "word_entry");
    g_autoptr(WnRowsWriter) writer = wn_rows_writer_new(2);
    const WnSpan row[] = { wn_span_str(key), WN_SPAN("db") };

    g_assert_cmpint(g_mkdir_with_parents(mirror, 0700), ==, 0);
    g_assert_true(wn_rows_writer_add(writer, row, NULL));
    g_assert_true(wn_rows_writer_publish(writer, path, 1, NULL));
}

/* Rows that were refused, all of them, are a mistake; no rows are a wish. */
static void
test_refused_rows_keep_the_last(void)
{
    g_autofree char *nothing = NULL;
    Fixture self;

    set_up(&self, "files");
    write_list(&self, "a\n");
    publish(&self, 1);
    write_list(&self, "no\nnope\n");
    g_assert_cmpint(publish(&self, 2), ==, WN_DATASET_STANDIN);
    g_assert_cmpuint(inode_of(&self, 1), ==, inode_of(&self, 2));
    g_assert_cmpuint(wn_problems_count(self.kept), ==, 1);
    g_assert_cmpuint(wn_problems_n_warnings(self.problems), ==, 2);
    write_list(&self, "# nothing\n");
    g_assert_cmpint(publish(&self, 3), ==, WN_DATASET_NEW);
    nothing = make(&self, WN_DATASET_SAME);
    g_assert_cmpstr(nothing, ==, "!");
    tear_down(&self);
}

/* One of several lists: the others do not make up for it. */
static void
test_one_spoilt_list(void)
{
    Fixture self;

    set_up(&self, "mariadb");
    write_table(&self, "m");
    write_list(&self, "a\n");
    publish(&self, 1);
    write_list(&self, "no\nnope\n");
    g_assert_cmpint(publish(&self, 2), ==, WN_DATASET_STANDIN);
    write_list(&self, "no\nm\n");
    g_assert_cmpint(publish(&self, 3), ==, WN_DATASET_NEW);
    write_table(&self, "no");
    write_list(&self, "a\nb\n");
    g_assert_cmpint(publish(&self, 4), ==, WN_DATASET_STANDIN);
    tear_down(&self);
}

/* A published file that is damaged is made anew. */
static void
test_damaged_is_not_linked(void)
{
    g_autofree char *path = NULL;
    Fixture self;

    set_up(&self, "files");
    write_list(&self, "a\n");
    publish(&self, 1);
    path = g_strdup_printf("%s/state/snapshots/1/data/%s", self.folder,
        self.need.name);
    g_assert_cmpint(truncate(path, 193), ==, 0);
    g_assert_cmpint(publish(&self, 2), ==, WN_DATASET_NEW);
    tear_down(&self);
}

static void
test_table(void)
{
    g_autofree char *both = NULL;
    g_autofree char *alone = NULL;
    Fixture self;

    set_up(&self, "mariadb");
    g_clear_pointer(&self.need.paths[0], g_free);
    g_assert_null(make(&self, WN_DATASET_NONE));
    write_table(&self, "m");
    alone = make(&self, WN_DATASET_NEW);
    g_assert_cmpstr(alone, ==, "!m,db;");
    self.need.paths[0] = g_build_filename(self.folder, "list", NULL);
    write_list(&self, "z\nm\na\n");
    both = make(&self, WN_DATASET_NEW);
    g_assert_cmpstr(both, ==, "!a,;m,db;z,;");
    tear_down(&self);
}

static void
test_table_is_for_databases(void)
{
    Fixture self;

    set_up(&self, "files");
    g_clear_pointer(&self.need.paths[0], g_free);
    write_table(&self, "m");
    g_assert_null(make(&self, WN_DATASET_NONE));
    tear_down(&self);
}

static void
test_damaged_table(void)
{
    g_autofree char *path = NULL;
    Fixture self;

    set_up(&self, "mariadb");
    write_list(&self, "a\n");
    write_table(&self, "m");
    path = wn_rows_path(self.config->state, "word_entry");
    g_assert_cmpint(truncate(path, 70), ==, 0);
    g_assert_null(make(&self, WN_DATASET_FAILED));
    g_assert_cmpuint(wn_problems_count(self.kept), ==, 1);
    tear_down(&self);
}

static char *
contents(int fd)
{
    size_t len = (size_t)lseek(fd, 0, SEEK_END);
    char *text = g_malloc0(len + 1);

    g_assert_true(wn_fd_pread_all(fd, text, len, 0));
    return text;
}

/* Across the buffer's end, over what is in the file and what is not yet. */
static void
test_sink(void)
{
    wn_autofd fd = memfd_create("sink", MFD_CLOEXEC);
    g_autofree char *big = g_strnfill(3u << 20, 'b');
    g_autofree char *text = NULL;
    g_auto(WnBlobSink) sink;
    WnSink *sdk = &sink.sdk;

    wn_blob_sink_init(&sink, fd, 8, 4u << 20);
    g_assert_cmpint(sdk->write(sdk, "aaaa", 4), ==, WN_OK);
    g_assert_cmpint(sdk->write(sdk, big, 3u << 20), ==, WN_OK);
    g_assert_cmpint(sdk->write(sdk, "cccc", 4), ==, WN_OK);
    g_assert_cmpint(sdk->write_at(sdk, 0, "A", 1), ==, WN_OK);
    g_assert_cmpint(sdk->write_at(sdk, (3u << 20) + 2, "XXXX", 4), ==, WN_OK);
    g_assert_cmpint(sdk->write_at(sdk, (3u << 20) + 8, "", 0), ==, WN_OK);
    g_assert_null(wn_blob_sink_finish(&sink));
    text = contents(fd);
    g_assert_cmpuint(lseek(fd, 0, SEEK_END), ==, 8 + (3 << 20) + 8);
    g_assert_cmpstr(text + 8 + (3 << 20), ==, "bbXXXXcc");
    g_assert_true(g_str_has_prefix(text + 8, "Aaaabb"));
    g_assert_cmpint(sdk->write(sdk, big, 3u << 20), ==, WN_E_LIMIT);
    g_assert_cmpint(sdk->write(sdk, "a", 1), ==, WN_E_FAILED);
    g_assert_nonnull(wn_blob_sink_finish(&sink));
}

static void
test_sink_bounds(void)
{
    static const struct {
        uint64_t offset;
        size_t size;
    } cases[] = { { 5, 0 }, { 4, 1 }, { 0, 5 }, { UINT64_MAX, 1 },
        { 1, SIZE_MAX } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        wn_autofd fd = memfd_create("sink", MFD_CLOEXEC);
        g_auto(WnBlobSink) sink;
        WnSink *sdk = &sink.sdk;

        wn_blob_sink_init(&sink, fd, 0, 1000);
        g_assert_cmpint(sdk->write(sdk, "abcd", 4), ==, WN_OK);
        g_assert_cmpint(sdk->write_at(sdk, cases[i].offset, "x", cases[i].size),
            ==, WN_E_INVALID);
        g_assert_nonnull(wn_blob_sink_finish(&sink));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dataset/rows-to-payload", test_rows_to_payload);
    g_test_add_func("/dataset/faults", test_faults);
    g_test_add_func("/dataset/special-files", test_special_files);
    g_test_add_func("/dataset/unchanged", test_unchanged);
    g_test_add_func("/dataset/fresh-file", test_fresh_file_is_not_trusted);
    g_test_add_func("/dataset/failure-keeps", test_failure_keeps_the_last);
    g_test_add_func("/dataset/refused-rows-keep-the-last",
        test_refused_rows_keep_the_last);
    g_test_add_func("/dataset/one-spoilt-list", test_one_spoilt_list);
    g_test_add_func("/dataset/damaged", test_damaged_is_not_linked);
    g_test_add_func("/dataset/table", test_table);
    g_test_add_func("/dataset/files-only", test_table_is_for_databases);
    g_test_add_func("/dataset/damaged-table", test_damaged_table);
    g_test_add_func("/dataset/sink", test_sink);
    g_test_add_func("/dataset/sink-bounds", test_sink_bounds);
    return g_test_run();
}
