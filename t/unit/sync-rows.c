/* SPDX-License-Identifier: MIT */
#include "core/sync/rows.h"

#include "core/base/fd.h"
#include "core/base/publish.h"

#include <glib/gstdio.h>
#include <unistd.h>

typedef struct Fixture {
    char *folder;
    char *path;
} Fixture;

static void
set_up(Fixture *self)
{
    g_autofree char *mirror = NULL;

    self->folder = g_dir_make_tmp("rows-XXXXXX", NULL);
    mirror = g_build_filename(self->folder, "mirror", NULL);
    g_assert_cmpint(g_mkdir(mirror, 0700), ==, 0);
    self->path = wn_rows_path(self->folder, "url_entry");
}

static void
tear_down(Fixture *self)
{
    g_assert_true(wn_folder_remove(self->folder, NULL));
    g_free(self->folder);
    g_free(self->path);
}

static void
add(WnRowsWriter *writer, const char *key, const char *source)
{
    WnSpan fields[] = { wn_span_str(key), wn_span_str(source) };
    g_autoptr(GError) error = NULL;

    wn_rows_writer_add(writer, fields, &error);
    g_assert_no_error(error);
}

/* "bad.example" twice as long, a key with bytes above 127, an empty field. */
static void
write_three(const Fixture *self)
{
    g_autoptr(WnRowsWriter) writer = wn_rows_writer_new(2);
    g_autoptr(GError) error = NULL;

    add(writer, "bad.example", "hand");
    add(writer, "bad.example/x", "");
    add(writer, "\xc3\xa9.example", "feed");
    wn_rows_writer_publish(writer, self->path, 7, &error);
    g_assert_no_error(error);
}

static void
test_round_trip(void)
{
    static const char *const expected[][2] = { { "bad.example", "hand" },
        { "bad.example/x", "" }, { "\xc3\xa9.example", "feed" } };
    g_autoptr(GError) error = NULL;
    g_autoptr(WnRowsFile) rows = NULL;
    WnSpan fields[2], again[2];
    size_t offset = 0;
    Fixture self;

    set_up(&self);
    g_assert_null(wn_rows_open(self.path, &error));
    g_assert_no_error(error);
    write_three(&self);
    rows = wn_rows_open(self.path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(wn_rows_count(rows), ==, 3);
    g_assert_cmpuint(wn_rows_revision(rows), ==, 7);
    g_assert_cmpuint(wn_rows_n_columns(rows), ==, 2);
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_true(wn_rows_next(rows, &offset, fields));
        g_assert_cmpstr(fields[0].ptr, ==, expected[i][0]);
        g_assert_cmpstr(fields[1].ptr, ==, expected[i][1]);
        g_assert_true(wn_rows_at(rows, fields[0].ptr, again));
        g_assert_true(again[1].ptr == fields[1].ptr);
    }
    g_assert_false(wn_rows_next(rows, &offset, fields));
    tear_down(&self);
}

static void
test_no_rows(void)
{
    g_autoptr(WnRowsWriter) writer = wn_rows_writer_new(1);
    g_autoptr(GError) error = NULL;
    g_autoptr(WnRowsFile) rows = NULL;
    WnSpan field;
    size_t offset = 0;
    Fixture self;

    set_up(&self);
    g_assert_true(wn_rows_writer_publish(writer, self.path, 1, &error));
    rows = wn_rows_open(self.path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(wn_rows_count(rows), ==, 0);
    g_assert_false(wn_rows_next(rows, &offset, &field));
    tear_down(&self);
}

static void
test_writer_refuses(void)
{
    g_autofree char *huge = g_strnfill(WN_ROWS_FIELD_MAX + 1, 'x');
    const struct {
        const char *name;
        WnSpan key, other;
    } cases[] = {
        { "the same again", WN_SPAN("mm"), WN_SPAN("") },
        { "a lesser one", WN_SPAN("ma"), WN_SPAN("") },
        { "its beginning", WN_SPAN("m"), WN_SPAN("") },
        { "empty", WN_SPAN(""), WN_SPAN("") },
        { "a NUL in the key", { "n\0n", 3 }, WN_SPAN("") },
        { "a NUL elsewhere", WN_SPAN("nn"), { "\0", 1 } },
        { "too long", wn_span_str(huge), WN_SPAN("") },
        { "too long elsewhere", WN_SPAN("nn"), wn_span_str(huge) },
    };
    g_autoptr(WnRowsWriter) writer = wn_rows_writer_new(2);

    add(writer, "mm", "");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WnSpan fields[] = { cases[i].key, cases[i].other };
        g_autoptr(GError) error = NULL;

        g_test_message("%s", cases[i].name);
        g_assert_false(wn_rows_writer_add(writer, fields, &error));
        g_assert_error(error, WN_ROWS_ERROR, 0);
    }
    add(writer, "mn", "");
}

static bool
opens(const char *bytes, size_t len)
{
    wn_autofd fd = wn_fd_sealed_memory("rows", wn_span(bytes, len));
    g_autoptr(GError) error = NULL;
    g_autoptr(WnRowsFile) rows = wn_rows_open_fd(fd, "rows", &error);

    g_assert_true((rows == NULL) == (error != NULL));
    return rows != NULL;
}

/* Every cut, every byte, something behind. */
static void
test_damage(void)
{
    g_autofree char *bytes = NULL;
    g_autofree char *longer = NULL;
    gsize len;
    Fixture self;

    set_up(&self);
    write_three(&self);
    g_assert_true(g_file_get_contents(self.path, &bytes, &len, NULL));
    g_assert_true(opens(bytes, len));
    for (gsize i = 0; i < len; i++)
        g_assert_false(opens(bytes, i));
    for (gsize i = 0; i < len; i++) {
        bytes[i] ^= 0x10;
        g_assert_false(opens(bytes, len));
        bytes[i] ^= 0x10;
    }
    longer = g_malloc0(len + 1);
    memcpy(longer, bytes, len);
    g_assert_false(opens(longer, len + 1));
    tear_down(&self);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rows/round-trip", test_round_trip);
    g_test_add_func("/rows/none", test_no_rows);
    g_test_add_func("/rows/writer-refuses", test_writer_refuses);
    g_test_add_func("/rows/damage", test_damage);
    return g_test_run();
}
