/**
 * One JSON value as a phrase of one line. What a value means is told by its member's name: `owner`,
 * `account`, `counts`, times, `…_s`. Unknown names and shapes are shown as they are. Pure.
 *
 *     {"app":"crm","user":"u-77"}          → user u-77 of app crm
 *     {"id":"1093","label":"ana@x.org"}    → ana@x.org (1093)
 *     "2026-11-23T02:08:00.000Z"           → 2026-11-23 02:08:00Z (in 4 min)
 */
#ifndef CTL_PHRASE_H
#define CTL_PHRASE_H

#include "common/json.h"
#include "ctl/view.h"

enum phrase_size {
    PHRASE_LONG,  /* a line of its own: times both absolute and relative */
    PHRASE_SHORT, /* a cell of a table: relative times only */
};

/** Can phrase_write() say it in one line? Objects of unknown shape and arrays of them it can't. */
bool phrase_fits(const char *name, const struct json *value);
/** Append it. Null appends nothing; what does not fit is appended as compact JSON. */
void phrase_write(const struct view *view, enum phrase_size size, const char *name,
                  const struct json *value, struct buf *out);

/** The text of a member, as it is: not cleaned. STR_NONE where there is none. Borrowed. */
struct str phrase_text(const struct json *object, const char *name);

void phrase_owner(const struct json *owner, struct buf *out);
void phrase_account(const struct json *account, struct buf *out);
/** `{"active":12,"blocked":1}` → "12 active, 1 blocked"; zeros are left out, "none" if all are. */
void phrase_counts(const struct json *counts, struct buf *out);
/** The texts of an array: "a, b". */
void phrase_texts(const struct json *array, struct buf *out);
/** A member's name as a label: "took_ms" → "took", since its value says the unit. */
void phrase_label(struct str name, struct buf *out);
/** "needs_reconnect" → "needs reconnect". */
void phrase_word(struct str word, struct buf *out);
/** A state with what explains it: "needs_reconnect, grant_rejected (advisory)". */
void phrase_state(const struct view *view, const struct json *connection, struct buf *out);
/** The paint of its state: what still works is yellow at most. */
enum style_paint phrase_state_paint(const struct json *connection);

#endif
