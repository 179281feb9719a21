/* import: a grant that the platform obtained itself (docs/behaviour.md "Connecting"). */
#include "common/time_text.h"
#include "engine/calls.h"
#include "engine/event_json.h"
#include "engine/job.h"
#include "engine/job_answer.h"
#include "engine/owner_json.h"
#include "engine/view.h"
#include "oauth/grant_config.h"
#include "oauth/jwt_claims.h"
#include "oauth/scope_set.h"
#include "port/record.h"

/* What lives as long as the call. */
struct import {
    enum intent intent;
    struct owner owner;
    struct new_grant grant;
    struct connection saved;
    bool by_owner;        /* it is looked up by its owner */
    struct str apps_left; /* of a shared owner, not looked up yet */
};

/* ---- what the parameters say ---- */

static enum intent intent_of(const struct op *op)
{
    struct str intent = op_text(op, "intent");
    if (str_eq(intent, STR("reconnect")))
        return INTENT_RECONNECT;
    return str_eq(intent, STR("switch")) ? INTENT_SWITCH : INTENT_CONNECT;
}

/* A personal account is its person's: who acts as the app's back end names that person, and who is
 * an admin only may bring in the first grant and nothing more. */
static bool may_import(struct op *op, const struct import *import)
{
    if (op->entry->connector.type != CONNECTOR_APP_USER)
        return true;
    if ((op->caller.roles & RPC_ROLE_PLATFORM) == 0) {
        if (import->intent == INTENT_CONNECT)
            return true;
        op_fail(op, RPC_CODE_PERSONAL_CONNECTION,
                "only its person can reconnect or switch a personal connection");
        return false;
    }
    struct str acting_user = op_text(op, "acting_user");
    if (!str_is_set(acting_user)) {
        op_fail_params(op, "acting_user",
                       "the user who connects, since this connection is personal");
        return false;
    }
    if (!str_eq(acting_user, import->owner.user)) {
        op_fail(op, RPC_CODE_PERSONAL_CONNECTION, "the acting user is not the connection's owner");
        return false;
    }
    return true;
}

static bool has_control_byte(struct str token)
{
    for (size_t i = 0; i < token.len; i++) {
        unsigned char byte = (unsigned char)token.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return true;
    }
    return false;
}

static bool check_tokens(struct op *op, const struct json *tokens)
{
    if (tokens == NULL) {
        op_fail_params(op, "tokens", "an object with an access_token");
        return false;
    }
    if (json_get(tokens, "access_token") == NULL) {
        op_fail_params(op, "tokens.access_token", "a token");
        return false;
    }
    if (has_control_byte(json_text(json_get(tokens, "access_token"))) ||
        has_control_byte(json_text(json_get(tokens, "refresh_token")))) {
        op_fail_params(op, "tokens", "tokens without control characters");
        return false;
    }
    if (json_get(tokens, "expires_in") != NULL && json_get(tokens, "expires_at") != NULL) {
        op_fail_params(op, "tokens.expires_at", "either expires_in or expires_at");
        return false;
    }
    return true;
}

/* Seconds left: said, or in the JWT, or the provider's habit; *ret_expired where it is over. */
static int64_t lifetime_ms_of(const struct op *op, const struct json *tokens, struct now now,
                              bool *ret_expired)
{
    const struct json *expires_in = json_get(tokens, "expires_in");
    const struct json *expires_at = json_get(tokens, "expires_at");
    int64_t wall_ms = 0, left_ms = 0;
    *ret_expired = false;
    if (expires_in != NULL)
        left_ms = json_i64(expires_in, 0) * 1000;
    else if (expires_at != NULL &&
             time_text_parse_rfc3339(json_text(expires_at), &wall_ms) == STATUS_OK)
        left_ms = wall_ms - now.wall_ms;
    if (expires_in != NULL || expires_at != NULL) {
        *ret_expired = left_ms <= 0;
        return MIN_OF(MAX_OF(left_ms, 0), (int64_t)SCHEDULE_LIFETIME_MAX_S * 1000);
    }
    int64_t jwt_s = jwt_lifetime_s(json_text(json_get(tokens, "access_token")), now.wall_ms);
    if (jwt_s > 0)
        return MIN_OF(jwt_s, SCHEDULE_LIFETIME_MAX_S) * 1000;
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    return profile != NULL ? profile_access_lifetime_ms(profile) : 0;
}

/* The ID token's subject, where one came; STR_NONE: none. False: it disagrees with `account`. */
static bool take_account(struct op *op, const struct json *tokens, struct import *import)
{
    struct new_grant *grant = &import->grant;
    const struct json *account = json_get(op->params, "account");
    grant->account_id = arena_copy(&op->arena, json_text(json_get(account, "id")));
    grant->account_label = arena_copy(&op->arena, json_text(json_get(account, "label")));
    grant->account_verified = str_is_set(grant->account_id);
    struct str id_token = json_text(json_get(tokens, "id_token"));
    if (str_is_empty(id_token))
        return true;
    CLEANUP(json_freep) struct json *claims = NULL;
    if (jwt_claims_read(id_token, &claims) != STATUS_OK ||
        str_is_empty(json_text(json_get(claims, "sub")))) {
        op_fail_params(op, "tokens.id_token", "a JWT with the claim \"sub\"");
        return false;
    }
    struct str subject = json_text(json_get(claims, "sub"));
    if (str_is_set(grant->account_id) && !str_eq(grant->account_id, subject)) {
        op_fail(op, RPC_CODE_ACCOUNT_MISMATCH,
                "the ID token belongs to another account than the one given");
        return false;
    }
    grant->account_id = arena_copy(&op->arena, subject);
    grant->account_verified = true;
    return true;
}

static bool take_scopes(struct op *op, const struct json *tokens, struct import *import)
{
    struct new_grant *grant = &import->grant;
    struct error err = {0};
    grant->scopes_asked = arena_copy(&op->arena, op->entry->connector.scopes);
    if (json_get(op->params, "requested_scopes") != NULL &&
        scope_set_from_json(&op->arena, json_get(op->params, "requested_scopes"),
                            &grant->scopes_asked, &err) != STATUS_OK) {
        op_fail_params(op, "requested_scopes", "an array of scope tokens: %s", err.text);
        return false;
    }
    /* A flow that began before a rescope brings a grant that asked for the old set. */
    struct str asked_now = op->entry->connector.scopes;
    grant->scopes_added = scope_set_minus(&op->arena, asked_now, grant->scopes_asked);
    grant->scopes_removed = scope_set_minus(&op->arena, grant->scopes_asked, asked_now);
    /* RFC 6749 §5.1: a scope that is not said is the one that was asked for. */
    struct str said = json_text(json_get(tokens, "scope"));
    grant->scopes_granted =
        str_is_empty(said) ? grant->scopes_asked : scope_set_from_text(&op->arena, said);
    return true;
}

static bool take_lifetimes(struct op *op, const struct json *tokens, struct import *import,
                           struct now now)
{
    struct new_grant *grant = &import->grant;
    grant->lifetime_ms = lifetime_ms_of(op, tokens, now, &grant->already_expired);
    int64_t refresh_s = json_i64(json_get(tokens, "refresh_token_expires_in"), 0);
    grant->refresh_lifetime_ms = MIN_OF(refresh_s, SCHEDULE_LIFETIME_MAX_S) * 1000;
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    if (profile != NULL && profile_presents_access_token(profile))
        grant->refresh_lifetime_ms = grant->lifetime_ms;
    else if (profile != NULL)
        grant->refresh_lifetime_ms =
            profile_refresh_left_ms(profile, 0, true, grant->refresh_lifetime_ms);
    grant->requested_ms = now.ms;
    if (grant->already_expired && json_get(tokens, "refresh_token") == NULL) {
        op_fail_params(op, "tokens.refresh_token",
                       "a refresh token, or an access token that has not expired");
        return false;
    }
    return true;
}

/* ---- saving ---- */

static struct str seal(struct op *op, const struct connection *connection, const char *field,
                       struct str token)
{
    if (str_is_empty(token))
        return STR_NONE;
    CLEANUP(buf_deinit) struct buf sealed = {0};
    job_seal_token(op->engine, connection->id, field, connection->generation + 1, token, &sealed);
    return arena_copy(&op->arena, buf_str(&sealed));
}

/* What a refresh will present is kept as the refresh token, be it the access token itself. */
static void seal_tokens(struct op *op, const struct connection *connection, struct new_grant *grant)
{
    const struct json *tokens = json_get(op->params, "tokens");
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    struct str access = json_text(json_get(tokens, "access_token"));
    struct str refresh = json_text(json_get(tokens, "refresh_token"));
    if (profile != NULL)
        refresh = profile_presented_token(profile, access, refresh);
    grant->sealed_access = seal(op, connection, "access_token", access);
    grant->sealed_refresh = seal(op, connection, "refresh_token", refresh);
    if (!str_is_set(grant->sealed_refresh))
        return;
    uint8_t print[VAULT_PRINT_BYTES];
    vault_print(op->engine->vault, refresh, print);
    grant->refresh_print =
        arena_copy(&op->arena, (struct str){.data = (const char *)print, .len = sizeof(print)});
}

static void finish(struct op *op, struct now now)
{
    struct import *import = op->extra;
    import->saved.version++;
    schedule_note(op->engine, &import->saved, now);
    op_result(op, view_connection(op->engine, &import->saved, op->entry, false, now), now);
}

static void on_saved(struct op *op, struct now now)
{
    const struct import *import = op->extra;
    if (op->write->status == STATUS_CONFLICT)
        op_again(op, now);
    else if (op->write->status == STATUS_UNCERTAIN)
        op_confirm(op, &import->saved, finish);
    else if (op->write->status != STATUS_OK)
        op_fail_store(op, &op->write->error);
    else
        finish(op, now);
}

/* The grant's own variables, checked together with its connector's. False: the op has failed. */
static bool take_config(struct op *op, const struct connection *connection, struct new_grant *grant)
{
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    const struct json *given = json_get(op->params, "config");
    if (json_count(given) > 0) {
        CLEANUP(buf_deinit) struct buf text = {0};
        json_write(given, &text);
        grant->config_json = arena_copy(&op->arena, buf_str(&text));
    }
    if (profile == NULL) /* its profile is not loaded: refreshes say so */
        return true;
    struct str own = grant->config_json;
    if (!str_is_set(own) && !grant->is_switch)
        own = connection->config_json;
    CLEANUP(json_freep) struct json *made = NULL;
    const struct json *config = grant_config_merge(op->entry->config, own, &made);
    struct error err = {0};
    if (profile_check_config(profile, CONFIG_OF_CONNECTION, config, &err) == STATUS_OK)
        return true;
    op_fail_params(op, "config", "the variables of this provider: %s", err.text);
    return false;
}

static void save(struct op *op, const struct connection *connection, bool is_switch, struct now now)
{
    if (op->entry->gone || op->entry->leaving) { /* no connection begins under what is going */
        op_again(op, now);
        return;
    }
    struct import *import = op->extra;
    struct new_grant *grant = &import->grant;
    const struct json *tokens = json_get(op->params, "tokens");
    grant->is_switch = is_switch;
    if (!take_config(op, connection, grant))
        return;
    grant->token_type = arena_copy(&op->arena, json_text(json_get(tokens, "token_type")));
    seal_tokens(op, connection, grant);
    const struct schedule_rules rules =
        job_schedule_rules(op->engine, catalog_profile(op->engine, op->entry));
    struct decision decision;
    lifecycle_granted(connection, &op->entry->connector, grant, &rules, now, &decision);
    if (connection->phase == PHASE_DISCONNECTED) /* held anew, for whoever is named now */
        decision.next.owner = import->owner;
    record_copy_connection(&op->arena, &decision.next, &import->saved);
    struct store_write *write = store_write_new(now.ms);
    store_write_put_connection(write, &decision.next);
    event_append_facts(op->engine, write, op->entry, connection, &decision, now);
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_i64(detail, "generation", decision.next.generation);
    op_audit(op, write, connection->id, detail, now);
    op_write(op, write, on_saved);
}

/* ---- which connection ---- */

static void save_new(struct op *op, struct now now)
{
    const struct import *import = op->extra;
    char id[ENGINE_ID_SIZE];
    struct str given = op_text(op, "connection");
    struct connection fresh = {
        .id =
            str_is_set(given) ? given : arena_copy(&op->arena, engine_new_id(op->engine, "c-", id)),
        .connector = op->entry->connector.id,
        .owner = import->owner,
        .created_ms = now.ms,
    };
    save(op, &fresh, false, now);
}

/* An owner names the connection whose apps contain its apps. */
static bool owner_names(const struct owner *named, const struct owner *stored)
{
    return scope_set_covers(stored->apps, named->apps) &&
           str_eq(named->superagent, stored->superagent) && str_eq(named->app, stored->app) &&
           str_eq(named->user, stored->user);
}

/* Is the account the one that is connected? False: the op has failed. */
static bool check_account(struct op *op, const struct connection *connection, bool *ret_same)
{
    const struct import *import = op->extra;
    struct str fresh = import->grant.account_id;
    *ret_same = str_is_empty(connection->account_id) || str_eq(connection->account_id, fresh);
    if (!str_is_empty(connection->account_id) && str_is_empty(fresh)) {
        op_fail(
            op, RPC_CODE_ACCOUNT_REQUIRED,
            "this connection's account is known: say whose grant this is (account or id_token)");
        return false;
    }
    if (!*ret_same && import->intent == INTENT_RECONNECT) {
        op_fail(op, RPC_CODE_ACCOUNT_MISMATCH,
                "this grant belongs to another account than the one that is connected; "
                "intent \"switch\" would replace it");
        return false;
    }
    return true;
}

static void fail_exists(struct op *op, const struct connection *connection)
{
    struct json *data = json_new_object();
    json_set_text(data, "connection", connection->id);
    op_fail_data(op, RPC_CODE_EXISTS, data,
                 "this owner has connection " STR_FMT " already: use intent \"reconnect\" or "
                 "\"switch\"",
                 STR_ARG(connection->id));
}

static bool find_next_app(struct op *op);
static void find_by_owner(struct op *op);

static void on_found(struct op *op, struct now now)
{
    const struct import *import = op->extra;
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    const struct connection *connection =
        op->read->connection_count > 0 ? &op->read->connections[0] : NULL;
    bool is_live = connection != NULL && connection->phase != PHASE_DISCONNECTED;
    struct str given = op_text(op, "connection");
    if (connection == NULL && str_is_set(given) && !import->by_owner) {
        find_by_owner(op); /* the id is free: is the owner? */
        return;
    }
    if (connection == NULL && find_next_app(op))
        return;
    if (connection != NULL && str_is_set(given) && !str_eq(connection->id, given)) {
        fail_exists(op, connection);
        return;
    }
    if (import->intent == INTENT_CONNECT && connection == NULL) {
        save_new(op, now);
        return;
    }
    if (connection == NULL) {
        op_fail(op, RPC_CODE_UNKNOWN_CONNECTION, "there is no connection to reconnect or switch");
        return;
    }
    if (!str_eq(connection->connector, op->entry->connector.id)) {
        op_fail(op, RPC_CODE_EXISTS, "connection " STR_FMT " belongs to another connector",
                STR_ARG(connection->id));
        return;
    }
    if (import->intent == INTENT_CONNECT && is_live) {
        fail_exists(op, connection);
        return;
    }
    if (op->entry->connector.type == CONNECTOR_APP_USER &&
        (op->caller.roles & RPC_ROLE_PLATFORM) == 0) {
        op_fail(op, RPC_CODE_PERSONAL_CONNECTION,
                "an admin brings in the first grant of a person only: this would be a later one");
        return;
    }
    if (str_is_set(op_text(op, "connection")) && !owner_names(&import->owner, &connection->owner)) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "connection " STR_FMT " is held for another owner",
                STR_ARG(connection->id));
        return;
    }
    bool same = true;
    if (import->intent != INTENT_CONNECT && !check_account(op, connection, &same))
        return;
    save(op, connection, !same, now);
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
    struct import *import = op->extra;
    struct str app;
    if (!str_next_word(&import->apps_left, STR(" "), &app))
        return false;
    char key[OWNER_KEY_MAX];
    find_by_key(op, owner_key_app(app, key));
    return true;
}

static void find_by_owner(struct op *op)
{
    struct import *import = op->extra;
    import->by_owner = true;
    import->apps_left = import->owner.apps;
    char key[OWNER_KEY_MAX];
    if (!find_next_app(op))
        find_by_key(op, owner_key(op->entry->connector.type, &import->owner, key));
}

static void find_connection(struct op *op)
{
    if (str_is_set(op_text(op, "connection")))
        op_read_connection(op, on_found);
    else
        find_by_owner(op);
}

static void import_one(struct op *op, struct now now)
{
    struct import *import = arena_alloc(&op->arena, sizeof(*import));
    op->extra = import;
    const struct json *tokens = json_get(op->params, "tokens");
    const struct json *owner = json_get(op->params, "owner");
    if (json_get(op->params, "connector") == NULL || owner == NULL) {
        op_fail_params(op, owner == NULL ? "owner" : "connector",
                       "connector, owner and tokens, or connections");
        return;
    }
    if (!op_take_entry(op))
        return;
    struct error err = {0};
    if (owner_from_json(&op->arena, op->entry->connector.type, owner, &import->owner, &err) !=
        STATUS_OK) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "%s", err.text);
        return;
    }
    import->intent = intent_of(op);
    if (may_import(op, import) && check_tokens(op, tokens) && take_account(op, tokens, import) &&
        take_scopes(op, tokens, import) && take_lifetimes(op, tokens, import, now))
        find_connection(op);
}

/* ---- many at once: one call each, one answer for all, in their order ---- */

struct bulk {
    struct op *op;
    struct json **results;
    size_t count, open;
};

struct bulk_slot {
    struct bulk *bulk;
    size_t index;
};

static void bulk_take(struct bulk_slot *slot, struct json *take_result)
{
    struct bulk *bulk = slot->bulk;
    bulk->results[slot->index] = take_result;
    if (--bulk->open > 0)
        return;
    struct json *array = json_new_array();
    for (size_t i = 0; i < bulk->count; i++)
        json_append(array, bulk->results[i]);
    struct json *result = json_new_object();
    json_set(result, "results", array);
    op_result(bulk->op, result, (struct now){0});
}

static void bulk_result(void *ctx, struct json *take_result)
{
    bulk_take(ctx, take_result);
}

static void bulk_failure(void *ctx, struct rpc_failure failure)
{
    struct json *error = json_new_object();
    json_set_i64(error, "code", failure.code);
    json_set_text(error, "message", str_c(failure.message));
    struct json *data = failure.data != NULL ? failure.data : json_new_object();
    if (failure.code == RPC_ERROR_REFRESHD)
        json_set_text(data, "code", str_c(rpc_code_text(failure.word)));
    json_set(error, "data", data);
    struct json *wrapped = json_new_object();
    json_set(wrapped, "error", error);
    bulk_take(ctx, wrapped);
}

static void import_many(struct op *op, const struct json *connections, struct now now)
{
    struct bulk *bulk = arena_alloc(&op->arena, sizeof(*bulk));
    bulk->op = op;
    bulk->count = bulk->open = json_count(connections);
    if (bulk->count == 0) {
        op_fail_params(op, "connections", "1 to 1000 connections");
        return;
    }
    bulk->results = arena_alloc(&op->arena, bulk->count * sizeof(struct json *));
    struct engine *engine = op->engine;
    struct caller caller = op->caller;
    size_t count = bulk->count;
    struct bulk_slot *slots = arena_alloc(&op->arena, count * sizeof(*slots));
    for (size_t i = 0; i < count; i++) {
        slots[i] = (struct bulk_slot){.bulk = bulk, .index = i};
        struct reply_sink sink = {.ctx = &slots[i], .result = bulk_result, .failure = bulk_failure};
        struct op *one = op_new(engine, RPC_IMPORT, json_at(connections, i), &caller, sink);
        one->begin = import_one;
        bool is_last = i + 1 == count;
        import_one(one, now); /* the last one may end the whole call */
        if (is_last)
            return;
    }
}

void call_import(struct op *op, struct now now)
{
    const struct json *connections = json_get(op->params, "connections");
    if (connections != NULL)
        import_many(op, connections, now);
    else
        import_one(op, now);
}
