/**
 * A remedy said as a sentence: who must do what, and where (docs/behaviour.md "Words").
 * Pure.
 *
 *     ana@example.com (user u-77) must sign in and reconnect in the app crm
 *     the builder of the app crm must reconnect: Integrations › My integrations › gcal › …
 *     a workspace admin must give the new client secret: Account settings › Connectors › gcal
 */
#ifndef CTL_REMEDY_H
#define CTL_REMEDY_H

#include "common/json.h"
#include "ctl/view.h"

/**
 * @remedy  the remedy object; anything else appends nothing
 * @about   the object that it stands in (connection, event data, error data), for the names of
 *          owner and account; may be NULL
 */
void remedy_write(const struct view *view, const struct json *remedy, const struct json *about,
                  struct buf *out);

/** The command that does it from here, where there is one ("refreshctl rotate gcal"). */
void remedy_write_command(const struct json *remedy, const struct json *about, struct buf *out);

#endif
