/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include <string.h>
#include <strings.h>

#define VALUE_MAX 4096        /* of add_header */
#define TEXT_MAX (512 * 1024) /* no milter takes more in a packet */

/* Without carriage returns, and without the last line end; cut where no milter
 * would take it, as the message is a stranger's. */
static char *
copy_text(const WnHost *host, WnCall *call, const char *text, size_t len)
{
    char *copy;
    size_t n = 0, i;

    if (len > TEXT_MAX)
        len = TEXT_MAX;
    copy = host->call->alloc(call, WN_LIFE_CALL, len + 1);
    for (i = 0; i < len; i++)
        if (text[i] != '\r' && text[i] != '\0')
            copy[n++] = text[i];
    while (n > 0 && copy[n - 1] == '\n')
        n--;
    copy[n] = '\0';
    return copy;
}

void
milter_fields_init(Fields *self, const WnHost *host, WnCall *call)
{
    uint32_t i, n = host->message->n_headers(call);

    if (n > FIELDS_MAX)
        n = FIELDS_MAX;
    memset(self, 0, sizeof *self);
    self->fields = host->call->alloc(call, WN_LIFE_CALL,
        (n + FIELDS_ADDED_MAX) * sizeof *self->fields);
    for (i = 0; i < n; i++) {
        const WnHeader *header = host->message->header(call, i);

        self->fields[i].name = copy_text(host, call, header->name.ptr,
            header->name.len);
        self->fields[i].value = copy_text(host, call, header->raw.ptr,
            header->raw.len);
    }
    self->n = n;
}

void
milter_fields_insert(Fields *self, const WnHost *host, WnCall *call,
    uint32_t at, const char *name, const char *value)
{
    size_t len = strlen(value);
    char *text;

    if (self->n_added >= FIELDS_ADDED_MAX)
        return;
    if (at > self->n)
        at = self->n;
    text = host->call->alloc(call, WN_LIFE_CALL, len + 2);
    text[0] = ' ';
    memcpy(text + 1, value + (value[0] == ' '), len - (value[0] == ' '));
    memmove(&self->fields[at + 1], &self->fields[at],
        (self->n - at) * sizeof *self->fields);
    self->fields[at].name = copy_text(host, call, name, strlen(name));
    self->fields[at].value = copy_text(host, call, text, strlen(text));
    self->fields[at].added = 1;
    self->n++;
    self->n_added++;
}

static void
take_away(Fields *self, uint32_t at)
{
    if (self->fields[at].added)
        self->n_added--;
    else
        self->n_lost++;
    memmove(&self->fields[at], &self->fields[at + 1],
        (self->n - at - 1) * sizeof *self->fields);
    self->n--;
}

void
milter_fields_change(Fields *self, const WnHost *host, WnCall *call,
    uint32_t nth, const char *name, const char *value)
{
    uint32_t i, seen = 0;

    for (i = 0; i < self->n; i++)
        if (strcasecmp(self->fields[i].name, name) == 0 && ++seen == nth)
            break;
    if (i == self->n && value[0] != '\0') {
        milter_fields_insert(self, host, call, self->n, name, value);
    } else if (i < self->n && value[0] == '\0') {
        take_away(self, i);
    } else if (i < self->n) {
        self->n_lost += !self->fields[i].added;
        self->fields[i].value = copy_text(host, call, value, strlen(value));
    }
}

/* One line: each line end with the white space behind it becomes a space. */
static void
unfold(const char *value, char *out, size_t size)
{
    size_t len = 0;

    while (*value == ' ' || *value == '\t')
        value++;
    for (; *value != '\0' && len + 1 < size; value++) {
        if (*value != '\n') {
            out[len++] = *value;
            continue;
        }
        while (value[1] == ' ' || value[1] == '\t' || value[1] == '\n')
            value++;
        out[len++] = ' ';
    }
    out[len] = '\0';
}

void
milter_fields_give(const Fields *self, const WnHost *host, WnCall *call)
{
    uint32_t i;

    for (i = 0; i < self->n; i++) {
        char value[VALUE_MAX + 1];

        if (!self->fields[i].added)
            continue;
        unfold(self->fields[i].value, value, sizeof value);
        if (host->call->add_header(call, self->fields[i].name, value) != WN_OK)
            wn_log(host, WN_LOG_WARNING, call,
                "the field %.76s of a milter cannot be added",
                self->fields[i].name);
    }
    if (self->n_lost > 0)
        wn_log(host, WN_LOG_DEBUG, call,
            "%u changes to fields of the sender: for other milters only",
            self->n_lost);
}
