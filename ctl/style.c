#include "ctl/style.h"

#include <string.h>

bool style_wants_colour(enum style_when when, bool is_terminal, const char *no_color,
                        const char *term)
{
    switch (when) {
    case STYLE_ALWAYS:
        return true;
    case STYLE_NEVER:
        return false;
    case STYLE_AUTO:
        break;
    }
    if (!is_terminal || (no_color != NULL && no_color[0] != '\0'))
        return false;
    return term != NULL && strcmp(term, "dumb") != 0;
}

static struct str paint_sequence(enum style_paint paint)
{
    switch (paint) {
    case STYLE_PLAIN:
        return STR_NONE;
    case STYLE_BOLD:
        return STR("\033[1m");
    case STYLE_DIM:
        return STR("\033[2m");
    case STYLE_RED:
        return STR("\033[31m");
    case STYLE_GREEN:
        return STR("\033[32m");
    case STYLE_YELLOW:
        return STR("\033[33m");
    case STYLE_CYAN:
        return STR("\033[36m");
    }
    return STR_NONE;
}

void style_append(struct style style, enum style_paint paint, struct str text, struct buf *out)
{
    bool painted = style.colour && paint != STYLE_PLAIN && text.len > 0;
    if (painted)
        buf_append(out, paint_sequence(paint));
    buf_append(out, text);
    if (painted)
        buf_append(out, STR("\033[0m"));
}

enum status style_parse_when(struct str word, enum style_when *ret)
{
    static const struct {
        struct str word;
        enum style_when when;
    } words[] = {
        {STR_INIT("auto"), STYLE_AUTO},
        {STR_INIT("always"), STYLE_ALWAYS},
        {STR_INIT("never"), STYLE_NEVER},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq(word, words[i].word)) {
            *ret = words[i].when;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

struct str style_arrow(struct style style)
{
    return style.utf8 ? STR(" \xe2\x80\xba ") : STR(" > ");
}

struct str style_dot(struct style style)
{
    return style.utf8 ? STR(" \xc2\xb7 ") : STR(", ");
}

struct str style_bullet(struct style style)
{
    return style.utf8 ? STR("\xe2\x97\x8f") : STR("*");
}

enum style_paint style_of_state(struct str state)
{
    static const struct {
        struct str state;
        enum style_paint paint;
    } paints[] = {
        {STR_INIT("active"), STYLE_GREEN},
        {STR_INIT("refreshed"), STYLE_GREEN},
        {STR_INIT("ok"), STYLE_GREEN},
        {STR_INIT("running"), STYLE_GREEN},
        {STR_INIT("connected"), STYLE_GREEN},
        {STR_INIT("current"), STYLE_GREEN},
        {STR_INIT("retrying"), STYLE_YELLOW},
        {STR_INIT("blocked"), STYLE_YELLOW},
        {STR_INIT("retiring"), STYLE_YELLOW},
        {STR_INIT("degraded"), STYLE_YELLOW},
        {STR_INIT("held"), STYLE_YELLOW},
        {STR_INIT("stopping"), STYLE_YELLOW},
        {STR_INIT("needs_reconnect"), STYLE_RED},
        {STR_INIT("grant_dead"), STYLE_RED},
        {STR_INIT("failed"), STYLE_RED},
        {STR_INIT("error"), STYLE_RED},
        {STR_INIT("down"), STYLE_RED},
        {STR_INIT("disconnected"), STYLE_DIM},
        {STR_INIT("pending"), STYLE_DIM},
        {STR_INIT("retired"), STYLE_DIM},
    };
    for (size_t i = 0; i < ARRAY_LEN(paints); i++) {
        if (str_eq(state, paints[i].state))
            return paints[i].paint;
    }
    return STYLE_PLAIN;
}
