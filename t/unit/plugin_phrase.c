/* SPDX-License-Identifier: MIT */

/*
 * The phrase filter on a host of this test's own, and the data set that it is
 * given: the same rows give the same bytes, and no damage leads outside.
 */

#include "t/unit/phrase_list.h"

#include "core/message/text_fold.h"

#include <string.h>

const WnPlugin *phrase_LTX_winnow_plugin_v1(void);

#define SWISS "genuine swiss replica watches delivered"

struct WnCall {
    WnBlob blob;
    bool published;
    GString *text;     /* folded */
    GString *findings; /* rule=evidence, each behind "|" */
    bool refuses;      /* report() fails */
    const char *path;  /* the option "phrases" */
};

static const WnBlob *
get_blob(WnCall *call, const char *name)
{
    g_assert_cmpstr(name, ==, "phrases");
    return call->published ? &call->blob : NULL;
}

static WnStr
get_text(WnCall *call, WnTextForm form)
{
    g_assert_cmpint(form, ==, WN_TEXT_FOLDED);
    return (WnStr){ call->text->str, call->text->len };
}

static int32_t
take_finding(WnCall *call, const WnFinding *finding)
{
    if (call->refuses)
        return WN_E_LIMIT;
    g_assert_cmpuint(strlen(finding->evidence), <=, 200);
    g_assert_true(g_utf8_validate(finding->evidence, -1, NULL));
    g_string_append_printf(call->findings, "|%s=%s", finding->rule,
        finding->evidence);
    return WN_OK;
}

/* A call's settings are the call. */
static const WnSettings *
get_settings(const WnCall *call)
{
    return (const WnSettings *)call;
}

static WnStr
get_string(const WnSettings *settings, uint32_t index)
{
    const char *path = ((const WnCall *)settings)->path;

    g_assert_cmpuint(index, ==, 0);
    return (WnStr){ path, strlen(path) };
}

static int32_t
is_enabled(const WnHost *host, WnLogLevel level)
{
    (void)host;
    return level == WN_LOG_ERROR;
}

static void
write_log(const WnHost *host, WnLogLevel level, const WnCall *call,
    const char *text, size_t len)
{
    (void)host;
    (void)level;
    (void)call;
    g_assert_cmpuint(strlen(text), ==, len);
}

static const WnDataApi data_api = { .struct_size = sizeof(WnDataApi),
    .blob = get_blob };
static const WnMessageApi message_api = { .struct_size = sizeof(WnMessageApi),
    .text = get_text };
static const WnSettingsApi settings_api = { .struct_size = sizeof(
                                                WnSettingsApi),
    .string = get_string };
static const WnCallApi call_api = { .struct_size = sizeof(WnCallApi),
    .settings = get_settings,
    .report = take_finding };
static const WnLogApi log_api = { .struct_size = sizeof(WnLogApi),
    .enabled = is_enabled,
    .write = write_log };
static const WnHost host = { .struct_size = sizeof(WnHost),
    .log = &log_api,
    .settings = &settings_api,
    .call = &call_api,
    .message = &message_api,
    .data = &data_api };

static void
call_init(WnCall *self, const PhraseList *list, const char *text)
{
    *self = (WnCall){ .path = "",
        .text = g_string_new(NULL),
        .findings = g_string_new(NULL) };
    wn_text_fold_append(self->text, wn_span_str(text), SIZE_MAX);
    if (list == NULL)
        return;
    self->published = true;
    self->blob.data = list->blob->data;
    self->blob.size = list->blob->len;
}

static void
call_clear(WnCall *self)
{
    g_string_free(self->text, TRUE);
    g_string_free(self->findings, TRUE);
}

static WnVerdict
run(WnCall *call)
{
    const WnPlugin *plugin = phrase_LTX_winnow_plugin_v1();
    WnError err = { .struct_size = sizeof err };
    WnVerdict verdict;
    void *self;

    g_assert_cmpint(plugin->instance_new(&host, NULL, &self, &err), ==, WN_OK);
    verdict = plugin->filter->message(self, call);
    plugin->instance_free(self);
    return verdict;
}

static void
check_run(const char *lines, const char *text, WnVerdict verdict,
    const char *findings)
{
    g_auto(PhraseList) list;
    WnCall call;

    phrase_list_init(&list);
    phrase_list_add_lines(&list, lines);
    phrase_list_compile(&list);
    call_init(&call, &list, text);
    g_assert_cmpint(run(&call), ==, verdict);
    g_assert_cmpstr(call.findings->str, ==, findings);
    call_clear(&call);
}

/* The number is what SQL's CRC32() gives for the row's value. */
static void
test_evidence(void)
{
    check_run("you have been chosen now", "You have been, chosen NOW", WN_MATCH,
        "|phrase=\"you have been, chosen now\" (entry 1200684605)");
    check_run("you have been chosen now", "nothing of it", WN_PASS, "");
}

static void
test_long_evidence(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(PhraseList) list;
    WnCall call;

    for (int i = 0; i < 60; i++)
        g_string_append(text, i % 2 ? "x\xc3\xa4" : "\xe4\xb8\x80 ");
    phrase_list_init(&list);
    phrase_list_add(&list, text->str);
    phrase_list_compile(&list);
    for (int i = 0; i < 4; i++) {
        call_init(&call, &list, text->str);
        g_assert_cmpint(run(&call), ==, WN_MATCH);
        g_assert_nonnull(strstr(call.findings->str, "...\" (entry "));
        call_clear(&call);
    }
}

static void
test_without_data(void)
{
    WnCall call;

    call_init(&call, NULL, SWISS);
    g_assert_cmpint(run(&call), ==, WN_PASS);
    call.path = "/lists/phrases";
    g_assert_cmpint(run(&call), ==, WN_FAIL);
    call_clear(&call);
}

static void
test_of_another_format(void)
{
    g_auto(PhraseList) list;
    WnCall call;

    phrase_list_init(&list);
    phrase_list_add(&list, SWISS);
    phrase_list_compile(&list);
    list.blob->data[10] ^= 1; /* the version of the text forms */
    call_init(&call, &list, SWISS);
    g_assert_cmpint(run(&call), ==, WN_FAIL);
    call_clear(&call);
}

static void
test_report_refused(void)
{
    g_auto(PhraseList) list;
    WnCall call;

    phrase_list_init(&list);
    phrase_list_add(&list, SWISS);
    phrase_list_compile(&list);
    call_init(&call, &list, SWISS);
    call.refuses = true;
    g_assert_cmpint(run(&call), ==, WN_FAIL);
    call_clear(&call);
}

static void
make_list(PhraseList *list, int n)
{
    phrase_list_init(list);
    for (int i = 0; i < n; i++) {
        g_autofree char *phrase = g_strdup_printf("%s to door %d", SWISS, i);

        phrase_list_add(list, phrase);
    }
    phrase_list_compile(list);
}

static void
test_same_bytes(void)
{
    g_auto(PhraseList) one, other, more;

    make_list(&one, 1000);
    make_list(&other, 1000);
    make_list(&more, 1001);
    g_assert_cmpmem(one.blob->data, one.blob->len, other.blob->data,
        other.blob->len);
    g_assert_cmpint(memcmp(((PhraseHeader *)(void *)one.blob->data)->key.k,
                        ((PhraseHeader *)(void *)more.blob->data)->key.k,
                        sizeof(PhraseKey)),
        !=, 0);
}

/* Checks a copy that ends where its memory ends, and if it passes, uses it. */
static bool
check_copy(const uint8_t *data, size_t len)
{
    g_autofree uint8_t *copy = g_memdup2(data, len);
    PhraseScan *scan = phrase_scan_new();
    WnError err = { .struct_size = sizeof err };
    bool ok = phrase_check(copy, len, &err) == WN_OK;
    PhraseHit hits[PHRASE_HITS_MAX];
    PhraseIndex index;

    if (ok) {
        static const char text[] = SWISS " to door 3 " SWISS " to door 11";

        g_assert_true(phrase_index_open(&index, copy, len, &err));
        phrase_scan(scan, &index, text, strlen(text), hits);
    } else {
        g_assert_cmpuint(strlen(err.text), >, 0);
    }
    phrase_scan_free(scan);
    return ok;
}

static void
test_truncated(void)
{
    g_auto(PhraseList) list;
    WnError err = { .struct_size = sizeof err };

    make_list(&list, 40);
    for (size_t len = 1; len < list.blob->len; len++)
        g_assert_false(check_copy(list.blob->data, len));
    g_assert_true(check_copy(list.blob->data, list.blob->len));
    g_assert_cmpint(phrase_check("", 0, &err), ==, WN_E_INVALID);
    g_byte_array_append(list.blob, (const uint8_t *)"x", 1);
    g_assert_false(check_copy(list.blob->data, list.blob->len));
}

/* What only changes what is found may pass; a start, a size, a place may not.
 */
static void
test_flipped_bits(void)
{
    g_auto(PhraseList) list;
    PhraseIndex index;
    WnError err = { .struct_size = sizeof err };
    size_t starts, entries;

    make_list(&list, 40);
    g_assert_true(
        phrase_index_open(&index, list.blob->data, list.blob->len, &err));
    starts = (size_t)((const uint8_t *)index.starts - list.blob->data);
    entries = (size_t)((const uint8_t *)index.entries - list.blob->data);
    for (size_t bit = 0; bit < (size_t)list.blob->len * 8; bit++) {
        size_t at = bit / 8;
        bool ok;

        list.blob->data[at] ^= (uint8_t)(1u << bit % 8);
        ok = check_copy(list.blob->data, list.blob->len);
        if (at < offsetof(PhraseHeader, key) || (at >= starts && at < entries))
            g_assert_false(ok);
        list.blob->data[at] ^= (uint8_t)(1u << bit % 8);
    }
}

static void
test_declared(void)
{
    const WnPlugin *plugin = phrase_LTX_winnow_plugin_v1();
    const WnDataset *dataset = plugin->datasets;

    g_assert_cmpuint(plugin->n_datasets, ==, 1);
    g_assert_cmpstr(dataset->name, ==, plugin->options[0].name);
    g_assert_cmpstr(dataset->source, ==, "phrase_entry");
    g_assert_cmpuint(dataset->format >> 16, ==, WN_TEXT_FORMS);
    g_assert_cmpuint(dataset->flags, ==, WN_DATASET_FOLDED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/phrase/evidence", test_evidence);
    g_test_add_func("/phrase/long-evidence", test_long_evidence);
    g_test_add_func("/phrase/without-data", test_without_data);
    g_test_add_func("/phrase/of-another-format", test_of_another_format);
    g_test_add_func("/phrase/report-refused", test_report_refused);
    g_test_add_func("/phrase/same-bytes", test_same_bytes);
    g_test_add_func("/phrase/truncated", test_truncated);
    g_test_add_func("/phrase/flipped-bits", test_flipped_bits);
    g_test_add_func("/phrase/declared", test_declared);
    return g_test_run();
}
