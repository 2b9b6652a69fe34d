/* SPDX-License-Identifier: MIT */

/* What came of a run, for wn-harness.h. */

#include "core/base/metrics.h"
#include "sdk/harness/harness.h"

static const WnRunResult *
result_of(const WnHarness *h)
{
    return h->run != NULL ? wn_run_result(h->run) : NULL;
}

static const WnRunFinding *
finding_of(const WnHarness *h, unsigned n)
{
    const WnRunResult *result = result_of(h);

    if (result == NULL || n >= result->findings->len)
        return NULL;
    return g_ptr_array_index(result->findings, n);
}

/* "" where there is none: a test must not need to look first. */
static const char *
text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

const char *
wn_harness_verdict(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return text_or_empty(result != NULL ? result->verdict : NULL);
}

const char *
wn_harness_reason(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return text_or_empty(result != NULL ? result->reason : NULL);
}

unsigned
wn_harness_n_findings(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return result != NULL ? result->findings->len : 0;
}

const char *
wn_harness_rule(WnHarness *h, unsigned n)
{
    const WnRunFinding *finding = finding_of(h, n);

    return text_or_empty(finding != NULL ? finding->rule : NULL);
}

const char *
wn_harness_evidence(WnHarness *h, unsigned n)
{
    const WnRunFinding *finding = finding_of(h, n);

    return text_or_empty(finding != NULL ? finding->evidence : NULL);
}

int32_t
wn_harness_score(WnHarness *h, unsigned n)
{
    const WnRunFinding *finding = finding_of(h, n);

    return finding != NULL ? finding->score : 0;
}

const char *
wn_harness_decision(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return text_or_empty(result != NULL ? result->decision : NULL);
}

const char *
wn_harness_reply(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return text_or_empty(result != NULL ? result->reply : NULL);
}

const char *
wn_harness_redirect(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return text_or_empty(result != NULL ? result->redirect : NULL);
}

unsigned
wn_harness_n_edits(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return result != NULL ? result->edits->len : 0;
}

const char *
wn_harness_edit(WnHarness *h, unsigned n)
{
    return n < wn_harness_n_edits(h) ? g_ptr_array_index(result_of(h)->edits, n)
                                     : "";
}

const char *
wn_harness_outcome(WnHarness *h)
{
    const WnRunResult *result = result_of(h);

    return text_or_empty(result != NULL ? result->outcome : NULL);
}

const char *
wn_harness_log(WnHarness *h)
{
    return h->shim->log->str;
}

static const char *
instance_name(const WnHarness *h)
{
    return h->shim->declared.action != NULL ? h->shim->declared.name
                                            : WN_WORLD_FILTER;
}

int64_t
wn_harness_metric(WnHarness *h, const char *name)
{
    g_autofree char *full = g_strdup_printf(WN_METRIC_PLUGIN_PREFIX "%s_%s",
        h->shim->declared.name, name);
    g_autofree char *labels = g_strdup_printf("instance=\"%s\"",
        instance_name(h));

    return wn_metrics_lookup(full, labels);
}

uint64_t
wn_harness_shared(WnHarness *h, const void *key, size_t len)
{
    if (h->world == NULL)
        return 0;
    return wn_shared_table_load(h->world->shared, wn_span_str(instance_name(h)),
        wn_span(key, len));
}
