/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the runs of a test decided in the plain mode, for the other modes, which
 * are other processes:
 *
 *  - hooks that run ahead must come to the same;
 *  - a filter that finds something with its list must not pass the same mail
 *    when the list is not there.
 */

#include "core/plugin/sdk.h"

/* Before each test: forgets what the one before decided. */
void wn_verdicts_begin(void);

/* data->blob has given NULL in place of a blob of that data set. */
void wn_verdicts_absent(const WnDataset *dataset);

/* A run is over; NULL: the instance was not asked, nothing was decided. */
void wn_verdicts_judge(const char *verdict, const char *decision);
