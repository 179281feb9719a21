/**
 * How output may look: colour or none, ornaments in UTF-8 or ASCII. Decided once, at the start.
 *
 *     style.colour = style_wants_colour(STYLE_AUTO, is_terminal, no_color, term);
 *     style_append(style, STYLE_RED, STR("blocked"), &out);
 */
#ifndef CTL_STYLE_H
#define CTL_STYLE_H

#include "common/buf.h"

enum style_when {
    STYLE_AUTO,
    STYLE_ALWAYS,
    STYLE_NEVER,
};

enum style_paint {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_CYAN,
};

struct style {
    bool colour;
    bool utf8; /* the terminal's character set: else ornaments are ASCII */
};

/**
 * Colour only on a terminal that knows it, and never where NO_COLOR is set and not empty
 * (https://no-color.org); --color=always wins over both.
 * @no_color, @term  values of these variables, or NULL
 */
bool style_wants_colour(enum style_when when, bool is_terminal, const char *no_color,
                        const char *term);
/** Append text, painted where style allows it. The text is taken as it is: see text_clean(). */
void style_append(struct style style, enum style_paint paint, struct str text, struct buf *out);
/** "auto", "always", "never"; STATUS_INVALID for another word. */
MUST_CHECK enum status style_parse_when(struct str word, enum style_when *ret);

/** Ornaments, by what the terminal can show. */
struct str style_arrow(struct style style);  /* between the steps of a path */
struct str style_dot(struct style style);    /* between the parts of a line */
struct str style_bullet(struct style style); /* before a headline */

/** The colour that a word of state asks for: "active", "blocked", "ok" … */
enum style_paint style_of_state(struct str state);

#endif
