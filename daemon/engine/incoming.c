#include "engine/incoming.h"

#include "engine/event_json.h"
#include "engine/job.h"
#include "engine/job_answer.h"
#include "engine/revocation.h"
#include "engine/sealed_token.h"
#include "engine/view.h"
#include "oauth/grant_config.h"
#include "oauth/scope_set.h"
#include "port/record.h"

static struct incoming *incoming_of(const struct op *op)
{
    return CONTAINER_OF(op->target, struct incoming, target);
}

static void finish(struct op *op, struct now now)
{
    struct incoming *incoming = incoming_of(op);
    incoming->saved.version++;
    if (incoming->revokes)
        revocation_kick(op->engine, now);
    schedule_note(op->engine, &incoming->saved, now);
    op_result(op, view_connection(op->engine, &incoming->saved, op->entry, false, now), now);
}

static void on_saved(struct op *op, struct now now)
{
    if (op->write->status == STATUS_CONFLICT)
        op_again(op, now);
    else if (op->write->status == STATUS_UNCERTAIN)
        op_confirm(op, &incoming_of(op)->saved, finish);
    else if (op->write->status != STATUS_OK)
        op_fail_store(op, &op->write->error);
    else
        finish(op, now);
}

/* ---- what is saved ---- */

static struct str seal(struct op *op, const struct connection *connection, const char *field,
                       struct str token)
{
    if (str_is_empty(token))
        return STR_NONE;
    CLEANUP(buf_deinit) struct buf sealed = {0};
    sealed_token_make(op->engine, connection->id, field, connection->generation + 1, token,
                      &sealed);
    return arena_copy(&op->arena, buf_str(&sealed));
}

/* What a refresh will present is kept as the refresh token, be it the access token itself. */
static void seal_tokens(struct op *op, const struct connection *connection)
{
    struct incoming *incoming = incoming_of(op);
    struct new_grant *grant = &incoming->grant;
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    struct str refresh = incoming->refresh_token;
    if (profile != NULL)
        refresh = profile_presented_token(profile, incoming->access_token, refresh);
    grant->sealed_access = seal(op, connection, "access_token", incoming->access_token);
    grant->sealed_refresh = seal(op, connection, "refresh_token", refresh);
    if (!str_is_set(grant->sealed_refresh))
        return;
    uint8_t print[VAULT_PRINT_BYTES];
    vault_print(op->engine->vault, refresh, print);
    grant->refresh_print =
        arena_copy(&op->arena, (struct str){.data = (const char *)print, .len = sizeof(print)});
}

/* The grant's own variables together with its connector's: are they what the provider needs? False:
 * the op has failed. */
static bool check_config(struct op *op, const struct connection *connection)
{
    const struct new_grant *grant = &incoming_of(op)->grant;
    const struct profile *profile = catalog_profile(op->engine, op->entry);
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
    if (op->method == RPC_IMPORT)
        op_fail_params(op, "config", "the variables of this provider: %s", err.text);
    else
        op_fail(op, RPC_CODE_CHECK_FAILED, "the variables of this provider: %s", err.text);
    return false;
}

/* A flow that began before a rescope brings a grant that asked for the old set: what was asked then
 * is held against what is asked now. */
static void compare_scopes(struct op *op, struct new_grant *grant)
{
    const struct connector *connector = &op->entry->connector;
    bool is_spared =
        connector->only_missing && scope_set_covers(grant->scopes_granted, connector->scopes);
    grant->scopes_added = grant->scopes_removed = STR_NONE;
    if (is_spared)
        return;
    grant->scopes_added = scope_set_minus(&op->arena, connector->scopes, grant->scopes_asked);
    grant->scopes_removed = scope_set_minus(&op->arena, grant->scopes_asked, connector->scopes);
}

/* Only of an account that is known to be another: some providers end all grants of one account
 * together, the new one with them. NULL: it is queued, or nobody asked. */
static const char *revoke_old(struct op *op, struct store_write *write,
                              const struct connection *connection, struct now now)
{
    struct incoming *incoming = incoming_of(op);
    incoming->revokes = false;
    if (!incoming->revoke || incoming->target.intent != INTENT_SWITCH)
        return NULL;
    if (!incoming->grant.is_switch)
        return "the account is the same, or is not known to be another";
    const char *why_not = revocation_append(op->engine, write, op->entry, connection, now);
    incoming->revokes = why_not == NULL;
    return why_not;
}

static void save(struct op *op, const struct connection *connection, struct now now)
{
    if (op->entry->gone || op->entry->leaving) { /* no connection begins under what is going */
        op_again(op, now);
        return;
    }
    struct incoming *incoming = incoming_of(op);
    if (!check_config(op, connection))
        return;
    seal_tokens(op, connection);
    compare_scopes(op, &incoming->grant);
    const struct schedule_rules rules = catalog_rules(op->engine, op->entry);
    struct decision decision;
    lifecycle_granted(connection, &op->entry->connector, &incoming->grant, &rules, now, &decision);
    if (connection->phase != PHASE_CONNECTED) /* held anew, for whoever is named now */
        decision.next.owner = incoming->target.owner;
    record_copy_connection(&op->arena, &decision.next, &incoming->saved);
    struct store_write *write = store_write_new(now.ms);
    if (str_is_set(incoming->target.supersedes))
        store_write_drop_pending(write, incoming->target.supersedes);
    store_write_put_connection(write, &decision.next);
    event_append_facts(op->engine, write, op->entry, connection, &decision, now);
    const char *why_not = revoke_old(op, write, connection, now);
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_i64(detail, "generation", decision.next.generation);
    json_set_text(detail, "intent", str_c(intent_text(incoming->target.intent)));
    if (why_not != NULL)
        json_set_text(detail, "not_revoked", str_c(why_not));
    op_audit(op, write, connection->id, detail, now);
    op_write(op, write, on_saved);
}

/* ---- whose it is ---- */

/* Issuers tell accounts apart only where both are known (OpenID Connect Core §5.7). */
static bool is_same_account(const struct connection *connection, const struct new_grant *grant)
{
    return str_eq(connection->account_id, grant->account_id) &&
           (str_is_empty(connection->account_issuer) || str_is_empty(grant->account_issuer) ||
            str_eq(connection->account_issuer, grant->account_issuer));
}

static void fail_unknown_account(struct op *op)
{
    const struct incoming *incoming = incoming_of(op);
    if (incoming->account_unread != NULL)
        op_fail(op, RPC_CODE_PROVIDER_UNAVAILABLE,
                "the provider could not say whose grant this is: %s", incoming->account_unread);
    else
        op_fail(op, RPC_CODE_ACCOUNT_REQUIRED,
                "this connection's account is known, and nothing says whose grant this is (an ID "
                "token, the provider's userinfo, or import's account)");
}

/* Is the account the one that is connected? A connection whose account nobody knows takes any.
 * False: the op has failed. */
static bool check_account(struct op *op, const struct connection *connection)
{
    struct incoming *incoming = incoming_of(op);
    struct new_grant *grant = &incoming->grant;
    bool is_switch = incoming->target.intent == INTENT_SWITCH;
    grant->is_switch = false;
    if (str_is_empty(connection->account_id))
        return true;
    if (str_is_empty(grant->account_id)) {
        fail_unknown_account(op);
        return false;
    }
    bool is_same = is_same_account(connection, grant);
    if (!is_same && !is_switch) {
        op_fail(op, RPC_CODE_ACCOUNT_MISMATCH,
                "this grant belongs to another account than the one that is connected; "
                "intent \"switch\" would replace it");
        return false;
    }
    grant->is_switch = !is_same;
    return true;
}

static void on_found(struct op *op, const struct connection *connection, struct now now)
{
    struct incoming *incoming = incoming_of(op);
    struct connection fresh;
    if (connection == NULL) {
        target_make_new(op, &incoming->target, now, &fresh);
        connection = &fresh;
    }
    incoming->grant.is_switch = false;
    if (incoming->target.intent == INTENT_CONNECT || check_account(op, connection))
        save(op, connection, now);
}

void incoming_save(struct op *op, struct incoming *incoming)
{
    incoming->target.found = on_found;
    target_find(op, &incoming->target);
}
