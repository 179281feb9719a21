#include "oauth/challenge.h"

#include "common/macros.h"

#include <string.h>

/** Where we are in the header. */
struct scanner {
    struct str text;
    size_t at;
};

static bool is_at(const struct scanner *s, char wanted)
{
    return s->at < s->text.len && s->text.data[s->at] == wanted;
}

static void skip_blanks(struct scanner *s)
{
    while (is_at(s, ' ') || is_at(s, '\t'))
        s->at++;
}

/* RFC 9110 §5.6.1: lists may hold empty members. */
static void skip_separators(struct scanner *s)
{
    skip_blanks(s);
    while (is_at(s, ',')) {
        s->at++;
        skip_blanks(s);
    }
}

static bool is_token_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* §5.6.2; empty: there is none. */
static struct str take_token(struct scanner *s)
{
    size_t from = s->at;
    while (s->at < s->text.len && is_token_byte(s->text.data[s->at]))
        s->at++;
    return str_slice(s->text, from, s->at - from);
}

/* token68 (§11.2), which stands in the place of parameters: what follows a scheme and runs to the
 * next comma, and holds no "=" but at its end. */
static bool skip_token68(struct scanner *s)
{
    struct scanner ahead = *s;
    if (is_at(s, ','))
        return false;
    while (ahead.at < ahead.text.len &&
           (is_token_byte(ahead.text.data[ahead.at]) || is_at(&ahead, '/')))
        ahead.at++;
    while (is_at(&ahead, '='))
        ahead.at++;
    skip_blanks(&ahead);
    if (ahead.at < ahead.text.len && !is_at(&ahead, ','))
        return false;
    *s = ahead;
    return true;
}

/* A quoted-string (§5.6.4) is compared as it reads without its backslashes. */
static bool take_quoted(struct scanner *s, struct str wanted, bool *ret_same)
{
    size_t same = 0;
    bool is_same = true;
    s->at++;
    while (s->at < s->text.len && !is_at(s, '"')) {
        if (is_at(s, '\\'))
            s->at++;
        if (s->at >= s->text.len)
            return false;
        is_same = is_same && same < wanted.len && s->text.data[s->at] == wanted.data[same];
        same++;
        s->at++;
    }
    if (!is_at(s, '"'))
        return false;
    s->at++;
    *ret_same = is_same && same == wanted.len;
    return true;
}

static bool take_value(struct scanner *s, struct str wanted, bool *ret_same)
{
    if (is_at(s, '"'))
        return take_quoted(s, wanted, ret_same);
    struct str value = take_token(s);
    *ret_same = str_eq(value, wanted);
    return !str_is_empty(value);
}

/* One parameter; false, and nothing taken, where none is next but another scheme. */
static bool take_param(struct scanner *s, struct str error, bool *ret_says, bool *ret_broken)
{
    struct scanner ahead = *s;
    struct str name = take_token(&ahead);
    skip_blanks(&ahead);
    if (str_is_empty(name) || !is_at(&ahead, '='))
        return false;
    ahead.at++;
    skip_blanks(&ahead);
    bool is_same = false;
    *ret_broken = !take_value(&ahead, error, &is_same);
    *ret_says = !*ret_broken && is_same && str_eq_nocase(name, STR("error"));
    *s = ahead;
    return true;
}

static bool is_of_tokens(struct str scheme)
{
    return str_eq_nocase(scheme, STR("Bearer")) || str_eq_nocase(scheme, STR("DPoP"));
}

/* The parameters of one scheme. True: this is what was asked for. */
static bool params_say(struct scanner *s, struct str error, bool *ret_broken)
{
    bool found = false, says = false;
    skip_blanks(s);
    if (skip_token68(s))
        return false;
    skip_separators(s);
    while (take_param(s, error, &says, ret_broken)) {
        found = found || says;
        if (*ret_broken)
            break;
        skip_separators(s);
    }
    return found;
}

bool challenge_says(struct str header, struct str error)
{
    if (header.len > CHALLENGE_HEADER_MAX)
        return false;
    struct scanner s = {.text = header};
    bool is_broken = false;
    skip_separators(&s);
    while (s.at < s.text.len && !is_broken) {
        struct str scheme = take_token(&s);
        if (str_is_empty(scheme))
            return false;
        if (params_say(&s, error, &is_broken) && is_of_tokens(scheme))
            return true;
        skip_separators(&s);
    }
    return false;
}
