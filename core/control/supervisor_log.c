/* SPDX-License-Identifier: MIT */
#include "core/control/supervisor_log.h"

#include "core/base/log.h"

void
wn_supervisor_log_reload(const char *result, uint64_t generation,
    const char *problem)
{
    WnEvent event;

    wn_event_begin(&event, problem != NULL ? WN_LEVEL_ERROR : WN_LEVEL_INFO,
        "reload");
    wn_event_str(&event, "result", result);
    wn_event_int(&event, "generation", (int64_t)generation);
    if (problem != NULL)
        wn_event_span(&event, "error", wn_span_trim(wn_span_str(problem)));
    wn_event_end(&event);
}

void
wn_supervisor_log_ready(const WnPublished *published)
{
    WnEvent event;

    wn_event_begin(&event, WN_LEVEL_INFO, "ready");
    wn_event_int(&event, "generation", (int64_t)published->generation);
    wn_event_int(&event, "domains", published->n_domains);
    wn_event_end(&event);
}
