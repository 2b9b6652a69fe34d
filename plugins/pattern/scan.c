/* SPDX-License-Identifier: MIT */

#include "scan.h"

/* What looking at a single place costs, in bytes of work. */
#define PLACE_WORK 16

void
pattern_scan_init(PatternScan *self)
{
    guint n = self->rules->rules->len;

    self->text = g_string_new(NULL);
    self->candidates = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    self->places = g_array_new(FALSE, FALSE, sizeof(PatternPlace));
    self->waiting = pattern_waiting_new(n);
    self->stamps = g_new0(uint32_t, n);
    self->next = g_new0(uint32_t, n);
}

void
pattern_scan_clear(PatternScan *self)
{
    for (size_t i = 0; i < G_N_ELEMENTS(self->pieces); i++)
        g_clear_pointer(&self->pieces[i], pattern_pieces_free);
    g_string_free(self->text, TRUE);
    g_array_unref(self->candidates);
    g_array_unref(self->places);
    pattern_waiting_free(self->waiting);
    g_free(self->stamps);
    g_free(self->next);
}

uint32_t
pattern_scan_hits_wanted(const PatternRule *rule)
{
    if ((rule->flags & PATTERN_MULTIPLE) == 0)
        return 1;
    return rule->max_hits > 0 ? rule->max_hits : PATTERN_HITS_MAX;
}

/* False once the message has cost too much; the rule counts as not run. */
static bool
spend(PatternScan *scan, uint32_t number, size_t work)
{
    PatternResults *results = scan->results;

    if (results->work <= PATTERN_WORK_MAX) {
        results->work += work;
        return true;
    }
    results->n_skipped += !results->skipped[number];
    results->skipped[number] = true;
    return false;
}

static void
note_limit(PatternScan *scan, PatternResult result)
{
    if (result != PATTERN_LIMIT)
        return;
    scan->results->n_limits++;
    scan->results->work += PATTERN_WORK_LIMIT;
}

static void
match_rule(PatternScan *scan, uint32_t number, const char *text, size_t len)
{
    const PatternRule *rule = pattern_rules_at(scan->rules, number);
    uint32_t *hits = &scan->results->hits[number];
    uint32_t wanted = pattern_scan_hits_wanted(rule);
    PatternResult result = PATTERN_NO_MATCH;
    bool negated = (rule->flags & PATTERN_NEGATED) != 0;
    size_t at = 0;

    if (rule->regex == NULL)
        return;
    if (*hits >= wanted || !spend(scan, number, len))
        return;
    while (*hits < wanted) {
        result = pattern_regex_match(rule->regex, scan->matcher, text, len,
            &at);
        if (result != PATTERN_FOUND || negated)
            break;
        (*hits)++;
    }
    note_limit(scan, result);
    if (negated && result == PATTERN_NO_MATCH)
        *hits = 1;
}

/* A rule of which the windows told where it could begin. */
static void
match_place(PatternScan *scan, const PatternPlace *place, const char *text,
    size_t len)
{
    const PatternRule *rule = pattern_rules_at(scan->rules, place->id);
    uint32_t *hits = &scan->results->hits[place->id];
    size_t at = place->at;
    PatternResult result;

    if (*hits >= pattern_scan_hits_wanted(rule))
        return;
    if (scan->stamps[place->id] != scan->stamp) {
        scan->stamps[place->id] = scan->stamp;
        scan->next[place->id] = 0;
    }
    if (place->at < scan->next[place->id]
        || !spend(scan, place->id, PLACE_WORK))
        return;
    result = pattern_regex_match_at(rule->regex, scan->matcher, text, len, &at);
    note_limit(scan, result);
    if (result != PATTERN_FOUND)
        return;
    (*hits)++;
    scan->next[place->id] = (uint32_t)at;
}

/* A piece of a group's text. */
typedef struct Piece {
    uint32_t number;
    const char *text;
    size_t len;
} Piece;

bool
pattern_scan_waits(const PatternScan *self, uint32_t number)
{
    return self->waiting->first[number] != 0;
}

static bool
passes_over(const PatternRule *rule, uint32_t piece)
{
    return rule->kind == PATTERN_BODY && piece == 0
           && (rule->flags & PATTERN_NOSUBJECT) != 0;
}

static void
run_wait(PatternScan *scan, uint32_t number, const PatternPieces *pieces,
    const PatternWait *wait)
{
    const PatternRule *rule = pattern_rules_at(scan->rules, number);
    bool every = wait->piece == PATTERN_WAIT_EVERY;
    guint begin = every ? passes_over(rule, 0) : wait->piece;
    guint end = every ? pieces->ends->len : wait->piece + 1;

    for (guint i = begin; i < end; i++) {
        PatternPlace place = { .id = number, .at = wait->at };
        size_t len;
        const char *text = pattern_pieces_at(pieces, i, &len);

        if (wait->at == PATTERN_WAIT_WHOLE)
            match_rule(scan, number, text, len);
        else
            match_place(scan, &place, text, len);
    }
}

void
pattern_scan_catch_up(PatternScan *self, uint32_t number)
{
    PatternWaiting *waiting = self->waiting;
    const PatternRule *rule = pattern_rules_at(self->rules, number);
    uint32_t piece = PATTERN_WAIT_EVERY;

    for (uint32_t i = waiting->first[number]; i != 0;) {
        const PatternWait *wait = &g_array_index(waiting->waits, PatternWait,
            i);

        if (wait->piece != piece)
            self->stamps[number] = 0;
        piece = wait->piece;
        run_wait(self, number, self->pieces[rule->kind], wait);
        i = wait->next;
    }
    waiting->first[number] = 0;
    waiting->impatient[number] = true;
}

/* False if the rule is to be run now. */
static bool
put_off(PatternScan *scan, uint32_t number, const Piece *piece, uint32_t at)
{
    const PatternRule *rule = pattern_rules_at(scan->rules, number);
    PatternWait wait = { .piece = piece->number, .at = at };

    if (!scan->may_wait[number] || scan->waiting->impatient[number])
        return false;
    if (passes_over(rule, piece->number))
        return true;
    if (pattern_waiting_is_full(scan->waiting)) {
        pattern_scan_catch_up(scan, number);
        return false;
    }
    pattern_waiting_add(scan->waiting, number, wait,
        at == PATTERN_WAIT_WHOLE ? piece->len : PLACE_WORK);
    return true;
}

static void
scan_filtered(PatternScan *scan, const PatternGroup *group, const Piece *piece)
{
    uint32_t stamp = ++scan->stamp;

    g_array_set_size(scan->candidates, 0);
    g_array_set_size(scan->places, 0);
    pattern_prefilter_scan(group->prefilter, piece->text, piece->len,
        scan->candidates);
    pattern_windows_scan(group->windows, piece->text, piece->len,
        scan->candidates, scan->places);
    for (guint i = 0; i < scan->candidates->len; i++) {
        uint32_t number = g_array_index(scan->candidates, uint32_t, i);

        if (scan->stamps[number] == stamp)
            continue;
        scan->stamps[number] = stamp;
        if (!put_off(scan, number, piece, PATTERN_WAIT_WHOLE))
            match_rule(scan, number, piece->text, piece->len);
    }
    for (guint i = 0; i < scan->places->len; i++) {
        const PatternPlace *place = &g_array_index(scan->places, PatternPlace,
            i);

        if (!put_off(scan, place->id, piece, place->at))
            match_place(scan, place, piece->text, piece->len);
    }
}

static void
scan_piece(PatternScan *scan, const PatternGroup *group, const Piece *piece)
{
    for (guint i = 0; i < group->rules->len; i++) {
        uint32_t number = g_array_index(group->rules, uint32_t, i);

        if (!pattern_scan_waits(scan, number))
            match_rule(scan, number, piece->text, piece->len);
    }
    if (group->prefilter != NULL)
        scan_filtered(scan, group, piece);
}

/* Rules that pass the subject over. */
static void
forget_subject(PatternScan *scan, const PatternGroup *group)
{
    const GArray *both[] = { group->rules, group->filtered };

    for (size_t i = 0; i < G_N_ELEMENTS(both); i++)
        for (guint j = 0; j < both[i]->len; j++) {
            uint32_t number = g_array_index(both[i], uint32_t, j);
            const PatternRule *rule = pattern_rules_at(scan->rules, number);

            if ((rule->flags & PATTERN_NOSUBJECT) != 0)
                scan->results->hits[number] = 0;
        }
}

/* Those that no filter finds. */
static void
put_off_unfiltered(PatternScan *scan, const PatternGroup *group, size_t len)
{
    PatternWait wait = { .piece = PATTERN_WAIT_EVERY,
        .at = PATTERN_WAIT_WHOLE };

    for (guint i = 0; i < group->rules->len; i++) {
        uint32_t number = g_array_index(group->rules, uint32_t, i);

        if (scan->may_wait[number])
            pattern_waiting_add(scan->waiting, number, wait, len);
    }
}

static void
scan_pieces(PatternScan *scan, const PatternGroup *group,
    const PatternPieces *pieces)
{
    put_off_unfiltered(scan, group, pieces->text->len);
    for (guint i = 0; i < pieces->ends->len; i++) {
        Piece piece = { .number = i };

        piece.text = pattern_pieces_at(pieces, i, &piece.len);
        scan_piece(scan, group, &piece);
        if (i == 0 && group->kind == PATTERN_BODY)
            forget_subject(scan, group);
    }
}

/* Without the field: only "exists" is no hit; others see if_unset or
 * nothing. */
static void
scan_absent(PatternScan *scan, const PatternGroup *group)
{
    const GArray *both[] = { group->rules, group->filtered };

    for (size_t i = 0; i < G_N_ELEMENTS(both); i++)
        for (guint j = 0; j < both[i]->len; j++) {
            uint32_t number = g_array_index(both[i], uint32_t, j);
            const PatternRule *rule = pattern_rules_at(scan->rules, number);

            if (rule->regex == NULL)
                continue;
            if (rule->if_unset != NULL)
                match_rule(scan, number, rule->if_unset,
                    strlen(rule->if_unset));
            else if (both[i] == group->rules)
                match_rule(scan, number, "", 0);
        }
}

static void
mark_existing(PatternScan *scan, const PatternGroup *group)
{
    for (guint i = 0; i < group->rules->len; i++) {
        uint32_t number = g_array_index(group->rules, uint32_t, i);

        if (pattern_rules_at(scan->rules, number)->regex == NULL)
            scan->results->hits[number] = 1;
    }
}

static void
scan_header(PatternScan *scan, const PatternGroup *group)
{
    GString *text = scan->text;

    if (!pattern_header_read(scan->mail, group->header, group->form, text)) {
        scan_absent(scan, group);
        return;
    }
    mark_existing(scan, group);
    scan_piece(scan, group, &(Piece){ .text = text->str, .len = text->len });
}

static void
scan_part_headers(PatternScan *scan, const PatternGroup *group)
{
    GString *text = scan->text;
    uint32_t n = scan->mail->host->message->n_parts(scan->mail->call);
    bool any = false;

    for (uint32_t i = 0; i < n; i++) {
        if (!pattern_part_header_read(scan->mail, group->header, group->form, i,
                text))
            continue;
        any = true;
        scan_piece(scan, group,
            &(Piece){ .text = text->str, .len = text->len });
    }
    if (any)
        mark_existing(scan, group);
    else
        scan_absent(scan, group);
}

void
pattern_scan_group(PatternScan *self, const PatternGroup *group)
{
    PatternPieces *pieces;

    if (group->kind == PATTERN_HEADER) {
        scan_header(self, group);
        return;
    }
    if (group->kind == PATTERN_MIMEHEADER) {
        scan_part_headers(self, group);
        return;
    }
    g_assert(self->pieces[group->kind] == NULL);
    pieces = pattern_pieces_new();
    self->pieces[group->kind] = pieces;
    if (group->kind == PATTERN_BODY)
        pattern_view_body(self->mail, pieces);
    else if (group->kind == PATTERN_RAWBODY)
        pattern_view_rawbody(self->mail, pieces);
    else if (group->kind == PATTERN_FULL)
        pattern_view_full(self->mail, pieces);
    else
        pattern_view_uri(self->mail, pieces);
    scan_pieces(self, group, pieces);
}
