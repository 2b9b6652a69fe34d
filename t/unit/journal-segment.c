/* SPDX-License-Identifier: MIT */
#include "core/journal/segment.h"

#include "core/base/crc32c.h"
#include "core/journal/active.h"
#include "t/unit/journal-fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define N_RECORDS 5

/* A small segment in memory, as a writer leaves it behind. */
typedef struct Example {
    GByteArray *bytes;
    uint64_t begins[N_RECORDS + 1];   /* of records; then of what follows */
    uint64_t content_ends[N_RECORDS]; /* without padding */
    uint64_t secret;
} Example;

static void
example_clear(Example *self)
{
    g_byte_array_unref(self->bytes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Example, example_clear)

static void
append(WnActive *active, uint64_t number, WnSpan envelope, WnSpan body)
{
    g_autofree char *zeros = g_malloc0(WN_ACTIVE_ZEROS);
    WnId id = id_of(number);
    WnActiveRecord record = { .id = &id,
        .envelope = envelope,
        .body = body,
        .body_fd = -1,
        .body_len = body.len,
        .zeros = zeros };

    g_assert_cmpint(wn_active_append(active, &record), ==, 0);
}

static WnActive *
create(const Folder *folder)
{
    WnSegmentPlan plan = { folder->path, "w", WN_SEGMENT_SIZE, 1 };
    WnActive *active = NULL;

    g_assert_cmpint(wn_active_create(&wn_journal_io_system, &plan, &active), ==,
        0);
    return active;
}

/* body[i] is what record i carries. */
static void
example_make(Example *self, const WnSpan bodies[N_RECORDS])
{
    g_auto(Folder) folder = folder_make();
    g_autoptr(WnActive) active = create(&folder);

    for (unsigned i = 0; i < N_RECORDS; i++) {
        self->begins[i] = active->end;
        append(active, i, WN_SPAN("from and to"), bodies[i]);
        self->content_ends[i] = self->begins[i] + WN_RECORD_HEADER_LEN + 11
                                + bodies[i].len + WN_RECORD_DOT_LEN;
    }
    self->begins[N_RECORDS] = active->end;
    self->secret = active->secret;
    self->bytes = g_byte_array_new();
    g_byte_array_set_size(self->bytes, (guint)active->end);
    g_assert_true(
        wn_fd_pread_all(active->fd, self->bytes->data, self->bytes->len, 0));
}

static const WnSpan plain_bodies[N_RECORDS] = {
    { "a\r\n", 3 },
    { "Subject: x\r\n\r\n..stuffed\r\n", 25 },
    { "", 0 },
    { "\0\0\0\0\0\0\0\0\0", 9 },
    { "the last one\r\n", 14 },
};

static int
memory_file(const void *bytes, size_t len, size_t size)
{
    int fd = memfd_create("segment", MFD_CLOEXEC);

    g_assert_true(wn_fd_pwrite_all(fd, wn_span(bytes, len), 0));
    g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
    return fd;
}

static void
test_recovers_all(void)
{
    g_auto(Example) example;
    wn_autofd fd = -1;

    example_make(&example, plain_bodies);
    fd = memory_file(example.bytes->data, example.bytes->len, 1 << 20);
    for (int known = 0; known < 2; known++) {
        g_auto(Found)
            found = recover(fd, known ? example.begins[N_RECORDS] : UINT64_MAX);

        g_assert_cmpuint(found.numbers->len, ==, N_RECORDS);
        g_assert_cmpint(found.end, ==, WN_SCAN_TAIL);
        g_assert_cmpuint(found.n_damaged, ==, 0);
    }
}

/* Cut anywhere, with or without zeros behind: what is left is a prefix of the
 * records.  With zeros the rest is the tail, not damage; a file that is shorter
 * than it was made has lost something, and says so. */
static void
check_cut(const Example *example, size_t cut, bool zeros)
{
    size_t size = zeros ? example->bytes->len + 4096 : cut;
    wn_autofd fd = memory_file(example->bytes->data, cut, size);
    g_auto(Found) found = recover(fd, UINT64_MAX);
    guint whole = 0;

    if (cut < WN_SEGMENT_HEADER_LEN) {
        g_assert_cmpint(found.end, ==, WN_SCAN_ERROR);
        return;
    }
    /* A record is whole when all that differs from zero is there. */
    while (whole < N_RECORDS
           && cut >= (zeros ? example->content_ends[whole]
                            : example->begins[whole + 1]))
        whole++;
    g_assert_cmpuint(found.numbers->len, ==, whole);
    for (guint i = 0; i < whole; i++)
        g_assert_cmpuint(g_array_index(found.numbers, uint64_t, i), ==, i);
    g_assert_cmpint(found.end, ==, WN_SCAN_TAIL);
    g_assert_cmpuint(found.n_damaged, ==, zeros ? 0 : 1);
}

static void
test_cut_anywhere(void)
{
    g_auto(Example) example;

    example_make(&example, plain_bodies);
    for (size_t cut = 0; cut <= example.bytes->len; cut++) {
        check_cut(&example, cut, true);
        check_cut(&example, cut, false);
    }
}

static guint
record_at(const Example *example, size_t byte)
{
    guint i = 0;

    while (byte >= example->begins[i + 1])
        i++;
    return i;
}

/* durable known: a flipped bit costs its own record, never another one, and is
 * always told. */
static void
check_flip_known(const Example *example, int fd, size_t byte)
{
    g_auto(Found) found = recover(fd, example->begins[N_RECORDS]);
    guint hit = record_at(example, byte);
    bool padding = byte >= example->content_ends[hit];

    g_assert_cmpuint(found.numbers->len, ==,
        padding ? N_RECORDS : N_RECORDS - 1);
    g_assert_cmpuint(found.n_damaged, ==, padding ? 0 : 1);
    g_assert_true(padding || !found_has(&found, hit));
    g_assert_cmpint(found.end, ==, WN_SCAN_TAIL);
}

/* durable not known: the same, but a bad last record is the tail. */
static void
check_flip_orphan(const Example *example, int fd, size_t byte)
{
    g_auto(Found) found = recover(fd, UINT64_MAX);
    guint hit = record_at(example, byte);
    bool padding = byte >= example->content_ends[hit];
    bool told = !padding && hit < N_RECORDS - 1;

    g_assert_cmpuint(found.numbers->len, ==,
        padding ? N_RECORDS : N_RECORDS - 1);
    g_assert_cmpuint(found.n_damaged, ==, told ? 1 : 0);
    g_assert_true(padding || !found_has(&found, hit));
    g_assert_cmpint(found.end, ==, WN_SCAN_TAIL);
}

static void
flip(int fd, size_t byte, int bit)
{
    uint8_t value;

    g_assert_true(wn_fd_pread_all(fd, &value, 1, byte));
    value ^= (uint8_t)(1 << bit);
    g_assert_true(wn_fd_pwrite_all(fd, wn_span(&value, 1), byte));
}

static void
test_flip_anywhere(void)
{
    g_auto(Example) example;
    wn_autofd fd = -1;

    example_make(&example, plain_bodies);
    fd = memory_file(example.bytes->data, example.bytes->len,
        example.bytes->len + 4096);
    for (size_t byte = WN_SEGMENT_HEADER_LEN; byte < example.bytes->len;
         byte++) {
        for (int bit = 0; bit < 8; bit++) {
            flip(fd, byte, bit);
            check_flip_known(&example, fd, byte);
            check_flip_orphan(&example, fd, byte);
            flip(fd, byte, bit);
        }
    }
}

/* A damaged segment header hides no record. */
static void
test_flip_segment_header(void)
{
    g_auto(Example) example;
    wn_autofd fd = -1;

    example_make(&example, plain_bodies);
    fd = memory_file(example.bytes->data, example.bytes->len,
        example.bytes->len + 4096);
    for (size_t bit = 0; bit < WN_SEGMENT_HEADER_LEN * 8; bit++) {
        flip(fd, bit / 8, bit % 8);
        {
            g_auto(Found) found = recover(fd, UINT64_MAX);

            g_assert_cmpuint(found.numbers->len, ==, N_RECORDS);
        }
        flip(fd, bit / 8, bit % 8);
    }
}

/* Several damaged places, lengths included: the search finds each record that
 * is whole. */
static void
test_damage_in_several_places(void)
{
    g_auto(Example) example;
    wn_autofd fd = -1;

    example_make(&example, plain_bodies);
    fd = memory_file(example.bytes->data, example.bytes->len,
        example.bytes->len + 4096);
    flip(fd, example.begins[0] + 32, 4); /* a length */
    flip(fd, example.begins[1] + 0, 0);  /* the magic */
    flip(fd, example.begins[3] + 70, 1); /* the envelope */
    for (int known = 0; known < 2; known++) {
        g_auto(Found)
            found = recover(fd, known ? example.begins[N_RECORDS] : UINT64_MAX);

        g_assert_cmpuint(found.numbers->len, ==, 2);
        g_assert_true(found_has(&found, 2));
        g_assert_true(found_has(&found, 4));
        g_assert_cmpuint(found.n_damaged, >=, 2);
    }
}

/* A record forged in a message's body, perfect but for the segment's secret,
 * which nobody outside can know, is not found behind damage. */
static void
test_forged_record_in_body(void)
{
    char forged[256] = { 0 };
    WnRecordHeader header = { .kind = WN_RECORD_MESSAGE,
        .id = id_of(666),
        .body_len = 3,
        .secret = 12345 };
    WnSpan bodies[N_RECORDS];
    g_auto(Example) example;
    wn_autofd fd = -1;

    /* Envelope (11) and 5 bytes before it: a multiple of 8. */
    header.offset = WN_SEGMENT_HEADER_LEN + WN_RECORD_HEADER_LEN + 11 + 5;
    header.crc = wn_crc32c(wn_record_crc(&header, WN_SPAN_EMPTY),
        WN_SPAN(WN_RECORD_DOT));
    wn_record_header_write(&header, (uint8_t *)forged + 5);
    memcpy(forged + 5 + WN_RECORD_HEADER_LEN, WN_RECORD_DOT, 3);
    memcpy(bodies, plain_bodies, sizeof bodies);
    bodies[0] = wn_span(forged, sizeof forged);
    example_make(&example, bodies);
    fd = memory_file(example.bytes->data, example.bytes->len,
        example.bytes->len + 4096);
    flip(fd, example.begins[0], 0);
    {
        g_auto(Found) found = recover(fd, UINT64_MAX);

        g_assert_cmpuint(found.numbers->len, ==, N_RECORDS - 1);
        g_assert_false(found_has(&found, 666));
    }
}

/* A record whose lengths reach behind the file is bad, and costs no memory. */
static void
test_lengths_behind_the_file(void)
{
    g_auto(Example) example;
    WnRecordHeader header = { .kind = WN_RECORD_MESSAGE,
        .envelope_len = WN_RECORD_ENVELOPE_MAX,
        .body_len = WN_RECORD_BODY_MAX };
    uint8_t bytes[WN_RECORD_HEADER_LEN];
    wn_autofd fd = -1;

    example_make(&example, plain_bodies);
    header.secret = example.secret;
    header.offset = example.begins[1];
    wn_record_header_write(&header, bytes);
    fd = memory_file(example.bytes->data, example.bytes->len,
        example.bytes->len + 4096);
    g_assert_true(
        wn_fd_pwrite_all(fd, wn_span(bytes, sizeof bytes), example.begins[1]));
    {
        g_auto(Found) found = recover(fd, UINT64_MAX);

        g_assert_cmpuint(found.numbers->len, ==, N_RECORDS - 1);
        g_assert_cmpuint(found.n_damaged, ==, 1);
    }
}

static void
test_not_before_durable(void)
{
    g_auto(Example) example;
    wn_autofd fd = -1;

    example_make(&example, plain_bodies);
    fd = memory_file(example.bytes->data, example.bytes->len, 1 << 20);
    for (guint i = 0; i <= N_RECORDS; i++) {
        g_auto(Found) found = recover(fd, example.begins[i]);

        g_assert_cmpuint(found.numbers->len, ==, i);
        g_assert_cmpuint(found.n_damaged, ==, 0);
    }
}

static void
test_seal_and_cancel(void)
{
    g_auto(Folder) folder = folder_make();
    g_autoptr(WnActive) active = create(&folder);
    uint64_t second;

    append(active, 0, WN_SPAN("e"), WN_SPAN("first\r\n"));
    second = active->end;
    append(active, 1, WN_SPAN("e"), WN_SPAN("second\r\n"));
    append(active, 2, WN_SPAN("e"), WN_SPAN("third\r\n"));
    wn_active_cancel(active, second);
    append(active, 3, WN_SPAN("e"), WN_SPAN("fourth\r\n"));
    g_assert_cmpint(wn_active_seal(active), ==, 0);
    {
        g_auto(Found) found = recover(active->fd, UINT64_MAX);

        g_assert_cmpuint(found.numbers->len, ==, 2);
        g_assert_true(found_has(&found, 0));
        g_assert_true(found_has(&found, 3));
        g_assert_cmpuint(found.n_damaged, ==, 0);
        g_assert_cmpint(found.end, ==, WN_SCAN_SEAL);
    }
}

static void
test_body_is_intact(void)
{
    g_auto(Example) example;
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    uint64_t offset = WN_SEGMENT_HEADER_LEN;
    WnRecordHeader header;
    wn_autofd fd = -1;
    WnSpan span;

    example_make(&example, plain_bodies);
    fd = memory_file(example.bytes->data, example.bytes->len, 1 << 20);
    g_assert_cmpint(wn_segment_scan(fd, &offset, UINT64_MAX, false, &header,
                        envelope),
        ==, WN_SCAN_RECORD);
    span = wn_span(envelope->data, envelope->len);
    g_assert_true(wn_segment_body_is_intact(fd, &header, span));
    flip(fd, wn_record_body_offset(header.offset, &header) + 3, 0); /* dot */
    g_assert_false(wn_segment_body_is_intact(fd, &header, span));
    g_assert_cmpint(errno, ==, 0);
}

static void
test_create_and_lock(void)
{
    g_auto(Folder) folder = folder_make();
    g_autoptr(GError) error = NULL;
    WnSegmentName name;
    WnSegmentName other;
    int writer = wn_segment_create(folder.path, "smtp-1", WN_SEGMENT_SIZE,
        &name, &error);
    wn_autofd reader = -1;
    struct stat st;

    g_assert_no_error(error);
    g_assert_true(
        g_regex_match_simple("^smtp-1-[0-9a-f]{16}\\.seg$", name.text, 0, 0));
    reader = segment_fd(&folder, name.text);
    g_assert_cmpint(fstat(reader, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, WN_SEGMENT_SIZE);
    g_assert_cmpint(st.st_nlink, ==, 1);
    g_assert_cmphex(st.st_mode & 07777, ==, 0600);
    g_assert_true(wn_segment_has_writer(reader));
    g_assert_true(wn_segment_has_writer(reader));
    wn_fd_close(writer);
    g_assert_false(wn_segment_has_writer(reader));
    wn_fd_close(wn_segment_create(folder.path, "smtp-1", WN_SEGMENT_SIZE,
        &other, &error));
    g_assert_cmpstr(name.text, !=, other.text);
    {
        g_auto(Found) found = recover(reader, UINT64_MAX);

        g_assert_cmpint(found.end, ==, WN_SCAN_TAIL);
    }
}

static void
test_create_fails(void)
{
    g_autoptr(GError) error = NULL;
    WnSegmentName name;

    g_assert_cmpint(wn_segment_create("/nonexistent", "w", WN_SEGMENT_SIZE,
                        &name, &error),
        ==, -1);
    g_assert_error(error, WN_JOURNAL_ERROR, ENOENT);
}

static void
test_open_refuses(void)
{
    static const struct {
        const char *name;
        WnSpan content;
    } cases[] = {
        { "empty", { "", 0 } },
        { "short", { "WNSEG1\r\n", 8 } },
        { "text", { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
                    "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123"
                    "456789abcdef",
                      128 } },
    };
    g_auto(Folder) folder = folder_make();

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_build_filename(folder.path, cases[i].name,
            NULL);
        g_autoptr(GError) error = NULL;

        g_assert_true(g_file_set_contents(path, cases[i].content.ptr,
            (gssize)cases[i].content.len, NULL));
        g_assert_cmpint(wn_segment_open(folder.path, cases[i].name, &error), ==,
            -1);
        g_assert_error(error, WN_JOURNAL_ERROR, EBADMSG);
    }
    {
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(wn_segment_open(folder.path, "none", &error), ==, -1);
        g_assert_error(error, WN_JOURNAL_ERROR, ENOENT);
    }
}

static void
make_old(const char *path)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
        { .tv_sec = time(NULL) - WN_SEGMENT_UNMADE_S - 10 } };

    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
}

/* A file that was made a moment ago may not be locked yet: a new queue once
 * removed it under its writer's hands, who then answered 451. */
static void
test_sweep_leaves_what_is_being_made(void)
{
    g_auto(Folder) folder = folder_make();
    g_autofree char *fresh = g_build_filename(folder.path, "w-0.seg.new", NULL);

    g_assert_true(g_file_set_contents(fresh, "", 0, NULL));
    wn_segment_sweep(folder.path);
    g_assert_true(g_file_test(fresh, G_FILE_TEST_EXISTS));
}

static void
test_sweep(void)
{
    g_auto(Folder) folder = folder_make();
    g_autofree char *left = g_build_filename(folder.path, "w-0.seg.new", NULL);
    g_autofree char *making = g_build_filename(folder.path, "w-1.seg.new",
        NULL);
    g_autofree char *segment = g_build_filename(folder.path, "w-2.seg", NULL);
    wn_autofd fd = -1;

    g_assert_true(g_file_set_contents(left, "", 0, NULL));
    g_assert_true(g_file_set_contents(making, "", 0, NULL));
    g_assert_true(g_file_set_contents(segment, "", 0, NULL));
    make_old(left);
    make_old(making);
    fd = open(making, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
    wn_segment_sweep(folder.path);
    g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(making, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(segment, G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/segment/recovers-all", test_recovers_all);
    g_test_add_func("/journal/segment/cut-anywhere", test_cut_anywhere);
    g_test_add_func("/journal/segment/flip-anywhere", test_flip_anywhere);
    g_test_add_func("/journal/segment/flip-segment-header",
        test_flip_segment_header);
    g_test_add_func("/journal/segment/several-places",
        test_damage_in_several_places);
    g_test_add_func("/journal/segment/forged-record",
        test_forged_record_in_body);
    g_test_add_func("/journal/segment/lengths-behind-file",
        test_lengths_behind_the_file);
    g_test_add_func("/journal/segment/not-before-durable",
        test_not_before_durable);
    g_test_add_func("/journal/segment/seal-and-cancel", test_seal_and_cancel);
    g_test_add_func("/journal/segment/body-is-intact", test_body_is_intact);
    g_test_add_func("/journal/segment/create-and-lock", test_create_and_lock);
    g_test_add_func("/journal/segment/create-fails", test_create_fails);
    g_test_add_func("/journal/segment/open-refuses", test_open_refuses);
    g_test_add_func("/journal/segment/sweep", test_sweep);
    g_test_add_func("/journal/segment/sweep-leaves-what-is-being-made",
        test_sweep_leaves_what_is_being_made);
    return g_test_run();
}
