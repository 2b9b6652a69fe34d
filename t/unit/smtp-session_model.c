/* SPDX-License-Identifier: MIT */
#include "core/base/clock.h"
#include "t/unit/smtp_dialogue.h"

/*
 * Random commands against a session and against a model of a few lines that
 * says what must be answered.  Commands go out in batches of random length, cut
 * at random places, with answers of the handler now or later.
 */

#define STEPS 100000
#define BATCH_MAX 6

typedef struct Model {
    bool greeted;
    bool mail;
    unsigned n_rcpt; /* accepted */
    unsigned n_tried;
} Model;

typedef struct Step {
    const char *command;
    unsigned (*answer)(Model *model, bool accepted); /* the code */
    bool later;    /* the handler waits before it says yes */
    bool accepted; /* what it says */
    bool ends_batch;
} Step;

static void
end_transaction(Model *model)
{
    *model = (Model){ .greeted = model->greeted };
}

static unsigned
model_helo(Model *model, bool accepted)
{
    (void)accepted;
    end_transaction(model);
    model->greeted = true;
    return 250;
}

static unsigned
model_bad_helo(Model *model, bool accepted)
{
    (void)model;
    (void)accepted;
    return 501;
}

static unsigned
model_mail(Model *model, bool accepted)
{
    if (!model->greeted || model->mail)
        return 503;
    model->mail = accepted;
    return accepted ? 250 : 550;
}

static unsigned
model_bad_mail(Model *model, bool accepted)
{
    (void)accepted;
    return !model->greeted || model->mail ? 503 : 501;
}

static unsigned
model_rcpt(Model *model, bool accepted)
{
    if (!model->mail)
        return 503;
    model->n_tried++;
    model->n_rcpt += accepted;
    return accepted ? 250 : 550;
}

static unsigned
model_bad_rcpt(Model *model, bool accepted)
{
    (void)accepted;
    if (!model->mail)
        return 503;
    model->n_tried++;
    return 501;
}

static unsigned
model_data(Model *model, bool accepted)
{
    (void)accepted;
    if (!model->mail || model->n_tried == 0)
        return 503;
    return model->n_rcpt > 0 ? 354 : 554;
}

static unsigned
model_rset(Model *model, bool accepted)
{
    (void)accepted;
    end_transaction(model);
    return 250;
}

static unsigned
model_noop(Model *model, bool accepted)
{
    (void)model;
    (void)accepted;
    return 250;
}

static unsigned
model_vrfy(Model *model, bool accepted)
{
    (void)model;
    (void)accepted;
    return 252;
}

static unsigned
model_argument(Model *model, bool accepted)
{
    (void)model;
    (void)accepted;
    return 501;
}

static const Step steps[] = {
    { "HELO x", model_helo, false, true, false },
    { "HELO a b", model_bad_helo, false, true, false },
    { "MAIL FROM:<a@b>", model_mail, false, true, false },
    { "MAIL FROM:<>", model_mail, false, true, false },
    { "MAIL FROM:<later@b>", model_mail, true, true, false },
    { "MAIL FROM:<later@c>", model_mail, true, false, false },
    { "MAIL FROM:<no@b>", model_mail, false, false, false },
    { "MAIL FROM:a@b", model_bad_mail, false, true, false },
    { "RCPT TO:<a@b>", model_rcpt, false, true, false },
    { "RCPT TO:<c@d>", model_rcpt, false, true, false },
    { "RCPT TO:<later@b>", model_rcpt, true, true, false },
    { "RCPT TO:<later@c>", model_rcpt, true, false, false },
    { "RCPT TO:<no@b>", model_rcpt, false, false, false },
    { "RCPT TO:<>", model_bad_rcpt, false, true, false },
    { "DATA", model_data, false, true, true },
    { "DATA", model_data, false, true, true },
    { "RSET", model_rset, false, true, false },
    { "NOOP", model_noop, false, true, false },
    { "VRFY x", model_vrfy, false, true, false },
    { "RSET x", model_argument, false, true, false },
};

typedef struct Run {
    Dialogue d;
    GRand *random;
    Model model;
    unsigned n_messages;
    unsigned n_steps;
} Run;

/* Cut at a random place. */
static void
send_cut(Run *run, const char *text)
{
    size_t len = strlen(text);
    size_t cut = (size_t)g_rand_int_range(run->random, 0, (int)len + 1);

    dialogue_send(&run->d, wn_span(text, cut));
    if (g_rand_boolean(run->random))
        dialogue_spin(&run->d);
    dialogue_send(&run->d, wn_span(text + cut, len - cut));
}

static void
expect_code(Run *run, unsigned code)
{
    g_autofree char *line = g_strdup_printf("S: %u *\n", code);

    dialogue_run(&run->d, line);
}

/* Whether the handler is asked at all is the model's to say: it is if it says
 * yes or no to it. */
static bool
is_asked(unsigned code)
{
    return code == 250 || code == 550;
}

static void
answer_later(Run *run, const Step *step)
{
    dialogue_spin(&run->d);
    g_assert_nonnull(wn_session_transaction(run->d.session));
    wn_session_answer(run->d.session,
        &(WnReply){ step->accepted ? 250 : 550, NULL, "decided" }, 1);
}

static void
send_message(Run *run)
{
    static const WnReply replies[] = { { 250, "2.0.0", "queued" },
        { 550, "5.7.1", "spam" }, { 451, "4.3.0", "trouble" } };
    unsigned kind = (unsigned)g_rand_int_range(run->random, 0, 5);
    unsigned code = kind < 3 ? replies[kind].code : 550;

    run->n_messages += kind != 3;
    run->d.message_reply = kind < 3 ? &replies[kind] : NULL;
    send_cut(run,
        kind == 3 ? "text\n.\r\nRSET\r\n.\r\n" : "text\r\n..\r\n.\r\n");
    dialogue_spin(&run->d);
    if (kind == 4)
        wn_session_answer(run->d.session, &replies[1], 1);
    end_transaction(&run->model);
    expect_code(run, code);
}

static void
run_batch(Run *run)
{
    unsigned n = (unsigned)g_rand_int_range(run->random, 1, BATCH_MAX + 1);
    const Step *batch[BATCH_MAX];
    unsigned codes[BATCH_MAX];
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < n; i++) {
        batch[i] = &steps[g_rand_int_range(run->random, 0,
            G_N_ELEMENTS(steps))];
        codes[i] = batch[i]->answer(&run->model, batch[i]->accepted);
        g_string_append_printf(text, "%s\r\n", batch[i]->command);
        if (batch[i]->ends_batch)
            n = i + 1;
    }
    send_cut(run, text->str);
    for (unsigned i = 0; i < n; i++) {
        if (batch[i]->later && is_asked(codes[i]))
            answer_later(run, batch[i]);
    }
    for (unsigned i = 0; i < n; i++)
        expect_code(run, codes[i]);
    run->n_steps += n;
    if (codes[n - 1] == 354)
        send_message(run);
}

static void
begin(Run *run)
{
    dialogue_init(&run->d);
    run->d.context.max_recipients = 1000000;
    dialogue_begin(&run->d, false);
    dialogue_run(&run->d, "S: 220 *\n");
    run->model = (Model){ 0 };
    run->n_messages = 0;
}

static void
end(Run *run)
{
    dialogue_run(&run->d, "S: <nothing>\n");
    g_assert_cmpuint(run->d.n_messages, ==, run->n_messages);
    dialogue_clear(&run->d);
}

/* Every connection is left for a new one before it is cut off for length. */
static void
test_random(void)
{
    Run run = { .random = g_rand_new_with_seed(20240103) };

    while (run.n_steps < STEPS) {
        unsigned until = run.n_steps + 900;

        begin(&run);
        while (run.n_steps < until) {
            run_batch(&run);
            g_assert_cmpint(wn_session_is_idle(run.d.session), ==,
                !run.model.mail);
        }
        end(&run);
    }
    g_rand_free(run.random);
}

/* Counts that the handler hears of each transaction's end exactly once. */
static void
test_resets_balance(void)
{
    Run run = { .random = g_rand_new_with_seed(20240104) };
    unsigned n_mail = 0;
    unsigned n_refused = 0;
    unsigned n_reset = 0;

    begin(&run);
    g_string_truncate(run.d.log, 0);
    while (run.n_steps < 900)
        run_batch(&run);
    dialogue_run(&run.d, "C: QUIT\nS: 221 *\nS: <closed>\n");
    for (const char *at = run.d.log->str; at != NULL && *at != '\0';) {
        n_mail += g_str_has_prefix(at, "mail:");
        n_refused += g_str_has_prefix(at, "mail:no@b")
                     || g_str_has_prefix(at, "mail:later@c");
        n_reset += g_str_has_prefix(at, "reset");
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    g_assert_cmpuint(n_mail, >, 50);
    g_assert_cmpuint(n_reset, ==, n_mail - n_refused);
    dialogue_clear(&run.d);
    g_rand_free(run.random);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smtp/session-model/random", test_random);
    g_test_add_func("/smtp/session-model/resets-balance", test_resets_balance);
    return g_test_run();
}
