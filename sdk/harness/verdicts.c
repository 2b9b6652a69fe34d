/* SPDX-License-Identifier: MIT */
#include "sdk/harness/verdicts.h"

#include "sdk/harness/mode.h"

#include <string.h>
#include <sys/mman.h>

#define RUNS_MAX 4096
#define WORDS_SIZE 40 /* a verdict and a decision */

/* Shared by the processes that run one test. */
static struct {
    char (*plain)[WORDS_SIZE]; /* by run; "": there was none */
    unsigned n_runs;
    const char *taken;
} state;

void
wn_verdicts_begin(void)
{
    if (state.plain == NULL)
        state.plain = mmap(NULL, RUNS_MAX * sizeof *state.plain,
            PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state.plain == MAP_FAILED)
        g_error("no memory for a test");
    memset(state.plain, 0, RUNS_MAX * sizeof *state.plain);
}

/* Without rows in a table there is nothing to ask, and nobody can tell. */
void
wn_verdicts_absent(const WnDataset *dataset)
{
    if (dataset->source == NULL)
        state.taken = dataset->name;
}

static void
compare(const char *plain, const char *ahead)
{
    if (plain[0] != '\0' && strcmp(plain, ahead) != 0)
        wn_mistake("connect, helo and mail ran ahead, and it comes to %s; "
                   "else it comes to %s",
            ahead, plain);
}

void
wn_verdicts_judge(const char *verdict, const char *decision)
{
    unsigned run = state.n_runs++;
    const char *taken = state.taken;
    char words[WORDS_SIZE];

    state.taken = NULL;
    if (state.plain == NULL || run >= RUNS_MAX)
        return;
    g_snprintf(words, sizeof words, "%s, %s",
        verdict != NULL ? verdict : "none",
        decision != NULL ? decision : "none");
    if (wn_mode()->plain)
        memcpy(state.plain[run], words, sizeof words);
    else if (wn_mode()->ahead != WN_AHEAD_NOT)
        compare(state.plain[run], words);
    else if (taken != NULL && g_strcmp0(verdict, "pass") == 0
             && g_str_has_prefix(state.plain[run], "match,"))
        wn_mistake("data->blob gave no \"%s\", and mail that matched passes: "
                   "WN_FAIL says that nobody could tell",
            taken);
}
