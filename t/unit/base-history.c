/* SPDX-License-Identifier: MIT */
#include "core/base/history.h"

#include "core/base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/history-fixture.h"

static void
overwrite(const Fixture *self, uint64_t offset, WnSpan bytes)
{
    g_assert_true(wn_fd_pwrite_all(self->fd, bytes, offset));
}

static void
set_head(const Fixture *self, uint64_t head)
{
    overwrite(self, offsetof(WnHistoryHeader, head),
        wn_span(&head, sizeof head));
}

static void
test_append(void)
{
    g_auto(Fixture) f = { 0 };
    g_autofree char *longest = g_strnfill(WN_HISTORY_LINE_MAX, 'x');
    g_autofree char *too_long = g_strnfill(WN_HISTORY_LINE_MAX + 1, 'y');
    struct stat st;

    fixture_init(&f);
    assert_lines(&f, "");
    append(&f, "one\n");
    append(&f, "two");
    append(&f, "");
    append(&f, "\n");
    append(&f, too_long);
    append(&f, "12345678"); /* no padding */
    assert_lines(&f, "one|two|12345678");
    append(&f, longest);
    g_assert_cmpint(get_head(&f) % WN_HISTORY_STEP, ==, 0);
    g_assert_cmpint(fstat(f.fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, SIZE);
    g_assert_cmpint(st.st_blocks * 512, >=, SIZE); /* no hole to be filled */
    g_assert_cmpint(st.st_mode & 0777, ==, 0640);
    detach(&f);
    attach(&f, SIZE, WN_HISTORY_KEPT);
    append(&f, "again");
    {
        g_autofree char *lines = read_all(f.path);

        g_assert_true(g_str_has_prefix(lines, "one|two|12345678|xxx"));
        g_assert_true(g_str_has_suffix(lines, "xxx|again"));
    }
}

/* The last ones are there, all of them, in their order. */
static void
assert_tail(const Fixture *f, unsigned last)
{
    g_autoptr(WnHistoryReader) reader = wn_history_reader_new(f->path, NULL);
    unsigned n = 0, first = 0;
    uint64_t bytes = 0;
    WnSpan line;

    while (wn_history_reader_next(reader, &line)) {
        g_autofree char *text = wn_span_dup(line);
        unsigned number = (unsigned)g_ascii_strtoull(text, NULL, 10);

        if (n == 0)
            first = number;
        g_assert_cmpuint(number, ==, first + n);
        bytes += wn_history_record_len((uint32_t)line.len);
        n++;
    }
    g_assert_cmpuint(first + n - 1, ==, last);
    g_assert_cmpuint(bytes, <=, RING_LEN);
    g_assert_cmpuint(bytes, >, RING_LEN - 2 * 1024);
}

static void
test_wrap(void)
{
    g_auto(Fixture) f = { 0 };
    g_autofree char *filler = g_strnfill(1000, 'f');

    fixture_init(&f);
    for (unsigned i = 1; i <= 5000; i++) {
        g_autofree char *text = g_strdup_printf("%u %.*s", i, (int)(i % 997),
            filler);

        append(&f, text);
        if (i > 3000 && i % 500 == 0)
            assert_tail(&f, i);
    }
    g_assert_cmpuint(get_head(&f), >, 2 * RING_LEN);
}

/* Positions have a long way to go, but lines at each end of the ring meet all
 * of them. */
static void
test_every_offset(void)
{
    g_auto(Fixture) f = { 0 };

    fixture_init(&f);
    for (unsigned back = 0; back <= 128; back += WN_HISTORY_STEP) {
        set_head(&f, 3 * RING_LEN - back);
        append(&f, "a line that is cut in two by the end");
        append(&f, "next");
        {
            g_autofree char *lines = read_all(f.path);

            g_assert_true(g_str_has_suffix(lines,
                "a line that is cut in two by the end|next"));
        }
    }
}

static void
test_damage(void)
{
    static const struct {
        const char *name;
        size_t at; /* in the second record */
        WnSpan bytes;
    } cases[] = {
        { "never finished", 0, WN_SPAN("\0\0\0\0") },
        { "length of 0", 4, WN_SPAN("\0\0\0\0") },
        { "length out of bounds", 4, WN_SPAN("\xff\xff\xff\xff") },
        { "length past the head", 4, WN_SPAN("\x00\x10\x00\x00") },
        { "longer than it is", 4, WN_SPAN("\x08\x00\x00\x00") },
        { "position of another lap", 8, WN_SPAN("\x01") },
        { "checksum", 16, WN_SPAN("\x00\x00\x00\x00") },
        { "text", 24, WN_SPAN("T") },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Fixture) f = { 0 };
        uint64_t second;

        g_test_message("%s", cases[i].name);
        fixture_init(&f);
        append(&f, "one");
        second = WN_HISTORY_HEADER_LEN + get_head(&f);
        append(&f, "two");
        append(&f, "three");
        assert_lines(&f, "one|two|three");
        overwrite(&f, second + cases[i].at, cases[i].bytes);
        assert_lines(&f, "one|three");
    }
}

/* A writer that was killed between its reservation and its record. */
static void
test_abandoned(void)
{
    g_auto(Fixture) f = { 0 };

    fixture_init(&f);
    append(&f, "one");
    set_head(&f, get_head(&f) + 4096);
    append(&f, "two");
    set_head(&f, get_head(&f) + 8);
    assert_lines(&f, "one|two");
    set_head(&f, get_head(&f) + 3); /* which no writer does */
    append(&f, "three");
    assert_lines(&f, "one|two|three");
}

/* Records of the lap before stand where a gap is now. */
static void
test_stale_records(void)
{
    g_auto(Fixture) f = { 0 };

    fixture_init(&f);
    append(&f, "old");
    append(&f, "older");
    set_head(&f, RING_LEN);
    assert_lines(&f, "old|older");
    set_head(&f, RING_LEN + 128);
    append(&f, "new");
    assert_lines(&f, "new");
}

static void
check_file(const char *name, WnSpan head, int64_t size, WnHistoryBefore wanted)
{
    g_auto(Fixture) f = { 0 };
    g_autoptr(GError) error = NULL;
    g_autoptr(WnHistoryReader) reader = NULL;

    g_test_message("%s", name);
    fixture_init(&f);
    append(&f, "one");
    overwrite(&f, 0, head);
    detach(&f);
    g_assert_cmpint(truncate(f.path, size), ==, 0);
    reader = wn_history_reader_new(f.path, &error);
    g_assert_true((reader == NULL) == (wanted == WN_HISTORY_DAMAGED));
    attach(&f, SIZE, wanted);
    append(&f, "two");
    assert_lines(&f, wanted == WN_HISTORY_KEPT ? "one|two" : "two");
}

static void
test_foreign_files(void)
{
    static const char far_head[] = "\xff\xff\xff\xff\xff\xff\xff\xff";
    char page[sizeof(WnHistoryHeader)] = "WNHIST\r\n";

    check_file("untouched", WN_SPAN_EMPTY, SIZE, WN_HISTORY_KEPT);
    check_file("no magic", WN_SPAN("x"), SIZE, WN_HISTORY_DAMAGED);
    check_file("checksum", WN_SPAN("WNHIST\r\n\1\0\0\0x"), SIZE,
        WN_HISTORY_DAMAGED);
    check_file("all else is 0", wn_span(page, sizeof page), SIZE,
        WN_HISTORY_DAMAGED);
    check_file("empty", WN_SPAN_EMPTY, 0, WN_HISTORY_DAMAGED);
    check_file("its first page alone", WN_SPAN_EMPTY, WN_HISTORY_HEADER_LEN,
        WN_HISTORY_DAMAGED);
    check_file("cut short", WN_SPAN_EMPTY, SIZE - 8, WN_HISTORY_DAMAGED);
    check_file("longer", WN_SPAN_EMPTY, SIZE * 2, WN_HISTORY_DAMAGED);
    memset(page, 0, sizeof page);
    {
        g_auto(Fixture) f = { 0 };

        fixture_init(&f);
        append(&f, "one");
        overwrite(&f, offsetof(WnHistoryHeader, head), wn_span(far_head, 8));
        append(&f, "writers keep inside"); /* and 64 bits go round */
        append(&f, "whatever stands there");
        set_head(&f, UINT64_MAX - 7);
        detach(&f);
        attach(&f, SIZE, WN_HISTORY_DAMAGED);
    }
}

/* Nothing is read from, or written to, what is no file of ours. */
static void
test_links(void)
{
    g_auto(Fixture) f = { 0 };
    g_autofree char *target = NULL;
    g_autofree char *text = NULL;

    fixture_init(&f);
    detach(&f);
    target = g_build_filename(f.folder, "target", NULL);
    g_assert_true(g_file_set_contents(target, "theirs", -1, NULL));
    g_unlink(f.path);
    g_assert_cmpint(symlink(target, f.path), ==, 0);
    g_assert_null(wn_history_reader_new(f.path, NULL));
    attach(&f, SIZE, WN_HISTORY_DAMAGED);
    append(&f, "ours");
    assert_lines(&f, "ours");
    g_assert_true(g_file_get_contents(target, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "theirs");
    g_unlink(target);
}

static void
test_no_place(void)
{
    g_autoptr(GError) error = NULL;
    WnHistoryBefore before;

    g_assert_cmpint(wn_history_open("/nonexistent/history", SIZE, &before,
                        &error),
        ==, -1);
    g_assert_nonnull(error);
    g_assert_null(wn_history_reader_new("/nonexistent/history", NULL));
}

static void
test_resize(void)
{
    g_auto(Fixture) f = { 0 };
    g_autofree char *old = NULL;
    g_autofree char *lines = NULL;
    WnHistory *still;
    int still_fd;

    fixture_init(&f);
    append(&f, "small");
    still = g_steal_pointer(&f.history);
    still_fd = wn_fd_steal(&f.fd);
    attach(&f, 2 * SIZE + 100, WN_HISTORY_RESIZED);
    append(&f, "large");
    /* A program that has the former one open goes on. */
    g_assert_true(wn_history_append(still, WN_SPAN("late")));
    wn_history_free(still);
    wn_fd_close(still_fd);
    assert_lines(&f, "large");
    old = g_strconcat(f.path, ".old", NULL);
    lines = read_all(old);
    g_assert_cmpstr(lines, ==, "small|late");
    detach(&f);
    attach(&f, 2 * SIZE + 100, WN_HISTORY_KEPT);
    detach(&f);
    attach(&f, SIZE, WN_HISTORY_RESIZED);
    g_free(g_steal_pointer(&lines));
    lines = read_all(old);
    g_assert_cmpstr(lines, ==, "large");
}

/* The log: what has an id, whatever becomes of it on standard error. */
static void
test_log(void)
{
    g_auto(Fixture) f = { 0 };
    g_autofree char *lines = NULL;
    wn_autofd full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    WnId id = wn_id_new();
    WnEvent event;

    fixture_init(&f);
    wn_log_open("winnow-test", WN_LOG_TEXT, full);
    wn_log_set_history(f.history);
    wn_event_begin(&event, WN_LEVEL_INFO, "with");
    wn_event_id(&event, &id);
    wn_event_end(&event);
    wn_event_begin(&event, WN_LEVEL_INFO, "without");
    wn_event_end(&event);
    wn_event_begin(&event, WN_LEVEL_DEBUG, "below");
    wn_event_id(&event, &id);
    wn_event_end(&event);
    wn_event_begin_traced(&event, WN_LEVEL_DEBUG, "traced");
    wn_event_id(&event, &id);
    wn_event_end(&event);
    wn_log_set_history(NULL);
    wn_event_begin_traced(&event, WN_LEVEL_DEBUG, "afterwards");
    wn_event_id(&event, &id);
    wn_event_end(&event);
    lines = read_all(f.path);
    g_assert_true(g_regex_match_simple(
        "^time=\\S+ level=info event=with program=winnow-test pid=\\d+ "
        "id=\\w{26}\\|time=\\S+ level=debug event=traced \\S+ \\S+ id=\\w+$",
        lines, 0, 0));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/history/append", test_append);
    g_test_add_func("/history/wrap", test_wrap);
    g_test_add_func("/history/every-offset", test_every_offset);
    g_test_add_func("/history/damage", test_damage);
    g_test_add_func("/history/abandoned", test_abandoned);
    g_test_add_func("/history/stale-records", test_stale_records);
    g_test_add_func("/history/foreign-files", test_foreign_files);
    g_test_add_func("/history/links", test_links);
    g_test_add_func("/history/no-place", test_no_place);
    g_test_add_func("/history/resize", test_resize);
    g_test_add_func("/history/log", test_log);
    return g_test_run();
}
