/* SPDX-License-Identifier: MIT */

/* Checks of tests.  Where the mode makes something go wrong, results are not
 * those of the plain run: then only the plugin's conduct is judged. */

#include "sdk/harness/mode.h"
#include "sdk/harness/wn-harness.h"

#include <inttypes.h>
#include <string.h>

const char *
wn_harness_mode(void)
{
    return wn_mode()->name;
}

void
wn_harness_check(int ok, const char *file, int line, const char *text)
{
    if (!ok && wn_mode()->same_findings)
        wn_mistake("%s:%d: %s", file, line, text);
}

void
wn_harness_check_str(const char *is, const char *expected, const char *file,
    int line, const char *text)
{
    if (wn_mode()->same_findings
        && (is == NULL || expected == NULL || strcmp(is, expected) != 0))
        wn_mistake("%s:%d: %s is \"%s\", not \"%s\"", file, line, text,
            is != NULL ? is : "(null)", expected != NULL ? expected : "(null)");
}

void
wn_harness_check_int(int64_t is, int64_t expected, const char *file, int line,
    const char *text)
{
    if (wn_mode()->same_findings && is != expected)
        wn_mistake("%s:%d: %s is %" PRId64 ", not %" PRId64, file, line, text,
            is, expected);
}
