/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The tables of functions that a plugin reaches through its WnHost.  They are
 * constants; what differs between instances stands in the WnInstance behind
 * the WnHost and in the call.
 */

#include "core/plugin/sdk.h"

typedef struct WnInstance WnInstance;

/* Fills the instance's WnHost. */
void wn_host_init(WnInstance *instance);

/* Of host_call.c and host_message.c. */
const WnCallApi *wn_host_call_api(void);
const WnFactsApi *wn_host_facts_api(void);
const WnDnsApi *wn_host_dns_api(void);
const WnIoApi *wn_host_io_api(void);
const WnMessageApi *wn_host_message_api(void);
const WnEditApi *wn_host_edit_api(void);

/* timer->after, of host_call.c. */
int32_t wn_host_after(WnCall *call, uint32_t ms, WnTimerFn fn, void *user);
