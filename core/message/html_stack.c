/* SPDX-License-Identifier: MIT */
#include "core/message/html_stack.h"

#include "core/message/html_tags.h"

struct WnHtmlStack {
    size_t depth;
    size_t n_lost; /* too deep to be kept */
    bool is_cut;
    uint8_t tags[WN_HTML_DEPTH_MAX];
    WnHtmlBox boxes[WN_HTML_DEPTH_MAX + 1]; /* 0: what is around everything */
    WnSheetElement names[WN_HTML_DEPTH_MAX];
};

WnHtmlStack *
wn_html_stack_new(void)
{
    WnHtmlStack *self = g_new(WnHtmlStack, 1);

    self->depth = self->n_lost = 0;
    self->is_cut = false;
    wn_html_box_init(&self->boxes[0]);
    return self;
}

void
wn_html_stack_free(WnHtmlStack *self)
{
    g_free(self);
}

bool
wn_html_stack_is_cut(const WnHtmlStack *self)
{
    return self->is_cut;
}

const WnHtmlBox *
wn_html_stack_box(const WnHtmlStack *self)
{
    return &self->boxes[self->depth];
}

/* How many are open when the innermost of the tag is the last; 0: none is. */
static size_t
find(const WnHtmlStack *self, uint8_t tag)
{
    const uint8_t *found = memrchr(self->tags, tag, self->depth);

    return found != NULL ? (size_t)(found - self->tags) + 1 : 0;
}

/* Inside of these, nothing around them ends; 0 ends a list. */
static const uint8_t cells[] = { WN_HTML_TD, WN_HTML_TH, WN_HTML_TABLE,
    WN_HTML_CAPTION, WN_HTML_TEMPLATE, WN_HTML_OBJECT, WN_HTML_MARQUEE, 0 };
static const uint8_t tables[] = { WN_HTML_TABLE, WN_HTML_TEMPLATE, 0 };
static const uint8_t lists[] = { WN_HTML_UL, WN_HTML_OL, WN_HTML_TD, WN_HTML_TH,
    WN_HTML_TABLE, 0 };
static const uint8_t terms[] = { WN_HTML_DL, WN_HTML_TD, WN_HTML_TH,
    WN_HTML_TABLE, 0 };

/* Closes the innermost of the tag, unless a border stands inside of it. */
static bool
end_tag(WnHtmlStack *self, uint8_t tag, const uint8_t *borders)
{
    size_t at = find(self, tag);

    if (at == 0)
        return false;
    for (; *borders != 0; borders++) {
        if (*borders != tag && find(self, *borders) > at)
            return false;
    }
    self->depth = at - 1;
    return true;
}

void
wn_html_stack_make_room(WnHtmlStack *self, uint8_t tag, uint32_t flags)
{
    if ((flags & WN_TAG_ENDS_P) != 0)
        end_tag(self, WN_HTML_P, cells);
    if (tag == WN_HTML_LI) {
        end_tag(self, tag, lists);
    } else if (tag == WN_HTML_DD || tag == WN_HTML_DT) {
        end_tag(self, WN_HTML_DD, terms);
        end_tag(self, WN_HTML_DT, terms);
    } else if (tag == WN_HTML_OPTION) {
        end_tag(self, tag, cells);
    } else if (tag == WN_HTML_TD || tag == WN_HTML_TH || tag == WN_HTML_TR) {
        end_tag(self, WN_HTML_TD, tables);
        end_tag(self, WN_HTML_TH, tables);
        if (tag == WN_HTML_TR)
            end_tag(self, tag, tables);
    }
}

void
wn_html_stack_push(WnHtmlStack *self, const WnHtmlElement *element,
    WnSheet *sheet)
{
    const WnHtmlBox *parent = wn_html_stack_box(self);
    WnCssStyle style = element->base;

    if (self->depth == WN_HTML_DEPTH_MAX) {
        self->n_lost++;
        self->is_cut = true;
        return;
    }
    self->tags[self->depth] = element->tag;
    self->names[self->depth] = element->names;
    self->depth++;
    if (sheet != NULL)
        wn_sheet_apply(sheet, self->names, self->depth, &style);
    if (element->style.len > 0)
        wn_css_style_parse(&style, element->style);
    wn_html_box_derive(&self->boxes[self->depth], parent, &style);
}

void
wn_html_stack_pop(WnHtmlStack *self)
{
    if (self->n_lost > 0)
        self->n_lost--;
    else if (self->depth > 0)
        self->depth--;
}

bool
wn_html_stack_close(WnHtmlStack *self, uint8_t tag)
{
    static const uint8_t nothing[] = { 0 };

    if (self->n_lost > 0) {
        self->n_lost--;
        return false;
    }
    if (tag == WN_HTML_TABLE)
        return end_tag(self, tag, nothing);
    if (tag == WN_HTML_TD || tag == WN_HTML_TH || tag == WN_HTML_TR)
        return end_tag(self, tag, tables);
    return end_tag(self, tag, cells);
}
