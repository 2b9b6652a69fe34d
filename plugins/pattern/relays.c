/* SPDX-License-Identifier: MIT */

#include "relays.h"

#include <arpa/inet.h>
#include <string.h>

#define RECEIVED_MAX 50u
#define FIELD_MAX 2048u

typedef struct Relay {
    char ip[64], rdns[256], helo[256], by[256];
    char ident[64], envelope_from[256], id[128], auth[32];
} Relay;

/* Copies up to the first of the bytes in stop; what could look like another
 * member of the line is replaced. */
static const char *
copy_word(char *out, size_t size, const char *text, const char *stop)
{
    size_t len = strcspn(text, stop);
    size_t kept = MIN(len, size - 1);

    for (size_t i = 0; i < kept; i++)
        out[i] = strchr(" []=", text[i]) != NULL || text[i] == '\0' ? '!'
                                                                    : text[i];
    out[kept] = '\0';
    return text + len;
}

typedef enum { RELAY_END, RELAY_UNREADABLE, RELAY_READ } RelayState;

static void
append_relay(GString *out, const Relay *relay)
{
    if (out->len > 0)
        g_string_append_c(out, ' ');
    g_string_append_printf(out,
        "[ ip=%s rdns=%s helo=%s by=%s ident=%s envfrom=%s intl=0 id=%s"
        " auth=%s msa=0 ]",
        relay->ip, relay->rdns, relay->helo, relay->by, relay->ident,
        relay->envelope_from, relay->id, relay->auth);
}

/* Whether text starts with an address, which is copied. */
static bool
take_address(char *out, size_t size, const char *text)
{
    uint8_t bytes[16];

    if (g_ascii_strncasecmp(text, "IPv6:", 5) == 0)
        text += 5;
    if (g_ascii_strncasecmp(text, "::ffff:", 7) == 0)
        text += 7;
    copy_word(out, size, text, " ])(;,");
    if (inet_pton(AF_INET, out, bytes) == 1
        || inet_pton(AF_INET6, out, bytes) == 1)
        return true;
    /* A port behind it. */
    copy_word(out, size, text, " ])(;,:");
    if (inet_pton(AF_INET, out, bytes) == 1)
        return true;
    out[0] = '\0';
    return false;
}

/* The address in brackets, else in parentheses or bare; where it stands. */
static const char *
find_address(Relay *relay, const char *text)
{
    static const char *const before[] = { "[", "(", " ", "@" };

    for (size_t i = 0; i < G_N_ELEMENTS(before); i++)
        for (const char *at = strstr(text, before[i]); at != NULL;
             at = strstr(at + 1, before[i]))
            if (take_address(relay->ip, sizeof relay->ip, at + 1))
                return at;
    return NULL;
}

/* The value behind a mark like "helo=", any case; false if there is none. */
static bool
take_behind(char *out, size_t size, const char *text, const char *mark)
{
    size_t len = strlen(mark);

    for (; *text != '\0'; text++) {
        if (g_ascii_strncasecmp(text, mark, len) != 0)
            continue;
        text += len;
        text += strspn(text, " <[");
        copy_word(out, size, text, " <>()[];,");
        return out[0] != '\0';
    }
    return false;
}

static bool
is_host(const char *word)
{
    return strchr(word, '.') != NULL
           && strspn(word, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-_")
                  == strlen(word)
           && !g_hostname_is_ip_address(word);
}

/* The word right before the address: "(host.example [192.0.2.1])". */
static void
take_host_before(Relay *relay, const char *text, const char *address)
{
    const char *end = address;
    g_autofree char *word = NULL;
    char *at;

    while (end > text && end[-1] == ' ')
        end--;
    for (address = end; address > text && strchr(" (", address[-1]) == NULL;)
        address--;
    word = g_strndup(address, (gsize)(end - address));
    at = strrchr(word, '@');
    if (at != NULL) {
        *at = '\0';
        copy_word(relay->ident, sizeof relay->ident, word, " ");
    }
    if (is_host(at != NULL ? at + 1 : word))
        copy_word(relay->rdns, sizeof relay->rdns, at != NULL ? at + 1 : word,
            " ");
}

/* Who was the name that stands first: sendmail, Postfix and Microsoft write
 * HELO, qmail and Exim what DNS says. */
static void
sort_names(Relay *relay, const char *text, const char *first,
    const char *address, bool exim)
{
    bool helo = take_behind(relay->helo, sizeof relay->helo, text, "helo=")
                || take_behind(relay->helo, sizeof relay->helo, text, "(HELO ")
                || take_behind(relay->helo, sizeof relay->helo, text, "(EHLO ");

    if (helo || exim) {
        if (is_host(first) && strcmp(first, "unknown") != 0)
            copy_word(relay->rdns, sizeof relay->rdns, first, " ");
        if (!helo)
            copy_word(relay->helo, sizeof relay->helo, first, " ");
        return;
    }
    copy_word(relay->helo, sizeof relay->helo, first, " ");
    take_host_before(relay, text, address);
    if (strstr(text, "RDNS failed") != NULL)
        relay->rdns[0] = '\0';
}

static void
take_auth(Relay *relay, const char *text)
{
    static const char *const marks[] = { "ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA",
        "ASMTP", "HTTP" };
    char word[32];

    if (take_behind(word, sizeof word, text, " with "))
        for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
            if (g_ascii_strcasecmp(word, marks[i]) == 0)
                g_strlcpy(relay->auth, word, sizeof relay->auth);
    if (relay->auth[0] == '\0' && strstr(text, "authenticated") != NULL)
        g_strlcpy(relay->auth, "Sendmail", sizeof relay->auth);
}

static bool
read_received(Relay *relay, const char *text)
{
    char first[256];
    const char *by = strstr(text, " by ");
    g_autofree char *from = NULL;
    const char *address;

    *relay = (Relay){ .ip = "" };
    if (!g_str_has_prefix(text, "from "))
        return false;
    from = by != NULL ? g_strndup(text, (gsize)(by - text)) : g_strdup(text);
    address = find_address(relay, from);
    if (address == NULL)
        return false;
    copy_word(first, sizeof first, from + strlen("from "), " (");
    if (from + strlen("from") != address && from + strlen("from ") != address)
        sort_names(relay, from, first, address, strstr(text, "(Exim ") != NULL);
    else if (!take_behind(relay->helo, sizeof relay->helo, from, "helo="))
        take_behind(relay->helo, sizeof relay->helo, from, "(HELO ");
    take_behind(relay->ident, sizeof relay->ident, from, "ident=");
    if (by != NULL)
        copy_word(relay->by, sizeof relay->by, by + strlen(" by "), " ;(");
    take_behind(relay->id, sizeof relay->id, text, " id ");
    if (!take_behind(relay->envelope_from, sizeof relay->envelope_from, text,
            "envelope-from "))
        take_behind(relay->envelope_from, sizeof relay->envelope_from, text,
            "envelope-sender ");
    take_auth(relay, text);
    return true;
}

/* White space as single blanks, bounded. */
static char *
flatten(WnStr value)
{
    GString *text = g_string_sized_new(128);

    for (size_t i = 0; i < value.len && text->len < FIELD_MAX; i++) {
        char byte = g_ascii_isspace(value.ptr[i]) || value.ptr[i] == '\0'
                        ? ' '
                        : value.ptr[i];

        if (byte != ' ' || (text->len > 0 && text->str[text->len - 1] != ' '))
            g_string_append_c(text, byte);
    }
    return g_string_free(text, FALSE);
}

/* Fills relay from the connection; false if there is none. */
static bool
read_client(const PatternMail *mail, Relay *out)
{
    const WnClient *client = mail->host->facts->client(mail->call);
    const WnAddress *sender = mail->host->facts->sender(mail->call);
    Relay relay = { .ip = "" };

    if (client == NULL)
        return false;
    copy_word(relay.ip, sizeof relay.ip, client->address_text.ptr, " ");
    if (client->rdns_status == WN_RDNS_VERIFIED)
        copy_word(relay.rdns, sizeof relay.rdns, client->rdns.ptr, " ");
    copy_word(relay.helo, sizeof relay.helo, client->helo.ptr, "");
    if (sender != NULL)
        copy_word(relay.envelope_from, sizeof relay.envelope_from,
            sender->text.ptr, "");
    *out = relay;
    return true;
}

static bool
append_client(const PatternMail *mail, GString *out)
{
    Relay relay;

    if (!read_client(mail, &relay))
        return false;
    append_relay(out, &relay);
    return true;
}

static bool
is_private(const char *ip)
{
    struct in_addr address;
    uint32_t n;

    if (inet_pton(AF_INET, ip, &address) != 1)
        return strcmp(ip, "::1") == 0
               || g_ascii_strncasecmp(ip, "fe80:", 5) == 0
               || g_ascii_strncasecmp(ip, "fd", 2) == 0;
    n = ntohl(address.s_addr);
    return n >> 24 == 10 || n >> 24 == 127 || n >> 20 == 0xAC1
           || n >> 16 == 0xC0A8 || n >> 16 == 0xA9FE;
}

/* Behind trusted hosts only: they know whom they have let in. */
static bool
is_trusted(const Relay *relay)
{
    return is_private(relay->ip) || relay->auth[0] != '\0';
}

/* Reads the nth Received field; RELAY_END if there is none, RELAY_UNREADABLE if
 * it tells no address. */
static RelayState
read_nth(const PatternMail *mail, uint32_t n, Relay *relay)
{
    const WnHeader *header = mail->host->message->header_named(mail->call,
        "Received", n);
    g_autofree char *text = NULL;

    if (header == NULL)
        return RELAY_END;
    text = flatten(header->value);
    return read_received(relay, text) ? RELAY_READ : RELAY_UNREADABLE;
}

/* Where the client is known none is trusted; else the first ones are, as long
 * as their addresses are private. */
void
pattern_relays_append(const PatternMail *mail, GString *out,
    PatternRelays which)
{
    g_autoptr(GString) client = g_string_new(NULL);
    bool trusted = !append_client(mail, client);
    RelayState state;
    Relay relay;

    if (which != PATTERN_RELAYS_TRUSTED)
        g_string_append_len(out, client->str, (gssize)client->len);
    for (uint32_t n = 0; n < RECEIVED_MAX; n++) {
        state = read_nth(mail, n, &relay);
        if (state == RELAY_END)
            break;
        if (state == RELAY_UNREADABLE)
            continue;
        trusted = trusted && is_trusted(&relay);
        if (trusted == (which == PATTERN_RELAYS_TRUSTED))
            append_relay(out, &relay);
    }
    g_string_append_c(out, '\n');
}

uint32_t
pattern_relays_n_trusted(const PatternMail *mail)
{
    uint32_t n_trusted = 0;
    RelayState state;
    Relay relay;

    if (mail->host->facts->client(mail->call) != NULL)
        return 0;
    for (uint32_t n = 0; n < RECEIVED_MAX; n++) {
        state = read_nth(mail, n, &relay);
        if (state == RELAY_END || (state == RELAY_READ && !is_trusted(&relay)))
            break;
        n_trusted = n + 1;
    }
    return n_trusted;
}

PatternRelayCounts
pattern_relays_count(const PatternMail *mail)
{
    PatternRelayCounts counts = { .n_trusted = 0 };
    Relay relay;
    bool trusted = !read_client(mail, &relay);
    RelayState state;

    counts.n_untrusted = trusted ? 0 : 1;
    for (uint32_t n = 0; n < RECEIVED_MAX; n++) {
        state = read_nth(mail, n, &relay);
        if (state == RELAY_END)
            break;
        trusted = trusted && (state != RELAY_READ || is_trusted(&relay));
        if (state == RELAY_READ && trusted)
            counts.n_trusted++;
        else if (state == RELAY_READ)
            counts.n_untrusted++;
    }
    return counts;
}

char *
pattern_relays_first_rdns(const PatternMail *mail)
{
    Relay relay;

    if (read_client(mail, &relay))
        return g_strdup(relay.rdns);
    for (uint32_t n = 0; n < RECEIVED_MAX; n++) {
        RelayState state = read_nth(mail, n, &relay);

        if (state == RELAY_END)
            break;
        if (state == RELAY_READ && !is_trusted(&relay))
            return g_strdup(relay.rdns);
    }
    return NULL;
}
