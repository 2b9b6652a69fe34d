/* SPDX-License-Identifier: MIT */
#include "core/message/phone_rules.h"

#include "core/message/phone_cue.h"
#include "core/message/phone_scan.h"
#include "core/message/phone_words.h"

enum {
    DIGITS_MAX = WN_PHONE_DIGITS_MAX + 4, /* and a prefix like 00 or 011 */
    NANP_LEN = 10
};

/* The digits of groups[0, n), and how they are written. */
typedef struct Joined {
    char digits[DIGITS_MAX + 1];
    size_t len;
    uint8_t lens[WN_PHONE_GROUPS_MAX];
    size_t n;
    bool tight, line, slash, dot, disguised;
} Joined;

static WnSpan
span_of(const Joined *joined)
{
    return wn_span(joined->digits, joined->len);
}

/* False if the group cannot be of the same number. */
static bool
join(Joined *joined, const WnPhoneGroup *group)
{
    bool first = joined->n == 0;

    if (group->len > WN_PHONE_GROUP_MAX || joined->len + group->len > DIGITS_MAX
        || joined->n == WN_PHONE_GROUPS_MAX)
        return false;
    if (!first && (group->gap == WN_PHONE_GAP_BREAK || group->plus))
        return false;
    memcpy(joined->digits + joined->len, group->digits, group->len);
    joined->len += group->len;
    joined->lens[joined->n++] = group->len;
    joined->disguised |= group->disguised;
    if (!first) {
        joined->line |= group->gap == WN_PHONE_GAP_LINE;
        joined->slash |= group->mark == '/';
        joined->dot |= group->mark == '.';
        joined->tight |= group->mark != 0 || group->open || group->closed;
    }
    return true;
}

static void
set_match(const WnPhoneView *view, const Joined *joined, uint32_t flags,
    WnPhoneMatch *match)
{
    match->start = view->groups[0].lead;
    match->end = view->groups[joined->n - 1].end;
    match->flags = flags;
    if (joined->disguised)
        match->flags |= WN_MESSAGE_PHONE_DISGUISED;
    if (joined->line)
        match->flags |= WN_MESSAGE_PHONE_SPLIT;
}

/* What is no number */

static int
value_of(const WnPhoneGroup *group)
{
    int value = 0;

    for (size_t i = 0; i < group->len && i < 4; i++)
        value = value * 10 + group->digits[i] - '0';
    return value;
}

static bool
is_dotted(const WnPhoneGroup *group)
{
    return group->gap == WN_PHONE_GAP_TIGHT && group->mark == '.'
           && !group->open && !group->closed;
}

/* Four numbers under 256 with dots between. */
static bool
is_ip_address(const WnPhoneView *view)
{
    if (view->n < 4 || view->groups[0].plus)
        return false;
    for (size_t i = 0; i < 4; i++) {
        const WnPhoneGroup *group = &view->groups[i];

        if (group->len > 3 || value_of(group) > 255
            || (i > 0 && !is_dotted(group)))
            return false;
    }
    return view->n == 4 || !is_dotted(&view->groups[4]);
}

static bool
is_day_and_month(const WnPhoneGroup *a, const WnPhoneGroup *b)
{
    int x = value_of(a);
    int y = value_of(b);

    return a->len <= 2 && b->len <= 2 && x >= 1 && y >= 1
           && ((x <= 31 && y <= 12) || (x <= 12 && y <= 31));
}

static bool
is_year(const WnPhoneGroup *group)
{
    int value = value_of(group);

    return group->len == 4 && value >= 1900 && value < 2100;
}

/* Day, month and year with the same mark between. */
static bool
is_date(const WnPhoneView *view)
{
    const WnPhoneGroup *g = view->groups;

    if (view->n < 3 || g[0].plus || g[1].gap != WN_PHONE_GAP_TIGHT
        || g[2].gap != WN_PHONE_GAP_TIGHT || g[1].mark != g[2].mark || g[1].open
        || g[1].closed || g[2].open || g[2].closed)
        return false;
    if (is_year(&g[0]) && is_day_and_month(&g[1], &g[2]))
        return true;
    return is_day_and_month(&g[0], &g[1]) && (is_year(&g[2]) || g[2].len == 2)
           && (view->n == 3 || g[3].gap != WN_PHONE_GAP_TIGHT);
}

/* Neighbours */

static bool
begins_anew(const WnPhoneGroup *group)
{
    return group->gap == WN_PHONE_GAP_BREAK || group->gap == WN_PHONE_GAP_LINE
           || group->open || group->plus;
}

/* No more digits belong to groups[0, n): they are not a piece of a longer row
 * of groups.  A number whose parts are joined more tightly than it is with its
 * neighbours stands apart. */
static bool
stands_apart(const WnPhoneView *view, const Joined *joined)
{
    const WnPhoneGroup *first = &view->groups[0];
    const WnPhoneGroup *next = joined->n < view->n ? first + joined->n : NULL;
    bool left = view->before == NULL || begins_anew(first);
    bool right = next == NULL || begins_anew(next);

    if (!left)
        left = (joined->tight && first->gap == WN_PHONE_GAP_SPACE)
               || (!joined->slash && first->mark == '/' && view->before->len > 1
                   && (view->before->len > 3
                       || first->start - view->before->end > 2));
    if (!right)
        right = (joined->tight && next->gap == WN_PHONE_GAP_SPACE)
                || (next->mark == '/' && (!joined->slash || joined->tight));
    return left && right;
}

/* International numbers */

static size_t
prefix_len(WnSpan digits)
{
    if (digits.len > 3 && memcmp(digits.ptr, "011", 3) == 0)
        return 3;
    return digits.len > 2 && memcmp(digits.ptr, "00", 2) == 0 ? 2 : 0;
}

bool
wn_phone_form_written_code(WnSpan digits, bool plus, WnPhoneDigits *out_form)
{
    size_t prefix = prefix_len(digits);

    if (plus && wn_phone_form_international(digits, out_form))
        return true;
    if (prefix > 0)
        return wn_phone_form_international(wn_span_slice(digits, prefix,
                                               digits.len),
            out_form);
    return !plus && digits.len == NANP_LEN + 1 && digits.ptr[0] == '1'
           && wn_phone_form_international(digits, out_form);
}

/* A number that could end here does, if what comes next looks like another, or
 * like the end of a range: "8680-84". */
static bool
ends_before(const Joined *joined, const WnPhoneGroup *next)
{
    return next->gap == WN_PHONE_GAP_LINE || next->mark == '/'
           || (next->open && joined->len > 5)
           || (next->mark == '-' && next->len == 2
               && joined->lens[joined->n - 1] > 2);
}

/* 00 and 011 begin other rows of digits too. */
static bool
is_dialled_abroad(const WnPhoneView *view, const Joined *joined)
{
    return joined->n > 1 && !joined->dot && stands_apart(view, joined)
           && (view->before == NULL || begins_anew(&view->groups[0]));
}

/* A dash or dot and more digits, unless they end a range. */
static bool
goes_on(const WnPhoneView *view, size_t n)
{
    const WnPhoneGroup *next = n < view->n ? &view->groups[n] : NULL;

    return next != NULL && next->gap == WN_PHONE_GAP_TIGHT && !next->open
           && !next->plus
           && (next->mark == '.' || (next->mark == '-' && next->len != 2));
}

/* The most groups behind a plus that are a number together. */
static bool
match_international(const WnPhoneView *view, WnPhoneMatch *match)
{
    bool plus = view->groups[0].plus;
    Joined joined = { 0 };
    bool found = false;
    size_t n = 0;

    for (size_t i = 0; i < view->n; i++) {
        WnPhoneDigits form;

        if (found && ends_before(&joined, &view->groups[i]))
            break;
        if (!join(&joined, &view->groups[i]))
            break;
        if (!plus && prefix_len(span_of(&joined)) == 0 && joined.len > 3)
            return false;
        if (joined.len < WN_PHONE_DIGITS_MIN
            || (!plus && prefix_len(span_of(&joined)) == 0)
            || !wn_phone_form_written_code(span_of(&joined), plus, &form))
            continue;
        if (!plus && !is_dialled_abroad(view, &joined))
            continue;
        set_match(view, &joined, WN_MESSAGE_PHONE_COUNTRY, match);
        match->form = form;
        found = true;
        n = joined.n;
    }
    return found && !goes_on(view, n)
           && wn_phone_stands_alone(view->text, match->start, match->end);
}

/* North American numbers */

/* The groups behind a leading 1, which may be written in one with the area
 * code. */
typedef struct Layout {
    uint8_t lens[WN_PHONE_GROUPS_MAX];
    size_t n;
    bool one;   /* had a leading 1 */
    bool alone; /* which was a group */
} Layout;

static Layout
layout_of(const Joined *joined)
{
    Layout layout = { .one = joined->len == NANP_LEN + 1 };

    for (size_t i = 0; i < joined->n; i++) {
        uint8_t len = joined->lens[i];

        if (i == 0 && layout.one) {
            layout.alone = len == 1;
            if (--len == 0)
                continue;
        }
        layout.lens[layout.n++] = len;
    }
    return layout;
}

static bool
is_layout(const Layout *layout, const char *lens)
{
    if (layout->n != strlen(lens))
        return false;
    for (size_t i = 0; i < layout->n; i++) {
        if (layout->lens[i] != lens[i] - '0')
            return false;
    }
    return true;
}

static bool
is_spelled(const Layout *layout)
{
    for (size_t i = 0; i < layout->n; i++) {
        if (layout->lens[i] != 1)
            return false;
    }
    return true;
}

static bool
has_single(const Layout *layout)
{
    return memchr(layout->lens, 1, layout->n) != NULL;
}

typedef enum { LOOK_NEVER, LOOK_WITH_CUE, LOOK_GOOD, LOOK_SURE } Look;

/* A mark that numbers have only if all of them are that mark. */
static bool
has_odd_marks(const WnPhoneView *view, size_t n)
{
    bool odd = false;
    bool same = true;

    for (size_t i = 1; i < n; i++) {
        gunichar mark = view->groups[i].mark;

        odd |= mark != 0 && mark != '-' && mark != '.' && mark != '/';
        same &= mark == view->groups[n - 1].mark;
    }
    return odd && !same;
}

static WnSpan
national_of(const Joined *joined)
{
    return wn_span(joined->digits + joined->len - NANP_LEN, NANP_LEN);
}

/* Chinese is written without spaces, and its mobile numbers without marks. */
static bool
follows_ideograph(const WnPhoneView *view)
{
    gunichar c = wn_phone_char_before(view->text, view->groups[0].start);

    return c >= 0x4e00 && c <= 0x9fff;
}

static Look
look_of(const WnPhoneView *view, const Joined *joined)
{
    Layout layout = layout_of(joined);
    bool bracket = view->groups[0].open
                   || (layout.alone && view->n > 1 && view->groups[1].open);

    if (has_odd_marks(view, joined->n))
        return LOOK_NEVER;
    if (is_layout(&layout, "334")) {
        if (joined->line && !joined->tight)
            return LOOK_WITH_CUE;
        return bracket || (layout.one && joined->tight) ? LOOK_SURE : LOOK_GOOD;
    }
    if (is_spelled(&layout))
        return LOOK_GOOD;
    if (joined->line)
        return LOOK_NEVER;
    if (is_layout(&layout, "37"))
        return bracket ? LOOK_SURE : layout.alone ? LOOK_GOOD : LOOK_WITH_CUE;
    if (layout.n == 2 && view->groups[1].mark == '.')
        return LOOK_NEVER; /* a decimal fraction */
    if (layout.alone && layout.lens[0] == 3 && layout.n <= 4)
        return joined->tight || wn_phone_plan_is_toll_free(national_of(joined))
                   ? LOOK_GOOD
                   : LOOK_WITH_CUE;
    if (layout.n == 1 && layout.one && follows_ideograph(view))
        return LOOK_GOOD;
    return layout.n <= 5 && !has_single(&layout) ? LOOK_WITH_CUE : LOOK_NEVER;
}

static bool
is_believed(const WnPhoneView *view, const Joined *joined)
{
    WnSpan national = national_of(joined);
    Look look = look_of(view, joined);
    WnPhoneArea area = look == LOOK_SURE ? WN_PHONE_ANY_AREA
                                         : WN_PHONE_KNOWN_AREA;
    WnPhoneCue cue;
    bool apart;

    if (look == LOOK_NEVER || !wn_phone_plan_is_nanp(national, area))
        return false;
    apart = stands_apart(view, joined);
    if (!apart && !begins_anew(&view->groups[0]))
        return false;
    cue = wn_phone_cue_before(view->text, view->groups[0].lead);
    if (!apart && cue != WN_PHONE_CUE_PHONE)
        return false;
    if (look == LOOK_WITH_CUE)
        return cue == WN_PHONE_CUE_PHONE;
    return look == LOOK_SURE || cue != WN_PHONE_CUE_OTHER;
}

static bool
put_nanp(const WnPhoneView *view, const Joined *joined, WnPhoneMatch *match)
{
    bool one = joined->len == NANP_LEN + 1;
    bool home = view->country != NULL && view->country->code == 1;
    uint32_t flags = one    ? WN_MESSAGE_PHONE_COUNTRY
                     : home ? WN_MESSAGE_PHONE_ASSUMED
                            : WN_MESSAGE_PHONE_NATIONAL;

    if (!one && view->country != NULL && !home)
        return false;
    set_match(view, joined, flags, match);
    g_snprintf(match->form.text, sizeof match->form.text, "%s%s",
        home && !one ? "1" : "", joined->digits);
    match->form.len = strlen(match->form.text);
    return wn_phone_stands_alone(view->text, match->start, match->end);
}

static bool
match_nanp(const WnPhoneView *view, WnPhoneMatch *match)
{
    Joined joined = { 0 };

    for (size_t i = 0; i < view->n && joined.len <= NANP_LEN; i++) {
        bool whole;

        if (!join(&joined, &view->groups[i]))
            return false;
        if (i > 2 && view->groups[i].open)
            return false;
        whole = joined.len == NANP_LEN + (joined.digits[0] == '1' ? 1u : 0u);
        if (whole)
            return is_believed(view, &joined) && put_nanp(view, &joined, match);
    }
    return false;
}

/* Numbers of other countries, as they are written there */

static bool
is_believed_elsewhere(const WnPhoneView *view, const Joined *joined,
    WnPhoneCue cue)
{
    bool trunk = joined->digits[0] == '0' && view->country->trunk != 0;

    if (!stands_apart(view, joined) || cue == WN_PHONE_CUE_OTHER)
        return false;
    if (cue == WN_PHONE_CUE_PHONE)
        return true;
    return !joined->line && joined->n > 1
           && (trunk || view->groups[0].open || joined->n > 2);
}

static bool
match_national(const WnPhoneView *view, WnPhoneMatch *match)
{
    Joined joined = { 0 };
    bool found = false, cue_known = false;
    WnPhoneCue cue = WN_PHONE_CUE_NONE;

    for (size_t i = 0; i < view->n; i++) {
        WnPhoneDigits form;

        if (found && ends_before(&joined, &view->groups[i]))
            break;
        if (!join(&joined, &view->groups[i]))
            break;
        if (!wn_phone_form_national(span_of(&joined), view->country, &form))
            continue;
        if (!cue_known)
            cue = wn_phone_cue_before(view->text, view->groups[0].lead);
        cue_known = true;
        if (!is_believed_elsewhere(view, &joined, cue))
            continue;
        set_match(view, &joined, WN_MESSAGE_PHONE_ASSUMED, match);
        match->form = form;
        found = true;
    }
    return found && wn_phone_stands_alone(view->text, match->start, match->end);
}

/* The text that an extension is hidden in for the rules: it ends before. */
static WnPhoneView
without_extension(const WnPhoneView *view)
{
    WnPhoneView shorter = *view;

    for (size_t i = 0; i < MIN(view->n, WN_PHONE_GROUPS_MAX); i++) {
        size_t end = view->groups[i].end;

        if (i > 0
            && (view->groups[i].gap == WN_PHONE_GAP_BREAK
                || view->groups[i].plus))
            break;
        if (wn_phone_skip_extension(view->text, end) == end)
            continue;
        shorter.text.len = end;
        shorter.n = i + 1;
        break;
    }
    return shorter;
}

/* In the middle of a row that goes on as it came: nothing stands apart there,
 * and long rows cost little. */
static bool
is_inside_row(const WnPhoneView *view)
{
    const WnPhoneGroup *first = &view->groups[0];

    return view->before != NULL && view->n > 1 && !begins_anew(first)
           && !begins_anew(&view->groups[1])
           && first->gap == view->groups[1].gap
           && first->mark == view->groups[1].mark;
}

bool
wn_phone_match(const WnPhoneView *view, WnPhoneMatch *out_match)
{
    WnPhoneView seen;
    bool found;

    if (is_ip_address(view) || is_date(view)) {
        out_match->end = view->groups[is_date(view) ? 2 : 3].end;
        return false;
    }
    if (is_inside_row(view))
        return false;
    seen = without_extension(view);
    found = match_international(&seen, out_match)
            || wn_phone_match_vanity(&seen, out_match)
            || match_nanp(&seen, out_match)
            || (view->country != NULL && view->country->code != 1
                && match_national(&seen, out_match));
    if (!found) {
        out_match->end = 0;
        return false;
    }
    if (wn_phone_skip_extension(view->text, out_match->end) > out_match->end) {
        out_match->end = wn_phone_skip_extension(view->text, out_match->end);
        out_match->flags |= WN_MESSAGE_PHONE_EXTENSION;
    }
    return true;
}
