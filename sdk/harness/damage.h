/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Data sets that a disk, or another version, has spoilt: each blob of the test
 * is cut short at many lengths, and changed in many places.  check() must bear
 * them all, and hooks each that check() takes.  What is looked at ends at an
 * unreadable page, byte for byte: so where the length is not a multiple of 64
 * it does not begin at one either, unless the plugin is built with the address
 * sanitizer.
 */

#include "sdk/harness/world.h"

/* run: a run of the test's mail, for each blob that stands in for a real one.
 */
void wn_damage_try(WnWorld *world, WnShim *shim, void (*run)(void *user),
    void *user);
