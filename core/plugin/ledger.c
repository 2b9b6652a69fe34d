/* SPDX-License-Identifier: MIT */
#include "core/plugin/ledger.h"

const char *
wn_ledger_verdict_name(WnLedgerVerdict verdict)
{
    switch (verdict) {
    case WN_LEDGER_PASS:
        return "pass";
    case WN_LEDGER_MATCH:
        return "match";
    case WN_LEDGER_TRUST:
        return "trust";
    case WN_LEDGER_FAIL:
        return "fail";
    case WN_LEDGER_SKIPPED:
        return "skipped";
    }
    return "unknown";
}

const char *
wn_decided_name(WnDecided decided)
{
    switch (decided) {
    case WN_DECIDED_DELIVER:
        return "deliver";
    case WN_DECIDED_REJECT:
        return "reject";
    case WN_DECIDED_TEMPFAIL:
        return "tempfail";
    case WN_DECIDED_DISCARD:
        return "delete";
    }
    return "unknown";
}
