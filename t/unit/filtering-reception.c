/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-reception.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/smtp/framing.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* More turns than anything needs; one that waits for the journal lasts up to
 * 50 ms. */
#define TURNS 12
#define TURNS_AWAITING 400

static const char base_conf[] = "[server]\n"
                                "hostname = relay.example\n"
                                "spool = spool\n"
                                "state = state\n"
                                "run = run\n";

static const char filter_conf[] = "[filter rbl]\n"
                                  "position = 10\n"
                                  "action = reject\n"
                                  "[filter urlphone]\n"
                                  "position = 20\n"
                                  "action = reject\n";

/* rej1 and rej2 are of one class, rej3 of another; tag1 and tag2 differ and
 * never refuse. */
static const char *const domains[][2] = {
    { "rej1.example", "filters = urlphone\n" },
    { "rej2.example", "filters = urlphone\n" },
    { "rej3.example", "filters = urlphone\n"
                      "[filter urlphone]\naction.text = third\n" },
    { "tag1.example", "filters = urlphone\n[filter urlphone]\n"
                      "action = modify_subject\naction.tag = [one]\n" },
    { "tag2.example", "filters = urlphone\n[filter urlphone]\n"
                      "action = modify_subject\naction.tag = [two]\n" },
    { "wait.example", "filters = urlphone\n[filter urlphone]\n"
                      "action = modify_subject\naction.tag = [w]\n"
                      "on_error = tempfail\n" },
    { "plain.example", "filters =\n" },
    { "early.example", "filters = rbl\n" },
    { "ahead.example", "filters = rbl\n[filter rbl]\n"
                       "action = modify_subject\naction.tag = [a]\n" },
    { "later.example", "filters = rbl\n[filter rbl]\non_error = tempfail\n" },
    { "listed.example", "filters =\nmailboxes = listed\n" },
    { "small.example", "filters =\nmax_message_size = 4k\n" },
};

void
reception_rule(Reception *self, const char *key, const char *rule)
{
    g_hash_table_insert(self->rules, g_strdup(key), g_strdup(rule));
}

void
reception_init(Reception *self)
{
    *self = (Reception){ .conf = g_string_new(base_conf),
        .rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .asked = g_string_new(NULL),
        .questions = g_ptr_array_new_with_free_func(g_free) };
    wn_clock_fake(INT64_C(1000000000), INT64_C(1795435200000));
    fixture_init(&self->files);
    fixture_write(&self->files, "conf.d/10-filters.conf", filter_conf);
    fixture_write(&self->files, "domains.d/listed.example.mailboxes", "john\n");
    for (size_t i = 0; i < G_N_ELEMENTS(domains); i++) {
        g_autofree char *file = g_strdup_printf("domains.d/%s.conf",
            domains[i][0]);
        g_autofree char
            *text = g_strdup_printf("[domain %s]\nservers = 192.0.2.1\n%s",
                domains[i][0], domains[i][1]);

        fixture_write(&self->files, file, text);
    }
    for (int i = 0; i < RECEPTION_GUESTS; i++)
        self->guests[i] = (Guest){ .fd = -1, .in = g_byte_array_new() };
    self->log_fd = memfd_create("log", MFD_CLOEXEC);
    wn_log_open("test", WN_LOG_JSON, self->log_fd);
}

/*
 * The receiver
 */

void
reception_open(Reception *self)
{
    g_autofree char *spool = fixture_path(&self->files, "spool");

    fixture_write(&self->files, "winnow.conf", self->conf->str);
    g_assert_cmpint(g_mkdir_with_parents(spool, 0700), ==, 0);
    self->config = fixture_config(&self->files);
    self->snapshot = build(&self->files);
    assert_problems(self->files.problems, "");
    self->loop = wn_loop_new();
    faulty_init(&self->faulty);
    self->faulty.space = (struct statvfs){ .f_bavail = 1 << 30,
        .f_frsize = 4096 };
    self->journal = wn_journal_new(self->loop, self->config->spool, "test",
        NULL, NULL);
    wn_journal_set_io(self->journal, &self->faulty.io);
    self->filters = wn_filter_client_new(self->loop, 10000);
    reception_filter_begins(self);
    self->receiver = wn_receiver_new(&(WnReceiverConfig){ .loop = self->loop,
        .config = self->config,
        .filters = self->filters,
        .journal = self->journal,
        .counts = self->counts,
        .limits = self->limits });
    wn_receiver_set_snapshot(self->receiver, self->snapshot);
}

void
reception_close(Reception *self)
{
    g_clear_pointer(&self->receiver, wn_receiver_free);
}

void
reception_clear(Reception *self)
{
    faulty_hold(&self->faulty, false);
    reception_close(self);
    for (int i = 0; i < RECEPTION_GUESTS; i++) {
        wn_fd_close(self->guests[i].fd);
        g_byte_array_unref(self->guests[i].in);
    }
    reception_spin(self);
    wn_filter_client_free(self->filters);
    g_clear_pointer(&self->filter, wn_channel_free);
    wn_journal_free(self->journal);
    wn_shared_counts_free(self->counts);
    wn_known_limits_free(self->limits);
    wn_loop_free(self->loop);
    wn_snapshot_unref(self->snapshot);
    wn_config_free(self->config);
    g_hash_table_unref(self->rules);
    g_string_free(self->asked, TRUE);
    g_ptr_array_unref(self->questions);
    g_string_free(self->conf, TRUE);
    fixture_clear(&self->files);
    wn_log_open("test", WN_LOG_JSON, STDERR_FILENO);
    close(self->log_fd);
}

/*
 * Clients
 */

Guest *
reception_enter(Reception *self, int guest, const char *address)
{
    Guest *entering = &self->guests[guest];
    WnNetaddr peer;
    int ends[2];

    g_assert_cmpint(entering->fd, ==, -1);
    g_assert_true(wn_netaddr_parse(wn_span_str(address), &peer));
    peer.port = (uint16_t)(40000 + guest);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
        ==, 0);
    g_assert_true(wn_fd_set_nonblocking(ends[0]));
    entering->fd = ends[0];
    entering->ended = false;
    g_byte_array_set_size(entering->in, 0);
    wn_receiver_accept(self->receiver, ends[1], &peer, "127.0.0.1:25");
    return entering;
}

void
reception_hang_up(Reception *self, int guest)
{
    wn_fd_close(wn_fd_steal(&self->guests[guest].fd));
    reception_spin(self);
}

static void
collect(Guest *self)
{
    char bytes[4096];
    ssize_t n = 1;

    while (self->fd >= 0 && !self->ended && n > 0) {
        n = recv(self->fd, bytes, sizeof bytes, 0);
        if (n > 0)
            g_byte_array_append(self->in, (const guint8 *)bytes, (guint)n);
        else if (n == 0 || errno != EAGAIN)
            self->ended = true;
    }
}

static void
nothing(void *user)
{
    (void)user;
}

static void
turn(Reception *self)
{
    wn_loop_turn(self->loop);
    for (int i = 0; i < RECEPTION_GUESTS; i++)
        collect(&self->guests[i]);
}

void
reception_spin(Reception *self)
{
    for (int i = 0; i < TURNS; i++) {
        wn_loop_defer(self->loop, nothing, NULL);
        turn(self);
    }
}

static char *
take_line(Guest *self)
{
    char *end = NULL;
    size_t len;
    char *line;

    if (self->in->len > 0)
        end = memmem(self->in->data, self->in->len, "\r\n", 2);
    if (end == NULL)
        return NULL;
    len = (size_t)(end - (char *)self->in->data);
    line = g_strndup((char *)self->in->data, len);
    g_byte_array_remove_range(self->in, 0, (guint)len + 2);
    return line;
}

static void
expect(Reception *self, Guest *guest, const char *pattern)
{
    g_autofree char *line = NULL;

    if (pattern[0] == '<') {
        reception_spin(self);
        line = take_line(guest);
        g_assert_cmpstr(line, ==, NULL);
        g_assert_cmpint(guest->ended, ==, strcmp(pattern, "<closed>") == 0);
        return;
    }
    for (int i = 0; i < TURNS_AWAITING && line == NULL; i++) {
        line = take_line(guest);
        if (line == NULL)
            turn(self);
    }
    if (line == NULL || !g_pattern_match_simple(pattern, line))
        g_error("server said \"%s\" instead of \"%s\"",
            line != NULL ? line : "nothing", pattern);
}

static void
send_all(Reception *self, const Guest *guest, GString *text)
{
    size_t done = 0;

    while (done < text->len) {
        ssize_t n = send(guest->fd, text->str + done, text->len - done,
            MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            break;
        done += n > 0 ? (size_t)n : 0;
        if (done < text->len)
            turn(self);
    }
    g_string_truncate(text, 0);
}

void
reception_run(Reception *self, int guest, const char *transcript)
{
    Guest *speaker = &self->guests[guest];
    g_auto(GStrv) lines = g_strsplit(transcript, "\n", -1);
    g_autoptr(GString) sending = g_string_new(NULL);

    for (size_t i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "C: ")) {
            g_autofree char *text = g_strcompress(lines[i] + 3);

            g_string_append_printf(sending, "%s\r\n", text);
        } else if (g_str_has_prefix(lines[i], "S: ")) {
            send_all(self, speaker, sending);
            expect(self, speaker, lines[i] + 3);
        } else if (lines[i][0] != '\0') {
            g_error("not a line of a transcript: %s", lines[i]);
        }
    }
    send_all(self, speaker, sending);
    reception_spin(self);
}

void
reception_greet(Reception *self)
{
    if (self->guests[0].fd < 0)
        reception_enter(self, 0, "192.0.2.7");
    reception_run(self, 0,
        "S: 220 relay.example *\n"
        "C: EHLO client.example\n"
        "S: 250-relay.example\n"
        "S: 250-PIPELINING\n"
        "S: 250-SIZE *\n"
        "S: 250-8BITMIME\n"
        "S: 250-SMTPUTF8\nS: 250-ENHANCEDSTATUSCODES\n"
        "S: 250-DSN\n"
        "S: 250-PRDR\n"
        "S: 250 LIMITS *\n");
}

void
reception_send_message(Reception *self, const char *parameter,
    const char *recipients, const char *text)
{
    g_auto(GStrv) words = g_strsplit(recipients, " ", -1);
    g_autoptr(GString) mail = g_string_new(NULL);
    g_autoptr(GString) data = g_string_new(text);

    g_string_printf(mail, "C: MAIL FROM:<sender@client.example>%s\nS: 250 *\n",
        parameter);
    for (int i = 0; words[i] != NULL; i++)
        g_string_append_printf(mail, "C: RCPT TO:<%s>\nS: 250 2.1.5 *\n",
            words[i]);
    g_string_append(mail, "C: DATA\nS: 354 *\n");
    reception_run(self, 0, mail->str);
    g_string_append(data, ".\r\n");
    send_all(self, &self->guests[0], data);
}

/*
 * What is stored
 */

static void
stored_free(void *data)
{
    Stored *self = data;

    wn_envelope_clear(&self->envelope);
    g_byte_array_unref(self->bytes);
    g_byte_array_unref(self->body);
    g_free(self);
}

void
stored_list_clear(StoredList *self)
{
    g_ptr_array_unref(self->records);
}

static Stored *
read_record(int fd, const WnRecordHeader *header, const GByteArray *envelope)
{
    Stored *self = g_new0(Stored, 1);
    uint64_t body = wn_record_body_offset(header->offset, header);
    guint len = (guint)header->body_len - WN_RECORD_DOT_LEN;

    self->id = header->id;
    self->bytes = g_byte_array_new();
    g_byte_array_append(self->bytes, envelope->data, envelope->len);
    wn_envelope_init(&self->envelope);
    g_assert_true(wn_envelope_read(&self->envelope,
        wn_span(self->bytes->data, self->bytes->len)));
    self->body = g_byte_array_new();
    g_byte_array_set_size(self->body, len);
    if (len > 0)
        g_assert_true(wn_fd_pread_all(fd, self->body->data, len, body));
    return self;
}

static void
read_segment(const Folder *folder, const char *name, GPtrArray *records)
{
    wn_autofd fd = segment_fd(folder, name);
    g_autoptr(GByteArray) envelope = g_byte_array_new();
    uint64_t offset = WN_SEGMENT_HEADER_LEN;
    WnRecordHeader header;

    while (wn_segment_scan(fd, &offset, UINT64_MAX, true, &header, envelope)
           == WN_SCAN_RECORD)
        g_ptr_array_add(records, read_record(fd, &header, envelope));
}

StoredList
reception_stored(const Reception *self)
{
    Folder folder = { self->config->spool };
    g_autoptr(GPtrArray) names = segment_names(&folder);
    StoredList list = { g_ptr_array_new_with_free_func(stored_free) };

    for (guint i = 0; i < names->len; i++)
        read_segment(&folder, names->pdata[i], list.records);
    return list;
}

guint
reception_n_stored(const Reception *self)
{
    g_auto(StoredList) list = reception_stored(self);

    return list.records->len;
}

static void
append_piece(void *user, WnSpan piece)
{
    g_string_append_len(user, piece.ptr, (gssize)piece.len);
}

static char *
make_copy(const Stored *stored, const WnEnvelopeScope *scope)
{
    GString *text = g_string_new(NULL);
    WnSpan wire = wn_span(stored->body->data, stored->body->len);

    append_piece(text, scope->prepend);
    if (scope->splices == NULL) {
        append_piece(text, wire);
        return g_string_free(text, FALSE);
    }
    g_assert_true(wn_splices_normalise(scope->splices, wire.len));
    wn_splices_apply(scope->splices, wire, append_piece, text);
    return g_string_free(text, FALSE);
}

char *
reception_copy(const Reception *self, guint n, const char *recipient)
{
    g_auto(StoredList) list = reception_stored(self);
    const Stored *stored;

    g_assert_cmpuint(n, <, list.records->len);
    stored = list.records->pdata[n];
    for (guint i = 0; i < stored->envelope.recipients->len; i++) {
        const WnEnvelopeRecipient *to = &g_array_index(stored->envelope
                                                           .recipients,
            WnEnvelopeRecipient, i);

        if (wn_span_eq(to->address, wn_span_str(recipient)))
            return make_copy(stored, &g_array_index(stored->envelope.scopes,
                                         WnEnvelopeScope, to->scope));
    }
    return NULL;
}

static bool
is_trace(const char *line)
{
    return g_str_has_prefix(line, "Received: from client.example ")
           || g_str_has_prefix(line, "X-Winnow-Id: 0")
           || g_str_has_prefix(line, "X-Winnow-Client: ")
           || g_str_has_prefix(line, "X-Winnow-Match: filter=probe")
           || g_str_has_prefix(line, "X-Winnow-Skipped: ");
}

char *
reception_plain_copy(const Reception *self, guint n, const char *recipient)
{
    g_autofree char *copy = reception_copy(self, n, recipient);
    g_auto(GStrv) lines = NULL;
    g_autoptr(GString) rest = g_string_new(NULL);
    g_autoptr(GByteArray) plain = g_byte_array_new();
    bool in_trace = false;

    if (copy == NULL)
        return NULL;
    lines = g_strsplit(copy, "\r\n", -1);
    for (int i = 0; lines[i] != NULL; i++) {
        in_trace = is_trace(lines[i]) || (in_trace && lines[i][0] == '\t');
        if (!in_trace)
            g_string_append_printf(rest, "%s%s", lines[i],
                lines[i + 1] != NULL ? "\r\n" : "");
    }
    wn_framing_unstuff(wn_span(rest->str, rest->len), plain);
    return wn_span_dup(wn_span(plain->data, plain->len));
}

/*
 * The log
 */

guint
reception_log_count(const Reception *self, const char *text)
{
    g_autofree char *log = NULL;
    struct stat st;
    guint n = 0;

    g_assert_cmpint(fstat(self->log_fd, &st), ==, 0);
    log = g_malloc0((size_t)st.st_size + 1);
    if (st.st_size > 0)
        g_assert_true(
            wn_fd_pread_all(self->log_fd, log, (size_t)st.st_size, 0));
    for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

void
reception_forget_log(Reception *self)
{
    g_assert_cmpint(ftruncate(self->log_fd, 0), ==, 0);
    g_assert_cmpint(lseek(self->log_fd, 0, SEEK_SET), ==, 0);
}

void
reception_add_cases(const char *folder, const void *cases, size_t size,
    size_t n, GTestDataFunc fn)
{
    for (size_t i = 0; i < n; i++) {
        const void *one = (const char *)cases + i * size;
        g_autofree char *path = g_strconcat(folder, *(const char *const *)one,
            NULL);

        g_test_add_data_func(path, one, fn);
    }
}
