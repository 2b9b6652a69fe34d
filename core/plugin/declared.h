/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Does a plugin's declaration lie in memory, in the sizes of its minor, and are
 * its texts some that can be shown?  The first look at it, before anything of
 * it is used; what it says is judged by module.c.
 */

#include "core/plugin/sdk.h"

#include <glib.h>
#include <stdbool.h>

#define WN_DECLARED_NAME_MAX 64

/* As much of it as every major has. */
bool wn_declared_check_head(const WnPlugin *declared, GError **error);

/* All but options and data sets, after the versions. */
bool wn_declared_check_plugin(const WnPlugin *declared, GError **error);

/* The arrays, their strides and every text in them. */
bool wn_declared_check_options(const WnPlugin *declared, GError **error);
bool wn_declared_check_datasets(const WnPlugin *declared, GError **error);

/* By the plugin's stride: a newer header has longer ones. */
const WnOption *wn_declared_option(const WnPlugin *declared, uint32_t n);
const WnDataset *wn_declared_dataset(const WnPlugin *declared, uint32_t n);
