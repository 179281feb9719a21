/**
 * What a list gives for its next page, and takes back: the place that it has come to, with the
 * list's name and a check. What another list gave, or what was cut or changed on its way, is
 * noticed; it is no secret and guards nothing. The place need not exist any more: the next page
 * begins behind it.
 *
 *     cursor_write("connections", last_id, &text);               // connections/c-81f2/5be0a41c
 *     if (!cursor_take(op, "connections", &place)) return;       // the op has failed
 */
#ifndef ENGINE_CURSOR_H
#define ENGINE_CURSOR_H

#include "engine/op.h"

/** @place not empty; appended to *out */
void cursor_write(const char *list, struct str place, struct buf *out);
/** The place in `cursor`, borrowed from it; false: it is none of this list. */
bool cursor_read(const char *list, struct str cursor, struct str *ret_place);
/** Of the member `cursor`; not set where there is none. False: the op has failed, -32602. */
bool cursor_take(struct op *op, const char *list, struct str *ret_place);
/** It is none: ends the op with -32602. */
void cursor_fail(struct op *op);

#endif
