/* SPDX-License-Identifier: MIT */
#include "sdk/harness/case_file.h"

#include "sdk/harness/mode.h"
#include "sdk/harness/wn-harness.h"

#include <string.h>

#define SCORE_MAX 1000000

typedef struct Section {
    char *name;
    char *argument; /* of [file NAME]; "" */
    unsigned line;  /* of its first one */
    GString *text;
} Section;

struct WnCaseFile {
    char *path;
    GPtrArray *sections;
};

static void
section_free(void *data)
{
    Section *section = data;

    g_free(section->name);
    g_free(section->argument);
    g_string_free(section->text, TRUE);
    g_free(section);
}

static bool
is_section(const char *name, const char *argument)
{
    static const char *const plain[] = { "options", "domain", "mail", "finding",
        "dns", "message", "expect", NULL };

    if (strcmp(name, "file") == 0 || strcmp(name, "rows") == 0
        || strcmp(name, "peer") == 0)
        return argument[0] != '\0';
    return g_strv_contains(plain, name) && argument[0] == '\0';
}

/* "[name argument]"; NULL if it is none. */
static Section *
section_new(const char *line, unsigned number)
{
    g_autofree char *inside = g_strndup(line + 1, strlen(line) - 2);
    g_auto(GStrv) words = g_strsplit(inside, " ", 2);
    Section *section;

    if (words[0] == NULL
        || !is_section(words[0], words[1] != NULL ? words[1] : ""))
        return NULL;
    section = g_new0(Section, 1);
    section->name = g_strdup(words[0]);
    section->argument = g_strdup(words[1] != NULL ? words[1] : "");
    section->line = number + 1;
    section->text = g_string_new(NULL);
    return section;
}

/* Lines of files and messages are taken as they stand. */
static bool
is_verbatim(const Section *section)
{
    return section != NULL
           && (strcmp(section->name, "message") == 0
               || strcmp(section->name, "file") == 0
               || strcmp(section->name, "rows") == 0);
}

static bool
read_line(WnCaseFile *self, const char *line, unsigned number,
    Section **current)
{
    size_t len = strlen(line);
    bool heading = len > 2 && line[0] == '[' && line[len - 1] == ']';

    if (strcmp(line, "[end]") == 0) {
        *current = NULL;
        return true;
    }
    if (heading
        && (*current == NULL || strcmp((*current)->name, "message") != 0)) {
        *current = section_new(line, number);
        if (*current != NULL)
            g_ptr_array_add(self->sections, *current);
        return *current != NULL;
    }
    if (!is_verbatim(*current) && (len == 0 || line[0] == '#'))
        return true;
    if (*current == NULL)
        return false;
    g_string_append_printf((*current)->text, "%s\n", line);
    return true;
}

WnCaseFile *
wn_case_file_read(const char *path, GError **error)
{
    g_autoptr(WnCaseFile) self = g_new0(WnCaseFile, 1);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    Section *current = NULL;

    self->path = g_strdup(path);
    self->sections = g_ptr_array_new_with_free_func(section_free);
    if (!g_file_get_contents(path, &text, NULL, error))
        return NULL;
    g_strchomp(text);
    lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i] != NULL; i++) {
        if (read_line(self, lines[i], i + 1, &current))
            continue;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
            "%s:%u: \"%s\" is not understood here", path, i + 1, lines[i]);
        return NULL;
    }
    return g_steal_pointer(&self);
}

void
wn_case_file_free(WnCaseFile *self)
{
    if (self == NULL)
        return;
    g_ptr_array_unref(self->sections);
    g_free(self->path);
    g_free(self);
}

static const Section *
section_of(const WnCaseFile *self, const char *name)
{
    for (unsigned i = 0; i < self->sections->len; i++) {
        const Section *section = g_ptr_array_index(self->sections, i);

        if (strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

static const char *
text_of(const WnCaseFile *self, const char *name)
{
    const Section *section = section_of(self, name);

    return section != NULL ? section->text->str : "";
}

/*
 * "key = value" lines
 */

typedef struct Pair {
    const WnCaseFile *file;
    WnHarness *h;
    unsigned line;
    const char *key;
    const char *value;
} Pair;

typedef bool (*PairFn)(const Pair *pair, void *user); /* false: unknown key */

static void
each_pair(const WnCaseFile *self, WnHarness *h, const char *name, PairFn fn,
    void *user)
{
    const Section *section = section_of(self, name);
    g_auto(GStrv) lines = g_strsplit(text_of(self, name), "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], "=", 2);
        Pair pair = { self, h, section != NULL ? section->line : 0, NULL, "" };

        if (parts[0] == NULL || g_strstrip(parts[0])[0] == '\0')
            continue;
        pair.key = parts[0];
        if (parts[1] != NULL)
            pair.value = g_strstrip(parts[1]);
        if (!fn(&pair, user))
            wn_mistake("%s: [%s] at line %u has no key %s", self->path, name,
                pair.line, pair.key);
    }
}

static int64_t
number_of(const Pair *pair)
{
    char *end;
    int64_t number = g_ascii_strtoll(pair->value, &end, 0);

    if (end == pair->value || *end != '\0')
        wn_mistake("%s: %s: \"%s\" is no number", pair->file->path, pair->key,
            pair->value);
    return number;
}

/* "NAME", "NAME mismatch", "none", "unknown". */
static void
set_rdns(const Pair *pair)
{
    g_auto(GStrv) words = g_strsplit(pair->value, " ", 2);

    if (words[0] == NULL || strcmp(words[0], "none") == 0)
        wn_harness_rdns(pair->h, "", 0);
    else if (strcmp(words[0], "unknown") == 0)
        wn_harness_rdns(pair->h, "", 3);
    else
        wn_harness_rdns(pair->h, words[0], words[1] != NULL ? 2 : 1);
}

static bool
set_mail(const Pair *pair, void *user)
{
    (void)user;
    if (strcmp(pair->key, "client") == 0)
        wn_harness_client(pair->h, pair->value);
    else if (strcmp(pair->key, "helo") == 0)
        wn_harness_helo(pair->h, pair->value);
    else if (strcmp(pair->key, "rdns") == 0)
        set_rdns(pair);
    else if (strcmp(pair->key, "tls") == 0)
        wn_harness_tls(pair->h, (uint16_t)number_of(pair));
    else if (strcmp(pair->key, "sender") == 0)
        wn_harness_sender(pair->h, pair->value);
    else if (strcmp(pair->key, "rcpt") == 0)
        wn_harness_rcpt(pair->h, pair->value);
    else if (strcmp(pair->key, "message") == 0) {
        g_autofree char *folder = g_path_get_dirname(pair->file->path);
        g_autofree char *path = g_build_filename(folder, pair->value, NULL);

        wn_harness_message_file(pair->h, path);
    } else
        return false;
    return true;
}

typedef struct Found {
    char *rule, *evidence;
    int64_t score;
} Found;

static bool
set_found(const Pair *pair, void *user)
{
    Found *found = user;

    if (strcmp(pair->key, "early") == 0)
        wn_harness_early(pair->h);
    else if (strcmp(pair->key, "rule") == 0)
        found->rule = g_strdup(pair->value);
    else if (strcmp(pair->key, "evidence") == 0)
        found->evidence = g_strdup(pair->value);
    else if (strcmp(pair->key, "score") == 0)
        found->score = CLAMP(number_of(pair), -SCORE_MAX, SCORE_MAX);
    else
        return false;
    return true;
}

/*
 * What is expected
 */

typedef struct Expected {
    unsigned n_findings, n_edits, n_scores;
} Expected;

static void
expect_text(const Pair *pair, const char *is)
{
    if (strcmp(is, pair->value) != 0)
        wn_mistake("%s: %s is \"%s\", not \"%s\"\noutcome: %s%s",
            pair->file->path, pair->key, is, pair->value,
            wn_harness_outcome(pair->h), wn_harness_log(pair->h));
}

static void
expect_part(const Pair *pair, const char *is)
{
    if (strstr(is, pair->value) == NULL)
        wn_mistake("%s: %s does not hold \"%s\":\n%s", pair->file->path,
            pair->key, pair->value, is);
}

static void
expect_number(const Pair *pair, int64_t is)
{
    if (is != number_of(pair))
        wn_mistake("%s: %s is %d, not %s", pair->file->path, pair->key, (int)is,
            pair->value);
}

/* "RULE EVIDENCE", in the order in which they were reported. */
static void
expect_finding(const Pair *pair, unsigned n)
{
    const char *evidence = wn_harness_evidence(pair->h, n);
    g_autofree char *is = g_strdup_printf("%s%s%s", wn_harness_rule(pair->h, n),
        evidence[0] != '\0' ? " " : "", evidence);

    expect_text(pair, is);
}

static bool
expect_decision(const Pair *pair)
{
    if (strcmp(pair->key, "verdict") == 0)
        expect_text(pair, wn_harness_verdict(pair->h));
    else if (strcmp(pair->key, "decision") == 0)
        expect_text(pair, wn_harness_decision(pair->h));
    else
        return false;
    return true;
}

static bool
expect_details(const Pair *pair, Expected *expected)
{
    if (strcmp(pair->key, "reason") == 0)
        expect_part(pair, wn_harness_reason(pair->h));
    else if (strcmp(pair->key, "finding") == 0)
        expect_finding(pair, expected->n_findings++);
    else if (strcmp(pair->key, "score") == 0)
        expect_number(pair, wn_harness_score(pair->h, expected->n_scores++));
    else if (strcmp(pair->key, "reply") == 0)
        expect_text(pair, wn_harness_reply(pair->h));
    else if (strcmp(pair->key, "redirect") == 0)
        expect_text(pair, wn_harness_redirect(pair->h));
    else if (strcmp(pair->key, "edit") == 0)
        expect_text(pair, wn_harness_edit(pair->h, expected->n_edits++));
    else if (strcmp(pair->key, "log") == 0)
        expect_part(pair, wn_harness_log(pair->h));
    else if (strcmp(pair->key, "queries") == 0 && !wn_mode()->twins)
        expect_number(pair, wn_harness_n_queries(pair->h));
    else if (strcmp(pair->key, "connections") == 0 && !wn_mode()->twins)
        expect_number(pair, wn_harness_n_connections(pair->h));
    else
        return strcmp(pair->key, "refused") == 0
               || strcmp(pair->key, "queries") == 0
               || strcmp(pair->key, "connections") == 0;
    return true;
}

static bool
is_detail(const char *key)
{
    static const char *const keys[] = { "reason", "finding", "score", "reply",
        "redirect", "edit", "log", "queries", "connections", "refused", NULL };

    return g_strv_contains(keys, key);
}

static bool
expect(const Pair *pair, void *user)
{
    if (wn_mode()->same_verdict && expect_decision(pair))
        return true;
    if (wn_mode()->same_findings)
        return expect_details(pair, user);
    return is_detail(pair->key) || strcmp(pair->key, "verdict") == 0
           || strcmp(pair->key, "decision") == 0;
}

/* What is named at all is named in full. */
static void
expect_no_more(const WnCaseFile *self, WnHarness *h, const Expected *expected)
{
    if (!wn_mode()->same_findings)
        return;
    if (expected->n_findings > 0
        && wn_harness_n_findings(h) > expected->n_findings)
        wn_mistake("%s: more findings than expected\noutcome: %s", self->path,
            wn_harness_outcome(h));
    /* The twin's edits are among them. */
    if (!wn_mode()->twins && expected->n_edits > 0
        && wn_harness_n_edits(h) > expected->n_edits)
        wn_mistake("%s: more edits than expected\noutcome: %s", self->path,
            wn_harness_outcome(h));
}

static bool
expect_refusal(const Pair *pair, void *user)
{
    (void)user;
    if (strcmp(pair->key, "refused") == 0)
        wn_harness_expect_refusal(pair->h, pair->value);
    return true;
}

/*
 * The test
 */

static void
set_scene(const WnCaseFile *self, WnHarness *h)
{
    Found found = { NULL, NULL, 0 };

    for (unsigned i = 0; i < self->sections->len; i++) {
        const Section *section = g_ptr_array_index(self->sections, i);

        if (strcmp(section->name, "file") == 0)
            wn_harness_file(h, section->argument, section->text->str);
        if (strcmp(section->name, "rows") == 0)
            wn_harness_rows(h, section->argument, section->text->str);
        if (strcmp(section->name, "peer") == 0)
            wn_harness_peer(h, section->argument, section->text->str);
    }
    wn_harness_domain(h, text_of(self, "domain"));
    wn_harness_dns(h, text_of(self, "dns"));
    if (section_of(self, "message") != NULL)
        wn_harness_message(h, text_of(self, "message"));
    each_pair(self, h, "mail", set_mail, NULL);
    each_pair(self, h, "finding", set_found, &found);
    wn_harness_finding(h, found.rule != NULL ? found.rule : "test",
        found.evidence != NULL ? found.evidence : "", (int32_t)found.score);
    g_free(found.rule);
    g_free(found.evidence);
    each_pair(self, h, "expect", expect_refusal, NULL);
}

void
wn_case_file_run(const WnCaseFile *self, const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, text_of(self, "options"));
    Expected expected = { 0 };

    set_scene(self, h);
    wn_harness_run(h);
    each_pair(self, h, "expect", expect, &expected);
    expect_no_more(self, h, &expected);
    wn_harness_free(h);
}
