/* SPDX-License-Identifier: MIT */
#include "t/unit/filtering-office.h"

/*
 * What only processes can do wrong.
 */

static void
nobody_asked(void *user, uint16_t type, WnSpan payload, int take_fd)
{
    (void)user;
    (void)type;
    (void)payload;
    wn_fd_close(take_fd);
}

static void
nobody_closed(void *user)
{
    (void)user;
}

static WnSpan
encode(WnWriter *writer, WnRequestKind kind, uint64_t message_len)
{
    static const WnRequestScope scope[] = { { 0 } };
    WnRequest request = make_request(kind);
    g_autofree char *message = g_malloc0(message_len + 1);

    request.n_scopes = 1;
    request.scopes = scope;
    request.message = wn_span(message, message_len);
    wn_writer_init(writer);
    wn_request_write(&request, false, writer);
    return wn_writer_span(writer);
}

typedef enum { BAD_BYTES, BAD_TYPE, NO_FILE, SHORT_FILE, EMPTY, N_BAD } Bad;

static void
send_bad(WnChannel *channel, Bad bad)
{
    g_auto(WnWriter) writer;
    WnSpan request = encode(&writer, WN_REQUEST_MESSAGE,
        bad == EMPTY ? 0 : 1000);
    wn_autofd fd = file_with(WN_SPAN("shorter than was told"));

    switch (bad) {
    case BAD_BYTES:
        wn_channel_send(channel, WN_FILTERING_REQUEST, WN_SPAN("nonsense"), -1);
        break;
    case BAD_TYPE:
        wn_channel_send(channel, WN_FILTERING_RESPONSE, request, -1);
        break;
    case NO_FILE:
        wn_channel_send(channel, WN_FILTERING_REQUEST, request, -1);
        break;
    case SHORT_FILE:
    case EMPTY:
    case N_BAD:
        wn_channel_send(channel, WN_FILTERING_REQUEST, request, fd);
        break;
    }
}

/* A malformed request ends the channel, and nothing else. */
static void
test_malformed(void)
{
    for (Bad bad = 0; bad < N_BAD; bad++) {
        g_auto(Office) office;
        g_autoptr(WnChannel) channel = NULL;
        int fds[2];

        office_init(&office, WITHIN, waiting);
        g_assert_true(wn_channel_pair(fds));
        office.server = wn_filter_server_new(office.stage.loop, office.engine,
            fds[0], on_closed, &office);
        channel = wn_channel_new(office.stage.loop, fds[1], nobody_asked,
            nobody_closed, NULL);
        send_bad(channel, bad);
        for (int i = 0; i < TURNS_MAX && office.n_closed == 0; i++)
            stage_turn(&office.stage);
        g_assert_cmpuint(office.n_closed, ==, 1);
        g_assert_cmpint(office.end, ==, WN_SERVER_BROKEN);
        g_assert_null(office.server);
        settle(&office);
        g_assert_cmpuint(office.n_closed, ==, 1);
    }
}

/* The asker dies while filters work: its requests end with it. */
static void
test_asker_dies(void)
{
    g_auto(Office) office;
    Question question = ORDINARY;
    int fds[2];

    office_init(&office, OVER_CHANNEL, waiting);
    ask_message(&office, &question);
    settle(&office);
    wn_filter_client_free(office.client);
    office.client = wn_filter_client_new(office.stage.loop, 60000);
    for (int i = 0; i < TURNS_MAX && office.n_closed == 0; i++)
        stage_turn(&office.stage);
    g_assert_cmpuint(office.n_closed, ==, 1);
    g_assert_cmpint(office.end, ==, WN_SERVER_DESERTED);
    g_assert_nonnull(strstr(probe_log(), "a.transaction_end"));
    /* the next asker's sessions have the same numbers */
    g_assert_true(wn_channel_pair(fds));
    office.server = wn_filter_server_new(office.stage.loop, office.engine,
        fds[0], on_closed, &office);
    wn_filter_client_attach(office.client, fds[1]);
    ask_message(&office, &question);
    settle(&office);
    wn_clock_fake_step(1000);
    g_assert_nonnull(strstr(wait_for(&office, 1), "1 | reject 550 "));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/filtering/server_ends/malformed", test_malformed);
    g_test_add_func("/filtering/server_ends/asker-dies", test_asker_dies);
    return g_test_run();
}
