/**
 * Key and value, one a line, values aligned; what does not fit one line stands indented below its
 * key. For one object; lists are tables (ctl/table.h).
 *
 *     CLEANUP(block_deinit) struct block block = block_new(view, 2);
 *     block_text(&block, "Account", STR("ana@example.com"), STYLE_PLAIN);
 *     block_rest(&block, connection, told, ARRAY_LEN(told));   // members not told yet
 *     block_write(&block, &out);
 */
#ifndef CTL_BLOCK_H
#define CTL_BLOCK_H

#include "common/json.h"
#include "ctl/view.h"

struct block_line;

struct block {
    const struct view *view; /* borrowed */
    size_t indent;
    struct buf text; /* labels and values of all lines */
    struct block_line *lines;
    size_t count, capacity;
};

/** A member of an object and what people call it; label NULL: said elsewhere, leave it out. */
struct block_name {
    const char *name;
    const char *label;
};

struct block block_new(const struct view *view, size_t indent);
void block_deinit(struct block *block);
/** One line. text is clean already; an empty one adds nothing. */
void block_text(struct block *block, const char *label, struct str text, enum style_paint paint);
/** One member's value, by its name (ctl/phrase.h); null adds nothing. */
void block_value(struct block *block, const char *label, const char *name,
                 const struct json *value);
/** The members of names that have a label, in that order. */
void block_members(struct block *block, const struct json *object, const struct block_name *names,
                   size_t count);
/** All members that are not among names, in the object's order: news from a newer daemon too. */
void block_rest(struct block *block, const struct json *object, const struct block_name *names,
                size_t count);
void block_write(const struct block *block, struct buf *out);

/** An array of objects of any shape as a table: a column per member. */
void block_table(const struct view *view, const struct json *array, size_t indent, struct buf *out);

#endif
