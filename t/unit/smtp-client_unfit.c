/* SPDX-License-Identifier: MIT */
#include "t/unit/smtp_client_stage.h"

/* One recipient whom only SMTPUTF8 can name keeps it from nobody else, whether
 * the commands go out together or one by one. */
static const struct {
    const char *name;
    const char *offers;
    const char *addresses[3];
    bool utf8;
    const char *told;
    const char *sent; /* first commands of the transaction; NULL: none */
} left_out[] = {
    { "first", "250-x\r\n250 PIPELINING\r\n",
        { "\xc3\xb6@x.example", "b@x.example", "c@x.example" }, false,
        "ready 0:permanent:0 1:ok:250 2:ok:250 ready ",
        "MAIL FROM:<s@y.example>\nRCPT TO:<b@x.example>\n" },
    { "first-one-by-one", "250 x\r\n",
        { "\xc3\xb6@x.example", "b@x.example", "c@x.example" }, false,
        "ready 0:permanent:0 1:ok:250 2:ok:250 ready ",
        "MAIL FROM:<s@y.example>\nRCPT TO:<b@x.example>\n" },
    { "middle", "250-x\r\n250 PIPELINING\r\n",
        { "a@x.example", "\xc3\xb6@x.example", "c@x.example" }, false,
        "ready 0:ok:250 1:permanent:0 2:ok:250 ready ",
        "RCPT TO:<a@x.example>\nRCPT TO:<c@x.example>\n" },
    { "last-one-by-one", "250 x\r\n",
        { "a@x.example", "b@x.example", "\xc3\xb6@x.example" }, false,
        "ready 0:ok:250 1:ok:250 2:permanent:0 ready ",
        "RCPT TO:<b@x.example>\nDATA\n" },
    { "all", "250 x\r\n",
        { "\xc3\xa4@x.example", "\xc3\xb6@x.example", "\xc3\xbc@x.example" },
        false, "ready 0:permanent:0 1:permanent:0 2:permanent:0 ready ", NULL },
    { "header", "250 x\r\n", { "a@x.example", "b@x.example", "c@x.example" },
        true, "ready 0:permanent:0 1:permanent:0 2:permanent:0 ready ", NULL },
    { "offered", "250-x\r\n250 SMTPUTF8\r\n",
        { "a@x.example", "\xc3\xb6@x.example", "c@x.example" }, false,
        "ready 0:ok:250 1:ok:250 2:ok:250 ready ",
        "MAIL FROM:<s@y.example> SMTPUTF8\n" },
};

static void
test_left_out(gconstpointer data)
{
    const typeof(left_out[0]) *c = data;
    g_auto(Stage) stage = { 0 };

    stage_init(&stage, NULL, 3);
    for (size_t i = 0; i < 3; i++)
        stage.recipients[i].address = wn_span_str(c->addresses[i]);
    stage.server.offers = c->offers;
    stage.outgoing.utf8 = c->utf8;
    run(&stage, c->told);
    if (c->sent != NULL)
        g_assert_nonnull(strstr(stage.server.log->str, c->sent));
    else
        g_assert_null(strstr(stage.server.log->str, "MAIL"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(left_out); i++) {
        g_autofree char *path = g_strconcat("/smtp/client/unfit/",
            left_out[i].name, NULL);

        g_test_add_data_func(path, &left_out[i], test_left_out);
    }
    return g_test_run();
}
