/* complete: what came back from the authorization server ends the flow that `state` names
 * (docs/behaviour.md "Connecting"). The state is taken out of the store, durably, before the code
 * is exchanged: whatever happens then, nobody uses it a second time. */
#include "engine/calls.h"
#include "engine/code_exchange.h"
#include "engine/flow.h"
#include "engine/view.h"
#include "oauth/authorization.h"
#include "oauth/grant_config.h"
#include "oauth/identity.h"
#include "oauth/provider_text.h"
#include "port/record.h"

enum { WORD_SIZE = 64 };

static struct code_exchange *exchange_of(const struct op *op)
{
    return op->extra;
}

/* ---- once it is taken ---- */

static void on_unchanged(struct op *op, struct now now)
{
    const struct connection *connection = op_connection(op);
    if (connection != NULL)
        op_result(op, view_connection(op->engine, connection, op->entry, false, now), now);
}

/* The person said no, or the provider: that changes nothing, and the connection is told as it is.
 */
static void tell_denied(struct op *op)
{
    char word[WORD_SIZE];
    const struct flow *flow = &exchange_of(op)->flow;
    provider_text_word(op_text(op, "error"), word, sizeof(word));
    log_write(op->engine->log, LOG_LEVEL_INFO, "flow.denied", "an authorization was not granted",
              LOG_TEXT("connection", flow->connection), LOG_TEXT("error", str_c(word)));
    op_read_connection_of(op, flow->connection, on_unchanged);
}

/* RFC 9207 §2.4. */
static bool check_issuer(struct op *op)
{
    const struct profile *profile = catalog_profile(op->engine, op->entry);
    struct str issuer = op_text(op, "iss");
    CLEANUP(json_freep) struct json *made = NULL;
    const struct json *config =
        grant_config_merge(op->entry->config, exchange_of(op)->flow.config_json, &made);
    if (profile == NULL)
        op_fail(op, RPC_CODE_CHECK_FAILED, "the connector's profile is not loaded");
    else if (!str_is_set(issuer) && profile_response_names_issuer(profile))
        op_fail(op, RPC_CODE_CHECK_FAILED,
                "this authorization server names itself in each answer (iss), and this one does "
                "not: pass on iss as it came");
    else if (str_is_set(issuer) && !oauth_issuer_matches(profile, config, issuer))
        op_fail(op, RPC_CODE_CHECK_FAILED,
                "the answer comes from another authorization server (iss) than the one that was "
                "asked");
    else
        return true;
    return false;
}

static void on_taken(struct op *op, struct now now)
{
    if (op->write->status == STATUS_CONFLICT)
        op_fail(op, RPC_CODE_INVALID_STATE, "this state was used already");
    else if (op->write->status != STATUS_OK)
        op_fail_store(op, &op->write->error);
    else if (json_get(op->params, "error") != NULL)
        tell_denied(op);
    else if (check_issuer(op))
        code_exchange_begin(op, exchange_of(op), now);
}

static void take(struct op *op, struct now now)
{
    const struct flow *flow = &exchange_of(op)->flow;
    CLEANUP(json_freep) struct json *detail = json_new_object();
    json_set_text(detail, "intent", str_c(intent_text(flow->intent)));
    json_set_text(detail, "answer",
                  json_get(op->params, "error") != NULL ? STR("error") : STR("code"));
    struct store_write *write = store_write_new(now.ms);
    store_write_take_flow(write, flow->print);
    op_audit(op, write, flow->connection, detail, now);
    op_write(op, write, on_taken);
}

/* ---- which flow ---- */

/* A code belongs to the client that asked for it (RFC 6749 §4.1.3). */
static bool is_of_this_client(const struct op *op, const struct flow *flow)
{
    const struct credential *then = catalog_credential(op->entry, flow->credential_version);
    const struct credential *now_current =
        catalog_credential(op->entry, op->entry->connector.credential_version);
    return then != NULL && now_current != NULL && str_eq(then->client_id, now_current->client_id);
}

static bool take_secrets(struct op *op, struct code_exchange *exchange)
{
    struct error err = {0};
    if (flow_open(op->engine, &exchange->flow, &op->arena, &exchange->secrets, &err) == STATUS_OK)
        return true;
    log_write(op->engine->log, LOG_LEVEL_ERROR, "flow.unreadable", err.text,
              LOG_TEXT("connection", exchange->flow.connection));
    op_fail(op, RPC_CODE_INVALID_STATE, "what was kept of this authorization can't be read");
    return false;
}

static void on_flow(struct op *op, struct now now)
{
    if (op->read->status != STATUS_OK) {
        op_fail_store(op, &op->read->error);
        return;
    }
    if (op->read->flow == NULL || op->read->flow->expires_ms <= now.ms) {
        op_fail(op, RPC_CODE_INVALID_STATE,
                "no authorization is under way for this state: it was used, or is over 10 minutes "
                "old");
        return;
    }
    struct code_exchange *exchange = exchange_of(op);
    record_copy_flow(&op->arena, op->read->flow, &exchange->flow);
    if (!op_take_entry_named(op, exchange->flow.connector))
        return;
    struct target *target = &exchange->incoming.target;
    target->intent = exchange->flow.intent;
    target->owner = exchange->flow.owner;
    target->named = exchange->flow.connection;
    if (!target_may_act(op, target))
        return;
    if (!is_of_this_client(op, &exchange->flow)) {
        op_fail(op, RPC_CODE_INVALID_STATE,
                "the connector's client was replaced since this authorization began");
        return;
    }
    if (take_secrets(op, exchange))
        take(op, now);
}

static bool check_params(struct op *op)
{
    bool has_code = json_get(op->params, "code") != NULL;
    bool has_error = json_get(op->params, "error") != NULL;
    if (has_code != has_error)
        return true;
    op_fail_params(op, "code", "either code or error, as the authorization server answered");
    return false;
}

void call_complete(struct op *op, struct now now)
{
    (void)now;
    if (!check_params(op))
        return;
    op->extra = arena_alloc(&op->arena, sizeof(struct code_exchange));
    struct store_read *read = store_read_new(STORE_READ_FLOW);
    read->name = flow_print(op->engine, op_text(op, "state"), &read->arena);
    op_read(op, read, on_flow);
}
