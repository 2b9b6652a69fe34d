/* SPDX-License-Identifier: MIT */
#pragma once

/* What a filter may do to the process that it runs in: "leak_fds", 1,000 at a
 * time; "all_fds"; "close_log"; "close_channel", to winnow-smtp;
 * "replace_channel"; "kill", itself; "thread", that crashes when no call runs;
 * "share", 20 MiB that nobody counts as its own; "board", the word of what
 * runs, and then for ever. */
void misbehave_damage(const char *way);
