#include "engine/target.h"

#include "engine/owner_json.h"
#include "oauth/scope_set.h"

/* ---- who may ---- */

enum intent target_intent(const struct op *op)
{
    enum intent intent = INTENT_CONNECT;
    if (intent_parse(op_text(op, "intent"), &intent) != STATUS_OK)
        return INTENT_CONNECT;
    return intent;
}

static bool is_platform(const struct op *op)
{
    return (op->caller.roles & RPC_ROLE_PLATFORM) != 0;
}

static bool is_personal(const struct op *op)
{
    return op->entry->connector.type == CONNECTOR_APP_USER;
}

bool target_may_act(struct op *op, const struct target *target)
{
    if (!is_personal(op))
        return true;
    if (!is_platform(op)) {
        if (op->method == RPC_IMPORT && target->intent == INTENT_CONNECT)
            return true;
        op_fail(op, RPC_CODE_PERSONAL_CONNECTION,
                "only its person can connect, reconnect or switch a personal connection, through "
                "the app");
        return false;
    }
    if (op->method == RPC_COMPLETE)
        return true;
    struct str acting_user = op_text(op, "acting_user");
    if (!str_is_set(acting_user)) {
        op_fail_params(op, "acting_user",
                       "the user who connects, since this connection is personal");
        return false;
    }
    if (!str_eq(acting_user, target->owner.user)) {
        op_fail(op, RPC_CODE_PERSONAL_CONNECTION, "the acting user is not the connection's owner");
        return false;
    }
    return true;
}

/* ---- which ---- */

static void fail_exists(struct op *op, const struct connection *connection)
{
    struct json *data = json_new_object();
    json_set_text(data, "connection", connection->id);
    op_fail_data(op, RPC_CODE_EXISTS, data,
                 "this owner has connection " STR_FMT " already: use intent \"reconnect\" or "
                 "\"switch\"",
                 STR_ARG(connection->id));
}

/* An owner names the connection whose apps contain its apps. */
static bool owner_names(const struct owner *named, const struct owner *stored)
{
    return scope_set_covers(stored->apps, named->apps) &&
           str_eq(named->superagent, stored->superagent) && str_eq(named->app, stored->app) &&
           str_eq(named->user, stored->user);
}

/* False: the op has failed. */
static bool fits(struct op *op, const struct connection *connection)
{
    const struct target *target = op->target;
    bool is_connect = target->intent == INTENT_CONNECT;
    if (!str_eq(connection->connector, op->entry->connector.id)) {
        op_fail(op, RPC_CODE_EXISTS, "connection " STR_FMT " belongs to another connector",
                STR_ARG(connection->id));
        return false;
    }
    if (is_connect && connection->phase == PHASE_CONNECTED) {
        fail_exists(op, connection);
        return false;
    }
    if (!is_connect && connection->phase == PHASE_PENDING) {
        op_fail(op, RPC_CODE_NOT_CONNECTED,
                "connection " STR_FMT " is pending: there is nothing to %s yet",
                STR_ARG(connection->id), intent_text(target->intent));
        return false;
    }
    if (is_personal(op) && !is_platform(op) && connection->generation > 0) {
        op_fail(op, RPC_CODE_PERSONAL_CONNECTION,
                "an admin brings in the first grant of a person only: this would be a later one");
        return false;
    }
    if (str_is_set(target->named) && !owner_names(&target->owner, &connection->owner)) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "connection " STR_FMT " is held for another owner",
                STR_ARG(connection->id));
        return false;
    }
    return true;
}

static bool find_next_app(struct op *op);
static void find_by_owner(struct op *op);

/* The owner's connection has another id than the one that is named. One that only waits for a grant
 * makes way. False: the op has failed. */
static bool supersede(struct op *op, const struct connection *connection)
{
    struct target *target = op->target;
    if (target->intent != INTENT_CONNECT || connection->phase != PHASE_PENDING) {
        fail_exists(op, connection);
        return false;
    }
    target->supersedes = arena_copy(&op->arena, connection->id);
    return true;
}

static void on_found(struct op *op, struct now now)
{
    struct target *target = op->target;
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    const struct connection *connection =
        op->read->connection_count > 0 ? &op->read->connections[0] : NULL;
    if (connection == NULL && str_is_set(target->named) && !target->by_owner) {
        find_by_owner(op); /* the id is free: is the owner? */
        return;
    }
    if (connection == NULL && find_next_app(op))
        return;
    if (connection != NULL && str_is_set(target->named) && !str_eq(connection->id, target->named)) {
        if (!supersede(op, connection))
            return;
        connection = NULL;
    }
    if (connection == NULL && target->intent != INTENT_CONNECT) {
        op_fail(op, RPC_CODE_UNKNOWN_CONNECTION, "there is no connection to %s",
                intent_text(target->intent));
        return;
    }
    if (connection == NULL || fits(op, connection))
        target->found(op, connection, now);
}

static void find_by_key(struct op *op, struct str key)
{
    struct store_read *read = store_read_new(STORE_READ_CONNECTION_OWNER);
    read->connector = arena_copy(&read->arena, op->entry->connector.id);
    read->owner_key = arena_copy(&read->arena, key);
    op_read(op, read, on_found);
}

/* Each app has at most one connection of a connector: whichever has one is meant. */
static bool find_next_app(struct op *op)
{
    struct str app;
    if (!str_next_word(&op->target->apps_left, STR(" "), &app))
        return false;
    char key[OWNER_KEY_MAX];
    find_by_key(op, owner_key_app(app, key));
    return true;
}

static void find_by_owner(struct op *op)
{
    struct target *target = op->target;
    target->by_owner = true;
    target->apps_left = target->owner.apps;
    char key[OWNER_KEY_MAX];
    if (!find_next_app(op))
        find_by_key(op, owner_key(op->entry->connector.type, &target->owner, key));
}

void target_find(struct op *op, struct target *target)
{
    op->target = target;
    target->by_owner = false;
    target->supersedes = STR_NONE;
    if (str_is_set(target->named))
        op_read_connection_of(op, target->named, on_found);
    else
        find_by_owner(op);
}

void target_make_new(struct op *op, const struct target *target, struct now now,
                     struct connection *ret)
{
    char id[ENGINE_ID_SIZE];
    *ret = (struct connection){
        .id = str_is_set(target->named)
                  ? target->named
                  : arena_copy(&op->arena, engine_new_id(op->engine, "c-", id)),
        .connector = arena_copy(&op->arena, op->entry->connector.id),
        .owner = target->owner,
        .created_ms = now.ms,
    };
}
