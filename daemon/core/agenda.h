/**
 * What a connection is looked at for. The store's index holds one time of each; behind it stand
 * three: when its token is refreshed, when its refresh token's end is told ahead, when its grant is
 * checked. Each is planned by itself, the earliest is the one looked up, and agenda_item() says
 * which of them it is.
 *
 *     agenda_plan_notice(&next, rules);
 *     agenda_settle(&next);                       → next.due_ms
 *     …
 *     if (agenda_item(&connection, now.ms) == AGENDA_REFRESH) …
 */
#ifndef CORE_AGENDA_H
#define CORE_AGENDA_H

#include "core/connection.h"
#include "core/schedule.h"

enum agenda_item {
    AGENDA_NOTHING,
    AGENDA_REFRESH,
    AGENDA_NOTICE, /* connection.expiring */
    AGENDA_PROBE,
};

/** What is due; of several what matters most. */
enum agenda_item agenda_item(const struct connection *connection, int64_t now_ms);
/** due_ms follows from the three. */
void agenda_settle(struct connection *next);
/** None of the three. */
void agenda_clear(struct connection *next);

/** The next threshold that has not been told of this grant; none where refreshing puts the end off
 * in time, or where it is not known. */
void agenda_plan_notice(struct connection *next, const struct schedule_rules *rules);
/** After the grant proved to live at now_ms. */
void agenda_plan_probe(struct connection *next, const struct schedule_rules *rules, int64_t now_ms);

/** The shortest lead that has begun: what a notice that is due now is about. 0: none has. */
int64_t agenda_notice_lead_ms(const struct connection *connection,
                              const struct schedule_rules *rules, int64_t now_ms);

/** on_demand, and nobody has read it for so long. */
bool agenda_is_idle(const struct connection *connection, const struct schedule_rules *rules,
                    int64_t now_ms);
/** When its refresh token has to be used so as not to die of disuse; TIME_NONE: as far as is known,
 * never. */
int64_t agenda_keepalive_ms(const struct connection *connection,
                            const struct schedule_rules *rules);

#endif
