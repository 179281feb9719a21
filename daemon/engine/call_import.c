/* import: a grant that the platform obtained itself (docs/behaviour.md "Connecting"). */
#include "common/time_text.h"
#include "engine/calls.h"
#include "engine/incoming.h"
#include "engine/owner_json.h"
#include "oauth/jwt_claims.h"
#include "oauth/scope_set.h"

/* ---- what the parameters say ---- */

static bool has_control_byte(struct str token)
{
    for (size_t i = 0; i < token.len; i++) {
        unsigned char byte = (unsigned char)token.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return true;
    }
    return false;
}

/* Borrowed from the parameters, which live as long as the call. */
static void take_tokens(const struct json *tokens, struct incoming *incoming)
{
    incoming->access_token = json_text(json_get(tokens, "access_token"));
    incoming->refresh_token = json_text(json_get(tokens, "refresh_token"));
    incoming->grant.token_type = json_text(json_get(tokens, "token_type"));
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
static bool take_account(struct op *op, const struct json *tokens, struct incoming *incoming)
{
    struct new_grant *grant = &incoming->grant;
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
    grant->account_issuer = arena_copy(&op->arena, json_text(json_get(claims, "iss")));
    grant->account_verified = true;
    return true;
}

static bool take_scopes(struct op *op, const struct json *tokens, struct incoming *incoming)
{
    struct new_grant *grant = &incoming->grant;
    struct error err = {0};
    grant->scopes_asked = arena_copy(&op->arena, op->entry->connector.scopes);
    if (json_get(op->params, "requested_scopes") != NULL &&
        scope_set_from_json(&op->arena, json_get(op->params, "requested_scopes"),
                            &grant->scopes_asked, &err) != STATUS_OK) {
        op_fail_params(op, "requested_scopes", "an array of scope tokens: %s", err.text);
        return false;
    }
    /* RFC 6749 §5.1: a scope that is not said is the one that was asked for. */
    struct str said = json_text(json_get(tokens, "scope"));
    grant->scopes_granted =
        str_is_empty(said) ? grant->scopes_asked : scope_set_from_text(&op->arena, said);
    return true;
}

static bool take_lifetimes(struct op *op, const struct json *tokens, struct incoming *incoming,
                           struct now now)
{
    struct new_grant *grant = &incoming->grant;
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

/* The grant's own variables; checked together with its connector's when it is saved. */
static void take_config(struct op *op, struct incoming *incoming)
{
    const struct json *given = json_get(op->params, "config");
    if (json_count(given) == 0)
        return;
    CLEANUP(buf_deinit) struct buf text = {0};
    json_write(given, &text);
    incoming->grant.config_json = arena_copy(&op->arena, buf_str(&text));
}

static void import_one(struct op *op, struct now now)
{
    struct incoming *incoming = arena_alloc(&op->arena, sizeof(*incoming));
    struct target *target = &incoming->target;
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
    if (owner_from_json(&op->arena, op->entry->connector.type, owner, &target->owner, &err) !=
        STATUS_OK) {
        op_fail(op, RPC_CODE_INVALID_OWNER, "%s", err.text);
        return;
    }
    target->intent = target_intent(op);
    target->named = op_text(op, "connection");
    incoming->revoke = op_bool(op, "revoke", false);
    if (!target_may_act(op, target) || !check_tokens(op, tokens))
        return;
    take_tokens(tokens, incoming);
    take_config(op, incoming);
    if (take_account(op, tokens, incoming) && take_scopes(op, tokens, incoming) &&
        take_lifetimes(op, tokens, incoming, now))
        incoming_save(op, incoming);
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
