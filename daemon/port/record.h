/** Deep copies of records: the texts of one live in the arena that is given. */
#ifndef PORT_RECORD_H
#define PORT_RECORD_H

#include "common/arena.h"
#include "core/connection.h"
#include "core/connector.h"
#include "core/flow.h"

void record_copy_connection(struct arena *arena, const struct connection *from,
                            struct connection *ret_copy);
void record_copy_connector(struct arena *arena, const struct connector *from,
                           struct connector *ret_copy);
void record_copy_credential(struct arena *arena, const struct credential *from,
                            struct credential *ret_copy);
void record_copy_flow(struct arena *arena, const struct flow *from, struct flow *ret_copy);

#endif
