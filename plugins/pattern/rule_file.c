/* SPDX-License-Identifier: MIT */

/* Reads rule files line by line into a PatternRules. */

#include "condition.h"
#include "rules.h"

#include <errno.h>
#include <string.h>

#define NESTING_MAX 64
#define LINE_MAX_LEN (256u * 1024)

typedef struct File {
    PatternRules *rules;
    const char *path;
    unsigned line;
    int depth;                  /* of conditions */
    bool active[NESTING_MAX];   /* the lines count */
    bool answered[NESTING_MAX]; /* a branch was taken already */
} File;

typedef struct Directive {
    const char *word;
    void (*read)(File *file, char *rest);
} Directive;

G_GNUC_PRINTF(2, 3)
static void
warn(File *file, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(file->rules->warnings,
        g_strdup_printf("%s:%u: %s", file->path, file->line, text));
}

/* Cuts the first word off; *text is then the rest. */
static char *
take_word(char **text)
{
    char *word = *text;
    char *end = word + strcspn(word, " \t");

    if (*end != '\0')
        *end++ = '\0';
    *text = end + strspn(end, " \t");
    return word;
}

static bool
is_rule_name(const char *name)
{
    return *name != '\0' && !g_ascii_isdigit(*name) && strlen(name) < 128
           && strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_")
                  == strlen(name);
}

/* The rule of that name, or NULL with a warning. */
static PatternRule *
mention(File *file, const char *name)
{
    if (is_rule_name(name))
        return pattern_rules_at(file->rules,
            pattern_rules_number(file->rules, name));
    warn(file, "\"%.40s\" is no name of a rule", name);
    return NULL;
}

/* The rule anew; its score, flags and description stay. */
static PatternRule *
define(File *file, char **rest, PatternKind kind)
{
    PatternRule *rule = mention(file, take_word(rest));

    if (rule == NULL)
        return NULL;
    rule->kind = kind;
    rule->flags &= ~(uint32_t)(PATTERN_EXISTS | PATTERN_NEGATED | PATTERN_EVAL);
    rule->form = PATTERN_VALUE;
    g_clear_pointer(&rule->header, g_free);
    g_clear_pointer(&rule->if_unset, g_free);
    g_clear_pointer(&rule->text, g_free);
    g_clear_pointer(&rule->unsupported, g_free);
    return rule;
}

static void
set_text(PatternRule *rule, const char *text)
{
    g_free(rule->text);
    rule->text = g_strdup(text);
    if (strstr(text, "eval:") == text || strstr(text, "rbleval:") == text)
        rule->flags |= PATTERN_EVAL;
}

static void
define_plain(File *file, char *rest, PatternKind kind)
{
    PatternRule *rule = define(file, &rest, kind);

    if (rule != NULL)
        set_text(rule, rest);
}

static void
read_body(File *file, char *rest)
{
    define_plain(file, rest, PATTERN_BODY);
}

static void
read_rawbody(File *file, char *rest)
{
    define_plain(file, rest, PATTERN_RAWBODY);
}

static void
read_full(File *file, char *rest)
{
    define_plain(file, rest, PATTERN_FULL);
}

static void
read_uri(File *file, char *rest)
{
    define_plain(file, rest, PATTERN_URI);
}

static void
read_meta(File *file, char *rest)
{
    define_plain(file, rest, PATTERN_META);
}

/* Name[:form...]; other forms than ours make the rule unsupported. */
static void
set_header(PatternRule *rule, const char *field)
{
    g_auto(GStrv) parts = g_strsplit(field, ":", 4);

    rule->header = g_strdup(parts[0]);
    for (int i = 1; parts[0] != NULL && parts[i] != NULL; i++) {
        if (g_ascii_strcasecmp(parts[i], "raw") == 0)
            rule->form = PATTERN_RAW;
        else if (g_ascii_strcasecmp(parts[i], "addr") == 0)
            rule->form = PATTERN_ADDR;
        else if (g_ascii_strcasecmp(parts[i], "name") == 0)
            rule->form = PATTERN_NAME;
        else if (parts[i][0] != '\0')
            pattern_rule_refuse(rule, "unknown form of a header");
    }
}

/* Takes "[if-unset: x]" from the end. */
static void
take_if_unset(PatternRule *rule, char *text)
{
    char *start = g_strrstr(text, "[if-unset:");
    size_t len = strlen(text);

    if (start == NULL || text[len - 1] != ']')
        return;
    text[len - 1] = '\0';
    rule->if_unset = g_strdup(g_strstrip(start + strlen("[if-unset:")));
    *start = '\0';
    g_strchomp(text);
}

static void
read_field_rule(File *file, char *rest, PatternKind kind)
{
    PatternRule *rule = define(file, &rest, kind);
    char *field = rest;
    char *sign;

    if (rule == NULL)
        return;
    if (g_str_has_prefix(rest, "eval:") || g_str_has_prefix(rest, "rbleval:")) {
        set_text(rule, rest);
        return;
    }
    if (g_str_has_prefix(rest, "exists:")) {
        rule->flags |= PATTERN_EXISTS;
        set_header(rule, g_strstrip(rest + strlen("exists:")));
        return;
    }
    sign = rest + strcspn(rest, " \t=!");
    rest = sign + strspn(sign, " \t");
    if ((rest[0] != '=' && rest[0] != '!') || rest[1] != '~') {
        pattern_rule_refuse(rule, "neither =~ nor !~");
        return;
    }
    rule->flags |= rest[0] == '!' ? PATTERN_NEGATED : 0;
    rest += 2 + strspn(rest + 2, " \t");
    *sign = '\0';
    set_header(rule, field);
    take_if_unset(rule, rest);
    set_text(rule, rest);
}

static void
read_header(File *file, char *rest)
{
    read_field_rule(file, rest, PATTERN_HEADER);
}

static void
read_mimeheader(File *file, char *rest)
{
    read_field_rule(file, rest, PATTERN_MIMEHEADER);
}

/* uri_detail and others whose conditions are not read here. */
static void
read_foreign(File *file, char *rest)
{
    PatternRule *rule = define(file, &rest, PATTERN_URI);

    if (rule == NULL)
        return;
    rule->flags |= PATTERN_EVAL;
    set_text(rule, rest);
}

/* The first of four scores: without network and without Bayes. */
static void
read_score(File *file, char *rest)
{
    PatternRule *rule = mention(file, take_word(&rest));
    bool relative = *rest == '(';
    char *end;
    double score;

    if (rule == NULL)
        return;
    rest += relative;
    errno = 0;
    score = g_ascii_strtod(rest, &end);
    if (end == rest || errno != 0 || score < -10000 || score > 10000) {
        warn(file, "unreadable score");
        return;
    }
    rule->score = (int32_t)(score * 1000 + (score < 0 ? -0.5 : 0.5))
                  + (relative ? rule->score : 0);
    rule->scored = true;
}

static void
read_describe(File *file, char *rest)
{
    PatternRule *rule = mention(file, take_word(&rest));

    if (rule == NULL)
        return;
    g_free(rule->describe);
    rule->describe = g_utf8_make_valid(rest, -1);
}

static void
read_flag(PatternRule *rule, const char *flag)
{
    if (strcmp(flag, "multiple") == 0) {
        rule->flags |= PATTERN_MULTIPLE;
    } else if (strcmp(flag, "nosubject") == 0) {
        rule->flags |= PATTERN_NOSUBJECT;
    } else if (strcmp(flag, "nice") == 0) {
        rule->flags |= PATTERN_NICE;
    } else if (g_str_has_prefix(flag, "maxhits=")) {
        guint64 max = g_ascii_strtoull(flag + strlen("maxhits="), NULL, 10);

        rule->max_hits = (uint32_t)MIN(max, PATTERN_HITS_MAX);
    }
}

static void
read_tflags(File *file, char *rest)
{
    PatternRule *rule = mention(file, take_word(&rest));

    if (rule == NULL)
        return;
    rule->flags &= ~(
        uint32_t)(PATTERN_MULTIPLE | PATTERN_NOSUBJECT | PATTERN_NICE);
    rule->max_hits = 0;
    while (*rest != '\0')
        read_flag(rule, take_word(&rest));
}

static void
keep_tag(char *rest, GHashTable *table)
{
    char *name = take_word(&rest);

    g_hash_table_replace(table, g_strdup(name), g_strdup(rest));
}

static void
read_replace_tag(File *file, char *rest)
{
    keep_tag(rest, file->rules->tags);
}

static void
read_replace_pre(File *file, char *rest)
{
    keep_tag(rest, file->rules->pre);
}

static void
read_replace_inter(File *file, char *rest)
{
    keep_tag(rest, file->rules->inter);
}

static void
read_replace_post(File *file, char *rest)
{
    keep_tag(rest, file->rules->post);
}

static void
read_replace_rules(File *file, char *rest)
{
    while (*rest != '\0') {
        PatternRule *rule = mention(file, take_word(&rest));

        if (rule != NULL)
            rule->flags |= PATTERN_REPLACED;
    }
}

static void
read_free_mail(File *file, char *rest)
{
    while (*rest != '\0')
        address_list_add(file->rules->free_mail, take_word(&rest));
}

/* enlist_addrlist (NAME) address... */
static void
read_address_list(File *file, char *rest)
{
    char *word = take_word(&rest);
    size_t len = strlen(word);
    AddressList *list;

    if (len < 3 || word[0] != '(' || word[len - 1] != ')') {
        warn(file, "the list has no name");
        return;
    }
    word[len - 1] = '\0';
    list = g_hash_table_lookup(file->rules->lists, word + 1);
    if (list == NULL) {
        list = address_list_new();
        g_hash_table_insert(file->rules->lists, g_strdup(word + 1), list);
    }
    while (*rest != '\0')
        address_list_add(list, take_word(&rest));
}

static const Directive directives[] = {
    { "header", read_header },
    { "mimeheader", read_mimeheader },
    { "body", read_body },
    { "rawbody", read_rawbody },
    { "full", read_full },
    { "uri", read_uri },
    { "meta", read_meta },
    { "uri_detail", read_foreign },
    { "askdns", read_foreign },
    { "urirhssub", read_foreign },
    { "urirhsbl", read_foreign },
    { "uridnsbl", read_foreign },
    { "uridnssub", read_foreign },
    { "freemail_domains", read_free_mail },
    { "enlist_addrlist", read_address_list },
    { "score", read_score },
    { "describe", read_describe },
    { "tflags", read_tflags },
    { "replace_tag", read_replace_tag },
    { "replace_pre", read_replace_pre },
    { "replace_inter", read_replace_inter },
    { "replace_post", read_replace_post },
    { "replace_rules", read_replace_rules },
};

static void
open_condition(File *file, bool answer)
{
    bool active = file->depth == 0 || file->active[file->depth - 1];

    file->active[file->depth] = active && answer;
    file->answered[file->depth] = answer;
    file->depth++;
}

static bool
answer_if(File *file, const char *expression)
{
    PatternCondition condition = pattern_condition(expression);

    if (condition == PATTERN_CONDITION_UNREADABLE)
        warn(file, "unreadable condition, taken as false: %.80s", expression);
    return condition == PATTERN_CONDITION_TRUE;
}

/* True if the line was part of a condition. */
static bool
read_condition(File *file, const char *word, char *rest)
{
    int last = file->depth - 1;

    if (strcmp(word, "if") == 0 || strcmp(word, "ifplugin") == 0) {
        if (file->depth == NESTING_MAX)
            warn(file, "conditions are nested too deep");
        else if (word[2] == '\0')
            open_condition(file, answer_if(file, rest));
        else
            open_condition(file, pattern_condition_plugin(take_word(&rest)));
        return true;
    }
    if (strcmp(word, "else") == 0) {
        if (last >= 0)
            file->active[last] = !file->answered[last]
                                 && (last == 0 || file->active[last - 1]);
        return true;
    }
    if (strcmp(word, "endif") != 0)
        return false;
    file->depth -= file->depth > 0;
    return true;
}

/* Cuts comments and white space; "\#" is a plain "#". */
static void
clean_line(GString *line)
{
    size_t out = 0;

    for (size_t i = 0; i < line->len; i++) {
        char byte = line->str[i];

        if (byte == '#' && out > 0 && line->str[out - 1] == '\\')
            out--;
        else if (byte == '#')
            break;
        line->str[out++] = byte == '\0' ? ' ' : byte;
    }
    g_string_truncate(line, out);
    g_strstrip(line->str);
}

static void
read_line(File *file, char *rest)
{
    char *word = take_word(&rest);

    if (*word == '\0' || read_condition(file, word, rest))
        return;
    if (file->depth > 0 && !file->active[file->depth - 1])
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(directives); i++) {
        if (strcmp(word, directives[i].word) != 0)
            continue;
        directives[i].read(file, rest);
        return;
    }
    file->rules->n_ignored++;
}

void
pattern_rules_read(PatternRules *self, const char *path, const char *text,
    size_t len)
{
    File file = { .rules = self, .path = path };
    g_autoptr(GString) line = g_string_new(NULL);

    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_len = end != NULL ? (size_t)(end - text) - at : len - at;

        file.line++;
        if (line_len <= LINE_MAX_LEN) {
            g_string_truncate(line, 0);
            g_string_append_len(line, text + at, (gssize)line_len);
            clean_line(line);
            read_line(&file, line->str);
        } else {
            warn(&file, "the line is too long");
        }
        at += line_len + 1;
    }
    if (file.depth > 0)
        warn(&file, "a condition has no endif");
}
