#include "io/store_sqlite_chain.h"

#include "io/store_sqlite_connection.h"
#include "io/store_sqlite_log.h"

static bool may_hang(const struct store_op *op, struct str connection)
{
    return op->kind == STORE_OP_APPEND_EVENT && op->stamp == STAMP_NONE &&
           str_eq(op->event->subject, connection);
}

/** The number that the last of the events that follow a put and hang on it will have; 0: none. */
static enum status look_ahead(struct sqlite_db *db, struct store_write *write, size_t put,
                              int64_t *ret_last_event)
{
    struct str id = write->ops[put].connection->id;
    int64_t given = 0, hanging = 0, last = 0;
    for (size_t i = put + 1; i < write->op_count; i++) {
        const struct store_op *op = &write->ops[i];
        if (op->kind == STORE_OP_PUT_CONNECTION || op->kind == STORE_OP_RESTART_LOG)
            break;
        given += op->kind == STORE_OP_APPEND_EVENT ? 1 : 0;
        if (may_hang(op, id))
            hanging = given;
    }
    enum status status = hanging > 0 ? sqlite_log_last(db, &last, &write->error) : STATUS_OK;
    *ret_last_event = hanging > 0 ? last + hanging : 0;
    return status;
}

enum status sqlite_chain_put(struct sqlite_db *db, struct store_write *write, size_t at,
                             struct sqlite_chain *chain)
{
    const struct connection *c = write->ops[at].connection;
    bool may_carry = c->version > 0 && c->phase == PHASE_CONNECTED;
    int64_t last_event = 0;
    enum status status = may_carry ? look_ahead(db, write, at, &last_event) : STATUS_OK;
    chain->connection = last_event > 0 ? c->id : STR_NONE;
    if (status == STATUS_OK)
        status = sqlite_connection_put(db, c, write->ops[at].before, last_event, &chain->newest,
                                       &write->error);
    return status;
}

enum status sqlite_chain_append(struct sqlite_db *db, struct store_write *write, size_t at,
                                struct sqlite_chain *chain)
{
    const struct store_op *op = &write->ops[at];
    bool hangs = str_is_set(chain->connection) && may_hang(op, chain->connection);
    int64_t seq;
    enum status status =
        sqlite_log_append(db, op->event, hangs ? chain->newest : -1, &seq, &write->error);
    if (status != STATUS_OK)
        return status;
    if (hangs)
        chain->newest = seq;
    if (write->first_event_seq == 0)
        write->first_event_seq = seq;
    return STATUS_OK;
}
