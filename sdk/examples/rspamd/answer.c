/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <string.h>

#define DEPTH_MAX 64
#define NUMBER_MAX 1000000 /* of whole points */

typedef struct Reader {
    const char *at;
    const char *end;
} Reader;

static char
peek(Reader *reader)
{
    while (reader->at < reader->end
           && (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r'
               || *reader->at == '\n'))
        reader->at++;
    return reader->at < reader->end ? *reader->at : '\0';
}

static int
take(Reader *reader, char c)
{
    if (peek(reader) != c)
        return 0;
    reader->at++;
    return 1;
}

/* Escapes become "?": what is compared here has none. */
static int
read_string(Reader *reader, char *out, size_t size)
{
    size_t len = 0;

    if (!take(reader, '"'))
        return 0;
    while (reader->at < reader->end && *reader->at != '"') {
        char c = *reader->at++;

        if (c == '\\') {
            if (reader->at == reader->end)
                return 0;
            reader->at++;
            c = '?';
        }
        if (len + 1 < size)
            out[len++] = c;
    }
    if (size > 0)
        out[len] = '\0';
    return take(reader, '"');
}

static int
is_digit(const Reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* What "e-05" and its like does to the value. */
static int64_t
read_exponent(Reader *reader, int64_t value)
{
    int negative, power = 0;

    if (reader->at == reader->end || (*reader->at != 'e' && *reader->at != 'E'))
        return value;
    reader->at++;
    negative = reader->at < reader->end && *reader->at == '-';
    if (negative || (reader->at < reader->end && *reader->at == '+'))
        reader->at++;
    for (; is_digit(reader); reader->at++)
        if (power < 100)
            power = 10 * power + (*reader->at - '0');
    for (; power > 0; power--)
        if (negative)
            value /= 10;
        else if (value < NUMBER_MAX * INT64_C(1000))
            value *= 10;
    return value;
}

/* In thousandths. */
static int
read_number(Reader *reader, int32_t *out)
{
    int negative = take(reader, '-');
    int64_t value = 0;
    int places = 0;

    peek(reader);
    if (!is_digit(reader))
        return 0;
    for (; is_digit(reader); reader->at++)
        if (value < NUMBER_MAX)
            value = 10 * value + (*reader->at - '0');
    value *= 1000;
    if (reader->at < reader->end && *reader->at == '.') {
        int64_t unit = 100;

        reader->at++;
        for (; is_digit(reader); reader->at++, places++, unit /= 10)
            value += unit * (*reader->at - '0');
    }
    value = read_exponent(reader, value);
    if (value > NUMBER_MAX * INT64_C(1000))
        value = NUMBER_MAX * INT64_C(1000);
    *out = (int32_t)(negative ? -value : value);
    return 1;
}

/* Any value, without looking into it. */
static int
skip(Reader *reader)
{
    int depth = 0;

    do {
        char c = peek(reader);

        if (c == '\0')
            return 0;
        if (c == '"') {
            if (!read_string(reader, NULL, 0))
                return 0;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        else if (depth == 0 && c == ',')
            return 0;
        if (depth < 0 || depth > DEPTH_MAX)
            return 0;
        reader->at++;
        if (depth == 0 && c != '}' && c != ']')
            while (reader->at < reader->end
                   && strchr(",}] \t\r\n", *reader->at) == NULL)
                reader->at++;
    } while (depth > 0);
    return 1;
}

typedef int (*MemberFn)(Reader *reader, const char *key, void *user);

static int
read_object(Reader *reader, MemberFn fn, void *user)
{
    char key[ANSWER_NAME_MAX];

    if (!take(reader, '{'))
        return 0;
    if (take(reader, '}'))
        return 1;
    do {
        if (!read_string(reader, key, sizeof key) || !take(reader, ':')
            || !fn(reader, key, user))
            return 0;
    } while (take(reader, ','));
    return take(reader, '}');
}

/*
 * The answer
 */

static int
read_symbol_member(Reader *reader, const char *key, void *user)
{
    AnswerSymbol *symbol = user;

    if (strcmp(key, "score") == 0)
        return read_number(reader, &symbol->score);
    return skip(reader);
}

static int32_t
weight(const AnswerSymbol *symbol)
{
    return symbol->score < 0 ? -symbol->score : symbol->score;
}

static void
insert(Answer *answer, const AnswerSymbol *symbol)
{
    uint32_t i = answer->n_symbols;

    if (i == ANSWER_SYMBOLS_MAX
        && weight(&answer->symbols[i - 1]) >= weight(symbol))
        return;
    if (i < ANSWER_SYMBOLS_MAX)
        answer->n_symbols++;
    else
        i--;
    for (; i > 0 && weight(&answer->symbols[i - 1]) < weight(symbol); i--)
        answer->symbols[i] = answer->symbols[i - 1];
    answer->symbols[i] = *symbol;
}

static int
read_symbol(Reader *reader, const char *key, void *user)
{
    AnswerSymbol symbol;

    memset(&symbol, 0, sizeof symbol);
    memcpy(symbol.name, key, strlen(key) + 1);
    if (!read_object(reader, read_symbol_member, &symbol))
        return 0;
    insert(user, &symbol);
    return 1;
}

static int
read_member(Reader *reader, const char *key, void *user)
{
    Answer *answer = user;

    if (strcmp(key, "action") == 0)
        return read_string(reader, answer->action, sizeof answer->action);
    if (strcmp(key, "score") == 0)
        return read_number(reader, &answer->score);
    if (strcmp(key, "required_score") == 0)
        return read_number(reader, &answer->required);
    if (strcmp(key, "symbols") == 0)
        return read_object(reader, read_symbol, answer);
    return skip(reader);
}

int
rspamd_answer_read(Answer *answer, const char *text, size_t len)
{
    Reader reader = { text, text + len };

    memset(answer, 0, sizeof *answer);
    return read_object(&reader, read_member, answer) && peek(&reader) == '\0'
           && reader.at == reader.end;
}
