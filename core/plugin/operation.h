/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a call waits for: an answer of DNS, a time, a descriptor.  An operation
 * belongs to its call, is no longer counted when its callback runs, and never
 * calls back once it is cancelled.
 */

#include "core/plugin/call.h"

typedef struct WnOperation WnOperation;

/* Each starts one: WN_OK or an SDK error.  Only hooks that return a verdict
 * may wait. */
int32_t wn_operation_query(WnHookCall *call, const char *name, uint16_t type,
    WnDnsFn fn, void *user);
int32_t wn_operation_after(WnHookCall *call, uint32_t ms, WnTimerFn fn,
    void *user);
int32_t wn_operation_wait(WnHookCall *call, int fd, uint32_t what, WnIoFn fn,
    void *user);

/* Asks without waiting for the answer. */
void wn_operation_prefetch(WnHookCall *call, const char *name, uint16_t type);

void wn_operations_cancel(WnHookCall *call); /* all of them */

/* The answer that a query's callback gets, and its records. */
int32_t wn_answer_status(const WnAnswer *self);
uint32_t wn_answer_n_records(const WnAnswer *self);
const WnDnsRecord *wn_answer_record(const WnAnswer *self, uint32_t n);
