/**
 * A method's result as people read it. Pure: JSON in, text out; unknown members are shown, absent
 * ones are left out, so that daemon and refreshctl need not be of one age.
 *
 *     struct view view = {.now_ms = now, .style = style};
 *     show_result(&view, method, params, result, &out);
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include "common/rpc_methods.h"
#include "ctl/view.h"

/** @params  what was asked, for results that do not repeat it; may be NULL */
void show_result(const struct view *view, const struct rpc_method *method,
                 const struct json *params, const struct json *result, struct buf *out);

/** Headline and block of one connection or connector; only its id where view is quiet. */
void show_connection(const struct view *view, const struct json *connection, struct buf *out);
void show_connector(const struct view *view, const struct json *connector, struct buf *out);

/** Tables of lists' items. */
void show_connections(const struct view *view, const struct json *items, struct buf *out);
void show_connectors(const struct view *view, const struct json *items, struct buf *out);
void show_events(const struct view *view, const struct json *items, struct buf *out);

/** One event as `events` and `watch` show it: a line, and one below it for who has to do what.
 * Lines stand in columns though each is written by itself. @age say how long ago it was, too */
void show_event(const struct view *view, const struct json *event, bool age, struct buf *out);

/** Health of the daemon. */
void show_status(const struct view *view, const struct json *status, struct buf *out);

#endif
